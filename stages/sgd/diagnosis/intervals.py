"""Learning rates as intervals: solved for from one value, and narrowed by the next."""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from stages.sgd.diagnosis.candidates import Option
from stages.sgd.diagnosis.columns import Columns, single
from stages.sgd.diagnosis.ground import ENTRIES, Ground
from stages.sgd.recipes.recipe import Recipe

GRID, COARSE = 33, 13  # rates at which a value is computed before it is solved for
FINER = 11  # points of a finer grid
COLUMNS = 50_000  # of one call, about
REFINE = 16  # steps of the solution


class Candidate(NamedTuple):
    """What has agreed so far: options, and the learning rate's interval and best value."""

    options: tuple[Option, ...]
    recipe: Recipe
    lower: float
    upper: float
    star: float
    free: bool = False

    @property
    def odds(self) -> float:
        """How probable its options are beside those of others."""
        return math.prod(o.odds for o in self.options)


def solved(
    ground: Ground,
    some: list[Candidate],
    row: int,
    value: float,
    slack: float,
) -> list[Candidate]:
    """Narrow each candidate's learning rates to where a row is what was logged."""
    few = len(some[0].options) <= len(ground.vocabulary.choices[0]) + 1
    smooth = single(ground, [c.recipe for c in some], row)
    grid = _grid(some, None if smooth else 2 if few else 1)
    off = _values(ground, some, row, grid) - value
    near = np.abs(off) <= slack
    found, brackets = [], []
    for n in np.flatnonzero(near.any(axis=0)):  # a whole stretch agrees
        rows = np.flatnonzero(near[:, n])
        if len(rows) == 1:
            eta = float(f"{np.exp(grid[rows[0], n]):.12g}")
            found.append(some[n]._replace(lower=eta, upper=eta, star=eta, free=False))
        ends = grid[[max(rows[0] - 1, 0), min(rows[-1] + 1, len(grid) - 1)], n]
        star = float(np.exp(grid[rows[len(rows) // 2], n]))
        found.append(some[n]._replace(
            lower=float(np.exp(ends[0])), upper=float(np.exp(ends[1])), star=star, free=True
        ))  # fmt: skip

    def misses(eta: np.ndarray, columns: np.ndarray) -> np.ndarray:
        return values_at(ground, [some[n].recipe for n in columns], row, eta) - value

    for some_grid, some_off in ((grid, off), dips(misses, grid, off)):
        close = np.abs(some_off) <= slack
        crossing = (some_off[:-1] * some_off[1:] <= 0) & ~close[:-1] & ~close[1:]
        for g, n in zip(*np.nonzero(crossing), strict=True):
            ends = some_grid[g : g + 2, n], some_off[g : g + 2, n]
            brackets.append((n, *ends[0], *ends[1]))
    if brackets:
        found += _roots(ground, some, brackets, row, value, slack)
    return found


def _grid(some: list[Candidate], digits: int | None) -> np.ndarray:
    """Return the log η to begin with, shape (points, candidates).

    Where a value may jump these are, if the bounds are wide, decimals of so many digits.
    """
    ends = np.log([(c.lower, c.upper) for c in some])
    lower, upper = ends.T
    if digits and (ends == ends[0]).all():
        first, last = np.floor(ends[0] / np.log(10)).astype(int) - (digits - 1)
        each = range(10 ** (digits - 1), 10**digits)
        decimals = np.log([float(f"{d}e{k}") for k in range(first, last + 1) for d in each])
        inside = decimals[(decimals > lower[0]) & (decimals < upper[0])]
        if len(inside) > COARSE:
            return np.tile(np.hstack([lower[0], inside, upper[0]])[:, None], len(some))
    return lower + np.linspace(0, 1, COARSE if digits else GRID)[:, None] * (upper - lower)


def _values(ground: Ground, some: list[Candidate], row: int, grid: np.ndarray) -> np.ndarray:
    """Return the values of a row at a grid of log η, shape (points, candidates)."""
    grids = (hash(rates.tobytes()) for rates in grid.T)
    keys = [(row, rates, *map(id, c.options)) for rates, c in zip(grids, some, strict=True)]
    new = [n for n, key in enumerate(keys) if key not in ground.memory]
    found = np.empty(grid.shape)
    for n in set(range(len(some))).difference(new):
        found[:, n] = ground.memory[keys[n]]
    if new:
        found[:, new] = values_at(ground, [some[n].recipe for n in new], row, np.exp(grid[:, new]))
    for n in new if len(ground.memory) < ENTRIES else ():
        ground.memory[keys[n]] = found[:, n].copy()
    return found


def dips(
    misses: Callable[[np.ndarray, np.ndarray], np.ndarray], grid: np.ndarray, off: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return a finer grid where a value comes nearest without crossing: both roots may be there.

    Parameters
    ----------
    misses : callable
        How far the values at learning rates (points, chosen) of chosen columns are off.
    grid, off : numpy.ndarray, shape (points, columns)
        Logarithms of learning rates, and how far the values there are off.
    """
    depth = np.abs(off[1:-1])
    same = (off[:-2] * off[1:-1] > 0) & (off[1:-1] * off[2:] > 0)
    dip = same & (depth < np.abs(off[:-2])) & (depth < np.abs(off[2:]))
    deepest = np.where(dip, depth, np.inf).argmin(axis=0)
    columns = np.flatnonzero(dip.any(axis=0))
    if not len(columns):
        return grid[:1], off[:1]
    begin, end = (np.take_along_axis(grid, (deepest + k)[None], 0)[0] for k in (0, 2))
    finer = begin + np.linspace(0, 1, FINER)[:, None] * (end - begin)
    found = np.full(finer.shape, np.nan)
    found[:, columns] = misses(np.exp(finer[:, columns]), columns)
    return finer, found


def values_at(ground: Ground, recipes: list[Recipe], row: int, eta: np.ndarray) -> np.ndarray:
    """Return the values of a row at learning rates, shape (points, recipes)."""
    if single(ground, recipes, row):
        at = Columns(ground, recipes).at(row)
        return np.array([at(each) for each in eta])
    found = []
    for part in np.array_split(eta, min(len(eta), eta.size // COLUMNS + 1)):
        columns = Columns(ground, recipes, times=len(part))
        found.append(columns.values(part.T, 0, row + 1)[0][row].reshape(part.T.shape).T)
    return np.concatenate(found)


def _roots(
    ground: Ground,
    some: list[Candidate],
    brackets: list[tuple],
    row: int,
    value: float,
    slack: float,
) -> list[Candidate]:
    """Solve for what lies between brackets."""
    members = [some[n] for n, *_ in brackets]
    a, b, fa, fb = (np.array(v) for v in list(zip(*brackets, strict=True))[1:])
    columns = Columns(ground, [c.recipe for c in members])

    at = columns.at(row)

    def off(log_eta: np.ndarray) -> np.ndarray:
        return at(np.exp(log_eta)) - value

    b, fb = crossings(off, a, b, fa, fb, slack / 4)
    slope = (off(b + 1e-4) - fb) / 1e-4
    width = np.minimum((slack + np.abs(fb)) / np.maximum(np.abs(slope), 1e-300), 0.5)
    return [
        c._replace(lower=float(np.exp(x - w)), upper=float(np.exp(x + w)),
                   star=float(np.exp(x)), free=False)
        for c, x, w, f in zip(members, b, width, fb, strict=True)
        if abs(f) <= 100 * slack
    ]  # fmt: skip


def crossings(
    off: Callable[[np.ndarray], np.ndarray],
    a: np.ndarray,
    b: np.ndarray,
    fa: np.ndarray,
    fb: np.ndarray,
    enough: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Return where a function is 0 between a and b, by the Illinois variant of false position.

    Parameters
    ----------
    off : callable
        The function, of one value for each column.
    a, b, fa, fb : numpy.ndarray, shape (columns,)
        Ends of brackets, and the function there.
    enough : float
        So near 0 it need not be followed further.
    """
    for _ in range(REFINE):
        c = np.clip(b - fb * (b - a) / (fb - fa), np.minimum(a, b), np.maximum(a, b))
        fc = off(c)
        opposite = fc * fb < 0
        a, fa = np.where(opposite, b, a), np.where(opposite, fb, fa / 2)
        b, fb = c, fc
        if (np.abs(fc) <= enough).all():
            break
    return b, fb


def narrowed(
    some: list[Candidate], low: np.ndarray, high: np.ndarray, values: np.ndarray, slack: np.ndarray
) -> list[Candidate]:
    """Keep candidates whose values at both ends enclose what was logged, and cut the ends."""
    kept = []
    span = high - low
    bend = np.log([c.upper / c.lower for c in some])  # of the values between, beside the span
    room = slack[:, None] + (0.1 + bend) * np.abs(span)
    inside = (values[:, None] >= np.minimum(low, high) - room) & (
        values[:, None] <= np.maximum(low, high) + room
    )
    for n in np.flatnonzero(inside.all(axis=0)):
        c, rows = some[n], np.abs(span[:, n]) > slack / 10
        if c.lower == c.upper or not rows.any():
            kept.append(c)
            continue
        centre = (values[rows] - low[rows, n]) / span[rows, n]
        width = slack[rows] / np.abs(span[rows, n]) + 0.05 + bend[n] / 2
        begin, end = max(0.0, (centre - width).max()), min(1.0, (centre + width).min())
        if begin > end:
            continue
        lower, upper = (c.lower + t * (c.upper - c.lower) for t in (begin, end))
        best = c.star if lower <= c.star <= upper else (lower + upper) / 2
        kept.append(c._replace(lower=lower, upper=upper, star=best))
    return kept


def simplest(lower: float, upper: float, near: float) -> Iterator[float]:
    """Yield for each number of digits the decimal nearest to a value, if it is in the interval."""
    value = None
    for digits in range(1, 12):
        before, value = value, float(f"{near:.{digits - 1}e}")
        if lower <= value <= upper and value != before:
            yield value
        if value == near:
            return
        if 10.0 ** (math.floor(math.log10(near)) - digits) < (upper - lower) / 20:
            return
