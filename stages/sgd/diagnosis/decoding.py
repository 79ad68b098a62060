"""Example by example: a curve of single steps tells which example each of them saw.

A program that starts at a known θ₀ and logs every step needs no seed to be known. Of the N examples
that a step may have seen, few write the digits that come next; those are followed, and what is
left after the last value is the order. A learning rate that is not stated is solved for from the
first value that depends on it, for every choice of the examples before.
"""

from collections.abc import Iterator
from itertools import chain, takewhile
from math import lgamma, log
from typing import NamedTuple

import numpy as np

from stages.sgd.diagnosis.candidates import Option
from stages.sgd.diagnosis.ground import Quest
from stages.sgd.diagnosis.reading import Rate, Reader
from stages.sgd.diagnosis.search import turns
from stages.sgd.recipes.fields import PERMUTED
from stages.sgd.recipes.recipe import Recipe

MOST = 6000  # candidates
EFFORT = 30_000_000  # columns advanced
KNOWN = "zeros", "ones"  # laws of θ₀ that draw nothing
AT_ONCE = 60  # learning rates held against the values together
ORDERS = ("order.law", "order.examples")  # judged by the order that is found


class Decoded(NamedTuple):
    """What writes a curve with some order of examples, and its log probability."""

    options: tuple[Option, ...]
    recipe: Recipe
    rate: float
    score: float


class Orders(Quest):
    """The search for what agrees with every digit in some order; parameters as a quest's."""

    def __init__(self, *quest: object) -> None:
        super().__init__(*quest)
        steps = self.curve.positions - min(self.curve.positions[0], 1)
        self.spent = 0
        self.silent: dict[object, bool] = {}  # of each recipe read, whether no order agrees
        self.readable = self.curve.unit == "step" and bool((steps == np.arange(len(steps))).all())
        options = self.vocabulary.options
        self.orders = [o for o in options if o.kind in ORDERS]
        self.options = [
            o for o in options if not o.kind.startswith(("order", "start", "batch", "steps"))
        ]

    def covers(self, recipe: Recipe) -> bool:
        """Say whether a recipe of a known θ₀ can be found here."""
        return (
            self.readable
            and not recipe.network
            and recipe.batch.size == 1
            and recipe.log.every == 1
            and recipe.precision == "float64"
        )

    def refutes(self, recipe: Recipe) -> bool:
        """Say whether a recipe's θ₀ is known and no order makes it agree."""
        drawn = recipe.start.stream == "own" and recipe.start.law not in KNOWN
        if drawn or not self.covers(recipe):
            return False
        if (key := self._key(recipe)) not in self.silent:
            reader = Reader(self, recipe, whole=False)
            with np.errstate(all="ignore"):
                parts = map(_parts, self._rates(reader))
                found = any(one for some in chain(*parts) for one in reader.read(some))
            self.silent[key] = not (found or reader.unsure)
        return self.silent[key]

    def _key(self, recipe: Recipe) -> object:
        """Return what an order's reading depends on."""
        start = repr(recipe.start) if recipe.start.law not in KNOWN else recipe.start.law
        skipped = {"order", "start", "replicas", "learning_rate", "updates", "epochs"}
        return start, repr([value for name, value in recipe if name not in skipped])

    def _read(self, recipe: Recipe) -> Iterator[tuple[float, list[tuple[np.ndarray, ...]]]]:
        """Yield each learning rate with which some order makes a recipe agree, and the orders."""
        reader, found = Reader(self, recipe), False
        certain, others = self._rates(reader)
        for some in _parts(certain):
            for one in reader.read(some):
                found = True
                yield one
        found = found or any(one for some in _parts(others) for one in reader.read(some))
        self.spent += reader.spent
        self.silent[self._key(recipe)] = not (found or reader.unsure)

    def _rates(self, reader: Reader) -> tuple[list[Rate], list[Rate]]:
        return ([Rate(self.rate, 0.0)], []) if self.rate else reader.rates()

    def run(self) -> list[Decoded]:
        """Return the candidates with the fewest deviations that some order makes agree."""
        if not self.readable:
            return []
        with np.errstate(all="ignore"):
            for size in range(self.search.at_once + 1):
                found = [d for options in self._sets(size) for d in self._decoded(options)]
                if found:
                    return found
        return []

    def _sets(self, size: int) -> Iterator[tuple[Option, ...]]:
        begun = (
            (choice, self.vocabulary.sets(choice, (), self.options, size))
            for choice in self.vocabulary.choices
            for recipe in [self.vocabulary.build(choice)]
            if self.covers(recipe) and (size < 2 or recipe.start.law == "zeros")
        )
        return takewhile(lambda _: self.tried < MOST and self.spent < EFFORT, turns(begun))

    def _decoded(self, options: tuple[Option, ...]) -> Iterator[Decoded]:
        """Yield a candidate with each law of its order that the curve allows."""
        self.tried += 1
        begun = self.vocabulary.build(options)
        many = len(self.ground.setting(begun).trained[1])
        for rate, orders in self._read(begun):
            odds = sum(log(o.odds) for o in options)
            for more in ((), *((o,) for o in self.orders)):
                if not self.vocabulary.goes(*self.parts((*options, *more))):
                    continue
                recipe = self.vocabulary.build((*options, *more))
                score = odds + sum(log(o.odds) for o in more)
                score += np.logaddexp.reduce([probability(recipe, many, *each) for each in orders])
                if score > -np.inf:
                    yield Decoded((*options, *more), recipe, rate, score)


def probability(recipe: Recipe, many: int, order: np.ndarray, sure: np.ndarray) -> float:
    """Return the log probability of an order of examples under a recipe's law.

    Parameters
    ----------
    recipe : Recipe
        Its `order`.
    many : int
        Examples trained on.
    order : numpy.ndarray of int, shape (T,)
        Examples seen.
    sure : numpy.ndarray of bool, shape (T,)
        Which of them no other could stand for.
    """
    law, among = recipe.order.law, recipe.order.examples or many
    steps = len(order)
    if (order[sure] >= among).any():
        return -np.inf
    if law == "cyclic":
        return 0.0 if (order == np.arange(steps) % among)[sure].all() else -np.inf
    if law not in PERMUTED:
        return -steps * log(among)
    if law == "permutation":
        periodic = all(
            (order[k:][both] == order[:-k][both]).all()
            for k in range(among, steps, among)
            for both in [sure[k:] & sure[:-k]]
        )
        if not periodic:
            return -np.inf
        steps = min(steps, among)
    total = 0.0
    for begin in range(0, steps, among):
        part, certain = order[begin : begin + among], sure[begin : begin + among]
        if len(set(part[certain].tolist())) < certain.sum():
            return -np.inf
        if begin + len(part) <= steps or law != "permutation":
            total -= lgamma(among + 1) - lgamma(among - len(part) + 1)
    return total


def _parts(rates: list[Rate]) -> Iterator[list[Rate]]:
    return (rates[n : n + AT_ONCE] for n in range(0, len(rates), AT_ONCE))
