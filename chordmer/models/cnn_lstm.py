"""CNN-LSTM: convolutions find local patterns, an LSTM follows them, a dense layer decides.

The "hybrid model" of the CNN-LSTM paper on music sentiment, equations 5 to 7, and the networks
that it is compared with: the CNN, the RNN and the LSTM alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.utils import check_scalar
from torch import Tensor, nn

from chordmer.models.masked import Normalisation, join_inputs, mean_of, normalised, only_true
from chordmer.models.network import NetworkClassifier, NetworkRegressor
from chordmer.models.training import Training

__all__ = ["CNNLSTMClassifier", "CNNLSTMNetwork", "CNNLSTMRegressor", "FrameConvolution"]

#: What each variant is made of: a CNN, and what reads the sequence.
_VARIANTS = {
    "cnn-lstm": (True, "lstm"),
    "cnn": (True, None),
    "rnn": (False, "rnn"),
    "lstm": (False, "lstm"),
}


class FrameConvolution(nn.Module):
    """Convolution along time, batch normalisation, max-pooling and ReLU.

    Equation 5 of the paper. The features of a frame (cepstra beside chroma beside loudness) have no
    order that a filter could slide along, so each is a channel.

    Parameters
    ----------
    width, n_kernels : int
        Values a frame before and after.
    kernel_size : int
        In frames. Zeros are put around, so that the length stays.
    pool_size : int, default 2
        Frames that become one. Windows that are not full are dropped, except that one frame always
        remains.
    """

    def __init__(self, width: int, n_kernels: int, kernel_size: int, pool_size: int = 2) -> None:
        super().__init__()
        self.surround = nn.ConstantPad1d(((kernel_size - 1) // 2, kernel_size // 2), 0.0)
        # The normalisation that follows has a bias of its own.
        self.convolve = nn.Conv1d(width, n_kernels, kernel_size, bias=False)
        self.normalise = Normalisation(n_kernels)
        self.pool_size = pool_size

    def forward(self, frames: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return new frames and lengths.

        Parameters
        ----------
        frames : Tensor, shape (batch, time, width)
            Zero beyond each sequence's end, as is the result.
        lengths : Tensor of int64, shape (batch,)

        Returns
        -------
        frames : Tensor, shape (batch, time // pool_size, n_kernels)
        lengths : Tensor of int64, shape (batch,)
        """
        maps = self.convolve(self.surround(frames.transpose(1, 2)))
        maps = normalised(maps, lengths, self.normalise)
        # A frame that is all there is may be pooled with zeros: what is less, the ReLU makes zero.
        if maps.shape[2] < self.pool_size:
            maps = F.pad(maps, (0, self.pool_size - maps.shape[2]))
        pooled = F.relu(F.max_pool1d(maps, self.pool_size))
        left = torch.where(lengths > 0, (lengths // self.pool_size).clamp_min(1), 0)
        return only_true(pooled.transpose(1, 2), left), left


class CNNLSTMNetwork(nn.Module):
    """Convolutions, a recurrent layer, a dense layer; with parts of it left out, its ablations.

    Parameters
    ----------
    width : int
        Of the frames.
    n_outputs : int
    convolve : bool, default True
    reader : {"lstm", "rnn"} or None, default "lstm"
        What follows the sequence to its end. None: the mean over time stands for it.
    n_convolutions, n_kernels, kernel_size, n_cells, n_dense, dropout
        As in `CNNLSTMClassifier`.
    """

    def __init__(
        self,
        width: int,
        n_outputs: int,
        *,
        convolve: bool = True,
        reader: str | None = "lstm",
        n_convolutions: int = 2,
        n_kernels: int = 64,
        kernel_size: int = 5,
        n_cells: int = 128,
        n_dense: int = 64,
        dropout: float = 0.3,
    ) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList()
        for _ in range(n_convolutions if convolve else 0):
            self.convolutions.append(FrameConvolution(width, n_kernels, kernel_size))
            width = n_kernels
        self.reader: nn.Module | None = None
        if reader is not None:
            layer = {"lstm": nn.LSTM, "rnn": nn.RNN}[reader]
            self.reader = layer(width, n_cells, batch_first=True)
            width = n_cells
        self.dense = nn.Sequential(nn.Dropout(dropout), nn.Linear(width, n_dense), nn.ReLU())
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(n_dense, n_outputs))

    def represent(self, inputs: dict[str, Tensor], lengths: dict[str, Tensor]) -> Tensor:
        """Return what the dense layer makes of the sequence, shape (batch, n_dense)."""
        frames, counts = join_inputs(inputs, lengths)
        for layer in self.convolutions:
            frames, counts = layer(frames, counts)
        if self.reader is None:
            summary = mean_of(frames, counts)
        else:
            # Read one way, a state knows nothing of the padding that comes after it.
            states, _ = self.reader(frames)
            last = states[torch.arange(len(states), device=states.device), counts - 1]
            summary = torch.where(counts[:, None] > 0, last, 0.0)
        represented: Tensor = self.dense(summary)
        return represented

    def forward(self, inputs: dict[str, Tensor], lengths: dict[str, Tensor]) -> Tensor:
        """Return the outputs, shape (batch, n_outputs)."""
        outputs: Tensor = self.head(self.represent(inputs, lengths))
        return outputs


class _CNNLSTM:
    """What the classifier and the regressor share: parameters, and the network they make."""

    _recipe: ClassVar[Mapping[str, Any]] = {"batch_size": 50, "weight_decay": 1e-4}

    def __init__(
        self,
        *,
        variant: str = "cnn-lstm",
        n_convolutions: int = 2,
        n_kernels: int = 64,
        kernel_size: int = 5,
        n_cells: int = 128,
        n_dense: int = 64,
        dropout: float = 0.3,
        training: Training | None = None,
        random_state: int | np.random.RandomState | None = None,
        device: str | None = None,
    ) -> None:
        self.variant = variant
        self.n_convolutions = n_convolutions
        self.n_kernels = n_kernels
        self.kernel_size = kernel_size
        self.n_cells = n_cells
        self.n_dense = n_dense
        self.dropout = dropout
        self.training = training
        self.random_state = random_state
        self.device = device

    def _check_parameters(self) -> None:
        if self.variant not in _VARIANTS:
            raise ValueError(f"variant must be one of {list(_VARIANTS)}, not {self.variant!r}")
        most = {
            "n_convolutions": 16,
            "n_kernels": 4096,
            "kernel_size": 99,
            "n_cells": 4096,
            "n_dense": 4096,
        }
        for name, limit in most.items():
            check_scalar(getattr(self, name), name, Integral, min_val=1, max_val=limit)
        check_scalar(self.dropout, "dropout", Real, min_val=0, max_val=1)

    def _build(self, widths: dict[str, int], n_outputs: int) -> nn.Module:
        convolve, reader = _VARIANTS[self.variant]
        return CNNLSTMNetwork(
            sum(widths.values()),
            n_outputs,
            convolve=convolve,
            reader=reader,
            n_convolutions=self.n_convolutions,
            n_kernels=self.n_kernels,
            kernel_size=self.kernel_size,
            n_cells=self.n_cells,
            n_dense=self.n_dense,
            dropout=self.dropout,
        )


class CNNLSTMClassifier(_CNNLSTM, NetworkClassifier):
    """Classify a sequence of features by a CNN and an LSTM.

    The convolutions extract local features, the LSTM captures what depends on long stretches, and
    the dense layer turns its last state into the label (the paper's three layers).

    Parameters
    ----------
    variant : {"cnn-lstm", "cnn", "rnn", "lstm"}, default "cnn-lstm"
        The whole network, or one part alone: the CNN, averaged over time; the RNN of equations 3
        and 4, or the LSTM, on the features themselves.
    n_convolutions : int, default 2
        "Several convolution layers and pooling layers": the paper has no number. Each halves the
        length.
    n_kernels, kernel_size : int, default 64 and 5
        Of each convolution along time. The paper names no sizes, here and below.
    n_cells : int, default 128
        Of the LSTM or the RNN.
    n_dense : int, default 64
        Of the dense layer before the output layer: the length of the representation.
    dropout : float, default 0.3
        Before the dense layer and before the output layer.
    training : Training or None, default None
        None: the paper's batches of 50, learning rate less ten per cent every 10 epochs, and
        patience of 5; its L2 penalty is not printed, and is 1e-4 here.
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
    >>> X = np.random.default_rng(0).normal(size=(8, 12, 5))
    >>> X[4:] += 2
    >>> model = CNNLSTMClassifier(training=Training(max_epochs=1), random_state=0, device="cpu")
    >>> model.fit(X, [0, 0, 0, 0, 1, 1, 1, 1]).predict_proba(X).shape
    (8, 2)
    """


class CNNLSTMRegressor(_CNNLSTM, NetworkRegressor):
    """Predict valence, arousal or other numbers by a CNN and an LSTM.

    Parameters
    ----------
    variant, n_convolutions, n_kernels, kernel_size, n_cells, n_dense, dropout, training
        As those of `CNNLSTMClassifier`.
    random_state, device
        As those of `CNNLSTMClassifier`.

    Attributes
    ----------
    widths_, module_, history_, n_parameters_, target_mean_, target_scale_
        As those of `NetworkRegressor`.
    """
