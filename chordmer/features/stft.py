"""Short-time Fourier spectra: the ground the audio features stand on.

Everything here takes one signal, ``(samples,)``, or a batch, ``(..., samples)``, and gives what
the same signals would give one by one. The numbers are librosa's: periodic Hann window, frames
centred on ``t * hop_length / sr`` with zeros beyond the ends. They come sooner because real FFTs
run over a hundred windowed frames at a time, which stay in the processor's cache. Besides what is
returned, memory holds one such block, whatever the length of the signal.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from chordmer.errors import ChordmerError

__all__ = [
    "FloatArray",
    "as_floats",
    "frame_times",
    "hann",
    "power_blocks",
    "rows",
    "stft_magnitude",
    "to_safe_scale",
]

#: Samples of framed signal transformed at once: 1 MiB of float32.
_BLOCK = 1 << 18

FloatArray = NDArray[np.floating[Any]]


@lru_cache(maxsize=32)
def hann(length: int) -> NDArray[np.float64]:
    """Return the periodic Hann window, shape (length,): its shifted copies sum to a constant."""
    window: NDArray[np.float64] = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)
    if length == 1:
        window[:] = 1
    window.setflags(write=False)
    return window


def frame_times(n_frames: int, sr: float, hop_length: int) -> NDArray[np.float64]:
    """Return where each of `n_frames` centred frames stands, in seconds, shape (n_frames,)."""
    times: NDArray[np.float64] = np.arange(n_frames, dtype=np.float64) * (hop_length / sr)
    return times


def power_blocks(
    y: FloatArray, *, n_fft: int, hop_length: int, win_length: int | None = None, power: int = 2
) -> Iterator[tuple[int, FloatArray]]:
    """Yield the spectrogram of one signal by blocks of frames.

    Parameters
    ----------
    y : ndarray of floats, shape (samples,)
    n_fft, hop_length, win_length, power
        As in `stft_magnitude`; power 1 gives magnitudes, 2 their squares.

    Yields
    ------
    first : int
        Number of the block's first frame.
    block : ndarray, shape (frames in the block, 1 + n_fft // 2)
        New at every step: the caller may write into it.
    """
    from scipy.fft import rfft

    length = n_fft if win_length is None else win_length
    if hop_length < 1 or not 1 <= length <= n_fft:
        raise ChordmerError(
            "frames need hop_length >= 1 and 1 <= win_length <= n_fft",
            stage="short-time spectrum",
            value=f"n_fft={n_fft}, win_length={length}, hop_length={hop_length}",
        )
    window = hann(length).astype(y.dtype)
    # Windows shorter than the FFT sit in its middle; only their samples are framed, since a shift
    # changes phases alone.
    lead = n_fft // 2 - (n_fft - length) // 2
    n_frames = 1 + y.shape[-1] // hop_length
    at_once = max(1, _BLOCK // max(n_fft, hop_length))
    for first in range(0, n_frames, at_once):
        count = min(at_once, n_frames - first)
        start = first * hop_length - lead
        stop = start + (count - 1) * hop_length + length
        samples = y[max(start, 0) : max(stop, 0)]
        if start < 0 or stop > y.shape[-1]:
            samples = np.pad(samples, (max(-start, 0), max(stop - max(y.shape[-1], start), 0)))
            samples = samples[: stop - start]
        framed = sliding_window_view(samples, length)[::hop_length] * window
        block = np.abs(rfft(framed, n_fft, axis=-1, overwrite_x=True))
        yield first, np.square(block, out=block) if power == 2 else block


def stft_magnitude(
    y: ArrayLike, *, n_fft: int = 2048, hop_length: int = 512, win_length: int | None = None
) -> FloatArray:
    """Return the magnitude of the short-time Fourier transform.

    Parameters
    ----------
    y : array_like, shape (..., samples)
        float32 is computed in float32, float64 in float64, anything else as float32.
    n_fft : int, default 2048
        Length of the transform in samples (46 ms at 44.1 kHz).
    hop_length : int, default 512
        Samples from one frame to the next.
    win_length : int, optional
        Length of the Hann window, `n_fft` by default; a shorter one is centred and padded.

    Returns
    -------
    ndarray, shape (..., 1 + n_fft // 2, 1 + samples // hop_length)

    Examples
    --------
    >>> stft_magnitude(np.zeros(44100, np.float32), hop_length=1024).shape
    (1025, 44)
    """
    signals, shape = rows(y)
    bins = 1 + n_fft // 2
    n_frames = 1 + signals.shape[-1] // max(hop_length, 1)
    out = np.empty((len(signals), n_frames, bins), signals.dtype)
    for row, signal in zip(out, signals):
        for first, block in power_blocks(
            signal, n_fft=n_fft, hop_length=hop_length, win_length=win_length, power=1
        ):
            row[first : first + len(block)] = block
    return np.swapaxes(out.reshape(*shape, n_frames, bins), -1, -2)


def to_safe_scale(y: FloatArray) -> tuple[FloatArray, NDArray[np.float64]]:
    """Return signals so scaled that their squares fit float32, and the gain in dB to add later.

    Only signals whose peak is above 2**20 are touched, by a power of two, so that their numbers
    stay exact; every ordinary recording passes as it is.

    Parameters
    ----------
    y : ndarray of floats, shape (..., samples)

    Returns
    -------
    y : ndarray, shape (..., samples)
    gain_db : ndarray of float64, shape (..., 1, 1)
        0 for signals left alone.
    """
    peak = np.maximum(y.max(axis=-1, initial=0), -y.min(axis=-1, initial=0))
    exponent = np.frexp(peak)[1]
    exponent = np.where(exponent > 20, exponent, 0)[..., None]
    gain_db = (20 * math.log10(2) * exponent)[..., None]
    return (np.ldexp(y, -exponent) if exponent.any() else y), gain_db


def as_floats(y: ArrayLike) -> FloatArray:
    """Return `y` as it is where it is float32 or float64, as float32 otherwise."""
    y = np.asarray(y)
    return y if y.dtype in (np.float32, np.float64) else y.astype(np.float32)


def rows(y: ArrayLike) -> tuple[FloatArray, tuple[int, ...]]:
    """Return the signals as rows of a matrix, and the shape they came in but for its last axis."""
    signals = as_floats(y)
    return signals.reshape(math.prod(signals.shape[:-1]), signals.shape[-1]), signals.shape[:-1]
