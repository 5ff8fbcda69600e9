"""The store as its users see it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from chordmer.errors import StoreError
from chordmer.store.check import verify
from chordmer.store.contents import Contents, load_index, load_table
from chordmer.store.index import Known
from chordmer.store.listing import Listing, check_feature
from chordmer.store.row import Recipe, Row
from chordmer.store.shards import arrow, rows_of, schema, to_table
from chordmer.store.writer import Writer

if TYPE_CHECKING:
    import pyarrow as pa

    from chordmer.store.torch_dataset import StoredFeatures

__all__ = ["Store"]

_MAX_SHARD_ROWS = 1 << 20
_MAX_SHARD_BYTES = 1 << 29


class Store:
    """Features of many files in one folder.

    Made by `create_or_open` (the one writer) or `open` (a reader, who sees what was there at that
    moment); a context manager. Rows that a newer row of the same id and feature has superseded are
    not seen.

    Parameters
    ----------
    contents : Contents
    writer : Writer or None
    """

    def __init__(self, contents: Contents, writer: Writer | None) -> None:
        self._contents = contents
        self._writer = writer

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
            Names are of letters, digits, ``_``, ``.`` and ``-``. They are added to those that the
            store has; a recipe that differs replaces the old one (rows of the old one are
            superseded as their files are computed anew).
        shard_rows, shard_bytes : int
            Rows that wait in the journal are sealed into shards, one a feature, when they are so
            many, or take so many bytes. Defaults: 16384 rows, 64 MiB: files that readers like, and
            memory that a laptop has. At most 2**20 rows and 512 MiB.

        Returns
        -------
        Store

        Raises
        ------
        StoreError
            If something else lies there, the store is damaged or of another schema, another
            process writes to it, or the disk refuses.
        ValueError
            If a name or a number is out of range.
        """
        if not 0 < shard_rows <= _MAX_SHARD_ROWS or not 0 < shard_bytes <= _MAX_SHARD_BYTES:
            raise ValueError(f"shards of {shard_rows} rows or {shard_bytes} bytes are out of range")
        wanted = {check_feature(name): recipe for name, recipe in features.items()}
        contents = Contents(Path(folder))
        return cls(contents, Writer(contents, wanted, shard_rows, shard_bytes))

    @classmethod
    def open(cls, folder: str | os.PathLike[str]) -> Store:
        """Open `folder` for reading, beside a writer if there is one.

        Raises
        ------
        StoreError
            If it is no store, or damaged.
        """
        contents = Contents(Path(folder))
        while True:
            contents.load()
            # A writer that seals in between takes the journal away.
            if Listing.read(contents.folder).next == contents.listing.next:
                return cls(contents, None)

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @property
    def folder(self) -> Path:
        """Where the store lies."""
        return self._contents.folder

    @property
    def features(self) -> dict[str, Recipe]:
        """What the store holds, by name, with the recipe that it was last written with."""
        return dict(self._contents.listing.features)

    # --- writing ---------------------------------------------------------------------------------

    def append(self, rows: Iterable[Row]) -> None:
        """Take in rows: when this returns, a killed process does not lose them.

        All rows of a call go to the journal in one write (more than make a shard: in several).

        Raises
        ------
        StoreError
            If the disk refuses. The store then takes no more rows; opened again, it holds
            everything that was taken in before. Or if it is open for reading only.
        ValueError
            If a row is of a feature that the store was not opened for.
        """
        self._writable().append(rows)

    def seal(self) -> None:
        """Move the journal's rows into shards, flushed to the disk.

        Raises
        ------
        StoreError
            As `append`.
        """
        self._writable().seal()

    def compact(self) -> None:
        """Drop superseded rows, and join small shards; memory is bounded by one shard.

        Done shard by shard: it may be killed, or fail, at any moment.

        Raises
        ------
        StoreError
            As `append`, or if a shard is damaged.
        """
        self._writable().compact()

    def close(self) -> None:
        """Seal, and let another writer in. Does nothing to what is closed, or open for reading.

        Raises
        ------
        StoreError
            If the disk refuses; the rows are then still in the journal.
        """
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()

    def _writable(self) -> Writer:
        if self._writer is None:
            raise StoreError("is not open for writing", source=self.folder, stage="write")
        return self._writer

    # --- what is there ---------------------------------------------------------------------------

    def known(self, id: str) -> dict[str, Known]:
        """Return what the newest rows of an id were made from, by feature.

        Memory: 21 bytes a row of the store, read when this is first asked.

        Parameters
        ----------
        id : str

        Returns
        -------
        dict of str to Known
            The key (`row_key`) of each feature that has a row, and whether the row is a failure.

        Raises
        ------
        StoreError
            If an index is damaged.
        """
        return self._contents.known(id)

    def hash(self) -> str:
        """Return the SHA-256, in hex, over the sorted digests of all live rows.

        Whoever computed them, in whatever order, and in whatever shards they lie: the same rows
        give the same hash. The indexes are read once for every two million rows.

        Raises
        ------
        StoreError
            If an index is damaged.
        """
        return self._contents.hash()

    def verify(self) -> list[str]:
        """Return what is wrong with any stored file; see `chordmer.store.verify`."""
        return verify(self.folder)

    def info(self) -> dict[str, Any]:
        """Return numbers about the store; shards are not read.

        Returns
        -------
        dict
            ``"rows"``, ``"failed"`` (of those), ``"superseded"`` (rows that `compact` would drop),
            ``"waiting"`` (rows in no shard yet), ``"shards"`` and ``"bytes"`` (of Parquet), and
            ``"features"``: the same for each, with ``"extractor"``, ``"parameters"`` and
            ``"version"``.

        Raises
        ------
        StoreError
            If an index is damaged.
        """
        contents, about = self._contents, {}
        for feature, recipe in contents.listing.features.items():
            shards, waiting = contents.listing.of(feature), contents.waiting_rows(feature)
            masks = contents.masks(feature)
            live = sum(int(np.count_nonzero(mask)) for mask in masks)
            failed = int(np.count_nonzero(waiting["failed"]))
            for shard, mask in zip(shards, masks):
                if shard.failed:
                    found = load_index(self.folder, shard)["failed"][mask]
                    failed += int(np.count_nonzero(found))
            about[feature] = asdict(recipe) | {
                "rows": live + len(waiting),
                "failed": failed,
                "superseded": sum(shard.rows for shard in shards) - live,
                "waiting": len(waiting),
                "shards": len(shards),
                "bytes": sum(shard.bytes for shard in shards),
            }
        totals = ("rows", "failed", "superseded", "waiting", "shards", "bytes")
        return {n: sum(f[n] for f in about.values()) for n in totals} | {"features": about}

    def state(self, feature: str) -> str:
        """Return a name (32 hex digits) for what the store holds of a feature, read from its lists.

        It changes with every row, and also when rows only move to other shards.
        """
        return self._contents.state(feature)

    # --- reading ---------------------------------------------------------------------------------

    def tables(self, feature: str) -> Iterator[pa.Table]:
        """Yield the rows of a feature, failures included, one pyarrow Table a shard.

        Raises
        ------
        StoreError
            If a shard is damaged.
        ValueError
            If the store has no such feature.
        """
        pa, contents = arrow(), self._contents
        if feature not in contents.listing.features:
            raise ValueError(f"the store has no {feature!r}; it has {[*self.features]}")
        for shard, mask in zip(contents.listing.of(feature), contents.masks(feature)):
            table = load_table(self.folder, shard)
            yield table if mask.all() else table.filter(pa.array(mask))
        if waiting := contents.waiting[feature]:
            yield to_table([entry.row for entry in waiting.values()])

    def table(self, feature: str) -> pa.Table:
        """Return the rows of a feature, failures included, in one pyarrow Table.

        In the order in which they came. Raises as `tables`.
        """
        return arrow().concat_tables([schema().empty_table(), *self.tables(feature)])

    def rows(self, feature: str) -> Iterator[Row]:
        """Yield the rows of a feature, failures included, in the order in which they came.

        Raises as `tables`.
        """
        for table in self.tables(feature):
            yield from rows_of(table, feature, self.folder)

    def errors(self) -> Iterator[Row]:
        """Yield the rows of all features that are failures; raises as `tables`."""
        for feature in self.features:
            for table in self.tables(feature):
                failures = table.filter(table.column("error").is_valid())
                yield from rows_of(failures, feature, self.folder)

    def matrix(self, feature: str) -> tuple[list[str], NDArray[np.float32]]:
        """Return the vectors of a feature, sorted by id; rows without values are left out.

        Returns
        -------
        ids : list of str
        X : ndarray of float32, shape (n, d)

        Raises
        ------
        StoreError
            If they are no vectors of one length, or a shard is damaged.
        ValueError
            If the store has no such feature.
        """
        found: dict[str, NDArray[np.float32]] = {}
        shape: tuple[int, ...] | None = None
        for row in self.rows(feature):
            if row.error is None and row.values.size:
                shape = shape or row.shape
                if row.values.ndim != 1 or row.shape != shape:
                    problem = f"{feature} of {row.id!r} is no vector like the others"
                    raise StoreError(problem, source=self.folder, stage="matrix", value=row.shape)
                found[row.id] = row.values
        ids = sorted(found)
        X = np.empty((len(ids), shape[0] if shape else 0), np.float32)
        for place, id_ in enumerate(ids):
            X[place] = found.pop(id_)
        return ids, X

    def torch_dataset(
        self, feature: str, *, cache: str | os.PathLike[str] | None = None
    ) -> StoredFeatures:
        """Return a memory-mapped torch Dataset of a feature's values, sorted by id.

        The first call writes the values into a file that can be mapped, once for each state of the
        store; the next ones, and the workers of a DataLoader, read only the rows they are asked
        for. Rows without values are left out.

        Parameters
        ----------
        feature : str
        cache : path, optional
            The folder in which that file is made. Default: the store, which must be writable then.

        Returns
        -------
        StoredFeatures
            ``dataset[i]`` is a float32 tensor of the row's own shape, ``dataset.ids[i]`` its id.

        Raises
        ------
        StoreError
            If a shard is damaged, or the disk refuses.
        ValueError
            If the store has no such feature.
        MissingExtraError
            If torch is not installed.
        """
        from chordmer.store.mapped import mapped_arrays
        from chordmer.store.torch_dataset import StoredFeatures

        home = self.folder / "_arrays" if cache is None else Path(cache)
        return StoredFeatures(mapped_arrays(self, feature, home))

    def export(self, path: str | os.PathLike[str], feature: str) -> None:
        """Write the rows of a feature to one file; see `chordmer.store.export.export`."""
        from chordmer.store.export import export

        export(self, path, feature)
