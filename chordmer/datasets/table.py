"""Reading a corpus's tables: bounded, in any encoding, joined by ids and never by position."""

from __future__ import annotations

import csv
import io
import math
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chordmer.errors import DatasetError, LyricsError
from chordmer.io.encoding import decode

__all__ = ["Row", "Table", "read_json", "read_lines"]

#: Ten times the largest table of the corpora known here.
MOST_BYTES = 1 << 26
MOST_ROWS = 1_000_000
MOST_COLUMNS = 5_000
LONGEST_CELL = 1 << 14
#: Nested deeper, or with more text, no annotation file is.
MOST_JSON = 1 << 26

#: What tables write where a number is unknown.
_UNKNOWN = {"", "na", "nan", "n/a", "null", "none", "-"}


def _plain(name: str) -> str:
    return " ".join(name.split()).lower()


def read_text(path: Path) -> str:
    """Return the text of a bounded regular file, in UTF-8 or the likeliest other encoding."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise DatasetError("is no file", source=path, stage="open")
        if status.st_size > MOST_BYTES:
            raise DatasetError(
                f"is larger than {MOST_BYTES} bytes",
                source=path,
                stage="size",
                value=status.st_size,
            )
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise DatasetError(f"{error.strerror}", source=path, stage="open") from error
    try:
        text, _, _ = decode(data, source=path)
    except LyricsError as error:
        raise DatasetError(error.problem, source=path, stage="encoding") from error
    return text


def read_lines(path: Path) -> list[str]:
    """Return the lines of a text file, without the blank ones at its end.

    Raises
    ------
    DatasetError
        If the file cannot be opened, is too large or no text.
    """
    return [line.strip() for line in read_text(path).rstrip().splitlines()]


def read_json(path: Path) -> Any:
    """Return what a JSON file holds.

    Raises
    ------
    DatasetError
        If the file cannot be opened, is too large, or is no JSON.
    """
    import json

    try:
        return json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"is not valid JSON: {error}", source=path, stage="json") from error


class Table:
    """A csv file with its rows.

    Parameters
    ----------
    path : Path
    columns : sequence of str
        Columns that must be there, in lower case; runs of spaces count as one.
    header : sequence of str, optional
        Names of the columns where the file has no header.
    delimiter : str, optional
        Default: of the comma, the semicolon and the tab the one the first line holds most of.
    ragged : bool
        Whether rows may be shorter or longer than the header: cells that lack are empty, cells
        beyond are in `Row.beyond`.

    Raises
    ------
    DatasetError
        If the file is no such table; the error names the row as a spreadsheet counts it.
    """

    def __init__(
        self,
        path: Path,
        columns: Sequence[str],
        *,
        header: Sequence[str] | None = None,
        delimiter: str | None = None,
        ragged: bool = False,
    ) -> None:
        self.path = path
        text = read_text(path)
        if "\0" in text:
            raise DatasetError("holds a null byte", source=path, stage="table")
        first = text.partition("\n")[0]
        self._reader = csv.reader(
            io.StringIO(text, newline=""), delimiter=delimiter or max(",;\t", key=first.count)
        )
        self._ragged = ragged
        self._number = 0
        names = list(header) if header else [_plain(name) for name in self._next() or []]
        self.columns = {name: place for place, name in reversed(list(enumerate(names)))}
        for column in columns:
            if names.count(column) != 1:
                how = "stands there twice" if column in names else "is missing"
                raise self.error(f"column {column!r} {how}", "header", names[:12])
        self.rows = list(self._read(len(names)))
        if not self.rows:
            raise self.error("has no rows")

    def error(self, problem: str, stage: str = "table", value: object = None) -> DatasetError:
        """Return an error that names this file."""
        return DatasetError(problem, source=self.path, stage=stage, value=value)

    def _next(self) -> list[str] | None:
        self._number += 1
        stage = f"row {self._number}"
        try:
            cells = next(self._reader, None)
        except csv.Error as error:
            raise self.error(f"is no csv: {error}", stage) from error
        if self._number > MOST_ROWS:
            raise self.error(f"has more than {MOST_ROWS} rows", stage)
        if cells is not None and len(cells) > MOST_COLUMNS:
            raise self.error(f"has more than {MOST_COLUMNS} cells", stage, len(cells))
        longest = max(map(len, cells or ()), default=0)
        if longest > LONGEST_CELL:
            raise self.error(f"a cell is longer than {LONGEST_CELL} characters", stage, longest)
        return cells

    def _read(self, width: int) -> Iterator[Row]:
        while (cells := self._next()) is not None:
            cells = list(map(str.strip, cells))
            if not any(cells):
                continue
            short = len(cells) < width
            while cells and not cells[-1]:
                cells.pop()
            if (short or len(cells) > width) and not self._ragged:
                how = "fewer" if short else "more"
                raise self.error(f"has {how} cells than the header", f"row {self._number}")
            yield Row(self, self._number, cells)

    def by(self, column: str, key: Callable[[str], str] = str) -> dict[str, Row]:
        """Return the rows by what `key` makes of their cell in `column`.

        A row that stands there twice counts once.

        Raises
        ------
        DatasetError
            If two rows that say different things have the same key.
        """
        found: dict[str, Row] = {}
        for row in self.rows:
            name = key(row.text(column))
            other = found.setdefault(name, row)
            if other.cells != row.cells:
                raise row.error(f"says other things of it than row {other.number}", column, name)
        return found


class Row:
    """A row of a table; what it holds, and errors that say where."""

    __slots__ = ("cells", "number", "table")

    def __init__(self, table: Table, number: int, cells: list[str]) -> None:
        self.table = table
        self.number = number
        self.cells = cells

    def error(self, problem: str, column: str | None = None, value: object = None) -> DatasetError:
        """Return an error that names the file, this row and a column."""
        where = f"row {self.number}" + (f", column {column}" if column else "")
        return self.table.error(problem, where, value)

    @property
    def beyond(self) -> list[str]:
        """Cells beyond the header, of a ragged table."""
        return self.cells[max(self.table.columns.values()) + 1 :]

    def get(self, column: str) -> str:
        """Return a cell, empty where the table has no such column or the row ends before it."""
        place = self.table.columns.get(column, len(self.cells))
        return self.cells[place] if place < len(self.cells) else ""

    def text(self, column: str) -> str:
        """Return a cell that may not be empty, nor hold what cannot be printed."""
        cell = self.get(column)
        if not cell:
            raise self.error("is empty", column)
        if not cell.isprintable():
            raise self.error("holds characters that cannot be printed", column, cell)
        return cell

    def number_in(self, column: str, *, unknown: bool = False) -> float:
        """Return a cell as a finite number; NaN where it is empty and may be `unknown`."""
        cell = self.get(column)
        if unknown and cell.lower() in _UNKNOWN:
            return math.nan
        try:
            value = math.nan if "_" in cell else float(cell)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise self.error("should be a number", column, cell)
        return value

    def numbers(self, columns: Sequence[str]) -> NDArray[np.float64]:
        """Return the cells of neighbouring columns as finite numbers, NaN where unknown."""
        places = np.array([self.table.columns[column] for column in columns], dtype=np.intp)
        first = int(places.min(initial=len(self.cells)))
        cells = self.cells[first:]
        try:
            values = np.array([*(float(cell) if cell else math.nan for cell in cells), math.nan])
        except ValueError:
            values = np.array([math.inf])
        if np.isinf(values).any() or "_" in "".join(cells):
            return np.array([self.number_in(column, unknown=True) for column in columns])
        return values[np.minimum(places - first, len(cells))]
