"""Filter and wrapper: known answers, and scikit-learn's own checks."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.svm import SVR
from sklearn.utils.estimator_checks import parametrize_with_checks

from chordmer.errors import ChordmerError
from chordmer.features.selection import (
    CorrelationFilter,
    FilterWrapperSelector,
    SVRWrapper,
    correlation,
)


@parametrize_with_checks([CorrelationFilter(), SVRWrapper(cv=2), FilterWrapperSelector(cv=2)])
def test_scikit_learns_own_checks(estimator, check, monkeypatch):
    # Without it scikit-learn leaves out the check that its array dispatch changes nothing.
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    check(estimator)


@pytest.fixture
def data():
    """Ten features; the label depends on 1 and 4 alone, and 7 is a copy of 1."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((120, 10))
    X[:, 7] = X[:, 1] + 1e-3 * rng.standard_normal(120)
    y = X[:, 1] + 0.7 * X[:, 4] + 0.1 * rng.standard_normal(120)
    return X, y


def test_correlation_is_pearsons(data):
    X, y = data
    want = [abs(np.corrcoef(column, y)[0, 1]) for column in X.T]
    np.testing.assert_allclose(correlation(X, y), want, atol=1e-12)
    np.testing.assert_allclose(correlation(-1e6 * X + 3, y), want, atol=1e-9)
    both = np.column_stack([y, X[:, 2]])
    assert correlation(X, both)[2] == pytest.approx(1)
    assert correlation(np.full((5, 2), 0.1), np.arange(5.0)).tolist() == [0, 0]


def test_the_filter_keeps_what_correlates(data):
    X, y = data
    chosen = CorrelationFilter(threshold=0.4).fit(X, y)
    assert np.flatnonzero(chosen.get_support()).tolist() == [1, 4, 7]
    assert chosen.transform(X).shape == (120, 3)
    one = CorrelationFilter(threshold=0.99, max_features=3).fit(X, y)
    assert one.get_support().sum() == 1
    assert one.get_support()[chosen.scores_.argmax()]
    assert CorrelationFilter(threshold=0, max_features=4).fit(X, y).get_support().sum() == 4


def test_the_wrapper_leaves_out_what_predicts_nothing(data):
    X, y = data
    kept = SVRWrapper(n_features=2).fit(X, y)
    support = np.flatnonzero(kept.get_support()).tolist()
    assert support in ([1, 4], [4, 7])
    free = SVRWrapper().fit(X, y)
    chosen = set(np.flatnonzero(free.get_support()))
    assert 4 in chosen
    assert chosen & {1, 7}
    assert len(chosen) <= 5
    assert free.scores_[free.get_support().sum()] == max(free.scores_.values())
    assert max(free.scores_.values()) > 0.85


def test_the_paper_keeps_six_of_ten(data):
    X, y = data
    selector = FilterWrapperSelector(threshold=0, n_features=6).fit(
        X, np.column_stack([y, X[:, 5]])
    )
    assert selector.transform(X).shape == (120, 6)
    assert {4, 5} <= set(np.flatnonzero(selector.get_support()))
    assert (SVRWrapper().C, SVRWrapper().random_state, SVR().kernel) == (1, 66, "rbf")


def test_filter_comes_before_wrapper(data):
    X, y = data
    selector = FilterWrapperSelector(threshold=0.4, n_features=6).fit(X, y)
    assert np.flatnonzero(selector.get_support()).tolist() == [1, 4, 7]
    names = [f"f{i}" for i in range(10)]
    assert selector.get_feature_names_out(names).tolist() == ["f1", "f4", "f7"]


def test_one_seed_one_choice(data):
    X, y = data
    one = FilterWrapperSelector(cv=3).fit(X, y)
    assert (clone(one).fit(X, y).get_support() == one.get_support()).all()


@pytest.mark.parametrize("n_features", [0, 11])
def test_more_than_there_are_cannot_be_kept(data, n_features):
    with pytest.raises(ChordmerError, match="between 1 and 10"):
        SVRWrapper(n_features=n_features).fit(*data)
