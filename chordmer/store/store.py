"""The store itself."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from chordmer.store.row import Recipe, Row

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Store"]


class Store:
    """Features of many files in one folder.

    Made by `create_or_open` (the one writer) or `open` (readers); a context manager.

    Attributes
    ----------
    folder : Path
    features : dict of str to Recipe
        What the store holds, by name; the recipe is the one it was last opened for writing with.
    """

    @classmethod
    def create_or_open(
        cls,
        folder: str | os.PathLike[str],
        features: Mapping[str, Recipe],
        *,
        shard_rows: int = 16384,
        shard_bytes: int = 1 << 26,
    ) -> Store:
        """Open `folder` for writing, and make it if it is not there.

        Parameters
        ----------
        folder : path
            Its parent must exist.
        features : mapping of str to Recipe
            Names are of lower-case letters, digits, ``_`` and ``-``. They are added to those that
            the store has; a recipe that differs replaces the old one (rows of the old one are
            superseded as their files are computed anew).
        shard_rows, shard_bytes : int
            Rows that wait in the journal are sealed into shards when they are so many, or take so
            many bytes. Defaults: 16384 rows, 64 MiB: files that readers like, and memory that a
            laptop has.

        Raises
        ------
        StoreError
            If something else lies there, the store is damaged or of another schema, another
            process writes to it, or the disk refuses.
        ValueError
            If a name or a number is out of range.
        """
        raise NotImplementedError

    @classmethod
    def open(cls, folder: str | os.PathLike[str]) -> Store:
        """Open `folder` for reading, beside a writer if there is one.

        Raises
        ------
        StoreError
            If it is not a store, or damaged.
        """
        raise NotImplementedError

    # writing
    def append(self, rows: Iterable[Row]) -> None:
        """Take in rows: when this returns, a killed process does not lose them.

        All rows of a call go to the journal in one write. After a StoreError the store takes no
        more rows; opened again, it holds everything that was taken in before.
        """
        raise NotImplementedError

    def seal(self) -> None:
        """Move the journal's rows into shards."""
        raise NotImplementedError

    def compact(self) -> None:
        """Drop superseded rows and join small shards; memory bounded by one shard."""
        raise NotImplementedError

    def close(self) -> None:
        """Seal, and let go of the lock. Called twice, does nothing."""
        raise NotImplementedError

    # what is there
    def done(self, keys: Sequence[bytes], *, retry_failed: bool = False) -> NDArray[np.bool_]:
        """Return for each key (`row_key`) whether the newest row of that id and feature has it.

        Failures count as done unless `retry_failed`. About 21 bytes of memory a row.
        """
        raise NotImplementedError

    def hash(self) -> str:
        """Return the SHA-256, in hex, over the sorted digests of all live rows."""
        raise NotImplementedError

    def verify(self) -> list[str]:
        """Return what is wrong with any stored file; empty if nothing is."""
        raise NotImplementedError

    def repair(self) -> list[str]:
        """Drop what `verify` finds damaged, so that a resume computes it again; return what."""
        raise NotImplementedError

    def info(self) -> dict[str, Any]:
        """Return numbers about the store.

        ``{"schema": 1, "rows": n, "bytes": n, "waiting": n, "features": {name: {"extractor": ...,
        "parameters": {...}, "version": ..., "rows": n, "failed": n, "shards": n, "bytes": n}}}``
        """
        raise NotImplementedError

    # reading: live rows only, in no particular order, except where said
    def tables(self, feature: str) -> Iterator[pa.Table]:
        """Yield one pyarrow Table a shard, failures included."""
        raise NotImplementedError

    def table(self, feature: str) -> pa.Table:
        """Return all of a feature in one pyarrow Table, sorted by id, failures included."""
        raise NotImplementedError

    def rows(self, feature: str) -> Iterator[Row]:
        """Yield the rows of a feature, failures included."""
        raise NotImplementedError

    def errors(self) -> Iterator[Row]:
        """Yield the rows of all features that are failures."""
        raise NotImplementedError

    def matrix(self, feature: str) -> tuple[list[str], NDArray[np.float32]]:
        """Return ids, sorted, and their vectors (n, d); failures are left out.

        Raises
        ------
        StoreError
            If values are no vectors of one length.
        """
        raise NotImplementedError

    def torch_dataset(self, feature: str, *, cache: str | os.PathLike[str] | None = None) -> Any:
        """Return a memory-mapped torch Dataset of a feature's values, sorted by id.

        The first call writes the arrays once, into the store or into `cache`.
        """
        raise NotImplementedError

    def export(self, path: str | os.PathLike[str], feature: str) -> None:
        """Write a feature to one ``.csv``, ``.jsonl`` or ``.parquet`` file."""
        raise NotImplementedError

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
