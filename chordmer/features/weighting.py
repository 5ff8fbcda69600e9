"""Choosing one number by cross-validation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chordmer.errors import ChordmerError

__all__ = ["WEIGHTS", "choose_weight"]

WEIGHTS = tuple(step / 10 for step in range(11))
_FOLDS = 5


def choose_weight(
    features_at: Callable[[float], NDArray[Any]],
    y: ArrayLike,
    groups: Sequence[str | None],
    weights: Sequence[float] = WEIGHTS,
) -> float:
    """Return the weight with which ridge regression on the features foretells the labels best.

    Labels that are numbers with a fraction are regressed on, any others classified. The folds, up
    to five, are the same for all weights; pieces of one group stay together.

    Parameters
    ----------
    features_at : callable
        Gives the features, (n, d), for a weight.
    y : array_like, shape (n,)
    groups : sequence of str or None, length n
        A piece without a group is one by itself.
    weights : sequence of float
        Of equally good ones the first is taken.

    Raises
    ------
    ChordmerError
        If there are too few labels, or groups, for two folds.
    """
    from sklearn.linear_model import RidgeClassifierCV, RidgeCV
    from sklearn.model_selection import GroupKFold, StratifiedGroupKFold, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.utils.multiclass import type_of_target

    labels = np.asarray(y)
    if len(labels) != len(groups):
        raise ChordmerError(
            "there must be a label for each piece",
            stage="choosing a weight",
            value=f"{len(labels)} for {len(groups)}",
        )
    names = [f"piece {i}" if group is None else f"group {group}" for i, group in enumerate(groups)]
    continuous = type_of_target(labels).startswith("continuous")
    if continuous:
        most = len(set(names))
    else:
        most = min(
            (len({n for n, own in zip(names, labels == label) if own}) for label in set(labels)),
            default=0,
        )
    folds = min(_FOLDS, most)
    if folds < 2:
        raise ChordmerError(
            "choosing a weight needs two groups of pieces for every label",
            stage="choosing a weight",
        )
    alphas = np.logspace(0, 5, 11)
    if continuous:
        model, splits = RidgeCV(alphas), GroupKFold(folds, shuffle=True, random_state=0)
    else:
        model = RidgeClassifierCV(alphas)
        splits = StratifiedGroupKFold(folds, shuffle=True, random_state=0)
    scores = [
        cross_val_score(
            make_pipeline(StandardScaler(), model),
            features_at(weight),
            labels,
            groups=names,
            cv=splits,
        ).mean()
        for weight in weights
    ]
    return float(weights[int(np.argmax(scores))])
