"""Rules that turn evidence into a verdict, a sentence and the numbers behind it.

Each is a function of plain arrays and thresholds. A share of replicas, or of pairs of them, has an
interval, and counts as large only if all of the interval is.
"""

from typing import Annotated, NamedTuple

import numpy as np
from pydantic import Field

from stages.sgd.recipes.schema import Count, Section, Seed

Share = Annotated[float, Field(gt=0, lt=1)]


class Bootstrap(Section):
    """How an interval is found: so many resamples of the replicas."""

    seed: Seed
    resamples: Count
    confidence: Share


class Thresholds(Section):
    """What the verdicts are judged by; the comments in params.yaml say of what."""

    level: Share
    near: Share
    agreement: Annotated[float, Field(gt=0.5, lt=1)]
    blamed: Share
    negligible: Share
    reproduced: Share
    gradient_error: Share
    bootstrap: Bootstrap


class Finding(NamedTuple):
    """What became of a claim."""

    verdict: str
    sentence: str
    evidence: dict[str, object]


class Rate(NamedTuple):
    """A share of replicas, or of pairs of them, and its interval."""

    value: float
    lower: float
    upper: float

    def __str__(self) -> str:
        """Return it in words, its interval only where it has a width."""
        if self.lower == self.upper:
            return percent(self.value)
        ends = " to ".join(percent(end) for end in (self.lower, self.upper))
        return f"{percent(self.value)} (interval {ends})"


def share(wins: np.ndarray, bootstrap: Bootstrap) -> Rate:
    """Return the share of true entries, with an interval by resampling along every axis.

    One replica says nothing of others: its interval is the whole of 0 to 1.

    Parameters
    ----------
    wins : numpy.ndarray of bool, shape (replicas,) or (replicas, replicas)
        An entry a replica, or a pair of them.
    bootstrap : Bootstrap
        How.
    """
    rng, matrix = np.random.default_rng(bootstrap.seed), wins.astype(float)
    if 1 in matrix.shape:
        return Rate(float(matrix.mean()), 0.0, 1.0)
    counts = [rng.multinomial(n, np.full(n, 1 / n), bootstrap.resamples) / n for n in matrix.shape]
    rates = counts[0] @ matrix
    if matrix.ndim == 2:
        rates = (rates * counts[1]).sum(axis=1)
    edge = (1 - bootstrap.confidence) / 2
    ends = np.quantile(rates, (edge, 1 - edge)).round(12)
    return Rate(float(matrix.mean()), float(ends[0]), float(ends[1]))


def pairs(larger: np.ndarray, smaller: np.ndarray, rules: Thresholds) -> Rate:
    """Return in what share of pairs of replicas the first quantity exceeds the second."""
    return share(np.asarray(larger)[:, None] > np.asarray(smaller), rules.bootstrap)


def verdict(supported: bool, refuted: bool) -> str:
    """Return the word; what is neither is qualified."""
    return "supported" if supported else "refuted" if refuted else "qualified"


def holds(rate: Rate, rules: Thresholds) -> bool:
    """Say whether the whole interval is at the share `agreement` or above."""
    return rate.lower >= rules.agreement


def fails(rate: Rate, rules: Thresholds) -> bool:
    """Say whether the whole interval is below what is left of `agreement`."""
    return rate.upper < 1 - rules.agreement


def both(findings: dict[str, Finding]) -> Finding:
    """Join findings: supported if all are, refuted if one is."""
    said = [finding.verdict for finding in findings.values()]
    found = verdict(all(v == "supported" for v in said), "refuted" in said)
    sentence = " ".join(finding.sentence for finding in findings.values())
    return Finding(found, sentence, {key: f.evidence for key, f in findings.items()})


def worse(names: list[str], tables: list[dict[str, np.ndarray]], rules: Thresholds) -> Finding:
    """Judge whether the second program ends with the larger loss and the larger variance.

    Supported if both hold, and for the stated objective too; refuted if neither loss does.
    """
    low, high = tables
    columns = ("reported_loss", "objective", "spread")
    rates = {column: pairs(high[column], low[column], rules) for column in columns}
    medians = {column: [float(np.median(t[column])) for t in tables] for column in columns}
    loss, spread = medians["reported_loss"], medians["spread"]
    sentence = (
        f"{_start(names[1])} ends with the larger loss in {rates['reported_loss']} of pairs "
        f"of runs ({loss[1]:.3g} against {loss[0]:.3g}) and with the larger stated objective in "
        f"{rates['objective']}; its loss spreads more in {rates['spread']}, with a standard "
        f"deviation of {spread[1]:.3g} against {spread[0]:.3g}."
    )
    supported = all(holds(rate, rules) for rate in rates.values())
    refuted = fails(rates["reported_loss"], rules) and fails(rates["objective"], rules)
    evidence = {f"{column}_larger": rate._asdict() for column, rate in rates.items()}
    return Finding(verdict(supported, refuted), sentence, {"medians": medians} | evidence)


def better(names: list[str], tables: list[dict[str, np.ndarray]], rules: Thresholds) -> Finding:
    """Judge whether the second program outperforms the first.

    Supported if both the loss it reports and the stated objective are smaller; refuted if the
    stated objective is smaller in none to speak of.
    """
    first, second = tables
    columns = ("reported_loss", "objective")
    rates = {column: pairs(first[column], second[column], rules) for column in columns}
    loss, value = ([float(np.median(t[column])) for t in tables] for column in columns)
    sentence = (
        f"{_start(names[1])} reports the smaller loss in {rates['reported_loss']} of pairs of "
        f"runs ({loss[1]:.3g} against {loss[0]:.3g}); the stated objective at its parameters is "
        f"smaller in {rates['objective']} ({value[1]:.3g} against {value[0]:.3g})."
    )
    found = verdict(
        all(holds(rate, rules) for rate in rates.values()), fails(rates["objective"], rules)
    )
    evidence = {f"{column}_smaller": rate._asdict() for column, rate in rates.items()}
    return Finding(found, sentence, {"reported_loss": loss, "objective": value} | evidence)


