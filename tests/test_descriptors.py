"""Descriptors: what they mean on music that says it plainly, and what must not change them."""

import math
import statistics
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from corpora import bundled_midi
from hypothesis import given, settings
from hypothesis import strategies as st
from pieces import DRUMS, make_piece

from chordmer.augment import spread_tracks, transpose
from chordmer.errors import ChordmerError, MissingModalityError
from chordmer.features.describe import (
    _FAMILIES,
    DESCRIPTOR_NAMES,
    DESCRIPTORS,
    FAMILIES,
    VELOCITY_FREE,
    describe_symbolic,
    describe_windows,
    names_of,
)
from chordmer.features.harmony import CONSONANCE, chord_probabilities
from chordmer.features.key import MAJOR_PROFILE, MINOR_PROFILE
from chordmer.features.pulse import PERIODS, intervals
from chordmer.features.symbolic import SymbolicDescriptors
from chordmer.features.texture import HOLD, weave
from chordmer.features.tonality import correlations, find_key
from chordmer.io import read_symbolic
from chordmer.notes import NOTE_DTYPE, TempoMap
from chordmer.track import Track

FILES = bundled_midi()
PIECES = {path.stem: read_symbolic(path) for path in FILES[::3]}
#: What a transposition moves: `+` by its semitones, `*` in other ways.
ABSOLUTE = {
    "register_mean": "+",
    "register_held_mean": "+",
    "register_low": "+",
    "register_high": "+",
    "register_deep_share": "*",
    "register_middle_share": "*",
    "register_bright_share": "*",
    "melody_median": "+",
    "bass_median": "+",
    "low_roughness": "*",
}

any_piece = pytest.mark.parametrize("piece", PIECES.values(), ids=PIECES)


def described(piece):
    return dict(zip(DESCRIPTOR_NAMES, describe_symbolic(piece).tolist()))


def blocks(*chords, seconds=1.0):
    """A piece of block chords, each so long."""
    return make_piece(
        [(i * seconds, seconds, pitch) for i, chord in enumerate(chords) for pitch in chord],
        bpm=60,
    )


def line(*pitches, step=0.5, length=None):
    """A piece of one note after the other."""
    length = step if length is None else length
    return make_piece([(i * step, length, pitch) for i, pitch in enumerate(pitches)], bpm=60)


C, CM, DM, EM, F, G, AM = (
    (48, 64, 67, 72),
    (48, 63, 67, 72),
    (50, 62, 65, 69),
    (52, 64, 67, 71),
    (53, 65, 69, 72),
    (55, 62, 67, 71),
    (57, 60, 64, 69),
)


class TestTheTable:
    def test_each_name_is_one_descriptor_with_a_unit_and_a_meaning(self):
        assert 150 <= len(DESCRIPTOR_NAMES) <= 200
        assert len(DESCRIPTORS) == sum(len(names_of([f])) for f in FAMILIES)
        assert all(unit and meaning for unit, meaning in DESCRIPTORS.values())

    @pytest.mark.parametrize("family", FAMILIES)
    def test_the_values_stand_in_the_order_of_the_names(self, family):
        compute, table = _FAMILIES[family]
        found = compute(weave(next(iter(PIECES.values()))))
        assert list(found) == list(table)
        assert all(type(value) is float for value in found.values())

    def test_families_may_be_chosen(self):
        piece = next(iter(PIECES.values()))
        whole = described(piece)
        part = describe_symbolic(piece, families=("pulse", "register"))
        assert part.tolist() == [whole[name] for name in names_of(("pulse", "register"))]
        assert names_of() == DESCRIPTOR_NAMES
        assert "dynamics" not in VELOCITY_FREE
        with pytest.raises(ChordmerError, match=r"register.*found vibes"):
            describe_symbolic(piece, families=["vibes"])

    def test_shares_are_shares(self):
        for piece in PIECES.values():
            for name, value in described(piece).items():
                low, high = {"share": (0, 1), "0 to 1": (0, 1), "-1 to 1": (-1, 1)}.get(
                    DESCRIPTORS[name][0], (-math.inf, math.inf)
                )
                assert low - 1e-9 <= value <= high + 1e-9, name


