"""CNN filter channels with an LSTM or a Broad Learning System: the MULTISPEC-DNN paper's baselines.

Section V.B and Tables VII to IX describe them in a sentence each and leave most sizes to other
papers. What is stated is the default here; what is not is chosen, and each docstring says which is
which. The fifth baseline, LSTM_BLS, is in `chordmer.models.lstm_broad`.
"""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state, check_scalar
from torch import nn

from chordmer.models.broad import BroadLearningClassifier
from chordmer.models.broad_network import BroadOnNetwork
from chordmer.models.filtered import FilteredSequence
from chordmer.models.network import NetworkClassifier
from chordmer.models.training import Training

__all__ = ["MCCBL", "MCCLSTM", "RCNNBL", "RCNNLSTM"]

_Parts = tuple[NetworkClassifier, BroadLearningClassifier, bool, tuple[str, ...]]


class MCCLSTM(NetworkClassifier):
    """Three parallel CNN channels, each with a kernel size of its own, into an LSTM.

    "CNN filtering channels with convolutional kernels of three different sizes to extract music
    information such as pitch and interval"; their outputs, joined, are the input of an LSTM.

    Parameters
    ----------
    n_kernels : int, default 8
        Of each channel. Not in the paper.
    kernel_sizes : tuple of int, default (3, 5, 7)
        One a channel, along time and features. The paper has three, and does not say which.
    pool_size : int, default 2
        Of the max-pooling in each channel, along time and features. Not in the paper.
    n_cells : int or None, default 128
        Of the LSTM, whose last state is classified; the number is not in the paper. None leaves
        the LSTM out: the mean and the largest value of each filter over time are classified, or
        given to a Broad Learning System (`MCCBL`).
    dropout : float, default 0.2
        Before the LSTM and before the output layer. The number is the paper's.
    vectors : tuple of str, default ()
        Inputs that skip the filters, such as ``"chord2vec"``: they are joined with the LSTM's last
        state before the output layer, as MULTISPEC-DNN joins the chord vector after its BiLSTM. One
        that a sample lacks is 0, the mean of the training samples.
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
    Input is one sequence a sample, or several of equal length, which are joined frame by frame,
    beside what `vectors` names. Each layer is a convolution, batch normalisation, ReLU and
    max-pooling. The paper cuts or fills all pieces to one length; here padding has no influence.
    """

    _recipe: ClassVar[Mapping[str, Any]] = {"batch_size": 64}

    def __init__(
        self,
        *,
        n_kernels: int = 8,
        kernel_sizes: tuple[int, ...] = (3, 5, 7),
        pool_size: int = 2,
        n_cells: int | None = 128,
        dropout: float = 0.2,
        vectors: tuple[str, ...] = (),
        training: Training | None = None,
        random_state: int | np.random.RandomState | None = None,
        device: str | None = None,
    ) -> None:
        self.n_kernels = n_kernels
        self.kernel_sizes = kernel_sizes
        self.pool_size = pool_size
        self.n_cells = n_cells
        self.dropout = dropout
        self.vectors = vectors
        self.training = training
        self.random_state = random_state
        self.device = device

    def _check_parameters(self) -> None:
        _check_whole("n_kernels", self.n_kernels, 1024)
        _check_several("kernel_sizes", self.kernel_sizes, 99)
        _check_rest(self.pool_size, self.n_cells, self.dropout, self.vectors)

    def _build(self, widths: dict[str, int], n_outputs: int) -> nn.Module:
        return FilteredSequence(
            widths,
            n_outputs,
            [[(self.n_kernels, size)] for size in self.kernel_sizes],
            pool_size=self.pool_size,
            n_cells=self.n_cells,
            dropout=self.dropout,
            vectors=self.vectors,
        )


