"""Joined vectors: standardised by hand, missing ones at the mean, and safe folders."""

import numpy as np
import pytest
from folders import manifest_of, seal
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from chordmer.errors import ModelError
from chordmer.models.broad import BroadLearningClassifier
from chordmer.models.join import JoinVectors

WIDTHS = {"symbolic": 4, "audio": 3, "lyrics": 2}


def samples(n=30, seed=0):
    """Samples that lack lyrics here and there, and `audio` never."""
    random = np.random.default_rng(seed)
    X = [
        {name: 5 + 3 * random.normal(size=width) for name, width in WIDTHS.items()}
        for _ in range(n)
    ]
    for i, x in enumerate(X):
        if i % 3 == 0:
            x["lyrics"] = None
        if i % 4 == 0:
            del x["symbolic"]
    return X


def test_it_standardises_what_is_there_and_puts_zero_for_what_is_not():
    X = samples()
    join = JoinVectors().fit(X)
    joined = join.transform(X)
    columns = []
    for name in sorted(WIDTHS):
        known = np.array([x[name] for x in X if x.get(name) is not None], dtype=np.float32)
        mean, scale = known.mean(axis=0, dtype=np.float64), known.std(axis=0, dtype=np.float64)
        zero = np.zeros(WIDTHS[name])
        columns.append([(x[name] - mean) / scale if x.get(name) is not None else zero for x in X])
    np.testing.assert_allclose(joined[:, :9], np.hstack(columns), atol=1e-5)
    flags = [[x.get(name) is not None for x in X] for name in ("lyrics", "symbolic")]
    np.testing.assert_array_equal(joined[:, 9:], np.transpose(flags))
    assert joined.dtype == np.float64
    assert join.get_feature_names_out().tolist() == [
        *("audio_0", "audio_1", "audio_2", "lyrics_0", "lyrics_1"),
        *("symbolic_0", "symbolic_1", "symbolic_2", "symbolic_3"),
        *("lyrics_present", "symbolic_present"),
    ]
    assert JoinVectors(indicator=False).fit_transform(X).shape == (30, 9)


def test_frames_stand_for_their_mean():
    frames = np.random.default_rng(1).normal(size=(5, 7, 3)).astype(np.float32)
    of_frames = JoinVectors().fit_transform([{"audio": x} for x in frames])
    of_means = JoinVectors().fit_transform([{"audio": x.mean(axis=0)} for x in frames])
    np.testing.assert_allclose(of_frames, of_means, atol=1e-5)


def test_a_constant_column_stays_at_zero():
    X = [{"audio": [value, 1e6 + 0.1]} for value in (1.0, 2.0, 4.0)]
    assert not JoinVectors().fit_transform(X)[:, 1].any()


def test_what_training_did_not_have_is_left_out():
    X = samples()
    join = JoinVectors().fit(X)
    strange = [{**x, "video": np.ones(9)} for x in X]
    np.testing.assert_array_equal(join.transform(strange), join.transform(X))
    with pytest.raises(ValueError, match="sample 1 has none of the inputs"):
        join.transform([X[0], {"video": np.ones(9)}])
    with pytest.raises(ValueError, match="'audio' is 4 wide, but was 3"):
        join.transform([{"audio": np.ones(4)}])
    with pytest.raises(ValueError, match="no input at all"):
        join.fit([{"audio": None}])
    with pytest.raises(ValueError, match="no samples"):
        join.fit([])


@pytest.mark.parametrize("classifier", [SVC(), BroadLearningClassifier(random_state=0)])
def test_array_classifiers_hear_all_inputs(classifier):
    X = samples(120)
    y = [int(x["audio"][0] > 5) for x in X]
    assert cross_val_score(make_pipeline(JoinVectors(), classifier), X, y, cv=3).mean() > 0.75


def test_it_can_speak_pandas():
    X = samples()
    frame = JoinVectors().set_output(transform="pandas").fit_transform(X)
    assert frame.shape == (30, 11)
    assert frame.columns[-1] == "symbolic_present"


def test_what_is_saved_comes_back(tmp_path):
    X = samples()
    join = JoinVectors().fit(X)
    join.save(tmp_path / "join")
    loaded = JoinVectors.load(tmp_path / "join")
    np.testing.assert_array_equal(loaded.transform(X), join.transform(X))
    assert loaded.get_feature_names_out().tolist() == join.get_feature_names_out().tolist()
    assert clone(loaded).get_params() == join.get_params()


@pytest.mark.parametrize(
    "changes",
    [
        {"widths": {"audio": 3, "lyrics": 2, "symbolic": 5}},
        {"widths": {"audio": 0, "lyrics": 5, "symbolic": 4}},
        {"widths": {"lyrics": 2, "audio": 3, "symbolic": 4}},
        {"widths": ["audio"]},
        {"widths": {"audio": "three"}},
        {"indicators": ["video"]},
        {"indicators": 3},
        {"parameters": {"code": "evil"}},
    ],
)
def test_a_folder_with_lies_is_refused(tmp_path, changes):
    path = tmp_path / "join"
    JoinVectors().fit(samples()).save(path)
    seal(path, {**manifest_of(path), **changes})
    with pytest.raises(ModelError):
        JoinVectors.load(path)
