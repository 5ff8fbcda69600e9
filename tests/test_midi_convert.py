"""Music that other packages hold, and PrettyMIDI given back."""

import numpy as np
import pretty_midi
import pytest
import symusic
from corpora import bundled_midi
from hypothesis import given
from hypothesis import strategies as st
from smf import control, header, meta, metre, note, off, on, program, smf, tempo, track

from chordmer.errors import MidiError
from chordmer.io import Limits, read_midi, read_symbolic, to_pretty_midi
from chordmer.notes import NOTE_DTYPE

PIECE = (
    header(1, 3)
    + track(tempo(400_000), metre(3, 2), tempo(300_000, 192), metre(6, 3, 96), meta(6, b"B"))
    + track(program(40), note(60), note(64, 48, 10), note(67, 96, 3, 100), meta(5, "Öl".encode()))
    + track(note(36, 24, channel=9), note(38, 24, channel=9))
)
TIMES = ("onset_tick", "duration_tick", "onset_beat", "duration_beat", "onset_sec", "duration_sec")


def check_same_music(one, other, *, fields=NOTE_DTYPE.names, abs=1e-9):
    assert len(one.notes) == len(other.notes)
    for field in fields:
        assert one.notes[field] == pytest.approx(other.notes[field], abs=abs), field
    assert one.time_signatures.tolist() == other.time_signatures.tolist()


