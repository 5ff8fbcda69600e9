"""A track cut into windows, so that whatever recognises a track can follow its course."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from chordmer.errors import ChordmerError, MissingModalityError
from chordmer.io import read_audio, read_lyrics, read_symbolic
from chordmer.notes import Symbolic
from chordmer.track import Track

__all__ = ["SHORTEST", "Windows", "cut"]

#: A course has no more windows than this: those of a long piece lie further apart.
_MOST = 1000
#: Less sound than this, in seconds, is no window by itself.
SHORTEST = 1.0


@dataclass(frozen=True, eq=False)
class Windows:
    """Parts of a track, each a track itself.

    Attributes
    ----------
    tracks : list of Track
    times, ends : ndarray of float64, shape (t,)
        In seconds.
    """

    tracks: list[Track]
    times: NDArray[np.float64]
    ends: NDArray[np.float64]


def cut(
    track: Track, modalities: Collection[str], *, window: float = 15.0, hop: float = 5.0
) -> Windows:
    """Return the windows of a track.

    A window holds the notes that begin in it, cut where it ends, and the sound in it. Its words
    are those of the whole track, since few lyrics say when they are sung.

    Parameters
    ----------
    track : Track
    modalities : collection of str
        What to cut; windows have no others.
    window, hop : float, default 15 and 5
        Length of the windows, and the step between them, in seconds. The step grows where there
        would be more than 1,000.

    Returns
    -------
    Windows
        Those with neither notes nor sound are left out; none where the track has lyrics alone.

    Raises
    ------
    ChordmerError
        If `window` or `hop` is not positive, or a source cannot be read.
    """
    if not (0 < window < np.inf and 0 < hop < np.inf):
        raise ChordmerError("window and hop must be positive seconds", value=(window, hop))
    piece, sound, sr = None, None, 1.0
    if track.symbolic is not None and "symbolic" in modalities:
        piece = read_symbolic(track)
    if track.audio is not None and "audio" in modalities:
        sound, sr = read_audio(track, None)
    lengths = [0.0 if piece is None else piece.duration, 0 if sound is None else len(sound) / sr]
    duration = max(lengths)
    hop = max(hop, duration / _MOST)
    count = 1 + max(0, int(np.ceil((duration - window) / hop)))
    words = _words(track) if "lyrics" in modalities else None
    tracks, times = [], []
    for start in hop * np.arange(count):
        notes = None if piece is None else _notes_in(piece, start, start + window)
        heard = None
        if sound is not None:
            part = sound[round(start * sr) : round((start + window) * sr)]
            heard = (part, sr) if len(part) >= min(SHORTEST * sr, len(sound)) > 0 else None
        if notes is not None or heard is not None:
            tracks.append(Track(track.id, notes, heard, words, track.group))
            times.append(start)
    starts = np.array(times, dtype=np.float64)
    return Windows(tracks, starts, np.minimum(starts + window, duration))


def _notes_in(piece: Symbolic, start: float, end: float) -> Symbolic | None:
    onset = piece.notes["onset_sec"]
    notes = piece.notes[(onset >= start) & (onset < end)].copy()
    if not len(notes):
        return None
    notes["duration_sec"] = np.minimum(notes["duration_sec"], end - notes["onset_sec"])
    return replace(piece, notes=notes, texts=())


def _words(track: Track) -> object:
    if track.lyrics is not None or track.symbolic is None:
        return track.lyrics
    try:
        return read_lyrics(track)
    except MissingModalityError:
        return None
