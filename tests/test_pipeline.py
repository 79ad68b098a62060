"""What DVC reruns: every parameter, every file of code, one more program."""

import copy
import fnmatch
import functools
import os
import shutil
import subprocess
import sys
from contextlib import chdir
from functools import reduce
from pathlib import Path

import pytest
import yaml
from conftest import ROOT, copy_pipeline
from dvc.repo import Repo
from dvc.utils.serialize import modify_yaml
from ruamel.yaml import YAML

PROBLEMS = ["logistic", "svm", "quadratic_logistic", "quadratic_svm", "two_layer"]
PROGRAMS = [*(f"appendix_{letter}" for letter in "abcde"), "problem_7"]
NUMPY_PROGRAMS = ["appendix_b", "appendix_d", "appendix_e", "problem_7"]
FIGURES = [f"figure_{key}" for key in ("1", "2a", "2b", "3a", "3b", "4a", "4b")]
FIGURES += ["figure_ablation_logistic", "figure_ablation_svm", "figure_divergence"]
DATASETS = ["dataset@gaussian", "dataset@disc", "dataset@wave"]
VARIANTS = ["certify_variant@plane", "certify_variant@appendix_e"]
CERTIFY = [f"certify@{problem}" for problem in PROBLEMS] + VARIANTS
TRAIN_NUMPY = [f"train_numpy@{problem}" for problem in PROBLEMS]
TRAIN_TORCH = [f"train_torch@{problem}" for problem in PROBLEMS]
PUBLISHED = [f"published@{program}" for program in PROGRAMS]
ABLATE = ["ablate@logistic", "ablate@svm"]


def both(problem):
    return [f"train_numpy@{problem}", f"train_torch@{problem}"]


def published(*programs):
    return [f"published@{program}" for program in programs]


# Which stages rerun when a parameter changes; a later row wins over an earlier one.
BY_PARAMETER = {
    "datasets.gaussian.*": ["dataset@gaussian", *published(*PROGRAMS[:4]), *ABLATE, "claims"],
    "datasets.disc.*": ["dataset@disc", *published("appendix_e")],
    "datasets.wave.*": ["dataset@wave", *published("problem_7")],
    "protocol.*": TRAIN_NUMPY + TRAIN_TORCH,
    "problems.logistic.*": both("logistic"),
    "problems.logistic.dataset": ["certify@logistic", *both("logistic")],
    "problems.logistic.objective.*": [
        "certify@logistic",
        *both("logistic"),
        *published("appendix_a", "appendix_b"),
        "ablate@logistic",
        "claims",
    ],
    "problems.svm.*": both("svm"),
    "problems.svm.dataset": ["certify@svm", *both("svm")],
    "problems.svm.objective.*": [
        "certify@svm",
        *both("svm"),
        *published("appendix_c", "appendix_d"),
        "ablate@svm",
        "claims",
    ],
    "problems.quadratic_logistic.*": both("quadratic_logistic"),
    "problems.quadratic_logistic.dataset": [
        "certify@quadratic_logistic",
        *both("quadratic_logistic"),
    ],
    "problems.quadratic_logistic.objective.*": [
        "certify@quadratic_logistic",
        *both("quadratic_logistic"),
        "claims",
    ],
    "problems.quadratic_svm.*": both("quadratic_svm"),
    "problems.quadratic_svm.dataset": ["certify@quadratic_svm", *both("quadratic_svm")],
    "problems.quadratic_svm.objective.*": [
        "certify@quadratic_svm",
        *both("quadratic_svm"),
        *published("appendix_e"),
        "claims",
    ],
    "problems.two_layer.*": both("two_layer"),
    "problems.two_layer.dataset": ["certify@two_layer", *both("two_layer")],
    "problems.two_layer.objective.*": [
        "certify@two_layer",
        *both("two_layer"),
        *published("problem_7"),
        "claims",
    ],
    "plane.dataset": ["certify_variant@plane"],
    "plane.objective.*": ["certify_variant@plane"],
    "published.appendix_a.*": [*published("appendix_a"), "ablate@logistic"],
    "published.appendix_b.*": [*published("appendix_b"), "ablate@logistic"],
    "published.appendix_c.*": [*published("appendix_c"), "ablate@svm"],
    "published.appendix_d.*": [*published("appendix_d"), "ablate@svm"],
    "published.appendix_e.*": published("appendix_e"),
    "published.appendix_e.dataset": [*published("appendix_e"), "certify_variant@appendix_e"],
    "published.appendix_e.objective.*": [
        *published("appendix_e"),
        "certify_variant@appendix_e",
    ],
    "published.problem_7.*": published("problem_7"),
    "ablations.logistic.*": ["ablate@logistic"],
    "ablations.svm.*": ["ablate@svm"],
    "gradients.*": ["gradients"],
    "divergence.*": ["divergence"],
    "claims.*": ["claims"],
    "figures.1.*": ["figure_1"],
    "figures.2a.*": ["figure_2a"],
    "figures.2b.*": ["figure_2b"],
    "figures.3a.*": ["figure_3a"],
    "figures.3b.*": ["figure_3b"],
    "figures.4a.*": ["figure_4a"],
    "figures.4b.*": ["figure_4b"],
    "figures.ablation_logistic.*": ["figure_ablation_logistic"],
    "figures.ablation_svm.*": ["figure_ablation_svm"],
    "figures.divergence.*": ["figure_divergence"],
}

