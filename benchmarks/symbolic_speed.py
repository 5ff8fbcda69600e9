"""How fast are MIDI files read, who reads them wrong, and what does the rest take?

    python benchmarks/symbolic_speed.py FOLDER [--files 400] [--rounds 5] [-o FOLDER]

Three reports over the real MIDI files below a folder. `symbolic_reading`: files and MB a second of
each parser, from a path to one note array in seconds with the tempo map. `symbolic_timing`: the
distance of each onset from where mido's playback clock strikes the note; a file with one over a
millisecond is wrong. `symbolic_stages`: what chordmer does with pieces in memory, and all of
`chordmer.predict`; and the memory of the process while 10,000 files stream through the reader.

Parsers take turns round by round, so that a machine that slows down slows all; the figure is that
of the best round. One thread. Goals: reading 1.3 times symusic's files a second and 60 times
pretty_midi's, no timing error, segmentation faster than reading, 200 EMOPIA clips a second
described, memory flat.
"""

from __future__ import annotations

import argparse
import random
import resource
import time
import warnings
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from peers import PARSERS, onsets, played, worst_error
from report import write_report

import chordmer
from chordmer.errors import ChordmerWarning
from chordmer.features.describe import describe_symbolic
from chordmer.features.key import estimate_key
from chordmer.io import _compiled, read_midi

#: Seconds from which on an onset is wrong.
WRONG = 1e-3


def timed(work: Callable[[Any], Any], items: list[Any]) -> float:
    """Return the seconds that `work` takes on all items; what it cannot do it is spared."""
    start = time.perf_counter()
    for item in items:
        try:
            work(item)
        except Exception:  # peers raise anything
            continue
    return time.perf_counter() - start


def best_round(
    works: dict[str, Callable[[Any], Any]], items: list[Any], rounds: int
) -> dict[str, float]:
    """Return the seconds that each work takes for all items, in its best round, in turn."""
    best = dict.fromkeys(works, float("inf"))
    for _ in range(rounds):
        for name, work in works.items():
            best[name] = min(best[name], timed(work, items))
    return best


def reading(files: list[Path], rounds: int) -> list[dict[str, Any]]:
    size = sum(path.stat().st_size for path in files) / 1e6
    seconds = best_round(PARSERS, files, rounds)
    return [
        {
            "parser": name,
            "files_per_s": round(len(files) / spent),
            "MB_per_s": round(size / spent, 2),
            "us_per_file": round(spent / len(files) * 1e6),
            "chordmer_is_faster_by": round(spent / seconds["chordmer"], 2),
            "files": len(files),
        }
        for name, spent in seconds.items()
    ]


def timing(files: list[Path]) -> list[dict[str, Any]]:
    refused: dict[str, int] = defaultdict(int)
    errors: dict[str, list[float]] = defaultdict(list)
    names = [name for name in PARSERS if name != "mido" and "columns" not in name]
    for path in files:
        truth = played(path)
        for name in names:
            try:
                notes, _ = PARSERS[name](path)
            except Exception:  # peers raise anything
                refused[name] += 1
                continue
            errors[name].append(worst_error(onsets(notes), truth))
    return [
        {
            "parser": name,
            "files": len(files),
            "not_read": refused[name],
            "wrong_files": sum(error > WRONG for error in errors[name]),
            "worst_error_s": f"{max(errors[name]):.2g}",
        }
        for name in names
    ]


def stages(files: list[Path], rounds: int) -> list[dict[str, Any]]:
    pieces = [read_midi(path) for path in files]
    embedding = chordmer.Chord2Vec(epochs=1, random_state=0).fit(pieces)
    works: dict[str, Callable[[Any], Any]] = {
        "read": lambda i: read_midi(files[i]),
        "segment_chords, gap": lambda i: chordmer.segment_chords(pieces[i]).tokens,
        "segment_chords, beat": lambda i: chordmer.segment_chords(pieces[i], method="beat").tokens,
        "estimate_key": lambda i: estimate_key(pieces[i]),
        "Chord2Vec.transform": lambda i: embedding.transform([pieces[i]]),
        "describe_symbolic": lambda i: describe_symbolic(pieces[i]),
        "predict": lambda i: chordmer.predict(files[i]),
    }
    seconds = best_round(works, list(range(len(files))), rounds)
    return [
        {
            "stage": name,
            "pieces_per_s": round(len(files) / spent, 1),
            "ms_per_piece": round(spent / len(files) * 1e3, 3),
            "times_reading": round(spent / seconds["read"], 2),
            "pieces": len(files),
        }
        for name, spent in seconds.items()
    ]


def streaming(files: list[Path], count: int = 10_000) -> str:
    """Return how the peak of the process's memory grows while files are read and forgotten."""
    peaks = []
    for number in range(count):
        read_midi(files[number % len(files)])
        if number in (count // 10, count - 1):
            peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    return (
        f"Peak memory after {count // 10} files {peaks[0]:.0f} MB, after {count} files "
        f"{peaks[1]:.0f} MB."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--files", type=int, default=400, help="how many, drawn at random")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("-o", "--out", type=Path, default=Path("benchmark-reports"))
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", ChordmerWarning)
    found = sorted(arguments.folder.rglob("*.mid"))
    files = random.Random(0).sample(found, min(arguments.files, len(found)))
    _compiled.worth_compiling(1 << 30)  # as in the middle of a corpus
    read_midi(files[0])

    memory = streaming(files)
    rows = reading(files, arguments.rounds)
    write_report(arguments.out, "symbolic_reading", __doc__, rows, memory)
    rows = timing(files)
    write_report(arguments.out, "symbolic_timing", "Are onsets where mido plays them?", rows)
    emopia = [path for path in found if "emopia" in path.parts] or files
    emopia = random.Random(0).sample(emopia, min(arguments.files, len(emopia)))
    rows = stages(emopia, arguments.rounds)
    write_report(
        arguments.out, "symbolic_stages", "What does the rest take, on EMOPIA clips?", rows
    )


if __name__ == "__main__":
    main()
