"""Sizes, colours and panels of figures."""

from typing import Annotated

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pydantic import Field

from stages.sgd.recipes.schema import Grid, Section

RED, BLUE, GREEN, PURPLE, GREY = "#D55E00", "#0072B2", "#009E73", "#CC79A7", "#666666"
ORANGE = "#E69F00"
PUBLISHED = ("as published", "under the protocol")


class FigureSize(Section):
    """Size of a picture in inches and dots per inch, and the grid its curves are drawn on."""

    width: Annotated[float, Field(ge=1, le=40)]
    height: Annotated[float, Field(ge=1, le=40)]
    dpi: Annotated[int, Field(ge=20, le=600)]
    grid: Grid | None = None


def blank(size: FigureSize) -> Figure:
    """Return a figure to draw on."""
    return Figure(figsize=(size.width, size.height), dpi=size.dpi, layout="constrained")


def two_panels(figure: Figure, titles: tuple[str, str], sharey: bool) -> tuple[Axes, Axes]:
    """Return two panels side by side, titled."""
    panels = figure.subplots(1, 2, sharey=sharey)
    for axes, title in zip(panels, titles, strict=True):
        axes.set_title(title)
    return tuple(panels)
