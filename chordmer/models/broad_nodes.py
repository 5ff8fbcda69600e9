"""The nodes of a Broad Learning System, drawn and tuned from sums over samples alone.

Equation numbers are those of Chen and Liu (2018), see `chordmer.models.broad`. Nothing here keeps
an array with a row a sample: samples are read a block of rows at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from chordmer.models.ridge import Matrix

__all__ = [
    "column_moments",
    "draw_enhancement",
    "draw_features",
    "root_mean_squares",
    "row_blocks",
    "sparse_code",
]

#: Rows read at a time: enough for the matrix products to run at full speed.
_ROWS = 1024
_ADMM_STEPS = 50
_TINY = 1e-12


def row_blocks(n: int) -> Iterator[slice]:
    """Yield slices that together cover `n` rows.

    >>> list(row_blocks(1500))
    [slice(0, 1024, None), slice(1024, 2048, None)]
    """
    return (slice(start, start + _ROWS) for start in range(0, n, _ROWS))


def column_moments(X: NDArray[Any], weight: Matrix) -> tuple[Matrix, Matrix]:
    """Return the weighted mean and standard deviation of each column, 1 for constant columns.

    Parameters
    ----------
    X : ndarray, shape (n, d)
    weight : ndarray, shape (n,)

    Returns
    -------
    mean, scale : ndarray, shape (d,)
    """
    # Sums start from the first row, so that the mean of a constant is that constant exactly.
    origin = X[0].astype(np.float64)
    total, shift, square = weight.sum(), np.zeros(X.shape[1]), np.zeros(X.shape[1])
    largest = np.full(X.shape[1], 1e-300)
    for rows in row_blocks(len(X)):
        shift += weight[rows] @ (X[rows] - origin)
        np.maximum(largest, np.abs(X[rows]).max(axis=0), out=largest)
    mean = origin + shift / total
    for rows in row_blocks(len(X)):
        square += weight[rows] @ (X[rows] - mean) ** 2
    scale = np.sqrt(square / total)
    return mean, np.where(scale > _TINY * largest, scale, 1.0)


def draw_features(
    blocks: Iterable[Matrix],
    total: float,
    maps: Matrix,
    group: int,
    sparsity: float,
) -> Matrix:
    """Return the weights of feature nodes, fine-tuned from random maps of the inputs.

    Each group of nodes is tuned by a sparse autoencoder of its own (`sparse_code`).

    Parameters
    ----------
    blocks : iterable of ndarray, shape (rows, n_features)
        Standardised inputs, times the square root of their weights.
    total : float
        Sum of the weights.
    maps : ndarray, shape (n_features, n_nodes)
        Random (equation 1).
    group : int
        Nodes of each group.
    sparsity : float

    Returns
    -------
    ndarray, shape (n_features, n_nodes)
    """
    gram, cross = np.zeros((maps.shape[1],) * 2), np.zeros(maps.shape[::-1])
    for Z in blocks:
        nodes = Z @ maps
        gram += nodes.T @ nodes
        cross += nodes.T @ Z
    scale = root_mean_squares(gram, total)
    gram /= np.outer(scale, scale) * total
    cross /= scale[:, None] * total
    members = [slice(start, start + group) for start in range(0, len(gram), group)]
    return np.hstack([sparse_code(gram[g, g], cross[g], sparsity) for g in members])


def sparse_code(gram: Matrix, cross: Matrix, sparsity: float) -> Matrix:
    r"""Return weights of nodes that a sparse autoencoder found for the inputs Z.

    Solves the lasso of the paper's equation 8,
    :math:`\min_W \frac{1}{2n} \lVert H W - Z \rVert_2^2 + \lambda \lVert W \rVert_1`, by the
    alternating direction method of multipliers (equations 9 to 11, 50 steps). The fine-tuned nodes
    are ``Z @ W.T``.

    Parameters
    ----------
    gram : ndarray, shape (n_nodes, n_nodes)
        ``H.T @ H / n``, H being the randomly mapped inputs.
    cross : ndarray, shape (n_nodes, n_features)
        ``H.T @ Z / n``, Z being the standardised inputs.
    sparsity : float
        lambda. The paper's objective is not divided by n; here it is, so that the meaning does not
        change with the number of samples.

    Returns
    -------
    ndarray, shape (n_features, n_nodes)
    """
    factor = cho_factor(gram + np.eye(len(gram)))
    sparse, dual = np.zeros_like(cross), np.zeros_like(cross)
    for _ in range(_ADMM_STEPS):
        dense = cho_solve(factor, cross + sparse - dual)
        sparse = _soft_threshold(dense + dual, sparsity)
        dual += dense - sparse
    return np.ascontiguousarray(sparse.T)


def draw_enhancement(
    gram: Matrix, n: int, shrinkage: float, random: np.random.RandomState
) -> tuple[Matrix, Matrix]:
    """Return the weights and biases of `n` enhancement nodes (equation 2).

    Their maps of the feature nodes are orthonormal, and so scaled that what `tanh` is taken of has
    the standard deviation `shrinkage`, over all nodes and samples.

    Parameters
    ----------
    gram : ndarray, shape (n_f + 1, n_f + 1)
        Products of the feature nodes and a last column of ones, summed over samples.
    n : int
    shrinkage : float
    random : RandomState

    Returns
    -------
    weights, bias : ndarray, shapes (n_f, n) and (n,)
    """
    maps = _orthonormal(len(gram), n, random)
    if n:
        mean = (gram[-1] @ maps).mean() / gram[-1, -1]
        square = ((gram @ maps) * maps).sum(axis=0).mean() / gram[-1, -1]
        maps *= shrinkage / max(np.sqrt(max(square - mean**2, 0.0)), _TINY)
    return maps[:-1], maps[-1]


def root_mean_squares(gram: Matrix, total: float) -> Matrix:
    """Return those of the nodes whose products `gram` sums, 1 for nodes that are always 0."""
    scale: Matrix = np.sqrt(np.diagonal(gram) / total)
    return np.where(scale > _TINY, scale, 1.0)


def _soft_threshold(values: Matrix, width: float) -> Matrix:
    shrunk: Matrix = np.sign(values) * np.maximum(np.abs(values) - width, 0.0)
    return shrunk


def _orthonormal(n_rows: int, n_columns: int, random: np.random.RandomState) -> Matrix:
    """Return a random matrix with orthonormal columns, or rows where it is wider than tall."""
    tall = random.standard_normal((max(n_rows, n_columns), min(n_rows, n_columns)))
    basis = np.linalg.qr(tall)[0]
    return basis if n_rows >= n_columns else np.ascontiguousarray(basis.T)
