"""The exact solution where data or problem are odd: a result that makes sense, and no traceback."""

from pathlib import Path

import numpy as np
import pytest
from conftest import load_problem

from stages import certify, dataset
from stages.common.files import InputError, read_json


def solved(name, key):
    certify.main(name, key)
    return (read_json(f"metrics/{name}/{file}.json") for file in ("exact", "certificate"))


def test_a_network_with_too_few_units_is_bounded_by_0(scratch, params):
    params["problems"]["two_layer"]["objective"]["hidden"] = 3
    scratch(params)
    dataset.main("wave")
    exact, certificate = solved("two_layer", "problems.two_layer")
    assert exact == {"objective": 0.0}
    assert certificate["optimum"] == 0
    assert certificate["attained"] is None
    assert "3 hidden units" in certificate["why"]
    assert "minimiser" not in certificate


def write_disc(labels):
    points = np.random.default_rng(0).standard_normal((len(labels), 2))
    rows = [f"{u},{v},{y}" for (u, v), y in zip(points, labels, strict=True)]
    Path("data").mkdir()
    Path("data/disc.csv").write_text("\n".join(["u,v,y", *rows]) + "\n")


@pytest.mark.parametrize("label", [-1, 1])
@pytest.mark.parametrize("objective", ["logistic", "svm"])
def test_one_class_is_separated_by_the_bias(label, objective, scratch, params):
    params["variants"]["plane"]["objective"] = params["problems"][objective]["objective"]
    scratch(params)
    write_disc([label] * 8)
    exact, certificate = solved("plane", "variants.plane")
    assert certificate["separable"]
    assert certificate["max_margin"] is None
    assert certificate["separator"] == [0, 0, label]
    assert exact["objective"] == pytest.approx(0, abs=1e-6)
    assert exact["accuracy"] == 1


@pytest.mark.parametrize("label", [-1, 1])
@pytest.mark.parametrize("name", ["quadratic_logistic", "quadratic_svm"])
def test_one_class_is_separated_in_phi_space(label, name, scratch):
    write_disc([label] * 8)
    exact, certificate = solved(name, f"problems.{name}")
    assert certificate["separable"]
    assert exact["accuracy"] == 1


@pytest.mark.parametrize("name", ["svm", "quadratic_svm"])
def test_an_unpenalised_svm_on_separable_data_has_optimum_0(name, scratch, params):
    params["problems"][name]["objective"]["regularization"] = 0.0
    scratch(params)
    dataset.main(load_problem(name).dataset)
    exact, certificate = solved(name, f"problems.{name}")
    assert certificate["attained"]
    assert exact["objective"] == pytest.approx(0, abs=1e-6)


def test_an_unpenalised_svm_where_nothing_separates(scratch, params):
    params["variants"]["plane"]["objective"] = {"model": "affine", "loss": "hinge"}
    scratch(params)
    dataset.main("disc")
    exact, certificate = solved("plane", "variants.plane")
    theta = np.array(certificate["minimiser"])
    table = np.loadtxt("data/disc.csv", delimiter=",", skiprows=1)
    margins = table[:, 2] * (table[:, :2] @ theta[:2] + theta[2])
    expected = np.maximum(0, 1 - margins).mean()
    assert exact["objective"] == pytest.approx(expected, abs=1e-5)
    assert not certificate["separable"]


def test_what_cannot_be_solved_is_one_line(scratch, params, monkeypatch):
    def fails(*arguments):
        raise ValueError("multipliers are not weights of two convex combinations")

    dataset.main("disc")
    monkeypatch.setattr(certify, "separability", fails)
    with pytest.raises(InputError, match=r"^params\.yaml: variants\.plane\.objective: not solved"):
        certify.main("plane", "variants.plane")
    assert not Path("metrics").exists()
