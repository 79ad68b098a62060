"""The divergence between Bernoulli distributions."""

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes

from stages.figures.style import BLUE, GREEN, GREY, RED
from stages.sgd.divergences import kl_divergence
from stages.sgd.recipe import Grid

SECTIONS = (0.1, 0.5, 0.9)


def draw_divergence(key: str, left: Axes, right: Axes, grid: Grid | None) -> str:
    """Draw D_KL between Bernoulli(p) and Bernoulli(q), and a section with Pinsker's bound."""
    line = np.linspace(grid.lower, grid.upper, grid.points)
    p, q = np.meshgrid(line, line, indexing="ij")
    divergence = kl_divergence(np.stack([p, 1 - p], axis=-1), np.stack([q, 1 - q], axis=-1))
    levels = [0, 0.01, 0.03, 0.1, 0.3, 1, 3, 10]
    shades = colormaps["viridis"](np.linspace(0, 1, len(levels)))
    filled = left.contourf(p, q, divergence, levels, colors=shades, extend="max")
    left.figure.colorbar(filled, ax=left, label="D_KL in nats")
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
    return "D_KL(Bernoulli(p) ‖ Bernoulli(q))"


# Function, titles of the panels, and whether they share the vertical axis.
FIGURES = {"divergence": (draw_divergence, ("over the unit square", "along a row"), False)}
