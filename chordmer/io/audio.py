"""Sound files and waveforms: one door, `read_audio`, and its block-wise form, `stream_audio`."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chordmer.errors import AudioError, MissingExtraError, MissingModalityError
from chordmer.io.decode import AudioLimits, Decoded, check_channels, check_rate, decode
from chordmer.track import Track

__all__ = ["read_audio", "stream_audio"]

Samples = NDArray[np.float32]

#: Beyond this, far above what any recording holds, sums over a frame would leave float32.
_LOUDEST = 2.0**100

_DEFAULT = AudioLimits()


def read_audio(
    source: Any,
    sr: float | None = 44100,
    mono: bool = True,
    *,
    offset: float = 0.0,
    duration: float | None = None,
    pad: bool = False,
    limits: AudioLimits = _DEFAULT,
) -> tuple[Samples, float]:
    """Return the waveform in `source`, resampled to `sr`.

    Parameters
    ----------
    source : path, bytes, (y, sr) or Track
        A WAV, FLAC, Ogg (Vorbis or Opus), MP3, AIFF, CAF or AU file; M4A and AAC with the extra
        ``m4a``. In a pair ``(y, sr)``, y has the shape (samples,) or (channels, samples); integers
        are scaled to [-1, 1), floats are taken as they are.
    sr : float, optional
        Sample rate of the result in Hz; None keeps the source's own. 44.1 kHz by default, as in
        the paper.
    mono : bool, default True
        Whether channels are averaged.
    offset : float, default 0
        Seconds to skip.
    duration : float, optional
        Seconds to read after that; by default all there are.
    pad : bool, default False
        With `duration`: put zeros after a source that ends sooner, so that all results have one
        length. ``duration=25, pad=True`` is the policy of the paper (25, 30, 50 or 60 s there).
    limits : AudioLimits
        By default 2 h, 32 channels and 4 to 384 kHz.

    Returns
    -------
    y : ndarray of float32, shape (samples,), or (channels, samples) unless `mono`
    sr : float
        Its sample rate in Hz.

    Raises
    ------
    AudioError
        If the source cannot be read, holds no sample or one that is not a number to reckon with
        (NaN, infinite, above 2**100), or is beyond `limits`.
    MissingModalityError
        If a Track has no audio.
    MissingExtraError
        If a package is needed that is not installed.

    Examples
    --------
    >>> y, sr = read_audio((np.zeros((2, 22050), np.int16), 22050), duration=2, pad=True)
    >>> y.shape, sr
    ((88200,), 44100)
    """
    rate, blocks = _open(source, sr, mono, offset, duration, pad, limits)
    parts = list(blocks)
    return (parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-1)), rate


def stream_audio(
    source: Any,
    sr: float | None = 44100,
    mono: bool = True,
    *,
    offset: float = 0.0,
    duration: float | None = None,
    pad: bool = False,
    limits: AudioLimits = _DEFAULT,
) -> tuple[Iterator[Samples], float]:
    """Return what `read_audio` returns, but by blocks of some seconds.

    Memory then holds a block, however long the file is. Parameters and errors are those of
    `read_audio`; what is wrong inside a file is raised when the iterator gets there.

    Returns
    -------
    blocks : iterator of ndarray of float32, shape (samples,), or (channels, samples)
        Of any length; put together they are the waveform.
    sr : float
    """
    rate, blocks = _open(source, sr, mono, offset, duration, pad, limits)
    return blocks, rate


def _open(
    source: Any,
    sr: float | None,
    mono: bool,
    offset: float,
    duration: float | None,
    pad: bool,
    limits: AudioLimits,
) -> tuple[float, Iterator[Samples]]:
    if isinstance(source, Track):
        if source.audio is None:
            raise MissingModalityError("the track has no audio", source=source.id, stage="opening")
        source = source.audio
    name = _name(source)
    if not (math.isfinite(offset) and offset >= 0):
        raise AudioError(
            "offset must be 0 or more seconds", source=name, stage="excerpt", value=offset
        )
    if duration is not None and not 0 < duration < math.inf:
        raise AudioError(
            "duration must be positive seconds", source=name, stage="excerpt", value=duration
        )
    if duration is not None and duration > limits.seconds:
        raise AudioError(
            f"longer than {limits.seconds:g} s", source=name, stage="excerpt", value=duration
        )
    if pad and duration is None:
        raise AudioError("padding needs a duration", source=name, stage="excerpt")
    if sr is not None:
        check_rate(sr, name, "asked sample rate", limits)

    if isinstance(source, tuple):
        rate, blocks = _from_array(source, name, offset, limits)
    else:
        rate, blocks = decode(source, name, offset, limits)
    target = rate if sr is None else sr
    if duration is not None:
        blocks = _first(blocks, round(duration * rate))
    sound = _checked(blocks, name, rate, mono, limits)
    if target != rate:
        sound = _resampled(sound, rate, target)
    if pad and duration is not None:
        sound = _padded(sound, round(duration * target))
    return target, sound


def _name(source: Any) -> str:
    if isinstance(source, (bytes, bytearray, memoryview)):
        return "bytes"
    if isinstance(source, tuple):
        return "(y, sr)"
    if isinstance(source, (str, os.PathLike)):
        return os.fsdecode(source)
    raise AudioError(
        "not a path, bytes or (y, sr)", stage="opening", value=f"a {type(source).__name__}"
    )


def _from_array(source: tuple[Any, ...], name: str, offset: float, limits: AudioLimits) -> Decoded:
    if len(source) != 2:
        raise AudioError("not a pair (y, sr)", source=name, stage="opening", value=len(source))
    y, rate = np.asarray(source[0]), source[1]
    check_rate(rate, name, "sample rate", limits)
    if y.dtype.kind not in "iuf" or y.ndim not in (1, 2):
        raise AudioError(
            "y must hold real numbers, (samples,) or (channels, samples)",
            source=name,
            stage="array",
            value=f"{y.dtype}, shape {y.shape}",
        )
    y = np.atleast_2d(y)
    y = y[:, round(offset * rate) :]
    if y.dtype.kind in "iu":
        kind = np.iinfo(y.dtype)
        half = (int(kind.max) - int(kind.min) + 1) / 2
        y = ((y - (int(kind.min) + half)) / half).astype(np.float32)
    return rate, iter([y])


def _first(blocks: Iterator[NDArray[Any]], left: int) -> Iterator[NDArray[Any]]:
    """Yield the first `left` samples."""
    for block in blocks:
        block = block[:, :left]
        left -= block.shape[1]
        yield block
        if not left:
            return


def _checked(
    blocks: Iterable[NDArray[Any]], name: str, rate: float, mono: bool, limits: AudioLimits
) -> Iterator[Samples]:
    """Yield the blocks as float32, mixed down if `mono`; refuse what no sound holds."""
    most = limits.seconds * rate
    done = 0
    for block in blocks:
        check_channels(len(block), name, limits)
        with np.errstate(over="ignore"):
            sound = block.astype(np.float32, copy=False)
        if not (sound.size == 0 or max(sound.max(), -sound.min()) <= _LOUDEST):  # NaN is not either
            channel, where = np.argwhere(~(np.abs(sound) <= _LOUDEST))[0]
            value = float(block[channel, where])
            raise AudioError(
                "a sample is " + ("too loud" if np.isfinite(value) else "not a finite number"),
                source=name,
                stage=f"sample {done + where}",
                value=value,
            )
        done += block.shape[1]
        if done > most:
            raise AudioError(f"longer than {limits.seconds:g} s", source=name, stage="length")
        if mono:
            yield sound[0] if len(sound) == 1 else sound.mean(axis=0, dtype=np.float64).astype("f4")
        else:
            yield sound
    if not done:
        raise AudioError("there is no sound in it", source=name, stage="length", value=0)


def _resampled(blocks: Iterator[Samples], rate: float, target: float) -> Iterator[Samples]:
    try:
        import soxr
    except ImportError as missing:
        raise MissingExtraError.of("soxr", "audio") from missing

    first = next(blocks)
    channels = 1 if first.ndim == 1 else len(first)
    stream = soxr.ResampleStream(rate, target, channels, dtype="float32", quality="HQ")
    silent = True
    for block, last in chain(
        ((b, False) for b in chain([first], blocks)), [(first[..., :0], True)]
    ):
        out = stream.resample_chunk(np.ascontiguousarray(block.T), last=last).T
        if out.shape[-1]:
            silent = False
            yield out
    if silent:  # shorter than one sample of the result
        yield first[..., :1]


def _padded(blocks: Iterator[Samples], length: int) -> Iterator[Samples]:
    """Yield `length` samples: the blocks, and zeros after them."""
    shape: tuple[int, ...] = ()
    for block in blocks:
        block = block[..., :length]
        length -= block.shape[-1]
        shape = block.shape[:-1]
        yield block
    if length:
        yield np.zeros((*shape, length), np.float32)
