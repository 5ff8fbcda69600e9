"""Scores: MusicXML, ABC and kern, read by music21 and turned into what MIDI files turn into."""

from __future__ import annotations

import contextlib
import io
import os
import re
import warnings
from pathlib import PurePath
from typing import Any

from chordmer.errors import MissingExtraError, ScoreError
from chordmer.io.gather import Gathering
from chordmer.io.limits import Limits, read_file
from chordmer.io.musicxml import checked, unpacked
from chordmer.io.stream import piece_in
from chordmer.notes import Symbolic

__all__ = ["SCORE_SUFFIXES", "from_stream", "looks_like_score", "read_score"]

_DEFAULT = Limits()
#: File name suffixes of scores, and music21's name of what they hold.
SCORE_SUFFIXES = {
    ".musicxml": "musicxml",
    ".xml": "musicxml",
    ".mxl": "musicxml",
    ".abc": "abc",
    ".krn": "humdrum",
}
#: Numbers in the body of an ABC or kern file that no music needs, a metre of three digits among
#: them; fields of free text may hold what they like.
_LONG_NUMBER = re.compile(rb"\d{5}|M:?[\s(\d+]*\d{3}")
_FREE_TEXT = re.compile(rb"\s*(!|%|[A-JNOP-UW-Zw]:)")


def looks_like_score(data: bytes) -> bool:
    """Return whether bytes begin as a score does, not as a MIDI file."""
    return _format_of(data) is not None


def _format_of(data: bytes) -> str | None:
    start = data[:4096].removeprefix(b"\xef\xbb\xbf").lstrip()
    if data[:4] == b"PK\x03\x04" or start[:1] == b"<" or data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "musicxml"
    if start[:2] in (b"**", b"!!"):
        return "humdrum"
    lines = start.replace(b"\r", b"\n").split(b"\n")
    return "abc" if start[:4] == b"%abc" or any(line[:2] == b"X:" for line in lines) else None


def read_score(source: Any, *, limits: Limits = _DEFAULT) -> Symbolic:
    """Read a score through music21.

    Parameters
    ----------
    source : path, bytes or music21 stream
        A ``.musicxml``, ``.xml``, ``.mxl``, ``.abc`` or ``.krn`` file, its bytes, or a stream.
    limits : Limits
        Above which a score is refused.

    Returns
    -------
    Symbolic
        Ties are merged, grace notes dropped and counted, transposing instruments at sounding
        pitch, chord symbols left out; velocities follow the dynamic marks (64 before the first),
        lyrics are texts, each part's on a track of its own, syllables inside a word with a hyphen.
        Repeats are not expanded: each written bar is heard once, for a score of a few bytes may
        ask for millions of repeats.

    Raises
    ------
    MissingExtraError
        If music21 is not installed.
    ScoreError
        If the score cannot be read, or exceeds `limits`.

    Notes
    -----
    The bytes are read here and handed over, so that music21 sees no path: its cache of pickled
    scores, whose file names anyone can predict, is neither read nor written.
    """
    if isinstance(source, (str, os.PathLike)):
        where = os.fsdecode(source)
        data, name = read_file(source, limits, ScoreError)
        form = SCORE_SUFFIXES.get(PurePath(name).suffix.lower()) or _format_of(data)
    elif isinstance(source, (bytes, bytearray, memoryview)):
        data, name, where = bytes(source), "bytes", "bytes"
        if len(data) > limits.file_bytes:
            raise ScoreError(
                f"larger than {limits.file_bytes} bytes", source=name, stage="size", value=len(data)
            )
        form = _format_of(data)
    else:
        return from_stream(source, limits)
    try:
        if form is None:
            raise ScoreError("neither MusicXML, ABC nor kern", stage="format", value=data[:8])
        gathering = Gathering(name, limits, ScoreError)
        if form == "musicxml":
            stream = _parsed(checked(unpacked(data, limits), limits), form, gathering)
        else:
            stream = _parsed(_decoded(data), form, gathering)
        return _symbolic(stream, gathering, in_place=True)
    except ScoreError as error:
        raise ScoreError(
            error.problem, source=where, stage=error.stage, value=error.value
        ) from error.__cause__


def from_stream(stream: Any, limits: Limits = _DEFAULT) -> Symbolic:
    """Return the piece in a music21 stream, by the rules of `read_score`."""
    return _symbolic(stream, Gathering(type(stream).__name__, limits, ScoreError), in_place=False)


def _decoded(data: bytes) -> str:
    """Return ABC or kern as text, if no number in it is absurd."""
    for line in data.splitlines():
        if _LONG_NUMBER.search(line) and not _FREE_TEXT.match(line):
            raise ScoreError("absurd number", stage="format", value=line[:80])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _parsed(text: str, form: str, gathering: Gathering) -> Any:
    try:
        from music21 import converter
    except ImportError as problem:
        raise MissingExtraError.of("music21", "scores") from problem
    said = io.StringIO()
    with warnings.catch_warnings(record=True) as heard, contextlib.redirect_stderr(said):
        warnings.simplefilter("always")
        try:
            stream = converter.parseData(text, format=form)
        except Exception as problem:  # a parser of this size raises anything
            raise ScoreError(
                f"music21 cannot parse it: {type(problem).__name__}: {problem}", stage="parsing"
            ) from problem
    gathering.found.count("parser_warnings", len(heard) + said.getvalue().count("WARNING"))
    return stream


def _symbolic(stream: Any, gathering: Gathering, in_place: bool) -> Symbolic:
    if "Opus" in stream.classes:
        scores = list(stream.scores)
        if len(scores) != 1:
            raise ScoreError("several pieces, not one", stage="format", value=len(scores))
        stream = scores[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return piece_in(stream, gathering, in_place)
        except ScoreError:
            raise
        except Exception as problem:  # music21 computes much of what it is asked for, and may fail
            raise ScoreError(
                f"music21 cannot interpret it: {type(problem).__name__}: {problem}",
                source=gathering.source,
                stage="parsing",
            ) from problem
