"""Chord segmentation: where chords begin and end, and how each is spelled.

There are two rules: ``gap``, the published one, by which a rest between onsets ends a chord, and
``beat``, by which a chord is what sounds in a beat.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from chordmer.errors import ChordmerError
from chordmer.features._beats import beats_of, counting
from chordmer.features._clock import Clock, clock_of
from chordmer.features._spelling import spell_beats, spell_runs
from chordmer.features.harte import NOTE_NAMES
from chordmer.features.key import Key, key_of_notes
from chordmer.features.tempo import TempoEstimate, tempo_is_nominal
from chordmer.io import read_symbolic
from chordmer.notes import Symbolic

__all__ = ["Chords", "segment_chords", "split_by_intervals"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_METHODS = ("gap", "beat")
_SPELLINGS = ("ordered", "set", "pitch_class", "relative")
#: Share of a beat that rounding may take from a gap.
_ROUNDING = 1e-9
_BEAT_UNITS = (1, 2, 4, 8, 16, 32, 64)
#: Below this confidence an estimated tempo is one of onsets at random.
_UNHEARD = 0.1


@dataclass(frozen=True, eq=False)
class Chords:
    """The chords of a piece, in order of time.

    Attributes
    ----------
    tokens : list of str
        A word a chord.
    onset_sec, end_sec : ndarray of float64, shape (k,)
        By gaps a chord lasts from its first onset to its last release, which may come after the
        next chord's onset; by beats it lasts its beat.
    onset_beat, end_beat : ndarray of float64, shape (k,)
        The same in beats, as `beat_unit` and `bpm` count them; quarter notes by default.
    intervals : ndarray of float64, shape (n - 1,)
        From the onset of each of the n pitched notes to that of the next, in measures: the paper's
        note intervals.
    key : Key or None
        What ``spelling="relative"`` relates to.
    tempo : TempoEstimate or None
        What ``bpm="estimate"`` found.
    """

    tokens: list[str]
    onset_sec: Floats
    end_sec: Floats
    onset_beat: Floats
    end_beat: Floats
    intervals: Floats
    key: Key | None
    tempo: TempoEstimate | None
    _piece: Symbolic = field(repr=False)
    _rows: Ints = field(repr=False)
    _first: Ints = field(repr=False)
    _bpm: float | str | None = field(repr=False)
    _beats_joined: int = field(repr=False)

    def __len__(self) -> int:
        return len(self.tokens)

    @cached_property
    def notes(self) -> list[Ints]:
        """Rows of the piece's note array, those of the notes that begin in each chord."""
        return [self._rows[start:stop] for start, stop in pairwise(self._first.tolist())]

    @cached_property
    def note_names(self) -> list[str]:
        """Names of the n pitched notes, such as ``"F#5"``."""
        return [NOTE_NAMES[p] for p in self._piece.notes["pitch"][self._rows].tolist()]

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """What a user should know about the beats, in sentences."""
        found = []
        if self._bpm is None and tempo_is_nominal(self._piece):
            found.append(
                "the file's tempo looks nominal, as its onsets keep no grid of its beats; "
                'bpm="estimate" takes tempo and beats from the onsets'
            )
        if self.tempo is not None and self.tempo.confidence < _UNHEARD:
            found.append(
                f"no tempo is heard in the onsets; {self.tempo.bpm:.0f} BPM is a guess "
                f"(confidence {self.tempo.confidence:.2f})"
            )
        if self._beats_joined > 1:
            found.append(f"there are too many beats; {self._beats_joined} make one chord")
        return tuple(found)


