"""Many recipes trained side by side, those that can be in one batch."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from stages.sgd.by_numpy import Batch, shared
from stages.sgd.parts.datasets import draw
from stages.sgd.parts.draws import draw_run, goes_on, rates
from stages.sgd.parts.logs import Setting, setting
from stages.sgd.parts.models import stated_parameters
from stages.sgd.recipes.recipe import Recipe
from stages.sgd.recipes.schema import Section

CHUNK = 60  # steps the batch takes at a time


class Outcome(NamedTuple):
    """What became of a recipe.

    Attributes
    ----------
    theta : numpy.ndarray, shape (d, replicas)
        The stated problem's parameters at the end.
    losses : numpy.ndarray, shape (replicas, epochs)
        Mean over each epoch of the sampled losses.
    """

    theta: np.ndarray
    losses: np.ndarray


class _Member:
    """A recipe on its way: its own stream of steps, cut into pieces of any length."""

    def __init__(self, recipe: Recipe, section: Section, seed: int, problem: str) -> None:
        self.recipe, data = recipe, draw(section, recipe.data)
        self.where: Setting = setting(recipe, data)
        self.trained = len(self.where.trained[1])
        self.theta, self.order = draw_run(recipe, data, self.where.trained, seed, problem)
        self.rates = _Pieces(rates(recipe, self.trained))
        self.lengths = recipe.lengths(self.trained)
        self.left = sum(self.lengths)
        self.losses: list[np.ndarray] = []
        self.pending = np.zeros((0, recipe.replicas))

    def key(self) -> tuple[object, ...]:
        """Return what decides which examples come, whatever the epochs' length."""
        recipe, order = self.recipe, self.recipe.order
        stream = (recipe.dataset, recipe.data, recipe.start, len(self.theta))
        return (
            order,
            recipe.batch.size,
            recipe.replicas,
            self.trained,
            tuple(self.lengths) if order.epochal else None,
            stream if order.generator in ("own", "numpy") or goes_on(recipe) else None,
        )

    def log(self, losses: np.ndarray) -> None:
        """Take the losses of some steps, and average those of a whole epoch."""
        self.left -= len(losses)
        self.pending = np.concatenate([self.pending, losses])
        while len(self.losses) < len(self.lengths):
            length = self.lengths[len(self.losses)]
            if len(self.pending) < length:
                return
            self.losses.append(self.pending[:length].mean(axis=0))
            self.pending = self.pending[length:]


class _Pieces:
    """An iterator of arrays, read in pieces of any length along the first axis."""

    def __init__(self, arrays: Iterator[np.ndarray]) -> None:
        self.arrays, self.rest = arrays, None

    def take(self, count: int) -> np.ndarray:
        parts, missing = [], count
        while missing:
            if self.rest is None or not len(self.rest):
                self.rest = next(self.arrays)
            parts.append(self.rest[:missing])
            self.rest = self.rest[missing:]
            missing -= len(parts[-1])
        return parts[0] if len(parts) == 1 else np.concatenate(parts)


def train_together(
    recipes: Sequence[Recipe], section: Section, seed: int, problem: str
) -> Iterator[tuple[int, Outcome]]:
    """Train recipes for problems on one dataset, as many at a time as share a batch.

    Parameters
    ----------
    recipes : sequence of Recipe
        As many replicas of each.
    section : Section
        The dataset's.
    seed, problem : int, str
        Key of the protocol's generators.

    Yields
    ------
    int, Outcome
        Position of a recipe, and what became of it, as they end.
    """
    members = [_Member(recipe, section, seed, problem) for recipe in recipes]
    groups: dict[object, list[int]] = {}
    for n, recipe in enumerate(recipes):
        end = members[n].left if recipe.accumulate else None  # what it gathers is not carried over
        groups.setdefault((shared(recipe), recipe.replicas, end), []).append(n)
    for group in groups.values():
        yield from _train_group([(n, members[n]) for n in group])


def _train_group(going: list[tuple[int, _Member]]) -> Iterator[tuple[int, Outcome]]:
    streams: dict[object, _Pieces] = {}
    longest: dict[object, _Member] = {}
    for _, member in going:
        kept = longest.setdefault(member.key(), member)
        if member.left > kept.left:
            longest[member.key()] = member
    for key, member in longest.items():
        streams[key] = _Pieces(member.order)
    state = None
    while going:
        if state is None:
            batch = Batch(
                [m.recipe for _, m in going],
                [m.where.trained for _, m in going],
                going[0][1].recipe.replicas,
            )
            thetas = [m.theta for _, m in going]
            state = batch.state(
                np.concatenate(
                    [np.pad(t, ((0, batch.size - len(t)), (0, 0))) for t in thetas], axis=1
                )
            )
        count = min(CHUNK, *(m.left for _, m in going))
        pieces = {key: streams[key].take(count) for key in {m.key() for _, m in going}}
        examples = np.concatenate([pieces[m.key()] for _, m in going], axis=2)
        replicas = going[0][1].recipe.replicas
        eta = np.stack([m.rates.take(count) for _, m in going], axis=1)
        alike = (eta == eta[:, :1]).all()
        eta = eta[:, :1] if alike else np.repeat(eta, replicas, axis=1)
        epoch = batch.advance(state, examples, eta)
        for (_, m), losses in zip(going, np.split(epoch.losses, len(going), axis=1), strict=True):
            m.log(losses)
        if all(m.left for _, m in going):
            continue
        for (n, m), theta in zip(going, np.split(epoch.theta, len(going), axis=1), strict=True):
            m.theta = theta[: len(m.theta)].copy()
            if not m.left:
                stated = stated_parameters(m.recipe, m.theta)
                yield n, Outcome(stated, np.array(m.losses).T)
        going = [(n, m) for n, m in going if m.left]
        state = None
