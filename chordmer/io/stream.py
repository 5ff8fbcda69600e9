"""What a music21 stream holds: sounding notes, tempo marks, metres, lyrics.

Objects are asked for by the names of their classes, so that music21 need not be imported here.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from chordmer.io.assemble import tempo_map
from chordmer.io.gather import Gathering, channel_of
from chordmer.io.note_arrays import TICKS_PER_BEAT
from chordmer.notes import Symbolic

__all__ = ["piece_in"]

#: Velocity without any dynamic mark: between mp and mf.
_VELOCITY = 64
#: Largest division of a MIDI file, so that what was a score can become one.
_FINEST = 32_767
#: Acoustic snare: for percussion that does not say what it is.
_SNARE = 38


@dataclass
class _Note:
    onset: Fraction
    end: Fraction
    pitch: int
    velocity: int
    channel: int
    program: int


def _exact(time: Any) -> Fraction:
    """Return a music21 offset or duration as the fraction it stands for."""
    return Fraction(time).limit_denominator(65_535)


def piece_in(stream: Any, gathering: Gathering, in_place: bool) -> Symbolic:
    """Return the piece in `stream`; `in_place` allows to transpose the stream itself."""
    parts = []
    for part in list(getattr(stream, "parts", ())) or [stream]:
        if part.atSoundingPitch is False:
            part = part.toSoundingPitch(inPlace=in_place) or part
        parts.append(part.flatten())
    # The staves of one instrument are parts of their own, with one set of dynamics between them.
    dynamics: dict[str, list[tuple[Fraction, int]]] = {}
    for part in parts:
        dynamics.setdefault(_instrument_of(part), []).extend(_dynamics(part))
    if not any(dynamics.values()):
        gathering.found.assumed.append(f"velocity {_VELOCITY}")
    notes = [
        note
        for index, part in enumerate(parts)
        for note in _notes(part, index, sorted(dynamics[_instrument_of(part)]))
    ]
    lyrics = [(*lyric, index) for index, part in enumerate(parts) for lyric in _lyrics(part)]
    whole = stream.flatten()
    tempi = _tempi(whole, gathering)
    metres = [
        (_exact(metre.offset), metre.numerator, metre.denominator)
        for metre in whole.getElementsByClass("TimeSignature")
    ]

    times = {time for note in notes for time in (note.onset, note.end)} | tempi.keys()
    beat = math.lcm(TICKS_PER_BEAT, *{time.denominator for time in times})
    if beat > _FINEST:
        beat = TICKS_PER_BEAT
        uneven = sum((time * beat).denominator != 1 for time in times)
        gathering.found.count("rounded_times", uneven)

    def tick(time: Fraction) -> int:
        return round(time * beat)

    return gathering.symbolic(
        onset=np.array([tick(note.onset) for note in notes], np.int64),
        end=np.array([tick(note.end) for note in notes], np.int64),
        pitch=[note.pitch for note in notes],
        velocity=[note.velocity for note in notes],
        channel=[note.channel for note in notes],
        program=[note.program for note in notes],
        is_drum=[note.channel == 9 for note in notes],
        tempi=tempo_map(
            np.array([tick(time) for time in tempi], np.int64),
            np.array([60.0 / bpm for bpm in tempi.values()]),
            beat,
            gathering.found.assumed,
        ),
        in_seconds=False,
        signatures=[(tick(time), over, under) for time, over, under in metres],
        texts=[(tick(time), kind, raw, part) for time, kind, raw, part in lyrics],
    )


def _instrument_of(part: Any) -> str:
    return str(part.id).partition("-Staff")[0]


def _dynamics(part: Any) -> Iterator[tuple[Fraction, int]]:
    for mark in part.getElementsByClass("Dynamic"):
        if mark.volumeScalar is not None:
            yield _exact(mark.offset), min(max(round(127 * mark.volumeScalar), 1), 127)


def _notes(part: Any, index: int, dynamics: list[tuple[Fraction, int]]) -> list[_Note]:
    """Return the sounding notes of a flat part, ties merged."""
    marked = [time for time, _ in dynamics]
    instruments = [(_exact(i.offset), i) for i in part.getElementsByClass("Instrument")]
    begins = [time for time, _ in instruments]
    notes: list[_Note] = []
    tied: dict[int, _Note] = {}
    for element in part.notes:
        if "Harmony" in element.classes:  # a chord symbol is read, not heard
            continue
        onset = _exact(element.offset)
        end = onset + _exact(element.quarterLength)
        at = bisect_right(marked, onset)
        level = dynamics[at - 1][1] if at else _VELOCITY
        at = max(bisect_right(begins, onset), 1)
        player = instruments[at - 1][1] if instruments else None
        for member in getattr(element, "notes", (element,)):
            note = _Note(onset, end, *_sound(member, player, index, level))
            if member.hasVolumeInformation() and member.volume.velocity is not None:
                note.velocity = member.volume.velocity
            tie = member.tie.type if member.tie is not None else None
            before = tied.pop(note.pitch, None) if tie in ("continue", "stop") else None
            if before is not None and before.end == onset:
                before.end = end
                note = before
            else:
                notes.append(note)
            if tie in ("start", "continue"):
                tied[note.pitch] = note
    return notes


def _sound(member: Any, player: Any, index: int, velocity: int) -> tuple[int, int, int, int]:
    """Return pitch, velocity, channel and program of one note."""
    program = getattr(player, "midiProgram", None) or 0
    if "Unpitched" in member.classes:
        own = member.storedInstrument or player
        pitch = getattr(own, "percMapPitch", None)
        return _SNARE if pitch is None else pitch, velocity, 9, 0
    is_drum = player is not None and "UnpitchedPercussion" in player.classes
    return member.pitch.midi, velocity, channel_of(index, is_drum), 0 if is_drum else program


def _lyrics(part: Any) -> Iterator[tuple[Fraction, str, bytes]]:
    """Yield syllables with their verse: ``lyric`` is the first, ``lyric_2`` the second."""
    for element in part.notes:
        for lyric in element.lyrics:
            if lyric.text:
                hyphen = "-" if lyric.syllabic in ("begin", "middle") else ""
                kind = "lyric" if lyric.number < 2 else f"lyric_{lyric.number}"
                yield _exact(element.offset), kind, (lyric.text + hyphen).encode()


def _tempi(whole: Any, gathering: Gathering) -> dict[Fraction, float]:
    """Return the beats a minute that tempo marks give, by offset."""
    tempi: dict[Fraction, float] = {}
    for mark in whole.getElementsByClass("MetronomeMark"):
        bpm = None if mark.number == 0 else mark.getQuarterBPM()
        if bpm is None or not 0 < bpm < 1e6:
            gathering.found.count("tempo_marks_without_number", 1)
            continue
        if mark.numberImplicit:
            gathering.found.assumed.append(f"tempo {bpm:g} BPM for the word {mark.text!r}")
        tempi[_exact(mark.offset)] = float(bpm)
    return tempi
