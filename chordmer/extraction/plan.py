"""What is wanted: features by name, each with an extractor and the recipe that dates its rows."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from chordmer.recognizer.feature_cache import extractor_key
from chordmer.recognizer.hearing import named_extractors
from chordmer.store import Recipe, Row, canonical_json, row_key
from chordmer.track import Track

__all__ = ["FRAMES", "Feature", "feature_of", "named_features"]

#: A feature whose name ends so is the sequence of an extractor's frames, not one pooled vector.
FRAMES = "_frames"
#: What features called by name have beside the parameters of recognisers: rows must be the same on
#: every machine, and workers are many where a GPU is one.
_SETTINGS: Mapping[str, dict[str, Any]] = {
    "chord2vec": {"random_state": 0},
    "lyrics": {"device": "cpu"},
}
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


@dataclass(frozen=True, eq=False)
class Feature:
    """One feature: who computes it, and what its rows say about that.

    Attributes
    ----------
    name : str
    extractor : estimator
        Ready to listen; it travels to workers.
    recipe : Recipe
    """

    name: str
    extractor: Any
    recipe: Recipe

    @property
    def modality(self) -> str:
        """What it listens to: ``"symbolic"``, ``"audio"`` or ``"lyrics"``."""
        modality: str = self.extractor.modality
        return modality

    @property
    def is_ours(self) -> bool:
        """Whether the extractor is chordmer's own, which reads nothing behind the readers' back."""
        return type(self.extractor).__module__.startswith("chordmer.")

    @property
    def in_frames(self) -> bool:
        """Whether it is a sequence of frames."""
        return self.name.endswith(FRAMES)

    def hears(self, track: Track) -> str | None:
        """Return which source of a track it listens to; None where the track has none.

        Where lyrics are missing, the words in the symbolic source stand for them.
        """
        if track.source(self.modality) is not None:
            return self.modality
        return "symbolic" if self.modality == "lyrics" and track.symbolic is not None else None

    def row(self, track: Track, content: str, **found: Any) -> Row:
        """Return the row of a track whose source holds `content`; `found` is what was found."""
        recipe = self.recipe
        made = (recipe.extractor, recipe.parameters, recipe.version)
        return Row(track.id, content, self.name, *made, **found)

    def key(self, track: Track, content: str) -> bytes:
        """Return the key of that row."""
        recipe = self.recipe
        made = (recipe.extractor, recipe.parameters, recipe.version)
        return row_key(track.id, content, self.name, *made)


def named_features(features: Iterable[Any]) -> dict[str, Any]:
    """Return the extractor of each feature by name, as they are asked for.

    Parameters
    ----------
    features : iterable of str, of estimators, or of (name, estimator)
        As for `EmotionRecognizer`: a str is a key of `chordmer.recognizer.recipes.FEATURES`. A
        name, whichever way it is given, may end in ``_frames``: ``"gtf_frames"``.

    Raises
    ------
    ValueError
        If there is none, a name is unknown, stands there twice or could not be a folder's, or
        something is no extractor, or would have to be fitted first.
    """
    if isinstance(features, str):
        raise ValueError(f"features are a list of names, not one text: {features!r}")
    extractors: dict[str, Any] = {}
    for given in features:
        sequence = isinstance(given, str) and given.endswith(FRAMES)
        [(name, extractor)] = named_extractors([given.removesuffix(FRAMES) if sequence else given])
        name += FRAMES if sequence else ""
        if not _NAME.fullmatch(name):
            raise ValueError(f"a feature is named by a-z, 0-9, _ and -, not {name!r}")
        if name in extractors:
            raise ValueError(f"a feature stands there twice: {name!r}")
        if isinstance(given, str):
            extractor.set_params(**_SETTINGS.get(name.removesuffix(FRAMES), {}))
        extractors[name] = extractor
    if not extractors:
        raise ValueError("no feature is named")
    return extractors


def feature_of(name: str, extractor: Any) -> Feature:
    """Return a feature with its recipe.

    The recipe's version stands for the code of chordmer's readers and features, for numpy's version
    and for what the extractor has learned: whatever it is, rows of another version are out of date.

    Raises
    ------
    ValueError
        If the extractor has learned nothing yet but should have, or has parameters that JSON
        cannot say.
    ChordmerError
        If what it stands on (an encoder of lyrics) is missing.
    """
    if not hasattr(extractor, "to_parts") and extractor.__sklearn_tags__().requires_fit:
        raise ValueError(f"{name!r} learns, and could not say what: it has no to_parts")
    kind = type(extractor)
    parameters = {key: _plain(value) for key, value in extractor.get_params(deep=False).items()}
    recipe = Recipe(
        f"{kind.__module__}.{kind.__qualname__}",
        canonical_json(parameters),
        extractor_key(extractor).hex()[:32],
    )
    return Feature(name, extractor, recipe)


def _plain(value: Any) -> Any:
    """Return a parameter as JSON can say it."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
