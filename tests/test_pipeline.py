"""What DVC reruns: every parameter, every file of code, one more program."""

import ast
import copy
import functools
import json
import os
import shutil
import subprocess
import sys
from contextlib import chdir
from functools import reduce
from pathlib import Path

import pytest
import yaml
from conftest import ROOT, command, copy_pipeline, declared, git, shorten
from dvc.repo import Repo
from ruamel.yaml import YAML

from stages.check import SHARED
from stages.common.parameters import COPY

PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text())
PROBLEMS, PROGRAMS, ABLATIONS = (PARAMS[s] for s in ("problems", "programs", "ablations"))
SUBMISSIONS = PARAMS["submissions"]
CURVES = {  # which loss curves of programs a figure draws
    "figure_1": ["appendix_a", "appendix_b"],
    "figure_2a": ["appendix_c", "appendix_d"],
    "figure_2b": ["appendix_a", "appendix_c"],
    "figure_4b": ["problem_7"],
}
PLANE = ["figure_3a", "figure_3b"]
NETWORK = ["figure_4a"]
SWEPT = {PROBLEMS[name]["dataset"] for name in PARAMS["sweep"]["problems"]}


def each(stage, names):
    return {f"{stage}@{name}" for name in names}


TRAIN = {lib: each(f"train_{lib}", PROBLEMS) for lib in ("numpy", "torch")}
CERTIFY = each("certify", PROBLEMS) | each("certify_variant", PARAMS["variants"])
DATASETS, PROGRAM, ABLATE = (
    each("dataset", PARAMS["datasets"]),
    each("program", PROGRAMS),
    each("ablate", ABLATIONS),
)
FIGURE_ABLATION = each("figure_ablation", ABLATIONS)
DIAGNOSE, FIGURE_SUBMISSION = (each(s, SUBMISSIONS) for s in ("diagnose", "figure_submission"))
FIGURES = {
    *CURVES,
    *PLANE,
    *NETWORK,
    "figure_survey",
    "figure_sweep",
    "figure_divergence",
} | FIGURE_ABLATION
FIGURES |= FIGURE_SUBMISSION
RUNS = TRAIN["numpy"] | TRAIN["torch"] | PROGRAM
EVERYTHING = {"check", "survey", "sweep", "gradients", "divergence", "claims", "charts", "report"}
EVERYTHING |= DATASETS | CERTIFY | RUNS | ABLATE | DIAGNOSE | FIGURES


STATED = ("dataset", "objective", "start")  # of a problem, which the copy `stated` holds alone


def ablations_of(**fields):
    return {
        f"ablate@{name}"
        for name, pair in ABLATIONS.items()
        if any(pair[key] in values for key, values in fields.items())
    }


def submitted(field, name):
    """Return the diagnoses of the submissions with such a problem or dataset."""
    return each("diagnose", [n for n, v in SUBMISSIONS.items() if v[field] == name])


def expected(leaf):
    """Return the stages that a parameter reruns, by the section it is in."""
    section, name, *rest = leaf.split(".")
    checked = {"check", "report"}
    if section == "datasets":
        on_it = {p for p, problem in PROBLEMS.items() if problem["dataset"] == name}
        programs = {p for p, program in PROGRAMS.items() if program["dataset"] == name}
        trained = each("train_numpy", on_it) | each("train_torch", on_it)
        found = (
            {f"dataset@{name}", "survey"}
            | ({"sweep"} if name in SWEPT else set())
            | trained
            | each("program", programs)
        )
        return checked | found | ablations_of(dataset=[name]) | submitted("dataset", name)
    if section == "problems":
        found = {f"train_numpy@{name}", f"train_torch@{name}", "charts"}
        if rest[0] in STATED:
            found |= {"survey", "sweep"}
        if rest[0] in ("dataset", "objective"):
            found.add(f"certify@{name}")
        if rest[0] == "objective":
            found |= each("program", [p for p, v in PROGRAMS.items() if v["problem"] == name])
            found |= ablations_of(problem=[name])
            found |= {"claims"} if name in ("svm", "two_layer") else set()
        return checked | found | submitted("problem", name)
    if section == "programs":
        found = {f"program@{name}", "survey", "charts"} | ablations_of(
            program=[name], reference=[name]
        )
        return checked | found | ({"figure_4a"} if name == "problem_7" else set())
    if section == "figures":
        several = {"ablation": FIGURE_ABLATION, "submission": FIGURE_SUBMISSION}
        return checked | several.get(name, {f"figure_{name}"})
    return (
        checked
        | {
            "protocol": TRAIN["numpy"] | TRAIN["torch"] | ({"sweep"} if name == "seed" else set()),
            "fresh": RUNS,
            "variants": {f"certify_variant@{name}"},
            "ablations": {f"ablate@{name}", "charts"},
            "survey": {"survey"},
            "sweep": {"sweep"},
            "search": DIAGNOSE,
            "submissions": {f"diagnose@{name}", "charts"},
            "gradients": {"gradients"},
            "divergence": {"divergence"},
            "claims": {"claims"},
        }[section]
    )


