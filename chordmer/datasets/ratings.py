"""What listeners said: scales, curves, and how far they agreed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chordmer.emotion import QUADRANTS, valence_arousal

__all__ = [
    "QUADRANT_SIGNS",
    "Agreement",
    "Floats",
    "RatedCurve",
    "Scale",
    "agreement",
    "soft_quadrants",
]

Floats = NDArray[np.float64]

#: Signs of valence and arousal in each quadrant, for corpora that name quadrants only.
QUADRANT_SIGNS: Mapping[str, tuple[float, float]] = {
    name: (float(v), float(a)) for name, (v, a) in zip(QUADRANTS, valence_arousal(np.eye(4)))
}


@dataclass(frozen=True)
class Scale:
    """The ends of a rating scale.

    >>> Scale(1, 9).to_unit([1, 5, 9]).tolist()
    [-1.0, 0.0, 1.0]
    >>> Scale(1, 9).spread_to_unit(2.0).tolist()
    0.5
    """

    low: float
    high: float

    def to_unit(self, values: ArrayLike) -> Floats:
        """Return ratings as numbers in [-1, 1]: the scale's ends become -1 and 1."""
        return 2 * (np.asarray(values, np.float64) - self.low) / (self.high - self.low) - 1

    def spread_to_unit(self, values: ArrayLike) -> Floats:
        """Return differences or standard deviations in the units of `to_unit`."""
        return 2 * np.asarray(values, np.float64) / (self.high - self.low)

    def __contains__(self, value: float) -> bool:
        slack = 1e-6 * (self.high - self.low)
        return self.low - slack <= value <= self.high + slack


@dataclass(frozen=True, eq=False)
class RatedCurve:
    """What listeners said while one piece ran.

    Attributes
    ----------
    times : ndarray of float64, shape (t,)
        Start of what was rated, in seconds of the track, ascending.
    valence, arousal : ndarray of float64, shape (t,)
        Means over raters, in [-1, 1].
    std : dict of str to ndarray of float64, shape (t,)
        ``"valence"``, ``"arousal"``: standard deviation over raters, in the same units; empty
        where the copy does not tell.
    """

    times: Floats
    valence: Floats
    arousal: Floats
    std: Mapping[str, Floats] = field(default_factory=dict)


def soft_quadrants(
    valence: ArrayLike, arousal: ArrayLike, valence_std: ArrayLike, arousal_std: ArrayLike
) -> Floats:
    """Return the share of listeners that each quadrant would have.

    Ratings of each dimension are taken as normal around their mean, one apart from the other.

    Parameters
    ----------
    valence, arousal : array_like, shape (n,)
        Means, with 0 the middle of the scale.
    valence_std, arousal_std : array_like, shape (n,)
        Standard deviations over raters; where 0, the share is 0 or 1, and 0 counts as positive.

    Returns
    -------
    ndarray of float64, shape (n, 4)
        Of Q1 to Q4; each row sums to 1, or is NaN where something is unknown.

    Examples
    --------
    >>> soft_quadrants([0.5, 0.0], [0.5, -1.0], [0.5, 0.1], [0.0, 0.1]).round(2).tolist()
    [[0.84, 0.16, 0.0, 0.0], [0.0, 0.0, 0.5, 0.5]]
    """
    v, a = _share_above(valence, valence_std), _share_above(arousal, arousal_std)
    return np.column_stack([v * a, (1 - v) * a, (1 - v) * (1 - a), v * (1 - a)])


def _share_above(means: ArrayLike, stds: ArrayLike) -> Floats:
    mean, std = np.broadcast_arrays(np.asarray(means, np.float64), np.asarray(stds, np.float64))
    z = np.divide(mean, std, out=np.where(mean >= 0, np.inf, -np.inf), where=std != 0)
    z = np.where(np.isnan(mean), np.nan, z)
    return np.array([0.5 * math.erfc(-value / math.sqrt(2)) for value in z.ravel()])


@dataclass(frozen=True)
class Agreement:
    """How far raters agree about one dimension.

    Attributes
    ----------
    single : float
        Share of the variance of single ratings that lies between tracks (the intraclass
        correlation ICC(1)).
    mean : float
        The same of means over a track's raters. It is the R2 of a model that knew what all
        listeners would say on average, hence the ceiling; its root is the highest correlation.
    """

    single: float
    mean: float


def agreement(means: ArrayLike, std: ArrayLike, n_raters: ArrayLike) -> Agreement:
    """Return how far raters agree, from each track's mean and spread.

    Parameters
    ----------
    means, std : array_like, shape (n,)
        Over each track's raters; tracks where either is NaN are left out.
    n_raters : array_like, scalar or shape (n,)
        Raters of each track, 2 or more.

    Returns
    -------
    Agreement
        Shares in [0, 1].

    Raises
    ------
    ValueError
        If fewer than two tracks are left, or a track has fewer than two raters.

    Notes
    -----
    One-way random effects (Shrout and Fleiss 1979): the variance of means between tracks is that
    of the tracks and the n-th part of that within. The standard deviations are taken as those of
    the raters at hand (divided by n), and enlarged to those of all.
    """
    mean, spread, n = np.broadcast_arrays(
        *(np.asarray(values, np.float64) for values in (means, std, n_raters))
    )
    known = np.isfinite(mean) & np.isfinite(spread)
    mean, spread, n = mean[known], spread[known], n[known]
    if len(mean) < 2 or (n < 2).any():
        raise ValueError("agreement needs two tracks with two raters each")
    within = float(np.mean(spread**2 * n / (n - 1)))
    noise = within * float(np.mean(1 / n))
    between = max(float(mean.var(ddof=1)) - noise, 0.0)
    if between == 0:
        return Agreement(0.0, 0.0)
    return Agreement(between / (between + within), between / (between + noise))
