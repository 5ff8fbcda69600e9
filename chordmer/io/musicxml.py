"""What stands between MusicXML from outside and the parser: zip bombs, entities, absurd numbers."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from xml.parsers import expat

from chordmer.errors import ScoreError
from chordmer.io.limits import Limits

__all__ = ["checked", "unpacked"]

_CONTAINER = "META-INF/container.xml"
_ENTRIES = 1024
#: Elements and depth of the largest scores stay far below these.
_ELEMENTS, _DEPTH = 1_000_000, 64
#: Elements whose number says how often the parser does something: three digits are enough, and two
#: for the beats of a measure, whose time it takes grows faster than they do.
_NUMBERS = {
    *("beat-type", "staves", "staff", "fifths", "octave", "octave-change", "chromatic"),
    *("diatonic", "multiple-rest", "measure-repeat", "beat-repeat", "actual-notes", "normal-notes"),
    *(
        "tremolo",
        "staff-lines",
        "capo",
        "fret",
        "string",
        "key-octave",
        "cancel",
        "interchangeable",
    ),
}
_LONG_NUMBER, _LONG_METRE = re.compile(r"\d{4}"), re.compile(r"\d{3}")


def unpacked(data: bytes, limits: Limits) -> bytes:
    """Return the MusicXML in `data`: itself, or the score inside a ``.mxl`` archive.

    Raises
    ------
    ScoreError
        If the archive is damaged or encrypted, or its score is larger than `limits` allow.
    """
    if not data.startswith(b"PK"):
        return data
    if data.count(b"PK\x01\x02") > _ENTRIES:
        raise ScoreError(f"archive of more than {_ENTRIES} files", stage="unpacking")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
            if _CONTAINER in names:
                container = _member(archive, _CONTAINER, limits)
                name = _rootfile(container)
            else:
                name = next(
                    (n for n in names if n.endswith((".xml", ".musicxml")) and "/" not in n), ""
                )
            return _member(archive, name, limits)
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, ValueError, OSError) as problem:
        if isinstance(problem, ScoreError):
            raise
        raise ScoreError(f"damaged archive: {problem}", stage="unpacking") from problem
    except (NotImplementedError, RuntimeError) as problem:
        raise ScoreError(f"unreadable archive: {problem}", stage="unpacking") from problem


def _member(archive: zipfile.ZipFile, name: str, limits: Limits) -> bytes:
    """Return a file of the archive; what it says of its size is not believed."""
    info = archive.getinfo(name)
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ScoreError("unknown compression", stage="unpacking", value=info.compress_type)
    most = min(limits.unpacked_bytes, int(limits.ratio * max(info.compress_size, 1)))
    with archive.open(info) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise ScoreError(
            f"unpacks to over {limits.unpacked_bytes} bytes or {limits.ratio:g} times its size",
            stage="unpacking",
            value=info.file_size,
        )
    return data


def _rootfile(container: bytes) -> str:
    """Return the name of the score that an archive's container file points to."""
    found: list[str] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        if name == "rootfile" and "full-path" in attributes:
            found.append(attributes["full-path"])

    parser = _parser()
    parser.StartElementHandler = start
    _run(parser, container)
    if not found:
        raise ScoreError("the archive names no score", stage="unpacking")
    return found[0]


def _parser() -> expat.XMLParserType:
    parser = expat.ParserCreate()

    def refuse(name: str, *_: object) -> None:
        raise ScoreError("entities are not allowed", stage="XML", value=name)

    parser.EntityDeclHandler = refuse
    return parser


def _run(parser: expat.XMLParserType, data: bytes) -> None:
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, ValueError, LookupError) as problem:
        if isinstance(problem, ScoreError):
            raise
        raise ScoreError(f"no well-formed XML: {problem}", stage="XML") from problem


def checked(data: bytes, limits: Limits) -> str:
    """Return the text of `data` if it is MusicXML that can be parsed without harm.

    Raises
    ------
    ScoreError
        If it is not, declares entities, is too deep or too large, or holds a number that would
        make the parser repeat something without end.
    """
    path: list[str] = []
    elements = notes = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal elements, notes
        if not path and name not in ("score-partwise", "score-timewise"):
            raise ScoreError("no MusicXML score", stage="XML", value=name)
        path.append(name)
        elements += 1
        notes += name == "note"
        if len(path) > _DEPTH or elements > _ELEMENTS:
            raise ScoreError("too many elements", stage="XML", value=elements)
        if notes > limits.notes:
            raise ScoreError(f"more than {limits.notes} notes", stage="XML", value=notes)
        if name == "ending" and _LONG_NUMBER.search(attributes.get("number", "")):
            raise ScoreError("absurd number", stage="ending", value=attributes["number"])

    def end(name: str) -> None:
        path.pop()

    def text(content: str) -> None:
        here = path[-1]
        absurd = _LONG_METRE if here == "beats" else _LONG_NUMBER if here in _NUMBERS else None
        if absurd and absurd.search(content):
            raise ScoreError("absurd number", stage=here, value=content)

    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"

    def declaration(version: str, declared: str | None, standalone: int) -> None:
        nonlocal encoding
        if declared and declared.lower() not in ("utf-8", "utf-16"):
            encoding = declared

    parser = _parser()
    parser.buffer_text = True
    parser.XmlDeclHandler = declaration
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    _run(parser, data)
    return data.decode(encoding)
