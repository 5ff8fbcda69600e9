"""A feature's values as files that are mapped into memory: any row at once, none of them read.

``values.bin`` holds the float32 of all rows one after the other, ``rows.bin`` where each begins,
its shape, the CRC-32 of its bytes and where its id ends, ``ids.bin`` the ids in UTF-8. The rows are
sorted by id. ``arrays.json`` holds sizes and hashes. Those of rows and ids are checked when they
are opened; of values, each row when it is read.
"""

from __future__ import annotations

import hashlib
import math
import os
import re
import secrets
import shutil
import zlib
from collections.abc import Iterable
from itertools import pairwise
from operator import index
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from chordmer.errors import StoreError
from chordmer.folder import flush_folder
from chordmer.store.disk import (
    make_folder,
    read_bytes,
    read_sealed,
    refusals,
    sealed_json,
    write_bytes,
)
from chordmer.store.row import MAX_AXES, Row

if TYPE_CHECKING:
    from chordmer.store.store import Store

__all__ = ["MappedArrays", "check_arrays", "mapped_arrays"]

_ABOUT = "arrays.json"
_ROW = np.dtype(
    [("start", "<i8"), ("shape", "<i4", (MAX_AXES,)), ("axes", "u1"), ("crc", "<u4"), ("id", "<i8")]
)
_MAX_ABOUT = 1 << 16
_MAX_INDEX = 1 << 34
_CHUNK = 1 << 24


class MappedArrays:
    """The arrays in a folder that `mapped_arrays` made.

    Parameters
    ----------
    folder : Path

    Attributes
    ----------
    ids : list of str

    Raises
    ------
    StoreError
        If the folder is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        files = _files(folder)
        size = files["values"][0]
        path = folder / "values.bin"
        with refusals(path, "open"):
            if path.is_symlink() or path.stat().st_size != size:
                raise StoreError("is damaged: its size is another", source=path, stage="size")
            # Copy on write: torch wants memory that it may write to; nothing reaches the disk.
            self._values: NDArray[np.float32] = (
                np.memmap(path, "<f4", "c", shape=(size // 4,)) if size else np.empty(0, "<f4")
            )
        text, rows = _read(folder, "ids", files), _read(folder, "rows", files)
        try:
            self._rows = np.frombuffer(rows, _ROW)
            self.ids = [
                text[start:end].decode("utf-8", "surrogatepass")
                for start, end in pairwise([0, *self._rows["id"].tolist()])
            ]
        except ValueError as error:
            raise StoreError("lists what cannot be", source=folder, stage="arrays") from error

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, number: int) -> NDArray[np.float32]:
        """Return the values of one row, mapped; changes to them stay in this process.

        Raises
        ------
        IndexError
            If there are not so many.
        StoreError
            If the row is damaged.
        """
        start, shape, axes, crc, _ = self._rows[number].tolist()
        shape = tuple(shape[:axes])
        size = math.prod(shape)
        values = self._values[start : start + size]
        if values.size != size or zlib.crc32(values) != crc:  # type: ignore[arg-type]
            source = self._folder / "values.bin"
            raise StoreError("is damaged", source=source, stage="values", value=self.ids[number])
        return values.reshape(shape)


def mapped_arrays(store: Store, feature: str, home: Path) -> Path:
    """Return the folder in `home` with the values of a feature; write it if it is not there.

    It is named after the feature and what the store holds of it. Older ones of the same feature are
    removed.

    Parameters
    ----------
    store : Store
    feature : str
    home : Path
        Made if it is not there; its parent must exist.

    Raises
    ------
    StoreError
        If a shard is damaged, or the disk refuses.
    """
    make_folder(home)
    target = home / f"{feature}-{store.state(feature)}"
    if not target.exists():
        draft = home / f".{secrets.token_hex(8)}"
        make_folder(draft)
        try:
            _write(draft, store.rows(feature))
            with refusals(target, "rename"):
                draft.rename(target)
                flush_folder(home)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        for old in home.iterdir():
            if old != target and re.fullmatch(re.escape(feature) + "-[0-9a-f]{32}", old.name):
                shutil.rmtree(old, ignore_errors=True)
    return target


def _write(folder: Path, rows: Iterable[Row]) -> None:
    ids: list[str] = []
    table: list[Any] = []
    start = 0
    whole = hashlib.sha256()
    values = folder / "values.bin"
    with refusals(values, "write"), values.open("xb") as file:
        for row in rows:
            if row.error is not None or not row.values.size:
                continue
            data: bytes = np.ascontiguousarray(row.values, "<f4").tobytes()
            file.write(data)
            whole.update(data)
            shape = (*row.shape, *(0,) * (MAX_AXES - len(row.shape)))
            table.append((start, shape, len(row.shape), zlib.crc32(data), 0))
            ids.append(row.id)
            start += row.values.size
        _flush(file)
    order = sorted(range(len(ids)), key=ids.__getitem__)
    texts = [ids[place].encode("utf-8", "surrogatepass") for place in order]
    found = np.array([table[place] for place in order], _ROW)
    found["id"] = np.cumsum([len(text) for text in texts])
    files = {"values": {"bytes": 4 * start, "sha256": whole.hexdigest()}}
    for name, data in (("rows", found.tobytes()), ("ids", b"".join(texts))):
        write_bytes(folder / f"{name}.bin", data)
        files[name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    write_bytes(folder / _ABOUT, sealed_json({"files": files}))


def _flush(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _files(folder: Path) -> dict[str, tuple[int, str]]:
    """Return sizes and hashes of the files in a folder."""
    path = folder / _ABOUT
    about = read_sealed(path, _MAX_ABOUT)
    try:
        files = {name: about["files"][name] for name in ("values", "rows", "ids")}
        return {n: (index(entry["bytes"]), str(entry["sha256"])) for n, entry in files.items()}
    except (KeyError, TypeError) as error:
        raise StoreError("lists what cannot be", source=path, stage="arrays") from error


def _read(folder: Path, name: str, files: dict[str, tuple[int, str]]) -> bytes:
    size, sha256 = files[name]
    return read_bytes(folder / f"{name}.bin", _MAX_INDEX, size=size, sha256=sha256)


def check_arrays(folder: Path) -> None:
    """Read all that `mapped_arrays` wrote.

    Raises
    ------
    StoreError
        If any bit of it is not as it was written.
    """
    arrays = MappedArrays(folder)
    path = folder / "values.bin"
    with refusals(path, "open"), path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != _files(folder)["values"][1]:
        raise StoreError("is damaged: its hash is another", source=path, stage="hash")
    for number in range(len(arrays)):
        arrays[number]
