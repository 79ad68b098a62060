"""Run one program: python -m stages.run problems.svm numpy, or programs.appendix_b.

`python -m stages.run programs.s02_svm --trace` writes no file: it prints as JSON, to the last
digit, where the program starts, which examples it draws, what it logs and where it ends.
"""

import argparse
import filecmp
import json
from collections.abc import Iterator
from importlib import import_module
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from stages.common import files, parameters
from stages.sgd.parts.datasets import DATASETS, draw
from stages.sgd.parts.draws import draw_run, rates
from stages.sgd.parts.logs import Setting, setting, trace
from stages.sgd.parts.models import Epoch, stated_parameters
from stages.sgd.parts.scores import verdicts
from stages.sgd.recipes.recipe import Problem, Program, Recipe
from stages.sgd.recipes.schema import Examples, Objective, Replicas, Section, Seed
from stages.sgd.record import DivergedError, record

RESULTS = ("theta.npz", "history.csv", "replicas.csv")  # what both implementations write


class Protocol(Section):
    """What every protocol run shares."""

    seed: Seed
    replicas: Replicas


class Fresh(Section):
    """Examples of a classifier's dataset that no run has seen."""

    seed: Seed
    examples: Examples


class Job(NamedTuple):
    """What is to be run.

    Attributes
    ----------
    key : str
        Where params.yaml has it.
    problem : str
        Which problem judges it.
    objective : Objective
        That problem's.
    recipe : Recipe
        What to compute.
    implementation : {'numpy', 'torch'}
        By which trainer.
    seed : int
        Of generators of its own.
    """

    key: str
    problem: str
    objective: Objective
    recipe: Recipe
    implementation: str
    seed: int


def main(key: str, implementation: str | None, traced: bool) -> None:
    """Run a problem under the common protocol, or a program as written.

    Parameters
    ----------
    key : str
        `problems.<name>` or `programs.<name>`: a section of params.yaml.
    implementation : {'numpy', 'torch'}, optional
        Of a problem: both start from the same initial parameters and see the same order of
        examples. A program has its own.
    traced : bool
        Print what replica 0 does instead of writing files.

    Raises
    ------
    InputError
        If the recipe can not be run, or diverges.
    """
    job = protocol_job(key, implementation) if implementation else program_job(key)
    try:
        if traced:
            job = job._replace(recipe=job.recipe.model_copy(update={"replicas": 1}))
            where, theta, epochs = start(job, followed=1)
            with np.errstate(over="ignore", invalid="ignore"):
                found = trace(epochs, job.recipe, where, theta)
            try:
                print(json.dumps(found, allow_nan=False))
            except ValueError:
                raise DivergedError("diverges, and JSON has no number for that") from None
        else:
            write(job)
    except DivergedError as error:
        rate = f"{key}.learning_rate = {job.recipe.learning_rate}"
        raise files.InputError(f"{parameters.PATH}: {rate}: {error}") from None
    except ValueError as error:
        raise files.InputError(f"{parameters.PATH}: {key}: {error}") from None


def protocol_job(key: str, implementation: str) -> Job:
    """Return what a problem's run under the protocol is."""
    problem = parameters.load(key, Problem)
    protocol = parameters.load("protocol", Protocol)
    recipe, name = problem.recipe(protocol.replicas), key.removeprefix("problems.")
    return Job(key, name, problem.objective, recipe, implementation, protocol.seed)


def program_job(key: str) -> Job:
    """Return what a program's run is."""
    program = parameters.load(key, Program)
    objective = parameters.load(f"problems.{program.problem}.objective", Objective)
    try:
        recipe = program.recipe(objective)
    except ValueError as error:
        raise files.InputError(f"{parameters.PATH}: {key}: {error}") from None
    seed = program.order.seed or 0
    return Job(key, program.problem, objective, recipe, program.implementation, seed)


