"""Tests of differences and intervals: by hand, against scipy, and held to their promises."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from chordmer.evaluate import Comparison, Interval, corrected_t_test, holm, mcnemar
from chordmer.evaluate.comparison import McNemar, TTest
from chordmer.evaluate.intervals import bootstrap, draw_groups, group_codes, interval_of

DIFFERENCES = st.lists(st.floats(-1, 1, width=32), min_size=2, max_size=30)


@given(DIFFERENCES, st.integers(1, 1000), st.integers(1, 1000))
def test_corrected_t_test_is_the_plain_one_with_more_variance(differences, n_train, n_test):
    if np.std(differences) < 1e-6:
        return
    found = corrected_t_test(differences, n_train, n_test)
    plain = stats.ttest_1samp(differences, 0.0)
    j = len(differences)
    expected = plain.statistic * math.sqrt((1 / j) / (1 / j + n_test / n_train))
    assert found.t == pytest.approx(expected, rel=1e-6, abs=1e-9)
    assert found.df == plain.df
    assert found.p == pytest.approx(2 * stats.t.sf(abs(expected), j - 1), rel=1e-6)
    assert found.p >= plain.pvalue - 1e-12
    assert corrected_t_test(np.negative(differences), n_train, n_test).t == -found.t


def test_corrected_t_test_at_its_edges():
    assert corrected_t_test([0.0, 0.0], 9, 1).p == 1.0
    assert math.isnan(corrected_t_test([0.1, 0.1, 0.1], 9, 1).p)
    assert math.isnan(corrected_t_test([0.1], 9, 1).p)
    uneven = corrected_t_test([0.1, 0.3], [8, 10], [2, 4])
    assert uneven == corrected_t_test([0.1, 0.3], 9, 3)
    for impossible in ([], [np.nan], [[0.1]]):
        with pytest.raises(ValueError, match="finite"):
            corrected_t_test(impossible, 9, 1)
    with pytest.raises(ValueError, match="some"):
        corrected_t_test([0.1, 0.2], 0, 1)


def test_overlapping_training_sets_do_not_make_progress_of_noise():
    """Ten repeats of halves of the same 60 noisy numbers: the plain test cries out, ours does not.

    The model is a mean of the training half, compared with one of the other sign; neither knows
    anything, so every finding is false.
    """
    random = np.random.default_rng(0)
    plain = corrected = 0
    for _ in range(300):
        noise = random.normal(size=60)
        differences = []
        for _ in range(10):
            test = random.permutation(60)[:30]
            differences.append(noise[test].mean())
        plain += stats.ttest_1samp(differences, 0.0).pvalue < 0.05
        corrected += corrected_t_test(differences, 30, 30).p < 0.05
    assert plain / 300 > 0.3
    assert corrected / 300 < 0.08


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 5))
def test_mcnemar_counts_where_one_alone_is_right(b, c, both):
    first = [True] * b + [False] * c + [True] * both
    second = [False] * b + [True] * c + [True] * both
    found = mcnemar(first, second)
    assert (found.first_only, found.second_only, found.exact) == (b, c, b + c < 25)
    if found.exact:
        tail = sum(math.comb(b + c, k) for k in range(min(b, c) + 1)) / 2 ** (b + c)
        assert found.p == pytest.approx(min(1.0, 2 * tail))
    else:
        assert found.statistic == pytest.approx(max(abs(b - c) - 1, 0) ** 2 / (b + c))
        assert found.p == pytest.approx(math.erfc(math.sqrt(found.statistic / 2)))
    assert mcnemar(second, first).p == found.p


def test_mcnemar_finds_no_difference_between_coins():
    random = np.random.default_rng(1)
    found = [mcnemar(*(random.random((2, 80)) < 0.6)).p < 0.05 for _ in range(400)]
    assert np.mean(found) < 0.07
    with pytest.raises(ValueError, match="no pairs"):
        mcnemar([True], [True, False])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_is_as_careful_as_it_must_be(p_values):
    found = holm(p_values)
    order = np.argsort(p_values, kind="stable")
    worst = 0.0
    for rank, place in enumerate(order):
        worst = max(worst, (len(p_values) - rank) * p_values[place])
        assert found[place] == pytest.approx(min(worst, 1.0))
    assert (found >= p_values).all()
    assert (found <= np.minimum(len(p_values) * np.array(p_values), 1) + 1e-12).all()


def test_holm_leaves_out_what_could_not_be_tested():
    np.testing.assert_allclose(holm([0.02, np.nan, 0.03]), [0.04, np.nan, 0.04])
    with pytest.raises(ValueError, match="0 to 1"):
        holm([1.5])


# --- intervals -------------------------------------------------------------------------------


def mean_of(values):
    return lambda weights: {"mean": float(weights @ values / weights.sum())}


def test_groups_are_drawn_whole_and_as_many_as_there_are():
    codes = np.array([0, 0, 1, 2, 2, 2])
    for weights in draw_groups(codes, n_resamples=50):
        assert weights[0] == weights[1]
        assert weights[3] == weights[4] == weights[5]
        assert weights[[0, 2, 3]].sum() == 3
    again = [list(draw_groups(codes, n_resamples=3, random_state=s)) for s in (1, 1, 2)]
    np.testing.assert_array_equal(again[0], again[1])
    assert not np.array_equal(again[0], again[2])
    with pytest.raises(ValueError, match="positive"):
        list(draw_groups(codes, n_resamples=0))


def test_the_interval_of_a_mean_is_that_of_scipy():
    values = np.random.default_rng(0).exponential(size=80)
    draws = bootstrap(mean_of(values), np.arange(80), n_resamples=4000)["mean"]
    found = interval_of(values.mean(), draws)
    theirs = stats.bootstrap(
        (values,), np.mean, n_resamples=4000, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    width = theirs.high - theirs.low
    assert found.low == pytest.approx(theirs.low, abs=0.05 * width)
    assert found.high == pytest.approx(theirs.high, abs=0.05 * width)


def test_intervals_by_group_hold_the_truth_where_those_by_clip_do_not():
    random = np.random.default_rng(0)
    codes = np.repeat(np.arange(40), 5)
    by_group = by_clip = 0
    for _ in range(200):
        values = random.normal(size=40)[codes] + 0.3 * random.normal(size=200)
        for groups in (codes, np.arange(200)):
            draws = bootstrap(mean_of(values), groups, n_resamples=150)["mean"]
            hit = 0.0 in interval_of(values.mean(), draws)
            if groups is codes:
                by_group += hit
            else:
                by_clip += hit
    assert by_group / 200 > 0.88
    assert by_clip / 200 < 0.75


def test_one_group_has_no_interval():
    draws = bootstrap(mean_of(np.arange(3.0)), np.zeros(3, dtype=int), n_resamples=5)["mean"]
    found = interval_of(1.0, draws)
    assert found.value == 1.0
    assert math.isnan(found.low)
    assert found.to_dict() == {"value": 1.0, "low": None, "high": None, "level": 0.95}
    assert math.isnan(interval_of(float("nan"), np.arange(9.0)).high)
    with pytest.raises(ValueError, match="level"):
        interval_of(1.0, np.arange(9.0), level=1.0)


def test_a_higher_level_is_a_wider_interval():
    draws = np.random.default_rng(0).normal(size=500)
    narrow, wide = (interval_of(0.0, draws, level) for level in (0.8, 0.99))
    assert wide.low < narrow.low < 0 < narrow.high < wide.high
    assert str(Interval(0.5, 0.25, 0.75)) == "0.500 [0.250, 0.750]"


def test_groups_are_told_apart_by_name_and_none_is_alone():
    codes, names = group_codes(["a", None, "a", 1, None], 5)
    assert codes.tolist() == [0, 1, 0, 2, 3]
    assert names == ["a", 1, 1, 4]
    assert group_codes([np.nan, np.nan, "a"], 3)[0].tolist() == [0, 1, 2]
    assert group_codes(None, 3)[0].tolist() == [0, 1, 2]
    assert group_codes(np.array([5, 5, 7]), 3)[1] == [5, 7]
    with pytest.raises(ValueError, match="one a sample"):
        group_codes(["a"], 2)


# --- the verdict -----------------------------------------------------------------------------


def comparison(low, high, p, pairs_p=None, metric="accuracy"):
    pairs = None if pairs_p is None else McNemar(9, 3, 3.0, pairs_p, True)
    gap = Interval((low + high) / 2, low, high)
    return Comparison(metric, ("new", "old"), (0.7, 0.6), gap, TTest(0.1, 2.0, 9, p), pairs)


def test_a_model_is_better_only_where_every_test_says_so():
    assert comparison(0.01, 0.2, 0.01, 0.01).better == "new"
    assert comparison(-0.2, -0.01, 0.01, 0.01).better == "old"
    assert comparison(0.01, 0.2, 0.01).better == "new"
    assert comparison(-0.01, 0.2, 0.01, 0.01).better is None
    assert comparison(0.01, 0.2, 0.06, 0.01).better is None
    assert comparison(0.01, 0.2, 0.01, 0.06).better is None
    assert comparison(0.01, 0.2, float("nan"), 0.01).better == "new"
    assert comparison(float("nan"), float("nan"), 0.01, 0.01).better is None


@pytest.mark.parametrize("metric", ["log_loss", "rmse", "valence_mae", "calibration_error"])
def test_less_of_an_error_is_better(metric):
    assert comparison(0.01, 0.2, 0.01, metric=metric).better == "old"
    assert comparison(-0.2, -0.01, 0.01, metric=metric).better == "new"


def test_a_comparison_can_be_read_and_written_down():
    text = str(comparison(0.01, 0.2, 0.03, 0.146))
    assert "p = 0.03" in text
    assert "McNemar (exact): only the one right 9, only the other 3, p = 0.146" in text
    assert "may be noise" in text
    text = str(comparison(0.01, 0.2, float("nan"), 0.01))
    assert "too few, or the same, to tell" in text
    assert "better: new" in text
    told = json.loads(json.dumps(comparison(0.01, 0.2, float("nan")).to_dict(), allow_nan=False))
    assert told["t_test"]["p"] is None
    assert told["mcnemar"] is None
