"""What a worker does: one visit to a track, in which all that is wanted of it is computed."""

from __future__ import annotations

import hashlib
import os
import stat
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import PurePath
from typing import Any

import numpy as np

from chordmer.errors import ChordmerError, ClusterError, MissingModalityError, printable
from chordmer.extraction.jobs import failure_of
from chordmer.extraction.plan import Feature
from chordmer.features.lyrics import forget_embeddings
from chordmer.io import read_lyrics, read_symbolic
from chordmer.notes import Report
from chordmer.recognizer.feature_cache import code_key, source_key
from chordmer.store import Failure, Row, canonical_json
from chordmer.track import LYRICS_SUFFIXES, SYMBOLIC_SUFFIXES, Track

__all__ = ["Visit", "Visited", "Visitor", "own_code"]

#: Errors of what surrounds a file. Rows with them name no content, so they are always tried again.
_NOT_OF_THE_FILE = ("MissingExtraError", "ModelError")
_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
#: The stage of errors that leave unknown what a file holds.
_CONTENT = "content"


@dataclass(frozen=True, slots=True, eq=False)
class Visit:
    """What is wanted of one track.

    Attributes
    ----------
    track : Track
    wanted : tuple of str
        Names of features that the track has a source for.
    known : mapping of str to bytes
        The key of the stored row of a feature: where that is still right, nothing is computed.
    contents : mapping of str to str, or None
        Once the track has cost a worker: `Visited.contents`, as far as that could be told.
    failure : Failure or None
        Once the track has cost a worker: how. While `contents` are not known, these are all that is
        asked for.
    """

    track: Track
    wanted: tuple[str, ...]
    known: Mapping[str, bytes] = field(default_factory=dict)
    contents: Mapping[str, str] | None = None
    failure: Failure | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Visited:
    """What came of a visit.

    Attributes
    ----------
    rows : list of Row
        One of each feature that was wanted and not up to date, failures among them.
    contents : dict of str to str
        By source (``"symbolic"``, ``"audio"``, ``"lyrics"``) the SHA-256 of its file in hex.
    size : int
        Bytes of these files.
    """

    rows: list[Row]
    contents: dict[str, str]
    size: int


@dataclass(frozen=True, eq=False)
class Visitor:
    """The task of an engine: it is called with a `Visit` and returns a `Visited`.

    Parameters
    ----------
    features : mapping of str to Feature
    code : str
        `own_code` of the process that dated the features' recipes.
    """

    features: Mapping[str, Feature]
    code: str

    def __call__(self, visit: Visit) -> Visited:
        """Return the rows of one track; what is wrong with its files is told in them.

        Raises
        ------
        ClusterError
            If this process has another chordmer, whose rows would be dated wrongly.
        """
        if own_code() != self.code:
            raise ClusterError("the worker has another chordmer or numpy", stage="versions")
        sources = _Sources(visit.track)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what readers have to say stands in their reports
            if visit.failure is not None and visit.contents is None:
                sources.look()
                return Visited([], sources.contents, sources.size)
            wanted = [self.features[name] for name in visit.wanted]
            rows = list(_rows(sources, wanted, visit.known))
        return Visited(rows, sources.contents, sources.size)


@cache
def own_code() -> str:
    """Return what stands for the code of this process that features depend on."""
    return code_key(Feature).hex()


def _rows(sources: _Sources, wanted: list[Feature], known: Mapping[str, bytes]) -> Iterator[Row]:
    track = sources.track
    for feature in wanted:
        content = ""
        try:
            content = sources.content(feature.hears(track))
            if known.get(feature.name) == feature.key(track, content):
                continue
            yield _computed(sources, feature, content)
        except Exception as error:
            failure = _failure(error)
            unknown = failure.kind in _NOT_OF_THE_FILE or failure.stage == _CONTENT
            yield feature.row(track, "" if unknown else content, error=failure)


def _computed(sources: _Sources, feature: Feature, content: str) -> Row:
    try:
        track, report = sources.opened(feature)
    except MissingModalityError:
        if sources.track.lyrics is None and feature.modality == "lyrics":
            return feature.row(sources.track, content)  # notes without words: nothing to hear
        raise
    if feature.modality == "lyrics":
        forget_embeddings()
    if feature.in_frames:
        found = feature.extractor.frames(track)
        values, times = found.values, found.times
    else:
        [values], times = feature.extractor.transform([track]), ()
    sources.check(feature.hears(sources.track))
    return feature.row(
        sources.track,
        content,
        values=np.ascontiguousarray(values, dtype=np.float32),
        times=np.ascontiguousarray(times, dtype=np.float64),
        report=None if report is None else _text(report),
    )


