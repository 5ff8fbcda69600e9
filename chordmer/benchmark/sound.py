"""Sound for tracks that have notes only, so that every corpus of MIDI can be listened to."""

from __future__ import annotations

import secrets
import wave
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from chordmer.augment import excerpt
from chordmer.errors import ChordmerError
from chordmer.features.embedding_cache import content_key
from chordmer.io import read_symbolic, render
from chordmer.recognizer.feature_cache import code_key, source_key
from chordmer.track import Track

__all__ = ["render_tracks"]

_RATE = 44100
#: Of the rendered waveform, which passes 1 where very much sounds at once: then it is clipped.
_GAIN = 0.5


def render_tracks(
    tracks: Sequence[Track], folder: Path, *, seconds: float | None = 25.0
) -> Iterator[Track]:
    """Yield each track; one with notes and without sound has the sound of its notes.

    Parameters
    ----------
    tracks : sequence of Track
    folder : Path
        Where the sound is kept: mono WAV files of 16 bits and 44.1 kHz, 88 kB a second, all at the
        same gain. One that is there already is not made again.
    seconds : float or None, default 25
        Of each piece that are made sound, from the start; None: all.

    Raises
    ------
    ChordmerError
        If the folder cannot be written to. A piece that cannot be read stays as it is: whoever
        listens to it says what is wrong.
    """
    for track in tracks:
        if track.audio is not None or track.symbolic is None:
            yield track
            continue
        try:
            key = content_key(
                code_key(Track), f"{seconds} {_RATE} {_GAIN}", source_key(track.symbolic)
            )
            file = folder / f"{key.hex()[:32]}.wav"
            if not file.is_file():
                piece = read_symbolic(track)
                _write(file, render(excerpt(piece, seconds=seconds) if seconds else piece, _RATE))
        except ChordmerError:
            yield track
        except OSError as error:
            raise ChordmerError(
                f"sound cannot be kept there: {error.strerror}", source=folder, stage="rendering"
            ) from error
        else:
            yield replace(track, audio=file)


def _write(file: Path, samples: np.ndarray) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{secrets.token_hex(8)}")
    try:
        with wave.open(str(draft), "wb") as out:
            out.setnchannels(1)
            out.setsampwidth(2)
            out.setframerate(_RATE)
            out.writeframes(
                np.rint(np.clip(_GAIN * samples, -1, 1) * 32767).astype("<i2").tobytes()
            )
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)
