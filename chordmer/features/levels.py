"""Levels in dB relative to a full-scale sine, whatever the window."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chordmer.errors import ChordmerError
from chordmer.features.mel import to_mels
from chordmer.features.stft import FloatArray, hann, in_range

__all__ = [
    "FLOOR_DB",
    "NARROW_SECONDS",
    "WIDE_SECONDS",
    "compressed",
    "decibels",
    "level_offset",
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


def decibels(
    magnitude: FloatArray,
    win_length: int,
    floor_db: float = FLOOR_DB,
    *,
    mel: Mapping[str, Any] | None = None,
    out: FloatArray | None = None,
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
    out : ndarray, optional
        Where to put the levels; over the spectra by default.
    """
    spectrum, gain_db = in_range(magnitude)
    kind = spectrum.dtype.type
    scale = 20 / math.log(10)
    if mel is not None:
        spectrum = to_mels(np.square(spectrum, out=spectrum), **mel)
        scale /= 2
    offset = gain_db + level_offset(win_length)
    with np.errstate(divide="ignore"):
        np.log(spectrum, out=spectrum)
    spectrum *= kind(scale)
    spectrum += kind(offset)
    lowest = max(floor_db, scale * math.log(np.finfo(kind).tiny) + offset)
    # A row, since NumPy compares with a single number several times as slowly.
    row = np.full(spectrum.shape[-1], lowest, kind)
    return np.maximum(spectrum, row, out=spectrum if out is None else out)


def compressed(power: NDArray[np.float64], compression: str) -> NDArray[np.float64]:
    """Return mean powers as levels: ``"log"``, in dB, or ``"cubic"``, the amplitude's cube root."""
    if compression == "cubic":
        return np.asarray(power ** (1 / 6))
    if compression == "log":
        # A full-scale sine has the power 1/2.
        return np.asarray(10 * np.log10(np.maximum(2 * power, 10 ** (FLOOR_DB / 10))))
    raise ChordmerError("compression is cubic or log", stage="gammatone", value=compression)
