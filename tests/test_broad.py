"""The Broad Learning System: scikit-learn's contract, the closed form, and its folder."""

import json

import numpy as np
import pytest
from broad_reference import columns
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits, load_iris, make_classification
from sklearn.linear_model import Lasso, Ridge
from sklearn.model_selection import train_test_split
from sklearn.utils.estimator_checks import parametrize_with_checks

from chordmer import BroadLearningClassifier, BroadLearningRegressor
from chordmer.errors import ModelError
from chordmer.folder import load_folder, save_folder
from chordmer.models.broad_nodes import column_moments, sparse_code
from chordmer.models.inference import softmax


@parametrize_with_checks(
    [
        BroadLearningClassifier(n_enhancement_nodes=50, random_state=0),
        BroadLearningRegressor(n_enhancement_nodes=50, random_state=0),
    ]
)
def test_the_contract_of_scikit_learn(estimator, check, monkeypatch):
    # Without it scikit-learn leaves out the check that its array dispatch changes nothing.
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    check(estimator)


@pytest.fixture(scope="module")
def iris():
    return load_iris(return_X_y=True)


@pytest.fixture(scope="module")
def fitted(iris):
    return BroadLearningClassifier(n_enhancement_nodes=60, random_state=1).fit(*iris)


def test_outputs_are_those_of_a_ridge_regression_on_the_nodes(iris, fitted):
    X, y = iris
    nodes = columns(fitted, X)[:, :-1]
    ridge = Ridge(alpha=1.0, solver="svd").fit(nodes, np.eye(3)[y])
    np.testing.assert_allclose(fitted.coef_, ridge.coef_.T, atol=1e-9)
    np.testing.assert_allclose(fitted.intercept_, ridge.intercept_, atol=1e-9)
    np.testing.assert_allclose(fitted.decision_function(X), ridge.predict(nodes), atol=1e-9)


def test_the_kept_products_are_all_the_solution_needs(iris, fitted):
    X, y = iris
    A = columns(fitted, X)
    np.testing.assert_allclose(fitted.gram_, A.T @ A, rtol=1e-10, atol=1e-9)
    np.testing.assert_allclose(fitted.cross_, A.T @ np.eye(3)[y], rtol=1e-10, atol=1e-9)
    penalty = np.diag(np.append(np.ones(len(A.T) - 1), 0.0))
    solution = np.linalg.solve(fitted.gram_ + penalty, fitted.cross_)
    np.testing.assert_allclose(fitted.coef_, solution[:-1], atol=1e-9)


def test_temperature_is_the_best_for_values_held_out_one_by_one(iris, fitted):
    X, y = iris
    nodes = columns(fitted, X)[:, :-1]
    targets = np.eye(3)[y]
    held_out = np.empty((len(X), 3))
    for i in range(len(X)):
        rest = np.arange(len(X)) != i
        held_out[i] = Ridge(alpha=1.0).fit(nodes[rest], targets[rest]).predict(nodes[i : i + 1])[0]

    def log_loss(temperature):
        return -np.log(softmax(held_out / temperature)[np.arange(len(X)), y]).mean()

    here = log_loss(fitted.temperature_)
    for factor in (0.5, 0.9, 1.1, 2.0):
        assert log_loss(fitted.temperature_ * factor) > here