# Which stages rerun when a file of code changes.
RECIPES = (
    RUNS | ABLATE | {"check", "survey", "sweep", "charts", *NETWORK, *PLANE, "gradients", "claims"}
)
RECIPES |= {"report"}
RECIPES |= CERTIFY | DIAGNOSE
BY_FILE = {
    "stages/check.py": {"check"},
    "stages/dataset.py": DATASETS,
    "stages/certify.py": CERTIFY,
    "stages/run.py": RUNS,
    "stages/ablate.py": ABLATE,
    "stages/diagnose.py": DIAGNOSE,
    "stages/survey.py": {"survey"},
    "stages/sweep.py": {"sweep"},
    "stages/cluster/shards.py": {"sweep", "survey"} | DIAGNOSE,
    "stages/gradients.py": {"gradients"},
    "stages/divergence.py": {"divergence"},
    "stages/claims.py": {"claims"},
    "stages/charts.py": {"charts"},
    "stages/report.py": {"report"},
    "stages/figure.py": FIGURES,
    "stages/figures/style.py": FIGURES | {"report"},
    "stages/figures/curves.py": set(CURVES),
    "stages/figures/plane.py": set(PLANE),
    "stages/figures/network.py": set(NETWORK),
    "stages/figures/ablation.py": FIGURE_ABLATION,
    "stages/figures/survey.py": {"figure_survey"},
    "stages/figures/sweep.py": {"figure_sweep"},
    "stages/figures/submission.py": FIGURE_SUBMISSION | {"report"},
    "stages/figures/divergence.py": {"figure_divergence"},
    "stages/figures/captions.py": {"report"},
    "stages/figures/formulas.py": {"report"},
    "stages/common/files.py": EVERYTHING,
    "stages/common/parameters.py": EVERYTHING,
    "stages/sgd/recipes/schema.py": EVERYTHING,
    "stages/sgd/recipes/fields.py": RECIPES | DATASETS,
    "stages/sgd/recipes/recipe.py": RECIPES,
    "stages/sgd/recipes/combinations.py": RECIPES,
    "stages/sgd/parts/datasets.py": RUNS
    | ABLATE
    | CERTIFY
    | DATASETS
    | {"check", "survey", "sweep", "claims", "report"},
    "stages/sgd/parts/models.py": RECIPES - {"charts", "report"},
    "stages/sgd/parts/losses.py": RECIPES - {"charts", "report"},
    "stages/sgd/parts/scores.py": RUNS | ABLATE | CERTIFY | {"check", "survey", "sweep", "claims"},
    "stages/sgd/parts/draws.py": RUNS | ABLATE | {"survey", "sweep"},
    "stages/sgd/parts/streams.py": RUNS | ABLATE | {"survey", "sweep"},
    "stages/sgd/parts/logs.py": RUNS | ABLATE | {"check", "survey", "sweep"},
    "stages/sgd/record.py": RUNS,
    "stages/sgd/together.py": ABLATE | {"survey"},
    "stages/sgd/deviations.py": ABLATE | {"survey", "report"},
    "stages/sgd/by_numpy.py": {
        *TRAIN["numpy"],
        *each("program", [p for p, v in PROGRAMS.items() if v["implementation"] == "numpy"]),
        *ABLATE,
        "survey",
        "sweep",
    },
    "stages/sgd/by_torch.py": {
        *TRAIN["torch"],
        *each("program", [p for p, v in PROGRAMS.items() if v["implementation"] == "torch"]),
        "gradients",
    },
    "stages/sgd/certificates.py": CERTIFY,
    "stages/sgd/divergences.py": {"divergence", "figure_divergence"},
    "stages/sgd/rules.py": {"claims"},
    "stages/sgd/courses.py": {"claims"},
    "stages/sgd/causes.py": {"claims"},
}
BY_FILE["stages/sgd/parts/datasets.py"] |= set(NETWORK)
for name in ("parts/datasets", "parts/scores", "parts/draws", "parts/streams", "parts/logs"):
    BY_FILE[f"stages/sgd/{name}.py"] |= DIAGNOSE
