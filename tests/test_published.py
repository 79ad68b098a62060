"""Each published program against a scalar loop written from the description of the source."""

import math
import random

import numpy as np
import pytest
import torch

from stages.common import parameters
from stages.run import program_epochs
from stages.sgd.draws import published_start
from stages.sgd.recipe import Program

EPOCHS = 4
SEEDS = (0, 1, 5)


def gaussian():
    np.random.seed(0)
    X = np.random.standard_normal((30, 20))
    return X, 2 * np.random.randint(2, size=30) - 1


def pytorch_program(seed, steps, learning_rate, loss):
    X, y = gaussian()
    random.seed(seed)
    torch.manual_seed(seed)
    layer = torch.nn.Linear(20, 1)
    optimizer = torch.optim.SGD(layer.parameters(), lr=learning_rate)
    for _ in range(EPOCHS):
        losses = []
        for _ in range(steps):
            i = random.randint(0, 29)
            value = loss(int(y[i]) * layer(torch.FloatTensor(X[i])), layer.weight).squeeze()
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            losses.append(value.item())
        yield sum(losses) / steps


def appendix_a(seed):
    yield from pytorch_program(
        seed, 30, 1e-4, lambda margin, w: -torch.nn.functional.logsigmoid(margin)
    )


def appendix_c(seed):
    yield from pytorch_program(
        seed, 20, 1e-3, lambda margin, w: torch.clamp(1 - margin, min=0) + 0.1 * (w**2).sum()
    )


def appendix_b(seed):
    X, y = gaussian()
    w = np.random.uniform(0, 1, 21)
    random.seed(seed)
    for _ in range(EPOCHS):
        total = 0.0
        for _ in range(20):
            i = random.randint(0, 29)
            z = sum(w[j] * X[i, j] for j in range(20)) + w[20]
            loss = math.log(1 + math.exp(-y[i] * z))
            total += loss
            last = y[i]
            for j in range(21):
                w[j] -= 1e-4 * (1 - loss) * y[i] * (X[i, j] if j < 20 else last)
        yield total / 20


def leaky_svm(X, y, w, steps):
    for _ in range(EPOCHS):
        total = 0.0
        for _ in range(steps):
            i = random.randint(0, 29)
            x = [*X[i], y[i]]
            margin = y[i] * sum(wj * xj for wj, xj in zip(w, x, strict=True))
            total += max(0.0, 1 - margin) + 0.1 * sum(wj * wj for wj in w)
            inside = margin < 1
            w = [
                wj - 1e-3 * (0.2 * wj - (y[i] * xj if inside else 0.0))
                for wj, xj in zip(w, x, strict=True)
            ]
        yield total / steps


def appendix_d(seed):
    X, y = gaussian()
    w = np.random.uniform(0, 1, 21)
    random.seed(seed)
    yield from leaky_svm(X, y, w, 20)


def appendix_e(seed):
    np.random.seed(0)
    plane = np.random.standard_normal((2, 30))
    y = [1 if u * u + v * v > 0.7 else -1 for u, v in plane.T]
    c, s = math.cos(0.5), math.sin(0.5)
    moved = [(c * u - s * v + 1, s * u + c * v + 1) for u, v in plane.T]
    phi = [(1, u, u * u, v, v * v) for u, v in moved]
    w = np.random.uniform(0, 1, 6)
    random.seed(seed)
    yield from leaky_svm(phi, y, w, 5)


def problem_7(seed, epochs=EPOCHS):
    np.random.seed(0)
    a, b = (np.random.normal(0, 4, 50) for _ in range(2))
    u = np.random.normal(0, 0.05, 50)
    X = np.random.normal(0, 1, 30)
    if seed:
        np.random.seed(seed)
    for _ in range(epochs):
        total = 0.0
        for _ in range(50):
            x = X[np.random.randint(0, 29)]
            s = 1 / (1 + np.exp(-(a * x + b)))
            residual = u @ s - (x - 2) * math.cos(4 * x)
            total += residual**2 / 2
            slope = 0.007 * residual * u * s * (1 - s)
            a, b, u = a - slope * x, b - slope, u - 0.007 * residual * s
        yield total / 50


PROGRAMS = [
    (appendix_a, 1e-4),  # the source computes this one and appendix_c in float32
    (appendix_b, 1e-9),
    (appendix_c, 1e-4),
    (appendix_d, 1e-9),
    (appendix_e, 1e-9),
    (problem_7, 1e-9),
]


def run(draw, name, **changes):
    program = parameters.load(f"published.{name}", Program).model_copy(update=changes)
    drawn, X, y = draw(program.dataset)
    return np.array([epoch.sampled_loss for epoch in program_epochs(program, drawn, X, y)])


@pytest.mark.parametrize(("scalar", "tolerance"), PROGRAMS)
def test_program_follows_its_scalar_loop(scalar, tolerance, draw):
    losses = run(draw, scalar.__name__, epochs=EPOCHS, replicas=max(SEEDS) + 1)
    for seed in SEEDS:
        np.testing.assert_allclose(losses[:, seed], list(scalar(seed)), rtol=tolerance)


def test_problem_7_follows_its_one_trajectory_to_the_end(draw):
    losses = run(draw, "problem_7", replicas=1)
    assert losses.shape == (200, 1)
    np.testing.assert_allclose(losses[:, 0], list(problem_7(0, epochs=200)), rtol=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_torch_initial_parameters_are_those_of_nn_linear(seed, draw):
    program = parameters.load("published.appendix_a", Program)
    drawn, X, y = draw("gaussian")
    theta = published_start(program, drawn, X, y)
    torch.manual_seed(seed)
    layer = torch.nn.Linear(20, 1)
    expected = torch.cat([layer.weight.flatten(), layer.bias]).detach().numpy()
    np.testing.assert_allclose(theta[seed], expected, rtol=0, atol=np.finfo(np.float32).eps / 4)
