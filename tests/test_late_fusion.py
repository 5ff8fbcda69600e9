"""Late fusion over any estimators: a model a modality, weights learned from what it never met."""

from itertools import chain, combinations

import numpy as np
import pytest
from folders import manifest_of, seal
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from chordmer.errors import ModelError
from chordmer.models.late_fusion import LateFusionClassifier, LateFusionRegressor
from chordmer.models.mixing import (
    learn_mean,
    learn_shares,
    mean_of_numbers,
    mean_of_probabilities,
    stack_columns,
    subsets,
)

MODALITIES = ("audio", "lyrics", "symbolic")
SUBSETS = list(chain.from_iterable(combinations(MODALITIES, n) for n in (1, 2, 3)))
WEIGHTS = ["fixed", "learned", "stacked", {"audio": 1.0, "lyrics": 0.5, "symbolic": 2.0}]


def pieces(n, seed, n_classes=3):
    random = np.random.default_rng(seed)
    y = random.integers(0, n_classes, n)
    noise = {"audio": (5, 1.0), "lyrics": (3, 1.2), "symbolic": (4, 0.8)}
    X = [
        {
            name: np.eye(n_classes, width)[label] + scale * random.normal(size=width)
            for name, (width, scale) in noise.items()
        }
        for label in y
    ]
    return X, np.array(["calm", "happy", "tense"])[y]


def only(X, subset):
    return [{name: x[name] for name in subset} for x in X]


def with_gaps(X):
    """`X` with every subset of the modalities in turn."""
    return [only([x], subset)[0] for x, subset in zip(X, SUBSETS * len(X))]


# --- every subset --------------------------------------------------------------------------------


@pytest.mark.parametrize("weights", ["learned", "stacked"])
@pytest.mark.parametrize("gaps", [False, True])
def test_every_subset_is_answered_with_as_much_trust_as_it_deserves(weights, gaps):
    X, y = pieces(700, seed=0)
    model = LateFusionClassifier(LogisticRegression(), weights=weights, random_state=0)
    model.fit(with_gaps(X) if gaps else X, y)
    X, y = pieces(900, seed=1)
    accuracy = {}
    for subset in SUBSETS:
        shares = model.predict_proba(only(X, subset))
        np.testing.assert_allclose(shares.sum(axis=1), 1)
        accuracy[subset] = model.score(only(X, subset), y)
        assert accuracy[subset] > 0.5
        assert abs(shares.max(axis=1).mean() - accuracy[subset]) < 0.06, subset
    for fewer in SUBSETS:
        for more in SUBSETS:
            if set(fewer) < set(more):
                assert accuracy[more] > accuracy[fewer] - 0.02, (fewer, more)


@pytest.mark.parametrize("weights", WEIGHTS, ids=str)
def test_missing_modalities_may_be_none_or_left_out(weights):
    X, y = pieces(120, seed=2)
    model = LateFusionClassifier(weights=weights, random_state=0).fit(with_gaps(X), y)
    for subset in SUBSETS:
        left_out = only(X, subset)
        none = [{**dict.fromkeys(MODALITIES), **x} for x in left_out]
        np.testing.assert_array_equal(model.predict_proba(none), model.predict_proba(left_out))
        strange = [{**x, "video": np.ones(3)} for x in left_out]
        np.testing.assert_array_equal(model.predict_proba(strange), model.predict_proba(left_out))
    mixed = model.predict_proba(with_gaps(X))
    one_by_one = np.concatenate([model.predict_proba([x]) for x in with_gaps(X)])
    np.testing.assert_allclose(mixed, one_by_one, atol=1e-12)


# --- equations -----------------------------------------------------------------------------------


