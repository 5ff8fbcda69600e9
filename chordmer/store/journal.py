"""The journal: rows that are in no shard yet, each a record that knows its own hash.

A record is a header (length of the row's bytes, tries, CRC-32 of those two), the SHA-256 of the
row, and the row as `chordmer.store.row.encode` writes it. A process that is killed while it writes
leaves the beginning of a record: a whole header that promises more than there is, or half a header.
Whatever else is wrong is damage.
"""

from __future__ import annotations

import hashlib
import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from chordmer.errors import StoreError
from chordmer.store.disk import append_bytes, read_bytes, refusals
from chordmer.store.row import Row, decode, encode

__all__ = ["Entry", "Journal", "read_journal", "record", "whole_records"]

_HEAD = struct.Struct("<QH")
_CHECK = struct.Struct("<L")
_START = _HEAD.size + _CHECK.size
_DIGEST = 32
#: No journal grows larger than a shard and one row; one that did is not read.
_MAX_JOURNAL = 1 << 32
_MOST_TRIES = (1 << 16) - 1


class Entry(NamedTuple):
    """A row, with what is only computed once."""

    row: Row
    key: bytes
    digest: bytes
    size: int


def record(row: Row) -> tuple[Entry, bytes]:
    """Return a row's entry, and its record."""
    data = encode(row)
    tries = 0 if row.error is None else min(row.error.tries, _MOST_TRIES)
    head = _HEAD.pack(len(data), tries)
    digest = hashlib.sha256(data).digest()
    whole = b"".join((head, _CHECK.pack(zlib.crc32(head)), digest, data))
    return Entry(row, row.key, digest, len(whole)), whole


class Journal:
    """A journal that is being written.

    Parameters
    ----------
    path : Path
    size : int
        Bytes of whole records that it holds; a torn rest is cut off.

    Raises
    ------
    StoreError
        If the disk refuses.
    """

    def __init__(self, path: Path, size: int) -> None:
        self.path = path
        with refusals(path, "journal"):
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
            self._file = os.open(path, flags, 0o666)
            os.ftruncate(self._file, size)

    def write(self, records: bytes) -> None:
        """Append records; the system has them when this returns.

        Raises
        ------
        StoreError
            If the disk refuses.
        """
        with refusals(self.path, "journal"):
            append_bytes(self._file, records)

    def close(self) -> None:
        """Let go of the file, flushed to the disk.

        Raises
        ------
        StoreError
            If the disk refuses.
        """
        with refusals(self.path, "journal"):
            try:
                os.fsync(self._file)
            finally:
                os.close(self._file)


def read_journal(path: Path) -> list[Entry]:
    """Return the rows of a journal; none if there is no such file.

    Raises
    ------
    StoreError
        If it is damaged, rather than merely cut short.
    """
    try:
        data = read_bytes(path, _MAX_JOURNAL)
    except StoreError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return []
        raise
    return list(_entries(data, path))


def whole_records(path: Path) -> bytes:
    """Return the records of a damaged journal that come before the damage.

    Raises
    ------
    StoreError
        If it is no file that can be read.
    """
    data = read_bytes(path, _MAX_JOURNAL)
    size = 0
    with suppress(StoreError):
        for entry in _entries(data, path):
            size += entry.size
    return data[:size]


def _entries(data: bytes, path: Path) -> Iterator[Entry]:
    start = 0
    while len(data) - start >= _START:
        head = data[start : start + _HEAD.size]
        length, tries = _HEAD.unpack(head)
        begin = start + _START + _DIGEST
        if _CHECK.pack(zlib.crc32(head)) != data[start + _HEAD.size : start + _START]:
            if not any(memoryview(data)[start:]):
                return  # A machine that lost its power leaves zeros where it had not written yet.
            raise StoreError("is damaged", source=path, stage="journal", value=f"byte {start}")
        if length > len(data) - begin:
            return
        payload = memoryview(data)[begin : begin + length]
        digest = data[begin - _DIGEST : begin]
        if hashlib.sha256(payload).digest() != digest:
            raise StoreError("is damaged", source=path, stage="journal", value=f"byte {start}")
        try:
            row = decode(payload, tries)
        except ValueError as error:
            raise StoreError(str(error), source=path, stage="journal") from error
        yield Entry(row, row.key, digest, begin + length - start)
        start = begin + length
