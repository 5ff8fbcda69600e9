"""The .lrc format: lines of lyrics behind their times.

    [ti:Silent Night]
    [offset:+250]
    [00:12.00][01:10.50]Silent night, holy night
    [00:17.20]<00:17.20>All <00:18.10>is <00:18.90>calm

A line may stand behind several times; words may have times of their own, in angle brackets (the
"enhanced" form) or in square ones. A positive offset, in milliseconds, makes all words come sooner.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import pairwise

from chordmer.errors import LyricsError
from chordmer.io.words import Line, Word

__all__ = ["looks_like_lrc", "parse_lrc"]

_TIME = r"(\d{1,5}):(\d{1,2})(?:[.:](\d{1,6}))?"
_STAMP = re.compile(rf"\s*\[\s*{_TIME}\s*\]")
_WORD_STAMP = re.compile(rf"[<\[]\s*{_TIME}\s*[>\]]")
_TAG = re.compile(r"\s*\[\s*([A-Za-z#][\w#]{0,31})\s*:([^\]]*)\]\s*$")
#: Lines that repeated times may unfold to, and their characters.
_MOST_LINES = 100_000
_MOST_CHARACTERS = 8 << 20


@dataclass(frozen=True)
class _Entry:
    """A line at a time; `text` empty where the words before it only end there."""

    time: float
    text: str
    words: tuple[Word, ...] = ()
    timed: bool = True


def looks_like_lrc(text: str) -> bool:
    """Return whether any line of `text` begins with a time."""
    return any(_STAMP.match(line) for line in text.splitlines())


def parse_lrc(text: str, *, source: object = None) -> tuple[list[Line], dict[str, str], list[str]]:
    """Return the lines, the tags and the warnings of an .lrc file.

    A line lasts until the next one begins. An empty line, timed or not, begins a new verse.

    Raises
    ------
    LyricsError
        If the file unfolds to over 100,000 lines or 8 million characters, or its offset is no
        number.
    """
    tags: dict[str, str] = {}
    entries: list[_Entry] = []
    repeats, characters = False, 0
    for number, raw in enumerate(text.splitlines(), 1):
        times, rest = _stamps(raw)
        if not times and (tag := _TAG.match(raw)):
            name, value = tag[1].lower(), tag[2].strip()
            tags[name] = f"{tags[name]}\n{value}" if name in tags else value
            continue
        words, plain = _words(rest, times[0] if times else None)
        repeats |= len(times) > 1
        characters += len(plain) * max(len(times), 1)
        if len(entries) + len(times) > _MOST_LINES or characters > _MOST_CHARACTERS:
            raise LyricsError("repeats its lines too often", source=source, stage=f"line {number}")
        if not times:
            before = entries[-1].time if entries else words[0].start if words else 0.0
            entries.append(_Entry(before, plain, words, timed=bool(words)))
        for time in times:
            shift = time - times[0]
            moved = words if not shift else tuple(_later(word, shift) for word in words)
            entries.append(_Entry(time, plain, moved))
    offset = _offset(tags, source)
    return _lines(entries, offset, repeats), tags, _warnings(entries, offset)


def _stamps(line: str) -> tuple[list[float], str]:
    times = []
    while stamp := _STAMP.match(line):
        times.append(_seconds(stamp))
        line = line[stamp.end() :]
    return times, line


def _seconds(stamp: re.Match[str]) -> float:
    minutes, seconds, fraction = stamp.groups()
    return int(minutes) * 60 + int(seconds) + (float(f"0.{fraction}") if fraction else 0.0)


def _words(text: str, begins: float | None) -> tuple[tuple[Word, ...], str]:
    """Return the words that have times, and the text without these.

    Words before the first time inside the line have that of the line, `begins`.
    """
    stamps = list(_WORD_STAMP.finditer(text))
    if not stamps:
        return (), " ".join(text.split())
    ends = [stamp.start() for stamp in stamps[1:]] + [len(text)]
    pieces = [(_seconds(s), text[s.end() : end]) for s, end in zip(stamps, ends)]
    if begins is not None and (head := text[: stamps[0].start()]).strip():
        pieces.insert(0, (begins, head))
    stops = [time for time, _ in pieces[1:]] + [None]
    syllables = [(piece, time, stop) for (time, piece), stop in zip(pieces, stops)]
    plain = " ".join(_WORD_STAMP.sub("", text).split())
    words: list[Word] = []
    joins = False
    for piece, time, stop in syllables:
        parts = piece.split()
        if parts and joins and words and not piece[0].isspace():
            words[-1] = Word(words[-1].text + parts.pop(0), words[-1].start, stop)
        words.extend(Word(part, time, stop) for part in parts)
        joins = not piece[-1:].isspace() if piece else joins
    return tuple(words), plain


def _later(word: Word, shift: float) -> Word:
    return Word(word.text, word.start + shift, None if word.end is None else word.end + shift)


def _offset(tags: dict[str, str], source: object) -> float:
    text = tags.get("offset", "").split("\n")[0].replace(" ", "")
    if not text:
        return 0.0
    if not re.fullmatch(r"[+-]?\d{1,9}", text):
        raise LyricsError(
            "the offset is no whole number of milliseconds",
            source=source,
            stage="offset",
            value=text,
        )
    return int(text) / 1000.0


def _lines(entries: list[_Entry], offset: float, repeats: bool) -> list[Line]:
    # Where lines repeat, the empty lines of the file say nothing about the order of time.
    kept = [e for e in entries if e.timed or e.text or not repeats]
    kept.sort(key=lambda entry: entry.time)
    times = sorted({entry.time for entry in kept if entry.timed})
    following = dict(pairwise(times))
    lines: list[Line] = []
    verse, fresh = 0, True
    for entry in kept:
        if not entry.text:
            verse, fresh = verse + (not fresh), True
            continue
        fresh = False
        line = Line(entry.text, verse=verse)
        if entry.timed:
            end = following.get(entry.time)
            line = replace(
                line,
                start=max(entry.time - offset, 0.0),
                end=None if end is None else max(end - offset, 0.0),
                words=tuple(
                    Word(
                        word.text,
                        max(word.start - offset, 0.0),
                        None if word.end is None else max(word.end - offset, 0.0),
                    )
                    for word in entry.words
                ),
            )
        lines.append(line)
    return lines


def _warnings(entries: list[_Entry], offset: float) -> list[str]:
    untimed = sum(not entry.timed and bool(entry.text) for entry in entries)
    early = sum(entry.timed and entry.time < offset for entry in entries)
    warnings = []
    if untimed:
        warnings.append(f"{untimed} lines have no time")
    if early:
        warnings.append(f"the offset moves {early} lines before the start; they begin at 0")
    return warnings
