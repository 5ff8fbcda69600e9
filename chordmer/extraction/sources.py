"""What there is to extract: tracks out of a folder, a manifest or a list, one after the other.

Nothing is opened here but folders and the manifest; media are opened by workers. Catalogues may be
longer than memory, so tracks are listed lazily, and as often as they are asked for.
"""

from __future__ import annotations

import csv
import os
import stat
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from functools import partial
from hashlib import blake2b
from pathlib import Path, PurePath
from typing import IO, Any

import numpy as np

from chordmer.errors import ChordmerError
from chordmer.track import AUDIO_SUFFIXES, LYRICS_SUFFIXES, SYMBOLIC_SUFFIXES, Track, as_track

__all__ = ["Listing", "listing_of", "tracks_in_folder", "tracks_in_manifest"]

#: What is listed: a track, or why a part of the catalogue cannot be listed.
Listed = Track | ChordmerError
#: Lists the catalogue from its beginning.
Listing = Callable[[], Iterator[Listed]]

_MODALITIES: Mapping[str, set[str]] = {
    "symbolic": SYMBOLIC_SUFFIXES,
    "audio": AUDIO_SUFFIXES,
    "lyrics": LYRICS_SUFFIXES,
}
_SUFFIXES = set[str]().union(*_MODALITIES.values())
_LONGEST_CELL = 4096
_MOST_COLUMNS = 64


def listing_of(source: Any) -> Listing:
    """Return what lists the tracks of `source`.

    Parameters
    ----------
    source : path, or iterable of Track and of what can stand for one
        A folder (see `tracks_in_folder`), one media file, a manifest (`tracks_in_manifest`), or
        tracks, whose ids must differ.

    Raises
    ------
    ChordmerError
        If there is no such path, the manifest is none, or an id stands there twice.
    """
    if not isinstance(source, (str, os.PathLike)):
        tracks = [as_track(track) for track in source]
        _check_ids((track.id for track in tracks), "the tracks")
        return partial(iter, tracks)
    path = Path(os.path.abspath(source))  # the workers of a cluster start elsewhere
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ChordmerError(f"cannot be opened: {reason}", source=path, stage="listing") from error
    if stat.S_ISDIR(mode):
        return partial(tracks_in_folder, path)
    if path.suffix.lower() in _SUFFIXES:
        return partial(iter, [as_track(path)])
    # Wrong rows are told now, not after days; that the files are there is for workers to see.
    _check_ids((track.id for track in tracks_in_manifest(path)), path)
    return partial(tracks_in_manifest, path)


def _check_ids(ids: Iterable[str], source: object) -> None:
    """Raise unless all ids differ; of each 8 bytes are kept, so that millions fit."""
    seen = array("Q")
    for name in ids:
        digest = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        seen.append(int.from_bytes(digest, "big"))
    hashes = np.sort(np.frombuffer(seen, dtype=np.uint64)) if seen else np.empty(0, np.uint64)
    if (hashes[1:] == hashes[:-1]).any():
        raise ChordmerError("an id stands there twice", source=source, stage="listing")


# --- folders -------------------------------------------------------------------------------------


def tracks_in_folder(root: str | os.PathLike[str]) -> Iterator[Listed]:
    """Yield the tracks below a folder, by their names, without opening a file.

    Files of one folder and stem are one track: ``a/song.mid``, ``a/song.wav`` and ``a/song.txt``
    are ``a/song``. Where two hold the same modality, as ``song.mp3`` and ``song.wav``, the first by
    name belongs to the track and the other is a track by its whole name. Hidden files and other
    endings are passed over; links to folders are not followed, so none leads round. Memory holds
    the names of one folder at a time.

    Yields
    ------
    Track or ChordmerError
        The error of a folder that cannot be listed, in its place.
    """
    root = os.fspath(root)
    waiting = [""]
    while waiting:
        inside = waiting.pop()
        folders: list[str] = []
        files: list[str] = []
        try:
            with os.scandir(os.path.join(root, inside)) as entries:
                for entry in entries:
                    if entry.name.startswith("."):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.name)
                    elif _suffix(entry.name) in _SUFFIXES:
                        files.append(entry.name)
        except OSError as error:
            yield ChordmerError(
                f"the folder cannot be listed: {error.strerror}",
                source=os.path.join(root, inside),
                stage="listing",
            )
            continue
        for name, sources in _joined(sorted(files)):
            paths = {kind: os.path.join(root, inside, file) for kind, file in sources.items()}
            yield Track(f"{inside}{name}", **paths)
        waiting += [f"{inside}{name}/" for name in sorted(folders, reverse=True)]


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()


