"""Wide-band, narrow-band and log-mel spectrograms on one time grid.

Levels are in dB relative to a full-scale sine, whatever the window: a sine of amplitude 1 reads
0 dB in the wide-band as in the narrow-band picture (in the mel picture, the value of a band of
weight 1 does). Nothing is counted below `FLOOR_DB`.

The functions take NumPy arrays or torch tensors; for tensors they are the modules of
`chordmer.features.layers`, which a network may contain.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin

from chordmer.errors import ChordmerError
from chordmer.features.levels import (
    FLOOR_DB,
    NARROW_SECONDS,
    WIDE_SECONDS,
    decibels,
    window_lengths,
)
from chordmer.features.mel import mel_frequencies
from chordmer.features.moments import Moments
from chordmer.features.overlap import Overlap
from chordmer.features.pooling import pooled_names
from chordmer.features.stft import (
    FloatArray,
    Spectra,
    bin_frequencies,
    frame_times,
    gather,
)
from chordmer.io.audio import stream_audio
from chordmer.track import Frames, as_track

__all__ = ["SpectrogramFeatures", "log_mel", "log_spectrogram", "wide_and_narrow"]

_SECONDS = {"wide": WIDE_SECONDS, "narrow": NARROW_SECONDS}
_MEL_N_FFT = 2048


def log_spectrogram(
    y: Any,
    sr: float,
    *,
    window_seconds: float = NARROW_SECONDS,
    hop_length: int = 512,
    n_fft: int | None = None,
    floor_db: float = FLOOR_DB,
) -> Any:
    """Return the log-magnitude spectrogram.

    Parameters
    ----------
    y : array_like or torch.Tensor, shape (..., samples)
    sr : float
        Sample rate in Hz.
    window_seconds : float, default 0.025
        Length of the Hann window: 25 ms shows harmonics, 3 ms shows attacks.
    hop_length : int, default 512
        Samples from one frame to the next.
    n_fft : int, optional
        Length of the transform; the next power of two that holds the window by default.
    floor_db : float, default -100
        Lowest level.

    Returns
    -------
    ndarray or torch.Tensor, shape (..., 1 + n_fft // 2, 1 + samples // hop_length)
        dB relative to a full-scale sine.

    Examples
    --------
    >>> y = np.sin(2 * np.pi * 1000 * np.arange(8000) / 8000)
    >>> round(float(log_spectrogram(y, 8000)[:, 4].max()), 3)
    0.0
    """
    if _is_tensor(y):
        from chordmer.features.layers import LogSpectrogram

        return LogSpectrogram(
            sr,
            window_seconds=window_seconds,
            hop_length=hop_length,
            n_fft=n_fft,
            floor_db=floor_db,
        ).to(y.device)(y)
    win_length, n_fft = window_lengths(sr, window_seconds, n_fft)

    def levels(block: FloatArray, out: FloatArray) -> None:
        decibels(block, win_length, floor_db, out=out)

    return gather(
        y, 1 + n_fft // 2, levels, n_fft=n_fft, hop_length=hop_length, win_length=win_length
    )


def wide_and_narrow(y: Any, sr: float, **parameters: Any) -> tuple[Any, Any]:
    """Return the wide-band (3 ms) and the narrow-band (25 ms) spectrogram of the same frames.

    They are the two inputs of MultiSpec-DNN, which the paper calls "narrow band" and "wide band"
    the other way round in places; here the wide band is the short window, as everywhere else.
    Keywords are those of `log_spectrogram` without `window_seconds`. With the default hop (11.6 ms
    at 44.1 kHz) the short windows look at a quarter of the signal; a hop of half a window (66
    samples) shows all of it, at eight times the size.

    Returns
    -------
    wide, narrow : ndarray or torch.Tensor
        With equal numbers of frames; 129 and 1025 bins at 44.1 kHz unless `n_fft` says otherwise.
    """
    return (
        log_spectrogram(y, sr, window_seconds=WIDE_SECONDS, **parameters),
        log_spectrogram(y, sr, window_seconds=NARROW_SECONDS, **parameters),
    )


def log_mel(
    y: Any,
    sr: float,
    *,
    n_mels: int = 128,
    n_fft: int = 2048,
    hop_length: int = 512,
    fmin: float = 0.0,
    fmax: float | None = None,
    floor_db: float = FLOOR_DB,
) -> Any:
    """Return the log-mel spectrogram.

    Parameters
    ----------
    y : array_like or torch.Tensor, shape (..., samples)
    n_mels, n_fft, fmin, fmax
        As in `chordmer.features.mel.mel_filterbank`.
    hop_length, floor_db
        As in `log_spectrogram`.

    Returns
    -------
    ndarray or torch.Tensor, shape (..., n_mels, 1 + samples // hop_length)
        dB; the bands have unit area, so that white noise reads the same in all of them.
    """
    if _is_tensor(y):
        from chordmer.features.layers import LogMel

        return LogMel(
            sr,
            n_mels=n_mels,
            n_fft=n_fft,
            hop_length=hop_length,
            fmin=fmin,
            fmax=fmax,
            floor_db=floor_db,
        ).to(y.device)(y)
    bands = {"sr": sr, "n_fft": n_fft, "n_mels": n_mels, "fmin": fmin, "fmax": fmax}

    def levels(block: FloatArray, out: FloatArray) -> None:
        decibels(block, n_fft, floor_db, mel=bands, out=out)

    return gather(y, n_mels, levels, n_fft=n_fft, hop_length=hop_length)


def _is_tensor(y: Any) -> bool:
    return type(y).__module__.partition(".")[0] == "torch"


class SpectrogramFeatures(TransformerMixin, BaseEstimator):
    """Wide-band, narrow-band or log-mel spectrograms side by side, frame by frame.

    `frames` is what MultiSpec-DNN looks at; `transform` gives the mean and the deviation of every
    column over time, one vector a track. Stateless: `fit` learns nothing. A file is heard piece by
    piece, and `transform` holds no more than a piece.

    Parameters
    ----------
    kinds : sequence of str, default=("wide", "narrow")
        Pictures to put side by side, out of ``"wide"``, ``"narrow"`` and ``"mel"``.
    hop_length : int, default=512
        Samples from one frame to the next, for all of them.
    n_fft : int, optional
        Length of the transform. By default the next power of two that holds each window (256 and
        2048 at 44.1 kHz), and 2048 for mel. MultiSpec-DNN stacks the two pictures as channels,
        for which they want one height: ``n_fft=2048``.
    n_mels : int, default=128
        Bands of the mel picture.
    fmin, fmax : float
        Range of the mel picture in Hz; up to ``sr / 2`` by default.
    floor_db : float, default=-100.0
        Lowest level, in dB relative to a full-scale sine.
    sr : float, default=44100
        Sample rate in Hz that sources are resampled to.
    offset : float, default=0.0
        Seconds to skip.
    duration : float, optional
        Seconds to hear after that; by default all there are.
    pad : bool, default=False
        With `duration`: put zeros after a source that ends sooner.
    device : str, optional
        Where torch computes it, such as ``"cuda"``; NumPy does by default.
    """

    modality = "audio"

    def __init__(
        self,
        *,
        kinds: Sequence[str] = ("wide", "narrow"),
        hop_length: int = 512,
        n_fft: int | None = None,
        n_mels: int = 128,
        fmin: float = 0.0,
        fmax: float | None = None,
        floor_db: float = FLOOR_DB,
        sr: float = 44100,
        offset: float = 0.0,
        duration: float | None = None,
        pad: bool = False,
        device: str | None = None,
    ) -> None:
        self.kinds = kinds
        self.hop_length = hop_length
        self.n_fft = n_fft
        self.n_mels = n_mels
        self.fmin = fmin
        self.fmax = fmax
        self.floor_db = floor_db
        self.sr = sr
        self.offset = offset
        self.duration = duration
        self.pad = pad
        self.device = device

    def fit(self, tracks: Iterable[Any], y: object = None) -> Self:
        """Return self; there is nothing to learn, but impossible parameters are refused."""
        for kind in self.kinds:
            self._lengths(kind)
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
            moments = [Moments() for _ in self.kinds]
            for kind, block in self._blocks(track):
                moments[kind].add(block)
            rows.append(np.concatenate([m.mean for m in moments] + [m.std for m in moments]))
        return np.array(rows, dtype=np.float32).reshape(len(rows), 2 * sum(self._widths()))

    def frames(self, track: Any) -> Frames:
        """Return the pictures of one track, the frequencies of all of them as columns."""
        pictures: list[list[FloatArray]] = [[] for _ in self.kinds]
        for kind, block in self._blocks(track):
            pictures[kind].append(block)
        values = np.hstack([np.concatenate(picture) for picture in pictures])
        return Frames(
            values.astype(np.float32, copy=False),
            frame_times(len(values), self.sr, self.hop_length),
        )

    def get_feature_names_out(self, input_features: object = None) -> NDArray[np.object_]:
        """Return the names of the columns of `transform`, such as ``wide_1_172Hz_mean``."""
        names = []
        for kind in self.kinds:
            hz = (
                mel_frequencies(self.n_mels + 2, self.fmin, self.fmax or self.sr / 2)[1:-1]
                if kind == "mel"
                else bin_frequencies(self.sr, self._lengths(kind)[1])
            )
            names += [f"{kind}_{band}_{frequency:.0f}Hz" for band, frequency in enumerate(hz)]
        return np.array(pooled_names(names, ("mean", "std")), dtype=object)

    def _lengths(self, kind: str) -> tuple[int, int]:
        if kind == "mel":
            n_fft = self.n_fft or _MEL_N_FFT
            return n_fft, n_fft
        if kind not in _SECONDS:
            raise ChordmerError(
                "no such picture; there are wide, narrow and mel", stage="spectrogram", value=kind
            )
        return window_lengths(self.sr, _SECONDS[kind], self.n_fft)

    def _widths(self) -> list[int]:
        return [
            self.n_mels if kind == "mel" else 1 + self._lengths(kind)[1] // 2 for kind in self.kinds
        ]

    def _mel(self, n_fft: int) -> dict[str, Any]:
        return {"n_fft": n_fft, "n_mels": self.n_mels, "fmin": self.fmin, "fmax": self.fmax}

    def _blocks(self, source: Any) -> Iterator[tuple[int, FloatArray]]:
        """Yield the number of a picture and some more of its frames, (frames, bands)."""
        track = as_track(source)
        part: dict[str, Any] = {
            "offset": self.offset,
            "duration": self.duration,
            "pad": self.pad,
        }
        if self.device is not None:
            yield from self._on_device(stream_audio(track, self.sr, **part)[0])
            return
        lengths = [self._lengths(kind) for kind in self.kinds]
        spectra = [
            Spectra(n_fft=n_fft, hop_length=self.hop_length, win_length=win_length)
            for win_length, n_fft in lengths
        ]

        def levels(kind: int, blocks: Iterator[FloatArray]) -> Iterator[tuple[int, FloatArray]]:
            win_length, n_fft = lengths[kind]
            bands = {"sr": self.sr, **self._mel(n_fft)} if self.kinds[kind] == "mel" else None
            for block in blocks:
                yield kind, decibels(block, win_length, self.floor_db, mel=bands)

        for piece in stream_audio(track, self.sr, **part)[0]:
            for kind, spectrum in enumerate(spectra):
                yield from levels(kind, spectrum.push(piece))
        for kind, spectrum in enumerate(spectra):
            yield from levels(kind, spectrum.close())

    def _on_device(self, pieces: Iterable[NDArray[np.float32]]) -> Iterator[tuple[int, FloatArray]]:
        import torch

        from chordmer.features.layers import LogMel, LogSpectrogram

        both: dict[str, Any] = {"hop_length": self.hop_length, "floor_db": self.floor_db}
        layers = [
            LogMel(self.sr, **self._mel(self._lengths(kind)[1]), **both)
            if kind == "mel"
            else LogSpectrogram(self.sr, window_seconds=_SECONDS[kind], n_fft=self.n_fft, **both)
            for kind in self.kinds
        ]
        longest = max(self._lengths(kind)[1] for kind in self.kinds)
        overlap = Overlap(self.hop_length, margin=-(-longest // 2 // self.hop_length))
        for samples, kept in overlap.of(pieces):
            signal = torch.from_numpy(samples).to(self.device)
            for number, layer in enumerate(layers):
                with torch.no_grad():
                    picture = layer.to(self.device)(signal)
                yield number, picture.T[kept].cpu().numpy().copy()

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.two_d_array = False
        return tags
