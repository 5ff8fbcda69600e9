"""Tempo, pulse clarity and the novelty of the musical state, moment by moment."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chordmer.features.stft import FloatArray

__all__ = ["WIDENED", "local_mean", "local_tempo", "novelty", "taper", "usual_tempo"]

Floats = NDArray[np.float64]

#: Periods are rarely whole numbers of frames: widened, onsets still meet their successors.
WIDENED = np.array([1.0, 2.0, 3.0, 2.0, 1.0]) / 9


def local_tempo(
    onsets: FloatArray,
    rate: float,
    times: Floats,
    *,
    context: float = 8.0,
    slowest: float = 40.0,
    fastest: float = 240.0,
) -> tuple[Floats, Floats]:
    """Return tempo and pulse clarity around each time.

    The onset strength of `context` seconds is correlated with itself. Where the correlation,
    weighted by how usual each tempo is (a log-normal centred on 120 BPM, an octave wide; Ellis,
    *Beat tracking by dynamic programming*, 2007), is greatest, there is the tempo; the greatest
    unweighted correlation is the pulse clarity (Lartillot et al., *Multi-feature modeling of pulse
    clarity*, 2008, its model MaxAutocor).

    Parameters
    ----------
    onsets : ndarray, shape (frames,)
        Onset strength, at least 0.
    rate : float
        Frames a second.
    times : ndarray, shape (t,)
        Moments in seconds.
    context : float, default 8
        Seconds heard around a moment: four bars of a fast piece, two of a slow one.
    slowest, fastest : float
        Range of tempo in beats a minute.

    Returns
    -------
    tempo : ndarray of float64, shape (t,)
        Beats a minute; NaN where nothing recurs.
    clarity : ndarray of float64, shape (t,)
        0 to 1.
    """
    onsets = np.convolve(onsets, WIDENED, mode="same") if len(onsets) >= len(WIDENED) else onsets
    width = max(1, min(round(context * rate), len(onsets)))
    starts = np.clip(np.round(times * rate).astype(int) - width // 2, 0, len(onsets) - width)
    tempo, clarity = np.full(len(times), np.nan), np.zeros(len(times))
    lags, usual = usual_tempo(rate, width, slowest=slowest, fastest=fastest)
    if not len(lags):
        return tempo, clarity
    first, last = lags[0], lags[-1]
    size = 1 << (2 * width - 1).bit_length()
    # Neighbouring moments share most of their context; a minute of them at once bounds memory.
    for begin in range(0, len(times), 128):
        chosen = starts[begin : begin + 128]
        heard = onsets[chosen[:, None] + np.arange(width)].astype(np.float64)
        heard -= heard.mean(axis=-1, keepdims=True)
        energy = np.abs(np.fft.rfft(heard, size)) ** 2
        similar = np.fft.irfft(energy, size)[:, : last + 2]
        similar *= width / (width - np.arange(last + 2.0))
        peak = similar[:, :1]
        similar = np.divide(similar, peak, out=np.zeros_like(similar), where=peak > 1e-9)
        inside = similar[:, first : last + 1]
        is_peak = (inside >= similar[:, first - 1 : last]) & (inside > similar[:, first + 1 :])
        weighed = np.where(is_peak & (inside > 0), inside * usual, 0)
        at = first + weighed.argmax(axis=-1)
        rows = np.arange(len(at))
        left, middle, right = (similar[rows, at + k] for k in (-1, 0, 1))
        bend = left - 2 * middle + right
        shift = np.divide(left - right, 2 * bend, out=np.zeros_like(bend), where=bend < 0)
        beats = 60 * rate / (at + np.clip(shift, -0.5, 0.5))
        found = weighed.max(axis=-1) > 0
        tempo[begin : begin + 128] = np.where(found, beats, np.nan)
        clearest = np.where(is_peak, inside, 0).max(axis=-1)
        clarity[begin : begin + 128] = np.clip(clearest, 0, 1)
    return tempo, clarity


def usual_tempo(
    rate: float, width: int, *, slowest: float = 40.0, fastest: float = 240.0
) -> tuple[NDArray[np.int64], Floats]:
    """Return the lags, in frames, that may be a beat, and how usual each is, from 0 to 1.

    There are none where `width`, the frames heard at once, does not hold two of the longest.
    """
    first, last = int(np.ceil(60 * rate / fastest)), int(60 * rate / slowest)
    last = min(last, width // 2 - 1)
    lags = np.arange(first, last + 1 if last > first else first)
    return lags, np.exp(-0.5 * np.log2(60 * rate / lags / 120) ** 2)


def local_mean(values: Floats, width: int) -> Floats:
    """Return the mean of the `width` rows around each row, fewer at the ends, shape as given."""
    sums = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
    rows = np.arange(len(values))
    low = np.maximum(rows - width // 2, 0)
    high = np.minimum(rows + width - width // 2, len(values))
    mean: Floats = (sums[high] - sums[low]) / (high - low)[:, None]
    return mean


def novelty(states: Floats, half_width: int) -> Floats:
    """Return how far the state after each moment lies from the state before it.

    Foote, *Automatic audio segmentation using a measure of audio novelty* (2000), correlates the
    matrix of similarities (here inner products) with a checkerboard under a Gaussian taper. Both
    factor into a step function in time, so that the correlation is the squared length of the
    difference between the tapered mean state after and before: no matrix is needed.

    Parameters
    ----------
    states : ndarray of float64, shape (t, d)
        Rows of unit length (or 0).
    half_width : int
        Rows before and after that are compared. The ends are continued by their own row, which
        adds no novelty.

    Returns
    -------
    ndarray of float64, shape (t,)
        0 for an unchanging state to 4 for one that turns into its opposite.
    """
    padded = np.pad(states, ((half_width, half_width), (0, 0)), mode="edge")
    change = np.zeros(states.shape)
    for k, weight in enumerate(taper(half_width)):
        after = padded[half_width + k :][: len(states)]
        before = padded[half_width - 1 - k :][: len(states)]
        change += weight * (after - before)
    distance: Floats = np.square(change).sum(axis=-1)
    return distance


def taper(half_width: int) -> Floats:
    """Return the weights of the rows before, or after, a moment, nearest first; they sum to 1."""
    offsets = np.arange(half_width) + 0.5
    weights = np.exp(-0.5 * (2 * offsets / half_width) ** 2)
    return np.asarray(weights / weights.sum())
