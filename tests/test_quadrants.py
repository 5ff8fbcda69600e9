"""The recipe of the bundled model: its experts as an estimator, and what they learn from."""

import json

import numpy as np
import pytest
from sklearn.base import clone
from songs import songs

from chordmer.features.describe import DESCRIPTOR_NAMES
from chordmer.folder import load_folder
from chordmer.models import inference
from chordmer.pretrained import BUNDLED
from chordmer.recognizer import EmotionRecognizer
from chordmer.recognizer.hearing import Hearing
from chordmer.recognizer.quadrants import (
    LOUDNESS,
    QuadrantExperts,
    Recipe,
    bundled_experts,
    fit,
    fit_novelty,
)
from chordmer.recognizer.recipes import FEATURES
from chordmer.recognizer.renditions import Rendition, Renditions
from chordmer.track import Track

QUICK = Recipe(members=(0.2, 0.3, 0.5), broad_enhancement=20, n_trees=5, min_leaf=4)


@pytest.fixture(scope="module")
def heard():
    """Descriptors of four songs a quadrant, two clips each and three renditions of these."""
    tracks, y = songs(n=4, clips=2, beats=16)
    tracks, y, groups = Renditions(3).tracks(tracks, y)
    hearing = Hearing.fit([("symbolic", FEATURES["symbolic"]())], ["symbolic"], tracks, y)
    return hearing.hear(tracks), y, np.array(groups)


def matrix(samples):
    return np.array([sample["symbolic"] for sample in samples], dtype=float)


def codes(y):
    return np.unique(y, return_inverse=True)[1]


def test_its_recipe_is_the_one_written_into_the_model():
    training = load_folder(BUNDLED, kind="SymbolicEmotionModel")[0]["training"]
    experts = bundled_experts()
    assert json.loads(json.dumps(vars(experts.recipe))) == training["recipe"]
    assert [*experts.dropped] == training["dropped"]
    assert experts.copies == Renditions().copies + 1 == training["copies"] + 1


def test_they_are_shaped_as_the_bundled_model(heard):
    X, y, _ = heard
    _, bundled = load_folder(BUNDLED, kind="SymbolicEmotionModel", expected=inference.ARRAYS)
    dropped = bundled_experts().dropped
    arrays = fit(matrix(X), codes(y), 4, QUICK, dropped)
    arrays |= fit_novelty(arrays, matrix(X))
    inference.check_arrays(arrays, len(DESCRIPTOR_NAMES))
    assert {n: a.dtype for n, a in arrays.items()} == {n: a.dtype for n, a in bundled.items()}
    for name in ("notes.columns", "dynamics.columns", "loudness", "relative"):
        assert np.array_equal(arrays[name], bundled[name])
    inside = inference.novelty(arrays, matrix(X))
    assert np.isfinite(inside).all()
    assert (inference.novelty(arrays, matrix(X) * 100) > inside).all()


def test_no_expert_for_notes_hears_velocities_or_what_is_dropped(heard):
    X, y, _ = heard
    dropped = ["register_mean", "pulse_rate"]
    arrays = fit(matrix(X), codes(y), 4, QUICK, dropped)
    notes = {DESCRIPTOR_NAMES[column] for column in arrays["notes.columns"]}
    assert notes == set(DESCRIPTOR_NAMES) - LOUDNESS - set(dropped)
    assert not notes & LOUDNESS
    louder = matrix(X)
    louder[:, [DESCRIPTOR_NAMES.index(name) for name in sorted(LOUDNESS)]] = 64.0
    flat = {**arrays, "gate": np.array([1e9, 0.0, 1.0])}
    np.testing.assert_array_equal(
        inference.predict_proba(flat, matrix(X)), inference.predict_proba(flat, louder)
    )


def test_its_opinions_are_those_of_the_classifiers_that_were_fitted(heard, monkeypatch):
    fitted = []
    from chordmer.recognizer import quadrants

    for name in ("LogisticRegression", "BroadLearningClassifier", "ExtraTreesClassifier"):

        class Kept(getattr(quadrants, name)):
            def fit(self, X, y):
                fitted.append((super().fit(X, y), X))
                return self

        monkeypatch.setattr(quadrants, name, Kept)
    X, y, _ = heard
    arrays = fit(matrix(X), codes(y), 4, QUICK)
    assert len(fitted) == 6
    for start, name in ((0, "notes"), (3, "dynamics")):
        own = {k.partition(".")[2]: a for k, a in arrays.items() if k.startswith(name)}
        three = fitted[start : start + 3]
        for ours, (model, Z) in zip(inference.opinions(own, three[0][1]), three):
            np.testing.assert_allclose(ours, model.predict_proba(Z), atol=1e-6)


