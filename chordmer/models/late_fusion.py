"""Late fusion over any scikit-learn estimators: one a modality, and what they say weighed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_array, check_is_fitted, column_or_1d

from chordmer.models.broad import BroadLearningClassifier, BroadLearningRegressor
from chordmer.models.inference import softmax
from chordmer.models.mixing import (
    Mask,
    Matrix,
    learn_mean,
    learn_shares,
    log_odds,
    mean_of_numbers,
    mean_of_probabilities,
    stack_columns,
)
from chordmer.models.voices import Voices

__all__ = ["LateFusionClassifier", "LateFusionRegressor"]


class LateFusionClassifier(ClassifierMixin, Voices):
    """Classify each modality by itself, and mix the probabilities of those that are there.

    Parameters
    ----------
    estimators : classifier, mapping of str to classifier, or None, default None
        One that is cloned for each modality, or one for each; all with `predict_proba`. None: a
        Broad Learning System. Modalities without one of their own are left out.
    weights : {"fixed", "learned", "stacked"}, array_like or mapping, default "fixed"
        ``"fixed"``: the mean of the probabilities. Numbers, in the alphabetical order of the
        modalities or by their names: the weighted mean. ``"learned"``: the weights, and a power for
        each number of present modalities (see `chordmer.models.mixing`), of least log loss.
        ``"stacked"``: a logistic regression on the logarithms of the probabilities. What is learned
        is learned from samples that the models asked had not met, held out in folds by their
        groups, and in all that could remain of them (`chordmer.models.mixing.subsets`).
    n_folds : int, default 5
        For learned and stacked weights. Fewer are taken where a class has fewer groups.
    random_state : int or None, default None
        Shuffles the folds, and is given to models whose own is None.

    Attributes
    ----------
    classes_ : ndarray, shape (n_classes,)
    widths_ : dict of str to int
        The modalities in alphabetical order, and how wide their vectors are.
    estimators_ : dict of str to classifier
        Fitted to all samples that have the modality.
    weights_, powers_ : ndarray, shape (n_modalities,)
        Sum of weights 1; powers all 1 unless learned. Not where weights are stacked.
    stack_coef_, stack_intercept_ : ndarray, shapes (n_columns, n_classes) and (n_classes,)
        Of stacked weights, for `chordmer.models.mixing.stack_columns`.

    Notes
    -----
    Weights fitted to the samples that the models were fitted to would reward the model that learned
    them by heart, and so would samples of a song that has others in training.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> random = np.random.default_rng(0)
    >>> y = np.arange(60) % 2
    >>> X = [{"audio": c + random.normal(size=3), "lyrics": random.normal(size=2)} for c in y]
    >>> model = LateFusionClassifier(LogisticRegression(), weights="learned").fit(X, y)
    >>> bool(model.weights_[0] > model.weights_[1])
    True
    >>> model.predict_proba([{"lyrics": [0.1, 0.2]}]).shape
    (1, 2)
    """

    def fit(self, X: Any, y: Any, *, groups: Sequence[Any] | None = None) -> Self:
        """Fit a model to each modality, and the weights.

        Parameters
        ----------
        X : list of mappings
            ``{modality: vector (d,)}``; frames (t, d) stand for their mean. Missing modalities are
            left out or None.
        y : array_like, shape (n_samples,)
        groups : sequence, length n_samples, optional
            What folds must not split, as the clips of a song.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter or an array is impossible, or samples are too few.
        """
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        self.classes_ = np.unique(y)
        if len(self.classes_) < 2:
            raise ValueError("the samples are of 1 class; a classifier needs 2 or more")
        self._fit(X, y, groups, len(self.classes_))
        return self

    def opinions(self, X: Any) -> dict[str, Matrix]:
        """Return what each modality's model says, (n_samples, n_classes); 0 where it is missing."""
        check_is_fitted(self, "estimators_")
        said, _ = self._answers(X, len(self.classes_))
        return dict(zip(self.widths_, said.transpose(1, 0, 2)))

    def predict_proba(self, X: Any) -> Matrix:
        """Return the probability of each class, shape (n_samples, n_classes)."""
        check_is_fitted(self, "estimators_")
        said, there = self._answers(X, len(self.classes_))
        if hasattr(self, "weights_"):
            return mean_of_probabilities(said, there, self.weights_, self.powers_)
        columns = stack_columns(log_odds(said), there)
        return softmax(columns @ self.stack_coef_ + self.stack_intercept_)

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the likeliest class of each sample, shape (n_samples,)."""
        codes = self.predict_proba(X).argmax(axis=1)
        chosen: NDArray[Any] = self.classes_[codes]
        return chosen

    def _default(self) -> Any:
        return BroadLearningClassifier()

    def _enough(self, y: NDArray[Any]) -> bool:
        return len(np.unique(y)) > 1

    def _ask(self, model: Any, rows: Matrix) -> Matrix:
        said = np.zeros((len(rows), len(self.classes_)))
        said[:, np.searchsorted(self.classes_, model.classes_)] = model.predict_proba(rows)
        return said

    def _folds(
        self, y: NDArray[Any], groups: Sequence[Any] | None
    ) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        songs = np.arange(len(y)) if groups is None else np.unique(groups, return_inverse=True)[1]
        fewest = min(len(np.unique(songs[y == label])) for label in self.classes_)
        if fewest < 2:
            raise ValueError(f"{self.weights!r} weights want 2 groups or more of every class")
        n_folds = min(self.n_folds, fewest)
        split = StratifiedGroupKFold(n_folds, shuffle=True, random_state=self.random_state)
        folds: Iterator[Any] = split.split(y, y, songs)
        return folds

    def _learn(self, said: Matrix, there: Mask, y: NDArray[Any], shares: Matrix) -> None:
        codes = np.searchsorted(self.classes_, y)
        if self.weights == "learned":
            self.weights_, self.powers_ = learn_shares(said, there, codes, shares)
            return
        regression = LogisticRegression(max_iter=1000)
        regression.fit(stack_columns(log_odds(said), there), codes, sample_weight=shares)
        if len(regression.classes_) < len(self.classes_):
            raise ValueError("too few samples of a class to stack weights")
        coef, intercept = regression.coef_, regression.intercept_
        if len(coef) == 1:
            coef, intercept = np.concatenate([0 * coef, coef]), np.append(0.0, intercept)
        self.stack_coef_, self.stack_intercept_ = np.ascontiguousarray(coef.T), intercept


class LateFusionRegressor(RegressorMixin, Voices):
    """Predict numbers from each modality by itself, and mix the predictions that there are.

    Parameters
    ----------
    estimators : regressor, mapping of str to regressor, or None, default None
        As for `LateFusionClassifier`; of several targets at once where `y` has several.
    weights : {"fixed", "learned", "stacked"}, array_like or mapping, default "fixed"
        As for `LateFusionClassifier`, of least squared error; ``"stacked"`` is a ridge regression.
    n_folds, random_state
        As for `LateFusionClassifier`.

    Attributes
    ----------
    widths_, estimators_, weights_, powers_
        As those of `LateFusionClassifier`; powers are 1.
    stack_coef_, stack_intercept_ : ndarray, shapes (n_columns, n_targets) and (n_targets,)
    target_mean_, target_scale_ : ndarray, shape (n_targets,)
    """

    def fit(self, X: Any, y: ArrayLike, *, groups: Sequence[Any] | None = None) -> Self:
        """Fit a model to each modality, and the weights; as `LateFusionClassifier.fit`.

        Parameters
        ----------
        X : list of mappings
        y : array_like of float, shape (n_samples,) or (n_samples, n_targets)
        groups : sequence, length n_samples, optional

        Returns
        -------
        self
        """
        targets = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")
        self.one_target_ = targets.ndim == 1
        table = targets.reshape(len(targets), -1)
        self.target_mean_ = table.mean(axis=0)
        spread = table.std(axis=0)
        self.target_scale_ = np.where(spread > 0, spread, 1.0)
        self._fit(X, targets, groups, table.shape[1])
        return self

    def predict(self, X: Any) -> Matrix:
        """Return the predicted targets, shape (n_samples,) or (n_samples, n_targets) as `y` was."""
        check_is_fitted(self, "estimators_")
        said, there = self._answers(X, len(self.target_mean_))
        if hasattr(self, "weights_"):
            mixed = mean_of_numbers(said, there, self.weights_)
        else:
            scores = (said - self.target_mean_) / self.target_scale_
            mixed = stack_columns(scores, there) @ self.stack_coef_ + self.stack_intercept_
            mixed = mixed * self.target_scale_ + self.target_mean_
        return mixed[:, 0] if self.one_target_ else mixed

    def _default(self) -> Any:
        return BroadLearningRegressor()

    def _enough(self, y: NDArray[Any]) -> bool:
        return len(y) > 1

    def _ask(self, model: Any, rows: Matrix) -> Matrix:
        return np.asarray(model.predict(rows), dtype=np.float64).reshape(len(rows), -1)

    def _folds(
        self, y: NDArray[Any], groups: Sequence[Any] | None
    ) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        songs = np.arange(len(y)) if groups is None else np.unique(groups, return_inverse=True)[1]
        fewest = len(np.unique(songs))
        if fewest < 2:
            raise ValueError(f"{self.weights!r} weights want 2 groups or more")
        n_folds = min(self.n_folds, fewest)
        split = GroupKFold(n_folds, shuffle=True, random_state=self.random_state)
        folds: Iterator[Any] = split.split(y, y, songs)
        return folds

    def _learn(self, said: Matrix, there: Mask, y: NDArray[Any], shares: Matrix) -> None:
        targets = y.reshape(len(y), -1)
        if self.weights == "learned":
            self.weights_ = learn_mean(said, there, targets, shares)
            self.powers_ = np.ones(len(self.weights_))
            return
        scores, wanted = (
            (part - self.target_mean_) / self.target_scale_ for part in (said, targets)
        )
        regression = Ridge().fit(stack_columns(scores, there), wanted, sample_weight=shares)
        self.stack_coef_ = np.ascontiguousarray(regression.coef_.reshape(targets.shape[1], -1).T)
        self.stack_intercept_ = np.reshape(regression.intercept_, -1)
