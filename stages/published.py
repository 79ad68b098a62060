"""Run one of the source's six programs, as printed: python -m stages.published appendix_b."""

import sys
from collections.abc import Iterator

import numpy as np

from stages.common import artifacts, parameters, streams
from stages.common.datasets import DATASETS
from stages.common.history import record
from stages.common.problems import Epoch, honest


def main(name: str) -> None:
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
    program = parameters.load(f"published.{name}", parameters.Program)
    stated = parameters.load(f"problems.{program.problem}.objective", parameters.StatedObjective)
    schema, draw_dataset = DATASETS[program.dataset]
    draw = draw_dataset(parameters.load(f"datasets.{program.dataset}", schema))
    path = f"data/{program.dataset}.csv"
    X, y = artifacts.read_examples(path, classes=stated.loss != "squared")
    if not np.array_equal(np.column_stack([X, y]), np.column_stack(list(draw.columns.values()))):
        raise artifacts.InputError(f"{path}: is not what datasets.{program.dataset} draws")
    if program.initial == "numpy_network" and len(draw.theta) != 3 * program.objective.hidden:
        raise artifacts.InputError(
            f"params.yaml: published.{name}.objective.hidden = {program.objective.hidden}: "
            f"must be {len(draw.theta) // 3}, as datasets.{program.dataset}.hidden is"
        )
    losses = np.empty((program.replicas, program.epochs))
    epochs = _keep(streams.run(program, draw, X, y), losses)
    optimum = artifacts.read_json(f"metrics/{program.problem}/exact.json")["objective"]
    run = record(epochs, program, stated, X, y, optimum, name)
    artifacts.write_table(f"data/published/{name}/history.csv", run.history)
    arrays = run.arrays | {"honest": honest(program, run.arrays["theta"]), "losses": losses}
    artifacts.write_arrays(f"data/published/{name}/run.npz", **arrays)
    artifacts.write_json(f"metrics/{program.problem}/{name}.json", run.metrics)


def _keep(epochs: Iterator[Epoch], losses: np.ndarray) -> Iterator[Epoch]:
    for column, epoch in zip(losses.T, epochs, strict=False):
        column[:] = epoch.sampled_loss
        yield epoch


if __name__ == "__main__":
    main(sys.argv[1])
