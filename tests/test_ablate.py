"""Shapley values, and the batch in which the subsets train."""

import itertools
import json
from math import factorial

import numpy as np
import pytest
import yaml
from conftest import ROOT, load_problem, load_recipe, section

from stages import ablate
from stages.sgd import by_torch
from stages.sgd.deviations import differences
from stages.sgd.parts.draws import draw_run, rates

ABLATIONS = yaml.safe_load((ROOT / "params.yaml").read_text())["ablations"]


def test_shapley_is_the_mean_over_orders():
    values = np.random.default_rng(0).standard_normal((16, 3))
    expected = np.zeros((4, 3))
    for order in itertools.permutations(range(4)):
        subset = 0
        for factor in order:
            larger = subset | 1 << (3 - factor)
            expected[factor] += (values[larger] - values[subset]) / factorial(4)
            subset = larger
    shares = ablate.shapley(values)
    np.testing.assert_allclose(shares, expected, rtol=1e-12)
    np.testing.assert_allclose(shares.sum(axis=0), values[-1] - values[0], rtol=1e-12)


@pytest.mark.parametrize("problem", ABLATIONS)
@pytest.mark.parametrize("quantity", ["sampled_loss", "objective"])
def test_written_shapley_values_add_up_to_the_gap(problem, quantity):
    ablation = json.loads((ROOT / f"metrics/ablation/{problem}.json").read_text())
    found = ablation[quantity]
    total = sum(found["shapley"][factor]["mean"] for factor in ablation["factors"])
    assert total == pytest.approx(found["program"] - found["reference"], abs=5e-6)
    assert len(ablation["subsets"]) == 2 ** len(ablation["factors"])


@pytest.mark.parametrize("problem", ABLATIONS)
def test_the_repaired_program_is_the_reference(problem):
    ablation = json.loads((ROOT / f"metrics/ablation/{problem}.json").read_text())
    assert ablation["largest_relative_difference"]["reference"] <= 1e-5
    assert ablation["largest_relative_difference"]["program"] <= 1e-5


@pytest.mark.parametrize(
    ("program", "reference", "factors"),
    [
        ("appendix_b", "appendix_a", ["intercept.gradient", "derivative", "steps", "start"]),
        ("appendix_d", "appendix_c", ["intercept", "penalty.covers", "start", "epochs"]),
    ],
)
def test_the_subsets_lead_to_the_pytorch_program_itself(program, reference, factors, draw):
    lengths = (6, 3 if "epochs" in factors else 6)
    ends = [
        load_recipe(name, epochs=epochs, replicas=2)
        for name, epochs in zip((program, reference), lengths, strict=True)
    ]
    assert list(differences(*ends)) == factors
    data = draw("gaussian")
    recipes = ablate.subsets(*ends, factors)
    assert len(recipes) == 2 ** len(factors)
    stated = load_problem("svm").objective
    values, curves = ablate.run(recipes, section("gaussian"), stated, (data.X, data.y))
    assert values.shape == (2, len(recipes), 2)
    assert [len(curve.T) for curve in curves] == list(lengths)
    theta, order = draw_run(ends[1], data, (data.X, data.y), 0, "test")
    eta = rates(ends[1], 30)
    epochs = list(by_torch.train(ends[1], (data.X, data.y), theta, order, eta))
    expected = np.array([epoch.losses.mean(axis=0) for epoch in epochs]).T
    np.testing.assert_allclose(curves[1], expected, rtol=1e-12)
    np.testing.assert_allclose(values[0, 0], expected[:, -1], rtol=1e-12)


def test_two_programs_alike_have_one_subset_and_no_share(draw):
    recipe, data = load_recipe("appendix_d", epochs=2, replicas=3), draw("gaussian")
    recipes = ablate.subsets(recipe, recipe, [])
    stated = load_problem("svm").objective
    values, _ = ablate.run(recipes, section("gaussian"), stated, (data.X, data.y))
    result = ablate.summarise([], values)
    assert result["sampled_loss"]["program"] == result["sampled_loss"]["reference"]
    assert result["sampled_loss"]["shapley"] == {}
    assert [len(subset["deviations"]) for subset in result["subsets"]] == [0]
