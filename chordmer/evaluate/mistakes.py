"""Where a model is wrong: which pieces, which classes, and what these have in common.

After the analysis of misclassified pieces in the CNN-LSTM paper (length, instruments, style), and
with the tempo and mode that listeners go by.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chordmer.errors import printable
from chordmer.evaluate.description import Known, describe_track
from chordmer.evaluate.evaluation import Evaluation
from chordmer.evaluate.intervals import Interval, bootstrap, interval_of
from chordmer.evaluate.metrics import Codes, Floats, mean_of_known
from chordmer.track import as_track

__all__ = ["Mistakes", "Piece", "Share", "find_mistakes"]

#: Of a property with more values, as a style may have, the most frequent are told.
_MOST_VALUES = 12


@dataclass(frozen=True)
class Piece:
    """A piece, and how wrong the model was about it.

    Attributes
    ----------
    id : str
    group : object
        What its group is called; a number where it is alone.
    truth, answer : object
        Labels or numbers; the answer is that under the first seed that tested it. None for curves.
    error : float
        For labels the share of seeds under which the answer was wrong, for numbers the root mean
        square error.
    truth_probability : float or None
        What the model gave to the truth, a mean over seeds.
    properties : mapping of str to float, str or None
    """

    id: str
    group: Any
    truth: Any
    answer: Any
    error: float
    truth_probability: float | None
    properties: Mapping[str, Known]

    def to_dict(self) -> dict[str, Any]:
        """Return plain Python objects: a row of a table, properties as columns."""
        own = {name: value for name, value in vars(self).items() if name != "properties"}
        return {**own, **self.properties}


@dataclass(frozen=True)
class Share:
    """The pieces that have something in common.

    Attributes
    ----------
    value : str
        What they have: a word, or a range of numbers.
    n : int
        How many they are.
    error : Interval
        Mean of their errors; groups are resampled.
    """

    value: str
    n: int
    error: Interval

    def to_dict(self) -> dict[str, Any]:
        """Return plain Python objects, ready for JSON."""
        return {"value": self.value, "n": self.n, "error": self.error.to_dict()}


@dataclass(frozen=True, eq=False)
class Mistakes:
    """Where a model is wrong; `find_mistakes` makes it.

    Attributes
    ----------
    name : str
        Of the model.
    measure : str
        What an error is, in words.
    pieces : tuple of Piece
        All that were tested, the worst first.
    confused : tuple of (truth, answer, count)
        Classes taken for another, over all seeds, the most frequent first.
    shares : mapping of str to tuple of Share
        By property: how wrong the model is about pieces that have this or that.
    """

    name: str
    measure: str
    pieces: tuple[Piece, ...]
    confused: tuple[tuple[Any, Any, int], ...]
    shares: Mapping[str, tuple[Share, ...]]

    def to_dict(self) -> dict[str, Any]:
        """Return plain Python objects, ready for JSON."""
        return {
            "name": self.name,
            "measure": self.measure,
            "pieces": [piece.to_dict() for piece in self.pieces],
            "confused": [list(pair) for pair in self.confused],
            "shares": {
                name: [share.to_dict() for share in own] for name, own in self.shares.items()
            },
        }

    def __str__(self) -> str:
        wrong = [piece for piece in self.pieces if piece.error > 0]
        lines = [
            f"{printable(self.name)}: {len(wrong):,} of {len(self.pieces):,} pieces with errors "
            f"({self.measure})"
        ]
        for name, own in self.shares.items():
            lines.append(f"  by {printable(name, 40)}")
            lines += [
                f"    {printable(share.value, 24):24}  {share.n:5,}  {share.error}" for share in own
            ]
        if self.confused:
            lines.append("  taken for another")
            lines += [
                f"    {printable(truth, 24)} for {printable(answer, 24)}: {count:,}"
                for truth, answer, count in self.confused[:6]
            ]
        lines.append("  the worst pieces")
        for piece in wrong[:10]:
            known = ", ".join(
                f"{name} {_told(value)}"
                for name, value in piece.properties.items()
                if value is not None
            )
            said = "" if piece.answer is None else f"{_told(piece.truth)} as {_told(piece.answer)}"
            lines.append(
                f"    {printable(piece.id, 48)}  {piece.error:.2f}  "
                f"{printable(', '.join(part for part in (said, known) if part))}"
            )
        return "\n".join(lines)


def find_mistakes(
    evaluation: Evaluation,
    tracks: Sequence[Any] | None = None,
    *,
    properties: Mapping[str, Sequence[Known]] | None = None,
    n_resamples: int = 1000,
    level: float = 0.95,
    random_state: int = 0,
) -> Mistakes:
    """Return which pieces a model is wrong about, and what they have in common.

    Parameters
    ----------
    evaluation : Evaluation
    tracks : sequence of Track, optional
        Those that were evaluated, in their order: their length, tempo, mode and instrumentation
        are listened to.
    properties : mapping of str to sequence, optional
        Other things known of each piece, as ``{"style": [...]}``; None where unknown.
    n_resamples, level, random_state
        As in `Evaluation.metrics`.

    Returns
    -------
    Mistakes
        Numbers are told by thirds. Many properties looked at show one that stands out by chance.

    Raises
    ------
    ValueError
        If there is not one track, or one property, a piece.
    ChordmerError
        If a source cannot be read.
    """
    n = len(evaluation.y) if evaluation.songs is None else int(evaluation.songs.max()) + 1
    for what, column in {"tracks": tracks, **(properties or {})}.items():
        if column is not None and len(column) != n:
            raise ValueError(f"{what} should be one a piece, {n}, not {len(column)}")
    taken = {*Piece.__dataclass_fields__, "class"} & set(properties or {})
    if taken:
        raise ValueError(f"a property may not be called {min(taken)!r}")
    tested = _tested(evaluation)
    rows = tested.rows
    columns: dict[str, list[Known]] = {}
    if evaluation.classes is not None:
        columns["class"] = [printable(label) for label in evaluation.y[rows].tolist()]
    if tracks is not None:
        described = [describe_track(tracks[row]) for row in rows]
        columns.update({name: [one[name] for one in described] for name in described[0]})
    for name, column in (properties or {}).items():
        columns[name] = [_known(column[row]) for row in rows]
    if evaluation.ids is not None:
        ids = evaluation.ids
    else:
        ids = tuple(map(str, range(n)) if tracks is None else (as_track(t).id for t in tracks))
    codes = _codes(evaluation, rows)
    options = {"n_resamples": n_resamples, "random_state": random_state}
    shares = {
        name: _shares(column, tested.errors, codes, level, options)
        for name, column in columns.items()
    }
    pieces = [
        Piece(
            ids[row],
            evaluation.group_names[code],
            None if evaluation.songs is not None else evaluation.y[row].tolist(),
            tested.answers[place],
            float(tested.errors[place]),
            None if tested.sure is None else float(tested.sure[place]),
            {name: column[place] for name, column in columns.items() if name != "class"},
        )
        for place, (row, code) in enumerate(zip(rows.tolist(), codes))
    ]
    # Of equally wrong answers those come first that gave the truth least.
    pieces.sort(key=lambda piece: (-piece.error, piece.truth_probability or 0.0))
    labels = evaluation.classes is not None
    return Mistakes(
        evaluation.name,
        "share of seeds with a wrong answer" if labels else "root mean square error",
        tuple(pieces),
        _confused(evaluation),
        {name: own for name, own in shares.items() if own},
    )


@dataclass(frozen=True, eq=False)
class _Tested:
    """Pieces that were tested: their rows, errors, the truth's probabilities, first answers."""

    rows: Codes
    errors: Floats
    sure: Floats | None
    answers: list[Any]


