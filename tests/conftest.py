"""What several tests need: a scratch copy of the pipeline, and small data."""

import shutil
from pathlib import Path

import pytest
import yaml

from stages.common import parameters
from stages.common.datasets import DATASETS

ROOT = Path(__file__).parent.parent


def copy_pipeline(folder):
    for name in ("stages", ".dvc/config", ".dvcignore", "data/.gitignore", "dvc.yaml"):
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    shutil.copy(ROOT / "params.yaml", folder)


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
