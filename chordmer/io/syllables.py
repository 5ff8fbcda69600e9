"""Which syllables belong to one word, where a file does not say.

Lyric events of notation programs hold bare syllables: ``Wal``, ``de``, ``den``, ``al``, ``ten``.
A logistic regression over the letters around each gap decides whether a word ends there; it
learned from the songs of the OpenScore Lieder Corpus (CC0), whose words are known, in German,
French, English and some Italian.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

__all__ = ["gap_features", "word_ends"]

_WEIGHTS = Path(__file__).parent.parent / "weights" / "syllables" / "weights.safetensors"
_NOT_LETTERS = re.compile(r"[\W\d_]+")
#: Length of the table that features are hashed into.
SLOTS = 1 << 17


def word_ends(syllables: Sequence[str]) -> list[bool]:
    """Return for each syllable whether a word ends with it; the last one always does.

    >>> word_ends(["Ich", "ging", "im", "Wal", "de", "den", "al", "ten", "Steig,"])
    [True, True, True, False, True, True, False, True, True]
    """
    if not syllables:
        return []
    weights, scale = _weights()
    ends = [
        float(weights[slots].sum()) * scale > 0.0
        for slots in map(list, map(set, gap_features(syllables)))
    ]
    return [*ends, True]


def gap_features(syllables: Sequence[str]) -> Iterator[list[int]]:
    """Yield, for each gap between two syllables, the slots of its features.

    The features are the two syllables at each side, alone and together, the letters that meet,
    capitals, punctuation and lengths.
    """
    known = [text.lower().replace("’", "'") for text in syllables]
    padded = ["^", *known, "$", "$"]
    for i, text in enumerate(syllables[:-1]):
        before, left, right, after = padded[i : i + 4]
        following = syllables[i + 1]
        capital = "U" if following[:1].isupper() else "l"
        case = capital + ("U" if text[:1].isupper() else "l")
        mark = "".join(_NOT_LETTERS.findall(left[-1:]))
        names = (
            *(f"l {left}", f"r {right}", f"lr {left}|{right}", f"b {before}", f"a {after}"),
            *(f"bl {before}|{left}", f"ra {right}|{after}"),
            *(f"blr {before}|{left}|{right}", f"lra {left}|{right}|{after}"),
            *(f"case {case}", f"cl {capital}{left}", f"cr {capital}{right}"),
            *(f"l1 {left[-1:]}", f"l2 {left[-2:]}", f"r1 {right[:1]}", f"r2 {right[:2]}"),
            *(f"m1 {left[-1:]}{right[:1]}", f"m2 {left[-2:]}{right[:2]}", f"re {right[-1:]}"),
            *(f"mark {mark}", f"ll {len(left)}", f"rl {len(right)}", "bias"),
        )
        yield [crc32(name.encode("utf-8", "surrogatepass")) % SLOTS for name in names]


@cache
def _weights() -> tuple[NDArray[np.int32], float]:
    from safetensors.numpy import load_file

    tables = load_file(_WEIGHTS)
    return tables["weights"].astype(np.int32), float(tables["scale"][0])
