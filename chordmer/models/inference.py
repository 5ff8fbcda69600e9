"""What the bundled model does with numbers, in numpy alone: nothing here needs scikit-learn.

The model has two experts. *Notes* hears pitch and time; *dynamics* hears velocities as well, and is
asked only where they are those of a performance, since a score's say little or nothing. Each is the
mean of three opinions on the same standardised descriptors: a multinomial logistic regression, a
Broad Learning System, and extremely randomised trees.

Arrays of a model, by name (d descriptors in, E is ``notes`` or ``dynamics``, k of them used by it):

==================================  ================  =========================================
``E.columns``                       int64 (k,)        which of the d descriptors it uses
``E.low``, ``E.high``               float64 (k,)      limits each is first clipped to
``E.mean``, ``E.scale``             float64 (k,)      then standardised by
``E.linear_coef``, ``_intercept``   float64           logistic regression, (k, 4) and (4,)
``E.broad_features``                float64 (k, n_f)  feature nodes of the Broad Learning System
``E.broad_enhancement``, ``_bias``  float64           its enhancement nodes, (n_f, n_e) and (n_e,)
``E.broad_coef``, ``_intercept``    float64           its outputs, over its temperature
``E.tree_root``                     int32 (t,)        the first node of each tree
``E.tree_feature``                  int16 (m,)        what a node asks for; -1 at a leaf
``E.tree_threshold``                float32 (m,)      at most this: on to the next node
``E.tree_right``                    int32 (m,)        more: on to this node; at a leaf: its row
``E.tree_leaf``                     float32 (l, 4)    probabilities
``members``                         float64 (3,)      weights of linear, broad, trees; their sum 1
``loudness``                        int64 (3,)        mean, change and spread of velocity
``relative``                        int64 (r,)        descriptors to divide by the mean velocity
``gate``                            float64 (3,)      see `is_played`; weight of *dynamics*
``temperature``                     float64 (2,)      calibration without and with *dynamics*
``novelty_mean``, ``_scale``        float64 (k,)      for the descriptors of *notes*
``novelty_whitening``               float32 (k, k)    distances are Euclidean after it
==================================  ================  =========================================
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "broad_nodes",
    "is_played",
    "novelty",
    "opinions",
    "predict_proba",
    "relative",
    "softmax",
    "standardize",
]

Arrays = Mapping[str, NDArray[Any]]


def predict_proba(arrays: Arrays, X: NDArray[Any]) -> NDArray[np.float64]:
    """Return the probabilities of Q1 to Q4, shape (n, 4), for descriptors of shape (n, d)."""
    X = relative(arrays, X)
    played = is_played(arrays, X)
    probabilities = _expert(arrays, "notes", X)
    if played.any():
        heard = _expert(arrays, "dynamics", X[played])
        probabilities[played] += arrays["gate"][2] * (heard - probabilities[played])
    temperature = arrays["temperature"][played.astype(np.intp)]
    return softmax(np.log(np.maximum(probabilities, 1e-12)) / temperature[:, None])


def relative(arrays: Arrays, X: NDArray[Any]) -> NDArray[np.float64]:
    """Return the descriptors with those in units of velocity divided by the mean velocity."""
    X = np.array(X, dtype=np.float64)
    mean = X[:, arrays["loudness"][0], None]
    X[:, arrays["relative"]] /= np.maximum(mean, 1.0)
    return X


def is_played(arrays: Arrays, X: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return where dynamics are those of hands, shape (n,); `X` comes from `relative`.

    Velocities must change from onset to onset, and not much less than they vary over the piece: in
    a performance each note differs from the last, under the dynamic marks of a score hardly any.
    """
    _, change, spread = arrays["loudness"]
    least, share, _ = arrays["gate"]
    played: NDArray[np.bool_] = X[:, change] > np.maximum(least, share * X[:, spread])
    return played


