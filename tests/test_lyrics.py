"""Words out of text, .lrc and MIDI files: what they are and when they are sung."""

import re

import pytest
from corpora import DATA, corpora
from hypothesis import given
from hypothesis import strategies as st
from pieces import make_piece
from smf import chunk, header, meta, note, smf, track

from chordmer.errors import ChordmerError, LyricsError, MidiError, MissingModalityError
from chordmer.io import Limits, read_lyrics, read_symbolic
from chordmer.io.encoding import decode, detect_encoding
from chordmer.io.lrc import parse_lrc
from chordmer.io.syllables import gap_features, word_ends
from chordmer.track import Track

TEXT, LYRIC = 1, 5


def song(*events, kind=LYRIC, before=()):
    """A MIDI file whose notes carry `events`, a quarter note (half a second) each."""
    body = b"".join(note(60) + meta(kind, event) for event in events)
    # The text follows its note in the file; its time is the end of that note.
    return smf(*(meta(kind, event) for event in before), body)


def texts(source):
    return [line.text for line in read_lyrics(source).lines]


# --- plain text


def test_lines_and_verses_of_plain_text():
    lyrics = read_lyrics("[Verse 1]\nOne  two\nthree\n\n\n[Chorus: all]\nfour [softly]\n")
    assert [(x.text, x.verse) for x in lyrics.lines] == [
        ("One two", 0),
        ("three", 0),
        ("four [softly]", 1),
    ]
    assert lyrics.text == "One two\nthree\n\nfour [softly]"
    assert lyrics.report.counts == {"section_headings": 2}
    assert not lyrics.is_timed
    assert lyrics.encoding == "str"


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_every_kind_of_line_end(newline):
    assert texts(newline.join(["one", "two", "", "three"]).encode()) == ["one", "two", "three"]


def test_no_words_are_no_lines_and_a_warning():
    for empty in ("", " \n\n", b"", b"[00:01.00]\n"):
        lyrics = read_lyrics(empty)
        assert not lyrics
        assert lyrics.text == ""
        assert lyrics.report.warnings == ("there are no words",)


def test_control_characters_leave_no_trace():
    lyrics = read_lyrics("a\x1b[31mb\u200bc\nd")
    assert lyrics.lines[0].text == "a[31mbc"
    assert lyrics.report.counts == {"control_characters": 2}


# --- where words come from


def test_a_string_is_a_path_or_words(tmp_path):
    path = tmp_path / "my song.txt"
    path.write_text("la la")
    assert texts(str(path)) == texts(path) == texts("la la") == ["la la"]
    with pytest.raises(LyricsError, match="cannot be opened"):
        read_lyrics("nowhere.txt")
    for name in ("folder/nowhere", "no_such_file.xyz"):
        with pytest.raises(LyricsError, match="cannot be opened"):
            read_lyrics(name)
    for word in ("Hallelujah", "Hallelujah!", "Hallelujah...", "Jesu,"):
        assert texts(word) == [word]


def test_a_track_sings_its_lyrics_or_else_its_notes():
    midi = song(b"Hal", b"lo ", b"du")
    assert texts(Track("x", symbolic=midi, lyrics="other words")) == ["other words"]
    assert texts(Track("x", symbolic=midi)) == ["Hallo du"]
    lyrics = read_lyrics("a b")
    assert read_lyrics(lyrics) is lyrics
    assert texts(read_symbolic(midi)) == ["Hallo du"]
    for wordless in (Track("the song"), Track("the song", symbolic=make_piece([(0, 1, 60)]))):
        with pytest.raises(MissingModalityError, match="the song"):
            read_lyrics(wordless)


def test_files_are_known_by_their_ending(tmp_path):
    stamped = "[00:01.00]a b\n"
    (tmp_path / "a.txt").write_text(stamped)
    (tmp_path / "a.lrc").write_text(stamped)
    (tmp_path / "a.kar").write_bytes(song(b"a ", b"b"))
    assert texts(tmp_path / "a.txt") == ["[00:01.00]a b"]
    assert texts(tmp_path / "a.lrc") == texts(tmp_path / "a.kar") == ["a b"]
    assert texts(stamped.encode()) == ["a b"]
    assert texts(song(b"a ", b"b")) == ["a b"]


