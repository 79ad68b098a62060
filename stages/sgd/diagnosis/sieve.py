"""Digit for digit, at learning rates that programs commonly have, or at the one that is stated.

Candidates by the hundred thousand are held against the first values in single precision; what is
left, few, is confirmed in the recipe's own.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from stages.sgd.diagnosis.columns import FIRST, TRACK, Columns, batches
from stages.sgd.diagnosis.crowd import Crowd
from stages.sgd.diagnosis.intervals import Candidate
from stages.sgd.diagnosis.search import SLOW, Digits

RUNS = 10  # learning rates at which the most candidates are tried, and fewer at more
COLUMNS = 8000  # of one call, about
QUICK = 2.2  # times as many candidates are tried where the first step is logged,
STATED = 2  # and where the learning rate is stated
ROUGH = 1e-5  # what single precision may do to a value
FAR = 0.08  # from a learning rate to the next at which all candidates are tried, of a scale to 1
# How far a value may be from where those at the next rates say, of how they differ: of few
# candidates, which are tried at more rates, and of many.
ROOM = {True: 1.0, False: 0.3}
MANY, STILL = 100, 20_000  # candidates of which more values are compared, and are kept at most


def scaled(rates: np.ndarray) -> np.ndarray:
    """Return where learning rates are on a scale of which values are smooth functions."""
    return rates / (rates + 0.05)


def spread(rates: np.ndarray) -> np.ndarray:
    """Return some of the rates, in order, of which the least and the greatest, FAR apart."""
    far: list[float] = []
    for rate in np.sort(rates):
        if not far or scaled(rate) >= scaled(far[-1]) + FAR:
            far.append(rate)
    return np.unique([*far, rates.max()])


class Sieve(Digits):
    """The search at given learning rates for what agrees with every digit."""

    def __init__(self, *quest: object) -> None:
        super().__init__(*quest)
        slow = 2 * SLOW if self.vocabulary.base.network else 1
        most = self.search.most * (QUICK if self.wait == 1 else STATED if self.rate else 1)
        self.most = max(1, int(most / slow / self.pace))

    def few(self) -> list[Candidate]:
        """Return the candidates with the fewest deviations, fewer than there may be, that agree."""
        return self._fewest(range(self.search.at_once))

    def many(self) -> list[Candidate]:
        """Return the candidates with as many deviations as there may be that agree."""
        return self._fewest([self.search.at_once])

    def _fewest(self, sizes: Iterable[int]) -> list[Candidate]:
        with np.errstate(all="ignore"):
            for size in sizes:
                passed = self.passed(size)
                if found := self.confirmed(passed) or self.confirmed(self._single(passed)):
                    return self.alike(found)
        return []

    def _single(self, candidates: list[Candidate]) -> list[Candidate]:
        """Return candidates in single precision, where the search may try it."""
        return [
            c._replace(options=(*c.options, o), recipe=self.vocabulary.build((*c.options, o)))
            for o in self.vocabulary.options
            if o.kind == "precision"
            for c in candidates
        ]

    def passed(self, size: int) -> list[Candidate]:
        """Return the candidates with so many deviations that nearly agree.

        With the values up to the first that depends on the learning rate; while too many do, with
        more.
        """
        crowd, parts = self._crowd(size)
        self.tried += len(crowd)
        found = []
        for n, part in enumerate(parts):
            some, rows, key = crowd.take(part), 1, (size, n, self.rate)
            if self.ground.independent(some.recipe(some.rows[0])):  # of the learning rate
                values = self.ground.once((size, n), self._last, some, np.ones(1), rows, FIRST)
                some, rows = some.take(np.flatnonzero(self._near(values, rows))), 2
                key = None
            rates = self._rates(len(crowd) * len(some) // len(part))
            at, eta = self._agreeing(key, some, rates, rows)
            some = some.take(at)
            while len(some) > MANY and rows < len(self.curve.values):
                rows = min(2 * rows, len(self.curve.values))
                good = self._near(self._last(some, eta[:, None], rows), rows)
                good = np.flatnonzero(good[:, 0])[:STILL]
                some, eta = some.take(good), eta[good]
            found += self._candidates(some, eta)
            crowd.made.clear()  # recipes, of which the next part has few
        return found

    def _agreeing(
        self, key: object, crowd: Crowd, rates: np.ndarray, rows: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return which candidates nearly agree in the last of rows, and at which learning rate.

        All are tried at some rates, far apart, and those that may agree at one between, too.
        """
        if not len(crowd):
            return np.zeros(0, int), np.zeros(0)
        far, few = spread(rates), len(rates) > len(self.search.rates.common)
        if few:
            far = np.union1d(far, self.search.rates.common)
        values = self.ground.once(key, self._last, crowd, far, rows, TRACK)
        at, which = np.nonzero(self._near(values, rows))
        found, maybe = [(at, far[which])], []
        wanted, place = self.curve.values[rows - 1], scaled(far)
        for rate in np.setdiff1d(rates, far):
            k = np.searchsorted(far, rate)
            below, above = values[:, k - 1], values[:, k]
            share = (scaled(rate) - place[k - 1]) / (place[k] - place[k - 1])
            beside = values[:, max(0, k - 2) : k + 2]
            room = np.abs(above - below) + beside.max(axis=1) - beside.min(axis=1)
            off = np.abs(below + share * (above - below) - wanted)
            at = np.flatnonzero(~(off > ROOM[few] * room + ROUGH))  # nor where they are not finite
            maybe.append((at, np.full(len(at), rate)))
        if maybe:
            at, eta = (np.concatenate(part) for part in zip(*maybe, strict=True))
            order = np.argsort(at, kind="stable")
            at, eta = at[order], eta[order]
            good = self._near(self._last(crowd.take(at), eta[:, None], rows), rows)[:, 0]
            found.append((at[good], eta[good]))
        at, eta = (np.concatenate(part) for part in zip(*found, strict=True))
        order = np.argsort(at, kind="stable")
        return at[order], eta[order]

    def _rates(self, candidates: int) -> np.ndarray:
        """Return the learning rates at which so many candidates are tried: more of fewer."""
        if self.rate:
            return np.array([self.rate])
        common, others = self.search.rates.common, self.search.rates.others
        factors = self.vocabulary.multiples
        multiples = (f * r for some in (common, others) for f in factors for r in some)
        rates = list(dict.fromkeys((*common, *others, *multiples)))
        return np.array(rates[: max(1, RUNS * self.most // max(1, candidates))])

    def _crowd(self, size: int) -> tuple[Crowd, list[np.ndarray]]:
        """Return candidates, and the parts of them that can be in one batch."""
        known = self.ground.crowds
        if size not in known:
            crowd = self.ground.everyone.crowd(size, self.most)
            known[size] = crowd, batches(self.ground, crowd)
        return known[size]

    def _last(
        self, crowd: Crowd, rates: np.ndarray, rows: int, track: Sequence[str] = ()
    ) -> np.ndarray:
        """Return the last of rows of each candidate at learning rates: (candidates, rates).

        Rates of all, of which those that agree in the fields of `track` are trained once, or of
        shape (candidates, rates).
        """
        alike, which = crowd.alike(track)
        order = np.argsort(which, kind="stable")
        size = max(1, COLUMNS // rates.shape[-1])
        begins = np.searchsorted(which[order], np.arange(0, len(alike), size))
        found = np.empty((len(crowd), rates.shape[-1]), np.float32)
        for some in np.split(order, begins)[1:]:
            columns = Columns(self.ground, crowd.take(some), times=rates.shape[-1], track=track)
            eta = rates[some] if rates.ndim > 1 else np.tile(rates, (len(columns.tracks), 1))
            found[some] = columns.values(eta, rows - 1, rows)[0].reshape(len(some), -1)
        return found

    def _near(self, values: np.ndarray, rows: int) -> np.ndarray:
        """Say which values nearly agree with the last of rows of the curve."""
        wanted = self.curve.values[rows - 1]
        return np.abs(values - wanted) <= self.slack[rows - 1] + ROUGH * (1 + abs(wanted))

    def _candidates(self, crowd: Crowd, rates: np.ndarray) -> list[Candidate]:
        found = []
        for n, rate in zip(crowd.rows, rates.tolist(), strict=True):
            options = crowd.options(n)
            if self.vocabulary.goes(*self.parts(options)):
                found.append(Candidate(options, self.vocabulary.build(options), rate, rate, rate))
        return found
