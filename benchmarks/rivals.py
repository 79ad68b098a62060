"""Other ways to take the same steps: a compiled loop, scikit-learn, scalars, the barest PyTorch.

Each function makes a rival ready and returns what is to be timed, a function without arguments.
All are fed the same examples, θ₀ (d, R) and orders (T, R) as the study's trainers.
"""

from collections.abc import Callable

import numpy as np

from stages.sgd.parts.models import covered, features, inputs
from stages.sgd.recipes.recipe import Recipe

Run = Callable[[], object]


def numba_loop(
    recipe: Recipe, X: np.ndarray, y: np.ndarray, theta: np.ndarray, order: np.ndarray
) -> Run:
    """Compile one replica after another, one step after another, each step's loss recorded.

    Parameters
    ----------
    recipe : Recipe
        Learning rate, loss and λ.
    X, y : numpy.ndarray
        Examples.
    theta : numpy.ndarray, shape (d, R)
        Initial parameters.
    order : numpy.ndarray of int, shape (T, R)
        Examples of each step.
    """
    from numba import njit

    @njit(inline="always")
    def logistic(z: float, y: float) -> tuple[float, float]:
        m = y * z
        return np.log1p(np.exp(-abs(m))) - min(m, 0.0), -y / (1 + np.exp(m))

    @njit(inline="always")
    def hinge(z: float, y: float) -> tuple[float, float]:
        m = y * z
        return max(0.0, 1 - m), -y if m < 1 else 0.0

    loss = {"logistic": logistic, "hinge": hinge}.get(recipe.objective.loss)

    @njit
    def linear(X, y, thetas, orders, losses, eta, decay, penalty, covers):
        for r in range(len(thetas)):
            theta = thetas[r]
            for t in range(orders.shape[1]):
                x, target, z, square = X[orders[r, t]], y[orders[r, t]], 0.0, 0.0
                for j in range(len(theta)):
                    z += theta[j] * x[j]
                value, g = loss(z, target)
                if penalty > 0:
                    for j in range(covers):
                        square += theta[j] * theta[j]
                        theta[j] *= decay
                losses[r, t] = value + penalty * square
                g *= eta
                for j in range(len(theta)):
                    theta[j] -= g * x[j]

    @njit
    def network(X, y, thetas, orders, losses, eta, decay, penalty, covers):
        p = thetas.shape[1] // 3
        s = np.empty(p)
        for r in range(len(thetas)):
            a, b, u = thetas[r, :p], thetas[r, p : 2 * p], thetas[r, 2 * p :]
            for t in range(orders.shape[1]):
                x, z = X[orders[r, t], 0], 0.0
                for j in range(p):
                    s[j] = 1 / (1 + np.exp(-(a[j] * x + b[j])))
                    z += u[j] * s[j]
                residual = z - y[orders[r, t]]
                losses[r, t] = residual * residual / 2
                g = eta * residual
                for j in range(p):
                    by_b = g * u[j] * s[j] * (1 - s[j])
                    u[j] -= g * s[j]
                    b[j] -= by_b
                    a[j] -= x * by_b

    λ, η = recipe.penalised, recipe.learning_rate
    covers = 0 if recipe.network else int(covered(recipe, X).sum())
    table = np.ascontiguousarray(inputs(recipe.objective.model, X) if not recipe.network else X)
    thetas, orders = np.ascontiguousarray(theta.T), np.ascontiguousarray(order.T)
    losses = np.empty(orders.shape)
    step = network if recipe.network else linear

    def run() -> np.ndarray:
        step(table, y, state := thetas.copy(), orders, losses, η, 1 - 2 * η * λ, λ, covers)
        return state.T

    run()  # compiles
    return run


def scalar_loop(
    recipe: Recipe, X: np.ndarray, y: np.ndarray, theta: np.ndarray, order: np.ndarray
) -> Run:
    """Take replica 0's steps as the printed NumPy programs do: one example and one vector a step.

    Parameters as those of `numba_loop`.
    """
    λ, η, hinge = recipe.penalised, recipe.learning_rate, recipe.objective.loss == "hinge"
    table = X if recipe.network else inputs(recipe.objective.model, X)
    mask = None if recipe.network else covered(recipe, X)
    targets, examples = y.tolist(), order[:, 0].tolist()

    def linear() -> np.ndarray:
        w, losses = theta[:, 0].copy(), []
        for i in examples:
            x, target = table[i], targets[i]
            m = target * np.dot(w, x)
            loss = max(0, 1 - m) if hinge else np.log(1 + np.exp(-m))
            gradient = (-target * x if m < 1 else 0 * x) if hinge else -target * x / (1 + np.exp(m))
            if λ:
                loss += λ * np.sum(mask * w**2)
                gradient = gradient + 2 * λ * mask * w
            losses.append(loss)
            w = w - η * gradient
        return w

    def network() -> np.ndarray:
        (a, b, u), losses = np.split(theta[:, 0].copy(), 3), []
        for i in examples:
            x = table[i, 0]
            s = 1 / (1 + np.exp(-(a * x + b)))
            residual = np.sum(u * s) - targets[i]
            losses.append(residual**2 / 2)
            by_b = u * s * (1 - s)
            a, b, u = a - η * residual * x * by_b, b - η * residual * by_b, u - η * residual * s
        return np.concatenate([a, b, u])

    return network if recipe.network else linear


def barest_torch(
    recipe: Recipe, X: np.ndarray, y: np.ndarray, theta: np.ndarray, order: np.ndarray
) -> Run:
    """Take all replicas' steps with one tensor: zero_grad, loss, backward, step.

    λ covers the whole tensor and is not in a loss that is recorded: nothing is. Parameters as
    those of `numba_loop`.
    """
    import torch
    from torch.nn.functional import logsigmoid, relu

    table = torch.from_numpy((X if recipe.network else inputs(recipe.objective.model, X)).T.copy())
    targets, rows = torch.from_numpy(y), torch.from_numpy(order)
    kind, decay, η = recipe.objective.loss, 2 * recipe.penalised, recipe.learning_rate

    def run() -> np.ndarray:
        tensor = torch.from_numpy(theta.copy()).requires_grad_()
        optimizer = torch.optim.SGD([tensor], lr=η, weight_decay=decay)
        for step in rows:
            optimizer.zero_grad()
            x, target = table[:, step], targets[step]
            if kind == "squared":
                a, b, u = tensor.chunk(3)
                loss = ((u * torch.sigmoid(a * x + b)).sum(dim=0) - target) ** 2 / 2
            else:
                margins = target * (tensor * x).sum(dim=0)
                loss = -logsigmoid(margins) if kind == "logistic" else relu(1 - margins)
            loss.sum().backward()
            optimizer.step()
        return tensor.detach().numpy()

    return run


def scikit_learn(recipe: Recipe, X: np.ndarray, y: np.ndarray, epochs: int) -> Run:
    """Fit one SGDClassifier at a constant rate for so many epochs of its own order."""
    from sklearn.linear_model import SGDClassifier

    λ = recipe.penalised
    model = SGDClassifier(
        loss="hinge" if recipe.objective.loss == "hinge" else "log_loss",
        penalty="l2" if λ else None,
        alpha=2 * λ if λ else 1e-4,
        learning_rate="constant",
        eta0=recipe.learning_rate,
        max_iter=epochs,
        tol=None,
        random_state=0,
    )
    examples = features(recipe.objective.model, X)
    return lambda: model.fit(examples, y)
