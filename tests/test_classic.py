"""scikit-learn's models with the papers' settings."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import cross_val_score

from chordmer.models import classic


@pytest.fixture(scope="module")
def iris():
    return load_iris(return_X_y=True)


@pytest.mark.parametrize("make", [classic.svm, classic.decision_tree, classic.random_forest])
def test_classifiers_give_probabilities_and_the_same_ones_again(make, iris):
    X, y = iris
    names = np.array(["Q1", "Q2", "Q3"])[y]
    model = make().fit(X, names)
    shares = model.predict_proba(X)
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    np.testing.assert_array_equal(clone(model).fit(X, names).predict_proba(X), shares)
    assert cross_val_score(make(), X, names).mean() > 0.9


def test_units_of_the_features_do_not_matter(iris):
    X, y = iris
    odd = X * [1e6, 1, 1e-6, 1] + [0, 50, 0, -3]
    for model in (classic.svm(), classic.decision_tree(), classic.random_forest(n_estimators=5)):
        np.testing.assert_array_equal(
            clone(model).fit(X, y).predict(X), clone(model).fit(odd, y).predict(odd)
        )


def test_the_support_vector_regressor_has_the_papers_settings():
    machine = classic.svr()[-1]
    assert (machine.C, machine.kernel, machine.gamma) == (1.0, "rbf", "scale")
    assert classic.svm()[-1].estimator.C == 1.0
    assert classic.svm()[-1].cv.random_state == 66
    assert classic.decision_tree()[-1].random_state == 66
    assert classic.random_forest()[-1].random_state == 66


def test_the_kernel_is_equation_5(iris):
    X, _ = iris
    y = X[:, 3] / 2.5
    model = classic.svr().fit(X[:, :3], y)
    machine = model[-1]
    Z = (X[:, :3] - X[:, :3].mean(axis=0)) / X[:, :3].std(axis=0)
    variance = 3 / 2  # 1 / (2 sigma ** 2) is 1 / 3
    distances = ((Z[:, None] - machine.support_vectors_) ** 2).sum(axis=2)
    expected = np.exp(-distances / (2 * variance)) @ machine.dual_coef_[0] + machine.intercept_
    np.testing.assert_allclose(model.predict(X[:, :3]), expected, atol=1e-9)


@pytest.mark.parametrize("make", [classic.linear_regression, lambda: classic.svr(n_targets=2)])
def test_valence_and_arousal_at_once(make):
    random = np.random.default_rng(0)
    X = random.normal(size=(80, 4))
    y = np.column_stack([0.5 + X[:, 0] / 8, 0.5 - X[:, 1] / 8])
    model = make().fit(X[:60], y[:60])
    assert model.predict(X[60:]).shape == (20, 2)
    assert model.score(X[60:], y[60:]) > 0.5


def test_linear_regression_is_least_squares(iris):
    X, _ = iris
    A = np.column_stack([X[:, :3], np.ones(len(X))])
    expected = A @ np.linalg.lstsq(A, X[:, 3], rcond=None)[0]
    np.testing.assert_allclose(
        classic.linear_regression().fit(X[:, :3], X[:, 3]).predict(X[:, :3]), expected
    )


def test_no_targets_cannot_be_predicted():
    with pytest.raises(ValueError, match="n_targets"):
        classic.svr(n_targets=0)
