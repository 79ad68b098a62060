"""Figures 1, 2a, 2b and 4b: sampled loss against epochs."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stages.common import files
from stages.figures.style import BLUE, GREEN, PUBLISHED, PURPLE, RED, two_panels
from stages.sgd.recipes.schema import Grid

# Loss curves: title, whether epochs are on a log axis, then for either panel its curves:
# (history under data/, label, colour, style). Dashed is for a curve that lies on another: its
# median alone is drawn.
CURVES = {
    "1": (
        "Logistic regression",
        (False, False),
        [
            ("programs/appendix_a", "appendix A, PyTorch", BLUE, "-"),
            ("programs/appendix_b", "appendix B, NumPy", RED, "-"),
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
            ("programs/appendix_c", "appendix C, PyTorch", BLUE, "-"),
            ("programs/appendix_d", "appendix D, NumPy", RED, "-"),
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
            ("programs/appendix_a", "appendix A, logistic", PURPLE, "-"),
            ("programs/appendix_c", "appendix C, SVM", GREEN, "-"),
        ],
        [
            ("runs/logistic/torch", "logistic", PURPLE, "-"),
            ("runs/svm/torch", "SVM", GREEN, "-"),
        ],
    ),
    "4b": (
        "Two-layer network",
        (False, False),
        [("programs/problem_7", "problem 7, NumPy", RED, "-")],
        [
            ("runs/two_layer/torch", "PyTorch", BLUE, "-"),
            ("runs/two_layer/numpy", "NumPy", RED, "--"),
        ],
    ),
}


COLUMNS = (
    "epoch",
    "optimum",
    *(f"sampled_loss{part}" for part in ("", "_first", "_lower", "_upper")),
)


def draw(figure: Figure, key: str, name: str | None, grid: Grid | None) -> None:
    """Draw figure 1, 2a, 2b or 4b."""
    title, log_epochs, *panels = CURVES[key]
    left, right = two_panels(figure, PUBLISHED, sharey=True)
    for axes, log, curves in zip((left, right), log_epochs, panels, strict=True):
        optima = {}
        for path, label, color, style in curves:
            history = files.read_table(f"data/{path}/history.csv", *COLUMNS)
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
    explained = "thin replica 0, thick the median, band 5–95 % of replicas, dotted the optimum"
    figure.suptitle(f"{title}: {explained}")


def _draw_curve(axes: Axes, history: pd.DataFrame, label: str, color: str, style: str) -> None:
    epoch, column = history["epoch"], "sampled_loss"
    axes.plot(epoch, history[column], style, color=color, label=label, zorder=3)
    if style == "-":
        axes.plot(epoch, history[f"{column}_first"], color=color, linewidth=0.4, alpha=0.6)
        band = history[f"{column}_lower"], history[f"{column}_upper"]
        axes.fill_between(epoch, *band, color=color, alpha=0.25, linewidth=0)
