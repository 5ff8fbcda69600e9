"""How the bundled model is trained: from descriptors to what `chordmer.models.inference` reads.

`fit` makes the arrays; `QuadrantExperts` is the same as an estimator, so that the recipe of the
bundled model can be trained on the folds of a corpus and judged beside other models.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.covariance import LedoitWolf
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, column_or_1d

from chordmer.features.describe import DESCRIPTOR_NAMES, DESCRIPTORS, names_of
from chordmer.folder import load_folder
from chordmer.models import inference
from chordmer.models.broad import BroadLearningClassifier
from chordmer.pretrained import BUNDLED

__all__ = ["LOUDNESS", "QuadrantExperts", "Recipe", "bundled_experts", "fit", "fit_novelty"]

Arrays = dict[str, NDArray[Any]]

#: Descriptors that read velocities.
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
    """Everything that is chosen by cross-validation.

    Attributes
    ----------
    members : (float, float, float)
        Weights of logistic regression, Broad Learning System and trees; their sum is 1.
    dynamics : float
        Weight of the expert for dynamics, where it is asked.
    linear_C : float
        Inverse penalty of the logistic regression.
    broad_alpha, broad_enhancement
        Penalty and enhancement nodes of the Broad Learning System.
    n_trees, min_leaf, max_features
        Of the extremely randomised trees.
    seed : int
    """

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
    X: NDArray[Any],
    y: NDArray[np.integer[Any]],
    copies: int,
    recipe: Recipe,
    dropped: Collection[str] = (),
) -> Arrays:
    """Return the arrays of a model, not yet calibrated.

    Parameters
    ----------
    X : ndarray, shape (n, d)
        Descriptors of clips and of changed copies.
    y : ndarray of int, shape (n,)
        Quadrants, from 0. All four of them.
    copies : int
        How many rows a clip has; the penalty on the logistic regression is that for one.
    recipe : Recipe
    dropped : collection of str
        Descriptors that no expert hears.
    """
    place = {name: i for i, name in enumerate(DESCRIPTOR_NAMES)}
    notes = np.array([i for name, i in place.items() if name not in LOUDNESS | set(dropped)])
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
    heard = {"notes": np.ones(len(X), dtype=bool), "dynamics": inference.is_played(arrays, X)}
    for name, rows in heard.items():
        # Where no hands played one of the quadrants, the expert for dynamics learns from scores.
        rows = rows if len(np.unique(y[rows])) == 4 else heard["notes"]
        expert = _fit_expert(X[rows][:, arrays[f"{name}.columns"]], y[rows], copies, recipe)
        arrays.update({f"{name}.{key}": array for key, array in expert.items()})
    return arrays


def _fit_expert(
    X: NDArray[np.float64], y: NDArray[np.integer[Any]], copies: int, recipe: Recipe
) -> Arrays:
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
    return {
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
        **_flatten_trees(trees),
    }


def _flatten_trees(forest: ExtraTreesClassifier) -> Arrays:
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


def _round_down(threshold: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the largest float32 not above each threshold: float32 inputs compare the same."""
    rounded = threshold.astype(np.float32)
    above = rounded.astype(np.float64) > threshold
    return np.where(above, np.nextafter(rounded, np.float32(-np.inf)), rounded)


def fit_novelty(arrays: Mapping[str, NDArray[Any]], X: NDArray[Any]) -> Arrays:
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


class QuadrantExperts(ClassifierMixin, BaseEstimator):
    """Tell quadrants by the experts of the bundled model.

    A head of `chordmer.recognizer.EmotionRecognizer` that listens to all symbolic descriptors as
    they are, since the gate between its experts reads velocities.

    Parameters
    ----------
    recipe : Recipe, default Recipe()
    dropped : sequence of str, default ()
        Descriptors that no expert hears.
    copies : int, default 1
        How many samples a clip has, itself included: one more than an augmentation adds to it.
    random_state : int, RandomState or None, default None
        Draws the seed of the recipe; None leaves it as it is.

    Attributes
    ----------
    classes_ : ndarray, shape (4,)
        The quadrants.
    arrays_ : dict of str to ndarray
        What `chordmer.models.inference.predict_proba` reads.
    """

    accepts: ClassVar[str] = "sequences"
    vectors: ClassVar[tuple[str, ...]] = ("symbolic",)

    def __init__(
        self,
        recipe: Recipe = Recipe(),
        *,
        dropped: Sequence[str] = (),
        copies: int = 1,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.recipe = recipe
        self.dropped = dropped
        self.copies = copies
        self.random_state = random_state

    def fit(self, X: Sequence[Mapping[str, Any]], y: Any) -> Self:
        """Fit the experts.

        Parameters
        ----------
        X : sequence of mappings
            ``{"symbolic": descriptors}``, all of `DESCRIPTOR_NAMES`, shape (d,).
        y : array_like, shape (n,)
            Labels, of four kinds.

        Raises
        ------
        ValueError
            If the labels are not of four kinds, or something else than descriptors is given.
        """
        self.classes_, codes = np.unique(column_or_1d(y), return_inverse=True)
        if len(self.classes_) != 4:
            raise ValueError(f"there are four quadrants to learn, not {self.classes_.tolist()}")
        recipe = self.recipe
        if self.random_state is not None:
            drawn = check_random_state(self.random_state).randint(2**31 - 1)
            recipe = replace(recipe, seed=int(drawn))
        self.arrays_ = fit(_rows(X), codes, self.copies, recipe, self.dropped)
        return self

    def predict_proba(self, X: Sequence[Mapping[str, Any]]) -> NDArray[np.float64]:
        """Return the probability of each quadrant, shape (n, 4)."""
        check_is_fitted(self, "arrays_")
        return inference.predict_proba(self.arrays_, _rows(X))

    def predict(self, X: Sequence[Mapping[str, Any]]) -> NDArray[Any]:
        """Return the likeliest quadrant of each sample, shape (n,)."""
        chosen: NDArray[Any] = self.classes_[self.predict_proba(X).argmax(axis=1)]
        return chosen


def bundled_experts() -> QuadrantExperts:
    """Return unfitted experts of the recipe by which the bundled model was made.

    The recipe is the one written into the model. It was chosen by cross-validation on EMOPIA, and
    which descriptors it drops by other corpora, without labels.
    """
    training = load_folder(BUNDLED, kind="SymbolicEmotionModel")[0]["training"]
    chosen = {**training["recipe"], "members": tuple(training["recipe"]["members"])}
    return QuadrantExperts(
        Recipe(**chosen), dropped=tuple(training["dropped"]), copies=training["copies"] + 1
    )


def _rows(X: Sequence[Mapping[str, Any]]) -> NDArray[np.float64]:
    """Return the descriptors of samples, shape (n, d)."""
    for sample in X:
        if set(sample) != {"symbolic"}:
            raise ValueError(f"the experts hear symbolic descriptors only, not {sorted(sample)}")
    rows = np.array([np.asarray(sample["symbolic"]) for sample in X], dtype=np.float64)
    if rows.shape != (len(X), len(DESCRIPTOR_NAMES)):
        wanted = f"(n, {len(DESCRIPTOR_NAMES)})"
        raise ValueError(f"descriptors should be of shape {wanted}, not {rows.shape}")
    return rows
