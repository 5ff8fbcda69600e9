"""Collections of pieces, and the chords of whatever a piece comes as."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from chordmer.errors import ChordmerError, MissingModalityError
from chordmer.features.chords import Chords, segment_chords
from chordmer.track import as_track

__all__ = ["chords_of", "pieces_in", "tokens_of"]


def pieces_in(collection: Any) -> Iterator[Any]:
    """Return an iterator over the pieces of a collection, or of what a callable returns.

    Raises
    ------
    ChordmerError
        If it is one piece alone, which would be taken apart, or no collection.
    """
    pieces = collection() if callable(collection) else collection
    found = type(pieces).__name__
    if not isinstance(pieces, (list, tuple)) and _is_piece(pieces):
        raise ChordmerError("one piece alone; put it into a list", stage="pieces", value=found)
    try:
        return iter(pieces)
    except TypeError as error:
        raise ChordmerError("not a list of pieces", stage="pieces", value=found) from error


def _is_piece(thing: Any) -> bool:
    try:
        as_track(thing)
    except ChordmerError:
        return isinstance(thing, (Chords, str))
    return True


def chords_of(piece: Any, segmentation: Mapping[str, Any]) -> Chords:
    """Return the chords of a Track or what stands for one; those of a `Chords` are its own.

    Raises
    ------
    MissingModalityError
        If the track has no symbolic source.
    ChordmerError
        If it cannot be read, or segmented as `segmentation` says.
    """
    if isinstance(piece, Chords):
        return piece
    track = as_track(piece)
    if track.symbolic is None:
        raise MissingModalityError(
            "no symbolic source (MIDI, score or notes)", source=track.id, stage="chords"
        )
    return segment_chords(track.symbolic, **segmentation)


def tokens_of(piece: Any, segmentation: Mapping[str, Any]) -> Sequence[str]:
    """Return the names of the chords of a piece; a sequence of names is that already."""
    listed = isinstance(piece, (list, tuple)) or (isinstance(piece, np.ndarray) and piece.ndim == 1)
    if listed and all(isinstance(name, str) for name in piece):
        return list(piece)
    return chords_of(piece, segmentation).tokens