# Which stages rerun when a file of code changes.
TRAININGS = TRAIN_NUMPY + TRAIN_TORCH + PUBLISHED
JUDGES = [*ABLATE, "gradients", "divergence", "claims"]
EVERYTHING = DATASETS + CERTIFY + TRAININGS + JUDGES + FIGURES
CURVES = ["figure_1", "figure_2a", "figure_2b", "figure_4b"]
PLANE = ["figure_3a", "figure_3b"]
SCORED = CERTIFY + TRAININGS + ABLATE + ["claims"]
BY_FILE = {
    "stages/dataset.py": DATASETS,
    "stages/certify.py": CERTIFY,
    "stages/run.py": TRAININGS,
    "stages/ablate.py": ABLATE,
    "stages/gradients.py": ["gradients"],
    "stages/divergence.py": ["divergence"],
    "stages/claims.py": ["claims"],
    "stages/figure.py": FIGURES,
    "stages/common/files.py": EVERYTHING,
    "stages/common/parameters.py": EVERYTHING,
    "stages/figures/style.py": FIGURES,
    "stages/figures/curves.py": CURVES,
    "stages/figures/plane.py": PLANE,
    "stages/figures/network.py": ["figure_4a"],
    "stages/figures/ablation.py": ["figure_ablation_logistic", "figure_ablation_svm"],
    "stages/figures/divergence.py": ["figure_divergence"],
    "stages/sgd/recipe.py": EVERYTHING,
    "stages/sgd/datasets.py": [*DATASETS, *SCORED, "figure_4a"],
    "stages/sgd/losses.py": [*SCORED, "gradients", *PLANE, "figure_4a"],
    "stages/sgd/models.py": [*SCORED, "gradients", *PLANE, "figure_4a"],
    "stages/sgd/scores.py": SCORED,
    "stages/sgd/certificates.py": CERTIFY,
    "stages/sgd/divergences.py": ["divergence", "figure_divergence"],
    "stages/sgd/draws.py": TRAININGS + ABLATE,
    "stages/sgd/record.py": TRAININGS,
    "stages/sgd/by_numpy.py": [*TRAIN_NUMPY, *published(*NUMPY_PROGRAMS), *ABLATE],
    "stages/sgd/by_torch.py": [
        *TRAIN_TORCH,
        *published("appendix_a", "appendix_c"),
        "gradients",
    ],
}


def leaves(node, path=()):
    if isinstance(node, dict):
        for key, value in node.items():
            yield from leaves(value, (*path, key))
    else:
        yield ".".join(path)


LEAVES = list(leaves(yaml.safe_load((ROOT / "params.yaml").read_text())))
ANOTHER = {  # values that appear in the paths of dvc.yaml must stay known
    "gaussian": "disc",
    "disc": "wave",
    "wave": "gaussian",
    "logistic": "svm",
    "svm": "logistic",
    "quadratic_svm": "svm",
    "two_layer": "svm",
    "appendix_a": "appendix_b",
    "appendix_b": "appendix_a",
    "appendix_c": "appendix_d",
    "appendix_d": "appendix_c",
    "numpy": "torch",
    "torch": "numpy",
}


@pytest.fixture(scope="session")
def committed(tmp_path_factory):
    """A copy of the pipeline that DVC takes for finished: empty outputs, committed."""
    folder = tmp_path_factory.mktemp("committed")
    copy_pipeline(folder)
    with chdir(folder), Repo() as repo:
        for out in repo.index.outs:
            path = Path(out.fs_path)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(str(path.relative_to(folder)))
        repo.commit(force=True)
        assert repo.status() == {}
    return folder


@pytest.fixture(autouse=True, scope="module")
def _parse_once():
    """Let DVC's YAML parser, which takes most of a status, remember what it has parsed."""
    parse = functools.cache(YAML.load)

    def load(self, stream):
        return copy.deepcopy(parse(PARSERS.setdefault(self.typ[0], self), stream))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(YAML, "load", load)
        yield


