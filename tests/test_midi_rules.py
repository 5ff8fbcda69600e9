"""The reading rules of MIDI files, one by one."""

import pickle
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from smf import control, header, meta, metre, note, off, on, program, smf, tempo, track, vlq

from chordmer.errors import MissingModalityError
from chordmer.io import _compiled, read_midi, read_symbolic
from chordmer.notes import NOTE_DTYPE, TempoMap
from chordmer.track import Track


@pytest.fixture(params=["plain", "compiled"], autouse=True)
def scanner(request, monkeypatch):
    monkeypatch.setattr(_compiled, "_PLAIN_BYTES", 1 << 40 if request.param == "plain" else -1)


def spans(piece, *fields):
    """Onset and end of each note in ticks, with further fields."""
    notes = piece.notes
    ends = notes["onset_tick"] + notes["duration_tick"]
    return list(
        zip(notes["onset_tick"].tolist(), ends.tolist(), *(notes[f].tolist() for f in fields))
    )


def test_all_fields_of_a_note():
    piece = read_midi(smf(tempo(600_000), program(5, channel=3), note(60, 48, 96, 80, channel=3)))
    assert piece.notes.dtype == NOTE_DTYPE
    assert piece.notes.tolist() == [
        (96, 48, 1.0, 0.5, 0.6, pytest.approx(0.3), 60, 80, 3, 5, False)
    ]
    assert piece.end_tick == 144
    assert piece.tempo_map.ticks_per_beat == 96
    assert piece.duration == pytest.approx(0.9)


def test_notes_are_in_order_of_onset_pitch_channel():
    piece = read_midi(
        header(1, 3)
        + track(note(64, channel=1), note(50))
        + track(note(64))
        + track(note(60), note(60, 5))
    )
    order = list(zip(*(piece.notes[f].tolist() for f in ("onset_tick", "pitch", "channel"))))
    assert order == sorted(order)
    assert len(order) == 5


def test_overlapping_notes_of_one_pitch_pair_first_in_first_out():
    piece = read_midi(
        smf(on(60, velocity=1), on(60, 10, velocity=2), on(60, 10, velocity=3), *[off(60, 10)] * 3)
    )
    assert spans(piece, "velocity") == [(0, 30, 1), (10, 40, 2), (20, 50, 3)]


def test_tracks_channels_and_pitches_pair_apart():
    piece = read_midi(
        header(1, 2)
        + track(on(60), on(60, channel=1), on(61), off(60, 10, channel=1), off(61, 10), off(60, 10))
        + track(on(60), off(60, 5))
    )
    assert spans(piece, "pitch", "channel") == [
        (0, 30, 60, 0),
        (0, 5, 60, 0),
        (0, 10, 60, 1),
        (0, 20, 61, 0),
    ]


def test_a_note_never_closed_lasts_to_the_end_of_its_own_track():
    piece = read_midi(header(1, 2) + track(on(60), note(62, 100)) + track(note(64, 900)))
    assert spans(piece, "pitch") == [(0, 100, 60), (0, 100, 62), (0, 900, 64)]


def test_the_end_of_a_track_is_where_its_end_of_track_stands():
    piece = read_midi(header() + track(on(60), end=b"\x83\x00\xff\x2f\x00"))
    assert spans(piece) == [(0, 384)]
    assert piece.end_tick == 384


def test_queues_of_a_track_are_empty_when_the_next_begins():
    piece = read_midi(header(1, 2) + track(on(60), note(62)) + track(off(60), note(60, 5)))
    assert spans(piece, "pitch") == [(0, 96, 60), (0, 5, 60), (0, 96, 62)]
    assert piece.report.counts["unmatched_note_offs"] == 1


def test_no_tempo_is_120_bpm_and_no_time_signature_is_4_4():
    piece = read_midi(smf(note(60)))
    assert piece.tempo_map.bpm.tolist() == [120.0]
    assert piece.time_signatures.tolist() == [(0, 4, 4)]
    assert piece.report.assumed == ("tempo 120 BPM", "time signature 4/4")


