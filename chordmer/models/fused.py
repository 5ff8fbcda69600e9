"""Networks over several modalities of which any may be missing: the fusion heads as estimators."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils import check_scalar
from sklearn.utils.validation import check_is_fitted
from torch import nn

from chordmer.fusion import AttentionFusion, EarlyFusion, LateFusion
from chordmer.models.estimator import Network
from chordmer.models.network import NetworkClassifier, NetworkRegressor
from chordmer.models.sequences import pad
from chordmer.models.training import Training, device_of

__all__ = ["FusionClassifier", "FusionRegressor"]

#: The variants of each fusion, its default first.
_VARIANTS = {
    "early": ("series", "parallel"),
    "late": ("learned", "fixed", "stacked"),
    "attention": ("tokens", "cross"),
}
_N_HEADS = 4


class _Fused(Network):
    """What the classifier and the regressor share: parameters, and the network they make."""

    _recipe: ClassVar[Mapping[str, Any]] = {"batch_size": 32, "learning_rate": 1e-3}

    #: What late fusion mixes.
    _mix: ClassVar[str]

    def __init__(
        self,
        *,
        fusion: str = "early",
        variant: str | Mapping[str, float] | None = None,
        hidden_size: int = 64,
        encoder: str = "bilstm",
        modality_dropout: float = 0.3,
        dropout: float = 0.2,
        max_steps: int = 128,
        training: Training | None = None,
        random_state: int | np.random.RandomState | None = None,
        device: str | None = None,
    ) -> None:
        self.fusion = fusion
        self.variant = variant
        self.hidden_size = hidden_size
        self.encoder = encoder
        self.modality_dropout = modality_dropout
        self.dropout = dropout
        self.max_steps = max_steps
        self.training = training
        self.random_state = random_state
        self.device = device

    def attention(self, X: Any) -> NDArray[np.float32]:
        """Return how much each modality listens to each other, where fusion is by attention.

        Parameters
        ----------
        X : list of mappings
            As for `predict`.

        Returns
        -------
        ndarray of float32, shape (n_samples, n_modalities, n_modalities)
            At ``[i, q, k]``, the share of modality q's attention that goes to k; modalities in the
            order of `widths_`. Rows of present modalities sum to 1; all else is 0. See
            `chordmer.fusion.AttentionFusion.attention`.

        Raises
        ------
        ValueError
            If the fusion is another.
        """
        drawn = self._drawn(X, AttentionFusion.attention)
        return torch.cat(drawn).cpu().numpy()

    def frame_attention(self, X: Any) -> list[dict[tuple[str, str], NDArray[np.float32]]]:
        """Return the same frame by frame: for each sample, ``{(q, k): (time of q, time of k)}``.

        Frames as they are after sequences longer than `max_steps` were averaged; one a modality for
        ``"tokens"``. Over all k together, the row of each frame of q sums to 1.

        Raises
        ------
        ValueError
            If the fusion is another.
        """
        drawn = self._drawn(X, AttentionFusion.frame_attention)
        return [{pair: rows[0].cpu().numpy() for pair, rows in blocks.items()} for blocks in drawn]

    def _drawn(self, X: Any, draw: Callable[..., Any]) -> list[Any]:
        """Return what the network's method `draw` gives for each sample."""
        check_is_fitted(self, "module_")
        network = self.module_.network
        if not isinstance(network, AttentionFusion):
            raise ValueError(f"{self.fusion!r} fusion has no attention weights")
        device = device_of(self.device)
        self.module_.to(device).eval()
        drawn = []
        with torch.inference_mode():
            for sample in self._samples(X, None, reset=False):
                inputs, lengths = (
                    {name: torch.from_numpy(part).to(device) for name, part in side.items()}
                    for side in pad([sample], self.widths_)
                )
                drawn.append(draw(network, self.module_.prepared(inputs, lengths), lengths))
        return drawn

    def _check_parameters(self) -> None:
        if self.fusion not in _VARIANTS:
            raise ValueError(f"fusion must be one of {list(_VARIANTS)}, not {self.fusion!r}")
        known = (None, *_VARIANTS[self.fusion])
        weights = self.fusion == "late" and isinstance(self.variant, Mapping)
        if not weights and self.variant not in known:
            raise ValueError(
                f"variant of {self.fusion!r} fusion must be one of {known}, not {self.variant!r}"
            )
        if self.encoder not in ("bilstm", "mean"):
            raise ValueError(f"encoder must be 'bilstm' or 'mean', not {self.encoder!r}")
        for name in ("hidden_size", "max_steps"):
            check_scalar(getattr(self, name), name, Integral, min_val=1, max_val=4096)
        step = _N_HEADS if self.fusion == "attention" else 2 if self.encoder == "bilstm" else 1
        if self.hidden_size % step:
            raise ValueError(f"hidden_size must be a multiple of {step}, not {self.hidden_size}")
        for name in ("modality_dropout", "dropout"):
            check_scalar(
                getattr(self, name),
                name,
                Real,
                min_val=0,
                max_val=1,
                include_boundaries="left",
            )

    def _build(self, widths: dict[str, int], n_outputs: int) -> nn.Module:
        sizes: dict[str, Any] = {
            "hidden_size": self.hidden_size,
            "encoder": self.encoder,
            "modality_dropout": self.modality_dropout,
            "dropout": self.dropout,
            "max_steps": self.max_steps,
        }
        variant: Any = _VARIANTS[self.fusion][0] if self.variant is None else self.variant
        if self.fusion == "early":
            return EarlyFusion(widths, n_outputs, mode=variant, **sizes)
        if self.fusion == "late":
            return LateFusion(widths, n_outputs, weights=variant, mix=self._mix, **sizes)
        return AttentionFusion(widths, n_outputs, kind=variant, n_heads=_N_HEADS, **sizes)


