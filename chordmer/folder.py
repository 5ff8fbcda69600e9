"""The one form in which models lie on disk: a folder that holds numbers and text, never code.

``manifest.json`` says what the model is (schema, class, parameters, versions, and the size and
SHA-256 of the arrays); ``arrays.safetensors`` holds the numbers; nothing else may lie beside them.

A folder that comes from elsewhere is hostile until checked. Each file is opened once, without
following links, looked at for size before it is read, and the bytes that were hashed are the bytes
that are parsed. Every array must have the name, dtype and shape that the manifest and the caller
expect, and be finite, before any of them is returned. The hashes find damage and mixed-up files;
they do not say who made a model.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import operator
import os
import secrets
import shutil
import stat
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chordmer.errors import ModelError
from chordmer.kinds import KINDS

__all__ = [
    "SCHEMA",
    "check_expected",
    "flush_folder",
    "load_folder",
    "parse_json",
    "save_folder",
]

#: Version of the layout; a reader refuses every other one.
SCHEMA = 1

_MANIFEST = "manifest.json"
_ARRAYS = "arrays.safetensors"
_MAX_MANIFEST = 1 << 20
_MAX_ARRAYS = 1 << 31
_MAX_HEADER = 1 << 20
_OWN_KEYS = ("schema", "versions", "arrays", "files", "sha256")
_BLANK = "0" * 64

Shape = tuple[int | str, ...]


def save_folder(
    path: str | os.PathLike[str], manifest: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
) -> None:
    """Write a model folder, all of it or nothing.

    The files are written and flushed under a hidden name beside `path` and then renamed, so a
    reader never sees half a model. A model that already lies at `path` is replaced; anything else
    there is left alone.

    Parameters
    ----------
    path : path-like
        The folder to make. Its parent must exist.
    manifest : mapping
        What JSON can say about the model. ``"kind"`` (one of `chordmer.kinds.KINDS`) is required,
        ``"parameters"`` usual; ``"versions"`` is added to those of chordmer and numpy.
    arrays : mapping of str to ndarray
        The model's numbers: finite, boolean, integer or floating.

    Raises
    ------
    ModelError
        If `manifest` or `arrays` could not be loaded back, or `path` is taken by something else.
    OSError
        If the disk refuses.
    """
    target = Path(path)
    data = _encode_arrays(target, arrays)
    text = _encode_manifest(target, manifest, arrays, data)
    if target.is_symlink() or (target.exists() and not _is_model(target)):
        raise ModelError("something that is not a model lies there", source=target, stage="save")
    draft = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    draft.mkdir()
    try:
        _write(draft / _ARRAYS, data)
        _write(draft / _MANIFEST, text)
        flush_folder(draft)
        _replace(draft, target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    flush_folder(target.parent)


def load_folder(
    path: str | os.PathLike[str],
    *,
    kind: str,
    expected: Mapping[str, tuple[str, Shape]] | None = None,
    max_bytes: int = _MAX_ARRAYS,
) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Read a model folder and check all of it.

    Parameters
    ----------
    path : path-like
    kind : str
        The class that the folder must hold, one of `chordmer.kinds.KINDS`.
    expected : mapping of str to (dtype name, shape), optional
        Exactly these arrays must be there. A number in a shape is that length; a name is any
        length, but the same one wherever it stands:
        ``{"words": ("uint8", ("n_bytes",)), "vectors": ("float32", ("n", "d"))}``.
    max_bytes : int
        Largest arrays file that is read. Default 2 GiB.

    Returns
    -------
    manifest : dict
        As given to `save_folder`, with ``"schema"`` and ``"versions"``.
    arrays : dict of str to ndarray
        Read-only.

    Raises
    ------
    ModelError
        If anything is missing, added, changed, too large, of another class or schema, of another
        dtype or shape, or not finite. It names the file, the stage and the value.
    """
    folder = Path(path)
    _check_listing(folder)
    manifest = _decode_manifest(folder / _MANIFEST, kind)
    file = folder / _ARRAYS
    data = _read(file, max_bytes, _promised_size(manifest))
    found = {_ARRAYS: _fingerprint(data)}
    if found != manifest.pop("files"):
        raise ModelError("is damaged or swapped", source=file, stage="hash", value=found)
    arrays = _decode_arrays(file, data)
    described = _describe(arrays)
    if described != manifest.pop("arrays"):
        raise ModelError("the manifest lists others", source=file, stage="arrays", value=described)
    if expected is not None:
        check_expected(arrays, expected, source=file)
    del manifest["sha256"]
    return manifest, arrays


