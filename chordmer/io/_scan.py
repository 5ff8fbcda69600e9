"""The scanner: what the bytes of a Standard MIDI File say, every read bounds-checked.

The functions here are the subset of Python that numba compiles, so the same source runs two ways:
as it stands over `bytes` and lists, for a single small file, without waiting for a compiler; and
compiled over arrays, for corpora; `_compiled.py` chooses. Compiled code checks no index of its own,
so each subscript below stands behind a comparison with `stop` or with the length of its table.

Source: MIDI 1.0 Detailed Specification 4.2 and Standard MIDI Files 1.0 (RP-001).
"""

from __future__ import annotations

from typing import Any

# Places in the tally; the first six also are the places of the tables.
NOTES, TEMPI, SIGNATURES, PROGRAMS, PEDALS, TEXTS = range(6)
TRACKS, END_TICK, TEXT_BYTES, COMPLETE = range(6, 10)
EMPTY, UNMATCHED, UNCLOSED, MALFORMED, ABSURD, ACROSS = range(10, 16)
ENDLESS, CUT, PAST_END, TRAILING, ALIEN, JUNK, SECOND = range(16, 23)
AT, FOUND, MISSING = range(23, 26)
TALLY = 26

#: Rows of each table, and the fewest bytes that one of its columns takes in a file: room for a
#: column each so many bytes holds all, whatever the file says.
TABLES = ((4, 3), (2, 7), (2, 8), (2, 2), (2, 3), (3, 5))

# Why a file is refused: what `scan` returns where it is not zero.
TOO_MANY_TRACKS, TOO_MANY_NOTES, TOO_MUCH_TEXT, LONG_QUANTITY, LENGTH_PAST_END = range(1, 6)
NO_STATUS, DATA_BYTE, UNDEFINED_STATUS, TEMPO_ZERO = range(6, 10)

_MTHD, _MTRK = 0x4D546864, 0x4D54726B
#: Microseconds a beat outside of which a tempo is absurd: 1,000 and 5 BPM.
_FASTEST, _SLOWEST = 60_000, 12_000_000
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
    tables: Any,
    queues: Any,
    tally: Any,
) -> int:
    """Read one track from `at`; `stop` is where its bytes end, `declared` where it says they do.

    Notes are paired first-in first-out: each pitch of each channel has a queue of the notes that
    sound, linked through `following`. Returns 0 or why the file is refused; where it stopped is in
    ``tally[AT]``, and in ``tally[MISSING]`` how many bytes are known to be missing where the track
    was cut inside an event, 0 where it only lacks its end, -1 where it ends properly.
    """
    notes, tempi, signatures, programs, pedals, texts = tables
    key, end, velocities, following = notes[0], notes[1], notes[2], notes[3]
    first_open, last_open = queues[0], queues[1]
    n = tally[NOTES]
    first = n
    complete = 0
    empty = 0
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
            if 1 <= kind <= 15:
                tally[TEXT_BYTES] += length
                if tally[TEXT_BYTES] > max_text:
                    refused, at = TOO_MUCH_TEXT, begins
                    break
                i = tally[TEXTS]
                if length and i < len(texts[0]):
                    texts[0][i] = tick
                    texts[1][i] = kind
                    texts[2][i] = at * 268435456 + length
                    tally[TEXTS] = i + 1
            elif kind == 0x51:
                i = tally[TEMPI]
                if length != 3:
                    tally[MALFORMED] += 1
                elif i < len(tempi[0]):
                    beat = data[at] * 65536 + data[at + 1] * 256 + data[at + 2] * 1
                    if beat == 0:
                        refused, at = TEMPO_ZERO, begins
                        break
                    if beat < _FASTEST or beat > _SLOWEST:
                        tally[ABSURD] += 1
                    tempi[0][i] = tick
                    tempi[1][i] = beat
                    tally[TEMPI] = i + 1
            elif kind == 0x58:
                i = tally[SIGNATURES]
                if length != 4 or data[at] == 0 or data[at + 1] > 7:
                    tally[MALFORMED] += 1
                elif i < len(signatures[0]):
                    signatures[0][i] = tick
                    signatures[1][i] = data[at] * 256 + data[at + 1]
                    tally[SIGNATURES] = i + 1
            elif kind == 0x59 and (
                length != 2 or (data[at] + 7 & 255) > 14 or data[at + 1] > 1
            ):  # a key signature: -7 to 7 sharps as a signed byte, then 0 major or 1 minor
                tally[MALFORMED] += 1
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
            if n >= len(key):
                refused, at = TOO_MANY_NOTES, begins
                break
            queue = pitch * 16 + channel
            key[n] = tick * 2048 + queue
            end[n] = -1
            velocities[n] = velocity
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
                if tick > key[note] >> 11:
                    complete += 1
                else:
                    empty += 1
                first_open[queue] = following[note]
        elif voice == 12:
            i = tally[PROGRAMS]
            if i < len(programs[0]):
                programs[0][i] = tick
                programs[1][i] = channel * 128 + pitch
                tally[PROGRAMS] = i + 1
        elif keep_pedal and voice == 11 and pitch == 64:
            i = tally[PEDALS]
            if i < len(pedals[0]):
                pedals[0][i] = tick
                pedals[1][i] = channel * 128 + velocity
                tally[PEDALS] = i + 1

    if missing > 0:  # an event that was cut does not count, nor does the time before it
        tick -= delta
    for note in range(first, n):
        if end[note] < 0:
            end[note] = tick
            first_open[key[note] & 2047] = -1
            tally[UNCLOSED] += 1
            if tick <= key[note] >> 11:
                empty += 1
    tally[NOTES] = n
    tally[COMPLETE] += complete
    tally[EMPTY] += empty
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
    tables: Any,
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
        Caps on tracks and on bytes of text. The cap on notes is the length of their table.
    keep_pedal : bool
        Whether sustain pedal events are wanted.
    tables : tuple of six ndarrays of int64, shape (rows, columns), or lists of lists of int
        Filled in file order, one column an entry. Notes: onset tick << 11 | pitch << 4 | channel,
        end tick, velocity, the next note of the queue. Tempi: tick, microseconds a beat. Time
        signatures: tick, numerator << 8 | binary logarithm of the denominator. Programs, and
        settings of the sustain pedal: tick, channel << 7 | value. Texts: tick, type byte,
        position << 28 | length.
    queues : ndarray of int64, shape (2, 2048), or list of lists of int
        Working space, all -1: the first and the last note that sounds, by pitch << 4 | channel.
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
                tables,
                queues,
                tally,
            )
            if refused:
                return refused
            ends = tally[AT]
            if tally[MISSING] < 0:
                if declared <= size and (declared - ends < 8 or uint32(data, ends) != _MTRK):
                    tally[TRAILING] += declared - ends
                    at = declared
                else:  # the length is wrong: the track ends where it says so
                    tally[PAST_END] += 1
                    at = ends
                continue
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


#: What `scan` calls.
PARTS = (uint32, quantity, scan_track)
