"""About two hundred named numbers that describe a piece of symbolic music.

Nothing here reads ticks, notated beats, channels, programs or drums: all times are seconds, so a
tempo map rewritten to the same seconds, or notes spread over more tracks, change no descriptor.
Only the family ``"dynamics"`` reads velocities. Transposing a piece moves the registers
(`register`, the medians of `melody` and `bass`, and the roughness of what is low) and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from chordmer.errors import ChordmerError
from chordmer.features.articulation import ARTICULATION, articulation
from chordmer.features.dynamics import DYNAMICS, dynamics
from chordmer.features.harmony import CHORDS, TENSION, chords, tension
from chordmer.features.lines import BASS, MELODY, bass, melody
from chordmer.features.pulse import PULSE, pulse
from chordmer.features.register import POLYPHONY, REGISTER, polyphony, register
from chordmer.features.rhythm import RHYTHM, rhythm
from chordmer.features.texture import weave
from chordmer.features.tonality import PROFILE, TONALITY, profile, tonality
from chordmer.notes import Symbolic
from chordmer.track import Frames

__all__ = [
    "DESCRIPTORS",
    "DESCRIPTOR_NAMES",
    "FAMILIES",
    "VELOCITY_FREE",
    "describe_symbolic",
    "describe_windows",
    "names_of",
]

_FAMILIES = {
    "register": (register, REGISTER),
    "polyphony": (polyphony, POLYPHONY),
    "rhythm": (rhythm, RHYTHM),
    "articulation": (articulation, ARTICULATION),
    "pulse": (pulse, PULSE),
    "melody": (melody, MELODY),
    "bass": (bass, BASS),
    "tonality": (tonality, TONALITY),
    "profile": (profile, PROFILE),
    "chords": (chords, CHORDS),
    "tension": (tension, TENSION),
    "dynamics": (dynamics, DYNAMICS),
}

#: The groups that a model may choose from.
FAMILIES: tuple[str, ...] = tuple(_FAMILIES)
#: The groups that do not depend on how loud each note is: what a score and its performance share.
VELOCITY_FREE: tuple[str, ...] = tuple(f for f in FAMILIES if f != "dynamics")
#: Name of each descriptor to its unit and meaning.
DESCRIPTORS: dict[str, tuple[str, str]] = {
    name: meaning for _, table in _FAMILIES.values() for name, meaning in table.items()
}
DESCRIPTOR_NAMES: tuple[str, ...] = tuple(DESCRIPTORS)
#: Windows of a piece: at the default step these are 83 minutes.
_MOST_WINDOWS = 1000


def names_of(families: Iterable[str] | None = None) -> tuple[str, ...]:
    """Return the names of the descriptors of some families, all by default.

    Raises
    ------
    ChordmerError
        If there is no such family.
    """
    return tuple(chain.from_iterable(_FAMILIES[f][1] for f in _known(families)))


def describe_symbolic(
    source: Symbolic | NDArray[np.void], *, families: Iterable[str] | None = None
) -> NDArray[np.float64]:
    """Return the descriptors of a piece.

    Parameters
    ----------
    source : Symbolic or structured ndarray of `NOTE_DTYPE`
    families : iterable of str, optional
        Which of `FAMILIES` to compute; all by default. The order of the result is theirs.

    Returns
    -------
    ndarray of float64, shape (d,)
        As `names_of(families)` names them. Finite for every input; without a pitched note, shares,
        means and strengths are 0 and rates those of less than one note a second.
    """
    texture = weave(source)
    found = [_FAMILIES[family][0](texture) for family in _known(families)]
    return np.array([value for part in found for value in part.values()], dtype=np.float64)


def describe_windows(
    source: Symbolic | NDArray[np.void],
    *,
    window: float = 15.0,
    hop: float = 5.0,
    families: Iterable[str] | None = None,
) -> Frames:
    """Return the descriptors of successive windows of a piece.

    A window holds the notes that begin in it, cut where it ends.

    Parameters
    ----------
    source : Symbolic or structured ndarray of `NOTE_DTYPE`
    window : float, default=15.0
        Length in seconds: half of the clips that listeners judge in EMOPIA, long enough for a key.
    hop : float, default=5.0
        Seconds from the start of a window to the start of the next. It grows where there would be
        more than 1,000 windows, so that no piece takes longer, however long it claims to be.
    families : iterable of str, optional
        As in `describe_symbolic`.

    Returns
    -------
    Frames
        At least one row. Windows start at the first note, and those without a note are left out.
        The last one is the first that ends after the last onset.

    Raises
    ------
    ChordmerError
        If `window` or `hop` is not positive and finite.
    """
    for name, value in (("window", window), ("hop", hop)):
        if not 0 < value < np.inf:
            raise ChordmerError(f"{name} must be a positive number of seconds", value=value)
    families = _known(families)
    notes = source.notes if isinstance(source, Symbolic) else source
    notes = notes[~notes["is_drum"]]
    notes = notes[np.argsort(notes["onset_sec"], kind="stable")]
    if not len(notes):
        row = describe_symbolic(notes, families=families)
        return Frames(row[None].astype(np.float32), np.zeros(1))
    onset = notes["onset_sec"]
    hop = max(hop, float(onset[-1] - onset[0]) / _MOST_WINDOWS)
    starts = _starts(onset, window, hop)
    low, high = np.searchsorted(onset, (starts, starts + window))
    rows = []
    for first, last, end in zip(low, high, starts + window):
        part = notes[first:last].copy()
        part["duration_sec"] = np.minimum(part["duration_sec"], end - part["onset_sec"])
        rows.append(describe_symbolic(part, families=families))
    return Frames(np.array(rows, dtype=np.float32), starts)


def _starts(onset: NDArray[np.float64], window: float, hop: float) -> NDArray[np.float64]:
    """Return the starts of the windows that hold an onset; `onset` ascends and is not empty.

    Found from the onsets, so that a rest of any length costs nothing.
    """
    since = onset - onset[0]
    last = max(np.floor((since[-1] - window) / hop) + 1, 0)
    newest = np.minimum(np.floor(since / hop), last)
    oldest = np.maximum(np.floor((since - window) / hop) + 1, 0)
    oldest[1:] = np.maximum(oldest[1:], newest[:-1] + 1)
    count = np.maximum(newest - oldest + 1, 0).astype(np.int64)
    within = np.arange(count.sum()) - np.repeat(count.cumsum() - count, count)
    starts = onset[0] + hop * (np.repeat(oldest, count) + within)
    inhabited = np.searchsorted(onset, starts + window) > np.searchsorted(onset, starts)
    kept: NDArray[np.float64] = starts[inhabited]
    return kept


def _known(families: Iterable[str] | None) -> tuple[str, ...]:
    if families is None:
        return FAMILIES
    chosen = (families,) if isinstance(families, str) else tuple(families)
    for family in chosen:
        if family not in _FAMILIES:
            known = ", ".join(FAMILIES)
            raise ChordmerError(f"no such family of descriptors; there are: {known}", value=family)
    return chosen
