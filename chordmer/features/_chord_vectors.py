"""What skip-gram learned about chords: their vectors, and which of them are alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from chordmer.errors import ChordmerError, ModelError
from chordmer.features._subchords import Subchords
from chordmer.features.packed_words import pack_words, unpack_words
from chordmer.folder import Shape

__all__ = ["ChordVectors"]

_MOST_REMEMBERED = 1 << 14


class ChordVectors:
    """The vectors of a vocabulary of chords, and by composition of every other chord.

    Parameters
    ----------
    vocabulary : list of str, length n
        Known chords, the commonest first.
    vectors : ndarray of float32, shape (n, d)
    counts, piece_counts : ndarray of int64, shape (n,)
        How often each chord was heard, and in how many pieces.
    n_pieces : int
        In how many there were to hear it.
    subchords : Subchords
        What composes the vectors of all other chords.
    """

    #: What `to_arrays` gives and `from_arrays` takes, as `load_folder` checks it.
    LAYOUT: ClassVar[dict[str, tuple[str, Shape]]] = {
        "vocabulary": ("uint8", ("n_bytes",)),
        "vectors": ("float32", ("n_chords", "vector_size")),
        "counts": ("int64", ("n_chords",)),
        "piece_counts": ("int64", ("n_chords",)),
        "groups": ("uint8", ("n_group_bytes",)),
        "group_weights": ("float32", ("n_groups_and_mean", "vector_size")),
    }

    def __init__(
        self,
        vocabulary: list[str],
        vectors: NDArray[np.float32],
        counts: NDArray[np.int64],
        piece_counts: NDArray[np.int64],
        n_pieces: int,
        subchords: Subchords,
    ) -> None:
        self.vocabulary = vocabulary
        self.vectors = vectors
        self.counts = counts
        self.piece_counts = piece_counts
        self.n_pieces = n_pieces
        self.subchords = subchords
        self._rows = {chord: row for row, chord in enumerate(vocabulary)}
        self._composed: dict[str, NDArray[np.float32]] = {}

    def compose(self, chord: str) -> NDArray[np.float32]:
        """Return the vector that a chord's notes and groups of notes make, shape (d,)."""
        vector = self._composed.get(chord)
        if vector is None:
            if len(self._composed) >= _MOST_REMEMBERED:
                self._composed.clear()
            vector = self._composed[chord] = self.subchords.compose(chord)
        return vector

    def embed(
        self, chords: Sequence[str], oov: str, stage: str
    ) -> tuple[NDArray[np.float32], NDArray[np.intp], NDArray[np.bool_]]:
        """Return the vectors of the chords that have one, shape (k, d).

        With them come their rows in the vocabulary, shape (k,), -1 where composed, and which of
        the chords they are, a mask of shape (t,). With ``oov="error"`` all must be known.
        """
        rows = np.array([self._rows.get(chord, -1) for chord in chords], dtype=np.intp)
        known = rows >= 0
        if oov == "skip":
            return self.vectors[rows[known]], rows[known], known
        vectors = self.vectors[rows]
        for i in np.flatnonzero(~known).tolist():
            if oov == "error":
                problem = "the chord is not in the vocabulary"
                raise ChordmerError(problem, stage=stage, value=chords[i])
            vectors[i] = self.compose(chords[i])
        return vectors, rows, np.ones(len(rows), dtype=bool)

    def pool(
        self, chords: Sequence[str], pooling: str, oov: str, stage: str
    ) -> NDArray[np.float64]:
        """Return the sum, mean or tf-idf weighted mean of the chords' vectors, shape (d,)."""
        vectors, rows, _ = self.embed(chords, oov, stage)
        if pooling == "tfidf":
            # Row -1, the last, stands for every chord that is in no piece.
            heard_in = np.append(self.piece_counts, 0)[rows]
            weights = np.log((1 + self.n_pieces) / (1 + heard_in)) + 1
        else:
            weights = np.ones(len(rows))
        total: NDArray[np.float64] = weights @ vectors
        return total if pooling == "sum" else total / max(weights.sum(), 1.0)

    def vector(self, chord: str, oov: str) -> NDArray[np.float32]:
        """Return the vector of one chord, shape (d,)."""
        vectors, _, _ = self.embed([chord], "error" if oov == "skip" else oov, "vector")
        vector: NDArray[np.float32] = vectors[0]
        return vector

    def similarity(self, chord: str, other: str, oov: str) -> float:
        """Return the cosine between two chords."""
        directions = self._directions([chord, other], oov, "similarity")
        return float(directions[0] @ directions[1])

    def most_similar(
        self, near: Sequence[str], far: Sequence[str], topn: int, oov: str
    ) -> list[tuple[str, float]]:
        """Return the known chords with the largest cosine to the sum of `near` less `far`."""
        directions = self._directions([*near, *far], oov, "most_similar")
        wanted = directions[: len(near)].sum(axis=0) - directions[len(near) :].sum(axis=0)
        cosines = unit(self.vectors) @ unit(wanted)
        asked = {*near, *far}
        best = np.argsort(-cosines, kind="stable")[: max(topn, 0) + len(asked)]
        found = [(self.vocabulary[row], float(cosines[row])) for row in best]
        return [(chord, cosine) for chord, cosine in found if chord not in asked][: max(topn, 0)]

    def doesnt_match(self, chords: Sequence[str], oov: str) -> str:
        """Return the chord that points furthest from the mean direction of all `chords`."""
        directions = self._directions(chords, oov, "doesnt_match")
        return chords[int(np.argmin(directions @ directions.mean(axis=0)))]

    def _directions(self, chords: Sequence[str], oov: str, stage: str) -> NDArray[np.float64]:
        """Return the unit vectors of chords asked about by name, which cannot be skipped."""
        if not len(chords):
            raise ChordmerError("at least one chord is needed", stage=stage)
        return unit(self.embed(chords, "error" if oov == "skip" else oov, stage)[0])

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return everything as numbers, for `save_folder`."""
        return {
            "vocabulary": pack_words(self.vocabulary),
            "vectors": self.vectors,
            "counts": self.counts,
            "piece_counts": self.piece_counts,
            "groups": pack_words(self.subchords.groups),
            "group_weights": self.subchords.weights,
        }

    @classmethod
    def from_arrays(
        cls, arrays: Mapping[str, NDArray[Any]], n_pieces: int, *, source: object
    ) -> Self:
        """Return what `to_arrays` gave, from arrays that fit `LAYOUT`.

        Raises
        ------
        ModelError
            If they do not belong together; `source` is the file it names.
        """
        vocabulary = unpack_words(arrays["vocabulary"], source=source)
        groups = unpack_words(arrays["groups"], source=source)
        counts, piece_counts = arrays["counts"], arrays["piece_counts"]
        if not (
            len(vocabulary) == len(counts) > 0
            and len(groups) + 1 == len(arrays["group_weights"])
            and (piece_counts >= 1).all()
            and (piece_counts <= np.minimum(counts, n_pieces)).all()
        ):
            raise ModelError("the arrays do not belong together", source=source, stage="arrays")
        subchords = Subchords(groups, arrays["group_weights"])
        return cls(vocabulary, arrays["vectors"], counts, piece_counts, n_pieces, subchords)


def unit(vectors: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Return vectors of length 1 along the last axis; a zero vector stays zero."""
    vectors = vectors.astype(np.float64)
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(length > 0, length, 1.0)
