"""The shape of short-time spectra as a torch module, for use inside a network.

The functions are those of `chordmer.features.spectral`, on spectra ``(..., frames, bins)``: the
same numbers, and gradients that are finite where a shape is not defined: there they are 0.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from chordmer.features.layers import Spectrum
from chordmer.features.listening import N_MELS, N_MFCC, frame_length
from chordmer.features.mel import POWER_FLOOR, dct_matrix, mel_filterbank
from chordmer.features.spectral import BRIGHT, CONTRAST_EDGES
from chordmer.features.stft import bin_frequencies

__all__ = ["ShortSpectra", "constant", "over", "root"]

_DECIBEL = 10 / math.log(10)


def over(numerator: Tensor, denominator: Tensor) -> Tensor:
    """Return the quotient; 0, and no gradient, where there is nothing to divide by."""
    there = denominator > 0
    quotient: Tensor = torch.where(there, numerator / torch.where(there, denominator, 1), 0)
    return quotient


def root(x: Tensor) -> Tensor:
    """Return the square root; at 0, where its slope is infinite, without gradient."""
    there = x > 0
    return torch.where(there, torch.where(there, x, 1).sqrt(), 0)


def constant(values: object, like: Tensor) -> Tensor:
    """Return an array as a tensor of the type and on the device of another.

    Constants are no buffers: a conversion of the network to fewer bits must not reach them.
    """
    return torch.as_tensor(np.array(values), dtype=like.dtype, device=like.device)


class ShortSpectra(nn.Module):
    """What `chordmer.features.descriptors.describe` hears in frames of 46 ms, a quarter of it new.

    Maps (..., samples) to shapes and cepstra (..., frames, 14 + N_MFCC), the shapes in the order of
    `DESCRIPTORS` with brightness last, and to the onset strength (..., frames).
    """

    def __init__(self, sr: float) -> None:
        super().__init__()
        n_fft = frame_length(sr)
        self.hop_length = n_fft // 4
        self.spectrum = Spectrum(n_fft, n_fft, self.hop_length)
        self.hz = bin_frequencies(sr, n_fft)
        self.bank = mel_filterbank(sr, n_fft, N_MELS)

    def forward(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return the rows and the onset strength."""
        spectra, exponent = self.spectrum.spectra(y)
        magnitude = spectra.abs()
        power = torch.view_as_real(spectra).square().sum(-1)
        total = magnitude.sum(-1)
        hz = constant(self.hz, y)
        centre = over(magnitude @ hz, total)
        spread = (magnitude * (hz - centre[..., None]).square()).sum(-1)
        shapes = [
            centre,
            root(over(spread, total)),
            _rolloff(magnitude, hz),
            _flatness(power),
            _entropy(power),
            _flux(magnitude),
            *_contrast(power, self.hz),
            over(magnitude[..., int(np.searchsorted(self.hz, BRIGHT)) :].sum(-1), total),
        ]
        mels = (power @ constant(self.bank, y).mT).clamp(min=POWER_FLOOR).log() * _DECIBEL
        mels = mels + (20 * math.log10(2) * exponent).to(y.dtype)
        cepstra = mels @ constant(dct_matrix(N_MFCC, N_MELS), y).mT
        rise = torch.diff(mels, dim=-2, prepend=mels[..., :1, :]).clamp(min=0)
        return torch.cat([torch.stack(shapes, -1), cepstra], -1), rise.mean(-1)


def _rolloff(magnitude: Tensor, hz: Tensor, share: float = 0.85) -> Tensor:
    with torch.no_grad():
        below = magnitude.cumsum(-1)
        passed = (below < share * below[..., -1:]).sum(-1)
    return hz[passed.clamp(max=len(hz) - 1)]


def _flatness(power: Tensor) -> Tensor:
    heard = power.clamp(min=POWER_FLOOR)
    return heard.log().mean(-1).exp() / heard.mean(-1)


def _entropy(power: Tensor) -> Tensor:
    total = power.sum(-1)
    tiny = torch.finfo(power.dtype).tiny
    surprise = (power * power.clamp(min=tiny).log()).sum(-1)
    nats = total.clamp(min=tiny).log() - over(surprise, total)
    return torch.where(total > 0, (nats / math.log(power.shape[-1])).clamp(0, 1), 0)


def _flux(magnitude: Tensor) -> Tensor:
    length = torch.linalg.vector_norm(magnitude, dim=-1)
    step = torch.diff(over(magnitude, length[..., None]), dim=-2)
    heard = (length[..., 1:] > 0) & (length[..., :-1] > 0)
    distance = torch.where(heard, root(step.square().sum(-1)), 0)
    return nn.functional.pad(distance, (1, 0))


def _contrast(power: Tensor, hz: np.ndarray, quantile: float = 0.02) -> list[Tensor]:
    bands = []
    for low, high in pairwise(np.searchsorted(hz, [*CONTRAST_EDGES, np.inf]).tolist()):
        if high > low:
            count = max(1, round(quantile * (high - low)))
            heard = power[..., low:high].clamp(min=POWER_FLOOR)
            peak = heard.topk(count, sorted=False).values.mean(-1)
            valley = heard.topk(count, largest=False, sorted=False).values.mean(-1)
            bands.append(_DECIBEL * (peak.log() - valley.log()))
        else:
            bands.append(torch.zeros_like(power[..., 0]))
    return bands
