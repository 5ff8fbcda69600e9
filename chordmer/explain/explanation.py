"""`Explanation`: the reasons for an answer, as plain values that can be printed and drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chordmer.emotion import QUADRANTS, Emotion
from chordmer.errors import printable
from chordmer.explain.words import clock, places, plain
from chordmer.moods import moods

__all__ = ["Attribution", "Counterfactual", "Explanation", "Part", "Reason"]

#: Reasons that are told in words, and how many of them may be of one kind.
_TOLD, _OF_A_KIND = 5, 2
#: Less than this moved nothing that anyone should be told of.
_LITTLE = 0.0005


@dataclass(frozen=True)
class Reason:
    """Something in a piece, and what the answer owes to it.

    Attributes
    ----------
    kind : {"modality", "window", "chord", "line", "descriptor"}
    name : str
        The modality; the seconds of the window; the chord in Harte syntax; the line of lyrics; the
        descriptor, after the name of the extractor it belongs to and a dot.
    effect : float
        The answer with it less the answer without it: above 0 speaks for the target.
    spans : tuple of (float, float)
        Start and end in seconds of every place where it is; empty where it has none.
    bars : tuple of (int, int)
        The first and the last bar of each, from 1; empty where the notes keep no bars.
    value, typical : float or None
        Of a descriptor: what it is here, and in the pieces that the model learned from.
    """

    kind: str
    name: str
    effect: float
    spans: tuple[tuple[float, float], ...] = ()
    bars: tuple[tuple[int, int], ...] = ()
    value: float | None = None
    typical: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the content as plain Python objects."""
        told: dict[str, Any] = {
            "kind": self.kind,
            "name": self.name,
            "effect": round(self.effect, 5),
        }
        if self.spans:
            told["seconds"] = [[round(start, 3), round(end, 3)] for start, end in self.spans]
        if self.bars:
            told["bars"] = [list(bars) for bars in self.bars]
        if self.value is not None and self.typical is not None:
            told |= {"value": round(self.value, 5), "typical": round(self.typical, 5)}
        return told

    def __str__(self) -> str:
        where = places(self.spans, self.bars)
        if self.kind == "chord":
            return f"{_chord(self.name)}, {where}"
        if self.kind == "window":
            return f"the music {where}"
        if self.kind == "line":
            return f'the line "{printable(self.name, 60)}"' + (f", {where}" if where else "")
        if self.kind == "modality":
            return {"symbolic": "the notes", "audio": "the sound"}.get(self.name, "the words")
        assert self.value is not None
        assert self.typical is not None
        return plain(self.name, self.value, self.typical)