PARSERS = {}


def status(folder):
    with chdir(folder), Repo() as repo:
        return sorted(repo.status())


def test_every_leaf_has_a_row():
    assert [
        leaf for leaf in LEAVES if not any(fnmatch.fnmatch(leaf, row) for row in BY_PARAMETER)
    ] == []
    assert [row for row in BY_PARAMETER if not fnmatch.filter(LEAVES, row)] == []


@pytest.mark.parametrize("leaf", LEAVES)
def test_a_parameter_reruns_its_stages(leaf, committed):
    text = (committed / "params.yaml").read_text()
    params = yaml.safe_load(text)
    *parents, last = leaf.split(".")
    parent = reduce(dict.__getitem__, parents, params)
    value = parent[last]
    if isinstance(value, list):
        parent[last] = [*value, value[-1]]
    else:
        parent[last] = ANOTHER.get(value, f"{value}x") if isinstance(value, str) else value + 1
    expected = [stages for row, stages in BY_PARAMETER.items() if fnmatch.fnmatch(leaf, row)][-1]
    try:
        (committed / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
        assert status(committed) == sorted(expected)
    finally:
        (committed / "params.yaml").write_text(text)


def test_an_experiment_changes_nothing_but_its_parameter(tmp_path):
    path = tmp_path / "params.yaml"
    shutil.copy(ROOT / "params.yaml", path)
    with modify_yaml(path) as params:
        params["problems"]["svm"]["learning_rate"] = 0.003
    before, after = ((ROOT / "params.yaml").read_text().splitlines(), path.read_text().splitlines())
    assert [pair for pair in zip(before, after, strict=True) if pair[0] != pair[1]] == [
        ("    learning_rate: 0.001", "    learning_rate: 0.003")
    ]


def test_every_file_of_code_has_a_row():
    assert sorted(BY_FILE) == sorted(
        str(path.relative_to(ROOT))
        for path in (ROOT / "stages").rglob("*.py")
        if path.name != "__init__.py"
    )


@pytest.mark.parametrize("file", BY_FILE)
def test_a_file_of_code_reruns_its_stages(file, committed):
    text = (committed / file).read_text()
    try:
        (committed / file).write_text(f"{text}\n# changed\n")
        assert status(committed) == sorted(BY_FILE[file])
    finally:
        (committed / file).write_text(text)


@pytest.mark.parametrize("problem", PROBLEMS)
def test_the_implementations_have_the_same_md5_in_the_lock(problem):
    stages = yaml.safe_load((ROOT / "dvc.lock").read_text())["stages"]
    by_hand, by_autograd = (
        {Path(out["path"]).name: out["md5"] for out in stages[f"train_{name}@{problem}"]["outs"]}
        for name in ("numpy", "torch")
    )
    names = {"history.csv", "theta.npz"}
    assert {n: by_hand[n] for n in names} == {n: by_autograd[n] for n in names}


def test_the_whole_study_runs_both_implementations():
    """Their outputs must not be the same throughout, or DVC restores one from the other."""
    stages = yaml.safe_load((ROOT / "dvc.lock").read_text())["stages"]
    for problem in PROBLEMS:
        by_hand, by_autograd = (
            {out["md5"] for out in stages[f"train_{name}@{problem}"]["outs"]}
            for name in ("numpy", "torch")
        )
        assert by_hand - by_autograd


def repro(folder, target):
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    command = [sys.executable, "-m", "dvc", "repro", target]
    subprocess.run(
        command, cwd=folder, env=os.environ | {"PATH": path}, check=True, capture_output=True
    )


def test_one_more_program_is_one_more_entry(tmp_path, params):
    copy_pipeline(tmp_path)
    params["published"]["appendix_b_without_leak"] = params["published"]["appendix_b"] | {
        "label_leak": "none",
        "initial": "torch_linear",
        "epochs": 12,
        "replicas": 2,
    }
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    repro(tmp_path, "published@appendix_b_without_leak")
    history = (tmp_path / "data/published/appendix_b_without_leak/history.csv").read_text()
    assert len(history.splitlines()) == 13
    assert (tmp_path / "metrics/logistic/appendix_b_without_leak.json").exists()


def test_one_more_problem_is_one_more_entry(tmp_path, params):
    copy_pipeline(tmp_path)
    params["protocol"]["replicas"] = 2
    params["problems"]["plane_svm"] = params["problems"]["svm"] | {"dataset": "disc", "epochs": 12}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    repro(tmp_path, "train_numpy@plane_svm")
    history = (tmp_path / "data/runs/plane_svm/numpy/history.csv").read_text()
    assert len(history.splitlines()) == 13
    assert (tmp_path / "metrics/plane_svm/exact.json").exists()
