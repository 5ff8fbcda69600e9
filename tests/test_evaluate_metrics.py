"""Metrics against plain computations, scikit-learn's, and what must hold of any of them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import pearsonr
from sklearn import metrics as sk

from chordmer.evaluate import (
    calibration_error,
    classification_metrics,
    concordance,
    curve_metrics,
    regression_metrics,
    song_metrics,
)
from chordmer.evaluate.metrics import pearson, validate_labels, validate_numbers
from chordmer.evaluate.weighted import weighted_classification, weighted_regression

QUADRANTS = ["Q1", "Q2", "Q3", "Q4"]


def answers(seed, n=60, k=4):
    """Truth, predictions and the probabilities they follow from; some classes rare or absent."""
    random = np.random.default_rng(seed)
    truth = random.integers(0, random.integers(1, k + 1), n)
    shares = random.dirichlet(np.full(k, 0.7), n)
    if random.random() < 0.5:
        shares = np.round(shares, 1)
        shares[:, 0] += 1 - shares.sum(axis=1)
        shares = np.clip(shares, 0, 1)
        shares /= shares.sum(axis=1, keepdims=True)
    names = np.array(QUADRANTS[:k])
    return names[truth], names[shares.argmax(axis=1)], shares


#: A seed under which every class is met.
EVERY_CLASS = next(seed for seed in range(99) if len(set(answers(seed)[0])) == 4)


def plain_classification(truth, predictions):
    held = sorted(set(truth))
    pairs = list(zip(truth, predictions))
    precision, recall, f1 = [], [], []
    for label in held:
        both = sum(t == p == label for t, p in pairs)
        said = sum(p == label for p in predictions)
        real = sum(t == label for t in truth)
        precision.append(both / said if said else 0.0)
        recall.append(both / real)
        f1.append(2 * both / (said + real))
    return {
        "accuracy": sum(t == p for t, p in pairs) / len(pairs),
        "balanced_accuracy": sum(recall) / len(held),
        "precision": sum(precision) / len(held),
        "recall": sum(recall) / len(held),
        "f1": sum(f1) / len(held),
        "valence_accuracy": sum((t in "Q1Q4") == (p in "Q1Q4") for t, p in pairs) / len(pairs),
        "arousal_accuracy": sum((t in "Q1Q2") == (p in "Q1Q2") for t, p in pairs) / len(pairs),
    }


@given(st.integers(0, 10_000))
def test_labels_are_measured_as_a_plain_count_does(seed):
    truth, predictions, _ = answers(seed)
    found = classification_metrics(truth, predictions, classes=QUADRANTS)
    assert found == pytest.approx(plain_classification(truth, predictions), abs=1e-12)


def test_probabilities_are_measured_as_a_plain_count_does():
    truth, predictions, shares = answers(3)
    found = classification_metrics(truth, predictions, shares, classes=QUADRANTS)
    areas, losses = [], []
    for label in sorted(set(truth)):
        score = shares[:, QUADRANTS.index(label)]
        wins = [
            (a > b) + 0.5 * (a == b)
            for a, t in zip(score, truth)
            for b, u in zip(score, truth)
            if t == label != u
        ]
        areas.append(np.mean(wins))
    for label, row in zip(truth, shares):
        losses.append(-math.log(max(row[QUADRANTS.index(label)], np.finfo(float).eps)))
    assert found["roc_auc"] == pytest.approx(np.mean(areas))
    assert found["log_loss"] == pytest.approx(np.mean(losses))


@given(st.integers(0, 10_000))
def test_weighted_labels_are_repeated_labels(seed):
    truth, predictions, shares = answers(seed)
    weights = np.random.default_rng(seed + 1).integers(0, 3, len(truth))
    weights[0] = 1
    checked = validate_labels(truth, predictions, shares, classes=QUADRANTS)
    rows = np.repeat(np.arange(len(truth)), weights)
    expected = classification_metrics(
        truth[rows], predictions[rows], shares[rows], classes=QUADRANTS
    )
    found = weighted_classification(*checked)(weights.astype(float))
    assert found == pytest.approx(expected, abs=1e-9, nan_ok=True)
    assert list(found) == list(expected)


@given(st.integers(0, 10_000), st.integers(1, 3))
def test_weighted_numbers_are_repeated_numbers(seed, d):
    random = np.random.default_rng(seed)
    truth = random.normal(100, 0.5, (40, d))
    predictions = truth + random.normal(0, 0.3, (40, d))
    weights = random.integers(0, 3, 40)
    weights[:2] = 1
    names = ["valence", "arousal", "dominance"][:d]
    rows = np.repeat(np.arange(40), weights)
    expected = regression_metrics(truth[rows], predictions[rows], dimensions=names)
    found = weighted_regression(truth, predictions, names)(weights.astype(float))
    assert found == pytest.approx(expected, abs=1e-9)
    assert list(found) == list(expected)


def test_nothing_left_by_a_resample_is_undefined():
    truth, predictions, shares = answers(0)
    checked = validate_labels(truth, predictions, shares, classes=QUADRANTS)
    nothing = np.zeros(len(truth))
    assert all(map(math.isnan, weighted_classification(*checked)(nothing).values()))
    numbers = weighted_regression(np.ones((3, 1)), np.ones((3, 1)), ["y"])
    assert all(map(math.isnan, numbers(np.zeros(3)).values()))


def test_perfect_answers():
    found = classification_metrics(QUADRANTS, QUADRANTS, np.eye(4))
    zero = {"log_loss", "calibration_error"}
    for name, value in found.items():
        assert value == pytest.approx(0.0 if name in zero else 1.0, abs=1e-12)
    found = regression_metrics([[1, 2], [3, 5], [4, 4]], [[1, 2], [3, 5], [4, 4]])
    for name, value in found.items():
        assert value == pytest.approx(0.0 if name.endswith(("rmse", "mae")) else 1.0)


@given(st.permutations(range(4)))
def test_renaming_the_classes_changes_nothing_but_the_halves(order):
    truth, predictions, shares = answers(EVERY_CLASS)
    names = np.array(["a", "b", "c", "d"])[list(order)]
    renamed = dict(zip(QUADRANTS, names))
    again = classification_metrics(
        [renamed[t] for t in truth],
        [renamed[p] for p in predictions],
        shares[:, np.argsort(names)],
        classes=sorted(names),
    )
    first = classification_metrics(truth, predictions, shares, classes=QUADRANTS)
    assert set(first) - set(again) == {"valence_accuracy", "arousal_accuracy"}
    assert again == pytest.approx({name: first[name] for name in again})


def test_a_class_that_is_never_predicted_has_precision_zero_and_does_not_warn():
    found = classification_metrics(["a", "a", "b"], ["a", "a", "a"])
    assert found["precision"] == pytest.approx((2 / 3 + 0) / 2)
    assert found["balanced_accuracy"] == 0.5


def test_a_class_that_the_truth_lacks_is_no_part_of_means():
    found = classification_metrics(["a", "a"], ["a", "b"], classes=["a", "b", "c"])
    assert found["recall"] == 0.5
    assert found["precision"] == 1.0


def test_one_class_has_no_roc_curve():
    found = classification_metrics(["a", "a"], ["a", "a"], [[0.9, 0.1]] * 2, classes=["a", "b"])
    assert math.isnan(found["roc_auc"])
    assert found["log_loss"] == pytest.approx(-math.log(0.9))
    assert classification_metrics(["a"], ["a"], [[1.0]])["log_loss"] == 0.0


@pytest.mark.parametrize(
    ("truth", "predictions", "probabilities", "classes", "problem"),
    [
        ([], [], None, None, "should be"),
        (["a"], ["a", "b"], None, None, "should be"),
        ([["a"]], [["a"]], None, None, "should be"),
        (["a"], ["b"], None, ["a"], "none of the classes"),
        (["c"], ["a"], None, ["a", "b"], "none of the classes"),
        (["a"], ["b"], None, ["b", "a"], "sorted"),
        (["a"], ["b"], None, ["a", "a", "b"], "different"),
        (["a"], ["b"], [[1.0]], None, "shape"),
        (["a"], ["b"], [[0.7, 0.7]], None, "1 together"),
        (["a"], ["b"], [[1.5, -0.5]], None, "0 or more"),
        (["a"], ["b"], [[np.nan, 1.0]], None, "0 or more"),
    ],
)
def test_impossible_answers_are_refused(truth, predictions, probabilities, classes, problem):
    with pytest.raises(ValueError, match=problem):
        classification_metrics(truth, predictions, probabilities, classes=classes)


# --- calibration -----------------------------------------------------------------------------


@given(st.integers(1, 40), st.integers(0, 10_000))
def test_calibration_error_is_the_mean_gap_of_bins(n_bins, seed):
    random = np.random.default_rng(seed)
    sure = random.random(50)
    right = random.random(50) < sure
    total = 0.0
    for m in range(n_bins):
        inside = [i for i in range(50) if m / n_bins < sure[i] <= (m + 1) / n_bins]
        if inside:
            gap = np.mean([right[i] for i in inside]) - np.mean([sure[i] for i in inside])
            total += len(inside) / 50 * abs(gap)
    assert calibration_error(right, sure, n_bins=n_bins) == pytest.approx(total, abs=1e-9)


def test_bins_are_closed_above_and_the_first_holds_zero():
    assert calibration_error([1, 0], [0.5, 0.4], n_bins=2) == pytest.approx(0.05)
    assert calibration_error([1, 0], [0.5, 0.6], n_bins=2) == pytest.approx(0.55)
    assert calibration_error([0, 0], [0.0, 0.2], n_bins=5) == pytest.approx(0.1)


def test_calibrated_answers_have_little_error():
    random = np.random.default_rng(0)
    sure = random.random(200_000)
    assert calibration_error(random.random(200_000) < sure, sure) < 0.01
    assert calibration_error(random.random(200_000) < sure**2, sure) > 0.1


@pytest.mark.parametrize(
    ("correct", "confidence", "n_bins"),
    [([True], [1.5], 15), ([True], [np.nan], 15), ([], [], 15), ([True], [0.5], 0)],
)
def test_impossible_confidence_is_refused(correct, confidence, n_bins):
    with pytest.raises(ValueError, match=r"should"):
        calibration_error(correct, confidence, n_bins=n_bins)


# --- numbers ---------------------------------------------------------------------------------

VALUES = arrays(np.float64, 12, elements=st.floats(-5, 5, width=16))


@given(VALUES, VALUES)
def test_concordance_is_pearson_less_shift_and_scale(truth, predictions):
    found, correlation = concordance(truth, predictions), pearson(truth, predictions)
    if np.ptp(truth) < 1e-3 or np.ptp(predictions) < 1e-3:
        return
    assert correlation == pytest.approx(pearsonr(truth, predictions).statistic, abs=1e-9)
    scale = truth.std() / predictions.std()
    shift = (truth.mean() - predictions.mean()) ** 2 / (truth.std() * predictions.std())
    assert found == pytest.approx(correlation * 2 / (scale + 1 / scale + shift), abs=1e-9)
    assert abs(found) <= abs(correlation) + 1e-12
    assert concordance(predictions, truth) == pytest.approx(found, abs=1e-12)


def test_concordance_as_lin_works_it_out_by_hand():
    # Means 2 and 3, variances 2/3 and 8/3, covariance 4/3: 2 * 4/3 / (2/3 + 8/3 + 1).
    assert concordance([1, 2, 3], [1, 3, 5]) == pytest.approx(8 / 13)
    assert concordance([1, 2, 3], [3, 2, 1]) == pytest.approx(-1)
    assert concordance([1, 2, 3], [2, 2, 2]) == 0
    assert math.isnan(concordance([2, 2], [2, 2]))


def test_numbers_are_measured_as_scikit_learn_does():
    random = np.random.default_rng(0)
    truth = random.normal(size=(30, 2))
    predictions = truth + random.normal(size=(30, 2))
    found = regression_metrics(truth, predictions, dimensions=["valence", "arousal"])
    for column, name in enumerate(["valence", "arousal"]):
        t, p = truth[:, column], predictions[:, column]
        assert found[f"{name}_rmse"] == pytest.approx(sk.root_mean_squared_error(t, p))
        assert found[f"{name}_mae"] == pytest.approx(np.abs(t - p).mean())
        assert found[f"{name}_r2"] == pytest.approx(sk.r2_score(t, p))
    for name in ("rmse", "mae", "r2", "pearson", "ccc"):
        both = found[f"valence_{name}"] + found[f"arousal_{name}"]
        assert found[name] == pytest.approx(both / 2)


def test_correlation_with_a_constant_is_undefined_and_does_not_warn():
    found = regression_metrics([0.3, 0.3, 0.3], [0.1, 0.2, 0.3])
    assert math.isnan(found["r2"])
    assert math.isnan(found["pearson"])
    assert found["rmse"] > 0


@pytest.mark.parametrize(
    ("truth", "predictions"),
    [([1.0], [1.0, 2.0]), ([np.nan], [1.0]), ([1.0], [np.inf]), ([], []), ([[[1.0]]], [[[1.0]]])],
)
def test_impossible_numbers_are_refused(truth, predictions):
    with pytest.raises(ValueError, match=r"should be|finite"):
        regression_metrics(truth, predictions)
    with pytest.raises(ValueError, match="called"):
        validate_numbers([1.0], [1.0], dimensions=["valence", "arousal"])


def test_curves_are_measured_song_by_song():
    truth = [[0.0, 1.0, 2.0], [5.0, 5.0], [1.0, 0.0]]
    predictions = [[1.0, 2.0, 3.0], [5.0, 6.0], [0.0, 1.0]]
    songs = song_metrics(truth, predictions)
    assert songs["rmse"] == pytest.approx([1.0, math.sqrt(0.5), 1.0])
    assert songs["pearson"] == pytest.approx([1.0, np.nan, -1.0], nan_ok=True)
    means = curve_metrics(truth, predictions)
    assert means["pearson"] == pytest.approx(0.0)
    assert means["rmse"] == pytest.approx((2 + math.sqrt(0.5)) / 3)
    with pytest.raises(ValueError, match="3 curves"):
        curve_metrics(truth, predictions[:2])
