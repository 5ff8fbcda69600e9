"""Which chords, spelled how, carry emotion: Chord2Vec on EMOPIA under each method and spelling.

    python benchmarks/chord2vec_spellings.py EMOPIA_FOLDER [-o FOLDER]

Song-grouped 10-fold cross-validation over the four quadrants: in each fold Chord2Vec learns from
the training clips alone, and a standardised logistic regression classifies the vectors. The same
folds, seed and classifier for every row. `kept` is the share of a fold's training chords that are
in the vocabulary, `unseen` the share of test chords that are not, `empty` the share of test clips
without a known chord; chance is the share of the commonest quadrant.

Measured with ``oov="compose"`` and the file's own beats (chance 0.29, standard error 0.016):

====== =========== ============ ============= ============= ===== =====
method spelling    chords kept  unseen chords pieces empty  sum   mean
====== =========== ============ ============= ============= ===== =====
gap    ordered     24 %         79 %          65 %          0.401 0.354
gap    pitch_class 86 %         19 %          12 %          0.398 0.379
gap    relative    88 %         15 %          8 %           0.479 0.522
beat   ordered     94 %         12 %          0             0.351 0.352
beat   pitch_class 98 %         4 %           0             0.401 0.353
beat   relative    97 %         5 %           0             0.461 0.411
====== =========== ============ ============= ============= ===== =====
"""

from __future__ import annotations

import argparse
import warnings
from itertools import product
from pathlib import Path

import numpy as np
from emopia import load_clips
from report import write_report
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from chordmer import Chord2Vec
from chordmer.errors import ChordmerWarning
from chordmer.features.chords import segment_chords

METHODS = ("gap", "beat")
SPELLINGS = ("ordered", "set", "pitch_class", "relative")
READINGS = (("compose", "sum"), ("compose", "mean"), ("skip", "sum"), ("skip", "mean"))


def measure(tokens, quadrant, song, parameters) -> list[dict]:
    """Return a row for each way of reading pieces, all from one embedding a fold."""
    folds = StratifiedGroupKFold(10, shuffle=True, random_state=0)
    found = {reading: np.empty_like(quadrant) for reading in READINGS}
    shares = []
    for train, test in folds.split(quadrant, quadrant, song):
        model = Chord2Vec(random_state=0, **parameters)
        model.fit([tokens[i] for i in train])
        known = [np.isin(tokens[i], model.vocabulary) for i in test]
        shares.append(
            (
                len(model.vocabulary),
                model.fit_report_.kept_share,
                1 - np.concatenate(known).mean(),
                np.mean([not clip.any() for clip in known]),
            )
        )
        for oov, pooling in READINGS:
            model.set_params(oov=oov, pooling=pooling)
            pieces = model.transform(tokens)
            classifier = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=2000))
            classifier.fit(pieces[train], quadrant[train])
            found[oov, pooling][test] = classifier.predict(pieces[test])
    vocabulary, kept, unseen, empty = np.mean(shares, axis=0)
    arousal, valence = np.isin(quadrant, (0, 1)), np.isin(quadrant, (0, 3))
    return [
        {
            "vocabulary": round(vocabulary),
            "kept": round(kept, 3),
            "unseen": round(unseen, 3),
            "empty": round(empty, 3),
            "oov": oov,
            "pooling": pooling,
            "quadrant": round(np.mean(answer == quadrant), 3),
            "arousal": round(np.mean(np.isin(answer, (0, 1)) == arousal), 3),
            "valence": round(np.mean(np.isin(answer, (0, 3)) == valence), 3),
        }
        for (oov, pooling), answer in found.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("emopia", type=Path)
    parser.add_argument("-o", "--out", type=Path, default=Path("benchmark-reports"))
    arguments = parser.parse_args()
    clips = load_clips(arguments.emopia)
    warnings.simplefilter("ignore", ChordmerWarning)
    rows = []
    for method, spelling, bpm in product(METHODS, SPELLINGS, (None, "estimate")):
        how = {"method": method, "spelling": spelling, "bpm": bpm}
        tokens = [list(segment_chords(piece, **how).tokens) for piece in clips.pieces]
        for row in measure(tokens, clips.quadrant, clips.song, {}):
            rows.append(how | row)
            print(*rows[-1].values(), flush=True)
    chance = np.bincount(clips.quadrant).max() / len(clips.quadrant)
    write_report(arguments.out, "chord2vec_spellings", f"{__doc__}\nChance: {chance:.3f}.", rows)


if __name__ == "__main__":
    main()
