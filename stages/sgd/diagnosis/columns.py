"""Candidates side by side, a column each, and the values that each of them logs."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pandas as pd

from stages.sgd.by_numpy import Batch, shared
from stages.sgd.diagnosis.crowd import Crowd, Recipes, coded, grouped, numbered
from stages.sgd.diagnosis.ground import Ground
from stages.sgd.diagnosis.values import line, logged
from stages.sgd.parts.models import Epoch
from stages.sgd.recipes.recipe import Recipe

MEMORY = 1_000_000  # numbers of the paths of one call
LIMIT = 1_000_000  # more than there are of what is numbered
ENOUGH = 500  # candidates that are in a batch of their own
# Fields that a column's parts depend on.
ALIKE = ("batch", "derivative", "loss", "update", "accumulate", "precision")  # in one batch
TRAINED = (*ALIKE, "data", "intercept", "gradient_factor", "penalty", "regularization")
STARTED = ("data", "start", "follows")
ORDERED = ("data", "order", "size", "steps")
DRAWN = (*STARTED, *ORDERED)
WINDOW = ("data", "log", "size", "steps")
SCHEDULED = ("data", "schedule", "size", "steps")
LOGGED = ("data", "intercept", "log", "batch", "steps", "penalty", "regularization")
COSTLY = ("intercept", "penalty", "regularization")
TRACK = (*TRAINED, *DRAWN, *SCHEDULED)
FIRST = (*DRAWN, *LOGGED, "loss")  # the same before any update


class Columns:
    """Candidates that advance together: `replicas` columns of each, as many times as asked.

    The times differ in their learning rates alone, and only a recipe of one replica has several.
    Of candidates of a crowd that agree in the fields of `track`, and in their learning rates, one
    is trained for all.
    """

    def __init__(
        self,
        ground: Ground,
        recipes: Crowd | Sequence[Recipe],
        make: Callable[..., Batch] = Batch,
        times: int = 1,
        track: Sequence[str] = (),
    ) -> None:
        self.ground, self.recipes = ground, Recipes.of(recipes)
        some, which = self.recipes.each(WINDOW)
        self.spans, self.span = np.stack([ground.windows(r) for r in some]), which
        self.divisors = np.stack([divisors(r, ground.windows(r)) for r in some])
        self.times, self.each = times, some[0].replicas
        self.replicas = self.each * times
        self.tracks, self.which = self.recipes.alike(track)
        some, which = self.tracks.each(TRAINED)
        trained = [ground.setting(r).trained for r in some]
        self.batch = make(some, trained, np.repeat(which, self.replicas))
        self.drawn_to, self.size = 0, some[0].batch.size  # steps so far, and examples of each
        some, which = self.recipes.each(LOGGED)
        members = np.arange(self.replicas)
        self.groups = []
        self.followed = np.zeros(len(self.recipes), bool)
        for rows in grouped([self._logs(r) for r in some], which):
            recipe = some[which[rows[0]]]
            columns, tracks = (
                (r[:, None] * self.replicas + members).ravel() for r in (rows, self.which[rows])
            )
            judged = None if plain(recipe) else ground.judged(recipe)
            self.groups.append((recipe, ground.setting(recipe), judged, columns, tracks))
            self.followed[rows] = not plain(recipe)
        self.scheduled, self.schedules = self.tracks.each(SCHEDULED)
        self.plain = all(r.schedule.law == "constant" for r in self.scheduled)

    def values(self, eta: np.ndarray, begin: int, end: int, state: object = None) -> tuple:
        """Return rows begin to end of what is logged, shape (rows, R), and where θ is then.

        Parameters
        ----------
        eta : numpy.ndarray, shape (tracks,) or (tracks, times)
            Learning rates.
        begin, end : int
            Rows of the curve.
        state : tuple, optional
            What an earlier call for the rows before returned.
        """
        last = int(self.spans[:, end - 1, 1].max())
        step, theta = state or (0, None)
        if last > self.drawn_to:
            self._draw(last)
        if theta is None:
            theta = self.batch.state(self.theta)
        if not self.plain:
            factor = np.stack([self.ground.factor(r, last) for r in self.scheduled], axis=1)
        eta, many = np.repeat(eta, self.each), len(self.tracks) * self.replicas
        sums = np.zeros((end - begin, len(self.recipes) * self.replicas))
        over = np.repeat(self.divisors[self.span, begin:end].T, self.replicas, axis=1)
        first = 0 if end > begin + 1 else last
        if self.followed.any():
            first = min(first, int(self.spans[self.span[self.followed], begin, 0].min()))
        while step < last:
            followed = 0 if not self.followed.any() or step < first else many
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
        return sums / over, (step, theta)

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
            rates = np.full((1, len(self.tracks)), eta)
            ends.append(self.batch.advance(theta, block, rates).theta)
        base, slope = ends[0], ends[1] - ends[0]
        lines = [line(r, w, base[:, t], slope[:, t]) for r, w, _, _, t in self.groups]

        def value(eta: np.ndarray) -> np.ndarray:
            found = np.empty(len(eta))
            for function, (recipe, *_, columns, _) in zip(lines, self.groups, strict=True):
                found[columns] = function(eta[columns]) * recipe.log.factor
            return found

        return value

    def _logs(self, r: Recipe) -> tuple[object, ...]:
        """Return what is the same for recipes that log the same of the same path."""
        spans = id(self.ground.windows(r))
        if plain(r):
            return (spans,)
        size = r.batch if r.log.value == "sampled" else None
        penalty = r.penalty.logged, r.penalty.covers, r.penalised
        return spans, id(r.data), id(r.sources), id(r.log), id(size), *penalty

    def _draw(self, steps: int) -> None:
        """Draw at least so many steps of every stream."""
        starts, begun = self.tracks.told(STARTED, self.ground.start)
        orders, drawing = self.tracks.told(ORDERED, self.ground.order)
        members = np.arange(self.each)
        theta = _columns([start.theta for start in starts], self.batch.size)
        self.theta = theta[:, np.repeat(begun[:, None] * self.each + members, self.times)]
        number = np.array([order.number for order in orders])[drawing]
        follows = np.array([order.follows for order in orders])[drawing]
        after = np.array([start.after for start in starts])[begun, follows]
        some, which = numbered(number * LIMIT + after)
        keys = [self.ground.stream(orders[drawing[n]], starts[begun[n]]) for n in some]
        self.place = np.repeat(which[:, None] * self.each + members, self.times)
        self.streams = [self.ground.seen(key, steps, self.size) for key in keys]
        self.drawn_to = min(len(seen) for seen in self.streams)

    def _log(self, epoch: Epoch, step: int, begin: int, end: int, sums: np.ndarray) -> None:
        stop = step + len(epoch.losses)
        for recipe, where, judged, columns, tracks in self.groups:
            windows = self.spans[self.span[columns[0] // self.replicas], begin:end]
            if len(windows) == 1:
                first, last = max(windows[0, 0], step) - step, min(windows[0, 1], stop) - step
                if first < last and plain(recipe):
                    sums[0, columns] += epoch.losses[first:last].sum(axis=0)[tracks]
                elif first < last:
                    chosen = np.arange(first, last)
                    values = logged(recipe, where, judged, epoch, chosen, tracks)
                    sums[0, columns] += values.sum(axis=0)
                continue
            rows = np.flatnonzero((windows[:, 0] < stop) & (windows[:, 1] > step))
            if not len(rows):
                continue
            first, last = (np.clip(w, step, stop) - step for w in windows[rows].T)
            begun = np.append(0, np.cumsum(last - first)[:-1])
            chosen = np.arange(begun[-1] + last[-1] - first[-1])
            chosen += np.repeat(first - begun, last - first)
            values = logged(recipe, where, judged, epoch, chosen, tracks)
            if len(rows) < len(chosen):
                values = np.add.reduceat(values, begun, axis=0)
            sums[rows[:, None], columns] += values


def _columns(thetas: Sequence[np.ndarray], size: int) -> np.ndarray:
    many = thetas[0].shape[1]
    whole = np.zeros((size, len(thetas) * many))
    for n, theta in enumerate(thetas):
        whole[: len(theta), n * many : (n + 1) * many] = theta
    return whole


def plain(recipe: Recipe) -> bool:
    """Say whether what is logged is the loss of each step, which a trainer returns."""
    log = recipe.log
    return (log.value, log.moment) == ("sampled", "before") and log.reduction != "examples"


def divisors(recipe: Recipe, windows: np.ndarray) -> np.ndarray:
    """Return what the sum over each value's steps is divided by, shape (rows,)."""
    summed = recipe.log.value == "sampled" and recipe.log.reduction == "sum"
    steps = np.ones(len(windows)) if summed else windows[:, 1] - windows[:, 0]
    return steps / recipe.log.factor


