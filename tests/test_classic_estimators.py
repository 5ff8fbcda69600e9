"""scikit-learn's models kept as arrays: the same answers, and nothing that a file could abuse."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine
from sklearn.utils.estimator_checks import parametrize_with_checks

from chordmer.errors import ModelError
from chordmer.models import classic
from chordmer.models.classic_estimators import ClassicClassifier, ClassicRegressor

CLASSIFIERS = ["svm", "decision_tree", "random_forest"]
REGRESSORS = ["svr", "linear_regression"]


def classes(load=load_iris):
    X, y = load(return_X_y=True)
    return X, np.array(["Q3", "Q1", "Q2"])[y]


def plane():
    """Features, and two targets within [0, 1]."""
    X, y = load_diabetes(return_X_y=True)
    return X, np.column_stack([y, y[::-1]]) / 400


@pytest.mark.parametrize("load", [load_iris, load_wine, load_breast_cancer])
@pytest.mark.parametrize("model", CLASSIFIERS)
def test_classifiers_answer_what_scikit_learn_answers(model, load):
    X, y = classes(load)
    kept = ClassicClassifier(model=model).fit(X[::2], y[::2])
    theirs = getattr(classic, model)().fit(X[::2], y[::2])
    np.testing.assert_allclose(kept.predict_proba(X), theirs.predict_proba(X), atol=1e-12)
    np.testing.assert_array_equal(kept.predict(X), theirs.predict(X))
    np.testing.assert_array_equal(kept.classes_, theirs.classes_)


@pytest.mark.parametrize("model", REGRESSORS)
@pytest.mark.parametrize("columns", [0, [0], [0, 1]])
def test_regressors_answer_what_scikit_learn_answers(model, columns):
    X, y = plane()
    y = y[:, columns]
    kept = ClassicRegressor(model=model).fit(X[::2], y[::2]).predict(X)
    assert kept.shape == y.shape
    settings = {"n_targets": 2} if model == "svr" and columns == [0, 1] else {}
    theirs = getattr(classic, model)(**settings)
    theirs.fit(X[::2], y[::2] if columns == [0, 1] else y[::2].ravel())
    np.testing.assert_allclose(kept, theirs.predict(X).reshape(y.shape), atol=1e-12)


@parametrize_with_checks(
    [
        *(ClassicClassifier(model=model) for model in CLASSIFIERS),
        *(ClassicRegressor(model=model) for model in REGRESSORS),
    ]
)
def test_scikit_learns_own_checks(estimator, check, monkeypatch):
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    check(estimator)


def test_a_support_vector_machine_gets_by_with_two_samples_of_a_class():
    X, y = classes()
    few = np.r_[0:20, 50:52, 100:103]
    model = ClassicClassifier().fit(X[few], y[few])
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1)
    with pytest.raises(ValueError, match="1 sample"):
        ClassicClassifier().fit(X[few[:21]], y[few[:21]])


def test_an_unknown_model_is_named():
    with pytest.raises(ValueError, match="'knn'"):
        ClassicClassifier(model="knn").fit(*classes())


@pytest.mark.parametrize("model", CLASSIFIERS)
def test_a_saved_classifier_answers_as_before_and_learns_again(model, tmp_path):
    X, y = classes()
    X = pd.DataFrame(X, columns=list("abcd"))
    kept = ClassicClassifier(model=model).fit(X, y)
    kept.save(tmp_path / "model")
    loaded = ClassicClassifier.load(tmp_path / "model")
    assert repr(loaded) == repr(kept)
    assert loaded.predict_proba(X).tobytes() == kept.predict_proba(X).tobytes()
    assert loaded.feature_names_in_.tolist() == list("abcd")
    again = clone(loaded).fit(X, y)
    assert again.predict_proba(X).tobytes() == kept.predict_proba(X).tobytes()


@pytest.mark.parametrize("model", REGRESSORS)
@pytest.mark.parametrize("columns", [0, [0], [0, 1]])
def test_a_saved_regressor_answers_as_before(model, columns, tmp_path):
    X, y = plane()
    kept = ClassicRegressor(model=model).fit(X, y[:, columns])
    kept.save(tmp_path / "model")
    loaded = ClassicRegressor.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict(X), kept.predict(X))


def changed(array, index, value):
    array = array.copy()
    array[index] = value
    return array


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("left", lambda a: changed(a, 0, 0)),
        ("right", lambda a: changed(a, 0, len(a))),
        ("right", lambda a: changed(a, 0, -1)),
        ("left", lambda a: a.astype(np.int32)),
        ("feature", lambda a: changed(a, 0, 4)),
        ("feature", lambda a: changed(a, 0, -1)),
        ("roots", lambda a: changed(a, 0, -1)),
        ("roots", lambda a: changed(a, 0, 1 << 40)),
        ("roots", lambda a: a[:0]),
        ("shares", lambda a: a * 2),
        ("shares", lambda a: a[:, :2]),
        ("threshold", lambda a: a[:-1]),
        ("scale", lambda a: -a),
        ("mean", lambda a: a[:2]),
        ("mean", lambda a: a[:, None]),
    ],
)
def test_trees_that_lead_nowhere_or_in_circles_are_refused(name, change):
    manifest, arrays = ClassicClassifier(model="decision_tree").fit(*classes()).to_parts()
    arrays = {**arrays, name: change(arrays[name])}
    with pytest.raises(ModelError, match="not the arrays") as error:
        ClassicClassifier.from_parts(manifest, arrays, source="a folder")
    assert error.value.stage == "arrays"


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("vectors", lambda a: a[:, :3]),
        ("vectors", lambda a: a.astype(np.float32)),
        ("dual", lambda a: a[:, :2]),
        ("dual", lambda a: a[1:]),
        ("intercept", lambda a: a[:1]),
        ("gamma", lambda a: -a),
        ("gamma", lambda a: a[0]),
        ("slope", lambda a: a[:2]),
    ],
)
def test_support_vectors_that_do_not_fit_are_refused(name, change):
    manifest, arrays = ClassicClassifier(model="svm").fit(*classes()).to_parts()
    arrays = {**arrays, name: np.asarray(change(arrays[name]))}
    with pytest.raises(ModelError, match="not the arrays"):
        ClassicClassifier.from_parts(manifest, arrays, source="a folder")


@pytest.mark.parametrize(
    "wrong",
    [
        {"parameters": {"model": "knn"}},
        {"parameters": {"model": "svr"}},
        {"parameters": {"model": "svm", "n_jobs": 8}},
        {"parameters": {"model": ["svm"]}},
        {"parameters": None},
        {"outputs": ["Q1", "Q1", "Q2"]},
        {"outputs": ["Q1"]},
        {"outputs": 3},
        {"feature_names": ["a"]},
        {"feature_names": [1, 2, 3, 4]},
    ],
)
def test_odd_manifests_are_refused(wrong):
    manifest, arrays = ClassicClassifier(model="svm").fit(*classes()).to_parts()
    with pytest.raises(ModelError):
        ClassicClassifier.from_parts({**manifest, **wrong}, arrays, source="a folder")


@pytest.mark.parametrize("n_targets", [0, 3, 1 << 60, "2", True])
def test_odd_numbers_of_targets_are_refused(n_targets):
    manifest, arrays = ClassicRegressor().fit(*plane()).to_parts()
    manifest["outputs"]["n_targets"] = n_targets
    with pytest.raises(ModelError):
        ClassicRegressor.from_parts(manifest, arrays, source="a folder")


@pytest.mark.parametrize("wrong", [{"more": np.ones(1)}, {"coef": np.ones((3, 2))}])
def test_arrays_of_another_regression_are_refused(wrong):
    manifest, arrays = ClassicRegressor(model="linear_regression").fit(*plane()).to_parts()
    with pytest.raises(ModelError):
        ClassicRegressor.from_parts(manifest, {**arrays, **wrong}, source="a folder")
