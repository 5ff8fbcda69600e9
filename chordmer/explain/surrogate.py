"""A small model that follows a large one around one recording, in the manner of audioLIME."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chordmer.errors import ChordmerError
from chordmer.explain.explanation import Attribution, Part
from chordmer.explain.judge import Judge, Matrix
from chordmer.explain.passages import Opened

__all__ = ["BANDS", "audio_surrogate"]

#: Edges of the frequency bands in Hz, and what to call them.
_EDGES = (250.0, 1000.0, 4000.0)
BANDS = ("below 250 Hz", "250 to 1000 Hz", "1000 to 4000 Hz", "above 4000 Hz")
_N_FFT = 2048
#: Of LIME: how fast the weight of a mask falls with its cosine distance from the whole sound, and
#: the penalty of the ridge.
_WIDTH, _ALPHA = 0.25, 1.0


def audio_surrogate(
    judge: Judge,
    opened: Opened,
    target: str,
    *,
    n_segments: int = 8,
    n_samples: int = 100,
    random_state: int = 0,
) -> Attribution:
    """Return how much each band of frequencies in each segment of time moves the answer.

    The sound is cut into segments of equal length and four bands. In each of `n_samples` versions
    of it every piece is there or silent by the toss of a coin, the first version being whole, and
    the model answers. A ridge regression of the answers on what was there, weighted by how near
    each version is to the whole, gives a number a piece (V. Haunschmid, E. Manilow, G. Widmer,
    "audioLIME: listenable explanations using source separation", 2020, after M. T. Ribeiro et al.,
    "Why should I trust you?", 2016; bands stand for separated sources). It is local and
    approximate: the contributions promise no sum, and `Attribution.fit` says how far to trust them.

    The model listens `n_samples` times to the whole recording, whatever its length; notes and words
    stay as they are.

    Parameters
    ----------
    judge : Judge
    opened : Opened
    target : str
        One of ``judge.names``.
    n_segments : int, default 8
    n_samples : int, default 100
        About three times the number of pieces.
    random_state : int, default 0
        Of the coins.

    Raises
    ------
    ChordmerError
        If the model or the track has no sound.
    ValueError
        If a number is below 1.
    """
    if n_segments < 1 or n_samples < 2:
        raise ValueError(f"segments and samples are 1 and 2 at least: {n_segments}, {n_samples}")
    if opened.sound is None:
        raise ChordmerError(
            "a surrogate explains sound: give a model that listens to it, and a file that has it",
            stage="explain",
            source=opened.track.id,
        )
    y, sr = opened.sound
    random = np.random.default_rng(random_state)
    masks = random.random((n_samples, n_segments, len(BANDS))) < 0.5
    masks[0] = True
    masks[~masks.any(axis=(1, 2))] = True
    spectra = _Spectra(y, sr, n_segments)
    tracks = (opened.changed(sound=spectra.masked(mask)) for mask in masks)
    answers = judge.numbers(tracks)[:, judge.names.index(target)]
    heard = np.isfinite(answers)
    there = masks.reshape(n_samples, -1).astype(np.float64)
    # The cosine of a mask with the mask of the whole.
    distance = 1 - np.sqrt(there.mean(axis=1))
    weights = np.exp(-(distance**2) / _WIDTH**2)
    coef, intercept, fit = _ridge(there[heard], answers[heard], weights[heard])
    times = np.arange(n_segments) * len(y) / sr / n_segments
    part = Part("audio", coef.reshape(n_segments, len(BANDS)), BANDS, times)
    return Attribution(
        "surrogate", target, float(answers[0]), intercept, (part,), promises=False, fit=fit
    )


class _Spectra:
    """A sound as short spectra, of which bands and segments can be silenced."""

    def __init__(self, y: NDArray[np.float32], sr: float, n_segments: int) -> None:
        from scipy.signal import ShortTimeFFT
        from scipy.signal.windows import hann

        self.length = len(y)
        padded = np.pad(y, (0, max(0, _N_FFT - len(y))))
        self.transform = ShortTimeFFT(hann(_N_FFT, sym=False), _N_FFT // 4, fs=sr)
        self.spectra = self.transform.stft(padded)
        self.band = np.searchsorted(_EDGES, self.transform.f, side="right")
        centres = np.maximum(self.transform.t(len(padded)) * sr, 0)
        self.segment = np.minimum(centres * n_segments / max(len(y), 1), n_segments - 1).astype(int)

    def masked(self, mask: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Return the sound with the pieces of `mask`, (segments, bands), that are true."""
        kept = self.spectra * mask.T[self.band][:, self.segment]
        sound = self.transform.istft(kept)[: self.length]
        return np.pad(sound, (0, self.length - len(sound))).astype(np.float32)


def _ridge(X: Matrix, y: Matrix, raw: Matrix) -> tuple[Matrix, float, float]:
    """Return coefficients, intercept and weighted R2 of a weighted ridge regression."""
    weights = raw / raw.sum()
    x_mean, y_mean = weights @ X, float(weights @ y)
    Z, rest = X - x_mean, y - y_mean
    gram = (Z * weights[:, None]).T @ Z * len(X)
    cross = (Z * weights[:, None]).T @ rest * len(X)
    coef = np.linalg.solve(gram + _ALPHA * np.eye(X.shape[1]), cross)
    left = float(weights @ (rest - Z @ coef) ** 2)
    spread = float(weights @ rest**2)
    fit = 1 - left / spread if spread > 0 else 0.0
    return coef, y_mean - float(x_mean @ coef), fit
