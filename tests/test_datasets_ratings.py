"""How far raters agree, and the labels that follow from their spread."""

import numpy as np
import pytest
from made_corpora import CORPORA
from scipy.stats import norm

from chordmer import datasets
from chordmer.datasets.ratings import Agreement, agreement, soft_quadrants


def rated(n_tracks, n_raters, within, seed=0):
    """True values, and ratings scattered around them."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(0, 0.4, n_tracks)
    return truth, truth[:, None] + rng.normal(0, within, (n_tracks, n_raters))


@pytest.mark.parametrize(("n_raters", "within"), [(2, 0.1), (5, 0.4), (10, 0.8)])
def test_agreement_is_the_variance_ratio_of_analysis_of_variance(n_raters, within):
    _, ratings = rated(50, n_raters, within)
    found = agreement(ratings.mean(axis=1), ratings.std(axis=1), n_raters)
    between = n_raters * ratings.mean(axis=1).var(ddof=1)
    inside = ratings.var(axis=1, ddof=1).mean()
    single = (between - inside) / (between + (n_raters - 1) * inside)
    assert found.single == pytest.approx(single)
    assert found.mean == pytest.approx((between - inside) / between)


def test_no_model_of_the_mean_listener_does_better_than_the_ceiling():
    truth, ratings = rated(20_000, 4, 0.8)
    target = ratings.mean(axis=1)
    ceiling = agreement(target, ratings.std(axis=1), 4)
    r2 = 1 - np.var(target - truth) / np.var(target)
    assert ceiling.mean == pytest.approx(r2, abs=0.02)
    assert ceiling.single < ceiling.mean


def test_raters_who_say_the_same_agree_and_noise_does_not():
    assert agreement([0.1, 0.5, 0.9], np.zeros(3), 3) == Agreement(1.0, 1.0)
    assert agreement([0.5, 0.5, 0.5], np.full(3, 0.4), 3) == Agreement(0.0, 0.0)


def test_agreement_leaves_out_unknown_tracks_and_needs_raters():
    known = agreement([0.1, 0.5, 0.9], [0.1, 0.2, 0.3], [3, 4, 5])
    more = agreement([0.1, 0.5, 0.9, np.nan, 0], [0.1, 0.2, 0.3, 1, np.nan], [3, 4, 5, 1, 1])
    assert known == more
    for means, n_raters in (([0.1], 3), ([0.1, 0.2], 1)):
        with pytest.raises(ValueError, match="two raters"):
            agreement(means, np.full(len(means), 0.1), n_raters)


def test_soft_quadrants_are_shares_of_normal_ratings():
    rng = np.random.default_rng(1)
    v, a = rng.uniform(-1, 1, (2, 20))
    sv, sa = rng.uniform(0.05, 1, (2, 20))
    soft = soft_quadrants(v, a, sv, sa)
    np.testing.assert_allclose(soft.sum(axis=1), 1)
    np.testing.assert_allclose(soft[:, 0], norm.cdf(v / sv) * norm.cdf(a / sa))
    np.testing.assert_allclose(soft[:, 2], norm.sf(v / sv) * norm.sf(a / sa), atol=1e-12)
    assert np.isnan(soft_quadrants([np.nan, 0.1], 0.1, 0.1, [0.1, np.nan])).any(axis=1).all()


@pytest.mark.parametrize("name", ["ch818", "deam", "iemocap", "pmemo", "vgmidi"])
def test_the_likeliest_soft_quadrant_is_the_quadrant(name, tmp_path):
    made = next(made for made in CORPORA if made.name == name)
    dataset = getattr(datasets, f"load_{name}")(made.make(tmp_path))
    soft = dataset.soft_quadrants
    known = np.isfinite(soft).all(axis=1)
    assert known.any()
    for row, quadrant, plane in zip(soft[known], dataset.quadrants[known], dataset.plane[known]):
        if (plane != 0).all():
            assert f"Q{row.argmax() + 1}" == quadrant


def test_a_corpus_tells_its_ceiling_or_asks_for_the_number_of_raters(tmp_path):
    made = {made.name: made for made in CORPORA}
    vgmidi = datasets.load_vgmidi(made["vgmidi"].make(tmp_path / "one"))
    assert set(vgmidi.agreement()) == {"valence", "arousal"}
    assert 0 <= vgmidi.agreement()["valence"].mean <= 1
    deam = datasets.load_deam(made["deam"].make(tmp_path / "two"))
    with pytest.raises(ValueError, match="name n_raters"):
        deam.agreement()
    assert deam.agreement(10)["arousal"].mean > 0.5