@pytest.mark.parametrize("weights", ["fixed", WEIGHTS[3], [1.0, 0.5, 2.0]], ids=str)
def test_fixed_weights_are_the_weighted_mean_of_the_present(weights):
    X, y = pieces(100, seed=3)
    model = LateFusionClassifier(GaussianNB(), weights=weights).fit(X, y)
    numbers = {"audio": 1.0, "lyrics": 0.5, "symbolic": 2.0}
    for subset in SUBSETS:
        total = np.zeros((100, 3))
        for name in subset:
            alone = GaussianNB().fit(np.float32([x[name] for x in X]).astype(float), y)
            said = alone.predict_proba(np.float32([x[name] for x in X]).astype(float))
            np.testing.assert_allclose(model.opinions(only(X, subset))[name], said)
            total += said * (1.0 if weights == "fixed" else numbers[name])
        expected = total / total.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(model.predict_proba(only(X, subset)), expected, rtol=1e-9)


def answers(n=200, m=3, k=4, seed=0):
    random = np.random.default_rng(seed)
    said = random.dirichlet(np.ones(k), size=(n, m))
    there = random.random((n, m)) < 0.6
    there[np.arange(n), random.integers(0, m, n)] = True
    return said, there, random


def test_powers_and_weights_row_by_row():
    said, there, random = answers()
    weights, powers = random.uniform(0.1, 2, 3), random.uniform(0.5, 3, 3)
    mixed = mean_of_probabilities(said, there, weights, powers)
    mean = mean_of_numbers(said, there, weights)
    for row, plain, own, present in zip(mixed, mean, said, there):
        expected = np.average(own[present], axis=0, weights=weights[present])
        np.testing.assert_allclose(plain, expected)
        sharpened = expected ** powers[present.sum() - 1]
        np.testing.assert_allclose(row, sharpened / sharpened.sum())
    hidden = np.where(there[:, :, None], said, np.nan)
    np.testing.assert_array_equal(mean_of_numbers(hidden, there, weights), mean)


def test_learned_weights_find_the_ones_that_made_the_data():
    said, there, random = answers(n=4000)
    weights, powers = np.array([0.6, 0.3, 0.1]), np.array([1.0, 1.5, 2.5])
    truth = mean_of_probabilities(said, there, weights, powers)
    codes = (truth.cumsum(axis=1) < random.random((4000, 1))).sum(axis=1)
    found, sharpness = learn_shares(said, there, codes, np.ones(4000))
    np.testing.assert_allclose(found, weights, atol=0.05)
    np.testing.assert_allclose(sharpness, powers, rtol=0.2)
    targets = mean_of_numbers(said, there, weights)
    np.testing.assert_allclose(learn_mean(said, there, targets, np.ones(4000)), weights, atol=0.02)


def test_subsets_are_all_but_one_and_one_alone():
    rows, masks, shares = subsets(np.array([[True] * 4, [True, False, True, False]]))
    first = {tuple(np.flatnonzero(mask)) for mask in masks[rows == 0]}
    assert first == {
        (0,),
        (1,),
        (2,),
        (3,),
        (0, 1, 2),
        (0, 1, 3),
        (0, 2, 3),
        (1, 2, 3),
        (0, 1, 2, 3),
    }
    assert {tuple(np.flatnonzero(mask)) for mask in masks[rows == 1]} == {(0,), (2,), (0, 2)}
    np.testing.assert_allclose(np.bincount(rows, shares), 1)
    every = subsets(np.ones((1, 3), dtype=bool))[1]
    assert len(every) == 7


def test_stacks_see_sums_means_and_presence():
    scores = np.array([[[1.0, -1.0], [3.0, 5.0]], [[2.0, 4.0], [np.nan, np.nan]]])
    there = np.array([[True, True], [True, False]])
    expected = [[1, -1, 3, 5, 0.5, -0.5, 1.5, 2.5, 1, 1], [2, 4, 0, 0, 2, 4, 0, 0, 1, 0]]
    np.testing.assert_array_equal(stack_columns(scores, there), expected)


# --- what weights are learned from ---------------------------------------------------------------


class Recorder(ClassifierMixin, BaseEstimator):
    """Knows which numbers it was fitted to, and says whenever it is asked about one of them."""

    asked_about_own = ()

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.own_ = set(X[:, 0])
        return self

    def predict_proba(self, X):
        type(self).asked_about_own += (bool(self.own_ & set(X[:, 0])),)
        return np.full((len(X), len(self.classes_)), 1 / len(self.classes_))


