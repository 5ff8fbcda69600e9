"""MULTISPEC-DNN: GTF and MF_RP through CNN channels and a BiLSTM into a Broad Learning System.

H. Zhao, X. Jin and J. Guo, "Music Emotion Recognition and Analysis Based on Neural Network". The
same paper's network for spectrograms is in `chordmer.models.multispec_spectrogram`.
"""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.utils import check_scalar
from torch import nn

from chordmer.models.bilstm import POOLINGS
from chordmer.models.broad import BroadLearningClassifier
from chordmer.models.broad_network import BroadOnNetwork
from chordmer.models.multispec_network import MultiSpecNetwork
from chordmer.models.network import NetworkClassifier, NetworkRegressor
from chordmer.models.training import Training

__all__ = [
    "MultiSpecBiLSTM",
    "MultiSpecClassifier",
    "MultiSpecRegressor",
]

_Parts = tuple[NetworkClassifier, BroadLearningClassifier, bool, tuple[str, ...]]
_Channel = tuple[int, int, int, int]

#: Repetitions, feature maps, kernel size and pool size of each channel; section V.A.
GTF_CHANNEL = (2, 3, 2, 2)
MF_RP_CHANNEL = (3, 6, 3, 2)


class _MultiSpec:
    """What classifier and regressor share: parameters, and the network they make."""

    _recipe: ClassVar[Mapping[str, Any]] = {"batch_size": 64}

    def __init__(
        self,
        *,
        gtf_channel: _Channel = GTF_CHANNEL,
        mf_rp_channel: _Channel = MF_RP_CHANNEL,
        block_frames: int = 44,
        n_dense: int = 256,
        hidden_size: int = 128,
        pooling: str = "last",
        dropout: float = 0.2,
        training: Training | None = None,
        random_state: int | np.random.RandomState | None = None,
        device: str | None = None,
    ) -> None:
        self.gtf_channel = gtf_channel
        self.mf_rp_channel = mf_rp_channel
        self.block_frames = block_frames
        self.n_dense = n_dense
        self.hidden_size = hidden_size
        self.pooling = pooling
        self.dropout = dropout
        self.training = training
        self.random_state = random_state
        self.device = device

    def _check_parameters(self) -> None:
        for name in ("gtf_channel", "mf_rp_channel"):
            _check_channel(name, getattr(self, name))
        most = {"block_frames": 65536, "n_dense": 16384, "hidden_size": 4096}
        for name, limit in most.items():
            check_scalar(getattr(self, name), name, Integral, min_val=1, max_val=limit)
        if self.pooling not in POOLINGS:
            raise ValueError(f"pooling must be one of {POOLINGS}, not {self.pooling!r}")
        check_scalar(self.dropout, "dropout", Real, min_val=0, max_val=1)

    def _build(self, widths: dict[str, int], n_outputs: int) -> nn.Module:
        return MultiSpecNetwork(
            widths,
            n_outputs,
            gtf_channel=self.gtf_channel,
            mf_rp_channel=self.mf_rp_channel,
            block_frames=self.block_frames,
            n_dense=self.n_dense,
            hidden_size=self.hidden_size,
            pooling=self.pooling,
            dropout=self.dropout,
        )


class MultiSpecBiLSTM(_MultiSpec, NetworkClassifier):
    """MULTISPEC-DNN up to its BiLSTM, with a softmax output: two CNN filter channels, a BiLSTM.

    The paper's features of 24x44 (GTF) and 192x44 (MF_RP) are one second of sound. A longer piece
    is cut into blocks of so many frames; each goes through the same CNN channels and a dense layer
    to one vector, and the BiLSTM reads the vectors of all blocks.

    ========= ================================= ======================================
    layer     output of a block                 what it is
    ========= ================================= ======================================
    GTF       (3, 11, 6)                        2x2 convolution, normalisation, 2x2
                                                pooling, ReLU; twice
    MF_RP     (6, 5, 24)                        the same with 3x3 kernels, three times
    dense     (256,)                            of both channels side by side, ReLU
    BiLSTM    (256,) a piece                    over its blocks, 128 cells each way
    ========= ================================= ======================================

    Parameters
    ----------
    gtf_channel, mf_rp_channel : (int, int, int, int)
        Repetitions, feature maps, kernel size and pool size, in the order of Tables IV to VI; the
        defaults, (2, 3, 2, 2) and (3, 6, 3, 2), are those of section V.A. Pooling never takes the
        last row or the last frame: where a window is larger than what is left, it takes all of it.
        Rows and frames that do not fill a window are dropped otherwise.
    block_frames : int, default 44
        Frames a block. With 1024 samples a frame at 44.1 kHz, a second of sound has so many.
    n_dense : int, default 256
        Width of the dense layer; the paper's.
    hidden_size : int, default 128
        Cells of the BiLSTM each way. The paper has "a 1x256 BILSTM layer"; as it counts both ways
        together where it describes its other BLSTM, 256 is taken as both.
    pooling : {"last", "attention"}, default "last"
        What stands for the piece: the last state each way, or the mean of the states weighted by
        attention. The paper does not say; it names no attention in this network.
    dropout : float, default 0.2
        After the dense layer and before the output layer. The number is the paper's.
    training : Training or None, default None
        None: batches of 64 and Adam, as in the comparison of Tables VII to IX (an earlier
        paragraph has 128), with its usual rate of 0.001. A minute of sound takes about 0.15 GB of
        memory in training: long pieces want smaller batches.
    random_state : int, RandomState or None, default None
    device : str or None, default None
        None: the GPU when there is one.

    Attributes
    ----------
    classes_, widths_, module_, history_, n_parameters_
        As those of `NetworkClassifier`.

    Notes
    -----
    Inputs are named ``"gtf"`` and ``"mf_rp"``; a sample may lack either, and then there are zeros
    in the place of what its channel gives. All other inputs, such as ``"chord2vec"``, are vectors
    that are joined to what the BiLSTM says, before the output layer.

    The stride of 1 that the paper names is taken as the convolutions'; pooling windows do not
    overlap. The channels' weights are shared by all blocks of a piece.

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> X = [{"gtf": random.normal(size=(99, 24)), "mf_rp": random.normal(size=(99, 192))}] * 4
    >>> model = MultiSpecBiLSTM(training=Training(max_epochs=1), random_state=0, device="cpu")
    >>> model.fit(X, ["Q1", "Q2", "Q3", "Q4"]).transform([{"gtf": X[0]["gtf"]}]).shape
    (1, 256)
    """


