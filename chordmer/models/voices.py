"""A model a modality: fitted where it is there, asked about what it never met, written down."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from chordmer.folder import load_folder, save_folder
from chordmer.models.join import vectors_of
from chordmer.models.late_parts import describe, rebuild
from chordmer.models.mixing import Mask, Matrix, subsets

__all__ = ["Voices"]

_WEIGHTS = ("fixed", "learned", "stacked")


class Voices(BaseEstimator):
    """A model a modality, and weights; what classifier and regressor have in common.

    The parameters are those of `chordmer.models.late_fusion.LateFusionClassifier`.
    """

    #: What fit and predict take: a list of mappings from input name to vectors.
    accepts: ClassVar[str] = "vectors"

    def __init__(
        self,
        estimators: Any = None,
        *,
        weights: Any = "fixed",
        n_folds: int = 5,
        random_state: int | None = None,
    ) -> None:
        self.estimators = estimators
        self.weights = weights
        self.n_folds = n_folds
        self.random_state = random_state

    # What differs between classes and numbers.

    def _default(self) -> Any:
        raise NotImplementedError

    def _enough(self, y: NDArray[Any]) -> bool:
        """Whether a model can be fitted to these targets."""
        raise NotImplementedError

    def _ask(self, model: Any, rows: Matrix) -> Matrix:
        """Return what a model says of `rows`, (n, n_outputs)."""
        raise NotImplementedError

    def _folds(
        self, y: NDArray[Any], groups: Sequence[Any] | None
    ) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        raise NotImplementedError

    def _learn(self, said: Matrix, there: Mask, y: NDArray[Any], shares: Matrix) -> None:
        """Set `weights_` and `powers_`, or `stack_coef_` and `stack_intercept_`."""
        raise NotImplementedError

    # What does not.

    def _fit(self, X: Any, y: NDArray[Any], groups: Sequence[Any] | None, n_outputs: int) -> None:
        """Fit the models to all samples, and the weights to what models say of held-out ones."""
        if self.n_folds < 2:
            raise ValueError(f"n_folds must be at least 2, not {self.n_folds}")
        vectors, there = vectors_of(X)
        check_consistent_length(next(iter(vectors.values())), y, groups)
        if isinstance(self.estimators, Mapping):
            lacking = sorted(self.estimators.keys() - vectors.keys())
            if lacking or not self.estimators:
                raise ValueError(f"estimators of {lacking}, but the inputs are {list(vectors)}")
            widths = {name: vectors[name].shape[1] for name in sorted(self.estimators)}
            vectors, there = vectors_of(X, widths)
        self.widths_ = {name: rows.shape[1] for name, rows in vectors.items()}
        for name in ("weights_", "powers_", "stack_coef_", "stack_intercept_"):
            if hasattr(self, name):
                delattr(self, name)
        given = self._given_weights()
        models = self._models(vectors, there, y, np.arange(len(y)))
        for name in self.widths_:
            if name not in models:
                raise ValueError(f"too few samples have {name!r} to fit a model to it")
        if given is not None:
            self.weights_ = given / given.sum()
            self.powers_ = np.ones(len(given))
        else:
            said, heard = self._held_out(vectors, there, y, groups, n_outputs)
            kept = heard.any(axis=1)
            rows, masks, shares = subsets(heard[kept])
            self._learn(said[kept][rows], masks, y[kept][rows], shares)
        self.estimators_ = models

    def _given_weights(self) -> Matrix | None:
        """Return fixed weights, or None where they are to be found."""
        weights = self.weights
        if isinstance(weights, str):
            if weights not in _WEIGHTS:
                raise ValueError(f"weights must be one of {_WEIGHTS} or numbers, not {weights!r}")
            return np.ones(len(self.widths_)) if weights == "fixed" else None
        if isinstance(weights, Mapping):
            weights = [weights.get(name, 0.0) for name in self.widths_]
        numbers: Matrix = np.asarray(weights, dtype=np.float64)
        if numbers.shape != (len(self.widths_),) or not ((numbers > 0) & (numbers < np.inf)).all():
            raise ValueError(f"weights must be a positive number for each of {list(self.widths_)}")
        return numbers

    def _models(
        self,
        vectors: Mapping[str, Matrix],
        there: Mapping[str, Mask],
        y: NDArray[Any],
        rows: NDArray[np.intp],
    ) -> dict[str, Any]:
        """Return a fitted model for each modality that enough of `rows` have."""
        models = {}
        for name in vectors:
            own = rows[there[name][rows]]
            if not self._enough(y[own]):
                continue
            several = isinstance(self.estimators, Mapping)
            wanted = self.estimators[name] if several else self.estimators
            model = self._default() if wanted is None else clone(wanted)
            if model.get_params().get("random_state", 0) is None:
                model.set_params(random_state=self.random_state)
            models[name] = model.fit(vectors[name][own], y[own])
        return models

    def _held_out(
        self,
        vectors: Mapping[str, Matrix],
        there: Mapping[str, Mask],
        y: NDArray[Any],
        groups: Sequence[Any] | None,
        n_outputs: int,
    ) -> tuple[Matrix, Mask]:
        """Return what models say of samples whose groups they never met, and where they do."""
        said = np.zeros((len(y), len(vectors), n_outputs))
        heard = np.zeros((len(y), len(vectors)), dtype=bool)
        for train, test in self._folds(y, groups):
            models = self._models(vectors, there, y, train)
            for column, (name, values) in enumerate(vectors.items()):
                rows = test[there[name][test]]
                if name in models and len(rows):
                    said[rows, column] = self._ask(models[name], values[rows])
                    heard[rows, column] = True
        return said, heard

    def _answers(self, X: Any, n_outputs: int) -> tuple[Matrix, Mask]:
        check_is_fitted(self, "estimators_")
        vectors, there = vectors_of(X, self.widths_)
        mask = np.stack(list(there.values()), axis=1)
        said = np.zeros((*mask.shape, n_outputs))
        for column, (name, values) in enumerate(vectors.items()):
            rows = np.flatnonzero(mask[:, column])
            if len(rows):
                said[rows, column] = self._ask(self.estimators_[name], values[rows])
        return said, mask

    # --- folders ---------------------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted model to a folder of safetensors and JSON.

        Raises
        ------
        ModelError
            If a model of a modality is not one of chordmer's own, which alone can be written.
        """
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

    def to_parts(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return what a folder needs: a manifest for JSON, and arrays."""
        check_is_fitted(self, "estimators_")
        return describe(self)

    @classmethod
    def from_parts(
        cls, manifest: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], *, source: object
    ) -> Self:
        """Return the model that `to_parts` described; `source` is the folder that errors name.

        Raises
        ------
        ModelError
            If the parameters are impossible, or the parts do not fit together.
        """
        model: Self = rebuild(cls, manifest, arrays, source=source)
        return model