class TestPrettyMidi:
    def test_there_and_back(self):
        piece = read_midi(PIECE)
        back = read_symbolic(to_pretty_midi(piece))
        check_same_music(back, piece, fields=[f for f in NOTE_DTYPE.names if f != "channel"])
        assert back.tempo_map.ticks.tolist() == piece.tempo_map.ticks.tolist()
        assert back.tempo_map.bpm == pytest.approx(piece.tempo_map.bpm, rel=1e-12)
        texts = sorted((t.tick, t.raw) for t in piece.texts)
        assert sorted((t.tick, t.raw) for t in back.texts) == texts
        assert back.source == "PrettyMIDI"

    @pytest.mark.parametrize("path", bundled_midi(), ids=lambda path: path.stem)
    def test_there_and_back_on_real_files(self, path):
        piece = read_midi(path)
        back = read_symbolic(to_pretty_midi(piece))
        check_same_music(back, piece, fields=[*TIMES, "pitch", "velocity", "program", "is_drum"])

    def test_written_by_it_and_read_again(self, tmp_path):
        piece = read_midi(PIECE)
        path = tmp_path / "out.mid"
        to_pretty_midi(piece).write(str(path))
        check_same_music(read_midi(path), piece, fields=[*TIMES, "pitch", "velocity", "program"])

    def test_is_as_pretty_midi_reads_the_file_itself(self, tmp_path):
        path = tmp_path / "a.mid"
        path.write_bytes(PIECE)
        theirs, ours = pretty_midi.PrettyMIDI(str(path)), to_pretty_midi(read_midi(path))
        assert ours.resolution == theirs.resolution
        assert [len(i.notes) for i in ours.instruments] == [
            len(i.notes) for i in theirs.instruments
        ]
        assert [i.program for i in ours.instruments] == [i.program for i in theirs.instruments]
        assert ours.get_end_time() == pytest.approx(theirs.get_end_time())
        for one, other in zip(ours.get_tempo_changes(), theirs.get_tempo_changes()):
            assert one == pytest.approx(other)

    def test_times_between_ticks_are_kept(self):
        source = pretty_midi.PrettyMIDI(resolution=10)
        violin = pretty_midi.Instrument(40)
        violin.notes = [
            pretty_midi.Note(64, 60, 0.123, 0.4567),
            pretty_midi.Note(64, 62, 0.5, 0.501),
        ]
        source.instruments = [violin]
        notes = read_symbolic(source).notes
        assert notes["onset_sec"].tolist() == [0.123, 0.5]
        assert notes["duration_sec"] == pytest.approx([0.3337, 0.001])
        assert notes["onset_beat"] == pytest.approx([0.246, 1.0])
        assert notes["onset_tick"].tolist() == [2, 10]
        assert notes["duration_tick"].tolist() == [7, 1]

    def test_pedal(self):
        source = pretty_midi.PrettyMIDI()
        piano = pretty_midi.Instrument(0)
        piano.notes = [pretty_midi.Note(64, 60, 0.0, 0.5)]
        piano.control_changes = [
            pretty_midi.ControlChange(64, 127, 0.25),
            pretty_midi.ControlChange(64, 0, 1.25),
            pretty_midi.ControlChange(7, 0, 0.3),
        ]
        source.instruments = [piano, pretty_midi.Instrument(0, is_drum=True)]
        assert read_symbolic(source).duration == 0.5
        assert read_symbolic(source, pedal=True).duration == pytest.approx(1.25)

    def test_more_instruments_than_channels(self):
        source = pretty_midi.PrettyMIDI()
        for number in range(40):
            one = pretty_midi.Instrument(number, is_drum=number == 5)
            one.notes = [pretty_midi.Note(64, 20 + number, 0.0, 0.5)]
            source.instruments.append(one)
        notes = read_symbolic(source).notes
        assert notes["program"].tolist() == list(range(40))
        assert notes["is_drum"].nonzero()[0].tolist() == [5]
        assert (notes["is_drum"] == (notes["channel"] == 9)).all()

    def test_empty(self):
        piece = read_symbolic(pretty_midi.PrettyMIDI())
        assert len(piece.notes) == 0
        assert piece.report.warnings == ("there are no notes",)

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            ({"pitch": 128}, "pitch is not from 0 to 127"),
            ({"pitch": -1}, "pitch"),
            ({"velocity": 200}, "velocity"),
            ({"start": -1.0}, "onset"),
            ({"start": float("nan")}, "onset"),
            ({"end": float("inf")}, "end"),
            ({"end": 1e9}, "end"),
            ({"pitch": "C4"}, "pitch"),
            ({"pitch": None}, "pitch"),
            ({"start": [1]}, "converted|onset"),
        ],
    )
    def test_what_no_note_can_be_is_refused(self, change, says):
        source = pretty_midi.PrettyMIDI()
        piano = pretty_midi.Instrument(0)
        piano.notes = [pretty_midi.Note(64, 60, 0.0, 0.5), pretty_midi.Note(64, 60, 0.0, 0.5)]
        for name, value in change.items():
            setattr(piano.notes[0], name, value)
        source.instruments = [piano]
        with pytest.raises(MidiError, match=says):
            read_symbolic(source)

    def test_a_piece_of_too_many_ticks_gets_coarser_ones(self):
        data = smf(on(60), *[control(1, 0, 0xFFFFFF)] * 3, off(60), division=30_000)
        piece = read_midi(data)
        made = to_pretty_midi(piece)
        assert made.resolution < 30_000
        assert made.get_end_time() == pytest.approx(piece.duration, rel=1e-12)
        fast = read_midi(smf(tempo(1), on(60), control(1, 0, 0xFFFFFF), off(60), division=1))
        with pytest.raises(MidiError, match="too many ticks"):
            to_pretty_midi(fast)
        prime = read_midi(smf(on(60), *[control(1, 0, 0xFFFFFF)] * 3, off(60), division=29_989))
        assert to_pretty_midi(prime).get_end_time() == pytest.approx(prime.duration, rel=1e-12)


