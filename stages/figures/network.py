"""Figure 4a: what the network of problem 7 learns."""

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes

from stages.common import files
from stages.figures.style import BLUE, PUBLISHED, RED
from stages.sgd.datasets import true_function
from stages.sgd.models import output
from stages.sgd.recipe import Grid


def draw_functions(key: str, left: Axes, right: Axes, grid: Grid | None) -> str:
    """Draw figure 4a: the true function and what the network has learned at each checkpoint."""
    X, y = files.read_examples("data/wave.csv", classes=False)
    x = np.linspace(grid.lower, grid.upper, grid.points)
    panels = ((left, "published/problem_7/run.npz"), (right, "runs/two_layer/numpy/theta.npz"))
    for axes, path in panels:
        arrays = files.read_arrays(f"data/{path}")
        axes.plot(x, true_function(x), color="black", linewidth=1.5, label="true function")
        count = len(arrays["steps"])
        shades = colormaps["viridis"](np.linspace(0.85, 0, count))
        for theta, steps, color in zip(arrays["checkpoints"], arrays["steps"], shades, strict=True):
            learned = output("two_layer", theta[:1], x[:, None])[0]
            axes.plot(x, learned, color=color, linewidth=1.2, label=f"after {steps} steps")
        learned = output("two_layer", arrays["checkpoints"][-1], x[:, None])
        band = np.quantile(learned, (0.05, 0.95), axis=0)
        axes.fill_between(x, *band, color=shades[-1], alpha=0.25, linewidth=0)
        axes.plot(X[:, 0], y, "x", color=RED, label="data", zorder=4)
        axes.set(xlabel="x", xlim=(grid.lower - 0.1, max(grid.upper, X.max()) + 0.1))
    ring = {"markersize": 11, "markerfacecolor": "none", "markeredgecolor": BLUE}
    left.plot(X[-1, 0], y[-1], "o", **ring, label="never sampled")
    left.set_ylabel("f(x)")
    for axes in (left, right):
        axes.legend(fontsize="small")
    return "Problem 7: replica 0 as it learns, and 5–95 % of replicas at the end"


# Function, titles of the panels, and whether they share the vertical axis.
FIGURES = {"4a": (draw_functions, PUBLISHED, True)}
