"""Rows as Parquet: the columns, and the way there and back.

Text is UTF-8, which names of files need not be: a byte that is no UTF-8 (a lone surrogate in
Python) is written as U+FFFD and four hex digits, and U+FFFD itself twice.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from chordmer.errors import MissingExtraError, StoreError
from chordmer.store.row import MAX_VALUES, Failure, Row

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["arrow", "from_parquet", "rows_of", "schema", "to_parquet", "to_table"]

#: What a column of a shard may hold of numbers.
_MOST_VALUES = 2 * MAX_VALUES
#: Columns in which one value stands many times.
_REPEATED = ["extractor", "parameters", "version", "error", "stage", "message"]
_MARK = "\ufffd"
_ESCAPED = re.compile(f"{_MARK}({_MARK}|d[89a-f][0-9a-f]{{2}})")
_ODD = re.compile(f"[{_MARK}\ud800-\udfff]")


def arrow() -> ModuleType:
    """Return pyarrow.

    Raises
    ------
    MissingExtraError
        If it is not installed.
    """
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtraError.of("pyarrow", "cluster") from error
    module: ModuleType = pyarrow
    return module


@cache
def schema() -> pa.Schema:
    """Return the columns of a shard. The feature is the name of the folder that it lies in."""
    pa = arrow()

    def column(name: str, kind: Any, nullable: bool = False) -> Any:
        return pa.field(name, kind, nullable)

    def several(kind: Any) -> Any:
        return pa.list_(pa.field("element", kind, False))

    text = pa.string()
    return pa.schema(
        [
            *(column(n, text) for n in ("id", "content", "extractor", "parameters", "version")),
            column("shape", several(pa.int32())),
            column("values", several(pa.float32())),
            column("times", several(pa.float64())),
            *(column(n, text, True) for n in ("report", "error", "stage", "message")),
            column("tries", pa.int32(), True),
        ]
    )


def to_text(text: str | None) -> str | None:
    r"""Return a string that UTF-8 can say, from which `from_text` makes `text` again.

    >>> to_text("a\udcff.mid")
    'a�dcff.mid'
    """
    if text is None or text.isascii():
        return text
    return _ODD.sub(lambda m: _MARK + (_MARK if m[0] == _MARK else f"{ord(m[0]):04x}"), text)


def from_text(text: str | None) -> str | None:
    """Return what `to_text` was given."""
    if text is None or _MARK not in text:
        return text
    return _ESCAPED.sub(lambda m: _MARK if m[1] == _MARK else chr(int(m[1], 16)), text)


def to_table(rows: Sequence[Row]) -> pa.Table:
    """Return rows of one feature as a table of `schema`."""
    pa = arrow()

    def several(arrays: list[Any], dtype: type) -> Any:
        ends = np.cumsum([0, *map(len, arrays)])
        if ends[-1] > _MOST_VALUES:
            raise ValueError(f"a shard cannot hold {ends[-1]} numbers")
        flat: NDArray[Any] = np.concatenate(
            [np.empty(0, dtype), *arrays], dtype=dtype, casting="unsafe"
        )
        return ends.astype(np.int32), flat

    columns: dict[str, Any] = {
        name: [to_text(getattr(row, name)) for row in rows]
        for name in ("id", "content", "extractor", "parameters", "version", "report")
    }
    columns["shape"] = several([row.shape for row in rows], np.int32)
    columns["values"] = several([row.values.ravel() for row in rows], np.float32)
    columns["times"] = several([row.times for row in rows], np.float64)
    errors = [row.error for row in rows]
    columns["error"] = [None if e is None else to_text(e.kind) for e in errors]
    columns["stage"] = [None if e is None else to_text(e.stage) for e in errors]
    columns["message"] = [None if e is None else to_text(e.message) for e in errors]
    columns["tries"] = [None if e is None else e.tries for e in errors]

    def column(field: Any) -> Any:
        found = columns[field.name]
        if isinstance(found, tuple):
            return pa.ListArray.from_arrays(found[0], pa.array(found[1]), type=field.type)
        return pa.array(found, field.type)

    return pa.Table.from_arrays([column(field) for field in schema()], schema=schema())


def to_parquet(table: pa.Table) -> bytes:
    """Return a table as the bytes of a Parquet file."""
    pa = arrow()
    out = pa.BufferOutputStream()
    pa.parquet.write_table(
        table,
        out,
        compression="zstd",
        use_dictionary=_REPEATED,
        write_statistics=["id"],
        write_page_checksum=True,
    )
    data: bytes = out.getvalue().to_pybytes()
    return data


def from_parquet(data: bytes, rows: int, source: Path) -> pa.Table:
    """Return the table that the bytes of a Parquet file hold.

    Raises
    ------
    StoreError
        If it has other columns than a shard, another number of rows than `rows`, more numbers than
        a shard can have, or is no Parquet.
    """
    pa = arrow()

    def require(condition: bool, problem: str, value: object = None) -> None:
        if not condition:
            raise StoreError(problem, source=source, stage="shard", value=value)

    try:
        file = pa.parquet.ParquetFile(pa.BufferReader(data), page_checksum_verification=True)
        about = file.metadata
        require(file.schema_arrow.equals(schema()), "has other columns than a shard")
        require(about.num_rows == rows, f"should have {rows} rows", about.num_rows)
        groups = [about.row_group(number) for number in range(about.num_row_groups)]
        for number in range(about.num_columns):
            chunks = [group.column(number) for group in groups]
            size = sum(max(c.num_values, c.total_uncompressed_size // 8) for c in chunks)
            require(size <= _MOST_VALUES, "unpacks to too much", size)
        table = file.read(use_threads=False)
        table.validate(full=True)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise StoreError(f"is no shard: {error}", source=source, stage="shard") from error
    require(table.num_rows == rows, f"should have {rows} rows", table.num_rows)
    return table


def rows_of(table: pa.Table, feature: str, source: object) -> Iterator[Row]:
    """Yield the rows of a table of `schema`.

    Raises
    ------
    StoreError
        If one is no row: its shape does not fit its values.
    """
    columns = {
        name: table.column(name).to_pylist()
        for name in table.schema.names
        if name not in ("values", "times")
    }
    values, times = _several(table.column("values")), _several(table.column("times"))
    for number, id_ in enumerate(columns["id"]):
        shape = columns["shape"][number]
        if min(shape, default=0) < 0 or math.prod(shape) != len(values[number]):
            raise StoreError("a shape does not fit", source=source, stage="shard", value=shape)
        kind = columns["error"][number]
        text = {
            name: from_text(columns[name][number])
            for name in ("content", "extractor", "parameters", "version", "report")
        }
        error = None
        if kind is not None:
            stage, message = columns["stage"][number], columns["message"][number]
            error = Failure(
                from_text(kind) or "",
                from_text(stage),
                from_text(message) or "",
                columns["tries"][number] or 0,
            )
        try:
            yield Row(
                id=from_text(id_) or "",
                feature=feature,
                values=values[number].reshape(shape),
                times=times[number],
                error=error,
                **text,  # type: ignore[arg-type]
            )
        except ValueError as problem:
            raise StoreError(str(problem), source=source, stage="shard") from problem


def _several(column: pa.ChunkedArray) -> list[NDArray[Any]]:
    """Return the lists of a column as arrays."""
    found: list[NDArray[Any]] = []
    for chunk in column.chunks:
        ends = chunk.offsets.to_numpy()
        flat = chunk.values.to_numpy(zero_copy_only=False)
        found += [flat[start:end] for start, end in pairwise(ends.tolist())]
    return found
