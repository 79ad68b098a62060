"""Each program against a scalar loop written from its description, or its recorded numbers."""

import json
import math
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import load_recipe, section

from stages import dataset, run
from stages.run import program_job
from stages.sgd import by_numpy, by_torch
from stages.sgd.parts import datasets
from stages.sgd.parts.draws import draw_run, rates
from stages.sgd.parts.logs import Logger, setting
from stages.sgd.parts.models import stated_parameters
from stages.sgd.parts.scores import objective, verdicts

EPOCHS = 4
FUSED = torch.backends.cpu.get_cpu_capability() != "DEFAULT"  # multiplies and adds at once
ULP = np.finfo(np.float32).eps / 4  # of the numbers between 1/4 and 1/2
SEEDS = (0, 1, 5)


def gaussian():
    np.random.seed(0)
    X = np.random.standard_normal((30, 20))
    return X, 2 * np.random.randint(2, size=30) - 1


def pytorch_program(seed, steps, learning_rate, loss):
    X, y = gaussian()
    random.seed(seed)
    torch.manual_seed(seed)
    layer = torch.nn.Linear(20, 1)
    optimizer = torch.optim.SGD(layer.parameters(), lr=learning_rate)
    for _ in range(EPOCHS):
        losses = []
        for _ in range(steps):
            i = random.randint(0, 29)
            value = loss(int(y[i]) * layer(torch.FloatTensor(X[i])), layer.weight).squeeze()
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            losses.append(value.item())
        yield sum(losses) / steps


def appendix_a(seed):
    yield from pytorch_program(
        seed, 30, 1e-4, lambda margin, w: -torch.nn.functional.logsigmoid(margin)
    )


def appendix_c(seed):
    yield from pytorch_program(
        seed, 20, 1e-3, lambda margin, w: torch.clamp(1 - margin, min=0) + 0.1 * (w**2).sum()
    )


def appendix_b(seed):
    X, y = gaussian()
    w = np.random.uniform(0, 1, 21)
    random.seed(seed)
    for _ in range(EPOCHS):
        total = 0.0
        for _ in range(20):
            i = random.randint(0, 29)
            z = sum(w[j] * X[i, j] for j in range(20)) + w[20]
            loss = math.log(1 + math.exp(-y[i] * z))
            total += loss
            last = y[i]
            for j in range(21):
                w[j] -= 1e-4 * (1 - loss) * y[i] * (X[i, j] if j < 20 else last)
        yield total / 20


def leaky_svm(X, y, w, steps):
    for _ in range(EPOCHS):
        total = 0.0
        for _ in range(steps):
            i = random.randint(0, 29)
            x = [*X[i], y[i]]
            margin = y[i] * sum(wj * xj for wj, xj in zip(w, x, strict=True))
            total += max(0.0, 1 - margin) + 0.1 * sum(wj * wj for wj in w)
            inside = margin < 1
            w = [
                wj - 1e-3 * (0.2 * wj - (y[i] * xj if inside else 0.0))
                for wj, xj in zip(w, x, strict=True)
            ]
        yield total / steps


def appendix_d(seed):
    X, y = gaussian()
    w = np.random.uniform(0, 1, 21)
    random.seed(seed)
    yield from leaky_svm(X, y, w, 20)


def appendix_e(seed):
    np.random.seed(0)
    plane = np.random.standard_normal((2, 30))
    y = [1 if u * u + v * v > 0.7 else -1 for u, v in plane.T]
    c, s = math.cos(0.5), math.sin(0.5)
    moved = [(c * u - s * v + 1, s * u + c * v + 1) for u, v in plane.T]
    phi = [(1, u, u * u, v, v * v) for u, v in moved]
    w = np.random.uniform(0, 1, 6)
    random.seed(seed)
    yield from leaky_svm(phi, y, w, 5)


def problem_7(seed, epochs=EPOCHS):
    np.random.seed(0)
    a, b = (np.random.normal(0, 4, 50) for _ in range(2))
    u = np.random.normal(0, 0.05, 50)
    X = np.random.normal(0, 1, 30)
    if seed:
        np.random.seed(seed)
    for _ in range(epochs):
        total = 0.0
        for _ in range(50):
            x = X[np.random.randint(0, 29)]
            s = 1 / (1 + np.exp(-(a * x + b)))
            residual = u @ s - (x - 2) * math.cos(4 * x)
            total += residual**2 / 2
            slope = 0.007 * residual * u * s * (1 - s)
            a, b, u = a - slope * x, b - slope, u - 0.007 * residual * s
        yield total / 50


