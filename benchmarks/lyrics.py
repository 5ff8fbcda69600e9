"""Lyrics: how fast are sorted batches, and do embeddings beat TF-IDF?

    python benchmarks/lyrics.py --data FOLDER --model FOLDER-OR-NAME [--runs 5] [-o FOLDER]

FOLDER holds `openhymnal` and `openscore_lieder`, of whose verses 320, drawn by chance, are encoded
in three ways: in batches of 32 in the order they come, the same sorted by length, and sorted
batches of a token budget as LyricEmbedding makes them; nothing is cached. It also holds
`poem_sentiment`: on its training lines a logistic regression is fitted to the embeddings and to
TF-IDF (words and word pairs, and letters), each with its C chosen for macro F1 by cross-validation
inside the training lines, and its 105 dev lines are scored. As so few lines tell little, the
training lines are scored too, each fifth by a classifier fitted to the other four. Intervals are
95 % percentiles over 10,000 paired bootstrap samples of the lines; a gain is over TF-IDF.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from report import write_report
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import StandardScaler

from chordmer.features.lyrics import LyricEmbedding
from chordmer.features.token_batches import pack_lines, token_batches
from chordmer.io import read_lyrics

BATCH = 32


def verses(data: Path) -> list[tuple[str, ...]]:
    """Return the lines of each verse, in the order of the files."""
    paths = [*data.glob("openhymnal/lyrics/*.txt"), *data.glob("openscore_lieder/lyrics/*.txt")]
    return [
        tuple(line.text for line in verse)
        for path in sorted(paths)
        for verse in read_lyrics(path).verses
    ]


def batches_in(order: Sequence[int]) -> list[list[int]]:
    return [list(order[i : i + BATCH]) for i in range(0, len(order), BATCH)]


def measure_batches(data: Path, model: str, runs: int) -> list[dict[str, object]]:
    embedding = LyricEmbedding(model=model, level="verse")
    encoder = embedding._encoder()
    room = encoder.max_length - len(encoder.before) - len(encoder.after)
    texts = verses(data)
    rng = np.random.default_rng(0)
    chosen = [texts[i] for i in sorted(rng.choice(len(texts), min(len(texts), 320), False))]
    pieces = [p for lines in encoder.tokens(chosen) for p in pack_lines(lines, room)[0]]
    lengths = [len(p) + 2 for p in pieces]
    by_length = sorted(range(len(pieces)), key=lambda i: -lengths[i])
    ways = {
        "unsorted, 32 texts": batches_in(range(len(pieces))),
        "sorted, 32 texts": batches_in(by_length),
        "sorted, token budget": list(
            token_batches(
                lengths, batch_tokens=embedding.batch_tokens, batch_size=embedding.batch_size
            )
        ),
    }
    encoder.encode(pieces[:BATCH], "mean")
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(runs):  # round by round, so that a machine that slows down slows every way
        for way, batches in ways.items():
            start = time.perf_counter()
            for batch in batches:
                encoder.encode([pieces[i] for i in batch], "mean")
            seconds[way].append(time.perf_counter() - start)
    slowest = statistics.median(seconds["unsorted, 32 texts"])
    return [
        {
            "batches": way,
            "texts": len(pieces),
            "tokens": sum(lengths),
            "with padding": sum(len(b) * max(lengths[i] for i in b) for b in ways[way]),
            "median_s": round(statistics.median(taken), 3),
            "min_s": round(min(taken), 3),
            "max_s": round(max(taken), 3),
            "times unsorted": round(slowest / statistics.median(taken), 2),
        }
        for way, taken in seconds.items()
    ]


def poems(path: Path) -> tuple[list[str], np.ndarray]:
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [row[1] for row in rows], np.array([row[2] for row in rows])


def measure_sentiment(data: Path, model: str) -> list[dict[str, object]]:
    train, y = poems(data / "poem_sentiment" / "train.tsv")
    dev, truth = poems(data / "poem_sentiment" / "dev.tsv")
    embedding = LyricEmbedding(model=model)
    lines = np.array([*train, *dev], dtype=object)
    # As bytes, for a line of words must never be taken for the name of a file.
    embedded = embedding.transform([text.encode() for text in lines])
    n = len(train)
    ways = {
        "most frequent": (embedded, most_frequent),
        "TF-IDF": (lines, tfidf_classifier),
        "LyricEmbedding": (embedded, embedding_classifier),
    }
    on_dev = {name: fit(X[:n], y).predict(X[n:]) for name, (X, fit) in ways.items()}
    outer = StratifiedKFold(5, shuffle=True, random_state=1)
    out_of_fold = {name: np.empty(n, dtype=y.dtype) for name in ways}
    for fitted, left in outer.split(embedded[:n], y):
        for name, (X, fit) in ways.items():
            out_of_fold[name][left] = fit(X[fitted], y[fitted]).predict(X[left])
    return [
        *compare("dev", on_dev, truth),
        *compare("train, out of fold", out_of_fold, y),
    ]


def most_frequent(X: np.ndarray, y: np.ndarray) -> DummyClassifier:
    return DummyClassifier().fit(X, y)


def tfidf_classifier(X: np.ndarray, y: np.ndarray) -> GridSearchCV:
    tfidf = make_union(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True),
    )
    return searched(tfidf).fit(X, y)


def embedding_classifier(X: np.ndarray, y: np.ndarray) -> GridSearchCV:
    return searched(StandardScaler()).fit(X, y)


def searched(features: BaseEstimator) -> GridSearchCV:
    """Return a logistic regression on `features` whose C is chosen inside what it is fitted to."""
    classifier = LogisticRegression(class_weight="balanced", max_iter=5000)
    return GridSearchCV(
        make_pipeline(features, classifier),
        {"logisticregression__C": np.logspace(-4, 2, 13)},
        cv=StratifiedKFold(5, shuffle=True, random_state=0),
        scoring="f1_macro",
    )


def compare(
    where: str, answers: dict[str, np.ndarray], truth: np.ndarray
) -> list[dict[str, object]]:
    """Return a row for each classifier, with intervals of its scores and of their gain."""
    samples = np.random.default_rng(0).integers(len(truth), size=(10_000, len(truth)))
    scores = {"accuracy": accuracy, "macro_F1": macro_f1}
    drawn = {
        (name, kind): score(truth[samples], answer[samples])
        for name, answer in answers.items()
        for kind, score in scores.items()
    }
    return [
        {"scored on": where, "lines": len(truth), "features": name}
        | {
            key: value
            for kind, score in scores.items()
            for key, value in {
                kind: round(float(score(truth[None], answer[None])[0]), 3),
                f"{kind} 95 %": interval(drawn[name, kind]),
                f"{kind} gain 95 %": interval(drawn[name, kind] - drawn["TF-IDF", kind]),
            }.items()
        }
        for name, answer in answers.items()
    ]


def accuracy(truth: np.ndarray, answer: np.ndarray) -> np.ndarray:
    """Return the accuracy of each row."""
    return (truth == answer).mean(axis=1)


def macro_f1(truth: np.ndarray, answer: np.ndarray) -> np.ndarray:
    """Return the mean F1 of the classes that occur, for each row."""
    scores = []
    for label in np.unique(np.concatenate((truth.ravel(), answer.ravel()))):
        right = ((truth == label) & (answer == label)).sum(1)
        seen = (truth == label).sum(1) + (answer == label).sum(1)
        scores.append(np.divide(2 * right, seen, out=np.full(len(truth), np.nan), where=seen > 0))
    return np.nanmean(scores, axis=0)


def interval(values: np.ndarray) -> str:
    low, high = np.percentile(values, [2.5, 97.5])
    return f"{low:.3f} to {high:.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="sentence-transformers/all-MiniLM-L6-v2")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("-o", "--out", type=Path, default=Path("benchmark-reports"))
    arguments = parser.parse_args()
    rows = measure_sentiment(arguments.data, arguments.model)
    write_report(arguments.out, "lyrics_sentiment", __doc__, rows)
    rows = measure_batches(arguments.data, arguments.model, arguments.runs)
    write_report(arguments.out, "lyrics_batches", __doc__, rows)


if __name__ == "__main__":
    main()
