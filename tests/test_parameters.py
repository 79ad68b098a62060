"""Bad parameters: each ends a stage with one line that names the key, and exit status 1."""

import ast
import os
import runpy
import subprocess
import sys
from functools import reduce

import pytest
import yaml
from conftest import ROOT

from stages import check, figure
from stages.ablate import Ablation
from stages.check import Variant
from stages.common import parameters
from stages.common.files import InputError
from stages.diagnose import Submission
from stages.divergence import Divergence
from stages.figures.style import FigureSize
from stages.gradients import Gradients
from stages.run import Fresh, Protocol
from stages.sgd.diagnosis.candidates import Search
from stages.sgd.parts.datasets import DATASETS
from stages.sgd.recipes.recipe import Problem, Program
from stages.sgd.recipes.schema import Objective
from stages.sgd.rules import Thresholds
from stages.survey import Survey
from stages.sweep import Sweep

PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text())
SECTIONS = {  # a schema for the whole section, or for each entry of it
    "ablations": (Ablation, True),
    "claims": (Thresholds, False),
    "datasets": (None, True),
    "divergence": (Divergence, False),
    "figures": (FigureSize, True),
    "fresh": (Fresh, False),
    "gradients": (Gradients, False),
    "problems": (Problem, True),
    "programs": (Program, True),
    "protocol": (Protocol, False),
    "search": (Search, False),
    "submissions": (Submission, True),
    "survey": (Survey, False),
    "sweep": (Sweep, False),
    "variants": (Variant, True),
}
SECTIONS = {
    key: schema or DATASETS[entry][0]
    for section, (schema, each) in SECTIONS.items()
    for entry in (PARAMS[section] if each else [None])
    for key in [f"{section}.{entry}" if each else section]
}

DELETE = object()

BAD = [  # key, value, the key that the message names, what it says is allowed
    ("search.deviations", {"ordr": [1]}, None, "ordr is no field of a recipe that is searched"),
    ("search.deviations", {"replicas": [3]}, None, "replicas is no field of a recipe"),
    ("search.deviations", {"steps.many": [3]}, None, "steps has no fields"),
    ("search.deviations", {"batch.size": [0]}, None, "batch.size = 0: Input should be greater"),
    (
        "search.deviations",
        {"order": [{"lwa": "cyclic"}]},
        None,
        "order.lwa = 'cyclic': has no lwa: must be law,",
    ),
    ("search.deviations", {"order": [{1: 2}]}, None, "order.1 = 2: has no 1: must be law"),
    ("search.deviations", {"gd": [{"batch.size": 30, "order.law": 1}]}, None, "order.law = 1: "),
    ("search.deviations", {"gd": [{"size": 30}]}, None, "size is no field of a recipe"),
    ("search.choices.start", [{"law": "one"}], None, "start.law = 'one': Input should be"),
    ("search.unseeded.order", [{"seeds": 1}], None, "order.seeds = 1: has no seeds: must be law"),
    ("problems.svm.learning_rate", -1.0, None, "greater than 0"),
    ("problems.svm.learning_rate", 0, None, "greater than 0"),
    ("problems.svm.learning_rate", "small", None, "valid number"),
    ("problems.svm.learning_rate", float("nan"), None, "finite number"),
    ("problems.svm.learning_rate", float("inf"), None, "finite number"),
    ("problems.svm.learning_rate", True, None, "valid number"),
    ("problems.svm.learning_rate", None, None, "valid number"),
    ("problems.svm.learning_rate", [0.1], None, "valid number"),
    ("problems.svm.learning_rate", DELETE, None, "is missing"),
    ("problems.svm.learnign_rate", 0.1, None, "not permitted: must be dataset, objective, start,"),
    ("problems.svm.epochs", 0, None, "greater than or equal to 1"),
    ("problems.svm.epochs", 2.5, None, "valid integer"),
    ("problems.svm.epochs", 10**9, None, "less than or equal to 1000000"),
    ("problems.svm.dataset", "moons", None, "'gaussian', 'disc' or 'wave'"),
    ("problems.svm.dataset", "wave", "problems.svm", "model affine takes dataset gaussian or disc"),
    ("problems.svm.objective", 3, None, "Input should be a mapping"),
    ("problems.svm.objective.lambda", 0.1, None, "must be model, loss, regularization, hidden"),
    ("programs.s02_svm.batch", 5, None, "Input should be a mapping"),
    ("problems.svm.objective.loss", "Hinge", None, "'logistic', 'hinge' or 'squared'"),
    ("problems.svm.objective.loss", "squared", "problems.svm.objective", "goes with model"),
    ("problems.svm.objective.regularization", -0.1, None, "greater than or equal to 0"),
    ("problems.svm.objective.hidden", 5, "problems.svm.objective", "hidden goes with"),
    ("problems.two_layer.objective.hidden", DELETE, "problems.two_layer.objective", "hidden goes"),
    ("problems.two_layer.objective.grid", DELETE, "problems.two_layer.objective", "grid goes with"),
    ("problems.two_layer.objective.grid.lower", 5.0, "problems.two_layer.objective.grid", "less"),
    ("problems.two_layer.objective.grid.points", 1, None, "greater than or equal to 2"),
    ("problems.two_layer.start.scales", DELETE, "problems.two_layer", "scales goes with"),
    ("problems.two_layer.start.scales.u", 0.0, None, "greater than 0"),
    ("protocol.replicas", 0, None, "greater than or equal to 1"),
    ("protocol.seed", -1, None, "greater than or equal to 0"),
    ("protocol", None, None, "Input should be a mapping"),
    ("protocol", DELETE, None, "is missing"),
    ("datasets.gaussian.examples", 1, None, "greater than or equal to 2"),
    ("datasets.gaussian.examples", "30; rm -rf /", None, "valid integer"),
    ("datasets.gaussian.seed", 2**32, None, "less than 4294967296"),
    ("datasets.disc.radius_squared", 0.0, None, "greater than 0"),
    ("programs.appendix_b.derivative", "autograd", None, "'exact', 'one_minus_loss'"),
    ("programs.appendix_b.implementation", "jax", None, "'numpy' or 'torch'"),
    ("programs.appendix_b.order.generator", "protocol", None, "'own', 'python'"),
    ("programs.appendix_d.penalty.covers", "bias", None, "'weights', 'all' or 'slopes'"),
    ("programs.appendix_e.intercept", "labels", None, "'constant' or 'label'"),
    ("programs.s01_svm.batch.size", 0, None, "greater than or equal to 1"),
    ("programs.s02_svm.log.every", "batch", None, "valid integer, or: Input should be 'epoch'"),
    ("programs.s02_svm.log.every", {"epoch": 1}, None, "or: Input should be 'epoch'"),
    ("programs.s02_svm.log.every", 0, None, "greater than or equal to 1, or: "),
    ("gradients.widths", [], None, "at least 1 item"),
    ("gradients.trials", 0, None, "greater than or equal to 1"),
    ("divergence.nearness", 0.1, None, "valid list"),
    ("claims.agreement", 0.5, None, "greater than 0.5"),
    ("ablations.svm.program", 4, None, "valid string"),
    ("figures.1.dpi", 5000, None, "less than or equal to 600"),
    ("figures.1.title", "loss", None, "not permitted"),
]


