"""Lyrics as vectors: any encoder of the BERT family, line by line, verse by verse or whole."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, lru_cache
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin

from chordmer.errors import (
    ChordmerError,
    MissingExtraError,
    MissingModalityError,
    ModelError,
    printable,
)
from chordmer.features.embedding_cache import EmbeddingCache, content_key
from chordmer.features.encoder import Encoder
from chordmer.features.model_files import content_hash, model_folder
from chordmer.features.token_batches import pack_lines, pool_pieces, token_batches
from chordmer.io.lyrics import read_lyrics
from chordmer.io.words import Line, Lyrics
from chordmer.notes import Report
from chordmer.track import Frames, as_track

__all__ = ["LyricEmbedding", "forget_embeddings"]

_POOLINGS = ("mean", "cls", "max")
_LEVELS = ("line", "verse", "song")


class LyricEmbedding(TransformerMixin, BaseEstimator):
    """Embeddings of lyrics from a pretrained encoder.

    Stateless: `fit` learns nothing. Lyrics are cut into lines, verses or not at all; each such unit
    is one vector, and a track's vector is the mean of its units. What is longer than the encoder
    reads is cut between lines, inside a line only where it must be, and pooled again over all
    its tokens: nothing is dropped, and `report` says how often that happened.

    Parameters
    ----------
    model : str or path, default="sentence-transformers/all-MiniLM-L6-v2"
        A folder, or a name on the Hugging Face hub. Other choices: ``"bert-base-uncased"``; for
        many languages ``"sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2"``,
        ``"bert-base-multilingual-cased"``, ``"xlm-roberta-base"``.
    revision : str, optional
        Branch, tag or commit of a model on the hub; a commit pins it.
    sha256 : str, optional
        What `chordmer.features.model_files.content_hash` gives for the model's files. Any others
        are refused: so a saved recogniser hears with the encoder it learned with.
    pooling : {"mean", "cls", "max"}, default="mean"
        Of the hidden states of a unit's tokens, padding left out; "cls" takes the first one.
    level : {"line", "verse", "song"}, default="line"
        What becomes one vector, and one frame of `frames`.
    max_length : int, optional
        Most tokens the encoder is given at once, its special ones included; by default and at most
        what the model was made for.
    batch_size : int, default=64
        Most texts encoded together.
    batch_tokens : int, default=4096
        Most tokens encoded together, padding included.
    normalize : bool, default=True
        Whether each unit's vector has length 1, as sentence encoders are trained to be compared.
    device : str, optional
        As torch names it; the GPU where there is one by default.
    local_files_only : bool, default=True
        Whether only models on this machine are used; False allows to download `model`.
    cache : path, optional
        Folder in which vectors are kept from one process to the next; see
        `chordmer.features.embedding_cache`.

    Examples
    --------
    >>> from chordmer.features.lyrics import LyricEmbedding
    >>> LyricEmbedding(level="song").level
    'song'
    """

    modality = "lyrics"

    def __init__(
        self,
        *,
        model: str | os.PathLike[str] = "sentence-transformers/all-MiniLM-L6-v2",
        revision: str | None = None,
        sha256: str | None = None,
        pooling: str = "mean",
        level: str = "line",
        max_length: int | None = None,
        batch_size: int = 64,
        batch_tokens: int = 4096,
        normalize: bool = True,
        device: str | None = None,
        local_files_only: bool = True,
        cache: str | os.PathLike[str] | None = None,
    ) -> None:
        self.model = model
        self.revision = revision
        self.sha256 = sha256
        self.pooling = pooling
        self.level = level
        self.max_length = max_length
        self.batch_size = batch_size
        self.batch_tokens = batch_tokens
        self.normalize = normalize
        self.device = device
        self.local_files_only = local_files_only
        self.cache = cache

    def fit(self, tracks: Iterable[Any], y: object = None) -> Self:
        """Return self; there is nothing to learn, but parameters that cannot be are refused."""
        self._check()
        return self

    def transform(self, tracks: Iterable[Any]) -> NDArray[np.float32]:
        """Return the embedding of each track's lyrics: the mean over its lines or verses.

        Parameters
        ----------
        tracks : iterable of Track, or of anything `chordmer.io.read_lyrics` reads

        Returns
        -------
        ndarray of float32, shape (n, d)
            Zeros for lyrics without a word.

        Raises
        ------
        MissingModalityError
            If a track has neither lyrics nor a symbolic source with words.
        LyricsError
            If lyrics cannot be read.
        ModelError
            If the model is missing, damaged, or no encoder.
        MissingExtraError
            If transformers or torch is not installed.
        """
        self._check()
        units = [self._units(lyrics) for lyrics in map(_read, tracks)]
        vectors = self._embed([texts for track in units for texts, _ in track])
        ends = np.cumsum([0, *map(len, units)])
        rows = np.zeros((len(units), vectors.shape[1]), np.float32)
        for row, (a, b) in zip(rows, pairwise(ends)):
            if b > a:
                row[:] = vectors[a:b].mean(axis=0)
        return rows

    def frames(self, track: Any) -> Frames:
        """Return the embedding of each line, verse or song with its time.

        What is sung at one time, as the verses under one melody are, is one frame: the mean. Where
        not every line has a time, the times are 0, 1, 2, ...: an order and no more.
        """
        self._check()
        lyrics = _read(track)
        units = self._units(lyrics)
        vectors = self._embed([texts for texts, _ in units])
        starts = [start for _, start in units]
        if lyrics.is_timed:
            times, place, sizes = np.unique(
                np.array(starts, np.float64), return_inverse=True, return_counts=True
            )
            sums = np.zeros((len(times), vectors.shape[1]), np.float32)
            np.add.at(sums, place, vectors)
            sums /= sizes[:, None]
            return Frames(sums, times)
        return Frames(vectors, np.arange(len(units), dtype=np.float64))

    def report(self, tracks: Iterable[Any]) -> Report:
        """Return how `tracks` are cut for the encoder, without running it.

        Returns
        -------
        Report
            In `counts`: ``tracks``, ``units`` (lines, verses or songs), ``tokens`` (without the
            special ones), ``unknown_tokens``, ``pieces`` that the encoder is given,
            ``units_in_pieces`` longer than it reads at once, and ``lines_cut`` inside. Zeros are
            left out. No token is ever dropped.
        """
        encoder = self._encoder()
        units = [self._units(lyrics) for lyrics in map(_read, tracks)]
        texts = [text for track in units for text, _ in track]
        packed = [pack_lines(lines, self._room(encoder)) for lines in encoder.tokens(texts)]
        tokens = [token for pieces, _ in packed for piece in pieces for token in piece]
        counts = {
            "tracks": len(units),
            "units": len(texts),
            "tokens": len(tokens),
            "unknown_tokens": sum(token == encoder.unknown for token in tokens),
            "pieces": sum(len(pieces) for pieces, _ in packed),
            "units_in_pieces": sum(len(pieces) > 1 for pieces, _ in packed),
            "lines_cut": sum(cut for _, cut in packed),
        }
        warnings = []
        if 10 * counts["unknown_tokens"] > counts["tokens"]:
            warnings.append(
                "over a tenth of the tokens are unknown to the model: another language?"
            )
        return Report(
            counts=MappingProxyType({name: n for name, n in counts.items() if n}),
            warnings=tuple(warnings),
        )

    def get_feature_names_out(self, input_features: object = None) -> NDArray[np.object_]:
        """Return the names of the columns of `transform`: ``lyrics_0``, ``lyrics_1``, ..."""
        return np.array([f"lyrics_{i}" for i in range(self._encoder().size)], dtype=object)

    def to_parts(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return what a folder needs: parameters, which name the encoder's files by their hash."""
        folder = model_folder(
            os.fspath(self.model), self.revision, local_files_only=self.local_files_only
        )
        parameters = {**self.get_params(), "model": os.fspath(self.model)}
        parameters |= {"sha256": content_hash(folder), "cache": None}
        return {"kind": "LyricEmbedding", "parameters": parameters}, {}

    def _check(self) -> None:
        for name, known in (("pooling", _POOLINGS), ("level", _LEVELS)):
            if getattr(self, name) not in known:
                raise ChordmerError(
                    f"unknown {name}; choose from {', '.join(known)}",
                    stage="LyricEmbedding",
                    value=getattr(self, name),
                )
        for name in ("batch_size", "batch_tokens"):
            if getattr(self, name) < 1:
                raise ChordmerError(
                    f"{name} below 1", stage="LyricEmbedding", value=getattr(self, name)
                )

    def _units(self, lyrics: Lyrics) -> list[tuple[tuple[str, ...], float | None]]:
        """Return the lines of text of each unit, and when it begins."""
        groups: Sequence[Sequence[Line]] = {
            "line": [[line] for line in lyrics.lines],
            "verse": lyrics.verses,
            "song": [lyrics.lines] if lyrics else [],
        }[self.level]
        return [(tuple(line.text for line in g), g[0].start) for g in groups]

    def _encoder(self) -> Encoder:
        self._check()
        folder = model_folder(
            os.fspath(self.model), self.revision, local_files_only=self.local_files_only
        )
        hashed = content_hash(folder)
        if self.sha256 not in (None, hashed):
            problem = f"not the encoder that is wanted: its hash is not {self.sha256}"
            raise ModelError(problem, source=folder, stage="loading the model", value=hashed)
        return _load(folder, hashed, self.device or _best_device())

    def _room(self, encoder: Encoder) -> int:
        """Return how many tokens of lyrics the encoder is given at once."""
        most = min(self.max_length or encoder.max_length, encoder.max_length)
        room = most - len(encoder.before) - len(encoder.after)
        if room < 1:
            raise ChordmerError(
                "max_length leaves no room for a word", stage="LyricEmbedding", value=most
            )
        return room

    def _embed(self, texts: Sequence[tuple[str, ...]]) -> NDArray[np.float32]:
        """Return the vector of each unit, from the cache or the encoder; shape (n, d)."""
        encoder = self._encoder()
        room = self._room(encoder)
        kind = f"{encoder.content_hash} {self.pooling} {room}"
        keys = [content_key(kind, *lines) for lines in texts]
        store = _store(None if self.cache is None else os.fspath(self.cache))
        found = store.get(keys, encoder.size)
        missing = {key: lines for key, lines in zip(keys, texts) if key not in found}
        if missing:
            made = self._encode(list(missing.values()), encoder, room)
            fresh = dict(zip(missing, made))
            store.put(fresh)
            found = found | fresh
        vectors = np.array([found[key] for key in keys], np.float32).reshape(-1, encoder.size)
        if self.normalize:
            vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        return vectors

    def _encode(
        self, texts: Sequence[tuple[str, ...]], encoder: Encoder, room: int
    ) -> NDArray[np.float32]:
        # A unit of which the tokenizer leaves nothing is still encoded, as an empty text.
        packed = [pack_lines(lines, room)[0] or [[]] for lines in encoder.tokens(texts)]
        pieces = [piece for unit in packed for piece in unit]
        owner = np.repeat(np.arange(len(packed)), [len(unit) for unit in packed])
        lengths = [len(piece) + len(encoder.before) + len(encoder.after) for piece in pieces]
        vectors = np.empty((len(pieces), encoder.size), np.float32)
        for batch in token_batches(
            lengths, batch_tokens=self.batch_tokens, batch_size=self.batch_size
        ):
            vectors[batch] = encoder.encode([pieces[i] for i in batch], self.pooling)
        if not np.isfinite(vectors).all():
            raise ModelError("the model gives no finite numbers", source=self.model, stage="encode")
        return pool_pieces(vectors, owner, lengths, self.pooling)

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.two_d_array = False
        return tags


