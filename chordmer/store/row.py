"""What a store holds: one row a file and feature, with what it was made from."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["KEY_BYTES", "NAME_BYTES", "Failure", "Recipe", "Row", "canonical_json", "row_key"]

#: Bytes of a key; the first `NAME_BYTES` of them are the same for every row of an id and feature.
KEY_BYTES = 16
NAME_BYTES = 10
#: More numbers than this in one row (512 MiB of float32) are a mistake.
MAX_VALUES = 1 << 27
MAX_AXES = 4


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a file has no features.

    Attributes
    ----------
    kind : str
        Name of the error class, or ``"timeout"``, ``"crash"``, ``"memory"``.
    stage : str or None
        Where on the way it happened.
    message : str
        In words. Neither times nor names of workers: two runs must say the same.
    tries : int
        How often it was tried. Not part of a row's digest.
    """

    kind: str
    stage: str | None
    message: str
    tries: int = 1

    def __post_init__(self) -> None:
        texts = (self.kind, "" if self.stage is None else self.stage, self.message)
        if not all(isinstance(text, str) for text in texts) or type(self.tries) is not int:
            raise ValueError(f"no failure: {self}")


@dataclass(frozen=True, slots=True)
class Recipe:
    """What makes one feature.

    Attributes
    ----------
    extractor : str
        Dotted name of the class.
    parameters : str
        Its parameters as `canonical_json`.
    version : str
        Of the code that computes it and of the parsers below, in hex.
    """

    extractor: str
    parameters: str
    version: str


def _nothing(dtype: type) -> NDArray[Any]:
    return np.empty(0, dtype)


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One feature of one file, or why there is none.

    Attributes
    ----------
    id : str
        Name of the piece, unique in the store. Any string, also a file name that is not UTF-8.
    content : str
        SHA-256 of the file (or of all files of the piece) in hex; empty where it could not be read.
    feature, extractor, parameters, version : str
        The feature's name, and its `Recipe`.
    values : ndarray of float32, of any shape
        Empty where there is an error.
    times : ndarray of float64, shape (t,)
        Start of each frame in seconds; empty for a single vector.
    report : str or None
        What the reader had to say, as `canonical_json`.
    error : Failure or None

    Raises
    ------
    ValueError
        If a text is none, or an array is of another dtype or absurdly large.
    """

    id: str
    content: str
    feature: str
    extractor: str
    parameters: str
    version: str
    values: NDArray[np.float32] = field(default_factory=lambda: _nothing(np.float32))
    times: NDArray[np.float64] = field(default_factory=lambda: _nothing(np.float64))
    report: str | None = None
    error: Failure | None = None

    def __post_init__(self) -> None:
        texts = [self.id, self.content, self.feature, self.extractor, self.parameters, self.version]
        texts += [] if self.report is None else [self.report]
        if not all(isinstance(text, str) for text in texts):
            raise ValueError(f"names, parameters and report of {self.id!r} must be text")
        if self.values.dtype != np.float32 or self.times.dtype != np.float64:
            found = f"{self.values.dtype} and {self.times.dtype}"
            raise ValueError(f"values must be float32 and times float64, not {found}")
        if self.values.ndim > MAX_AXES or max(self.values.size, self.times.size) > MAX_VALUES:
            raise ValueError(f"values of shape {self.values.shape} are too many for a row")
        if self.times.ndim != 1:
            raise ValueError(f"times must have one axis, not {self.times.ndim}")

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the values."""
        return self.values.shape

    @property
    def key(self) -> bytes:
        """What decides whether the row is up to date; see `row_key`."""
        return row_key(
            self.id, self.content, self.feature, self.extractor, self.parameters, self.version
        )

    @property
    def digest(self) -> bytes:
        """SHA-256 (32 bytes) of all that must be equal whoever computed the row, and when."""
        return hashlib.sha256(encode(self)).digest()


def row_key(
    id: str, content: str, feature: str, extractor: str, parameters: str, version: str
) -> bytes:
    """Return the 16 bytes that stand for a row: 10 say whose it is, 6 what it was made from.

    Rows of one id and feature so lie side by side among sorted keys. In 10 million rows, two names
    meet with a chance of 4e-11; a changed file passes for the old one with a chance of 4e-15.

    Parameters
    ----------
    id, content, feature, extractor, parameters, version : str
        As in `Row`.

    Returns
    -------
    bytes
        Of length 16.
    """
    return (
        name_of(id, feature)
        + _hash(content, extractor, parameters, version)[: KEY_BYTES - NAME_BYTES]
    )


def name_of(id: str, feature: str) -> bytes:
    """Return the beginning of the keys of all rows of an id and feature."""
    return _hash(id, feature)[:NAME_BYTES]


def canonical_json(value: Any) -> str:
    """Return the one JSON text of `value`: keys sorted, no spaces, ASCII; numpy's numbers accepted.

    Raises
    ------
    ValueError
        If JSON cannot say it, NaN included.

    Examples
    --------
    >>> canonical_json({"b": (1, 2), "a": None})
    '{"a":null,"b":[1,2]}'
    """
    try:
        return json.dumps(
            value, sort_keys=True, separators=(",", ":"), allow_nan=False, default=_plain
        )
    except (TypeError, RecursionError) as error:
        raise ValueError(f"JSON cannot say that: {error}") from error


def _plain(value: Any) -> Any:
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    raise TypeError(f"a {type(value).__name__}")


def _hash(*texts: str) -> bytes:
    """Return the SHA-256 of texts; no two lists of texts share one."""
    # In UTF-16, two surrogates in a row are the one character that JSON makes of them.
    parts = [text.encode("utf-16-le", "surrogatepass") for text in texts]
    sizes = np.array([len(part) for part in parts], "<u8").tobytes()
    return hashlib.sha256(sizes + b"".join(parts)).digest()


# --- a row as bytes ------------------------------------------------------------------------------


def encode(row: Row) -> bytes:
    """Return the one byte string of `row` (without the number of tries): what the journal holds."""
    error = row.error
    head = json.dumps(
        [
            *(row.id, row.content, row.feature, row.extractor, row.parameters, row.version),
            list(row.shape),
            len(row.times),
            row.report,
            None if error is None else [error.kind, error.stage, error.message],
        ],
        separators=(",", ":"),
    ).encode("ascii")
    values = np.ascontiguousarray(row.values, "<f4").tobytes()
    times = np.ascontiguousarray(row.times, "<f8").tobytes()
    return b"".join((len(head).to_bytes(4, "little"), head, values, times))


def decode(data: bytes | memoryview, tries: int) -> Row:
    """Return the row that `encode` turned into `data`.

    Raises
    ------
    ValueError
        If it did not.
    """
    size = int.from_bytes(data[:4], "little")
    start = 4 + size
    try:
        head: list[Any] = json.loads(bytes(data[4:start]))
        id_, content, feature, extractor, parameters, version, shape, count, report, error = head
        number = math.prod(shape)
        values = np.frombuffer(data, "<f4", number, start).astype(np.float32).reshape(shape)
        times = np.frombuffer(data, "<f8", count, start + 4 * number).astype(np.float64)
        failure = error
        if error is not None:
            kind, stage, message = error
            failure = Failure(kind, stage, message, tries)
        made_by = (extractor, parameters, version)
        row = Row(id_, content, feature, *made_by, values, times, report, failure)
    except (TypeError, RecursionError) as problem:
        raise ValueError(f"no row: {problem}") from problem
    if encode(row) != bytes(data):
        raise ValueError("no row: other bytes")
    return row
