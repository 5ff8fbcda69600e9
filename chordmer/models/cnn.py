"""Networks that the CBSA paper is compared with in its Tables 3 and 4.

- ResNet on log-mel (their "ResNets-audioLIME"): K. He et al., "Deep residual learning for image
  recognition" (2016), on spectrograms.
- AC2DConvStat: two-dimensional convolutions, attention and statistics pooling; the pooling is that
  of K. Okabe et al., "Attentive statistics pooling for deep speaker embedding" (2018).
- BLSTM-RNN on low-level descriptors: F. Weninger, F. Eyben and B. Schuller, "The TUM approach to
  the MediaEval music emotion task using generic affective audio features" (2013).

The CBSA paper reports their errors and nothing of their sizes: all sizes here are choices.
"""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.utils import check_scalar
from torch import nn

from chordmer.models.cnn_networks import AC2DConvStatNetwork, BLSTMRNNNetwork, ResNetNetwork
from chordmer.models.network import NetworkClassifier, NetworkRegressor
from chordmer.models.training import Training

__all__ = [
    "AC2DConvStatClassifier",
    "AC2DConvStatRegressor",
    "BLSTMRNNClassifier",
    "BLSTMRNNRegressor",
    "ResNetClassifier",
    "ResNetRegressor",
]


class _ResNet:
    _recipe: ClassVar[Mapping[str, Any]] = {"batch_size": 16}

    def __init__(
        self,
        *,
        n_stages: int = 3,
        n_blocks: int = 1,
        n_kernels: int = 16,
        dropout: float = 0.2,
        training: Training | None = None,
        random_state: int | np.random.RandomState | None = None,
        device: str | None = None,
    ) -> None:
        self.n_stages = n_stages
        self.n_blocks = n_blocks
        self.n_kernels = n_kernels
        self.dropout = dropout
        self.training = training
        self.random_state = random_state
        self.device = device

    def _check_parameters(self) -> None:
        _check(self, n_stages=6, n_blocks=16, n_kernels=256)

    def _build(self, widths: dict[str, int], n_outputs: int) -> nn.Module:
        return ResNetNetwork(
            n_outputs,
            n_stages=self.n_stages,
            n_blocks=self.n_blocks,
            n_kernels=self.n_kernels,
            dropout=self.dropout,
        )


class _AC2DConvStat:
    _recipe: ClassVar[Mapping[str, Any]] = {"batch_size": 16}

    def __init__(
        self,
        *,
        n_convolutions: int = 3,
        n_kernels: int = 16,
        kernel_size: int = 3,
        n_hidden: int = 64,
        n_dense: int = 64,
        dropout: float = 0.2,
        training: Training | None = None,
        random_state: int | np.random.RandomState | None = None,
        device: str | None = None,
    ) -> None:
        self.n_convolutions = n_convolutions
        self.n_kernels = n_kernels
        self.kernel_size = kernel_size
        self.n_hidden = n_hidden
        self.n_dense = n_dense
        self.dropout = dropout
        self.training = training
        self.random_state = random_state
        self.device = device

    def _check_parameters(self) -> None:
        sizes = {"n_kernels": 1024, "n_hidden": 4096, "n_dense": 4096}
        _check(self, n_convolutions=16, kernel_size=99, **sizes)

    def _build(self, widths: dict[str, int], n_outputs: int) -> nn.Module:
        return AC2DConvStatNetwork(
            sum(widths.values()),
            n_outputs,
            n_convolutions=self.n_convolutions,
            n_kernels=self.n_kernels,
            kernel_size=self.kernel_size,
            n_hidden=self.n_hidden,
            n_dense=self.n_dense,
            dropout=self.dropout,
        )


class _BLSTMRNN:
    _recipe: ClassVar[Mapping[str, Any]] = {"batch_size": 16}

    def __init__(
        self,
        *,
        n_layers: int = 2,
        n_cells: int = 64,
        dropout: float = 0.2,
        training: Training | None = None,
        random_state: int | np.random.RandomState | None = None,
        device: str | None = None,
    ) -> None:
        self.n_layers = n_layers
        self.n_cells = n_cells
        self.dropout = dropout
        self.training = training
        self.random_state = random_state
        self.device = device

    def _check_parameters(self) -> None:
        _check(self, n_layers=16, n_cells=4096)

    def _build(self, widths: dict[str, int], n_outputs: int) -> nn.Module:
        return BLSTMRNNNetwork(
            sum(widths.values()),
            n_outputs,
            n_layers=self.n_layers,
            n_cells=self.n_cells,
            dropout=self.dropout,
        )


