"""Gammatone features (GTF): the power that the ear's filters pass, band by band.

The filters run in float64 over the samples themselves, four second-order sections in cascade:
nothing is approximated by spectra.

References
----------
.. [1] Y. Shao and D. Wang, "Robust speaker identification using auditory features and
   computational auditory scene analysis", ICASSP 2008 (the cepstra).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any, Self

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin

from chordmer.errors import ChordmerError
from chordmer.features.cascade import Cascade
from chordmer.features.erb import erb, erb_space, gammatone_filterbank
from chordmer.features.levels import compressed
from chordmer.features.mel import dct_matrix
from chordmer.features.moments import Moments
from chordmer.features.overlap import Overlap
from chordmer.features.stft import frame_times
from chordmer.io.audio import stream_audio
from chordmer.track import Frames, as_track

__all__ = [
    "GammatoneFeatures",
    "cells_of",
    "erb",
    "erb_space",
    "gammatone_filterbank",
    "gammatone_frames",
    "gammatonegram",
    "gfcc",
]

Floats = NDArray[np.float64]

#: Samples filtered at once: 1 MiB in and, uncompiled, 24 MiB out.
_BLOCK = 1 << 17


def gammatonegram(
    y: Any,
    sr: float,
    *,
    n_bands: int = 24,
    fmin: float = 50.0,
    fmax: float | None = None,
    hop_length: int = 1024,
    win_length: int | None = None,
) -> Any:
    """Return the mean power that each gammatone filter passes, frame by frame.

    Frame t covers `win_length` samples around sample ``t * hop_length``; beyond its ends the
    signal is zero.

    Parameters
    ----------
    y : array_like or torch.Tensor, shape (..., samples)
        One signal or many; any finite amplitude below 1e150.
    sr : float
        Sample rate in Hz.
    n_bands, fmin, fmax
        As in `gammatone_filterbank`.
    hop_length : int, default 1024
        Samples from one frame to the next: with 44.1 kHz, 44 frames in the first second.
    win_length : int, optional
        Samples in a frame; by default `hop_length`, so that each sample counts once.

    Returns
    -------
    ndarray of float64 or torch.Tensor, shape (..., n_bands, 1 + samples // hop_length)
        Power; a sine of amplitude a at a band's centre reads a^2 / 2 there.

    Examples
    --------
    >>> gammatonegram(np.zeros(44100), 44100).shape
    (24, 44)
    """
    parameters: dict[str, Any] = {
        "n_bands": n_bands,
        "fmin": fmin,
        "fmax": fmax,
        "hop_length": hop_length,
        "win_length": win_length,
    }
    if type(y).__module__.partition(".")[0] == "torch":
        from chordmer.features.paper_layers import Gammatonegram

        return Gammatonegram(sr, **parameters).to(y.device)(y)
    signals = np.asarray(y)
    shape = signals.shape[:-1]
    signals = signals.reshape(math.prod(shape), signals.shape[-1])
    pictures = [np.concatenate(list(gammatone_frames([s], sr, **parameters))).T for s in signals]
    frames = 1 + signals.shape[-1] // hop_length
    return np.array(pictures).reshape(*shape, n_bands, frames)


def gammatone_frames(
    blocks: Iterable[NDArray[Any]],
    sr: float,
    *,
    n_bands: int = 24,
    fmin: float = 50.0,
    fmax: float | None = None,
    hop_length: int = 1024,
    win_length: int | None = None,
) -> Iterator[Floats]:
    """Yield the `gammatonegram` of a signal that comes in blocks, in memory that does not grow.

    Parameters
    ----------
    blocks : iterable of ndarray, shape (samples,)
        Consecutive parts of one signal, of any length.
    sr, n_bands, fmin, fmax, hop_length, win_length
        As in `gammatonegram`.

    Yields
    ------
    ndarray of float64, shape (frames, n_bands)
        The frames that are complete; the same numbers, however the signal is cut into blocks.
    """
    window, lengths = cells_of(hop_length, win_length)
    cascade = Cascade(gammatone_filterbank(sr, n_bands, fmin, fmax)[0])
    a_hop = len(lengths)
    span = a_hop * (window // hop_length) + a_hop - 1
    ends = np.cumsum(lengths)
    energies = np.empty((0, n_bands))
    for samples in _whole_hops(blocks, hop_length, window):
        starts = np.arange(0, len(samples), hop_length)[:, None]
        new = cascade.energies(samples, (starts + ends).ravel())
        energies = np.concatenate([energies, new])
        if len(energies) >= span:
            frames = sliding_window_view(energies, span, axis=0)[::a_hop].sum(axis=-1)
            energies = energies[a_hop * len(frames) :]
            yield frames / window


def cells_of(hop_length: int, win_length: int | None) -> tuple[int, list[int]]:
    """Return the frame length, and how a hop divides at the ends and beginnings of frames.

    Energy is summed over these cells once, and frames that overlap share them.

    >>> cells_of(1024, 2500)
    (2500, [452, 572])
    """
    window = hop_length if win_length is None else win_length
    if hop_length < 1 or window < 1:
        raise ChordmerError(
            "frames need hop_length >= 1 and win_length >= 1",
            stage="gammatone",
            value=f"hop_length={hop_length}, win_length={window}",
        )
    over = window % hop_length
    return window, [over, hop_length - over] if over else [hop_length]


def _whole_hops(blocks: Iterable[NDArray[Any]], hop_length: int, window: int) -> Iterator[Floats]:
    """Yield the signal by whole hops, led and followed by the zeros its frames reach into."""
    at_once = max(1, _BLOCK // hop_length) * hop_length
    waiting = np.zeros(window // 2)
    total = 0
    for block in blocks:
        total += len(block)
        for start in range(0, len(block), at_once):
            waiting = np.concatenate([waiting, block[start : start + at_once]])
            whole = len(waiting) // hop_length * hop_length
            if whole:
                yield waiting[:whole]
                waiting = waiting[whole:]
    # What is still to come: up to the end of the last frame, in whole hops.
    passed = window // 2 + total - len(waiting)
    needed = total // hop_length * hop_length + window - passed
    missing = -(-needed // hop_length) * hop_length
    if missing > 0:
        rest = np.zeros(missing)
        waiting = waiting[:missing]
        rest[: len(waiting)] = waiting
        for start in range(0, missing, at_once):
            yield rest[start : start + at_once]


def gfcc(
    y: Any,
    sr: float,
    *,
    n_gfcc: int = 22,
    n_bands: int = 64,
    compression: str = "cubic",
    **parameters: Any,
) -> Any:
    """Return gammatone-frequency cepstral coefficients.

    The orthonormal DCT-II, over bands, of the compressed power in them.

    Parameters
    ----------
    y, sr
        As in `gammatonegram`.
    n_gfcc : int, default 22
        Number of coefficients, from the 0th; at most `n_bands`.
    n_bands : int, default 64
        Number of bands.
    compression : {"cubic", "log"}
        Cube root of the amplitude as in [1]_; or dB relative to a full-scale sine, not below
        -100 dB.
    **parameters
        The others of `gammatonegram`.

    Returns
    -------
    ndarray of float64 or torch.Tensor, shape (..., n_gfcc, frames)
    """
    if type(y).__module__.partition(".")[0] == "torch":
        from chordmer.features.paper_layers import GFCC

        return GFCC(sr, n_gfcc=n_gfcc, n_bands=n_bands, compression=compression, **parameters)(y)
    power = gammatonegram(y, sr, n_bands=n_bands, **parameters)
    return np.asarray(dct_matrix(n_gfcc, n_bands) @ compressed(power, compression))


class GammatoneFeatures(TransformerMixin, BaseEstimator):
    """Gammatone features: levels in the ear's bands, or their cepstra, frame by frame.

    `frames` is the paper's GTF, 24 x 44 for one second at 44.1 kHz; `transform` gives the mean and
    the deviation of each column over time. Stateless: `fit` learns nothing. A file is heard piece
    by piece, so that memory does not grow with its length.

    Parameters
    ----------
    n_bands : int, default=24
        Number of bands, as in the paper.
    n_gfcc : int, optional
        Give so many cepstral coefficients instead of the levels themselves.
    compression : {"log", "cubic"}, default="log"
        Levels in dB relative to a full-scale sine, not below -100 dB; or the cube root of the
        amplitude.
    fmin, fmax : float
        Where the bands begin and end in Hz; up to ``sr / 2`` by default.
    hop_length : int, default=1024
        Samples from one frame to the next.
    win_length : int, optional
        Samples in a frame; `hop_length` by default.
    sr : float, default=44100
        Sample rate in Hz that sources are resampled to.
    offset : float, default=0.0
        Seconds to skip.
    duration : float, optional
        Seconds to hear after that; by default all there are. The paper takes the first 25 (or 30,
        50, 60) seconds.
    pad : bool, default=False
        With `duration`: put zeros after a source that ends sooner, as the paper does.
    device : str, optional
        Where torch computes it, such as ``"cuda"``; NumPy does by default.

    Examples
    --------
    >>> y = np.sin(2 * np.pi * 1000 * np.arange(44100) / 44100)
    >>> GammatoneFeatures().frames((y, 44100)).values.shape
    (44, 24)
    """

    modality = "audio"

    def __init__(
        self,
        *,
        n_bands: int = 24,
        n_gfcc: int | None = None,
        compression: str = "log",
        fmin: float = 50.0,
        fmax: float | None = None,
        hop_length: int = 1024,
        win_length: int | None = None,
        sr: float = 44100,
        offset: float = 0.0,
        duration: float | None = None,
        pad: bool = False,
        device: str | None = None,
    ) -> None:
        self.n_bands = n_bands
        self.n_gfcc = n_gfcc
        self.compression = compression
        self.fmin = fmin
        self.fmax = fmax
        self.hop_length = hop_length
        self.win_length = win_length
        self.sr = sr
        self.offset = offset
        self.duration = duration
        self.pad = pad
        self.device = device

    def fit(self, tracks: Iterable[Any], y: object = None) -> Self:
        """Return self; there is nothing to learn, but impossible parameters are refused."""
        gammatone_filterbank(self.sr, self.n_bands, self.fmin, self.fmax)
        cells_of(self.hop_length, self.win_length)
        compressed(np.zeros(0), self.compression)
        if self.n_gfcc is not None:
            dct_matrix(self.n_gfcc, self.n_bands)
        return self

    def transform(self, tracks: Iterable[Any]) -> NDArray[np.float32]:
        """Return mean and standard deviation over time of every column of `frames`.

        Parameters
        ----------
        tracks : iterable of Track, path or (y, sr)

        Returns
        -------
        ndarray of float32, shape (n, 2 * columns)

        Raises
        ------
        MissingModalityError
            If a track has no audio.
        ChordmerError
            If a source cannot be read.
        """
        rows = []
        for track in tracks:
            moments = Moments()
            for block in self._blocks(track):
                moments.add(block)
            rows.append(np.concatenate([moments.mean, moments.std]))
        return np.array(rows, dtype=np.float32).reshape(len(rows), 2 * len(self._columns()))

    def frames(self, track: Any) -> Frames:
        """Return the features of one track; frame t lies around ``t * hop_length / sr``."""
        values = np.concatenate([block.astype(np.float32) for block in self._blocks(track)])
        return Frames(values, frame_times(len(values), self.sr, self.hop_length))

    def get_feature_names_out(self, input_features: object = None) -> NDArray[np.object_]:
        """Return the names of the columns of `transform`; bands by their centre in Hz."""
        names = [f"{column}_{which}" for which in ("mean", "std") for column in self._columns()]
        return np.array(names, dtype=object)

    def _columns(self) -> list[str]:
        if self.n_gfcc is not None:
            return [f"gfcc_{k}" for k in range(self.n_gfcc)]
        centres = gammatone_filterbank(self.sr, self.n_bands, self.fmin, self.fmax)[1]
        return [f"gammatone_{band}_{hz:.0f}hz" for band, hz in enumerate(centres)]

    def _blocks(self, track: Any) -> Iterator[Floats]:
        """Yield the features, (frames, columns), of one block of the track after the other."""
        blocks, sr = stream_audio(
            as_track(track), self.sr, offset=self.offset, duration=self.duration, pad=self.pad
        )
        parameters: dict[str, Any] = {
            "n_bands": self.n_bands,
            "fmin": self.fmin,
            "fmax": self.fmax,
            "hop_length": self.hop_length,
            "win_length": self.win_length,
        }
        powers = gammatone_frames(blocks, sr, **parameters)
        if self.device is not None:
            powers = self._powers_on_device(blocks, parameters)
        for power in powers:
            values = compressed(power, self.compression)
            if self.n_gfcc is not None:
                values = values @ dct_matrix(self.n_gfcc, self.n_bands).T
            yield values

    def _powers_on_device(
        self, blocks: Iterable[NDArray[np.float32]], parameters: dict[str, Any]
    ) -> Iterator[Floats]:
        import torch

        from chordmer.features.paper_layers import Gammatonegram

        layer = Gammatonegram(self.sr, **parameters)
        reach = layer.impulses.shape[-1] + layer.window
        overlap = Overlap(self.hop_length, margin=-(-reach // self.hop_length))
        for samples, kept in overlap.of(blocks):
            # Powers of what is loud beyond 2**40 would leave float32.
            exponent = max(0, int(np.frexp(np.abs(samples).max())[1]) - 40)
            signal = torch.from_numpy(np.ldexp(samples, -exponent)).to(self.device)
            power = layer(signal).T[kept].cpu().numpy()
            yield np.ldexp(power.astype(np.float64), 2 * exponent)

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.two_d_array = False
        return tags
