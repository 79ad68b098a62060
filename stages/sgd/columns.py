"""Candidates side by side, a column each, and the values that each of them logs."""

from collections.abc import Iterator, Sequence

import numpy as np

from stages.sgd.by_numpy import Batch, shared
from stages.sgd.candidates import Vocabulary
from stages.sgd.datasets import draw
from stages.sgd.draws import draw_run, rates
from stages.sgd.logs import Logger, Setting, own_objective, setting
from stages.sgd.models import Epoch
from stages.sgd.recipe import Recipe

MEMORY = 4_000_000  # numbers of the paths of one call


class Ground:
    """What columns share: examples, θ₀ and streams, each drawn once."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary, self.section = vocabulary, vocabulary.section
        self.curve = vocabulary.curve
        self.settings: dict[object, Setting] = {}
        self.streams: dict[object, tuple[np.ndarray, Iterator[np.ndarray], np.ndarray]] = {}
        self.factors: dict[object, np.ndarray] = {}
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

    def drawn(self, recipe: Recipe, steps: int) -> tuple[object, np.ndarray, np.ndarray]:
        """Return a key, θ₀ (d,) and at least so many steps' examples (T, B)."""
        trained = self.setting(recipe).trained
        epochal = recipe.order.law in ("permutation", "reshuffle", "cyclic")
        key = (
            id(recipe.data),
            id(recipe.start),
            id(recipe.order),
            recipe.batch.size,
            follows(recipe),
            recipe.steps_an_epoch(len(trained[1])) if epochal else None,
        )
        if key not in self.streams:
            self.streams[key] = self._begin(recipe, trained)
            self.kept.append(recipe)
        theta, order, seen = self.streams[key]
        if len(seen) < steps:
            parts = [seen]
            have = len(seen)
            while have < steps:
                parts.append(next(order)[:, :, 0])
                have += len(parts[-1])
            seen = np.concatenate(parts)
            self.streams[key] = theta, order, seen
        return key, theta, seen

    def _begin(self, recipe: Recipe, trained: tuple) -> tuple:
        whole = recipe.model_copy(update={"updates": 1_000_000, "epochs": None})
        if recipe.order.law in ("replacement", "blocks"):  # lengths do not matter to these
            whole = whole.model_copy(update={"steps": 480})
        theta, order = draw_run(whole, draw(self.section, recipe.data), trained, 0, "search")
        empty = np.zeros((0, recipe.batch.size), np.intp)
        return theta[:, 0], order, empty

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


