"""The "Emotion" dataset: songs in four folders, angry, happy, relaxed and sad."""

from __future__ import annotations

import os

from chordmer.datasets.corpus import Corpus
from chordmer.datasets.dataset import About, Dataset
from chordmer.datasets.ratings import QUADRANT_SIGNS
from chordmer.track import AUDIO_SUFFIXES, Track

__all__ = ["load_emotion"]

ABOUT = About(
    "emotion",
    "Emotion, four classes of songs",
    "copies that circulate, such as on kaggle.com; no home of its authors is known",
    "unknown; the songs belong to their owners",
    "as used by the authors of MULTISPEC-DNN: 2,978 pieces of 25 to 55 s",
)

#: Folders by class, the names that copies use, quadrant, and how many pieces there should be.
_CLASSES = {
    "angry": (("angry", "anger"), "Q2", 661),
    "happy": (("happy", "happiness"), "Q1", 739),
    "relaxed": (("relaxed", "relax", "calm"), "Q4", 768),
    "sad": (("sad", "sadness"), "Q3", 810),
}


def load_emotion(root: str | os.PathLike[str]) -> Dataset:
    """Load the "Emotion" dataset, a folder a class.

    Parameters
    ----------
    root : path-like
        The folder with the classes, or the one around it; names in any case::

            Angry/*.mp3   Happy/*.mp3   Relax/*.mp3   Sad/*.mp3

        Other names in use: anger, happiness, relaxed, calm, sadness.

    Returns
    -------
    Dataset
        `labels` angry, happy, relaxed and sad; `valence` and `arousal` the signs of the quadrants
        that these stand in (Q2, Q1, Q4, Q3); `groups` the files' names, as nothing else is known
        of the songs: a song that lies in two classes stays on one side of a split.

    Raises
    ------
    DatasetError
        If a class has no folder.

    Notes
    -----
    The corpus of the MULTISPEC-DNN paper, whose authors do not say where they had it: 661 angry,
    739 happy, 768 relaxed and 810 sad pieces. Copies differ, so counts are only reported. No table
    tells who labelled them, or which pieces are clips of one song: results on it are optimistic.
    """
    every = [name.title() for names, _, _ in _CLASSES.values() for name in names]
    corpus = Corpus(root, ABOUT, holds=[*every, *map(str.lower, every)])
    tracks, labels, counts = [], [], {}
    where: dict[str, str] = {}
    for label, (names, _, published) in _CLASSES.items():
        folder = corpus.find(*(form for name in names for form in (name.title(), name)))
        media = corpus.media(folder, AUDIO_SUFFIXES, deep=True)
        counts[label] = (len(media.paths), published)
        for stem in media.paths:
            tracks.append(Track(f"{label}/{stem}", audio=media.get(stem), group=stem))
            labels.append(label)
            if where.setdefault(stem, label) != label:
                corpus.note("some names stand in two classes; their files form one group")
    signs = [QUADRANT_SIGNS[_CLASSES[label][1]] for label in labels]
    return corpus.dataset(
        tracks,
        published=2978,
        counts=counts,
        labels=labels,
        valence=[valence for valence, _ in signs],
        arousal=[arousal for _, arousal in signs],
    )
