"""The scanner: what the bytes of a Standard MIDI File say, every read bounds-checked.

The functions here are the subset of Python that numba compiles, so the same source runs two ways:
as it stands over `bytes` and lists, for a single small file, without waiting for a compiler; and
compiled over arrays, for corpora. `scanner` chooses. Compiled code checks no index of its own,
therefore each subscript below stands behind a comparison with `stop` or with a buffer's length.

Source: MIDI 1.0 Detailed Specification 4.2 and Standard MIDI Files 1.0 (RP-001).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

# What an entry of the events buffer is. 1 to 15 are the text metas by their own type byte.
TEMPO, TIME_SIGNATURE, PROGRAM, PEDAL = 0x51, 0x58, 0x80, 0x81

# Places in the tally.
NOTES, EVENTS, TRACKS, END_TICK, TEXT = range(5)
COMPLETE, UNMATCHED, UNCLOSED, MALFORMED, ACROSS = range(5, 10)
ENDLESS, CUT, PAST_END, TRAILING, ALIEN, JUNK, SECOND = range(10, 17)
AT, FOUND, MISSING = range(17, 20)
TALLY = 20

# Why a file is refused: what `scan` returns where it is not zero.
TOO_MANY_TRACKS, TOO_MANY_NOTES, TOO_MUCH_TEXT, LONG_QUANTITY, LENGTH_PAST_END = range(1, 6)
NO_STATUS, DATA_BYTE, UNDEFINED_STATUS, TEMPO_ZERO = range(6, 10)

_MTHD, _MTRK = 0x4D546864, 0x4D54726B
#: A track cut this close to its announced end lacks at most its end-of-track event.
_END_OF_TRACK = 7


def uint32(data: Any, at: int) -> int:
    """Return the big-endian number in the four bytes at `at`, which the caller has checked."""
    number: int = data[at] * 16777216 + data[at + 1] * 65536 + data[at + 2] * 256 + data[at + 3] * 1
    return number


def quantity(data: Any, at: int, stop: int) -> tuple[int, int]:
    """Return a variable-length number and where it ends; -1 if cut, -2 if over four bytes."""
    value = 0
    for i in range(4):
        if at + i >= stop:
            return 0, -1
        value = value * 128 + (data[at + i] & 127)
        if data[at + i] < 128:
            return value, at + i + 1
    return 0, -2


def scan_track(
    data: Any,
    at: int,
    stop: int,
    declared: int,
    max_text: int,
    keep_pedal: bool,
    notes: Any,
    events: Any,
    queues: Any,
    tally: Any,
) -> int:
    """Read one track from `at`; `stop` is where its bytes end, `declared` where it says they do.

    Notes are paired first-in first-out: each pitch of each channel has a queue of the notes that
    sound, linked through `following`. Returns 0 or why the file is refused; where it stopped is in
    ``tally[AT]``, and in ``tally[MISSING]`` how many bytes are known to be missing where the track
    was cut inside an event, 0 where it only lacks its end, -1 where it ends properly.
    """
    onset, end, what, following = notes
    event_tick, event_kind, event_value = events
    first_open, last_open = queues
    n = tally[NOTES]
    m = tally[EVENTS]
    first = n
    complete = 0
    tick = 0
    delta = 0
    status = 0
    across = False
    missing = 0
    refused = 0
    while at < stop:
        begins = at
        delta = data[at] * 1
        at += 1
        if delta > 127:
            delta, at = quantity(data, begins, stop)
            if at == -1:
                delta, at, missing = 0, stop, 3
                break
            if at == -2:
                refused, at = LONG_QUANTITY, begins
                break
        tick += delta
        if at >= stop:
            missing = 3
            break
        byte = data[at] * 1

        if byte >= 0xF0:  # meta event, or system exclusive; both begin with their length
            begins = at
            kind = byte
            at += 1
            if byte == 0xFF:
                if at >= stop:
                    missing = 1
                    break
                kind = data[at] * 1
                at += 1
                if kind > 127:
                    refused, at = DATA_BYTE, at - 1
                    break
            elif byte != 0xF0 and byte != 0xF7:
                refused, at = UNDEFINED_STATUS, begins
                break
            length, at = quantity(data, at, stop)
            if at == -1:
                at, missing = stop, 1
                break
            if at == -2:
                refused, at = LONG_QUANTITY, begins
                break
            if length > declared - at:
                refused, at, tally[FOUND] = LENGTH_PAST_END, begins, length
                break
            if length > stop - at:
                at, missing = stop, length - (stop - at)
                break
            across = True
            if kind == 0x2F:
                if length:
                    tally[MALFORMED] += 1
                at += length
                missing = -1
                break
            value = -1
            if 1 <= kind <= 15:
                tally[TEXT] += length
                if tally[TEXT] > max_text:
                    refused, at = TOO_MUCH_TEXT, begins
                    break
                if length:
                    value = at * 268435456 + length
            elif kind == TEMPO:
                if length != 3:
                    tally[MALFORMED] += 1
                else:
                    value = data[at] * 65536 + data[at + 1] * 256 + data[at + 2] * 1
                    if value == 0:
                        refused, at = TEMPO_ZERO, begins
                        break
            elif kind == TIME_SIGNATURE:
                if length != 4 or data[at] == 0 or data[at + 1] > 7:
                    tally[MALFORMED] += 1
                else:
                    value = data[at] * 256 + data[at + 1]
            elif kind == 0x59 and (
                length != 2 or (data[at] + 7 & 255) > 14 or data[at + 1] > 1
            ):  # a key signature: -7 to 7 sharps as a signed byte, then 0 major or 1 minor
                tally[MALFORMED] += 1
            if value >= 0 and m < len(event_tick):
                event_tick[m] = tick
                event_kind[m] = kind
                event_value[m] = value
                m += 1
            at += length
            continue

        if byte > 127:
            status = byte
            across = False
            at += 1
        elif status == 0:
            refused = NO_STATUS
            break
        elif across:  # the standard ends running status there; many a writer does not
            tally[ACROSS] += 1
            across = False
        voice = status >> 4
        channel = status & 15
        size = 1 if voice == 12 or voice == 13 else 2
        if size > stop - at:
            at, missing = stop, size - (stop - at)
            break
        pitch = data[at] * 1
        velocity = 0
        if size == 2:
            velocity = data[at + 1] * 1
        if pitch > 127 or velocity > 127:
            refused = DATA_BYTE
            if pitch < 128:
                at += 1
            break
        at += size

        if voice == 9 and velocity > 0:
            if n >= len(onset):
                refused, at = TOO_MANY_NOTES, begins
                break
            queue = pitch * 16 + channel
            onset[n] = tick
            end[n] = -1
            what[n] = queue * 128 + velocity
            following[n] = -1
            if first_open[queue] < 0:
                first_open[queue] = n
            else:
                following[last_open[queue]] = n
            last_open[queue] = n
            n += 1
        elif voice == 8 or voice == 9:
            queue = pitch * 16 + channel
            note = first_open[queue]
            if note < 0:
                tally[UNMATCHED] += 1
            else:
                end[note] = tick
                complete += tick > onset[note]
                first_open[queue] = following[note]
        elif voice == 12 or (keep_pedal and voice == 11 and pitch == 64):
            if m < len(event_tick):
                event_tick[m] = tick
                event_kind[m] = PROGRAM if voice == 12 else PEDAL
                event_value[m] = channel * 128 + (pitch if voice == 12 else velocity)
                m += 1

    if missing > 0:  # an event that was cut does not count, nor does the time before it
        tick -= delta
    for note in range(first, n):
        if end[note] < 0:
            end[note] = tick
            first_open[what[note] >> 7] = -1
            tally[UNCLOSED] += 1
    tally[NOTES] = n
    tally[COMPLETE] += complete
    tally[EVENTS] = m
    tally[END_TICK] = max(tally[END_TICK], tick)
    tally[AT] = at
    tally[MISSING] = missing
    return refused


def scan(
    data: Any,
    at: int,
    max_tracks: int,
    max_text: int,
    keep_pedal: bool,
    notes: Any,
    events: Any,
    queues: Any,
    tally: Any,
) -> int:
    """Read the chunks that follow the header, from `at` on.

    Parameters
    ----------
    data : bytes or ndarray of uint8
        The whole file.
    at : int
        Where the header ends.
    max_tracks, max_text : int
        Caps on tracks and on bytes of text. The cap on notes is the length of their buffers.
    keep_pedal : bool
        Whether sustain pedal events are wanted.
    notes : tuple of four ndarrays of int64 or lists of int, each of shape (n,)
        Filled with one entry a note, in file order: onset tick, end tick,
        pitch << 11 | channel << 7 | velocity, and the next note of its queue.
    events : tuple of three ndarrays of int64 or lists of int, each of shape (m,)
        Filled with tick, kind and value of the tempi, time signatures, programs, pedals and texts
        in file order. A text's value is position << 28 | length. No event is under two bytes, so
        buffers of half the file's length hold all.
    queues : tuple of two ndarrays of int64 or lists of int, each of shape (2048,)
        Working space: first and last sounding note by pitch and channel, all -1.
    tally : ndarray of int64 or list of int, shape (TALLY,)
        Zeros; filled with the counts.

    Returns
    -------
    int
        0, or why the file is refused, with the place in ``tally[AT]``.
    """
    size = len(data)
    while size - at >= 8:
        kind = uint32(data, at)
        declared = at + 8 + uint32(data, at + 4)
        if kind == _MTRK:
            if tally[TRACKS] >= max_tracks:
                tally[AT] = at
                return TOO_MANY_TRACKS
            tally[TRACKS] += 1
            refused = scan_track(
                data,
                at + 8,
                min(declared, size),
                declared,
                max_text,
                keep_pedal,
                notes,
                events,
                queues,
                tally,
            )
            if refused:
                return refused
            if tally[MISSING] < 0 and declared > size:
                tally[PAST_END] += 1
                at = tally[AT]
                continue
            if tally[MISSING] < 0:
                tally[TRAILING] += declared - tally[AT]
            else:
                if tally[MISSING]:
                    tally[CUT] += 1
                else:
                    tally[ENDLESS] += 1
                if declared - size > tally[MISSING] + _END_OF_TRACK:
                    tally[AT] = at + 4
                    tally[FOUND] = declared - at - 8
                    return LENGTH_PAST_END
            at = declared
        elif kind == _MTHD:
            tally[SECOND] = 1
            return 0
        else:
            named = True
            for i in range(4):
                named = named and 32 <= data[at + i] < 127
            if named and declared <= size:
                tally[ALIEN] += 1
                at = declared
            else:
                begins = at
                while size - at >= 8 and uint32(data, at) != _MTRK:
                    at += 1
                tally[JUNK] += at - begins
    if at < size:
        tally[JUNK] += size - at
    return 0


#: A process that has read more than this compiles. Plain reading takes about 0.5 s a MB; importing
#: numba and loading the compiled scanner from its cache takes as long as 1 MB, compiling it 2 s.
_PLAIN_BYTES = 1_000_000

_compiled: Callable[..., int] | None = None
_bytes_read = 0


def compiled() -> Callable[..., int]:
    """Return `scan` compiled by numba, from its cache where that can be written."""
    global _compiled
    if _compiled is None:
        from numba import njit
        from numba.extending import register_jitable

        for part in (uint32, quantity, scan_track):
            register_jitable(part)
        try:
            _compiled = njit(scan, cache=True, nogil=True)
        except RuntimeError:  # no folder for the cache
            _compiled = njit(scan, nogil=True)
    return _compiled


def worth_compiling(size: int) -> bool:
    """Whether the next `size` bytes are better read by the compiled scanner."""
    global _bytes_read
    _bytes_read += size
    return _compiled is not None or _bytes_read > _PLAIN_BYTES
