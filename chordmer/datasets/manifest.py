"""Any corpus that has a table of its tracks."""

from __future__ import annotations

import os
from pathlib import Path

from chordmer.datasets.corpus import Corpus
from chordmer.datasets.dataset import About, Dataset
from chordmer.datasets.ratings import Scale
from chordmer.manifest import read_manifest

__all__ = ["load_manifest"]

_PLANE = ("valence", "arousal")


def load_manifest(path: str | os.PathLike[str], *, scale: Scale | None = None) -> Dataset:
    """Load a corpus of the user's own: the table that ``chordmer train`` reads.

    Parameters
    ----------
    path : path-like
        A csv file with the columns ``id``; ``symbolic``, ``audio`` or ``lyrics``; ``label``, or
        ``valence`` and ``arousal``; ``group`` and ``split`` if wanted: see
        `chordmer.manifest.read_manifest`. Other columns of numbers become `ratings`, but for
        ``valence_std`` and ``arousal_std``, which become `std`.
    scale : Scale, optional
        That of the table's valence and arousal. Default -1 to 1.

    Returns
    -------
    Dataset
        With the split ``"manifest"`` where the table has one.

    Raises
    ------
    DatasetError
        If valence or arousal lie off the scale.
    ChordmerError
        If the file is no such table, or names files that are not there.
    """
    path = Path(path)
    manifest = read_manifest(path)
    about = About("manifest", path.name, "the user", "the user's own", "none")
    corpus = Corpus(path.parent, about)
    scale = scale or Scale(-1, 1)
    rated = {name: manifest.dimensions[name] for name in _PLANE if name in manifest.dimensions}
    for name, column in rated.items():
        for track, value in zip(manifest.tracks, column):
            if value not in scale:
                raise corpus.error(
                    f"track {track.id}: {name} {value:g} lies off the scale from {scale.low:g} to "
                    f"{scale.high:g}; name the right one, as in scale=Scale(1, 9)",
                    path,
                    name,
                )
    spread = {name: f"{name}_std" for name in rated if f"{name}_std" in manifest.dimensions}
    parts: dict[str, list[str]] = {}
    for track, part in zip(manifest.tracks, manifest.split or ()):
        parts.setdefault(part, []).append(track.id)
    return corpus.dataset(
        manifest.tracks,
        labels=manifest.labels,
        valence=scale.to_unit(rated["valence"]) if "valence" in rated else None,
        arousal=scale.to_unit(rated["arousal"]) if "arousal" in rated else None,
        std={
            name: scale.spread_to_unit(manifest.dimensions[column])
            for name, column in spread.items()
        },
        ratings={
            name: column
            for name, column in manifest.dimensions.items()
            if name not in rated and name not in spread.values()
        },
        splits={"manifest": parts} if parts else None,
        scale=dict.fromkeys(rated, scale),
    )
