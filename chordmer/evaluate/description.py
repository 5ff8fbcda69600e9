"""Length, tempo, mode and instrumentation of a track: what its errors may have to do with."""

from __future__ import annotations

from typing import Any

import numpy as np

from chordmer.features.key import estimate_key
from chordmer.features.tempo import estimate_tempo
from chordmer.io import read_audio, read_symbolic
from chordmer.notes import Symbolic
from chordmer.track import as_track

__all__ = ["INSTRUMENTS", "Known", "describe_track"]

#: Families of instruments, eight General MIDI programs each.
INSTRUMENTS = (
    *("piano", "chromatic percussion", "organ", "guitar", "bass", "strings", "ensemble", "brass"),
    *("reed", "pipe", "synth lead", "synth pad", "synth effects", "ethnic", "percussive"),
    "sound effects",
)

#: What is known of a piece: a number, a word, or None where it cannot be told.
Known = float | str | None


def describe_track(track: Any) -> dict[str, Known]:
    """Return length, tempo, mode and instrumentation of a track, as far as they can be told.

    Parameters
    ----------
    track : Track, or anything that stands for one

    Returns
    -------
    dict
        ``length`` in seconds; ``tempo`` in beats a minute, ``mode``, and ``instrument``, the family
        that sounds longest, of notes. Sound alone tells its length; words tell nothing.

    Raises
    ------
    ChordmerError
        If a source cannot be read.

    Examples
    --------
    >>> import chordmer
    >>> described = describe_track(chordmer.example())
    >>> described["mode"], described["instrument"]
    ('minor', 'piano')
    """
    track = as_track(track)
    nothing: dict[str, Known] = dict.fromkeys(("length", "tempo", "mode", "instrument"))
    if track.symbolic is not None:
        piece = read_symbolic(track)
        tempo, key = estimate_tempo(piece), estimate_key(piece, durations="sec")
        return {
            "length": piece.duration,
            "tempo": tempo.bpm if tempo.confidence > 0 else None,
            "mode": key.mode if key.strength > 0 else None,
            "instrument": _instrument(piece),
        }
    if track.audio is not None:
        samples, rate = read_audio(track, sr=None)
        return {**nothing, "length": len(samples) / rate}
    return nothing


def _instrument(piece: Symbolic) -> str | None:
    notes = piece.pitched
    if not len(notes):
        return "drums" if len(piece.notes) else None
    families = notes["program"].astype(np.intp) // 8
    sounding = np.bincount(families, weights=notes["duration_sec"], minlength=len(INSTRUMENTS))
    return INSTRUMENTS[int(sounding.argmax())]