def never(counts: dict[str, int], printed: dict[str, int]) -> Finding:
    """Judge whether no step meets the hinge's kink: supported if none does, else refuted."""
    total = sum(counts.values())
    sentence = (
        f"Over every replica and step of {', '.join(counts)}, y·z = 1 occurs {total} times; "
        f"z = 1, which appendix D counts instead, {sum(printed.values())} times."
    )
    evidence = {"kinks": counts, "kinks_printed": printed}
    return Finding(verdict(total == 0, True), sentence, evidence)


def contest(
    names: list[str], criteria: dict[str, tuple[np.ndarray, np.ndarray, int]], rules: Thresholds
) -> Finding:
    """Judge whether the second program beats the first, criterion by criterion.

    Parameters
    ----------
    names : list of str
        The two programs.
    criteria : dict
        By name: values of either, and 1 where more is better, −1 where less is.
    rules : Thresholds
        A criterion is won if better in the share `agreement` of pairs.

    Returns
    -------
    Finding
        Supported if some are won and none lost; refuted if more are lost than won, or none won.
    """
    outcomes, evidence = {"better": [], "worse": [], "neither": []}, {}
    for criterion, (first, second, sign) in criteria.items():
        won, lost = (
            pairs(sign * a, sign * b, rules) for a, b in ((second, first), (first, second))
        )
        outcome = "better" if holds(won, rules) else "worse" if holds(lost, rules) else "neither"
        ends = [float(np.median(second)), float(np.median(first))]
        outcomes[outcome].append(f"{criterion} ({ends[0]:.3g} against {ends[1]:.3g})")
        evidence[criterion] = {"medians": ends[::-1], "won": won._asdict(), "lost": lost._asdict()}
    said = [
        f"{outcome} in {', '.join(found) or 'nothing'}"
        for outcome, found in outcomes.items()
        if found or outcome != "neither"
    ]
    sentence = f"Against {names[0]}, {names[1]} is {', '.join(said[:-1])}, and {said[-1]}."
    won, lost = len(outcomes["better"]), len(outcomes["worse"])
    return Finding(verdict(won > 0 and lost == 0, won == 0 or lost > won), sentence, evidence)


def separable(certificate: dict[str, object], claimed: bool, where: str, wrong: int) -> Finding:
    """Judge by a certificate whether the classes are, or as claimed are not, separable.

    `wrong` is how many examples the exact minimiser misclassifies.
    """
    found = bool(certificate["separable"])
    evidence = {"separable": found, "max_margin": certificate["max_margin"]}
    if found:
        margin = certificate["max_margin"]
        size = "any margin" if margin is None else f"margin {margin:.3g}, the largest"
        sentence = f"{where} separates the classes with {size}."
    else:
        used = sum(multiplier > 1e-9 for multiplier in certificate["margin_multipliers"])
        evidence |= {"positive_multipliers": used, "misclassified_by_minimiser": wrong}
        sentence = (
            f"{used} multipliers show a point common to the convex hulls of the two classes, so "
            f"nothing separates them; the exact minimiser misclassifies {wrong}."
        )
    return Finding(verdict(found == claimed, True), sentence, evidence)


def clean(wrong: dict[str, np.ndarray], examples: int, rules: Thresholds) -> Finding:
    """Judge whether a drawn boundary separates: no point of `as_published` is misclassified.

    `same_lambda` is what the exact solution misclassifies, `protocol` what the protocol's does.
    """
    drawn = wrong["as_published"]
    rate = share(drawn == 0, rules.bootstrap)
    medians = {key: float(np.median(value)) for key, value in wrong.items()}
    ends = " to ".join(dict.fromkeys(str(end) for end in (drawn.min(), drawn.max())))
    sentence = (
        f"As published the boundary misclassifies {ends} of {examples} points and "
        f"separates the classes in {rate} of runs; the exact solution for the same λ misclassifies "
        f"{medians['same_lambda']:.3g}, the protocol's SVM {medians['protocol']:.3g}."
    )
    evidence = {"misclassified": medians, "separates": rate._asdict()}
    return Finding(verdict(holds(rate, rules), fails(rate, rules)), sentence, evidence)


def superior(tables: list[dict[str, np.ndarray]], largest: float, rules: Thresholds) -> Finding:
    """Judge the SVM, first, against logistic regression: by errors, then by margin."""
    svm, logistic = tables
    fewer = svm["accuracy"][:, None] > logistic["accuracy"]
    tied = svm["accuracy"][:, None] == logistic["accuracy"]
    rate = share(fewer | (tied & (svm["margin"][:, None] > logistic["margin"])), rules.bootstrap)
    medians = {c: [float(np.median(t[c])) for t in tables] for c in ("accuracy", "margin")}
    (a, b), (m, n) = medians.values()
    sentence = (
        f"The SVM classifies {percent(a)} of the points and logistic regression {percent(b)}, with "
        f"margins {m:.3g} and {n:.3g} of at most {largest:.3g}; the SVM is the better in {rate} of "
        f"pairs of runs."
    )
    found = verdict(holds(rate, rules), fails(rate, rules))
    return Finding(found, sentence, medians | {"better": rate._asdict(), "max_margin": largest})


def percent(part: float) -> str:
    """Return a share in per cent, with one decimal where there is one."""
    return f"{100 * part:.1f}".removesuffix(".0").replace("-", "−") + " %"


def _start(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
