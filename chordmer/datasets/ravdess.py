"""RAVDESS: 24 actors speak and sing two sentences in eight emotions."""

from __future__ import annotations

import os
import re
from typing import Literal

from chordmer.datasets.corpus import Corpus
from chordmer.datasets.dataset import About, Dataset
from chordmer.track import Track

__all__ = ["load_ravdess"]

ABOUT = About(
    "ravdess",
    "RAVDESS, the Ryerson audio-visual database of emotional speech and song",
    "https://doi.org/10.5281/zenodo.1188976",
    "CC BY-NC-SA 4.0",
    "Livingstone and Russo: The Ryerson audio-visual database of emotional speech and song. "
    "PLoS ONE 13(5), 2018",
)

_NAME = re.compile(r"(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)")
_CHANNELS = {"01": "speech", "02": "song"}
_EMOTIONS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")
_LABELS = {f"{number:02d}": name for number, name in enumerate(_EMOTIONS, 1)}
#: Sound files of each channel.
_FILES = {"speech": 1440, "song": 1012}

Channel = Literal["speech", "song", "both"]


def load_ravdess(root: str | os.PathLike[str], *, channel: Channel = "both") -> Dataset:
    """Load the sound files of RAVDESS.

    Parameters
    ----------
    root : path-like
        Any folder with the actors' folders in it::

            Actor_01/03-01-06-01-02-01-12.wav ...
            Audio_Song_Actors_01-24/Actor_01/03-02-01-01-01-01-01.wav ...

        The seven numbers are modality (03, sound only), channel (01 speech, 02 song), emotion,
        intensity, sentence, repetition and actor.
    channel : {"both", "speech", "song"}

    Returns
    -------
    Dataset
        `labels` the eight emotions, six for song (no disgust, no surprise); `tags` channel,
        intensity and sentence; `groups` the actors. No valence or arousal: emotions were acted,
        not rated on a scale.

    Raises
    ------
    DatasetError
        If a name follows the pattern with a number that means nothing, or no file does.

    Notes
    -----
    From https://doi.org/10.5281/zenodo.1188976, CC BY-NC-SA 4.0. What to know: a circulating copy
    holds all speech twice, once in a folder of its own: files of the same name count once. Actor
    18 did not sing. Files of the video archives (01 and 02) are passed over.
    """
    if channel not in ("both", "speech", "song"):
        raise ValueError(f"channel should be 'both', 'speech' or 'song', not {channel!r}")
    corpus = Corpus(root, ABOUT)
    media = corpus.media(corpus.root, {".wav"}, deep=True)
    tracks, labels, tags = [], [], []
    for name, path in media.paths.items():
        named = _NAME.fullmatch(name)
        if named is None or named[1] != "03":
            continue
        kind = _CHANNELS.get(named[2])
        label = _LABELS.get(named[3])
        if kind is None or label is None or not 1 <= int(named[7]) <= 24:
            raise corpus.error("is no name of RAVDESS", path)
        if channel in ("both", kind):
            intensity = "strong" if named[4] == "02" else "normal"
            sentence = "dogs" if named[5] == "02" else "kids"
            tracks.append(Track(name, audio=media.get(name), group=f"actor-{named[7]}"))
            labels.append(label)
            tags.append((kind, intensity, sentence))
    wanted = [kind for kind in _FILES if channel in ("both", kind)]
    return corpus.dataset(
        tracks,
        published=sum(_FILES[kind] for kind in wanted),
        counts={
            **{kind: (sum(tag[0] == kind for tag in tags), _FILES[kind]) for kind in wanted},
            "actors": (len({track.group for track in tracks}), 24),
        },
        labels=labels,
        tags=tags,
        version="1.0",
    )
