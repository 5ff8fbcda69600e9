"""MTG-Jamendo moodtheme: full tracks with words for their mood and theme."""

from __future__ import annotations

import os
import re
from pathlib import Path

from chordmer.datasets.corpus import Corpus, Missing
from chordmer.datasets.dataset import About, Dataset
from chordmer.datasets.table import Row, Table
from chordmer.track import Track

__all__ = ["load_jamendo"]

ABOUT = About(
    "jamendo",
    "MTG-Jamendo, mood and theme",
    "https://github.com/MTG/mtg-jamendo-dataset",
    "CC BY-NC-SA 4.0 for the metadata, each track under its own Creative Commons licence",
    "Bogdanov, Won, Tovstogan, Porter and Serra: The MTG-Jamendo dataset for automatic music "
    "tagging. ML4MD workshop, ICML 2019",
)

_COLUMNS = ("track_id", "artist_id", "path", "tags")
_PARTS = {"train": "train", "validation": "valid", "test": "test"}
_TAG = "mood/theme---"


def load_jamendo(
    root: str | os.PathLike[str],
    *,
    missing: Missing = "raise",
    audio: str | os.PathLike[str] | None = None,
) -> Dataset:
    """Load the mood and theme subset of MTG-Jamendo.

    Parameters
    ----------
    root : path-like
        The repository (its tables), with the audio in it::

            data/autotagging_moodtheme.tsv        TRACK_ID, ARTIST_ID, ALBUM_ID, PATH, ..., TAGS
            data/splits/split-0/autotagging_moodtheme-{train,validation,test}.tsv ... split-4
            audio/48/948.mp3 ...                  (or autotagging_moodtheme/audio, raw_30s/audio)

        Tracks may also be the smaller ``48/948.low.mp3``.
    missing : {"raise", "drop"}
        What to do about tracks whose audio is not here.
    audio : path-like, optional
        The folder of the audio, where it is elsewhere.

    Returns
    -------
    Dataset
        `tags` without their prefix, sorted; no labels, no valence or arousal; `groups` the
        artists; `splits` ``"split-0"`` to ``"split-4"``, divided by artist.

    Raises
    ------
    DatasetError
        If files lack, or a path in the table leads out of the audio's folder.

    Notes
    -----
    From https://github.com/MTG/mtg-jamendo-dataset. What to know: 18,486 tracks with 59 tags, of
    which 56 are in every split, so splits lack some tracks; a track's tags stand in as many cells
    as it has, beyond the header's last column.
    """
    corpus = Corpus(root, ABOUT, missing, holds=("data", "autotagging_moodtheme.tsv"))
    path = corpus.find("data/autotagging_moodtheme.tsv", "autotagging_moodtheme.tsv")
    rows = _rows(path)
    folder = (
        Path(audio)
        if audio is not None
        else corpus.find(
            *(
                "audio",
                "autotagging_moodtheme/audio",
                "autotagging-moodtheme/audio",
                "raw_30s/audio",
            ),
            "raw_30s",
        )
    )
    tags = [tuple(sorted({tag.removeprefix(_TAG) for tag in _tags(row)})) for row in rows.values()]
    return corpus.dataset(
        [
            Track(track, audio=_audio(corpus, folder, row), group=row.text("artist_id"))
            for track, row in rows.items()
        ],
        published=18_486,
        counts={"tags": (len({tag for words in tags for tag in words}), 59)},
        tags=tags,
        splits=_splits(corpus, path.parent / "splits"),
        version="1.0",
    )


def _rows(path: Path) -> dict[str, Row]:
    return Table(path, _COLUMNS, delimiter="\t", ragged=True).by("track_id")


def _tags(row: Row) -> list[str]:
    tags = [tag for tag in (row.text("tags"), *row.beyond) if tag]
    for tag in tags:
        if not tag.startswith(_TAG):
            raise row.error(f"should begin with {_TAG}", "tags", tag)
    return tags


def _audio(corpus: Corpus, folder: Path, row: Row) -> Path | None:
    named = row.text("path")
    if not re.fullmatch(r"\d{1,9}/\d{1,12}\.mp3", named):
        raise row.error("should be a path such as 48/948.mp3", "path", named)
    for path in (folder / named, (folder / named).with_suffix(".low.mp3")):
        if path.is_file() and path.stat().st_size:
            return path
    corpus.lose(folder / named)
    return None


def _splits(corpus: Corpus, base: Path) -> dict[str, dict[str, list[str]]]:
    found: dict[str, dict[str, list[str]]] = {}
    for number in range(5):
        folder = base / f"split-{number}"
        if folder.is_dir():
            found[f"split-{number}"] = {
                part: list(_rows(corpus.find(folder / f"autotagging_moodtheme-{name}.tsv")))
                for name, part in _PARTS.items()
            }
    if not found:
        corpus.note("the published splits (data/splits) are not here")
    return found
