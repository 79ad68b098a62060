"""Random recipes of the whole vocabulary against scalar loops, PyTorch, and each other."""

import random

import numpy as np
import pytest
import scalar
import torch
from conftest import PARAMS, load_problem, load_recipe, section
from pydantic import ValidationError

from stages.sgd import by_numpy, by_torch
from stages.sgd.deviations import VALUES, WORDS, deviations, differences, get, replace, undo
from stages.sgd.parts import datasets
from stages.sgd.parts.draws import draw_run, rates
from stages.sgd.parts.logs import setting, trace
from stages.sgd.parts.models import stated_parameters
from stages.sgd.recipes.combinations import matters, not_in_torch
from stages.sgd.recipes.recipe import Program, Recipe
from stages.sgd.together import train_together

PROBLEMS = ["logistic", "svm", "quadratic_logistic", "quadratic_svm", "two_layer"]


def random_fields(rng, problem):
    """Return the fields of a program that may or may not make sense."""
    one, fields = rng.choice, {}

    def some(share, **values):
        return {name: value for name, value in values.items() if rng.random() < share}

    def sometimes(share, name, value):
        if rng.random() < share:
            fields[name] = value

    laws = ["normal", {"law": "uniform", "low": -1.0, "high": 2.0}, {"law": "normal", "scale": 0.5}]
    data = {"seed": one([0, 3]), "transposed": one([True, False]), "features": one(laws)}
    data |= {"negative": one([-1.0, 0.0]), "positive": one([1.0, 2.0]), "train": one([24, 20, 29])}
    sometimes(0.3, "data", some(0.4, **data))
    parts = [{"gradient": "label"}, {"log": "label"}, {"output": "none", "log": "constant"}]
    sometimes(0.5, "intercept", one(["none", "constant", "label", *parts]))
    reduction = one(["mean", "sum", "margin"])
    last = {"drop_last": one([True, False])}
    sometimes(0.5, "batch", {"size": one([2, 5, 7]), "reduction": reduction} | last)
    derivatives = Program.model_fields["derivative"].annotation.__args__
    sometimes(0.5, "derivative", one(derivatives))
    sometimes(0.2, "gradient_factor", one([0.5, 1 / 30, 2.0]))
    sometimes(0.3, "regularization", one([0.0, 0.01, 0.3]))
    penalty = {"factor": one([2.0, 1.0, 0.0, -2.0]), "covers": one(["weights", "all", "slopes"])}
    penalty |= {"logged": one([True, False]), "times_rate": one([True, False])}
    sometimes(0.4, "penalty", some(0.5, **penalty))
    laws = ["zeros", "ones", "normal", "uniform"]
    streams, biases = ["numpy", "reseeded", "python", "default_rng"], ["drawn", "first", "zero"]
    fields["start"] = {"law": one(laws), "low": -0.5, "stream": one(streams), "bias": one(biases)}
    fields["start"] |= some(0.3, seed=one([0, 5]))
    if problem == "two_layer" and rng.random() < 0.7:
        scales = {"a": 4.0, "b": 2.0, "u": 0.05}
        scaled = fields["start"] | {"law": "network", "scales": scales}
        fields["start"] = one([scaled, {"law": "network", "stream": "before"}])
    orders = ["replacement", "distinct", "permutation", "reshuffle", "in_place", "cyclic", "blocks"]
    fields["order"] = {"law": one(orders), "generator": one(["numpy", "python", "default_rng"])}
    fields["order"] |= some(0.3, examples=one([29, 19, 20]), seed=one([0, 7]), skipped=one([1, 13]))
    fields["order"] |= some(0.2, floored=True) | some(0.2, reseeded=one(["epoch", 7, 40]))
    fields["learning_rate"] = one([0.001, 0.05, 0.01])
    schedule = {"law": one(["inverse", "inverse_sqrt", "step"]), "decay": one([0.1, 1.0])}
    schedule |= {"factor": 0.7, "every": one([1, 4]), "unit": one(["step", "epoch"])}
    sometimes(0.3, "schedule", schedule | {"restart": one([True, False])})
    log = {"value": one(["sampled", "objective", "held_out", "worst_margin"])}
    log |= {"loss": one(["logistic", "hinge", "squared"]), "moment": one(["before", "after"])}
    log |= {"every": one([1, 3, "epoch"]), "phase": one(["first", "last"])}
    log |= {"reduction": one(["mean", "sum", "examples"]), "factor": one([1.0, 2.0, 1 / 30])}
    fields["log"] = some(0.5, **log, start=one([True, False]))
    sometimes(0.3, "update", one(["u_b_a", "u_ab", "a_b_u", "u_b_a_anew", "a_b_u_anew"]))
    sometimes(0.15, "accumulate", True)
    fields |= one([{"epochs": 1}, {"epochs": 3}, {"updates": 5}, {"updates": 61}])
    sometimes(0.3, "steps", one([4, 20, 50]))
    return fields


