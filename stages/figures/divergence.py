"""The divergence between Bernoulli distributions."""

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from stages.figures.style import BLUE, GREEN, GREY, RED, two_panels
from stages.sgd.divergences import kl_divergence
from stages.sgd.recipes.schema import Grid

SECTIONS = (0.1, 0.5, 0.9)
TITLES = ("over the unit square", "along a row")


def draw(figure: Figure, key: str, name: str | None, grid: Grid) -> None:
    """Draw D_KL between Bernoulli(p) and Bernoulli(q), and a section with Pinsker's bound."""
    left, right = two_panels(figure, TITLES, sharey=False)
    line = np.linspace(grid.lower, grid.upper, grid.points)
    p, q = np.meshgrid(line, line, indexing="ij")
    divergence = kl_divergence(np.stack([p, 1 - p], axis=-1), np.stack([q, 1 - q], axis=-1))
    levels = [0, 0.01, 0.03, 0.1, 0.3, 1, 3, 10]
    shades = colormaps["viridis"](np.linspace(0, 1, len(levels)))
    filled = left.contourf(p, q, divergence, levels, colors=shades, extend="max")
    figure.colorbar(filled, ax=left, label="D_KL in nats")
    left.plot([0, 1], [0, 1], color="white", linestyle="--", label="D_KL = 0")
    left.set(xlabel="p", ylabel="q", aspect="equal")
    left.legend(loc="upper left", facecolor=GREY, labelcolor="white")
    for row, color in zip(SECTIONS, (BLUE, RED, GREEN), strict=True):
        mass = np.array([row, 1 - row])
        others = np.stack([line, 1 - line], axis=-1)
        right.plot(line, kl_divergence(mass, others), color=color, label=f"p = {row}")
        bound = np.abs(mass - others).sum(axis=-1) ** 2 / 2
        right.plot(line, bound, color=color, linestyle=":")
    right.plot([], [], color="black", linestyle=":", label="Pinsker's bound ½‖p − q‖₁²")
    right.set(xlabel="q", ylabel="D_KL in nats", ylim=(0, 3))
    right.legend()
    figure.suptitle("D_KL(Bernoulli(p) ‖ Bernoulli(q))")
