"""The checks of certificates, on certificates known from geometry and on ones wrong by a little."""

import numpy as np
import pytest

from stages.sgd.certificates import (
    check_inseparable,
    check_minimiser,
    check_separator,
    lower_bound,
    margin_bound,
    smallest_margin,
)
from stages.sgd.recipes.schema import Objective

# Two pairs of points, apart by 2 along the first axis: the margin is 1, the bias 3.
APART = np.array([[4.0, 0], [4, 5], [2, 0], [2, 5]])
Y = np.array([1.0, 1, -1, -1])
HALF = np.array([0.5, 0, 0.5, 0])
WIDEST = np.array([1.0, 0, -3])  # w and b
CROSSED = np.array([[0.0, 0], [2, 2], [0, 2], [2, 0]])  # the classes' middles meet
QUARTER = np.full(4, 0.25)


def objective(loss, regularization, model="affine"):
    return Objective(model=model, loss=loss, regularization=regularization)


def test_a_right_separator_is_accepted():
    assert check_separator("affine", APART, Y, WIDEST, HALF) == 1
    assert check_separator("affine", APART, Y, 7 * WIDEST, HALF) == 1
    assert margin_bound("affine", APART, Y, HALF) == 1
    assert smallest_margin("affine", APART, Y, np.array([2.0, 0, -5])) == 0.5


@pytest.mark.parametrize("scale", [0.999, 1.001, 1 - 1.1e-5, 1 + 1.1e-5])
def test_multipliers_must_sum_to_1(scale):
    with pytest.raises(ValueError, match="are not weights of two convex combinations"):
        margin_bound("affine", APART, Y, scale * HALF)


@pytest.mark.parametrize("scale", [1 - 9e-6, 1 + 9e-6])
def test_a_sum_may_be_rounded(scale):
    assert margin_bound("affine", APART, Y, scale * HALF) == pytest.approx(scale, rel=1e-12)


@pytest.mark.parametrize(("shift", "right"), [(0.9e-6, True), (1.1e-6, False)])
@pytest.mark.parametrize("sign", [1, -1])
def test_multipliers_must_balance_where_there_is_a_bias(shift, right, sign):
    alpha = HALF + sign * shift / 2 * np.array([1, 0, -1, 0])  # Σα stays 1, Σαy is the shift
    if right:
        assert margin_bound("affine", APART, Y, alpha) == pytest.approx(1, abs=1e-5)
        return
    with pytest.raises(ValueError, match="are not weights of two convex combinations"):
        margin_bound("affine", APART, Y, alpha)


def test_multipliers_need_no_balance_without_a_bias():
    X, y = np.array([[1.0, 0], [2, 0]]), np.array([1.0, 1])
    assert margin_bound("quadratic", X, y, np.array([1.0, 0])) == np.sqrt(3)  # ‖(1, 1, 1, 0, 0)‖


@pytest.mark.parametrize(("least", "right"), [(-0.9e-6, True), (-1.1e-6, False)])
def test_multipliers_must_not_be_negative(least, right):
    alpha = HALF + least * np.array([-1, 1, 0, 0])
    if right:
        assert margin_bound("affine", APART, Y, alpha) == pytest.approx(1, abs=1e-5)
        return
    with pytest.raises(ValueError, match="are not weights of two convex combinations"):
        margin_bound("affine", APART, Y, alpha)


@pytest.mark.parametrize(
    ("separator", "message"),
    [
        (-WIDEST, "margin -1 is not the maximum 1"),
        ([1, 0, -4], "margin 0 is not the maximum 1"),
        ([1, 0.003, -3], "is not the maximum"),
        ([1, 0, -3 - 1.1e-6], "is not the maximum"),
    ],
)
def test_a_separator_a_little_off_is_refused(separator, message):
    with pytest.raises(ValueError, match=message):
        check_separator("affine", APART, Y, np.array(separator, float), HALF)


