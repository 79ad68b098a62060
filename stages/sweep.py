"""How a problem ends at many learning rates: python -m stages.sweep."""

import math
from collections.abc import Iterator
from typing import Annotated, Any

import numpy as np
from pydantic import Field
from scipy.special import expit

from stages.cluster import shards
from stages.common import files, parameters
from stages.sgd.by_numpy import Batch
from stages.sgd.parts.datasets import DATASETS, draw
from stages.sgd.parts.draws import draw_run
from stages.sgd.parts.logs import setting
from stages.sgd.parts.losses import DERIVATIVES
from stages.sgd.parts.scores import objective, verdicts
from stages.sgd.recipes.recipe import Stated
from stages.sgd.recipes.schema import Count, Name, Positive, Replicas, Section, Seed

ZERO = {"hinge": 1.0, "logistic": math.log(2)}  # the objective of θ = 0
# A step at a large rate can magnify a difference, down to that in the last digit between one
# processor's np.exp and another's. SciPy's logistic function is the C library's on all of them.
EXACT = DERIVATIVES | {("logistic", "exact"): lambda z, y, x, out: -y * expit(-y * z)}
BLOCK = 64  # replicas that advance together, at all rates: what a processor's cache holds


class Rates(Section):
    """`count` learning rates from `lower` on, so many a decade."""

    lower: Positive
    a_decade: Count
    count: Annotated[int, Field(ge=2, le=1000)]

    def values(self) -> list[float]:
        """Return them, to the digits that are written."""
        exponents = np.arange(self.count) / self.a_decade
        return files.round_array(self.lower * 10.0**exponents).tolist()


class Sweep(Section):
    """What is trained at many learning rates.

    Attributes
    ----------
    problems : list of str
        Which; classifiers.
    rates : Rates
        Learning rates.
    replicas : int
        At each, the protocol's first.
    epochs : int
        As many for every problem and rate.
    diverged : float
        A replica has diverged if its objective is not finite, or more than so many times
        that of θ = 0.
    """

    problems: Annotated[list[Name], Field(min_length=1)]
    rates: Rates
    replicas: Replicas
    epochs: Count
    diverged: Annotated[float, Field(ge=1, le=1e6)]


def main() -> None:
    """Write `metrics/sweep.json`: what each problem came to, a list entry a learning rate.

    `steps` are taken at each; `initial` is the gap of θ = 0. `gap` is the stated objective less its
    exact optimum at the end: its median over all replicas, with the 5 % and 95 % quantiles `lower`
    and `upper`, none where that is not finite; `loss` the median of the sampled loss over the last
    tenth of the epochs; `diverged` and `separates` the share of replicas that diverge, and that
    have every example on its side.

    Raises
    ------
    InputError
        If a problem is not there, or no classifier.
    """
    sweep = parameters.load("sweep", Sweep)
    seed = parameters.load("protocol.seed", Seed)
    problems = parameters.load_copy("stated", dict[Name, Stated])
    rates, pieces, steps = sweep.rates.values(), [], {}
    for name in sweep.problems:
        if name not in problems or problems[name].objective.model == "two_layer":
            known = [p for p, v in problems.items() if v.objective.model != "two_layer"]
            key = f"{parameters.PATH}: sweep.problems: {name!r}"
            raise files.InputError(f"{key}: must be {', '.join(known)}")
        stated = problems[name]
        section = parameters.load(f"datasets.{stated.dataset}", DATASETS[stated.dataset][0])
        steps[name] = sweep.epochs * stated.recipe(1).steps_an_epoch(section.examples)
        values = stated.model_dump(exclude_unset=True), section.model_dump()
        for first, count in blocks(sweep.replicas):
            pieces.append((name, *values, seed, sweep.epochs, rates, first, count))
    found = dict(shards.spread(descend, pieces, "sweep"))
    results = {}
    for name in sweep.problems:
        ends = np.concatenate(
            [found[n] for n, piece in enumerate(pieces) if piece[0] == name], axis=2
        )
        optimum = files.read_json(f"metrics/{name}/exact.json")["objective"]
        zero = ZERO[problems[name].objective.loss]
        told = {"steps": steps[name], "initial": zero - optimum, "learning_rate": rates}
        results[name] = told | summarise(ends, optimum, sweep.diverged * zero)
    files.write_json("metrics/sweep.json", results)
    files.say("metrics/sweep.json", f"{len(results)} problems at {len(rates)} learning rates")


def blocks(replicas: int) -> Iterator[tuple[int, int]]:
    """Yield the first replica, and the number, of each block."""
    for first in range(0, replicas, BLOCK):
        yield first, min(BLOCK, replicas - first)


def descend(
    name: str,
    problem: dict[str, Any],
    section: dict[str, Any],
    seed: int,
    epochs: int,
    rates: list[float],
    first: int,
    count: int,
) -> np.ndarray:
    """Train some replicas of a problem at every rate, all with the same draws.

    Returns
    -------
    numpy.ndarray, shape (3, rates, replicas)
        At the end the stated objective, the share of examples classified, and the mean of the
        sampled loss over the last tenth of the epochs.
    """
    stated = Stated(**problem)
    recipe = stated.recipe(count).model_copy(update={"epochs": epochs, "updates": None})
    data = draw(DATASETS[stated.dataset][0](**section))
    trained = setting(recipe, data).trained
    theta, order = draw_run(recipe, data, trained, seed, name, first)
    many = len(rates)
    batch = Batch([recipe] * many, [trained] * many, count, EXACT)
    state = batch.state(np.tile(theta, (1, many)))
    eta, losses, tail = np.repeat(rates, count)[None], 0.0, max(1, epochs - 9 * epochs // 10)
    with np.errstate(all="ignore"):  # what diverges is counted
        for number, seen in enumerate(order):
            each = np.broadcast_to(eta, (len(seen), eta.shape[1]))
            epoch = batch.advance(state, np.tile(seen, (1, 1, many)), each)
            if number >= epochs - tail:
                losses = losses + epoch.losses.mean(axis=0) / tail
        values = objective(stated.objective, state, data.X, data.y)
        accuracy = verdicts(stated.objective, state, data.X, data.y)["accuracy"]
    return np.stack([values, accuracy, losses]).reshape(3, many, count)


def summarise(ends: np.ndarray, optimum: float, limit: float) -> dict[str, list[float | None]]:
    """Return quantiles and shares over replicas, an entry a rate.

    Parameters
    ----------
    ends : numpy.ndarray, shape (3, rates, replicas)
        As `descend` returns them.
    optimum, limit : float
        The exact minimum, and the objective beyond which a replica has diverged.
    """
    values, accuracy, losses = ends
    values, losses = (np.where(np.isfinite(v), v, np.inf) for v in (values, losses))
    # Of replicas that are there: between two of them there is no value if one is infinite.
    middle, lower, upper = np.quantile(values, (0.5, 0.05, 0.95), axis=1, method="inverted_cdf")
    quantiles = {"gap": middle - optimum, "lower": lower - optimum, "upper": upper - optimum}
    quantiles["loss"] = np.quantile(losses, 0.5, axis=1, method="inverted_cdf")
    written = {
        name: [float(v) if np.isfinite(v) else None for v in row] for name, row in quantiles.items()
    }
    shares = {"diverged": values > limit, "separates": accuracy == 1}
    return written | {name: share.mean(axis=1).tolist() for name, share in shares.items()}


if __name__ == "__main__":
    main(*parameters.words(__doc__, 0, 0))
