"""Candidates side by side, a column each, and the values that each of them logs."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from stages.sgd.by_numpy import Batch, shared
from stages.sgd.diagnosis.crowd import Crowd, Recipes, grouped
from stages.sgd.diagnosis.ground import Ground
from stages.sgd.diagnosis.values import line, logged
from stages.sgd.parts.models import Epoch
from stages.sgd.recipes.recipe import Recipe

MEMORY = 1_000_000  # numbers of the paths of one call
# Fields that a column's parts depend on.
ALIKE = ("batch", "derivative", "loss", "update", "accumulate", "precision")  # in one batch
TRAINED = (*ALIKE, "data", "intercept", "gradient_factor", "penalty", "regularization")
DRAWN = ("data", "start", "order", "size", "steps", "follows")
WINDOW = ("data", "log", "size", "steps")
SCHEDULED = ("data", "schedule", "size", "steps")
LOGGED = ("data", "intercept", "log", "batch", "steps", "penalty", "regularization")
TIMED = (*ALIKE, "log", "data", "steps")


class Columns:
    """Candidates that advance together: `replicas` columns of each, as many times as asked.

    The times differ in their learning rates alone, and only a recipe of one replica has several.
    """

    def __init__(
        self,
        ground: Ground,
        recipes: Crowd | Sequence[Recipe],
        make: Callable[..., Batch] = Batch,
        times: int = 1,
    ) -> None:
        self.ground, self.recipes = ground, Recipes.of(recipes)
        some, which = self.recipes.each(WINDOW)
        self.windows = np.stack([ground.windows(r) for r in some])[which]  # (R, rows, 2)
        self.times, self.each = times, some[0].replicas
        self.replicas = self.each * times
        some, which = self.recipes.each(TRAINED)
        trained = [ground.setting(r).trained for r in some]
        self.batch = make(some, trained, np.repeat(which, self.replicas))
        self.drawn_to = 0
        some, which = self.recipes.each(LOGGED)
        keys = [(id(r.data), id(r.sources), id(r.log), r.penalty.logged, r.penalty.covers,
                 r.penalised, id(r.batch), id(ground.windows(r))) for r in some]  # fmt: skip
        members = np.arange(self.replicas)
        self.groups = []
        for rows in grouped(keys, which):
            recipe = some[which[rows[0]]]
            columns = (rows[:, None] * self.replicas + members).ravel()
            self.groups.append((recipe, ground.setting(recipe), columns))
        self.sampled = all(
            (r.log.value, r.log.moment) == ("sampled", "before") for r, _, _ in self.groups
        )
        self.scheduled, self.schedules = self.recipes.each(SCHEDULED)
        self.plain = all(r.schedule.law == "constant" for r in self.scheduled)

    def values(self, eta: np.ndarray, begin: int, end: int, state: object = None) -> tuple:
        """Return rows begin to end of what is logged, shape (rows, R), and where θ is then.

        Parameters
        ----------
        eta : numpy.ndarray, shape (recipes,) or (recipes, times)
            Learning rates.
        begin, end : int
            Rows of the curve.
        state : tuple, optional
            What an earlier call for the rows before returned.
        """
        last = int(self.windows[:, end - 1, 1].max())
        step, theta = state or (0, None)
        if last > self.drawn_to:
            self._draw(last)
        if theta is None:
            theta = self.batch.state(self.theta)
        if not self.plain:
            factor = np.stack([self.ground.factor(r, last) for r in self.scheduled], axis=1)
        eta, many = np.repeat(eta, self.each), len(self.recipes) * self.replicas
        sums = np.zeros((end - begin, many))
        lengths = (self.windows[:, begin:end, 1] - self.windows[:, begin:end, 0]).T
        lengths = np.repeat(lengths, self.replicas, axis=1)
        first = int(self.windows[:, begin, 0].min()) if end == begin + 1 else 0
        while step < last:
            followed = 0 if self.sampled or step < first else many
            count = max(1, MEMORY // ((self.batch.size if followed else 1) * many + 1))
            stop = min(first if step < first else last, step + min(count, 480))
            block = np.concatenate([s[step:stop] for s in self.streams], axis=-1)
            rate = np.broadcast_to(eta, (stop - step, len(eta)))
            if not self.plain:
                scale = factor[step:stop, self.schedules]
                rate = rate * np.repeat(scale, self.replicas, axis=1)
            epoch = self.batch.advance(theta, block[:, :, self.place], rate, followed)
            self._log(epoch, step, begin, end, sums)
            step = stop
        return sums / lengths, (step, theta)

    def at(self, row: int) -> Callable[[np.ndarray], np.ndarray]:
        """Return what a row is as a function of the learning rates.

        One update is θ₀ − ηg − s, whose outputs are linear in η: they are computed at two η and
        the loss at their combinations. After more updates the steps are taken again.
        """
        if not single(self.ground, self.recipes, row):
            return lambda eta: self.values(eta, 0, row + 1)[0][row]
        self._draw(1)
        ends = []
        for eta in (0.0, 1.0):
            theta = self.batch.state(self.theta)
            block = np.concatenate([s[:1] for s in self.streams], axis=-1)[:, :, self.place]
            ends.append(
                self.batch.advance(theta, block, np.full((1, len(self.recipes)), eta)).theta
            )
        base, slope = ends[0], ends[1] - ends[0]
        lines = [line(r, w, base[:, c], slope[:, c]) for r, w, c in self.groups]

        def value(eta: np.ndarray) -> np.ndarray:
            found = np.empty(len(eta))
            for function, (_, _, columns) in zip(lines, self.groups, strict=True):
                found[columns] = function(eta[columns])
            return found

        return value

    def _draw(self, steps: int) -> None:
        """Draw at least so many steps of every stream."""
        some, which = self.recipes.each(DRAWN)
        drawn = [self.ground.drawn(r, steps) for r in some]
        theta = _columns([theta for _, theta, _ in drawn], self.batch.size)
        members = np.arange(self.each)
        self.theta = theta[:, np.repeat(which[:, None] * self.each + members, self.times)]
        keys = {key: n for n, key in enumerate(dict.fromkeys(key for key, _, _ in drawn))}
        first = np.array([keys[key] for key, _, _ in drawn])[which] * self.each
        self.place = np.repeat(first[:, None] + members, self.times)
        self.streams = list({key: seen for key, _, seen in drawn}.values())
        self.drawn_to = min(len(seen) for seen in self.streams)

    def _log(self, epoch: Epoch, step: int, begin: int, end: int, sums: np.ndarray) -> None:
        stop = step + len(epoch.losses)
        for recipe, where, columns in self.groups:
            windows = self.windows[columns[0] // self.replicas, begin:end]
            rows = np.flatnonzero((windows[:, 0] < stop) & (windows[:, 1] > step))
            if not len(rows):
                continue
            first, last = (np.clip(w, step, stop) - step for w in windows[rows].T)
            begun = np.append(0, np.cumsum(last - first)[:-1])
            chosen = np.arange(begun[-1] + last[-1] - first[-1])
            chosen += np.repeat(first - begun, last - first)
            values = logged(recipe, where, epoch, chosen, columns)
            if len(rows) < len(chosen):
                values = np.add.reduceat(values, begun, axis=0)
            sums[rows[:, None], columns] += values


def _columns(thetas: Sequence[np.ndarray], size: int) -> np.ndarray:
    many = thetas[0].shape[1]
    whole = np.zeros((size, len(thetas) * many))
    for n, theta in enumerate(thetas):
        whole[: len(theta), n * many : (n + 1) * many] = theta
    return whole


def single(ground: Ground, recipes: Sequence[Recipe], row: int) -> bool:
    """Say whether a row is what is logged of all examples after one update."""
    after = np.array([r.log.moment == "after" for r in recipes])
    begin, end = np.array([ground.windows(r)[row] for r in recipes]).T
    whole = all(r.log.value != "sampled" for r in recipes)
    return whole and bool((begin + after == 1).all() and (end - begin == 1).all())


def apart(
    ground: Ground, recipes: Crowd | Sequence[Recipe], row: int = 0, most: int = 20_000
) -> Iterator[np.ndarray]:
    """Yield the positions of recipes that can be in one batch and take as long to a row."""
    some, which = Recipes.of(recipes).each(TIMED)
    keys = [
        (shared(r), *ground.windows(r)[row], r.log.moment, r.log.value == "sampled") for r in some
    ]
    for group in grouped(keys, which):
        for begin in range(0, len(group), most):
            yield group[begin : begin + most]
