"""What a trained model does with numbers, in numpy alone: nothing here needs scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["broad_nodes", "softmax"]


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
