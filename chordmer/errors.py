"""Every error chordmer raises about something it was given.

All are :class:`ChordmerError`, itself a ``ValueError``, so ``except ValueError`` keeps working in
code that has never heard of chordmer.
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "AudioError",
    "ChordmerError",
    "ChordmerWarning",
    "ClusterError",
    "DatasetError",
    "LeakageError",
    "LyricsError",
    "MidiError",
    "MissingExtraError",
    "MissingModalityError",
    "ModelError",
    "ScoreError",
    "StoreError",
    "printable",
    "spreadsheet_cell",
]


def printable(text: object, limit: int = 200) -> str:
    r"""Return `text` as one line that is safe to print: control characters escaped, bounded.

    File names and values out of files reach terminals, logs and reports; none may carry an escape
    sequence or a line break there.

    >>> printable("a\x1b[31mb")
    'a\\x1b[31mb'
    """
    line = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(text))
    return line if len(line) <= limit else line[: limit - 1] + "…"


#: A cell that begins so is a formula to a spreadsheet.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def spreadsheet_cell(value: Any, limit: int = 1000) -> Any:
    """Return a cell that no spreadsheet takes for a formula, and no terminal for a command.

    >>> spreadsheet_cell("=HYPERLINK(A1)"), spreadsheet_cell(-1.5)
    ("'=HYPERLINK(A1)", -1.5)
    """
    if not isinstance(value, str):
        return value
    text = printable(value, limit)
    return f"'{text}" if text.lstrip().startswith(_FORMULA) or value.startswith(_FORMULA) else text


class ChordmerError(ValueError):
    """Something given to chordmer cannot be used.

    Parameters
    ----------
    problem : str
        What is wrong, in words.
    source : object, optional
        The file (or object) it was found in.
    stage : str, optional
        Where on the way it was found, for example ``"header"`` or ``"track 3"``.
    value : object, optional
        The offending value.

    Attributes
    ----------
    problem, source, stage, value
        As given; all but `value` as printable strings, for a problem may quote a file.
    """

    def __init__(
        self, problem: str, *, source: object = None, stage: str | None = None, value: Any = None
    ) -> None:
        self.problem = printable(problem, 1000)
        self.source = None if source is None else printable(source)
        self.stage = None if stage is None else printable(stage)
        self.value = value
        where = ": ".join(part for part in (self.source, self.stage) if part)
        found = "" if value is None else f" (found {printable(value, 80)})"
        super().__init__(f"{where + ': ' if where else ''}{self.problem}{found}")

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.problem, self.source, self.stage, self.value)


def _rebuild(
    kind: type[ChordmerError], problem: str, source: object, stage: str | None, value: Any
) -> ChordmerError:
    return kind(problem, source=source, stage=stage, value=value)


class MidiError(ChordmerError):
    """A MIDI file is not one, is dangerous, or says two things at once."""


class ScoreError(ChordmerError):
    """A score (MusicXML, ABC, kern) cannot be read."""


class AudioError(ChordmerError):
    """An audio file or array cannot be used."""


class LyricsError(ChordmerError):
    """A lyrics file cannot be read."""


class DatasetError(ChordmerError):
    """A corpus lacks files, or its tables and files disagree."""


class LeakageError(ChordmerError):
    """A song is in training and in test: what is measured so is memory."""


class ModelError(ChordmerError):
    """A saved model is damaged, incomplete, or from another version."""


class StoreError(ChordmerError):
    """A store of features is damaged, in use by another writer, or cannot be written."""


class MissingModalityError(ChordmerError):
    """A track lacks the kind of source that an extractor works on."""


class MissingExtraError(ChordmerError, ImportError):
    """An optional package is needed; the message holds the command that brings it."""

    @classmethod
    def of(cls, package: str, extra: str) -> MissingExtraError:
        """Return the error for a missing `package` that the extra `extra` installs."""
        return cls(
            f'{package} is not installed; get it with: pip install "chordmer[{extra}]"',
            stage="import",
        )


class ClusterError(ChordmerError):
    """The workers of an extraction, or the cluster that they run on, cannot be used."""


class ChordmerWarning(UserWarning):
    """Something works, but hardly as it was meant to."""
