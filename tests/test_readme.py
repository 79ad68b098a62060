"""README.md is true: its tables, its vocabulary, and every command that it shows."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
import readme
from conftest import ROOT
from pydantic import BaseModel
from test_faults import git

from stages.sgd.recipes.recipe import Choices

TEXT = (ROOT / "README.md").read_text()
LONG = {"test", "verify", "bench", "mutants", "calibrate", "class"}  # make: minutes, or this test


def test_its_tables_are_what_the_pipeline_wrote(monkeypatch):
    monkeypatch.chdir(ROOT)
    assert readme.rewritten(TEXT) == TEXT


def words(model):
    """Return the fields of a recipe and the words that each can take."""
    for name, field in model.model_fields.items():
        yield name
        for part in parts(field.annotation):
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield from words(part)
            elif isinstance(part, str):
                yield part


def parts(annotation):
    found = get_args(annotation)
    return [annotation] if not found else [part for a in found for part in parts(a)]


def test_its_vocabulary_is_the_recipes():
    part = TEXT.split("### Entering a program")[1].split("\n## ")[0]
    said = set(re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", part, flags=re.DOTALL)))
    assert set(words(Choices)) - {"float64", "scales", *"abu"} <= said


def sessions():
    """Return the console blocks: (command, what is shown of its output), in order."""
    found = []
    for block in re.findall(r"```console\n(.*?)```", TEXT, re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, shown = part.partition("\n")
            found.append((command.partition("  #")[0].strip(), shown.splitlines()))
    return found


def plain(line):
    """Return a line without column padding, and with what differs from run to run left out."""
    line = re.sub(r"\x1b\[[0-9;]*m", "", line)
    line = re.sub(r"\b[0-9a-f]{7}\b|\[[a-z]+-[a-z]+\]|'[a-z]+-[a-z]+'|\d\d:\d\d [AP]M", "…", line)
    return " ".join(re.sub(r"-{3,}", "---", line).split())


def matches(shown, printed):
    """Say whether the lines shown come in what is printed, `...` standing for any others."""
    lines, gap = [plain(line) for line in printed if plain(line)], False
    for line in map(plain, shown):
        if line == "...":
            gap = True
            continue
        if not line:
            continue
        if gap:
            while lines and lines[0] != line:
                lines.pop(0)
        if not lines or lines.pop(0) != line:
            return False
        gap = False
    return gap or not lines


@pytest.mark.parametrize(
    ("shown", "printed", "expected"),
    [
        (["a  b"], ["a b"], True),
        (["a"], ["b"], False),
        (["a"], ["a", "b"], False),
        (["a", "..."], ["a", "b"], True),
        (["...", "c"], ["a", "b", "c"], True),
        (["a", "...", "d"], ["a", "b", "c"], False),
        (["9f3c2ab [leggy-hake] 06:25 AM"], ["1234567 [sore-loser] 11:59 PM"], True),
    ],
)
def test_what_matches(shown, printed, expected):
    assert matches(shown, printed) is expected


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A fresh clone with this environment, and this checkout's cache if it has one."""
    folder = tmp_path_factory.mktemp("fresh") / "sgd-by-hand"
    git(ROOT, "clone", "--quiet", str(ROOT), str(folder))
    git(folder, "config", "user.name", "reader")
    git(folder, "config", "user.email", "reader@example.org")
    (folder / ".venv").symlink_to(ROOT / ".venv")
    os.utime(folder / "requirements.txt", (0, 0))
    if (ROOT / ".dvc/cache").exists():
        shutil.copytree(ROOT / ".dvc/cache", folder / ".dvc/cache")
    yield folder
    subprocess.run(["dvc", "queue", "stop", "--kill"], cwd=folder, env=environment(), check=False)


def environment():
    return os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "COLUMNS": "200",
        "DVC_NO_ANALYTICS": "1",
    }


@pytest.mark.slow
def test_every_command_prints_what_is_shown(clone):
    left_out = set()
    for command, shown in sessions():
        target = command.removeprefix("make ").split()[0]
        if command.startswith("make ") and target in LONG:
            left_out.add(target)
            continue
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=clone,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert matches(shown or ["..."], done.stdout.splitlines()), f"$ {command}\n{done.stdout}"
    assert left_out <= LONG
