"""The descriptors of sound as a torch module, for use inside a network.

What a window of `chordmer.features.descriptors.describe` measures, this measures too. Some
descriptors choose (roll-off and zero crossings count, the key is one of 24); those have no
gradient, or that of what is measured where the choice fell.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from chordmer.errors import ChordmerError
from chordmer.features.listening import CONTEXT, SHORTEST_WINDOW, frame_length
from chordmer.features.mel import POWER_FLOOR
from chordmer.features.recurrence import WIDENED, taper, usual_tempo
from chordmer.features.spectral_layers import ShortSpectra, constant, over, root
from chordmer.features.tonal_layers import (
    LongSpectra,
    key_of,
    parabola,
    pitch_of,
    tonal_centroid,
)

__all__ = ["Descriptors"]


class Descriptors(nn.Module):
    """Descriptors of each window; parameters as in `chordmer.features.descriptors.describe`.

    Maps (..., samples) to (..., windows, len(DESCRIPTORS)), of the signal's type. Spectra are
    computed in that type, what is summed over windows in float64. The numbers are those of the
    NumPy function to 1e-3 of a column's largest for float32 signals and, for float64 ones, to the
    last digit of its float32, where no choice hangs on rounding and amplitudes are below 1e9.
    """

    def __init__(self, sr: float, *, window_seconds: float = 0.5) -> None:
        super().__init__()
        if not window_seconds >= SHORTEST_WINDOW:
            raise ChordmerError(
                f"windows last at least {SHORTEST_WINDOW} s",
                stage="descriptors",
                value=window_seconds,
            )
        self.sr = sr
        self.window_seconds = window_seconds
        self.short = ShortSpectra(sr)
        self.long = LongSpectra(sr)

    def forward(self, y: Tensor) -> Tensor:
        """Return the descriptors."""
        window = self.window_seconds * self.sr
        count = max(1, round(y.shape[-1] / window))
        context = max(1, round(CONTEXT / self.window_seconds))
        short, onsets = self.short(y)
        shapes = _window_means(short, self.short.hop_length, window, count)
        chroma, similar, partials = (
            _window_means(rows, self.long.hop_length, window, count) for rows in self.long(y)
        )
        times = (np.arange(count) + 0.5) * self.window_seconds
        tempo, clarity = _local_tempo(onsets.double(), self.sr / self.short.hop_length, times)
        share = over(chroma, chroma.sum(-1, keepdim=True))
        state = torch.cat([_unit(share), _unit(shapes[..., 15:])], -1) / math.sqrt(2)
        columns = [
            self._level(y.double(), window, count),
            shapes[..., :13],
            share,
            tonal_centroid(chroma),
            shapes[..., 14:],
            _filled(pitch_of(similar, self.sr))[..., None],
            _filled(tempo)[..., None],
            clarity[..., None],
            key_of(_local_mean(share, context)),
            shapes[..., 13:14],
            partials,
            _novelty(state, context)[..., None],
        ]
        return torch.cat(columns, -1).to(y.dtype)

    def _level(self, y: Tensor, window: float, count: int) -> Tensor:
        """Return RMS, zero-crossing rate and rate of change, (..., count, 3)."""
        hop = frame_length(self.sr) // 4
        sign = y.signbit()
        crossings = torch.diff(sign, prepend=sign[..., :1]).to(y.dtype)
        samples = torch.stack([y.square(), crossings], -1)
        power, crossings = _window_means(samples, 1, window, count).unbind(-1)
        whole = y.shape[-1] // hop * hop
        steps = torch.zeros_like(power)
        if whole:
            by_hop = y[..., :whole].unfold(-1, hop, hop).square().mean(-1)
            level = by_hop.clamp(min=POWER_FLOOR).log() * (10 / math.log(10))
            change = torch.diff(level, prepend=level[..., :1]).abs()
            steps = _window_means(change[..., None], hop, window, count)[..., 0]
        return torch.stack([root(power), crossings * self.sr, steps * (self.sr / hop)], -1)


def _window_means(rows: Tensor, hop_length: int, window: float, count: int) -> Tensor:
    """Return the means of the rows (..., n, d) of each window, as `WindowMeans` does."""
    index = (np.arange(rows.shape[-2]) * hop_length / window).astype(np.int64).clip(max=count - 1)
    sums = rows.new_zeros(*rows.shape[:-2], count, rows.shape[-1], dtype=torch.float64)
    sums = sums.index_add(-2, torch.from_numpy(index).to(rows.device), rows.double())
    return sums / constant(np.bincount(index, minlength=count).clip(min=1), sums)[:, None]


def _local_tempo(onsets: Tensor, rate: float, times: np.ndarray) -> tuple[Tensor, Tensor]:
    """Return what `chordmer.features.recurrence.local_tempo` does, for onsets (..., frames)."""
    frames = onsets.shape[-1]
    if frames >= len(WIDENED):
        padded = nn.functional.pad(onsets, (len(WIDENED) // 2,) * 2)
        onsets = padded.unfold(-1, len(WIDENED), 1) @ constant(WIDENED, onsets)
    width = max(1, min(round(CONTEXT * rate), frames))
    starts = np.clip(np.round(times * rate).astype(int) - width // 2, 0, frames - width)
    lags, usual = usual_tempo(rate, width)
    if not len(lags):
        nothing = onsets.new_zeros(*onsets.shape[:-1], len(times))
        return nothing + math.nan, nothing
    first, last = int(lags[0]), int(lags[-1])
    heard = onsets[..., torch.from_numpy(starts[:, None] + np.arange(width)).to(onsets.device)]
    heard = heard - heard.mean(-1, keepdim=True)
    size = 1 << (2 * width - 1).bit_length()
    energy = torch.view_as_real(torch.fft.rfft(heard, size)).square().sum(-1)
    similar = torch.fft.irfft(energy.to(torch.complex128), size)[..., : last + 2]
    similar = similar * constant(width / (width - np.arange(last + 2.0)), similar)
    recurs = similar[..., :1] > 1e-9
    similar = torch.where(recurs, similar / torch.where(recurs, similar[..., :1], 1), 0)
    inside = similar[..., first : last + 1]
    is_peak = (inside >= similar[..., first - 1 : last]) & (inside > similar[..., first + 1 :])
    weighed = torch.where(is_peak & (inside > 0), inside * constant(usual, inside), 0)
    strength, at = weighed.detach().max(-1)
    at = (at + first)[..., None]
    shift = parabola(*(similar.gather(-1, at + k)[..., 0] for k in (-1, 0, 1)))
    tempo = torch.where(strength > 0, 60 * rate / (at[..., 0] + shift), math.nan)
    return tempo, torch.where(is_peak, inside, 0).amax(-1).clamp(0, 1)


def _local_mean(values: Tensor, width: int) -> Tensor:
    """Return the mean of the `width` rows around each of the rows (..., t, d)."""
    sums = nn.functional.pad(values.cumsum(-2), (0, 0, 1, 0))
    rows = torch.arange(values.shape[-2], device=values.device)
    low = (rows - width // 2).clamp(min=0)
    high = (rows + width - width // 2).clamp(max=values.shape[-2])
    return (sums[..., high, :] - sums[..., low, :]) / (high - low)[:, None]


def _novelty(states: Tensor, half_width: int) -> Tensor:
    """Return how far the states (..., t, d) after each moment lie from those before it."""
    last = states.shape[-2] - 1
    rows = torch.arange(last + 1, device=states.device)
    change = torch.zeros_like(states)
    for k, weight in enumerate(taper(half_width).tolist()):
        after = states[..., (rows + k).clamp(max=last), :]
        before = states[..., (rows - 1 - k).clamp(min=0), :]
        change = change + weight * (after - before)
    return change.square().sum(-1)


def _unit(rows: Tensor) -> Tensor:
    length = root(rows.square().sum(-1, keepdim=True))
    return torch.where(length > 1e-6, over(rows, length), 0)


def _filled(values: Tensor) -> Tensor:
    """Return values (..., t) with the mean of those that are known in place of NaN."""
    known = values.isfinite()
    mean = over(torch.where(known, values, 0).sum(-1, keepdim=True), known.sum(-1, keepdim=True))
    return torch.where(known, values, mean)
