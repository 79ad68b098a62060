"""What several tests need: a scratch copy of the pipeline, and small data."""

import shutil
from pathlib import Path

import pytest
import yaml

from stages.common import parameters
from stages.common.datasets import DATASETS

ROOT = Path(__file__).parent.parent


def copy_pipeline(folder):
    for name in ("stages", ".dvcignore", "data/.gitignore", "dvc.yaml"):
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
    for program in params["published"].values():
        program["epochs"] = 20 if program["epochs"] == 5000 else 10
        program["replicas"] = 3
    params["problems"]["two_layer"]["checkpoint"] = 2
    params["published"]["problem_7"]["checkpoint"] = 5
    params["gradients"]["trials"] = params["divergence"]["pairs"] = 5
    path.write_text(yaml.safe_dump(params, sort_keys=False))


@pytest.fixture
def params():
    return yaml.safe_load((ROOT / "params.yaml").read_text())


@pytest.fixture
def scratch(tmp_path, monkeypatch, params):
    """An empty working directory with a params.yaml that the test may rewrite."""
    monkeypatch.chdir(tmp_path)

    def write(changed=params):
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(changed, sort_keys=False))

    write()
    return write


@pytest.fixture
def draw(scratch):
    """Return a function that draws a dataset: its draw, X and y."""

    def drawn(name):
        schema, function = DATASETS[name]
        result = function(parameters.load(f"datasets.{name}", schema))
        *features, y = result.columns.values()
        import numpy as np

        return result, np.column_stack(features), y.astype(float)

    return drawn
