"""From a recorded loss curve to what explains it: scalar loops write the curves."""

import json
import math
import random
import tracemalloc
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import scalar
import torch
import write_submissions
import yaml
from calibrate import (
    base_of,
    case_of,
    curve_of,
    digits_of,
    make,
    recipe_of,
    run_scalar,
    texts_of,
    truth,
)
from conftest import ROOT, load_problem, section

from stages import diagnose
from stages.common import files, parameters
from stages.sgd.deviations import deviations
from stages.sgd.diagnosis import intervals
from stages.sgd.diagnosis.candidates import Curve, Option, Scored, Search, unlike
from stages.sgd.diagnosis.columns import Columns
from stages.sgd.diagnosis.explanations import (
    Answer,
    Explanation,
    bands,
    credible,
    judged,
    sentence,
)
from stages.sgd.diagnosis.ground import Ground
from stages.sgd.diagnosis.intervals import simplest
from stages.sgd.diagnosis.likelihood import Laws
from stages.sgd.diagnosis.rivals import OTHER_DATA, RIVALS, SEED, Method, Rival
from stages.sgd.diagnosis.sieve import Sieve
from stages.sgd.diagnosis.summaries import density, edges, rank, summary
from stages.sgd.diagnosis.ways import explain
from stages.sgd.parts import datasets
from stages.sgd.recipes.fields import Log
from stages.sgd.recipes.recipe import Problem, Program


def slips(recipe, name):
    """Return the fields in which a recipe deviates, and their words."""
    skip = ("learning_rate", "log.every", "log.moment", "epochs", "updates")
    found = deviations(recipe, base_of(name), section(base_of(name).dataset))
    return [(d.field, d.words) for d in found if d.field not in skip]


