"""Recipe: everything there is to say about a run.

A field's default is what the stated problem asks for, so a program is what it sets.
"""

from functools import cache
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator

from stages.sgd.recipes.combinations import complaints, not_in_torch
from stages.sgd.recipes.fields import (
    Batch,
    Data,
    Intercept,
    Log,
    Order,
    Penalty,
    Schedule,
    Start,
    short,
)
from stages.sgd.recipes.schema import (
    Count,
    Dataset,
    Name,
    NonNegative,
    Number,
    Objective,
    Positive,
    Replicas,
    Section,
)


class Choices(Section):
    """What a run sets beside its problem.

    Attributes
    ----------
    derivative : str
        `exact`, or one that people write in its place (`losses.DERIVATIVES`).
    gradient_factor : float
        Constant by which the loss's gradient is multiplied.
    regularization : float, optional
        λ, where not the problem's.
    update : {'simultaneous', 'u_b_a', 'u_ab', 'a_b_u', 'u_b_a_anew', 'a_b_u_anew'}
        The network's parts together, or one after the other (`ab`: two together): each part's
        gradient is taken at the parts already changed, with the residual from before; or anew,
        the residual too.
    accumulate : bool
        The gradient is not zeroed between steps.
    epochs, updates : int
        How long: so many epochs of `steps` steps each, by default ⌊n/B⌋, or ⌈n/B⌉ if the last
        batch is not dropped; or so many steps in all, the last epoch as long as is left.
    checkpoint : int, optional
        Epochs from one saved θ to the next.
    """

    data: Data = Data()
    intercept: Annotated[Intercept, short("output", "gradient", "log")] = Intercept()
    batch: Batch = Batch()
    derivative: Literal[
        "exact",
        "one_minus_loss",
        "flipped_exponent",
        "label_forgotten",
        "label_forgotten_in_exponent",
        "label_forgotten_in_condition",
        "margin_forgotten",
        "per_feature",
    ] = "exact"
    gradient_factor: Number = 1.0
    regularization: NonNegative | None = None
    penalty: Penalty = Penalty()
    start: Annotated[Start, short("law")] = Start()
    order: Annotated[Order, short("law")] = Order()
    learning_rate: Positive
    schedule: Annotated[Schedule, short("law")] = Schedule()
    log: Annotated[Log, short("value")] = Log()
    update: Literal["simultaneous", "u_b_a", "u_ab", "a_b_u", "u_b_a_anew", "a_b_u_anew"] = (
        "simultaneous"
    )
    accumulate: bool = False
    precision: Literal["float64", "float32"] = "float64"
    epochs: Count | None = None
    updates: Count | None = None
    steps: Count | None = None
    checkpoint: Count | None = None


class Recipe(Choices):
    """Everything there is to say about a run: its problem, and what it sets beside it."""

    dataset: Dataset
    objective: Objective
    replicas: Replicas

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        for broken, complaint in complaints(self):
            if broken:
                raise ValueError(complaint)
        return self

    @property
    def network(self) -> bool:
        """Whether the model is the two-layer network."""
        return self.objective.model == "two_layer"

    @property
    def penalised(self) -> float:
        """λ: the recipe's own, or the problem's."""
        return self.objective.regularization if self.regularization is None else self.regularization

    @property
    def sources(self) -> Intercept:
        """What follows the features in output, gradient and log, nothing left open."""
        return _sources(self.intercept, self.objective.model == "affine")

    @property
    def follows(self) -> bool:
        """Whether anything follows the features."""
        one = self.sources
        return not one.output == one.gradient == one.log == "none"

    def steps_an_epoch(self, examples: int) -> int:
        """Return the steps of a whole epoch when so many examples are trained on."""
        if self.batch.drop_last:
            return self.steps or max(1, examples // self.batch.size)
        return -(-examples // self.batch.size)

    def lengths(self, examples: int) -> list[int]:
        """Return the number of steps of each epoch when so many examples are trained on."""
        steps = self.steps_an_epoch(examples)
        if self.epochs:
            return [steps] * self.epochs
        whole, rest = divmod(self.updates, steps)
        return [steps] * whole + [rest] * (rest > 0)


@cache
def _sources(intercept: Intercept, affine: bool) -> Intercept:
    default = "constant" if affine else "none"
    return Intercept(**{k: v or default for k, v in dict(intercept).items()})


class Stated(Section):
    """A stated problem.

    Attributes
    ----------
    start : Start
        Law of the initial parameters, each replica's from its own generator.
    """

    dataset: Dataset
    objective: Objective
    start: Annotated[Start, short("law")] = Start()

    def recipe(self, replicas: int) -> Recipe:
        """Return what the problem asks for: of a run that is yet to be given its η and length."""
        return Recipe(**dict(self), learning_rate=1.0, updates=1, replicas=replicas)


class Problem(Stated):
    """A stated problem and how the protocol trains it.

    Attributes
    ----------
    title : str, optional
        What charts and tables call it.
    """

    title: Annotated[str, Field(min_length=1, max_length=80)] | None = None
    learning_rate: Positive
    epochs: Count
    checkpoint: Count | None = None

    @model_validator(mode="after")
    def _runs(self) -> Self:
        self.recipe(replicas=1)
        return self

    def recipe(self, replicas: int) -> Recipe:
        """Return the protocol's recipe."""
        return Recipe(**{k: v for k, v in self if k != "title"}, replicas=replicas)


class Program(Choices):
    """A program: the problem it addresses, its library and what it sets.

    Attributes
    ----------
    title : str, optional
        What charts and tables call it.
    dataset : str
        The problem's, said again because dvc.yaml needs it here.
    """

    problem: Name
    dataset: Dataset
    implementation: Literal["numpy", "torch"]
    title: Annotated[str, Field(min_length=1, max_length=80)] | None = None
    replicas: Replicas

    def recipe(self, objective: Objective) -> Recipe:
        """Return the recipe, for the objective of the problem that is addressed.

        Raises
        ------
        ValueError
            If the two can not go together.
        """
        fields = {k: v for k, v in self if k in Recipe.model_fields}
        try:
            recipe = Recipe(**fields, objective=objective)
        except ValidationError as error:
            raise ValueError(error.errors()[0]["msg"].removeprefix("Value error, ")) from None
        if self.implementation == "torch" and (complaint := not_in_torch(recipe)):
            raise ValueError(complaint)
        return recipe
