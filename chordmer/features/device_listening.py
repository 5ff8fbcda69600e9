"""The listeners of `chordmer.features.listening` with torch, on any device, block by block."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch

from chordmer.features.listening import Shapes, Tones
from chordmer.features.overlap import Overlap
from chordmer.features.spectral_layers import ShortSpectra
from chordmer.features.tonal_layers import LongSpectra

__all__ = ["ShapesOnDevice", "TonesOnDevice"]


class ShapesOnDevice(Shapes):
    """Shapes computed on a device."""

    def __init__(self, sr: float, window: float, device: str) -> None:
        super().__init__(sr, window, np.dtype(np.float32))
        self._layer, self._device = ShortSpectra(sr).to(device), device
        # Half a frame is two hops; change looks at the frame before.
        self._spectra: Any = Overlap(self._hop, margin=3)

    def _hear(self, blocks: Iterable[Any]) -> None:
        with torch.no_grad():
            for samples, kept in blocks:
                rows, onsets = self._layer(torch.from_numpy(samples).to(self._device))
                self._rows.add(rows[kept].cpu().numpy())
                # A copy: a view would keep torch's memory, which then falls to pieces.
                self._onsets.append(onsets[kept].cpu().numpy().copy())


class TonesOnDevice(Tones):
    """Tones computed on a device."""

    def __init__(self, sr: float, window: float, device: str) -> None:
        super().__init__(sr, window, np.dtype(np.float32))
        self._layer, self._device = LongSpectra(sr).to(device), device
        self._lags = self._layer.lags
        self._spectra: Any = Overlap(self._layer.hop_length, margin=1)

    def _hear(self, blocks: Iterable[Any]) -> None:
        with torch.no_grad():
            for samples, kept in blocks:
                heard = self._layer(torch.from_numpy(samples).to(self._device))
                kinds = (self._chroma, self._similar, self._partials)
                for means, rows in zip(kinds, heard):
                    means.add(rows[kept].cpu().numpy())