def _read(source: Any) -> Lyrics:
    """Return the lyrics of a track, or of what stands for one."""
    if not isinstance(source, (Lyrics, bytes)):
        source = _with_words(source)
    return read_lyrics(source)


def _with_words(source: Any) -> Any:
    try:
        track = as_track(source)
    except ChordmerError:
        if isinstance(source, (str, os.PathLike)):
            return source
        raise
    if track.lyrics is None and track.symbolic is None:
        raise MissingModalityError("no lyrics", source=track.id, stage="LyricEmbedding")
    return track


@cache
def _store(folder: str | None) -> EmbeddingCache:
    return EmbeddingCache(folder)


def forget_embeddings() -> None:
    """Drop the vectors that this process keeps in memory.

    The last bits of a vector depend on what it was encoded together with: whose answers must not
    depend on what came before calls this in between.
    """
    _store.cache_clear()


def _best_device() -> str:
    try:
        import torch
    except ImportError as problem:
        raise MissingExtraError.of("torch", "lyrics") from problem
    return "cuda" if torch.cuda.is_available() else "cpu"


@lru_cache(maxsize=2)
def _load(folder: Path, hashed: str, device: str) -> Encoder:
    """Return the model in `folder`; a change of its files is a change of `hashed`."""
    try:
        from transformers import AutoModel, AutoTokenizer
    except ImportError as problem:
        raise MissingExtraError.of("transformers", "lyrics") from problem
    where = os.fspath(folder)
    try:
        with _quiet():
            tokenizer = AutoTokenizer.from_pretrained(
                where, local_files_only=True, trust_remote_code=False, use_fast=True
            )
            model, found = AutoModel.from_pretrained(
                where,
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,
                output_loading_info=True,
            )
    except Exception as problem:  # whatever a damaged file makes of transformers
        raise ModelError(
            f"transformers cannot load it: {printable(problem)}",
            source=where,
            stage="loading the model",
        ) from problem
    # transformers gives random numbers to what the file lacks; only the pooler is not used here.
    missing = sorted(name for name in found["missing_keys"] if not name.startswith("pooler."))
    if missing:
        raise ModelError(
            f"{len(missing)} weights are missing", source=where, stage="weights", value=missing[0]
        )
    return Encoder(model, tokenizer, folder, hashed, device)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers from drawing progress bars and warning about what is handled here."""
    from transformers.utils import logging as untyped

    logging: Any = untyped

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