def _check(model: Any, **most: int) -> None:
    for name, limit in most.items():
        check_scalar(getattr(model, name), name, Integral, min_val=1, max_val=limit)
    check_scalar(model.dropout, "dropout", Real, min_val=0, max_val=1)


# --- estimators ----------------------------------------------------------------------------------


class ResNetClassifier(_ResNet, NetworkClassifier):
    """Classify a log-mel spectrogram by a residual network.

    A stage halves time and frequency, doubles the maps and goes through residual blocks; what
    remains is averaged over time and frequency.

    Parameters
    ----------
    n_stages, n_blocks : int, default 3 and 1
        Stages, and residual blocks in each: 9 convolutions in all.
    n_kernels : int, default 16
        Maps of the first stage.
    dropout : float, default 0.2
        Before the output layer.
    training : Training or None, default None
        None: batches of 16.
    random_state : int, RandomState or None, default None
    device : str or None, default None
        None: the GPU when there is one.

    Attributes
    ----------
    classes_, widths_, module_, history_, n_parameters_
        As those of `NetworkClassifier`.

    Notes
    -----
    Input, here and for the networks below, is one sequence a sample, or several of equal length,
    which are joined frame by frame.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(8, 12, 16))
    >>> X[4:] += 2
    >>> model = ResNetClassifier(
    ...     n_stages=2, n_kernels=2, training=Training(max_epochs=1), random_state=0, device="cpu"
    ... )
    >>> model.fit(X, [0, 0, 0, 0, 1, 1, 1, 1]).predict_proba(X).shape
    (8, 2)
    """


class ResNetRegressor(_ResNet, NetworkRegressor):
    """Predict valence, arousal or other numbers from log-mel by a residual network.

    Parameters
    ----------
    n_stages, n_blocks, n_kernels, dropout, training, random_state, device
        As those of `ResNetClassifier`.

    Attributes
    ----------
    widths_, module_, history_, n_parameters_, target_mean_, target_scale_
        As those of `NetworkRegressor`.
    """


class AC2DConvStatClassifier(_AC2DConvStat, NetworkClassifier):
    """Classify a log-mel spectrogram by convolutions, attention and statistics pooling.

    Each moment gets a weight by attention; the weighted mean and standard deviation of all moments
    stand for the piece.

    Parameters
    ----------
    n_convolutions, n_kernels, kernel_size : int, default 3, 16 and 3
        Of the CNN. Each layer halves time and frequency.
    n_hidden : int, default 64
        Of the layer that scores a moment.
    n_dense : int, default 64
        Of the dense layer before the output layer.
    dropout : float, default 0.2
        Before the output layer.
    training, random_state, device
        As those of `ResNetClassifier`.

    Attributes
    ----------
    classes_, widths_, module_, history_, n_parameters_
        As those of `NetworkClassifier`.
    """


class AC2DConvStatRegressor(_AC2DConvStat, NetworkRegressor):
    """Predict valence, arousal or other numbers by attention and statistics pooling.

    Parameters
    ----------
    n_convolutions, n_kernels, kernel_size, n_hidden, n_dense, dropout, training, random_state
        As those of `AC2DConvStatClassifier`.
    device
        As that of `AC2DConvStatClassifier`.

    Attributes
    ----------
    widths_, module_, history_, n_parameters_, target_mean_, target_scale_
        As those of `NetworkRegressor`.
    """


class BLSTMRNNClassifier(_BLSTMRNN, NetworkClassifier):
    """Classify sequences of low-level descriptors by LSTM layers read both ways.

    Every moment has its answer, and the piece's is their mean.

    Parameters
    ----------
    n_layers, n_cells : int, default 2 and 64
        Layers upon one another, and cells of each, each way.
    dropout : float, default 0.2
        Between layers and before the output layer.
    training, random_state, device
        As those of `ResNetClassifier`.

    Attributes
    ----------
    classes_, widths_, module_, history_, n_parameters_
        As those of `NetworkClassifier`.
    """


class BLSTMRNNRegressor(_BLSTMRNN, NetworkRegressor):
    """Predict valence, arousal or other numbers from low-level descriptors; the row of Table 3.

    Parameters
    ----------
    n_layers, n_cells, dropout, training, random_state, device
        As those of `BLSTMRNNClassifier`.

    Attributes
    ----------
    widths_, module_, history_, n_parameters_, target_mean_, target_scale_
        As those of `NetworkRegressor`.
    """
