"""The command line: ``chordmer predict song.mid``."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from io import TextIOWrapper
from pathlib import Path
from typing import Any, NoReturn

from chordmer import (
    __version__,
    cli_benchmark,
    cli_catalogue,
    cli_explain,
    cli_extract,
    cli_serve,
    cli_store,
    cli_train,
    completion,
    doctor,
)
from chordmer.emotion import Emotion
from chordmer.errors import ChordmerError, printable
from chordmer.track import AUDIO_SUFFIXES, LYRICS_SUFFIXES, SYMBOLIC_SUFFIXES, as_track

__all__ = ["main"]

_EXAMPLES = """\
examples:
  chordmer predict song.mid
  chordmer predict song.mid --plot emotion.png
  chordmer predict *.mid --json > emotions.json
  chordmer predict folder/
  chordmer explain song.mid
  chordmer train songs.csv --recipe default -o my-model
  chordmer predict --model my-model song.mid --audio song.wav --lyrics song.txt
  chordmer benchmark --dataset emopia --root EMOPIA_1.0 --models svm,default -o report
  chordmer extract music/ -o features --jobs 8
  chordmer search features --like song.mid
  chordmer playlist features --from Q3 --to happy
  chordmer serve
"""
#: The commands beside ``predict``, each in a file of its own.
_COMMANDS: dict[str, Any] = {
    "explain": cli_explain,
    "train": cli_train,
    "benchmark": cli_benchmark,
    "extract": cli_extract,
    "store": cli_store,
    "label": cli_catalogue,
    "search": cli_catalogue,
    "playlist": cli_catalogue,
    "serve": cli_serve,
    "doctor": doctor,
    "completion": completion,
}
#: What a model listens to, and the endings of files that hold it.
_SUFFIXES = {
    "symbolic": SYMBOLIC_SUFFIXES,
    "audio": AUDIO_SUFFIXES,
    "lyrics": LYRICS_SUFFIXES,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code: 0 all well, 1 a file failed, 2 misused."""
    if isinstance(sys.stdout, TextIOWrapper):
        # A name that the terminal's encoding lacks is no reason to stop.
        sys.stdout.reconfigure(errors="backslashreplace")
    parser = _parser()
    arguments = parser.parse_args(argv)
    try:
        if arguments.command in _COMMANDS:
            code: int = _COMMANDS[arguments.command].run(arguments)
            return code
        _check(parser, arguments)
        return _predict(arguments)
    except BrokenPipeError:
        # The reader of our output went away, as `head` does; there is nobody left to tell.
        sys.stderr.close()
        return 1
    except KeyboardInterrupt:
        return 130