def novelty(arrays: Arrays, X: NDArray[Any]) -> NDArray[np.float64]:
    """Return how far each row of descriptors lies from the training pieces, shape (n,).

    The Mahalanobis distance of the descriptors of *notes* under a shrunk covariance, divided by the
    square root of their number: about 1 for a training piece.
    """
    chosen = X[:, arrays["notes.columns"]]
    Z = (chosen - arrays["novelty_mean"]) / arrays["novelty_scale"]
    distances: NDArray[np.float64] = np.sqrt(((Z @ arrays["novelty_whitening"]) ** 2).mean(axis=1))
    return distances


def standardize(expert: Arrays, X: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the descriptors as an expert hears them, shape (n, k): chosen, clipped, scaled.

    Clipping to what training pieces reached keeps a piece unlike them from being judged by one
    descriptor that ran away.
    """
    clipped = np.clip(X[:, expert["columns"]], expert["low"], expert["high"])
    Z: NDArray[np.float64] = (clipped - expert["mean"]) / expert["scale"]
    return Z


def softmax(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return probabilities along the last axis, shape as given."""
    powers = np.exp(values - values.max(axis=-1, keepdims=True))
    probabilities: NDArray[np.float64] = powers / powers.sum(axis=-1, keepdims=True)
    return probabilities


def broad_nodes(
    Z: NDArray[np.float64],
    feature_weights: NDArray[np.floating[Any]],
    enhancement_weights: NDArray[np.floating[Any]],
    enhancement_bias: NDArray[np.floating[Any]],
) -> NDArray[np.float64]:
    """Return the feature and enhancement nodes of a Broad Learning System, shape (n, n_f + n_e).

    Parameters
    ----------
    Z : ndarray, shape (n, d)
        Standardised inputs.
    feature_weights : ndarray, shape (d, n_f)
    enhancement_weights : ndarray, shape (n_f, n_e)
    enhancement_bias : ndarray, shape (n_e,)
    """
    features = Z @ feature_weights
    enhancements = np.tanh(features @ enhancement_weights + enhancement_bias)
    return np.concatenate([features, enhancements], axis=1)


def opinions(
    expert: Arrays, Z: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the probabilities that each part of an expert gives, three times shape (n, 4).

    Parameters
    ----------
    expert : mapping of str to ndarray
        The expert's arrays, without its name before theirs.
    Z : ndarray, shape (n, k)
        Standardised descriptors.

    Returns
    -------
    linear, broad, trees : ndarray, shape (n, 4)
    """
    nodes = broad_nodes(
        Z, expert["broad_features"], expert["broad_enhancement"], expert["broad_bias"]
    )
    return (
        softmax(Z @ expert["linear_coef"] + expert["linear_intercept"]),
        softmax(nodes @ expert["broad_coef"] + expert["broad_intercept"]),
        _trees(expert, Z),
    )


def _expert(arrays: Arrays, name: str, X: NDArray[np.float64]) -> NDArray[np.float64]:
    start = f"{name}."
    own = {key[len(start) :]: array for key, array in arrays.items() if key.startswith(start)}
    heard = opinions(own, standardize(own, X))
    probabilities: NDArray[np.float64] = np.einsum("m,mnc->nc", arrays["members"], np.stack(heard))
    return probabilities


def _trees(expert: Arrays, Z: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean over trees of the leaf each row falls into, shape (n, 4).

    All trees of all rows go down together, a level a step; at a leaf they stay.
    """
    values = Z.astype(np.float32)
    feature, threshold, right = (
        expert["tree_feature"],
        expert["tree_threshold"],
        expert["tree_right"],
    )
    rows = np.arange(len(Z))[:, None]
    node = np.tile(expert["tree_root"].astype(np.intp), (len(Z), 1))
    while True:
        asked = feature[node]
        inner = asked >= 0
        if not inner.any():
            break
        down = np.where(values[rows, asked] <= threshold[node], node + 1, right[node])
        node = np.where(inner, down, node)
    leaves: NDArray[np.float64] = expert["tree_leaf"][right[node]].mean(axis=1, dtype=np.float64)
    return leaves