@pytest.mark.parametrize("weights", ["learned", "stacked"])
def test_models_are_never_asked_about_groups_that_they_were_fitted_to(weights):
    groups = np.repeat(np.arange(12), 5)
    y = np.arange(60) % 2
    X = [{"audio": [song, 0.0], "lyrics": [song + 100.0]} for song in groups]
    Recorder.asked_about_own = ()
    LateFusionClassifier(Recorder(), weights=weights).fit(X, y, groups=groups)
    assert Recorder.asked_about_own == (False,) * 10


def test_learning_by_heart_is_not_rewarded():
    random = np.random.default_rng(0)
    groups = np.repeat(np.arange(100), 4)
    y = (np.arange(100) % 2)[groups]
    # Every song has its own sound, the same in all clips and nothing to do with its label.
    sound = random.normal(size=(100, 3))[groups] + 0.01 * random.normal(size=(400, 3))
    X = [{"audio": s, "lyrics": c + 0.5 * random.normal(size=1)} for s, c in zip(sound, y)]
    models = {"audio": KNeighborsClassifier(1), "lyrics": LogisticRegression()}
    fusion = LateFusionClassifier(models, weights="learned", random_state=0)
    assert fusion.fit(X, y, groups=groups).weights_[0] < 0.1
    assert fusion.fit(X, y).weights_[0] > 0.9


def test_the_better_model_weighs_more():
    X, y = pieces(300, seed=4)
    for x, noise in zip(X, np.random.default_rng(5).normal(size=(300, 3))):
        x["lyrics"] = noise
    model = LateFusionClassifier(LogisticRegression(), weights="learned", random_state=0).fit(X, y)
    assert model.weights_[1] < 0.25
    fixed = LateFusionClassifier(LogisticRegression()).fit(X, y)
    X_test, y_test = pieces(600, seed=6)
    for x, noise in zip(X_test, np.random.default_rng(7).normal(size=(600, 3))):
        x["lyrics"] = noise
    codes = np.searchsorted(model.classes_, y_test)
    losses = [
        -np.log(m.predict_proba(X_test)[np.arange(600), codes]).mean() for m in (model, fixed)
    ]
    assert losses[0] < losses[1] - 0.1


# --- any estimator, as scikit-learn has it -------------------------------------------------------


@pytest.mark.parametrize(
    "estimators",
    [
        RandomForestClassifier(20, random_state=0),
        make_pipeline(StandardScaler(), LogisticRegression()),
        {"audio": GaussianNB(), "symbolic": KNeighborsClassifier(15)},
        None,
    ],
)
@pytest.mark.parametrize("weights", ["fixed", "learned", "stacked"])
def test_any_classifiers_vote(estimators, weights):
    X, y = pieces(240, seed=8)
    model = LateFusionClassifier(estimators, weights=weights, n_folds=3, random_state=0)
    assert model.fit(X[:160], y[:160]).score(X[160:], y[160:]) > 0.5
    again = clone(model).fit(X[:160], y[:160])
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    assert list(model.estimators_) == (
        sorted(estimators) if isinstance(estimators, dict) else list(MODALITIES)
    )


def test_two_classes_and_rare_ones():
    X, y = pieces(90, seed=9)
    two = y != "tense"
    X_two, y_two = [x for x, keep in zip(X, two) if keep], y[two]
    for weights in ("learned", "stacked"):
        model = LateFusionClassifier(GaussianNB(), weights=weights).fit(X_two, y_two)
        assert model.predict_proba(X_two).shape == (len(X_two), 2)
        assert model.score(X_two, y_two) > 0.6
    # Nobody who is tense sings: that model knows two classes, and the others three.
    quiet = [only([x], ("audio", "symbolic"))[0] if c == "tense" else x for x, c in zip(X, y)]
    model = LateFusionClassifier(GaussianNB(), weights="learned").fit(quiet, y)
    assert list(model.estimators_["lyrics"].classes_) == ["calm", "happy"]
    assert not model.opinions(X)["lyrics"][:, 2].any()
    assert (model.predict(X) == "tense").any()