@pytest.fixture
def curve(scratch, params, tmp_path):
    """Return a function that writes a submission and its entry."""

    def write(text, **entry):
        folder = tmp_path / "data/submissions"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "mine.csv").write_text(text)
        stated = {"problem": "logistic", "dataset": "gaussian"} | entry
        params["submissions"] = {"mine": stated}
        scratch(params)
        (tmp_path / "data/sections").mkdir(exist_ok=True)
        (tmp_path / "data/sections/search.yaml").write_text(yaml.safe_dump(params["search"]))

    return write


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("step,loss\n1,0.7\n2,0.6\n", "finite values: 2: must be at least three"),
        ("step,loss\n1,0.7\n2,0.6\n3,0e400\n4,0.1\n", "finite values: 2: must be at least three"),
        ("step,loss\n1,0.7\n2,0.6\n3,nan\n4,0.1\n", "finite values: 2: must be at least three"),
        ("step,loss\n1,0.7\n2,0.6\n2,0.5\n", "line 4: step 2 after 2: must be increasing"),
        ("epoch,loss\n1,0.7\n3,0.6\n2,0.5\n", "line 4: epoch 2 after 3: must be increasing"),
        ("step,loss\n1,0.7\n2,about\n3,0.5\n", "line 3: 'about' is not a number"),
        ("step,loss\none,0.7\n2,0.6\n3,0.5\n", "line 2: 'one' is no step number"),
        ("step,cost\n1,0.7\n2,0.6\n3,0.5\n", "columns must be step or epoch, then loss"),
        ("loss\n0.7\n0.6\n0.5\n", "columns must be step or epoch, then loss"),
        (",loss\n0,0.7\n1,0.6\n2,0.5\n", "columns must be step or epoch, then loss; found loss"),
        ("step,loss,Loss\n1,1,2\n2,1,2\n3,1,2\n", "then loss; found step, loss, loss"),
        ("step,loss\n1,0.7\n", "finite values: 1: must be at least three"),
        ("\n\nstep,loss\n1,0.7\n\n2,x\n", "line 6: 'x' is not a number"),
        ("\nstep,loss\n1,0.7,5\n2,1\n3,1\n", "line 3 has more cells than line 2"),
        ("step,loss\n1,1\n\n3,1\n2,1\n", "line 5: step 2 after 3: must be increasing"),
        (
            "step,loss\n1,1\n2,1\n1000001,1\n",
            "line 4: '1000001' is no step number: must be a whole",
        ),
    ],
)
def test_a_bad_curve_is_one_line(text, words, curve):
    curve(text)
    with pytest.raises(files.InputError) as error:
        diagnose.main("mine")
    assert words in str(error.value)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"problem": "moons"}, "problems.moons is missing"),
        ({"dataset": "disc"}, "submissions.mine.dataset = 'disc': must be gaussian"),
        ({"learning_rate": -1.0}, "submissions.mine.learning_rate = -1.0: Input should be greater"),
        ({"momentum": 0.9}, "submissions.mine.momentum = 0.9: not permitted: must be data,"),
        ({"update": "u_b_a"}, "submissions.mine: update u_b_a goes with model two_layer"),
        ({"log": {"value": "held_out"}}, "log.value held_out goes with data.train"),
        ({"epochs": 3, "updates": 90}, ": either epochs or updates may be given"),
    ],
)
def test_a_bad_statement_is_one_line(entry, words, curve):
    curve("step,loss\n1,0.7\n2,0.6\n3,0.5\n", **entry)
    with pytest.raises(files.InputError) as error:
        diagnose.main("mine")
    assert words in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_a_curve_that_diverges_is_used_as_far_as_it_is_finite(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("step,loss\n0,0.70\n1,1e3\n2,2.5e+12\n3,inf\n4,nan\n")
    found = diagnose.read_curve(str(path))
    assert list(found.values) == [0.7, 1000.0, 2.5e12]
    assert list(found.halves) == [0.005, 500.0, 5e10]


@pytest.mark.parametrize(
    "text",
    [
        "epoch,loss\n1,0.7\n2,0.65\n3,0.6\n",
        "Epoch, Loss\r\n1, 0.7\r\n2, 0.65\r\n3, 0.6\r\n",
        "\n\nepoch,loss\n\n1,0.7\n2,0.65\n\n3,0.6\n\n",
        "\ufeff,epoch,lr,loss\n0,1,0.1,0.7\n1,2,0.1,0.65\n2,3,0.1,0.6\n",
    ],
)
def test_a_curve_may_be_as_pandas_and_people_write_it(text, tmp_path):
    (tmp_path / "mine.csv").write_text(text, encoding="utf-8")
    found = diagnose.read_curve(str(tmp_path / "mine.csv"))
    assert (found.unit, list(found.positions)) == ("epoch", [1, 2, 3])
    assert list(found.values) == [0.7, 0.65, 0.6]
    assert list(found.halves) == [0.05, 0.005, 0.05]


def test_the_committed_examples_are_what_scalar_loops_write(tmp_path):
    for name, (unit, values) in write_submissions.texts().items():
        write_submissions.write(tmp_path / f"{name}.csv", unit, values)
        committed = (ROOT / f"data/submissions/{name}.csv").read_text()
        assert (tmp_path / f"{name}.csv").read_text() == committed


@pytest.mark.parametrize(
    ("name", "explained", "fields"),
    [
        ("seeded", "exactly", ["intercept", "derivative"]),
        ("right", "exactly", []),
        ("momentum", "not at all", None),
    ],
)
def test_the_committed_examples_are_explained(name, explained, fields):
    evidence = json.loads((ROOT / f"metrics/submissions/{name}_evidence.json").read_text())
    row = json.loads((ROOT / f"metrics/submissions/{name}.json").read_text())
    assert evidence["explained"] == row["verdict"] == explained
    if fields is not None:
        best = evidence["recipes"][0]
        assert [d["field"] for d in best["deviations"]] == fields
        known = write_submissions.EXAMPLES[name][2]
        assert best["learning_rate"] == known["learning_rate"]
        assert sum(r["probability"] for r in evidence["recipes"]) >= 0.9


def test_the_unseeded_examples_credible_set_holds_the_truth():
    evidence = json.loads((ROOT / "metrics/submissions/unseeded_evidence.json").read_text())
    assert evidence["explained"] == "in distribution"
    found = [[d["field"] for d in recipe["deviations"]] for recipe in evidence["recipes"]]
    assert ["derivative"] in found


def test_an_unseeded_program_that_leaves_all_right_ones_behind_is_found():
    fields = {"start": {"law": "zeros"}, "order": {"generator": "python", "seed": 4712}}
    fields |= {"gradient_factor": -1.0, "learning_rate": 0.003, "epochs": 40}
    curve = curve_of(recipe_of("svm", fields), run_scalar("svm", fields))
    one = parameters.load("search", Search).model_copy(update={"at_once": 1})
    answer = explain(case_of("svm", curve, one, 0.003), ["unseeded"])
    best = answer.found[0].recipe
    assert answer.verdict == "in distribution"
    assert (best.gradient_factor, best.start.law) == (-1.0, "zeros")


@pytest.mark.parametrize(
    "slip", [{"log": {"reduction": "sum"}}, {"steps": 1}, {"start": {"law": "ones"}}]
)
def test_an_unseeded_program_far_from_the_common_ones_is_found(slip):
    fields = {"start": {"law": "zeros"}, "order": {"generator": "python", "seed": 4712}}
    fields |= slip | {"learning_rate": 0.03, "epochs": 60}
    recipe = recipe_of("logistic", fields)
    curve = curve_of(recipe, run_scalar("logistic", fields))
    one = parameters.load("search", Search).model_copy(update={"at_once": 1})
    answer = explain(case_of("logistic", curve, one, 0.03), ["unseeded"])
    assert answer.verdict == "in distribution"
    wanted = recipe.start.law, slips(recipe, "logistic")
    found = [e.recipe for e in answer.found[:2]]
    assert wanted in [(r.start.law, slips(r, "logistic")) for r in found]


@pytest.mark.parametrize(
    ("way", "seed", "verdict"),
    [("many", None, "exactly"), ("solved", None, "exactly"), ("unseeded", 4712, "in distribution")],
)
def test_a_program_whose_epochs_end_with_a_short_batch_is_found(way, seed, verdict):
    """Unseeded, neither its batches nor its permutations alone explain so smooth a curve."""
    fields = {"start": {"law": "zeros", "stream": "numpy"}, "learning_rate": 0.1, "epochs": 60}
    fields |= {"order": {"law": "reshuffle", "generator": "numpy" if seed is None else "python"}}
    fields["order"] |= {} if seed is None else {"seed": seed}
    fields |= {"batch": {"size": 8, "drop_last": False}}
    recipe = recipe_of("logistic", fields)
    curve = curve_of(recipe, run_scalar("logistic", fields))
    search = parameters.load("search", Search)
    kept = ("batch", "batch.size", "order.law", "intercept", "order.examples")
    fewer = {"at_once": 2, "deviations": {k: search.deviations[k] for k in kept}}
    case = case_of("logistic", curve, search.model_copy(update=fewer), 0.1 if seed else None)
    answer = explain(case, [way])
    assert answer.verdict == verdict
    assert slips(answer.found[0].recipe, "logistic") == slips(recipe, "logistic")


@pytest.mark.parametrize(("seed", "slip"), [(0, "accumulate"), (42, None)])
def test_a_program_of_pytorch_in_single_precision_is_found(seed, slip):
    """With its own layer, loader and optimizer, and six digits of what `loss.item()` says."""
    drawn = datasets.draw(section("gaussian"))
    X, y = (torch.tensor(part, dtype=torch.float32) for part in drawn[:2])
    torch.manual_seed(seed)
    layer, logged = torch.nn.Linear(20, 1), []
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.05)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(X, y), 5, shuffle=True)
    for _ in range(30):
        for features, labels in loader:
            if slip is None:
                optimizer.zero_grad()
            margins = labels * layer(features)[:, 0]
            loss = torch.nn.functional.softplus(-margins).mean()
            loss.backward()
            optimizer.step()
            logged.append(f"{loss.item():.6f}")
    curve = make("step", range(1, len(logged) + 1), logged)
    search = parameters.load("search", Search)
    kept = ("batch.size", "order", "accumulate", "start.seed", "precision", "intercept")
    start = [{"law": "linear", "stream": "torch"}]
    fewer = {"deviations": {k: search.deviations[k] for k in kept}}
    fewer["choices"] = search.choices.model_copy(update={"start": start})
    (found,) = digits_of("logistic", curve, search.model_copy(update=fewer)).found
    recipe = found.recipe
    assert recipe.start.seed == (seed or None)
    assert (recipe.order.law, recipe.order.generator) == ("reshuffle", "dataloader")
    assert (recipe.learning_rate, recipe.batch.size) == (0.05, 5)
    assert (recipe.accumulate, recipe.precision) == (slip is not None, "float32")


