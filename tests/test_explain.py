"""Reasons for answers: what is cut out, what is planted, what is changed, what is printed."""

import json
import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pieces import make_piece
from songs import songs

import chordmer
from chordmer import augment
from chordmer.cli import main
from chordmer.errors import ChordmerError, MissingModalityError
from chordmer.explain import explain, judge
from chordmer.explain.counterfactuals import to_parallel_mode
from chordmer.explain.explanation import Explanation, Reason
from chordmer.explain.passages import bars_of, chord_spans, cut_notes, window_spans
from chordmer.explain.words import plain
from chordmer.features.describe import DESCRIPTORS
from chordmer.plot import plot_explanation
from chordmer.pretrained import load_pretrained
from chordmer.recognizer import EmotionRecognizer

PIECE = chordmer.example()
SCALE = (60, 62, 64, 65, 67, 69, 71, 72)


@pytest.fixture(scope="module")
def schubert():
    return explain(None, PIECE)


# --- passages ------------------------------------------------------------------------------------


@st.composite
def pieces(draw):
    """Pieces in several tempi, and passages of them at half beats."""
    beats = draw(st.lists(st.integers(0, 40), min_size=1, max_size=25))
    lengths = draw(st.lists(st.integers(1, 6), min_size=len(beats), max_size=len(beats)))
    changes = draw(st.lists(st.integers(1, 40), max_size=3, unique=True))
    tempi = [(0, 120), *((beat, 60 + beat) for beat in sorted(changes))]
    notes = [(b / 2, n / 2, 40 + 2 * i) for i, (b, n) in enumerate(zip(beats, lengths))]
    piece = make_piece(notes, bpm=[(beat / 2, bpm) for beat, bpm in tempi])
    edges = sorted(draw(st.sets(st.integers(0, 44), min_size=2, max_size=6)))
    ticks = [240 * edge for edge in edges[: len(edges) // 2 * 2]]
    seconds = piece.tempo_map.seconds(ticks).tolist()
    return piece, list(zip(ticks[::2], ticks[1::2])), list(zip(seconds[::2], seconds[1::2]))


@given(pieces())
def test_what_is_cut_out_takes_no_time_and_the_rest_keeps_its_own(drawn):
    piece, gone, spans = drawn
    left = cut_notes(piece, spans)
    onset = piece.notes["onset_tick"]
    kept = np.ones(len(onset), dtype=bool)
    since = np.zeros(len(onset), dtype=int)
    for start, end in gone:
        kept &= ~((onset >= start) & (onset < end))
        since += np.where(onset >= end, end - start, 0)
    was, now = piece.notes[kept], left.notes
    assert sorted(now["pitch"]) == sorted(was["pitch"])
    by_pitch = np.argsort(now["pitch"])
    was_by_pitch = np.argsort(was["pitch"])
    now, was, since = now[by_pitch], was[was_by_pitch], since[kept][was_by_pitch]
    np.testing.assert_array_equal(now["onset_tick"], was["onset_tick"] - since)
    assert (now["duration_tick"] > 0).all()
    assert (now["duration_tick"] <= was["duration_tick"]).all()
    gone_seconds = np.zeros(len(was))
    for (first, last), (start, end) in zip(gone, spans):
        gone_seconds += np.where(was["onset_tick"] >= last, end - start, 0)
        reaching = (was["onset_tick"] < first) & (was["onset_tick"] + was["duration_tick"] > first)
        assert (now["onset_tick"] + now["duration_tick"])[reaching].max(initial=0) <= first
    np.testing.assert_allclose(now["onset_sec"], was["onset_sec"] - gone_seconds, atol=1e-9)
    np.testing.assert_allclose(left.tempo_map.seconds(now["onset_tick"]), now["onset_sec"])
    assert (np.diff(left.tempo_map.ticks) > 0).all()
    assert left.tempo_map.ticks[0] == 0
    whole = (was["onset_tick"] + was["duration_tick"])[:, None] <= np.array(gone)[:, 0]
    whole |= was["onset_tick"][:, None] >= np.array(gone)[:, 1]
    same = whole.all(axis=1)
    np.testing.assert_array_equal(now["duration_tick"][same], was["duration_tick"][same])
    np.testing.assert_allclose(now["duration_sec"][same], was["duration_sec"][same], atol=1e-9)


@given(st.floats(0.05, 1e5), st.floats(0.1, 1e4), st.integers(2, 60))
def test_windows_follow_each_other_from_start_to_end(duration, window, most):
    edges = [span for (span,) in window_spans(duration, window, most)]
    assert 2 <= len(edges) <= most + 1
    assert edges[0][0] == 0
    assert edges[-1][1] == duration
    for (start, end), (following, _) in pairwise(edges):
        assert start < end == following


def test_chords_are_found_by_name_wherever_they_are():
    chords = {"C": (60, 64, 67), "G": (55, 59, 62), "A": (57, 60, 64)}
    order = "CCGCAG"
    piece = make_piece([(beat, 1, p) for beat, name in enumerate(order) for p in chords[name]])
    assert chord_spans(piece, 9) == {
        "C:maj": ((0.0, 1.0), (1.5, 2.0)),
        "G:maj": ((1.0, 1.5), (2.5, 3.0)),
        "A:min": ((2.0, 2.5),),
    }
    assert list(chord_spans(piece, 1)) == ["C:maj"]


def test_a_chord_that_is_most_of_a_piece_is_left_in():
    notes = [(beat, 1, p) for beat in range(6) for p in (60, 64, 67)]
    piece = make_piece([*notes, (6, 1, 57), (6, 1, 60), (6, 1, 64)])
    assert list(chord_spans(piece, 9)) == ["A:min"]


def test_bars_are_counted_through_changes_of_metre():
    beats = [(beat / 4, 0.25, 60) for beat in range(64)]
    piece = make_piece(beats, time_signature=[(0, 4, 4), (8, 3, 4)])
    spans = ((0.0, 2.0), (3.9, 4.1), (4.0, 5.5), (5.5, 6.0))
    assert bars_of(piece, spans) == ((1, 1), (2, 3), (3, 3), (4, 4))
    assert bars_of(None, spans) == ()


# --- the bundled model ---------------------------------------------------------------------------


def test_reasons_are_what_the_model_says_without_the_part(schubert):
    piece = chordmer.read_symbolic(PIECE)
    whole = chordmer.predict(piece).probabilities[schubert.target]
    for kind in ("window", "chord"):
        reason = schubert.of(kind)[0]
        less = chordmer.predict(cut_notes(piece, reason.spans)).probabilities[schubert.target]
        assert reason.effect == pytest.approx(whole - less, abs=1e-9)


def test_a_descriptor_is_made_typical_in_the_model_itself(schubert):
    model = load_pretrained()
    typical = {r.name: r.typical for r in schubert.of("descriptor")}
    reason = next(r for r in schubert.of("descriptor") if "velocity" not in r.name)
    names = list(DESCRIPTORS)
    rows = np.tile(judge.describe_symbolic(chordmer.read_symbolic(PIECE)), (2, 1))
    column = names.index(reason.name.removeprefix("symbolic."))
    rows[1, column] = typical[reason.name]
    whole, less = model.probabilities(rows)[:, int(schubert.target[1]) - 1]
    assert reason.effect == pytest.approx(whole - less, abs=1e-9)
    assert reason.value == pytest.approx(rows[0, column])


def test_the_strongest_come_first(schubert):
    effects = [abs(reason.effect) for reason in schubert.reasons]
    assert effects == sorted(effects, reverse=True)
    told = schubert.strongest()
    assert len(told) == 5
    assert max(sum(r.kind == kind for r in told) for kind in ("window", "chord", "descriptor")) == 2


def test_what_if_is_what_the_model_says_of_the_changed_piece(schubert):
    piece = chordmer.read_symbolic(PIECE)
    changed = {
        "in D major": to_parallel_mode(piece, chordmer.estimate_key(piece)),
        "a quarter faster": augment.change_speed(piece, factor=1.25),
        "a quarter slower": augment.change_speed(piece, factor=0.8),
        "an octave higher": augment.transpose(piece, semitones=12),
        "an octave lower": augment.transpose(piece, semitones=-12),
        "louder": augment.scale_velocity(piece, factor=1.3),
        "softer": augment.scale_velocity(piece, factor=1 / 1.3),
    }
    assert [other.name for other in schubert.counterfactuals] == list(changed)
    for other in schubert.counterfactuals:
        emotion = chordmer.predict(changed[other.name])
        for name, probability in emotion.probabilities.items():
            assert other.numbers[name] == pytest.approx(probability, abs=1e-9)
        assert other.numbers["valence"] == pytest.approx(emotion.valence, abs=1e-9)


def test_major_is_happier_than_minor_and_fast_more_aroused(schubert):
    said = {other.name: other.numbers for other in schubert.counterfactuals}
    assert said["in D major"]["valence"] > schubert.numbers["valence"] + 0.3
    assert said["a quarter faster"]["arousal"] > said["a quarter slower"]["arousal"] + 0.1


def test_the_same_piece_has_the_same_reasons(schubert):
    assert explain(None, PIECE).to_dict() == schubert.to_dict()


def test_a_model_of_shuffled_weights_explains_otherwise(schubert):
    model = load_pretrained()
    random = np.random.default_rng(0)
    learned = ("linear_coef", "broad_coef", "tree_leaf")
    arrays = {
        name: random.permutation(a) if name.endswith(learned) else a
        for name, a in model.arrays.items()
    }
    other = explain(
        replace(model, arrays=arrays), PIECE, target=schubert.target, counterfactuals=False
    )
    own, shuffled = (
        {r.name: r.effect for r in found.of("descriptor")} for found in (schubert, other)
    )
    assert own.keys() == shuffled.keys()
    likeness = np.corrcoef([own[name] for name in own], [shuffled[name] for name in own])[0, 1]
    assert abs(likeness) < 0.5
    assert [r.name for r in other.of("chord")[:3]] != [r.name for r in schubert.of("chord")[:3]]


def test_any_number_of_the_answer_can_be_explained():
    piece = augment.excerpt(chordmer.read_symbolic(PIECE), seconds=40)
    effects = {
        name: {r.name: r.effect for r in explain(None, piece, target=name, window=20).reasons}
        for name in ("Q1", "Q2", "Q3", "Q4", "valence", "arousal")
    }
    for name, effect in effects["valence"].items():
        q1, q2, q3, q4 = (effects[quadrant][name] for quadrant in ("Q1", "Q2", "Q3", "Q4"))
        assert effect == pytest.approx(q1 + q4 - q2 - q3, abs=1e-9)
        assert effects["arousal"][name] == pytest.approx(q1 + q2 - q3 - q4, abs=1e-9)


def test_the_work_is_bounded_however_long_the_piece(monkeypatch):
    random = np.random.default_rng(0)
    roots, thirds = random.integers(36, 72, 300), random.integers(2, 6, 300)
    notes = [(i, 1, r + d) for i, (r, t) in enumerate(zip(roots, thirds)) for d in (0, int(t), 7)]
    piece = make_piece(notes, bpm=10)
    assert piece.duration >= 1800
    heard = []
    monkeypatch.setattr(
        judge, "describe_symbolic", lambda p: heard.append(p) or np.zeros(len(DESCRIPTORS))
    )
    found = explain(None, piece)
    assert len(found.of("window")) <= 40
    assert len(found.of("chord")) <= 24
    assert len(heard) <= 2 + 40 + 24 + 7


@pytest.mark.parametrize(
    "notes", [[(0, 1, 60)], [(0, 1, 60), (0, 1, 64)], [(0, 1, 60), (9, 1, 61)]]
)
def test_tiny_pieces_are_explained_too(notes):
    found = explain(None, make_piece(notes))
    assert np.isfinite([reason.effect for reason in found.reasons]).all()
    assert str(found)


def test_without_notes_there_is_nothing_to_explain():
    with pytest.raises(MissingModalityError):
        explain(None, make_piece([(0, 1, 36, 90, 9)]))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"target": "joy"}, "target must be one of Q1"),
        ({"window": 0}, "window must be"),
        ({"window": float("nan")}, "window must be"),
        ({"methods": ["magic"]}, "methods are gradients, surrogate"),
    ],
)
def test_impossible_parameters_say_what_there_is(changes, told):
    with pytest.raises(ValueError, match=told) as raised:
        explain(None, PIECE, **changes)
    assert not isinstance(raised.value, ChordmerError)


