"""What the broad learning classifier and regressor share: nodes, their growth, the solution."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator, Mapping
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from chordmer.folder import load_folder, save_folder
from chordmer.models.broad_nodes import (
    column_moments,
    draw_enhancement,
    draw_features,
    root_mean_squares,
    row_blocks,
)
from chordmer.models.broad_parts import describe, rebuild
from chordmer.models.inference import broad_nodes
from chordmer.models.ridge import Matrix, solve_ridge

__all__ = ["BroadLearningSystem"]


class BroadLearningSystem(BaseEstimator):
    """Random nodes, and a ridge regression on them that samples and nodes can be added to.

    Not for use by itself: `BroadLearningClassifier` and `BroadLearningRegressor` say what the
    targets are. Their parameters and attributes are described there.
    """

    #: Sums over samples that a subclass keeps beside `gram_` and `cross_`, and their shapes.
    _own_sums: ClassVar[Mapping[str, tuple[int, ...]]] = {}

    mean_: NDArray[Any]
    scale_: NDArray[Any]
    feature_weights_: NDArray[Any]
    enhancement_weights_: NDArray[Any]
    enhancement_bias_: NDArray[Any]
    coef_: NDArray[Any]
    intercept_: NDArray[Any]
    gram_: Matrix
    cross_: Matrix

    def __init__(
        self,
        *,
        n_feature_groups: int = 10,
        n_feature_nodes: int = 10,
        n_enhancement_nodes: int = 200,
        alpha: float = 1.0,
        sparsity: float = 1e-3,
        shrinkage: float = 0.8,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_feature_groups = n_feature_groups
        self.n_feature_nodes = n_feature_nodes
        self.n_enhancement_nodes = n_enhancement_nodes
        self.alpha = alpha
        self.sparsity = sparsity
        self.shrinkage = shrinkage
        self.random_state = random_state

    # --- growing ---------------------------------------------------------------------------------

    def add_enhancement_nodes(self, n: int, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Add enhancement nodes and solve again; the nodes that are there stay as they are.

        Parameters
        ----------
        n : int
            How many.
        X, y, sample_weight : array_like
            All samples seen so far, once more and in any order: new nodes must hear them, and none
            is kept. They are read a block of rows at a time, so ``numpy.memmap`` serves too.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If these are not the samples seen so far.
        """
        X, y, weight = self._check_again(n, X, y, sample_weight)
        heard = np.append(np.arange(self.feature_weights_.shape[1]), -1)
        weights, bias = draw_enhancement(
            self.gram_[np.ix_(heard, heard)], n, self.shrinkage, self._random_for_growth()
        )
        return self._grow(X, y, weight, np.empty((X.shape[1], 0)), weights, bias)

    def add_feature_nodes(
        self,
        n: int,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        n_enhancement_nodes: int = 0,
    ) -> Self:
        """Add a group of feature nodes and solve again; the nodes that are there stay as they are.

        Parameters
        ----------
        n : int
            How many.
        X, y, sample_weight : array_like
            All samples seen so far, as for `add_enhancement_nodes`.
        n_enhancement_nodes : int, default 0
            So many new enhancement nodes are driven by the new feature nodes alone, as the paper
            has it. `add_enhancement_nodes` adds some that are driven by all feature nodes.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If these are not the samples seen so far.
        """
        X, y, weight = self._check_again(n, X, y, sample_weight)
        random = self._random_for_growth()
        features, gram = self._draw_features(X, weight, 1, n, random)
        weights, bias = draw_enhancement(gram, n_enhancement_nodes, self.shrinkage, random)
        deaf = np.zeros((self.feature_weights_.shape[1], n_enhancement_nodes))
        return self._grow(X, y, weight, features, np.vstack([deaf, weights]), bias)

    def _check_again(self, n: int, X: Any, y: Any, weight: Any) -> tuple[Any, Any, Matrix]:
        check_is_fitted(self)
        if n < 1:
            raise ValueError(f"at least 1 node can be added, not {n}")
        return self._check_samples(X, y, weight, first=False)

    def _random_for_growth(self) -> np.random.RandomState:
        """Return a source of maps unlike those drawn before, the same for the same nodes."""
        seed: Any = self.random_state
        if isinstance(seed, Integral):
            seed = np.random.RandomState([seed, *self.enhancement_weights_.shape])
        random: np.random.RandomState = check_random_state(seed)
        return random

    def _grow(
        self, X: Any, y: Any, weight: Matrix, features: Matrix, enhancement: Matrix, bias: Matrix
    ) -> Self:
        """Join nodes to those there are, and the products of their outputs to `gram_`."""
        n_old, n_new = self.feature_weights_.shape[1], features.shape[1]
        old = self.enhancement_weights_
        is_new = np.repeat(
            [False, True, False, True, False], [n_old, n_new, old.shape[1], len(bias), 1]
        )
        grown = copy.copy(self)
        grown._set_nodes(
            np.hstack([self.feature_weights_, features]),
            np.hstack([np.vstack([old, np.zeros((n_new, old.shape[1]))]), enhancement]),
            np.append(self.enhancement_bias_, bias),
        )
        kept, new = np.flatnonzero(~is_new), np.flatnonzero(is_new)
        # The row of the last column, of ones, holds the sums of the nodes.
        rows, cross = grown._products(X, y, weight, np.append(new, -1))
        self._check_heard(rows[-1, kept], cross[kept])
        gram = np.zeros((len(is_new),) * 2)
        gram[np.ix_(kept, kept)] = self.gram_
        gram[new], gram[:, new] = rows[:-1], rows[:-1].T
        cross[kept] = self.cross_
        grown._learn(X, y, weight, gram, cross, fresh=True)
        self.__dict__.update(vars(grown))
        return self

    def _check_heard(self, sums: Matrix, cross: Matrix) -> None:
        """Raise ValueError unless these sums over samples are those of the samples seen so far."""
        total = self.gram_[-1, -1]
        tolerance = np.sqrt(np.finfo(self.mean_.dtype).eps)
        # No sum of a node can be larger than this.
        largest = np.sqrt(total * np.diagonal(self.gram_))
        same = (np.abs(sums - self.gram_[-1]) <= tolerance * largest).all() and (
            np.abs(cross - self.cross_) <= tolerance * np.abs(self.cross_).max(axis=0)
        ).all()
        if not same:
            raise ValueError(
                "new nodes must hear all samples seen so far, and only those: X, y or "
                f"sample_weight are others (their weights sum to {sums[-1]:g}, not {total:g})"
            )

    # --- the parts of fit ------------------------------------------------------------------------

    def _fit(self, X: Any, y: Any, weight: Matrix) -> Self:
        """Draw the nodes and learn from the first samples."""
        random = check_random_state(self.random_state)
        mean, scale = column_moments(X, weight)
        self.mean_, self.scale_ = mean.astype(X.dtype), scale.astype(X.dtype)
        features, gram = self._draw_features(
            X, weight, self.n_feature_groups, self.n_feature_nodes, random
        )
        self._set_nodes(
            features, *draw_enhancement(gram, self.n_enhancement_nodes, self.shrinkage, random)
        )
        gram, cross = self._products(X, y, weight, slice(None))
        self._learn(X, y, weight, gram, cross, fresh=True)
        return self

    def _partial_fit(self, X: Any, y: Any, weight: Matrix) -> Self:
        """Learn from more samples."""
        gram, cross = self._products(X, y, weight, slice(None))
        self._learn(X, y, weight, self.gram_ + gram, self.cross_ + cross, fresh=False)
        return self

    def _check_parameters(self) -> None:
        for name in ("n_feature_groups", "n_feature_nodes"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        for name in ("n_enhancement_nodes", "sparsity"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative, not {getattr(self, name)}")
        for name in ("alpha", "shrinkage"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, not {getattr(self, name)}")

    def _check_samples(
        self, X: Any, y: Any, weight: Any, *, first: bool
    ) -> tuple[Any, Any, Matrix]:
        """Return valid samples; nothing is copied that has the right dtype already."""
        if first:
            self._check_parameters()
        dtype = [np.float64, np.float32] if first else self.mean_.dtype
        X, y = validate_data(
            self,
            X,
            y,
            dtype=dtype,
            multi_output=True,
            reset=first,
            ensure_min_samples=2 if first else 1,
        )
        if weight is None:
            weight = np.broadcast_to(np.float64(1), len(X))
        else:
            weight = _check_sample_weight(weight, X, dtype=np.float64, ensure_non_negative=True)
        y = y.toarray() if issparse(y) else y
        return X, self._check_targets(y, first=first), weight

    def _draw_features(
        self, X: Any, weight: Matrix, n_groups: int, n: int, random: np.random.RandomState
    ) -> tuple[Matrix, Matrix]:
        """Return weights of feature nodes, and the products of the nodes and a column of ones."""
        maps = np.hstack([random.uniform(-1, 1, (X.shape[1], n)) for _ in range(n_groups)])
        total = float(weight.sum())
        inputs = (Z * root for _, Z, root in self._blocks(X, weight))
        weights = draw_features(inputs, total, maps, n, self.sparsity)
        gram = np.zeros((maps.shape[1] + 1,) * 2)
        for _, Z, root in self._blocks(X, weight):
            nodes = np.column_stack([Z @ weights, np.ones(len(Z))]) * root
            gram += nodes.T @ nodes
        # A mean square of 1, so that one alpha suits every node.
        scale = root_mean_squares(gram, total)
        return weights / scale[:-1], gram / np.outer(scale, scale)

    def _set_nodes(self, features: Matrix, enhancement: Matrix, bias: Matrix) -> None:
        dtype = self.mean_.dtype
        self.feature_weights_ = features.astype(dtype)
        self.enhancement_weights_ = enhancement.astype(dtype)
        self.enhancement_bias_ = bias.astype(dtype)

    def _blocks(self, X: Any, weight: Matrix) -> Iterator[tuple[slice, Any, Matrix]]:
        """Yield some rows, their standardised inputs, and the square roots of their weights."""
        for rows in row_blocks(len(X)):
            yield rows, (X[rows] - self.mean_) / self.scale_, np.sqrt(weight[rows])[:, None]

    def _columns(self, Z: Any) -> Any:
        """Return A: the nodes of standardised inputs, and a last column of ones."""
        nodes = broad_nodes(
            Z, self.feature_weights_, self.enhancement_weights_, self.enhancement_bias_
        )
        return np.column_stack([nodes, np.ones(len(Z), dtype=Z.dtype)])

    def _products(self, X: Any, y: Any, weight: Matrix, chosen: Any) -> tuple[Matrix, Matrix]:
        """Return the chosen rows of ``A.T @ A``, and ``A.T @ Y``: weighted sums over samples."""
        n_columns = len(self.enhancement_bias_) + self.feature_weights_.shape[1] + 1
        gram = np.zeros((n_columns, n_columns))[chosen]
        cross = np.zeros((n_columns, self._targets(y[:1]).shape[1]))
        for rows, Z, root in self._blocks(X, weight):
            A = self._columns(Z) * root
            gram += A[:, chosen].T @ A
            cross += A.T @ (self._targets(y[rows]) * root)
        return gram, cross

    def _learn(
        self, X: Any, y: Any, weight: Matrix, gram: Matrix, cross: Matrix, *, fresh: bool
    ) -> None:
        """Solve the ridge for all samples seen, of which these are new, or all if `fresh`.

        The factor is computed anew. For m nodes that costs m**3 / 3 products, as many as hearing
        m / 3 samples; an update of the last factor would cost less for a few samples only, is not
        in LAPACK, and would pile up rounding errors.
        """
        weights, factor = solve_ridge(gram, cross, self.alpha)
        weights = weights.astype(self.mean_.dtype)
        self.gram_, self.cross_ = gram, cross
        self.coef_, self.intercept_ = weights[:-1], weights[-1]
        self._calibrate(X, y, weight, factor, fresh=fresh)

    def _outputs(self, X: Any) -> Any:
        check_is_fitted(self)
        X = validate_data(self, X, dtype=self.mean_.dtype, reset=False)
        outputs = np.empty((len(X), len(self.intercept_)), dtype=X.dtype)
        for rows, Z, _ in self._blocks(X, np.broadcast_to(np.float64(1), len(X))):
            outputs[rows] = self._columns(Z)[:, :-1] @ self.coef_ + self.intercept_
        return outputs

    # --- what a subclass says --------------------------------------------------------------------

    def _check_targets(self, y: Any, *, first: bool) -> Any:
        """Return valid `y`; those of the first samples say what there is to predict."""
        raise NotImplementedError

    def _targets(self, y: Any) -> Matrix:
        """Return what the outputs should be, shape (rows, n_outputs)."""
        raise NotImplementedError

    def _calibrate(self, X: Any, y: Any, weight: Matrix, factor: Matrix, *, fresh: bool) -> None:
        """Learn how sure the outputs are, from new samples, or from all if `fresh`."""

    def _facts(self) -> dict[str, Any]:
        """Return what a manifest says of the targets."""
        raise NotImplementedError

    def _restore(self, facts: Mapping[str, Any]) -> int:
        """Take what `_facts` returned, and return the number of outputs that it speaks of.

        Raises ValueError, TypeError or KeyError if it is odd.
        """
        raise NotImplementedError

    # --- the folder ------------------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted model to a folder of safetensors and JSON."""
        save_folder(path, *self.to_parts())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a model that `save` wrote.

        Raises
        ------
        ModelError
            If the folder is damaged or holds something else.
        """
        return cls.from_parts(*load_folder(path, kind=cls.__name__), source=path)

    def to_parts(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return what a folder needs: a manifest for JSON, and arrays."""
        check_is_fitted(self)
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
