"""Files damaged on purpose: byte by byte, and by one who knows how their formats are built.

Each function takes a `random.Random` and returns the bytes of one file: the same seed, the same
file.
"""

import io
import struct
import zipfile

import numpy as np
import soundfile
from corpora import bundled_midi, bundled_scores
from smf import END, chunk, control, header, meta, metre, off, on, program, tempo, vlq

__all__ = ["audio", "midi_bytes", "midi_structure", "mxl"]

#: Bytes at the edges of what formats tell apart.
_EDGES = (0x00, 0x01, 0x2F, 0x3F, 0x7F, 0x80, 0xC0, 0xF0, 0xF7, 0xFE, 0xFF)
#: What a text event may hold that does harm elsewhere.
_TEXTS = (
    b"\x1b]0;owned\x07\x1b[31m",
    b"=cmd|'/c calc'!A0",
    b"<script>alert(1)</script>",
    "\u202eexe.dim \U0001f3b5".encode(),
    b"\xed\xa0\x80 \xff\xfe",
    b"la\n\r\0la",
    b"@KMIDI KARAOKE FILE",
    b"@T" * 40,
    b"\\" * 300,
)


# --- any file ------------------------------------------------------------------------------------


def _damage(data, rng, most=3):
    """Change, drop, repeat and insert bytes."""
    data = bytearray(data)
    for _ in range(rng.randint(1, most)):
        at = rng.randrange(len(data) + 1)
        kind = rng.randrange(7)
        if kind == 0:
            data[at : at + 1] = bytes([rng.randrange(256)])
        elif kind == 1:
            data[at : at + 1] = bytes([rng.choice(_EDGES)])
        elif kind == 2 and at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 3:
            del data[at : at + rng.choice((1, 2, 4, 64, 999))]
        elif kind == 4:
            data[at:at] = rng.randbytes(rng.choice((1, 3, 4, 64)))
        elif kind == 5:
            data[at:at] = data[at : at + rng.choice((8, 64, 512))] * rng.randint(1, 30)
        elif rng.random() < 0.3:
            del data[at:]
    return bytes(data)


def _ops(rng, operations, *state, most=4):
    for operation in rng.choices(operations, k=rng.randint(1, most)):
        operation(rng, *state)


# --- MIDI ----------------------------------------------------------------------------------------


def _song(rng):
    """A made-up piece: a list of tracks, each a list of [delta, event without its delta]."""
    tracks = [[[0, tempo(rng.choice((300_000, 500_000, 900_000)))[1:]], [0, metre(4, 2)[1:]]]]
    for channel in rng.sample(range(16), rng.randint(1, 4)):
        events = [[0, program(rng.randrange(128), channel=channel)[1:]]]
        for _ in range(rng.randint(4, 60)):
            pitch, length = rng.randrange(20, 110), rng.choice((24, 48, 96, 200))
            events.append([rng.choice((0, 0, 24, 96)), on(pitch, channel=channel)[1:]])
            if rng.random() < 0.2:
                pedal = control(64, rng.choice((0, 127)), channel=channel)[1:]
                events.append([5, pedal])
            events.append([length, off(pitch, channel=channel)[1:]])
            if rng.random() < 0.1:
                events.append([0, meta(5, rng.choice(_TEXTS))[1:]])
        tracks.append(events)
    return tracks


def _taken_apart(data):
    """The tracks of a good file, as `_song` has them, and its division."""
    tracks, at, status = [], 14, 0
    while at < len(data):
        stop = at + 8 + int.from_bytes(data[at + 4 : at + 8], "big")
        at, events = at + 8, []
        while at < stop:
            delta, at = _quantity(data, at)
            begin = at
            if data[at] >= 0xF0:
                at += 2 if data[at] == 0xFF else 1
                length, at = _quantity(data, at)
                at += length
                events.append([delta, data[begin:at]])
                continue
            if data[at] > 127:
                status, at = data[at], at + 1
            size = 1 if status >> 4 in (12, 13) else 2
            events.append([delta, bytes([status]) + data[at : at + size]])
            at += size
        tracks.append(events[:-1] if events[-1][1][:2] == b"\xff\x2f" else events)
        at = stop
    return tracks, int.from_bytes(data[12:14], "big")


