"""What separates a published program from its reference, deviation by deviation."""

from matplotlib.axes import Axes

from stages.common import files
from stages.figures.style import BLUE, GREY, RED
from stages.sgd.recipe import Grid


def draw_ablation(key: str, left: Axes, right: Axes, grid: Grid | None) -> str:
    """Draw a waterfall from a published program to its reference, by Shapley values."""
    problem = key.removeprefix("ablation_")
    ablation = files.read_json(f"metrics/ablation/{problem}.json")
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


ABLATION = ("sampled loss of the last epoch", "stated objective")

# Function, titles of the panels, and whether they share the vertical axis.
FIGURES = dict.fromkeys(("ablation_logistic", "ablation_svm"), (draw_ablation, ABLATION, True))
