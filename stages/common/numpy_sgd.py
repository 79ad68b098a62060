"""Stochastic gradient descent by hand: the gradients and the loop, in NumPy.

Every replica takes its own step at the same time: row r of each array is replica r.
"""

from collections.abc import Iterable, Iterator

import numpy as np

from stages.common.parameters import Recipe
from stages.common.problems import (
    LOSSES,
    Epoch,
    covered,
    logistic_loss,
    recipe_inputs,
    sigmoid,
)


def logistic_gradient(z: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return ∇θ log(1 + e^(−yz)) = −y σ(−yz) x for z = θ·x (problem 1).

    Parameters
    ----------
    z : numpy.ndarray, shape (replicas,)
        Outputs.
    x : numpy.ndarray, shape (replicas, d)
        Each replica's input.
    y : numpy.ndarray, shape (replicas,)
        Its label, ±1.

    Returns
    -------
    numpy.ndarray, shape (replicas, d)
        Gradients.
    """
    return (-y * sigmoid(-y * z))[:, None] * x


def hinge_gradient(z: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return ∇θ max(0, 1 − yz) = −y x where yz < 1, else 0, for z = θ·x (problem 2).

    At the kink yz = 1 the subgradient 0 is taken, as PyTorch's `relu` does.

    Parameters
    ----------
    z : numpy.ndarray, shape (replicas,)
        Outputs.
    x : numpy.ndarray, shape (replicas, d)
        Each replica's input.
    y : numpy.ndarray, shape (replicas,)
        Its label, ±1.

    Returns
    -------
    numpy.ndarray, shape (replicas, d)
        Gradients.
    """
    return np.where(y * z < 1, -y, 0.0)[:, None] * x


def one_minus_loss_gradient(z: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return (1 − log(1 + e^(−yz))) y x, appendix B's stand-in for the logistic gradient.

    Parameters
    ----------
    z : numpy.ndarray, shape (replicas,)
        Outputs.
    x : numpy.ndarray, shape (replicas, d)
        Each replica's input.
    y : numpy.ndarray, shape (replicas,)
        Its label, ±1.

    Returns
    -------
    numpy.ndarray, shape (replicas, d)
        What appendix B subtracts a multiple of; the gradient of nothing it states.
    """
    return ((1 - logistic_loss(z, y)) * y)[:, None] * x


def two_layer_gradient(
    theta: np.ndarray, x: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return f(x) = Σⱼ uⱼ σ(aⱼx + bⱼ) and ∇θ ½(f(x) − y)² (problems 6 and 7).

    With s = σ(ax + b) the gradients of f are ∇u f = s, ∇b f = u ⊙ s ⊙ (1 − s) and
    ∇a f = x ∇b f, and that of the loss is (f − y) ∇f.

    Parameters
    ----------
    theta : numpy.ndarray, shape (replicas, 3p)
        θ = (a, b, u).
    x, y : numpy.ndarray, shape (replicas,)
        Each replica's example and its target.

    Returns
    -------
    f : numpy.ndarray, shape (replicas,)
        Outputs.
    gradient : numpy.ndarray, shape (replicas, 3p)
        Gradients of the loss.
    """
    a, b, u = np.split(theta, 3, axis=1)
    s = sigmoid(a * x[:, None] + b)
    f = np.einsum("rp,rp->r", u, s)
    by_u = (f - y)[:, None] * s
    by_b = by_u * u * (1 - s)
    by_a = x[:, None] * by_b
    return f, np.concatenate([by_a, by_b, by_u], axis=1)


GRADIENTS = {
    "logistic": logistic_gradient,
    "hinge": hinge_gradient,
    "one_minus_loss": one_minus_loss_gradient,
}


def train(
    recipe: Recipe, X: np.ndarray, y: np.ndarray, theta: np.ndarray, indices: Iterable[np.ndarray]
) -> Iterator[Epoch]:
    """Train every replica at once: θ ← θ − η (∇ℓ(θ; xᵢ, yᵢ) + 2λw) at each step.

    Parameters
    ----------
    recipe : Recipe
        What to compute; η is its `learning_rate`.
    X : numpy.ndarray, shape (N, columns)
        Examples.
    y : numpy.ndarray, shape (N,)
        Labels or targets.
    theta : numpy.ndarray, shape (replicas, d)
        Initial parameters.
    indices : iterable of numpy.ndarray, shape (steps, replicas)
        Each epoch's examples.

    Yields
    ------
    Epoch
        One for each element of `indices`.
    """
    theta = theta.copy()
    loss = LOSSES[recipe.objective.loss]
    network = recipe.objective.model == "two_layer"
    rule = recipe.objective.loss if recipe.gradient == "derivative" else recipe.gradient
    forward, backward = recipe_inputs(recipe, X, y)
    regularization = recipe.objective.regularization
    weights = theta[:, : covered(recipe, X)]  # a view: it follows theta
    for epoch in indices:
        x, x_backward, labels = forward[epoch], backward[epoch], y[epoch]
        z, losses = np.empty(epoch.shape), np.empty(epoch.shape)
        for k in range(len(epoch)):
            if network:
                z[k], gradient = two_layer_gradient(theta, x[k, :, 0], labels[k])
            else:
                z[k] = np.einsum("rd,rd->r", theta, x[k])
                gradient = GRADIENTS[rule](z[k], x_backward[k], labels[k])
            losses[k] = loss(z[k], labels[k])
            if regularization:
                losses[k] += regularization * np.einsum("rd,rd->r", weights, weights)
                gradient[:, : weights.shape[1]] += 2 * regularization * weights
            theta -= recipe.learning_rate * gradient
        kinks, kinks_printed = (labels * z == 1).sum(axis=0), (z == 1).sum(axis=0)
        yield Epoch(losses.mean(axis=0), theta, kinks, kinks_printed)
