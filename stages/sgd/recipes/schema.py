"""Sections of params.yaml, beside datasets, recipes and the search, and what they consist of."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

Count = Annotated[int, Field(ge=1, le=1_000_000)]
Replicas = Annotated[int, Field(ge=1, le=100_000)]
Examples = Annotated[int, Field(ge=2, le=1_000_000)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Positive = Annotated[float, Field(gt=0, le=1e6)]
NonNegative = Annotated[float, Field(ge=0, le=1e6)]
Number = Annotated[float, Field(ge=-1e6, le=1e6)]
NAME = r"^[A-Za-z0-9_]+$"  # it becomes part of paths and of stages' names
Dataset = Literal["gaussian", "disc", "wave"]
Name = Annotated[str, Field(pattern=NAME)]
Share = Annotated[float, Field(gt=0, lt=1)]
Loss = Literal["logistic", "hinge", "squared"]


class Section(BaseModel):
    """A mapping of params.yaml: known keys only, no coercion, finite numbers."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _no_others(cls, values: object) -> object:
        """Name what a misspelt key may have been, which pydantic alone does not."""
        for key in values if isinstance(values, dict) else ():
            if key not in cls.model_fields:
                words = {"key": key, "known": ", ".join(cls.model_fields)}
                raise PydanticCustomError("unknown", "has no {key}: must be {known}", words)
        return values


class Scales(Section):
    """Standard deviations of the two-layer network's initial parameters."""

    a: Positive
    b: Positive
    u: Positive


class Grid(Section):
    """`points` equally spaced values from `lower` to `upper`, both included."""

    lower: Number
    upper: Number
    points: Annotated[int, Field(ge=2, le=10_000)]

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.lower >= self.upper:
            raise ValueError("lower must be less than upper")
        return self


class Objective(Section):
    """Mean loss over the examples + λ‖w‖², λ being `regularization`.

    `affine` is z = w·x + b, `quadratic` is z = w·φ(u, v), `two_layer` is
    f(x) = Σⱼ uⱼ σ(aⱼx + bⱼ) with `hidden` units, whose error is taken on `grid`.
    """

    model: Literal["affine", "quadratic", "two_layer"]
    loss: Loss
    regularization: NonNegative = 0.0
    hidden: Count | None = None
    grid: Grid | None = None

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        network = self.model == "two_layer"
        if network != (self.loss == "squared"):
            raise ValueError("loss squared goes with model two_layer, and with no other")
        if network != (self.hidden is not None):
            raise ValueError("hidden goes with model two_layer, and with no other")
        if network != (self.grid is not None):
            raise ValueError("grid goes with model two_layer, and with no other")
        if network and self.regularization:
            raise ValueError("model two_layer takes no regularization")
        return self


class Protocol(Section):
    """What every protocol run shares."""

    seed: Seed
    replicas: Replicas


class Fresh(Section):
    """Examples of a classifier's dataset that no run has seen."""

    seed: Seed
    examples: Examples


class Variant(Section):
    """An objective on a dataset that is solved exactly and not trained."""

    dataset: Dataset
    objective: Objective


class Ablation(Section):
    """A program, and the one it becomes once its deviations are undone, for one problem."""

    problem: Name
    dataset: Dataset
    program: Name
    reference: Name


class Survey(Section):
    """How many replicas each program, and each repair of it, is given."""

    replicas: Replicas


class SweptRates(Section):
    """`count` learning rates from `lower` on, so many a decade."""

    lower: Positive
    a_decade: Count
    count: Annotated[int, Field(ge=2, le=1000)]


class Sweep(Section):
    """What is trained at many learning rates.

    Attributes
    ----------
    problems : list of str
        Which; classifiers.
    rates : SweptRates
        Learning rates.
    replicas : int
        At each, the protocol's first.
    epochs : int
        As many for every problem and rate.
    diverged : float
        A replica has diverged if its objective is not finite, or more than so many times
        that of θ = 0.
    """

    problems: Annotated[list[Name], Field(min_length=1)]
    rates: SweptRates
    replicas: Replicas
    epochs: Count
    diverged: Annotated[float, Field(ge=1, le=1e6)]


class Gradients(Section):
    """How the formulas are tried: `trials` at each of the `widths`."""

    seed: Seed
    trials: Annotated[int, Field(ge=1, le=100_000)]
    widths: Annotated[list[Annotated[int, Field(ge=1, le=1000)]], Field(min_length=1)]


class Divergence(Section):
    """Which mass functions are tried: `pairs` of each kind."""

    seed: Seed
    pairs: Annotated[int, Field(ge=1, le=100_000)]
    dimensions: Annotated[list[Annotated[int, Field(ge=2, le=1000)]], Field(min_length=1)]
    concentrations: Annotated[list[Positive], Field(min_length=1)]
    nearness: Annotated[list[Annotated[float, Field(ge=1e-7, lt=1)]], Field(min_length=1)]


class Bootstrap(Section):
    """How an interval is found: so many resamples of the replicas."""

    seed: Seed
    resamples: Count
    confidence: Share


class Thresholds(Section):
    """What the verdicts are judged by; the comments in params.yaml say of what."""

    level: Share
    near: Share
    agreement: Annotated[float, Field(gt=0.5, lt=1)]
    blamed: Share
    negligible: Share
    reproduced: Share
    gradient_error: Share
    bootstrap: Bootstrap


class FigureSize(Section):
    """Size of a picture in inches and dots per inch, and the grid its curves are drawn on."""

    width: Annotated[float, Field(ge=1, le=40)]
    height: Annotated[float, Field(ge=1, le=40)]
    dpi: Annotated[int, Field(ge=20, le=600)]
    grid: Grid | None = None
