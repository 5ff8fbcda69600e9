"""From what a recogniser answers to an `Emotion`, with its course over time."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from chordmer.emotion import QUADRANTS, Curve, Emotion
from chordmer.errors import ChordmerError, printable
from chordmer.io import read_symbolic
from chordmer.recognizer.hearing import has
from chordmer.recognizer.targets import Target
from chordmer.recognizer.windows import cut
from chordmer.track import Track

if TYPE_CHECKING:
    from chordmer.recognizer import EmotionRecognizer

__all__ = ["Answer", "answer_of", "emotion_of", "judged", "model_name", "placed"]


@dataclass(frozen=True, eq=False)
class Answer:
    """What a model says whose labels or dimensions have no place on the valence-arousal plane.

    Attributes
    ----------
    source : str
        The piece it is about.
    label : str or None
        The likeliest label; None where the model has dimensions.
    numbers : mapping of str to float
        The probability of each label, or the value in each dimension.
    model : str
    """

    source: str
    label: str | None
    numbers: Mapping[str, float]
    model: str

    def to_dict(self) -> dict[str, Any]:
        """Return the content as plain Python objects; what ``chordmer predict --json`` prints."""
        kind = "values" if self.label is None else "probabilities"
        rounded = {name: round(number, 4) for name, number in self.numbers.items()}
        told = {} if self.label is None else {"label": self.label}
        return {"source": self.source, **told, kind: rounded, "model": self.model}

    def __str__(self) -> str:
        numbers = ", ".join(f"{printable(k)} {v:.2f}" for k, v in self.numbers.items())
        told = "" if self.label is None else f"{printable(self.label)}   "
        return f"{printable(self.source)}\n  {told}({numbers})\n  model: {printable(self.model)}"


def answer_of(
    model: EmotionRecognizer, track: Track, *, window: float | None, hop: float
) -> Emotion | Answer:
    """Return the emotion of `track`, or the labels or values of a model without the plane."""
    target = Target.of(model.target)
    if target.has_plane:
        return emotion_of(model, track, window=window, hop=hop)
    row = model._answers([track])[0]
    names = model.classes_.tolist() if target.labels else target.dimensions
    label = names[int(row.argmax())] if target.labels else None
    return Answer(_name(track), label, dict(zip(names, row.tolist())), model_name(model))


def emotion_of(
    model: EmotionRecognizer, track: Track, *, window: float | None, hop: float
) -> Emotion:
    """Return what `track` expresses; see `EmotionRecognizer.predict_emotion`."""
    answers = model._answers([track])
    quadrants, plane = placed(model, answers)
    heard = tuple(m for m in model.hearing_.modalities if has(track, m))
    return Emotion(
        source=_name(track),
        probabilities=dict(zip(QUADRANTS, quadrants[0].tolist())),
        valence=float(plane[0, 0]),
        arousal=float(plane[0, 1]),
        curve=_course(model, track, window, hop),
        modalities=heard,
        model=model_name(model),
        warnings=read_symbolic(track).report.warnings if "symbolic" in heard else (),
        dimensions={
            name: float(value)
            for name, value in zip(Target.of(model.target).dimensions, answers[0])
            if name not in ("valence", "arousal")
        },
        piece=track,
    )


def placed(
    model: EmotionRecognizer, answers: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return probabilities of Q1 to Q4, (n, 4), and valence and arousal, (n, 2).

    Parameters
    ----------
    model : EmotionRecognizer
    answers : ndarray, shape (n, k)
        Its probabilities of classes, or its values in dimensions.

    Raises
    ------
    ChordmerError
        If its target has no place on the plane.
    """
    target = Target.of(model.target)
    if not target.has_plane:
        raise ChordmerError(
            "the labels or dimensions have no place on the valence-arousal plane; give the target "
            'as a mapping, as in {"happy": "Q1", "sad": "Q3"}',
            stage="emotion",
            value=", ".join(target.labels or target.dimensions),
        )
    if target.labels:
        return target.quadrants_of_labels(model.classes_.tolist(), answers)
    low, high = model.scale
    half = (high - low) / 2
    return target.quadrants_of_values((answers - low) / half - 1, model.spread_ / half)


def model_name(model: EmotionRecognizer) -> str:
    """Return what answers call a model: its last part, and what it listens with."""
    last: Any = model.head_[-1] if hasattr(model.head_, "steps") else model.head_
    ears = ", ".join(name for name, _ in model.hearing_.extractors)
    return f"{type(last).__name__} on {ears}"


def judged(
    model: EmotionRecognizer, tracks: Sequence[Track]
) -> tuple[list[int], NDArray[np.float64], NDArray[np.float64]]:
    """Return which tracks there is anything to hear of, and what they express.

    Returns
    -------
    kept : list of int, length k
        Their places in `tracks`; the others are left out.
    quadrants : ndarray of float64, shape (k, 4)
    plane : ndarray of float64, shape (k, 2)
        As `placed` gives them.
    """
    heard = model.hearing_.hear(tracks, strict=False)
    kept = [i for i, found in enumerate(heard) if found]
    return kept, *placed(model, model._judge([heard[i] for i in kept]))


def _course(model: EmotionRecognizer, track: Track, window: float | None, hop: float) -> Curve:
    if window is None:
        nothing = np.zeros(0)
        return Curve(nothing, nothing, np.zeros((0, 4)), nothing, nothing)
    windows = cut(track, model.hearing_.modalities, window=window, hop=hop)
    kept, quadrants, plane = judged(model, windows.tracks)
    return Curve(windows.times[kept], windows.ends[kept], quadrants, plane[:, 0], plane[:, 1])


def _name(track: Track) -> str:
    for source in (track.symbolic, track.audio, track.lyrics):
        if isinstance(source, os.PathLike):
            return os.fsdecode(source)
    return track.id
