"""Turn a published program into its reference, factor by factor: python -m stages.ablate svm."""

import sys
from collections.abc import Callable, Sequence
from itertools import product
from math import factorial, gcd

import numpy as np
import pandas as pd
from tqdm import tqdm

from stages.common import files, parameters
from stages.sgd.by_numpy import train_batch
from stages.sgd.datasets import DATASETS, Draw
from stages.sgd.draws import published_start, python_indices
from stages.sgd.models import honest
from stages.sgd.recipe import Dataset, Name, Program, Section, StatedObjective
from stages.sgd.scores import objective

QUANTITIES = ("sampled_loss", "objective")


class Ablation(Section):
    """A published program, and the one it becomes once its deviations are undone."""

    dataset: Dataset
    published: Name
    reference: Name


def main(name: str) -> None:
    """Write `metrics/ablation/<name>.json` and `plots/ablation_<name>.csv`.

    Parameters
    ----------
    name : str
        Key under `ablations` of params.yaml, and the problem's name.
    """
    pair = parameters.load(f"ablations.{name}", Ablation)
    published, reference = (
        parameters.load(f"published.{program}", Program)
        for program in (pair.published, pair.reference)
    )
    stated = parameters.load(f"problems.{name}.objective", StatedObjective)
    X, y = files.read_examples(f"data/{published.dataset}.csv", classes=True)
    schema, draw = DATASETS[published.dataset]
    section = parameters.load(f"datasets.{published.dataset}", schema)
    try:
        factors = differing(published, reference)
    except ValueError as error:
        raise files.InputError(f"params.yaml: ablations.{name}: {error}") from None
    subsets = list(product((False, True), repeat=len(factors)))
    recipes = [subset_recipe(published, reference, factors, subset) for subset in subsets]
    curves, values = run_subsets(recipes, lambda: draw(section), stated, X, y)
    programs = {"published": pair.published, "reference": pair.reference}
    differences = {
        end: largest_difference(curves[end], f"data/published/{program}/run.npz")
        for end, program in programs.items()
    }
    result = {**programs, "factors": factors, "largest_relative_difference": differences}
    shares = {}
    for quantity, value in zip(QUANTITIES, values, strict=True):
        shares[quantity] = shapley(value)
        result[quantity] = {
            "published": float(value[-1].mean()),
            "reference": float(value[0].mean()),
            "shapley": {
                factor: _spread(share)
                for factor, share in zip(factors, shares[quantity], strict=True)
            },
        }
    result["subsets"] = [
        {"deviations": [f for f, on in zip(factors, subset, strict=True) if on]}
        | {q: float(v[n].mean()) for q, v in zip(QUANTITIES, values, strict=True)}
        for n, subset in enumerate(subsets)
    ]
    means = {quantity: share.mean(axis=1) for quantity, share in shares.items()}
    files.write_json(f"metrics/ablation/{name}.json", result)
    files.write_table(f"plots/ablation_{name}.csv", pd.DataFrame({"factor": factors, **means}))


def differing(published: Program, reference: Program) -> list[str]:
    """Return the fields in which two programs differ, beside their libraries.

    Parameters
    ----------
    published, reference : Program
        Programs for one problem and one dataset.

    Returns
    -------
    list of str
        Factors of the ablation.

    Raises
    ------
    ValueError
        If a field differs that the subsets can not share a batch with.
    """
    fields = [
        field
        for field in Program.model_fields
        if field != "implementation" and getattr(published, field) != getattr(reference, field)
    ]
    factors = {"gradient", "label_leak", "regularized", "initial", "epochs", "steps"}
    if wrong := set(fields) - factors:
        raise ValueError(f"the programs must not differ in {', '.join(sorted(wrong))}")
    return fields


def subset_recipe(
    published: Program, reference: Program, factors: Sequence[str], subset: Sequence[bool]
) -> Program:
    """Return the NumPy program with the published value of some factors.

    Parameters
    ----------
    published, reference : Program
        The two ends.
    factors : sequence of str
        Fields in which they differ.
    subset : sequence of bool
        Which factors keep the published value.
    """
    values = {
        factor: getattr(published if deviates else reference, factor)
        for factor, deviates in zip(factors, subset, strict=True)
    }
    return published.model_copy(update=values | {"implementation": "numpy"})


