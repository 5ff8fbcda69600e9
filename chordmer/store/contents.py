"""What a store holds at one moment: its listing, the rows that wait, and who is up to date."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from chordmer.errors import StoreError
from chordmer.store.disk import read_bytes, write_bytes
from chordmer.store.index import ENTRY, Index, Known, entries
from chordmer.store.journal import Entry, read_journal
from chordmer.store.listing import Listing, Shard
from chordmer.store.row import NAME_BYTES, name_of
from chordmer.store.shards import from_parquet, to_parquet

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Contents", "load_index", "load_table", "write_shard"]

#: No shard is larger: 512 MiB of rows, and one row.
_MAX_SHARD = 1 << 31
#: Digests that are sorted at once: 64 MiB of them.
_DIGESTS = 1 << 21


def load_table(folder: Path, shard: Shard) -> pa.Table:
    """Return the rows of a shard.

    Raises
    ------
    StoreError
        If any bit of it is not as it was written.
    """
    file = shard.file(folder)
    data = read_bytes(file, _MAX_SHARD, size=shard.bytes, sha256=shard.sha256)
    return from_parquet(data, shard.rows, file)


def load_index(folder: Path, shard: Shard) -> NDArray[np.void]:
    """Return the keys and digests of a shard, an array of `ENTRY`.

    Raises
    ------
    StoreError
        If any bit of them is not as it was written.
    """
    size = shard.rows * ENTRY.itemsize
    file = shard.index_file(folder)
    return np.frombuffer(read_bytes(file, size, size=size, sha256=shard.index_sha256), ENTRY)


def write_shard(
    folder: Path, feature: str, number: int, table: pa.Table, rows: NDArray[np.void]
) -> Shard:
    """Write the files of a shard, which the listing does not have yet.

    Raises
    ------
    StoreError
        If the disk refuses.
    """
    data, index = to_parquet(table), rows.tobytes()
    shard = Shard(
        feature,
        number,
        rows=len(rows),
        failed=int(np.count_nonzero(rows["failed"])),
        supersedes=False,
        bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        index_sha256=hashlib.sha256(index).hexdigest(),
    )
    write_bytes(shard.file(folder), data)
    write_bytes(shard.index_file(folder), index)
    return shard


class Contents:
    """The rows of a store; read from `folder` by `load`.

    Attributes
    ----------
    folder : Path
    listing : Listing
    waiting : dict of str to dict of bytes to Entry
        By feature and name, the newest of the rows that are in no shard yet.
    taken, bytes : int
        Rows in the journal, and what they take.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.listing = Listing({})
        self.waiting: dict[str, dict[bytes, Entry]] = {}
        self.taken = self.bytes = 0
        self._indexes: dict[str, Index] = {}

    def load(self) -> None:
        """Read what there is.

        Raises
        ------
        StoreError
            If it is no store, or damaged.
        """
        self.list_as(Listing.read(self.folder))
        path = self.listing.journal(self.folder)
        found = read_journal(path)
        if any(entry.row.feature not in self.waiting for entry in found):
            raise StoreError("holds a feature that is not listed", source=path, stage="journal")
        self.take(found)

    def list_as(self, listing: Listing) -> None:
        """Hold what `listing` lists, with an empty journal."""
        self.listing = listing
        self.waiting = {feature: {} for feature in listing.features}
        self.taken = self.bytes = 0

    def take(self, batch: list[Entry]) -> None:
        """Add rows to those that wait."""
        for entry in batch:
            names = self.waiting[entry.row.feature]
            name = entry.key[:NAME_BYTES]
            names.pop(name, None)
            names[name] = entry
            self.bytes += entry.size
        self.taken += len(batch)

    def waiting_rows(self, feature: str) -> NDArray[np.void]:
        """Return the keys and digests of the rows that wait, an array of `ENTRY`."""
        found = self.waiting[feature].values()
        return entries(
            [entry.key for entry in found],
            [entry.digest for entry in found],
            [entry.row.error is not None for entry in found],
        )

    def index(self, feature: str) -> Index:
        """Return the index of the shards of a feature: read once, then kept up by `forget`."""
        if feature not in self._indexes:
            index = Index()
            for shard in self.listing.of(feature):
                index.add(load_index(self.folder, shard))
            self._indexes[feature] = index
        return self._indexes[feature]

    def forget(self, feature: str) -> None:
        """Let the index of a feature be read anew."""
        self._indexes.pop(feature, None)

    def known(self, id: str) -> dict[str, Known]:
        """See `Store.known`."""
        found = {}
        for feature, names in self.waiting.items():
            name = name_of(id, feature)
            entry = names.get(name)
            if entry is not None:
                found[feature] = Known(entry.key, entry.row.error is not None)
            elif known := self.index(feature).find(name):
                found[feature] = known
        return found

    def masks(self, feature: str) -> list[NDArray[np.bool_]]:
        """Return for each shard of a feature which of its rows are live."""
        shards = self.listing.of(feature)
        rows = self.waiting_rows(feature)
        if not len(rows) and not any(shard.supersedes for shard in shards):
            return [np.ones(shard.rows, bool) for shard in shards]
        index = self.index(feature).copy()
        index.add(rows)
        return np.split(index.live(), np.cumsum([shard.rows for shard in shards]))[: len(shards)]

    def state(self, feature: str) -> str:
        """See `Store.state`."""
        total = hashlib.sha256()
        for shard in self.listing.of(feature):
            total.update(shard.sha256.encode())
        total.update(self.waiting_rows(feature).tobytes())
        return total.hexdigest()[:32]

    def hash(self) -> str:
        """See `Store.hash`."""
        rows = self.taken + sum(shard.rows for shard in self.listing.shards)
        bounds = np.linspace(0, 256, min(256, rows // _DIGESTS + 1) + 1).astype(int)
        total = hashlib.sha256()
        for low, high in pairwise(bounds.tolist()):
            part = [np.empty(0, "S32")]
            for digests in self._digests():
                first = digests.view(np.uint8).reshape(-1, 32)[:, 0]
                part.append(digests[(first >= low) & (first < high)])
            total.update(np.sort(np.concatenate(part)).tobytes())
        return total.hexdigest()

    def _digests(self) -> Iterator[NDArray[np.bytes_]]:
        for feature in self.listing.features:
            for shard, mask in zip(self.listing.of(feature), self.masks(feature)):
                yield load_index(self.folder, shard)["digest"][mask]
            yield self.waiting_rows(feature)["digest"].copy()