def notes_of(onset, duration=0.5, pitch=60, drum=False):
    count = len(onset)
    notes = np.zeros(count, NOTE_DTYPE)
    notes["onset_sec"], notes["duration_sec"], notes["pitch"] = onset, duration, pitch
    notes["velocity"], notes["is_drum"] = 64, drum
    return notes


EDGES = {
    "silence": notes_of([]),
    "one note": notes_of([0.0]),
    "one late note": notes_of([1e6]),
    "two notes": notes_of([0.0, 0.4]),
    "drums": notes_of([0.0, 1.0, 2.0], drum=True),
    "no length": notes_of([0.0, 1.0], duration=0.0),
    "all at once": notes_of(np.zeros(128), pitch=np.arange(128)),
    "all at once, one pitch": notes_of(np.zeros(500)),
    "a cluster": notes_of(np.arange(30) * 0.01, pitch=np.arange(40, 70)),
    "every pitch class alike": notes_of(np.arange(24.0), pitch=np.arange(48, 72), duration=1.0),
    "tritones": notes_of(np.arange(10.0) // 2, pitch=np.tile([60, 66], 5)),
    "a long rest": notes_of([0.0, 1e10], pitch=[60, 67]),
    "a long note": notes_of([0.0, 1.0], duration=1e10, pitch=[60, 67]),
    "a hundred thousand": notes_of(
        np.arange(100_000) * 0.011, pitch=np.arange(100_000) * 7 % 128, duration=3.0
    ),
}


@pytest.mark.parametrize("notes", EDGES.values(), ids=EDGES)
def test_every_input_has_finite_descriptors(notes):
    values = describe_symbolic(notes)
    assert values.shape == (len(DESCRIPTOR_NAMES),)
    assert np.isfinite(values).all()
    assert np.array_equal(values, describe_symbolic(notes))


class TestWhatChangesNothing:
    @any_piece
    @pytest.mark.parametrize("semitones", [-5, 1, 6])
    def test_transposition_moves_the_registers_only(self, piece, semitones):
        before, after = described(piece), described(transpose(piece, semitones=semitones))
        for name, value in before.items():
            kind = ABSOLUTE.get(name)
            if kind != "*":
                expected = value + semitones * (kind == "+")
                assert after[name] == pytest.approx(expected, abs=1e-9), name

    @any_piece
    def test_silence_before_the_start(self, piece):
        notes = piece.notes.copy()
        notes["onset_sec"] += 12.3456
        assert describe_symbolic(notes) == pytest.approx(describe_symbolic(piece), abs=1e-9)

    @any_piece
    def test_tracks_and_programs(self, piece):
        spread = spread_tracks(piece, rng=0)
        assert len(np.unique(spread.notes["channel"])) > 1
        assert np.array_equal(describe_symbolic(spread), describe_symbolic(piece))

    @any_piece
    def test_ticks_beats_and_tempo(self, piece):
        notes = piece.notes.copy()
        notes["onset_tick"] *= 7
        notes["duration_tick"] *= 7
        notes["onset_beat"] *= 1.5
        notes["duration_beat"] *= 1.5
        ticks = np.array([0, 100])
        other = TempoMap(ticks, np.array([0.3, 0.8]), 96)
        rewritten = replace(piece, notes=notes, tempo_map=other)
        assert np.array_equal(describe_symbolic(rewritten), describe_symbolic(piece))

    @any_piece
    def test_rounding_in_the_last_digit(self, piece):
        notes = piece.notes.copy()
        notes["onset_sec"] = (notes["onset_sec"] * 3) / 3 * (1 + 1e-13)
        assert np.array_equal(describe_symbolic(notes), describe_symbolic(piece))

    @any_piece
    def test_velocity_changes_the_dynamics_only(self, piece):
        notes = piece.notes.copy()
        notes["velocity"] = np.random.default_rng(0).integers(1, 128, len(notes))
        same = describe_symbolic(notes, families=VELOCITY_FREE)
        assert np.array_equal(same, describe_symbolic(piece, families=VELOCITY_FREE))
        assert not np.array_equal(
            describe_symbolic(notes, families=["dynamics"]),
            describe_symbolic(piece, families=["dynamics"]),
        )

    @any_piece
    def test_drums_and_doubled_unisons(self, piece):
        drums, double = piece.notes.copy(), piece.notes.copy()
        drums["is_drum"], drums["channel"] = True, DRUMS
        double["channel"] += 1
        assert np.array_equal(
            describe_symbolic(np.concatenate([piece.notes, double, drums])),
            describe_symbolic(piece),
        )

    @given(st.permutations(range(40)))
    @settings(max_examples=10, deadline=None)
    def test_the_order_of_the_notes(self, order):
        notes = next(iter(PIECES.values())).notes[:40]
        assert np.array_equal(describe_symbolic(notes[list(order)]), describe_symbolic(notes))


@any_piece
def test_twice_as_fast_is_an_octave_in_every_rate(piece):
    notes = piece.notes.copy()
    notes["onset_sec"] /= 2
    notes["duration_sec"] /= 2
    slow = described(piece)
    # Events are gathered by fixed tolerances: only where none lies near them is the change exact.
    fast = described(notes)
    assert fast["rhythm_note_rate"] == pytest.approx(slow["rhythm_note_rate"] + 1, abs=0.05)
    assert fast["duration_median"] == pytest.approx(slow["duration_median"] - 1, abs=0.05)
    assert fast["mode_strength"] == pytest.approx(slow["mode_strength"], abs=0.2)


class TestAgainstLoops:
    """Independent computations, note by note, of what the arrays compute at once."""

    @any_piece
    def test_register_and_polyphony(self, piece):
        found, woven = described(piece), weave(piece)
        pitch, held = woven.pitch.tolist(), woven.duration.tolist()
        assert found["register_mean"] == pytest.approx(statistics.fmean(pitch))
        assert found["register_held_mean"] == pytest.approx(statistics.fmean(pitch, held))
        assert found["register_spread"] == pytest.approx(statistics.pstdev(pitch))
        low, high = np.quantile(pitch, [0.05, 0.95])
        assert found["register_low"] == pytest.approx(low)
        assert found["register_width"] == pytest.approx(high - low)
        assert found["register_deep_share"] == sum(p < 48 for p in pitch) / len(pitch)
        counts = [pitch.count(p) / len(pitch) for p in set(pitch)]
        entropy = -sum(c * math.log(c) for c in counts) / math.log(128)
        assert found["register_entropy"] == pytest.approx(entropy)
        struck = [pitch[a:b] for a, b in pairwise(woven.first.tolist())]
        phrases = [
            statistics.fmean(p for chord in struck[i : i + 16] for p in chord)
            for i in range(0, len(struck), 16)
        ]
        assert found["register_wander"] == pytest.approx(statistics.pstdev(phrases))
        chords = [chord for chord in struck if len(chord) > 1]
        assert found["polyphony_mean"] == pytest.approx(len(pitch) / len(struck))
        assert found["polyphony_single_share"] == (len(struck) - len(chords)) / len(struck)
        octaves = [any((p - c[0]) % 12 == 0 for p in c[1:]) for c in chords]
        assert found["polyphony_octave_share"] == (sum(octaves) / len(chords) if chords else 0)
        widths = [max(c) - min(c) for c in chords] or [0]
        assert found["polyphony_width"] == pytest.approx(statistics.fmean(widths))

    @any_piece
    def test_dynamics(self, piece):
        notes = piece.notes.copy()
        notes["velocity"] = 20 + np.arange(len(notes)) * 37 % 100
        found, woven = described(notes), weave(notes)
        velocity = woven.velocity.tolist()
        assert found["velocity_mean"] == pytest.approx(statistics.fmean(velocity))
        assert found["velocity_spread"] == pytest.approx(statistics.pstdev(velocity))
        peaks = [max(velocity[a:b]) for a, b in pairwise(woven.first.tolist())]
        changes = [b - a for a, b in pairwise(peaks)]
        assert found["velocity_peak_mean"] == pytest.approx(statistics.fmean(peaks))
        assert found["velocity_change"] == pytest.approx(statistics.fmean(map(abs, changes)))
        assert found["velocity_accent_share"] == sum(c >= 15 for c in changes) / len(changes)
        assert found["velocity_pitch_correlation"] == pytest.approx(
            statistics.correlation(velocity, woven.pitch.tolist())
        )
        tops = [velocity[last - 1] for last in woven.first[1:]]
        excess = statistics.fmean(tops) - statistics.fmean(velocity)
        assert found["velocity_top_excess"] == pytest.approx(excess)

    @any_piece
    def test_rhythm_and_articulation(self, piece):
        found, woven = described(piece), weave(piece)
        times = woven.times.tolist()
        steps = [b - a for a, b in pairwise(times)]
        logs = [math.log2(max(s, 0.02)) for s in steps]
        end = max(o + d for o, d in zip(woven.onset.tolist(), woven.duration.tolist()))
        assert found["rhythm_note_rate"] == pytest.approx(math.log2((len(woven.pitch) + 0.5) / end))
        assert found["rhythm_step_mean"] == pytest.approx(statistics.fmean(logs))
        assert found["rhythm_step_held_mean"] == pytest.approx(statistics.fmean(logs, steps))
        assert found["rhythm_step_spread"] == pytest.approx(statistics.pstdev(logs))
        assert found["rhythm_step_median"] == pytest.approx(statistics.median(logs))
        assert found["rhythm_fast_share"] == sum(s < 0.19 for s in steps) / len(steps)
        uneven = [abs(a - b) / (a + b) for a, b in pairwise(steps)]
        assert found["rhythm_variability"] == pytest.approx(statistics.fmean(uneven))
        rates, start = [], -0.0137
        while start + 2 <= times[-1]:
            count = sum(start <= t < start + 2 for t in times)
            rates += [math.log2(count / 2)] if count else []
            start += 2
        assert found["rhythm_rate_spread"] == pytest.approx(statistics.pstdev(rates))
        steps.append(float(woven.steps[-1]))
        detached = [
            d < 0.6 * max(steps[e], 0.02)
            for d, e in zip(np.maximum(woven.duration, 0.02), woven.event)
        ]
        assert found["articulation_detached_share"] == pytest.approx(statistics.fmean(detached))
        silence, reached = 0.0, 0.0
        for onset, duration in sorted(zip(woven.onset.tolist(), woven.duration.tolist())):
            silence += max(0.0, onset - reached)
            reached = max(reached, onset + duration)
        assert found["articulation_silence"] == pytest.approx(silence / end, abs=1e-12)
        mean_voices = statistics.fmean(woven.voices.tolist(), steps)
        assert found["sounding_mean"] == pytest.approx(mean_voices)

    @any_piece
    def test_the_interval_histogram_counts_pairs(self, piece):
        times = weave(piece).times[:80]
        counts = np.zeros(len(PERIODS))
        for i, start in enumerate(times):
            for later in times[i + 1 : i + 17]:
                bin_ = math.floor(12 * math.log2((later - start) / 0.125))
                if 0 <= bin_ < len(counts):
                    for near in range(max(bin_ - 4, 0), min(bin_ + 5, len(counts))):
                        counts[near] += math.exp(-0.5 * ((near - bin_) / 1.5) ** 2)
        assert intervals(times) == pytest.approx(counts / counts.sum())

    @any_piece
    def test_lines(self, piece):
        found, woven = described(piece), weave(piece)
        sung, low = [], []
        for k, (a, b) in enumerate(pairwise(woven.first.tolist())):
            if woven.pitch[b - 1] == woven.top[k]:
                sung.append(int(woven.top[k]))
            if woven.pitch[a] == woven.bottom[k]:
                low.append(int(woven.bottom[k]))
        steps = [b - a for a, b in pairwise(sung)]
        assert found["melody_step_mean"] == pytest.approx(statistics.fmean(map(abs, steps)))
        assert found["melody_minor_second_share"] == sum(abs(s) == 1 for s in steps) / len(steps)
        moves = [s for s in steps if s]
        turns = sum((a > 0) != (b > 0) for a, b in pairwise(moves))
        assert found["melody_turn_share"] == turns / (len(moves) - 1)
        assert found["melody_up_share"] == sum(m > 0 for m in moves) / len(moves)
        assert found["melody_median"] == statistics.median(sung)
        assert found["bass_median"] == statistics.median(low)
        steps = [b - a for a, b in pairwise(low)]
        fourths = sum(s % 12 in (5, 7) for s in steps)
        assert found["bass_fourth_share"] == pytest.approx(fourths / len(steps))
        falls, stays = sum(s % 12 == 5 for s in steps), sum(s % 12 == 0 for s in steps)
        assert found["bass_falling_fifth_share"] == pytest.approx(falls / (len(steps) - stays))

    @any_piece
    def test_key_and_profile(self, piece):
        found, woven = described(piece), weave(piece)
        seconds = [0.0] * 12
        for pitch, duration in zip(woven.pitch.tolist(), woven.duration.tolist()):
            seconds[pitch % 12] += min(duration, HOLD)
        r = {
            (mode, tonic): np.corrcoef(seconds, np.roll(ratings, tonic))[0, 1]
            for mode, ratings in (("major", MAJOR_PROFILE), ("minor", MINOR_PROFILE))
            for tonic in range(12)
        }
        mode, tonic = max(r, key=r.get)
        assert find_key(woven).tonic == tonic
        assert find_key(woven).mode == mode
        best = {m: max(r[m, k] for k in range(12)) for m in ("major", "minor")}
        assert found["mode_strength"] == pytest.approx(best["major"] - best["minor"])
        assert found["key_clarity"] == pytest.approx(max(best.values()))
        assert found["mode_parallel"] == pytest.approx(r["major", tonic] - r["minor", tonic])
        home = (tonic + 3 * (mode == "minor")) % 12
        others = [max(r["major", k], r["minor", (k + 9) % 12]) for k in range(12) if k != home]
        assert found["key_margin"] == pytest.approx(r[mode, tonic] - max(others))
        white = sum(seconds[(home + step) % 12] for step in (0, 2, 4, 5, 7, 9, 11))
        assert found["key_diatonic"] == pytest.approx(white / sum(seconds))
        third, minor_third = seconds[(tonic + 4) % 12], seconds[(tonic + 3) % 12]
        balance = (third - minor_third) / (third + minor_third)
        assert found["mode_third"] == pytest.approx(balance)
        assert found["profile_5"] == pytest.approx(seconds[(tonic + 7) % 12] / sum(seconds))
        turning = sum(s * np.exp(-2j * np.pi * 5 * p / 12) for p, s in enumerate(seconds)) / sum(
            seconds
        )
        assert found["fourier_5"] == pytest.approx(abs(turning))

    @any_piece
    def test_sounding_intervals(self, piece):
        found, woven = described(piece), weave(piece)
        pairs, triads, total = dict.fromkeys(range(1, 7), 0.0), 0.0, 0.0
        for row, step in zip(woven.pitch_classes, woven.steps.tolist()):
            sounding, weight = np.flatnonzero(row).tolist(), min(step, HOLD)
            total += weight
            for i, low in enumerate(sounding):
                for high in sounding[i + 1 :]:
                    pairs[min(high - low, 12 - high + low)] += weight
            triads += weight * any(
                {(root + 4) % 12, (root + 7) % 12} <= set(sounding) for root in sounding
            )
        whole = sum(pairs.values())
        for size, weight in pairs.items():
            assert found[f"interval_class_{size}"] == pytest.approx(weight / whole if whole else 0)
        assert found["triad_major_share"] == pytest.approx(triads / total)


class TestMode:
    def test_the_same_music_in_major_and_minor(self):
        major, minor = (
            described(blocks(C, F, G, C, AM, F, G, C)),
            described(blocks(CM, (53, 65, 68, 72), (55, 62, 67, 70), CM, (56, 60, 63, 68), CM)),
        )
        for name in ("mode_strength", "mode_parallel", "mode_third", "mode_local_mean"):
            assert major[name] > 0.05 > -0.05 > minor[name], name
        assert major["mode_third"] == 1.0
        assert minor["mode_third"] == -1.0
        assert major["chord_mode"] > 0 > minor["chord_mode"]
        assert major["triad_mode"] > 0 > minor["triad_mode"]

    @given(st.integers(0, 11), st.booleans())
    @settings(max_examples=24, deadline=None)
    def test_the_ratings_are_their_own_best_key(self, tonic, minor):
        r = correlations(np.roll(MINOR_PROFILE if minor else MAJOR_PROFILE, tonic))
        assert int(np.argmax(r)) == tonic + 12 * minor
        assert r.max() == pytest.approx(1.0)

    def test_no_key_without_a_difference(self):
        assert correlations(np.ones(12)).tolist() == [0.0] * 24

    def test_a_scale_is_diatonic_and_a_chromatic_one_is_not(self):
        scale = described(line(60, 62, 64, 65, 67, 69, 71, 72, 67, 64, 60))
        chromatic = described(line(*range(60, 85)))
        assert scale["key_diatonic"] == 1.0
        assert chromatic["key_diatonic"] < 0.65
        assert chromatic["key_entropy"] > scale["key_entropy"]
        assert chromatic["melody_minor_second_share"] == 1.0


class TestHarmony:
    def test_a_chord_is_named_whatever_its_root(self):
        tones = {"maj": (0, 4, 7), "min": (0, 3, 7), "dim": (0, 3, 6), "7": (0, 4, 7, 10)}
        tones |= {"maj7": (0, 4, 7, 11), "min7": (0, 3, 7, 10), "sus4": (0, 5, 7)}
        for root in (60, 65, 71):
            for name, steps in tones.items():
                found = described(blocks(*[tuple(root + s for s in steps)] * 4))
                shares = {n: found[f"chord_{n}_share"] for n in tones}
                assert max(shares, key=shares.get) == name
                assert shares[name] > 0.8
                assert found["chord_fit"] == pytest.approx(1.0)
                assert found["chord_change"] == pytest.approx(0.0, abs=1e-9)

    def test_probabilities_sum_to_one(self):
        chroma = np.random.default_rng(0).random((50, 12))
        p, fit = chord_probabilities(chroma)
        assert p.shape == (50, 8, 12)
        assert p.sum(axis=(1, 2)) == pytest.approx(np.ones(50))
        c_major = chroma[:, [0, 4, 7]].sum(axis=1) / (3**0.5 * np.linalg.norm(chroma, axis=1))
        assert (fit >= c_major - 1e-12).all()

    def test_degrees_follow_the_signature(self):
        major = described(blocks(C, F, G, C, C, DM, G, C))
        assert major["degree_I"] > 0.3
        assert major["degree_V"] > 0.15
        assert major["degree_chromatic"] < 0.1
        minor = described(blocks(AM, DM, AM, (52, 64, 68, 71), AM, DM, AM, AM))
        assert minor["degree_vi"] > 0.3
        assert minor["degree_III"] > 0.05
        assert minor["degree_III"] > 5 * major["degree_III"]

    def test_roots_fall_by_fifths_round_the_circle(self):
        seconds = [tuple(36 + (7 * -i) % 12 + s for s in (0, 16, 19, 24)) for i in range(12)]
        found = described(blocks(*seconds))
        assert found["chord_fifth_down"] > 0.7
        backwards = described(blocks(*seconds[::-1]))
        assert backwards["chord_fifth_up"] == pytest.approx(found["chord_fifth_down"], abs=0.02)

    def test_cadences(self):
        authentic = described(blocks(C, F, G, C, DM, G, C, DM, G, C))
        plagal = described(blocks(C, G, F, C, DM, F, C, AM, F, C))
        assert authentic["chord_authentic"] > 0.15 > authentic["chord_plagal"]
        assert plagal["chord_plagal"] > 0.15 > plagal["chord_authentic"]

    @pytest.mark.parametrize("size", range(1, 7))
    def test_an_interval_has_its_own_consonance(self, size):
        found = described(blocks(*[(60, 60 + size)] * 4))
        assert found[f"interval_class_{size}"] == 1.0
        assert found["consonance"] == pytest.approx(CONSONANCE[size - 1])
        assert found["dissonant_share"] == float(size in (1, 2, 6))
        inverted = described(blocks(*[(60, 72 - size)] * 4))
        assert inverted["consonance"] == found["consonance"]

    def test_a_cluster_is_tenser_than_a_triad(self):
        triad, cluster = described(blocks(*[C] * 6)), described(blocks(*[(60, 61, 62, 63)] * 6))
        one = described(blocks(*[(60,)] * 6))
        assert one["tension_mean"] == pytest.approx(0.0, abs=1e-12)
        assert 0.05 < triad["tension_mean"] < cluster["tension_mean"]
        assert triad["consonance"] > 0 > cluster["consonance"]
        assert triad["tension_step"] == pytest.approx(0.0, abs=1e-9)
        assert described(blocks(C, (54, 66, 70, 73)))["tension_step"] > 0.3

    def test_low_seconds_are_rough(self):
        assert described(blocks((40, 41), (40, 42)))["low_roughness"] == 1.0
        assert described(blocks((70, 71), (70, 72)))["low_roughness"] == 0.0


class TestTime:
    @pytest.mark.parametrize("step", [0.4, 0.5, 0.9])
    def test_a_metronome_has_its_pulse(self, step):
        found = described(line(*[60] * 40, step=step))
        assert 2 ** found["pulse_rate"] * step == pytest.approx(1.0, abs=0.04)
        assert found["rhythm_step_mean"] == pytest.approx(math.log2(step), abs=1e-3)
        assert found["rhythm_step_spread"] == pytest.approx(0.0, abs=1e-3)
        assert found["rhythm_variability"] == pytest.approx(0.0, abs=1e-3)

    def test_the_pulse_of_a_waltz_is_divided_by_three(self):
        beats = np.arange(0, 24, 0.6)
        triple = described(notes_of(np.sort([*beats, *beats[::2] + 0.2, *beats[::2] + 0.4])))
        duple = described(notes_of(np.sort([*beats, *beats[::2] + 0.3])))
        assert triple["pulse_triple"] > triple["pulse_duple"]
        assert duple["pulse_duple"] > duple["pulse_triple"]

    def test_legato_and_staccato(self):
        legato, staccato = (described(line(*range(60, 80), length=x)) for x in (0.5, 0.125))
        assert legato["articulation_median"] == pytest.approx(0.0)
        assert staccato["articulation_median"] == pytest.approx(-2.0)
        assert legato["articulation_silence"] == 0.0
        assert staccato["articulation_silence"] == pytest.approx(0.375 * 19 / (19 * 0.5 + 0.125))
        assert staccato["articulation_detached_share"] == pytest.approx(19 / 20)

    def test_a_performance_is_near_its_score(self):
        rng = np.random.default_rng(3)
        score = read_symbolic(next(p for p in FILES if "hymnal" in str(p)))
        played = score.notes.copy()
        played["onset_sec"] += rng.uniform(0, 0.025, len(played))
        played["duration_sec"] *= rng.uniform(0.9, 1.05, len(played))
        before, after = described(score), described(played)
        for name in ("rhythm_onset_rate", "polyphony_mean", "mode_strength", "chord_mode"):
            assert after[name] == pytest.approx(before[name], abs=0.05), name
        assert after["melody_step_mean"] == pytest.approx(before["melody_step_mean"], rel=0.1)


class TestWindows:
    @any_piece
    def test_a_window_is_described_as_a_piece_of_its_notes(self, piece):
        frames = describe_windows(piece, window=12, hop=6, families=["rhythm", "tonality"])
        notes = piece.pitched
        start = notes["onset_sec"].min()
        expected, times = [], []
        while True:
            end = start + 12
            part = notes[(notes["onset_sec"] >= start) & (notes["onset_sec"] < end)].copy()
            if len(part):
                left = end - part["onset_sec"]
                part["duration_sec"] = np.minimum(part["duration_sec"], left)
                expected.append(describe_symbolic(part, families=["rhythm", "tonality"]))
                times.append(start)
            if end > notes["onset_sec"].max():
                break
            start += 6
        assert frames.times == pytest.approx(times)
        assert frames.values.dtype == np.float32
        assert np.allclose(frames.values, expected, rtol=1e-4, atol=1e-4)

    def test_rests_have_no_windows(self):
        frames = describe_windows(notes_of([5.0, 6.0, 1e9, 1e9 + 8]), window=10, hop=5)
        assert len(frames.times) == 3
        assert frames.times[0] == 5.0
        assert frames.times[-1] == pytest.approx(1e9, abs=10)

    @pytest.mark.parametrize("notes", EDGES.values(), ids=EDGES)
    def test_every_input_has_a_window(self, notes):
        frames = describe_windows(notes, window=200, hop=200)
        assert len(frames.values) == len(frames.times) >= 1
        assert np.isfinite(frames.values).all()

    @pytest.mark.parametrize("bad", [{"window": 0}, {"hop": -1}, {"hop": math.nan}])
    def test_a_window_has_a_length(self, bad):
        with pytest.raises(ChordmerError, match="positive"):
            describe_windows(notes_of([0.0]), **bad)


class TestTheExtractor:
    def test_it_describes_tracks(self):
        rows = SymbolicDescriptors().fit_transform(FILES[:3])
        assert rows.dtype == np.float32
        expected = [describe_symbolic(read_symbolic(path)) for path in FILES[:3]]
        assert np.array_equal(rows, np.array(expected, dtype=np.float32))

    def test_families_and_windows_are_its_parameters(self):
        model = SymbolicDescriptors(families=VELOCITY_FREE, window=20, hop=10)
        assert tuple(model.get_feature_names_out()) == names_of(VELOCITY_FREE)
        expected = describe_windows(read_symbolic(FILES[0]), window=20, hop=10)
        frames = model.frames(Track("one", symbolic=FILES[0]))
        assert np.array_equal(frames.times, expected.times)
        assert frames.values.shape[1] == len(names_of(VELOCITY_FREE))
        with pytest.raises(ChordmerError, match="family"):
            SymbolicDescriptors(families=["vibes"]).fit([])

    def test_a_track_without_notes_is_named(self):
        with pytest.raises(MissingModalityError, match="only words"):
            SymbolicDescriptors().transform([Track("only words", lyrics="la")])
