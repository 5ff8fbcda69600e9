"""A tiny builder of Standard MIDI Files, right and wrong ones."""

import struct

END = b"\x00\xff\x2f\x00"


def vlq(number: int) -> bytes:
    """A variable-length number, in as many bytes as it takes."""
    out = bytes([number & 127])
    while number := number >> 7:
        out = bytes([number & 127 | 128]) + out
    return out


def header(kind: int = 0, tracks: int = 1, division: int = 96, length: int = 6) -> bytes:
    """The header chunk; bytes beyond the sixth are zeros, bytes short of it are missing."""
    body = struct.pack(">HHH", kind, tracks, division).ljust(length, b"\0")[:length]
    return b"MThd" + struct.pack(">I", length) + body


def chunk(body: bytes, name: bytes = b"MTrk", length: int | None = None) -> bytes:
    """A chunk, with another `length` than its own if one is given."""
    return name + struct.pack(">I", len(body) if length is None else length) + body


def track(*events: bytes, end: bytes = END) -> bytes:
    """A track chunk."""
    return chunk(b"".join(events) + end)


def smf(*events: bytes, division: int = 96) -> bytes:
    """A file of type 0."""
    return header(division=division) + track(*events)


def on(pitch: int, delta: int = 0, velocity: int = 64, channel: int = 0) -> bytes:
    """A note-on."""
    return vlq(delta) + bytes([0x90 | channel, pitch, velocity])


def off(pitch: int, delta: int = 0, channel: int = 0) -> bytes:
    """A note-off."""
    return vlq(delta) + bytes([0x80 | channel, pitch, 0])


def note(
    pitch: int, length: int = 96, delta: int = 0, velocity: int = 64, channel: int = 0
) -> bytes:
    """A note-on and its note-off."""
    return on(pitch, delta, velocity, channel) + off(pitch, length, channel)


def meta(kind: int, payload: bytes, delta: int = 0) -> bytes:
    """A meta event."""
    return vlq(delta) + bytes([0xFF, kind]) + vlq(len(payload)) + payload


def tempo(microseconds: int, delta: int = 0) -> bytes:
    """A tempo event."""
    return meta(0x51, microseconds.to_bytes(3, "big"), delta)


def metre(numerator: int, power: int, delta: int = 0) -> bytes:
    """A time signature of `numerator` over 2 to the `power`."""
    return meta(0x58, bytes([numerator, power, 24, 8]), delta)


def program(number: int, delta: int = 0, channel: int = 0) -> bytes:
    """A program change."""
    return vlq(delta) + bytes([0xC0 | channel, number])


def control(number: int, value: int, delta: int = 0, channel: int = 0) -> bytes:
    """A control change."""
    return vlq(delta) + bytes([0xB0 | channel, number, value])
