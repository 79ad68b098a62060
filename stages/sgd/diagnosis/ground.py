"""What candidates share, each drawn once, and what each search of them starts from."""

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import NamedTuple

import numpy as np

from stages.sgd.diagnosis.candidates import Curve, Option, Search
from stages.sgd.diagnosis.crowd import Crowd, Everyone
from stages.sgd.diagnosis.vocabulary import Vocabulary
from stages.sgd.parts.datasets import Draw, draw
from stages.sgd.parts.draws import draw_run, library, rates
from stages.sgd.parts.logs import Setting, Table, setting, table_of
from stages.sgd.parts.models import Examples
from stages.sgd.recipes.fields import Data
from stages.sgd.recipes.recipe import Recipe

SHORT = 60  # steps of a stream that is begun
ENTRIES = 30_000  # of a ground's memory
ROOM = 10_000_000  # first values of candidates by the thousand that are kept
FOLLOWED = ("", "numpy", "own", "python", "default_rng", "torch")  # by an order: nothing, or these
SLACK = 1e-9  # relative: what rounding may do to a value on its way


class Start(NamedTuple):
    """Where recipes start.

    Attributes
    ----------
    recipe : Recipe
        One of them.
    theta : numpy.ndarray, shape (d, R)
        θ₀.
    after : tuple of int
        Where the streams of `FOLLOWED` then stand, 0 where the start says nothing of it.
    """

    recipe: Recipe
    theta: np.ndarray
    after: tuple[int, ...]


