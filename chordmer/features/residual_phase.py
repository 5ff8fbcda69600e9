"""Residual phase (RP): what linear prediction leaves, and where in its cycle it peaks.

A voice or an instrument is a source that a resonating body colours. Linear prediction of order 16
takes the colour away; what is left, the residual r, is the excitation. With its Hilbert transform
H[r] it has the envelope ``h = sqrt(r^2 + H[r]^2)`` and the residual phase ``cos(theta) = r / h``.

References
----------
.. [1] N. J. Nalini and S. Palanivel, "Music emotion recognition: the combined evidence of MFCC and
   residual phase", Egyptian Informatics Journal 17, 2016.
.. [2] K. S. R. Murty and B. Yegnanarayana, "Combining evidence from residual phase and MFCC
   features for speaker recognition", IEEE Signal Processing Letters 13, 2006.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from chordmer.errors import ChordmerError
from chordmer.features.prediction import LPC_ORDER, WHITE_NOISE, lpc, prediction_residual

__all__ = [
    "LPC_ORDER",
    "OVERLAP",
    "PREEMPHASIS",
    "WHITE_NOISE",
    "ResidualPhase",
    "excitation_frame_length",
    "lpc",
    "peak_phase",
    "peak_phase_blocks",
    "residual_phase",
]

Floats = NDArray[np.float64]

#: Seconds that a frame shares with the next, as in the paper (section IV.A).
OVERLAP = 0.010
#: ``s[n] - 0.97 s[n - 1]``: the usual flattening of a falling spectrum before prediction.
PREEMPHASIS = 0.97
#: Frames computed at once. They are grouped so from the first on, however the signal arrives,
#: because sums of a group may round as a group.
_AT_ONCE = 128


class ResidualPhase(NamedTuple):
    """The excitation of each frame.

    Attributes
    ----------
    residual : ndarray of float64, shape (..., frames, frame_length)
        What prediction leaves, in the units of the (pre-emphasised) signal.
    envelope : ndarray of float64, shape (..., frames, frame_length)
        Hilbert envelope of the residual.
    phase : ndarray of float64, shape (..., frames, frame_length)
        Cosine of the phase, in [-1, 1]; 0 where the envelope is 0.
    """

    residual: Floats
    envelope: Floats
    phase: Floats


def excitation_frame_length(sr: float, hop_length: int = 1024, overlap: float = OVERLAP) -> int:
    """Return the samples in a frame: a hop and the overlap, and a little more for a quick FFT.

    >>> excitation_frame_length(44100)  # 1024 + 441 = 1465 = 5 * 293 takes nine times as long
    1500
    """
    from scipy.fft import next_fast_len

    if not (hop_length >= 1 and 0 <= overlap < math.inf):
        raise ChordmerError(
            "frames need hop_length >= 1 and overlap >= 0 seconds",
            stage="residual phase",
            value=f"hop_length={hop_length}, overlap={overlap}",
        )
    return int(next_fast_len(hop_length + round(overlap * sr), real=True))


def residual_phase(
    y: ArrayLike,
    sr: float,
    *,
    lpc_order: int = LPC_ORDER,
    hop_length: int = 1024,
    overlap: float = OVERLAP,
    preemphasis: float = PREEMPHASIS,
) -> ResidualPhase:
    """Return residual, envelope and phase of every frame.

    Frame t lies around sample ``t * hop_length``; beyond its ends the signal is zero. Prediction
    within a frame looks back at the true samples before it.

    Parameters
    ----------
    y : array_like, shape (..., samples)
        Finite, of any amplitude from 1e-100 to 1e100; computed in float64.
    sr : float
        Sample rate in Hz.
    lpc_order : int, default 16
        Order of the prediction, as in the paper.
    hop_length : int, default 1024
        Samples from one frame to the next.
    overlap : float, default 0.010
        Seconds that a frame shares with the next, as in the paper; see `excitation_frame_length`.
    preemphasis : float, default 0.97
        The signal is ``s[n] - preemphasis * s[n-1]`` before it is predicted; 0 for none.

    Returns
    -------
    ResidualPhase
        Arrays of shape (..., 1 + samples // hop_length, frame_length): 24 bytes for every sample
        of every frame. `peak_phase` needs no such memory.
    """
    signals = np.asarray(y)
    shape = signals.shape[:-1]
    length = excitation_frame_length(sr, hop_length, overlap)
    parts: list[Floats] = [np.empty((0, length))]
    for signal in signals.reshape(math.prod(shape), signals.shape[-1]):
        parts += _residuals([signal], length, lpc_order, hop_length, preemphasis)
    residual = np.concatenate(parts)
    residual = residual.reshape(*shape, 1 + signals.shape[-1] // hop_length, length)
    envelope = np.hypot(residual, _hilbert(residual))
    phase = np.divide(residual, envelope, out=np.zeros_like(residual), where=envelope > 0)
    return ResidualPhase(residual, envelope, phase)


def peak_phase(y: Any, sr: float, **parameters: Any) -> Any:
    """Return the residual phase where the envelope of each frame is largest.

    Parameters
    ----------
    y : array_like or torch.Tensor, shape (..., samples)
    sr : float
        Sample rate in Hz.
    **parameters
        Those of `residual_phase`.

    Returns
    -------
    ndarray of float64 or torch.Tensor, shape (..., 1 + samples // hop_length)
        In [-1, 1]; 0 in silent frames. A signal rounded to float32 gives what it gives unrounded
        to 1e-3: where prediction leaves a thousandth, that rounding is heard.

    Examples
    --------
    >>> peak_phase(np.eye(1, 44100, 5000)[0], 44100)[4:7].round(2)
    array([0., 1., 0.])
    """
    if type(y).__module__.partition(".")[0] == "torch":
        from chordmer.features.paper_layers import PeakPhase

        return PeakPhase(sr, **parameters).to(y.device)(y)
    signals = np.asarray(y)
    shape = signals.shape[:-1]
    phases = [
        np.concatenate(list(peak_phase_blocks([signal], sr, **parameters)))
        for signal in signals.reshape(math.prod(shape), signals.shape[-1])
    ]
    frames = 1 + signals.shape[-1] // parameters.get("hop_length", 1024)
    return np.array(phases).reshape(*shape, frames)


def peak_phase_blocks(
    blocks: Iterable[NDArray[Any]],
    sr: float,
    *,
    lpc_order: int = LPC_ORDER,
    hop_length: int = 1024,
    overlap: float = OVERLAP,
    preemphasis: float = PREEMPHASIS,
) -> Iterator[Floats]:
    """Yield the `peak_phase` of a signal that comes in blocks, in memory that does not grow.

    Yields
    ------
    ndarray of float64, shape (frames,)
        The same numbers, however the signal is cut into blocks.
    """
    length = excitation_frame_length(sr, hop_length, overlap)
    for residual in _residuals(blocks, length, lpc_order, hop_length, preemphasis):
        power = _hilbert(residual)
        power *= power
        power += residual**2
        peak = power.argmax(axis=1)[:, None]
        at_peak = np.take_along_axis(residual, peak, axis=1)[:, 0]
        envelope = np.sqrt(np.take_along_axis(power, peak, axis=1)[:, 0])
        yield np.divide(at_peak, envelope, out=np.zeros_like(at_peak), where=envelope > 0)


def _residuals(
    blocks: Iterable[NDArray[Any]], length: int, order: int, hop_length: int, preemphasis: float
) -> Iterator[Floats]:
    """Yield the residuals of a group of frames at a time, (frames, length)."""
    history = order + 1
    for samples, count in _groups(blocks, length, hop_length, history):
        flat = samples[1:] - preemphasis * samples[:-1]
        framed = sliding_window_view(flat, length + order)[::hop_length][:count]
        yield prediction_residual(framed, lpc(framed[:, order:], order))


def _groups(
    blocks: Iterable[NDArray[Any]], length: int, hop_length: int, history: int
) -> Iterator[tuple[Floats, int]]:
    """Yield the samples of `_AT_ONCE` frames with the history before them, and how many frames."""
    reach = history + length
    needed = (_AT_ONCE - 1) * hop_length + reach
    waiting = np.zeros(history + length // 2)
    total = done = 0
    for block in blocks:
        total += len(block)
        for start in range(0, len(block), needed):
            waiting = np.concatenate([waiting, block[start : start + needed]])
            while len(waiting) >= needed:
                yield waiting[:needed], _AT_ONCE
                waiting = waiting[_AT_ONCE * hop_length :]
                done += _AT_ONCE
    while (left := 1 + total // hop_length - done) > 0:
        left = min(left, _AT_ONCE)
        missing = (left - 1) * hop_length + reach - len(waiting)
        waiting = np.pad(waiting, (0, max(0, missing)))
        yield waiting, left
        waiting = waiting[left * hop_length :]
        done += left


def _hilbert(signals: Floats) -> Floats:
    """Return the Hilbert transform along the last axis: every partial a quarter period later."""
    from scipy.fft import irfft, rfft

    length = signals.shape[-1]
    spectra = rfft(signals, axis=-1)
    spectra *= -1j
    spectra[..., 0] = 0
    if length % 2 == 0:
        spectra[..., -1] = 0
    return np.asarray(irfft(spectra, length, axis=-1, overwrite_x=True))
