"""A run's own examples, and what its program logs of them."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from stages.sgd.parts.datasets import Draw
from stages.sgd.parts.losses import LOSSES
from stages.sgd.parts.models import Epoch, Examples, covered, recipe_inputs, stated_parameters
from stages.sgd.parts.scores import objective, verdicts
from stages.sgd.recipes.recipe import Recipe


class Setting(NamedTuple):
    """The examples of a run.

    Attributes
    ----------
    trained, held_out : tuple of numpy.ndarray
        X and y of those trained on and of the rest, the labels as the program codes them.
    whole : tuple of numpy.ndarray
        All of them, the labels ±1.
    """

    trained: Examples
    held_out: Examples
    whole: Examples


def setting(recipe: Recipe, data: Draw) -> Setting:
    """Divide and code a program's data.

    Raises
    ------
    ValueError
        If there are no such examples as the recipe wants to train on, or to draw, or the
        network whose θ₀ is drawn before them has another size.
    """
    n = len(data.y)
    train = recipe.data.train or n
    if train > n or (recipe.data.train == n and recipe.log.value == "held_out"):
        raise ValueError(f"data.train = {train}: there are {n} examples")
    if recipe.start.stream == "before" and len(data.theta) != 3 * recipe.objective.hidden:
        hidden = f"datasets.{recipe.dataset}.hidden = {len(data.theta) // 3}"
        raise ValueError(f"{hidden}: must be objective.hidden = {recipe.objective.hidden}")
    if (recipe.order.examples or 1) > train:
        raise ValueError(f"order.examples = {recipe.order.examples}: {train} are trained on")
    whole = recipe.order.law in ("blocks", "distinct") or recipe.batch.drop_last
    if recipe.order.law != "replacement" and whole and recipe.batch.size > train:
        raise ValueError(f"batch.size = {recipe.batch.size}: {train} are trained on")
    coded = data.y
    if not recipe.network:
        coded = np.where(data.y > 0, recipe.data.positive, recipe.data.negative)
    parts = [(data.X[part], coded[part]) for part in (slice(train), slice(train, None))]
    return Setting(*parts, (data.X, data.y))


class Table(NamedTuple):
    """What a linear program's objective is a sum over.

    Attributes
    ----------
    inputs : numpy.ndarray, shape (N, d)
        Of what is logged.
    y : numpy.ndarray, shape (N, 1)
        Labels as the program codes them.
    mask : numpy.ndarray, shape (d, 1)
        1 where λ covers an entry of θ, else 0.
    """

    inputs: np.ndarray
    y: np.ndarray
    mask: np.ndarray


def table_of(recipe: Recipe, examples: Examples) -> Table:
    """Return what a linear program's objective of X and y, as it codes them, is a sum over."""
    X, y = examples
    return Table(recipe_inputs(recipe, X, y)["log"], y[:, None], covered(recipe, X)[:, None])


def own_objective(recipe: Recipe, examples: Examples | Table, theta: np.ndarray) -> np.ndarray:
    """Return what a program takes for its objective, or its worst margin, at a θ.

    Parameters
    ----------
    recipe : Recipe
        Its `log` says which loss, and its `penalty` whether λ‖w‖² is in it.
    examples : tuple of numpy.ndarray, or Table
        X and y, as the program codes them, or what has been made of them.
    theta : numpy.ndarray, shape (..., d, R)
        Parameters of the program.

    Returns
    -------
    numpy.ndarray, shape (..., R)
    """
    if recipe.network:
        X, y = examples
        flat = np.moveaxis(theta, -2, 0)
        z = np.stack([_network(flat, x) for x in X[:, 0]], axis=-2)
        return reduced(recipe, LOSSES["squared"](z, y[:, None]), -2)
    table = examples if isinstance(examples, Table) else table_of(recipe, examples)
    z = table.inputs @ theta
    if recipe.log.value == "worst_margin":
        losses = (1 - table.y * z).max(axis=-2)
    else:
        losses = LOSSES[recipe.log.loss or recipe.objective.loss](z, table.y)
        losses = reduced(recipe, losses, -2)
    if recipe.penalty.logged and recipe.penalised:
        losses = losses + recipe.penalised * (table.mask * theta**2).sum(axis=-2)
    return losses


def reduced(recipe: Recipe, losses: np.ndarray, axis: int) -> np.ndarray:
    """Return the mean of losses along an axis, or their sum if that is what is logged."""
    return losses.sum(axis=axis) if recipe.log.reduction == "sum" else losses.mean(axis=axis)


def counts(examples: np.ndarray) -> np.ndarray:
    """Return how many examples each step has, shape (T, R), of examples (T, B, R)."""
    return (examples >= 0).sum(axis=1)


def _network(theta: np.ndarray, x: float) -> np.ndarray:
    a, b, u = np.split(theta, 3)
    z = a * -x
    z -= b
    with np.errstate(over="ignore"):
        np.exp(z, out=z)
    z += 1
    return np.divide(u, z, out=z).sum(axis=0)


