"""Late fusion: a model a modality, and a mixture of what they say."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from chordmer.fusion.alignment import mean_of
from chordmer.fusion.modalities import FrameEncoder, Fusion, Tensors, output_layer

__all__ = ["LateFusion"]


class LateFusion(Fusion):
    """Give each modality its own model, and mix what the models say.

    Parameters
    ----------
    widths, n_outputs, hidden_size, encoder, modality_dropout, dropout, max_steps
        As for `EarlyFusion`.
    weights : {"learned", "fixed", "stacked"} or mapping of str to float, default "learned"
        The mixture is the mean of the models' probabilities, weighted over the present modalities:
        ``"fixed"`` weights are equal, or those of the mapping (positive); ``"learned"`` ones are
        trained with the rest. ``"stacked"``: a linear layer from the models' log-probabilities,
        averaged over the present modalities, which starts as their plain mean. A mean of
        probabilities is too cautious where modalities know different things (R. Ranjan and T.
        Gneiting, "Combining Probability Forecasts", J. R. Stat. Soc. B 72, 2010), so the mixture
        is raised to a trained power, one for each number of present modalities, 1 at first.
    mix : {"probabilities", "outputs"}, default "probabilities"
        ``"outputs"`` mixes outputs as they are, for regression.
    """

    def __init__(
        self,
        widths: Mapping[str, int],
        n_outputs: int,
        *,
        weights: str | Mapping[str, float] = "learned",
        mix: str = "probabilities",
        hidden_size: int = 64,
        encoder: str = "bilstm",
        modality_dropout: float = 0.3,
        dropout: float = 0.2,
        max_steps: int = 128,
    ) -> None:
        super().__init__(widths, modality_dropout, max_steps)
        if mix not in ("probabilities", "outputs"):
            raise ValueError(f"mix must be 'probabilities' or 'outputs', not {mix!r}")
        self.encoders = nn.ModuleList(
            FrameEncoder(width, hidden_size, encoder, dropout) for width in self.widths
        )
        self.head = _Mixture(self.modalities, hidden_size, n_outputs, weights, mix, dropout)

    def represent(
        self, inputs: Tensors, lengths: Tensors | None = None, present: Tensors | None = None
    ) -> Tensor:
        """Return each modality's mean frame, 0 where absent, and then which are present.

        Shape (batch, n_modalities * (hidden_size + 1)).
        """
        frames, counts = self._receive(inputs, lengths, present)
        parts = [mean_of(encode(x, n), n) for encode, x, n in zip(self.encoders, frames, counts.T)]
        return torch.cat([*parts, (counts > 0).to(parts[0].dtype)], dim=1)

    def opinions(
        self, inputs: Tensors, lengths: Tensors | None = None, present: Tensors | None = None
    ) -> Tensor:
        """Return what each model says by itself, (batch, n_modalities, n_outputs).

        Probabilities, or outputs where `mix` is ``"outputs"``; 0 where the modality is absent.
        """
        head = cast(_Mixture, self.head)
        said, there = head.opinions(self.represent(inputs, lengths, present))
        return (said.exp() if head.mix == "probabilities" else said) * there[:, :, None]

    def weights(self, present: Tensor) -> Tensor:
        """Return the fixed or learned weights where `present`, (batch, n_modalities); sums are 1.

        Under ``"stacked"`` weights, which are a layer and not numbers, equal ones.
        """
        return cast(_Mixture, self.head).shares(present).exp() * present


class _Mixture(nn.Module):
    """The models' last layers in late fusion, and the weights that mix what they say."""

    log_weights: Tensor

    def __init__(
        self,
        modalities: Sequence[str],
        hidden_size: int,
        n_outputs: int,
        weights: str | Mapping[str, float],
        mix: str,
        dropout: float,
    ) -> None:
        super().__init__()
        self.mix = mix
        self.sizes = [hidden_size] * len(modalities) + [len(modalities)]
        self.voices = nn.ModuleList(
            output_layer(hidden_size, n_outputs, dropout) for _ in modalities
        )
        log_weights = torch.tensor([_log_weight(weights, name) for name in modalities])
        if weights == "learned":
            self.log_weights = nn.Parameter(log_weights)
        else:
            self.register_buffer("log_weights", log_weights)
        self.log_powers = (
            nn.Parameter(torch.zeros(len(modalities))) if mix == "probabilities" else None
        )
        self.stack = None
        if weights == "stacked":
            self.stack = nn.Linear((n_outputs + 1) * len(modalities), n_outputs)
            each = torch.eye(n_outputs).repeat(1, len(modalities))
            with torch.no_grad():
                self.stack.bias.zero_()
                self.stack.weight.zero_()[:, : each.shape[1]] = each

    def shares(self, present: Tensor) -> Tensor:
        """Return log-weights renormalised over `present`, both (batch, n_modalities)."""
        masked = self.log_weights.masked_fill(~present, torch.finfo(self.log_weights.dtype).min / 2)
        return masked.log_softmax(dim=1)

    def opinions(self, representation: Tensor) -> tuple[Tensor, Tensor]:
        """Return what each model says, (batch, n_modalities, n_outputs), and which are there."""
        *parts, flags = torch.split(representation, self.sizes, dim=1)
        said = torch.stack([voice(part) for voice, part in zip(self.voices, parts)], dim=1)
        if self.mix == "probabilities":
            said = said.log_softmax(dim=2)
        return said, flags > 0

    def forward(self, representation: Tensor) -> Tensor:
        """Return log-probabilities up to a constant, or outputs, (batch, n_outputs)."""
        said, there = self.opinions(representation)
        count = there.sum(dim=1).clamp(min=1)
        mixed: Tensor
        if self.stack is not None:
            means = said * (there / count[:, None])[:, :, None]
            mixed = self.stack(torch.cat([means.flatten(1), there.to(said.dtype)], dim=1))
        elif self.mix == "probabilities":
            mixed = (said + self.shares(there)[:, :, None]).logsumexp(dim=1)
        else:
            mixed = (said * self.shares(there).exp()[:, :, None]).sum(dim=1)
        if self.log_powers is not None:
            mixed = mixed * self.log_powers.exp()[count - 1, None]
        return mixed


def _log_weight(weights: str | Mapping[str, float], name: str) -> float:
    if isinstance(weights, str):
        if weights not in ("fixed", "learned", "stacked"):
            raise ValueError(f"weights must be 'fixed', 'learned' or 'stacked', not {weights!r}")
        return 0.0
    if not 0 < weights.get(name, 0.0) < math.inf:
        raise ValueError(f"the weight of {name!r} must be positive, not {weights.get(name)}")
    return math.log(weights[name])
