"""Chord sequences on their way to training: counted in memory, kept on disk."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO

import numpy as np
from numpy.typing import NDArray

from chordmer.errors import ChordmerError

__all__ = ["LONGEST_PASSAGE", "ChordCorpus", "FitReport", "Passages"]

#: gensim trains on the first 10,000 words of a document and drops the rest in silence.
LONGEST_PASSAGE = 10_000


@dataclass(frozen=True)
class FitReport:
    """What of a corpus reached the vocabulary.

    Attributes
    ----------
    n_pieces : int
    n_silent : int
        Pieces without any chord.
    n_empty : int
        Pieces with chords but none that is in the vocabulary.
    n_chords : int
        Chords heard, repetitions counted.
    n_distinct : int
        Different chords heard.
    n_vocabulary : int
        Different chords that are in the vocabulary.
    n_kept : int
        Chords heard that are in the vocabulary, repetitions counted.
    """

    n_pieces: int
    n_silent: int
    n_empty: int
    n_chords: int
    n_distinct: int
    n_vocabulary: int
    n_kept: int

    @property
    def kept_share(self) -> float:
        """Share of the chords heard that are in the vocabulary."""
        return self.n_kept / max(self.n_chords, 1)

    @property
    def empty_share(self) -> float:
        """Share of the pieces with chords that have none in the vocabulary."""
        return self.n_empty / max(self.n_pieces - self.n_silent, 1)

    def __str__(self) -> str:
        return (
            f"{self.n_vocabulary} of {self.n_distinct} different chords are in the vocabulary, "
            f"{self.kept_share:.0%} of all chords heard; {self.n_empty} of {self.n_pieces} pieces "
            f"have chords but none of these, {self.n_silent} have no chords"
        )


class ChordCorpus:
    """Any number of chord sequences, numbers in a file.

    Training passes over them once an epoch. From here they need not be read and segmented again
    each time, and memory grows with the different chords, not with the pieces.

    Parameters
    ----------
    file : binary file, open for writing and reading, empty

    Attributes
    ----------
    ids : dict of str to int
        Number of each different chord, in the order they came.
    counts, piece_counts : Counter
        By number: how often each chord is heard, and in how many pieces.
    n_pieces : int
    """

    def __init__(self, file: IO[bytes]) -> None:
        self.ids: dict[str, int] = {}
        self.counts: Counter[int] = Counter()
        self.piece_counts: Counter[int] = Counter()
        self.n_pieces = 0
        self._file = file

    def add(self, tokens: Sequence[str]) -> None:
        """Append one piece."""
        ids = self.ids
        piece = [ids.setdefault(token, len(ids)) for token in tokens]
        self.counts.update(piece)
        self.piece_counts.update(set(piece))
        self.n_pieces += 1
        self._file.write(np.array([len(piece), *piece], dtype=np.int32).tobytes())

    def __iter__(self) -> Iterator[NDArray[np.int32]]:
        """Pass over the pieces, each an array of chord numbers."""
        self._file.seek(0)
        while header := self._file.read(4):
            length = int.from_bytes(header, sys.byteorder)
            yield np.frombuffer(self._file.read(4 * length), dtype=np.int32)

    def rank(self, min_count: int) -> list[int]:
        """Return the chords heard `min_count` times or more, the commonest first, then by name.

        Raises
        ------
        ChordmerError
            If there is none.
        """
        names = list(self.ids)
        known = [chord for chord, count in self.counts.items() if count >= min_count]
        if not known:
            raise ChordmerError(
                f"no chord is heard {min_count} times, so none can have a vector; lower min_count, "
                "bring more pieces, or choose a coarser method or spelling",
                stage="vocabulary",
                value=f"{len(names)} different chords in {self.n_pieces} pieces",
            )
        return sorted(known, key=lambda chord: (-self.counts[chord], names[chord]))

    def report(self, known: Sequence[int]) -> FitReport:
        """Return what a vocabulary of the chords `known` leaves of the corpus."""
        is_known = np.zeros(len(self.ids), dtype=bool)
        is_known[known] = True
        n_silent = n_empty = 0
        for piece in self:
            n_silent += len(piece) == 0
            n_empty += len(piece) > 0 and not is_known[piece].any()
        return FitReport(
            n_pieces=self.n_pieces,
            n_silent=n_silent,
            n_empty=n_empty,
            n_chords=self.counts.total(),
            n_distinct=len(self.ids),
            n_vocabulary=len(known),
            n_kept=sum(self.counts[chord] for chord in known),
        )


class Passages:
    """A corpus as word2vec takes it: row numbers for words, long pieces cut with overlap.

    As in word2vec, unknown chords are left out and their neighbours close up.

    Parameters
    ----------
    corpus : ChordCorpus
    known : sequence of int
        The chords of the vocabulary in the order of its rows.
    overlap : int
        Chords that a passage shares with the one before, so that no pair within that distance is
        lost at a cut.
    """

    def __init__(self, corpus: ChordCorpus, known: Sequence[int], overlap: int) -> None:
        self._corpus = corpus
        self._rows = np.full(len(corpus.ids), -1, dtype=np.int32)
        self._rows[known] = np.arange(len(known))
        self._overlap = overlap

    def __iter__(self) -> Iterator[list[int]]:
        for piece in self._corpus:
            rows = self._rows[piece]
            yield from cut(rows[rows >= 0].tolist(), LONGEST_PASSAGE, self._overlap)


def cut(words: list[int], longest: int, overlap: int) -> Iterator[list[int]]:
    """Yield `words` in passages of at most `longest`, each beginning `overlap` before its cut.

    >>> list(cut([0, 1, 2, 3, 4, 5, 6], longest=4, overlap=1))
    [[0, 1, 2, 3], [3, 4, 5, 6]]
    """
    if words:
        for start in range(0, max(len(words) - overlap, 1), longest - overlap):
            yield words[start : start + longest]
