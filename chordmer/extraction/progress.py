"""How far an extraction is, told on standard error, and what it came to in the end."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from chordmer.errors import ChordmerError, printable
from chordmer.extraction.sources import Listing

__all__ = ["Progress", "Summary"]

#: Seconds between two drawings of the bar, and between two lines where there is no terminal.
_REDRAWN, _TOLD = 0.2, 30.0
#: Seconds over which the speed is measured.
_RECENT = 60.0
#: Folders that could not be listed are kept up to this number; beyond it they are counted.
_MOST_UNLISTED = 100


@dataclass(frozen=True)
class Summary:
    """What an extraction came to.

    Attributes
    ----------
    tracks : int
        Tracks that have a source for one of the features.
    rows : int
        Rows computed now, failures left out.
    up_to_date : int
        Rows that the store had already, failures left out.
    failed : int
        Rows that say why there is no feature, computed now.
    failed_before : int
        The same, from before; tried again if asked.
    errors : mapping of str to int
        The failures of now, by kind.
    examples : mapping of str to str
        One of each kind: the track, and what was wrong with it.
    unlisted : tuple of ChordmerError
        Folders that could not be listed, the first hundred.
    seconds : float
    read : int
        Bytes of files that were read.
    """

    tracks: int = 0
    rows: int = 0
    up_to_date: int = 0
    failed: int = 0
    failed_before: int = 0
    errors: Mapping[str, int] = field(default_factory=dict)
    examples: Mapping[str, str] = field(default_factory=dict)
    unlisted: tuple[ChordmerError, ...] = ()
    seconds: float = 0.0
    read: int = 0

    @property
    def complete(self) -> bool:
        """Whether nothing failed, now or before."""
        return not (self.failed or self.failed_before or self.unlisted)

    def __str__(self) -> str:
        speed = self.tracks / self.seconds if self.seconds else 0.0
        lines = [
            f"{self.tracks:,} tracks in {_duration(self.seconds)} "
            f"({speed:,.1f} tracks/s, {self.read / 1e6:,.1f} MB): {self.rows:,} rows computed, "
            f"{self.up_to_date:,} up to date, {self.failed:,} failed"
        ]
        if self.errors:
            width = max(map(len, self.errors))
            lines += [
                f"  {kind:{width}} {count:>9,}   {self.examples.get(kind, '')}"
                for kind, count in sorted(self.errors.items(), key=lambda pair: -pair[1])
            ]
        if self.failed_before:
            lines.append(f"{self.failed_before:,} failed before, and were not tried again")
        lines += [printable(error, 400) for error in self.unlisted]
        return "\n".join(lines)


class Progress:
    """Counts what happens, and tells it on standard error.

    Parameters
    ----------
    listing : Listing
        Listed once more in the background, so that the time left can be told.
    verbose : bool
        Whether to tell anything.
    """

    def __init__(self, listing: Listing, *, verbose: bool) -> None:
        self.verbose = verbose
        self.tracks = self.passed_over = self.rows = self.up_to_date = self.failed_before = 0
        self.read = 0
        self.errors: Counter[str] = Counter()
        self.examples: dict[str, str] = {}
        self.unlisted: list[ChordmerError] = []
        self._listing = listing
        self._total: int | None = None
        self._start = self._told = time.monotonic()
        self._recent: deque[tuple[float, int]] = deque([(self._start, 0)])
        self._bar = verbose and sys.stderr.isatty()
        self._left = threading.Event()

    def __enter__(self) -> Self:
        if self.verbose:
            threading.Thread(target=self._count, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._left.set()
        self._clear()

    def _count(self) -> None:
        total = 0
        try:
            for _ in self._listing():
                if self._left.is_set():
                    return
                total += 1
        except ChordmerError:
            return  # the run lists the same, and tells what is wrong
        self._total = total

    def say(self, text: str) -> None:
        """Print a line of its own."""
        if self.verbose:
            self._clear()
            print(printable(text, 400), file=sys.stderr, flush=True)

    def fail(self, kind: str, example: str) -> None:
        """Count a failure."""
        self.errors[kind] += 1
        if kind not in self.examples:
            self.examples[kind] = printable(example, 200)

    def tell(self) -> None:
        """Say how far it is, unless that was said just now."""
        now = time.monotonic()
        if not self.verbose or now - self._told < (_REDRAWN if self._bar else _TOLD):
            return
        self._told = now
        done = self.tracks + self.passed_over
        self._recent.append((now, done))
        while now - self._recent[0][0] > _RECENT and len(self._recent) > 2:
            self._recent.popleft()
        before, then = self._recent[0]
        speed = (done - then) / max(now - before, 1e-9)
        line = f"{done:,}{self._of(done)} tracks, {speed:,.1f}/s, {self.errors.total():,} failed"
        if self._total is not None and speed > 0:
            line += f", {_duration((self._total - done) / speed)} left"
        if self._bar:
            print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)
        else:
            print(line, file=sys.stderr, flush=True)

    def _of(self, done: int) -> str:
        """Return the bar and the number of tracks, once they have been counted."""
        if self._total is None:
            return ""
        share = min(done / self._total, 1.0) if self._total else 1.0
        bar = f" [{'#' * int(share * 20):20}]" if self._bar else ""
        return f" of {self._total:,} ({share:.0%}){bar}"

    def _clear(self) -> None:
        if self._bar:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    def summary(self) -> Summary:
        """Return what it came to."""
        return Summary(
            tracks=self.tracks,
            rows=self.rows,
            up_to_date=self.up_to_date,
            failed=self.errors.total(),
            failed_before=self.failed_before,
            errors=dict(self.errors),
            examples=dict(self.examples),
            unlisted=tuple(self.unlisted),
            seconds=time.monotonic() - self._start,
            read=self.read,
        )


def _duration(seconds: float) -> str:
    """Return a time as people say it.

    >>> _duration(42.3), _duration(60 * 90), _duration(86400 * 3 + 7200)
    ('42 s', '1 h 30 min', '3 d 2 h')
    """
    whole = int(seconds)
    days, hours, minutes = whole // 86400, whole // 3600 % 24, whole // 60 % 60
    if days:
        return f"{days} d {hours} h"
    if whole >= 3600:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {whole % 60} s" if minutes else f"{whole} s"
