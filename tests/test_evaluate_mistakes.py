"""Error analysis: which pieces, which classes, and what they have in common."""

import json

import numpy as np
import pytest
from pieces import DRUMS, make_piece
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import Ridge

from chordmer.errors import ChordmerError
from chordmer.evaluate import Mistakes, describe_track, evaluate, find_mistakes
from chordmer.evaluate.description import INSTRUMENTS
from chordmer.track import Track

SCALE = {"major": (0, 2, 4, 5, 7, 9, 11, 12), "minor": (0, 2, 3, 5, 7, 8, 11, 12)}


def scale(mode, bpm=120, octaves=3, program=0):
    steps = [12 * octave + step for octave in range(octaves) for step in SCALE[mode]]
    piece = make_piece([(i, 1, 48 + step) for i, step in enumerate(steps)], bpm=bpm)
    piece.notes["program"] = program
    return piece


class Truth(ClassifierMixin, BaseEstimator):
    """Answers the truth, which stands in column 0, but for rows whose column 1 is set."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        right = np.eye(len(self.classes_))[X[:, 0].astype(int)]
        shares = 0.8 * right + 0.2 / len(self.classes_)
        return np.where(X[:, 1:] > 0, np.roll(shares, 1, axis=1), shares)

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def wrong_about(wrong, labels):
    """The evaluation of a model that is wrong about some rows, each a song of its own."""
    classes = sorted(set(labels))
    X = np.array([[classes.index(label), row in wrong] for row, label in enumerate(labels)], float)
    return evaluate(Truth(), X, labels, protocol=2, groups=[f"song {i}" for i in range(len(X))])


def test_a_track_is_described_by_what_is_heard_in_it():
    found = describe_track(Track("1", scale("major", bpm=120, program=40)))
    assert found["length"] == pytest.approx(24 / 2)
    assert found["mode"] == "major"
    assert found["instrument"] == "strings"
    assert 100 <= found["tempo"] <= 140 or 50 <= found["tempo"] <= 70
    assert describe_track(Track("2", scale("minor")))["mode"] == "minor"
    assert len(INSTRUMENTS) == 16


def test_what_cannot_be_told_is_none():
    silence = describe_track(Track("silence", make_piece([])))
    assert silence == {"length": 0.0, "tempo": None, "mode": None, "instrument": None}
    drums = describe_track(Track("drums", make_piece([(i, 1, 36, 90, DRUMS) for i in range(9)])))
    assert drums["instrument"] == "drums"
    sound = describe_track(Track("sound", audio=(np.zeros(22050, np.float32), 22050)))
    assert sound == {"length": 1.0, "tempo": None, "mode": None, "instrument": None}
    assert set(describe_track(Track("words", lyrics="la la")).values()) == {None}
    with pytest.raises(ChordmerError):
        describe_track(Track("broken", symbolic=b"no MIDI"))


def test_the_instrument_is_what_sounds_longest():
    piece = make_piece([(0, 1, 60), (1, 1, 60), (2, 5, 60)])
    piece.notes["program"] = [24, 24, 73]
    assert describe_track(Track("duo", piece))["instrument"] == "pipe"


def test_misclassified_pieces_are_found_with_what_they_share():
    labels = ["Q1", "Q2"] * 12
    modes = ["minor" if row in range(12) else "major" for row in range(24)]
    tracks = [
        Track(f"clip {row}", scale(mode, octaves=1 + row % 3)) for row, mode in enumerate(modes)
    ]
    wrong = set(range(0, 12, 2))
    found = find_mistakes(
        wrong_about(wrong, labels), tracks, properties={"style": ["a"] * 20 + [None] * 4}
    )
    assert isinstance(found, Mistakes)
    assert {piece.id for piece in found.pieces if piece.error} == {f"clip {row}" for row in wrong}
    assert all(piece.error >= after.error for piece, after in zip(found.pieces, found.pieces[1:]))
    worst = found.pieces[0]
    assert (worst.truth, worst.answer, worst.error) == ("Q1", "Q2", 1.0)
    assert worst.truth_probability == pytest.approx(0.1)
    assert worst.properties["mode"] == "minor"
    assert found.confused == (("Q1", "Q2", 6),)
    by_class = {share.value: share for share in found.shares["class"]}
    assert (by_class["Q1"].n, by_class["Q1"].error.value) == (12, 0.5)
    assert by_class["Q2"].error.value == 0
    by_mode = {share.value: share.error for share in found.shares["mode"]}
    assert by_mode["major"].value == 0
    assert by_mode["minor"].value == 0.5
    assert 0.1 < by_mode["minor"].low < 0.5 < by_mode["minor"].high < 0.9
    (style,) = found.shares["style"]
    assert (style.value, style.n) == ("a", 20)
    assert sum(share.n for share in found.shares["length"]) == 24
    assert {share.value for share in found.shares["instrument"]} == {"piano"}
    text = str(found)
    assert "6 of 24 pieces" in text
    assert "Q1" in text
    assert "by mode" in text
    told = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert told["pieces"][0]["mode"] == "minor"


def test_numbers_are_told_by_thirds():
    found = find_mistakes(
        wrong_about({0, 1, 2}, ["a", "b", "c"] * 3), properties={"tempo": list(range(60, 150, 10))}
    )
    assert [(share.n, share.error.value) for share in found.shares["tempo"]] == [
        (3, 1.0),
        (3, 0.0),
        (3, 0.0),
    ]
    same = find_mistakes(wrong_about({0}, ["a", "b"] * 3), properties={"tempo": [90.0] * 6})
    assert [share.n for share in same.shares["tempo"]] == [6]
    numpy = find_mistakes(
        wrong_about({0}, ["a", "b"] * 3), properties={"year": np.arange(6, dtype=np.float32)}
    )
    assert [share.n for share in numpy.shares["year"]] == [2, 2, 2]
    assert "a as b, year 0" in str(numpy)
    unknown = find_mistakes(
        wrong_about({0}, ["a", "b"] * 3), properties={"tempo": [None, np.nan] * 3}
    )
    assert "tempo" not in unknown.shares


def test_errors_of_numbers_are_distances():
    X = np.arange(8.0)[:, None]
    y = np.column_stack([X[:, 0], -X[:, 0]])
    y[3] += [3.0, 4.0]
    evaluation = evaluate(Ridge(1e-9), X, y, protocol=[([0, 1, 2, 4], [3, 5]), ([0, 1, 2], [6])])
    found = find_mistakes(evaluation)
    assert found.pieces[0].id == "3"
    assert found.pieces[0].error == pytest.approx(np.sqrt((9 + 16) / 2), rel=1e-6)
    assert len(found.pieces) == 3
    assert found.confused == ()
    assert "class" not in found.shares
    assert "root mean square" in str(found)


def test_the_worst_curves():
    frames = [np.arange(5.0)[:, None] + i for i in range(6)]
    curves = [f[:, 0] for f in frames]
    curves[2] = curves[2] + [9, -9, 9, -9, 9]
    evaluation = evaluate(Ridge(1e-9), frames, curves, protocol=6, curves=True)
    found = find_mistakes(evaluation, properties={"style": list("aabbcc")})
    assert found.pieces[0].id == "2"
    _, songs = evaluation.song_metrics()
    assert found.pieces[0].error == pytest.approx(songs["rmse"].max())
    assert {share.value: share.n for share in found.shares["style"]} == {"a": 2, "b": 2, "c": 2}


def test_columns_of_another_length_are_refused():
    evaluation = wrong_about({0}, ["a", "b"] * 3)
    with pytest.raises(ValueError, match="tracks should be one a piece, 6, not 1"):
        find_mistakes(evaluation, [Track("1")])
    with pytest.raises(ValueError, match="called 'error'"):
        find_mistakes(evaluation, properties={"error": [0.0] * 6})
    with pytest.raises(ValueError, match="style should be"):
        find_mistakes(evaluation, properties={"style": ["a"]})
