"""What the Broad Learning System predicts: numbers, classes, indicators; weights and precision."""

import numpy as np
import pytest
from broad_reference import SMALL, assert_is_batch, batch, columns, problem
from sklearn.datasets import load_digits, make_classification

from chordmer import BroadLearningClassifier, BroadLearningRegressor
from chordmer.models.inference import softmax


def test_one_output_and_several():
    X, Y = problem(n_outputs=3)
    several = BroadLearningRegressor(**SMALL, random_state=0).fit(X, Y)
    assert several.predict(X).shape == (300, 3)
    assert several.score(X, Y) > 0.5
    for k in range(3):
        alone = BroadLearningRegressor(**SMALL, random_state=0).fit(X, Y[:, k])
        assert alone.predict(X).shape == (300,)
        np.testing.assert_allclose(alone.predict(X), several.predict(X)[:, k], atol=1e-9)
    column = BroadLearningRegressor(**SMALL, random_state=0).fit(X, Y[:, :1])
    assert column.predict(X).shape == (300, 1)
    for other in (Y[:, 0], Y[:, :2]):
        with pytest.raises(ValueError, match="unlike the first"):
            several.partial_fit(X, other)


def test_whole_weights_are_repeated_samples():
    X, y = make_classification(120, 6, n_informative=4, n_classes=3, random_state=1)
    times = np.random.default_rng(0).integers(0, 4, 120)
    rows = np.repeat(np.arange(120), times)
    weighted = BroadLearningClassifier(**SMALL, random_state=0).fit(X, y, sample_weight=times)
    repeated = BroadLearningClassifier(**SMALL, random_state=0).fit(X[rows], y[rows])
    for name in ("mean_", "scale_", "feature_weights_", "enhancement_weights_", "coef_"):
        np.testing.assert_allclose(getattr(weighted, name), getattr(repeated, name), atol=1e-8)
    assert weighted.temperature_ == pytest.approx(repeated.temperature_, rel=1e-6)
    assert_is_batch(weighted, X, np.eye(3)[y], times)
    grown = weighted.partial_fit(X[:50], y[:50], sample_weight=np.full(50, 2.0))
    assert_is_batch(
        grown,
        np.vstack([X, X[:50]]),
        np.eye(3)[np.append(y, y[:50])],
        np.append(times, np.full(50, 2.0)),
    )


def test_an_indicator_matrix_is_one_classifier_a_column():
    X, y = make_classification(300, 6, n_informative=5, n_redundant=0, n_classes=4, random_state=0)
    indicator = np.column_stack([y >= 2, y % 2 == 0, y == 3]).astype(int)
    model = BroadLearningClassifier(**SMALL, random_state=0).partial_fit(X[:200], indicator[:200])
    model.partial_fit(X[200:], indicator[200:])
    assert model.multilabel_
    assert_is_batch(model, X, indicator)
    proba = model.predict_proba(X)
    assert proba.shape == model.decision_function(X).shape == (300, 3)
    assert ((proba > 0) & (proba < 1)).all()
    assert np.array_equal(model.predict(X), proba > 0.5)
    assert np.array_equal(model.predict(X), model.decision_function(X) > 0)
    for k in range(3):
        alone = BroadLearningClassifier(**SMALL, random_state=0).fit(X[:200], indicator[:200, k])
        alone.partial_fit(X[200:], indicator[200:, k])
        assert np.array_equal(alone.predict(X), model.predict(X)[:, k])
        np.testing.assert_allclose(
            alone.decision_function(X), model.decision_function(X)[:, k], atol=1e-9
        )
    with pytest.raises(ValueError, match="3 classes"):
        model.partial_fit(X, indicator[:, :2])
    with pytest.raises(ValueError, match="indicator matrix"):
        model.fit(X, np.column_stack([y, y]))


def test_classes_are_told_at_the_first_call_and_no_others_come():
    X, y = make_classification(60, 5, random_state=0)
    model = BroadLearningClassifier(**SMALL, random_state=0)
    with pytest.raises(ValueError, match="classes must be given"):
        model.partial_fit(X, y)
    with pytest.raises(ValueError, match="must be of the classes"):
        model.partial_fit(X, y, classes=[1, 2])
    # A class may be missing from the first samples.
    model.partial_fit(X[:20], y[:20], classes=[0, 1, 7])
    assert model.predict_proba(X).shape == (60, 3)
    with pytest.raises(ValueError, match="must be of the classes"):
        model.partial_fit(X, y + 5)
    with pytest.raises(ValueError, match="classes are"):
        model.partial_fit(X, y, classes=[0, 1])
    model.partial_fit(X[20:], y[20:] * 7, classes=[0, 1, 7])
    assert set(model.predict(X)) <= {0, 1, 7}


