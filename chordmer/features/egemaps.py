"""The extended Geneva parameter set, computed by openSMILE where the user has installed it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin

from chordmer.errors import MissingExtraError
from chordmer.io.audio import read_audio
from chordmer.track import Frames, as_track

__all__ = ["EGeMAPS", "egemaps"]

#: openSMILE gives nothing for signals shorter than its longest frame (60 ms) and some smoothing.
_SHORTEST = 0.2
#: The greatest sample of 16 bits.
_FULL_SCALE = 32767 / 32768


def egemaps(y: ArrayLike, sr: float, *, n_jobs: int = 1) -> NDArray[np.float32]:
    """Return the 88 functionals of a signal, or of each of many.

    There is no torch form of it: openSMILE is a compiled library, through which no gradient passes
    and which knows no device. Batches run in threads instead.

    Parameters
    ----------
    y : array_like, shape (..., samples)
    sr : float
        Sample rate in Hz.
    n_jobs : int, default 1
        Threads, each with a signal.

    Returns
    -------
    ndarray of float32, shape (..., 88)

    Raises
    ------
    MissingExtraError
        If openSMILE is not installed.
    """
    smile = _smile("Functionals")
    signals = np.asarray(y, dtype=np.float32)
    shape = signals.shape[:-1]
    rows = signals.reshape(math.prod(shape), signals.shape[-1])
    with ThreadPoolExecutor(n_jobs) as threads:
        found = list(threads.map(lambda row: _process(smile, row, sr)[0][0], rows))
    return np.array(found, dtype=np.float32).reshape(*shape, len(smile.feature_names))


class EGeMAPS(TransformerMixin, BaseEstimator):
    """eGeMAPS v02: the low-level part of the CBSA paper's features (section 3.1.1).

    `transform` gives the 88 functionals of each track. `frames` gives the 25 low-level descriptors
    every 10 ms or, with `window_seconds`, the 88 functionals of each window, which together with
    six mid- and high-level descriptors are the 94 columns of the CBSA paper.

    openSMILE is no dependency and in no extra of chordmer: its licence allows research only. Who
    may use it installs it with ``pip install opensmile``. It is slow (some thirty times as fast as
    the music), but leaves Python's lock while it works, so tracks run in threads. There is no
    `device`: a compiled library cannot run in torch.

    Parameters
    ----------
    window_seconds : float, optional
        Length of the windows of `frames`; the paper's are 0.5 s.
    n_jobs : int, default=1
        Threads for `transform`.
    sr : float, default=44100
        Sample rate in Hz that sources are resampled to.
    offset : float, default=0.0
        Seconds to skip.
    duration : float, optional
        Seconds to hear after that; by default all there are.
    pad : bool, default=False
        With `duration`: put zeros after a source that ends sooner.

    Notes
    -----
    openSMILE computes in 16-bit integers, in which what is beyond full scale turns over. Louder
    signals are therefore scaled to full scale first; signals shorter than 0.2 s get zeros after
    them.

    References
    ----------
    F. Eyben et al., "The Geneva Minimalistic Acoustic Parameter Set (GeMAPS) for voice research
    and affective computing", IEEE Transactions on Affective Computing 7 (2016).
    """

    modality = "audio"

    def __init__(
        self,
        *,
        window_seconds: float | None = None,
        n_jobs: int = 1,
        sr: float = 44100,
        offset: float = 0.0,
        duration: float | None = None,
        pad: bool = False,
    ) -> None:
        self.window_seconds = window_seconds
        self.n_jobs = n_jobs
        self.sr = sr
        self.offset = offset
        self.duration = duration
        self.pad = pad

    def fit(self, tracks: Iterable[Any], y: object = None) -> Self:
        """Return self; there is nothing to learn, but openSMILE must be there.

        Raises
        ------
        MissingExtraError
            If it is not.
        """
        _smile("Functionals")
        return self

    def transform(self, tracks: Iterable[Any]) -> NDArray[np.float32]:
        """Return the functionals of each track.

        Parameters
        ----------
        tracks : iterable of Track, path or (y, sr)

        Returns
        -------
        ndarray of float32, shape (n, 88)

        Raises
        ------
        MissingExtraError
            If openSMILE is not installed.
        MissingModalityError
            If a track has no audio.
        ChordmerError
            If a source cannot be read.
        """
        smile = _smile("Functionals")

        def functionals(track: Any) -> NDArray[np.float32]:
            row: NDArray[np.float32] = _process(smile, self._read(track), self.sr)[0][0]
            return row

        with ThreadPoolExecutor(self.n_jobs) as threads:
            rows = list(threads.map(functionals, tracks))
        return np.array(rows, dtype=np.float32).reshape(len(rows), len(smile.feature_names))

    def frames(self, track: Any) -> Frames:
        """Return low-level descriptors every 10 ms, or functionals of windows, of one track."""
        if self.window_seconds is None:
            smile = _smile("LowLevelDescriptors")
            return Frames(*_process(smile, self._read(track), self.sr))
        smile = _smile("Functionals")
        y = self._read(track)
        window = self.window_seconds * self.sr
        count = max(1, round(len(y) / window))
        edges = [*(round(i * window) for i in range(count)), len(y)]
        rows = [_process(smile, y[start:stop], self.sr)[0][0] for start, stop in pairwise(edges)]
        return Frames(np.array(rows), np.arange(count, dtype=np.float64) * self.window_seconds)

    def get_feature_names_out(self, input_features: object = None) -> NDArray[np.object_]:
        """Return openSMILE's names of the functionals."""
        return np.array(_smile("Functionals").feature_names, dtype=object)

    def _read(self, source: Any) -> NDArray[np.float32]:
        return read_audio(
            as_track(source), self.sr, offset=self.offset, duration=self.duration, pad=self.pad
        )[0]

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.two_d_array = False
        return tags


def _smile(level: str) -> Any:
    try:
        opensmile = import_module("opensmile")
    except ImportError as missing:
        raise MissingExtraError(
            "opensmile is not installed; its licence allows research only, so that no extra of "
            "chordmer brings it. If that suits you, get it with: pip install opensmile",
            stage="import",
        ) from missing
    return opensmile.Smile(
        feature_set=opensmile.FeatureSet.eGeMAPSv02,
        feature_level=getattr(opensmile.FeatureLevel, level),
    )


def _process(
    smile: Any, y: NDArray[np.float32], sr: float
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return openSMILE's rows and the time in seconds at which each begins."""
    peak = max(float(np.abs(y).max(initial=0)) / _FULL_SCALE, 1.0)
    missing = max(0, int(_SHORTEST * sr) - len(y))
    table = smile.process_signal(np.pad(y / np.float32(peak), (0, missing)), sr)
    starts = table.index.get_level_values("start").total_seconds()
    return table.to_numpy(np.float32), starts.to_numpy(np.float64)