def test_it_lives_in_cross_validation_and_search():
    X, y = pieces(90, seed=10)
    groups = np.arange(90) // 3
    model = LateFusionClassifier(GaussianNB(), weights="learned", n_folds=2)
    scores = cross_val_score(
        model, X, y, groups=groups, cv=GroupKFold(3), params={"groups": groups}
    )
    assert scores.mean() > 0.5
    grid = {"weights": ["fixed", "learned"], "estimators__var_smoothing": [1e-9, 1e-2]}
    search = GridSearchCV(model, grid, cv=3).fit(X, y)
    assert set(search.best_params_) == set(grid)
    with pytest.raises(AttributeError, match="predict_proba"):
        LateFusionClassifier(SVC(kernel="linear")).fit(X, y).predict(X)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"weights": "best"}, "weights must be one of"),
        ({"weights": [1.0, 2.0]}, "a positive number for each of"),
        ({"weights": {"audio": 1.0}}, "a positive number for each of"),
        ({"weights": [1.0, -1.0, 2.0]}, "a positive number for each of"),
        ({"estimators": {"video": GaussianNB()}}, "estimators of \\['video'\\]"),
        ({"n_folds": 1}, "n_folds must be at least 2"),
    ],
)
def test_impossible_parameters_are_refused(options, match):
    X, y = pieces(20, seed=11)
    with pytest.raises(ValueError, match=match):
        LateFusionClassifier(**options).fit(X, y)


def test_impossible_samples_are_refused():
    X, y = pieces(20, seed=11)
    with pytest.raises(ValueError, match="1 class"):
        LateFusionClassifier().fit(X, ["calm"] * 20)
    with pytest.raises(ValueError, match="inconsistent numbers"):
        LateFusionClassifier().fit(X, y[:-1])
    with pytest.raises(ValueError, match="too few samples have 'lyrics'"):
        LateFusionClassifier().fit([*only(X[1:], ["audio"]), X[0]], y)
    with pytest.raises(ValueError, match="2 groups or more of every class"):
        LateFusionClassifier(weights="learned").fit(X, y, groups=y)
    model = LateFusionClassifier().fit(X, y)
    with pytest.raises(ValueError, match="sample 1 has none of the inputs"):
        model.predict([X[0], {"video": np.ones(2)}])


