"""From descriptors to the arrays of the bundled model: what `chordmer.models.inference` reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.covariance import LedoitWolf
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression

from chordmer.features.describe import DESCRIPTOR_NAMES, DESCRIPTORS, names_of
from chordmer.models import inference
from chordmer.models.broad import BroadLearningClassifier

LOUDNESS = frozenset(names_of(["dynamics"]))
#: Descriptors in units of velocity: divided by the mean velocity they no longer depend on how
#: loud a keyboard was set, and scaling all velocities changes nothing.
RELATIVE = tuple(
    name
    for name in names_of(["dynamics"])
    if DESCRIPTORS[name][0] == "MIDI velocity" and name != "velocity_mean"
)
#: What the expert for dynamics hears beside what the one for notes does.
DYNAMICS = (*RELATIVE, "velocity_pitch_correlation")
#: A piece counts as played, with dynamics worth hearing, if the mean change of velocity between
#: onsets is above this share of the mean velocity (99 % of EMOPIA's clips) ...
CHANGE = 0.06
#: ... and above this share of the standard deviation of velocity (95 % of EMOPIA's clips, 97 % of
#: POP909's, 15 % of the OpenScore songs): hands differ from note to note, the dynamic marks of a
#: score from passage to passage.
UNEVENNESS = 0.65


@dataclass(frozen=True)
class Recipe:
    """Everything that is chosen by cross-validation."""

    members: tuple[float, float, float] = (0.4, 0.2, 0.4)
    dynamics: float = 0.7
    linear_C: float = 0.03
    broad_alpha: float = 1000.0
    broad_enhancement: int = 300
    n_trees: int = 100
    min_leaf: int = 20
    max_features: float = 0.4
    seed: int = 0


def fit(
    X: np.ndarray,
    y: np.ndarray,
    copies: int,
    recipe: Recipe,
    names: Sequence[str] = DESCRIPTOR_NAMES,
) -> dict[str, np.ndarray]:
    """Return the arrays of a model, not yet calibrated.

    Parameters
    ----------
    X : ndarray, shape (n, d)
        Descriptors of clips and of changed copies.
    y : ndarray of int, shape (n,)
        Quadrants, from 0.
    copies : int
        How many rows a clip has; the penalty on the logistic regression is that for one.
    recipe : Recipe
    names : sequence of str
        Of the descriptors.
    """
    place = {name: i for i, name in enumerate(names)}
    notes = np.array([i for i, name in enumerate(names) if name not in LOUDNESS])
    arrays = {
        "members": np.array(recipe.members),
        "loudness": np.array([place[f"velocity_{name}"] for name in ("mean", "change", "spread")]),
        "relative": np.array([place[name] for name in RELATIVE]),
        "gate": np.array([CHANGE, UNEVENNESS, recipe.dynamics]),
        "temperature": np.ones(2),
        "notes.columns": notes,
        "dynamics.columns": np.append(notes, [place[name] for name in DYNAMICS]),
    }
    X = inference.relative(arrays, X)
    played = inference.is_played(arrays, X)
    for name, rows in (("notes", slice(None)), ("dynamics", played)):
        columns = arrays[f"{name}.columns"]
        expert = _fit_expert(X[rows][:, columns], y[rows], copies, recipe)
        arrays.update({f"{name}.{key}": array for key, array in expert.items()})
    return arrays


def _fit_expert(X: np.ndarray, y: np.ndarray, copies: int, recipe: Recipe) -> dict[str, np.ndarray]:
    low, high = np.quantile(X, [0.005, 0.995], axis=0)
    clipped = np.clip(X, low, high)
    mean, scale = clipped.mean(axis=0), clipped.std(axis=0)
    scale[scale < 1e-9] = 1.0
    Z = (clipped - mean) / scale
    linear = LogisticRegression(C=recipe.linear_C / copies, max_iter=1000).fit(Z, y)
    broad = BroadLearningClassifier(
        n_enhancement_nodes=recipe.broad_enhancement,
        alpha=recipe.broad_alpha,
        random_state=recipe.seed,
    ).fit(Z, y)
    trees = ExtraTreesClassifier(
        recipe.n_trees,
        min_samples_leaf=recipe.min_leaf,
        max_features=recipe.max_features,
        random_state=recipe.seed,
    ).fit(Z, y)
    arrays = {
        "low": low,
        "high": high,
        "mean": mean,
        "scale": scale,
        "linear_coef": linear.coef_.T,
        "linear_intercept": linear.intercept_,
        # Z is standardised already, so the classifier's own means are 0 and scales 1.
        "broad_features": broad.feature_weights_ / broad.scale_[:, None],
        "broad_enhancement": broad.enhancement_weights_,
        "broad_bias": broad.enhancement_bias_,
        "broad_coef": broad.coef_ / broad.temperature_,
        "broad_intercept": broad.intercept_ / broad.temperature_,
        **flatten_trees(trees),
    }
    for ours, theirs in zip(inference.opinions(arrays, Z[:200]), (linear, broad, trees)):
        np.testing.assert_allclose(ours, theirs.predict_proba(Z[:200]), atol=1e-6)
    return arrays


def flatten_trees(forest: ExtraTreesClassifier) -> dict[str, np.ndarray]:
    """Return a forest as arrays; scikit-learn stores a node's left child right after it."""
    root, feature, threshold, right, leaf = [], [], [], [], []
    n_nodes = n_leaves = 0
    for estimator in forest.estimators_:
        tree = estimator.tree_
        is_leaf = tree.children_left < 0
        inner = np.flatnonzero(~is_leaf)
        assert (tree.children_left[inner] == inner + 1).all()
        root.append(n_nodes)
        feature.append(np.where(is_leaf, -1, tree.feature))
        threshold.append(_round_down(np.where(is_leaf, 0.0, tree.threshold)))
        row = n_leaves + np.cumsum(is_leaf) - 1
        right.append(np.where(is_leaf, row, tree.children_right + n_nodes))
        counts = tree.value[is_leaf, 0]
        leaf.append(counts / counts.sum(axis=1, keepdims=True))
        n_nodes += tree.node_count
        n_leaves += int(is_leaf.sum())
    return {
        "tree_root": np.array(root, dtype=np.int32),
        "tree_feature": np.concatenate(feature).astype(np.int16),
        "tree_threshold": np.concatenate(threshold),
        "tree_right": np.concatenate(right).astype(np.int32),
        "tree_leaf": np.concatenate(leaf).astype(np.float32),
    }


def _round_down(threshold: np.ndarray) -> np.ndarray:
    """Return the largest float32 not above each threshold: float32 inputs compare the same."""
    rounded = threshold.astype(np.float32)
    above = rounded.astype(np.float64) > threshold
    return np.where(above, np.nextafter(rounded, np.float32(-np.inf)), rounded)


def fit_novelty(arrays: dict[str, np.ndarray], X: np.ndarray) -> dict[str, np.ndarray]:
    """Return the arrays of `inference.novelty` for training rows of shape (n, d)."""
    X = X[:, arrays["notes.columns"]]
    mean, scale = X.mean(axis=0), X.std(axis=0)
    scale[scale < 1e-9] = 1.0
    precision = LedoitWolf(assume_centered=True).fit((X - mean) / scale).precision_
    return {
        "novelty_mean": mean,
        "novelty_scale": scale,
        "novelty_whitening": np.linalg.cholesky(precision).astype(np.float32),
    }