def random_recipe(rng, names=PROBLEMS):
    """Return a problem's name, fields and recipe that make sense."""
    while True:
        name = rng.choice(names)
        problem, fields = load_problem(name), random_fields(rng, name)
        given = {"problem": name, "dataset": problem.dataset, "replicas": rng.choice([1, 2])}
        try:
            program = Program(implementation="numpy", **given, **fields)
            recipe = program.recipe(problem.objective)
            setting(recipe, datasets.draw(section(recipe.dataset), recipe.data))
        except ValueError:
            continue
        return name, fields, recipe


def follow(train, recipe):
    data = datasets.draw(section(recipe.dataset), recipe.data)
    where = setting(recipe, data)
    theta, order = draw_run(recipe, data, where.trained, 0, "test")
    epochs = train(recipe, where.trained, theta, order, rates(recipe, len(where.trained[1])), 1)
    return trace(epochs, recipe, where, theta)


def close(found, expected, tolerance):
    scale = max(1.0, np.abs(expected).max(initial=0))
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance * scale)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", PROBLEMS)
def test_a_recipe_is_its_scalar_loop(name, seed):
    rng = random.Random(seed)
    for _ in range(30):
        _, fields, recipe = random_recipe(rng, [name])
        found = follow(by_numpy.train, recipe)
        objective = recipe.objective.model_dump()
        expected = scalar.Program(objective | {"dataset": recipe.dataset}, fields).run()
        close(found["initial"], expected["initial"], 1e-13)
        seen = expected["seen"][:40]
        assert found["indices_head"] == (seen if recipe.batch.size > 1 else [i for (i,) in seen])
        assert len(found["logged"]) == len(expected["logged"]), (name, fields)
        close(found["logged"], expected["logged"], 1e-9)
        close(found["final"], expected["final"], 1e-9)


@pytest.mark.parametrize("name", PROBLEMS)
def test_autograd_agrees_where_it_can_say_it(name):
    rng, tried = random.Random(100), 0
    while tried < 12:
        _, _, recipe = random_recipe(rng, [name])
        if not_in_torch(recipe):
            continue
        tried += 1
        found, expected = (follow(library.train, recipe) for library in (by_torch, by_numpy))
        close(found["logged"], expected["logged"], 1e-10)
        close(found["final"], expected["final"], 1e-10)


@pytest.mark.parametrize("seed", range(4))
def test_a_batch_of_different_recipes_is_each_alone(seed):
    rng, recipes = random.Random(200 + seed), []
    while len(recipes) < 30:
        _, _, recipe = random_recipe(rng)
        if recipe.dataset == ("gaussian", "disc")[seed % 2]:
            recipes.append(recipe)
    drawn = section(recipes[0].dataset)
    together = dict(train_together(recipes, drawn, 0, "test"))
    assert sorted(together) == list(range(30))
    for n, recipe in enumerate(recipes):
        data = datasets.draw(drawn, recipe.data)
        where = setting(recipe, data)
        theta, order = draw_run(recipe, data, where.trained, 0, "test")
        eta = rates(recipe, len(where.trained[1]))
        epochs = list(by_numpy.train(recipe, where.trained, theta, order, eta))
        losses = np.array([epoch.losses.mean(axis=0) for epoch in epochs]).T
        close(together[n].losses, losses, 1e-11)
        close(together[n].theta, stated_parameters(recipe, epochs[-1].theta), 1e-11)


BATCHED = {
    "margins beside means": [{"batch": {"size": 2}}, {"batch": {"size": 2, "reduction": "margin"}}],
    "what λ covers": [{"penalty": {"covers": "all"}}, {"penalty": {"covers": "weights"}}],
    "a penalty beside none": [{"regularization": 0.3}, {"regularization": 0.0}],
    "lengths": [{"updates": 20}, {"updates": 61}, {"updates": 40}],
    "lengths that accumulate": [
        {"updates": 20, "accumulate": True},
        {"updates": 61, "accumulate": True},
    ],
    "permutations": [{"order": {"law": "reshuffle"}, "steps": n} for n in (4, 5, 4)],
    "epochs of other lengths, each seeded again": [
        {"order": {"reseeded": "epoch"}, "steps": n} for n in (4, 5, 4)
    ],
    "draws of other epochs": [{"steps": 4}, {"steps": 5}],
    "starts before NumPy's examples": [
        {"start": {"law": law, "stream": "numpy"}, "order": {"generator": "numpy"}}
        for law in ("zeros", "uniform", "normal")
    ],
    "starts before the replica's own examples": [
        {"start": {"law": law, "stream": "own"}} for law in ("zeros", "linear")
    ],
}