class Order(NamedTuple):
    """How recipes draw examples.

    Attributes
    ----------
    recipe : Recipe
        One of them.
    number : int
        Which order.
    follows : int
        Which of the start's `after` it depends on.
    flat : bool
        A batch is so many examples that are drawn one by one.
    """

    recipe: Recipe
    number: int
    follows: int
    flat: bool


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
        self.draws: dict[object, tuple[Draw, object, Data]] = {}
        self.tables: dict[object, Table] = {}
        self.starts: dict[object, Start] = {}
        self.stands: dict[object, int] = {}
        self.orders: dict[object, Order] = {}
        self.streams: dict[object, tuple[Iterator[np.ndarray], np.ndarray, tuple]] = {}
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
        """Return what `make` makes of what is given, kept if there are a key and room."""
        if key in self.firsts:
            return self.firsts[key]
        found = make(*given)
        if key is not None and self.room >= found.size:
            self.room -= found.size
            self.firsts[key] = found
        return found

    def drawn(self, data: Data) -> Draw:
        """Return a draw of the data, its stream right after the last."""
        if id(data) not in self.draws:
            one = draw(self.section, data)
            self.draws[id(data)] = one, one.stream.get_state(legacy=False), data
        one, state, _ = self.draws[id(data)]
        stream = np.random.RandomState(np.random.MT19937(0))
        stream.set_state(state)
        return one._replace(stream=stream)

    def setting(self, recipe: Recipe) -> Setting:
        """Return a recipe's examples, the same arrays for all recipes that have them."""
        key = id(recipe.data)
        if key not in self.settings:
            plain = {"order": type(recipe.order)(), "log": type(recipe.log)()}
            drawn = self.drawn(recipe.data)
            one = recipe.model_copy(update=plain)
            self.settings[key] = setting(one, drawn), recipe.data
        return self.settings[key][0]

    def judged(self, recipe: Recipe) -> Examples | Table:
        """Return what a recipe's logged objective is taken over, in its precision."""
        where, held_out = self.setting(recipe), recipe.log.value == "held_out"
        examples = where.held_out if held_out else where.trained
        if recipe.network:
            return examples
        covers = recipe.penalty.covers
        key = id(recipe.data), id(recipe.sources), held_out, covers, recipe.precision
        if key not in self.tables:
            table = (part.astype(recipe.precision) for part in table_of(recipe, examples))
            self.tables[key] = Table(*table)
            self.kept.append(recipe)
        return self.tables[key]

    def windows(self, recipe: Recipe) -> np.ndarray:
        """Return which steps each value of the curve is of, shape (rows, 2)."""
        trained = len(self.setting(recipe).trained[1])
        key = id(recipe.log), recipe.steps_an_epoch(trained)
        if key not in self.spans:
            self.spans[key] = self.curve.windows(recipe, trained)
            self.kept.append(recipe)
        return self.spans[key]

    def independent(self, recipe: Recipe) -> bool:
        """Say whether a recipe's first value is of before any update."""
        return recipe.log.moment == "before" and tuple(self.windows(recipe)[0]) == (0, 1)

    def start(self, recipe: Recipe) -> Start:
        """Return where a recipe starts."""
        data = recipe.data.seed, recipe.data.transposed, id(recipe.data.features)
        own = recipe.order.generator == "own"
        whose = recipe.order.generator if recipe.replicas > 1 else own
        key = data, id(recipe.start), recipe.follows, recipe.replicas, whose
        if key not in self.starts:
            drawn = self.drawn(recipe.data)
            theta, _ = draw_run(recipe, drawn, self.setting(recipe).trained, 0, "search")
            stands: object = key
            if recipe.replicas == 1 and recipe.start.stream != "reseeded":
                state = drawn.stream.get_state(legacy=False)["state"]
                stands = state["key"].tobytes(), state["pos"]
            number, mine = 1 + len(self.starts), recipe.start.stream
            after = [number if name in ("own", mine) else 0 for name in FOLLOWED]
            after[FOLLOWED.index("numpy")] = self.stands.setdefault(stands, 1 + len(self.stands))
            self.starts[key] = Start(recipe, theta, tuple(after))
        return self.starts[key]

    def order(self, recipe: Recipe) -> Order:
        """Return how a recipe draws examples."""
        order, trained = recipe.order, len(self.setting(recipe).trained[1])
        length = recipe.steps_an_epoch(trained) if order.epochal else None
        flat = order.law == "replacement" and order.reseeded is None
        size = None if flat else (recipe.batch.size, recipe.batch.drop_last)
        key = id(order), size, recipe.replicas, length, trained
        if key not in self.orders:
            whose = library(order.generator)
            apart = order.seed is not None and whose != "own"
            follows = 0 if apart else FOLLOWED.index(whose)
            self.orders[key] = Order(recipe, len(self.orders), follows, flat)
        return self.orders[key]

    def stream(self, order: Order, start: Start) -> object:
        """Return the key of the stream of examples that an order draws after a start."""
        key = order.number, start.after[order.follows]
        if key not in self.streams:
            one, other = order.recipe, start.recipe
            update = {"start": other.start, "intercept": other.intercept, "data": other.data}
            if order.flat:
                update["batch"] = type(one.batch)()
            drawn = one.model_copy(update=update), self.setting(one).trained
            empty = np.zeros((0, drawn[0].batch.size, one.replicas), np.intp)
            self.streams[key] = self._begun(*drawn, SHORT), empty, drawn
        return key

    def seen(self, key: object, steps: int, size: int) -> np.ndarray:
        """Return at least so many steps' examples (T, B, R) of a stream, B in each."""
        order, seen, drawn = self.streams[key]
        wanted = steps * size // seen.shape[1]
        if len(seen) < wanted:
            parts, have = [seen], len(seen)
            while have < wanted:
                found = next(order, None)
                if found is None:  # too short a stream: draw it again, longer
                    order, parts, have = self._begun(*drawn, 2 * wanted), [], 0
                    continue
                parts.append(found)
                have += len(parts[-1])
            seen = np.concatenate(parts)
            self.streams[key] = order, seen, drawn
        if size > seen.shape[1]:
            return seen[: len(seen) // size * size].reshape(-1, size, seen.shape[2])
        return seen

    def _begun(self, recipe: Recipe, trained: Examples, updates: int) -> Iterator[np.ndarray]:
        whole = recipe.model_copy(update={"updates": updates, "epochs": None})
        if not recipe.order.epochal:
            whole = whole.model_copy(update={"steps": min(updates, 480)})
        return draw_run(whole, self.drawn(recipe.data), trained, 0, "search")[1]

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
