"""The table that a recogniser is trained from: a row a track, with its files and its emotion."""

from __future__ import annotations

import csv
import io
import math
import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chordmer.errors import ChordmerError, printable
from chordmer.track import AUDIO_SUFFIXES, LYRICS_SUFFIXES, SYMBOLIC_SUFFIXES, Track

__all__ = ["Manifest", "read_manifest"]

#: More than this is no table of tracks that fits into one training.
MOST_BYTES = 1 << 28
MOST_ROWS = 1_000_000
MOST_COLUMNS = 64
LONGEST_CELL = 4096

_SOURCES: Mapping[str, set[str]] = {
    "symbolic": SYMBOLIC_SUFFIXES,
    "audio": AUDIO_SUFFIXES,
    # Words are also read out of MIDI and karaoke files.
    "lyrics": LYRICS_SUFFIXES | {".mid", ".midi", ".kar", ".rmi"},
}
_WORDS = ("id", "label", "group", "split")
_SPLITS = {
    "train": "train",
    "val": "valid",
    "valid": "valid",
    "validation": "valid",
    "test": "test",
}
#: A cell like this does something in a spreadsheet, once a report repeats it. Many ids begin with a
#: hyphen; after that only a call, a pipe or a reference could do harm.
_FORMULA = re.compile(r"[=@]|[+-].*[(|!]")


@dataclass(frozen=True, eq=False)
class Manifest:
    """What a manifest says.

    Attributes
    ----------
    tracks : list of Track, length n
    labels : list of str, length n, or None
        None without a column ``label``.
    dimensions : dict of str to ndarray of float64, shape (n,)
        ``valence``, ``arousal`` and every other column of numbers, in the table's order.
    split : list of str, length n, or None
        ``"train"``, ``"valid"`` or ``"test"``.
    """

    tracks: list[Track]
    labels: list[str] | None = None
    dimensions: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    split: list[str] | None = None

    def __len__(self) -> int:
        return len(self.tracks)


def read_manifest(path: str | os.PathLike[str]) -> Manifest:
    """Read a manifest: a csv file with a header, and a row a track.

    Parameters
    ----------
    path : path-like
        Its columns, in any order: ``id``; one or more of ``symbolic``, ``audio`` and ``lyrics``,
        which name files, seen from the manifest's folder, of which each row has at least one;
        ``label``, or ``valence`` and ``arousal``, or both; and if wanted ``group`` (the song, for
        clips of it) and ``split`` (train, valid or test). Any other column is a dimension, and
        holds numbers.

    Returns
    -------
    Manifest

    Raises
    ------
    ChordmerError
        If the file is no such table; the error names the row, as a spreadsheet counts it, and the
        column.

    Notes
    -----
    The separator is the one of ``,``, ``;`` and the tab that the header holds most of; after ``;``
    a decimal comma is understood. The encoding is UTF-8, or UTF-16 with its mark, as spreadsheets
    write them. Rows without any text are passed over. Ids, labels and groups may not be formulas,
    which begin with ``=`` or ``@``: a spreadsheet would run them when it opens a report.
    """
    path = Path(path)
    table = _Table(path, _read_text(path))
    rows = list(table.rows())
    if not rows:
        raise table.error("has no rows")
    tracks = [_track(row) for row in rows]
    seen: dict[str, _Row] = {}
    for track, row in zip(tracks, rows):
        if seen.setdefault(track.id, row) is not row:
            raise row.error(f"the id of row {seen[track.id].number} too", "id", track.id)
    dimensions = [
        name for name in table.columns if name not in _WORDS and name not in _SOURCES and name
    ]
    return Manifest(
        tracks,
        [row.word("label") for row in rows] if "label" in table.columns else None,
        {name: np.array([row.value(name) for row in rows]) for name in dimensions},
        [row.split() for row in rows] if "split" in table.columns else None,
    )


def _read_text(path: Path) -> str:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise ChordmerError("is no file", source=path, stage="manifest")
        if status.st_size > MOST_BYTES:
            raise ChordmerError(
                f"is larger than {MOST_BYTES} bytes",
                source=path,
                stage="manifest",
                value=status.st_size,
            )
        data = path.read_bytes()
    except OSError as error:
        raise ChordmerError(f"{error.strerror}", source=path, stage="manifest") from error
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        row = 1 + data[: error.start].count(b"\n")
        raise ChordmerError(
            f"is not {encoding.upper().removesuffix('-SIG')}: save it as UTF-8",
            source=path,
            stage=f"row {row}",
            value=data[error.start : error.start + 4],
        ) from error
    if "\0" in text:
        row = 1 + text[: text.index("\0")].count("\n")
        raise ChordmerError("holds a null byte", source=path, stage=f"row {row}")
    return text