class MCCBL(BroadOnNetwork):
    """Three parallel CNN channels, as `MCCLSTM` has them, into a Broad Learning System.

    Parameters
    ----------
    n_kernels, kernel_sizes, pool_size, dropout
        As those of `MCCLSTM`. Dropout is for training only, so it needs `fit_network`.
    broad : BroadLearningClassifier or None, default None
    fit_network : bool, default False
        Whether to train the filters, with a linear output, before they are used. The paper does
        not say; it reports a fifth to a seventh of MCCLSTM's training time, which long training of
        the filters does not allow, and Chen and Liu's own convolutional variant has random ones.
    vectors : tuple of str, default ()
        Inputs that go straight to the Broad Learning System, such as ``"chord2vec"``.
    training, random_state, device
        As those of `BroadOnNetwork`.

    Attributes
    ----------
    classes_, network_, broad_
        As those of `BroadOnNetwork`.

    Notes
    -----
    The paper's pieces are all equally long. So that any length will do, the Broad Learning System
    is given the mean and the largest value of every filter over time.
    """

    def __init__(
        self,
        *,
        n_kernels: int = 8,
        kernel_sizes: tuple[int, ...] = (3, 5, 7),
        pool_size: int = 2,
        dropout: float = 0.2,
        broad: BroadLearningClassifier | None = None,
        fit_network: bool = False,
        vectors: tuple[str, ...] = (),
        training: Training | None = None,
        random_state: int | None = None,
        device: str | None = None,
    ) -> None:
        self.n_kernels = n_kernels
        self.kernel_sizes = kernel_sizes
        self.pool_size = pool_size
        self.dropout = dropout
        self.broad = broad
        self.fit_network = fit_network
        self.vectors = vectors
        self.training = training
        self.random_state = random_state
        self.device = device

    def _parts(self) -> _Parts:
        network = MCCLSTM(
            n_kernels=self.n_kernels,
            kernel_sizes=self.kernel_sizes,
            pool_size=self.pool_size,
            n_cells=None,
            dropout=self.dropout,
        )
        return network, self.broad or BroadLearningClassifier(), self.fit_network, self.vectors


class RCNNLSTM(NetworkClassifier):
    """Two CNN layers with a random number of kernels, into an LSTM.

    "Each CNN layer has a fixed convolution kernel size but a random number of kernels"; the output
    of the last is the input of an LSTM.

    Parameters
    ----------
    n_kernels : (int, int), default (8, 32)
        Least and most kernels in a layer; each layer draws its number from `random_state`. The
        bounds are not in the paper.
    kernel_size : int, default 3
        Of both layers, along time and features. Not in the paper.
    pool_size, n_cells, dropout, vectors, training, random_state, device
        As those of `MCCLSTM`; pooling follows each of the two layers.

    Attributes
    ----------
    n_kernels_ : (int, int)
        As they were drawn.
    classes_, widths_, module_, history_, n_parameters_
        As those of `NetworkClassifier`.

    Notes
    -----
    Input and layers are those of `MCCLSTM`.
    """

    _recipe: ClassVar[Mapping[str, Any]] = {"batch_size": 64}

    def __init__(
        self,
        *,
        n_kernels: tuple[int, int] = (8, 32),
        kernel_size: int = 3,
        pool_size: int = 2,
        n_cells: int | None = 128,
        dropout: float = 0.2,
        vectors: tuple[str, ...] = (),
        training: Training | None = None,
        random_state: int | np.random.RandomState | None = None,
        device: str | None = None,
    ) -> None:
        self.n_kernels = n_kernels
        self.kernel_size = kernel_size
        self.pool_size = pool_size
        self.n_cells = n_cells
        self.dropout = dropout
        self.vectors = vectors
        self.training = training
        self.random_state = random_state
        self.device = device

    def _check_parameters(self) -> None:
        _check_several("n_kernels", self.n_kernels, 1024)
        if len(self.n_kernels) != 2 or self.n_kernels[0] > self.n_kernels[1]:
            raise ValueError(f"n_kernels must be a least and a most, not {self.n_kernels}")
        _check_whole("kernel_size", self.kernel_size, 99)
        _check_rest(self.pool_size, self.n_cells, self.dropout, self.vectors)

    def _train(self, *arguments: Any) -> None:
        least, most = self.n_kernels
        drawn = check_random_state(self.random_state).randint(least, most + 1, size=2)
        self.n_kernels_ = (int(drawn[0]), int(drawn[1]))
        super()._train(*arguments)

    def _build(self, widths: dict[str, int], n_outputs: int) -> nn.Module:
        return FilteredSequence(
            widths,
            n_outputs,
            [[(number, self.kernel_size) for number in self.n_kernels_]],
            pool_size=self.pool_size,
            n_cells=self.n_cells,
            dropout=self.dropout,
            vectors=self.vectors,
        )

    def _outputs_from_json(self, outputs: Any, arrays: dict[str, NDArray[Any]]) -> int:
        # What was drawn is told by the shapes of the kernels.
        first, second = (
            arrays[f"network.channels.0.layers.{layer}.convolve.weight"].shape[0]
            for layer in (0, 1)
        )
        self.n_kernels_ = (first, second)
        if not self.n_kernels[0] <= min(first, second) <= max(first, second) <= self.n_kernels[1]:
            raise ValueError(f"{self.n_kernels_} kernels, where n_kernels is {self.n_kernels}")
        return super()._outputs_from_json(outputs, arrays)


