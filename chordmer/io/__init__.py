"""The only rooms that open media files."""

from chordmer.io.audio import read_audio, stream_audio
from chordmer.io.decode import AudioLimits
from chordmer.io.export import to_pretty_midi
from chordmer.io.limits import Limits
from chordmer.io.midi import read_midi
from chordmer.io.render import render
from chordmer.io.score import read_score
from chordmer.io.symbolic import read_symbolic

__all__ = [
    "AudioLimits",
    "Limits",
    "read_audio",
    "read_midi",
    "read_score",
    "read_symbolic",
    "render",
    "stream_audio",
    "to_pretty_midi",
]
