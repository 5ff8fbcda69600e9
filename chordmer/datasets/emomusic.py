"""EmoMusic: 744 songs of the 1000 Songs database, rated as a whole and twice a second."""

from __future__ import annotations

import os

from chordmer.datasets.corpus import Corpus, Missing
from chordmer.datasets.dataset import About, Dataset
from chordmer.datasets.media import natural
from chordmer.datasets.mediaeval import NINE_POINTS, group_of, mend, read_curves, read_static
from chordmer.track import AUDIO_SUFFIXES, Track

__all__ = ["load_emomusic"]

ABOUT = About(
    "emomusic",
    "EmoMusic, 1000 songs for emotional analysis of music",
    "https://cvml.unige.ch/databases/emoMusic/",
    "for research, with citation; each song under its own Creative Commons licence",
    "Soleymani, Caro, Schmidt, Sha and Yang: 1000 songs for emotional analysis of music. "
    "CrowdMM 2013",
)

_PARTS = {"development": "train", "evaluation": "test"}


def load_emomusic(root: str | os.PathLike[str], *, missing: Missing = "raise") -> Dataset:
    """Load EmoMusic, static and dynamic.

    Parameters
    ----------
    root : path-like
        The folder with what the archives unpack to::

            clips_45seconds/2.mp3 ...                       (or clips_45sec, clips)
            annotations/static_annotations.csv              song_id, mean_arousal, std_arousal, ...
            annotations/songs_info.csv                      song_id, ..., Mediaeval 2013 set
            annotations/{arousal,valence}_cont_average.csv  song_id, sample_15000ms, ...
            annotations/{arousal,valence}_cont_std.csv      (optional)
    missing : {"raise", "drop"}
        What to do about songs whose audio is not here, and without the curves.

    Returns
    -------
    Dataset
        `valence`, `arousal` from the scale 1 to 9, `std` over raters (10 or more); `curves` two
        points a second from 15 s on; `groups` the songs, named as in DEAM; `splits` the one of
        MediaEval 2013, 619 songs for training and 125 for test.

    Raises
    ------
    DatasetError
        If files lack, or ratings lie off their scale.

    Warns
    -----
    ChordmerWarning
        If the static file has valence and arousal exchanged; they are put right.

    Notes
    -----
    From https://cvml.unige.ch/databases/emoMusic/. Of the 1,000 songs 744 remain without
    duplicates. All of them are in DEAM, under the same numbers: train on one, test on the other
    only by `groups`. The table of arousal comes first in some files, of valence in others; columns
    are read by name, rows by id.
    """
    corpus = Corpus(root, ABOUT, missing, holds=("annotations", "static_annotations.csv"))
    path = corpus.find("annotations/static_annotations.csv", "static_annotations.csv")
    base = path.parent
    columns = ["song_id", "mean_arousal", "std_arousal", "mean_valence", "std_valence"]
    rows = corpus.table(path, columns).by("song_id")
    info = corpus.table(base / "songs_info.csv", ["song_id", "mediaeval 2013 set"]).by("song_id")
    audio = corpus.media(
        corpus.find("clips_45seconds", "clips_45sec", "clips", "audio"), AUDIO_SUFFIXES
    )
    curves = read_curves(
        corpus,
        base / "valence_cont_average.csv",
        base / "arousal_cont_average.csv",
        {name: corpus.look(base / f"{name}_cont_std.csv") for name in ("valence", "arousal")},
    )
    songs = sorted(rows, key=natural)
    valence, arousal, std = read_static(corpus, [rows[song] for song in songs], "mean_{}", "std_{}")
    listed = [curves.get(song) for song in songs]
    mend(corpus, "all songs", valence, arousal, std, listed, range(len(songs)))
    parts: dict[str, list[str]] = {"train": [], "test": []}
    for song in songs:
        if song not in info:
            corpus.note("songs_info.csv lacks songs that are rated")
            continue
        named = info[song].text("mediaeval 2013 set").lower()
        if named not in _PARTS:
            raise info[song].error(
                "should be development or evaluation", "mediaeval 2013 set", named
            )
        parts[_PARTS[named]].append(song)
    return corpus.dataset(
        [Track(song, audio=audio.get(song), group=group_of(song)) for song in songs],
        published=744,
        counts={"curves": (sum(curve is not None for curve in listed), 744)},
        valence=valence,
        arousal=arousal,
        std=std,
        curves=listed,
        scale={"valence": NINE_POINTS, "arousal": NINE_POINTS},
        splits={"2013": parts},
        shared={"deam": songs},
        version="2013",
    )