class RCNNBL(BroadOnNetwork):
    """Two CNN layers with a random number of kernels, into a Broad Learning System.

    Parameters
    ----------
    n_kernels, kernel_size, pool_size, dropout
        As those of `RCNNLSTM`.
    broad, fit_network, vectors, training, random_state, device
        As those of `MCCBL`. The paper reports a ninth to an eleventh of RCNNLSTM's training time.

    Attributes
    ----------
    classes_, network_, broad_
        As those of `BroadOnNetwork`.

    Notes
    -----
    The Broad Learning System is given the mean and the largest value of every filter over time.
    """

    def __init__(
        self,
        *,
        n_kernels: tuple[int, int] = (8, 32),
        kernel_size: int = 3,
        pool_size: int = 2,
        dropout: float = 0.2,
        broad: BroadLearningClassifier | None = None,
        fit_network: bool = False,
        vectors: tuple[str, ...] = (),
        training: Training | None = None,
        random_state: int | None = None,
        device: str | None = None,
    ) -> None:
        self.n_kernels = n_kernels
        self.kernel_size = kernel_size
        self.pool_size = pool_size
        self.dropout = dropout
        self.broad = broad
        self.fit_network = fit_network
        self.vectors = vectors
        self.training = training
        self.random_state = random_state
        self.device = device

    def _parts(self) -> _Parts:
        network = RCNNLSTM(
            n_kernels=self.n_kernels,
            kernel_size=self.kernel_size,
            pool_size=self.pool_size,
            n_cells=None,
            dropout=self.dropout,
        )
        return network, self.broad or BroadLearningClassifier(), self.fit_network, self.vectors


def _check_whole(name: str, value: Any, most: int) -> None:
    check_scalar(value, name, Integral, min_val=1, max_val=most)


def _check_several(name: str, values: Any, most: int) -> None:
    if not isinstance(values, (tuple, list)) or not 1 <= len(values) <= 16:
        raise ValueError(f"{name} must be a tuple of 1 to 16 whole numbers, not {values!r}")
    for value in values:
        _check_whole(name, value, most)


def _check_rest(pool_size: Any, n_cells: Any, dropout: Any, vectors: Any) -> None:
    _check_whole("pool_size", pool_size, 1024)
    if n_cells is not None:
        _check_whole("n_cells", n_cells, 16384)
    check_scalar(dropout, "dropout", Real, min_val=0, max_val=1)
    if not isinstance(vectors, (tuple, list)) or not all(isinstance(v, str) for v in vectors):
        raise ValueError(f"vectors must be a tuple of names of inputs, not {vectors!r}")