def test_a_separator_may_be_rounded():
    rounded = np.array([1, 0, -3 - 0.9e-6])
    assert check_separator("affine", APART, Y, rounded, HALF) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(("scale", "right"), [(1 - 0.9e-6, True), (1 - 1.1e-6, False)])
def test_a_margin_must_not_exceed_its_bound(scale, right):
    if right:
        assert check_separator("affine", APART, Y, WIDEST, scale * HALF) == 1
        return
    with pytest.raises(ValueError, match="margin 1 is not the maximum"):
        check_separator("affine", APART, Y, WIDEST, scale * HALF)


def test_a_separator_on_multipliers_of_other_points_is_refused():
    with pytest.raises(ValueError, match="margin 1 is not the maximum"):
        check_separator("affine", APART, Y, WIDEST, np.array([0.499, 1e-3, 0.5, 0]))


def test_a_margin_of_0_separates_nothing():
    with pytest.raises(ValueError, match=r"margin -?0 is not the maximum 0"):
        check_separator("affine", np.zeros((2, 1)), SIGNS, np.array([1.0, 0]), np.full(2, 0.5))


def test_hulls_that_meet_are_accepted():
    assert check_inseparable("affine", CROSSED, Y, QUARTER) == 0


@pytest.mark.parametrize(("moved", "right"), [(0.9e-6, True), (1.1e-6, False)])
def test_hulls_a_little_apart_are_refused(moved, right):
    """The bound is `moved` times √8, the largest norm."""
    alpha = QUARTER + moved * np.array([1, -1, 0, 0]) * np.array([-1, -1, 1, 1])
    assert np.linalg.norm((alpha * Y) @ CROSSED) == pytest.approx(moved * np.sqrt(8))
    if right:
        assert check_inseparable("affine", CROSSED, Y, alpha) < 3e-6
        return
    with pytest.raises(ValueError, match=r"the hulls are apart by 6.2\d*e-06"):
        check_inseparable("affine", CROSSED, Y, alpha)


# One point of either class on a line, at ±1: with α = β/2 each, Σ αyf = β and Σ αy = 0.
LINE, SIGNS = np.array([[1.0], [-1.0]]), np.array([1.0, -1.0])


def test_the_hinge_minimum_is_known():
    """λ = 1: (1 − w) + w² is least, ¾, at w = ½, where β = 1; so both multipliers are ½."""
    theta, alpha = np.array([0.5, 0.0]), np.array([0.5, 0.5])
    stated = objective("hinge", 1.0)
    assert lower_bound(stated, LINE, SIGNS, theta, alpha) == pytest.approx(0.75, abs=1e-15)
    assert check_minimiser(stated, LINE, SIGNS, theta, alpha) == 0.75


@pytest.mark.parametrize("w", [-0.2, 0.3, 1.0, 4.0])
def test_the_logistic_minimum_is_known(w):
    """At w the slope −σ(−w) + 2λw is 0 for λ = σ(−w) / 2w; with y swapped w is negative."""
    y, size = np.sign(w) * SIGNS, abs(w)
    share = 1 / (1 + np.exp(size))
    stated = objective("logistic", share / (2 * size))
    theta, alpha = np.array([w, 0.0]), np.array([share, share]) / 2
    value = np.log1p(np.exp(-size)) + share / (2 * size) * w * w
    assert check_minimiser(stated, LINE, y, theta, alpha) == pytest.approx(value, rel=1e-12)
    assert lower_bound(stated, LINE, y, theta, alpha) == pytest.approx(value, rel=1e-12)
    with pytest.raises(ValueError, match="is not the minimum"):
        check_minimiser(stated, LINE, y, theta, alpha * 0.99)


@pytest.mark.parametrize("scale", [0.999, 0.9999])
def test_multipliers_a_little_smaller_are_refused(scale):
    theta, alpha = np.array([0.5, 0.0]), np.array([0.5, 0.5])
    with pytest.raises(ValueError, match=r"objective 0.75 is not the minimum, at least 0.749\d*"):
        check_minimiser(objective("hinge", 1.0), LINE, SIGNS, theta, scale * alpha)


