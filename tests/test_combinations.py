"""What a recipe may hold: every limit on both sides, and what can not go together."""

from contextlib import nullcontext

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from stages.sgd.deviations import deviations
from stages.sgd.parts.datasets import Gaussian, draw
from stages.sgd.parts.draws import draw_run, rates
from stages.sgd.parts.logs import setting
from stages.sgd.recipes import schema
from stages.sgd.recipes.combinations import not_in_torch
from stages.sgd.recipes.fields import Batch, Order, Schedule
from stages.sgd.recipes.recipe import Problem, Program, Recipe
from stages.sgd.recipes.schema import Grid, Objective

GRID = {"lower": -2.0, "upper": 2.0, "points": 4}
AFFINE = {"model": "affine", "loss": "hinge", "regularization": 0.1}
LOGISTIC = AFFINE | {"loss": "logistic"}
NETWORK = {"model": "two_layer", "loss": "squared", "hidden": 3, "grid": GRID}
SCALES = {"a": 1.0, "b": 1.0, "u": 1.0}
BASES = {
    "svm": {"dataset": "gaussian", "objective": AFFINE},
    "logistic": {"dataset": "disc", "objective": LOGISTIC},
    "quadratic": {"dataset": "disc", "objective": LOGISTIC | {"model": "quadratic"}},
    "network": {
        "dataset": "wave",
        "objective": NETWORK,
        "start": {"law": "network", "scales": SCALES},
    },
}


THIRTY = Gaussian(seed=3, examples=30, features=2)


def recipe(base="svm", **changes):
    values = {"learning_rate": 0.1, "replicas": 1, "epochs": 2} | BASES[base] | changes
    return Recipe.model_validate(values)


