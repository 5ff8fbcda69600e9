"""MULTISPEC-DNN's network for wide- and narrow-band spectrograms: CNN, CBAM and BLSTM.

Section IV of H. Zhao, X. Jin and J. Guo, "Music Emotion Recognition and Analysis Based on Neural
Network".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import torch.nn.functional as F
from sklearn.utils import check_scalar
from torch import Tensor, nn

from chordmer.models.cbam import CBAM
from chordmer.models.filtered import FilterChannel
from chordmer.models.masked import MaskedConvolution, MaskedLSTM, join_inputs, mean_of, only_true
from chordmer.models.network import NetworkClassifier, NetworkRegressor
from chordmer.models.training import Training

__all__ = [
    "MultiSpecSpectrogramClassifier",
    "MultiSpecSpectrogramRegressor",
    "SpectrogramNetwork",
]


class SpectrogramNetwork(nn.Module):
    """Wide and narrow bands through CNN, CBAM and BLSTM (figure 2).

    Parameters
    ----------
    widths : mapping of str to int
        Bins of ``"wide"`` and ``"narrow"``, or of one of them.
    n_outputs : int
    n_bins, n_first, n_kernels, pool_size, reduction, hidden_size, n_dense, dropout
        As in `MultiSpecSpectrogramClassifier`.

    Raises
    ------
    ValueError
        If an input is neither ``"wide"`` nor ``"narrow"``.
    """

    def __init__(
        self,
        widths: Mapping[str, int],
        n_outputs: int,
        *,
        n_bins: int,
        n_first: int,
        n_kernels: Sequence[int],
        pool_size: int,
        reduction: int,
        hidden_size: int,
        n_dense: int,
        dropout: float,
    ) -> None:
        super().__init__()
        if not widths.keys() <= {"wide", "narrow"}:
            raise ValueError(f"the inputs must be 'wide' and 'narrow', not {sorted(widths)}")
        self.n_bins = width = min(n_bins, max(widths.values()))
        self.first = nn.ModuleDict(
            {name: FilterChannel(width, [(n_first, 3)] * 2, 1) for name in sorted(widths)}
        )
        self.n_joined = n_channels = n_first * len(widths)
        self.deep = nn.ModuleList()
        self.attention = nn.ModuleList()
        for n_maps in n_kernels:
            layer = MaskedConvolution(n_channels, n_maps, 3, pool_size)
            self.deep.append(layer)
            self.attention.append(CBAM(n_maps, reduction=reduction))
            n_channels, width = n_maps, layer.width_after(width)
        self.lstm = MaskedLSTM(n_channels, hidden_size, bidirectional=True)
        self.dense = nn.Sequential(nn.Linear(width * 2 * hidden_size, n_dense), nn.ReLU())
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(n_dense, n_outputs))

    def maps(
        self, inputs: Mapping[str, Tensor], lengths: Mapping[str, Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Return the maps after the last attention, (batch, maps, time, rows), and their lengths.

        Raises
        ------
        ValueError
            If a sample's two spectrograms differ in length.
        """
        filtered = {}
        for name, convolve in self.first.items():
            frames = F.adaptive_avg_pool1d(only_true(inputs[name], lengths[name]), self.n_bins)
            filtered[name], _ = convolve(frames, lengths[name])
        joined, counts = join_inputs(filtered, lengths)
        maps = joined.reshape(*joined.shape[:2], self.n_joined, self.n_bins).transpose(1, 2)
        for layer, attention in zip(self.deep, self.attention):
            maps, counts = layer(maps, counts)
            maps = attention(maps, counts)
        return maps, counts

    def represent(self, inputs: dict[str, Tensor], lengths: dict[str, Tensor]) -> Tensor:
        """Return what the first dense layer gives, shape (batch, n_dense)."""
        maps, counts = self.maps(inputs, lengths)
        # Each row of the maps, a range of frequency, is a sequence of its own (figure 8).
        rows = maps.permute(0, 3, 2, 1)
        each = counts.repeat_interleave(rows.shape[1])
        states, _ = self.lstm(rows.flatten(0, 1), each)
        means = mean_of(states, each).reshape(len(maps), rows.shape[1] * states.shape[2])
        represented: Tensor = self.dense(means)
        return represented

    def forward(self, inputs: dict[str, Tensor], lengths: dict[str, Tensor]) -> Tensor:
        """Return the outputs, shape (batch, n_outputs)."""
        outputs: Tensor = self.head(self.represent(inputs, lengths))
        return outputs


