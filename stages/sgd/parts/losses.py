"""Each loss beside its derivative, and the wrong derivatives that people write.

Every function takes outputs z and labels or targets y, of shapes that broadcast, in the field's
notation ℓ(z, y); with z = θ·x, ∇θℓ is the derivative times x (problems 1, 2 and 7). A derivative
is written into `out` where one is given: a trainer asks for it at every step.
"""

from collections.abc import Callable

import numpy as np


def sigmoid(t: np.ndarray) -> np.ndarray:
    """Return σ(t) = 1 / (1 + e⁻ᵗ); where e⁻ᵗ overflows, σ is 0."""
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-t))


def logistic_loss(z: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return log(1 + e^(−yz)), problem 1's loss."""
    m = y * z
    loss = -np.abs(m)
    np.exp(loss, out=loss)
    np.log1p(loss, out=loss)
    loss -= np.minimum(m, 0, out=m)  # log(1 + e^(−m)) = log(1 + e^(−|m|)) − min(m, 0)
    return loss


def logistic_derivative(z: np.ndarray, y: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """Return ∂/∂z log(1 + e^(−yz)) = −y σ(−yz) = −y / (1 + e^(yz)).

    Where e^(yz) overflows it is 0, with NumPy's warning: a trainer turns that off once, not here
    at every step.
    """
    g = np.multiply(y, z, out=out)
    np.exp(g, out=g)
    g += 1
    np.divide(y, g, out=g)
    return np.negative(g, out=g)


def hinge_loss(z: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return max(0, 1 − yz), problem 2's loss."""
    loss = y * z
    np.subtract(1, loss, out=loss)
    return np.maximum(loss, 0, out=loss)


def hinge_derivative(z: np.ndarray, y: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """Return ∂/∂z max(0, 1 − yz) = −y where yz < 1, else 0: at the kink as PyTorch's `relu`."""
    g = np.multiply(y, z, out=out)
    np.less(g, 1, out=g)
    g *= y
    return np.negative(g, out=g)


def squared_loss(z: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return ½(z − y)², problem 7's loss."""
    return (z - y) ** 2 / 2


def squared_derivative(z: np.ndarray, y: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """Return ∂/∂z ½(z − y)² = z − y."""
    return np.subtract(z, y, out=out)


LOSSES = {"logistic": logistic_loss, "hinge": hinge_loss, "squared": squared_loss}

# By loss and `derivative`. Each takes z, y, the inputs x of the gradient, of shape (d, ...), and
# where to write if it can, and returns the factor of x: one for all features, or one per feature.
Derivative = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None], np.ndarray]
DERIVATIVES: dict[tuple[str, str], Derivative] = {
    ("logistic", "exact"): lambda z, y, x, out: logistic_derivative(z, y, out),
    ("hinge", "exact"): lambda z, y, x, out: hinge_derivative(z, y, out),
    ("squared", "exact"): lambda z, y, x, out: squared_derivative(z, y, out),
    ("logistic", "one_minus_loss"): lambda z, y, x, out: (1 - logistic_loss(z, y)) * y,
    ("logistic", "flipped_exponent"): lambda z, y, x, out: -y * sigmoid(y * z),
    ("logistic", "label_forgotten"): lambda z, y, x, out: -sigmoid(-y * z),
    ("hinge", "label_forgotten"): lambda z, y, x, out: -(y * z < 1).astype(z.dtype),
    ("squared", "label_forgotten"): lambda z, y, x, out: z.copy(),
    ("logistic", "label_forgotten_in_exponent"): lambda z, y, x, out: -y * sigmoid(-z),
    ("hinge", "label_forgotten_in_condition"): lambda z, y, x, out: -y * (z < 1),
    ("hinge", "margin_forgotten"): lambda z, y, x, out: -y * (y * z < 0),
    ("logistic", "per_feature"): lambda z, y, x, out: -y * sigmoid(-x * z),
}
