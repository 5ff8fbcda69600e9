"""The Broad Learning System: wide random features and one closed-form solution (Chen & Liu 2018).

C. L. P. Chen and Z. Liu, "Broad Learning System: An Effective and Efficient Incremental Learning
System Without the Need for Deep Architecture", IEEE Trans. Neural Networks and Learning Systems
29(1), 2018.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from chordmer.errors import ModelError
from chordmer.folder import load_folder, save_folder
from chordmer.models.inference import broad_nodes, softmax

__all__ = ["BroadLearningClassifier", "sparse_code"]

_ADMM_STEPS = 50

#: The arrays of a saved model: dtype and shape.
_ARRAYS: dict[str, tuple[str, tuple[int | str, ...]]] = {
    "mean": ("float64", ("n_features",)),
    "scale": ("float64", ("n_features",)),
    "feature_weights": ("float64", ("n_features", "n_feature_nodes")),
    "enhancement_weights": ("float64", ("n_feature_nodes", "n_enhancement_nodes")),
    "enhancement_bias": ("float64", ("n_enhancement_nodes",)),
    "coef": ("float64", ("n_nodes", "n_classes")),
    "intercept": ("float64", ("n_classes",)),
    "gram": ("float64", ("n_columns", "n_columns")),
    "cross": ("float64", ("n_columns", "n_classes")),
}


class BroadLearningClassifier(ClassifierMixin, BaseEstimator):
    """Classify by a ridge regression on random feature nodes and enhancement nodes.

    Inputs are standardised. Each group of feature nodes is a random linear map, fine-tuned by a
    sparse autoencoder so that the nodes rebuild the input from few of them (equations 1 and 8 to
    11 of the paper). Enhancement nodes are `tanh` of an orthonormal random map of all feature
    nodes (equation 2). The output weights solve a ridge regression on the class indicators
    (equation 3) exactly, by a Cholesky factor of the Gram matrix. Everything is float64.

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
        Draws the maps. The same number gives the same model.

    Attributes
    ----------
    classes_ : ndarray, shape (n_classes,)
    n_features_in_ : int
    mean_, scale_ : ndarray, shape (n_features,)
        Of the inputs.
    feature_weights_ : ndarray, shape (n_features, n_f)
        From standardised inputs to feature nodes, ``n_f = n_feature_groups * n_feature_nodes``.
    enhancement_weights_, enhancement_bias_ : ndarray, shapes (n_f, n_e) and (n_e,)
        From feature nodes to enhancement nodes.
    coef_, intercept_ : ndarray, shapes (n_f + n_e, n_classes) and (n_classes,)
    gram_, cross_ : ndarray, shapes (n_f + n_e + 1,) * 2 and (n_f + n_e + 1, n_classes)
        ``A.T @ A`` and ``A.T @ Y``, A being the nodes and a last column of ones: all that a
        solution needs of the samples, so that more samples can be added to it.
    temperature_ : float
        What decision values are divided by before the softmax of `predict_proba`.

    Notes
    -----
    Ridge outputs are no probabilities. `temperature_` is the one under which the leave-one-out
    decision values (exact, from the diagonal of the hat matrix) have the least log loss, so it is
    fitted on values the model did not fit itself, at the price of one division. Where samples come
    in groups, as clips of a song do, calibrate again on held-out groups.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> bls = BroadLearningClassifier(random_state=0).fit(X, y)
    >>> bool(bls.score(X, y) > 0.95)
    True
    """

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

    def fit(self, X: Any, y: Any) -> BroadLearningClassifier:
        """Draw and tune the nodes, solve for the output weights, calibrate.

        Parameters
        ----------
        X : array_like, shape (n_samples, n_features)
        y : array_like, shape (n_samples,)

        Returns
        -------
        self
        """
        self._check_parameters()
        X, y = validate_data(self, X, y, dtype=np.float64, ensure_min_samples=2)
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError("the samples are of 1 class; a classifier needs 2 or more")
        self._fit_nodes(X, check_random_state(self.random_state))
        nodes = np.column_stack([self._nodes(X), np.ones(len(X))])
        targets = np.eye(len(self.classes_))[codes]
        self.gram_ = nodes.T @ nodes
        self.cross_ = nodes.T @ targets
        factor = self._solve()
        self.temperature_ = self._calibrate(nodes, codes, factor)
        return self

    def decision_function(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the ridge outputs, shape (n_samples, n_classes).

        With two classes, that of the second less that of the first, shape (n_samples,).
        """
        outputs = self._outputs(X)
        return outputs if outputs.shape[1] > 2 else outputs[:, 1] - outputs[:, 0]

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the probability of each class, shape (n_samples, n_classes)."""
        outputs = self._outputs(X)
        return softmax(outputs / self.temperature_)

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the likeliest class of each row, shape (n_samples,)."""
        codes = self._outputs(X).argmax(axis=1)
        chosen: NDArray[Any] = self.classes_[codes]
        return chosen

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted model to a folder of safetensors and JSON."""
        check_is_fitted(self)
        seed = self.random_state
        parameters = {**self.get_params(), "random_state": seed if isinstance(seed, int) else None}
        manifest = {
            "kind": "BroadLearningClassifier",
            "parameters": parameters,
            "classes": self.classes_.tolist(),
            "temperature": self.temperature_,
            "feature_names": getattr(self, "feature_names_in_", np.array([])).tolist(),
        }
        save_folder(path, manifest, {name: getattr(self, f"{name}_") for name in _ARRAYS})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> BroadLearningClassifier:
        """Read a model that `save` wrote.

        Raises
        ------
        ModelError
            If the folder is damaged or holds something else.
        """
        manifest, arrays = load_folder(path, kind="BroadLearningClassifier", expected=_ARRAYS)
        try:
            model = cls(**manifest["parameters"])
            model._check_parameters()
            model.classes_ = np.array(manifest["classes"])
            model.temperature_ = float(manifest["temperature"])
            names = np.array(manifest["feature_names"], dtype=object)
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"odd parameters: {error}", source=path, stage="manifest") from error
        for name, array in arrays.items():
            setattr(model, f"{name}_", array)
        n_nodes = model.feature_weights_.shape[1] + len(model.enhancement_bias_)
        agree = (
            model.classes_.shape == model.intercept_.shape
            and model.temperature_ > 0
            and len(names) in (0, len(model.mean_))
            and len(model.coef_) == n_nodes == len(model.gram_) - 1
        )
        if not agree:
            raise ModelError("its parts do not fit together", source=path, stage="arrays")
        model.n_features_in_ = len(model.mean_)
        if len(names):
            model.feature_names_in_ = names
        return model

    # --- the parts of fit ------------------------------------------------------------------------

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

    def _fit_nodes(self, X: NDArray[np.float64], random: np.random.RandomState) -> None:
        self.mean_, self.scale_ = X.mean(axis=0), _spread(X)
        Z = (X - self.mean_) / self.scale_
        self.feature_weights_ = np.hstack(
            [
                sparse_code(Z, self._random_nodes(Z, random), self.sparsity)
                for _ in range(self.n_feature_groups)
            ]
        )
        nodes = Z @ self.feature_weights_
        # Unit variance, so that one alpha suits every node; the mean of Z is already 0.
        self.feature_weights_ /= _spread(nodes)
        nodes = Z @ self.feature_weights_
        maps = _orthonormal(nodes.shape[1] + 1, self.n_enhancement_nodes, random)
        drive = np.column_stack([nodes, np.ones(len(nodes))]) @ maps
        maps *= self.shrinkage / max(float(drive.std()), 1e-12) if drive.size else 1.0
        self.enhancement_weights_, self.enhancement_bias_ = maps[:-1], maps[-1]

    def _random_nodes(
        self, Z: NDArray[np.float64], random: np.random.RandomState
    ) -> NDArray[np.float64]:
        nodes = Z @ random.uniform(-1, 1, (Z.shape[1], self.n_feature_nodes))
        return nodes / _spread(nodes)

    def _nodes(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        return broad_nodes(
            (X - self.mean_) / self.scale_,
            self.feature_weights_,
            self.enhancement_weights_,
            self.enhancement_bias_,
        )

    def _solve(self) -> Any:
        """Solve the ridge from `gram_` and `cross_`; the intercept is not penalised."""
        penalised = self.gram_.copy()
        diagonal = np.arange(len(penalised) - 1)
        penalised[diagonal, diagonal] += self.alpha
        factor = cho_factor(penalised, lower=True)
        solution = cho_solve(factor, self.cross_)
        self.coef_, self.intercept_ = solution[:-1], solution[-1]
        return factor

    def _calibrate(self, nodes: NDArray[np.float64], codes: NDArray[np.intp], factor: Any) -> float:
        """Return the temperature with the least leave-one-out log loss."""
        targets = np.eye(len(self.classes_))[codes]
        fitted = nodes[:, :-1] @ self.coef_ + self.intercept_
        leverage = (solve_triangular(factor[0], nodes.T, lower=True) ** 2).sum(axis=0)[:, None]
        held_out = (fitted - leverage * targets) / np.maximum(1.0 - leverage, 1e-6)

        def log_loss(log_temperature: float) -> float:
            scaled = held_out / np.exp(log_temperature)
            own = np.take_along_axis(scaled, codes[:, None], axis=1)[:, 0]
            return float(np.mean(logsumexp(scaled, axis=1) - own))

        best = minimize_scalar(log_loss, bounds=(np.log(1e-2), np.log(1e2)), method="bounded")
        return float(np.exp(best.x))

    def _outputs(self, X: Any) -> NDArray[np.float64]:
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        outputs: NDArray[np.float64] = self._nodes(X) @ self.coef_ + self.intercept_
        return outputs


def sparse_code(
    Z: NDArray[np.float64], nodes: NDArray[np.float64], sparsity: float
) -> NDArray[np.float64]:
    r"""Return weights of nodes that a sparse autoencoder found for the inputs `Z`.

    Solves the lasso of the paper's equation 8,
    :math:`\min_W \frac{1}{2n} \lVert H W - Z \rVert_2^2 + \lambda \lVert W \rVert_1`, by the
    alternating direction method of multipliers (equations 9 to 11, 50 steps). The fine-tuned nodes
    are ``Z @ W.T``.

    Parameters
    ----------
    Z : ndarray, shape (n_samples, n_features)
        Standardised inputs.
    nodes : ndarray, shape (n_samples, n_nodes)
        H, the randomly mapped inputs.
    sparsity : float
        lambda. The paper's objective is not divided by n; here it is, so that the meaning does not
        change with the number of samples.

    Returns
    -------
    ndarray, shape (n_features, n_nodes)
    """
    n = len(Z)
    factor = cho_factor(nodes.T @ nodes / n + np.eye(nodes.shape[1]))
    target = nodes.T @ Z / n
    sparse = np.zeros_like(target)
    dual = np.zeros_like(target)
    for _ in range(_ADMM_STEPS):
        dense = cho_solve(factor, target + sparse - dual)
        sparse = _soft_threshold(dense + dual, sparsity)
        dual += dense - sparse
    return np.ascontiguousarray(sparse.T)


def _soft_threshold(values: NDArray[np.float64], width: float) -> NDArray[np.float64]:
    shrunk: NDArray[np.float64] = np.sign(values) * np.maximum(np.abs(values) - width, 0.0)
    return shrunk


def _spread(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the standard deviation of each column, 1 where a column is constant."""
    spread = values.std(axis=0)
    tiny = 1e-12 * np.maximum(np.abs(values).max(axis=0), 1e-300)
    return np.where(spread > tiny, spread, 1.0)


def _orthonormal(n_rows: int, n_columns: int, random: np.random.RandomState) -> NDArray[np.float64]:
    """Return a random matrix with orthonormal columns, or rows where it is wider than tall."""
    tall = random.standard_normal((max(n_rows, n_columns), min(n_rows, n_columns)))
    basis = np.linalg.qr(tall)[0]
    return basis if n_rows >= n_columns else np.ascontiguousarray(basis.T)
