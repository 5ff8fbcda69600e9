"""Features kept by what they were computed from: in memory, and in a folder if wanted.

A key is the SHA-256 of everything that a feature depends on: the bytes of the source, the
extractor's class, parameters and fit, and the code that computes it. Nothing is ever out of date:
what changes has another key.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import secrets
import threading
import time
from collections import OrderedDict
from contextlib import suppress
from functools import cache, lru_cache
from pathlib import Path, PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chordmer.errors import ChordmerError
from chordmer.features.embedding_cache import content_key
from chordmer.io import read_symbolic
from chordmer.notes import Symbolic

__all__ = ["FeatureCache", "code_key", "extractor_key", "shared_cache", "source_key"]

_ROOT = Path(__file__).parent.parent
#: What features are made of; the rest of chordmer may change without a feature changing.
_CODE = ("features", "io", "augment", "notes.py", "track.py")
#: A file changed less than so many seconds ago may change again without its time telling.
_SETTLED = 2.0
_MOST_FILES = 1 << 16


class FeatureCache:
    """Arrays by content key.

    Parameters
    ----------
    folder : path, optional
        Where arrays are kept from one process to the next, a safetensors file each; made if
        missing. Several processes may share it: files are written under another name and renamed.
        What cannot be read there, or is damaged, counts as missing.
    max_bytes : int, default 256 MiB
        What memory keeps; the least recently used arrays are dropped first.
    """

    def __init__(
        self, folder: str | os.PathLike[str] | None = None, *, max_bytes: int = 1 << 28
    ) -> None:
        self.folder = None if folder is None else Path(folder)
        self.max_bytes = max_bytes
        self._recent: OrderedDict[bytes, NDArray[np.float32]] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def get(self, key: bytes) -> NDArray[np.float32] | None:
        """Return the array of `key`, read-only, or None where there is none."""
        with self._lock:
            if key in self._recent:
                self._recent.move_to_end(key)
                return self._recent[key]
        values = self._read(key)
        if values is not None:
            self._remember(key, values)
        return values

    def put(self, key: bytes, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Keep `values` and return them, read-only.

        Raises
        ------
        ChordmerError
            If the folder cannot be written to.
        """
        values = np.ascontiguousarray(values, dtype=np.float32)
        values.flags.writeable = False
        self._remember(key, values)
        if self.folder is not None:
            try:
                self._write(self._file(key), key, values)
            except OSError as error:
                raise ChordmerError(
                    f"features cannot be kept there: {error.strerror}",
                    source=self.folder,
                    stage="cache",
                ) from error
        return values

    def _remember(self, key: bytes, values: NDArray[np.float32]) -> None:
        with self._lock:
            old = self._recent.pop(key, None)
            self._size += values.nbytes - (0 if old is None else old.nbytes)
            self._recent[key] = values
            while self._size > self.max_bytes:
                self._size -= self._recent.popitem(last=False)[1].nbytes

    def _file(self, key: bytes) -> Path:
        assert self.folder is not None
        return self.folder / key.hex()[:2] / f"{key.hex()}.safetensors"

    def _write(self, file: Path, key: bytes, values: NDArray[np.float32]) -> None:
        from safetensors.numpy import save

        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_name(f".{secrets.token_hex(8)}")
        try:
            draft.write_bytes(save({"values": values, "digest": _digest(key, values)}))
            draft.replace(file)
        finally:
            draft.unlink(missing_ok=True)

    def _read(self, key: bytes) -> NDArray[np.float32] | None:
        if self.folder is None:
            return None
        from safetensors import SafetensorError
        from safetensors.numpy import load

        try:
            stored = load(self._file(key).read_bytes())
            values, digest = stored["values"], stored["digest"]
        except (OSError, SafetensorError, ValueError, KeyError):
            return None
        if values.dtype != np.float32 or not np.array_equal(digest, _digest(key, values)):
            return None
        values.flags.writeable = False
        found: NDArray[np.float32] = values
        return found


def shared_cache(folder: str | os.PathLike[str] | None) -> FeatureCache:
    """Return the one cache of this process for `folder`, or for memory alone."""
    return _shared(None if folder is None else os.fspath(folder))