@pytest.mark.parametrize("kind", BATCHED)
def test_recipes_in_one_batch_are_each_alone(kind):
    svm, drawn = load_problem("svm"), section("gaussian")
    given = {"problem": "svm", "dataset": "gaussian", "replicas": 2, "implementation": "numpy"}
    recipes = [
        Program(
            **given | {"learning_rate": 0.05} | ({} if "updates" in f else {"epochs": 3}) | f
        ).recipe(svm.objective)
        for f in BATCHED[kind]
    ]
    together = dict(train_together(recipes, drawn, 0, "test"))
    for n, recipe in enumerate(recipes):
        ((_, alone),) = train_together([recipe], drawn, 0, "test")
        close(together[n].theta, alone.theta, 1e-13)
        close(together[n].losses, alone.losses, 1e-13)


SVM = {"problem": "quadratic_svm", "dataset": "disc", "replicas": 2, "implementation": "torch"}
SVM |= {"learning_rate": 0.05, "regularization": 0.3, "epochs": 2}
SHORT = {"batch": {"size": 7, "drop_last": False}, "order": "reshuffle"}


@pytest.mark.parametrize(
    "fields",
    [
        *(
            {"penalty": {"covers": covers}, "intercept": intercept}
            for covers in ("slopes", "weights", "all")  # φ's constant, which is no slope, leads
            for intercept in ("none", "constant")
        ),
        {"penalty": {"logged": False}},
        {"intercept": {"output": "constant", "gradient": "constant", "log": "label"}},
        SHORT,
    ],
)
def test_autograd_agrees_where_parts_of_theta_and_of_a_batch_differ(fields):
    recipe = Program(**SVM, **fields).recipe(load_problem("quadratic_svm").objective)
    found, expected = (follow(library.train, recipe) for library in (by_torch, by_numpy))
    close(found["final"], expected["final"], 1e-12)
    close(found["logged"], expected["logged"], 1e-12)


@pytest.mark.parametrize("library", [by_numpy, by_torch])
def test_a_short_batch_is_followed_by_zeros(library):
    recipe = Program(**SVM, **SHORT).recipe(load_problem("quadratic_svm").objective)
    data = datasets.draw(section(recipe.dataset), recipe.data)
    where = setting(recipe, data)
    theta, order = draw_run(recipe, data, where.trained, 0, "test")
    for epoch in library.train(recipe, where.trained, theta, order, rates(recipe, 30)):
        lacks = epoch.examples < 0
        assert lacks.sum() == 2 * 5
        assert not epoch.z[lacks].any()
        np.testing.assert_array_equal(epoch.y, np.where(lacks, 0, where.trained[1][epoch.examples]))


@pytest.mark.parametrize("library", [by_numpy, by_torch])
def test_no_path_is_kept_unless_asked(library):
    recipe, _ = recipe_of("appendix_a")
    recipe = recipe.model_copy(update={"epochs": 2, "replicas": 3})
    data = datasets.draw(section(recipe.dataset), recipe.data)
    for asked in ((), (0,), (2,)):
        theta, order = draw_run(recipe, data, (data.X, data.y), 0, "test")
        eta = rates(recipe, len(data.y))
        paths = [
            e.path.shape for e in library.train(recipe, (data.X, data.y), theta, order, eta, *asked)
        ]
        assert {shape[1:] for shape in paths} == {(len(theta), sum(asked))}


def test_pytorch_uses_as_many_threads_as_it_is_told(monkeypatch):
    recipe, _ = recipe_of("appendix_a")
    for threads in ("2", "1"):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        follow(by_torch.train, recipe.model_copy(update={"epochs": 1, "replicas": 1}))
        assert torch.get_num_threads() == int(threads)


@pytest.mark.parametrize("cached", [1, 100, 10_000])
def test_inputs_are_each_steps_examples_however_many_are_gathered(monkeypatch, cached):
    monkeypatch.setattr(by_torch, "CACHED", cached)
    inputs = torch.arange(21.0 * 30).reshape(21, 30)
    rows = torch.randint(30, (7, 2, 3), generator=torch.Generator().manual_seed(0))
    found = list(by_torch.gathered(inputs, rows))
    assert len(found) == 7
    for x, step in zip(found, rows, strict=True):
        assert torch.equal(x, inputs[:, step])
    held = {x.untyped_storage().data_ptr() for x in found}
    assert len(held) == {1: 7, 100: 7, 10_000: 1}[cached]


