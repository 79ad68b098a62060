"""How a solution is judged: by the stated objective, and otherwise; one value a replica.

Shapes: θ (d, replicas) of the stated model, X (N, columns), y (N,).
"""

import numpy as np

from stages.sgd.parts.datasets import true_function
from stages.sgd.parts.losses import LOSSES
from stages.sgd.parts.models import feature_count, output, penalty
from stages.sgd.recipes.schema import Objective


def objective(stated: Objective, theta: np.ndarray, X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return (1/N) Σᵢ ℓ(z(xᵢ), yᵢ) + λ‖w‖², shape (replicas,)."""
    losses = LOSSES[stated.loss](output(stated.model, theta, X), y[:, None])
    return losses.mean(axis=0) + penalty(stated, theta, X)


def verdicts(
    stated: Objective, theta: np.ndarray, X: np.ndarray, y: np.ndarray
) -> dict[str, np.ndarray]:
    """Judge solutions otherwise than by their objective.

    Returns
    -------
    dict of str to numpy.ndarray, shape (replicas,)
        For a classifier `accuracy`, the share of examples with yz > 0, and `margin`, the
        smallest geometric margin minᵢ yᵢzᵢ / ‖w‖, 0 for w = 0. For the network `rmse`, the root
        of the mean squared distance from the true function over the grid.
    """
    if stated.model == "two_layer":
        x = np.linspace(stated.grid.lower, stated.grid.upper, stated.grid.points)
        distance = output(stated.model, theta, x[:, None]) - true_function(x)[:, None]
        return {"rmse": np.sqrt((distance**2).mean(axis=0))}
    margins = y[:, None] * output(stated.model, theta, X)
    norms = np.linalg.norm(theta[: feature_count(stated.model, X)], axis=0)
    return {
        "accuracy": (margins > 0).mean(axis=0),
        "margin": np.divide(margins.min(axis=0), norms, out=np.zeros_like(norms), where=norms > 0),
    }


def summands(
    stated: Objective, theta: np.ndarray, X: np.ndarray, y: np.ndarray
) -> dict[str, np.ndarray]:
    """Return what every classifier's objective is made of: both mean losses and ‖w‖².

    Returns
    -------
    dict of str to numpy.ndarray, shape (replicas,)
        `logistic_loss`, `hinge_loss` and `squared_norm`; nothing for the network.
    """
    if stated.model == "two_layer":
        return {}
    z = output(stated.model, theta, X)
    means = {f"{name}_loss": LOSSES[name](z, y[:, None]).mean(axis=0) for name in CLASSIFIERS}
    weights = theta[: feature_count(stated.model, X)]
    return means | {"squared_norm": (weights**2).sum(axis=0)}


CLASSIFIERS = ("logistic", "hinge")
