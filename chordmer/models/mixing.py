"""What several models say, mixed: weighted means and stacks, where any of the models may be absent.

Everywhere `said` is (n, m, k), what m models say of n samples, `there` is (n, m), where they say
anything, and k is classes or numbers.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from chordmer.models.inference import softmax

__all__ = [
    "learn_mean",
    "learn_shares",
    "log_odds",
    "mean_of_numbers",
    "mean_of_probabilities",
    "stack_columns",
    "subsets",
]

Matrix = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: A probability below counts as this in logarithms: a forest that never met a class is too sure.
_LEAST = 1e-3
#: Learned log-weights and log-powers end here; a model's weight is never quite 0, since it may be
#: the only one that is there.
_FAR = 6.0


def subsets(there: Mask) -> tuple[NDArray[np.intp], Mask, Matrix]:
    """Return samples as they would be if models were missing: all, all but one, and one alone.

    Weights fitted to these hold where models are missing at prediction. Up to three models these
    are all subsets.

    Returns
    -------
    rows : ndarray of int, shape (N,)
        Which sample each is.
    there : ndarray of bool, shape (N, m)
    shares : ndarray of float64, shape (N,)
        Those of one sample sum to 1.

    Examples
    --------
    >>> rows, there, shares = subsets(np.array([[True, True], [True, False]]))
    >>> rows.tolist(), there.astype(int).tolist(), shares.round(2).tolist()
    ([0, 0, 0, 1], [[0, 1], [1, 0], [1, 1], [1, 0]], [0.33, 0.33, 0.33, 1.0])
    """
    one = np.eye(there.shape[1], dtype=bool)
    patterns = np.concatenate([one, ~one, np.ones_like(one[:1])])
    masks = there[:, None] & patterns
    numbers = np.broadcast_to(np.arange(len(there))[:, None, None], (*masks.shape[:2], 1))
    every = np.concatenate([numbers, masks], axis=2).reshape(-1, 1 + there.shape[1])
    every = np.unique(every[every[:, 1:].any(axis=1)], axis=0)
    rows = every[:, 0].astype(np.intp)
    return rows, every[:, 1:].astype(bool), 1.0 / np.bincount(rows)[rows]


def mean_of_numbers(said: Matrix, there: Mask, weights: Matrix) -> Matrix:
    """Return the mean over models, with positive `weights` (m,) renormalised where they are there.

    >>> said = np.array([[[1.0], [4.0]], [[1.0], [np.nan]]])
    >>> mean_of_numbers(said, ~np.isnan(said[:, :, 0]), np.array([1.0, 2.0])).tolist()
    [[3.0], [1.0]]
    """
    shares = weights * there
    shares = shares / shares.sum(axis=1, keepdims=True)
    mixed: Matrix = np.einsum("nm,nmk->nk", shares, np.where(there[:, :, None], said, 0.0))
    return mixed


def mean_of_probabilities(said: Matrix, there: Mask, weights: Matrix, powers: Matrix) -> Matrix:
    """Return the weighted mean, raised to the power for the number of models that are there.

    A mean of probabilities is too cautious where models know different things (R. Ranjan and T.
    Gneiting, "Combining Probability Forecasts", J. R. Stat. Soc. B 72, 2010); a power above 1
    makes up for it, and one below 1 for models that are too sure. All `powers` (m,) 1: the mean.
    """
    mean = mean_of_numbers(said, there, weights)
    logs = np.log(np.maximum(mean, np.finfo(np.float64).tiny))
    return softmax(logs * powers[there.sum(axis=1) - 1, None])


def learn_shares(
    said: Matrix, there: Mask, codes: NDArray[np.intp], shares: Matrix
) -> tuple[Matrix, Matrix]:
    """Return the weights and powers under which held-out samples have the least log loss.

    Parameters
    ----------
    said : ndarray, shape (n, m, k)
        Probabilities of samples that the models were not fitted to.
    there : ndarray of bool, shape (n, m)
    codes : ndarray of int, shape (n,)
        The class of each sample.
    shares : ndarray, shape (n,)
        Of the samples in the loss.

    Returns
    -------
    weights : ndarray, shape (m,)
        Their sum is 1.
    powers : ndarray, shape (m,)
    """
    m = there.shape[1]

    def loss(logs: Matrix) -> float:
        mixed = mean_of_probabilities(said, there, np.exp(logs[:m]), np.exp(logs[m:]))
        own = np.maximum(mixed[np.arange(len(codes)), codes], 1e-12)
        return float(-shares @ np.log(own) / shares.sum() + 1e-4 * logs @ logs)

    return _weights_and_rest(loss, m, m)


def learn_mean(said: Matrix, there: Mask, targets: Matrix, shares: Matrix) -> Matrix:
    """Return the weights (m,) under which held-out samples have the least squared error.

    Parameters as for `learn_shares`, with ``targets`` (n, k).
    """
    scale = np.maximum(targets.var(axis=0), np.finfo(np.float64).tiny)

    def loss(logs: Matrix) -> float:
        errors = ((mean_of_numbers(said, there, np.exp(logs)) - targets) ** 2 / scale).mean(axis=1)
        return float(shares @ errors / shares.sum() + 1e-4 * logs @ logs)

    return _weights_and_rest(loss, there.shape[1], 0)[0]


def _weights_and_rest(loss: object, m: int, n_more: int) -> tuple[Matrix, Matrix]:
    found = minimize(
        loss, np.zeros(m + n_more), method="L-BFGS-B", bounds=[(-_FAR, _FAR)] * (m + n_more)
    )
    numbers: Matrix = np.exp(found.x)
    return numbers[:m] / numbers[:m].sum(), numbers[m:]


def log_odds(said: Matrix) -> Matrix:
    """Return logarithms of probabilities, less their mean over classes."""
    logs = np.log(np.maximum(said, _LEAST))
    centred: Matrix = logs - logs.mean(axis=2, keepdims=True)
    return centred


def stack_columns(scores: Matrix, there: Mask) -> Matrix:
    """Return what a linear stack sees, (n, m * (2 k + 1)): scores, 0 where absent, and flags.

    Each score stands there twice, as it is and divided by the number of models that are there, so
    that a linear map can add up what is independent and average what is the same.
    """
    known = np.where(there[:, :, None], scores, 0.0).reshape(len(scores), -1)
    return np.hstack([known, known / there.sum(axis=1, keepdims=True), there])