def test_before_the_first_tempo_and_time_signature_the_standard_s_hold():
    piece = read_midi(smf(tempo(250_000, 96), metre(3, 2), note(60)))
    assert piece.tempo_map.ticks.tolist() == [0, 96]
    assert piece.tempo_map.bpm.tolist() == [120.0, 240.0]
    assert piece.time_signatures.tolist() == [(0, 4, 4), (96, 3, 4)]
    assert piece.report.assumed == (
        "tempo 120 BPM before the first tempo event",
        "time signature 4/4 before the first time signature",
    )


def test_tempo_counts_on_any_track_and_the_last_at_a_tick_wins():
    piece = read_midi(
        header(1, 3)
        + track(tempo(1_000_000), tempo(500_000), note(60, 96))
        + track(tempo(2_000_000, 96), note(62, 96))
        + track(tempo(250_000), tempo(3_000_000, 96), tempo(1_000_000))
    )
    assert piece.tempo_map.ticks.tolist() == [0, 96]
    assert piece.tempo_map.seconds_per_beat.tolist() == [0.25, 1.0]
    assert piece.notes["onset_sec"].tolist() == [0.0, 0.25]
    assert piece.notes["duration_sec"].tolist() == [0.25, 1.0]


def test_the_last_time_signature_at_a_tick_wins():
    piece = read_midi(header(1, 2) + track(metre(3, 2), metre(6, 3)) + track(metre(7, 3), note(60)))
    assert piece.time_signatures.tolist() == [(0, 7, 8)]


def test_a_note_across_tempo_changes():
    piece = read_midi(
        smf(tempo(500_000), on(60), tempo(250_000, 96), tempo(1_000_000, 96), off(60, 48))
    )
    assert piece.notes["duration_sec"].tolist() == [0.5 + 0.25 + 0.5]


@pytest.mark.parametrize(
    ("division", "ticks_a_second"),
    [
        (0xE728, 25 * 40),
        (0xE850, 24 * 80),
        (0xE201, 30),
        (0xE350, 30_000 / 1001 * 80),
        (0xE7FF, 6375),
    ],
)
def test_smpte_is_read_in_seconds(division, ticks_a_second):
    piece = read_midi(smf(tempo(200_000), note(60, 100, 300), division=division))
    assert piece.notes["onset_sec"] == pytest.approx([300 / ticks_a_second], rel=1e-12)
    assert piece.notes["duration_sec"] == pytest.approx([100 / ticks_a_second], rel=1e-12)
    assert len(piece.tempo_map.ticks) == 1
    assert piece.tempo_map.bpm[0] == pytest.approx(120, rel=0.05)
    assert "SMPTE" in piece.report.assumed[0]


def test_programs_count_for_their_channel_on_every_track_from_their_tick_on():
    piece = read_midi(
        header(1, 2)
        + track(note(60), note(60), note(60, channel=1), note(60))
        + track(program(10, 96), program(11, 96, channel=1), program(12, 96), program(13))
    )
    assert spans(piece, "channel", "program") == [
        (0, 96, 0, 0),
        (96, 192, 0, 10),
        (192, 288, 1, 11),
        (288, 384, 0, 13),
    ]


def test_programs_that_stand_out_of_order_across_tracks():
    piece = read_midi(
        header(1, 3)
        + track(program(1, 50), program(2, 50))
        + track(program(3), program(4, 75))
        + track(*[note(60, 20, 5)] * 5)
    )
    assert piece.notes["program"].tolist() == [3, 3, 1, 4, 2]


def test_channel_ten_is_drums():
    piece = read_midi(smf(note(36, channel=9), note(60, channel=8)))
    assert piece.notes["is_drum"].tolist() == [True, False]
    assert piece.pitched["pitch"].tolist() == [60]


def test_notes_of_no_length_are_dropped_and_counted_whichever_way_they_arise():
    piece = read_midi(smf(note(60, 0), note(61), on(62)))
    assert piece.notes["pitch"].tolist() == [61]
    assert piece.report.counts == {"zero_length_notes": 2, "unclosed_notes": 1}