class _MultiSpecSpectrogram:
    """What classifier and regressor share: parameters, and the network they make."""

    _recipe: ClassVar[Mapping[str, Any]] = {"batch_size": 8}

    def __init__(
        self,
        *,
        n_bins: int = 128,
        n_first: int = 8,
        n_kernels: tuple[int, ...] = (32, 48, 64, 80),
        pool_size: int = 2,
        reduction: int = 16,
        hidden_size: int = 128,
        n_dense: int = 64,
        dropout: float = 0.2,
        training: Training | None = None,
        random_state: int | np.random.RandomState | None = None,
        device: str | None = None,
    ) -> None:
        self.n_bins = n_bins
        self.n_first = n_first
        self.n_kernels = n_kernels
        self.pool_size = pool_size
        self.reduction = reduction
        self.hidden_size = hidden_size
        self.n_dense = n_dense
        self.dropout = dropout
        self.training = training
        self.random_state = random_state
        self.device = device

    def _check_parameters(self) -> None:
        most = {"n_bins": 65536, "n_first": 256, "pool_size": 1024, "reduction": 4096}
        most |= {"hidden_size": 4096, "n_dense": 16384}
        for name, limit in most.items():
            check_scalar(getattr(self, name), name, Integral, min_val=1, max_val=limit)
        if not isinstance(self.n_kernels, (tuple, list)) or not 1 <= len(self.n_kernels) <= 16:
            raise ValueError(f"n_kernels must be 1 to 16 whole numbers, not {self.n_kernels!r}")
        for count in self.n_kernels:
            check_scalar(count, "n_kernels", Integral, min_val=1, max_val=4096)
        check_scalar(self.dropout, "dropout", Real, min_val=0, max_val=1)

    def _build(self, widths: dict[str, int], n_outputs: int) -> nn.Module:
        return SpectrogramNetwork(
            widths,
            n_outputs,
            n_bins=self.n_bins,
            n_first=self.n_first,
            n_kernels=self.n_kernels,
            pool_size=self.pool_size,
            reduction=self.reduction,
            hidden_size=self.hidden_size,
            n_dense=self.n_dense,
            dropout=self.dropout,
        )


class MultiSpecSpectrogramClassifier(_MultiSpecSpectrogram, NetworkClassifier):
    """The network for wide- and narrow-band spectrograms: CNN, CBAM, BLSTM (section IV).

    Each spectrogram goes through two 3x3 convolutions; their maps, joined as channels, go through
    four more with CBAM after each; a BLSTM follows every row of the maps along time; two dense
    layers and a softmax answer.

    Parameters
    ----------
    n_bins : int, default 128
        Both spectrograms are brought to so many bins, or to those of the taller one where it has
        fewer, so that they lie on one grid: neighbouring bins are averaged (adaptive average
        pooling), or repeated where a spectrogram has less. The paper cuts at 4 kHz; that is for
        who makes the spectrogram. All bins at 44.1 kHz, 1025, would take eight times as long.
    n_first : int, default 8
        Maps of the convolutions of each spectrogram. The paper's table of layers is not printed.
    n_kernels : tuple of int, default (32, 48, 64, 80)
        Of the convolutions after joining; the paper's.
    pool_size : int, default 2
        Of the max-pooling in each of these, along time and frequency, before its CBAM. The paper
        does not mention pooling; without any (1) the BLSTM has 128 rows of all frames to read.
    reduction : int, default 16
        Of the channel attention's perceptron; see `chordmer.models.cbam.ChannelAttention`.
    hidden_size : int, default 128
        Cells of the BLSTM each way; the paper's.
    n_dense : int, default 64
        Width of the first dense layer, which is the representation; the second one gives the
        classes. Not in the paper.
    dropout : float, default 0.2
        Before the second dense layer. The number is the paper's for all its models.
    training : Training or None, default None
        None: batches of 8, since a thousand frames of a piece take about 0.3 GB of memory in
        training, and Adam with its usual rate of 0.001.
    random_state : int, RandomState or None, default None
    device : str or None, default None
        None: the GPU when there is one.

    Attributes
    ----------
    classes_, widths_, module_, history_, n_parameters_
        As those of `NetworkClassifier`.

    Notes
    -----
    Inputs are named ``"wide"`` and ``"narrow"``, on one grid of frames; a sample may lack either.
    The paper takes every row of the last maps as a sequence (figure 8) and unfolds all that the
    BLSTM gives, H x W x 256, into one vector; so that any length will do, here the mean over time
    (W) comes first, and H x 256 values are unfolded.

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> X = [{"wide": random.normal(size=(20, 9)), "narrow": random.normal(size=(20, 33))}] * 4
    >>> model = MultiSpecSpectrogramClassifier(
    ...     n_kernels=(4, 4), training=Training(max_epochs=1), random_state=0, device="cpu"
    ... )
    >>> model.fit(X, [0, 1, 0, 1]).predict_proba([{"narrow": X[0]["narrow"]}]).shape
    (1, 2)
    """


class MultiSpecSpectrogramRegressor(_MultiSpecSpectrogram, NetworkRegressor):
    """Predict numbers from spectrograms, by the network of `MultiSpecSpectrogramClassifier`.

    Parameters
    ----------
    n_bins, n_first, n_kernels, pool_size, reduction, hidden_size, n_dense, dropout
        As those of `MultiSpecSpectrogramClassifier`.
    training, random_state, device
        As those of `MultiSpecSpectrogramClassifier`.

    Attributes
    ----------
    widths_, module_, history_, n_parameters_, target_mean_, target_scale_
        As those of `NetworkRegressor`.
    """