# --- numbers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("weights", WEIGHTS, ids=str)
def test_numbers_are_predicted_from_every_subset(weights):
    random = np.random.default_rng(12)
    y = random.uniform(-1, 1, size=(400, 2)) * [1, 10]
    X = [{name: value + [0.5, 5.0] * random.normal(size=2) for name in MODALITIES} for value in y]
    model = LateFusionRegressor(Ridge(), weights=weights, random_state=0)
    model.fit(with_gaps(X[:200]), y[:200], groups=np.arange(200) // 2)
    errors = {}
    for subset in SUBSETS:
        predicted = model.predict(only(X[200:], subset))
        assert predicted.shape == (200, 2)
        errors[subset] = (((predicted - y[200:]) / [1, 10]) ** 2).mean()
    assert max(errors.values()) < 0.25
    assert errors[MODALITIES] < min(errors[(name,)] for name in MODALITIES)
    one = LateFusionRegressor(Ridge(), weights=weights, random_state=0).fit(X[:200], y[:200, 0])
    assert one.predict(X).shape == (400,)
    assert one.score(X[200:], y[200:, 0]) > 0.5


def test_fixed_weights_are_the_weighted_mean_of_predictions():
    X, y = pieces(60, seed=13)
    numbers = (y == "calm") * 2.0
    model = LateFusionRegressor(
        LinearRegression(), weights={"audio": 1, "lyrics": 3, "symbolic": 1}
    )
    predicted = model.fit(X, numbers).predict(only(X, ("audio", "lyrics")))
    alone = {
        name: LinearRegression().fit(rows, numbers).predict(rows)
        for name in ("audio", "lyrics")
        for rows in [np.float32([x[name] for x in X]).astype(float)]
    }
    np.testing.assert_allclose(predicted, (alone["audio"] + 3 * alone["lyrics"]) / 4)


# --- folders -------------------------------------------------------------------------------------


@pytest.mark.parametrize("weights", WEIGHTS, ids=str)
def test_what_is_saved_answers_the_same(tmp_path, weights):
    X, y = pieces(60, seed=14)
    model = LateFusionClassifier(weights=weights, random_state=0).fit(with_gaps(X), y)
    model.save(tmp_path / "classifier")
    loaded = LateFusionClassifier.load(tmp_path / "classifier")
    regressor = LateFusionRegressor(weights=weights, random_state=0).fit(X, (y == "calm") + 0.0)
    regressor.save(tmp_path / "regressor")
    loaded_regressor = LateFusionRegressor.load(tmp_path / "regressor")
    for subset in SUBSETS:
        some = only(X, subset)
        np.testing.assert_array_equal(loaded.predict_proba(some), model.predict_proba(some))
        np.testing.assert_array_equal(loaded_regressor.predict(some), regressor.predict(some))
    refitted = clone(loaded).fit(with_gaps(X), y)
    np.testing.assert_array_equal(refitted.predict_proba(X), model.predict_proba(X))


def test_only_models_of_ours_can_be_written(tmp_path):
    X, y = pieces(60, seed=15)
    with pytest.raises(ModelError, match="cannot be saved"):
        LateFusionClassifier(GaussianNB()).fit(X, y).save(tmp_path / "model")


def edited(manifest, **changes):
    return {**manifest, **changes}


@pytest.mark.parametrize(
    "lie",
    [
        lambda m: edited(m, classes=["calm", "happy"]),
        lambda m: edited(m, classes=["tense", "happy", "calm"]),
        lambda m: edited(m, classes=3),
        lambda m: edited(m, modalities=m["modalities"][:2]),
        lambda m: edited(m, modalities=m["modalities"][::-1]),
        lambda m: edited(m, modalities=[]),
        lambda m: edited(m, modalities=[{**p, "name": "audio"} for p in m["modalities"]]),
        lambda m: edited(
            m, modalities=[{**p, "model": {"kind": "os.system"}} for p in m["modalities"]]
        ),
        lambda m: edited(m, parameters={"code": "evil"}),
        lambda m: {key: value for key, value in m.items() if key != "classes"},
    ],
)
def test_a_folder_with_lies_is_refused(tmp_path, lie):
    X, y = pieces(60, seed=16)
    path = tmp_path / "model"
    LateFusionClassifier(weights="learned", random_state=0).fit(X, y).save(path)
    seal(path, lie(manifest_of(path)))
    with pytest.raises(ModelError):
        LateFusionClassifier.load(path)


def test_numbers_and_classes_are_not_mixed_up(tmp_path):
    X, y = pieces(60, seed=17)
    targets = np.column_stack([y == "calm", y == "happy"]) + 0.0
    LateFusionRegressor(random_state=0).fit(X, targets).save(tmp_path / "two")
    LateFusionRegressor(random_state=0).fit(X, targets[:, 0]).save(tmp_path / "one")
    LateFusionClassifier(random_state=0).fit(X, y).save(tmp_path / "classes")
    two, one, classes = (manifest_of(tmp_path / name) for name in ("two", "one", "classes"))
    both = {"kind": "LateFusionClassifier", "classes": ["calm", "happy"]}
    for cls, lie in (
        (LateFusionRegressor, {"one_target": True}),
        (LateFusionClassifier, both),
        (LateFusionRegressor, {"modalities": classes["modalities"]}),
        (LateFusionRegressor, {"modalities": one["modalities"]}),
    ):
        seal(tmp_path / "two", {**two, **lie})
        with pytest.raises(ModelError):
            cls.load(tmp_path / "two")
    seal(tmp_path / "two", two)
    assert LateFusionRegressor.load(tmp_path / "two").predict(X).shape == (60, 2)
