"""Objectives, verdicts, kinks and histories against scalar arithmetic."""

import math

import numpy as np
import pytest
from conftest import load_problem, load_recipe

from stages.sgd.by_numpy import train
from stages.sgd.parts.logs import setting
from stages.sgd.parts.models import Epoch, stated_parameters
from stages.sgd.parts.scores import objective, summands, verdicts
from stages.sgd.record import DivergedError, record

PROBLEMS = ["logistic", "svm", "quadratic_logistic", "quadratic_svm", "two_layer"]


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


@pytest.mark.parametrize("problem", PROBLEMS)
def test_objective_and_verdicts(problem, draw):
    problem = load_problem(problem)
    stated, data = problem.objective, draw(problem.dataset)
    d = {"affine": 21, "quadratic": 5, "two_layer": 150}[stated.model]
    theta = np.random.default_rng(0).standard_normal((d, 4))
    values, judged = (f(stated, theta, data.X, data.y) for f in (objective, verdicts))
    parts = summands(stated, theta, data.X, data.y)
    for r, row in enumerate(theta.T):
        z = [scalar_output(stated.model, row, x) for x in data.X]
        w = row[: len(features(stated.model, data.X[0]))]
        means = {
            name: sum(map(SCALAR_LOSSES[name], z, data.y)) / 30 for name in ("logistic", "hinge")
        }
        expected = sum(map(SCALAR_LOSSES[stated.loss], z, data.y)) / 30
        expected += stated.regularization * sum(w * w)
        assert values[r] == pytest.approx(expected, rel=1e-12)
        if stated.model == "two_layer":
            grid = np.linspace(-2, 2, 1024)
            gaps = [scalar_output("two_layer", row, [x]) - (x - 2) * math.cos(4 * x) for x in grid]
            assert judged["rmse"][r] == pytest.approx(math.sqrt(np.mean(np.square(gaps))))
            assert parts == {}
            continue
        margins = [a * b for a, b in zip(data.y, z, strict=True)]
        assert judged["accuracy"][r] == sum(m > 0 for m in margins) / 30
        assert judged["margin"][r] == pytest.approx(min(margins) / math.sqrt(sum(w * w)))
        assert parts["logistic_loss"][r] == pytest.approx(means["logistic"], rel=1e-12)
        assert parts["hinge_loss"][r] == pytest.approx(means["hinge"], rel=1e-12)
        assert parts["squared_norm"][r] == pytest.approx(sum(w * w))


def test_zero_weights_have_no_margin(draw):
    data, theta = draw("gaussian"), np.zeros((21, 1))
    theta[20] = 1.0
    judged = verdicts(load_problem("svm").objective, theta, data.X, data.y)
    assert judged["margin"][0] == 0
    assert judged["accuracy"][0] == (data.y > 0).mean()


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("appendix_e", [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]]),  # the label's weight is dropped
        ("appendix_d", [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9], [0, 0]]),  # and its bias is 0
        ("appendix_b", [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9], [10, 11]]),
    ],
)
def test_parameters_of_the_stated_problem(program, expected, scratch):
    theta = np.arange(12.0).reshape(6, 2)
    np.testing.assert_array_equal(stated_parameters(load_recipe(program), theta), expected)


def test_a_program_without_intercept_has_bias_0(scratch):
    theta = np.arange(40.0).reshape(20, 2)
    found = stated_parameters(load_recipe("s02_svm"), theta)
    np.testing.assert_array_equal(found, [*theta, [0, 0]])


def test_a_constant_after_phi_adds_to_phis_own(scratch):
    recipe = load_recipe("s02_quadratic_logistic", intercept={"output": "constant"})
    found = stated_parameters(recipe, np.array([[1.0], [2], [3], [4], [5], [10]]))
    np.testing.assert_array_equal(found, [[11.0], [2], [3], [4], [5]])


def test_an_example_on_the_boundary_is_misclassified_and_small_weights_have_a_margin(draw):
    X, y = np.array([[0.0] * 20, [2.0] + [0.0] * 19]), np.array([1.0, 1.0])
    theta = np.zeros((21, 2))
    theta[0] = [0.5, 0.0]
    theta[20, 1] = 3.0  # no weight, and so no margin
    judged = verdicts(load_problem("svm").objective, theta, X, y)
    np.testing.assert_array_equal(judged["accuracy"], [0.5, 1.0])
    theta[20, 0] = 0.25
    judged = verdicts(load_problem("svm").objective, theta, X, y)
    np.testing.assert_array_equal(judged["margin"], [0.5, 0.0])


def test_a_program_keeps_what_replica_0_logs(draw):
    recipe, data = load_recipe("appendix_c", epochs=5, replicas=3), draw("gaussian")
    stated, where = load_problem("svm").objective, setting(recipe, data)
    losses, _, epochs = made_up(np.random.default_rng(1), 5, 3, 21)
    followed = [epoch._replace(path=np.zeros((4, 21, 2))) for epoch in epochs]
    run = record(followed, recipe, stated, (data.X, data.y), 0.25, where)
    np.testing.assert_array_equal(run.arrays["logged"], losses[:, 0])


