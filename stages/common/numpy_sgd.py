"""Stochastic gradient descent by hand: the derivatives and the loop, in NumPy.

Every replica takes its own step at the same time: row r of each array is replica r.
"""

from collections.abc import Iterable, Iterator, Sequence

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


def logistic_derivative(z: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return ∂/∂z log(1 + e^(−yz)) = −y σ(−yz); with z = θ·x, ∇θ is that times x (problem 1).

    Parameters
    ----------
    z, y : numpy.ndarray, shape (replicas,)
        Outputs and labels ±1.
    """
    return -y * sigmoid(-y * z)


def hinge_derivative(z: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return ∂/∂z max(0, 1 − yz) = −y where yz < 1, else 0; ∇θ is that times x (problem 2).

    At the kink yz = 1 the subgradient 0 is taken, as PyTorch's `relu` does.

    Parameters
    ----------
    z, y : numpy.ndarray, shape (replicas,)
        Outputs and labels ±1.
    """
    return np.where(y * z < 1, -y, 0.0)


def one_minus_loss(z: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return (1 − log(1 + e^(−yz))) y, which appendix B has where the derivative belongs.

    Parameters
    ----------
    z, y : numpy.ndarray, shape (replicas,)
        Outputs and labels ±1.
    """
    return (1 - logistic_loss(z, y)) * y


def squared_derivative(z: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return ∂/∂z ½(z − y)² = z − y; ∇θ is that times ∇θ z (problem 7).

    Parameters
    ----------
    z, y : numpy.ndarray, shape (replicas,)
        Outputs and targets.
    """
    return z - y


DERIVATIVES = {
    "logistic": logistic_derivative,
    "hinge": hinge_derivative,
    "squared": squared_derivative,
    "one_minus_loss": one_minus_loss,
}


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
    yield from train_batch([recipe], X, y, theta, indices)


def train_batch(
    recipes: Sequence[Recipe],
    X: np.ndarray,
    y: np.ndarray,
    theta: np.ndarray,
    indices: Iterable[np.ndarray],
) -> Iterator[Epoch]:
    """Train the replicas of several recipes at once, as many of each.

    Parameters
    ----------
    recipes : sequence of Recipe
        They may differ in `gradient`, `label_leak` and `regularized`, and in what `theta`
        and `indices` decide; a network stands alone.
    X : numpy.ndarray, shape (N, columns)
        Examples.
    y : numpy.ndarray, shape (N,)
        Labels or targets.
    theta : numpy.ndarray, shape (rows, d)
        Initial parameters, the replicas of the first recipe first.
    indices : iterable of numpy.ndarray, shape (steps, rows)
        Each epoch's examples.

    Yields
    ------
    Epoch
        One for each element of `indices`, with an entry a row.
    """
    theta = theta.copy()
    objective, learning_rate = recipes[0].objective, recipes[0].learning_rate
    network, loss = objective.model == "two_layer", LOSSES[objective.loss]
    replicas = len(theta) // len(recipes)
    tables = [recipe_inputs(recipe, X, y) for recipe in recipes]
    forward, backward = (
        np.repeat(np.stack(table, axis=1), replicas, axis=1) for table in zip(*tables, strict=True)
    )  # (N, rows, inputs): what each row sees of each example
    penalty = np.zeros_like(theta)
    for recipe, rows in zip(recipes, np.split(penalty, len(recipes)), strict=True):
        rows[:, : covered(recipe, X)] = objective.regularization
    rules = [r.objective.loss if r.gradient == "derivative" else r.gradient for r in recipes]
    rule_of_row, every = np.repeat(rules, replicas), np.arange(len(theta))
    exceptions = [(rule, rule_of_row == rule) for rule in set(rules) - {rules[0]}]
    for epoch in indices:
        x, x_backward, labels = forward[epoch, every], backward[epoch, every], y[epoch]
        z, losses = np.empty(epoch.shape), np.empty(epoch.shape)
        for k in range(len(epoch)):
            if network:
                z[k], gradient = two_layer_output(theta, x[k, :, 0])
            else:
                z[k], gradient = np.einsum("rd,rd->r", theta, x[k]), x_backward[k]
            losses[k] = loss(z[k], labels[k])
            derivative = DERIVATIVES[rules[0]](z[k], labels[k])
            for rule, rows in exceptions:
                derivative[rows] = DERIVATIVES[rule](z[k, rows], labels[k, rows])
            gradient = derivative[:, None] * gradient
            if objective.regularization:
                shrinkage = penalty * theta
                losses[k] += np.einsum("rd,rd->r", shrinkage, theta)
                gradient += 2 * shrinkage
            theta -= learning_rate * gradient
        kinks, kinks_printed = (labels * z == 1).sum(axis=0), (z == 1).sum(axis=0)
        yield Epoch(losses.mean(axis=0), theta, kinks, kinks_printed)
