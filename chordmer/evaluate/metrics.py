"""Numbers that say how well answers agree with the truth: validated first, then measured.

What scikit-learn measures is left to it; the concordance of Lin and the calibration error are ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn import metrics as sk

from chordmer.emotion import QUADRANTS

__all__ = [
    "HALVES",
    "LOWER_IS_BETTER",
    "calibration_error",
    "classification_metrics",
    "concordance",
    "curve_metrics",
    "mean_of_known",
    "pearson",
    "regression_metrics",
    "song_metrics",
    "validate_labels",
    "validate_numbers",
]

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]

#: Metrics of which less is better; of all others more is.
LOWER_IS_BETTER = frozenset({"log_loss", "calibration_error", "rmse", "mae"})
#: Quadrants of the upper half of each dimension.
HALVES: Mapping[str, frozenset[str]] = {
    "valence_accuracy": frozenset({"Q1", "Q4"}),
    "arousal_accuracy": frozenset({"Q1", "Q2"}),
}
#: How far a row of probabilities may be from a sum of 1: float32 and rounded tables.
_SLACK = 1e-3
_ROUNDING = 1e-9


def classification_metrics(
    truth: ArrayLike,
    predictions: ArrayLike,
    probabilities: ArrayLike | None = None,
    *,
    classes: Sequence[Any] | None = None,
) -> dict[str, float]:
    """Return how well labels, and probabilities of them, agree with the truth.

    Parameters
    ----------
    truth, predictions : array_like, shape (n,)
        Labels.
    probabilities : array_like, shape (n, n_classes), optional
        Of each class. Without them the last three numbers are left out.
    classes : sequence, optional
        What the columns of `probabilities` are, sorted; by default all labels met.

    Returns
    -------
    dict of str to float
        ``accuracy``; ``balanced_accuracy``, ``precision``, ``recall`` and ``f1``: means over the
        classes that `truth` holds, each class counting the same (balanced accuracy *is* the macro
        recall); for quadrants ``valence_accuracy`` and ``arousal_accuracy``, how often the half of
        the plane is right; ``roc_auc``, each class against the rest, macro; ``log_loss`` in nats;
        ``calibration_error``, see there. NaN where something is undefined, as the ROC curve is
        where all are of one class.

    Raises
    ------
    ValueError
        If shapes disagree, a label is unknown, or probabilities are none.

    Notes
    -----
    A class that is never predicted has precision 0. A class that `truth` does not hold has no
    recall and is no part of any mean; predictions of it are errors nonetheless.

    Examples
    --------
    >>> metrics = classification_metrics(["Q1", "Q2", "Q3", "Q3"], ["Q1", "Q1", "Q3", "Q3"])
    >>> metrics["accuracy"], round(metrics["f1"], 3), metrics["arousal_accuracy"]
    (0.75, 0.556, 1.0)
    """
    codes, answers, shares, names = validate_labels(
        truth, predictions, probabilities, classes=classes
    )
    held = np.unique(codes)
    precision, recall, f1, _ = sk.precision_recall_fscore_support(
        codes, answers, labels=held, average="macro", zero_division=0.0
    )
    found = {
        "accuracy": sk.accuracy_score(codes, answers),
        "balanced_accuracy": recall,
        "precision": precision,
        "recall": recall,
        "f1": f1,
    }
    if set(names.tolist()) <= set(QUADRANTS):
        for name, half in HALVES.items():
            upper = np.isin(names, list(half))
            found[name] = sk.accuracy_score(upper[codes], upper[answers])
    if shares is not None:
        found["roc_auc"] = mean_of_known(
            sk.roc_auc_score(codes == code, shares[:, code]) for code in held if len(held) > 1
        )
        # Of one class alone the loss is 0; scikit-learn wants two columns.
        found["log_loss"] = (
            sk.log_loss(codes, shares, labels=np.arange(len(names))) if len(names) > 1 else 0.0
        )
        chosen = shares[np.arange(len(codes)), answers]
        found["calibration_error"] = calibration_error(codes == answers, chosen)
    return {name: float(value) for name, value in found.items()}


def regression_metrics(
    truth: ArrayLike, predictions: ArrayLike, *, dimensions: Sequence[str] | None = None
) -> dict[str, float]:
    """Return how well numbers agree with the truth.

    Parameters
    ----------
    truth, predictions : array_like, shape (n,) or (n, d)
    dimensions : sequence of str, length d, optional
        What the columns are called.

    Returns
    -------
    dict of str to float
        ``rmse``, ``mae``, ``r2``, ``pearson`` and ``ccc`` (`concordance`), means over dimensions;
        where there are several, also those of each, as ``valence_ccc``. NaN where something is
        undefined: R2 and both correlations, where the truth is constant.

    Raises
    ------
    ValueError
        If shapes disagree or a number is not finite.

    Examples
    --------
    >>> metrics = regression_metrics([0.0, 0.5, 1.0], [0.1, 0.6, 1.1])
    >>> {name: round(value, 3) for name, value in metrics.items()}
    {'rmse': 0.1, 'mae': 0.1, 'r2': 0.94, 'pearson': 1.0, 'ccc': 0.971}
    """
    right, answers, names = validate_numbers(truth, predictions, dimensions=dimensions)
    each = [
        {name: float(measure(t, p)) for name, measure in _NUMBERS.items()}
        for t, p in zip(right.T, answers.T)
    ]
    found = {name: float(np.mean([values[name] for values in each])) for name in _NUMBERS}
    if len(each) > 1:
        for dimension, values in zip(names, each):
            found.update({f"{dimension}_{name}": value for name, value in values.items()})
    return found


def song_metrics(
    truth: Sequence[ArrayLike],
    predictions: Sequence[ArrayLike],
    *,
    dimensions: Sequence[str] | None = None,
) -> dict[str, Floats]:
    """Return `regression_metrics` of the curve of each song.

    Parameters
    ----------
    truth, predictions : sequence of array_like, each of shape (t,) or (t, d)
        One curve a song; t may differ between songs.

    Returns
    -------
    dict of str to ndarray of float64, shape (n_songs,)
        NaN where a metric of a song is undefined.
    """
    if len(truth) != len(predictions) or not len(truth):
        raise ValueError(f"{len(truth)} curves, and answers to {len(predictions)}")
    songs = [regression_metrics(t, p, dimensions=dimensions) for t, p in zip(truth, predictions)]
    return {name: np.array([song[name] for song in songs]) for name in songs[0]}


def curve_metrics(
    truth: Sequence[ArrayLike],
    predictions: Sequence[ArrayLike],
    *,
    dimensions: Sequence[str] | None = None,
) -> dict[str, float]:
    """Return the mean over songs of the metrics of each song's curve.

    Songs differ more from each other than moments of a song do, so metrics over the moments of all
    songs would hide that a curve does not follow its song. Songs of which a metric is undefined,
    as the correlation with a constant, are left out of its mean.
    """
    songs = song_metrics(truth, predictions, dimensions=dimensions)
    return {name: mean_of_known(values) for name, values in songs.items()}


def concordance(truth: ArrayLike, predictions: ArrayLike) -> float:
    r"""Return Lin's concordance correlation coefficient, -1 to 1.

    ``2 s_tp / (s_t^2 + s_p^2 + (m_t - m_p)^2)``, with variances over n (Lin, "A concordance
    correlation coefficient to evaluate reproducibility", Biometrics 45, 1989, equation 1 with
    the sample moments of its section 3). Unlike Pearson's it also pays for a wrong scale or place.
    NaN where both are one same constant.

    Parameters
    ----------
    truth, predictions : array_like, shape (n,)
    """
    t, p = np.asarray(truth, np.float64), np.asarray(predictions, np.float64)
    apart = t.var() + p.var() + (t.mean() - p.mean()) ** 2
    if apart == 0:
        return float("nan")
    return float(2 * np.mean((t - t.mean()) * (p - p.mean())) / apart)


def pearson(truth: ArrayLike, predictions: ArrayLike) -> float:
    """Return Pearson's correlation, -1 to 1; NaN where either is constant."""
    t, p = np.asarray(truth, np.float64), np.asarray(predictions, np.float64)
    if np.ptp(t) == 0 or np.ptp(p) == 0:
        return float("nan")
    t, p = (t - t.mean()) / np.ptp(t), (p - p.mean()) / np.ptp(p)
    return float(np.clip(t @ p / np.sqrt((t @ t) * (p @ p)), -1.0, 1.0))


