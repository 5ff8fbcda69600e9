"""A Broad Learning System on a network: what each part is given, and safe folders of both."""

import json

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from chordmer import BroadLearningClassifier
from chordmer.errors import ModelError
from chordmer.folder import save_folder
from chordmer.models.baselines import MCCBL
from chordmer.models.bilstm import BiLSTMBroad, BiLSTMClassifier
from chordmer.models.broad_network import BroadOnNetwork
from chordmer.models.training import Training

SHORT = Training(max_epochs=3, batch_size=8, patience=None)


def model(**changes):
    settings = {
        "network": BiLSTMClassifier(hidden_size=4),
        "broad": BroadLearningClassifier(n_enhancement_nodes=20),
        "vectors": ("chords",),
        "training": SHORT,
        "random_state": 0,
        "device": "cpu",
    }
    return BroadOnNetwork(**{**settings, **changes})


def pieces(n=40, seed=0):
    """Sequences that tell one half of the classes apart, vectors that tell the other half."""
    random = np.random.default_rng(seed)
    y = np.arange(n) % 4
    return [
        {
            "x": random.normal(size=(random.integers(2, 7), 3)) + 3 * (label // 2),
            "chords": random.normal(size=5) + 3 * (label % 2),
        }
        for label in y
    ], y


@pytest.fixture(scope="module")
def fitted():
    return model().fit(*pieces())


def test_the_broad_part_reads_the_network_and_the_vectors(fitted):
    X, _ = pieces(seed=1)
    given = fitted.transform(X)
    heard = fitted.network_.transform([{"x": sample["x"]} for sample in X])
    chords = np.array([sample["chords"] for sample in X])
    standard = (chords - fitted.vector_mean_["chords"]) / fitted.vector_scale_["chords"]
    np.testing.assert_allclose(given, np.column_stack([heard, standard]), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(fitted.predict_proba(X), fitted.broad_.predict_proba(given))
    np.testing.assert_array_equal(fitted.predict(X), fitted.broad_.predict(given))
    known, _ = pieces()
    columns = fitted.transform(known)[:, -5:]
    np.testing.assert_allclose(columns.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(columns.std(axis=0), 1, atol=1e-6)


def test_both_parts_are_needed_to_tell_four_classes(fitted):
    X, y = pieces(seed=2)
    assert fitted.score(X, y) > 0.9
    deaf = model(vectors=()).fit([{"x": sample["x"]} for sample in X], y)
    unseen, truth = pieces(seed=3)
    assert fitted.score(unseen, truth) > deaf.score([{"x": s["x"]} for s in unseen], truth) + 0.2


def test_the_network_does_not_see_the_vectors(fitted):
    assert fitted.network_.widths_ == {"x": 3}


def test_missing_vectors_count_as_their_mean(fitted):
    X, _ = pieces()
    without = [{"x": sample["x"]} for sample in X]
    mean = [{"x": s["x"], "chords": fitted.vector_mean_["chords"]} for s in X]
    np.testing.assert_allclose(
        fitted.predict_proba(without), fitted.predict_proba(mean), rtol=1e-4, atol=1e-5
    )


def test_missing_sequences_leave_the_vectors_to_decide(fitted):
    X, y = pieces(seed=4)
    only = [{"chords": sample["chords"]} for sample in X]
    assert (fitted.transform(only)[:, :-5] == 0).all()
    assert ((fitted.predict(only) % 2) == (y % 2)).mean() > 0.8
    with pytest.raises(ValueError, match="sample 1 has none of the inputs"):
        fitted.predict([only[0], {"other": np.ones(2)}])
    some = [sample if i % 3 else only[i] for i, sample in enumerate(X)]
    assert model().fit(some, y).network_.widths_ == {"x": 3}


def test_a_random_network_is_drawn_and_not_trained():
    X, y = pieces()
    drawn = model(fit_network=False).fit(X, y)
    assert drawn.network_.history_ == []
    assert drawn.score(X, y) > 0.7


def test_seed_device_and_strategy_reach_the_parts():
    X, y = pieces()
    chosen = model().fit(X, y)
    assert chosen.network_.random_state == chosen.broad_.random_state == 0
    assert chosen.network_.device == "cpu"
    assert len(chosen.network_.history_) == 3
    again = clone(chosen).fit(X, y)
    np.testing.assert_array_equal(again.predict_proba(X), chosen.predict_proba(X))
    own = model(network=BiLSTMClassifier(hidden_size=4, random_state=5)).fit(X, y)
    assert own.network_.random_state == 5


def test_a_wrong_width_is_named(fitted):
    with pytest.raises(ValueError, match="'chords' is 4 wide, but was 5"):
        fitted.predict([{"x": np.ones((2, 3)), "chords": np.ones(4)}])


@pytest.mark.parametrize("kind", [BroadOnNetwork, BiLSTMBroad])
def test_it_comes_back_from_its_folder(kind, tmp_path):
    X, y = pieces()
    made = (
        model()
        if kind is BroadOnNetwork
        else BiLSTMBroad(
            hidden_size=4, vectors=("chords",), training=SHORT, random_state=0, device="cpu"
        )
    ).fit(X, y)
    made.save(tmp_path / "model")
    loaded = kind.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict_proba(X), made.predict_proba(X))
    assert repr(loaded) == repr(made)
    assert {file.name for file in (tmp_path / "model").iterdir()} == {
        "manifest.json",
        "arrays.safetensors",
    }
    json.loads((tmp_path / "model" / "manifest.json").read_text("utf-8"))


def test_parts_that_do_not_belong_together_are_refused(fitted, tmp_path):
    manifest, arrays = fitted.to_parts()
    X, y = pieces()
    _, others = model(network=BiLSTMClassifier(hidden_size=6)).fit(X, y).to_parts()
    network = {name: a for name, a in others.items() if name.startswith("network.")}
    short = {name: a for name, a in arrays.items() if name != "vector_scale.chords"}
    swapped = {**manifest, "network": manifest["broad"]}
    deep: dict = {"estimator": "BroadOnNetwork", "parameters": {}}
    for _ in range(200):
        deep = {"estimator": "BroadOnNetwork", "parameters": {"network": deep}}
    for wrong, values in (
        (manifest, {**arrays, **network}),
        (manifest, short),
        (manifest, {**arrays, "vector_scale.chords": -arrays["vector_scale.chords"]}),
        (manifest, {**arrays, "more": arrays["vector_scale.chords"]}),
        (swapped, arrays),
        ({**manifest, "network": {**manifest["network"], "kind": "Popen"}}, arrays),
        ({**manifest, "network": 3}, arrays),
        ({**manifest, "parameters": {"network": {"estimator": "os.system"}}}, arrays),
        ({**manifest, "parameters": {"network": deep, "no": 1}}, arrays),
    ):
        save_folder(tmp_path / "model", wrong, values)
        with pytest.raises(ModelError):
            BroadOnNetwork.load(tmp_path / "model")


@parametrize_with_checks(
    [
        MCCBL(n_kernels=2, random_state=0),
        BiLSTMBroad(
            hidden_size=4,
            dropout=0.0,
            random_state=0,
            training=Training(max_epochs=4, batch_size=32, learning_rate=0.03, patience=None),
        ),
    ]
)
def test_scikit_learns_own_checks(estimator, check, monkeypatch):
    # Without it scikit-learn leaves out the check that its array dispatch changes nothing.
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    check(estimator)


def test_torch_is_left_alone():
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    model().fit(*pieces())
    assert torch.equal(torch.rand(2), expected)
