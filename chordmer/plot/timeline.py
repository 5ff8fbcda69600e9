"""The timeline's lanes: the notes or the sound, chord names, probabilities, valence and arousal."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from chordmer.emotion import QUADRANTS, Curve
from chordmer.features.chords import segment_chords
from chordmer.io import stream_audio
from chordmer.notes import Symbolic
from chordmer.plot.theme import Theme
from chordmer.track import Track

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "clock",
    "draw_chords",
    "draw_notes",
    "draw_probabilities",
    "draw_sound",
    "draw_values",
    "envelope",
    "time_ticks",
]

Floats = NDArray[np.float64]

#: Columns of a piano roll: as many as the picture has dots there.
_COLUMNS = 885
#: Seconds between ticks.
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)
#: Samples that one point of a waveform stands for before it is thinned out.
_BLOCK = 256
#: A chord's name is no longer; lists of notes that have no name are left out.
_LONGEST_NAME = 10
#: A band is named where it is this high over this share of the time.
_TALL, _LABEL = 0.16, 0.05
#: Lines through more windows than this are thinner.
_MANY = 150


def clock(seconds: float) -> str:
    """Return a time as minutes and seconds, with hours where there are.

    >>> clock(75.0), clock(3675.0)
    ('1:15', '1:01:15')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def time_ticks(duration: float) -> list[float]:
    """Return the times, in seconds, that an axis of so many seconds names: nine at most."""
    step = next((step for step in _STEPS if duration / step <= 8), 14400)
    return [float(t) for t in np.arange(0, duration * (1 + 1e-9), step)]


