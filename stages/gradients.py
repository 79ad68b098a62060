"""Hold formulas against autograd and complex-step differentiation: python -m stages.gradients."""

from collections.abc import Callable
from math import ceil, log10
from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from tqdm import tqdm

from stages.common import files, parameters
from stages.sgd import by_torch
from stages.sgd.parts.losses import DERIVATIVES
from stages.sgd.parts.models import two_layer
from stages.sgd.recipes.schema import Section, Seed

STEP = 1e-30  # of the complex step, which has no cancellation to fear

COMPLEX_LOSSES = {
    "logistic": lambda z, y: np.log(1 + np.exp(-y * z)),
    "hinge": lambda z, y: np.where((y * z).real < 1, 1 - y * z, 0),
    "squared": lambda z, y: (z - y) ** 2 / 2,
}


class Gradients(Section):
    """How the formulas are tried: `trials` at each of the `widths`."""

    seed: Seed
    trials: Annotated[int, Field(ge=1, le=100_000)]
    widths: Annotated[list[Annotated[int, Field(ge=1, le=1000)]], Field(min_length=1)]


def main() -> None:
    """Write `metrics/gradients.json`: the largest relative error of each formula.

    A digit of a rounding error is the processor's, not the formula's, so each error is
    rounded up to a power of 1000.
    """
    section = parameters.load("gradients", Gradients)
    rng = np.random.default_rng(section.seed)
    errors = {"two_layer": network_errors(rng, section)}
    for loss in COMPLEX_LOSSES:
        errors[loss] = loss_errors(rng, section, loss)
    files.write_json("metrics/gradients.json", {"trials": section.trials, **errors})
    worst = max(max(found.values()) for found in errors["two_layer"].values())
    files.say("metrics/gradients.json", f"the network's formulas are within {worst:.0e}")


def network_errors(rng: np.random.Generator, section: Gradients) -> dict[str, dict[str, float]]:
    """Return the errors of ∇a f, ∇b f and ∇u f (problem 6), relative to their largest entry.

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws θ and x, standard normal.
    section : Gradients
        How many, and of which widths p.
    """
    errors = {part: {"autograd": 0.0, "complex_step": 0.0} for part in "abu"}
    for width in tqdm(section.widths, "gradients", disable=None):
        theta = rng.standard_normal((section.trials, 3 * width)).T
        x = rng.standard_normal(section.trials)
        _, by_hand = two_layer(theta, x)

        def network(theta: torch.Tensor, x: np.ndarray = x) -> torch.Tensor:
            return by_torch.two_layer_output(theta, torch.from_numpy(x))

        references = {
            "autograd": autograd(network, theta),
            "complex_step": np.stack(
                [
                    two_layer(theta + 1j * STEP * unit[:, None], x)[0].imag / STEP
                    for unit in np.eye(3 * width)
                ]
            ),
        }
        for method, reference in references.items():
            for n, part in enumerate("abu"):
                block = slice(n * width, (n + 1) * width)
                error = np.abs(by_hand - reference)[block].max(axis=0)
                error /= np.abs(reference[block]).max(axis=0)
                errors[part][method] = max(errors[part][method], error.max())
    return {part: {m: round_up(e) for m, e in found.items()} for part, found in errors.items()}


def loss_errors(rng: np.random.Generator, section: Gradients, loss: str) -> dict[str, float]:
    """Return the errors of ∂ℓ/∂z, the hinge's away from its kink.

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws z, normal with standard deviation 3, and labels y = ±1.
    section : Gradients
        How many.
    loss : {'logistic', 'hinge', 'squared'}
        Loss.
    """
    z = 3 * rng.standard_normal(section.trials)
    y = rng.choice([-1.0, 1.0], section.trials)
    if loss == "hinge":
        away = np.abs(y * z - 1) > 1e-3
        z, y = z[away], y[away]
    by_hand = DERIVATIVES[loss, "exact"](z, y, z, None)
    references = {
        "autograd": autograd(lambda t: by_torch.LOSSES[loss](t, torch.from_numpy(y)), z),
        "complex_step": COMPLEX_LOSSES[loss](z + 1j * STEP, y).imag / STEP,
    }
    return {
        method: round_up((np.abs(by_hand - exact) / np.maximum(np.abs(exact), 1e-300)).max())
        for method, exact in references.items()
    }


def autograd(function: Callable[[torch.Tensor], torch.Tensor], at: np.ndarray) -> np.ndarray:
    """Return the gradient of the sum of a function's values, by PyTorch's autograd."""
    variable = torch.tensor(at, requires_grad=True)
    function(variable).sum().backward()
    return variable.grad.numpy()


def round_up(error: float) -> float:
    """Return the smallest power of 1000 not below an error, 1e-12 for whatever is less."""
    return 10.0 ** (3 * ceil(log10(max(error, 1e-12)) / 3))


if __name__ == "__main__":
    main(*parameters.words(__doc__, 0, 0))
