"""EMOPIA: clips of pop piano covers as MIDI, each in a quadrant."""

from __future__ import annotations

import os
import re
from collections import Counter

from chordmer.datasets.corpus import Corpus, Missing
from chordmer.datasets.dataset import About, Dataset
from chordmer.datasets.ratings import QUADRANT_SIGNS
from chordmer.datasets.table import Row, Table
from chordmer.errors import DatasetError
from chordmer.track import AUDIO_SUFFIXES, Track

__all__ = ["load_emopia"]

ABOUT = About(
    "emopia",
    "EMOPIA",
    "https://doi.org/10.5281/zenodo.5090631",
    "CC BY-NC-SA 4.0, no commercial use",
    "Hung, Ching, Doh, Kim, Nam and Yang: EMOPIA: A multi-modal pop piano dataset for emotion "
    "recognition and emotion-based music generation. ISMIR 2021",
)

_CLIP = re.compile(r"Q([1-4])_(.+)_(\d+)")
#: Clips in a release; the paper says 1,087 of the first, which holds 1,078.
_CLIPS = {"1.0": 1078}
_PARTS = ("train", "val", "test")


def load_emopia(root: str | os.PathLike[str], *, missing: Missing = "raise") -> Dataset:
    """Load EMOPIA, version 1.0 or later.

    Parameters
    ----------
    root : path-like
        The folder that the release unpacks to, or the one around it::

            midis/Q1_0vLPYiPN7qY_0.mid ...   quadrant, song (a YouTube id), number of the clip
            label.csv                        ID, 4Q, annotator
            metadata_by_song.csv             songID, num_Q1 ... num_Q4, DominantQ (optional)
            split/                           the published splits (optional), see Notes
            audio/Q1_0vLPYiPN7qY_0.wav ...   the user's own recordings or renderings (optional)

        or, for a part of it, ``midis/`` and ``index.csv`` (clip_id, song, quadrant, split).
    missing : {"raise", "drop"}
        What to do about clips in the table that are not in ``midis/``.

    Returns
    -------
    Dataset
        `labels` Q1 to Q4; `valence` and `arousal` their signs, 1 or -1; `groups` the songs.

    Raises
    ------
    DatasetError
        If files lack, or a clip's name and the table say different quadrants.

    Notes
    -----
    From https://doi.org/10.5281/zenodo.5090631, CC BY-NC-SA 4.0. What to know:

    - The paper counts 1,087 clips; release 1.0 holds 1,078.
    - 72 songs have clips in more than one quadrant, and a song's clips share their piano, key and
      tempo: split by song (`groups`), never by clip.
    - Two splits by song are published, neither with the release. Their files are read from
      ``split/``: ``"classification"`` from ``train_SL.csv``, ``val_SL.csv`` and ``test_SL.csv``
      (songs) or ``train.csv``, ``val.csv`` and ``test.csv`` (clips) of the authors' classifier,
      https://github.com/seungheondoh/EMOPIA_cls; ``"generation"`` from ``val_songs.csv`` of
      https://github.com/annahung31/EMOPIA, 40 songs against the rest. They overlap: songs to be
      tested in one are trained on in the other.
    - Four annotators labelled the clips, one each, so there is no disagreement to keep.
    """
    corpus = Corpus(root, ABOUT, missing, holds=("midis",))
    midis = corpus.media(corpus.find("midis"), {".mid", ".midi"})
    table, id_column, label_column = _table(corpus)
    rows = table.by(id_column, lambda name: re.sub(r"\.(mid|mp3|wav)$", "", name))
    labels = {clip: _quadrant(clip, row, label_column) for clip, row in rows.items()}
    songs = {clip: _song(clip) for clip in rows}
    unlabelled = sorted(midis.paths.keys() - rows.keys())
    if unlabelled:
        corpus.note(f"{len(unlabelled):,} clips are not in the table, as {unlabelled[0]}")
    _check_counts(corpus, songs)
    sound = corpus.media(corpus.look("audio"), AUDIO_SUFFIXES)
    tracks = []
    for clip, song in songs.items():
        notes = midis.get(clip)
        tracks.append(Track(clip, symbolic=notes, audio=notes and sound.look(clip), group=song))
    version = _version(corpus)
    quadrants: dict[str, set[str]] = {}
    for clip, song in songs.items():
        quadrants.setdefault(song, set()).add(labels[clip])
    several = sum(len(found) > 1 for found in quadrants.values())
    signs = [QUADRANT_SIGNS[labels[clip]] for clip in rows]
    return corpus.dataset(
        tracks,
        published=_CLIPS.get(version),
        counts={
            "songs": (len(quadrants), None),
            "songs in several quadrants": (several, 72 if version == "1.0" else None),
        },
        labels=[labels[clip] for clip in rows],
        valence=[valence for valence, _ in signs],
        arousal=[arousal for _, arousal in signs],
        splits=_splits(corpus, songs, rows if label_column == "quadrant" else {}),
        version=version,
    )


