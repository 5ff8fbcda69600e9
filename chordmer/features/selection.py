"""Feature selection as in the CBSA paper: a filter, then a wrapper around a support vector machine.

The paper (section 3.2) keeps all low-level features and selects among the few mid- and high-level
ones, each song being the mean of its windows: a filter looks at the correlation of each feature
with the label, a wrapper at what the features do together in a regression (section 4.2: SVR with
C = 1, a Gaussian kernel, seed 66). It keeps six, which together with the 88 of eGeMAPS are 94.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.feature_selection import SelectorMixin
from sklearn.model_selection import KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR
from sklearn.utils.validation import check_is_fitted, validate_data

from chordmer.errors import ChordmerError

__all__ = ["CorrelationFilter", "FilterWrapperSelector", "SVRWrapper", "correlation"]


def correlation(X: NDArray[np.floating], y: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the absolute Pearson correlation of each column of `X` with the labels.

    Parameters
    ----------
    X : ndarray, shape (n, d)
    y : ndarray, shape (n,) or (n, outputs)
        With several outputs (valence and arousal) the greatest of their correlations counts.

    Returns
    -------
    ndarray of float64, shape (d,)
        0 to 1; 0 for constant columns.
    """
    columns = _standard(X)
    labels = _standard(y.reshape(len(y), -1))
    strongest: NDArray[np.float64] = np.abs(columns.T @ labels).max(axis=1)
    return np.minimum(strongest, 1)


