"""Pictures of an answer: the plane with the piece's path through it, and its timeline."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from chordmer.emotion import QUADRANTS, Emotion
from chordmer.errors import ChordmerError, printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_emotion", "save_plot"]

#: Okabe and Ito's palette, told apart with every kind of colour vision.
QUADRANT_COLORS = {"Q1": "#E69F00", "Q2": "#D55E00", "Q3": "#0072B2", "Q4": "#009E73"}
_CORNERS = {"Q1": (1, 1), "Q2": (-1, 1), "Q3": (-1, -1), "Q4": (1, -1)}
_INK = "#222222"


def plot_emotion(emotion: Emotion) -> Figure:
    """Draw an emotion: at the left the valence-arousal plane, at the right the course over time.

    Parameters
    ----------
    emotion : Emotion

    Returns
    -------
    matplotlib.figure.Figure
        12 by 5.4 inches, bound to no window; ``figure.savefig("emotion.png")`` writes it.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 5.4), layout="constrained")
    grid = figure.add_gridspec(2, 2, width_ratios=(1, 1.25))
    _plane(figure.add_subplot(grid[:, 0]), emotion)
    above = figure.add_subplot(grid[0, 1])
    _probabilities(above, emotion)
    _lines(figure.add_subplot(grid[1, 1], sharex=above), emotion)
    title = (
        f"{_literal(printable(emotion.source, 60))}:  {emotion.quadrant} "
        f"{QUADRANTS[emotion.quadrant]}, {100 * emotion.probability:.0f} %"
    )
    figure.suptitle(title, fontsize=14, color=_INK)
    return figure


def save_plot(emotion: Emotion, path: str | Path) -> None:
    """Write the picture of `emotion` to `path`; its ending (.png, .svg, .pdf) says the format.

    Raises
    ------
    ChordmerError
        If the file cannot be written, or the ending names no picture format.
    """
    figure = plot_emotion(emotion)
    formats = figure.canvas.get_supported_filetypes()
    ending = Path(path).suffix.lower().lstrip(".")
    if ending not in formats:
        raise ChordmerError(
            "no picture format has this ending; .png, .svg and .pdf do",
            source=path,
            stage="plot",
            value=ending,
        )
    try:
        with warnings.catch_warnings():
            # A name in a script that no font here has is drawn as boxes.
            warnings.filterwarnings("ignore", "Glyph .* missing from font")
            figure.savefig(path, dpi=150)
    except OSError as error:
        raise ChordmerError(
            "the picture cannot be written", source=path, stage="plot", value=error.strerror
        ) from error


def _plane(axes: Axes, emotion: Emotion) -> None:
    for name, (x, y) in _CORNERS.items():
        axes.fill_between([0, x], 0, y, color=QUADRANT_COLORS[name], alpha=0.13, linewidth=0)
        axes.text(
            x,
            1.05 * y,
            f"{name}  {100 * emotion.probabilities[name]:.0f} %\n{QUADRANTS[name]}",
            ha="right" if x > 0 else "left",
            va="bottom" if y > 0 else "top",
            color=_INK,
            fontsize=11,
            fontweight="bold" if name == emotion.quadrant else "normal",
        )
    curve = emotion.curve
    if len(curve) > 1:
        axes.plot(curve.valence, curve.arousal, color="#555555", linewidth=1, alpha=0.7, zorder=2)
    if len(curve):
        dots = axes.scatter(
            curve.valence,
            curve.arousal,
            c=(curve.times + curve.ends) / 2,
            cmap="viridis",
            s=34,
            zorder=3,
            edgecolors="white",
            linewidths=0.5,
        )
        axes.figure.colorbar(dots, ax=axes, label="time (s)", shrink=0.6, pad=0.02)
    axes.scatter(
        [emotion.valence],
        [emotion.arousal],
        marker="*",
        s=420,
        zorder=4,
        color="white",
        edgecolors=_INK,
        linewidths=1.5,
        label="whole piece",
    )
    axes.plot([-1, 1], [0, 0], color=_INK, linewidth=0.8)
    axes.plot([0, 0], [-1, 1], color=_INK, linewidth=0.8)
    # Room above and below the plane for the quadrants' names, where no path can cross them.
    axes.set(xlim=(-1.04, 1.04), ylim=(-1.3, 1.3), aspect="equal")
    axes.set(xticks=(-1, -0.5, 0, 0.5, 1), yticks=(-1, -0.5, 0, 0.5, 1))
    axes.spines[:].set_visible(False)
    axes.set_xlabel("valence: unpleasant to pleasant")
    axes.set_ylabel("arousal: calm to excited")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 0.985), frameon=False)


def _steps(emotion: Emotion) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the middle of each window: where its answer is drawn."""
    return (emotion.curve.times + emotion.curve.ends) / 2


def _probabilities(axes: Axes, emotion: Emotion) -> None:
    curve = emotion.curve
    if len(curve):
        axes.stackplot(
            _steps(emotion),
            curve.probabilities.T,
            labels=[f"{name} {words}" for name, words in QUADRANTS.items()],
            colors=[QUADRANT_COLORS[name] for name in QUADRANTS],
            alpha=0.85,
        )
        axes.legend(
            loc="lower center",
            bbox_to_anchor=(0.5, 1.0),
            ncols=4,
            frameon=False,
            fontsize=9,
            handlelength=1,
            columnspacing=1,
        )
    axes.set(ylim=(0, 1), ylabel="probability")
    axes.tick_params(labelbottom=False)
    axes.margins(x=0)


def _lines(axes: Axes, emotion: Emotion) -> None:
    curve = emotion.curve
    axes.axhline(0, color=_INK, linewidth=0.8)
    axes.plot(_steps(emotion), curve.valence, color="#CC79A7", linewidth=2, label="valence")
    axes.plot(
        _steps(emotion), curve.arousal, color=_INK, linewidth=2, linestyle="--", label="arousal"
    )
    axes.set(ylim=(-1, 1), ylabel="valence, arousal", xlabel="time (s)")
    axes.legend(loc="lower right", bbox_to_anchor=(1, 0.98), frameon=False, ncols=2, fontsize=9)
    axes.margins(x=0)


def _literal(text: str) -> str:
    """Return `text` with the dollar signs that would start a formula made plain."""
    return text.replace("$", r"\$")
