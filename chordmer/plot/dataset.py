"""What a corpus holds: how many of each class, where they lie on the plane, how long they are."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chordmer.emotion import QUADRANTS
from chordmer.errors import ChordmerError
from chordmer.io import read_symbolic, stream_audio
from chordmer.plot.theme import Theme, drawing, label, new_figure, theme_of
from chordmer.plot.timeline import clock, time_ticks
from chordmer.track import Track

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from chordmer.datasets import Dataset

__all__ = ["plot_dataset", "seconds_of"]

#: Tracks whose length is looked up when nobody tells it.
_LOOKED_UP = 200
#: Classes with a bar of their own.
_BARS = 12


def seconds_of(track: Track) -> float:
    """Return how long a track is: its notes, else its sound; NaN where neither can be read."""
    try:
        if track.symbolic is not None:
            return read_symbolic(track).duration
        if track.audio is not None:
            blocks, rate = stream_audio(track, sr=None)
            return sum(map(len, blocks)) / rate
    except ChordmerError:
        pass
    return float("nan")


def plot_dataset(
    dataset: Dataset, *, durations: ArrayLike | None = None, theme: str = "light"
) -> Figure:
    """Draw an overview of a corpus.

    Parameters
    ----------
    dataset : Dataset
    durations : array_like of float, optional
        Seconds of each track, NaN where unknown. By default they are looked up in 200 tracks that
        are spread evenly over the corpus.
    theme : {"light", "dark"}, default "light"

    Returns
    -------
    matplotlib.figure.Figure
        13 by 4.6 inches: the classes (of the labels, or else the quadrants), valence and arousal of
        each track, durations. What the corpus does not tell is said to be unknown.

    Raises
    ------
    ValueError
        If the corpus is empty, or `durations` are not one a track.
    """
    look = theme_of(theme)
    if not len(dataset):
        raise ValueError("the dataset has no tracks to draw")
    if durations is None:
        rows = np.unique(np.linspace(0, len(dataset) - 1, _LOOKED_UP).round().astype(int))
        lengths = np.array([seconds_of(dataset.tracks[row]) for row in rows])
    else:
        lengths = np.asarray(durations, dtype=np.float64)
        if lengths.shape != (len(dataset),):
            raise ValueError(f"durations should be {len(dataset)} numbers, not {lengths.shape}")
    with drawing(look):
        figure = new_figure(13, 4.6)
        figure.suptitle(
            f"{label(dataset.about.title, 80)}: {len(dataset):,} tracks",
            fontsize=14,
            x=0.01,
            ha="left",
        )
        bars, plane, times = figure.subplots(1, 3)
        _draw_classes(bars, dataset, look)
        _draw_plane(plane, dataset, look)
        _draw_durations(times, lengths, look)
    return figure


def _draw_classes(axes: Axes, dataset: Dataset, theme: Theme) -> None:
    from matplotlib.ticker import MaxNLocator

    labels = dataset.quadrants if dataset.labels is None else dataset.labels
    counted = Counter("unknown" if name is None else str(name) for name in labels)
    if set(counted) <= {*QUADRANTS, "unknown"}:
        names = [name for name in (*QUADRANTS, "unknown") if name in counted or name in QUADRANTS]
    else:
        names = [name for name, _ in counted.most_common(_BARS)]
    counts = [counted[name] for name in names]
    colors = [theme.quadrants.get(name, theme.series[0]) for name in names]
    axes.barh(range(len(names)), counts, 0.7, color=colors)
    for place, count in enumerate(counts):
        axes.annotate(
            f"{count:,}",
            (count, place),
            (4, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
        )
    axes.set_yticks(range(len(names)), [label(name, 20) for name in names])
    axes.tick_params(axis="y", length=0, labelcolor=theme.ink)
    axes.invert_yaxis()
    axes.margins(x=0.15)
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    what = "quadrant" if set(names) <= {*QUADRANTS, "unknown"} else "class"
    cut = f", the {len(names)} largest of {len(counted)}" if len(names) < len(counted) else ""
    axes.set_title(f"tracks by {what}{cut}")


def _draw_plane(axes: Axes, dataset: Dataset, theme: Theme) -> None:
    known = np.isfinite(dataset.plane).all(axis=1)
    axes.set(title="valence and arousal", xlabel="valence", ylabel="arousal", aspect="equal")
    axes.set(xlim=(-1.08, 1.08), ylim=(-1.08, 1.08), xticks=(-1, 0, 1), yticks=(-1, 0, 1))
    points, counts = np.unique(dataset.plane[known], axis=0, return_counts=True)
    if not len(points):
        _say(axes, "unknown", theme)
        return
    axes.plot([-1, 1], [0, 0], [0, 0], [-1, 1], color=theme.line, linewidth=0.8, zorder=0)
    quadrants = dataset[known].quadrants
    places = {tuple(place): name for place, name in zip(dataset.plane[known], quadrants)}
    # Tracks at one place are one dot, the larger the more they are.
    areas = np.clip(4000 / len(points), 6, 30) * np.sqrt(counts)
    axes.scatter(
        points[:, 0],
        points[:, 1],
        s=np.minimum(areas, 300),
        clip_on=False,
        c=[theme.quadrants[places[tuple(point)]] for point in points],
        alpha=0.75,
        edgecolors=theme.paper,
        linewidths=0.3,
    )


def _draw_durations(axes: Axes, lengths: NDArray[np.float64], theme: Theme) -> None:
    known = lengths[np.isfinite(lengths) & (lengths >= 0)]
    axes.set(title=f"durations of {len(known):,} tracks", xlabel="time (m:ss)", ylabel="tracks")
    if not len(known):
        axes.set(title="durations", xticks=(), yticks=())
        _say(axes, "unknown", theme)
        return
    longest = max(float(known.max()), 1.0)
    axes.hist(known, bins=30, range=(0, longest), color=theme.series[0])
    axes.axvline(float(np.median(known)), color=theme.series[1], linewidth=1.5)
    axes.set_title(f"durations of {len(known):,} tracks, median {clock(float(np.median(known)))}")
    axes.set_xlim(0, longest)
    ticks = time_ticks(longest)
    ticks = ticks[:: 1 + len(ticks) // 6]
    axes.set_xticks(ticks, [clock(t) for t in ticks])


def _say(axes: Axes, words: str, theme: Theme) -> None:
    axes.text(0.5, 0.55, words, ha="center", transform=axes.transAxes, color=theme.muted)