def test_a_long_program_of_pytorch_is_followed_in_double_precision():
    """Which of its single precision is nearer than another library's: that is off by 1.7e-5."""
    drawn = datasets.draw(section("gaussian"))
    X, y = (torch.tensor(part, dtype=torch.float32) for part in drawn[:2])
    torch.manual_seed(0)
    layer, logged, stream = torch.nn.Linear(20, 1), [], random.Random(0)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.01)
    for _ in range(500):
        one = stream.randint(0, 29)
        optimizer.zero_grad()
        penalty = 0.1 * sum((p**2).sum() for p in layer.parameters())
        loss = torch.clamp(1 - y[one] * layer(X[one]), min=0).sum() + penalty
        loss.backward()
        optimizer.step()
        logged.append(f"{loss.item():.6g}")
    curve = make("step", range(1, 501), logged)
    search = parameters.load("search", Search)
    kept = ("penalty.covers", "precision", "intercept")
    search = search.model_copy(update={"deviations": {k: search.deviations[k] for k in kept}})
    (found,) = digits_of("svm", curve, search).found
    assert (found.recipe.learning_rate, found.recipe.penalty.covers) == (0.01, "all")
    assert found.recipe.precision == "float32"


@pytest.mark.parametrize("first", [0, 1, 100])
@pytest.mark.parametrize("stated", [{}, {"log": {"every": "epoch"}}])
def test_means_of_as_many_steps_as_lie_between_two_values_are_found(first, stated):
    """Whether a value is numbered by the first of its steps or the last."""
    fields = {"start": {"law": "zeros", "stream": "numpy"}, "order": {"generator": "numpy"}}
    fields |= {"learning_rate": 0.05, "steps": 100, "epochs": 12}
    recipe = recipe_of("logistic", fields)
    texts = texts_of(write_submissions.logged("logistic", fields))
    curve = make("step", range(first, first + 1200, 100), texts)
    entry = {"problem": "logistic", "dataset": "gaussian"} | stated
    search = parameters.load("search", Search).model_copy(update={"at_once": 1})
    known = (diagnose.Submission(**entry), load_problem("logistic"), search, section("gaussian"))
    best = explain(diagnose.case_of(*known, curve), ["few"]).found[0].recipe
    assert (best.learning_rate, best.steps, best.log.every) == (0.05, 100, "epoch")
    assert slips(best, "logistic") == slips(recipe, "logistic")
    band = bands(curve, section("gaussian"), best, True, base_of("logistic"))
    within = (band["right_lower"] <= band["loss"]) & (band["loss"] <= band["right_upper"])
    assert within.mean() > 0.6


@pytest.mark.parametrize(
    ("first", "gap", "rate", "times"),
    [
        (1, 1, None, 2.2),
        (1, 1, 0.1, 2.2),
        (2, 1, None, 1),
        (30, 30, None, 1),
        (30, 30, 0.1, 2),
        (31, 1, None, 1 / 2),
        (100, 100, None, 1 / 4),
        (100, 100, 0.1, 1 / 2),
    ],
)
def test_the_later_the_first_value_the_fewer_are_tried(first, gap, rate, times):
    """Each of them takes as many steps."""
    search = parameters.load("search", Search)
    curve = make("step", range(first, first + 3 * gap, gap), ["0.51", "0.52", "0.53"])
    quest = case_of("logistic", curve, search, rate).quest(search, seeded=True)
    assert Sieve(*quest).most == int(search.most * times)


@pytest.mark.parametrize(
    ("log", "steps"),
    [
        ({"every": 20}, 20),  # the loss of an epoch's last step, as a script prints it
        ({"value": "objective", "every": 30, "phase": "first"}, None),
        ({"value": "objective", "moment": "after", "every": 30}, None),
    ],
)
def test_what_an_epoch_begins_or_ends_with_is_found_and_written_as_an_entry(log, steps):
    fields = {"start": {"law": "uniform", "stream": "numpy"}, "order": {"generator": "numpy"}}
    fields |= {"learning_rate": 0.02, "epochs": 20, "log": log}
    fields |= {"steps": steps} if steps else {}
    texts = texts_of(write_submissions.logged("svm", fields))
    curve = make("epoch", range(1, 21), texts)
    search = parameters.load("search", Search).model_copy(update={"at_once": 2})
    given = {"problem": "svm", "dataset": "gaussian"}
    values = load_problem("svm"), section("gaussian"), search
    values = [diagnose.plain(values[0]), *(v.model_dump() for v in values[1:]), given]
    best = diagnose.searched(*values, diagnose.curve_values(curve), ["few"]).found[0].recipe
    asked = base_of("svm")
    assert [d.field for d in deviations(best, asked, section("gaussian"))] == (
        ["steps"] if steps else []
    )
    again = best.model_dump(exclude_unset=True, exclude={"objective", "dataset", "replicas"})
    again = {k: v for k, v in again.items() if v is not None}
    assert texts_of(write_submissions.logged("svm", again)) == texts


def test_a_stream_is_drawn_again_as_long_as_it_is_needed():
    """Of a step an epoch, whose epochs would take memory: a search has hundreds of streams."""
    fields = {"start": {"law": "normal", "stream": "numpy"}, "batch": {"size": 30}}
    fields |= {"order": {"law": "reshuffle", "generator": "numpy"}, "learning_rate": 0.1}
    recipe = recipe_of("logistic", fields | {"updates": 5})
    curve = make("step", range(1, 4), ["0.5"] * 3)
    search = parameters.load("search", Search)
    ground = case_of("logistic", curve, search).quest(search, seeded=True)[0]
    key = ground.stream(ground.order(recipe), ground.start(recipe))
    short = ground.seen(key, 10, 30)
    tracemalloc.start()
    long = ground.seen(key, 500, 30)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(long) >= 500
    assert (long[: len(short)] == short).all()
    assert (np.sort(long[:500, :, 0], axis=1) == np.arange(30)).all()
    assert most < 2_000_000


