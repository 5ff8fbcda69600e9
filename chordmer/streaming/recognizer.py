"""A recogniser that answers while the music plays."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chordmer.emotion import QUADRANTS, Curve, Emotion, valence_arousal
from chordmer.errors import ChordmerError
from chordmer.features.describe import describe_symbolic
from chordmer.pretrained import SymbolicEmotionModel, doubts, load_pretrained
from chordmer.recognizer import EmotionRecognizer
from chordmer.recognizer.answers import judged, model_name
from chordmer.recognizer.targets import Target
from chordmer.recognizer.windows import SHORTEST
from chordmer.streaming.notes import NoteStream
from chordmer.streaming.sound import SoundBuffer
from chordmer.track import Track

__all__ = ["StreamingRecognizer"]

#: Windows that a course keeps: those of the last 83 minutes where they are 5 s apart.
_MOST_WINDOWS = 1000
_SHORTEST = 0.1


class _Said(NamedTuple):
    """What a model says of a stretch of time."""

    probabilities: NDArray[np.float64]
    valence: float
    arousal: float
    warnings: tuple[str, ...] = ()


class _Judge(Protocol):
    """A model, and where its windows lie."""

    name: str
    modalities: tuple[str, ...]

    def __call__(
        self, notes: NoteStream, sound: SoundBuffer, start: float, end: float
    ) -> _Said | None:
        """Return what it says, a `_Said`, or None where there is nothing to hear."""

    def origin(self, notes: NoteStream) -> float | None:
        """Return where the first window starts; None while that is not known."""

    def due(self, notes: NoteStream, sound: SoundBuffer, window: float, hop: float) -> int:
        """Return how many windows what has been heard is worth, complete or not."""


class StreamingRecognizer:
    """Follow a performance: push what is played, read what it expresses.

    Parameters
    ----------
    model : SymbolicEmotionModel or EmotionRecognizer, optional
        Fitted, with a target that has a place on the valence-arousal plane, and listening to notes,
        sound or both. By default the model that chordmer carries, which listens to notes.
    window, hop : float, default 15 and 5
        Length of the windows of the course, and the step between them, in seconds; as of
        `chordmer.predict`. The answer of the moment is of the last `window` seconds.
    refresh : float, default 1
        Seconds of music after which the answer is made anew; in between the last one is returned.
    sr : float, optional
        Samples a second of the sound that is pushed; needed if there is any.

    Raises
    ------
    ValueError
        If a length is below a tenth of a second.
    ChordmerError
        If the model's answers have no place on the plane, or it listens to words only.

    Notes
    -----
    The course is that of `chordmer.predict` or `EmotionRecognizer.predict_emotion` on the same
    piece, a window as soon as it is over and known to count, as long as there are at most 1,000
    windows; of more, the last 1,000 are kept. Notes that still sound when a window ends have the
    length they have so far, in beats too, which a feature counted in beats may notice.

    Memory is bounded: notes and sound are kept for as long as an open window needs them. Where a
    model hears both, push both up to the same second; what lags by a window is not waited for.

    Examples
    --------
    >>> live = StreamingRecognizer()
    >>> for second in range(20):
    ...     emotion = live.push([(second, (0x90, 60, 80)), (second + 0.9, (0x80, 60, 0))])
    >>> len(live.close().curve)
    2
    """

    def __init__(
        self,
        model: SymbolicEmotionModel | EmotionRecognizer | None = None,
        *,
        window: float = 15.0,
        hop: float = 5.0,
        refresh: float = 1.0,
        sr: float | None = None,
    ) -> None:
        for name, value in (("window", window), ("hop", hop), ("refresh", refresh)):
            if not _SHORTEST <= value < math.inf:
                raise ValueError(f"{name} must be at least {_SHORTEST} seconds, not {value}")
        self.window = window
        self.hop = hop
        self.refresh = refresh
        self._judge: _Judge = (
            _OfRecognizer(model) if isinstance(model, EmotionRecognizer) else _OfNotes(model)
        )
        self._notes = NoteStream()
        self._sound = SoundBuffer(sr)
        self._next = 0
        self._windows: deque[tuple[float, _Said]] = deque(maxlen=_MOST_WINDOWS)
        self._refreshed = -math.inf
        self._answer: Emotion | None = None
        self._closed = False

    @property
    def now(self) -> float:
        """Seconds of music that have been heard."""
        return max(self._notes.now, self._sound.now)

    def push(self, heard: Iterable[Any] | ArrayLike = (), *, now: float | None = None) -> Emotion:
        """Hear what came next, and say what the music expresses.

        Parameters
        ----------
        heard : ndarray of samples, or iterable of (seconds, message) or (seconds, message, port)
            Sound as an array of floats, shape (n,) or (n, channels), which goes on where the last
            ended; or MIDI events, as `NoteStream.push` takes them.
        now : float, optional
            Seconds that the stream of events has reached without a further event.

        Returns
        -------
        Emotion
            Probabilities, valence and arousal of the last `window` seconds, and the course so far.
            While there is nothing to hear, all quadrants are equally likely, and a warning says so.

        Raises
        ------
        ChordmerError
            If the stream was closed, the model does not listen to what is pushed, or that is none.
        """
        if self._closed:
            raise ChordmerError("the stream is closed; begin another", source="stream")
        if isinstance(heard, np.ndarray) and heard.dtype.kind in "fiu" and not heard.dtype.names:
            self._hears("audio")
            self._sound.push(heard)
        else:
            self._hears("symbolic")
            self._notes.push(heard, now=now)  # type: ignore[arg-type]
        if self._advance() or self.now - self._refreshed >= self.refresh or self._answer is None:
            self._answer = self._emotion()
        return self._answer

    def close(self) -> Emotion:
        """End the stream, so that windows cut off by its end count too, and return the answer."""
        if not self._closed:
            self._closed = True
            self._advance()
            self._answer = self._emotion()
        assert self._answer is not None
        return self._answer

    def _hears(self, modality: str) -> None:
        if modality not in self._judge.modalities:
            raise ChordmerError(
                f"the model listens to {' and '.join(self._judge.modalities)}: push that",
                source="stream",
                stage="push",
                value="samples" if modality == "audio" else "events",
            )

    def _advance(self) -> bool:
        """Judge the windows that are over and count; return whether there were any."""
        origin = self._judge.origin(self._notes)
        if origin is None:
            return False
        told = False
        due = self._judge.due(self._notes, self._sound, self.window, self.hop)
        reached = math.inf if self._closed else self._reached()
        while self._next < due:
            self._skip(origin)
            start = origin + self.hop * self._next
            end = start + self.window
            if end > reached:
                break
            said = self._judge(self._notes, self._sound, start, end)
            if said is not None:
                self._windows.append((start, said))
                told = True
            self._next += 1
        needed = min(origin + self.hop * self._next, self.now - self.window)
        self._notes.forget(needed)
        self._sound.forget(needed)
        return told

    def _skip(self, origin: float) -> None:
        """Pass over the windows of a rest, however long it is."""
        start = origin + self.hop * self._next
        if self._sound.now <= start:
            onset = min(self._notes.next_onset(start), self.now)
            first = math.floor((onset - origin - self.window) / self.hop)
            self._next = max(self._next, first)

    def _reached(self) -> float:
        """Return up to which second all has come; what lags by a window is not waited for."""
        came = [now for now in (self._notes.now, self._sound.now) if now > 0]
        return max(min(came, default=0.0), self.now - self.window)

    def _emotion(self) -> Emotion:
        self._refreshed = self.now
        said = self._judge(self._notes, self._sound, self.now - self.window, self.now)
        if said is None:
            nothing = f"nothing was heard in the last {self.window:g} s"
            said = _Said(np.full(4, 0.25), 0.0, 0.0, (nothing,))
        return Emotion(
            source="stream",
            probabilities=dict(zip(QUADRANTS, said.probabilities.tolist())),
            valence=said.valence,
            arousal=said.arousal,
            curve=self._curve(),
            modalities=self._judge.modalities,
            model=self._judge.name,
            warnings=said.warnings,
        )

    def _curve(self) -> Curve:
        times = np.array([start for start, _ in self._windows])
        rows = [said for _, said in self._windows]
        duration = max(self._notes.duration, self._sound.now)
        return Curve(
            times,
            np.minimum(times + self.window, duration),
            np.array([said.probabilities for said in rows]).reshape(-1, 4),
            np.array([said.valence for said in rows]),
            np.array([said.arousal for said in rows]),
        )


class _OfNotes:
    """The bundled model: its windows begin at the first note."""

    modalities: tuple[str, ...] = ("symbolic",)

    def __init__(self, model: SymbolicEmotionModel | None) -> None:
        self.model = load_pretrained() if model is None else model
        self.name = self.model.name

    def __call__(
        self, notes: NoteStream, sound: SoundBuffer, start: float, end: float
    ) -> _Said | None:
        heard = notes.notes(start, end)
        heard = heard[~heard["is_drum"]]
        if not len(heard):
            return None
        row = describe_symbolic(heard)[None].astype(np.float32)
        probabilities = self.model.probabilities(row)[0]
        valence, arousal = valence_arousal(probabilities).tolist()
        return _Said(probabilities, valence, arousal, doubts(self.model, row, len(heard)))

    def origin(self, notes: NoteStream) -> float | None:
        return notes.first

    def due(self, notes: NoteStream, sound: SoundBuffer, window: float, hop: float) -> int:
        if notes.first is None or notes.last is None:
            return 0
        return 1 + max(math.floor((notes.last - notes.first - window) / hop) + 1, 0)


class _OfRecognizer:
    """A recogniser of the user's: its windows begin at the beginning."""

    def __init__(self, model: EmotionRecognizer) -> None:
        self.model = model
        self.name = model_name(model)
        self.modalities = tuple(m for m in model.hearing_.modalities if m != "lyrics")
        if not Target.of(model.target).has_plane or not self.modalities:
            raise ChordmerError(
                "a stream wants a model that hears notes or sound and answers with quadrants, or "
                "with valence and arousal",
                source="stream",
                stage="model",
                value=self.name,
            )

    def __call__(
        self, notes: NoteStream, sound: SoundBuffer, start: float, end: float
    ) -> _Said | None:
        piece = notes.piece(start, end)
        part = sound.samples(start, end)
        enough = len(part) >= min(SHORTEST * (sound.sr or 1.0), sound.length) > 0
        track = Track(
            "stream",
            symbolic=piece if len(piece.notes) else None,
            audio=(part, sound.sr) if enough else None,
        )
        if track.symbolic is None and track.audio is None:
            return None
        kept, quadrants, plane = judged(self.model, [track])
        return _Said(quadrants[0], *plane[0].tolist()) if kept else None

    def origin(self, notes: NoteStream) -> float | None:
        return 0.0

    def due(self, notes: NoteStream, sound: SoundBuffer, window: float, hop: float) -> int:
        duration = max(notes.duration, sound.now)
        return 1 + max(0, math.ceil((duration - window) / hop))
