"""DEAM: 1,802 songs rated for valence and arousal, as a whole and twice a second."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from chordmer.datasets.corpus import Corpus, Missing
from chordmer.datasets.dataset import About, Dataset
from chordmer.datasets.media import natural
from chordmer.datasets.mediaeval import (
    NINE_POINTS,
    Samples,
    group_of,
    mend,
    read_curves,
    read_static,
)
from chordmer.datasets.ratings import Floats, RatedCurve
from chordmer.datasets.table import Row, Table
from chordmer.track import AUDIO_SUFFIXES, Track

__all__ = ["load_deam"]

ABOUT = About(
    "deam",
    "DEAM, the MediaEval database for emotional analysis in music",
    "https://cvml.unige.ch/databases/DEAM/",
    "for research, with citation; each song under its own Creative Commons licence",
    "Aljanaki, Yang and Soleymani: Developing a benchmark for emotional analysis of music. "
    "PLoS ONE 12(3), 2017",
)

_SONG_LEVEL = "annotations averaged per song/song_level"
_DYNAMIC = "annotations averaged per song/dynamic (per second annotations)"
_RATERS = "annotations per each rater/dynamic (per second annotations)"
_STATIC = (
    "static_annotations_averaged_songs_1_2000.csv",
    "static_annotations_averaged_songs_2000_2058.csv",
)
#: Last id of the songs of each year, and how many there are.
_YEARS = {2013: (1000, 744), 2014: (2000, 1000), 2015: (2058, 58)}


def load_deam(
    root: str | os.PathLike[str], *, missing: Missing = "raise", raters: bool = True
) -> Dataset:
    """Load DEAM, static and dynamic.

    Parameters
    ----------
    root : path-like
        The folder with what the archives unpack to::

            MEMD_audio/2.mp3 ...
            annotations/annotations averaged per song/song_level/static_..._1_2000.csv
            annotations/annotations averaged per song/song_level/static_..._2000_2058.csv
            annotations/annotations averaged per song/dynamic (per second annotations)/arousal.csv
            annotations/annotations averaged per song/dynamic (per second annotations)/valence.csv
            annotations/annotations per each rater/dynamic (per second annotations)/   (optional)

        Folders ``DEAM_audio`` and ``DEAM_Annotations`` around them do no harm.
    missing : {"raise", "drop"}
        What to do about songs whose audio is not here, and without the curves.
    raters : bool
        Whether to read each rater's curves, 3,604 small files, for the spread of the curves.

    Returns
    -------
    Dataset
        `valence`, `arousal` from the scale 1 to 9, `std` over raters; `curves` two points a
        second, from 15 s on, from the scale -1 to 1; `groups` the songs, named as in EmoMusic;
        `shared` the songs that EmoMusic holds too. `splits`: ``"2014"`` (the songs of 2013, and
        the 1,000 of 2014 as test) and ``"2015"`` (all these, and the 58 whole songs as test).

    Raises
    ------
    DatasetError
        If files lack, or ratings lie off their scale.

    Warns
    -----
    ChordmerWarning
        If valence and arousal of a year's songs were exchanged in the static file, as they are
        in a circulating copy for the 744 songs of 2013. The curves tell; they are put right.

    Notes
    -----
    From https://cvml.unige.ch/databases/DEAM/. What to know:

    - Its 744 songs of 2013 are EmoMusic's: test songs of one are training songs of the other.
      `groups` of both corpora have the same names, so a joint split by group is safe.
    - The tables' rows are not in the order of ids, and headers begin with spaces.
    - Songs of 2015 are whole, those before are clips of 45 s, rated without the first 15 s.
    """
    corpus = Corpus(root, ABOUT, missing, holds=("annotations", "DEAM_Annotations"))
    base = corpus.find(
        *(f"{name}annotations/{_SONG_LEVEL}" for name in ("", "DEAM_Annotations/")),
        f"DEAM_Annotations/{_SONG_LEVEL}",
    ).parents[1]
    audio = corpus.media(
        corpus.find("MEMD_audio", "DEAM_audio/MEMD_audio", "DEAM_audio", "audio"), AUDIO_SUFFIXES
    )
    rows = _static(corpus, base)
    curves = _curves(corpus, base, raters)
    songs = sorted(rows, key=natural)
    valence, arousal, std = read_static(corpus, [rows[song] for song in songs], "{}_mean", "{}_std")
    years = [_year(rows[song], song) for song in songs]
    listed = [curves.get(song) for song in songs]
    for year in _YEARS:
        at = [row for row, y in enumerate(years) if y == year]
        mend(corpus, f"songs of {year}", valence, arousal, std, listed, at)
    of = {year: [song for song, y in zip(songs, years) if y == year] for year in _YEARS}
    return corpus.dataset(
        [Track(song, audio=audio.get(song), group=group_of(song)) for song in songs],
        published=1802,
        counts={
            **{f"songs of {year}": (len(of[year]), n) for year, (_, n) in _YEARS.items()},
            "curves": (sum(curve is not None for curve in listed), 1802),
        },
        valence=valence,
        arousal=arousal,
        std=std,
        curves=listed,
        scale={"valence": NINE_POINTS, "arousal": NINE_POINTS},
        splits={
            "2014": {"train": of[2013], "test": of[2014]},
            "2015": {"train": of[2013] + of[2014], "test": of[2015]},
        },
        shared={"emomusic": of[2013]},
        version="1.0",
    )


def _static(corpus: Corpus, base: Path) -> dict[str, Row]:
    found: dict[str, Row] = {}
    columns = ["song_id", "valence_mean", "valence_std", "arousal_mean", "arousal_std"]
    for name in _STATIC:
        for song, row in corpus.table(base / _SONG_LEVEL / name, columns).by("song_id").items():
            if song in found:
                raise row.error("is in both tables", "song_id", song)
            found[song] = row
    return found


def _year(row: Row, song: str) -> int:
    number = int(song) if song.isdecimal() and len(song) < 9 else 0
    for year, (last, _) in _YEARS.items():
        if 0 < number <= last:
            return year
    raise row.error("should be a song of DEAM, 1 to 2058", "song_id", song)


def _curves(corpus: Corpus, base: Path, raters: bool) -> dict[str, RatedCurve]:
    valence, arousal = (base / _DYNAMIC / f"{name}.csv" for name in ("valence", "arousal"))
    curves = read_curves(corpus, valence, arousal, {})
    folder = base / _RATERS
    if not raters or not folder.is_dir():
        return curves
    return {song: _with_spread(corpus, folder, song, curve) for song, curve in curves.items()}


def _with_spread(corpus: Corpus, folder: Path, song: str, curve: RatedCurve) -> RatedCurve:
    std = {}
    for name in ("valence", "arousal"):
        path = folder / name / f"{song}.csv"
        if path.exists():
            table = Table(path, [], ragged=True)
            raters = np.array(Samples.of(table, table.rows).at(curve.times))
            if (np.abs(raters) > 1 + 1e-6).any():
                corpus.note(
                    "raters off the scale from -1 to 1: the spread of their curves is left out"
                )
                continue
            std[name] = _spread(raters)
    return RatedCurve(curve.times, curve.valence, curve.arousal, std)


def _spread(rated: Floats) -> Floats:
    """Return the standard deviation over raters at each time; NaN where fewer than two rated."""
    known = np.isfinite(rated)
    n = known.sum(axis=0)
    mean = np.where(known, rated, 0).sum(axis=0) / np.maximum(n, 1)
    variance = np.where(known, rated - mean, 0) ** 2
    return np.where(n > 1, np.sqrt(variance.sum(axis=0) / np.maximum(n, 1)), np.nan)
