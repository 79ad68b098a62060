"""Digit for digit, at learning rates that programs commonly have, or at the one that is stated.

Candidates by the hundred thousand are held against the first values in single precision; what is
left, few, is confirmed in the recipe's own.
"""

from collections.abc import Iterable

import numpy as np

from stages.sgd.diagnosis.columns import Columns, apart
from stages.sgd.diagnosis.crowd import Crowd
from stages.sgd.diagnosis.intervals import Candidate
from stages.sgd.diagnosis.search import SLOW, Digits

QUICK, STATED = 3, 2  # times as many candidates: of single steps, and where the rate is stated
OTHERS = 0.7  # of as many runs, at most, where there are fewer candidates
COLUMNS = 8000  # of one call, about
ROUGH = 1e-5  # what single precision may do to a value
MANY, STILL = 2000, 20_000  # candidates of which more values are compared, and are kept at most


class Sieve(Digits):
    """The search at given learning rates for what agrees with every digit."""

    def __init__(self, *quest: object) -> None:
        super().__init__(*quest)
        self.most = self.search.most
        if self.curve.unit == "step":
            self.most *= QUICK
        elif self.rate:
            self.most *= STATED
        if self.vocabulary.base.network:
            self.most //= SLOW

    def few(self) -> list[Candidate]:
        """Return the candidates with the fewest deviations, fewer than there may be, that agree."""
        return self._fewest(range(self.search.at_once))

    def many(self) -> list[Candidate]:
        """Return the candidates with as many deviations as there may be that agree."""
        return self._fewest([self.search.at_once])

    def _fewest(self, sizes: Iterable[int]) -> list[Candidate]:
        with np.errstate(all="ignore"):
            for size in sizes:
                for log in self.logs:
                    if found := self.confirmed(self.passed(log, size)):
                        return self.alike(found)
        return []

    def passed(self, log: int, size: int) -> list[Candidate]:
        """Return the candidates with so many deviations and a choice of log that nearly agree.

        With the values up to the first that depends on the learning rate; while too many do, with
        more.
        """
        crowd, parts = self._crowd(log, size)
        self.tried += len(crowd)
        rates, found = self._rates(len(crowd)), []
        for n, part in enumerate(parts):
            some, eta, rows = crowd.take(part), np.tile(rates, (len(part), 1)), 1
            independent = self._independent(some.recipe(some.rows[0]))
            key = log, size, n, not independent and self.rate
            wanted = self._values, some, eta[:, :1] if independent else eta, rows
            at, which = np.nonzero(self._near(self.ground.once(key, *wanted)))
            if independent:  # of the learning rate
                some, eta, rows = some.take(at), eta[at], 2
                at, which = np.nonzero(self._near(self._values(some, eta, rows)))
            some, eta = some.take(at), eta[at, which]
            while len(some) > MANY and rows < len(self.curve.values):
                rows = min(2 * rows, len(self.curve.values))
                good = np.flatnonzero(self._near(self._values(some, eta[:, None], rows)))[:STILL]
                some, eta = some.take(good), eta[good]
            found += self._candidates(some, eta)
        return found

    def _rates(self, candidates: int) -> np.ndarray:
        """Return the learning rates at which so many candidates are tried: more of fewer."""
        common, others = self.search.rates.common, self.search.rates.others
        if self.rate:
            return np.array([self.rate])
        more = int(OTHERS * self.most * len(common) / max(1, candidates)) - len(common)
        return np.array([*common, *others[: max(0, more)]])

    def _crowd(self, log: int, size: int) -> tuple[Crowd, list[np.ndarray]]:
        """Return candidates, and the parts of them that can be in one batch."""
        known = self.ground.crowds
        if (log, size) not in known:
            crowd = self.ground.everyone.crowd(log, size, self.most)
            known[log, size] = crowd, list(apart(self.ground, crowd))
        return known[log, size]

    def _values(self, crowd: Crowd, eta: np.ndarray, rows: int) -> np.ndarray:
        """Return the first rows at learning rates (candidates, times): (rows, *eta.shape)."""
        found, times = np.empty((rows, *eta.shape), np.float32), eta.shape[1]
        size = max(1, COLUMNS // times)
        for begin in range(0, len(crowd), size):
            some = np.arange(begin, min(begin + size, len(crowd)))
            columns = Columns(self.ground, crowd.take(some), times=times)
            values, _ = columns.values(eta[some], 0, rows)
            found[:, some] = values.reshape(rows, len(some), times)
        return found

    def _near(self, values: np.ndarray) -> np.ndarray:
        """Say where all rows of values agree about, shape (candidates, times)."""
        curve = self.curve.values[: len(values)]
        slack = self.slack[: len(values)] + ROUGH * (1 + np.abs(curve))
        return (np.abs(values - curve[:, None, None]) <= slack[:, None, None]).all(axis=0)

    def _candidates(self, crowd: Crowd, rates: np.ndarray) -> list[Candidate]:
        found = []
        for n, rate in zip(crowd.rows, rates.tolist(), strict=True):
            options = crowd.options(n)
            if self.vocabulary.goes(*self.parts(options)):
                found.append(Candidate(options, self.vocabulary.build(options), rate, rate, rate))
        return found
