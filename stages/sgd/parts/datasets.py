"""The seeded datasets, drawn from NumPy's legacy generator in the source's order."""

from typing import NamedTuple

import numpy as np

from stages.sgd.recipes.fields import Data, Law
from stages.sgd.recipes.schema import Count, Examples, Number, Positive, Scales, Section, Seed


class Gaussian(Section):
    """Dataset `gaussian`: features and labels independent of each other."""

    seed: Seed
    examples: Examples
    features: Count


class Disc(Section):
    """Dataset `disc`: points inside and outside a circle, rotated and shifted."""

    seed: Seed
    examples: Examples
    radius_squared: Positive
    rotation: Number
    shift: Number


class Wave(Section):
    """Dataset `wave`: noiseless values of problem 7's true function."""

    seed: Seed
    examples: Examples
    hidden: Count
    scales: Scales


class Draw(NamedTuple):
    """A dataset and the stream it comes from.

    Attributes
    ----------
    X : numpy.ndarray, shape (N, columns)
        Features.
    y : numpy.ndarray, shape (N,)
        Labels ±1 or targets.
    names : list of str
        Of the features.
    seed : int
        What the stream was seeded with.
    stream : numpy.random.RandomState
        The generator, right after the last draw.
    theta : numpy.ndarray, shape (3p,), optional
        The network's a₀, b₀ and u₀, if they were drawn before the examples.
    """

    X: np.ndarray
    y: np.ndarray
    names: list[str]
    seed: int
    stream: np.random.RandomState
    theta: np.ndarray | None = None


def draw(section: Section, data: Data = Data()) -> Draw:  # noqa: B008  (it is frozen)
    """Draw the dataset of a section, or what a program draws in its place."""
    return DATASETS[type(section).__name__.lower()][1](section, data)


def gaussian(section: Gaussian, data: Data) -> Draw:
    """Draw X of shape (N, p), N(0, 1), then labels ±1 by fair coin (problems 1 and 2)."""
    seed = section.seed if data.seed is None else data.seed
    stream = np.random.RandomState(seed)
    X = _features(stream, data, (section.examples, section.features))
    y = 2.0 * stream.randint(2, size=section.examples) - 1
    return Draw(X, y, [f"x{j}" for j in range(1, section.features + 1)], seed, stream)


def disc(section: Disc, data: Data) -> Draw:
    """Draw points of the plane, shape (2, N), labelled by sign(u² + v² − r²) (problem 3).

    r² is `radius_squared`; afterwards every point is rotated about the origin by `rotation`
    radians and `shift` is added to both coordinates.
    """
    seed = section.seed if data.seed is None else data.seed
    stream = np.random.RandomState(seed)
    u, v = _features(stream, data, (2, section.examples))
    y = np.where(u**2 + v**2 > section.radius_squared, 1.0, -1.0)
    cosine, sine = np.cos(section.rotation), np.sin(section.rotation)
    moved = (cosine * u - sine * v + section.shift, sine * u + cosine * v + section.shift)
    return Draw(np.column_stack(moved), y, ["u", "v"], seed, stream)


def wave(section: Wave, data: Data) -> Draw:
    """Draw the network's initial a₀, b₀, u₀, then x ~ N(0, 1); y is the true function of x."""
    seed = section.seed if data.seed is None else data.seed
    stream = np.random.RandomState(seed)
    scales = (section.scales.a, section.scales.b, section.scales.u)
    theta = np.concatenate([stream.normal(0.0, scale, section.hidden) for scale in scales])
    x = stream.normal(0.0, 1.0, section.examples)
    return Draw(x[:, None], true_function(x), ["x"], seed, stream, theta)


DATASETS: dict[str, tuple[type[Section], object]] = {
    "gaussian": (Gaussian, gaussian),
    "disc": (Disc, disc),
    "wave": (Wave, wave),
}


def true_function(x: np.ndarray) -> np.ndarray:
    """Return (x − 2)·cos(4x), which problem 7's network is to learn."""
    return (x - 2) * np.cos(4 * x)


def from_law(stream: np.random.RandomState, law: Law, shape: tuple[int, ...]) -> np.ndarray:
    """Draw from N(0, scale²) or U(low, high)."""
    if law.law == "normal":
        return stream.normal(0.0, law.scale, shape)
    return stream.uniform(law.low, law.high, shape)


def _features(stream: np.random.RandomState, data: Data, shape: tuple[int, int]) -> np.ndarray:
    if data.transposed:
        return from_law(stream, data.features, shape[::-1]).T
    return from_law(stream, data.features, shape)
