"""Other parsers of MIDI files, each brought to what chordmer gives: notes in seconds, tempo map.

Notes are one array a piece with onset and duration in seconds, pitch and velocity, in order of
onset; tempi are (second or tick, BPM) pairs as the package has them.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import mido
import numpy as np
import symusic

from chordmer.io import read_midi

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import miditoolkit
    import pretty_midi

NOTE = np.dtype([("onset", float), ("duration", float), ("pitch", "i2"), ("velocity", "i2")])


def chordmer_notes(path: Path) -> tuple[Any, Any]:
    piece = read_midi(path)
    return piece.notes, piece.tempo_map


def symusic_notes(path: Path) -> tuple[Any, Any]:
    score = symusic.Score(path)
    tracks = [track.notes.numpy() for track in score.to("second").tracks]
    notes = np.empty(sum(len(track["time"]) for track in tracks), NOTE)
    if tracks:
        for field, name in zip(NOTE.names, ("time", "duration", "pitch", "velocity")):
            notes[field] = np.concatenate([track[name] for track in tracks])
    return notes[np.lexsort((notes["pitch"], notes["onset"]))], score.tempos.numpy()


def symusic_columns(path: Path) -> tuple[Any, Any]:
    """The least that symusic can be asked for: columns by track, in no common order."""
    score = symusic.Score(path).to("second")
    return [track.notes.numpy() for track in score.tracks], score.tempos.numpy()


def pretty_midi_notes(path: Path) -> tuple[Any, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        midi = pretty_midi.PrettyMIDI(str(path))
    rows = [
        (note.start, note.end - note.start, note.pitch, note.velocity)
        for instrument in midi.instruments
        for note in instrument.notes
    ]
    return np.array(sorted(rows), NOTE), midi.get_tempo_changes()


def miditoolkit_notes(path: Path) -> tuple[Any, Any]:
    midi = miditoolkit.MidiFile(str(path))
    second = midi.get_tick_to_time_mapping()
    rows = [
        (second[note.start], second[note.end] - second[note.start], note.pitch, note.velocity)
        for instrument in midi.instruments
        for note in instrument.notes
    ]
    return np.array(sorted(rows), NOTE), [
        (change.time, change.tempo) for change in midi.tempo_changes
    ]


def mido_notes(path: Path) -> tuple[Any, Any]:
    """Mido has no notes: its messages, merged and timed by itself, paired first-in first-out."""
    now, rows, tempi, sounding = 0.0, [], [], {}
    for message in mido.MidiFile(path):
        now += message.time
        if message.type == "set_tempo":
            tempi.append((now, mido.tempo2bpm(message.tempo)))
        elif message.type == "note_on" and message.velocity:
            sounding.setdefault((message.channel, message.note), []).append((now, message.velocity))
        elif message.type in ("note_on", "note_off"):
            queue = sounding.get((message.channel, message.note))
            if queue:
                onset, velocity = queue.pop(0)
                rows.append((onset, now - onset, message.note, velocity))
    return np.array(sorted(rows), NOTE), tempi


#: How to read a file with each package.
PARSERS = {
    "chordmer": chordmer_notes,
    "symusic": symusic_notes,
    "symusic, columns by track": symusic_columns,
    "pretty_midi": pretty_midi_notes,
    "miditoolkit": miditoolkit_notes,
    "mido": mido_notes,
}


def onsets(notes: Any) -> dict[int, Any]:
    """Return the onsets in seconds, ascending, of each pitch of a note array."""
    field = "onset_sec" if "onset_sec" in notes.dtype.names else "onset"
    order = np.lexsort((notes[field], notes["pitch"]))
    pitches, begins = np.unique(notes["pitch"][order], return_index=True)
    return dict(zip(pitches.tolist(), np.split(notes[field][order], begins[1:])))


def played(path: Path) -> dict[int, Any]:
    """Return when mido's playback strikes each pitch, in seconds, ascending."""
    now, struck = 0.0, {}
    for message in mido.MidiFile(path):
        now += message.time
        if message.type == "note_on" and message.velocity:
            struck.setdefault(message.note, []).append(now)
    return {pitch: np.array(times) for pitch, times in struck.items()}


def worst_error(found: dict[int, Any], truth: dict[int, Any]) -> float:
    """Return how far in seconds a note is from where it is played, at worst.

    Where a parser has as many notes of a pitch as are played, they are compared in order; where it
    dropped some, each with the nearest that is played.
    """
    worst = 0.0
    for pitch, times in found.items():
        real = truth[pitch]
        if len(times) == len(real):
            errors = np.abs(times - real)
        else:
            place = np.searchsorted(real, times).clip(1, max(len(real) - 1, 1))
            after = real[np.minimum(place, len(real) - 1)]
            errors = np.minimum(np.abs(real[place - 1] - times), np.abs(after - times))
        worst = max(worst, float(errors.max()))
    return worst
