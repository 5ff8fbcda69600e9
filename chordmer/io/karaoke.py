r"""Words from the events of a MIDI file: lyric events, and karaoke text events (.kar).

What files do, and what is made of it:

- Karaoke text: ``@`` begins what is about the file (``@KMIDI KARAOKE FILE``, ``@T`` title), ``/`` a
  new line, ``\\`` a new verse (a cleared screen); a space before or behind a syllable parts words.
- Lyric events: a line feed or carriage return at the end of a syllable ends a line (recommended
  practice RP-026), one inside it parts the verses that are sung to the same notes; words are
  parted by spaces, or joined by hyphens, or nothing tells (see `chordmer.io.syllables`).
- Several tracks may sing at once: each is a voice.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from chordmer.io.syllables import word_ends
from chordmer.io.words import Line, Word
from chordmer.notes import TextEvent

__all__ = ["Sung", "Syllable", "lines_of", "tags_of", "verses_of", "voices_of"]

#: A lyric event as it stands: seconds, verse from 0, text.
Sung = tuple[float, int, str]

#: Elision marks, as text and as notation fonts have them: two words on one note.
_ELISION = re.compile("[\u203f\u035c\ue550-\ue552]")
#: Signs of a syllable that is still sung.
_HELD = re.compile(r"[_\u00ad\ufe0f]+|^[-\u2013\u2014~+*.]+$")
_VERSE_NUMBER = re.compile(r"^\s*\d{1,2}\s*[.):]+[\s\u00a0]*")
_WORDLIKE = re.compile(r"[^\W_]")
_SPACELESS = re.compile("[\u3041-\u30ff\u3400-\u9fff\uf900-\ufaff\uff66-\uff9f]")
_TAG = re.compile(r"\{[@#](.*)\}$")
_SENTENCE_END = re.compile(r"[.!?;:][\"'”’»)]*$")
_PHRASE_END = re.compile(r"[,–—][\"'”’»)]*$")

#: Share of syllables with a space (or a hyphen) that makes it the file's way to part (join) words.
_A_HABIT = 0.1
#: Words after which a comma ends a line, and after which a line ends at any rate.
_COMMA_AFTER, _LINE_AFTER = 4, 14
#: Verses to one melody; a hymn may have twenty.
_MOST_VERSES = 99
#: Silence in seconds that ends a line where no mark does.
_SILENCE = 4.0


@dataclass(frozen=True)
class Syllable:
    """A sung syllable: its letters, when it is sung, and the marks around it.

    `line` and `verse` say that a mark for a new line or verse stands before it.
    """

    text: str
    start: float
    space_before: bool = False
    space_after: bool = False
    hyphen: bool = False
    line: bool = False
    verse: bool = False


def tags_of(texts: Iterable[TextEvent], encoding: str) -> dict[str, str]:
    """Return what karaoke text events say about the file, by the letter behind ``@``."""
    tags: dict[str, str] = {}
    for event in texts:
        if event.kind not in ("text", "lyric"):
            continue
        text = event.raw.decode(encoding, "replace").strip()
        if text.startswith("@") and len(text) > 1:
            name, value = text[1], text[2:].strip()
        elif tag := _TAG.match(text):
            name, _, value = tag[1].partition("=")
        else:
            continue
        tags[name] = f"{tags[name]}\n{value}" if name in tags else value
    return tags


def voices_of(texts: Sequence[TextEvent], encoding: str) -> list[list[Sung]]:
    """Return the events of each voice, a voice a track; scores have ``lyric_2`` events for verse 2.

    Text events count where they are karaoke: in the tracks that mark lines or, in a karaoke file
    without such marks, in the one with most text. Where a file gives its words twice, as text
    and as lyric events, the text events are kept, for they mark words and lines.
    """
    lyric: dict[int, list[Sung]] = {}
    plain: dict[int, list[Sung]] = {}
    karaoke = False
    for event in texts:
        if event.kind != "text" and not event.kind.startswith("lyric"):
            continue
        text = event.raw.decode(encoding, "replace").replace("\0", "")
        if text.lstrip().startswith("@") or _TAG.match(text.strip()):
            karaoke |= text.lstrip().startswith("@K")
            continue
        number = event.kind.partition("_")[2]
        verse = min(int(number), _MOST_VERSES) - 1 if number.isdecimal() and int(number) else 0
        voices = plain if event.kind == "text" else lyric
        voices.setdefault(event.track, []).append((event.sec, verse, text))
    marked = [
        voice[first:]
        for voice in plain.values()
        if (first := next((i for i, (_, _, t) in enumerate(voice) if _marks_line(t)), None))
        is not None
        and len({time for time, _, _ in voice[first:]}) > 1
    ]
    if karaoke and not marked and plain:
        marked = [max(plain.values(), key=lambda voice: len({time for time, _, _ in voice}))]
    sung = list(lyric.values())
    return marked if _size(marked) and _size(marked) >= 0.9 * _size(sung) else sung


def _marks_line(text: str) -> bool:
    return text.lstrip(" ")[:1] in ("/", "\\")


def _size(voices: Iterable[Iterable[Sung]]) -> int:
    return sum(len(text.strip()) for voice in voices for _, _, text in voice)


def verses_of(voice: Sequence[Sung]) -> list[list[Syllable]]:
    """Return the syllables of each verse that a voice sings to the same notes.

    Where fewer verses than elsewhere have words of their own, they are the first ones.
    """
    stacked: list[list[Syllable]] = []
    pending = [False, False]
    for time, number, text in voice:
        rows = text.replace("\r\n", "\n").replace("\r", "\n")
        if not rows.strip():
            # A syllable of spaces is one that is still sung; a break alone is a mark.
            pending = [pending[0] or "\n" in rows, pending[1] or rows.count("\n") > 1]
            continue
        before, after = rows[: len(rows) - len(rows.lstrip("\n"))], rows.endswith("\n")
        for i, row in enumerate(rows.strip("\n").split("\n")[:_MOST_VERSES], number):
            stacked += ([] for _ in range(i + 1 - len(stacked)))
            syllable = _syllable(row, time)
            if syllable.text:
                line, verse = pending
                stacked[i].append(
                    replace(
                        syllable,
                        line=syllable.line or line or bool(before),
                        verse=syllable.verse or verse or len(before) > 1,
                    )
                )
            elif syllable.line and i == number:
                pending = [True, pending[1] or syllable.verse]
                break
        else:
            pending = [after, False]
    return [verse for verse in stacked if verse]


def _syllable(raw: str, time: float) -> Syllable:
    text = raw.lstrip(" ")
    line = text[:1] in ("/", "\\")
    verse = text[:1] == "\\"
    outer = raw != text
    if line:
        text = text.lstrip("/\\")
        outer = text[:1] == " "
    text = _VERSE_NUMBER.sub("", text)
    text = _ELISION.sub(" ", text)
    trailing = text[-1:] == " "
    text = _HELD.sub("", text.strip(" \t"))
    hyphen = len(text) > 1 and text[-1] in "-\u2010"
    text = " ".join(text.rstrip("-\u2010").lstrip("-\u2010").split())
    if not _WORDLIKE.search(text):
        text = text if text and not text.isspace() and _is_punctuation(text) else ""
    return Syllable(text, time, outer, trailing, hyphen, line, verse)


def _is_punctuation(text: str) -> bool:
    return all(character in ",.;:!?…»”’\"')" for character in text)


def lines_of(verse: Sequence[Syllable], until: float) -> tuple[list[Line], bool]:
    """Return the lines that the syllables of one verse make, and whether their joins were guessed.

    Parameters
    ----------
    verse : sequence of Syllable
    until : float
        Where the piece ends, in seconds, for the end of the last word.
    """
    ends, guessed = _ends(verse)
    words: list[Word] = []
    starts_line: list[bool] = []
    starts_verse: list[bool] = []
    begins = True
    stops = [s.start for s in verse[1:]] + [max(until, verse[-1].start)]
    for syllable, end, stop in zip(verse, ends, stops):
        if words and not _WORDLIKE.search(syllable.text):
            words[-1] = replace(words[-1], text=words[-1].text + syllable.text)
        elif begins or not words:
            words.append(Word(syllable.text, syllable.start, stop))
            starts_line.append(syllable.line)
            starts_verse.append(syllable.verse)
        else:
            words[-1] = Word(words[-1].text + syllable.text, words[-1].start, stop)
        begins = end
    if not any(starts_line[1:]):
        starts_line = _phrases(words)
    return _lines(words, starts_line, starts_verse), guessed


def _ends(verse: Sequence[Syllable]) -> tuple[list[bool], bool]:
    """Return whether a word ends with each syllable, and whether that was guessed."""
    count = len(verse)
    spaced = sum(s.space_before or s.space_after for s in verse)
    if spaced >= _A_HABIT * count:
        marked = [s for s in verse if s.line]
        # Files that put a space behind the mark of a new line can break a line inside a word.
        breaks = 2 * sum(s.space_before for s in marked) <= len(marked)
        return [
            a.space_after or b.space_before or (b.line and breaks) for a, b in pairwise(verse)
        ] + [True], False
    hyphens = sum(s.hyphen for s in verse)
    if hyphens >= _A_HABIT * count:
        return [not s.hyphen for s in verse[:-1]] + [True], False
    texts = [s.text for s in verse]
    if 2 * sum(bool(_SPACELESS.search(text)) for text in texts) > count:
        return [True] * count, False
    guessed = word_ends(texts)
    ends = [(end and not s.hyphen) or b.line for s, b, end in zip(verse, verse[1:], guessed)]
    return [*ends, True], True


def _phrases(words: Sequence[Word]) -> list[bool]:
    """Return which words begin a line, by punctuation and silence."""
    begins, length = [True], 1
    for before, word in pairwise(words):
        fresh = bool(
            _SENTENCE_END.search(before.text)
            or (length >= _COMMA_AFTER and _PHRASE_END.search(before.text))
            or length >= _LINE_AFTER
            or word.start - before.start > _SILENCE
        )
        begins.append(fresh)
        length = 1 if fresh else length + 1
    return begins


def _lines(words: Sequence[Word], starts: Sequence[bool], verses: Sequence[bool]) -> list[Line]:
    lines: list[Line] = []
    verse = 0
    # A cleared screen in the middle of a sentence begins no verse.
    opening = [word.text for word, mark in zip(words, verses) if mark]
    sentences = any(text[:1].isupper() for text in opening)
    at = [i for i, fresh in enumerate(starts) if fresh or i == 0]
    for i, j in zip(at, [*at[1:], len(words)]):
        verse += i > 0 and verses[i] and not (sentences and words[i].text[:1].islower())
        row = tuple(Word(part, w.start, w.end) for w in words[i:j] for part in w.text.split())
        lines.append(Line(_joined(row), row[0].start, row[-1].end, verse, words=row))
    return lines


def _joined(words: Sequence[Word]) -> str:
    text = words[0].text
    for a, b in pairwise(words):
        together = _SPACELESS.search(a.text[-1:]) and _SPACELESS.search(b.text[:1])
        text += b.text if together else f" {b.text}"
    return text
