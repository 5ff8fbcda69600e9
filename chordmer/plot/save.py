"""Pictures as files: PNG, SVG or PDF, the same bytes each time."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from chordmer.emotion import Emotion
from chordmer.errors import ChordmerError
from chordmer.plot.theme import DPI, THEMES, drawing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["save_figure", "save_plot"]

#: Instead of the hour and the version of matplotlib, so that files agree.
_METADATA: dict[str, dict[str, str | None]] = {
    "png": {"Software": "chordmer"},
    "svg": {"Date": None, "Creator": "chordmer"},
    "pdf": {"CreationDate": None, "Creator": "chordmer", "Producer": None},
}


def save_plot(emotion: Emotion, path: str | os.PathLike[str], *, theme: str = "light") -> None:
    """Write the picture of `emotion` to `path`; its ending (.png, .svg, .pdf) says the format.

    Parameters
    ----------
    emotion : Emotion
    path : path
    theme : {"light", "dark"}, default "light"

    Raises
    ------
    ChordmerError
        If the file cannot be written, the ending names no picture format, or the piece cannot be
        read again.
    """
    from chordmer.plot.emotion import plot_emotion

    format_of(path)
    save_figure(plot_emotion(emotion, theme=theme), path)


def save_figure(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write a figure of `chordmer.plot` to `path`: 150 dots an inch, the same bytes each time.

    In SVG, text stays text.

    Raises
    ------
    ChordmerError
        If the file cannot be written, or the ending names no picture format.
    """
    picture = picture_of(figure, format_of(path))
    try:
        Path(path).write_bytes(picture)
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        reason = error.strerror if isinstance(error, OSError) else error
        raise ChordmerError(
            "the picture cannot be written", source=path, stage="plot", value=reason
        ) from error


def picture_of(figure: Figure, ending: str) -> bytes:
    """Return what a file of a figure holds; its ending is ``"png"``, ``"svg"`` or ``"pdf"``."""
    picture = BytesIO()
    with drawing(THEMES["light"]):
        figure.savefig(picture, format=ending, dpi=DPI, metadata=_METADATA[ending])
    return picture.getvalue()


def format_of(path: str | os.PathLike[str]) -> str:
    """Return ``"png"``, ``"svg"`` or ``"pdf"``, as the ending of `path` says."""
    ending = PurePath(os.fsdecode(path)).suffix.lower().lstrip(".")
    if ending not in _METADATA:
        raise ChordmerError(
            "no picture format has this ending; .png, .svg and .pdf do",
            source=path,
            stage="plot",
            value=ending,
        )
    return ending
