"""Which classes a model takes for which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chordmer.plot.theme import drawing, label, new_figure, theme_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from chordmer.evaluate import Evaluation

__all__ = ["plot_confusion"]

#: With more classes no cell could be made out.
_MOST = 40
#: With more classes the cells hold no numbers.
_NUMBERED = 12


def plot_confusion(
    source: Evaluation | ArrayLike,
    classes: Sequence[Any] | None = None,
    *,
    theme: str = "light",
) -> Figure:
    """Draw a confusion matrix: of each class, the share that was taken for each class.

    Parameters
    ----------
    source : Evaluation, or array_like of shape (k, k)
        What `chordmer.evaluate` found, or how often each class (row) was taken for each (column).
    classes : sequence of length k, optional
        Names of the classes; by default those of the evaluation, or numbers.
    theme : {"light", "dark"}, default "light"

    Returns
    -------
    matplotlib.figure.Figure
        11 inches wide at most.

    Raises
    ------
    ValueError
        If the answers are numbers, the matrix is no square of counts, or has more than 40 classes.

    Examples
    --------
    >>> figure = plot_confusion([[8, 2], [1, 9]], ["calm", "tense"])
    >>> [text.get_text().split()[0] for text in figure.axes[0].texts]
    ['8', '2', '1', '9']
    """
    look = theme_of(theme)
    counts, names = _counted(source, classes)
    n = len(counts)
    totals = counts.sum(axis=1, keepdims=True)
    shares = counts / np.maximum(totals, 1)
    side = min(2.6 + 0.85 * n, 10.0)
    with drawing(look):
        figure = new_figure(side + 1.0, side)
        axes = figure.add_subplot()
        colors = look.colormap()
        image = axes.imshow(shares, cmap=colors, vmin=0, vmax=1)
        small = 10 if n <= _NUMBERED else 7
        crowded = n > 6 or max(map(len, names)) > 8
        axes.set_xticks(range(n), names, rotation=90 if crowded else 0, fontsize=small)
        axes.set_yticks(range(n), names, fontsize=small)
        axes.tick_params(length=0, labelcolor=look.ink)
        axes.spines[:].set_visible(False)
        axes.set(xlabel="answer", ylabel="truth")
        right = np.trace(counts) / max(counts.sum(), 1)
        axes.set_title(f"{right:.0%} of {int(counts.sum()):,} answers are right")
        if n <= _NUMBERED:
            for (row, column), count in np.ndenumerate(counts):
                share = shares[row, column]
                axes.text(
                    column,
                    row,
                    f"{count:g}\n{share:.0%}" if n <= 8 else f"{count:g}",
                    ha="center",
                    va="center",
                    fontsize=10 if n <= 8 else 8,
                    color=look.text_on(colors(share)),
                )
        bar = figure.colorbar(image, ax=axes, shrink=0.6, ticks=(0, 0.5, 1), format="{x:.0%}")
        bar.set_label("share of the class")
        bar.outline.set_visible(False)
    return figure


def _counted(source: Any, classes: Sequence[Any] | None) -> tuple[NDArray[np.float64], list[str]]:
    """Return the counts, shape (k, k), and the names as they are drawn."""
    found = source.confusion() if hasattr(source, "confusion") else source
    if classes is None:
        classes = getattr(source, "classes", None)
    counts = np.asarray(found, dtype=np.float64)
    n = len(counts) if counts.ndim else 0
    if counts.shape != (n, n) or not n or not np.isfinite(counts).all() or (counts < 0).any():
        raise ValueError(f"a confusion matrix is a square of counts, not {counts.shape}")
    if n > _MOST:
        raise ValueError(f"{n} classes are too many to draw: {_MOST} at most")
    names = [label(name, 18) for name in (range(n) if classes is None else classes)]
    if len(names) != n:
        raise ValueError(f"{n} classes want {n} names, not {len(names)}")
    return counts, names
