"""From a sequence of feature vectors to one: mean, deviation, percentiles, slope."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chordmer.errors import ChordmerError

__all__ = ["STATISTICS", "pool", "pooled_names"]

#: What `pool` can compute: mean, standard deviation, percentiles 10, 50 and 90, and the slope of
#: the straight line of least squares, in units a second.
STATISTICS = ("mean", "std", "p10", "p50", "p90", "slope")


def pool(
    values: ArrayLike, times: ArrayLike, statistics: tuple[str, ...] = STATISTICS
) -> NDArray[np.float64]:
    """Return statistics of each column over time.

    Parameters
    ----------
    values : array_like, shape (t, d)
        At least one row.
    times : array_like, shape (t,)
        In seconds.
    statistics : tuple of str
        Names out of `STATISTICS`.

    Returns
    -------
    ndarray of float64, shape (len(statistics) * d,)
        All columns of the first statistic, then of the next. The slope of a single row is 0.

    Examples
    --------
    >>> pool([[1.0], [2.0], [3.0]], [0.0, 0.5, 1.0], ("mean", "slope")).tolist()
    [2.0, 2.0]
    """
    table = np.asarray(values, dtype=np.float64)
    _check(statistics)
    pooled = []
    for name in statistics:
        if name == "mean":
            pooled.append(table.mean(axis=0))
        elif name == "std":
            pooled.append(table.std(axis=0))
        elif name == "slope":
            since = np.asarray(times, dtype=np.float64)
            since = since - since.mean()
            weight = (since**2).sum()
            pooled.append(since @ (table - table.mean(axis=0)) / (weight if weight > 0 else 1))
        else:
            pooled.append(np.percentile(table, float(name[1:]), axis=0))
    return np.concatenate(pooled)


def pooled_names(names: list[str], statistics: tuple[str, ...] = STATISTICS) -> list[str]:
    """Return the name of each value of `pool`.

    >>> pooled_names(["rms", "tempo"], ("mean", "std"))
    ['rms_mean', 'tempo_mean', 'rms_std', 'tempo_std']
    """
    _check(statistics)
    return [f"{name}_{statistic}" for statistic in statistics for name in names]


def _check(statistics: tuple[str, ...]) -> None:
    for name in statistics:
        if name not in STATISTICS:
            raise ChordmerError(
                f"no such statistic; there are {', '.join(STATISTICS)}", stage="pooling", value=name
            )
