"""The command ``chordmer train``: a table of tracks in, a model folder and its worth out."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from chordmer.emotion import QUADRANTS
from chordmer.errors import ChordmerError, printable

if TYPE_CHECKING:
    from chordmer.manifest import Manifest
    from chordmer.recognizer import EmotionRecognizer

__all__ = ["add_parser", "interval", "run"]

_DRAWS = 1000
_EPILOG = """\
MANIFEST.csv has a row a track, and these columns:
  id                      its name
  symbolic,audio,lyrics   its files, seen from the manifest's folder; one of them or more
  label                   its emotion in a word: Q1 to Q4, or labels of your own
  valence,arousal,...     or in numbers; any other column of numbers is a dimension as well
  group                   the song or artist, of which no part may be held out from the rest
  split                   train, valid or test; test (or else valid) is held out to judge the model
"""


def add_parser(commands: Any) -> None:
    """Add the command to those of `argparse`."""
    train = commands.add_parser(
        "train",
        help="train a recogniser on tracks of your own",
        description="Train a recogniser on the tracks of a table.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    train.add_argument("manifest", metavar="MANIFEST.csv", help="the table of tracks")
    train.add_argument("--recipe", default="default", metavar="NAME", help="which model (default)")
    train.add_argument("-o", "--output", required=True, metavar="MODEL", help="folder to make")
    train.add_argument(
        "--target",
        metavar="T",
        help="label, or dimensions joined by _ as in valence_arousal; by default the column label, "
        "or else all dimensions",
    )
    train.add_argument(
        "--scale",
        type=float,
        nargs=2,
        default=(-1.0, 1.0),
        metavar=("LOW", "HIGH"),
        help="the ends of the scale of dimensions (-1 1)",
    )
    train.add_argument("--seed", type=int, default=0, metavar="N", help="of all that is random (0)")
    train.add_argument("--cache", metavar="DIR", help="folder in which features are kept")
    train.add_argument(
        "--licence", metavar="TEXT", help="terms of the data, to be written into the model"
    )


def run(arguments: argparse.Namespace) -> int:
    """Train as the arguments say; return the exit code: 0 all well, 1 something is wrong."""
    try:
        _train(arguments)
    except ValueError as error:
        print(f"chordmer: {printable(error, 500)}", file=sys.stderr)
        return 1
    return 0


def _train(arguments: argparse.Namespace) -> None:
    from chordmer.manifest import read_manifest
    from chordmer.recognizer import EmotionRecognizer

    output = _free(Path(arguments.output))
    manifest = read_manifest(arguments.manifest)
    target, y = _answers_in(manifest, arguments)
    model = EmotionRecognizer.recipe(
        arguments.recipe,
        target=target,
        scale=tuple(arguments.scale),
        random_state=arguments.seed,
        cache=arguments.cache,
        verbose=True,
    )
    held = _held_out(manifest, arguments.manifest)
    known = np.setdiff1d(np.arange(len(manifest)), held).tolist()
    print(f"{len(known)} tracks to learn from, {len(held)} held out", file=sys.stderr)
    model.fit([manifest.tracks[i] for i in known], y[known])
    if held:
        _judge(model, manifest, y, held)
    model.save(output, data_licence=arguments.licence)
    print(f"model: {printable(output)}")


def _free(output: Path) -> Path:
    """Return `output`, or say now, and not after hours, that nothing can be saved there."""
    if not output.parent.is_dir():
        raise ChordmerError("there is no such folder", source=output.parent, stage="output")
    if output.exists() and not (output / "manifest.json").is_file():
        raise ChordmerError("something that is no model lies there", source=output, stage="output")
    return output


def _answers_in(manifest: Manifest, arguments: argparse.Namespace) -> tuple[Any, NDArray[Any]]:
    """Return the target for `EmotionRecognizer`, and y."""
    wanted = arguments.target
    if wanted is None:
        wanted = "label" if manifest.labels is not None else "_".join(manifest.dimensions)
    if wanted == "label" and manifest.labels is not None:
        labels = sorted(set(manifest.labels))
        return "quadrant" if set(labels) <= set(QUADRANTS) else labels, np.array(manifest.labels)
    columns = wanted.split("_")
    missing = [name for name in columns if name not in manifest.dimensions]
    if missing:
        raise ChordmerError(
            "there is no such column of emotions",
            source=arguments.manifest,
            stage="target",
            value=missing[0],
        )
    return wanted, np.column_stack([manifest.dimensions[name] for name in columns])


def _held_out(manifest: Manifest, source: str) -> list[int]:
    """Return the rows that are kept from training: those of test, or else those of valid."""
    split = manifest.split or ["train"] * len(manifest)
    name = "test" if "test" in split else "valid"
    held = [i for i, word in enumerate(split) if word == name]
    if len(held) == len(manifest):
        raise ChordmerError("no row is left to learn from", source=source, stage="split")
    groups: dict[str | None, bool] = {}
    for track, word in zip(manifest.tracks, split):
        if track.group is not None and groups.setdefault(track.group, word == name) != (
            word == name
        ):
            raise ChordmerError(
                f"a group is partly in {name}: what is held out would not be unheard",
                source=source,
                stage="split",
                value=track.group,
            )
    return held


def _judge(
    model: EmotionRecognizer, manifest: Manifest, y: NDArray[Any], held: Sequence[int]
) -> None:
    """Print how well the model does on the tracks held out."""
    from chordmer.recognizer.songs import groups_of
    from chordmer.recognizer.targets import Target

    tracks, truth = [manifest.tracks[i] for i in held], y[list(held)]
    groups = np.array(groups_of(tracks))
    answers = model.predict(tracks)
    print(f"held out: {len(tracks)} tracks of {len(set(groups))} groups")
    target = Target.of(model.target)
    if target.labels:
        right = (answers == truth).astype(float)
        _, counts = np.unique(truth, return_counts=True)
        _say("accuracy", lambda rows: float(right[rows].mean()), groups)
        print(f"  always the commonest label: {counts.max() / len(truth):.3f}")
        return
    answers = answers.reshape(truth.shape)
    for name, said, true in zip(target.dimensions, answers.T, truth.T):

        def explained(
            rows: NDArray[np.intp], said: NDArray[Any] = said, true: NDArray[Any] = true
        ) -> float:
            spread = ((true[rows] - true[rows].mean()) ** 2).sum()
            return float(1 - ((true[rows] - said[rows]) ** 2).sum() / max(spread, 1e-12))

        _say(f"R2 of {name}", explained, groups)


def _say(name: str, measure: Callable[[NDArray[np.intp]], float], groups: NDArray[np.str_]) -> None:
    low, high = interval(measure, groups)
    value = measure(np.arange(len(groups)))
    print(f"  {name}: {value:.3f} [{low:.3f}, {high:.3f}] (95 %, bootstrap over groups)")


def interval(
    measure: Callable[[NDArray[np.intp]], float], groups: NDArray[np.str_], *, draws: int = _DRAWS
) -> tuple[float, float]:
    """Return the 95 % interval of a measure, by drawing whole groups again and again.

    Parameters
    ----------
    measure : callable
        Takes the rows drawn, and returns a number.
    groups : ndarray of str, shape (n,)
        What each row belongs to: rows of a group are not independent of each other.
    draws : int, default 1000

    Examples
    --------
    >>> right = np.array([1.0, 1.0, 0.0, 1.0])
    >>> interval(lambda rows: float(right[rows].mean()), np.array(["a", "a", "b", "c"]))
    (0.0, 1.0)
    """
    from chordmer.evaluate.intervals import draw_groups, group_codes

    codes, _ = group_codes(groups, len(groups))
    times = draw_groups(codes, n_resamples=draws)
    values = [measure(np.repeat(np.arange(len(codes)), often.astype(np.intp))) for often in times]
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)
