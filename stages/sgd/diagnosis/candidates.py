"""What is tried in the search for the recipe behind a curve, and the curve itself."""

from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

import numpy as np
from pydantic import Field, TypeAdapter, ValidationError, ValidationInfo, field_validator

from stages.sgd.recipes.recipe import Recipe
from stages.sgd.recipes.schema import Count, Positive, Replicas, Section

# Of a recipe, what the problem sets, or the curve.
SET = ("objective", "dataset", "replicas", "learning_rate", "epochs", "updates", "checkpoint")
KEPT = 40  # candidates that are compared at full length


class Rates(Section):
    """Learning rates between which one is solved for, and those that programs have.

    Attributes
    ----------
    lower, upper : float
        Between which one is solved for.
    common, others : list of float
        At which candidates are tried, in this order: the fewer they are, at the more.
    """

    lower: Positive
    upper: Positive
    common: Annotated[list[Positive], Field(min_length=1)]
    others: list[Positive]


class Unseeded(Section):
    """Where a run starts and what it draws from: each is a list of mappings of fields."""

    start: list[dict[str, Any]]
    order: list[dict[str, Any]]

    @field_validator("*")
    @classmethod
    def _known(cls, some: list[dict[str, Any]], about: ValidationInfo) -> list[dict[str, Any]]:
        for one in some:
            checked(spelled(str(about.field_name), one))
        return some


class Free(Unseeded):
    """What the problems leave open, what is logged included."""

    log: list[dict[str, Any]]


class Search(Section):
    """What is tried.

    Attributes
    ----------
    at_once : int
        How many of `deviations` a candidate may have.
    most : int
        How many candidates with the same number of deviations are held against the digits, the
        likeliest first: so many at ten learning rates, fewer at more, and more at one that is
        stated or where the first step is logged. Less of a network, and where the first value
        takes more than an epoch's steps.
    solved : int
        About how many with each choice of log, whose learning rate is solved for. Fewer where
        that takes longer.
    replicas : int
        Of each candidate, where curves are compared in distribution.
    steps : int
        So many of the curve's first steps are compared so.
    rates : Rates
        Bounds of the learning rate, and those at which candidates are tried.
    choices, unseeded : Free
        What a candidate must choose and no problem asks for, where its program was seeded and
        where it was not.
    deviations : dict
        For each field the values to try, or what `spelled` takes. They are ordered by how common
        they are.
    """

    at_once: Annotated[int, Field(ge=0, le=4)]
    most: Annotated[int, Field(ge=1, le=10_000_000)]
    solved: Count
    replicas: Replicas
    steps: Count
    rates: Rates
    choices: Free
    unseeded: Unseeded
    deviations: dict[str, list[Any]]

    @field_validator("deviations")
    @classmethod
    def _known(cls, deviations: dict[str, list[Any]]) -> dict[str, list[Any]]:
        for field, values in deviations.items():
            for value in values:
                checked(spelled(field, value))
        return deviations


class Option(NamedTuple):
    """Fields that a candidate may set.

    Attributes
    ----------
    kind : str
        `start`, `order` or `log` for a choice, else the field's name, or the first of several.
    changes : dict
        Dotted fields and their values.
    odds : float
        How likely it is beside what the problem asks for.
    """

    kind: str
    changes: dict[str, Any]
    odds: float

    @property
    def deviates(self) -> bool:
        """Whether it is a deviation, and no choice."""
        return self.kind in self.changes

    def clashes(self, other: "Option") -> bool:
        """Say whether both set the same, or one what is a part of the other's."""
        return any(overlap(one, two) for one in self.changes for two in other.changes)

    @property
    def far(self) -> bool:
        """Whether it makes another curve of any candidate: of another size, or of single steps."""
        much = {"log.reduction": "sum"}, {"steps": 1}
        return self.kind == "log.factor" or self.changes in much


