"""The two implementations under the protocol."""

import hashlib
import random
import re
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from conftest import ROOT, load_recipe, section

from stages import dataset, run
from stages.common.files import (
    InputError,
    read_arrays,
    read_json,
    read_table,
    write_arrays,
    write_json,
    write_table,
)
from stages.run import protocol_job
from stages.sgd.parts import datasets
from stages.sgd.parts.draws import draw_run, own_generators
from stages.sgd.parts.models import inputs

PROBLEMS = yaml.safe_load((ROOT / "params.yaml").read_text())["problems"]


def trained(implementation, problem):
    folder = Path(f"data/runs/{problem}/{implementation}")
    run.main(f"problems.{problem}", implementation, traced=False)
    digests = [
        hashlib.sha256((folder / name).read_bytes()).hexdigest()
        for name in ("history.csv", "replicas.csv", "theta.npz")
    ]
    return digests, read_arrays(str(folder / "theta.npz"))["theta"]


@pytest.fixture
def short(scratch, params):
    """The study with few epochs and replicas, its datasets drawn."""
    params["protocol"]["replicas"] = 3
    params["fresh"]["examples"] = 50
    for problem in params["problems"].values():
        problem["epochs"] = 6
    scratch()
    for name in params["datasets"]:
        dataset.main(name)
    for problem in params["problems"]:
        write_json(f"metrics/{problem}/exact.json", {"objective": 0.0})
    return params


@pytest.mark.parametrize("problem", PROBLEMS)
def test_implementations_write_the_same_bytes(problem, short):
    assert trained("numpy", problem)[0] == trained("torch", problem)[0]
    assert read_json(f"metrics/{problem}/torch.json") == {"verdict": "identical"}


@pytest.mark.parametrize("name", run.RESULTS)
def test_the_largest_difference_is_said(name, short):
    trained("numpy", "svm")
    path = Path(f"data/runs/svm/numpy/{name}")
    if path.suffix == ".npz":
        write_arrays(str(path), theta=read_arrays(str(path))["theta"] + 0.5)
    else:
        table = read_table(str(path)).astype(float)
        table.iloc[1, -1] += 0.5
        write_table(str(path), table)
    trained("torch", "svm")
    assert read_json("metrics/svm/torch.json") == {"verdict": "differs by 0.5"}


@pytest.mark.parametrize("problem", PROBLEMS)
def test_a_replica_does_not_depend_on_its_neighbours(problem, short, scratch):
    _, few = trained("numpy", problem)
    short["protocol"]["replicas"] = 7
    scratch(short)
    _, many = trained("numpy", problem)
    np.testing.assert_array_equal(many[:3], few)
    assert len(np.unique(many, axis=0)) == 7


def start(problem, replicas):
    recipe = protocol_job(f"problems.{problem}", "numpy").recipe
    data = datasets.draw(section(recipe.dataset))
    recipe = recipe.model_copy(update={"replicas": replicas})
    return recipe, data, *draw_run(recipe, data, (data.X, data.y), 0, problem)


def test_svm_replica_is_an_ordinary_pytorch_training(short):
    _, data, theta, order = start("svm", 3)
    layer = torch.nn.Linear(20, 1, dtype=torch.float64)
    with torch.no_grad():
        layer.weight[:] = torch.tensor(theta[:20, 2])
        layer.bias[:] = torch.tensor(theta[20, 2])
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.001)
    for i in np.concatenate(list(order))[:, 0, 2]:
        optimizer.zero_grad()
        hinge = torch.relu(1 - data.y[i] * layer(torch.tensor(data.X[i]))).sum()
        (hinge + 0.1 * (layer.weight**2).sum()).backward()
        optimizer.step()
    trained("numpy", "svm")
    _, final = trained("torch", "svm")
    expected = torch.cat([layer.weight.flatten(), layer.bias]).detach().numpy()
    np.testing.assert_allclose(final[2], expected, rtol=1e-5)


def test_initial_parameters_have_the_distribution_of_nn_linear(short):
    _, data, theta, _ = start("svm", 2000)
    torch.manual_seed(0)
    layer = torch.nn.Linear(20, 2000)
    reference = torch.cat([layer.weight, layer.bias[:, None]], dim=1).detach().numpy()
    assert theta.T.shape == reference.shape == (2000, inputs("affine", data.X).shape[1])
    quantiles = np.linspace(0, 1, 11)
    expected = np.quantile(reference, quantiles)
    np.testing.assert_allclose(np.quantile(theta, quantiles), expected, atol=0.005)


def test_network_starts_from_the_sources_distribution(short):
    _, _, theta, _ = start("two_layer", 500)
    deviations = [part.std() for part in np.split(theta, 3)]
    np.testing.assert_allclose(deviations, [4.0, 4.0, 0.05], rtol=0.02)
    own = np.random.default_rng([0, 7, *b"two_layer"])
    np.testing.assert_array_equal(theta[:50, 7], 4.0 * own.standard_normal(50))


def test_generators_differ_by_seed_problem_and_replica():
    keys = [(0, "svm"), (1, "svm"), (0, "logistic")]
    draws = [rng.random() for key in keys for rng in own_generators(*key, range(2))]
    assert len(set(draws)) == 6


@pytest.mark.parametrize("implementation", ["numpy", "torch"])
def test_divergence_is_reported_and_writes_nothing(implementation, short, scratch):
    short["problems"]["two_layer"]["learning_rate"] = 1000.0
    short["problems"]["two_layer"]["epochs"] = 300
    scratch(short)
    with pytest.raises(InputError) as refusal:
        run.main("problems.two_layer", implementation, traced=False)
    pattern = (
        r"params\.yaml: problems\.two_layer\.learning_rate = 1000\.0: diverges in epoch \d+, "
        r"\d of 3 replicas lost"
    )
    assert re.fullmatch(pattern, str(refusal.value))
    assert not list(Path("data").rglob("two_layer/**/*.csv"))
    assert [path.name for path in Path("metrics/two_layer").iterdir()] == ["exact.json"]


@pytest.mark.parametrize("examples", [1, 2, 29, 30])
def test_pythons_generator_draws_what_python_draws(examples, short):
    recipe = load_recipe("appendix_a", order={"generator": "python", "examples": examples})
    recipe = recipe.model_copy(update={"epochs": 40})
    data = datasets.draw(section("gaussian"))
    _, order = draw_run(recipe, data, (data.X, data.y), 0, "appendix_a")
    drawn = np.concatenate(list(order))[:, 0]
    for replica in (0, 1, 31):
        python = random.Random(replica)
        expected = [python.randint(0, examples - 1) for _ in range(40 * 30)]
        assert drawn[:, replica].tolist() == expected
