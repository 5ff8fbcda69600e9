"""From scores to probabilities: the one temperature under which held-out samples are likeliest."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.optimize import minimize_scalar

__all__ = ["TEMPERATURES", "best_temperature", "log_losses"]

#: Where log losses are kept: close enough together for a spline to pass exactly enough between.
TEMPERATURES = np.geomspace(1e-2, 1e2, 65)


def log_losses(
    scores: NDArray[Any], indicator: NDArray[Any], weight: NDArray[Any]
) -> NDArray[np.float64]:
    """Return the log loss of ``softmax(scores / T)`` for each T of `TEMPERATURES`.

    Sums over samples, so that those of later samples can be added.

    Parameters
    ----------
    scores : ndarray, shape (n, k)
        Of k alternatives; those of samples that the model was not fitted to.
    indicator : ndarray, shape (n, k)
        1 at the true alternative, 0 elsewhere.
    weight : ndarray, shape (n,)

    Returns
    -------
    ndarray of float64, shape (65,)
    """
    below = np.asarray(scores - scores.max(axis=1, keepdims=True), dtype=np.float64)
    own = (below * indicator).sum(axis=1)
    return np.array(
        [weight @ (np.log(np.exp(below / t).sum(axis=1)) - own / t) for t in TEMPERATURES]
    )


def best_temperature(losses: NDArray[np.float64]) -> float:
    """Return the temperature at the least of `losses`, which lie on `TEMPERATURES`.

    Examples
    --------
    >>> always_wrong = log_losses(np.eye(2), 1 - np.eye(2), np.ones(2))
    >>> round(best_temperature(always_wrong))
    100
    """
    grid = np.log(TEMPERATURES)
    best = minimize_scalar(CubicSpline(grid, losses), bounds=(grid[0], grid[-1]), method="bounded")
    return float(np.exp(best.x))
