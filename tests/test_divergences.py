"""KL divergences and Jensen gaps against arithmetic of a hundred digits."""

from decimal import Decimal, getcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages import divergence
from stages.common import files
from stages.sgd.divergences import jensen_gap, kl_divergence

getcontext().prec = 100


def exact_kl(p, q):
    """Return Σ p log(p/q) − p + q, which is D_KL for mass functions that sum to 1 exactly."""
    total = Decimal(0)
    for a, b in zip(map(Decimal, map(float, p)), map(Decimal, map(float, q)), strict=True):
        total += (a * (a / b).ln() if a else 0) - a + b
    return total


masses = st.lists(st.floats(0.01, 1), min_size=2, max_size=6)


@given(weights=masses, nearness=st.sampled_from([1.0, 0.1, 0.02, 1e-3, 1e-6, 1e-9]), data=st.data())
def test_kl_keeps_its_digits_near_the_diagonal(weights, nearness, data):
    p = np.array(weights) / sum(weights)
    noise = data.draw(st.lists(st.floats(-0.9, 0.9), min_size=len(p), max_size=len(p)))
    q = p * (1 + nearness * np.array(noise))
    q /= q.sum()
    exact = exact_kl(p, q)
    assert float(kl_divergence(p, q)) == pytest.approx(float(exact), rel=1e-6, abs=1e-80)
    assert (kl_divergence(p, q) > 0) == (p != q).any()


@pytest.mark.parametrize(
    ("p", "q", "expected"),
    [
        ([0.5, 0.5], [1.0, 0.0], np.inf),
        ([1.0, 0.0], [0.5, 0.5], np.log(2)),
        ([1.0, 0.0], [1.0, 0.0], 0.0),
        ([0.0, 1.0], [1.0, 0.0], np.inf),
        ([0.25, 0.75], [0.75, 0.25], 0.5 * np.log(3)),
    ],
)
def test_kl_with_zeros(p, q, expected):
    assert kl_divergence(np.array(p), np.array(q)) == pytest.approx(expected, rel=1e-14)


@given(
    x=st.floats(1e-3, 1e3),
    ratio=st.sampled_from([1e-9, 1e-4, 0.019, 0.021, 0.5, 30.0]),
    share=st.floats(0.01, 0.99),
)
def test_jensen_gap_keeps_its_digits(x, ratio, share):
    points = np.array([x, x * (1 + ratio)])
    weights = np.array([share, 1 - share])
    a, b = map(Decimal, map(float, points))
    w, v = map(Decimal, map(float, weights))
    exact = (w * a + v * b).ln() - w * a.ln() - v * b.ln()
    gap = float(jensen_gap(points, weights))
    assert gap > 0
    assert gap == pytest.approx(float(exact), rel=1e-5)
    both = jensen_gap(np.stack([points, points[::-1], points]), weights)  # of several at once
    assert both.shape == (3,)
    assert both[0] == both[2] == pytest.approx(gap, rel=1e-12)


@pytest.mark.parametrize("concentration", [0.001, 0.01, 1.0, 1e6])
def test_pairs_whose_divergence_no_float_holds_are_left_out(concentration, scratch, params):
    params["divergence"] |= {"pairs": 300, "concentrations": [concentration]}
    scratch(params)
    divergence.main()
    found = files.read_json("metrics/divergence.json")["kl"]
    assert 0 < found["pairs"] <= found["equal_pairs"]
    assert found["not_positive"] == 0
    assert found["pinsker_holds"]


def test_where_no_pair_is_left_the_concentrations_are_named(scratch, params):
    params["divergence"]["concentrations"] = [1e-12]
    scratch(params)
    with pytest.raises(files.InputError, match=r"divergence\.concentrations = \[1e-12\]: leave no"):
        divergence.main()
