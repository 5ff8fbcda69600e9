"""How often are bare syllables joined to the right words? Also makes the table chordmer ships.

    python benchmarks/train_syllables.py --data FOLDER [--save] [-o FOLDER]

FOLDER holds `openscore_lieder`: MIDI files whose lyric events are bare syllables, and the words
they are cut from. Each figure is for composers the table has not seen (five folds), over gaps
that differ in their four syllables; with `--save` the table is then made from all songs.
"""

from __future__ import annotations

import argparse
import csv
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from report import write_report
from safetensors.numpy import save_file
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

import chordmer
from chordmer.io import read_midi
from chordmer.io.karaoke import verses_of, voices_of
from chordmer.io.syllables import SLOTS, gap_features

#: Syllables that are looked up together, and the letters they must have.
_WINDOW, _LETTERS = 8, 20
_OTHER = re.compile(r"[\W\d_]+")


def letters(text: str) -> str:
    return _OTHER.sub("", text).lower()


def known_gaps(folder: Path) -> Iterator[tuple[str, list[str], list[bool | None]]]:
    """Yield composer, syllables and where words end, as the words' file shows."""
    with open(folder / "index.csv", newline="", encoding="utf-8") as file:
        composers = {row["id"]: row["composer"] for row in csv.DictReader(file)}
    for path in sorted((folder / "midi").glob("*.mid")):
        text = (folder / "lyrics" / f"{path.stem}.txt").read_text(encoding="utf-8")
        words = [letters(word) for word in text.split()]
        ends = set(np.cumsum([len(word) for word in words]).tolist())
        flat = "".join(words)
        for voice in voices_of(read_midi(path).texts, "utf-8"):
            for verse in verses_of(voice):
                syllables = [s.text for s in verse if letters(s.text)]
                known = _ends_of(syllables, flat, ends)
                if any(end is not None for end in known):
                    yield composers[path.stem], syllables, known


def _ends_of(syllables: list[str], flat: str, ends: set[int]) -> list[bool | None]:
    """Return whether a word ends with each syllable; None where the words' file does not show it.

    Files unroll repeats and words' files do not, so that a song is looked up a few syllables at a
    time: as many as have letters enough to be found by meaning and not by chance.
    """
    known: list[bool | None] = [None] * len(syllables)
    for i in range(0, len(syllables) - _WINDOW + 1, _WINDOW // 2):
        window = [letters(s) for s in syllables[i : i + _WINDOW]]
        place = flat.find("".join(window)) if sum(map(len, window)) >= _LETTERS else -1
        if place >= 0:
            stops = (place + np.cumsum([len(s) for s in window])).tolist()
            known[i : i + _WINDOW - 1] = [stop in ends for stop in stops[:-1]]
    return known


def fit(X: csr_matrix, y: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the weights as whole numbers from -127 to 127, and their scale."""
    model = LogisticRegression(C=4.0, solver="liblinear", fit_intercept=False).fit(X, y)
    scale = float(np.abs(model.coef_).max()) / 127
    return np.round(model.coef_[0] / scale).astype(np.int8), scale


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--save", action="store_true")
    parser.add_argument("-o", "--out", type=Path, default=Path("benchmark-reports"))
    arguments = parser.parse_args()
    slots: list[int] = []
    starts, composers, labels = [0], [], []
    seen: set[tuple[str, ...]] = set()
    for composer, syllables, ends in known_gaps(arguments.data / "openscore_lieder"):
        for i, (features, end) in enumerate(zip(gap_features(syllables), ends)):
            around = (composer, *syllables[max(i - 1, 0) : i + 3])
            if end is None or around in seen:
                continue
            seen.add(around)
            slots.extend(sorted(set(features)))
            starts.append(len(slots))
            composers.append(composer)
            labels.append(end)
    X = csr_matrix((np.ones(len(slots)), slots, starts), shape=(len(labels), SLOTS))
    y, groups = np.array(labels), np.array(composers)
    predicted = np.empty(len(y), dtype=bool)
    for train, test in GroupKFold(5).split(X, y, groups):
        weights, _ = fit(X[train], y[train])
        predicted[test] = X[test] @ weights.astype(float) > 0
    hit = predicted & y
    precision, recall = hit.sum() / predicted.sum(), hit.sum() / y.sum()
    rows = [
        {
            "gaps": len(y),
            "composers": len(set(composers)),
            "every syllable a word": round(float(y.mean()), 4),
            "accuracy": round(float((predicted == y).mean()), 4),
            "F1 of word ends": round(float(2 * precision * recall / (precision + recall)), 4),
        }
    ]
    write_report(arguments.out, "syllables", __doc__, rows)
    if arguments.save:
        weights, scale = fit(X, y)
        home = Path(chordmer.__file__).parent / "weights" / "syllables"
        home.mkdir(parents=True, exist_ok=True)
        save_file(
            {"weights": weights, "scale": np.array([scale])},
            home / "weights.safetensors",
            metadata={"data": "OpenScore Lieder Corpus", "licence": "CC0-1.0"},
        )


if __name__ == "__main__":
    main()
