"""Samples of several inputs, each a sequence: how networks take them, and how they are padded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Sample", "as_samples", "frame_moments", "pad", "widths_of"]

#: One piece: the frames (t, d) of each input it has.
Sample = dict[str, NDArray[np.float32]]

#: The name of an input that was given without one.
UNNAMED = "x"


def as_samples(X: Any, lengths: ArrayLike | None = None) -> list[Sample]:
    """Return `X` as a list of samples, whichever way it was written.

    Parameters
    ----------
    X : sequence or ndarray
        A list of mappings from input name to frames (t, d) or a vector (d,), where a missing input
        is left out or None; or a list of frames (t, d); or an array (n, t, d); or a matrix (n, d),
        whose rows are sequences of one frame. Input without a name is called ``"x"``.
    lengths : array_like of int, shape (n,), optional
        How many frames of each sequence in an array (n, t, d) are true. Default: all.

    Returns
    -------
    list of dict of str to ndarray of float32, shape (t, d)
        Missing inputs are left out.

    Raises
    ------
    ValueError
        If an array is not of numbers, not finite, of a wrong shape, or empty along d; it names the
        sample and the input.

    Examples
    --------
    >>> samples = as_samples([{"gtf": [[1, 2], [3, 4]], "lyrics": None}])
    >>> {name: frames.shape for name, frames in samples[0].items()}
    {'gtf': (2, 2)}
    """
    if isinstance(X, Mapping):
        raise ValueError("X is one mapping; give a list of them, one a sample")
    if lengths is not None:
        return _trimmed(X, lengths)
    samples: list[Sample] = []
    for number, item in enumerate(X):
        named = item if isinstance(item, Mapping) else {UNNAMED: item}
        samples.append(
            {
                str(name): _frames(values, f"sample {number}, input {name!r}")
                for name, values in named.items()
                if values is not None
            }
        )
    return samples


def _trimmed(X: Any, lengths: ArrayLike) -> list[Sample]:
    array, counts = np.asarray(X), np.asarray(lengths)
    if array.ndim != 3 or counts.shape != array.shape[:1] or counts.dtype.kind not in "iu":
        raise ValueError(
            f"lengths go with an array (n, t, d), one whole number a sequence, "
            f"not {counts.dtype} {counts.shape} with X {array.shape}"
        )
    if len(counts) and not (counts.min() >= 1 and counts.max() <= array.shape[1]):
        raise ValueError(f"lengths must lie between 1 and {array.shape[1]}")
    return as_samples([frames[:count] for frames, count in zip(array, counts)])


def _frames(values: Any, where: str) -> NDArray[np.float32]:
    try:
        given = np.asarray(values)
        if given.dtype.kind not in "biuf":
            raise ValueError(f"of type {given.dtype}")
        with np.errstate(over="ignore"):
            frames = given.astype(np.float32)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{where}: not an array of numbers: {error}") from error
    if frames.ndim == 1:
        frames = frames[None]
    if frames.ndim != 2 or 0 in frames.shape:
        raise ValueError(f"{where}: should be frames (t, d) or a vector (d,), not {given.shape}")
    if not np.isfinite(frames).all():
        raise ValueError(f"{where}: input contains NaN, infinity or a value too large for float32")
    return frames


def widths_of(samples: Sequence[Sample]) -> dict[str, int]:
    """Return how wide each input is, by name in alphabetical order.

    Raises
    ------
    ValueError
        If an input is of two widths, or a sample has no input at all.
    """
    widths: dict[str, int] = {}
    for number, sample in enumerate(samples):
        if not sample:
            raise ValueError(f"sample {number} has no input at all")
        for name, frames in sample.items():
            if widths.setdefault(name, frames.shape[1]) != frames.shape[1]:
                raise ValueError(
                    f"sample {number}, input {name!r}: {frames.shape[1]} wide, "
                    f"where others are {widths[name]}"
                )
    return dict(sorted(widths.items()))


def pad(
    samples: Sequence[Sample], widths: Mapping[str, int]
) -> tuple[dict[str, NDArray[np.float32]], dict[str, NDArray[np.int64]]]:
    """Return one padded array an input, and the true lengths.

    Parameters
    ----------
    samples : sequence of Sample, n of them
    widths : mapping of str to int
        The inputs to pad; a sample's other inputs are left out.

    Returns
    -------
    inputs : dict of str to ndarray of float32, shape (n, t, d)
        Zero beyond a sequence's end; t is the longest sequence, at least 1.
    lengths : dict of str to ndarray of int64, shape (n,)
        0 where the input is missing.
    """
    inputs, lengths = {}, {}
    for name, width in widths.items():
        counts = np.array([len(s[name]) if name in s else 0 for s in samples], dtype=np.int64)
        padded = np.zeros((len(samples), max(1, counts.max(initial=0)), width), dtype=np.float32)
        for row, sample in zip(padded, samples):
            if name in sample:
                row[: len(sample[name])] = sample[name]
        inputs[name], lengths[name] = padded, counts
    return inputs, lengths


def frame_moments(
    samples: Sequence[Sample], widths: Mapping[str, int]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return mean and standard deviation of every input's columns, over all frames.

    Parameters
    ----------
    samples : sequence of Sample
    widths : mapping of str to int
        The inputs; their columns stand side by side in the result, in this order.

    Returns
    -------
    mean, scale : ndarray of float32, shape (sum of widths,)
        The scale of a column that does not vary is 1.
    """
    means, scales = [], []
    for name, width in widths.items():
        present = [sample[name] for sample in samples if name in sample]
        count = sum(map(len, present))
        total = np.zeros(width)
        for frames in present:
            total += frames.sum(axis=0, dtype=np.float64)
        mean = total / max(count, 1)
        square = np.zeros(width)
        for frames in present:
            square += ((frames - mean) ** 2).sum(axis=0)
        spread = np.sqrt(square / max(count, 1))
        # Below float32's own rounding of the mean a spread is noise, not a scale.
        spread[spread <= 1e-6 * np.maximum(np.abs(mean), 1e-30)] = 1.0
        means.append(mean)
        scales.append(spread)
    return np.concatenate(means).astype(np.float32), np.concatenate(scales).astype(np.float32)
