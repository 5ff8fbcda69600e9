"""CBAM: attention over the channels of feature maps, then over their places.

Section IV.B.2 of the MULTISPEC-DNN paper, equations 5 and 6, which are those of S. Woo et al.,
"CBAM: Convolutional Block Attention Module" (2018). Maps have shape (batch, channels, time, width)
and are zero beyond each sequence's end; what lies there counts for no maximum and for no mean.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from chordmer.models.masked import true_frames

__all__ = ["CBAM", "ChannelAttention", "SpatialAttention"]


class ChannelAttention(nn.Module):
    """How much each channel matters (equation 5).

    ``sigmoid(W1 relu(W0 max(F)) + W1 relu(W0 mean(F)))``, the maximum and the mean of each channel
    over time and width, the same W0 and W1 for both. The paper prints no ReLU and no bias, but
    names a multilayer perceptron, and one without anything between its layers is one layer; the
    ReLU is that of Woo et al.

    Parameters
    ----------
    n_channels : int
    reduction : int, default 16
        W0 leaves ``n_channels // reduction`` values, at least 1. The paper has "a certain ratio";
        16 is that of Woo et al.
    """

    def __init__(self, n_channels: int, reduction: int = 16) -> None:
        super().__init__()
        n_hidden = max(1, n_channels // reduction)
        self.perceptron = nn.Sequential(
            nn.Linear(n_channels, n_hidden, bias=False),
            nn.ReLU(),
            nn.Linear(n_hidden, n_channels, bias=False),
        )

    def forward(self, maps: Tensor, lengths: Tensor) -> Tensor:
        """Return the weight of each channel, between 0 and 1, shape (batch, channels).

        Parameters
        ----------
        maps : Tensor, shape (batch, channels, time, width)
        lengths : Tensor of int64, shape (batch,)
        """
        # Over the width first, so that what is masked is small.
        rows = true_frames(lengths, maps.shape[2])[:, None]
        largest = maps.amax(dim=3).masked_fill(~rows, -torch.inf).amax(dim=2)
        largest = torch.where(lengths[:, None] > 0, largest, 0.0)
        total = torch.where(rows, maps.sum(dim=3), 0.0).sum(dim=2)
        mean = total / (lengths.clamp_min(1)[:, None] * maps.shape[3])
        return torch.sigmoid(self.perceptron(largest) + self.perceptron(mean))


class SpatialAttention(nn.Module):
    """How much each place, a moment and a frequency, matters (equation 6).

    ``sigmoid(f([max(F); mean(F)]))``, the maximum and the mean of each place over the channels, f a
    convolution, without a bias as printed, that the two go through as two channels.

    Parameters
    ----------
    kernel_size : int, default 7
        Odd. 7 is the paper's.
    """

    def __init__(self, kernel_size: int = 7) -> None:
        super().__init__()
        self.convolve = nn.Conv2d(2, 1, kernel_size, padding=kernel_size // 2, bias=False)

    def forward(self, maps: Tensor) -> Tensor:
        """Return the weight of each place, between 0 and 1, shape (batch, 1, time, width).

        Parameters
        ----------
        maps : Tensor, shape (batch, channels, time, width)
            Zero beyond the ends, as the convolution has it around the borders.
        """
        pooled = torch.stack([maps.amax(dim=1), maps.mean(dim=1)], dim=1)
        return torch.sigmoid(self.convolve(pooled))


class CBAM(nn.Module):
    """Channel attention, then spatial attention on what it gives (figure 4 of the paper).

    Parameters
    ----------
    n_channels : int
    reduction : int, default 16
        As in `ChannelAttention`.
    kernel_size : int, default 7
        As in `SpatialAttention`.
    """

    def __init__(self, n_channels: int, *, reduction: int = 16, kernel_size: int = 7) -> None:
        super().__init__()
        self.channel = ChannelAttention(n_channels, reduction)
        self.spatial = SpatialAttention(kernel_size)

    def forward(self, maps: Tensor, lengths: Tensor) -> Tensor:
        """Return the maps, each value times the weights of its channel and of its place.

        Parameters
        ----------
        maps : Tensor, shape (batch, channels, time, width)
            Zero beyond the ends; so is what is returned, of the same shape.
        lengths : Tensor of int64, shape (batch,)
        """
        maps = maps * self.channel(maps, lengths)[:, :, None, None]
        weighted: Tensor = maps * self.spatial(maps)
        return weighted
