"""The models: features, outputs, and what of θ a recipe's λ and label touch."""

from typing import NamedTuple

import numpy as np

from stages.sgd.losses import sigmoid
from stages.sgd.recipe import Recipe


class Epoch(NamedTuple):
    """What a trainer reports after each epoch, one entry a replica.

    Attributes
    ----------
    sampled_loss : numpy.ndarray, shape (replicas,)
        Mean of the sampled examples' losses, each before its update.
    theta : numpy.ndarray, shape (replicas, d)
        Parameters at the epoch's end, valid until the next epoch is asked for.
    kinks : numpy.ndarray, shape (replicas,)
        Steps with y·z exactly 1, where the hinge loss has no derivative.
    kinks_printed : numpy.ndarray, shape (replicas,)
        Steps with z exactly 1, which is what appendix D counts.
    """

    sampled_loss: np.ndarray
    theta: np.ndarray
    kinks: np.ndarray
    kinks_printed: np.ndarray


def features(model: str, X: np.ndarray) -> np.ndarray:
    """Map examples to the features whose weights λ covers.

    Parameters
    ----------
    model : {'affine', 'quadratic', 'two_layer'}
        `quadratic` maps (u, v) to φ = (1, u, u², v, v²) of problem 3; the others keep X.
    X : numpy.ndarray, shape (N, columns)
        Examples.

    Returns
    -------
    numpy.ndarray, shape (N, features)
        Features.
    """
    if model == "quadratic":
        u, v = X.T
        return np.column_stack([np.ones_like(u), u, u**2, v, v**2])
    return X


def inputs(model: str, X: np.ndarray, last: np.ndarray | None = None) -> np.ndarray:
    """Return what a model's θ is applied to: the features and what follows them.

    Parameters
    ----------
    model : {'affine', 'quadratic', 'two_layer'}
        The affine model's features are followed by the bias's constant 1.
    X : numpy.ndarray, shape (N, columns)
        Examples.
    last : numpy.ndarray, shape (N,), optional
        A column to follow the features instead.

    Returns
    -------
    numpy.ndarray, shape (N, inputs)
        One input a row.
    """
    if last is None and model == "affine":
        last = np.ones(len(X))
    mapped = features(model, X)
    return mapped if last is None else np.column_stack([mapped, last])


def recipe_inputs(recipe: Recipe, X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the inputs of a recipe's outputs, and of its gradients.

    Parameters
    ----------
    recipe : Recipe
        Its `label_leak` puts the label where the constant belongs.
    X : numpy.ndarray, shape (N, columns)
        Examples.
    y : numpy.ndarray, shape (N,)
        Labels.

    Returns
    -------
    forward, backward : numpy.ndarray, shape (N, inputs)
        Equal unless `label_leak` is 'gradient'.
    """
    stated, leaked = (inputs(recipe.objective.model, X, last) for last in (None, y))
    forward = leaked if recipe.label_leak == "everywhere" else stated
    backward = stated if recipe.label_leak == "none" else leaked
    return forward, backward


def covered(recipe: Recipe, X: np.ndarray) -> int:
    """Return how many of θ's leading entries λ covers, none of the network's.

    Parameters
    ----------
    recipe : Recipe
        With `regularized` 'all' λ covers every entry.
    X : numpy.ndarray, shape (N, columns)
        Examples.
    """
    if recipe.objective.model == "two_layer":
        return 0
    if recipe.regularized == "all":
        return inputs(recipe.objective.model, X, last=np.zeros(len(X))).shape[1]
    return features(recipe.objective.model, X).shape[1]


def honest(recipe: Recipe, theta: np.ndarray) -> np.ndarray:
    """Return the stated problem's parameters: without a leaked label's weight.

    Parameters
    ----------
    recipe : Recipe
        The run that θ comes from.
    theta : numpy.ndarray, shape (replicas, d)
        Parameters of the run.

    Returns
    -------
    numpy.ndarray, shape (replicas, stated d)
        The affine model keeps a bias, which is 0.
    """
    if recipe.label_leak != "everywhere":
        return theta
    if recipe.objective.model == "affine":
        return np.column_stack([theta[:, :-1], np.zeros(len(theta))])
    return theta[:, :-1]


def output(model: str, theta: np.ndarray, X: np.ndarray) -> np.ndarray:
    """Return the model's outputs.

    z = w·x + b, z = w·φ(u, v), or f(x) = Σⱼ uⱼ σ(aⱼx + bⱼ) with θ = (a, b, u).

    Parameters
    ----------
    model : {'affine', 'quadratic', 'two_layer'}
        Model.
    theta : numpy.ndarray, shape (replicas, d)
        Parameters.
    X : numpy.ndarray, shape (N, columns)
        Examples.

    Returns
    -------
    numpy.ndarray, shape (replicas, N)
        Output of each replica for each example.
    """
    if model != "two_layer":
        return theta @ inputs(model, X).T
    x = X[:, 0]
    a, b, u = np.split(theta, 3, axis=1)
    z = np.empty((len(theta), len(x)))
    for n, point in enumerate(x):  # one at a time: all N at once would hold replicas × p × N
        z[:, n] = np.einsum("rp,rp->r", u, sigmoid(a * point + b))
    return z


def two_layer_output(theta: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return f(x) = Σⱼ uⱼ σ(aⱼx + bⱼ) and its gradient ∇θ f (problem 6).

    With s = σ(ax + b) and σ′ = σ(1 − σ): ∇u f = s, ∇b f = u ⊙ s ⊙ (1 − s), ∇a f = x ∇b f.

    Parameters
    ----------
    theta : numpy.ndarray, shape (replicas, 3p)
        θ = (a, b, u).
    x : numpy.ndarray, shape (replicas,)
        Each replica's example.

    Returns
    -------
    f : numpy.ndarray, shape (replicas,)
        Outputs.
    gradient : numpy.ndarray, shape (replicas, 3p)
        Gradients of the outputs.
    """
    a, b, u = np.split(theta, 3, axis=1)
    s = sigmoid(a * x[:, None] + b)
    by_b = u * s * (1 - s)
    return np.einsum("rp,rp->r", u, s), np.concatenate([x[:, None] * by_b, by_b, s], axis=1)
