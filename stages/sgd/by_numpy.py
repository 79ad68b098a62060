"""Stochastic gradient descent by hand: θ ← θ − η [w Σ g(z, y) ∇θz + c λ m ⊙ θ], in NumPy.

Every replica takes its own step at the same time. The replica axis is the last, so that a row of
memory holds the same entry of every replica's θ; what an update needs is written into arrays that
exist. Shapes: θ (d, R), a step's examples (B, R), their inputs x (d, B, R), outputs z (B, R).

g is the loss's derivative, w its weight (1/B for a mean), c λ m ⊙ θ the gradient of λ‖w‖²: c is 2,
and m is 1 where λ covers an entry of θ. Columns of a batch may follow different recipes: w, c, λ,
m and η have a column for each.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial

import numpy as np

from stages.sgd.parts.losses import DERIVATIVES, LOSSES, Derivative
from stages.sgd.parts.models import Epoch, Examples, covered, stacked_inputs, two_layer, widened
from stages.sgd.recipes.recipe import Recipe


def shared(recipe: Recipe) -> tuple[object, ...]:
    """Return what the recipes of a batch must have in common."""
    return (
        recipe.objective.model,
        recipe.objective.loss,
        recipe.objective.hidden,
        recipe.log.loss or recipe.objective.loss,
        recipe.derivative,
        recipe.batch.size,
        recipe.batch.drop_last,
        recipe.batch.size > 1 and recipe.batch.reduction == "margin",
        recipe.update,
        recipe.accumulate,
        recipe.precision,
    )


class Batch:
    """What each column computes: so many columns for each recipe.

    Parameters
    ----------
    recipes : sequence of Recipe
        They agree in what `shared` returns.
    examples : sequence of (X, y)
        What each trains on, its labels as it codes them.
    replicas : int or numpy.ndarray of int
        Columns of each, or of each column which recipe it follows.
    derivatives : mapping
        By loss and rule.
    """

    def __init__(
        self,
        recipes: Sequence[Recipe],
        examples: Sequence[Examples],
        replicas: int | np.ndarray,
        derivatives: Mapping[tuple[str, str], Derivative] = DERIVATIVES,
    ) -> None:
        one = recipes[0]
        self.dtype = np.dtype(one.precision)
        self.network, self.update, self.accumulate = one.network, one.update, one.accumulate
        self.margin = one.batch.size > 1 and one.batch.reduction == "margin"
        self.logged_loss = LOSSES[one.log.loss or one.objective.loss]
        tables, firsts = stacked_inputs(recipes, examples)
        widest = max(table["output"].shape[1] for table in tables)
        self.output, self.gradient, self.log = (
            np.concatenate([widened(table[name], widest) for table in tables]).T.astype(self.dtype)
            for name in ("output", "gradient", "log")
        )
        self.size = 3 * one.objective.hidden if self.network else widest
        self.target = np.concatenate([table["y"] for table in tables]).astype(self.dtype)
        which = replicas
        if isinstance(replicas, int):
            which = np.repeat(np.arange(len(recipes)), replicas)
        self.first = np.take(firsts, which) if len(tables) > 1 else None
        if np.array_equal(self.output, self.gradient):
            self.gradient = self.output
        self.log = None if np.array_equal(self.output, self.log) else self.log[-1] - self.output[-1]
        self.derivative = derivatives[one.objective.loss, one.derivative]

        def column(values: Iterable[object]) -> np.ndarray:
            """Return a column a replica, or a single one where all recipes agree."""
            rows = np.array(list(values), self.dtype).reshape(len(recipes), -1).T
            alike = (rows == rows[:, :1]).all()
            return rows[:, :1].copy() if alike else rows.take(which, axis=1)

        self.ragged = not one.batch.drop_last and one.batch.size > 1
        self.mean = column(r.batch.reduction == "mean" for r in recipes)
        self.reduction = np.where(self.mean, 1 / one.batch.size, 1).astype(self.dtype)
        self.factor = column(r.gradient_factor for r in recipes)
        self.mask = column(
            np.zeros(widest) if self.network else widened(covered(r, e[0])[None], widest)[0]
            for r, e in zip(recipes, examples, strict=True)
        )
        self.shrink = column(r.penalty.factor * r.penalised for r in recipes)[0]  # c λ
        self.times_rate = column(r.penalty.times_rate for r in recipes)
        self.logged = column(r.penalty.logged * r.penalised for r in recipes)[0]
        covers = np.flatnonzero(self.mask.any(axis=1))
        self.rows = int(covers[-1]) + 1 if covers.size and any(r.penalised for r in recipes) else 0
        self.odd = not self.mask[: self.rows].all()  # mostly λ covers these leading rows whole

    def state(self, theta: np.ndarray) -> np.ndarray:
        """Return a copy of θ₀ to advance, with room for the gradient so far if it accumulates."""
        theta = np.pad(theta, ((0, self.size - len(theta)), (0, 0))).astype(self.dtype)
        return np.stack([theta, np.zeros_like(theta)]) if self.accumulate else theta

    @np.errstate(over="ignore")  # e^(yz), where the derivative is 0
    def advance(
        self, theta: np.ndarray, examples: np.ndarray, rates: np.ndarray, followed: int = 0
    ) -> Epoch:
        """Take T steps, writing the new parameters into `theta`.

        Parameters
        ----------
        theta : numpy.ndarray, shape (d, R), or (2, d, R) if the gradient accumulates
            Parameters, and the gradient so far.
        examples : numpy.ndarray of int, shape (T, B, R)
            Which each step sees.
        rates : numpy.ndarray, shape (T, 1) or (T, R)
            η.
        followed : int
            Leading columns whose path is kept.
        """
        theta, total = theta if self.accumulate else (theta, None)
        rows = examples if self.first is None else examples + self.first
        y = np.take(self.target, rows, mode="clip")
        z, squares = np.empty_like(y), np.zeros((len(y), y.shape[2]), self.dtype)
        reduction = self._reductions(examples >= 0, y) if self.ragged else self.reduction
        path = np.empty((len(rows) + 1, len(theta), followed), self.dtype)
        x = np.empty((len(self.output), *rows.shape[1:]), self.dtype)
        g = np.empty_like(z[0])  # made once: arrays made anew at each step cost as much as it does
        slopes = [np.empty_like(theta) for _ in z[0]][:2] if self.network else []
        extra = None if self.log is None else np.empty_like(z)
        rates = rates.astype(self.dtype)
        whole = rates if total is None else np.ones_like(rates)  # what g is multiplied by at once
        whole = whole[:, None] if self.ragged else whole
        scales = _each(whole * (reduction * self.factor))
        decays = _each(self._decays(rates))
        weights, penalised = theta[: self.rows], self.logged.any()
        steps = zip(rows, z, y, rates, scales, decays, strict=True)
        for k, (seen, z_, y_, rate, scale, decay) in enumerate(steps):
            if followed:
                path[k] = theta[:, :followed]
            self.output.take(seen, axis=1, out=x, mode="clip")
            if self.network:
                self._step_network(theta, total, x[0], y_, rate, scale, z_, g, slopes)
            else:
                np.einsum("dbr,dr->br", x, theta, out=z_)  # z = θ·x
                if extra is not None:
                    extra[k] = self.log[seen] * theta[-1]
                if penalised:
                    self._squares(weights, squares[k])
                if self.gradient is not self.output:
                    self.gradient.take(seen, axis=1, out=x, mode="clip")
                factor = self._derivative(z_, y_, x, g)
                if total is not None:
                    gradient = (x * (scale * factor)).sum(axis=1)
                    total += gradient + self.shrink * self.mask * theta
                    theta -= rate * total
                else:
                    factor *= scale
                    x *= factor
                    if self.rows:
                        weights *= 1 - (1 - decay) * self.mask[: self.rows] if self.odd else decay
                    theta -= x[:, 0] if x.shape[1] == 1 else x.sum(axis=1)  # θ ← θ − η∇ℓ
            self.settle(theta, rate)
        path[-1] = theta[:, :followed]
        if self.ragged:
            z *= examples >= 0
        losses = self._losses(z if extra is None else z + extra, y, reduction)
        losses += self.logged * squares
        return Epoch(examples, z, y, losses, theta, path)

    def settle(self, theta: np.ndarray, rate: np.ndarray) -> None:
        """Leave θ where a step has taken it; a method that makes more of a step changes it."""

    def _step_network(
        self,
        theta: np.ndarray,
        total: np.ndarray | None,
        x: np.ndarray,
        y: np.ndarray,
        rate: np.ndarray,
        scale: float | np.ndarray,
        z: np.ndarray,
        factors: np.ndarray,
        slopes: list[np.ndarray],
    ) -> None:
        def outer(b: int, f: np.ndarray) -> np.ndarray:
            """Return w g of an example of the batch, times η unless the gradient accumulates."""
            g = self._derivative(f, y[b], x[b], factors[b])
            return np.multiply(g, scale[b] if self.ragged else scale, out=factors[b])

        for b, example in enumerate(x):
            two_layer(theta, example, partial(outer, b), z[b], slopes[min(b, 1)])
            if b:
                slopes[0] += slopes[1]
        if self.update != "simultaneous":
            self._one_after_the_other(theta, x, factors, outer)
            return
        if total is None:
            theta -= slopes[0]
            return
        total += slopes[0]
        theta -= rate * total

    def _one_after_the_other(
        self,
        theta: np.ndarray,
        x: np.ndarray,
        factors: np.ndarray,
        outer: Callable[[int, np.ndarray], np.ndarray],
    ) -> None:
        """Change one part or two, then take the next's slope there; the residual too if `anew`."""
        for parts in self.update.removesuffix("_anew").split("_"):
            f, slopes = two_layer(theta[:, None], x)  # (B, R), (3p, B, R)
            if self.update.endswith("_anew"):
                for b in range(len(x)):
                    outer(b, f[b])  # which writes the example's factor
            for part in map("abu".index, parts):
                block, slope = np.split(theta, 3)[part], np.split(slopes, 3)[part]
                block -= sum(g * slope[:, b] for b, g in enumerate(factors))

    def _derivative(
        self, z: np.ndarray, y: np.ndarray, x: np.ndarray, out: np.ndarray
    ) -> np.ndarray:
        """Return g, the factor of x in the gradient, one for all features or one per feature."""
        if self.margin:  # one loss of the summed margin Σ yz, whose label is 1
            z, y, labels = np.broadcast_to((y * z).sum(axis=0), z.shape), np.ones_like(y), y
            return labels * self.derivative(z, y, x, None)  # g = y ℓ′(Σ yz)
        return self.derivative(z, y, x, out)

    def _decays(self, rates: np.ndarray) -> np.ndarray:
        """Return 1 − η c λ, shape (T, 1) or (T, R), or 1 − c λ where η does not multiply it."""
        return 1 - np.where(self.times_rate, rates, 1) * self.shrink

    def _squares(self, weights: np.ndarray, out: np.ndarray) -> None:
        """Write Σ mⱼθⱼ² into `out`."""
        masked = weights * self.mask[: self.rows] if self.odd else weights
        np.einsum("dr,dr->r", masked, weights, out=out)

    def _reductions(self, there: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return 1 or 1/B for each example that is there, 0 for others, whose label becomes 0."""
        y *= there
        count = np.where(self.mean, there.sum(axis=1, keepdims=True), 1)
        return (there / count).astype(self.dtype)

    def _losses(self, z: np.ndarray, y: np.ndarray, reduction: np.ndarray) -> np.ndarray:
        if self.margin:
            margins = (y * z).sum(axis=1)
            return self.logged_loss(margins, np.ones_like(margins))
        losses = self.logged_loss(z, y)
        if self.ragged:
            return (losses * reduction).sum(axis=1)
        return losses[:, 0] if losses.shape[1] == 1 else losses.sum(axis=1) * reduction


def train(
    recipe: Recipe,
    examples: Examples,
    theta: np.ndarray,
    order: Iterable[np.ndarray],
    rates: Iterable[np.ndarray],
    followed: int = 0,
) -> Iterator[Epoch]:
    """Train every replica of one recipe.

    Parameters
    ----------
    recipe : Recipe
        What to compute.
    examples : tuple of numpy.ndarray
        X and y of those trained on, the labels as the recipe codes them.
    theta : numpy.ndarray, shape (d, R)
        Initial parameters.
    order : iterable of numpy.ndarray of int, shape (T, B, R)
        Each epoch's examples.
    rates : iterable of numpy.ndarray, shape (T,)
        Each epoch's η.
    followed : int
        Leading replicas whose path is kept.

    Yields
    ------
    Epoch
        One for each element of `order`.
    """
    batch = Batch([recipe], [examples], theta.shape[1])
    state = batch.state(theta)
    for seen, rate in zip(order, rates, strict=True):
        yield batch.advance(state, seen, rate[:, None], followed)


def _each(values: np.ndarray) -> list[float] | np.ndarray:
    """Return the rows of (T, 1) or (T, R): numbers, which multiply faster, where they are one."""
    return values[:, 0].tolist() if values.shape[1] == 1 else values
