"""Temperatures: the log losses against their definition, the least against a direct search."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from chordmer.models.temperature import TEMPERATURES, best_temperature, log_losses


def scored(seed, n=200, k=3, sharpness=1.0):
    """Scores and classes that follow their softmax at the temperature `sharpness`."""
    random = np.random.default_rng(seed)
    scores = random.normal(size=(n, k))
    noisy = scores / sharpness + random.gumbel(size=(n, k))
    return scores, np.eye(k)[noisy.argmax(axis=1)], random.uniform(0, 2, n)


def by_definition(scores, indicator, weight, temperature):
    return -(weight[:, None] * indicator * log_softmax(scores / temperature, axis=1)).sum()


def test_log_losses_are_those_of_the_definition():
    scores, indicator, weight = scored(0)
    expected = [by_definition(scores, indicator, weight, t) for t in TEMPERATURES]
    np.testing.assert_allclose(log_losses(scores, indicator, weight), expected, rtol=1e-10)


def test_log_losses_of_parts_add_up():
    parts = scored(1)
    first, rest = ([part[rows] for part in parts] for rows in (slice(70), slice(70, None)))
    np.testing.assert_allclose(log_losses(*first) + log_losses(*rest), log_losses(*parts))


@given(seed=st.integers(0, 10_000), sharpness=st.floats(0.1, 5))
def test_the_best_is_where_a_direct_search_finds_it(seed, sharpness):
    parts = scored(seed, sharpness=sharpness)
    found = best_temperature(log_losses(*parts))
    direct = minimize_scalar(
        lambda x: by_definition(*parts, np.exp(x)), bounds=np.log([1e-2, 1e2]), method="bounded"
    )
    assert by_definition(*parts, found) == pytest.approx(direct.fun, rel=1e-6)
    if 0.02 < np.exp(direct.x) < 20:
        assert found == pytest.approx(np.exp(direct.x), rel=1e-2)


def test_far_scores_lose_no_precision():
    losses = log_losses(np.array([[1e6, 0.0], [0.0, 1e6]]), np.eye(2), np.ones(2))
    assert (losses == 0).all()
