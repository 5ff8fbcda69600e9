"""Notes to sound: every MIDI corpus is also an audio corpus."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chordmer.errors import AudioError
from chordmer.io.decode import AudioLimits, check_rate
from chordmer.io.soundfont import DRUMS, Envelope, Region, bundled_soundfont
from chordmer.io.symbolic import read_symbolic
from chordmer.notes import Symbolic

__all__ = ["render"]

Samples = NDArray[np.float32]
Floats = NDArray[np.floating[Any]]

#: Leaves room for a dozen loud notes at once.
_GAIN = 0.7
#: A released note is over when it has fallen by so many dB, or after so many seconds.
_INAUDIBLE_DB = 80.0
_LONGEST_RELEASE = 3.0
#: Seconds of all notes together that are rendered: some minutes of work.
_MOST_SOUNDING = 1e6
#: Samples of a note computed at once, and those between steps of its low-pass filter.
_CHUNK = 1 << 16
_TONE_STEP = 1 << 10

_DEFAULT = AudioLimits()


def render(
    source: Any,
    sr: int = 44100,
    *,
    mono: bool = True,
    pedal: bool = True,
    limits: AudioLimits = _DEFAULT,
) -> Samples:
    """Play symbolic music on the General MIDI SoundFont that comes with pretty_midi.

    Notes are played with their velocities and programs, drums on the drum kits; volume, panning
    and bends of the channels are not. The same notes give the same bytes.

    Parameters
    ----------
    source : Symbolic, Track, path or anything `read_symbolic` reads
    sr : int, default 44100
        Sample rate in Hz.
    mono : bool, default True
        Whether the two channels are averaged.
    pedal : bool, default True
        Whether the sustain pedal holds notes, where `source` is yet to be read.
    limits : AudioLimits
        By default up to 2 h.

    Returns
    -------
    ndarray of float32, shape (samples,), or (2, samples) unless `mono`
        With what rings on after the last note; a piece without notes is a second of silence.
        Where very much sounds at once it may pass beyond [-1, 1].

    Raises
    ------
    AudioError
        If the piece is too long to be played, or a note cannot be.
    ChordmerError
        If `source` cannot be read.
    """
    check_rate(sr, "render", "sample rate", limits)
    piece = read_symbolic(source, pedal=pedal)
    notes = piece.notes
    if not len(notes):
        return np.zeros(int(sr) if mono else (2, int(sr)), np.float32)
    _check(piece, limits)
    font = bundled_soundfont()
    tail = math.ceil(_LONGEST_RELEASE * sr)
    out = np.zeros((1 if mono else 2, math.ceil(piece.duration * sr) + tail), np.float32)
    last = 0
    for program, is_drum in np.unique(notes[["program", "is_drum"]]).tolist():
        part = notes[(notes["program"] == program) & (notes["is_drum"] == is_drum)]
        for region in font.regions(program, DRUMS if is_drum else 0):
            (low, high), (soft, loud) = region.keys, region.velocities
            pitch, velocity = part["pitch"], part["velocity"]
            heard = (low <= pitch) & (pitch <= high) & (soft <= velocity) & (velocity <= loud)
            for key in np.unique(pitch[heard]).tolist():
                last = max(last, _play(out, part[heard & (pitch == key)], key, region, sr))
    out = out[:, : max(last, math.ceil(piece.duration * sr))]
    return out[0] if mono else out


def _check(piece: Symbolic, limits: AudioLimits) -> None:
    notes = piece.notes
    if not 0 <= piece.duration <= limits.seconds:
        raise AudioError(
            f"longer than {limits.seconds:g} s",
            source=piece.source,
            stage="rendering",
            value=piece.duration,
        )
    for field, lowest, highest in (
        ("pitch", 0, 127),
        ("velocity", 0, 127),
        ("program", 0, 127),
        ("onset_sec", 0, math.inf),
        ("duration_sec", 0, math.inf),
    ):
        wrong = ~((notes[field] >= lowest) & (notes[field] <= highest))
        if wrong.any():
            raise AudioError(
                f"a note whose {field} cannot be played",
                source=piece.source,
                stage="rendering",
                value=notes[field][wrong][0],
            )
    sounding = float(notes["duration_sec"].sum())
    if sounding > _MOST_SOUNDING:
        raise AudioError(
            f"notes that sound for more than {_MOST_SOUNDING:g} s together",
            source=piece.source,
            stage="rendering",
            value=sounding,
        )


def _play(out: Samples, notes: NDArray[np.void], key: int, region: Region, sr: float) -> int:
    """Add notes of one key to `out`, (channels, samples); return where the last of them ends.

    They share the sample at that key's pitch; each has its own length, release and loudness.
    """
    onsets = np.rint(notes["onset_sec"] * sr).astype(np.int64).tolist()
    held = np.maximum(1, np.rint(notes["duration_sec"] * sr)).astype(np.int64).tolist()
    seconds = min(region.release * _INAUDIBLE_DB / 100, _LONGEST_RELEASE)
    released = max(1, int(seconds * sr))
    fall = _decibels(np.arange(released) * (100 / (region.release * sr)))
    sides = math.pi / 2 * (region.pan + 0.5)
    pan = np.array([math.cos(sides), math.sin(sides)])
    channels = pan if len(out) == 2 else pan.mean(keepdims=True)
    # Loudness goes with the square of the velocity (the default modulator of section 8.4.1).
    gains = (_GAIN * region.gain * np.square(notes["velocity"] / 127)).tolist()
    levels = _volume(region, key, np.array(held) / sr).tolist()

    end = 0
    start = 0
    for wave in _waves(region, key, sr, max(held) + released):
        shaped = wave * _volume(region, key, (start + np.arange(len(wave))) / sr)
        stop = start + len(wave)
        for onset, length, gain, level in zip(onsets, held, gains, levels):
            if start < length:
                part = gain * shaped[: length - start]
                _add(out, part, onset + start, channels)
            first, final = max(start, length), min(stop, length + released)
            if first < final:
                part = wave[first - start : final - start] * fall[first - length : final - length]
                _add(out, (gain * level) * part, onset + first, channels)
            end = max(end, onset + min(stop, length + released))
        start = stop
    return end


def _add(out: Samples, part: Samples, start: int, channels: NDArray[np.float64]) -> None:
    for row, gain in zip(out, channels.astype(np.float32)):
        row[start : start + len(part)] += gain * part


def _decibels(fall: Floats) -> Samples:
    return np.asarray(10 ** (fall / -20), dtype=np.float32)


def _rise_and_fall(
    envelope: Envelope, seconds: Floats, hold: float = 1, decay: float = 1
) -> tuple[Floats, Floats]:
    """Return how far it has risen, and how far it has fallen, both from 0 to 1."""
    since = seconds - envelope.delay
    rise = np.clip(since / envelope.attack, 0, 1)
    since = since - envelope.attack - envelope.hold * hold
    return rise, np.clip(since / (envelope.decay * decay), 0, envelope.sustain)


def _volume(region: Region, key: int, seconds: Floats) -> Samples:
    """Return the amplitude, `seconds` after the key went down."""
    hold = 2 ** (region.key_to_hold * (60 - key))
    decay = 2 ** (region.key_to_decay * (60 - key))
    rise, fall = _rise_and_fall(region.volume, seconds, hold, decay)
    return np.asarray(rise, dtype=np.float32) * _decibels(100 * fall)


def _waves(region: Region, key: int, sr: float, length: int) -> Iterator[Samples]:
    """Yield the sample at the pitch of `key`, through its filter, a chunk at a time."""
    semitones = (key - region.root) * region.scale + region.tuning
    step = region.sr / sr * 2 ** (semitones / 12)
    sample = bundled_soundfont().samples
    stop = region.loop_end if region.loops else region.end
    table = sample[region.start : stop].astype(np.float32) / 32768
    loop = region.loop_end - region.loop_start
    if region.loops:
        first = region.loop_start - region.start
        table = np.concatenate([table, np.resize(table[first:], 3)])
    else:
        length = min(length, int((len(table) - 1) / step) + 1)
        table = np.concatenate([table, np.zeros(3, np.float32)])
    state = np.zeros((1, 2))
    for start in range(0, length, _CHUNK):
        n = np.arange(start, min(start + _CHUNK, length))
        places = n * step
        if region.loops:
            beyond = places >= len(table) - 3
            places[beyond] = first + (places[beyond] - first) % loop
        wave = _between(table, places)
        state = _darken(wave, region, start, sr, state)
        yield wave


def _between(table: Floats, places: Floats) -> Samples:
    """Return `table` at fractional places, by the cubic through four samples (Catmull-Rom)."""
    whole = places.astype(np.int32)
    x = (places - whole).astype(np.float32)
    before = table[np.maximum(whole - 1, 0)]
    here, after, later = table[whole], table[whole + 1], table[whole + 2]
    slope = after - before
    bend = 2 * before - 5 * here + 4 * after - later
    twist = 3 * (here - after) + later - before
    return np.asarray(here + 0.5 * x * (slope + x * (bend + x * twist)))


def _darken(
    wave: Samples, region: Region, start: int, sr: float, state: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Filter `wave` in place, the cutoff following its envelope in steps; return the state."""
    from scipy.signal import sosfilt

    steps = np.arange(0, len(wave), _TONE_STEP)
    rise, fall = _rise_and_fall(region.tone, (start + steps + _TONE_STEP / 2) / sr)
    cutoffs = region.cutoff * 2 ** (region.tone_octaves * np.maximum(rise - fall, 0))
    for at, cutoff in zip(steps.tolist(), cutoffs.tolist()):
        if cutoff >= 0.45 * sr:
            continue
        angle = 2 * math.pi * cutoff / sr
        width = math.sin(angle) / math.sqrt(2)  # two poles, no peak: Butterworth's
        b = (1 - math.cos(angle)) / 2
        sos = np.array([[b, 2 * b, b, 1 + width, -2 * math.cos(angle), 1 - width]]) / (1 + width)
        part = wave[at : at + _TONE_STEP]
        part[:], state = sosfilt(sos, part, zi=state)
    return state