# --- writing -------------------------------------------------------------------------------------


def _describe(arrays: Mapping[str, NDArray[Any]]) -> dict[str, dict[str, Any]]:
    return {
        name: {"dtype": array.dtype.name, "shape": list(array.shape)}
        for name, array in arrays.items()
    }


def _fingerprint(data: bytes) -> dict[str, Any]:
    return {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def _check_values(source: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    for name, array in arrays.items():
        if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
            kind = array.dtype.name
            raise ModelError(f"{name!r} is not numeric", source=source, stage="values", value=kind)
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            odd = array[~np.isfinite(array)].flat[0]
            raise ModelError(f"{name!r} is not finite", source=source, stage="values", value=odd)


def _encode_arrays(target: Path, arrays: Mapping[str, NDArray[Any]]) -> bytes:
    from safetensors.numpy import save

    _check_values(target, arrays)
    data: bytes = save({name: np.asarray(array, order="C") for name, array in arrays.items()})
    return data


def _encode_manifest(
    target: Path, manifest: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], data: bytes
) -> bytes:
    from chordmer import __version__

    kind = manifest.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise ModelError("this class cannot be saved", source=target, stage="save", value=kind)
    whole = {
        "schema": SCHEMA,
        **{key: value for key, value in manifest.items() if key not in _OWN_KEYS},
        "versions": {
            "chordmer": __version__,
            "python": ".".join(map(str, sys.version_info[:3])),
            "numpy": np.__version__,
            **manifest.get("versions", {}),
        },
        "arrays": _describe(arrays),
        "files": {_ARRAYS: _fingerprint(data)},
        "sha256": _BLANK,
    }
    try:
        text = json.dumps(whole, indent=1, allow_nan=False).encode("ascii")
    except (TypeError, ValueError) as error:
        raise ModelError(f"not JSON: {error}", source=target, stage="save") from error
    if len(text) > _MAX_MANIFEST:
        raise ModelError("the manifest is too large", source=target, stage="save", value=len(text))
    # The manifest's own hash is taken while its place, the last key, is blank.
    head, _, tail = text.rpartition(_BLANK.encode())
    return head + hashlib.sha256(text).hexdigest().encode() + tail


def _write(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def flush_folder(folder: Path) -> None:
    """Flush the names in `folder` to the disk, where a system can do that."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _is_model(folder: Path) -> bool:
    return folder.is_dir() and all(
        entry.name in (_MANIFEST, _ARRAYS) and entry.is_file() for entry in folder.iterdir()
    )


def _replace(draft: Path, target: Path) -> None:
    """Rename `draft` to `target`; what was there is kept until the new one stands."""
    if not target.exists():
        draft.rename(target)
        return
    old = draft.with_name(draft.name + ".old")
    target.rename(old)
    try:
        draft.rename(target)
    except OSError:
        old.rename(target)
        raise
    shutil.rmtree(old)


# --- reading -------------------------------------------------------------------------------------


def _check_listing(folder: Path) -> None:
    try:
        with os.scandir(folder) as entries:
            # One name too many is enough to know; a folder may hold millions.
            names = {entry.name for entry in itertools.islice(entries, 3)}
    except OSError as error:
        raise ModelError(f"{error.strerror}", source=folder, stage="folder") from error
    odd = sorted(names ^ {_MANIFEST, _ARRAYS})
    if odd:
        raise ModelError("files are missing or added", source=folder, stage="folder", value=odd)


def _promised_size(manifest: Mapping[str, Any]) -> int:
    """Return how large the arrays file is by its manifest; -1, which none is, if that is odd.

    It must be what its arrays take, and a header: a large file of anything else is not even read.
    """
    try:
        size = manifest["files"][_ARRAYS]["size"]
        total = sum(
            np.dtype(str(array["dtype"])).itemsize * math.prod(map(operator.index, array["shape"]))
            for array in manifest["arrays"].values()
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        return -1
    return size if type(size) is int and 0 <= size - total <= _MAX_HEADER + 8 else -1


def _read(path: Path, limit: int, size: int | None = None) -> bytes:
    """Return the bytes of a regular file of at most `limit` bytes, or of exactly `size`.

    Links are not followed; what is of another size is not read.
    """
    flags = os.O_RDONLY
    for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"):
        flags |= getattr(os, name, 0)
    if path.is_symlink():
        raise ModelError("is a link", source=path, stage="open")
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        raise ModelError(f"{error.strerror}", source=path, stage="open") from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ModelError("is not a regular file", source=path, stage="open")
        if status.st_size > limit:
            raise ModelError("is too large", source=path, stage="size", value=status.st_size)
        if size is not None and status.st_size != size:
            problem = "is damaged or swapped: its size is another"
            raise ModelError(problem, source=path, stage="size", value=status.st_size)
        with open(descriptor, "rb", closefd=False) as file:
            data = file.read(status.st_size + 1)
    finally:
        os.close(descriptor)
    if len(data) != status.st_size:
        raise ModelError("changed while it was read", source=path, stage="size", value=len(data))
    return data


def parse_json(data: bytes, source: object, stage: str) -> Any:
    """Return what JSON says, strictly: no key twice, no NaN.

    Raises
    ------
    ModelError
        If `data` is something else; `source` and `stage` are those it names.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError("a key stands there twice")
        return found

    def refuse(constant: str) -> Any:
        raise ValueError(f"{constant} is not JSON")

    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=unique, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"is not valid JSON: {error}", source=source, stage=stage) from error


def _decode_manifest(path: Path, kind: str) -> dict[str, Any]:
    text = _read(path, _MAX_MANIFEST)
    manifest: dict[str, Any] = parse_json(text, path, "manifest")

    def require(condition: bool, problem: str, value: object = None) -> None:
        if not condition:
            raise ModelError(problem, source=path, stage="manifest", value=value)

    require(isinstance(manifest, dict), "is not an object", type(manifest).__name__)
    schema: Any = manifest.get("schema")
    require(type(schema) is int, "has no schema version", schema)
    require(schema <= SCHEMA, "was written by a newer chordmer: unknown schema", schema)
    require(schema == SCHEMA, "unknown schema", schema)
    digest: Any = manifest.get("sha256")
    require(isinstance(digest, str) and len(digest) == 64, "has no hash of itself", digest)
    head, _, tail = text.rpartition(digest.encode("ascii", "replace"))
    blank = head + _BLANK.encode() + tail
    require(hashlib.sha256(blank).hexdigest() == digest, "is damaged: its hash is another", digest)
    named: Any = manifest.get("kind")
    require(isinstance(named, str) and named in KINDS, "unknown class", named)
    require(manifest["kind"] == kind, f"holds another class than {kind}", manifest["kind"])
    require("files" in manifest and "arrays" in manifest, "does not list its files and arrays")
    return manifest


def _decode_arrays(path: Path, data: bytes) -> dict[str, NDArray[Any]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    header = int.from_bytes(data[:8], "little")
    if len(data) < 8 or header > min(_MAX_HEADER, len(data) - 8):
        raise ModelError("the header's length is impossible", source=path, stage="header")
    try:
        arrays: dict[str, NDArray[Any]] = load(data)
    except (SafetensorError, ValueError, KeyError, OverflowError) as error:
        raise ModelError(f"is not safetensors: {error}", source=path, stage="header") from error
    _check_values(path, arrays)
    for array in arrays.values():
        array.flags.writeable = False
    return arrays


def check_expected(
    arrays: Mapping[str, NDArray[Any]],
    expected: Mapping[str, tuple[str, Shape]],
    *,
    source: object,
) -> None:
    """Raise ModelError, naming `source`, unless `arrays` are as `load_folder` expects them."""
    if arrays.keys() != expected.keys():
        odd = sorted(arrays.keys() ^ expected.keys())
        raise ModelError("arrays are missing or added", source=source, stage="arrays", value=odd)
    lengths: dict[str, int] = {}
    for name, (dtype, shape) in expected.items():
        array = arrays[name]
        fits = array.dtype.name == dtype and array.ndim == len(shape)
        for length, axis in zip(array.shape, shape):
            wanted = axis if isinstance(axis, int) else lengths.setdefault(axis, length)
            fits = fits and length == wanted
        if not fits:
            found = f"{array.dtype.name} {array.shape}"
            problem = f"{name!r} should be {dtype} of shape {shape}"
            raise ModelError(problem, source=source, stage="arrays", value=found)
