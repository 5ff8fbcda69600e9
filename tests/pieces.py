"""Pieces made by hand, for tests that say what they hear."""

import numpy as np

from chordmer.notes import NOTE_DTYPE, TIME_SIGNATURE_DTYPE, Symbolic, TempoMap

DRUMS = 9


def make_piece(notes, bpm=120, time_signature=(4, 4), ticks_per_beat=480):
    """Return a Symbolic of `notes`, each (onset_beat, duration_beat, pitch[, velocity[, channel]]).

    Beats are quarter notes, rounded to ticks; velocity is 64 and channel 0 where not given. `bpm`
    is a number or a list of (beat, bpm), the first at beat 0; `time_signature` is a pair or a list
    of (beat, numerator, denominator).
    """
    tempi = [(0, bpm)] if np.isscalar(bpm) else list(bpm)
    metres = time_signature if isinstance(time_signature, list) else [(0, *time_signature)]

    def tick(beat):
        return round(beat * ticks_per_beat)

    tempo_map = TempoMap(
        np.array([tick(beat) for beat, _ in tempi], dtype=np.int64),
        np.array([60 / tempo for _, tempo in tempi], dtype=np.float64),
        ticks_per_beat,
    )
    defaults = (0, 1, 60, 64, 0)
    rows = [(*note, *defaults[len(note) :]) for note in notes]
    rows = [(tick(onset), tick(length), *rest) for onset, length, *rest in rows]
    rows.sort(key=lambda row: (row[0], row[2], row[4]))
    array = np.zeros(len(rows), dtype=NOTE_DTYPE)
    if rows:
        columns = ("onset_tick", "duration_tick", "pitch", "velocity", "channel")
        for name, values in zip(columns, zip(*rows)):
            array[name] = values
    end = array["onset_tick"] + array["duration_tick"]
    array["onset_beat"] = tempo_map.beats(array["onset_tick"])
    array["duration_beat"] = tempo_map.beats(array["duration_tick"])
    array["onset_sec"] = tempo_map.seconds(array["onset_tick"])
    array["duration_sec"] = tempo_map.seconds(end) - array["onset_sec"]
    array["is_drum"] = array["channel"] == DRUMS
    signatures = [(tick(beat), above, below) for beat, above, below in metres]
    return Symbolic(
        array,
        tempo_map,
        np.array(signatures, dtype=TIME_SIGNATURE_DTYPE),
        end_tick=int(end.max(initial=0)),
    )