@pytest.mark.parametrize(
    ("stated", "left"),
    [
        ({}, [{"batch.size": n, "batch.drop_last": False} for n in (8, 16)]),
        ({"size": 8}, [{"batch.drop_last": False}]),
        ({"size": 6}, []),
    ],
)
def test_several_fields_of_a_section_are_tried_as_one_beside_what_is_stated(stated, left):
    search = parameters.load("search", Search)
    curve = make("step", range(1, 4), ["0.5"] * 3)
    entry = {"problem": "logistic", "dataset": "gaussian"} | ({"batch": stated} if stated else {})
    case = diagnose.case_of(
        diagnose.Submission(**entry), load_problem("logistic"), search, section("gaussian"), curve
    )
    options = case.quest(search, seeded=True)[0].vocabulary.options
    short = [o.changes for o in options if "batch.drop_last" in o.changes]
    drawn = {"order.law": "reshuffle", "order.generator": "dataloader"}
    whole = drawn | {"log.reduction": "examples"}
    assert short == [*left, *(whole | one for one in left[:1])]
    (loader,) = (o for o in options if o.changes == drawn)
    (law,) = (o for o in options if o.changes == {"order.law": "cyclic"})
    (skipped,) = (o for o in options if o.kind == "order.skipped")
    assert loader.clashes(law)
    assert not loader.clashes(skipped)


def test_a_network_that_is_said_to_start_otherwise_has_not_its_problems_scales():
    entry = {"problem": "two_layer", "dataset": "wave", "start": "zeros"}
    known = diagnose.known_fields(diagnose.Submission(**entry))
    assert known == {"start.law": "zeros", "start.scales": None}
    stated = load_problem("two_layer")
    search, wave = parameters.load("search", Search), section("wave")
    curve = make("step", range(1, 4), ["0.5"] * 3)
    case = diagnose.case_of(diagnose.Submission(**entry), stated, search, wave, curve)
    assert case.base.start.law == "zeros"


@pytest.mark.parametrize(("rows", "tried"), [(2900, False), (3100, True)])
def test_a_schedule_that_falls_after_the_last_value_is_not_tried(rows, tried):
    search = parameters.load("search", Search)
    curve = make("step", range(1, rows + 1), ["0.5"] * rows)
    vocabulary = case_of("logistic", curve, search).quest(search, seeded=True)[0].vocabulary
    (late,) = (o for o in vocabulary.options if o.changes.get("schedule.every") == 100)
    assert vocabulary.alone[id(late)] is tried


@pytest.mark.parametrize("part", [{"stream": "numpy"}, {"stream": "python"}, {"low": -1.0}])
def test_of_a_start_a_part_may_be_stated_and_the_rest_is_searched(part):
    search, curve = parameters.load("search", Search), make("step", range(1, 4), ["0.5"] * 3)
    given = diagnose.Submission(problem="logistic", dataset="gaussian", start=part)
    known = load_problem("logistic"), search, section("gaussian"), curve
    case = diagnose.case_of(given, *known)
    assert case.fixed == [f"start.{field}" for field in part]
    vocabulary = case.quest(search, seeded=True)[0].vocabulary
    starts = [vocabulary.build(choice).start for choice in vocabulary.choices]
    assert {"normal", "uniform"} <= {start.law for start in starts}
    assert all(getattr(start, *part) == next(iter(part.values())) for start in starts)
    refused = diagnose.Submission(problem="logistic", dataset="gaussian", start={"law": "network"})
    with pytest.raises(ValueError, match="network"):
        diagnose.case_of(refused, *known)


def test_the_band_of_a_program_holds_nine_tenths_of_its_curve():
    _, name, fields = write_submissions.EXAMPLES["unseeded"]
    problem = load_problem(name)
    recipe = recipe_of(name, fields | {"order": {"generator": "default_rng", "seed": 1000}})
    curve = curve_of(recipe, write_submissions.logged(name, fields))
    table = bands(curve, section(problem.dataset), recipe, True, problem.recipe(1))
    inside = (table["best_lower"] <= table["loss"]) & (table["loss"] <= table["best_upper"])
    assert 0.75 < inside.mean() < 0.98
    assert (table["right_upper"] < table["loss"])[-50:].all()


@pytest.mark.parametrize("unit", ["step", "epoch"])
@pytest.mark.parametrize("nearest", [True, False])
def test_of_a_curve_that_nothing_explains_the_right_program_is_drawn(unit, nearest, scratch):
    stated, values = load_problem("logistic"), 4 - np.arange(5)
    curve = Curve(unit, np.arange(1, 6), values, np.full(5, 0.5))
    log = Log(value="objective", every="epoch" if unit == "epoch" else 1)
    recipe = stated.recipe(1).model_copy(update={"learning_rate": 0.03, "log": log})
    found = [Explanation(recipe, 1.0)] * nearest
    answer = Answer("not at all", found, 7, 5, 0.0)
    diagnose.write("mine", stated, section("gaussian"), curve, answer)
    drawn = files.read_frame("plots/submissions/mine.csv")
    assert list(drawn["loss"]) == list(values)
    assert "best" not in drawn
    assert np.isfinite(drawn["right"]).all()


@pytest.mark.parametrize("seed", range(3))
def test_a_random_seeded_recipe_is_found_or_its_class(seed, scratch):
    rng = random.Random(seed)
    search = parameters.load("search", Search)
    name, fields, recipe = truth(rng, search, most=1, problems=("logistic", "svm"))
    problem = parameters.load(f"problems.{name}", Problem)
    values = scalar.Program(problem.objective.model_dump() | {"dataset": problem.dataset}, fields)
    curve = curve_of(recipe, values.run()["logged"])
    answer = digits_of(name, curve, search.model_copy(update={"at_once": 1}))
    assert answer.found, fields
    assert answer.tried > 0
    rates = {round(f.recipe.learning_rate, 9) for f in answer.found}
    assert any(abs(r - fields["learning_rate"]) < 1e-9 for r in rates) or recipe.penalised