for name in ("together", "deviations", "by_numpy"):
    BY_FILE[f"stages/sgd/{name}.py"] |= DIAGNOSE
SEARCH = (
    "candidates",
    "vocabulary",
    "ground",
    "crowd",
    "columns",
    "values",
    "sieve",
    "intervals",
    "search",
    "decoding",
    "reading",
)
LAWS = ("summaries", "rivals", "likelihood", "explanations", "ways")
for name in (*SEARCH, *LAWS):
    BY_FILE[f"stages/sgd/diagnosis/{name}.py"] = DIAGNOSE


def leaves(node, path=()):
    if isinstance(node, dict):
        for key, value in node.items():
            yield from leaves(value, (*path, key))
    else:
        yield ".".join(path)


LEAVES = list(leaves(PARAMS))
SAMPLED = [  # leaves and files that DVC itself is asked about, which takes seconds each
    "datasets.disc.shift",
    "problems.svm.objective.regularization",
    "problems.svm.learning_rate",
    "problems.two_layer.dataset",
    "programs.appendix_b.learning_rate",
    "programs.s02_svm.implementation",
    "figures.ablation.width",
    "stages/figure.py",
    "stages/figures/divergence.py",
    "stages/sgd/by_torch.py",
]


def another(value, leaf):
    """Return another value of a leaf; what is in the paths of dvc.yaml must stay known."""
    if isinstance(value, list):
        return [*value, value[-1]]
    if not isinstance(value, str):
        return value + 1
    field = leaf.split(".")[-1]
    known = {
        "dataset": PARAMS["datasets"],
        "problem": PROBLEMS,
        "program": PROGRAMS,
        "reference": PROGRAMS,
        "implementation": ("numpy", "torch"),
    }.get(field)
    return next(v for v in known if v != value) if known else f"{value}x"


@pytest.fixture(scope="session")
def committed(tmp_path_factory):
    """A copy of the pipeline that DVC takes for finished: empty outputs, committed."""
    folder = tmp_path_factory.mktemp("committed")
    copy_pipeline(folder)
    with chdir(folder), Repo() as repo:
        for out in repo.index.outs:
            path = Path(out.fs_path)
            if not path.suffix:
                path = path / "part"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(str(path.relative_to(folder)))
        for stage in repo.index.stages:
            for dep in stage.deps:
                if not Path(dep.fs_path).exists():  # a part of an output that is a folder
                    Path(dep.fs_path).write_text("part")
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


@pytest.fixture(scope="session")
def stages():
    """The stages that dvc.yaml declares."""
    return declared(ROOT)


def within(names, stage):
    """Return whether a stage declares one of these files, or a folder around it."""
    return any(f"{name}/".startswith(f"{file}/") for name in names for file in stage.files)


def copies(leaf):
    """Return the files in which the stage check repeats a parameter."""
    section, _, *rest = leaf.split(".")
    stated = section == "problems" and rest[0] in STATED
    return [COPY.format(name) for name in [section, *["stated"] * stated]]


def test_every_parameter_is_declared_where_it_is_expected(stages):
    found = {
        leaf: {
            s.name
            for s in stages
            if any(f"{leaf}.".startswith(f"{k}.") for k in s.keys)
            or within({"params.yaml", *copies(leaf)}, s)
        }
        for leaf in LEAVES
    }
    assert {leaf: n for leaf, n in found.items() if n != expected(leaf)} == {}


def test_every_file_of_code_is_declared_where_it_is_expected(stages):
    found = {file: {s.name for s in stages if within([file], s)} for file in BY_FILE}
    assert {file: n for file, n in found.items() if n != BY_FILE[file]} == {}


@pytest.mark.parametrize("changed", SAMPLED)
def test_dvc_reruns_what_is_declared(changed, committed):
    path = committed / ("params.yaml" if changed in LEAVES else changed)
    repeated = [committed / copy for copy in copies(changed)] if changed in LEAVES else []
    text, kept = path.read_text(), {copy: copy.read_text() for copy in repeated if copy.exists()}
    try:
        if changed in LEAVES:
            params = yaml.safe_load(text)
            *parents, last = changed.split(".")
            parent = reduce(dict.__getitem__, parents, params)
            parent[last] = another(parent[last], changed)
            path.write_text(yaml.safe_dump(params, sort_keys=False))
            for copy in repeated:
                copy.write_text("as the stage check will write it")
        else:
            path.write_text(f"{text}\n# changed\n")
        named = expected(changed) if changed in LEAVES else BY_FILE[changed]
        assert status(committed) == sorted(named)
    finally:
        path.write_text(text)
        for copy in repeated:
            copy.write_text(kept[copy]) if copy in kept else copy.unlink()


