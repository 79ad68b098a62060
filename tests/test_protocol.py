"""The two implementations under the protocol."""

import hashlib
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from stages import dataset
from stages import run as stage
from stages.common import parameters
from stages.common.files import InputError, read_arrays, write_json
from stages.sgd.draws import generators, initial_parameters, protocol_indices
from stages.sgd.models import inputs
from stages.sgd.recipe import Problem

PROBLEMS = ["logistic", "svm", "quadratic_logistic", "quadratic_svm", "two_layer"]


def run(implementation, problem):
    folder = Path(f"data/runs/{problem}/{implementation}")
    stage.main(f"problems.{problem}", implementation)
    digests = [
        hashlib.sha256((folder / name).read_bytes()).hexdigest()
        for name in ("history.csv", "theta.npz")
    ]
    return digests, read_arrays(str(folder / "theta.npz"))["theta"]


@pytest.fixture
def short(scratch, params):
    """The study with few epochs and replicas, its datasets drawn."""
    params["protocol"]["replicas"] = 3
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
    assert run("numpy", problem)[0] == run("torch", problem)[0]


@pytest.mark.parametrize("problem", PROBLEMS)
def test_a_replica_does_not_depend_on_its_neighbours(problem, short, scratch):
    _, few = run("numpy", problem)
    short["protocol"]["replicas"] = 7
    scratch(short)
    _, many = run("numpy", problem)
    np.testing.assert_array_equal(many[:3], few)
    assert len(np.unique(many, axis=0)) == 7


def test_svm_replica_is_an_ordinary_pytorch_training(short, draw):
    problem = parameters.load("problems.svm", Problem)
    recipe = problem.recipe(examples=30, replicas=3)
    _, X, y = draw("gaussian")
    rngs = generators(0, "svm", 3)
    theta = initial_parameters(recipe, rngs, X)
    indices = np.concatenate(list(protocol_indices(rngs, recipe.epochs, 30, recipe.steps)))
    layer = torch.nn.Linear(20, 1, dtype=torch.float64)
    with torch.no_grad():
        layer.weight[:] = torch.tensor(theta[2, :20])
        layer.bias[:] = torch.tensor(theta[2, 20])
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.001)
    for i in indices[:, 2]:
        optimizer.zero_grad()
        hinge = torch.relu(1 - y[i] * layer(torch.tensor(X[i]))).sum()
        (hinge + 0.1 * (layer.weight**2).sum()).backward()
        optimizer.step()
    _, final = run("torch", "svm")
    expected = torch.cat([layer.weight.flatten(), layer.bias]).detach().numpy()
    np.testing.assert_allclose(final[2], expected, rtol=1e-5)


def test_initial_parameters_have_the_distribution_of_nn_linear(short, draw):
    problem = parameters.load("problems.svm", Problem)
    _, X, _ = draw("gaussian")
    theta = initial_parameters(
        problem.recipe(examples=30, replicas=2000), generators(0, "svm", 2000), X
    )
    torch.manual_seed(0)
    layer = torch.nn.Linear(20, 2000)
    reference = torch.cat([layer.weight, layer.bias[:, None]], dim=1).detach().numpy()
    assert theta.shape == reference.shape == (2000, inputs("affine", X).shape[1])
    quantiles = np.linspace(0, 1, 11)
    expected = np.quantile(reference, quantiles)
    np.testing.assert_allclose(np.quantile(theta, quantiles), expected, atol=0.005)


def test_network_starts_from_the_sources_distribution(short, draw):
    problem = parameters.load("problems.two_layer", Problem)
    _, X, _ = draw("wave")
    rngs = generators(0, "two_layer", 500)
    theta = initial_parameters(problem.recipe(examples=30, replicas=500), rngs, X)
    deviations = [part.std() for part in np.split(theta, 3, axis=1)]
    np.testing.assert_allclose(deviations, [4.0, 4.0, 0.05], rtol=0.02)


@pytest.mark.parametrize("implementation", ["numpy", "torch"])
def test_divergence_is_reported_and_writes_nothing(implementation, short, scratch):
    short["problems"]["two_layer"]["learning_rate"] = 1000.0
    short["problems"]["two_layer"]["epochs"] = 300
    scratch(short)
    with pytest.raises(InputError) as refusal:
        stage.main("problems.two_layer", implementation)
    pattern = (
        r"params\.yaml: learning_rate = 1000\.0: two_layer \w+ diverges in epoch \d+, "
        r"\d of 3 replicas lost"
    )
    assert re.fullmatch(pattern, str(refusal.value))
    assert not list(Path("data").rglob("two_layer/**/*.csv"))
    assert [path.name for path in Path("metrics/two_layer").iterdir()] == ["exact.json"]
