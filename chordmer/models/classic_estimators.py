"""scikit-learn's models as estimators that are saved without pickle."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.pipeline import Pipeline
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from chordmer.errors import ModelError
from chordmer.folder import load_folder, save_folder
from chordmer.models.classic import decision_tree, linear_regression, random_forest, svm, svr
from chordmer.models.frozen import Arrays, answer, fits, freeze

__all__ = ["ClassicClassifier", "ClassicRegressor"]


class _Classic(BaseEstimator):
    """What the classifier and the regressor share: a pipeline by name, kept as arrays."""

    _makers: ClassVar[Mapping[str, Any]] = {}

    model: str
    arrays_: Arrays
    n_features_in_: int

    def _pipeline(self, **settings: Any) -> Pipeline:
        if self.model not in self._makers:
            raise ValueError(f"model must be one of {list(self._makers)}, not {self.model!r}")
        made: Pipeline = self._makers[self.model](**settings)
        return made

    def _answers(self, X: Any) -> NDArray[np.float64]:
        check_is_fitted(self, "arrays_")
        X = validate_data(self, X, dtype=np.float64, reset=False)
        return answer(self.model, X, self.arrays_)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted model to a folder of safetensors and JSON."""
        save_folder(path, *self.to_parts())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a model that `save` wrote; nothing in the folder is run.

        Raises
        ------
        ModelError
            If the folder is damaged or holds something else.
        """
        return cls.from_parts(*load_folder(path, kind=cls.__name__), source=path)

    def to_parts(self) -> tuple[dict[str, Any], Arrays]:
        """Return what a folder needs: a manifest for JSON, and arrays."""
        check_is_fitted(self, "arrays_")
        manifest = {
            "kind": type(self).__name__,
            "parameters": self.get_params(),
            "outputs": self._outputs_to_json(),
            "feature_names": list(getattr(self, "feature_names_in_", [])),
        }
        return manifest, self.arrays_

    @classmethod
    def from_parts(
        cls, manifest: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], *, source: object
    ) -> Self:
        """Return the model that `to_parts` described; `source` is the folder that errors name.

        Raises
        ------
        ModelError
            If the parameters are impossible, or the arrays are not those of such a model.
        """
        try:
            model = cls(**manifest["parameters"])
            model._pipeline()
            n_outputs = model._outputs_from_json(manifest["outputs"])
            names = np.array(manifest["feature_names"], dtype=object)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ModelError(f"odd parameters: {error}", source=source, stage="manifest") from error
        if not fits(model.model, arrays, n_outputs):
            problem = f"not the arrays of this {cls.__name__}"
            raise ModelError(problem, source=source, stage="arrays", value=sorted(arrays)[:9])
        model.arrays_ = dict(arrays)
        model.n_features_in_ = len(arrays["mean"])
        if len(names):
            if names.shape != (model.n_features_in_,) or set(map(type, names)) != {str}:
                raise ModelError("odd names of features", source=source, stage="manifest")
            model.feature_names_in_ = names
        return model

    def _outputs_to_json(self) -> Any:
        raise NotImplementedError

    def _outputs_from_json(self, outputs: Any) -> int:
        raise NotImplementedError


class ClassicClassifier(ClassifierMixin, _Classic):
    """Classify by one of scikit-learn's models, kept as arrays.

    Parameters
    ----------
    model : {"svm", "decision_tree", "random_forest"}, default "svm"
        Which function of `chordmer.models.classic` makes it, with the settings it has there.

    Attributes
    ----------
    classes_ : ndarray, shape (n_classes,)
    n_features_in_ : int
    arrays_ : dict of str to ndarray
        What the model learned (`chordmer.models.frozen`).

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> model = ClassicClassifier(model="random_forest").fit(X, y)
    >>> bool(np.allclose(model.predict_proba(X), random_forest().fit(X, y).predict_proba(X)))
    True
    """

    _makers: ClassVar = {
        "svm": svm,
        "decision_tree": decision_tree,
        "random_forest": random_forest,
    }

    def __init__(self, *, model: str = "svm") -> None:
        self.model = model

    def fit(self, X: Any, y: Any) -> Self:
        """Fit the model and take it apart.

        Parameters
        ----------
        X : array_like, shape (n_samples, n_features)
        y : array_like, shape (n_samples,)
            Classes, of which a support vector machine needs 2 samples each for its probabilities.

        Returns
        -------
        self
        """
        self._pipeline()
        X, y = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError("the samples are of 1 class; a classifier needs 2 or more")
        settings = {}
        if self.model == "svm":
            fewest = int(np.bincount(codes).min())
            if fewest < 2:
                raise ValueError("a class has 1 sample; a support vector machine needs 2 or more")
            settings["n_folds"] = min(5, fewest)
        pipeline = self._pipeline(**settings).fit(X, codes)
        self.arrays_ = freeze(self.model, pipeline, X, len(self.classes_))
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the probability of each class, shape (n_samples, n_classes)."""
        return self._answers(X)

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the likeliest class of each row, shape (n_samples,)."""
        codes = self._answers(X).argmax(axis=1)
        chosen: NDArray[Any] = self.classes_[codes]
        return chosen

    def _outputs_to_json(self) -> Any:
        return self.classes_.tolist()

    def _outputs_from_json(self, outputs: Any) -> int:
        self.classes_ = np.array(outputs)
        if self.classes_.ndim != 1 or not 2 <= len(np.unique(self.classes_)) == len(outputs):
            raise ValueError("the classes are not a list of different labels")
        return len(outputs)


class ClassicRegressor(RegressorMixin, _Classic):
    """Predict numbers by one of scikit-learn's models, kept as arrays.

    Parameters
    ----------
    model : {"svr", "linear_regression"}, default "svr"
        Which function of `chordmer.models.classic` makes it, with the settings it has there.

    Attributes
    ----------
    n_features_in_ : int
    arrays_ : dict of str to ndarray
        What the model learned (`chordmer.models.frozen`).
    """

    _makers: ClassVar = {"svr": svr, "linear_regression": linear_regression}

    def __init__(self, *, model: str = "svr") -> None:
        self.model = model

    def fit(self, X: Any, y: Any) -> Self:
        """Fit the model and take it apart.

        Parameters
        ----------
        X : array_like, shape (n_samples, n_features)
        y : array_like, shape (n_samples,) or (n_samples, n_targets)

        Returns
        -------
        self
        """
        self._pipeline()
        X, y = validate_data(self, X, y, dtype=np.float64, multi_output=True, y_numeric=True)
        self._one_target = y.ndim == 1
        n_targets = 1 if self._one_target else y.shape[1]
        pipeline = self._pipeline(**({"n_targets": n_targets} if self.model == "svr" else {}))
        pipeline.fit(X, y.ravel() if n_targets == 1 else y)
        self.arrays_ = freeze(self.model, pipeline, X, n_targets)
        return self

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Return the targets, shape (n_samples,) or (n_samples, n_targets) as `y` was."""
        answers = self._answers(X)
        return answers[:, 0] if self._one_target else answers

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _outputs_to_json(self) -> Any:
        return {"one_target": self._one_target, "n_targets": len(self.arrays_["intercept"])}

    def _outputs_from_json(self, outputs: Any) -> int:
        self._one_target, n_targets = outputs["one_target"] is True, outputs["n_targets"]
        if type(n_targets) is not int or n_targets < 1 or (self._one_target and n_targets > 1):
            raise ValueError(f"not a possible number of targets: {n_targets!r}")
        return n_targets
