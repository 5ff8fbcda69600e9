"""`multiprocessing`'s fork server, whose processes tell every thread their exit code.

The server sends an exit code once. The library reads it without a lock, from any thread that starts
or looks at a process: of two that do so at once, one reads nothing and notes 255. What a file is
said to have died of would then depend on luck.
"""

from __future__ import annotations

import os
import threading
from multiprocessing.context import ForkServerContext, ForkServerProcess
from multiprocessing.popen_forkserver import Popen
from typing import Any

__all__ = ["ForkedContext"]


class _Handle(Popen):
    def __init__(self, process: Any) -> None:
        self._asked = threading.Lock()
        super().__init__(process)

    def poll(self, flag: int = os.WNOHANG) -> int | None:
        with self._asked:
            return super().poll(flag)


class _Process(ForkServerProcess):
    @staticmethod
    def _Popen(process_obj: Any) -> _Handle:
        return _Handle(process_obj)


class ForkedContext(ForkServerContext):
    """The context ``"forkserver"``, put right."""

    Process = _Process
