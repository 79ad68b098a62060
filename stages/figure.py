"""Draw one figure: python -m stages.figure 2a."""

import sys

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stages.common import artifacts, parameters
from stages.common.divergences import kl_divergence
from stages.common.problems import features, output, true_function

RED, BLUE, GREEN, PURPLE, GREY = "#D55E00", "#0072B2", "#009E73", "#CC79A7", "#666666"

# Loss curves: title, whether epochs are on a log axis, then for either panel its curves:
# (history under data/, label, colour, style). Dashed is for a curve that lies on another: its
# median alone is drawn.
CURVES = {
    "1": (
        "Logistic regression",
        (False, False),
        [
            ("published/appendix_a", "appendix A, PyTorch", BLUE, "-"),
            ("published/appendix_b", "appendix B, NumPy", RED, "-"),
        ],
        [
            ("runs/logistic/torch", "PyTorch", BLUE, "-"),
            ("runs/logistic/numpy", "NumPy", RED, "--"),
        ],
    ),
    "2a": (
        "Linear SVM",
        (True, True),
        [
            ("published/appendix_c", "appendix C, PyTorch", BLUE, "-"),
            ("published/appendix_d", "appendix D, NumPy", RED, "-"),
        ],
        [
            ("runs/svm/torch", "PyTorch", BLUE, "-"),
            ("runs/svm/numpy", "NumPy", RED, "--"),
        ],
    ),
    "2b": (
        "Logistic regression and linear SVM",
        (True, True),
        [
            ("published/appendix_a", "appendix A, logistic", PURPLE, "-"),
            ("published/appendix_c", "appendix C, SVM", GREEN, "-"),
        ],
        [
            ("runs/logistic/torch", "logistic", PURPLE, "-"),
            ("runs/svm/torch", "SVM", GREEN, "-"),
        ],
    ),
    "4b": (
        "Two-layer network",
        (False, False),
        [("published/problem_7", "problem 7, NumPy", RED, "-")],
        [
            ("runs/two_layer/torch", "PyTorch", BLUE, "-"),
            ("runs/two_layer/numpy", "NumPy", RED, "--"),
        ],
    ),
}


def draw_losses(key: str, left: Axes, right: Axes, size: parameters.FigureSize) -> str:
    """Draw figure 1, 2a, 2b or 4b: sampled loss against epochs, and return its title."""
    title, log_epochs, *panels = CURVES[key]
    for axes, log, curves in zip((left, right), log_epochs, panels, strict=True):
        optima = {}
        for path, label, color, style in curves:
            history = artifacts.read_table(f"data/{path}/history.csv")
            _draw_curve(axes, history, label, color, style)
            optima[history["optimum"].iloc[0]] = color
        for optimum, color in optima.items():
            color = color if len(optima) > 1 else "black"
            where = [optimum, optimum] if optimum > 0 else []  # a log axis has no place for 0
            label = f"optimum {optimum:.4g}" + ("" if where else ", off the axis")
            axes.plot(axes.get_xlim()[: len(where)], where, ":", color=color, label=label)
        axes.set(xlabel="epoch", yscale="log", xscale="log" if log else "linear")
        axes.legend(loc="lower left" if log else "best")
    left.set_ylabel("sampled loss, mean over the epoch")
    return f"{title}: thin replica 0, thick the median, band 5–95 % of replicas, dotted the optimum"


def draw_data(key: str, left: Axes, right: Axes, size: parameters.FigureSize) -> str:
    """Draw figure 3a: the plane, and the distances from the hyperplanes found in φ-space."""
    X, y = artifacts.read_examples("data/disc.csv", classes=True)
    _draw_classes(left, *X.T, y)
    left.set(xlabel="u", ylabel="v", aspect="equal")
    left.legend()
    solvers = ("quadratic_logistic", "quadratic_svm")
    for row, problem in enumerate(solvers):
        theta = artifacts.read_arrays(f"data/runs/{problem}/numpy/theta.npz")["theta"]
        distance = output("quadratic", theta[:1], X)[0] / np.linalg.norm(theta[0])
        right.axhline(row, color=GREY, linewidth=0.5, zorder=0)
        _draw_classes(right, distance, np.full(len(y), row), y)
    right.axvline(0, color=GREEN)
    right.set(xlabel="signed distance z / ‖w‖ in φ-space", ylim=(-0.6, 1.6))
    right.set_yticks(range(len(solvers)), ["logistic", "SVM"])
    return "Problem 3: the data, and their distances from replica 0's hyperplane"


def draw_boundaries(key: str, left: Axes, right: Axes, size: parameters.FigureSize) -> str:
    """Draw figure 3b: the zero level set of each boundary, with its misclassified points."""
    X, y = artifacts.read_examples("data/disc.csv", classes=True)
    boundaries = (
        (left, "published/appendix_e/run.npz", "appendix E, SVM", GREEN, "-"),
        (right, "runs/quadratic_svm/numpy/theta.npz", "SVM", GREEN, "-"),
        (right, "runs/quadratic_logistic/numpy/theta.npz", "logistic", PURPLE, "--"),
    )
    line = np.linspace(size.grid.lower, size.grid.upper, size.grid.points)
    u, v = np.meshgrid(line, line)
    phi = features("quadratic", np.column_stack([u.ravel(), v.ravel()]))
    for axes, path, label, color, style in boundaries:
        weights = artifacts.read_arrays(f"data/{path}")["theta"][:, : phi.shape[1]]
        wrong = (y * output("quadratic", weights, X) <= 0).sum(axis=1)
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
    return "Problem 3: boundary of replica 0; band where 5–95 % of replicas say y = 1"


