"""MIREX-like mood: 903 clips in five clusters of moods, with lyrics and MIDI for some."""

from __future__ import annotations

import os
import re

from chordmer.datasets.corpus import Corpus, Missing
from chordmer.datasets.dataset import About, Dataset
from chordmer.datasets.table import read_lines
from chordmer.errors import DatasetError
from chordmer.track import AUDIO_SUFFIXES, Track

__all__ = ["load_mirex"]

ABOUT = About(
    "mirex",
    "MIREX-like mood, multi-modal",
    "http://mir.dei.uc.pt/downloads.html",
    "for research; the songs belong to their owners",
    "Panda, Malheiro, Rocha, Oliveira and Paiva: Multi-modal music emotion recognition: a new "
    "dataset, methodology and comparative analysis. CMMR 2013",
)

#: Clips in each cluster.
_CLUSTERS = {f"Cluster {number}": n for number, n in enumerate((170, 164, 215, 191, 163), 1)}


def load_mirex(root: str | os.PathLike[str], *, missing: Missing = "raise") -> Dataset:
    """Load the multi-modal MIREX-like mood dataset of Panda et al.

    Parameters
    ----------
    root : path-like
        The folder ``dataset`` that the archive unpacks to, or the one around it::

            Audio/001.mp3 ... 903.mp3      (also sorted into folders by cluster and category)
            Lyrics/001.txt ...             for some
            MIDIs/001.mid ...              for some
            clusters.txt  categories.txt   a line a clip
            dataset.txt                    the clip of each line (optional)
    missing : {"raise", "drop"}
        What to do about clips whose audio is not here. Lyrics and MIDI need not be.

    Returns
    -------
    Dataset
        `labels` ``"Cluster 1"`` to ``"Cluster 5"``; `tags` the mood categories; tracks with audio,
        lyrics and MIDI where these are; no valence or arousal. No artists are known to the loader,
        so `groups` are the clips.

    Raises
    ------
    DatasetError
        If files lack, or the two tables have different numbers of lines.

    Notes
    -----
    From http://mir.dei.uc.pt/downloads.html: 903 clips, 764 lyrics, and 193 MIDI files according
    to the paper, 196 according to the archive. The tables have no ids: line n is clip n, unless
    ``dataset.txt`` names the clips in another order. Clusters, those of MIREX: 1 passionate,
    rousing; 2 cheerful, fun; 3 poignant, brooding; 4 humorous, whimsical; 5 aggressive, intense.
    """
    corpus = Corpus(root, ABOUT, missing, holds=("clusters.txt", "Audio"))
    clusters = read_lines(corpus.find("clusters.txt"))
    categories = read_lines(corpus.find("categories.txt"))
    if len(clusters) != len(categories):
        raise DatasetError(
            f"has {len(categories)} lines, and clusters.txt {len(clusters)}",
            source=corpus.root / "categories.txt",
            stage="table",
        )
    clips = _clips(corpus, len(clusters))
    audio = corpus.media(corpus.find("Audio", "audio"), AUDIO_SUFFIXES, deep=True)
    lyrics = corpus.media(corpus.look("Lyrics", "lyrics"), {".txt"}, deep=True)
    midis = corpus.media(corpus.look("MIDIs", "MIDI", "midis"), {".mid", ".midi"}, deep=True)
    labels = [_cluster(corpus, line, text) for line, text in enumerate(clusters, 1)]
    tracks = []
    for clip in clips:
        sound = audio.get(clip)
        words, notes = (lyrics.look(clip), midis.look(clip)) if sound else (None, None)
        tracks.append(Track(clip, symbolic=notes, audio=sound, lyrics=words))
    return corpus.dataset(
        tracks,
        published=903,
        counts={
            **{name: (labels.count(name), n) for name, n in _CLUSTERS.items()},
            "lyrics": (len(lyrics.paths), 764),
            "MIDI files": (len(midis.paths), None),
        },
        labels=labels,
        tags=[(category,) for category in categories],
        version="2013",
    )


def _clips(corpus: Corpus, n: int) -> list[str]:
    path = corpus.look("dataset.txt")
    if path is None:
        return [f"{number:03d}" for number in range(1, n + 1)]
    clips = [re.sub(r"\.\w{2,4}$", "", line) for line in read_lines(path)]
    if len(clips) != n:
        raise DatasetError(
            f"has {len(clips)} lines, and clusters.txt {n}", source=path, stage="table"
        )
    return clips


def _cluster(corpus: Corpus, line: int, text: str) -> str:
    named = re.fullmatch(r"(?:cluster\s*)?([1-5])", text, re.IGNORECASE)
    if named is None:
        raise DatasetError(
            "should be a cluster, 1 to 5",
            source=corpus.root / "clusters.txt",
            stage=f"line {line}",
            value=text,
        )
    return f"Cluster {named[1]}"
