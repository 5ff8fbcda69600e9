"""The spectrogram network of MULTISPEC-DNN: its layers, one grid of bins, rows along time."""

import numpy as np
import pytest
import torch
from sklearn.base import clone

from chordmer.errors import ModelError
from chordmer.models.multispec_spectrogram import (
    MultiSpecSpectrogramClassifier,
    MultiSpecSpectrogramRegressor,
)
from chordmer.models.training import Training

TINY = {"n_first": 2, "n_kernels": (4, 4), "hidden_size": 4, "n_dense": 8}
SAME = {
    **TINY,
    "training": Training(batch_size=8, max_epochs=1),
    "random_state": 0,
    "device": "cpu",
}
LONGER = Training(batch_size=8, learning_rate=0.01, max_epochs=12, patience=None)


@pytest.fixture(autouse=True)
def _seed():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def network(widths, **parameters):
    return MultiSpecSpectrogramClassifier(**parameters)._build(widths, 4).eval()


def tensors(lengths, widths):
    """Random padded inputs of these lengths, by name."""
    inputs = {
        name: torch.randn(len(counts), max(1, *counts), widths[name])
        for name, counts in lengths.items()
    }
    return inputs, {name: torch.tensor(counts) for name, counts in lengths.items()}


def songs(n=48, seed=0):
    """Spectrograms of a tone that falls or rises; the mean over time tells nothing of which."""
    random = np.random.default_rng(seed)
    labels = np.array(["falls", "rises"] * (n // 2))
    X = []
    for label in labels:
        time = np.linspace(0, 1, random.integers(12, 20))[:, None]
        height = time if label == "rises" else 1 - time
        X.append(
            {
                name: np.exp(-((np.linspace(0, 1, width) - height) ** 2) * 40).astype(np.float32)
                for name, width in (("wide", 8), ("narrow", 16))
            }
        )
    return X, labels


def test_the_layers_are_the_papers():
    net = network({"wide": 128, "narrow": 128})
    for channel in net.first.values():
        shapes = [tuple(layer.convolve.weight.shape) for layer in channel.layers]
        assert shapes == [(8, 1, 3, 3), (8, 8, 3, 3)]
    shapes = [tuple(layer.convolve.weight.shape) for layer in net.deep]
    assert shapes == [(32, 16, 3, 3), (48, 32, 3, 3), (64, 48, 3, 3), (80, 64, 3, 3)]
    for layer, attention in zip(net.deep, net.attention, strict=True):
        assert attention.channel.perceptron[-1].out_features == layer.convolve.out_channels
        assert attention.spatial.convolve.kernel_size == (7, 7)
    assert net.lstm.lstm.hidden_size == 128
    assert net.lstm.lstm.bidirectional
    assert net.lstm.lstm.input_size == 80
    assert net.dense[0].in_features == 128 // 16 * 256
    dense = [layer for layer in (*net.dense, *net.head) if isinstance(layer, torch.nn.Linear)]
    assert [layer.out_features for layer in dense] == [64, 4]
    inputs, lengths = tensors({"wide": [64], "narrow": [64]}, {"wide": 128, "narrow": 128})
    maps, counts = net.maps(inputs, lengths)
    assert maps.shape == (1, 80, 4, 8)
    assert counts.tolist() == [4]
    assert net.represent(inputs, lengths).shape == (1, 64)


def test_what_stands_before_the_dense_layers_is_each_rows_mean_state():
    net = network({"wide": 16, "narrow": 16}, **TINY)
    inputs, lengths = tensors({"wide": [20, 9], "narrow": [20, 9]}, {"wide": 16, "narrow": 16})
    maps, counts = net.maps(inputs, lengths)
    for piece in range(2):
        means = []
        for row in range(maps.shape[3]):
            frames = maps[piece, :, : counts[piece], row].T
            states, _ = net.lstm.lstm(frames[None])
            means.append(states[0].mean(dim=0))
        expected = net.dense(torch.cat(means))
        torch.testing.assert_close(net.represent(inputs, lengths)[piece], expected)


def test_spectrograms_of_different_heights_come_to_one_grid():
    net = network({"wide": 4, "narrow": 12}, **TINY, n_bins=6)
    assert net.n_bins == 6
    inputs, lengths = tensors({"wide": [9], "narrow": [9]}, {"wide": 4, "narrow": 12})
    pairs = inputs["narrow"].reshape(1, 9, 6, 2).mean(dim=3)
    wide = torch.nn.functional.adaptive_avg_pool1d(inputs["wide"], 6)
    torch.testing.assert_close(wide[..., 0], inputs["wide"][..., 0])
    same = network({"wide": 6, "narrow": 6}, **TINY, n_bins=6)
    same.load_state_dict(net.state_dict())
    found = same({"wide": wide, "narrow": pairs}, lengths)
    torch.testing.assert_close(net(inputs, lengths), found)
    assert network({"wide": 4, "narrow": 12}, **TINY).n_bins == 12


def test_padding_neighbours_and_absent_spectrograms_have_no_influence():
    widths = {"wide": 5, "narrow": 9}
    net = network(widths, **TINY)
    inputs, lengths = tensors({"wide": [14, 0, 1, 6], "narrow": [14, 9, 1, 0]}, widths)
    found = net(inputs, lengths)
    odd = {name: frames.clone() for name, frames in inputs.items()}
    for name, frames in odd.items():
        for row, length in enumerate(lengths[name]):
            frames[row, length:] = 1e9
    assert torch.equal(net(odd, lengths), found)
    for row in range(4):
        counts = {name: values[row : row + 1] for name, values in lengths.items()}
        alone = {name: x[row : row + 1, : max(1, counts[name])] for name, x in inputs.items()}
        torch.testing.assert_close(net(alone, counts)[0], found[row], atol=1e-5, rtol=1e-4)


def test_padding_counts_for_nothing_in_training_neither():
    widths = {"wide": 5, "narrow": 9}
    inputs, lengths = tensors({"wide": [14, 6], "narrow": [14, 6]}, widths)
    longer = {name: torch.nn.functional.pad(x, (0, 0, 0, 7)) for name, x in inputs.items()}
    net, twin = (network(widths, **TINY, dropout=0.0).train() for _ in range(2))
    twin.load_state_dict(net.state_dict())
    torch.testing.assert_close(net(inputs, lengths), twin(longer, lengths))
    for name, values in net.state_dict().items():
        torch.testing.assert_close(values, twin.state_dict()[name], msg=name)


def test_spectrograms_must_lie_on_one_grid_of_frames():
    widths = {"wide": 5, "narrow": 9}
    with pytest.raises(ValueError, match="'narrow': 13, 'wide': 14"):
        network(widths, **TINY)(*tensors({"wide": [14], "narrow": [13]}, widths))
    X, y = songs(8)
    with pytest.raises(ValueError, match="must be 'wide' and 'narrow', not \\['x'\\]"):
        MultiSpecSpectrogramClassifier(**SAME).fit([sample["wide"] for sample in X], y)


@pytest.mark.parametrize(
    "model", [MultiSpecSpectrogramClassifier(), MultiSpecSpectrogramRegressor()]
)
def test_what_only_the_order_of_frames_tells_is_learnt(model, tmp_path):
    X, labels = songs(48)
    y = (labels == "rises").astype(float) if "Regressor" in type(model).__name__ else labels
    model = clone(model).set_params(**SAME).set_params(training=LONGER)
    model.fit(X[:32], y[:32])
    assert model.score(X[32:], y[32:]) >= 0.8
    assert model.predict([{"wide": X[0]["wide"]}, {"narrow": X[0]["narrow"]}]).shape == (2,)
    model.save(tmp_path / "model")
    loaded = type(model).load(tmp_path / "model")
    assert repr(loaded) == repr(model)
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))


def test_a_folder_with_another_input_is_refused():
    X, y = songs(8)
    manifest, arrays = MultiSpecSpectrogramClassifier(**SAME).fit(X, y).to_parts()
    manifest["widths"] = {"mel": 8, "wide": 16}
    with pytest.raises(ModelError, match="must be 'wide' and 'narrow'"):
        MultiSpecSpectrogramClassifier.from_parts(manifest, arrays, source="a folder")


@pytest.mark.parametrize(
    "wrong",
    [
        {"n_bins": 0},
        {"n_first": 0},
        {"n_kernels": ()},
        {"n_kernels": 32},
        {"n_kernels": (32, 0)},
        {"pool_size": 0},
        {"reduction": 0},
        {"hidden_size": 1 << 60},
        {"n_dense": 1.5},
        {"dropout": 2},
    ],
    ids=str,
)
def test_impossible_parameters_are_named(wrong):
    X, y = songs(8)
    for model in (MultiSpecSpectrogramClassifier(), MultiSpecSpectrogramRegressor()):
        with pytest.raises((ValueError, TypeError), match=next(iter(wrong))):
            model.set_params(**wrong).fit(X, (y == "rises").astype(int))
