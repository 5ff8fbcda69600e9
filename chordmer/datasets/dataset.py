"""`Dataset`: tracks with what listeners said of them, and how far they agreed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chordmer.datasets.ratings import (
    Agreement,
    RatedCurve,
    Scale,
    agreement,
    soft_quadrants,
)
from chordmer.emotion import quadrant_of
from chordmer.errors import printable
from chordmer.track import Track

__all__ = ["About", "Dataset", "Report"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class About:
    """What is known of a corpus wherever its copy lies.

    Attributes
    ----------
    name, title : str
        As in ``load_NAME``; as its authors call it.
    url : str
        Where its authors give it away. Nothing is ever downloaded.
    licence : str
        In its authors' words, or what is known of it.
    citation : str
    """

    name: str
    title: str
    url: str
    licence: str
    citation: str


@dataclass(frozen=True)
class Report:
    """What a loader met.

    Attributes
    ----------
    counts : dict of str to (int, int or None)
        What was counted: how many are here, and how many are published (None where that is not
        known or depends on the version).
    missing : tuple of str
        Files that tables name and the folder does not hold.
    odd : tuple of str
        What a user should know before trusting the numbers.
    """

    counts: Mapping[str, tuple[int, int | None]]
    missing: tuple[str, ...] = ()
    odd: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Nothing is missing and every count is the published one."""
        return not self.missing and all(
            published in (None, here) for here, published in self.counts.values()
        )

    def __str__(self) -> str:
        lines = [
            f"{what}: {here:,}" + ("" if published in (None, here) else f" of {published:,}")
            for what, (here, published) in self.counts.items()
        ]
        if self.missing:
            first = ", ".join(printable(name, 100) for name in self.missing[:3])
            lines.append(f"missing files: {len(self.missing):,}, such as {first}")
        return "\n".join([*lines, *(f"note: {printable(text, 300)}" for text in self.odd)])


