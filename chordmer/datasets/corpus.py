"""A user's copy of a corpus on disk: which files are there, which lack, and what is odd."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chordmer.datasets.dataset import About, Dataset, Report
from chordmer.datasets.media import Media, entries, natural
from chordmer.datasets.ratings import RatedCurve, Scale
from chordmer.datasets.table import Row, Table
from chordmer.errors import DatasetError, printable
from chordmer.track import Track

__all__ = ["Corpus", "Missing"]

#: What a loader does when a file lacks that a table names: raise, or leave its track out.
Missing = Literal["raise", "drop"]


class Corpus:
    """A folder that should hold a corpus.

    Parameters
    ----------
    root : path-like
        The corpus's folder, or the one it was unpacked into.
    about : About
    missing : {"raise", "drop"}
        What to do about media files that tables name and that are not here, or empty.
    holds : sequence of str
        Names in the corpus's folder, any of which tells it: used to step into the one folder
        that an archive unpacks to.

    Raises
    ------
    DatasetError
        If there is no such folder, or nothing of `holds` in it.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        about: About,
        missing: Missing = "raise",
        *,
        holds: Sequence[str] = (),
    ) -> None:
        if missing not in ("raise", "drop"):
            raise ValueError(f"missing should be 'raise' or 'drop', not {missing!r}")
        self.about = about
        self.missing = missing
        self.root = Path(root)
        self.lost: list[str] = []
        self.odd: list[str] = []
        if not self.root.is_dir():
            raise self.error("there is no such folder", self.root)
        self.root = self._home(holds)

    def error(self, problem: str, source: object, stage: str = "files") -> DatasetError:
        """Return an error that says where the corpus is to be had, and under what licence."""
        about = self.about
        where = f"{about.title} is to be had from {about.url}; its licence: {about.licence}"
        return DatasetError(f"{problem}. {where}", source=source, stage=stage)

    def _home(self, holds: Sequence[str]) -> Path:
        if not holds:
            return self.root
        for folder in [self.root, *(self.root / name for name in self.folders())]:
            if any((folder / name).exists() for name in holds):
                return folder
        raise self.error(f"holds no {_either(holds)}", self.root)

    def find(self, *names: str | Path) -> Path:
        """Return the first of these files or folders, seen from the root, that is here.

        Raises
        ------
        DatasetError
            If none is; it says where to get the corpus.
        """
        found = self.look(*names)
        if found is None:
            others = f"; {_either(names[1:])} would do" if names[1:] else ""
            raise self.error(f"is missing{others}", self.root / names[0])
        return found

    def look(self, *names: str | Path) -> Path | None:
        """Return the first of these files or folders that is here, or None."""
        return next((path for name in names if (path := self.root / name).exists()), None)

    def table(self, name: str | Path, columns: Sequence[str], **how: Any) -> Table:
        """Return a table; see `Table`."""
        return Table(self.find(name), columns, **how)

    def folders(self) -> list[str]:
        """Return the names of the folders in the root."""
        return [entry.name for entry in entries(self.root) if entry.is_dir()]

    def media(self, folder: Path | None, suffixes: Collection[str], *, deep: bool = False) -> Media:
        """Return the files in `folder` with these endings; none where there is no such folder."""
        return Media(self, folder, suffixes, deep=deep)

    def inside(self, base: Path, named: str, row: Row, column: str) -> Path:
        """Return the path that a table names, seen from `base`.

        Raises
        ------
        DatasetError
            If it leads out of the corpus.
        """
        plain = named.replace("\\", "/")
        path = Path(os.path.normpath(base / plain))
        if plain.startswith("/") or ":" in plain[:2] or not path.is_relative_to(self.root):
            raise row.error("leads out of the corpus", column, named)
        return path

    def lose(self, path: Path | str) -> None:
        """Note that a file lacks."""
        path = Path(path)
        self.lost.append(
            path.relative_to(self.root).as_posix()
            if path.is_relative_to(self.root)
            else path.as_posix()
        )

    def note(self, text: str) -> None:
        """Note something odd, once."""
        if text not in self.odd:
            self.odd.append(text)

    def convert(self, scale: Scale, row: Row, column: str) -> float:
        """Return a rating in [-1, 1].

        Raises
        ------
        DatasetError
            If the rating lies off the scale: then the copy is of another scale, or damaged.
        """
        value = row.number_in(column)
        if value not in scale:
            raise row.error(
                f"lies off the scale from {scale.low:g} to {scale.high:g}", column, value
            )
        return float(scale.to_unit(value))

    def spread(self, scale: Scale, row: Row, column: str) -> float:
        """Return a standard deviation in the units of `convert`.

        Raises
        ------
        DatasetError
            If it is negative, or larger than the scale.
        """
        value = row.number_in(column)
        if not 0 <= value <= scale.high - scale.low:
            raise row.error("is no standard deviation on this scale", column, value)
        return float(scale.spread_to_unit(value))

    def dataset(
        self,
        tracks: Sequence[Track],
        *,
        published: int | None = None,
        counts: Mapping[str, tuple[int, int | None]] | None = None,
        valence: ArrayLike | None = None,
        arousal: ArrayLike | None = None,
        labels: Sequence[str | None] | None = None,
        std: Mapping[str, ArrayLike] | None = None,
        ratings: Mapping[str, ArrayLike] | None = None,
        curves: Sequence[RatedCurve | None] | None = None,
        tags: Sequence[tuple[str, ...]] | None = None,
        splits: Mapping[str, Mapping[str, Collection[str]]] | None = None,
        shared: Mapping[str, Collection[str]] | None = None,
        scale: Mapping[str, Scale] | None = None,
        version: str = "unknown",
    ) -> Dataset:
        """Return the corpus, without the tracks that have no file, in the order of ids.

        `published` is how many tracks there should be, `counts` what else was counted; `splits`
        and `shared` name tracks by their ids.

        Raises
        ------
        DatasetError
            If files lack and should not, if two tracks have one id, or if nothing is left.
        """
        self._check(tracks)
        n = len(tracks)
        unknown = np.full(n, np.nan)
        rows = {track.id: row for row, track in enumerate(tracks)}
        whole = Dataset(
            self.about,
            list(tracks),
            unknown if valence is None else np.array(valence, np.float64),
            unknown if arousal is None else np.array(arousal, np.float64),
            _objects([track.group or track.id for track in tracks]),
            Report({}),
            version=version,
            labels=None if labels is None else _objects(labels),
            scale=dict(scale or {}),
            std={name: np.array(column, np.float64) for name, column in (std or {}).items()},
            ratings={
                name: np.array(column, np.float64) for name, column in (ratings or {}).items()
            },
            splits={
                name: {part: self._rows(rows, ids, name) for part, ids in parts.items()}
                for name, parts in (splits or {}).items()
            },
            curves=curves,
            tags=tags,
            shared={name: _places(rows, ids) for name, ids in (shared or {}).items()},
        )
        held = [row for row in range(n) if _has_source(tracks[row])]
        held.sort(key=lambda row: natural(tracks[row].id))
        if not held:
            raise self.error("holds no track", self.root)
        kept = whole[np.array(held)]
        self._check_splits(kept)
        counted = {"tracks": (len(kept), published), **(counts or {})}
        return replace(kept, report=Report(counted, tuple(self.lost), tuple(self.odd)))

    def _check(self, tracks: Sequence[Track]) -> None:
        if self.lost and self.missing == "raise":
            first = ", ".join(printable(name) for name in self.lost[:3]) + (
                ", ..." if len(self.lost) > 3 else ""
            )
            raise self.error(
                f"{len(self.lost):,} files are missing or empty: {first} "
                "(missing='drop' goes on without them)",
                self.root,
            )
        seen: set[str] = set()
        for track in tracks:
            if track.id in seen:
                raise DatasetError(
                    "two tracks have this id", source=self.root, stage="ids", value=track.id
                )
            seen.add(track.id)

    def _rows(self, rows: Mapping[str, int], ids: Collection[str], name: str) -> NDArray[np.intp]:
        absent = [track for track in ids if track not in rows]
        if absent:
            self.note(f"split {name} names {len(absent):,} tracks that are not here")
        return _places(rows, ids)

    def _check_splits(self, dataset: Dataset) -> None:
        for name, parts in dataset.splits.items():
            owner: dict[str, str] = {}
            torn = {
                group
                for part, rows in parts.items()
                for group in dataset.groups[rows].tolist()
                if owner.setdefault(group, part) != part
            }
            if torn:
                self.note(f"split {name} divides {len(torn):,} groups between its parts")


def _either(names: Sequence[str | Path]) -> str:
    return " or ".join(map(str, names))


def _objects(values: Sequence[str | None]) -> NDArray[np.object_]:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def _places(rows: Mapping[str, int], ids: Collection[str]) -> NDArray[np.intp]:
    return np.array(sorted(rows[track] for track in ids if track in rows), dtype=np.intp)


def _has_source(track: Track) -> bool:
    return any(track.source(name) is not None for name in ("symbolic", "audio", "lyrics"))
