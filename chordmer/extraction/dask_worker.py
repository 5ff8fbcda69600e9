"""What happens on a Dask worker: it only looks after a supervised process, which does the work.

So a file that hangs or kills costs itself and no Dask worker; and one that takes the Dask worker
with it all the same is the scheduler's to try elsewhere.
"""

from __future__ import annotations

import atexit
import multiprocessing
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from multiprocessing.util import Finalize
from threading import Lock, Thread, Timer

from chordmer import __version__
from chordmer.errors import ClusterError
from chordmer.extraction.crew import Crew
from chordmer.extraction.jobs import Job
from chordmer.extraction.lanes import Attempt
from chordmer.store import Failure

__all__ = ["Orders", "Share", "dismiss", "hold", "serve"]

#: Seconds that a process without work waits for more, if nobody says that there is none.
_IDLE = 60.0


@dataclass(frozen=True, slots=True)
class Orders:
    """What all batches of a run have in common; it reaches each Dask worker once.

    Attributes
    ----------
    run : str
        Name of the run.
    version : str
        Of chordmer, where the run was started.
    task : bytes
        Packed.
    timeout, memory, recycle, preload
        Of `run_local`.
    batch_seconds : float
        Of `run_cluster`.
    """

    run: str
    version: str
    task: bytes
    timeout: float
    memory: int | None
    recycle: int
    preload: tuple[str, ...]
    batch_seconds: float


@dataclass(frozen=True, slots=True)
class Share:
    """What came of a batch.

    Attributes
    ----------
    ends : list of (int, bytes or Failure)
        Index in the batch and packed result or failure. What took too long in coming is missing.
    seconds : float
        What they took, without waiting.
    """

    ends: list[tuple[int, bytes | Failure]]
    seconds: float


_LOCK = Lock()
#: Crews by the name of their run: those that work, and those that wait, each with its patience.
_BUSY: defaultdict[str, list[Crew]] = defaultdict(list)
_WAITING: defaultdict[str, list[tuple[Crew, Timer]]] = defaultdict(list)


def hold(orders: Orders) -> Orders:
    """Return `orders`: the result of a task is brought to every worker that needs it, once."""
    return orders


def serve(orders: Orders, payloads: list[bytes]) -> Share:
    """Run the task on each payload in a supervised process beside this one.

    Raises
    ------
    ClusterError
        If this worker has another chordmer, or its processes do not start.
    """
    if orders.version != __version__:
        raise ClusterError(
            f"a Dask worker has another chordmer than the run, which has {orders.version}",
            stage="workers",
            value=__version__,
        )
    with _borrowed(orders) as crew:
        before = crew.worked
        ends = [(attempt.job.position, end) for attempt, end in crew.run(_until(orders, payloads))]
        return Share(ends, crew.worked - before)


async def dismiss(run: str) -> None:
    """End the processes of a run here, also those at work."""
    # The Dask worker listens in this thread, and has no tenths of a second to spare.
    Thread(target=_dismiss, args=(run,), daemon=True).start()


def _dismiss(run: str) -> None:
    with _LOCK:
        waiting = _WAITING.pop(run, [])
        for crew in _BUSY[run]:
            crew.dismiss()
    for crew, timer in waiting:
        timer.cancel()
        crew.close()


def _until(orders: Orders, payloads: list[bytes]) -> Iterator[Attempt]:
    """Hand out payloads until the batch has taken twice its time."""
    until = time.perf_counter() + 2 * orders.batch_seconds
    for index, payload in enumerate(payloads):
        if index and time.perf_counter() > until:
            return
        yield Attempt(Job(index, None), payload)


@contextmanager
def _borrowed(orders: Orders) -> Iterator[Crew]:
    crew = _waiting(orders.run) or _new(orders)
    with _LOCK:
        _BUSY[orders.run].append(crew)
    fit = False
    try:
        yield crew
        fit = True
    finally:
        with _LOCK:
            _BUSY[orders.run].remove(crew)
            if fit := fit and not crew.dismissed:
                timer = Timer(_IDLE, _close_idle, (orders.run, crew))
                timer.daemon = True
                timer.start()
                _WAITING[orders.run].append((crew, timer))
        if not fit:
            crew.close()


def _waiting(run: str) -> Crew | None:
    with _LOCK:
        if not _WAITING[run]:
            return None
        crew, timer = _WAITING[run].pop()
        timer.cancel()
        return crew


def _new(orders: Orders) -> Crew:
    # Dask's nanny starts its worker as a daemon, which may have no children lest they outlive it.
    # These do not: they end with whatever started them.
    multiprocessing.current_process().daemon = False
    crew = Crew(
        orders.task,
        n_jobs=1,
        timeout=orders.timeout,
        memory=orders.memory,
        recycle=orders.recycle,
        preload=orders.preload,
    )
    _tidy_up_at_exit()
    return crew


def _close_idle(run: str, crew: Crew) -> None:
    with _LOCK:
        waiting = _WAITING[run]
        idle = [pair for pair in waiting if pair[0] is crew]
        _WAITING[run] = [pair for pair in waiting if pair[0] is not crew]
    for closed, _ in idle:
        closed.close()


@cache
def _tidy_up_at_exit() -> None:
    """Have no process outlive this one by a moment, and none started while it ends.

    To be called when `pebble` and `multiprocessing` have registered what they do at the end: this
    comes before. Of a process that `multiprocessing` started, only the second is heeded.
    """
    atexit.register(_dismiss_all)
    Finalize(None, _dismiss_all, exitpriority=100)


def _dismiss_all() -> None:
    for run in {*_WAITING, *_BUSY}:
        _dismiss(run)