class MultiSpecRegressor(_MultiSpec, NetworkRegressor):
    """Predict valence, arousal or other numbers by the network of `MultiSpecBiLSTM`.

    The paper only classifies. Here a linear layer takes the place of the softmax and of the Broad
    Learning System; the chord vector is joined before it.

    Parameters
    ----------
    gtf_channel, mf_rp_channel, block_frames, n_dense, hidden_size, pooling, dropout
        As those of `MultiSpecBiLSTM`.
    training, random_state, device
        As those of `MultiSpecBiLSTM`.

    Attributes
    ----------
    widths_, module_, history_, n_parameters_, target_mean_, target_scale_
        As those of `NetworkRegressor`.
    """


class MultiSpecClassifier(BroadOnNetwork):
    """MULTISPEC-DNN: CNN channels, BiLSTM, chord vector, and a Broad Learning System.

    The network of `MultiSpecBiLSTM` is trained with a softmax output first. What its BiLSTM says
    of a piece, joined with the chord vector, becomes the input of the Broad Learning System, whose
    feature and enhancement nodes give the answer in closed form (section V.A).

    Parameters
    ----------
    gtf_channel, mf_rp_channel, block_frames, n_dense, hidden_size, pooling, dropout
        As those of `MultiSpecBiLSTM`.
    broad : BroadLearningClassifier or None, default None
        The paper says nothing of its nodes. None: the default ones.
    fit_network : bool, default True
        Whether to train the network, or leave its weights as drawn.
    vectors : tuple of str, default ("chord2vec",)
        Inputs that go straight to the Broad Learning System. One that a sample lacks stands at the
        mean of the training samples, which is 0 after standardisation.
    training, random_state, device
        As those of `BroadOnNetwork`.

    Attributes
    ----------
    classes_, network_, broad_
        As those of `BroadOnNetwork`.

    Notes
    -----
    Inputs are named ``"gtf"``, ``"mf_rp"`` and ``"chord2vec"``; a sample may lack any two of them.

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> X = [{"gtf": random.normal(size=(99, 24)), "chord2vec": random.normal(size=8)}] * 4
    >>> model = MultiSpecClassifier(training=Training(max_epochs=1), random_state=0, device="cpu")
    >>> model.fit(X, ["Q1", "Q2", "Q3", "Q4"]).predict_proba([{"gtf": X[0]["gtf"]}]).shape
    (1, 4)
    """

    def __init__(
        self,
        *,
        gtf_channel: _Channel = GTF_CHANNEL,
        mf_rp_channel: _Channel = MF_RP_CHANNEL,
        block_frames: int = 44,
        n_dense: int = 256,
        hidden_size: int = 128,
        pooling: str = "last",
        dropout: float = 0.2,
        broad: BroadLearningClassifier | None = None,
        fit_network: bool = True,
        vectors: tuple[str, ...] = ("chord2vec",),
        training: Training | None = None,
        random_state: int | None = None,
        device: str | None = None,
    ) -> None:
        self.gtf_channel = gtf_channel
        self.mf_rp_channel = mf_rp_channel
        self.block_frames = block_frames
        self.n_dense = n_dense
        self.hidden_size = hidden_size
        self.pooling = pooling
        self.dropout = dropout
        self.broad = broad
        self.fit_network = fit_network
        self.vectors = vectors
        self.training = training
        self.random_state = random_state
        self.device = device

    def _parts(self) -> _Parts:
        network = MultiSpecBiLSTM(
            gtf_channel=self.gtf_channel,
            mf_rp_channel=self.mf_rp_channel,
            block_frames=self.block_frames,
            n_dense=self.n_dense,
            hidden_size=self.hidden_size,
            pooling=self.pooling,
            dropout=self.dropout,
        )
        return network, self.broad or BroadLearningClassifier(), self.fit_network, self.vectors


def _check_channel(name: str, channel: Any) -> None:
    if not isinstance(channel, (tuple, list)) or len(channel) != 4:
        raise ValueError(
            f"{name} must be (repetitions, maps, kernel size, pool size), not {channel!r}"
        )
    for value, most in zip(channel, (16, 1024, 99, 1024)):
        check_scalar(value, name, Integral, min_val=1, max_val=most)
