"""Early fusion: the modalities joined frame by frame, in series or as complex numbers."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from chordmer.fusion.alignment import mean_of, only_true, resample
from chordmer.fusion.modalities import FrameEncoder, Fusion, Tensors, output_layer

__all__ = ["EarlyFusion", "complex_join"]


class EarlyFusion(Fusion):
    """Join the modalities frame by frame on one time grid, then encode them as one sequence.

    Parameters
    ----------
    widths : mapping of str to int
        Features a frame of each modality. Everywhere below, modalities are sorted by name.
    n_outputs : int
        Logits, or regression outputs.
    mode : {"series", "parallel"}, default "series"
        The two early fusions that the CBSA paper names (section 3.3). ``"series"``: each modality
        is projected to `hidden_size` and normalised (layer normalisation, so that none outweighs
        another), then all are concatenated. ``"parallel"``: the two modalities (there must be two)
        become one complex vector, see `complex_join`, which a learned complex linear map takes to
        `hidden_size` complex numbers. What comes out as real features are their real parts,
        imaginary parts and moduli; not their phases, which jump, and mean nothing near 0.
        An absent modality is replaced by a learned vector in either mode.
    hidden_size : int, default 64
        Width of every layer; even where `encoder` is ``"bilstm"``.
    encoder : {"bilstm", "mean"}, default "bilstm"
        See `FrameEncoder`. The representation is the mean over time.
    modality_dropout : float, default 0.3
        Chance that a present modality is hidden while training.
    dropout : float, default 0.2
        In the encoder and before the last layer.
    max_steps : int, default 128
        Most steps of the grid. A sample's grid has as many steps as its longest modality.
    """

    def __init__(
        self,
        widths: Mapping[str, int],
        n_outputs: int,
        *,
        mode: str = "series",
        hidden_size: int = 64,
        encoder: str = "bilstm",
        modality_dropout: float = 0.3,
        dropout: float = 0.2,
        max_steps: int = 128,
    ) -> None:
        super().__init__(widths, modality_dropout, max_steps)
        if mode not in ("series", "parallel"):
            raise ValueError(f"mode must be 'series' or 'parallel', not {mode!r}")
        if mode == "parallel" and len(self.widths) != 2:
            raise ValueError(f"parallel fusion is of 2 modalities, not {len(self.widths)}")
        self.mode = mode
        if mode == "series":
            fills = (hidden_size,) * len(self.widths)
            self.projections = nn.ModuleList(
                nn.Sequential(nn.Linear(width, hidden_size), nn.LayerNorm(hidden_size))
                for width in self.widths
            )
            n_joined = hidden_size * len(self.widths)
        else:
            fills = self.widths
            self.real = nn.Linear(max(self.widths), hidden_size)
            self.imaginary = nn.Linear(max(self.widths), hidden_size)
            n_joined = 3 * hidden_size
        self.absent = nn.ParameterList(nn.Parameter(torch.zeros(size)) for size in fills)
        self.encoder = FrameEncoder(n_joined, hidden_size, encoder, dropout)
        self.head = output_layer(hidden_size, n_outputs, dropout)

    def joined(
        self, inputs: Tensors, lengths: Tensors | None = None, present: Tensors | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the joined frames, (batch, steps, n_joined), and each sample's steps, (batch,)."""
        frames, counts = self._receive(inputs, lengths, present)
        steps = counts.max(dim=1).values
        parts = [resample(x, n, steps) for x, n in zip(frames, counts.T)]
        if self.mode == "series":
            parts = [project(x) for project, x in zip(self.projections, parts)]
        parts = [
            torch.where((n > 0)[:, None, None], x, fill)
            for x, n, fill in zip(parts, counts.T, self.absent)
        ]
        if self.mode == "series":
            return only_true(torch.cat(parts, dim=2), steps), steps
        weight = torch.complex(self.real.weight, self.imaginary.weight)
        mapped = complex_join(*parts) @ weight.T
        mapped = mapped + torch.complex(self.real.bias, self.imaginary.bias)
        features = torch.cat([mapped.real, mapped.imag, mapped.abs()], dim=2)
        return only_true(features, steps), steps

    def represent(
        self, inputs: Tensors, lengths: Tensors | None = None, present: Tensors | None = None
    ) -> Tensor:
        """Return the mean encoded frame, (batch, hidden_size)."""
        joined, steps = self.joined(inputs, lengths, present)
        return mean_of(self.encoder(joined, steps), steps)


def complex_join(first: Tensor, second: Tensor) -> Tensor:
    """Return ``first + 1j * second``, the shorter one padded with zeros.

    The parallel feature fusion that the CBSA paper names (section 3.3), after J. Yang et al.,
    "Feature fusion: parallel strategy vs. serial strategy", Pattern Recognition 36, 2003.

    >>> complex_join(torch.tensor([1.0, 2.0]), torch.tensor([3.0])).tolist()
    [(1+3j), (2+0j)]
    """
    width = max(first.shape[-1], second.shape[-1])
    real, imaginary = (F.pad(x, (0, width - x.shape[-1])) for x in (first, second))
    return torch.complex(real, imaginary)
