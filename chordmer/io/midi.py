"""Standard MIDI Files: bytes in, notes with a tempo map and a report out.

The reading rules are those of the standard; where files in the wild break it, what is unambiguous
is read and reported, and what is ambiguous or dangerous is refused. `read_midi` lists them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chordmer.errors import MidiError
from chordmer.io import _scan as scanner
from chordmer.io.assemble import DRUMS, note_array, tempo_map, time_signatures
from chordmer.io.limits import Limits, read_file
from chordmer.notes import Report, Symbolic, TempoMap, TextEvent

__all__ = ["read_midi"]

_DEFAULT = Limits()
#: Beyond this a tick does not fit into a sort key with its pitch and channel.
_LAST_TICK = 1 << 50
#: BPM outside of which a tempo is reported as absurd.
_SLOWEST, _FASTEST = 5.0, 1000.0

_FRAMES_PER_SECOND = {24: 24.0, 25: 25.0, 29: 30_000 / 1001, 30: 30.0}
_TEXT_KINDS = {
    1: "text",
    2: "copyright",
    3: "track_name",
    4: "instrument_name",
    5: "lyric",
    6: "marker",
    7: "cue",
    8: "program_name",
    9: "device_name",
}

_REFUSED = {
    scanner.TOO_MANY_TRACKS: "more tracks than the cap",
    scanner.TOO_MANY_NOTES: "more notes than the cap",
    scanner.TOO_MUCH_TEXT: "more text than the cap",
    scanner.LONG_QUANTITY: "variable-length number over four bytes",
    scanner.LENGTH_PAST_END: "a length that leads past the end",
    scanner.NO_STATUS: "running status with nothing before it",
    scanner.DATA_BYTE: "data byte over 127",
    scanner.UNDEFINED_STATUS: "status byte that a file cannot hold",
    scanner.TEMPO_ZERO: "tempo of 0 microseconds a beat",
}

_COUNTS = {
    "unmatched_note_offs": scanner.UNMATCHED,
    "unclosed_notes": scanner.UNCLOSED,
    "malformed_metas": scanner.MALFORMED,
    "running_status_across_metas": scanner.ACROSS,
    "tracks_without_end": scanner.ENDLESS,
    "tracks_cut": scanner.CUT,
    "lengths_past_end": scanner.PAST_END,
    "bytes_after_end_of_track": scanner.TRAILING,
    "alien_chunks": scanner.ALIEN,
    "junk_bytes": scanner.JUNK,
    "further_files": scanner.SECOND,
}
_SENTENCES = {
    "zero_length_notes": "{} notes of no length were dropped",
    "unmatched_note_offs": "{} note-offs without a note were ignored",
    "unclosed_notes": "{} notes are never closed; they last to the end of their track",
    "malformed_metas": "{} malformed meta events were ignored",
    "running_status_across_metas": "running status was kept across {} meta or sysex events",
    "tracks_without_end": "{} tracks have no end-of-track event",
    "tracks_cut": "{} tracks are cut inside their last event",
    "lengths_past_end": "{} tracks announce more bytes than the file has",
    "bytes_after_end_of_track": "{} bytes after an end-of-track event were ignored",
    "junk_bytes": "{} bytes that belong to no chunk were ignored",
    "further_files": "a second file follows the first; it was ignored",
    "absurd_tempi": f"{{}} tempi are below {_SLOWEST:g} or above {_FASTEST:g} BPM",
}


def read_midi(source: Any, *, pedal: bool = False, limits: Limits = _DEFAULT) -> Symbolic:
    """Read a Standard MIDI File."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        data, name, where = bytes(source), "bytes", "bytes"
        if len(data) > limits.file_bytes:
            raise MidiError(
                f"larger than {limits.file_bytes} bytes", source=name, stage="size", value=len(data)
            )
    else:
        where = os.fsdecode(source)
        data, name = read_file(source, limits, MidiError)
    try:
        return _read(data, name, pedal, limits)
    except MidiError as error:
        raise MidiError(error.problem, source=where, stage=error.stage, value=error.value) from None


@dataclass
class _Found:
    """What a file holds beside its notes."""

    data: bytes
    counts: dict[str, int] = field(default_factory=dict)
    assumed: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def count(self, name: str, number: int) -> None:
        if number:
            self.counts[name] = number
            if name in _SENTENCES:
                self.warnings.append(_SENTENCES[name].format(number))