@dataclass(frozen=True)
class Counterfactual:
    """What the model says of the same piece, played otherwise.

    Attributes
    ----------
    name : str
        What was changed, such as ``"in D major"``.
    numbers : mapping of str to float
        What the model says then, by the names of `Explanation.numbers`.
    """

    name: str
    numbers: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class Part:
    """What one input of a model contributed.

    Attributes
    ----------
    input : str
        Name of the extractor, or ``"audio"``.
    values : ndarray of float64, shape (d,) or (t, d)
        In units of the score that is explained.
    columns : tuple of str, length d
    times : ndarray of float64, shape (t,)
        Start of each row in seconds; empty for a vector.
    """

    input: str
    values: NDArray[np.float64]
    columns: tuple[str, ...]
    times: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Attribution:
    """A score of a model, shared out among the numbers it was computed from.

    Attributes
    ----------
    method : {"exact", "integrated gradients", "surrogate"}
    score : str
        What is shared out: the model's own output before it becomes a probability, such as
        ``"logit of Q1"``, or for a surrogate the answer itself.
    answer, baseline : float
        The score of the piece, and that of the input it is compared with.
    parts : tuple of Part
    promises : bool
        Whether the method promises that the contributions sum to ``answer - baseline``.
    fit : float or None
        Of a surrogate: weighted R2, how far it follows the model around the piece.
    """

    method: str
    score: str
    answer: float
    baseline: float
    parts: tuple[Part, ...]
    promises: bool
    fit: float | None = None

    @property
    def total(self) -> float:
        """Sum of all contributions."""
        return float(sum(part.values.sum() for part in self.parts))

    @property
    def error(self) -> float:
        """How far the sum is from the change in the score."""
        return self.total - (self.answer - self.baseline)

    def strongest(self, n: int = _TOLD) -> list[tuple[str, float]]:
        """Return the `n` columns that contribute most, each the sum over its rows.

        Their names are those of `Reason`: the input, a dot, and the column.
        """
        summed = [
            (f"{part.input}.{column}", float(value))
            for part in self.parts
            for column, value in zip(part.columns, np.atleast_2d(part.values).sum(axis=0))
        ]
        return sorted(summed, key=lambda pair: -abs(pair[1]))[:n]

    def to_dict(self) -> dict[str, Any]:
        """Return the content as plain Python objects: sums by column and by time."""
        return {
            "method": self.method,
            "score": self.score,
            "answer": round(self.answer, 5),
            "baseline": round(self.baseline, 5),
            "total": round(self.total, 5),
            "sums_match": self.promises,
            **({} if self.fit is None else {"fit": round(self.fit, 4)}),
            "inputs": {
                part.input: {
                    "columns": dict(
                        zip(part.columns, _rounded(np.atleast_2d(part.values).sum(axis=0)))
                    ),
                    "times": _rounded(part.times),
                    "by_time": _rounded(part.values.sum(axis=1)) if len(part.times) else [],
                }
                for part in self.parts
            },
        }


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why a model answers what it answers about a piece.

    Attributes
    ----------
    emotion : Emotion or chordmer.recognizer.answers.Answer
        The answer.
    target : str
        Which of its numbers the reasons are about.
    numbers : mapping of str to float
        All that the model says: its labels or dimensions, and what they mean on the plane.
    reasons : tuple of Reason
        Strongest first.
    counterfactuals : tuple of Counterfactual
    attributions : tuple of Attribution
        What was asked for besides, or can be had exactly.
    notes : tuple of str
        What is to be known of all this, in sentences.
    """

    emotion: Any
    target: str
    numbers: Mapping[str, float]
    reasons: tuple[Reason, ...]
    counterfactuals: tuple[Counterfactual, ...] = ()
    attributions: tuple[Attribution, ...] = ()
    notes: tuple[str, ...] = ()

    def of(self, kind: str) -> tuple[Reason, ...]:
        """Return the reasons of one kind, strongest first."""
        return tuple(reason for reason in self.reasons if reason.kind == kind)

    @property
    def moods(self) -> list[tuple[str, float]]:
        """The words nearest to the answer (`chordmer.moods`); none without a plane."""
        return moods(self.emotion) if isinstance(self.emotion, Emotion) else []

    def strongest(self, n: int = _TOLD, of_a_kind: int = _OF_A_KIND) -> list[Reason]:
        """Return the `n` strongest reasons, at most so many `of_a_kind`."""
        taken: list[Reason] = []
        for reason in self.reasons:
            like = sum(reason.kind == other.kind for other in taken)
            if like < of_a_kind and abs(reason.effect) >= _LITTLE:
                taken.append(reason)
        return taken[:n]

    def to_dict(self) -> dict[str, Any]:
        """Return the content as plain Python objects; what ``chordmer explain --json`` prints."""
        return {
            "answer": self.emotion.to_dict(),
            "moods": [{"word": word, "distance": round(far, 3)} for word, far in self.moods],
            "target": self.target,
            "numbers": _rounded_mapping(self.numbers),
            "reasons": [reason.to_dict() for reason in self.reasons],
            "counterfactuals": [
                {"change": other.name, "numbers": _rounded_mapping(other.numbers)}
                for other in self.counterfactuals
            ],
            "attributions": [attribution.to_dict() for attribution in self.attributions],
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        lines = [*str(self.emotion).partition("\n  course:")[0].split("\n")]
        if self.moods:
            near = ", ".join(f"{word} ({far:.2f})" for word, far in self.moods)
            lines.append(f"  words near that point: {near}")
        answer = self.numbers[self.target]
        lines += ["", f"  why {_titled(self.target)} {answer:.2f}:"]
        strongest = self.strongest()
        lines += [f"    {reason.effect:+.3f}  {reason}" for reason in strongest]
        if not strongest:
            lines.append("    nothing in particular: no part of the piece moves the answer alone")
        known = {reason.name: str(reason) for reason in self.of("descriptor")}
        for attribution in self.attributions:
            lines += ["", *_told(attribution, known)]
        if self.counterfactuals:
            lines += ["", *self._table()]
        lines += [f"  note: {printable(note, 400)}" for note in self.notes]
        return "\n".join(lines)

    def _table(self) -> list[str]:
        names = list(self.numbers)[:8]
        rows = [("as it is", self.numbers), *((c.name, c.numbers) for c in self.counterfactuals)]
        wide = max(len(name) for name, _ in rows)
        columns = [max(5, len(printable(name, 12))) for name in names]
        head = "  ".join(f"{printable(n, 12):>{width}}" for n, width in zip(names, columns))
        lines = [f"  {'what if':<{wide + 2}}  {head}"]
        for name, numbers in rows:
            cells = [_cell(n, numbers[n], width) for n, width in zip(names, columns)]
            lines.append(f"    {name:<{wide}}  {'  '.join(cells)}")
        return lines


def _titled(target: str) -> str:
    return f"{target} {QUADRANTS[target]}" if target in QUADRANTS else printable(target, 40)


def _cell(name: str, number: float, width: int) -> str:
    sign = "+" if name in ("valence", "arousal") else ""
    return f"{number:>{sign}{width}.2f}"


def _chord(name: str) -> str:
    """Return a chord with its kind: a name in Harte syntax, one note, or notes without a name."""
    if name.endswith(":1"):
        return f"the note {printable(name[:-2])} alone"
    return f"the {'chord' if ':' in name else 'notes'} {printable(name)}"


def _told(attribution: Attribution, known: Mapping[str, str]) -> list[str]:
    """Return an attribution in lines; `known` has the words for columns that mean something."""
    change = f"from {attribution.baseline:+.3f} to {attribution.answer:+.3f}"
    head = f"  {attribution.method}, {printable(attribution.score)}: {change}"
    if attribution.promises:
        head += f" (contributions sum to {attribution.total:+.3f})"
    if attribution.fit is not None:
        head += f" (fits {attribution.fit:.2f})"
    told: list[tuple[float, str]] = []
    for part in attribution.parts:
        columns = np.atleast_2d(part.values).sum(axis=0)
        named = [known.get(f"{part.input}.{column}") for column in part.columns]
        if attribution.method == "surrogate":
            named = [f"sound {column}" for column in part.columns]
        told += [(float(value), words) for value, words in zip(columns, named) if words]
        rest = [float(value) for value, words in zip(columns, named) if not words]
        if rest:
            told.append((sum(rest), f"{printable(part.input)}, {len(rest)} numbers together"))
        if len(part.times):
            by_time = part.values.sum(axis=1)
            best = int(np.abs(by_time).argmax())
            at = f"{printable(part.input)} at {clock(part.times[best], tenths=True)} alone"
            told.append((float(by_time[best]), at))
    told.sort(key=lambda pair: -abs(pair[0]))
    return [head, *(f"    {value:+.3f}  {words}" for value, words in told[:_TOLD])]


def _rounded(values: NDArray[np.float64]) -> list[float]:
    return [round(float(value), 5) for value in values]


def _rounded_mapping(numbers: Mapping[str, float]) -> dict[str, float]:
    return {name: round(float(number), 4) for name, number in numbers.items()}