@pytest.mark.parametrize(
    ("name", "slip", "known"),
    [  # the mean loss of an epoch jumps, as a function of the learning rate
        ("quadratic_svm", {"start": {"law": "normal", "stream": "numpy"}}, None),
        ("svm", {"penalty": {"times_rate": False}}, None),
        ("svm", {"order": {"generator": "numpy", "examples": 19}}, None),
        # and this one is of the last that are tried
        ("logistic", {"order": {"generator": "numpy", "skipped": 10_000}, "steps": 50}, 0.07),
    ],
)
def test_a_seeded_programs_means_of_epochs_are_found(name, slip, known):
    fields = {"start": {"law": "zeros", "stream": "numpy"}, "order": {"generator": "numpy"}} | slip
    fields |= {"learning_rate": 0.07, "epochs": 12}
    recipe = recipe_of(name, fields)
    curve = curve_of(recipe, write_submissions.logged(name, fields))
    search = parameters.load("search", Search)
    few = search.model_copy(update={"at_once": search.at_once if known else 1})
    found = [e.recipe for e in digits_of(name, curve, few, known).found]
    wanted = slips(recipe, name)
    assert any(r.learning_rate == 0.07 and slips(r, name) == wanted for r in found)


@pytest.mark.parametrize(
    "slip", [{}, {"update": "u_b_a"}, {"update": "u_ab"}, {"update": "a_b_u_anew"}]
)
def test_a_network_that_starts_before_its_data_is_found(slip):
    fields = {"start": {"law": "network", "stream": "before"}, "order": {"generator": "numpy"}}
    fields |= slip | {"learning_rate": 0.007, "epochs": 20}
    curve = make("epoch", range(1, 21), texts_of(write_submissions.logged("two_layer", fields)))
    one = parameters.load("search", Search).model_copy(update={"at_once": 1})
    found = [e.recipe for e in digits_of("two_layer", curve, one).found]
    update = slip.get("update", "simultaneous")
    assert any(r.learning_rate == 0.007 and r.update == update for r in found)


@pytest.mark.parametrize(
    ("name", "fields", "at_once"),
    [
        ("quadratic_logistic",  # whose steps are of 0.01/30, which is no short decimal
         {"start": {"law": "normal", "stream": "numpy"}, "learning_rate": 0.01, "updates": 120,
          "log": {"value": "objective", "moment": "after", "every": 1},
          "order": {"generator": "numpy"}, "gradient_factor": 1 / 30}, 0),
        ("quadratic_svm",  # the objective after one step is least near its learning rate
         {"start": {"law": "uniform", "stream": "numpy"}, "learning_rate": 0.05, "updates": 120,
          "log": {"value": "objective", "moment": "after", "every": 1},
          "order": {"generator": "numpy"}, "intercept": "constant"}, 1),
        ("quadratic_svm",  # whose two deviations are of the last that are tried
         {"start": {"law": "normal", "stream": "numpy"}, "learning_rate": 0.002, "epochs": 12,
          "order": {"generator": "numpy", "law": "permutation", "examples": 19}}, 2),
        ("svm",  # which adds up an epoch's losses
         {"start": {"law": "uniform", "stream": "numpy"}, "learning_rate": 0.012, "epochs": 12,
          "order": {"generator": "numpy"}, "log": {"reduction": "sum"}}, 1),
        ("svm",  # which adds up all examples', the penalty once
         {"start": {"law": "normal", "stream": "numpy"}, "learning_rate": 0.013, "updates": 60,
          "order": {"generator": "numpy"},
          "log": {"value": "objective", "every": 1, "reduction": "sum"}}, 1),
        ("logistic",  # from near zero
         {"start": {"law": "normal", "scale": 0.1, "stream": "numpy"}, "learning_rate": 0.013,
          "updates": 60, "order": {"generator": "numpy"}, "log": {"every": 1}}, 1),
        ("two_layer",  # which squares without a half
         {"start": {"law": "network", "stream": "before"}, "learning_rate": 0.014, "epochs": 12,
          "order": {"generator": "numpy"}, "log": {"factor": 2.0}}, 1),
        ("svm",  # which starts at ones
         {"start": {"law": "ones", "stream": "numpy"}, "learning_rate": 0.013, "updates": 60,
          "order": {"generator": "numpy"}, "log": {"every": 1}}, 1),
        ("logistic",  # which starts at ones, the bias at zero
         {"start": {"law": "ones", "stream": "numpy", "bias": "zero"}, "learning_rate": 0.003,
          "updates": 60, "order": {"generator": "numpy"},
          "log": {"value": "objective", "every": 1}}, 2),
        ("logistic",  # which calls a step an epoch
         {"start": {"law": "zeros", "stream": "numpy"}, "learning_rate": 0.02, "epochs": 40,
          "order": {"generator": "numpy"}, "steps": 1}, 1),
        ("two_layer",  # all of whose parameters are drawn from one law, after the data
         {"start": {"law": "normal", "stream": "numpy"}, "learning_rate": 0.012, "updates": 60,
          "order": {"generator": "numpy"}, "log": {"value": "objective", "every": 1}}, 0),
        ("logistic",  # which logs an example's loss after the step, and starts with a bias of zero
         {"start": {"law": "normal", "stream": "numpy", "bias": "zero"}, "learning_rate": 0.05,
          "updates": 60, "order": {"generator": "numpy"},
          "log": {"moment": "after", "every": 1}}, 2),
        ("svm",  # whose steps, the penalty's too, are of 0.1/30
         {"start": {"law": "uniform", "stream": "numpy", "bias": "zero"},
          "learning_rate": 0.00333333333333333, "updates": 600, "order": {"generator": "numpy"},
          "log": {"value": "objective", "moment": "after", "every": 1}}, 1),
        ("logistic",  # one of whose generators draws it all
         {"start": {"law": "uniform", "low": -1.0, "stream": "python"}, "learning_rate": 0.05,
          "updates": 60, "order": {"generator": "python"},
          "log": {"value": "objective", "moment": "after", "every": 1}}, 2),
        ("quadratic_svm",  # whose bias follows no problem's features, and starts at zero
         {"start": {"law": "uniform", "stream": "numpy", "bias": "zero"}, "intercept": "label",
          "learning_rate": 0.1, "updates": 60, "order": {"generator": "numpy"},
          "log": {"every": 1}}, 2),
        ("logistic",  # which goes up
         {"start": {"law": "uniform", "stream": "numpy"}, "learning_rate": 0.012, "epochs": 12,
          "order": {"generator": "numpy"}, "gradient_factor": -1.0}, 1),
    ],
)  # fmt: skip
def test_a_seeded_program_whose_learning_rate_is_not_stated_is_found(name, fields, at_once):
    recipe = recipe_of(name, fields)
    few = parameters.load("search", Search).model_copy(update={"at_once": at_once})
    curve = curve_of(recipe, write_submissions.logged(name, fields))
    found = [e.recipe for e in digits_of(name, curve, few).found]
    wanted = fields["learning_rate"], recipe.start.law, slips(recipe, name)
    assert wanted in [(r.learning_rate, r.start.law, slips(r, name)) for r in found]


