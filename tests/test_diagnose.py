"""From a recorded loss curve to what explains it: scalar loops write the curves."""

import json
import random

import numpy as np
import pytest
import scalar
import write_submissions
from calibrate import curve_of, digits_of, truth
from conftest import ROOT

from stages import diagnose
from stages.common import files, parameters
from stages.sgd.diagnosis.candidates import Search
from stages.sgd.diagnosis.intervals import simplest
from stages.sgd.diagnosis.likelihood import density, edges, summary
from stages.sgd.parts import datasets
from stages.sgd.recipes.recipe import Problem


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

    return write


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("step,loss\n1,0.7\n2,0.6\n", "2 finite values: must be at least three"),
        ("step,loss\n1,0.7\n2,0.6\n3,nan\n4,0.1\n", "2 finite values: must be at least three"),
        ("step,loss\n1,0.7\n2,0.6\n2,0.5\n", "line 4: step 2 after 2: must be increasing"),
        ("epoch,loss\n1,0.7\n3,0.6\n2,0.5\n", "line 4: epoch 2 after 3: must be increasing"),
        ("step,loss\n1,0.7\n2,about\n3,0.5\n", "line 3: 'about' is not a number"),
        ("step,loss\none,0.7\n2,0.6\n3,0.5\n", "line 2: 'one' is not a step number"),
        ("step,cost\n1,0.7\n2,0.6\n3,0.5\n", "columns must be step or epoch, then loss"),
        ("loss\n0.7\n0.6\n0.5\n", "columns must be step or epoch, then loss"),
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
        ({"momentum": 0.9}, "submissions.mine.momentum = 0.9: Extra inputs are not permitted"),
        ({"update": "u_b_a"}, "submissions.mine: update u_b_a goes with model two_layer"),
        ({"log": {"value": "held_out"}}, "log.value held_out goes with data.train"),
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


@pytest.mark.parametrize("seed", range(3))
def test_a_random_seeded_recipe_is_found_or_its_class(seed, scratch):
    rng = random.Random(seed)
    search = parameters.load("search", Search)
    name, fields, recipe = truth(rng, search, most=1, problems=("logistic", "svm"))
    problem = parameters.load(f"problems.{name}", Problem)
    values = scalar.Program(problem.objective.model_dump() | {"dataset": problem.dataset}, fields)
    curve = curve_of(recipe, values.run()["logged"])
    digits, found = digits_of(name, curve, search.model_copy(update={"at_once": 1}))
    assert found, fields
    assert digits.tried > 0
    rates = {round(f.star, 9) for f in found}
    assert any(abs(r - fields["learning_rate"]) < 1e-9 for r in rates) or recipe.penalised


def test_the_simplest_decimals_of_an_interval():
    assert next(simplest(0.0099, 0.0102, 0.01003)) == 0.01
    assert next(simplest(0.01369, 0.01371, 0.0137004)) == 0.0137
    assert list(simplest(0.5, 0.4, 0.45)) == []


def test_windows_widen_and_cover_every_row():
    for rows in (3, 10, 1000):
        cuts = edges(rows)
        assert (cuts[0], cuts[-1]) == (0, rows)
        assert (np.diff(cuts) > 0).all()


def test_the_fit_is_a_rank_among_replicas():
    rng = np.random.default_rng(0)
    replicas, ranks = rng.normal(size=(5, 100)), []
    for _ in range(300):
        ranks.append(density(rng.normal(size=5), replicas)[1])
    assert 0.4 < np.mean(ranks) < 0.65
    assert density(np.full(5, 10.0), replicas)[1] == 1 / 101


def test_a_summary_has_means_and_spreads():
    values = np.full((20, 2), [[0.5, 2.0]])
    found = summary(values)
    assert np.isclose(found[0], np.log([0.5, 2.0])).all()
    assert (found[-1] < -10).all()


def test_the_datasets_of_the_submissions_are_their_problems(params):
    for entry in params["submissions"].values():
        assert entry["dataset"] == params["problems"][entry["problem"]]["dataset"]
        assert entry["dataset"] in datasets.DATASETS
