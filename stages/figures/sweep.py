"""How each problem ends at many learning rates."""

from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stages.common import files
from stages.figures.style import BLUE, GREEN, GREY, ORANGE, PURPLE, RED
from stages.sgd.recipes.schema import Grid

COLORS = {"the report": RED, "the protocol": BLUE, "other authors": GREEN}
COLORS |= {"another program": ORANGE}
COLUMNS = ("learning_rate", "gap", "lower", "upper", "diverged", "separates", "whose", "section")
LEAST, MOST = 1e-6, 1e3  # of the gaps that are drawn
SHARES = {"diverged": ("diverges", PURPLE), "separates": ("separates the data", GREY)}


def draw(figure: Figure, key: str, name: str | None, grid: Grid | None) -> None:
    """Draw the gap against the learning rate, a panel a problem, and who uses which."""
    paths = sorted(Path("plots/rates").glob("*.csv"))
    panels = figure.subplots(-(-len(paths) // 2), 2, squeeze=False).ravel()
    tables = [files.read_frame(str(path), *COLUMNS) for path in paths]
    used = {whose for table in tables for whose in table["whose"].dropna()}
    for axes, table in zip(panels, tables, strict=False):
        draw_panel(axes, table, {whose: c for whose, c in COLORS.items() if whose in used})
    for axes in panels[len(paths) :]:
        axes.set_axis_off()
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    figure.suptitle("Objective less its optimum at the end, against the learning rate")


def draw_panel(axes: Axes, table: pd.DataFrame, colors: dict[str, str]) -> None:
    """Draw one problem, and in these colours whose learning rates are in use."""
    swept, marked = table[table["whose"].isna()], table[table["whose"].notna()]
    rates = swept["learning_rate"]
    axes.set(title=table["section"].iloc[0], xscale="log", yscale="log")
    axes.plot(rates, swept["gap"], color="black", label="median")
    band = {"color": GREY, "alpha": 0.25, "linewidth": 0, "label": "5–95 % of replicas"}
    axes.fill_between(rates, swept["lower"], swept["upper"], **band)
    for part, (whose, color) in enumerate(colors.items()):
        axes.plot([], [], color=color, label=f"used by {whose}")
        for rate in marked[marked["whose"] == whose]["learning_rate"]:
            axes.axvline(rate, part / len(colors), (part + 1) / len(colors), color=color)
    if swept["lower"].notna().any():
        axes.set_ylim(max(LEAST, swept["lower"].min() / 2), min(MOST, 2 * swept["upper"].max()))
    axes.set(xlabel="learning rate", ylabel="gap")
    shares = axes.twinx()
    for column, (words, color) in SHARES.items():
        shares.plot(rates, swept[column], ":", color=color)
        axes.plot([], [], ":", color=color, label=f"share that {words} (right)")
    shares.set_ylim(-0.02, 1.02)
