"""The command ``chordmer store``: what a store of features holds, and whether it is whole."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from chordmer.errors import ChordmerError, printable

if TYPE_CHECKING:
    from chordmer.store import Store

__all__ = ["add_parser", "run"]


def add_parser(commands: Any) -> None:
    """Add the command to those of `argparse`."""
    store = commands.add_parser(
        "store",
        help="look into a store that `chordmer extract` made",
        description="Look into a store of features that `chordmer extract` made.",
    )
    actions = store.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, text in (
        ("info", "tell what it holds"),
        ("verify", "read every file, and tell which are damaged"),
        ("errors", "list the files that failed, and why"),
        ("repair", "drop what is damaged, so that `chordmer extract` computes it again"),
        ("export", "write one feature to a csv, jsonl or Parquet file"),
    ):
        action = actions.add_parser(name, help=text, description=f"{text.capitalize()}.")
        action.add_argument("store", metavar="STORE", help="its folder")
        if name == "export":
            action.add_argument("--feature", metavar="F", help="which, if it holds several")
            action.add_argument(
                "-o",
                "--output",
                required=True,
                metavar="FILE",
                help="ends in .csv, .jsonl, .parquet",
            )


def run(arguments: argparse.Namespace) -> int:
    """Do it; return the exit code: 0 all well, 1 something is wrong."""
    from chordmer.store import Store, repair, verify

    actions = {"info": _info, "errors": _errors, "export": _export}
    try:
        if arguments.action == "verify":
            return _verify(verify(arguments.store), arguments.store)
        if arguments.action == "repair":
            for problem in repair(arguments.store):
                print(f"dropped: {printable(problem, 500)}")
            return 0
        with Store.open(arguments.store) as store:
            return actions[arguments.action](store, arguments)
    except ValueError as error:
        print(f"chordmer: {printable(error, 500)}", file=sys.stderr)
        return 1


def _info(store: Store, arguments: argparse.Namespace) -> int:
    found = store.info()
    print(
        f"{found['rows']:,} rows, {found['bytes'] / 1e6:,.1f} MB in {found['shards']:,} files; "
        f"{found['waiting']:,} rows wait in the journal, {found['superseded']:,} are superseded"
    )
    for name, feature in found["features"].items():
        print(
            f"  {name}: {feature['rows']:,} rows, {feature['failed']:,} of them failed, "
            f"{feature['bytes'] / 1e6:,.1f} MB in {feature['shards']:,} files"
        )
        print(f"    {printable(feature['extractor'])}, version {printable(feature['version'])}")
    print(f"hash: {store.hash()}")
    return 0


def _verify(problems: Sequence[str], folder: str) -> int:
    for problem in problems:
        print(printable(problem, 500))
    if not problems:
        print("every file is as it was written")
        return 0
    hint = f"`chordmer store repair {printable(folder)}` drops what is damaged"
    print(f"chordmer: {len(problems)} problems; {hint}", file=sys.stderr)
    return 1


def _errors(store: Store, arguments: argparse.Namespace) -> int:
    """Print the failures, one a line, with tabs between: kind, feature, id, stage and message."""
    for row in store.errors():
        assert row.error is not None
        fields = (row.error.kind, row.feature, row.id, row.error.stage or "", row.error.message)
        print("\t".join(printable(field, 500) for field in fields))
    return 0


def _export(store: Store, arguments: argparse.Namespace) -> int:
    names = list(store.features)
    feature = arguments.feature or (names[0] if len(names) == 1 else None)
    if feature not in names:
        there = ", ".join(names) or "nothing"
        raise ChordmerError(f"choose a feature with --feature: there is {there}", value=feature)
    store.export(arguments.output, feature)
    print(f"{printable(feature)}: {printable(arguments.output)}")
    return 0