def segment_chords(
    source: Any,
    *,
    method: Literal["gap", "beat"] = "gap",
    spelling: Literal["ordered", "set", "pitch_class", "relative"] = "ordered",
    beats_per_measure: int | None = None,
    beat_unit: int | None = None,
    bpm: float | Literal["estimate"] | None = None,
    split_beats: float = 1.0,
) -> Chords:
    """Return the chords of a piece, drums left out.

    Parameters
    ----------
    source : Symbolic, or anything else `read_symbolic` takes
    method : {"gap", "beat"}, default="gap"
        ``"gap"``, the paper's rule: where an onset comes one beat or more after the one before, a
        chord ends with the earlier and the next begins with the later. ``"beat"``: what sounds in
        each beat is a chord, from the first beat that has a note to the last.
    spelling : {"ordered", "set", "pitch_class", "relative"}, default="ordered"
        How a chord is written; see the notes.
    beats_per_measure : int, default=4
        Beats in a measure, the unit of `Chords.intervals`. It moves no chord: by equation (1) a
        measure of more beats is so much longer.
    beat_unit : int, default=4
        The note value that is a beat: 4 is the quarter note, 8 the eighth. A beat at `bpm` is what
        it is.
    bpm : float or "estimate", optional
        By default the beats are the file's, counted in ticks, so that its tempi do not matter.
        A number makes every beat ``60 / bpm`` seconds long. ``"estimate"`` takes tempo and beats
        from the onsets (`estimate_tempo`), for performances whose file tempo is nominal; onsets
        then count by the nearest twelfth of a beat.
    split_beats : float, default=1
        Beats that part two chords, and beats that one chord of ``method="beat"`` takes.

    Returns
    -------
    Chords

    Raises
    ------
    ChordmerError
        If `source` cannot be read, or a parameter is none of the above.

    Notes
    -----
    The paper takes every piece in 4/4, and so do the defaults, whatever time signature a file has.

    ===========  =============================  ===================================
    spelling     by gaps                        by beats
    ===========  =============================  ===================================
    ordered      notes in order of onset        Harte name with the bass
                 ``D5 D5 F#5 A4``               ``D:maj/5``, else ``A:(2,b3,b7)``
    set          different notes, upwards       the same
                 ``A4 D5 F#5``                  ``A3 D4 F#4``
    pitch_class  pitch classes from C           Harte name without the bass
                 ``D F# A``                     ``D:maj``, else ``C D F# B``
    relative     degrees above the tonic        Harte name upon a degree
                 ``minor|b3 5 b7``              ``minor|b3:maj``, else ``minor|1 2 b5 7``
    ===========  =============================  ===================================

    Notes that start together are ordered from low to high. Where no chord of
    `chordmer.features.harte.QUALITIES` fits, the beat's notes are listed: as Harte's degrees above
    the bass, or as pitch classes. A beat of silence between others is ``N``. The key of
    ``relative`` is that of the whole piece; the bass is left out so that pieces share more words.

    In a beat a pitch counts if it sounds for a quarter at least of the time of that which sounds
    longest there. So passing notes and the tails of a legato fall away.

    References
    ----------
    The MULTISPEC-DNN paper, section III C; C. Harte et al., "Symbolic representation of musical
    chords", ISMIR 2005.

    Examples
    --------
    >>> import chordmer
    >>> chords = segment_chords(chordmer.example(), method="beat", spelling="relative")
    >>> chords.key.name, chords.tokens[:4]
    ('D minor', ['minor|1:min', 'minor|1:min', 'minor|1:min(9)', 'minor|1 b3 4 5 b6 7'])
    """
    beats_per_measure, beat_unit = _checked(
        method, spelling, beats_per_measure, beat_unit, bpm, split_beats
    )
    piece = read_symbolic(source)
    rows = np.flatnonzero(~piece.notes["is_drum"])
    notes = piece.notes if len(rows) == len(piece.notes) else piece.notes[rows]
    clock = clock_of(piece, notes, bpm, beat_unit)
    pitch = notes["pitch"].astype(np.int64)
    key = None
    if spelling == "relative":
        key = key_of_notes(pitch, notes["duration_tick" if bpm is None else "duration_sec"])

    beats_joined = 1
    if not len(notes):
        tokens: list[str] = []
        first = np.zeros(1, dtype=np.int64)
        onset, end, onset_sec, end_sec = np.zeros((4, 0))
    elif method == "gap":
        first = _after_gaps(clock, split_beats)
        tokens = spell_runs(pitch, first, spelling, key)
        begin = first[:-1]
        onset, onset_sec = clock.onset[begin], notes["onset_sec"][begin]
        end = np.maximum.reduceat(clock.end, begin)
        end_sec = np.maximum.reduceat(notes["onset_sec"] + notes["duration_sec"], begin)
    else:
        width = clock.beat * split_beats
        beats = beats_of(clock.onset, clock.end, width)
        beats_joined = round(beats.width / width)
        first = beats.number(clock.onset).searchsorted(np.arange(beats.n + 1))
        counted = counting(clock.onset, clock.end, pitch, beats)
        tokens = spell_beats(counted, int(pitch.min()) // 12 * 12, spelling, key)
        seconds = clock.seconds(beats.edges)
        onset, end = beats.edges[:-1], beats.edges[1:]
        onset_sec, end_sec = seconds[:-1], seconds[1:]
    return Chords(
        tokens=tokens,
        onset_sec=onset_sec,
        end_sec=end_sec,
        onset_beat=onset / clock.beat,
        end_beat=end / clock.beat,
        intervals=(clock.onset[1:] - clock.onset[:-1]) / (clock.beat * beats_per_measure),
        key=key,
        tempo=clock.tempo,
        _piece=piece,
        _rows=rows,
        _first=first,
        _bpm=bpm,
        _beats_joined=beats_joined,
    )


def split_by_intervals(
    names: Sequence[str], intervals: Sequence[float], beats_per_measure: int = 4
) -> list[list[str]]:
    """Return notes gathered into chords by the paper's rule, from the intervals between them.

    Parameters
    ----------
    names : sequence of str, length n
        Notes in order of onset.
    intervals : sequence of float, length n or n - 1
        From each note's onset to the next one's, in measures. The n-th leads out of the passage and
        is not used.
    beats_per_measure : int, default=4
        A chord ends where the interval is 1 beat, that is ``1 / beats_per_measure``, or longer.

    Raises
    ------
    ChordmerError
        If the lengths do not fit, or `beats_per_measure` is below 1.

    References
    ----------
    The MULTISPEC-DNN paper, section III C and tables I and II.

    Examples
    --------
    >>> names = "D5 D5 F5 F#5 E5 D5 B4 G4 G4 A4 B4".split()
    >>> intervals = [0.22, 0.02, 0.09, 0.13, 0.04, 0.33, 0.03, 0.14, 0.63, 0.09, 0.08]
    >>> for chord in split_by_intervals(names, intervals):
    ...     print(*chord)
    D5 D5 F5 F#5 E5 D5
    B4 G4 G4
    A4 B4
    """
    if len(intervals) not in (len(names), len(names) - 1):
        raise ChordmerError(
            "as many intervals as notes are needed, or one fewer",
            stage="chords",
            value=f"{len(names)} notes, {len(intervals)} intervals",
        )
    if not beats_per_measure >= 1:
        raise ChordmerError("a measure has a beat", stage="chords", value=beats_per_measure)
    chords: list[list[str]] = []
    gap = math.inf
    for name, interval in zip(names, [*intervals, 0.0]):
        if gap * beats_per_measure >= 1 - _ROUNDING:
            chords.append([])
        chords[-1].append(name)
        gap = interval
    return chords


def _after_gaps(clock: Clock, split_beats: float) -> Ints:
    """Return where chords begin among the notes, and how many notes there are."""
    gaps = clock.onset[1:] - clock.onset[:-1]
    wide = np.flatnonzero(gaps >= split_beats * clock.beat * (1 - _ROUNDING))
    return np.concatenate(([0], wide + 1, [len(clock.onset)]))


def _checked(
    method: str,
    spelling: str,
    beats_per_measure: int | None,
    beat_unit: int | None,
    bpm: float | str | None,
    split_beats: float,
) -> tuple[int, int]:
    """Return the metre, 4/4 where it is not given, or refuse what makes no sense."""

    def require(holds: bool, name: str, what: str, value: object) -> None:
        if not holds:
            raise ChordmerError(f"{name} must be {what}", stage="segment_chords", value=value)

    require(method in _METHODS, "method", f"one of {', '.join(_METHODS)}", method)
    require(spelling in _SPELLINGS, "spelling", f"one of {', '.join(_SPELLINGS)}", spelling)
    numerator = 4 if beats_per_measure is None else beats_per_measure
    denominator = 4 if beat_unit is None else beat_unit
    require(_whole(numerator), "beats_per_measure", "a whole number, 1 or more", numerator)
    fits = _whole(denominator) and denominator in _BEAT_UNITS
    require(fits, "beat_unit", "1, 2, 4, 8, 16, 32 or 64", denominator)
    fits = bpm is None or bpm == "estimate" or _positive(bpm)
    require(fits, "bpm", 'a number above 0, "estimate" or None', bpm)
    require(_positive(split_beats), "split_beats", "a number above 0", split_beats)
    return numerator, denominator


def _whole(value: Any) -> bool:
    number = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    return number and bool(value >= 1)


def _positive(value: Any) -> bool:
    number = isinstance(value, (int, float, np.integer, np.floating))
    return number and not isinstance(value, bool) and bool(0 < value < math.inf)