def _quantity(data, at):
    value = 0
    while True:
        value = value << 7 | data[at] & 127
        at += 1
        if data[at - 1] < 128:
            return value, at


_REAL = [path.read_bytes() for path in bundled_midi()]


def _midi_seed(rng):
    """The tracks of a file that is well, and its division."""
    if rng.random() < 0.5:
        return _song(rng), 96
    return _taken_apart(rng.choice(_REAL))


def _written(tracks, division, kind=1, announced=None):
    bodies = [b"".join(vlq(delta) + event for delta, event in events) for events in tracks]
    number = min(len(tracks), 65535) if announced is None else announced
    return header(kind, number, division) + b"".join(chunk(body + END) for body in bodies)


def midi_bytes(rng):
    """A MIDI file with some bytes changed, or two halves of two files."""
    data = rng.choice(_REAL) if rng.random() < 0.5 else _written(_song(rng), 96)
    if rng.random() < 0.1:
        other = rng.choice(_REAL)
        data = data[: rng.randrange(len(data))] + other[rng.randrange(len(other)) :]
    return _damage(data, rng)


def midi_structure(rng):
    """A MIDI file whose tracks, events or chunks are not what they should be."""
    tracks, division = _midi_seed(rng)
    if rng.random() < 0.75:
        _ops(rng, _TRACK_OPS, tracks)
    if rng.random() < 0.25:
        division = rng.choice((0, 1, 2, 3, 0x7FFF, 0x8000, 0xE250, 0xE728, 0xE301, 0xFF01, 9999))
    kind = rng.choice((0, 1, 1, 1, 1, 2, 3, 0xFFFF)) if rng.random() < 0.2 else 1
    announced = rng.choice((0, 1, 65535)) if rng.random() < 0.2 else None
    data = _written(tracks[:1500], division, kind, announced)
    if rng.random() < 0.6:
        data = rng.choice(_CHUNK_OPS)(rng, data)
    return data


def _any(rng, tracks):
    """Some track with events, and a place in it."""
    events = rng.choice(tracks) if tracks else []
    return events, rng.randrange(len(events) + 1)


def _times(rng, tracks):
    events, at = _any(rng, tracks)
    for event in events[at : at + rng.choice((1, 5, 1000))]:
        event[0] = rng.choice((0, 1, 127, 128, 0x3FFF, 0x4000, 0x1FFFFF, 0xFFFFFFF))


def _stretched(rng, tracks):
    factor = rng.choice((7, 60, 480, 5000))
    for events in tracks:
        for event in events:
            event[0] = min(event[0] * factor, 0xFFFFFFF)


def _five_bytes(rng, tracks):
    events, at = _any(rng, tracks)
    events.insert(at, [0, b"\xff\x01" + b"\xff" * rng.randint(3, 6) + b"\x7f"])


def _shuffled(rng, tracks):
    rng.shuffle(rng.choice(tracks) if tracks else [])


def _duplicated(rng, tracks):
    if tracks:
        tracks.extend([rng.choice(tracks)] * rng.choice((1, 3, 40)))


def _emptied(rng, tracks):
    tracks.extend([[]] * rng.choice((1, 1022, 1100)))


def _dropped(rng, tracks):
    del tracks[rng.randrange(len(tracks) + 1) :]


def _repeated(rng, tracks):
    events, at = _any(rng, tracks)
    events[at:at] = [list(event) for event in events[at : at + 20]] * rng.choice((1, 30, 300))