def _table(corpus: Corpus) -> tuple[Table, str, str]:
    if corpus.look("label.csv") is None and corpus.look("index.csv"):
        return corpus.table("index.csv", ["clip_id", "song", "quadrant"]), "clip_id", "quadrant"
    return corpus.table("label.csv", ["id", "4q"]), "id", "4q"


def _version(corpus: Corpus) -> str:
    named = re.search(r"EMOPIA[_-](\d+\.\d+)", corpus.root.name, re.IGNORECASE)
    if named:
        return named[1]
    return "a part" if corpus.look("label.csv") is None else "unknown"


def _quadrant(clip: str, row: Row, column: str) -> str:
    label = "Q" + row.text(column).upper().removeprefix("Q")
    named = _CLIP.fullmatch(clip)
    if label not in QUADRANT_SIGNS:
        raise row.error("should be a quadrant, 1 to 4", column, label)
    if named is None:
        raise row.error("should be a clip, as Q1_song_0", value=clip)
    if label != "Q" + named[1]:
        raise row.error(f"is {label}, and the clip's name says otherwise", column, clip)
    if row.get("song") not in ("", named[2]):
        raise row.error("is not the song in the clip's name", "song", row.get("song"))
    return label


def _song(clip: str) -> str:
    named = _CLIP.fullmatch(clip)
    return named[2] if named else clip


def _check_counts(corpus: Corpus, songs: dict[str, str]) -> None:
    """Note where the table of songs counts other numbers of clips than the table of clips."""
    if corpus.look("metadata_by_song.csv") is None:
        return
    columns = [f"num_q{number}" for number in range(1, 5)]
    rows = corpus.table("metadata_by_song.csv", ["songid", *columns]).by("songid")
    clips = Counter(songs.values())
    other = sum(
        clips[song] != sum(row.number_in(column) for column in columns)
        for song, row in rows.items()
    )
    if other:
        corpus.note(f"metadata_by_song.csv counts the clips of {other:,} songs otherwise")


def _splits(
    corpus: Corpus, songs: dict[str, str], index: dict[str, Row]
) -> dict[str, dict[str, list[str]]]:
    folder = "split" if corpus.look("split") else "splits"
    found: dict[str, dict[str, list[str]]] = {}
    for endings, column in (("_SL", "songid"), ("", "fname")):
        if "classification" not in found and corpus.look(f"{folder}/train{endings}.csv"):
            parts = {
                part: set(corpus.table(f"{folder}/{part}{endings}.csv", [column]).by(column))
                for part in _PARTS
            }
            if not endings:
                parts = {part: {_song(clip) for clip in clips} for part, clips in parts.items()}
            found["classification"] = _by_song(corpus, folder, songs, parts)
    if corpus.look(f"{folder}/val_songs.csv"):
        valid = set(corpus.table(f"{folder}/val_songs.csv", ["songid"]).by("songid"))
        parts = {"train": set(songs.values()) - valid, "val": valid}
        found["generation"] = _by_song(corpus, folder, songs, parts)
    if "classification" not in found and any(row.get("split") for row in index.values()):
        parts = {
            part: {songs[clip] for clip, row in index.items() if row.get("split") == part}
            for part in _PARTS
        }
        found["classification"] = _by_song(
            corpus, "index.csv", songs, {part: held for part, held in parts.items() if held}
        )
    return found


def _by_song(
    corpus: Corpus, source: str, songs: dict[str, str], parts: dict[str, set[str]]
) -> dict[str, list[str]]:
    seen: set[str] = set()
    for part, held in parts.items():
        if held & seen:
            raise DatasetError(
                "divides a song between two parts",
                source=corpus.root / source,
                stage=f"split {part}",
                value=min(held & seen),
            )
        seen |= held
    absent = seen - set(songs.values())
    if absent:
        corpus.note(f"{source} names {len(absent):,} songs that are not here")
    return {
        "valid" if part == "val" else part: [c for c, song in songs.items() if song in held]
        for part, held in parts.items()
    }
