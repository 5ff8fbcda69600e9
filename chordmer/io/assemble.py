"""From what a reader found to the arrays of a `Symbolic`: the rules that all readers share."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from chordmer.io._compiled import compiled
from chordmer.notes import NOTE_DTYPE, TIME_SIGNATURE_DTYPE, TempoMap

__all__ = ["DRUMS", "last_at_each_tick", "note_array", "tempo_map", "time_signatures"]

#: Channel of the drums, counted from 0.
DRUMS = 9
#: Seconds a quarter note where a file does not say: 120 BPM, from the standard.
_DEFAULT_TEMPO = 0.5


def last_at_each_tick(
    ticks: NDArray[np.int64], values: NDArray[Any]
) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Return events in order of time; of several at one tick only the last one given."""
    if len(ticks) < 2 or (ticks[1:] > ticks[:-1]).all():
        return ticks, values
    order = np.argsort(ticks, kind="stable")
    ticks, values = ticks[order], values[order]
    last = np.concatenate((ticks[1:] != ticks[:-1], [True]))
    return ticks[last], values[last]


def tempo_map(
    ticks: NDArray[np.int64],
    seconds_per_beat: NDArray[np.float64],
    ticks_per_beat: int,
    assumed: list[str],
) -> TempoMap:
    """Return the tempo map of some tempi, in whatever order they come.

    Without a tempo at its start a piece begins at 120 BPM, which is noted in `assumed`.
    """
    ticks, seconds_per_beat = last_at_each_tick(ticks, seconds_per_beat)
    if not len(ticks) or ticks[0] > 0:
        assumed.append("tempo 120 BPM" + (" before the first tempo event" if len(ticks) else ""))
        ticks = np.concatenate(([0], ticks))
        seconds_per_beat = np.concatenate(([_DEFAULT_TEMPO], seconds_per_beat))
    return TempoMap(ticks.copy(), seconds_per_beat, ticks_per_beat)


def time_signatures(
    ticks: NDArray[np.int64],
    numerators: NDArray[np.int64],
    denominators: NDArray[np.int64],
    assumed: list[str],
) -> NDArray[np.void]:
    """Return time signatures, in whatever order they come, as an array of one row a change.

    Without one at its start a piece begins in 4/4, which is noted in `assumed`.
    """
    signatures = np.empty(len(ticks), TIME_SIGNATURE_DTYPE)
    signatures["tick"] = ticks
    signatures["numerator"] = numerators
    signatures["denominator"] = denominators
    _, signatures = last_at_each_tick(ticks, signatures)
    if not len(signatures) or signatures["tick"][0] > 0:
        assumed.append(
            "time signature 4/4" + (" before the first time signature" if len(signatures) else "")
        )
        start = np.array([(0, 4, 4)], TIME_SIGNATURE_DTYPE)
        signatures = np.concatenate((start, signatures)) if len(signatures) else start
    return signatures


def _fill(
    order: Any,
    key: Any,
    end: Any,
    velocity: Any,
    change_tick: Any,
    change_value: Any,
    program: Any,
    section_tick: Any,
    section_start: Any,
    section_scale: Any,
    ticks_per_beat: float,
    notes: Any,
) -> int:
    """Fill the note array `notes`; plain loops, for numba or as they stand."""
    onset_tick, duration_tick = notes["onset_tick"], notes["duration_tick"]
    onset_beat, duration_beat = notes["onset_beat"], notes["duration_beat"]
    onset_sec, duration_sec = notes["onset_sec"], notes["duration_sec"]
    pitches, velocities = notes["pitch"], notes["velocity"]
    channels, programs, is_drum = notes["channel"], notes["program"], notes["is_drum"]
    change = 0
    section = 0
    last = len(section_tick) - 1
    for i in range(len(order)):
        onset = key[order[i]] >> 11
        until = end[order[i]]
        pitch = key[order[i]] >> 4 & 127
        channel = key[order[i]] & 15
        while change < len(change_tick) and change_tick[change] <= onset:
            program[change_value[change] >> 7] = change_value[change] & 127
            change += 1
        while section < last and section_tick[section + 1] <= onset:
            section += 1
        low, high = section, section
        if section < last and section_tick[section + 1] <= until:
            high = last
        while low < high:
            middle = (low + high + 1) // 2
            if section_tick[middle] <= until:
                low = middle
            else:
                high = middle - 1
        start = section_start[section] + (onset - section_tick[section]) * section_scale[section]
        stop = section_start[low] + (until - section_tick[low]) * section_scale[low]
        onset_tick[i] = onset
        duration_tick[i] = until - onset
        onset_beat[i] = onset / ticks_per_beat
        duration_beat[i] = (until - onset) / ticks_per_beat
        onset_sec[i] = start
        duration_sec[i] = stop - start
        pitches[i] = pitch
        velocities[i] = velocity[order[i]]
        channels[i] = channel
        programs[i] = program[channel]
        is_drum[i] = channel == DRUMS
    return 0


def note_array(
    key: NDArray[np.int64],
    end: NDArray[np.int64],
    velocity: NDArray[np.int64],
    changes: NDArray[np.int64],
    tempi: TempoMap,
    fast: bool,
) -> NDArray[np.void]:
    """Return the note array of notes and program changes, in whatever order they come.

    A program change counts on its whole channel, whatever its track, from its tick on and before
    the notes of that tick.

    Parameters
    ----------
    key : ndarray of int64, shape (n,)
        onset tick << 11 | pitch << 4 | channel.
    end, velocity : ndarray of int64, shape (n,)
        Where each note ends, in ticks, and how hard it is struck.
    changes : ndarray of int64, shape (2, m)
        Ticks, and channel << 7 | program, of the program changes.
    tempi : TempoMap
    fast : bool
        Whether to do it in compiled code.
    """
    order = key.argsort(kind="stable")
    if changes.shape[1] > 1 and (changes[0, 1:] < changes[0, :-1]).any():
        changes = changes[:, changes[0].argsort(kind="stable")]
    notes = np.empty(len(key), NOTE_DTYPE)
    fill = compiled(_fill) if fast else _fill
    fill(
        order,
        key,
        end,
        velocity,
        changes[0],
        changes[1],
        np.zeros(16, np.int64),
        tempi.ticks,
        tempi.starts,
        tempi.seconds_per_beat / tempi.ticks_per_beat,
        float(tempi.ticks_per_beat),
        notes,
    )
    return notes
