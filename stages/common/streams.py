"""Where the published programs start, and which examples they sample: the source's generators."""

from collections.abc import Iterator
from importlib import import_module

import numpy as np

from stages.common.datasets import Draw
from stages.common.parameters import Program, Recipe
from stages.common.problems import Epoch, features, recipe_inputs
from stages.common.sampling import numpy_indices, python_indices


def run(program: Program, draw: Draw, X: np.ndarray, y: np.ndarray) -> Iterator[Epoch]:
    """Run a published program; replica r is the program seeded with r.

    Parameters
    ----------
    program : Program
        What to run, and with which implementation.
    draw : Draw
        Its dataset's draw, fresh: the program may move its stream on.
    X : numpy.ndarray, shape (N, columns)
        Examples.
    y : numpy.ndarray, shape (N,)
        Labels or targets.

    Yields
    ------
    Epoch
        `program.epochs` of them.
    """
    sgd = import_module(f"stages.common.{program.implementation}_sgd")
    theta = published_start(program, draw, X, y)
    yield from sgd.train(program, X, y, theta, published_indices(program, draw, len(y)))


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


def _torch_linear(seed: int, count: int, dimension: int) -> np.ndarray:
    import torch  # two seconds that only the programs drawn from its generator should pay

    torch.manual_seed(seed)
    sizes = (count, dimension - count)  # weights, then the bias if there is one
    shares = np.concatenate([torch.rand(size).numpy() for size in sizes])
    bound = np.float32(count**-0.5)
    return shares * (bound + bound) - bound
