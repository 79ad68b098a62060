"""Stochastic gradient descent with PyTorch: autograd and `torch.optim.SGD`.

Every replica takes its own step at the same time: the replica axis is the last, and `backward`
starts from a 1 for each replica's loss, so that each column's gradient is its own loss's. Shapes as
in `by_numpy`.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import torch
from torch.nn.functional import logsigmoid, relu

from stages.sgd.parts.models import Epoch, Examples, covered, recipe_inputs
from stages.sgd.recipes.recipe import Recipe

CACHED = 64_000  # inputs gathered at once, which a core's cache has room for


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
    """Return z = θ·x, shape (B, R), for θ (d, 1, R) and x (d, B, R)."""
    return (theta * x).sum(dim=0)


def two_layer_output(theta: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """Return f(x) = Σⱼ uⱼ σ(aⱼx + bⱼ), shape (B, R), for θ = (a, b, u) and x (1, B, R)."""
    a, b, u = theta.chunk(3)
    return (u * torch.sigmoid(a * x + b)).sum(dim=0)


LOSSES = {"logistic": logistic_loss, "hinge": hinge_loss, "squared": squared_loss}


def batch_loss(recipe: Recipe, loss: str) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """Return the loss of a batch, shape (1, R), as a function of z and y, shape (B, R)."""
    function, reduction = LOSSES[loss], recipe.batch.reduction
    if recipe.batch.size == 1:
        return function
    if reduction == "margin":
        return lambda z, y: function((y * z).sum(dim=0, keepdim=True), torch.ones_like(z[:1]))
    if reduction == "sum":
        return lambda z, y: function(z, y).sum(dim=0, keepdim=True)
    return lambda z, y: function(z, y).mean(dim=0, keepdim=True)


def gathered(inputs: torch.Tensor, rows: torch.Tensor) -> Iterator[torch.Tensor]:
    """Yield each step's inputs, shape (d, B, R), gathered for some steps at once."""
    steps = max(1, CACHED // (len(inputs) * rows[0].numel()))
    for some in rows.split(steps):
        yield from inputs[:, some].unbind(1)


def share(gradient: torch.Tensor, parts: Sequence[torch.Tensor]) -> None:
    """Give each part of θ its rows of the gradient, of which nothing else is kept."""
    for part, rows in zip(parts, gradient.split([len(p) for p in parts]), strict=True):
        part.grad = rows


def train(
    recipe: Recipe,
    examples: Examples,
    theta: np.ndarray,
    order: Iterable[np.ndarray],
    rates: Iterable[np.ndarray],
    followed: int = 0,
) -> Iterator[Epoch]:
    """Train every replica by `torch.optim.SGD`; parameters as those of `by_numpy.train`.

    λ‖w‖² is the optimizer's: its `weight_decay` adds that multiple of w to the gradient, so it
    is cλ, 2λ where right, for the parameters that λ covers. Where the gradient accumulates, it
    is the loss's, ½cλ‖w‖², since autograd then accumulates it too.

    Yields
    ------
    Epoch
        One for each element of `order`.
    """
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))  # the arrays are small
    dtype = getattr(torch, recipe.precision)
    output = two_layer_output if recipe.network else linear_output
    loss = batch_loss(recipe, recipe.objective.loss)
    logged = batch_loss(recipe, recipe.log.loss) if recipe.log.loss else loss
    tables = recipe_inputs(recipe, *examples)
    inputs = torch.from_numpy(tables["output"].T.copy()).to(dtype)
    last = torch.from_numpy(tables["log"][:, -1] - tables["output"][:, -1]).to(dtype)
    targets = torch.from_numpy(examples[1]).to(dtype)
    regularization = recipe.penalised
    decay = recipe.penalty.factor * regularization
    mask = torch.ones(len(theta), dtype=torch.bool)
    if regularization:
        mask = torch.tensor(covered(recipe, examples[0]), dtype=torch.bool)
    whole = torch.from_numpy(theta).to(dtype)[:, None].clone().requires_grad_()  # (d, 1, R)
    runs, lengths = mask.unique_consecutive(return_counts=True)
    covers = runs.tolist()
    parts = whole.detach().split(lengths.tolist())  # views of θ, which is so never put together
    w = parts[covers.index(True)]
    in_loss = decay if recipe.accumulate else 0
    optimizer = torch.optim.SGD(
        [
            {"params": [part], "weight_decay": (decay - in_loss) * is_covered}
            for part, is_covered in zip(parts, covers, strict=True)
        ],
        lr=recipe.learning_rate,
        foreach=False,  # three tensors at most: there is nothing to gather
    )
    as_trained = logged is loss and not last.any()
    weight, penalised = recipe.gradient_factor, regularization * recipe.penalty.logged
    start = torch.ones(1, theta.shape[1], dtype=dtype)
    for seen, rate in zip(order, rates, strict=True):
        rows = torch.from_numpy(seen)
        there = rows[:, :, 0] >= 0  # not in a short batch
        targeted, outputs, losses, path = targets[rows], [], [], []
        columns = rows, gathered(inputs, rows), targeted.unbind(), there.sum(dim=1).tolist()
        for step, x, y, size, eta in zip(*columns, rate.tolist(), strict=True):
            if size < len(step):
                step, x, y = step[:size], x[:, :size], y[:size]
            for group in optimizer.param_groups:
                group["lr"] = eta
            if not recipe.accumulate:
                optimizer.zero_grad()
                whole.grad = None  # of which the optimizer's are views
            if followed:
                path.append(whole.detach()[:, 0, :followed].clone())
            z = output(whole, x)
            value = loss(z, y)
            total = value if weight == 1 else weight * value
            if in_loss:
                total = total + in_loss / 2 * (whole[mask] ** 2).sum(dim=0)
            total.backward(start)
            share(whole.grad, parts)
            outputs.append(z.detach())
            value = value.detach()
            if not as_trained:
                value = logged(outputs[-1] + last[step] * whole.detach()[-1], y)
            if penalised:
                value = value + penalised * w.square().sum(dim=0)
            losses.append(value)
            optimizer.step()
        after = whole.detach()[:, 0].clone()
        path = torch.stack([*path, after[:, :followed]]) if followed else after[None, :, :0]
        z, value = torch.zeros_like(targeted), torch.cat(losses).numpy()
        z[there], targeted[~there] = torch.cat(outputs), 0
        yield Epoch(seen, z.numpy(), targeted.numpy(), value, after.numpy(), path.numpy())