@pytest.mark.parametrize(("share", "right"), [(-0.9e-6, True), (-1.1e-6, False)])
@pytest.mark.parametrize("end", ["lower", "upper"])
def test_multipliers_lie_between_0_and_the_examples_share(share, right, end):
    shares = np.array([0.5, share if end == "lower" else 1 - share])
    if right:
        bound = lower_bound(objective("hinge", 1.0), LINE, SIGNS, np.zeros(2), shares / 2)
        clipped = np.clip(shares, 0, 1)
        b = (clipped * SIGNS).sum() / 2  # the bias's slope
        assert bound == pytest.approx(clipped.mean() - clipped.mean() ** 2 / 4 - 10 * abs(b))
        return
    with pytest.raises(ValueError, match=r"outside \[0, 1/N\]"):
        lower_bound(objective("hinge", 1.0), LINE, SIGNS, np.zeros(2), shares / 2)


@pytest.mark.parametrize("theta", [[0.5, 0.0], [3.0, 4.0]])
def test_the_bias_is_bounded_by_the_ball(theta):
    """Σ αy = ¼ and Σ αyf = ¾: ¾ − (¾)²/4λ − ¼R, R being 10(1 + ‖θ‖)."""
    alpha = np.array([0.5, 0.25])
    bound = lower_bound(objective("hinge", 2.0), LINE, SIGNS, np.array(theta), alpha)
    assert bound == pytest.approx(0.75 - 0.75**2 / 8 - 2.5 * (1 + np.hypot(*theta)), rel=1e-14)


def test_without_a_penalty_every_weight_is_bounded_by_the_ball():
    alpha = np.array([0.5, 0.25])
    bound = lower_bound(objective("hinge", 0.0), LINE, SIGNS, np.zeros(2), alpha)
    assert bound == pytest.approx(0.75 - 10 * np.hypot(0.75, 0.25), rel=1e-14)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_the_entropy_of_certainty_is_0(share):
    alpha = np.full(2, share / 2)
    bound = lower_bound(objective("logistic", 1.0), LINE, SIGNS, np.zeros(2), alpha)
    assert bound == pytest.approx(-(share**2) / 4, abs=1e-15)


def test_weights_of_phi_are_all_covered():
    """φ = (1, u, u², v, v²) at (1, 0) and (0, 0): Σ αyφ = (0, ½, ½, 0, 0) for α = ½ each."""
    X, alpha = np.array([[1.0, 0], [0, 0]]), np.array([0.5, 0.5])
    stated = objective("hinge", 1.0, "quadratic")
    assert lower_bound(stated, X, SIGNS, np.ones(5), alpha) == 1 - 0.5 / 4
    assert stated.regularization == 1


@pytest.mark.parametrize(("gap", "right"), [(0.9e-7, True), (1.1e-7, False)])
def test_value_and_bound_may_differ_by_rounding(gap, right):
    """Two classes at one point: 1 + λw² is least for w = 0."""
    X, theta = np.ones((2, 1)), np.array([np.sqrt(gap), 0.0])
    if right:
        found = check_minimiser(objective("hinge", 1.0), X, SIGNS, theta, np.full(2, 0.5))
        assert found == pytest.approx(1 + gap, rel=1e-12)
        return
    with pytest.raises(ValueError, match="is not the minimum"):
        check_minimiser(objective("hinge", 1.0), X, SIGNS, theta, np.full(2, 0.5))


def test_a_small_minimum_may_differ_by_as_much():
    """Far from separating, λ = 1e-8: the value is λw² = 0.9e-7 beside the bound of α = 0."""
    theta = np.array([3.0, 0.0])
    assert check_minimiser(objective("hinge", 1e-8), LINE, SIGNS, theta, np.zeros(2)) == 9e-8
