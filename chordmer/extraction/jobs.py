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

    Parameters
    ----------
    position : int
        Its place among the jobs of a run, for the caller to know it by.
    payload : object
        What the task gets; it travels to another process.
    """

    position: int
    payload: Any


class Finished(NamedTuple):
    """The end of a job: its result, or why there is none."""

    job: Job
    result: Any | None
    failure: Failure | None


def failure_of(error: BaseException, tries: int = 1) -> Failure:
    """Return what is kept of an `error` that a task raised: its kind, stage and words, as text."""
    if isinstance(error, MemoryError):
        return Failure("memory", "memory", "needs more memory than a worker may have", tries)
    kind = type(error).__name__
    stage = error.stage if isinstance(error, ChordmerError) else "internal"
    return Failure(kind, stage, printable(error, 500), tries)
