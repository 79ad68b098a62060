"""Digit for digit: candidates that wrote a curve whose program was seeded.

Candidates advance together; one that disagrees with a logged digit is gone. A learning rate that
is not stated is solved for from the first value that depends on it: an interval, which later
values narrow until a short decimal in it reproduces every digit.
"""

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from math import ceil

import numpy as np

from stages.sgd.deviations import replace_unchecked
from stages.sgd.diagnosis.candidates import Option
from stages.sgd.diagnosis.columns import Columns, apart
from stages.sgd.diagnosis.ground import Quest
from stages.sgd.diagnosis.intervals import Candidate, narrowed, simplest, solved
from stages.sgd.diagnosis.vocabulary import LATE, ORDER, UPDATE

# Rows by which an interval is narrowed, each time after decimals in it were tried; then by all.
ROUNDS = (2, 4, 8, 16, 32, 64, 128)
LESS = 0.4  # of its share is for a log of which no candidate has the first value
LONGER = 6  # of many candidates that agree, so many are tried with one more option
SINGLE = 4e-6  # by which a program in single precision may differ from one in double
SLOW = 12  # so many fewer candidates: of a network, and where a rate is slow to solve for
USUAL = 30  # steps to the first value; the more there are, the fewer candidates


class Digits(Quest):
    """The search for what agrees with every digit; parameters as a quest's."""

    def __init__(self, *quest: object) -> None:
        super().__init__(*quest)
        early = self.curve.unit == "step" and (np.diff(self.curve.positions[:2]) == 1).all()
        late = LATE if early and self.curve.positions[0] <= 1 else ()
        ends = [
            self.ground.windows(self.vocabulary.build(c))[0, 1] for c in self.vocabulary.choices
        ]
        self.wait = np.median(ends)
        self.pace = ceil(self.wait / USUAL)
        self.late = [o for o in self.vocabulary.options if o.kind.partition(".")[0] in late]
        logs = {id(choice[-1]): choice[-1] for choice in self.vocabulary.choices}
        self.logs = sorted(logs, key=lambda n: logs[n].changes.get("log.moment") == "after")
        self.whole = {n for n in self.logs if logs[n].changes.get("log.value") == "objective"}
        self.whole -= {n for n in self.logs if logs[n].changes.get("log.moment") == "after"}

    def run(self) -> list[Candidate]:
        """Return the candidates with the fewest deviations that agree with every digit.

        Of each choice of log about `search.solved` are tried, of what many steps log fewer: it
        jumps with the learning rate, and to solve for that takes long.
        """
        single = self.curve.unit == "step" and self.pace == 1
        whole = self.search.solved // self.pace // (1 if single else SLOW)
        if self.vocabulary.base.network:
            whole //= SLOW
        self.log, self.spent = self.logs[0], dict.fromkeys(self.logs, 0)
        self.starts: dict[object, list[Candidate]] = {}
        self.solved: dict[object, list[Candidate]] = {}
        with np.errstate(all="ignore"):
            for level in range(self.search.at_once + 1):
                tiers = [(a, b) for a in range(level + 1) for b in range(level - a + 1)]
                shares = self._shares()
                for log in self.logs:
                    most = int(whole * shares[log] * (level + 1)) // (self.search.at_once + 1)
                    self.log, found = log, []
                    for n, (a, b) in enumerate(tiers):
                        left = max(0, most - self.spent[log])
                        self.limit = self.spent[log] + left // (len(tiers) - n)
                        found += self.confirmed(self.expanded(a, b, level - a - b))
                    if found:
                        return self.alike(found)
        return []

    def _shares(self) -> dict[int, float]:
        """Return how much more or less than others each log is tried.

        More if, before any update, some candidate has the first value.
        """
        sure = {
            log
            for (_, log), made in self.starts.items()
            if any(self.ground.independent(c.recipe) for c in made)
        }
        if len(sure) in (0, len(self.logs)):
            return dict.fromkeys(self.logs, 1.0)
        more = (len(self.logs) - LESS * (len(self.logs) - len(sure))) / len(sure)
        return {log: more if log in sure else LESS for log in self.logs}

    def tier(self, which: str) -> list[Option]:
        """Return the options of the update, or those that what is logged before it depends on."""
        order = ORDER if self.log in self.whole else ()  # an objective does not depend on it
        found = []
        for o in self.vocabulary.options:
            heads = {f: f.partition(".")[0] for f in o.changes}
            update = all(f in UPDATE or head in (*LATE, *order) for f, head in heads.items())
            if o not in self.late and update == (which == "update"):
                found.append(o)
        return found

    def first(self, size: int) -> list[Candidate]:
        """Return what agrees with the values that do not depend on the update."""
        key = size, self.log
        if key not in self.starts:
            options = self.tier("first")
            made = self._made(
                (choice, self.vocabulary.sets(choice, (), options, size))
                for choice in self.vocabulary.choices
                if id(choice[-1]) == self.log
            )
            apply = [c for c in made if self.ground.independent(c.recipe)]
            rest = [c for c in made if not self.ground.independent(c.recipe)]
            self.starts[key] = rest + self._agreeing(apply)
        return self.starts[key]

    def _made(self, begun: Iterable[tuple[tuple, Iterator[tuple]]]) -> list[Candidate]:
        """Return candidates: what each begins with and the sets of options it goes on with."""
        rate, rates = self.rate or 1.0, self.search.rates
        bounds = (rate,) * 3 if self.rate else (rates.lower, rates.upper, 1.0)
        found = []
        for options in turns(begun):
            if self.spent[self.log] >= self.limit:
                break
            found.append(Candidate(options, self.vocabulary.build(options), *bounds, not self.rate))
            self.tried += 1
            self.spent[self.log] += 1
        return found

    def _agreeing(self, candidates: list[Candidate]) -> list[Candidate]:
        kept = []
        for part in apart(self.ground, [c.recipe for c in candidates]):
            some = [candidates[n] for n in part]
            columns = Columns(self.ground, [c.recipe for c in some])
            values, _ = columns.values(np.array([c.star for c in some]), 0, 1)
            good = np.abs(values[0] - self.curve.values[0]) <= self.slack[0]
            kept += [c for c, ok in zip(some, good, strict=True) if ok]
        return kept

    def second(self, a: int, b: int) -> list[Candidate]:
        """Return what agrees with the first value that depends on the update."""
        if (a, b, self.log) not in self.solved:
            made, update = self.first(a), self.tier("update")
            if b:
                made = self._made(
                    (c.options, self.vocabulary.sets(*self.parts(c.options), update, b))
                    for c in made
                )
            row = {True: 1, False: 0}
            rows = [row[self.ground.independent(c.recipe)] for c in made]
            self.solved[a, b, self.log] = [
                kept
                for r in (0, 1)
                for kept in self.solve([c for c, n in zip(made, rows, strict=True) if n == r], r)
            ]
        return self.solved[a, b, self.log]

    def solve(self, candidates: list[Candidate], row: int) -> list[Candidate]:
        """Narrow the learning rates to where a row is what was logged."""
        if self.rate:
            return self._within(candidates, row + 1)
        found = []
        for part in apart(self.ground, [c.recipe for c in candidates], row):
            some = [candidates[n] for n in part]
            at = self.curve.values[row], self.slack[row]
            found += solved(self.ground, some, row, *at)
        return found

    def expanded(self, a: int, b: int, c: int) -> list[Candidate]:
        """Return what agrees with the next values too, late options added."""
        made = self.second(a, b)
        if c:
            longer = (
                (s, (*s.options, *more))
                for s in made
                for more in self.vocabulary.sets(*self.parts(s.options), self.late, c)
            )
            left = max(0, self.limit - self.spent[self.log])
            made = [
                s._replace(options=options, recipe=self.vocabulary.build(options))
                for s, options in islice(longer, left)
            ]
            self.tried += len(made)
            self.spent[self.log] += len(made)
        rows = len(self.curve.values)
        for row in range(1, min(8, rows)):
            free = [s for s in made if s.free]
            if not free or self.rate:
                break
            self.spent[self.log] += len(free)  # which takes as long as to put one together
            made = [s for s in made if not s.free] + self.solve(free, row)
        return self._within(made, min(3, rows))

    def _within(self, candidates: list[Candidate], rows: int) -> list[Candidate]:
        """Return those whose interval of learning rates has the logged values, narrowed."""
        kept = []
        for part in apart(self.ground, [c.recipe for c in candidates], rows - 1):
            some = [candidates[n] for n in part]
            columns = Columns(self.ground, [c.recipe for c in some])
            lower, upper = (np.array([getattr(c, n) for c in some]) for n in ("lower", "upper"))
            low, _ = columns.values(lower, 0, rows)
            high = low if (lower == upper).all() else columns.values(upper, 0, rows)[0]
            kept += narrowed(some, low, high, self.curve.values[:rows], self.slack[:rows])
        return kept

    def confirmed(self, candidates: list[Candidate]) -> list[Candidate]:
        """Return the candidates that a short decimal makes agree with every digit."""
        done: list[Candidate] = []
        whole = len(self.curve.values)
        for rows in (*(r for r in ROUNDS if r < whole), whole, 0):
            if not candidates:
                break
            points = [
                c._replace(lower=eta, upper=eta, star=eta)
                for c in candidates
                for eta in ([self.rate] if self.rate else self.decimals(c))
            ]
            agreed = self.agreed(points)
            shortest = {}
            for c in agreed:
                shortest.setdefault(tuple(map(id, c.options)), c)
            done += shortest.values()
            if self.rate or done or not rows:
                break
            candidates = self._within(candidates, rows)
        return done

    def decimals(self, c: Candidate) -> Iterable[float]:
        """Return short decimals in an interval, and what a factor of the gradient makes of some."""
        ends = c.lower, c.upper, c.star
        return dict.fromkeys(
            float(f"{eta * factor:.15g}")
            for factor in self.vocabulary.multiples
            for eta in simplest(*(end / factor for end in ends))
        )

    def agreed(self, points: list[Candidate]) -> list[Candidate]:
        """Return the points that agree with every digit.

        Libraries round otherwise in single precision. Double is nearer to each than one to another.
        """
        kept, whole = [], len(self.curve.values)
        double = {"precision": "float64"}
        recipes = [p.recipe.model_copy(update=double) for p in points]
        for part in apart(self.ground, recipes):
            some, begin, state = list(part), 0, None
            while some and begin < whole:
                end = min(whole, max(2 * begin, 4))
                columns = Columns(self.ground, [recipes[n] for n in some])
                if state:
                    state = state[0], np.ascontiguousarray(state[1][..., : columns.batch.size, :])
                eta = np.array([points[n].star for n in some])
                values, state = columns.values(eta, begin, end, state)
                wanted = self.curve.values[begin:end, None]
                single = np.array([points[n].recipe.precision == "float32" for n in some])
                slack = self.slack[begin:end, None] + SINGLE * (1 + np.abs(wanted)) * single
                good = (np.abs(values - wanted) <= slack).all(axis=0)
                some = [n for n, ok in zip(some, good, strict=True) if ok]
                state = state[0], state[1][..., good]
                begin = end
            kept += some
        return [points[n] for n in sorted(kept)]

    def alike(self, found: list[Candidate]) -> list[Candidate]:
        """Add what one more option makes of the likeliest, where no digit tells them apart."""
        more = []
        for c in sorted(found, key=lambda c: -c.odds)[:LONGER]:
            for option in self.vocabulary.options:
                if option.kind == "precision":
                    continue  # which has more room
                factor = max(0.0, option.changes.get("gradient_factor", 0.0))
                rate = c.star / factor if factor and not c.recipe.penalised else c.star
                rate = float(f"{rate:.12g}")
                if self.rate and rate != c.star:
                    continue
                if any(option.clashes(o) for o in self.parts(c.options)[1]):
                    continue
                recipe = self.vocabulary.recipe((*c.options, option))
                if recipe is None and factor:
                    recipe = replace_unchecked(c.recipe, option.changes)
                if recipe not in (None, c.recipe):
                    more.append(Candidate((*c.options, option), recipe, rate, rate, rate))
        self.tried += len(more)
        return list(chain(found, self.agreed(more)))


def turns(begun: Iterable[tuple[tuple, Iterator[tuple]]]) -> Iterator[tuple]:
    """Yield what each begins with and one of the sets that it goes on with, each in turn."""
    left = list(begun)
    while left:
        going = []
        for given, sets in left:
            for more in islice(sets, 1):
                yield (*given, *more)
                going.append((given, sets))
        left = going
