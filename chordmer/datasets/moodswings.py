"""MoodSwings Turk: 240 clips rated second by second by workers on the web."""

from __future__ import annotations

import os

import numpy as np

from chordmer.datasets.corpus import Corpus, Missing
from chordmer.datasets.dataset import About, Dataset
from chordmer.datasets.ratings import Floats, RatedCurve, Scale
from chordmer.datasets.table import Row, Table
from chordmer.track import AUDIO_SUFFIXES, Track

__all__ = ["load_moodswings"]

ABOUT = About(
    "moodswings",
    "MoodSwings Turk",
    "http://music.ece.drexel.edu/research/emotion/moodswingsturk",
    "for research, with citation; the songs belong to their owners and do not come with it",
    "Speck, Schmidt, Morton and Kim: A comparative study of collaborative vs. traditional musical "
    "mood annotation. ISMIR 2011",
)

_SCALE = Scale(-1, 1)


def load_moodswings(
    root: str | os.PathLike[str], *, missing: Missing = "raise", scale: Scale = _SCALE
) -> Dataset:
    """Load the ratings of MoodSwings Turk, with the user's own audio.

    Parameters
    ----------
    root : path-like
        The labels come as MATLAB files; written as a table, this form is expected::

            labels.csv               clip, worker, second, valence, arousal; artist (optional)
            audio/<clip>.mp3 ...     the 15 s that were rated, from the user's own recordings
    missing : {"raise", "drop"}
        What to do about clips whose audio is not here.
    scale : Scale
        That of the copy's ratings. Default -1 to 1.

    Returns
    -------
    Dataset
        `curves` a point a second, means over workers and their spread; `valence`, `arousal` the
        means of each worker's means, `std` over workers; ``ratings["n_raters"]`` (17 on average);
        `groups` the artists where the table names them, and otherwise the clips.

    Raises
    ------
    DatasetError
        If files lack, ratings lie off the scale, or a worker rates a second twice.

    Notes
    -----
    From http://music.ece.drexel.edu/research/emotion/moodswingsturk. Clips have 15 s, played with
    15 s before them as practice. Workers who rated the verification clips badly are already out.
    """
    corpus = Corpus(root, ABOUT, missing, holds=("labels.csv",))
    table = corpus.table("labels.csv", ["clip", "worker", "second", "valence", "arousal"])
    audio = corpus.media(corpus.find("audio"), AUDIO_SUFFIXES)
    rated = _by_worker(corpus, table, scale)
    artists = {row.text("clip"): row.get("artist") for row in table.rows}
    means = {
        clip: np.array([np.mean(list(points.values()), axis=0) for points in workers.values()])
        for clip, workers in rated.items()
    }
    spread = np.array([_spread(values) for values in means.values()])
    return corpus.dataset(
        [Track(clip, audio=audio.get(clip), group=artists[clip] or None) for clip in rated],
        published=240,
        counts={"ratings": (len(table.rows), None)},
        valence=[float(values[:, 0].mean()) for values in means.values()],
        arousal=[float(values[:, 1].mean()) for values in means.values()],
        std={"valence": spread[:, 0], "arousal": spread[:, 1]},
        ratings={"n_raters": [len(values) for values in means.values()]},
        curves=[_curve(workers) for workers in rated.values()],
        scale={"valence": scale, "arousal": scale},
    )


Point = tuple[float, float]


def _by_worker(
    corpus: Corpus, table: Table, scale: Scale
) -> dict[str, dict[str, dict[float, Point]]]:
    found: dict[str, dict[str, dict[float, Point]]] = {}
    for row in table.rows:
        points = found.setdefault(row.text("clip"), {}).setdefault(row.text("worker"), {})
        second = row.number_in("second")
        if second in points:
            raise row.error("this worker rated the second before", "second", second)
        points[second] = _point(corpus, row, scale)
    return found


def _point(corpus: Corpus, row: Row, scale: Scale) -> Point:
    return corpus.convert(scale, row, "valence"), corpus.convert(scale, row, "arousal")


def _spread(values: Floats) -> Floats:
    """Return the standard deviation over rows; NaN where there are fewer than two."""
    return values.std(axis=0) if len(values) > 1 else np.full(values.shape[1], np.nan)


def _curve(workers: dict[str, dict[float, Point]]) -> RatedCurve:
    times = sorted({second for points in workers.values() for second in points})
    at = [np.array([p[time] for p in workers.values() if time in p]) for time in times]
    means = np.array([points.mean(axis=0) for points in at])
    spread = np.array([_spread(points) for points in at])
    return RatedCurve(
        np.array(times),
        means[:, 0],
        means[:, 1],
        {"valence": spread[:, 0], "arousal": spread[:, 1]},
    )
