"""Candidates side by side, a column each, and the values that each of them logs."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from stages.sgd.by_numpy import Batch, shared
from stages.sgd.diagnosis.candidates import Curve, Option, Search
from stages.sgd.diagnosis.values import line, logged
from stages.sgd.diagnosis.vocabulary import Vocabulary
from stages.sgd.parts.datasets import draw
from stages.sgd.parts.draws import draw_run, rates
from stages.sgd.parts.logs import Setting, setting
from stages.sgd.parts.models import Epoch
from stages.sgd.recipes.recipe import Recipe

SHORT, LONG = 60, 1_000_000  # steps of a stream that is begun, and of one that is needed longer
MEMORY = 1_000_000  # numbers of the paths of one call
ENTRIES = 50_000  # of a ground's memory
SLACK = 1e-9  # relative: what rounding may do to a value on its way


class Ground:
    """What columns share: examples, θ₀ and streams, each drawn once.

    Curves of the same problem and positions, of which the same is stated, can share one. `memory`
    then holds what candidates came to.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary, self.section = vocabulary, vocabulary.section
        self.curve = vocabulary.curve
        self.memory: dict[object, np.ndarray] = {}
        self.settings: dict[object, Setting] = {}
        self.thetas: dict[object, np.ndarray] = {}
        self.streams: dict[object, tuple[Iterator[np.ndarray], np.ndarray]] = {}
        self.factors: dict[object, np.ndarray] = {}
        self.spans: dict[object, np.ndarray] = {}
        self.kept: list[Recipe] = []  # so that no other section takes the id of theirs

    def setting(self, recipe: Recipe) -> Setting:
        """Return a recipe's examples, the same arrays for all recipes that have them."""
        key = id(recipe.data)
        if key not in self.settings:
            plain = {"order": type(recipe.order)(), "log": type(recipe.log)()}
            drawn = draw(self.section, recipe.data)
            one = recipe.model_copy(update=plain)
            self.settings[key] = setting(one, drawn), recipe.data
        return self.settings[key][0]

    def windows(self, recipe: Recipe) -> np.ndarray:
        """Return which steps each value of the curve is of, shape (rows, 2)."""
        trained = len(self.setting(recipe).trained[1])
        key = id(recipe.log), recipe.steps_an_epoch(trained)
        if key not in self.spans:
            self.spans[key] = self.curve.windows(recipe, trained)
            self.kept.append(recipe)
        return self.spans[key]

    def drawn(self, recipe: Recipe, steps: int) -> tuple[object, np.ndarray, np.ndarray]:
        """Return a key, θ₀ (d, R) and at least so many steps' examples (T, B, R)."""
        trained = self.setting(recipe).trained
        epochal = recipe.order.law in ("permutation", "reshuffle", "cyclic")
        length = recipe.steps_an_epoch(len(trained[1])) if epochal else None
        order = id(recipe.order), recipe.batch.size, recipe.replicas, length
        start = id(recipe.data), id(recipe.start), recipe.follows
        key = *order, *start
        apart = recipe.order.generator in ("python", "default_rng")  # from data and start
        stream = (*order, len(trained[1])) if apart else key
        if key not in self.thetas:
            self.thetas[key], begun = self._begin(recipe, trained, SHORT)
            self.streams.setdefault(stream, begun)
            self.kept.append(recipe)
        order, seen = self.streams[stream]
        if len(seen) < steps:
            parts = [seen]
            have = len(seen)
            while have < steps:
                found = next(order, None)
                if found is None:  # a short stream: draw it again, as long as any can be
                    _, (order, _) = self._begin(recipe, trained, LONG)
                    parts, have = [], 0
                    continue
                parts.append(found)
                have += len(parts[-1])
            seen = np.concatenate(parts)
            self.streams[stream] = order, seen
        return stream, self.thetas[key], seen

    def _begin(self, recipe: Recipe, trained: tuple, updates: int) -> tuple:
        whole = recipe.model_copy(update={"updates": updates, "epochs": None})
        if recipe.order.law in ("replacement", "blocks"):  # lengths do not matter to these
            whole = whole.model_copy(update={"steps": min(updates, 480)})
        theta, order = draw_run(whole, draw(self.section, recipe.data), trained, 0, "search")
        empty = np.zeros((0, recipe.batch.size, recipe.replicas), np.intp)
        return theta, (order, empty)

    def factor(self, recipe: Recipe, steps: int) -> np.ndarray:
        """Return ηₜ/η for the first steps."""
        if recipe.schedule.law == "constant":
            return np.ones(steps)
        each = recipe.steps_an_epoch(len(self.setting(recipe).trained[1]))
        key = recipe.schedule, each
        if len(self.factors.get(key, ())) < steps:
            one = recipe.model_copy(
                update={"learning_rate": 1.0, "updates": max(2 * steps, 960), "epochs": None}
            )
            trained = len(self.setting(recipe).trained[1])
            self.factors[key] = np.concatenate(list(rates(one, trained)))
        return self.factors[key][:steps]


