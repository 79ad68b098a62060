"""What a θ is applied to, what it outputs, and which of it λ covers.

Shapes: X (N, columns), y (N,), θ (d, replicas), the replica axis last. θ's leading entries are
the weights of the features; the weight of what follows them, if anything does, is last. The
network's θ is (a, b, u), p entries each.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from stages.sgd.parts.losses import sigmoid
from stages.sgd.recipes.recipe import Recipe
from stages.sgd.recipes.schema import Objective

Examples = tuple[np.ndarray, np.ndarray]


class Epoch(NamedTuple):
    """The raw values of an epoch of T steps.

    Attributes
    ----------
    examples : numpy.ndarray of int, shape (T, B, R)
        Which were seen, −1 for those that a short batch lacks.
    z, y : numpy.ndarray, shape (T, B, R)
        Their outputs before the update, and labels or targets; 0 where there is no example.
    losses : numpy.ndarray, shape (T, R)
        The loss of each step's batch before its update, as the program logs it.
    theta : numpy.ndarray, shape (d, R)
        Parameters at the epoch's end, valid until the next epoch is asked for.
    path : numpy.ndarray, shape (T + 1, d, followed)
        Parameters before each step and after the last, of the columns followed.
    """

    examples: np.ndarray
    z: np.ndarray
    y: np.ndarray
    losses: np.ndarray
    theta: np.ndarray
    path: np.ndarray


def features(model: str, X: np.ndarray) -> np.ndarray:
    """Return the features: φ = (1, u, u², v, v²) for `quadratic` (problem 3), else X itself."""
    if model == "quadratic":
        u, v = X.T
        return np.column_stack([np.ones_like(u), u, u**2, v, v**2])
    return X


def feature_count(model: str, X: np.ndarray) -> int:
    """Return how many features an example has."""
    return 5 if model == "quadratic" else X.shape[1]


def inputs(model: str, X: np.ndarray) -> np.ndarray:
    """Return what the stated model's θ is applied to: the affine model's constant 1 included."""
    mapped = features(model, X)
    return np.column_stack([mapped, np.ones(len(X))]) if model == "affine" else mapped


def recipe_inputs(recipe: Recipe, X: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    """Return what follows from a recipe's `intercept`: inputs of output, gradient and log.

    Parameters
    ----------
    recipe : Recipe
        Its labels' coding is y's.
    X, y : numpy.ndarray
        Examples.

    Returns
    -------
    dict of str to numpy.ndarray, shape (N, d)
        By `output`, `gradient` and `log`; nothing as intercept is a column of zeros where
        one of the others has something, and no column where none has.
    """
    mapped = features(recipe.objective.model, X)
    sources = dict(recipe.sources)
    if not recipe.follows:
        return dict.fromkeys(sources, mapped)
    last = {"none": np.zeros(len(X)), "constant": np.ones(len(X)), "label": y}
    return {name: np.column_stack([mapped, last[source]]) for name, source in sources.items()}


def stacked_inputs(
    recipes: Sequence[Recipe], examples: Sequence[Examples]
) -> tuple[list[dict[str, np.ndarray]], list[int]]:
    """Return the distinct tables of inputs and labels, and each recipe's first row in them."""
    tables, starts, firsts, rows = [], {}, [], 0
    for recipe, (X, y) in zip(recipes, examples, strict=True):
        key = (id(X), id(y), recipe.sources)
        if key not in starts:
            starts[key] = rows
            tables.append(recipe_inputs(recipe, X, y) | {"y": y})
            rows += len(y)
        firsts.append(starts[key])
    return tables, firsts


def widened(table: np.ndarray, width: int) -> np.ndarray:
    """Return a table with columns of zeros after its own, so many in all."""
    wide = np.zeros((len(table), width))
    wide[:, : table.shape[1]] = table
    return wide


