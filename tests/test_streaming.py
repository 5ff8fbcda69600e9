"""The stream of a piece ends in the course of the whole piece, and keeps little of the past."""

import mido
import numpy as np
import pytest
from corpora import bundled_midi
from hypothesis import given, settings
from hypothesis import strategies as st
from songs import songs, sound

import chordmer
from chordmer import EmotionRecognizer, StreamingRecognizer, Track
from chordmer.errors import AudioError, ChordmerError, MidiError
from chordmer.streaming import NoteStream

ON, OFF = 0x90, 0x80


def events_of(path):
    """Every event of a file as (seconds, message, track), timed by mido's own arithmetic."""
    midi = mido.MidiFile(path)
    ticked = [
        (tick, message, number)
        for number, track in enumerate(midi.tracks)
        for tick, message in zip(np.cumsum([m.time for m in track]), track)
    ]
    ticked.sort(key=lambda event: event[0])
    seconds, last, tempo, events = 0.0, 0, 500_000, []
    for tick, message, track in ticked:
        seconds += mido.tick2second(int(tick - last), midi.ticks_per_beat, tempo)
        last = tick
        if message.type == "set_tempo":
            tempo = message.tempo
        events.append((seconds, message, track))
    return events


def phrase(start=0.0, notes=20, step=0.5, root=60):
    """A scale as raw messages."""
    for i in range(notes):
        yield start + i * step, (ON, root + i % 12, 70)
        yield start + i * step + 0.9 * step, (OFF, root + i % 12, 0)


def same(streamed, offline, atol=1e-9):
    assert len(streamed) == len(offline) > 0
    for name in ("times", "ends", "probabilities", "valence", "arousal"):
        np.testing.assert_allclose(getattr(streamed, name), getattr(offline, name), atol=atol)


@pytest.mark.parametrize("path", [chordmer.example(), *bundled_midi()[::40]], ids=lambda p: p.stem)
def test_the_stream_of_a_file_ends_in_the_course_of_the_file(path):
    live = StreamingRecognizer()
    for event in events_of(path):
        live.push([event])
    same(live.close().curve, chordmer.predict(path).curve)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=6), st.sampled_from([3.0, 5.0, 20.0]))
@settings(max_examples=15, deadline=None)
def test_the_course_does_not_depend_on_how_events_are_parcelled(sizes, hop):
    events = [*phrase(1.5), *phrase(60.0, notes=50)]
    whole = StreamingRecognizer(hop=hop)
    whole.push(events)
    parts, at = StreamingRecognizer(hop=hop), 0
    while at < len(events):
        for size in sizes:
            parts.push(events[at : at + size])
            at += size
    same(parts.close().curve, whole.close().curve)


@pytest.fixture(scope="module")
def recogniser():
    """Of notes and sound together."""
    tracks, y = songs(n=3, clips=1, audio=True)
    model = EmotionRecognizer(["symbolic", "descriptors"], calibration=0, random_state=0)
    return model.fit(tracks, y)


@pytest.fixture(scope="module")
def listener():
    """Of sound alone."""
    tracks, y = songs(n=3, clips=1, audio=True)
    return EmotionRecognizer(["gtf"], calibration=0, random_state=0).fit(tracks, y)


def test_blocks_of_sound_end_in_the_course_of_the_recording(listener):
    y, sr = sound("Q2", 3, seconds=23.3)
    live = StreamingRecognizer(listener, window=6, hop=2.5, sr=sr)
    for start in range(0, len(y), 999):
        live.push(y[start : start + 999])
    offline = listener.predict_emotion([Track("a", audio=(y, sr))], window=6, hop=2.5)[0]
    same(live.close().curve, offline.curve, atol=1e-6)


def test_a_model_that_hears_both_waits_for_both(recogniser):
    y, sr = sound("Q1", 5, seconds=20.0)
    notes = list(phrase(0.25, notes=36))
    live = StreamingRecognizer(recogniser, window=6, hop=3, sr=sr)
    for second in range(20):
        live.push(y[second * sr : (second + 1) * sr])
        live.push([e for e in notes if second <= e[0] < second + 1], now=second + 1)
    piece = NoteStream()
    piece.push(notes)
    track = Track("a", symbolic=piece.piece(0, 20), audio=(y, sr))
    offline = recogniser.predict_emotion([track], window=6, hop=3)[0]
    same(live.close().curve, offline.curve, atol=1e-6)


