"""Example by example: a curve of single steps tells which example each of them saw.

A program that starts at a known θ₀ and logs every step needs no seed to be known. Of the N examples
that a step may have seen, few write the digits that come next; those are followed, and what is
left after the last value is the order. A learning rate that is not stated is solved for from the
first value that depends on it, for every choice of the examples before.
"""

from collections.abc import Iterator
from itertools import islice, takewhile
from math import lgamma, log
from typing import NamedTuple

import numpy as np

from stages.sgd.by_numpy import Batch
from stages.sgd.diagnosis.candidates import Option
from stages.sgd.diagnosis.columns import Quest
from stages.sgd.diagnosis.intervals import crossings, simplest
from stages.sgd.diagnosis.search import turns
from stages.sgd.diagnosis.values import logged
from stages.sgd.recipes.recipe import Recipe

MOST = 6000  # candidates
EFFORT, CALL = 40_000_000, 500  # columns advanced, and as how many a call of the trainer counts
POINTS = 22  # learning rates tried before a value is solved for
DIGITS = 3  # most of a learning rate that is solved for
BEAMS = 3000, 300  # orders followed at once, over the first values and later
FIRST = 3  # how many values are the first
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
        self.spent, self.unsure = 0, False  # whether more orders agreed than were followed
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
            and recipe.schedule.law == "constant"
            and recipe.precision == "float64"
        )

    def refutes(self, recipe: Recipe) -> bool:
        """Say, after the search, whether no order makes a recipe agree."""
        return not self.unsure and recipe.start.law == "zeros" and self.covers(recipe)

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
        reader = Reader(self, self.vocabulary.build(options))
        rates = [self.rate] if self.rate else reader.rates()
        parts = (rates[n : n + AT_ONCE] for n in range(0, len(rates), AT_ONCE))
        for rate, order, sure in (found for part in parts for found in reader.read(part)):
            odds = sum(log(o.odds) for o in options)
            for more in ((), *((o,) for o in self.orders)):
                if not self.vocabulary.goes(*self.parts((*options, *more))):
                    continue
                recipe = self.vocabulary.build((*options, *more))
                score = odds + sum(log(o.odds) for o in more)
                score += probability(recipe, reader.many, order, sure)
                if score > -np.inf:
                    yield Decoded((*options, *more), recipe, rate, score)


