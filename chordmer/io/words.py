"""What reading lyrics gives: lines of words, with the times that the source knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import groupby
from types import MappingProxyType

from chordmer.notes import Report

__all__ = ["Line", "Lyrics", "Word"]


@dataclass(frozen=True)
class Word:
    """A word and when it is sung: `start` and `end` in seconds, `end` None where unknown."""

    text: str
    start: float
    end: float | None = None


@dataclass(frozen=True)
class Line:
    """A line of lyrics.

    Attributes
    ----------
    text : str
        The words as they are read, without marks of any format.
    start, end : float or None
        Seconds; None where the source does not say.
    verse : int
        Which verse it belongs to, from 0.
    voice : int
        Which voice sings it, from 0.
    words : tuple of Word
        The words with their times; empty where the source gives no time to each word.
    """

    text: str
    start: float | None = None
    end: float | None = None
    verse: int = 0
    voice: int = 0
    words: tuple[Word, ...] = ()


@dataclass(frozen=True)
class Lyrics:
    """The words of a piece.

    Attributes
    ----------
    lines : tuple of Line
        Verse by verse; in order of time within each where there are times.
    encoding : str
        The encoding the bytes were read in: ``"UTF-8"``, ``"Shift-JIS"``, ``"GB18030"``,
        ``"latin-1"``, ``"cp1252"``, ``"utf-16"``; ``"str"`` where text was given.
    tags : mapping of str to str
        What the file says about itself: the tags of an .lrc file (``"ar"``, ``"ti"``) or of a
        karaoke file (``"T"``, ``"L"``), those that repeat joined by line breaks.
    report : Report
        What was assumed, left out or repaired.
    source : str
        Name of the file, or the kind of object.
    """

    lines: tuple[Line, ...] = ()
    encoding: str = "str"
    tags: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    report: Report = field(default_factory=Report)
    source: str = "text"

    def __bool__(self) -> bool:
        return bool(self.lines)

    @property
    def verses(self) -> tuple[tuple[Line, ...], ...]:
        """The lines of each verse."""
        return tuple(tuple(lines) for _, lines in groupby(self.lines, key=lambda x: x.verse))

    @property
    def text(self) -> str:
        """All words, line by line, with an empty line between verses."""
        return "\n\n".join("\n".join(line.text for line in verse) for verse in self.verses)

    @property
    def is_timed(self) -> bool:
        """Whether every line has its time."""
        return bool(self.lines) and all(line.start is not None for line in self.lines)
