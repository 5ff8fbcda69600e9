"""Names of notes and chords, the latter in Harte syntax.

A set of pitch classes travels as a mask: a whole number whose bit k is set where pitch class k
(0 is C) belongs to the set. There are 4,096 of them, so that every name is made once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from types import MappingProxyType

__all__ = [
    "DEGREES",
    "NOTE_NAMES",
    "NO_CHORD",
    "PITCH_CLASSES",
    "QUALITIES",
    "chord_name",
    "mask_of",
    "spell",
    "transpose",
]

#: Pitch classes from C upwards, with the paper's sharps.
PITCH_CLASSES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
#: MIDI pitches 0 to 127; 60 is C4, the paper's octaves.
NOTE_NAMES = tuple(f"{PITCH_CLASSES[pitch % 12]}{pitch // 12 - 1}" for pitch in range(128))
#: Semitones above a root or tonic, as degrees of its major scale.
DEGREES = ("1", "b2", "2", "b3", "3", "4", "b5", "5", "b6", "6", "b7", "7")
#: Harte's name for silence.
NO_CHORD = "N"

#: The chords that have a name, as semitones above the root. Of two names that fit without their
#: root in the bass, the earlier is taken: A:min7 and not C:maj6, F:sus4 and not A#:sus2.
QUALITIES: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {
        "maj": (0, 4, 7),
        "min": (0, 3, 7),
        "7": (0, 4, 7, 10),
        "maj7": (0, 4, 7, 11),
        "min7": (0, 3, 7, 10),
        "dim": (0, 3, 6),
        "aug": (0, 4, 8),
        "hdim7": (0, 3, 6, 10),
        "dim7": (0, 3, 6, 9),
        "minmaj7": (0, 3, 7, 11),
        "maj6": (0, 4, 7, 9),
        "min6": (0, 3, 7, 9),
        "sus4": (0, 5, 7),
        "sus2": (0, 2, 7),
        "maj9": (0, 2, 4, 7, 11),
        "min9": (0, 2, 3, 7, 10),
        "9": (0, 2, 4, 7, 10),
        "maj(9)": (0, 2, 4, 7),
        "min(9)": (0, 2, 3, 7),
        "maj(11)": (0, 4, 5, 7),
        "min(11)": (0, 3, 5, 7),
        "maj6(9)": (0, 2, 4, 7, 9),
        "sus4(b7)": (0, 5, 7, 10),
        "7(*5)": (0, 4, 10),
        "maj7(*5)": (0, 4, 11),
        "min7(*5)": (0, 3, 10),
        "maj(*5)": (0, 4),
        "min(*5)": (0, 3),
        "5": (0, 7),
        "1": (0,),
    }
)


def mask_of(pitches: Iterable[int]) -> int:
    """Return the mask of the pitch classes of `pitches`.

    >>> bin(mask_of([60, 64, 67, 72]))
    '0b10010001'
    """
    mask = 0
    for pitch in pitches:
        mask |= 1 << pitch % 12
    return mask


def transpose(mask: int, semitones: int) -> int:
    """Return the mask of a set that many semitones higher."""
    semitones %= 12
    return (mask << semitones | mask >> (12 - semitones)) & 0xFFF


_SHAPES = {
    mask_of(tones): (rank, quality) for rank, (quality, tones) in enumerate(QUALITIES.items())
}


@cache
def _reading(mask: int, bass: int | None) -> tuple[int, str] | None:
    """Return root and quality of a set, or None where no name fits."""
    found = [
        (root != bass, *_SHAPES[shape], root)
        for root in range(12)
        if (shape := transpose(mask, -root)) in _SHAPES
    ]
    if not found:
        return None
    _, _, quality, root = min(found)
    return root, quality


@cache
def spell(mask: int, names: tuple[str, ...] = PITCH_CLASSES) -> str:
    """Return the members of a set from pitch class 0 upwards, separated by spaces.

    >>> spell(mask_of([67, 60, 64]))
    'C E G'
    """
    return " ".join(name for k, name in enumerate(names) if mask >> k & 1)


@cache
def chord_name(mask: int, bass: int | None = None, names: tuple[str, ...] = PITCH_CLASSES) -> str:
    """Return the name of a chord in Harte syntax.

    Parameters
    ----------
    mask : int
        The chord's pitch classes.
    bass : int, optional
        Pitch class of its lowest note. A name whose root is the bass is preferred; where another
        note is in the bass, its degree follows a slash. None leaves the bass out of the name.
    names : tuple of 12 str
        What to call pitch classes; `DEGREES` for a chord that is counted from a tonic.

    Returns
    -------
    str
        ``"N"`` for the empty set. Where no entry of `QUALITIES` fits, the list of degrees above the
        bass, which is Harte syntax too, or without a bass the members of the set.

    References
    ----------
    C. Harte, M. Sandler, S. Abdallah, E. Gómez, "Symbolic representation of musical chords: a
    proposed syntax for text annotations", ISMIR 2005.

    Examples
    --------
    >>> chord_name(mask_of([64, 67, 72])), chord_name(mask_of([64, 67, 72]), bass=4)
    ('C:maj', 'C:maj/3')
    >>> chord_name(mask_of([60, 61, 67])), chord_name(mask_of([60, 61, 67]), bass=0)
    ('C C# G', 'C:(b2,5)')
    >>> chord_name(mask_of([7, 11, 14]), names=DEGREES)
    '5:maj'
    """
    if not mask:
        return NO_CHORD
    reading = _reading(mask, bass)
    if reading is not None:
        root, quality = reading
        inversion = "" if bass is None or bass == root else f"/{DEGREES[(bass - root) % 12]}"
        return f"{names[root]}:{quality}{inversion}"
    if bass is None:
        return spell(mask, names)
    _, *above = spell(transpose(mask, -bass), DEGREES).split()
    return f"{names[bass]}:({','.join(above)})"
