"""One form for every benchmark's report: a csv of the rows and a markdown page that frames them."""

from __future__ import annotations

import csv
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = (
    *("chordmer", "numpy", "scipy", "scikit-learn", "numba", "gensim", "symusic", "mido"),
    *("pretty_midi", "miditoolkit", "torch", "librosa"),
)


def write_report(
    folder: Path, name: str, question: str, rows: Sequence[Mapping[str, Any]], notes: str = ""
) -> None:
    """Write ``name.csv`` and ``name.md`` into `folder`, and print the page.

    Parameters
    ----------
    folder : Path
        Made if it is missing.
    name : str
    question : str
        What was asked and how it was measured; the script's docstring.
    rows : sequence of mappings with the same keys
    notes : str
        What a reader must know to trust the rows.
    """
    folder.mkdir(parents=True, exist_ok=True)
    columns = list(rows[0])
    with open(folder / f"{name}.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
    lines = [f"# {question.strip()}", ""]
    lines += [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    lines += [f"| {' | '.join(str(row[c]) for c in columns)} |" for row in rows]
    lines += ["", *([notes, ""] if notes else []), f"Measured on: {setting()}", ""]
    page = "\n".join(lines)
    (folder / f"{name}.md").write_text(page, encoding="utf-8")
    print(page)


def setting() -> str:
    """Return the machine, the date and the versions that figures were measured with."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    found = []
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    today = datetime.now(UTC).date().isoformat()
    return (
        f"{today}, {_processor()}, {cores} cores, {platform.system()}, "
        f"Python {sys.version.split()[0]}, {', '.join(found)}."
    )


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in text.splitlines() if "model name" in line]
    return names[0] if names else platform.machine()
