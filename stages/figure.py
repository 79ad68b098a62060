"""Draw one figure: python -m stages.figure 2a."""

import sys
from importlib import import_module
from typing import Annotated

from matplotlib.figure import Figure
from pydantic import Field

from stages.common import files, parameters
from stages.sgd.recipe import Grid, Section

MODULES = {  # which of stages.figures draws it
    "1": "curves",
    "2a": "curves",
    "2b": "curves",
    "3a": "plane",
    "3b": "plane",
    "4a": "network",
    "4b": "curves",
    "ablation_logistic": "ablation",
    "ablation_svm": "ablation",
    "divergence": "divergence",
}


class FigureSize(Section):
    """Size of a picture in inches and dots per inch, and the grid its curves are drawn on."""

    width: Annotated[float, Field(ge=1, le=40)]
    height: Annotated[float, Field(ge=1, le=40)]
    dpi: Annotated[int, Field(ge=20, le=600)]
    grid: Grid | None = None


def main(key: str) -> None:
    """Write `plots/figure_<key>.png`.

    Parameters
    ----------
    key : str
        Key under `figures` of params.yaml; 1 to 4b are the source's numbers.
    """
    size = parameters.load(f"figures.{key}", FigureSize)
    module = import_module(f"stages.figures.{MODULES[key]}")
    draw, titles, sharey = module.FIGURES[key]
    figure = Figure(figsize=(size.width, size.height), dpi=size.dpi, layout="constrained")
    panels = figure.subplots(1, 2, sharey=sharey)
    for axes, title in zip(panels, titles, strict=True):
        axes.set_title(title)
    figure.suptitle(draw(key, *panels, size.grid))
    files.write_figure(f"plots/figure_{key}.png", figure)


if __name__ == "__main__":
    main(sys.argv[1])
