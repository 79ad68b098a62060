"""The verdicts: complete, in step with the README, and turned by the evidence."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest
import yaml
from conftest import ROOT
from pydantic import ValidationError

from stages import claims
from stages.claims import CLAIMS
from stages.common.files import write_json
from stages.sgd import causes, courses, rules
from stages.sgd.rules import Bootstrap, Rate, Thresholds

IDS = [
    "p1_converges",
    "p1_numpy_worse",
    "p1_optimizer",
    "p2_converges",
    "p2_numpy_better",
    "p2_cause",
    "p2_no_kink",
    "p2_svm_better",
    "p3_not_separable",
    "p3_separable",
    "p3_boundary",
    "p3_svm_superior",
    "p4_strictly_convex",
    "p5_positive",
    "p6_gradient",
    "p7_successful",
    "p7_better_with_epochs",
]
WRITTEN = json.loads((ROOT / "metrics/claims.json").read_text())
BY = Thresholds(**yaml.safe_load((ROOT / "params.yaml").read_text())["claims"])


def numbers(evidence):
    if isinstance(evidence, dict):
        return sum(map(numbers, evidence.values()))
    if isinstance(evidence, list):
        return sum(map(numbers, evidence))
    return isinstance(evidence, int | float) and not isinstance(evidence, bool)


def test_every_claim_of_the_report_is_judged():
    assert list(WRITTEN) == list(CLAIMS) == IDS


@pytest.mark.parametrize("key", IDS)
def test_a_verdict_rests_on_numbers(key):
    finding = WRITTEN[key]
    assert finding["verdict"] in ("supported", "qualified", "refuted")
    assert numbers(finding["evidence"]) >= 1
    assert re.search(r"\d", finding["sentence"])
    assert finding["sentence"].endswith(".")


def test_each_verdict_is_a_metric():
    written = {path.stem: json.loads(path.read_text()) for path in ROOT.glob("metrics/claims/*")}
    assert written == {key: {"verdict": f["verdict"]} for key, f in WRITTEN.items()}


def test_the_readme_has_the_table():
    rows = [
        f"| `{key}` | {finding['claim']} | **{finding['verdict']}** | {finding['sentence']} |"
        for key, finding in WRITTEN.items()
    ]
    readme = (ROOT / "README.md").read_text().splitlines()
    assert [line for line in readme if re.match(r"\| `p\d_", line)] == rows


def test_the_readme_shows_what_dvc_metrics_show_prints():
    shown = subprocess.run(
        [sys.executable, "-m", "dvc", "metrics", "show"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    block = (ROOT / "README.md").read_text().split("$ dvc metrics show\n")[1].split("```")[0]
    rows = [" ".join(line.split()) for line in block.splitlines() if line != "..."]
    assert len(rows) > 10
    assert set(rows) <= {" ".join(row.split()) for row in shown}


# Shares and their intervals


def test_a_share_of_pairs_is_the_share_of_pairs():
    first, second = np.array([3.0, 1, 2]), np.array([0.0, 2])
    wins = sum(a > b for a in first for b in second) / 6
    assert rules.pairs(first, second, BY).value == pytest.approx(wins) == 4 / 6


def test_equal_values_win_nothing():
    assert rules.pairs(np.ones(3), np.ones(4), BY) == Rate(0.0, 0.0, 0.0)


@pytest.mark.parametrize("value", [True, False])
def test_one_opinion_of_many_replicas_has_no_width(value):
    for shape in (30, (8, 9)):
        rate = rules.share(np.full(shape, value), BY.bootstrap)
        assert rate == Rate(float(value), float(value), float(value))
        assert str(rate) == ("100 %" if value else "0 %")


@pytest.mark.parametrize("value", [True, False])
def test_one_replica_decides_nothing(value):
    for shape in (1, (1, 1), (1, 9), (8, 1)):
        rate = rules.share(np.full(shape, value), BY.bootstrap)
        assert rate == Rate(float(value), 0.0, 1.0)
        assert not rules.holds(rate, BY)
        assert not rules.fails(rate, BY)


def test_an_interval_covers_a_binomial_share():
    wins = np.arange(400) < 100
    rate = rules.share(wins, Bootstrap(seed=1, resamples=4000, confidence=0.95))
    half = 1.96 * np.sqrt(0.25 * 0.75 / 400)
    assert rate.value == 0.25
    assert rate.lower == pytest.approx(0.25 - half, abs=0.006)
    assert rate.upper == pytest.approx(0.25 + half, abs=0.006)
    assert "interval" in str(rate)
    narrow = rules.share(wins, Bootstrap(seed=1, resamples=4000, confidence=0.5))
    assert rate.lower < narrow.lower < narrow.upper < rate.upper
    quartile = 0.6745 * np.sqrt(0.25 * 0.75 / 400)
    assert narrow.lower == pytest.approx(0.25 - quartile, abs=0.003)
    assert narrow.upper == pytest.approx(0.25 + quartile, abs=0.003)


def test_pairs_are_resampled_on_both_sides():
    """Rows alone would leave the first without any width, columns alone the second."""
    wins = np.zeros((40, 40), bool)
    wins[:10] = True
    for matrix in (wins, wins.T):
        rate = rules.share(matrix, BY.bootstrap)
        assert 0.05 < rate.lower < 0.2
        assert 0.3 < rate.upper < 0.45


@pytest.mark.parametrize(
    ("rate", "held", "failed"),
    [
        (Rate(1.0, 0.95, 1.0), True, False),
        (Rate(1.0, 0.9499, 1.0), False, False),
        (Rate(0.04, 0.0, 0.0499), False, True),
        (Rate(0.04, 0.0, 1 - 0.95), False, False),
    ],
)
def test_an_interval_must_agree_as_a_whole(rate, held, failed):
    assert rules.holds(rate, BY) is held
    assert rules.fails(rate, BY) is failed


@pytest.mark.parametrize(
    ("supported", "refuted", "word"),
    [
        (True, False, "supported"),
        (True, True, "supported"),
        (False, True, "refuted"),
        (False, False, "qualified"),
    ],
)
def test_words(supported, refuted, word):
    assert rules.verdict(supported, refuted) == word


# Courses


def curve(*levels, per=10):
    return np.repeat(np.array([levels]), per, axis=1) * np.ones((4, 1))


GOOD = (1.0, 0.5, 0.4, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3)


@pytest.mark.parametrize(
    ("levels", "gap", "verdict", "course"),
    [
        (GOOD, 0.0, "supported", "levels off"),
        (GOOD, 0.05, "supported", "levels off"),
        (GOOD, 0.0501, "qualified", "levels off"),
        ((*GOOD[:9], 0.3 + 0.02 * 0.69), 0.0, "supported", "levels off"),
        ((*GOOD[:8], 0.3141, 0.3), 0.0, "qualified", "still falling"),
        ((1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1), 0.0, "qualified", "still falling"),
        ((*GOOD[:9], 0.3 + 0.02 * 0.71), 0.0, "refuted", "falls to 0.3 and rises again"),
        ((1.0, *[1.0] * 9), 0.0, "refuted", "levels off"),
        ((1.0, *[1.3] * 9), 0.0, "refuted", "falls to 1 and rises again"),
    ],
)
def test_convergence(levels, gap, verdict, course):
    finding = courses.converges("it", curve(*levels), 0.3 + gap, 0.3, BY)
    assert finding.verdict == verdict
    assert course in finding.sentence


@pytest.mark.parametrize(("gap", "verdict"), [(0.2, "supported"), (0.2001, "qualified")])
def test_near_the_optimum_is_a_share_of_the_first_loss(gap, verdict):
    losses = 4 * curve(*GOOD)
    assert courses.converges("it", losses, gap, 0.0, BY).verdict == verdict


@pytest.mark.parametrize("epochs", [1, 2, 9])
def test_few_epochs_tell_no_course(epochs):
    finding = courses.converges("appendix A", np.ones((3, epochs)), 0.3, 0.3, BY)
    assert finding.verdict == "qualified"
    assert f"has too few epochs ({epochs})" in finding.sentence
    assert courses.converges("it", np.ones((3, 10)), 0.3, 0.3, BY).verdict == "refuted"


def test_tenths_are_means():
    losses = np.arange(40.0).reshape(2, 20)
    found = courses.trend(losses)
    assert found == {"first": 10.5, "least": 10.5, "previous": 26.5, "last": 28.5}


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        (("supported", "supported"), "supported"),
        (("supported", "qualified"), "qualified"),
        (("refuted", "supported"), "refuted"),
    ],
)
def test_two_programs_are_judged_together(verdicts, expected):
    findings = {str(n): rules.Finding(v, f"{n}.", {"n": n}) for n, v in enumerate(verdicts)}
    joined = rules.both(findings)
    assert joined == (expected, "0. 1.", {"0": {"n": 0}, "1": {"n": 1}})


@pytest.mark.parametrize(
    ("falling", "verdict"),
    [(100, "supported"), (96, "qualified"), (50, "qualified"), (0, "refuted")],
)
def test_a_loss_falls_in_most_runs(falling, verdict):
    losses = np.ones((100, 20))
    losses[:, -2:] = 1.0
    losses[:falling, -2:] = 0.5
    finding = courses.falls(losses, 0.1, BY)
    assert finding.verdict == verdict
    assert finding.evidence["falls"]["value"] == falling / 100
    assert finding.evidence["first"] == 1.0


def test_fewer_than_ten_epochs_still_fall():
    assert courses.falls(np.array([[2.0, 1.0]] * 2), 0.1, BY).verdict == "supported"
    assert courses.falls(np.array([[1.0]] * 2), 0.1, BY).verdict == "refuted"
    assert courses.falls(np.array([[2.0, 1.0]]), 0.1, BY).verdict == "qualified"


def test_a_tenth_of_the_epochs_is_rounded_down():
    losses = np.array([[1.0, 3.0, *[9.0] * 16, 0.1, 0.3]])
    assert "from 2 in the first tenth of the epochs to 0.2" in courses.falls(losses, 0, BY).sentence


def errors(*medians):
    return np.array(medians)[:, None] * np.ones((1, 50))


@pytest.mark.parametrize(
    ("training", "grid", "verdict"),
    [
        (errors(3, 2, 1), errors(3, 2, 1), "supported"),
        (errors(3, 2, 1), errors(3, 1, 2), "qualified"),
        (errors(1, 2, 1), errors(3, 2, 1), "supported"),
        (errors(1, 2, 1), errors(3, 1, 2), "refuted"),
        (errors(2, 2), errors(1, 2), "refuted"),
    ],
)
def test_checkpoints_must_improve(training, grid, verdict):
    steps = np.arange(1, len(training) + 1) * 10
    finding = courses.improves(steps, training, grid, BY)
    assert finding.verdict == verdict
    best = steps[int(grid[:, 0].argmin())]
    assert f"after {best}." in finding.sentence
    assert len(finding.evidence["training_improves"]) == len(steps) - 1
    assert {"value", "lower", "upper"} == set(finding.evidence["grid_improves"][0])


def test_a_straddling_interval_does_not_refute():
    training = np.stack([np.ones(50), np.r_[np.zeros(48), 2, 2]])  # 96 % improve
    finding = courses.improves(np.array([1, 2]), training, errors(1, 2), BY)
    assert finding.verdict == "qualified"


def test_an_interval_that_ends_at_the_threshold_does_not_refute():
    improved = (np.arange(100) < n for n in range(100))
    wins = next(w for w in improved if rules.share(w, BY.bootstrap).upper == BY.agreement)
    for wrong, verdict in ((0, "qualified"), (1, "refuted")):
        wins[:wrong] = False
        training = np.stack([np.ones(100), np.where(wins, 0.0, 2.0)])
        finding = courses.improves(np.array([1, 2]), training, np.ones((2, 100)), BY)
        assert finding.verdict == verdict


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_checkpoints_tell_nothing(count):
    saved = np.ones((count, 3))
    finding = courses.improves(np.arange(count), saved, saved, BY)
    assert (finding.verdict, finding.evidence) == ("qualified", {"checkpoints": count})


# Pairs of programs


def table(loss, value, spread=1.0, size=20):
    return {
        "reported_loss": np.full(size, loss),
        "objective": np.full(size, value),
        "spread": np.full(size, spread),
    }


@pytest.mark.parametrize(
    ("second", "verdict"),
    [
        (table(2, 2, 2), "supported"),
        (table(2, 2, 0.5), "qualified"),
        (table(0.5, 2, 2), "qualified"),
        (table(2, 0.5, 2), "qualified"),
        (table(0.5, 0.5, 2), "refuted"),
    ],
)
def test_worse(second, verdict):
    finding = rules.worse(["appendix A", "appendix B"], [table(1, 1, 1), second], BY)
    assert finding.verdict == verdict
    assert finding.sentence.startswith("Appendix B ends with the larger loss in ")
    assert finding.evidence["reported_loss_larger"]["value"] == float(
        second["reported_loss"][0] > 1
    )


@pytest.mark.parametrize(
    ("second", "verdict"),
    [
        (table(0.5, 0.5), "supported"),
        (table(2, 0.5), "qualified"),
        (table(0.5, 2), "refuted"),
        (table(2, 2), "refuted"),
    ],
)
def test_better(second, verdict):
    finding = rules.better(["appendix C", "appendix D"], [table(1, 1), second], BY)
    assert finding.verdict == verdict
    assert finding.sentence.startswith("Appendix D reports the smaller loss in ")


@pytest.mark.parametrize("wins", [1, 4, 10, 19])
def test_a_straddling_interval_is_qualified(wins):
    second = table(0.5, 0.5)
    second["objective"][wins:] = 2.0
    finding = rules.better(["a", "b"], [table(1, 1), second], BY)
    assert finding.evidence["objective_smaller"]["value"] == wins / 20
    assert finding.verdict == "qualified"
    assert "interval" in finding.sentence


def criterion(first, second, sign):
    return np.full(9, float(first)), np.full(9, float(second)), sign


@pytest.mark.parametrize(
    ("criteria", "verdict"),
    [
        ([criterion(2, 1, -1)], "supported"),
        ([criterion(1, 2, 1)], "supported"),
        ([criterion(2, 1, -1), criterion(1, 1, 1)], "supported"),
        ([criterion(2, 1, -1), criterion(2, 1, 1)], "qualified"),
        ([criterion(2, 1, -1), criterion(2, 1, 1), criterion(1, 2, -1)], "refuted"),
        ([criterion(1, 1, 1)], "refuted"),
        ([criterion(1, 2, -1)], "refuted"),
    ],
)
def test_a_contest_of_criteria(criteria, verdict):
    named = {f"criterion {n}": values for n, values in enumerate(criteria)}
    finding = rules.contest(["appendix A", "appendix C"], named, BY)
    assert finding.verdict == verdict
    assert finding.sentence.startswith("Against appendix A, appendix C is better in ")


def test_a_contest_names_each_criterion_or_nothing():
    named = {"accuracy": criterion(1, 2, 1), "loss": criterion(3, 3, -1)}
    assert rules.contest(["A", "C"], named, BY).sentence == (
        "Against A, C is better in accuracy (2 against 1), worse in nothing, and neither in loss "
        "(3 against 3)."
    )
    del named["loss"]
    assert rules.contest(["A", "C"], named, BY).sentence == (
        "Against A, C is better in accuracy (2 against 1), and worse in nothing."
    )
    named["loss"] = criterion(3, 3, -1)
    medians = {c: e["medians"] for c, e in rules.contest(["A", "C"], named, BY).evidence.items()}
    assert medians == {"accuracy": [1.0, 2.0], "loss": [3.0, 3.0]}


def classifier(accuracy, margin):
    return {"accuracy": np.full(9, accuracy), "margin": np.full(9, margin)}


@pytest.mark.parametrize(
    ("svm", "verdict"),
    [
        (classifier(1.0, 0.1), "supported"),
        (classifier(0.9, 0.3), "supported"),
        (classifier(0.9, 0.2), "refuted"),
        (classifier(0.9, 0.1), "refuted"),
        (classifier(0.8, 0.3), "refuted"),
    ],
)
def test_superior_by_errors_then_by_margin(svm, verdict):
    assert rules.superior([svm, classifier(0.9, 0.2)], 0.5, BY).verdict == verdict


def test_superior_in_a_twentieth_of_pairs_is_not_refuted():
    svm = {"accuracy": np.ones(20), "margin": np.full(20, 0.1)}
    svm["margin"][0] = 0.3
    finding = rules.superior([svm, classifier(1.0, 0.2)], 0.5, BY)
    assert finding.evidence["better"]["value"] == pytest.approx(0.05)
    assert finding.verdict == "qualified"


@pytest.mark.parametrize(
    ("drawn", "verdict"),
    [([0] * 50, "supported"), ([0] * 40 + [3] * 10, "qualified"), ([3] * 50, "refuted")],
)
def test_a_boundary_is_clean(drawn, verdict):
    wrong = {"as_published": np.array(drawn), "same_lambda": np.array([7]), "protocol": np.zeros(3)}
    finding = rules.clean(wrong, 30, BY)
    assert finding.verdict == verdict
    ends = f"{min(drawn)}" if len(set(drawn)) == 1 else f"{min(drawn)} to {max(drawn)}"
    assert f"misclassifies {ends} of 30 points" in finding.sentence
    assert "same λ misclassifies 7, the protocol's SVM 0." in finding.sentence


@pytest.mark.parametrize("share", [0.0, 1.0])
@pytest.mark.parametrize("name", ["level", "near", "blamed", "negligible", "reproduced"])
def test_a_share_is_strictly_between_0_and_1(name, share):
    with pytest.raises(ValidationError, match=name):
        Thresholds(**dict(BY) | {name: share})
    assert getattr(Thresholds(**dict(BY) | {name: 0.999}), name) == 0.999


# Counts and certificates


@pytest.mark.parametrize(
    ("counts", "verdict"), [({"a": 0, "b": 0}, "supported"), ({"a": 0, "b": 3}, "refuted")]
)
def test_a_kink_turns_the_verdict(counts, verdict):
    finding = rules.never(counts, {"a": 5, "b": 6})
    assert finding.verdict == verdict
    assert f"occurs {sum(counts.values())} times" in finding.sentence
    assert finding.sentence.endswith("counts instead, 11 times.")


SEPARABLE = {"separable": True, "max_margin": 0.25}
MEETING = {"separable": False, "max_margin": 0.0, "margin_multipliers": [0.5, 1e-10, 0.5]}


@pytest.mark.parametrize(
    ("certificate", "claimed", "verdict", "words"),
    [
        (
            SEPARABLE,
            True,
            "supported",
            "A line separates the classes with margin 0.25, the largest.",
        ),
        (SEPARABLE, False, "refuted", "margin 0.25"),
        (MEETING, False, "supported", "2 multipliers show"),
        (MEETING, True, "refuted", "misclassifies 11."),
        ({"separable": True, "max_margin": None}, True, "supported", "with any margin."),
    ],
)
def test_separability(certificate, claimed, verdict, words):
    finding = rules.separable(certificate, claimed, "A line", 11)
    assert finding.verdict == verdict
    assert words in finding.sentence


def test_what_does_not_separate_is_counted():
    assert rules.separable(MEETING, False, "A line", 11).evidence == {
        "separable": False,
        "max_margin": 0.0,
        "positive_multipliers": 2,
        "misclassified_by_minimiser": 11,
    }


# Causes


def ablation(repaired, reference=1.0, **shares):
    return {
        "words": {factor: f"what {factor} does" for factor in shares},
        "largest_relative_difference": {"program": 0.0, "reference": repaired},
        "sampled_loss": {
            "program": reference + sum(shares.values()),
            "reference": reference,
            "shapley": {factor: {"mean": share} for factor, share in shares.items()},
        },
    }


NAMES = ["appendix C", "appendix D"]


def swept(losses, gap=None, diverged=None):
    """Return a sweep at a rate a loss, the initial gap being 1."""
    return {
        "steps": 100,
        "initial": 1.0,
        "learning_rate": [10.0**n for n in range(len(losses))],
        "loss": losses,
        "gap": gap or [0.5] * len(losses),
        "diverged": diverged or [0.0] * len(losses),
    }


NOWHERE = swept([1.0, 1.0])  # every rate ends with the reference's loss


@pytest.mark.parametrize(
    ("identical", "repaired", "shares", "blamed", "free"),
    [
        (True, 0.0, {"intercept": 0.9, "epochs": 0.1}, "refuted", "refuted"),
        (True, 0.0, {"intercept": 0.51, "epochs": 0.49}, "refuted", "refuted"),
        (True, 0.0, {"intercept": 0.5, "epochs": 0.5}, "qualified", "refuted"),
        (True, 0.0, {"intercept": 0.06, "epochs": 0.94}, "qualified", "refuted"),
        (True, 0.0, {"intercept": 0.04, "epochs": 0.96}, "supported", "refuted"),
        (True, 0.0, {"intercept": -0.04, "epochs": -0.96}, "supported", "refuted"),
        (True, 1e-4, {"intercept": 0.9, "epochs": 0.1}, "refuted", "refuted"),
        (True, 1.1e-4, {"intercept": 0.9, "epochs": 0.1}, "supported", "supported"),
        (False, 0.0, {"intercept": 0.9, "epochs": 0.1}, "supported", "supported"),
    ],
)
def test_a_cause_is_turned_by_the_ablation(identical, repaired, shares, blamed, free):
    for accused, verdict in ((True, blamed), (False, free)):
        finding = causes.cause(NAMES, ablation(repaired, **shares), NOWHERE, identical, accused, BY)
        assert finding.verdict == verdict
        assert f"write {'the same' if identical else 'different'} bytes" in finding.sentence
        assert "appendix D freed of its deviations repeats the losses of appendix C" in (
            finding.sentence
        )


def test_the_largest_share_is_named_first():
    found = causes.cause(NAMES, ablation(0.0, intercept=0.2, steps=-0.6), NOWHERE, True, False, BY)
    assert "150 % is due to what steps does (what intercept does −50 %)." in found.sentence


@pytest.mark.parametrize(
    ("losses", "diverged", "reached", "verdict"),
    [
        ([1.0, 1.0], None, 0.0, "refuted"),
        ([1.0, 1.49], None, 0.49, "refuted"),
        ([1.0, 1.5], None, 0.5, "qualified"),
        ([0.5, 3.0], None, 1.0, "qualified"),
        ([2.5, 3.0], None, 0.0, "refuted"),  # both losses lie below every one that is reached
        ([1.75, 3.0], None, 0.25, "refuted"),
        ([1.0, 1.25, 2.0], [0.0, 0.0, 0.04], 1.0, "qualified"),
        ([1.0, 1.25, 2.0], [0.0, 0.0, 0.06], 0.25, "refuted"),
        ([1.0, 1.25, None], [0.0, 0.0, 0.0], 0.25, "refuted"),
        ([1.0, 2.0], [1.0, 1.0], 0.0, "refuted"),
    ],
)
def test_what_learning_rates_reach_turns_a_cause(losses, diverged, reached, verdict):
    """The reference ends at 1 and the program at 2."""
    told, sweep = ablation(0.0, intercept=0.9, epochs=0.1), swept(losses, diverged=diverged)
    found = causes.cause(NAMES, told, sweep, True, True, BY)
    assert found.verdict == verdict
    assert found.evidence["learning_rates"]["reached"] == pytest.approx(reached)
    assert found.sentence.endswith(causes.within_reach(2.0, 1.0, sweep, BY)[1])
    assert causes.cause(NAMES, told, sweep, True, False, BY).verdict == "refuted"


@pytest.mark.parametrize(
    ("gap", "near", "words"),
    [
        (
            [0.06, 0.05, 0.04],
            [10.0, 100.0],
            "near the optimum end 2 of them, 10 to 100.",
        ),
        ([0.06, 0.05, 0.06], [10.0], "near the optimum end 1 of them, 10."),
        ([0.04, 0.06, 0.05], [1.0, 100.0], "near the optimum end 2 of them, 1 to 100."),
        ([0.06, 0.051, 0.5], [], "near the optimum ends none of them."),
    ],
)
def test_which_learning_rates_end_near_the_optimum(gap, near, words):
    _, sentence, evidence = causes.within_reach(2.0, 1.0, swept([1.0, 1.0, 1.0], gap), BY)
    assert evidence["near"] == near
    assert sentence.endswith(words)


@pytest.mark.parametrize("identical", [True, False])
def test_without_a_factor_no_difference_is_left(identical):
    finding = causes.cause(NAMES, ablation(0.0), NOWHERE, identical, True, BY)
    assert finding.sentence.endswith("no difference is left to explain.")
    assert finding.verdict == ("refuted" if identical else "supported")


@pytest.mark.parametrize(("gap", "shared"), [(0.0, False), (0.001, False), (0.0011, True)])
def test_a_gap_near_0_is_not_shared_out(gap, shared):
    found = causes.cause(
        NAMES, ablation(0.0, intercept=gap + 0.3, steps=-0.3), NOWHERE, True, True, BY
    )
    assert ("shapley_share" in found.evidence) is shared
    assert ("too small to share out" in found.sentence) is not shared


def test_a_share_that_rounds_to_0_has_no_sign():
    shares = {"intercept": 1.004, "steps": -0.004}
    found = causes.cause(NAMES, ablation(0.0, **shares), NOWHERE, True, True, BY)
    assert "100 % is due to what intercept does (what steps does 0 %)." in found.sentence


def test_hyperparameters_that_make_up_just_the_agreement_are_the_cause():
    told = ablation(0.0, intercept=0.05, epochs=BY.agreement)
    told["sampled_loss"] |= {"reference": 0.0, "program": 1.0}
    assert causes.cause(NAMES, told, NOWHERE, True, True, BY).verdict == "supported"


def test_what_learning_rates_reach_is_said_of_gaps_of_any_size():
    sweep = swept([1.0, 1.5, 2.0], gap=[0.09, 0.1, 0.11]) | {"initial": 2.0}
    share, sentence, evidence = causes.within_reach(3.0, 1.0, sweep, BY)
    rates = sweep["learning_rate"]
    assert share == 0.5
    assert (
        f"at each of {len(rates)} learning rates, the sampled loss is between 1 and 2" in sentence
    )
    assert "where 50 % of the gap lies" in sentence
    assert sentence.endswith(f"near the optimum end 2 of them, {rates[0]:.3g} to {rates[1]:.3g}.")
    assert evidence == {
        "least_loss": 1.0,
        "largest_loss": 2.0,
        "reached": 0.5,
        "near": [rates[0], rates[1]],
    }


def test_a_gap_of_just_what_is_negligible_is_not_shared_out():
    found = ablation(0.0, steps=1.0)
    found["sampled_loss"] |= {"reference": 1000.0, "program": 1001.0}
    finding = causes.cause(NAMES, found, NOWHERE, True, True, BY)
    assert "too small to share out" in finding.sentence


# Reading


def test_a_problem_that_the_sweep_lacks_is_named(tmp_path, monkeypatch):
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    monkeypatch.chdir(tmp_path)
    write_json("metrics/ablation/svm.json", {"reference": "appendix_c", "program": "appendix_d"})
    write_json("metrics/sweep.json", {"logistic": {}})
    with pytest.raises(SystemExit, match=r"metrics/sweep\.json: svm is missing"):
        claims.cause(BY, "svm", True)


def test_identity_is_what_pytorchs_run_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for verdict in ("identical", "differs by 1e-06"):
        write_json("metrics/svm/torch.json", {"verdict": verdict})
        assert claims.identical("svm") is (verdict == "identical")


@pytest.mark.parametrize(
    ("name", "words"),
    [("appendix_a", "appendix A"), ("problem_7", "problem 7"), ("s02_svm", "s02 SVM")],
)
def test_titles(name, words):
    assert claims.title(name) == words


@pytest.mark.parametrize(("error", "verdict"), [(1e-9, "supported"), (1e-8, "refuted")])
def test_a_wrong_gradient_turns_the_verdict(error, verdict, monkeypatch):
    found = {part: {"autograd": 1e-15, "complex_step": 1e-15} for part in "abu"}
    found["b"]["autograd"] = error
    monkeypatch.setattr(claims.files, "read_json", lambda path: {"two_layer": found})
    assert claims.gradient(BY).verdict == verdict


@pytest.mark.parametrize(("wrong", "verdict"), [(0, "supported"), (1, "refuted")])
def test_a_gap_that_is_not_positive_refutes(wrong, verdict, monkeypatch):
    gaps = {"pairs": 10, "not_positive": wrong, "least": 0.1}
    monkeypatch.setattr(claims.files, "read_json", lambda path: {"jensen": gaps})
    finding = claims.positive_gaps(BY)
    assert finding.verdict == verdict
    assert finding.sentence.startswith(f"{10 - wrong} of 10 ")


@pytest.mark.parametrize(
    ("changed", "verdict"),
    [
        ({}, "supported"),
        ({"not_positive": 1}, "refuted"),
        ({"equal_not_zero": 1}, "refuted"),
        ({"not_positive": 1, "equal_not_zero": 1}, "refuted"),
        ({"pinsker_holds": False}, "refuted"),
    ],
)
def test_a_divergence_that_is_not_positive_refutes(changed, verdict, monkeypatch):
    kl = {"pairs": 9, "not_positive": 0, "equal_pairs": 8, "equal_not_zero": 0}
    kl |= {"pinsker_holds": True, "least_pinsker_ratio": 1.0} | changed
    monkeypatch.setattr(claims.files, "read_json", lambda path: {"kl": kl})
    assert claims.positive_divergence(BY).verdict == verdict
