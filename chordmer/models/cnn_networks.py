"""The networks of `chordmer.models.cnn`: a ResNet, attentive statistics, a deep BLSTM."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from chordmer.models.filtered import FilterChannel
from chordmer.models.masked import (
    MaskedConvolution,
    MaskedLSTM,
    Normalisation,
    join_inputs,
    mean_of,
    normalised,
    true_frames,
)

__all__ = [
    "AC2DConvStatNetwork",
    "AttentiveStatistics",
    "BLSTMRNNNetwork",
    "ResNetNetwork",
    "ResidualBlock",
    "ResidualStage",
]


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions whose result is added to what they were given.

    Figure 2 of He et al.: ``relu(x + normalise(convolve(relu(normalise(convolve(x))))))``.

    Parameters
    ----------
    n_kernels : int
        Maps before and after.
    """

    def __init__(self, n_kernels: int) -> None:
        super().__init__()
        self.first = MaskedConvolution(n_kernels, n_kernels, 3, pool_size=1)
        self.second = nn.Conv2d(n_kernels, n_kernels, 3, padding=1, bias=False)
        self.normalise = Normalisation(n_kernels)

    def forward(self, maps: Tensor, lengths: Tensor) -> Tensor:
        """Return new maps, (batch, n_kernels, time, width) like `maps`, zero beyond the ends."""
        inner, _ = self.first(maps, lengths)
        return F.relu(maps + normalised(self.second(inner), lengths, self.normalise))


