"""The commands ``label``, ``search`` and ``playlist``: a catalogue heard from its store."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chordmer.emotion import QUADRANTS
from chordmer.errors import ChordmerError, printable

if TYPE_CHECKING:
    from chordmer.catalogue import Catalogue
    from chordmer.store import Store

__all__ = ["add_parser", "run"]

_STORE = """\
STORE is a folder that `chordmer extract MUSIC -o STORE` made. MOOD is a quadrant (Q1 happy, Q2
tense, Q3 sad, Q4 calm), a word of the circumplex (calm, gloomy, excited ...), or valence and
arousal from -1 to 1, joined by a comma: --mood=-0.5,0.3
"""
_MIDDLES: Mapping[str, tuple[float, float]] = {
    "Q1": (0.5, 0.5),
    "Q2": (-0.5, 0.5),
    "Q3": (-0.5, -0.5),
    "Q4": (0.5, -0.5),
}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def add_parser(commands: Any) -> None:
    """Add the three commands to those of `argparse`."""
    label = _parser(commands, "label", "tell the emotion of every piece of a store")
    search = _parser(commands, "search", "find pieces that are like one, or of a mood")
    how = search.add_mutually_exclusive_group(required=True)
    how.add_argument("--like", metavar="FILE", help="a file, or the id of a piece of the store")
    how.add_argument("--mood", type=_mood, metavar="MOOD", help="see below")
    search.add_argument("--feature", metavar="F", help="compare by this feature of the store")
    search.add_argument("-n", type=_count, default=10, metavar="N", help="how many (10)")
    playlist = _parser(commands, "playlist", "choose pieces that lead from one mood to another")
    for end in ("from", "to"):
        playlist.add_argument(
            f"--{end}", type=_mood, required=True, metavar="MOOD", help="see below"
        )
    playlist.add_argument("-n", type=_count, default=12, metavar="N", help="how many (12)")
    for parser, instead in ((label, " in place of csv"), (search, ""), (playlist, "")):
        parser.add_argument("--json", action="store_true", help=f"print JSON{instead}")


def _parser(commands: Any, name: str, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=text,
        description=f"{text.capitalize()}. No media file is opened: the store has heard them.",
        epilog=_STORE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("store", metavar="STORE", help="a folder of features")
    parser.add_argument("--model", metavar="MODEL", help="a folder that `chordmer train` made")
    parser.set_defaults(refuse=parser.error)
    return parser


def _count(text: str) -> int:
    count = int(text)
    if not 1 <= count <= 1_000_000:
        raise argparse.ArgumentTypeError("must be between 1 and 1000000")
    return count


def _mood(text: str) -> tuple[float, float]:
    """Return the point of the plane that a word or two numbers name."""
    from chordmer.moods import MOODS

    if text.upper() in _MIDDLES:
        return _MIDDLES[text.upper()]
    if text.lower() in MOODS:
        return MOODS[text.lower()]
    try:
        valence, arousal = (float(part) for part in text.split(","))
    except ValueError:
        words = ", ".join(MOODS)
        raise argparse.ArgumentTypeError(
            f"{printable(text, 40)} is no mood: give Q1 to Q4, two numbers, or one of {words}"
        ) from None
    if not (abs(valence) <= 1 and abs(arousal) <= 1):
        raise argparse.ArgumentTypeError("valence and arousal lie between -1 and 1")
    return valence, arousal


def run(arguments: argparse.Namespace) -> int:
    """Do it; return the exit code: 0 all well, 1 something is wrong."""
    from chordmer.store import Store

    command = {"label": _label, "search": _search, "playlist": _playlist}[arguments.command]
    try:
        with Store.open(arguments.store) as store:
            command(store, arguments)
    except ValueError as error:
        print(f"chordmer: {printable(error, 500)}", file=sys.stderr)
        return 1
    return 0


def _labelled(store: Store, arguments: argparse.Namespace) -> Catalogue:
    from chordmer.catalogue import label

    model = None
    if arguments.model:
        from chordmer.recognizer import EmotionRecognizer

        model = EmotionRecognizer.load(arguments.model)
    found = label(store, model)
    if not len(found):
        raise ChordmerError(
            "holds nothing that the model listens to", source=arguments.store, stage="label"
        )
    return found


def _label(store: Store, arguments: argparse.Namespace) -> None:
    rows = _rows(_labelled(store, arguments))
    if arguments.json:
        print(json.dumps(list(rows), indent=1))
        return
    writer = csv.writer(sys.stdout, lineterminator="\n")
    for number, row in enumerate(rows):
        if number == 0:
            writer.writerow(row)
        writer.writerow([_cell(value) for value in row.values()])


def _rows(catalogue: Catalogue) -> Iterator[dict[str, Any]]:
    """Yield a row a piece; each has the same columns."""
    from types import SimpleNamespace

    from chordmer.moods import moods

    for id_, quadrant, shares, (valence, arousal) in zip(
        catalogue.ids, catalogue.quadrants, catalogue.probabilities, catalogue.plane
    ):
        [(word, _)] = moods(SimpleNamespace(valence=valence, arousal=arousal), 1)
        yield {
            "id": id_,
            "quadrant": quadrant,
            **{name: round(float(share), 4) for name, share in zip(QUADRANTS, shares)},
            "valence": round(float(valence), 4),
            "arousal": round(float(arousal), 4),
            "near": word,
        }


def _cell(value: Any) -> Any:
    """Return a cell that no terminal obeys and no spreadsheet computes."""
    if not isinstance(value, str):
        return value
    text = printable(value, 4096)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _search(store: Store, arguments: argparse.Namespace) -> None:
    from chordmer.catalogue import alike, near

    if arguments.mood is not None:
        if arguments.feature:
            arguments.refuse("--feature goes with --like")
        valence, arousal = arguments.mood
        found = near(_labelled(store, arguments), valence, arousal, arguments.n)
    else:
        if arguments.model:
            arguments.refuse("--model goes with --mood")
        like: Any = arguments.like
        if not store.known(like):
            like = Path(like)
        found = alike(store, like, arguments.feature, arguments.n)
    _tell(["id", "distance"], [(id_, round(far, 3)) for id_, far in found], arguments.json)


def _playlist(store: Store, arguments: argparse.Namespace) -> None:
    from chordmer.catalogue import path

    catalogue = _labelled(store, arguments)
    chosen = path(catalogue, getattr(arguments, "from"), arguments.to, arguments.n)
    place = {id_: i for i, id_ in enumerate(catalogue.ids)}
    rows = [(id_, *catalogue.plane[place[id_]].round(2).tolist()) for id_ in chosen]
    _tell(["id", "valence", "arousal"], rows, arguments.json)


def _tell(columns: Sequence[str], rows: Sequence[Sequence[Any]], as_json: bool) -> None:
    """Print rows as JSON, or one a line with the numbers first."""
    if as_json:
        print(json.dumps([dict(zip(columns, row)) for row in rows], indent=1))
        return
    for id_, *numbers in rows:
        print("  ".join([*(f"{number:+6.2f}" for number in numbers), printable(id_)]))
