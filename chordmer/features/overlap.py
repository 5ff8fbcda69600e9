"""A signal that comes in pieces, cut into blocks for a function that wants whole signals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from chordmer.features.stft import FloatArray

__all__ = ["Overlap"]

#: What a block adds, whichever comes first: a megabyte of float32, or so many frames.
_SAMPLES = 1 << 18
_FRAMES = 1 << 10


class Overlap:
    """Cuts a signal into blocks that overlap, so that frames at their ends are whole.

    For functions that map a signal to ``1 + samples // hop_length`` frames, frame t around sample
    ``t * hop_length``, and see no further than some frames around.

    Parameters
    ----------
    hop_length : int
        Samples from one frame to the next.
    margin : int
        Frames before and after a frame within which all lies that it depends on.

    Examples
    --------
    >>> overlap = Overlap(hop_length=4, margin=1)
    >>> [(len(block), kept) for block, kept in overlap.of([np.zeros(9), np.zeros(3)])]
    [(12, slice(0, None, None))]
    """

    def __init__(self, hop_length: int, margin: int) -> None:
        self._hop = hop_length
        self._margin = margin
        self._step = max(1, min(_SAMPLES // hop_length, _FRAMES))
        self._pending: FloatArray = np.zeros(0, np.float32)
        self._before = 0

    def push(self, samples: FloatArray) -> Iterator[tuple[FloatArray, slice]]:
        """Take the next samples; yield blocks, and which of the frames of each to keep."""
        self._pending = np.concatenate([self._pending, samples])
        while True:
            end = self._before + self._step
            reach = (end + self._margin) * self._hop
            if len(self._pending) < reach:
                return
            yield self._pending[:reach], slice(self._before, end)
            seen = max(0, end - self._margin)
            self._pending = self._pending[seen * self._hop :]
            self._before = end - seen

    def close(self) -> Iterator[tuple[FloatArray, slice]]:
        """Yield what is left."""
        yield self._pending, slice(self._before, None)

    def of(self, pieces: Iterable[FloatArray]) -> Iterator[tuple[FloatArray, slice]]:
        """Yield the blocks of a whole signal."""
        for samples in pieces:
            yield from self.push(samples)
        yield from self.close()
