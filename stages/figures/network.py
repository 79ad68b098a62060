"""Figure 4a: what the network of problem 7 learns."""

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from stages.common import files, parameters
from stages.figures.style import BLUE, PUBLISHED, RED, two_panels
from stages.sgd.parts.datasets import true_function
from stages.sgd.parts.models import output
from stages.sgd.recipes.recipe import Program
from stages.sgd.recipes.schema import Grid


def draw(figure: Figure, key: str, name: str | None, grid: Grid) -> None:
    """Draw figure 4a: the true function and what the network has learned at each checkpoint."""
    left, right = two_panels(figure, PUBLISHED, sharey=True)
    X, y = files.read_examples("data/wave.csv", classes=False)
    x = np.linspace(grid.lower, grid.upper, grid.points)
    panels = ((left, "programs/problem_7/run.npz"), (right, "runs/two_layer/numpy/theta.npz"))
    for axes, path in panels:
        arrays = files.read_arrays(f"data/{path}")
        axes.plot(x, true_function(x), color="black", linewidth=1.5, label="true function")
        steps = arrays.get("steps", ())
        labels = [f"after {count} steps" for count in steps]
        thetas = [*arrays.get("checkpoints", ())]
        if not len(steps) or not np.array_equal(thetas[-1], arrays["theta"]):
            thetas, labels = [*thetas, arrays["theta"]], [*labels, "at the end"]
        shades = colormaps["viridis"](np.linspace(0.85, 0, len(thetas)))
        for theta, label, color in zip(thetas, labels, shades, strict=True):
            learned = output("two_layer", theta[:1].T, x[:, None])[:, 0]
            axes.plot(x, learned, color=color, linewidth=1.2, label=label)
        learned = output("two_layer", arrays["theta"].T, x[:, None])
        band = np.quantile(learned, (0.05, 0.95), axis=1)
        axes.fill_between(x, *band, color=shades[-1], alpha=0.25, linewidth=0)
        axes.plot(X[:, 0], y, "x", color=RED, label="data", zorder=4)
        axes.set(xlabel="x", xlim=(grid.lower - 0.1, max(grid.upper, X.max()) + 0.1))
    ring = {"markersize": 11, "markerfacecolor": "none", "markeredgecolor": BLUE}
    drawn = parameters.load("programs.problem_7", Program).order.examples
    if drawn is not None and drawn < len(y):
        left.plot(X[drawn:, 0], y[drawn:], "o", **ring, label="never sampled")
    left.set_ylabel("f(x)")
    for axes in (left, right):
        axes.legend(fontsize="small")
    figure.suptitle("Problem 7: replica 0 as it learns, and 5–95 % of replicas at the end")
