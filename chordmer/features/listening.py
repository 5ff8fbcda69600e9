"""Three listeners that follow a signal piece by piece and keep the mean of each window.

`Level` hears the waveform, `Shapes` short frames, `Tones` long ones. All of them are given the
samples in order by `push`, then `close`; what they keep grows by a row a window.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from chordmer.features.mel import dct_matrix, power_to_db, to_mels
from chordmer.features.spectral import (
    bandwidth,
    brightness,
    centroid,
    contrast,
    entropy,
    flatness,
    flux,
    rolloff,
)
from chordmer.features.stft import FloatArray, Spectra, bin_frequencies, in_range
from chordmer.features.tonal import (
    autocorrelation,
    chroma_of,
    irregularity,
    roughness,
    spectral_peaks,
)

__all__ = [
    "CONTEXT",
    "LONG",
    "N_MELS",
    "N_MFCC",
    "SHORTEST_WINDOW",
    "Level",
    "Shapes",
    "Tones",
    "WindowMeans",
    "frame_length",
]

#: Seconds that tempo, key and novelty listen to around a moment.
CONTEXT = 8.0
#: Seconds of the shortest window: it must hold a long frame's hop.
SHORTEST_WINDOW = 0.25

N_MFCC = 13
N_MELS = 128
#: Lengths of frames in seconds: 2048 and 8192 samples at 44.1 kHz.
_SHORT, LONG = 2048 / 44100, 8192 / 44100


def frame_length(sr: float, seconds: float = _SHORT) -> int:
    """Return the power of two of samples that lasts about `seconds`; at least 16.

    >>> frame_length(44100), frame_length(48000), frame_length(8000)
    (2048, 2048, 512)
    """
    return max(16, 1 << round(math.log2(sr * seconds)))


class WindowMeans:
    """Means of rows over windows of equal length.

    Parameters
    ----------
    window : float
        Length of a window in samples.
    hop_length : int
        Samples from one row to the next; the first row stands at sample 0.
    """

    def __init__(self, window: float, hop_length: int) -> None:
        self._window = window
        self._hop = hop_length
        self._done = 0
        self._sums: list[NDArray[np.float64]] = []
        self._counts: list[int] = []

    def add(self, rows: FloatArray) -> None:
        """Take the next rows, shape (n, d)."""
        places = np.arange(self._done, self._done + len(rows)) * self._hop
        index = (places / self._window).astype(np.int64)
        self._done += len(rows)
        starts = np.flatnonzero(np.diff(index, prepend=-1))
        for start, stop in zip(starts, [*starts[1:], len(rows)]):
            total = rows[start:stop].sum(axis=0, dtype=np.float64)
            if index[start] < len(self._sums):
                self._sums[-1] += total
                self._counts[-1] += int(stop - start)
            else:
                self._sums.append(total)
                self._counts.append(int(stop - start))

    def means(self, count: int, width: int) -> NDArray[np.float64]:
        """Return the means of `count` windows of `width` columns.

        Rows beyond the last window belong to it; windows without a row, which only a signal
        shorter than a row has, are 0.
        """
        out = np.zeros((count, width))
        rows = len(self._sums)
        if rows:
            out[:rows] = self._sums[:count]
            counts = np.array(self._counts[:count])
            if rows > count:
                out[-1] += np.sum(self._sums[count:], axis=0)
                counts[-1] += sum(self._counts[count:])
            out[:rows] /= counts[:, None]
        return out


class Level:
    """Root mean square, changes of sign a second, and steps of the level in dB a second."""

    def __init__(self, sr: float, window: float) -> None:
        self._sr = sr
        self._hop = frame_length(sr) // 4
        self._samples = WindowMeans(window, 1)
        self._steps = WindowMeans(window, self._hop)
        self._rest = np.zeros(0)
        self._sign: NDArray[np.bool_] | None = None
        self._level: FloatArray | None = None
        self.total = 0

    def push(self, samples: FloatArray) -> None:
        """Take the next samples."""
        if not len(samples):
            return
        self.total += len(samples)
        square = np.square(samples, dtype=np.float64)
        sign = np.signbit(samples)
        signs = np.concatenate([sign[:1] if self._sign is None else self._sign, sign])
        self._sign = sign[-1:]
        self._samples.add(np.stack([square, signs[1:] != signs[:-1]]).T)
        square = np.concatenate([self._rest, square])
        whole = len(square) // self._hop * self._hop
        self._rest = square[whole:]
        if whole:
            power = square[:whole].reshape(-1, self._hop).mean(axis=1, keepdims=True)
            level = power_to_db(power, top_db=None)
            before = level[:1] if self._level is None else self._level
            self._level = level[-1:]
            self._steps.add(np.abs(np.diff(level, axis=0, prepend=before)))

    def columns(self, count: int) -> NDArray[np.float64]:
        """Return RMS, zero-crossing rate in Hz and rate of change in dB/s, shape (count, 3)."""
        power, crossings = self._samples.means(count, 2).T
        steps = self._steps.means(count, 1)[:, 0]
        return np.column_stack(
            [np.sqrt(power), crossings * self._sr, steps * (self._sr / self._hop)]
        )


class Shapes:
    """Spectral shapes, cepstra and onset strength of frames of 46 ms, a quarter of it new."""

    def __init__(self, sr: float, window: float, dtype: np.dtype[np.floating]) -> None:
        self._sr = sr
        self._n_fft = frame_length(sr)
        self._hop = self._n_fft // 4
        self._spectra = Spectra(n_fft=self._n_fft, hop_length=self._hop, dtype=dtype)
        self._hz = bin_frequencies(sr, self._n_fft).astype(dtype)
        self._rows = WindowMeans(window, self._hop)
        self._last: FloatArray | None = None
        self._last_mels: FloatArray | None = None
        self._onsets: list[FloatArray] = []

    def push(self, samples: FloatArray) -> None:
        """Take the next samples."""
        self._hear(self._spectra.push(samples))

    def close(self) -> None:
        """Hear the frames that reach beyond the end."""
        self._hear(self._spectra.close())

    def _hear(self, blocks: Iterable[FloatArray]) -> None:
        hz = self._hz
        for block in blocks:
            magnitude, gain_db = in_range(block)
            power = np.square(magnitude)
            mels = power_to_db(to_mels(power, self._sr, n_fft=self._n_fft), top_db=None) + gain_db
            self._rows.add(
                np.column_stack(
                    [
                        centroid(magnitude, hz),
                        bandwidth(magnitude, hz),
                        rolloff(magnitude, hz),
                        flatness(power),
                        entropy(power),
                        flux(magnitude, self._last),
                        contrast(power, hz),
                        brightness(magnitude, hz),
                        mels @ dct_matrix(N_MFCC, N_MELS).T,
                    ]
                )
            )
            before = mels[:1] if self._last_mels is None else self._last_mels
            rise = np.diff(mels, axis=0, prepend=before)
            self._onsets.append(np.maximum(rise, 0, out=rise).mean(axis=1))
            self._last, self._last_mels = magnitude[-1], mels[-1:]

    def columns(self, count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return shapes (count, 14), the last of them brightness, and cepstra (count, N_MFCC)."""
        rows = self._rows.means(count, 14 + N_MFCC)
        return rows[:, :14], rows[:, 14:]

    def onsets(self) -> tuple[FloatArray, float]:
        """Return the onset strength of each frame, and how many frames there are a second."""
        return np.concatenate(self._onsets), self._sr / self._hop


