"""Unusual and malformed MIDI files, each built by hand, each with what is to become of it."""

import struct

from smf import END, chunk, control, header, meta, metre, note, off, on, smf, tempo, track

from chordmer.io import Limits

ONE = note(60)
GOOD = smf(ONE)
TWO = header(1, 2) + track(ONE) + track(note(64))
SMALL = Limits(tracks=3, notes=4, text_bytes=16, hours=1.0, file_bytes=4096)


def riff(data, before=b"", form=b"RMID"):
    body = form + before + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


#: Name, file, how many notes it holds. The report has no warning.
LOADS = [
    ("one note", GOOD, 1),
    ("type 1", TWO, 2),
    ("type 1 with one track", header(1, 1) + track(ONE), 1),
    ("header of 10 bytes", header(length=10) + track(ONE), 1),
    (
        "alien chunk between tracks",
        header(1, 2) + track(ONE) + chunk(b"abc", b"XFIH") + track(ONE),
        2,
    ),
    ("alien chunk before tracks", header() + chunk(b"\0" * 9, b"XFKM") + track(ONE), 1),
    ("alien chunk after tracks", GOOD + chunk(b"abc", b"Yama"), 1),
    ("empty alien chunk", header() + chunk(b"", b"XFIH") + track(ONE), 1),
    ("sysex", smf(b"\x00\xf0\x03\x7e\x7f\xf7", ONE), 1),
    ("empty sysex", smf(b"\x00\xf0\x00", ONE), 1),
    ("sysex in packets", smf(b"\x00\xf0\x02\x7e\x7f", b"\x10\xf7\x02\x09\xf7", ONE), 1),
    ("F7 packet with a note in it", smf(b"\x00\xf7\x03\x90\x3c\x40", ONE), 1),
    ("F7 packet with a clock in it", smf(on(60), b"\x10\xf7\x01\xf8", off(60, 9)), 1),
    ("running status", smf(on(60), b"\x10\x3c\x00", b"\x00\x3e\x40", b"\x10\x3e\x00"), 2),
    ("note-offs of velocity 0", smf(on(60), on(60, 96, velocity=0)), 1),
    ("largest delta time", smf(on(60), b"\xff\xff\xff\x7f\x80\x3c\x00", division=32767), 1),
    ("overlong delta time of four bytes", smf(on(60), b"\x80\x80\x80\x60\x80\x3c\x00"), 1),
    ("overlong meta length", smf(b"\x00\xff\x01\x80\x80\x80\x01a", ONE), 1),
    ("SMPTE, 25 frames of 40 ticks", smf(ONE, division=0xE728), 1),
    ("SMPTE, 29.97 frames", smf(ONE, division=0xE350), 1),
    ("division of 1", smf(ONE, division=1), 1),
    ("RIFF", riff(GOOD), 1),
    ("RIFF with another chunk, padded", riff(GOOD, b"DISP\x03\0\0\0abc\0"), 1),
    ("tempo on the last track", header(1, 2) + track(ONE) + track(tempo(400_000)), 1),
    (
        "unknown meta events",
        smf(meta(0x70, b"abc"), meta(0x7F, b"\0\x42"), meta(0x4B, b""), ONE),
        1,
    ),
    (
        "sequence number, port, offset",
        smf(meta(0, b"\0\1"), meta(0x21, b"\0"), meta(0x54, b"\0" * 5), ONE),
        1,
    ),
    ("key signatures", smf(meta(0x59, b"\xf9\1"), meta(0x59, b"\7\0"), ONE), 1),
    ("time signatures", smf(metre(6, 3), metre(1, 0), metre(255, 7), ONE), 1),
    ("lyrics in UTF-8", smf(meta(5, "Öl, 愛".encode()), ONE), 1),
    ("lyrics in Shift-JIS", smf(meta(5, "さくら".encode("shift_jis")), ONE), 1),
    ("lyrics in latin-1", smf(meta(5, "Röslein".encode("latin-1")), ONE), 1),
    ("empty text", smf(meta(1, b""), ONE), 1),
    (
        "all voice messages",
        smf(
            b"\0\xa0\x3c\x01", b"\0\xb0\x07\x64", b"\0\xc0\x01", b"\0\xd0\x01", b"\0\xe0\0\x40", ONE
        ),
        1,
    ),
    ("re-struck note", smf(on(60), on(60, 48), off(60, 48), off(60, 48)), 2),
    (
        "same note on two channels",
        smf(on(60), on(60, channel=1), off(60, 9), off(60, channel=1)),
        2,
    ),
    ("same note on two tracks", header(1, 2) + track(ONE) + track(ONE), 2),
    ("drums", smf(note(36, channel=9)), 1),
    ("highest and lowest pitch", smf(note(0), note(127)), 2),
]

