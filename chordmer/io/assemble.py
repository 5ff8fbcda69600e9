"""From what a reader found to the arrays of a `Symbolic`: the rules that all readers share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chordmer.notes import NOTE_DTYPE, TIME_SIGNATURE_DTYPE, TempoMap

__all__ = ["DRUMS", "note_array", "tempo_map", "time_signatures"]

#: Channel of the drums, counted from 0.
DRUMS = 9
#: Seconds a quarter note where a file does not say: 120 BPM, from the standard.
_DEFAULT_TEMPO = 0.5


def tempo_map(tempi: Mapping[int, float], ticks_per_beat: int, assumed: list[str]) -> TempoMap:
    """Return the tempo map of `tempi`: tick to seconds a quarter note.

    Without a tempo at its start a piece begins at 120 BPM, which is noted in `assumed`.
    """
    if not tempi:
        assumed.append("tempo 120 BPM")
        tempi = {0: _DEFAULT_TEMPO}
    elif 0 not in tempi:
        assumed.append("tempo 120 BPM before the first tempo event")
        tempi = {0: _DEFAULT_TEMPO, **tempi}
    ticks = sorted(tempi)
    return TempoMap(
        np.array(ticks, dtype=np.int64),
        np.array([tempi[tick] for tick in ticks], dtype=np.float64),
        ticks_per_beat,
    )


def time_signatures(
    signatures: Mapping[int, tuple[int, int]], assumed: list[str]
) -> NDArray[np.void]:
    """Return `signatures`, tick to (numerator, denominator), as an array of one row a change.

    Without one at its start a piece begins in 4/4, which is noted in `assumed`.
    """
    if not signatures:
        assumed.append("time signature 4/4")
        signatures = {0: (4, 4)}
    elif 0 not in signatures:
        assumed.append("time signature 4/4 before the first time signature")
        signatures = {0: (4, 4), **signatures}
    rows = [(tick, *signatures[tick]) for tick in sorted(signatures)]
    return np.array(rows, dtype=TIME_SIGNATURE_DTYPE)


def note_array(
    onset: NDArray[np.int64],
    end: NDArray[np.int64],
    pitch: NDArray[Any],
    velocity: NDArray[Any],
    channel: NDArray[Any],
    program: NDArray[Any],
    is_drum: NDArray[np.bool_],
    tempi: TempoMap,
) -> tuple[NDArray[np.void], NDArray[np.intp]]:
    """Return the note array in its order, and the order: which given note each row is.

    `onset` and `end` are ticks below 2**51; all arguments have shape (n,). Notes that agree in
    onset, pitch and channel keep the order in which they are given.
    """
    order = np.argsort(onset << 11 | pitch.astype(np.int64) << 4 | channel, kind="stable")
    onset, end = onset[order], end[order]
    seconds = tempi.seconds(onset)
    notes = np.empty(len(order), dtype=NOTE_DTYPE)
    notes["onset_tick"] = onset
    notes["duration_tick"] = end - onset
    notes["onset_beat"] = onset / tempi.ticks_per_beat
    notes["duration_beat"] = (end - onset) / tempi.ticks_per_beat
    notes["onset_sec"] = seconds
    notes["duration_sec"] = tempi.seconds(end) - seconds
    notes["pitch"] = pitch[order]
    notes["velocity"] = velocity[order]
    notes["channel"] = channel[order]
    notes["program"] = program[order]
    notes["is_drum"] = is_drum[order]
    return notes, order
