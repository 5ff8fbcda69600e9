"""CBSA: the paper's sizes and equations, its ablations, and sequences of any length."""

import numpy as np
import pytest
import torch
from sklearn.base import clone

from chordmer.models.cbsa import CBSAClassifier, CBSANetwork, CBSARegressor, SelfAttention
from chordmer.models.training import Training

VARIANTS = ["cbsa", "cnn-bilstm", "bilstm-sa", "bilstm"]


@pytest.fixture(autouse=True)
def _seed():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def shapes_inside(network, frames):
    """The shape of what every layer gives, a song of these frames going through."""
    shapes = {}

    def note(name):
        def hook(module, given, output):
            output = output[0] if isinstance(output, tuple) else output
            shapes[name] = tuple(output.shape[1:])

        return hook

    # An LSTM within its layer speaks in packed sequences.
    layers = {n: m for n, m in network.named_modules() if not isinstance(m, torch.nn.LSTM)}
    hooks = [module.register_forward_hook(note(name)) for name, module in layers.items()]
    network.eval()({"x": frames[None]}, {"x": torch.tensor([len(frames)])})
    for hook in hooks:
        hook.remove()
    return shapes


def test_the_layers_have_the_sizes_of_table_2():
    shapes = shapes_inside(CBSANetwork(94, 1), torch.randn(99, 94))
    assert shapes["convolutions.0"] == (4, 49, 47)
    assert shapes["convolutions.1"] == (4, 24, 23)
    assert shapes["bilstm"] == (24, 78)
    assert shapes["mix"] == (24, 32)
    assert shapes["attention"] == (24, 32)
    assert shapes["head"] == (1,)
    maps = {map_.in_features: map_.out_features for map_ in CBSANetwork(94, 1).attention.children()}
    assert maps == {32: 32}
    assert CBSANetwork(94, 1).bilstm.lstm.input_size == 4 * 23


@pytest.mark.parametrize("time", [199, 299])
def test_the_papers_longer_distances_are_halved_twice(time):
    shapes = shapes_inside(CBSANetwork(94, 2), torch.randn(time, 94))
    assert shapes["convolutions.1"] == (4, time // 4, 23)
    assert shapes["head"] == (2,)


def test_self_attention_is_equations_20_to_24():
    layer = SelfAttention(3).double()
    E_Q, E_K, E_V = (
        getattr(layer, name).weight.detach().numpy() for name in ("query", "key", "value")
    )
    lengths = torch.tensor([5, 2])
    moments = torch.randn(2, 5, 3, dtype=torch.float64)
    found, weights = (
        part.detach().numpy() for part in (layer(moments, lengths), layer.weights(moments, lengths))
    )
    for row, length in enumerate(lengths):
        L = moments[row, :length].numpy().T  # a column a moment, as printed
        Q, K, V = E_Q @ L, E_K @ L, E_V @ L
        score = K.T @ Q
        shares = np.exp(score) / np.exp(score).sum(axis=0)
        np.testing.assert_allclose(found[row, :length], (V @ shares).T, atol=1e-12)
        np.testing.assert_allclose(weights[row, :length, :length], shares.T, atol=1e-12)
    assert not weights[1, 2:].any()
    assert not weights[1, :, 2:].any()
    assert not found[1, 2:].any()


def test_attention_to_nothing_is_nothing():
    layer = SelfAttention(3)
    assert not layer.weights(torch.randn(1, 4, 3), torch.tensor([0])).any()


def test_alike_moments_draw_on_each_other():
    layer = SelfAttention(2)
    for linear in layer.children():
        torch.nn.init.eye_(linear.weight)
    moments = torch.tensor([[[3.0, 0.0], [0.0, 3.0], [3.0, 0.0]]])
    weights = layer.weights(moments, torch.tensor([3]))[0]
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(3))
    torch.testing.assert_close(weights[0, 0], weights[0, 2])
    assert weights[0, 0] > 0.49
    assert weights[1, 1] > 0.99


def test_each_ablation_lacks_its_part():
    parts = {
        variant: CBSAClassifier(variant=variant)._build({"x": 8}, 2).eval() for variant in VARIANTS
    }
    has = {v: (len(n.convolutions), n.attention is not None) for v, n in parts.items()}
    assert has == {
        "cbsa": (2, True),
        "cnn-bilstm": (2, False),
        "bilstm-sa": (0, True),
        "bilstm": (0, False),
    }


