"""How a network learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chordmer.plot.theme import drawing, label, new_figure, theme_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_training"]

_LOSSES = {"train_loss": ("training", "--"), "valid_loss": ("held out", "-")}


def plot_training(source: Any, *, theme: str = "light") -> Figure:
    """Draw the loss of every epoch, in training and on the songs held out; the best is marked.

    Parameters
    ----------
    source : estimator, list of dict, or mapping of str to either
        A fitted network, or its ``history_``: ``epoch``, ``train_loss`` and, where songs were held
        out, ``valid_loss``. Up to six of them by name are drawn together.
    theme : {"light", "dark"}, default "light"

    Returns
    -------
    matplotlib.figure.Figure
        8 by 4.8 inches.

    Raises
    ------
    ValueError
        If there is no epoch to draw, or there are too many networks.

    Examples
    --------
    >>> history = [{"epoch": k, "train_loss": 1 / k, "valid_loss": 0.5} for k in (1, 2, 3)]
    >>> len(plot_training(history).axes[0].lines)
    2
    """
    from matplotlib.ticker import MaxNLocator

    look = theme_of(theme)
    series = _histories(source)
    if not series or not all(series.values()):
        raise ValueError("there is no epoch to draw: was the model fitted, and is it a network?")
    if len(series) > len(look.series):
        raise ValueError(f"{len(series)} networks are too many: {len(look.series)} at most")
    with drawing(look):
        figure = new_figure(8, 4.8)
        axes = figure.add_subplot()
        for (name, rows), color in zip(series.items(), look.series):
            for key, (words, dashes) in _LOSSES.items():
                known = [row for row in rows if key in row]
                epochs = [row["epoch"] for row in known]
                losses = np.array([row[key] for row in known], dtype=np.float64)
                if not len(known):
                    continue
                told = f"{label(name, 24)}, {words}" if name else words
                dot = "o" if len(known) == 1 else None
                axes.plot(
                    epochs,
                    losses,
                    linestyle=dashes,
                    marker=dot,
                    color=color,
                    linewidth=1.8,
                    label=told,
                )
                if key == "valid_loss" and np.isfinite(losses).any():
                    best = int(np.nanargmin(np.where(np.isfinite(losses), losses, np.nan)))
                    axes.scatter(epochs[best], losses[best], s=46, color=color, zorder=3)
        axes.set(xlabel="epoch", ylabel="loss")
        axes.set_title("Loss by epoch; the dot is the best held out")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.margins(x=0.02)
        axes.grid(axis="y", color=look.line, linewidth=0.5, alpha=0.6)
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def _histories(source: Any) -> dict[str, Sequence[Mapping[str, Any]]]:
    if isinstance(source, Mapping):
        return {str(name): _histories(value)[""] for name, value in source.items()}
    head = getattr(source, "head_", source)
    rows = getattr(head, "history_", head)
    if not isinstance(rows, Sequence) or not all(
        isinstance(row, Mapping) and "epoch" in row for row in rows
    ):
        raise ValueError(f"{type(head).__name__} has no history of epochs")
    return {"": rows}
