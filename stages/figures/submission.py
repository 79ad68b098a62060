"""A recorded loss curve, the band of the recipe that explains it best, and the right program's."""

import numpy as np
from matplotlib.figure import Figure

from stages.common import files
from stages.figures.style import BLUE, GREEN, RED
from stages.sgd.recipes.schema import Grid


def draw(figure: Figure, key: str, name: str | None, grid: Grid | None) -> None:
    """Draw one submission."""
    table = files.read_frame(f"plots/submissions/{name}.csv", "position", "loss")
    found = files.read_json(f"metrics/submissions/{name}_evidence.json")
    axes, position = figure.subplots(), table["position"]
    where = position + (position.iloc[0] == 0)  # a log axis has no place for 0
    for label, words, color in (
        ("best", "the best recipe", BLUE),
        ("right", "the right program", GREEN),
    ):
        if f"{label}_lower" in table:
            band = table[f"{label}_lower"], table[f"{label}_upper"]
            axes.fill_between(where, *band, color=color, alpha=0.3, linewidth=0, label=words)
    axes.plot(where, table["loss"], color=RED, linewidth=1.0, label="as submitted")
    positive = table["loss"].min() > 0
    drawn = table[[c for c in ("loss", "right_lower", "right_upper") if c in table]].to_numpy()
    low, high = np.nanmin(np.where(drawn > 0, drawn, np.nan)), np.nanmax(drawn)
    axes.set(xlabel=found["unit"], ylabel="logged loss", xscale="log")
    if positive:
        axes.set(yscale="log", ylim=(low / 2, high * 2))
    axes.legend(loc="best")
    best = [d["name"] for d in found["recipes"][0]["deviations"]] if found["recipes"] else []
    said = "; ".join(best) or ("no deviation" if found["recipes"] else "no recipe")
    axes.set_title(f"{name}: explained {found['explained']}; {said}", fontsize="medium")
    figure.suptitle("A recorded loss curve; bands are 5–95 % of replicas", fontsize="medium")