def _tested(evaluation: Evaluation) -> _Tested:
    errors: dict[int, list[float]] = {}
    sure: dict[int, list[float]] = {}
    answers: dict[int, Any] = {}
    for seed in evaluation.seeds:
        rows, predictions, shares = evaluation.out_of_fold(seed)
        if evaluation.songs is not None:
            rows, songs = evaluation.song_metrics(seed)
            found, said = songs["rmse"] ** 2, [None] * len(rows)
        elif evaluation.classes is None:
            square = (predictions - evaluation.y[rows]) ** 2
            found, said = square.reshape(len(rows), -1).mean(axis=1), predictions.tolist()
        else:
            found = (predictions != evaluation.y[rows]).astype(np.float64)
            said = predictions.tolist()
        for row, error, answer in zip(rows.tolist(), found.tolist(), said):
            errors.setdefault(row, []).append(error)
            answers.setdefault(row, answer)
        if shares is not None and evaluation.classes is not None:
            columns = np.searchsorted(evaluation.classes, evaluation.y[rows])
            for row, share in zip(rows.tolist(), shares[np.arange(len(rows)), columns].tolist()):
                sure.setdefault(row, []).append(share)
    order = sorted(errors)
    means = np.array([np.mean(errors[row]) for row in order])
    return _Tested(
        np.array(order, dtype=np.intp),
        np.sqrt(means) if evaluation.classes is None else means,
        np.array([np.mean(sure[row]) for row in order]) if sure else None,
        [answers[row] for row in order],
    )