def test_a_small_learning_rate_is_told_by_all_values_together():
    fields = {"start": {"law": "zeros", "stream": "numpy"}, "order": {"generator": "numpy"}}
    fields |= {"learning_rate": 3.8889e-5, "epochs": 40}
    values = write_submissions.logged("logistic", fields)
    curve = make("epoch", range(1, 41), texts_of(values))
    none = parameters.load("search", Search).model_copy(update={"at_once": 0})
    best = digits_of("logistic", curve, none).found[0].recipe
    assert best.learning_rate == pytest.approx(3.8889e-5, rel=1e-4)


def test_learning_rates_side_by_side_are_each_alone(monkeypatch):
    recipes, rates = [], np.array([[0.01, 0.1], [0.02, 0.2], [0.05, 0.5]])
    for slip in ({}, {"intercept": "none"}):
        fields = {"start": {"law": "zeros"}, "order": {"generator": "numpy"}, "epochs": 3} | slip
        fields |= {"problem": "svm", "dataset": "gaussian", "implementation": "numpy"}
        program = Program(**fields, learning_rate=1.0, replicas=1)
        recipes.append(program.recipe(load_problem("svm").objective))
    curve = make("epoch", range(1, 4), ["1", "1", "1"])
    ground = Ground(SimpleNamespace(curve=curve, section=section("gaussian")))
    alone = Columns(ground, recipes).at(2)
    for most in (intervals.COLUMNS, 2):  # in one call, and in several
        monkeypatch.setattr(intervals, "COLUMNS", most)
        found = intervals.values_at(ground, recipes, 2, rates)
        assert np.allclose(found, [alone(eta) for eta in rates], rtol=1e-12)
    assert len(np.unique(found)) == rates.size


def test_the_simplest_decimals_of_an_interval():
    assert next(simplest(0.0099, 0.0102, 0.01003)) == 0.01
    assert next(simplest(0.01369, 0.01371, 0.0137004)) == 0.0137
    assert list(simplest(0.5, 0.4, 0.45)) == []
    assert list(simplest(0.07, 0.07, 0.07)) == [0.07]


def test_windows_widen_and_cover_every_row():
    for rows in (3, 10, 1000):
        cuts = edges(rows)
        assert (cuts[0], cuts[-1]) == (0, rows)
        assert (np.diff(cuts) > 0).all()


def test_the_fit_is_a_uniform_rank_of_one_more_replica():
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(5, 5))
    curves = [mixing @ rng.normal(size=(5, 100)) for _ in range(400)]
    ranks = np.array([rank(drawn[:, 0], drawn[:, 1:]) for drawn in curves])
    for level in (0.05, 0.2, 0.5):
        expected, error = level, 3 * (level * (1 - level) / 400) ** 0.5
        assert abs((ranks <= level).mean() - expected) < error
    assert rank(np.full(5, 30.0), mixing @ rng.normal(size=(5, 99))) <= 0.03


def test_the_density_is_highest_where_the_replicas_are():
    rng = np.random.default_rng(1)
    replicas = rng.normal(size=(4, 200)) + 2.0
    near, far = density(np.full(4, 2.0), replicas), density(np.full(4, 5.0), replicas)
    expected = -0.5 * 4 * np.log(2 * np.pi)
    assert abs(near - expected) < 0.5
    few = density(np.full(4, 5.0), replicas[:, :8])
    assert few > density(np.full(4, 5.0), np.tile(replicas[:, :8], 30))  # less is known of them
    assert far < near - 10
    assert density(np.zeros(4), np.full((4, 10), np.nan)) == -np.inf


def test_a_summary_tells_a_smooth_curve_from_a_rough_one():
    rng = np.random.default_rng(2)
    noise = rng.normal(size=(400, 2))
    smooth = np.exp(0.1 * np.stack([noise[:, 0], np.convolve(noise[:, 1], np.ones(10), "same")], 1))
    rough, even = summary(smooth)[-7:].T
    lag_1, correlation = 0, 6
    assert even[correlation] > rough[correlation] + 0.3  # of successive differences
    assert even[lag_1] - even[4] < rough[lag_1] - rough[4] - 0.5  # lag 1 against lag 16