BEFORE = {"law": "network", "stream": "before"}
ALLOWED = [
    ("svm", {"dataset": "disc"}),
    ("svm", {"epochs": None, "updates": 7}),
    ("svm", {"start": {"law": "linear", "stream": "torch"}}),
    ("svm", {"start": {"law": "uniform", "low": 1.0, "high": 1.0}}),
    ("svm", {"derivative": "label_forgotten", "intercept": "label"}),
    ("svm", {"batch": {"size": 2, "reduction": "margin"}, "data": {"negative": 0.0}}),
    ("svm", {"accumulate": True, "penalty": {"factor": 1.0}, "data": {"transposed": True}}),
    ("svm", {"penalty": {"times_rate": False}, "log": "worst_margin"}),
    ("svm", {"log": "held_out", "data": {"train": 20, "features": "uniform"}}),
    ("svm", {"log": {"loss": "logistic"}, "order": {"law": "blocks"}, "batch": {"size": 9}}),
    ("svm", {"order": {"law": "blocks", "examples": 9}, "batch": {"size": 9}}),
    ("svm", {"order": {"law": "cyclic", "examples": 9}, "batch": {"size": 9}}),
    ("svm", {"order": {"examples": 8}, "batch": {"size": 9}}),
    ("logistic", {"derivative": "per_feature"}),
    ("quadratic", {"derivative": "one_minus_loss", "intercept": "constant"}),
    ("network", {"start": BEFORE, "update": "u_b_a"}),
    ("network", {"accumulate": True, "log": {"loss": "squared"}, "intercept": "none"}),
    ("network", {"regularization": 0.0, "batch": {"size": 2, "reduction": "sum"}}),
    ("network", {"derivative": "label_forgotten", "log": "objective"}),
]
REFUSED = [
    (
        "svm",
        {"order": {"law": "cyclic", "examples": 8}, "batch": {"size": 9}},
        "order.examples must be at least batch.size, unless",
    ),
    ("svm", {"order": {"law": "cyclic", "skipped": 1}}, "order.skipped goes with order.law rep"),
    ("svm", {"start": {"seed": 1}}, "start.seed goes with start.stream reseeded, default_rng"),
    ("svm", {"start": {"law": "uniform", "stream": "numpy", "seed": 0}}, "start.seed goes with"),
    ("svm", {"log": {"start": True}}, "log.start goes with log.value objective, held_out or"),
    ("svm", {"dataset": "wave"}, "model affine takes dataset gaussian or disc"),
    ("quadratic", {"dataset": "gaussian"}, "model quadratic takes dataset disc"),
    ("svm", {"updates": 7}, "either epochs or updates"),
    ("svm", {"epochs": None}, "either epochs or updates"),
    ("svm", {"start": BEFORE}, "model affine does not take start.law network"),
    ("svm", {"order": {"law": "cyclic", "floored": True}}, "order.floored goes with order.law"),
    ("svm", {"order": {"law": "in_place", "reseeded": 7}}, "order.reseeded goes with order.law"),
    ("network", {"start": BEFORE | {"bias": "zero"}}, "start.law network and start.bias drawn"),
    ("network", {"start": {"bias": "first"}}, "model two_layer does not take start.bias first"),
    ("svm", {"batch": {"drop_last": False}, "steps": 7}, "batch.drop_last false goes with neither"),
    ("svm", {"batch": {"drop_last": False}, "order": {"examples": 7}}, "drop_last false goes with"),
    ("network", {"start": "network"}, "start.scales goes with"),
    ("network", {"start": BEFORE | {"scales": SCALES}}, "start.scales goes with"),
    ("svm", {"start": {"law": "zeros", "scales": SCALES}}, "start.scales goes with"),
    ("svm", {"start": {"law": "zeros", "stream": "before"}}, "start.stream before goes with"),
    (
        "svm",
        {"start": {"law": "zeros", "stream": "torch"}},
        "goes with start.law linear, normal or",
    ),
    (
        "svm",
        {"start": {"law": "ones", "stream": "python"}},
        "start.stream python goes with start.law normal or",
    ),
    ("svm", {"start": {"law": "linear", "stream": "python"}}, "start.law linear goes with"),
    ("svm", {"order": {"generator": "dataloader"}}, "order.generator dataloader goes with"),
    ("svm", {"start": {"law": "linear", "stream": "numpy"}}, "start.law linear goes with"),
    ("svm", {"start": {"law": "uniform", "low": 1.1}}, "start.low must not be above"),
    ("svm", {"derivative": "per_feature"}, "derivative per_feature goes with loss logistic"),
    ("svm", {"derivative": "one_minus_loss"}, "one_minus_loss goes with loss logistic"),
    ("network", {"derivative": "flipped_exponent"}, "flipped_exponent goes with loss"),
    (
        "logistic",
        {"derivative": "label_forgotten_in_condition"},
        "label_forgotten_in_condition goes with loss hinge",
    ),
    ("network", {"derivative": "label_forgotten_in_condition"}, "goes with loss hinge"),
    ("logistic", {"derivative": "margin_forgotten"}, "margin_forgotten goes with loss hinge"),
    ("network", {"intercept": "label"}, "two_layer takes no intercept"),
    ("network", {"penalty": {"factor": 1.0}}, "two_layer takes no penalty"),
    ("network", {"regularization": 0.1}, "two_layer takes no regularization"),
    ("network", {"batch": {"size": 2, "reduction": "margin"}}, "batch.reduction margin goes"),
    ("svm", {"update": "a_b_u"}, "update a_b_u goes with model two_layer"),
    ("network", {"update": "a_b_u", "accumulate": True}, "accumulate goes with update"),
    ("svm", {"accumulate": True, "penalty": {"times_rate": False}}, "accumulate goes with pen"),
    ("network", {"data": {"negative": 0.0}}, "has no labels to code"),
    ("network", {"data": {"positive": 2.0}}, "has no labels to code"),
    ("network", {"data": {"transposed": True}}, "dataset wave takes neither"),
    ("network", {"data": {"features": "uniform"}}, "dataset wave takes neither"),
    ("svm", {"log": "held_out"}, "log.value held_out goes with data.train"),
    ("network", {"log": "worst_margin"}, "log.value worst_margin goes with"),
    ("svm", {"log": {"value": "worst_margin", "loss": "hinge"}}, "log.value worst_margin goes"),
    ("network", {"log": {"loss": "hinge"}}, "log.loss logistic or hinge goes"),
    ("svm", {"log": {"loss": "squared"}}, "log.loss squared goes with"),
    ("svm", {"log": {"reduction": "sum", "every": 3}}, "log.reduction sum goes with log.every"),
    ("svm", {"log": {"reduction": "sum", "value": "worst_margin"}}, "log.reduction sum goes with"),
    ("svm", {"log": {"reduction": "examples", "every": 3}}, "examples goes with log.value sampled"),
    ("svm", {"log": {"reduction": "examples", "value": "objective"}}, "and log.every epoch"),
    (
        "svm",
        {"order": {"law": "blocks", "examples": 8}, "batch": {"size": 9}},
        "order.examples must be at least batch.size",
    ),
]


