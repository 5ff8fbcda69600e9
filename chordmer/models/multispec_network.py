"""The network of `chordmer.models.multispec`: CNN channels on blocks, and a BiLSTM over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from chordmer.models.bilstm import BiLSTM
from chordmer.models.filtered import FilterChannel
from chordmer.models.masked import MaskedConvolution, mean_of, only_true

__all__ = ["BlockFilter", "MultiSpecNetwork", "cut"]


def cut(frames: Tensor, lengths: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Cut sequences into blocks of `size` frames; the last is filled up with zeros.

    Parameters
    ----------
    frames : Tensor, shape (batch, time, width)
    lengths : Tensor of int64, shape (batch,)
    size : int

    Returns
    -------
    blocks : Tensor, shape (batch, n_blocks, size, width)
    lengths : Tensor of int64, shape (batch, n_blocks)
        How many frames of each block are true; 0 beyond a sequence's end.
    """
    n_blocks = -(-frames.shape[1] // size)
    lacking = n_blocks * size - frames.shape[1]
    filled = F.pad(only_true(frames, lengths), (0, 0, 0, lacking))
    blocks = filled.reshape(len(frames), n_blocks, size, frames.shape[2])
    starts = torch.arange(n_blocks, device=lengths.device) * size
    return blocks, (lengths[:, None] - starts).clamp(0, size)


class BlockFilter(nn.Module):
    """CNN layers on each block of a sequence, the same for all, and each block a vector after.

    Parameters
    ----------
    width : int
        Of the frames.
    channel : (int, int, int, int)
        Repetitions, feature maps, kernel size and pool size, as the rows of Tables IV to VI.
    block_frames : int
        Frames a block.

    Attributes
    ----------
    width : int
        Of the vectors.
    """

    def __init__(self, width: int, channel: Sequence[int], block_frames: int) -> None:
        super().__init__()
        repetitions, n_maps, kernel_size, pool_size = channel
        self.channel = FilterChannel(width, [(n_maps, kernel_size)] * repetitions, pool_size)
        self.block_frames = block_frames
        left = block_frames
        for layer in self.channel.layers:
            assert isinstance(layer, MaskedConvolution)
            left = layer.width_after(left)
        self.width = left * self.channel.width

    def forward(self, frames: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return the blocks as vectors, and how many there are.

        Parameters
        ----------
        frames : Tensor, shape (batch, time, width)
        lengths : Tensor of int64, shape (batch,)

        Returns
        -------
        vectors : Tensor, shape (batch, n_blocks, self.width)
            Zeros beyond a sequence's end.
        lengths : Tensor of int64, shape (batch,)
        """
        blocks, counts = cut(frames, lengths, self.block_frames)
        true = counts > 0
        # All blocks of all pieces are one batch, and what is padding only is no part of it.
        filtered, _ = self.channel(blocks[true], counts[true])
        vectors = frames.new_zeros(*true.shape, self.width)
        vectors[true] = filtered.flatten(1)
        return vectors, true.sum(dim=1)


class MultiSpecNetwork(nn.Module):
    """CNN filter channels on blocks, a dense layer, a BiLSTM over the blocks (section V.B).

    Parameters
    ----------
    widths : mapping of str to int
        ``"gtf"`` and ``"mf_rp"``, or one of them, are filtered; all other inputs are vectors that
        are joined to what the BiLSTM says.
    n_outputs : int
    gtf_channel, mf_rp_channel, block_frames, n_dense, hidden_size, pooling, dropout
        As in `chordmer.models.multispec.MultiSpecBiLSTM`.

    Raises
    ------
    ValueError
        If there is neither ``"gtf"`` nor ``"mf_rp"``.
    """

    def __init__(
        self,
        widths: Mapping[str, int],
        n_outputs: int,
        *,
        gtf_channel: Sequence[int],
        mf_rp_channel: Sequence[int],
        block_frames: int,
        n_dense: int,
        hidden_size: int,
        pooling: str,
        dropout: float,
    ) -> None:
        super().__init__()
        channels = {"gtf": gtf_channel, "mf_rp": mf_rp_channel}
        filters = {
            name: BlockFilter(widths[name], channel, block_frames)
            for name, channel in channels.items()
            if name in widths
        }
        if not filters:
            raise ValueError(f"there must be an input 'gtf' or 'mf_rp', beside {sorted(widths)}")
        self.filters = nn.ModuleDict(filters)
        self.vectors = tuple(sorted(widths.keys() - channels.keys()))
        n_filtered = sum(part.width for part in filters.values())
        self.dense = nn.Sequential(nn.Linear(n_filtered, n_dense), nn.ReLU(), nn.Dropout(dropout))
        self.bilstm = BiLSTM(n_dense, hidden_size, pooling=pooling)
        n_represented = self.bilstm.width + sum(widths[name] for name in self.vectors)
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(n_represented, n_outputs))

    def blocks(
        self, inputs: Mapping[str, Tensor], lengths: Mapping[str, Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Return what the dense layer makes of each block, and how many blocks there are.

        Returns
        -------
        blocks : Tensor, shape (batch, n_blocks, n_dense)
            Made of zeros in the place of a channel that is absent, or ends before the other.
        lengths : Tensor of int64, shape (batch,)
        """
        parts = [part(inputs[name], lengths[name]) for name, part in self.filters.items()]
        n_blocks = max(vectors.shape[1] for vectors, _ in parts)
        joined = torch.cat(
            [F.pad(vectors, (0, 0, 0, n_blocks - vectors.shape[1])) for vectors, _ in parts], dim=2
        )
        return self.dense(joined), torch.stack([counts for _, counts in parts]).amax(dim=0)

    def represent(self, inputs: dict[str, Tensor], lengths: dict[str, Tensor]) -> Tensor:
        """Return what the output layer sees, shape (batch, 2 * hidden_size + vectors)."""
        parts = [self.bilstm(*self.blocks(inputs, lengths))]
        for name in self.vectors:
            parts.append(mean_of(only_true(inputs[name], lengths[name]), lengths[name]))
        return torch.cat(parts, dim=1)

    def forward(self, inputs: dict[str, Tensor], lengths: dict[str, Tensor]) -> Tensor:
        """Return the outputs, shape (batch, n_outputs)."""
        outputs: Tensor = self.head(self.represent(inputs, lengths))
        return outputs
