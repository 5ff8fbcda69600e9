"""Recognition while the music plays: MIDI events or blocks of sound in, an `Emotion` out."""

from chordmer.streaming.notes import NoteStream
from chordmer.streaming.recognizer import StreamingRecognizer

__all__ = ["NoteStream", "StreamingRecognizer"]