def covered(recipe: Recipe, X: np.ndarray) -> np.ndarray:
    """Return m, shape (d,): 1 where λ covers an entry of a classifier's θ, else 0."""
    model = recipe.objective.model
    return _mask(feature_count(model, X), recipe.follows, recipe.penalty.covers, model)


@cache
def _mask(count: int, follows: bool, covers: str, model: str) -> np.ndarray:
    mask = np.ones(count + follows)
    if covers != "all":
        mask[count:] = 0
    if covers == "slopes" and model == "quadratic":
        mask[0] = 0
    mask.setflags(write=False)
    return mask


def stated_parameters(recipe: Recipe, theta: np.ndarray) -> np.ndarray:
    """Return the stated problem's parameters in a recipe's θ, without a leaked label's weight.

    The affine model's bias is 0 where the recipe has none; a constant that follows φ adds to
    the weight of φ's own.
    """
    model, source = recipe.objective.model, recipe.sources.output
    if model == "two_layer" or (model == "affine" and source == "constant"):
        return theta
    weights = theta[:-1] if recipe.follows else theta
    if model == "affine":
        return np.concatenate([weights, np.zeros_like(weights[:1])])
    if source == "constant":
        weights = weights.copy()
        weights[0] += theta[-1]
    return weights


def output(model: str, theta: np.ndarray, X: np.ndarray) -> np.ndarray:
    """Return the stated model's outputs, shape (N, replicas).

    z = w·x + b, z = w·φ(u, v), or f(x) = Σⱼ uⱼ σ(aⱼx + bⱼ).
    """
    if model != "two_layer":
        return inputs(model, X) @ theta
    a, b, u = np.split(theta, 3)
    return np.stack([(u * sigmoid(a * x + b)).sum(axis=0) for x in X[:, 0]])


def two_layer(
    theta: np.ndarray,
    x: np.ndarray,
    outer: Callable[[np.ndarray], np.ndarray] | None = None,
    f: np.ndarray | None = None,
    gradient: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return f(x) = Σⱼ uⱼ σ(aⱼx + bⱼ) and its gradient ∇θ f (problem 6).

    With s = σ(ax + b) and σ′ = σ(1 − σ): ∇u f = s, ∇b f = u ⊙ s ⊙ (1 − s), ∇a f = x ∇b f.

    Parameters
    ----------
    theta : numpy.ndarray, shape (3p, ...)
        θ = (a, b, u).
    x : numpy.ndarray, shape (...)
        An example for each column.
    outer : callable, optional
        Gives the factor of the gradient, by the chain rule, from f: ℓ′(f) for ∇θ ℓ(f).
    f, gradient : numpy.ndarray, optional
        Where to write them.

    Returns
    -------
    f : numpy.ndarray, shape (...)
        Outputs.
    gradient : numpy.ndarray, shape (3p, ...)
        Gradients of the outputs, times the factor.
    """
    a, b, u = np.split(theta, 3)
    if gradient is None:
        gradient = np.empty(np.broadcast_shapes(theta.shape, (len(theta), *x.shape)), theta.dtype)
    by_a, by_b, s = np.split(gradient, 3)
    np.multiply(a, -x, out=s)
    s -= b
    with np.errstate(over="ignore"):
        np.exp(s, out=s)
    s += 1
    np.reciprocal(s, out=s)
    np.multiply(u, s, out=by_a)
    f = by_a.sum(axis=0, out=f)
    np.subtract(1, s, out=by_b)
    if outer is not None:
        factor = outer(f)
        by_a *= factor
        s *= factor
    by_b *= by_a
    np.multiply(x, by_b, out=by_a)
    return f, gradient


def penalty(objective: Objective, theta: np.ndarray, X: np.ndarray) -> np.ndarray:
    """Return λ‖w‖², shape (replicas,), w being the weights of the features."""
    weights = theta[: feature_count(objective.model, X)]
    return objective.regularization * (weights**2).sum(axis=0)