#: Name, file, how many notes it holds, what the report counts.
WARNS = [
    ("bytes before the header", b"\0" * 128 + GOOD, 1, {"junk_bytes_before": 128}),
    ("byte after the tracks", GOOD + b"\0", 1, {"junk_bytes": 1}),
    ("many bytes after the tracks", GOOD + b"\r\n" * 50, 1, {"junk_bytes": 100}),
    ("a name without its chunk after the tracks", GOOD + b"MTrk\0", 1, {"junk_bytes": 5}),
    ("a chunk too long after the tracks", GOOD + b"XFIH\0\0\1\0abc", 1, {"junk_bytes": 11}),
    (
        "byte between the tracks",
        header(1, 2) + track(ONE) + b"\0" + track(ONE),
        2,
        {"junk_bytes": 1},
    ),
    (
        "bytes between header and track",
        header() + b"\1\2\3\4\5\6\7\x08\x09" + track(ONE),
        1,
        {"junk_bytes": 9},
    ),
    ("65,535 tracks announced", header(1, 65535) + track(ONE), 1, {}),
    ("more tracks than announced", header(1, 1) + track(ONE) + track(ONE), 2, {}),
    ("type 0 with two tracks", header(0, 2) + track(ONE) + track(ONE), 2, {}),
    ("no tracks announced, none there", header(tracks=0), 0, {}),
    ("second track missing", header(1, 2) + track(ONE), 1, {}),
    (
        "cut in the name of the second track",
        TWO[: len(header() + track(ONE)) + 3],
        1,
        {"junk_bytes": 3},
    ),
    (
        "cut in the length of the second track",
        TWO[: len(header() + track(ONE)) + 6],
        1,
        {"junk_bytes": 6},
    ),
    ("second track empty", header(1, 2) + track(ONE) + chunk(b""), 1, {"tracks_without_end": 1}),
    ("no end-of-track", header() + track(ONE, end=b""), 1, {"tracks_without_end": 1}),
    (
        "no end-of-track, then a track",
        header(1, 2) + track(ONE, end=b"") + track(ONE),
        2,
        {"tracks_without_end": 1},
    ),
    ("cut by one byte", GOOD[:-1], 1, {"tracks_cut": 1}),
    ("cut by two bytes", GOOD[:-2], 1, {"tracks_cut": 1}),
    ("cut by three bytes", GOOD[:-3], 1, {"tracks_cut": 1}),
    ("cut by the end-of-track", GOOD[:-4], 1, {"tracks_without_end": 1}),
    (
        "cut in the last note-off",
        smf(ONE, ONE)[:-5],
        1,
        {"tracks_cut": 1, "unclosed_notes": 1, "zero_length_notes": 1},
    ),
    (
        "last event of the chunk cut",
        header() + track(ONE, on(62)[:-1], end=b""),
        1,
        {"tracks_cut": 1},
    ),
    (
        "delta time of the last event cut",
        header() + track(ONE, b"\x81", end=b""),
        1,
        {"tracks_cut": 1},
    ),
    ("last event is a delta time", header() + track(ONE, b"\x05", end=b""), 1, {"tracks_cut": 1}),
    ("last text cut with the file", smf(ONE, meta(1, b"long text"))[:-9], 1, {"tracks_cut": 1}),
    ("length past the end", header() + chunk(ONE + END, length=99), 1, {"lengths_past_end": 1}),
    ("length of 4 GiB", header() + chunk(ONE + END, length=0xFFFFFFFF), 1, {"lengths_past_end": 1}),
    (
        "length past the end, then a track",
        header(1, 2) + chunk(ONE + END, length=999) + track(ONE),
        2,
        {"lengths_past_end": 1},
    ),
    (
        "length over the next track",
        header(1, 2) + chunk(ONE + END, length=20) + track(ONE),
        2,
        {"lengths_past_end": 1},
    ),
    (
        "bytes after the end-of-track",
        header() + chunk(ONE + END + b"\0" * 5),
        1,
        {"bytes_after_end_of_track": 5},
    ),
    (
        "notes after the end-of-track",
        header() + chunk(ONE + END + ONE + END),
        1,
        {"bytes_after_end_of_track": 12},
    ),
    (
        "running status across a meta event",
        smf(on(60), meta(6, b"A", 9), b"\x10\x3c\x00"),
        1,
        {"running_status_across_metas": 1},
    ),
    (
        "running status across sysex",
        smf(on(60), b"\x10\xf0\x01\xf7", b"\x10\x3c\x00"),
        1,
        {"running_status_across_metas": 1},
    ),
    ("note-off without a note", smf(off(60), ONE), 1, {"unmatched_note_offs": 1}),
    ("note-off twice", smf(ONE, off(60)), 1, {"unmatched_note_offs": 1}),
    (
        "note-off on another track",
        header(1, 2) + track(on(60), ONE) + track(off(60)),
        2,
        {"unmatched_note_offs": 1, "unclosed_notes": 1},
    ),
    ("note never closed", smf(on(62), ONE), 2, {"unclosed_notes": 1}),
    ("note of no length", smf(note(60, 0), ONE), 1, {"zero_length_notes": 1}),
    ("nothing but notes of no length", smf(note(60, 0)), 0, {"zero_length_notes": 1}),
    ("no notes", smf(), 0, {}),
    ("tempo of two bytes", smf(meta(0x51, b"\7\xa1"), ONE), 1, {"malformed_metas": 1}),
    ("tempo of four bytes", smf(meta(0x51, b"\7\xa1\x20\0"), ONE), 1, {"malformed_metas": 1}),
    ("empty tempo", smf(meta(0x51, b""), ONE), 1, {"malformed_metas": 1}),
    ("time signature of two bytes", smf(meta(0x58, b"\4\2"), ONE), 1, {"malformed_metas": 1}),
    ("time signature of 0 beats", smf(metre(0, 2), ONE), 1, {"malformed_metas": 1}),
    ("time signature over 2**200", smf(metre(4, 200), ONE), 1, {"malformed_metas": 1}),
    ("key signature of 8 sharps", smf(meta(0x59, b"\x08\0"), ONE), 1, {"malformed_metas": 1}),
    ("key signature of 8 flats", smf(meta(0x59, b"\xf8\0"), ONE), 1, {"malformed_metas": 1}),
    (
        "key signature neither major nor minor",
        smf(meta(0x59, b"\0\2"), ONE),
        1,
        {"malformed_metas": 1},
    ),
    ("key signature of one byte", smf(meta(0x59, b"\0"), ONE), 1, {"malformed_metas": 1}),
    (
        "end-of-track with a payload",
        header() + chunk(ONE + meta(0x2F, b"x")),
        1,
        {"malformed_metas": 1},
    ),
    ("tempo of 60,000,000 BPM", smf(tempo(1), ONE), 1, {"absurd_tempi": 1}),
    ("tempo of 3.6 BPM", smf(tempo(0xFFFFFF), ONE), 1, {"absurd_tempi": 1}),
    ("a second file", GOOD + GOOD, 1, {"further_files": 1}),
]