@pytest.fixture(scope="module")
def parameters_alone(tmp_path_factory):
    """A repository of the study's params.yaml and one stage, which runs nothing."""
    folder = tmp_path_factory.mktemp("parameters")
    shutil.copy(ROOT / "params.yaml", folder)
    stage = {"cmd": "true", "params": list(PARAMS)}
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"all": stage}}))
    git(folder, "init", "--quiet")
    for words in ("init --quiet", "config core.analytics false", "repro --quiet"):
        done = command("dvc", *words.split(), folder=folder)
        assert done.returncode == 0, done.stderr
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "committed")
    return folder


@pytest.mark.parametrize(
    ("key", "value", "before", "after"),
    [
        ("problems.svm.learning_rate", 0.003, "learning_rate: 0.001", "learning_rate: 0.003"),
        ("programs.appendix_b.derivative", "exact", "one_minus_loss", "exact"),
        ("protocol.replicas", 16, "replicas: 256", "replicas: 16"),
        ("claims.agreement", 0.9, "agreement: 0.95 # of replicas", "agreement: 0.9  # of replicas"),
        ("figures.1.width", 8.0, "{width: 10.0, height: 4.0", "{width: 8.0, height: 4.0"),
    ],
)
def test_an_experiment_changes_one_line(key, value, before, after, parameters_alone):
    folder = parameters_alone
    done = command("dvc", "exp", "run", "-S", f"{key}={value}", folder=folder)
    assert done.returncode == 0, done.stderr
    diff = git(folder, "diff", "--unified=0", "params.yaml").splitlines()
    told = json.loads(command("dvc", "params", "diff", "--json", folder=folder).stdout)
    git(folder, "checkout", "--quiet", ".")
    lost, gained = (line for line in diff if line[0] in "+-" and line[:3] not in ("+++", "---"))
    assert (lost[0], gained[0]) == ("-", "+")
    assert before in lost
    assert after in gained
    assert [list(rows) for rows in told.values()] == [[key]]


def test_every_file_of_code_has_a_row():
    assert sorted(BY_FILE) == sorted(
        str(path.relative_to(ROOT))
        for path in (ROOT / "stages").rglob("*.py")
        if path.name != "__init__.py"
    )


def test_the_lock_has_each_stage_and_no_other(stages):
    locked = yaml.safe_load((ROOT / "dvc.lock").read_text())["stages"]
    assert sorted(locked) == sorted(stage.name for stage in stages)


@pytest.mark.parametrize("problem", PROBLEMS)
def test_the_implementations_have_the_same_md5_in_the_lock(problem):
    stages = yaml.safe_load((ROOT / "dvc.lock").read_text())["stages"]
    by_hand, by_autograd = (
        {Path(out["path"]).name: out["md5"] for out in stages[f"train_{name}@{problem}"]["outs"]}
        for name in ("numpy", "torch")
    )
    names = {"history.csv", "replicas.csv", "theta.npz"}
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


def environment():
    return os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


def repro(folder, *targets):
    command = [sys.executable, "-m", "dvc", "repro", *targets]
    subprocess.run(command, cwd=folder, env=environment(), check=True, capture_output=True)


def test_a_figures_size_retrains_nothing():
    assert not BY_FILE["stages/figure.py"] & RUNS
    assert not BY_FILE["stages/figures/divergence.py"] & set(CURVES)


@pytest.fixture
def short(tmp_path):
    """A copy of the pipeline, shortened, and its params."""
    copy_pipeline(tmp_path)
    shorten(tmp_path)
    return tmp_path, yaml.safe_load((tmp_path / "params.yaml").read_text())


