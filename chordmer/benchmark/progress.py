"""How far a benchmark is, told on standard error."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chordmer.benchmark.contenders import Contender
from chordmer.benchmark.store import Record
from chordmer.errors import printable

__all__ = ["Progress"]

#: Seconds between two signs of life while tracks are counted.
_PAUSE = 5.0


class Progress:
    """Says which model and fold came to what, and how long the others may take.

    Parameters
    ----------
    verbose : bool
        Whether to say anything.
    """

    def __init__(self, verbose: bool) -> None:
        self.verbose = verbose
        self.total = self.done = 0
        self._left: Counter[Contender] = Counter()
        self._seconds: dict[Contender, list[float]] = {}
        self._told = 0.0

    def begin(self, jobs: Sequence[Contender], done: Mapping[int, Record]) -> None:
        """Tell how many trainings there are: one a job, some of which are done."""
        self.total, self.done = len(jobs), len(done)
        self._left.update(contender for at, contender in enumerate(jobs) if at not in done)
        for record in done.values():
            self._seconds.setdefault(record.contender, []).append(record.seconds)
        again = f", {self.done} of them there already" if done else ""
        self.say(f"{self.total} trainings{again}")

    def tell(self, record: Record, y: NDArray[Any]) -> None:
        """Tell what a training came to; `y` is the truth of all tracks."""
        self.done += 1
        self._left[record.contender] -= 1
        if record.result is None:
            what = f"failed: {record.error}"
        else:
            self._seconds.setdefault(record.contender, []).append(record.seconds)
            right = record.result.predictions == y[record.result.fold.test]
            what = f"accuracy {right.mean():.3f}, {record.seconds:.1f} s"
        self.say(
            f"[{self.done}/{self.total}] {record.contender.title}, seed {record.seed}, "
            f"fold {record.number}: {what}{self._time_left()}"
        )

    def count(self, what: str, done: int, total: int) -> None:
        """Tell how many tracks are done, every few seconds and in the end."""
        now = time.monotonic()
        if done == total or now - self._told > _PAUSE:
            self._told = now
            self.say(f"{what}: {done} of {total} tracks")

    def say(self, text: str) -> None:
        """Print a line."""
        if self.verbose:
            print(printable(text, 800), file=sys.stderr, flush=True)

    def _time_left(self) -> str:
        """Return the time that the others may take, by the trainings of the same model so far.

        A model that has not been trained yet is taken for the mean of those that have.
        """
        means = {contender: float(np.mean(own)) for contender, own in self._seconds.items()}
        if not means or self.done == self.total:
            return ""
        usual = float(np.mean([*means.values()]))
        left = sum(n * means.get(contender, usual) for contender, n in self._left.items())
        if left < 60:
            return "; less than a minute left"
        return f"; about {f'{left / 60:.0f} min' if left < 7200 else f'{left / 3600:.0f} h'} left"
