"""The shape of a spectrum in one number: where it lies, how wide, how flat, how it changes.

Every function takes spectra as rows, ``(frames, bins)``, and gives one value, or one row, a frame.
Silent frames have no shape: they read 0, in `flatness` 1, never NaN.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from chordmer.features.mel import POWER_FLOOR
from chordmer.features.stft import FloatArray

__all__ = [
    "BRIGHT",
    "CONTRAST_EDGES",
    "bandwidth",
    "brightness",
    "centroid",
    "contrast",
    "entropy",
    "flatness",
    "flux",
    "rolloff",
]

#: Hz from which on magnitude counts as bright.
BRIGHT = 1500.0
#: Octave bands of `contrast` in Hz; the last reaches the Nyquist frequency.
CONTRAST_EDGES = (0.0, 200.0, 400.0, 800.0, 1600.0, 3200.0, 6400.0)


def _over(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """Return the quotient, 0 where there is nothing to divide by."""
    out = np.zeros_like(numerator)
    return np.divide(numerator, denominator, out=out, where=denominator > 0)


def centroid(magnitude: FloatArray, hz: FloatArray) -> FloatArray:
    """Return the mean frequency in Hz, weighted by magnitude, shape (frames,)."""
    return _over(magnitude @ hz, magnitude.sum(axis=-1))


def bandwidth(magnitude: FloatArray, hz: FloatArray) -> FloatArray:
    """Return the standard deviation of frequency about the centroid in Hz, shape (frames,)."""
    distance = hz - centroid(magnitude, hz)[:, None]
    distance *= distance
    spread = np.einsum("tb,tb->t", magnitude, distance)
    return np.sqrt(_over(spread, magnitude.sum(axis=-1)))


def rolloff(magnitude: FloatArray, hz: FloatArray, share: float = 0.85) -> FloatArray:
    """Return the frequency in Hz below which `share` of the magnitude lies, shape (frames,)."""
    below = np.cumsum(magnitude, axis=-1)
    reached: FloatArray = hz[np.argmax(below >= share * below[:, -1:], axis=-1)]
    return reached


def flatness(power: FloatArray) -> FloatArray:
    """Return the geometric over the arithmetic mean of the power, shape (frames,).

    1 for white noise's expected spectrum and for silence, near 0 for tones (Wiener entropy).
    Powers below 1e-10 count as 1e-10, as in librosa.
    """
    heard = np.maximum(power, power.dtype.type(POWER_FLOOR))
    flat: FloatArray = np.exp(np.log(heard).mean(axis=-1)) / heard.mean(axis=-1)
    return flat


def entropy(power: FloatArray) -> FloatArray:
    """Return the Shannon entropy of the power's distribution over the bins, shape (frames,).

    In units of its greatest value, the logarithm of the number of bins: 0 for one tone in one
    bin, 1 for equal power everywhere.
    """
    total = power.sum(axis=-1)
    tiny = np.finfo(power.dtype).tiny
    surprise = np.einsum("tb,tb->t", power, np.log(np.maximum(power, tiny)))
    nats = np.log(np.maximum(total, tiny)) - _over(surprise, total)
    return np.where(total > 0, np.clip(nats / math.log(power.shape[-1]), 0, 1), 0)


def brightness(magnitude: FloatArray, hz: FloatArray, cutoff: float = BRIGHT) -> FloatArray:
    """Return the share of the magnitude at or above `cutoff` Hz, shape (frames,).

    The default is that of MIRToolbox, which the CBSA paper (section 3.1.2) takes it from.
    """
    first = int(np.searchsorted(hz, cutoff))
    return _over(magnitude[:, first:].sum(axis=-1), magnitude.sum(axis=-1))


def contrast(
    power: FloatArray,
    hz: FloatArray,
    *,
    edges: tuple[float, ...] = CONTRAST_EDGES,
    quantile: float = 0.02,
) -> FloatArray:
    """Return how far peaks stand above valleys in each octave band, in dB.

    Jiang et al., *Music type classification by spectral contrast feature* (2002): the mean power
    of the loudest `quantile` of a band's bins over that of the faintest, at least one bin each.

    Returns
    -------
    ndarray, shape (frames, len(edges))
        0 in bands that hold no bin.
    """
    out = np.zeros((len(power), len(edges)), power.dtype)
    bounds = np.searchsorted(hz, [*edges, np.inf])
    for band, (low, high) in enumerate(pairwise(bounds)):
        if high > low:
            count = max(1, round(quantile * int(high - low)))
            heard = np.maximum(power[:, low:high], power.dtype.type(POWER_FLOOR))
            if count == 1:
                valley, peak = heard.min(axis=-1), heard.max(axis=-1)
            else:
                heard.partition((count - 1, heard.shape[-1] - count), axis=-1)
                valley = heard[:, :count].mean(axis=-1)
                peak = heard[:, -count:].mean(axis=-1)
            out[:, band] = 10 * (np.log10(peak) - np.log10(valley))
    return out


def flux(magnitude: FloatArray, before: FloatArray | None = None) -> FloatArray:
    """Return the distance from each spectrum to the one before it, both of unit length.

    Parameters
    ----------
    magnitude : ndarray, shape (frames, bins)
    before : ndarray, shape (bins,), optional
        The spectrum before the first; without it the first frame reads 0.

    Returns
    -------
    ndarray, shape (frames,)
        From 0, no change but in level, to sqrt(2), nothing in common; 0 next to silence.
    """
    rows = magnitude if before is None else np.concatenate([before[None], magnitude])
    length = np.sqrt(np.einsum("tb,tb->t", rows, rows))
    unit = _over(rows, np.broadcast_to(length[:, None], rows.shape))
    step = np.diff(unit, axis=0)
    distance = np.sqrt(np.einsum("tb,tb->t", step, step))
    distance = np.where((length[1:] > 0) & (length[:-1] > 0), distance, 0)
    return distance if before is not None else np.pad(distance, (1, 0))
