"""In distribution: candidates that write curves like this one, where nobody seeded the program.

A curve is summarised by windowed means, spreads and correlations on a logarithmic axis. Replicas
of a candidate give the law of its summaries; its synthetic likelihood is the normal density with
their mean and shrunk covariance, and its fit the rank of the curve's distance from them among
their own.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from stages.sgd.diagnosis.candidates import Option, Search
from stages.sgd.diagnosis.columns import Columns, Ground, apart
from stages.sgd.diagnosis.vocabulary import Vocabulary
from stages.sgd.recipes.recipe import Recipe

WINDOWS = 8
FEW = 12  # replicas of a candidate at first
BEAM = 6  # candidates to which another deviation is added
STARTS = 3  # choices of start and log to which deviations are added
KEPT = 40  # candidates that are compared at full length
STAGES = ((240, 250), (1200, 80), (1_000_000, KEPT))  # steps compared, and how many are kept
SHRINK = 0.1  # of the covariance, towards its diagonal
FLOOR = 1e-3  # least standard deviation of a summary
NICE = (1.0, 2.0, 3.0, 5.0)


class Scored(NamedTuple):
    """A candidate, its learning rate and its score: log prior and log likelihood."""

    options: tuple[Option, ...]
    recipe: Recipe
    rate: float
    score: float
    fit: float = 0.0


def edges(rows: int) -> np.ndarray:
    """Return where the windows of so many rows begin and end, on a logarithmic axis."""
    return np.unique(np.round(np.geomspace(1, rows + 1, WINDOWS + 1)).astype(int)) - 1


def summary(values: np.ndarray) -> np.ndarray:
    """Return windowed means and spreads, as logs, and correlations of successive values.

    Parameters
    ----------
    values : numpy.ndarray, shape (rows, curves)
        What is logged. A window of fewer than four values has no spread, of fewer than eight
        no correlation.

    Returns
    -------
    numpy.ndarray, shape (summaries, curves)
    """
    cuts, found = edges(len(values)), []
    tiny = 1e-6
    for begin, end in pairwise(cuts):
        part = values[begin:end]
        found.append(np.log(np.maximum(np.abs(part.mean(axis=0)), tiny)))
        if end - begin >= 4:
            found.append(0.5 * np.log(part.var(axis=0) + tiny**2))
        if end - begin >= 8:
            off = part - part.mean(axis=0)
            found.append((off[1:] * off[:-1]).mean(axis=0) / (part.var(axis=0) + tiny**2))
    return np.array(found)


def density(observed: np.ndarray, replicas: np.ndarray) -> tuple[float, float]:
    """Return the synthetic log-likelihood of a summary, and the rank of its distance.

    Parameters
    ----------
    observed : numpy.ndarray, shape (summaries,)
        Of the curve.
    replicas : numpy.ndarray, shape (summaries, R)
        Of the candidate's replicas.

    Returns
    -------
    float, float
        Log density; share of the replicas that are no nearer to the others than the curve is.
    """
    if not np.isfinite(replicas).all():
        return -np.inf, 0.0
    mean, covariance = replicas.mean(axis=1), np.cov(replicas)
    diagonal = np.diag(np.diag(covariance) + FLOOR**2)
    covariance = (1 - SHRINK) * covariance + SHRINK * diagonal + FLOOR**2 * np.eye(len(mean))
    inverse = np.linalg.inv(covariance)
    count = replicas.shape[1]
    off = observed - mean
    distance = off @ inverse @ off * count / (count + 1)
    residual = replicas - mean[:, None]
    own = np.einsum("ir,ij,jr->r", residual, inverse, residual)
    own = own / np.maximum(1 - own / (count - 1), 0.05)  # as if each had been left out
    log = -0.5 * (distance + np.linalg.slogdet(2 * np.pi * covariance)[1])
    return float(log), float((1 + (own >= distance).sum()) / (count + 1))


class Laws:
    """The search in distribution.

    Parameters
    ----------
    vocabulary : Vocabulary
        Of programs that nobody seeded.
    search : Search
        How much to try.
    rate : float or None
        The learning rate, where it is stated.
    progress : callable
        Told how many candidates have been tried since the last time.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        search: Search,
        rate: float | None,
        progress: Callable[[int], None] = lambda count: None,
    ) -> None:
        self.vocabulary, self.search, self.rate = vocabulary, search, rate
        self.ground, self.progress, self.tried = Ground(vocabulary), progress, 0
        self.count = len(vocabulary.choices[0])

    def rows(self, recipe: Recipe, steps: int) -> int:
        """Return how many rows of the curve are of the first steps, three at least."""
        windows = self.ground.windows(recipe)
        return max(3, int((windows[:, 1] <= steps).sum()))

    def run(self) -> list[Scored]:
        """Return the best candidates, by what their replicas say at full length."""
        with np.errstate(all="ignore"):
            grid = self._grid()
            best = self._halved([(choice, r) for choice in self.vocabulary.choices for r in grid])
            choices: dict[tuple[int, ...], tuple[Option, ...]] = {}
            for s in best:
                choices.setdefault(tuple(map(id, s.options)), s.options)
            single = [(*c, *o) for c in list(choices.values())[:STARTS] for o in self._single(c)]
            if self.search.at_once:
                best = self._best([*best, *self._halved([(o, r) for o in single for r in grid])])
            for _ in range(self.search.at_once - 1):
                longer = [
                    ((*s.options, o), s.rate)
                    for s in best[:BEAM]
                    for o in self.vocabulary.options
                    if self._adds(s.options, o)
                ]
                best = self._best([*best, *self._halved(longer)])
            full = self.search.replicas, self.search.steps
            best = self._best(self._together([(s.options, s.rate) for s in best], *full))
            near = [(s.options, r) for s in best[:BEAM] for r in self._near(s.rate) if r != s.rate]
            near += [(o, s.rate) for s in best[: BEAM // 2] for o in self._simpler(s.options)]
            return self._best([*best, *self._together(near, *full)], len(best) + len(near))

    def _halved(self, pairs: list[tuple[tuple[Option, ...], float]]) -> list[Scored]:
        """Return the best of many, fewer of them the longer the curves that are compared."""
        found: list[Scored] = []
        for steps, most in STAGES:
            found = self._best(self._together(pairs, FEW, min(steps, self.search.steps)), most)
            pairs = [(s.options, s.rate) for s in found]
        return found

    def _simpler(self, options: tuple[Option, ...]) -> list[tuple[Option, ...]]:
        """Return options with another start, or without one of the deviations, or both."""
        starts = {id(c[0]): c[0] for c in self.vocabulary.choices}.values()
        rest = options[1 : self.count]
        some = options[self.count :]
        fewer = [some, *(some[:n] + some[n + 1 :] for n in range(len(some)))]
        return [
            (start, *rest, *chosen)
            for start in starts
            for chosen in fewer
            if (start, chosen) != (options[0], some)
            and self.vocabulary.goes((start, *rest), chosen)
        ]

    def _single(self, choice: tuple[Option, ...]) -> list[tuple[Option, ...]]:
        return [(o,) for o in self.vocabulary.options if self.vocabulary.goes(choice, (o,))]

    def _adds(self, options: Sequence[Option], more: Option) -> bool:
        chosen = (*options[self.count :], more)
        kinds = {o.kind for o in chosen}
        return len(kinds) == len(chosen) and self.vocabulary.goes(options[: self.count], chosen)

    def _grid(self) -> list[float]:
        if self.rate:
            return [self.rate]
        return [f * 10.0**k for k in range(-4, 0) for f in (1.0, 3.0)]

    def _near(self, rate: float) -> list[float]:
        if self.rate:
            return [rate]
        around = (f * 10.0**k for k in range(-6, 1) for f in NICE)
        return [float(f"{v:.1e}") for v in around if 0.45 * rate <= v <= 2.1 * rate]

    def _best(self, found: Sequence[Scored], most: int = KEPT) -> list[Scored]:
        chosen, seen = [], set()
        for s in sorted(found, key=lambda s: -s.score):
            key = (tuple(sorted(map(id, s.options))), s.rate)
            if key not in seen and np.isfinite(s.score):
                seen.add(key)
                chosen.append(s)
            if len(chosen) == most:
                break
        return chosen

    def _together(
        self, pairs: Sequence[tuple[tuple[Option, ...], float]], replicas: int, steps: int
    ) -> list[Scored]:
        recipes = [
            self.vocabulary.build(o).model_copy(update={"replicas": replicas}) for o, _ in pairs
        ]
        rows = [self.rows(r, steps) for r in recipes]
        found = []
        for part in apart(self.ground, recipes, 0, max(1, 6000 // replicas)):
            for many in sorted({rows[n] for n in part}):
                some = [n for n in part if rows[n] == many]
                columns = Columns(self.ground, [recipes[n] for n in some])
                values, _ = columns.values(np.array([pairs[n][1] for n in some]), 0, many)
                observed = summary(self.vocabulary.curve.values[:many, None])[:, 0]
                found += self._scores([pairs[n] for n in some], recipes, some, values, observed)
                self.tried += len(some)
                self.progress(len(some))
        return found

    def _scores(
        self,
        pairs: Sequence[tuple[tuple[Option, ...], float]],
        recipes: Sequence[Recipe],
        places: Sequence[int],
        values: np.ndarray,
        observed: np.ndarray,
    ) -> list[Scored]:
        replicas = recipes[places[0]].replicas
        found = []
        for (options, rate), n, part in zip(
            pairs, places, np.split(values, len(places), axis=1), strict=True
        ):
            odds = sum(np.log(o.odds) for o in options)
            summaries = summary(part)
            if replicas > FEW:
                log, fit = density(observed, summaries)
            else:
                spread = summaries.var(axis=1, ddof=1) + 0.05**2
                off = observed - summaries.mean(axis=1)
                log, fit = float(-0.5 * (off**2 / spread + np.log(spread)).sum()), 0.0
            score = log + odds if np.isfinite(log) else -np.inf
            found.append(Scored(options, recipes[n], rate, score, fit))
        return found
