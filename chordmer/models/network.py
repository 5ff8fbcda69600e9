"""Classifiers and regressors that are networks: the parents of every neural estimator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils import assert_all_finite
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_sample_weight,
    check_array,
    check_consistent_length,
    column_or_1d,
)

from chordmer.models.estimator import Network
from chordmer.models.inference import softmax
from chordmer.models.sequences import Sample
from chordmer.models.training import Training

__all__ = ["NetworkClassifier", "NetworkRegressor", "check_labels"]


class NetworkClassifier(ClassifierMixin, Network):
    """A classifier that is a network; each of them adds `_build` and its own parameters.

    Parameters
    ----------
    training : Training or None
        None: the strategy of the network's paper.
    random_state : int, RandomState or None
        Draws weights, batches, dropout and the validation share. On a CPU, the same number gives
        the same model.
    device : str or None
        None: the GPU when there is one.

    Attributes
    ----------
    classes_ : ndarray, shape (n_classes,)
    widths_ : dict of str to int
        The inputs and how wide each is.
    module_ : Standardised
        The trained network.
    history_ : list of dict
        ``epoch``, ``train_loss``, ``valid_loss`` and ``seconds`` of every epoch.
    n_parameters_ : int
        Of the network, trainable.
    """

    def fit(
        self,
        X: Any,
        y: Any,
        *,
        lengths: ArrayLike | None = None,
        groups: Sequence[Any] | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Train the network.

        Parameters
        ----------
        X : list of mappings, list of ndarray, or ndarray
            ``{input name: frames (t, d) or vector (d,)}`` a sample, missing inputs left out; or
            frames (t, d) a sample; or (n, t, d), or (n, d) for sequences of one frame.
        y : array_like, shape (n_samples,)
        lengths : array_like of int, shape (n_samples,), optional
            True lengths in an array (n, t, d).
        groups : sequence, length n_samples, optional
            Samples of one group (a song) are not split by the validation share.
        sample_weight : array_like, shape (n_samples,), optional

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If an array or a parameter is impossible; it names the sample or the parameter.
        """
        return self._learn(X, y, lengths, groups, sample_weight, self._strategy())

    def draw(self, X: Any, y: Any, *, lengths: ArrayLike | None = None) -> Self:
        """Leave the network's weights as they are drawn, and take statistics of `X` only.

        Its `transform` is then a random map, for a Broad Learning System to read.

        Parameters
        ----------
        X, y, lengths : as for `fit`

        Returns
        -------
        self
        """
        return self._learn(X, y, lengths, None, None, None)

    def _learn(
        self,
        X: Any,
        y: Any,
        lengths: ArrayLike | None,
        groups: Sequence[Any] | None,
        sample_weight: ArrayLike | None,
        strategy: Training | None,
    ) -> Self:
        self._check_parameters()
        samples = self._samples(X, lengths, reset=True)
        y = check_labels(y)
        check_consistent_length(samples, y, groups)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError("the samples are of 1 class; a classifier needs 2 or more")
        if strategy is not None and isinstance(strategy.class_weight, Mapping):
            strategy = Training(**strategy.get_params())
            strategy.class_weight = self._weights_by_code(strategy.class_weight)
        weights = _check_weights(sample_weight, samples)
        n_classes = len(self.classes_)
        self._train(samples, codes.astype(np.int64), n_classes, weights, groups, strategy)
        return self

    def _weights_by_code(self, by_label: Mapping[Any, float]) -> dict[int, float]:
        labels = self.classes_.tolist()
        unknown = [label for label in by_label if label not in labels]
        if unknown:
            raise ValueError(f"class_weight names classes that are not there: {unknown}")
        return {code: by_label.get(label, 1.0) for code, label in enumerate(labels)}

    def decision_function(self, X: Any, *, lengths: ArrayLike | None = None) -> NDArray[np.float32]:
        """Return the logits, shape (n_samples, n_classes).

        With two classes, that of the second less that of the first, shape (n_samples,).
        """
        logits = self._run(X, lengths, represent=False)
        return logits if logits.shape[1] > 2 else logits[:, 1] - logits[:, 0]

    def predict_proba(self, X: Any, *, lengths: ArrayLike | None = None) -> NDArray[np.float64]:
        """Return the probability of each class, shape (n_samples, n_classes)."""
        logits = self._run(X, lengths, represent=False).astype(np.float64)
        return softmax(logits)

    def predict(self, X: Any, *, lengths: ArrayLike | None = None) -> NDArray[Any]:
        """Return the likeliest class of each sample, shape (n_samples,)."""
        codes = self._run(X, lengths, represent=False).argmax(axis=1)
        chosen: NDArray[Any] = self.classes_[codes]
        return chosen

    def _outputs_to_json(self) -> Any:
        return self.classes_.tolist()

    def _outputs_from_json(self, outputs: Any, arrays: dict[str, NDArray[Any]]) -> int:
        self.classes_ = np.array(outputs)
        if self.classes_.ndim != 1 or len(np.unique(self.classes_)) != len(outputs) or not outputs:
            raise ValueError("the classes are not a list of different labels")
        return len(outputs)