def test_texts_keep_their_raw_bytes_in_order_of_time():
    raw = "さくら".encode("shift_jis")
    piece = read_midi(
        header(1, 2)
        + track(meta(3, b"name"), meta(5, raw, 96), meta(6, b"B", 96), note(60))
        + track(
            meta(1, b"@Ttitle"), meta(5, "é".encode("latin-1"), 48), meta(7, b"cue"), meta(13, b"?")
        )
    )
    found = [(text.tick, text.sec, text.kind, text.raw) for text in piece.texts]
    assert found == [
        (0, 0.0, "track_name", b"name"),
        (0, 0.0, "text", b"@Ttitle"),
        (48, 0.25, "lyric", b"\xe9"),
        (48, 0.25, "cue", b"cue"),
        (48, 0.25, "text", b"?"),
        (96, 0.5, "lyric", raw),
        (192, 1.0, "marker", b"B"),
    ]
    assert piece.texts[1].raw == b"@Ttitle"
    assert [text.kind for text in piece.texts[-2:]] == ["lyric", "marker"]
    assert piece.texts[5].raw.decode("shift_jis") == "さくら"
    assert pickle.loads(pickle.dumps(piece)).texts == tuple(piece.texts)
    assert "track_name" in repr(piece.texts)


def test_no_texts():
    assert len(read_midi(smf(note(60))).texts) == 0


class TestPedal:
    down, up = control(64, 127), control(64, 0)

    def ends(self, *events, pedal=True):
        return [span[1] for span in spans(read_midi(smf(*events), pedal=pedal))]

    def test_is_ignored_unless_asked_for(self):
        events = (self.down, note(60, 10), control(64, 0, 90))
        assert self.ends(*events, pedal=False) == [10]
        assert self.ends(*events) == [100]

    def test_holds_a_note_that_ends_under_it_to_its_release(self):
        assert self.ends(on(60), control(64, 64, 5), off(60, 5), control(64, 63, 90), note(62)) == [
            100,
            196,
        ]

    def test_leaves_a_note_alone_that_ends_after_its_release(self):
        assert self.ends(self.down, on(60), control(64, 0, 5), off(60, 5)) == [10]

    def test_a_key_struck_again_ends_what_sounded_of_it(self):
        assert self.ends(self.down, note(60, 10), note(60, 10, 30), control(64, 0, 50)) == [40, 100]

    def test_never_released_lasts_to_the_end_of_the_piece(self):
        assert self.ends(self.down, note(60, 10), meta(6, b"end", 500)) == [510]

    def test_of_another_channel_does_nothing(self):
        assert self.ends(
            control(64, 127, channel=1), note(60, 10), control(64, 0, 90, channel=1)
        ) == [10]

    def test_of_the_same_channel_on_another_track_counts(self):
        data = header(1, 2) + track(note(60, 10)) + track(self.down, control(64, 0, 90))
        assert spans(read_midi(data, pedal=True)) == [(0, 90)]

    def test_lifted_and_pressed_at_one_tick_is_down(self):
        assert self.ends(
            self.down, on(60), control(64, 0, 10), self.down, off(60), control(64, 0, 90)
        ) == [100]

    def test_pressed_in_two_steps_is_released_once(self):
        assert self.ends(self.down, note(60, 10), control(64, 90, 10), control(64, 0, 10)) == [30]

    def test_other_controllers_do_nothing(self):
        assert self.ends(control(66, 127), note(60, 10), control(66, 0, 90)) == [10]


events_of_a_channel = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sampled_from(["on", "off", "program", "tempo"]),
        st.integers(60, 62),
        st.integers(1, 127),
    ),
    max_size=40,
)