PROGRAMS = [
    (appendix_a, 1e-4),  # the source computes this one and appendix_c in float32
    (appendix_b, 1e-9),
    (appendix_c, 1e-4),
    (appendix_d, 1e-9),
    (appendix_e, 1e-9),
    (problem_7, 1e-9),
]
SOLUTIONS = [
    (solution["id"], replica, run)
    for path in sorted(Path(__file__).parent.glob("solutions/*.json"))
    for solution in [json.loads(path.read_text())]
    for replica, run in enumerate(solution["runs"])
]


def start(name, **changes):
    """Return a program's recipe, examples, initial parameters and epochs."""
    job = program_job(f"programs.{name}")
    recipe = job.recipe.model_copy(update=changes)
    data = datasets.draw(section(recipe.dataset), recipe.data)
    where = setting(recipe, data)
    theta, order = draw_run(recipe, data, where.trained, job.seed, name)
    train = {"numpy": by_numpy, "torch": by_torch}[job.implementation].train
    eta = rates(recipe, len(where.trained[1]))
    return recipe, where, theta, train(recipe, where.trained, theta, order, eta, recipe.replicas)


def losses(name, **changes):
    return np.array([epoch.losses.mean(axis=0) for epoch in start(name, **changes)[-1]])


@pytest.mark.parametrize(("scalar", "tolerance"), PROGRAMS)
def test_program_follows_its_scalar_loop(scalar, tolerance, scratch):
    found = losses(scalar.__name__, epochs=EPOCHS, replicas=max(SEEDS) + 1)
    for seed in SEEDS:
        np.testing.assert_allclose(found[:, seed], list(scalar(seed)), rtol=tolerance)


def test_problem_7_follows_its_one_trajectory_to_the_end(scratch):
    found = losses("problem_7", replicas=1)
    assert found.shape == (200, 1)
    np.testing.assert_allclose(found[:, 0], list(problem_7(0, epochs=200)), rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "replica", "expected"), SOLUTIONS, ids=[f"{s[0]}-{s[1]}" for s in SOLUTIONS]
)
def test_a_solution_is_reproduced(name, replica, expected, scratch):
    """Reference numbers have nine significant digits."""
    recipe, where, theta, epochs = start(name, replicas=replica + 1)
    logger, seen, nine = Logger(recipe, where), [], {"rtol": 1e-8, "atol": 1e-12}
    for epoch in epochs:
        logger.see(epoch)
        seen += epoch.examples[: 40 - len(seen), :, replica].tolist() if len(seen) < 40 else []
    seen = seen if recipe.batch.size > 1 else [i for (i,) in seen]
    assert seen == expected["indices_head"]
    np.testing.assert_allclose(theta[:, replica], expected["initial"], rtol=5e-9, atol=0)
    logged = [logger.values[n][replica] for n in expected["logged_at"]]
    np.testing.assert_allclose(logged, expected["logged"], **nine)
    final = epoch.theta[:, replica]
    np.testing.assert_allclose(final, expected["final"], **nine)
    own = recipe.objective.model_copy(update={"regularization": recipe.penalised})
    stated = stated_parameters(recipe, final[:, None])
    judged = {"objective": objective(own, stated, *where.whole)}
    judged |= verdicts(own, stated, *where.whole)
    for key, value in expected["judged"].items():
        np.testing.assert_allclose(judged[key][0], value, rtol=1e-6, atol=1e-12)


def test_every_solution_is_a_program(params):
    assert {s[0] for s in SOLUTIONS} == {n for n in params["programs"] if n.startswith("s0")}


def test_the_trace_is_replica_0_to_the_last_digit(scratch, capsys):
    dataset.main("disc")
    capsys.readouterr()
    run.main("programs.s03_quadratic_logistic", None, traced=True)
    found = json.loads(capsys.readouterr().out)
    (expected,) = [s[2] for s in SOLUTIONS if s[0] == "s03_quadratic_logistic"]
    assert found["initial"] == expected["initial"] == [0.0] * 5
    assert found["indices_head"] == expected["indices_head"]
    np.testing.assert_allclose(found["final"], expected["final"], rtol=1e-8)
    assert len(found["logged"]) == 10000
    assert found["judged"]["accuracy"] == 1.0


@pytest.mark.parametrize("seed", range(4))
def test_torch_initial_parameters_are_those_of_nn_linear(seed, scratch):
    _, _, theta, _ = start("appendix_a", replicas=4)
    torch.manual_seed(seed)
    layer = torch.nn.Linear(20, 1)
    expected = torch.cat([layer.weight.flatten(), layer.bias]).detach().numpy()
    np.testing.assert_allclose(theta[:, seed], expected, rtol=0, atol=ULP)
    if FUSED:
        np.testing.assert_array_equal(theta[:, seed], expected)


