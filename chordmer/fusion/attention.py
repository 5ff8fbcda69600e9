"""Fusion by attention: modalities, or their frames, listen to each other."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from chordmer.fusion.alignment import mean_of, only_true, true_frames
from chordmer.fusion.modalities import FrameEncoder, Fusion, Tensors, output_layer

__all__ = ["AttentionFusion"]


class AttentionFusion(Fusion):
    """Let the modalities attend to each other: one Transformer block over all of them.

    Parameters
    ----------
    widths, n_outputs, hidden_size, encoder, modality_dropout, dropout, max_steps
        As for `EarlyFusion`.
    kind : {"tokens", "cross"}, default "tokens"
        ``"tokens"``: each modality is pooled to one token, and each token attends to all present
        ones, itself among them. ``"cross"``: each frame attends to the frames of all *other*
        present modalities (after Y.-H. H. Tsai et al., "Multimodal Transformer for Unaligned
        Multimodal Language Sequences", ACL 2019, but one softmax over all the others in place of a
        module a pair); a modality that is alone attends to itself. The logarithm of its length is
        taken from a modality's scores, so that a long one has no larger share at first.
    n_heads : int, default 4
        Divides `hidden_size`.
    """

    def __init__(
        self,
        widths: Mapping[str, int],
        n_outputs: int,
        *,
        kind: str = "tokens",
        n_heads: int = 4,
        hidden_size: int = 64,
        encoder: str = "bilstm",
        modality_dropout: float = 0.3,
        dropout: float = 0.2,
        max_steps: int = 128,
    ) -> None:
        super().__init__(widths, modality_dropout, max_steps)
        if kind not in ("tokens", "cross"):
            raise ValueError(f"kind must be 'tokens' or 'cross', not {kind!r}")
        if n_heads < 1 or hidden_size % n_heads:
            raise ValueError(f"n_heads must divide hidden_size={hidden_size}, not {n_heads}")
        self.kind, self.n_heads = kind, n_heads
        self.encoders = nn.ModuleList(
            FrameEncoder(width, hidden_size, encoder, dropout) for width in self.widths
        )
        self.whose = nn.Parameter(0.02 * torch.randn(len(self.widths), hidden_size))
        self.query, self.key, self.value, self.settle = (
            nn.Linear(hidden_size, hidden_size) for _ in range(4)
        )
        self.before, self.between, self.after = (nn.LayerNorm(hidden_size) for _ in range(3))
        self.feed = nn.Sequential(
            nn.Linear(hidden_size, 2 * hidden_size),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(2 * hidden_size, hidden_size),
        )
        self.log_scales = nn.Parameter(torch.zeros(len(self.widths)))
        self.head = output_layer(hidden_size, n_outputs, dropout)

    def represent(
        self, inputs: Tensors, lengths: Tensors | None = None, present: Tensors | None = None
    ) -> Tensor:
        """Return the mean of the block's output over frames and then present modalities.

        Shape (batch, hidden_size). It is scaled by a trained number, one for each number of present
        modalities and 1 at first: after layer normalisation nothing else says how much was heard.
        """
        frames, counts = self._encoded(inputs, lengths, present)
        x, weights = self._attend(frames, counts)
        value = self.value(self.before(x)).unflatten(2, (self.n_heads, -1))
        heard = torch.einsum("bhqk,bkhd->bqhd", weights, value).flatten(2)
        x = x + self.settle(heard)
        x = self.after(x + self.feed(self.between(x)))
        sizes = [frame.shape[1] for frame in frames]
        parts = [
            mean_of(only_true(p, n), n) for p, n in zip(torch.split(x, sizes, dim=1), counts.T)
        ]
        n_present = (counts > 0).sum(dim=1).clamp(min=1)
        scales = self.log_scales.exp()[n_present - 1] / n_present
        return torch.stack(parts).sum(dim=0) * scales[:, None]

    def attention(
        self, inputs: Tensors, lengths: Tensors | None = None, present: Tensors | None = None
    ) -> Tensor:
        """Return how much each modality listens to each other, (batch, n_modalities, n_modalities).

        Row q, column k: the share of modality q's attention that goes to k, mean of its heads and
        frames. The row of a present modality sums to 1; rows and columns of absent ones are 0.
        """
        frames, counts = self._encoded(inputs, lengths, present)
        sizes = [frame.shape[1] for frame in frames]
        weights = self._attend(frames, counts)[1].mean(dim=1)
        shares = torch.stack([w.sum(dim=2) for w in torch.split(weights, sizes, dim=2)], dim=2)
        return torch.stack(
            [mean_of(s, n) for s, n in zip(torch.split(shares, sizes, dim=1), counts.T)], 1
        )

    def frame_attention(
        self, inputs: Tensors, lengths: Tensors | None = None, present: Tensors | None = None
    ) -> dict[tuple[str, str], Tensor]:
        """Return ``{(q, k): (batch, time of q, time of k)}``, frame by frame; mean of the heads.

        Over all k together, the row of each frame of q sums to 1.
        """
        frames, counts = self._encoded(inputs, lengths, present)
        sizes = [frame.shape[1] for frame in frames]
        weights = self._attend(frames, counts)[1].mean(dim=1)
        return {
            (q, k): block
            for q, rows in zip(self.modalities, torch.split(weights, sizes, dim=1))
            for k, block in zip(self.modalities, torch.split(rows, sizes, dim=2))
        }

    def _encoded(
        self, inputs: Tensors, lengths: Tensors | None, present: Tensors | None
    ) -> tuple[list[Tensor], Tensor]:
        frames, counts = self._receive(inputs, lengths, present)
        frames = [encode(x, n) for encode, x, n in zip(self.encoders, frames, counts.T)]
        if self.kind == "tokens":
            frames = [mean_of(x, n)[:, None] for x, n in zip(frames, counts.T)]
            counts = counts.clamp(max=1)
        return frames, counts

    def _attend(self, frames: list[Tensor], counts: Tensor) -> tuple[Tensor, Tensor]:
        """Return all frames one after the other, and weights (batch, heads, frames, frames)."""
        x = torch.cat([frame + own for frame, own in zip(frames, self.whose)], dim=1)
        sizes = torch.tensor([frame.shape[1] for frame in frames], device=x.device)
        owner = torch.arange(len(frames), device=x.device).repeat_interleave(sizes)
        there = torch.cat([true_frames(n, f.shape[1]) for f, n in zip(frames, counts.T)], dim=1)
        allowed = there[:, :, None] & there[:, None, :]
        if self.kind == "cross":
            alone = (counts > 0).sum(dim=1) == 1
            allowed = allowed & ((owner[:, None] != owner) | alone[:, None, None])
        normed = self.before(x)
        query, key = (
            layer(normed).unflatten(2, (self.n_heads, -1)) for layer in (self.query, self.key)
        )
        scores = torch.einsum("bqhd,bkhd->bhqk", query, key) / query.shape[-1] ** 0.5
        scores = scores - counts.clamp(min=1).to(x.dtype).log()[:, owner][:, None, None]
        # A finite mask and a product: rows that may attend to nothing are 0, not NaN.
        scores = scores.masked_fill(~allowed[:, None], torch.finfo(x.dtype).min)
        return x, scores.softmax(dim=3) * allowed[:, None]
