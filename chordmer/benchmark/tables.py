"""The tables of a benchmark that other programs read: safe in a spreadsheet too."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chordmer.benchmark.contenders import Contender
from chordmer.benchmark.runner import Outcome
from chordmer.errors import spreadsheet_cell
from chordmer.evaluate import Evaluation

__all__ = ["result_rows", "split_rows", "to_csv"]


def to_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows of the same keys, one or more, as a csv file with a header."""
    out = io.StringIO()
    writer = csv.DictWriter(out, [*rows[0]], lineterminator="\n")
    writer.writerow({name: spreadsheet_cell(name) for name in rows[0]})
    writer.writerows({name: spreadsheet_cell(value) for name, value in row.items()} for row in rows)
    return out.getvalue()


def result_rows(
    outcome: Outcome, evaluations: Mapping[Contender, Evaluation]
) -> list[dict[str, Any]]:
    """Return a row for each model, seed and fold: its metrics, its costs, or what went wrong."""
    rows = []
    names = list(dict.fromkeys(n for e in evaluations.values() for n in e.by_fold()[0]))
    for contender in outcome.contenders:
        measured = iter(evaluations[contender].by_fold() if contender in evaluations else ())
        for record in outcome.of(contender):
            result = record.result
            metrics = next(measured) if result else {}
            rows.append(
                {
                    "model": contender.name,
                    "features": " ".join(contender.features),
                    "seed": record.seed,
                    "fold": record.number,
                    "n_train": len(result.fold.train) if result else "",
                    "n_test": len(result.fold.test) if result else "",
                    **{name: _number(metrics.get(name)) for name in names},
                    "fit_seconds": round(result.fit_seconds, 3) if result else "",
                    "predict_seconds": round(result.predict_seconds, 3) if result else "",
                    "peak_memory_mib": _mib(record.peak.process),
                    "added_memory_mib": _mib(record.peak.added),
                    "peak_gpu_mib": _mib(record.peak.gpu),
                    "machine": record.machine,
                    "error": record.error,
                }
            )
    return rows


def split_rows(outcome: Outcome) -> list[dict[str, Any]]:
    """Return a row a track: in which fold of each seed it was tested."""
    tested: dict[str, dict[int, int]] = {}
    for record in outcome.records:
        if record.result is not None:
            own = tested.setdefault(f"seed {record.seed}", {})
            own.update(dict.fromkeys(record.result.fold.test.tolist(), record.number))
    return [
        {
            "id": track.id,
            "group": "" if track.group is None else track.group,
            "label": label,
            **{seed: rows.get(at, "") for seed, rows in tested.items()},
        }
        for at, (track, label) in enumerate(zip(outcome.dataset.tracks, outcome.y.tolist()))
    ]


def _number(value: float | None) -> float | str:
    return "" if value is None or np.isnan(value) else round(value, 6)


def _mib(value: float | None) -> int | str:
    return "" if value is None else round(value)
