"""What no recipe can say: rules of a step that a curve may come from, so that it is told apart.

A candidate is believed only where it is more probable than these. Each takes the gradient of a
recipe's step and makes another step of it. Shapes: θ (d, R).
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from stages.sgd.by_numpy import Batch
from stages.sgd.diagnosis.candidates import Option
from stages.sgd.parts.models import Epoch
from stages.sgd.recipes.recipe import Recipe

MOMENTUM, SQUARES, LEAST = 0.9, 0.999, 1e-8  # of heavy ball and of Adam
NORM = 1.0  # to which a gradient is clipped
SEED = 10_000  # of the first dataset that stands for any other
METHODS = {
    "momentum": f"heavy-ball momentum {MOMENTUM}",
    "adam": "Adam",
    "clipped": f"each gradient clipped to a norm of {NORM:.0f}",
    "averaged": "an average of all iterates in the place of the last",
    "other data": "other data of the same law",
}
# Together as probable as a program without a deviation.
RIVALS = [Option(kind, {}, 1 / len(METHODS)) for kind in METHODS]
OTHER_DATA = RIVALS[-1]  # whose steps are a recipe's


class Method(NamedTuple):
    """What no recipe can say and may have written the curve, and how probable it is."""

    words: str
    learning_rate: float
    probability: float


def rival(options: Sequence[Option]) -> Option | None:
    """Return which rival options are of, if of any."""
    return options[-1] if any(options[-1] is r for r in RIVALS) else None


def other_data(
    recipe: Recipe, known: dict[tuple[int, int], tuple[Recipe, dict[str, object]]]
) -> Iterator[Recipe]:
    """Yield a recipe for each replica, with data of its own; `known` keeps their sections."""
    for k in range(recipe.replicas):
        key = id(recipe.order), k
        if key not in known:
            drawn = {
                "data": recipe.data.model_copy(update={"seed": SEED + k}),
                "order": recipe.order.model_copy(update={"seed": SEED + k}),
            }
            known[key] = recipe, drawn
        yield recipe.model_copy(update=known[key][1] | {"replicas": 1})


class Rival(Batch):
    """Columns that take a rival's steps.

    Parameters
    ----------
    rule : {'momentum', 'adam', 'clipped', 'averaged'}
        Which rival.
    recipes, examples, replicas
        As in a batch.
    """

    def __init__(self, rule: str, *batch: object) -> None:
        super().__init__(*batch)
        self.rule = rule

    def state(self, theta: np.ndarray) -> np.ndarray:
        """Return a copy of θ₀ to advance, with no step taken."""
        state = super().state(theta)
        theta = state[0] if self.accumulate else state
        self.count, self.before, self.sum = 0, theta.copy(), theta.copy()
        self.speed, self.squares = np.zeros_like(theta), np.zeros_like(theta)
        self.means: Iterator[np.ndarray] = iter(())
        return state

    def advance(
        self, theta: np.ndarray, examples: np.ndarray, rates: np.ndarray, followed: int = 0
    ) -> Epoch:
        """Take T steps, writing the new parameters into `theta`."""
        if self.rule != "averaged":
            return super().advance(theta, examples, rates, followed)
        begun, counts = self.sum / (self.count + 1), self.count + 2 + np.arange(len(examples))
        self.count += len(examples)
        sums = super().advance(theta, examples, rates, theta.shape[-1]).path[1:]
        sums[0] += self.sum
        np.cumsum(sums, axis=0, out=sums)
        self.sum = sums[-1].copy()
        sums /= counts[:, None, None]
        self.means = iter(sums)  # where the same steps show each mean in the place of an iterate
        return super().advance(super().state(begun), examples, rates, followed)

    def settle(self, theta: np.ndarray, rate: np.ndarray) -> None:
        """Change θ from where a step of the recipe has taken it to where the rival's would."""
        if self.rule == "averaged":
            theta[...] = next(self.means, theta)
            return
        self.count += 1
        np.subtract(self.before, self._step(self.before - theta, rate), out=theta)
        self.before[...] = theta

    def _step(self, plain: np.ndarray, rate: np.ndarray) -> np.ndarray:
        """Return the step in the place of η∇ℓ."""
        if self.rule == "momentum":
            self.speed *= MOMENTUM
            self.speed += plain
            return self.speed
        gradient = plain / rate
        if self.rule == "clipped":
            norm = np.sqrt((gradient**2).sum(axis=0))
            return plain * np.minimum(1, NORM / np.maximum(norm, LEAST))
        self.speed += (1 - MOMENTUM) * (gradient - self.speed)
        self.squares += (1 - SQUARES) * (gradient**2 - self.squares)
        scale = np.sqrt(self.squares / (1 - SQUARES**self.count)) + LEAST
        return rate * self.speed / (1 - MOMENTUM**self.count) / scale
