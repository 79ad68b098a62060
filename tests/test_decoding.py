"""Curves of single steps from programs that nobody seeded: scalar loops write them."""

import math
import random

import numpy as np
import pytest
import write_submissions
from calibrate import case_of, curve_of, make, recipe_of, run_scalar, texts_of

from stages.common import parameters
from stages.sgd.deviations import replace
from stages.sgd.diagnosis.candidates import Search
from stages.sgd.diagnosis.decoding import probability
from stages.sgd.diagnosis.reading import Reader, touching
from stages.sgd.diagnosis.ways import orders_of, unseeded
from stages.sgd.recipes.recipe import Problem

STEPS = 60


def written(name, **fields):
    """Return the curve that a scalar loop writes, its order drawn from a seed nobody tries."""
    program = {
        "start": {"law": "zeros"},
        "order": {"generator": "python", "seed": 123_456} | fields.pop("order", {}),
        "learning_rate": 0.013,
        "updates": STEPS,
    } | fields
    return curve_of(recipe_of(name, program), run_scalar(name, program))


@pytest.fixture
def search(scratch):
    return parameters.load("search", Search).model_copy(update={"at_once": 1})


@pytest.mark.parametrize("name", ["logistic", "svm", "quadratic_logistic", "quadratic_svm"])
@pytest.mark.parametrize(
    "log", [("objective", "after"), ("objective", "before"), ("sampled", "before")]
)
def test_an_order_and_a_rate_are_read_off_a_curve(name, log, search):
    curve = written(name, log={"value": log[0], "moment": log[1], "every": 1})
    found = max(orders_of(case_of(name, curve, search)).run(), key=lambda d: d.score)
    assert found.rate == 0.013
    assert (found.recipe.log.value, found.recipe.log.moment) in {log, ("objective", "after")}


@pytest.mark.parametrize("log", [{"reduction": "sum"}, {"factor": 2.0}])
def test_a_log_of_another_size_is_read_off_a_curve(log, search):
    whole = {"value": "objective", "moment": "after", "every": 1}
    curve = written("svm", log=whole | log)
    found = max(orders_of(case_of("svm", curve, search)).run(), key=lambda d: d.score)
    assert found.rate == 0.013
    assert {name: getattr(found.recipe.log, name) for name in log} == log


def test_a_slip_is_read_off_a_curve_that_nobody_seeded(search):
    log = {"value": "objective", "moment": "after", "every": 1}
    curve = written("logistic", log=log, derivative="label_forgotten")
    answer = unseeded(case_of("logistic", curve, search))
    assert (answer.verdict, answer.used) == ("exactly", STEPS)
    assert answer.found[0].recipe.derivative == "label_forgotten"
    assert answer.found[0].recipe.learning_rate == 0.013


def test_labels_that_take_no_step_come_before_the_first_that_does(search):
    log = {"value": "objective", "moment": "before", "every": 1}
    curve = written("logistic", log=log, data={"negative": 0.0})
    assert curve.values[0] == curve.values[1]  # the first example's label is 0
    assert {d.rate for d in orders_of(case_of("logistic", curve, search)).run()} == {0.013}


@pytest.mark.parametrize("law", ["permutation", "reshuffle", "cyclic"])
def test_an_orders_law_is_the_most_probable(law, search):
    log = {"value": "sampled", "moment": "before", "every": 1}
    curve = written("logistic", log=log, order={"law": law})
    found = max(orders_of(case_of("logistic", curve, search)).run(), key=lambda d: d.score)
    assert found.recipe.order.law == law


@pytest.mark.parametrize("law", ["inverse", "inverse_sqrt"])
def test_a_schedule_is_read_off_a_curve(law, search):
    log = {"value": "objective", "moment": "after", "every": 1}
    curve = written("logistic", log=log, schedule={"law": law})
    answer = unseeded(case_of("logistic", curve, search))
    assert answer.verdict == "exactly"
    assert answer.found[0].recipe.schedule.law == law
    assert answer.found[0].recipe.learning_rate == 0.013