class Columns:
    """Candidates that advance together, each with its learning rate."""

    def __init__(self, ground: Ground, recipes: Sequence[Recipe]) -> None:
        self.ground, self.recipes = ground, list(recipes)
        self.where = [ground.setting(r) for r in recipes]
        self.windows = np.stack(
            [ground.curve.windows(r, len(w.trained[1])) for r, w in zip(recipes, self.where, strict=True)],
        )  # (R, rows, 2)
        self.batch = Batch(self.recipes, [w.trained for w in self.where], 1)
        self.drawn_to = 0
        groups: dict[object, list[int]] = {}
        for n, r in enumerate(self.recipes):
            key = (id(r.data), id(r.sources), id(r.log), r.penalty.logged, r.penalty.covers,
                   r.penalised, id(r.batch), self.windows[n, :, 0].tobytes())  # fmt: skip
            groups.setdefault(key, []).append(n)
        self.groups = [(self.recipes[c[0]], self.where[c[0]], np.array(c)) for c in groups.values()]
        self.sampled = all(
            (r.log.value, r.log.moment) == ("sampled", "before") for r, _, _ in self.groups
        )

    def values(self, eta: np.ndarray, begin: int, end: int, state: object = None) -> tuple:
        """Return rows begin to end of what is logged, shape (rows, R), and where θ is then.

        Parameters
        ----------
        eta : numpy.ndarray, shape (R,)
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
        sums = np.zeros((end - begin, len(self.recipes)))
        lengths = (self.windows[:, begin:end, 1] - self.windows[:, begin:end, 0]).T
        count = max(1, MEMORY // (self.batch.size * len(self.recipes) + 1))
        followed = 0 if self.sampled else len(self.recipes)
        while step < last:
            stop = min(last, step + min(count, 480))
            block = np.stack([s[step:stop] for s in self.streams], axis=-1)
            rate = np.broadcast_to(eta, (stop - step, len(eta)))
            if factor is not None:
                rate = rate * np.stack([f[step:stop] for f in factor], axis=1)
            epoch = self.batch.advance(theta, block[:, :, self.place], rate, followed)
            self._log(epoch, step, begin, end, sums)
            step = stop
        return sums / lengths, (step, theta)

    def _draw(self, steps: int) -> None:
        """Draw at least so many steps of every stream."""
        drawn = [self.ground.drawn(r, steps) for r in self.recipes]
        self.theta = _columns([theta for _, theta, _ in drawn], self.batch.size)
        keys = {key: n for n, key in enumerate(dict.fromkeys(key for key, _, _ in drawn))}
        self.place = np.array([keys[key] for key, _, _ in drawn])
        self.streams = list({key: seen for key, _, seen in drawn}.values())
        self.drawn_to = min(len(seen) for seen in self.streams)

    def _log(self, epoch: Epoch, step: int, begin: int, end: int, sums: np.ndarray) -> None:
        stop = step + len(epoch.losses)
        for recipe, where, columns in self.groups:
            windows = self.windows[columns[0], begin:end]
            rows = np.flatnonzero((windows[:, 0] < stop) & (windows[:, 1] > step))
            if not len(rows):
                continue
            spans = [
                np.arange(max(a, step), min(b, stop)) - step for a, b in windows[rows]
            ]
            chosen = np.concatenate(spans)
            values = _logged(recipe, where, epoch, chosen, columns)
            at = np.repeat(rows, [len(s) for s in spans])
            if len(rows) == len(chosen):
                sums[rows[:, None], columns] += values
            else:
                np.add.at(sums, (at[:, None], columns[None]), values)


def _logged(
    recipe: Recipe, where: Setting, epoch: Epoch, chosen: np.ndarray, columns: np.ndarray
) -> np.ndarray:
    """Return what is logged at the chosen steps, shape (steps, columns)."""
    log = recipe.log
    if log.value == "sampled" and log.moment == "before":
        return epoch.losses[chosen[:, None], columns]
    width = len(recipe_width(recipe, where))
    if log.value == "sampled":
        part = Epoch(
            epoch.examples[chosen][:, :, columns], epoch.z, epoch.y,
            epoch.losses[chosen], epoch.theta,
            epoch.path[np.concatenate([[0], chosen + 1])][:, :width, columns],
        )  # fmt: skip
        each = recipe.model_copy(
            update={"log": log.model_copy(update={"every": 1, "phase": "first", "start": False})}
        )
        logger = Logger(each, where)
        logger.see(part)
        return np.stack(logger.values)
    path = epoch.path[chosen + (log.moment == "after")][:, :, columns]
    examples = where.held_out if log.value == "held_out" else where.trained
    return own_objective(recipe, examples, path[:, :width])


def recipe_width(recipe: Recipe, where: Setting) -> range:
    """Return the entries of a recipe's θ."""
    if recipe.network:
        return range(3 * recipe.objective.hidden)
    count = 5 if recipe.objective.model == "quadratic" else where.trained[0].shape[1]
    return range(count + follows(recipe))


def follows(recipe: Recipe) -> bool:
    """Say whether anything follows the features."""
    s = recipe.sources
    return not s.output == s.gradient == s.log == "none"


def _columns(thetas: Sequence[np.ndarray], size: int) -> np.ndarray:
    whole = np.zeros((size, len(thetas)))
    for n, theta in enumerate(thetas):
        whole[: len(theta), n] = theta
    return whole


def apart(ground: Ground, recipes: Sequence[Recipe], most: int = 20_000) -> Iterator[np.ndarray]:
    """Yield the positions of recipes that can be in one batch."""
    groups: dict[object, list[int]] = {}
    for n, recipe in enumerate(recipes):
        groups.setdefault((shared(recipe)), []).append(n)
    for group in groups.values():
        for begin in range(0, len(group), most):
            yield np.array(group[begin : begin + most])