def _standard(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the columns with zero mean and unit norm, those that do not vary as 0."""
    values = np.asarray(values, dtype=np.float64)
    varies = values.max(axis=0) > values.min(axis=0)
    centred = values - values.mean(axis=0)
    norm = np.linalg.norm(centred, axis=0)
    unit: NDArray[np.float64] = centred / np.where(varies & (norm > 0), norm, np.inf)
    return unit


class CorrelationFilter(SelectorMixin, BaseEstimator):
    """Keep the features that correlate with the label.

    Parameters
    ----------
    threshold : float, default=0.1
        Least absolute correlation with the label (with any of them, if there are several). The
        paper names none; at 0.1 a feature alone explains a hundredth of the variance.
    max_features : int, optional
        Most features to keep, the strongest first.

    Attributes
    ----------
    scores_ : ndarray of float64, shape (d,)
        Absolute correlations.
    """

    def __init__(self, *, threshold: float = 0.1, max_features: int | None = None) -> None:
        self.threshold = threshold
        self.max_features = max_features

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Measure the correlations.

        Where none reaches the threshold the strongest feature is kept, for a model needs one.
        """
        features, labels = _checked(self, X, y)
        self.scores_ = correlation(features, labels)
        order = np.argsort(-self.scores_, kind="stable")[: self.max_features]
        strong = order[self.scores_[order] >= self.threshold]
        self._support = np.zeros(len(self.scores_), dtype=bool)
        self._support[strong if len(strong) else order[:1]] = True
        return self

    def _get_support_mask(self) -> NDArray[np.bool_]:
        check_is_fitted(self)
        return self._support

    def __sklearn_tags__(self) -> Any:
        return _supervised(super().__sklearn_tags__())


class SVRWrapper(SelectorMixin, BaseEstimator):
    """Keep the set of features on which a support vector regression predicts best.

    Greedy backward elimination: from all features, the one whose absence costs least is left out,
    again and again; of the sets met on the way the best is kept, the smaller of equals. What a set
    is worth is the coefficient of determination in cross-validation, the mean over the outputs,
    with the features standardised on each training part.

    Parameters
    ----------
    n_features : int, optional
        How many to keep; by default as many as predict best. The paper kept 6 of 10.
    C : float, default=1.0
        Penalty of the regression, as in the paper.
    cv : int, default=5
        Folds, shuffled by `random_state`.
    random_state : int, default=66
        The paper's seed.

    Attributes
    ----------
    scores_ : dict of int to float
        The cross-validated score of the best set of each size that was met.
    """

    def __init__(
        self,
        *,
        n_features: int | None = None,
        C: float = 1.0,
        cv: int = 5,
        random_state: int = 66,
    ) -> None:
        self.n_features = n_features
        self.C = C
        self.cv = cv
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Search.

        Raises
        ------
        ChordmerError
            If there are fewer features than asked for.
        """
        features, labels = _checked(self, X, y)
        width = features.shape[1]
        fewest = 1 if self.n_features is None else self.n_features
        if not 1 <= fewest <= width:
            raise ChordmerError(
                f"between 1 and {width} features can be kept", stage="selection", value=fewest
            )
        labels = labels.reshape(len(labels), -1)
        kept = list(range(width))
        met = {width: (self._score(features, labels), tuple(kept))}
        while len(kept) > fewest:
            trials = [
                (self._score(features[:, [f for f in kept if f != out]], labels), -out)
                for out in kept
            ]
            score, out = max(trials)
            kept.remove(-out)
            met[len(kept)] = (score, tuple(kept))
        if self.n_features is None:
            best = max(met, key=lambda size: (met[size][0], -size))
        else:
            best = self.n_features
        self.scores_ = {size: score for size, (score, _) in sorted(met.items())}
        self._support = np.zeros(width, dtype=bool)
        self._support[list(met[best][1])] = True
        return self

    def _score(self, X: NDArray[np.floating], labels: NDArray[np.floating]) -> float:
        folds = KFold(min(self.cv, len(X)), shuffle=True, random_state=self.random_state)
        model = make_pipeline(StandardScaler(), SVR(kernel="rbf", C=self.C))
        # A fold of one sample has no variance to explain: the mean squared error always exists.
        errors = [
            -cross_val_score(model, X, label, cv=folds, scoring="neg_mean_squared_error").mean()
            / max(float(np.var(label)), 1e-300)
            for label in labels.T
        ]
        return 1 - float(np.mean(errors))

    def _get_support_mask(self) -> NDArray[np.bool_]:
        check_is_fitted(self)
        return self._support

    def __sklearn_tags__(self) -> Any:
        return _supervised(super().__sklearn_tags__())


class FilterWrapperSelector(SelectorMixin, BaseEstimator):
    """Filter, then wrapper: the selection of the CBSA paper.

    Parameters
    ----------
    threshold, max_features
        Of `CorrelationFilter`.
    n_features, C, cv, random_state
        Of `SVRWrapper`. Where the filter leaves fewer than `n_features`, all of them are kept.

    Attributes
    ----------
    filter_ : CorrelationFilter
    wrapper_ : SVRWrapper
        Fitted to what the filter left.
    """

    def __init__(
        self,
        *,
        threshold: float = 0.1,
        max_features: int | None = None,
        n_features: int | None = None,
        C: float = 1.0,
        cv: int = 5,
        random_state: int = 66,
    ) -> None:
        self.threshold = threshold
        self.max_features = max_features
        self.n_features = n_features
        self.C = C
        self.cv = cv
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Filter, then search."""
        features, labels = _checked(self, X, y)
        self.filter_ = CorrelationFilter(threshold=self.threshold, max_features=self.max_features)
        left = self.filter_.fit(features, labels).transform(features)
        n_features = None if self.n_features is None else min(self.n_features, left.shape[1])
        self.wrapper_ = SVRWrapper(
            n_features=n_features, C=self.C, cv=self.cv, random_state=self.random_state
        ).fit(left, labels)
        return self

    def _get_support_mask(self) -> NDArray[np.bool_]:
        check_is_fitted(self)
        support = np.array(self.filter_.get_support())
        support[support] = self.wrapper_.get_support()
        return support

    def __sklearn_tags__(self) -> Any:
        return _supervised(super().__sklearn_tags__())


def _checked(selector: Any, X: ArrayLike, y: ArrayLike) -> Any:
    return validate_data(selector, X, y, multi_output=True, y_numeric=True, ensure_min_samples=2)


def _supervised(tags: Any) -> Any:
    tags.target_tags.required = True
    tags.target_tags.multi_output = True
    tags.array_api_support = False
    return tags
