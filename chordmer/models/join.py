"""Vectors of several inputs as one matrix, for estimators that take arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from chordmer.errors import ModelError
from chordmer.models.sequences import as_samples, widths_of
from chordmer.models.stored import Stored

__all__ = ["JoinVectors", "vectors_of"]


class JoinVectors(TransformerMixin, Stored, BaseEstimator):
    """Join the vectors of a sample to one row: standardised, and 0 where one is missing.

    Each input is standardised by the training samples that have it, so a missing one stands at its
    mean. An input that is missing in some training sample also gets a column that is 1 where it is
    present and 0 where not; for others such a column would be constant, and what a classifier
    learns of a constant says nothing on the day it changes.

    Parameters
    ----------
    indicator : bool, default True
        Whether there are columns of presence.

    Attributes
    ----------
    widths_ : dict of str to int
        The inputs, alphabetical, and how wide each is; so the columns stand.
    mean_, scale_ : ndarray of float64, shape (sum of widths,)
    indicators_ : tuple of str
        The inputs whose presence has a column, after all others.

    Examples
    --------
    >>> X = [{"lyrics": [1.0, 2.0], "audio": [0.0]}, {"lyrics": [3.0, 2.0]}, {"audio": [4.0]}]
    >>> join = JoinVectors().fit(X)
    >>> list(map(str, join.get_feature_names_out()))
    ['audio_0', 'lyrics_0', 'lyrics_1', 'audio_present', 'lyrics_present']
    >>> join.transform(X).tolist()
    [[-1.0, -1.0, 0.0, 1.0, 1.0], [0.0, 1.0, 0.0, 0.0, 1.0], [1.0, 0.0, 0.0, 1.0, 0.0]]
    """

    def __init__(self, *, indicator: bool = True) -> None:
        self.indicator = indicator

    def fit(self, X: Any, y: ArrayLike | None = None) -> Self:
        """Learn which inputs there are, their widths, means and scales.

        Parameters
        ----------
        X : list of mappings
            ``{input name: vector (d,)}``; frames (t, d) stand for their mean. Missing inputs are
            left out or None.
        y : ignored

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If an array is impossible, or a sample has no input at all.
        """
        vectors, there = vectors_of(X)
        self.widths_ = {name: rows.shape[1] for name, rows in vectors.items()}
        means = [vectors[name][there[name]].mean(axis=0) for name in self.widths_]
        spreads = [vectors[name][there[name]].std(axis=0) for name in self.widths_]
        self.mean_ = np.concatenate(means)
        spread = np.concatenate(spreads)
        # Below the rounding of float32, in which the vectors came, a spread is noise.
        self.scale_ = np.where(spread > 1e-6 * np.abs(self.mean_), spread, 1.0)
        self.indicators_ = tuple(
            name for name, present in there.items() if self.indicator and not present.all()
        )
        return self

    def transform(self, X: Any) -> NDArray[np.float64]:
        """Return the joined vectors, shape (n_samples, sum of widths + number of indicators).

        Inputs that the training samples did not have are left out.

        Raises
        ------
        ValueError
            If an array is impossible, or a sample has no input that is known.
        """
        check_is_fitted(self)
        vectors, there = vectors_of(X, self.widths_)
        joined = (np.concatenate(list(vectors.values()), axis=1) - self.mean_) / self.scale_
        present = np.stack(list(there.values()), axis=1)
        joined[~np.repeat(present, list(self.widths_.values()), axis=1)] = 0.0
        flags = [there[name].astype(np.float64) for name in self.indicators_]
        return np.column_stack([joined, *flags])

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[Any]:
        """Return the names of the columns, ``"lyrics_0"`` and ``"lyrics_present"``, as objects."""
        check_is_fitted(self)
        columns = [f"{name}_{i}" for name, width in self.widths_.items() for i in range(width)]
        return np.array(columns + [f"{name}_present" for name in self.indicators_], dtype=object)

    # --- folders ---------------------------------------------------------------------------------

    def to_parts(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return what a folder needs: a manifest for JSON, and arrays."""
        check_is_fitted(self)
        manifest = {
            "kind": type(self).__name__,
            "parameters": self.get_params(),
            "widths": self.widths_,
            "indicators": list(self.indicators_),
        }
        return manifest, {"mean": self.mean_, "scale": self.scale_}

    @classmethod
    def from_parts(
        cls, manifest: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], *, source: object
    ) -> Self:
        """Return the transformer that `to_parts` described; `source` is what errors name.

        Raises
        ------
        ModelError
            If its parts are impossible or do not fit together.
        """
        try:
            join = cls(**manifest["parameters"])
            join.widths_ = {str(name): int(width) for name, width in manifest["widths"].items()}
            join.indicators_ = tuple(manifest["indicators"])
            join.mean_, join.scale_ = arrays["mean"], arrays["scale"]
            agree = (
                set(arrays) == {"mean", "scale"}
                and join.mean_.shape == join.scale_.shape == (sum(join.widths_.values()),)
                and join.mean_.dtype == join.scale_.dtype == np.float64
                and list(join.widths_) == sorted(join.widths_)
                and all(width > 0 for width in join.widths_.values())
                and set(join.indicators_) <= join.widths_.keys()
                and bool((join.scale_ > 0).all())
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ModelError(f"odd parameters: {error}", source=source, stage="manifest") from error
        if not agree:
            raise ModelError("its parts do not fit together", source=source, stage="arrays")
        return join


def vectors_of(
    X: Any, widths: Mapping[str, int] | None = None
) -> tuple[dict[str, NDArray[np.float64]], dict[str, NDArray[np.bool_]]]:
    """Return one matrix an input, and where it is present.

    Parameters
    ----------
    X : list of mappings
        As `chordmer.models.sequences.as_samples` takes them; frames stand for their mean.
    widths : mapping of str to int, optional
        The inputs to take. Default: all, in alphabetical order.

    Returns
    -------
    vectors : dict of str to ndarray of float64, shape (n_samples, d)
        0 where the input is missing.
    there : dict of str to ndarray of bool, shape (n_samples,)

    Raises
    ------
    ValueError
        If an array is impossible, or a sample has none of the inputs.
    """
    samples = as_samples(X)
    if not samples:
        raise ValueError("there are no samples")
    found = widths_of(samples)
    wanted = found if widths is None else widths
    vectors, there = {}, {}
    for name, width in wanted.items():
        if found.get(name, width) != width:
            raise ValueError(f"input {name!r} is {found[name]} wide, but was {width} in training")
        there[name] = np.array([name in sample for sample in samples])
        vectors[name] = np.zeros((len(samples), width))
        for row, sample in zip(vectors[name], samples):
            if name in sample:
                row[:] = sample[name].mean(axis=0, dtype=np.float64)
    lone = np.flatnonzero(~np.any(list(there.values()), axis=0))
    if len(lone):
        raise ValueError(f"sample {lone[0]} has none of the inputs {list(wanted)}")
    return vectors, there
