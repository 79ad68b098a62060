"""One candidate held against a curve of single steps, in every order of examples that may be."""

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

import numpy as np

from stages.sgd.by_numpy import Batch
from stages.sgd.diagnosis.ground import Quest
from stages.sgd.diagnosis.intervals import crossings, dips, simplest
from stages.sgd.diagnosis.values import logged
from stages.sgd.recipes.recipe import Recipe

BLOCK = 4000  # columns of a call of the trainer, for which a processor's cache has room
CALL = 500  # columns that take as long as a call of the trainer
POINTS = 22  # learning rates tried before a value is solved for
DIGITS = 3  # most of a learning rate that is solved for
BEAMS = 3000, 300  # orders followed at once, over the first values and later
FIRST = 3  # how many values are the first
WIDE = 0.1  # logarithm of learning rates between which too many decimals lie
TOUCH = 0.03  # of the second difference: how wrong the vertex of a parabola may be
WIDER = 1.5  # than a straight line says that a value, or a learning rate, may be off


class Rate(NamedTuple):
    """A learning rate, and how far its logarithm may be off."""

    eta: float
    width: float


class Reader:
    """One candidate, whose columns are orders of examples.

    Parameters
    ----------
    quest : Quest
        What is searched for.
    recipe : Recipe
        The candidate.
    whole : bool
        Whether to read on where more orders may agree than are followed.
    """

    def __init__(self, quest: Quest, recipe: Recipe, whole: bool = True) -> None:
        self.whole = whole
        self.quest, self.recipe, self.where = quest, recipe, quest.ground.setting(recipe)
        self.judged = quest.ground.judged(recipe)
        self.values, self.slack = quest.curve.values, quest.slack
        self.batch = Batch([recipe], [self.where.trained], 1)
        self.many = len(self.where.trained[1])
        self.theta = quest.ground.start(recipe).theta
        self.factor = quest.ground.factor(recipe, len(self.values))
        self.before = recipe.log.moment == "before"
        self.spent = 0  # columns advanced, calls of the trainer counted as some
        self.unsure = False  # whether more may agree than what was followed
        self.path = recipe.log.value != "sampled" or not self.before

    def start(self, count: int) -> np.ndarray:
        """Return the state of so many columns before the first step."""
        return self.batch.state(np.repeat(self.theta, count, axis=1))

    def step(self, state: np.ndarray, seen: np.ndarray, eta: np.ndarray, t: int = 0) -> np.ndarray:
        """Take step t of every column, and return what each logs of it."""
        self.spent += len(seen) + CALL
        values = []
        for begin in range(0, len(seen), BLOCK):
            part = slice(begin, begin + BLOCK)
            some = seen[None, None, part]
            followed = some.shape[2] if self.path else 0
            rates = self.factor[t] * eta[None, part]
            epoch = self.batch.advance(state[..., part], some, rates, followed)
            chosen, columns = np.zeros(1, int), np.arange(some.shape[2])
            found = logged(self.recipe, self.where, self.judged, epoch, chosen, columns)
            values.append(found[0] * self.recipe.log.factor)
        return np.concatenate(values)

    def first(self, eta: np.ndarray, seen: np.ndarray) -> np.ndarray:
        """Return the last value of examples seen, shape (steps, columns)."""
        state = self.start(len(eta))
        for t, each in enumerate(seen):
            value = self.step(state, each, eta, t)
        return value

    def pairs(self, eta: float, last: np.ndarray) -> np.ndarray:
        """Return the first value that depends on η, of every example, then of each of the last."""
        many = np.arange(self.many)
        state, rates = self.start(self.many), np.full(self.many, eta)
        value = self.step(state, many, rates)
        if not self.before:
            return value
        state = np.repeat(state, len(last), axis=-1)
        return self.step(state, np.tile(last, self.many), np.repeat(rates, len(last)), 1)

    def rates(self) -> tuple[list[Rate], list[Rate]]:
        """Return the learning rates that the first value which depends on η allows.

        First the short decimals and what a factor of the gradient makes of some, then the others.
        Where the value hardly depends on η, common learning rates take the place of all.
        """
        rates = self.quest.search.rates
        common = {Rate(eta, 0.0) for eta in rates.common}
        every, one = np.arange(self.many), np.ones(self.many)
        ahead = int(self.before)
        begun = self.step(self.start(self.many), every, 0 * one)
        if ahead and np.abs(begun - self.values[0]).min() > self.slack[0]:
            return [], []
        moved = np.abs(self.values[:, None] - begun) > 10 * self.slack[:, None]
        moved = moved.all(axis=1) if np.ptp(begun) == 0 else np.arange(len(moved)) == ahead
        at = int(np.argmax(moved))  # before it η was of no effect
        if not moved[at] or at < ahead:
            self.unsure = True
            return [], []
        if at > ahead:
            self.step(state := self.start(self.many), every, one)
            same = state == self.start(self.many)
            if not same.all(axis=tuple(range(state.ndim - 1))).any():
                self.unsure = True
                return sorted(common), []
            if self.recipe.schedule.law != "constant":
                self.unsure = True
                return [], []
        last = every[:1] if self.path else every
        seen = every[None]
        if ahead:
            seen = np.stack([np.repeat(every, len(last)), np.tile(last, self.many)])
        value, slack = self.values[at], self.slack[at]
        grid = np.linspace(np.log(rates.lower), np.log(rates.upper), POINTS)
        off = np.array([self.pairs(float(np.exp(g)), last) for g in grid]) - value

        def misses(eta: np.ndarray, columns: np.ndarray) -> np.ndarray:
            return np.array([self.first(each, seen[:, columns]) for each in eta]) - value

        whole, brackets = np.repeat(grid[:, None], off.shape[1], axis=1), []
        finer, lowest = dips(misses, whole, off)
        self.unsure = bool(touching(lowest, slack).any())
        for some, missed in ((whole, off), (finer, lowest)):
            low, which = np.nonzero(missed[:-1] * missed[1:] < 0)
            ends = (part[low + k, which] for part in (some, missed) for k in (0, 1))
            brackets.append([which, *ends])
        which, a, b, fa, fb = (np.concatenate(part) for part in zip(*brackets, strict=True))
        if not len(which):
            return sorted(common) if self.unsure else [], []
        seen = seen[:, which]

        def miss(log_eta: np.ndarray) -> np.ndarray:
            return self.first(np.exp(log_eta), seen) - value

        b, fb = crossings(miss, a, b, fa, fb, slack / 100)
        slope = np.abs(miss(b + 1e-4) - fb) / 1e-4
        width = WIDER * (slack + np.abs(fb)) / np.maximum(slope, 1e-300)
        short, others = set(), []
        for x, w in zip(b[np.abs(fb) <= slack], width[np.abs(fb) <= slack], strict=True):
            if w > WIDE:
                self.unsure = True
                continue
            ends, found = np.exp([x - w, x + w, x]), len(short)
            for factor in self.quest.vocabulary.multiples:
                for eta in islice(simplest(*(ends / factor).tolist()), 1):
                    if float(f"{eta:.{DIGITS - 1}e}") == eta:
                        short.add(Rate(float(f"{eta * factor:.15g}"), 0.0))
            if len(short) == found:
                others.append(Rate(float(np.exp(x)), float(w)))
        return sorted(short | common if self.unsure else short), others

    def read(self, rates: list[Rate]) -> Iterator[tuple[float, list[tuple[np.ndarray, ...]]]]:
        """Yield each learning rate that some order makes agree with every digit.

        With it the orders, and of each which of its examples no other could stand for. A value may
        be off by more where the learning rate is uncertain: by what it differs at the other end.
        """
        eta, width = np.array(rates).T
        state, end, back = self.start(len(rates)), self.start(len(rates)), []
        for row, (value, slack) in enumerate(zip(self.values, self.slack, strict=True)):
            if self.unsure and not self.whole:
                return
            parents = np.repeat(np.arange(len(eta)), self.many)
            seen = np.tile(np.arange(self.many), len(eta))
            state = np.repeat(state, self.many, axis=-1)
            found, room = self.step(state, seen, eta[parents], row), slack
            if width.any():
                end = np.repeat(end, self.many, axis=-1)
                other = self.step(end, seen, (eta * np.exp(width))[parents], row)
                room = slack + WIDER * np.abs(other - found)
            off = np.abs(found - value)
            good = np.flatnonzero(off <= room)
            if not len(good):
                return
            flat = state[..., good].reshape(-1, len(good))
            key = np.round(np.cos(np.arange(len(flat))) @ flat, 11) + 1j * eta[parents[good]]
            _, one, alike = np.unique(key, return_index=True, return_inverse=True)
            sure = np.bincount(alike, minlength=len(one)) == 1
            self.unsure |= len(one) > BEAMS[row >= FIRST]
            nearest = np.argsort(off[good[one]], kind="stable")[: BEAMS[row >= FIRST]]
            chosen, sure = good[one[nearest]], sure[nearest]
            back.append((parents[chosen], seen[chosen], sure))
            eta, width = eta[parents[chosen]], width[parents[chosen]]
            state = np.ascontiguousarray(state[..., chosen])
            end = np.ascontiguousarray(end[..., chosen]) if width.any() else end
        places, orders, certain = np.arange(len(eta)), [], []
        for parents, seen, sure in reversed(back):
            orders.append(seen[places])
            certain.append(sure[places])
            places = parents[places]
        orders, certain = np.array(orders[::-1]).T, np.array(certain[::-1]).T
        for rate in dict.fromkeys(eta.tolist()):
            which = np.flatnonzero(eta == rate)
            yield rate, list(zip(orders[which], certain[which], strict=True))


def touching(off: np.ndarray, slack: float) -> np.ndarray:
    """Say of each column whether what it is off comes near 0 and turns back, shape (columns,)."""
    if len(off) < 3:
        return np.zeros(off.shape[1], bool)
    least = np.clip(np.abs(off).argmin(axis=0), 1, len(off) - 2)
    before, at, after = (np.take_along_axis(off, (least + k)[None], 0)[0] for k in (-1, 0, 1))
    bend = before - 2 * at + after
    vertex = at - (after - before) ** 2 / (8 * bend)
    same = (off[:-1] * off[1:] > 0).all(axis=0)
    return same & (np.abs(vertex) <= 2 * slack + TOUCH * np.abs(bend))