@pytest.mark.parametrize("seed", [None, 5])
def test_torchs_generator_goes_on_after_the_start_unless_seeded_again(seed, scratch):
    recipe = load_recipe("appendix_a", order={"generator": "torch", "seed": seed})
    data = datasets.draw(section("gaussian"))
    _, order = draw_run(recipe, data, (data.X, data.y), 0, "appendix_a")
    seen = next(order)[:, 0]
    for replica in range(3):
        torch.manual_seed(replica)
        torch.nn.Linear(20, 1)
        if seed is not None:
            torch.manual_seed(seed + replica)
        assert seen[:, replica].tolist() == [int(torch.randint(30, ())) for _ in seen]


@pytest.mark.parametrize("bias", ["drawn", "first"])
@pytest.mark.parametrize("law", ["normal", "uniform"])
def test_torchs_tensors_are_the_weights_and_then_the_bias_unless_that_is_first(law, bias, scratch):
    start = {"law": law, "scale": 0.5, "low": -1.0, "high": 1.0, "bias": bias}
    start |= {"stream": "torch", "seed": 3}
    recipe = load_recipe("appendix_a", start=start, replicas=2)
    data = datasets.draw(section("gaussian"))
    theta, _ = draw_run(recipe, data, (data.X, data.y), 0, "appendix_a")
    one = torch.randn if law == "normal" else torch.rand
    for replica in range(2):
        torch.manual_seed(3 + replica)
        if bias == "first":
            whole = one(21)
            drawn = torch.cat([whole[1:], whole[:1]]).numpy()
        else:
            drawn = torch.cat([one(20), one(1)]).numpy()
        expected = drawn / 2 if law == "normal" else 2 * drawn - 1
        np.testing.assert_array_equal(theta[:, replica], expected)


@pytest.mark.parametrize("law", ["distinct", "reshuffle", "in_place"])
def test_torchs_orders_are_its_permutations(law, scratch):
    order = {"law": law, "generator": "torch", "seed": 5}
    recipe = load_recipe("appendix_a", order=order, batch={"size": 15}, steps=2, replicas=2)
    data = datasets.draw(section("gaussian"))
    _, epochs = draw_run(recipe, data, (data.X, data.y), 0, "appendix_a")
    seen = [next(epochs) for _ in range(2)]
    for replica in range(2):
        torch.manual_seed(5 + replica)
        last = torch.arange(30)
        for epoch in seen:
            if law == "distinct":
                expected = [torch.randperm(30)[:15].tolist() for _ in range(2)]
            else:
                last = last[torch.randperm(30)] if law == "in_place" else torch.randperm(30)
                expected = last.reshape(2, 15).tolist()
            assert epoch[:, :, replica].tolist() == expected


@pytest.mark.parametrize(
    ("seed", "size", "drop_last"), [(None, 5, True), (5, 5, True), (5, 8, True), (5, 8, False)]
)
def test_a_dataloaders_order_is_a_dataloaders(seed, size, drop_last, scratch):
    order = {"law": "reshuffle", "generator": "dataloader", "seed": seed}
    changes = {"order": order, "batch": {"size": size, "drop_last": drop_last}, "replicas": 2}
    recipe = load_recipe("appendix_a", **changes)
    data = datasets.draw(section("gaussian"))
    _, epochs = draw_run(recipe, data, (data.X, data.y), 0, "appendix_a")
    seen = [next(epochs) for _ in range(3)]
    for replica in range(2):
        torch.manual_seed(replica)
        torch.nn.Linear(20, 1)
        if seed is not None:
            torch.manual_seed(seed + replica)
        loader = torch.utils.data.DataLoader(range(30), size, shuffle=True, drop_last=drop_last)
        for epoch in seen:
            batches = [[i for i in batch if i >= 0] for batch in epoch[:, :, replica].tolist()]
            assert batches == [batch.tolist() for batch in loader]


def test_a_network_starts_from_the_stream_that_it_names(scratch):
    start = {"law": "network", "stream": "numpy", "scales": {"a": 4.0, "b": 4.0, "u": 0.05}}
    recipe = load_recipe("problem_7", start=start, order={"generator": "own"}, replicas=1)
    data = datasets.draw(section("wave"))
    theta, _ = draw_run(recipe, data, (data.X, data.y), 0, "problem_7")
    stream = np.random.RandomState(0)
    stream.normal(size=150 + 30)
    scales = np.repeat([4.0, 4.0, 0.05], 50)
    np.testing.assert_array_equal(theta[:, 0], scales * stream.normal(size=150))


