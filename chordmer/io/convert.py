"""Music that other packages hold: PrettyMIDI, symusic and music21 objects, note arrays.

Their types are known by the name of their package, so that none of these packages is imported.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from chordmer.errors import ChordmerError, MidiError
from chordmer.io.assemble import tempo_map
from chordmer.io.gather import Gathering, channel_of, tempi_at_seconds, ticks_at
from chordmer.io.limits import Limits
from chordmer.io.note_arrays import from_note_array
from chordmer.notes import Symbolic

__all__ = ["from_object"]


def from_object(source: Any, pedal: bool, limits: Limits) -> Symbolic:
    """Return the piece that an object of another package holds.

    Raises
    ------
    ChordmerError
        If it is none that chordmer knows, or holds what no piece of music can.
    """
    packages = {kind.__module__.partition(".")[0] for kind in type(source).__mro__}
    gathering = Gathering(type(source).__name__, limits)
    try:
        if "pretty_midi" in packages:
            return _from_pretty_midi(source, pedal, gathering)
        if "symusic" in packages:
            return _from_symusic(source, pedal, gathering)
        if "music21" in packages:
            from chordmer.io.score import from_stream

            return from_stream(source, limits)
        if isinstance(source, np.ndarray) and source.dtype.names:
            return from_note_array(source, gathering)
    except ChordmerError:
        raise
    except (AttributeError, TypeError, ValueError, OverflowError, IndexError) as problem:
        raise gathering.refuse(f"cannot be converted: {problem}") from problem
    raise MidiError(
        "not a path, bytes or a piece of music", stage="opening", value=type(source).__name__
    )


def _from_pretty_midi(source: Any, pedal: bool, gathering: Gathering) -> Symbolic:
    notes = [
        (note, channel_of(index, instrument.is_drum), instrument.program, instrument.is_drum)
        for index, instrument in enumerate(source.instruments)
        for note in instrument.notes
    ]
    seconds, bpm = source.get_tempo_changes()
    tempi = tempi_at_seconds(
        seconds, 60.0 / np.asarray(bpm), source.resolution, gathering.found.assumed
    )
    metres = source.time_signature_changes
    pedals = [
        (
            int(ticks_at(tempi, change.time)),
            channel_of(index, instrument.is_drum) << 7 | change.value,
        )
        for index, instrument in enumerate(source.instruments)
        for change in instrument.control_changes
        if pedal and change.number == 64
    ]
    return gathering.symbolic(
        onset=[note.start for note, *_ in notes],
        end=[note.end for note, *_ in notes],
        pitch=[note.pitch for note, *_ in notes],
        velocity=[note.velocity for note, *_ in notes],
        channel=[channel for _, channel, _, _ in notes],
        program=[program for _, _, program, _ in notes],
        is_drum=[is_drum for *_, is_drum in notes],
        tempi=tempi,
        in_seconds=True,
        signatures=[(int(ticks_at(tempi, m.time)), m.numerator, m.denominator) for m in metres],
        texts=[
            (int(ticks_at(tempi, event.time)), kind, _raw(event.text), 0)
            for kind, events in (("lyric", source.lyrics), ("text", source.text_events))
            for event in events
        ],
        pedals=pedals,
    )


def _from_symusic(source: Any, pedal: bool, gathering: Gathering) -> Symbolic:
    in_seconds = type(source).__name__ == "ScoreSecond"
    if type(source).__name__ == "ScoreQuarter":
        source = source.to("tick")
    changes = source.tempos.numpy()
    lengths = changes["mspq"].astype(np.float64) * 1e-6
    assumed = gathering.found.assumed
    tempi = (
        tempi_at_seconds(changes["time"], lengths, source.ticks_per_quarter, assumed)
        if in_seconds
        else tempo_map(changes["time"].astype(np.int64), lengths, source.ticks_per_quarter, assumed)
    )

    def tick(time: float) -> int:
        return int(ticks_at(tempi, time)) if in_seconds else int(time)

    columns: dict[str, list[NDArray[Any]]] = {
        name: [np.empty(0)]
        for name in ("time", "duration", "pitch", "velocity", "channel", "program", "is_drum")
    }
    texts = [(tick(marker.time), "marker", _raw(marker.text), 0) for marker in source.markers]
    pedals: list[tuple[int, int]] = []
    for index, track in enumerate(source.tracks):
        channel = channel_of(index, track.is_drum)
        for name, values in track.notes.numpy().items():
            columns[name].append(values)
        for name, value in (
            ("channel", channel),
            ("program", track.program),
            ("is_drum", track.is_drum),
        ):
            columns[name].append(np.full(len(track.notes), value))
        texts += [(tick(lyric.time), "lyric", _raw(lyric.text), index) for lyric in track.lyrics]
        if pedal:
            for event in track.controls:
                if event.number == 64:
                    pedals.append((tick(event.time), channel << 7 | event.value))
    joined = {name: np.concatenate(parts) for name, parts in columns.items()}
    onset = joined.pop("time")
    return gathering.symbolic(
        onset=onset,
        end=onset + joined.pop("duration"),
        tempi=tempi,
        in_seconds=in_seconds,
        signatures=[
            (tick(metre.time), metre.numerator, metre.denominator)
            for metre in source.time_signatures
        ],
        texts=texts,
        pedals=pedals,
        **joined,
    )


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
