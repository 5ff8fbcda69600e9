"""What an engine is given and what it gives back: jobs, and exactly one end for each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from chordmer.errors import ChordmerError, printable
from chordmer.store import Failure

__all__ = ["Finished", "Job", "failure_of"]


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work.

    Attributes
    ----------
    position : int
        Its place among the jobs of a run, for the caller to know it by.
    payload : object
        What the task gets. It travels to another process.
    """

    position: int
    payload: Any


class Finished(NamedTuple):
    """The end of a job: its result, or why there is none."""

    job: Job
    result: Any | None
    failure: Failure | None


def failure_of(error: BaseException, stage: str = "internal") -> Failure:
    """Return in words what a task raised, so that nothing of the error itself has to travel.

    Parameters
    ----------
    error : BaseException
        ``SystemExit`` and its like are failures of the file too.
    stage : str
        Where it happened, unless `error` knows better.

    Returns
    -------
    Failure
        Its kind is the name of the error's class, or ``"memory"``.

    Examples
    --------
    >>> failure_of(ChordmerError("is empty", stage="header"))
    Failure(kind='ChordmerError', stage='header', message='header: is empty', tries=1)
    """
    if isinstance(error, MemoryError):
        return Failure("memory", "worker", "needs more memory than a worker may have")
    if isinstance(error, ChordmerError):
        stage = error.stage or stage
    try:
        message = printable(error, 500)
    except Exception:
        message = "an error that cannot be put into words"
    return Failure(type(error).__name__, stage, message)
