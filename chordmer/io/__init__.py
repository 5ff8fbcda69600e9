"""The only rooms that open media files."""

from chordmer.io.export import to_pretty_midi
from chordmer.io.limits import Limits
from chordmer.io.lyrics import read_lyrics
from chordmer.io.midi import read_midi
from chordmer.io.score import read_score
from chordmer.io.symbolic import read_symbolic

__all__ = ["Limits", "read_lyrics", "read_midi", "read_score", "read_symbolic", "to_pretty_midi"]
