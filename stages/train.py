"""Train one problem under the common protocol: python -m stages.train numpy svm."""

import sys
from importlib import import_module

from stages.common import artifacts, parameters
from stages.common.history import record
from stages.common.problems import initial_parameters
from stages.common.sampling import generators, protocol_indices


def main(implementation: str, problem: str) -> None:
    """Write the history, the final parameters, the recipe and the metrics of a protocol run.

    The recipe names the implementation. Without a file that differs, DVC would find one
    implementation's outputs in its cache, of the other's making, and never run it.

    Parameters
    ----------
    implementation : {'numpy', 'torch'}
        Both start from the same initial parameters and see the same order of examples.
    problem : str
        Key under `problems` of params.yaml.
    """
    stated = parameters.load(f"problems.{problem}", parameters.Problem)
    protocol = parameters.load("protocol", parameters.Protocol)
    classes = stated.objective.loss != "squared"
    X, y = artifacts.read_examples(f"data/{stated.dataset}.csv", classes)
    recipe = stated.recipe(examples=len(y), replicas=protocol.replicas)
    rngs = generators(protocol.seed, problem, protocol.replicas)
    theta = initial_parameters(recipe, rngs, X)
    indices = protocol_indices(rngs, recipe.epochs, len(y), recipe.steps)
    sgd = import_module(f"stages.common.{implementation}_sgd")
    epochs = sgd.train(recipe, X, y, theta, indices)
    optimum = artifacts.read_json(f"metrics/{problem}/exact.json")["objective"]
    label = f"{problem} {implementation}"
    run = record(epochs, recipe, stated.objective, X, y, optimum, label)
    folder = f"data/runs/{problem}/{implementation}"
    artifacts.write_table(f"{folder}/history.csv", run.history)
    artifacts.write_arrays(f"{folder}/theta.npz", **run.arrays)
    described = {"implementation": implementation, **recipe.model_dump()}
    artifacts.write_json(f"{folder}/recipe.json", described)
    artifacts.write_json(f"metrics/{problem}/{implementation}.json", run.metrics)


if __name__ == "__main__":
    main(*sys.argv[1:])