def run_subsets(
    recipes: Sequence[Program],
    draw: Callable[[], Draw],
    stated: StatedObjective,
    X: np.ndarray,
    y: np.ndarray,
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Train every subset in one batch, all on the same draws of examples.

    Epochs differ in length, so the batch advances by units of their greatest common
    divisor, and a subset is read off at the end of its own last epoch. Subsets that differ
    in their number of epochs alone are one training.

    Parameters
    ----------
    recipes : sequence of Program
        The first has no deviation, the last every one.
    draw : callable
        Returns the dataset's draw afresh.
    stated : StatedObjective
        Objective to evaluate.
    X : numpy.ndarray, shape (N, columns)
        Examples.
    y : numpy.ndarray, shape (N,)
        Labels.

    Returns
    -------
    curves : dict of str to numpy.ndarray, shape (replicas, epochs)
        Sampled losses of the 'reference', the first recipe, and of the 'published', the last.
    values : numpy.ndarray, shape (2, recipes, replicas)
        Sampled loss of the last epoch, and objective at its end.
    """
    replicas = recipes[0].replicas
    unit = gcd(*(recipe.steps for recipe in recipes))
    units = [recipe.steps // unit for recipe in recipes]
    ends = [count * recipe.epochs for count, recipe in zip(units, recipes, strict=True)]
    endless = [recipe.model_copy(update={"epochs": 1}) for recipe in recipes]
    trained = list(dict.fromkeys(endless))
    blocks = [trained.index(recipe) for recipe in endless]
    starts = np.concatenate([published_start(recipe, draw(), X, y) for recipe in trained])
    drawn = python_indices(replicas, max(ends), len(y), unit)
    indices = (np.tile(epoch, (1, len(trained))) for epoch in drawn)
    values = np.zeros((2, len(recipes), replicas))
    curves = {"reference": [], "published": []}
    batch = train_batch(trained, X, y, starts, indices)
    for number, epoch in enumerate(tqdm(batch, "ablation", max(ends), disable=None), start=1):
        losses = epoch.sampled_loss.reshape(len(trained), replicas)
        curves["reference"].append(losses[blocks[0]])
        curves["published"].append(losses[blocks[-1]])
        for n, (block, count, end) in enumerate(zip(blocks, units, ends, strict=True)):
            if end - count < number <= end:
                values[0, n] += losses[block] / count
            if number == end:
                rows = slice(block * replicas, (block + 1) * replicas)
                theta = honest(trained[block], epoch.theta[rows])
                values[1, n] = objective(stated, theta, X, y)
    for key, n in (("reference", 0), ("published", -1)):
        kept = np.array(curves[key][: ends[n]]).reshape(recipes[n].epochs, units[n], replicas)
        curves[key] = kept.mean(axis=1).T
    return curves, values


def shapley(values: np.ndarray) -> np.ndarray:
    """Return each factor's Shapley value.

    φᵢ = Σ_S |S|! (n − |S| − 1)! / n! · (v(S ∪ {i}) − v(S)), over the subsets S of the other
    factors. The values of the factors add up to v(all) − v(none).

    Parameters
    ----------
    values : numpy.ndarray, shape (2ⁿ, replicas)
        v, the subsets in the order of binary counting, the first factor the highest bit.

    Returns
    -------
    numpy.ndarray, shape (n, replicas)
        φ.
    """
    n = len(values).bit_length() - 1
    shares = np.zeros((n, *values.shape[1:]))
    for subset in range(len(values)):
        size = subset.bit_count()
        for factor in range(n):
            bit = 1 << (n - 1 - factor)
            if not subset & bit:
                weight = factorial(size) * factorial(n - size - 1) / factorial(n)
                shares[factor] += weight * (values[subset | bit] - values[subset])
    return shares


def largest_difference(curves: np.ndarray, path: str) -> float:
    """Return the largest relative difference from a program's losses, both as written.

    Parameters
    ----------
    curves : numpy.ndarray, shape (replicas, epochs)
        Sampled losses.
    path : str
        The program's `run.npz`.
    """
    expected = files.read_arrays(path)["losses"]
    return float((np.abs(files.round_array(curves) - expected) / expected).max())


def _spread(share: np.ndarray) -> dict[str, float]:
    lower, upper = np.quantile(share, (0.05, 0.95))
    return {"mean": float(share.mean()), "lower": float(lower), "upper": float(upper)}


if __name__ == "__main__":
    main(sys.argv[1])