def test_the_answer_of_the_moment_is_that_of_the_last_window():
    live = StreamingRecognizer(window=10)
    loud = live.push(phrase(0, notes=60, step=0.2, root=48), now=12.0)
    live.push(phrase(40, notes=8, step=1.5, root=80), now=52.0)
    soft = live.push([], now=52.5)
    notes = NoteStream()
    notes.push(phrase(40, notes=8, step=1.5, root=80), now=52.5)
    alone = chordmer.predict(notes.notes(42.5, 52.5))
    assert soft.probabilities == pytest.approx(alone.probabilities)
    assert loud.probabilities != pytest.approx(soft.probabilities)


def test_the_answer_is_refreshed_every_second_and_not_more_often():
    live = StreamingRecognizer(refresh=1.0)
    answers = [live.push([event]) for event in phrase(0, notes=40, step=0.25)]
    assert len({id(answer) for answer in answers}) == 10


def test_silence_is_no_emotion():
    first = StreamingRecognizer().push([], now=3.0)
    assert set(first.probabilities.values()) == {0.25}
    assert "nothing was heard" in first.warnings[0]
    assert len(StreamingRecognizer().close().curve) == 0


def test_memory_does_not_grow_with_the_stream(monkeypatch):
    monkeypatch.setattr("chordmer.streaming.recognizer._MOST_WINDOWS", 20)
    live = StreamingRecognizer(window=5, hop=5, refresh=50)
    for start in range(0, 300, 10):
        live.push(phrase(start, notes=10, step=1.0))
        assert len(live._notes._notes) <= 40
    assert live.close().curve.times.tolist() == [200.0 + 5 * i for i in range(20)]


def test_sound_of_the_past_is_forgotten(listener):
    live = StreamingRecognizer(listener, window=2, hop=1, refresh=30, sr=8000)
    for _ in range(60):
        live.push(np.zeros(4000, np.float32))
        assert sum(map(len, live._sound._blocks)) <= 8000 * 5


def test_a_modality_that_stops_is_not_waited_for(recogniser):
    live = StreamingRecognizer(recogniser, window=4, hop=2, refresh=100, sr=8000)
    live.push([(0.5, (ON, 60, 80)), (1.0, (OFF, 60, 0))])
    for _ in range(30):
        live.push(sound("Q1", 1)[0])
    assert len(live._windows) >= 11
    assert sum(map(len, live._sound._blocks)) <= 8000 * 9


def test_a_rest_of_years_costs_nothing():
    live = StreamingRecognizer()
    live.push(phrase(0), now=1e9)
    live.push([(1e9, (ON, 60, 80)), (1e9 + 1, (OFF, 60, 0))])
    curve = live.close().curve
    assert curve.times.max() >= 1e9 - 15
    assert len(curve) < 10


def test_notes_are_paired_as_in_files():
    stream = NoteStream()
    stream.push(
        [
            (0.0, (ON, 60, 80)),
            (0.5, (ON, 60, 90)),  # begins while the first still sounds
            (1.0, (OFF, 60, 0)),  # closes the older one
            (1.5, (ON, 60, 0)),  # is a note-off
            (2.0, (OFF, 60, 0)),  # closes nothing
            (2.0, (ON, 61, 5)),
            (2.0, (OFF, 61, 5)),  # a note of no length is none
            (2.5, (0xC0, 19)),
            (2.5, (ON, 64, 50)),
            (2.5, (ON | 9, 35, 50), 3),
        ],
        now=4.0,
    )
    notes = stream.notes(0, 3.0)
    assert notes["onset_sec"].tolist() == [0.0, 0.5, 2.5, 2.5]
    assert notes["duration_sec"].tolist() == [1.0, 1.0, 0.5, 0.5]
    assert notes["pitch"].tolist() == [60, 60, 35, 64]
    assert notes["program"].tolist() == [0, 0, 0, 19]
    assert notes["is_drum"].tolist() == [False, False, True, False]
    stream.push([(4.0, bytes([0xFF, 0x2F, 0]), 3)], now=6.0)
    lengths = stream.notes(2.5, 9.0)["duration_sec"].tolist()
    assert lengths == [1.5, 3.5]


def test_ports_do_not_close_one_anothers_notes():
    stream = NoteStream()
    stream.push([(0.0, (ON, 60, 80), 0), (1.0, (ON, 60, 80), 1), (2.0, (OFF, 60, 0), 1)], now=5.0)
    assert stream.notes(0, 9)["duration_sec"].tolist() == [5.0, 1.0]


