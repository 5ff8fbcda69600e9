"""Tasks for the engines' tests: workers import them from here."""

import os
import re
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np
import psutil

from chordmer.errors import MidiError
from chordmer.extraction.jobs import Job

HANG = 3600.0


def jobs(*payloads):
    return (Job(position, payload) for position, payload in enumerate(payloads))


class Obstinate:
    """Packs, and comes apart where it is unpacked."""

    def __reduce__(self):
        return _refuse, ()


def _refuse():
    raise RuntimeError("cannot be unpacked")


class Wordless(Exception):
    def __str__(self):
        raise RuntimeError("no words")


def square(payload):
    return payload * payload


def nap(seconds):
    time.sleep(seconds)
    return seconds


def behave(payload):
    """Do what the payload says: return a number, or any of what files do to a process."""
    what, *rest = payload if isinstance(payload, tuple) else (payload,)
    return _DO[what](*rest)


def _kill():
    os.kill(os.getpid(), signal.SIGKILL)


def _segfault():
    os.kill(os.getpid(), signal.SIGSEGV)


def _hang():
    time.sleep(HANG)


def _hang_deaf():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(HANG)


def _hang_in_c():
    re.match(r"(a+)+$", "a" * 60 + "b")


def _bad_file():
    raise MidiError("is \x1b[31m not one", source="song.mid", stage="header", value=3)


def _bug():
    raise KeyError("nobody thought of this")


def _wordless():
    raise Wordless


def _eat(gigabytes):
    return len(np.ones(gigabytes << 27))


def _shout():
    for _ in range(40):
        print("\x1b[31m" + "out" * 30_000)
        os.write(2, b"\x1b[31m" + b"err" * 30_000)
    return "hoarse"


def _lambda():
    return lambda: None


def _frames(seed):
    return np.random.default_rng(seed).standard_normal((2000, 128), dtype=np.float32)


def _surroundings():
    from threadpoolctl import threadpool_info

    np.ones((8, 8)) @ np.ones((8, 8))
    return {
        "stdin": os.read(0, 1),
        "threads": {pool["num_threads"] for pool in threadpool_info()},
        "environment": os.environ["OMP_NUM_THREADS"],
    }


def _die_once(trace):
    """Leave a mark, and die of it the first time."""
    path = Path(trace)
    with path.open("a") as file:
        file.write("x")
    if path.read_text() == "x":
        _kill()
    return "alive"


def _die_always(trace):
    with Path(trace).open("a") as file:
        file.write("x")
    _kill()


def _note(folder, what):
    """Leave this process's id in a folder, then do something."""
    (Path(folder) / str(os.getpid())).touch()
    return behave(what)


def _whose():
    """This process's id, and those of all that it stems from."""
    time.sleep(0.01)
    return os.getpid(), {process.pid for process in psutil.Process().parents()}


def _die_sending(delay):
    """Die while a result of a hundred megabytes is on its way, or before, or after."""
    threading.Timer(delay, _kill).start()
    return np.zeros(25_000_000, np.float32)


_DO = {
    "value": lambda value: value,
    "kill": _kill,
    "segfault": _segfault,
    "hang": _hang,
    "hang deaf": _hang_deaf,
    "hang in C": _hang_in_c,
    "bad file": _bad_file,
    "bug": _bug,
    "wordless": _wordless,
    "eat": _eat,
    "leave": os._exit,
    "exit": sys.exit,
    "shout": _shout,
    "lambda": _lambda,
    "obstinate": Obstinate,
    "frames": _frames,
    "process": os.getpid,
    "surroundings": _surroundings,
    "die once": _die_once,
    "die always": _die_always,
    "note": _note,
    "whose": _whose,
    "die sending": _die_sending,
}
