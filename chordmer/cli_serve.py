"""The command ``chordmer serve``: the page in the browser."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from chordmer.errors import ChordmerError, printable

__all__ = ["add_parser", "run"]

_EPILOG = """\
examples:
  chordmer serve
  chordmer serve --model my-model --port 8080

Files are heard on this machine, in a process with limits of time and memory, and then deleted; the
page fetches nothing from elsewhere and works without internet. Other machines reach it only with
--host; there is no password then.
"""


def add_parser(commands: Any) -> None:
    """Add the command to those of `argparse`."""
    serve = commands.add_parser(
        "serve",
        help="open a page in the browser: drop a file, hear it, see its emotion, read why",
        description="Serve a page on this machine: drop a file, hear it, see its emotion, its\n"
        "course moving with the music, and why.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    serve.add_argument(
        "--port", type=_port, default=7860, metavar="N", help="0 takes any that is free (7860)"
    )
    serve.add_argument(
        "--host", default="127.0.0.1", metavar="H", help="this machine alone by default (127.0.0.1)"
    )
    serve.add_argument("--model", metavar="FOLDER", help="a folder that `chordmer train` made")


def run(arguments: argparse.Namespace) -> int:
    """Serve the page until it is interrupted; return the exit code: 0 all well, 1 it cannot be."""
    try:
        from chordmer.web import serve

        serve(arguments.host, arguments.port, model=arguments.model)
    except ChordmerError as error:
        print(f"chordmer: {printable(error, 500)}", file=sys.stderr)
        return 1
    return 0


def _port(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 65535:
        raise argparse.ArgumentTypeError("must be between 0 and 65535")
    return value