def test_single_precision_is_a_little_off():
    exact = recipe_of("s03_logistic")[0].model_copy(update={"updates": 3000})
    rough = exact.model_copy(update={"precision": "float32"})
    ends = [np.array(follow(by_numpy.train, recipe)["final"]) for recipe in (exact, rough)]
    again = np.array(follow(by_torch.train, rough)["final"])
    for other in (ends[1], again):
        assert 1e-9 < np.abs(ends[0] - other).max() < 1e-3
    assert ends[1].dtype == np.float64
    assert np.array_equal(ends[1], ends[1].astype(np.float32))


def recipe_of(name):
    recipe = load_recipe(name)
    return recipe, load_problem(PARAMS["programs"][name]["problem"]).recipe(recipe.replicas)


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("appendix_a", []),
        ("appendix_b", ["intercept.gradient", "derivative", "steps"]),
        ("appendix_c", ["steps"]),
        ("appendix_d", ["intercept", "penalty.covers", "steps"]),
        ("appendix_e", ["intercept", "regularization", "penalty.covers", "steps"]),
        ("problem_7", ["order.examples", "steps"]),
        ("s01_svm", ["data.transposed", "intercept", "batch.size"]),
        ("s02_quadratic_svm", ["regularization", "start.stream"]),
        ("s03_quadratic_logistic", []),
        ("s06_svm", ["intercept", "log.value"]),
        ("s07_svm", ["intercept.log", "penalty.covers", "steps"]),
        ("s08_svm", ["intercept", "penalty.logged", "order.law", "log.loss"]),
    ],
)
def test_deviations_are_what_the_programs_are_known_for(name, fields):
    recipe, stated = recipe_of(name)
    found = deviations(recipe, stated, section(recipe.dataset))
    assert [deviation.field for deviation in found] == fields
    for deviation in found:
        assert "{" not in deviation.name + deviation.words
        repaired = undo(recipe, stated, [deviation.field])
        drawn = section(recipe.dataset)
        left = [field for field in fields if field != deviation.field]
        if (name, deviation.field) == ("appendix_e", "intercept"):
            left.remove("penalty.covers")  # as there is nothing left that it would cover
        assert [d.field for d in deviations(repaired, stated, drawn)] == left


def test_every_deviation_of_a_random_recipe_has_words():
    rng, seen = random.Random(7), set()
    for _ in range(300):
        name, _, recipe = random_recipe(rng)
        stated = load_problem(name).recipe(2)
        for deviation in deviations(recipe, stated, section(recipe.dataset)):
            seen.add(deviation.field)
            assert deviation.name
            assert not {"{", "}", "None", "Schedule"} & set(deviation.words.split())
            values, value = VALUES.get(deviation.field, {}), str(get(recipe, deviation.field))
            said = values.get((value, recipe.objective.loss), values.get(value, ""))
            assert said in deviation.words
    assert len(seen) >= 25


def test_undoing_everything_leaves_nothing():
    rng = random.Random(8)
    for _ in range(100):
        name, _, recipe = random_recipe(rng)
        stated = load_problem(name).recipe(2)
        repaired = undo(recipe, stated)
        assert deviations(repaired, stated, section(recipe.dataset)) == []


def random_runs(seed, count):
    """Yield recipes whose length no epoch decides, their problems' and their datasets."""
    rng = random.Random(seed)
    for _ in range(count):
        name, _, recipe = random_recipe(rng)
        stated, drawn = load_problem(name).recipe(recipe.replicas), section(recipe.dataset)
        length = sum(recipe.lengths(recipe.data.train or drawn.examples))
        yield recipe.model_copy(update={"epochs": None, "updates": length}), stated, drawn


def test_what_has_no_effect_may_as_well_be_as_the_problem_has_it():
    seen = set()
    for recipe, stated, drawn in random_runs(9, 400):
        for field in WORDS:
            if get(recipe, field) == get(stated, field) or matters(recipe, field, drawn):
                continue
            if field.startswith("intercept") or field in ("order.law", "batch.drop_last"):
                continue  # which another draw does, or another length of an epoch
            try:
                plain = replace(recipe, {field: get(stated, field)})
            except ValidationError:
                continue
            seen.add(field)
            found, expected = (follow(by_numpy.train, one) for one in (plain, recipe))
            assert found["indices_head"] == expected["indices_head"], (field, repr(recipe))
            for what in ("initial", "logged", "final"):
                close(found[what], expected[what], 1e-13)
    assert len(seen) >= 10, seen


