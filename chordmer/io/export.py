"""From a `Symbolic` to what other packages read."""

from __future__ import annotations

from typing import Any

from chordmer.errors import MidiError
from chordmer.notes import Symbolic

__all__ = ["to_pretty_midi"]


def to_pretty_midi(piece: Symbolic) -> Any:
    """Return `piece` as a `pretty_midi.PrettyMIDI`: one instrument a channel and program.

    Notes keep their seconds; tempi, time signatures, lyrics and texts come along. PrettyMIDI counts
    no more than 10 million ticks, so a longer piece gets fewer ticks a beat.

    Parameters
    ----------
    piece : Symbolic

    Returns
    -------
    pretty_midi.PrettyMIDI

    Raises
    ------
    MidiError
        If the piece does not fit into PrettyMIDI's ticks.
    """
    import pretty_midi

    tempi = piece.tempo_map
    beat = tempi.ticks_per_beat
    last = max(
        piece.end_tick,
        int((piece.notes["onset_tick"] + piece.notes["duration_tick"]).max(initial=0)),
    )
    most = int(pretty_midi.pretty_midi.MAX_TICK) - 1
    step = next((d for d in range(1, beat + 1) if beat % d == 0 and last // d < most), None)
    if step is None:
        raise MidiError(
            "too many ticks for PrettyMIDI", source=piece.source, stage="export", value=last
        )
    made = pretty_midi.PrettyMIDI(resolution=beat // step)
    made._tick_scales = [
        (int(tick) // step, float(length) / made.resolution)
        for tick, length in zip(tempi.ticks, tempi.seconds_per_beat)
    ]
    made._update_tick_to_time(last // step + 1)
    made.time_signature_changes = [
        pretty_midi.TimeSignature(int(row["numerator"]), int(row["denominator"]), float(sec))
        for row, sec in zip(piece.time_signatures, tempi.seconds(piece.time_signatures["tick"]))
    ]
    for event in piece.texts:
        text = event.raw.decode("utf-8", "replace")
        if event.kind == "lyric":
            made.lyrics.append(pretty_midi.Lyric(text, event.sec))
        else:
            made.text_events.append(pretty_midi.Text(text, event.sec))
    instruments: dict[tuple[int, int, bool], Any] = {}
    for note in piece.notes:
        key = (int(note["channel"]), int(note["program"]), bool(note["is_drum"]))
        if key not in instruments:
            instruments[key] = pretty_midi.Instrument(key[1], key[2])
        start = float(note["onset_sec"])
        instruments[key].notes.append(
            pretty_midi.Note(
                int(note["velocity"]),
                int(note["pitch"]),
                start,
                start + float(note["duration_sec"]),
            )
        )
    made.instruments = [instruments[key] for key in sorted(instruments)]
    return made
