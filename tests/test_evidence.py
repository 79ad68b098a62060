"""What the claims read, from made-up files: which program is which, and what counts as wrong."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import ROOT
from matplotlib.figure import Figure

from stages import claims
from stages.figures import plane
from stages.sgd.recipes.schema import Grid
from stages.sgd.rules import Thresholds

BY = Thresholds(**yaml.safe_load((ROOT / "params.yaml").read_text())["claims"])
# For w = (0, 1, 0, 0, 0), z = u: the second is wrong, so is the third, on the boundary.
POINTS = [(2.0, 0, 1), (1.0, 1, -1), (0.0, 2, 1), (-1.0, 0, -1)]
RIGHT = [0.0, 1, 0, 0, 0]


def write(path, values):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    if path.endswith(".json"):
        Path(path).write_text(json.dumps(values))
    elif path.endswith(".csv"):
        pd.DataFrame(values).to_csv(path, index=False)
    else:
        np.savez(path, **values)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working directory with the study's parameters and nothing else."""
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def disc(folder):
    write("data/disc.csv", dict(zip("uvy", zip(*POINTS, strict=True), strict=True)))


def table(**columns):
    return {name: np.full(5, float(value)) for name, value in columns.items()}


def judge(claim):
    return claims.CLAIMS[claim][1](BY)


@pytest.mark.parametrize(("swapped", "verdict"), [(False, "supported"), (True, "refuted")])
def test_which_program_is_the_worse(swapped, verdict, folder):
    tables = [table(reported_loss=n, objective=n, spread=n) for n in (1, 2)]
    for name, values in zip("ab", tables[:: -1 if swapped else 1], strict=True):
        write(f"data/programs/appendix_{name}/replicas.csv", values)
    assert judge("p1_numpy_worse").verdict == verdict


@pytest.mark.parametrize(("swapped", "verdict"), [(False, "refuted"), (True, "supported")])
def test_which_program_is_the_better(swapped, verdict, folder):
    tables = [table(reported_loss=n, objective=n) for n in (1, 2)]
    for name, values in zip("cd", tables[:: -1 if swapped else 1], strict=True):
        write(f"data/programs/appendix_{name}/replicas.csv", values)
    assert judge("p2_numpy_better").verdict == verdict


def test_each_program_converges_to_its_problems_optimum(folder):
    levels = np.repeat([1.0] + [0.3] * 9, 10) * np.ones((2, 1))
    for name, objective, gap in (("appendix_a", 0.5, 0.25), ("appendix_b", 0.25, 0.0)):
        write(f"data/programs/{name}/run.npz", {"losses": levels})
        write(f"metrics/logistic/{name}.json", {"objective": objective, "gap": gap})
    found = judge("p1_converges")
    assert found.verdict == "qualified"
    assert [found.evidence[f"appendix_{n}"]["optimum"] for n in "ab"] == [0.25, 0.25]
    assert [found.evidence[f"appendix_{n}"]["objective"] for n in "ab"] == [0.5, 0.25]
    assert found.sentence.startswith("The loss of appendix A levels off")


@pytest.mark.parametrize("claim", ["p1_optimizer", "p2_cause"])
def test_a_cause_is_read_from_its_problems_ablation(claim, folder):
    problem = {"p1_optimizer": "logistic", "p2_cause": "svm"}[claim]
    write(f"metrics/{problem}/torch.json", {"verdict": "identical"})
    shapley = {"epochs": {"mean": 0.99}, "intercept": {"mean": 0.01}}
    ablation = {
        "reference": "appendix_c",
        "program": "appendix_d",
        "words": {name: name for name in shapley},
        "largest_relative_difference": {"reference": 0.0},
        "sampled_loss": {"program": 2.0, "reference": 1.0, "shapley": shapley},
    }
    write(f"metrics/ablation/{problem}.json", ablation)
    rates = {"learning_rate": [0.1, 1.0], "loss": [1.0, 1.75], "gap": [1.0, 1.0]}
    rates |= {"steps": 30, "initial": 1.0, "diverged": [0.0, 0.0]}
    write("metrics/sweep.json", {problem: rates})
    found = judge(claim)
    assert found.evidence["learning_rates"]["reached"] == 0.75
    assert found.verdict == ("refuted" if claim == "p1_optimizer" else "supported")
    assert "appendix D freed of its deviations repeats the losses of appendix C" in found.sentence


