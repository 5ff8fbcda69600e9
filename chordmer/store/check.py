"""Is every bit of a store as it was written, and what can be done if not."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from chordmer.errors import ModelError, StoreError
from chordmer.folder import load_folder
from chordmer.store.contents import load_index, load_table
from chordmer.store.disk import Lock, is_draft, refusals, remove, write_bytes
from chordmer.store.journal import read_journal, whole_records
from chordmer.store.listing import Listing, Shard, unlisted
from chordmer.store.mapped import check_arrays
from chordmer.store.row import encode
from chordmer.store.shards import rows_of

__all__ = ["repair", "verify"]


def verify(folder: str | os.PathLike[str]) -> list[str]:
    """Read every file of a store, and return what is wrong.

    Every hash is computed anew, that of every row included, and every model that lies in the store
    is loaded.

    Parameters
    ----------
    folder : path

    Returns
    -------
    list of str
        A line for each problem, with the file's name; empty if there is none.
    """
    root = Path(folder)
    try:
        listing = Listing.read(root)
    except StoreError as error:
        return [str(error)]
    return [str(problem) for problem in _problems(listing, root)]


def _problems(listing: Listing, root: Path) -> Iterator[StoreError | ModelError]:
    try:
        read_journal(listing.journal(root))
    except StoreError as error:
        yield error
    for shard in listing.shards:
        if problem := _damage(shard, root):
            yield problem
    try:
        for path in unlisted(listing, root):
            yield StoreError("is in no list: left by a crash, or put there", source=path)
        for home in _inside(root / "_arrays"):
            try:
                check_arrays(home)
            except StoreError as error:
                yield error
        for model in _inside(root / "_models"):
            try:
                load_folder(model, kind="Chord2Vec")
            except ModelError as error:
                yield error
    except StoreError as error:
        yield error


def _damage(shard: Shard, root: Path) -> StoreError | None:
    """Return what is wrong with a shard: its bytes, or its rows."""
    try:
        index, table = load_index(root, shard), load_table(root, shard)
        file = shard.file(root)
        for row, (high, low, digest, failed) in zip(
            rows_of(table, shard.feature, file), index.tolist()
        ):
            key = high.to_bytes(8, "big") + low.to_bytes(8, "big")
            same = hashlib.sha256(encode(row)).digest() == digest.ljust(32, b"\0")
            if not same or key != row.key or bool(failed) != (row.error is not None):
                raise StoreError("a row is not that of the index", source=file, value=row.id)
    except StoreError as error:
        return error
    return None


def _inside(home: Path) -> list[Path]:
    """Return the folders in `home`, if there is one."""
    if not os.path.lexists(home):
        return []
    if home.is_symlink():
        raise StoreError("is a link", source=home, stage="folder")
    with refusals(home, "folder"):
        return sorted(path for path in home.iterdir() if not is_draft(path.name))


def repair(folder: str | os.PathLike[str]) -> list[str]:
    """Drop what is damaged, so that the next run computes it again.

    Damaged shards go as a whole; of a damaged journal, the rows from the first damaged one on.

    Parameters
    ----------
    folder : path

    Returns
    -------
    list of str
        What was wrong with that which was dropped.

    Raises
    ------
    StoreError
        If the listing itself is damaged (the store is lost then), another process writes to it, or
        the disk refuses.
    """
    root = Path(folder)
    listing = Listing.read(root)
    lock = Lock(root / ".lock")
    try:
        listing = Listing.read(root)
        dropped: list[str] = []
        journal = listing.journal(root)
        try:
            read_journal(journal)
        except StoreError as error:
            write_bytes(journal, whole_records(journal))
            dropped.append(str(error))
        damaged = {shard: found for shard in listing.shards if (found := _damage(shard, root))}
        if damaged:
            sound = tuple(shard for shard in listing.shards if shard not in damaged)
            replace(listing, shards=sound).write(root)
        for shard, problem in damaged.items():
            dropped.append(str(problem))
            for file in (shard.file(root), shard.index_file(root)):
                if os.path.lexists(file):
                    remove(file)
        return dropped
    finally:
        lock.release()