class _Parser(argparse.ArgumentParser):
    """What it complains of may be the name of a file, and is printed safely."""

    def error(self, message: str) -> NoReturn:
        super().error(printable(message, 1000))


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="chordmer",
        description="Recognise the emotion that music expresses.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"chordmer {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    predict = commands.add_parser(
        "predict",
        help="tell the emotion of MIDI files and scores, or of what a model of yours listens to",
        description="Tell the emotion of each MIDI file or score: its quadrant of the "
        "valence-arousal plane with probabilities, and the course over time. With a model that "
        "`chordmer train` made, files may be sound or lyrics too, and one piece may come in "
        "several.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    predict.add_argument("files", nargs="+", metavar="FILE", help="a file, or a folder of files")
    predict.add_argument(
        "--json", action="store_true", help="print JSON: an object for a file, a list for several"
    )
    predict.add_argument(
        "--plot",
        metavar="OUT",
        help="write a picture (.png, .svg, .pdf); with several files, a folder for theirs",
    )
    predict.add_argument(
        "--theme", choices=("light", "dark"), default="light", help="look of the picture (light)"
    )
    predict.add_argument(
        "--window", type=_seconds, default=15.0, metavar="S", help="window length in seconds (15)"
    )
    predict.add_argument(
        "--hop", type=_seconds, default=5.0, metavar="S", help="step between windows (5)"
    )
    predict.add_argument(
        "--pedal", action="store_true", help="let the sustain pedal lengthen notes"
    )
    predict.add_argument("--model", metavar="MODEL", help="a folder that `chordmer train` made")
    predict.add_argument("--audio", metavar="F", help="the sound of the piece, for --model")
    predict.add_argument("--lyrics", metavar="F", help="the words of the piece, for --model")
    for command in dict.fromkeys(_COMMANDS.values()):
        command.add_parser(commands)
    parser.set_defaults(whole=parser)
    return parser


def _check(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    """Exit with code 2 where options do not go together."""
    more = arguments.audio or arguments.lyrics
    if more and not arguments.model:
        parser.error("--audio and --lyrics are for a model of yours: add --model")
    if more and (len(arguments.files) > 1 or Path(arguments.files[0]).is_dir()):
        parser.error("--audio and --lyrics go with one file")
    if arguments.model and arguments.pedal:
        parser.error("--pedal is for the bundled model: a model of yours hears as it learned")


def _seconds(text: str) -> float:
    value = float(text)
    if not 0.1 <= value <= 86400:
        raise argparse.ArgumentTypeError("must be between 0.1 and 86400 seconds")
    return value


def _predict(arguments: argparse.Namespace) -> int:
    several = len(arguments.files) > 1 or Path(arguments.files[0]).is_dir()
    answers = _Answers(as_json=arguments.json, several=several)
    try:
        answer, suffixes = (_own_model if arguments.model else _bundled_model)(arguments)
    except ChordmerError as error:
        answers.complain(error, error)
        answers.close()
        return 1
    pictures = _Pictures(arguments.plot, arguments.theme, several) if arguments.plot else None
    failed = False
    for path in _files(arguments.files, suffixes):
        try:
            if isinstance(path, ChordmerError):
                raise path
            emotion = answer(path)
            if pictures:
                pictures.draw(emotion, path)
            answers.say(emotion)
        except ChordmerError as error:
            failed = True
            answers.complain(path, error)
    answers.close()
    return int(failed)


def _bundled_model(arguments: argparse.Namespace) -> tuple[Callable[[Path], Emotion], set[str]]:
    """Return what answers for a file, and the endings of the files it reads."""
    from chordmer.pretrained import predict

    def answer(path: Path) -> Emotion:
        return predict(path, window=arguments.window, hop=arguments.hop, pedal=arguments.pedal)

    return answer, SYMBOLIC_SUFFIXES


def _own_model(arguments: argparse.Namespace) -> tuple[Callable[[Path], Any], set[str]]:
    from chordmer.recognizer import EmotionRecognizer
    from chordmer.recognizer.answers import answer_of

    model = EmotionRecognizer.load(arguments.model)
    named = {"audio": arguments.audio, "lyrics": arguments.lyrics}
    more: dict[str, Any] = {modality: Path(file) for modality, file in named.items() if file}

    def answer(path: Path) -> Any:
        track = replace(as_track(path), **more)
        return answer_of(model, track, window=arguments.window, hop=arguments.hop)

    heard = set[str]().union(*(_SUFFIXES[modality] for modality in model.hearing_.modalities))
    return answer, heard


def _files(named: Sequence[str], suffixes: Collection[str]) -> Iterator[Path | ChordmerError]:
    """Yield the files named, and those with one of the suffixes inside the folders named."""
    for name in named:
        path = Path(name)
        if not path.is_dir():
            yield path
            continue
        found = False
        for inside in sorted(path.rglob("*")):
            if inside.suffix.lower() in suffixes and inside.is_file():
                found = True
                yield inside
        if not found:
            what = "MIDI file or score" if suffixes == SYMBOLIC_SUFFIXES else "file to listen to"
            yield ChordmerError(f"no {what} in this folder", source=path, stage="opening")


class _Pictures:
    """Writes the pictures: one file, or a folder of files with names that differ."""

    def __init__(self, out: str, theme: str, several: bool) -> None:
        self.out, self.theme, self.several = Path(out), theme, several
        self.names: set[str] = set()

    def draw(self, emotion: Any, path: Path) -> None:
        from chordmer.plot import save_plot

        if not isinstance(emotion, Emotion):
            raise ChordmerError(
                "the model's answers have no place on the valence-arousal plane that could be "
                "drawn",
                source=path,
                stage="plot",
            )
        save_plot(emotion, self._place(path) if self.several else self.out, theme=self.theme)

    def _place(self, path: Path) -> Path:
        """Return a new name in the folder: that of the piece, numbered where it is taken."""
        try:
            self.out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ChordmerError(
                "not a folder that pictures can go to",
                source=self.out,
                stage="plot",
                value=error.strerror,
            ) from error
        numbers = ("", *(f".{n}" for n in range(2, len(self.names) + 2)))
        name = next(n for k in numbers if (n := f"{path.name}{k}.png") not in self.names)
        self.names.add(name)
        return self.out / name


class _Answers:
    """Prints answers as they come, so that a folder of any size needs no memory."""

    def __init__(self, *, as_json: bool, several: bool) -> None:
        self.as_json = as_json
        self.several = several
        self.count = 0

    def say(self, emotion: Any) -> None:
        if self.as_json:
            self._item(emotion.to_dict())
        else:
            self._text(str(emotion))

    def complain(self, path: Path | ChordmerError, error: ChordmerError) -> None:
        message = printable(error, 500)
        if self.as_json:
            source = error.source if isinstance(path, ChordmerError) else str(path)
            self._item(
                {
                    "source": source,
                    "error": {
                        "kind": type(error).__name__,
                        "stage": error.stage,
                        "message": message,
                    },
                }
            )
        print(f"chordmer: {message}", file=sys.stderr)

    def close(self) -> None:
        if self.as_json and self.several:
            print("\n]" if self.count else "[]")
        sys.stdout.flush()

    def _text(self, text: str) -> None:
        print(("\n" if self.count else "") + text)
        self.count += 1

    def _item(self, item: dict[str, Any]) -> None:
        if self.several:
            print("[" if self.count == 0 else ",")
        print(_json(item), end="" if self.several else "\n")
        self.count += 1


def _json(item: dict[str, Any]) -> str:
    """Return JSON in ASCII that prints."""
    return re.sub(r"[^\n -~]", _escaped, json.dumps(item, ensure_ascii=False, indent=2))


def _escaped(character: re.Match[str]) -> str:
    """Return a character as JSON escapes it.

    Half a surrogate pair, as in a file name that is no UTF-8, is no text, and many a reader of JSON
    refuses it: it becomes what `printable` makes of it.
    """
    units = character[0].encode("utf-16-be", "surrogatepass").hex(" ", 2).split()
    half = len(units) == 1 and "d800" <= units[0] < "e000"
    return ("\\" if half else "") + "".join(f"\\u{unit}" for unit in units)


if __name__ == "__main__":
    sys.exit(main())