@pytest.mark.parametrize("variant", VARIANTS)
def test_padding_and_neighbours_have_no_influence(variant):
    network = CBSAClassifier(variant=variant)._build({"x": 7}, 3).eval()
    lengths = torch.tensor([13, 1, 6, 3])
    frames = torch.randn(4, 13, 7)
    found = network({"x": frames}, {"x": lengths})
    odd = frames.clone()
    for row, length in enumerate(lengths):
        odd[row, length:] = 1e9
        alone = network({"x": frames[row : row + 1, :length]}, {"x": lengths[row : row + 1]})
        torch.testing.assert_close(alone[0], found[row])
    assert torch.equal(network({"x": odd}, {"x": lengths}), found)


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_part_learns(variant):
    network = CBSAClassifier(variant=variant)._build({"x": 7}, 3)
    network(
        {"x": torch.randn(4, 13, 7)}, {"x": torch.tensor([13, 9, 6, 3])}
    ).square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.any(), name


def songs(n=24, width=5, seed=0):
    """Sequences whose mean and slope are what is to be told."""
    random = np.random.default_rng(seed)
    truths = random.uniform(-1, 1, (n, 2))
    X = []
    for level, slope in truths:
        time = np.linspace(-1, 1, random.integers(9, 20))
        frames = random.normal(scale=0.2, size=(len(time), width))
        frames[:, 0] += level
        frames[:, 1] += slope * time
        X.append(frames)
    return X, truths


QUICK = Training(batch_size=4, learning_rate=0.005, max_epochs=25, patience=None)


@pytest.mark.parametrize("variant", VARIANTS)
def test_valence_and_arousal_are_learnt_together(variant):
    X, y = songs(64)
    model = CBSARegressor(variant=variant, training=QUICK, random_state=0, device="cpu")
    model.fit(X[:32], y[:32])
    assert model.predict(X[32:]).shape == (32, 2)
    assert model.score(X[32:], y[32:]) > 0.6


def test_one_target_gives_one_number_a_song():
    X, y = songs(12)
    model = CBSARegressor(training=Training(batch_size=4, max_epochs=1), random_state=0)
    assert model.fit(X, y[:, 0]).predict(X).shape == (12,)


def test_the_classifier_learns_and_its_seed_decides():
    X, y = songs(40)
    labels = np.where(y[:, 0] > 0, "high", "low")
    model = CBSAClassifier(training=QUICK, random_state=3, device="cpu").fit(X[:32], labels[:32])
    assert model.score(X[32:], labels[32:]) >= 0.75
    assert model.transform(X[:3]).shape == (3, 32)
    again = clone(model).fit(X[:32], labels[:32])
    np.testing.assert_array_equal(model.predict_proba(X), again.predict_proba(X))


def test_the_papers_training_is_the_default():
    strategy = CBSARegressor()._strategy()
    assert (strategy.batch_size, strategy.learning_rate) == (4, 0.001)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("kind", [CBSAClassifier, CBSARegressor])
def test_a_saved_model_answers_as_before(kind, variant, tmp_path):
    X, y = songs(8)
    y = y[:, 0] > 0 if kind is CBSAClassifier else y
    quick = Training(batch_size=4, max_epochs=1)
    model = kind(variant=variant, training=quick, random_state=0).fit(X, y)
    model.save(tmp_path / "model")
    loaded = kind.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    assert loaded.get_params()["variant"] == variant


@pytest.mark.parametrize(
    "wrong",
    [
        {"variant": "rnn"},
        {"n_kernels": 0},
        {"kernel_size": 0},
        {"n_cells": 100_000},
        {"n_mixed": 0},
        {"dropout": 1.5},
    ],
)
def test_impossible_parameters_are_named(wrong):
    X, y = songs(8)
    with pytest.raises(ValueError, match=next(iter(wrong))):
        CBSARegressor(**wrong).fit(X, y)


def test_inputs_of_one_grid_are_joined_in_series():
    X, y = songs(8)
    together = [{"low": frames, "high": frames[:, :2]} for frames in X]
    model = CBSARegressor(training=Training(batch_size=4, max_epochs=1), random_state=0)
    model.fit(together, y)
    assert model.widths_ == {"high": 2, "low": 5}
    together[0]["high"] = together[0]["high"][:-1]
    with pytest.raises(ValueError, match="one length"):
        model.predict(together)