class Quest:
    """What each search starts from, and how many candidates it has tried.

    `slack` is how far from each value a candidate's may be, and `count` of how many choices a
    candidate's options begin with.

    Parameters
    ----------
    ground : Ground
        Whose vocabulary's options are put together.
    curve : Curve
        What is to be explained.
    search : Search
        How much to try.
    rate : float or None
        The learning rate, where it is stated.
    """

    def __init__(self, ground: Ground, curve: Curve, search: Search, rate: float | None) -> None:
        self.ground, self.curve, self.search, self.rate = ground, curve, search, rate
        self.vocabulary, self.tried = ground.vocabulary, 0
        self.slack = curve.halves + SLACK * np.abs(curve.values)
        self.count = len(self.vocabulary.choices[0])

    def parts(self, options: tuple[Option, ...]) -> tuple[tuple[Option, ...], ...]:
        """Return a candidate's choices, and the deviations that it has beside them."""
        return options[: self.count], options[self.count :]


class Columns:
    """Candidates that advance together: `replicas` columns of each, as many times as asked.

    The times differ in their learning rates alone, and only a recipe of one replica has several.
    """

    def __init__(
        self,
        ground: Ground,
        recipes: Sequence[Recipe],
        make: Callable[..., Batch] = Batch,
        times: int = 1,
    ) -> None:
        self.ground, self.recipes = ground, list(recipes)
        self.where = [ground.setting(r) for r in recipes]
        self.windows = np.stack([ground.windows(r) for r in recipes])  # (R, rows, 2)
        self.times, self.replicas = times, recipes[0].replicas * times
        self.batch = make(self.recipes, [w.trained for w in self.where], self.replicas)
        self.drawn_to = 0
        groups: dict[object, list[int]] = {}
        for n, r in enumerate(self.recipes):
            key = (id(r.data), id(r.sources), id(r.log), r.penalty.logged, r.penalty.covers,
                   r.penalised, id(r.batch), self.windows[n, :, 0].tobytes())  # fmt: skip
            groups.setdefault(key, []).append(n)
        self.groups = [
            (self.recipes[c[0]], self.where[c[0]], np.repeat(c, self.replicas) * self.replicas
             + np.tile(np.arange(self.replicas), len(c)))
            for c in groups.values()
        ]  # fmt: skip
        self.sampled = all(
            (r.log.value, r.log.moment) == ("sampled", "before") for r, _, _ in self.groups
        )

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
        plain = all(r.schedule.law == "constant" for r in self.recipes)
        factor = None if plain else [self.ground.factor(r, last) for r in self.recipes]
        eta, many = np.repeat(eta, self.replicas // self.times), len(self.recipes) * self.replicas
        sums = np.zeros((end - begin, many))
        lengths = (self.windows[:, begin:end, 1] - self.windows[:, begin:end, 0]).T
        lengths = np.repeat(lengths, self.replicas, axis=1)
        count = max(1, MEMORY // (self.batch.size * many + 1))
        followed = 0 if self.sampled else many
        while step < last:
            stop = min(last, step + min(count, 480))
            block = np.concatenate([s[step:stop] for s in self.streams], axis=-1)
            rate = np.broadcast_to(eta, (stop - step, len(eta)))
            if factor is not None:
                scale = np.stack([f[step:stop] for f in factor], axis=1)
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
        drawn = [self.ground.drawn(r, steps) for r in self.recipes]
        theta = _columns([theta for _, theta, _ in drawn], self.batch.size)
        self.theta = np.repeat(theta, self.times, axis=1)
        keys = {key: n for n, key in enumerate(dict.fromkeys(key for key, _, _ in drawn))}
        each = self.replicas // self.times
        first = np.array([keys[key] for key, _, _ in drawn]) * each
        self.place = np.repeat(first[:, None] + np.arange(each), self.times)
        self.streams = list({key: seen for key, _, seen in drawn}.values())
        self.drawn_to = min(len(seen) for seen in self.streams)

    def _log(self, epoch: Epoch, step: int, begin: int, end: int, sums: np.ndarray) -> None:
        stop = step + len(epoch.losses)
        for recipe, where, columns in self.groups:
            windows = self.windows[columns[0] // self.replicas, begin:end]
            rows = np.flatnonzero((windows[:, 0] < stop) & (windows[:, 1] > step))
            if not len(rows):
                continue
            spans = [np.arange(max(a, step), min(b, stop)) - step for a, b in windows[rows]]
            chosen = np.concatenate(spans)
            values = logged(recipe, where, epoch, chosen, columns)
            at = np.repeat(rows, [len(s) for s in spans])
            if len(rows) == len(chosen):
                sums[rows[:, None], columns] += values
            else:
                np.add.at(sums, (at[:, None], columns[None]), values)


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
    ground: Ground, recipes: Sequence[Recipe], row: int = 0, most: int = 20_000
) -> Iterator[np.ndarray]:
    """Yield the positions of recipes that can be in one batch and take as long to a row."""
    groups: dict[object, list[int]] = {}
    for n, recipe in enumerate(recipes):
        begin, end = ground.windows(recipe)[row]
        log = recipe.log
        key = shared(recipe), begin, end, log.moment, log.value == "sampled"
        groups.setdefault(key, []).append(n)
    for group in groups.values():
        for begin in range(0, len(group), most):
            yield np.array(group[begin : begin + most])
