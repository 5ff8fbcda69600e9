"""Short-time Fourier spectra: the ground the audio features stand on.

The numbers are librosa's: periodic Hann window, frames centred on ``t * hop_length / sr`` with
zeros beyond the ends. They come sooner because real FFTs run over a hundred windowed frames at a
time, which stay in the processor's cache. Besides what is returned, memory holds one such block,
whatever the length of the signal, which may itself arrive in pieces.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from chordmer.errors import AudioError, ChordmerError

__all__ = [
    "LOUDEST",
    "FloatArray",
    "Spectra",
    "bin_frequencies",
    "frame_times",
    "gather",
    "hann",
    "in_range",
    "stft_magnitude",
]

FloatArray = NDArray[np.floating[Any]]

#: Samples of framed signal transformed at once: 1 MiB of float32.
_BLOCK = 1 << 18
#: Spectra above 2**40 are scaled before they are squared; 1.2e19 squared leaves float32.
_LOUD = 40
#: The greatest sample: at 2**20 samples a frame the sums still fit float32.
LOUDEST = 1e31


@lru_cache(maxsize=32)
def hann(length: int) -> NDArray[np.float64]:
    """Return the periodic Hann window, shape (length,): its shifted copies sum to a constant."""
    window: NDArray[np.float64] = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)
    if length == 1:
        window[:] = 1
    window.setflags(write=False)
    return window


def frame_times(n_frames: int, sr: float, hop_length: int) -> NDArray[np.float64]:
    """Return where each of `n_frames` centred frames stands, in seconds, shape (n_frames,)."""
    times: NDArray[np.float64] = np.arange(n_frames, dtype=np.float64) * (hop_length / sr)
    return times


def bin_frequencies(sr: float, n_fft: int) -> NDArray[np.float64]:
    """Return the frequency of each bin in Hz, shape (1 + n_fft // 2,)."""
    hz: NDArray[np.float64] = np.arange(1 + n_fft // 2, dtype=np.float64) * (sr / n_fft)
    return hz


class Spectra:
    """Magnitude spectra of one signal that arrives in pieces.

    Parameters
    ----------
    n_fft : int
        Length of the transform in samples.
    hop_length : int
        Samples from one frame to the next.
    win_length : int, optional
        Length of the Hann window, `n_fft` by default; a shorter one is centred and padded.
    dtype : dtype, default float32
        What the signal is computed in.

    Raises
    ------
    ChordmerError
        Unless ``hop_length >= 1`` and ``1 <= win_length <= n_fft``.
    AudioError
        From `push` or `close`, if a sample is beyond `LOUDEST`, whose spectrum might leave float32.
    """

    def __init__(
        self, *, n_fft: int, hop_length: int, win_length: int | None = None, dtype: Any = np.float32
    ) -> None:
        length = n_fft if win_length is None else win_length
        if hop_length < 1 or not 1 <= length <= n_fft:
            raise ChordmerError(
                "frames need hop_length >= 1 and 1 <= win_length <= n_fft",
                stage="short-time spectrum",
                value=f"n_fft={n_fft}, win_length={length}, hop_length={hop_length}",
            )
        self.n_fft = n_fft
        self.hop_length = hop_length
        self._window = hann(length).astype(dtype)
        # Windows shorter than the FFT sit in its middle; only their samples are framed, since a
        # shift changes phases alone.
        self._pending = np.zeros(n_fft // 2 - (n_fft - length) // 2, dtype)
        self._skip = 0
        self._done = 0
        self._total = 0
        self._at_once = max(1, _BLOCK // max(n_fft, hop_length))
        #: Windowed frames; what lies behind the window stays zero.
        self._framed = np.zeros((self._at_once, n_fft), dtype)

    def push(self, samples: FloatArray) -> Iterator[FloatArray]:
        """Take the next samples; yield blocks of spectra, (frames, 1 + n_fft // 2).

        A block is new each time: the caller may write into it. How the signal is cut into pieces
        changes nothing, not even its last bits: all blocks but the last have as many frames.
        """
        self._total += len(samples)
        step = self._at_once * self.hop_length
        reach = step - self.hop_length + len(self._window)
        pending = self._pending
        # Only a block that begins before these samples is put together; the others are views.
        begin = self._skip - len(pending)
        while begin + reach <= len(samples):
            end = begin + reach
            part = samples[begin:end] if begin >= 0 else _joined(pending[begin:], samples[:end])
            yield self._transform(part, self._at_once)
            begin += step
        self._skip = max(0, begin - len(samples))
        self._pending = samples[begin:].copy() if begin >= 0 else _joined(pending[begin:], samples)

    def close(self) -> Iterator[FloatArray]:
        """Yield what is left: there are ``1 + samples // hop_length`` spectra in all."""
        left = 1 + self._total // self.hop_length - self._done
        reach = (left - 1) * self.hop_length + len(self._window)
        rest = np.pad(self._pending, (0, max(0, reach - len(self._pending))))
        for first in range(0, left, self._at_once):
            count = min(self._at_once, left - first)
            yield self._transform(rest[first * self.hop_length :], count)

    def of(self, pieces: FloatArray | Iterable[FloatArray]) -> Iterator[FloatArray]:
        """Yield the spectra of a whole signal, given at once or in pieces."""
        for samples in [pieces] if isinstance(pieces, np.ndarray) else pieces:
            yield from self.push(samples)
        yield from self.close()

    def _transform(self, samples: FloatArray, count: int) -> FloatArray:
        from scipy.fft import rfft

        if max(samples.max(), -samples.min()) > LOUDEST:
            raise AudioError(f"a sample is louder than {LOUDEST:g}", stage="short-time spectrum")
        length = len(self._window)
        seen = sliding_window_view(samples, length)[:: self.hop_length][:count]
        np.multiply(seen, self._window, out=self._framed[:count, :length])
        self._done += count
        magnitude: FloatArray = np.abs(rfft(self._framed[:count], axis=-1))
        return magnitude


def _joined(before: FloatArray, after: FloatArray) -> FloatArray:
    return np.concatenate([before, after])


def stft_magnitude(
    y: ArrayLike, *, n_fft: int = 2048, hop_length: int = 512, win_length: int | None = None
) -> FloatArray:
    """Return the magnitude of the short-time Fourier transform.

    Parameters
    ----------
    y : array_like, shape (..., samples)
        float32 is computed in float32, float64 in float64, anything else as float32.
    n_fft : int, default 2048
        Length of the transform in samples (46 ms at 44.1 kHz).
    hop_length : int, default 512
        Samples from one frame to the next.
    win_length : int, optional
        Length of the Hann window, `n_fft` by default; a shorter one is centred and padded.

    Returns
    -------
    ndarray, shape (..., 1 + n_fft // 2, 1 + samples // hop_length)

    Examples
    --------
    >>> stft_magnitude(np.zeros(44100, np.float32), hop_length=1024).shape
    (1025, 44)
    """
    return gather(
        y,
        1 + n_fft // 2,
        lambda block, out: np.copyto(out, block),
        n_fft=n_fft,
        hop_length=hop_length,
        win_length=win_length,
    )


def gather(
    y: ArrayLike,
    bands: int,
    finish: Callable[[FloatArray, FloatArray], object],
    *,
    n_fft: int,
    hop_length: int,
    win_length: int | None = None,
) -> FloatArray:
    """Return what becomes of the spectra of each signal.

    Parameters
    ----------
    y : array_like, shape (..., samples)
    bands : int
        Width of the result.
    finish : callable
        Takes a block of magnitudes, (frames, 1 + n_fft // 2), which it may overwrite, and writes
        what becomes of it into its second argument, (frames, bands).
    n_fft, hop_length, win_length
        As in `stft_magnitude`.

    Returns
    -------
    ndarray, shape (..., bands, 1 + samples // hop_length)
    """
    y = np.asarray(y)
    signals = y if y.dtype in (np.float32, np.float64) else y.astype(np.float32)
    signals = signals.reshape(math.prod(y.shape[:-1]), y.shape[-1])
    n_frames = 1 + y.shape[-1] // max(hop_length, 1)
    out = np.empty((len(signals), n_frames, bands), signals.dtype)
    for picture, signal in zip(out, signals):
        spectra = Spectra(
            n_fft=n_fft, hop_length=hop_length, win_length=win_length, dtype=signal.dtype
        )
        first = 0
        for block in spectra.of(signal):
            finish(block, picture[first : first + len(block)])
            first += len(block)
    return np.swapaxes(out.reshape(*y.shape[:-1], n_frames, bands), -1, -2)


def in_range(magnitude: FloatArray) -> tuple[FloatArray, float]:
    """Return spectra so scaled that their squares fit float32, and the gain in dB to add later.

    Only spectra that reach 2**40 are touched, by a power of two, so that their numbers stay exact;
    those of ordinary recordings pass as they are.
    """
    exponent = int(np.frexp(magnitude.max(initial=0))[1])
    if exponent <= _LOUD:
        return magnitude, 0.0
    return np.ldexp(magnitude, -exponent), 20 * math.log10(2) * exponent