# --- encodings

HIRAGANA = st.text(
    "あいうえおかきくけこさしすせそたちつてとなにぬねのはひふへほまみむめもやゆよ", min_size=4
)
HANZI = st.text(
    "我你他的是不了在有这上来到时大地为子中说生国年着就那和要她出也得里后自以会", min_size=4
)
WESTERN = st.lists(
    st.sampled_from(["été", "schön", "Müllerin", "niño", "où", "là", "Straße", "façade", "ø"]),
    min_size=2,
).map(" ".join)


@given(
    st.one_of(
        st.tuples(HIRAGANA, st.just("cp932")),
        st.tuples(HANZI, st.just("gb18030")),
        st.tuples(WESTERN, st.just("latin-1")),
    )
)
def test_the_encoding_is_told_from_the_bytes(case):
    text, encoding = case
    assert detect_encoding(text.encode(encoding)) == (encoding, True)


@pytest.mark.parametrize(
    ("encoding", "name", "line"),
    [
        ("utf-8", "UTF-8", "Röslein rot 君"),
        ("utf-8-sig", "UTF-8", "Röslein rot 君"),
        ("utf-16", "utf-16", "Röslein rot 君"),
        ("utf-32", "utf-32", "Röslein rot 君"),
        ("cp932", "Shift-JIS", "涙そうそう 古いアルバムめくり"),
        ("gb18030", "GB18030", "月亮代表我的心，你问我爱你有多深"),
        ("latin-1", "latin-1", "Sah ein Knab’ ein Röslein stehn".replace("’", "'")),
        ("cp1252", "cp1252", "Sah ein Knab’ ein Röslein stehn"),
    ],
)
def test_each_encoding_is_read_and_recorded(encoding, name, line):
    lyrics = read_lyrics(line.encode(encoding))
    assert (lyrics.lines[0].text, lyrics.encoding) == (line, name)
    guessed = name in {"Shift-JIS", "GB18030", "latin-1", "cp1252"}
    assert lyrics.report.assumed == ((f"encoding {name}",) if guessed else ())


@pytest.mark.parametrize("encoding", ["cp932", "gb18030", "latin-1"])
def test_words_in_midi_are_decoded_together(encoding):
    words = {"cp932": "涙そうそう", "gb18030": "月亮代表我的心", "latin-1": "Rös lein"}[encoding]
    pieces = words.split() if " " in words else list(words)
    lyrics = read_lyrics(song(*(piece.encode(encoding) for piece in pieces)))
    assert lyrics.lines[0].text.replace(" ", "") == words.replace(" ", "")
    assert lyrics.report.assumed[0].startswith("encoding")


@given(st.binary(max_size=300))
def test_any_bytes_are_text_or_refused(data):
    encoding, guessed = detect_encoding(data)
    try:
        text, name, _ = decode(data)
    except LyricsError:
        assert encoding is None or encoding[:6] in ("utf-16", "utf-32", "utf-8-")
        return
    assert text == data.decode(encoding)  # strictly: nothing was replaced
    assert guessed == (name in ("Shift-JIS", "GB18030", "latin-1", "cp1252"))


# --- .lrc


def test_lrc_times_tags_and_offset():
    lyrics = read_lyrics(
        "[ti:Stille Nacht]\n[AR:Franz Gruber]\n[offset:+500]\n"
        "[00:12.00]Stille Nacht\n[00:15.500]heilige Nacht\n\n[01:02:50]Alles schläft\n[00:17]\n"
    )
    assert lyrics.tags == {"ti": "Stille Nacht", "ar": "Franz Gruber", "offset": "+500"}
    assert [(x.text, x.start, x.end, x.verse) for x in lyrics.lines] == [
        ("Stille Nacht", 11.5, 15.0, 0),
        ("heilige Nacht", 15.0, 16.5, 0),
        ("Alles schläft", 62.0, None, 1),
    ]
    assert lyrics.is_timed