@pytest.mark.parametrize("method", ["gradients", "surrogate"])
def test_the_bundled_model_is_no_network_and_hears_no_sound(method):
    with pytest.raises(ChordmerError, match="bundled model"):
        explain(None, PIECE, methods=[method])


# --- the parallel mode ---------------------------------------------------------------------------


@pytest.mark.parametrize("tonic", range(12))
def test_major_becomes_harmonic_minor_and_comes_back(tonic):
    piece = make_piece([(i, 1, p + tonic) for i, p in enumerate(SCALE)] + [(0, 9, 38, 90, 9)])
    key = chordmer.estimate_key(piece)
    assert (key.tonic, key.mode) == (tonic, "major")
    minor = to_parallel_mode(piece, key)
    found = chordmer.estimate_key(minor)
    assert (found.tonic, found.mode) == (tonic, "minor")
    steps = minor.pitched["pitch"] - piece.pitched["pitch"]
    assert steps.tolist() == [0, 0, -1, 0, 0, -1, 0, 0]
    back = to_parallel_mode(minor, found)
    assert back.notes["pitch"].tolist() == piece.notes["pitch"].tolist()


def test_natural_minor_becomes_major():
    piece = make_piece([(i, 1, p) for i, p in enumerate((69, 71, 72, 74, 76, 77, 79, 81))])
    key = chordmer.estimate_key(piece)
    assert key.name == "A minor"
    major = to_parallel_mode(piece, key).notes["pitch"]
    assert (major - 69).tolist() == [0, 2, 4, 5, 7, 9, 11, 12]


