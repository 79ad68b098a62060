"""What no recipe can say: rules of a step that a curve may come from, so that it is told apart.

A candidate is believed only where it is more probable than these. Each takes the gradient of a
recipe's step and makes another step of it. Shapes: θ (d, R).
"""

from typing import NamedTuple

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
OTHER_DATA = RIVALS[-1]  # whose steps are a recipe's


class Method(NamedTuple):
    """What no recipe can say and may have written the curve, and how probable it is."""

    words: str
    learning_rate: float
    probability: float


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
        self.rule, self.count = rule, 0

    def state(self, theta: np.ndarray) -> np.ndarray:
        """Return a copy of θ₀ to advance, with no step taken."""
        theta = super().state(theta)
        self.count, self.mean = 0, theta.copy()
        self.speed, self.squares = np.zeros_like(theta), np.zeros_like(theta)
        return theta

    def advance(
        self, theta: np.ndarray, examples: np.ndarray, rates: np.ndarray, followed: int = 0
    ) -> Epoch:
        """Take T steps, writing the new parameters into `theta`."""
        parts = []
        for k in range(len(examples)):
            step = examples[k : k + 1], rates[k : k + 1]
            self.count += 1
            before = theta.copy()
            plain = super().advance(theta, *step, followed)
            if self.rule == "averaged":
                plain = super().advance(self.mean.copy(), *step, followed)
                self.mean += (theta - self.mean) / (self.count + 1)
            else:
                np.subtract(before, self._step(before - theta, rates[k]), out=theta)
            parts.append(plain)
        shown = self.mean if self.rule == "averaged" else theta
        z, y, losses = (
            np.concatenate([getattr(p, n) for p in parts]) for n in ("z", "y", "losses")
        )
        path = np.concatenate([*(p.path[:1] for p in parts), shown[None, :, :followed]])
        return Epoch(examples, z, y, losses, theta, path)

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
