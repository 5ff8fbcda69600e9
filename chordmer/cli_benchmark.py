"""The command ``chordmer benchmark``: a corpus and names of models in, a report out."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chordmer.errors import ChordmerError, printable

__all__ = ["add_parser", "run"]

_EPILOG = """\
models:
  mcclstm mccbl rcnnlstm rcnnbl lstm_bls multispec    the MULTISPEC-DNN paper's six
  cbsa cnn_bilstm bilstm_sa bilstm                    CBSA and its ablations
  cnn_lstm hybrid svm rf                              others that papers compare
  default late attention                              chordmer's recipe; its features, fused
  bundled                                             the recipe of the bundled model
features:
  symbolic chord2vec gtf mf_rp wide narrow mel descriptors lyrics egemaps
  a model may have its own: svm:symbolic+chord2vec,multispec,multispec:gtf+mf_rp

Tracks that have notes and no sound are rendered, if a model wants sound. Networks use the GPU when
there is one. Every result is kept as soon as it is there: the same command again goes on where it
stopped, and trains nothing twice.
"""


def add_parser(commands: Any) -> None:
    """Add the command to those of `argparse`."""
    benchmark = commands.add_parser(
        "benchmark",
        help="compare models on a corpus",
        description="Compare models on your copy of a corpus: tables, intervals and paired tests.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    benchmark.add_argument("--dataset", required=True, metavar="NAME", help="as in load_NAME")
    benchmark.add_argument("--root", required=True, metavar="DIR", help="where your copy lies")
    benchmark.add_argument(
        "--models", required=True, type=_words, metavar="M,...", help="which models, see below"
    )
    benchmark.add_argument(
        "--features",
        type=_words,
        metavar="F,...",
        help="what they listen to, in place of their own",
    )
    benchmark.add_argument(
        "--folds", type=_whole(2, 1000), default=10, metavar="N", help="grouped by song (10)"
    )
    benchmark.add_argument("--split", metavar="NAME", help="a published split in place of folds")
    benchmark.add_argument(
        "--seeds",
        type=_whole(1, 1000),
        default=3,
        metavar="N",
        help="repeat with so many seeds (3)",
    )
    benchmark.add_argument(
        "--seconds", type=_seconds, default=25.0, metavar="S", help="sound of each track (25)"
    )
    benchmark.add_argument(
        "--epochs", type=_whole(1, 100_000), metavar="N", help="most epochs of networks"
    )
    benchmark.add_argument(
        "--cache", metavar="DIR", help="folder for features and rendered sound (REPORT/cache)"
    )
    benchmark.add_argument("-o", "--output", required=True, metavar="REPORT", help="folder to make")
    benchmark.set_defaults(refuse=benchmark.error)


def run(arguments: argparse.Namespace) -> int:
    """Run the benchmark; return the exit code: 0 all well, 1 something went wrong."""
    from chordmer import datasets
    from chordmer.benchmark import contender_of, run_benchmark, write_report

    load: Any = getattr(datasets, f"load_{arguments.dataset}", None)
    if load is None:
        there = ", ".join(n.removeprefix("load_") for n in dir(datasets) if n.startswith("load_"))
        arguments.refuse(f"no corpus is called {arguments.dataset!r}; there are {there}")
    try:
        contenders = [contender_of(word, arguments.features) for word in arguments.models]
    except ValueError as error:
        arguments.refuse(printable(error, 500))
    if len(set(contenders)) < len(contenders):
        arguments.refuse("a model is named twice")
    try:
        output = _free(Path(arguments.output))
        outcome = run_benchmark(
            load(arguments.root),
            contenders,
            output,
            folds=arguments.folds,
            seeds=arguments.seeds,
            split=arguments.split,
            seconds=arguments.seconds,
            epochs=arguments.epochs,
            cache=arguments.cache,
        )
        measured = write_report(outcome, output)
    except ValueError as error:
        print(f"chordmer: {printable(error, 500)}", file=sys.stderr)
        return 1
    for contender in contenders:
        found = (
            f"accuracy {measured[contender]['accuracy']}" if contender in measured else "nothing"
        )
        print(f"{contender.title}: {found}")
    print(f"report: {printable(output / 'report.html')}")
    if outcome.failed:
        some = f"{len(outcome.failed)} of {len(outcome.records)} trainings failed"
        print(f"chordmer: {some}, see the report", file=sys.stderr)
    return int(bool(outcome.failed))


def _free(output: Path) -> Path:
    """Return `output`, or say now that no report can go there."""
    if not output.parent.is_dir():
        raise ChordmerError("there is no such folder", source=output.parent, stage="output")
    if output.exists() and not output.is_dir():
        raise ChordmerError("is no folder", source=output, stage="output")
    if output.is_dir() and any(output.iterdir()) and not (output / "folds").is_dir():
        raise ChordmerError("something that is no report lies there", source=output, stage="output")
    return output


def _words(text: str) -> list[str]:
    words = [word.strip() for word in text.split(",") if word.strip()]
    if not words:
        raise argparse.ArgumentTypeError("names nothing")
    return words


def _whole(least: int, most: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        value = int(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"must be between {least} and {most}")
        return value

    return number


def _seconds(text: str) -> float:
    value = float(text)
    if not 1 <= value <= 7200:
        raise argparse.ArgumentTypeError("must be between 1 and 7200 seconds")
    return value
