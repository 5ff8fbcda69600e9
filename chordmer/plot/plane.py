"""The valence-arousal plane: where a piece lies, the way it takes, and how sure that is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from chordmer.emotion import QUADRANTS, Curve, Emotion
from chordmer.plot.theme import Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_plane", "draw_quadrants"]

_CORNERS = {"Q1": (1, 1), "Q2": (-1, 1), "Q3": (-1, -1), "Q4": (1, -1)}
#: A dot's area in square points, of a short piece and at least.
_DOT, _SMALLEST = 46.0, 5.0
#: More dots than this make each other smaller.
_ROOMY = 30
#: Fewer windows have no middle half.
_FEW = 4


def draw_quadrants(axes: Axes, theme: Theme, shares: dict[str, float]) -> None:
    """Draw the empty plane, each quadrant named and tinted by its share, in [0, 1]."""
    from matplotlib.patches import Rectangle

    for name, (x, y) in _CORNERS.items():
        color = theme.quadrants[name]
        tint = 0.08 + 0.42 * shares[name]
        axes.fill_between([0, x], 0, y, color=color, alpha=tint, linewidth=0, zorder=0)
        # A square of the full colour is the key to the timeline's bands.
        left = -1.0 if x < 0 else 0.04
        axes.add_patch(Rectangle((left, y * 1.115 - 0.03), 0.06, 0.06, color=color, clip_on=False))
        axes.text(
            left + 0.1,
            y * 1.115,
            f"{name} {QUADRANTS[name]}  {100 * shares[name]:.0f} %",
            va="center_baseline",
            fontweight="bold" if shares[name] == max(shares.values()) else "normal",
        )
    axes.plot([-1, 1], [0, 0], [0, 0], [-1, 1], color=theme.muted, linewidth=0.8, zorder=1)
    # Room above and below for the quadrants' names, where no path can cross them.
    axes.set(xlim=(-1.04, 1.04), ylim=(-1.2, 1.2), aspect="equal")
    axes.set(xticks=(-1, -0.5, 0, 0.5, 1), yticks=(-1, -0.5, 0, 0.5, 1))
    axes.spines[:].set_visible(False)
    axes.set(xlabel="valence: unpleasant to pleasant", ylabel="arousal: calm to excited")


def draw_plane(axes: Axes, emotion: Emotion, theme: Theme) -> None:
    """Draw the plane, the path of an emotion's course through it, and the piece as a whole.

    What is doubtful looks so. A quadrant is tinted by its probability. A window's dot is small
    where no quadrant stands out. The bars of the whole piece hold the middle half of its windows.
    """
    draw_quadrants(axes, theme, dict(emotion.probabilities))
    curve = emotion.curve
    if len(curve) > 1:
        axes.plot(
            curve.valence, curve.arousal, color=theme.muted, linewidth=1, alpha=0.55, zorder=2
        )
        axes.scatter(
            curve.valence,
            curve.arousal,
            c=np.linspace(0, 1, len(curve)),
            cmap=theme.colormap(),
            s=_areas(curve),
            zorder=3,
            edgecolors=theme.ink,
            linewidths=0.4 * min(1.0, 4 * _ROOMY / len(curve)),
            label="a window, in the colour of its time: the larger, the surer",
        )
    if len(curve) >= _FEW:
        low, high = np.percentile([curve.valence, curve.arousal], (25, 75), axis=1)
        for width, color in ((4.0, theme.paper), (2.0, theme.ink)):
            style: Any = {"color": color, "linewidth": width, "zorder": 4, "solid_capstyle": "butt"}
            axes.plot([low[0], high[0]], [emotion.arousal] * 2, **style)
            axes.plot([emotion.valence] * 2, [low[1], high[1]], **style)
        axes.lines[-1].set_label("the middle half of the windows")
    axes.scatter(
        [emotion.valence],
        [emotion.arousal],
        marker="*",
        s=330,
        zorder=5,
        color=theme.quadrants[emotion.quadrant],
        edgecolors=theme.ink,
        linewidths=1.3,
        label="the whole piece",
    )


def _areas(curve: Curve) -> NDArray[np.float64]:
    """Return the area of each window's dot: that of a coin toss is a fifth of that of certainty."""
    chance = 1 / len(QUADRANTS)
    sure = (curve.probabilities.max(axis=1) - chance) / (1 - chance)
    largest = max(_DOT * min(1.0, _ROOMY / len(curve)), _SMALLEST)
    areas: NDArray[np.float64] = largest * (0.2 + 0.8 * sure)
    return areas