def test_kinks_are_added_up(folder):
    for n, folder in enumerate(claims.SVMS):
        write(f"data/{folder}/replicas.csv", table(kinks=n, kinks_printed=n + 1))
    found = judge("p2_no_kink")
    assert found.verdict == "refuted"
    names = [f"appendix {letter}" for letter in "CDE"]
    names += ["the protocol's SVM", "the protocol's quadratic SVM"]
    assert found.evidence["kinks"] == dict(zip(names, (0, 5, 10, 15, 20), strict=True))
    assert found.evidence["kinks_printed"] == dict(zip(names, (5, 10, 15, 20, 25), strict=True))


def test_the_contest_has_six_criteria(folder):
    """The SVM's hinge loss is larger by less than λ times what its norm is smaller by."""
    same = {"reported_loss": 1, "logistic_loss": 1, "accuracy": 1, "fresh_accuracy": 1}
    logistic = table(**same, margin=0.1, hinge_loss=1, squared_norm=9)
    svm = table(**same, margin=0.2, hinge_loss=1.001, squared_norm=1)
    for name, values in (("a", logistic), ("c", svm)):
        write(f"data/programs/appendix_{name}/replicas.csv", values)
    found = judge("p2_svm_better")
    weight = yaml.safe_load(Path("params.yaml").read_text())["problems"]["svm"]["objective"]
    medians = [1 + 9 * weight["regularization"], 1.001 + weight["regularization"]]
    assert found.evidence["SVM objective"]["medians"] == pytest.approx(medians)
    assert [key for key, value in found.evidence.items() if value["won"]["value"]] == [
        "smallest margin",
        "SVM objective",
    ]
    assert found.verdict == "supported"
    for column, better in (("reported_loss", 0), ("logistic_loss", 0), ("accuracy", 2)):
        changed = svm | table(**{column: better}, margin=0.1, hinge_loss=1, squared_norm=9)
        write("data/programs/appendix_c/replicas.csv", changed)
        found = judge("p2_svm_better")
        assert sum(value["won"]["value"] for value in found.evidence.values()) == 1
        assert sum(value["lost"]["value"] for value in found.evidence.values()) == 0


@pytest.mark.parametrize(
    ("claim", "name", "minimiser", "verdict", "words"),
    [
        ("p3_not_separable", "plane", [1.0, 0, 0], "supported", "misclassifies 2."),
        ("p3_separable", "quadratic_svm", RIGHT, "refuted", "misclassifies 2."),
    ],
)
def test_the_minimisers_errors_are_counted(claim, name, minimiser, verdict, words, disc):
    certificate = {"separable": False, "max_margin": 0.0, "margin_multipliers": [0.5, 0.5]}
    write(f"metrics/{name}/certificate.json", certificate | {"minimiser": minimiser})
    found = judge(claim)
    assert (found.verdict, found.sentence.endswith(words)) == (verdict, True)
    assert found.evidence["misclassified_by_minimiser"] == 2
    write(f"metrics/{name}/certificate.json", {"separable": True, "max_margin": 0.5})
    found = judge(claim)
    assert found.verdict == ("refuted" if verdict == "supported" else "supported")
    assert ("A line" if name == "plane" else "A hyperplane in φ-space") in found.sentence


def test_a_boundary_has_five_weights(disc):
    leak = np.array([[*RIGHT, 9.0], [1, 0, 0, 0, 0, 9], [-1, 2, 0, 0, 0, 9]])  # wrong: 2 of each
    write("data/programs/appendix_e/run.npz", {"theta": leak})
    write("metrics/appendix_e/certificate.json", {"minimiser": [1, -1, 0, 1, 0]})  # −1, 1, 3, 2
    write("data/runs/quadratic_svm/numpy/theta.npz", {"theta": np.array([[-1.5, 0, 1, 0, 1]] * 2)})
    found = judge("p3_boundary")
    assert found.evidence["misclassified"] == {"as_published": 2, "same_lambda": 3, "protocol": 1}
    assert found.verdict == "refuted"
    assert "misclassifies 2 of 4 points" in found.sentence


