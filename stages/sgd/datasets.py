"""The seeded datasets, drawn from NumPy's legacy generator in the source's order."""

from typing import NamedTuple

import numpy as np

from stages.sgd.recipe import Coordinate, Count, Examples, Positive, Scales, Section, Seed


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
    rotation: Coordinate
    shift: Coordinate


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
    columns : dict of str to numpy.ndarray, shape (N,)
        The features by name, then `y`.
    stream : numpy.random.RandomState
        The generator, right after the last draw.
    theta : numpy.ndarray, shape (3p,), optional
        The network's a₀, b₀ and u₀, if they were drawn before the examples.
    """

    columns: dict[str, np.ndarray]
    stream: np.random.RandomState
    theta: np.ndarray | None = None


def true_function(x: np.ndarray) -> np.ndarray:
    """Return (x − 2)·cos(4x), which problem 7's network is to learn.

    Parameters
    ----------
    x : numpy.ndarray
        Points of any shape.
    """
    return (x - 2) * np.cos(4 * x)


def gaussian(section: Gaussian) -> Draw:
    """Draw X ~ N(0, 1) of shape (N, p), then labels ±1 by fair coin (problems 1 and 2).

    Parameters
    ----------
    section : Gaussian
        Seed, N = `examples`, p = `features`.
    """
    stream = np.random.RandomState(section.seed)
    X = stream.standard_normal((section.examples, section.features))
    y = 2 * stream.randint(2, size=section.examples) - 1
    return Draw({f"x{j}": x for j, x in enumerate(X.T, start=1)} | {"y": y}, stream)


def disc(section: Disc) -> Draw:
    """Draw points of the plane, labelled by sign(u² + v² − r²), then moved (problem 3).

    Parameters
    ----------
    section : Disc
        Seed, N = `examples`, r² = `radius_squared`; afterwards every point is rotated
        about the origin by `rotation` radians and `shift` is added to both coordinates.
    """
    stream = np.random.RandomState(section.seed)
    u, v = stream.standard_normal((2, section.examples))
    y = np.where(u**2 + v**2 > section.radius_squared, 1, -1)
    cosine, sine = np.cos(section.rotation), np.sin(section.rotation)
    moved = (cosine * u - sine * v + section.shift, sine * u + cosine * v + section.shift)
    return Draw(dict(zip("uv", moved, strict=True)) | {"y": y}, stream)


def wave(section: Wave) -> Draw:
    """Draw the network's initial parameters, then x ~ N(0, 1); y is the true function of x.

    Parameters
    ----------
    section : Wave
        Seed, N = `examples`, p = `hidden` units, and the standard deviations `scales` of
        a₀, b₀ and u₀ (problem 7).
    """
    stream = np.random.RandomState(section.seed)
    scales = (section.scales.a, section.scales.b, section.scales.u)
    theta = np.concatenate([stream.normal(0.0, scale, section.hidden) for scale in scales])
    x = stream.normal(0.0, 1.0, section.examples)
    return Draw({"x": x, "y": true_function(x)}, stream, theta)


DATASETS: dict[str, tuple[type[Section], object]] = {
    "gaussian": (Gaussian, gaussian),
    "disc": (Disc, disc),
    "wave": (Wave, wave),
}
