"""A piece of music, by whatever of it is at hand: notes, sound, words."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chordmer.errors import ChordmerError
from chordmer.notes import Symbolic

__all__ = [
    "AUDIO_SUFFIXES",
    "LYRICS_SUFFIXES",
    "SYMBOLIC_SUFFIXES",
    "Frames",
    "Track",
    "as_track",
]

#: Endings of the files that the symbolic readers take.
SYMBOLIC_SUFFIXES = {".mid", ".midi", ".kar", ".rmi", ".musicxml", ".xml", ".mxl", ".abc", ".krn"}
#: Endings of sound files.
AUDIO_SUFFIXES = {".wav", ".flac", ".ogg", ".oga", ".mp3", ".m4a", ".aac", ".aif", ".aiff", ".opus"}
#: Endings of lyrics.
LYRICS_SUFFIXES = {".txt", ".lrc"}


@dataclass(frozen=True, eq=False)
class Track:
    """One piece; each source may be missing.

    Parameters
    ----------
    id : str
        Name of the piece, unique in its collection.
    symbolic : object, optional
        Path, bytes, Symbolic, note array, PrettyMIDI, symusic Score or music21 stream.
    audio : object, optional
        Path, bytes or ``(y, sr)``.
    lyrics : object, optional
        Path, bytes or str.
    group : str, optional
        What must not be split between training and test: usually the song or the artist.
    """

    id: str
    symbolic: Any = None
    audio: Any = None
    lyrics: Any = None
    group: str | None = None

    def source(self, modality: str) -> Any:
        """Return the source for ``"symbolic"``, ``"audio"`` or ``"lyrics"``; None where missing."""
        return getattr(self, modality)


def as_track(source: Any) -> Track:
    """Return `source` as a `Track`; a path, an in-memory piece or a Track itself is accepted.

    Raises
    ------
    ChordmerError
        If `source` is nothing that chordmer can read.
    """
    if isinstance(source, Track):
        return source
    if isinstance(source, (str, PurePath)):
        suffix = PurePath(source).suffix.lower()
        name = PurePath(source).stem
        if suffix in SYMBOLIC_SUFFIXES:
            return Track(name, symbolic=source)
        if suffix in AUDIO_SUFFIXES:
            return Track(name, audio=source)
        if suffix in LYRICS_SUFFIXES:
            return Track(name, lyrics=source)
        raise ChordmerError(
            "no reader for this kind of file", source=source, stage="opening", value=suffix
        )
    if isinstance(source, tuple) and len(source) == 2 and isinstance(source[0], np.ndarray):
        return Track("audio", audio=source)
    if isinstance(source, Symbolic):
        return Track(source.source, symbolic=source)
    if isinstance(source, (bytes, bytearray, memoryview)):
        return Track("bytes", symbolic=bytes(source))
    if isinstance(source, np.ndarray) and source.dtype.names is not None:
        return Track("notes", symbolic=source)
    if type(source).__module__.partition(".")[0] in {"pretty_midi", "symusic", "music21"}:
        return Track(type(source).__name__, symbolic=source)
    raise ChordmerError(
        "not a track, a path or a piece of music", stage="opening", value=type(source).__name__
    )


@dataclass(frozen=True, eq=False)
class Frames:
    """A sequence of feature vectors with their times.

    Attributes
    ----------
    values : ndarray of float32, shape (t, d)
    times : ndarray of float64, shape (t,)
        Start of each frame in seconds, ascending.
    """

    values: NDArray[np.float32]
    times: NDArray[np.float64]