@pytest.mark.parametrize(("base", "changes"), [(base, {}) for base in BASES] + ALLOWED)
def test_what_goes_together_is_allowed(base, changes):
    assert recipe(base, **changes).replicas == 1


def test_pytorch_is_refused_what_it_can_not_express_and_numpy_is_not():
    values = {"learning_rate": 0.1, "replicas": 1, "epochs": 2, "problem": "two_layer"}
    values |= {"dataset": "wave", "start": BEFORE, "update": "u_b_a"}
    objective = Objective(**NETWORK)
    made = Program(implementation="numpy", **values).recipe(objective)
    assert made.update == "u_b_a"
    with pytest.raises(ValueError, match="update u_b_a"):
        Program(implementation="torch", **values).recipe(objective)
    plain = Program(implementation="torch", **values | {"update": "simultaneous"})
    assert plain.recipe(objective).network


@pytest.mark.parametrize("examples", [2, 256, 257, 300])
@pytest.mark.parametrize("steps", [7, 481])
def test_every_example_can_come_however_many_there_are(examples, steps):
    one = recipe(
        start={"law": "uniform", "stream": "numpy"}, order={"generator": "python"}, steps=steps
    ).model_copy(update={"replicas": 2, "epochs": 6000 // steps})
    data = draw(Gaussian(seed=0, examples=examples, features=3), one.data)
    theta, order = draw_run(one, data, (data.X, data.y), 0, "test")
    seen = np.concatenate(list(order))
    assert seen.shape == (one.epochs * steps, 1, 2)
    assert np.unique(seen).tolist() == list(range(examples))
    np.testing.assert_array_equal(theta[:, 0], theta[:, 1])  # NumPy's stream keeps its seed


def test_a_problem_that_can_not_be_trained_is_refused():
    values = {"dataset": "wave", "objective": NETWORK, "learning_rate": 0.1, "epochs": 2}
    start = {"law": "network", "scales": SCALES}
    assert Problem(**values, start=start).recipe(3).replicas == 3
    assert Problem(**values).recipe(3).start.law == "linear"
    with pytest.raises(ValidationError, match=r"does not take start\.bias first"):
        Problem(**values, start={"bias": "first"})


@pytest.mark.parametrize(
    ("law", "factors"),
    [
        ("constant", [1, 1, 1, 1]),
        ("inverse", [1, 1 / 2, 1 / 3, 1 / 4]),
        ("inverse_sqrt", [1, 2**-0.5, 3**-0.5, 1 / 2]),
        ("step", [1, 1 / 2, 1 / 4, 1 / 8]),
    ],
)
def test_a_schedule_counts_every_step_unless_told_otherwise(law, factors):
    found = np.concatenate(list(rates(recipe(schedule=law, steps=2), 30)))
    np.testing.assert_allclose(found, 0.1 * np.array(factors), rtol=1e-14)


@pytest.mark.parametrize(
    ("changes", "name", "words"),
    [
        ({"regularization": 0.0}, "no penalty", "λ is 0, not 0.1"),
        ({"regularization": 1.0}, "another λ", "λ is 1, not 0.1"),
        ({"penalty": {"factor": 0.0}}, "no penalty's gradient", "leaves out the penalty"),
        ({"penalty": {"factor": 1.0}}, "the penalty's factor", "gradient is λw, not 2λw"),
        ({"intercept": "none"}, "no intercept", "there is no intercept"),
        ({"intercept": {"output": "none"}}, "nothing in the output", "nothing follows"),
        ({"intercept": {"log": "label"}}, "the label in the logged loss", "the label follows"),
        ({"gradient_factor": -1.0}, "the sign of the step", "goes up the loss, not down"),
        ({"gradient_factor": 2.0}, "the scaled gradient", "multiplied by 2"),
        ({"steps": 1}, "the steps an epoch", "an epoch is one step, not"),
        (
            {"schedule": {"law": "inverse", "decay": 0.1, "unit": "epoch"}},
            "the schedule",
            "is not constant: η/(1 + 0.1t) after t epochs",
        ),
        (
            {"schedule": {"law": "inverse", "restart": True}},
            "the schedule",
            "is not constant: η/(1 + t) after t steps, anew each epoch",
        ),
        ({"schedule": {"law": "inverse_sqrt", "decay": 2.0}}, "the schedule", "η/√(1 + 2t) after"),
        (
            {"schedule": {"law": "step", "every": 9}},
            "the schedule",
            "times 0.5 after every 9 steps",
        ),
        (
            {"schedule": {"law": "step", "unit": "epoch"}},
            "the schedule",
            "times 0.5 after every epoch",
        ),
        ({"penalty": {"factor": -1.0}}, "the penalty's factor", "gradient is −λw, not 2λw"),
        ({"penalty": {"factor": -2.0}}, "the penalty's factor", "gradient is −2λw, not 2λw"),
        ({"derivative": "label_forgotten"}, "the wrong gradient", "is −1 where yz < 1: the factor"),
        (
            {"derivative": "label_forgotten_in_condition"},
            "the wrong gradient",
            "is −y where z < 1: y is forgotten in the condition",
        ),
        ({"derivative": "margin_forgotten"}, "the wrong gradient", "−y where yz < 0: the margin 1"),
        ({"steps": 2}, "the steps an epoch", "an epoch is 2 steps, not"),
    ],
)
def test_words(changes, name, words):
    found = deviations(recipe(**changes), recipe(), THIRTY)[0]
    assert found.name == name
    assert words in found.words


@pytest.mark.parametrize(
    ("law", "reseeded"),
    [
        *((law, None) for law in ("permutation", "in_place", "cyclic")),
        *((law, r) for law in ("replacement", "reshuffle") for r in (None, 15, "epoch")),
    ],
)
def test_an_order_is_epochal_if_it_depends_on_how_long_an_epoch_is(law, reseeded):
    order = {"law": law, "generator": "python", "reseeded": reseeded}
    data, orders = draw(Gaussian(seed=0, examples=30, features=3)), []
    for steps in (10, 20):
        one = recipe(order=order, steps=steps, epochs=None, updates=40)
        orders.append(np.concatenate(list(draw_run(one, data, (data.X, data.y), 0, "")[1])))
    assert one.order.epochal == (not np.array_equal(*orders))


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"steps": 4, "log": {"every": 1}}, []),
        ({"steps": 4, "log": {"every": 1}, "order": "permutation"}, ["order.law", "steps"]),
        ({"steps": 4, "log": {"every": 1}, "order": "reshuffle"}, ["order.law", "steps"]),
        ({"steps": 4, "log": {"every": 1}, "order": "cyclic"}, ["order.law", "steps"]),
        ({"steps": 60, "log": {"every": 1}, "order": "cyclic"}, ["order.law"]),
        ({"steps": 4, "log": {"every": 1}, "schedule": {"law": "inverse"}}, ["schedule"]),
        (
            {"steps": 4, "log": {"every": 1}, "schedule": {"law": "inverse", "unit": "epoch"}},
            ["schedule", "steps"],
        ),
        (
            {"steps": 4, "log": {"every": 1}, "schedule": {"law": "inverse", "restart": True}},
            ["schedule", "steps"],
        ),
        (
            {"steps": 4, "log": {"every": 1}, "order": {"reseeded": "epoch"}},
            ["order.reseeded", "steps"],
        ),
        ({"steps": 4}, ["steps"]),
        ({"steps": 4, "log": {"every": 4}}, ["steps"]),  # which logs once an epoch
        ({"log": {"every": 4}}, []),
        ({"steps": 30}, []),
        ({"steps": 5, "batch": {"size": 6}}, ["batch.size"]),
        ({"steps": 6, "batch": {"size": 6}}, ["batch.size", "steps"]),
        ({"steps": 24, "data": {"train": 24}}, ["data.train"]),
        ({"data": {"seed": 3, "train": 30}}, []),
        ({"data": {"seed": 0, "train": 29}}, ["data.seed", "data.train"]),
        ({"data": {"features": {"law": "normal", "low": -1.0}}}, []),
        ({"data": {"features": {"law": "normal", "scale": 2.0}}}, ["data.features"]),
        ({"data": {"features": {"law": "uniform"}}}, ["data.features"]),
        ({"order": {"examples": 30}}, []),
        ({"order": {"examples": 29}}, ["order.examples"]),
        ({"order": {"examples": 24}, "data": {"train": 24}}, ["data.train"]),
        ({"schedule": {"decay": 2.0}}, []),
        ({"regularization": 0.0, "penalty": {"factor": 1.0, "covers": "all"}}, ["regularization"]),
        ({"penalty": {"covers": "all"}}, ["penalty.covers"]),
        ({"penalty": {"covers": "all"}, "intercept": "none"}, ["intercept"]),
        ({"penalty": {"covers": "slopes"}}, []),
        ({"order": {"law": "blocks"}}, []),
        ({"order": {"law": "distinct"}}, []),
        ({"order": {"law": "blocks"}, "batch": {"size": 2}}, ["batch.size", "order.law"]),
        ({"log": {"loss": "hinge"}}, []),
        ({"log": {"loss": "logistic"}}, ["log.loss"]),
        ({"start": {"law": "zeros", "stream": "reseeded"}, "order": {"generator": "python"}}, []),
        (
            {"start": {"law": "zeros", "stream": "reseeded"}, "order": {"generator": "numpy"}},
            ["start.stream"],
        ),
        (
            {"batch": {"size": 6, "drop_last": False}, "order": "cyclic"},
            ["batch.size", "order.law"],
        ),
        ({"batch": {"drop_last": False}, "order": "cyclic"}, ["order.law"]),
        ({"batch": {"size": 7, "drop_last": False}}, ["batch.size"]),
        ({"log": {"reduction": "examples"}, "order": "cyclic"}, ["order.law"]),
        (
            {
                "log": {"reduction": "examples"},
                "batch": {"size": 7, "drop_last": False},
                "order": "cyclic",
            },
            ["batch.size", "batch.drop_last", "order.law", "log.reduction"],
        ),
        (
            {"batch": {"size": 7, "drop_last": False}, "order": "cyclic"},
            ["batch.size", "batch.drop_last", "order.law"],
        ),
        ({"batch": {"size": 1, "reduction": "sum"}}, []),
        ({"batch": {"size": 2, "reduction": "sum"}}, ["batch.size", "batch.reduction"]),
        ({"intercept": {"log": "label"}}, ["intercept.log"]),
        ({"intercept": "label"}, ["intercept"]),
    ],
)
def test_what_has_no_effect_is_no_deviation(changes, found):
    assert [d.field for d in deviations(recipe(**changes), recipe(), THIRTY)] == found


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"data": {"train": 30}}, None),
        ({"data": {"train": 31}}, "data.train = 31: there are 30 examples"),
        ({"data": {"train": 29}, "log": "held_out"}, None),
        ({"data": {"train": 30}, "log": "held_out"}, "data.train = 30: there are 30 examples"),
        ({"order": {"examples": 30}}, None),
        ({"order": {"examples": 31}}, "order.examples = 31: 30 are trained on"),
        ({"order": {"examples": 20}, "data": {"train": 19}}, "order.examples = 20: 19 are"),
        ({"order": {"law": "blocks"}, "batch": {"size": 30}}, None),
        ({"order": {"law": "cyclic"}, "batch": {"size": 31}}, "batch.size = 31: 30 are trained"),
        ({"order": {"law": "cyclic"}, "batch": {"size": 31, "drop_last": False}}, None),
        ({"order": {"law": "replacement"}, "batch": {"size": 31}}, None),
        ({"order": {"law": "blocks"}, "batch": {"size": 31}}, "batch.size = 31: 30 are trained"),
        ({"order": {"law": "distinct"}, "batch": {"size": 31}}, "batch.size = 31: 30 are trained"),
    ],
)
def test_examples_must_be_there(changes, words):
    one = recipe(**changes)
    data = draw(Gaussian(seed=0, examples=30, features=3), one.data)
    with pytest.raises(ValueError, match=words) if words else nullcontext():
        kept = setting(one, data)
        assert len(kept.trained[1]) == (one.data.train or 30)