def spelled(field: str, value: Any) -> dict[str, Any]:
    """Return the dotted fields that a value of `deviations` sets, and their values.

    A mapping sets several fields: of the section that it stands under, or, where it has a name of
    its own or they are dotted, of any.
    """
    if "." in field or not isinstance(value, dict):
        return {field: value}
    whole = field not in Recipe.model_fields
    return {f"{t}" if whole or "." in f"{t}" else f"{field}.{t}": v for t, v in value.items()}


def parsed(field: str, value: Any) -> Any:
    """Return a value of a dotted field as its section has it.

    Raises
    ------
    ValueError
        If there is no such field, or it can not have the value.
    """
    head, _, tail = field.partition(".")
    if head not in Recipe.model_fields or head in SET:
        raise ValueError(f"{head} is no field of a recipe that is searched")
    known = Recipe.model_fields[head]
    if not tail:
        return TypeAdapter(Annotated[known.annotation, "", *known.metadata]).validate_python(value)
    if not isinstance(known.default, Section):
        raise ValueError(f"{head} has no fields")
    return getattr(type(known.default).model_validate({tail: value}), tail)


def checked(changes: dict[str, Any]) -> None:
    """Raise ValueError, which names the field, if a field can not have its value."""
    for field, value in changes.items():
        try:
            parsed(field, value)
        except ValidationError as error:
            raise ValueError(f"{field} = {value!r}: {error.errors()[0]['msg']}") from None


def overlap(one: str, other: str) -> bool:
    """Say whether two dotted fields are the same, or one is a part of the other."""
    return f"{one}.".startswith(f"{other}.") or f"{other}.".startswith(f"{one}.")


class Scored(NamedTuple):
    """A candidate, its learning rate and its score: log prior and log likelihood."""

    options: tuple[Option, ...]
    recipe: Recipe
    rate: float
    score: float
    fit: float = 0.0


def best_of(found: Sequence[Scored], most: int = KEPT) -> list[Scored]:
    """Return the best first, each candidate and learning rate once."""
    chosen, seen = [], set()
    for s in sorted(found, key=lambda s: -s.score):
        key = (tuple(sorted(map(id, s.options))), s.rate)
        if key not in seen and np.isfinite(s.score):
            seen.add(key)
            chosen.append(s)
        if len(chosen) == most:
            break
    return chosen


def unlike(found: Sequence[Scored]) -> list[Scored]:
    """Return the best first, each candidate at the learning rate that suits it best."""
    rated: dict[tuple[int, ...], Scored] = {}
    for s in best_of(found, len(found)):
        rated.setdefault(tuple(map(id, s.options)), s)
    return list(rated.values())


class Curve(NamedTuple):
    """A recorded loss curve.

    Attributes
    ----------
    unit : {'step', 'epoch'}
        What its positions count.
    positions : numpy.ndarray of int
        Strictly increasing.
    values, halves : numpy.ndarray
        The logged values, and half a unit of the last digit of each.
    """

    unit: str
    positions: np.ndarray
    values: np.ndarray
    halves: np.ndarray

    @property
    def gap(self) -> int:
        """Steps from each value to the next; 0 if they differ, or epochs are counted."""
        gaps = np.diff(self.positions)
        return int(gaps[0]) if self.unit == "step" and (gaps == gaps[0]).all() else 0

    def windows(self, recipe: Recipe, trained: int) -> np.ndarray:
        """Return the first step of each value, and the one after its last, shape (rows, 2)."""
        index, every = self.positions - min(self.positions[0], 1), recipe.log.every
        if self.unit == "step" and every != "epoch":
            last = index + 1 if every == 1 else (index + 1) * every
            return np.stack([last - 1, last], axis=1)
        steps = recipe.steps_an_epoch(trained)
        if self.unit == "step":  # means of so many steps, numbered by the first or the last one
            first = self.positions - min(self.positions[0], steps)
            return np.stack([first, first + steps], axis=1)
        first = index * steps
        if every == "epoch":
            return np.stack([first, first + steps], axis=1)
        step = first if recipe.log.phase == "first" else first + steps - 1
        return np.stack([step, step + 1], axis=1)
