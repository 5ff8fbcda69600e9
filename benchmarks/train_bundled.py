"""Train the model that chordmer carries, and measure it.

    python benchmarks/train_bundled.py --data FOLDER [--weights FOLDER] [-o FOLDER]

FOLDER holds `emopia/` (index.csv, midis/), and `openscore_lieder/`, `openhymnal/` and `pop909/`
(midi/), which have no labels and serve to find descriptors that only tell corpora apart; without
them none is dropped.

Clips are split by song, ten folds at a time; changed copies of a training clip are in the training
folds only, changed copies of a held-out clip are tested only. The mixture is chosen on some
shuffles of the folds, and the figures reported are from other shuffles. Intervals are 95 %, by
bootstrap over songs. Accuracy, arousal and valence are shares of clips whose quadrant, or its half
of the plane, is right; chance is about 0.28 and 0.5. ECE is the expected calibration error in 10
bins. The controls change what is heard, so that a model that listens must lose by them.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
from emopia import CHANGES, Clips, describe, describe_others, load_clips
from report import setting, write_report
from scipy.optimize import minimize_scalar
from sklearn.model_selection import StratifiedGroupKFold

from chordmer.features.describe import DESCRIPTOR_NAMES
from chordmer.folder import save_folder
from chordmer.models import inference
from chordmer.recognizer.quadrants import LOUDNESS, Recipe, fit, fit_novelty
from chordmer.recognizer.renditions import draw_variant

ROOT = Path(__file__).parents[1]
NAME = "symbolic-1"
COPIES = 12
CHOOSING, REPORTING = (0, 1), (100, 101, 102)
#: Descriptors whose mean in most of three unlabelled corpora lies further than this many standard
#: deviations from EMOPIA's say more about the corpus than about the music, and are dropped.
FAR = 1.2
SCORE_LIKE = ("flat, quantised", "flat, quantised, any tempo")
CONTROLS = ("1.5 times as fast", "1.5 times as slow")

#: Most points of accuracy that may be lost when velocities are flat and onsets quantised.
MOST_LOST = 3.0
#: Weights of linear, broad and trees, and of the expert for dynamics.
MIXTURES = {
    "linear": ((1, 0, 0), 0.5),
    "broad": ((0, 1, 0), 0.5),
    "trees": ((0, 0, 1), 0.5),
    "linear + broad": ((1, 1, 0), 0.5),
    "linear + trees": ((1, 0, 1), 0.5),
    "all": ((1, 1, 1), 0.5),
    **{f"all, dynamics {weight}": ((1, 1, 1), weight) for weight in (0.0, 0.3, 0.4, 0.7, 1.0)},
}


@dataclass(frozen=True)
class Corpus:
    """Descriptors of clips, of their copies for training, and of their copies for testing."""

    clips: Clips
    copies: np.ndarray  # (COPIES + 1, n, d), the clean ones first
    changed: Mapping[str, np.ndarray]  # each (n, d)
    held_out: np.ndarray  # (2, n, d): drawn as for training, never trained on
    shift: np.ndarray  # (d,) how far other corpora lie, in standard deviations of the copies

    @classmethod
    def read(cls, folder: Path) -> Corpus:
        """Read EMOPIA, change its clips and describe them all."""
        clips = load_clips(folder / "emopia")
        drawn = [describe(clips.pieces, draw_variant, 1000 + k) for k in range(COPIES + 2)]
        changed = {name: describe(clips.pieces, change, 1) for name, change in CHANGES.items()}
        copies = np.stack([changed["clean"], *drawn[:COPIES]])
        shift = shift_of(copies, describe_others(folder).values())
        return cls(clips, copies, changed, np.stack(drawn[COPIES:]), shift)

    @property
    def dropped(self) -> list[str]:
        """Descriptors that most other corpora have far from where EMOPIA has them."""
        far = zip(DESCRIPTOR_NAMES, self.shift)
        return [name for name, shift in far if shift > FAR and name not in LOUDNESS]

    def fit(self, rows: np.ndarray, recipe: Recipe) -> dict[str, np.ndarray]:
        """Return a model of these clips and their copies."""
        n_copies = len(self.copies)
        X = np.concatenate(self.copies[:, rows])
        return fit(X, np.tile(self.clips.quadrant[rows], n_copies), n_copies, recipe, self.dropped)

    def folds(self, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield training and test clips, ten times, no song in both."""
        y = self.clips.quadrant
        return StratifiedGroupKFold(10, shuffle=True, random_state=seed).split(
            y, y, self.clips.song
        )


