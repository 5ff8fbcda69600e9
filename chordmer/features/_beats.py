"""Beats as equal stretches of time: which pitches sound in each, and which of them count."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["MOST_BEATS", "Beats", "beats_of", "counting"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: A pitch counts if it sounds for this share of the time of that which sounds longest in the beat.
SHARE = 0.25
#: The most that a piece is cut into, 6 hours at 180 BPM: no file of a few bytes fills the memory.
MOST_BEATS = 1 << 16
#: What is shorter than this part of a beat is the rounding of its ends.
_ROUNDING = 1e-9
_CHUNK = 1 << 12


class Beats(NamedTuple):
    """Successive stretches of time, the first of which begins at ``first * width``."""

    first: int
    n: int
    width: float

    @property
    def edges(self) -> Floats:
        """Where they begin, and where the last one ends, shape (n + 1,)."""
        return self.width * np.arange(self.first, self.first + self.n + 1, dtype=np.float64)

    def number(self, times: Floats) -> Ints:
        """Return in which beat each time is, the first being 0."""
        return np.floor(times / self.width + _ROUNDING).astype(np.int64) - self.first


def beats_of(onset: Floats, end: Floats, width: float) -> Beats:
    """Return the beats of `width` in which notes sound, from the first to the last.

    Were there more than `MOST_BEATS`, the width is doubled until there are not.
    """
    while True:
        first = int(np.floor(onset[0] / width + _ROUNDING))
        beyond = int(np.ceil(end.max() / width - _ROUNDING))
        if beyond - first <= MOST_BEATS:
            return Beats(first, max(beyond - first, 1), width)
        width *= 2.0


def counting(onset: Floats, end: Floats, pitch: Ints, beats: Beats) -> Iterator[NDArray[np.bool_]]:
    """Yield which pitches count in each beat, some thousand beats at a time.

    Parameters
    ----------
    onset, end, pitch : ndarray, shape (n,)
        Of the notes; times as `beats` has them.

    Yields
    ------
    ndarray of bool, shape (rows, 12 k)
        A row a beat, a column a pitch, from the C at or below the lowest note upwards.
    """
    width = beats.width
    lowest = int(pitch.min()) // 12 * 12
    n_pitches = (int(pitch.max()) // 12 + 1) * 12 - lowest
    starts, stops = beats.number(onset), beats.number(end)
    # A note adds what is left of the beat it starts in, and all of each beat after; in the beat it
    # stops in, it gives back what it does not need.
    beat = np.concatenate((starts, stops))
    column = np.concatenate((pitch, pitch)) - lowest
    part = np.concatenate((onset, end))
    part = (beat + (beats.first + 1)) * width - part
    part[len(pitch) :] *= -1.0
    change = np.repeat((1.0, -1.0), len(pitch))
    held = np.zeros(n_pitches)
    for at in range(0, beats.n, _CHUNK):
        rows = min(_CHUNK, beats.n - at)
        here = slice(None) if rows == beats.n else (beat >= at) & (beat < at + rows)
        cell = (beat[here] - at) * n_pitches + column[here]
        size = (rows + 1) * n_pitches
        sound = np.bincount(cell, part[here], size).reshape(-1, n_pitches)[:rows]
        step = np.bincount(cell, change[here], size).reshape(-1, n_pitches)[:rows]
        after = held + step.cumsum(axis=0)
        sound = sound + width * (after - step)
        held = after[-1]
        longest = sound.max(axis=1, keepdims=True)
        yield sound >= np.maximum(SHARE * longest, _ROUNDING * width)
