"""CBSA: a CNN, a BiLSTM and self-attention, for emotion over long stretches of music.

Y. Cao and Y. Liu, "Music Emotion Recognition Based on Feature Mapping and Convolutional Neural
Networks" (2025).
"""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.utils import check_scalar
from torch import Tensor, nn

from chordmer.models.masked import (
    MaskedConvolution,
    MaskedLSTM,
    join_inputs,
    mean_of,
    only_true,
    true_frames,
)
from chordmer.models.network import NetworkClassifier, NetworkRegressor
from chordmer.models.training import Training

__all__ = ["CBSAClassifier", "CBSANetwork", "CBSARegressor", "SelfAttention"]

#: What each variant has before and after its BiLSTM: a CNN, self-attention.
_VARIANTS = {
    "cbsa": (True, True),
    "cnn-bilstm": (True, False),
    "bilstm-sa": (False, True),
    "bilstm": (False, False),
}


class SelfAttention(nn.Module):
    """Each moment as the mean of all moments, weighted by how alike they are.

    Equations 20 to 24 of the paper: queries, keys and values are linear maps of the moments; the
    dot product of a query with every key, through a softmax over the keys, weighs the values. As
    printed there, the maps have no bias and the products are not scaled.

    Parameters
    ----------
    width : int
        Of a moment.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width, bias=False)

    def weights(self, moments: Tensor, lengths: Tensor) -> Tensor:
        """Return how much moment i draws on moment j, at ``[:, i, j]``.

        Parameters
        ----------
        moments : Tensor, shape (batch, time, width)
        lengths : Tensor of int64, shape (batch,)

        Returns
        -------
        Tensor, shape (batch, time, time)
            A true moment's row sums to 1; all else is 0.
        """
        scores = self.query(moments) @ self.key(moments).transpose(1, 2)
        true = true_frames(lengths, moments.shape[1])
        scores = scores.masked_fill(~true[:, None], torch.finfo(scores.dtype).min)
        return torch.where(true[:, :, None] & true[:, None], scores.softmax(dim=2), 0.0)

    def forward(self, moments: Tensor, lengths: Tensor) -> Tensor:
        """Return the weighted means, shape (batch, time, width); parameters as for `weights`."""
        attended: Tensor = self.weights(moments, lengths) @ self.value(moments)
        return attended


class CBSANetwork(nn.Module):
    """The network of Table 2, for sequences of any length.

    ============== ======================= ==========================================
    layer          output for (99, 94)     what it is
    ============== ======================= ==========================================
    CNN            (4, 49, 47)             3x3 convolution, normalisation, ReLU, pool
    CNN            (4, 24, 23)             the same again
    BiLSTM         (24, 78)                on frames of 4 * 23; 39 cells each way
    BiLSTM         (24, 32)                both ways mixed by a linear map
    self-attention (24, 32)                `SelfAttention`
    mean           (32,)                   over the moments
    linear         (1,)                    or one a target, one a class
    ============== ======================= ==========================================

    Parameters
    ----------
    width : int
        Of the frames: features a moment.
    n_outputs : int
    convolve, attend : bool, default True
        Without its CNN, without its self-attention.
    n_kernels, kernel_size, n_cells, n_mixed, dropout
        As in `CBSAClassifier`.
    """

    def __init__(
        self,
        width: int,
        n_outputs: int,
        *,
        convolve: bool = True,
        attend: bool = True,
        n_kernels: int = 4,
        kernel_size: int = 3,
        n_cells: int = 39,
        n_mixed: int = 32,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList()
        if convolve:
            for n_channels in (1, n_kernels):
                layer = MaskedConvolution(n_channels, n_kernels, kernel_size)
                self.convolutions.append(layer)
                width = layer.width_after(width)
            width *= n_kernels
        self.bilstm = MaskedLSTM(width, n_cells, bidirectional=True)
        self.mix = nn.Linear(2 * n_cells, n_mixed)
        self.attention = SelfAttention(n_mixed) if attend else None
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(n_mixed, n_outputs))

    def moments(
        self, inputs: Mapping[str, Tensor], lengths: Mapping[str, Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Return the moments that are attended to, (batch, time, n_mixed), and their lengths."""
        frames, counts = join_inputs(inputs, lengths)
        if self.convolutions:
            maps = frames[:, None]
            for layer in self.convolutions:
                maps, counts = layer(maps, counts)
            frames = maps.transpose(1, 2).flatten(2)
        states, _ = self.bilstm(frames, counts)
        return only_true(self.mix(states), counts), counts

    def represent(self, inputs: dict[str, Tensor], lengths: dict[str, Tensor]) -> Tensor:
        """Return what the output layer sees, shape (batch, n_mixed)."""
        moments, counts = self.moments(inputs, lengths)
        return mean_of(self.attention(moments, counts) if self.attention else moments, counts)

    def forward(self, inputs: dict[str, Tensor], lengths: dict[str, Tensor]) -> Tensor:
        """Return the outputs, shape (batch, n_outputs)."""
        outputs: Tensor = self.head(self.represent(inputs, lengths))
        return outputs


