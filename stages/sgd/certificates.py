"""Certificates about linear classifiers that anyone can check by arithmetic, and the checks."""

import numpy as np

from stages.sgd.parts.models import feature_count, features, inputs
from stages.sgd.parts.scores import objective
from stages.sgd.recipes.schema import Objective


def margin_bound(model: str, X: np.ndarray, y: np.ndarray, multipliers: np.ndarray) -> float:
    """Return an upper bound on every classifier's smallest geometric margin.

    For α ≥ 0 with Σα = 1, and Σ αᵢyᵢ = 0 if there is a bias, every unit-norm w has
    minᵢ yᵢzᵢ ≤ Σ αᵢyᵢzᵢ = w·Σ αᵢyᵢfᵢ ≤ ‖Σ αᵢyᵢfᵢ‖, f being the features. With a bias,
    2α weighs a point of either class's convex hull, and the bound is half their distance:
    if it is 0 the hulls meet, and by Farkas's lemma nothing separates the classes.

    Parameters
    ----------
    model : {'affine', 'quadratic'}
        The affine model has a bias.
    X : numpy.ndarray, shape (N, columns)
        Examples.
    y : numpy.ndarray, shape (N,)
        Labels ±1.
    multipliers : numpy.ndarray, shape (N,)
        α.

    Returns
    -------
    float
        The bound.

    Raises
    ------
    ValueError
        If α is not as above, to 1e-6.
    """
    balanced = model != "affine" or abs(multipliers @ y) <= 1e-6
    if multipliers.min() < -1e-6 or abs(multipliers.sum() - 1) > 1e-5 or not balanced:
        raise ValueError("multipliers are not weights of two convex combinations")
    return float(np.linalg.norm((multipliers * y) @ features(model, X)))


def smallest_margin(model: str, X: np.ndarray, y: np.ndarray, theta: np.ndarray) -> float:
    """Return minᵢ yᵢzᵢ / ‖w‖, which is positive if and only if θ separates the classes.

    Parameters
    ----------
    model : {'affine', 'quadratic'}
        Model.
    X : numpy.ndarray, shape (N, columns)
        Examples.
    y : numpy.ndarray, shape (N,)
        Labels ±1.
    theta : numpy.ndarray, shape (d,)
        Parameters.
    """
    weights = theta[: feature_count(model, X)]
    return float((y * (inputs(model, X) @ theta)).min() / np.linalg.norm(weights))


def lower_bound(
    stated: Objective, X: np.ndarray, y: np.ndarray, theta: np.ndarray, multipliers: np.ndarray
) -> float:
    """Return a lower bound on the objective within a ball around θ, and so everywhere.

    For 0 ≤ αᵢ ≤ 1/N the hinge objective is at least Σ αᵢ(1 − yᵢzᵢ) + λ‖w‖², and the
    logistic one at least Σ [H(Nαᵢ)/N − αᵢyᵢzᵢ] + λ‖w‖², H being the binary entropy in nats
    (Fenchel's inequality). With s = Σ αᵢyᵢfᵢ the sum over αᵢyᵢzᵢ is w·s + bΣαᵢyᵢ, and
    λ‖w‖² − w·s ≥ −‖s‖²/4λ. What λ does not cover is bounded by its size in the ball of radius
    R = 10(1 + ‖θ‖); a convex function's minimum within that ball, if inside, is its minimum.

    Parameters
    ----------
    stated : Objective
        With loss 'hinge' or 'logistic'.
    X : numpy.ndarray, shape (N, columns)
        Examples.
    y : numpy.ndarray, shape (N,)
        Labels ±1.
    theta : numpy.ndarray, shape (d,)
        Minimiser.
    multipliers : numpy.ndarray, shape (N,)
        α.

    Returns
    -------
    float
        The bound.

    Raises
    ------
    ValueError
        If an αᵢ lies outside [0, 1/N], to 1e-6.
    """
    share = len(y) * multipliers
    if share.min() < -1e-6 or share.max() > 1 + 1e-6:
        raise ValueError("a multiplier lies outside [0, 1/N]")
    share = np.clip(share, 0, 1)
    if stated.loss == "hinge":
        value = share.mean()
    else:
        p = np.clip(share, 1e-300, 1)
        q = np.clip(1 - share, 1e-300, 1)
        value = -(share * np.log(p) + (1 - share) * np.log(q)).mean()
    slopes = (share * y) @ inputs(stated.model, X) / len(y)
    count = feature_count(stated.model, X) if stated.regularization else 0
    radius = 10 * (1 + np.linalg.norm(theta))
    if count:
        value -= slopes[:count] @ slopes[:count] / (4 * stated.regularization)
    return float(value - radius * np.linalg.norm(slopes[count:]))


def check_separator(
    model: str, X: np.ndarray, y: np.ndarray, separator: np.ndarray, multipliers: np.ndarray
) -> float:
    """Return the maximum margin, which a separating vector attains and multipliers bound.

    Raises
    ------
    ValueError
        If the vector does not separate the classes or its margin is not the bound, to 1e-6.
    """
    margin, bound = (
        smallest_margin(model, X, y, separator),
        margin_bound(model, X, y, multipliers),
    )
    if not 0 < margin <= bound * (1 + 1e-6) or margin < bound * (1 - 1e-6):
        raise ValueError(f"margin {margin:g} is not the maximum {bound:g}")
    return margin


def check_inseparable(model: str, X: np.ndarray, y: np.ndarray, multipliers: np.ndarray) -> float:
    """Return the bound on every margin, which is 0 to rounding: nothing separates the classes.

    Raises
    ------
    ValueError
        If the bound exceeds 1e-6 times the largest feature vector's norm.
    """
    bound = margin_bound(model, X, y, multipliers)
    if bound > 1e-6 * np.linalg.norm(features(model, X), axis=1).max():
        raise ValueError(f"the hulls are apart by {2 * bound:g}")
    return bound


def check_minimiser(
    stated: Objective, X: np.ndarray, y: np.ndarray, theta: np.ndarray, multipliers: np.ndarray
) -> float:
    """Return the objective's minimum, which θ attains and multipliers bound from below.

    Raises
    ------
    ValueError
        If value and bound differ by more than 1e-7, relative where they exceed 1.
    """
    value = float(objective(stated, theta[:, None], X, y)[0])
    bound = lower_bound(stated, X, y, theta, multipliers)
    if abs(value - bound) > 1e-7 * max(1, value):
        raise ValueError(f"objective {value:.9g} is not the minimum, at least {bound:.9g}")
    return value