@cache
def _shared(folder: str | None) -> FeatureCache:
    return FeatureCache(folder)


def _digest(key: bytes, values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return the SHA-256 of an array and its key, which finds damage and swapped files."""
    shape = np.array(values.shape, dtype="<i8").tobytes()
    return np.frombuffer(content_key(key, shape, values.tobytes()), dtype=np.uint8)


# --- keys ----------------------------------------------------------------------------------------


def source_key(source: Any) -> bytes:
    """Return the SHA-256 of what a source holds, whatever it comes as.

    A file is known by its bytes and its ending (which may say how it is read), not by its name;
    a pair (y, sr) and a note array by their values; another piece of symbolic music by the notes,
    times and words it is read as.

    Raises
    ------
    ChordmerError
        If a file cannot be read.
    """
    if isinstance(source, (str, PurePath)):
        return _text_or_file_key(source)
    if isinstance(source, (bytes, bytearray, memoryview)):
        return content_key("bytes", bytes(source))
    if isinstance(source, tuple):
        return content_key("sound", *(_array_bytes(np.asarray(part)) for part in source))
    if isinstance(source, np.ndarray):
        return content_key("array", _array_bytes(source))
    return _symbolic_key(read_symbolic(source))


def _text_or_file_key(source: str | PurePath) -> bytes:
    try:
        if isinstance(source, str) and not os.path.exists(source):
            return content_key("text", source)
        status = os.stat(source)
        stamp = [status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns]
        if time.time() - status.st_mtime < _SETTLED:
            stamp.append(time.monotonic_ns())
        return content_key("file", PurePath(source).suffix.lower(), _file_key(str(source), *stamp))
    except (OSError, ValueError) as error:
        raise ChordmerError(f"cannot be read: {error}", source=source, stage="content") from error


@lru_cache(maxsize=_MOST_FILES)
def _file_key(path: str, *stamp: int) -> bytes:
    """Return the SHA-256 of a file; `stamp` says which of its states is meant."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _symbolic_key(piece: Symbolic) -> bytes:
    tempo = piece.tempo_map
    return content_key(
        "symbolic",
        _array_bytes(piece.notes),
        _array_bytes(piece.time_signatures),
        *(_array_bytes(np.asarray(value)) for value in vars(tempo).values()),
        *(repr(text) for text in piece.texts),
        str(piece.end_tick),
    )


def _array_bytes(array: NDArray[Any]) -> bytes:
    return content_key(repr(array.dtype.descr), repr(array.shape), array.tobytes())


def extractor_key(extractor: Any) -> bytes:
    """Return the SHA-256 of what an extractor does: class, code, parameters, and what it learned.

    One that learned something which it cannot put into words (it has no ``to_parts``) is like no
    other, itself at another time included.
    """
    kind: type = type(extractor)
    parts: list[str | bytes] = [f"{kind.__module__}.{kind.__qualname__}", code_key(kind)]
    if hasattr(extractor, "to_parts"):
        manifest, arrays = extractor.to_parts()
        parts.append(json.dumps(manifest, sort_keys=True, default=repr))
        for name in sorted(arrays):
            parts += [name, _array_bytes(arrays[name])]
    else:
        parts.append(repr(sorted(extractor.get_params().items())))
        tags = extractor.__sklearn_tags__()
        if tags.requires_fit:
            parts.append(secrets.token_bytes(16))
    return content_key(*parts)


@lru_cache(maxsize=256)
def code_key(kind: type) -> bytes:
    """Return the SHA-256 of the code that features depend on: chordmer's, and that of `kind`."""
    files = [
        file
        for part in _CODE
        for file in (
            [_ROOT / part] if part.endswith(".py") else sorted((_ROOT / part).glob("*.py"))
        )
    ]
    parts: list[str | bytes] = [np.__version__]
    for file in files:
        parts += [file.name, file.read_bytes()]
    with suppress(OSError, TypeError):
        if Path(inspect.getfile(kind)) not in files:
            parts.append(inspect.getsource(inspect.getmodule(kind) or kind))
    return content_key(*parts)
