"""A crew of supervised processes; what one of them dies of costs one file."""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import TimeoutError as OverTime
from dataclasses import replace
from queue import Empty, SimpleQueue

from chordmer.errors import ClusterError
from chordmer.extraction.jobs import failure_of
from chordmer.extraction.lanes import Attempt, Batch, Lane, start_method
from chordmer.extraction.pace import Pace, draw
from chordmer.extraction.worker import Limits, Report
from chordmer.store import Failure

__all__ = ["Crew", "End"]

#: An attempt, and the packed result that came of it, or the failure.
End = tuple[Attempt, bytes | Failure]

#: Batches a worker has at hand: one that it works on, and one for when nobody looks after it.
_AT_HAND = 2
#: Workers that die one after the other before they begin: there will be no better one.
_FALSE_STARTS = 3
#: Workers that may be lost with a job before they began with it.
_STRANDINGS = 3
#: Seconds between two looks at workers that say nothing.
_LOOK = 1.0


class Crew:
    """Workers that stay for several runs.

    Parameters are those of `run_local`, but `task` is packed.

    Attributes
    ----------
    worked : float
        Seconds that the workers have spent on jobs.
    dismissed : bool
        Whether it is to end its run and close.
    """

    def __init__(
        self,
        task: bytes,
        *,
        n_jobs: int = 1,
        timeout: float = 60.0,
        memory: int | None = 4 << 30,
        tries: int = 1,
        batch_seconds: float = 0.2,
        recycle: int = 500,
        preload: Iterable[str] = (),
    ) -> None:
        if n_jobs < 1 or tries < 1 or recycle < 0:
            raise ValueError("n_jobs and tries must be at least 1, recycle at least 0")
        self.worked = 0.0
        self._tries = tries
        self._limits = Limits(timeout, memory, batch_seconds)
        self._task = task
        self._recycle = recycle
        self._context = start_method(preload)
        self._events: SimpleQueue[Batch] = SimpleQueue()
        self._again: deque[list[Attempt]] = deque()
        self._done: list[End] = []
        self._false_starts = 0
        self.dismissed = False
        self._pace = Pace(batch_seconds)
        self._lanes: list[Lane] = []
        self._leaving: list[Lane] = []
        try:
            for _ in range(n_jobs):
                self._lanes.append(self._open())
        except BaseException:
            self.close()
            raise

    def run(self, attempts: Iterable[Attempt]) -> Iterator[End]:
        """Yield every attempt with its packed result or failure, in the order of their ends.

        Left before its end, or dismissed, the crew is closed.
        """
        self._source: Iterator[Attempt] | None = iter(attempts)
        complete = False
        try:
            while self._supply() or self._done:
                done, self._done = self._done, []
                yield from done
                if any(lane.batches for lane in self._lanes):
                    self._await()
                if self.dismissed:
                    return
            complete = True
        finally:
            if not complete:
                self.close()

    def dismiss(self) -> None:
        """Have the run at hand end soon, from another thread, wherever it is."""
        self.dismissed = True

    def close(self) -> None:
        """End all workers, whatever they are at."""
        lanes, self._lanes = self._lanes, []
        for lane in lanes:
            lane.stop()
        for lane in lanes + self._leaving:
            lane.join()

    # --- handing out ------------------------------------------------------------------------------

    def _supply(self) -> bool:
        """Give every worker enough at hand; return whether any has something."""
        for depth in range(1, _AT_HAND + 1):
            for place, lane in enumerate(self._lanes):
                if len(lane.batches) < depth and (attempts := self._draw()):
                    self._give(place, attempts)
        return any(lane.batches for lane in self._lanes)

    def _give(self, place: int, attempts: list[Attempt]) -> None:
        try:
            self._lanes[place].give(attempts)
        except RuntimeError:  # its process was killed while it waited
            self._again.appendleft(attempts)
            self._replace(self._lanes[place])

    def _draw(self) -> list[Attempt]:
        """Return the next batch; an empty one where there is none, or none that can travel."""
        if self._again:
            return self._again.popleft()
        if self._source is None:
            return []
        attempts, ended = draw(self._source, self._pace.size, self._done)
        if ended:
            self._source = None
        return attempts

    # --- taking back ------------------------------------------------------------------------------

    def _await(self) -> None:
        """Wait for a batch to come to its end, and see what became of its jobs."""
        try:
            batch = self._events.get(timeout=_LOOK)
        except Empty:
            for lane in [lane for lane in self._lanes if not lane.alive and not self.dismissed]:
                self._replace(lane)
            return
        if batch.dropped:
            return
        batch.lane.batches.remove(batch)
        error = batch.future.exception()
        if error is None:
            self._take(batch.attempts, batch.future.result())
        else:
            self._mourn(batch, error)

    def _take(self, attempts: list[Attempt], report: Report) -> None:
        if report.trouble is not None:
            raise ClusterError(
                "the workers cannot load the task", stage="workers", value=report.trouble
            )
        self._false_starts = 0
        self.worked += report.seconds
        self._pace.learn(len(report.ends), report.seconds)
        self._done.extend(zip(attempts, report.ends))
        if left := attempts[len(report.ends) :]:
            self._again.append(left)

    def _mourn(self, batch: Batch, error: BaseException) -> None:
        """Blame the one job that was worked on; the others of the batch go on without it."""
        self._replace(batch.lane)
        attempts, culprit = batch.attempts, batch.culprit
        if not attempts:
            self._count_false_start(error)
        elif culprit is not None:
            rest = (attempts[:culprit], attempts[culprit + 1 :])
            self._again.extend(others for others in rest if others)
            self._blame(attempts[culprit], error)
        elif len(attempts) > 1:
            self._again.extend([attempt] for attempt in attempts)
        else:
            self._strand(attempts[0])

    def _blame(self, attempt: Attempt, error: BaseException) -> None:
        deaths = attempt.deaths + 1
        failure = _cause(error, self._limits, deaths)
        if failure.kind == "crash" and deaths < self._tries:
            self._again.append([replace(attempt, deaths=deaths)])
        else:
            self._done.append((attempt, failure))

    def _strand(self, attempt: Attempt) -> None:
        """Excuse a job whose worker died before it began, unless that goes on and on."""
        attempt = replace(attempt, strandings=attempt.strandings + 1)
        if attempt.strandings < _STRANDINGS:
            self._again.append([attempt])
        else:
            said = "its process ended before it could begin"
            self._done.append((attempt, Failure("crash", "worker", said, attempt.strandings)))

    # --- workers ----------------------------------------------------------------------------------

    def _open(self) -> Lane:
        while True:
            try:
                return Lane(self._task, self._limits, self._recycle, self._context, self._events)
            except RuntimeError as error:
                self._count_false_start(error)

    def _replace(self, lane: Lane) -> None:
        """Put another worker in the place of `lane`; what it had at hand goes back."""
        if lane not in self._lanes:
            return
        self._lanes[self._lanes.index(lane)] = self._open()
        for batch in lane.batches:
            if not batch.future.done():
                batch.dropped = True
                if batch.attempts:
                    self._again.append(batch.attempts)
        lane.stop()
        self._leaving = [lane, *(other for other in self._leaving if not other.gone)]

    def _count_false_start(self, error: BaseException) -> None:
        self._false_starts += 1
        if self._false_starts == _FALSE_STARTS:
            raise ClusterError(
                "the workers die before they begin; does the script that starts them work below "
                '`if __name__ == "__main__":`?',
                stage="workers",
                value=error,
            ) from error


def _cause(error: BaseException, limits: Limits, tries: int) -> Failure:
    """Return what a lost worker says of the job that it was lost with."""
    if isinstance(error, MemoryError):
        return failure_of(error)
    code = getattr(error, "exitcode", None)
    if isinstance(error, OverTime) or code == -getattr(signal, "SIGALRM", 0):
        return Failure("timeout", "worker", f"took longer than {limits.timeout:g} s", tries)
    return Failure("crash", "worker", _last_words(code), tries)


def _last_words(code: int | None) -> str:
    if code is None or code >= 0:
        return f"its process ended with exit code {code}"
    names = {number.value: number.name for number in signal.Signals}
    return f"its process was killed by {names.get(-code, f'signal {-code}')}"
