"""The local engine: supervised processes on this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from chordmer.extraction.jobs import Finished, Job

__all__ = ["run_local"]


def run_local(
    task: Callable[[Any], Any],
    jobs: Iterable[Job],
    *,
    n_jobs: int = 1,
    timeout: float = 60.0,
    memory: int | None = 4 << 30,
    tries: int = 1,
    batch_seconds: float = 0.2,
    recycle: int = 0,
    preload: Iterable[str] = (),
) -> Iterator[Finished]:
    """Run ``task(job.payload)`` for each job in supervised processes; yield each end as it comes."""
    raise NotImplementedError
