"""The paper's inputs, GTF and MF_RP, as torch modules for use inside a network.

The same numbers as the NumPy functions of the same name, on any device, with gradients that are
finite everywhere. What runs there as a recursion over samples is a convolution here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.fft import next_fast_len
from scipy.signal import sosfilt
from torch import Tensor, nn

from chordmer.errors import ChordmerError
from chordmer.features.gammatone import cells_of, gammatone_filterbank
from chordmer.features.layers import MFCC
from chordmer.features.levels import FLOOR_DB, compressed
from chordmer.features.mel import dct_matrix, delta
from chordmer.features.mfcc_rp import WEIGHT
from chordmer.features.prediction import LPC_ORDER, WHITE_NOISE
from chordmer.features.residual_phase import OVERLAP, PREEMPHASIS, excitation_frame_length

__all__ = ["GFCC", "MFRP", "Gammatonegram", "PeakPhase"]

#: Where an impulse response has rung out: below this, relative to its peak.
_RUNG_OUT = 1e-14


class Gammatonegram(nn.Module):
    """Mean power in gammatone bands; parameters as in `chordmer.features.gammatone.gammatonegram`.

    Maps (..., samples) to (..., n_bands, 1 + samples // hop_length). The signal is convolved, by
    FFT and a block at a time, with the impulse responses of the same filters. Relative to a band's
    loudest frame it agrees with the recursion to 1e-11 in float64 and to 2e-6 in float32, where
    amplitudes must stay below 1e18.
    """

    def __init__(
        self,
        sr: float,
        *,
        n_bands: int = 24,
        fmin: float = 50.0,
        fmax: float | None = None,
        hop_length: int = 1024,
        win_length: int | None = None,
    ) -> None:
        super().__init__()
        self.window, self.cells = cells_of(hop_length, win_length)
        self.hop_length = hop_length
        # No buffer: a conversion of the network to fewer bits must not reach it.
        self.impulses = _impulse_responses(sr, n_bands, fmin, fmax)
        taps = self.impulses.shape[-1]
        #: Samples that a block adds: as many as the filters' memory, in whole hops.
        self.step = -(-taps // hop_length) * hop_length
        self.n_fft = next_fast_len(self.step + taps - 1, real=True)

    def forward(self, y: Tensor) -> Tensor:
        """Return the power."""
        n_frames = 1 + y.shape[-1] // self.hop_length
        a_hop = len(self.cells)
        span = a_hop * (self.window // self.hop_length) + a_hop - 1
        hops = n_frames + -(-self.window // self.hop_length) - 1
        blocks = -(-hops * self.hop_length // self.step)
        history = self.n_fft - self.step
        lead = self.window // 2
        length = blocks * self.step
        padded = nn.functional.pad(y, (history + lead, length - lead - y.shape[-1]))
        impulses = torch.as_tensor(self.impulses, dtype=y.dtype, device=y.device)
        responses = torch.fft.rfft(impulses, self.n_fft)
        energies = []
        for part in padded.unfold(-1, self.n_fft, self.step).unbind(-2):
            passed = torch.fft.irfft(torch.fft.rfft(part)[..., None, :] * responses, self.n_fft)
            by_hop = passed[..., history:].square().unflatten(-1, (-1, self.hop_length))
            energies.append(
                torch.stack([cell.sum(-1) for cell in by_hop.split(self.cells, -1)], -1)
            )
        cells = torch.cat(energies, -2).flatten(-2)
        power: Tensor = cells.unfold(-1, span, a_hop).sum(-1)[..., :n_frames] / self.window
        return power


def _impulse_responses(
    sr: float, n_bands: int, fmin: float, fmax: float | None
) -> NDArray[np.float64]:
    """Return what each filter rings like after an impulse, shape (n_bands, taps), float64."""
    sos, _ = gammatone_filterbank(sr, n_bands, fmin, fmax)
    taps = 1024
    while True:
        impulse = np.zeros(taps)
        impulse[0] = 1
        rung = np.array([sosfilt(band, impulse) for band in sos])
        tail = np.abs(rung[:, taps // 2 :]).max(axis=1)
        if (tail <= _RUNG_OUT * np.abs(rung).max(axis=1)).all():
            return rung[:, : taps // 2]
        taps *= 2


class GFCC(nn.Module):
    """Gammatone-frequency cepstra; parameters as in `chordmer.features.gammatone.gfcc`.

    Maps (..., samples) to (..., n_gfcc, 1 + samples // hop_length). The numbers are those of the
    NumPy function to 1e-9 of the largest in float64 and to 1e-5 in float32, where the bands stay
    within 30 dB of their loudest; compression lifts what rounding leaves of fainter ones.
    """

    def __init__(
        self,
        sr: float,
        *,
        n_gfcc: int = 22,
        n_bands: int = 64,
        compression: str = "cubic",
        **parameters: Any,
    ) -> None:
        super().__init__()
        compressed(np.zeros(0), compression)
        self.compression = compression
        self.transform = dct_matrix(n_gfcc, n_bands)
        self.power = Gammatonegram(sr, n_bands=n_bands, **parameters)

    def forward(self, y: Tensor) -> Tensor:
        """Return the coefficients."""
        power = self.power(y)
        if self.compression == "cubic":
            heard = power > 0
            levels = torch.where(heard, torch.where(heard, power, 1) ** (1 / 6), 0)
        else:
            levels = 10 * (2 * power).clamp(min=10 ** (FLOOR_DB / 10)).log10()
        transform = torch.tensor(self.transform, dtype=y.dtype, device=y.device)
        cepstra: Tensor = transform @ levels
        return cepstra


class PeakPhase(nn.Module):
    """Residual phase at the peak of the envelope, as `chordmer.features.residual_phase.peak_phase`.

    Maps (..., samples) to (..., 1 + samples // hop_length). Whatever the signal's type, prediction
    is computed in float64; the numbers are those of the NumPy function to 1e-6.
    """

    def __init__(
        self,
        sr: float,
        *,
        lpc_order: int = LPC_ORDER,
        hop_length: int = 1024,
        overlap: float = OVERLAP,
        preemphasis: float = PREEMPHASIS,
    ) -> None:
        super().__init__()
        self.length = excitation_frame_length(sr, hop_length, overlap)
        self.order = lpc_order
        self.hop_length = hop_length
        self.preemphasis = preemphasis
        # No buffer: a conversion of the network to float32 must not reach it.
        self.window = np.hamming(self.length)
        self.n_fft = next_fast_len(self.length + lpc_order, real=True)

    def forward(self, y: Tensor) -> Tensor:
        """Return the cosine of the phase, in [-1, 1]; 0 in silent frames."""
        n_frames = 1 + y.shape[-1] // self.hop_length
        history = self.order + 1
        padded = nn.functional.pad(y.double(), (history + self.length // 2, self.length))
        framed = padded.unfold(-1, history + self.length, self.hop_length)[..., :n_frames, :]
        flat = framed[..., 1:] - self.preemphasis * framed[..., :-1]
        filters = self._predict(flat[..., self.order :])
        residual = torch.zeros_like(flat[..., self.order :])
        for lag in range(self.order + 1):
            start = self.order - lag
            past = flat[..., start : start + self.length]
            residual = residual + filters[..., lag, None] * past
        power = residual.square() + self._hilbert(residual).square()
        peak = power.argmax(-1, keepdim=True)
        at_peak, power = residual.gather(-1, peak), power.gather(-1, peak)
        sounding = power > 0
        phase = torch.where(sounding, at_peak / torch.where(sounding, power, 1).sqrt(), 0)
        result: Tensor = phase[..., 0].to(y.dtype)
        return result

    def _predict(self, frames: Tensor) -> Tensor:
        window = torch.from_numpy(self.window).to(frames.device)
        spectra = torch.fft.rfft(frames * window, self.n_fft)
        power = torch.view_as_real(spectra).square().sum(-1)
        r = torch.fft.irfft(power, self.n_fft)[..., : self.order + 1]
        error = r[..., :1] * (1 + WHITE_NOISE)
        error = torch.where(error > 0, error, 1)
        a = torch.ones_like(error)
        for i in range(1, self.order + 1):
            reflection = -(a * r[..., 1 : i + 1].flip(-1)).sum(-1, keepdim=True) / error
            grown = nn.functional.pad(a, (0, 1))
            a = grown + reflection * grown.flip(-1)
            error = error * (1 - reflection**2)
        return a

    def _hilbert(self, signals: Tensor) -> Tensor:
        spectra = torch.fft.rfft(signals)
        turn = torch.full((spectra.shape[-1],), -1j, dtype=spectra.dtype, device=signals.device)
        turn[0] = 0
        if self.length % 2 == 0:
            turn[-1] = 0
        later: Tensor = torch.fft.irfft(spectra * turn, self.length)
        return later


class MFRP(nn.Module):
    """MF_RP features; parameters as in `chordmer.features.mfcc_rp.mf_rp`.

    Maps (..., samples) to (..., 3 * n_mfcc, 1 + samples // hop_length). The numbers are those of
    the NumPy function to 1e-4 of the largest in float32.
    """

    def __init__(
        self,
        sr: float,
        *,
        weighting: float = WEIGHT,
        n_mfcc: int = 64,
        hop_length: int = 1024,
        lpc_order: int = LPC_ORDER,
        overlap: float = OVERLAP,
        preemphasis: float = PREEMPHASIS,
    ) -> None:
        super().__init__()
        if not 0 <= weighting <= 1:
            raise ChordmerError("weighting is from 0 to 1", stage="MF_RP", value=weighting)
        self.weight = weighting
        self.cepstra = MFCC(sr, n_mfcc=n_mfcc, hop_length=hop_length, top_db=None)
        self.phase = PeakPhase(
            sr,
            lpc_order=lpc_order,
            hop_length=hop_length,
            overlap=overlap,
            preemphasis=preemphasis,
        )

    def forward(self, y: Tensor) -> Tensor:
        """Return fused cepstra, their first differences, their second differences."""
        weight = 1 - self.weight + self.weight * self.phase(y)[..., None, :]
        fused = self.cepstra(y) * weight
        return torch.cat([fused, _delta(fused, 1), _delta(fused, 2)], -2)


def _delta(x: Tensor, order: int, width: int = 9) -> Tensor:
    """Return the differences in time that `chordmer.features.mel.delta` gives."""
    n_frames = x.shape[-1]
    width = min(width, n_frames - 1 + n_frames % 2)
    if width <= order:
        return torch.zeros_like(x)
    half = width // 2
    weights = delta(np.eye(width), width=width, order=order)[:, half]
    inner = x.unfold(-1, width, 1) @ torch.as_tensor(weights, dtype=x.dtype, device=x.device)
    first, last = inner[..., :1], inner[..., -1:]
    ends = [*x.shape[:-1], half]
    result: Tensor = torch.cat([first.expand(ends), inner, last.expand(ends)], -1)
    return result
