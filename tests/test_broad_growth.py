"""The Broad Learning System grows by samples and nodes, and ends where a batch fit does."""

import tracemalloc

import numpy as np
import pytest
from broad_reference import SMALL, assert_is_batch, columns, problem
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import make_classification

from chordmer import BroadLearningClassifier, BroadLearningRegressor

# --- each direction ------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [1, 7, 100])
def test_new_samples(step):
    X, Y = problem()
    model = BroadLearningRegressor(**SMALL, random_state=0).fit(X[:100], Y[:100])
    nodes = model.feature_weights_.copy()
    for start in range(100, 300, step):
        model.partial_fit(X[start : start + step], Y[start : start + step])
    assert np.array_equal(nodes, model.feature_weights_)
    assert_is_batch(model, X, Y)


def test_new_enhancement_nodes():
    X, Y = problem()
    model = BroadLearningRegressor(**SMALL, random_state=0).fit(X, Y)
    before = columns(model, X)
    model.add_enhancement_nodes(15, X, Y)
    after = columns(model, X)
    assert after.shape == (300, 12 + 20 + 15 + 1)
    np.testing.assert_array_equal(after[:, :32], before[:, :32])
    assert_is_batch(model, X, Y)


@pytest.mark.parametrize("n_enhancement_nodes", [0, 6])
def test_new_feature_nodes(n_enhancement_nodes):
    X, Y = problem()
    model = BroadLearningRegressor(**SMALL, random_state=0).fit(X, Y)
    before = columns(model, X)
    model.add_feature_nodes(5, X, Y, n_enhancement_nodes=n_enhancement_nodes)
    after = columns(model, X)
    assert after.shape == (300, 12 + 5 + 20 + n_enhancement_nodes + 1)
    np.testing.assert_array_equal(after[:, :12], before[:, :12])
    np.testing.assert_allclose(after[:, 17:37], before[:, 12:32], atol=1e-12)
    np.testing.assert_allclose((after[:, 12:17] ** 2).mean(axis=0), 1)
    # New enhancement nodes hear the new feature nodes alone.
    assert not model.enhancement_weights_[:12, 20:].any()
    assert not model.enhancement_weights_[12:, :20].any()
    assert_is_batch(model, X, Y)


def test_new_enhancement_nodes_are_like_those_drawn_at_first():
    X, Y = problem()
    model = BroadLearningRegressor(**SMALL, random_state=0).fit(X, Y)
    model.add_enhancement_nodes(10, X, Y)
    maps = np.vstack([model.enhancement_weights_, model.enhancement_bias_])[:, 20:]
    products = maps.T @ maps
    np.testing.assert_allclose(products, products[0, 0] * np.eye(10), atol=1e-12)
    assert np.arctanh(columns(model, X)[:, 32:42]).std() == pytest.approx(0.8)


# --- their mixture -------------------------------------------------------------------------------

GROWTH = st.one_of(
    st.tuples(st.just("samples"), st.integers(1, 60)),
    st.tuples(st.just("enhancement"), st.integers(1, 9)),
    st.tuples(st.just("features"), st.integers(1, 5), st.integers(0, 4)),
)