@settings(deadline=None)  # the first compiled call compiles
@given(st.lists(events_of_a_channel, min_size=1, max_size=3))
def test_against_a_plain_account_of_the_rules(tracks):
    """Notes, programs and seconds as a second, slow reading of the same events gives them."""
    bodies, expected, programs, tempi = [], [], [], {0: 500_000}
    for number, events in enumerate(tracks):
        tick, body, sounding = 0, b"", {}
        for delta, kind, pitch, value in events:
            tick += delta
            if kind == "on":
                body += on(pitch, delta, value)
                sounding.setdefault(pitch, []).append([tick, None, pitch, value])
                expected.append(sounding[pitch][-1])
            elif kind == "off":
                body += off(pitch, delta)
                if sounding.get(pitch):
                    sounding[pitch].pop(0)[1] = tick
            elif kind == "program":
                body += program(value, delta)
                programs.append((tick, number, len(programs), value))
            else:
                body += tempo(value * 10_000, delta)
                tempi[tick] = value * 10_000
        for open_notes in sounding.values():
            for open_note in open_notes:
                open_note[1] = tick
        bodies.append(track(body))

    def seconds(tick):
        moments = sorted(tempi)
        return sum(
            (min(tick, after) - start) * tempi[start] / 96e6
            for start, after in zip(moments, [*moments[1:], 1 << 40])
            if tick > start
        )

    expected = sorted((n for n in expected if n[1] > n[0]), key=lambda n: (n[0], n[2]))
    piece = read_midi(header(1, len(tracks)) + b"".join(bodies))
    assert spans(piece, "pitch", "velocity") == [tuple(n) for n in expected]
    assert piece.notes["onset_sec"] == pytest.approx([seconds(n[0]) for n in expected], abs=1e-9)
    lengths = [seconds(n[1]) - seconds(n[0]) for n in expected]
    assert piece.notes["duration_sec"] == pytest.approx(lengths, abs=1e-9)
    current = [[p[3] for p in sorted(programs) if p[0] <= n[0]] for n in expected]
    assert piece.notes["program"].tolist() == [values[-1] if values else 0 for values in current]


@settings(deadline=None)  # the first compiled call compiles
@given(st.lists(st.tuples(st.integers(1, 1000), st.integers(1, 0xFFFFFF)), max_size=20), st.data())
def test_seconds_in_the_notes_are_those_of_the_tempo_map(changes, data):
    tempi = b"".join(tempo(value, delta) for delta, value in changes)
    lengths = data.draw(st.lists(st.integers(1, 5000), min_size=1, max_size=20))
    piece = read_midi(
        header(1, 2, 9600) + track(tempi) + track(*(note(60, length, length) for length in lengths))
    )
    notes, clock = piece.notes, piece.tempo_map
    assert notes["onset_sec"].tolist() == clock.seconds(notes["onset_tick"]).tolist()
    ends = clock.seconds(notes["onset_tick"] + notes["duration_tick"])
    assert notes["duration_sec"].tolist() == (ends - notes["onset_sec"]).tolist()
    assert notes["onset_beat"].tolist() == clock.beats(notes["onset_tick"]).tolist()
    assert (np.diff(notes["onset_sec"]) > 0).all()
    assert clock.beats_at(notes["onset_sec"]) == pytest.approx(notes["onset_beat"], rel=1e-9)


def test_tempo_map_of_one_and_of_many_sections_agree():
    one = TempoMap(np.array([0]), np.array([0.4]), 96)
    many = TempoMap(np.array([0, 10, 500]), np.array([0.4, 0.4, 0.4]), 96)
    ticks = np.arange(0, 2000, 7)
    assert many.seconds(ticks) == pytest.approx(one.seconds(ticks), rel=1e-12)
    assert one.starts.tolist() == [0.0]


def test_riff_is_unwrapped():
    inner = smf(note(60))
    body = b"RMIDdata" + struct.pack("<I", len(inner)) + inner
    piece = read_midi(b"RIFF" + struct.pack("<I", len(body)) + body)
    assert spans(piece) == spans(read_midi(inner))


def test_sources(tmp_path):
    data = smf(note(60))
    path = tmp_path / "Lied – № 1.mid"
    path.write_bytes(data)
    track_ = Track("t", symbolic=path)
    for source in (data, bytearray(data), memoryview(data), path, str(path), track_):
        piece = read_symbolic(source)
        assert spans(piece) == [(0, 96)]
        assert read_symbolic(piece) is piece
    assert read_midi(path).source == "Lied – № 1.mid"
    assert read_midi(data).source == "bytes"
    with pytest.raises(MissingModalityError):
        read_symbolic(Track("t"))


def test_vlq_of_the_builder():
    assert [vlq(n) for n in (0, 127, 128, 0xFFFFFFF)] == [
        b"\0",
        b"\x7f",
        b"\x81\0",
        b"\xff\xff\xff\x7f",
    ]
