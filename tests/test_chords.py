"""Chord segmentation: the paper's examples, a slow and obvious second implementation, and laws."""

import pickle
import subprocess
import sys
from collections import defaultdict
from fractions import Fraction

import numpy as np
import pytest
from corpora import bundled_midi
from hypothesis import given
from hypothesis import strategies as st
from pieces import DRUMS, make_piece

from chordmer import Track, read_symbolic, segment_chords, split_by_intervals
from chordmer.errors import ChordmerError, MissingModalityError
from chordmer.features import _beats
from chordmer.features.harte import DEGREES, NOTE_NAMES, PITCH_CLASSES, chord_name, mask_of
from chordmer.notes import Symbolic

METHODS = ("gap", "beat")
SPELLINGS = ("ordered", "set", "pitch_class", "relative")
EVERY_WAY = [(method, spelling) for method in METHODS for spelling in SPELLINGS]

# --- the paper ---------------------------------------------------------------------------------

CANON = ["D5", "D5", "F5", "F#5", "E5", "D5", "B4", "G4", "G4", "A4", "B4"]
INTERVALS = (0.22, 0.02, 0.09, 0.13, 0.04, 0.33, 0.03, 0.14, 0.63, 0.09, 0.08)
#: Table II; the paper prints the F sharp of its first row an octave lower by mistake.
TABLE_II = {
    (4, 4): ["D5 D5 F5 F#5 E5 D5", "B4 G4 G4", "A4 B4"],
    (3, 4): ["D5 D5 F5 F#5 E5 D5 B4 G4 G4", "A4 B4"],
    (2, 4): ["D5 D5 F5 F#5 E5 D5 B4 G4 G4", "A4 B4"],
    (6, 8): ["D5", "D5 F5 F#5 E5 D5", "B4 G4 G4", "A4 B4"],
}
metres = pytest.mark.parametrize("metre", TABLE_II)


def canon(metre, **how):
    """The excerpt as a piece whose measures are those of the metre."""
    above, below = metre
    measure = Fraction(4 * above, below)
    onset, rows = Fraction(0), []
    for name, interval in zip(CANON, INTERVALS):
        rows.append((onset, Fraction(1, 50), NOTE_NAMES.index(name)))
        onset += Fraction(str(interval)) * measure
    return make_piece(rows, time_signature=metre, ticks_per_beat=100, **how)


@metres
def test_the_papers_lists_are_split_as_in_its_table(metre):
    chords = [" ".join(chord) for chord in split_by_intervals(CANON, INTERVALS, metre[0])]
    assert chords == TABLE_II[metre]
    assert split_by_intervals(CANON, INTERVALS[:-1], metre[0]) == [c.split() for c in chords]


@metres
@pytest.mark.parametrize("bpm", [120, 60, 97.3])
def test_the_papers_excerpt_as_notes_is_split_as_in_its_table(metre, bpm):
    above, below = metre
    piece = canon(metre, bpm=bpm)
    by_ticks = segment_chords(piece, beats_per_measure=above, beat_unit=below)
    # By equation (1) the BPM counts beats: in 6/8 there are two to the quarter note.
    by_seconds = segment_chords(piece, beats_per_measure=above, bpm=bpm * below / 4)
    for chords in (by_ticks, by_seconds):
        assert chords.tokens == TABLE_II[metre]
        np.testing.assert_allclose(chords.note_intervals, INTERVALS[:-1], atol=1e-9)
        assert chords.note_names == CANON


def test_four_four_is_the_default():
    assert segment_chords(canon((4, 4))).tokens == TABLE_II[4, 4]
    assert [" ".join(c) for c in split_by_intervals(CANON, INTERVALS)] == TABLE_II[4, 4]
    whole = segment_chords(canon((6, 8)))
    assert whole.tokens == segment_chords(canon((6, 8)), beats_per_measure=4, beat_unit=4).tokens


@pytest.mark.parametrize("bpm", [40, 60, 90.5, 120, 200])
def test_a_gap_of_one_beat_splits_and_a_shorter_one_does_not(bpm):
    """Equation (1): a beat is 60 / BPM seconds."""
    beat = 60 / bpm
    for gap, n_chords in ((beat, 2), (beat * 1.01, 2), (beat * 0.99, 1)):
        notes = np.array([(0, 0.1, 60), (gap, 0.1, 64)], dtype=SECONDS)
        assert len(segment_chords(notes, bpm=bpm)) == n_chords
        assert len(segment_chords(notes, bpm=bpm, split_beats=0.5)) == 2
        assert len(segment_chords(notes, bpm=bpm, split_beats=2)) == 1


