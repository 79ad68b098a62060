"""Stochastic gradient descent by hand: the loop, in NumPy.

Every replica takes its own step at the same time: row r of each array is replica r.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from stages.sgd.losses import DERIVATIVES, LOSSES
from stages.sgd.models import Epoch, covered, recipe_inputs, two_layer_output
from stages.sgd.recipe import Recipe


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
