"""The one writer of a store: rows into the journal, the journal into shards, shards into fewer.

What counts is what ``_store.json`` lists, and it is replaced in one step. A seal writes shards that
nobody lists yet, then the listing, which names them and the next journal; only then the old journal
goes. Killed in between, it leaves files that are in no list; the next writer removes them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from chordmer.errors import StoreError
from chordmer.store.contents import Contents, load_index, load_table, write_shard
from chordmer.store.disk import Lock, make_folder, refusals, remove
from chordmer.store.index import ENTRY
from chordmer.store.journal import Entry, Journal, record
from chordmer.store.listing import LISTING, Listing, Shard, unlisted
from chordmer.store.row import Recipe, Row
from chordmer.store.shards import arrow, to_table

__all__ = ["Writer"]


class Writer:
    """Writes to `contents`, and to the folder that they come from.

    Parameters
    ----------
    contents : Contents
        Not loaded yet.
    features : mapping of str to Recipe
    shard_rows, shard_bytes : int
        See `Store.create_or_open`.

    Raises
    ------
    StoreError
        As `Store.create_or_open`.
    """

    def __init__(
        self,
        contents: Contents,
        features: Mapping[str, Recipe],
        shard_rows: int,
        shard_bytes: int,
    ) -> None:
        self._contents = contents
        self._folder = contents.folder
        self._shard_rows = shard_rows
        self._shard_bytes = shard_bytes
        make_folder(self._folder)
        self._lock = Lock(self._folder / ".lock")
        self._broken = False
        try:
            self._journal = self._open(dict(features))
        except BaseException:
            self._lock.release()
            raise

    def _open(self, wanted: dict[str, Recipe]) -> Journal:
        folder = self._folder
        if not os.path.lexists(folder / LISTING):
            with refusals(folder, "folder"):
                other = [name for name in os.listdir(folder) if name[0] not in "._"]
            if other:
                problem = "something that is no store lies there"
                raise StoreError(problem, source=folder, stage="folder", value=other[0])
            Listing(wanted).write(folder)
        listing = Listing.read(folder)
        if listing.features | wanted != listing.features:
            listing = replace(listing, features=listing.features | wanted)
            listing.write(folder)
        self._contents.load()
        for name in ("_journal", "_index", *(f"feature={name}" for name in listing.features)):
            make_folder(folder / name)
        for path in unlisted(listing, folder):
            if not path.is_dir():
                remove(path)
        return Journal(listing.journal(folder), self._contents.bytes)

    def append(self, rows: Iterable[Row]) -> None:
        """See `Store.append`."""
        self._check()
        contents = self._contents
        batch: list[Entry] = []
        records: list[bytes] = []
        size = contents.bytes
        for row in rows:
            if row.feature not in contents.waiting:
                raise ValueError(f"the store was not opened for {row.feature!r}")
            entry, data = record(row)
            batch.append(entry)
            records.append(data)
            size += entry.size
            if contents.taken + len(batch) >= self._shard_rows or size >= self._shard_bytes:
                self._write(batch, records)
                self.seal()
                batch, records, size = [], [], 0
        if batch:
            self._write(batch, records)

    def _write(self, batch: list[Entry], records: list[bytes]) -> None:
        with self._or_broken():
            self._journal.write(b"".join(records))
        self._contents.take(batch)

    def seal(self) -> None:
        """See `Store.seal`."""
        self._check()
        contents = self._contents
        if not contents.taken:
            return
        added = {
            name: contents.waiting_rows(name) for name, rows in contents.waiting.items() if rows
        }
        with self._or_broken():
            shards = list(contents.listing.shards)
            for feature, rows in added.items():
                table = to_table([entry.row for entry in contents.waiting[feature].values()])
                shard = write_shard(self._folder, feature, contents.listing.next, table, rows)
                shards.append(replace(shard, supersedes=contents.index(feature).meets(rows)))
            self._commit(shards)
        for feature, rows in added.items():
            contents.index(feature).add(rows)

    def _commit(self, shards: list[Shard]) -> None:
        """Let the store consist of `shards`, and begin a new journal."""
        old = self._journal
        old.close()
        listing = self._contents.listing.sealed(tuple(shards))
        listing.write(self._folder)
        remove(old.path)
        self._contents.list_as(listing)
        self._journal = Journal(listing.journal(self._folder), 0)

    def compact(self) -> None:
        """See `Store.compact`."""
        self.seal()
        contents = self._contents
        for feature in contents.listing.features:
            shards = contents.listing.of(feature)
            masks = dict(zip(shards, contents.masks(feature)))
            with self._or_broken():
                for group in _groups(masks, self._shard_rows, self._shard_bytes):
                    self._join(group)
                plain = [
                    replace(shard, supersedes=False) if shard.feature == feature else shard
                    for shard in contents.listing.shards
                ]
                if tuple(plain) != contents.listing.shards:
                    self._commit(plain)
            contents.forget(feature)

    def _join(self, group: dict[Shard, NDArray[np.bool_]]) -> None:
        """Write the live rows of adjacent shards as one shard in their place."""
        pa, contents, joined = arrow(), self._contents, []
        first = next(iter(group))
        # Without its dtype, numpy would turn the order of the bytes around.
        parts = [load_index(self._folder, shard)[mask] for shard, mask in group.items()]
        rows = np.concatenate(parts, dtype=ENTRY)
        if len(rows):
            tables = [load_table(self._folder, s).filter(pa.array(m)) for s, m in group.items()]
            table, number = pa.concat_tables(tables), contents.listing.next
            shard = write_shard(self._folder, first.feature, number, table, rows)
            # If killed now, earlier shards may still have rows that these supersede.
            joined = [replace(shard, supersedes=any(s.supersedes for s in group))]
        shards: list[Shard] = []
        for shard in contents.listing.shards:
            shards += joined if shard == first else [] if shard in group else [shard]
        self._commit(shards)
        for shard in group:
            for file in (shard.file(self._folder), shard.index_file(self._folder)):
                remove(file)

    def close(self) -> None:
        """See `Store.close`."""
        try:
            if not self._broken:
                self.seal()
                self._journal.close()
        finally:
            self._broken = True
            self._lock.release()

    def _check(self) -> None:
        if self._broken:
            problem = "was closed, or could not be written: open it again"
            raise StoreError(problem, source=self._folder, stage="write")

    @contextmanager
    def _or_broken(self) -> Iterator[None]:
        """Take no more rows after a failure: only the disk knows how far it came."""
        try:
            yield
        except BaseException:
            self._broken = True
            with suppress(StoreError):
                self._journal.close()
            raise


def _groups(
    masks: Mapping[Shard, NDArray[np.bool_]], most_rows: int, most_bytes: int
) -> Iterator[dict[Shard, NDArray[np.bool_]]]:
    """Yield adjacent shards that are to become one; a full shard without dead rows stays alone."""
    group: dict[Shard, NDArray[np.bool_]] = {}
    rows = size = 0.0

    def worth() -> bool:
        return len(group) > 1 or not all(mask.all() for mask in group.values())

    for shard, mask in masks.items():
        live = np.count_nonzero(mask)
        weight = shard.bytes * live / shard.rows
        if group and (rows + live > most_rows or size + weight > most_bytes):
            if worth():
                yield group
            group, rows, size = {}, 0.0, 0.0
        group[shard] = mask
        rows, size = rows + live, size + weight
    if worth():
        yield group
