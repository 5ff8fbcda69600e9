"""The local engine: supervised processes on this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from chordmer.extraction.crew import Crew
from chordmer.extraction.jobs import Finished, Job
from chordmer.extraction.lanes import Attempt
from chordmer.extraction.worker import pack

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
    recycle: int = 500,
    preload: Iterable[str] = (),
) -> Iterator[Finished]:
    """Run a task on each job in supervised processes, and yield the end of each as it comes.

    No file is able to end the run: what a task raises, or dies of, is a `Failure`. Workers end with
    the iterator, with an interrupt, and with the process that started them, however it dies.

    Parameters
    ----------
    task : callable
        Gets the payload of a job. It is packed, and sent to each worker once; so it and the
        results must be picklable, and the module that defines it importable.
    jobs : iterable of Job
        Asked in the caller's thread for as much as is worked on at a time; it may be endless. Once
        it has ended, it is not asked again.
    n_jobs : int, default 1
        Number of workers.
    timeout : float, default 60
        Seconds that one job may take. In a batch it may get `batch_seconds` twice more.
    memory : int or None, default 4 GiB
        Address space of a worker. None sets no limit, as CUDA needs it.
    tries : int, default 1
        So many workers may die of a job before it is given up. What runs out of time or of memory
        is not tried again.
    batch_seconds : float, default 0.2
        Small jobs travel in batches that take about so long: long enough for the sending not to
        count, short enough for nothing to be lost when one of them is bad.
    recycle : int, default 500
        A worker is replaced after so many batches, for the memory that libraries leak. 0: never.
    preload : iterable of str
        Modules that every worker will need. They are imported once, where workers are forked from,
        as long as no other code has set up `multiprocessing`'s fork server before.

    Yields
    ------
    Finished
        One a job, in the order in which they end.

    Raises
    ------
    ClusterError
        If workers cannot load the task, or die before they begin.
    ValueError
        If a number is out of its range.
    """
    crew = Crew(
        pack(task),
        n_jobs=n_jobs,
        timeout=timeout,
        memory=memory,
        tries=tries,
        batch_seconds=batch_seconds,
        recycle=recycle,
        preload=preload,
    )
    try:
        for attempt, end in crew.run(map(Attempt.of, jobs)):
            yield attempt.finished(end)
    finally:
        crew.close()