@pytest.mark.parametrize("data", [0, 3])
def test_no_replica_repeats_another(data):
    stated = load_problem("svm").recipe(9)
    start = {"law": "normal", "stream": "reseeded", "seed": 5}
    changes = {f"start.{field}": value for field, value in start.items()}
    changes |= {"data.seed": data, "order.generator": "numpy", "updates": 40, "epochs": None}
    recipe = replace(stated, changes)
    drawn = datasets.draw(section("gaussian"), recipe.data)
    theta, order = draw_run(recipe, drawn, setting(recipe, drawn).trained, 0, "test")
    seen = np.concatenate(list(order))[:, 0]
    assert len({column.tobytes() for column in theta.T}) == 9
    assert len({column.tobytes() for column in np.ascontiguousarray(seen.T)}) == 9


@pytest.mark.parametrize(
    ("name", "derivative", "changes", "effect"),
    [
        ("logistic", "label_forgotten", {"batch": {"size": 5, "reduction": "margin"}}, False),
        ("logistic", "label_forgotten", {"batch": {"size": 5}}, True),
        ("logistic", "label_forgotten", {"data": {"negative": 0.0}}, True),
        ("logistic", "label_forgotten_in_exponent", {"data": {"negative": 0.0}}, False),
        ("logistic", "flipped_exponent", {"data": {"negative": 0.0}}, True),
        ("svm", "label_forgotten_in_condition", {"data": {"negative": 0.0}}, False),
        ("svm", "label_forgotten_in_condition", {"data": {"positive": 2.0}}, True),
        ("svm", "margin_forgotten", {"batch": {"size": 5, "reduction": "margin"}}, True),
    ],
)
def test_a_label_that_is_0_or_1_is_not_forgotten(name, derivative, changes, effect):
    stated = load_problem(name).recipe(1)
    plain = Recipe.model_validate(stated.model_dump() | {"epochs": None, "updates": 60} | changes)
    recipe = replace(plain, {"derivative": derivative})
    assert matters(recipe, "derivative", section("gaussian")) is effect
    found, expected = (follow(by_numpy.train, one)["final"] for one in (recipe, plain))
    assert (found != expected) is effect


# Of these an effect may not show in a few steps, by the examples that come up.
CHANCE = [
    "data.negative",
    "data.positive",
    "data.train",
    "intercept.output",
    "intercept.gradient",
    "intercept.log",
    "batch.drop_last",
    "derivative",
    "gradient_factor",
    "penalty.covers",
    "order.law",
    "order.examples",
    "schedule",
    "log.value",
    "log.reduction",
    "log.factor",
    "steps",
]


def test_each_deviation_has_an_effect():
    seen = set()
    for recipe, stated, drawn in random_runs(11, 300):
        for deviation in deviations(recipe, stated, drawn):
            try:
                plain = undo(recipe, stated, [deviation.field])
            except ValidationError:
                assert (deviation.field, recipe.log.value) == ("data.train", "held_out")
                continue
            if deviation.field in CHANCE:
                continue
            seen.add(deviation.field)
            found, as_it_is = (follow(by_numpy.train, one) for one in (plain, recipe))
            assert found != as_it_is, (deviation, repr(recipe))
    assert len(seen) >= 14, seen


def test_a_loaders_order_is_undone_on_its_generator():
    stated = load_problem("logistic").recipe(1)
    order = {"law": "reshuffle", "generator": "dataloader", "seed": 3}
    recipe = replace(stated, {f"order.{field}": value for field, value in order.items()})
    repaired = undo(recipe, stated, ["order.law"])
    assert (repaired.order.law, repaired.order.generator) == ("replacement", "torch")
    assert repaired.order.seed == 3


def test_differences_lead_from_one_program_to_the_other():
    (b, _), (a, _) = recipe_of("appendix_b"), recipe_of("appendix_a")
    found = differences(b, a)
    assert list(found) == ["intercept.gradient", "derivative", "steps", "start"]
    assert differences(a, a) == {}
    with pytest.raises(ValueError, match=r"must not differ in dataset \(gaussian and disc\), obj"):
        differences(b, recipe_of("appendix_e")[0])


@pytest.mark.parametrize("name", PROBLEMS)
def test_with_all_differences_undone_a_program_is_the_other(name):
    rng = random.Random(10)
    for _ in range(40):
        one, other = (
            random_recipe(rng, [name])[2].model_copy(update={"replicas": 2, "checkpoint": None})
            for _ in range(2)
        )
        undone = replace(one, {f: get(other, f) for f in differences(one, other)})
        assert differences(undone, other) == {}
        found, expected = (follow(by_numpy.train, recipe) for recipe in (undone, other))
        assert found == expected
