"""Where replicas start and which examples they see, each from the stream its recipe names.

Shapes: θ₀ (d, replicas); an epoch's examples (steps, B, replicas), B examples a step.
"""

import random
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from stages.sgd.parts.datasets import Draw
from stages.sgd.parts.models import feature_count, recipe_inputs
from stages.sgd.recipes.recipe import Recipe

BLOCK = 480  # steps drawn at a time, whole epochs of them: memory does not grow with epochs
SHARED = ("python", "default_rng", "torch")  # generators beside which NumPy's stream keeps its seed


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
    the program's seeded with r. Beside Python's, PyTorch's or NumPy's new generator the legacy
    stream keeps its one seed, so that every replica starts alike where θ₀ comes from it.

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
    replicas = range(recipe.replicas)
    needed = "own" in (recipe.start.stream, recipe.order.generator)
    whose = range(skipped, skipped + recipe.replicas)
    own = own_generators(seed, problem, whose) if needed else []
    first = data.stream
    if recipe.start.stream == "reseeded":
        again = data.seed if recipe.start.seed is None else recipe.start.seed
        first = np.random.RandomState(again)
    one = recipe.order.generator in SHARED
    legacy = [first, *(first if one else np.random.RandomState(r) for r in replicas[1:])]
    theta, torch_generators = _start(recipe, data, trained, own, legacy)
    draws = [
        _drawer(recipe, r, own[r] if own else None, legacy[r], torch_generators) for r in replicas
    ]
    return theta, _epochs(recipe, draws, len(trained[1]))


def _start(
    recipe: Recipe,
    data: Draw,
    trained: tuple[np.ndarray, np.ndarray],
    own: Sequence[np.random.Generator],
    legacy: Sequence[np.random.RandomState],
) -> tuple[np.ndarray, list[object]]:
    start, model, replicas = recipe.start, recipe.objective.model, recipe.replicas
    if start.stream == "before":
        return np.tile(data.theta[:, None], replicas), []
    if start.law == "network":
        scales = np.repeat(
            [start.scales.a, start.scales.b, start.scales.u], recipe.objective.hidden
        )
        sources = own or legacy
        drawn = _apart(sources, lambda stream: stream.standard_normal(len(scales)))
        return scales[:, None] * drawn, []
    dimension = recipe_inputs(recipe, *trained)["output"].shape[1]
    count = feature_count(model, trained[0])
    drawn_count = count if start.bias == "zero" else dimension
    generators = []
    if start.law in ("zeros", "ones"):
        theta = np.full((drawn_count, replicas), float(start.law == "ones"))
    elif start.stream == "torch":
        theta, generators = _torch_linear(start.seed or 0, replicas, count, drawn_count)
    else:
        bound = count**-0.5
        draw = {
            "linear": lambda stream: stream.uniform(-bound, bound, drawn_count),
            "normal": lambda stream: stream.normal(0.0, start.scale, drawn_count),
            "uniform": lambda stream: stream.uniform(start.low, start.high, drawn_count),
        }[start.law]
        theta = _apart(own if start.stream == "own" else legacy, draw)
    return np.concatenate([theta, np.zeros((dimension - drawn_count, replicas))]), generators


def _apart(streams: Sequence[object], draw: Callable[[object], np.ndarray]) -> np.ndarray:
    """Draw once from each stream, once in all from one that the replicas share."""
    if len(streams) > 1 and streams[1] is streams[0]:
        return np.tile(draw(streams[0])[:, None], len(streams))
    return np.stack([draw(stream) for stream in streams], axis=1)


def _torch_linear(
    seed: int, replicas: int, count: int, dimension: int
) -> tuple[np.ndarray, list[object]]:
    """Draw what `torch.nn.Linear` does after `torch.manual_seed`, in its own float32.

    U(−1/√p, 1/√p), scaled here without the fused multiply-add that PyTorch uses on some
    processors and not on others.
    """
    import torch  # two seconds that only the programs drawn from its generator should pay

    generators = [torch.Generator().manual_seed(seed + r) for r in range(replicas)]
    sizes = [size for size in (count, dimension - count) if size]  # weights, then the bias
    shares = np.stack(
        [np.concatenate([torch.rand(n, generator=g).numpy() for n in sizes]) for g in generators],
        axis=1,
    )
    bound = np.float32(count**-0.5)
    return (shares * (bound + bound) - bound).astype(np.float64), generators


