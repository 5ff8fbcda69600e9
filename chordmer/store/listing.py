"""``_store.json``: what a store holds, and the SHA-256 of every file of it.

It is replaced as a whole, in one step: until then, what a seal has written is not there. Names of
files are made from what it lists, and never read from it, so that none leads out of the folder.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from chordmer.errors import StoreError
from chordmer.store.disk import is_draft, read_sealed, refusals, sealed_json, write_bytes
from chordmer.store.row import Recipe

__all__ = ["LISTING", "SCHEMA", "Listing", "Shard", "check_feature", "unlisted"]

#: Version of the layout; a reader refuses every other one.
SCHEMA = 1
LISTING = "_store.json"

_FORMAT = "chordmer feature store"
_FEATURE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_HASH = re.compile(r"[0-9a-f]{64}")
#: A million shards take some 250 MB.
_MAX_LISTING = 1 << 28
_MAX_NUMBER = 1 << 31


def check_feature(name: object) -> str:
    """Return a feature's name, which becomes a folder's.

    Raises
    ------
    ValueError
        If it holds anything but letters, digits, ``_``, ``.`` and ``-``, or begins with a sign.
    """
    if not isinstance(name, str) or not _FEATURE.fullmatch(name):
        raise ValueError(f"a feature cannot be named {name!r}")
    return name


@dataclass(frozen=True, slots=True)
class Shard:
    """One Parquet file, and its index.

    Attributes
    ----------
    feature : str
    number : int
        No two shards of a feature share one.
    rows, failed : int
        Rows, and those of them that are failures.
    supersedes : bool
        Whether a row of it may be of the same id as an earlier row.
    bytes : int
        Of the Parquet file.
    sha256, index_sha256 : str
        Of the Parquet file and of the index, in hex.
    """

    feature: str
    number: int
    rows: int
    failed: int
    supersedes: bool
    bytes: int
    sha256: str
    index_sha256: str

    def file(self, folder: Path) -> Path:
        """Return where the rows lie."""
        return folder / f"feature={self.feature}" / f"part-{self.number:08d}.parquet"

    def index_file(self, folder: Path) -> Path:
        """Return where their keys and digests lie."""
        return folder / "_index" / f"{self.feature}-{self.number:08d}.bin"


@dataclass(frozen=True, slots=True)
class Listing:
    """The content of ``_store.json``.

    Attributes
    ----------
    features : dict of str to Recipe
    shards : tuple of Shard
        Older ones first: where two hold a row of the same id, the later one counts.
    next : int
        Number of the journal that is being written, and of the shards that it will become.
    """

    features: dict[str, Recipe]
    shards: tuple[Shard, ...] = ()
    next: int = 1

    def journal(self, folder: Path) -> Path:
        """Return where the rows that are in no shard lie."""
        return folder / "_journal" / f"{self.next:08d}.rows"

    def of(self, feature: str) -> list[Shard]:
        """Return the shards of one feature, older ones first."""
        return [shard for shard in self.shards if shard.feature == feature]

    def sealed(self, shards: tuple[Shard, ...]) -> Listing:
        """Return the listing after its journal has become part of `shards`."""
        return replace(self, shards=shards, next=self.next + 1)

    def write(self, folder: Path) -> None:
        """Put it in the place of the one that lies in `folder`.

        Raises
        ------
        StoreError
            If the disk refuses.
        """
        from chordmer import __version__

        content = {
            "format": _FORMAT,
            "schema": SCHEMA,
            "chordmer": __version__,
            "features": {name: asdict(recipe) for name, recipe in self.features.items()},
            "next": self.next,
            "shards": [asdict(shard) for shard in self.shards],
        }
        write_bytes(folder / LISTING, sealed_json(content))

    @classmethod
    def read(cls, folder: Path) -> Listing:
        """Return what lies in `folder`.

        Raises
        ------
        StoreError
            If there is no store, it is damaged, or was written by a newer chordmer.
        """
        path = folder / LISTING
        content = read_sealed(path, _MAX_LISTING)

        def require(condition: bool, problem: str, value: object = None) -> None:
            if not condition:
                raise StoreError(problem, source=path, stage="listing", value=value)

        require(content.get("format") == _FORMAT, "is no store of features", content.get("format"))
        schema = content.get("schema")
        require(type(schema) is int, "has no schema version", schema)
        require(schema == SCHEMA, "was written by another chordmer: unknown schema", schema)
        try:
            listing = cls(
                {check_feature(n): Recipe(**recipe) for n, recipe in content["features"].items()},
                tuple(Shard(**shard) for shard in content["shards"]),
                content["next"],
            )
            sound = _is_sound(listing)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise StoreError(f"is odd: {error}", source=path, stage="listing") from error
        require(sound, "lists what cannot be")
        return listing


def _is_sound(listing: Listing) -> bool:
    """Return whether all values are of their types, and in the ranges that a store can have."""
    recipes = [asdict(recipe).values() for recipe in listing.features.values()]
    places = {(shard.feature, shard.number) for shard in listing.shards}
    return (
        all(isinstance(text, str) for recipe in recipes for text in recipe)
        and _is_count(listing.next)
        and len(places) == len(listing.shards)
        and all(
            shard.feature in listing.features
            and all(map(_is_count, (shard.number, shard.rows, shard.failed, shard.bytes)))
            and shard.failed <= shard.rows > 0
            and shard.number < listing.next
            and type(shard.supersedes) is bool
            and all(map(_is_hash, (shard.sha256, shard.index_sha256)))
            for shard in listing.shards
        )
    )


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < _MAX_NUMBER


def _is_hash(value: Any) -> bool:
    return isinstance(value, str) and _HASH.fullmatch(value) is not None


def unlisted(listing: Listing, folder: Path) -> Iterator[Path]:
    """Yield what lies among a store's files and is in no list: drafts, and shards never listed.

    Raises
    ------
    StoreError
        If a folder cannot be read, or is a link to another.
    """
    listed = {listing.journal(folder)}
    for shard in listing.shards:
        listed |= {shard.file(folder), shard.index_file(folder)}
    homes = ["_journal", "_index", *(f"feature={feature}" for feature in listing.features)]
    for home in (folder / name for name in homes):
        if os.path.lexists(home):
            if home.is_symlink():
                raise StoreError("is a link", source=home, stage="folder")
            with refusals(home, "folder"), os.scandir(home) as files:
                yield from (Path(file) for file in files if Path(file) not in listed)
    with refusals(folder, "folder"), os.scandir(folder) as files:
        yield from (Path(file) for file in files if is_draft(file.name))
