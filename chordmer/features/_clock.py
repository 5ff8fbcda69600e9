"""Where notes stand among the beats: those of the file, of a fixed tempo, or heard."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from chordmer.features.tempo import TempoEstimate, estimate_tempo
from chordmer.notes import Symbolic, TempoMap

__all__ = ["Clock", "clock_of"]

Floats = NDArray[np.float64]

#: Of a beat that is heard, onsets stand on twelfths: hands are not together, and gaps of exactly
#: one beat would be a matter of chance.
_TWELFTHS = 12


@dataclass(frozen=True, eq=False)
class Clock:
    """A unit of time, and the notes in it.

    Attributes
    ----------
    onset, end : ndarray of float64, shape (n,)
        Of each note, in units.
    beat : float
        Units in a beat.
    seconds : callable
        From an array of units to seconds.
    tempo : TempoEstimate or None
        Where the beats were heard.
    """

    onset: Floats
    end: Floats
    beat: float
    seconds: Callable[[Floats], Floats]
    tempo: TempoEstimate | None = None


def clock_of(
    piece: Symbolic,
    notes: NDArray[np.void],
    bpm: float | Literal["estimate"] | None,
    beat_unit: int,
) -> Clock:
    """Return the clock that `segment_chords` is asked for: in ticks, in seconds or in beats.

    Ticks are whole numbers, exact as they are: what is a beat long in the file is a beat long here.
    """
    if bpm is None:
        tempi = piece.tempo_map
        onset = notes["onset_tick"].astype(np.float64)
        end = onset + notes["duration_tick"]
        beat = 4 * tempi.ticks_per_beat / beat_unit
        return Clock(onset, end, beat, lambda ticks: _seconds(tempi, ticks))
    onset = notes["onset_sec"].astype(np.float64)
    end = onset + notes["duration_sec"]
    if bpm != "estimate":
        return Clock(onset, end, 60.0 / bpm, lambda seconds: seconds)
    tempo = estimate_tempo(piece)
    place = tempo.beats_at(onset)
    onset = np.rint(place * _TWELFTHS) / _TWELFTHS
    end = onset + (tempo.beats_at(end) - place)
    return Clock(onset, end, 1.0, tempo.seconds_at, tempo)


def _seconds(tempi: TempoMap, ticks: Floats) -> Floats:
    """Return the time of ticks, of which some may lie between whole ones."""
    below = np.floor(ticks)
    seconds = tempi.seconds(below)
    part = ticks - below
    return seconds + part * (tempi.seconds(below + 1) - seconds) if part.any() else seconds
