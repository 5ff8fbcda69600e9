"""Standard MIDI Files: bytes in, notes with a tempo map and a report out.

The reading rules are those of the standard; where files in the wild break it, what is unambiguous
is read and reported, and what is ambiguous or dangerous is refused. `read_midi` lists them.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from chordmer.errors import MidiError
from chordmer.io import _scan as scanner
from chordmer.io._compiled import compiled, worth_compiling
from chordmer.io.assemble import note_array, tempo_map, time_signatures
from chordmer.io.convert import from_object
from chordmer.io.findings import Findings
from chordmer.io.limits import Limits, read_file
from chordmer.io.pedal import sustained
from chordmer.notes import Symbolic, TempoMap, TextEvent

__all__ = ["read_midi"]

_DEFAULT = Limits()
#: Beyond this a tick does not fit into a sort key with its pitch and channel.
_LAST_TICK = 1 << 50

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
    "zero_length_notes": scanner.EMPTY,
    "unmatched_note_offs": scanner.UNMATCHED,
    "unclosed_notes": scanner.UNCLOSED,
    "malformed_metas": scanner.MALFORMED,
    "absurd_tempi": scanner.ABSURD,
    "running_status_across_metas": scanner.ACROSS,
    "tracks_without_end": scanner.ENDLESS,
    "tracks_cut": scanner.CUT,
    "lengths_past_end": scanner.PAST_END,
    "bytes_after_end_of_track": scanner.TRAILING,
    "alien_chunks": scanner.ALIEN,
    "junk_bytes": scanner.JUNK,
    "further_files": scanner.SECOND,
}


def read_midi(source: Any, *, pedal: bool = False, limits: Limits = _DEFAULT) -> Symbolic:
    """Read a Standard MIDI File, also one wrapped in RIFF.

    Parameters
    ----------
    source : path, bytes or object
        A ``.mid``, ``.midi``, ``.kar`` or ``.rmi`` file or its bytes; a PrettyMIDI, a symusic Score
        or a note array is converted.
    pedal : bool
        Whether the sustain pedal extends notes: to its release, to the next strike of the key or to
        the end of the piece. Off by default, as notes in a score are, and as emotion models are
        trained on.
    limits : Limits
        Above which a file is refused.

    Returns
    -------
    Symbolic
        Its `report` says what was assumed, repaired or ignored.

    Raises
    ------
    MidiError
        If the file is no MIDI file, is dangerous or ambiguous, or exceeds `limits`.

    Notes
    -----
    How the standard is applied:

    - Tempo and time signature events count on whatever track they stand; of several at one tick
      the last one counts, tracks taken in their order.
    - A note-off closes the oldest open note of its track, channel and pitch; a note-on of velocity
      0 is a note-off. A note that is never closed lasts to the end of its track. Notes of no length
      are dropped, also where the pedal would have held them.
    - Program changes and pedals count for their channel on all tracks, from their tick on and
      before the notes of that tick. Channel 10 is drums.
    - SMPTE divisions of 24, 25, 29.97 and 30 frames are read in seconds; a beat is half a second.
    - Header bytes beyond the sixth, unknown chunks, sysex and F7 packets are skipped; running
      status goes on behind meta events and sysex, which is reported.

    Read with a warning: bytes before the header, after or between the chunks, a second file behind
    the first, another number of tracks than announced, a track without its end or cut inside its
    last event, if at least one complete note stands in the file, a length past the end of the file
    if the end-of-track event is there, bytes after that event, unmatched note-offs, unclosed and
    zero-length notes, no notes at all, malformed meta events (which are ignored), tempi below 5 or
    above 1,000 BPM.

    Refused: anything without a header, types over 1, a division of 0 or of other frame rates, a
    header under 6 bytes, a tempo of 0, data bytes over 127, status bytes that a file cannot hold
    (F1 to F6, F8 to FE), running status with nothing before it, variable-length numbers over four
    bytes, an event longer than its chunk, a file that lacks more of a track than its last event,
    a cut before the first complete note, and whatever exceeds `limits`.

    Sources: Standard MIDI Files 1.0 (RP-001), MIDI 1.0 Detailed Specification 4.2.

    Examples
    --------
    >>> bytes_ = bytes.fromhex(
    ...     "4d546864 00000006 0000 0001 0060"  # type 0, one track, 96 ticks a beat
    ...     "4d54726b 0000000c 00903c40 60803c00 00ff2f00"
    ... )
    >>> piece = read_midi(bytes_)
    >>> piece
    Symbolic('bytes', 1 notes, 0.5 s, 0 warnings)
    >>> piece.report.assumed
    ('tempo 120 BPM', 'time signature 4/4')
    """
    if isinstance(source, (str, os.PathLike)):
        where = os.fsdecode(source)
        data, name = read_file(source, limits, MidiError)
    elif isinstance(source, (bytes, bytearray, memoryview)):
        data, name, where = bytes(source), "bytes", "bytes"
        if len(data) > limits.file_bytes:
            raise MidiError(
                f"larger than {limits.file_bytes} bytes", source=name, stage="size", value=len(data)
            )
    else:
        return from_object(source, pedal, limits)
    try:
        return _read(data, name, pedal, limits)
    except MidiError as error:
        raise MidiError(error.problem, source=where, stage=error.stage, value=error.value) from None


class _Texts(Sequence[TextEvent]):
    """The text events of a file in order of time, made when they are first looked at.

    Half of a song's events are its syllables, and most readers of a corpus never ask for them.
    """

    def __init__(self, texts: NDArray[np.int64], tempi: TempoMap, data: bytes) -> None:
        self._made: tuple[TextEvent, ...] | None = None
        self._found = texts, tempi, data

    def _events(self) -> tuple[TextEvent, ...]:
        if self._made is None:
            texts, tempi, data = self._found
            ticks, kinds, places = texts[:, np.argsort(texts[0], kind="stable")]
            starts = places >> 28
            self._made = tuple(
                TextEvent(tick, sec, _TEXT_KINDS.get(kind, "text"), data[start:stop])
                for tick, sec, kind, start, stop in zip(
                    ticks.tolist(),
                    tempi.seconds(ticks).tolist(),
                    kinds.tolist(),
                    starts.tolist(),
                    (starts + (places & 0xFFFFFFF)).tolist(),
                )
            )
            del self._found
        return self._made

    def __len__(self) -> int:
        return len(self._events())

    @overload
    def __getitem__(self, index: int) -> TextEvent: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[TextEvent, ...]: ...
    def __getitem__(self, index: int | slice) -> TextEvent | tuple[TextEvent, ...]:
        return self._events()[index]

    def __repr__(self) -> str:
        return repr(self._events())

    def __reduce__(self) -> tuple[type, tuple[tuple[TextEvent, ...]]]:
        return tuple, (self._events(),)


def _read(data: bytes, name: str, pedal: bool, limits: Limits) -> Symbolic:
    found = Findings()
    if data[:4] == b"RIFF" and data[8:12] == b"RMID":
        data = _unwrapped(data)
    fast = worth_compiling(len(data))
    at, tracks, division = _header(data, found)
    tables, tally = _scan(data, at, pedal, limits, fast)
    notes, tempo_changes, signatures, programs, pedals, texts = tables
    if any(tally[scanner.EMPTY : scanner.AT]):
        for count, place in _COUNTS.items():
            found.count(count, tally[place])
    if tally[scanner.TRACKS] != tracks:
        found.warnings.append(
            f"the header announces {tracks} tracks, {tally[scanner.TRACKS]} were found"
        )
    if not tally[scanner.COMPLETE] and (
        tally[scanner.CUT] or tally[scanner.ENDLESS] or tracks > tally[scanner.TRACKS] == 0
    ):
        raise MidiError("cut before its first note is complete", stage="tracks")

    tempi = _tempi(tempo_changes, division, found)
    end_tick = tally[scanner.END_TICK]
    seconds = float(tempi.seconds(end_tick))
    if end_tick > _LAST_TICK or seconds > limits.hours * 3600.0:
        raise MidiError(f"longer than {limits.hours:g} hours", stage="length", value=seconds)
    if tally[scanner.EMPTY]:
        notes = notes[:, notes[1] > notes[0] >> 11]
    if not notes.size:
        found.warnings.append("there are no notes")
    key, end, velocity = notes[0], notes[1], notes[2]
    if pedal:
        end = sustained(key, end, pedals, end_tick)
    return Symbolic(
        note_array(key, end, velocity, programs, tempi, fast),
        tempi,
        time_signatures(
            signatures[0], signatures[1] >> 8, 1 << (signatures[1] & 255), found.assumed
        ),
        _Texts(texts.copy(), tempi, data) if texts.size else (),
        end_tick,
        found.report(),
        name,
    )


def _header(data: bytes, found: Findings) -> tuple[int, int, int]:
    """Return where the tracks begin, how many there should be, and the division."""
    at = 0 if data[:4] == b"MThd" else data.find(b"MThd")
    if at < 0:
        raise MidiError("not a MIDI file", stage="header", value=data[:4])
    found.count("junk_bytes_before", at)
    length = int.from_bytes(data[at + 4 : at + 8], "big")
    if length < 6:
        raise MidiError("header shorter than 6 bytes", stage="header", value=length)
    if len(data) < at + 8 + length:
        raise MidiError("header leads past the end", stage="header", value=length)
    kind, tracks, division = struct.unpack_from(">HHH", data, at + 8)
    if kind == 2:
        raise MidiError("type 2: independent patterns, not one piece", stage="header", value=kind)
    if kind > 2:
        raise MidiError("unknown type of file", stage="header", value=kind)
    if kind == 0 and tracks > 1:
        found.warnings.append(f"type 0 with {tracks} tracks, read as type 1")
    if division & 0x8000 and 256 - (division >> 8) not in _FRAMES_PER_SECOND:
        raise MidiError("unknown SMPTE frame rate", stage="header", value=256 - (division >> 8))
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
    data: bytes, at: int, pedal: bool, limits: Limits, fast: bool
) -> tuple[list[NDArray[np.int64]], list[int]]:
    """Return the scanner's tables, without their unused columns, and its tally."""
    size = len(data)
    room = [(rows, size // least) for rows, least in scanner.TABLES]
    room[scanner.NOTES] = (4, min(limits.notes, size // 3))
    tables: Any
    tally: Any
    if fast:
        tables = tuple([np.empty(shape, np.int64) for shape in room])
        tally = np.zeros(scanner.TALLY, np.int64)
        refused = compiled(scanner.scan, *scanner.PARTS)(
            np.frombuffer(data, np.uint8),
            at,
            limits.tracks,
            limits.text_bytes,
            pedal,
            tables,
            np.full((2, 2048), -1),
            tally,
        )
        tally = tally.tolist()
    else:
        tables = tuple([[[0] * columns for _ in range(rows)] for rows, columns in room])
        tally = [0] * scanner.TALLY
        queues = [[-1] * 2048, [-1] * 2048]
        refused = scanner.scan(
            data, at, limits.tracks, limits.text_bytes, pedal, tables, queues, tally
        )
    if refused:
        place = tally[scanner.AT]
        value = {
            scanner.TOO_MANY_TRACKS: limits.tracks,
            scanner.TOO_MANY_NOTES: limits.notes,
            scanner.TOO_MUCH_TEXT: limits.text_bytes,
            scanner.LENGTH_PAST_END: tally[scanner.FOUND],
            scanner.TEMPO_ZERO: 0,
        }.get(refused, data[place] if place < size else None)
        raise MidiError(
            _REFUSED[refused], stage=f"track {tally[scanner.TRACKS]}, byte {place}", value=value
        )
    if fast:
        return [table[:, :count] for table, count in zip(tables, tally)], tally
    return [
        np.array([row[:count] for row in table], np.int64) for table, count in zip(tables, tally)
    ], tally


def _tempi(changes: NDArray[np.int64], division: int, found: Findings) -> TempoMap:
    if division & 0x8000:
        # Time is in frames and there are no beats: one lasts half a second, to the nearest tick.
        found.assumed.append("beats of half a second, for time is in SMPTE frames")
        frames, in_frame = 256 - (division >> 8), division & 255
        beat = frames * in_frame // 2
        length = beat / (_FRAMES_PER_SECOND[frames] * in_frame)
        return TempoMap(np.zeros(1, np.int64), np.array([length]), beat)
    ticks, microseconds = changes
    return tempo_map(ticks, microseconds * 1e-6, division, found.assumed)