def calibration_error(correct: ArrayLike, confidence: ArrayLike, *, n_bins: int = 15) -> float:
    """Return the expected calibration error, 0 to 1.

    Answers are put into bins by how sure they are; the error is how far the share of right ones
    lies from the mean confidence, averaged over answers (Guo, Pleiss, Sun and Weinberger, "On
    calibration of modern neural networks", ICML 2017, equations 2 and 3).

    Parameters
    ----------
    correct : array_like of bool, shape (n,)
        Whether each answer was right.
    confidence : array_like, shape (n,)
        The probability that was given to it.
    n_bins : int, default 15
        Of equal width, closed above, as in the paper. With a hundred answers its noise alone is
        some 0.05, so compare models on the same pieces only.

    Examples
    --------
    >>> round(calibration_error([True, True, False, True], [0.9, 0.9, 0.9, 0.9]), 3)
    0.15
    """
    right, sure = np.asarray(correct, np.float64), np.asarray(confidence, np.float64)
    if right.shape != sure.shape or right.ndim != 1 or not right.size:
        raise ValueError(f"correct {right.shape} and confidence {sure.shape} should be (n,)")
    if not ((sure >= 0) & (sure <= 1)).all():
        raise ValueError("confidence should lie between 0 and 1")
    if n_bins < 1:
        raise ValueError(f"n_bins should be positive, not {n_bins}")
    gaps = np.bincount(confidence_bins(sure, n_bins), weights=right - sure, minlength=n_bins)
    return float(np.abs(gaps).sum() / len(right))


