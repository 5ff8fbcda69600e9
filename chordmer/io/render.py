"""Notes to sound: every MIDI corpus is also an audio corpus."""

from __future__ import annotations

import math
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chordmer.errors import AudioError, MissingExtraError
from chordmer.io.decode import AudioLimits, check_rate
from chordmer.io.symbolic import read_symbolic
from chordmer.notes import Symbolic

__all__ = ["render", "soundfont"]

#: The synthesizer's best interpolation between the samples of the SoundFont.
_QUALITY = 4
#: Seconds of all notes together that are rendered: some minutes of work.
_MOST_SOUNDING = 1e6

_DEFAULT = AudioLimits()


def soundfont() -> Path:
    """Return where the General MIDI SoundFont is that comes with pretty_midi (TimGM6mb, 6 MB).

    Raises
    ------
    MissingExtraError
        If pretty_midi is not installed.
    """
    package = find_spec("pretty_midi")
    if package is None or package.origin is None:
        raise MissingExtraError.of("pretty_midi", "audio")
    return Path(package.origin).with_name("TimGM6mb.sf2")


def render(
    source: Any,
    sr: int = 44100,
    *,
    mono: bool = True,
    pedal: bool = True,
    limits: AudioLimits = _DEFAULT,
) -> NDArray[np.float32]:
    """Play symbolic music.

    Notes with their velocities and programs are played, drums on the drum kit; volume, panning and
    pitch bends are not. The same notes give the same bytes, on any machine of one kind.

    Parameters
    ----------
    source : Symbolic, Track, path or anything `read_symbolic` reads
    sr : int, default 44100
        Sample rate in Hz.
    mono : bool, default True
        Whether the two channels are averaged.
    pedal : bool, default True
        Whether the sustain pedal holds notes, where `source` is yet to be read.
    limits : AudioLimits
        By default up to 2 h.

    Returns
    -------
    ndarray of float32, shape (samples,), or (2, samples) unless `mono`
        With the notes' release after the last of them; a piece without notes is a second of
        silence. Loud pieces may pass beyond [-1, 1].

    Raises
    ------
    AudioError
        If the piece is too long to be played, or a note cannot be.
    ChordmerError
        If `source` cannot be read.
    """
    check_rate(sr, "render", "sample rate", limits)
    piece = read_symbolic(source, pedal=pedal)
    notes = piece.notes
    if not len(notes):
        return np.zeros(sr if mono else (2, sr), np.float32)
    _check(piece, limits)
    try:
        from symusic import Note, Score, Synthesizer, Track
    except ImportError as missing:
        raise MissingExtraError.of("symusic", "audio") from missing

    score = Score(480, ttype="second")
    voices = np.where(notes["is_drum"], 128, 0) + notes["program"]
    for voice in np.unique(voices).tolist():
        part = notes[voices == voice]
        track = Track("", program=voice % 128, is_drum=voice >= 128, ttype="second")
        track.notes = Note.from_numpy(
            part["onset_sec"].astype(np.float32),
            part["duration_sec"].astype(np.float32),
            part["pitch"].astype(np.int8),
            part["velocity"].astype(np.int8),
            "second",
        )
        score.tracks.append(track)
    sound: NDArray[np.float32] = Synthesizer(str(soundfont()), int(sr), _QUALITY).render(
        score, True
    )
    return sound.mean(axis=0) if mono else np.ascontiguousarray(sound)


def _check(piece: Symbolic, limits: AudioLimits) -> None:
    notes = piece.notes
    if not 0 <= piece.duration <= limits.seconds:
        raise AudioError(
            f"longer than {limits.seconds:g} s",
            source=piece.source,
            stage="rendering",
            value=piece.duration,
        )
    for field, lowest, highest in (
        ("pitch", 0, 127),
        ("velocity", 0, 127),
        ("program", 0, 127),
        ("onset_sec", 0, math.inf),
        ("duration_sec", 0, math.inf),
    ):
        wrong = ~((notes[field] >= lowest) & (notes[field] <= highest))
        if wrong.any():
            raise AudioError(
                f"a note whose {field} cannot be played",
                source=piece.source,
                stage="rendering",
                value=notes[field][wrong][0],
            )
    sounding = float(notes["duration_sec"].sum())
    if sounding > _MOST_SOUNDING:
        raise AudioError(
            f"notes that sound for more than {_MOST_SOUNDING:g} s together",
            source=piece.source,
            stage="rendering",
            value=sounding,
        )