def _joined(files: list[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the tracks that the files of one folder make: a name, and files by modality."""
    tracks: dict[str, dict[str, str]] = {}
    doubled: list[tuple[str, str]] = []
    for file in files:
        suffix = _suffix(file)
        kind = next(kind for kind, suffixes in _MODALITIES.items() if suffix in suffixes)
        track = tracks.setdefault(file[: -len(suffix)], {})
        if kind in track:
            doubled.append((kind, file))
        else:
            track[kind] = file
    for kind, file in doubled:
        name = file
        while name in tracks:
            name += _suffix(file)
        tracks[name] = {kind: file}
    yield from sorted(tracks.items())


# --- manifests -----------------------------------------------------------------------------------


def tracks_in_manifest(path: str | os.PathLike[str]) -> Iterator[Track]:
    """Yield the tracks of a csv file with a header and a row a track, reading row by row.

    Parameters
    ----------
    path : path-like
        Its columns: ``id``; one or more of ``symbolic``, ``audio`` and ``lyrics``, which name
        files as seen from the manifest's folder; and if wanted ``group``. Others, such as the
        labels that `chordmer train` learns, are passed over. Separators and encodings are those of
        `chordmer.manifest.read_manifest`.

    Raises
    ------
    ChordmerError
        If it is no such table; the error names the row. Whether the files exist is not looked at.
    """
    path = Path(path)
    number = 1
    try:
        with closing(_opened(path)) as file:
            header = file.readline(_MOST_COLUMNS * _LONGEST_CELL)
            delimiter = max(",;\t", key=header.count)
            columns = [
                name.strip().lower()
                for name in next(csv.reader([header.strip("\r\n")], delimiter=delimiter), [])
            ]
            _check_columns(path, columns)
            for number, cells in enumerate(csv.reader(file, delimiter=delimiter, strict=True), 2):
                if any(map(str.strip, cells)):
                    yield _track(path, number, columns, [cell.strip() for cell in cells])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        stage = f"row {number}"
        raise ChordmerError(f"cannot be read: {reason}", source=path, stage=stage) from error


def _opened(path: Path) -> IO[str]:
    with path.open("rb") as file:
        mark = file.read(2)
    encoding = "utf-16" if mark in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    return path.open(encoding=encoding, newline="")


def _check_columns(path: Path, columns: list[str]) -> None:
    named = [name for name in columns if name in ("id", "group", *_MODALITIES)]
    if "id" not in named or not set(named) & set(_MODALITIES):
        wanted = "id, and one of symbolic, audio and lyrics"
        problem = f"is no folder, no music and no manifest, whose first row names columns: {wanted}"
        raise ChordmerError(problem, source=path, stage="listing", value=columns[:8])
    if len(set(named)) < len(named) or len(columns) > _MOST_COLUMNS:
        problem = f"a column stands there twice, or there are more than {_MOST_COLUMNS}"
        raise ChordmerError(problem, source=path, stage="listing", value=columns[:8])


def _track(path: Path, number: int, columns: list[str], cells: list[str]) -> Track:
    def refuse(problem: str, value: object = None) -> ChordmerError:
        return ChordmerError(problem, source=path, stage=f"row {number}", value=value)

    if len(cells) < len(columns) or any(cells[len(columns) :]):
        raise refuse("has more or fewer cells than the header", len(cells))
    row = {name: cell for name, cell in zip(columns, cells) if cell}
    if max(map(len, cells)) > _LONGEST_CELL or "\0" in "".join(cells):
        raise refuse(f"a cell holds a null byte, or more than {_LONGEST_CELL} characters")
    files = {kind: os.path.join(path.parent, row[kind]) for kind in _MODALITIES if kind in row}
    if "id" not in row or not files:
        raise refuse("has no id, or names no file")
    for kind, file in files.items():
        suffixes = _MODALITIES[kind] | (SYMBOLIC_SUFFIXES if kind == "lyrics" else set())
        if PurePath(file).suffix.lower() not in suffixes:
            raise refuse(f"is no kind of file that holds {kind}", row[kind])
    return Track(row["id"], **files, group=row.get("group"))