class _CBSA:
    """What the classifier and the regressor share: parameters, and the network they make."""

    _recipe: ClassVar[Mapping[str, Any]] = {"batch_size": 4, "learning_rate": 1e-3}

    def __init__(
        self,
        *,
        variant: str = "cbsa",
        n_kernels: int = 4,
        kernel_size: int = 3,
        n_cells: int = 39,
        n_mixed: int = 32,
        dropout: float = 0.0,
        training: Training | None = None,
        random_state: int | np.random.RandomState | None = None,
        device: str | None = None,
    ) -> None:
        self.variant = variant
        self.n_kernels = n_kernels
        self.kernel_size = kernel_size
        self.n_cells = n_cells
        self.n_mixed = n_mixed
        self.dropout = dropout
        self.training = training
        self.random_state = random_state
        self.device = device

    def _check_parameters(self) -> None:
        if self.variant not in _VARIANTS:
            raise ValueError(f"variant must be one of {list(_VARIANTS)}, not {self.variant!r}")
        most = {"n_kernels": 1024, "kernel_size": 99, "n_cells": 4096, "n_mixed": 4096}
        for name, limit in most.items():
            check_scalar(getattr(self, name), name, Integral, min_val=1, max_val=limit)
        check_scalar(self.dropout, "dropout", Real, min_val=0, max_val=1)

    def _build(self, widths: dict[str, int], n_outputs: int) -> nn.Module:
        convolve, attend = _VARIANTS[self.variant]
        return CBSANetwork(
            sum(widths.values()),
            n_outputs,
            convolve=convolve,
            attend=attend,
            n_kernels=self.n_kernels,
            kernel_size=self.kernel_size,
            n_cells=self.n_cells,
            n_mixed=self.n_mixed,
            dropout=self.dropout,
        )


class CBSAClassifier(_CBSA, NetworkClassifier):
    """Classify a sequence of features by CNN, BiLSTM and self-attention.

    The CNN finds fragments of melody, the BiLSTM follows them forwards and backwards, and
    self-attention weighs every moment against all others (section 3 of the paper). The paper
    predicts one number a song; here it is one output a class.

    Parameters
    ----------
    variant : {"cbsa", "cnn-bilstm", "bilstm-sa", "bilstm"}, default "cbsa"
        The whole network, or the ablations of section 4.4. Without self-attention, the moments
        themselves are averaged.
    n_kernels : int, default 4
        Of each of the two convolutions; Table 2.
    kernel_size : int, default 3
        The paper names none.
    n_cells : int, default 39
        Of the BiLSTM, each way. Table 2 has 78 values a moment "connecting" the BiLSTM's input to
        its output of 32: taken as the two ways side by side, which equation 19 then mixes.
    n_mixed : int, default 32
        Values a moment after equation 19; Table 2.
    dropout : float, default 0.0
        Before the output layer. The paper names none.
    training : Training or None, default None
        None: the paper's batches of 4 and learning rate of 0.001.
    random_state : int, RandomState or None, default None
    device : str or None, default None
        None: the GPU when there is one.

    Attributes
    ----------
    classes_, widths_, module_, history_, n_parameters_
        As those of `NetworkClassifier`.

    Notes
    -----
    Input is one sequence a sample, or several of equal length, which are joined frame by frame
    (the paper's fusion in series, equation 10). Each pooling halves the frames and drops an odd
    one, as Table 2 does; of a single frame one remains.

    The table's self-attention gives one vector of 32 where the equations give one a moment. Their
    mean is taken, since the paper asks for "global" information by "weighted averaging".

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(8, 12, 5))
    >>> X[4:] += 2
    >>> model = CBSAClassifier(training=Training(max_epochs=1), random_state=0, device="cpu")
    >>> model.fit(X, [0, 0, 0, 0, 1, 1, 1, 1]).predict_proba(X).shape
    (8, 2)
    """


class CBSARegressor(_CBSA, NetworkRegressor):
    """Predict valence, arousal or other numbers from a sequence of features; the paper's model.

    The paper trains a model for valence and another for arousal, each with one output a song. A
    ``y`` of one column does that; with more columns, one network predicts all of them.

    Parameters
    ----------
    variant, n_kernels, kernel_size, n_cells, n_mixed, dropout, training, random_state, device
        As those of `CBSAClassifier`.

    Attributes
    ----------
    widths_, module_, history_, n_parameters_, target_mean_, target_scale_
        As those of `NetworkRegressor`.

    Notes
    -----
    The number is the song's, not a moment's: what the last linear layer takes is one vector of 32
    (Table 2), and the experiment is on "static" emotion. The song's course over time is not
    predicted.

    The paper brings its targets into [0, 1]. Here they may be on any scale: they are standardised
    for training, and predictions are on the scale of `y`.
    """
