"""Padded sequences of different lengths: what lies beyond an end, means, and one time grid.

Sequences are tensors (batch, time, d) with lengths (batch,); a length of 0 is a sequence that is
not there.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

__all__ = ["mean_of", "only_true", "read", "resample", "true_frames"]

#: Of frames in cells at once.
_MOST_WEIGHTS = 1 << 18


def true_frames(lengths: Tensor, time: int) -> Tensor:
    """Return which frames are there, bool of shape (batch, time).

    >>> true_frames(torch.tensor([2, 0]), 3).int().tolist()
    [[1, 1, 0], [0, 0, 0]]
    """
    return torch.arange(time, device=lengths.device) < lengths[:, None]


def only_true(frames: Tensor, lengths: Tensor) -> Tensor:
    """Return `frames`, (batch, time, ...), with zeros beyond each end, whatever stood there."""
    true = true_frames(lengths, frames.shape[1])
    return torch.where(true.reshape(*true.shape, *[1] * (frames.ndim - 2)), frames, 0.0)


def mean_of(frames: Tensor, lengths: Tensor) -> Tensor:
    """Return the mean frame, (batch, d), of `frames` that are 0 beyond the lengths.

    That of no frames is 0.
    """
    return frames.sum(dim=1) / lengths.clamp_min(1)[:, None]


def read(lstm: nn.LSTM, frames: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """Let a layer of LSTM read sequences to their ends, one way or both.

    Parameters
    ----------
    lstm : nn.LSTM
        Of one layer, batch first.
    frames : Tensor, shape (batch, time, d)
    lengths : Tensor of int64, shape (batch,)

    Returns
    -------
    states : Tensor, shape (batch, time, k)
        At every frame; k counts both ways. 0 beyond the lengths.
    last : Tensor, shape (batch, k)
        After the whole sequence was read, each way; 0 of one that is not there.
    """
    # An absent sequence is read as one frame of zeros, and its states are taken back below.
    packed = pack_padded_sequence(
        frames, lengths.clamp_min(1).cpu(), batch_first=True, enforce_sorted=False
    )
    packed, (last, _) = lstm(packed)
    states, _ = pad_packed_sequence(packed, batch_first=True, total_length=frames.shape[1])
    final = last.transpose(0, 1).flatten(1)
    return only_true(states, lengths), torch.where(lengths[:, None] > 0, final, 0.0)


def resample(frames: Tensor, lengths: Tensor, steps: Tensor) -> Tensor:
    """Return sequences on grids of `steps` equal cells, (batch, max(1, *steps), d), 0 beyond them.

    Frame i of L covers i / L to (i + 1) / L of a sequence's time, cell j of T covers j / T to
    (j + 1) / T, and each cell is the mean of the frames under it, weighted by how much of the cell
    each covers. So many frames are pooled, few are repeated, and the mean over time is kept.

    Parameters
    ----------
    frames : Tensor, shape (batch, time, d)
        0 beyond the lengths, see `only_true`.
    lengths, steps : Tensor of int64, shape (batch,)

    Examples
    --------
    >>> ramp = torch.tensor([[[0.0], [1.0], [2.0]]])
    >>> resample(ramp, torch.tensor([3]), torch.tensor([2]))[0, :, 0].tolist()
    [0.3333333432674408, 1.6666667461395264]
    """
    cells = max(1, int(steps.max()))
    if torch.equal(lengths, steps) and frames.shape[1] >= cells:
        return frames[:, :cells]
    # Of a whole batch of long sequences the weights would be larger than the batch.
    chunk = max(1, _MOST_WEIGHTS // (cells * max(1, frames.shape[1])))
    parts = [
        _shares(n, m, x.shape[1], cells).to(x.dtype) / n.clamp(min=1)[:, None, None] @ x
        for x, n, m in zip(*(torch.split(t, chunk) for t in (frames, lengths, steps)))
    ]
    return torch.cat(parts)


def _shares(lengths: Tensor, steps: Tensor, time: int, cells: int) -> Tensor:
    """Return how much of each cell each frame covers, (batch, cells, time), times `lengths`.

    Cells and frames that are not there cover each other only.
    """
    size, count = lengths[:, None, None], steps[:, None, None]
    cell = torch.arange(cells, device=lengths.device)[:, None]
    frame = torch.arange(time, device=lengths.device)
    # In units of 1 / (size * count), where every border is an integer and so exact.
    start = torch.maximum(cell * size, frame * count)
    end = torch.minimum((cell + 1) * size, (frame + 1) * count)
    return (end - start).clamp_(min=0)
