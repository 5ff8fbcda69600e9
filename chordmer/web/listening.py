"""The work on a file from outside, in a supervised process with limits of time and memory."""

from __future__ import annotations

import wave
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from chordmer.errors import ChordmerError, MissingModalityError
from chordmer.extraction.crew import Crew
from chordmer.extraction.jobs import Job
from chordmer.extraction.lanes import Attempt
from chordmer.extraction.worker import pack
from chordmer.track import Track, as_track

if TYPE_CHECKING:
    from chordmer.recognizer import EmotionRecognizer

__all__ = ["MINUTES", "Heard", "Listener"]

#: So much of a piece is played; the answer is about all of it.
MINUTES = 10
#: Hz: enough for a piano, and a minute has 2.6 MB.
_RATE = 22050
#: What every answer needs, imported before the first file comes.
_PRELOADED = (
    "chordmer.pretrained",
    "chordmer.recognizer.answers",
    "chordmer.web.words",
    "matplotlib.backends.backend_agg",
)
#: Bytes of address space, as in extraction.
_MEMORY = 4 << 30


@dataclass(frozen=True)
class Heard:
    """What there is to show and to play of a file.

    Attributes
    ----------
    answer : str
        HTML.
    sound : bytes
        A WAV file; empty where there is nothing to play.
    remark : str
        What to know of the sound: that it ends early, or why there is none; often empty.
    """

    answer: str
    sound: bytes
    remark: str


class Listener:
    """One process that listens to files, one after the other, and may die of any.

    Parameters
    ----------
    model : path, optional
        A folder that `chordmer train` made; by default the bundled model listens.
    timeout : float, default 60
        Seconds for the answer about a file, and again for the reasons.
    """

    def __init__(self, model: str | None = None, *, timeout: float = 60.0) -> None:
        self._lock = Lock()
        self._crew = Crew(
            pack(partial(_work, model)),
            timeout=timeout,
            memory=_MEMORY,
            batch_seconds=0.0,
            preload=_PRELOADED,
        )

    def hear(self, path: Path) -> Heard:
        """Return what the file expresses, and how it sounds.

        Raises
        ------
        ChordmerError
            If the file cannot be used, or takes too long or too much memory.
        """
        heard: Heard = self._ask(_hear, path)
        return heard

    def reasons(self, path: Path) -> str:
        """Return why, as HTML; raises as `hear` does."""
        told: str = self._ask(_reasons, path)
        return told

    def close(self) -> None:
        """End the process, whatever it is at."""
        self._crew.close()

    def _ask(self, question: Callable[..., Any], path: Path) -> Any:
        with self._lock:
            [(attempt, end)] = self._crew.run([Attempt.of(Job(0, (question, path)))])
        finished = attempt.finished(end)
        if finished.failure is None:
            return finished.result
        failure = finished.failure
        if failure.stage in ("internal", "payload", "result"):
            raise ChordmerError(
                f"this file has found a fault in chordmer: {failure.kind}: {failure.message}",
                source=path.name,
            )
        if failure.stage == "worker":
            raise ChordmerError(failure.message, source=path.name)
        raise ChordmerError(failure.message)


def _work(model: str | None, asked: tuple[Callable[..., Any], Path]) -> Any:
    """Answer a question about a file; what goes wrong bears its name, and not where it lies."""
    question, path = asked
    try:
        recognizer = None if model is None else _loaded(model)
        return question(_track(path, recognizer), path.name, recognizer)
    except ChordmerError as error:
        named = error.source in (None, str(path), path.stem)
        source = path.name if named else error.source
        raise ChordmerError(
            error.problem, source=source, stage=error.stage or "listening", value=error.value
        ) from error


@cache
def _loaded(model: str) -> EmotionRecognizer:
    from chordmer.recognizer import EmotionRecognizer

    return EmotionRecognizer.load(model)


def _track(path: Path, model: EmotionRecognizer | None) -> Track:
    """Return the file as a track, or say that nothing here listens to such files."""
    track = as_track(path)
    [kind] = [kind for kind in ("symbolic", "audio", "lyrics") if track.source(kind) is not None]
    heard = ("symbolic",) if model is None else model.hearing_.modalities
    if kind not in heard:
        names = {"symbolic": "notes", "audio": "sound", "lyrics": "words"}
        ears = " and ".join(names[each] for each in heard)
        whose = "the bundled model" if model is None else "the model of this page"
        raise MissingModalityError(
            f"{whose} listens to {ears}, not to {names[kind]}: "
            f"start the page with a model that does, chordmer serve --model FOLDER",
            source=path,
            stage="listening",
        )
    return track


def _hear(track: Track, name: str, model: EmotionRecognizer | None) -> Heard:
    from chordmer.pretrained import predict
    from chordmer.recognizer.answers import answer_of
    from chordmer.web.words import answer_html

    answer = predict(track) if model is None else answer_of(model, track, window=15.0, hop=5.0)
    answer = replace(answer, source=name)
    try:
        sound, remark = _sound(track)
    except ChordmerError as error:
        sound, remark = b"", f"It cannot be played: {error.problem}."
    return Heard(answer_html(answer, name), sound, remark)


def _reasons(track: Track, name: str, model: EmotionRecognizer | None) -> str:
    from chordmer.explain import explain
    from chordmer.web.words import reasons_html

    return reasons_html(explain(model, track))


def _sound(track: Track) -> tuple[bytes, str]:
    """Return a track's first minutes as a WAV file, and what to know of it."""
    from chordmer.io import read_audio, read_symbolic, render

    longest = 60.0 * MINUTES
    if track.symbolic is not None:
        piece = read_symbolic(track, pedal=True)
        notes = piece.notes[piece.notes["onset_sec"] < longest].copy()
        notes["duration_sec"] = np.minimum(notes["duration_sec"], longest - notes["onset_sec"])
        y = render(replace(piece, notes=notes), _RATE)
        cut = len(notes) < len(piece.notes)
    elif track.audio is not None:
        y, _ = read_audio(track, _RATE, duration=longest)
        cut = len(y) >= longest * _RATE
    else:
        return b"", ""
    loudest = max(1.0, float(np.abs(y).max(initial=0.0)))
    return _wav(y / loudest), f"The first {MINUTES} minutes are played." if cut else ""


def _wav(y: np.ndarray[Any, np.dtype[np.float32]]) -> bytes:
    file = BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(_RATE)
        out.writeframes((y * 32767).astype("<i2").tobytes())
    return file.getvalue()
