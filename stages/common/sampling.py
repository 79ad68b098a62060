"""Which example each replica sees at each step."""

import random
from collections.abc import Callable, Iterator

import numpy as np

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


def _in_blocks(
    draws: list[Callable[[int], object]], epochs: int, steps: int
) -> Iterator[np.ndarray]:
    for start in range(0, epochs, BLOCK):
        length = min(BLOCK, epochs - start)
        block = np.stack([draw(length * steps) for draw in draws], axis=-1)
        yield from block.reshape(length, steps, len(draws))