def _tempi(rng, tracks):
    events, at = _any(rng, tracks)
    some = (0, 1, 2, 59_999, 12_000_001, 0xFFFFFF)
    events[at:at] = [
        [rng.choice((0, 0, 1, 96)), tempo(rng.choice(some))[1:]] for _ in range(rng.choice((1, 50)))
    ]


def _odd_metas(rng, tracks):
    events, at = _any(rng, tracks)
    kind = rng.choice((0x00, 0x20, 0x21, 0x2F, 0x51, 0x54, 0x58, 0x59, 0x7F, 0x03, 0x60))
    events.insert(at, [0, meta(kind, rng.randbytes(rng.choice((0, 1, 2, 3, 4, 5, 300))))[1:]])


def _metres(rng, tracks):
    events, at = _any(rng, tracks)
    events.insert(at, [0, metre(rng.choice((0, 1, 255)), rng.choice((0, 7, 8, 63, 255)))[1:]])


def _long_meta(rng, tracks):
    events, at = _any(rng, tracks)
    claimed = rng.choice((5, 100, 0x3FFF, 0xFFFFFFF))
    events.insert(at, [0, bytes([0xFF, rng.randrange(0x80)]) + vlq(claimed) + b"abc"])


def _sysex(rng, tracks):
    events, at = _any(rng, tracks)
    inner = b"\xf0\x05\x7e\x7f\x09\x01\xf7"
    events.insert(
        at,
        [
            0,
            rng.choice(
                (
                    b"\xf0" + vlq(len(inner)) + inner,
                    b"\xf0\x03\x7e\x7f\x09",
                    b"\xf7\x02\x01\xf7",
                    b"\xf0\xff\xff\xff\x7f\x00",
                    b"\xf0\x00",
                    inner * 50,
                    b"\xf0\x7e\x7f\x09\x01",
                )
            ),
        ],
    )


def _texts(rng, tracks):
    events, at = _any(rng, tracks)
    text = rng.choice(_TEXTS) * rng.choice((1, 1, 5000))
    events.insert(at, [0, meta(rng.choice((1, 3, 5, 6)), text)[1:]])


def _running(rng, tracks):
    events, at = _any(rng, tracks)
    for event in events[at : at + 30]:
        if event[1][0] < 0xF0:
            event[1] = event[1][1:]


def _bad_status(rng, tracks):
    events, at = _any(rng, tracks)
    events.insert(at, [0, bytes([rng.choice((0xF1, 0xF4, 0xF8, 0xFE, 0x90)), 60, 200])])


def _never_closed(rng, tracks):
    for events in tracks:
        events[:] = [event for event in events if event[1][0] >> 4 != 8 or rng.random() < 0.5]


def _everything_sounds(rng, tracks):
    events, at = _any(rng, tracks)
    notes = [(pitch, channel) for channel in range(16) for pitch in range(128)]
    events[at:at] = [[0, on(pitch, channel=channel)[1:]] for pitch, channel in notes]


def _many_notes(rng, tracks):
    pitch, step = rng.randrange(128), rng.choice((1, 10, 240))
    events = [[step, on(pitch)[1:]], [step, off(pitch)[1:]]]
    tracks.append([list(event) for event in events * rng.choice((1000, 8000))])


_TRACK_OPS = (
    *(_times, _stretched, _five_bytes, _shuffled, _duplicated, _emptied, _dropped, _repeated),
    *(_tempi, _odd_metas, _metres, _long_meta, _sysex, _texts, _running, _bad_status),
    *(_never_closed, _everything_sounds, _many_notes),
)


def _lengths(rng, data):
    """Another length in some chunk."""
    at = rng.choice([i for i in range(len(data)) if data[i : i + 2] == b"MT"]) + 4
    true = int.from_bytes(data[at : at + 4], "big")
    wrong = rng.choice((0, 1, true - 1, true + 1, true + 4, 2 * true, 0x7FFFFFFF, 0xFFFFFFFF))
    return data[:at] + struct.pack(">I", max(wrong, 0)) + data[at + 4 :]


