"""Where each replica starts, and which example it sees at each step."""

import random
from collections.abc import Callable, Iterator

import numpy as np

from stages.sgd.datasets import Draw
from stages.sgd.models import features, inputs, recipe_inputs
from stages.sgd.recipe import Recipe

BLOCK = 16  # epochs drawn at a time


def generators(seed: int, problem: str, replicas: int) -> list[np.random.Generator]:
    """Return the protocol's generators, one a replica.

    Replica r's is keyed by (seed, problem, r) alone, so that its numbers do not depend on
    how many replicas run beside it.

    Parameters
    ----------
    seed : int
        Seed of the protocol.
    problem : str
        Name of the problem.
    replicas : int
        How many.
    """
    return [np.random.default_rng([seed, r, *problem.encode()]) for r in range(replicas)]


def initial_parameters(
    recipe: Recipe, generators: list[np.random.Generator], X: np.ndarray
) -> np.ndarray:
    """Draw each replica's initial parameters from its own generator.

    `linear` is the distribution of `torch.nn.Linear`: every weight, and the bias if there
    is one, is uniform on ±1/√p for p features. `network` is problem 7's: aⱼ, bⱼ and uⱼ
    are normal with mean 0 and the standard deviations `scales`.

    Parameters
    ----------
    recipe : Recipe
        With `initial` 'linear' or 'network'.
    generators : list of numpy.random.Generator
        One a replica.
    X : numpy.ndarray, shape (N, columns)
        Examples.

    Returns
    -------
    numpy.ndarray, shape (replicas, d)
        Initial θ.
    """
    model = recipe.objective.model
    if recipe.initial == "network":
        scales = [recipe.scales.a, recipe.scales.b, recipe.scales.u]
        deviations = np.repeat(scales, recipe.objective.hidden)
        return np.stack([deviations * rng.standard_normal(len(deviations)) for rng in generators])
    bound = features(model, X).shape[1] ** -0.5
    dimension = inputs(model, X).shape[1]
    return np.stack([rng.uniform(-bound, bound, dimension) for rng in generators])


def protocol_indices(
    generators: list[np.random.Generator], epochs: int, examples: int, steps: int
) -> Iterator[np.ndarray]:
    """Yield, epoch after epoch, each replica's examples, uniform with replacement.

    Parameters
    ----------
    generators : list of numpy.random.Generator
        One a replica.
    epochs : int
        How many.
    examples : int
        N; the indices run from 0 to N − 1.
    steps : int
        Steps an epoch.

    Yields
    ------
    numpy.ndarray of int, shape (steps, replicas)
        Row k holds the example each replica sees at step k.
    """
    draws = [lambda size, rng=rng: rng.integers(examples, size=size) for rng in generators]
    yield from _in_blocks(draws, epochs, steps)


def published_start(recipe: Recipe, draw: Draw, X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return each replica's initial parameters.

    `torch_linear` is what `torch.nn.Linear` draws after `torch.manual_seed(r)`, in its own
    float32: U(−1/√p, 1/√p), scaled here without the fused multiply-add that PyTorch uses on
    some processors and not on others. `numpy_uniform` continues the dataset's stream with
    U(0, 1), and `numpy_network` is what that stream drew before the examples; NumPy's stream
    keeps its one seed, so every replica starts alike.

    Parameters
    ----------
    recipe : Recipe
        Published program.
    draw : Draw
        Its dataset's draw; `numpy_uniform` moves its stream on.
    X : numpy.ndarray, shape (N, columns)
        Examples.
    y : numpy.ndarray, shape (N,)
        Labels.

    Returns
    -------
    numpy.ndarray, shape (replicas, d)
        Initial θ, float64.
    """
    dimension = recipe_inputs(recipe, X, y)[0].shape[1]
    if recipe.initial == "torch_linear":
        count = features(recipe.objective.model, X).shape[1]
        rows = [_torch_linear(r, count, dimension) for r in range(recipe.replicas)]
        return np.stack(rows).astype(np.float64)
    theta = draw.theta
    if recipe.initial == "numpy_uniform":
        theta = draw.stream.uniform(0, 1, dimension)
    return np.tile(theta, (recipe.replicas, 1))


def published_indices(recipe: Recipe, draw: Draw, examples: int) -> Iterator[np.ndarray]:
    """Return the epochs' examples as the program's sampler draws them.

    Parameters
    ----------
    recipe : Recipe
        Published program.
    draw : Draw
        Its dataset's draw; `numpy` goes on from its stream for replica 0.
    examples : int
        N.

    Returns
    -------
    iterator of numpy.ndarray of int, shape (steps, replicas)
        Row k holds the example each replica sees at step k.
    """
    size = (recipe.replicas, recipe.epochs, examples, recipe.steps)
    if recipe.sampler == "numpy":
        return numpy_indices(draw.stream, *size)
    return python_indices(*size)


def python_indices(replicas: int, epochs: int, examples: int, steps: int) -> Iterator[np.ndarray]:
    """Yield the draws of `random.randint(0, N − 1)` after `random.seed(r)`.

    Parameters
    ----------
    replicas : int
        How many; r runs from 0.
    epochs : int
        How many.
    examples : int
        N.
    steps : int
        Steps an epoch.

    Yields
    ------
    numpy.ndarray of int, shape (steps, replicas)
        Row k holds the example each replica sees at step k.
    """

    def draw(generator: random.Random) -> Callable[[int], list[int]]:
        return lambda size: [generator.randint(0, examples - 1) for _ in range(size)]

    yield from _in_blocks([draw(random.Random(r)) for r in range(replicas)], epochs, steps)


def numpy_indices(
    stream: np.random.RandomState, replicas: int, epochs: int, examples: int, steps: int
) -> Iterator[np.ndarray]:
    """Yield the draws of `numpy.random.randint(0, N − 1)`, which never returns N − 1.

    Parameters
    ----------
    stream : numpy.random.RandomState
        Replica 0's generator; replica r ≥ 1 has one of its own, seeded with r.
    replicas : int
        How many.
    epochs : int
        How many.
    examples : int
        N.
    steps : int
        Steps an epoch.

    Yields
    ------
    numpy.ndarray of int, shape (steps, replicas)
        Row k holds the example each replica sees at step k.
    """
    streams = [stream, *map(np.random.RandomState, range(1, replicas))]
    draws = [lambda size, rng=rng: rng.randint(0, examples - 1, size=size) for rng in streams]
    yield from _in_blocks(draws, epochs, steps)


def _torch_linear(seed: int, count: int, dimension: int) -> np.ndarray:
    import torch  # two seconds that only the programs drawn from its generator should pay

    torch.manual_seed(seed)
    sizes = (count, dimension - count)  # weights, then the bias if there is one
    shares = np.concatenate([torch.rand(size).numpy() for size in sizes])
    bound = np.float32(count**-0.5)
    return shares * (bound + bound) - bound


def _in_blocks(
    draws: list[Callable[[int], object]], epochs: int, steps: int
) -> Iterator[np.ndarray]:
    for start in range(0, epochs, BLOCK):
        length = min(BLOCK, epochs - start)
        block = np.stack([draw(length * steps) for draw in draws], axis=-1)
        yield from block.reshape(length, steps, len(draws))
