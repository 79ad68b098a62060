"""The options that a candidate is put together from, and which of them go together."""

from collections.abc import Iterator, Sequence
from itertools import product
from math import prod
from typing import Any

from pydantic import ValidationError

from stages.sgd.deviations import get, replace, replace_unchecked
from stages.sgd.diagnosis.candidates import Curve, Option, Search, overlap, parsed, spelled
from stages.sgd.parts.datasets import draw
from stages.sgd.parts.logs import setting
from stages.sgd.recipes.combinations import matters
from stages.sgd.recipes.fields import EPOCHAL
from stages.sgd.recipes.recipe import Recipe
from stages.sgd.recipes.schema import Section

UPDATE = (  # fields that change the update, and not what is logged before it
    "derivative",
    "gradient_factor",
    "penalty.factor",
    "penalty.times_rate",
    "intercept.gradient",
    "update",
    "precision",
)
ORDER = ("batch", "order", "steps")  # sections that change which examples come
LATE = ("schedule", "accumulate")  # which change nothing before the second update
# What no curve of a program that nobody seeded shows: a field's one value, or any (None).
STREAM = dict.fromkeys(("start.stream", "start.seed", "precision"))
STREAM |= dict.fromkeys(f"order.{f}" for f in ("skipped", "seed", "generator"))
STREAM |= {"order.law": "in_place", "order.floored": True, "start.bias": "first"}