def test_the_estimator_says_what_the_arrays_say(heard):
    X, y, groups = heard
    train = np.isin(groups, np.unique(groups)[::2])
    known, rest = ([X[i] for i in np.flatnonzero(part)] for part in (train, ~train))
    experts = QuadrantExperts(QUICK, copies=4, dropped=("pulse_rate",)).fit(known, y[train])
    arrays = fit(matrix(known), codes(y[train]), 4, QUICK, ("pulse_rate",))
    expected = inference.predict_proba(arrays, matrix(rest))
    np.testing.assert_array_equal(experts.predict_proba(rest), expected)
    assert experts.classes_.tolist() == ["Q1", "Q2", "Q3", "Q4"]
    assert np.mean(experts.predict(rest) == y[~train]) > 0.8


def test_a_seed_is_the_recipes_unless_one_is_given(heard):
    X, y, _ = heard
    first, same, other = (
        clone(QuadrantExperts(QUICK, copies=4, random_state=state)).fit(X, y).predict_proba(X)
        for state in (None, None, 1)
    )
    np.testing.assert_array_equal(first, same)
    assert not np.array_equal(first, other)


def test_a_quadrant_that_nobody_played_is_learned_from_scores(heard):
    X, y, _ = heard
    scores = matrix(X)
    flat = y == "Q3"
    scores[np.ix_(flat, [DESCRIPTOR_NAMES.index("velocity_change")])] = 0.0
    arrays = fit(scores, codes(y), 4, QUICK)
    assert arrays["dynamics.tree_leaf"].shape[1] == arrays["notes.linear_coef"].shape[1] == 4
    assert np.isfinite(inference.predict_proba(arrays, scores)).all()


def test_what_it_cannot_learn_from_is_refused(heard):
    X, y, _ = heard
    experts = QuadrantExperts(QUICK)
    with pytest.raises(ValueError, match="four quadrants to learn, not"):
        experts.fit(X[:3], ["Q1", "Q2", "Q1"])
    with pytest.raises(ValueError, match="symbolic descriptors only"):
        experts.fit([{"chord2vec": x["symbolic"]} for x in X], y)
    with pytest.raises(ValueError, match="should be of shape"):
        experts.fit([{"symbolic": x["symbolic"][:9]} for x in X], y)


# --- renditions ----------------------------------------------------------------------------------


def test_renditions_are_other_notes_of_the_same_song():
    tracks, y = songs(n=1, clips=1, beats=16)
    more, labels, groups = Renditions(3).tracks(tracks, y)
    assert more[: len(tracks)] == tracks
    assert labels.tolist() == [*y] * 4
    assert groups == [track.group for track in tracks] * 4
    made = more[len(tracks) :]
    assert len({track.id for track in more}) == len(more)
    for track in made:
        assert isinstance(track, Rendition)
        assert track.audio is None
        assert np.array_equal(track.symbolic.notes, track.symbolic.notes)
    changed = [not np.array_equal(m.symbolic.notes, m.original.symbolic.notes) for m in made]
    assert np.mean(changed) > 0.7


def test_a_rendition_is_the_same_whatever_else_is_there():
    tracks, y = songs(n=1, clips=1, beats=16)
    alone = Renditions(2).tracks(tracks[1:2], y[1:2])[0][1:]
    among = [m for m in Renditions(5).tracks(tracks, y)[0][4:] if m.original is tracks[1]]
    for one, other in zip(alone, among):
        assert one.id == other.id
        assert np.array_equal(one.symbolic.notes, other.symbolic.notes)
    renamed = Track("another", symbolic=tracks[1].symbolic)
    own = Renditions(12).tracks([renamed], ["Q1"])[0][1:]
    others = Renditions(12).tracks([tracks[1]], ["Q1"])[0][1:]
    assert any(not np.array_equal(a.symbolic.notes, b.symbolic.notes) for a, b in zip(own, others))


def test_a_recogniser_learns_from_them(tmp_path):
    tracks, y = songs(n=3, clips=2, beats=16)
    model = EmotionRecognizer(
        ["symbolic"],
        classifier=QuadrantExperts(QUICK, copies=4),
        augmentation=Renditions(3),
        calibration=0,
        cache=tmp_path,
        random_state=0,
    )
    first = model.fit(tracks, y).predict_proba(tracks)
    files = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.safetensors")}
    assert len(files) == 4 * len(tracks)
    np.testing.assert_array_equal(clone(model).fit(tracks, y).predict_proba(tracks), first)
    assert {f: f.stat().st_mtime_ns for f in tmp_path.rglob("*.safetensors")} == files
    alone = clone(model).set_params(augmentation=None).fit(tracks, y).predict_proba(tracks)
    assert not np.allclose(alone, first)
