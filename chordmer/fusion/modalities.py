"""How the modalities come in: checked, hidden by chance while training, encoded frame by frame."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from chordmer.fusion.alignment import only_true, read, resample

__all__ = ["FrameEncoder", "Fusion", "Tensors", "drop_modalities", "output_layer"]

Tensors = Mapping[str, Tensor]


class Fusion(nn.Module):
    """What the three share: how inputs come in, and outputs out of `represent` through `head`."""

    head: nn.Module

    def __init__(self, widths: Mapping[str, int], modality_dropout: float, max_steps: int) -> None:
        super().__init__()
        if not widths:
            raise ValueError("widths names no modality")
        if not 0 <= modality_dropout < 1:
            raise ValueError(f"modality_dropout must be in [0, 1), not {modality_dropout}")
        if max_steps < 1:
            raise ValueError(f"max_steps must be at least 1, not {max_steps}")
        self.modalities = tuple(sorted(widths))
        self.widths = tuple(widths[name] for name in self.modalities)
        self.modality_dropout, self.max_steps = modality_dropout, max_steps

    def represent(
        self, inputs: Tensors, lengths: Tensors | None = None, present: Tensors | None = None
    ) -> Tensor:
        """Return one vector a sample, (batch, k)."""
        raise NotImplementedError

    def forward(
        self, inputs: Tensors, lengths: Tensors | None = None, present: Tensors | None = None
    ) -> Tensor:
        """Return the outputs, (batch, n_outputs)."""
        outputs: Tensor = self.head(self.represent(inputs, lengths, present))
        return outputs

    def _receive(
        self, inputs: Tensors, lengths: Tensors | None, present: Tensors | None
    ) -> tuple[list[Tensor], Tensor]:
        """Return clean frames of at most `max_steps` a modality, and lengths (batch, n)."""
        if not inputs or inputs.keys() - set(self.modalities):
            raise ValueError(f"the modalities are {list(self.modalities)}, not {list(inputs)}")
        some = next(iter(inputs.values()))
        frames, counts = [], []
        for name, width in zip(self.modalities, self.widths):
            x = inputs.get(name, some.new_zeros(len(some), 1, width))
            x = x[:, None] if x.ndim == 2 else x
            if x.ndim != 3 or len(x) != len(some) or x.shape[2] != width:
                found = tuple(x.shape)
                raise ValueError(f"{name!r} should be ({len(some)}, time, {width}), not {found}")
            count = torch.full((len(x),), x.shape[1] if name in inputs else 0, device=x.device)
            if lengths is not None and name in lengths:
                count = torch.minimum(count, lengths[name])
            if present is not None and name in present:
                count = count * present[name].bool()
            frames.append(x)
            counts.append(count)
        lengths_ = torch.stack(counts, dim=1)
        if self.training:
            lengths_ = lengths_ * drop_modalities(lengths_ > 0, self.modality_dropout)
        frames = [only_true(x, n) for x, n in zip(frames, lengths_.T)]
        steps = lengths_.clamp(max=self.max_steps)
        return [resample(x, n, m) for x, n, m in zip(frames, lengths_.T, steps.T)], steps


class FrameEncoder(nn.Module):
    """Project each frame to `hidden_size` (linear, ReLU, dropout), and let a BiLSTM run over them.

    Parameters
    ----------
    width, hidden_size : int
        Features a frame in and out.
    kind : {"bilstm", "mean"}
        ``"mean"`` leaves the BiLSTM (``hidden_size / 2`` each way) out: only the mean over time,
        which every fusion takes last, then sees the frames together.
    dropout : float
    """

    def __init__(self, width: int, hidden_size: int, kind: str, dropout: float) -> None:
        super().__init__()
        if kind not in ("bilstm", "mean"):
            raise ValueError(f"encoder must be 'bilstm' or 'mean', not {kind!r}")
        if kind == "bilstm" and hidden_size % 2:
            raise ValueError(f"a BiLSTM wants an even hidden_size, not {hidden_size}")
        self.project = nn.Sequential(nn.Linear(width, hidden_size), nn.ReLU(), nn.Dropout(dropout))
        self.recurrent = (
            nn.LSTM(hidden_size, hidden_size // 2, batch_first=True, bidirectional=True)
            if kind == "bilstm"
            else None
        )

    def forward(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """Return (batch, time, hidden_size) for (batch, time, width), 0 beyond the lengths."""
        hidden: Tensor = self.project(frames)
        if self.recurrent is None:
            return only_true(hidden, lengths)
        return read(self.recurrent, hidden, lengths)[0]


def output_layer(hidden_size: int, n_outputs: int, dropout: float) -> nn.Sequential:
    """Return dropout and a linear layer."""
    return nn.Sequential(nn.Dropout(dropout), nn.Linear(hidden_size, n_outputs))


def drop_modalities(present: Tensor, rate: float) -> Tensor:
    """Return `present`, (batch, n_modalities), with each true one false by chance `rate`.

    Where chance takes all of a row, one that was there, any of them alike, stays.
    """
    kept = present & (torch.rand(present.shape, device=present.device) >= rate)
    lots = torch.rand(present.shape, device=present.device).masked_fill(~present, -1.0)
    last = present & F.one_hot(lots.argmax(dim=1), present.shape[1]).bool()
    return torch.where(kept.any(dim=1, keepdim=True), kept, last)