# --- words ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(DESCRIPTORS))
def test_every_descriptor_is_told_in_words_that_stand_alone(name):
    text = plain(f"symbolic.{name}", 70.0, 50.0)
    meaning = text.partition(":")[0]
    assert not re.search(r"^(intervals?|moves a|of) |\b(that|those|its|same|quantile)\b", meaning)
    assert "_" not in meaning
    assert text.endswith("(higher)")
    assert plain(f"symbolic.{name}", 50.0, 70.0).endswith("(lower)")
    assert plain(f"symbolic.{name}", 50.0, 50.0).endswith("(as usual)")


def test_an_unknown_column_is_printed_safely():
    assert "\x1b" not in plain("own.\x1b[31m", 1.0, 2.0)


def test_an_explanation_is_short_and_says_what_matters(schubert):
    told = str(schubert)
    lines = told.split("\n")
    assert len(lines) < 30
    assert max(map(len, lines)) <= 110
    assert f"why {schubert.target}" in told
    assert "D:min" in told
    assert "in D major" in told
    assert "course:" not in told


def test_the_picture_has_the_reasons_that_were_found(schubert):
    figure = plot_explanation(schubert)
    bars = [bar.get_width() for bar in figure.axes[0].patches]
    assert bars == [reason.effect for reason in schubert.strongest(12, of_a_kind=4)]
    assert {reason.kind for reason in schubert.reasons} == {"chord", "window", "descriptor"}
    assert len(bars) == 12


