"""Kullback-Leibler divergence and Jensen gaps without cancellation."""

import numpy as np

TERMS = range(2, 10)  # of the Taylor series, which serve |d| < 0.01


def kl_divergence(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Return D_KL(p‖q) = Σᵢ pᵢ log(pᵢ/qᵢ) (problem 5).

    Computed as Σᵢ [pᵢ log(pᵢ/qᵢ) − pᵢ + qᵢ], the same for mass functions and term by term
    not negative: with d = (pᵢ − qᵢ)/qᵢ a term is qᵢ[(1 + d) log(1 + d) − d], whose Taylor
    series Σ (−1)ᵏ dᵏ / (k(k − 1)) from k = 2 replaces it where |d| is small.

    Parameters
    ----------
    p, q : numpy.ndarray, shape (..., n)
        Mass functions along the last axis; entries may be 0, and 0·log 0 = 0.

    Returns
    -------
    numpy.ndarray, shape (...)
        Divergences in nats, ∞ where q vanishes and p does not.
    """
    p, q = np.broadcast_arrays(p, q)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        d = (p - q) / q
        series = q * sum((-1) ** k * d**k / (k * (k - 1)) for k in TERMS)
        direct = p * (np.log(p) - np.log(q)) - (p - q)
    terms = np.where(np.abs(d) < 0.01, series, direct)
    terms = np.where(p == 0, q, terms)
    return terms.sum(axis=-1)


def jensen_gap(x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return Σᵢ wᵢ (−log xᵢ) − (−log m) for m = Σᵢ wᵢxᵢ: how strictly −log is convex (problem 4).

    With d = (xᵢ − m)/m the gap is Σᵢ wᵢ [d − log(1 + d)], term by term not negative; where
    |d| is small its Taylor series Σ (−1)ᵏ dᵏ / k from k = 2 replaces the bracket.

    Parameters
    ----------
    x : numpy.ndarray, shape (..., n)
        Positive numbers.
    weights : numpy.ndarray, shape (..., n)
        Positive weights that sum to 1 along the last axis.

    Returns
    -------
    numpy.ndarray, shape (...)
        Gaps.
    """
    mean = (weights * x).sum(axis=-1, keepdims=True)
    d = (x - mean) / mean
    series = sum((-1) ** k * d**k / k for k in TERMS)
    return (weights * np.where(np.abs(d) < 0.01, series, d - np.log1p(d))).sum(axis=-1)
