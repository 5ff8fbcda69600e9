"""Wide-band, narrow-band and log-mel spectrograms on one time grid.

Levels are in dB relative to a full-scale sine, whatever the window: a sine of amplitude 1 reads
0 dB in the wide-band as in the narrow-band picture (in the mel picture, the value of a band of
weight 1 does). Nothing is counted below `FLOOR_DB`.

The functions take NumPy arrays or torch tensors; for tensors they are the modules of
`chordmer.features.layers`, which a network may contain.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from chordmer.errors import ChordmerError
from chordmer.features.mel import to_mels
from chordmer.features.stft import FloatArray, Spectra, gather, hann, in_range

__all__ = [
    "FLOOR_DB",
    "NARROW_SECONDS",
    "WIDE_SECONDS",
    "decibels",
    "level_offset",
    "log_mel",
    "log_spectrogram",
    "wide_and_narrow",
    "window_lengths",
]

#: Windows of the two spectrograms of MultiSpec-DNN (section IV.B.1).
WIDE_SECONDS = 0.003
NARROW_SECONDS = 0.025
#: Nothing is counted below this level, in dB relative to a full-scale sine.
FLOOR_DB = -100.0


def window_lengths(sr: float, window_seconds: float, n_fft: int | None = None) -> tuple[int, int]:
    """Return window and transform lengths in samples: ``(win_length, n_fft)``.

    Without `n_fft`, the transform is the next power of two that holds the window: at 44.1 kHz 256
    for 3 ms and 2048 for 25 ms, so that every bin of the wide-band picture is also one of the
    narrow-band picture.

    >>> window_lengths(44100, 0.003), window_lengths(44100, 0.025)
    ((132, 256), (1102, 2048))
    """
    win_length = max(2, round(sr * window_seconds))
    if n_fft is None:
        return win_length, 1 << (win_length - 1).bit_length()
    if n_fft < win_length:
        raise ChordmerError(
            f"n_fft must hold the window of {win_length} samples", stage="spectrogram", value=n_fft
        )
    return win_length, n_fft


def level_offset(win_length: int) -> float:
    """Return what to add to ``20 log10(magnitude)`` so that a full-scale sine reads 0 dB."""
    return -20 * math.log10(float(hann(win_length).sum()) / 2)


def log_spectrogram(
    y: Any,
    sr: float,
    *,
    window_seconds: float = NARROW_SECONDS,
    hop_length: int = 512,
    n_fft: int | None = None,
    floor_db: float = FLOOR_DB,
) -> Any:
    """Return the log-magnitude spectrogram.

    Parameters
    ----------
    y : array_like or torch.Tensor, shape (..., samples)
    sr : float
        Sample rate in Hz.
    window_seconds : float, default 0.025
        Length of the Hann window: 25 ms shows harmonics, 3 ms shows attacks.
    hop_length : int, default 512
        Samples from one frame to the next.
    n_fft : int, optional
        Length of the transform; the next power of two that holds the window by default.
    floor_db : float, default -100
        Lowest level.

    Returns
    -------
    ndarray or torch.Tensor, shape (..., 1 + n_fft // 2, 1 + samples // hop_length)
        dB relative to a full-scale sine.

    Examples
    --------
    >>> y = np.sin(2 * np.pi * 1000 * np.arange(8000) / 8000)
    >>> round(float(log_spectrogram(y, 8000)[:, 4].max()), 3)
    0.0
    """
    if _is_tensor(y):
        from chordmer.features.layers import LogSpectrogram

        return LogSpectrogram(
            sr,
            window_seconds=window_seconds,
            hop_length=hop_length,
            n_fft=n_fft,
            floor_db=floor_db,
        ).to(y.device)(y)
    win_length, n_fft = window_lengths(sr, window_seconds, n_fft)

    def levels(signal: FloatArray) -> Iterator[FloatArray]:
        spectra = Spectra(
            n_fft=n_fft, hop_length=hop_length, win_length=win_length, dtype=signal.dtype
        )
        return (decibels(block, win_length, floor_db) for block in spectra.of(signal))

    return gather(y, 1 + n_fft // 2, hop_length, levels)


def decibels(
    magnitude: FloatArray,
    win_length: int,
    floor_db: float = FLOOR_DB,
    *,
    mel: Mapping[str, Any] | None = None,
) -> FloatArray:
    """Return spectra (frames, bins), or their sums in mel bands, as levels in dB.

    Parameters
    ----------
    magnitude : ndarray, shape (frames, bins)
        Written over.
    win_length : int
        Length of the Hann window in samples.
    floor_db : float
        Lowest level.
    mel : mapping, optional
        Arguments of `chordmer.features.mel.to_mels` after the first, where bands are wanted.
    """
    spectrum, gain_db = in_range(magnitude)
    kind = spectrum.dtype.type
    scale = 20 / math.log(10)
    if mel is not None:
        spectrum = to_mels(np.square(spectrum, out=spectrum), **mel)
        scale /= 2
    np.maximum(spectrum, np.finfo(kind).tiny, out=spectrum)
    np.log(spectrum, out=spectrum)
    spectrum *= kind(scale)
    spectrum += kind(gain_db + level_offset(win_length))
    return np.maximum(spectrum, kind(floor_db), out=spectrum)


def wide_and_narrow(y: Any, sr: float, **parameters: Any) -> tuple[Any, Any]:
    """Return the wide-band (3 ms) and the narrow-band (25 ms) spectrogram of the same frames.

    They are the two inputs of MultiSpec-DNN, which the paper calls "narrow band" and "wide band"
    the other way round in places; here the wide band is the short window, as everywhere else.
    Keywords are those of `log_spectrogram` without `window_seconds`. With the default hop (11.6 ms
    at 44.1 kHz) the short windows look at a quarter of the signal; a hop of half a window (66
    samples) shows all of it, at eight times the size.

    Returns
    -------
    wide, narrow : ndarray or torch.Tensor
        With equal numbers of frames; 129 and 1025 bins at 44.1 kHz unless `n_fft` says otherwise.
    """
    return (
        log_spectrogram(y, sr, window_seconds=WIDE_SECONDS, **parameters),
        log_spectrogram(y, sr, window_seconds=NARROW_SECONDS, **parameters),
    )


def log_mel(
    y: Any,
    sr: float,
    *,
    n_mels: int = 128,
    n_fft: int = 2048,
    hop_length: int = 512,
    fmin: float = 0.0,
    fmax: float | None = None,
    floor_db: float = FLOOR_DB,
) -> Any:
    """Return the log-mel spectrogram.

    Parameters
    ----------
    y : array_like or torch.Tensor, shape (..., samples)
    n_mels, n_fft, fmin, fmax
        As in `chordmer.features.mel.mel_filterbank`.
    hop_length, floor_db
        As in `log_spectrogram`.

    Returns
    -------
    ndarray or torch.Tensor, shape (..., n_mels, 1 + samples // hop_length)
        dB; the bands have unit area, so that white noise reads the same in all of them.
    """
    if _is_tensor(y):
        from chordmer.features.layers import LogMel

        return LogMel(
            sr,
            n_mels=n_mels,
            n_fft=n_fft,
            hop_length=hop_length,
            fmin=fmin,
            fmax=fmax,
            floor_db=floor_db,
        ).to(y.device)(y)
    bands = {"sr": sr, "n_fft": n_fft, "n_mels": n_mels, "fmin": fmin, "fmax": fmax}

    def levels(signal: FloatArray) -> Iterator[FloatArray]:
        spectra = Spectra(n_fft=n_fft, hop_length=hop_length, dtype=signal.dtype)
        return (decibels(block, n_fft, floor_db, mel=bands) for block in spectra.of(signal))

    return gather(y, n_mels, hop_length, levels)


def _is_tensor(y: Any) -> bool:
    return type(y).__module__.partition(".")[0] == "torch"
