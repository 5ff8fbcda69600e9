"""What DEAM and EmoMusic share: songs, the form of their curves, and one exchange of columns."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from chordmer.datasets.corpus import Corpus
from chordmer.datasets.ratings import Floats, RatedCurve, Scale
from chordmer.datasets.table import Row, Table
from chordmer.errors import ChordmerWarning, printable

__all__ = ["NINE_POINTS", "UNIT", "curves_exchanged", "group_of", "mend", "read_curves", "samples"]

#: The scale of static ratings, and that of the curves.
NINE_POINTS = Scale(1, 9)
UNIT = Scale(-1, 1)

#: Fewer songs say too little about which column is which.
_FEWEST = 8
#: How much better the exchanged reading must agree, in the sum of two correlations.
_MARGIN = 0.1


def group_of(song: str) -> str:
    """Return the name of a song's group, the same in every MediaEval corpus."""
    return f"mediaeval-{song}"


def samples(table: Table, row: Row) -> dict[float, float]:
    """Return the numbers in a row's columns ``sample_15000ms``, by time in seconds."""
    return {
        time: value
        for name in table.columns
        if (time := _time(name)) is not None
        and np.isfinite(value := row.number_in(name, unknown=True))
    }


def _time(column: str) -> float | None:
    named = re.fullmatch(r"sample_(\d{1,9})ms", column)
    return None if named is None else int(named[1]) / 1000


def read_curves(
    corpus: Corpus, valence: Path, arousal: Path, spread: Mapping[str, Path | None]
) -> dict[str, RatedCurve]:
    """Return the curves in two tables with a row a song and a column a moment.

    Parameters
    ----------
    corpus : Corpus
    valence, arousal : Path
        Means over raters, in [-1, 1].
    spread : dict of str to Path or None
        The like with standard deviations over raters, by ``"valence"`` and ``"arousal"``.

    Returns
    -------
    dict of str to RatedCurve
        By song. Moments that only one of the two tables rates are left out.
    """
    means = {name: _series(path) for name, path in (("valence", valence), ("arousal", arousal))}
    spreads = {name: _series(path) for name, path in spread.items() if path is not None}
    found: dict[str, RatedCurve] = {}
    off = 0
    for song, rated in means["valence"].items():
        other = means["arousal"].get(song, {})
        times = sorted(rated.keys() & other.keys())
        if not times:
            corpus.note("some songs have no curve of both valence and arousal")
            continue
        plane = np.array([[rated[t], other[t]] for t in times])
        off += int((np.abs(plane) > 1 + 1e-6).sum())
        plane = np.clip(plane, -1, 1)
        std = {
            name: np.array([series[song].get(t, np.nan) for t in times])
            for name, series in spreads.items()
            if song in series
        }
        found[song] = RatedCurve(np.array(times), plane[:, 0], plane[:, 1], std)
    if off:
        corpus.note(f"{off:,} points of curves lie off the scale from -1 to 1 and were drawn to it")
    return found


def _series(path: Path) -> dict[str, dict[float, float]]:
    table = Table(path, ["song_id"], ragged=True)
    return {song: samples(table, row) for song, row in table.by("song_id").items()}


def curves_exchanged(
    valence: Floats, arousal: Floats, curves: Sequence[RatedCurve | None]
) -> bool | None:
    """Tell whether static valence and arousal stand in each other's place.

    A song's static ratings go with the means of its own curves; exchanged ones go better with the
    other's. Of two correlations each, the larger sum decides.

    Returns
    -------
    bool or None
        None where fewer than 8 songs can be compared, or nothing varies.
    """
    rows = [row for row, curve in enumerate(curves) if curve is not None]
    means = np.array(
        [[c.valence.mean(), c.arousal.mean()] for c in curves if c is not None], np.float64
    )
    static = np.column_stack([valence, arousal])[rows]
    if (
        len(rows) < _FEWEST
        or (np.ptp(static, axis=0) == 0).any()
        or (np.ptp(means, axis=0) == 0).any()
    ):
        return None
    r = np.corrcoef(static.T, means.T)[:2, 2:]
    return bool(r[0, 1] + r[1, 0] > r[0, 0] + r[1, 1] + _MARGIN)


def mend(
    corpus: Corpus,
    which: str,
    valence: Floats,
    arousal: Floats,
    spread: Mapping[str, Floats],
    curves: Sequence[RatedCurve | None],
    rows: Sequence[int],
) -> None:
    """Put static ratings that were exchanged back in their places, and say so.

    Parameters
    ----------
    corpus : Corpus
    which : str
        Name of the songs in `rows`, for the note.
    valence, arousal : ndarray, shape (n,)
        Static ratings; changed in place.
    spread : dict of str to ndarray, shape (n,)
        Their standard deviations; changed in place.
    curves : list of RatedCurve or None, length n
    rows : sequence of int
        The songs to judge together.

    Warns
    -----
    ChordmerWarning
        If the columns were exchanged.
    """
    at = np.array(rows, dtype=np.intp)
    verdict = curves_exchanged(valence[at], arousal[at], [curves[row] for row in rows])
    if verdict is None:
        if len(at):
            corpus.note(f"{which}: too few curves to check valence against arousal")
        return
    if not verdict:
        return
    for one, other in ((valence, arousal), (spread["valence"], spread["arousal"])):
        one[at], other[at] = other[at].copy(), one[at].copy()
    text = (
        f"{which}: static valence and arousal stand in each other's place, as the curves show; "
        "they were put right"
    )
    corpus.note(text)
    warnings.warn(f"{printable(corpus.root)}: {text}", ChordmerWarning, stacklevel=4)
