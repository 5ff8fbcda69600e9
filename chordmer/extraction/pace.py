"""How many small jobs travel together."""

from __future__ import annotations

__all__ = ["Pace"]

_MOST_JOBS = 1000


class Pace:
    """How many jobs make a batch of so many seconds, learned from those that are done.

    Parameters
    ----------
    seconds : float
        What a batch should take.

    Attributes
    ----------
    size : int
        Jobs for the next batch: 1 at first, at most four times as many as before, at most 1,000.

    Examples
    --------
    >>> pace = Pace(0.2)
    >>> for _ in range(5):
    ...     pace.learn(pace.size, pace.size * 0.004)
    >>> pace.size
    50
    """

    def __init__(self, seconds: float) -> None:
        self.size = 1
        self._seconds = seconds
        self._each: float | None = None

    def learn(self, jobs: int, seconds: float) -> None:
        """Take in that so many jobs took so many seconds."""
        if not jobs:
            return
        each = max(seconds / jobs, 1e-9)
        self._each = each if self._each is None else 0.7 * self._each + 0.3 * each
        wanted = int(self._seconds / self._each + 0.5)
        self.size = max(1, min(wanted, 4 * self.size, _MOST_JOBS))
