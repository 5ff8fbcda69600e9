"""The note array and the tempo map: the lingua franca of everything symbolic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["NOTE_DTYPE", "TIME_SIGNATURE_DTYPE", "Report", "Symbolic", "TempoMap", "TextEvent"]

#: One row a note. Ticks are exact; beats are quarter notes since the start; seconds follow
#: the tempo map.
NOTE_DTYPE = np.dtype(
    [
        ("onset_tick", np.int64),
        ("duration_tick", np.int64),
        ("onset_beat", np.float64),
        ("duration_beat", np.float64),
        ("onset_sec", np.float64),
        ("duration_sec", np.float64),
        ("pitch", np.int16),
        ("velocity", np.int16),
        ("channel", np.int16),
        ("program", np.int16),
        ("is_drum", np.bool_),
    ]
)

#: One row a change of metre: ``numerator / denominator`` from `tick` on.
TIME_SIGNATURE_DTYPE = np.dtype(
    [("tick", np.int64), ("numerator", np.int16), ("denominator", np.int16)]
)


@dataclass(frozen=True, eq=False)
class TempoMap:
    """Piecewise constant tempo: which second, and which beat, a tick falls on.

    Parameters
    ----------
    ticks : ndarray of int64, shape (k,)
        Where each tempo begins; ascending, without repeats, the first is 0.
    seconds_per_beat : ndarray of float64, shape (k,)
        Length of a quarter note from that tick on.
    ticks_per_beat : int
        Ticks in a quarter note.

    Attributes
    ----------
    starts : ndarray of float64, shape (k,)
        The second at which each tempo begins.
    """

    ticks: NDArray[np.int64]
    seconds_per_beat: NDArray[np.float64]
    ticks_per_beat: int
    starts: NDArray[np.float64] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        starts = np.zeros(len(self.ticks))
        if len(starts) > 1:
            spans = self.ticks[1:] - self.ticks[:-1]
            scale = self.seconds_per_beat / self.ticks_per_beat
            np.cumsum(spans * scale[:-1], out=starts[1:])
        object.__setattr__(self, "starts", starts)

    @property
    def bpm(self) -> NDArray[np.float64]:
        """Quarter notes a minute of each section, shape (k,)."""
        return 60.0 / self.seconds_per_beat

    def seconds(self, ticks: ArrayLike) -> NDArray[np.float64]:
        """Return the time of each tick in seconds, shape as given."""
        ticks = np.asarray(ticks, dtype=np.int64)
        if len(self.ticks) == 1:
            only: NDArray[np.float64] = ticks * (self.seconds_per_beat[0] / self.ticks_per_beat)
            return only
        section = np.searchsorted(self.ticks, ticks, side="right") - 1
        since = ticks - self.ticks[section]
        return self.starts[section] + since * (self.seconds_per_beat[section] / self.ticks_per_beat)

    def beats(self, ticks: ArrayLike) -> NDArray[np.float64]:
        """Return the time of each tick in quarter notes, shape as given."""
        return np.asarray(ticks, dtype=np.int64) / float(self.ticks_per_beat)

    def beats_at(self, seconds: ArrayLike) -> NDArray[np.float64]:
        """Return the fractional quarter note at each time in seconds: the inverse of `seconds`."""
        seconds = np.asarray(seconds, dtype=np.float64)
        section = np.maximum(np.searchsorted(self.starts, seconds, side="right") - 1, 0)
        since = seconds - self.starts[section]
        return self.ticks[section] / self.ticks_per_beat + since / self.seconds_per_beat[section]


@dataclass(frozen=True)
class TextEvent:
    """A text or lyric event: what the file's bytes are, and when.

    `raw` is kept undecoded, because the file does not say its encoding.
    """

    tick: int
    sec: float
    kind: str
    raw: bytes


@dataclass(frozen=True)
class Report:
    """What reading assumed or repaired.

    Attributes
    ----------
    assumed : tuple of str
        Facts the file does not state, for example ``"tempo 120 BPM"``.
    counts : mapping of str to int
        How many things were dropped, unmatched, repaired or ignored, by name; zeros left out.
    warnings : tuple of str
        What a user should know, in sentences.
    """

    assumed: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Symbolic:
    """One piece of symbolic music.

    Attributes
    ----------
    notes : structured ndarray of `NOTE_DTYPE`
        Sorted by onset tick, then pitch, then channel. Notes that start together are neighbours.
    tempo_map : TempoMap
    time_signatures : structured ndarray of `TIME_SIGNATURE_DTYPE`
        Never empty; the first is at tick 0.
    texts : sequence of TextEvent
        Lyric, text and marker events in order of time.
    end_tick : int
        Where the last track ends.
    report : Report
    source : str
        Name of the file, or the kind of object, it came from.
    """

    notes: NDArray[np.void]
    tempo_map: TempoMap
    time_signatures: NDArray[np.void]
    texts: Sequence[TextEvent] = ()
    end_tick: int = 0
    report: Report = field(default_factory=Report)
    source: str = "notes"

    def __repr__(self) -> str:
        return (
            f"Symbolic({self.source!r}, {len(self.notes)} notes, {self.duration:.1f} s, "
            f"{len(self.report.warnings)} warnings)"
        )

    @property
    def duration(self) -> float:
        """Seconds from the start to the end of the last note."""
        if len(self.notes) == 0:
            return 0.0
        return float((self.notes["onset_sec"] + self.notes["duration_sec"]).max())

    @property
    def pitched(self) -> NDArray[np.void]:
        """The notes that are not drums."""
        pitched: NDArray[np.void] = self.notes[~self.notes["is_drum"]]
        return pitched
