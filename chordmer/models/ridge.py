"""Ridge regression from sums over samples, and its outputs for samples left out one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve, solve_triangular

__all__ = ["Matrix", "leave_one_out", "solve_ridge"]

#: Numbers that stay in double precision, in whatever the samples were.
Matrix = NDArray[np.float64]


def solve_ridge(gram: Matrix, cross: Matrix, alpha: float) -> tuple[Matrix, Matrix]:
    r"""Return the weights that solve :math:`(A^T A + \alpha J) W = A^T Y`, and a factor.

    The last column of A is of ones, and its weights, the intercept, are not penalised: J is the
    identity but for a last 0.

    Parameters
    ----------
    gram : ndarray, shape (m, m)
        ``A.T @ A``.
    cross : ndarray, shape (m, k)
        ``A.T @ Y``.
    alpha : float

    Returns
    -------
    weights : ndarray, shape (m, k)
    factor : ndarray, shape (m, m)
        The lower Cholesky factor of the left side; what is above its diagonal means nothing.

    Raises
    ------
    ValueError
        If columns depend on each other and `alpha` is lost in rounding.
    """
    penalised = gram.copy()
    diagonal = np.arange(len(gram) - 1)
    penalised[diagonal, diagonal] += alpha
    try:
        factor, _ = cho_factor(penalised, lower=True, overwrite_a=True)
    except LinAlgError as error:
        raise ValueError(f"alpha = {alpha} is too small for these nodes") from error
    return cho_solve((factor, True), cross), factor


def leave_one_out(
    A: NDArray[Any], targets: Matrix, weight: Matrix, weights: NDArray[Any], factor: Matrix
) -> Matrix:
    """Return for each sample the outputs of the ridge regression of all others, exactly.

    From the leverage of a sample, the diagonal of the hat matrix: no other solution is computed.

    Parameters
    ----------
    A : ndarray, shape (n, m)
        Some of the rows that the regression was fitted to, not weighted.
    targets : ndarray, shape (n, k)
    weight : ndarray, shape (n,)
        A sample of weight above 1 stands for so many, of which one is left out.
    weights, factor : ndarray, shapes (m, k) and (m, m)
        From `solve_ridge`.

    Returns
    -------
    ndarray, shape (n, k)
    """
    square = (solve_triangular(factor, A.T, lower=True) ** 2).sum(axis=0)
    leverage = (np.minimum(weight, 1.0) * square)[:, None]
    held_out: Matrix = (A @ weights - leverage * targets) / np.maximum(1.0 - leverage, 1e-6)
    return held_out
