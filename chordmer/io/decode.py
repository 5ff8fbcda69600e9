"""Sound files: bytes in, blocks of samples out.

Nothing a file says about itself is believed: its length is what can be decoded from it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from chordmer.errors import AudioError, MissingExtraError, printable

__all__ = ["AudioLimits", "Decoded", "check_channels", "check_rate", "decode"]

#: A sample rate, and blocks of decoded sound, (channels, samples).
Decoded = tuple[float, Iterator[NDArray[Any]]]

#: Samples (a channel) decoded at once: 6 s at 44.1 kHz.
_BLOCK = 1 << 18
_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)

#: First bytes of the files libsndfile is asked to open; it knows more kinds than these.
_MAGIC = (b"RIFF", b"RIFX", b"RF64", b"riff", b"fLaC", b"OggS", b"FORM", b"caff", b".snd", b"ID3")


@dataclass(frozen=True)
class AudioLimits:
    """Caps on what is read; above any of them a source is refused.

    Parameters
    ----------
    seconds : float
        Length of what is decoded, before resampling.
    channels : int
        Channels of a source.
    lowest_sr, highest_sr : float
        Range of sample rates in Hz, of the source as of the result.
    """

    seconds: float = 7200.0
    channels: int = 32
    lowest_sr: float = 4000.0
    highest_sr: float = 384_000.0


def check_rate(sr: Any, name: str, stage: str, limits: AudioLimits) -> None:
    """Refuse a sample rate beyond `limits`, or what is none."""
    number = isinstance(sr, (int, float, np.integer, np.floating))
    if not (number and limits.lowest_sr <= sr <= limits.highest_sr):
        allowed = f"{limits.lowest_sr:g} to {limits.highest_sr:g} Hz"
        raise AudioError(f"sample rate must be {allowed}", source=name, stage=stage, value=sr)


def check_channels(channels: int, name: str, limits: AudioLimits) -> None:
    """Refuse a number of channels beyond `limits`."""
    if not 1 <= channels <= limits.channels:
        raise AudioError(
            f"from 1 to {limits.channels} channels can be read",
            source=name,
            stage="channels",
            value=channels,
        )


def decode(source: Any, name: str, offset: float, limits: AudioLimits) -> Decoded:
    """Return the sample rate and the blocks of the file `source`, a path or its bytes.

    They start `offset` seconds into the file. The file is closed when the blocks are used up or
    let go.

    Raises
    ------
    AudioError
        If it is no regular file that holds sound, or beyond `limits`.
    MissingExtraError
        If a package is needed that is not installed.
    """
    file = _opened(source, name)
    try:
        start = file.read(12)
        file.seek(0)
        if start[:4] == b"MThd":
            raise AudioError(
                "a MIDI file; `render` makes sound of it", source=name, stage="opening"
            )
        if start[4:8] == b"ftyp" or _is_adts(start):
            rate, blocks = _with_pyav(file, name)
        else:
            if not start.startswith(_MAGIC) and start[:1] != b"\xff":
                raise AudioError("not a sound file that can be read", source=name, stage="opening")
            rate, blocks = _with_libsndfile(file, name, offset, limits)
            offset = 0.0
        check_rate(rate, name, "header", limits)
    except BaseException:
        file.close()
        raise
    return rate, _after(round(offset * rate), blocks, file)


def _after(skip: int, blocks: Iterator[NDArray[Any]], file: BinaryIO) -> Iterator[NDArray[Any]]:
    """Yield what comes after the first `skip` samples, and close the file in the end."""
    with file:
        for block in blocks:
            skipped = min(skip, block.shape[1])
            skip -= skipped
            if skipped < block.shape[1]:
                yield block[:, skipped:]


def _opened(source: Any, name: str) -> BinaryIO:
    if isinstance(source, (bytes, bytearray, memoryview)):
        return BytesIO(source)
    try:
        # Opening a device may act on it, so look first; and again once it is open.
        if stat.S_ISREG(os.stat(name).st_mode):
            file = os.fdopen(os.open(name, _READ), "rb")
            if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return file
            file.close()
    except (OSError, ValueError) as problem:  # ValueError: a null byte in the name
        reason = problem.strerror if isinstance(problem, OSError) else problem
        raise AudioError(f"cannot be opened: {reason}", source=name, stage="opening") from problem
    raise AudioError("not a regular file", source=name, stage="opening")


def _is_adts(start: bytes) -> bool:
    """Return whether an AAC stream begins so: MP3's sync word, but layer 0."""
    return len(start) > 1 and start[0] == 0xFF and start[1] & 0xF6 == 0xF0


@contextmanager
def _refusing(name: str, stage: str) -> Iterator[None]:
    """Turn whatever a decoder raises into an AudioError."""
    try:
        yield
    except AudioError:
        raise
    except Exception as problem:
        text = printable(problem).rpartition(": ")[2]
        raise AudioError(f"cannot be decoded: {text}", source=name, stage=stage) from problem


def _with_libsndfile(file: BinaryIO, name: str, offset: float, limits: AudioLimits) -> Decoded:
    try:
        import soundfile
    except ImportError as missing:
        raise MissingExtraError.of("soundfile", "audio") from missing

    with _refusing(name, "header"):
        sound = soundfile.SoundFile(file)
    check_channels(sound.channels, name, limits)
    if offset:
        with _refusing(name, "offset"):
            sound.seek(min(round(offset * sound.samplerate), sound.frames))

    def blocks() -> Iterator[NDArray[Any]]:
        with sound:
            while True:
                with _refusing(name, "decoding"):
                    block = sound.read(_BLOCK, dtype="float32", always_2d=True)
                if not len(block):
                    return
                yield block.T

    return sound.samplerate, blocks()


def _with_pyav(file: BinaryIO, name: str) -> Decoded:
    """Decode M4A and AAC, which libsndfile does not read."""
    try:
        import av
    except ImportError as missing:
        raise MissingExtraError.of("PyAV, which reads M4A and AAC,", "m4a") from missing

    with _refusing(name, "header"):
        container = av.open(file, "r")
        if not container.streams.audio:
            raise AudioError("there is no sound in it", source=name, stage="header")
        stream = container.streams.audio[0]

    def blocks() -> Iterator[NDArray[Any]]:
        planar = av.AudioResampler(format="fltp")
        with container, _refusing(name, "decoding"):
            for frame in container.decode(stream):
                for part in planar.resample(frame):
                    yield np.asarray(part.to_ndarray())

    return stream.rate, blocks()