def test_a_floored_index_is_one_of_randoms_choices(scratch):
    order = {"generator": "python", "seed": 5, "floored": True}
    recipe = load_recipe("appendix_a", order=order, batch={"size": 3}, replicas=2)
    data = datasets.draw(section("gaussian"))
    _, epochs = draw_run(recipe, data, (data.X, data.y), 0, "appendix_a")
    seen = next(epochs)
    for replica in range(2):
        source = random.Random(5 + replica)
        expected = [source.choices(range(30), k=3) for _ in seen]
        assert seen[:, :, replica].tolist() == expected


@pytest.mark.parametrize("generator", ["numpy", "python", "default_rng", "torch"])
@pytest.mark.parametrize("law", ["replacement", "distinct", "reshuffle", "blocks"])
def test_a_generator_that_is_seeded_again_draws_the_same_examples(generator, law, scratch):
    for again, length in (("epoch", 15), (20, 20)):
        order = {"law": law, "generator": generator, "seed": 5}
        changes = {"batch": {"size": 2}, "epochs": 4, "replicas": 2}
        data, seen = datasets.draw(section("gaussian")), []
        for one in (order, order | {"reseeded": again}):
            recipe = load_recipe("appendix_a", **changes, order=one)
            _, epochs = draw_run(recipe, data, (data.X, data.y), 0, "appendix_a")
            seen.append(np.concatenate(list(epochs)))
        assert len(seen[0]) == len(seen[1]) == 60
        for begin in range(0, 60, length):
            part = seen[1][begin : begin + length]
            np.testing.assert_array_equal(part, seen[0][: len(part)])


@pytest.mark.parametrize("bias", ["drawn", "zero"])
def test_a_network_of_two_torch_layers_starts_as_they_do(bias, scratch):
    start = {"law": "linear", "stream": "torch", "seed": 3, "bias": bias}
    recipe = load_recipe("problem_7", start=start, replicas=2)
    data = datasets.draw(section("wave"))
    theta, _ = draw_run(recipe, data, (data.X, data.y), 0, "problem_7")
    for replica in range(2):
        torch.manual_seed(3 + replica)
        hidden = torch.nn.Linear(1, 50, bias=bias == "drawn")
        b = torch.zeros(50) if hidden.bias is None else hidden.bias
        parts = hidden.weight, b, torch.nn.Linear(50, 1, bias=False).weight
        expected = torch.cat([part.flatten() for part in parts]).detach().numpy()
        np.testing.assert_allclose(theta[:, replica], expected, rtol=0, atol=4 * ULP)
        if FUSED:
            np.testing.assert_array_equal(theta[:, replica], expected)


def test_other_replicas_draw_start_and_examples_from_streams_of_their_own(scratch):
    _, _, theta, epochs = start("s02_svm", replicas=3, updates=60)
    seen = np.concatenate([epoch.examples[:, 0] for epoch in epochs])
    for replica in (1, 2):
        np.random.seed(replica)
        expected = [np.random.normal() for _ in range(20)]
        np.testing.assert_allclose(theta[:, replica], expected, rtol=1e-14)
        expected = [np.random.randint(30) for _ in range(60)]
        np.testing.assert_array_equal(seen[:, replica], expected)


@pytest.mark.parametrize("seed", [0, 1, 5])
def test_no_replica_starts_from_the_data(seed):
    """Replica r is seeded with r, and the data's seed would draw them again as θ₀."""
    recipe = load_recipe("s02_logistic", replicas=8)
    data = datasets.draw(section("gaussian").model_copy(update={"seed": seed}))
    theta, _ = draw_run(recipe, data, (data.X, data.y), 0, "s02_logistic")
    assert not any(np.isin(column, data.X).any() for column in theta.T)
    assert len({*theta[0]}) == 8
    seeds = [r for r in range(1, 9) if r != seed][:7]
    expected = [np.random.RandomState(r).normal(0.0, 1.0, 20) for r in seeds]
    np.testing.assert_array_equal(theta[:, 1:], np.stack(expected, axis=1))


def test_a_diverging_program_has_no_trace(scratch, params, capsys):
    params["programs"]["s02_svm"] |= {"regularization": 1e6, "learning_rate": 1e6}
    scratch(params)
    dataset.main("gaussian")
    capsys.readouterr()
    with pytest.raises(
        SystemExit, match=r"s02_svm\.learning_rate = 1000000\.0: diverges, and JSON"
    ):
        run.main("programs.s02_svm", None, traced=True)
    assert not capsys.readouterr().out
