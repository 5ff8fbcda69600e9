"""Handcrafted descriptors of sound: time, frequency, statistics, and what a listener would name.

The set is that of the papers: RMS, zero-crossing rate, spectral shape, chroma, tonal centroid and
MFCC (time and frequency domain of the CNN-LSTM paper, section 3), entropy and rate of change (its
statistical domain), and the eight mid- and high-level features of the CBSA paper (section 3.1.2):
pitch, tempo, pulse clarity, key, brightness, roughness, irregularity and novelty.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chordmer.errors import ChordmerError
from chordmer.features.mel import dct_matrix, power_to_db, to_mels
from chordmer.features.pulse import local_mean, local_tempo, novelty
from chordmer.features.spectral import (
    CONTRAST_EDGES,
    bandwidth,
    bin_frequencies,
    brightness,
    centroid,
    contrast,
    entropy,
    flatness,
    flux,
    rolloff,
)
from chordmer.features.stft import FloatArray, as_floats, power_blocks, to_safe_scale
from chordmer.features.tonal import (
    autocorrelation,
    chroma_filterbank,
    irregularity,
    key_of,
    pitch_of,
    roughness,
    spectral_peaks,
    tonnetz,
)

__all__ = ["CBSA_COLUMNS", "DESCRIPTORS", "describe"]

_PITCH_CLASSES = ("C", "Cs", "D", "Ds", "E", "F", "Fs", "G", "Gs", "A", "As", "B")
_CIRCLES = ("fifths", "minor_thirds", "major_thirds")
_N_MFCC = 13

#: Every descriptor: its unit and what it says.
DESCRIPTORS: dict[str, tuple[str, str]] = {
    "rms": ("full scale", "root mean square of the signal"),
    "zero_crossing_rate": ("Hz", "changes of sign a second"),
    "rate_of_change": ("dB/s", "mean step of the level from one hop to the next"),
    "centroid": ("Hz", "mean frequency, weighted by magnitude"),
    "bandwidth": ("Hz", "deviation of frequency about the centroid"),
    "rolloff": ("Hz", "frequency below which 85 % of the magnitude lies"),
    "flatness": ("0 to 1", "geometric over arithmetic mean of the power"),
    "entropy": ("0 to 1", "entropy of the power over the bins"),
    "flux": ("0 to 1.41", "distance between successive spectra of unit length"),
    **{
        f"contrast_{low:.0f}": ("dB", f"peaks over valleys in the octave from {low:.0f} Hz")
        for low in CONTRAST_EDGES
    },
    **{f"chroma_{name}": ("share", f"magnitude in pitch class {name}") for name in _PITCH_CLASSES},
    **{
        f"tonnetz_{circle}_{part}": ("-1 to 1", f"tonal centroid on the circle of {circle}, {part}")
        for circle in _CIRCLES
        for part in ("sin", "cos")
    },
    **{f"mfcc_{k}": ("dB", f"mel-frequency cepstral coefficient {k}") for k in range(_N_MFCC)},
    "pitch": ("MIDI number", "strongest pitch; 69 is 440 Hz"),
    "tempo": ("BPM", "strongest pulse of the 8 s around"),
    "pulse_clarity": ("0 to 1", "how much the onsets of the 8 s around recur"),
    "key": ("fifths", "signature of the key of the 8 s around: sharps, or flats below 0"),
    "key_strength": ("-1 to 1", "correlation with the profile of that key"),
    "mode": ("-2 to 2", "best correlation with a major key less that with a minor key"),
    "brightness": ("share", "magnitude above 1500 Hz"),
    "roughness": ("", "sensory dissonance of the partials over their energy"),
    "irregularity": ("0 to 2", "unevenness of successive partials"),
    "novelty": ("0 to 4", "squared distance between the musical state after and before"),
}

#: The eight of the CBSA paper; the key stands in three columns, so that there are the ten that the
#: paper's section 3.2 counts (1 <= p <= 10).
CBSA_COLUMNS = tuple(DESCRIPTORS)[-10:]

#: Seconds that tempo, key and novelty listen to around a moment.
_CONTEXT = 8.0
#: Lengths of frames in seconds, rounded to a power of two of samples: 2048 and 8192 at 44.1 kHz.
_FAST_SECONDS, _SLOW_SECONDS = 2048 / 44100, 8192 / 44100
#: Shortest window: it must hold a long frame's hop.
_SHORTEST = 0.25


def describe(
    y: ArrayLike, sr: float, *, window_seconds: float = 0.5
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return the descriptors of each window of a signal.

    Spectral shapes are means over frames of 46 ms (2048 samples at 44.1 kHz), of which a quarter is
    new; tonal ones over frames of 186 ms, of which half is. At other rates frames have the power of
    two of samples that lasts about as long.

    Parameters
    ----------
    y : array_like, shape (samples,)
        Mono signal, finite.
    sr : float
        Sample rate in Hz.
    window_seconds : float, default 0.5
        Length of a window, at least 0.25 s. The default is the step of the annotations of DEAM and
        EmoMusic.

    Returns
    -------
    values : ndarray of float32, shape (windows, len(DESCRIPTORS))
        A column for each name of `DESCRIPTORS`. Pitch and tempo of windows that have none are the
        mean of those that have, or 0 if none has.
    times : ndarray of float64, shape (windows,)
        Start of each window in seconds. There is one window for every `window_seconds`, rounded;
        the last takes what is left.

    Raises
    ------
    ChordmerError
        If `window_seconds` is too short to hold a frame.
    """
    if not window_seconds >= _SHORTEST:
        raise ChordmerError(
            f"windows last at least {_SHORTEST} s", stage="descriptors", value=window_seconds
        )
    signal, gain_db = to_safe_scale(as_floats(y))
    windows = _Windows.of(len(signal), sr, window_seconds)
    gain = 10 ** (float(gain_db.item()) / 20)
    rms, zero_crossings, change = _time_domain(signal, sr, windows)
    shapes, cepstra, onsets = _fast_frames(signal, sr, windows, float(gain_db.item()))
    chroma, acf, partials = _slow_frames(signal, sr, windows)
    context = max(1, round(_CONTEXT / window_seconds))
    middles = windows.times + window_seconds / 2
    tempo, clarity = local_tempo(
        onsets, sr / (_frame(sr, _FAST_SECONDS) // 4), middles, context=_CONTEXT
    )
    key = key_of(local_mean(chroma, context))
    total = chroma.sum(axis=1, keepdims=True)
    share = np.divide(chroma, total, out=np.zeros_like(chroma), where=total > 0)
    state = np.hstack([_unit(share), _unit(cepstra[:, 1:])]) / math.sqrt(2)
    columns = [
        (rms * gain)[:, None],
        zero_crossings[:, None],
        change[:, None],
        shapes[:, :-1],
        share,
        tonnetz(chroma),
        cepstra,
        _filled(pitch_of(acf, sr))[:, None],
        _filled(tempo)[:, None],
        clarity[:, None],
        key,
        shapes[:, -1:],
        partials,
        novelty(state, context)[:, None],
    ]
    return np.hstack(columns).astype(np.float32), windows.times


def _frame(sr: float, seconds: float) -> int:
    return max(16, 1 << round(math.log2(sr * seconds)))


@dataclass(frozen=True)
class _Windows:
    """Where the windows begin, in seconds and in samples."""

    times: NDArray[np.float64]
    edges: NDArray[np.int64]

    @classmethod
    def of(cls, samples: int, sr: float, seconds: float) -> _Windows:
        count = max(1, round(samples / (sr * seconds)))
        times = np.arange(count, dtype=np.float64) * seconds
        edges = np.minimum(np.round(np.arange(count + 1) * (seconds * sr)), samples).astype(int)
        edges[-1] = samples
        return cls(times, edges)

    def index(self, samples: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the window that each sample number lies in."""
        found = np.searchsorted(self.edges, samples, side="right") - 1
        return np.clip(found, 0, len(self.times) - 1)

    def means(self, values: FloatArray, hop_length: int) -> NDArray[np.float64]:
        """Return the mean in each window of frames centred every `hop_length` samples."""
        sums = np.zeros((len(self.times), values.shape[1]))
        index = self.index(np.arange(len(values)) * hop_length)
        np.add.at(sums, index, values)
        return sums / np.bincount(index, minlength=len(sums))[:, None]


def _time_domain(
    y: FloatArray, sr: float, windows: _Windows
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    rms, crossings = np.zeros(len(windows.times)), np.zeros(len(windows.times))
    for i, (start, stop) in enumerate(zip(windows.edges[:-1], windows.edges[1:])):
        part = y[start:stop]
        if len(part):
            rms[i] = math.sqrt(float(np.dot(part, part)) / len(part))
            signs = np.signbit(part)
            crossings[i] = np.count_nonzero(signs[1:] != signs[:-1]) * sr / len(part)
    hop = _frame(sr, _FAST_SECONDS) // 4
    hops = y[: len(y) // hop * hop].reshape(-1, hop)
    level = power_to_db(np.einsum("hk,hk->h", hops, hops)[:, None] / hop, top_db=None)[:, 0]
    steps = np.abs(np.diff(level, prepend=level[:1])) * (sr / hop)
    change = windows.means(np.pad(steps, (0, 1))[:, None], hop)[:, 0]
    return rms, crossings, change


def _fast_frames(
    y: FloatArray, sr: float, windows: _Windows, gain_db: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return spectral shapes and cepstra of each window, and the onset strength of each frame."""
    n_fft = _frame(sr, _FAST_SECONDS)
    hop = n_fft // 4
    hz = bin_frequencies(sr, n_fft).astype(y.dtype)
    transform = dct_matrix(_N_MFCC, 128).T
    shapes, cepstra, onsets = [], [], []
    last: FloatArray | None = None
    last_mels: FloatArray | None = None
    for _, magnitude in power_blocks(y, n_fft=n_fft, hop_length=hop, power=1):
        power = np.square(magnitude)
        mels = power_to_db(to_mels(power, sr, n_fft=n_fft), top_db=None)
        shapes.append(
            np.column_stack(
                [
                    centroid(magnitude, hz),
                    bandwidth(magnitude, hz),
                    rolloff(magnitude, hz),
                    flatness(power),
                    entropy(power),
                    flux(magnitude, last),
                    contrast(power, hz),
                    brightness(magnitude, hz),
                ]
            )
        )
        cepstra.append((mels + gain_db) @ transform)
        rows = np.concatenate([mels[:1] if last_mels is None else last_mels, mels])
        onsets.append(np.maximum(np.diff(rows, axis=0), 0).mean(axis=1))
        last, last_mels = magnitude[-1], mels[-1:]
    return (
        windows.means(np.concatenate(shapes), hop),
        windows.means(np.concatenate(cepstra), hop),
        np.concatenate(onsets).astype(np.float64),
    )


def _slow_frames(
    y: FloatArray, sr: float, windows: _Windows
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return chroma, autocorrelation, and roughness with irregularity, of each window."""
    n_fft = _frame(sr, _SLOW_SECONDS)
    hop = n_fft // 2
    hz = bin_frequencies(sr, n_fft).astype(y.dtype)
    bank = chroma_filterbank(sr, n_fft).T.astype(y.dtype)
    chroma, acf, partials = [], [], []
    for _, magnitude in power_blocks(y, n_fft=n_fft, hop_length=hop, power=1):
        chroma.append(magnitude @ bank)
        acf.append(autocorrelation(magnitude, sr))
        frequencies, amplitudes = spectral_peaks(magnitude, hz)
        partials.append(
            np.column_stack([roughness(frequencies, amplitudes), irregularity(amplitudes)])
        )
    return (
        windows.means(np.concatenate(chroma), hop),
        windows.means(np.concatenate(acf), hop),
        windows.means(np.concatenate(partials), hop),
    )


def _unit(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    # Silence leaves rounding dust, which must not be blown up to unit length.
    heard = length > 1e-6
    unit: NDArray[np.float64] = np.divide(rows, length, out=np.zeros_like(rows), where=heard)
    return unit


def _filled(values: FloatArray) -> NDArray[np.float64]:
    known = np.isfinite(values)
    return np.where(known, values, values[known].mean() if known.any() else 0.0)
