"""What happens inside a supervised process: it is made safe once, and then works on batches.

Jobs and results travel as bytes of `multiprocessing`'s own pickler, one by one, between this
process and the one that started it: what cannot be packed or unpacked costs its own job only.
Nothing that lies on a disk is ever read so.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from multiprocessing import parent_process
from multiprocessing.reduction import ForkingPickler
from typing import Any, NamedTuple

from chordmer.extraction.jobs import failure_of
from chordmer.store import Failure

__all__ = ["ONE_THREAD", "Limits", "Report", "job_at", "pack", "prepare", "run_batch", "unpack"]

#: What keeps libraries from starting a thread a core: there is a process a core already.
ONE_THREAD = {
    name: "1"
    for name in (
        *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"),
        *("VECLIB_MAXIMUM_THREADS", "NUMBA_NUM_THREADS", "RAYON_NUM_THREADS"),
    )
}
#: A batch that has given so many bytes of results is sent, however short it took.
_ENOUGH_BYTES = 16 << 20
#: The kernel ends a worker that is so many seconds over time and that nobody has ended.
_GRACE = 2.0
#: Progress is one number, written at once: the batch's, and behind it the index of the job.
_MOST_JOBS = 1 << 20
#: Options of glibc's mallopt(3).
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_OWN: dict[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Limits:
    """What a worker may use.

    Attributes
    ----------
    timeout : float
        Seconds for one job.
    memory : int or None
        Bytes of address space; None sets no limit.
    batch_seconds : float
        A batch that has taken twice as long hands back what is left of it.

    Raises
    ------
    ValueError
        If one is out of its range.
    """

    timeout: float
    memory: int | None
    batch_seconds: float

    def __post_init__(self) -> None:
        if not 0 < self.timeout < inf:
            raise ValueError(f"timeout must be positive and finite, not {self.timeout}")
        if not 0 <= self.batch_seconds < inf:
            raise ValueError(f"batch_seconds must not be negative, not {self.batch_seconds}")
        if self.memory is not None and self.memory < 1:
            raise ValueError(f"memory must be positive, or None, not {self.memory}")

    @property
    def batch_timeout(self) -> float:
        """Seconds within which a batch ends, unless a job in it is over time."""
        return self.timeout + 2 * self.batch_seconds


class Report(NamedTuple):
    """What a worker says of a batch.

    Attributes
    ----------
    ends : list of bytes or Failure
        Packed results, or failures, of the jobs done: the first of the batch, in its order.
    seconds : float
        What they took.
    trouble : str or None
        Why this worker can do nothing at all.
    """

    ends: list[bytes | Failure]
    seconds: float
    trouble: str | None = None


def pack(value: Any) -> bytes:
    """Return `value` as bytes that `unpack` understands in another process."""
    return bytes(ForkingPickler.dumps(value))


def unpack(data: bytes) -> Any:
    """Return what was packed by a process of the same run."""
    return ForkingPickler.loads(data)


def job_at(progress: int, number: int) -> int | None:
    """Return which job of batch `number` the `progress` of a worker means, None for another's."""
    batch, index = divmod(progress, _MOST_JOBS)
    return index if batch == number else None


def prepare(task: bytes, limits: Limits, progress: Any) -> None:
    """Make this process safe for files of any kind, and take the task in.

    It reads no terminal and writes to none, dumps no core, has a limit of memory, is the first to
    go when the machine runs out of it, counts on one thread, and ends with its parent.

    Parameters
    ----------
    task : bytes
        The packed task.
    limits : Limits
    progress : shared integer
        Where the job at hand is noted, for `job_at`: it outlives this process.
    """
    # Death by this signal is prompt, and there is nothing here to tidy up.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(null, descriptor)
    _limit_memory(limits.memory)
    _keep_memory()
    _count_on_one_thread()
    _OWN.update(limits=limits, progress=progress, trouble=None)
    try:
        _OWN["task"] = unpack(task)
    except BaseException as error:
        failure = failure_of(error)
        _OWN["trouble"] = f"{failure.kind}: {failure.message}"


def run_batch(number: int, payloads: list[bytes]) -> Report:
    """Run the task on each payload, until the batch has taken or brought enough.

    Parameters
    ----------
    number : int
        Of the batch.
    payloads : list of bytes
        Packed.
    """
    limits: Limits = _OWN["limits"]
    progress = _OWN["progress"]
    if _OWN["trouble"]:
        return Report([], 0.0, _OWN["trouble"])
    ends: list[bytes | Failure] = []
    size = 0
    start = time.perf_counter()
    _alarm(limits.batch_timeout + _GRACE)
    for index, payload in enumerate(payloads):
        progress.value = number * _MOST_JOBS + index
        end = _end_of(_OWN["task"], payload)
        ends.append(end)
        size += len(end) if isinstance(end, bytes) else 0
        if time.perf_counter() - start > 2 * limits.batch_seconds or size > _ENOUGH_BYTES:
            break
    progress.value = -1
    _alarm(0.0)
    return Report(ends, time.perf_counter() - start)


def _end_of(task: Callable[[Any], Any], payload: bytes) -> bytes | Failure:
    stage = "payload"
    try:
        given = unpack(payload)
        stage = "internal"
        result = task(given)
        stage = "result"
        return pack(result)
    except BaseException as error:
        return failure_of(error, stage)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _alarm(seconds: float) -> None:
    """Ask the kernel for the end of this process: a parent that is dead cannot see to it."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _keep_memory() -> None:
    """Have what one job frees kept for the next one, as far as glibc can be told to.

    To give back the tens of MB that a minute of sound takes, and to fault them in again page by
    page, costs a sixth of the time. What a worker keeps so is bounded, and goes with it.
    """
    with suppress(OSError, AttributeError):
        set_option = ctypes.CDLL(None).mallopt
        set_option(_M_MMAP_THRESHOLD, 1 << 25)
        set_option(_M_TRIM_THRESHOLD, 1 << 28)


def _limit_memory(memory: int | None) -> None:
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if memory is not None:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    with suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
        file.write("500")


def _count_on_one_thread() -> None:
    os.environ.update(ONE_THREAD)
    from threadpoolctl import threadpool_limits

    threadpool_limits(1)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
