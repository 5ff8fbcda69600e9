"""Scores through music21, and scores that want to hurt."""

import io
import os
import sys
import zipfile

import music21
import pytest
from corpora import DATA, bundled_scores, score_files

from chordmer.errors import ChordmerError, MissingExtraError, ScoreError
from chordmer.io import Limits, read_lyrics, read_midi, read_score, read_symbolic

CONTAINER = '<container><rootfiles><rootfile full-path="score.xml"/></rootfiles></container>'
ABC = "X:1\nT:Tune\nM:3/4\nL:1/4\nQ:1/4=90\nK:G\nG2 B|c3-|c d2|\nw: one two three - four\n"
KERN = "**kern\t**kern\n*M4/4\t*M4/4\n*MM80\t*MM80\n4c\t4e\n[2d\t2f\n4d]\t4g\n*-\t*-\n"


def musicxml(*, note="", attributes="", before="", after="", beats="4", head="", duration="4"):
    """A score of one C4 that lasts a 4/4 measure, and whatever is put around it."""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{head}<score-partwise version="3.1"><part-list>'
        '<score-part id="P1"><part-name>A</part-name></score-part></part-list><part id="P1">'
        '<measure number="1"><attributes><divisions>1</divisions><key><fifths>0</fifths></key>'
        f"<time><beats>{beats}</beats><beat-type>4</beat-type></time>{attributes}</attributes>"
        f"{before}<note><pitch><step>C</step><octave>4</octave></pitch>"
        f"<duration>{duration}</duration>{note}</note>{after}</measure></part></score-partwise>"
    ).encode()


