"""Mel bands, mel-frequency cepstra and their differences in time.

The numbers are librosa's (Slaney's mel scale, bands of equal area, orthonormal DCT); they come
sooner because a group of bands is multiplied only with the bins that it hears. Signals come alone,
``(samples,)``, or as a batch, ``(..., samples)``.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chordmer.errors import ChordmerError
from chordmer.features.stft import FloatArray, gather, in_range

__all__ = [
    "POWER_FLOOR",
    "dct_matrix",
    "delta",
    "mel_filterbank",
    "mel_frequencies",
    "mel_power",
    "mfcc",
    "power_to_db",
    "to_mels",
]

#: Power below which a decibel is no longer counted (librosa's `amin`): -100 dB.
POWER_FLOOR = 1e-10
_BANDS_AT_ONCE = 16


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

    def mels(magnitude: FloatArray, out: FloatArray) -> None:
        power = np.square(magnitude, out=magnitude)
        out[:] = to_mels(power, sr, n_fft=n_fft, n_mels=n_mels, fmin=fmin, fmax=fmax)

    return gather(y, n_mels, mels, n_fft=n_fft, hop_length=hop_length, win_length=win_length)


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
        Where spectra reach 2**40 (an amplitude of a thousand million), the floor of -100 dB rises
        with them, so that any amplitude to 1e30 has finite cepstra.
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

    def levels(block: FloatArray, out: FloatArray) -> None:
        magnitude, gain_db = in_range(block)
        power = np.square(magnitude, out=magnitude)
        mels = to_mels(power, sr, n_fft=n_fft, n_mels=n_mels, fmin=fmin, fmax=fmax)
        np.add(power_to_db(mels, top_db=None), out.dtype.type(gain_db), out=out)

    db = gather(y, n_mels, levels, n_fft=n_fft, hop_length=hop_length, win_length=win_length)
    if top_db is not None:
        np.maximum(db, db.max(axis=(-2, -1), keepdims=True) - db.dtype.type(top_db), out=db)
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
    values = np.asarray(x)
    values = values if values.dtype == np.float32 else values.astype(np.float64)
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
