"""What a Broad Learning System should be, from the definition and by least squares."""

import numpy as np

#: A system small enough for tests.
SMALL = {"n_feature_groups": 3, "n_feature_nodes": 4, "n_enhancement_nodes": 20}


def columns(model, X):
    """Nodes and a last column of ones, from the definition."""
    Z = (X - model.mean_) / model.scale_
    features = Z @ model.feature_weights_
    drive = features @ model.enhancement_weights_ + model.enhancement_bias_
    return np.column_stack([features, np.tanh(drive), np.ones(len(X))])


def batch(model, X, Y, weight=None):
    """Weights of the model's nodes by least squares, without ever squaring A."""
    A = columns(model, X)
    root = np.ones(len(X)) if weight is None else np.sqrt(weight)
    penalty = np.sqrt(model.alpha) * np.eye(A.shape[1])[:-1]
    left = np.vstack([A * root[:, None], penalty])
    right = np.vstack([Y * root[:, None], np.zeros((len(penalty), Y.shape[1]))])
    return np.linalg.lstsq(left, right)[0]


def assert_is_batch(model, X, Y, weight=None, rtol=1e-8):
    """The model is what a fit of its nodes to all these samples at once would be."""
    found = np.vstack([model.coef_, model.intercept_])
    expected = batch(model, X, Y.reshape(len(X), -1), weight)
    assert np.abs(found - expected).max() <= rtol * np.abs(expected).max()


def problem(n=300, n_outputs=2, seed=0):
    """Inputs of different units, and outputs that a small system can learn."""
    random = np.random.default_rng(seed)
    Z = random.normal(size=(n, 5))
    Y = np.column_stack([np.sin(Z[:, k] + Z[:, k - 1]) + k for k in range(n_outputs)])
    return Z * [1, 10, 0.1, 3, 1] + [0, 5, 2, -40, 1], Y + 0.1 * random.normal(size=Y.shape)
