"""Tempo and beats from onsets: metronomes first, then hands that waver, then songs."""

import numpy as np
import pytest
from corpora import bundled_midi
from hypothesis import given, settings
from hypothesis import strategies as st
from pieces import DRUMS, make_piece

from chordmer import estimate_tempo, read_symbolic
from chordmer.errors import ChordmerError
from chordmer.features.tempo import grid_alignment, tempo_is_nominal

SECONDS = [("onset_sec", float), ("duration_sec", float), ("pitch", int), ("velocity", int)]
OCTAVES = (1, 2, 1 / 2, 3, 1 / 3)


def played(onset, duration=0.3, pitch=60, velocity=64):
    notes = np.zeros(len(onset), dtype=SECONDS)
    notes["onset_sec"], notes["duration_sec"] = onset, duration
    notes["pitch"], notes["velocity"] = pitch, velocity
    return notes


def accompaniment(beat, n_beats=40, start=0.5):
    """Long notes on the beats, short ones on the half beats between."""
    at = start + np.arange(2 * n_beats) * beat / 2
    return played(at, np.where(np.arange(2 * n_beats) % 2, 0.1, 0.8) * beat)


@given(st.floats(55, 130), st.integers(20, 80), st.floats(0, 20))
def test_a_metronome_has_its_tempo(bpm, n, start):
    tempo = estimate_tempo(start + np.arange(n) * 60 / bpm)
    assert tempo.bpm == pytest.approx(bpm, rel=0.003)
    assert tempo.confidence > 0.6
    np.testing.assert_allclose(tempo.beat_times, start + np.arange(n) * 60 / bpm, atol=0.011)


@given(st.floats(36, 240))
def test_any_metronome_has_its_tempo_or_that_of_each_second_or_half_beat(bpm):
    tempo = estimate_tempo(np.arange(60) * 60 / bpm)
    assert min(abs(tempo.bpm / bpm / octave - 1) for octave in OCTAVES) < 0.003


@given(st.floats(60, 120))
def test_long_notes_tell_the_beat_from_its_half(bpm):
    tempo = estimate_tempo(accompaniment(60 / bpm))
    assert tempo.bpm == pytest.approx(bpm, rel=0.003)
    steps = (tempo.beat_times - 0.5) * bpm / 60
    np.testing.assert_allclose(steps, np.rint(steps), atol=0.05)


@given(st.lists(st.floats(0, 60), max_size=80))
@settings(max_examples=60)
def test_any_onsets_have_a_tempo_and_beats_in_order(onsets):
    tempo = estimate_tempo(onsets)
    assert 35 < tempo.bpm < 245
    assert 0 <= tempo.confidence <= 1
    assert np.isfinite(tempo.beat_times).all()
    assert (np.diff(tempo.beat_times) > 0).all()
    assert (len(tempo.beat_times) == 0) == (len(onsets) == 0)
    times = np.linspace(-5, 70, 40)
    np.testing.assert_allclose(tempo.seconds_at(tempo.beats_at(times)), times, atol=1e-9)
    if onsets:
        assert tempo.beat_times[0] < min(onsets) + 60 / tempo.bpm
        assert tempo.beat_times[-1] > max(onsets) - 1.7 * 60 / tempo.bpm
        count = np.arange(len(tempo.beat_times))
        np.testing.assert_allclose(tempo.beats_at(tempo.beat_times), count, atol=1e-9)


@pytest.mark.parametrize("onsets", [[], [1.0], [1.0, 1.5], [1.0, 1.5, 2.0], [3.0] * 50])
def test_too_little_to_hear_gives_no_confidence(onsets):
    tempo = estimate_tempo(onsets)
    assert tempo.confidence == 0
    assert tempo.bpm == pytest.approx(60 / 0.7)


def test_beats_of_nothing_are_those_of_the_guessed_tempo():
    tempo = estimate_tempo(make_piece([]))
    np.testing.assert_allclose(tempo.beats_at([0, 0.7, 7]), [0, 1, 10])
    np.testing.assert_allclose(tempo.seconds_at([0, 1, 10]), [0, 0.7, 7])


def test_a_metronome_is_surer_than_a_hand_and_a_hand_than_chance():
    rng = np.random.default_rng(0)
    at = np.arange(100) * 0.6
    exact, hand = at, at + rng.normal(0, 0.03, 100)
    chance = np.sort(rng.uniform(0, 60, 100))
    sure = [estimate_tempo(onsets).confidence for onsets in (exact, hand, chance)]
    assert sure == sorted(sure, reverse=True)
    assert sure[0] > 0.9
    assert sure[2] < 0.15


@pytest.mark.parametrize("wavering", [0.02, 0.04, 0.06, 0.08])
def test_beats_follow_a_tempo_that_wavers(wavering):
    rng = np.random.default_rng(1)
    at = 1 + np.cumsum(0.7 * (1 + wavering * np.sin(np.arange(120) / 10)))
    notes = played(np.repeat(at, 3) + rng.normal(0, 0.01, 360), 0.6)
    tempo = estimate_tempo(notes[np.argsort(notes["onset_sec"])])
    assert tempo.bpm == pytest.approx(60 / 0.7, rel=0.04)
    np.testing.assert_allclose(tempo.beat_times, at, atol=0.05)


