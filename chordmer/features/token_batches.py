"""From token lists to even batches, and from hidden states to one vector a text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["masked_mean_pooling", "pack_lines", "pool_pieces", "token_batches"]


def token_batches(
    lengths: Sequence[int], *, batch_tokens: int, batch_size: int
) -> Iterator[list[int]]:
    """Yield the indices of texts that are encoded together, longest first.

    Texts of like length stand together, so that little is padded, and a batch costs about the same
    whatever it holds: many short texts or a few long ones.

    Parameters
    ----------
    lengths : sequence of int
        Tokens of each text.
    batch_tokens : int
        Tokens of a batch, padding included. A text longer than that has a batch of its own.
    batch_size : int
        Most texts of a batch.

    Yields
    ------
    list of int

    Examples
    --------
    >>> list(token_batches([3, 9, 4, 8], batch_tokens=18, batch_size=32))
    [[1, 3], [2, 0]]
    """
    batch: list[int] = []
    longest = 0
    for i in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        if batch and (len(batch) == batch_size or longest * (len(batch) + 1) > batch_tokens):
            yield batch
            batch = []
        longest = longest if batch else lengths[i]
        batch.append(i)
    if batch:
        yield batch


def pack_lines(lines: Sequence[Sequence[int]], room: int) -> tuple[list[list[int]], int]:
    """Return the tokens of `lines` in as few pieces of at most `room` as whole lines allow.

    Only a line that is longer than `room` by itself is cut, into pieces as even as can be; no token
    is left out.

    Returns
    -------
    pieces : list of list of int
    cut : int
        Lines that had to be cut.

    Examples
    --------
    >>> pack_lines([[1, 2], [3], [4, 5], [6, 7, 8, 9]], 3)
    ([[1, 2, 3], [4, 5], [6, 7], [8, 9]], 1)
    """
    pieces: list[list[int]] = []
    cut = 0
    fits = False
    for line in map(list, lines):
        if not line:
            continue
        if len(line) > room:
            cut += 1
            count = -(-len(line) // room)
            edges = [len(line) * i // count for i in range(count + 1)]
            pieces += [line[a:b] for a, b in pairwise(edges)]
            fits = False
        elif fits and len(pieces[-1]) + len(line) <= room:
            pieces[-1] += line
        else:
            pieces.append(line)
            fits = True
    return pieces, cut


def masked_mean_pooling(hidden: Any, mask: Any) -> Any:
    """Return the mean of the hidden states of the tokens that are no padding.

    Padding has hidden states too: a mean over all positions depends on how long the longest
    text of the batch happens to be.

    Parameters
    ----------
    hidden : ndarray or Tensor, shape (n, t, d)
    mask : ndarray or Tensor of bool or int, shape (n, t)
        Not 0 where there is a token.

    Returns
    -------
    ndarray or Tensor, shape (n, d)
        Of the kind of `hidden`; zeros for a row without tokens.

    Examples
    --------
    >>> import numpy as np
    >>> hidden = np.array([[[1.0, 2.0], [3.0, 4.0], [99.0, 99.0]]])
    >>> masked_mean_pooling(hidden, np.array([[1, 1, 0]]))
    array([[2., 3.]])
    """
    weights = mask[..., None] != 0
    return (hidden * weights).sum(1) / weights.sum(1).clip(1)


def pool_pieces(
    vectors: NDArray[np.float32], owner: ArrayLike, lengths: ArrayLike, pooling: str
) -> NDArray[np.float32]:
    """Return one vector a text from those of its pieces.

    Parameters
    ----------
    vectors : ndarray of float32, shape (n, d)
    owner : array_like of int, shape (n,)
        Which text each piece is of; every text from 0 on has one.
    lengths : array_like of int, shape (n,)
        Tokens of each piece.
    pooling : {"mean", "cls", "max"}
        How the pieces were pooled: means are weighted by tokens, so that the result is the mean
        over all tokens of the text.

    Returns
    -------
    ndarray of float32, shape (m, d)
    """
    owner = np.asarray(owner, dtype=np.int64)
    shape = (int(owner.max(initial=-1)) + 1, vectors.shape[1])
    if pooling == "max":
        highest = np.full(shape, -np.inf, np.float32)
        np.maximum.at(highest, owner, vectors)
        return highest
    weights = np.asarray(lengths, np.float64) if pooling == "mean" else np.ones(len(owner))
    sums = np.zeros(shape)
    np.add.at(sums, owner, vectors * weights[:, None])
    return (sums / np.bincount(owner, weights, shape[0])[:, None]).astype(np.float32)
