"""Candidates by the hundred thousand: scalar loops write what some of them must log."""

import gc
import weakref
from functools import cache

import numpy as np
import pytest
from calibrate import (
    case_of,
    curve_of,
    digits_of,
    fields_of,
    make,
    recipe_of,
    run_scalar,
    writes,
)

from stages.common import parameters
from stages.sgd.diagnosis.candidates import Search
from stages.sgd.diagnosis.columns import TRACK, Columns, batches
from stages.sgd.diagnosis.crowd import Everyone
from stages.sgd.diagnosis.search import Digits
from stages.sgd.diagnosis.ways import explain

RATE, ROWS = 0.01, 3


@cache
def quest_of(name, unit):
    curve = make(unit, range(1, 12), ["0.5"] * 11)
    search = parameters.load("search", Search)
    return Digits(*case_of(name, curve, search).quest(search, seeded=True))


@pytest.mark.parametrize("unit", ["epoch", "step"])
def test_no_candidate_of_one_deviation_is_another_or_a_choice(unit):
    vocabulary = quest_of("svm", unit).vocabulary
    crowds = [Everyone(vocabulary).crowd(size, 60_000) for size in (0, 1)]
    recipes = [repr(vocabulary.build(c.options(n))) for c in crowds for n in c.rows]
    assert len(set(recipes)) == len(recipes) > 1000


@pytest.mark.parametrize("unit", ["epoch", "step"])
@pytest.mark.parametrize("name", ["svm", "quadratic_logistic"])
def test_each_of_a_crowd_logs_what_a_scalar_loop_does(name, unit):
    quest, rng = quest_of(name, unit), np.random.default_rng(1)
    crowd = Everyone(quest.vocabulary).crowd(3, 60_000)
    crowd = crowd.take(np.sort(rng.choice(len(crowd), 3000, replace=False)))
    values = np.empty((ROWS, len(crowd)))
    for part in batches(quest.ground, crowd):
        with np.errstate(all="ignore"):
            columns = Columns(quest.ground, crowd.take(part), track=TRACK)
            eta = np.full(len(columns.tracks), RATE)
            values[:, part] = columns.values(eta, 0, ROWS)[0]
    checked = 0
    for n in rng.permutation(len(crowd))[:300]:
        recipe = quest.vocabulary.build(crowd.options(crowd.rows[n]))
        if {recipe.start.stream, recipe.order.generator} & {"torch", "default_rng", "dataloader"}:
            continue  # which no scalar loop draws
        if recipe.log.every == 2:
            continue  # once an epoch, which a loop says by its number of steps
        checked += 1
        made = fields_of(recipe.model_copy(update={"learning_rate": RATE}), unit, ROWS)
        wanted = np.array(run_scalar(name, made)[:ROWS])
        assert np.allclose(values[: len(wanted), n], wanted, rtol=1e-4), made
    assert checked > 30


def test_candidates_that_are_trained_once_log_what_each_does_alone():
    quest, rng = quest_of("svm", "epoch"), np.random.default_rng(2)
    crowd = Everyone(quest.vocabulary).crowd(2, 60_000)
    fewer = 0
    for part in batches(quest.ground, crowd):
        for begin in rng.integers(len(part), size=3):
            some = crowd.take(part[begin : begin + 12])
            columns, alone = Columns(quest.ground, some, track=TRACK), Columns(quest.ground, some)
            fewer += len(some) - len(columns.tracks)
            found = []
            for one in (columns, alone):
                with np.errstate(all="ignore"):
                    found.append(one.values(np.full(len(one.tracks), RATE), 1, 2)[0])
            assert np.allclose(*found, rtol=1e-5, equal_nan=True)
    assert fewer > 100


@pytest.mark.parametrize("size", [0, 1, 2])
def test_a_crowd_is_all_that_go_together(size):
    quest = quest_of("quadratic_logistic", "step")
    vocabulary = quest.vocabulary
    crowd = Everyone(vocabulary).crowd(size, 10**9)
    found = {frozenset(map(id, crowd.options(n))) for n in crowd.rows}
    assert len(found) == len(crowd)
    options = [o for o in vocabulary.options if o.kind != "precision"]  # beside all, afterwards
    wanted = {
        frozenset(map(id, (*choice, *more)))
        for choice in vocabulary.choices
        for more in vocabulary.sets(choice, (), options, size)
    }
    assert wanted <= found
    parts = [quest.parts(crowd.options(n)) for n in crowd.rows]
    assert sum(vocabulary.goes(*part) for part in parts) == len(wanted)


def test_the_likeliest_of_a_crowd_come_first():
    quest = quest_of("svm", "step")
    crowd = Everyone(quest.vocabulary).crowd(2, 500)
    odds = [np.prod([o.odds for o in quest.parts(crowd.options(n))[1]]) for n in crowd.rows]
    assert len(odds) == 500
    assert odds == sorted(odds, reverse=True)
    assert odds[0] > odds[-1]


