"""Where notes stand among the beats: those of the file, of a fixed tempo, or heard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from chordmer.features.tempo import TempoEstimate, estimate_tempo
from chordmer.notes import Symbolic, TempoMap

__all__ = ["Clock", "clock_of"]

Floats = NDArray[np.float64]

#: Onsets stand on the nearest such part of a beat that is heard: hands are not together, and it
#: would be a matter of chance whether a gap has a whole beat.
_PARTS = 4


@dataclass(frozen=True, eq=False)
class Clock:
    """A unit of time, and the notes in it.

    Attributes
    ----------
    onset, end : ndarray of float64, shape (n,)
        Of each note, in units.
    beat : float
        Units in a beat.
    tempi : TempoMap or None
        That of the file, where units are its ticks.
    tempo : TempoEstimate or None
        What was heard, where units are its beats. With neither they are seconds.
    """

    onset: Floats
    end: Floats
    beat: float
    tempi: TempoMap | None = None
    tempo: TempoEstimate | None = None

    def seconds(self, units: Floats) -> Floats:
        """Return the times of places on this clock."""
        if self.tempo is not None:
            return np.maximum(self.tempo.seconds_at(units), 0.0)
        if self.tempi is None:
            return units
        below = np.floor(units)
        seconds, part = self.tempi.seconds(below), units - below
        if part.any():  # a beat may begin between two ticks
            seconds += part * (self.tempi.seconds(below + 1) - seconds)
        return seconds


def clock_of(
    piece: Symbolic,
    notes: NDArray[np.void],
    bpm: float | Literal["estimate"] | None,
    beat_unit: int,
) -> Clock:
    """Return the clock that `segment_chords` is asked for.

    Ticks are whole numbers, exact as they are: what is a beat long in the file is a beat long here.
    """
    if bpm is None:
        onset = notes["onset_tick"].astype(np.float64)
        beat = 4 * piece.tempo_map.ticks_per_beat / beat_unit
        return Clock(onset, onset + notes["duration_tick"], beat, tempi=piece.tempo_map)
    onset = notes["onset_sec"].astype(np.float64)
    end = onset + notes["duration_sec"]
    if bpm != "estimate":
        return Clock(onset, end, 60.0 / bpm)
    tempo = estimate_tempo(piece)
    place = tempo.beats_at(onset)
    onset = np.rint(place * _PARTS) / _PARTS
    return Clock(onset, onset + (tempo.beats_at(end) - place), 1.0, tempo=tempo)
