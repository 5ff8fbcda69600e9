"""Beats as equal stretches of time, and the pitches that count in each."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from chordmer.errors import ChordmerError
from chordmer.io._compiled import compiled, worth_compiling

__all__ = ["MOST_BEATS", "Beats", "beats_of", "sounding"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: A pitch counts if it sounds for this share of the time of that which sounds longest in the beat.
SHARE = 0.25
#: The most beats of a piece, 3 hours at 180 BPM, and the most that its notes last altogether, so
#: that no file of a few bytes takes all memory or time.
MOST_BEATS, MOST_HELD = 1 << 15, 1 << 21
#: What is shorter than this part of a beat is the rounding of its ends.
_ROUNDING = 1e-9
#: Bytes whose reading takes as long, uncompiled, as to count a note.
_BYTES_A_NOTE = 8


class Beats(NamedTuple):
    """`n` stretches of time of length `width`, the first of which begins at ``before * width``.

    Each is made of `joined` beats.
    """

    before: int
    n: int
    width: float
    joined: int

    @property
    def edges(self) -> Floats:
        """Where they begin, and where the last one ends, shape (n + 1,)."""
        numbers = np.arange(self.before, self.before + self.n + 1, dtype=np.float64)
        return numbers * self.width

    def offsets(self, onset: Floats) -> Ints:
        """Return how many of the ascending onsets lie before each edge, shape (n + 1,)."""
        beat = np.floor(onset / self.width + _ROUNDING) - self.before
        return beat.searchsorted(np.arange(self.n + 1.0))


def beats_of(onset: Floats, end: Floats, beat: float) -> Beats:
    """Return the beats from that of the first onset to that of the last release.

    They begin at multiples of `beat`. Were there too many of them, or were too many notes to be
    looked at in each, they are joined by twos, fours, and so on.
    """
    earliest, latest = float(onset.min()), float(end.max())
    if not math.isfinite(earliest + latest):
        raise ChordmerError("a note's time is not a finite number", stage="beats")
    held = float((end - onset).sum())
    joined = 1
    while True:
        width = joined * beat
        before = math.floor(earliest / width + _ROUNDING)
        n = max(math.ceil(latest / width - _ROUNDING) - before, 1)
        if n <= MOST_BEATS and held <= MOST_HELD * width:
            return Beats(before, n, width, joined)
        joined *= 2


def sounding(onset: Floats, end: Floats, pitch: Ints, beats: Beats) -> tuple[Ints, Ints, Ints]:
    """Return the pitches that count in each beat.

    Returns
    -------
    chords : ndarray of int64, shape (n,)
        Mask of the pitch classes + 4096 * pitch class of the lowest pitch; 0 for silence.
    pitches : ndarray of int64
        Those of the first beat, from low to high, then those of the second one, and so on.
    offsets : ndarray of int64, shape (n + 1,)
        Those of beat i are ``pitches[offsets[i]:offsets[i + 1]]``.
    """
    lowest = int(pitch.min())
    n_pitches = int(pitch.max()) + 1 - lowest
    numbers = (beats.before, beats.n, beats.width, lowest, n_pitches)
    arrays = (
        *(onset, end, pitch),
        np.zeros(beats.n * n_pitches),
        np.zeros(beats.n),
        np.zeros(beats.n, np.int64),
        np.empty(beats.n * n_pitches, np.int64),
        np.zeros(beats.n + 1, np.int64),
    )
    if worth_compiling(_BYTES_A_NOTE * len(pitch)):
        found = compiled(_count)(*numbers, *arrays)
        *_, chords, pitches, offsets = arrays
    else:
        lists = [array.tolist() for array in arrays]
        found = _count(*numbers, *lists)
        chords, pitches, offsets = (np.array(values, np.int64) for values in lists[-3:])
    return chords, pitches[:found], offsets


def _count(
    before: int,
    n_beats: int,
    width: float,
    lowest: int,
    n_pitches: int,
    onset: Any,
    end: Any,
    pitch: Any,
    times: Any,
    longest: Any,
    chords: Any,
    pitches: Any,
    offsets: Any,
) -> int:
    """Fill `chords`, `pitches`, `offsets`; plain loops over arrays for numba, or over lists."""
    for i in range(len(pitch)):
        first = math.floor(onset[i] / width + _ROUNDING) - before
        last = min(max(math.ceil(end[i] / width - _ROUNDING) - 1 - before, first), n_beats - 1)
        start = onset[i]
        for beat in range(first, last + 1):
            stop = min(end[i], (before + beat + 1) * width)
            cell = beat * n_pitches + pitch[i] - lowest
            times[cell] += stop - start
            longest[beat] = max(longest[beat], times[cell])
            start = stop
    found = 0
    for beat in range(n_beats):
        row = beat * n_pitches
        enough = max(SHARE * longest[beat], _ROUNDING * width)
        for column in range(n_pitches):
            if times[row + column] >= enough:
                pitch_class = (lowest + column) % 12
                if not chords[beat]:
                    chords[beat] = 4096 * pitch_class
                chords[beat] |= 1 << pitch_class
                pitches[found] = lowest + column
                found += 1
        offsets[beat + 1] = found
    return found
