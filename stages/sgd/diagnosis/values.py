"""What a candidate logs of the steps that a curve shows, and of one step for any learning rate."""

from collections.abc import Callable

import numpy as np

from stages.sgd.parts.logs import Logger, Setting, Table, counts, own_objective, reduced, table_of
from stages.sgd.parts.losses import LOSSES
from stages.sgd.parts.models import Epoch, Examples, feature_count
from stages.sgd.recipes.fields import Log
from stages.sgd.recipes.recipe import Recipe


def logged(
    recipe: Recipe,
    where: Setting,
    judged: Examples | Table,
    epoch: Epoch,
    chosen: np.ndarray,
    columns: np.ndarray,
) -> np.ndarray:
    """Return what is logged at the chosen steps, shape (steps, columns).

    `judged` is what an objective is taken over. Without the log's factor, which follows.
    """
    log = recipe.log
    width = recipe_width(recipe, where)
    if log.value == "sampled":
        values = epoch.losses[chosen[:, None], columns]
        if log.moment == "after":
            part = Epoch(
                epoch.examples[chosen][:, :, columns], epoch.z, epoch.y,
                epoch.losses[chosen], epoch.theta,
                epoch.path[np.concatenate([[0], chosen + 1])][:, :width, columns],
            )  # fmt: skip
            each = recipe.model_copy(
                update={"log": Log(value="sampled", loss=log.loss, moment="after", every=1)}
            )
            logger = Logger(each, where)
            logger.see(part)
            values = np.stack(logger.values)
        if log.reduction == "examples":
            many, n = counts(epoch.examples[chosen][:, :, columns]), len(where.trained[1])
            values = values * many * recipe.steps_an_epoch(n) / n
        return values
    path, rows = epoch.path[:, :width], chosen + (log.moment == "after")
    if not np.array_equal(columns, np.arange(path.shape[2])):
        path = np.stack([path[row].take(columns, axis=1) for row in rows])
    else:
        path = path[rows]
    return own_objective(recipe, judged, path)


def line(
    recipe: Recipe, where: Setting, base: np.ndarray, slope: np.ndarray
) -> Callable[[np.ndarray], np.ndarray]:
    """Return what is logged at base + η slope, as a function of η, but for the log's factor."""
    X, y = where.held_out if recipe.log.value == "held_out" else where.trained
    if recipe.network:
        return lambda eta: own_objective(recipe, (X, y), base + eta * slope)
    width = recipe_width(recipe, where)
    base, slope = base[:width], slope[:width]
    inputs, label, covers = table_of(recipe, (X, y))
    z, dz = inputs @ base, inputs @ slope
    mask = covers * (recipe.penalised if recipe.penalty.logged else 0.0)
    square, twice, steep = ((mask * p).sum(axis=0) for p in (base**2, 2 * base * slope, slope**2))
    loss = LOSSES[recipe.log.loss or recipe.objective.loss]

    def value(eta: np.ndarray) -> np.ndarray:
        at = z + eta * dz
        if recipe.log.value == "worst_margin":
            found = (1 - label * at).max(axis=0)
        else:
            found = reduced(recipe, loss(at, label), 0)
        return found + square + eta * (twice + eta * steep)

    return value


def recipe_width(recipe: Recipe, where: Setting) -> int:
    """Return how many entries a recipe's θ has."""
    if recipe.network:
        return 3 * recipe.objective.hidden
    return feature_count(recipe.objective.model, where.trained[0]) + recipe.follows
