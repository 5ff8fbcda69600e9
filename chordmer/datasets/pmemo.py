"""PMEmo: choruses of pop songs, rated as a whole and twice a second, some with lyrics."""

from __future__ import annotations

import os

import numpy as np

from chordmer.datasets.corpus import Corpus, Missing
from chordmer.datasets.dataset import About, Dataset
from chordmer.datasets.ratings import RatedCurve, Scale
from chordmer.datasets.table import Row, Table
from chordmer.track import AUDIO_SUFFIXES, Track

__all__ = ["load_pmemo"]

ABOUT = About(
    "pmemo",
    "PMEmo",
    "https://github.com/HuiZhangDB/PMEmo",
    "MIT, as its repository says; the songs belong to their owners",
    "Zhang, Zhang, Li, Yang and Sun: The PMEmo dataset for music emotion recognition. ICMR 2018",
)

_SCALE = Scale(0, 1)
_DIMENSIONS = ("valence", "arousal")


def load_pmemo(root: str | os.PathLike[str], *, missing: Missing = "raise") -> Dataset:
    """Load PMEmo (the release of 2019), static and dynamic.

    Parameters
    ----------
    root : path-like
        The folder ``PMEmo2019``, or the one around it::

            chorus/1.mp3 ...
            lyrics/1.lrc ...                             (optional)
            metadata.csv                                 musicId, ..., artist (optional)
            annotations/static_annotations.csv           musicId, Arousal(mean), Valence(mean)
            annotations/static_annotations_std.csv       musicId, Arousal(std), Valence(std)
            annotations/dynamic_annotations.csv          musicId, frameTime, Arousal(mean), ...
            annotations/dynamic_annotations_std.csv      musicId, frameTime, ... (optional)
    missing : {"raise", "drop"}
        What to do about rated songs whose chorus is not here, and without the curves.

    Returns
    -------
    Dataset
        `valence`, `arousal` from the scale 0 to 1, `std` over raters (10 or more); `curves` two
        points a second; `groups` the artists, of whom some have a dozen songs, where
        ``metadata.csv`` names them, and otherwise the songs.

    Raises
    ------
    DatasetError
        If files lack, or ratings lie off their scale.

    Notes
    -----
    From https://github.com/HuiZhangDB/PMEmo. What to know: of the 794 choruses 767 have static
    ratings, and only these are loaded; arousal stands before valence in every table; the first
    15 s of each curve were taken away, so short choruses have none.
    """
    corpus = Corpus(root, ABOUT, missing, holds=("annotations",))
    folder = "annotations"
    static = corpus.table(
        f"{folder}/static_annotations.csv", ["musicid", "arousal(mean)", "valence(mean)"]
    ).by("musicid")
    spread = corpus.table(
        f"{folder}/static_annotations_std.csv", ["musicid", "arousal(std)", "valence(std)"]
    ).by("musicid")
    chorus = corpus.media(corpus.find("chorus"), AUDIO_SUFFIXES)
    lyrics = corpus.media(corpus.look("lyrics"), {".lrc", ".txt"})
    artists = _artists(corpus)
    curves = _curves(corpus, folder)
    unspread = sum(song not in spread for song in static)
    if unspread:
        corpus.note(f"{unspread:,} songs have no standard deviation")
    tracks = []
    for song in static:
        clip = chorus.get(song)
        words = lyrics.look(song) if clip else None
        tracks.append(Track(song, audio=clip, lyrics=words, group=artists.get(song)))
    return corpus.dataset(
        tracks,
        published=767,
        counts={"choruses": (len(chorus.paths), 794), "curves": (len(curves), None)},
        std={
            name: [_spread(corpus, spread.get(song), f"{name}(std)") for song in static]
            for name in _DIMENSIONS
        },
        valence=[corpus.convert(_SCALE, row, "valence(mean)") for row in static.values()],
        arousal=[corpus.convert(_SCALE, row, "arousal(mean)") for row in static.values()],
        curves=[curves.get(song) for song in static],
        scale={"valence": _SCALE, "arousal": _SCALE},
        version="2019",
    )


def _artists(corpus: Corpus) -> dict[str, str]:
    path = corpus.look("metadata.csv")
    if path is None:
        corpus.note("without metadata.csv artists are unknown, and songs are the groups")
        return {}
    rows = Table(path, ["musicid", "artist"]).by("musicid")
    return {song: artist for song, row in rows.items() if (artist := row.get("artist"))}


def _curves(corpus: Corpus, folder: str) -> dict[str, RatedCurve]:
    path = corpus.look(f"{folder}/dynamic_annotations.csv")
    if path is None:
        corpus.lose(f"{folder}/dynamic_annotations.csv")
        return {}
    columns = ["musicid", "frametime", "arousal(mean)", "valence(mean)"]
    means = _moments(Table(path, columns))
    path = corpus.look(f"{folder}/dynamic_annotations_std.csv")
    spreads = {} if path is None else _moments(Table(path, ["musicid", "frametime"]))
    found = {}
    for song, moments in means.items():
        times = sorted(moments)
        spread = spreads.get(song, {})
        valence, arousal = (
            np.array([corpus.convert(_SCALE, moments[t], f"{name}(mean)") for t in times])
            for name in _DIMENSIONS
        )
        std = {
            name: np.array([_spread(corpus, spread.get(t), f"{name}(std)") for t in times])
            for name in _DIMENSIONS
        }
        found[song] = RatedCurve(np.array(times), valence, arousal, std if spread else {})
    return found


def _spread(corpus: Corpus, row: Row | None, column: str) -> float:
    """Return a standard deviation; NaN where the table lacks its row."""
    return np.nan if row is None else corpus.spread(_SCALE, row, column)


def _moments(table: Table) -> dict[str, dict[float, Row]]:
    found: dict[str, dict[float, Row]] = {}
    for row in table.rows:
        moments = found.setdefault(row.text("musicid"), {})
        time = row.number_in("frametime")
        if moments.setdefault(time, row).cells != row.cells:
            raise row.error("a moment stands there twice", "frametime", time)
    return found