def shift_of(copies: np.ndarray, others: Iterable[np.ndarray]) -> np.ndarray:
    """Return the median over corpora of each descriptor's shift, 0 without any, shape (d,)."""
    rows = copies.reshape(-1, copies.shape[-1])
    mean, scale = rows.mean(axis=0), np.maximum(rows.std(axis=0), 1e-9)
    shifts = [np.abs(other.mean(axis=0) - mean) / scale for other in others]
    return np.median(shifts, axis=0) if shifts else np.zeros_like(mean)


# --- choosing ------------------------------------------------------------------------------------


def choose(corpus: Corpus) -> tuple[str, list[dict[str, object]]]:
    """Return the mixture with the least log loss among those that hold on scores, and a table.

    The velocities of EMOPIA come from one transcriber, so what they tell is taken only as far as a
    piece without any is not much worse off (`MOST_LOST`).
    """
    y = corpus.clips.quadrant
    tests = {"clean": corpus.changed["clean"], "drawn": corpus.held_out[0]}
    tests |= {name: corpus.changed[name] for name in SCORE_LIKE}
    found = {name: {test: np.zeros((2, len(y), 4)) for test in tests} for name in MIXTURES}
    for s, seed in enumerate(CHOOSING):
        for train, test in corpus.folds(seed):
            arrays = corpus.fit(train, Recipe())
            for name, mixture in MIXTURES.items():
                mixed = mix(arrays, *mixture)
                for key, X in tests.items():
                    found[name][key][s, test] = inference.predict_proba(mixed, X[test])
    rows = []
    for name, parts in found.items():
        right = {key: 100 * accuracy(p, y) for key, p in parts.items()}
        p, labels = parts["drawn"].reshape(-1, 4), np.tile(y, 2)
        rows.append(
            {
                "mixture": name,
                "clean": round(right["clean"], 1),
                "drawn": round(right["drawn"], 1),
                "lost": round(right["clean"] - sum(right[key] for key in SCORE_LIKE) / 2, 1),
                "log loss": round(log_loss(p ** (1 / best_temperature(p, labels)), labels), 4),
            }
        )
    holding = [row for row in rows if row["lost"] <= MOST_LOST]
    print(*rows, sep="\n", flush=True)
    return str(min(holding, key=lambda row: row["log loss"])["mixture"]), rows


def mix(
    arrays: Mapping[str, np.ndarray], members: tuple[float, ...], dynamics: float
) -> dict[str, np.ndarray]:
    gate = np.append(arrays["gate"][:2], dynamics)
    return {**arrays, "members": np.array(members) / np.sum(members), "gate": gate}


# --- measuring -----------------------------------------------------------------------------------