#: Name, file, what the message says.
REFUSED = [
    ("nothing", b"", "not a MIDI file"),
    ("text", b"hello world", "not a MIDI file"),
    ("zeros", b"\0" * 1000, "not a MIDI file"),
    ("name of the header only", b"MThd", "header"),
    ("header cut", GOOD[:13], "header leads past the end"),
    ("header alone", header(), "cut before its first note"),
    ("header without its track", header() + b"\0" * 20, "cut before its first note"),
    ("header of 5 bytes", header(length=5) + track(ONE), "header shorter than 6"),
    ("header of 0 bytes", b"MThd\0\0\0\0" + track(ONE), "header shorter than 6"),
    ("header of 4 GiB", b"MThd\xff\xff\xff\xff" + GOOD[8:], "header leads past the end"),
    ("type 2", header(2) + track(ONE), "type 2"),
    ("type 3", header(3) + track(ONE), "unknown type"),
    ("type 65,535", header(65535) + track(ONE), "unknown type"),
    ("division 0", smf(ONE, division=0), "division"),
    ("SMPTE frames of 0 ticks", smf(ONE, division=0xE700), "division"),
    ("SMPTE of 31 frames", smf(ONE, division=0xE128), "frame rate"),
    ("SMPTE of 128 frames", smf(ONE, division=0x8028), "frame rate"),
    ("tempo 0", smf(tempo(0), ONE), "tempo of 0"),
    ("velocity of 128", smf(b"\0\x90\x3c\x80", ONE), "data byte"),
    ("pitch of 128", smf(b"\0\x90\x80\x40", ONE), "data byte"),
    ("program of 255", smf(b"\0\xc0\xff", ONE), "data byte"),
    ("clock inside a note", smf(b"\0\x90\xf8\x3c\x40", ONE), "data byte"),
    ("meta event of type 255", smf(b"\0\xff\xff\x00", ONE), "data byte"),
    *(
        (f"status {status:02X}", smf(ONE, bytes([0, status, 0, 0])), "status byte")
        for status in (*range(0xF1, 0xF7), *range(0xF8, 0xFF))
    ),
    ("running status first", smf(b"\0\x3c\x40", ONE), "running status"),
    (
        "running status first on the second track",
        header(1, 2) + track(ONE) + track(b"\0\x3c\x40"),
        "running status",
    ),
    ("delta time of five bytes", smf(ONE, b"\x81\x80\x80\x80\x00\x90\x3c\x40"), "variable-length"),
    ("delta time without an end", smf(ONE, b"\xff" * 30), "variable-length"),
    ("meta length of five bytes", smf(ONE, b"\0\xff\x01\x81\x80\x80\x80\x00"), "variable-length"),
    ("text longer than its track", smf(ONE, b"\0\xff\x01\x7f"), "past the end"),
    ("text of 256 MiB", smf(ONE, b"\0\xff\x01\xff\xff\xff\x7f"), "past the end"),
    ("sysex longer than its track", smf(ONE, b"\0\xf0\xff\x7f"), "past the end"),
    (
        "length past the end without an end-of-track",
        header() + chunk(ONE, length=99),
        "past the end",
    ),
    ("cut in the middle", smf(*[ONE] * 20)[:90], "past the end"),
    ("cut after the first note-on", smf(on(60))[:-4], "cut before its first note"),
    ("a note-on and no end", header() + track(on(60), end=b""), "cut before its first note"),
    ("an empty track", header() + chunk(b""), "cut before its first note"),
    ("24 days", smf(on(60), b"\xff\xff\xff\x7f\x80\x3c\x00", division=64), "longer than 6 hours"),
    (
        "6 hours and one tick",
        smf(on(60), *[control(1, 0, 960_000)] * 4, off(60, 307_201), division=96),
        "longer than 6 hours",
    ),
    ("RIFF without MIDI", riff(b"", form=b"RMID")[:12], "RIFF"),
    ("RIFF of something else", riff(b"\0" * 99, form=b"WAVE"), "not a MIDI file"),
    ("RIFF around nothing", riff(b""), "not a MIDI file"),
]

#: Name, file, what the message says under the caps of `SMALL`.
CAPPED = [
    ("4 tracks", header(1, 4) + track(ONE) * 4, "more tracks"),
    ("5 notes", smf(*[ONE] * 5), "more notes"),
    ("5 notes never closed", smf(*[on(60)] * 5, ONE), "more notes"),
    ("17 bytes of text", smf(meta(1, b"123456789"), meta(5, b"12345678"), ONE), "more text"),
    (
        "an hour and a tick",
        smf(on(60), *[control(1, 0, 230_400)] * 3, off(60, 1)),
        "longer than 1 hours",
    ),
    ("4,097 bytes", GOOD.ljust(4097, b"\0"), "larger than 4096 bytes"),
]
WITHIN = [
    ("3 tracks", header(1, 3) + track(ONE) * 3, 3),
    ("4 notes", smf(*[ONE] * 4), 4),
    ("16 bytes of text", smf(meta(1, b"12345678"), meta(5, b"12345678"), ONE), 1),
    ("an hour", smf(on(60), *[control(1, 0, 230_400)] * 3, off(60)), 1),
    ("4,096 bytes", GOOD.ljust(4096, b"\0"), 1),
]
