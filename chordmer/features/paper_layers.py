"""The paper's inputs, GTF and MF_RP, as torch modules for use inside a network.

The same numbers as the NumPy functions of the same name, on any device, with gradients that are
finite everywhere. What runs there as a recursion over samples is a convolution here.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.fft import next_fast_len
from scipy.signal import sosfilt
from torch import Tensor, nn

from chordmer.features.gammatone import cells_of, gammatone_filterbank

__all__ = ["Gammatonegram"]

#: Where an impulse response has rung out: below this, relative to its peak.
_RUNG_OUT = 1e-14


class Gammatonegram(nn.Module):
    """Mean power in gammatone bands; parameters as in `chordmer.features.gammatone.gammatonegram`.

    Maps (..., samples) to (..., n_bands, 1 + samples // hop_length). The signal is convolved, by
    FFT and a block at a time, with the impulse responses of the same filters. Relative to a band's
    loudest frame it agrees with the recursion to 1e-11 in float64 and to 2e-6 in float32, where
    amplitudes must stay below 1e18.
    """

    impulses: Tensor

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
        impulses = torch.from_numpy(_impulse_responses(sr, n_bands, fmin, fmax))
        taps = impulses.shape[-1]
        #: Samples that a block adds: as many as the filters' memory, in whole hops.
        self.step = -(-taps // hop_length) * hop_length
        self.n_fft = next_fast_len(self.step + taps - 1, real=True)
        self.register_buffer("impulses", torch.fft.rfft(impulses, self.n_fft), persistent=False)

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
        responses = self.impulses.to(torch.promote_types(y.dtype, torch.complex64))
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
