"""LSTM layers feeding a Broad Learning System: LSTM_BLS, a baseline of the MULTISPEC-DNN paper."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.utils import check_scalar
from torch import Tensor, nn

from chordmer.models.broad import BroadLearningClassifier
from chordmer.models.broad_network import BroadOnNetwork
from chordmer.models.masked import MaskedLSTM, join_inputs
from chordmer.models.network import NetworkClassifier
from chordmer.models.training import Training

__all__ = ["LSTMBroad", "StackedLSTM"]


class _Stack(nn.Module):
    """LSTM layers of different sizes with dropout between, then a linear output."""

    def __init__(
        self, width: int, n_outputs: int, n_cells: tuple[int, ...], dropout: float
    ) -> None:
        super().__init__()
        sizes = pairwise((width, *n_cells))
        self.layers = nn.ModuleList(MaskedLSTM(before, after) for before, after in sizes)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(n_cells[-1], n_outputs))

    def represent(self, inputs: dict[str, Tensor], lengths: dict[str, Tensor]) -> Tensor:
        """Return the last state of the last layer, shape (batch, n_cells)."""
        states, counts = join_inputs(inputs, lengths)
        last = states
        for number, layer in enumerate(self.layers):
            states, last = layer(self.dropout(states) if number else states, counts)
        return last

    def forward(self, inputs: dict[str, Tensor], lengths: dict[str, Tensor]) -> Tensor:
        """Return the logits, shape (batch, n_outputs)."""
        logits: Tensor = self.head(self.represent(inputs, lengths))
        return logits


class StackedLSTM(NetworkClassifier):
    """LSTM layers, one above the other; the last state of the last one is classified.

    Parameters
    ----------
    n_cells : tuple of int, default (1024, 512)
        Of each layer, from the input on; the paper's.
    dropout : float, default 0.2
        Between layers and before the output layer. The number is the paper's.
    training : Training or None, default None
        None: batches of 64, as in the paper, and Adam with its usual rate of 0.001.
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
    """

    _recipe: ClassVar[Mapping[str, Any]] = {"batch_size": 64}

    def __init__(
        self,
        *,
        n_cells: tuple[int, ...] = (1024, 512),
        dropout: float = 0.2,
        training: Training | None = None,
        random_state: int | np.random.RandomState | None = None,
        device: str | None = None,
    ) -> None:
        self.n_cells = n_cells
        self.dropout = dropout
        self.training = training
        self.random_state = random_state
        self.device = device

    def _check_parameters(self) -> None:
        if not isinstance(self.n_cells, (tuple, list)) or not 1 <= len(self.n_cells) <= 16:
            raise ValueError(f"n_cells must be 1 to 16 whole numbers, not {self.n_cells!r}")
        for count in self.n_cells:
            check_scalar(count, "n_cells", Integral, min_val=1, max_val=16384)
        check_scalar(self.dropout, "dropout", Real, min_val=0, max_val=1)

    def _build(self, widths: dict[str, int], n_outputs: int) -> nn.Module:
        return _Stack(sum(widths.values()), n_outputs, tuple(self.n_cells), self.dropout)


class LSTMBroad(BroadOnNetwork):
    """LSTM_BLS: two LSTM layers feeding the nodes of a Broad Learning System.

    The LSTM is trained with a linear output first; its last state then takes the place of the
    features that the Broad Learning System's nodes are made of, and all of them, feature nodes and
    enhancement nodes, are read together by the closed-form output. The paper uses MF_RP as input.

    Parameters
    ----------
    n_cells : tuple of int, default (1024, 512)
        Of each LSTM layer; the paper's.
    dropout : float, default 0.2
        While the LSTM is trained; the paper's.
    broad : BroadLearningClassifier or None, default None
        The paper says nothing of its nodes. None: the default ones.
    fit_network : bool, default True
        The paper does not say how the LSTM gets its weights; it reports less training time than
        for MCCLSTM and good use of temporal relations, which speaks for a trained one.
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
        n_cells: tuple[int, ...] = (1024, 512),
        dropout: float = 0.2,
        broad: BroadLearningClassifier | None = None,
        fit_network: bool = True,
        vectors: tuple[str, ...] = (),
        training: Training | None = None,
        random_state: int | None = None,
        device: str | None = None,
    ) -> None:
        self.n_cells = n_cells
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
        network = StackedLSTM(n_cells=self.n_cells, dropout=self.dropout)
        return network, self.broad or BroadLearningClassifier(), self.fit_network, self.vectors
