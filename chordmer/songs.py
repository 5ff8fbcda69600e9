"""Clips of a song belong together: in training, when held out, and in the answer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold

from chordmer.track import Track

__all__ = ["folds_of", "groups_of", "pool_songs"]


def pool_songs(
    tracks: Sequence[Track], rows: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    """Return the mean of the rows of each song, by its name, in order of first appearance.

    Parameters
    ----------
    tracks : sequence of Track, n of them
    rows : ndarray, shape (n, k)
        Probabilities or values of each.

    Examples
    --------
    >>> clips = [Track("1", group="a"), Track("2", group="a"), Track("b")]
    >>> {name: row.tolist() for name, row in pool_songs(clips, np.eye(3)[:, :2]).items()}
    {'a': [0.5, 0.5], 'b': [0.0, 0.0]}
    """
    songs: dict[tuple[bool, str], list[int]] = {}
    for i, track in enumerate(tracks):
        songs.setdefault((track.group is None, track.group or track.id), []).append(i)
    return {name: rows[own].mean(axis=0) for (_, name), own in songs.items()}


def groups_of(tracks: Sequence[Track]) -> list[str]:
    """Return what each track must stay together with; one without a group is alone."""
    return [
        f"track {i}" if track.group is None else f"group {track.group}"
        for i, track in enumerate(tracks)
    ]


def folds_of(tracks: Sequence[Track], n_folds: int) -> list[tuple[list[int], list[int]]]:
    """Return the rows to learn from, and those held out, of each fold; groups stay together.

    There are as many folds as groups where these are fewer, and none where there would be one.
    """
    groups = groups_of(tracks)
    n_folds = min(n_folds, len(set(groups)))
    if n_folds < 2:
        return []
    folds = GroupKFold(n_folds).split(groups, groups=groups)
    return [(train.tolist(), test.tolist()) for train, test in folds]
