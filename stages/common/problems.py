"""The problems: features, losses, objectives, and how a solution is judged."""

from typing import NamedTuple

import numpy as np

from stages.common.parameters import Objective, Recipe, StatedObjective


class Epoch(NamedTuple):
    """What a trainer reports after each epoch, one entry a replica.

    Attributes
    ----------
    sampled_loss : numpy.ndarray, shape (replicas,)
        Mean of the sampled examples' losses, each before its update.
    theta : numpy.ndarray, shape (replicas, d)
        Parameters at the epoch's end, valid until the next epoch is asked for.
    kinks : numpy.ndarray, shape (replicas,)
        Steps with y·z exactly 1, where the hinge loss has no derivative.
    kinks_printed : numpy.ndarray, shape (replicas,)
        Steps with z exactly 1, which is what appendix D counts.
    """

    sampled_loss: np.ndarray
    theta: np.ndarray
    kinks: np.ndarray
    kinks_printed: np.ndarray


def true_function(x: np.ndarray) -> np.ndarray:
    """Return (x − 2)·cos(4x), which problem 7's network is to learn.

    Parameters
    ----------
    x : numpy.ndarray
        Points of any shape.
    """
    return (x - 2) * np.cos(4 * x)


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


def hinge_loss(z: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return max(0, 1 − yz), problem 2's loss.

    Parameters
    ----------
    z, y : numpy.ndarray
        Outputs and labels ±1, of shapes that broadcast.
    """
    return np.maximum(0, 1 - y * z)


def squared_loss(z: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return ½(z − y)², problem 7's loss.

    Parameters
    ----------
    z, y : numpy.ndarray
        Outputs and targets, of shapes that broadcast.
    """
    return (z - y) ** 2 / 2


LOSSES = {"logistic": logistic_loss, "hinge": hinge_loss, "squared": squared_loss}


def features(model: str, X: np.ndarray) -> np.ndarray:
    """Map examples to the features whose weights λ covers.

    Parameters
    ----------
    model : {'affine', 'quadratic', 'two_layer'}
        `quadratic` maps (u, v) to φ = (1, u, u², v, v²) of problem 3; the others keep X.
    X : numpy.ndarray, shape (N, columns)
        Examples.

    Returns
    -------
    numpy.ndarray, shape (N, features)
        Features.
    """
    if model == "quadratic":
        u, v = X.T
        return np.column_stack([np.ones_like(u), u, u**2, v, v**2])
    return X


def inputs(model: str, X: np.ndarray, last: np.ndarray | None = None) -> np.ndarray:
    """Return what a model's θ is applied to: the features and what follows them.

    Parameters
    ----------
    model : {'affine', 'quadratic', 'two_layer'}
        The affine model's features are followed by the bias's constant 1.
    X : numpy.ndarray, shape (N, columns)
        Examples.
    last : numpy.ndarray, shape (N,), optional
        A column to follow the features instead.

    Returns
    -------
    numpy.ndarray, shape (N, inputs)
        One input a row.
    """
    if last is None and model == "affine":
        last = np.ones(len(X))
    mapped = features(model, X)
    return mapped if last is None else np.column_stack([mapped, last])


def recipe_inputs(recipe: Recipe, X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the inputs of a recipe's outputs, and of its gradients.

    Parameters
    ----------
    recipe : Recipe
        Its `label_leak` puts the label where the constant belongs.
    X : numpy.ndarray, shape (N, columns)
        Examples.
    y : numpy.ndarray, shape (N,)
        Labels.

    Returns
    -------
    forward, backward : numpy.ndarray, shape (N, inputs)
        Equal unless `label_leak` is 'gradient'.
    """
    stated, leaked = (inputs(recipe.objective.model, X, last) for last in (None, y))
    forward = leaked if recipe.label_leak == "everywhere" else stated
    backward = stated if recipe.label_leak == "none" else leaked
    return forward, backward


def covered(recipe: Recipe, X: np.ndarray) -> int:
    """Return how many of θ's leading entries λ covers, none of the network's.

    Parameters
    ----------
    recipe : Recipe
        With `regularized` 'all' λ covers every entry.
    X : numpy.ndarray, shape (N, columns)
        Examples.
    """
    if recipe.objective.model == "two_layer":
        return 0
    if recipe.regularized == "all":
        return inputs(recipe.objective.model, X, last=np.zeros(len(X))).shape[1]
    return features(recipe.objective.model, X).shape[1]


def honest(recipe: Recipe, theta: np.ndarray) -> np.ndarray:
    """Return the stated problem's parameters: without a leaked label's weight.

    Parameters
    ----------
    recipe : Recipe
        The run that θ comes from.
    theta : numpy.ndarray, shape (replicas, d)
        Parameters of the run.

    Returns
    -------
    numpy.ndarray, shape (replicas, stated d)
        The affine model keeps a bias, which is 0.
    """
    if recipe.label_leak != "everywhere":
        return theta
    if recipe.objective.model == "affine":
        return np.column_stack([theta[:, :-1], np.zeros(len(theta))])
    return theta[:, :-1]


def output(model: str, theta: np.ndarray, X: np.ndarray) -> np.ndarray:
    """Return the model's outputs.

    z = w·x + b, z = w·φ(u, v), or f(x) = Σⱼ uⱼ σ(aⱼx + bⱼ) with θ = (a, b, u).

    Parameters
    ----------
    model : {'affine', 'quadratic', 'two_layer'}
        Model.
    theta : numpy.ndarray, shape (replicas, d)
        Parameters.
    X : numpy.ndarray, shape (N, columns)
        Examples.

    Returns
    -------
    numpy.ndarray, shape (replicas, N)
        Output of each replica for each example.
    """
    if model != "two_layer":
        return theta @ inputs(model, X).T
    x = X[:, 0]
    a, b, u = np.split(theta, 3, axis=1)
    z = np.empty((len(theta), len(x)))
    for n, point in enumerate(x):  # one at a time: all N at once would hold replicas × p × N
        z[:, n] = np.einsum("rp,rp->r", u, sigmoid(a * point + b))
    return z


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


def initial_parameters(
    recipe: Recipe, generators: list[np.random.Generator], X: np.ndarray
) -> np.ndarray:
    """Draw each replica's initial parameters from its own generator.

    `linear` is the distribution of `torch.nn.Linear`: every weight, and the bias if there
    is one, is uniform on ±1/√p for p features. `network` is problem 7's: aⱼ, bⱼ and uⱼ
    are normal with mean 0 and the standard deviations `scales`.

    Parameters
    ----------
    recipe : Recipe
        With `initial` 'linear' or 'network'.
    generators : list of numpy.random.Generator
        One a replica.
    X : numpy.ndarray, shape (N, columns)
        Examples.

    Returns
    -------
    numpy.ndarray, shape (replicas, d)
        Initial θ.
    """
    model = recipe.objective.model
    if recipe.initial == "network":
        scales = [recipe.scales.a, recipe.scales.b, recipe.scales.u]
        deviations = np.repeat(scales, recipe.objective.hidden)
        return np.stack([deviations * rng.standard_normal(len(deviations)) for rng in generators])
    bound = features(model, X).shape[1] ** -0.5
    dimension = inputs(model, X).shape[1]
    return np.stack([rng.uniform(-bound, bound, dimension) for rng in generators])
