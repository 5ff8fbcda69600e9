"""ResNet, attentive statistics and the deep BLSTM: their equations, and what they may see."""

import numpy as np
import pytest
import torch

from chordmer.models.cnn import (
    AC2DConvStatClassifier,
    AC2DConvStatRegressor,
    BLSTMRNNClassifier,
    BLSTMRNNRegressor,
    ResNetClassifier,
    ResNetRegressor,
)
from chordmer.models.cnn_networks import AttentiveStatistics, ResidualBlock

SMALL = {
    "resnet": ResNetClassifier(n_stages=2, n_blocks=1, n_kernels=3, dropout=0.0),
    "ac2dconvstat": AC2DConvStatClassifier(
        n_convolutions=2, n_kernels=3, n_hidden=4, n_dense=5, dropout=0.0
    ),
    "blstm-rnn": BLSTMRNNClassifier(n_layers=2, n_cells=4, dropout=0.0),
}


@pytest.fixture(autouse=True)
def _seed():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def test_a_block_adds_what_it_was_given():
    block = ResidualBlock(2).eval()
    maps, lengths = torch.randn(2, 2, 6, 5), torch.tensor([6, 4])
    maps[1, :, 4:] = 0
    # Fresh running statistics: mean 0, variance 1.
    shrink = (1 + block.normalise.eps) ** -0.5
    convolve = torch.nn.functional.conv2d
    inner = torch.relu(shrink * convolve(maps, block.first.convolve.weight, padding=1))
    inner[1, :, 4:] = 0
    expected = torch.relu(maps + shrink * convolve(inner, block.second.weight, padding=1))
    expected[1, :, 4:] = 0
    torch.testing.assert_close(block(maps, lengths), expected)
    torch.nn.init.zeros_(block.second.weight)
    torch.testing.assert_close(block(maps, lengths), torch.relu(maps))


def test_stages_halve_the_resolution_and_double_the_maps():
    net = ResNetClassifier()._build({"mel": 128}, 4)
    maps, counts = torch.randn(1, 1, 40, 128), torch.tensor([40])
    shapes = []
    for stage in net.stages:
        maps, counts = stage(maps, counts)
        shapes.append(tuple(maps.shape[1:]))
    assert shapes == [(16, 20, 64), (32, 10, 32), (64, 5, 16)]
    convolutions = [m for m in net.modules() if isinstance(m, torch.nn.Conv2d)]
    assert len(convolutions) == 9
    found = net.eval().represent({"mel": torch.ones(1, 40, 128)}, {"mel": torch.tensor([40])})
    assert found.shape == (1, 64)


def test_attentive_statistics_are_okabes_equations():
    layer = AttentiveStatistics(3, 4).double()
    moments, lengths = torch.randn(2, 5, 3, dtype=torch.float64), torch.tensor([5, 2])
    W, b, v, k = (p.detach().numpy() for p in layer.parameters())
    found, weights = (
        part.detach().numpy() for part in (layer(moments, lengths), layer.weights(moments, lengths))
    )
    for row, length in enumerate(lengths):
        h = moments[row, :length].numpy()
        scores = np.array([v[0] @ np.tanh(W @ x + b) + k[0] for x in h])
        shares = np.exp(scores) / np.exp(scores).sum()
        mean = shares @ h
        deviation = np.sqrt(shares @ h**2 - mean**2)
        np.testing.assert_allclose(weights[row, :length], shares, atol=1e-12)
        np.testing.assert_allclose(found[row], np.concatenate([mean, deviation]), atol=1e-9)
    assert not weights[1, 2:].any()


def test_one_moment_deviates_by_next_to_nothing_and_still_learns():
    layer = AttentiveStatistics(3, 4)
    moments = torch.randn(1, 1, 3, requires_grad=True)
    found = layer(moments, torch.tensor([1]))
    torch.testing.assert_close(found[0, :3], moments[0, 0])
    assert (found[0, 3:] <= 1.1e-3).all()
    found.sum().backward()
    assert torch.isfinite(moments.grad).all()


def test_the_blstms_answer_is_the_mean_of_every_moments():
    net = SMALL["blstm-rnn"]._build({"x": 3}, 2).eval()
    frames, lengths = torch.randn(1, 7, 3), torch.tensor([7])
    states = frames
    for layer in net.layers:
        states, _ = layer(states, lengths)
    expected = net.head(states).mean(dim=1)
    torch.testing.assert_close(net({"x": frames}, {"x": lengths}), expected)


@pytest.mark.parametrize("name", SMALL)
def test_padding_and_neighbours_have_no_influence(name):
    net = SMALL[name]._build({"x": 7}, 3).eval()
    lengths = torch.tensor([13, 1, 6, 3, 0])
    frames = torch.randn(5, 13, 7)
    found = net({"x": frames}, {"x": lengths})
    odd = frames.clone()
    for row, length in enumerate(lengths):
        odd[row, length:] = 1e9
        cut = frames[row : row + 1, : max(int(length), 1)]
        alone = net({"x": cut}, {"x": lengths[row : row + 1]})
        torch.testing.assert_close(alone[0], found[row])
    assert torch.equal(net({"x": odd}, {"x": lengths}), found)


@pytest.mark.parametrize("name", SMALL)
def test_every_part_learns(name):
    net = SMALL[name]._build({"x": 9}, 3)
    counts = {"x": torch.tensor([13, 9, 6, 4])}
    net({"x": torch.randn(4, 13, 9)}, counts).square().sum().backward()
    for part, parameter in net.named_parameters():
        assert torch.isfinite(parameter.grad).all(), part
        # A score that moves all moments alike moves no weight.
        assert parameter.grad.any() or part == "pool.score.2.bias", part


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        (ResNetRegressor, {"n_stages": 7}),
        (ResNetRegressor, {"n_blocks": 0}),
        (ResNetRegressor, {"n_kernels": 1 << 40}),
        (AC2DConvStatRegressor, {"n_convolutions": 0}),
        (AC2DConvStatRegressor, {"kernel_size": 0}),
        (AC2DConvStatRegressor, {"n_hidden": 0}),
        (BLSTMRNNRegressor, {"n_layers": 17}),
        (BLSTMRNNRegressor, {"n_cells": 0}),
        (BLSTMRNNRegressor, {"dropout": 1.1}),
    ],
)
def test_impossible_parameters_are_named(kind, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        kind(**wrong).fit(np.zeros((4, 3, 2)), np.zeros(4))