def _text(report: Report) -> str:
    told = {"assumed": report.assumed, "counts": dict(report.counts), "warnings": report.warnings}
    return canonical_json(told)


def _failure(error: Exception) -> Failure:
    """Return what is told of an error: not the path, for the row's id says which file it is."""
    if not isinstance(error, ChordmerError):
        return failure_of(error)
    found = "" if error.value is None else f" (found {printable(error.value, 80)})"
    message = printable(f"{error.problem}{found}", 500)
    return Failure(type(error).__name__, error.stage, message)


class _Sources:
    """The sources of one track: what they hold, read once for all features."""

    def __init__(self, track: Track) -> None:
        self.track = track
        self.contents: dict[str, str] = {}
        self.size = 0
        self._stamps: dict[str, tuple[int, ...]] = {}
        self._pieces: dict[bool, Any] = {}

    def look(self) -> None:
        """Find out what each source holds, as far as it can be read."""
        for name in ("symbolic", "audio", "lyrics"):
            if self.track.source(name) is not None:
                try:
                    self.content(name)
                except ChordmerError:
                    continue

    def content(self, name: str | None) -> str:
        """Return the SHA-256 of a source in hex: of a file, that of its bytes."""
        assert name is not None
        if name not in self.contents:
            path = _path(self.track, name)
            if path is None:
                self.contents[name] = source_key(self.track.source(name)).hex()
            else:
                self.contents[name], self._stamps[name] = _hashed(path)
                self.size += self._stamps[name][0]
        return self.contents[name]

    def check(self, name: str | None) -> None:
        """Raise unless the file of a source is the one whose content was taken."""
        assert name is not None
        path = _path(self.track, name)
        if path is None:
            return
        try:
            same = _stamp(os.stat(path)) == self._stamps[name]
        except OSError:
            same = False
        if not same:
            raise ChordmerError("changed while it was read", source=path, stage=_CONTENT)

    def opened(self, feature: Feature) -> tuple[Track, Report | None]:
        """Return the track as a feature is given it, and what its reader had to say.

        Notes and words are read here, once for all extractors of chordmer. An extractor of others
        is given the track as it is.
        """
        track = self.track
        if not feature.is_ours or feature.modality == "audio":
            return track, None
        if feature.modality == "lyrics":
            symbolic = None if track.symbolic is None else self._piece(False)
            words = read_lyrics(
                track if track.lyrics is not None else replace(track, symbolic=symbolic)
            )
            return replace(track, symbolic=None, lyrics=words), words.report
        piece = self._piece(bool(getattr(feature.extractor, "pedal", False)))
        return replace(track, symbolic=piece), piece.report

    def _piece(self, pedal: bool) -> Any:
        if pedal not in self._pieces:
            self._pieces[pedal] = read_symbolic(self.track, pedal=pedal)
        return self._pieces[pedal]


def _path(track: Track, name: str) -> str | None:
    """Return the path of a source, or None where it is in memory."""
    source = track.source(name)
    if isinstance(source, os.PathLike):
        return os.fsdecode(source)
    if not isinstance(source, str):
        return None
    named = PurePath(source).suffix.lower() in LYRICS_SUFFIXES | SYMBOLIC_SUFFIXES
    return source if name != "lyrics" or (named and "\n" not in source) else None


def _hashed(path: str) -> tuple[str, tuple[int, ...]]:
    """Return the SHA-256 of a regular file, and what would tell that it has changed."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise ChordmerError("not a regular file", source=path, stage=_CONTENT)
        with open(os.open(path, _READ), "rb") as file:
            stamp = _stamp(os.fstat(file.fileno()))
            return hashlib.file_digest(file, "sha256").hexdigest(), stamp
    except (OSError, ValueError) as error:
        if isinstance(error, ChordmerError):
            raise
        reason = error.strerror if isinstance(error, OSError) else error
        raise ChordmerError(f"cannot be read: {reason}", source=path, stage=_CONTENT) from error


def _stamp(status: os.stat_result) -> tuple[int, ...]:
    return status.st_size, status.st_mtime_ns, status.st_ino, status.st_dev