@pytest.mark.parametrize("kind", [o.kind for o in RIVALS[:-1]])
@pytest.mark.parametrize("log", [{"every": "epoch"}, {"value": "objective", "every": 1}])
@pytest.mark.parametrize("name", ["logistic", "svm"])
def test_a_rival_takes_the_steps_of_a_scalar_loop(kind, log, name, params):
    fields = {"learning_rate": 0.03, "start": {"law": "ones"}, "log": log | {"moment": "after"}}
    if log["every"] == "epoch":
        fields["log"] = log
    rows, problem = 4, parameters.load(f"problems.{name}", Problem)
    expected = write_submissions.foreign(kind, name, fields, rows, random.Random(5))
    order = {"generator": "python", "seed": 5}
    recipe = Program(
        problem=name, dataset="gaussian", implementation="numpy", replicas=1, order=order,
        updates=rows * 30, **fields,
    ).recipe(problem.objective)  # fmt: skip
    unit = "epoch" if log["every"] == "epoch" else "step"
    curve = Curve(unit, np.arange(1, rows + 1), np.ones(rows), np.ones(rows))
    section = parameters.load("datasets.gaussian", datasets.DATASETS["gaussian"][0])
    ground = Ground(SimpleNamespace(curve=curve, section=section))
    columns = Columns(ground, [recipe], partial(Rival, kind))
    found, _ = columns.values(np.array([0.03]), 0, rows)
    assert np.allclose(found[:, 0], expected, rtol=1e-9)


def test_other_data_are_trained_on_as_a_scalar_loop_does(params):
    log = {"value": "objective", "moment": "after", "every": 1}
    fields = {"start": {"law": "uniform", "stream": "numpy"}, "log": log, "updates": 4}
    curve = Curve("step", np.arange(1, 5), np.ones(4), np.ones(4))
    case = case_of("svm", curve, parameters.load("search", Search), 0.03)
    laws = Laws(*case.quest(case.search, seeded=False))
    order = {"generator": "python", "seed": 0}
    recipe = recipe_of("svm", fields | {"learning_rate": 0.03, "order": order})
    recipe = recipe.model_copy(update={"replicas": 3})
    found = laws._values(OTHER_DATA, [recipe], [0.03], 4)
    for k in range(3):
        own = fields | {"learning_rate": 0.03, "data": {"seed": SEED + k}}
        own["order"] = order | {"seed": SEED + k}
        assert np.allclose(found[:, k], run_scalar("svm", own), rtol=1e-9)


def test_rivals_draw_permutations_too_where_single_steps_losses_show_them(monkeypatch):
    curve = make("epoch", range(1, 5), ["0.5"] * 4)
    case = case_of("logistic", curve, parameters.load("search", Search), 0.01)
    laws = Laws(*case.quest(case.search, seeded=False))
    tried = []
    monkeypatch.setattr(laws, "_halved", lambda pairs, kept: tried.extend(pairs) or [])
    laws._rivals(RIVALS[0], [()])
    found = {}
    for options, rate in tried:
        assert (options[-1], rate) == (RIVALS[0], 0.01)
        recipe = laws.vocabulary.build(options)
        found.setdefault(recipe.log.value, set()).add((recipe.order.law, recipe.follows))
    plain = {("replacement", True), ("replacement", False)}
    assert found == {"objective": plain, "sampled": plain | {("reshuffle", True)}}


def test_a_candidate_goes_on_at_the_learning_rate_that_suits_it_best():
    case = case_of("logistic", make("step", range(1, 4), ["0.5"] * 3),
                   parameters.load("search", Search))  # fmt: skip
    laws = Laws(*case.quest(case.search, seeded=False))
    one, other = laws.vocabulary.choices[:2]
    recipe = laws.vocabulary.build(one)
    given = [(one, 0.1, 2.0), (other, 0.1, 1.0), (one, 0.2, 3.0), (other, 0.3, -np.inf)]
    found = unlike([Scored(o, recipe, rate, score) for o, rate, score in given])
    assert [(s.options, s.rate, s.score) for s in found] == [(one, 0.2, 3.0), (other, 0.1, 1.0)]


@pytest.mark.parametrize(("steps", "rows"), [(None, 100), (100, 30)])
def test_the_last_comparison_alone_is_of_all_rows_where_the_best_takes_many_steps(
    steps, rows, params, monkeypatch
):
    values = np.geomspace(1.0, 0.1, 100)
    case = case_of("logistic", make("epoch", range(1, 101), texts_of(values)),
                   parameters.load("search", Search), 0.01)  # fmt: skip
    laws = Laws(*case.quest(case.search, seeded=False))
    options = laws.vocabulary.choices[0]
    recipe = laws.vocabulary.build(options).model_copy(update={"steps": steps})
    compared = []

    def together(pairs, replicas, steps, room=0.0):
        compared.append((replicas, laws.rows(steps)))
        return [Scored(options, recipe, 0.01, 0.0)]

    monkeypatch.setattr(laws, "_together", together)
    laws._compared([Scored(options, recipe, 0.01, 0.0)], [])
    assert {each for each in compared if each[0] == case.search.replicas} == {(64, rows)}
    assert compared[-1] == (256, 100)


def test_nothing_explains_a_curve_that_rivals_explain_better_or_that_does_not_fit():
    recipe = parameters.load("problems.logistic", Problem).recipe(1)
    plain = Scored((Option("intercept", {}, 1.0),), recipe, 0.01, -3.0, 0.5)
    other = Scored((RIVALS[0],), recipe, 0.01, -2.0, 0.9)
    assert judged([plain])[0] == "in distribution"
    assert judged([plain, other])[0] == "not at all"
    assert judged([plain, other._replace(score=-4.0)])[0] == "in distribution"
    unlikely = plain._replace(score=-9.0, fit=0.9)
    assert judged([plain._replace(fit=0.001), unlikely])[0] == "not at all"
    assert judged([other])[:3] == ("not at all", [], 0.0)


def test_methods_of_notable_probability_that_fit_are_named():
    recipe = parameters.load("problems.logistic", Problem).recipe(1)
    plain = Scored((Option("intercept", {}, 1.0),), recipe, 0.01, 0.0, 0.5)
    momentum = [Scored((RIVALS[0],), recipe, rate, -2.0, 0.9) for rate in (0.02, 0.03)]
    *_, (found,) = judged([plain, *momentum])
    assert found[:2] == ("heavy-ball momentum 0.9", 0.02)  # at its likeliest rate, which is first
    assert found.probability == pytest.approx(2 * math.exp(-2) / (1 + 2 * math.exp(-2)))
    adam = Scored((RIVALS[1],), recipe, 0.001, -1.0, 0.02)
    assert [m.words for m in judged([plain, adam, *momentum])[3]] == ["Adam", found.words]
    assert judged([plain, adam._replace(fit=0.019)])[3] == []
    near, far = (math.log(p / (1 - p)) for p in (0.051, 0.049))
    assert judged([plain, adam._replace(score=near)])[3]
    assert judged([plain, adam._replace(score=far)])[3] == []
    assert judged([])[3] == []