@pytest.mark.parametrize(("base", "changes", "words"), REFUSED)
def test_what_can_not_go_together_is_refused(base, changes, words):
    with pytest.raises(ValidationError, match=words):
        recipe(base, **changes)


@pytest.mark.parametrize(
    ("base", "changes", "words"),
    [
        ("svm", {}, None),
        ("svm", {"intercept": "label"}, None),
        ("svm", {"intercept": {"log": "label"}}, None),
        ("logistic", {"derivative": "per_feature"}, "derivative per_feature"),
        ("svm", {"intercept": {"gradient": "label"}}, "label beside intercept.output constant"),
        ("svm", {"penalty": {"times_rate": False}}, "penalty.times_rate false"),
        ("svm", {"penalty": {"times_rate": False}, "regularization": 0.0}, None),
        ("svm", {"penalty": {"factor": -1.0}}, "a negative penalty.factor"),
        ("svm", {"penalty": {"factor": 0.0}}, None),
        ("svm", {"penalty": {"factor": -1.0}, "regularization": 0.0}, None),
        ("network", {"update": "u_b_a"}, "update u_b_a"),
    ],
)
def test_what_pytorch_can_not_express_is_named(base, changes, words):
    found = not_in_torch(recipe(base, **changes))
    assert found is None if words is None else words in found