def test_an_example_that_no_value_tells_is_no_evidence(search):
    log = {"value": "objective", "moment": "before", "every": 1}  # the last step's
    curve = written("logistic", log=log, order={"examples": 19})
    found = orders_of(case_of("logistic", curve, search)).run()
    best = max(found, key=lambda d: d.score)
    assert best.recipe.order.examples == 19


def test_a_rate_that_a_factor_makes_is_read_off_a_curve(search):
    log = {"value": "objective", "moment": "after", "every": 1}
    curve = written("logistic", log=log, learning_rate=0.1 / 30)
    found = orders_of(case_of("logistic", curve, search)).run()
    assert {d.rate for d in found} == {float(f"{0.1 / 30:.15g}")}


@pytest.mark.parametrize(
    ("fields", "rate"),
    [  # the first step moves the objective by a digit; it ends where the objective is least
        ({"start": {"law": "uniform", "stream": "numpy"}, "order": {"seed": 155_074}}, 0.01),
        ({"order": {"seed": 658_728}}, 0.05),
    ],
)
def test_a_rate_that_the_first_step_hardly_tells_is_read_off_a_curve(fields, rate, search):
    log = {"value": "objective", "moment": "after", "every": 1}
    curve = written("logistic", log=log, learning_rate=rate, **fields)
    orders = orders_of(case_of("logistic", curve, search))
    found = orders.run()
    assert max(found, key=lambda d: d.score).rate == rate
    assert not orders.refutes(found[0].recipe)


@pytest.mark.parametrize(
    ("bottom", "expected"), [(0.0, True), (2e-6, True), (2e-3, False), (-2e-3, False)]
)
def test_a_parabola_touches_zero_between_points(bottom, expected):
    at = np.linspace(-1.03, 0.97, 11)[:, None]
    assert touching(at**2 * 1e-3 + bottom, 1e-6) == expected
    assert touching(-(at**2) * 1e-3 - bottom, 1e-6) == expected


def test_a_rate_that_is_no_short_decimal_refutes_nothing(search):
    log = {"value": "objective", "moment": "after", "every": 1}
    curve = written("logistic", log=log, learning_rate=0.0123456789)
    orders = orders_of(case_of("logistic", curve, search))
    right = replace(orders.vocabulary.base, {"start.law": "zeros", "log.every": 1})
    assert not orders.refutes(replace(right, {"log.value": "objective", "log.moment": "after"}))
    assert orders.refutes(replace(right, {"log.value": "sampled", "log.moment": "before"}))


@pytest.mark.parametrize("rate", [0.013, None])
def test_a_candidate_that_takes_no_steps_to_speak_of_saves_no_other(rate, search):
    log = {"value": "objective", "moment": "after", "every": 1}
    curve = written("svm", log=log, data={"seed": 4321})
    orders = orders_of(case_of("svm", curve, search, rate))
    right = replace(orders.vocabulary.base, {"start.law": "zeros", "log.every": 1} | {
        f"log.{tail}": value for tail, value in log.items()
    })  # fmt: skip
    orders.refutes(replace(right, {"gradient_factor": 1e-6}))
    assert orders.refutes(right)


def test_no_order_makes_a_program_with_momentum(search):
    fields = {"learning_rate": 0.01, "start": {"law": "zeros"}}
    fields["log"] = {"value": "objective", "every": 1, "moment": "after"}
    values = write_submissions.foreign("momentum", "logistic", fields, STEPS, random.Random(5))
    curve = make("step", range(1, STEPS + 1), texts_of(values))
    orders = orders_of(case_of("logistic", curve, search))
    assert orders.run() == []
    right = replace(orders.vocabulary.base, {"start.law": "zeros", "log.every": 1})
    assert orders.refutes(right)
    assert orders.refutes(replace(right, {"start.law": "ones"}))
    assert not orders.refutes(replace(right, {"start.law": "normal"}))  # from what nobody knows
    assert not orders.refutes(replace(right, {"batch.size": 2}))


