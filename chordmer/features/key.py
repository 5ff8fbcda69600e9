"""The key of a piece: its tonic, its mode, and how strongly they are felt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chordmer.errors import ChordmerError
from chordmer.features.harte import PITCH_CLASSES
from chordmer.io import read_symbolic

__all__ = [
    "KEY_PROFILES",
    "MAJOR_PROFILE",
    "MINOR_PROFILE",
    "TIE",
    "Key",
    "estimate_key",
    "key_of_profile",
]

#: Probe-tone ratings of the twelve pitch classes above the tonic, Krumhansl & Kessler (1982).
MAJOR_PROFILE = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
MINOR_PROFILE = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)
#: Correlations nearer than this are equal: what parts them is rounding.
TIE = 1e-9


@dataclass(frozen=True, eq=False)
class Key:
    """A key and how well it fits.

    Attributes
    ----------
    tonic : int
        Pitch class, 0 is C.
    mode : {"major", "minor"}
    strength : float
        Pearson correlation, -1 to 1, of the piece's pitch-class profile with that of the key; 0
        where nothing can be told: no notes, or every pitch class as long as every other.
    margin : float
        How far below it the next best key correlates, 0 to 2.
    correlations : ndarray of float64, shape (24,)
        With the 12 major keys from C upwards, then with the 12 minor keys.
    """

    tonic: int
    mode: Literal["major", "minor"]
    strength: float
    margin: float
    correlations: NDArray[np.float64]

    @property
    def name(self) -> str:
        """Name such as ``"F# minor"``."""
        return f"{PITCH_CLASSES[self.tonic]} {self.mode}"

    def __repr__(self) -> str:
        return f"Key({self.name}, strength={self.strength:.3f}, margin={self.margin:.3f})"


def estimate_key(source: Any, *, durations: Literal["beat", "sec"] = "beat") -> Key:
    """Return the key that the pitch-class profile of a piece correlates with best.

    The profile is how long each pitch class sounds altogether. Drums are left out.

    Parameters
    ----------
    source : Symbolic, or anything else `read_symbolic` takes
        For the key of a passage give its rows of the note array.
    durations : {"beat", "sec"}, default="beat"
        What durations are counted in. Tempo has no say in beats; where the beats are nominal, as
        in a transcribed performance with tempo changes, take seconds.

    Returns
    -------
    Key

    Raises
    ------
    ChordmerError
        If `source` cannot be read.

    References
    ----------
    C. L. Krumhansl, E. J. Kessler, "Tracing the dynamic changes in perceived tonal organization in
    a spatial representation of musical keys", Psychological Review 89 (1982): the profiles.

    C. L. Krumhansl, "Cognitive Foundations of Musical Pitch", 1990, chapter 4: the correlation.

    Examples
    --------
    >>> scale = [(beat, 1.0, pitch) for beat, pitch in enumerate([57, 59, 60, 62, 64, 65, 68, 69])]
    >>> fields = [("onset_beat", float), ("duration_beat", float), ("pitch", int)]
    >>> estimate_key(np.array(scale, dtype=fields))
    Key(A minor, strength=0.847, margin=0.296)
    """
    if durations not in ("beat", "sec"):
        raise ChordmerError("durations must be 'beat' or 'sec'", stage="key", value=durations)
    notes = read_symbolic(source).notes
    pitched = ~notes["is_drum"]
    return key_of_notes(notes["pitch"][pitched], notes[f"duration_{durations}"][pitched])


def key_of_notes(pitch: NDArray[np.integer], duration: NDArray[Any]) -> Key:
    """Return the key of notes in order of onset; only where keys fit equally the order matters."""
    profile = np.bincount(pitch % 12, duration, 12)
    return key_of_profile(profile, int(pitch[-1]) % 12 if len(pitch) else 0)


def key_of_profile(profile: ArrayLike, last: int = 0) -> Key:
    """Return the key that a pitch-class profile correlates with best.

    Parameters
    ----------
    profile : array_like of float, shape (12,)
        Weight of each pitch class from C upwards.
    last : int, default=0
        The pitch class a piece ends on. Of keys that fit equally well, as those of an augmented
        triad do, the one whose tonic is there or next above is taken, major before minor: so the
        key moves with the music when that is transposed.
    """
    weights = np.asarray(profile, dtype=np.float64)
    # Shares first: the same whatever unit durations come in, to the last bit.
    total = weights.sum()
    correlations = KEY_PROFILES @ _standard(weights / total if total > 0 else weights)
    fits = correlations.tolist()
    *_, second, best = sorted(fits)
    equal = [key for key, fit in enumerate(fits) if fit >= best - TIE]
    chosen = min(equal, key=lambda key: ((key - last) % 12, key)) if best > TIE else 0
    return Key(
        tonic=chosen % 12,
        mode="minor" if chosen >= 12 else "major",
        strength=best,
        margin=best - second,
        correlations=correlations,
    )


def _standard(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return `x` less its mean, of unit norm; zeros where it is constant."""
    x = x - x.sum() / len(x)
    norm = np.sqrt(x @ x)
    standard: NDArray[np.float64] = x / norm if norm > 1e-12 else x * 0.0
    return standard


#: Row k: the profile of major key k, less its mean and of unit norm; row 12 + k: of minor key k.
KEY_PROFILES = np.stack(
    [
        np.roll(_standard(np.array(profile)), tonic)
        for profile in (MAJOR_PROFILE, MINOR_PROFILE)
        for tonic in range(12)
    ]
)
