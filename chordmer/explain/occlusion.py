"""What a model would say without a part of a piece, part by part: for models of any kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import pairwise

import numpy as np

from chordmer.explain.explanation import Reason
from chordmer.explain.judge import Judge, Matrix
from chordmer.explain.passages import Opened, Spans, bars_of, chord_spans, window_spans

__all__ = ["MOST_CHORDS", "MOST_LINES", "MOST_WINDOWS", "occlude"]

#: A model listens to a piece no more often than this, however long it is: windows grow, the rarest
#: chords are left out, and neighbouring lines of lyrics go together.
MOST_WINDOWS, MOST_CHORDS, MOST_LINES = 40, 24, 60

#: Takes a kind of reasons: their names, places and what the model says without each.
_Add = Callable[[str, Iterable[str], Iterable[Spans], Matrix], None]


def occlude(
    judge: Judge, opened: Opened, column: int, whole: Matrix, *, window: float = 10.0
) -> list[Reason]:
    """Return what the answer owes to each part of a piece, strongest first.

    The effect of a part is the answer to the piece less the answer to the piece without it. A
    window or a chord is cut out, in notes and sound alike, and what follows comes at once: silence
    in its place would be a cue of its own. A modality is missing, a line of lyrics is not sung, a
    descriptor is what it is on average in training.

    Effects are not shares: parts that say the same can each be done without, and their effects do
    not sum to anything.

    Parameters
    ----------
    judge : Judge
    opened : Opened
    column : int
        Which of ``judge.names`` is explained.
    whole : ndarray, shape (names,)
        What the model says of the whole piece.
    window : float, default 10
        Seconds.
    """
    reasons: list[Reason] = []

    def add(kind: str, names: Iterable[str], spans: Iterable[Spans], numbers: Matrix) -> None:
        for name, places, row in zip(names, spans, numbers):
            if np.isfinite(row[column]):
                effect = float(whole[column] - row[column])
                bars = bars_of(opened.piece, places)
                reasons.append(Reason(kind, name, effect, places, bars))

    without = judge.modality_numbers(opened)
    add("modality", without, [()] * len(without), np.array([*without.values()]))
    spans = window_spans(opened.duration, window, MOST_WINDOWS)
    named = [f"{start:.1f}-{end:.1f}" for ((start, end),) in spans]
    add("window", named, spans, judge.numbers(opened.without(span) for span in spans))
    if opened.piece is not None:
        chords = chord_spans(opened.piece, MOST_CHORDS)
        tracks = (opened.without(places) for places in chords.values())
        add("chord", chords, chords.values(), judge.numbers(tracks))
    if opened.words is not None:
        _lines(judge, opened, add)
    descriptors, numbers = judge.descriptor_numbers(opened)
    for descriptor, row in zip(descriptors, numbers):
        reasons.append(
            Reason(
                "descriptor",
                descriptor.name,
                float(whole[column] - row[column]),
                value=descriptor.value,
                typical=descriptor.typical,
            )
        )
    return sorted(reasons, key=lambda reason: -abs(reason.effect))


def _lines(judge: Judge, opened: Opened, add: _Add) -> None:
    words = opened.words
    assert words is not None
    lines = words.lines
    edges = np.unique(np.linspace(0, len(lines), min(len(lines), MOST_LINES) + 1).astype(int))
    if len(edges) < 3:
        return
    groups = list(pairwise(edges.tolist()))
    tracks = (
        opened.changed(words=replace(words, lines=lines[:first] + lines[last:]))
        for first, last in groups
    )
    names = [" / ".join(line.text for line in lines[first:last]) for first, last in groups]
    spans = []
    for first, last in groups:
        begin, end = lines[first].start, lines[last - 1].end
        spans.append(((begin, end),) if begin is not None and end is not None else ())
    add("line", names, spans, judge.numbers(tracks))
