"""Corpora of music with emotions, from the user's own copies: ``load_NAME(root) -> Dataset``.

Nothing is ever downloaded. The names below are loaded when first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chordmer.datasets.ch818 import load_ch818
    from chordmer.datasets.dataset import About, Dataset, Report
    from chordmer.datasets.deam import load_deam
    from chordmer.datasets.emodb import load_emodb
    from chordmer.datasets.emomusic import load_emomusic
    from chordmer.datasets.emopia import load_emopia
    from chordmer.datasets.emotify import load_emotify
    from chordmer.datasets.emotion import load_emotion
    from chordmer.datasets.folders import load_folders
    from chordmer.datasets.four_q import load_four_q
    from chordmer.datasets.iemocap import load_iemocap
    from chordmer.datasets.jamendo import load_jamendo
    from chordmer.datasets.manifest import load_manifest
    from chordmer.datasets.memomusic import load_memomusic
    from chordmer.datasets.mirex import load_mirex
    from chordmer.datasets.moodswings import load_moodswings
    from chordmer.datasets.pmemo import load_pmemo
    from chordmer.datasets.ratings import RatedCurve, Scale
    from chordmer.datasets.ravdess import load_ravdess
    from chordmer.datasets.vgmidi import load_vgmidi

_CORPORA = (
    *("ch818", "deam", "emodb", "emomusic", "emopia", "emotify", "emotion", "folders", "four_q"),
    *("iemocap", "jamendo", "manifest", "memomusic", "mirex", "moodswings", "pmemo", "ravdess"),
    "vgmidi",
)
_HOME = {
    **dict.fromkeys(("About", "Dataset", "Report"), "dataset"),
    **dict.fromkeys(("RatedCurve", "Scale"), "ratings"),
    **{f"load_{name}": name for name in _CORPORA},
}

__all__ = [
    "About",
    "Dataset",
    "RatedCurve",
    "Report",
    "Scale",
    "load_ch818",
    "load_deam",
    "load_emodb",
    "load_emomusic",
    "load_emopia",
    "load_emotify",
    "load_emotion",
    "load_folders",
    "load_four_q",
    "load_iemocap",
    "load_jamendo",
    "load_manifest",
    "load_memomusic",
    "load_mirex",
    "load_moodswings",
    "load_pmemo",
    "load_ravdess",
    "load_vgmidi",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
