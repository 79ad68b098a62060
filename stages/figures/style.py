"""Colours, and titles of panels, that figures share."""

RED, BLUE, GREEN, PURPLE, GREY = "#D55E00", "#0072B2", "#009E73", "#CC79A7", "#666666"
PUBLISHED = ("as published", "under the protocol")
