"""The real files that tests read: the bundled ones, and whole corpora where they are at hand.

With CHORDMER_DATA set to a folder that holds corpora as `<corpus>/midi*/*.mid`, the same tests run
over all of them.
"""

import os
from itertools import chain
from pathlib import Path

DATA = Path(__file__).parent / "data"


def corpora() -> Path | None:
    """The folder with whole corpora, where one is named."""
    named = os.environ.get("CHORDMER_DATA")
    return Path(named) if named else None


def _files(*patterns: str) -> list[Path]:
    roots = [root for root in (DATA, corpora()) if root]
    return list(chain.from_iterable(sorted(r.glob(p)) for r in roots for p in patterns))


def bundled_midi() -> list[Path]:
    """The real MIDI files that come with the tests."""
    return sorted(DATA.glob("*/*.mid"))


def midi_files() -> list[Path]:
    """Every real MIDI file at hand."""
    return _files("*/*.mid", "*/midi*/*.mid")


def bundled_scores() -> list[Path]:
    """The real scores that come with the tests."""
    return sorted(DATA.glob("*/*.mxl"))


def score_files() -> list[Path]:
    """Every real score at hand."""
    return _files("*/*.mxl", "*/scores/*.mxl")
