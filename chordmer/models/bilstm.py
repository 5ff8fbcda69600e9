"""A BiLSTM over sequences of any length, alone or below a Broad Learning System."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.utils import check_scalar
from torch import Tensor, nn

from chordmer.models.broad import BroadLearningClassifier
from chordmer.models.broad_network import BroadOnNetwork
from chordmer.models.masked import MaskedLSTM, join_inputs, true_frames
from chordmer.models.network import NetworkClassifier, NetworkRegressor
from chordmer.models.training import Training

__all__ = [
    "POOLINGS",
    "AttentionPooling",
    "BiLSTM",
    "BiLSTMBroad",
    "BiLSTMClassifier",
    "BiLSTMNetwork",
    "BiLSTMRegressor",
]

#: How a sequence of states becomes one vector.
POOLINGS = ("attention", "last")


class AttentionPooling(nn.Module):
    """The mean of the states, each weighted by how much it matters.

    The weights are ``softmax(w' tanh(h))`` over time (equations 9 to 11 of Zhou et al. 2016,
    "Attention-based bidirectional LSTM networks for relation classification").

    Parameters
    ----------
    width : int
        Of a state.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        # A bias would be the same for all moments, and the softmax would take it away.
        self.score = nn.Linear(width, 1, bias=False)

    def weights(self, states: Tensor, lengths: Tensor) -> Tensor:
        """Return the weight of each state, shape (batch, time): 1 in all, 0 beyond the end.

        Parameters
        ----------
        states : Tensor, shape (batch, time, width)
        lengths : Tensor of int64, shape (batch,)
        """
        true = true_frames(lengths, states.shape[1])
        scores = self.score(states.tanh())[:, :, 0]
        scores = scores.masked_fill(~true, torch.finfo(scores.dtype).min)
        return torch.where(true, scores.softmax(dim=1), 0.0)

    def forward(self, states: Tensor, lengths: Tensor) -> Tensor:
        """Return the weighted mean, (batch, width), 0 for an absent sequence; see `weights`."""
        mean: Tensor = (self.weights(states, lengths)[:, :, None] * states).sum(dim=1)
        return mean


