"""What candidates share, each drawn once, and what each search of them starts from."""

from collections.abc import Callable, Iterator
from functools import cached_property

import numpy as np

from stages.sgd.diagnosis.candidates import Curve, Option, Search
from stages.sgd.diagnosis.crowd import Crowd, Everyone
from stages.sgd.diagnosis.vocabulary import Vocabulary
from stages.sgd.parts.datasets import draw
from stages.sgd.parts.draws import draw_run, rates
from stages.sgd.parts.logs import Setting, setting
from stages.sgd.recipes.recipe import Recipe

SHORT, LONG = 60, 1_000_000  # steps of a stream that is begun, and of one that is needed longer
ENTRIES = 50_000  # of a ground's memory
ROOM = 10_000_000  # first values of candidates by the thousand that are kept
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
        self.crowds: dict[object, tuple[Crowd, list[np.ndarray]]] = {}
        self.firsts: dict[object, np.ndarray] = {}
        self.room = ROOM
        self.kept: list[Recipe] = []  # so that no other section takes the id of theirs

    @cached_property
    def everyone(self) -> Everyone:
        """All candidates, from which crowds are taken."""
        return Everyone(self.vocabulary)

    def once(self, key: object, make: Callable[..., np.ndarray], *given: object) -> np.ndarray:
        """Return what `make` makes of what is given, kept if there is room."""
        if key in self.firsts:
            return self.firsts[key]
        found = make(*given)
        if self.room >= found.size:
            self.room -= found.size
            self.firsts[key] = found
        return found

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
        whose = recipe.order.generator if recipe.replicas > 1 else recipe.order.generator == "own"
        theta = (*start, recipe.replicas, whose)
        if theta not in self.thetas or stream not in self.streams:
            self.thetas[theta], begun = self._begin(recipe, trained, SHORT)
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
        return stream, self.thetas[theta], seen

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
