"""Chord2Vec: chords are words, pieces are documents, and skip-gram gives each chord a vector."""

from __future__ import annotations

import operator
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from numbers import Integral
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from chordmer.errors import ChordmerError, ChordmerWarning, ModelError
from chordmer.features._chord_vectors import ChordVectors
from chordmer.features._corpus import LONGEST_PASSAGE, ChordCorpus, FitReport, Passages
from chordmer.features._pieces import chords_of, pieces_in, tokens_of
from chordmer.features._subchords import Subchords
from chordmer.folder import check_expected, load_folder, save_folder
from chordmer.track import Frames

if TYPE_CHECKING:
    from gensim.models import KeyedVectors
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Chord2Vec"]

_SEGMENTATION = ("method", "spelling", "beats_per_measure", "beat_unit", "bpm", "split_beats")
_COUNTS = ("vector_size", "window", "min_count", "negative", "epochs", "workers")
_CHOICES = {"pooling": ("sum", "mean", "tfidf"), "oov": ("compose", "skip", "error")}


class Chord2Vec(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Vectors of chords, learned by skip-gram, and of pieces.

    Parameters
    ----------
    method, spelling : str, default="beat" and "relative"
        How notes become chords, and chords words; see `segment_chords` and the notes below.
    beats_per_measure, beat_unit, bpm, split_beats
        Passed to `segment_chords`.
    vector_size : int, default=256
        Dimensions d of the vectors.
    window : int, default=5
        Chords on each side that a chord is trained to foretell.
    min_count : int, default=5
        Chords heard less often get no vector of their own.
    negative : int, default=5
        Noise chords drawn against each true neighbour.
    sample : float, default=0
        Threshold above which frequent chords are left out at random; gensim's own default, 1e-3,
        would leave out most, as music has few words.
    epochs : int, default=5
        Passes over the corpus.
    pooling : {"sum", "mean", "tfidf"}, default="sum"
        A piece is the sum of the vectors of its chords (equations 2 to 4 of the paper), their
        mean, or their mean weighted by ``log((1 + pieces) / (1 + pieces with the chord)) + 1``.
        The sum grows with a piece's length; where lengths differ, take a mean.
    oov : {"compose", "skip", "error"}, default="compose"
        A chord without a vector of its own is put together from its notes and groups of notes, or
        left out, or refused. The vectors of known chords are the same in all three cases.
    workers : int, default=1
        Training threads. More are faster, and not reproducible.
    random_state : int, RandomState or None, default=None
        With ``workers=1`` the same number gives the same bytes in every process.

    Attributes
    ----------
    embedding_ : ChordVectors
        What was learned: `vocabulary`, `vectors`, and how often each chord was heard.
    fit_report_ : FitReport
        What of the corpus reached the vocabulary.

    Notes
    -----
    The defaults are from ``benchmarks/chord2vec_spellings.py``, which holds the table. On EMOPIA
    relating chords to the key helps most, as transposed pieces then share words: quadrant accuracy
    0.46 with beats and 0.48 between rests, against 0.40 for the published spelling. A clip has 79
    beats but 4 chords between rests, few for skip-gram; no piece is left empty by beats; and they
    tell valence better (0.73 against 0.67). Runs between rests tell arousal by their length: to
    classify performances, ``method="gap"`` with ``pooling="mean"`` is the better choice (0.52).

    References
    ----------
    The MULTISPEC-DNN paper, section III: the principle (A), segmentation (C), piece vectors (D).

    Examples
    --------
    >>> pieces = [["C E G", "F A C", "G B D"] * 9, ["A C E", "D F A", "E G B"] * 9]
    >>> model = Chord2Vec(vector_size=8, random_state=0).fit(pieces)
    >>> model.vocabulary
    ['A C E', 'C E G', 'D F A', 'E G B', 'F A C', 'G B D']
    >>> model.transform([["C E G", "F A C"], ["never E heard"], []]).shape
    (3, 8)
    """

    modality = "symbolic"

    def __init__(
        self,
        *,
        method: str = "beat",
        spelling: str = "relative",
        beats_per_measure: int | None = None,
        beat_unit: int | None = None,
        bpm: float | str | None = None,
        split_beats: float = 1.0,
        vector_size: int = 256,
        window: int = 5,
        min_count: int = 5,
        negative: int = 5,
        sample: float = 0.0,
        epochs: int = 5,
        pooling: str = "sum",
        oov: str = "compose",
        workers: int = 1,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.method = method
        self.spelling = spelling
        self.beats_per_measure = beats_per_measure
        self.beat_unit = beat_unit
        self.bpm = bpm
        self.split_beats = split_beats
        self.vector_size = vector_size
        self.window = window
        self.min_count = min_count
        self.negative = negative
        self.sample = sample
        self.epochs = epochs
        self.pooling = pooling
        self.oov = oov
        self.workers = workers
        self.random_state = random_state

    @classmethod
    def paper(cls, **changes: Any) -> Self:
        """Return the published setting, with `changes` to it.

        A chord ends where the next onset is a beat or more away, 4/4 throughout, and is spelled by
        its notes in order; a piece is the sum of the vectors of its chords; a chord that skip-gram
        gave no vector is left out. The vectors have 500 dimensions, as the text says once; where
        they enter the network it speaks of 256.
        """
        published: dict[str, Any] = {
            "method": "gap",
            "spelling": "ordered",
            "beats_per_measure": 4,
            "vector_size": 500,
            "pooling": "sum",
            "oov": "skip",
        }
        return cls(**(published | changes))

    def fit(self, X: Any, y: object = None) -> Self:
        """Learn the vectors.

        Parameters
        ----------
        X : iterable of pieces, or a callable that returns one
            A piece is a Track or anything that can stand for one, a `Chords`, or a sequence of
            chord names. `X` is passed over once, so a generator that reads from disk will do. The
            chords wait in a temporary file, 4 bytes each: memory grows with the number of different
            chords, not of pieces.

        Warns
        -----
        ChordmerWarning
            If `min_count` leaves less than half of the chords, or leaves one piece in ten empty.

        Raises
        ------
        ChordmerError
            If no chord is heard `min_count` times, or a parameter or a piece cannot be used.
        """
        self._check_parameters()
        with TemporaryFile() as file:
            corpus = ChordCorpus(file)
            for piece in pieces_in(X):
                corpus.add(tokens_of(piece, self._segmentation))
            known = corpus.rank(self.min_count)
            report = corpus.report(known)
            self.embedding_ = self._learn(corpus, known)
        self.fit_report_ = report
        if report.kept_share < 0.5 or report.empty_share >= 0.1:
            problem = f"little survives min_count={self.min_count}: {report}"
            warnings.warn(problem, ChordmerWarning, stacklevel=2)
        return self

    def transform(self, X: Any) -> NDArray[np.float32]:
        """Return the vector of each piece.

        Parameters
        ----------
        X : iterable of pieces, or a callable that returns one
            Pieces as in `fit`.

        Returns
        -------
        ndarray of float32, shape (n, d)
            Zeros for a piece without chords, and with ``oov="skip"`` for one without known chords.

        Raises
        ------
        MissingModalityError
            If a track has no symbolic source.
        ChordmerError
            If a piece cannot be read, or with ``oov="error"`` has an unknown chord.
        """
        check_is_fitted(self)
        self._check_parameters()
        rows = [
            self.embedding_.pool(
                tokens_of(piece, self._segmentation), self.pooling, self.oov, f"piece {number}"
            )
            for number, piece in enumerate(pieces_in(X))
        ]
        return np.array(rows, dtype=np.float32).reshape(len(rows), self._n_features_out)

    def fit_transform(self, X: Any, y: object = None, **_: Any) -> NDArray[np.float32]:
        """Learn from `X` and return its vectors; each piece is read once."""
        sequences = [tokens_of(piece, self._segmentation) for piece in pieces_in(X)]
        return self.fit(sequences).transform(sequences)

    def frames(self, track: Any) -> Frames:
        """Return the vector of each chord of one piece, at the chord's onset in seconds.

        With ``oov="skip"`` an unknown chord has no row.
        """
        check_is_fitted(self)
        self._check_parameters()
        chords = chords_of(track, self._segmentation)
        vectors, _, heard = self.embedding_.embed(chords.tokens, self.oov, "frames")
        return Frames(vectors, chords.onset_sec[heard])

    @property
    def vocabulary(self) -> list[str]:
        """Known chords, the commonest first; row i of `vectors` is that of chord i."""
        check_is_fitted(self)
        return self.embedding_.vocabulary

    @property
    def vectors(self) -> NDArray[np.float32]:
        """Vectors of the known chords, shape (n_chords, d)."""
        check_is_fitted(self)
        return self.embedding_.vectors

    def vector(self, chord: str) -> NDArray[np.float32]:
        """Return the vector of one chord, shape (d,).

        Here and below, one out of the vocabulary is composed with ``oov="compose"`` and otherwise
        raises ChordmerError.
        """
        check_is_fitted(self)
        return self.embedding_.vector(chord, self.oov)

    def similarity(self, chord: str, other: str) -> float:
        """Return the cosine between the vectors of two chords."""
        check_is_fitted(self)
        return self.embedding_.similarity(chord, other, self.oov)

    def most_similar(
        self, positive: str | Sequence[str] = (), negative: str | Sequence[str] = (), topn: int = 10
    ) -> list[tuple[str, float]]:
        """Return the `topn` known chords most like `positive` and unlike `negative`.

        Each of these counts with length 1, and none of them is among the answers: pairs of a chord
        and its cosine, the nearest first.
        """
        check_is_fitted(self)
        near, far = ([c] if isinstance(c, str) else list(c) for c in (positive, negative))
        return self.embedding_.most_similar(near, far, topn, self.oov)

    def doesnt_match(self, chords: Sequence[str]) -> str:
        """Return the chord that points furthest from the mean direction of all `chords`."""
        check_is_fitted(self)
        return self.embedding_.doesnt_match(chords, self.oov)

    def to_keyed_vectors(self) -> KeyedVectors:
        """Return the vocabulary as gensim's KeyedVectors, with the attribute ``"count"``."""
        check_is_fitted(self)
        from gensim.models import KeyedVectors

        keyed = KeyedVectors(self._n_features_out)
        keyed.add_vectors(self.vocabulary, self.vectors)
        keyed.expandos["count"] = self.embedding_.counts.copy()
        return keyed

    def plot(self, n: int = 60, *, ax: Axes | None = None, theme: str = "light") -> Figure:
        """Draw a map of the `n` commonest chords; see `chordmer.plot.draw_chord_map`."""
        check_is_fitted(self)
        from chordmer.plot import draw_chord_map

        counts = self.embedding_.counts
        return draw_chord_map(self.vocabulary[:n], self.vectors[:n], counts[:n], ax=ax, theme=theme)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted model to a folder; a RandomState is not kept, and comes back as None."""
        save_folder(path, *self.to_parts())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a model that `save` wrote, or raise ModelError; this needs no gensim."""
        return cls.from_parts(*load_folder(path, kind="Chord2Vec"), source=path)

    def to_parts(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return what a folder needs: a manifest, and arrays."""
        check_is_fitted(self)
        parameters = {
            name: value.item() if isinstance(value, np.generic) else value
            for name, value in self.get_params().items()
        }
        if not isinstance(parameters["random_state"], int):
            parameters["random_state"] = None
        report, versions = asdict(self.fit_report_), {"gensim": version("gensim")}
        manifest = {"parameters": parameters, "fit_report": report, "versions": versions}
        return {"kind": "Chord2Vec", **manifest}, self.embedding_.to_arrays()

    @classmethod
    def from_parts(
        cls, manifest: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], *, source: object
    ) -> Self:
        """Return the model that `to_parts` described, or raise ModelError naming `source`."""
        check_expected(arrays, ChordVectors.LAYOUT, source=source)
        try:
            model = cls(**manifest["parameters"])
            model._check_parameters()
            report = FitReport(**{k: operator.index(v) for k, v in manifest["fit_report"].items()})
        except (KeyError, TypeError, AttributeError, ChordmerError) as error:
            raise ModelError(f"odd parameters: {error}", source=source, stage="manifest") from error
        embedding = ChordVectors.from_arrays(arrays, report.n_pieces, source=source)
        found = (*embedding.vectors.shape, embedding.counts.sum())
        if found != (report.n_vocabulary, model.vector_size, report.n_kept):
            raise ModelError("do not fit the manifest", source=source, stage="arrays", value=found)
        model.embedding_ = embedding
        model.fit_report_ = report
        return model

    def _learn(self, corpus: ChordCorpus, known: Sequence[int]) -> ChordVectors:
        from gensim.models import Word2Vec

        names = list(corpus.ids)
        vocabulary = [names[chord] for chord in known]
        counts = [corpus.counts[chord] for chord in known]
        passages = Passages(corpus, known, self.window)
        n_passages = sum(1 for _ in passages)
        word2vec = Word2Vec(
            sg=1,
            hs=0,
            vector_size=self.vector_size,
            window=self.window,
            negative=self.negative,
            sample=self.sample,
            epochs=self.epochs,
            workers=self.workers,
            seed=check_random_state(self.random_state).randint(2**31 - 1),
            min_count=1,
            sorted_vocab=0,
        )
        word2vec.build_vocab_from_freq(dict(enumerate(counts)), corpus_count=n_passages)
        word2vec.train(passages, total_examples=n_passages, epochs=self.epochs)
        return ChordVectors(
            vocabulary,
            word2vec.wv.vectors,
            np.array(counts, dtype=np.int64),
            np.array([corpus.piece_counts[chord] for chord in known], dtype=np.int64),
            corpus.n_pieces,
            Subchords.fit(vocabulary, word2vec.wv.vectors),
        )

    @property
    def _segmentation(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _SEGMENTATION}

    @property
    def _n_features_out(self) -> int:
        return int(self.embedding_.vectors.shape[1])

    def _check_parameters(self) -> None:
        def require(holds: bool, name: str, what: str) -> None:
            if not holds:
                problem = f"{name} must be {what}"
                raise ChordmerError(problem, stage="Chord2Vec", value=getattr(self, name))

        for name in _COUNTS:
            value = getattr(self, name)
            whole = isinstance(value, Integral) and not isinstance(value, bool)
            require(whole and value >= 1, name, "a whole number, 1 or more")
        require(self.window < LONGEST_PASSAGE, "window", f"below {LONGEST_PASSAGE}")
        require(isinstance(self.sample, (int, float)) and self.sample >= 0, "sample", "0 or more")
        for name, choices in _CHOICES.items():
            require(getattr(self, name) in choices, name, "one of " + ", ".join(choices))
