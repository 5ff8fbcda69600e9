"""How far a number would move had other songs been met: the bootstrap over groups."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chordmer.evaluate.metrics import Codes, Floats
from chordmer.evaluate.weighted import Statistic

__all__ = ["Interval", "bootstrap", "draw_groups", "group_codes", "interval_of"]


@dataclass(frozen=True)
class Interval:
    """A number, and between which others it would stay.

    Attributes
    ----------
    value : float
    low, high : float
        Ends of the interval; NaN where one group alone cannot tell.
    level : float
        How often such intervals hold what they are about.
    """

    value: float
    low: float
    high: float
    level: float = 0.95

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    def to_dict(self) -> dict[str, float | None]:
        """Return plain numbers; None for what is undefined, as JSON has no NaN."""
        known = {"value": self.value, "low": self.low, "high": self.high, "level": self.level}
        return {name: None if np.isnan(number) else number for name, number in known.items()}


def group_codes(groups: Iterable[Any] | None, n: int) -> tuple[Codes, list[Any]]:
    """Return the number of each row's group, and what the groups are called.

    A row whose group is None or NaN is a group of its own, called by its number.

    Raises
    ------
    ValueError
        If there is not one group a row.
    """
    given = [None] * n if groups is None else list(groups)
    if len(given) != n:
        raise ValueError(f"groups should be one a sample, {n}, not {len(given)}")
    places: dict[tuple[bool, Any], int] = {}
    codes = []
    for row, group in enumerate(given):
        alone = group is None or group != group
        codes.append(places.setdefault((alone, row if alone else group), len(places)))
    return np.array(codes, dtype=np.intp), [name for _, name in places]


def draw_groups(
    codes: Codes, *, n_resamples: int = 1000, random_state: int = 0
) -> Iterator[Floats]:
    """Yield weights of rows, shape (n,): how often its group is in a resample of the groups.

    As many groups are drawn, with replacement, as there are: clips of one song share what makes
    them easy, so a clip is no draw of its own (Field and Welsh, "Bootstrapping clustered data",
    Journal of the Royal Statistical Society B 69, 2007: the cluster bootstrap).

    Parameters
    ----------
    codes : ndarray of int, shape (n,)
        Number of each row's group.
    """
    if n_resamples < 1:
        raise ValueError(f"n_resamples should be positive, not {n_resamples}")
    names, places = np.unique(codes, return_inverse=True)
    random = np.random.default_rng(random_state)
    for _ in range(n_resamples):
        drawn = random.integers(len(names), size=len(names))
        yield np.bincount(drawn, minlength=len(names)).astype(np.float64)[places]


def bootstrap(
    statistic: Statistic, codes: Codes, *, n_resamples: int = 1000, random_state: int = 0
) -> dict[str, Floats]:
    """Return what `statistic` makes of the weights of each resample, by the metric's name.

    One group alone says nothing of others: then everything is NaN.

    Returns
    -------
    dict of str to ndarray of float64, shape (n_resamples,)
    """
    found = [
        statistic(weights)
        for weights in draw_groups(codes, n_resamples=n_resamples, random_state=random_state)
    ]
    blank = np.nan if (codes == codes[0]).all() else 0.0
    return {name: np.array([draw[name] for draw in found]) + blank for name in found[0]}


def interval_of(value: float, draws: NDArray[np.float64], level: float = 0.95) -> Interval:
    """Return `value` with the percentile interval of its bootstrap draws.

    Draws in which it is undefined (NaN) are left out. With fewer than some twenty groups
    percentile intervals are too narrow.

    Raises
    ------
    ValueError
        If `level` is no probability.
    """
    if not 0 < level < 1:
        raise ValueError(f"level should lie between 0 and 1, not {level}")
    known = draws[~np.isnan(draws)]
    if not known.size or np.isnan(value):
        return Interval(value, float("nan"), float("nan"), level)
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value, float(low), float(high), level)
