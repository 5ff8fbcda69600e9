"""The Broad Learning System: wide random features and one closed-form solution (Chen & Liu 2018).

C. L. P. Chen and Z. Liu, "Broad Learning System: An Effective and Efficient Incremental Learning
System Without the Need for Deep Architecture", IEEE Trans. Neural Networks and Learning Systems
29(1), 2018.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import column_or_1d

from chordmer.models.broad_system import BroadLearningSystem
from chordmer.models.inference import softmax
from chordmer.models.ridge import Matrix, leave_one_out
from chordmer.models.temperature import TEMPERATURES, best_temperature, log_losses

__all__ = ["BroadLearningClassifier", "BroadLearningRegressor"]

#: Of one call; one number needs no more, and the leave-one-out outputs of many would take long.
_CALIBRATION_ROWS = 2048


class BroadLearningClassifier(ClassifierMixin, BroadLearningSystem):
    """Classify by a ridge regression on random feature nodes and enhancement nodes.

    Inputs are standardised. Each group of feature nodes is a random linear map, fine-tuned by a
    sparse autoencoder so that the nodes rebuild the input from few of them (equations 1 and 8 to
    11 of the paper). Enhancement nodes are `tanh` of an orthonormal random map of all feature
    nodes (equation 2). The output weights solve a ridge regression on the class indicators
    (equation 3) exactly, by a Cholesky factor of the Gram matrix.

    It grows in three directions, and is each time what a fit of the same nodes to all the samples
    would be, but for rounding (1e-8, relative, where the problem is well conditioned):
    `partial_fit` adds samples, `add_enhancement_nodes` and `add_feature_nodes` add nodes. Nodes,
    once drawn, stay as they are, and so do the mean and scale of the inputs.

    Parameters
    ----------
    n_feature_groups : int, default 10
        Groups of feature nodes ("feature windows").
    n_feature_nodes : int, default 10
        Nodes in each group.
    n_enhancement_nodes : int, default 200
        The paper takes thousands for 60,000 images; a thousand clips want fewer.
    alpha : float, default 1.0
        Ridge penalty on the output weights, in units of squared nodes, which have unit variance.
        The paper's 2**-30 is for many samples; with few, more is needed.
    sparsity : float, default 1e-3
        Weight of the L1 norm in the sparse autoencoder, against the mean squared error.
    shrinkage : float, default 0.8
        Standard deviation of the enhancement nodes before `tanh`: small is nearly linear, large is
        nearly binary.
    random_state : int, RandomState or None, default None
        Draws the maps. The same number gives the same model, also of nodes added later.

    Attributes
    ----------
    classes_ : ndarray, shape (n_classes,)
        Of an indicator matrix, the numbers of its columns.
    multilabel_ : bool
        Whether a sample may be of several classes, or of none: `y` was an indicator matrix.
    n_features_in_ : int
    mean_, scale_ : ndarray, shape (n_features,)
        Of the inputs, those of the first `fit` or `partial_fit`.
    feature_weights_ : ndarray, shape (n_features, n_f)
        From standardised inputs to feature nodes, ``n_f = n_feature_groups * n_feature_nodes`` and
        those added.
    enhancement_weights_, enhancement_bias_ : ndarray, shapes (n_f, n_e) and (n_e,)
        From feature nodes to enhancement nodes.
    coef_, intercept_ : ndarray, shapes (n_f + n_e, n_classes) and (n_classes,)
    gram_, cross_ : ndarray of float64, shapes (n_f + n_e + 1,) * 2 and (n_f + n_e + 1, n_classes)
        ``A.T @ A`` and ``A.T @ Y``, A being the nodes and a last column of ones, each row times
        the root of its weight: all that a solution needs of the samples.
    temperature_ : float
        What decision values are divided by before the softmax of `predict_proba`.
    calibration_ : ndarray of float64, shape (65,)
        Log losses of held-out samples, by temperature (`chordmer.models.temperature`).

    Notes
    -----
    *Memory* is in proportion to the square of the number of nodes, whatever the number of samples:
    they are heard a thousand rows at a time. A row costs m**2 products, m being the number of
    nodes, and a solution m**3 / 3, so `partial_fit` is best given m / 3 samples or more at once.

    *Weights* count: a sample of weight 2 is two samples. A `fit` in which weights are whole numbers
    is a `fit` in which the samples are repeated.

    *Precision.* Samples in float32 have nodes, maps, weights and outputs in float32; sums and
    solution stay in float64. Outputs then lie within 1e-5 of those in float64, relative to the
    largest, with the default `alpha`, so growing is exact to that only. Anything else is float64.

    *Probabilities.* Ridge outputs are none. `temperature_` is the one under which the leave-one-out
    outputs (exact, from the diagonal of the hat matrix, of at most 2,048 samples evenly spread over
    the rows) have the least log loss, so it is fitted on values the model did not fit itself.
    `partial_fit` adds to `calibration_` the log losses of the new samples, left out one by one of
    the model after it heard them; those of earlier samples stay what they were when these were
    new. Where nodes are added, all is calibrated anew. Where samples come in groups, as clips of a
    song do, calibrate again on held-out groups.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> bls = BroadLearningClassifier(random_state=0).fit(X[::2], y[::2])
    >>> bls = bls.partial_fit(X[1::2], y[1::2])
    >>> bls = bls.add_enhancement_nodes(50, X, y)
    >>> bool(bls.score(X, y) > 0.95)
    True
    """

    _own_sums: ClassVar[Mapping[str, tuple[int, ...]]] = {"calibration": TEMPERATURES.shape}

    calibration_: Matrix

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> BroadLearningClassifier:
        """Draw and tune the nodes, solve for the output weights, calibrate.

        Parameters
        ----------
        X : array_like, shape (n_samples, n_features)
        y : array_like, shape (n_samples,) or (n_samples, n_classes)
            A class each, or an indicator matrix of 0 and 1.
        sample_weight : array_like, shape (n_samples,), optional
            Not negative. Default: all 1.

        Returns
        -------
        self
        """
        return self._first(X, y, sample_weight, None)

    def partial_fit(
        self,
        X: Any,
        y: Any,
        classes: Any = None,
        sample_weight: Any = None,
    ) -> BroadLearningClassifier:
        """Learn from more samples; the first call draws and tunes the nodes.

        Parameters
        ----------
        X, y, sample_weight : array_like
            As in `fit`. Nodes are tuned to the first samples only, so let these be like the rest.
        classes : array_like, shape (n_classes,), optional
            All classes there will be; needed at the first call, unless `y` is an indicator matrix.

        Returns
        -------
        self
        """
        if not hasattr(self, "gram_"):
            if classes is None and np.ndim(y) < 2:
                raise ValueError("classes must be given at the first call of partial_fit")
            return self._first(X, y, sample_weight, classes)
        if classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise ValueError(f"classes are {self.classes_}, not {classes}")
        return self._partial_fit(*self._check_samples(X, y, sample_weight, first=False))

    def decision_function(self, X: Any) -> NDArray[Any]:
        """Return the ridge outputs, shape (n_samples, n_classes).

        With two classes, that of the second less that of the first, shape (n_samples,). With an
        indicator matrix, each runs from -1, not of the class, to 1.
        """
        outputs = self._outputs(X)
        values: NDArray[Any] = outputs
        if self.multilabel_:
            values = 2 * outputs - 1
        elif outputs.shape[1] == 2:
            values = outputs[:, 1] - outputs[:, 0]
        return values

    def predict_proba(self, X: Any) -> NDArray[Any]:
        """Return the probability of each class, shape (n_samples, n_classes).

        They sum to 1, unless classes were given as an indicator matrix.
        """
        outputs = self._outputs(X)
        probabilities: NDArray[Any] = softmax(self._alternatives(outputs) / self.temperature_)
        return probabilities[:, 1].reshape(outputs.shape) if self.multilabel_ else probabilities

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the likeliest class of each row, shape (n_samples,), or an indicator matrix."""
        outputs = self._outputs(X)
        chosen: NDArray[Any] = (
            (outputs > 0.5).astype(np.int64)
            if self.multilabel_
            else self.classes_[outputs.argmax(axis=1)]
        )
        return chosen

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def _first(self, X: Any, y: Any, weight: Any, classes: Any) -> BroadLearningClassifier:
        X, y, weight = self._check_samples(X, y, weight, first=True)
        if classes is not None:
            self.classes_ = np.unique(classes)
            self._check_known(y)
        if len(self.classes_) < 2 and not self.multilabel_:
            raise ValueError("the samples are of 1 class; a classifier needs 2 or more")
        return self._fit(X, y, weight)

    def _check_targets(self, y: Any, *, first: bool) -> NDArray[Any]:
        check_classification_targets(y)
        if y.ndim == 1 or y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        elif type_of_target(y) != "multilabel-indicator":
            raise ValueError("y must be a class each, or an indicator matrix of 0 and 1")
        if first:
            self.multilabel_ = y.ndim == 2
            self.classes_ = np.arange(y.shape[1]) if self.multilabel_ else np.unique(y)
        self._check_known(y)
        return np.asarray(y)

    def _check_known(self, y: NDArray[Any]) -> None:
        """Raise ValueError if `y` speaks of other classes."""
        if self.multilabel_:
            if y.shape[1:] != self.classes_.shape:
                raise ValueError(
                    f"y is of shape {y.shape}, but there are {len(self.classes_)} classes"
                )
        elif y.ndim != 1 or not np.isin(y, self.classes_).all():
            raise ValueError(f"y must be of the classes {self.classes_}")

    def _targets(self, y: NDArray[Any]) -> Matrix:
        if self.multilabel_:
            return y.astype(np.float64)
        return np.eye(len(self.classes_))[np.searchsorted(self.classes_, y)]

    def _alternatives(self, values: Any) -> Any:
        """Return values of alternatives, one of which is true: being of a class or not, or all."""
        if not self.multilabel_:
            return values
        return np.stack([1 - values, values], axis=-1).reshape(-1, 2)

    def _calibrate(self, X: Any, y: Any, weight: Matrix, factor: Matrix, *, fresh: bool) -> None:
        step = -(-len(X) // _CALIBRATION_ROWS)
        X, y, weight = X[::step], y[::step], weight[::step]
        losses = np.zeros(len(TEMPERATURES)) if fresh else self.calibration_
        weights = np.vstack([self.coef_, self.intercept_])
        for rows, Z, _ in self._blocks(X, weight):
            targets = self._targets(y[rows])
            outputs = leave_one_out(self._columns(Z), targets, weight[rows], weights, factor)
            indicator = self._alternatives(targets)
            repeated = np.repeat(step * weight[rows], len(indicator) // len(targets))
            losses = losses + log_losses(self._alternatives(outputs), indicator, repeated)
        self.calibration_ = losses
        self.temperature_ = best_temperature(losses)

    def _facts(self) -> dict[str, Any]:
        return {
            "classes": self.classes_.tolist(),
            "multilabel": self.multilabel_,
        }

    def _restore(self, facts: Mapping[str, Any]) -> int:
        self.classes_ = np.array(facts["classes"])
        self.multilabel_ = bool(facts["multilabel"])
        if not np.array_equal(np.unique(self.classes_), self.classes_):
            raise ValueError(f"classes {self.classes_}")
        self.temperature_ = best_temperature(self.calibration_)
        return len(self.classes_)


class BroadLearningRegressor(RegressorMixin, BroadLearningSystem):
    """Predict one or more numbers by a ridge regression on feature nodes and enhancement nodes.

    See `BroadLearningClassifier`: all it says of nodes, growth, memory, weights and precision holds
    here too, and the parameters are the same.

    Attributes
    ----------
    n_features_in_, mean_, scale_, feature_weights_, enhancement_weights_, enhancement_bias_
        As there.
    coef_, intercept_ : ndarray, shapes (n_f + n_e, n_outputs) and (n_outputs,)
    gram_, cross_ : ndarray of float64, shapes (n_f + n_e + 1,) * 2 and (n_f + n_e + 1, n_outputs)
    flat_ : bool
        Whether `y` had one dimension, and predictions have.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> X, y = load_diabetes(return_X_y=True)
    >>> bls = BroadLearningRegressor(alpha=100.0, random_state=0).fit(X, y)
    >>> bls.add_feature_nodes(10, X, y, n_enhancement_nodes=20).coef_.shape
    (330, 1)
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> BroadLearningRegressor:
        """Draw and tune the nodes, solve for the output weights.

        Parameters
        ----------
        X : array_like, shape (n_samples, n_features)
        y : array_like, shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array_like, shape (n_samples,), optional
            Not negative. Default: all 1.

        Returns
        -------
        self
        """
        return self._fit(*self._check_samples(X, y, sample_weight, first=True))

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> BroadLearningRegressor:
        """Learn from more samples; the first call draws and tunes the nodes.

        Parameters
        ----------
        X, y, sample_weight : array_like
            As in `fit`. Nodes are tuned to the first samples only, so let these be like the rest.

        Returns
        -------
        self
        """
        if not hasattr(self, "gram_"):
            return self.fit(X, y, sample_weight)
        return self._partial_fit(*self._check_samples(X, y, sample_weight, first=False))

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the outputs, shape (n_samples,) or (n_samples, n_outputs) as `y` had."""
        outputs: NDArray[Any] = self._outputs(X)
        return outputs[:, 0] if self.flat_ else outputs

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _check_targets(self, y: Any, *, first: bool) -> NDArray[Any]:
        if y.dtype.kind not in "biuf":
            y = y.astype(np.float64)
        if first:
            self.flat_ = y.ndim == 1
        elif y.shape[1:] != self.cross_.shape[1 + self.flat_ :]:
            raise ValueError(f"y is of shape {y.shape}, unlike the first")
        return np.asarray(y)

    def _targets(self, y: NDArray[Any]) -> Matrix:
        return y.reshape(len(y), -1).astype(np.float64)

    def _facts(self) -> dict[str, Any]:
        return {"flat": self.flat_, "n_outputs": len(self.intercept_)}

    def _restore(self, facts: Mapping[str, Any]) -> int:
        self.flat_ = bool(facts["flat"])
        n_outputs = int(facts["n_outputs"])
        if self.flat_ and n_outputs != 1:
            raise ValueError(f"{n_outputs} outputs in one dimension")
        return n_outputs
