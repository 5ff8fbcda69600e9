"""From bytes that do not name their encoding to text: UTF-8, or the likeliest of three others."""

from __future__ import annotations

import codecs
from collections.abc import Iterator

from chordmer.errors import LyricsError

__all__ = ["decode", "detect_encoding"]

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: What a user calls the encodings that Python knows by other names.
_NAMES = {"cp932": "Shift-JIS", "gb18030": "GB18030", "latin-1": "latin-1", "cp1252": "cp1252"}

_LETTERS = frozenset("àâäáãåæçéèêëíìîïñóòôöõøœúùûüýÿßÀÂÄÁÃÅÆÇÉÈÊËÍÌÎÏÑÓÒÔÖÕØŒÚÙÛÜÝ")
_QUOTES = frozenset("«»‘’“”„‚–—…¡¿°©´·\xa0\xad")
_COMMON = frozenset("、。「」『』・ー〜～！？　，．：；（）“”‘’…—《》〈〉")
#: Enough to tell; a longer text is judged by its beginning.
_JUDGED = 20_000


def decode(data: bytes, *, source: object = None) -> tuple[str, str, bool]:
    """Return the text in `data`, the name of its encoding, and whether that had to be guessed.

    Raises
    ------
    LyricsError
        If `data` is not text.
    """
    encoding, guessed = detect_encoding(data)
    if encoding is None:
        raise LyricsError("not text: it holds null bytes", source=source, stage="encoding")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise LyricsError(
            f"not {encoding}, as its first bytes promise",
            source=source,
            stage=f"encoding, byte {error.start}",
            value=data[error.start : error.start + 4],
        ) from None
    return (
        text,
        _NAMES.get(encoding, "UTF-8" if encoding.startswith("utf-8") else encoding),
        guessed,
    )


def detect_encoding(data: bytes) -> tuple[str | None, bool]:
    """Return Python's name of the encoding of `data`, and whether it had to be guessed.

    A byte order mark decides; then UTF-8, which other encodings hardly ever satisfy by chance. What
    remains is read as Shift-JIS, GB18030 and latin-1 (or its superset cp1252, where bytes from
    0x80 to 0x9F say so), and the reading wins whose characters beyond ASCII are the most usual
    ones: kana and everyday kanji, everyday hanzi, or accented letters that stand alone between
    plain ones. None means that `data` holds null bytes and is no text.

    >>> detect_encoding("ファイト".encode("cp932"))
    ('cp932', True)
    >>> detect_encoding("Schöne Müllerin".encode("latin-1"))
    ('latin-1', True)
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return encoding, False
    if b"\0" in data:
        return None, False
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    else:
        return "utf-8", False
    best, highest = _western(data), -1.0
    head = data[:_JUDGED]
    for encoding in (best, "cp932", "gb18030"):
        if (score := _plausibility(head, data, encoding)) > highest:
            best, highest = encoding, score
    return best, True


def _western(data: bytes) -> str:
    if not any(0x80 <= byte < 0xA0 for byte in data):
        return "latin-1"
    try:
        data.decode("cp1252")
    except UnicodeDecodeError:
        return "latin-1"
    return "cp1252"


def _plausibility(head: bytes, data: bytes, encoding: str) -> float:
    """Return how usual the characters beyond ASCII are, from 0 to 1; -1 if it does not decode."""
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return -1.0
    text = head.decode(encoding, "ignore")
    weigh = {"cp932": _japanese, "gb18030": _chinese}.get(encoding, _accented)
    total = cost = 0.0
    for size, weight in weigh(text):
        total += size * weight
        cost += size
    return total / cost if cost else 0.0


def _japanese(text: str) -> Iterator[tuple[int, float]]:
    for character in text:
        if character < "\x80":
            continue
        raw = character.encode("cp932", "replace")
        if "ぁ" <= character <= "ヺ" or character in _COMMON:
            yield 2, 1.0
        elif len(raw) == 1:
            yield 1, 0.15  # a half-width katakana: any high byte of another encoding is one
        else:
            yield 2, 0.75 if 0x88 <= raw[0] <= 0x97 else 0.15


def _chinese(text: str) -> Iterator[tuple[int, float]]:
    for character in text:
        if character < "\x80":
            continue
        raw = character.encode("gb18030")
        if character in _COMMON:
            yield 2, 1.0
        elif len(raw) == 4 or raw[0] < 0xA1 or raw[1] < 0xA1:
            yield len(raw), 0.1  # outside GB2312
        elif 0xB0 <= raw[0] <= 0xD7:
            yield 2, 0.9
        else:
            yield 2, 0.4


def _accented(text: str) -> Iterator[tuple[int, float]]:
    plain = "\n"
    for before, character, after in zip(plain + text, text, text[1:] + plain):
        if character < "\x80":
            continue
        alone = before < "\x80" and after < "\x80"
        if character in _LETTERS:
            yield 1, 0.95 if alone else 0.3
        elif character in _QUOTES:
            yield 1, 0.8 if alone else 0.2
        else:
            yield 1, 0.1 if alone else 0.0