class Vocabulary:
    """The options that go together for one problem, beside what is stated of a program.

    Parameters
    ----------
    base : Recipe
        The stated problem's recipe with what is known of the program.
    fixed : collection of str
        Dotted fields that are known.
    search : Search
        What to try.
    curve : Curve
        What is to be explained.
    free_rate : bool
        Whether the learning rate is to be found.
    section : Section
        The dataset's.
    seeded : bool
        Whether the program's random numbers are known.
    """

    def __init__(
        self,
        base: Recipe,
        fixed: Sequence[str],
        search: Search,
        curve: Curve,
        free_rate: bool,
        section: Section,
        seeded: bool = True,
    ) -> None:
        self.fixed, self.curve, self.free_rate = set(fixed), curve, free_rate
        self.sizes: dict[Any, int] = {}
        self.likeliest: dict[tuple[int, ...], list[tuple[Option, ...]]] = {}
        self.sections: dict[Any, Any] = {}
        self.base, self.section = base, section
        self.options = [
            Option(next(iter(changes)), changes, 1 / (3 + at) / (1 + rank))
            for at, (field, values) in enumerate(search.deviations.items())
            for rank, value in enumerate(values)
            if (changes := self._changes(field, value, seeded))
        ]
        factors = (o.changes.get("gradient_factor") for o in self.options)
        self.multiples = [*dict.fromkeys((1.0, *(f for f in factors if f and f > 0)))]  # of a rate
        listed = dict(search.choices) | ({} if seeded else dict(search.unseeded))
        self.choices = list(product(*(self._choices(k, listed) for k in ("start", "order", "log"))))
        self._pairs()

    def _changes(self, field: str, value: Any, seeded: bool) -> dict[str, Any]:
        """Return what a value of a field sets; nothing if it may not be tried."""
        values = {f: parsed(f, v) for f, v in spelled(field, value).items()}
        changes = {f: v for f, v in values.items() if v != get(self.base, f)}
        known = any(overlap(f, other) for f in changes for other in self.fixed)
        shown = all(seeded or STREAM.get(f, ()) not in (None, v) for f, v in changes.items())
        return changes if shown and not known else {}

    def _choices(self, kind: str, listed: dict[str, list[dict[str, Any]]]) -> list[Option]:
        found, seen, whole = [], [], []
        for one in listed[kind]:
            fields = spelled(kind, one)
            if kind == "start" and one.get("law") != "network":
                fields["start.scales"] = None  # which go with that law
            whole.append({f: parsed(f, v) for f, v in fields.items()})
        fixed, base = self.fixed, self.base
        agree = [v for v in whole if all(v[f] == get(base, f) for f in fixed.intersection(v))]
        for rank, values in enumerate((kind != "log" and agree) or whole):
            changes = {f: v for f, v in values.items() if f not in self.fixed}
            if kind == "start" and not self._allowed(changes):
                continue
            made = replace_unchecked(self.base, changes)
            for often in self._often(made) if kind == "log" else [{}]:
                whole = changes | {f: v for f, v in often.items() if f not in self.fixed}
                if whole not in seen:
                    seen.append(whole)
                    found.append(Option(kind, whole, 1 / (1 + rank)))
        return found or [Option(kind, {}, 1.0)]

    def _often(self, recipe: Recipe) -> list[dict[str, Any]]:
        """Return how often a recipe may log, as the curve is numbered."""
        before = recipe.log.moment == "before"
        means = before and recipe.log.value == "sampled"
        if self.curve.unit == "epoch":
            one = {"log.every": 2, "log.phase": "first" if before and not means else "last"}
            return [{"log.every": "epoch"}, one] if means else [one]
        found, gap = [{"log.every": 1}], self.curve.gap
        if means and gap > 1:
            usual = gap == self.base.steps_an_epoch(self.trained(self.base))
            found.append({"log.every": "epoch", "steps": self.base.steps if usual else gap})
        every = self.base.log.every
        stated = [o for o in found if o["log.every"] == every] or [{}]
        return stated if "log.every" in self.fixed else found

    def _allowed(self, changes: dict[str, Any]) -> bool:
        try:
            replace(self.base, changes)
        except ValidationError:
            return False
        return True

    def recipe(self, options: Sequence[Option]) -> Recipe | None:
        """Return the recipe that options make, if they go together and each of them matters."""
        changes = {}
        for option in options:
            changes |= option.changes
        try:
            recipe = replace(self.base, changes)
            epoch = recipe.steps_an_epoch(self.trained(recipe))
        except ValueError:
            return None
        steps = int(1 + self.curve.positions[-1]) * (epoch if self.curve.unit == "epoch" else 1)
        run = recipe.model_copy(update={"updates": steps})  # so long that it writes the curve
        changed = [f for o in options for f in o.changes if o.deviates]
        return recipe if all(self._matters(run, f) for f in changed) else None

    def trained(self, recipe: Recipe) -> int:
        """Return how many examples a recipe trains on; raises ValueError if there are none such."""
        order, log = recipe.order, recipe.log
        key = recipe.data, order.law, order.examples, recipe.batch, recipe.start.stream, log.value
        if key not in self.sizes:
            self.sizes[key] = len(setting(recipe, draw(self.section, recipe.data)).trained[1])
        return self.sizes[key]

    def _matters(self, recipe: Recipe, field: str) -> bool:
        """Say whether a field has any effect beside the others that the curve can show."""
        epochs = self.curve.unit == "epoch"
        return matters(recipe, field, self.section, counted=epochs) and {
            "gradient_factor": not self.free_rate
            or recipe.penalised > 0
            or recipe.gradient_factor < 0,
            "steps": epochs or recipe.log.every not in ("epoch", recipe.steps),
            "order.reseeded": recipe.order.law not in EPOCHAL,
            "log.every": not epochs,
        }.get(field, True)

    def _pairs(self) -> None:
        """Find which options go together with a choice, and with each other.

        With one that starts at random: beside zeros nothing shows of how a start is drawn.
        """
        drawn = (c for c in self.choices if c[0].changes.get("start.law") not in ("zeros", "ones"))
        first = next(drawn, self.choices[0])
        self.kinds = [o.kind for o in first]
        self.fits: dict[tuple[int, int], bool] = {}
        self.going: dict[tuple[int, ...], bool] = {}
        choices = list({id(o): o for choice in (first, *self.choices) for o in choice}.values())

        def made(*chosen: Option) -> Recipe | None:
            kinds = {o.kind for o in chosen}
            return self.recipe((*(c for c in first if c.kind not in kinds), *chosen))

        plain = {id(o): made(o) for o in (*choices, *self.options)}
        none = None, made()
        self.alone = {one: recipe is not None for one, recipe in plain.items()}
        self.alone |= {id(o): plain[id(o)] not in none for o in self.options}
        self.together = set()
        for n, one in enumerate(self.options):
            known = {k: [plain[id(o)] for o in choices if o.kind == k] for k in self.kinds}
            for other in (*choices, *(o for o in self.options[:n] if not one.clashes(o))):
                recipe, alone = made(other, one), [plain[id(one)], plain[id(other)]]
                others = known.get(other.kind, alone)
                again = not other.deviates and one.changes.items() & other.changes.items()
                if recipe not in (None, *others) and not again:  # of a choice it makes no other
                    self.together |= {(id(one), id(other)), (id(other), id(one))}
                    others.append(recipe)

    def goes(self, choice: Sequence[Option], chosen: Sequence[Option]) -> bool:
        """Say whether options go together and each of them matters."""
        whole = (*choice, *chosen)
        for n, one in enumerate(chosen):
            if not self.alone[id(one)] and not any(
                (id(one), id(other)) in self.together for other in whole
            ):
                return False
            if not all(self.fit(one, other) for other in (*choice, *chosen[:n])):
                return False
        if all(self.alone[id(o)] for o in chosen):
            return True
        drawn = any(f.startswith(("start", "order")) for o in chosen for f in o.changes)
        key = tuple(id(o) for o in (*(choice if drawn else choice[-1:]), *chosen))
        if key not in self.going:
            self.going[key] = self.recipe(whole) is not None
        return self.going[key]

    def sets(
        self,
        choice: Sequence[Option],
        given: Sequence[Option],
        options: Sequence[Option],
        size: int,
    ) -> Iterator[tuple[Option, ...]]:
        """Yield the sets of `size` options that go together with each other and what is given.

        The likeliest come first.
        """
        fitting = [o for o in options if all(self.fit(o, g) for g in (*choice, *given))]
        sure = all(self.alone[id(o)] for o in given)
        key = size, *map(id, fitting)
        if key not in self.likeliest:
            found = self._subsets(fitting, size)
            self.likeliest[key] = sorted(found, key=lambda s: -prod(o.odds for o in s))
        for more in self.likeliest[key]:
            certain = sure and all(self.alone[id(o)] for o in more)
            if certain or self.goes(choice, (*given, *more)):
                yield more

    def _subsets(self, options: Sequence[Option], size: int) -> Iterator[tuple[Option, ...]]:
        if size == 0:
            yield ()
            return
        for n, option in enumerate(options):
            rest = options[n + 1 :] if size > 1 else ()
            fitting = [other for other in rest if self.fit(other, option)]
            for more in self._subsets(fitting, size - 1):
                yield (option, *more)

    def fit(self, one: Option, other: Option) -> bool:
        """Say whether two options may go together, as far as the two alone can tell."""
        key = id(one), id(other)
        if key not in self.fits:
            both = self.alone[key[0]] and self.alone[key[1]]
            free = not (other.deviates and one.clashes(other))
            self.fits[key] = free and (not both or key in self.together)
        return self.fits[key]

    def build(self, options: Sequence[Option], **more: Any) -> Recipe:
        """Return the recipe of options that go together; equal sections are the same object."""
        tails: dict[str, dict[str, Any]] = {}
        for option in options:
            for field, value in option.changes.items():
                head, _, tail = field.partition(".")
                tails.setdefault(head, {})[tail] = value
        fields = {}
        for head, changes in tails.items():
            key = (head, *((tail, id(value)) for tail, value in changes.items()))
            if key not in self.sections:
                whole = changes.pop("", getattr(self.base, head))
                section = whole.model_copy(update=changes) if changes else whole
                self.sections[key] = section, changes  # which stay, and so do their ids
            fields[head] = self.sections[key][0]
        return self.base.model_copy(update=fields | more)
