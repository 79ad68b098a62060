"""How a solution is judged: by the stated objective, and otherwise."""

import numpy as np

from stages.sgd.datasets import true_function
from stages.sgd.losses import LOSSES
from stages.sgd.models import features, output
from stages.sgd.recipe import Objective, StatedObjective


def objective(stated: Objective, theta: np.ndarray, X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return (1/N) Σᵢ ℓ(z(xᵢ), yᵢ) + λ‖w‖², w being the weights of the features.

    Parameters
    ----------
    stated : Objective
        Model, loss and λ.
    theta : numpy.ndarray, shape (replicas, d)
        Parameters.
    X : numpy.ndarray, shape (N, columns)
        Examples.
    y : numpy.ndarray, shape (N,)
        Labels or targets.

    Returns
    -------
    numpy.ndarray, shape (replicas,)
        Value of each replica.
    """
    losses = LOSSES[stated.loss](output(stated.model, theta, X), y)
    weights = theta[:, : features(stated.model, X).shape[1]]
    return losses.mean(axis=1) + stated.regularization * (weights**2).sum(axis=1)


def verdicts(
    stated: StatedObjective, theta: np.ndarray, X: np.ndarray, y: np.ndarray
) -> dict[str, np.ndarray]:
    """Judge solutions otherwise than by their objective.

    Parameters
    ----------
    stated : StatedObjective
        Stated problem.
    theta : numpy.ndarray, shape (replicas, d)
        Parameters.
    X : numpy.ndarray, shape (N, columns)
        Examples.
    y : numpy.ndarray, shape (N,)
        Labels or targets.

    Returns
    -------
    dict of str to numpy.ndarray, shape (replicas,)
        For a classifier `accuracy`, the share of examples with yz > 0, and `margin`, the
        smallest geometric margin minᵢ yᵢzᵢ / ‖w‖. For the network `rmse`, the root of the
        mean squared distance from the true function over the grid.
    """
    if stated.model == "two_layer":
        x = np.linspace(stated.grid.lower, stated.grid.upper, stated.grid.points)
        distance = output(stated.model, theta, x[:, None]) - true_function(x)
        return {"rmse": np.sqrt((distance**2).mean(axis=1))}
    margins = y * output(stated.model, theta, X)
    weights = theta[:, : features(stated.model, X).shape[1]]
    return {
        "accuracy": (margins > 0).mean(axis=1),
        "margin": margins.min(axis=1) / np.linalg.norm(weights, axis=1),
    }
