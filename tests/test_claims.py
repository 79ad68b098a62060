"""The verdicts: complete, in step with the README, and turned by the evidence."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT

from stages import claims
from stages.claims import CLAIMS, Study

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


def test_the_counts_are_of_the_verdicts():
    for verdict in ("supported", "qualified", "refuted"):
        count = json.loads((ROOT / f"metrics/claims/{verdict}.json").read_text())
        assert count == {"claims": [f["verdict"] for f in WRITTEN.values()].count(verdict)}


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
    rows = [line for line in block.splitlines() if line != "..."]
    assert len(rows) > 10
    assert {row.rstrip() for row in rows} <= {row.rstrip() for row in shown}


@pytest.fixture
def study():
    """A study of which only the rules are filled in; a test adds what a claim looks at."""
    rules = claims.Claims(level=0.02, near=0.05, agreement=0.95, fresh_seed=1, fresh_examples=100)
    return Study(rules, *[{} for _ in Study._fields[1:]])


def curve(*levels):
    return np.repeat(np.array([levels]), 10, axis=1) * np.ones((4, 1))


@pytest.mark.parametrize(
    ("second", "gap", "verdict"),
    [
        (curve(1.0, 0.5, 0.4, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3), 0.0, "supported"),
        (curve(1.0, 0.5, 0.4, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3), 0.5, "qualified"),
        (curve(1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1), 0.0, "qualified"),
        (curve(1.0, 0.5, 0.4, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.6), 0.0, "refuted"),
        (curve(1.0, 1.1, 1.2, 1.3, 1.3, 1.3, 1.3, 1.3, 1.3, 1.3), 0.0, "refuted"),
    ],
)
def test_convergence_is_turned_by_the_losses(second, gap, verdict, study):
    good = curve(1.0, 0.5, 0.4, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3)
    study.published.update(a={"losses": good}, b={"losses": second})
    study.metrics.update(a={"objective": 0.3, "gap": 0.0}, b={"objective": 0.3, "gap": gap})
    assert claims.convergence(study, "a", "b").verdict == verdict


def ablation(repaired, **shares):
    return {
        "published": "appendix_d",
        "reference": "appendix_c",
        "factors": list(shares),
        "largest_relative_difference": {"published": 0.0, "reference": repaired},
        "sampled_loss": {
            "published": sum(shares.values()),
            "reference": 0.0,
            "shapley": {factor: {"mean": share} for factor, share in shares.items()},
        },
        "subsets": [],
    }


@pytest.mark.parametrize(
    ("identical", "repaired", "shares", "verdict"),
    [
        (True, 0.0, {"label_leak": 0.9, "epochs": 0.1}, "refuted"),
        (True, 0.0, {"label_leak": 0.4, "epochs": 0.6}, "qualified"),
        (True, 0.0, {"label_leak": 0.01, "epochs": 0.99}, "supported"),
        (False, 0.0, {"label_leak": 0.9, "epochs": 0.1}, "supported"),
        (True, 0.5, {"label_leak": 0.9, "epochs": 0.1}, "supported"),
    ],
)
def test_a_cause_is_turned_by_the_ablation(identical, repaired, shares, verdict, study):
    study.ablations.update(svm=ablation(repaired, **shares))
    study.identical.update(svm=identical)
    assert claims.cause(study, "svm", blames_hyperparameters=True).verdict == verdict


@pytest.mark.parametrize(("kinks", "verdict"), [(0, "supported"), (3, "refuted")])
def test_a_kink_turns_the_verdict(kinks, verdict, study):
    programs = ("appendix_c", "appendix_d", "appendix_e", "svm", "quadratic_svm")
    study.metrics.update({p: {"kinks": 0, "kinks_printed": 0} for p in programs})
    study.metrics["appendix_d"] = {"kinks": kinks, "kinks_printed": 0}
    assert claims.no_kink(study).verdict == verdict


@pytest.mark.parametrize(("error", "verdict"), [(1e-12, "supported"), (1e-6, "refuted")])
def test_a_wrong_gradient_turns_the_verdict(error, verdict, study):
    errors = {part: {"autograd": 1e-15, "complex_step": 1e-15} for part in "abu"}
    errors["b"]["autograd"] = error
    study.gradients.update(two_layer=errors)
    assert claims.gradient(study).verdict == verdict
