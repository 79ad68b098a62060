"""Everything there is to say about a run: its objective, its recipe, its program."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Count = Annotated[int, Field(ge=1, le=1_000_000)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Positive = Annotated[float, Field(gt=0, le=1e6)]
NonNegative = Annotated[float, Field(ge=0, le=1e6)]
Coordinate = Annotated[float, Field(ge=-1e6, le=1e6)]
Dataset = Literal["gaussian", "disc", "wave"]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+$")]  # it becomes part of paths
Examples = Annotated[int, Field(ge=2, le=1_000_000)]


class Section(BaseModel):
    """A mapping: known keys only, no coercion, finite numbers."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Scales(Section):
    """Standard deviations of the two-layer network's initial parameters."""

    a: Positive
    b: Positive
    u: Positive


class Grid(Section):
    """`points` equally spaced values from `lower` to `upper`, both included."""

    lower: Coordinate
    upper: Coordinate
    points: Annotated[int, Field(ge=2, le=10_000)]

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.lower >= self.upper:
            raise ValueError("lower must be less than upper")
        return self


class Objective(Section):
    """Mean loss over the examples + λ‖w‖², λ being `regularization`.

    `affine` is z = w·x + b, `quadratic` is z = w·φ(u, v), `two_layer` is
    f(x) = Σⱼ uⱼ σ(aⱼx + bⱼ) with `hidden` units.
    """

    model: Literal["affine", "quadratic", "two_layer"]
    loss: Literal["logistic", "hinge", "squared"]
    regularization: NonNegative = 0.0
    hidden: Count | None = None

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        network = self.model == "two_layer"
        if network != (self.loss == "squared"):
            raise ValueError("loss squared goes with model two_layer, and with no other")
        if network != (self.hidden is not None):
            raise ValueError("hidden goes with model two_layer, and with no other")
        if network and self.regularization:
            raise ValueError("model two_layer takes no regularization")
        return self


class StatedObjective(Objective):
    """The objective that every solver of a problem is judged by."""

    grid: Grid | None = None

    @model_validator(mode="after")
    def _judged(self) -> Self:
        if (self.model == "two_layer") != (self.grid is not None):
            raise ValueError("grid goes with model two_layer, and with no other")
        return self


class Recipe(Section):
    """Everything there is to say about a run.

    The defaults are what the stated problem asks for; a deviation is another value.

    Attributes
    ----------
    gradient : {'derivative', 'one_minus_loss'}
        The loss's derivative, or (1 − loss)·y·x in its place.
    label_leak : {'none', 'gradient', 'everywhere'}
        Where the label stands in for the constant 1 of the affine model, or follows φ:
        nowhere, in the gradient's input, or in the output's as well.
    regularized : {'features', 'all'}
        λ covers the weights of the features, or whatever else is in θ too.
    initial : str
        `linear` and `network`: each replica's own generator, with the distribution of
        `torch.nn.Linear` or N(0, `scales`²). `torch_linear`: `torch.nn.Linear` itself,
        seeded with the replica's number. `numpy_uniform`, `numpy_network`: the NumPy
        stream of the dataset, right after the examples or right before them.
    sampler : {'protocol', 'python', 'numpy'}
        Each replica's own generator; Python's `random.randint` seeded with the replica's
        number; NumPy's `randint` that leaves out the last example.
    steps : int
        Steps an epoch.
    checkpoint : int, optional
        Epochs from one saved θ to the next.
    """

    dataset: Dataset
    objective: Objective
    gradient: Literal["derivative", "one_minus_loss"] = "derivative"
    label_leak: Literal["none", "gradient", "everywhere"] = "none"
    regularized: Literal["features", "all"] = "features"
    initial: Literal["linear", "network", "torch_linear", "numpy_uniform", "numpy_network"]
    scales: Scales | None = None
    sampler: Literal["protocol", "python", "numpy"]
    learning_rate: Positive
    epochs: Count
    steps: Count
    replicas: Annotated[int, Field(ge=1, le=100_000)]
    checkpoint: Count | None = None

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        objective = self.objective
        datasets = {"affine": ("gaussian", "disc"), "quadratic": ("disc",), "two_layer": ("wave",)}
        if self.dataset not in (allowed := datasets[objective.model]):
            raise ValueError(f"model {objective.model} takes dataset {' or '.join(allowed)}")
        network = objective.model == "two_layer"
        if network != (self.initial in ("network", "numpy_network")):
            raise ValueError(f"model {objective.model} does not take initial {self.initial}")
        if (self.initial == "network") != (self.scales is not None):
            raise ValueError("scales goes with initial network, and with no other")
        if self.gradient == "one_minus_loss" and objective.loss != "logistic":
            raise ValueError("gradient one_minus_loss goes with loss logistic")
        if self.label_leak == "gradient" and objective.model != "affine":
            raise ValueError("label_leak gradient goes with model affine")
        if network and (self.label_leak != "none" or self.regularized != "features"):
            raise ValueError("model two_layer takes neither label_leak nor regularized")
        return self


class Problem(Section):
    """A stated problem and how the protocol trains it."""

    dataset: Dataset
    objective: StatedObjective
    scales: Scales | None = None
    learning_rate: Positive
    epochs: Count
    checkpoint: Count | None = None

    @model_validator(mode="after")
    def _runs(self) -> Self:
        self.recipe(examples=2, replicas=1)
        return self

    def recipe(self, examples: int, replicas: int) -> Recipe:
        """Return the protocol's recipe.

        Parameters
        ----------
        examples : int
            Examples in the dataset, and so steps in an epoch.
        replicas : int
            Independent runs.
        """
        network = self.objective.model == "two_layer"
        return Recipe(
            **dict(self),
            initial="network" if network else "linear",
            sampler="protocol",
            steps=examples,
            replicas=replicas,
        )


class Program(Recipe):
    """A published program: its recipe, the problem it addresses and its library."""

    problem: Name
    implementation: Literal["numpy", "torch"]

    @model_validator(mode="after")
    def _published(self) -> Self:
        if self.sampler == "protocol" or self.initial in ("linear", "network"):
            raise ValueError("a published program draws from the source's own generators")
        if (self.sampler == "numpy") != (self.initial == "numpy_network"):
            raise ValueError("sampler numpy goes with initial numpy_network, and with no other")
        if self.implementation == "torch" and (
            self.gradient != "derivative" or self.label_leak == "gradient"
        ):
            raise ValueError("autograd takes neither another gradient nor label_leak gradient")
        return self
