"""How well a chord never heard is put together: Chord2Vec's ridge against FastText on EMOPIA.

    python benchmarks/chord2vec_composition.py EMOPIA_FOLDER [-o FOLDER]

`r2`: how much of the variance of skip-gram's own vectors the composed ones explain, for chords of
the vocabulary held out of the ridge (5-fold, mean of the dimensions). `quadrant`: accuracy of
a standardised logistic regression on the summed vectors, song-grouped 10-fold, everything learned
from the training clips alone. `seconds`: training on all clips, one thread. FastText has one
character a note, n-grams of 1 to 3 and 50,000 buckets.
"""

from __future__ import annotations

import argparse
import re
import time
from pathlib import Path

import numpy as np
from emopia import load_clips
from gensim.models import FastText
from report import write_report
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from chordmer import Chord2Vec
from chordmer.features._subchords import Subchords
from chordmer.features.chords import segment_chords


class OneCharacterANote:
    """gensim's FastText over the same chords, with Chord2Vec's `fit` and `transform`."""

    def __init__(self, tokens):
        notes = sorted({note for clip in tokens for token in clip for note in split(token)})
        self.character = {note: chr(0xE000 + i) for i, note in enumerate(notes)}

    def fit(self, tokens):
        """Train on chord sequences."""
        self.vectors = FastText(
            [[self.word(token) for token in clip] for clip in tokens],
            **{"sg": 1, "vector_size": 256, "sample": 0, "workers": 1, "seed": 0},
            **{"min_n": 1, "max_n": 3, "bucket": 50_000},
        ).wv
        return self

    def transform(self, tokens):
        """Return the sum of the vectors of each sequence."""
        return np.array(
            [np.sum([self.vectors[self.word(t)] for t in clip], axis=0) for clip in tokens]
        )

    def word(self, token):
        """Return a chord as a word of one character a note."""
        return "".join(self.character[note] for note in split(token))


def split(token):
    return re.findall(r"[^\s,|/:()]+", token)


def accuracy(model, tokens, quadrant, song):
    folds = StratifiedGroupKFold(10, shuffle=True, random_state=0)
    answer = np.empty_like(quadrant)
    for train, test in folds.split(quadrant, quadrant, song):
        pieces = model.fit([tokens[i] for i in train]).transform(tokens)
        classifier = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=2000))
        answer[test] = classifier.fit(pieces[train], quadrant[train]).predict(pieces[test])
    return np.mean(answer == quadrant)


def explained(model, alpha):
    vocabulary, vectors = np.array(model.vocabulary), model.vectors
    composed = np.empty_like(vectors)
    for train, test in KFold(5, shuffle=True, random_state=0).split(vectors):
        ridge = Subchords.fit(vocabulary[train].tolist(), vectors[train], alpha=alpha)
        composed[test] = [ridge.compose(chord) for chord in vocabulary[test].tolist()]
    missed = ((vectors - composed) ** 2).sum()
    return 1 - missed / ((vectors - vectors.mean(axis=0)) ** 2).sum()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("emopia", type=Path)
    parser.add_argument("-o", "--out", type=Path, default=Path("benchmark-reports"))
    arguments = parser.parse_args()
    clips = load_clips(arguments.emopia)
    how = {name: Chord2Vec().get_params()[name] for name in ("method", "spelling", "bpm")}
    tokens = [list(segment_chords(piece, **how).tokens) for piece in clips.pieces]
    compose = Chord2Vec(random_state=0)
    rows = []
    for alpha in (0.01, 0.03, 0.1, 0.3, 1.0):
        r2 = explained(compose.fit(tokens), alpha)
        rows.append({"model": f"ridge, alpha {alpha:g}", "r2": round(r2, 3)})
    for name, model in (
        ("skip-gram, unseen chords composed", compose),
        ("skip-gram, unseen chords left out", Chord2Vec(oov="skip", random_state=0)),
        ("FastText", OneCharacterANote(tokens)),
    ):
        start = time.perf_counter()
        model.fit(tokens)
        seconds = time.perf_counter() - start
        right = accuracy(model, tokens, clips.quadrant, clips.song)
        rows.append({"model": name, "quadrant": round(right, 3), "seconds": round(seconds, 1)})
    columns = ("model", "r2", "quadrant", "seconds")
    rows = [{column: row.get(column, "") for column in columns} for row in rows]
    write_report(arguments.out, "chord2vec_composition", __doc__, rows)


if __name__ == "__main__":
    main()
