"""What a recogniser answers to songs it has not heard: how far its answers can be trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from chordmer.feature_cache import shared_cache
from chordmer.models.temperature import best_temperature, log_losses
from chordmer.songs import folds_of
from chordmer.targets import Target
from chordmer.track import Track

if TYPE_CHECKING:
    from chordmer.recognizer import EmotionRecognizer

__all__ = ["held_out", "temperature"]


def held_out(
    model: EmotionRecognizer, tracks: list[Track], y: NDArray[Any]
) -> tuple[list[int], NDArray[np.float64]]:
    """Return rows, and what models like `model` answer that never met their groups.

    There are ``model.calibration`` such models, each fitted without one fold of the groups. A fold
    is left out if a class is in it alone, a track if only tracks of its fold have its modality.

    Returns
    -------
    rows : list of int, length m
    answers : ndarray, shape (m, k)
        Uncalibrated probabilities of the classes of `y`, or values.
    """
    target = Target.of(model.target)
    n_classes = len(np.unique(y)) if target.labels else 0
    rows: list[int] = []
    answers = [np.zeros((0, len(target.dimensions) or n_classes))]
    for train, test in folds_of(tracks, model.calibration):
        if target.labels and len(np.unique(y[train])) < n_classes:
            continue
        part = clone(model).set_params(calibration=0, verbose=False)
        part.fit([tracks[i] for i in train], y[train])
        unheard = [tracks[i] for i in test]
        heard = part.hearing_.hear(unheard, shared_cache(model.cache), strict=False)
        answers.append(part._judge([found for found in heard if found]))
        rows += [i for i, found in zip(test, heard) if found]
    return rows, np.concatenate(answers)


def temperature(shares: NDArray[np.float64], truth: NDArray[np.bool_]) -> float:
    """Return what the logarithms of probabilities are to be divided by, for the least log loss.

    Parameters
    ----------
    shares : ndarray, shape (n, k)
        Probabilities of the classes of samples that were held out.
    truth : ndarray of bool, shape (n, k)
        Where the true class is.
    """
    scores = np.log(np.maximum(shares, np.finfo(np.float64).tiny))
    return best_temperature(log_losses(scores, truth.astype(np.float64), np.ones(len(shares))))
