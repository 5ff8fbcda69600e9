"""What a number was measured on: versions, hardware, and the memory that a step took."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

__all__ = ["Peak", "hardware", "peak_memory", "versions"]

_PACKAGES = (
    *("chordmer", "numpy", "scipy", "scikit-learn", "numba", "torch", "skorch", "gensim"),
    *("librosa", "soundfile", "transformers"),
)
_MIB = 1 << 20


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that numbers depend on."""
    found = {"Python": platform.python_version()}
    for package in _PACKAGES:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def hardware() -> str:
    """Return processor, cores, memory, system and GPU (where torch has met one) in a line."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    parts = [_processor(), f"{cores} cores"]
    with suppress(AttributeError, OSError, ValueError):
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        parts.append(f"{total / (1 << 30):.0f} GiB")
    parts.append(platform.system())
    gpu = _cuda()
    parts.append(gpu.get_device_name() if gpu else "no GPU used")
    return ", ".join(parts)


@dataclass
class Peak:
    """Most memory of a step, in MiB; filled in when the step is over.

    Attributes
    ----------
    process : float or None
        Of the whole process, what was there before included. Where the system cannot measure a
        step alone (it can on Linux), since the process began; None where it measures nothing.
    added : float or None
        Of it, what was not there before.
    gpu : float or None
        Of the GPU; None where none was used.
    """

    process: float | None = None
    added: float | None = None
    gpu: float | None = None


@contextmanager
def peak_memory() -> Iterator[Peak]:
    """Measure the most memory that the steps inside take.

    >>> with peak_memory() as peak:
    ...     data = bytearray(1 << 20)
    >>> peak.process > peak.added >= 0
    True
    """
    with suppress(OSError):
        # 5 sets the high-water mark back to what is there now (proc_pid_clear_refs(5)).
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    if gpu := _cuda():
        gpu.reset_peak_memory_stats()
    before = _high_water()
    peak = Peak()
    try:
        yield peak
    finally:
        peak.process = _high_water()
        if before is not None and peak.process is not None:
            peak.added = peak.process - before
        if gpu := _cuda():
            peak.gpu = gpu.max_memory_allocated() / _MIB


def _high_water() -> float | None:
    with suppress(OSError, StopIteration, ValueError):
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        line = next(line for line in lines if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
    try:
        import resource
    except ImportError:
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (_MIB if sys.platform == "darwin" else 1024)


def _cuda() -> Any:
    """Return torch's module for GPUs where a model has loaded torch and there is one, or None."""
    torch = sys.modules.get("torch")
    return torch.cuda if torch is not None and torch.cuda.is_available() else None


def _processor() -> str:
    with suppress(OSError, StopIteration):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if "model name" in line)
    return platform.processor() or platform.machine()
