"""The command ``chordmer completion``: a script that completes commands and options in a shell."""

from __future__ import annotations

import argparse
import sys
from typing import Any

__all__ = ["add_parser", "run"]

_EPILOG = """\
examples:
  chordmer completion bash > ~/.local/share/bash-completion/completions/chordmer
  chordmer completion zsh > ~/.zfunc/_chordmer      (a folder of your fpath)
"""


def add_parser(commands: Any) -> None:
    """Add the command to those of `argparse`."""
    completion = commands.add_parser(
        "completion",
        help="print a script that completes commands and options in your shell",
        description="Print a script that completes commands and options in your shell.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    completion.add_argument("shell", choices=("bash", "zsh", "tcsh"))


def run(arguments: argparse.Namespace) -> int:
    """Print the script for the parser `arguments.whole`; return the exit code, 0."""
    import shtab

    sys.stdout.write(shtab.complete(arguments.whole, arguments.shell))
    sys.stdout.write("\n")
    return 0