class FusionClassifier(_Fused, NetworkClassifier):
    """Classify from several modalities, of which a sample may lack any but one.

    Parameters
    ----------
    fusion : {"early", "late", "attention"}, default "early"
        `chordmer.fusion.EarlyFusion`, `LateFusion` or `AttentionFusion`.
    variant : str or mapping of str to float, optional
        ``"series"`` or ``"parallel"`` of early fusion, ``"learned"``, ``"fixed"``, ``"stacked"``
        or given weights of late fusion, ``"tokens"`` or ``"cross"`` of fusion by attention. None:
        the first of them.
    hidden_size : int, default 64
        Width of every layer; a multiple of 4 for attention, even for a BiLSTM.
    encoder : {"bilstm", "mean"}, default "bilstm"
        What goes along time: a BiLSTM and then the mean, or the mean alone.
    modality_dropout : float, default 0.3
        Chance that a modality is hidden from a training sample, never all of them. With 0,
        combinations of modalities that training did not show are answered badly.
    dropout : float, default 0.2
        Before the output layer, and of each frame's projection.
    max_steps : int, default 128
        Longer sequences are averaged down to so many frames.
    training : Training or None, default None
        None: batches of 32 and a learning rate of 0.001.
    random_state : int, RandomState or None, default None
    device : str or None, default None
        None: the GPU when there is one.

    Attributes
    ----------
    classes_, widths_, module_, history_, n_parameters_
        As those of `NetworkClassifier`.

    Notes
    -----
    The papers join modalities without saying how a missing one is answered, nor the sizes of their
    heads; the defaults here are for some thousand samples.

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> X = [{"audio": random.normal(size=(9, 3)), "lyrics": random.normal(size=4)}] * 6
    >>> model = FusionClassifier(training=Training(max_epochs=1), random_state=0, device="cpu")
    >>> model.fit(X, [0, 1] * 3).predict_proba([{"audio": X[0]["audio"]}, X[1]]).shape
    (2, 2)
    """

    _mix = "probabilities"


class FusionRegressor(_Fused, NetworkRegressor):
    """Predict valence, arousal or other numbers from several modalities; as `FusionClassifier`.

    Parameters
    ----------
    fusion, variant, hidden_size, encoder, modality_dropout, dropout, max_steps
        As those of `FusionClassifier`. Late fusion weighs the modalities' predictions.
    training, random_state, device
        As those of `FusionClassifier`.

    Attributes
    ----------
    widths_, module_, history_, n_parameters_, target_mean_, target_scale_
        As those of `NetworkRegressor`.
    """

    _mix = "outputs"
