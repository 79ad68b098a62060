"""What a run leaves behind: its history, its metrics and its saved parameters."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd
from tqdm import tqdm

from stages.sgd.models import Epoch, honest
from stages.sgd.recipe import Recipe, StatedObjective
from stages.sgd.scores import objective, verdicts


class DivergenceError(ArithmeticError):
    """A replica's objective is no longer finite: the learning rate is too large."""


class Run(NamedTuple):
    """The record of a run.

    Attributes
    ----------
    history : pandas.DataFrame
        `epoch`, then for `sampled_loss` and `objective` the median over replicas, the 5 %
        and 95 % quantiles (`_lower`, `_upper`) and replica 0 (`_first`); `optimum` throughout.
    metrics : dict of str to float
        The row of `dvc metrics show`.
    arrays : dict of str to numpy.ndarray
        `theta`, shape (replicas, d), and if the recipe saves any, `checkpoints`, shape
        (checkpoints, replicas, d), with the `steps` taken by then, shape (checkpoints,).
    """

    history: pd.DataFrame
    metrics: dict[str, float]
    arrays: dict[str, np.ndarray]


@np.errstate(over="ignore", invalid="ignore")
def record(
    epochs: Iterable[Epoch],
    recipe: Recipe,
    stated: StatedObjective,
    X: np.ndarray,
    y: np.ndarray,
    optimum: float,
    name: str,
) -> Run:
    """Follow a run to its end, keeping a few numbers an epoch.

    Parameters
    ----------
    epochs : iterable of Epoch
        `recipe.epochs` of them.
    recipe : Recipe
        What is running.
    stated : StatedObjective
        The stated problem, which judges the run whatever it minimises.
    X : numpy.ndarray, shape (N, columns)
        Examples.
    y : numpy.ndarray, shape (N,)
        Labels or targets.
    optimum : float
        Exact minimum, or infimum, of the stated objective.
    name : str
        Label of the progress bar.

    Returns
    -------
    Run
        History, metrics and arrays. The metrics `objective`, `sampled_loss` and the verdicts
        are medians over replicas at the last epoch, `objective_lower` and `objective_upper`
        the 5 % and 95 % quantiles; `gap` is the median less the optimum; `spread` is the
        median standard deviation of a replica's sampled loss over the last tenth of the
        epochs; `kinks` and `kinks_printed` are totals over replicas and steps.

    Raises
    ------
    DivergenceError
        If a replica diverges.
    """
    rows, checkpoints = [], []
    kinks = kinks_printed = 0
    tail = -(-recipe.epochs // 10)
    mean = squares = np.zeros(recipe.replicas)
    for number, epoch in enumerate(tqdm(epochs, name, recipe.epochs, disable=None), start=1):
        theta = honest(recipe, epoch.theta)
        value = objective(stated, theta, X, y)
        if lost := int((~np.isfinite(value)).sum()):
            raise DivergenceError(
                f"learning_rate = {recipe.learning_rate}: {name} diverges in "
                f"epoch {number}, {lost} of {recipe.replicas} replicas lost"
            )
        rows.append([number, *_summary(epoch.sampled_loss), *_summary(value)])
        kinks += int(epoch.kinks.sum())
        kinks_printed += int(epoch.kinks_printed.sum())
        if recipe.checkpoint and number % recipe.checkpoint == 0:
            checkpoints.append(epoch.theta.copy())
        if (count := number - recipe.epochs + tail) > 0:  # Welford's running variance
            deviation = epoch.sampled_loss - mean
            mean = mean + deviation / count
            squares = squares + deviation * (epoch.sampled_loss - mean)
    columns = ["epoch"]
    columns += [f"{kind}{part}" for kind in ("sampled_loss", "objective") for part in PARTS]
    history = pd.DataFrame(rows, columns=columns).assign(optimum=optimum)
    last = history.iloc[-1]
    metrics = {
        "objective": last["objective"],
        "objective_lower": last["objective_lower"],
        "objective_upper": last["objective_upper"],
        "gap": last["objective"] - optimum,
        "sampled_loss": last["sampled_loss"],
        "spread": float(np.median(np.sqrt(squares / tail))),
    }
    for key, values in verdicts(stated, theta, X, y).items():
        metrics[key] = float(np.median(values))
    if stated.loss == "hinge":
        metrics |= {"kinks": kinks, "kinks_printed": kinks_printed}
    arrays = {"theta": epoch.theta}
    if checkpoints:
        arrays["checkpoints"] = np.stack(checkpoints)
        arrays["steps"] = np.arange(1, len(checkpoints) + 1) * recipe.checkpoint * recipe.steps
    return Run(history, metrics, arrays)


PARTS = ("", "_lower", "_upper", "_first")


def _summary(values: np.ndarray) -> list[float]:
    return [*np.quantile(values, (0.5, 0.05, 0.95)), values[0]]
