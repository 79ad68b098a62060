"""In distribution: candidates that write curves like this one, where nobody seeded the program.

Replicas of a candidate give the law of a curve's summaries, and so its synthetic likelihood. Few
replicas of many candidates are followed over a few steps, more of the best over all of them.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import product
from typing import Any

import numpy as np

from stages.sgd.by_numpy import Batch
from stages.sgd.diagnosis.candidates import Option, Scored, best_of, unlike
from stages.sgd.diagnosis.columns import Columns, apart
from stages.sgd.diagnosis.ground import ENTRIES, Quest
from stages.sgd.diagnosis.rivals import OTHER_DATA, RIVALS, Rival, other_data, rival
from stages.sgd.diagnosis.summaries import density, rank, rough, summary
from stages.sgd.recipes.recipe import Recipe

FEW = 12  # replicas of a candidate at first
MANY = 256  # replicas of each candidate of the last comparison
BEAM = 6  # candidates to which another deviation is added
STARTS = 3  # choices of start and log to which deviations are added
OTHERS = 2  # and choices of other starts, those that suit the curve's first steps best
EACH = 10  # of them with each number of deviations
LENGTHS = 240, 1200, 1_000_000  # steps compared, the candidates fewer each time
LENGTHS_NETWORK = 40, 240, 1_000_000  # whose steps take longer
LESS = 6  # times fewer are compared in all, of a network
FIRST = 80, 40, 30  # how many are kept after each
FEWER = 24, 12, 6  # of those that start otherwise, and of each rival
ROOM = 0.2, 0.1, 0.05  # for what few replicas and coarse learning rates get wrong
NEGLIGIBLE = 10.0  # how much less a log score may be than the best in the last comparison
LAST = 24, 5  # candidates and rivals of the last comparison
WIDE = (0.5, 0.6, 0.7, 0.8, 1.25, 1.4, 1.6, 2.0)  # beside a learning rate
BETWEEN = (0.68, 0.82, 1.2, 1.47)
FINE = (0.9, 0.95, 1.05, 1.1)
GRID = [float(f"{digit}e{power}") for power in range(-4, 0) for digit in (1, 2, 5)]
ORDERS = ("order.law", "order.reseeded")  # which make what is logged of each step less noisy


class Laws(Quest):
    """The search in distribution, among programs that nobody seeded.

    Parameters
    ----------
    *quest
        As a quest's.
    refuted : callable
        Says of a recipe whether it can not have written the curve, whatever it draws.
    """

    def __init__(
        self, *quest: Any, refuted: Callable[[Recipe], bool] = lambda recipe: False
    ) -> None:
        super().__init__(*quest)
        self.refuted = refuted
        self.grid = [self.rate] if self.rate else GRID
        self.listed = [*self.search.rates.common, *self.search.rates.others]
        self.steps = self.search.steps // (LESS if self.vocabulary.base.network else 1)
        self.seeds: dict[tuple[int, int], tuple[Recipe, dict[str, object]]] = {}
        self.least = 10 ** np.round(np.log10(np.median(np.abs(self.curve.values)) + 1e-6)) / 1000

    def rows(self, steps: int) -> int:
        """Return how many rows of the curve are compared: those of so many steps as asked."""
        windows = self.ground.windows(self.vocabulary.build(self.vocabulary.choices[0]))
        return max(3, int((windows[:, 1] <= steps).sum()))

    def run(self) -> list[Scored]:
        """Return the best candidates, by what their replicas say at full length."""
        with np.errstate(all="ignore"):
            plain = [(choice, r) for choice in self.vocabulary.choices for r in self.grid]
            first = self._together(plain, FEW, self._lengths()[0], ROOM[0])
            level = self._halved(plain, first=first)
            best, (near, other) = level[:EACH], self._choices(level, first)
            level = self._halved(self._longer([(options, self.grid) for options in near]))
            level += self._halved(self._longer([(o, self.grid[::2]) for o in other]), FEWER)
            for calmer in self._calmer(near, other):
                level += self._halved(calmer, FEWER)
            level = unlike(level)
            best += [*level[:EACH], *self._deeper([(s.options, [s.rate]) for s in level])]
            best += (ranked := self._far(best_of(best, STARTS)))
            beside, rivals = [()], []
            if also := tuple(o for s in ranked[:1] for o in s.options if o.far):
                best += self._deeper([(ranked[0].options, self.grid)], FEWER)
                beside.append(also)
            for rule in RIVALS:
                rivals += self._rivals(rule, beside)
            return self._compared(best, rivals)

    def _calmer(
        self, near: list[tuple[Option, ...]], other: list[tuple[Option, ...]]
    ) -> Iterator[list[tuple[tuple[Option, ...], float]]]:
        """Yield other orders of examples; then batches, with these or with what they alone have.

        Each beside the log of single steps' losses, whose noise is less then, so that without it a
        smoother log looks nearer. Batches where the best choices start, or of one learning rate
        anywhere, and beside the best choice.
        """
        starts = {id(start) for start, *_ in (*near, *other)}
        kept = starts if self.rate else {id(start) for start, *_ in near}
        known = self.vocabulary
        sampled = [c for c in known.choices if known.build(c).log.value == "sampled"]
        noisy = [c for c in sampled if id(c[0]) in starts]
        sizes = [o for o in known.options if o.changes.keys() & {"batch.size", "batch.drop_last"}]
        begun = [*near[:1], *(c for c in noisy if id(c[0]) in kept and c not in near[:1])]
        for some in (noisy, [(*c, o) for c in begun for o in sizes]):
            longer = self._longer([(options, self.grid) for options in some])
            yield [p for p in longer if p[0][-1].kind in ORDERS or not known.alone[id(p[0][-1])]]

    def _deeper(
        self, begun: list[tuple[tuple[Option, ...], list[float]]], kept: Sequence[int] = FIRST
    ) -> Iterator[Scored]:
        """Yield the best with one more deviation each time, until there are as many as may be."""
        while level := unlike(self._halved(self._longer(begun[:BEAM]), kept)):
            yield from level[:EACH]
            begun = [(s.options, [s.rate]) for s in level]

    def _far(self, best: list[Scored]) -> list[Scored]:
        """Return the best so far and those whose curves are others, as many replicas rank them."""
        beside = [(o,) for o in self.vocabulary.options if o.far and self.search.at_once]
        goes, choices = self.vocabulary.goes, self.vocabulary.choices
        begun = [(*one, *more) for more in beside for one in choices if goes(one, more)]
        found = self._halved([(options, r) for options in begun for r in self.grid], FEWER)
        return self._again([*best, *found[:STARTS]], self.search.replicas, self.steps)

    def _choices(
        self, whole: list[Scored], first: list[Scored]
    ) -> tuple[list[tuple[Option, ...]], list[tuple[Option, ...]]]:
        """Return the choices of the best: of whole curves, and others' starts by first steps.

        A program that deviates is soon far from all that do not, and the nearest of these says
        little of where it started.
        """
        near = list({tuple(map(id, s.options)): s.options for s in whole}.values())[:STARTS]
        known = {id(options[0]) for options in near}
        other: dict[int, tuple[Option, ...]] = {}
        for s in best_of(first, len(first)):
            if id(s.options[0]) not in known:
                other.setdefault(id(s.options[0]), s.options)
        return near, list(other.values())[:OTHERS]

    def _longer(
        self, begun: list[tuple[tuple[Option, ...], list[float]]]
    ) -> list[tuple[tuple[Option, ...], float]]:
        """Return what one more option makes of candidates, each at some learning rates."""
        return [
            ((*options, o), r)
            for options, rates in begun
            for o in self.vocabulary.options
            if self._adds(options, o)
            for r in rates
        ]

    def _compared(self, best: list[Scored], rivals: list[Scored]) -> list[Scored]:
        """Return the best candidates and rivals, by many replicas at full length.

        Until then of fewer rows, if the best candidate takes more steps for them than asked for.
        """
        replicas, steps = self.search.replicas, self.steps
        if best:
            windows = self.ground.windows(max(best, key=lambda s: s.score).recipe)
            steps = int(steps * min(1, steps / windows[self.rows(steps) - 1, 1]))
        found = self._again(best, replicas, steps)
        near = [(s.options, r) for s in found[:BEAM] for r in self._near(s.rate, WIDE)]
        near += [(o, s.rate) for s in found[:STARTS] for o in self._simpler(s.options)]
        found = best_of([*found, *self._together(near, replicas, steps)])
        held = self._again(rivals, replicas, steps)
        wide = [(s.options, r) for s in held[:STARTS] for r in self._near(s.rate, WIDE)]
        held = best_of([*held, *self._together(wide, replicas, steps)])
        leading = (*found[:STARTS], *held[:STARTS])
        fine = [(s.options, r) for s in leading for r in self._near(s.rate, FINE, self.listed)]
        every = [*found, *held, *self._together(fine, replicas, steps)]
        best = unlike(every)
        if not best:
            return []
        least = best[0].score - NEGLIGIBLE
        rivals = [s for s in best if rival(s.options) and s.score > least]
        plain = [s for s in best if not rival(s.options)]
        plain = plain[:STARTS] + [s for s in plain[STARTS:] if s.score > least]
        return self._again([*plain[: LAST[0]], *rivals[: LAST[1]]], MANY, self.steps)

    def _again(self, some: list[Scored], replicas: int, steps: int) -> list[Scored]:
        pairs = [(s.options, s.rate) for s in some]
        return best_of(self._together(pairs, replicas, steps))

    def _rivals(self, rule: Option, beside: list[tuple[Option, ...]]) -> list[Scored]:
        """Return the best of a rival beside choices and what is beside these.

        With an intercept and without; and in a new permutation each epoch, of which single steps'
        losses show.
        """
        known = self.vocabulary
        none, calm = (
            next(((o,) for o in known.options if o.kind == kind), None)
            for kind in ("intercept", "order.law")
        )
        whole = [
            (*choice, *also, *more, rule)
            for choice, also, more in product(known.choices, beside, ((), none, calm))
            if more is not None
            and (more is not calm or known.build(choice).log.value == "sampled")
            and known.goes(choice, (*also, *more))
        ]
        return self._halved([(options, r) for options in whole for r in self.grid], FEWER)

    def _lengths(self) -> list[int]:
        """Return of how many steps curves are compared, the longer the fewer of them."""
        network = self.vocabulary.base.network
        return [min(n, self.steps) for n in (LENGTHS_NETWORK if network else LENGTHS)]

    def _halved(
        self,
        pairs: list[tuple[tuple[Option, ...], float]],
        kept: Sequence[int] = FIRST,
        first: Sequence[Scored] = (),
    ) -> list[Scored]:
        """Return the best of many, scored over their first steps already if `first` is given."""
        found: list[Scored] = []
        for number, (steps, most) in enumerate(zip(self._lengths(), kept, strict=True)):
            known = first if number == 0 else ()
            found = best_of(known or self._together(pairs, FEW, steps, ROOM[number]), most)
            pairs = [(s.options, s.rate) for s in found]
            if number == 0:
                pairs += [(s.options, r) for s in found for r in self._near(s.rate, BETWEEN)]
        return found

    def _simpler(self, options: tuple[Option, ...]) -> list[tuple[Option, ...]]:
        """Return options with another start, or without one of the deviations, or both."""
        starts = {id(c[0]): c[0] for c in self.vocabulary.choices}.values()
        (_, *rest), some = self.parts(options)
        fewer = [some, *(some[:n] + some[n + 1 :] for n in range(len(some)))]
        return [
            (start, *rest, *chosen)
            for start in starts
            for chosen in fewer
            if (start, chosen) != (options[0], some)
            and self.vocabulary.goes((start, *rest), chosen)
        ]

    def _adds(self, options: tuple[Option, ...], more: Option) -> bool:
        choice, chosen = self.parts((*options, more))
        return len(chosen) <= self.search.at_once and self.vocabulary.goes(choice, chosen)

    def _near(
        self, rate: float, factors: Sequence[float], listed: Sequence[float] = ()
    ) -> list[float]:
        """Return other learning rates around one: of two digits, and those listed between them."""
        if self.rate:
            return []
        found = {float(f"{f * rate:.1e}") for f in factors}
        between = {r for r in listed if min(factors) * rate < r < max(factors) * rate}
        return sorted((found | between) - {rate})

    def _together(
        self,
        pairs: Sequence[tuple[tuple[Option, ...], float]],
        replicas: int,
        steps: int,
        room: float = 0.0,
    ) -> list[Scored]:
        rows, build = self.rows(steps), self.vocabulary.build
        pairs = [(o, rate) for o, rate in pairs if rival(o) or not self.refuted(build(o))]
        keys = [(rate, replicas, rows, *map(id, o), self.least) for o, rate in pairs]
        parts = {n: self.ground.memory[k] for n, k in enumerate(keys) if k in self.ground.memory}
        recipes = [build(o).model_copy(update={"replicas": replicas}) for o, _ in pairs]
        for rule in (None, *RIVALS):
            new = [n for n, p in enumerate(pairs) if n not in parts and rival(p[0]) is rule]
            for some in apart(self.ground, [recipes[n] for n in new], 0, max(1, 6000 // replicas)):
                at = [new[n] for n in some]
                rates = [pairs[n][1] for n in at]
                those = [recipes[n] for n in at]
                if replicas < MANY:  # quicker, and no less coarse
                    those = [r.model_copy(update={"precision": "float32"}) for r in those]
                values = self._values(rule, those, rates, rows)
                summaries = np.split(summary(values, self.least), len(at), axis=1)
                parts |= zip(at, summaries, strict=True)
        if replicas == FEW and len(self.ground.memory) < ENTRIES:
            self.ground.memory |= {keys[n]: part.copy() for n, part in parts.items()}
        self.tried += len(pairs)
        observed = summary(self.curve.values[:rows, None], self.least)[:, 0]
        found = []
        for n, (options, rate) in enumerate(pairs):
            few = replicas <= FEW
            score = rough(observed, parts[n], room) if few else density(observed, parts[n])
            fit = rank(observed, parts[n]) if replicas == MANY and np.isfinite(score) else 0.0
            score += sum(np.log(o.odds) for o in options)
            found.append(Scored(options, recipes[n], rate, score, fit))
        return found

    def _values(
        self, rule: Option | None, recipes: list[Recipe], rates: list[float], rows: int
    ) -> np.ndarray:
        """Return what the replicas of each log, shape (rows, recipes × replicas)."""
        make = partial(Rival, rule.kind) if rule and rule is not OTHER_DATA else Batch
        if rule is OTHER_DATA:
            rates = np.repeat(rates, recipes[0].replicas)
            recipes = [other for r in recipes for other in other_data(r, self.seeds)]
        return Columns(self.ground, recipes, make).values(np.array(rates), 0, rows)[0]
