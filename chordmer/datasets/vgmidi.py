"""VGMIDI: piano arrangements of video game music, rated measure by measure."""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import PurePosixPath
from typing import Any, Literal

import numpy as np

from chordmer.datasets.corpus import Corpus, Missing
from chordmer.datasets.dataset import About, Dataset
from chordmer.datasets.ratings import Floats, RatedCurve, Scale
from chordmer.datasets.table import Row, Table, read_json
from chordmer.emotion import quadrant_of
from chordmer.errors import DatasetError
from chordmer.track import Track

__all__ = ["load_vgmidi"]

ABOUT = About(
    "vgmidi",
    "VGMIDI",
    "https://github.com/lucasnfe/vgmidi",
    "none is stated for the ratings; the music belongs to its owners",
    "Ferreira and Whitehead: Learning to generate music with sentiment. ISMIR 2019",
)

_SCALE = Scale(-1, 1)
_TABLES = ("vgmidi_labelled.csv", "labelled/vgmidi_labelled.csv", "labelled/src/vgmidi.csv")
#: Largest piece that is read from the raters' files, in measures.
_MOST_MEASURES = 10_000
_MOST_SECONDS = 36_000


def load_vgmidi(
    root: str | os.PathLike[str],
    *,
    level: Literal["pieces", "phrases"] = "pieces",
    missing: Missing = "drop",
) -> Dataset:
    """Load VGMIDI.

    Parameters
    ----------
    root : path-like
        The repository, or the folder around it::

            vgmidi_labelled.csv                     id, series, ..., midi, valence, arousal
            labelled/midi/*.mid                     whole pieces
            labelled/phrases/*.mid                  phrases, unpacked from phrases.zip
            labelled/annotations/vgmidi_raw_1.json  every rater's curves (and _2)

        Older states hold the table as ``labelled/src/vgmidi.csv``.
    level : {"pieces", "phrases"}
        Whole pieces with curves, or phrases with static labels.
    missing : {"drop", "raise"}
        What to do about rows whose file is not here. They are left out by default, as the
        repository's own table names phrases that it does not hold.

    Returns
    -------
    Dataset
        Of pieces: `curves` with a point a measure, means over about 30 raters and their spread;
        `valence`, `arousal` the means over measures and raters, `std` over raters; ``ratings[
        "n_raters"]``; `labels` the quadrant of most of the piece's phrases in the table, None
        where the table lacks the piece or two tie. Of phrases: `valence`, `arousal` 1 or -1,
        `labels` their quadrant. `groups` are the pieces in both.

    Raises
    ------
    DatasetError
        If the tables or annotations lack or are damaged, or a path leads out of the corpus.

    Notes
    -----
    From https://github.com/lucasnfe/vgmidi. What to know:

    - Static labels were made of the curves by clustering and are 1 and -1, or 1 and 0 in older
      states: 0 is the negative half, not the middle.
    - A piece's phrases share its music, so split by piece (`groups`).
    - Raters rated measures, and the files tell a piece's seconds and number of measures only:
      times of curves take all measures as equally long.
    - Some ratings belong to pieces that the files do not describe, or are of another length; they
      are left out and counted in the report.
    """
    if level not in ("pieces", "phrases"):
        raise ValueError(f"level should be 'pieces' or 'phrases', not {level!r}")
    corpus = Corpus(root, ABOUT, missing, holds=("labelled",))
    table = corpus.table(corpus.find(*_TABLES), ["id", "midi", "valence", "arousal"])
    return _phrases(corpus, table) if level == "phrases" else _pieces(corpus, table)


def _phrases(corpus: Corpus, table: Table) -> Dataset:
    rows = table.by("midi", lambda path: PurePosixPath(path).stem)
    media = corpus.media(corpus.find("labelled/phrases", "phrases"), {".mid", ".midi"})
    signs = {name: _signs(row) for name, row in rows.items()}
    for row in rows.values():
        corpus.inside(table.path.parent, row.text("midi"), row, "midi")
    return corpus.dataset(
        [
            Track(name, symbolic=media.get(name), group=_piece(name) or row.text("id"))
            for name, row in rows.items()
        ],
        counts={"phrases in the table": (len(rows), None)},
        labels=[quadrant_of(*plane) for plane in signs.values()],
        valence=[valence for valence, _ in signs.values()],
        arousal=[arousal for _, arousal in signs.values()],
        scale={"valence": _SCALE, "arousal": _SCALE},
    )


def _signs(row: Row) -> tuple[float, float]:
    found = []
    for column in ("valence", "arousal"):
        value = row.number_in(column)
        if value not in (-1, 0, 1):
            raise row.error("should be 1, or else -1 or 0", column, value)
        found.append(1.0 if value > 0 else -1.0)
    return found[0], found[1]


def _piece(phrase: str) -> str:
    return re.sub(r"_\d+$", "", phrase)


