"""SoundFont 2 files: which recorded sample, treated how, plays a note of a program.

Follows the SoundFont Technical Specification 2.04 (the numbers of generators are its) as far as
pitch, loudness, tone and place of a note are concerned. Low-frequency oscillators, the modulation
of pitch, modulators of a SoundFont's own and effects are left out.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chordmer.errors import AudioError, MissingExtraError

__all__ = ["DRUMS", "Region", "SoundFont", "bundled_soundfont"]

#: The bank of the drum kits.
DRUMS = 128

_RECORDS = {
    b"phdr": np.dtype(
        [("name", "S20"), ("program", "<u2"), ("bank", "<u2"), ("bag", "<u2"), ("", "V12")]
    ),
    b"inst": np.dtype([("name", "S20"), ("bag", "<u2")]),
    b"pbag": np.dtype([("generator", "<u2"), ("modulator", "<u2")]),
    b"ibag": np.dtype([("generator", "<u2"), ("modulator", "<u2")]),
    b"pgen": np.dtype([("kind", "<u2"), ("amount", "<i2")]),
    b"igen": np.dtype([("kind", "<u2"), ("amount", "<i2")]),
    b"shdr": np.dtype(
        [
            ("name", "S20"),
            *((field, "<u4") for field in ("start", "end", "loop_start", "loop_end", "sr")),
            ("key", "u1"),
            ("correction", "i1"),
            ("", "V4"),
        ]
    ),
}

# Generators (section 8.1.2) that are used here.
_START, _END, _LOOP_START, _LOOP_END = 0, 1, 2, 3
_START_COARSE, _END_COARSE, _LOOP_START_COARSE, _LOOP_END_COARSE = 4, 12, 45, 50
_CUTOFF, _TO_CUTOFF, _PAN = 8, 11, 17
_TONE_DELAY, _TONE_ATTACK, _TONE_HOLD, _TONE_DECAY, _TONE_SUSTAIN = 25, 26, 27, 28, 29
_DELAY, _ATTACK, _HOLD, _DECAY, _SUSTAIN, _RELEASE = 33, 34, 35, 36, 37, 38
_KEY_TO_HOLD, _KEY_TO_DECAY = 39, 40
_INSTRUMENT, _KEYS, _VELOCITIES, _SAMPLE = 41, 43, 44, 53
_ATTENUATION, _COARSE, _FINE, _MODE, _SCALE, _ROOT = 48, 51, 52, 54, 56, 58

_DEFAULTS = {
    **dict.fromkeys((_DELAY, _ATTACK, _HOLD, _DECAY, _RELEASE), -12000),
    **dict.fromkeys((_TONE_DELAY, _TONE_ATTACK, _TONE_HOLD, _TONE_DECAY), -12000),
    _CUTOFF: 13500,
    _SCALE: 100,
    _ROOT: -1,
    _KEYS: 127 << 8,
    _VELOCITIES: 127 << 8,
}
#: What a preset may not say, or says in its own way.
_NOT_ADDED = {_START, _END, _LOOP_START, _LOOP_END, _START_COARSE, _END_COARSE, _LOOP_START_COARSE}
_NOT_ADDED |= {_LOOP_END_COARSE, _KEYS, _VELOCITIES, _MODE, _ROOT, _INSTRUMENT, _SAMPLE}


@dataclass(frozen=True)
class Envelope:
    """How a level rises and falls while a key is down: times in seconds.

    `decay` is the time of a whole fall, and `sustain` the part of it that is taken, from 0 to 1.
    """

    delay: float
    attack: float
    hold: float
    decay: float
    sustain: float


@dataclass(frozen=True)
class Region:
    """A sample and how it is played, for a range of keys and velocities.

    Attributes
    ----------
    keys, velocities : tuple of int
        First and last.
    start, end, loop_start, loop_end : int
        In samples of the SoundFont.
    loops : bool
        Whether it repeats; otherwise it ends with the sample.
    sr : float
        Rate in Hz at which the sample sounds as the key `root`.
    root : int
        A MIDI number.
    scale, tuning : float
        Semitones a key, and semitones up.
    gain : float
        Of the amplitude.
    pan : float
        From -0.5, left, to 0.5.
    volume : Envelope
        Of the amplitude; its whole fall is one by 100 dB.
    key_to_hold, key_to_decay : float
        Octaves by which these times are longer for each semitone below key 60.
    release : float
        Seconds of a fall by 100 dB once the key is up.
    cutoff : float
        Of the low-pass filter, in Hz, where its envelope is 0.
    tone : Envelope
        Of the cutoff; its whole fall is one from 1 to 0.
    tone_octaves : float
        Octaves that the cutoff is higher where that envelope is 1.
    """

    keys: tuple[int, int]
    velocities: tuple[int, int]
    start: int
    end: int
    loop_start: int
    loop_end: int
    loops: bool
    sr: float
    root: int
    scale: float
    tuning: float
    gain: float
    pan: float
    volume: Envelope
    key_to_hold: float
    key_to_decay: float
    release: float
    cutoff: float
    tone: Envelope
    tone_octaves: float


class SoundFont:
    """A SoundFont 2 file.

    Parameters
    ----------
    path : Path

    Raises
    ------
    AudioError
        If it is none.
    """

    def __init__(self, path: Path) -> None:
        data = path.read_bytes()
        chunks = _chunks(data, path)
        try:
            #: All samples one after the other, 16 bits each.
            self.samples: NDArray[np.int16] = np.frombuffer(chunks[b"smpl"], "<i2")
            self._tables = {
                name: np.frombuffer(chunks[name], record) for name, record in _RECORDS.items()
            }
        except (KeyError, ValueError) as problem:
            raise AudioError("not a SoundFont 2 file", source=path, stage="chunks") from problem

    @cached_property
    def _presets(self) -> dict[tuple[int, int], int]:
        headers = self._tables[b"phdr"][:-1]
        return {(int(h["bank"]), int(h["program"])): i for i, h in enumerate(headers)}

    def regions(self, program: int, bank: int = 0) -> tuple[Region, ...]:
        """Return the regions of a program; of the bank's first where it has none of that number."""
        preset = self._presets.get((bank, program), self._presets.get((bank, 0)))
        if preset is None:
            return ()
        found = []
        for added in self._zones(b"phdr", preset, _INSTRUMENT):
            for own in self._zones(b"inst", added[_INSTRUMENT], _SAMPLE):
                region = self._region(own, added)
                if region is not None:
                    found.append(region)
        return tuple(found)

    def _zones(self, table: bytes, row: int, last: int) -> list[dict[int, int]]:
        """Return the generators of each zone; those of a global zone are in all of them."""
        bags = self._tables[b"pbag" if table == b"phdr" else b"ibag"]["generator"]
        generators = self._tables[b"pgen" if table == b"phdr" else b"igen"]
        first, stop = self._tables[table]["bag"][row : row + 2].tolist()
        everywhere: dict[int, int] = {}
        zones = []
        for bag in range(first, stop):
            pairs = generators[bags[bag] : bags[bag + 1]].tolist()
            zone = {**everywhere, **dict(pairs)}
            if last in zone:
                zones.append(zone)
            elif bag == first:
                everywhere = zone
        return zones

    def _region(self, own: dict[int, int], added: dict[int, int]) -> Region | None:
        value = {**_DEFAULTS, **own}
        for kind, amount in added.items():
            if kind not in _NOT_ADDED:
                value[kind] = value.get(kind, 0) + amount
        sample = self._tables[b"shdr"][value[_SAMPLE]]

        def place(field: str, fine: int, coarse: int) -> int:
            offset = value.get(fine, 0) + 32768 * value.get(coarse, 0)
            return min(max(int(sample[field]) + offset, 0), len(self.samples))

        keys = _overlap(value[_KEYS], added.get(_KEYS, 127 << 8))
        velocities = _overlap(value[_VELOCITIES], added.get(_VELOCITIES, 127 << 8))
        start = place("start", _START, _START_COARSE)
        end = place("end", _END, _END_COARSE)
        loop_start = place("loop_start", _LOOP_START, _LOOP_START_COARSE)
        loop_end = place("loop_end", _LOOP_END, _LOOP_END_COARSE)
        if keys[0] > keys[1] or velocities[0] > velocities[1] or end - start < 2:
            return None
        tuning = 100 * value.get(_COARSE, 0) + value.get(_FINE, 0) + int(sample["correction"])

        def envelope(times: tuple[int, ...], sustain: float) -> Envelope:
            delay, attack, hold, decay = (_seconds(value[kind]) for kind in times)
            return Envelope(delay, attack, hold, decay, min(max(sustain, 0), 1))

        return Region(
            keys=keys,
            velocities=velocities,
            start=start,
            end=end,
            loop_start=loop_start,
            loop_end=loop_end,
            loops=value.get(_MODE, 0) & 1 == 1 and start <= loop_start < loop_end <= end,
            sr=float(sample["sr"]),
            root=value[_ROOT] if 0 <= value[_ROOT] <= 127 else int(sample["key"]),
            scale=value[_SCALE] / 100,
            tuning=tuning / 100,
            # Synthesizers apply 0.4 of the attenuation that is written, as the first one did.
            gain=10 ** (-0.4 * max(value.get(_ATTENUATION, 0), 0) / 200),
            pan=min(max(value.get(_PAN, 0), -500), 500) / 1000,
            volume=envelope((_DELAY, _ATTACK, _HOLD, _DECAY), value.get(_SUSTAIN, 0) / 1000),
            key_to_hold=value.get(_KEY_TO_HOLD, 0) / 1200,
            key_to_decay=value.get(_KEY_TO_DECAY, 0) / 1200,
            release=_seconds(value[_RELEASE]),
            cutoff=440 * 2 ** ((min(value[_CUTOFF], 13500) - 6900) / 1200),
            tone=envelope(
                (_TONE_DELAY, _TONE_ATTACK, _TONE_HOLD, _TONE_DECAY),
                value.get(_TONE_SUSTAIN, 0) / 1000,
            ),
            tone_octaves=value.get(_TO_CUTOFF, 0) / 1200,
        )


def _seconds(timecents: int) -> float:
    return float(2 ** (min(max(timecents, -12000), 8000) / 1200))


def _overlap(one: int, other: int) -> tuple[int, int]:
    """Return the overlap of two ranges: low byte the first, high byte the last."""
    return max(one & 255, other & 255), min(one >> 8 & 255, other >> 8 & 255)


def _chunks(data: bytes, path: Path) -> dict[bytes, bytes]:
    """Return the chunks by name, those inside lists too."""
    if data[:4] != b"RIFF" or data[8:12] != b"sfbk":
        raise AudioError("not a SoundFont 2 file", source=path, stage="header")
    found: dict[bytes, bytes] = {}
    at = 12
    while at + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, at)
        if name == b"LIST":
            at += 12
            continue
        found[name] = data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
    return found


@cache
def bundled_soundfont() -> SoundFont:
    """Return the General MIDI SoundFont that comes with pretty_midi: TimGM6mb, 6 MB.

    Raises
    ------
    MissingExtraError
        If pretty_midi is not installed.
    """
    package = find_spec("pretty_midi")
    if package is None or package.origin is None:
        raise MissingExtraError.of("pretty_midi", "audio")
    return SoundFont(Path(package.origin).with_name("TimGM6mb.sf2"))
