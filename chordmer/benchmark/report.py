"""The report of a benchmark: results.csv, splits.csv, report.md and report.html.

The first table has the form of Tables VII to IX of the MULTISPEC-DNN paper, and intervals; what the
paper leaves out follows it.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np

from chordmer.benchmark.contenders import MODELS, Contender
from chordmer.benchmark.page import Block, Chart, Heading, Table, Text, to_html, to_markdown
from chordmer.benchmark.runner import Outcome
from chordmer.benchmark.store import Record
from chordmer.benchmark.tables import result_rows, split_rows, to_csv
from chordmer.emotion import QUADRANTS
from chordmer.errors import ChordmerError
from chordmer.evaluate import Evaluation, Interval, holm

__all__ = ["write_report"]

#: The columns of the paper's tables, and those that it lacks.
_PAPER = {"accuracy": "Accuracy", "precision": "Precision", "recall": "Recall", "f1": "F1"}
_MORE = {
    "valence_accuracy": "Valence",
    "arousal_accuracy": "Arousal",
    "roc_auc": "ROC-AUC",
    "log_loss": "Log loss",
    "calibration_error": "Calibration error",
}
_LEVEL = 0.05
#: So many models are compared all with all; of more, only the pairs that answer a question.
_FEW = 6

_Evaluations = Mapping[Contender, Evaluation]
_Metrics = Mapping[Contender, Mapping[str, Interval]]


def write_report(
    outcome: Outcome, output: str | os.PathLike[str]
) -> dict[Contender, dict[str, Interval]]:
    """Write the four files of the report into the folder `output`.

    Parameters
    ----------
    outcome : Outcome
    output : path-like
        A folder, made if missing. Reports that are there are replaced.

    Returns
    -------
    dict of Contender to dict of str to Interval
        The metrics of each contender that came to something.

    Raises
    ------
    ChordmerError
        If the folder cannot be written to.
    """
    found = {contender: outcome.evaluation(contender) for contender in outcome.contenders}
    evaluations = {contender: e for contender, e in found.items() if e is not None}
    measured = {contender: e.metrics() for contender, e in evaluations.items()}
    blocks = [*_blocks(outcome, evaluations, measured)]
    pages = {
        "results.csv": to_csv(result_rows(outcome, evaluations)),
        "splits.csv": to_csv(split_rows(outcome)),
        "report.md": to_markdown(blocks),
        "report.html": to_html(blocks),
    }
    folder = Path(output)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in pages.items():
            draft = folder / f".{secrets.token_hex(8)}"
            try:
                draft.write_text(text, encoding="utf-8", newline="")
                draft.replace(folder / name)
            finally:
                draft.unlink(missing_ok=True)
    except OSError as error:
        raise ChordmerError(
            f"the report cannot be written: {error.strerror}", source=folder, stage="report"
        ) from error
    return measured


def _blocks(outcome: Outcome, evaluations: _Evaluations, measured: _Metrics) -> Iterator[Block]:
    about, y = outcome.dataset.about, outcome.y
    groups = {track.group for track in outcome.dataset.tracks}
    counts = dict(zip(*(column.tolist() for column in np.unique(y, return_counts=True))))
    classes = ", ".join(f"{label} {count:,}" for label, count in counts.items())
    commonest = max(counts.values()) / len(y)
    yield Heading(f"Benchmark on {about.title}", 1)
    yield Text(
        f"{len(y):,} tracks in {len(groups):,} groups (a group, such as a song, is never on both "
        f"sides); {classes}. {outcome.protocol}; seeds {outcome.settings['seeds']}. "
        f"Finished {outcome.finished}."
    )
    if outcome.failed:
        yield Text(
            f"{len(outcome.failed)} of {len(outcome.records)} trainings failed; they are listed "
            "below, and missing in all numbers."
        )
    if measured:
        yield from _comparison(outcome, measured, commonest)
        yield from _further(outcome, measured)
        yield from _tests(evaluations, outcome)
        yield from _confusions(evaluations)
        yield _every_fold(outcome, evaluations)
    if outcome.failed:
        yield Heading("Failed")
        yield Table(
            ("Model", "Seed", "Fold", "What went wrong"),
            [(r.contender.title, str(r.seed), str(r.number), r.error) for r in outcome.failed],
        )
    yield from _setting(outcome)


def _comparison(outcome: Outcome, measured: _Metrics, commonest: float) -> Iterator[Block]:
    yield Heading(f"Model classification comparison ({outcome.dataset.about.title})")
    rows = []
    for contender, metrics in measured.items():
        done, asked = _done(outcome, contender), len(outcome.of(contender))
        title = contender.title + ("" if len(done) == asked else f" ({len(done)} of {asked} folds)")
        seconds = np.mean([r.result.fit_seconds for r in done if r.result])
        rows.append((title, *(str(metrics[name]) for name in _PAPER), f"{seconds:.2f}"))
    yield Table(("Model", *_PAPER.values(), "Training time (s)"), rows)
    yield Text(
        "Precision, recall and F1 are means over classes. Numbers are means over seeds of all "
        "held-out answers together; in brackets 95 % intervals, by a bootstrap over groups. "
        "Training time is that of one fold, on average, without the extraction of features that "
        f"learn nothing. Always to answer the commonest class would be right {commonest:.3f} of "
        f"the time.{_ceiling(outcome)}"
    )
    yield Chart(
        [
            (contender.title, found.value, found.low, found.high)
            for contender, metrics in measured.items()
            for found in [metrics["accuracy"]]
        ],
        commonest,
        "Accuracy with 95 % intervals; the dashed line is the commonest class.",
    )


def _ceiling(outcome: Outcome) -> str:
    """Return how often listeners themselves would be right, where the corpus tells."""
    shares, y = outcome.dataset.soft_quadrants, outcome.y
    known = np.isfinite(shares).all(axis=1)
    if not outcome.dataset.std or not known.any() or not set(y.tolist()) <= set(QUADRANTS):
        return ""
    columns = [[*QUADRANTS].index(label) for label in y[known].tolist()]
    right = shares[known, columns].mean()
    return (
        f" One listener alone would give the label {right:.3f} of the time, by the spread of the "
        "ratings."
    )


def _done(outcome: Outcome, contender: Contender) -> list[Record]:
    return [record for record in outcome.of(contender) if record.result is not None]


def _further(outcome: Outcome, measured: _Metrics) -> Iterator[Block]:
    yield Heading("Further measures")
    names = [n for n in _MORE if any(n in metrics for metrics in measured.values())]
    rows = [
        (contender.title, *(_interval(metrics.get(name)) for name in names))
        for contender, metrics in measured.items()
    ]
    yield Table(("Model", *(_MORE[name] for name in names)), rows)
    if "valence_accuracy" in names:
        yield Text("Valence and arousal: how often the half of the plane is right.")
    yield Heading("Time and memory")
    yield Table(
        (
            "Model",
            "Training (s)",
            "Answer (ms a track)",
            "Memory (MiB)",
            "Added (MiB)",
            "GPU (MiB)",
        ),
        [_costs(contender.title, _done(outcome, contender)) for contender in measured],
    )
    text = (
        "Training and answers of one fold, on average, features that learn nothing being kept from "
        "before. Memory: the most that the whole process held during a training and its test, and "
        "what that added to the memory held before, in the median fold."
    )
    calibrated = dict.fromkeys(c.name for c in measured if MODELS[c.name].calibration)
    if calibrated:
        titles = " and ".join(MODELS[name].title for name in calibrated)
        text += f" To calibrate probabilities, each training of {titles} is several."
    yield Text(text)


def _costs(title: str, done: Sequence[Record]) -> tuple[str, ...]:
    results = [record.result for record in done if record.result is not None]
    answered = sum(len(result.fold.test) for result in results)
    peaks = [record.peak for record in done]
    added = [peak.added for peak in peaks if peak.added is not None]
    return (
        title,
        f"{np.mean([result.fit_seconds for result in results]):.2f}",
        f"{1000 * sum(result.predict_seconds for result in results) / answered:.2f}",
        _most([peak.process for peak in peaks]),
        f"{np.median(added):,.0f}" if added else "–",
        _most([peak.gpu for peak in peaks]),
    )


def _most(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{max(known):,.0f}" if known else "–"


def _interval(found: Interval | None) -> str:
    return "–" if found is None or np.isnan(found.value) else str(found)


def _tests(evaluations: _Evaluations, outcome: Outcome) -> Iterator[Block]:
    whole = [c for c in evaluations if len(_done(outcome, c)) == len(outcome.of(c))]
    answers = {contender: _without_shares(evaluations[contender]) for contender in whole}
    pairs = _pairs(answers)
    if not pairs:
        return
    yield Heading("Paired comparisons of accuracy")
    found = [answers[one].compare(answers[other]) for one, other in pairs]
    # Only where both tests tell is a model called better: the larger p is that of the verdict.
    corrected = holm([max(comparison.p_values, default=np.nan) for comparison in found])
    rows = []
    for comparison, p in zip(found, corrected.tolist()):
        gap, pair = comparison.difference, comparison.mcnemar
        sure = comparison.better is not None and p < _LEVEL
        rows.append(
            (
                f"{comparison.names[0]} – {comparison.names[1]}",
                f"{gap.value:+.3f} [{gap.low:+.3f}, {gap.high:+.3f}]",
                _p(comparison.t_test.p),
                _p(pair.p if pair else float("nan")),
                _p(p),
                str(comparison.better) if sure else "may be noise",
            )
        )
    header = ("Models", "Difference", "t-test", "McNemar", "Corrected", "Better")
    yield Table(header, rows)
    if len(whole) > _FEW:
        yield Text(
            "Of so many models these pairs are compared: the same model with more and with fewer "
            "features, and the most accurate one with every other."
        )
    yield Text(
        "Intervals of 95 % by a bootstrap over groups, the same for both. The t-test is Nadeau and "
        "Bengio's, of the differences by fold; McNemar's test is of the answers under the first "
        "seed. Corrected is the larger p of the two after Holm's correction for the number of "
        "pairs. A model is called better only where the interval leaves out 0 and the corrected p "
        "is below 0.05."
    )


def _pairs(evaluations: _Evaluations) -> list[tuple[Contender, Contender]]:
    """Return which models are compared: the more pairs, the more each has to differ to tell."""
    every = list(combinations(evaluations, 2))
    if len(evaluations) <= _FEW:
        return every
    right = {c: found.by_seed().values() for c, found in evaluations.items()}
    best = max(right, key=lambda c: np.mean([metrics["accuracy"] for metrics in right[c]]))
    nested = []
    for one, other in every:
        mine, theirs = set(one.features), set(other.features)
        if one.name == other.name and (mine < theirs or theirs < mine):
            nested.append((one, other) if theirs < mine else (other, one))
    rest = [(best, other) for other in evaluations if other != best]
    return nested + [pair for pair in rest if pair not in nested and pair[::-1] not in nested]


def _without_shares(evaluation: Evaluation) -> Evaluation:
    """Return the evaluation of labels alone: probabilities take time, and tell no accuracy."""
    results = tuple(replace(result, probabilities=None) for result in evaluation.results)
    return replace(evaluation, results=results)


def _p(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.3f}" if value >= 0.001 else "<0.001"


def _confusions(evaluations: _Evaluations) -> Iterator[Block]:
    yield Heading("Confusion matrices")
    yield Text("Rows are the truth, columns the answers; counts over all seeds.")
    for contender, evaluation in evaluations.items():
        matrix = evaluation.confusion()
        labels = [str(label) for label in np.unique(evaluation.y).tolist()]
        yield Table(
            ("", *labels),
            [
                (label, *(f"{count:,}" for count in row))
                for label, row in zip(labels, matrix.tolist())
            ],
            contender.title,
            shades=matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1),
        )


def _every_fold(outcome: Outcome, evaluations: _Evaluations) -> Table:
    rows = []
    for contender, evaluation in evaluations.items():
        for record, metrics in zip(_done(outcome, contender), evaluation.by_fold()):
            assert record.result is not None
            rows.append(
                (
                    contender.title,
                    str(record.seed),
                    str(record.number),
                    str(len(record.result.fold.train)),
                    str(len(record.result.fold.test)),
                    *(f"{metrics[name]:.3f}" for name in _PAPER),
                    f"{record.result.fit_seconds:.2f}",
                )
            )
    header = ("Model", "Seed", "Fold", "Training", "Test", *_PAPER.values(), "Training time (s)")
    return Table(
        header, rows, "Every seed and fold (splits.csv says which track is in which)", folded=True
    )


def _setting(outcome: Outcome) -> Iterator[Block]:
    dataset = outcome.dataset
    yield Heading("Setting")
    machines = list(dict.fromkeys(record.machine for record in outcome.records))
    rows = [
        ("Corpus", f"{dataset.about.title}, version {dataset.version}"),
        ("Source", dataset.about.url),
        ("Citation", dataset.about.citation),
        ("Licence", dataset.licence),
        *((f"Counted: {what}", str(here)) for what, (here, _) in dataset.report.counts.items()),
        *(("Note", text) for text in dataset.report.odd),
        ("Protocol", outcome.protocol),
        *((name.capitalize(), text) for name, text in outcome.settings.items()),
        ("Every parameter and answer", "in the folder folds, a file a training"),
        *(
            (contender.title, f"listens to {', '.join(contender.features)}")
            for contender in outcome.contenders
        ),
        ("Hardware", "; ".join(machines)),
        ("Versions", ", ".join(f"{name} {number}" for name, number in outcome.versions.items())),
    ]
    yield Table(("What", "Which"), rows)
