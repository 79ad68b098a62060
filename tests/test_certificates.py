"""The written certificates, checked by arithmetic alone, and wrong ones, which must fail."""

import itertools
import json

import numpy as np
import pytest
import yaml
from conftest import ROOT

from stages.sgd import certificates
from stages.sgd.recipes.schema import Objective

PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text())
PROBLEMS = {
    name: (entry["dataset"], entry["objective"])
    for name, entry in (PARAMS["problems"] | PARAMS["variants"]).items()
    if entry["objective"]["model"] != "two_layer"
}


def load(name, draw):
    dataset, objective = PROBLEMS[name]
    data = draw(dataset)
    X, y = data.X, data.y
    certificate = json.loads((ROOT / f"metrics/{name}/certificate.json").read_text())
    return certificate, objective, X, y


def features(objective, X):
    if objective["model"] == "affine":
        return X
    return np.array([[1, u, u * u, v, v * v] for u, v in X])


def outputs(objective, X, theta):
    known = features(objective, X)
    return known @ theta[: len(known.T)] + (theta[-1] if objective["model"] == "affine" else 0)


def value(objective, X, y, theta):
    margins = y * outputs(objective, X, theta)
    if objective["loss"] == "logistic":
        losses = np.log1p(np.exp(-margins))
    else:
        losses = np.maximum(0, 1 - margins)
    weights = theta[: len(features(objective, X).T)]
    return losses.mean() + objective.get("regularization", 0) * weights @ weights


@pytest.mark.parametrize("name", PROBLEMS)
def test_separability(name, draw):
    certificate, objective, X, y = load(name, draw)
    alpha = np.array(certificate["margin_multipliers"])
    known = features(objective, X)
    assert (alpha >= 0).all()
    assert alpha.sum() == pytest.approx(1, abs=1e-5)
    if objective["model"] == "affine":
        assert alpha @ y == pytest.approx(0, abs=1e-5)
    bound = np.linalg.norm((alpha * y) @ known)  # no unit-norm w has a larger smallest margin
    if certificate["separable"]:
        theta = np.array(certificate["separator"])
        margin = (y * outputs(objective, X, theta)).min() / np.linalg.norm(theta[: len(known.T)])
        assert margin > 0
        assert margin == pytest.approx(certificate["max_margin"], rel=1e-4)
        assert bound == pytest.approx(margin, rel=1e-3)
    else:
        assert certificate["max_margin"] == 0
        assert bound <= 1e-5 * np.abs(known).max()


def test_no_line_separates_the_plane(draw):
    """A separating line can be moved until it passes through two points: try them all."""
    data = draw("disc")
    X, y = data.X, data.y
    separated = False
    for i, j in itertools.combinations(range(30), 2):
        along = X[j] - X[i]
        sides = (X - X[i]) @ np.array([-along[1], along[0]])
        rest = np.delete(np.arange(30), [i, j])
        for sign in (1, -1):
            separated |= (sign * sides[rest] * y[rest] > 0).all()
    assert not separated


def rounding_reach(objective, X, theta):
    """Bound how far the objective moves, a unit of relative error in each written number."""
    known = np.abs(features(objective, X))
    reach = (known @ np.abs(theta[: len(known.T)])).max() + abs(theta[-1])
    return reach + 2 * objective.get("regularization", 0) * theta @ theta + 1