def adapter(name):
    return TypeAdapter(getattr(schema, name))


@pytest.mark.parametrize(
    ("check", "inside", "outside"),
    [
        (adapter("Count").validate_python, (1, 1_000_000), (0, 1_000_001)),
        (adapter("Replicas").validate_python, (1, 100_000), (0, 100_001)),
        (adapter("Examples").validate_python, (2, 1_000_000), (1, 1_000_001)),
        (adapter("Seed").validate_python, (0, 2**32 - 1), (-1, 2**32)),
        (adapter("Positive").validate_python, (1e-300, 1e6), (0.0, 1.000001e6)),
        (adapter("NonNegative").validate_python, (0.0, 1e6), (-1e-300, 1.000001e6)),
        (adapter("Number").validate_python, (-1e6, 1e6), (-1.000001e6, 1.000001e6)),
        (lambda n: Batch(size=n), (1, 10_000), (0, 10_001)),
        (lambda n: Order(skipped=n), (0, 10_000_000), (-1, 10_000_001)),
        (lambda n: Grid(lower=0.0, upper=1.0, points=n), (2, 10_000), (1, 10_001)),
        (lambda x: Grid(lower=x, upper=1.0, points=2), (0.999,), (1.0, 1.001)),
        (lambda x: Batch(size=x), (3,), (3.0, "3", True)),
        (lambda x: Schedule(decay=x), (1e-300, 1.5), (0.0, float("inf"), float("nan"))),
    ],
)
def test_limits(check, inside, outside):
    for value in inside:
        check(value)
    for value in outside:
        with pytest.raises(ValidationError):
            check(value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (AFFINE | {"loss": "squared"}, "loss squared goes with"),
        (NETWORK | {"loss": "hinge"}, "loss squared goes with"),
        (AFFINE | {"hidden": 3}, "hidden goes with"),
        (NETWORK | {"hidden": None}, "hidden goes with"),
        (AFFINE | {"grid": GRID}, "grid goes with"),
        (NETWORK | {"grid": None}, "grid goes with"),
        (NETWORK | {"regularization": 0.1}, "takes no regularization"),
        (AFFINE | {"more": 1}, "has no more: must be model, loss,"),
    ],
)
def test_objectives_are_coherent(changes, words):
    with pytest.raises(ValidationError, match=words):
        Objective.model_validate(changes)