class TestSymusic:
    @pytest.mark.parametrize("unit", ["tick", "quarter", "second"])
    def test_times_are_those_of_the_file(self, tmp_path, unit):
        path = tmp_path / "a.mid"
        path.write_bytes(PIECE)
        piece, theirs = read_midi(path), read_symbolic(symusic.Score(path).to(unit))
        # symusic holds seconds as float32.
        check_same_music(
            theirs,
            piece,
            fields=[*TIMES, "pitch", "velocity", "program", "is_drum"],
            abs=1e-9 if unit == "tick" else 1e-5,
        )
        assert [t.raw for t in theirs.texts] == [t.raw for t in piece.texts]

    def test_pedal(self, tmp_path):
        path = tmp_path / "a.mid"
        path.write_bytes(smf(control(64, 127), note(60, 96), control(64, 0, 96)))
        assert read_symbolic(symusic.Score(path), pedal=True).notes["duration_tick"].tolist() == [
            192
        ]
        assert read_symbolic(symusic.Score(path)).notes["duration_tick"].tolist() == [96]

    def test_a_first_tempo_after_the_start(self, tmp_path):
        path = tmp_path / "a.mid"
        path.write_bytes(smf(note(60), tempo(250_000), note(62)))
        for unit in ("tick", "second"):
            piece = read_symbolic(symusic.Score(path).to(unit))
            assert piece.tempo_map.ticks.tolist() == [0, 96]
            assert piece.tempo_map.bpm.tolist() == [120, 240]
            assert "tempo 120 BPM before the first tempo event" in piece.report.assumed

    def test_empty(self):
        assert len(read_symbolic(symusic.Score(96)).notes) == 0

    def test_words_keep_their_track(self):
        score = symusic.Score(96)
        for pitch, word in ((60, "Come"), (64, "Go")):
            track = symusic.Track()
            track.notes.append(symusic.Note(0, 96, pitch, 64))
            track.lyrics.append(symusic.TextMeta(0, word))
            score.tracks.append(track)
        texts = read_symbolic(score).texts
        assert [(text.track, text.raw) for text in texts] == [(0, b"Come"), (1, b"Go")]


def array(**columns):
    dtype = [(name, np.asarray(values).dtype) for name, values in columns.items()]
    rows = np.empty(len(next(iter(columns.values()))), dtype)
    for name, values in columns.items():
        rows[name] = values
    return rows


