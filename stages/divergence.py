"""Try problems 4 and 5 on random mass functions: python -m stages.divergence."""

from typing import Annotated

import numpy as np
from pydantic import Field
from tqdm import tqdm

from stages.common import files, parameters
from stages.sgd.divergences import jensen_gap, kl_divergence
from stages.sgd.recipes.schema import Positive, Section, Seed

PINSKER_ROUNDING = 1e-6  # p and q sum to 1 to rounding, which near pairs magnify


class Divergence(Section):
    """Which mass functions are tried: `pairs` of each kind."""

    seed: Seed
    pairs: Annotated[int, Field(ge=1, le=100_000)]
    dimensions: Annotated[list[Annotated[int, Field(ge=2, le=1000)]], Field(min_length=1)]
    concentrations: Annotated[list[Positive], Field(min_length=1)]
    nearness: Annotated[list[Annotated[float, Field(ge=1e-7, lt=1)]], Field(min_length=1)]


def main() -> None:
    """Write `metrics/divergence.json`: counts, and the least value of each inequality."""
    section = parameters.load("divergence", Divergence)
    rng = np.random.default_rng(section.seed)
    kl = {"pairs": 0, "infinite": 0, "not_positive": 0, "equal_pairs": 0, "equal_not_zero": 0}
    least, least_ratio = np.inf, np.inf
    for dimension in tqdm(section.dimensions, "divergence", disable=None):
        for concentration in section.concentrations:
            p, q = mass_functions(rng, section, dimension, concentration)
            bound = np.abs(p - q).sum(axis=1) ** 2 / 2  # Pinsker's
            apart = bound >= np.finfo(float).tiny  # by what a divergence can be as a float
            divergence, bound = kl_divergence(p, q)[apart], bound[apart]
            finite = np.isfinite(divergence)
            kl["pairs"] += int(apart.sum())
            kl["infinite"] += int((~finite).sum())
            kl["not_positive"] += int((divergence <= 0).sum())
            kl["equal_pairs"] += len(p)
            kl["equal_not_zero"] += int((kl_divergence(p, p) != 0).sum())
            least = min(least, divergence.min(initial=np.inf))
            least_ratio = min(least_ratio, (divergence / bound).min(initial=np.inf))
    if not np.isfinite(least):
        key = f"divergence.concentrations = {section.concentrations}"
        raise files.InputError(f"{parameters.PATH}: {key}: leave no pair with a finite divergence")
    kl |= {"least": float(least), "least_pinsker_ratio": float(least_ratio)}
    kl["pinsker_holds"] = bool(least_ratio >= 1 - PINSKER_ROUNDING)
    files.write_json("metrics/divergence.json", {"kl": kl, "jensen": jensen(rng, section)})
    files.say("metrics/divergence.json", f"{kl['not_positive']} of {kl['pairs']} not positive")


def mass_functions(
    rng: np.random.Generator, section: Divergence, dimension: int, concentration: float
) -> tuple[np.ndarray, np.ndarray]:
    """Draw pairs of mass functions: independent ones, near ones, and ones with zeros.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of the draws.
    section : Divergence
        How many of each kind, and how near.
    dimension : int
        Number of outcomes.
    concentration : float
        Parameter of the symmetric Dirichlet distribution, nearly degenerate if small and
        nearly uniform if large.

    Returns
    -------
    p, q : numpy.ndarray, shape (pairs, dimension)
        Mass functions.
    """
    p, q = rng.dirichlet(np.full(dimension, concentration), (2, section.pairs))
    pairs = [(p, q)]
    for nearness in section.nearness:
        near = p * (1 + nearness * rng.uniform(-1, 1, p.shape))
        pairs.append((p, near / near.sum(axis=1, keepdims=True)))
    zeros = []
    for mass in (p, q):
        kept = mass * (rng.random(mass.shape) < 0.5)
        kept[np.arange(len(kept)), mass.argmax(axis=1)] = mass.max(axis=1)
        zeros.append(kept / kept.sum(axis=1, keepdims=True))
    pairs += [(zeros[0], q), (p, zeros[1]), tuple(zeros)]
    left, right = zip(*pairs, strict=True)
    return np.concatenate(left), np.concatenate(right)


def jensen(rng: np.random.Generator, section: Divergence) -> dict[str, float]:
    """Return how many Jensen gaps of −log were tried, were not positive, and the least.

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws x, log-normal, and weights, uniform.
    section : Divergence
        How many pairs, and how near the second x is to the first.
    """
    x = np.exp(3 * rng.standard_normal(section.pairs))
    others = [np.exp(3 * rng.standard_normal(section.pairs))]
    others += [x * (1 + nearness) for nearness in section.nearness]
    share = rng.uniform(0.01, 0.99, section.pairs)
    weights = np.stack([share, 1 - share], axis=-1)
    gaps = np.concatenate([jensen_gap(np.stack([x, o], axis=-1), weights) for o in others])
    return {
        "pairs": len(gaps),
        "not_positive": int((gaps <= 0).sum()),
        "least": float(gaps.min()),
    }


if __name__ == "__main__":
    main(*parameters.words(__doc__, 0, 0))
