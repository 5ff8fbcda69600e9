"""What is heard in long spectra as tones, as a torch module and functions of tensors.

The functions are those of `chordmer.features.tonal`, on ``(..., frames, bins)``: the same numbers.
Which bins are peaks, which lag is the pitch and which key fits best are choices; gradients run
through what is then measured there.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from chordmer.features.key import KEY_PROFILES, TIE
from chordmer.features.layers import Spectrum
from chordmer.features.listening import LONG, frame_length
from chordmer.features.spectral_layers import constant, over, root
from chordmer.features.stft import bin_frequencies
from chordmer.features.tonal import COMPRESSION, LOWEST_PITCH, tonnetz

__all__ = ["LongSpectra", "key_of", "parabola", "pitch_of", "tonal_centroid"]


class LongSpectra(nn.Module):
    """What `chordmer.features.descriptors.describe` hears in frames of 186 ms, half of it new.

    Maps (..., samples) to chroma (..., frames, 12), the autocorrelation of compressed spectra
    (..., frames, lags), roughness and irregularity (..., frames, 2).
    """

    def __init__(self, sr: float) -> None:
        super().__init__()
        n_fft = frame_length(sr, LONG)
        self.hop_length = n_fft // 2
        self.lags = min(int(sr / LOWEST_PITCH) + 3, n_fft // 2)
        self.spectrum = Spectrum(n_fft, n_fft, self.hop_length)
        self.hz = bin_frequencies(sr, n_fft)

    def forward(self, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return chroma, autocorrelation, roughness and irregularity."""
        spectra, exponent = self.spectrum.spectra(y)
        magnitude = spectra.abs()
        heard = magnitude > 0
        compressed = torch.where(heard, torch.where(heard, magnitude, 1) ** COMPRESSION, 0)
        similar = torch.fft.irfft(compressed.to(spectra.dtype))[..., : self.lags]
        similar = similar * torch.exp2(COMPRESSION * exponent.to(y.dtype))
        frequencies, amplitudes = _peaks(magnitude, self.hz)
        partials = torch.stack(
            [_roughness(frequencies, amplitudes), _irregularity(amplitudes)], dim=-1
        )
        return _chroma(frequencies, amplitudes), similar, partials


def parabola(left: Tensor, middle: Tensor, right: Tensor) -> Tensor:
    """Return how far from the middle, at most half a step, the top of three values lies."""
    bend = left - 2 * middle + right
    top = bend < 0
    return torch.where(top, (left - right) / torch.where(top, 2 * bend, 1), 0).clamp(-0.5, 0.5)


def _peaks(
    magnitude: Tensor, hz: np.ndarray, count: int = 20, fmin: float = 50.0, share: float = 0.01
) -> tuple[Tensor, Tensor]:
    """Return frequencies and amplitudes (..., frames, count); absent ones are both 0, and last."""
    with torch.no_grad():
        inner = magnitude[..., 1:-1]
        is_peak = (inner > magnitude[..., :-2]) & (inner >= magnitude[..., 2:])
        is_peak &= inner > share * inner.amax(-1, keepdim=True)
        is_peak[..., : int(np.searchsorted(hz[1:-1], fmin))] = False
        strength, order = torch.where(is_peak, inner, 0).sort(dim=-1, descending=True, stable=True)
        absent = inner.shape[-1]
        at = torch.where(strength > 0, order, absent)[..., :count].sort(dim=-1).values
        there = at < absent
        at = torch.where(there, at, 0) + 1
    tiny = torch.finfo(magnitude.dtype).tiny
    left, middle, right = (magnitude.gather(-1, at + k).clamp(min=tiny).log() for k in (-1, 0, 1))
    shift = parabola(left, middle, right)
    frequencies = torch.where(there, (at + shift) * float(hz[1]), 0)
    amplitudes = torch.where(there, (middle - (left - right) * shift / 4).exp(), 0)
    return frequencies, amplitudes


