"""The command ``chordmer explain``: a piece in, the reasons for its answer out."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from chordmer.errors import ChordmerError, printable
from chordmer.track import as_track

__all__ = ["add_parser", "run"]

_EPILOG = """\
examples:
  chordmer explain song.mid
  chordmer explain song.mid --target valence --json > reasons.json
  chordmer explain song.mid --model my-model --audio song.wav --lyrics song.txt
  chordmer explain song.wav --model my-model --method surrogate
  chordmer explain song.wav --model my-network --method gradients

A number before a reason is what the answer would lose without it: with the window or chord cut
out, the line not sung, the descriptor as it is on average, the modality missing. Such numbers do
not sum to the answer; those of an exact or a gradient method do.

The words are those nearest on Russell's circumplex: a view of valence and arousal, which no model
was trained to tell apart.
"""


def add_parser(commands: Any) -> None:
    """Add the command to those of `argparse`."""
    explain = commands.add_parser(
        "explain",
        help="tell why: the chords, seconds, words and descriptors that moved the answer",
        description="Tell what in a piece moved the answer, by how much, and what the model would\n"
        "say of the same piece played otherwise.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    explain.add_argument("file", metavar="FILE", help="a MIDI file or score; or what --model hears")
    explain.add_argument("--model", metavar="FOLDER", help="a folder that `chordmer train` made")
    explain.add_argument("--audio", metavar="F", help="the sound of the piece, for --model")
    explain.add_argument("--lyrics", metavar="F", help="the words of the piece, for --model")
    explain.add_argument(
        "--target",
        metavar="NAME",
        help="which number to explain: Q1 to Q4, valence, arousal, or a label (the likeliest)",
    )
    explain.add_argument(
        "--window", type=_seconds, default=10.0, metavar="S", help="length of windows (10)"
    )
    explain.add_argument(
        "--method",
        action="append",
        choices=("gradients", "surrogate"),
        default=[],
        help="add integrated gradients (networks), or a surrogate over time and frequency (sound)",
    )
    explain.add_argument(
        "--no-what-if",
        action="store_true",
        help="do without the table of the piece played otherwise",
    )
    explain.add_argument(
        "--seed", type=int, default=0, metavar="N", help="of the surrogate's draws (0)"
    )
    explain.add_argument("--json", action="store_true", help="print JSON, with all reasons")
    explain.set_defaults(refuse=explain.error)


def run(arguments: argparse.Namespace) -> int:
    """Explain a file; return the exit code: 0 all well, 1 it cannot be done, 2 misused."""
    from chordmer.explain import explain

    if (arguments.audio or arguments.lyrics) and not arguments.model:
        arguments.refuse("--audio and --lyrics are for a model of yours: add --model")
    if arguments.method and not arguments.model:
        arguments.refuse("--method is for a model of yours: add --model")
    if Path(arguments.file).is_dir():
        arguments.refuse("FILE is a folder: explain one file at a time")
    try:
        model = None
        if arguments.model:
            from chordmer.recognizer import EmotionRecognizer

            model = EmotionRecognizer.load(arguments.model)
        named = {"audio": arguments.audio, "lyrics": arguments.lyrics}
        more: dict[str, Any] = {kind: Path(file) for kind, file in named.items() if file}
        explanation = explain(
            model,
            replace(as_track(Path(arguments.file)), **more),
            target=arguments.target,
            window=arguments.window,
            methods=tuple(dict.fromkeys(arguments.method)),
            counterfactuals=not arguments.no_what_if,
            random_state=arguments.seed,
        )
    except ChordmerError as error:
        print(f"chordmer: {printable(error, 500)}", file=sys.stderr)
        return 1
    except ValueError as error:
        arguments.refuse(printable(error, 500))
    if arguments.json:
        print(json.dumps(explanation.to_dict(), ensure_ascii=True, indent=2))
    else:
        print(explanation)
    return 0


def _seconds(text: str) -> float:
    value = float(text)
    if not 0.1 <= value <= 86400:
        raise argparse.ArgumentTypeError("must be between 0.1 and 86400 seconds")
    return value
