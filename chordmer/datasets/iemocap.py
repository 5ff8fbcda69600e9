"""IEMOCAP: ten actors in five sessions of dialogues, rated turn by turn."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from chordmer.datasets.corpus import Corpus, Missing
from chordmer.datasets.dataset import About, Dataset
from chordmer.datasets.ratings import Scale
from chordmer.datasets.table import read_lines
from chordmer.errors import DatasetError
from chordmer.track import Track

__all__ = ["load_iemocap"]

ABOUT = About(
    "iemocap",
    "IEMOCAP",
    "https://sail.usc.edu/iemocap/",
    "on request, for research, under the agreement of the University of Southern California",
    "Busso et al.: IEMOCAP: interactive emotional dyadic motion capture database. "
    "Language Resources and Evaluation 42(4), 2008",
)

_SCALE = Scale(1, 5)
_LABELS = {
    "ang": "angry",
    "dis": "disgusted",
    "exc": "excited",
    "fea": "fearful",
    "fru": "frustrated",
    "hap": "happy",
    "neu": "neutral",
    "oth": "other",
    "sad": "sad",
    "sur": "surprised",
    "xxx": None,
}
_NUMBER = r"\s*(-?\d{1,9}(?:\.\d{1,9})?)\s*"
_TURN = re.compile(
    rf"\[{_NUMBER}-{_NUMBER}\]\s+(Ses0[1-5][FM]_\w+)\s+(\w\w\w)\s+\[{_NUMBER},{_NUMBER},{_NUMBER}\]"
)
_RATER = re.compile(r"A-\w+:\s*val\s*(\d?(?:\.\d{1,9})?)\s*;\s*act\s*(\d?(?:\.\d{1,9})?)\s*;")
_WORDS = re.compile(r"(Ses0[1-5][FM]_\w+)\s*\[[^\]]*\]\s*:\s*(.*)")


def load_iemocap(root: str | os.PathLike[str], *, missing: Missing = "raise") -> Dataset:
    """Load IEMOCAP's turns: sound, words, category and dimensions.

    Parameters
    ----------
    root : path-like
        The folder ``IEMOCAP_full_release``, or the one around it; for each of five sessions::

            Session1/dialog/EmoEvaluation/Ses01F_impro01.txt ...
            Session1/dialog/transcriptions/Ses01F_impro01.txt ...      (optional)
            Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav ...
    missing : {"raise", "drop"}
        What to do about turns whose sound is not here.

    Returns
    -------
    Dataset
        `labels` the category most raters chose, None where they did not agree (``xxx``);
        `valence`, `arousal` (its "activation") from the scale 1 to 5, `std` over raters (2 or 3);
        ``ratings["dominance"]`` likewise in [-1, 1]; `groups` the sessions: the two actors of one
        answer each other. Tracks with sound and words.

    Raises
    ------
    DatasetError
        If files lack, or a turn stands there twice.

    Notes
    -----
    On request from https://sail.usc.edu/iemocap/: 10,039 turns. What to know: the three numbers
    are valence, activation, dominance, in this order; a few single ratings lie above 5, and means
    are drawn to the scale; most papers keep four categories (happy with excited, angry, sad,
    neutral) and leave the others out.
    """
    corpus = Corpus(root, ABOUT, missing, holds=[f"Session{n}" for n in range(1, 6)])
    turns = [turn for number in range(1, 6) for turn in _session(corpus, number)]
    drawn = sum(not all(1 <= number <= 5 for number in turn.means) for turn in turns)
    if drawn:
        corpus.note(f"{drawn:,} turns are rated off the scale from 1 to 5 and were drawn to it")
    means = _SCALE.to_unit(np.clip([turn.means for turn in turns] or np.empty((0, 3)), 1, 5))
    spread = _SCALE.spread_to_unit([turn.spread for turn in turns] or np.empty((0, 2)))
    return corpus.dataset(
        [turn.track for turn in turns],
        published=10_039,
        counts={"sessions": (len({turn.track.group for turn in turns}), 5)},
        labels=[turn.label for turn in turns],
        valence=means[:, 0],
        arousal=means[:, 1],
        std={"valence": spread[:, 0], "arousal": spread[:, 1]},
        ratings={"dominance": means[:, 2]},
        scale={"valence": _SCALE, "arousal": _SCALE},
    )


class _Turn(NamedTuple):
    track: Track
    label: str | None
    means: tuple[float, ...]
    spread: tuple[float, ...]


def _session(corpus: Corpus, number: int) -> Iterator[_Turn]:
    folder = corpus.find(f"Session{number}/dialog/EmoEvaluation")
    dialogues = corpus.media(folder, {".txt"})
    spoken = corpus.media(corpus.look(f"Session{number}/dialog/transcriptions"), {".txt"})
    sound = corpus.find(f"Session{number}/sentences/wav")
    for dialogue, path in dialogues.paths.items():
        clips = corpus.media(sound / dialogue, {".wav"})
        text = spoken.look(dialogue)
        words = {} if text is None else _words(text)
        for name, label, means, spread in _evaluations(path):
            clip = clips.get(name)
            said = words.get(name, "").encode() or None
            yield _Turn(
                Track(name, audio=clip, lyrics=said if clip else None, group=f"session-{number}"),
                label,
                means,
                spread,
            )


def _words(path: Path) -> dict[str, str]:
    found = (_WORDS.fullmatch(line) for line in read_lines(path))
    return {named[1]: named[2] for named in found if named}


def _evaluations(
    path: Path,
) -> Iterator[tuple[str, str | None, tuple[float, ...], tuple[float, ...]]]:
    blocks: list[tuple[re.Match[str], list[tuple[float, float]]]] = []
    for number, line in enumerate(read_lines(path), 1):
        turn = _TURN.fullmatch(line)
        if turn:
            if turn[4] not in _LABELS:
                raise DatasetError(
                    "is no category of IEMOCAP", source=path, stage=f"line {number}", value=turn[4]
                )
            blocks.append((turn, []))
        elif blocks and (rater := _RATER.match(line)) and rater[1] and rater[2]:
            blocks[-1][1].append((float(rater[1]), float(rater[2])))
    for turn, raters in blocks:
        means = tuple(float(turn[group]) for group in (5, 6, 7))
        spread = np.std(raters, axis=0) if len(raters) > 1 else np.full(2, np.nan)
        yield turn[3], _LABELS[turn[4]], means, tuple(spread.tolist())
