"""Vectors kept by the content they were computed from: in memory, and in a folder if wanted."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chordmer.errors import ChordmerError

__all__ = ["EmbeddingCache", "content_key"]

_ROWS_A_QUERY = 500
_TABLE = "CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID"


def content_key(*parts: str | bytes) -> bytes:
    """Return the SHA-256 of `parts`; parts that differ in any way have another one.

    >>> content_key("ab", "c") == content_key("a", "bc")
    False
    """
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return digest.digest()


class EmbeddingCache:
    """Vectors by content key.

    Parameters
    ----------
    folder : path, optional
        Where ``embeddings.sqlite`` is kept; made if missing. Several processes may share it.
        Without one the vectors live as long as the process.
    in_memory : int, default=20_000
        Vectors kept in memory, the least recently used ones dropped first: 31 MB of those of
        384 numbers.

    Raises
    ------
    ChordmerError
        From `get` and `put`, if the folder cannot be used or its file is no such cache.
    """

    def __init__(
        self, folder: str | os.PathLike[str] | None = None, *, in_memory: int = 20_000
    ) -> None:
        self.path = None if folder is None else Path(folder) / "embeddings.sqlite"
        self.in_memory = in_memory
        self._recent: OrderedDict[bytes, NDArray[np.float32]] = OrderedDict()

    def get(self, keys: Sequence[bytes], size: int) -> dict[bytes, NDArray[np.float32]]:
        """Return the vectors, of `size` numbers each, of those `keys` that are there."""
        found = {key: self._recent[key] for key in keys if key in self._recent}
        for key in found:
            self._recent.move_to_end(key)
        missing = [key for key in dict.fromkeys(keys) if key not in found]
        if self.path is not None and missing and self.path.exists():
            stored = {
                key: vector
                for key, value in self._stored(missing)
                if (vector := _vector(value, size)) is not None
            }
            self._remember(stored)
            found |= stored
        return found

    def put(self, vectors: Mapping[bytes, NDArray[np.float32]]) -> None:
        """Keep `vectors`."""
        self._remember(vectors)
        if self.path is None or not vectors:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path, timeout=60)) as database, database:
                database.execute(_TABLE)
                database.executemany(
                    "INSERT OR REPLACE INTO vectors VALUES (?, ?)",
                    [(key, vector.astype("<f4").tobytes()) for key, vector in vectors.items()],
                )
        except (OSError, sqlite3.Error) as problem:
            raise self._unusable(problem) from problem

    def _stored(self, keys: Sequence[bytes]) -> Iterable[tuple[bytes, object]]:
        rows: list[tuple[bytes, object]] = []
        try:
            with closing(sqlite3.connect(str(self.path), timeout=60)) as database, database:
                database.execute(_TABLE)
                for i in range(0, len(keys), _ROWS_A_QUERY):
                    some = keys[i : i + _ROWS_A_QUERY]
                    marks = ",".join("?" * len(some))
                    query = f"SELECT key, value FROM vectors WHERE key IN ({marks})"
                    rows += database.execute(query, some).fetchall()
        except (OSError, sqlite3.Error) as problem:
            raise self._unusable(problem) from problem
        return rows

    def _remember(self, vectors: Mapping[bytes, NDArray[np.float32]]) -> None:
        self._recent.update(vectors)
        while len(self._recent) > self.in_memory:
            self._recent.popitem(last=False)

    def _unusable(self, problem: Exception) -> ChordmerError:
        return ChordmerError(
            f"the cache of embeddings cannot be used: {problem}", source=self.path, stage="cache"
        )


def _vector(value: object, size: int) -> NDArray[np.float32] | None:
    """Return a stored vector, or None where what is stored is none."""
    if not isinstance(value, bytes) or len(value) != 4 * size:
        return None
    vector = np.frombuffer(value, "<f4").astype(np.float32)
    return vector if np.isfinite(vector).all() else None