class NetworkRegressor(RegressorMixin, Network):
    """A regressor that is a network, of one target or several; as `NetworkClassifier`.

    Targets are standardised for training, so that valence and arousal on any scale weigh alike.

    Attributes
    ----------
    widths_, module_, history_, n_parameters_
        As those of `NetworkClassifier`.
    target_mean_, target_scale_ : ndarray of float64, shape (n_targets,)
    """

    def fit(
        self,
        X: Any,
        y: ArrayLike,
        *,
        lengths: ArrayLike | None = None,
        groups: Sequence[Any] | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Train the network; as `NetworkClassifier.fit`, with numbers to predict.

        Parameters
        ----------
        X : list of mappings, list of ndarray, or ndarray
        y : array_like of float, shape (n_samples,) or (n_samples, n_targets)
        lengths, groups, sample_weight : optional

        Returns
        -------
        self
        """
        strategy = self._strategy()
        self._check_parameters()
        samples = self._samples(X, lengths, reset=True)
        _require(y)
        targets = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")
        check_consistent_length(samples, targets, groups)
        self._one_target = targets.ndim == 1
        targets = targets.reshape(len(targets), -1)
        self.target_mean_ = targets.mean(axis=0)
        spread = targets.std(axis=0)
        self.target_scale_ = np.where(spread > 0, spread, 1.0)
        scaled = ((targets - self.target_mean_) / self.target_scale_).astype(np.float32)
        weights = _check_weights(sample_weight, samples)
        self._train(samples, scaled, scaled.shape[1], weights, groups, strategy)
        return self

    def predict(self, X: Any, *, lengths: ArrayLike | None = None) -> NDArray[np.float64]:
        """Return the predicted targets, shape (n_samples,) or (n_samples, n_targets) as `y` was."""
        outputs = self._run(X, lengths, represent=False).astype(np.float64)
        targets: NDArray[np.float64] = outputs * self.target_scale_ + self.target_mean_
        return targets[:, 0] if self._one_target else targets

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _outputs_to_json(self) -> Any:
        return {"one_target": self._one_target}

    def _output_arrays(self) -> dict[str, NDArray[Any]]:
        return {"target_mean": self.target_mean_, "target_scale": self.target_scale_}

    def _outputs_from_json(self, outputs: Any, arrays: dict[str, NDArray[Any]]) -> int:
        self._one_target = outputs["one_target"] is True
        self.target_mean_ = arrays.pop("target_mean").astype(np.float64)
        self.target_scale_ = arrays.pop("target_scale").astype(np.float64)
        n_targets = len(self.target_mean_)
        shape = (1,) if self._one_target else (n_targets,)
        if not self.target_mean_.shape == self.target_scale_.shape == shape:
            raise ValueError("the scales of the targets are of another shape")
        return n_targets


def check_labels(y: Any) -> NDArray[Any]:
    """Return `y` as labels of shape (n_samples,).

    Raises
    ------
    ValueError
        If they are missing, not finite, of another shape, or numbers that are no classes.
    """
    _require(y)
    labels: NDArray[Any] = column_or_1d(y, warn=True)
    assert_all_finite(labels, input_name="y")
    check_classification_targets(labels)
    return labels


def _require(y: Any) -> None:
    if y is None:
        raise ValueError("requires y to be passed, but the target y is None")


def _check_weights(weights: ArrayLike | None, samples: list[Sample]) -> NDArray[np.float64] | None:
    if weights is None:
        return None
    blank = np.zeros((len(samples), 1))
    checked: NDArray[np.float64] = _check_sample_weight(
        weights, blank, dtype=np.float64, ensure_non_negative=True
    )
    if not checked.sum() > 0:
        raise ValueError("all sample weights are 0")
    return checked