SECONDS = [("onset_sec", float), ("duration_sec", float), ("pitch", int)]

# --- any piece ---------------------------------------------------------------------------------

note_rows = st.lists(
    st.tuples(
        st.integers(0, 96), st.integers(1, 30), st.integers(21, 108), st.sampled_from([0, 1, DRUMS])
    ),
    max_size=40,
).map(lambda rows: [(on / 12, len_ / 12, pitch, 64, channel) for on, len_, pitch, channel in rows])
pieces = note_rows.map(lambda rows: make_piece(rows, ticks_per_beat=48))
tempi = st.lists(st.floats(10, 400), min_size=1, max_size=5).map(
    lambda bpm: [(3 * k, value) for k, value in enumerate(bpm)]
)
beat_units = st.sampled_from([2, 4, 8])
splits = st.sampled_from([0.25, 1 / 3, 0.5, 1, 1.5, 4])
ways = st.sampled_from(EVERY_WAY)


def slow_gap_chords(piece, beat_unit, split_beats):
    """The rule, word for word, in exact fractions."""
    chords, before = [], None
    least = Fraction(split_beats).limit_denominator(100) * Fraction(4, beat_unit)
    for row, note in enumerate(piece.notes):
        if note["is_drum"]:
            continue
        onset = Fraction(int(note["onset_tick"]), piece.tempo_map.ticks_per_beat)
        if before is None or onset - before >= least:
            chords.append([])
        chords[-1].append(row)
        before = onset
    return chords


@given(pieces, beat_units, splits)
def test_gaps_split_exactly_where_the_rule_says(piece, beat_unit, split_beats):
    chords = segment_chords(piece, beat_unit=beat_unit, split_beats=split_beats)
    expected = slow_gap_chords(piece, beat_unit, split_beats)
    assert [rows.tolist() for rows in chords.notes] == expected
    pitches = [piece.notes["pitch"][rows] for rows in expected]
    assert chords.tokens == [" ".join(NOTE_NAMES[p] for p in chord) for chord in pitches]
    end_tick = piece.notes["onset_tick"] + piece.notes["duration_tick"]
    end_sec = piece.notes["onset_sec"] + piece.notes["duration_sec"]
    beat = piece.tempo_map.ticks_per_beat * 4 / beat_unit
    for k, rows in enumerate(expected):
        assert chords.onset_beat[k] == piece.notes["onset_tick"][rows[0]] / beat
        assert chords.end_beat[k] == end_tick[rows].max() / beat
        assert chords.onset_sec[k] == piece.notes["onset_sec"][rows[0]]
        assert chords.end_sec[k] == end_sec[rows].max()


@given(pieces, beat_units)
def test_bare_lists_and_notes_are_split_alike(piece, beat_unit):
    chords = segment_chords(piece, beats_per_measure=3, beat_unit=beat_unit)
    split = split_by_intervals(chords.note_names, chords.note_intervals, 3)
    assert [" ".join(chord) for chord in split] == chords.tokens


@given(pieces)
def test_spellings_of_one_segmentation_say_the_same(piece):
    ordered, of_notes, of_classes, relative = (
        segment_chords(piece, spelling=spelling) for spelling in SPELLINGS
    )
    for other in (of_notes, of_classes, relative):
        np.testing.assert_array_equal(other.onset_beat, ordered.onset_beat)
    tonic, mode = (relative.key.tonic, relative.key.mode)
    for notes, unique, classes, degrees in zip(
        ordered.tokens, of_notes.tokens, of_classes.tokens, relative.tokens
    ):
        pitches = [NOTE_NAMES.index(name) for name in notes.split()]
        assert [NOTE_NAMES.index(name) for name in unique.split()] == sorted(set(pitches))
        assert classes.split() == [PITCH_CLASSES[k] for k in sorted({p % 12 for p in pitches})]
        above = sorted({(p - tonic) % 12 for p in pitches})
        assert degrees == f"{mode}|{' '.join(DEGREES[k] for k in above)}"


# --- by beats ----------------------------------------------------------------------------------


