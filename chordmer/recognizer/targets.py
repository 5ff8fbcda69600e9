"""What a recogniser is asked for: one of some labels, or a point in some dimensions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from chordmer.emotion import QUADRANTS, valence_arousal

__all__ = ["Target"]

_MOST = 1000


@dataclass(frozen=True)
class Target:
    """A target as `EmotionRecognizer` is given it, understood.

    Attributes
    ----------
    labels : tuple of str
        The classes; empty for dimensions.
    dimensions : tuple of str
        What each column of y is; empty for labels.
    places : mapping of str to str
        Which quadrant each label belongs to, where that is known.
    """

    labels: tuple[str, ...] = ()
    dimensions: tuple[str, ...] = ()
    places: Mapping[str, str] | None = None

    @classmethod
    def of(cls, target: str | Sequence[str] | Mapping[str, str]) -> Target:
        """Return the target that a word, some labels, or labels with quadrants stand for.

        Raises
        ------
        ValueError
            If it is no target.

        Examples
        --------
        >>> Target.of("valence_arousal_dominance").dimensions
        ('valence', 'arousal', 'dominance')
        """
        if isinstance(target, str):
            if target == "quadrant":
                return cls(labels=tuple(QUADRANTS), places={name: name for name in QUADRANTS})
            dimensions = tuple(target.split("_"))
            if not _distinct(dimensions):
                raise ValueError(f"target names no dimensions, joined by '_': {target!r}")
            return cls(dimensions=dimensions)
        labels = tuple(target)
        if len(labels) < 2 or not _distinct(labels):
            raise ValueError(f"target wants two or more different labels: {target!r}")
        if not isinstance(target, Mapping):
            own = set(labels) <= set(QUADRANTS)
            return cls(labels=labels, places={name: name for name in labels} if own else None)
        odd = [place for place in target.values() if place not in QUADRANTS]
        if odd:
            raise ValueError(f"target places a label at {odd[0]!r}: no quadrant, Q1 to Q4")
        return cls(labels=labels, places=dict(target))

    def check(self, y: Any, n: int) -> NDArray[Any]:
        """Return `y` as labels, shape (n,), or as float64 values, shape (n, dimensions).

        Raises
        ------
        ValueError
            If it is not one row a track, holds other labels, or is not finite.
        """
        if y is None:
            raise ValueError("y is missing: a recogniser learns from labels or ratings")
        if self.labels:
            answers = np.asarray(y)
            if answers.shape != (n,):
                raise ValueError(f"y should be {n} labels, one a track, not {answers.shape}")
            unknown = sorted(set(answers.tolist()) - set(self.labels), key=str)
            if unknown:
                raise ValueError(f"y holds {unknown[0]!r}, which is none of {self.labels}")
            return answers
        values = np.asarray(y, dtype=np.float64)
        if values.ndim == 1 and len(self.dimensions) == 1:
            values = values[:, None]
        if values.shape != (n, len(self.dimensions)):
            raise ValueError(
                f"y should be {n} rows of {', '.join(self.dimensions)}, not {values.shape}"
            )
        if not np.isfinite(values).all():
            raise ValueError("y is not finite: a rating is missing or infinite")
        return values

    @property
    def has_plane(self) -> bool:
        """Whether an answer has a place on the valence-arousal plane."""
        return self.places is not None or {"valence", "arousal"} <= set(self.dimensions)

    def quadrants_of_labels(
        self, classes: Sequence[str], probabilities: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return probabilities of Q1 to Q4, (n, 4), and valence and arousal, (n, 2).

        `probabilities`, shape (n, classes), are those of `classes`.
        """
        assert self.places is not None
        order = list(QUADRANTS)
        belongs = np.zeros((len(classes), len(order)))
        for row, name in zip(belongs, classes):
            row[order.index(self.places[name])] = 1.0
        quadrants = probabilities @ belongs
        return quadrants, valence_arousal(quadrants)

    def quadrants_of_values(
        self, values: NDArray[np.float64], spread: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return probabilities of Q1 to Q4, (n, 4), and valence and arousal, (n, 2).

        The error of each dimension is taken as normal, with the standard deviation in `spread`,
        and independent of the other's. `values` and `spread` are in units where the plane reaches
        from -1 to 1.
        """
        columns = [self.dimensions.index(name) for name in ("valence", "arousal")]
        plane = np.clip(values[:, columns], -1.0, 1.0)
        v, a = ndtr(values[:, columns] / np.maximum(spread[columns], 1e-9)).T
        quadrants = np.column_stack([v * a, (1 - v) * a, (1 - v) * (1 - a), v * (1 - a)])
        return quadrants, plane


def _distinct(names: tuple[Any, ...]) -> bool:
    return (
        0 < len(names) <= _MOST
        and all(isinstance(name, str) and name for name in names)
        and len(set(names)) == len(names)
    )
