"""Bands of the ear: critical bandwidths, and the gammatone filters that have them.

A gammatone filter rings as ``t^3 exp(-2 pi b t) cos(2 pi f t)`` with ``b = 1.019 ERB(f)``, which
is what the auditory nerve shows. The filters here are Slaney's digital form of it [1]_.

References
----------
.. [1] M. Slaney, "An efficient implementation of the Patterson-Holdsworth auditory filter bank",
   Apple Computer Technical Report 35, 1993.
.. [2] B. R. Glasberg and B. C. J. Moore, "Derivation of auditory filter shapes from notched-noise
   data", Hearing Research 47, 1990.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chordmer.errors import ChordmerError

__all__ = ["erb", "erb_space", "gammatone_filterbank"]

Floats = NDArray[np.float64]

#: Glasberg and Moore's ear: quality at high frequencies, and bandwidth in Hz at low ones.
_EAR_Q = 9.26449
_LEAST_BANDWIDTH = 24.7


def erb(frequency: ArrayLike) -> Floats:
    """Return the equivalent rectangular bandwidth in Hz of the ear at `frequency` in Hz [2]_.

    >>> float(erb(1000).round(1))
    132.6
    """
    return _LEAST_BANDWIDTH + np.asarray(frequency, dtype=np.float64) / _EAR_Q


def erb_space(fmin: float, fmax: float, n_bands: int) -> Floats:
    """Return centre frequencies in Hz, ascending and evenly spaced in ERBs.

    As in [1]_ the first is `fmin` and `fmax` is where the band after the last would be, so that no
    filter is centred on the Nyquist frequency.

    Raises
    ------
    ChordmerError
        Unless ``0 <= fmin < fmax`` and ``n_bands >= 1``.

    Examples
    --------
    >>> erb_space(50, 22050, 24).round()[[0, 1, -1]]
    array([   50.,   106., 18333.])
    """
    if not (0 <= fmin < fmax < math.inf and n_bands >= 1):
        raise ChordmerError(
            "gammatone bands need 0 <= fmin < fmax and n_bands >= 1",
            stage="gammatone filterbank",
            value=f"fmin={fmin}, fmax={fmax}, n_bands={n_bands}",
        )
    knee = _EAR_Q * _LEAST_BANDWIDTH
    steps = np.arange(n_bands) / n_bands
    spaced: Floats = (fmin + knee) * ((fmax + knee) / (fmin + knee)) ** steps - knee
    spaced[0] = fmin
    return spaced


def gammatone_filterbank(
    sr: float, n_bands: int = 24, fmin: float = 50.0, fmax: float | None = None
) -> tuple[Floats, Floats]:
    """Return the filters of `n_bands` ERB-spaced bands, with gain 1 at their centres.

    Against the sampled impulse response itself, Slaney's sections are 0.4 % (relative error of
    the waveform) off at 50 Hz, 2 % at 1 kHz, 6 % at 4 kHz and 23 % at 18 kHz, where a sample is
    long against the filter's own time; their poles are exact. The same filter as one fraction of
    eighth order (`scipy.signal.gammatone`) is unstable in float64 below about 133 Hz at 44.1 kHz.

    Parameters
    ----------
    sr : float
        Sample rate in Hz.
    n_bands : int, default 24
        As in the paper.
    fmin, fmax : float
        Where the bands begin and end in Hz, see `erb_space`; `fmax` is ``sr / 2`` by default.

    Returns
    -------
    sos : ndarray of float64, shape (n_bands, 4, 6)
        Second-order sections for `scipy.signal.sosfilt`, one band after the other.
    centres : ndarray of float64, shape (n_bands,)
        Centre frequencies in Hz.

    Raises
    ------
    ChordmerError
        Unless ``0 <= fmin < fmax <= sr / 2`` and ``n_bands >= 1``.
    """
    top = sr / 2 if fmax is None else fmax
    if not top <= sr / 2:
        raise ChordmerError(
            "gammatone bands need fmax <= sr / 2", stage="gammatone filterbank", value=f"fmax={top}"
        )
    centres = erb_space(fmin, top, n_bands)
    angle = 2 * np.pi * centres / sr
    width = 2 * np.pi * 1.019 * erb(centres) / sr
    pole = np.exp(-width) * (np.cos(angle) + 1j * np.sin(angle))
    sos = np.zeros((n_bands, 4, 6))
    sos[:, :, 0] = sos[:, :, 3] = 1
    sos[:, :, 4] = -2 * pole.real[:, None]
    sos[:, :, 5] = np.exp(-2 * width)[:, None]
    # The Laplace transform of t^3 e^(-Bt) cos(wt) has its zeros at -B + w (+-1 +- sqrt 2).
    spread = np.array([1, -1, 0, 0]) * math.sqrt(3 + 2**1.5)
    spread += np.array([0, 0, 1, -1]) * math.sqrt(3 - 2**1.5)
    sos[:, :, 1] = -(pole.real[:, None] + spread * pole.imag[:, None])
    delay = np.exp(-1j * angle)[:, None]
    through = (1 + sos[:, :, 1] * delay) / (1 + sos[:, :, 4] * delay + sos[:, :, 5] * delay**2)
    sos[:, 0, :3] /= np.abs(through.prod(axis=1))[:, None]
    return sos, centres