def held_out(
    corpus: Corpus, recipe: Recipe
) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Return what models say of clips they did not see, for each fresh shuffle of the folds.

    Returns
    -------
    changed : dict of str to ndarray, shape (n_seeds, n, 4)
    drawn : ndarray, shape (n_seeds, 2, n, 4)
        Of copies drawn as for training.
    novelty : ndarray, shape (n_seeds, 3, n)
        Of the clean clips and of those copies.
    """
    n = len(corpus.clips.quadrant)
    changed = {name: np.zeros((len(REPORTING), n, 4)) for name in corpus.changed}
    drawn = np.zeros((len(REPORTING), 2, n, 4))
    novelty = np.zeros((len(REPORTING), 3, n))
    for s, seed in enumerate(REPORTING):
        for train, test in corpus.folds(seed):
            arrays = corpus.fit(train, recipe)
            arrays |= fit_novelty(arrays, np.concatenate(corpus.copies[:, train]))
            for name, X in corpus.changed.items():
                changed[name][s, test] = inference.predict_proba(arrays, X[test])
            for k, X in enumerate(corpus.held_out):
                drawn[s, k, test] = inference.predict_proba(arrays, X[test])
            for k, X in enumerate([corpus.changed["clean"], *corpus.held_out]):
                novelty[s, k, test] = inference.novelty(arrays, X[test])
    return changed, drawn, novelty


def temperatures(corpus: Corpus, arrays: Mapping[str, np.ndarray], drawn: np.ndarray) -> np.ndarray:
    """Return the calibration without and with dynamics, from held-out copies."""
    y = corpus.clips.quadrant
    found = []
    for wanted in (False, True):
        p, labels = [], []
        for k, X in enumerate(corpus.held_out):
            rows = inference.is_played(arrays, inference.relative(arrays, X)) == wanted
            p.append(drawn[:, k, rows].reshape(-1, 4))
            labels.append(np.tile(y[rows], len(drawn)))
        found.append(best_temperature(np.concatenate(p), np.concatenate(labels)))
    return np.array(found)


def best_temperature(p: np.ndarray, y: np.ndarray) -> float:
    def loss(log_temperature: float) -> float:
        return log_loss(p ** np.exp(-log_temperature), y)

    return float(np.exp(minimize_scalar(loss, bounds=(-2, 2), method="bounded").x))


def log_loss(p: np.ndarray, y: np.ndarray) -> float:
    own = np.take_along_axis(p, y[:, None], axis=1)[:, 0] / p.sum(axis=1)
    return float(-np.log(np.maximum(own, 1e-12)).mean())


def accuracy(p: np.ndarray, y: np.ndarray) -> float:
    return float((p.argmax(axis=-1) == y).mean())


def calibration_error(p: np.ndarray, y: np.ndarray) -> float:
    """Return the expected calibration error of the likeliest quadrant, in 10 equal bins."""
    sure, right = p.max(axis=-1).ravel(), (p.argmax(axis=-1) == y).ravel()
    bins = np.minimum((sure * 10).astype(int), 9)
    gaps = np.bincount(bins, right - sure, minlength=10)
    return float(np.abs(gaps).sum() / len(sure))


def hits(p: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    """Return for each clip the share of shuffles in which it was right, shape (n,)."""
    happy, lively = np.isin(y, (0, 3)), np.isin(y, (0, 1))
    return {
        "accuracy": (p.argmax(axis=-1) == y).mean(axis=0),
        "arousal": ((p[..., 0] + p[..., 1] > 0.5) == lively).mean(axis=0),
        "valence": ((p[..., 0] + p[..., 3] > 0.5) == happy).mean(axis=0),
    }


def interval(values: np.ndarray, song: np.ndarray, n: int = 2000) -> tuple[float, float]:
    """Return the 95 % interval of the mean of `values`, drawing songs with replacement."""
    _, index = np.unique(song, return_inverse=True)
    sums, counts = np.bincount(index, values), np.bincount(index)
    drawn = np.random.default_rng(0).integers(0, len(sums), (n, len(sums)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def table(corpus: Corpus, changed: Mapping[str, np.ndarray]) -> list[dict[str, object]]:
    y, song = corpus.clips.quadrant, corpus.clips.song
    clean = hits(changed["clean"], y)["accuracy"]
    rows = []
    for name, p in changed.items():
        row: dict[str, object] = {"change": name}
        for what, right in hits(p, y).items():
            low, high = interval(right, song)
            row[what] = f"{right.mean():.3f} [{low:.3f}, {high:.3f}]"
        drop = clean - hits(p, y)["accuracy"]
        low, high = (100 * bound for bound in interval(drop, song))
        row["drop, points"] = f"{100 * drop.mean():.1f} [{low:.1f}, {high:.1f}]"
        row["ECE"] = f"{calibration_error(p, y):.3f}"
        row["log loss"] = f"{np.mean([log_loss(q, y) for q in p]):.3f}"
        row["control"] = "yes" if name in CONTROLS else ""
        rows.append(row)
    return rows


def write_card(
    path: Path,
    corpus: Corpus,
    recipe: Recipe,
    manifest: Mapping[str, Any],
    rows: list[dict[str, object]],
    size: float,
) -> None:
    """Fill in the card that lies beside the weights."""
    columns = [column for column in rows[0] if column not in ("control", "log loss")]
    lines = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    lines += [f"| {' | '.join(str(row[c]) for c in columns)} |" for row in rows]
    names = ("linear", "Broad Learning System", "trees")
    card = Template((ROOT / "benchmarks" / "model_card.md").read_text(encoding="utf-8"))
    text = card.substitute(
        name=NAME,
        size=f"{size:.1f}",
        n_clips=len(corpus.clips.song),
        n_songs=len(np.unique(corpus.clips.song)),
        class_counts=", ".join(map(str, np.bincount(corpus.clips.quadrant))),
        n_copies=COPIES,
        n_descriptors=len(DESCRIPTOR_NAMES) - len(LOUDNESS) - len(corpus.dropped),
        dynamics=recipe.dynamics,
        mixture=", ".join(f"{n} {w:.2f}" for n, w in zip(names, recipe.members)),
        dropped=", ".join(f"`{name}`" for name in corpus.dropped),
        n_choosing=len(CHOOSING),
        n_reporting=len(REPORTING),
        scores="\n".join(lines),
        threshold=f"{manifest['parameters']['novelty_threshold']:.2f}",
        setting=f"Measured on {setting()}",
    )
    path.write_text(text, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", type=Path, default=ROOT / "chordmer" / "weights" / "symbolic")
    parser.add_argument("-o", "--out", type=Path, default=Path("benchmark-reports"))
    options = parser.parse_args()

    corpus = Corpus.read(options.data)
    chosen, mixtures = choose(corpus)
    members, dynamics = MIXTURES[chosen]
    recipe = Recipe(members=tuple(np.array(members) / np.sum(members)), dynamics=dynamics)
    changed, drawn, distances = held_out(corpus, recipe)

    every = np.arange(len(corpus.clips.song))
    arrays = corpus.fit(every, recipe)
    arrays |= fit_novelty(arrays, np.concatenate(corpus.copies))
    arrays["temperature"] = temperatures(corpus, arrays, drawn)
    threshold = float(np.quantile(distances, 0.99))
    for name, X in corpus.changed.items():
        played = inference.is_played(arrays, inference.relative(arrays, X)).astype(int)
        cooled = changed[name] ** (1 / arrays["temperature"][played])[:, None]
        changed[name] = cooled / cooled.sum(axis=-1, keepdims=True)

    manifest = {
        "kind": "SymbolicEmotionModel",
        "parameters": {
            "name": NAME,
            "descriptors": list(DESCRIPTOR_NAMES),
            "novelty_threshold": threshold,
        },
        "training": {
            "corpus": "EMOPIA 1.0, 990 clips, training and validation",
            "licence": "CC BY-NC-SA 4.0",
            "copies": COPIES,
            "recipe": asdict(recipe),
            "dropped": corpus.dropped,
        },
    }
    save_folder(options.weights, manifest, arrays)
    size = sum(path.stat().st_size for path in options.weights.iterdir()) / 1e6
    notes = (
        f"Shuffles of folds: {REPORTING}; mixture: {chosen}; {COPIES} changed copies a clip; "
        f"temperatures {arrays['temperature'].round(3).tolist()}; novelty threshold "
        f"{threshold:.2f}; {len(DESCRIPTOR_NAMES)} descriptors; {size:.2f} MB."
    )
    rows = table(corpus, changed)
    write_card(options.weights.parent / "MODEL_CARD.md", corpus, recipe, manifest, rows, size)
    write_report(options.out, "bundled_model", __doc__, rows, notes)
    write_report(
        options.out,
        "bundled_model_choice",
        "Which mixture of chordmer's classifiers the bundled model is",
        mixtures,
        f"Accuracy in per cent, over the shuffles {CHOOSING}; *drawn* are changed copies of "
        f"held-out clips, whose log loss is after calibration; *lost* are points from clean to "
        f"flat and quantised, of which {MOST_LOST} are allowed. Chosen: {chosen}.",
    )


if __name__ == "__main__":
    main()
