"""Any corpus that is a folder a class."""

from __future__ import annotations

import os
import re
from pathlib import Path

from chordmer.datasets.corpus import Corpus
from chordmer.datasets.dataset import About, Dataset
from chordmer.datasets.ratings import QUADRANT_SIGNS
from chordmer.track import AUDIO_SUFFIXES, LYRICS_SUFFIXES, SYMBOLIC_SUFFIXES, Track

__all__ = ["load_folders"]

_SOURCES = {"symbolic": SYMBOLIC_SUFFIXES, "audio": AUDIO_SUFFIXES, "lyrics": LYRICS_SUFFIXES}


def load_folders(root: str | os.PathLike[str], *, group: str | None = None) -> Dataset:
    r"""Load a corpus of the user's own: a folder a class.

    Parameters
    ----------
    root : path-like
        The folder with the classes' folders, each with files at any depth::

            happy/song1.mid   happy/song1.txt   happy/more/song2.wav   sad/song3.mp3 ...

        Files of one folder with the same name (song1 here) are one track. Hidden files, and files
        that chordmer does not read, are passed over.
    group : str, optional
        A regular expression for the file's name, whose first group is the track's group:
        ``r"(.+)_\d+"`` makes clips ``song1_0`` and ``song1_1`` one group. Default: the whole name.

    Returns
    -------
    Dataset
        `labels` the folders' names; `valence` and `arousal` the signs of the quadrants where
        these are Q1 to Q4, and unknown otherwise. A name that stands in two classes is one group.

    Raises
    ------
    DatasetError
        If there is no class with a track.
    ValueError
        If `group` is no regular expression with a group.
    """
    pattern = None if group is None else re.compile(group)
    if pattern is not None and not pattern.groups:
        raise ValueError(f"group should hold a group in parentheses: {group!r}")
    root = Path(root)
    about = About("folders", f"the folder {root.name}", "the user", "the user's own", "none")
    corpus = Corpus(root, about)
    tracks, labels = [], []
    for label in corpus.folders():
        files: dict[str, dict[str, Path]] = {}
        for source, suffixes in _SOURCES.items():
            media = corpus.media(corpus.root / label, suffixes, deep=True)
            for stem, path in media.paths.items():
                if media.look(stem) is None:
                    corpus.note(f"{path.name} is empty")
                else:
                    files.setdefault(stem, {})[source] = path
        for stem, sources in files.items():
            tracks.append(Track(f"{label}/{stem}", **sources, group=_group(pattern, stem)))
            labels.append(label)
    quadrants = [QUADRANT_SIGNS.get(label.upper(), (float("nan"),) * 2) for label in labels]
    classes = sorted(set(labels))
    return corpus.dataset(
        tracks,
        counts={label: (labels.count(label), None) for label in classes},
        labels=labels,
        valence=[valence for valence, _ in quadrants],
        arousal=[arousal for _, arousal in quadrants],
    )


def _group(pattern: re.Pattern[str] | None, stem: str) -> str:
    named = pattern.match(stem) if pattern else None
    return (named[1] or stem) if named else stem