def test_lrc_lines_behind_several_times():
    lyrics = read_lyrics("[00:10.00][00:30.00] Refrain\n[00:20.00]Strophe\n")
    assert [(x.text, x.start) for x in lyrics.lines] == [
        ("Refrain", 10.0),
        ("Strophe", 20.0),
        ("Refrain", 30.0),
    ]


@pytest.mark.parametrize(
    "line",
    [
        "[00:10.00]<00:10.00>Sil<00:10.50>ent <00:11.00>night <00:12.00>",
        "[00:10.00]Sil[00:10.50]ent [00:11.00]night [00:12.00]",
        "[00:10.00] <00:10.00> Sil<00:10.50>ent <00:11.00> night <00:12.00>",
    ],
)
def test_lrc_words_with_times(line):
    (sung,) = read_lyrics(f"[offset:-1000]\n{line}").lines
    assert sung.text == "Silent night"
    assert [(w.text, w.start, w.end) for w in sung.words] == [
        ("Silent", 11.0, 12.0),
        ("night", 12.0, 13.0),
    ]


def test_lrc_repeats_move_the_times_of_words():
    first, second = read_lyrics("[00:10.00][01:10.00]<00:10.00>a <00:11.00>b").lines
    assert [w.start for w in first.words] == [10.0, 11.0]
    assert [w.start for w in second.words] == [70.0, 71.0]


def test_lrc_says_what_is_odd():
    lyrics = read_lyrics("[offset:2000]\n[00:01.00]too early\nno time\n[00:05.00]fine\n")
    assert [(x.text, x.start) for x in lyrics.lines] == [
        ("too early", 0.0),
        ("no time", None),
        ("fine", 3.0),
    ]
    assert lyrics.report.warnings == (
        "1 lines have no time",
        "the offset moves 1 lines before the start; they begin at 0",
    )
    with pytest.raises(LyricsError, match="offset"):
        read_lyrics("[offset:soon]\n[00:01.00]a")


@given(st.lists(st.tuples(st.integers(0, 5999), st.from_regex("[a-z]{1,5}", fullmatch=True))))
def test_lrc_lines_come_in_order_of_time(rows):
    text = "\n".join(f"[{t // 60:02}:{t % 60:02}.00]{word}" for t, word in rows)
    lines, _, _ = parse_lrc(text)
    assert [(x.start, x.text) for x in lines] == sorted(
        ((float(t), word) for t, word in rows), key=lambda row: row[0]
    )
    assert all(x.end is None or x.end > x.start for x in lines)


# --- MIDI: how files mark words and lines


def test_spaces_part_words():
    for events in ((b"Si", b"lent ", b"night"), (b"Si", b"lent", b" night")):
        lyrics = read_lyrics(song(*events))
        assert texts(song(*events)) == ["Silent night"]
        assert lyrics.report.assumed == ()
        assert [(w.text, w.start) for w in lyrics.lines[0].words] == [
            ("Silent", 0.5),
            ("night", 1.5),
        ]


def test_hyphens_join_syllables():
    assert texts(song(b"Si-", b"lent", b"night,", b"ho-", b"ly")) == ["Silent night, holy"]


def test_a_syllable_that_is_held_is_no_word():
    assert texts(song(b"Glo", b" ", b"_", b"-", b"ria ", b"in")) == ["Gloria in"]


def test_karaoke_marks_are_not_words():
    lyrics = read_lyrics(
        song(
            *(b"\\Si", b"lent ", b"night", b"/ho", b"ly ", b"night", b"\\All ", b"is ", b"calm"),
            kind=TEXT,
            before=(b"@KMIDI KARAOKE FILE", b"@LENGL", b"@TSilent Night", b"@TGruber", b"junk"),
        )
    )
    assert [(x.text, x.verse) for x in lyrics.lines] == [
        ("Silent night", 0),
        ("holy night", 0),
        ("All is calm", 1),
    ]
    assert lyrics.tags == {"K": "MIDI KARAOKE FILE", "L": "ENGL", "T": "Silent Night\nGruber"}
    assert [x.start for x in lyrics.lines] == [0.5, 2.0, 3.5]