@pytest.mark.long
def test_new_entries_run_and_appear_everywhere(short):
    folder, params = short
    kept = {"problems": params["sweep"]["problems"], "submissions": []}
    kept["programs"] = ["appendix_a", "appendix_b"]
    for key, names in kept.items():  # the rest takes longer, and shows no more
        params[key] = {name: params[key][name] for name in names}
    svm, b = params["problems"]["svm"], params["programs"]["appendix_b"]
    params["problems"] |= {"plane_svm": svm | {"dataset": "disc", "title": "SVM in the plane"}}
    params["programs"] |= {
        "b_without_leak": b | {"intercept": "constant", "title": "B, repaired in part"},
        "on_the_plane": {
            "problem": "plane_svm",
            "dataset": "disc",
            "implementation": "numpy",
            "batch": {"size": 3, "reduction": "sum"},
            "learning_rate": 0.01,
            "updates": 31,
            "replicas": 2,
        },
    }
    again = {"program": "b_without_leak", "reference": "appendix_a"}
    params["ablations"] = {"again": params["ablations"]["logistic"] | again}
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    repro(folder, "survey", "charts", "figure_ablation@again", "figure_survey")
    for name in ("plane_svm/numpy", "plane_svm/on_the_plane", "logistic/b_without_leak"):
        assert (folder / f"metrics/{name}.json").exists()
    surveyed = (folder / "plots/survey.csv").read_text()
    assert "on_the_plane,plane_svm,batch.reduction,the batch's reduction" in surveyed
    assert "on_the_plane" in (folder / "plots/curves/plane_svm.csv").read_text().replace(" ", "_")
    assert "B, repaired in part" in (folder / "plots/curves/logistic.csv").read_text()
    assert (folder / "plots/figure_ablation_again.png").exists()


@pytest.mark.parametrize(
    ("section", "name", "entry", "words"),
    [
        ("programs", "my-program", {}, "programs.my-program = 'my-program': String should match"),
        ("programs", "it's", {}, "String should match pattern"),
        ("programs", "svm", {}, "programs.svm: a program must not be called like a problem"),
        ("programs", "other", {"problem": "moons"}, "programs.other.problem = 'moons': must be"),
        ("programs", "other", {"dataset": "disc"}, "programs.other.dataset = 'disc': must be"),
        ("programs", "other", {"derivative": "per_feature"}, "goes with loss logistic"),
        ("ablations", "other", {"reference": "nobody"}, "ablations.other.reference = 'nobody'"),
        ("problems", "a b", {}, "String should match pattern"),
    ],
)
def test_names_and_references_are_checked_before_anything_runs(section, name, entry, words, short):
    folder, params = short
    model = {"programs": "appendix_d", "ablations": "svm", "problems": "svm"}[section]
    params[section][name] = params[section][model] | entry
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    command = [sys.executable, "-m", "dvc", "repro"]
    done = subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    refusals = [line for line in done.stderr.splitlines() if line.startswith("params.yaml: ")]
    assert len(refusals) == 1, done.stderr
    assert words in refusals[0]
    assert done.stdout.count("Running stage") == 1
    assert "Traceback" not in done.stderr


def imports(path):
    """Return the modules of stages that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module.startswith("stages"):
            folder = ROOT / node.module.replace(".", "/")
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= names if folder.is_dir() else {node.module}
    return found


def test_folders_that_stages_share_are_made_before_any_writes_into_them(stages):
    outs = set().union(*(stage.outs for stage in stages))
    read = set().union(*(stage.files for stage in stages)) - outs
    around = {folder for folder in read if any(out.startswith(f"{folder}/") for out in outs)}
    assert around - {"metrics"} == set(SHARED)  # which is made with what is in it


def test_arrows_point_one_way():
    graph = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): imports(path)
        for path in (ROOT / "stages").rglob("*.py")
    }
    stages = {name for name in graph if name.count(".") == 1}
    for name, imported in graph.items():
        assert not imported & (stages - {"stages.common", "stages.sgd", "stages.figures"})
        if name.startswith("stages.sgd"):
            assert not {m for m in imported if not m.startswith("stages.sgd")}
            calls = {n.func.id for n in ast.walk(tree(name)) if is_call(n)}
            assert not calls & {"open", "Path", "print"}
    runtime = {n: {m for m in found if m in graph} for n, found in graph.items()}
    runtime["stages.sgd.recipes.combinations"] = set()  # it names Recipe for type checkers alone
    while runtime:
        done = {name for name, imported in runtime.items() if not imported & set(runtime)}
        assert done, f"circular: {sorted(runtime)}"
        runtime = {name: imported for name, imported in runtime.items() if name not in done}


def tree(name):
    return ast.parse((ROOT / f"{name.replace('.', '/')}.py").read_text())


def is_call(node):
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name)


def test_no_file_is_longer_than_a_sitting():
    lengths = {p: len(p.read_text().splitlines()) for p in (ROOT / "stages").rglob("*.py")}
    assert {p: n for p, n in lengths.items() if n > 300} == {}
