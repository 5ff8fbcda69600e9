"""The metrics of weighted samples, cheap enough to be taken of thousands of resamples.

A resample of groups is a weight a row: how often its group was drawn. scikit-learn's functions take
weights too, and some 10 ms for all of `classification_metrics`; prepared once, these take a tenth
of a millisecond or two. With weights of 1 they equal those of `chordmer.evaluate.metrics`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chordmer.emotion import QUADRANTS
from chordmer.evaluate.metrics import HALVES, Codes, Floats, confidence_bins, mean_of_known

__all__ = ["Statistic", "weighted_classification", "weighted_regression"]

#: From weights, shape (n,), to each metric by its name.
Statistic = Callable[[Floats], dict[str, float]]

_NAN = float("nan")
#: A spread below this share of that of all samples is rounding.
_NOTHING = 1e-20


def weighted_classification(
    codes: Codes, answers: Codes, shares: Floats | None, classes: NDArray[Any]
) -> Statistic:
    """Return the metrics of labels as a function of the weights of samples.

    Parameters
    ----------
    codes, answers, shares, classes
        As `chordmer.evaluate.metrics.validate_labels` returns them.
    """
    k = len(classes)
    pairs = codes * k + answers
    halves = {}
    if set(classes.tolist()) <= set(QUADRANTS):
        for name, half in HALVES.items():
            upper = np.isin(classes, list(half))
            halves[name] = np.equal.outer(upper, upper)
    curves = [] if shares is None else [_ranked(codes == c, shares[:, c]) for c in range(k)]
    if shares is not None:
        least = np.finfo(np.float64).eps
        losses = -np.log(np.clip(shares[np.arange(len(codes)), codes], least, 1 - least))
        sure = shares[np.arange(len(codes)), answers]
        bins, gaps = confidence_bins(sure), (codes == answers) - sure

    def statistic(weights: Floats) -> dict[str, float]:
        counts = np.bincount(pairs, weights, k * k).reshape(k, k)
        total, right = counts.sum(), np.diag(counts)
        held, said = counts.sum(axis=1), counts.sum(axis=0)
        real = held > 0
        recall = float((right[real] / held[real]).mean()) if total else _NAN
        f1 = float((2 * right[real] / (held + said)[real]).mean()) if total else _NAN
        precise = np.divide(right, said, out=np.zeros(k), where=said > 0)[real]
        found = {
            "accuracy": float(right.sum() / total) if total else _NAN,
            "balanced_accuracy": recall,
            "precision": float(precise.mean()) if total else _NAN,
            "recall": recall,
            "f1": f1,
        }
        for name, same in halves.items():
            found[name] = float(counts[same].sum() / total) if total else _NAN
        if shares is not None:
            found["roc_auc"] = mean_of_known(
                curve(weights) for curve, any_held in zip(curves, real) if any_held
            )
            found["log_loss"] = float(weights @ losses / total) if total else _NAN
            off = np.abs(np.bincount(bins, weights * gaps)).sum()
            found["calibration_error"] = float(off / total) if total else _NAN
        return found

    return statistic


def _ranked(positive: NDArray[np.bool_], score: Floats) -> Callable[[Floats], float]:
    """Return the area under the ROC curve as a function of weights: the share of ordered pairs."""
    _, ranks = np.unique(score, return_inverse=True)
    n = int(ranks.max()) + 1

    def area(weights: Floats) -> float:
        above = np.bincount(ranks, weights * positive, n)
        below = np.bincount(ranks, weights * ~positive, n)
        pairs = above.sum() * below.sum()
        if pairs == 0:
            return _NAN
        return float(above @ (np.cumsum(below) - below / 2) / pairs)

    return area


def weighted_regression(truth: Floats, answers: Floats, dimensions: Sequence[str]) -> Statistic:
    """Return the metrics of numbers, shape (n, d), as a function of the weights of samples."""
    # Away from the mean, squares of large numbers would lose what small differences tell.
    centre = truth.mean(axis=0)
    t, p = truth - centre, answers - centre
    spread_t, spread_p = t.var(axis=0), p.var(axis=0)

    def statistic(weights: Floats) -> dict[str, float]:
        total = weights.sum()
        w = weights / total if total else np.full(len(weights), _NAN)
        mean_t, mean_p = w @ t, w @ p
        var_t, var_p = w @ (t - mean_t) ** 2, w @ (p - mean_p) ** 2
        both = w @ ((t - mean_t) * (p - mean_p))
        square = w @ (t - p) ** 2
        apart = var_t + var_p + (mean_t - mean_p) ** 2
        moves = var_t > _NOTHING * spread_t
        related = moves & (var_p > _NOTHING * spread_p)
        nan = np.full(len(centre), _NAN)
        root = np.sqrt(np.where(related, var_t * var_p, 1.0))
        each = {
            "rmse": np.sqrt(square),
            "mae": w @ np.abs(t - p),
            "r2": 1 - np.divide(square, var_t, out=nan.copy(), where=moves),
            "pearson": np.where(related, np.clip(both / root, -1, 1), _NAN),
            "ccc": np.divide(2 * both, apart, out=nan.copy(), where=apart > 0),
        }
        found = {name: float(values.mean()) for name, values in each.items()}
        if len(dimensions) > 1:
            for column, dimension in enumerate(dimensions):
                found.update({f"{dimension}_{n}": float(v[column]) for n, v in each.items()})
        return found

    return statistic
