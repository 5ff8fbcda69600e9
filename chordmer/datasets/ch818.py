"""CH-818: Chinese pop songs rated by three experts."""

from __future__ import annotations

import os

import numpy as np

from chordmer.datasets.corpus import Corpus, Missing
from chordmer.datasets.dataset import About, Dataset
from chordmer.datasets.ratings import Scale
from chordmer.datasets.table import Row, Table
from chordmer.track import AUDIO_SUFFIXES, Track

__all__ = ["load_ch818"]

ABOUT = About(
    "ch818",
    "CH-818, Chinese pop songs",
    "its authors (Xiao Hu, University of Hong Kong), on request",
    "as agreed with its authors; the songs belong to their owners",
    "Hu and Yang: Cross-dataset and cross-cultural music mood prediction: a case on Western and "
    "Chinese pop songs. IEEE Transactions on Affective Computing 8(2), 2017",
)

_SCALE = Scale(-10, 10)


def load_ch818(
    root: str | os.PathLike[str], *, missing: Missing = "raise", scale: Scale = _SCALE
) -> Dataset:
    """Load CH-818.

    Parameters
    ----------
    root : path-like
        The corpus is given on request and has no published form; this one is expected::

            audio/<song_id>.mp3 ...
            annotations.csv          song_id, valence, arousal
                                     or song_id, rater, valence, arousal: a row a rater
                                     artist (optional)

        A table in .xls or .xlsx should be saved as csv first.
    missing : {"raise", "drop"}
        What to do about songs in the table whose audio is not here.
    scale : Scale
        That of the copy's ratings. Default -10 to 10, the annotators' own.

    Returns
    -------
    Dataset
        `valence`, `arousal`; `std` over raters where the table has a row a rater; `groups` the
        artists where the table names them, and otherwise the songs.

    Raises
    ------
    DatasetError
        If files lack, or ratings lie off the scale.

    Notes
    -----
    818 clips of 30 s, each rated by three experts, from https://doi.org/10.1109/TAFFC.2016.2523503.
    """
    corpus = Corpus(root, ABOUT, missing, holds=("annotations.csv", "annotations.xlsx"))
    if corpus.look("annotations.csv") is None and corpus.look("annotations.xlsx"):
        raise corpus.error("should be saved as csv", corpus.root / "annotations.xlsx")
    table = corpus.table("annotations.csv", ["song_id", "valence", "arousal"])
    rated = _ratings(table)
    by_rater = "rater" in table.columns
    audio = corpus.media(corpus.find("audio"), AUDIO_SUFFIXES)
    plane = {
        song: np.array(
            [[corpus.convert(scale, row, name) for name in ("valence", "arousal")] for row in rows]
        )
        for song, rows in rated.items()
    }
    spread = np.array([values.std(axis=0) for values in plane.values()])
    return corpus.dataset(
        [
            Track(song, audio=audio.get(song), group=rows[0].get("artist") or None)
            for song, rows in rated.items()
        ],
        published=818,
        valence=[float(values[:, 0].mean()) for values in plane.values()],
        arousal=[float(values[:, 1].mean()) for values in plane.values()],
        std={"valence": spread[:, 0], "arousal": spread[:, 1]} if by_rater else None,
        ratings={"n_raters": [len(rows) for rows in rated.values()]} if by_rater else None,
        scale={"valence": scale, "arousal": scale},
    )


def _ratings(table: Table) -> dict[str, list[Row]]:
    if "rater" not in table.columns:
        return {song: [row] for song, row in table.by("song_id").items()}
    found: dict[str, list[Row]] = {}
    for row in table.rows:
        rows = found.setdefault(row.text("song_id"), [])
        if any(other.text("rater") == row.text("rater") for other in rows):
            raise row.error("this rater rated the song before", "rater", row.get("rater"))
        rows.append(row)
    return found
