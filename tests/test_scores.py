"""Objectives, verdicts and histories against scalar arithmetic."""

import math

import numpy as np
import pytest

from stages.common import parameters
from stages.sgd.by_numpy import train
from stages.sgd.models import Epoch, honest
from stages.sgd.recipe import Problem, Program
from stages.sgd.record import record
from stages.sgd.scores import objective, verdicts


def features(model, x):
    if model == "quadratic":
        u, v = x
        return [1, u, u * u, v, v * v]
    return list(x)


def scalar_output(model, theta, x):
    if model == "two_layer":
        p = len(theta) // 3
        hidden = [1 / (1 + math.exp(-(theta[j] * x[0] + theta[p + j]))) for j in range(p)]
        return sum(theta[2 * p + j] * hidden[j] for j in range(p))
    known = features(model, x)
    known = [*known, 1] if model == "affine" else known
    return sum(t * f for t, f in zip(theta, known, strict=True))


SCALAR_LOSSES = {
    "logistic": lambda z, y: math.log(1 + math.exp(-y * z)),
    "hinge": lambda z, y: max(0, 1 - y * z),
    "squared": lambda z, y: (z - y) ** 2 / 2,
}


def solutions(stated, X):
    d = {"affine": 21, "quadratic": 5, "two_layer": 150}[stated.model]
    return np.random.default_rng(0).standard_normal((4, d))


@pytest.mark.parametrize(
    ("problem", "dataset"),
    [
        ("logistic", "gaussian"),
        ("svm", "gaussian"),
        ("quadratic_logistic", "disc"),
        ("quadratic_svm", "disc"),
        ("two_layer", "wave"),
    ],
)
def test_objective_and_verdicts(problem, dataset, draw):
    stated = parameters.load(f"problems.{problem}", Problem).objective
    _, X, y = draw(dataset)
    theta = solutions(stated, X)
    values, judged = objective(stated, theta, X, y), verdicts(stated, theta, X, y)
    for r, row in enumerate(theta):
        z = [scalar_output(stated.model, row, x) for x in X]
        w = row[: len(features(stated.model, X[0]))]
        expected = sum(map(SCALAR_LOSSES[stated.loss], z, y)) / 30
        expected += stated.regularization * sum(w * w)
        assert values[r] == pytest.approx(expected, rel=1e-12)
        if problem == "two_layer":
            grid = np.linspace(-2, 2, 1024)
            gaps = [scalar_output("two_layer", row, [x]) - (x - 2) * math.cos(4 * x) for x in grid]
            assert judged["rmse"][r] == pytest.approx(math.sqrt(np.mean(np.square(gaps))))
        else:
            margins = [a * b for a, b in zip(y, z, strict=True)]
            assert judged["accuracy"][r] == sum(m > 0 for m in margins) / 30
            assert judged["margin"][r] == pytest.approx(min(margins) / math.sqrt(sum(w * w)))


def program(name, **changes):
    return parameters.load(f"published.{name}", Program).model_copy(update=changes)


def test_a_leaked_label_is_dropped_before_judging(scratch):
    theta = np.arange(12.0).reshape(2, 6)
    np.testing.assert_array_equal(honest(program("appendix_e"), theta), theta[:, :5])
    kept = [[0, 1, 2, 3, 4, 0], [6, 7, 8, 9, 10, 0]]
    np.testing.assert_array_equal(honest(program("appendix_d"), theta), kept)
    np.testing.assert_array_equal(honest(program("appendix_b"), theta), theta)


def test_kinks_are_counted_at_margin_one_and_as_printed(scratch):
    recipe = program("appendix_c", learning_rate=1e-12, replicas=3)
    X, y = np.zeros((3, 20)), np.array([1.0, -1.0, -1.0])
    X[:, 0] = [1, 1, -1]
    theta = np.zeros((3, 21))
    theta[:, 0] = 1
    recipe = recipe.model_copy(
        update={"objective": recipe.objective.model_copy(update={"regularization": 0.0})}
    )
    (epoch,) = train(recipe, X, y, theta, [np.array([[0, 1, 2]])])
    np.testing.assert_array_equal(epoch.kinks, [1, 0, 1])  # y·z = 1, −1, 1
    np.testing.assert_array_equal(epoch.kinks_printed, [1, 1, 0])  # z = 1, 1, −1


def test_history_summarises_replicas(draw):
    stated = parameters.load("problems.svm", Problem).objective
    _, X, y = draw("gaussian")
    recipe = program("appendix_c", epochs=30, replicas=5)
    rng = np.random.default_rng(1)
    losses, thetas = rng.random((30, 5)), rng.standard_normal((30, 5, 21))
    kinks = rng.integers(3, size=(30, 2, 5))
    run = record(
        map(Epoch, losses, thetas, *kinks.transpose(1, 0, 2)), recipe, stated, X, y, 0.25, ""
    )
    names = ["", "_lower", "_upper", "_first"]
    assert list(run.history) == [
        "epoch",
        *(kind + name for kind in ("sampled_loss", "objective") for name in names),
        "optimum",
    ]
    np.testing.assert_array_equal(run.history["epoch"], np.arange(1, 31))
    np.testing.assert_allclose(run.history["sampled_loss"], np.median(losses, axis=1))
    np.testing.assert_allclose(run.history["sampled_loss_lower"], np.quantile(losses, 0.05, axis=1))
    np.testing.assert_array_equal(run.history["sampled_loss_first"], losses[:, 0])
    last = objective(stated, thetas[-1], X, y)
    assert run.history["objective_upper"].iloc[-1] == np.quantile(last, 0.95)
    assert run.metrics["objective"] == np.median(last)
    assert run.metrics["gap"] == np.median(last) - 0.25
    assert (run.history["optimum"] == 0.25).all()
    assert run.metrics["spread"] == pytest.approx(np.median(losses[-3:].std(axis=0)))
    assert run.metrics["kinks"] == kinks[:, 0].sum()
    assert run.metrics["kinks_printed"] == kinks[:, 1].sum()
    np.testing.assert_array_equal(run.arrays["theta"], thetas[-1])


def test_checkpoints_are_kept_with_their_steps(draw):
    stated = parameters.load("problems.two_layer", Problem).objective
    _, X, y = draw("wave")
    recipe = program("problem_7", epochs=7, replicas=2, checkpoint=3)
    thetas = np.random.default_rng(1).standard_normal((7, 2, 150))
    zeros = np.zeros(2)
    epochs = (Epoch(zeros, theta, zeros, zeros) for theta in thetas)
    run = record(epochs, recipe, stated, X, y, 0.25, "")
    np.testing.assert_array_equal(run.arrays["steps"], [150, 300])
    np.testing.assert_array_equal(run.arrays["checkpoints"], thetas[[2, 5]])
