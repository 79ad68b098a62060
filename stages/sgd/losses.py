"""The losses, each beside its derivative, and the derivative that appendix B has instead."""

import numpy as np


def sigmoid(t: np.ndarray) -> np.ndarray:
    """Return σ(t) = 1 / (1 + e⁻ᵗ).

    Parameters
    ----------
    t : numpy.ndarray
        Values of any shape and size; where e⁻ᵗ overflows, σ is 0.
    """
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-t))


def logistic_loss(z: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return log(1 + e^(−yz)), problem 1's loss.

    Parameters
    ----------
    z, y : numpy.ndarray
        Outputs and labels ±1, of shapes that broadcast.
    """
    return np.logaddexp(0, -y * z)


def logistic_derivative(z: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return ∂/∂z log(1 + e^(−yz)) = −y σ(−yz); with z = θ·x, ∇θ is that times x (problem 1).

    Parameters
    ----------
    z, y : numpy.ndarray, shape (replicas,)
        Outputs and labels ±1.
    """
    return -y * sigmoid(-y * z)


def one_minus_loss(z: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return (1 − log(1 + e^(−yz))) y, which appendix B has where the derivative belongs.

    Parameters
    ----------
    z, y : numpy.ndarray, shape (replicas,)
        Outputs and labels ±1.
    """
    return (1 - logistic_loss(z, y)) * y


def hinge_loss(z: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return max(0, 1 − yz), problem 2's loss.

    Parameters
    ----------
    z, y : numpy.ndarray
        Outputs and labels ±1, of shapes that broadcast.
    """
    return np.maximum(0, 1 - y * z)


def hinge_derivative(z: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return ∂/∂z max(0, 1 − yz) = −y where yz < 1, else 0; ∇θ is that times x (problem 2).

    At the kink yz = 1 the subgradient 0 is taken, as PyTorch's `relu` does.

    Parameters
    ----------
    z, y : numpy.ndarray, shape (replicas,)
        Outputs and labels ±1.
    """
    return np.where(y * z < 1, -y, 0.0)


def squared_loss(z: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return ½(z − y)², problem 7's loss.

    Parameters
    ----------
    z, y : numpy.ndarray
        Outputs and targets, of shapes that broadcast.
    """
    return (z - y) ** 2 / 2


def squared_derivative(z: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return ∂/∂z ½(z − y)² = z − y; ∇θ is that times ∇θ z (problem 7).

    Parameters
    ----------
    z, y : numpy.ndarray, shape (replicas,)
        Outputs and targets.
    """
    return z - y


LOSSES = {"logistic": logistic_loss, "hinge": hinge_loss, "squared": squared_loss}

DERIVATIVES = {
    "logistic": logistic_derivative,
    "hinge": hinge_derivative,
    "squared": squared_derivative,
    "one_minus_loss": one_minus_loss,
}
