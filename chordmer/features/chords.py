"""Chord segmentation: where chords begin and end, and how each is spelled.

There are two rules: ``gap``, the published one, by which a rest between onsets ends a chord, and
``beat``, by which a chord is what sounds in a beat.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from chordmer.errors import ChordmerError
from chordmer.features._beats import Beats, beats_of, sounding
from chordmer.features._clock import Clock, clock_of
from chordmer.features._spelling import name_beats, spell_runs
from chordmer.features.harte import NOTE_NAMES
from chordmer.features.key import Key, key_of_notes
from chordmer.features.tempo import TempoEstimate, tempo_is_nominal
from chordmer.io import read_symbolic
from chordmer.notes import Report, Symbolic

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
    key: Key | None
    tempo: TempoEstimate | None
    _piece: Symbolic = field(repr=False)
    _rows: Ints = field(repr=False)
    _clock: Clock = field(repr=False)
    _split: Ints | Beats = field(repr=False)
    _beats_per_measure: int = field(repr=False)

    def __len__(self) -> int:
        return len(self.tokens)

    def __repr__(self) -> str:
        named = "" if self.key is None else f", {self.key.name}"
        return f"Chords({len(self)} of {self._piece.source!r}{named})"

    @cached_property
    def notes(self) -> list[Ints]:
        """Rows of the piece's note array, those of the notes that begin in each chord."""
        split, rows = self._split, self._rows
        offsets = split.offsets(self._clock.onset) if isinstance(split, Beats) else split
        return [rows[start:stop] for start, stop in pairwise(offsets.tolist())]

    @cached_property
    def note_names(self) -> list[str]:
        """Names of the n pitched notes in order of onset, such as ``"F#5"``."""
        return [NOTE_NAMES[p] for p in self._piece.notes["pitch"][self._rows].tolist()]

    @cached_property
    def note_intervals(self) -> Floats:
        """From each of these notes' onset to the next one's, in measures, shape (n - 1,)."""
        onset = self._clock.onset
        intervals: Floats = onset[1:] - onset[:-1]
        return intervals / (self._clock.beat * self._beats_per_measure)

    @cached_property
    def report(self) -> Report:
        """The report of reading the piece, with what is to be known of its beats."""
        beats = []
        if self._clock.tempi is not None and tempo_is_nominal(self._piece):
            beats.append(
                "the file's tempo looks nominal, for its onsets keep no grid of its beats; "
                'bpm="estimate" takes tempo and beats from the onsets'
            )
        if self.tempo is not None and self.tempo.confidence < _UNHEARD:
            beats.append(
                f"no tempo is heard in the onsets; {self.tempo.bpm:.0f} BPM is a guess "
                f"(confidence {self.tempo.confidence:.2f})"
            )
        if isinstance(self._split, Beats) and self._split.joined > 1:
            beats.append(f"there are too many beats; {self._split.joined} make one chord")
        read = self._piece.report
        return replace(read, warnings=(*read.warnings, *beats))


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
        Beats in a measure, which `Chords.note_intervals` are counted in. It moves no chord: by
        equation (1) a measure of more beats is so much longer.
    beat_unit : int, default=4
        The note value that is a beat: 4 is the quarter note, 8 the eighth. A beat at `bpm` is what
        it is.
    bpm : float or "estimate", optional
        By default the beats are the file's, counted in ticks, so that its tempi do not matter.
        A number makes every beat ``60 / bpm`` seconds long. ``"estimate"`` takes tempo and beats
        from the onsets (`estimate_tempo`), for performances whose file tempo is nominal; onsets
        then count by the nearest quarter of a beat.
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

    split: Ints | Beats
    if not len(notes):
        tokens: list[str] = []
        split = np.zeros(1, np.int64)
        onset, end, onset_sec, end_sec = np.zeros((4, 0))
    elif method == "gap":
        split = _after_gaps(clock, split_beats)
        tokens = spell_runs(pitch, split, spelling, key)
        first = split[:-1]
        onset, onset_sec = clock.onset[first], notes["onset_sec"][first]
        end = np.maximum.reduceat(clock.end, first)
        end_sec = np.maximum.reduceat(notes["onset_sec"] + notes["duration_sec"], first)
    else:
        split = beats_of(clock.onset, clock.end, clock.beat * split_beats)
        tokens = name_beats(*sounding(clock.onset, clock.end, pitch, split), spelling, key)
        edges = split.edges
        seconds = clock.seconds(edges)
        onset, end, onset_sec, end_sec = edges[:-1], edges[1:], seconds[:-1], seconds[1:]
    return Chords(
        tokens=tokens,
        onset_sec=onset_sec,
        end_sec=end_sec,
        onset_beat=onset / clock.beat,
        end_beat=end / clock.beat,
        key=key,
        tempo=clock.tempo,
        _piece=piece,
        _rows=rows,
        _clock=clock,
        _split=split,
        _beats_per_measure=beats_per_measure,
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
    fits = bpm is None or (isinstance(bpm, str) and bpm == "estimate") or _in_range(bpm)
    require(fits, "bpm", 'a number from 1e-6 to 1e9, "estimate" or None', bpm)
    require(_in_range(split_beats), "split_beats", "a number from 1e-6 to 1e9", split_beats)
    return numerator, denominator


def _whole(value: Any) -> bool:
    number = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    return number and bool(value >= 1)


def _in_range(value: Any) -> bool:
    number = isinstance(value, (int, float, np.integer, np.floating))
    return number and not isinstance(value, bool) and bool(1e-6 <= value <= 1e9)
