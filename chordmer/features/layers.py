"""Spectrograms and cepstra as torch modules, for use inside a network.

The same numbers as the NumPy functions of the same name, to float32 accuracy, on any device and
with gradients that are finite everywhere: where a level is clipped to its floor the gradient is 0.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from chordmer.errors import ChordmerError
from chordmer.features.levels import FLOOR_DB, NARROW_SECONDS, level_offset, window_lengths
from chordmer.features.mel import POWER_FLOOR, dct_matrix, mel_filterbank
from chordmer.features.stft import hann

__all__ = ["MFCC", "LogMel", "LogSpectrogram", "Spectrum"]

_DECIBEL = 10 / math.log(10)


class Spectrum(nn.Module):
    """Spectra of signals brought to a safe scale, and the gain in dB to add later."""

    window: Tensor

    def __init__(self, n_fft: int, win_length: int, hop_length: int) -> None:
        super().__init__()
        if hop_length < 1:
            raise ChordmerError(
                "frames need hop_length >= 1", stage="short-time spectrum", value=hop_length
            )
        self.n_fft = n_fft
        self.win_length = win_length
        self.hop_length = hop_length
        self.register_buffer("window", torch.tensor(hann(win_length)), persistent=False)

    def forward(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return powers (..., frames, bins) and gains (..., 1, 1) of `y` (..., samples)."""
        spectra, exponent = self.spectra(y)
        power = torch.view_as_real(spectra).square().sum(-1)
        return power, (20 * math.log10(2) * exponent).to(y.dtype)

    def spectra(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return complex spectra (..., frames, bins), to be multiplied by two to the exponents."""
        with torch.no_grad():
            peak = y.abs().amax(-1, keepdim=True) if y.shape[-1] else y.new_zeros(*y.shape[:-1], 1)
            exponent = torch.frexp(peak).exponent
            exponent = torch.where(exponent > 30, exponent, 0)
        lead = self.n_fft // 2 - (self.n_fft - self.win_length) // 2
        tail = max(0, self.win_length - lead)
        framed = nn.functional.pad(torch.ldexp(y, -exponent), (lead, tail))
        framed = framed.unfold(-1, self.win_length, self.hop_length)
        n_frames = 1 + y.shape[-1] // self.hop_length
        spectra = torch.fft.rfft(framed[..., :n_frames, :] * self.window.to(y.dtype), self.n_fft)
        return spectra, exponent[..., None]


def _log(power: Tensor, smallest: float) -> Tensor:
    return _DECIBEL * power.clamp(min=smallest).log()


class LogSpectrogram(nn.Module):
    """Log-magnitude spectrogram; parameters as in `chordmer.features.spectrogram.log_spectrogram`.

    Maps (..., samples) to (..., 1 + n_fft // 2, 1 + samples // hop_length).
    """

    def __init__(
        self,
        sr: float,
        *,
        window_seconds: float = NARROW_SECONDS,
        hop_length: int = 512,
        n_fft: int | None = None,
        floor_db: float = FLOOR_DB,
    ) -> None:
        super().__init__()
        win_length, n_fft = window_lengths(sr, window_seconds, n_fft)
        self.spectrum = Spectrum(n_fft, win_length, hop_length)
        self.offset = level_offset(win_length)
        self.floor_db = floor_db

    def forward(self, y: Tensor) -> Tensor:
        """Return levels in dB relative to a full-scale sine."""
        power, gain_db = self.spectrum(y)
        levels = _log(power, torch.finfo(y.dtype).tiny) + (gain_db + self.offset)
        result: Tensor = levels.clamp(min=self.floor_db).mT
        return result


class LogMel(nn.Module):
    """Log-mel spectrogram; parameters as in `chordmer.features.spectrogram.log_mel`.

    Maps (..., samples) to (..., n_mels, 1 + samples // hop_length).
    """

    bank: Tensor

    def __init__(
        self,
        sr: float,
        *,
        n_mels: int = 128,
        n_fft: int = 2048,
        hop_length: int = 512,
        fmin: float = 0.0,
        fmax: float | None = None,
        floor_db: float = FLOOR_DB,
    ) -> None:
        super().__init__()
        self.spectrum = Spectrum(n_fft, n_fft, hop_length)
        bank = torch.tensor(mel_filterbank(sr, n_fft, n_mels, fmin, fmax))
        self.register_buffer("bank", bank, persistent=False)
        self.offset = level_offset(n_fft)
        self.floor_db = floor_db

    def forward(self, y: Tensor) -> Tensor:
        """Return levels in dB."""
        power, gain_db = self.spectrum(y)
        mels = power @ self.bank.to(y.dtype).mT
        levels = _log(mels, torch.finfo(y.dtype).tiny) + (gain_db + self.offset)
        result: Tensor = levels.clamp(min=self.floor_db).mT
        return result


class MFCC(nn.Module):
    """Mel-frequency cepstral coefficients; parameters as in `chordmer.features.mel.mfcc`.

    Maps (..., samples) to (..., n_mfcc, 1 + samples // hop_length).
    """

    bank: Tensor
    transform: Tensor

    def __init__(
        self,
        sr: float,
        *,
        n_mfcc: int = 20,
        n_mels: int = 128,
        n_fft: int = 2048,
        hop_length: int = 512,
        win_length: int | None = None,
        fmin: float = 0.0,
        fmax: float | None = None,
        top_db: float | None = 80.0,
    ) -> None:
        super().__init__()
        self.spectrum = Spectrum(n_fft, win_length or n_fft, hop_length)
        bank = torch.tensor(mel_filterbank(sr, n_fft, n_mels, fmin, fmax))
        self.register_buffer("bank", bank, persistent=False)
        self.register_buffer(
            "transform", torch.tensor(dct_matrix(n_mfcc, n_mels)), persistent=False
        )
        self.top_db = top_db

    def forward(self, y: Tensor) -> Tensor:
        """Return the coefficients."""
        power, gain_db = self.spectrum(y)
        levels = _log(power @ self.bank.to(y.dtype).mT, POWER_FLOOR)
        if self.top_db is not None:
            loudest = levels.amax((-2, -1), keepdim=True)
            levels = torch.maximum(levels, loudest - self.top_db)
        cepstra: Tensor = (levels + gain_db) @ self.transform.to(y.dtype).mT
        return cepstra.mT