def test_kinks_are_counted_at_margin_one_and_as_printed(draw):
    recipe = load_recipe("appendix_c", regularization=0.0, learning_rate=1e-12, replicas=3)
    X, y = np.zeros((3, 20)), np.array([1.0, -1.0, -1.0])
    X[:, 0] = [1, 1, -1]
    theta = np.zeros((21, 3))
    theta[0] = 1
    epochs = train(recipe, (X, y), theta, [np.array([[[0, 1, 2]]])], [np.array([1e-12])])
    stated, data = load_problem("svm").objective, draw("gaussian")
    run = record(epochs, recipe, stated, (data.X, data.y), 0.0)
    np.testing.assert_array_equal(run.replicas["kinks"], [1, 0, 1])  # y·z = 1, −1, 1
    np.testing.assert_array_equal(run.replicas["kinks_printed"], [1, 1, 0])  # z = 1, 1, −1
    assert (run.details["kinks"], run.details["kinks_printed"]) == (2, 2)


def made_up(rng, epochs, replicas, d):
    losses = rng.random((epochs, 3, replicas))
    thetas = rng.standard_normal((epochs, d, replicas))
    zeros = np.zeros((3, 1, replicas))
    path = np.zeros((4, d, 0))
    return (
        losses.mean(axis=1),
        thetas,
        [
            Epoch(zeros.astype(int), zeros, zeros, loss, theta, path)
            for loss, theta in zip(losses, thetas, strict=True)
        ],
    )


@pytest.mark.parametrize("count", [1, 7, 30, 130])
def test_history_summarises_replicas(count, draw):
    stated, data = load_problem("svm").objective, draw("gaussian")
    recipe = load_recipe("appendix_c", epochs=count, replicas=5)
    losses, thetas, epochs = made_up(np.random.default_rng(1), count, 5, 21)
    run = record(epochs, recipe, stated, (data.X, data.y), 0.25)
    names = ["", "_lower", "_upper", "_first"]
    columns = [kind + name for kind in ("sampled_loss", "objective") for name in names]
    assert list(run.history) == ["epoch", *columns, "optimum"]
    np.testing.assert_array_equal(run.history["epoch"], np.arange(1, count + 1))
    np.testing.assert_allclose(run.history["sampled_loss"], np.median(losses, axis=1))
    np.testing.assert_allclose(run.history["sampled_loss_lower"], np.quantile(losses, 0.05, axis=1))
    np.testing.assert_allclose(run.history["sampled_loss_upper"], np.quantile(losses, 0.95, axis=1))
    np.testing.assert_allclose(run.history["sampled_loss_first"], losses[:, 0])
    values = [objective(stated, theta, data.X, data.y) for theta in thetas]
    np.testing.assert_allclose(run.history["objective"], np.median(values, axis=1))
    last = values[-1]
    np.testing.assert_allclose(run.replicas["objective"], last)
    assert run.metrics["objective"] == pytest.approx(np.median(last))
    assert run.details["objective_upper"] == pytest.approx(np.quantile(last, 0.95))
    assert run.metrics["loss"] == pytest.approx(np.median(losses[-1]))
    assert run.metrics["accuracy"] == run.replicas["accuracy"].median()
    assert run.metrics["gap"] == pytest.approx(np.median(last) - 0.25)
    assert (run.history["optimum"] == 0.25).all()
    tail = losses[-math.ceil(count / 10) :]
    np.testing.assert_allclose(run.replicas["reported_loss"], tail.mean(axis=0))
    np.testing.assert_allclose(run.replicas["spread"], tail.std(axis=0), atol=1e-15)
    assert run.details["spread"] == pytest.approx(np.median(tail.std(axis=0)))
    np.testing.assert_array_equal(run.arrays["theta"], thetas[-1].T)
    np.testing.assert_allclose(run.arrays["losses"], losses.T)


def test_checkpoints_are_kept_with_their_steps(draw):
    stated, data = load_problem("two_layer").objective, draw("wave")
    recipe = load_recipe("problem_7", epochs=7, replicas=2, checkpoint=3)
    _, thetas, epochs = made_up(np.random.default_rng(1), 7, 2, 150)
    run = record(epochs, recipe, stated, (data.X, data.y), 0.25)
    np.testing.assert_array_equal(run.arrays["steps"], [9, 18])  # an epoch made up has 3
    np.testing.assert_array_equal(run.arrays["checkpoints"], thetas[[2, 5]].transpose(0, 2, 1))
    never = record(epochs, recipe.model_copy(update={"checkpoint": 8}), stated, (data.X, data.y), 0)
    assert "checkpoints" not in never.arrays


def test_a_lost_replica_ends_the_run(draw):
    stated, data = load_problem("svm").objective, draw("gaussian")
    recipe = load_recipe("appendix_c", epochs=3, replicas=2)
    _, _, epochs = made_up(np.random.default_rng(1), 3, 2, 21)
    epochs[1].theta[4, 1] = np.inf
    with pytest.raises(DivergedError, match="diverges in epoch 2, 1 of 2 replicas lost"):
        record(epochs, recipe, stated, (data.X, data.y), 0.0)