class TestNoteArrays:
    @pytest.mark.parametrize("path", bundled_midi(), ids=lambda path: path.stem)
    def test_chordmer_s_own_comes_back(self, path):
        piece = read_midi(path)
        back = read_symbolic(piece.notes)
        for field in NOTE_DTYPE.names:
            assert back.notes[field] == pytest.approx(piece.notes[field], abs=1e-9), field

    def test_seconds_alone_are_kept_over_120_bpm(self):
        piece = read_symbolic(
            array(onset_sec=[0.1, 0.73], duration_sec=[0.5, 0.25], pitch=[60, 62])
        )
        assert piece.notes["onset_sec"] == pytest.approx([0.1, 0.73], abs=1e-12)
        assert piece.notes["onset_beat"] == pytest.approx([0.2, 1.46])
        assert piece.notes["velocity"].tolist() == [64, 64]
        assert set(piece.report.assumed) == {"tempo 120 BPM", "time signature 4/4", "velocity 64"}

    def test_quarters_alone_are_at_120_bpm(self):
        piece = read_symbolic(
            array(onset_quarter=[0.0, 1 / 3], duration_quarter=[1 / 3, 2 / 3], pitch=[60, 62])
        )
        assert piece.notes["onset_tick"].tolist() == [0, 3360]
        assert piece.notes["onset_sec"] == pytest.approx([0.0, 1 / 6])

    def test_quarters_before_zero_begin_at_zero(self):
        piece = read_symbolic(
            array(onset_beat=[-1.0, 0.0], duration_beat=[1.0, 1.0], pitch=[60, 62])
        )
        assert piece.notes["onset_beat"].tolist() == [0.0, 1.0]
        assert "before beat 0" in " ".join(piece.report.assumed)

    def test_quarters_and_seconds_give_the_tempo_map(self):
        piece = read_symbolic(
            array(
                onset_quarter=[0.0, 1.0, 2.0],
                duration_quarter=[1.0, 1.0, 1.0],
                onset_sec=[0.0, 0.5, 0.75],
                duration_sec=[0.5, 0.25, 0.25],
                pitch=[60, 62, 64],
            )
        )
        assert piece.tempo_map.bpm == pytest.approx([120, 240])
        assert piece.tempo_map.ticks.tolist() == [0, 10_080]

    def test_seconds_that_are_no_function_of_the_beats_win(self):
        piece = read_symbolic(
            array(
                onset_quarter=[0.0, 0.0],
                duration_quarter=[1.0, 1.0],
                onset_sec=[0.0, 0.25],
                duration_sec=[0.5, 0.5],
                pitch=[60, 62],
            )
        )
        assert piece.notes["onset_sec"].tolist() == [0.0, 0.25]
        assert "do not fit" in piece.report.warnings[0]

    def test_ticks_and_seconds_without_beats(self):
        piece = read_symbolic(
            array(
                onset_tick=[0, 480],
                duration_tick=[480, 480],
                onset_sec=[0.0, 0.5],
                duration_sec=[0.5, 0.5],
                pitch=[60, 62],
            )
        )
        assert piece.notes["onset_tick"].tolist() == [0, 480]
        assert piece.tempo_map.ticks_per_beat == 480

    def test_empty(self):
        assert len(read_symbolic(np.empty(0, NOTE_DTYPE)).notes) == 0

    @pytest.mark.parametrize(
        ("columns", "says"),
        [
            ({"onset_sec": [0.0], "duration_sec": [1.0]}, "pitch"),
            ({"pitch": [60]}, "neither beats nor seconds"),
            ({"pitch": [60], "onset_tick": [0], "duration_tick": [1]}, "neither beats nor seconds"),
            ({"pitch": [60], "onset_sec": [np.nan], "duration_sec": [1.0]}, "not finite"),
            ({"pitch": [60], "onset_sec": [-1.0], "duration_sec": [2.0]}, "onset is not"),
            ({"pitch": [60], "onset_sec": [0.0], "duration_sec": [1e6]}, "end is not"),
            ({"pitch": [60], "onset_beat": [0.0], "duration_beat": [1e300]}, "end is not"),
            ({"pitch": ["C4"], "onset_sec": [0.0], "duration_sec": [1.0]}, "pitch is no column"),
            (
                {
                    "pitch": [60],
                    "onset_tick": [10],
                    "duration_tick": [10],
                    "onset_beat": [0.0],
                    "duration_beat": [9.0],
                },
                "disagree",
            ),
        ],
    )
    def test_what_no_notes_can_be_is_refused(self, columns, says):
        with pytest.raises(MidiError, match=says) as caught:
            read_symbolic(array(**columns))
        assert caught.value.source in ("note array", "ndarray")

    def test_an_array_of_two_dimensions(self):
        with pytest.raises(MidiError, match="one dimension"):
            read_symbolic(np.empty((2, 2), NOTE_DTYPE))

    def test_caps(self):
        rows = array(onset_sec=np.arange(5.0), duration_sec=np.ones(5), pitch=[60] * 5)
        with pytest.raises(MidiError, match="more than 4 notes"):
            read_symbolic(rows, limits=Limits(notes=4))
        with pytest.raises(MidiError, match="end is not"):
            read_symbolic(rows, limits=Limits(hours=4 / 3600))

    @given(
        st.lists(
            st.tuples(
                st.floats(0, 1000), st.floats(0, 10), st.integers(0, 127), st.integers(0, 127)
            )
        )
    )
    def test_any_notes_in_seconds(self, rows):
        names = [("onset_sec", float), ("duration_sec", float), ("pitch", int), ("velocity", int)]
        given_notes = np.array(rows, dtype=names)
        piece = read_symbolic(given_notes)
        kept = [r for r in rows if r[3] > 0 and r[0] + r[1] > r[0]]
        assert sorted(piece.notes["onset_sec"].tolist()) == pytest.approx(
            sorted(row[0] for row in kept), abs=1e-6
        )
        assert (piece.notes["duration_tick"] > 0).all()
        assert (np.diff(piece.notes["onset_tick"]) >= 0).all()
