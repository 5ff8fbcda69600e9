"""The only rooms that open media files."""

from chordmer.io.limits import Limits
from chordmer.io.midi import read_midi
from chordmer.io.symbolic import read_symbolic

__all__ = ["Limits", "read_midi", "read_symbolic"]
