"""The key of a piece, against music21's analysis and numpy's correlation."""

import numpy as np
import pytest
from corpora import bundled_midi
from hypothesis import given
from hypothesis import strategies as st
from pieces import DRUMS, make_piece

import chordmer
from chordmer import estimate_key
from chordmer.errors import ChordmerError
from chordmer.features.harte import PITCH_CLASSES
from chordmer.features.key import MAJOR_PROFILE, MINOR_PROFILE, key_of_profile
from chordmer.notes import Symbolic

notes = st.lists(
    st.tuples(st.integers(0, 64), st.integers(1, 16), st.integers(24, 100)), min_size=1, max_size=30
).map(lambda rows: [(onset / 4, length / 4, pitch) for onset, length, pitch in rows])
profiles = st.lists(st.integers(0, 1000), min_size=12, max_size=12)


def scale(tonic, steps):
    return make_piece([(beat, 1, tonic + step) for beat, step in enumerate(steps)])


@pytest.mark.parametrize("tonic", range(12))
def test_a_profile_is_in_its_own_key(tonic):
    for mode, profile in (("major", MAJOR_PROFILE), ("minor", MINOR_PROFILE)):
        key = key_of_profile(np.roll(profile, tonic))
        assert (key.tonic, key.mode) == (tonic, mode)
        assert key.strength == pytest.approx(1, abs=1e-12)
        assert 0 < key.margin < 1
        assert key.name == f"{PITCH_CLASSES[tonic]} {mode}"


@pytest.mark.parametrize("tonic", range(48, 60))
def test_a_scale_that_ends_on_its_tonic_is_in_its_key(tonic):
    major = estimate_key(scale(tonic, (0, 2, 4, 5, 7, 9, 11, 12)))
    assert (major.tonic, major.mode) == (tonic % 12, "major")
    minor = estimate_key(scale(tonic, (0, 2, 3, 5, 7, 8, 11, 12)))
    assert (minor.tonic, minor.mode) == (tonic % 12, "minor")


@given(profiles)
def test_strength_is_the_correlation_with_the_profile(profile):
    key = key_of_profile(profile)
    if len(set(profile)) == 1:
        assert key.strength == key.margin == 0
        assert (key.tonic, key.mode) == (0, "major")
        return
    expected = [
        np.corrcoef(profile, np.roll(ratings, tonic))[0, 1]
        for ratings in (MAJOR_PROFILE, MINOR_PROFILE)
        for tonic in range(12)
    ]
    np.testing.assert_allclose(key.correlations, expected, atol=1e-9)
    second, best = sorted(expected)[-2:]
    assert key.strength == pytest.approx(best, abs=1e-9)
    assert key.margin == pytest.approx(best - second, abs=1e-9)
    assert expected[key.tonic + 12 * (key.mode == "minor")] == pytest.approx(best, abs=2e-9)


@pytest.mark.parametrize("path", bundled_midi()[::3], ids=lambda path: path.stem)
def test_music21_hears_the_same_key(path):
    from music21 import note, stream
    from music21.analysis.discrete import KrumhanslKessler

    piece = chordmer.read_symbolic(path)
    score = stream.Stream()
    for row in piece.pitched:
        score.insert(
            row["onset_beat"], note.Note(int(row["pitch"]), quarterLength=row["duration_beat"])
        )
    theirs = KrumhanslKessler(score).getSolution(score)
    ours = estimate_key(piece)
    assert (ours.tonic, ours.mode) == (theirs.tonic.pitchClass, theirs.mode)
    assert ours.strength == pytest.approx(theirs.correlationCoefficient, abs=1e-6)


def test_the_bundled_song_is_in_the_key_it_was_written_in():
    assert estimate_key(chordmer.example()).name == "D minor"


@given(notes, st.integers(-24, 24))
def test_the_key_moves_with_the_music(rows, by):
    """Also where keys fit equally well, as for an augmented triad."""
    key = estimate_key(make_piece(rows))
    moved = estimate_key(make_piece([(onset, length, pitch + by) for onset, length, pitch in rows]))
    assert (moved.tonic, moved.mode) == ((key.tonic + by) % 12, key.mode)
    assert moved.strength == pytest.approx(key.strength, abs=1e-9)


@given(st.integers(0, 11), st.sampled_from([2, 3, 4, 6]))
def test_equal_keys_are_told_apart_by_the_last_note(root, step):
    """Sets that divide the octave evenly fit several keys alike."""
    pitches = [60 + root + k for k in range(0, 12, step)]
    rows = [(beat, 1, pitch) for beat, pitch in enumerate(pitches)]
    key = estimate_key(make_piece(rows))
    moved = estimate_key(make_piece([(o, d, p + step) for o, d, p in rows]))
    assert (moved.tonic, moved.mode) == ((key.tonic + step) % 12, key.mode)


@given(notes, st.sampled_from([3, 7, 10, 480]))
def test_the_unit_of_time_does_not_matter(rows, factor):
    key = estimate_key(make_piece(rows, ticks_per_beat=48))
    for other in (
        make_piece(rows, ticks_per_beat=48 * factor),
        make_piece([(o * factor, d * factor, p) for o, d, p in rows], ticks_per_beat=48),
        make_piece(rows, bpm=[(0, 40), (3, 200)], ticks_per_beat=48),
    ):
        np.testing.assert_array_equal(estimate_key(other).correlations, key.correlations)


def test_durations_weigh_in_beats_or_in_seconds():
    """C major, then F sharp major: eight times the beats, a hundred times as fast."""
    rows = [(beat, 1, pitch) for beat in range(8) for pitch in (60, 64, 67)]
    rows += [(beat, 1, pitch) for beat in range(8, 72) for pitch in (66, 70, 73)]
    piece = make_piece(rows, bpm=[(0, 40), (8, 4000)])
    assert estimate_key(piece).name == "F# major"
    assert estimate_key(piece, durations="sec").name == "C major"


def test_drums_have_no_key():
    rows = [(beat, 1, 60 + step) for beat, step in enumerate((0, 4, 7))]
    drums = [(beat, 4, 42, 100, DRUMS) for beat in range(9)]
    with_drums, without = estimate_key(make_piece(rows + drums)), estimate_key(make_piece(rows))
    np.testing.assert_array_equal(with_drums.correlations, without.correlations)


@pytest.mark.parametrize("rows", [[], [(0, 1, 38, 100, DRUMS)], [(0, 1, k) for k in range(48, 60)]])
def test_nothing_can_be_told_of_no_notes_and_of_all_notes(rows):
    key = estimate_key(make_piece(rows))
    assert (key.tonic, key.mode, key.strength, key.margin) == (0, "major", 0, 0)


def test_a_passage_has_its_own_key():
    rows = [(beat, 1, pitch) for beat in range(8) for pitch in (60, 64, 67)]
    rows += [(beat, 1, pitch) for beat in range(8, 16) for pitch in (66, 70, 73)]
    piece = make_piece(rows)
    early, late = piece.notes[:24], piece.notes[24:]
    assert [estimate_key(part).name for part in (early, late)] == ["C major", "F# major"]
    assert estimate_key(Symbolic(late, piece.tempo_map, piece.time_signatures)).name == "F# major"


def test_an_unknown_unit_is_refused():
    with pytest.raises(ChordmerError, match="durations must be"):
        estimate_key(make_piece([]), durations="tick")