@pytest.mark.parametrize("name", PROBLEMS)
def test_optimum(name, draw):
    certificate, objective, X, y = load(name, draw)
    exact = json.loads((ROOT / f"metrics/{name}/exact.json").read_text())
    assert exact["objective"] == certificate["optimum"]
    if not certificate["attained"]:
        theta = np.array(certificate["separator"])
        falling = [value(objective, X, y, t * theta) for t in (1, 10, 100, 400)]
        assert certificate["optimum"] == 0
        assert sorted(falling, reverse=True) == falling
        assert 0 < falling[-1] < 1e-6
        assert "separable" in certificate["why"]
        return
    theta = np.array(certificate["minimiser"])
    slack = 5e-6 * rounding_reach(objective, X, theta)
    assert value(objective, X, y, theta) == pytest.approx(certificate["optimum"], abs=slack)
    rng = np.random.default_rng(0)
    for scale in (1e-4, 1e-2, 1.0):  # a convex function's minimum is less than its neighbours
        for step in rng.standard_normal((200, len(theta))):
            neighbour = value(objective, X, y, theta + scale * step)
            assert neighbour > certificate["optimum"] - slack
    assert exact["accuracy"] == pytest.approx(
        (y * outputs(objective, X, theta) > 0).mean(), abs=1e-6
    )


@pytest.mark.parametrize("name", ["svm", "quadratic_svm", "appendix_e"])
def test_hinge_duality(name, draw):
    certificate, objective, X, y = load(name, draw)
    alpha, penalty = np.array(certificate["multipliers"]), objective["regularization"]
    assert alpha.min() >= 0
    assert alpha.max() <= (1 + 1e-5) / len(y)
    weights = (alpha * y) @ features(objective, X)
    dual = alpha.sum() - weights @ weights / (4 * penalty)
    assert dual == pytest.approx(certificate["optimum"], rel=1e-3)
    if objective["model"] == "affine":
        assert alpha @ y == pytest.approx(0, abs=1e-6)


def test_the_network_interpolates(draw):
    certificate = json.loads((ROOT / "metrics/two_layer/certificate.json").read_text())
    data = draw("wave")
    X, y = data.X, data.y
    a, b, u = np.split(np.array(certificate["minimiser"]), 3)
    with np.errstate(over="ignore"):
        f = (u / (1 + np.exp(-(a * X + b)))).sum(axis=1)
    np.testing.assert_allclose(f, y, atol=1e-4)


def objective_of(name):
    return Objective(**PROBLEMS[name][1])


def test_a_wrong_minimiser_is_caught(draw):
    certificate, _, X, y = load("svm", draw)
    theta, alpha = (np.array(certificate[key]) for key in ("minimiser", "multipliers"))
    theta[3] += 0.05
    with pytest.raises(ValueError, match="is not the minimum"):
        certificates.check_minimiser(objective_of("svm"), X, y, theta, alpha)


def test_wrong_multipliers_are_caught(draw):
    certificate, _, X, y = load("svm", draw)
    theta, alpha = (np.array(certificate[key]) for key in ("minimiser", "multipliers"))
    with pytest.raises(ValueError, match="is not the minimum"):
        certificates.check_minimiser(objective_of("svm"), X, y, theta, alpha / 2)
    with pytest.raises(ValueError, match="outside"):
        certificates.check_minimiser(objective_of("svm"), X, y, theta, 2 * alpha)


def test_a_wrong_separator_is_caught(draw):
    certificate, _, X, y = load("logistic", draw)
    separator, alpha = (np.array(certificate[key]) for key in ("separator", "margin_multipliers"))
    with pytest.raises(ValueError, match="is not the maximum"):
        certificates.check_separator("affine", X, y, -separator, alpha)
    separator[0] += 0.05
    with pytest.raises(ValueError, match="is not the maximum"):
        certificates.check_separator("affine", X, y, separator, alpha)


def test_a_wrong_farkas_certificate_is_caught(draw):
    certificate, _, X, y = load("plane", draw)
    alpha = np.array(certificate["margin_multipliers"])
    certificates_of = [alpha.copy() for _ in range(3)]
    plus, minus = np.flatnonzero(y > 0), np.flatnonzero(y < 0)
    certificates_of[0][plus[0]] += 0.1  # no longer convex combinations
    certificates_of[1][plus[:2]] += [0.01, -0.01]  # combinations, but of different points
    certificates_of[2][minus[0]] = -0.1
    for wrong in certificates_of:
        with pytest.raises(ValueError, match=r"are not weights|hulls are apart"):
            certificates.check_inseparable("affine", X, y, wrong)
