"""Changes of sound: speed, tempo, pitch and noise.

Each function takes a waveform, (samples,) or (channels, samples), and returns a new one of float32;
the original is never touched. Only `add_noise` is random, and takes `rng`, a seed or a generator:
the same seed gives the same noise. Levels are kept as they are: a result may pass 1 where the
waveform came near it.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chordmer.errors import AudioError

__all__ = ["add_noise", "shift_pitch", "stretch_time", "varispeed"]

Samples = NDArray[np.float32]
Spectra = NDArray[np.complexfloating[Any, Any]]

#: Bounds of the changes: an octave, half and double speed. Beyond them it is other music.
_MOST_SEMITONES = 12.0
_MOST_FACTOR = 2.0
_LOUDEST_NOISE, _FAINTEST_NOISE = -20.0, 120.0
#: Seconds that a phase vocoder's window spans, about: two periods of a low E on the piano's left.
_WINDOW = 0.08
#: Frames transformed at once, which bounds the memory.
_BLOCK = 256
#: A peak that has grown so many times within a hop (20 dB) is the beginning of a sound.
_ONSET = 10.0


def varispeed(y: ArrayLike, *, factor: float) -> Samples:
    """Play `factor` times as fast, as a tape does: tempo and pitch change together.

    Parameters
    ----------
    y : array_like, shape (samples,) or (channels, samples)
    factor : float
        0.5 to 2. Pitch rises by ``12 * log2(factor)`` semitones.

    Returns
    -------
    ndarray of float32, shape (..., round(samples / factor))

    Raises
    ------
    AudioError
        If `y` is no waveform or `factor` is out of bounds.

    Examples
    --------
    >>> varispeed(np.zeros(1000), factor=1.25).shape
    (800,)
    """
    from scipy.signal import resample_poly

    sound = _waveform(y)
    _check("factor", factor, 1 / _MOST_FACTOR, _MOST_FACTOR)
    ratio = Fraction(factor).limit_denominator(1000)
    played = resample_poly(sound, ratio.denominator, ratio.numerator, axis=-1)
    return _of_length(played, round(sound.shape[-1] / factor))


def stretch_time(y: ArrayLike, sr: float, *, factor: float) -> Samples:
    """Play `factor` times as fast at the same pitch.

    A phase vocoder: spectra are taken `factor` hops apart and put together one hop apart. A peak's
    phase moves on by what it moves in one hop of the sound itself, where a second spectrum is taken
    for it; the bins around a peak turn with it, so that a partial stays one (identity phase
    locking: J. Laroche and M. Dolson, "Improved phase vocoder time-scale modification of audio",
    1999). What begins, begins with its own phases.

    Parameters
    ----------
    y : array_like, shape (samples,) or (channels, samples)
        Channels are stretched each for itself.
    sr : float
        Sample rate in Hz, which sets the window: about 80 ms.
    factor : float
        0.5 to 2.

    Returns
    -------
    ndarray of float32, shape (..., round(samples / factor))

    Raises
    ------
    AudioError
        If `y` is no waveform, or `sr` or `factor` is out of bounds.

    Examples
    --------
    >>> stretch_time(np.zeros(1000), 22050, factor=0.8).shape
    (1250,)
    """
    sound = _waveform(y)
    _check("factor", factor, 1 / _MOST_FACTOR, _MOST_FACTOR)
    _check("sr", sr, 100.0, 1e6)
    return _stretched(sound, sr, factor)


def shift_pitch(y: ArrayLike, sr: float, *, semitones: float, tempo: float = 1.0) -> Samples:
    """Raise the pitch by `semitones`, and play `tempo` times as fast.

    The sound is stretched as much as a tape would have to be sped up to reach the pitch, and then
    is sped up. Formants move with the pitch.

    Parameters
    ----------
    y : array_like, shape (samples,) or (channels, samples)
    sr : float
        Sample rate in Hz.
    semitones : float
        -12 to 12.
    tempo : float, default 1
        0.5 to 2; and `semitones` may not ask that a stretch, ``tempo / 2 ** (semitones / 12)``,
        goes beyond these.

    Returns
    -------
    ndarray of float32, shape (..., round(samples / tempo))

    Raises
    ------
    AudioError
        If `y` is no waveform, or a parameter is out of bounds.
    """
    sound = _waveform(y)
    _check("semitones", semitones, -_MOST_SEMITONES, _MOST_SEMITONES)
    _check("tempo", tempo, 1 / _MOST_FACTOR, _MOST_FACTOR)
    rise = 2.0 ** (semitones / 12)
    stretched = stretch_time(sound, sr, factor=tempo / rise)
    length = round(sound.shape[-1] / tempo)
    return _of_length(varispeed(stretched, factor=rise) if semitones else stretched, length)


def add_noise(y: ArrayLike, *, snr_db: float, rng: int | np.random.Generator) -> Samples:
    """Add white Gaussian noise at a signal-to-noise ratio.

    Parameters
    ----------
    y : array_like, shape (samples,) or (channels, samples)
    snr_db : float
        How much stronger the sound is than the noise, both as mean power over the whole, in dB;
        -20 to 120. It holds exactly for the noise that is drawn. Silence stays silence.
    rng : int or Generator

    Returns
    -------
    ndarray of float32, of the shape of `y`

    Raises
    ------
    AudioError
        If `y` is no waveform or `snr_db` is out of bounds.
    """
    sound = _waveform(y)
    _check("snr_db", snr_db, _LOUDEST_NOISE, _FAINTEST_NOISE)
    noise = np.random.default_rng(rng).standard_normal(sound.shape, dtype=np.float32)
    power = np.mean(np.square(sound, dtype=np.float64))
    drawn = np.mean(np.square(noise, dtype=np.float64))
    # A single sample may be drawn as 0.
    gain = np.sqrt(power / max(drawn, np.finfo(np.float32).tiny)) * 10 ** (-snr_db / 20)
    return sound + np.float32(gain) * noise


# --- the phase vocoder ---------------------------------------------------------------------------


def _stretched(sound: Samples, sr: float, factor: float) -> Samples:
    if abs(factor - 1) < 1e-9:
        return sound.copy()
    if sound.ndim == 2:
        return np.stack([_stretched(channel, sr, factor) for channel in sound])
    n_fft = max(16, 1 << round(np.log2(sr * _WINDOW)))
    hop, half = n_fft // 4, n_fft // 2
    length = round(len(sound) / factor)
    # Frame k lies in the result around the sample k * hop - half, and in the sound around that
    # times `factor`.
    n_frames = -(-(length + n_fft) // hop)
    starts = np.rint(factor * (np.arange(n_frames) * hop - half)).astype(np.int64) - half
    before = hop - int(starts[0])
    after = max(0, int(starts[-1]) + n_fft - len(sound))
    padded = np.pad(sound, (before, after))
    frames = np.lib.stride_tricks.sliding_window_view(padded, n_fft)
    window = np.hanning(n_fft + 1)[:-1].astype(np.float32)
    # The squares of a Hann window, a quarter apart, sum to 1.5.
    synthesis = window / np.float32(1.5)
    quarters = np.zeros((n_frames + 3, hop), dtype=np.float32)
    last = np.ones(half + 1, dtype=np.complex64)
    for first in range(0, n_frames, _BLOCK):
        at = starts[first : first + _BLOCK] + before
        now = np.fft.rfft(frames[at] * window)
        last = _carry_on(now, np.fft.rfft(frames[at - hop] * window), last)
        parts = np.fft.irfft(now, n_fft).astype(np.float32) * synthesis
        for quarter in range(4):
            target = slice(first + quarter, first + quarter + len(at))
            quarters[target] += parts[:, quarter * hop : (quarter + 1) * hop]
    return quarters.reshape(-1)[n_fft : n_fft + length]


def _carry_on(now: Spectra, earlier: Spectra, last: Spectra) -> Spectra:
    """Turn the phases of the spectra `now`, shape (frames, bins), in place.

    `earlier` lies a hop before each of them in the sound, where its neighbour lies in the result;
    `last` is the phase of the frame before, and what is returned that of the last one.
    """
    size = np.abs(now)
    peaks = _nearest_peaks(size)
    begins = np.take_along_axis(size >= _ONSET * np.abs(earlier), peaks, axis=1)
    back = np.take_along_axis(_unit(earlier).conj(), peaks, axis=1)
    own = _unit(now)
    for k in range(len(now)):
        turn = last[peaks[k]] * back[k]
        turn[begins[k]] = 1
        turn /= np.abs(turn)
        now[k] *= turn
        last = own[k] * turn
    return last


def _nearest_peaks(size: NDArray[np.floating[Any]]) -> NDArray[np.intp]:
    """Return which peak each bin is nearest to, shape (frames, bins); itself without any peak.

    A peak is larger than the two bins on either side.
    """
    n_bins = size.shape[1]
    around = np.pad(size, ((0, 0), (2, 2)), constant_values=-1.0)
    peak = np.ones(size.shape, dtype=bool)
    for shift in (0, 1):
        peak &= size > around[:, shift : shift + n_bins]
        peak &= size >= around[:, 3 + shift : 3 + shift + n_bins]
    bins = np.arange(n_bins)
    below = np.maximum.accumulate(np.where(peak, bins, -n_bins), axis=1)
    above = np.minimum.accumulate(np.where(peak, bins, 3 * n_bins)[:, ::-1], axis=1)[:, ::-1]
    nearest = np.where(bins - below <= above - bins, below, above)
    return np.where(peak.any(axis=1, keepdims=True), nearest, bins)


def _unit(numbers: Spectra) -> Spectra:
    size = np.abs(numbers)
    unit: Spectra = np.where(size > 0, numbers / np.where(size > 0, size, 1), 1)
    return unit


# --- what is given -------------------------------------------------------------------------------


def _waveform(y: ArrayLike) -> Samples:
    given = np.asarray(y)
    if given.dtype.kind != "f" or given.ndim not in (1, 2) or given.size == 0:
        raise AudioError(
            "not a waveform of floats, (samples,) or (channels, samples)",
            stage="augmentation",
            value=f"{given.dtype}, shape {given.shape}",
        )
    sound: Samples = given.astype(np.float32)
    if not np.isfinite(sound).all():
        raise AudioError("a sample is not a finite number", stage="augmentation")
    return sound


def _check(name: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise AudioError(
            f"{name} must lie between {least:g} and {most:g}", stage="augmentation", value=value
        )


def _of_length(sound: Samples, length: int) -> Samples:
    """Return the first `length` samples, zeros after the end."""
    length = max(length, 1)
    lacking = max(0, length - sound.shape[-1])
    widths = [(0, 0)] * (sound.ndim - 1) + [(0, lacking)]
    return np.pad(sound, widths)[..., :length].astype(np.float32, copy=False)
