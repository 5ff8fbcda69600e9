"""Notes that do not come from a MIDI file: checked, placed on ticks, made a `Symbolic`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chordmer.errors import ChordmerError, MidiError
from chordmer.io._compiled import worth_compiling
from chordmer.io.assemble import note_array, tempo_map, time_signatures
from chordmer.io.findings import Findings
from chordmer.io.limits import Limits
from chordmer.io.pedal import sustained
from chordmer.notes import Symbolic, TempoMap, TextEvent

__all__ = ["Gathering", "channel_of", "tempi_at_seconds", "ticks_at"]

#: Seconds within which a time lies on its tick: what float64 arithmetic over hours may lose.
_ON_TICK = 1e-6


def channel_of(index: int, is_drum: bool) -> int:
    """Return the channel of instrument `index`: 0 to 15 without 9, which is that of the drums.

    For sources without channels. Instruments take them in turn, so that more than fifteen share.
    """
    return 9 if is_drum else index % 15 + (index % 15 >= 9)


def tempi_at_seconds(
    seconds: ArrayLike, seconds_per_beat: ArrayLike, ticks_per_beat: int, assumed: list[str]
) -> TempoMap:
    """Return the tempo map of tempi whose ascending beginnings are known in seconds."""
    starts = np.asarray(seconds, np.float64)
    lengths = np.asarray(seconds_per_beat, np.float64)
    if len(starts) and starts[0] > 0:
        assumed.append("tempo 120 BPM before the first tempo event")
        starts, lengths = np.append(0.0, starts), np.append(0.5, lengths)
    beats = np.append(0.0, np.cumsum(np.diff(starts) / lengths[:-1]))[: len(starts)]
    ticks = np.rint(beats * ticks_per_beat).astype(np.int64)
    return tempo_map(ticks, lengths, ticks_per_beat, assumed)


def ticks_at(tempi: TempoMap, seconds: ArrayLike) -> NDArray[np.int64]:
    """Return the nearest tick to each time in seconds, shape as given."""
    return np.rint(tempi.beats_at(seconds) * tempi.ticks_per_beat).astype(np.int64)


@dataclass
class Gathering:
    """Where the notes of a source are gathered, and what is to be said of them.

    Parameters
    ----------
    source : str
        Name of the file or kind of object.
    limits : Limits
    error : type of ChordmerError
        What is raised.
    """

    source: str
    limits: Limits
    error: type[ChordmerError] = MidiError

    def __post_init__(self) -> None:
        self.found = Findings()

    def refuse(self, problem: str, value: Any = None) -> ChordmerError:
        """Return the error that says so."""
        return self.error(problem, source=self.source, stage="notes", value=value)

    def _column(self, name: str, values: ArrayLike, low: float, high: float) -> NDArray[Any]:
        column = np.asarray(values)
        if column.ndim != 1 or column.dtype.kind not in "iufb" or column.dtype.itemsize > 8:
            raise self.refuse(f"{name} is no column of numbers", column.dtype)
        if not len(column):
            return column
        good = (column >= low) & (column <= high)
        if not good.all():
            raise self.refuse(f"{name} is not from {low:g} to {high:g}", column[~good][0])
        return column

    def symbolic(
        self,
        *,
        onset: ArrayLike,
        end: ArrayLike,
        pitch: ArrayLike,
        velocity: ArrayLike,
        channel: ArrayLike,
        program: ArrayLike,
        is_drum: ArrayLike,
        tempi: TempoMap,
        in_seconds: bool,
        signatures: Sequence[tuple[int, int, int]] = (),
        texts: Iterable[tuple[int, str, bytes, int]] = (),
        pedals: Sequence[tuple[int, int]] = (),
    ) -> Symbolic:
        """Return the piece.

        Parameters
        ----------
        onset, end : array_like, shape (n,)
            In ticks or in seconds. Times in seconds that lie on no tick are kept; their ticks are
            the nearest ones.
        pitch, velocity, channel, program, is_drum : array_like, shape (n,)
        tempi : TempoMap
        in_seconds : bool
            Whether `onset` and `end` are in seconds.
        signatures : sequence of (tick, numerator, denominator)
        texts : iterable of (tick, kind, raw, track)
            The words of several parts at one time are told apart by their track, from 0.
        pedals : sequence of (tick, channel << 7 | value)
            Where the sustain pedal shall count.
        """
        hours = self.limits.hours * 3600.0
        if np.size(onset) > self.limits.notes:
            raise self.refuse(f"more than {self.limits.notes} notes", np.size(onset))
        last = hours if in_seconds else min(float(1 << 50), float(ticks_at(tempi, hours)))
        start = self._column("onset", onset, 0, last)
        stop = self._column("end", end, 0, last)
        pitches = self._column("pitch", pitch, 0, 127).astype(np.int64)
        velocities = self._column("velocity", velocity, 0, 127).astype(np.int64)
        channels = self._column("channel", channel, 0, 15).astype(np.int64)
        programs = self._column("program", program, 0, 127).astype(np.int64)
        drums = self._column("is_drum", is_drum, 0, 1).astype(np.bool_)

        self.found.count("silent_notes", int(np.count_nonzero(velocities == 0)))
        self.found.count("zero_length_notes", int(np.count_nonzero(stop <= start)))
        ticks, ends = (
            (ticks_at(tempi, start), ticks_at(tempi, stop))
            if in_seconds
            else (start.astype(np.int64), stop.astype(np.int64))
        )
        order = np.argsort(ticks << 11 | pitches << 4 | channels, kind="stable")
        order = order[((velocities > 0) & (stop > start))[order]]
        if not len(order):
            self.found.warnings.append("there are no notes")
        key = (ticks << 11 | pitches << 4 | channels)[order]
        released = until = np.maximum(ends, ticks + 1)[order]
        texts = sorted(texts, key=lambda text: text[0])
        end_tick = max([0, *ends[order], *(tick for tick, *_ in texts[-1:])])
        if pedals:
            until = sustained(key, until, np.array(pedals, np.int64).T, end_tick)

        good = [(t, n, d) for t, n, d in signatures if 0 < n < 256 and 0 < d < 256]
        self.found.count("malformed_time_signatures", len(signatures) - len(good))
        metres = np.array(good, np.int64).reshape(-1, 3).T
        notes = note_array(
            key,
            until,
            velocities[order],
            np.empty((2, 0), np.int64),
            tempi,
            worth_compiling(8 * len(order)),
        )
        notes["program"] = programs[order]
        notes["is_drum"] = drums[order]
        if in_seconds:
            _keep_seconds(notes, tempi, start[order], stop[order], until == released)
        return Symbolic(
            notes,
            tempi,
            time_signatures(metres[0], metres[1], metres[2], self.found.assumed),
            tuple(
                TextEvent(tick, float(tempi.seconds(tick)), kind, raw, track)
                for tick, kind, raw, track in texts
            ),
            int(end_tick),
            self.found.report(),
            self.source,
        )


def _keep_seconds(
    notes: NDArray[np.void],
    tempi: TempoMap,
    start: NDArray[Any],
    stop: NDArray[Any],
    same_end: NDArray[np.bool_],
) -> None:
    """Put times that lie on no tick back into `notes`: those given, not those of their ticks."""
    ends = notes["onset_sec"] + notes["duration_sec"]
    off = np.abs(start - notes["onset_sec"]) > _ON_TICK
    off_end = same_end & (np.abs(stop - ends) > _ON_TICK)
    onset = np.where(off, start, notes["onset_sec"])
    end = np.where(off_end, stop, ends)
    moved = off | off_end
    notes["onset_sec"] = onset
    notes["duration_sec"] = np.where(moved, end - onset, notes["duration_sec"])
    beat = tempi.beats_at(onset)
    notes["onset_beat"] = np.where(off, beat, notes["onset_beat"])
    notes["duration_beat"] = np.where(moved, tempi.beats_at(end) - beat, notes["duration_beat"])
