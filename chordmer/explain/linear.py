"""Exact contributions, for models whose score is a weighted sum of what they hear."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn import linear_model
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC, LinearSVR

from chordmer.explain.explanation import Attribution, Part
from chordmer.explain.judge import Matrix
from chordmer.explain.passages import Opened
from chordmer.explain.trained import Trained, columns_of
from chordmer.models.classic_estimators import ClassicRegressor
from chordmer.models.join import JoinVectors

__all__ = ["linear_contributions"]

#: Estimators of scikit-learn whose score is ``x @ coef_.T + intercept_`` and nothing else.
_LINEAR = (
    linear_model.ElasticNet,
    linear_model.Lasso,
    linear_model.LinearRegression,
    linear_model.LogisticRegression,
    linear_model.LogisticRegressionCV,
    linear_model.Ridge,
    linear_model.RidgeCV,
    linear_model.RidgeClassifier,
    linear_model.RidgeClassifierCV,
    LinearSVC,
    LinearSVR,
)


def linear_contributions(judge: Trained, opened: Opened, target: str) -> Attribution | None:
    """Return what each number that a linear model hears adds to its score, or None.

    The score of a class is its logit or decision value, that of a dimension its value. A number
    adds its weight times its distance from the training mean, so that the sum over all numbers is
    exactly the score of the piece less the score of an average piece.

    Only early fusion with a linear classifier or regressor promises that: ``LogisticRegression``,
    ``Ridge`` and their like, and `ClassicRegressor` with ``"linear_regression"``, behind a
    ``StandardScaler`` or not. A Broad Learning System is linear in its nodes, half of which are
    ``tanh`` of what is heard, so no such sum over what is heard exists for it.

    Parameters
    ----------
    judge : Trained
    opened : Opened
    target : str
        A label or a dimension of the model itself.

    Returns
    -------
    Attribution or None
        None where the model is not linear, or `target` is not its own.
    """
    steps = _steps(judge.model.head_)
    if len(steps) < 2 or not isinstance(steps[0], JoinVectors) or target not in judge.own:
        return None
    weights = _weights(steps[1:], judge.own.index(target), len(judge.own))
    if weights is None:
        return None
    join: JoinVectors = steps[0]
    heard = judge.heard(opened)
    row = join.transform([heard])
    average = np.zeros_like(row)
    average[:, len(join.mean_) :] = row[:, len(join.mean_) :]
    contributions = weights * (row - average)[0]
    parts = []
    start = 0
    extractors = dict(judge.model.hearing_.extractors)
    for name, width in join.widths_.items():
        columns = tuple(columns_of(extractors[name], width))
        values = contributions[start : start + width]
        parts.append(Part(name, values, columns, np.zeros(0)))
        start += width
    score = f"score of {target}" if hasattr(judge.model, "classes_") else target
    before, after = (
        _score(steps[1:], side, judge.own.index(target), len(judge.own)) for side in (average, row)
    )
    return Attribution("exact", score, after, before, tuple(parts), promises=True)


def _steps(estimator: Any) -> list[Any]:
    """Return the steps of a pipeline and of the pipelines in it."""
    if not hasattr(estimator, "steps"):
        return [estimator]
    return [inner for _, step in estimator.steps for inner in _steps(step)]


def _weights(steps: list[Any], output: int, n_outputs: int) -> Matrix | None:
    """Return what the score grows by with each joined column, (columns,), or None."""
    *scalers, last = steps
    if not all(isinstance(scaler, StandardScaler) for scaler in scalers):
        return None
    if isinstance(last, ClassicRegressor) and last.model == "linear_regression":
        weights = last.arrays_["coef"][:, output] / last.arrays_["scale"]
    elif type(last) in _LINEAR:
        coef = np.atleast_2d(last.coef_)
        # Two classes have one row, that of the second.
        one = len(coef) == 1 and n_outputs == 2
        weights = (1.0 if output else -1.0) * coef[0] if one else coef[output]
    else:
        return None
    for scaler in scalers:
        if scaler.scale_ is not None:
            weights = weights / scaler.scale_
    found: Matrix = np.asarray(weights, dtype=np.float64)
    return found


def _score(steps: list[Any], row: Matrix, output: int, n_outputs: int) -> float:
    """Return the score that the fitted steps themselves give, as the check of the sum."""
    *scalers, last = steps
    for scaler in scalers:
        row = scaler.transform(row)
    ask = last.decision_function if hasattr(last, "decision_function") else last.predict
    scores = np.asarray(ask(row), dtype=np.float64).reshape(1, -1)[0]
    if len(scores) == 1 and n_outputs == 2:
        return float(scores[0] if output else -scores[0])
    return float(scores[output])
