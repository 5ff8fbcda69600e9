"""A map of chords: their vectors' two main directions, with names where there is room."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from chordmer.errors import ChordmerError
from chordmer.features._chord_vectors import unit
from chordmer.plot.theme import Theme, drawing, label, new_figure, theme_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_chord_map", "principal_plane"]

#: Right, left, above, below, and the corners between.
_SIDES = np.array([(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1)])


def principal_plane(
    vectors: NDArray[np.float32],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return where unit vectors lie in the plane that shows most of their variance.

    Parameters
    ----------
    vectors : ndarray, shape (n, d)

    Returns
    -------
    places : ndarray of float64, shape (n, 2)
        Each axis has the sign that makes its largest entry positive, so a map does not flip.
    shares : ndarray of float64, shape (2,)
        Share of the variance along each axis.
    """
    directions = unit(vectors)
    left, spread, _ = np.linalg.svd(directions - directions.mean(axis=0), full_matrices=False)
    places = np.zeros((len(vectors), 2))
    shares = np.zeros(2)
    k = min(2, len(spread))
    places[:, :k] = left[:, :k] * spread[:k]
    shares[:k] = spread[:k] ** 2 / max((spread**2).sum(), 1e-300)
    largest = places[np.abs(places).argmax(axis=0), [0, 1]]
    return places * np.where(largest < 0, -1, 1), shares


def draw_chord_map(
    chords: Sequence[str],
    vectors: NDArray[np.float32],
    counts: NDArray[np.int64],
    *,
    ax: Axes | None = None,
    theme: str = "light",
) -> Figure:
    """Draw chords as dots: near where their vectors point alike, large where they are common.

    Names are written beside their dots, the commonest first, where they cover neither a dot nor
    another name; the rest stay without. What stands before a bar in a name, the mode of the
    relative spelling, is shown by colour instead.

    Parameters
    ----------
    chords : sequence of str, length n
    vectors : ndarray of float32, shape (n, d)
    counts : ndarray of int64, shape (n,)
        How often each chord is heard; sets the area of its dot and the order of the names.
    ax : matplotlib.axes.Axes, optional
        Where to draw. By default a figure of its own, bound to no window.
    theme : {"light", "dark"}, default "light"

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ChordmerError
        If there is no chord to draw.
    """
    if not len(chords):
        raise ChordmerError("no chord to draw", stage="plot")
    look = theme_of(theme)
    with drawing(look):
        if ax is None:
            ax = new_figure(9, 7).add_subplot()
        _draw(ax, chords, vectors, counts, look)
    figure: Figure = ax.figure.figure  # an Axes may lie in a figure inside the figure
    return figure


def _draw(
    ax: Axes,
    chords: Sequence[str],
    vectors: NDArray[np.float32],
    counts: NDArray[np.int64],
    theme: Theme,
) -> None:
    places, shares = principal_plane(vectors)
    sizes = 20 + 280 * counts / counts.max()
    modes, _, names = zip(*(chord.rpartition("|") for chord in chords))
    for mode, color, marker in zip(dict.fromkeys(modes), cycle(theme.series), cycle("osD^v")):
        here = [i for i, other in enumerate(modes) if other == mode]
        ax.scatter(
            places[here, 0],
            places[here, 1],
            s=sizes[here],
            color=color,
            marker=marker,
            alpha=0.7,
            edgecolors=theme.paper,
            linewidths=0.6,
            label=label(mode),
        )
    if any(modes):
        ax.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=4, markerscale=0.6)
    ax.set(
        title=f"The {len(chords)} commonest chords",
        xlabel=f"first direction, {shares[0]:.0%} of the variance",
        ylabel=f"second direction, {shares[1]:.0%} of the variance",
    )
    ax.margins(0.08)
    ax.spines[["top", "right"]].set_visible(False)
    ax.figure.figure.draw_without_rendering()
    _name(ax, names, places, sizes, np.argsort(-counts, kind="stable"))


def _name(
    ax: Axes,
    names: Sequence[str],
    places: NDArray[np.float64],
    sizes: NDArray[np.float64],
    order: NDArray[np.intp],
) -> None:
    """Write each chord's name at the first place beside its dot that is free."""
    from matplotlib.transforms import Bbox

    to_points = 72 / ax.figure.figure.dpi
    centres = ax.transData.transform(places)
    radii = np.sqrt(sizes / np.pi) / to_points
    frame = ax.get_window_extent()
    dots = [Bbox([xy - r, xy + r]) for xy, r in zip(centres, radii)]
    written: list[Bbox] = []
    for i in order:
        text = ax.annotate(
            label(names[i], 32),
            places[i],
            xytext=(0, 0),
            textcoords="offset points",
            fontsize=8,
            in_layout=False,
        )
        size = text.get_window_extent().size
        for side in _SIDES:
            corner = side * (radii[i] + 2) / np.hypot(*side) + size * (side - 1) / 2
            box = Bbox([centres[i] + corner, centres[i] + corner + size])
            in_the_way = dots[:i] + dots[i + 1 :] + written
            inside = frame.contains(*box.min) and frame.contains(*box.max)
            if inside and not box.count_overlaps(in_the_way):
                text.set_position(corner * to_points)
                written.append(box)
                break
        else:
            text.remove()