def _pieces(corpus: Corpus, table: Table) -> Dataset:
    quadrants: dict[str, Counter[str]] = {}
    for row in table.rows:
        piece = _piece(PurePosixPath(row.text("midi").replace("\\", "/")).stem)
        quadrants.setdefault(piece, Counter())[quadrant_of(*_signs(row))] += 1
    rated = _raters(corpus)
    media = corpus.media(corpus.find("labelled/midi", "midi"), {".mid", ".midi"})
    names = sorted(rated)
    curves = [rated[name].curve() for name in names]
    means = [rated[name].means() for name in names]
    return corpus.dataset(
        [Track(name, symbolic=media.get(name), group=name) for name in names],
        published=200,
        counts={"ratings": (sum(len(plane) for plane in means), None)},
        labels=[_most(quadrants.get(name, Counter())) for name in names],
        valence=[float(plane[:, 0].mean()) for plane in means],
        arousal=[float(plane[:, 1].mean()) for plane in means],
        std={
            dimension: [float(plane[:, at].std()) for plane in means]
            for at, dimension in enumerate(("valence", "arousal"))
        },
        ratings={"n_raters": [len(plane) for plane in means]},
        curves=curves,
        scale={"valence": _SCALE, "arousal": _SCALE},
    )


def _most(counts: Counter[str]) -> str | None:
    first = counts.most_common(2)
    tied = len(first) == 2 and first[0][1] == first[1][1]
    return None if tied or not first else first[0][0]


class _Rated:
    """A piece with the curves of its raters."""

    def __init__(self, measures: int, seconds: float) -> None:
        self.measures = measures
        self.seconds = seconds
        self.raters: list[Floats] = []

    def means(self) -> Floats:
        """Return each rater's mean valence and arousal, shape (n_raters, 2)."""
        means: Floats = np.array(self.raters).mean(axis=1)
        return means

    def curve(self) -> RatedCurve:
        plane = np.array(self.raters)
        mean, std = plane.mean(axis=0), plane.std(axis=0)
        return RatedCurve(
            np.arange(self.measures) * self.seconds / self.measures,
            mean[:, 0],
            mean[:, 1],
            {"valence": std[:, 0], "arousal": std[:, 1]},
        )


def _raters(corpus: Corpus) -> dict[str, _Rated]:
    folder = corpus.find("labelled/annotations", "annotations")
    files = [path for path in sorted(folder.glob("vgmidi_raw_*.json")) if path.is_file()]
    if not files:
        raise corpus.error("is missing", folder / "vgmidi_raw_1.json")
    found: dict[str, _Rated] = {}
    for path in files:
        data = read_json(path)
        pieces, ratings = (_mapping(path, data, name) for name in ("pieces", "annotations"))
        named = {key: _described(path, key, piece, found) for key, piece in pieces.items()}
        for key, rating in ratings.items():
            piece = named.get(key.rpartition("_")[0])
            if piece is None:
                corpus.note("some ratings belong to pieces that are not described")
                continue
            plane = _plane(path, key, rating)
            if plane is None or len(plane) != piece.measures:
                corpus.note("some ratings have another length than their piece")
                continue
            piece.raters.append(plane)
    return {name: piece for name, piece in found.items() if piece.raters}


def _mapping(path: Any, data: Any, name: str) -> dict[str, Any]:
    part = data.get(name) if isinstance(data, dict) else None
    if not isinstance(part, dict) or not all(isinstance(value, dict) for value in part.values()):
        raise DatasetError("should be an object of objects", source=path, stage=name)
    return part


def _described(path: Any, key: str, piece: dict[str, Any], found: dict[str, _Rated]) -> _Rated:
    midi, measures, seconds = (piece.get(name, 0) for name in ("midi", "measures", "duration"))
    known = isinstance(midi, str) and type(measures) is int and type(seconds) in (int, float)
    if not known or not (0 < measures <= _MOST_MEASURES and 0 < seconds <= _MOST_SECONDS):
        raise DatasetError("should have midi, measures and duration", source=path, stage=key)
    name = PurePosixPath(midi).stem
    rated = found.setdefault(name, _Rated(measures, float(seconds)))
    if (rated.measures, rated.seconds) != (measures, float(seconds)):
        raise DatasetError("is described twice, differently", source=path, stage=key, value=midi)
    return rated


def _plane(path: Any, key: str, rating: dict[str, Any]) -> Floats | None:
    series: list[Any] = [rating.get(name) for name in ("valence", "arousal")]
    if not all(
        isinstance(values, list) and all(type(value) in (int, float) for value in values)
        for values in series
    ):
        raise DatasetError(
            "should have valence and arousal, lists of numbers", source=path, stage=key
        )
    if not all(-1 <= value <= 1 for values in series for value in values):
        raise DatasetError("lies off the scale from -1 to 1", source=path, stage=key)
    return np.array(series, np.float64).T if len(series[0]) == len(series[1]) else None
