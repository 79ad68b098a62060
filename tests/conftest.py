"""What several tests need: a scratch copy of the pipeline, and small data."""

import copy
import json
import os
import shlex
import shutil
import subprocess
import sys
from contextlib import chdir
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from browser import browser  # noqa: F401  (a fixture)
from dvc.dependency.param import ParamsDependency
from dvc.repo import Repo

from stages.sgd.parts import datasets
from stages.sgd.recipes.recipe import Problem, Program

ROOT = Path(__file__).parent.parent
PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text())
ENVIRONMENT = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


def command(*words, folder, **options):
    options = {"capture_output": True, "text": True, "env": ENVIRONMENT} | options
    return subprocess.run(words, cwd=folder, check=False, **options)


def git(folder, *words):
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.org")
    done = command("git", *identity, *words, folder=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


def copy_pipeline(folder):
    for name in ("stages", ".dvcignore", "data/.gitignore", "data/submissions", "dvc.yaml"):
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    shutil.copy(ROOT / "params.yaml", folder)
    (folder / ".dvc").mkdir()
    (folder / ".dvc/config").write_text("[core]\n    no_scm = true\n    analytics = false\n")


def shorten(folder):
    """Cut the study in a folder down to a few epochs and replicas, every stage included."""
    path = folder / "params.yaml"
    params = yaml.safe_load(path.read_text())
    params["protocol"]["replicas"] = 3
    for problem in params["problems"].values():
        problem["epochs"] = 4
    for program in params["programs"].values():
        if "updates" in program:
            program["updates"] = 40
        else:
            program["epochs"] = 20 if program["epochs"] == 5000 else 10
        program["replicas"] = 3
    params["problems"]["two_layer"]["checkpoint"] = 2
    params["programs"]["problem_7"]["checkpoint"] = 5
    params["gradients"]["trials"] = params["divergence"]["pairs"] = 5
    params["survey"]["replicas"] = 2
    params["search"] |= {"at_once": 1, "most": 200, "replicas": 13, "steps": 60}
    params["submissions"] = {n: params["submissions"][n] for n in ("right", "momentum")}
    params["sweep"] |= {"replicas": 3, "epochs": 4}
    params["fresh"]["examples"] = 50
    path.write_text(yaml.safe_dump(params, sort_keys=False))


RUNNER = Path(__file__).with_name("stage_runner.py")


class Stage(NamedTuple):
    """What dvc.yaml declares."""

    name: str
    command: list[str]
    files: frozenset[str]
    keys: frozenset[str]
    outs: frozenset[str]


def declared(folder):
    """Return the stages of dvc.yaml, each after those it depends on."""
    stages = {}
    with chdir(folder), Repo() as repo:
        for stage in repo.index.stages:
            keys = {k for d in stage.deps if isinstance(d, ParamsDependency) for k in d.params}
            files = {d.def_path for d in stage.deps if not isinstance(d, ParamsDependency)}
            python, minus_m, *command = shlex.split(stage.cmd)
            assert (python, minus_m) == ("python", "-m")
            outs = frozenset(out.def_path for out in stage.outs)
            stages[stage.name] = Stage(stage.name, command, frozenset(files), frozenset(keys), outs)
    written, order = set(), []
    produced = set().union(*(stage.outs for stage in stages.values()))
    while stages:
        ready = [s for s in stages.values() if needed(s, produced) <= written]
        assert ready, f"circular: {list(stages)}"
        for stage in ready:
            written |= stage.outs
            order.append(stages.pop(stage.name))
    return order


def needed(stage, produced):
    """Return the outputs that a stage reads: below a declared folder, or as a part of a folder."""
    below = {o for o in produced if any(f"{o}/".startswith(f"{f}/") for f in stage.files)}
    return below | {o for o in produced if any(f.startswith(f"{o}/") for f in stage.files)}


def run(folder, *commands):
    words = " + ".join(" ".join(command) for command in commands).split()
    record = folder / ".record.json"
    python = subprocess.run(
        [sys.executable, str(RUNNER), str(record), *words],
        cwd=folder,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert python.returncode == 0, python.stderr
    found = json.loads(record.read_text())
    record.unlink()
    return found


def pytest_collection_modifyitems(items):
    """Begin with the long ones, so that all processes end together."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.fixture(scope="session")
def pipeline(tmp_path_factory):
    """The study, run whole, and its stages in order; shortened unless FULL_STUDY is set."""
    folder = tmp_path_factory.mktemp("pipeline")
    copy_pipeline(folder)
    if "FULL_STUDY" not in os.environ:
        shorten(folder)
    stages = declared(folder)
    run(folder, *(stage.command for stage in stages))
    return folder, stages


@pytest.fixture(scope="session")
def finished(pipeline, tmp_path_factory):
    """The shortened study as a Git repository in which DVC finds nothing to do."""
    folder = tmp_path_factory.mktemp("finished") / "study"
    shutil.copytree(pipeline[0], folder)
    shutil.copy(ROOT / ".gitignore", folder)
    shutil.copy(ROOT / "Makefile", folder)
    (folder / ".dvc/config").write_text("[core]\n    analytics = false\n")
    (folder / ".dvc/.gitignore").write_text("/tmp\n/cache\n")  # noqa: S108
    git(folder, "init", "--quiet")
    assert command("dvc", "commit", "--force", folder=folder).returncode == 0
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "finished")
    assert command("dvc", "status", folder=folder).stdout.startswith("Data and pipelines")
    return folder


@pytest.fixture
def study(finished, tmp_path):
    """A clone of it, caches included."""
    return shutil.copytree(finished, tmp_path / "study")


@pytest.fixture
def params():
    return copy.deepcopy(PARAMS)


@pytest.fixture
def scratch(tmp_path, monkeypatch, params):
    """An empty working directory with a params.yaml that the test may rewrite."""
    monkeypatch.chdir(tmp_path)

    def write(changed=params):
        text = yaml.dump(changed, sort_keys=False, Dumper=yaml.CSafeDumper)
        (tmp_path / "params.yaml").write_text(text)

    shutil.copy(ROOT / "params.yaml", tmp_path)
    return write


@cache
def load_problem(name):
    return Problem(**PARAMS["problems"][name])


def load_recipe(name, **changes):
    """Return the recipe of a program with some fields changed."""
    program = Program(**PARAMS["programs"][name] | changes)
    return program.recipe(load_problem(program.problem).objective)


@cache
def section(name):
    """Return the section of params.yaml that a dataset is drawn from."""
    return datasets.DATASETS[name][0](**PARAMS["datasets"][name])


@pytest.fixture
def draw(scratch):
    """Return a function that draws a dataset of the study."""
    return lambda name: datasets.draw(section(name))
