"""Layers over padded sequences in which padding has no influence, in training neither.

Sequences lie in arrays (batch, time, ...) beside their true lengths, 0 for one that is absent.
Every layer takes and gives zeros beyond a sequence's end. Batch normalisation counts true frames
only.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from chordmer.fusion.alignment import mean_of, only_true, read, true_frames

__all__ = [
    "MaskedConvolution",
    "MaskedLSTM",
    "Normalisation",
    "join_inputs",
    "mean_of",
    "normalised",
    "only_true",
    "true_frames",
]


def join_inputs(
    inputs: Mapping[str, Tensor], lengths: Mapping[str, Tensor]
) -> tuple[Tensor, Tensor]:
    """Return all inputs as one sequence, joined frame by frame.

    Parameters
    ----------
    inputs : mapping of str to Tensor, shape (batch, time, d)
    lengths : mapping of str to Tensor of int64, shape (batch,)

    Returns
    -------
    frames : Tensor, shape (batch, time, sum of d)
        The inputs in alphabetical order; zeros where one is absent.
    lengths : Tensor of int64, shape (batch,)

    Raises
    ------
    ValueError
        If a sample's inputs differ in length: they are on no common grid of frames.
    """
    names = sorted(inputs)
    counts = torch.stack([lengths[name] for name in names])
    longest = counts.max(dim=0).values
    odd = ((counts > 0) & (counts < longest)).any(dim=0)
    if len(names) > 1 and odd.any():
        found = dict(zip(names, counts[:, odd][:, 0].tolist()))
        raise ValueError(
            f"the inputs of a sample are joined frame by frame and must be of one length: {found}"
        )
    time = max(inputs[name].shape[1] for name in names)
    parts = [
        F.pad(only_true(inputs[name], lengths[name]), (0, 0, 0, time - inputs[name].shape[1]))
        for name in names
    ]
    return torch.cat(parts, dim=2), longest


class MaskedConvolution(nn.Module):
    """Convolution, batch normalisation, max-pooling and ReLU: one layer of a CNN.

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size : int
        Along time and features. Zeros are put around, so that the size stays.
    pool_size : int, default 2
        Along time and features. Windows that are not full are dropped, except that one frame and
        one feature always remain.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, pool_size: int = 2
    ) -> None:
        super().__init__()
        before, after = (kernel_size - 1) // 2, kernel_size // 2
        self.surround = nn.ZeroPad2d((before, after, before, after))
        # The normalisation that follows has a bias of its own.
        self.convolve = nn.Conv2d(in_channels, out_channels, kernel_size, bias=False)
        self.normalise = Normalisation(out_channels)
        self.pool_size = pool_size

    def width_after(self, width: int) -> int:
        """Return how many features remain of `width`."""
        return max(1, width // self.pool_size)

    def forward(self, maps: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return new maps and lengths.

        Parameters
        ----------
        maps : Tensor, shape (batch, in_channels, time, width)
        lengths : Tensor of int64, shape (batch,)

        Returns
        -------
        maps : Tensor, shape (batch, out_channels, time // pool_size, width // pool_size)
        lengths : Tensor of int64, shape (batch,)
        """
        maps = normalised(self.convolve(self.surround(maps)), lengths, self.normalise)
        # A frame that is all there is may be pooled with zeros: what is less, the ReLU makes zero.
        # The ReLU comes last because it then has a quarter of the values to go through.
        lacking = [max(0, self.pool_size - size) for size in (maps.shape[3], maps.shape[2])]
        if any(lacking):
            maps = F.pad(maps, (0, lacking[0], 0, lacking[1]))
        pooled = F.max_pool2d(maps, self.pool_size)
        left = torch.where(lengths > 0, (lengths // self.pool_size).clamp_min(1), 0)
        return only_true(F.relu(pooled).transpose(1, 2), left).transpose(1, 2), left


class Normalisation(nn.BatchNorm1d):
    """Batch normalisation that does not learn from one value a channel, which has no spread."""

    def forward(self, frames: Tensor) -> Tensor:
        """Return normalised frames, shape (n, channels) or (n, channels, width)."""
        if not self.training or frames.numel() > self.num_features:
            return super().forward(frames)
        return F.batch_norm(
            frames, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
        )


def normalised(maps: Tensor, lengths: Tensor, normalise: nn.Module) -> Tensor:
    """Return `maps` with their true frames normalised, and zeros beyond.

    Parameters
    ----------
    maps : Tensor, shape (batch, channels, time, ...)
    lengths : Tensor of int64, shape (batch,)
    normalise : Normalisation
    """
    true = true_frames(lengths, maps.shape[2])
    if true.all():
        whole: Tensor = normalise(maps.flatten(2))
        return whole.view_as(maps)
    frames = maps.transpose(1, 2)
    counted = torch.zeros_like(frames)
    counted[true] = normalise(frames[true])
    return counted.transpose(1, 2)


class MaskedLSTM(nn.Module):
    """An LSTM layer, one way or both.

    Parameters
    ----------
    width : int
        Of the frames.
    n_cells : int
        Each way.
    bidirectional : bool, default False
    """

    def __init__(self, width: int, n_cells: int, *, bidirectional: bool = False) -> None:
        super().__init__()
        self.lstm = nn.LSTM(width, n_cells, batch_first=True, bidirectional=bidirectional)

    def forward(self, frames: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return the state at every frame, and the last one.

        Parameters
        ----------
        frames : Tensor, shape (batch, time, width)
        lengths : Tensor of int64, shape (batch,)

        Returns
        -------
        states : Tensor, shape (batch, time, k)
            k is `n_cells`, or twice that for both ways.
        last : Tensor, shape (batch, k)
            The state after the whole sequence was read, each way.
        """
        return read(self.lstm, frames, lengths)
