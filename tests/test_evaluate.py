"""`evaluate`: what is trained on what, what is answered, and what is made of it."""

import json
import math

import numpy as np
import pytest
from pieces import make_piece
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from chordmer.errors import LeakageError
from chordmer.evaluate import (
    Choice,
    CrossValidation,
    Evaluation,
    Holdout,
    PublishedSplit,
    classification_metrics,
    curve_metrics,
    evaluate,
    regression_metrics,
)
from chordmer.evaluate.intervals import draw_groups
from chordmer.evaluate.task import seeded
from chordmer.recognizer import EmotionRecognizer
from chordmer.track import Track


def clips(seed=0, n_songs=30, each=3, noise=1.0):
    """Vectors of clips whose songs have a quadrant, with the groups."""
    random = np.random.default_rng(seed)
    quadrant = np.repeat(random.integers(0, 4, n_songs), each)
    X = np.eye(4)[quadrant] * 2 + random.normal(0, noise, (len(quadrant), 4))
    groups = np.repeat([f"song {i}" for i in range(n_songs)], each)
    return X, np.array(["Q1", "Q2", "Q3", "Q4"])[quadrant], groups


class Remembers(ClassifierMixin, BaseEstimator):
    """Answers rows it was trained on, and says so of rows it was not."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.seen_ = {tuple(x): label for x, label in zip(X, y)}
        return self

    def predict(self, X):
        return np.array([self.seen_.get(tuple(x), "unseen") for x in X])


class Notes(ClassifierMixin, BaseEstimator):
    """Takes down what it is told."""

    told = ()

    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit(self, X, y, groups=None):
        Notes.told = (*Notes.told, (len(X), groups, self.random_state))
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.repeat(self.classes_[:1], len(X))


def test_every_clip_is_answered_once_by_a_model_that_never_met_its_song():
    X, y, groups = clips()
    evaluation = evaluate(KNeighborsClassifier(1), X, y, groups=groups, protocol=5)
    rows, predictions, shares = evaluation.out_of_fold()
    assert sorted(rows) == list(range(len(y)))
    for result in evaluation.results:
        model = KNeighborsClassifier(1).fit(X[result.fold.train], y[result.fold.train])
        np.testing.assert_array_equal(result.predictions, model.predict(X[result.fold.test]))
        assert not set(groups[result.fold.train]) & set(groups[result.fold.test])
    expected = classification_metrics(y[rows], predictions, shares)
    found = evaluation.metrics(n_resamples=50)
    assert {name: interval.value for name, interval in found.items()} == pytest.approx(expected)
    for interval in found.values():
        assert interval.low <= interval.high


def test_memory_is_of_no_use():
    X, y, groups = clips()
    with pytest.raises(ValueError, match="'unseen'"):
        evaluate(Remembers(), X, y, groups=groups, protocol=5)
    with pytest.raises(LeakageError, match="song"):
        evaluate(DummyClassifier(), X, y, groups=groups, protocol=[([0, 3], [1])])


def test_the_given_model_is_left_unfitted():
    X, y, groups = clips()
    model = LogisticRegression()
    evaluate(model, X, y, groups=groups, protocol=3)
    assert not hasattr(model, "coef_")


def test_seeds_shuffle_folds_and_models_and_are_averaged():
    X, y, groups = clips(noise=2.0)
    model = DecisionTreeClassifier(max_features=1, random_state=0)
    options = {"groups": groups, "protocol": 3}
    both = evaluate(model, X, y, seeds=[1, 2], **options)
    one, other = (evaluate(model, X, y, seeds=[seed], **options) for seed in (1, 2))
    assert both.seeds == [1, 2]
    assert len(both.results) == 6
    values = [e.metrics(n_resamples=5)["f1"].value for e in (both, one, other)]
    assert values[0] == pytest.approx((values[1] + values[2]) / 2)
    assert both.by_seed() == {**one.by_seed(), **other.by_seed()}
    assert both.by_fold() == one.by_fold() + other.by_fold()
    assert not np.array_equal(one.results[0].fold.test, other.results[0].fold.test)
    again = evaluate(model, X, y, seeds=[1], **options)
    for a, b in zip(one.results, again.results):
        np.testing.assert_array_equal(a.predictions, b.predictions)
        np.testing.assert_array_equal(a.probabilities, b.probabilities)
    np.testing.assert_array_equal(both.confusion(), one.confusion() + other.confusion())
    with pytest.raises(ValueError, match="no fold has the seed 7"):
        both.out_of_fold(7)


def test_every_seed_goes_through_given_folds():
    X, y, _ = clips()
    folds = (([0, 1, 2, 50], [test]) for test in (10, 20))
    evaluation = evaluate(DummyClassifier(), X, y, protocol=folds, seeds=[0, 1])
    assert [(r.seed, r.number, *r.fold.test) for r in evaluation.results] == [
        (0, 0, 10),
        (0, 1, 20),
        (1, 0, 10),
        (1, 1, 20),
    ]


def test_every_random_state_is_drawn_from_the_seed():
    model = make_pipeline(StandardScaler(), DecisionTreeClassifier(random_state=5))
    states = [seeded(model, seed)[-1].random_state for seed in (0, 0, 1)]
    assert states[0] == states[1] != states[2]
    assert model[-1].random_state == 5


def test_models_that_want_groups_are_told_them():
    X, y, groups = clips(n_songs=6)
    Notes.told = ()
    evaluate(Notes(), X, y, groups=groups, protocol=3, seeds=[0, 1])
    evaluate(make_pipeline(StandardScaler(), Notes()), X, y, groups=groups, protocol=3)
    assert len(Notes.told) == 9
    for n, told, state in Notes.told:
        assert n == 12
        assert sorted(np.unique(told, return_counts=True)[1]) == [3, 3, 3, 3]
        assert state is not None
    search = GridSearchCV(KNeighborsClassifier(), {"n_neighbors": [1, 3]}, cv=GroupKFold(2))
    assert len(evaluate(search, X, y, groups=groups, protocol=3).results) == 3


def test_choices_are_made_anew_on_each_training_side():
    X, y, groups = clips(n_songs=20)
    choice = Choice({"n_neighbors": [1, 7]}, protocol=2, scoring="f1_macro")
    evaluation = evaluate(KNeighborsClassifier(), X, y, groups=groups, protocol=3, choice=choice)
    changed = y.copy()
    for number, result in enumerate(evaluation.results):
        model = KNeighborsClassifier(**result.chosen).fit(
            X[result.fold.train], y[result.fold.train]
        )
        np.testing.assert_array_equal(result.predictions, model.predict(X[result.fold.test]))
        # What is chosen does not depend on the truth of what is tested.
        changed = y.copy()
        changed[result.fold.test] = np.roll(changed[result.fold.test], 1)
        parts = [(r.fold.train, r.fold.test) for r in evaluation.results]
        again = evaluate(
            KNeighborsClassifier(),
            X,
            changed,
            groups=groups,
            protocol=[parts[number]],
            choice=choice,
        )
        assert again.results[0].chosen == result.chosen


def test_rows_for_validation_decide_and_are_not_trained_on():
    X, y, groups = clips(n_songs=40, noise=1.5)
    grid = {"n_neighbors": [1, 5, 15]}
    evaluation = evaluate(
        KNeighborsClassifier(), X, y, groups=groups, protocol=Holdout(0.2, 0.2), choice=Choice(grid)
    )
    (result,) = evaluation.results
    fold = result.fold
    scores = [
        KNeighborsClassifier(k)
        .fit(X[fold.train], y[fold.train])
        .score(X[fold.valid], y[fold.valid])
        for k in grid["n_neighbors"]
    ]
    assert result.chosen == {"n_neighbors": grid["n_neighbors"][int(np.argmax(scores))]}
    model = KNeighborsClassifier(**result.chosen).fit(X[fold.train], y[fold.train])
    np.testing.assert_array_equal(result.probabilities, model.predict_proba(X[fold.test]))


def test_a_class_that_a_training_side_lacks_gets_no_probability():
    X = np.arange(6.0)[:, None]
    y = ["a", "a", "b", "b", "c", "c"]
    evaluation = evaluate(DummyClassifier(strategy="prior"), X, y, protocol=[([0, 1, 2], [4, 5])])
    (result,) = evaluation.results
    np.testing.assert_allclose(result.probabilities, [[2 / 3, 1 / 3, 0]] * 2)
    assert evaluation.metrics(n_resamples=5)["accuracy"].value == 0


def test_models_without_probabilities_are_measured_by_their_labels():
    X, y, groups = clips()
    found = evaluate(Notes(), X, y, groups=groups, protocol=3).metrics(n_resamples=5)
    assert "accuracy" in found
    assert "roc_auc" not in found


def test_numbers_and_several_dimensions():
    X, _, groups = clips()
    y = X[:, :2] @ [[1, 0.5], [-0.5, 1]] + 0.1 * X[:, 2:]
    evaluation = evaluate(
        Ridge(), X, y, groups=groups, protocol=4, dimensions=["valence", "arousal"]
    )
    rows, predictions, _ = evaluation.out_of_fold()
    found = evaluation.metrics(n_resamples=60)
    expected = regression_metrics(y[rows], predictions, dimensions=["valence", "arousal"])
    assert {name: value.value for name, value in found.items()} == pytest.approx(expected)
    assert found["valence_ccc"].low < found["valence_ccc"].value < found["valence_ccc"].high
    worse = evaluate(
        DummyRegressor(), X, y, groups=groups, protocol=4, dimensions=["valence", "arousal"]
    )
    compared = evaluation.compare(worse, n_resamples=60)
    assert compared.metric == "rmse"
    assert compared.mcnemar is None
    assert compared.better == "Ridge"
    with pytest.raises(ValueError, match="no confusion"):
        evaluation.confusion()
    single = evaluate(Ridge(), X, y[:, 0], groups=groups, protocol=4)
    assert single.metrics(n_resamples=5)["rmse"].value == pytest.approx(
        regression_metrics(y[rows, 0], predictions[:, 0])["rmse"]
    )


def songs_with_curves(seed=0):
    random = np.random.default_rng(seed)
    frames = [random.normal(size=(random.integers(4, 12), 3)) for _ in range(12)]
    curves = [f[:, :2] + 0.3 * random.normal(size=(len(f), 2)) for f in frames]
    return frames, curves


def test_curves_are_learned_by_the_moment_and_measured_by_the_song():
    frames, curves = songs_with_curves()
    groups = [f"artist {i // 2}" for i in range(12)]
    evaluation = evaluate(
        Ridge(),
        frames,
        curves,
        groups=groups,
        protocol=3,
        curves=True,
        dimensions=["valence", "arousal"],
    )
    answers = [None] * 12
    for result in evaluation.results:
        train = sorted(set(evaluation.songs[result.fold.train]))
        test = sorted(set(evaluation.songs[result.fold.test]))
        assert not {groups[i] for i in train} & {groups[i] for i in test}
        model = Ridge().fit(
            np.concatenate([frames[i] for i in train]), np.concatenate([curves[i] for i in train])
        )
        for song in test:
            answers[song] = model.predict(frames[song])
    expected = curve_metrics(curves, answers, dimensions=["valence", "arousal"])
    found = evaluation.metrics(n_resamples=40)
    assert {name: value.value for name, value in found.items()} == pytest.approx(expected)
    assert all(value.low <= value.high for value in found.values())
    songs, each = evaluation.song_metrics()
    assert songs.tolist() == list(range(12))
    # Artists are resampled, with all their songs.
    draws = [
        float(np.repeat(drawn, 2) @ each["rmse"] / drawn.sum() / 2)
        for drawn in draw_groups(np.arange(6), n_resamples=40)
    ]
    assert found["rmse"].low == pytest.approx(np.quantile(draws, 0.025))
    assert each["rmse"][4] == pytest.approx(regression_metrics(curves[4], answers[4])["rmse"])
    assert evaluation.compare(evaluation, n_resamples=10).difference.value == 0
    # Songs as lists of moments are the same songs.
    again = evaluate(
        Ridge(), [list(f) for f in frames], curves, groups=groups, protocol=3, curves=True
    )
    assert again.metrics(n_resamples=2)["ccc"].value == pytest.approx(found["ccc"].value)
    assert "moments" in str(again)


def test_a_published_split_of_songs_is_one_of_their_moments():
    frames, curves = songs_with_curves()
    split = PublishedSplit({"train": range(8), "test": [8, 9]})
    evaluation = evaluate(Ridge(), frames, curves, protocol=split, curves=True)
    (result,) = evaluation.results
    assert set(evaluation.songs[result.fold.train]) == set(range(8))
    assert set(evaluation.songs[result.fold.test]) == {8, 9}
    assert evaluation.protocol == "published split"


def pieces_of_two_kinds():
    """Loud high quick pieces and low slow ones, two clips a song."""
    tracks, y = [], []
    for song in range(8):
        high = song % 2
        for clip in range(2):
            step = 0.25 if high else 2
            notes = [
                (
                    i * step,
                    step,
                    (72 if high else 48) + (i * (3 + clip) + song) % 12,
                    60 + 30 * high,
                )
                for i in range(20)
            ]
            tracks.append(Track(f"{song}_{clip}", make_piece(notes), group=f"song {song}"))
            y.append("Q1" if high else "Q3")
    return tracks, y


def test_tracks_bring_their_groups_and_names():
    tracks, y = pieces_of_two_kinds()
    model = EmotionRecognizer(["symbolic"], calibration=0)
    evaluation = evaluate(model, tracks, y, protocol=2, seeds=[3])
    assert evaluation.ids == tuple(track.id for track in tracks)
    for result in evaluation.results:
        assert not {tracks[i].group for i in result.fold.train} & {
            tracks[i].group for i in result.fold.test
        }
    assert evaluation.metrics(n_resamples=5)["accuracy"].value > 0.8
    assert evaluation.results[0].probabilities.shape == (8, 2)
    with pytest.raises(LeakageError, match="song 0"):
        evaluate(model, tracks, y, protocol=[(range(1, 16), [0])])


def test_an_array_of_tracks_is_a_list_of_tracks():
    tracks, y = pieces_of_two_kinds()
    array = np.empty(len(tracks), dtype=object)
    array[:] = tracks
    with pytest.raises(LeakageError, match="song 0"):
        evaluate(EmotionRecognizer(["symbolic"]), array, y, protocol=[(range(1, 16), [0])])


def test_one_file_labelled_twice_is_one_song():
    tracks = [Track("a", "x.mid"), Track("b", "y.mid"), Track("c", "x.mid"), Track("d")]
    with pytest.raises(LeakageError, match=r"x\.mid"):
        evaluate(DummyClassifier(), tracks, ["Q1", "Q1", "Q2", "Q2"], protocol=[([0, 1], [2])])
    evaluation = evaluate(
        DummyClassifier(), tracks, ["Q1", "Q1", "Q2", "Q2"], protocol=[([0, 2], [1, 3])]
    )
    assert evaluation.codes.tolist() == [0, 1, 0, 2]


def test_a_recogniser_of_dimensions_names_them():
    tracks, y = pieces_of_two_kinds()
    plane = [(1, 1) if label == "Q1" else (-1, -1) for label in y]
    model = EmotionRecognizer(["symbolic"], target="valence_arousal", calibration=0)
    evaluation = evaluate(model, tracks, plane, protocol=Holdout(0.25))
    assert "arousal_rmse" in evaluation.metrics(n_resamples=2)


def test_comparison_of_models_on_the_same_folds():
    X, y, groups = clips(noise=0.7)
    options = {"groups": groups, "protocol": 5, "seeds": [0, 1]}
    good = evaluate(LogisticRegression(), X, y, **options)
    bad = evaluate(DummyClassifier(strategy="prior"), X, y, name="guess", **options)
    compared = good.compare(bad, n_resamples=200)
    assert compared.better == "LogisticRegression"
    assert bad.compare(good, n_resamples=200).better == "LogisticRegression"
    assert compared.difference.value == pytest.approx(compared.values[0] - compared.values[1])
    assert compared.t_test.df == 9
    rows, mine, _ = good.out_of_fold()
    _, theirs, _ = bad.out_of_fold()
    right, other = mine == y[rows], theirs == y[rows]
    assert compared.mcnemar.first_only == (right & ~other).sum()
    assert compared.mcnemar.second_only == (other & ~right).sum()
    folds = [one["accuracy"] - two["accuracy"] for one, two in zip(good.by_fold(), bad.by_fold())]
    assert compared.t_test.mean == pytest.approx(np.mean(folds))
    by_loss = good.compare(bad, metric="log_loss", n_resamples=200)
    assert by_loss.difference.value < 0
    assert by_loss.better == "LogisticRegression"
    assert by_loss.mcnemar is None


def test_a_model_is_no_better_than_itself():
    X, y, groups = clips()
    evaluation = evaluate(LogisticRegression(), X, y, groups=groups, protocol=3)
    compared = evaluation.compare(evaluation, n_resamples=20)
    assert compared.better is None
    assert compared.p_values == (1.0, 1.0)
    assert "corrected t-test: p = 1" in str(compared)


def test_what_was_not_tested_alike_is_not_compared():
    X, y, groups = clips()
    options = {"groups": groups, "protocol": 3}
    first = evaluate(DummyClassifier(), X, y, **options)
    for what, other in (
        ("truth", evaluate(DummyClassifier(), X, y[::-1], **options)),
        ("groups", evaluate(DummyClassifier(), X, y, protocol=3)),
        ("seeds", evaluate(DummyClassifier(), X, y, seeds=[1], **options)),
        ("fold 0", evaluate(DummyClassifier(), X, y, groups=groups, protocol=Fixed())),
    ):
        with pytest.raises(ValueError, match=what):
            first.compare(other)
    with pytest.raises(ValueError, match="no metric 'rmse'"):
        first.compare(first, metric="rmse")
    alone = evaluate(DummyClassifier(), X, y, protocol=[([0, *range(20, 90)], [1]), ([0], [2])])
    with pytest.raises(ValueError, match="undefined in fold 0"):
        alone.compare(alone, metric="roc_auc")


class Fixed:
    """A scikit-learn splitter: every third song, in order."""

    def split(self, X, y, groups):
        for part in range(3):
            tested = groups % 3 == part
            yield np.flatnonzero(~tested), np.flatnonzero(tested)


@pytest.mark.parametrize("kind", ["labels", "numbers", "curves"])
def test_an_evaluation_comes_back_from_json(kind):
    if kind == "curves":
        frames, curves = songs_with_curves()
        evaluation = evaluate(Ridge(), frames, curves, protocol=3, curves=True)
    else:
        X, y, groups = clips()
        model, truth = (LogisticRegression(), y) if kind == "labels" else (Ridge(), X[:, :2])
        choice = Choice({"fit_intercept": [True, False]})
        evaluation = evaluate(
            model, X, truth, groups=groups, protocol=Holdout(0.3), seeds=[0, 1], choice=choice
        )
    told = json.loads(json.dumps(evaluation.to_dict(), allow_nan=False))
    again = Evaluation.from_dict(told)
    assert str(again) == str(evaluation)
    assert again.to_dict() == evaluation.to_dict()
    assert evaluation.compare(again, n_resamples=5).difference.value == 0
    value = told["metrics"][evaluation.main_metric]["value"]
    assert value == evaluation.metrics(n_resamples=1)[evaluation.main_metric].value


def test_a_report_can_be_read():
    X, y, groups = clips(n_songs=12)
    evaluation = evaluate(
        make_pipeline(StandardScaler(), LogisticRegression()),
        X,
        y,
        groups=groups,
        protocol=CrossValidation(3, valid=True),
    )
    text = str(evaluation)
    assert text.startswith("StandardScaler > LogisticRegression: 36 samples, 12 groups tested; 3-f")
    assert "calibration_error" in text
    assert "truth" in text
    assert repr(evaluation).startswith("<Evaluation StandardScaler > LogisticRegression: accuracy")
    assert evaluation.seconds >= 0


def test_progress_is_told_on_standard_error(capsys):
    X, y, groups = clips(n_songs=12)
    evaluate(DummyClassifier(), X, y, groups=groups, protocol=2, verbose=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert [line.partition(":")[0] for line in err.splitlines()] == [
        "seed 0, fold 0",
        "seed 0, fold 1",
    ]


class Wrong(RegressorMixin, BaseEstimator):
    """Answers what is no number."""

    def fit(self, X, y):
        return self

    def predict(self, X):
        return np.full(len(X), math.nan)


@pytest.mark.parametrize(
    ("model", "y", "options", "problem"),
    [
        (DummyClassifier(), ["a"] * 5, {}, "6 samples, and the truth of 5"),
        (DummyClassifier(), ["a", None, "b", "a", "b", "b"], {}, "no label, the first is 1"),
        (DummyClassifier(), [1.0, 2.0, math.nan, 1, 1, 1], {}, "no label, the first is 2"),
        (DummyClassifier(), [["a", "b"]] * 6, {}, "one label a sample"),
        (DummyRegressor(), [1.0, 2.0, math.nan, 1, 1, 1], {}, "missing or infinite"),
        (Wrong(), [1.0] * 6, {}, "missing or infinite"),
        (StandardScaler(), [1.0] * 6, {}, "neither"),
        (DummyRegressor(), [1.0] * 6, {"groups": ["a"]}, "groups should be one a sample"),
        (DummyRegressor(), [1.0] * 6, {"seeds": []}, "seeds"),
        (DummyRegressor(), [1.0] * 6, {"seeds": [1, 1]}, "seeds"),
        (DummyRegressor(), [1.0] * 6, {"protocol": 7}, "cannot be divided"),
        (DummyRegressor(), [[1.0]] * 5 + [[]], {"curves": True}, "song 5 has 1 moments"),
        (DummyClassifier(), [[1.0]] * 6, {"curves": True}, "is a classifier"),
    ],
)
def test_what_does_not_fit_together_is_refused(model, y, options, problem):
    with pytest.raises(ValueError, match=problem):
        evaluate(model, np.arange(6.0)[:, None], y, **{"protocol": 2, **options})


def test_nothing_is_no_data():
    with pytest.raises(ValueError, match="0 samples"):
        evaluate(DummyClassifier(), [], [])
