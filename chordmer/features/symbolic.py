"""Symbolic descriptors as a scikit-learn transformer: tracks in, one row of numbers a track out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin

from chordmer.errors import MissingModalityError
from chordmer.features.describe import describe_symbolic, describe_windows, names_of
from chordmer.io import read_symbolic
from chordmer.notes import Symbolic
from chordmer.track import Frames, as_track

__all__ = ["SymbolicDescriptors"]


class SymbolicDescriptors(TransformerMixin, BaseEstimator):
    """Named descriptors of symbolic music: register, rhythm, melody, mode, harmony and more.

    Stateless: `fit` learns nothing. `chordmer.features.describe.DESCRIPTORS` says what each
    descriptor means and its unit.

    Parameters
    ----------
    families : sequence of str, optional
        Which groups of descriptors to compute, from `chordmer.features.describe.FAMILIES`; all by
        default. `VELOCITY_FREE` there is all but the dynamics, for scores without velocities.
    window : float, default=15.0
        Length in seconds of the windows of `frames`.
    hop : float, default=5.0
        Seconds from one window to the next.
    pedal : bool, default=False
        Whether the sustain pedal lengthens the notes.

    Examples
    --------
    >>> from chordmer.features.symbolic import SymbolicDescriptors
    >>> SymbolicDescriptors(families=["pulse"]).get_feature_names_out()[0]
    'pulse_rate'
    """

    modality = "symbolic"

    def __init__(
        self,
        *,
        families: Sequence[str] | None = None,
        window: float = 15.0,
        hop: float = 5.0,
        pedal: bool = False,
    ) -> None:
        self.families = families
        self.window = window
        self.hop = hop
        self.pedal = pedal

    def fit(self, tracks: Iterable[Any], y: object = None) -> Self:
        """Return self; there is nothing to learn, but an unknown family is refused."""
        names_of(self.families)
        return self

    def transform(self, tracks: Iterable[Any]) -> NDArray[np.float32]:
        """Return the descriptors of each track.

        Parameters
        ----------
        tracks : iterable of Track, or of anything `chordmer.io.read_symbolic` reads

        Returns
        -------
        ndarray of float32, shape (n, d)

        Raises
        ------
        MissingModalityError
            If a track has no symbolic source.
        ChordmerError
            If a source cannot be read.
        """
        rows = [describe_symbolic(self._read(t), families=self.families) for t in tracks]
        width = len(names_of(self.families))
        return np.array(rows, dtype=np.float32).reshape(len(rows), width)

    def frames(self, track: Any) -> Frames:
        """Return the descriptors of successive windows of one track.

        See `chordmer.features.describe.describe_windows`.
        """
        return describe_windows(
            self._read(track), window=self.window, hop=self.hop, families=self.families
        )

    def get_feature_names_out(self, input_features: object = None) -> NDArray[np.object_]:
        """Return the names of the columns of `transform`."""
        return np.array(names_of(self.families), dtype=object)

    def _read(self, source: Any) -> Symbolic:
        track = as_track(source)
        if track.symbolic is None:
            raise MissingModalityError(
                "no symbolic source (MIDI, score or notes)", source=track.id, stage="descriptors"
            )
        return read_symbolic(track.symbolic, pedal=self.pedal)

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.two_d_array = False
        return tags
