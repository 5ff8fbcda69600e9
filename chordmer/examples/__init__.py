"""A piece to try things on.

`schubert_gute_nacht.mid`: Franz Schubert, *Gute Nacht*, from *Winterreise* D 911; voice and piano.
From the OpenScore Lieder Corpus, dedicated to the public domain (CC0 1.0) by its makers.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["example"]


def example() -> Path:
    """Return the path of a MIDI file that chordmer carries: Schubert's *Gute Nacht*.

    Examples
    --------
    >>> example().name
    'schubert_gute_nacht.mid'
    """
    return Path(__file__).with_name("schubert_gute_nacht.mid")
