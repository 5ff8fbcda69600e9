"""How many small jobs travel together."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from chordmer.store import Failure

if TYPE_CHECKING:
    from chordmer.extraction.lanes import Attempt

__all__ = ["Pace", "draw"]

_MOST_JOBS = 1000
#: Seconds that a source may take over a batch: what it has given by then is sent.
_PATIENCE = 0.05


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


def draw(
    source: Iterator[Attempt], size: int, refused: list[tuple[Attempt, bytes | Failure]]
) -> tuple[list[Attempt], bool]:
    """Return the next attempts of a source, at most `size`, and whether it has ended.

    Those whose payload cannot travel are put among the `refused`.
    """
    attempts: list[Attempt] = []
    until = time.monotonic() + _PATIENCE
    while len(attempts) < size:
        attempt = next(source, None)
        if attempt is None:
            return attempts, True
        if isinstance(attempt.payload, Failure):
            refused.append((attempt, attempt.payload))
        else:
            attempts.append(attempt)
        if time.monotonic() > until:
            break
    return attempts, False
