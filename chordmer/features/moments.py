"""Mean and deviation of a sequence that comes in blocks."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Moments"]


class Moments:
    """Running mean and standard deviation of rows, in float64.

    Each block has its own mean and sum of squares about it, and the two are merged as Chan, Golub
    and LeVeque do ("Updating formulae and a pairwise algorithm", 1979), so that a large mean costs
    no digits of a small deviation.

    Examples
    --------
    >>> moments = Moments()
    >>> moments.add([[1.0], [2.0]])
    >>> moments.add([[6.0]])
    >>> moments.mean.tolist(), (moments.std ** 2).round(9).tolist()
    ([3.0], [4.666666667])
    """

    def __init__(self) -> None:
        self._count = 0
        self.mean: NDArray[np.float64] = np.zeros(1)
        self._squares: NDArray[np.float64] = np.zeros(1)

    def add(self, rows: ArrayLike) -> None:
        """Take the next rows, shape (n, d)."""
        values = np.asarray(rows, dtype=np.float64)
        if not len(values):
            return
        mean = values.mean(axis=0)
        squares = np.square(values - mean).sum(axis=0)
        total = self._count + len(values)
        step = mean - self.mean
        self.mean = self.mean + step * (len(values) / total)
        self._squares = self._squares + squares + step**2 * (self._count * len(values) / total)
        self._count = total

    @property
    def std(self) -> NDArray[np.float64]:
        """The standard deviation of all rows so far, shape (d,)."""
        return np.asarray(np.sqrt(self._squares / max(self._count, 1)))