def _cut(rng, data):
    return data[: rng.randrange(len(data))]


def _wrapped(rng, data):
    size = rng.choice((len(data), len(data) - 3, 0, 0xFFFFFFFF))
    inner = b"RMID" + rng.choice((b"", b"LIST\4\0\0\0abcd", b"disp\xff\xff\xff\xff"))
    return b"RIFF" + struct.pack("<I", size) + inner + b"data" + struct.pack("<I", size) + data


def _foreign(rng, data):
    at = rng.choice([i for i in range(len(data)) if data[i : i + 4] == b"MTrk"] or [14])
    junk = rng.choice((b"XFIH\0\0\0\3abc", b"MTr", b"MThd\0\0\0\6\0\1\0\1\0\0", b"\0" * 5000))
    return data[:at] + junk + data[at:]


def _behind(rng, data):
    return rng.choice((data + data, rng.randbytes(40) + data, data[14:] + data[:14]))


def _headers(rng, data):
    length = rng.choice((0, 5, 7, 20, 0xFFFFFFFF))
    return data[:4] + struct.pack(">I", length) + data[8:]


def _end_too_soon(rng, data):
    at = rng.randrange(14, max(len(data), 15))
    return data[:at] + END + data[at:]


_CHUNK_OPS = (_lengths, _lengths, _cut, _wrapped, _foreign, _behind, _headers, _end_too_soon)


# --- sound ---------------------------------------------------------------------------------------

_FORMS = (
    *(("WAV", "PCM_16"), ("WAV", "PCM_24"), ("WAV", "FLOAT"), ("WAV", "DOUBLE"), ("WAV", "ULAW")),
    *(("WAV", "IMA_ADPCM"), ("WAVEX", "PCM_16"), ("RF64", "PCM_16"), ("AIFF", "PCM_16")),
    *(("FLAC", "PCM_16"), ("FLAC", "PCM_24"), ("OGG", "VORBIS"), ("OGG", "OPUS")),
    *(("MP3", "MPEG_LAYER_III"), ("CAF", "PCM_16"), ("AU", "PCM_16")),
)


def _sound(rng):
    """A short sound in some format that soundfile writes, and the format's name."""
    kind, subtype = rng.choice(_FORMS)
    sr = 48000 if subtype == "OPUS" else rng.choice((8000, 16000, 44100))
    channels = rng.choice((1, 1, 2))
    random = np.random.default_rng(rng.randrange(1 << 32))
    t = np.arange(int(sr * rng.choice((0.05, 0.4, 1.2)))) / sr
    y = 0.4 * np.sin(2 * np.pi * rng.uniform(60, 2000) * t) + 0.05 * random.standard_normal(len(t))
    y = np.stack([y] * channels, axis=1)
    if subtype in ("FLOAT", "DOUBLE") and rng.random() < 0.6:
        odd = (np.nan, np.inf, -np.inf, 1e30, -1e38, 1e-42)
        y[rng.randrange(len(y)) :: rng.choice((1, 7, 9999))] = rng.choice(odd)
    out = io.BytesIO()
    soundfile.write(out, y, sr, format=kind, subtype=subtype)
    return out.getvalue(), kind