@pytest.mark.parametrize("key", SECTIONS)
def test_every_section_of_the_study_is_allowed(key, scratch):
    assert isinstance(parameters.load(key, SECTIONS[key]), SECTIONS[key])


def test_every_section_has_a_schema():
    assert {key.partition(".")[0] for key in SECTIONS} == set(PARAMS)


def test_an_objective_is_a_section(scratch):
    objective = parameters.load("problems.svm.objective", Objective)
    assert objective.regularization == 0.1


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("1e-05", 0.00001),
        ("1e-5", 0.00001),
        ("1.0e-5", 0.00001),
        ("2E-1", 0.2),
        ("2.5e-01", 0.25),
        ("1e+0", 1.0),
    ],
)
def test_numbers_are_read_as_dvc_writes_them(written, read, scratch, tmp_path):
    fields = f"title: SVM, dataset: gaussian, learning_rate: {written}, epochs: 1"
    fields += ", objective: {model: affine, loss: hinge}"
    (tmp_path / "params.yaml").write_text(f"svm: {{{fields}}}")
    assert parameters.load("svm", Problem).learning_rate == read


@pytest.mark.parametrize(("key", "value", "named", "allowed"), BAD)
def test_bad_values_are_refused(key, value, named, allowed, scratch, params):
    *parents, last = key.split(".")
    parent = reduce(dict.__getitem__, parents, params)
    if value is DELETE:
        del parent[last]
    else:
        parent[last] = value
    scratch(params)
    section = next(name for name in SECTIONS if f"{key}.".startswith(f"{name}."))
    with pytest.raises(InputError) as refusal:
        parameters.load(section, SECTIONS[section])
    message = str(refusal.value)
    assert message.startswith(f"params.yaml: {named or key} ")
    assert allowed in message
    assert "\n" not in message
    if value is not DELETE and named is None:
        assert f" = {parameters.SHORT.repr(value)}: " in message


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a: [", "params.yaml: is not YAML: "),
        ("- 1\n", "params.yaml: protocol is missing"),
        ("", "params.yaml: protocol is missing"),
        ("!!python/object/apply:os.system ['true']", "params.yaml: is not YAML: "),
        (None, "params.yaml: cannot be read: No such file or directory"),
    ],
)
def test_bad_documents_are_refused(text, complaint, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if text is not None:
        (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(InputError) as refusal:
        parameters.load("protocol", Protocol)
    assert str(refusal.value).startswith(complaint)
    assert "\n" not in str(refusal.value)


def test_a_stage_ends_with_one_line_and_status_1(tmp_path, params):
    params["datasets"]["gaussian"]["examples"] = -3
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    stage = subprocess.run(
        [sys.executable, "-m", "stages.dataset", "gaussian"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert stage.returncode == 1
    assert stage.stderr == (
        "params.yaml: datasets.gaussian.examples = -3: Input should be greater than or equal to 2\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["params.yaml"]


STAGES = sorted({p.stem for p in (ROOT / "stages").glob("[a-z]*.py")} - {"run"})
UNKNOWN = [["--help"], ["../x", "y"], ["a", "b", "c"]]
NAMED = ["dataset", "certify", "ablate", "diagnose", "figure"]


@pytest.mark.parametrize(
    ("name", "given"),
    [*((name, given) for name in STAGES for given in UNKNOWN), *((name, []) for name in NAMED)],
)
def test_other_words_than_a_stage_needs_are_answered_with_its_usage(name, given, monkeypatch):
    usage = ast.get_docstring(ast.parse((ROOT / f"stages/{name}.py").read_text()))
    monkeypatch.setattr(sys, "argv", [f"{name}.py", *given])
    monkeypatch.delitem(sys.modules, f"stages.{name}", raising=False)
    with pytest.raises(InputError, match=rf"python -m stages\.{name}[ .]") as refusal:
        runpy.run_module(f"stages.{name}", run_name="__main__")
    assert str(refusal.value) == usage.splitlines()[0]


def test_a_reference_that_is_no_name_is_one_line(scratch, params):
    params["submissions"]["seeded"]["problem"] = ["logistic"]
    scratch(params)
    with pytest.raises(InputError, match=r"submissions\.seeded\.problem = \['logistic'\]: must be"):
        check.main()


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("datasets", {}, "problems.logistic.dataset = 'gaussian': must be "),
        ("datasets", None, "datasets = None: Input should be a mapping"),
        (
            "problems.two_layer.start",
            {"law": "network", "stream": "before"},
            "problems.two_layer: datasets.wave.hidden = 40: must be objective.hidden = 50",
        ),
        ("variants.claims", "plane", "variants.claims: must not be called ablation, claims, sub"),
        ("submissions.seeded_evidence", "seeded", "the evidence of another is called so"),
        ("variants.plane.note", "x", "variants.plane.note = 'x': not permitted: must be dataset,"),
        ("programs.s02_svm.order.examples", 31, "programs.s02_svm: order.examples = 31: 30 are"),
        (
            "datasets.wave.hidden",
            40,
            "programs.problem_7: datasets.wave.hidden = 40: must be objective.hidden = 50",
        ),
    ],
)
def test_what_can_not_be_run_is_refused_before_anything_runs(key, value, words, scratch, params):
    *parents, last = key.split(".")
    parent = reduce(dict.__getitem__, parents, params)
    parent[last] = parent[value] if value in ("plane", "seeded") else value
    if last == "start":
        params["datasets"]["wave"]["hidden"] = 40
    scratch(params)
    with pytest.raises(InputError) as refusal:
        check.main()
    assert words in str(refusal.value)


def test_a_variant_that_is_a_problem_too_is_not_written_twice(scratch, params):
    params["variants"]["svm"] = params["variants"]["plane"]
    scratch(params)
    with pytest.raises(
        InputError, match=r"variants\.svm: a variant must not be called like a prob"
    ):
        check.main()


@pytest.mark.parametrize("text", ["", "- 1\n", "null\n"])
def test_a_file_without_sections_is_said_to_be_one(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(InputError, match=r"^params\.yaml: is not a mapping of sections$"):
        check.main()


def test_what_a_problem_states_is_copied_without_how_it_is_trained(scratch, params, tmp_path):
    scratch(params)
    check.main()
    copy = yaml.safe_load((tmp_path / "data/sections/stated.yaml").read_text())
    assert {*copy["two_layer"]} == {"dataset", "objective", "start"}
    assert copy["svm"] == {k: params["problems"]["svm"][k] for k in ("dataset", "objective")}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["ablation"], "figure ablation: must be 1, 2a,"),
        (["1", "foo"], "figure 1 foo: must be 1, 2a, 2b, 3a, 3b, 4a, 4b, ablation and a name,"),
        (["submission"], "figure submission: must be"),
        (["5"], "figure 5: must be 1, 2a,"),
    ],
)
def test_a_figure_that_there_is_not_is_refused(given, words, scratch, params):
    scratch(params)
    with pytest.raises(InputError) as refusal:
        figure.main(*given)
    assert words in str(refusal.value)
