"""A CNN front end with a Transformer encoder, for log-mel spectrograms; the Transformer alone.

The "hybrid architecture" of the review of music emotion recognition from CNN to Transformer: the
CNN "extracts local features", the Transformer "models global structure". The encoder is that of
A. Vaswani et al., "Attention is all you need" (2017), with its normalisation before each part
(R. Xiong et al., 2020), which trains without a warm-up of the learning rate.
"""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.utils import check_scalar
from torch import Tensor, nn

from chordmer.models.filtered import FilterChannel
from chordmer.models.masked import join_inputs, mean_of, only_true, true_frames
from chordmer.models.network import NetworkClassifier, NetworkRegressor
from chordmer.models.training import Training

__all__ = [
    "CNNTransformerClassifier",
    "CNNTransformerNetwork",
    "CNNTransformerRegressor",
    "condense",
    "positions",
]

_VARIANTS = ("cnn-transformer", "transformer")


def positions(time: int, width: int, *, device: torch.device | None = None) -> Tensor:
    """Return the sinusoids that tell the encoder where each moment stands.

    Section 3.5 of Vaswani et al., the sines before the cosines: moment t has
    ``sin(t / 10000 ** (2 * i / width))`` at place i, and the cosine at place ``width / 2 + i``.

    Parameters
    ----------
    time, width : int
        Moments, and values a moment; `width` is even.
    device : torch.device, optional

    Returns
    -------
    Tensor, shape (time, width)
    """
    half = torch.arange(width // 2, device=device)
    moments = torch.arange(time, device=device)
    angles = moments[:, None] * torch.pow(10000.0, -2.0 * half / width)
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def condense(moments: Tensor, lengths: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """Return sequences of at most `most` moments, means of neighbours where there were more.

    Each sequence is condensed by the smallest whole number that suffices for itself, so that what
    becomes of it does not depend on those beside it.

    Parameters
    ----------
    moments : Tensor, shape (batch, time, width)
        Zero beyond each sequence's end, as is the result.
    lengths : Tensor of int64, shape (batch,)
    most : int

    Returns
    -------
    moments : Tensor, shape (batch, min(time, most), width)
    lengths : Tensor of int64, shape (batch,)
    """
    batch, time, width = moments.shape
    if time <= most:
        return moments, lengths
    joined = (-(-lengths // most)).clamp_min(1)
    left = -(-lengths // joined)
    # What lies beyond an end is zero, and may be added anywhere.
    home = (torch.arange(time, device=moments.device) // joined[:, None]).clamp_max(most - 1)
    sums = moments.new_zeros(batch, most, width)
    sums.scatter_add_(1, home[:, :, None].expand(-1, -1, width), moments)
    first = torch.arange(most, device=moments.device) * joined[:, None]
    counts = torch.minimum(lengths[:, None] - first, joined[:, None]).clamp_min(1)
    return sums / counts[:, :, None], left


class CNNTransformerNetwork(nn.Module):
    """Convolutions over time and frequency, then an encoder over the moments that remain.

    Parameters
    ----------
    width : int
        Of the frames: mel bands.
    n_outputs : int
    n_convolutions : int, default 3
        0 leaves the Transformer alone.
    n_kernels, kernel_size, n_layers, n_heads, n_model, max_moments, dropout
        As in `CNNTransformerClassifier`.
    """

    def __init__(
        self,
        width: int,
        n_outputs: int,
        *,
        n_convolutions: int = 3,
        n_kernels: int = 16,
        kernel_size: int = 3,
        n_layers: int = 2,
        n_heads: int = 4,
        n_model: int = 128,
        max_moments: int = 512,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.convolve = FilterChannel(width, [(n_kernels, kernel_size)] * n_convolutions, 2)
        self.project = nn.Linear(self.convolve.width, n_model)
        # A layer each: nn.TransformerEncoder would begin with copies of one.
        self.encoder = nn.ModuleList(
            nn.TransformerEncoderLayer(
                n_model,
                n_heads,
                dim_feedforward=4 * n_model,
                dropout=dropout,
                activation="gelu",
                batch_first=True,
                norm_first=True,
            )
            for _ in range(n_layers)
        )
        self.normalise = nn.LayerNorm(n_model)
        self.max_moments = max_moments
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(n_model, n_outputs))

    def moments(
        self, inputs: Mapping[str, Tensor], lengths: Mapping[str, Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Return the encoded moments, (batch, time, n_model), and their lengths."""
        frames, counts = self.convolve(*join_inputs(inputs, lengths))
        moments, counts = condense(
            only_true(self.project(frames), counts), counts, self.max_moments
        )
        time, width = moments.shape[1:]
        moments = moments + positions(time, width, device=moments.device)
        # An absent sequence attends to one moment of nothing, which is taken back below.
        unheard = ~true_frames(counts.clamp_min(1), time)
        for layer in self.encoder:
            moments = layer(moments, src_key_padding_mask=unheard)
        return only_true(self.normalise(moments), counts), counts

    def represent(self, inputs: dict[str, Tensor], lengths: dict[str, Tensor]) -> Tensor:
        """Return the mean of the encoded moments, shape (batch, n_model)."""
        return mean_of(*self.moments(inputs, lengths))

    def forward(self, inputs: dict[str, Tensor], lengths: dict[str, Tensor]) -> Tensor:
        """Return the outputs, shape (batch, n_outputs)."""
        outputs: Tensor = self.head(self.represent(inputs, lengths))
        return outputs


class _CNNTransformer:
    """What the classifier and the regressor share: parameters, and the network they make."""

    _recipe: ClassVar[Mapping[str, Any]] = {"batch_size": 16, "learning_rate": 5e-4}

    def __init__(
        self,
        *,
        variant: str = "cnn-transformer",
        n_convolutions: int = 3,
        n_kernels: int = 16,
        kernel_size: int = 3,
        n_layers: int = 2,
        n_heads: int = 4,
        n_model: int = 128,
        max_moments: int = 512,
        dropout: float = 0.1,
        training: Training | None = None,
        random_state: int | np.random.RandomState | None = None,
        device: str | None = None,
    ) -> None:
        self.variant = variant
        self.n_convolutions = n_convolutions
        self.n_kernels = n_kernels
        self.kernel_size = kernel_size
        self.n_layers = n_layers
        self.n_heads = n_heads
        self.n_model = n_model
        self.max_moments = max_moments
        self.dropout = dropout
        self.training = training
        self.random_state = random_state
        self.device = device

    def _check_parameters(self) -> None:
        if self.variant not in _VARIANTS:
            raise ValueError(f"variant must be one of {_VARIANTS}, not {self.variant!r}")
        most = {
            "n_convolutions": 16,
            "n_kernels": 1024,
            "kernel_size": 99,
            "n_layers": 64,
            "n_heads": 64,
            "n_model": 4096,
            "max_moments": 16384,
        }
        for name, limit in most.items():
            check_scalar(getattr(self, name), name, Integral, min_val=1, max_val=limit)
        if self.n_model % 2 or self.n_model % self.n_heads:
            raise ValueError(
                f"n_model must be even and a multiple of n_heads, {self.n_heads}, "
                f"not {self.n_model}"
            )
        check_scalar(self.dropout, "dropout", Real, min_val=0, max_val=1)

    def _build(self, widths: dict[str, int], n_outputs: int) -> nn.Module:
        return CNNTransformerNetwork(
            sum(widths.values()),
            n_outputs,
            n_convolutions=self.n_convolutions if self.variant == "cnn-transformer" else 0,
            n_kernels=self.n_kernels,
            kernel_size=self.kernel_size,
            n_layers=self.n_layers,
            n_heads=self.n_heads,
            n_model=self.n_model,
            max_moments=self.max_moments,
            dropout=self.dropout,
        )


class CNNTransformerClassifier(_CNNTransformer, NetworkClassifier):
    """Classify a log-mel spectrogram by a CNN and a Transformer encoder.

    The review names the architecture and gives no sizes: all of them are choices, small enough to
    train on a CPU.

    Parameters
    ----------
    variant : {"cnn-transformer", "transformer"}, default "cnn-transformer"
        Without the CNN, the encoder reads the frames themselves.
    n_convolutions, n_kernels, kernel_size : int, default 3, 16 and 3
        Of the CNN. Each layer halves time and frequency; 3 leave a moment about every 0.2 s.
    n_layers, n_heads, n_model : int, default 2, 4 and 128
        Of the encoder. `n_model` is the width of a moment, even and a multiple of `n_heads`; the
        layers inside are 4 times as wide, as in Vaswani et al.
    max_moments : int, default 512
        Attention costs time and memory in proportion to the square of the moments. Of a sequence
        with more of them, neighbours are averaged until they are as few: with the CNN, of pieces
        above 95 s; for the Transformer alone, above 12 s (at 23 ms a frame).
    dropout : float, default 0.1
        Inside the encoder and before the output layer.
    training : Training or None, default None
        None: batches of 16, learning rate 0.0005.
    random_state : int, RandomState or None, default None
    device : str or None, default None
        None: the GPU when there is one.

    Attributes
    ----------
    classes_, widths_, module_, history_, n_parameters_
        As those of `NetworkClassifier`.

    Notes
    -----
    Input is one sequence a sample, or several of equal length, which are joined frame by frame.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(8, 12, 16))
    >>> X[4:] += 2
    >>> model = CNNTransformerClassifier(
    ...     n_model=8, training=Training(max_epochs=1), random_state=0, device="cpu"
    ... )
    >>> model.fit(X, [0, 0, 0, 0, 1, 1, 1, 1]).predict_proba(X).shape
    (8, 2)
    """


class CNNTransformerRegressor(_CNNTransformer, NetworkRegressor):
    """Predict valence, arousal or other numbers by a CNN and a Transformer encoder.

    Parameters
    ----------
    variant, n_convolutions, n_kernels, kernel_size, n_layers, n_heads, n_model, max_moments
        As those of `CNNTransformerClassifier`.
    dropout, training, random_state, device
        As those of `CNNTransformerClassifier`.

    Attributes
    ----------
    widths_, module_, history_, n_parameters_, target_mean_, target_scale_
        As those of `NetworkRegressor`.
    """
