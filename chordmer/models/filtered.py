"""CNN filter channels side by side, of any depth, read by an LSTM or as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from chordmer.models.masked import MaskedConvolution, MaskedLSTM, join_inputs, mean_of, only_true

__all__ = ["FilterChannel", "FilteredSequence"]


class FilterChannel(nn.Module):
    """CNN layers, one after the other; what they make of a frame becomes a frame again.

    Parameters
    ----------
    width : int
        Of the frames.
    layers : sequence of (int, int)
        Number of kernels and kernel size of each layer.
    pool_size : int
        Of every layer.

    Attributes
    ----------
    width : int
        Of the frames that come out.
    """

    def __init__(self, width: int, layers: Sequence[tuple[int, int]], pool_size: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList()
        n_channels = 1
        for n_kernels, kernel_size in layers:
            layer = MaskedConvolution(n_channels, n_kernels, kernel_size, pool_size)
            self.layers.append(layer)
            n_channels, width = n_kernels, layer.width_after(width)
        self.width = n_channels * width

    def forward(self, frames: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return the filtered frames, shape (batch, time, self.width), and their lengths."""
        maps = frames[:, None]
        for layer in self.layers:
            maps, lengths = layer(maps, lengths)
        return maps.transpose(1, 2).flatten(2), lengths


class FilteredSequence(nn.Module):
    """Channels of filters side by side, then an LSTM, then a linear output.

    Parameters
    ----------
    widths : mapping of str to int
        The inputs and how wide each is.
    n_outputs : int
    channels : sequence of sequences of (int, int)
        The layers of each `FilterChannel`; all of one depth, so that they stay equally long.
    pool_size : int
        Of every layer.
    n_cells : int or None
        Of the LSTM, whose last state is the representation. None: no LSTM, but the mean and the
        largest value of every filter over time.
    dropout : float
        Before the LSTM and before the output.
    vectors : sequence of str
        Inputs that skip the filters: the mean over time of each is joined to what is represented,
        0 where it is absent.

    Raises
    ------
    ValueError
        If no input is left for the filters.
    """

    def __init__(
        self,
        widths: Mapping[str, int],
        n_outputs: int,
        channels: Sequence[Sequence[tuple[int, int]]],
        *,
        pool_size: int,
        n_cells: int | None,
        dropout: float,
        vectors: Sequence[str],
    ) -> None:
        super().__init__()
        self.vectors = tuple(name for name in sorted(widths) if name in vectors)
        self.sequences = tuple(name for name in sorted(widths) if name not in vectors)
        if not self.sequences:
            raise ValueError(f"all inputs are vectors, none is a sequence: {sorted(widths)}")
        width = sum(widths[name] for name in self.sequences)
        made = [FilterChannel(width, layers, pool_size) for layers in channels]
        n_filtered = sum(channel.width for channel in made)
        self.channels = nn.ModuleList(made)
        self.dropout = nn.Dropout(dropout)
        self.lstm = None if n_cells is None else MaskedLSTM(n_filtered, n_cells)
        n_represented = 2 * n_filtered if n_cells is None else n_cells
        n_represented += sum(widths[name] for name in self.vectors)
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(n_represented, n_outputs))

    def filtered(
        self, inputs: Mapping[str, Tensor], lengths: Mapping[str, Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Return what the channels give, joined, (batch, time, n_filtered), and its lengths."""
        frames, counts = join_inputs({name: inputs[name] for name in self.sequences}, lengths)
        parts = [channel(frames, counts) for channel in self.channels]
        return torch.cat([part for part, _ in parts], dim=2), parts[0][1]

    def represent(self, inputs: dict[str, Tensor], lengths: dict[str, Tensor]) -> Tensor:
        """Return what the output layer sees, shape (batch, k)."""
        frames, counts = self.filtered(inputs, lengths)
        if self.lstm is None:
            # No filter is below 0 after its ReLU, so padding is never the largest.
            parts = [mean_of(frames, counts), frames.amax(dim=1)]
        else:
            parts = [self.lstm(self.dropout(frames), counts)[1]]
        for name in self.vectors:
            parts.append(mean_of(only_true(inputs[name], lengths[name]), lengths[name]))
        return torch.cat(parts, dim=1)

    def forward(self, inputs: dict[str, Tensor], lengths: dict[str, Tensor]) -> Tensor:
        """Return the logits, shape (batch, n_outputs)."""
        logits: Tensor = self.head(self.represent(inputs, lengths))
        return logits
