"""MF_RP: mel-frequency cepstra weighted with the residual phase.

The paper says that "RP and MFCC are weighted and fused" into 192 rows a frame, and prints neither
weights nor formula. Here, for cepstral coefficient k and frame t,

    MF_RP[k, t] = (1 - w) MFCC[k, t] + w RP[t] MFCC[k, t],

where RP[t] is the residual phase at the largest value of the frame's Hilbert envelope and w the
`weighting`; 64 coefficients with their first and second differences are the 192 rows. At w = 0
they are plain cepstra.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin

from chordmer.errors import ChordmerError
from chordmer.features.mel import dct_matrix, delta, mfcc, power_to_db, to_mels
from chordmer.features.moments import Moments
from chordmer.features.overlap import Overlap
from chordmer.features.prediction import LPC_ORDER
from chordmer.features.residual_phase import (
    OVERLAP,
    PREEMPHASIS,
    excitation_frame_length,
    peak_phase,
    peak_phase_blocks,
)
from chordmer.features.stft import Spectra, frame_times, in_range
from chordmer.features.weighting import choose_weight
from chordmer.io.audio import stream_audio
from chordmer.track import Frames, as_track

__all__ = ["WEIGHT", "ResidualPhaseMFCC", "fuse_scores", "mf_rp"]

Floats = NDArray[np.floating[Any]]

#: The default weight, chosen by cross-validation as `ResidualPhaseMFCC` says.
WEIGHT = 0.3
_N_MELS = 128
_N_FFT = 2048
#: Frames pooled at once.
_ROWS = 1 << 14


def mf_rp(
    y: Any,
    sr: float,
    *,
    weighting: float = WEIGHT,
    n_mfcc: int = 64,
    hop_length: int = 1024,
    lpc_order: int = LPC_ORDER,
    overlap: float = OVERLAP,
    preemphasis: float = PREEMPHASIS,
) -> Any:
    """Return the paper's MF_RP features.

    Parameters
    ----------
    y : array_like or torch.Tensor, shape (..., samples)
    sr : float
        Sample rate in Hz.
    weighting : float, default 0.3
        Weight w of the residual phase, from 0 to 1; see `ResidualPhaseMFCC` for the default.
    n_mfcc : int, default 64
        Number of cepstral coefficients, of 128 mel bands of 2048 samples. Levels are not clipped
        against the loudest, only at -100 dB, so that a frame does not depend on the others.
    hop_length : int, default 1024
        Samples from one frame to the next: with 44.1 kHz, 44 frames in the first second.
    lpc_order, overlap, preemphasis
        As in `chordmer.features.residual_phase.residual_phase`.

    Returns
    -------
    ndarray or torch.Tensor, shape (..., 3 * n_mfcc, 1 + samples // hop_length)
        Fused cepstra, their first differences, their second differences.

    Examples
    --------
    >>> mf_rp(np.zeros(44100, np.float32), 44100).shape
    (192, 44)
    """
    excitation: dict[str, Any] = {
        "hop_length": hop_length,
        "lpc_order": lpc_order,
        "overlap": overlap,
        "preemphasis": preemphasis,
    }
    if type(y).__module__.partition(".")[0] == "torch":
        from chordmer.features.paper_layers import MFRP

        return MFRP(sr, weighting=weighting, n_mfcc=n_mfcc, **excitation).to(y.device)(y)
    cepstra = mfcc(y, sr, n_mfcc=n_mfcc, n_fft=_N_FFT, hop_length=hop_length, top_db=None)
    fused = _fused(cepstra, peak_phase(y, sr, **excitation)[..., None, :], weighting)
    return np.concatenate([fused, delta(fused), delta(fused, order=2)], axis=-2)


def _fused(cepstra: Floats, phase: Floats, weight: float) -> Floats:
    if not 0 <= weight <= 1:
        raise ChordmerError("weighting is from 0 to 1", stage="MF_RP", value=weight)
    return cepstra * (1 - weight + weight * phase).astype(cepstra.dtype)


def fuse_scores(
    mfcc_scores: ArrayLike, rp_scores: ArrayLike, *, weight: float = 0.5
) -> NDArray[np.float64]:
    """Return the scores of two classifiers combined, Nalini and Palanivel's way of fusion.

    One classifier has seen cepstra, the other residual phases (the two groups of columns that
    ``ResidualPhaseMFCC(weighting="scores")`` gives); their evidence for each emotion is averaged
    (N. J. Nalini and S. Palanivel, "Music emotion recognition: the combined evidence of MFCC and
    residual phase", Egyptian Informatics Journal 17, 2016).

    Parameters
    ----------
    mfcc_scores, rp_scores : array_like, shape (n, classes)
        Of one scale, for example probabilities.
    weight : float, default 0.5
        Weight of `rp_scores`, from 0 to 1.

    Returns
    -------
    ndarray of float64, shape (n, classes)

    Examples
    --------
    >>> fuse_scores([[0.8, 0.2]], [[0.4, 0.6]], weight=0.25).round(2)
    array([[0.7, 0.3]])
    """
    if not 0 <= weight <= 1:
        raise ChordmerError("weight is from 0 to 1", stage="score fusion", value=weight)
    first, second = np.asarray(mfcc_scores, np.float64), np.asarray(rp_scores, np.float64)
    if first.shape != second.shape:
        raise ChordmerError(
            "scores must be of one shape",
            stage="score fusion",
            value=f"{first.shape} and {second.shape}",
        )
    return (1 - weight) * first + weight * second


class ResidualPhaseMFCC(TransformerMixin, BaseEstimator):
    """MF_RP features: mel-frequency cepstra weighted with the residual phase.

    `frames` is the paper's MF_RP, 192 x 44 for one second at 44.1 kHz; `transform` gives the mean
    and the deviation of each row over time. A file is heard piece by piece; what memory keeps of
    it are its cepstra.

    Parameters
    ----------
    weighting : float or {"learned", "scores"}, default=0.3
        How MFCC and residual phase are fused. A number is the weight w of the residual phase.
        ``"learned"`` chooses it in `fit` from the labels: the one of 0, 0.1 .. 1 with which ridge
        classification (regression, if the labels are numbers with a fraction) of the pooled
        features does best in five-fold cross-validation, grouped by `Track.group` where there is
        one. ``"scores"`` fuses nothing: cepstra and residual phase come as two groups of columns,
        for two classifiers whose scores `fuse_scores` combines.

        The default was chosen by song-grouped five-fold cross-validation, four times over, on the
        first 25 s of 495 rendered clips of EMOPIA (accuracy over four quadrants): of the weights
        0, 0.1 .. 1 it does best on average of ridge classification and an RBF SVM. Expect little of
        it: they reach 0.520 and 0.541, without residual phase 0.510 and 0.536, and the standard
        error is 0.02. Scores of two SVMs fused half and half reach 0.543; the residual phase alone
        0.33, always guessing the commonest quadrant 0.29.
    n_mfcc : int, default=64
        Number of cepstral coefficients, at most 128.
    hop_length : int, default=1024
        Samples from one frame to the next.
    lpc_order : int, default=16
        Order of the linear prediction, as in the paper.
    overlap : float, default=0.010
        Seconds that the frames of the prediction share, as in the paper.
    preemphasis : float, default=0.97
        Of the signal that is predicted.
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

    Attributes
    ----------
    weight_ : float
        The weight in use, once fitted.
    """

    modality = "audio"

    def __init__(
        self,
        *,
        weighting: float | str = WEIGHT,
        n_mfcc: int = 64,
        hop_length: int = 1024,
        lpc_order: int = LPC_ORDER,
        overlap: float = OVERLAP,
        preemphasis: float = PREEMPHASIS,
        sr: float = 44100,
        offset: float = 0.0,
        duration: float | None = None,
        pad: bool = False,
        device: str | None = None,
    ) -> None:
        self.weighting = weighting
        self.n_mfcc = n_mfcc
        self.hop_length = hop_length
        self.lpc_order = lpc_order
        self.overlap = overlap
        self.preemphasis = preemphasis
        self.sr = sr
        self.offset = offset
        self.duration = duration
        self.pad = pad
        self.device = device

    def fit(self, tracks: Iterable[Any], y: ArrayLike | None = None) -> Self:
        """Choose the weight if it is to be learned; refuse impossible parameters.

        Parameters
        ----------
        tracks : iterable of Track, path or (y, sr)
        y : array_like, shape (n,), optional
            Labels, which only ``weighting="learned"`` looks at.

        Raises
        ------
        ChordmerError
            If the weight is to be learned and there are no labels to learn from.
        """
        dct_matrix(self.n_mfcc, _N_MELS)
        excitation_frame_length(self.sr, self.hop_length, self.overlap)
        if self.weighting != "learned":
            self.weight_ = self._weight()
            return self
        if y is None:
            raise ChordmerError("learning the weight needs labels", stage="MF_RP")
        tracks = [as_track(track) for track in tracks]
        heard = [self._hear(track) for track in tracks]
        self.weight_ = choose_weight(
            lambda weight: np.array([self._pooled(*pair, weight) for pair in heard]),
            y,
            [track.group for track in tracks],
        )
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
            If a source cannot be read, or the weight is to be learned and has not been.
        """
        weight = self._weight()
        rows = [self._pooled(*self._hear(track), weight) for track in tracks]
        return np.array(rows, dtype=np.float32).reshape(len(rows), 2 * len(self._columns()))

    def frames(self, track: Any) -> Frames:
        """Return the features of one track; frame t lies around ``t * hop_length / sr``."""
        parts = list(self._parts(*self._hear(track), self._weight()))
        values = np.empty((parts[0].shape[-1], sum(map(len, parts))), np.float32)
        done = 0
        while parts:
            part = parts.pop(0)
            values[:, done : done + len(part)] = part.T
            done += len(part)
        return Frames(values, frame_times(len(values), self.sr, self.hop_length))

    def get_feature_names_out(self, input_features: object = None) -> NDArray[np.object_]:
        """Return the names of the columns of `transform`."""
        names = [f"{column}_{which}" for which in ("mean", "std") for column in self._columns()]
        return np.array(names, dtype=object)

    def to_parts(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return what a folder needs: parameters, with the weight that was learned if one was."""
        weighting = (
            getattr(self, "weight_", None) if self.weighting == "learned" else self.weighting
        )
        parameters = {**self.get_params(), "weighting": weighting}
        return {"kind": "ResidualPhaseMFCC", "parameters": parameters}, {}

    def _columns(self) -> list[str]:
        orders = ("", "_delta", "_delta2")
        if self.weighting == "scores":
            cepstra = [f"mfcc_{k}{order}" for order in orders for k in range(self.n_mfcc)]
            return [*cepstra, *(f"rp{order}" for order in orders)]
        return [f"mf_rp_{k}{order}" for order in orders for k in range(self.n_mfcc)]

    def _weight(self) -> float:
        if self.weighting == "scores":
            return 0.0
        if self.weighting == "learned":
            if not hasattr(self, "weight_"):
                raise ChordmerError("the weight has not been learned: fit first", stage="MF_RP")
            return self.weight_
        if isinstance(self.weighting, str) or not 0 <= self.weighting <= 1:
            raise ChordmerError(
                "weighting is a number from 0 to 1, learned or scores",
                stage="MF_RP",
                value=self.weighting,
            )
        return float(self.weighting)

    def _hear(self, track: Any) -> tuple[Floats, Floats]:
        """Return cepstra, (n_mfcc, frames), and residual phase, (1, frames)."""
        blocks, sr = stream_audio(
            as_track(track), self.sr, offset=self.offset, duration=self.duration, pad=self.pad
        )
        excitation: dict[str, Any] = {
            "hop_length": self.hop_length,
            "lpc_order": self.lpc_order,
            "overlap": self.overlap,
            "preemphasis": self.preemphasis,
        }
        if self.device is not None:
            return self._hear_on_device(blocks, excitation)
        spectra = Spectra(n_fft=_N_FFT, hop_length=self.hop_length)
        transform = dct_matrix(self.n_mfcc, _N_MELS).T.astype(np.float32)
        cepstra: list[Floats] = []

        def listen(heard: Iterable[Floats]) -> None:
            for spectrum in heard:
                magnitude, gain_db = in_range(spectrum)
                mels = to_mels(np.square(magnitude), sr, n_fft=_N_FFT, n_mels=_N_MELS)
                levels = power_to_db(mels, top_db=None) + np.float32(gain_db)
                cepstra.append(levels @ transform)

        def passing() -> Iterator[Floats]:
            for block in blocks:
                listen(spectra.push(block))
                yield block

        phase = np.concatenate(list(peak_phase_blocks(passing(), sr, **excitation)))
        listen(spectra.close())
        return np.ascontiguousarray(np.concatenate(cepstra).T), phase.astype(np.float32)[None]

    def _hear_on_device(
        self, blocks: Iterable[Floats], excitation: dict[str, Any]
    ) -> tuple[Floats, Floats]:
        import torch

        from chordmer.features.layers import MFCC
        from chordmer.features.paper_layers import PeakPhase

        spectral = MFCC(
            self.sr, n_mfcc=self.n_mfcc, n_fft=_N_FFT, hop_length=self.hop_length, top_db=None
        ).to(self.device)
        predicted = PeakPhase(self.sr, **excitation)
        reach = max(_N_FFT // 2, predicted.length // 2 + self.lpc_order + 1)
        overlap = Overlap(self.hop_length, margin=-(-reach // self.hop_length))
        cepstra, phase = [], []
        for samples, kept in overlap.of(blocks):
            signal = torch.from_numpy(samples).to(self.device)
            # Copies: views would keep torch's memory, which then falls to pieces.
            cepstra.append(spectral(signal)[:, kept].cpu().numpy().copy())
            phase.append(predicted(signal)[kept].cpu().numpy().copy())
        return np.concatenate(cepstra, axis=1), np.concatenate(phase)[None]

    def _parts(self, cepstra: Floats, phase: Floats, weight: float) -> Iterator[Floats]:
        """Yield groups of rows, (rows, frames), in the order of the columns."""
        fused = _fused(cepstra, phase, weight)
        for rows in (fused, phase) if self.weighting == "scores" else (fused,):
            yield rows
            yield delta(rows)
            yield delta(rows, order=2)

    def _pooled(self, cepstra: Floats, phase: Floats, weight: float) -> NDArray[np.float64]:
        pooled = []
        for part in self._parts(cepstra, phase, weight):
            moments = Moments()
            for start in range(0, part.shape[-1], _ROWS):
                moments.add(part[:, start : start + _ROWS].T)
            pooled.append((moments.mean, moments.std))
        means, deviations = zip(*pooled)
        return np.concatenate([*means, *deviations])

    def __sklearn_is_fitted__(self) -> bool:
        return self.weighting != "learned" or hasattr(self, "weight_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = self.weighting == "learned"
        tags.input_tags.two_d_array = False
        return tags