def test_beats_follow_the_tempi():
    stream = NoteStream(ticks_per_beat=100)
    stream.push([(0.0, bytes([0xFF, 0x51, 3, 0x0F, 0x42, 0x40]))])  # a second a beat
    stream.push([(2.0, bytes([0xFF, 0x51, 3, 0x03, 0xD0, 0x90]))])  # a quarter of one
    stream.push([(2.5, bytes([0xFF, 0x58, 4, 3, 3, 24, 8]))])
    stream.push([(3.0, (ON, 60, 80)), (3.5, (OFF, 60, 0))])
    piece = stream.piece(0, 4)
    assert piece.notes["onset_beat"].tolist() == [6.0]
    assert piece.notes["duration_beat"].tolist() == [2.0]
    assert piece.notes["onset_tick"].tolist() == [600]
    assert piece.tempo_map.seconds([0, 200, 600]).tolist() == [0.0, 2.0, 3.0]
    assert piece.time_signatures.tolist() == [(0, 3, 8)]


def test_a_flood_of_tempi_keeps_the_beats_of_the_present():
    stream = NoteStream()
    for i in range(5000):
        stream.push([(i * 0.01, bytes([0xFF, 0x51, 3, 0x07, 0xA1, 0x20 + i % 2]))])
    tempo = stream.piece(0, 1).tempo_map
    assert len(tempo.ticks) <= 1001
    assert tempo.seconds(np.rint(stream._beat(49.99) * 480)) == pytest.approx(49.99, abs=0.01)


@pytest.mark.parametrize(
    ("events", "match"),
    [
        ([(1.0, (ON, 60, 70)), (0.5, (OFF, 60, 0))], "time must go on"),
        ([(float("nan"), (ON, 60, 70))], "time must go on"),
        ([(float("inf"), (ON, 60, 70))], "time must go on"),
        ([("soon", (ON, 60, 70))], "number of seconds"),
        ([(0.0, (ON, 60))], "bytes of a note"),
        ([(0.0, (ON, 60, 200))], "bytes of a note"),
        ([(0.0, (0xC0, 128))], "program change"),
        ([(0.0, b"")], "no message"),
        ([(0.0, (ON, 60, 70), 256)], "port"),
        ([(0.0, (ON, 600, 70))], r"not \(seconds, message\)"),
        ([0.5], r"not \(seconds, message\)"),
    ],
)
def test_what_is_no_event_is_refused(events, match):
    with pytest.raises(MidiError, match=match):
        StreamingRecognizer().push(events)


def test_a_flood_of_notes_is_refused():
    with pytest.raises(MidiError, match="more than 100000 notes"):
        StreamingRecognizer().push((0.0, (ON, i % 128, 64)) for i in range(200_000))


@given(st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=8)), max_size=30))
@settings(max_examples=60, deadline=None)
def test_any_bytes_are_read_or_refused(pushed):
    stream = NoteStream()
    for step, message in pushed:
        try:
            stream.push([(stream.now + step, message)])
        except MidiError:
            continue
    assert len(stream.notes(0, 1e9)) <= len(pushed)


@pytest.mark.parametrize(
    ("samples", "match"),
    [
        (np.array([0.0, np.nan]), "finite"),
        (np.zeros((2, 2, 2)), "shape"),
        (np.zeros((3, 0)), "shape"),
    ],
)
def test_what_is_no_sound_is_refused(samples, match, listener):
    with pytest.raises(AudioError, match=match):
        StreamingRecognizer(listener, sr=8000).push(samples)


def test_channels_become_their_mean(listener):
    live = StreamingRecognizer(listener, sr=8000)
    live.push(np.array([[1.0, 0.0], [0.0, 0.5]]))
    assert live._sound.samples(0, 1).tolist() == [0.5, 0.25]


def test_what_does_not_fit_the_model_is_said(listener):
    with pytest.raises(ChordmerError, match="listens to audio"):
        StreamingRecognizer(listener, sr=8000).push([(0.0, (ON, 60, 70))])
    with pytest.raises(ChordmerError, match="listens to symbolic"):
        StreamingRecognizer().push(np.zeros(10))
    with pytest.raises(AudioError, match="how many samples"):
        StreamingRecognizer(listener).push(np.zeros(10))
    closed = StreamingRecognizer()
    assert closed.close() is closed.close()
    with pytest.raises(ChordmerError, match="closed"):
        closed.push([])
    for name in ("window", "hop", "refresh"):
        with pytest.raises(ValueError, match=name):
            StreamingRecognizer(**{name: 0.0})
    with pytest.raises(ValueError, match="sr"):
        StreamingRecognizer(sr=-1.0)


def test_a_model_without_the_plane_cannot_stream():
    tracks, y = songs(n=2, clips=1)
    moods = np.where(y == "Q1", "up", "down")
    model = EmotionRecognizer(["symbolic"], target=["down", "up"], calibration=0).fit(tracks, moods)
    with pytest.raises(ChordmerError, match="stream wants"):
        StreamingRecognizer(model)