def _drawer(
    recipe: Recipe,
    replica: int,
    own: np.random.Generator | None,
    legacy: np.random.RandomState,
    torch_generators: list[object],
) -> tuple[Callable[[int, int], np.ndarray], Callable[[int], np.ndarray]]:
    """Return two functions of n: so many indices below n, and a permutation of n."""
    order = recipe.order
    seed = (order.seed or 0) + replica
    if order.generator == "python":
        generator = random.Random(seed)

        def shuffled(n: int) -> list[int]:
            indices = list(range(n))
            generator.shuffle(indices)
            return indices

        return _randint(generator), shuffled
    if order.generator == "torch":
        import torch

        going_on = torch_generators and order.seed is None
        source = torch_generators[replica] if going_on else torch.Generator().manual_seed(seed)
        return (
            lambda n, size: torch.randint(n, (size,), generator=source).numpy(),
            lambda n: torch.randperm(n, generator=source).numpy(),
        )
    if order.generator == "numpy":
        stream = legacy if order.seed is None else np.random.RandomState(seed)
        return lambda n, size: stream.randint(0, n, size=size), stream.permutation
    rng = own if order.generator == "own" else np.random.default_rng(seed)
    return lambda n, size: rng.integers(n, size=size), rng.permutation


def _randint(generator: random.Random) -> Callable[[int, int], np.ndarray]:
    """Return a function of n: as many of Python's `randint(0, n - 1)` as wanted.

    Both libraries have the Mersenne Twister. Of each of its words Python takes the leading bits,
    as many as n has, and another word where they are no less than n.
    """
    *key, position = generator.getstate()[1]
    twister = np.random.MT19937()
    twister.state = {"bit_generator": "MT19937", "state": {"key": key, "pos": position}}

    def draw(n: int, size: int) -> np.ndarray:
        found = np.empty(0, np.uint64)
        while len(found) < size:
            words = twister.random_raw(size - len(found)) >> np.uint64(32 - n.bit_length())
            found = np.append(found, words[words < n])
        return found

    return draw


def _epochs(
    recipe: Recipe, draws: Sequence[tuple[Callable, Callable]], trained: int
) -> Iterator[np.ndarray]:
    order, size = recipe.order, recipe.batch.size
    n = min(order.examples or trained, trained)
    lengths = recipe.lengths(trained)
    dtype = np.min_scalar_type(max(n - 1, 1))
    if order.law in ("replacement", "blocks"):
        each = size if order.law == "replacement" else 1
        below = n if order.law == "replacement" else n // size
        for draw, _ in draws:
            draw(below, order.skipped)
        group = max(1, BLOCK // lengths[0])
        for begin in range(0, len(lengths), group):
            steps = sum(lengths[begin : begin + group])
            block = np.stack(
                [np.asarray(draw(below, steps * each)).astype(dtype) for draw, _ in draws], axis=-1
            ).reshape(steps, each, len(draws))
            for length in lengths[begin : begin + group]:
                epoch, block = block[:length].astype(np.intp), block[length:]
                yield epoch if each == size else size * epoch + np.arange(size)[:, None]
        return
    place = (np.arange(lengths[0] * size) % n).reshape(-1, size)
    permute = {
        "cyclic": lambda: np.tile(np.arange(n)[:, None], len(draws)),
        "permutation": lambda: _permutations(draws, n),
        "reshuffle": lambda: _permutations(draws, n),
    }[order.law]
    found = permute()
    for number, length in enumerate(lengths):
        if number and order.law == "reshuffle":
            found = permute()
        yield found[place[:length]]


def _permutations(draws: Sequence[tuple[Callable, Callable]], n: int) -> np.ndarray:
    return np.stack([np.asarray(permutation(n), np.intp) for _, permutation in draws], axis=-1)


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