def _sampled_after(recipe: Recipe, examples: Examples, epoch: Epoch) -> np.ndarray:
    """Return the loss of each step's batch after its update, shape (T, followed)."""
    X, y = examples
    path, followed = epoch.path[1:], epoch.path.shape[2]
    seen = epoch.examples[:, :, :followed]  # (T, B, followed)
    if recipe.network:
        flat = np.moveaxis(path, 1, 0)
        z = np.stack([_network(flat, X[seen[:, b], 0]) for b in range(seen.shape[1])], axis=1)
    else:
        inputs = recipe_inputs(recipe, X, y)["log"]
        z = np.einsum("tbrd,tdr->tbr", inputs[seen], path)
    there = seen >= 0  # not in a short batch
    label, loss = y[seen] * there, LOSSES[recipe.log.loss or recipe.objective.loss]
    if recipe.batch.size > 1 and recipe.batch.reduction == "margin":
        values = loss((label * z).sum(axis=1), np.ones_like(z[:, 0]))
    else:
        values = (loss(z, label) * there).sum(axis=1)
        values /= there.sum(axis=1) if recipe.batch.reduction == "mean" else 1
    if recipe.penalty.logged and recipe.penalised:
        mask = covered(recipe, X)[:, None]
        values = values + recipe.penalised * (mask * path**2).sum(axis=1)
    return values


class Logger:
    """What the program itself logs, for the replicas whose path is kept.

    Attributes
    ----------
    values : list of numpy.ndarray, shape (followed,)
        So far.
    """

    def __init__(self, recipe: Recipe, where: Setting) -> None:
        self.recipe, self.where = recipe, where
        self.values: list[np.ndarray] = []
        self.steps = 0

    def see(self, epoch: Epoch) -> None:
        """Log what is to be logged of an epoch."""
        log, followed = self.recipe.log, epoch.path.shape[2]
        if log.start and not self.steps:
            self.values.append(self._full(epoch.path[0]) * log.factor)
        numbers = self.steps + np.arange(len(epoch.losses))
        self.steps += len(numbers)
        if log.every == "epoch":
            chosen = np.full(len(numbers), True)
        else:
            chosen = (numbers + (log.phase == "last")) % log.every == 0
        if not chosen.any():
            return
        if log.value == "sampled" and log.moment == "before":
            values = epoch.losses[:, :followed]
        elif log.value == "sampled":
            values = _sampled_after(self.recipe, self.where.trained, epoch)
        else:
            path = epoch.path[1:] if log.moment == "after" else epoch.path[:-1]
            if log.every != "epoch":
                path = path[chosen]
            values = self._full(path)
        if log.every == "epoch":
            if log.reduction == "examples":
                many = counts(epoch.examples[:, :, :followed])
                values = values * many / many.mean(axis=0)
            sampled = log.value == "sampled"
            values = [reduced(self.recipe, values, 0) if sampled else values.mean(axis=0)]
        elif len(values) == len(chosen):
            values = values[chosen]
        self.values.extend(value * log.factor for value in values)

    def _full(self, theta: np.ndarray) -> np.ndarray:
        held_out = self.recipe.log.value == "held_out"
        examples = self.where.held_out if held_out else self.where.trained
        return own_objective(self.recipe, examples, theta)


def trace(
    epochs: Iterator[Epoch], recipe: Recipe, where: Setting, theta: np.ndarray
) -> dict[str, object]:
    """Return what replica 0 does, to the last digit: where it starts, what it sees, logs, reaches.

    Parameters
    ----------
    epochs : iterator of Epoch
        Of a run that follows one replica.
    recipe : Recipe
        What is running.
    where : Setting
        The program's examples.
    theta : numpy.ndarray, shape (d, replicas)
        Initial parameters.

    Returns
    -------
    dict
        `initial` θ₀; `indices_head`, the first 40 examples or batches; all that is `logged`;
        `final` θ; `judged`, the stated objective with the program's own λ, and the accuracy or
        error, of `final` on the program's own data.
    """
    logger, head = Logger(recipe, where), []
    for epoch in epochs:
        logger.see(epoch)
        seen = epoch.examples[:40, :, 0].tolist()
        head = [*head, *([i for i in batch if i >= 0] for batch in seen)][:40]
    own = recipe.objective.model_copy(update={"regularization": recipe.penalised})
    final = stated_parameters(recipe, epoch.theta[:, :1])
    judged = {"objective": objective(own, final, *where.whole)} | verdicts(own, final, *where.whole)
    return {
        "initial": theta[:, 0].tolist(),
        "indices_head": head if recipe.batch.size > 1 else [i for (i,) in head],
        "logged": [float(value[0]) for value in logger.values],
        "final": epoch.theta[:, 0].tolist(),
        "judged": {name: float(values[0]) for name, values in judged.items()},
    }
