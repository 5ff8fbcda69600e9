"""Real MIDI files: against mido's messages and playback clock, and mutated at random."""

import os
from collections import defaultdict, deque

import mido
import numpy as np
import pytest
from corpora import bundled_midi, corpora, midi_files
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chordmer.errors import MidiError
from chordmer.io import Limits, _compiled, read_midi
from chordmer.notes import Symbolic

MUTANTS = 20_000 if os.environ.get("CHORDMER_SOAK") else 300
BUNDLED = [path.read_bytes() for path in bundled_midi()]


def notes_of(messages):
    """Notes of one track by the documented rules: (onset, pitch, channel, end, velocity)."""
    tick, open_notes, notes = 0, defaultdict(deque), []
    for message in messages:
        tick += message.time
        if message.type in ("note_on", "note_off"):
            queue = open_notes[message.channel, message.note]
            if message.type == "note_on" and message.velocity:
                queue.append((tick, message.note, message.channel, message.velocity))
            elif queue:
                onset, pitch, channel, velocity = queue.popleft()
                notes.append((onset, pitch, channel, tick, velocity))
    for queue in open_notes.values():
        notes += [(onset, p, channel, tick, velocity) for onset, p, channel, velocity in queue]
    return [note for note in notes if note[3] > note[0]]


class Clock:
    """When each tick is played: mido's own time at its events, mido's conversion between them."""

    def __init__(self, ticks_per_beat):
        self.ticks_per_beat = ticks_per_beat
        self.events = {0: (0.0, 500_000)}

    def __getitem__(self, tick):
        if tick not in self.events:  # mido drops the end of each track but the last
            before = max(known for known in self.events if known < tick)
            second, tempo = self.events[before]
            return second + mido.tick2second(tick - before, self.ticks_per_beat, tempo)
        return self.events[tick][0]


def oracle(path):
    """Notes with their programs, the playback clock, texts and metres, as mido has them."""
    file = mido.MidiFile(path)
    notes = [note for track in file.tracks for note in notes_of(track)]
    clock, programs, texts, metres = Clock(file.ticks_per_beat), defaultdict(list), [], {}
    tick, second, tempo = 0, 0.0, 500_000
    for message, played in zip(file.merged_track, file):
        tick += message.time
        second += played.time
        tempo = message.tempo if message.type == "set_tempo" else tempo
        clock.events[tick] = second, tempo
        if message.type == "program_change":
            programs[message.channel].append((tick, message.program))
        elif message.type == "time_signature":
            metres[tick] = (message.numerator, message.denominator)
        elif message.is_meta and (text := getattr(message, "text", getattr(message, "name", ""))):
            texts.append((tick, text.encode("latin-1")))
    rows = []
    for onset, pitch, channel, end, velocity in notes:
        before = [program for at, program in programs[channel] if at <= onset]
        rows.append((onset, pitch, channel, end, velocity, before[-1] if before else 0))
    return sorted(rows), clock, texts, metres


def check_against_mido(path):
    rows, clock, texts, metres = oracle(path)
    piece = read_midi(path)
    notes = piece.notes
    end = notes["onset_tick"] + notes["duration_tick"]
    columns = (notes["onset_tick"], notes["pitch"], notes["channel"], end)
    columns += (notes["velocity"], notes["program"])
    assert sorted(zip(*(column.tolist() for column in columns))) == rows
    assert (np.diff(notes["onset_tick"]) >= 0).all()
    played = np.array([clock[tick] for tick in notes["onset_tick"].tolist()])
    assert np.abs(notes["onset_sec"] - played).max(initial=0) < 1e-6
    released = np.array([clock[tick] for tick in end.tolist()])
    assert np.abs(notes["onset_sec"] + notes["duration_sec"] - released).max(initial=0) < 1e-6
    assert sorted((text.tick, text.raw) for text in piece.texts) == sorted(texts)
    assert all(text.sec == pytest.approx(clock[text.tick], abs=1e-6) for text in piece.texts)
    assert {0: (4, 4), **metres} == {
        row[0]: (row[1], row[2]) for row in piece.time_signatures.tolist()
    }


def test_messages_and_clock_are_mido_s():
    files = midi_files()
    assert len(files) >= 24
    assert corpora() is None or len(files) > 24
    for path in files:
        try:
            check_against_mido(path)
        except AssertionError as difference:
            raise AssertionError(f"{path.name} differs from mido: {difference}") from difference


def same(one: Symbolic, other: Symbolic) -> None:
    assert one.notes.tobytes() == other.notes.tobytes()
    assert one.tempo_map.ticks.tolist() == other.tempo_map.ticks.tolist()
    assert one.tempo_map.starts.tolist() == other.tempo_map.starts.tolist()
    assert one.time_signatures.tolist() == other.time_signatures.tolist()
    assert list(one.texts) == list(other.texts)
    assert one.end_tick == other.end_tick
    assert one.report == other.report


