"""What DEAM and EmoMusic share: songs, the form of their curves, and one exchange of columns."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from chordmer.datasets.corpus import Corpus
from chordmer.datasets.ratings import Floats, RatedCurve, Scale
from chordmer.datasets.table import Row, Table
from chordmer.errors import ChordmerWarning, printable

__all__ = [
    "NINE_POINTS",
    "Samples",
    "curves_exchanged",
    "group_of",
    "mend",
    "read_curves",
    "read_static",
]

#: The scale of static ratings; that of the curves is -1 to 1.
NINE_POINTS = Scale(1, 9)

#: Fewer songs say too little about which column is which.
_FEWEST = 8
#: How much better the exchanged reading must agree, in the sum of two correlations.
_MARGIN = 0.1


def group_of(song: str) -> str:
    """Return the name of a song's group, the same in every MediaEval corpus."""
    return f"mediaeval-{song}"


@dataclass(frozen=True)
class Samples:
    """Numbers at moments: a table's columns ``sample_15000ms``.

    Attributes
    ----------
    times : ndarray of float64, shape (t,)
        In seconds, ascending.
    rows : list of ndarray of float64, shape (t,)
        Of each row of the table; NaN where a cell is empty.
    """

    times: Floats
    rows: list[Floats]

    @classmethod
    def of(cls, table: Table, rows: Iterable[Row]) -> Samples:
        """Return what these rows of a table hold."""
        named = {name: re.fullmatch(r"sample_(\d{1,9})ms", name) for name in table.columns}
        moments = {int(found[1]): name for name, found in named.items() if found}
        names = [moments[moment] for moment in sorted(moments)]
        return cls(np.array(sorted(moments)) / 1000, [row.numbers(names) for row in rows])

    def at(self, times: Floats) -> list[Floats]:
        """Return the rows at other times, NaN where these were not sampled."""
        place = {time: at for at, time in enumerate(self.times.tolist())}
        places = np.array([place.get(time, -1) for time in times.tolist()], dtype=np.intp)
        return [np.append(row, np.nan)[places] for row in self.rows]


def read_static(
    corpus: Corpus, rows: Sequence[Row], mean: str, std: str
) -> tuple[Floats, Floats, dict[str, Floats]]:
    """Return valence, arousal and their spread over raters, in [-1, 1], of rows of a table.

    `mean` and `std` are the names of columns with ``{}`` for the dimension.
    """
    valence, arousal = (
        np.array([corpus.convert(NINE_POINTS, row, mean.format(name)) for row in rows])
        for name in ("valence", "arousal")
    )
    spread = {
        name: np.array([corpus.spread(NINE_POINTS, row, std.format(name)) for row in rows])
        for name in ("valence", "arousal")
    }
    return valence, arousal, spread


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
        By song. Moments that only one of the two tables rates are left out. Empty, and noted as
        missing, where a table lacks.
    """
    lacking = [path for path in (valence, arousal) if not path.exists()]
    for path in lacking:
        corpus.lose(path)
    if lacking:
        return {}
    songs, valences = _by_song(valence)
    others, arousals = _by_song(arousal)
    aside = dict(zip(others, arousals.at(valences.times)))
    spreads = {
        name: dict(zip(found, samples.at(valences.times)))
        for name, path in spread.items()
        if path is not None
        for found, samples in [_by_song(path)]
    }
    curves: dict[str, RatedCurve] = {}
    off = 0
    for song, rated in zip(songs, valences.rows):
        plane = np.column_stack([rated, aside.get(song, np.full(len(rated), np.nan))])
        known = np.isfinite(plane).all(axis=1)
        if not known.any():
            corpus.note("some songs have no curve of both valence and arousal")
            continue
        off += int((np.abs(plane[known]) > 1 + 1e-6).sum())
        plane = np.clip(plane[known], -1, 1)
        std = {name: series[song][known] for name, series in spreads.items() if song in series}
        curves[song] = RatedCurve(valences.times[known], plane[:, 0], plane[:, 1], std)
    if off:
        corpus.note(f"{off:,} points of curves lie off the scale from -1 to 1 and were drawn to it")
    return curves


def _by_song(path: Path) -> tuple[list[str], Samples]:
    table = Table(path, ["song_id"], ragged=True)
    rows = table.by("song_id")
    return list(rows), Samples.of(table, rows.values())


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
            corpus.note(
                f"{which}: too few curves to tell whether valence and arousal were exchanged"
            )
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
