"""Short-time spectra, mel bands and cepstra: the ground the audio features stand on.

Everything here takes one signal, ``(samples,)``, or a batch, ``(..., samples)``, and gives what
the same signals would give one by one. The numbers are librosa's: Slaney's mel scale with bands of
equal area, periodic Hann window, frames centred on ``t * hop_length / sr`` with zeros beyond the
ends. They come sooner because real FFTs run over a hundred windowed frames at a time, which stay
in the processor's cache, and because a group of mel bands is multiplied only with the bins that it
hears. Besides what is returned, memory holds one such block, whatever the length of the signal.
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
    "as_floats",
    "dct_matrix",
    "delta",
    "frame_times",
    "hann",
    "mel_filterbank",
    "mel_frequencies",
    "mel_power",
    "mfcc",
    "power_blocks",
    "power_to_db",
    "rows",
    "stft_magnitude",
    "to_mels",
    "to_safe_scale",
]

#: Power below which a decibel is no longer counted (librosa's `amin`): -100 dB.
POWER_FLOOR = 1e-10
#: Samples of framed signal transformed at once: 1 MiB of float32.
_BLOCK = 1 << 18
_BANDS_AT_ONCE = 16

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


def mel_frequencies(n_mels: int, fmin: float = 0.0, fmax: float = 11025.0) -> NDArray[np.float64]:
    """Return `n_mels` frequencies in Hz, evenly spaced from `fmin` to `fmax` on Slaney's mel scale.

    The scale (Slaney, *Auditory Toolbox*, 1998) is linear below 1 kHz, 15 mel = 1 kHz, and
    logarithmic above, 27 mel a factor of 6.4.
    """
    log_step = math.log(6.4) / 27

    def to_mel(hz: float) -> float:
        return hz * 3 / 200 if hz < 1000 else 15 + math.log(hz / 1000) / log_step

    mels = np.linspace(to_mel(fmin), to_mel(fmax), n_mels)
    hz: NDArray[np.float64] = np.where(
        mels < 15, mels * 200 / 3, 1000 * np.exp((np.maximum(mels, 15) - 15) * log_step)
    )
    return hz


@lru_cache(maxsize=16)
def mel_filterbank(
    sr: float, n_fft: int, n_mels: int = 128, fmin: float = 0.0, fmax: float | None = None
) -> NDArray[np.float32]:
    """Return triangular mel bands of unit area (in Hz), as librosa's ``filters.mel``.

    Parameters
    ----------
    sr : float
        Sample rate in Hz.
    n_fft : int
        Length of the transform whose bins are weighted.
    n_mels : int, default 128
        Number of bands. One narrower than a bin may hear nothing: raise `n_fft` or lower this.
    fmin, fmax : float
        Lower end of the first and upper end of the last band in Hz; `fmax` is ``sr / 2`` by
        default.

    Returns
    -------
    ndarray of float32, shape (n_mels, 1 + n_fft // 2), read-only

    Raises
    ------
    ChordmerError
        Unless ``0 <= fmin < fmax <= sr / 2``.
    """
    top = sr / 2 if fmax is None else fmax
    if not 0 <= fmin < top <= sr / 2:
        raise ChordmerError(
            "mel bands need 0 <= fmin < fmax <= sr / 2",
            stage="mel filterbank",
            value=f"fmin={fmin}, fmax={top}, sr={sr}",
        )
    edges = mel_frequencies(n_mels + 2, fmin, top)[:, None]
    bins = np.arange(1 + n_fft // 2) * (sr / n_fft)
    rise = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    bank = (np.maximum(0, np.minimum(rise, fall)) * (2 / (edges[2:] - edges[:-2]))).astype("f4")
    bank.setflags(write=False)
    return bank


@lru_cache(maxsize=16)
def _band_groups(
    sr: float, n_fft: int, n_mels: int, fmin: float, fmax: float | None, double: bool
) -> list[tuple[int, int, FloatArray]]:
    """Return for each group of bands the range of bins it hears and its weights (bins, bands)."""
    bank = mel_filterbank(sr, n_fft, n_mels, fmin, fmax)
    groups = []
    for band in range(0, n_mels, _BANDS_AT_ONCE):
        weights = bank[band : band + _BANDS_AT_ONCE]
        heard = np.flatnonzero(weights.any(axis=0))
        low, high = (heard[0], heard[-1] + 1) if len(heard) else (0, 1)
        part = np.ascontiguousarray(weights[:, low:high].T, dtype="f8" if double else "f4")
        groups.append((int(low), int(high), part))
    return groups


def to_mels(
    power: FloatArray,
    sr: float,
    *,
    n_fft: int,
    n_mels: int = 128,
    fmin: float = 0.0,
    fmax: float | None = None,
) -> FloatArray:
    """Return power spectra ``(frames, 1 + n_fft // 2)`` summed into mel bands ``(frames, n_mels)``.

    The same as ``power @ mel_filterbank(...).T``, without most of its products with zero.
    """
    out = np.empty((len(power), n_mels), power.dtype)
    groups = _band_groups(sr, n_fft, n_mels, fmin, fmax, power.dtype == np.float64)
    for number, (low, high, weights) in enumerate(groups):
        band = number * _BANDS_AT_ONCE
        np.matmul(power[:, low:high], weights, out=out[:, band : band + weights.shape[1]])
    return out


def mel_power(
    y: ArrayLike,
    sr: float,
    *,
    n_mels: int = 128,
    n_fft: int = 2048,
    hop_length: int = 512,
    win_length: int | None = None,
    fmin: float = 0.0,
    fmax: float | None = None,
) -> FloatArray:
    """Return the power in mel bands.

    Parameters
    ----------
    y : array_like, shape (..., samples)
    sr : float
        Sample rate in Hz.
    n_mels, n_fft, fmin, fmax
        As in `mel_filterbank`.
    hop_length, win_length
        As in `stft_magnitude`.

    Returns
    -------
    ndarray, shape (..., n_mels, 1 + samples // hop_length)
    """
    signals, shape = rows(y)
    n_frames = 1 + signals.shape[-1] // max(hop_length, 1)
    out = np.empty((len(signals), n_frames, n_mels), signals.dtype)
    for row, signal in zip(out, signals):
        for first, block in power_blocks(
            signal, n_fft=n_fft, hop_length=hop_length, win_length=win_length
        ):
            row[first : first + len(block)] = to_mels(
                block, sr, n_fft=n_fft, n_mels=n_mels, fmin=fmin, fmax=fmax
            )
    return np.swapaxes(out.reshape(*shape, *out.shape[1:]), -1, -2)


def power_to_db(power: FloatArray, *, top_db: float | None = 80.0) -> FloatArray:
    """Return ``10 log10(power)``, never below -100 dB.

    Parameters
    ----------
    power : ndarray, shape (..., bands, frames)
    top_db : float, optional
        Clip each signal this far below its own loudest value; None to keep everything.
    """
    db = np.maximum(power, power.dtype.type(POWER_FLOOR))
    np.log(db, out=db)
    db *= db.dtype.type(10 / math.log(10))
    if top_db is not None:
        np.maximum(db, db.max(axis=(-2, -1), keepdims=True) - db.dtype.type(top_db), out=db)
    return db


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


def mfcc(
    y: ArrayLike,
    sr: float,
    *,
    n_mfcc: int = 20,
    n_mels: int = 128,
    n_fft: int = 2048,
    hop_length: int = 512,
    win_length: int | None = None,
    fmin: float = 0.0,
    fmax: float | None = None,
    top_db: float | None = 80.0,
) -> FloatArray:
    """Return mel-frequency cepstral coefficients, equal to librosa's ``feature.mfcc``.

    Parameters
    ----------
    y : array_like, shape (..., samples)
        Any finite amplitude; beyond 2**20 the floor of -100 dB rises with the signal.
    sr : float
        Sample rate in Hz.
    n_mfcc : int, default 20
        Number of coefficients, from the 0th (level); at most `n_mels`.
    top_db : float, optional
        Range below the loudest band kept, per signal, in dB.
    n_mels, n_fft, hop_length, win_length, fmin, fmax
        As in `mel_power`.

    Returns
    -------
    ndarray, shape (..., n_mfcc, 1 + samples // hop_length)

    Examples
    --------
    >>> mfcc(np.zeros(44100, np.float32), 44100, n_mfcc=64, hop_length=1024).shape
    (64, 44)
    """
    signals, gain_db = to_safe_scale(as_floats(y))
    power = mel_power(
        signals,
        sr,
        n_mels=n_mels,
        n_fft=n_fft,
        hop_length=hop_length,
        win_length=win_length,
        fmin=fmin,
        fmax=fmax,
    )
    db = power_to_db(power, top_db=top_db)
    if gain_db.any():
        db += gain_db.astype(db.dtype)
    transform = dct_matrix(n_mfcc, n_mels).astype(db.dtype)
    # The spectra lie frame after frame in memory: multiply them so.
    return np.swapaxes(np.swapaxes(db, -1, -2) @ transform.T, -1, -2)


@lru_cache(maxsize=16)
def dct_matrix(n_mfcc: int, n_mels: int) -> NDArray[np.float64]:
    """Return the first rows of the orthonormal DCT-II, shape (n_mfcc, n_mels), read-only.

    Raises
    ------
    ChordmerError
        Unless ``1 <= n_mfcc <= n_mels``.
    """
    if not 1 <= n_mfcc <= n_mels:
        raise ChordmerError(
            "cepstra need 1 <= n_mfcc <= n_mels",
            stage="cepstrum",
            value=f"n_mfcc={n_mfcc}, n_mels={n_mels}",
        )
    order = np.arange(n_mfcc)[:, None]
    matrix: NDArray[np.float64] = math.sqrt(2 / n_mels) * np.cos(
        np.pi / n_mels * (np.arange(n_mels) + 0.5) * order
    )
    matrix[0] /= math.sqrt(2)
    matrix.setflags(write=False)
    return matrix


def delta(x: ArrayLike, *, width: int = 9, order: int = 1) -> FloatArray:
    """Return the `order`-th difference in time, as a local polynomial fit (Savitzky and Golay).

    Equal to librosa's ``feature.delta``: over each `width` frames a polynomial of degree `order`
    is fitted, and its highest derivative taken. That derivative is constant over the fit, so the
    frames nearer to an end than half a width repeat the value of the first and last full window.

    Parameters
    ----------
    x : array_like, shape (..., frames)
    width : int, default 9
        Frames in a window, odd. With fewer frames than that, the widest odd window that fits.
    order : int, default 1
        1 for the slope a frame, 2 for the curvature.

    Returns
    -------
    ndarray, shape as `x`
        Zeros where there are too few frames (at most `order`) to fit at all.
    """
    values = as_floats(x)
    n_frames = values.shape[-1]
    if width < 3 or width % 2 == 0 or order < 1 or order >= width:
        raise ChordmerError(
            "differences need an odd width of at least 3 and 1 <= order < width",
            stage="delta",
            value=f"width={width}, order={order}",
        )
    width = min(width, n_frames - 1 + n_frames % 2)
    if width <= order:
        return np.zeros_like(values)
    half = width // 2
    powers = np.vander(np.arange(-half, half + 1, dtype=np.float64), order + 1)
    weights = np.linalg.pinv(powers)[0] * math.factorial(order)
    inner = n_frames - width + 1
    out = np.empty_like(values)
    middle = out[..., half : half + inner]
    np.multiply(values[..., :inner], weights[0], out=middle, casting="same_kind")
    for shift in range(1, width):
        middle += values[..., shift : shift + inner] * values.dtype.type(weights[shift])
    out[..., :half] = middle[..., :1]
    out[..., half + inner :] = middle[..., -1:]
    return out


def as_floats(y: ArrayLike) -> FloatArray:
    """Return `y` as it is where it is float32 or float64, as float32 otherwise."""
    y = np.asarray(y)
    return y if y.dtype in (np.float32, np.float64) else y.astype(np.float32)


def rows(y: ArrayLike) -> tuple[FloatArray, tuple[int, ...]]:
    """Return the signals as rows of a matrix, and the shape they came in but for its last axis."""
    signals = as_floats(y)
    return signals.reshape(math.prod(signals.shape[:-1]), signals.shape[-1]), signals.shape[:-1]