def passes(recipe: Recipe) -> tuple[object, ...]:
    """Return what a step does beside the update that every recipe has, which one pays for all."""
    sources, penalty = recipe.sources, recipe.penalty
    decay = recipe.penalised > 0 and (penalty.covers, penalty.times_rate)
    return sources.output == sources.gradient, sources.output == sources.log, decay


def single(ground: Ground, recipes: Sequence[Recipe], row: int) -> bool:
    """Say whether a row is what is logged of all examples after one update."""
    after = np.array([r.log.moment == "after" for r in recipes])
    begin, end = np.array([ground.windows(r)[row] for r in recipes]).T
    whole = all(r.log.value != "sampled" for r in recipes)
    return whole and bool((begin + after == 1).all() and (end - begin == 1).all())


def apart(
    ground: Ground, recipes: Sequence[Recipe], row: int = 0, most: int = 20_000
) -> Iterator[np.ndarray]:
    """Yield the positions of recipes that can be in one batch and take as long to a row."""
    keys = [
        (shared(r), *ground.windows(r)[row], r.log.moment, r.log.value == "sampled")
        for r in recipes
    ]
    for group in grouped(keys, np.arange(len(keys))):
        for begin in range(0, len(group), most):
            yield group[begin : begin + most]


def batches(ground: Ground, crowd: Crowd) -> list[np.ndarray]:
    """Return positions in a crowd that can be in one batch, like beside like.

    The first value of all in one does or does not depend on the learning rate. What takes longer
    than another is apart where there is enough of it.
    """

    def timing(r: Recipe) -> tuple[int, bool, bool]:
        """Say when the first value ends, whether it is free of η, and needs all of the path."""
        begin, end = ground.windows(r)[0]
        return end, ground.independent(r), end - begin > 1 and not plain(r)

    if not len(crowd):
        return []
    times, which = crowd.told(WINDOW, timing)
    end, free, whole = np.array(times).T[:, which]
    kind, cost = coded(*crowd.told(ALIKE, shared)), coded(*crowd.told(COSTLY, passes))
    coarse = pd.factorize((kind * LIMIT + end) * 2 + free)[0]
    fine = pd.factorize((coarse * 2 + whole) * LIMIT + np.where(free, 0, cost))[0]
    number = np.where((np.bincount(fine) >= ENOUGH)[fine], fine, -1 - coarse)
    trained, drawn = (crowd.classes(f)[1][crowd.rows] for f in (TRAINED, DRAWN))
    order = np.lexsort((drawn, trained, number))
    return np.split(order, 1 + np.flatnonzero(np.diff(number[order])))
