"""A feature of a store as one file for other programs."""

from __future__ import annotations

import csv
import json
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from chordmer.errors import StoreError, spreadsheet_cell
from chordmer.folder import flush_folder
from chordmer.store.disk import refusals
from chordmer.store.row import Row
from chordmer.store.shards import arrow, schema, to_text

if TYPE_CHECKING:
    from chordmer.store.store import Store

__all__ = ["export"]


def export(store: Store, path: str | os.PathLike[str], feature: str) -> None:
    """Write the live rows of a feature to one file, all of it or nothing.

    Parameters
    ----------
    store : Store
    path : path
        By its ending: ``.parquet`` (the store's columns), ``.jsonl`` (an object a line) or ``.csv``
        (vectors only: a column a number; text is made safe for spreadsheets and terminals).
    feature : str

    Raises
    ------
    StoreError
        If a shard is damaged, sequences are to go into a ``.csv``, or the disk refuses.
    ValueError
        If the store has no such feature, or the ending is another.
    """
    target = Path(path)
    writers: dict[str, Callable[[Store, str, IO[bytes]], None]] = {
        ".csv": _csv,
        ".jsonl": _jsonl,
        ".parquet": _parquet,
    }
    if target.suffix not in writers:
        raise ValueError(f"a file to export to ends in one of {[*writers]}, not {target.suffix!r}")
    draft = target.with_name(f".{secrets.token_hex(8)}")
    with refusals(target, "export"):
        try:
            with draft.open("xb") as file:
                writers[target.suffix](store, feature, file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(draft, target)
        except BaseException:
            with suppress(OSError):
                draft.unlink()
            raise
        flush_folder(target.parent)


def _parquet(store: Store, feature: str, file: IO[bytes]) -> None:
    writer = arrow().parquet.ParquetWriter(file, schema(), compression="zstd")
    try:
        for table in store.tables(feature):
            writer.write_table(table)
    finally:
        writer.close()


def _about(row: Row) -> dict[str, Any]:
    """Return all of a row but its numbers."""
    error = row.error
    return {
        "id": row.id,
        "content": row.content,
        "feature": row.feature,
        "extractor": row.extractor,
        "parameters": row.parameters,
        "version": row.version,
        "report": row.report,
        "error": error and error.kind,
        "stage": error and error.stage,
        "message": error and error.message,
        "tries": error and error.tries,
        "shape": list(row.shape),
    }


def _jsonl(store: Store, feature: str, file: IO[bytes]) -> None:
    for row in store.rows(feature):
        about = {n: to_text(v) if isinstance(v, str) else v for n, v in _about(row).items()}
        about["parameters"] = json.loads(row.parameters)
        about["report"] = None if row.report is None else json.loads(row.report)
        # JSON has no NaN.
        numbers = [_number(value) for value in row.values.ravel().tolist()]
        times = row.times.tolist()
        file.write(json.dumps({**about, "values": numbers, "times": times}).encode() + b"\n")


def _number(value: float) -> float | None:
    return value if abs(value) < float("inf") else None


def _csv(store: Store, feature: str, file: IO[bytes]) -> None:
    width = next((row.values.size for row in store.rows(feature) if row.values.size), 0)
    lines = csv.writer(_Text(file), lineterminator="\n")
    for number, row in enumerate(store.rows(feature)):
        about = _about(row)
        if row.values.size and row.shape != (width,):
            problem = "a .csv holds vectors of one length; take .parquet or .jsonl"
            raise StoreError(problem, source=store.folder, stage="export", value=row.shape)
        if not number:
            lines.writerow([*about, *(f"v{column}" for column in range(width))])
        about["shape"] = " ".join(map(str, row.shape))
        values = row.values.tolist() or [""] * width
        lines.writerow([*(spreadsheet_cell(cell, 1 << 16) for cell in about.values()), *values])


class _Text:
    """What `csv` writes to: text into a file of bytes."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, text: str) -> int:
        """Write `text` as UTF-8."""
        return self._file.write(text.encode("utf-8"))
