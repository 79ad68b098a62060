"""What separates a program from its reference, difference by difference."""

from textwrap import fill

from matplotlib.figure import Figure

from stages.common import files
from stages.figures.style import BLUE, GREY, RED, two_panels
from stages.sgd.recipes.schema import Grid

TITLES = ("sampled loss of the last epoch", "stated objective")


def draw(figure: Figure, key: str, name: str, grid: Grid | None) -> None:
    """Draw a waterfall from a program to its reference, by Shapley values."""
    panels = two_panels(figure, TITLES, sharey=True)
    ablation = files.read_json(f"metrics/ablation/{name}.json")
    factors, words = ablation["factors"], ablation["words"]
    names = [ablation["program"], *(words[f] for f in factors), ablation["reference"]]
    for axes, quantity in zip(panels, ("sampled_loss", "objective"), strict=True):
        found = ablation[quantity]
        shares = [found["shapley"][factor] for factor in factors]
        level = found["program"]
        axes.bar(0, level, color=RED)
        for position, share in enumerate(shares, start=1):
            axes.bar(position, -share["mean"], bottom=level, color=GREY)
            axes.plot([position - 1, position], [level, level], color="black", linewidth=0.5)
            level -= share["mean"]
            spread = [[share["upper"] - share["mean"]], [share["mean"] - share["lower"]]]
            axes.errorbar(position, level, spread, color="black", capsize=3)
        axes.bar(len(factors) + 1, found["reference"], color=BLUE)
        axes.axhline(0, color="black", linewidth=0.5)
        labels = [fill(label.replace("_", " "), 12) for label in names]
        axes.set_xticks(range(len(names)), labels, fontsize="small")
    panels[0].set(ylabel="mean over replicas", ylim=(0, 1.05 * panels[0].get_ylim()[1]))
    figure.suptitle("Undoing each deviation: mean Shapley value, and 5–95 % of replicas")
