"""The pulse: which times between onsets recur, and how clearly."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from chordmer.features.summary import entropy, unit
from chordmer.features.texture import Texture

__all__ = ["PERIODS", "PULSE", "intervals", "pulse"]

Floats = NDArray[np.float64]

#: Edges in seconds of the bands of onset intervals: half octaves about a walking pulse.
BANDS = (0.18, 0.27, 0.41, 0.61, 0.92, 1.38, 2.07)

PULSE = {
    "pulse_rate": ("log2 beats/s", "rate of the likeliest pulse from 40 to 220 a minute"),
    "pulse_strength": ("share", "onset intervals at that pulse"),
    "pulse_duple": ("share", "onset intervals at half its period"),
    "pulse_triple": ("share", "onset intervals at a third of its period"),
    "pulse_entropy": ("0 to 1", "entropy of the histogram of onset intervals"),
    **{
        f"pulse_band_{i}": ("share", f"onset intervals from {low} to {high} s")
        for i, (low, high) in enumerate(pairwise(BANDS), 1)
    },
}

_SHORTEST, _OCTAVES, _BINS_AN_OCTAVE = 0.125, 5, 12
#: Middle of each bin of the histogram of onset intervals, in seconds: 12 an octave, 1/8 s to 4 s.
PERIODS: Floats = _SHORTEST * 2 ** ((np.arange(_OCTAVES * _BINS_AN_OCTAVE) + 0.5) / _BINS_AN_OCTAVE)
#: Listeners tap most readily about every half second (Parncutt 1994): log-normal, 0.9 octave wide.
_READINESS = np.exp(-0.5 * (np.log2(PERIODS / 0.5) / 0.9) ** 2)
_READINESS[(PERIODS < 60 / 220) | (PERIODS > 60 / 40)] = 0.0
#: Blurs by an eighth of an octave (9 %): more than a performer's, or a quantiser's, inaccuracy.
_BLUR = np.exp(-0.5 * (np.arange(-4, 5) / 1.5) ** 2)


def intervals(times: Floats, *, neighbours: int = 16) -> Floats:
    """Return the blurred histogram of the times from each onset to those after it.

    An autocorrelation of the onsets that needs no frame rate, so that neither its time nor its
    memory grows with the length of a rest.

    Parameters
    ----------
    times : ndarray of float64, shape (k,)
        Onsets in seconds, ascending.
    neighbours : int, default=16
        How many onsets ahead to look: a bar of sixteenths.

    Returns
    -------
    ndarray of float64, shape (60,)
        Share of each of `PERIODS`. Sums to 1, or to 0 where no interval is in range.
    """
    histogram = np.zeros(len(PERIODS))
    for ahead in range(1, min(neighbours, len(times) - 1) + 1):
        interval = np.maximum(times[ahead:] - times[:-ahead], 1e-3)
        place = np.floor(np.log2(interval / _SHORTEST) * _BINS_AN_OCTAVE)
        place = place[(place >= 0) & (place < len(PERIODS))].astype(np.int64)
        histogram += np.bincount(place, minlength=len(PERIODS))
    return unit(np.convolve(histogram, _BLUR, mode="same"))


def pulse(texture: Texture) -> dict[str, float]:
    """Return the descriptors of `PULSE`."""
    histogram = intervals(texture.times)
    peak = int(np.argmax(histogram * _READINESS))
    strength = float(histogram[peak])

    def divided(parts: int) -> float:
        place = peak - round(_BINS_AN_OCTAVE * np.log2(parts))
        return float(histogram[place]) if place >= 0 else 0.0

    band = np.bincount(np.digitize(PERIODS, BANDS), weights=histogram, minlength=len(BANDS) + 1)
    return {
        "pulse_rate": float(-np.log2(PERIODS[peak])) if strength else 0.0,
        "pulse_strength": strength,
        "pulse_duple": divided(2),
        "pulse_triple": divided(3),
        "pulse_entropy": entropy(histogram),
        **{f"pulse_band_{i}": float(band[i]) for i in range(1, len(BANDS))},
    }