class Reader:
    """One candidate, whose columns are orders of examples."""

    def __init__(self, quest: Orders, recipe: Recipe) -> None:
        self.quest, self.recipe, self.where = quest, recipe, quest.ground.setting(recipe)
        self.bounds = quest.search.rates
        self.values, self.slack = quest.curve.values, quest.slack
        self.batch = Batch([recipe], [self.where.trained], 1)
        self.many = len(self.where.trained[1])
        self.theta = quest.ground.drawn(recipe, 1)[1]
        self.before = recipe.log.moment == "before"
        self.path = recipe.log.value != "sampled" or not self.before

    def start(self, count: int) -> np.ndarray:
        """Return the state of so many columns before the first step."""
        return self.batch.state(np.repeat(self.theta, count, axis=1))

    def step(self, state: np.ndarray, seen: np.ndarray, eta: np.ndarray) -> np.ndarray:
        """Take a step of every column, and return what each logs of it."""
        self.quest.spent += len(seen) + CALL
        followed = len(seen) if self.path else 0
        epoch = self.batch.advance(state, seen[None, None], eta[None], followed)
        return logged(self.recipe, self.where, epoch, np.zeros(1, int), np.arange(len(seen)))[0]

    def first(self, eta: np.ndarray, seen: np.ndarray) -> np.ndarray:
        """Return the last value of examples seen, shape (steps, columns)."""
        state = self.start(len(eta))
        for each in seen:
            value = self.step(state, each, eta)
        return value

    def pairs(self, eta: float, last: np.ndarray) -> np.ndarray:
        """Return the first value that depends on η, of every example, then of each of the last."""
        many = np.arange(self.many)
        state, rates = self.start(self.many), np.full(self.many, eta)
        value = self.step(state, many, rates)
        if not self.before:
            return value
        state = np.repeat(state, len(last), axis=-1)
        return self.step(state, np.tile(last, self.many), np.repeat(rates, len(last)))

    def rates(self) -> list[float]:
        """Return the short decimals that the first value which depends on η allows."""
        every, one = np.arange(self.many), np.ones(self.many)
        ahead = int(self.before)
        begun = self.step(self.start(self.many), every, 0 * one)
        if ahead and np.abs(begun - self.values[0]).min() > self.slack[0]:
            return []
        moved = np.abs(self.values[:, None] - begun) > 10 * self.slack[:, None]
        moved = moved.all(axis=1) if np.ptp(begun) == 0 else np.arange(len(moved)) == ahead
        at = int(np.argmax(moved))  # before it η was of no effect
        if not moved[at] or at < ahead:
            return []
        if at > ahead:
            self.step(state := self.start(self.many), every, one)
            same = state == self.start(self.many)
            if not same.all(axis=tuple(range(state.ndim - 1))).any():
                return []
        last = every[:1] if self.path else every
        seen = every[None]
        if ahead:
            seen = np.stack([np.repeat(every, len(last)), np.tile(last, self.many)])
        value, slack = self.values[at], self.slack[at]
        lower, upper = np.log(self.bounds.lower), np.log(self.bounds.upper)
        grid = np.linspace(lower, upper, POINTS)
        off = np.array([self.pairs(float(np.exp(g)), last) for g in grid]) - value
        low, which = np.nonzero(off[:-1] * off[1:] < 0)
        if not len(low):
            return []
        a, b, fa, fb = grid[low], grid[low + 1], off[low, which], off[low + 1, which]
        seen = seen[:, which]

        def miss(log_eta: np.ndarray) -> np.ndarray:
            return self.first(np.exp(log_eta), seen) - value

        b, fb = crossings(miss, a, b, fa, fb, slack / 100)
        slope = np.abs(miss(b + 1e-4) - fb) / 1e-4
        width = np.minimum(1.5 * (slack + np.abs(fb)) / np.maximum(slope, 1e-300), 0.1)
        found = set()
        for x, w, f in zip(b, width, fb, strict=True):
            if abs(f) <= slack:
                for eta in islice(simplest(*np.exp([x - w, x + w]).tolist(), float(np.exp(x))), 1):
                    if float(f"{eta:.{DIGITS - 1}e}") == eta:
                        found.add(eta)
        return sorted(found)

    def read(self, rates: list[float]) -> Iterator[tuple[float, np.ndarray, np.ndarray]]:
        """Yield each learning rate that some order makes agree with every digit.

        With it the order, and which of its examples no other could stand for.
        """
        eta, state = np.array(rates), self.start(len(rates))
        back, cut = [], False
        for row, (value, slack) in enumerate(zip(self.values, self.slack, strict=True)):
            parents = np.repeat(np.arange(len(eta)), self.many)
            seen = np.tile(np.arange(self.many), len(eta))
            state = np.repeat(state, self.many, axis=-1)
            off = np.abs(self.step(state, seen, eta[parents]) - value)
            good = np.flatnonzero(off <= slack)
            if not len(good):
                self.quest.unsure |= cut
                return
            flat = state[..., good].reshape(-1, len(good))
            key = np.round(np.cos(np.arange(len(flat))) @ flat, 11) + 1j * eta[parents[good]]
            _, one, alike = np.unique(key, return_index=True, return_inverse=True)
            sure = np.bincount(alike, minlength=len(one)) == 1
            cut |= len(one) > BEAMS[row >= FIRST]
            nearest = np.argsort(off[good[one]], kind="stable")[: BEAMS[row >= FIRST]]
            chosen, sure = good[one[nearest]], sure[nearest]
            back.append((parents[chosen], seen[chosen], sure))
            eta, state = eta[parents[chosen]], np.ascontiguousarray(state[..., chosen])
        for rate in dict.fromkeys(eta.tolist()):
            n, order, certain = int(np.flatnonzero(eta == rate)[0]), [], []
            for parents, seen, sure in reversed(back):
                order.append(seen[n])
                certain.append(sure[n])
                n = parents[n]
            yield rate, np.array(order[::-1]), np.array(certain[::-1])


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
    if law not in ("permutation", "reshuffle"):
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
        if begin + len(part) <= steps or law == "reshuffle":
            total -= lgamma(among + 1) - lgamma(among - len(part) + 1)
    return total
