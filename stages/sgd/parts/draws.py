"""Where replicas start and which examples they see, each from the stream its recipe names.

Shapes: θ₀ (d, replicas); an epoch's examples (steps, B, replicas), B examples a step, −1 for
those that a short batch lacks.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import count

import numpy as np

from stages.sgd.parts.datasets import Draw
from stages.sgd.parts.models import feature_count, recipe_inputs
from stages.sgd.parts.streams import SEEDED, Legacy, Loader, Stream
from stages.sgd.recipes.fields import PERMUTED
from stages.sgd.recipes.recipe import Recipe

BLOCK = 480  # steps drawn at a time, whole epochs of them: memory does not grow with epochs


def own_generators(seed: int, problem: str, replicas: range) -> list[np.random.Generator]:
    """Return the protocol's generators: replica r's is keyed by (seed, problem, r) alone."""
    return [np.random.default_rng([seed, r, *problem.encode()]) for r in replicas]


def draw_run(
    recipe: Recipe,
    data: Draw,
    trained: tuple[np.ndarray, np.ndarray],
    seed: int,
    problem: str,
    skipped: int = 0,
) -> tuple[np.ndarray, Iterator[np.ndarray]]:
    """Return a run's initial parameters, and its epochs of examples.

    Replica 0 is the program itself. Replica r ≥ 1 has generators of its own: the protocol's, or
    the program's seeded with r; the legacy stream, which drew the data, with the rth seed that is
    neither theirs nor the start's. Where the examples do not come from it, the legacy stream keeps
    its one seed, so that every replica starts alike where θ₀ does.

    Parameters
    ----------
    recipe : Recipe
        What to draw.
    data : Draw
        The program's draw of its data, fresh: the program may move its stream on.
    trained : tuple of numpy.ndarray
        X and y of the examples trained on, the labels as the program codes them.
    seed, problem : int, str
        Key of the protocol's generators.
    skipped : int
        Replicas, the first, that are left to others; of the protocol's alone.

    Returns
    -------
    theta : numpy.ndarray, shape (d, replicas)
        θ₀, float64.
    examples : iterator of numpy.ndarray of int, shape (steps, B, replicas)
        One array an epoch.
    """
    replicas, start, order = range(recipe.replicas), recipe.start, recipe.order
    needed = "own" in (start.stream, order.generator)
    whose = range(skipped, skipped + recipe.replicas)
    own = own_generators(seed, problem, whose) if needed else []
    first = Legacy(data.stream)
    if start.stream == "reseeded":
        first = SEEDED["numpy"](data.seed if start.seed is None else start.seed)
    one = order.generator not in ("own", "numpy")
    again = (n for n in count(1) if n not in (data.seed, start.seed))
    legacy = [first, *(first if one else SEEDED["numpy"](next(again)) for _ in replicas[1:])]

    def streams(name: str, seed: int | None) -> Sequence[Stream]:
        if name == "own":
            return own
        return [SEEDED[name]((seed or 0) + r) for r in replicas]

    of_data = start.stream in ("numpy", "reseeded", "before")
    starting = legacy if of_data else streams(start.stream, start.seed)
    if order.generator == "numpy" and order.seed is None:
        drawing = legacy
    elif goes_on(recipe):
        drawing = starting
    else:
        drawing = streams(library(order.generator), order.seed)
    if order.generator == "dataloader":
        drawing = [Loader(stream) for stream in drawing]
    theta = _start(recipe, data, trained, starting)
    return theta, _epochs(recipe, drawing, len(trained[1]))


def goes_on(recipe: Recipe) -> bool:
    """Say whether the generator that `start.stream` names goes on to draw the examples."""
    unseeded = recipe.order.seed is None or recipe.order.generator == "own"
    return unseeded and library(recipe.order.generator) == recipe.start.stream


def library(generator: str) -> str:
    """Return whose a generator of examples is, in the words of `start.stream`."""
    return "torch" if generator == "dataloader" else generator


def _start(
    recipe: Recipe,
    data: Draw,
    trained: tuple[np.ndarray, np.ndarray],
    streams: Sequence[Stream],
) -> np.ndarray:
    start, replicas = recipe.start, recipe.replicas
    if start.stream == "before":
        return np.tile(data.theta[:, None], replicas)
    if recipe.network:
        sizes, fans = [recipe.objective.hidden] * 3, [1, 1, recipe.objective.hidden]
    else:
        count = feature_count(recipe.objective.model, trained[0])
        sizes = [count, recipe_inputs(recipe, *trained)["output"].shape[1] - count]
        fans = [count, count]
    scales = list(dict(start.scales).values()) if start.scales else [start.scale] * len(sizes)
    if start.bias == "first":  # one draw of all
        sizes, fans, scales = [sum(sizes)], fans[:1], scales[:1]

    def draw(stream: Stream) -> np.ndarray:
        drawn = []
        for n, (size, fan, scale) in enumerate(zip(sizes, fans, scales, strict=True)):
            if n == 1 and start.bias == "zero":
                drawn.append(np.zeros(size))
            elif start.law in ("zeros", "ones"):
                drawn.append(np.full(size, float(start.law == "ones")))
            elif start.law in ("normal", "network"):
                drawn.append(stream.normal(0.0, scale, size))
            elif start.law == "uniform":
                drawn.append(stream.uniform(start.low, start.high, size))
            elif start.stream == "torch":
                drawn.append(stream.linear(fan**-0.5, size))
            else:
                drawn.append(stream.uniform(-(fan**-0.5), fan**-0.5, size))
        return np.concatenate(drawn)

    theta = _apart(streams, draw)
    return np.roll(theta, -1, axis=0) if start.bias == "first" and recipe.follows else theta


def _apart(streams: Sequence[Stream], draw: Callable[[Stream], np.ndarray]) -> np.ndarray:
    """Draw once from each stream, once in all from one that the replicas share."""
    if len(streams) > 1 and streams[1] is streams[0]:
        return np.tile(draw(streams[0])[:, None], len(streams))
    return np.stack([draw(stream) for stream in streams], axis=1)


def _epochs(recipe: Recipe, streams: Sequence[Stream], trained: int) -> Iterator[np.ndarray]:
    drawn, again = _drawn(recipe, streams, trained), recipe.order.reseeded
    lengths, parts, at = recipe.lengths(trained), [], 0
    count = lengths[0] if again == "epoch" else again or sum(lengths)
    if count >= sum(lengths):
        yield from drawn
        return
    while sum(map(len, parts)) < count:
        parts.append(next(drawn))
    first = np.concatenate(parts)[:count]
    for length in lengths:
        yield first[(at + np.arange(length)) % count]
        at += 0 if again == "epoch" else length


def _drawn(recipe: Recipe, streams: Sequence[Stream], trained: int) -> Iterator[np.ndarray]:
    order, size = recipe.order, recipe.batch.size
    n = min(order.examples or trained, trained)
    lengths = recipe.lengths(trained)
    dtype = np.min_scalar_type(max(n - 1, 1))
    if order.law in ("replacement", "blocks"):
        each = size if order.law == "replacement" else 1
        below = n if order.law == "replacement" else n // size

        def indices(stream: Stream, count: int) -> np.ndarray:
            if order.floored:
                return np.minimum(below * stream.uniform(0.0, 1.0, count), below - 1)
            return np.asarray(stream.integers(below, size=count))

        for stream in streams:
            indices(stream, order.skipped)
        group = max(1, BLOCK // lengths[0])
        for begin in range(0, len(lengths), group):
            steps = sum(lengths[begin : begin + group])
            drawn = [indices(s, steps * each).astype(dtype) for s in streams]
            block = np.stack(drawn, axis=-1).reshape(steps, each, len(streams))
            for length in lengths[begin : begin + group]:
                epoch, block = block[:length].astype(np.intp), block[length:]
                yield epoch if each == size else size * epoch + np.arange(size)[:, None]
        return
    if order.law == "distinct":
        for length in lengths:
            drawn = [[s.choice(n, size, replace=False) for _ in range(length)] for s in streams]
            yield np.stack(np.array(drawn, np.intp), axis=-1)
        return
    place = np.arange(lengths[0] * size).reshape(-1, size)
    missing = (place >= n) & (not recipe.batch.drop_last)
    found = np.tile(np.arange(n)[:, None], len(streams))
    for number, length in enumerate(lengths):
        if order.law in PERMUTED and not (order.law == "permutation" and number):
            drawn = np.stack([np.asarray(s.permutation(n), np.intp) for s in streams], axis=-1)
            again = order.law == "in_place"
            found = np.take_along_axis(found, drawn, axis=0) if again else drawn
        epoch = found[place[:length] % n]
        epoch[missing[:length]] = -1
        yield epoch


def rates(recipe: Recipe, trained: int) -> Iterator[np.ndarray]:
    """Yield ηₜ for each epoch, shape (steps,)."""
    schedule, before = recipe.schedule, 0
    for number, length in enumerate(recipe.lengths(trained)):
        if schedule.law == "constant":
            yield np.full(length, recipe.learning_rate)
            continue
        first = 0 if schedule.restart else before
        t = np.full(length, number) if schedule.unit == "epoch" else first + np.arange(length)
        yield (
            recipe.learning_rate
            * {
                "inverse": lambda t=t: 1 / (1 + schedule.decay * t),
                "inverse_sqrt": lambda t=t: 1 / np.sqrt(1 + schedule.decay * t),
                "step": lambda t=t: schedule.factor ** (t // schedule.every),
            }[schedule.law]()
        )
        before += length
