"""Many words as one array of bytes, for models whose vocabulary is too long for a manifest."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from chordmer.errors import ModelError
from chordmer.folder import parse_json

__all__ = ["pack_words", "unpack_words"]


def pack_words(words: Sequence[str]) -> NDArray[np.uint8]:
    """Return `words` as an array of bytes (a JSON list), for a model with many of them.

    >>> unpack_words(pack_words(["C:maj", "F#5"]))
    ['C:maj', 'F#5']
    """
    return np.frombuffer(json.dumps(list(words)).encode("ascii"), dtype=np.uint8)


def unpack_words(packed: NDArray[np.uint8], *, source: object = None) -> list[str]:
    """Return the words in `packed`, the inverse of `pack_words`.

    Raises
    ------
    ModelError
        If the bytes are not a list of different strings; `source` is the file it names.
    """
    words = parse_json(packed.tobytes(), source, "words")
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise ModelError("not a list of words", source=source, stage="words")
    if len(set(words)) != len(words):
        raise ModelError("a word stands there twice", source=source, stage="words")
    return words