@settings(max_examples=25, deadline=None)
@given(
    growth=st.lists(GROWTH, min_size=1, max_size=6),
    weighted=st.booleans(),
    n_outputs=st.integers(1, 3),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_mixture(growth, weighted, n_outputs, seed):
    X, Y = problem(80 + 6 * 60, n_outputs, seed)
    weight = np.random.default_rng(seed).uniform(0, 3, len(X)) if weighted else None

    def first(n, start=0):
        return {
            "X": X[start:n],
            "y": Y[start:n],
            "sample_weight": None if weight is None else weight[start:n],
        }

    n = 80
    model = BroadLearningRegressor(**SMALL, random_state=seed).partial_fit(**first(n))
    for kind, size, *more in growth:
        if kind == "samples":
            model.partial_fit(**first(n + size, n))
            n += size
        elif kind == "enhancement":
            model.add_enhancement_nodes(size, **first(n))
        else:
            model.add_feature_nodes(size, **first(n), n_enhancement_nodes=more[0])
    seen = first(n)
    assert_is_batch(model, seen["X"], seen["y"], seen["sample_weight"])
    A = columns(model, seen["X"])
    weighted_A = A if weight is None else A * weight[:n, None]
    np.testing.assert_allclose(model.gram_, A.T @ weighted_A, rtol=1e-9, atol=1e-8)


def test_a_classifier_grows_as_a_regressor_of_indicators_does():
    X, y = make_classification(400, 8, n_informative=5, n_classes=3, random_state=0)
    names = np.array(["calm", "happy", "sad"])[y]
    model = BroadLearningClassifier(**SMALL, random_state=0)
    model.partial_fit(X[:200], names[:200], classes=["sad", "happy", "calm"])
    model.add_enhancement_nodes(10, X[:200], names[:200])
    model.partial_fit(X[200:], names[200:])
    model.add_feature_nodes(3, X, names, n_enhancement_nodes=2)
    assert_is_batch(model, X, np.eye(3)[y])
    assert model.score(X, names) > 0.8


def test_the_order_of_the_samples_does_not_matter_to_new_nodes():
    X, Y = problem()
    order = np.random.default_rng(0).permutation(300)
    grown = [
        BroadLearningRegressor(**SMALL, random_state=0)
        .fit(X, Y)
        .add_enhancement_nodes(10, X[rows], Y[rows])
        .predict(X)
        for rows in (slice(None), order)
    ]
    np.testing.assert_allclose(*grown, rtol=1e-9)


@pytest.mark.parametrize("grow", ["add_enhancement_nodes", "add_feature_nodes"])
def test_new_nodes_refuse_samples_other_than_those_seen(grow):
    X, Y = problem()
    model = BroadLearningRegressor(**SMALL, random_state=0).fit(X, Y)
    before = model.predict(X).tobytes()
    weight = np.linspace(0.5, 1.5, 300)
    for wrong in (
        (X[:-1], Y[:-1]),
        (X + 1e-3, Y),
        (X, Y + 1e-3),
        (X, Y[::-1]),
        (np.vstack([X, X[:1]]), np.vstack([Y, Y[:1]])),
        (X, Y, weight),
    ):
        with pytest.raises(ValueError, match="all samples seen so far"):
            getattr(model, grow)(5, *wrong)
    with pytest.raises(ValueError, match="at least 1"):
        getattr(model, grow)(0, X, Y)
    assert model.predict(X).tobytes() == before
    assert len(model.coef_) == 32


def test_the_same_seed_draws_the_same_new_nodes_also_after_loading(tmp_path):
    X, Y = problem()
    model = BroadLearningRegressor(**SMALL, random_state=3).fit(X, Y)
    model.save(tmp_path / "model")
    again = BroadLearningRegressor.load(tmp_path / "model")
    for one in (model, again):
        one.add_enhancement_nodes(4, X, Y).add_feature_nodes(4, X, Y).partial_fit(X[:9], Y[:9])
    assert model.predict(X).tobytes() == again.predict(X).tobytes()
    # Two additions draw different maps, and neither is one that `fit` drew.
    model.add_enhancement_nodes(4, *(np.vstack([a, a[:9]]) for a in (X, Y)))
    nodes = columns(model, X)
    assert np.linalg.matrix_rank(nodes[:, -9:-1]) == 8


# --- memory --------------------------------------------------------------------------------------


def peak(work):
    tracemalloc.start()
    work()
    used = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return used


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_memory_does_not_grow_with_the_samples(dtype):
    random = np.random.default_rng(0)
    X = random.normal(size=(40_000, 12)).astype(dtype)
    Y = X[:, :2].astype(np.float64)

    def grow(n):
        model = BroadLearningRegressor(**SMALL, random_state=0).fit(X[:n], Y[:n])
        model.partial_fit(X[:n], Y[:n])

    def add(n):
        model.add_enhancement_nodes(5, X[:n], Y[:n])

    grow(2000)
    few, many = (peak(lambda n=n: grow(n)) for n in (5_000, 40_000))
    # All nodes of 40,000 samples would be 10 MB.
    assert many < few + 200_000 < 3_000_000
    model = BroadLearningRegressor(**SMALL, random_state=0).fit(X, Y)
    assert peak(lambda: add(40_000)) < 3_000_000
    answers = 40_000 * 2 * X.itemsize
    assert peak(lambda: model.predict(X)) < answers + 3_000_000


def test_a_classifier_keeps_no_more_than_a_few_labels_a_sample():
    random = np.random.default_rng(0)
    X = random.normal(size=(40_000, 12))
    y = (X[:, 0] > X[:, 1]).astype(np.int64)

    def fit(n):
        BroadLearningClassifier(**SMALL, random_state=0).fit(X[:n], y[:n])

    fit(2000)
    few, many = (peak(lambda n=n: fit(n)) for n in (5_000, 40_000))
    assert many - few < 35_000 * 8 * 4


def test_samples_may_lie_on_the_disk(tmp_path):
    X, Y = problem()
    for name, array in (("X", X), ("Y", Y)):
        np.save(tmp_path / f"{name}.npy", array)
    mapped = [np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in ("X", "Y")]
    model = BroadLearningRegressor(**SMALL, random_state=0).fit(*mapped)
    model.add_feature_nodes(3, *mapped)
    assert_is_batch(model, X, Y)


# --- the folder ----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(300,), (300, 1), (300, 2)])
def test_a_saved_regressor_answers_the_same_and_goes_on_learning(tmp_path, dtype, shape):
    X, Y = problem()
    X, Y = X.astype(dtype), Y[:, : shape[-1] if len(shape) > 1 else 1].reshape(shape)
    model = BroadLearningRegressor(**SMALL, random_state=np.int64(1)).fit(X[:200], Y[:200])
    model.save(tmp_path / "model")
    again = BroadLearningRegressor.load(tmp_path / "model")
    assert again.get_params() == model.get_params()
    for one in (model, again):
        one.partial_fit(X[200:], Y[200:])
    assert again.predict(X).dtype == dtype
    assert again.predict(X).shape == shape
    assert again.predict(X).tobytes() == model.predict(X).tobytes()


def test_a_saved_classifier_goes_on_learning_and_calibrating(tmp_path):
    X, y = make_classification(200, 6, n_informative=4, n_classes=3, random_state=2)
    for number, target in enumerate((y, np.eye(3, dtype=int)[y])):
        model = BroadLearningClassifier(**SMALL, random_state=0).fit(X[:100], target[:100])
        model.save(tmp_path / str(number))
        again = BroadLearningClassifier.load(tmp_path / str(number))
        for one in (model, again):
            one.partial_fit(X[100:], target[100:])
        assert again.temperature_ == model.temperature_
        assert again.predict_proba(X).tobytes() == model.predict_proba(X).tobytes()