@pytest.mark.parametrize(
    ("slips", "recipes", "undone", "words"),
    [
        ([], 1, {"as it is": 2.0}, "of 0.1 and no deviation at all."),
        (
            ["steps"],
            2,
            {"as it is": 2.0, "steps": 1.0},
            "this deviation: what steps is. Another recipe can not be told apart from it by this "
            "curve. Your program ends at an objective of 2; with it undone it would have ended "
            "at 1.",
        ),
        (
            ["steps", "derivative"],
            3,
            {"as it is": 2.0, "steps": 1.0, "derivative": 0.75, "all": 0.5},
            "these deviations: what steps is; what derivative is. 2 other recipes can not be told "
            "apart from it by this curve. Your program ends at an objective of 2; with all of them "
            "undone it would have ended at 0.5.",
        ),
        (
            ["steps", "derivative"],
            1,
            {"as it is": 2.0, "steps": 1.0},
            "what derivative is. Your program ends at an objective of 2.",
        ),
        (["steps"], 1, {"steps": 1.0}, "this deviation: what steps is."),
        (
            ["log.loss"],
            1,
            {"as it is": 2.0, "log.loss": 2.0},
            "what log.loss is. Your program ends at an objective of 2, as it would with it undone.",
        ),
        (
            ["precision"],  # whose digits are the same as far as they are printed
            1,
            {"as it is": 0.34189, "precision": 0.341891},
            "Your program ends at an objective of 0.3419, as it would with it undone.",
        ),
    ],
)
def test_the_sentence_says_what_was_found(slips, recipes, undone, words):
    found = [{"field": slip, "words": f"what {slip} is"} for slip in slips]
    one = {"recipe": {}, "learning_rate": 0.1, "deviations": found}
    said = sentence("exactly", [one] * recipes, undone, 30, 7)
    assert said.startswith("30 values of your curve are explained to the last digit by a learning")
    assert said.endswith(words)


@pytest.mark.parametrize(("verdict", "read"), [("in distribution", False), ("exactly", True)])
def test_where_a_program_ended_is_not_said_if_its_random_numbers_are_unknown(verdict, read):
    found = [{"field": "steps", "words": "what steps is"}]
    one = {"recipe": {}, "learning_rate": 0.1, "deviations": found}
    undone = {"as it is": 2.0, "steps": 1.0}
    assert sentence(verdict, [one], undone, 30, 7, read=read).endswith(
        " Such a program ends at a median objective of 2; with it undone it would end at 1."
    )


def test_where_programs_end_is_a_median_of_runs():
    """Scalar loops that see other examples end about where it says, and its own one there."""
    fields = {"derivative": "one_minus_loss", "learning_rate": 0.01, "epochs": 4}
    fields |= {"start": {"law": "zeros"}, "log": {"value": "objective", "moment": "after"}}
    fields["log"]["every"] = 1
    ends = [
        run_scalar("logistic", fields | {"order": {"generator": "python", "seed": seed}})[-1]
        for seed in range(100, 140)
    ]
    recipe = recipe_of("logistic", fields | {"order": {"generator": "python", "seed": 100}})
    given = load_problem("logistic"), section("gaussian")
    one, many = (diagnose.undoing(recipe, runs, *given) for runs in (1, 50))
    assert one["as it is"] == pytest.approx(ends[0], rel=1e-9)
    assert np.quantile(ends, 0.25) < many["as it is"] < np.quantile(ends, 0.75)
    assert many["derivative"] < np.min(ends)


def test_the_sentence_says_where_the_order_was_read_off_the_curve():
    one = {"recipe": {}, "learning_rate": 0.1, "deviations": []}
    assert sentence("exactly", [one], {}, 30, 7, read=True) == (
        "30 values of your curve are explained to the last digit, its examples in an order that "
        "the curve itself tells, by a learning rate of 0.1 and no deviation at all."
    )


def test_the_sentence_says_that_single_precision_carries_fewer_digits():
    one = {"recipe": {"precision": "float32"}, "learning_rate": 0.1, "deviations": []}
    assert sentence("exactly", [one], {}, 30, 7).startswith(
        "30 values of your curve are explained to the digits that single precision carries by a "
    )


def test_the_listed_recipes_hold_most_of_the_probability():
    found = [Explanation(None, p) for p in (0.92, 0.04, 0.035, 0.005)]
    assert len(credible(found)) == 1
    assert len(credible(found, "exactly")) == 3


def test_the_sentence_names_the_methods_that_no_recipe_can_say():
    adam, momentum = Method("Adam", 0.01, 0.4), Method("heavy-ball momentum 0.9", 0.03, 0.2)
    unknown = ": what your program does differently is not among the known slips."
    for methods, words in [
        ([], "writes a curve like this one"),
        ([adam], "explains your curve so well as Adam with a learning rate of 0.01 does"),
        (
            [adam, momentum],
            "explains your curve so well as Adam with a learning rate of 0.01 or heavy-ball "
            "momentum 0.9 with a learning rate of 0.03 do",
        ),
    ]:
        expected = f"None of the 7 programs tried {words}{unknown}"
        assert sentence("not at all", [], {}, 30, 7, methods) == expected
    one = {"recipe": {}, "learning_rate": 0.1, "deviations": []}
    assert sentence("in distribution", [one], {}, 30, 7, [adam, momentum]).endswith(
        "no deviation at all. What no recipe can say may have written it too: Adam with a "
        "learning rate of 0.01, or heavy-ball momentum 0.9 with a learning rate of 0.03."
    )


def test_the_datasets_of_the_submissions_are_their_problems(params):
    for entry in params["submissions"].values():
        assert entry["dataset"] == params["problems"][entry["problem"]]["dataset"]
        assert entry["dataset"] in datasets.DATASETS