def _codes(evaluation: Evaluation, pieces: Codes) -> Codes:
    if evaluation.songs is None:
        return evaluation.codes[pieces]
    first = np.unique(evaluation.songs, return_index=True)[1]
    return evaluation.codes[first[pieces]]


def _confused(evaluation: Evaluation) -> tuple[tuple[Any, Any, int], ...]:
    if evaluation.classes is None:
        return ()
    names = evaluation.classes.tolist()
    pairs = [
        (names[truth], names[answer], int(count))
        for (truth, answer), count in np.ndenumerate(evaluation.confusion())
        if truth != answer and count
    ]
    return tuple(sorted(pairs, key=lambda pair: -pair[2]))


def _shares(
    column: list[Known], errors: Floats, codes: Codes, level: float, options: Mapping[str, int]
) -> tuple[Share, ...]:
    values, masks = _parts(column)
    if not values:
        return ()

    def statistic(weights: Floats) -> dict[str, float]:
        totals = masks @ weights
        sums = masks @ (weights * errors)
        return {
            value: float(top / total) if total else float("nan")
            for value, top, total in zip(values, sums, totals)
        }

    draws = bootstrap(statistic, codes, **options)
    return tuple(
        Share(
            value,
            int(mask.sum()),
            interval_of(mean_of_known(errors[mask]), draws[value], level),
        )
        for value, mask in zip(values, masks)
    )


def _parts(column: list[Known]) -> tuple[list[str], NDArray[np.bool_]]:
    """Return what pieces may have in common, and which have it, shape (values, n)."""
    numbers = [v for v in column if isinstance(v, (int, float)) and not isinstance(v, bool)]
    if numbers and len(numbers) == sum(value is not None for value in column):
        known = np.array([np.nan if value is None else value for value in column], np.float64)
        low, high = np.nanquantile(known, [1 / 3, 2 / 3])
        parts = {
            f"up to {low:.4g}": known <= low,
            f"{low:.4g} to {high:.4g}": (known > low) & (known <= high),
            f"above {high:.4g}": known > high,
        }
        parts = {value: mask for value, mask in parts.items() if mask.any()}
    else:
        words = np.array([None if value is None else str(value) for value in column], dtype=object)
        counted: dict[str, int] = {}
        for word in words:
            if word is not None:
                counted[word] = counted.get(word, 0) + 1
        frequent = sorted(counted, key=lambda word: (-counted[word], word))[:_MOST_VALUES]
        parts = {word: words == word for word in sorted(frequent)}
    return list(parts), np.array(list(parts.values()), dtype=bool).reshape(len(parts), len(column))


def _known(value: Any) -> Known:
    value = value.item() if isinstance(value, np.generic) else value
    return None if value is None or value != value else value


def _told(value: Any) -> str:
    if isinstance(value, list):
        return "(" + ", ".join(map(_told, value)) + ")"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