def start(job: Job, followed: int) -> tuple[Setting, np.ndarray, Iterator[Epoch]]:
    """Return a run's examples, its initial parameters and its epochs, some replicas followed.

    Raises
    ------
    InputError
        If the dataset's file is not what its section of params.yaml draws.
    ValueError
        If the recipe and the data do not go together.
    """
    recipe, name = job.recipe, job.recipe.dataset
    section = parameters.load(f"datasets.{name}", DATASETS[name][0])
    stated, path = draw(section), f"data/{name}.csv"
    X, y = files.read_examples(path, classes=not recipe.network)
    if not (np.array_equal(X, stated.X) and np.array_equal(y, stated.y)):
        raise files.InputError(f"{path}: is not what datasets.{name} draws")
    data = draw(section, recipe.data)
    where = setting(recipe, data)
    key = job.key.partition(".")[2]
    theta, order = draw_run(recipe, data, where.trained, job.seed, key)
    train = import_module(f"stages.sgd.by_{job.implementation}").train
    eta = rates(recipe, len(where.trained[1]))
    epochs = train(recipe, where.trained, theta, order, eta, followed)
    count = len(recipe.lengths(len(where.trained[1])))
    return where, theta, tqdm(epochs, f"{key} {job.implementation}", count, disable=None)


def write(job: Job) -> None:
    """Write the history, the replicas, the final parameters and the metrics of a run.

    A protocol run writes its recipe too, which names the implementation. Without a file that
    differs, DVC would find one implementation's outputs in its cache, of the other's making, and
    never run it. PyTorch's metrics are how its files differ from NumPy's.
    """
    recipe, objective = job.recipe, job.objective
    fresh = parameters.load("fresh", Fresh)
    examples = files.read_examples(f"data/{recipe.dataset}.csv", classes=not recipe.network)
    optimum = files.read_json(f"metrics/{job.problem}/exact.json")["objective"]
    protocol = job.key.startswith("problems.")
    where, _, epochs = start(job, followed=0 if protocol else 1)
    run = record(epochs, recipe, objective, examples, optimum, None if protocol else where)
    if not recipe.network:
        section = parameters.load(f"datasets.{recipe.dataset}", DATASETS[recipe.dataset][0])
        unseen = draw(section.model_copy(update=dict(fresh)))
        theta = stated_parameters(recipe, run.arrays["theta"].T)
        judged = verdicts(objective, theta, unseen.X, unseen.y)
        run.replicas["fresh_accuracy"] = judged["accuracy"]
    name = job.key.partition(".")[2]
    solver, arrays, metrics = name, run.arrays, run.metrics
    folder = f"data/programs/{name}"
    if protocol:
        solver, folder = job.implementation, f"data/runs/{name}/{job.implementation}"
        arrays = {key: array for key, array in run.arrays.items() if key != "losses"}
        described = {"implementation": job.implementation, **recipe.model_dump()}
        files.write_json(f"{folder}/recipe.json", described)
    files.write_arrays(f"{folder}/{'theta' if protocol else 'run'}.npz", **arrays)
    files.write_table(f"{folder}/history.csv", run.history)
    files.write_table(f"{folder}/replicas.csv", run.replicas)
    if protocol and job.implementation == "torch":
        metrics = agreement(f"data/runs/{name}/numpy", folder)
    else:
        files.write_json(f"metrics/{job.problem}/details/{solver}.json", run.details)
    files.write_json(f"metrics/{job.problem}/{solver}.json", metrics)
    found = metrics.get("verdict") or f"objective {metrics['objective']:.6g}"
    files.say(f"metrics/{job.problem}/{solver}.json", found)


def agreement(first: str, second: str) -> dict[str, str]:
    """Return whether two runs wrote the same bytes, or else the largest difference."""
    if all(filecmp.cmp(f"{first}/{name}", f"{second}/{name}", False) for name in RESULTS):
        return {"verdict": "identical"}
    ends = [
        [
            files.read_arrays(f"{folder}/theta.npz")["theta"],
            *(files.read_table(f"{folder}/{name}").to_numpy() for name in RESULTS[1:]),
        ]
        for folder in (first, second)
    ]
    difference = max(np.abs(a - b).max() for a, b in zip(*ends, strict=True))
    return {"verdict": f"differs by {difference:.1g}"}


def arguments() -> argparse.Namespace:
    """Return the command line's words."""
    parser = argparse.ArgumentParser(prog="python -m stages.run", description=__doc__)
    parser.add_argument("key", help="problems.<name> or programs.<name>, as in params.yaml")
    parser.add_argument(
        "implementation", nargs="?", choices=("numpy", "torch"), help="of a problem"
    )
    parser.add_argument("--trace", action="store_true", help="print replica 0, write no file")
    words = parser.parse_args()
    section = words.key.partition(".")[0]
    if section not in ("problems", "programs") or (section == "problems") != bool(
        words.implementation
    ):
        parser.error("a problem takes numpy or torch after it; a program has its own")
    return words


if __name__ == "__main__":
    words = arguments()
    main(words.key, words.implementation, words.trace)