def audio(rng):
    """A sound file with bytes changed, or with a header that lies."""
    data, kind = _sound(rng)
    lie = {"WAV": _riff, "WAVEX": _riff, "RF64": _riff, "FLAC": _flac, "OGG": _ogg}.get(kind, _head)
    way = rng.randrange(10)
    if way < 5:
        return lie(rng, data)
    if way < 6:
        return data[: rng.choice((0, 4, 11, 12, 44, len(data) // 2, len(data) - 1))]
    if way < 7:
        other, _ = _sound(rng)
        return data + other if rng.random() < 0.5 else data[: len(data) // 2] + other
    if way < 8:
        size = rng.choice((b"\0\0\1\0", b"\x7f\x7f\x7f\x7f"))
        return b"ID3\4\0\0" + size + rng.randbytes(100) + data
    return _damage(data, rng)


def _riff(rng, data):
    """Other numbers in the chunk of the format, or another length of the samples."""
    at = data.index(b"fmt ") + 8
    data = bytearray(data)
    for _ in range(rng.randint(1, 3)):
        field = rng.randrange(7)
        if field == 0:
            struct.pack_into("<H", data, at, rng.choice((0, 1, 2, 3, 6, 7, 17, 49, 85, 0xFFFE)))
        elif field == 1:
            struct.pack_into("<H", data, at + 2, rng.choice((0, 3, 32, 33, 1024, 65535)))
        elif field == 2:
            rate = rng.choice((0, 1, 3999, 4000, 384_000, 384_001, 0x7FFFFFFF, 0xFFFFFFFF))
            struct.pack_into("<I", data, at + 4, rate)
        elif field == 3:
            struct.pack_into("<H", data, at + 12, rng.choice((0, 1, 3, 65535)))
        elif field == 4:
            struct.pack_into("<H", data, at + 14, rng.choice((0, 1, 7, 12, 24, 32, 64, 65535)))
        else:
            name = b"data" if field == 5 or data[:4] == b"RF64" else b"RIFF"
            place = data.index(name) + 4
            struct.pack_into("<I", data, place, rng.choice((0, 1, 3, 0x7FFFFFFF, 0xFFFFFFFF)))
    return bytes(data)


def _flac(rng, data):
    """Another rate, size or length in the first block of metadata."""
    data = bytearray(data)
    for _ in range(rng.randint(1, 3)):
        data[4 + rng.randrange(38)] = rng.choice((*_EDGES, rng.randrange(256)))
    return bytes(data)


def _ogg(rng, data):
    """Pages changed inside, with checksums that are right again."""
    pages = [b"OggS" + page for page in data.split(b"OggS")[1:]]
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(pages))
        kind = rng.randrange(4)
        page = bytearray(pages[at])
        if kind == 0:
            page[6:14] = rng.choice((b"\xff" * 8, bytes(8), b"\xff" * 7 + b"\x7f"))
        elif kind == 1:
            page[rng.randrange(4, len(page))] = rng.choice((*_EDGES, rng.randrange(256)))
        elif kind == 2:
            page[-min(len(page) - 27, 40) :] = rng.randbytes(min(len(page) - 27, 40))
        else:
            pages[at:at] = [pages[at]] * rng.choice((1, 50))
        pages[at] = _summed(bytes(page))
    return b"".join(pages)


def _summed(page):
    """The page with the checksum that Ogg asks for: polynomial 0x04C11DB7, nothing reflected."""
    crc = 0
    for byte in page[:22] + bytes(4) + page[26:]:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ (0x04C11DB7 if crc >> 31 else 0)) & 0xFFFFFFFF
    return page[:22] + struct.pack("<I", crc) + page[26:]


def _head(rng, data):
    """Other bytes where the header is."""
    data = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        data[rng.randrange(4, min(len(data), 80))] = rng.choice((*_EDGES, rng.randrange(256)))
    return bytes(data)


# --- compressed MusicXML -------------------------------------------------------------------------

_CONTAINER = '<container><rootfiles><rootfile full-path="score.xml"/></rootfiles></container>'
_LAUGHS = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;">]>'
_ENDLESS = '<!DOCTYPE x SYSTEM "file:///dev/zero">'


def _scores():
    for path in bundled_scores():
        with zipfile.ZipFile(path) as archive:
            yield archive.read("score.xml").decode()


_SCORES = list(_scores())


def _score(rng):
    """A real score, or a small one of some measures."""
    if rng.random() < 0.15:
        return rng.choice(_SCORES)
    measures = []
    for number in range(1, rng.randint(2, 12)):
        notes = "".join(
            f"<note><pitch><step>{rng.choice('CDEFGAB')}</step><octave>{rng.randrange(2, 7)}"
            f"</octave></pitch><duration>{rng.choice((1, 2, 4))}</duration>"
            f"<lyric><text>{rng.choice(('la', '=1', '&lt;b&gt;'))}</text></lyric></note>"
            for _ in range(rng.randrange(6))
        )
        first = "<attributes><divisions>2</divisions><time><beats>4</beats><beat-type>4</beat-type>"
        start = f"{first}</time></attributes>" if number == 1 else ""
        measures.append(f'<measure number="{number}">{start}{notes}</measure>')
    return (
        '<?xml version="1.0" encoding="UTF-8"?><score-partwise version="3.1"><part-list>'
        '<score-part id="P1"><part-name>A</part-name></score-part></part-list>'
        f'<part id="P1">{"".join(measures)}</part></score-partwise>'
    )


def _xml(rng, text):
    """The score with an element, a number or its declaration changed."""
    kind = rng.randrange(9)
    place = rng.randrange(len(text))
    if kind == 0:
        numbers = ("-1", "0", "1e9", "999999999999", "nan", "１", "")
        for name in rng.sample(("duration", "divisions", "octave", "beats", "beat-type"), 2):
            before, found, after = text.partition(f"<{name}>")
            if found:
                rest = after[after.index("<") :]
                text = f"{before}{found}{rng.choice(numbers)}{rest}"
        return text
    if kind == 1:
        return text.replace("<score-partwise", f"{_LAUGHS}<score-partwise", 1)
    if kind == 2:
        return text.replace("<score-partwise", f"{_ENDLESS}<score-partwise", 1)
    if kind == 3:
        return text[:place]
    if kind == 4:
        begin = max(text.find("<note", place), 0)
        end = text.find("</note>", begin) + 7
        return text[:begin] + text[begin:end] * rng.choice((2, 200)) + text[end:]
    if kind == 5:
        return text.replace("</note>", "<a>" * 80 + "</a>" * 80 + "</note>", 1)
    if kind == 6:
        tags = ("<step>", "<pitch>", "<measure", "<part-list>", "<duration>", "</measure>")
        return text.replace(rng.choice(tags), rng.choice(("", "<x>", "<chord/>")), 3)
    if kind == 7:
        bad = (
            "<forward><duration>99999999</duration></forward>",
            "<backup><duration>9e9</duration></backup>",
        )
        return text.replace("</measure>", f"{rng.choice(bad)}</measure>", 2)
    return _damage(text.encode(), rng).decode("utf-8", "ignore")


def mxl(rng):
    """A compressed score that is damaged inside, outside, or as an archive."""
    text = _score(rng)
    if rng.random() < 0.6:
        text = _xml(rng, text)
    score = text.encode(rng.choice(("utf-8",) * 8 + ("utf-16", "utf-8-sig")))
    if rng.random() < 0.03:
        score += b" " * 40_000_000
    names = ("../score.xml", "score.XML", "a/" * 500 + "b", "score.xml\0.exe", "\x1b[31m.xml")
    name = rng.choice(("score.xml",) * 30 + names)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", rng.choice((8,) * 12 + (0, 12))) as archive:
        if rng.random() < 0.9:
            archive.writestr("META-INF/container.xml", rng.choice((_CONTAINER,) * 20 + ("<a>", "")))
        archive.writestr(name, score)
        for number in range(rng.choice((0,) * 30 + (2000,))):
            archive.writestr(f"{number}.xml", b"")
    data = out.getvalue()
    way = rng.randrange(8)
    if way == 0:
        return _damage(data, rng)
    if way == 1:
        return _cut(rng, data)
    if way == 2:
        data = bytearray(data)
        start = data.find(b"PK\1\2")
        for _ in range(3):
            data[rng.randrange(start, len(data))] = rng.choice(_EDGES)
    return bytes(data)