def both_ways(data, monkeypatch, **options):
    """What the plain and the compiled scanner make of `data`: the same piece or the same error."""
    found = []
    for plain_bytes in (1 << 40, -1):
        monkeypatch.setattr(_compiled, "_PLAIN_BYTES", plain_bytes)
        try:
            found.append(read_midi(data, **options))
        except MidiError as error:
            found.append(error)
    plain, fast = found
    if isinstance(plain, MidiError):
        assert str(plain) == str(fast)
        return None
    same(plain, fast)
    return plain


@pytest.mark.parametrize("pedal", [False, True])
def test_plain_and_compiled_scanner_agree_on_real_files(monkeypatch, pedal):
    for data in BUNDLED:
        assert both_ways(data, monkeypatch, pedal=pedal) is not None


def test_the_pedal_only_ever_lengthens_notes():
    for path in midi_files()[:200]:
        dry, wet = read_midi(path), read_midi(path, pedal=True)
        assert (wet.notes["duration_tick"] >= dry.notes["duration_tick"]).all()
        assert (wet.notes["onset_tick"] == dry.notes["onset_tick"]).all()
        assert (wet.notes["onset_tick"] + wet.notes["duration_tick"]).max() <= wet.end_tick


mutations = st.lists(
    st.one_of(
        st.tuples(st.just("set"), st.integers(0, 1 << 20), st.integers(0, 255)),
        st.tuples(st.just("flip"), st.integers(0, 1 << 20), st.integers(0, 7)),
        st.tuples(st.just("delete"), st.integers(0, 1 << 20), st.integers(1, 40)),
        st.tuples(st.just("insert"), st.integers(0, 1 << 20), st.binary(min_size=1, max_size=8)),
        st.tuples(st.just("repeat"), st.integers(0, 1 << 20), st.integers(1, 400)),
        st.tuples(st.just("cut"), st.integers(0, 1 << 20), st.none()),
        st.tuples(
            st.just("status"), st.integers(0, 1 << 20), st.sampled_from(b"\xf0\xf7\xff\x90\xc0")
        ),
    ),
    min_size=1,
    max_size=8,
)


def mutated(data, changes):
    out = bytearray(data)
    for kind, place, value in changes:
        # Half of all damage hits headers, where lengths and names are.
        at = place // 2 % (60 if place % 2 else len(out)) if out else 0
        at = min(at, max(len(out) - 1, 0))
        if kind == "cut":
            del out[at:]
        elif kind == "delete":
            del out[at : at + value]
        elif kind == "insert":
            out[at:at] = value
        elif kind == "repeat":
            out[at:at] = out[at : at + value]
        elif out:
            out[at] = out[at] ^ (1 << value) if kind == "flip" else value
    return bytes(out)


def check_sound(piece, data):
    notes = piece.notes
    assert len(notes) <= len(data) // 3
    assert (notes["onset_tick"] >= 0).all()
    assert (notes["duration_tick"] > 0).all()
    assert ((notes["pitch"] >= 0) & (notes["pitch"] < 128)).all()
    assert ((notes["velocity"] > 0) & (notes["velocity"] < 128)).all()
    assert ((notes["channel"] >= 0) & (notes["channel"] < 16)).all()
    assert ((notes["program"] >= 0) & (notes["program"] < 128)).all()
    assert (notes["is_drum"] == (notes["channel"] == 9)).all()
    assert np.isfinite(notes["onset_sec"]).all()
    assert piece.duration <= 6 * 3600 * (1 + 1e-9)
    order = np.lexsort((notes["channel"], notes["pitch"], notes["onset_tick"]))
    assert (order == np.arange(len(notes))).all()
    assert (np.diff(piece.tempo_map.ticks) > 0).all()
    assert (piece.tempo_map.seconds_per_beat > 0).all()
    assert piece.tempo_map.ticks[0] == piece.time_signatures["tick"][0] == 0
    assert sum(len(text.raw) for text in piece.texts) <= len(data)
    assert all(count > 0 for count in piece.report.counts.values())


@pytest.mark.soak
@settings(
    max_examples=MUTANTS, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.sampled_from(BUNDLED), mutations, st.booleans())
def test_mutated_real_files_load_or_are_refused(monkeypatch, data, changes, pedal):
    data = mutated(data, changes)
    piece = both_ways(data, monkeypatch, pedal=pedal)
    if piece is not None:
        check_sound(piece, data)


@pytest.mark.soak
@settings(
    max_examples=MUTANTS // 3,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.binary(max_size=400), st.integers(0, 2), st.integers(0, 0xFFFF))
def test_random_bytes_behind_a_header_load_or_are_refused(monkeypatch, noise, kind, division):
    data = b"MThd\0\0\0\6" + bytes([0, kind, 0, 1, division >> 8, division & 255])
    data += b"MTrk" + len(noise).to_bytes(4, "big") + noise
    piece = both_ways(data, monkeypatch, limits=Limits(notes=20, text_bytes=50))
    if piece is not None:
        check_sound(piece, data)
