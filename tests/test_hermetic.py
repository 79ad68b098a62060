"""Each stage alone with what dvc.yaml declares for it: nothing is missing, nothing needless."""

import ast
import shutil
from functools import reduce
from pathlib import Path

import pytest
import yaml
from conftest import run

PACKAGE = "__init__.py"  # a docstring alone, and so given to every stage

pytestmark = [pytest.mark.xdist_group("pipeline"), pytest.mark.slow]


def packages(folder):
    return {str(path.relative_to(folder)) for path in (folder / "stages").rglob(PACKAGE)}


def place(source, target):
    """Copy a file, or a folder in which a package's docstring may stand already."""
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)


@pytest.fixture(scope="module")
def traces(pipeline, tmp_path_factory):
    """Each stage's trace from a folder that holds only what the stage declares."""
    folder, stages = pipeline
    params = yaml.safe_load((folder / "params.yaml").read_text())
    found = {}
    for stage in stages:
        alone = tmp_path_factory.mktemp("alone")
        for name in stage.files | packages(folder):
            place(folder / name, alone / name)
        part = {}
        for key in stage.keys:
            *parents, last = key.split(".")
            target = reduce(lambda node, name: node.setdefault(name, {}), parents, part)
            target[last] = reduce(dict.__getitem__, key.split("."), params)
        if "params.yaml" not in stage.files:
            (alone / "params.yaml").write_text(yaml.safe_dump(part, sort_keys=False))
        before = {path for path in alone.rglob("*") if path.is_file()}
        found[stage.name] = run(alone, stage.command)
        after = {path for path in alone.rglob("*") if path.is_file()}
        outs = {str(path.relative_to(alone)) for path in after - before}
        differing = [o for o in outs if (alone / o).read_bytes() != (folder / o).read_bytes()]
        code = {path for name in stage.files for path in (folder / name).glob("*.py")}
        code = {str(path.relative_to(folder)) for path in code if path.name != PACKAGE}
        found[stage.name]["idle"] = sorted(code - set(found[stage.name]["read"]))
        found[stage.name]["read"] = declared_as(found[stage.name]["read"], stage.files)
        found[stage.name]["read"] |= stage.files & {"data/checked.txt"}  # which is to come first
        found[stage.name]["read"] -= stage.outs  # what it compares after it has written it
        if "params.yaml" in stage.files:  # all of it
            found[stage.name]["keys"] = set()
        else:
            found[stage.name]["read"] -= {"params.yaml"}
        found[stage.name]["keys"] = sections_of(found[stage.name]["keys"], stage.keys)
        found[stage.name] |= {"outs": declared_as(outs, stage.outs), "differing": differing}
        shutil.rmtree(alone)
    return found


def declared_as(names, declared):
    """Return names as dvc.yaml declares them: what is below a declared folder is the folder."""
    folders = {name for name in declared if not Path(name).suffix}
    return {next((f for f in folders if name.startswith(f"{f}/")), name) for name in names}


def sections_of(keys, declared):
    """Return keys as dvc.yaml declares them: what is in a declared section is the section."""
    return {next((d for d in sorted(declared) if f"{k}.".startswith(f"{d}.")), k) for k in keys}


def complaints(stage, trace):
    """Return what dvc.yaml declares and the stage did not use, and the other way round."""
    read = {name for name in trace["read"] if "__pycache__" not in name}
    read = {name for name in read if not name.endswith(f"/{PACKAGE}")}
    keys = set(trace["keys"])
    return {
        "undeclared": sorted((read - stage.files) | (keys - stage.keys)),
        "needless": sorted((stage.files - read) | (stage.keys - keys)),
        "outputs": sorted(stage.outs ^ trace["outs"]),
        "differing": trace["differing"],
    }


NOTHING = {"undeclared": [], "needless": [], "outputs": [], "differing": []}


def test_each_stage_needs_what_it_declares_and_writes_the_pipelines_bytes(pipeline, traces):
    _, stages = pipeline
    assert {s.name: c for s in stages if (c := complaints(s, traces[s.name])) != NOTHING} == {}


def test_each_stage_imports_every_file_of_the_folders_that_it_declares(traces):
    assert {name: trace["idle"] for name, trace in traces.items() if trace["idle"]} == {}


def test_the_files_that_are_given_hold_a_docstring_alone(pipeline):
    folder, _ = pipeline
    assert len(packages(folder)) == 8
    for name in packages(folder):
        body = ast.parse((folder / name).read_text()).body
        assert [type(node) for node in body] == [ast.Expr]


def test_removing_any_entry_is_noticed(pipeline, traces):
    _, stages = pipeline
    for stage in stages:
        for kind, complaint in (
            ("files", "undeclared"),
            ("keys", "undeclared"),
            ("outs", "outputs"),
        ):
            for entry in getattr(stage, kind):
                changed = stage._replace(**{kind: getattr(stage, kind) - {entry}})
                assert complaints(changed, traces[stage.name]) == NOTHING | {complaint: [entry]}


def test_adding_a_needless_entry_is_noticed(pipeline, traces):
    folder, stages = pipeline
    files = {str(path.relative_to(folder)) for path in (folder / "stages").rglob("*.py")}
    files -= packages(folder)
    keys = {key for stage in stages for key in stage.keys}
    for stage in stages:
        for kind, entries in (("files", files), ("keys", keys)):
            for entry in entries - getattr(stage, kind):
                changed = stage._replace(**{kind: getattr(stage, kind) | {entry}})
                assert complaints(changed, traces[stage.name]) == NOTHING | {"needless": [entry]}


def test_a_stage_without_one_of_its_files_fails(pipeline, tmp_path):
    """The sandbox is one: what is not declared is not there."""
    folder, stages = pipeline
    stage = next(stage for stage in stages if stage.name == "dataset@wave")
    for name in (stage.files - {"stages/sgd/parts/datasets.py"}) | packages(folder):
        place(folder / name, tmp_path / name)
    shutil.copy(folder / "params.yaml", tmp_path)
    with pytest.raises(AssertionError, match=r"No module named 'stages\.sgd\.parts\.datasets'"):
        run(tmp_path, stage.command)