def _chroma(
    frequencies: Tensor, amplitudes: Tensor, fmin: float = 55.0, fmax: float = 2500.0
) -> Tensor:
    heard = (frequencies >= fmin) & (frequencies <= fmax)
    note = 69 + 12 * torch.log2(torch.where(heard, frequencies, 440).double() / 440)
    below = note.detach().floor().long()
    above_share = note - below
    amplitude = torch.where(heard, amplitudes, 0).double()
    chroma = amplitude.new_zeros(*amplitude.shape[:-1], 12)
    chroma = chroma.scatter_add(-1, below % 12, amplitude * (1 - above_share))
    return chroma.scatter_add(-1, (below + 1) % 12, amplitude * above_share)


def _roughness(frequencies: Tensor, amplitudes: Tensor) -> Tensor:
    one, other = np.triu_indices(frequencies.shape[-1], 1)
    low, high = frequencies[..., one], frequencies[..., other]
    apart = 0.24 / (0.021 * low + 19) * (high - low).abs()
    pairs = torch.exp(-3.5 * apart) - torch.exp(-5.75 * apart)
    sums = (amplitudes[..., one] * amplitudes[..., other] * pairs).sum(-1)
    return over(sums, amplitudes.square().sum(-1))


def _irregularity(amplitudes: Tensor) -> Tensor:
    steps = torch.diff(amplitudes, append=torch.zeros_like(amplitudes[..., :1]))
    return over(steps.square().sum(-1), amplitudes.square().sum(-1))


def pitch_of(similar: Tensor, sr: float, fmax: float = 2400.0) -> Tensor:
    """Return the strongest pitch in each autocorrelation (..., lags), NaN where none is."""
    first, last = max(2, int(sr / fmax)), similar.shape[-1] - 2
    if last < first:
        return torch.full_like(similar[..., 0], math.nan)
    with torch.no_grad():
        lags = torch.arange(similar.shape[-1], device=similar.device)
        risen = similar.clamp(min=0)
        stretched = (risen[..., lags // 2] + risen[..., (lags + 1) // 2]) / 2
        strength, at = (risen - stretched).clamp(min=0)[..., first : last + 1].max(-1)
        found = strength > 1e-3 * risen[..., 0]
        at = (at + first)[..., None]
    shift = parabola(*(similar.gather(-1, at + k)[..., 0] for k in (-1, 0, 1)))
    return torch.where(found, 69 + 12 * torch.log2(sr / (440 * (at[..., 0] + shift))), math.nan)


def tonal_centroid(chroma: Tensor) -> Tensor:
    """Return the place (..., 6) of each chroma row on the three circles."""
    return over(chroma, chroma.sum(-1, keepdim=True)) @ constant(tonnetz(np.eye(12)), chroma)


def key_of(chroma: Tensor) -> Tensor:
    """Return signature, strength and mode (..., 3) of the key of each chroma row (..., 12)."""
    share = over(chroma, chroma.sum(-1, keepdim=True))
    centred = share - share.mean(-1, keepdim=True)
    norm = root(centred.square().sum(-1, keepdim=True))
    standard = torch.where(norm > 1e-12, over(centred, norm), 0)
    fit = standard @ constant(KEY_PROFILES, chroma).mT
    strength = fit.amax(-1)
    with torch.no_grad():
        # Of equals the lowest tonic, and major before minor.
        by_tonic = torch.stack([fit[..., :12], fit[..., 12:]], -1).flatten(-2)
        equal = by_tonic >= strength[..., None] - TIE
        chosen = (equal * torch.arange(24, 0, -1, device=fit.device)).argmax(-1)
        home = chosen // 2 + 3 * (chosen % 2)
        signature = torch.where(strength > TIE, (7 * home + 5) % 12 - 5, 0).to(fit.dtype)
    mode = fit[..., :12].amax(-1) - fit[..., 12:].amax(-1)
    return torch.stack([signature, strength, mode], -1)
