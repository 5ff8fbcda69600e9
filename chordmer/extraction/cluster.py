"""The cluster engine: the same supervised processes, beside the workers of a Dask scheduler."""

from __future__ import annotations

import secrets
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import replace
from math import inf
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

from chordmer import __version__
from chordmer.errors import ChordmerError, ClusterError, MissingExtraError
from chordmer.extraction.crew import End
from chordmer.extraction.dask_worker import Orders, Share, dismiss, hold, serve
from chordmer.extraction.jobs import Finished, Job
from chordmer.extraction.lanes import Attempt
from chordmer.extraction.pace import Pace, draw
from chordmer.extraction.worker import Limits, pack
from chordmer.store import Failure

__all__ = ["run_cluster"]

#: Seconds to wait for a scheduler's answer.
_CONNECT = 5.0
#: Batches a thread of a Dask worker has at hand.
_AT_HAND = 2
#: Seconds between two looks at which workers there are.
_LOOK = 1.0


def run_cluster(
    task: Callable[[Any], Any],
    jobs: Iterable[Job],
    *,
    address: str,
    timeout: float = 60.0,
    memory: int | None = 4 << 30,
    tries: int = 3,
    batch_seconds: float = 1.0,
    recycle: int = 500,
    preload: Iterable[str] = (),
) -> Iterator[Finished]:
    """Run a task on each job on the workers of a Dask scheduler; yield each end as it comes.

    Each thread of a Dask worker has a supervised process beside it, so a file that hangs or kills
    costs itself. Batches of a Dask worker that dies are tried elsewhere, by the scheduler; workers
    may join at any time. chordmer, of the same version, must be installed on them, and the files
    that the jobs name must be found there under the same paths.

    Parameters
    ----------
    task, jobs, timeout, memory, recycle, preload
        As in `run_local`.
    address : str
        Of the scheduler, for example ``"tcp://10.0.0.1:8786"``.
    tries : int, default 3
        So many processes may die of a job before it is given up, each on whatever worker is free.
    batch_seconds : float, default 1
        What a batch should take: the scheduler needs about a millisecond for each.

    Yields
    ------
    Finished
        One a job, in the order in which they end.

    Raises
    ------
    ClusterError
        If no scheduler answers, or it is lost, or workers cannot load the task.
    ValueError
        If a number is out of its range.
    """
    if tries < 1:
        raise ValueError("tries must be at least 1")
    Limits(timeout, memory, batch_seconds)
    orders = Orders(
        run=secrets.token_hex(8),
        version=__version__,
        task=pack(task),
        timeout=timeout,
        memory=memory,
        recycle=recycle,
        preload=tuple(preload),
        batch_seconds=batch_seconds,
    )
    run = _Run(_connect(address), address, orders, tries)
    try:
        for attempt, end in run.ends(map(Attempt.of, jobs)):
            yield attempt.finished(end)
    finally:
        run.close()


def _connect(address: str) -> Any:
    """Return a client of the scheduler, or raise within seconds."""
    try:
        from distributed import Client
    except ModuleNotFoundError as error:
        raise MissingExtraError.of("distributed", "cluster") from error
    problem = "no Dask scheduler answers there"
    if not address:  # Dask would start a cluster of its own
        raise ClusterError(problem, stage="connect", value=address)
    answers: SimpleQueue[Any] = SimpleQueue()

    def ask() -> None:
        try:
            client = Client(  # type: ignore[no-untyped-call]
                address, timeout=_CONNECT, set_as_default=False, name="chordmer"
            )
        except Exception as error:
            answers.put(error)
        else:
            answers.put(client)

    # The timeout is not heeded where somebody listens who says nothing: hence the thread.
    Thread(target=ask, daemon=True).start()
    try:
        answer = answers.get(timeout=2 * _CONNECT)
    except Empty:
        raise ClusterError(problem, source=address, stage="connect") from None
    if isinstance(answer, Exception):
        raise ClusterError(problem, source=address, stage="connect") from answer
    return answer


