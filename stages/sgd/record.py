"""From a run's epochs: what its program logs, its history, and a table of its replicas."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd

from stages.sgd.parts.logs import Logger, Setting
from stages.sgd.parts.models import Epoch, Examples, stated_parameters
from stages.sgd.parts.scores import objective, summands, verdicts
from stages.sgd.recipes.recipe import Recipe
from stages.sgd.recipes.schema import Objective

PARTS = ("", "_lower", "_upper", "_first")
GROUP = 64  # epochs whose quantiles are taken at once
MEDIANS = {"accuracy", "margin", "rmse", "spread"}


class DivergedError(ValueError):
    """A replica's objective is no longer finite."""


class Run(NamedTuple):
    """The record of a run.

    Attributes
    ----------
    history : pandas.DataFrame
        `epoch`, then for `sampled_loss` and `objective` the median over replicas, the 5 %
        and 95 % quantiles (`_lower`, `_upper`) and replica 0 (`_first`); `optimum` throughout.
    replicas : pandas.DataFrame
        A row a replica: `reported_loss`, the mean over the last tenth of the epochs, its
        `spread` there, and at the end `objective`, verdicts, the two losses and ‖w‖² of a
        classifier, and the number of steps at a kink.
    metrics : dict of str to float
        The row of `dvc metrics show`.
    details : dict of str to float
        What else there is to say of the last epoch: quantiles, medians, kinks.
    arrays : dict of str to numpy.ndarray
        `theta`, shape (replicas, d); `losses`, shape (replicas, epochs); what replica 0
        `logged`; and if the recipe saves any, `checkpoints`, shape (checkpoints, replicas, d),
        with the `steps` taken by then.
    """

    history: pd.DataFrame
    replicas: pd.DataFrame
    metrics: dict[str, float]
    details: dict[str, float]
    arrays: dict[str, np.ndarray]


@np.errstate(over="ignore", invalid="ignore")
def record(
    epochs: Iterable[Epoch],
    recipe: Recipe,
    stated: Objective,
    examples: Examples,
    optimum: float,
    where: Setting | None = None,
) -> Run:
    """Follow a run to its end, keeping a few numbers an epoch.

    Parameters
    ----------
    epochs : iterable of Epoch
        All of them.
    recipe : Recipe
        What is running.
    stated : Objective
        The stated problem's, which judges the run whatever it minimises.
    examples : tuple of numpy.ndarray
        X and y of the stated problem.
    optimum : float
        Exact minimum, or infimum, of the stated objective.
    where : Setting, optional
        The program's own examples, if what it logs is to be kept.

    Returns
    -------
    Run
        History, replicas, metrics and arrays.

    Raises
    ------
    DivergedError
        If a replica's objective is no longer finite.
    """
    logger = Logger(recipe, where) if where else None
    history, pending, losses, checkpoints, steps = [], [], [], [], []
    (kinks, printed), taken = np.zeros((2, recipe.replicas), int), 0
    for number, epoch in enumerate(epochs, start=1):
        value = objective(stated, stated_parameters(recipe, epoch.theta), *examples)
        if lost := int((~np.isfinite(value)).sum()):
            raise DivergedError(
                f"diverges in epoch {number}, {lost} of {recipe.replicas} replicas lost"
            )
        if logger:
            logger.see(epoch)
        taken += len(epoch.losses)
        losses.append(epoch.losses.mean(axis=0))
        pending.append((losses[-1], value))
        if len(pending) == GROUP:
            history.append(_summary(pending))
            pending = []
        kinks += (epoch.y * epoch.z == 1).sum(axis=(0, 1))
        printed += (epoch.z == 1).sum(axis=(0, 1))
        if recipe.checkpoint and number % recipe.checkpoint == 0:
            checkpoints.append(epoch.theta.T.copy())
            steps.append(taken)
    history += [_summary(pending)] if pending else []
    losses = np.array(losses).T
    tail = losses[:, (9 * losses.shape[1]) // 10 :]
    table = {
        "reported_loss": tail.mean(axis=1),
        "spread": tail.std(axis=1),
        "objective": value,
        **verdicts(stated, (final := stated_parameters(recipe, epoch.theta)), *examples),
        **summands(stated, final, *examples),
    }
    if stated.loss == "hinge":
        table |= {"kinks": kinks, "kinks_printed": printed}
    columns = [f"{kind}{part}" for kind in ("sampled_loss", "objective") for part in PARTS]
    frame = pd.DataFrame(np.concatenate(history), columns=columns).assign(optimum=optimum)
    frame.insert(0, "epoch", np.arange(1, len(frame) + 1))
    arrays = {"theta": epoch.theta.T.copy(), "losses": losses}
    if logger:
        arrays["logged"] = np.array([float(value[0]) for value in logger.values])
    if checkpoints:
        arrays |= {"checkpoints": np.stack(checkpoints), "steps": np.array(steps)}
    replicas = pd.DataFrame(table)
    return Run(frame, replicas, *_summaries(frame, replicas, optimum), arrays)


def _summaries(
    history: pd.DataFrame, replicas: pd.DataFrame, optimum: float
) -> tuple[dict[str, float], dict[str, float]]:
    last = history.iloc[-1]
    medians = {name: float(replicas[name].median()) for name in set(replicas) & MEDIANS}
    metrics = {
        "objective": last["objective"],
        "gap": last["objective"] - optimum,
        "loss": last["sampled_loss"],
    }
    if "accuracy" in medians:
        metrics["accuracy"] = medians.pop("accuracy")
    names = ("objective_lower", "objective_upper", "sampled_loss_lower", "sampled_loss_upper")
    details = {name: last[name] for name in names} | medians
    for name in {"kinks", "kinks_printed"} & set(replicas):
        details[name] = int(replicas[name].sum())
    return dict(sorted(metrics.items())), dict(sorted(details.items()))


def _summary(pending: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Return PARTS of either quantity for each pending epoch, a row each."""
    values = np.array(pending)  # (epochs, 2, replicas)
    parts = [*np.quantile(values, (0.5, 0.05, 0.95), axis=2), values[:, :, 0]]
    return np.stack(parts, axis=2).reshape(len(values), -1)