def test_feature_nodes_have_unit_variance_and_maps_are_orthonormal(iris, fitted):
    X, _ = iris
    nodes = columns(fitted, X)
    np.testing.assert_allclose(nodes[:, :100].mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(nodes[:, :100].std(axis=0), 1, atol=1e-12)
    maps = np.vstack([fitted.enhancement_weights_, fitted.enhancement_bias_])
    products = maps.T @ maps
    np.testing.assert_allclose(products, products[0, 0] * np.eye(60), atol=1e-12)
    assert np.arctanh(nodes[:, 100:160]).std() == pytest.approx(0.8, rel=1e-9)


def test_more_enhancement_nodes_than_inputs_have_orthonormal_rows(iris):
    small = {"n_feature_groups": 2, "n_feature_nodes": 3, "random_state": 0}
    model = BroadLearningClassifier(n_enhancement_nodes=40, **small).fit(*iris)
    maps = np.vstack([model.enhancement_weights_, model.enhancement_bias_])
    products = maps @ maps.T
    np.testing.assert_allclose(products, products[0, 0] * np.eye(7), atol=1e-12)


def test_without_enhancement_nodes_it_is_linear(iris):
    X, y = iris
    model = BroadLearningClassifier(n_enhancement_nodes=0, random_state=0).fit(X, y)
    middle = model.decision_function((X[:75] + X[75:]) / 2)
    ends = model.decision_function(X)
    np.testing.assert_allclose(middle, (ends[:75] + ends[75:]) / 2, atol=1e-9)


def test_the_sparse_autoencoder_solves_the_lasso():
    random = np.random.default_rng(0)
    Z = random.normal(size=(300, 6))
    nodes = np.tanh(Z @ random.normal(size=(6, 4)))
    ours = sparse_code(nodes.T @ nodes / 300, nodes.T @ Z / 300, 0.05)
    lasso = Lasso(alpha=0.05, fit_intercept=False, tol=1e-10, max_iter=100_000)
    expected = np.column_stack([lasso.fit(nodes, Z[:, j]).coef_ for j in range(6)]).T
    np.testing.assert_allclose(ours, expected, atol=2e-3)
    assert (ours == 0).any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_means_and_deviations_are_weighted_and_constants_are_exact(dtype):
    random = np.random.default_rng(0)
    X = random.normal(size=(2500, 3)).astype(dtype) * [1, 1e-6, 1e3] + [0, 0, 1e5]
    X = np.column_stack([X, np.full(2500, 0.1), np.full(2500, 1e20)]).astype(dtype)
    weight = random.uniform(0, 2, 2500)
    mean, scale = column_moments(X, weight)
    expected = np.average(X.astype(float), axis=0, weights=weight)
    deviation = np.sqrt(np.average((X - expected) ** 2, axis=0, weights=weight))
    np.testing.assert_allclose(mean, expected, rtol=1e-10)
    np.testing.assert_allclose(scale[:3], deviation[:3], rtol=1e-10)
    assert (mean[3:] == X[0, 3:]).all()
    assert (scale[3:] == 1).all()


def test_a_wide_penalty_silences_every_node():
    random = np.random.default_rng(0)
    gram = np.cov(random.normal(size=(2, 50)))
    assert (sparse_code(gram, random.normal(size=(2, 3)), 100.0) == 0).all()


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(iris):
    first, again, other = (
        BroadLearningClassifier(random_state=seed).fit(*iris).coef_.tobytes() for seed in (4, 4, 5)
    )
    assert first == again != other


def test_units_of_the_inputs_do_not_matter(iris, fitted):
    X, y = iris
    factors = np.array([1e-3, 1.0, 1e3, 8.0])
    scaled = BroadLearningClassifier(n_enhancement_nodes=60, random_state=1).fit(X * factors, y)
    np.testing.assert_allclose(
        scaled.predict_proba(X * factors), fitted.predict_proba(X), atol=1e-8
    )


def test_it_learns_what_no_linear_model_can():
    random = np.random.default_rng(0)
    X = random.uniform(-1, 1, (600, 2))
    y = np.where(X[:, 0] * X[:, 1] > 0, "same", "other")
    model = BroadLearningClassifier(random_state=0, alpha=0.1).fit(X[:400], y[:400])
    assert model.score(X[400:], y[400:]) > 0.93
    linear = BroadLearningClassifier(n_enhancement_nodes=0, random_state=0).fit(X[:400], y[:400])
    assert linear.score(X[400:], y[400:]) < 0.65


def test_digits_and_their_probabilities():
    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0, stratify=y)
    model = BroadLearningClassifier(n_enhancement_nodes=600, random_state=0).fit(X_train, y_train)
    assert model.score(X_test, y_test) > 0.97
    sure = model.predict_proba(X_test).max(axis=1)
    assert abs(sure.mean() - model.score(X_test, y_test)) < 0.02


