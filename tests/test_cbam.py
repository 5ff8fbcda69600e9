"""Equations 5 and 6 against plain numpy, and padding that neither sees."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import correlate2d

from chordmer.models.cbam import CBAM, ChannelAttention, SpatialAttention
from chordmer.models.masked import only_true


@pytest.fixture(autouse=True)
def _seed():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def equation_5(F, W0, W1):
    """The weight of each channel of one map F, (channels, time, width)."""

    def perceptron(v):
        return W1 @ np.maximum(W0 @ v, 0)

    return sigmoid(perceptron(F.max(axis=(1, 2))) + perceptron(F.mean(axis=(1, 2))))


def equation_6(F, kernel):
    """The weight of each place of one map F; the kernel is (2, 7, 7)."""
    pooled = [F.max(axis=0), F.mean(axis=0)]
    return sigmoid(sum(correlate2d(plane, k, "same") for plane, k in zip(pooled, kernel)))


def weights_of(cbam):
    W0, W1 = (layer.weight.detach().numpy() for layer in (cbam.perceptron[0], cbam.perceptron[2]))
    return W0, W1


def random_maps(lengths, channels=6, time=9, width=5):
    maps = torch.randn(len(lengths), time, channels, width, dtype=torch.float64)
    return only_true(maps, lengths).transpose(1, 2)


lists_of_lengths = st.lists(st.integers(0, 9), min_size=1, max_size=4).map(torch.tensor)


@settings(max_examples=25, deadline=None)
@given(lengths=lists_of_lengths, reduction=st.integers(1, 8))
def test_channel_attention_is_equation_5(lengths, reduction):
    attention = ChannelAttention(6, reduction).double()
    W0, W1 = weights_of(attention)
    assert W0.shape == W1.T.shape == (max(1, 6 // reduction), 6)
    maps = random_maps(lengths)
    found = attention(maps, lengths).detach().numpy()
    for row, length in enumerate(lengths.tolist()):
        true = maps[row, :, :length].numpy() if length else np.zeros((6, 1, 1))
        np.testing.assert_allclose(found[row], equation_5(true, W0, W1), atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(lengths=lists_of_lengths)
def test_spatial_attention_is_equation_6(lengths):
    attention = SpatialAttention().double()
    (kernel,) = attention.convolve.weight.detach().numpy()
    assert kernel.shape == (2, 7, 7)
    maps = random_maps(lengths)
    found = attention(maps).detach().numpy()
    assert found.shape == (len(lengths), 1, 9, 5)
    for row, length in enumerate(lengths.tolist()):
        if length:
            # A sequence alone, without its padding, has the convolution's own zeros around it.
            expected = equation_6(maps[row, :, :length].numpy(), kernel)
            np.testing.assert_allclose(found[row, 0, :length], expected, atol=1e-12)


def test_the_module_weighs_channels_then_places():
    cbam = CBAM(6, reduction=2).double()
    lengths = torch.tensor([9, 4, 0])
    maps = random_maps(lengths)
    found = cbam(maps, lengths).detach().numpy()
    W0, W1 = weights_of(cbam.channel)
    (kernel,) = cbam.spatial.convolve.weight.detach().numpy()
    for row, length in enumerate(lengths.tolist()):
        assert not found[row, :, length:].any()
        if length:
            F = maps[row, :, :length].numpy()
            F = equation_5(F, W0, W1)[:, None, None] * F
            expected = equation_6(F, kernel) * F
            np.testing.assert_allclose(found[row, :, :length], expected, atol=1e-12)


def test_gradients_stay_finite_where_a_sequence_is_absent():
    cbam = CBAM(6)
    maps = random_maps(torch.tensor([3, 0])).float().requires_grad_()
    cbam(maps, torch.tensor([3, 0])).square().sum().backward()
    for values in (maps, *cbam.parameters()):
        assert values.grad.isfinite().all()
    assert maps.grad[0, :, :3].any()
