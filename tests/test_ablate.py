"""Shapley values, and the batch in which the subsets train."""

import itertools
import json
from math import factorial

import numpy as np
import pytest
from conftest import ROOT

from stages import ablate
from stages.common import parameters
from stages.run import program_epochs
from stages.sgd.recipe import Program, StatedObjective


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


@pytest.mark.parametrize("problem", ["logistic", "svm"])
@pytest.mark.parametrize("quantity", ["sampled_loss", "objective"])
def test_written_shapley_values_add_up_to_the_gap(problem, quantity):
    ablation = json.loads((ROOT / f"metrics/ablation/{problem}.json").read_text())
    found = ablation[quantity]
    total = sum(found["shapley"][factor]["mean"] for factor in ablation["factors"])
    assert total == pytest.approx(found["published"] - found["reference"], abs=5e-6)
    assert len(ablation["subsets"]) == 2 ** len(ablation["factors"])


@pytest.mark.parametrize("problem", ["logistic", "svm"])
def test_the_repaired_program_is_the_reference(problem):
    ablation = json.loads((ROOT / f"metrics/ablation/{problem}.json").read_text())
    assert ablation["largest_relative_difference"]["reference"] <= 1e-5
    assert ablation["largest_relative_difference"]["published"] <= 1e-5


@pytest.mark.parametrize(
    ("published", "reference", "factors"),
    [
        ("appendix_b", "appendix_a", ["gradient", "label_leak", "initial", "steps"]),
        ("appendix_d", "appendix_c", ["label_leak", "regularized", "initial", "epochs"]),
    ],
)
def test_the_batch_is_the_subsets_one_by_one(published, reference, factors, draw):
    ends = []
    for name, epochs in ((published, 6), (reference, 3 if "epochs" in factors else 6)):
        program = parameters.load(f"published.{name}", Program)
        ends.append(program.model_copy(update={"epochs": epochs, "replicas": 2}))
    assert ablate.differing(*ends) == factors
    drawn, X, y = draw("gaussian")
    stated = parameters.load("problems.svm.objective", StatedObjective)
    subsets = list(itertools.product((False, True), repeat=len(factors)))
    recipes = [ablate.subset_recipe(*ends, factors, subset) for subset in subsets]
    curves, values = ablate.run_subsets(recipes, lambda: draw("gaussian")[0], stated, X, y)
    for n, recipe in enumerate(recipes):
        epochs = list(program_epochs(recipe, draw("gaussian")[0], X, y))
        assert len(epochs) == recipe.epochs
        np.testing.assert_allclose(values[0, n], epochs[-1].sampled_loss, rtol=1e-12)
        if n in (0, len(recipes) - 1):
            key = "published" if n else "reference"
            np.testing.assert_allclose(
                curves[key], np.array([e.sampled_loss for e in epochs]).T, rtol=1e-12
            )
    assert recipes[0].learning_rate == ends[1].learning_rate
    np.testing.assert_allclose(  # the PyTorch program itself
        curves["reference"],
        np.array([e.sampled_loss for e in program_epochs(ends[1], drawn, X, y)]).T,
        rtol=1e-12,
    )


def test_programs_that_cannot_share_a_batch_are_refused(scratch):
    b, d = (parameters.load(f"published.appendix_{x}", Program) for x in "bd")
    with pytest.raises(ValueError, match="must not differ in learning_rate, objective, problem"):
        ablate.differing(b, d)
