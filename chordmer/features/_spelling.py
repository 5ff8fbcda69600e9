"""Chords as words, in each of the spellings that `segment_chords` documents."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from chordmer.features.harte import DEGREES, NO_CHORD, NOTE_NAMES, chord_name, spell, transpose
from chordmer.features.key import Key

__all__ = ["name_beats", "spell_runs"]

Ints = NDArray[np.int64]

_NOTE_NAMES = np.array(NOTE_NAMES, dtype=object)
#: The mask of each pitch.
_MASKS = 1 << np.arange(128) % 12


class _Names(dict[int, str]):
    """Names by number, each made when it is first asked for."""

    def __init__(self, name: Callable[[int], str]) -> None:
        self._name = name

    def __missing__(self, number: int) -> str:
        name = self[number] = self._name(number)
        return name


_SETS = _Names(spell)
_CHORDS = _Names(chord_name)
#: By mask + 4096 * bass.
_CHORDS_ON_BASS = _Names(lambda number: chord_name(number & 0xFFF, number >> 12))


@cache
def _degree_sets(tonic: int, mode: str) -> _Names:
    return _Names(lambda mask: f"{mode}|{spell(transpose(mask, -tonic), DEGREES)}")


@cache
def _degree_chords(tonic: int, mode: str) -> _Names:
    names = _Names(lambda mask: f"{mode}|{chord_name(transpose(mask, -tonic), None, DEGREES)}")
    names[0] = NO_CHORD
    return names


def spell_runs(pitch: Ints, offsets: Ints, spelling: str, key: Key | None) -> list[str]:
    """Return a token for each run of notes; run i is ``pitch[offsets[i]:offsets[i + 1]]``."""
    if spelling == "ordered":
        return _joined(pitch, offsets)
    if spelling == "set":
        every = pitch.tolist()
        runs = pairwise(offsets.tolist())
        sets = [sorted(set(every[start:stop])) for start, stop in runs]
        return [" ".join([NOTE_NAMES[p] for p in run]) for run in sets]
    masks = np.bitwise_or.reduceat(_MASKS[pitch], offsets[:-1])
    names = _SETS if key is None else _degree_sets(key.tonic, key.mode)
    return [names[mask] for mask in masks.tolist()]


def name_beats(
    chords: Ints, pitch: Ints, offsets: Ints, spelling: str, key: Key | None
) -> list[str]:
    """Return a token for each beat from what `sounding` says of them."""
    if spelling == "ordered":
        return [_CHORDS_ON_BASS[chord] for chord in chords.tolist()]
    if spelling == "set":
        return [token or NO_CHORD for token in _joined(pitch, offsets)]
    names = _CHORDS if key is None else _degree_chords(key.tonic, key.mode)
    return [names[mask] for mask in (chords & 0xFFF).tolist()]


def _joined(pitch: Ints, offsets: Ints) -> list[str]:
    names = _NOTE_NAMES[pitch].tolist()
    return [" ".join(names[start:stop]) for start, stop in pairwise(offsets.tolist())]
