"""A network behind the statistics of its training inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from chordmer.fusion.alignment import only_true

__all__ = ["Standardised"]


class Standardised(nn.Module):
    """A network that is given standardised inputs, each column by mean and deviation in training.

    Parameters
    ----------
    network : nn.Module
    widths : mapping of str to int
        The inputs, in the order in which their columns stand in `mean` and `scale`.
    mean, scale : Tensor, shape (sum of widths,)
    """

    def __init__(
        self, network: nn.Module, widths: Mapping[str, int], mean: Tensor, scale: Tensor
    ) -> None:
        super().__init__()
        self.network = network
        self.widths = dict(widths)
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)

    def prepared(self, inputs: dict[str, Tensor], lengths: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return standardised inputs, 0 beyond each end, as the network gets them."""
        means = torch.split(self.get_buffer("mean"), list(self.widths.values()))
        scales = torch.split(self.get_buffer("scale"), list(self.widths.values()))
        prepared = {}
        for name, mean, scale in zip(self.widths, means, scales):
            prepared[name] = only_true((inputs[name] - mean) / scale, lengths[name])
        return prepared

    def represent(self, inputs: dict[str, Tensor], lengths: dict[str, Tensor]) -> Tensor:
        """Return the network's representation, shape (batch, k)."""
        network: Any = self.network
        represented: Tensor = network.represent(self.prepared(inputs, lengths), lengths)
        return represented

    def forward(self, inputs: dict[str, Tensor], lengths: dict[str, Tensor]) -> Tensor:
        """Return the network's outputs, shape (batch, n_outputs)."""
        outputs: Tensor = self.network(self.prepared(inputs, lengths), lengths)
        return outputs
