"""Nearest rows of a matrix: all compared, or through an index where they are many."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Neighbours"]

#: Lists for so many rows, as the square root grows: the usual choice for inverted files.
_LISTS_PER_ROOT = 4
#: Rows that the lists are learned from.
_SAMPLE = 50_000
#: Rows measured at once.
_BLOCK = 65_536


class Neighbours:
    """The rows nearest to a point, columns measured in their standard deviations.

    Parameters
    ----------
    X : array_like of float, shape (n, d)
        Finite. Columns that never change count for nothing.
    index : bool or None, default None
        Whether to sort the rows into lists by the nearest of 4 sqrt(n) centres (k-means), of which
        a question then opens `n_probe`: an inverted file, as in Jégou, Douze and Schmid, "Product
        quantization for nearest neighbor search", IEEE TPAMI 33 (2011), without the quantisation.
        None: from 200,000 rows on. Learning the lists takes some seconds, so that it pays for many
        questions, not for one.
    n_probe : int, default 32
        Lists opened. More find more of the true neighbours; all of them find all.
    random_state : int, default 0
        Of the centres.

    Attributes
    ----------
    mean, scale : ndarray of float32, shape (d,)
        What columns are standardised by.

    Raises
    ------
    ValueError
        If X is no finite matrix, or `n_probe` is below 1.

    Examples
    --------
    >>> rows, distances = Neighbours([[0.0], [1.0], [5.0]]).nearest([0.9], 2)
    >>> rows.tolist()
    [1, 0]
    """

    def __init__(
        self,
        X: ArrayLike,
        *,
        index: bool | None = None,
        n_probe: int = 32,
        random_state: int = 0,
    ) -> None:
        rows = np.asarray(X, dtype=np.float32)
        if rows.ndim != 2 or not np.isfinite(rows).all():
            raise ValueError(f"X must be a finite matrix, not of shape {rows.shape}")
        if n_probe < 1:
            raise ValueError(f"n_probe must be 1 or more, not {n_probe}")
        self.n_probe = n_probe
        held = rows if len(rows) else np.zeros((1, rows.shape[1]), np.float32)
        self.mean = held.mean(axis=0, dtype=np.float64).astype(np.float32)
        deviation = held.std(axis=0, dtype=np.float64)
        self.scale = np.where(deviation > 0, deviation, np.inf).astype(np.float32)
        self._rows = (rows - self.mean) / self.scale
        self._order = np.arange(len(rows))
        self._centres = self._rows[:0]
        self._starts = np.array([0, len(rows)])
        if index or (index is None and len(rows) >= 200_000):
            self._sort_into_lists(random_state)

    def _sort_into_lists(self, random_state: int) -> None:
        from sklearn.cluster import MiniBatchKMeans

        n = len(self._rows)
        sample = np.random.default_rng(random_state).permutation(n)[:_SAMPLE]
        count = max(1, min(int(_LISTS_PER_ROOT * n**0.5), len(sample) // 4))
        means = MiniBatchKMeans(count, batch_size=4096, n_init=1, random_state=random_state)
        means.fit(self._rows[sample])
        lists = np.concatenate(
            [means.predict(self._rows[i : i + _BLOCK]) for i in range(0, n, _BLOCK)]
        )
        self._centres = means.cluster_centers_.astype(np.float32)
        self._order = np.argsort(lists, kind="stable")
        self._rows = self._rows[self._order]
        self._starts = np.searchsorted(lists[self._order], np.arange(count + 1))

    def nearest(
        self, point: ArrayLike, n: int = 10
    ) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """Return the rows nearest to a point.

        Parameters
        ----------
        point : array_like of float, shape (d,)
        n : int, default 10

        Returns
        -------
        rows : ndarray of int, shape (m,)
            Nearest first, the earlier where distances are equal; m is n, or less where fewer rows
            are there, or were opened.
        distances : ndarray of float32, shape (m,)
            Euclidean in standard deviations, over the square root of d: about 1.4 for two rows
            taken at random, whatever d is.

        Raises
        ------
        ValueError
            If the point is not finite or of another length.
        """
        wanted = np.asarray(point, dtype=np.float32)
        if wanted.shape != self.mean.shape or not np.isfinite(wanted).all():
            raise ValueError(f"the point must be finite, of shape {self.mean.shape}")
        place = (wanted - self.mean) / self.scale
        opened = self._opened(place)
        squared = _squared(self._rows, opened, place)
        rows = self._order[opened]
        first = np.lexsort((rows, squared))[: max(n, 0)]
        return rows[first], np.sqrt(squared[first] / max(len(place), 1))

    def _opened(self, place: NDArray[np.float32]) -> NDArray[np.intp]:
        if not len(self._centres):
            return np.arange(len(self._rows))
        far = ((self._centres - place) ** 2).sum(axis=1)
        lists = np.argsort(far, kind="stable")[: self.n_probe]
        return np.concatenate([np.arange(self._starts[i], self._starts[i + 1]) for i in lists])


def _squared(
    rows: NDArray[np.float32], opened: NDArray[np.intp], place: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the squared distances of some rows, a block at a time."""
    squared = np.empty(len(opened), np.float32)
    for start in range(0, len(opened), _BLOCK):
        some = rows[opened[start : start + _BLOCK]] - place
        np.einsum("ij,ij->i", some, some, out=squared[start : start + _BLOCK])
    return squared
