"""Files of a corpus: folders listed within bounds, and media found by their names."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Protocol

from chordmer.errors import DatasetError

__all__ = ["Media", "entries", "natural"]

#: No folder of a corpus known here holds a fifth of this.
MOST_FILES = 500_000

#: Levels of folders that are looked through for media.
_DEEPEST = 8
#: Larger than any number in a name that is counted as one.
_AFTER_NUMBERS = 10**18


def natural(name: str) -> list[tuple[int, str]]:
    """Return a key that sorts names as people count: ``"a2"`` before ``"a10"``.

    >>> sorted(["10", "9", "a10", "a2"], key=natural)
    ['9', '10', 'a2', 'a10']
    """
    parts = re.findall(r"\d{1,18}|\D+|\d", name)
    return [(int(part), "") if part.isdecimal() else (_AFTER_NUMBERS, part) for part in parts]


class _Notes(Protocol):
    """Where files that lack and what is odd are noted."""

    def lose(self, path: Path | str) -> None:
        """Note that a file lacks."""

    def note(self, text: str) -> None:
        """Note something odd."""


class Media:
    """Files of one folder by their names without ending; asking for one that lacks is noted."""

    def __init__(
        self, corpus: _Notes, folder: Path | None, suffixes: Collection[str], *, deep: bool
    ) -> None:
        self._corpus = corpus
        self._folder = folder
        self._suffix = min(suffixes, key=lambda suffix: (suffix not in (".mp3", ".mid"), suffix))
        self.paths: dict[str, Path] = {}
        self.twice: list[Path] = []
        for path in _files(folder, _DEEPEST if deep else 0) if folder else ():
            if path.suffix.lower() not in suffixes:
                continue
            if not path.stem.isprintable():
                corpus.note("files whose names cannot be printed were passed over")
            elif self.paths.setdefault(path.stem, path) != path:
                self.twice.append(path)
        if self.twice:
            corpus.note(
                f"{len(self.twice):,} files have the name of another, as {self.twice[0].name}"
            )

    def get(self, stem: str) -> Path | None:
        """Return the file of this name; None, and noted as missing, where it lacks or is empty."""
        found = self.look(stem)
        if found is None and self._folder is not None:
            self._corpus.lose(self.paths.get(stem, self._folder / (stem + self._suffix)))
        return found

    def look(self, stem: str) -> Path | None:
        """Return the file of this name, or None where it lacks or is empty, and need not be."""
        path = self.paths.get(stem)
        return path if path is not None and path.stat().st_size else None


def entries(folder: Path) -> list[os.DirEntry[str]]:
    """Return what is in a folder, sorted, without hidden names and what macOS archives add."""
    try:
        with os.scandir(folder) as scanned:
            found: list[os.DirEntry[str]] = []
            for entry in scanned:
                if len(found) == MOST_FILES:
                    raise DatasetError(
                        f"holds more than {MOST_FILES:,} files", source=folder, stage="files"
                    )
                if not entry.name.startswith(".") and entry.name != "__MACOSX":
                    found.append(entry)
    except OSError as error:
        raise DatasetError(f"{error.strerror}", source=folder, stage="files") from error
    return sorted(found, key=lambda entry: natural(entry.name))


def _files(folder: Path, levels: int) -> Iterable[Path]:
    for entry in entries(folder) if folder.is_dir() else ():
        if entry.is_file():
            yield Path(entry.path)
        elif levels and entry.is_dir(follow_symlinks=False):
            yield from _files(Path(entry.path), levels - 1)
