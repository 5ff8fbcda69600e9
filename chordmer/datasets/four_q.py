"""4Q audio emotion: 900 clips of AllMusic songs, a quarter in each quadrant."""

from __future__ import annotations

import os

from chordmer.datasets.corpus import Corpus, Missing
from chordmer.datasets.dataset import About, Dataset
from chordmer.datasets.ratings import QUADRANT_SIGNS
from chordmer.track import AUDIO_SUFFIXES, Track

__all__ = ["load_four_q"]

ABOUT = About(
    "four_q",
    "4Q audio emotion",
    "http://mir.dei.uc.pt/downloads.html",
    "for research; the songs belong to their owners",
    "Panda, Malheiro and Paiva: Novel audio features for music emotion recognition. "
    "IEEE Transactions on Affective Computing 11(4), 2020",
)


def load_four_q(root: str | os.PathLike[str], *, missing: Missing = "raise") -> Dataset:
    """Load the 4Q audio emotion dataset of Panda et al.

    Parameters
    ----------
    root : path-like
        The folder that the archive unpacks to, or the one around it::

            Q1/MT0000202045.mp3 ... Q2/ Q3/ Q4/
            panda_dataset_taffc_annotations.csv     Song, Quadrant
            panda_dataset_taffc_metadata.csv        Song, Artist, ..., Quadrant (optional)
    missing : {"raise", "drop"}
        What to do about songs in the table whose audio is not here.

    Returns
    -------
    Dataset
        `labels` Q1 to Q4; `valence` and `arousal` their signs, 1 or -1; `groups` the artists
        where the metadata names them, and otherwise the songs; `tags` AllMusic's moods.

    Raises
    ------
    DatasetError
        If files lack, or a song lies in another quadrant's folder than the table says.

    Notes
    -----
    From http://mir.dei.uc.pt/downloads.html. Quadrants come from AllMusic's mood tags through word
    norms of valence and arousal, checked by listeners; nobody rated the clips on a scale. Papers
    use larger editions under this name (such as 1,472 clips): with folders Q1 to Q4 alone, these
    are read by `load_folders`.
    """
    table = "panda_dataset_taffc_annotations.csv"
    corpus = Corpus(root, ABOUT, missing, holds=(table,))
    rows = corpus.table(table, ["song", "quadrant"]).by("song")
    folders = {name: corpus.media(corpus.find(name), AUDIO_SUFFIXES) for name in QUADRANT_SIGNS}
    path = "panda_dataset_taffc_metadata.csv"
    more = corpus.table(path, ["song"]).by("song") if corpus.look(path) else {}
    if not more:
        corpus.note("without the metadata artists are unknown, and songs are the groups")
    tracks, labels, tags = [], [], []
    for song, row in rows.items():
        quadrant = row.text("quadrant").upper()
        if quadrant not in QUADRANT_SIGNS:
            raise row.error("should be Q1, Q2, Q3 or Q4", "quadrant", quadrant)
        lies = [name for name, media in folders.items() if song in media.paths]
        if lies and quadrant not in lies:
            raise row.error(f"is {quadrant}, and the song lies in {lies[0]}", "quadrant", song)
        labels.append(quadrant)
        artist = more[song].get("artist") if song in more else ""
        tracks.append(Track(song, audio=folders[quadrant].get(song), group=artist or None))
        moods = more[song].get("moodsstrsplit") if song in more else ""
        tags.append(tuple(sorted({mood.strip() for mood in moods.split(";") if mood.strip()})))
    return corpus.dataset(
        tracks,
        published=900,
        counts={name: (labels.count(name), 225) for name in QUADRANT_SIGNS},
        labels=labels,
        valence=[QUADRANT_SIGNS[label][0] for label in labels],
        arousal=[QUADRANT_SIGNS[label][1] for label in labels],
        tags=tags if more else None,
        version="2018",
    )
