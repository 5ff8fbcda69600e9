"""The BiLSTM: its pooling by the equations, absent sequences, and the system that stands on it."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

from chordmer.models.bilstm import (
    AttentionPooling,
    BiLSTM,
    BiLSTMBroad,
    BiLSTMClassifier,
    BiLSTMRegressor,
)
from chordmer.models.broad import BroadLearningClassifier
from chordmer.models.training import Training

SMALL = BroadLearningClassifier(n_feature_groups=4, n_feature_nodes=5, n_enhancement_nodes=20)
LONGER = Training(batch_size=8, learning_rate=0.01, max_epochs=15, patience=None)
ONCE = Training(batch_size=8, max_epochs=1)


@pytest.fixture(autouse=True)
def _seed():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def songs(n=48, width=4, seed=0):
    """Sequences that grow louder or softer; the mean frame tells nothing of which."""
    random = np.random.default_rng(seed)
    labels = np.array(["falls", "rises"] * (n // 2))
    X = []
    for label in labels:
        time = np.linspace(-1, 1, random.integers(6, 15))[:, None]
        slope = 1.5 if label == "rises" else -1.5
        X.append(slope * time + random.normal(scale=0.3, size=(len(time), width)))
    return X, labels


@settings(max_examples=20, deadline=None)
@given(lengths=st.lists(st.integers(0, 7), min_size=1, max_size=5))
def test_attention_is_a_softmax_over_the_true_states(lengths):
    pool = AttentionPooling(3).double()
    states = torch.randn(len(lengths), 7, 3, dtype=torch.float64)
    counts = torch.tensor(lengths)
    weights, pooled = pool.weights(states, counts).detach(), pool(states, counts).detach()
    w = pool.score.weight.detach().numpy()[0]
    for row, length in enumerate(lengths):
        true = states[row, :length].numpy()
        expected = np.exp(np.tanh(true) @ w)
        expected /= expected.sum() if length else 1
        np.testing.assert_allclose(weights[row, :length], expected, atol=1e-12)
        assert not weights[row, length:].any()
        np.testing.assert_allclose(pooled[row], expected @ true, atol=1e-12)


@pytest.mark.parametrize("pooling", ["attention", "last"])
def test_what_is_pooled_are_the_states_of_the_last_layer(pooling):
    net = BiLSTM(3, 4, n_layers=2, pooling=pooling, dropout=0.5).eval()
    frames, lengths = torch.randn(2, 6, 3), torch.tensor([6, 4])
    states, last = net.layers[1](net.layers[0](frames, lengths)[0], lengths)
    expected = last if pooling == "last" else net.attention(states, lengths)
    torch.testing.assert_close(net(frames, lengths), expected)
    assert net.width == expected.shape[1] == 8


@pytest.mark.parametrize("pooling", ["attention", "last"])
def test_absent_sequences_are_zeros_and_padding_is_not_read(pooling):
    net = BiLSTM(3, 4, n_layers=2, pooling=pooling)
    frames, lengths = torch.randn(3, 6, 3), torch.tensor([6, 0, 2])
    found = net(frames, lengths)
    assert not found[1].any()
    odd = frames.clone()
    odd[1], odd[2, 2:] = 1e9, 1e9
    assert torch.equal(net(odd, lengths), found)
    torch.testing.assert_close(net(frames[2:, :2], lengths[2:])[0], found[2])
    assert not net(frames, torch.zeros(3, dtype=torch.int64)).any()


@pytest.mark.parametrize("pooling", ["attention", "last"])
@pytest.mark.parametrize("model", [BiLSTMClassifier(), BiLSTMRegressor(), BiLSTMBroad(broad=SMALL)])
def test_what_only_the_order_of_frames_tells_is_learnt(model, pooling):
    X, labels = songs(64)
    y = (labels == "rises").astype(float) if isinstance(model, BiLSTMRegressor) else labels
    model = clone(model).set_params(
        hidden_size=8, pooling=pooling, training=LONGER, random_state=0, device="cpu"
    )
    model.fit(X[:40], y[:40])
    assert model.score(X[40:], y[40:]) >= 0.8


def test_the_broad_one_is_a_broad_system_on_the_representation():
    X, y = songs(24)
    random = np.random.default_rng(0)
    X = [{"mf_rp": frames, "chord2vec": random.normal(size=3)} for frames in X]
    model = BiLSTMBroad(
        hidden_size=4,
        broad=clone(SMALL).set_params(random_state=3),
        vectors=("chord2vec",),
        training=ONCE,
        random_state=0,
        device="cpu",
    ).fit(X, y)
    assert isinstance(model.network_, BiLSTMClassifier)
    assert model.network_.widths_ == {"mf_rp": 4}
    chords = np.array([sample["chord2vec"] for sample in X])
    chords = (chords - chords.mean(axis=0)) / chords.std(axis=0)
    deep = model.network_.transform([{"mf_rp": sample["mf_rp"]} for sample in X])
    joined = np.hstack([deep, chords])
    assert joined.shape == (24, 8 + 3)
    np.testing.assert_allclose(model.transform(X), joined, rtol=1e-5, atol=1e-6)
    alone = clone(SMALL).set_params(random_state=3).fit(model.transform(X), y)
    np.testing.assert_array_equal(model.predict_proba(X), alone.predict_proba(model.transform(X)))


def test_the_broad_one_comes_back_from_its_folder(tmp_path):
    X, y = songs(16)
    model = BiLSTMBroad(hidden_size=4, broad=SMALL, training=ONCE, random_state=0, device="cpu")
    model.fit(X, y).save(tmp_path / "model")
    loaded = BiLSTMBroad.load(tmp_path / "model")
    assert repr(loaded) == repr(model)
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    np.testing.assert_array_equal(clone(model).fit(X, y).predict_proba(X), model.predict_proba(X))


@pytest.mark.parametrize(
    "wrong",
    [
        {"hidden_size": 0},
        {"hidden_size": 5000},
        {"hidden_size": 1.5},
        {"n_layers": 0},
        {"n_layers": 65},
        {"pooling": "mean"},
        {"dropout": 1.5},
    ],
    ids=str,
)
@pytest.mark.parametrize("model", [BiLSTMClassifier(), BiLSTMRegressor(), BiLSTMBroad()])
def test_impossible_parameters_are_named(model, wrong):
    with pytest.raises((ValueError, TypeError), match=next(iter(wrong))):
        clone(model).set_params(**wrong).fit([np.ones((2, 3))] * 4, [0, 1, 0, 1])
