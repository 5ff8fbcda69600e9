"""chordmer recognises the emotion that music expresses, from MIDI and scores, audio and lyrics."""

__version__ = "0.1.0.dev0"
