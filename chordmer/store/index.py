"""Which rows there are: keys in sorted arrays, 21 bytes a row, whatever the number of rows.

An index belongs to one feature. Rows are counted from 0 in the order in which they came; of those
with one name (the first 10 bytes of a key) the last one is live.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from chordmer.store.row import NAME_BYTES

__all__ = ["ENTRY", "Index", "Known", "entries"]

#: One row in an index file: key, digest, and whether it is a failure.
ENTRY = np.dtype([("high", ">u8"), ("low", ">u8"), ("digest", "S32"), ("failed", "u1")])
#: Bits of the low half of a key that say what a row was made from; the others are of its name.
_MADE_FROM = np.uint64(48)
#: A run is joined with the one before it unless it is so many times smaller.
_RATIO = 8


class Known(NamedTuple):
    """What a store has for an id and feature: the key of the newest row, and if it is a failure."""

    key: bytes
    failed: bool


class _Run(NamedTuple):
    """Rows sorted by name, no name twice."""

    high: NDArray[np.uint64]
    low: NDArray[np.uint64]
    position: NDArray[np.uint32]
    failed: NDArray[np.bool_]


def entries(
    keys: Sequence[bytes], digests: Sequence[bytes], failed: Sequence[bool]
) -> NDArray[np.void]:
    """Return rows as an array of `ENTRY`."""
    found = np.empty(len(keys), ENTRY)
    halves = np.frombuffer(b"".join(keys), ">u8").reshape(-1, 2)
    found["high"], found["low"] = halves[:, 0], halves[:, 1]
    found["digest"] = np.frombuffer(b"".join(digests), "S32")
    found["failed"] = failed
    return found


class Index:
    """The rows of one feature."""

    def __init__(self) -> None:
        self.rows = 0
        self._runs: list[_Run] = []

    def copy(self) -> Index:
        """Return an index that can grow by itself; the arrays are shared."""
        other = Index()
        other.rows, other._runs = self.rows, list(self._runs)
        return other

    def add(self, rows: NDArray[np.void]) -> None:
        """Add rows (an array of `ENTRY`), newer than all that are there."""
        if not len(rows):
            return
        run = _Run(
            rows["high"].astype(np.uint64),
            rows["low"].astype(np.uint64),
            np.arange(self.rows, self.rows + len(rows), dtype=np.uint32),
            rows["failed"] != 0,
        )
        self.rows += len(rows)
        self._runs.append(_newest(run))
        while len(self._runs) > 1 and len(self._runs[-1].high) * _RATIO > len(self._runs[-2].high):
            self._join()

    def _join(self) -> None:
        newer, older = self._runs.pop(), self._runs.pop()
        pairs: Any = zip(older, newer)
        both = [np.concatenate(pair) for pair in pairs]
        del older, newer
        self._runs.append(_newest(_Run(*both)))

    def find(self, name: bytes) -> Known | None:
        """Return what is known under a name, the first `NAME_BYTES` of a key."""
        high = np.uint64(int.from_bytes(name[:8], "big"))
        rest = int.from_bytes(name[8:NAME_BYTES], "big")
        for run in reversed(self._runs):
            place = int(run.high.searchsorted(high))
            while place < len(run.high) and run.high[place] == high:
                low = int(run.low[place])
                if low >> int(_MADE_FROM) == rest:
                    return Known(name[:8] + low.to_bytes(8, "big"), bool(run.failed[place]))
                place += 1
        return None

    def meets(self, rows: NDArray[np.void]) -> bool:
        """Return whether any of `rows` may supersede another, of them or of those that are there.

        Half a name is looked at: True may be wrong once in billions of rows, False never is.
        """
        high = np.sort(rows["high"].astype(np.uint64))
        if (high[1:] == high[:-1]).any():
            return True
        for run in self._runs:
            place = np.minimum(run.high.searchsorted(high), len(run.high) - 1)
            if (run.high[place] == high).any():
                return True
        return False

    def live(self) -> NDArray[np.bool_]:
        """Return for every row whether it is the newest of its name."""
        while len(self._runs) > 1:
            self._join()
        mask = np.zeros(self.rows, bool)
        for run in self._runs:
            mask[run.position] = True
        return mask


def _newest(run: _Run) -> _Run:
    """Return a run of rows, the older ones first, sorted by name, the newest of each name."""
    order = run.high.argsort(kind="stable")
    high = run.high[order]
    same = high[1:] == high[:-1]
    if not same.any():
        return _Run(high, run.low[order], run.position[order], run.failed[order])
    order = np.lexsort((run.low >> _MADE_FROM, run.high))
    high, rest = run.high[order], run.low[order] >> _MADE_FROM
    last = np.ones(len(order), bool)
    last[:-1] = (high[1:] != high[:-1]) | (rest[1:] != rest[:-1])
    order = order[last]
    return _Run(run.high[order], run.low[order], run.position[order], run.failed[order])
