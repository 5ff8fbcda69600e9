"""What each change of a piece keeps, and what it moves."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chordmer import augment
from chordmer.augment.symbolic import __all__ as PUBLIC
from chordmer.errors import ChordmerError
from chordmer.notes import NOTE_DTYPE, TIME_SIGNATURE_DTYPE, Symbolic, TempoMap, TextEvent


def piece(rows, *, tempo=((0, 0.5),), resolution=480, signatures=((0, 4, 4),), texts=()):
    """A Symbolic of rows (onset_tick, duration_tick, pitch, velocity, channel)."""
    ticks, seconds = zip(*tempo)
    tempo_map = TempoMap(np.array(ticks), np.array(seconds, dtype=float), resolution)
    rows = sorted(rows, key=lambda row: (row[0], row[2], row[4]))
    notes = np.zeros(len(rows), dtype=NOTE_DTYPE)
    if rows:
        columns = ("onset_tick", "duration_tick", "pitch", "velocity", "channel")
        for name, values in zip(columns, zip(*rows)):
            notes[name] = values
    end = notes["onset_tick"] + notes["duration_tick"]
    notes["onset_beat"] = tempo_map.beats(notes["onset_tick"])
    notes["duration_beat"] = tempo_map.beats(notes["duration_tick"])
    notes["onset_sec"] = tempo_map.seconds(notes["onset_tick"])
    notes["duration_sec"] = tempo_map.seconds(end) - notes["onset_sec"]
    notes["is_drum"] = notes["channel"] == 9
    return Symbolic(
        notes,
        tempo_map,
        np.array(list(signatures), dtype=TIME_SIGNATURE_DTYPE),
        texts=tuple(TextEvent(t, float(tempo_map.seconds(t)), "lyric", b"la") for t in texts),
        end_tick=int(end.max()) if rows else 0,
    )


def piece_of(notes, symbolic):
    """`symbolic` with other notes."""
    return Symbolic(notes, symbolic.tempo_map, symbolic.time_signatures)


def rows_of(symbolic, names):
    """The notes as a sorted list of tuples of the fields `names`."""
    return sorted(symbolic.notes[names].tolist())


rows = st.lists(
    st.tuples(
        st.integers(0, 9600),
        st.integers(1, 2000),
        st.integers(0, 127),
        st.integers(1, 127),
        st.sampled_from([0, 1, 9]),
    ),
    max_size=40,
    unique_by=lambda row: (row[0], row[2], row[4]),
)
tempi = st.lists(st.floats(0.1, 3.0), min_size=1, max_size=4).map(
    lambda seconds: tuple((1000 * i, s) for i, s in enumerate(seconds))
)
pieces = st.builds(
    lambda rows, tempo: piece(
        rows, tempo=tempo, texts=(0, 700), signatures=((0, 4, 4), (960, 3, 4))
    ),
    rows,
    tempi,
)

CHANGES = {
    "flatten_velocity": lambda s: augment.flatten_velocity(s),
    "scale_velocity": lambda s: augment.scale_velocity(s, factor=1.4),
    "noise_velocity": lambda s: augment.noise_velocity(s, rng=3),
    "quantize_onsets": lambda s: augment.quantize_onsets(s, divisions=3),
    "jitter_onsets": lambda s: augment.jitter_onsets(s, rng=3),
    "rewrite_tempo": lambda s: augment.rewrite_tempo(s, bpm=[70, 140], starts=[0, 2.5]),
    "change_speed": lambda s: augment.change_speed(s, factor=1.25),
    "hold_pedal": lambda s: augment.hold_pedal(s),
    "excerpt": lambda s: augment.excerpt(s, start=1.0, seconds=3.0),
    "transpose": lambda s: augment.transpose(s, semitones=-5),
    "double_octaves": lambda s: augment.double_octaves(s),
    "thin_texture": lambda s: augment.thin_texture(s, keep=0.3, rng=3),
    "spread_tracks": lambda s: augment.spread_tracks(s, rng=3),
}


def test_every_public_change_is_tested():
    assert set(CHANGES) == set(PUBLIC)


@pytest.mark.parametrize("name", CHANGES)
@given(symbolic=pieces)
def test_a_changed_piece_is_consistent_and_the_original_untouched(name, symbolic):
    before = symbolic.notes.copy()
    changed = CHANGES[name](symbolic)
    assert np.array_equal(symbolic.notes, before)
    notes, tempo_map = changed.notes, changed.tempo_map
    assert notes.dtype == NOTE_DTYPE
    order = np.lexsort((notes["channel"], notes["pitch"], notes["onset_tick"]))
    assert np.array_equal(order, np.arange(len(notes)))
    assert (notes["onset_tick"] >= 0).all()
    assert (notes["duration_tick"] > 0).all()
    assert ((notes["pitch"] >= 0) & (notes["pitch"] <= 127)).all()
    assert ((notes["velocity"] >= 1) & (notes["velocity"] <= 127)).all()
    assert np.array_equal(notes["onset_beat"], tempo_map.beats(notes["onset_tick"]))
    assert np.array_equal(notes["duration_beat"], tempo_map.beats(notes["duration_tick"]))
    end = notes["onset_tick"] + notes["duration_tick"]
    # rewrite_tempo keeps the seconds and rounds the ticks; the others do it the other way round.
    tick = tempo_map.seconds_per_beat.max() / tempo_map.ticks_per_beat
    slack = 0.51 * tick if name == "rewrite_tempo" else 1e-9
    np.testing.assert_allclose(
        notes["onset_sec"], tempo_map.seconds(notes["onset_tick"]), atol=slack
    )
    if name != "rewrite_tempo":
        ends = notes["onset_sec"] + notes["duration_sec"]
        np.testing.assert_allclose(ends, tempo_map.seconds(end), atol=1e-9)
    assert tempo_map.ticks[0] == 0
    assert (np.diff(tempo_map.ticks) > 0).all()
    assert changed.time_signatures["tick"][0] == 0
    assert changed.end_tick >= 0
    for text in changed.texts:
        assert text.sec == pytest.approx(float(tempo_map.seconds(text.tick)), abs=max(slack, 1e-9))


@pytest.mark.parametrize("name", CHANGES)
@given(symbolic=pieces)
def test_the_same_seed_gives_the_same_music(name, symbolic):
    first, second = CHANGES[name](symbolic), CHANGES[name](symbolic)
    assert first.notes.tobytes() == second.notes.tobytes()


@pytest.mark.parametrize("name", sorted(set(CHANGES) - {"quantize_onsets", "double_octaves"}))
@given(symbolic=pieces)
def test_only_quantising_merges_and_only_doubling_adds(name, symbolic):
    changed = len(CHANGES[name](symbolic).notes)
    if name in ("excerpt", "thin_texture", "jitter_onsets"):
        assert changed <= len(symbolic.notes)
    else:
        assert changed == len(symbolic.notes)


def test_a_generator_moves_on_where_a_seed_does_not():
    symbolic = piece([(0, 10, 60, 64, 0)] * 1)
    generator = np.random.default_rng(1)
    drawn = [
        int(augment.noise_velocity(symbolic, scale=30, rng=generator).notes["velocity"][0])
        for _ in range(8)
    ]
    assert len(set(drawn)) > 1


# --- loudness ------------------------------------------------------------------------------------


@given(symbolic=pieces, velocity=st.integers(1, 127))
def test_flat_velocity_is_flat_and_touches_nothing_else(symbolic, velocity):
    flat = augment.flatten_velocity(symbolic, velocity=velocity)
    assert (flat.notes["velocity"] == velocity).all()
    others = [name for name in NOTE_DTYPE.names if name != "velocity"]
    assert np.array_equal(flat.notes[others], symbolic.notes[others])


def test_scaled_velocity_is_rounded_and_stays_in_range():
    symbolic = piece([(i, 5, 60, v, 0) for i, v in enumerate((1, 50, 64, 127))])
    scaled = augment.scale_velocity(symbolic, factor=1.5).notes["velocity"]
    assert scaled.tolist() == [2, 75, 96, 127]
    assert augment.scale_velocity(symbolic, factor=0.1).notes["velocity"].tolist() == [1, 5, 6, 13]


def test_velocity_noise_has_the_spread_asked_for():
    symbolic = piece([(i, 5, 60, 64, 0) for i in range(5000)])
    noisy = augment.noise_velocity(symbolic, scale=8.0, rng=0).notes["velocity"]
    assert noisy.mean() == pytest.approx(64, abs=0.5)
    assert noisy.std() == pytest.approx(8, abs=0.3)


# --- time ----------------------------------------------------------------------------------------


@given(symbolic=pieces, divisions=st.sampled_from([1, 2, 3, 4, 6, 8]))
def test_quantised_notes_lie_on_the_grid_and_moved_half_a_part_at_most(symbolic, divisions):
    notes = augment.quantize_onsets(symbolic, divisions=divisions).notes
    step = 480 // divisions
    assert (notes["onset_tick"] % step == 0).all()
    assert (notes["duration_tick"] % step == 0).all()
    for onset in symbolic.notes["onset_tick"]:
        assert np.abs(notes["onset_tick"] - onset).min() <= step / 2
    again = augment.quantize_onsets(piece_of(notes, symbolic), divisions=divisions).notes
    assert np.array_equal(again, notes)


def test_quantising_by_hand():
    symbolic = piece([(10, 100, 60, 64, 0), (110, 130, 64, 64, 0), (130, 5, 64, 70, 0)])
    notes = augment.quantize_onsets(symbolic, divisions=4).notes
    assert notes["onset_tick"].tolist() == [0, 120]
    assert notes["duration_tick"].tolist() == [120, 120]
    assert notes["velocity"].tolist() == [64, 64]
    with pytest.raises(ChordmerError, match="1 to 480 parts"):
        augment.quantize_onsets(symbolic, divisions=0)


@given(
    symbolic=pieces,
    bpm=st.lists(st.floats(20, 300), min_size=1, max_size=3),
)
def test_another_notated_tempo_keeps_every_second_and_note(symbolic, bpm):
    starts = 3.0 * np.arange(len(bpm))
    changed = augment.rewrite_tempo(symbolic, bpm=bpm, starts=starts)
    np.testing.assert_allclose(changed.tempo_map.bpm, bpm)
    kept = ["onset_sec", "duration_sec", "pitch", "velocity", "channel", "program"]
    assert rows_of(changed, kept) == rows_of(symbolic, kept)
    assert changed.duration == symbolic.duration


def test_tempo_written_twice_as_fast_doubles_the_beats():
    symbolic = piece([(0, 480, 60, 64, 0), (960, 240, 62, 64, 0)], texts=(960,))
    changed = augment.rewrite_tempo(symbolic, bpm=240.0)
    assert changed.notes["onset_beat"].tolist() == [0.0, 4.0]
    assert changed.notes["duration_beat"].tolist() == [2.0, 1.0]
    assert changed.texts[0].tick == 4 * 9600
    assert changed.texts[0].sec == 1.0


@pytest.mark.parametrize(
    ("bpm", "starts"),
    [([60, 70], [0.0]), ([60, 70], [1.0, 2.0]), ([60, 70], [0, 0]), (0, 0), (np.nan, 0)],
)
def test_an_impossible_tempo_map_is_refused(bpm, starts):
    with pytest.raises(ChordmerError):
        augment.rewrite_tempo(piece([(0, 1, 60, 64, 0)]), bpm=bpm, starts=starts)


def test_speed_scales_seconds_and_leaves_the_score():
    symbolic = piece([(0, 480, 60, 64, 0), (960, 480, 62, 64, 0)], texts=(960,))
    fast = augment.change_speed(symbolic, factor=2.0)
    assert fast.duration == symbolic.duration / 2
    assert fast.tempo_map.bpm.tolist() == [240.0]
    assert np.array_equal(fast.notes["onset_beat"], symbolic.notes["onset_beat"])
    assert fast.texts[0].sec == 0.5
    with pytest.raises(ChordmerError):
        augment.change_speed(symbolic, factor=0.0)


def test_jitter_moves_by_the_amount_asked_for():
    symbolic = piece([(480 * (i + 1), 100, 60, 64, 0) for i in range(2000)], resolution=9600)
    moved = augment.jitter_onsets(symbolic, scale=0.01, rng=0).notes
    assert len(moved) == 2000
    assert np.sort(moved["onset_sec"] - symbolic.notes["onset_sec"]).std() <= 0.0101


def test_the_pedal_holds_until_it_changes_or_the_key_is_struck_again():
    symbolic = piece(
        [
            (0, 100, 60, 64, 0),  # struck again at 600
            (600, 100, 60, 64, 0),
            (0, 100, 64, 64, 0),  # until the pedal changes at 960
            (0, 100, 60, 64, 1),  # another channel: until 960
            (900, 100, 67, 64, 0),  # sounds over the change: until 1920
            (0, 100, 40, 64, 9),  # a drum
        ]
    )
    notes = augment.hold_pedal(symbolic, beats=2).notes
    held = {
        (int(n["onset_tick"]), int(n["pitch"]), int(n["channel"])): int(n["duration_tick"])
        for n in notes
    }
    assert held == {
        (0, 60, 0): 600,
        (600, 60, 0): 360,
        (0, 64, 0): 960,
        (0, 60, 1): 960,
        (900, 67, 0): 1020,
        (0, 40, 9): 100,
    }


def test_an_excerpt_begins_at_zero_under_its_own_tempo_and_metre():
    symbolic = piece(
        [
            (0, 4000, 60, 64, 0),
            (960, 480, 62, 64, 0),
            (1920, 4000, 64, 64, 0),
            (2880, 9, 65, 64, 0),
        ],
        tempo=((0, 0.5), (960, 1.0), (2000, 0.25)),
        signatures=((0, 4, 4), (480, 3, 4), (1920, 2, 4)),
        texts=(0, 1000),
    )
    part = augment.excerpt(symbolic, start=1.0, seconds=2.1)
    assert part.notes["pitch"].tolist() == [62, 64]
    assert part.notes["onset_sec"].tolist() == [0.0, 2.0]
    assert part.duration == pytest.approx(2.1, abs=1e-3)
    assert part.tempo_map.ticks.tolist() == [0, 1040]
    assert part.tempo_map.seconds_per_beat.tolist() == [1.0, 0.25]
    assert part.time_signatures.tolist() == [(0, 3, 4), (960, 2, 4)]
    assert [(t.tick, t.sec) for t in part.texts] == [(40, pytest.approx(1 / 12))]
    assert len(augment.excerpt(symbolic, start=100, seconds=5).notes) == 0
    with pytest.raises(ChordmerError):
        augment.excerpt(symbolic, seconds=0)


# --- pitch and texture ---------------------------------------------------------------------------


@given(symbolic=pieces, semitones=st.integers(-150, 150))
def test_transposition_moves_pitch_classes_together_and_drums_not_at_all(symbolic, semitones):
    changed = augment.transpose(symbolic, semitones=semitones)
    before = np.sort((symbolic.pitched["pitch"] + semitones) % 12)
    assert np.array_equal(np.sort(changed.pitched["pitch"] % 12), before)
    drums = symbolic.notes["is_drum"]
    assert np.array_equal(changed.notes[changed.notes["is_drum"]], symbolic.notes[drums])


@given(symbolic=pieces, semitones=st.integers(-12, 12))
def test_transposing_back_restores_the_piece_where_no_edge_was_met(symbolic, semitones):
    pitch = symbolic.notes["pitch"]
    inside = symbolic.notes[(pitch >= 12) & (pitch <= 115)]
    start = piece_of(inside, symbolic)
    there = augment.transpose(start, semitones=semitones)
    assert np.array_equal(augment.transpose(there, semitones=-semitones).notes, inside)


def test_transposed_notes_come_back_by_octaves():
    symbolic = piece([(0, 9, 0, 64, 0), (1, 9, 127, 64, 0)])
    assert augment.transpose(symbolic, semitones=-1).notes["pitch"].tolist() == [11, 126]
    assert augment.transpose(symbolic, semitones=13).notes["pitch"].tolist() == [13, 116]


CHORD = [(0, 10, p, 64, 0) for p in (48, 55, 60, 64)] + [(480, 10, 62, 64, 0), (0, 10, 36, 64, 9)]


def test_doubling_adds_the_outer_lines_an_octave_out():
    notes = augment.double_octaves(piece(CHORD)).notes
    first = notes[(notes["onset_tick"] == 0) & ~notes["is_drum"]]["pitch"].tolist()
    assert first == [36, 48, 55, 60, 64, 76]
    assert notes[notes["onset_tick"] == 480]["pitch"].tolist() == [50, 62, 74]
    melody = augment.double_octaves(piece(CHORD), bass=False).notes
    assert melody[melody["onset_tick"] == 480]["pitch"].tolist() == [62, 74]


def test_notes_begin_together_though_fingers_do_not():
    rolled = piece(
        [(0, 10, 64, 64, 0), (20, 10, 48, 64, 0), (40, 10, 55, 64, 0), (80, 9, 60, 64, 0)]
    )
    thin = augment.thin_texture(rolled, rng=0).notes  # 20 ticks are 21 ms, 40 are 42 ms
    assert thin["pitch"].tolist() == [64, 48, 60]


def test_thinning_keeps_the_outer_notes_and_drums():
    thin = augment.thin_texture(piece(CHORD), rng=0).notes
    assert thin["pitch"].tolist() == [36, 48, 64, 62]
    assert len(augment.thin_texture(piece(CHORD), keep=1.0, rng=0).notes) == len(CHORD)


@given(symbolic=pieces, n_tracks=st.integers(1, 15), seed=st.integers(0, 9))
def test_spreading_changes_channel_and_program_only(symbolic, n_tracks, seed):
    changed = augment.spread_tracks(symbolic, n_tracks=n_tracks, rng=seed)
    heard = ["onset_tick", "duration_tick", "pitch", "velocity", "is_drum"]
    assert rows_of(changed, heard) == rows_of(symbolic, heard)
    pitched = changed.pitched
    assert 9 not in pitched["channel"]
    assert len(np.unique(pitched["channel"])) <= n_tracks
    pairs = {(int(n["channel"]), int(n["program"])) for n in pitched}
    assert len(pairs) == len(np.unique(pitched["channel"]))


def test_spreading_hands_notes_that_begin_together_to_different_channels():
    notes = augment.spread_tracks(piece(CHORD), n_tracks=4, programs=[0, 40, 41, 42], rng=0).notes
    together = notes[(notes["onset_tick"] == 0) & ~notes["is_drum"]]
    assert len(set(together["channel"].tolist())) == 4
    assert set(together["program"].tolist()) == {0, 40, 41, 42}
    for wrong in (0, 16):
        with pytest.raises(ChordmerError):
            augment.spread_tracks(piece(CHORD), n_tracks=wrong, rng=0)
    with pytest.raises(ChordmerError):
        augment.spread_tracks(piece(CHORD), n_tracks=2, programs=[1], rng=0)