@pytest.mark.parametrize("rates", [(None, None), (0.01, 0.05)])
def test_curves_that_share_a_crowd_are_explained_alike(rates):
    fields = {"start": {"law": "zeros", "stream": "numpy"}, "order": {"generator": "numpy"}}
    search = parameters.load("search", Search)
    log = {"value": "sampled", "moment": "before"}
    choices = {field: [value] for field, value in (fields | {"log": log}).items()}
    choices = search.choices.model_copy(update=choices)
    common = search.rates.model_copy(update={"others": []})
    update = {"at_once": 2, "most": 60_000, "choices": choices, "rates": common}
    search = search.model_copy(update=update)
    kept, made = {}, []
    for slip, eta, rate in zip(
        ({"steps": 20}, {"accumulate": True}), (0.01, 0.05), rates, strict=True
    ):
        program = fields | slip | {"intercept": "none", "learning_rate": eta, "epochs": 12}
        curve = curve_of(recipe_of("svm", program), run_scalar("svm", program))
        case = case_of("svm", curve, search, rate)
        alone, shared = (explain(c, ["few", "many"]) for c in (case, case._replace(kept=kept)))
        assert repr(alone) == repr(shared)
        assert all(writes(e.recipe, "svm", curve) for e in alone.found)
        assert alone.found
        (ground,) = kept.values()
        made.append(len(ground.firsts))
    assert made[0] > 10
    assert (made[1] == made[0]) is (rates[0] is None)


def test_a_seeded_program_with_three_deviations_is_found():
    log = {"value": "objective", "moment": "before"}
    fields = {"start": {"law": "zeros", "stream": "numpy"}, "order": {"generator": "numpy"}}
    fields |= {"penalty": {"factor": 1.0}, "batch": {"size": 5}, "learning_rate": 0.003}
    fields |= {"intercept": {"gradient": "none"}, "log": log | {"every": 1}, "updates": 40}
    search = parameters.load("search", Search)
    choices = search.choices.model_copy(update={"log": [log]})
    few = search.model_copy(update={"choices": choices, "most": 50_000, "solved": 1})
    curve = curve_of(recipe_of("svm", fields), run_scalar("svm", fields))
    found = digits_of("svm", curve, few).found
    assert found
    assert all(writes(e.recipe, "svm", curve) for e in found)
    assert any(
        (e.recipe.penalty.factor, e.recipe.batch.size, e.recipe.intercept.gradient)
        == (1.0, 5, "none")
        for e in found
    )


@pytest.mark.parametrize(("fewer", "unit"), [({"most": 1}, "step"), ({"deviations": {}}, "epoch")])
def test_where_no_candidate_is_left_none_is_found(fewer, unit):
    search = parameters.load("search", Search).model_copy(update=fewer | {"solved": 1})
    curve = make(unit, range(1, 5), ["0.51", "0.52", "0.53", "0.54"])
    assert digits_of("logistic", curve, search).found == []


def test_few_candidates_are_tried_at_learning_rates_that_are_less_common():
    search = parameters.load("search", Search)
    rate, common = search.rates.others[-1], search.rates.model_copy(update={"others": []})
    fields = {"start": {"law": "zeros", "stream": "numpy"}, "order": {"generator": "numpy"}}
    fields |= {"steps": 20, "learning_rate": rate, "epochs": 12}
    curve = curve_of(recipe_of("svm", fields), run_scalar("svm", fields))
    for most, rates, explained in ((20_000, search.rates, True), (20_000, common, False),
                                   (10, search.rates, False)):  # fmt: skip
        tried = search.model_copy(update={"at_once": 2, "most": most, "rates": rates})
        found = explain(case_of("svm", curve, tried), ["few"]).found
        assert {e.recipe.learning_rate for e in found} == ({rate} if explained else set())


def test_those_whose_first_value_agrees_are_tried_at_learning_rates_that_are_less_common():
    search = parameters.load("search", Search)
    rate = search.rates.others[-1]
    fields = {"start": {"law": "uniform", "stream": "numpy"}, "order": {"generator": "numpy"}}
    fields |= {"intercept": "none", "gradient_factor": 1 / 30, "learning_rate": rate}
    fields |= {"log": {"value": "objective", "moment": "before", "every": 1}, "updates": 12}
    curve = curve_of(recipe_of("svm", fields), run_scalar("svm", fields))
    tried = search.model_copy(update={"at_once": 2, "most": 10_000})
    found = explain(case_of("svm", curve, tried), ["many"]).found
    assert {e.recipe.learning_rate for e in found} == {rate}
    assert all(writes(e.recipe, "svm", curve) for e in found)


def test_what_a_search_holds_is_freed_with_it():
    search = parameters.load("search", Search)
    start = [{"law": "zeros", "stream": "numpy"}]
    choices = search.choices.model_copy(update={"start": start})
    few = search.model_copy(update={"choices": choices, "at_once": 1})
    curve, kept = make("epoch", range(1, 5), ["0.51", "0.52", "0.53", "0.54"]), {}
    gc.disable()
    try:
        explain(case_of("logistic", curve, few)._replace(kept=kept), ["few"])
        (held,) = map(weakref.ref, kept.values())
        kept.clear()
        assert held() is None
    finally:
        gc.enable()