def draw_notes(axes: Axes, piece: Symbolic, duration: float, theme: Theme) -> None:
    """Draw the pitched notes as a piano roll; a picture of fixed size, however many there are."""
    from matplotlib.colors import ListedColormap

    notes = piece.pitched
    pitch = notes["pitch"].astype(np.intp)
    low, high = int(pitch.min()) - 2, int(pitch.max()) + 2
    low, high = min(low, (low + high) // 2 - 8), max(high, (low + high) // 2 + 8)
    first = (notes["onset_sec"] / duration * _COLUMNS).astype(np.intp)
    last = ((notes["onset_sec"] + notes["duration_sec"]) / duration * _COLUMNS).astype(np.intp)
    first = np.minimum(first, _COLUMNS - 1)
    # A column is left free behind a note that has several, so that repeated notes stay apart.
    last = np.clip(np.where(last - first > 2, last - 1, last), first + 1, _COLUMNS)
    sounds = np.zeros((high - low + 1, _COLUMNS + 1), dtype=np.int32)
    np.add.at(sounds, (pitch - low, first), 1)
    np.add.at(sounds, (pitch - low, last), -1)
    heard = np.cumsum(sounds, axis=1)[:, :-1] > 0
    axes.imshow(
        heard,
        cmap=ListedColormap([theme.paper, theme.series[0]]),
        vmin=0,
        vmax=1,
        aspect="auto",
        origin="lower",
        interpolation="nearest",
        extent=(0, duration, low - 0.5, high + 0.5),
    )
    octaves = [c for c in range(0, 128, 12) if low <= c <= high]
    while len(octaves) > 4:
        octaves = octaves[::2]
    axes.set_yticks(octaves, [f"C{c // 12 - 1}" for c in octaves])


def envelope(track: Track) -> tuple[Floats, Floats, float]:
    """Return the lowest and the highest sample of each stretch of a track's sound, and its seconds.

    Both have 1,770 values at most. The sound is read by blocks and never held as a whole.
    """
    blocks, rate = stream_audio(track, sr=None)
    lows, highs, count = [], [], 0
    for block in blocks:
        count += len(block)
        starts = np.arange(0, len(block), _BLOCK)
        if len(starts):
            lows.append(np.minimum.reduceat(block, starts))
            highs.append(np.maximum.reduceat(block, starts))
    low, high = (np.concatenate(parts).astype(np.float64) for parts in (lows, highs))
    step = max(1, -(-len(low) // (2 * _COLUMNS)))
    starts = np.arange(0, len(low), step)
    return np.minimum.reduceat(low, starts), np.maximum.reduceat(high, starts), count / rate


def draw_sound(axes: Axes, low: Floats, high: Floats, duration: float, theme: Theme) -> None:
    """Draw a waveform from its lowest and highest samples, as large as its loudest allows."""
    times = np.linspace(0, duration, len(low))
    loudest = max(float(np.abs([low, high]).max()), 1e-9)
    axes.fill_between(times, low / loudest, high / loudest, color=theme.series[0], linewidth=0.3)
    axes.set(ylim=(-1.05, 1.05), yticks=())


def draw_chords(axes: Axes, piece: Symbolic, duration: float, theme: Theme) -> None:
    """Write the names of chords where they begin, the longest first, where there is room.

    Chords are those of each beat (`chordmer.segment_chords`), without the bass, in Harte syntax; a
    chord that lasts several beats is named once.
    """
    axes.set(yticks=(), ylim=(0, 1), xlim=(0, duration))
    axes.spines["bottom"].set_visible(False)
    axes.spines["left"].set_visible(False)
    taken: list[tuple[float, float]] = []
    widths: dict[str, float] = {}
    for start, _, name in sorted(_runs(piece), key=lambda run: run[0] - run[1]):
        if name not in widths:
            widths[name] = _width(axes, name)
        end = start + widths[name]
        if end <= duration and all(end <= s or start >= e for s, e in taken):
            taken.append((start, end))
            axes.text(start, 0.45, name, fontsize=8, va="center", color=theme.ink)
            axes.plot([start, start], [0.86, 1], color=theme.muted, linewidth=0.8)
    if not taken:
        axes.text(0, 0.45, "none that has a name", fontsize=8, va="center", color=theme.muted)


def _runs(piece: Symbolic) -> Iterator[tuple[float, float, str]]:
    """Yield start, end and name of each stretch of beats with one chord; a note alone is none."""
    chords = segment_chords(piece, method="beat", spelling="pitch_class")
    spans = zip(chords.tokens, chords.onset_sec.tolist(), chords.end_sec.tolist())
    for name, group in groupby(spans, key=lambda span: span[0]):
        if ":" in name and not name.endswith(":1") and len(name) <= _LONGEST_NAME:
            beats = list(group)
            yield beats[0][1], beats[-1][2], name


def _width(axes: Axes, name: str) -> float:
    """Return the seconds that a chord's name takes, with a gap behind it."""
    text = axes.text(0, 0.45, name, fontsize=8)
    box = text.get_window_extent()
    text.remove()
    (left, _), (right, _) = axes.transData.inverted().transform([(0, 0), (box.width + 8, 0)])
    return float(right - left)


def draw_probabilities(axes: Axes, curve: Curve, theme: Theme) -> None:
    """Draw the quadrants' probabilities as bands that fill the lane; wide bands bear their name."""
    colors = [theme.quadrants[name] for name in QUADRANTS]
    thin = min(1.0, _MANY / len(curve))
    for times, rows in _stretches(curve, curve.probabilities):
        axes.stackplot(times, rows.T, colors=colors, edgecolor=theme.paper, linewidth=0.6 * thin)
    for name, (time, height) in _band_labels(curve).items():
        axes.text(
            time,
            height,
            name,
            ha="center",
            va="center",
            fontsize=9,
            fontweight="bold",
            color=theme.text_on(theme.quadrants[name]),
        )
    axes.set(ylim=(0, 1), yticks=(0, 0.5, 1))


def _band_labels(curve: Curve) -> dict[str, tuple[float, float]]:
    """Return time and height of the roomiest place in each band that has room for its name."""
    middles = (curve.times + curve.ends) / 2
    half = _LABEL / 2 * (curve.ends[-1] - curve.times[0])
    near = np.abs(middles[:, None] - middles) <= half + np.max(np.diff(middles), initial=0.0)
    inside = (middles >= curve.times[0] + half) & (middles <= curve.ends[-1] - half)
    tops = np.cumsum(curve.probabilities, axis=1)
    places = {}
    for i, name in enumerate(QUADRANTS):
        low = np.where(near, tops[:, i] - curve.probabilities[:, i], 0).max(axis=1)
        high = np.where(near, tops[:, i], 1).min(axis=1)
        room = np.where(inside, high - low, 0)
        at = int(room.argmax())
        if room[at] >= _TALL:
            places[name] = float(middles[at]), float(low[at] + high[at]) / 2
    return places


def draw_values(axes: Axes, curve: Curve, theme: Theme) -> None:
    """Draw valence and arousal over time."""
    axes.axhline(0, color=theme.line, linewidth=0.8)
    width = 1.8 * max(min(1.0, _MANY / len(curve)), 0.4)
    for name, values, color, dashes in (
        ("valence", curve.valence, theme.series[3], "-"),
        ("arousal", curve.arousal, theme.ink, (0, (3, 1.5))),
    ):
        told = name
        for times, row in _stretches(curve, values):
            axes.plot(times, row, color=color, linewidth=width, linestyle=dashes, label=told)
            told = "_a stretch more"
    axes.set(ylim=(-1.08, 1.08), yticks=(-1, 0, 1))


def _stretches(curve: Curve, values: Floats) -> Iterator[tuple[Floats, Floats]]:
    """Yield times and values of each stretch without a gap.

    A window's answer stands in its middle, and the outer ones reach to the ends.
    """
    breaks = np.flatnonzero(curve.times[1:] > curve.ends[:-1] + 1e-9) + 1
    for rows in np.split(np.arange(len(curve)), breaks):
        middles = (curve.times[rows] + curve.ends[rows]) / 2
        times = np.r_[curve.times[rows[0]], middles, curve.ends[rows[-1]]]
        yield times, np.concatenate([values[rows[:1]], values[rows], values[rows[-1:]]])