def test_float32_stays_float32_and_is_close():
    X, y = load_digits(return_X_y=True)
    X, extra = X + 0.1, {"n_enhancement_nodes": 100, "random_state": 0}

    def grow(model, X, y, *classes):
        model.partial_fit(X[:900], y[:900], *classes)
        return model.partial_fit(X[900:], y[900:]).add_enhancement_nodes(50, X, y)

    single, double = (
        grow(BroadLearningClassifier(**extra), X.astype(dtype), y, np.arange(10))
        for dtype in (np.float32, np.float64)
    )
    numbers, exact = (
        grow(BroadLearningRegressor(**extra), X.astype(dtype), y)
        for dtype in (np.float32, np.float64)
    )
    for model in (single, numbers):
        for name in ("mean_", "feature_weights_", "enhancement_weights_", "coef_", "intercept_"):
            assert getattr(model, name).dtype == np.float32
        assert model.gram_.dtype == np.float64
    assert single.decision_function(X).dtype == np.float32
    assert single.predict_proba(X).dtype == np.float32
    assert numbers.predict(X).dtype == np.float32
    # The tolerance that the docstring states.
    for model, reference in (
        (single.decision_function, double.decision_function),
        (numbers.predict, exact.predict),
    ):
        expected = reference(X)
        assert np.abs(model(X) - expected).max() < 1e-5 * np.abs(expected).max()
    assert_is_batch(single, X.astype(np.float32), np.eye(10)[y], rtol=1e-5)


def test_a_penalty_lost_in_rounding_is_named():
    X, Y = problem(20)
    with pytest.raises(ValueError, match="alpha = 1e-30"):
        BroadLearningRegressor(alpha=1e-30, random_state=0).fit(X, Y)


# --- calibration ---------------------------------------------------------------------------------


def log_loss(values, y):
    return -np.log(softmax(values)[np.arange(len(y)), y]).mean()


def held_out(model, X, y, chosen):
    """Outputs for each chosen sample of the same nodes fitted to all others, one fit each."""
    Y = np.eye(3)[y]
    A = columns(model, X)
    outputs = []
    for i in chosen:
        others = np.arange(len(X)) != i
        outputs.append(A[i] @ batch(model, X[others], Y[others]))
    return np.array(outputs)


def test_temperature_after_more_samples_is_the_best_for_all_of_them_held_out():
    X, y = make_classification(140, 6, n_informative=4, n_classes=3, random_state=2)
    model = BroadLearningClassifier(**SMALL, random_state=0).fit(X[:60], y[:60])
    early = held_out(model, X[:60], y[:60], range(60))
    model.partial_fit(X[60:], y[60:])
    late = held_out(model, X, y, range(60, 140))
    values = np.vstack([early, late])
    here = log_loss(values / model.temperature_, y)
    for factor in (0.9, 0.97, 1.03, 1.1):
        assert log_loss(values / (model.temperature_ * factor), y) > here
    model.add_enhancement_nodes(8, X, y)
    values = held_out(model, X, y, range(140))
    here = log_loss(values / model.temperature_, y)
    for factor in (0.9, 0.97, 1.03, 1.1):
        assert log_loss(values / (model.temperature_ * factor), y) > here


def test_many_samples_are_calibrated_on_some_of_them():
    random = np.random.default_rng(0)
    X = random.normal(size=(10_000, 4))
    y = (X[:, 0] + random.normal(size=10_000) > 0).astype(int)
    model = BroadLearningClassifier(**SMALL, random_state=0).fit(X[:9000], y[:9000])
    sure = model.predict_proba(X[9000:]).max(axis=1)
    assert abs(sure.mean() - model.score(X[9000:], y[9000:])) < 0.02
    # Each stands for those left out.
    assert model.calibration_[-1] == pytest.approx(9000 * np.log(2), rel=1e-2)