def test_a_cleared_screen_inside_a_sentence_begins_no_verse():
    lyrics = read_lyrics(song(b"/Once ", b"for", b"\\all ", b"men", b"\\Now ", b"go", kind=TEXT))
    assert [(x.text, x.verse) for x in lyrics.lines] == [
        ("Once for", 0),
        ("all men", 0),
        ("Now go", 1),
    ]


def test_a_line_may_break_inside_a_word_where_spaces_follow_the_marks():
    assert texts(song(b"/ A", b" ", b"bide", b" with", b"/ me", b" with", b"\\out", kind=TEXT)) == [
        "Abide with",
        "me without",
    ]


def test_line_ends_of_lyric_events():
    lyrics = read_lyrics(song(b"A ", b"rose\r", b"is ", b"red\n\n", b"and ", b"gone\r"))
    assert [x.text for x in lyrics.lines] == ["A rose", "is red", "and gone"]
    lyrics = read_lyrics(song(b"A ", b"rose", b"\r", b"is ", b"red"))
    assert [x.text for x in lyrics.lines] == ["A rose", "is red"]


def test_verses_under_one_melody():
    lyrics = read_lyrics(song("1.\xa0Die\n2.\xa0Der".encode(), b"Ro-\nBaum", b"se", b"lebt-\nfiel"))
    assert [(x.verse, x.text) for x in lyrics.lines] == [(0, "Die Rose lebt"), (1, "Der Baum fiel")]
    assert [x.start for x in lyrics.lines] == [0.5, 0.5]


def test_voices_are_kept_apart_and_doubles_dropped():
    def voice(*words):
        return track(*(note(60) + meta(LYRIC, word) for word in words))

    same = [b"Come ", b"away! "]
    lyrics = read_lyrics(
        header(1, 3) + voice(*same, b"I ", b"go.") + voice(*same, b"He ", b"stays.")
    )
    assert [(x.text, x.voice) for x in lyrics.lines] == [
        ("Come away!", 0),
        ("I go.", 0),
        ("He stays.", 1),
    ]
    assert lyrics.report.counts == {"doubled_lines": 1, "voices": 2}


def test_words_that_come_twice_are_read_once():
    both = b"".join(
        note(60) + meta(TEXT, mark + word) + meta(LYRIC, word)
        for mark, word in ((b"/", b"One "), (b"", b"two "), (b"/", b"three "), (b"", b"four"))
    )
    assert texts(smf(both)) == ["One two", "three four"]


def test_text_events_without_marks_are_no_lyrics():
    lyrics = read_lyrics(smf(meta(TEXT, b"made by hand"), note(60)))
    assert not lyrics
    assert lyrics.report.counts == {"other_text_events": 1}


def test_bare_syllables_are_joined_by_their_letters():
    lyrics = read_lyrics(DATA / "openscore_lieder" / "lc6179292.mid")
    assert lyrics.lines[0].text == "Ich ging im Walde den alten Steig,"
    assert lyrics.report.assumed == ("which syllables make a word",)


@given(st.lists(st.text(min_size=1, max_size=6), max_size=12))
def test_any_syllables_can_be_joined(syllables):
    ends = word_ends(syllables)
    assert len(ends) == len(syllables)
    assert not syllables or ends[-1]
    assert len(list(gap_features(syllables))) == max(len(syllables) - 1, 0)


# --- untrusted files


@given(st.lists(st.tuples(st.sampled_from([TEXT, LYRIC]), st.binary(max_size=12)), max_size=20))
def test_any_events_give_lines_in_order(events):
    data = smf(*(note(60) + meta(kind, raw) for kind, raw in events))
    lyrics = read_lyrics(data)
    keys = [(x.verse, x.start) for x in lyrics.lines]
    assert keys == sorted(keys)
    for line in lyrics.lines:
        assert line.text.strip() == line.text != ""
        assert line.start <= line.end
        assert [w.start for w in line.words] == sorted(w.start for w in line.words)


