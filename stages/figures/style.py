"""Colours, and panels, that figures share."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

RED, BLUE, GREEN, PURPLE, GREY = "#D55E00", "#0072B2", "#009E73", "#CC79A7", "#666666"
PUBLISHED = ("as published", "under the protocol")


def two_panels(figure: Figure, titles: tuple[str, str], sharey: bool) -> tuple[Axes, Axes]:
    """Return two panels side by side, titled."""
    panels = figure.subplots(1, 2, sharey=sharey)
    for axes, title in zip(panels, titles, strict=True):
        axes.set_title(title)
    return tuple(panels)
