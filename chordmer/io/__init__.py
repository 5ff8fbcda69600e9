"""The only rooms that open media files. Each name is loaded when first used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

# At once, or the name of the room would hide that of its function.
from chordmer.io.render import render

if TYPE_CHECKING:
    from chordmer.io.audio import read_audio, stream_audio
    from chordmer.io.decode import AudioLimits
    from chordmer.io.export import to_pretty_midi
    from chordmer.io.limits import Limits
    from chordmer.io.lyrics import read_lyrics
    from chordmer.io.midi import read_midi
    from chordmer.io.score import read_score
    from chordmer.io.symbolic import read_symbolic

_HOME = {
    "AudioLimits": "decode",
    "Limits": "limits",
    "read_audio": "audio",
    "read_lyrics": "lyrics",
    "read_midi": "midi",
    "read_score": "score",
    "read_symbolic": "symbolic",
    "stream_audio": "audio",
    "to_pretty_midi": "export",
}

__all__ = [
    "AudioLimits",
    "Limits",
    "read_audio",
    "read_lyrics",
    "read_midi",
    "read_score",
    "read_symbolic",
    "render",
    "stream_audio",
    "to_pretty_midi",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'chordmer.io' has no attribute {name!r}")
    value = getattr(import_module(f"chordmer.io.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
