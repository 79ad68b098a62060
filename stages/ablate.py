"""Turn a program into its reference, difference by difference: python -m stages.ablate svm."""

from collections.abc import Sequence
from itertools import product
from math import factorial

import numpy as np
from pydantic import ValidationError
from tqdm import tqdm

from stages.common import files, parameters
from stages.sgd.deviations import differences, get, replace
from stages.sgd.parts.datasets import DATASETS, draw
from stages.sgd.parts.models import Examples
from stages.sgd.parts.scores import objective
from stages.sgd.recipes.recipe import Program, Recipe
from stages.sgd.recipes.schema import Dataset, Name, Objective, Section
from stages.sgd.together import train_together

QUANTITIES = ("sampled_loss", "objective")
MOST = 8  # factors, and so 256 subsets


class Ablation(Section):
    """A program, and the one it becomes once its deviations are undone, for one problem."""

    problem: Name
    dataset: Dataset
    program: Name
    reference: Name


def main(name: str) -> None:
    """Write `metrics/ablation/<name>.json`.

    Parameters
    ----------
    name : str
        Key under `ablations` of params.yaml.

    Raises
    ------
    InputError
        If the two programs differ in what can not be undone, or in too much.
    """
    pair = parameters.load(f"ablations.{name}", Ablation)
    stated = parameters.load(f"problems.{pair.problem}.objective", Objective)
    section = parameters.load(f"datasets.{pair.dataset}", DATASETS[pair.dataset][0])
    data = draw(section)
    ends = {}
    for end in ("program", "reference"):
        key = f"programs.{getattr(pair, end)}"
        program = parameters.load(key, Program)
        if (program.problem, program.dataset) != (pair.problem, pair.dataset):
            raise files.InputError(
                f"{parameters.PATH}: ablations.{name}.{end} = {getattr(pair, end)!r}: "
                f"must address problem {pair.problem} on {pair.dataset}"
            )
        try:
            ends[end] = program.recipe(stated)
        except ValueError as error:
            raise files.InputError(f"{parameters.PATH}: {key}: {error}") from None
    try:
        words = differences(ends["program"], ends["reference"])
        if len(words) > MOST:
            raise ValueError(f"the programs differ in {len(words)} fields, at most {MOST} can be")
        recipes = subsets(ends["program"], ends["reference"], list(words))
    except ValidationError as error:
        wrong = parameters.complaint(error, {})
        raise files.InputError(f"{parameters.PATH}: ablations.{name}: {wrong}") from None
    except ValueError as error:
        raise files.InputError(f"{parameters.PATH}: ablations.{name}: {error}") from None
    values, curves = run(recipes, section, stated, (data.X, data.y))
    result = summarise(list(words), values)
    differ = {
        end: largest_difference(curve, f"data/programs/{getattr(pair, end)}/run.npz")
        for end, curve in zip(("program", "reference"), curves, strict=True)
    }
    result = {
        "program": pair.program,
        "reference": pair.reference,
        "factors": list(words),
        "words": words,
        "largest_relative_difference": differ,
        **result,
    }
    files.write_json(f"metrics/ablation/{name}.json", result)
    repaired = differ["reference"]
    files.say(f"metrics/ablation/{name}.json", f"repaired, {repaired:.1g} from the reference")


def subsets(program: Recipe, reference: Recipe, factors: Sequence[str]) -> list[Recipe]:
    """Return the recipe of every subset of the program's deviations, from none to all.

    The subsets are in the order of binary counting, the first factor the highest bit.
    """
    chosen = product((reference, program), repeat=len(factors))
    return [
        replace(program, {f: get(end, f) for f, end in zip(factors, ends, strict=True)})
        for ends in chosen
    ]


def run(
    recipes: Sequence[Recipe], section: Section, stated: Objective, examples: Examples
) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Train every subset, all on the same draws of examples.

    Returns
    -------
    values : numpy.ndarray, shape (2, recipes, replicas)
        Sampled loss of the last epoch, and objective at its end.
    curves : tuple of numpy.ndarray, shape (replicas, epochs)
        Sampled losses of the program, the last recipe, and of the reference, the first.
    """
    outcomes = [None] * len(recipes)
    together = train_together(recipes, section, 0, "ablation")
    for n, outcome in tqdm(together, "ablation", len(recipes), disable=None):
        outcomes[n] = outcome
    values = [
        [outcome.losses[:, -1] for outcome in outcomes],
        [objective(stated, outcome.theta, *examples) for outcome in outcomes],
    ]
    return np.array(values), (outcomes[-1].losses, outcomes[0].losses)


def summarise(factors: Sequence[str], values: np.ndarray) -> dict[str, object]:
    """Return either quantity's ends, Shapley values and subsets."""
    result = {}
    for quantity, value in zip(QUANTITIES, values, strict=True):
        result[quantity] = {
            "program": float(value[-1].mean()),
            "reference": float(value[0].mean()),
            "shapley": {f: _spread(s) for f, s in zip(factors, shapley(value), strict=True)},
        }
    result["subsets"] = [
        {"deviations": [f for f, on in zip(factors, subset, strict=True) if on]}
        | {q: float(v[n].mean()) for q, v in zip(QUANTITIES, values, strict=True)}
        for n, subset in enumerate(product((False, True), repeat=len(factors)))
    ]
    return result


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
    expected, found = files.read_arrays(path)["losses"], files.round_array(curves)
    if found.shape != expected.shape:
        raise files.InputError(f"{path}: losses {expected.shape}: must be {found.shape}")
    scale = np.maximum(np.abs(expected), np.finfo(float).tiny)
    return float((np.abs(found - expected) / scale).max())


def _spread(share: np.ndarray) -> dict[str, float]:
    lower, upper = np.quantile(share, (0.05, 0.95))
    return {"mean": float(share.mean()), "lower": float(lower), "upper": float(upper)}


if __name__ == "__main__":
    main(*parameters.words(__doc__))
