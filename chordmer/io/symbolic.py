"""The one door for symbolic music, whatever it comes in."""

from __future__ import annotations

from typing import Any

from chordmer.errors import MissingModalityError
from chordmer.io.limits import Limits
from chordmer.io.midi import read_midi
from chordmer.notes import Symbolic
from chordmer.track import Track

__all__ = ["read_symbolic"]

_DEFAULT = Limits()


def read_symbolic(source: Any, *, pedal: bool = False, limits: Limits = _DEFAULT) -> Symbolic:
    """Return the symbolic music in `source`."""
    if isinstance(source, Track):
        if source.symbolic is None:
            raise MissingModalityError("the track has no symbolic source", source=source.id)
        source = source.symbolic
    if isinstance(source, Symbolic):
        return source
    return read_midi(source, pedal=pedal, limits=limits)
