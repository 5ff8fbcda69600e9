"""The cluster engine: the same supervised processes, beside the workers of a Dask scheduler."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from chordmer.extraction.jobs import Finished, Job

__all__ = ["run_cluster"]


def run_cluster(
    task: Callable[[Any], Any],
    jobs: Iterable[Job],
    *,
    address: str,
    timeout: float = 60.0,
    memory: int | None = 4 << 30,
    tries: int = 3,
    batch_seconds: float = 1.0,
    recycle: int = 0,
    preload: Iterable[str] = (),
) -> Iterator[Finished]:
    """Run ``task(job.payload)`` for each job on a cluster; yield each end as it comes."""
    raise NotImplementedError
