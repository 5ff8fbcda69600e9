"""The picture of an answer: the plane with the piece's path through it, and its timeline."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePath
from textwrap import wrap
from typing import TYPE_CHECKING

import numpy as np

from chordmer.emotion import QUADRANTS, Emotion
from chordmer.io import read_symbolic
from chordmer.plot.plane import draw_plane
from chordmer.plot.theme import Theme, drawing, label, theme_of
from chordmer.plot.timeline import (
    clock,
    draw_chords,
    draw_notes,
    draw_probabilities,
    draw_sound,
    draw_values,
    envelope,
    time_ticks,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_emotion"]

#: Inches.
_WIDTH, _HEIGHT = 12.0, 7.2
_TOP, _BOTTOM = 6.1, 1.1
_LEFT, _RIGHT = 5.85, 11.75
_GAP = 0.34
_STRIP = 0.1

#: A lane of the timeline: its title, its share of the height, and what draws it.
_Lane = tuple[str, float, Callable[["Axes"], None]]


def plot_emotion(emotion: Emotion, *, theme: str = "light") -> Figure:
    """Draw an emotion: at the left the valence-arousal plane, at the right the course over time.

    Parameters
    ----------
    emotion : Emotion
        Its `piece` gives the timeline a piano roll and chord names where it has notes, else a
        waveform where it has sound.
    theme : {"light", "dark"}, default "light"

    Returns
    -------
    matplotlib.figure.Figure
        12 by 7.2 inches, bound to no window. `chordmer.plot.save_figure` writes it.

    Raises
    ------
    ValueError
        If there is no such theme.
    ChordmerError
        If the piece cannot be read again.

    Notes
    -----
    Doubt is shown in three ways: quadrants are tinted by their probability, dots of windows are
    small where no quadrant stands out, and the bars of the whole piece hold the middle half of its
    windows. The strip under the timeline has the colours of the dots.
    """
    from chordmer.plot.shown import ShownFigure

    look = theme_of(theme)
    with drawing(look):
        figure = ShownFigure(figsize=(_WIDTH, _HEIGHT))
        _headline(figure, emotion, look)
        plane = _axes(figure, 0.8, _BOTTOM, 4.25, _TOP - _BOTTOM + 0.1)
        draw_plane(plane, emotion, look)
        plane.legend(
            loc="upper center",
            bbox_to_anchor=(0.5, -0.095),
            labelspacing=0.3,
        )
        duration, lanes = _lanes(emotion, look)
        _timeline(figure, emotion, duration, lanes, look)
    return figure


def _axes(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Return axes at a place in inches."""
    return figure.add_axes((left / _WIDTH, bottom / _HEIGHT, width / _WIDTH, height / _HEIGHT))


def _headline(figure: Figure, emotion: Emotion, theme: Theme) -> None:
    name = label(PurePath(emotion.source).name or emotion.source, 60)
    said = (
        f"{emotion.quadrant} {QUADRANTS[emotion.quadrant]}: {100 * emotion.probability:.0f} %, "
        f"valence {emotion.valence:+.2f}, arousal {emotion.arousal:+.2f}"
    ).replace("-", "\N{MINUS SIGN}")
    heard = f"heard from {', '.join(emotion.modalities)} by {label(emotion.model, 60)}"
    at = 0.4 / _WIDTH
    figure.text(at, 1 - 0.42 / _HEIGHT, name, fontsize=16, fontweight="bold")
    figure.text(at, 1 - 0.72 / _HEIGHT, said, fontsize=11.5)
    figure.text(
        _RIGHT / _WIDTH, 1 - 0.72 / _HEIGHT, heard, fontsize=9, ha="right", color=theme.muted
    )
    doubts = wrap(" \N{BULLET} ".join(label(text, 200) for text in emotion.warnings), 96)
    if len(doubts) > 3:
        doubts = [*doubts[:2], f"{doubts[2]} \N{HORIZONTAL ELLIPSIS}"]
    figure.text(
        _LEFT / _WIDTH, 0.42 / _HEIGHT, "\n".join(doubts), fontsize=8, color=theme.muted, va="top"
    )


def _lanes(emotion: Emotion, theme: Theme) -> tuple[float, list[_Lane]]:
    """Return the seconds the timeline covers, and its lanes from above."""
    lanes: list[_Lane] = []
    duration = float(emotion.curve.ends.max()) if len(emotion.curve) else 0.0
    track = emotion.piece
    if track is not None and track.symbolic is not None:
        piece = read_symbolic(track)
        duration = max(duration, piece.duration)
        if len(piece.pitched) and duration:
            lanes.append(("notes", 1.5, lambda a: draw_notes(a, piece, duration, theme)))
            lanes.append(("chords", 0.26, lambda a: draw_chords(a, piece, duration, theme)))
    elif track is not None and track.audio is not None:
        low, high, seconds = envelope(track)
        duration = max(duration, seconds)
        lanes.append(("sound", 1.3, lambda a: draw_sound(a, low, high, seconds, theme)))
    curve = emotion.curve
    if len(curve):
        lanes.append(
            ("probability of each quadrant", 1.3, lambda a: draw_probabilities(a, curve, theme))
        )
        lanes.append(("valence and arousal", 0.9, lambda a: draw_values(a, curve, theme)))
    return duration, lanes


def _timeline(
    figure: Figure, emotion: Emotion, duration: float, lanes: list[_Lane], theme: Theme
) -> None:
    if not lanes:
        return
    ticks = time_ticks(duration)
    room = _TOP - _BOTTOM - _STRIP - 0.06 - _GAP * (len(lanes) - 1)
    scale = room / sum(height for _, height, _ in lanes)
    top = _TOP
    for title, height, draw in lanes:
        axes = _axes(figure, _LEFT, top - height * scale, _RIGHT - _LEFT, height * scale)
        axes.set_xlim(0, duration)
        draw(axes)
        axes.set(xlim=(0, duration), xticks=ticks)
        axes.tick_params(axis="x", length=0, labelbottom=False)
        axes.set_title(title, fontsize=9, color=theme.muted, pad=4)
        top -= height * scale + _GAP
    handles, names = axes.get_legend_handles_labels()
    if handles:
        axes.legend(
            handles,
            names,
            loc="lower right",
            bbox_to_anchor=(1.01, 0.95),
            ncols=2,
            handlelength=2.4,
            borderaxespad=0.2,
        )
    strip = _axes(figure, _LEFT, _BOTTOM, _RIGHT - _LEFT, _STRIP)
    _draw_strip(strip, emotion, theme)
    strip.set(xlim=(0, duration), yticks=())
    strip.set_xticks(ticks, [clock(t) for t in ticks])
    strip.set_xlabel("time (h:mm:ss)" if duration >= 3600 else "time (m:ss)")


def _draw_strip(axes: Axes, emotion: Emotion, theme: Theme) -> None:
    curve = emotion.curve
    axes.spines[:].set_visible(False)
    if len(curve) > 1:
        axes.imshow(
            np.linspace(0, 1, 256)[None, :],
            cmap=theme.colormap(),
            aspect="auto",
            extent=(float(curve.times[0]), float(curve.ends[-1]), 0, 1),
        )
