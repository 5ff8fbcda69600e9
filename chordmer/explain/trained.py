"""A recogniser of any recipe, as explanations need it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np

from chordmer.emotion import QUADRANTS
from chordmer.errors import MissingModalityError
from chordmer.explain.judge import Descriptor, Matrix
from chordmer.explain.passages import Opened
from chordmer.features.descriptors import DESCRIPTORS as AUDIO_DESCRIPTORS
from chordmer.recognizer import EmotionRecognizer
from chordmer.recognizer.answers import answer_of, placed
from chordmer.recognizer.hearing import Heard, Hearing
from chordmer.recognizer.targets import Target
from chordmer.track import Track

__all__ = ["Trained", "columns_of"]

#: Tracks that are held at once.
_BATCH = 8
#: Extractors whose columns have names that mean something.
_NAMED = ("SymbolicDescriptors", "AudioDescriptors", "EGeMAPS")


@dataclass(frozen=True, eq=False)
class Trained:
    """A recogniser of any recipe."""

    model: EmotionRecognizer

    @cached_property
    def own(self) -> tuple[str, ...]:
        """Its labels or dimensions."""
        target = Target.of(self.model.target)
        return tuple(map(str, self.model.classes_)) if target.labels else target.dimensions

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Its labels or dimensions, then what else there is on the plane."""
        plane = (*QUADRANTS, "valence", "arousal")
        has_plane = Target.of(self.model.target).has_plane
        return (*self.own, *(n for n in plane if has_plane and n not in self.own))

    @cached_property
    def modalities(self) -> tuple[str, ...]:
        """What it listens to."""
        return self.model.hearing_.modalities

    def answer(self, track: Track) -> Any:
        """Return the `Emotion`, or the `Answer` of a model without the plane."""
        return answer_of(self.model, track, window=None, hop=5.0)

    def target(self, row: Matrix) -> str:
        """Return the likeliest label, or the first dimension."""
        labels = Target.of(self.model.target).labels
        return self.own[int(row[: len(self.own)].argmax())] if labels else self.own[0]

    def numbers(self, tracks: Iterable[Track | None]) -> Matrix:
        """Return its own answers, and what they mean on the plane, (n, names)."""
        rows = [np.zeros((0, len(self.names)))]
        waiting = iter(tracks)
        while batch := list(islice(waiting, _BATCH)):
            there = [track for track in batch if track is not None]
            # No cache: what is heard here is heard once.
            found = iter(self._hearing(there).hear(there, None, strict=False))
            rows.append(self.judged([{} if track is None else next(found) for track in batch]))
        return np.concatenate(rows)

    def judged(self, heard: list[Heard]) -> Matrix:
        """Return the numbers for what extractors heard, (n, names); NaN where that is nothing."""
        numbers = np.full((len(heard), len(self.names)), np.nan)
        rows = [i for i, found in enumerate(heard) if found]
        if not rows:
            return numbers
        answers = self.model._judge([heard[i] for i in rows])
        known = dict(zip(self.own, answers.T))
        if len(self.names) > len(self.own) or Target.of(self.model.target).has_plane:
            quadrants, plane = placed(self.model, answers)
            everything = np.column_stack([quadrants, plane]).T
            known = dict(zip((*QUADRANTS, "valence", "arousal"), everything)) | known
        numbers[rows] = np.column_stack([known[name] for name in self.names])
        return numbers

    def heard(self, opened: Opened) -> Heard:
        """Return what the extractors hear of a track.

        Raises
        ------
        MissingModalityError
            If that is nothing.
        """
        track = opened.whole()
        return self._hearing([track]).hear([track], None)[0]

    def _hearing(self, tracks: list[Track]) -> Hearing:
        """Return the extractors, without those of lyrics where no track has any.

        An opened track has its words apart from its notes; to look for them in every version of the
        notes would be in vain.
        """
        hearing = self.model.hearing_
        if any(track.lyrics is not None for track in tracks):
            return hearing
        pairs = ((n, e) for n, e in hearing.extractors if e.modality != "lyrics")
        return Hearing.of(pairs, hearing.vectors)

    def modality_numbers(self, opened: Opened) -> dict[str, Matrix]:
        """Return the numbers without each modality, where others are left."""
        heard = self.heard(opened)
        home = {name: e.modality for name, e in self.model.hearing_.extractors}
        there = dict.fromkeys(home[name] for name in heard)
        if len(there) < 2:
            return {}
        left = [
            {name: values for name, values in heard.items() if home[name] != modality}
            for modality in there
        ]
        try:
            return dict(zip(there, self.judged(left)))
        except (MissingModalityError, ValueError):
            # A network of the paper's kind wants all of its inputs.
            return {}

    def descriptor_numbers(self, opened: Opened) -> tuple[list[Descriptor], Matrix]:
        """Return each descriptor made what it is on the mean over the training tracks."""
        heard = self.heard(opened)
        descriptors: list[Descriptor] = []
        variants: list[Heard] = []
        for name, extractor in self.model.hearing_.extractors:
            typical = self.typical(name)
            if name not in heard or typical is None or type(extractor).__name__ not in _NAMED:
                continue
            values = heard[name]
            for column, word in enumerate(columns_of(extractor, values.shape[-1])):
                changed = values.copy()
                changed[..., column] = typical[column]
                variants.append({**heard, name: changed})
                here = float(values[..., column].mean())
                descriptors.append(Descriptor(f"{name}.{word}", here, float(typical[column])))
        return descriptors, self.judged(variants)

    def typical(self, name: str) -> Matrix | None:
        """Return what an extractor gave on the mean in training, (d,); None if nothing kept it."""
        return _typical(self.model.head_, name)


def columns_of(extractor: Any, width: int) -> list[str]:
    """Return the names of the columns of an extractor's vectors, or of its frames."""
    names = [str(name) for name in extractor.get_feature_names_out()]
    if len(names) == width:
        return names
    columns = getattr(extractor, "columns", None)
    names = list(AUDIO_DESCRIPTORS if columns is None else columns)
    return names if len(names) == width else [f"{i}" for i in range(width)]


def _typical(head: Any, name: str) -> Matrix | None:
    if hasattr(head, "network_"):
        own: Matrix | None = head.vector_mean_.get(name)
        return _typical(head.network_, name) if own is None else own
    if hasattr(head, "estimators_"):
        voice = head.estimators_.get(name)
        kept = getattr(voice, "mean_", None)
        return getattr(voice, "arrays_", {}).get("mean") if kept is None else np.asarray(kept)
    join = head[0] if hasattr(head, "steps") else head
    widths: Mapping[str, int] = getattr(join, "widths_", {})
    if hasattr(join, "module_"):
        mean = join.module_.get_buffer("mean").cpu().numpy().astype(np.float64)
    else:
        mean = getattr(join, "mean_", None)
    if mean is None or name not in widths:
        return None
    ends = np.cumsum(list(widths.values()))
    place = list(widths).index(name)
    part: Matrix = mean[ends[place] - widths[name] : ends[place]]
    return part