class Tones:
    """Chroma, autocorrelation, roughness and irregularity of frames of 186 ms, half of it new."""

    def __init__(self, sr: float, window: float, dtype: np.dtype[np.floating]) -> None:
        self._sr = sr
        n_fft = frame_length(sr, LONG)
        self._spectra = Spectra(n_fft=n_fft, hop_length=n_fft // 2, dtype=dtype)
        self._hz = bin_frequencies(sr, n_fft).astype(dtype)
        self._chroma = WindowMeans(window, n_fft // 2)
        self._similar = WindowMeans(window, n_fft // 2)
        self._partials = WindowMeans(window, n_fft // 2)
        self._lags = 0

    def push(self, samples: FloatArray) -> None:
        """Take the next samples."""
        self._hear(self._spectra.push(samples))

    def close(self) -> None:
        """Hear the frames that reach beyond the end."""
        self._hear(self._spectra.close())

    def _hear(self, blocks: Iterable[FloatArray]) -> None:
        for magnitude in blocks:
            similar = autocorrelation(magnitude, self._sr)
            self._lags = similar.shape[1]
            self._similar.add(similar)
            frequencies, amplitudes = spectral_peaks(in_range(magnitude)[0], self._hz)
            self._chroma.add(chroma_of(frequencies, amplitudes))
            self._partials.add(
                np.column_stack([roughness(frequencies, amplitudes), irregularity(amplitudes)])
            )

    def columns(
        self, count: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Return chroma (count, 12), autocorrelation (count, lags), roughness and irregularity."""
        return (
            self._chroma.means(count, 12),
            self._similar.means(count, self._lags),
            self._partials.means(count, 2),
        )