class _Run:
    """The batches that a scheduler has, and what is to become of their jobs."""

    def __init__(self, client: Any, address: str, orders: Orders, tries: int) -> None:
        self._client = client
        self._address = address
        self._orders = orders
        self._tries = tries
        self._shared = client.submit(hold, orders, key=self._key("orders"))
        self._flying: dict[str, tuple[Any, list[Attempt], str | None]] = {}
        self._threads: dict[str, int] = {}
        self._events: SimpleQueue[str] = SimpleQueue()
        self._again: deque[list[Attempt]] = deque()
        self._done: list[End] = []
        self._pace = Pace(orders.batch_seconds)
        self._room = _AT_HAND
        self._looked = -inf

    def ends(self, attempts: Iterable[Attempt]) -> Iterator[End]:
        self._source: Iterator[Attempt] | None = iter(attempts)
        while self._supply() or self._done:
            done, self._done = self._done, []
            yield from done
            if self._flying:
                self._await()

    def close(self) -> None:
        """Take back what is not done, have the workers tidy up, and leave."""
        with suppress(OSError, RuntimeError, TimeoutError):
            if self._client.status == "running":
                self._client.cancel([future for future, *_ in self._flying.values()])
                self._client.run(dismiss, self._orders.run, wait=False, on_error="ignore")
            self._client.close(timeout=_CONNECT)

    def _key(self, name: object) -> str:
        return f"chordmer-{self._orders.run}-{name}"

    def _supply(self) -> bool:
        self._look()
        while len(self._flying) < self._room and (attempts := self._draw()):
            key = self._key(secrets.token_hex(8))
            payloads = [attempt.payload for attempt in attempts]
            worker = self._idlest()
            # Left to itself the scheduler prefers workers that have the orders to those that join.
            place = {} if worker is None else {"workers": [worker], "allow_other_workers": True}
            future = self._client.submit(
                serve, self._shared, payloads, key=key, pure=False, **place
            )
            self._flying[key] = (future, attempts, worker)
            future.add_done_callback(lambda future: self._events.put(future.key))
        return bool(self._flying)

    def _idlest(self) -> str | None:
        """Return the address of the worker that has least at hand for its threads."""
        held = Counter(worker for _, _, worker in self._flying.values())
        there = [worker for worker, threads in self._threads.items() if threads]
        return min(there, key=lambda w: held[w] / self._threads[w], default=None)

    def _look(self) -> None:
        """See how many threads the workers have, every now and then."""
        now = time.monotonic()
        if now - self._looked < _LOOK:
            return
        try:
            self._threads = dict(self._client.nthreads())
        except OSError as error:
            raise self._lost() from error
        self._room = _AT_HAND * max(1, sum(self._threads.values()))
        self._looked = now

    def _lost(self) -> ClusterError:
        return ClusterError("the Dask scheduler is gone", source=self._address, stage="cluster")

    def _draw(self) -> list[Attempt]:
        if self._again:
            return self._again.popleft()
        if self._source is None:
            return []
        attempts, ended = draw(self._source, self._pace.size, self._done)
        if ended:
            self._source = None
        return attempts

    def _await(self) -> None:
        from distributed import KilledWorker

        try:
            key = self._events.get(timeout=_LOOK)
        except Empty:
            return
        future, attempts, _ = self._flying.pop(key)
        try:
            self._take(attempts, future.result())
        except KilledWorker:
            self._mourn(attempts)
        except (CancelledError, OSError) as error:
            raise self._lost() from error
        except ChordmerError:
            raise
        except Exception as error:
            raise ClusterError(
                "the Dask workers cannot do this work; have they the same chordmer?",
                source=self._address,
                stage="workers",
                value=error,
            ) from error

    def _take(self, attempts: list[Attempt], share: Share) -> None:
        self._pace.learn(len(share.ends), share.seconds)
        left = dict(enumerate(attempts))
        for index, end in share.ends:
            attempt = left.pop(index)
            tried = attempt.deaths + 1
            if isinstance(end, Failure) and end.kind == "crash" and tried < self._tries:
                self._again.append([replace(attempt, deaths=tried)])
            else:
                self._done.append((attempt, _counted(end, tried)))
        if left:
            self._again.append(list(left.values()))

    def _mourn(self, attempts: list[Attempt]) -> None:
        """Look for the job that has taken several Dask workers with it."""
        if len(attempts) > 1:
            self._again.extend([attempt] for attempt in attempts)
        else:
            failure = Failure("crash", "worker", "its Dask workers died", self._tries)
            self._done.append((attempts[0], failure))


def _counted(end: bytes | Failure, tries: int) -> bytes | Failure:
    return replace(end, tries=tries) if isinstance(end, Failure) else end
