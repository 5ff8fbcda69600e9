"""The one door for symbolic music, whatever it comes in."""

from __future__ import annotations

import os
from pathlib import PurePath
from typing import Any

from chordmer.errors import MissingModalityError
from chordmer.io.limits import Limits
from chordmer.io.midi import read_midi
from chordmer.io.score import SCORE_SUFFIXES, looks_like_score, read_score
from chordmer.notes import Symbolic
from chordmer.track import Track

__all__ = ["read_symbolic"]

_DEFAULT = Limits()


def read_symbolic(source: Any, *, pedal: bool = False, limits: Limits = _DEFAULT) -> Symbolic:
    """Return the symbolic music in whatever it comes: the one door for all that is not sound.

    Parameters
    ----------
    source : object
        A Track; a path to a MIDI file or score, told apart by their suffix, MIDI where it says
        nothing; the bytes of either, told apart by how they begin; a PrettyMIDI, a symusic Score, a
        music21 stream or a note array; or a Symbolic, which is returned as it is.
    pedal : bool
        Whether the sustain pedal extends notes, as in `read_midi`.
    limits : Limits
        Above which a source is refused.

    Returns
    -------
    Symbolic

    Raises
    ------
    MidiError, ScoreError
        If it cannot be read; `read_midi` and `read_score` say when.
    MissingModalityError
        If a Track has no symbolic source.

    Examples
    --------
    >>> import numpy as np
    >>> notes = np.array([(0.0, 0.5, 60), (0.5, 0.5, 64)],
    ...     dtype=[("onset_sec", float), ("duration_sec", float), ("pitch", int)])
    >>> read_symbolic(notes)
    Symbolic('note array', 2 notes, 1.0 s, 0 warnings)
    """
    if isinstance(source, Track):
        if source.symbolic is None:
            raise MissingModalityError(
                "the track has no symbolic source", source=source.id, stage="opening"
            )
        source = source.symbolic
    if isinstance(source, Symbolic):
        return source
    if isinstance(source, (str, os.PathLike)):
        is_score = PurePath(os.fsdecode(source)).suffix.lower() in SCORE_SUFFIXES
    else:
        is_score = isinstance(source, (bytes, bytearray, memoryview)) and looks_like_score(
            bytes(source[:4096])
        )
    if is_score:
        return read_score(source, limits=limits)
    return read_midi(source, pedal=pedal, limits=limits)