class _Table:
    """A csv file: its columns, and its rows one by one."""

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self.number = 0
        header = text.partition("\n")[0]
        self.delimiter = max(",;\t", key=header.count)
        self._lines = csv.reader(
            io.StringIO(text, newline=""), delimiter=self.delimiter, strict=True
        )
        self.columns = [name.strip().lower() for name in self._next() or []]
        self._check_header()

    def error(self, problem: str, stage: str = "manifest", value: object = None) -> ChordmerError:
        return ChordmerError(problem, source=self.path, stage=stage, value=value)

    def rows(self) -> Iterator[_Row]:
        width = len(self.columns)
        while (cells := self._next()) is not None:
            if not any(map(str.strip, cells)):
                continue
            row = _Row(self, self.number, dict(zip(self.columns, map(str.strip, cells))))
            if len(cells) < width or any(map(str.strip, cells[width:])):
                more = "fewer" if len(cells) < width else "more"
                raise row.error(f"has {more} cells than the header", value=len(cells))
            if self.number > MOST_ROWS:
                raise row.error(f"there are more than {MOST_ROWS} rows")
            yield row

    def _next(self) -> list[str] | None:
        """Return the cells of the next row, counted as a spreadsheet does: the header is row 1."""
        self.number += 1
        row = f"row {self.number}"
        try:
            cells = next(self._lines, None)
        except csv.Error as error:
            raise self.error(f"is no csv: {error}", row) from error
        longest = max(map(len, cells or ()), default=0)
        if longest > LONGEST_CELL:
            raise self.error(f"a cell is longer than {LONGEST_CELL} characters", row, longest)
        return cells

    def _check_header(self) -> None:
        columns = self.columns
        named = [name for name in columns if name]
        if "id" not in columns or not set(columns) & set(_SOURCES):
            wanted = "id, and one of symbolic, audio and lyrics"
            raise self.error(f"the first row should name columns: {wanted}", value=columns[:8])
        if len(columns) > MOST_COLUMNS:
            raise self.error(f"has more than {MOST_COLUMNS} columns", value=len(columns))
        for name in named:
            if named.count(name) > 1:
                raise self.error("stands there twice", f"column {printable(name, 40)}")
            if not name.isprintable():
                raise self.error("a column's name cannot be printed", value=name)
            if _FORMULA.match(name):
                raise self.error("a column's name would be a formula in a spreadsheet", value=name)
        if not set(named) - set(_SOURCES) - {"id", "group", "split"}:
            raise self.error("says no emotion: a column label, or valence and arousal, is missing")


@dataclass(frozen=True, eq=False)
class _Row:
    """A row of a table; what it holds, and errors that say where."""

    table: _Table
    number: int
    cells: dict[str, str]

    def error(self, problem: str, column: str | None = None, value: object = None) -> ChordmerError:
        stage = f"row {self.number}" + (f", column {printable(column, 40)}" if column else "")
        return ChordmerError(problem, source=self.table.path, stage=stage, value=value)

    def word(self, column: str) -> str:
        cell = self.cells[column]
        if not cell:
            raise self.error("is empty", column)
        if _FORMULA.match(cell):
            raise self.error("would be a formula in a spreadsheet", column, cell)
        if not cell.isprintable():
            raise self.error("holds characters that cannot be printed", column, cell)
        return cell

    def value(self, column: str) -> float:
        cell = self.cells[column]
        if self.table.delimiter == ";":
            cell = cell.replace(",", ".")
        try:
            value = float(cell)
        except ValueError:
            value = math.nan
        if not math.isfinite(value) or "_" in cell:
            raise self.error(
                "should be a number, as every column is that has no meaning of its own",
                column,
                self.cells[column],
            )
        return value

    def split(self) -> str:
        word = self.cells["split"].lower()
        if word not in _SPLITS:
            raise self.error("should be train, valid or test", "split", self.cells["split"])
        return _SPLITS[word]

    def file(self, column: str) -> Path | None:
        cell = self.cells.get(column, "")
        if not cell:
            return None
        if not cell.isprintable():
            raise self.error("holds characters that cannot be printed", column, cell)
        if "://" in cell:
            raise self.error("is an address, no file", column, cell)
        path = self.table.path.parent / cell
        if path.suffix.lower() not in _SOURCES[column]:
            raise self.error(f"is no kind of file that holds {column}", column, cell)
        try:
            regular = stat.S_ISREG(path.stat().st_mode)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "no path"
            raise self.error(f"cannot be opened: {reason}", column, cell) from error
        if not regular:
            raise self.error("is no file", column, cell)
        return path


def _track(row: _Row) -> Track:
    sources = {name: row.file(name) for name in _SOURCES}
    if not any(sources.values()):
        raise row.error("names no file: symbolic, audio and lyrics are all empty")
    group = row.word("group") if row.cells.get("group") else None
    return Track(row.word("id"), **sources, group=group)
