"""What scikit-learn's models learned, as plain arrays, and the arithmetic that answers from them.

scikit-learn keeps its models as pickles, which run what is in them. Here a fitted pipeline of
`chordmer.models.classic` is taken apart into arrays that a safetensors file can hold; predicting
from them needs numpy only, and gives what the pipeline gives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.pipeline import Pipeline

__all__ = ["Arrays", "answer", "fits", "freeze"]

Arrays = dict[str, NDArray[Any]]
_Matrix = NDArray[np.float64]

#: Rows that meet the support vectors at a time.
_ROWS = 1024


# --- least squares -------------------------------------------------------------------------------


def _freeze_linear(machine: Any, _Z: _Matrix, n_outputs: int) -> Arrays:
    coef = np.reshape(machine.coef_, (n_outputs, -1)).T
    return {"coef": coef, "intercept": np.reshape(machine.intercept_, n_outputs)}


def _answer_linear(Z: _Matrix, arrays: Mapping[str, NDArray[Any]]) -> _Matrix:
    answers: _Matrix = Z @ arrays["coef"] + arrays["intercept"]
    return answers


def _check_linear(arrays: Mapping[str, NDArray[Any]], n_features: int, n_outputs: int) -> bool:
    return (
        arrays["coef"].shape == (n_features, n_outputs)
        and arrays["intercept"].shape == (n_outputs,)
        and _are_floats(arrays)
    )


# --- support vectors -----------------------------------------------------------------------------


def _freeze_regressor(machine: Any, Z: _Matrix, n_outputs: int) -> Arrays:
    parts = getattr(machine, "estimators_", [machine])
    sizes = [len(part.support_) for part in parts]
    dual = np.zeros((sum(sizes), n_outputs))
    for column, (part, end) in enumerate(zip(parts, np.cumsum(sizes))):
        dual[end - len(part.support_) : end, column] = part.dual_coef_[0]
    return {
        "vectors": np.concatenate([part.support_vectors_ for part in parts]),
        "dual": dual,
        "intercept": np.concatenate([part.intercept_ for part in parts]),
        "gamma": _scale_gamma(Z),
    }


def _freeze_classifier(machine: Any, Z: _Matrix, n_classes: int) -> Arrays:
    (calibrated,) = machine.calibrated_classifiers_
    svc = calibrated.estimator
    pairs = list(combinations(range(n_classes), 2))
    own = np.repeat(np.arange(n_classes), svc.n_support_)
    # scikit-learn keeps what a vector weighs against each other class; here it is a column a pair.
    dual = np.zeros((len(own), len(pairs)))
    for column, (i, j) in enumerate(pairs):
        dual[own == i, column] = svc.dual_coef_[j - 1, own == i]
        dual[own == j, column] = svc.dual_coef_[i, own == j]
    return {
        "vectors": svc.support_vectors_,
        "dual": dual,
        "intercept": svc.intercept_,
        "gamma": _scale_gamma(Z),
        "slope": np.array([curve.a_ for curve in calibrated.calibrators]),
        "offset": np.array([curve.b_ for curve in calibrated.calibrators]),
    }


def _scale_gamma(Z: _Matrix) -> NDArray[np.float64]:
    variance = Z.var()
    return np.array([1.0 / (Z.shape[1] * variance) if variance > 0 else 1.0])


def _answer_regressor(Z: _Matrix, arrays: Mapping[str, NDArray[Any]]) -> _Matrix:
    """Return kernel sums: equation 6 of the CBSA paper, with the kernel of equation 5."""
    vectors, gamma = arrays["vectors"], arrays["gamma"]
    norms = (vectors**2).sum(axis=1)
    answers = np.empty((len(Z), arrays["dual"].shape[1]))
    for start in range(0, len(Z), _ROWS):
        rows = Z[start : start + _ROWS]
        squares = (rows**2).sum(axis=1)[:, None] - 2 * rows @ vectors.T + norms
        kernel = np.exp(-gamma * np.maximum(squares, 0))
        answers[start : start + _ROWS] = kernel @ arrays["dual"] + arrays["intercept"]
    return answers


def _answer_classifier(Z: _Matrix, arrays: Mapping[str, NDArray[Any]]) -> _Matrix:
    decisions = _answer_regressor(Z, arrays)
    if decisions.shape[1] == 1:
        second = expit(-(arrays["slope"] * decisions + arrays["offset"]))
        return np.hstack([1 - second, second])
    n_classes = len(arrays["slope"])
    votes, sums = np.zeros((2, len(Z), n_classes))
    for (i, j), decision in zip(combinations(range(n_classes), 2), decisions.T):
        votes[:, i] += decision >= 0
        votes[:, j] += decision < 0
        sums[:, i] += decision
        sums[:, j] -= decision
    # Less than half a vote, so that it decides between equal numbers of votes only.
    scores = votes + sums / (3 * (np.abs(sums) + 1))
    shares = expit(-(arrays["slope"] * scores + arrays["offset"]))
    total = shares.sum(axis=1, keepdims=True)
    return np.where(total > 0, shares / np.where(total > 0, total, 1), 1 / n_classes)


def _check_regressor(arrays: Mapping[str, NDArray[Any]], n_features: int, n_outputs: int) -> bool:
    n_vectors = len(arrays["vectors"])
    return (
        arrays["vectors"].shape == (n_vectors, n_features)
        and arrays["dual"].shape == (n_vectors, n_outputs)
        and arrays["intercept"].shape == (n_outputs,)
        and arrays["gamma"].shape == (1,)
        and bool(arrays["gamma"][0] > 0)
        and _are_floats(arrays)
    )


def _check_classifier(arrays: Mapping[str, NDArray[Any]], n_features: int, n_classes: int) -> bool:
    curves = (n_classes if n_classes > 2 else 1,)
    n_pairs = n_classes * (n_classes - 1) // 2
    return arrays["slope"].shape == arrays["offset"].shape == curves and _check_regressor(
        arrays, n_features, n_pairs
    )


# --- trees ---------------------------------------------------------------------------------------


def _freeze_trees(machine: Any, _Z: _Matrix, _n_classes: int) -> Arrays:
    trees = [part.tree_ for part in getattr(machine, "estimators_", [machine])]
    starts = np.cumsum([0, *(tree.node_count for tree in trees)])
    shares = np.concatenate([tree.value[:, 0] for tree in trees])
    children = [
        np.where(own < 0, -1, own + start)
        for start, tree in zip(starts, trees)
        for own in (tree.children_left, tree.children_right)
    ]
    return {
        "roots": starts[:-1].astype(np.int64),
        "left": np.concatenate(children[::2]).astype(np.int64),
        "right": np.concatenate(children[1::2]).astype(np.int64),
        "feature": np.concatenate([tree.feature for tree in trees]).astype(np.int64),
        "threshold": np.concatenate([tree.threshold for tree in trees]),
        "shares": shares / shares.sum(axis=1, keepdims=True),
    }


def _answer_trees(Z: _Matrix, arrays: Mapping[str, NDArray[Any]]) -> _Matrix:
    # Thresholds were found among values in float32.
    values = Z.astype(np.float32)
    total = np.zeros((len(Z), arrays["shares"].shape[1]))
    for root in arrays["roots"]:
        nodes = np.full(len(Z), root)
        inner = np.flatnonzero(arrays["left"][nodes] >= 0)
        while len(inner):
            here = nodes[inner]
            left = values[inner, arrays["feature"][here]] <= arrays["threshold"][here]
            nodes[inner] = np.where(left, arrays["left"][here], arrays["right"][here])
            inner = inner[arrays["left"][nodes[inner]] >= 0]
        total += arrays["shares"][nodes]
    return total / len(arrays["roots"])


def _check_trees(arrays: Mapping[str, NDArray[Any]], n_features: int, n_classes: int) -> bool:
    roots, left, right = arrays["roots"], arrays["left"], arrays["right"]
    n_nodes = len(left)
    whole = ("roots", "left", "right", "feature")
    shaped = (
        all(arrays[name].dtype == np.int64 for name in whole)
        and _are_floats({name: arrays[name] for name in ("threshold", "shares")})
        and all(arrays[name].shape == (n_nodes,) for name in (*whole[1:], "threshold"))
        and arrays["shares"].shape == (n_nodes, n_classes)
        and roots.ndim == 1
        and 0 < len(roots) <= n_nodes
        and bool(((roots >= 0) & (roots < n_nodes)).all())
    )
    if not shaped:
        return False
    inner = left >= 0
    own = np.flatnonzero(inner)
    # Children come after their parent, so that every way down ends.
    return bool(
        (inner == (right >= 0)).all()
        and ((left[own] > own) & (left[own] < n_nodes)).all()
        and ((right[own] > own) & (right[own] < n_nodes)).all()
        and ((arrays["feature"][own] >= 0) & (arrays["feature"][own] < n_features)).all()
        and (arrays["shares"] >= 0).all()
        and np.allclose(arrays["shares"].sum(axis=1), 1)
    )


def _are_floats(arrays: Mapping[str, NDArray[Any]]) -> bool:
    return all(array.dtype == np.float64 for array in arrays.values())


# --- by name -------------------------------------------------------------------------------------

#: For each model: how it is taken apart, how it answers, what its arrays are.
_TREES = (_freeze_trees, _answer_trees, _check_trees)
_FORMS: Mapping[str, tuple[Callable[..., Arrays], Callable[..., _Matrix], Callable[..., bool]]] = {
    "decision_tree": _TREES,
    "linear_regression": (_freeze_linear, _answer_linear, _check_linear),
    "random_forest": _TREES,
    "svm": (_freeze_classifier, _answer_classifier, _check_classifier),
    "svr": (_freeze_regressor, _answer_regressor, _check_regressor),
}
_SUPPORT = {"vectors", "dual", "intercept", "gamma"}
_NODES = {"roots", "left", "right", "feature", "threshold", "shares"}
_NAMES = {
    "decision_tree": _NODES,
    "linear_regression": {"coef", "intercept"},
    "random_forest": _NODES,
    "svm": {*_SUPPORT, "slope", "offset"},
    "svr": _SUPPORT,
}


def freeze(name: str, pipeline: Pipeline, X: _Matrix, n_outputs: int) -> Arrays:
    """Return all that a fitted pipeline learned.

    Parameters
    ----------
    name : str
        Of the function in `chordmer.models.classic` that made it.
    pipeline : Pipeline
        Fitted to `X` and to class codes 0, 1, ... or numbers.
    X : ndarray of float64, shape (n_samples, n_features)
    n_outputs : int
        Classes or targets.

    Returns
    -------
    dict of str to ndarray
    """
    scaler, machine = pipeline[0], pipeline[-1]
    learned = _FORMS[name][0](machine, scaler.transform(X), n_outputs)
    return {"mean": scaler.mean_, "scale": scaler.scale_, **learned}


def answer(name: str, X: _Matrix, arrays: Mapping[str, NDArray[Any]]) -> _Matrix:
    """Return probabilities of classes, or targets, shape (n_samples, n_outputs)."""
    return _FORMS[name][1]((X - arrays["mean"]) / arrays["scale"], arrays)


def fits(name: str, arrays: Mapping[str, NDArray[Any]], n_outputs: int) -> bool:
    """Return whether `arrays` are such as `freeze` makes: safe to answer from, whoever made them.

    Their numbers must be finite already, which `chordmer.folder.load_folder` sees to.
    """
    if set(arrays) != {"mean", "scale", *_NAMES[name]} or arrays["mean"].ndim != 1:
        return False
    mean, scale = arrays["mean"], arrays["scale"]
    learned = {key: array for key, array in arrays.items() if key not in ("mean", "scale")}
    return (
        _are_floats({"mean": mean, "scale": scale})
        and mean.shape == scale.shape
        and bool((scale > 0).all())
        and all(array.ndim > 0 for array in learned.values())
        and _FORMS[name][2](learned, len(mean), n_outputs)
    )