def test_hostile_names_reach_no_terminal(schubert):
    reasons = (
        Reason("line", "\x1b[2J" * 99, 0.5),
        Reason("chord", "\x1b[2J", 0.4, ((0, 1), (2, 3))),
    )
    hostile = Explanation(schubert.emotion, "Q1", schubert.numbers, reasons, notes=("\x1b[2J",))
    assert "\x1b" not in str(hostile)


# --- the command ---------------------------------------------------------------------------------


def test_the_command_prints_the_explanation(capsys, schubert):
    assert main(["explain", str(PIECE)]) == 0
    assert capsys.readouterr().out == f"{schubert}\n"


def test_json_is_what_to_dict_says(capsys, schubert):
    assert main(["explain", str(PIECE), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(schubert.to_dict()))


def test_options_reach_the_explanation(capsys):
    options = ["--target", "arousal", "--window", "30", "--no-what-if", "--json"]
    assert main(["explain", str(PIECE), *options]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["target"] == "arousal"
    assert told["counterfactuals"] == []
    lengths = [
        r["seconds"][0][1] - r["seconds"][0][0] for r in told["reasons"] if r["kind"] == "window"
    ]
    assert max(lengths) == pytest.approx(30)


def test_a_file_that_cannot_be_read_is_named(tmp_path, capsys):
    bad = tmp_path / "bad.mid"
    bad.write_bytes(b"MThd, but nothing else")
    for path in (bad, tmp_path / "missing.mid", tmp_path / "song.xyz"):
        assert main(["explain", str(path)]) == 1
        out, err = capsys.readouterr()
        assert out == ""
        assert path.name in err
        assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--target", "joy"], "target must be one of"),
        (["--window", "0"], "between 0.1"),
        (["--method", "gradients"], "add --model"),
        (["--audio", "x.wav"], "add --model"),
        (["--method", "magic"], "invalid choice"),
    ],
)
def test_misuse_is_told_with_what_to_do(options, told, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["explain", str(PIECE), *options])
    assert stopped.value.code == 2
    assert told in capsys.readouterr().err


def test_a_folder_is_no_file(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["explain", str(tmp_path)])
    assert "one file at a time" in capsys.readouterr().err


def test_a_model_of_ones_own_is_explained_by_the_command(tmp_path, capsys):
    tracks, y = songs(2, 1)
    model = EmotionRecognizer(["symbolic"], calibration=0, random_state=0).fit(tracks, y)
    model.save(tmp_path / "model")
    assert main(["explain", str(PIECE), "--model", str(tmp_path / "model"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    expected = explain(EmotionRecognizer.load(tmp_path / "model"), PIECE)
    assert told["numbers"] == expected.to_dict()["numbers"]
    assert told["reasons"][0] == expected.reasons[0].to_dict()
    assert {r["kind"] for r in told["reasons"]} == {"window", "chord", "descriptor"}
    assert main(["explain", str(PIECE), "--model", str(tmp_path / "none")]) == 1
    assert "none" in capsys.readouterr().err
