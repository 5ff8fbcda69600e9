"""EmoDB: ten German actors speak ten sentences in seven emotions."""

from __future__ import annotations

import os
import re

from chordmer.datasets.corpus import Corpus
from chordmer.datasets.dataset import About, Dataset
from chordmer.track import Track

__all__ = ["load_emodb"]

ABOUT = About(
    "emodb",
    "EmoDB, the Berlin database of emotional speech",
    "http://emodb.bilderbar.info/",
    "free to use, as its authors say, with citation",
    "Burkhardt, Paeschke, Rolfes, Sendlmeier and Weiss: A database of German emotional speech. "
    "Interspeech 2005",
)

_NAME = re.compile(r"(\d\d)([ab]\d\d)([A-Z])([a-z]?)")
#: By the first letter of the German word: Wut, Langeweile, Ekel, Angst, Freude, Trauer.
_LABELS = {
    "W": "anger",
    "L": "boredom",
    "E": "disgust",
    "A": "fear",
    "F": "happiness",
    "T": "sadness",
    "N": "neutral",
}


def load_emodb(root: str | os.PathLike[str]) -> Dataset:
    """Load EmoDB.

    Parameters
    ----------
    root : path-like
        The folder with ``wav``, or ``wav`` itself::

            wav/03a01Fa.wav ...     speaker, sentence, emotion, version

    Returns
    -------
    Dataset
        `labels` anger, boredom, disgust, fear, happiness, sadness and neutral; `tags` the
        sentence; `groups` the ten speakers. No valence or arousal.

    Raises
    ------
    DatasetError
        If a name in the folder is no name of EmoDB.

    Notes
    -----
    From http://emodb.bilderbar.info/. The letters are German: A is fear (Angst), not anger (W,
    Wut), F is happiness (Freude), T is sadness (Trauer). 535 files, of unequal numbers a class.
    """
    corpus = Corpus(root, ABOUT)
    media = corpus.media(corpus.look("wav") or corpus.root, {".wav"})
    tracks, labels, tags = [], [], []
    for name, path in media.paths.items():
        named = _NAME.fullmatch(name)
        if named is None or named[3] not in _LABELS:
            raise corpus.error("is no name of EmoDB", path)
        tracks.append(Track(name, audio=media.get(name), group=f"speaker-{named[1]}"))
        labels.append(_LABELS[named[3]])
        tags.append((named[2],))
    return corpus.dataset(
        tracks,
        published=535,
        counts={"speakers": (len({track.group for track in tracks}), 10)},
        labels=labels,
        tags=tags,
    )
