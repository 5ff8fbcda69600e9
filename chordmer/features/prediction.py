"""Linear prediction: each sample foretold from those before it, and what that leaves.

References
----------
.. [1] J. Makhoul, "Linear prediction: a tutorial review", Proceedings of the IEEE 63, 1975.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chordmer.errors import ChordmerError
from chordmer.io._compiled import compiled

__all__ = ["LPC_ORDER", "WHITE_NOISE", "lpc", "prediction_residual"]

Floats = NDArray[np.float64]

LPC_ORDER = 16
#: White noise that prediction takes to be there, relative to a frame's power: -90 dB, below the
#: noise of 16 bits. It keeps pure tones and constants, which can be foretold without error, from
#: dividing by zero. Another value gives another phase (1e-4 for 1e-9: 0.26 apart), so it is fixed.
WHITE_NOISE = 1e-9
#: Samples that a process predicts before it loads the compiled loop: two minutes at 44.1 kHz.
_PLAIN_SAMPLES = 120 * 44100

_samples_predicted = 0


def lpc(frames: ArrayLike, order: int = LPC_ORDER) -> Floats:
    """Return linear prediction coefficients by the autocorrelation method [1]_, in float64.

    Frames are Hamming-windowed. In float32 the coefficients would be wrong by orders of magnitude:
    neighbouring samples of music are so alike that the equations are nearly singular.

    Parameters
    ----------
    frames : array_like, shape (..., frame_length)
    order : int, default 16
        Number of coefficients.

    Returns
    -------
    ndarray of float64, shape (..., order + 1)
        The prediction error filter ``1, a_1 .. a_order``: the residual is
        ``s[n] + a_1 s[n-1] + .. + a_order s[n-order]``. It is 1, 0 .. 0 for a silent frame.

    Examples
    --------
    >>> decay = 0.5 ** np.arange(64)  # each sample is half the one before
    >>> lpc(np.r_[np.zeros(64), decay], 1).round(1)
    array([ 1. , -0.5])
    """
    signals = np.asarray(frames, dtype=np.float64)
    length = signals.shape[-1]
    if order < 1 or length < 1:
        raise ChordmerError("prediction needs order >= 1 and samples", stage="lpc", value=order)
    rows = signals.reshape(math.prod(signals.shape[:-1]), length)
    r = np.empty((len(rows), order + 1))
    padded = np.zeros(length + order)
    windowed = padded[:length]
    for lags, row in zip(r, rows):
        np.multiply(row, _hamming(length), out=windowed)
        lags[:] = np.correlate(padded, windowed, "valid")
    r[:, 0] *= 1 + WHITE_NOISE
    return _levinson(r).reshape(*signals.shape[:-1], order + 1)


@lru_cache(maxsize=8)
def _hamming(length: int) -> Floats:
    return np.hamming(length)


def _levinson(r: Floats) -> Floats:
    """Solve the normal equations for each row of autocorrelations by Levinson and Durbin's way."""
    lags = np.ascontiguousarray(np.moveaxis(r, -1, 0))
    error = np.where(lags[0] > 0, lags[0], 1)
    a = np.zeros_like(lags)
    a[0] = 1
    for i in range(1, len(lags)):
        reflection = np.einsum("i...,i...->...", a[:i], lags[i:0:-1])
        reflection /= -error
        a[1 : i + 1] += reflection * a[i - 1 :: -1]
        error *= 1 - reflection**2
    return np.moveaxis(a, 0, -1)


def prediction_residual(frames: Floats, filters: Floats) -> Floats:
    """Return what prediction leaves of each frame.

    Parameters
    ----------
    frames : ndarray of float64, shape (frames, order + frame_length)
        Each with the true samples before it.
    filters : ndarray of float64, shape (frames, order + 1)
        As `lpc` gives them.

    Returns
    -------
    ndarray of float64, shape (frames, frame_length)
    """
    global _samples_predicted
    residual = np.empty((len(frames), frames.shape[1] - filters.shape[1] + 1))
    _samples_predicted += residual.size
    if _samples_predicted > _PLAIN_SAMPLES:
        # Frames that overlap in memory would not be compiled to vector instructions.
        compiled(_filter)(np.ascontiguousarray(frames), filters, residual)
        return residual
    # The operations of the compiled loop in their order.
    order, length = filters.shape[1] - 1, residual.shape[1]
    residual[:] = frames[:, order:]
    for lag in range(1, order + 1):
        residual += filters[:, lag, None] * frames[:, order - lag : order - lag + length]
    return residual


def _filter(frames: Any, filters: Any, residual: Any) -> int:
    """Filter each frame, eight lags in one passage over it."""
    order, length = filters.shape[1] - 1, residual.shape[1]
    for t in range(len(frames)):
        frame, left, a = frames[t], residual[t], filters[t]
        for n in range(length):
            left[n] = frame[order + n]
        lag = 1
        while lag + 7 <= order:
            past = frame[order - lag - 7 : order - lag + length]
            a0, a1, a2, a3 = a[lag], a[lag + 1], a[lag + 2], a[lag + 3]
            a4, a5, a6, a7 = a[lag + 4], a[lag + 5], a[lag + 6], a[lag + 7]
            for n in range(length):
                sooner = left[n] + a0 * past[n + 7] + a1 * past[n + 6]
                sooner = sooner + a2 * past[n + 5] + a3 * past[n + 4]
                sooner = sooner + a4 * past[n + 3] + a5 * past[n + 2]
                left[n] = sooner + a6 * past[n + 1] + a7 * past[n]
            lag += 8
        while lag <= order:
            past = frame[order - lag : order - lag + length]
            for n in range(length):
                left[n] += a[lag] * past[n]
            lag += 1
    return len(frames)
