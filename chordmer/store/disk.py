"""How a store's files are read and written: bounded, all or nothing, every refusal a StoreError."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from chordmer.errors import ModelError, StoreError
from chordmer.folder import flush_folder, parse_json

__all__ = [
    "Lock",
    "append_bytes",
    "is_draft",
    "make_folder",
    "read_bytes",
    "read_sealed",
    "refusals",
    "remove",
    "sealed_json",
    "write_bytes",
]

_BLANK = "0" * 64
_BINARY = getattr(os, "O_BINARY", 0)
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_NONBLOCK = getattr(os, "O_NONBLOCK", 0)


@contextmanager
def refusals(path: Path, stage: str) -> Iterator[None]:
    """Turn what the disk refuses into a StoreError that names `path` and `stage`."""
    try:
        yield
    except OSError as error:
        raise StoreError(error.strerror or str(error), source=path, stage=stage) from error


# --- writing -------------------------------------------------------------------------------------


def make_folder(path: Path) -> None:
    """Make a folder if it is not there; a link to one is refused.

    Raises
    ------
    StoreError
        If the disk refuses, or something else lies there.
    """
    with refusals(path, "folder"):
        path.mkdir(exist_ok=True)
    if path.is_symlink():
        raise StoreError("is a link", source=path, stage="folder")


def append_bytes(descriptor: int, data: bytes) -> None:
    """Write all of `data`; a single call to the system where it takes it in one."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file under a hidden name, flush it, and rename it: all of it is there, or nothing.

    Raises
    ------
    StoreError
        If the disk refuses; what was there before is then untouched.
    """
    draft = path.with_name(f".{secrets.token_hex(8)}")
    with refusals(path, "write"):
        try:
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, 0o666)
            try:
                append_bytes(descriptor, data)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            os.replace(draft, path)
        except BaseException:
            with suppress(OSError):
                draft.unlink()
            raise
        flush_folder(path.parent)


def remove(path: Path) -> None:
    """Remove a file.

    Raises
    ------
    StoreError
        If the disk refuses.
    """
    with refusals(path, "remove"):
        os.unlink(path)


def is_draft(name: str) -> bool:
    """Return whether a file's name is one that `write_bytes` gives before it renames the file."""
    return re.fullmatch(r"\.[0-9a-f]{16}", name) is not None


class Lock:
    """The right to write to a store, held by one process at a time; a dead one holds nothing.

    Raises
    ------
    StoreError
        If another writer has it, or the disk refuses.
    """

    def __init__(self, path: Path) -> None:
        with refusals(path, "lock"):
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | _NOFOLLOW, 0o666)
        if os.name == "posix":
            import fcntl

            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                os.close(self._file)
                taken = isinstance(error, BlockingIOError)
                problem = "another process is writing to this store" if taken else str(error)
                raise StoreError(problem, source=path.parent, stage="lock") from error

    def release(self) -> None:
        """Let go."""
        os.close(self._file)


# --- reading -------------------------------------------------------------------------------------


def read_bytes(
    path: Path, limit: int, *, size: int | None = None, sha256: str | None = None
) -> bytes:
    """Return the bytes of a regular file of at most `limit` bytes, checked.

    Parameters
    ----------
    path : Path
        Links are not followed.
    limit : int
        A larger file is not read.
    size, sha256 : int and str, optional
        What its size and SHA-256 must be.

    Raises
    ------
    StoreError
        If it is missing or anything else.
    """
    with refusals(path, "open"):
        if path.is_symlink():
            raise StoreError("is a link", source=path, stage="open")
        descriptor = os.open(path, os.O_RDONLY | _BINARY | _NOFOLLOW | _NONBLOCK)
        with open(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise StoreError("is not a regular file", source=path, stage="open")
            if status.st_size > limit:
                raise StoreError("is too large", source=path, stage="size", value=status.st_size)
            if size is not None and status.st_size != size:
                problem = f"is damaged: its size should be {size}"
                raise StoreError(problem, source=path, stage="size", value=status.st_size)
            data = file.read(status.st_size)
    if sha256 is not None and hashlib.sha256(data).hexdigest() != sha256:
        raise StoreError("is damaged: its hash is another", source=path, stage="hash")
    return data


# --- JSON that knows its own hash ----------------------------------------------------------------


def sealed_json(content: dict[str, Any]) -> bytes:
    """Return `content` as JSON with its own SHA-256, taken while its place is blank, at the end."""
    text = json.dumps({**content, "sha256": _BLANK}, indent=1).encode("ascii")
    head, _, tail = text.rpartition(_BLANK.encode())
    return head + hashlib.sha256(text).hexdigest().encode() + tail


def read_sealed(path: Path, limit: int) -> dict[str, Any]:
    """Return what `sealed_json` made into the bytes of a file.

    Raises
    ------
    StoreError
        If it is damaged, too large, or something else.
    """
    text = read_bytes(path, limit)
    try:
        content = parse_json(text, path, "JSON")
    except ModelError as error:
        raise StoreError(error.problem, source=path, stage="JSON") from error
    digest = content.pop("sha256", None) if isinstance(content, dict) else None
    if not isinstance(digest, str) or len(digest) != 64:
        raise StoreError("has no hash of itself", source=path, stage="hash", value=digest)
    head, _, tail = text.rpartition(digest.encode("ascii", "replace"))
    if hashlib.sha256(head + _BLANK.encode() + tail).hexdigest() != digest:
        raise StoreError("is damaged: its hash is another", source=path, stage="hash")
    found: dict[str, Any] = content
    return found
