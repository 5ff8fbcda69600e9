"""What a file from outside may cost, and the one way to its bytes."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass

from chordmer.errors import ChordmerError

__all__ = ["Limits", "read_file"]

_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


@dataclass(frozen=True)
class Limits:
    """Caps on what is read; above any of them a file is refused.

    Parameters
    ----------
    file_bytes : int
        Size of a file. The longest of the 3,108 real MIDI files chordmer is tested on has 83 kB.
    tracks : int
        Tracks in a MIDI file.
    notes : int
        Notes in a piece.
    hours : float
        Length of a piece.
    text_bytes : int
        All lyric, text and marker events of a piece together.
    unpacked_bytes : int
        A compressed score once it is unpacked.
    ratio : float
        Unpacked over packed size of a compressed score.
    """

    file_bytes: int = 16 << 20
    tracks: int = 1024
    notes: int = 500_000
    hours: float = 6.0
    text_bytes: int = 1 << 20
    unpacked_bytes: int = 32 << 20
    ratio: float = 100.0


def read_file(
    path: str | os.PathLike[str], limits: Limits, error: type[ChordmerError]
) -> tuple[bytes, str]:
    """Return the bytes and the name of the regular file at `path`.

    What is there is looked at before it is opened, for opening a device may act on it, and again
    once it is open; a FIFO put in its place between the two is opened without waiting for a writer.

    Raises
    ------
    ChordmerError
        As `error`, where the path leads nowhere, to a folder, device or FIFO, or to more bytes
        than `limits` allow.
    """
    name = os.fsdecode(path)
    try:
        if not stat.S_ISREG(os.stat(name).st_mode):
            raise error("not a regular file", source=name, stage="opening")
        handle = os.open(name, _READ)
        try:
            data = _read(handle, name, limits, error)
        finally:
            os.close(handle)
    except ChordmerError:
        raise
    except (OSError, ValueError) as problem:  # ValueError: a null byte in the name
        reason = problem.strerror if isinstance(problem, OSError) else problem
        raise error(f"cannot be opened: {reason}", source=name, stage="opening") from problem
    return data, os.path.basename(name)


def _read(handle: int, name: str, limits: Limits, error: type[ChordmerError]) -> bytes:
    found = os.fstat(handle)
    size = found.st_size
    if not stat.S_ISREG(found.st_mode):
        raise error("not a regular file", source=name, stage="opening")
    if size > limits.file_bytes:
        raise error(f"larger than {limits.file_bytes} bytes", source=name, stage="size", value=size)
    data = os.read(handle, size)
    while len(data) < size and (piece := os.read(handle, size - len(data))):
        data += piece
    return data
