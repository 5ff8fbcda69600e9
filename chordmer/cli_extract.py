"""The command ``chordmer extract``: a catalogue in, a store of features out."""

from __future__ import annotations

import argparse
import math
import os
import sys
from typing import Any

from chordmer.errors import printable

__all__ = ["add_parser", "run"]

_EPILOG = """\
features:
  symbolic     what notes tell: register, rhythm, melody, mode, harmony (MIDI, scores)
  chord2vec    vectors of chords; learned from the catalogue first, or given by --chord2vec
  descriptors  what sound tells: dynamics, timbre, tonality, rhythm
  gtf mf_rp wide narrow mel egemaps    gammatone, residual phase, spectrograms, openSMILE's
  lyrics       sentence embeddings, also of the words in MIDI files
  One vector a track, or with _frames behind the name the sequence: gtf_frames. A track has those
  that it has files for; files of one folder and name (song.mid, song.wav, song.txt) are one track.

A file that crashes its process, hangs or cannot be read is recorded and costs nothing else. The
same command again, after an interruption or with more files or features, does what is missing.
`chordmer store info|verify|errors|repair|export STORE` tells what came of it.

exit codes: 0 all well, 1 something failed, 2 misused, 130 interrupted (what is done is kept)
"""


def add_parser(commands: Any) -> None:
    """Add the command to those of `argparse`."""
    extract = commands.add_parser(
        "extract",
        help="extract features of a whole catalogue, once",
        description="Extract features of a catalogue of any size into a store of Parquet files.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    extract.add_argument(
        "source",
        metavar="MANIFEST|FOLDER",
        help="a folder, or a csv file with the columns id and symbolic, audio or lyrics",
    )
    extract.add_argument("-o", "--output", required=True, metavar="STORE", help="folder to fill")
    extract.add_argument(
        "--features",
        type=_words,
        default=("symbolic", "descriptors"),
        metavar="F,...",
        help="which, see below (symbolic,descriptors)",
    )
    extract.add_argument(
        "--jobs", type=_jobs, metavar="N", help="processes on this machine (one for each core)"
    )
    extract.add_argument(
        "--cluster", metavar="ADDRESS", help="a Dask scheduler, as tcp://10.0.0.1:8786"
    )
    extract.add_argument(
        "--timeout",
        type=_seconds,
        default=60.0,
        metavar="S",
        help="seconds that one track may take (60)",
    )
    extract.add_argument(
        "--memory",
        type=_gibibytes,
        default=4 << 30,
        metavar="GIB",
        help="GiB of address space that one process may have (4; 0 for no limit)",
    )
    extract.add_argument("--chord2vec", metavar="FOLDER", help="a saved Chord2Vec")
    extract.add_argument("--retry-failed", action="store_true", help="try again what failed before")
    extract.add_argument("--quiet", action="store_true", help="show no progress")
    extract.set_defaults(refuse=extract.error)


def run(arguments: argparse.Namespace) -> int:
    """Extract; return the exit code."""
    from chordmer.extraction import extract
    from chordmer.extraction.plan import named_features

    if arguments.cluster and arguments.jobs:
        arguments.refuse("--jobs is for this machine: a cluster has workers of its own")
    try:
        named_features(arguments.features)
    except ValueError as error:
        arguments.refuse(printable(error, 500))
    try:
        summary = extract(
            arguments.source,
            arguments.output,
            features=arguments.features,
            n_jobs=1 if arguments.cluster else arguments.jobs or _cores(),
            cluster=arguments.cluster,
            timeout=arguments.timeout,
            memory=arguments.memory,
            chord2vec=arguments.chord2vec,
            retry_failed=arguments.retry_failed,
            verbose=not arguments.quiet,
        )
    except KeyboardInterrupt:
        kept = "interrupted: what is done is kept, and the same command goes on from there"
        print(f"chordmer: {kept}", file=sys.stderr)
        return 130
    except ValueError as error:
        print(f"chordmer: {printable(error, 500)}", file=sys.stderr)
        return 1
    print(summary)
    print(f"store: {printable(arguments.output)}")
    return int(not summary.complete)


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _words(text: str) -> tuple[str, ...]:
    words = tuple(word.strip() for word in text.split(",") if word.strip())
    if not words:
        raise argparse.ArgumentTypeError("names nothing")
    return words


def _jobs(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 4096:
        raise argparse.ArgumentTypeError("must be between 1 and 4096")
    return number


def _seconds(text: str) -> float:
    value = float(text)
    if not 0.1 <= value <= 86400:
        raise argparse.ArgumentTypeError("must be between 0.1 and 86400 seconds")
    return value


def _gibibytes(text: str) -> int | None:
    value = float(text)
    if value == 0:
        return None
    if not 0.25 <= value < math.inf:
        raise argparse.ArgumentTypeError("must be 0, or 0.25 GiB or more")
    return int(value * (1 << 30))
