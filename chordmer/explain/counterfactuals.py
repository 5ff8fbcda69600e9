"""The same piece played otherwise: in the parallel mode, faster, an octave lower, louder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from chordmer.augment import change_speed, scale_velocity, stretch_time, transpose
from chordmer.explain.explanation import Counterfactual
from chordmer.explain.judge import Judge
from chordmer.explain.passages import Opened
from chordmer.features.harte import PITCH_CLASSES
from chordmer.features.key import Key, estimate_key
from chordmer.notes import Symbolic
from chordmer.track import Track

__all__ = ["counterfactuals", "to_parallel_mode"]

#: Degrees in semitones above the tonic that differ between the modes, and where they go. A minor
#: piece keeps its leading note, as cadences in minor do.
_TO_MINOR = {4: -1, 9: -1}
_TO_MAJOR = {3: +1, 8: +1, 10: +1}
_FASTER, _LOUDER = 1.25, 1.3
#: What `_LOUDER` is for sound: 6 dB.
_GAIN = 2.0


def to_parallel_mode(piece: Symbolic, key: Key) -> Symbolic:
    """Return a piece of `key` in the other mode upon the same tonic.

    From major to minor the third and the sixth degree are lowered, and the seventh stays, as in
    harmonic minor. From minor to major the third, sixth and seventh are raised where they are low.
    Other notes stay: a passage in another key is changed by the degrees of the piece's own.
    """
    steps = np.zeros(12, dtype=np.int16)
    for degree, step in (_TO_MINOR if key.mode == "major" else _TO_MAJOR).items():
        steps[(key.tonic + degree) % 12] = step
    notes = piece.notes.copy()
    pitch = notes["pitch"] + np.where(notes["is_drum"], 0, steps[notes["pitch"] % 12])
    notes["pitch"] = np.where((pitch >= 0) & (pitch <= 127), pitch, notes["pitch"])
    order = np.lexsort((notes["channel"], notes["pitch"], notes["onset_tick"]))
    return replace(piece, notes=notes[order])


def counterfactuals(judge: Judge, opened: Opened) -> list[Counterfactual]:
    """Return what the model says of a piece played otherwise.

    Notes are changed, and sound where it can be without another player: in tempo and in level.
    Words stay. Where a piece has notes and sound, changes that sound cannot follow are left out:
    the two would be different pieces.

    Parameters
    ----------
    judge : Judge
    opened : Opened

    Returns
    -------
    list of Counterfactual
        In a fixed order; those that leave nothing to hear are left out.
    """
    changes = list(_changes(opened))
    numbers = judge.numbers(track for _, track in changes)
    return [
        Counterfactual(name, dict(zip(judge.names, row.tolist())))
        for (name, _), row in zip(changes, numbers)
        if np.isfinite(row).all()
    ]


def _changes(opened: Opened) -> Iterator[tuple[str, Track]]:
    piece, sound = opened.piece, opened.sound
    if piece is None and sound is None:
        return
    if piece is not None and sound is None:
        key = estimate_key(piece, durations="sec")
        other = "minor" if key.mode == "major" else "major"
        changed = to_parallel_mode(piece, key)
        yield f"in {PITCH_CLASSES[key.tonic]} {other}", opened.changed(changed)
    for name, factor in (("a quarter faster", _FASTER), ("a quarter slower", 1 / _FASTER)):
        yield (
            name,
            opened.changed(
                None if piece is None else change_speed(piece, factor=factor),
                None if sound is None else stretch_time(*sound, factor=factor),
            ),
        )
    if piece is not None and sound is None:
        for name, semitones in (("an octave higher", 12), ("an octave lower", -12)):
            yield name, opened.changed(transpose(piece, semitones=semitones))
    for name, power in (("louder", 1), ("softer", -1)):
        yield (
            name,
            opened.changed(
                None if piece is None else scale_velocity(piece, factor=_LOUDER**power),
                None if sound is None else sound[0] * np.float32(_GAIN**power),
            ),
        )
