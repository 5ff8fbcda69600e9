"""Lyrics from plain text, .lrc files, and the events of MIDI and karaoke files."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import PurePath
from types import MappingProxyType
from typing import Any

from chordmer.errors import LyricsError, MissingModalityError
from chordmer.io.encoding import decode
from chordmer.io.karaoke import lines_of, tags_of, verses_of, voices_of
from chordmer.io.limits import Limits, read_file
from chordmer.io.lrc import looks_like_lrc, parse_lrc
from chordmer.io.symbolic import read_symbolic
from chordmer.io.words import Line, Lyrics
from chordmer.notes import Report, Symbolic
from chordmer.track import SYMBOLIC_SUFFIXES, Track

__all__ = ["read_lyrics"]

_DEFAULT = Limits()
_TEXT_SUFFIXES = {".txt", ".lrc"}
_SECTION = re.compile(r"[\[【](?=[^\W\d_])[^\[\]【】]{1,60}[\]】]")
_PATH = re.compile(r"\S*[/\\]\S*|\S+\.[A-Za-z0-9]{1,5}")
_CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f\u200b\u2060\ufeff\ufffe\uffff]")
#: Lines that begin within so many seconds of each other are sung together.
_TOGETHER = 8.0


def read_lyrics(source: Any, *, limits: Limits = _DEFAULT) -> Lyrics:
    r"""Read the words of a piece, with their times where the source has them.

    Parameters
    ----------
    source : path, bytes, str, Track, Symbolic or Lyrics
        A .txt, .lrc, .mid, .midi, .kar or .rmi file or its bytes; words as they stand; what
        `chordmer.io.read_symbolic` reads. A `str` is a path if it ends like one of these files
        or, without spaces, looks like one (``folder/name``, ``name.ext``), and lyrics otherwise.
        Of a Track the lyrics are read, or else the words in its symbolic source. Lyrics are
        returned unchanged.
    limits : Limits, optional
        `text_bytes` caps lyrics; the caps on MIDI files hold for these.

    Returns
    -------
    Lyrics
        Its `report` says in `assumed` what encoding was found and what else is not in the file, in
        `counts` what was left out, and in `warnings` what a user should know.

    Raises
    ------
    LyricsError
        If the file cannot be opened, is larger than the cap, is not text, or unfolds to more than
        the caps of `chordmer.io.lrc`.
    MidiError
        If a MIDI file is damaged.
    MissingModalityError
        If a Track has neither lyrics nor words in its symbolic source.

    Notes
    -----
    Encodings: a byte order mark, else UTF-8, else the likeliest of Shift-JIS, GB18030 and latin-1
    (`chordmer.io.encoding`). In plain text a line that is one bracketed heading such as
    ``[Chorus]`` is no line of words but begins a verse, as an empty line does. For .lrc see
    `chordmer.io.lrc`, for MIDI `chordmer.io.karaoke`: syllables that no mark joins or parts are
    joined by a small model, which `report.assumed` then says. Of voices that sing the same line
    together, one is kept.

    Examples
    --------
    >>> read_lyrics("[00:12.50]Silent night,\n[00:15.00]holy night").lines[1].start
    15.0
    """
    if isinstance(source, Lyrics):
        return source
    if isinstance(source, Track):
        return _of_track(source, limits)
    if isinstance(source, Symbolic):
        return _of_symbolic(source)
    if isinstance(source, (bytes, bytearray, memoryview)):
        return _of_bytes(bytes(source), "bytes", "bytes", "", limits)
    if isinstance(source, str) and not _is_path(source):
        if len(source) > limits.text_bytes:
            raise _too_large(len(source), "text", limits)
        return _of_text(source, "str", "text", "text", "", [])
    if isinstance(source, (str, os.PathLike)):
        suffix = PurePath(os.fsdecode(source)).suffix.lower()
        if suffix in SYMBOLIC_SUFFIXES:
            return _of_symbolic(read_symbolic(source, limits=limits))
        limits = replace(limits, file_bytes=max(limits.text_bytes, 0))
        data, name = read_file(source, limits, LyricsError)
        return _of_bytes(data, name, os.fsdecode(source), suffix, limits)
    return _of_symbolic(read_symbolic(source, limits=limits))


def _is_path(text: str) -> bool:
    if "\n" in text or "\r" in text or len(text) > 4096:
        return False
    ending = PurePath(text).suffix.lower()
    return ending in _TEXT_SUFFIXES | SYMBOLIC_SUFFIXES or bool(_PATH.fullmatch(text))


def _too_large(size: int, source: object, limits: Limits) -> LyricsError:
    return LyricsError(
        f"larger than {limits.text_bytes} bytes", source=source, stage="size", value=size
    )


def _of_track(track: Track, limits: Limits) -> Lyrics:
    if track.lyrics is not None:
        return read_lyrics(track.lyrics, limits=limits)
    if track.symbolic is not None:
        lyrics = _of_symbolic(read_symbolic(track.symbolic, limits=limits))
        if lyrics:
            return lyrics
    raise MissingModalityError(
        "no lyrics, and no words in a symbolic source", source=track.id, stage="lyrics"
    )


def _of_bytes(data: bytes, name: str, where: str, suffix: str, limits: Limits) -> Lyrics:
    if data[:4] in (b"MThd", b"RIFF"):
        return _of_symbolic(read_symbolic(data, limits=limits))
    if len(data) > limits.text_bytes:
        raise _too_large(len(data), where, limits)
    text, encoding, guessed = decode(data, source=where)
    assumed = [f"encoding {encoding}"] if guessed else []
    return _of_text(text, encoding, name, where, suffix, assumed)


def _of_text(
    text: str, encoding: str, name: str, where: str, suffix: str, assumed: list[str]
) -> Lyrics:
    counts: dict[str, int] = {}
    text, controls = _CONTROL.subn("", text)
    tags: Mapping[str, str] = {}
    warnings: list[str] = []
    if suffix == ".lrc" or (suffix != ".txt" and looks_like_lrc(text)):
        lines, tags, warnings = parse_lrc(text, source=where)
    else:
        lines, headings = _plain_lines(text)
        counts["section_headings"] = headings
    counts["control_characters"] = controls
    return _finished(lines, encoding, tags, name, assumed, counts, warnings)


def _plain_lines(text: str) -> tuple[list[Line], int]:
    lines: list[Line] = []
    verse, fresh, headings = 0, True, 0
    for raw in text.splitlines():
        words = " ".join(raw.split())
        heading = bool(_SECTION.fullmatch(words))
        headings += heading
        if heading or not words:
            verse, fresh = verse + (not fresh), True
            continue
        fresh = False
        lines.append(Line(words, verse=verse))
    return lines, headings


def _of_symbolic(symbolic: Symbolic) -> Lyrics:
    # A space first: an event cannot announce, by a byte order mark, how the others are encoded.
    raw = b"".join(
        b" " + e.raw for e in symbolic.texts if e.kind == "text" or e.kind.startswith("lyric")
    )
    _, encoding, guessed = decode(raw.replace(b"\0", b""), source=symbolic.source)
    assumed = [f"encoding {encoding}"] if guessed else []
    codec = {"Shift-JIS": "cp932"}.get(encoding, encoding)
    lines: list[Line] = []
    guesses = 0
    voices = voices_of(symbolic.texts, codec)
    for number, voice in enumerate(voices):
        for i, verse in enumerate(verses_of(voice)):
            sung, joins_guessed = lines_of(verse, symbolic.duration)
            guesses += joins_guessed
            lines += [replace(x, verse=x.verse + 1000 * i, voice=number) for x in sung]
    if guesses:
        assumed.append("which syllables make a word")
    lines, doubled = _without_doubles(lines)
    counts = {
        "doubled_lines": doubled,
        "voices": len(voices) if len(voices) > 1 else 0,
        "other_text_events": _others(symbolic, len(voices)),
    }
    tags = tags_of(symbolic.texts, codec)
    return _finished(_in_order(lines), encoding, tags, symbolic.source, assumed, counts, [])


def _others(symbolic: Symbolic, voices: int) -> int:
    """Count the text events of a file whose words are lyric events, or that has no words."""
    lyric = any(e.kind.startswith("lyric") for e in symbolic.texts)
    return sum(e.kind == "text" for e in symbolic.texts) if lyric or not voices else 0


def _without_doubles(lines: Sequence[Line]) -> tuple[list[Line], int]:
    """Return the lines without those that another voice sings at about the same time."""
    kept: list[Line] = []
    sung: dict[str, list[Line]] = {}
    for line in lines:
        key = re.sub(r"[\W_]+", "", line.text).lower()
        others = sung.setdefault(key, [])
        if not any(
            other.voice != line.voice
            and abs((other.start or 0.0) - (line.start or 0.0)) < _TOGETHER
            for other in others
        ):
            kept.append(line)
            others.append(line)
    return kept, len(lines) - len(kept)


def _in_order(lines: Sequence[Line]) -> list[Line]:
    """Return the lines by verse and time, verses numbered without gaps."""
    numbers = {verse: i for i, verse in enumerate(sorted({line.verse for line in lines}))}
    ordered = sorted(lines, key=lambda line: (line.verse, line.start or 0.0, line.voice))
    return [replace(line, verse=numbers[line.verse]) for line in ordered]


def _finished(
    lines: Sequence[Line],
    encoding: str,
    tags: Mapping[str, str],
    name: str,
    assumed: Sequence[str],
    counts: Mapping[str, int],
    warnings: Sequence[str],
) -> Lyrics:
    sentences = list(warnings)
    if not lines:
        sentences.append("there are no words")
    found = MappingProxyType({key: count for key, count in counts.items() if count})
    report = Report(tuple(assumed), found, tuple(sentences))
    return Lyrics(tuple(lines), encoding, MappingProxyType(dict(tags)), report, name)