@given(st.floats(0.01, 1000))
def test_beats_move_with_the_music(by):
    onsets = np.cumsum(np.random.default_rng(2).choice([0.3, 0.6, 0.9], 60))
    here, there = estimate_tempo(onsets), estimate_tempo(onsets + by)
    assert there.bpm == pytest.approx(here.bpm, rel=1e-3)
    assert there.confidence == pytest.approx(here.confidence, abs=1e-3)
    np.testing.assert_allclose(there.beat_times, here.beat_times + by, atol=0.011)


def test_what_is_played_how_loud_and_in_which_order_does_not_matter():
    notes = accompaniment(0.65)
    changed = notes[::-1].copy()
    rng = np.random.default_rng(3)
    changed["pitch"], changed["velocity"] = rng.integers(30, 90, (2, len(notes)))
    assert estimate_tempo(changed).bpm == pytest.approx(estimate_tempo(notes).bpm, rel=1e-9)


def test_the_files_tempo_map_does_not_matter():
    """The same seconds under two tempo maps."""
    piece = make_piece([(k / 2, 0.25, 60) for k in range(120)], bpm=80, ticks_per_beat=960)
    notes = np.zeros(120, dtype=SECONDS)
    for name, _ in SECONDS:
        notes[name] = piece.notes[name]
    other = read_symbolic(notes)
    assert other.tempo_map.bpm[0] != piece.tempo_map.bpm[0]
    assert estimate_tempo(other).bpm == pytest.approx(estimate_tempo(piece).bpm, rel=1e-6)


def test_drums_are_not_heard():
    rows = [(beat, 0.5, 60) for beat in range(40)]
    drums = [(beat * 0.37, 0.1, 42, 100, DRUMS) for beat in range(100)]
    with_drums = estimate_tempo(make_piece(rows + drums, bpm=90))
    assert with_drums.bpm == estimate_tempo(make_piece(rows, bpm=90)).bpm
    assert estimate_tempo(make_piece(drums)).confidence == 0


def test_songs_with_a_real_tempo_map_have_that_tempo():
    """Or its double; all but 806, whose beats are in three and are heard in twos of these."""
    right = []
    for path in bundled_midi():
        if path.parent.name != "pop909":
            continue
        piece = read_symbolic(path)
        heard = estimate_tempo(piece)
        onset = piece.pitched["onset_sec"]
        even = np.linspace(onset[0], onset[-1], 1000)
        real = np.median(np.gradient(piece.tempo_map.beats_at(even), even)) * 60
        if min(abs(heard.bpm / real / octave - 1) for octave in OCTAVES) < 0.04:
            right.append(path.stem)
        assert heard.confidence > 0.4
    assert right == ["098", "235", "331", "418", "632"]


def test_a_long_rest_costs_little_and_changes_little():
    notes = accompaniment(0.6)
    far = np.concatenate((notes, notes))
    far["onset_sec"][len(notes) :] += 5 * 3600
    tempo = estimate_tempo(far)
    assert tempo.bpm == pytest.approx(100, rel=0.01)
    assert len(tempo.beat_times) == pytest.approx(5 * 3600 / 0.6, rel=0.02)


@pytest.mark.parametrize("onsets", [[0.0, np.nan], [np.inf, 1], [[0.0, 1.0]], ["a", "b"], [{}, {}]])
def test_onsets_are_finite_numbers(onsets):
    with pytest.raises(ChordmerError, match="onsets are"):
        estimate_tempo(onsets)


def test_onsets_of_more_than_half_a_day_are_refused():
    assert estimate_tempo([0.0, 1.0, 2.0, 12 * 3600.0]).confidence < 1
    with pytest.raises(ChordmerError, match="12 hours"):
        estimate_tempo([0.0, 1.0, 2.0, 1e300])


# --- the file's own grid -----------------------------------------------------------------------


@given(st.sampled_from([1, 2, 3, 4, 6, 8]), st.floats(0, 1))
def test_onsets_on_any_grid_are_aligned_whatever_its_phase(parts, phase):
    rows = [(phase + k / parts, 0.1, 60) for k in range(40)]
    assert grid_alignment(make_piece(rows, ticks_per_beat=9600)) > 0.999


@given(st.integers(0, 2**32 - 1))
def test_alignment_is_the_mean_vector_on_the_circle_of_the_beat(seed):
    rng = np.random.default_rng(seed)
    onsets = rng.integers(0, 4800, 50)
    piece = make_piece([(tick / 480, 0.1, 60) for tick in onsets])
    phases = 2 * np.pi * onsets / 480
    vectors = [
        np.hypot(np.cos(parts * phases).mean(), np.sin(parts * phases).mean())
        for parts in (1, 2, 3, 4, 6, 8)
    ]
    assert grid_alignment(piece) == pytest.approx(max(vectors), abs=1e-9)


def test_a_performance_under_a_nominal_tempo_is_told_from_a_score():
    rng = np.random.default_rng(4)
    at = np.cumsum(0.66 * (1 + 0.05 * np.sin(np.arange(80) / 7))) + rng.normal(0, 0.01, 80)
    assert tempo_is_nominal(played(at))
    assert not tempo_is_nominal(played(np.arange(80) * 0.25))
    assert not any(tempo_is_nominal(path) for path in bundled_midi())


@pytest.mark.parametrize("n", [0, 1, 15])
def test_few_onsets_do_not_tell(n):
    assert not tempo_is_nominal(make_piece([(k * 0.377, 0.1, 60) for k in range(n)]))
    assert not tempo_is_nominal(make_piece([(k * 0.377, 0.1, 60, 64, DRUMS) for k in range(40)]))


def test_nothing_is_aligned_to_nothing():
    assert grid_alignment(make_piece([])) == 0