@pytest.mark.parametrize(("largest", "words"), [(0.5, "at most 0.5;"), (None, "at most 0;")])
def test_superiority_is_of_the_svm(largest, words, folder):
    for problem, accuracy in (("quadratic_svm", 1.0), ("quadratic_logistic", 0.9)):
        values = table(accuracy=accuracy, margin=0.1)
        write(f"data/runs/{problem}/numpy/replicas.csv", values)
    write("metrics/quadratic_svm/certificate.json", {"max_margin": largest})
    found = judge("p3_svm_superior")
    assert found.verdict == "supported"
    assert words in found.sentence


def network(u):
    """One hidden unit of slope 0: f(x) = u / 2 everywhere."""
    theta = np.zeros(150)
    theta[100] = u
    return theta


def test_checkpoints_are_judged_by_their_errors(folder):
    write("data/wave.csv", {"x": [0.0, 1.0], "y": [3.0, 3.0]})
    saved = np.array([[network(0.0)] * 3, [network(4.0)] * 3])
    arrays = {"checkpoints": saved, "steps": np.array([10, 20]), "losses": np.ones((3, 20))}
    write("data/programs/problem_7/run.npz", arrays)
    found = judge("p7_better_with_epochs")
    assert found.evidence["training"] == pytest.approx([3.0, 1.0])
    grid = np.linspace(-2, 2, 1024)
    true = (grid - 2) * np.cos(4 * grid)
    errors = [np.sqrt(np.mean((true - f) ** 2)) for f in (0.0, 2.0)]
    assert found.evidence["grid"] == pytest.approx(errors)
    write("data/programs/problem_7/run.npz", {"losses": np.ones((3, 20))})
    assert judge("p7_better_with_epochs").evidence == {"checkpoints": 0}


def test_the_networks_loss_is_read(folder):
    write("metrics/two_layer/problem_7.json", {"objective": 0.125})
    write("data/programs/problem_7/run.npz", {"losses": np.linspace(1, 0, 20) * np.ones((3, 1))})
    found = judge("p7_successful")
    assert (found.verdict, found.evidence["objective"]) == ("supported", 0.125)


def test_all_findings_are_written_and_counted(folder, monkeypatch, capsys):
    verdicts = ("supported", "refuted", "supported", "qualified")
    table = {
        f"p{n}": (f"Claim {n}.", lambda by, v=v: claims.Finding(v, "Said.", {"level": by.level}))
        for n, v in enumerate(verdicts)
    }
    monkeypatch.setattr(claims, "CLAIMS", table)
    claims.main()
    printed = capsys.readouterr().out
    assert printed == "metrics/claims.json: 1 qualified, 1 refuted, 2 supported\n"
    found = json.loads(Path("metrics/claims.json").read_text())
    assert [f["verdict"] for f in found.values()] == list(verdicts)
    assert found["p1"] == {
        "claim": "Claim 1.",
        "verdict": "refuted",
        "sentence": "Said.",
        "evidence": {"level": 0.02},
    }
    for n, verdict in enumerate(verdicts):
        written = json.loads(Path(f"metrics/claims/p{n}.json").read_text())
        assert written == {"verdict": verdict}


def test_figure_3b_counts_the_points_on_the_wrong_side(disc):
    """Replica 0's alone, those on the boundary among them; appendix E's sixth weight is no φ's."""
    other = [9.0, 0, 0, 0, 0]
    write("data/programs/appendix_e/run.npz", {"theta": np.array([[*RIGHT, 5], [*other, 5]])})
    write("data/runs/quadratic_svm/numpy/theta.npz", {"theta": np.array([[-1, 2, 0, 0, 0], RIGHT])})
    right = [-1.5, 0, 1, 0, 1.0]  # z = u² + v² − 1.5: 2.5, 0.5, 2.5, −0.5
    write("data/runs/quadratic_logistic/numpy/theta.npz", {"theta": np.array([right, other])})
    figure = Figure(figsize=(7, 3))
    plane.draw(figure, "3b", None, Grid(lower=-3.0, upper=3.0, points=20))
    labels = [text.get_text() for axes in figure.axes for text in axes.get_legend().get_texts()]
    assert [label for label in labels if "misclassified" in label] == [
        "appendix E, SVM: 2 of 4 misclassified",
        "SVM: 2 of 4 misclassified",
        "logistic: 1 of 4 misclassified",
    ]
