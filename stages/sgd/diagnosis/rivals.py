"""What no recipe can say: rules of a step that a curve may come from, so that it is told apart.

A candidate is believed only where it is more probable than these. Each takes the gradient of a
recipe's step and makes another step of it. Shapes: θ (d, R).
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from stages.sgd.by_numpy import Batch
from stages.sgd.diagnosis.candidates import Option
from stages.sgd.parts.models import Epoch

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
AVERAGED, OTHER_DATA = RIVALS[-2:]  # apart: the steps of other data are a recipe's


class Method(NamedTuple):
    """What no recipe can say and may have written the curve, and how probable it is."""

    words: str
    learning_rate: float
    probability: float


class Rival(Batch):
    """Columns that take the steps of rivals.

    Parameters
    ----------
    rules : sequence of {'momentum', 'adam', 'clipped', 'averaged'}
        Which rival each recipe's columns are, those of one rule together; `averaged` goes with no
        other.
    recipes, examples, replicas
        As in a batch.
    """

    def __init__(self, rules: Sequence[str], *batch: Any) -> None:
        super().__init__(*batch)
        self.rules, self.count = rules, 0

    def state(self, theta: np.ndarray) -> np.ndarray:
        """Return a copy of θ₀ to advance, with no step taken."""
        theta = super().state(theta)
        self.count, self.mean = 0, theta.copy()
        self.speed, self.squares = np.zeros_like(theta), np.zeros_like(theta)
        each = theta.shape[1] // len(self.rules)
        begins = {rule: self.rules.index(rule) * each for rule in self.rules}
        ends = [*list(begins.values())[1:], theta.shape[1]]
        self.parts = {r: slice(b, e) for (r, b), e in zip(begins.items(), ends, strict=True)}
        return theta

    def advance(
        self, theta: np.ndarray, examples: np.ndarray, rates: np.ndarray, followed: int = 0
    ) -> Epoch:
        """Take T steps, writing the new parameters into `theta`."""
        parts, averaged = [], "averaged" in self.parts
        for k in range(len(examples)):
            step = examples[k : k + 1], rates[k : k + 1]
            self.count += 1
            before = theta.copy()
            plain = super().advance(theta, *step, followed)
            if averaged:
                plain = super().advance(self.mean.copy(), *step, followed)
                self.mean += (theta - self.mean) / (self.count + 1)
            else:
                taken = before - theta
                for rule, part in self.parts.items():
                    rate = rates[k] if rates.shape[1] == 1 else rates[k, part]
                    taken[:, part] = self._step(rule, part, taken[:, part], rate)
                np.subtract(before, taken, out=theta)
            parts.append(plain)
        shown = self.mean if averaged else theta
        z, y, losses = (
            np.concatenate([getattr(p, n) for p in parts]) for n in ("z", "y", "losses")
        )
        path = np.concatenate([*(p.path[:1] for p in parts), shown[None, :, :followed]])
        return Epoch(examples, z, y, losses, theta, path)

    def _step(self, rule: str, part: slice, plain: np.ndarray, rate: np.ndarray) -> np.ndarray:
        """Return the step of a rule in the place of η∇ℓ."""
        speed, squares = self.speed[:, part], self.squares[:, part]
        if rule == "momentum":
            speed *= MOMENTUM
            speed += plain
            return speed
        gradient = plain / rate
        if rule == "clipped":
            norm = np.sqrt((gradient**2).sum(axis=0))
            return plain * np.minimum(1, NORM / np.maximum(norm, LEAST))
        speed += (1 - MOMENTUM) * (gradient - speed)
        squares += (1 - SQUARES) * (gradient**2 - squares)
        scale = np.sqrt(squares / (1 - SQUARES**self.count)) + LEAST
        return rate * speed / (1 - MOMENTUM**self.count) / scale
