"""The last seconds of a stream of sound."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chordmer.errors import AudioError

__all__ = ["SoundBuffer"]


class SoundBuffer:
    """Samples as they come, with no more of the past than is wanted.

    Parameters
    ----------
    sr : float or None
        Samples a second; None if no sound will come.

    Attributes
    ----------
    length : int
        Samples that have come, forgotten ones included.
    """

    def __init__(self, sr: float | None) -> None:
        if sr is not None and not 0 < sr < np.inf:
            raise ValueError(f"sr must be a positive number of samples a second, not {sr}")
        self.sr = sr
        self.length = 0
        self._forgotten = 0
        self._blocks: list[NDArray[np.float32]] = []

    @property
    def now(self) -> float:
        """Seconds of sound that have come."""
        return self.length / self.sr if self.sr else 0.0

    def push(self, samples: ArrayLike) -> None:
        """Take in samples, shape (n,) or (n, channels); channels become their mean.

        Raises
        ------
        AudioError
            If no rate was given, or samples are not finite or of another shape.
        """
        if self.sr is None:
            raise AudioError("say how many samples a second: sr=44100", source="stream")
        block = np.asarray(samples, dtype=np.float32)
        if block.ndim == 2 and block.shape[1]:
            block = block.mean(axis=1, dtype=np.float32)
        if block.ndim != 1 or not np.isfinite(block).all():
            raise AudioError(
                "samples must be finite, shape (n,) or (n, channels)",
                source="stream",
                stage="samples",
                value=np.shape(samples),
            )
        self._blocks.append(block.copy())
        self.length += len(block)

    def samples(self, start: float, end: float) -> NDArray[np.float32]:
        """Return what is there of the sound from second `start` to second `end`."""
        if self.sr is None:
            return np.zeros(0, np.float32)
        held = self._held()
        first, last = (max(round(second * self.sr) - self._forgotten, 0) for second in (start, end))
        return held[first:last]

    def forget(self, before: float) -> None:
        """Forget what came before a second, in portions of at least a second."""
        if self.sr is None:
            return
        gone = round(before * self.sr) - self._forgotten
        if gone >= self.sr:
            self._blocks = [self._held()[gone:].copy()]
            self._forgotten += gone

    def _held(self) -> NDArray[np.float32]:
        if len(self._blocks) != 1:
            self._blocks = [np.concatenate([*self._blocks, np.zeros(0, np.float32)])]
        return self._blocks[0]