def test_sections_are_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        Objective.model_validate(AFFINE).regularization = 0.2


@pytest.mark.parametrize(
    ("changes", "examples", "expected"),
    [
        ({}, 30, [30, 30]),
        ({"batch": {"size": 7}}, 30, [4, 4]),
        ({"batch": {"size": 50}}, 30, [1, 1]),
        ({"steps": 3}, 30, [3, 3]),
        ({"epochs": None, "updates": 60}, 30, [30, 30]),
        ({"epochs": None, "updates": 61}, 30, [30, 30, 1]),
        ({"epochs": None, "updates": 5}, 30, [5]),
    ],
)
def test_lengths_of_epochs(changes, examples, expected):
    assert recipe(**changes).lengths(examples) == expected


def test_what_a_recipe_leaves_open():
    assert recipe().penalised == 0.1
    assert recipe(regularization=0.0).penalised == 0
    assert dict(recipe().sources) == dict.fromkeys(("output", "gradient", "log"), "constant")
    assert set(dict(recipe("quadratic").sources).values()) == {"none"}
    assert recipe("quadratic", intercept={"log": "label"}).sources.output == "none"
    plain = recipe()
    assert (plain.batch.size, plain.gradient_factor, plain.penalty.factor) == (1, 1.0, 2.0)
    assert (plain.penalty.logged, plain.penalty.times_rate, plain.accumulate) == (True, True, False)
    assert (plain.data.negative, plain.data.positive, plain.data.transposed) == (-1.0, 1.0, False)
    assert (plain.order.skipped, plain.start.scale, plain.start.low, plain.start.high) == (
        0,
        1,
        0,
        1,
    )
    assert (plain.data.features.scale, plain.data.features.low, plain.data.features.high) == (
        1,
        0,
        1,
    )
    assert (plain.objective.hidden, Objective(model="affine", loss="hinge").regularization) == (
        None,
        0.0,
    )