@given(st.text(max_size=400))
def test_any_text_is_read(text):
    try:
        lyrics = read_lyrics(text.encode("utf-8", "surrogatepass"))
    except (LyricsError, MidiError):
        return
    assert all(line.text for line in lyrics.lines)


def test_a_large_file_is_refused(tmp_path):
    path = tmp_path / "long.txt"
    path.write_bytes(b"la " * 400_000)
    for source in (path, path.read_bytes(), path.read_text()):
        with pytest.raises(LyricsError, match="larger than 1048576 bytes"):
            read_lyrics(source)
    assert read_lyrics(path, limits=Limits(text_bytes=2 << 20))


def test_an_lrc_bomb_is_refused():
    stamps = "".join(f"[{i:02}:00.00]" for i in range(60))
    with pytest.raises(LyricsError, match="line 59"):
        read_lyrics("\n".join([stamps + "la" * 1200] * 80))
    with pytest.raises(LyricsError, match="too often"):
        read_lyrics("[1:0]" * 100_001 + "a")


@pytest.mark.parametrize("data", [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"\0\1\2\3"])
def test_what_is_no_text_is_refused(data):
    with pytest.raises(LyricsError, match="not text"):
        read_lyrics(data)


def test_a_folder_and_a_broken_midi_file_are_refused(tmp_path):
    with pytest.raises(ChordmerError, match="not a regular file"):
        read_lyrics(tmp_path)
    with pytest.raises(MidiError):
        read_lyrics(header() + chunk(b"\x00\xff\x05\x7fabc"))


# --- real files

NOT_LETTERS = re.compile(r"[\W\d_]+")


def pairs(corpus):
    """The MIDI files of a corpus with the text files of their words."""
    found = [(path, path.with_suffix(".txt")) for path in sorted((DATA / corpus).glob("*.mid"))]
    if root := corpora():
        midi = sorted((root / corpus / "midi").glob("*.mid"))
        found += [(path, root / corpus / "lyrics" / f"{path.stem}.txt") for path in midi]
    return found


def words_of(text):
    return [word for word in (NOT_LETTERS.sub("", w).lower() for w in text.split()) if word]


@pytest.mark.parametrize(
    ("corpus", "least_words", "least_lines"),
    [("openscore_lieder", 0.98, 0.98), ("openhymnal", 0.95, 0.99)],
)
def test_words_agree_with_the_text_beside_them(corpus, least_words, least_lines):
    """Over the corpora: 99.3 % of the words and 98.5 % of the lines of the songs, 97.0 % and 99.8 %
    of the hymns. The hymns' text files part some words where a syllable is held ("Ama zing").
    """
    words = known = lines = found = 0
    for midi, text in pairs(corpus):
        # The text files part a word at the end of a line by a hyphen, or by a backslash.
        theirs = words_of(re.sub(r"-\n|\\", "", text.read_text(encoding="utf-8")))
        letters, vocabulary = "".join(theirs), set(theirs)
        lyrics = read_lyrics(midi)
        for line in lyrics.lines:
            ours = words_of(line.text)
            words += len(ours)
            known += sum(word in vocabulary for word in ours)
            lines += 1
            found += "".join(ours) in letters
    assert known / words > least_words
    assert found / lines > least_lines


def test_a_hymn_word_by_word():
    lyrics = read_lyrics(DATA / "openhymnal" / "Silent_Night-Stille_Nacht.mid")
    assert [x.text for x in lyrics.lines] == [
        "Silent night, holy night, All is calm, all is bright",
        "Round yon virgin mother and Child. Holy Infant, so tender and",
        "mild, Sleep in heavenly peace, Sleep in heavenly peace.",
    ]
    assert lyrics.tags["T" if "T" in lyrics.tags else "I"].startswith("Silent Night")
    starts = [x.start for x in lyrics.lines]
    assert starts == sorted(starts)