def test_a_curve_with_gaps_or_of_epochs_is_left_to_the_next_search(search):
    for unit, positions in (("step", [0, 10, 20, 30]), ("epoch", [1, 2, 3, 4])):
        curve = make(unit, positions, ["0.693147"] * 4)
        orders = orders_of(case_of("logistic", curve, search))
        assert orders.run() == []
        assert not orders.refutes(orders.vocabulary.base)


@pytest.mark.parametrize(
    ("fields", "order", "expected"),
    [
        ({}, [0, 0, 2], -3 * math.log(4)),
        ({"order.examples": 3}, [0, 0, 2], -3 * math.log(3)),
        ({"order.examples": 2}, [0, 0, 2], -math.inf),
        ({"order.law": "cyclic"}, [0, 1, 2, 3, 0], 0.0),
        ({"order.law": "cyclic"}, [0, 1, 3], -math.inf),
        ({"order.law": "reshuffle"}, [3, 1, 0, 2, 3, 1], -math.log(24 * 12)),
        ({"order.law": "in_place"}, [3, 1, 0, 2, 3, 1], -math.log(24 * 12)),
        ({"order.law": "reshuffle"}, [3, 1, 1, 2], -math.inf),
        ({"order.law": "permutation"}, [3, 1, 0, 2, 3, 1], -math.log(24)),
        ({"order.law": "permutation"}, [3, 1, 0, 2, 1, 3], -math.inf),
    ],
)
def test_the_probability_of_an_order(fields, order, expected, scratch):
    recipe = replace(parameters.load("problems.logistic", Problem).recipe(1), fields)
    sure = np.full(len(order), True)
    assert math.isclose(probability(recipe, 4, np.array(order), sure), expected)
    if expected == -math.inf:  # an example that another could stand for refutes nothing
        assert probability(recipe, 4, np.array(order), ~sure) > expected


def test_curves_that_share_what_was_tried_are_explained_alike(search):
    shorter = search.model_copy(update={"most": 300, "replicas": 16, "steps": 60})
    kept, log = {}, {"value": "sampled", "every": "epoch"}
    for seed in (7, 8):
        fields = {"start": {"law": "uniform", "stream": "own"}, "order": {"seed": seed}}
        curve = written("logistic", log=log, updates=240, **fields)
        case = case_of("logistic", curve, shorter)
        assert repr(unseeded(case._replace(kept=kept))) == repr(unseeded(case))
    assert sum(len(ground.memory) for ground in kept.values()) > 100


@pytest.mark.parametrize(("digits", "expected"), [(6, [True, False, True, True]), (2, [False] * 4)])
def test_what_a_reading_that_stops_early_refutes_a_whole_one_does_too(digits, expected, search):
    log = {"value": "sampled", "moment": "before", "every": 1}
    curve = written("svm", log=log, learning_rate=0.02, accumulate=True)
    texts = texts_of(curve.values, digits)  # two digits more orders write than are followed
    curve = make("step", range(1, len(texts) + 1), texts)
    short, whole = (orders_of(case_of("svm", curve, search)) for _ in range(2))
    begun = replace(whole.vocabulary.base, {"start.law": "zeros", "log.every": 1})
    for changes, refuted in zip(
        ({}, {"accumulate": True}, {"intercept": "none"}, {"penalty.factor": 0.0}),
        expected,
        strict=True,
    ):
        recipe = replace(begun, changes)
        list(whole._read(recipe))
        assert short.refutes(recipe) == whole.silent[whole._key(recipe)] == refuted
        readers = Reader(short, recipe, whole=False), Reader(whole, recipe)
        for reader in readers:
            list(reader.read(reader.rates()[0]))
        less, more = (reader.spent for reader in readers)
        assert less == more if digits == 6 else 5 * less < more
