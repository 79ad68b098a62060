"""The sweep: the same replicas as a loop over plain numbers, whatever the blocks."""

import math
import os
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT, load_problem, section
from verify import NO_SIMD

from stages import sweep
from stages.common import files
from stages.sgd.recipes.recipe import Stated

SEED, EPOCHS = 0, 4  # so few steps that all are drawn at once
RATES = [1e-3, 0.05, 2.0]
CLASSIFIERS = ["logistic", "svm", "quadratic_logistic", "quadratic_svm"]


def values(name):
    stated = load_problem(name)
    asked = stated.model_dump(exclude_unset=True, include={*Stated.model_fields})
    return asked, section(stated.dataset).model_dump()


def by_hand(name, X, y, replica, rate):
    """Return objective, accuracy and sampled loss of one replica: a loop over plain numbers."""
    stated = load_problem(name)
    weight, hinge = stated.objective.regularization, stated.objective.loss == "hinge"
    inputs = [[*x, 1.0] for x in X]
    if stated.objective.model == "quadratic":
        inputs = [[1.0, u, u * u, v, v * v] for u, v in X]
    bias = 1 if stated.objective.model == "affine" else 0
    count = len(inputs[0]) - bias
    rng = np.random.default_rng([SEED, replica, *name.encode()])
    theta = list(rng.uniform(-(count**-0.5), count**-0.5, count + bias))
    order = rng.integers(len(y), size=EPOCHS * len(y))

    def loss(z, label):
        return max(0.0, 1 - label * z) if hinge else math.log1p(math.exp(-label * z))

    def output(x):
        return sum(a * b for a, b in zip(theta, x, strict=True))

    def penalty():
        return weight * sum(w * w for w in theta[:count])

    logged = []
    for i in order:
        x, label, z = inputs[i], y[i], output(inputs[i])
        logged.append(loss(z, label) + penalty())
        slope = -label / (1 + math.exp(label * z))
        if hinge:
            slope = -label if label * z < 1 else 0.0
        for j, part in enumerate(x):
            decay = 2 * weight * theta[j] if j < count else 0.0
            theta[j] -= rate * (slope * part + decay)
    margins = [label * output(x) for x, label in zip(inputs, y, strict=True)]
    losses = [loss(output(x), label) for x, label in zip(inputs, y, strict=True)]
    return (
        sum(losses) / len(y) + penalty(),
        sum(m > 0 for m in margins) / len(y),
        sum(logged[-len(y) :]) / len(y),
    )


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_each_replica_is_a_loop_by_hand(name, draw):
    data = draw(load_problem(name).dataset)
    found = sweep.descend(name, *values(name), SEED, EPOCHS, RATES, 5, 3)
    expected = [
        [by_hand(name, data.X.tolist(), data.y.tolist(), 5 + r, rate) for r in range(3)]
        for rate in RATES
    ]
    np.testing.assert_allclose(found, np.moveaxis(expected, 2, 0), rtol=1e-9)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_blocks_change_no_step(name, scratch):
    given = name, *values(name), SEED, EPOCHS, RATES
    whole = sweep.descend(*given, 0, 7)
    parts = [sweep.descend(*given, first, count) for first, count in ((0, 4), (4, 2), (6, 1))]
    objective, accuracy, losses = np.concatenate(parts, axis=2)
    assert np.array_equal((accuracy, losses), whole[1:])
    # Of all examples at once BLAS makes z, a processor's own way for each number of columns.
    assert np.allclose(objective, whole[0], rtol=1e-13, atol=0)


def test_blocks_are_all_replicas():
    found = [r for first, n in sweep.blocks(150) for r in range(first, first + n)]
    assert found == list(range(150))


def test_past_one_over_lambda_every_replica_diverges(scratch):
    """θ ← (1 − 2ηλ)θ − … grows without bound once |1 − 2ηλ| > 1, which is η > 1/λ."""
    weight = load_problem("svm").objective.regularization
    rates = [0.1 / weight, 1.5 / weight]
    ends = sweep.descend("svm", *values("svm"), SEED, 60, rates, 0, 20)
    found = sweep.summarise(ends, 0.0, 10.0)
    assert found["diverged"][1] == 1
    assert found["diverged"][0] < 1
    assert not (ends[0, 1] < 1e20).any()


def test_quantiles_are_of_replicas_that_are_there():
    objectives = np.array([[*range(1, 101)], [*range(1, 51), *[np.nan] * 50]], float)
    accuracy = np.array([[1.0] * 25 + [0.5] * 75, [0.9] * 100])
    found = sweep.summarise(np.stack([objectives, accuracy, objectives]), 0.5, 90.0)
    assert (found["gap"], found["lower"], found["upper"]) == ([49.5] * 2, [4.5] * 2, [94.5, None])
    assert found["loss"] == [50, 50]
    assert found["diverged"] == [0.1, 0.5]
    assert found["separates"] == [0.25, 0.0]


def test_rates_are_short_decimals():
    found = sweep.Rates(lower=1e-5, a_decade=3, count=7).values()
    assert found == [1e-5, 2.15443e-5, 4.64159e-5, 1e-4, 2.15443e-4, 4.64159e-4, 1e-3]


@pytest.mark.parametrize("name", ["nobody", "two_layer"])
def test_what_is_no_classifier_is_refused(name, scratch, params):
    params["sweep"]["problems"] = [name]
    scratch(params)
    asked = {
        n: {k: v for k, v in p.items() if k in Stated.model_fields}
        for n, p in params["problems"].items()
    }
    files.write_text("data/sections/stated.yaml", str(asked))
    with pytest.raises(files.InputError, match=f"sweep.problems: '{name}': must be logistic, svm"):
        sweep.main()


def test_what_magnifies_the_last_digit_does_not_depend_on_the_processor(scratch):
    stated, drawn = values("logistic")
    work = f"sweep.descend('logistic', {stated}, {drawn}, 0, 40, [1.0, 10.0], 0, 32)"
    code = f"from stages import sweep; print({work}[2].tobytes().hex())"
    found = [
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env=os.environ | {"NPY_DISABLE_CPU_FEATURES": disabled},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for disabled in ("", NO_SIMD)
    ]
    ends = [np.frombuffer(bytes.fromhex(text)) for text in found]
    assert np.allclose(*ends, rtol=1e-12, atol=0)