def _read(data: bytes, name: str, pedal: bool, limits: Limits) -> Symbolic:
    found = _Found(data)
    at, tracks, division = _header(found)
    notes, events, tally = _scan(found.data, at, pedal, limits)
    for count, place in _COUNTS.items():
        found.count(count, tally[place])
    if tally[scanner.TRACKS] != tracks:
        found.counts["tracks"] = tally[scanner.TRACKS]
        found.warnings.append(
            f"the header announces {tracks} tracks, {tally[scanner.TRACKS]} were found"
        )
    if not tally[scanner.COMPLETE] and (
        tally[scanner.CUT] or tally[scanner.ENDLESS] or tracks > tally[scanner.TRACKS] == 0
    ):
        raise MidiError("cut before its first note is complete", stage="tracks")

    end_tick = tally[scanner.END_TICK]
    tempi = _tempi(events, division, found)
    seconds = float(tempi.seconds(min(end_tick, _LAST_TICK)))
    if end_tick > _LAST_TICK or seconds > limits.hours * 3600.0:
        raise MidiError(f"longer than {limits.hours:g} hours", stage="length", value=seconds)

    onset, end, what = notes
    sounding = end > onset
    if not sounding.all():
        found.count("zero_length_notes", int(len(onset) - np.count_nonzero(sounding)))
        onset, end, what = onset[sounding], end[sounding], what[sounding]
    if not len(onset):
        found.warnings.append("there are no notes")
    channel = what >> 7 & 15
    pitch = what >> 11
    if pedal:
        end = _sustained(onset, end, what >> 7, events, end_tick)
    array, _ = note_array(
        onset,
        end,
        pitch,
        what & 127,
        channel,
        _programs(onset, channel, events),
        channel == DRUMS,
        tempi,
    )
    return Symbolic(
        array,
        tempi,
        _signatures(events, found),
        _texts(events, tempi, found.data),
        end_tick,
        Report(tuple(found.assumed), MappingProxyType(found.counts), tuple(found.warnings)),
        name,
    )


def _header(found: _Found) -> tuple[int, int, int]:
    """Return where the tracks begin, how many there should be, and the division."""
    data = found.data
    if data[:4] == b"RIFF" and data[8:12] == b"RMID":
        data = found.data = _unwrapped(data)
    at = 0 if data[:4] == b"MThd" else data.find(b"MThd")
    if at < 0:
        raise MidiError("not a MIDI file", stage="header", value=data[:4])
    found.count("junk_bytes_before", at)
    length = int.from_bytes(data[at + 4 : at + 8], "big")
    if length < 6 or len(data) < at + 8 + length:
        raise MidiError("header shorter than 6 bytes, or cut", stage="header", value=length)
    kind, tracks, division = (int.from_bytes(data[at + i : at + i + 2], "big") for i in (8, 10, 12))
    if kind == 2:
        raise MidiError("type 2: independent patterns, not one piece", stage="header", value=kind)
    if kind > 2:
        raise MidiError("unknown type of file", stage="header", value=kind)
    if kind == 0 and tracks > 1:
        found.warnings.append(f"type 0 with {tracks} tracks, read as type 1")
    if division == 0 or division & 0x80FF == 0x8000:
        raise MidiError("division of 0 ticks", stage="header", value=division)
    return at + 8 + length, tracks, division


def _unwrapped(data: bytes) -> bytes:
    """Return the MIDI file inside a RIFF file."""
    at = 12
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        if data[at : at + 4] == b"data":
            return data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
    raise MidiError("RIFF file without MIDI data", stage="RIFF")


