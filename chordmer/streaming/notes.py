"""Notes out of a stream of MIDI events, with no more of the past than is wanted."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chordmer.errors import MidiError
from chordmer.notes import NOTE_DTYPE, TIME_SIGNATURE_DTYPE, Symbolic, TempoMap

__all__ = ["NoteStream"]

_DRUMS = 9
_PORTS = 256
#: Notes in what is kept of the past; ten times what the densest minute of real music holds.
_MOST_NOTES = 100_000
_MOST_TEMPI = 1000
_NOTE_OFF, _NOTE_ON, _PROGRAM, _META = 0x80, 0x90, 0xC0, 0xFF
_END, _TEMPO, _METRE = 0x2F, 0x51, 0x58


@dataclass(slots=True, eq=False)
class _Note:
    """A note that has begun; `end` is infinite while it sounds."""

    onset: float
    onset_beat: float
    pitch: int
    velocity: int
    channel: int
    program: int
    end: float = math.inf
    end_beat: float = math.inf


class NoteStream:
    """The notes of a stream of MIDI events.

    Parameters
    ----------
    ticks_per_beat : int, default 480
        Of the ticks that notes are given, since other rooms count in them; seconds stay exact.

    Attributes
    ----------
    now : float
        Seconds the stream has reached.
    first, last : float or None
        Onset of the first and the newest note that is no drum; None before there is one.

    Notes
    -----
    A note-off closes the oldest open note of its port, channel and pitch, and a note-on of velocity
    0 is a note-off, as in `chordmer.io.read_midi`; the end of a track closes what its port left
    open. Program changes, tempi and time signatures count from where they come in the stream.
    """

    def __init__(self, *, ticks_per_beat: int = 480) -> None:
        self.ticks_per_beat = ticks_per_beat
        self.now = 0.0
        self.first: float | None = None
        self.last: float | None = None
        self._ended = 0.0
        self._notes: deque[_Note] = deque()
        self._open: dict[tuple[int, int, int], deque[_Note]] = {}
        self._sounding = 0
        self._programs = [0] * 16
        self._metre = (4, 4)
        #: Beat and second at which each tempo begins, and its seconds a beat.
        self._tempi: list[tuple[float, float, float]] = [(0.0, 0.0, 0.5)]

    @property
    def duration(self) -> float:
        """Seconds from the start to the end of the last note, or to now while one sounds."""
        return self.now if self._open else self._ended

    def push(self, events: Iterable[Any], *, now: float | None = None) -> None:
        """Take in events.

        Parameters
        ----------
        events : iterable of (seconds, message) or (seconds, message, port)
            In order of time. A message is its MIDI bytes, or an object whose ``bytes()`` are them,
            such as mido's; tempi, time signatures and ends of tracks are meta messages. Others
            than these, notes and program changes are passed over. Ports, 0 to 255, keep the notes
            of one keyboard, or of one track of a file, from being closed by another's.
        now : float, optional
            Seconds that the stream has reached without a further event.

        Raises
        ------
        MidiError
            If time runs backwards, a message is none, or more notes come than any music holds.
        """
        for event in events:
            try:
                second, message, *port = event
                data = bytes(message.bytes() if hasattr(message, "bytes") else message)
                where = int(port[0]) if port else 0
            except (TypeError, ValueError) as error:
                raise _refused(f"not (seconds, message): {error}", event) from error
            self._reach(second)
            if not data or not 0 <= where < _PORTS:
                raise _refused("no message, or a port that is not 0 to 255", event)
            self._take(data, where, event)
        if now is not None:
            self._reach(now)

    def _reach(self, second: Any) -> None:
        try:
            reached = float(second)
        except (TypeError, ValueError) as error:
            raise _refused("a time must be a number of seconds", second) from error
        if not self.now <= reached < math.inf:
            raise _refused(f"time must go on from {self.now:.3f} s", second)
        self.now = reached

    def _take(self, data: bytes, port: int, event: Any) -> None:
        kind, channel = data[0] & 0xF0, data[0] & 0x0F
        if data[0] == _META:
            self._take_meta(data, port)
        elif kind in (_NOTE_OFF, _NOTE_ON):
            if len(data) != 3 or max(data[1:]) > 127:
                raise _refused("not the bytes of a note", event)
            key = (port, channel, data[1])
            if kind == _NOTE_ON and data[2]:
                self._begin(key, data[2], event)
            else:
                self._close(key)
        elif kind == _PROGRAM:
            if len(data) != 2 or data[1] > 127:
                raise _refused("not the bytes of a program change", event)
            self._programs[channel] = data[1]

    def _take_meta(self, data: bytes, port: int) -> None:
        if data[1:2] == bytes((_END,)):
            for key in [key for key in self._open if key[0] == port]:
                while key in self._open:
                    self._close(key)
        elif data[1:3] == bytes((_TEMPO, 3)) and len(data) == 6:
            if microseconds := int.from_bytes(data[3:], "big"):
                self._set_tempo(microseconds / 1e6)
        elif data[1:3] == bytes((_METRE, 4)) and len(data) == 7 and data[3] and data[4] < 8:
            self._metre = (data[3], 1 << data[4])

    def _set_tempo(self, seconds_per_beat: float) -> None:
        beat = self._beat(self.now)
        if self._tempi[-1][1] == self.now:
            self._tempi.pop()
        self._tempi.append((beat, self.now, seconds_per_beat))
        if len(self._tempi) > _MOST_TEMPI:
            # What is long past becomes one tempo, its mean.
            past = self._tempi[len(self._tempi) // 2 :]
            self._tempi = [(0.0, 0.0, past[0][1] / past[0][0]), *past]

    def _beat(self, second: float) -> float:
        beat, since, seconds_per_beat = self._tempi[-1]
        return beat + (second - since) / seconds_per_beat

    def _begin(self, key: tuple[int, int, int], velocity: int, event: Any) -> None:
        if max(len(self._notes), self._sounding) >= _MOST_NOTES:
            raise _refused(f"more than {_MOST_NOTES} notes at once", event)
        _, channel, pitch = key
        note = _Note(
            *(self.now, self._beat(self.now), pitch, velocity, channel, self._programs[channel])
        )
        self._notes.append(note)
        self._open.setdefault(key, deque()).append(note)
        self._sounding += 1
        if channel != _DRUMS:
            self.first = self.now if self.first is None else self.first
            self.last = self.now

    def _close(self, key: tuple[int, int, int]) -> None:
        if waiting := self._open.get(key):
            note = waiting.popleft()
            note.end, note.end_beat = self.now, self._beat(self.now)
            self._sounding -= 1
            if note.end > note.onset:
                self._ended = self.now
            if not waiting:
                del self._open[key]

    def forget(self, before: float) -> None:
        """Forget the notes that began before a second, those that still sound too."""
        while self._notes and self._notes[0].onset < before:
            self._notes.popleft()

    def next_onset(self, start: float) -> float:
        """Return when the first note that is kept begins from `start` on; infinite if none does."""
        return next((note.onset for note in self._notes if note.onset >= start), math.inf)

    def notes(self, start: float, end: float) -> NDArray[np.void]:
        """Return the notes that begin in a stretch of time; in seconds they are cut where it ends.

        Parameters
        ----------
        start, end : float
            In seconds; notes that begin from `start` on and before `end`.

        Returns
        -------
        structured ndarray of `NOTE_DTYPE`
            Sorted by onset, pitch and channel. A note that still sounds ends now.
        """
        found = [
            note
            for note in self._notes
            if start <= note.onset < end and note.onset < min(note.end, self.now)
        ]
        found.sort(key=lambda note: (note.onset, note.pitch, note.channel))
        rows = np.zeros(len(found), NOTE_DTYPE)
        for row, note in zip(rows, found):
            row["onset_sec"], row["onset_beat"] = note.onset, note.onset_beat
            row["duration_sec"] = min(min(note.end, self.now) - note.onset, end - note.onset)
            row["duration_beat"] = min(note.end_beat, self._beat(self.now)) - note.onset_beat
            row["pitch"], row["velocity"] = note.pitch, note.velocity
            row["channel"], row["program"] = note.channel, note.program
            row["is_drum"] = note.channel == _DRUMS
        for name in ("onset", "duration"):
            rows[f"{name}_tick"] = np.rint(rows[f"{name}_beat"] * self.ticks_per_beat)
        return rows

    def piece(self, start: float, end: float) -> Symbolic:
        """Return the notes of a stretch of time as a piece; see `notes`."""
        ticks = np.rint([beat * self.ticks_per_beat for beat, _, _ in self._tempi])
        ticks, last = np.unique(ticks.astype(np.int64)[::-1], return_index=True)
        lengths = np.array([length for _, _, length in self._tempi])[::-1][last]
        numerator, denominator = self._metre
        return Symbolic(
            self.notes(start, end),
            TempoMap(ticks, lengths, self.ticks_per_beat),
            np.array([(0, numerator, denominator)], TIME_SIGNATURE_DTYPE),
            source="stream",
        )


def _refused(problem: str, value: Any) -> MidiError:
    return MidiError(problem, source="stream", stage="event", value=value)