class ResidualStage(nn.Module):
    """A convolution to half the resolution, then residual blocks.

    Parameters
    ----------
    in_channels, out_channels : int
    n_blocks : int
    """

    def __init__(self, in_channels: int, out_channels: int, n_blocks: int) -> None:
        super().__init__()
        self.enter = MaskedConvolution(in_channels, out_channels, 3)
        self.blocks = nn.ModuleList(ResidualBlock(out_channels) for _ in range(n_blocks))

    def forward(self, maps: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return new maps and lengths, as `MaskedConvolution` does."""
        maps, lengths = self.enter(maps, lengths)
        for block in self.blocks:
            maps = block(maps, lengths)
        return maps, lengths


class ResNetNetwork(nn.Module):
    """Residual stages, each at half the resolution and with twice the maps of the last.

    Parameters
    ----------
    n_outputs : int
    n_stages, n_blocks, n_kernels, dropout
        As in `ResNetClassifier`.
    """

    def __init__(
        self,
        n_outputs: int,
        *,
        n_stages: int = 3,
        n_blocks: int = 1,
        n_kernels: int = 16,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        sizes = [1, *(n_kernels << stage for stage in range(n_stages))]
        self.stages = nn.ModuleList(
            ResidualStage(before, after, n_blocks) for before, after in pairwise(sizes)
        )
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(sizes[-1], n_outputs))

    def represent(self, inputs: dict[str, Tensor], lengths: dict[str, Tensor]) -> Tensor:
        """Return the mean of each map over time and frequency, shape (batch, maps)."""
        frames, counts = join_inputs(inputs, lengths)
        maps = frames[:, None]
        for stage in self.stages:
            maps, counts = stage(maps, counts)
        return mean_of(maps.mean(dim=3).transpose(1, 2), counts)

    def forward(self, inputs: dict[str, Tensor], lengths: dict[str, Tensor]) -> Tensor:
        """Return the outputs, shape (batch, n_outputs)."""
        outputs: Tensor = self.head(self.represent(inputs, lengths))
        return outputs


class AttentiveStatistics(nn.Module):
    """Mean and deviation of the moments, each weighed by how much it matters.

    Equations 1 to 6 of Okabe et al.: a score ``v' tanh(W h + b) + k`` a moment, weights by softmax
    over time, and the weighted mean and standard deviation.

    Parameters
    ----------
    width, n_hidden : int
        Of a moment, and of W's output.
    """

    #: Below this a variance has no gradient to speak of.
    _LEAST = 1e-6

    def __init__(self, width: int, n_hidden: int) -> None:
        super().__init__()
        self.score = nn.Sequential(nn.Linear(width, n_hidden), nn.Tanh(), nn.Linear(n_hidden, 1))

    def weights(self, moments: Tensor, lengths: Tensor) -> Tensor:
        """Return the weight of each moment, shape (batch, time): 1 in all, 0 beyond the end."""
        true = true_frames(lengths, moments.shape[1])
        scores = self.score(moments)[:, :, 0]
        scores = scores.masked_fill(~true, torch.finfo(scores.dtype).min)
        return torch.where(true, scores.softmax(dim=1), 0.0)

    def forward(self, moments: Tensor, lengths: Tensor) -> Tensor:
        """Return the means beside the deviations, shape (batch, 2 * width).

        Parameters
        ----------
        moments : Tensor, shape (batch, time, width)
        lengths : Tensor of int64, shape (batch,)
        """
        weights = self.weights(moments, lengths)[:, :, None]
        mean = (weights * moments).sum(dim=1)
        variance = (weights * (moments - mean[:, None]) ** 2).sum(dim=1)
        return torch.cat([mean, variance.clamp_min(self._LEAST).sqrt()], dim=1)


class AC2DConvStatNetwork(nn.Module):
    """Two-dimensional convolutions, attentive statistics, a dense layer.

    Parameters
    ----------
    width : int
        Of the frames: mel bands.
    n_outputs : int
    n_convolutions, n_kernels, kernel_size, n_hidden, n_dense, dropout
        As in `AC2DConvStatClassifier`.
    """

    def __init__(
        self,
        width: int,
        n_outputs: int,
        *,
        n_convolutions: int = 3,
        n_kernels: int = 16,
        kernel_size: int = 3,
        n_hidden: int = 64,
        n_dense: int = 64,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        self.convolve = FilterChannel(width, [(n_kernels, kernel_size)] * n_convolutions, 2)
        self.pool = AttentiveStatistics(self.convolve.width, n_hidden)
        self.dense = nn.Sequential(nn.Linear(2 * self.convolve.width, n_dense), nn.ReLU())
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(n_dense, n_outputs))

    def represent(self, inputs: dict[str, Tensor], lengths: dict[str, Tensor]) -> Tensor:
        """Return what the dense layer makes of the statistics, shape (batch, n_dense)."""
        moments, counts = self.convolve(*join_inputs(inputs, lengths))
        represented: Tensor = self.dense(self.pool(moments, counts))
        return represented

    def forward(self, inputs: dict[str, Tensor], lengths: dict[str, Tensor]) -> Tensor:
        """Return the outputs, shape (batch, n_outputs)."""
        outputs: Tensor = self.head(self.represent(inputs, lengths))
        return outputs


class BLSTMRNNNetwork(nn.Module):
    """LSTM layers upon one another, each read both ways.

    Parameters
    ----------
    width : int
        Of the frames: descriptors.
    n_outputs : int
    n_layers, n_cells, dropout
        As in `BLSTMRNNClassifier`.
    """

    def __init__(
        self,
        width: int,
        n_outputs: int,
        *,
        n_layers: int = 2,
        n_cells: int = 64,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            MaskedLSTM(2 * n_cells if number else width, n_cells, bidirectional=True)
            for number in range(n_layers)
        )
        self.drop = nn.Dropout(dropout)
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(2 * n_cells, n_outputs))

    def represent(self, inputs: dict[str, Tensor], lengths: dict[str, Tensor]) -> Tensor:
        """Return the mean state, shape (batch, 2 * n_cells).

        The output layer is linear, so its answer to the mean state is the mean of its answers to
        every moment.
        """
        states, counts = join_inputs(inputs, lengths)
        for number, layer in enumerate(self.layers):
            states, _ = layer(self.drop(states) if number else states, counts)
        return mean_of(states, counts)

    def forward(self, inputs: dict[str, Tensor], lengths: dict[str, Tensor]) -> Tensor:
        """Return the outputs, shape (batch, n_outputs)."""
        outputs: Tensor = self.head(self.represent(inputs, lengths))
        return outputs
