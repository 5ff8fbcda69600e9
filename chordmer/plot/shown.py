"""A figure that a notebook shows, although no window is bound to it."""

from __future__ import annotations

from matplotlib.figure import Figure

from chordmer.plot.save import picture_of

__all__ = ["ShownFigure"]


class ShownFigure(Figure):
    """A figure of matplotlib that is drawn where it is the last value of a cell.

    IPython draws figures once pyplot has made one, and before that would print
    ``<Figure size ...>``. Where it draws them, it does so in its own way, as its user has set it.
    """

    def _repr_png_(self) -> bytes:
        return picture_of(self, "png")