def draw_functions(key: str, left: Axes, right: Axes, size: parameters.FigureSize) -> str:
    """Draw figure 4a: the true function and what the network has learned at each checkpoint."""
    X, y = artifacts.read_examples("data/wave.csv", classes=False)
    x = np.linspace(size.grid.lower, size.grid.upper, size.grid.points)
    panels = ((left, "published/problem_7/run.npz"), (right, "runs/two_layer/numpy/theta.npz"))
    for axes, path in panels:
        arrays = artifacts.read_arrays(f"data/{path}")
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
        axes.set(xlabel="x", xlim=(size.grid.lower - 0.1, max(size.grid.upper, X.max()) + 0.1))
    ring = {"markersize": 11, "markerfacecolor": "none", "markeredgecolor": BLUE}
    left.plot(X[-1, 0], y[-1], "o", **ring, label="never sampled")
    left.set_ylabel("f(x)")
    for axes in (left, right):
        axes.legend(fontsize="small")
    return "Problem 7: replica 0 as it learns, and 5–95 % of replicas at the end"


def draw_ablation(key: str, left: Axes, right: Axes, size: parameters.FigureSize) -> str:
    """Draw a waterfall from a published program to its reference, by Shapley values."""
    problem = key.removeprefix("ablation_")
    ablation = artifacts.read_json(f"metrics/ablation/{problem}.json")
    factors = ablation["factors"]
    names = [ablation["published"], *factors, ablation["reference"]]
    for axes, quantity in ((left, "sampled_loss"), (right, "objective")):
        found = ablation[quantity]
        shares = [found["shapley"][factor] for factor in factors]
        level = found["published"]
        axes.bar(0, level, color=RED)
        for position, share in enumerate(shares, start=1):
            axes.bar(position, -share["mean"], bottom=level, color=GREY)
            axes.plot([position - 1, position], [level, level], color="black", linewidth=0.5)
            level -= share["mean"]
            spread = [[share["upper"] - share["mean"]], [share["mean"] - share["lower"]]]
            axes.errorbar(position, level, spread, color="black", capsize=3)
        axes.bar(len(factors) + 1, found["reference"], color=BLUE)
        axes.axhline(0, color="black", linewidth=0.5)
        axes.set_xticks(range(len(names)), [name.replace("_", "\n") for name in names])
    left.set(ylabel="mean over replicas", ylim=(0, 1.05 * left.get_ylim()[1]))
    return "Undoing each deviation: mean Shapley value, and 5–95 % of replicas"


def draw_divergence(key: str, left: Axes, right: Axes, size: parameters.FigureSize) -> str:
    """Draw D_KL between Bernoulli(p) and Bernoulli(q), and a section with Pinsker's bound."""
    line = np.linspace(size.grid.lower, size.grid.upper, size.grid.points)
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


SECTIONS = (0.1, 0.5, 0.9)
PUBLISHED = ("as published", "under the protocol")
ABLATION = ("sampled loss of the last epoch", "stated objective")

# Function, titles of the panels, and whether they share the vertical axis.
FIGURES = dict.fromkeys(CURVES, (draw_losses, PUBLISHED, True)) | {
    "3a": (draw_data, PUBLISHED, False),
    "3b": (draw_boundaries, PUBLISHED, True),
    "4a": (draw_functions, PUBLISHED, True),
    "ablation_logistic": (draw_ablation, ABLATION, True),
    "ablation_svm": (draw_ablation, ABLATION, True),
    "divergence": (draw_divergence, ("over the unit square", "along a row"), False),
}


def main(key: str) -> None:
    """Write `plots/figure_<key>.png`.

    Parameters
    ----------
    key : str
        Key under `figures` of params.yaml; 1 to 4b are the source's numbers.
    """
    size = parameters.load(f"figures.{key}", parameters.FigureSize)
    draw, titles, sharey = FIGURES[key]
    figure = Figure(figsize=(size.width, size.height), dpi=size.dpi, layout="constrained")
    panels = figure.subplots(1, 2, sharey=sharey)
    for axes, title in zip(panels, titles, strict=True):
        axes.set_title(title)
    figure.suptitle(draw(key, *panels, size))
    artifacts.write_figure(f"plots/figure_{key}.png", figure)


def _draw_curve(axes: Axes, history: pd.DataFrame, label: str, color: str, style: str) -> None:
    epoch, column = history["epoch"], "sampled_loss"
    axes.plot(epoch, history[column], style, color=color, label=label, zorder=3)
    if style == "-":
        axes.plot(epoch, history[f"{column}_first"], color=color, linewidth=0.4, alpha=0.6)
        band = history[f"{column}_lower"], history[f"{column}_upper"]
        axes.fill_between(epoch, *band, color=color, alpha=0.25, linewidth=0)


def _draw_classes(axes: Axes, horizontal: np.ndarray, vertical: np.ndarray, y: np.ndarray) -> None:
    for label, color, marker in ((1, RED, "o"), (-1, BLUE, "^")):
        chosen = y == label
        points = (horizontal[chosen], vertical[chosen])
        axes.scatter(*points, color=color, marker=marker, label=f"y = {label}".replace("-", "−"))


if __name__ == "__main__":
    main(sys.argv[1])
