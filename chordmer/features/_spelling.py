"""Chords as words, in each of the spellings that `segment_chords` documents."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from chordmer.features.harte import (
    DEGREES,
    NO_CHORD,
    NOTE_NAMES,
    chord_name,
    spell,
    transpose,
)
from chordmer.features.key import Key

__all__ = ["spell_beats", "spell_runs"]

Ints = NDArray[np.int64]

_BITS = 1 << np.arange(12)


def spell_runs(pitch: Ints, first: Ints, spelling: str, key: Key | None) -> list[str]:
    """Return the token of each run of notes; run i is ``pitch[first[i]:first[i + 1]]``."""
    runs = pairwise(first.tolist())
    if spelling == "ordered":
        names = [NOTE_NAMES[p] for p in pitch.tolist()]
        return [" ".join(names[start:stop]) for start, stop in runs]
    if spelling == "set":
        every = pitch.tolist()
        sets = [sorted(set(every[start:stop])) for start, stop in runs]
        return [" ".join([NOTE_NAMES[p] for p in chord]) for chord in sets]
    masks = np.bitwise_or.reduceat(_BITS[pitch % 12], first[:-1]).tolist()
    if key is None:
        return [spell(mask) for mask in masks]
    return [f"{key.mode}|{spell(transpose(mask, -key.tonic), DEGREES)}" for mask in masks]


def spell_beats(
    blocks: Iterable[NDArray[np.bool_]], lowest: int, spelling: str, key: Key | None
) -> list[str]:
    """Return the token of each beat.

    Parameters
    ----------
    blocks : iterable of ndarray of bool
        As `counting` yields them.
    lowest : int
        Pitch of the first column, a C.
    """
    tokens: list[str] = []
    for block in blocks:
        if spelling == "set":
            tokens += _note_sets(block, lowest)
            continue
        masks = (block.reshape(len(block), -1, 12).any(axis=1) @ _BITS).tolist()
        if spelling == "ordered":
            bass = (block.argmax(axis=1) % 12).tolist()
            tokens += map(chord_name, masks, bass)
        elif key is None:
            tokens += map(chord_name, masks)
        else:
            tokens += [_related(mask, key.tonic, key.mode) for mask in masks]
    return tokens


@cache
def _related(mask: int, tonic: int, mode: str) -> str:
    if not mask:
        return NO_CHORD
    return f"{mode}|{chord_name(transpose(mask, -tonic), None, DEGREES)}"


def _note_sets(block: NDArray[np.bool_], lowest: int) -> list[str]:
    names = [NOTE_NAMES[lowest + column] for column in block.nonzero()[1].tolist()]
    ends = block.sum(axis=1).cumsum().tolist()
    return [" ".join(names[start:stop]) or NO_CHORD for start, stop in pairwise([0, *ends])]
