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
    """Take replica 0's steps in the way of the printed NumPy programs, the formulas put right.

    One example a step; loss and gradient each work out the output for themselves, appending the
    constant to the features as they go; the network's gradient goes through diagonal matrices.
    Only the draw of the example is left out. Parameters as those of `numba_loop`.
    """
    λ, η, hinge = recipe.penalised, recipe.learning_rate, recipe.objective.loss == "hinge"
    affine = recipe.objective.model == "affine"
    table = X if recipe.network else features(recipe.objective.model, X)
    covers = None if recipe.network else int(covered(recipe, X).sum())
    targets, examples = y.tolist(), order[:, 0].tolist()

    def extended(x: np.ndarray) -> np.ndarray:
        return np.append(x, 1) if affine else x

    def classifier_loss(w: np.ndarray, x: np.ndarray, target: float) -> float:
        margin = target * (w @ extended(x))
        if hinge:
            return np.max([0, 1 - margin]) + λ * (w[:covers] @ w[:covers].T)
        return np.log(1 + np.exp(-margin))

    def classifier_gradient(w: np.ndarray, x: np.ndarray, target: float) -> np.ndarray:
        x = extended(x)
        margin = target * (w @ x)
        if not hinge:
            return -target * x / (1 + np.exp(margin))
        decay = 2 * λ * np.append(w[:covers], np.zeros(len(w) - covers))
        return decay - target * x if margin < 1 else decay

    def sigmoid(t: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-t))

    def slope(t: np.ndarray) -> np.ndarray:
        return sigmoid(t) * (1 - sigmoid(t))

    def network(w: np.ndarray, x: np.ndarray) -> float:
        a, b, u = np.split(w, 3)
        return np.sum(u * sigmoid(a * np.reshape(x, (-1, 1)) + b), axis=1)[0]

    def network_loss(w: np.ndarray, x: np.ndarray, target: float) -> float:
        return (network(w, x) - target) ** 2 / 2

    def network_gradient(w: np.ndarray, x: np.ndarray, target: float) -> np.ndarray:
        a, b, u = np.split(w, 3)
        by_a, by_b = np.diag(slope(a * x + b)) @ u * x, np.diag(slope(a * x + b)) @ u
        return (network(w, x) - target) * np.append(np.append(by_a, by_b), sigmoid(a * x + b))

    loss = network_loss if recipe.network else classifier_loss
    gradient = network_gradient if recipe.network else classifier_gradient

    def run() -> np.ndarray:
        w, losses = theta[:, 0].copy(), []
        for i in examples:
            losses.append(loss(w, table[i], targets[i]))
            w = w - η * gradient(w, table[i], targets[i])
        return w

    return run


def barest_torch(
    recipe: Recipe, X: np.ndarray, y: np.ndarray, theta: np.ndarray, order: np.ndarray
) -> Run:
    """Take all replicas' steps with one tensor: zero_grad, loss, backward, step.

    λ covers the whole tensor, and of the loss only what is differentiated is recorded. Parameters
    as those of `numba_loop`.
    """
    import torch
    from torch.nn.functional import logsigmoid, relu

    table = torch.from_numpy((X if recipe.network else inputs(recipe.objective.model, X)).T.copy())
    targets, rows = torch.from_numpy(y), torch.from_numpy(order)
    kind, decay, η = recipe.objective.loss, 2 * recipe.penalised, recipe.learning_rate

    def run() -> np.ndarray:
        tensor = torch.from_numpy(theta.copy()).requires_grad_()
        optimizer = torch.optim.SGD([tensor], lr=η, weight_decay=decay)
        losses = []
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
            losses.append(loss.detach())
            optimizer.step()
        return tensor.detach().numpy()

    return run


def printed_torch(
    recipe: Recipe, X: np.ndarray, y: np.ndarray, theta: np.ndarray, order: np.ndarray
) -> Run:
    """Take replica 0's steps in the way of the printed PyTorch programs, of an affine model.

    A module of one `nn.Linear`, in float32; each step makes its example a tensor, λ‖w‖² is part of
    the loss, and the losses become numbers once an epoch. Only the draw of the example is left
    out. Parameters as those of `numba_loop`.
    """
    import torch
    from torch import nn
    from torch.nn.functional import logsigmoid

    λ, hinge, examples = recipe.penalised, recipe.objective.loss == "hinge", order[:, 0].tolist()

    class Affine(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(X.shape[1], 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.linear(x)

    def loss(model: Affine, x: torch.Tensor, label: float) -> torch.Tensor:
        margin = label * model(x)
        if not hinge:
            return -logsigmoid(margin)
        weight = model.linear.weight
        return torch.clamp(1 - margin, min=0) + λ * weight @ weight.T

    def run() -> np.ndarray:
        model, start, history = Affine(), torch.from_numpy(theta[:, 0]).float(), []
        model.linear.weight.data, model.linear.bias.data = start[None, :-1], start[-1:]
        optimizer = torch.optim.SGD(model.parameters(), lr=recipe.learning_rate)
        for begin in range(0, len(examples), len(X)):
            losses = []
            for i in examples[begin : begin + len(X)]:
                optimizer.zero_grad()
                value = loss(model, torch.FloatTensor(X[i]), y[i])
                losses.append(value)
                value.backward()
                optimizer.step()
            history.append(np.mean([value.detach().numpy() for value in losses]))
        ends = model.linear.weight[0], model.linear.bias
        return torch.cat(ends).detach().numpy()

    return run


def scikit_learn(recipe: Recipe, X: np.ndarray, y: np.ndarray, epochs: int, fits: int) -> Run:
    """Fit SGDClassifier, which records no loss, at a constant rate in its own orders, so often."""
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
    )
    examples = features(recipe.objective.model, X)
    return lambda: [model.set_params(random_state=r).fit(examples, y) for r in range(fits)]
