"""Run one program: python -m stages.run problems.svm numpy, or published.appendix_b."""

import sys
from collections.abc import Iterable, Iterator
from importlib import import_module
from types import ModuleType
from typing import Annotated

import numpy as np
from pydantic import Field

from stages.common import files, parameters
from stages.sgd import draws
from stages.sgd.datasets import DATASETS, Draw
from stages.sgd.models import Epoch, honest
from stages.sgd.recipe import Problem, Program, Recipe, Section, Seed, StatedObjective
from stages.sgd.record import DivergenceError, Run, record


class Protocol(Section):
    """What every protocol run shares."""

    seed: Seed
    replicas: Annotated[int, Field(ge=1, le=100_000)]


def main(key: str, implementation: str | None = None) -> None:
    """Run a problem under the common protocol, or a published program as printed.

    Parameters
    ----------
    key : str
        `problems.<name>` or `published.<name>`: a section of params.yaml.
    implementation : {'numpy', 'torch'}, optional
        Of a problem: both start from the same initial parameters and see the same order of
        examples. A published program has its own.
    """
    section, _, name = key.partition(".")
    if section == "problems":
        run_problem(name, implementation)
    else:
        run_published(name)


def run_problem(name: str, implementation: str) -> None:
    """Write the history, the final parameters, the recipe and the metrics of a protocol run.

    The recipe names the implementation. Without a file that differs, DVC would find one
    implementation's outputs in its cache, of the other's making, and never run it.

    Parameters
    ----------
    name : str
        Key under `problems` of params.yaml.
    implementation : {'numpy', 'torch'}
        Which trainer.
    """
    problem = parameters.load(f"problems.{name}", Problem)
    protocol = parameters.load("protocol", Protocol)
    classes = problem.objective.loss != "squared"
    X, y = files.read_examples(f"data/{problem.dataset}.csv", classes)
    recipe = problem.recipe(examples=len(y), replicas=protocol.replicas)
    rngs = draws.generators(protocol.seed, name, protocol.replicas)
    theta = draws.initial_parameters(recipe, rngs, X)
    indices = draws.protocol_indices(rngs, recipe.epochs, len(y), recipe.steps)
    epochs = _trainer(implementation).train(recipe, X, y, theta, indices)
    label = f"{name} {implementation}"
    run = _follow(epochs, recipe, problem.objective, X, y, name, label)
    folder = f"data/runs/{name}/{implementation}"
    files.write_table(f"{folder}/history.csv", run.history)
    files.write_arrays(f"{folder}/theta.npz", **run.arrays)
    described = {"implementation": implementation, **recipe.model_dump()}
    files.write_json(f"{folder}/recipe.json", described)
    files.write_json(f"metrics/{name}/{implementation}.json", run.metrics)


def run_published(name: str) -> None:
    """Write the history, the losses, the final parameters and the metrics of a program.

    Parameters
    ----------
    name : str
        Key under `published` of params.yaml.

    Raises
    ------
    InputError
        If the dataset is not the one that the program's own stream draws, or the network
        that stream draws before it has another number of hidden units.
    """
    program = parameters.load(f"published.{name}", Program)
    stated = parameters.load(f"problems.{program.problem}.objective", StatedObjective)
    schema, draw_dataset = DATASETS[program.dataset]
    draw = draw_dataset(parameters.load(f"datasets.{program.dataset}", schema))
    path = f"data/{program.dataset}.csv"
    X, y = files.read_examples(path, classes=stated.loss != "squared")
    if not np.array_equal(np.column_stack([X, y]), np.column_stack(list(draw.columns.values()))):
        raise files.InputError(f"{path}: is not what datasets.{program.dataset} draws")
    if program.initial == "numpy_network" and len(draw.theta) != 3 * program.objective.hidden:
        raise files.InputError(
            f"params.yaml: published.{name}.objective.hidden = {program.objective.hidden}: "
            f"must be {len(draw.theta) // 3}, as datasets.{program.dataset}.hidden is"
        )
    losses = np.empty((program.replicas, program.epochs))
    epochs = _keep(program_epochs(program, draw, X, y), losses)
    run = _follow(epochs, program, stated, X, y, program.problem, name)
    files.write_table(f"data/published/{name}/history.csv", run.history)
    arrays = run.arrays | {"honest": honest(program, run.arrays["theta"]), "losses": losses}
    files.write_arrays(f"data/published/{name}/run.npz", **arrays)
    files.write_json(f"metrics/{program.problem}/{name}.json", run.metrics)


def program_epochs(program: Program, draw: Draw, X: np.ndarray, y: np.ndarray) -> Iterator[Epoch]:
    """Run a published program; replica r is the program seeded with r.

    Parameters
    ----------
    program : Program
        What to run, and with which implementation.
    draw : Draw
        Its dataset's draw, fresh: the program may move its stream on.
    X : numpy.ndarray, shape (N, columns)
        Examples.
    y : numpy.ndarray, shape (N,)
        Labels or targets.

    Yields
    ------
    Epoch
        `program.epochs` of them.
    """
    sgd = _trainer(program.implementation)
    theta = draws.published_start(program, draw, X, y)
    yield from sgd.train(program, X, y, theta, draws.published_indices(program, draw, len(y)))


def _trainer(implementation: str) -> ModuleType:
    return import_module(f"stages.sgd.by_{implementation}")


def _follow(
    epochs: Iterable[Epoch],
    recipe: Recipe,
    stated: StatedObjective,
    X: np.ndarray,
    y: np.ndarray,
    problem: str,
    label: str,
) -> Run:
    optimum = files.read_json(f"metrics/{problem}/exact.json")["objective"]
    try:
        return record(epochs, recipe, stated, X, y, optimum, label)
    except DivergenceError as error:
        raise files.InputError(f"params.yaml: {error}") from None


def _keep(epochs: Iterator[Epoch], losses: np.ndarray) -> Iterator[Epoch]:
    for column, epoch in zip(losses.T, epochs, strict=False):
        column[:] = epoch.sampled_loss
        yield epoch


if __name__ == "__main__":
    main(*sys.argv[1:])
