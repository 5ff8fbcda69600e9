"""Extractors at work on tracks that lack now this, now that: what each track has, and no more."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from chordmer.augment import Variation
from chordmer.errors import ChordmerError, LyricsError, MissingModalityError
from chordmer.features.embedding_cache import content_key
from chordmer.io import read_lyrics
from chordmer.recognizer.feature_cache import FeatureCache, code_key, extractor_key, source_key
from chordmer.recognizer.recipes import FEATURES
from chordmer.track import Track

__all__ = ["Heard", "Hearing", "named_extractors", "seed"]

#: What one track gives: the vector (d,) or the frames (t, d) of each extractor it has a source for.
Heard = dict[str, NDArray[np.float32]]

#: Tracks handed to an extractor at once; some, as encoders of lyrics, are quicker by the batch.
_BATCH = 32


def named_extractors(extractors: Iterable[Any]) -> list[tuple[str, Any]]:
    """Return extractors with their names, whichever way each was given.

    Parameters
    ----------
    extractors : iterable of str, of estimators, or of (name, estimator)
        A str is a key of `chordmer.recognizer.recipes.FEATURES`; an estimator alone is called by
        its class, in small letters.

    Raises
    ------
    ValueError
        If there is none, a name is unknown or stands there twice, or something is no extractor.
    """
    pairs: list[tuple[str, Any]] = []
    for given in extractors:
        if isinstance(given, str):
            if given not in FEATURES:
                raise ValueError(
                    f"no features are called {given!r}; there are {', '.join(FEATURES)}"
                )
            pairs.append((given, FEATURES[given]()))
        elif isinstance(given, (tuple, list)) and len(given) == 2 and isinstance(given[0], str):
            pairs.append((given[0], given[1]))
        else:
            pairs.append((type(given).__name__.lower(), given))
    names = [name for name, _ in pairs]
    if not names or len(set(names)) != len(names):
        raise ValueError(f"extractors want one or more different names, not {names}")
    for name, extractor in pairs:
        if getattr(extractor, "modality", None) not in ("symbolic", "audio", "lyrics"):
            raise ValueError(f"{name!r} is no extractor: {type(extractor).__name__}")
        if "__" in name:
            raise ValueError(f"the name of an extractor may not hold '__': {name!r}")
    return pairs


def seed(estimator: Any, random: np.random.RandomState) -> Any:
    """Return a clone of `estimator` in which every `random_state` that was None is drawn."""
    copy = clone(estimator)
    for name, value in sorted(copy.get_params().items()):
        if name.rpartition("__")[2] == "random_state" and value is None:
            copy.set_params(**{name: int(random.randint(2**31 - 1))})
    return copy


@dataclass(frozen=True, eq=False)
class Hearing:
    """Fitted extractors, and how each of them listens.

    Attributes
    ----------
    extractors : tuple of (str, estimator)
    vectors : frozenset of str
        The extractors that give one vector a track; the others give frames.
    """

    extractors: tuple[tuple[str, Any], ...]
    vectors: frozenset[str]
    _keys: dict[str, bytes] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def of(cls, extractors: Iterable[tuple[str, Any]], vectors: Collection[str]) -> Hearing:
        """Return the hearing of extractors that are fitted already."""
        pairs = tuple(extractors)
        return cls(pairs, frozenset(vectors) & {name for name, _ in pairs})

    def _key(self, name: str) -> bytes:
        """Return what an extractor has become, for the cache; asked for when it first listens."""
        if name not in self._keys:
            self._keys[name] = extractor_key(dict(self.extractors)[name])
        return self._keys[name]

    @classmethod
    def fit(
        cls,
        extractors: Iterable[tuple[str, Any]],
        vectors: Collection[str],
        tracks: Sequence[Track],
        y: NDArray[Any],
    ) -> Hearing:
        """Fit extractors in place, each to the tracks that have its modality.

        One whose modality no track has is left out: there is nothing to learn about it.

        Raises
        ------
        MissingModalityError
            If that leaves none.
        """
        fitted = []
        for name, extractor in extractors:
            rows = [i for i, track in enumerate(tracks) if has(track, extractor.modality)]
            if rows:
                fitted.append((name, extractor.fit([tracks[i] for i in rows], y[rows])))
        if not fitted:
            raise MissingModalityError(
                "none of the tracks has a source that the extractors work on", stage="fit"
            )
        return cls.of(fitted, vectors)

    @property
    def modalities(self) -> tuple[str, ...]:
        """What the extractors listen to, without repeats."""
        return tuple(dict.fromkeys(extractor.modality for _, extractor in self.extractors))

    def hear(
        self,
        tracks: Sequence[Track],
        cache: FeatureCache | None = None,
        *,
        strict: bool = True,
        verbose: bool = False,
    ) -> list[Heard]:
        """Return the features of each track.

        Parameters
        ----------
        tracks : sequence of Track
        cache : FeatureCache, optional
            Where features are looked for first and kept afterwards.
        strict : bool, default True
            Whether a track that nothing is heard of is an error; otherwise it is given ``{}``.
        verbose : bool, default False
            Whether a line on standard error counts the tracks.

        Raises
        ------
        MissingModalityError
            If `strict`, and a track has nothing that any extractor works on.
        ChordmerError
            If a source cannot be read.
        """
        heard: list[Heard] = []
        for start in range(0, len(tracks), _BATCH):
            heard += self._hear(tracks[start : start + _BATCH], cache)
            for track, found in zip(tracks[start:], heard[start:] if strict else ()):
                if not found:
                    raise MissingModalityError(
                        f"nothing to listen to: the model works on {', '.join(self.modalities)}",
                        source=track.id,
                        stage="hearing",
                    )
            if verbose:
                done = len(heard)
                end = "\n" if done == len(tracks) else ""
                print(f"\rfeatures: {done} of {len(tracks)} tracks", end=end, file=sys.stderr)
        return heard

    def _hear(self, tracks: Sequence[Track], cache: FeatureCache | None) -> list[Heard]:
        heard: list[Heard] = [{} for _ in tracks]
        for name, extractor in self.extractors:
            rows = [i for i, track in enumerate(tracks) if has(track, extractor.modality)]
            form = "vector" if name in self.vectors else "frames"
            keys = {}
            if cache and rows:
                key = self._key(name)
                keys = {i: _feature_key(tracks[i], extractor, key, form) for i in rows}
            for i in rows:
                if cache and (values := cache.get(keys[i])) is not None:
                    heard[i][name] = values
            missing = [i for i in rows if name not in heard[i]]
            for i, values in zip(missing, _extract(extractor, form, [tracks[i] for i in missing])):
                heard[i][name] = cache.put(keys[i], values) if cache else values
            for i in rows:
                # A piece without a chord has no frame of chords: there is nothing to hear.
                if not len(heard[i][name]):
                    del heard[i][name]
        return heard


def _extract(extractor: Any, form: str, tracks: list[Track]) -> list[NDArray[np.float32]]:
    if not tracks:
        return []
    if form == "frames":
        return [extractor.frames(track).values for track in tracks]
    rows = np.asarray(extractor.transform(tracks), dtype=np.float32)
    if rows.ndim != 2 or len(rows) != len(tracks):
        raise ChordmerError("gives not one row a track", stage=type(extractor).__name__)
    return list(rows)


def _feature_key(track: Track, extractor: Any, key: bytes, form: str) -> bytes:
    change: str | bytes = ""
    if isinstance(track, Variation):
        # What it is made of is known more quickly than what it becomes.
        kind: type = type(track)
        change, track = content_key(code_key(kind), repr(track.change)), track.original
    source = track.source(extractor.modality)
    # Where lyrics are missing, the words in the symbolic source stand for them.
    source = track.symbolic if source is None else source
    return content_key(key, form, change, source_key(source))


def has(track: Track, modality: str) -> bool:
    """Return whether a track has a modality; a MIDI file with words in it has lyrics too."""
    if track.source(modality) is not None:
        return True
    return modality == "lyrics" and track.symbolic is not None and _sings(track)


def _sings(track: Track) -> bool:
    return _has_words(_Source(track.symbolic, source_key(track.symbolic)))


@dataclass(frozen=True)
class _Source:
    """A source that is equal to another one of the same content."""

    source: Any
    key: bytes

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Source) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


@lru_cache(maxsize=1 << 12)
def _has_words(symbolic: _Source) -> bool:
    try:
        return bool(read_lyrics(Track("", symbolic=symbolic.source)))
    except (LyricsError, MissingModalityError):
        return False