@dataclass(frozen=True, eq=False)
class Dataset:
    """A corpus.

    Attributes
    ----------
    about : About
        Name, source, licence, citation.
    version : str
        Of the copy at hand; ``"unknown"`` where nothing tells.
    tracks : list of Track, length n
        In the order of their ids, whatever the order of rows in the corpus's tables.
    labels : ndarray of object (str or None), shape (n,), or None
        The class of each track; None where the corpus has none, or raters found none.
    valence, arousal : ndarray of float64, shape (n,)
        In [-1, 1]; NaN where unknown.
    scale : dict of str to Scale
        The corpus's own scale for ``"valence"`` and ``"arousal"``; empty where it has none.
    std : dict of str to ndarray of float64, shape (n,)
        Standard deviation over raters for ``"valence"`` and ``"arousal"``, in the units of
        `valence`; empty where the corpus does not tell. It gives soft labels, and the ceiling:
        no model agrees with listeners better than they do among themselves.
    ratings : dict of str to ndarray of float64, shape (n,)
        Other numbers that raters gave: shares of votes for emotions, dominance, ``"n_raters"``.
    groups : ndarray of object (str), shape (n,)
        What must not be divided between training and test; also in each track's ``group``.
        Corpora that share songs share the names of groups.
    splits : dict of str to dict of str to ndarray of int
        Published splits: name, then ``"train"``, ``"valid"``, ``"test"``, then rows.
    curves : list of RatedCurve or None, length n, or None
        Ratings over time, where the corpus has them.
    tags : list of tuple of str, length n, or None
        Words that describe each track, where these are no classes.
    shared : dict of str to ndarray of int
        By name of another corpus: the rows whose songs it holds too.
    report : Report
    """

    about: About
    tracks: Sequence[Track]
    valence: Floats
    arousal: Floats
    groups: NDArray[np.object_]
    report: Report
    version: str = "unknown"
    labels: NDArray[np.object_] | None = None
    scale: Mapping[str, Scale] = field(default_factory=dict)
    std: Mapping[str, Floats] = field(default_factory=dict)
    ratings: Mapping[str, Floats] = field(default_factory=dict)
    splits: Mapping[str, Mapping[str, NDArray[np.intp]]] = field(default_factory=dict)
    curves: Sequence[RatedCurve | None] | None = None
    tags: Sequence[tuple[str, ...]] | None = None
    shared: Mapping[str, NDArray[np.intp]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.tracks)

    @property
    def name(self) -> str:
        """Name of the corpus, as in ``load_NAME``."""
        return self.about.name

    @property
    def licence(self) -> str:
        """What may be done with the corpus."""
        return self.about.licence

    @property
    def ids(self) -> list[str]:
        """Id of each track."""
        return [track.id for track in self.tracks]

    @property
    def quadrants(self) -> NDArray[np.object_]:
        """Quadrant of each track's valence and arousal; None where one is unknown."""
        return np.array(
            [
                None if np.isnan(v) or np.isnan(a) else quadrant_of(v, a)
                for v, a in zip(self.valence, self.arousal)
            ],
            dtype=object,
        )

    @property
    def soft_quadrants(self) -> Floats:
        """Share of listeners that each quadrant would have, shape (n, 4); see `std`.

        NaN where valence, arousal or their spread is unknown.
        """
        unknown = np.full(len(self), np.nan)
        spread = (self.std.get(name, unknown) for name in ("valence", "arousal"))
        return soft_quadrants(self.valence, self.arousal, *spread)

    def agreement(self, n_raters: ArrayLike | None = None) -> dict[str, Agreement]:
        """Return how far listeners agree about ``"valence"`` and ``"arousal"``: the ceiling.

        Parameters
        ----------
        n_raters : array_like, optional
            Raters of each track. Default: ``ratings["n_raters"]``, where the corpus tells.

        Raises
        ------
        ValueError
            If the number of raters is unknown, or there are too few.
        """
        n = self.ratings.get("n_raters") if n_raters is None else n_raters
        if n is None:
            raise ValueError(f"{self.name} does not tell how many rated a track: name n_raters")
        return {name: agreement(getattr(self, name), std, n) for name, std in self.std.items()}

    @property
    def y(self) -> NDArray[Any]:
        """What a model learns: the labels, or else valence and arousal, shape (n, 2)."""
        return self.plane if self.labels is None else self.labels

    @property
    def plane(self) -> Floats:
        """Valence and arousal side by side, shape (n, 2)."""
        return np.column_stack([self.valence, self.arousal])

    def __getitem__(self, rows: ArrayLike | slice) -> Dataset:
        """Return the corpus's tracks at `rows`: integers, a mask, or a slice.

        Splits and shared rows keep naming the same tracks; those of other tracks leave them.

        Raises
        ------
        IndexError
            If a row is out of range, or a mask of another length.
        TypeError
            If `rows` is one number: a track alone is ``dataset.tracks[row]``.
        """
        picked = np.arange(len(self))[rows if isinstance(rows, slice) else _as_rows(rows)]
        place = {old: new for new, old in enumerate(picked.tolist())}
        if len(place) < len(picked):
            raise IndexError("a row is asked for twice; tracks of a dataset are distinct")

        def moved(old: NDArray[np.intp]) -> NDArray[np.intp]:
            kept = sorted(place[row] for row in old.tolist() if row in place)
            return np.array(kept, dtype=np.intp)

        def listed(column: Sequence[Any] | None) -> list[Any] | None:
            return None if column is None else [column[row] for row in picked]

        return replace(
            self,
            tracks=[self.tracks[row] for row in picked],
            valence=self.valence[picked],
            arousal=self.arousal[picked],
            groups=self.groups[picked],
            labels=None if self.labels is None else self.labels[picked],
            std={name: column[picked] for name, column in self.std.items()},
            ratings={name: column[picked] for name, column in self.ratings.items()},
            splits={
                name: {part: moved(old) for part, old in parts.items()}
                for name, parts in self.splits.items()
            },
            curves=listed(self.curves),
            tags=listed(self.tags),
            shared={name: moved(old) for name, old in self.shared.items()},
        )

    def summary(self) -> str:
        """Return a page about the corpus: counts, classes, scales, splits, and what is odd."""
        lines = [f"{self.about.title} (version {self.version})"]
        lines += [f"tracks: {len(self):,} in {len(set(self.groups.tolist())):,} groups"]
        if self.labels is not None:
            counted: dict[str, int] = {}
            for label in self.labels:
                counted[label or "(none)"] = counted.get(label or "(none)", 0) + 1
            classes = ", ".join(f"{name} {n:,}" for name, n in sorted(counted.items()))
            lines.append(f"classes: {classes}")
        for name, scale in self.scale.items():
            known = int(np.isfinite(getattr(self, name)).sum())
            lines.append(f"{name}: {known:,} rated, from {scale.low:g} to {scale.high:g}")
        if self.curves is not None:
            lines.append(f"curves: {sum(curve is not None for curve in self.curves):,}")
        for name, parts in self.splits.items():
            sizes = ", ".join(f"{part} {len(rows):,}" for part, rows in parts.items())
            lines.append(f"split {name}: {sizes}")
        lines += [f"shared with {name}: {len(rows):,}" for name, rows in self.shared.items()]
        return "\n".join([*lines, str(self.report), f"licence: {self.licence}"])

    def __repr__(self) -> str:
        return f"<Dataset {self.name}: {len(self):,} tracks, version {self.version}>"


def _as_rows(rows: ArrayLike) -> NDArray[Any]:
    array = np.asarray(rows)
    if array.ndim != 1:
        raise TypeError("rows should be a slice or an array of integers or booleans")
    return array if array.size else array.astype(np.intp)
