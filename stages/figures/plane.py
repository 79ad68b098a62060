"""Figures 3a and 3b: the data of problem 3, and its decision boundaries."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stages.common import files
from stages.figures.style import BLUE, GREEN, GREY, PUBLISHED, PURPLE, RED, two_panels
from stages.sgd.parts.models import features, output
from stages.sgd.recipes.schema import Grid


def draw(figure: Figure, key: str, name: str | None, grid: Grid | None) -> None:
    """Draw figure 3a or 3b."""
    if key == "3a":
        draw_data(figure)
    else:
        draw_boundaries(figure, grid)


def draw_data(figure: Figure) -> None:
    """Draw figure 3a: the plane, and the distances from the hyperplanes found in φ-space."""
    left, right = two_panels(figure, PUBLISHED, sharey=False)
    X, y = files.read_examples("data/disc.csv", classes=True)
    _draw_classes(left, *X.T, y)
    left.set(xlabel="u", ylabel="v", aspect="equal")
    left.legend()
    solvers = ("quadratic_logistic", "quadratic_svm")
    for row, problem in enumerate(solvers):
        theta = files.read_arrays(f"data/runs/{problem}/numpy/theta.npz")["theta"]
        distance = output("quadratic", theta[:1].T, X)[:, 0] / np.linalg.norm(theta[0])
        right.axhline(row, color=GREY, linewidth=0.5, zorder=0)
        _draw_classes(right, distance, np.full(len(y), row), y)
    right.axvline(0, color=GREEN)
    right.set(xlabel="signed distance z / ‖w‖ in φ-space", ylim=(-0.6, 1.6))
    right.set_yticks(range(len(solvers)), ["logistic", "SVM"])
    figure.suptitle("Problem 3: the data, and their distances from replica 0's hyperplane")


def draw_boundaries(figure: Figure, grid: Grid) -> None:
    """Draw figure 3b: the zero level set of each boundary, with its misclassified points."""
    left, right = two_panels(figure, PUBLISHED, sharey=True)
    X, y = files.read_examples("data/disc.csv", classes=True)
    boundaries = (
        (left, "programs/appendix_e/run.npz", "appendix E, SVM", GREEN, "-"),
        (right, "runs/quadratic_svm/numpy/theta.npz", "SVM", GREEN, "-"),
        (right, "runs/quadratic_logistic/numpy/theta.npz", "logistic", PURPLE, "--"),
    )
    line = np.linspace(grid.lower, grid.upper, grid.points)
    u, v = np.meshgrid(line, line)
    phi = features("quadratic", np.column_stack([u.ravel(), v.ravel()]))
    for axes, path, label, color, style in boundaries:
        weights = files.read_arrays(f"data/{path}")["theta"][:, : phi.shape[1]]
        wrong = (y[:, None] * output("quadratic", weights.T, X) <= 0).sum(axis=0)
        label = f"{label}: {wrong[0]} of {len(y)} misclassified"
        axes.contour(u, v, (phi @ weights[0]).reshape(u.shape), [0], colors=color, linestyles=style)
        positive = sum((phi @ w > 0) for w in weights).reshape(u.shape) / len(weights)
        axes.contourf(u, v, positive, [0.05, 0.95], colors=color, alpha=0.2)
        axes.plot([], [], color=color, linestyle=style, label=label)
    for axes in (left, right):
        _draw_classes(axes, *X.T, y)
        axes.set(xlabel="u", aspect="equal")
        axes.legend(loc="lower left")
    left.set_ylabel("v")
    figure.suptitle("Problem 3: boundary of replica 0; band where 5–95 % of replicas say y = 1")


def _draw_classes(axes: Axes, horizontal: np.ndarray, vertical: np.ndarray, y: np.ndarray) -> None:
    for label, color, marker in ((1, RED, "o"), (-1, BLUE, "^")):
        chosen = y == label
        points = (horizontal[chosen], vertical[chosen])
        axes.scatter(*points, color=color, marker=marker, label=f"y = {label}".replace("-", "−"))
