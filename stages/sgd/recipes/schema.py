"""What sections of params.yaml are made of: scalar types, and the objective of a problem."""

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