def slow_beats(piece, beat_unit=4, split_beats=1):
    """For each beat the pitches that count, in exact fractions."""
    width = Fraction(split_beats).limit_denominator(100) * 4 * piece.tempo_map.ticks_per_beat
    width /= beat_unit
    times = defaultdict(lambda: defaultdict(Fraction))
    for note in piece.pitched:
        at, end = (int(note["onset_tick"]), int(note["onset_tick"] + note["duration_tick"]))
        for beat in range(int(at // width), int(-(-end // width))):
            stop = min((beat + 1) * width, end)
            times[beat][int(note["pitch"])] += stop - max(beat * width, at)
    if not times:
        return []
    longest = {beat: max(sounds.values()) for beat, sounds in times.items()}
    return [
        (beat, sorted(p for p, time in times[beat].items() if 4 * time >= longest[beat]))
        for beat in range(min(times), max(times) + 1)
    ]


@pytest.mark.parametrize("fast", [False, True])
@given(piece=pieces, beat_unit=beat_units, split_beats=splits)
def test_a_beats_chord_is_what_sounds_in_it(fast, piece, beat_unit, split_beats):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_beats, "worth_compiling", lambda size: fast)
        how = {"method": "beat", "beat_unit": beat_unit, "split_beats": split_beats}
        ordered, of_notes, of_classes, relative = (
            segment_chords(piece, spelling=spelling, **how) for spelling in SPELLINGS
        )
    expected = slow_beats(piece, beat_unit, split_beats)
    assert of_notes.tokens == [" ".join(NOTE_NAMES[p] for p in c) or "N" for _, c in expected]
    masks = [mask_of(pitches) for _, pitches in expected]
    basses = [pitches[0] % 12 if pitches else None for _, pitches in expected]
    assert ordered.tokens == list(map(chord_name, masks, basses))
    assert of_classes.tokens == list(map(chord_name, masks))
    key = relative.key
    assert relative.tokens == [
        f"{key.mode}|{chord_name(mask_of(p - key.tonic for p in c), names=DEGREES)}" if c else "N"
        for _, c in expected
    ]
    beats = np.array([beat for beat, _ in expected]) * split_beats
    np.testing.assert_allclose(ordered.onset_beat, beats, atol=1e-9)
    np.testing.assert_allclose(ordered.end_beat, beats + split_beats, atol=1e-9)
    seconds = np.array([beats, beats + split_beats]) * 4 / beat_unit * 0.5
    np.testing.assert_allclose([ordered.onset_sec, ordered.end_sec], seconds, atol=1e-9)


@given(pieces)
def test_each_note_begins_in_one_beat(piece):
    chords = segment_chords(piece, method="beat")
    onset = piece.notes["onset_beat"]
    for k, rows in enumerate(chords.notes):
        assert (chords.onset_beat[k] <= onset[rows]).all()
        assert (onset[rows] < chords.end_beat[k]).all()
    rows = [row for rows in chords.notes for row in rows.tolist()]
    assert rows == np.flatnonzero(~piece.notes["is_drum"]).tolist()


def test_a_cadence_is_named():
    sounds = ((60, 64, 67), (60, 65, 69), (), (59, 62, 65, 67), (60, 64, 67))
    rows = [(beat, 1, pitch) for beat, chord in enumerate(sounds) for pitch in chord]
    rows += [(beat + 0.5, 0.125, 61) for beat in (0, 1, 3, 4)]  # too short to count
    words = {s: segment_chords(make_piece(rows), method="beat", spelling=s) for s in SPELLINGS}
    assert words["ordered"].tokens == ["C:maj", "F:maj/5", "N", "G:7/3", "C:maj"]
    assert words["pitch_class"].tokens == ["C:maj", "F:maj", "N", "G:7", "C:maj"]
    assert words["set"].tokens == ["C4 E4 G4", "C4 F4 A4", "N", "B3 D4 F4 G4", "C4 E4 G4"]
    assert words["relative"].key.name == "C major"
    assert words["relative"].tokens == [
        *("major|1:maj", "major|4:maj", "N", "major|5:7", "major|1:maj")
    ]


def test_a_held_chord_sounds_in_every_beat():
    chords = segment_chords(make_piece([(0, 4, p) for p in (60, 64, 67)]), method="beat")
    assert chords.tokens == ["C:maj"] * 4
    assert [len(rows) for rows in chords.notes] == [3, 0, 0, 0]


# --- laws --------------------------------------------------------------------------------------


@given(note_rows, tempi, ways, beat_units)
def test_a_tempo_map_moves_no_chord(rows, tempi, way, beat_unit):
    method, spelling = way
    how = {"method": method, "spelling": spelling, "beat_unit": beat_unit}
    plain = segment_chords(make_piece(rows), **how)
    changed = segment_chords(make_piece(rows, bpm=tempi), **how)
    assert changed.tokens == plain.tokens
    np.testing.assert_array_equal(changed.onset_beat, plain.onset_beat)
    np.testing.assert_array_equal(changed.end_beat, plain.end_beat)
    tempo_map = make_piece(rows, bpm=tempi).tempo_map
    ticks = np.rint(changed.onset_beat * 4 / beat_unit * tempo_map.ticks_per_beat)
    np.testing.assert_allclose(changed.onset_sec, tempo_map.seconds(ticks), atol=1e-9)


@given(note_rows, st.sampled_from([2, 3, 5, 7, 210]), ways, splits)
def test_the_resolution_of_ticks_does_not_matter(rows, factor, way, split_beats):
    how = {"method": way[0], "spelling": way[1], "split_beats": split_beats}
    coarse = segment_chords(make_piece(rows, ticks_per_beat=48), **how)
    fine = segment_chords(make_piece(rows, ticks_per_beat=48 * factor), **how)
    assert fine.tokens == coarse.tokens
    np.testing.assert_allclose(fine.onset_beat, coarse.onset_beat, atol=1e-9)


@given(note_rows, st.integers(-20, 19), st.sampled_from(METHODS))
def test_transposing_leaves_relative_words(rows, by, method):
    moved = [(onset, length, pitch + by, *rest) for onset, length, pitch, *rest in rows]
    plain, other = (
        segment_chords(make_piece(r), method=method, spelling="relative") for r in (rows, moved)
    )
    assert other.tokens == plain.tokens


@given(note_rows, ways)
def test_loudness_programs_and_tracks_do_not_matter(rows, way):
    piece = make_piece(rows)
    notes = piece.notes.copy()
    notes["velocity"], notes["program"] = 1, 40
    other = Symbolic(notes, piece.tempo_map, piece.time_signatures)
    plain, changed = (segment_chords(p, method=way[0], spelling=way[1]) for p in (piece, other))
    assert changed.tokens == plain.tokens


@given(note_rows, ways, st.integers(1, 50))
def test_a_rest_before_the_piece_moves_it_and_changes_nothing(rows, way, rest):
    how = {"method": way[0], "spelling": way[1]}
    plain = segment_chords(make_piece(rows), **how)
    later = segment_chords(make_piece([(onset + rest, *more) for onset, *more in rows]), **how)
    assert later.tokens == plain.tokens
    np.testing.assert_allclose(later.onset_beat, plain.onset_beat + rest, atol=1e-9)


@given(note_rows, ways)
def test_drums_do_not_matter(rows, way):
    how = {"method": way[0], "spelling": way[1]}
    pitched = [row for row in rows if row[4] != DRUMS]
    with_drums, without = (segment_chords(make_piece(r), **how) for r in (rows, pitched))
    assert with_drums.tokens == without.tokens
    np.testing.assert_array_equal(with_drums.onset_sec, without.onset_sec)


@pytest.mark.parametrize("path", bundled_midi(), ids=lambda path: path.stem)
def test_words_of_a_real_piece_hold_every_pitched_note_once(path):
    piece = read_symbolic(path)
    names = [NOTE_NAMES[p] for p in piece.pitched["pitch"]]
    for beat_unit in (4, 8, 16):
        chords = segment_chords(piece, beat_unit=beat_unit)
        assert " ".join(chords.tokens).split() == names == chords.note_names
        rows = [rows.tolist() for rows in chords.notes]
        assert rows == slow_gap_chords(piece, beat_unit, 1)


@pytest.mark.parametrize("path", bundled_midi(), ids=lambda path: path.stem)
def test_beats_of_a_real_piece_follow_each_other(path):
    chords = segment_chords(path, method="beat", spelling="pitch_class")
    np.testing.assert_array_equal(chords.onset_beat[1:], chords.end_beat[:-1])
    np.testing.assert_array_equal(chords.onset_sec[1:], chords.end_sec[:-1])
    assert (np.diff(chords.onset_sec) > 0).all()
    piece = read_symbolic(path)
    assert chords.onset_beat[0] <= piece.pitched["onset_beat"][0] < chords.end_beat[0]
    last = (piece.pitched["onset_beat"] + piece.pitched["duration_beat"]).max()
    assert chords.onset_beat[-1] < last <= chords.end_beat[-1]


# --- tempo -------------------------------------------------------------------------------------


def rubato(n_beats=120, seed=0):
    """Chords a beat apart as a hand plays them: the tempo wavers, the fingers spread."""
    rng = np.random.default_rng(seed)
    steps = 0.66 * (1 + 0.06 * np.sin(np.arange(n_beats) / 9))
    at = np.cumsum(steps) + 0.7
    rows = []
    for beat, onset in enumerate(at):
        root = 48 + (0, 5, 7, 9)[beat // 4 % 4]
        rows += [(onset + rng.normal(0, 0.012), 0.5, root + k) for k in (0, 4, 7)]
    return np.array(rows, dtype=SECONDS), at


def test_beats_are_heard_in_a_performance_that_wavers():
    notes, at = rubato()
    heard = segment_chords(notes, bpm="estimate")
    assert heard.tempo.bpm == pytest.approx(60 / 0.66, rel=0.04)
    assert len(heard) == len(at)
    assert [len(rows) for rows in heard.notes] == [3] * len(at)
    np.testing.assert_array_equal(np.diff(heard.onset_beat), 1)
    np.testing.assert_allclose(heard.onset_sec, at, atol=0.05)
    by_beats = segment_chords(notes, method="beat", bpm="estimate")
    assert (by_beats.onset_sec >= 0).all()
    assert set(by_beats.tokens) <= {"C:maj", "F:maj", "G:maj", "A:maj"}


def test_the_report_tells_of_a_nominal_tempo():
    notes, _ = rubato()
    assert any("nominal" in warning for warning in segment_chords(notes).report.warnings)
    for bpm in ("estimate", 91):
        assert segment_chords(notes, bpm=bpm).report.warnings == ()
    for path in bundled_midi():
        chords = segment_chords(path)
        assert not any("nominal" in warning for warning in chords.report.warnings)
        assert chords.report.assumed == read_symbolic(path).report.assumed


def test_the_report_tells_that_no_tempo_is_heard():
    rng = np.random.default_rng(5)
    notes = np.zeros(300, dtype=SECONDS)
    notes["onset_sec"] = np.sort(rng.uniform(0, 60, 300))
    notes["duration_sec"], notes["pitch"] = 0.2, 60
    chords = segment_chords(notes, bpm="estimate")
    assert any("no tempo is heard" in warning for warning in chords.report.warnings)


# --- edges -------------------------------------------------------------------------------------


@pytest.mark.parametrize("bpm", [None, 100, "estimate"])
@pytest.mark.parametrize(("method", "spelling"), EVERY_WAY)
@pytest.mark.parametrize("rows", [[], [(beat, 1, 38, 90, DRUMS) for beat in range(40)]])
def test_without_a_pitched_note_there_is_no_chord(method, spelling, rows, bpm):
    chords = segment_chords(make_piece(rows), method=method, spelling=spelling, bpm=bpm)
    assert chords.tokens == chords.notes == chords.note_names == []
    assert len(chords) == len(chords.note_intervals) == 0
    for name in ("onset_sec", "end_sec", "onset_beat", "end_beat"):
        assert getattr(chords, name).shape == (0,)
    assert "nominal" not in " ".join(chords.report.warnings)
    assert (chords.key is None) == (spelling != "relative")


@pytest.mark.parametrize("bpm", [None, 100, "estimate"])
@pytest.mark.parametrize(
    ("method", "spelling", "token"),
    [
        ("gap", "ordered", "F#5"),
        ("gap", "set", "F#5"),
        ("gap", "pitch_class", "F#"),
        ("gap", "relative", "major|1"),
        ("beat", "ordered", "F#:1"),
        ("beat", "set", "F#5"),
        ("beat", "pitch_class", "F#:1"),
        ("beat", "relative", "major|1:1"),
    ],
)
def test_one_note_is_one_chord(method, spelling, token, bpm):
    piece = make_piece([(2.25, 0.5, 78)], bpm=100)
    chords = segment_chords(piece, method=method, spelling=spelling, bpm=bpm)
    assert chords.tokens == [token]
    assert [rows.tolist() for rows in chords.notes] == [[0]]
    assert len(chords.note_intervals) == 0
    if method == "gap":
        assert chords.onset_sec == pytest.approx([1.35])
        assert chords.end_sec == pytest.approx([1.65])


def test_notes_that_start_together_are_one_chord_from_low_to_high():
    chords = segment_chords(make_piece([(0, 1, p) for p in (67, 60, 64)]))
    assert chords.tokens == ["C4 E4 G4"]


@pytest.mark.parametrize("fast", [False, True])
def test_a_few_notes_cannot_ask_for_endless_beats(monkeypatch, fast):
    monkeypatch.setattr(_beats, "worth_compiling", lambda size: fast)
    for rows in (
        [(0, 1, 60), (10**9, 1, 64)],
        [(0, 10**9, 60), (0, 1, 64)],
        [(0, 30_000, 60 + k % 12) for k in range(300)],
        [(10**9, 1, 60)],
    ):
        piece = make_piece(rows, bpm=10**7)
        chords = segment_chords(piece, method="beat")
        assert 0 < len(chords) <= _beats.MOST_BEATS
        joined = chords.end_beat[0] - chords.onset_beat[0]
        assert ("make one chord" in " ".join(chords.report.warnings)) == (joined > 1)
        assert chords.onset_beat[-1] < max(o + d for o, d, _ in rows) <= chords.end_beat[-1]
        for way in METHODS:
            segment_chords(piece, method=way, bpm=1e9, split_beats=1e-6)
            segment_chords(piece, method=way, bpm=1e-6, split_beats=1e9)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_times_that_are_no_numbers_are_refused(value):
    piece = make_piece([(0, 1, 60), (1, 1, 64)])
    piece.notes["onset_sec"][1] = value
    with pytest.raises(ChordmerError, match="finite"):
        segment_chords(piece, method="beat", bpm=100)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("method", v) for v in ("gaps", None, 1)],
        *[("spelling", v) for v in ("Ordered", None, "")],
        *[("beats_per_measure", v) for v in (0, -3, 2.5, True, "4", np.nan)],
        *[("beat_unit", v) for v in (0, 3, 128, 4.5, True, "8")],
        *[("bpm", v) for v in (0, -1, np.nan, np.inf, "120", True, 1e-9, [120])],
        *[("split_beats", v) for v in (0, -1, np.nan, np.inf, None, "1", True, 1e-9)],
    ],
)
def test_senseless_parameters_are_refused_by_name(name, value):
    with pytest.raises(ChordmerError, match=f"segment_chords: {name} must be"):
        segment_chords(make_piece([(0, 1, 60)]), **{name: value})