class BiLSTM(nn.Module):
    """Sequences to vectors: LSTM layers, each read both ways, then pooling over time.

    Parameters
    ----------
    width : int
        Of the frames.
    hidden_size : int
        Cells each way.
    n_layers : int, default 1
    pooling : {"attention", "last"}, default "attention"
        `AttentionPooling` of the states, or the last state each way, which has read all frames.
    dropout : float, default 0.0
        Between layers.
    """

    def __init__(
        self,
        width: int,
        hidden_size: int,
        *,
        n_layers: int = 1,
        pooling: str = "attention",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.width = 2 * hidden_size
        self.layers = nn.ModuleList(
            MaskedLSTM(self.width if number else width, hidden_size, bidirectional=True)
            for number in range(n_layers)
        )
        self.dropout = nn.Dropout(dropout)
        self.attention = AttentionPooling(self.width) if pooling == "attention" else None

    def forward(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """Return one vector a sequence.

        Parameters
        ----------
        frames : Tensor, shape (batch, time, width)
            What lies beyond a sequence's end is not read.
        lengths : Tensor of int64, shape (batch,)
            0 for a sequence that is absent.

        Returns
        -------
        Tensor, shape (batch, 2 * hidden_size)
            0 for a sequence that is absent.
        """
        states = last = frames
        for number, layer in enumerate(self.layers):
            states, last = layer(self.dropout(states) if number else states, lengths)
        pooled: Tensor = last if self.attention is None else self.attention(states, lengths)
        return pooled


class BiLSTMNetwork(nn.Module):
    """A `BiLSTM` over all inputs, joined frame by frame, then a linear output.

    Parameters
    ----------
    width : int
        Of the joined frames.
    n_outputs : int
    hidden_size, n_layers, pooling, dropout
        As in `BiLSTMClassifier`.
    """

    def __init__(
        self,
        width: int,
        n_outputs: int,
        *,
        hidden_size: int,
        n_layers: int = 1,
        pooling: str = "attention",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.bilstm = BiLSTM(
            width, hidden_size, n_layers=n_layers, pooling=pooling, dropout=dropout
        )
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(self.bilstm.width, n_outputs))

    def represent(self, inputs: dict[str, Tensor], lengths: dict[str, Tensor]) -> Tensor:
        """Return what the output layer sees, shape (batch, 2 * hidden_size)."""
        represented: Tensor = self.bilstm(*join_inputs(inputs, lengths))
        return represented

    def forward(self, inputs: dict[str, Tensor], lengths: dict[str, Tensor]) -> Tensor:
        """Return the outputs, shape (batch, n_outputs)."""
        outputs: Tensor = self.head(self.represent(inputs, lengths))
        return outputs


class _BiLSTM:
    """What the classifier and the regressor share: parameters, and the network they make."""

    _recipe: ClassVar[Mapping[str, Any]] = {"batch_size": 64, "learning_rate": 1e-3}

    def __init__(
        self,
        *,
        hidden_size: int = 128,
        n_layers: int = 1,
        pooling: str = "attention",
        dropout: float = 0.2,
        training: Training | None = None,
        random_state: int | np.random.RandomState | None = None,
        device: str | None = None,
    ) -> None:
        self.hidden_size = hidden_size
        self.n_layers = n_layers
        self.pooling = pooling
        self.dropout = dropout
        self.training = training
        self.random_state = random_state
        self.device = device

    def _check_parameters(self) -> None:
        check_scalar(self.hidden_size, "hidden_size", Integral, min_val=1, max_val=4096)
        check_scalar(self.n_layers, "n_layers", Integral, min_val=1, max_val=64)
        if self.pooling not in POOLINGS:
            raise ValueError(f"pooling must be one of {POOLINGS}, not {self.pooling!r}")
        check_scalar(self.dropout, "dropout", Real, min_val=0, max_val=1)

    def _build(self, widths: dict[str, int], n_outputs: int) -> nn.Module:
        return BiLSTMNetwork(
            sum(widths.values()),
            n_outputs,
            hidden_size=self.hidden_size,
            n_layers=self.n_layers,
            pooling=self.pooling,
            dropout=self.dropout,
        )


class BiLSTMClassifier(_BiLSTM, NetworkClassifier):
    """Classify a sequence by an LSTM that reads it both ways.

    Parameters
    ----------
    hidden_size : int, default 128
        Cells each way: the 256 of the MULTISPEC-DNN paper's two BiLSTMs in all.
    n_layers : int, default 1
    pooling : {"attention", "last"}, default "attention"
        What stands for the sequence: the mean of its states, weighted by attention, or the last
        state each way. Over hundreds of frames attention forgets less.
    dropout : float, default 0.2
        Between layers and before the output layer.
    training : Training or None, default None
        None: batches of 64 and a learning rate of 0.001.
    random_state : int, RandomState or None, default None
    device : str or None, default None
        None: the GPU when there is one.

    Attributes
    ----------
    classes_, widths_, module_, history_, n_parameters_
        As those of `NetworkClassifier`.

    Notes
    -----
    Input is one sequence a sample, or several of equal length, which are joined frame by frame;
    `transform` gives the pooled states, 2 * `hidden_size` a sample.

    Examples
    --------
    >>> X = [np.full((time, 3), time % 2) for time in (4, 5, 6, 7)]
    >>> model = BiLSTMClassifier(
    ...     hidden_size=4, training=Training(max_epochs=1), random_state=0, device="cpu"
    ... )
    >>> model.fit(X, ["sad", "happy"] * 2).transform(X).shape
    (4, 8)
    """


class BiLSTMRegressor(_BiLSTM, NetworkRegressor):
    """Predict valence, arousal or other numbers from a sequence, read both ways.

    Parameters
    ----------
    hidden_size, n_layers, pooling, dropout, training, random_state, device
        As those of `BiLSTMClassifier`.

    Attributes
    ----------
    widths_, module_, history_, n_parameters_, target_mean_, target_scale_
        As those of `NetworkRegressor`.
    """


class BiLSTMBroad(BroadOnNetwork):
    """A BiLSTM, then a Broad Learning System on its representation.

    The BiLSTM is trained with a linear output first; the vector that this output sees, joined with
    the `vectors`, is the input of the Broad Learning System, which is solved in closed form.

    Parameters
    ----------
    hidden_size, n_layers, pooling, dropout
        As those of `BiLSTMClassifier`.
    broad : BroadLearningClassifier or None, default None
        None: the default one.
    fit_network : bool, default True
        Whether to train the BiLSTM, or leave its weights as drawn.
    vectors : tuple of str, default ()
        Inputs that go straight to the Broad Learning System, such as ``"chord2vec"``.
    training, random_state, device
        As those of `BroadOnNetwork`.

    Attributes
    ----------
    classes_, network_, broad_
        As those of `BroadOnNetwork`.
    """

    def __init__(
        self,
        *,
        hidden_size: int = 128,
        n_layers: int = 1,
        pooling: str = "attention",
        dropout: float = 0.2,
        broad: BroadLearningClassifier | None = None,
        fit_network: bool = True,
        vectors: tuple[str, ...] = (),
        training: Training | None = None,
        random_state: int | None = None,
        device: str | None = None,
    ) -> None:
        self.hidden_size = hidden_size
        self.n_layers = n_layers
        self.pooling = pooling
        self.dropout = dropout
        self.broad = broad
        self.fit_network = fit_network
        self.vectors = vectors
        self.training = training
        self.random_state = random_state
        self.device = device

    def _parts(
        self,
    ) -> tuple[NetworkClassifier, BroadLearningClassifier, bool, tuple[str, ...]]:
        network = BiLSTMClassifier(
            hidden_size=self.hidden_size,
            n_layers=self.n_layers,
            pooling=self.pooling,
            dropout=self.dropout,
        )
        return network, self.broad or BroadLearningClassifier(), self.fit_network, self.vectors
