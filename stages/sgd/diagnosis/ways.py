"""The ways in which a curve is explained, one after the other."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from stages.sgd.diagnosis.candidates import Curve, Search
from stages.sgd.diagnosis.decoding import Orders
from stages.sgd.diagnosis.explanations import Answer, judged, ranked
from stages.sgd.diagnosis.ground import Ground
from stages.sgd.diagnosis.likelihood import Laws
from stages.sgd.diagnosis.search import Digits
from stages.sgd.diagnosis.sieve import Sieve
from stages.sgd.diagnosis.vocabulary import Vocabulary
from stages.sgd.recipes.recipe import Recipe
from stages.sgd.recipes.schema import Section

GROUNDS = {True: 1, False: 2}  # of seeded programs and of others: a curve needs as many

Kept = dict[tuple[bool, str], Ground]


class Case(NamedTuple):
    """What is known of a program and its curve, and how much to try.

    Attributes
    ----------
    base : Recipe
        The stated problem's, with what is known of the program.
    fixed : sequence of str
        Dotted fields that are known.
    search : Search
        What to try.
    curve : Curve
        What is to be explained.
    rate : float or None
        The learning rate, where it is known.
    section : Section
        The dataset's.
    kept : dict
        Of cases that differ in no more than their curves' values and the rates stated: what
        they share.
    """

    base: Recipe
    fixed: Sequence[str]
    search: Search
    curve: Curve
    rate: float | None
    section: Section
    kept: Kept | None = None

    def quest(self, search: Search, seeded: bool) -> tuple[Any, ...]:
        """Return what a search starts from."""
        told = self.base, sorted(self.fixed), search, self.section
        told = *told, self.rate is None, self.curve.unit, self.curve.positions.tolist()
        key = seeded, repr(told)
        kept = {} if self.kept is None else self.kept
        if key not in kept:
            vocabulary = Vocabulary(
                self.base, self.fixed, search, self.curve, self.rate is None, self.section, seeded
            )
            others = [other for other in kept if other[0] is seeded]
            for other in others[: len(others) + 1 - GROUNDS[seeded]]:
                del kept[other]
            kept[key] = Ground(vocabulary)
        return kept[key], self.curve, search, self.rate


def explain(case: Case, ways: Sequence[str]) -> Answer:
    """Return what the first of the ways that explains the curve comes to, or else the last.

    Parameters
    ----------
    case : Case
        What is known.
    ways : sequence of str
        Keys of `WAYS`, tried in turn until one explains the curve.
    """
    tried = 0
    for way in ways:
        answer = WAYS[way](case)
        tried += answer.tried
        if answer.found:
            break
    return answer._replace(tried=tried)


def seeded(kind: type[Digits], way: str, case: Case) -> Answer:
    """Return what a search finds of a program whose random numbers are known."""
    digits = kind(*case.quest(case.search, seeded=True))
    found = getattr(digits, way)()
    if not found:
        return Answer("not at all", [], digits.tried, len(case.curve.values), 0.0)
    odds = np.array([c.odds for c in found])
    recipes = [c.recipe.model_copy(update={"learning_rate": c.star}) for c in found]
    return Answer("exactly", ranked(recipes, odds), digits.tried, len(case.curve.values), 1.0)


def unseeded(case: Case) -> Answer:
    """Return what `explain` does, of a program whose random numbers nobody knows."""
    orders = orders_of(case)
    read = orders.run()
    if read:
        odds = np.exp(np.array([d.score for d in read]) - max(d.score for d in read))
        recipes = [d.recipe.model_copy(update={"learning_rate": d.rate}) for d in read]
        used = len(case.curve.values)
        return Answer("exactly", ranked(recipes, odds), orders.tried, used, 1.0, read=True)
    laws = Laws(*case.quest(case.search, seeded=False), refuted=orders.refutes)
    verdict, ranking, fit, named = judged(laws.run())
    tried, used = orders.tried + laws.tried, laws.rows(laws.steps)
    return Answer(verdict, ranking, tried, used, fit, named)


def orders_of(case: Case) -> Orders:
    """Return the search for an order: of programs that start where a seeded one does."""
    known = case.search.unseeded.model_copy(update={"start": case.search.choices.start})
    begun = case.search.model_copy(update={"unseeded": known})
    return Orders(*case.quest(begun, seeded=False))


WAYS = {
    "few": partial(seeded, Sieve, "few"),
    "many": partial(seeded, Sieve, "many"),
    "solved": partial(seeded, Digits, "run"),
    "unseeded": unseeded,
}
BEGUN = "many", "few", "unseeded", "solved"  # so: two processes end together
