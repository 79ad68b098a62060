"""What explains a curve, how probably, and what to say of it to whoever wrote the program."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from stages.sgd.diagnosis.candidates import Curve, Scored
from stages.sgd.diagnosis.columns import Columns
from stages.sgd.diagnosis.ground import Ground
from stages.sgd.diagnosis.rivals import METHODS, Method, rival
from stages.sgd.recipes.recipe import Recipe
from stages.sgd.recipes.schema import Section

CREDIBLE = 0.9
CLASS = 0.99  # of those that write every digit, none of which a curve tells from the others
UNFIT = 0.02  # a rank of the distance below it says that a candidate does not fit the curve
NOTABLE = 0.05  # probability of a candidate whose fit counts
REPLICAS = 50  # of the bands, and of a program whose own random numbers nobody knows
POINTS = 400  # of the series that are drawn


class Explanation(NamedTuple):
    """A recipe that explains the curve, and how probable it is."""

    recipe: Recipe
    probability: float


class Answer(NamedTuple):
    """What a search comes to.

    Attributes
    ----------
    verdict : {'exactly', 'in distribution', 'not at all'}
        How the curve is explained.
    found : list of Explanation
        What explains it, the most probable first.
    tried, used : int
        Candidates, and values of the curve.
    fit : float
        The rank of the curve's distance from the best among its replicas.
    methods : list of Method
        What may have written it as well, or instead.
    read : bool
        The order of the examples was read off the curve.
    """

    verdict: str
    found: list[Explanation]
    tried: int
    used: int
    fit: float
    methods: Sequence[Method] = ()
    read: bool = False


def judged(scored: Sequence[Scored]) -> tuple[str, list[Explanation], float, list[Method]]:
    """Return the verdict on what was compared in distribution, what explains it, fit and methods.

    Nothing explains a curve if rivals are together more probable than all candidates, or if each
    candidate of notable probability is refused by the test of fit.
    """
    plain = [s for s in scored if not rival(s.options)]
    if not plain:
        return "not at all", [], 0.0, notable(scored)
    odds = np.exp([s.score - plain[0].score for s in scored])
    among = np.array([not rival(s.options) for s in scored])
    shares = odds[among] / odds[among].sum()
    fit = max(s.fit for s, share in zip(plain, shares, strict=True) if share >= NOTABLE)
    told = odds[among].sum() >= odds[~among].sum() and fit >= UNFIT
    recipes = [s.recipe.model_copy(update={"learning_rate": s.rate, "replicas": 1}) for s in plain]
    verdict = "in distribution" if told else "not at all"
    return verdict, ranked(recipes, shares), fit, notable(scored)


def notable(scored: Sequence[Scored]) -> list[Method]:
    """Return the methods of notable probability among all that was compared, the likeliest first.

    Those that fail the test of fit are left out.
    """
    odds = np.exp([s.score - max(t.score for t in scored) for s in scored])
    shares, best = Counter(), {}
    for s, share in zip(scored, odds / odds.sum(), strict=True):
        if (option := rival(s.options)) and s.fit >= UNFIT:
            shares[option.kind] += float(share)
            best.setdefault(option.kind, s.rate)
    return [
        Method(METHODS[kind], best[kind], p) for kind, p in shares.most_common() if p >= NOTABLE
    ]


def ranked(recipes: Sequence[Recipe], odds: np.ndarray) -> list[Explanation]:
    """Return recipes with probabilities, the most probable first."""
    shares = odds / odds.sum()
    order = np.argsort(-shares, kind="stable")
    return [Explanation(recipes[n], float(shares[n])) for n in order]


def credible(found: Sequence[Explanation], verdict: str = "in distribution") -> list[Explanation]:
    """Return the fewest that hold 90 % of the probability, 99 % if each explains exactly."""
    total = np.cumsum([e.probability for e in found])
    share = CLASS if verdict == "exactly" else CREDIBLE
    return list(found[: int(np.searchsorted(total, share)) + 1])


def told(recipe: Recipe, curve: Curve, trained: int) -> Recipe:
    """Return the recipe as a program would be written, its length and log those of the curve."""
    index = int(curve.positions[-1] - min(curve.positions[0], 1)) + 1
    steps, log = {"updates": index, "epochs": None}, recipe.log
    if curve.unit == "epoch":
        steps = {"updates": None, "epochs": index}
        if log.every != "epoch":
            log = log.model_copy(update={"every": recipe.steps_an_epoch(trained)})
    elif isinstance(log.every, int):
        steps["updates"] = index * log.every
    return recipe.model_copy(update=steps | {"log": log})


def bands(
    curve: Curve, section: Section, best: Recipe, explains: bool, asked: Recipe
) -> dict[str, np.ndarray]:
    """Return the curve with the bands of the best recipe, if it explains, and the right program's.

    The right program has the best recipe's learning rate, and logs what that logs.
    Replicas see other examples; they start alike where θ₀ comes from the stream of the data.
    """
    chosen = np.unique(np.round(np.geomspace(1, len(curve.values), POINTS)).astype(int)) - 1
    table = {curve.unit: curve.positions[chosen], "loss": curve.values[chosen]}
    every = "epoch" if curve.unit == "epoch" else best.log.every
    means = curve.unit == "step" and every == "epoch"
    right = asked.model_copy(
        update={
            "learning_rate": best.learning_rate,
            "log": best.log.model_copy(update={"every": every, "value": _fair(best)}),
            "epochs": None,
            "updates": 1_000_000,
            "steps": best.steps if means else asked.steps,
        }
    )
    vocabulary = _Bare(curve, section)
    for label, recipe in [("best", best)] * explains + [("right", right)]:
        order = recipe.order.model_copy(update={"generator": "default_rng", "seed": 0})
        free = recipe.model_copy(update={"replicas": REPLICAS, "order": order})
        with np.errstate(all="ignore"):
            columns = Columns(Ground(vocabulary), [free])
            values, _ = columns.values(np.array([recipe.learning_rate]), 0, int(chosen[-1]) + 1)
            quantiles = np.quantile(values[chosen], (0.05, 0.5, 0.95), axis=1)
        quantiles = np.where(np.abs(quantiles) < 1e300, quantiles, np.nan)
        parts = (f"{label}_lower", label, f"{label}_upper")
        table |= dict(zip(parts, quantiles, strict=True))
    return table


class _Bare(NamedTuple):
    """What columns need of a vocabulary."""

    curve: Curve
    section: Section


def _fair(recipe: Recipe) -> str:
    return "objective" if recipe.log.value in ("held_out", "worst_margin") else recipe.log.value


def sentence(
    verdict: str,
    recipes: list[dict[str, Any]],
    undone: dict[str, float],
    used: int,
    tried: int,
    methods: Sequence[Method] = (),
    read: bool = False,
) -> str:
    """Return the paragraph for whoever wrote the program."""
    named = [f"{m.words} with a learning rate of {m.learning_rate:.6g}" for m in methods]
    if verdict == "not at all":
        unlike = f"None of the {tried} programs tried "
        unlike += "explains your curve so well as " if named else "writes a curve like this one"
        unlike += f"{' or '.join(named)}{' does' if len(named) == 1 else ' do' if named else ''}"
        return f"{unlike}: what your program does differently is not among the known slips."
    how = "to the last digit" if verdict == "exactly" else "in distribution"
    best = recipes[0]
    if best["recipe"].get("precision") == "float32":
        how = "to the digits that single precision carries"
    if read:
        how += ", its examples in an order that the curve itself tells,"
    slips = [d["words"] for d in best["deviations"]]
    text = f"{used} values of your curve are explained {how} by a learning rate of "
    text += f"{best['learning_rate']:.6g} and "
    one = len(slips) == 1
    these = "this deviation" if one else "these deviations"
    text += f"{these}: {'; '.join(slips)}." if slips else "no deviation at all."
    if others := len(recipes) - 1:
        many = "Another recipe" if others == 1 else f"{others} other recipes"
        text += f" {many} can not be told apart from it by this curve."
    if named:
        text += f" What no recipe can say may have written it too: {', or '.join(named)}."
    if "as it is" in undone and slips:
        ends = {key: f"{value:.4g}" for key, value in undone.items()}
        own = verdict == "exactly" and not read
        text += f" {'Your program ends at an' if own else 'Such a program ends at a median'}"
        text += f" objective of {ends['as it is']}"
        repaired = ends.get(best["deviations"][0]["field"] if one else "all")
        them = "it" if one else "all of them"
        if repaired == ends["as it is"]:  # as where what is logged deviates, and nothing else
            text += f", as it would with {them} undone"
        elif repaired is not None:
            text += f"; with {them} undone it would {'have ended' if own else 'end'} at {repaired}"
        text += "."
    return text
