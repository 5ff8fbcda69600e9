"""What is heard in a spectrum as tones: peaks, roughness, pitch, chroma, tonal centroid, key."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chordmer.features.key import key_of_profile
from chordmer.features.stft import FloatArray

__all__ = [
    "COMPRESSION",
    "LOWEST_PITCH",
    "autocorrelation",
    "chroma_of",
    "irregularity",
    "key_of",
    "pitch_of",
    "roughness",
    "spectral_peaks",
    "tonnetz",
]


#: Power that the magnitudes are raised to before their autocorrelation.
COMPRESSION = 0.67
#: Hz of the lowest pitch that is looked for.
LOWEST_PITCH = 75.0


def chroma_of(
    frequencies: FloatArray, amplitudes: FloatArray, *, fmin: float = 55.0, fmax: float = 2500.0
) -> FloatArray:
    """Return how strong each pitch class is among the partials of each frame.

    A partial between two semitones, tuned to A4 = 440 Hz, counts for both in proportion. Bins
    beside the peaks count for nothing, so that noise and the skirts of low notes stay out.

    Parameters
    ----------
    frequencies, amplitudes : ndarray, shape (frames, partials)
        As `spectral_peaks` gives them.
    fmin, fmax : float
        Range of the partials that count, in Hz: below, a transform of 186 ms no longer parts
        semitones; above, partials are mostly overtones that are notes of no chord.

    Returns
    -------
    ndarray of float64, shape (frames, 12)
        C first.
    """
    heard = (frequencies >= fmin) & (frequencies <= fmax)
    note = 69 + 12 * np.log2(np.where(heard, frequencies, 440) / 440)
    below = np.floor(note).astype(np.int64)
    above_share = note - below
    chroma = np.zeros((len(frequencies), 12))
    row = np.broadcast_to(np.arange(len(frequencies))[:, None], frequencies.shape)
    amplitude = np.where(heard, amplitudes, 0)
    np.add.at(chroma, (row, below % 12), amplitude * (1 - above_share))
    np.add.at(chroma, (row, (below + 1) % 12), amplitude * above_share)
    return chroma


def tonnetz(chroma: FloatArray) -> FloatArray:
    """Return the tonal centroid of each chroma row, shape (..., 6).

    Harte, Sandler and Gasser, *Detecting harmonic change in musical audio* (2006): the weighted
    mean place of the pitch classes on the circles of fifths, of minor thirds and of major thirds
    (radii 1, 1 and 0.5), sine before cosine.

    Parameters
    ----------
    chroma : ndarray, shape (..., 12)
        Any non-negative scale; silent rows give 0.
    """
    total = chroma.sum(axis=-1, keepdims=True)
    share = np.divide(chroma, total, out=np.zeros_like(chroma), where=total > 0)
    angle = np.arange(12)[:, None] * np.pi * np.array([7 / 6, 3 / 2, 2 / 3])
    circles = np.stack([np.sin(angle), np.cos(angle)], axis=-1) * np.array([1, 1, 0.5])[:, None]
    place: FloatArray = share @ circles.reshape(12, 6).astype(chroma.dtype)
    return place


def spectral_peaks(
    magnitude: FloatArray,
    hz: FloatArray,
    *,
    count: int = 20,
    fmin: float = 50.0,
    share: float = 0.01,
) -> tuple[FloatArray, FloatArray]:
    """Return the greatest local maxima of each spectrum in order of frequency.

    Parameters
    ----------
    magnitude : ndarray, shape (frames, bins)
    hz : ndarray, shape (bins,)
        Evenly spaced frequencies.
    count : int, default 20
        Peaks a frame at most.
    fmin : float, default 50
        Lowest frequency in Hz.
    share : float, default 0.01
        Peaks below this share of the frame's greatest are left out (40 dB).

    Returns
    -------
    frequencies, amplitudes : ndarray, shape (frames, count)
        Refined by a parabola through the logarithms of three bins. Where there are fewer peaks,
        the rest have frequency infinity and amplitude 0.
    """
    inner = magnitude[:, 1:-1]
    is_peak = (inner > magnitude[:, :-2]) & (inner >= magnitude[:, 2:])
    is_peak &= (inner > share * inner.max(axis=-1, keepdims=True)) & (hz[1:-1] >= fmin)
    row, at = np.nonzero(is_peak)
    order = np.lexsort((-inner[row, at], row))
    rank = np.arange(len(row)) - np.searchsorted(row, row)
    best = np.sort(order[rank < count])
    row, at = row[best], at[best] + 1
    column = np.arange(len(row)) - np.searchsorted(row, row)

    tiny = np.finfo(magnitude.dtype).tiny
    left, middle, right = (np.log(np.maximum(magnitude[row, at + k], tiny)) for k in (-1, 0, 1))
    bend = left - 2 * middle + right
    shift = np.divide(left - right, 2 * bend, out=np.zeros_like(bend), where=bend < 0)
    shift = np.clip(shift, -0.5, 0.5)
    frequencies = np.full((len(magnitude), count), np.inf, magnitude.dtype)
    amplitudes = np.zeros((len(magnitude), count), magnitude.dtype)
    frequencies[row, column] = hz[0] + (at + shift) * (hz[1] - hz[0])
    amplitudes[row, column] = np.exp(middle - (left - right) * shift / 4)
    return frequencies, amplitudes


def roughness(frequencies: FloatArray, amplitudes: FloatArray) -> FloatArray:
    """Return the sensory dissonance of each frame's partials, relative to their energy.

    Sethares, *Local consonance and the relationship between timbre and scale* (1993), after
    Plomp and Levelt: every pair of partials ``f1 <= f2`` adds
    ``a1 a2 (exp(-3.5 s d) - exp(-5.75 s d))`` with ``d = f2 - f1`` and
    ``s = 0.24 / (0.021 f1 + 19)``: nothing in unison, most at a quarter of a critical band. The
    sum is divided by that of the squared amplitudes, so that it does not depend on loudness.

    Parameters
    ----------
    frequencies, amplitudes : ndarray, shape (frames, partials)
        As `spectral_peaks` gives them: ascending, absent ones infinite and 0.

    Returns
    -------
    ndarray, shape (frames,)
        At least 0, without unit.
    """
    one, other = np.triu_indices(frequencies.shape[-1], 1)
    low = np.where(np.isfinite(frequencies), frequencies, 0)
    scale = 0.24 / (0.021 * low[:, one] + 19)
    apart = scale * np.abs(low[:, other] - low[:, one])
    pairs = np.exp(-3.5 * apart) - np.exp(-5.75 * apart)
    sums = (amplitudes[:, one] * amplitudes[:, other] * pairs).sum(axis=-1)
    energy = np.square(amplitudes).sum(axis=-1)
    relative: FloatArray = np.divide(sums, energy, out=np.zeros_like(sums), where=energy > 0)
    return relative


def irregularity(amplitudes: FloatArray) -> FloatArray:
    """Return how unevenly the amplitudes of successive partials follow each other.

    Jensen, *Timbre models of musical sounds* (1999): the sum of ``(a_k - a_{k+1})^2`` over that
    of ``a_k^2``, with a 0 after the last partial. From 0 towards 2.

    Parameters
    ----------
    amplitudes : ndarray, shape (frames, partials)
        In order of frequency, absent ones 0 and last.
    """
    steps = np.diff(amplitudes, axis=-1, append=0)
    jumps, energy = np.square(steps).sum(axis=-1), np.square(amplitudes).sum(axis=-1)
    uneven: FloatArray = np.divide(jumps, energy, out=np.zeros_like(jumps), where=energy > 0)
    return uneven


def autocorrelation(magnitude: FloatArray, sr: float, fmin: float = LOWEST_PITCH) -> FloatArray:
    """Return the autocorrelation of each compressed spectrum, up to the period of `fmin` Hz.

    The first half of Tolonen and Karjalainen's pitch analysis; the mean of such rows is the
    autocorrelation of their mean.

    Parameters
    ----------
    magnitude : ndarray, shape (frames, 1 + n_fft // 2)
    sr, fmin : float
        Sample rate and lowest pitch in Hz.

    Returns
    -------
    ndarray, shape (frames, lags)
        Lags of 0, 1, 2, ... samples.
    """
    from scipy.fft import irfft

    similar: FloatArray = irfft(magnitude**COMPRESSION, axis=-1)
    return similar[:, : min(int(sr / fmin) + 3, similar.shape[-1] // 2)]


def pitch_of(similar: FloatArray, sr: float, *, fmax: float = 2400.0) -> FloatArray:
    """Return the strongest pitch in each autocorrelation as a MIDI number, NaN where none is.

    Tolonen and Karjalainen, *A computationally efficient multipitch analysis model* (2000): the
    autocorrelation of the compressed spectrum (magnitude to the power 0.67), half-wave rectified,
    less a copy of itself at double lag, which removes the octaves below. With the default ends of
    `autocorrelation` the range is that of MIRToolbox's ``mirpitch``.

    Parameters
    ----------
    similar : ndarray, shape (frames, lags)
        From `autocorrelation`.
    sr, fmax : float
        Sample rate and highest pitch in Hz.

    Returns
    -------
    ndarray, shape (frames,)
        69 is A4 = 440 Hz; fractions are parts of a semitone.
    """
    first, last = max(2, int(sr / fmax)), similar.shape[-1] - 2
    if last < first:
        return np.full(len(similar), np.nan)
    lags = np.arange(similar.shape[-1])
    risen = np.maximum(similar, 0)
    stretched = (risen[:, lags // 2] + risen[:, (lags + 1) // 2]) / 2
    enhanced = np.maximum(risen - stretched, 0)
    at = first + np.argmax(enhanced[:, first : last + 1], axis=-1)
    rows = np.arange(len(at))
    found = enhanced[rows, at] > 1e-3 * risen[:, 0]
    left, middle, right = (similar[rows, at + k] for k in (-1, 0, 1))
    bend = left - 2 * middle + right
    shift = np.divide(left - right, 2 * bend, out=np.zeros_like(bend), where=bend < 0)
    lag = at + np.clip(shift, -0.5, 0.5)
    note: FloatArray = np.where(found, 69 + 12 * np.log2(sr / (440 * lag)), np.nan)
    return note


def key_of(chroma: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the key of each chroma row: signature, strength and mode.

    Parameters
    ----------
    chroma : ndarray of float64, shape (frames, 12)

    Returns
    -------
    ndarray of float64, shape (frames, 3)
        The key signature of the best of the 24 keys, from -5 flats to 6 sharps; its correlation
        with its Krumhansl-Kessler profile, -1 to 1; the best major correlation less
        the best minor one, -2 to 2. Zeros for silence.
    """
    keys = [key_of_profile(row) for row in chroma]
    home = np.array([key.tonic + 3 * (key.mode == "minor") for key in keys], dtype=int)
    strength = np.array([key.strength for key in keys])
    signature = np.where(strength > 0, (7 * home + 5) % 12 - 5, 0)
    fit = np.array([key.correlations for key in keys]).reshape(-1, 24)
    mode = fit[:, :12].max(axis=1) - fit[:, 12:].max(axis=1)
    return np.stack([signature, strength, mode], axis=-1)
