"""params.yaml under fire: each mutant is accepted, or refused in one line that names the key."""

import copy
import json
import os
import shlex
import subprocess
import sys
import time
from functools import reduce
from pathlib import Path

import pytest
import yaml
from conftest import ROOT, copy_pipeline
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_parameters import SECTIONS
from test_pipeline import LEAVES

from stages.common import parameters
from stages.common.files import InputError

TEXT = (ROOT / "params.yaml").read_text()
PARAMS = yaml.safe_load(TEXT)
DOTTED = "search.deviations."  # whose keys are themselves dotted
LOADED = [leaf for leaf in LEAVES if not leaf.startswith(DOTTED)]
LOADED = [leaf for leaf in LOADED if any(f"{leaf}.".startswith(f"{s}.") for s in SECTIONS)]
SHELL = ["; touch pwned", "$(touch pwned)", "`touch pwned`", "| touch pwned", "x\ntouch pwned"]
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([0, -1, 10**30, -(10**30), 0.0, -0.5, 1e300, 1e-300]),
    st.sampled_from([float("nan"), float("inf"), float("-inf")]),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["1e-4", "gaussian", "../../x", "!!python/object", *SHELL]),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=2),
)


def parent_of(params, leaf):
    *parents, last = leaf.split(".")
    return reduce(dict.__getitem__, parents, params), last


@st.composite
def mutants(draw):
    """Return a leaf and a document in which it is replaced, lost, misspelt or misplaced."""
    params, leaf = copy.deepcopy(PARAMS), draw(st.sampled_from(LOADED))
    parent, last = parent_of(params, leaf)
    kind = draw(st.sampled_from(["value", "value", "value", "missing", "misspelt", "nested"]))
    if kind == "value":
        parent[last] = draw(VALUES)
    elif kind == "missing":
        del parent[last]
    elif kind == "misspelt":
        parent[last + draw(st.sampled_from(["s", "_", " ", "\n", ";x"]))] = parent.pop(last)
    else:
        parent[last] = {last: parent[last]}
    return leaf, yaml.safe_dump(params, sort_keys=False, allow_unicode=True)


def judge(text, section):
    """Load a section from a document; return None, or the line by which it is refused."""
    Path("params.yaml").write_text(text, encoding="utf-8")
    start = time.monotonic()
    try:
        parameters.load(section, SECTIONS[section])
    except InputError as refusal:
        line = str(refusal)
        assert line.isprintable()
        assert len(line) < 1000
        return line
    finally:
        assert time.monotonic() - start < 2
    return None


@settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(mutant=mutants())
def test_a_mutant_is_accepted_or_refused_with_its_key(mutant, scratch, tmp_path):
    leaf, text = mutant
    section = next(name for name in SECTIONS if f"{leaf}.".startswith(f"{name}."))
    line = judge(text, section)
    if line is not None:
        assert line.startswith(f"params.yaml: {section}")
        assert any(part in line for part in leaf.removeprefix(section).split(".")[-2:])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["params.yaml"]


LAUGHS = "\n".join(
    ["a0: &a0 [ha, ha]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
)


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        (f"{LAUGHS}\nprotocol: *a11", True),
        (f"{LAUGHS}\nprotocol: {{seed: *a11, replicas: 1}}", True),
        ("protocol: &p {seed: 0, replicas: 3}", False),
        ("x: &s 5\nprotocol: {seed: *s, replicas: 3}", False),
        ("protocol: &p {seed: *p, replicas: 3}", True),
        ("protocol: {seed: 0, seed: x, replicas: 3}", True),
        ("protocol: {seed: 0, replicas: " + "9" * 5000 + "}", True),
        ("protocol: {seed: 2026-13-45, replicas: 3}", True),
        ("protocol: " + "[" * 5000, True),
        ("protocol: {[1, 2]: 3}", True),
        ("protocol: {1: 2}", True),
        ("? {a: b}\n: c", True),
        ("protocol: !!python/object/apply:os.system ['touch pwned']", True),
        ("\x00", True),
    ],
)
def test_hostile_documents(text, refused, scratch, tmp_path):
    line = judge(text, "protocol")
    assert (line is not None) == refused
    assert [path.name for path in tmp_path.iterdir()] == ["params.yaml"]


@pytest.mark.parametrize("text", SHELL)
@pytest.mark.parametrize("leaf", ["problems.svm.dataset", "programs.appendix_a.problem", "key"])
def test_shell_syntax_does_not_reach_a_shell(text, leaf, tmp_path):
    copy_pipeline(tmp_path)
    params = copy.deepcopy(PARAMS)
    if leaf == "key":
        params["problems"][f"svm{text}"] = params["problems"].pop("svm")
    else:
        parent, last = parent_of(params, leaf)
        parent[last] = text
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    list_stages = "import json; from dvc.repo import Repo; print(json.dumps("
    list_stages += "[stage.cmd for stage in Repo().index.stages]))"
    listed = subprocess.run(
        [sys.executable, "-c", list_stages], cwd=tmp_path, capture_output=True, text=True
    )
    if listed.returncode:  # DVC refuses the document
        assert "Error" in listed.stderr
        return
    for command in json.loads(listed.stdout):
        words = shlex.split(command)
        if any("pwned" in word for word in words):
            env = os.environ | {"PYTHONPATH": str(ROOT)}
            subprocess.run(command, shell=True, cwd=tmp_path, env=env, capture_output=True)  # noqa: S602
    assert not list(tmp_path.rglob("pwned"))
