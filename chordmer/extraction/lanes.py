"""One supervised process, and the batches it has at hand.

Each is a `pebble` pool of its own. A process that is killed may leave a message half written and a
lock taken; so its pool is thrown away with it, and no other process ever had to do with either.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any

from chordmer.errors import MissingExtraError
from chordmer.extraction.jobs import Finished, Job, failure_of
from chordmer.extraction.worker import (
    ONE_THREAD,
    Limits,
    Report,
    job_at,
    pack,
    prepare,
    run_batch,
    unpack,
)
from chordmer.store import Failure

if TYPE_CHECKING:
    from pebble import ProcessFuture

__all__ = ["Attempt", "Batch", "Lane", "start_method"]

_NUMBERS = count(1)


@dataclass(frozen=True, slots=True)
class Attempt:
    """A job on its way.

    Attributes
    ----------
    job : Job
    payload : bytes or Failure
        Packed, or why it cannot be.
    deaths : int
        Workers that have died while they were at it.
    strandings : int
        Workers that have died before they began with it, when it was alone with them.
    """

    job: Job
    payload: bytes | Failure
    deaths: int = 0
    strandings: int = 0

    @classmethod
    def of(cls, job: Job) -> Attempt:
        """Pack a job."""
        try:
            return cls(job, pack(job.payload))
        except Exception as error:
            return cls(job, failure_of(error, "payload"))

    def finished(self, end: bytes | Failure) -> Finished:
        """Return the end of the job, its result unpacked."""
        if isinstance(end, Failure):
            return Finished(self.job, None, end)
        try:
            return Finished(self.job, unpack(end), None)
        except Exception as error:
            return Finished(self.job, None, failure_of(error, "result"))


@dataclass(eq=False, slots=True)
class Batch:
    """Jobs that travel together.

    Attributes
    ----------
    lane : Lane
        Where they went.
    attempts : list of Attempt
    number : int
        No other batch has it.
    culprit : int or None
        Index of the job that was worked on when the batch came to its end, if one was.
    dropped : bool
        Its jobs went elsewhere; what may still come of it is not wanted.
    future : ProcessFuture
    """

    lane: Lane
    attempts: list[Attempt]
    number: int = field(default_factory=lambda: next(_NUMBERS))
    culprit: int | None = None
    dropped: bool = False
    future: ProcessFuture[Report] = field(init=False)


class Lane:
    """A process, started anew after so many batches, that works on what it is given.

    Parameters
    ----------
    task : bytes
        Packed.
    limits : Limits
    recycle : int
        Batches after which the process is replaced; 0 for never.
    context : BaseContext
        How processes are started.
    events : SimpleQueue
        Gets every batch that has come to its end, good or bad. The first is empty: it says whether
        a worker starts at all.

    Raises
    ------
    RuntimeError
        If no process can be started; from `give`, also if it has been killed while it waited.
    """

    def __init__(
        self, task: bytes, limits: Limits, recycle: int, context: Any, events: SimpleQueue[Batch]
    ) -> None:
        try:
            from pebble import ProcessPool
        except ModuleNotFoundError as error:
            raise MissingExtraError.of("pebble", "cluster") from error
        self.batches: deque[Batch] = deque()
        self._timeout = limits.batch_timeout
        self._events = events
        self._progress = context.RawValue("q", -1)
        self._pool = ProcessPool(
            max_workers=1,
            max_tasks=recycle,
            initializer=prepare,
            initargs=(task, limits, self._progress),
            context=context,
        )
        self.give([])

    def give(self, attempts: list[Attempt]) -> None:
        """Send a batch to the process."""
        batch = Batch(self, attempts)
        payloads = [attempt.payload for attempt in attempts]
        batch.future = self._pool.schedule(
            run_batch, args=(batch.number, payloads), timeout=self._timeout
        )
        self.batches.append(batch)
        # Called in a thread of pebble's, before it starts the next process, which overwrites this.
        batch.future.add_done_callback(lambda _: self._note_end(batch))

    def _note_end(self, batch: Batch) -> None:
        batch.culprit = job_at(self._progress.value, batch.number)
        self._events.put(batch)

    @property
    def alive(self) -> bool:
        """Whether what is at hand will still come to an end."""
        return bool(self._pool.active)

    def stop(self) -> None:
        """Begin to end the process. It takes some tenths of a second; `join` waits for it."""
        self._pool.stop()  # type: ignore[no-untyped-call]
        self._leaving = Thread(target=self._pool.join, daemon=True)
        self._leaving.start()

    @property
    def gone(self) -> bool:
        """Whether a stopped process has ended."""
        return not self._leaving.is_alive()

    def join(self) -> None:
        """Wait until a stopped process has ended."""
        self._leaving.join()


def start_method(preload: Iterable[str]) -> Any:
    """Return how workers are started: forked from a server that runs nothing but has it imported.

    A process that has threads or CUDA cannot be forked safely, so the caller never is; where there
    is no such server, every worker starts from nothing.

    Parameters
    ----------
    preload : iterable of str
        Modules to import there.

    Returns
    -------
    BaseContext
        For `Lane`.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    from multiprocessing import forkserver

    from chordmer.extraction.forked import ForkedContext

    context = ForkedContext()
    context.set_forkserver_preload(["__main__", *_main_module(), __name__, "pebble", *preload])
    with _one_thread():
        forkserver.ensure_running()
    return context


def _main_module() -> list[str]:
    """Return what ``python -m`` was told to run: each worker looks into it when it starts."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    if spec is None or spec.name.rpartition(".")[2] == "__main__":
        return []
    return [spec.name]


@contextmanager
def _one_thread() -> Iterator[None]:
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(ONE_THREAD)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