def confidence_bins(confidence: Floats, n_bins: int = 15) -> Codes:
    """Return the bin ``(m / n_bins, (m + 1) / n_bins]`` of each confidence; 0 is in the first."""
    return np.clip(np.ceil(confidence * n_bins).astype(np.intp) - 1, 0, n_bins - 1)


def mean_of_known(values: Any) -> float:
    """Return the mean of the numbers that are not NaN; NaN where there are none."""
    array = np.fromiter(values, np.float64)
    known = array[~np.isnan(array)]
    return float(known.mean()) if known.size else float("nan")


def _r2(truth: Floats, predictions: Floats) -> float:
    return float(sk.r2_score(truth, predictions)) if np.ptp(truth) > 0 else float("nan")


_NUMBERS: Mapping[str, Callable[[Floats, Floats], float]] = {
    "rmse": sk.root_mean_squared_error,
    "mae": sk.mean_absolute_error,
    "r2": _r2,
    "pearson": pearson,
    "ccc": concordance,
}


def validate_labels(
    truth: ArrayLike,
    predictions: ArrayLike,
    probabilities: ArrayLike | None = None,
    *,
    classes: Sequence[Any] | None = None,
) -> tuple[Codes, Codes, Floats | None, NDArray[Any]]:
    """Return labels as numbers of classes, probabilities with rows of sum 1, and the classes.

    Raises
    ------
    ValueError
        If shapes disagree, a label is unknown, or probabilities are none.
    """
    right, answers = np.asarray(truth), np.asarray(predictions)
    if right.ndim != 1 or right.shape != answers.shape or not len(right):
        raise ValueError(f"truth {right.shape} and predictions {answers.shape} should be (n,)")
    names = np.unique(np.concatenate([right, answers])) if classes is None else np.asarray(classes)
    if len(np.unique(names)) < len(names) or (np.sort(names) != names).any():
        raise ValueError(f"classes should be different and sorted: {names.tolist()}")
    codes = []
    for what, labels in (("truth", right), ("predictions", answers)):
        unknown = ~np.isin(labels, names)
        if unknown.any():
            raise ValueError(f"{what} hold {labels[unknown][0]!r}, which is none of the classes")
        codes.append(np.searchsorted(names, labels))
    if probabilities is None:
        return codes[0], codes[1], None, names
    shares = np.asarray(probabilities, dtype=np.float64)
    if shares.shape != (len(right), len(names)):
        wanted = (len(right), len(names))
        raise ValueError(f"probabilities should have the shape {wanted}, not {shares.shape}")
    sums = shares.sum(axis=1)
    if not ((shares >= 0).all() and (np.abs(sums - 1) <= _SLACK).all()):
        raise ValueError("probabilities should be 0 or more, and 1 together, in every row")
    # Sums that are 1 but for rounding stay: to divide by them would break ties.
    sums[np.abs(sums - 1) < _ROUNDING] = 1.0
    return codes[0], codes[1], shares / sums[:, None], names


def validate_numbers(
    truth: ArrayLike, predictions: ArrayLike, *, dimensions: Sequence[str] | None = None
) -> tuple[Floats, Floats, tuple[str, ...]]:
    """Return truth and predictions, shape (n, d), and the names of the d columns.

    Raises
    ------
    ValueError
        If shapes disagree or a number is not finite.
    """
    right, answers = np.asarray(truth, np.float64), np.asarray(predictions, np.float64)
    if right.ndim == 2 and right.shape[1] == 1 and answers.ndim == 1:
        answers = answers[:, None]
    if right.ndim not in (1, 2) or right.shape != answers.shape or not right.size:
        raise ValueError(
            f"truth {right.shape} and predictions {answers.shape} should be (n,) or (n, d)"
        )
    for what, values in (("truth", right), ("predictions", answers)):
        if not np.isfinite(values).all():
            raise ValueError(f"{what} are not finite: a number is missing or infinite")
    right, answers = right.reshape(len(right), -1), answers.reshape(len(right), -1)
    names = tuple(dimensions or (f"y{i}" for i in range(right.shape[1])))
    if len(names) != right.shape[1]:
        raise ValueError(f"{right.shape[1]} columns cannot be called {', '.join(names)}")
    return right, answers, names
