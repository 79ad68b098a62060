"""What each deviation of each program costs."""

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import SymLogNorm
from matplotlib.figure import Figure

from stages.common import files
from stages.figures.style import GREY
from stages.sgd.recipes.schema import Grid

LINEAR = 0.01  # costs below it are on a linear scale


def draw(figure: Figure, key: str, name: str | None, grid: Grid | None) -> None:
    """Draw programs against deviations: the cost as colour, a dot where there is none."""
    table = files.read_frame("plots/survey.csv", "program", "field", "deviation", "cost")
    found = table[table["field"].notna()]
    programs = list(dict.fromkeys(table["program"]))
    counts = found["deviation"].value_counts(sort=True)
    kinds = list(counts.index)
    costs = np.full((len(programs), len(kinds)), np.nan)
    present = np.zeros(costs.shape, bool)
    for row in found.itertuples():
        where = programs.index(row.program), kinds.index(row.deviation)
        costs[where], present[where] = row.cost, True
    axes = figure.subplots()
    axes.set_facecolor("white")
    largest = max(np.nanmax(np.abs(costs), initial=LINEAR), 2 * LINEAR)
    norm = SymLogNorm(LINEAR, vmin=-largest, vmax=largest)
    shade = colormaps["RdBu_r"].with_extremes(bad="white")
    image = axes.imshow(costs, cmap=shade, norm=norm, aspect="auto")
    for (row, column), cost in np.ndenumerate(costs):
        if not present[row, column]:
            axes.plot(column, row, ".", color=GREY, markersize=2)
            continue
        text = "diverges" if np.isnan(cost) else f"{cost:+.1g}".replace("-", "−") if cost else "0"
        strong = np.isfinite(cost) and abs(norm(cost) - 0.5) > 0.35
        color = "white" if strong else "black"
        axes.text(column, row, text, ha="center", va="center", color=color, fontsize="x-small")
    axes.set_xticks(range(len(kinds)), kinds, rotation=40, ha="left", fontsize="small")
    axes.xaxis.tick_top()
    axes.set_yticks(range(len(programs)), programs, fontsize="small")
    axes.tick_params(length=0)
    figure.colorbar(image, ax=axes, label="cost: stated objective, less it with that undone")
    figure.suptitle("What each deviation of each program costs; a dot where it has none")
