"""Handcrafted descriptors of sound: time, frequency, statistics, and what a listener would name.

The set is that of the papers: RMS, zero-crossing rate, spectral shape, chroma, tonal centroid and
MFCC (time and frequency domain of the CNN-LSTM paper, section 3), entropy and rate of change (its
statistical domain), and the eight mid- and high-level features of the CBSA paper (section 3.1.2):
pitch, tempo, pulse clarity, key, brightness, roughness, irregularity and novelty.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin

from chordmer.errors import ChordmerError
from chordmer.features.listening import (
    CONTEXT,
    N_MFCC,
    SHORTEST_WINDOW,
    Level,
    Shapes,
    Tones,
)
from chordmer.features.pooling import STATISTICS, pool, pooled_names
from chordmer.features.recurrence import local_mean, local_tempo, novelty
from chordmer.features.spectral import CONTRAST_EDGES
from chordmer.features.stft import FloatArray
from chordmer.features.tonal import key_of, pitch_of, tonnetz
from chordmer.io.audio import stream_audio
from chordmer.track import Frames, as_track

__all__ = ["CBSA_COLUMNS", "DESCRIPTORS", "AudioDescriptors", "describe"]

_PITCH_CLASSES = ("C", "Cs", "D", "Ds", "E", "F", "Fs", "G", "Gs", "A", "As", "B")
_CIRCLES = ("fifths", "minor_thirds", "major_thirds")

#: Every descriptor: its unit and what it says.
DESCRIPTORS: dict[str, tuple[str, str]] = {
    "rms": ("full scale", "root mean square of the signal"),
    "zero_crossing_rate": ("Hz", "changes of sign a second"),
    "rate_of_change": ("dB/s", "mean step of the level from one hop to the next"),
    "centroid": ("Hz", "mean frequency, weighted by magnitude"),
    "bandwidth": ("Hz", "deviation of frequency about the centroid"),
    "rolloff": ("Hz", "frequency below which 85 % of the magnitude lies"),
    "flatness": ("0 to 1", "geometric over arithmetic mean of the power"),
    "entropy": ("0 to 1", "entropy of the power over the bins"),
    "flux": ("0 to 1.41", "distance between successive spectra of unit length"),
    **{
        f"contrast_{low:.0f}": ("dB", f"peaks over valleys in the octave from {low:.0f} Hz")
        for low in CONTRAST_EDGES
    },
    **{f"chroma_{name}": ("share", f"partials in pitch class {name}") for name in _PITCH_CLASSES},
    **{
        f"tonnetz_{circle}_{part}": ("-1 to 1", f"tonal centroid on the circle of {circle}, {part}")
        for circle in _CIRCLES
        for part in ("sin", "cos")
    },
    **{f"mfcc_{k}": ("dB", f"mel-frequency cepstral coefficient {k}") for k in range(N_MFCC)},
    "pitch": ("MIDI number", "strongest pitch; 69 is 440 Hz"),
    "tempo": ("BPM", "strongest pulse of the 8 s around"),
    "pulse_clarity": ("0 to 1", "how much the onsets of the 8 s around recur"),
    "key": ("fifths", "signature of the key of the 8 s around: sharps, or flats below 0"),
    "key_strength": ("-1 to 1", "correlation with the profile of that key"),
    "mode": ("-2 to 2", "best correlation with a major key less that with a minor key"),
    "brightness": ("share", "magnitude above 1500 Hz"),
    "roughness": ("", "sensory dissonance of the partials over their energy"),
    "irregularity": ("0 to 2", "unevenness of successive partials"),
    "novelty": ("0 to 4", "squared distance between the musical state after and before"),
}

#: The eight of the CBSA paper; the key stands in three columns, so that there are the ten that the
#: paper's section 3.2 counts (1 <= p <= 10).
CBSA_COLUMNS = tuple(DESCRIPTORS)[-10:]

#: Samples heard at once.
_PIECE = 1 << 17


def describe(
    y: Any, sr: float, *, window_seconds: float = 0.5, device: str | None = None
) -> tuple[Any, NDArray[np.float64]]:
    """Return the descriptors of each window of a signal, or of each of many.

    Spectral shapes are means over frames of 46 ms (2048 samples at 44.1 kHz), of which a quarter is
    new; tonal ones over frames of 186 ms, of which half is. At other rates frames have the power of
    two of samples that lasts about as long.

    Parameters
    ----------
    y : array_like or torch.Tensor, shape (..., samples), or iterator of arrays
        Finite; an iterator gives one signal piece by piece, as `chordmer.io.audio.stream_audio`
        does, and then no more than a piece is held. For tensors this is the module
        `chordmer.features.descriptor_layers.Descriptors`, which a network may contain.
    sr : float
        Sample rate in Hz.
    window_seconds : float, default 0.5
        Length of a window, at least 0.25 s. The default is the step of the annotations of DEAM and
        EmoMusic.
    device : str, optional
        Where torch computes the spectra of arrays, such as ``"cuda"``; NumPy does by default.

    Returns
    -------
    values : ndarray of float32 or torch.Tensor, shape (..., windows, len(DESCRIPTORS))
        A column for each name of `DESCRIPTORS`. Pitch and tempo of windows that have none are the
        mean of those that have, or 0 if none has.
    times : ndarray of float64, shape (windows,)
        Start of each window in seconds. There is one window for every `window_seconds`, rounded;
        the last takes what is left.

    Raises
    ------
    ChordmerError
        If `window_seconds` is too short to hold a frame.

    Examples
    --------
    >>> describe(np.zeros((2, 44100)), 44100)[0].shape
    (2, 2, 57)
    """
    if not window_seconds >= SHORTEST_WINDOW:
        raise ChordmerError(
            f"windows last at least {SHORTEST_WINDOW} s", stage="descriptors", value=window_seconds
        )
    if type(y).__module__.partition(".")[0] == "torch":
        from chordmer.features.descriptor_layers import Descriptors

        values = Descriptors(sr, window_seconds=window_seconds)(y)
        return values, _starts(values.shape[-2], window_seconds)
    if isinstance(y, Iterator):
        return _describe(_pieces(y), sr, window_seconds, device)
    signals = np.asarray(y)
    shape = signals.shape[:-1]
    signals = signals.reshape(math.prod(shape), signals.shape[-1])
    count = max(1, round(signals.shape[-1] / (window_seconds * sr)))
    many = np.empty((len(signals), count, len(DESCRIPTORS)), np.float32)
    for values, signal in zip(many, signals):
        values[:] = _describe(_pieces(iter([signal])), sr, window_seconds, device)[0]
    return many.reshape(*shape, count, len(DESCRIPTORS)), _starts(count, window_seconds)


def _describe(
    pieces: Iterator[FloatArray], sr: float, window_seconds: float, device: str | None
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    window = window_seconds * sr
    first = next(pieces)
    level = Level(sr, window)
    shapes: Shapes
    tones: Tones
    if device is None:
        shapes, tones = Shapes(sr, window, first.dtype), Tones(sr, window, first.dtype)
    else:
        from chordmer.features.device_listening import ShapesOnDevice, TonesOnDevice

        shapes, tones = ShapesOnDevice(sr, window, device), TonesOnDevice(sr, window, device)
    for piece in chain([first], pieces):
        for listener in (level, shapes, tones):
            listener.push(piece)
    shapes.close()
    tones.close()

    count = max(1, round(level.total / window))
    times = _starts(count, window_seconds)
    context = max(1, round(CONTEXT / window_seconds))
    spectral, cepstra = shapes.columns(count)
    chroma, similar, partials = tones.columns(count)
    tempo, clarity = local_tempo(*shapes.onsets(), times + window_seconds / 2, context=CONTEXT)
    total = chroma.sum(axis=1, keepdims=True)
    share = np.divide(chroma, total, out=np.zeros_like(chroma), where=total > 0)
    state = np.hstack([_unit(share), _unit(cepstra[:, 1:])]) / math.sqrt(2)
    columns = [
        level.columns(count),
        spectral[:, :-1],
        share,
        tonnetz(chroma),
        cepstra,
        _filled(pitch_of(similar, sr))[:, None],
        _filled(tempo)[:, None],
        clarity[:, None],
        key_of(local_mean(share, context)),
        spectral[:, -1:],
        partials,
        novelty(state, context)[:, None],
    ]
    return np.hstack(columns).astype(np.float32), times


def _starts(count: int, window_seconds: float) -> NDArray[np.float64]:
    starts: NDArray[np.float64] = np.arange(count, dtype=np.float64) * window_seconds
    return starts


def _pieces(y: Iterator[FloatArray]) -> Iterator[FloatArray]:
    """Yield a signal by pieces of one length, the last one shorter; at least one, maybe empty.

    So sums run over the same samples, and give the same bits, however the signal was cut before.
    """
    rest = np.zeros(0, np.float32)
    for part in y:
        part = part if part.dtype in (np.float32, np.float64) else part.astype(np.float32)
        rest = np.concatenate([rest, part]) if len(rest) else part
        while len(rest) > _PIECE:
            yield rest[:_PIECE]
            rest = rest[_PIECE:]
    yield rest


def _unit(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    # Silence leaves rounding dust, which must not be blown up to unit length.
    heard = length > 1e-6
    unit: NDArray[np.float64] = np.divide(rows, length, out=np.zeros_like(rows), where=heard)
    return unit


def _filled(values: FloatArray) -> NDArray[np.float64]:
    known = np.isfinite(values)
    return np.where(known, values, values[known].mean() if known.any() else 0.0)


class AudioDescriptors(TransformerMixin, BaseEstimator):
    """Named descriptors of sound: level, spectrum, tones, and what a listener would name.

    Stateless: `fit` learns nothing. `DESCRIPTORS` says what each descriptor means and its unit.
    Files are heard piece by piece, so that a file of two hours needs no more memory than a short
    one.

    Parameters
    ----------
    columns : sequence of str, optional
        Which descriptors, out of `DESCRIPTORS`; all by default. `CBSA_COLUMNS` are the mid- and
        high-level ones of the CBSA paper.
    statistics : sequence of str
        What `transform` says about each descriptor's course over the windows, out of
        `chordmer.features.pooling.STATISTICS`; the slope is a second.
    window_seconds : float, default=0.5
        Length of the windows of `frames`, at least 0.25 s. The default is the step of the
        annotations of DEAM and EmoMusic.
    sr : float, default=44100
        Sample rate in Hz that sources are resampled to.
    offset : float, default=0.0
        Seconds to skip.
    duration : float, optional
        Seconds to hear after that; by default all there are.
    pad : bool, default=False
        With `duration`: put zeros after a source that ends sooner.
    device : str, optional
        Where torch computes the spectra, such as ``"cuda"``; NumPy does by default.

    Examples
    --------
    >>> y = np.sin(2 * np.pi * 440 * np.arange(44100) / 44100)
    >>> pitch = AudioDescriptors(columns=["pitch"], statistics=["mean"])
    >>> pitch.get_feature_names_out(), pitch.transform([(y, 44100)]).round(1)
    (array(['pitch_mean'], dtype=object), array([[69.]], dtype=float32))
    """

    modality = "audio"

    def __init__(
        self,
        *,
        columns: Sequence[str] | None = None,
        statistics: Sequence[str] = STATISTICS,
        window_seconds: float = 0.5,
        sr: float = 44100,
        offset: float = 0.0,
        duration: float | None = None,
        pad: bool = False,
        device: str | None = None,
    ) -> None:
        self.columns = columns
        self.statistics = statistics
        self.window_seconds = window_seconds
        self.sr = sr
        self.offset = offset
        self.duration = duration
        self.pad = pad
        self.device = device

    def fit(self, tracks: Iterable[Any], y: object = None) -> Self:
        """Return self; there is nothing to learn, but an unknown name is refused."""
        self.get_feature_names_out()
        return self

    def transform(self, tracks: Iterable[Any]) -> NDArray[np.float32]:
        """Return the pooled descriptors of each track.

        Parameters
        ----------
        tracks : iterable of Track, path or (y, sr)

        Returns
        -------
        ndarray of float32, shape (n, len(columns) * len(statistics))

        Raises
        ------
        MissingModalityError
            If a track has no audio.
        ChordmerError
            If a source cannot be read.
        """
        width = len(self.get_feature_names_out())
        rows = []
        for track in tracks:
            frames = self.frames(track)
            rows.append(pool(frames.values, frames.times, tuple(self.statistics)))
        return np.array(rows, dtype=np.float32).reshape(len(rows), width)

    def frames(self, track: Any) -> Frames:
        """Return the descriptors of successive windows of one track, in the order of `columns`."""
        pieces, sr = stream_audio(
            as_track(track), self.sr, offset=self.offset, duration=self.duration, pad=self.pad
        )
        values, times = describe(pieces, sr, window_seconds=self.window_seconds, device=self.device)
        if self.columns is not None:
            values = values[:, [list(DESCRIPTORS).index(name) for name in self._names()]]
        return Frames(values, times)

    def get_feature_names_out(self, input_features: object = None) -> NDArray[np.object_]:
        """Return the names of the columns of `transform`, such as ``tempo_mean``."""
        return np.array(pooled_names(self._names(), tuple(self.statistics)), dtype=object)

    def _names(self) -> list[str]:
        names = list(DESCRIPTORS if self.columns is None else self.columns)
        for name in names:
            if name not in DESCRIPTORS:
                raise ChordmerError("no such descriptor", stage="columns", value=name)
        return names

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.two_d_array = False
        return tags
