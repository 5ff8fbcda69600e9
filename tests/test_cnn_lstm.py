"""CNN-LSTM and its ablations: equations 2 to 7, and what each part may see."""

import numpy as np
import pytest
import torch

from chordmer.models.cnn_lstm import CNNLSTMClassifier, CNNLSTMRegressor, FrameConvolution

VARIANTS = ["cnn-lstm", "cnn", "rnn", "lstm"]


@pytest.fixture(autouse=True)
def _seed():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def network(variant, width=4, n_outputs=3, **sizes):
    sizes = {"n_kernels": 5, "kernel_size": 3, "n_cells": 6, "n_dense": 7} | sizes
    return CNNLSTMClassifier(variant=variant, **sizes)._build({"x": width}, n_outputs)


def arrays(module):
    return {name: value.detach().numpy() for name, value in module.state_dict().items()}


def dense(net, summary):
    weights = arrays(net.dense[1])
    return np.maximum(weights["weight"] @ summary + weights["bias"], 0)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_the_convolution_is_equation_5_with_pooling():
    layer = FrameConvolution(3, 2, 3).double().eval()
    layer.normalise.running_mean.copy_(torch.tensor([0.1, -0.2]))
    layer.normalise.running_var.copy_(torch.tensor([0.5, 2.0]))
    frames = torch.randn(1, 7, 3, dtype=torch.float64)
    found, left = layer(frames, torch.tensor([7]))
    kernel = arrays(layer.convolve)["weight"]
    around = np.pad(frames[0].numpy(), ((1, 1), (0, 0)))
    expected = np.array([[(k * around[t : t + 3].T).sum() for k in kernel] for t in range(7)])
    expected = (expected - [0.1, -0.2]) / np.sqrt(np.array([0.5, 2.0]) + layer.normalise.eps)
    expected = np.maximum(expected, 0)[:6].reshape(3, 2, 2).max(axis=1)
    assert left.tolist() == [3]
    np.testing.assert_allclose(found[0].detach().numpy(), expected, atol=1e-12)


@pytest.mark.parametrize("size", [1, 2, 4, 5])
def test_a_convolution_keeps_the_frames_it_pools_whatever_its_size(size):
    layer = FrameConvolution(3, 2, size, pool_size=1)
    found, left = layer(torch.randn(2, 8, 3), torch.tensor([8, 3]))
    assert found.shape == (2, 8, 2)
    assert left.tolist() == [8, 3]
    assert not found[1, 3:].any()


def test_normalisation_counts_true_frames_only():
    layer = FrameConvolution(3, 2, 1)
    frames = torch.randn(2, 8, 3)
    frames[1, 3:] = 0
    layer(frames, torch.tensor([8, 3]))
    true = torch.cat([frames[0], frames[1, :3]])
    expected = (true @ layer.convolve.weight[:, :, 0].T).mean(dim=0)
    torch.testing.assert_close(layer.normalise.running_mean, 0.1 * expected)


def test_the_rnn_is_equations_3_and_4():
    net = network("rnn").eval()
    frames = torch.randn(1, 5, 4)
    w = arrays(net.reader)
    state = np.zeros(6)
    for x in frames[0].numpy():
        state = np.tanh(
            w["weight_ih_l0"] @ x + w["bias_ih_l0"] + w["weight_hh_l0"] @ state + w["bias_hh_l0"]
        )
    found = net.represent({"x": frames}, {"x": torch.tensor([5])})
    np.testing.assert_allclose(found[0].detach().numpy(), dense(net, state), atol=1e-6)


def test_the_lstm_has_its_three_gates():
    net = network("lstm").eval()
    frames = torch.randn(1, 5, 4)
    w = arrays(net.reader)
    state, memory = np.zeros(6), np.zeros(6)
    for x in frames[0].numpy():
        gates = w["weight_ih_l0"] @ x + w["bias_ih_l0"] + w["weight_hh_l0"] @ state
        into, forget, new, out = np.split(gates + w["bias_hh_l0"], 4)
        memory = sigmoid(forget) * memory + sigmoid(into) * np.tanh(new)
        state = sigmoid(out) * np.tanh(memory)
    found = net.represent({"x": frames}, {"x": torch.tensor([5])})
    np.testing.assert_allclose(found[0].detach().numpy(), dense(net, state), atol=1e-6)


def test_the_cnn_alone_is_averaged_over_time():
    net = network("cnn").eval()
    frames, counts = torch.randn(2, 13, 4), torch.tensor([13, 9])
    moments, left = frames.clone(), counts
    moments[1, 9:] = 0
    for layer in net.convolutions:
        moments, left = layer(moments, left)
    assert left.tolist() == [3, 2]
    found = net.represent({"x": frames}, {"x": counts}).detach().numpy()
    for row, length in enumerate(left):
        mean = moments[row, :length].mean(dim=0).detach().numpy()
        np.testing.assert_allclose(found[row], dense(net, mean), atol=1e-6)


def test_each_ablation_lacks_its_part():
    parts = {v: network(v) for v in VARIANTS}
    has = {v: (len(n.convolutions), type(n.reader).__name__) for v, n in parts.items()}
    assert has == {
        "cnn-lstm": (2, "LSTM"),
        "cnn": (2, "NoneType"),
        "rnn": (0, "RNN"),
        "lstm": (0, "LSTM"),
    }


@pytest.mark.parametrize("variant", VARIANTS)
def test_padding_and_neighbours_have_no_influence(variant):
    net = network(variant).eval()
    lengths = torch.tensor([13, 1, 6, 3, 0])
    frames = torch.randn(5, 13, 4)
    found = net({"x": frames}, {"x": lengths})
    odd = frames.clone()
    for row, length in enumerate(lengths):
        odd[row, length:] = 1e9
        cut = frames[row : row + 1, : max(int(length), 1)]
        alone = net({"x": cut}, {"x": lengths[row : row + 1]})
        torch.testing.assert_close(alone[0], found[row])
    assert torch.equal(net({"x": odd}, {"x": lengths}), found)


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_part_learns(variant):
    net = network(variant, dropout=0.0)
    net({"x": torch.randn(4, 13, 4)}, {"x": torch.tensor([13, 9, 6, 3])}).square().sum().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad.any(), name


def test_the_papers_training_is_the_default():
    strategy = CNNLSTMRegressor()._strategy()
    assert (strategy.batch_size, strategy.lr_schedule) == (50, "step")
    assert (strategy.lr_decay, strategy.lr_step, strategy.patience) == (0.9, 10, 5)
    assert strategy.weight_decay > 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"variant": "gru"},
        {"n_convolutions": 0},
        {"n_kernels": 0},
        {"kernel_size": 2.5},
        {"n_cells": 100_000},
        {"n_dense": 0},
        {"dropout": -0.1},
    ],
)
def test_impossible_parameters_are_named(wrong):
    with pytest.raises((ValueError, TypeError), match=next(iter(wrong))):
        CNNLSTMRegressor(**wrong).fit(np.zeros((4, 3, 2)), np.zeros(4))