@given(n_classes=st.integers(2, 4), n_features=st.integers(4, 9), seed=st.integers(0, 1000))
def test_probabilities_sum_to_one_and_agree_with_the_answer(n_classes, n_features, seed):
    X, y = make_classification(
        60, n_features, n_informative=4, n_redundant=0, n_classes=n_classes, random_state=seed
    )
    model = BroadLearningClassifier(n_enhancement_nodes=20, random_state=seed).fit(X, y)
    far = np.vstack([X, 1e6 * X])
    probabilities = model.predict_proba(far)
    assert np.isfinite(probabilities).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert np.array_equal(model.classes_[probabilities.argmax(axis=1)], model.predict(far))


@pytest.mark.parametrize(
    "wrong",
    [
        {"n_feature_groups": 0},
        {"n_feature_nodes": 0},
        {"n_enhancement_nodes": -1},
        {"alpha": 0.0},
        {"sparsity": -1.0},
        {"shrinkage": 0.0},
    ],
)
def test_impossible_parameters_are_named(wrong, iris):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        BroadLearningClassifier(**wrong).fit(*iris)


@pytest.mark.parametrize("names", [["happy", "sad", "calm"], [3, 1, 2], [1.0, 3.0, 2.0]])
def test_a_saved_model_answers_the_same(tmp_path, iris, names):
    X, y = iris
    model = BroadLearningClassifier(random_state=2).fit(X, np.array(names)[y])
    model.save(tmp_path / "model")
    again = BroadLearningClassifier.load(tmp_path / "model")
    assert again.get_params() == model.get_params()
    assert again.n_features_in_ == 4
    assert np.array_equal(again.classes_, model.classes_)
    assert again.classes_.dtype == model.classes_.dtype
    assert again.predict_proba(X).tobytes() == model.predict_proba(X).tobytes()
    assert np.array_equal(again.predict(X), model.predict(X))


def test_names_of_the_features_are_kept(tmp_path):
    frame, y = load_iris(return_X_y=True, as_frame=True)
    BroadLearningClassifier(random_state=0).fit(frame, y).save(tmp_path / "model")
    again = BroadLearningClassifier.load(tmp_path / "model")
    assert again.feature_names_in_.tolist() == list(frame.columns)
    again.predict(frame)
    with pytest.raises(ValueError, match="feature names"):
        again.predict(frame[frame.columns[::-1]])


def test_a_flipped_bit_is_refused(tmp_path, fitted):
    fitted.save(tmp_path / "model")
    file = tmp_path / "model" / "arrays.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    with pytest.raises(ModelError, match="hash"):
        BroadLearningClassifier.load(tmp_path / "model")


def test_parts_that_do_not_fit_are_refused(tmp_path, fitted):
    fitted.save(tmp_path / "model")
    manifest, arrays = load_folder(tmp_path / "model", kind="BroadLearningClassifier")

    def refused(match, manifest=manifest, arrays=arrays):
        save_folder(tmp_path / "other", json.loads(json.dumps(manifest)), arrays)
        with pytest.raises(ModelError, match=match):
            BroadLearningClassifier.load(tmp_path / "other")

    refused("fit together", manifest={**manifest, "classes": [0, 1]})
    refused("dtype", manifest={**manifest, "dtype": "float16"})
    refused("odd parameters", manifest={**manifest, "classes": [2, 1, 0]})
    refused("odd parameters", manifest={**manifest, "parameters": {"depth": 3}})
    refused("odd parameters", manifest={**manifest, "parameters": {"alpha": -3}})
    refused("n_outputs", arrays={**arrays, "coef": arrays["coef"][:, :2]})
    refused("fit together", arrays={**arrays, "coef": arrays["coef"][:-1]})