def mxl(score, *, container=CONTAINER, name="score.xml", method=zipfile.ZIP_DEFLATED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        if container is not None:
            archive.writestr("META-INF/container.xml", container)
        archive.writestr(name, score)
    return out.getvalue()


def encrypted(archive):
    """The archive with its files marked as encrypted."""
    for name, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = archive.find(name)
        while at >= 0:
            archive = archive[: at + flags] + b"\1" + archive[at + flags + 1 :]
            at = archive.find(name, at + 1)
    return archive


def xml_note(step, octave, duration, more="", first=""):
    return (
        f"<note>{first}<pitch><step>{step}</step><octave>{octave}</octave></pitch>"
        f"<duration>{duration}</duration>{more}</note>"
    )


def beats(piece, *fields):
    return list(zip(*(piece.notes[f].tolist() for f in ("onset_beat", "duration_beat", *fields))))


class TestRealScores:
    def test_as_the_midi_file_of_the_same_song(self):
        name = DATA / "openscore_lieder" / "lc6179292"
        score, midi = read_symbolic(f"{name}.mxl"), read_symbolic(f"{name}.mid")
        # One tick in 10,080 is as near as the MIDI file can come.
        rows = [
            sorted((round(n[0], 3), n[2], round(n[1], 3)) for n in beats(piece, "pitch"))
            for piece in (score, midi)
        ]
        assert rows[0] == rows[1]
        assert score.tempo_map.bpm == pytest.approx(midi.tempo_map.bpm, rel=1e-4)
        assert score.time_signatures.tolist() == midi.time_signatures.tolist()
        assert score.duration == pytest.approx(midi.duration, rel=1e-3)

    def test_words_are_those_of_the_midi_file(self):
        name = DATA / "openscore_lieder" / "lc6179292"
        sung = [t.raw.rstrip(b"-") for t in read_symbolic(f"{name}.mxl").texts if t.kind == "lyric"]
        heard = [t.raw for t in read_symbolic(f"{name}.mid").texts if t.kind == "lyric"]
        assert sung == heard

    @pytest.mark.parametrize("path", score_files(), ids=lambda path: path.stem)
    def test_all_load(self, path):
        piece = read_symbolic(path)
        assert piece.source == path.name
        assert len(piece.notes) > 300
        assert (piece.notes["duration_tick"] > 0).all()
        assert any(text.kind == "lyric" for text in piece.texts)
        assert piece.tempo_map.ticks_per_beat % 10_080 == 0

    def test_path_bytes_and_stream_are_one(self):
        path = bundled_scores()[0]
        piece = read_score(path)
        with zipfile.ZipFile(path) as archive:
            xml = archive.read("score.xml")
        stream = music21.converter.parseData(xml, format="musicxml")
        for other in (
            read_symbolic(path.read_bytes()),
            read_symbolic(xml),
            read_symbolic(stream),
            read_midi(stream),
        ):
            assert other.notes.tobytes() == piece.notes.tobytes()
            assert list(other.texts) == list(piece.texts)


class TestMusicXml:
    def test_one_note(self):
        piece = read_score(musicxml())
        assert beats(piece, "onset_sec", "duration_sec", "pitch", "velocity", "channel") == [
            (0.0, 4.0, 0.0, 2.0, 60, 64, 0)
        ]
        assert piece.time_signatures.tolist() == [(0, 4, 4)]
        assert piece.report.assumed == ("velocity 64", "tempo 120 BPM")

    def test_ties_are_merged(self):
        score = musicxml(
            note='<tie type="start"/>',
            after='</measure><measure number="2">'
            + xml_note("C", 4, 4, '<tie type="stop"/><tie type="start"/>')
            + '</measure><measure number="3">'
            + xml_note("C", 4, 2, '<tie type="stop"/>')
            + xml_note("C", 4, 2),
        )
        assert beats(read_score(score)) == [(0.0, 10.0), (10.0, 2.0)]

    def test_a_tie_to_nowhere_and_from_nowhere(self):
        score = musicxml(
            note='<tie type="start"/>',
            after='</measure><measure number="2">' + xml_note("D", 4, 4, '<tie type="stop"/>'),
        )
        assert beats(read_score(score), "pitch") == [(0.0, 4.0, 60), (4.0, 4.0, 62)]

    def test_chords_and_voices(self):
        score = musicxml(
            after=xml_note("E", 4, 4, first="<chord/>")
            + "<backup><duration>4</duration></backup>"
            + xml_note("G", 3, 2, "<voice>2</voice>")
        )
        assert beats(read_score(score), "pitch") == [(0, 2, 55), (0, 4, 60), (0, 4, 64)]

    def test_grace_notes_are_dropped_and_counted(self):
        grace = "<note><grace/><pitch><step>B</step><octave>3</octave></pitch></note>"
        piece = read_score(musicxml(before=grace))
        assert piece.notes["pitch"].tolist() == [60]
        assert piece.report.counts == {"zero_length_notes": 1}

    def test_chord_symbols_are_not_heard(self):
        symbol = "<harmony><root><root-step>C</root-step></root><kind>major</kind></harmony>"
        assert len(read_score(musicxml(before=symbol)).notes) == 1

    mark = (
        "<direction><direction-type><metronome><beat-unit>{}</beat-unit>{}"
        "<per-minute>{}</per-minute></metronome></direction-type></direction>"
    )

    def test_tempo_marks(self):
        score = musicxml(
            before=self.mark.format("quarter", "", 90),
            after=self.mark.format("eighth", "<beat-unit-dot/>", 150) + xml_note("D", 4, 4),
        )
        piece = read_score(score)
        assert piece.tempo_map.bpm == pytest.approx([90, 112.5])
        assert "tempo 120 BPM" not in piece.report.assumed

    def test_a_tempo_of_zero_is_ignored(self):
        zero = self.mark.format("quarter", "", 0)
        piece = read_score(musicxml(before=zero))
        assert piece.report.counts == {"tempo_marks_without_number": 1}
        assert piece.tempo_map.bpm.tolist() == [120.0]

    def test_dynamics_make_velocities(self):
        mark = "<direction><direction-type><dynamics><{}/></dynamics></direction-type></direction>"
        score = musicxml(before=mark.format("pp"), after=mark.format("ff") + xml_note("D", 4, 4))
        soft, loud = read_score(score).notes["velocity"].tolist()
        assert 1 <= soft < 64 < loud <= 127

    def test_lyrics_by_verse(self):
        lyric = '<lyric number="{}"><syllabic>{}</syllabic><text>{}</text></lyric>'
        note = lyric.format(1, "begin", "Rös") + lyric.format(2, "single", "Ruh")
        score = musicxml(note=note, after=xml_note("D", 4, 4, lyric.format(1, "end", "lein")))
        found = [(text.sec, text.kind, text.raw.decode()) for text in read_score(score).texts]
        assert found == [(0.0, "lyric", "Rös-"), (0.0, "lyric_2", "Ruh"), (2.0, "lyric", "lein")]

    def test_voices_that_sing_at_once_are_told_apart(self):
        def sung(*words):
            first, second = (f"<lyric><text>{word}</text></lyric>" for word in words)
            return musicxml(note=first, duration="2", after=xml_note("D", 4, 2, second)).decode()

        soprano, bass = sung("Come", "away!"), sung("Go", "home.").replace("P1", "P2")
        bass_head = bass[bass.index("<score-part ") : bass.index("</part-list>")]
        bass_part = bass[bass.index("<part ") : bass.index("</score-partwise>")]
        score = soprano.replace("</part-list>", bass_head + "</part-list>")
        score = score.replace("</score-partwise>", bass_part + "</score-partwise>")
        piece = read_score(score.encode())
        assert [(text.sec, text.track, text.raw) for text in piece.texts] == [
            *((0.0, 0, b"Come"), (0.0, 1, b"Go")),
            *((1.0, 0, b"away!"), (1.0, 1, b"home.")),
        ]
        lines = read_lyrics(piece).lines
        assert [(line.text, line.voice) for line in lines] == [("Come away!", 0), ("Go home.", 1)]

    def test_transposing_instruments_sound(self):
        clarinet = "<transpose><diatonic>-1</diatonic><chromatic>-2</chromatic></transpose>"
        assert read_score(musicxml(attributes=clarinet)).notes["pitch"].tolist() == [58]

    def test_repeats_are_not_expanded(self):
        repeat = '<barline location="right"><repeat direction="backward" times="9"/></barline>'
        assert len(read_score(musicxml(after=repeat)).notes) == 1

    def test_tuplets_are_exact(self):
        score = musicxml(duration="1", after="").replace(b"<divisions>1<", b"<divisions>7<")
        piece = read_score(score)
        assert piece.notes["duration_beat"].tolist() == [1 / 7]
        assert piece.report.counts == {}

    def test_durations_finer_than_a_midi_file_are_rounded_and_counted(self):
        score = musicxml(duration="30").replace(b"<divisions>1<", b"<divisions>60013<")
        assert read_score(score).report.counts == {"rounded_times": 1}

    def test_unpitched_percussion_is_drums(self):
        drum = (
            "<note><unpitched><display-step>E</display-step><display-octave>4</display-octave>"
            "</unpitched><duration>1</duration></note>"
        )
        notes = read_score(musicxml(after=drum)).notes
        assert notes["is_drum"].tolist() == [False, True]
        assert notes["channel"].tolist() == [0, 9]

    def test_utf_16(self):
        text = musicxml().decode().replace("UTF-8", "UTF-16")
        assert len(read_score(text.encode("utf-16")).notes) == 1


class TestOtherFormats:
    def test_abc(self):
        piece = read_score(ABC.encode())
        assert beats(piece, "pitch") == [(0, 2, 67), (2, 1, 71), (3, 4, 72), (7, 2, 74)]
        assert piece.tempo_map.bpm.tolist() == [90.0]
        assert piece.time_signatures.tolist() == [(0, 3, 4)]

    def test_kern(self):
        piece = read_score(KERN.encode())
        assert beats(piece, "pitch") == [(0, 1, 60), (0, 1, 64), (1, 3, 62), (1, 2, 65), (3, 1, 67)]

    def test_what_the_parser_complains_of_is_reported(self, capsys):
        piece = read_score(KERN.replace("4g", "4g" + "." * 3000).encode())
        assert piece.report.counts == {"parser_warnings": 1}
        assert capsys.readouterr().err == ""

    def test_several_tunes_are_not_one_piece(self):
        with pytest.raises(ScoreError, match="several pieces"):
            read_score((ABC + "\n" + ABC.replace("X:1", "X:2")).encode())

    def test_latin_1(self):
        assert len(read_score(ABC.replace("Tune", "Röslein").encode("latin-1")).notes) == 4

    @pytest.mark.parametrize(
        ("suffix", "data"),
        [
            (".musicxml", musicxml()),
            (".xml", musicxml()),
            (".mxl", mxl(musicxml())),
            (".abc", ABC.encode()),
            (".krn", KERN.encode()),
            (".ABC", ABC.encode()),
        ],
    )
    def test_by_suffix_and_by_content(self, tmp_path, suffix, data):
        path = tmp_path / f"piece{suffix}"
        path.write_bytes(data)
        assert read_symbolic(path).notes.tolist() == read_symbolic(data).notes.tolist()
        assert read_symbolic(path).source == path.name

    def test_streams(self):
        stream = music21.stream.Stream()
        stream.append(
            [
                music21.tempo.MetronomeMark(number=60),
                music21.note.Note("C4"),
                music21.chord.Chord("E4 G4"),
            ]
        )
        piece = read_symbolic(stream)
        assert beats(piece, "pitch", "onset_sec") == [
            (0, 1, 60, 0.0),
            (1, 1, 64, 1.0),
            (1, 1, 67, 1.0),
        ]
        assert piece.source == "Stream"

    def test_a_stream_with_a_word_for_a_tempo_and_a_velocity(self):
        stream = music21.stream.Stream()
        note = music21.note.Note("C4")
        note.volume.velocity = 99
        stream.append([music21.tempo.MetronomeMark("adagio"), note])
        piece = read_symbolic(stream)
        assert piece.notes["velocity"].tolist() == [99]
        assert piece.tempo_map.bpm.tolist() == [56.0]
        assert "tempo 56 BPM for the word 'adagio'" in piece.report.assumed

    def test_an_opus_of_one(self):
        opus = music21.stream.Opus([music21.converter.parseData(ABC, format="abc")])
        assert len(read_symbolic(opus).notes) == 4

    def test_a_stream_is_left_as_it_was(self):
        stream = music21.converter.parseData(ABC, format="abc")
        clarinet = music21.instrument.Clarinet()
        stream.parts[0].insert(0, clarinet)
        stream.parts[0].atSoundingPitch = False
        assert read_symbolic(stream).notes["pitch"].tolist() == [65, 69, 70, 72]
        assert stream.flatten().notes[0].pitch.midi == 67

    def test_an_empty_stream(self):
        assert len(read_symbolic(music21.stream.Score()).notes) == 0

    def test_what_is_no_stream(self):
        with pytest.raises(ScoreError, match="cannot interpret"):
            read_symbolic(music21.pitch.Pitch("C4"))


ENTITIES = '<!DOCTYPE x [<!ENTITY a "{}">{}]>'
BOMB = ENTITIES.format("ha" * 50, "".join(f'<!ENTITY a{i} "{"&a;" * 10}">' for i in range(9)))

REFUSED = {
    "nothing": (b"", "neither MusicXML"),
    "noise": (bytes(range(256)), "neither MusicXML"),
    "broken XML": (musicxml()[:-9], "no well-formed XML"),
    "other XML": (b"<html><body/></html>", "no MusicXML score"),
    "an opus": (b"<opus/>", "no MusicXML score"),
    "unknown encoding": (b'<?xml version="1.0" encoding="klingon"?><score-partwise/>', "XML"),
    "billion laughs": (musicxml(head=BOMB), "entities"),
    "one entity": (musicxml(head=ENTITIES.format("a", "")), "entities"),
    "external entity": (
        musicxml(head='<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'),
        "entities",
    ),
    "parameter entity": (
        musicxml(head='<!DOCTYPE x [<!ENTITY % a SYSTEM "file:///etc/passwd">]>'),
        "entities",
    ),
    "entity in UTF-16": (
        musicxml(head=BOMB).decode().replace("UTF-8", "UTF-16").encode("utf-16"),
        "entities",
    ),
    "too deep": (musicxml(before="<a>" * 100 + "</a>" * 100), "too many elements"),
    "too many elements": (musicxml(before="<a/>" * 1_000_001), "too many elements"),
    "999 beats": (musicxml(beats="999"), "absurd number"),
    "a million staves": (musicxml(attributes="<staves>1000000</staves>"), "absurd number"),
    "a million endings": (
        musicxml(after='<barline><ending number="1-1000000" type="start"/></barline>'),
        "absurd number",
    ),
    "endless note": (musicxml(duration="1e9"), "end is not from"),
    "duration of NaN": (musicxml(duration="nan"), "music21 cannot"),
    "negative duration": (musicxml(duration="-4"), "end is not from"),
    "archive with a password": (encrypted(mxl(musicxml())), "unreadable archive"),
    "archive cut": (mxl(musicxml())[:-30], "archive"),
    "archive without a score": (mxl(b"", container=CONTAINER, name="other.xml"), "archive"),
    "archive whose container names none": (mxl(musicxml(), container="<a/>"), "names no score"),
    "archive with a bomb": (mxl(musicxml(before=" " * 10_000_000)), "unpacks to over"),
    "archive with a bomb for a container": (
        mxl(musicxml(), container=" " * 9_999_999),
        "unpacks to over",
    ),
    "archive with entities in its container": (
        mxl(musicxml(), container=BOMB + CONTAINER),
        "entities",
    ),
    "archive in another compression": (
        mxl(musicxml(), method=zipfile.ZIP_LZMA),
        "unknown compression",
    ),
    "archive of thousands": (mxl(musicxml()) + b"PK\x01\x02" * 2000, "more than 1024 files"),
    "ABC in 999/4": (ABC.replace("3/4", "999/4").encode(), "absurd number"),
    "ABC with a note of 99,999": (ABC.replace("G2", "G99999").encode(), "absurd number"),
    "ABC of nonsense": (b"X:1\nK:C\n" + b"[" * 3000, "music21 cannot parse"),
    "kern in 999/4": (KERN.replace("4/4", "999/4").encode(), "absurd number"),
}


@pytest.mark.parametrize(("data", "says"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(data, says, tmp_path):
    with pytest.raises(ScoreError, match=says) as caught:
        read_score(data)
    assert caught.value.source == "bytes"
    path = tmp_path / "piece.score"
    path.write_bytes(data)
    with pytest.raises(ScoreError, match=says) as caught:
        read_score(path)
    assert caught.value.source == str(path)
    assert caught.value.stage
    assert isinstance(caught.value, ChordmerError)


def test_an_archive_without_a_container_is_read():
    assert len(read_score(mxl(musicxml(), container=None)).notes) == 1


def test_free_text_may_hold_long_numbers():
    assert len(read_score(ABC.replace("K:G", "Z:tel 0123456789\nK:G").encode()).notes) == 4
    assert len(read_score(("!!!OTL: 1234567\n" + KERN).encode()).notes) == 5


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        (Limits(notes=3), "more than 3 notes"),
        (Limits(file_bytes=100), "larger than 100 bytes"),
        (Limits(hours=0.0005), "is not from 0 to"),
        (Limits(unpacked_bytes=500), "unpacks to over 500"),
        (Limits(ratio=1.0), "1 times its size"),
    ],
)
def test_caps(limits, says):
    data = mxl(musicxml(after=xml_note("D", 4, 4) * 3))
    assert len(read_score(data).notes) == 4
    with pytest.raises(ScoreError, match=says):
        read_score(data, limits=limits)


def test_paths_that_are_no_files(tmp_path):
    os.mkfifo(tmp_path / "pipe.mxl")
    for path in (tmp_path / "pipe.mxl", tmp_path / "none.abc", tmp_path):
        with pytest.raises(ScoreError):
            read_score(path)


def test_without_music21_the_message_is_the_command_that_brings_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "music21", None)
    with pytest.raises(MissingExtraError, match=r'pip install "chordmer\[scores\]"'):
        read_score(musicxml())
