"""Whether the inner loops run as they stand or compiled by numba.

Plain Python reads 4 MB of MIDI a second; compiled code 250, but importing numba and loading that
code from its cache takes 0.7 s, and compiling it 2 s more where there is no cache yet.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

__all__ = ["compiled", "worth_compiling"]

#: A process that has read this much is reading a corpus: one that stops here has lost 0.1 s.
_PLAIN_BYTES = 512 << 10

_bytes_read = 0


def worth_compiling(size: int) -> bool:
    """Return whether the next `size` bytes, after all that were read, are for compiled code."""
    global _bytes_read
    _bytes_read += size
    return _bytes_read > _PLAIN_BYTES


@cache
def compiled(function: Callable[..., int], *parts: Callable[..., Any]) -> Callable[..., int]:
    """Return `function` compiled, from the cache on disk where there is one.

    `parts` are the functions it calls; they are compiled with it.
    """
    from numba import njit
    from numba.extending import register_jitable

    for part in parts:
        register_jitable(part)
    try:
        fast: Callable[..., int] = njit(cache=True, nogil=True)(function)
    except RuntimeError:  # numba finds no folder that it may write its cache to
        fast = njit(nogil=True)(function)
    return fast