def test_numbers_of_numpy_are_numbers():
    piece = canon((6, 8))
    how = {"beats_per_measure": np.int64(6), "beat_unit": np.int8(8), "split_beats": np.float32(1)}
    assert segment_chords(piece, **how).tokens == TABLE_II[6, 8]
    assert segment_chords(piece, bpm=np.float64(240), split_beats=1).tokens == TABLE_II[6, 8]


@pytest.mark.parametrize(
    ("names", "intervals", "beats"),
    [(CANON, INTERVALS[:-2], 4), (CANON[:3], INTERVALS, 4), (CANON, INTERVALS, 0), ([], [0.5], 4)],
)
def test_lists_that_do_not_fit_are_refused(names, intervals, beats):
    with pytest.raises(ChordmerError):
        split_by_intervals(names, intervals, beats)


def test_lists_of_no_notes_and_of_one():
    assert split_by_intervals([], []) == []
    assert split_by_intervals(["C4"], []) == split_by_intervals(["C4"], [0.5]) == [["C4"]]


def test_sources_come_through_the_one_door():
    path = bundled_midi()[0]
    expected = segment_chords(path).tokens
    for source in (str(path), path.read_bytes(), Track("x", symbolic=path), read_symbolic(path)):
        assert segment_chords(source).tokens == expected
    with pytest.raises(MissingModalityError):
        segment_chords(Track("x", lyrics="la"))


@pytest.mark.parametrize(("method", "spelling"), EVERY_WAY)
@pytest.mark.parametrize("bpm", [None, 100, "estimate"])
def test_chords_travel_between_processes(method, spelling, bpm):
    chords = segment_chords(bundled_midi()[0], method=method, spelling=spelling, bpm=bpm)
    other = pickle.loads(pickle.dumps(chords))
    assert other.tokens == chords.tokens
    assert other.report == chords.report
    assert repr(other) == repr(chords)
    assert len(repr(chords)) < 120


def test_one_file_is_segmented_without_heavy_packages():
    code = (
        "import sys, chordmer\n"
        "for method in ('gap', 'beat'):\n"
        "    chordmer.segment_chords(chordmer.example(), method=method, bpm='estimate')\n"
        "print(*{m.partition('.')[0] for m in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"numba", "scipy", "sklearn", "gensim", "torch", "music21", "pretty_midi"}
    assert heavy.isdisjoint(done.stdout.split())
