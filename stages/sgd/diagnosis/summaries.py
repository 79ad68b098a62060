"""Summaries of a curve, their density under a candidate's replicas, and the test of fit.

A curve is summarised by windowed means, spreads and correlations on a logarithmic axis, and by
structure functions: how far log losses of so many rows apart differ, and how alike successive
differences are. Shapes: values (rows, curves), summaries (summaries, curves).
"""

from itertools import pairwise
from math import lgamma, log, log1p, pi
from statistics import NormalDist

import numpy as np

WINDOWS = 8
LAGS = (1, 2, 4, 8, 16, 32)  # rows
SHRINK = 0.1  # of the covariance, towards its diagonal
FLOOR = 1e-3  # least standard deviation of a summary
LEAST = 1e-6  # least loss and spread, whose logs are taken


def edges(rows: int) -> np.ndarray:
    """Return where the windows of so many rows begin and end, on a logarithmic axis."""
    return np.unique(np.round(np.geomspace(1, rows + 1, WINDOWS + 1)).astype(int)) - 1


def summary(values: np.ndarray, least: float = LEAST) -> np.ndarray:
    """Return a curve's summaries.

    Parameters
    ----------
    values : numpy.ndarray, shape (rows, curves)
        What is logged. A window of fewer than four values has no spread, of fewer than eight
        no correlation.
    least : float
        Below it differences of logs are not told apart.

    Returns
    -------
    numpy.ndarray, shape (summaries, curves)
    """
    cuts, found = edges(len(values)), []
    for begin, end in pairwise(cuts):
        part = values[begin:end]
        found.append(np.log(np.maximum(np.abs(part.mean(axis=0)), LEAST)))
        if end - begin >= 4:
            found.append(0.5 * np.log(part.var(axis=0) + LEAST**2))
        if end - begin >= 8:
            off = part - part.mean(axis=0)
            found.append((off[1:] * off[:-1]).mean(axis=0) / (part.var(axis=0) + LEAST**2))
    logs, rows = np.log(np.abs(values) + least), len(values)
    for part in (logs[: rows // 2], logs[rows // 2 :]):
        for lag in LAGS:
            if len(part) >= 2 * lag + 4:
                apart = part[lag:] - part[:-lag]
                found.append(0.5 * np.log((apart**2).mean(axis=0) + LEAST))
        if len(part) >= 8:
            steps = np.diff(part, axis=0)
            found.append((steps[1:] * steps[:-1]).mean(axis=0) / ((steps**2).mean(axis=0) + LEAST))
    return np.array(found)


def density(observed: np.ndarray, replicas: np.ndarray) -> float:
    """Return the synthetic log-likelihood of a summary: normal, with an estimated covariance.

    That R replicas leave the covariance uncertain makes of the normal density a t, (1 + d/(R−1))
    to the power −R/2 in the distance d (Sellentin and Heavens 2016).

    Parameters
    ----------
    observed : numpy.ndarray, shape (summaries,)
        Of the curve.
    replicas : numpy.ndarray, shape (summaries, R)
        Of the candidate's replicas.
    """
    if not np.isfinite(replicas).all():
        return -np.inf
    mean, covariance = replicas.mean(axis=1), np.cov(replicas)
    diagonal = np.diag(np.diag(covariance) + FLOOR**2)
    covariance = (1 - SHRINK) * covariance + SHRINK * diagonal + FLOOR**2 * np.eye(len(mean))
    off = observed - mean
    distance = off @ np.linalg.solve(covariance, off)
    count, size = replicas.shape[1], len(mean)
    constant = lgamma(count / 2) - lgamma(max(count - size, 1) / 2)
    constant -= size / 2 * log(pi * (count - 1)) + np.linalg.slogdet(covariance)[1] / 2
    return float(constant - count / 2 * log1p(distance / (count - 1)))


def rough(observed: np.ndarray, replicas: np.ndarray, room: float) -> float:
    """Return the same of few replicas, as if summaries were independent.

    `room` is for what few replicas get wrong, a standard deviation that is added to each.
    """
    if not np.isfinite(replicas).all():
        return -np.inf
    spread = replicas.var(axis=1, ddof=1) + room**2
    off = observed - replicas.mean(axis=1)
    return float(-0.5 * (off**2 / spread + np.log(spread)).sum())


def rank(observed: np.ndarray, replicas: np.ndarray) -> float:
    """Return the rank of a summary's distance from the others among the replicas' own.

    The curve and the replicas are treated alike, so that the rank of one more replica is uniform.
    """
    pool = np.round(np.column_stack([replicas, observed]) / FLOOR)
    count = pool.shape[1]
    normal = np.array([NormalDist().inv_cdf(k / (2 * count)) for k in range(1, 2 * count)])
    scores = np.empty_like(pool)
    for row, score in zip(pool, scores, strict=True):
        ordered = np.sort(row)  # those that are equal share the middle of their places
        places = (np.searchsorted(ordered, row, side) for side in ("left", "right"))
        score[:] = normal[sum(places) - 1]
    covariance = (1 - SHRINK) * np.cov(scores) + SHRINK * np.diag(scores.var(axis=1) + FLOOR**2)
    distance = np.einsum("ir,ir->r", scores, np.linalg.solve(covariance, scores))
    return float((distance >= distance[-1] * (1 - 1e-9)).mean())
