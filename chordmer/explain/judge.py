"""A model as explanations need it: tracks in, named numbers out, and what it can do without."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from chordmer.emotion import QUADRANTS, valence_arousal
from chordmer.explain.passages import Opened
from chordmer.features.describe import DESCRIPTOR_NAMES, describe_symbolic
from chordmer.io import read_symbolic
from chordmer.models import inference
from chordmer.pretrained import SymbolicEmotionModel, load_pretrained, predict
from chordmer.track import Track

if TYPE_CHECKING:
    from chordmer.recognizer import EmotionRecognizer

__all__ = ["Bundled", "Descriptor", "Judge", "judge_of"]

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Descriptor:
    """One column of what an extractor hears: its `name`, its `value` and what is `typical`."""

    name: str
    value: float
    typical: float


class Judge(Protocol):
    """What an explanation asks a model."""

    @property
    def names(self) -> tuple[str, ...]:
        """What the numbers are called."""

    @property
    def modalities(self) -> tuple[str, ...]:
        """What the model listens to."""

    def answer(self, track: Track) -> Any:
        """Return the `Emotion`, or what else the model answers."""

    def target(self, row: Matrix) -> str:
        """Return the name of the number that is the answer; `row` is (names,)."""

    def numbers(self, tracks: Iterable[Track | None]) -> Matrix:
        """Return a row of numbers a track, (n, names); NaN where there is nothing to hear."""

    def modality_numbers(self, opened: Opened) -> dict[str, Matrix]:
        """Return the numbers, (names,), without each modality that the model can do without."""

    def descriptor_numbers(self, opened: Opened) -> tuple[list[Descriptor], Matrix]:
        """Return the descriptors, and the numbers, (d, names), with each made typical in turn."""


def judge_of(model: EmotionRecognizer | SymbolicEmotionModel | None) -> Judge:
    """Return the judge that asks `model`; None is the model that chordmer carries."""
    if model is None:
        return Bundled(load_pretrained())
    if isinstance(model, SymbolicEmotionModel):
        return Bundled(model)
    from chordmer.explain.trained import Trained

    return Trained(model)


@dataclass(frozen=True, eq=False)
class Bundled:
    """The model that chordmer carries, or another of its kind."""

    model: SymbolicEmotionModel
    names: tuple[str, ...] = (*QUADRANTS, "valence", "arousal")
    modalities: tuple[str, ...] = ("symbolic",)

    def answer(self, track: Track) -> Any:
        """Return the `Emotion`."""
        return predict(track, model=self.model)

    def target(self, row: Matrix) -> str:
        """Return the likeliest quadrant."""
        return self.names[int(row[:4].argmax())]

    def numbers(self, tracks: Iterable[Track | None]) -> Matrix:
        """Return probabilities of Q1 to Q4, valence and arousal, (n, 6)."""
        rows = [
            None if track is None else describe_symbolic(read_symbolic(track)) for track in tracks
        ]
        numbers = np.full((len(rows), len(self.names)), np.nan)
        heard = [i for i, row in enumerate(rows) if row is not None]
        if heard:
            numbers[heard] = self._judge(np.array([rows[i] for i in heard]))
        return numbers

    def modality_numbers(self, opened: Opened) -> dict[str, Matrix]:
        """Return {}: the model has one modality."""
        return {}

    def descriptor_numbers(self, opened: Opened) -> tuple[list[Descriptor], Matrix]:
        """Return each descriptor that an expert listens to, made what its training pieces are."""
        assert opened.piece is not None
        arrays, columns = self.model.arrays, self.model.columns
        row = describe_symbolic(opened.piece)[columns]
        typical = np.full(len(columns), np.nan)
        for expert in ("dynamics", "notes"):
            typical[arrays[f"{expert}.columns"]] = arrays[f"{expert}.mean"]
        heard = np.flatnonzero(np.isfinite(typical))
        # The model hears some descriptors in units of the mean velocity.
        scaled = np.tile(inference.relative(arrays, row[None])[0], (len(heard), 1))
        scaled[np.arange(len(heard)), heard] = typical[heard]
        loudness = np.maximum(scaled[:, arrays["loudness"][0], None], 1.0)
        scaled[:, arrays["relative"]] *= loudness
        here = np.maximum(row[arrays["loudness"][0]], 1.0)
        typical[arrays["relative"]] *= here
        names = [DESCRIPTOR_NAMES[column] for column in columns[heard]]
        descriptors = [
            Descriptor(f"symbolic.{name}", float(row[i]), float(typical[i]))
            for name, i in zip(names, heard)
        ]
        return descriptors, self._with_plane(inference.predict_proba(arrays, scaled))

    def _judge(self, descriptors: Matrix) -> Matrix:
        return self._with_plane(self.model.probabilities(descriptors))

    def _with_plane(self, probabilities: Matrix) -> Matrix:
        return np.column_stack([probabilities, valence_arousal(probabilities)])
