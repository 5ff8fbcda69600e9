"""`chordmer.predict`: what it accepts, what it answers, what it must not be swayed by."""

import io
import shutil
from pathlib import Path

import numpy as np
import pretty_midi
import pytest
from corpora import bundled_midi
from pieces import make_piece

import chordmer
from chordmer import augment, pretrained
from chordmer.emotion import QUADRANTS, valence_arousal
from chordmer.errors import ChordmerError, MissingModalityError, ModelError
from chordmer.folder import load_folder, save_folder

PIECE = chordmer.example()


def scale(n, step=0.5, velocity=80, low=60):
    """A major scale up and down."""
    degrees = np.array([0, 2, 4, 5, 7, 9, 11, 12, 11, 9, 7, 5, 4, 2])
    return [(i * step, step, low + int(degrees[i % 14]), velocity) for i in range(n)]


@pytest.mark.parametrize("path", bundled_midi(), ids=lambda p: p.stem[:40])
def test_every_real_file_gets_a_sound_answer(path):
    emotion = chordmer.predict(path)
    p = np.array(list(emotion.probabilities.values()))
    assert list(emotion.probabilities) == list(QUADRANTS)
    assert p.min() >= 0
    assert p.sum() == pytest.approx(1, abs=1e-9)
    np.testing.assert_allclose([emotion.valence, emotion.arousal], valence_arousal(p), atol=1e-12)
    curve = emotion.curve
    assert len(curve) >= 1
    np.testing.assert_allclose(curve.probabilities.sum(axis=1), 1, atol=1e-9)
    assert (np.diff(curve.times) > 0).all()
    assert (curve.ends > curve.times).all()
    assert emotion.modalities == ("symbolic",)


def test_the_kinds_of_source_agree():
    from_path = chordmer.predict(PIECE).to_dict()
    piece = chordmer.read_symbolic(PIECE)
    for source in (str(PIECE), PIECE.read_bytes(), piece, chordmer.Track("x", symbolic=PIECE)):
        other = chordmer.predict(source).to_dict()
        assert {**other, "source": from_path["source"]} == from_path


def test_a_pretty_midi_object_is_heard_like_its_file():
    given = pretty_midi.PrettyMIDI(io.BytesIO(PIECE.read_bytes()))
    emotion, expected = chordmer.predict(given), chordmer.predict(PIECE)
    assert emotion.probabilities == pytest.approx(expected.probabilities, abs=0.02)


def test_what_is_not_heard_does_not_matter():
    piece = chordmer.read_symbolic(PIECE)
    expected = chordmer.predict(piece).probabilities
    for same in (
        augment.rewrite_tempo(piece, bpm=[47.0, 201.0], starts=[0.0, 60.0]),
        augment.spread_tracks(piece, n_tracks=5, rng=0),
    ):
        assert chordmer.predict(same).probabilities == pytest.approx(expected, abs=1e-9)


def test_what_is_heard_does():
    piece = chordmer.read_symbolic(PIECE)
    faster = chordmer.predict(augment.change_speed(piece, factor=1.6))
    slower = chordmer.predict(augment.change_speed(piece, factor=1 / 1.6))
    assert faster.arousal > slower.arousal + 0.2


def test_same_file_same_answer():
    assert chordmer.predict(PIECE).to_dict() == chordmer.predict(PIECE).to_dict()


@pytest.mark.parametrize("notes", [[], [(0.0, 1.0, 36, 90, 9)]], ids=["empty", "drums"])
def test_without_pitched_notes_there_is_no_answer(notes):
    with pytest.raises(MissingModalityError, match="no pitched notes"):
        chordmer.predict(make_piece(notes))


def test_a_few_notes_are_answered_with_a_warning():
    emotion = chordmer.predict(make_piece(scale(5)))
    assert any("only 5 notes" in warning for warning in emotion.warnings)
    assert len(emotion.curve) == 1


def test_a_piece_unlike_any_is_answered_with_a_warning():
    rng = np.random.default_rng(0)
    noise = [(i * 0.011, 0.01, int(rng.integers(0, 128)), 127) for i in range(3000)]
    assert any("far from" in warning for warning in chordmer.predict(make_piece(noise)).warnings)
    assert not any("far from" in warning for warning in chordmer.predict(PIECE).warnings)


def test_a_piece_between_two_quadrants_says_so():
    said = {path: chordmer.predict(path) for path in [PIECE, *bundled_midi()]}
    close = 0
    for emotion in said.values():
        second, first = sorted(emotion.probabilities.values())[-2:]
        close += first - second < 0.1
        assert any("hardly likelier" in w for w in emotion.warnings) == (first - second < 0.1)
    assert 0 < close < len(said)


def test_warnings_of_reading_reach_the_answer():
    cut = PIECE.read_bytes()[:-3]
    report = chordmer.read_symbolic(cut).report
    assert report.warnings
    assert set(report.warnings) <= set(chordmer.predict(cut).warnings)


@pytest.mark.parametrize("wrong", [{"window": 0}, {"hop": -1}, {"window": float("nan")}])
def test_odd_windows_are_refused(wrong):
    with pytest.raises(ChordmerError):
        chordmer.predict(PIECE, **wrong)


@pytest.mark.parametrize(
    ("source", "error"),
    [("song.wav", MissingModalityError), ("song.xyz", ChordmerError), (17, ChordmerError)],
)
def test_what_is_no_symbolic_music_is_refused(source, error):
    with pytest.raises(error):
        chordmer.predict(source)


def test_the_course_of_a_long_piece_is_bounded():
    hours = make_piece([(2.0 * i, 1.0, 60 + i % 12) for i in range(7200)], bpm=60)
    assert hours.duration > 14_000
    assert 900 <= len(chordmer.predict(hours).curve) <= 1000


@pytest.mark.parametrize(
    "change",
    [
        {"descriptors": ["loudness of the moon"]},
        {"descriptors": 3},
        {"name": None, "novelty_threshold": "far"},
    ],
)
def test_a_model_that_does_not_fit_is_refused(change, tmp_path):
    bundled = Path(pretrained.__file__).parent / "weights" / "symbolic"
    manifest, arrays = load_folder(bundled, kind="SymbolicEmotionModel")
    parameters = {**manifest["parameters"], **change}
    odd = {"kind": "SymbolicEmotionModel", "parameters": parameters}
    save_folder(tmp_path / "odd", odd, arrays)
    with pytest.raises(ModelError):
        pretrained.load_pretrained(tmp_path / "odd")


def test_a_model_from_a_folder_answers_like_the_same_one_bundled(tmp_path):
    bundled = Path(pretrained.__file__).parent / "weights" / "symbolic"
    shutil.copytree(bundled, tmp_path / "copy")
    other = pretrained.load_pretrained(tmp_path / "copy")
    assert chordmer.predict(PIECE, model=other).to_dict() == chordmer.predict(PIECE).to_dict()
