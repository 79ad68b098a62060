"""Stochastic gradient descent with PyTorch: autograd and `torch.optim.SGD`.

Every replica takes its own step at the same time: row r of each tensor is replica r, and
the replicas' losses are summed, so that each row's gradient is its own loss's.
"""

import os
from collections.abc import Iterable, Iterator

import numpy as np
import torch
from torch.nn.functional import logsigmoid, relu

from stages.sgd.models import Epoch, covered, recipe_inputs
from stages.sgd.recipe import Recipe


def logistic_loss(z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return log(1 + e^(−yz)) for outputs z and labels y = ±1 of the same shape."""
    return -logsigmoid(y * z)


def hinge_loss(z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return max(0, 1 − yz) for outputs z and labels y = ±1 of the same shape."""
    return relu(1 - y * z)


def squared_loss(z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return ½(z − y)² for outputs z and targets y of the same shape."""
    return (z - y) ** 2 / 2


def linear_output(theta: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """Return z = θ·x, row by row, for θ and x of shape (replicas, d)."""
    return (theta * x).sum(dim=1)


def two_layer_output(theta: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """Return f(x) = Σⱼ uⱼ σ(aⱼx + bⱼ) for θ = (a, b, u) and x of shape (replicas, 1)."""
    a, b, u = theta.chunk(3, dim=1)
    return (u * torch.sigmoid(a * x + b)).sum(dim=1)


LOSSES = {"logistic": logistic_loss, "hinge": hinge_loss, "squared": squared_loss}


def train(
    recipe: Recipe, X: np.ndarray, y: np.ndarray, theta: np.ndarray, indices: Iterable[np.ndarray]
) -> Iterator[Epoch]:
    """Train every replica at once by `torch.optim.SGD`.

    λ‖w‖² is the optimizer's: its `weight_decay` adds that multiple of w to the gradient,
    so it is 2λ for the group of parameters that λ covers.

    Parameters
    ----------
    recipe : Recipe
        What to compute; its `gradient` is 'derivative' and its `label_leak` not 'gradient'.
    X : numpy.ndarray, shape (N, columns)
        Examples.
    y : numpy.ndarray, shape (N,)
        Labels or targets.
    theta : numpy.ndarray, shape (replicas, d)
        Initial parameters.
    indices : iterable of numpy.ndarray, shape (steps, replicas)
        Each epoch's examples.

    Yields
    ------
    Epoch
        One for each element of `indices`.
    """
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))  # the arrays are small
    network = recipe.objective.model == "two_layer"
    output = two_layer_output if network else linear_output
    loss = LOSSES[recipe.objective.loss]
    regularization = recipe.objective.regularization
    forward, _ = recipe_inputs(recipe, X, y)
    inputs, targets = torch.from_numpy(forward), torch.from_numpy(y)
    initial = torch.from_numpy(theta)
    split = covered(recipe, X)
    weights = initial[:, :split].clone().requires_grad_()
    others = initial[:, split:].clone().requires_grad_()
    optimizer = torch.optim.SGD(
        [{"params": [weights], "weight_decay": 2 * regularization}, {"params": [others]}],
        lr=recipe.learning_rate,
    )
    for epoch in map(torch.from_numpy, indices):
        x, labels = inputs[epoch], targets[epoch]
        z, losses = torch.empty_like(labels), torch.empty_like(labels)
        for k in range(len(epoch)):
            optimizer.zero_grad()
            z_k = output(torch.cat([weights, others], dim=1), x[k])
            loss_k = loss(z_k, labels[k])
            loss_k.sum().backward()
            with torch.no_grad():
                z[k], losses[k] = z_k, loss_k
                if regularization:
                    losses[k] += regularization * (weights**2).sum(dim=1)
            optimizer.step()
        after = torch.cat([weights, others], dim=1).detach()
        kinks, kinks_printed = (labels * z == 1).sum(dim=0), (z == 1).sum(dim=0)
        yield Epoch(*(t.numpy() for t in (losses.mean(dim=0), after, kinks, kinks_printed)))