def _scan(
    data: bytes, at: int, pedal: bool, limits: Limits
) -> tuple[list[NDArray[np.int64]], list[NDArray[np.int64]], list[int]]:
    """Return the columns of the notes and of the events, and the tally."""
    # A note is at least three bytes and an event two, so these hold whatever the file says.
    capacity = min(limits.notes, len(data) // 3)
    entries = len(data) // 2
    tally: Any
    if scanner.worth_compiling(len(data)):
        notes: Any = tuple(np.empty(capacity, np.int64) for _ in range(4))
        events: Any = tuple(np.empty(entries, np.int64) for _ in range(3))
        queues: Any = (np.full(2048, -1), np.full(2048, -1))
        tally = np.zeros(scanner.TALLY, np.int64)
        refused = scanner.compiled()(
            np.frombuffer(data, np.uint8),
            at,
            limits.tracks,
            limits.text_bytes,
            pedal,
            notes,
            events,
            queues,
            tally,
        )
        tally = tally.tolist()
    else:
        notes = tuple([0] * capacity for _ in range(4))
        events = tuple([0] * entries for _ in range(3))
        queues = ([-1] * 2048, [-1] * 2048)
        tally = [0] * scanner.TALLY
        refused = scanner.scan(
            data, at, limits.tracks, limits.text_bytes, pedal, notes, events, queues, tally
        )
    if refused:
        place = tally[scanner.AT]
        value = {
            scanner.TOO_MANY_TRACKS: limits.tracks,
            scanner.TOO_MANY_NOTES: limits.notes,
            scanner.TOO_MUCH_TEXT: limits.text_bytes,
            scanner.LENGTH_PAST_END: tally[scanner.FOUND],
        }.get(refused, data[place] if place < len(data) else None)
        raise MidiError(
            _REFUSED[refused], stage=f"track {tally[scanner.TRACKS]}, byte {place}", value=value
        )
    n, m = tally[scanner.NOTES], tally[scanner.EVENTS]
    return (
        [np.asarray(column[:n], np.int64) for column in notes[:3]],
        [np.asarray(column[:m], np.int64) for column in events],
        tally,
    )


def _of_kind(
    events: list[NDArray[np.int64]], kind: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return ticks and values of the events of one kind, in file order."""
    ticks, kinds, values = events
    chosen = kinds == kind
    return ticks[chosen], values[chosen]


def _tempi(events: list[NDArray[np.int64]], division: int, found: _Found) -> TempoMap:
    if division & 0x8000:
        frames = 256 - (division >> 8)
        if frames not in _FRAMES_PER_SECOND:
            raise MidiError("unknown SMPTE frame rate", stage="header", value=frames)
        # Time is in frames, there are no beats: let one last half a second, to the nearest tick.
        found.assumed.append("beats of half a second, for time is in SMPTE frames")
        in_frame = division & 255
        beat = max(frames * in_frame // 2, 1)
        length = beat / (_FRAMES_PER_SECOND[frames] * in_frame)
        return TempoMap(np.zeros(1, np.int64), np.array([length]), beat)
    ticks, values = _of_kind(events, scanner.TEMPO)
    # Of several tempi at one tick the last one in the file's order stays.
    lengths = dict(zip(ticks.tolist(), values.tolist()))
    absurd = sum(not _SLOWEST <= 60e6 / length <= _FASTEST for length in lengths.values())
    found.count("absurd_tempi", absurd)
    return tempo_map(
        {tick: length * 1e-6 for tick, length in lengths.items()}, division, found.assumed
    )


def _signatures(events: list[NDArray[np.int64]], found: _Found) -> NDArray[np.void]:
    ticks, values = _of_kind(events, scanner.TIME_SIGNATURE)
    return time_signatures(
        {
            tick: (value >> 8, 1 << (value & 255))
            for tick, value in zip(ticks.tolist(), values.tolist())
        },
        found.assumed,
    )


def _programs(
    onset: NDArray[np.int64], channel: NDArray[np.int64], events: list[NDArray[np.int64]]
) -> NDArray[np.int64]:
    """Return the program of each note: its channel's last at or before its onset, on any track."""
    ticks, values = _of_kind(events, scanner.PROGRAM)
    if not len(ticks):
        return np.zeros(len(onset), np.int64)
    keys = values >> 7 << 51 | ticks
    order = np.argsort(keys, kind="stable")
    place = np.searchsorted(keys[order], channel << 51 | onset, side="right") - 1
    program = values[order][place]
    return np.where((place >= 0) & (program >> 7 == channel), program & 127, 0)


def _texts(events: list[NDArray[np.int64]], tempi: TempoMap, data: bytes) -> tuple[TextEvent, ...]:
    ticks, kinds, values = events
    chosen = kinds < 16
    ticks, kinds, values = ticks[chosen], kinds[chosen], values[chosen]
    if not len(ticks):
        return ()
    order = np.argsort(ticks, kind="stable")
    ticks, kinds, values = ticks[order], kinds[order], values[order]
    return tuple(
        TextEvent(
            tick,
            sec,
            _TEXT_KINDS.get(kind, "text"),
            data[value >> 28 : (value >> 28) + (value & 0xFFFFFFF)],
        )
        for tick, sec, kind, value in zip(
            ticks.tolist(), tempi.seconds(ticks).tolist(), kinds.tolist(), values.tolist()
        )
    )


def _sustained(
    onset: NDArray[np.int64],
    end: NDArray[np.int64],
    key: NDArray[np.int64],
    events: list[NDArray[np.int64]],
    end_tick: int,
) -> NDArray[np.int64]:
    """Return the note ends as the sustain pedal extends them.

    A note that ends while its channel's pedal is down sounds on until the pedal is released, its
    key (pitch << 4 | channel) is struck again, or the piece ends.
    """
    ticks, values = _of_kind(events, scanner.PEDAL)
    if not len(ticks):
        return end
    pedals = values >> 7 << 51 | ticks
    order = np.argsort(pedals, kind="stable")
    pedals, down = pedals[order], (values[order] & 127) >= 64

    # The next release at or after each pedal event, on whatever channel.
    at = np.where(down, len(pedals), np.arange(len(pedals)))
    release = np.minimum.accumulate(at[::-1])[::-1]
    ends = (key & 15) << 51 | end
    last = np.searchsorted(pedals, ends, side="right") - 1
    held = (last >= 0) & down[last] & (pedals[last] >> 51 == key & 15)
    until = np.append(pedals, -1)[release[last]]
    until = np.where(until >> 51 == key & 15, until & (1 << 51) - 1, end_tick)

    strikes = np.append(np.sort(key << 51 | onset), -1)
    again = strikes[np.searchsorted(strikes[:-1], key << 51 | end)]
    until = np.where(again >> 51 == key, np.minimum(until, again & (1 << 51) - 1), until)
    return np.where(held, until, end)
