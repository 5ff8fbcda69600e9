"""Layers over padded sequences, against plain numpy, and against the same sequences alone."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import correlate2d

from chordmer.models.masked import (
    MaskedConvolution,
    MaskedLSTM,
    join_inputs,
    mean_of,
    only_true,
)


@pytest.fixture(autouse=True)
def _seed():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm_by_equations(frames, W, U, b):
    """Equations 11 to 16 of the CBSA paper, one frame after the other."""
    n = U.shape[1]
    state, inner = np.zeros(n), np.zeros(n)
    states = []
    for frame in frames:
        k, g, candidate, p = np.split(W @ frame + U @ state + b, 4)
        inner = sigmoid(k) * np.tanh(candidate) + sigmoid(g) * inner
        state = sigmoid(p) * np.tanh(inner)
        states.append(state)
    return np.array(states)


def test_the_lstm_is_the_papers_equations_in_both_directions():
    layer = MaskedLSTM(3, 4, bidirectional=True).double()
    weights = {name: p.detach().numpy() for name, p in layer.lstm.named_parameters()}
    lengths = torch.tensor([6, 1, 4])
    frames = only_true(torch.randn(3, 6, 3, dtype=torch.float64), lengths)
    states, last = (part.detach().numpy() for part in layer(frames, lengths))
    for row, length in enumerate(lengths):
        x = frames[row, :length].numpy()
        ways = []
        for end, step in (("", 1), ("_reverse", -1)):
            W, U = weights[f"weight_ih_l0{end}"], weights[f"weight_hh_l0{end}"]
            b = weights[f"bias_ih_l0{end}"] + weights[f"bias_hh_l0{end}"]
            ways.append(lstm_by_equations(x[::step], W, U, b))
        expected = np.hstack([ways[0], ways[1][::-1]])
        np.testing.assert_allclose(states[row, :length], expected, atol=1e-12)
        np.testing.assert_allclose(last[row], np.hstack([way[-1] for way in ways]), atol=1e-12)
        assert not states[row, length:].any()


@pytest.mark.parametrize("kernel_size", [1, 2, 3, 4])
@pytest.mark.parametrize("pool_size", [1, 2, 3])
def test_a_convolution_layer_is_correlation_normalisation_relu_and_maximum(kernel_size, pool_size):
    layer = MaskedConvolution(2, 3, kernel_size, pool_size).double()
    maps = torch.randn(4, 2, 7, 6, dtype=torch.float64)
    found, lengths = layer(maps, torch.full((4,), 7))
    assert lengths.tolist() == [7 // pool_size] * 4

    kernels = layer.convolve.weight.detach().numpy()
    around = ((kernel_size - 1) // 2, kernel_size // 2)
    padded = np.pad(maps.numpy(), ((0, 0), (0, 0), around, around))
    convolved = np.array(
        [
            [sum(correlate2d(plane, k, "valid") for plane, k in zip(song, ks)) for ks in kernels]
            for song in padded
        ]
    )
    mean = convolved.mean(axis=(0, 2, 3), keepdims=True)
    deviation = np.sqrt(convolved.var(axis=(0, 2, 3), keepdims=True) + 1e-5)
    activated = np.maximum((convolved - mean) / deviation, 0)
    t, w = 7 // pool_size, 6 // pool_size
    windows = activated[:, :, : t * pool_size, : w * pool_size]
    expected = windows.reshape(4, 3, t, pool_size, w, pool_size).max(axis=(3, 5))
    np.testing.assert_allclose(found.detach().numpy(), expected, atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(
    lengths=st.lists(st.integers(0, 9), min_size=1, max_size=4).filter(any),
    pool_size=st.integers(1, 3),
    more=st.integers(0, 5),
)
def test_more_padding_changes_nothing_in_training_neither(lengths, pool_size, more):
    lengths = torch.tensor(lengths)
    time = int(lengths.max())
    maps = only_true(torch.randn(len(lengths), time, 1, 5), lengths).transpose(1, 2)
    longer = torch.nn.functional.pad(maps, (0, 0, 0, more))
    layers = [MaskedConvolution(1, 2, 3, pool_size) for _ in range(2)]
    layers[1].load_state_dict(layers[0].state_dict())
    (a, counts), (b, same) = layers[0](maps, lengths), layers[1](longer, lengths)
    assert counts.tolist() == same.tolist()
    assert counts.tolist() == [max(1, n // pool_size) if n else 0 for n in lengths]
    torch.testing.assert_close(a, b[:, :, : a.shape[2]])
    assert not b[:, :, a.shape[2] :].any()
    for name, values in layers[0].state_dict().items():
        torch.testing.assert_close(values, layers[1].state_dict()[name], msg=name)


def test_a_narrow_or_short_input_keeps_one_feature_and_one_frame():
    layer = MaskedConvolution(1, 2, 3, 4)
    assert layer.width_after(3) == 1
    maps, lengths = layer(torch.randn(2, 1, 2, 3), torch.tensor([2, 1]))
    assert maps.shape == (2, 2, 1, 1)
    assert lengths.tolist() == [1, 1]


@pytest.mark.parametrize("lengths", [[1, 0], [0, 0]])
def test_one_value_or_none_is_no_lesson_for_the_normalisation(lengths):
    layer = MaskedConvolution(1, 2, 3).train()
    maps, _ = layer(torch.randn(2, 1, 1, 1), torch.tensor(lengths))
    assert maps.isfinite().all()
    assert layer.normalise.running_mean.tolist() == [0.0, 0.0]


def test_inputs_are_joined_by_name_and_an_absent_one_is_zeros():
    inputs = {"b": torch.ones(2, 3, 1), "a": torch.full((2, 4, 2), 5.0)}
    lengths = {"a": torch.tensor([3, 0]), "b": torch.tensor([3, 2])}
    frames, counts = join_inputs(inputs, lengths)
    assert counts.tolist() == [3, 2]
    expected = torch.zeros(2, 4, 3)
    expected[0, :3] = torch.tensor([5.0, 5.0, 1.0])
    expected[1, :2, 2] = 1.0
    torch.testing.assert_close(frames, expected)


def test_inputs_on_different_grids_are_refused():
    inputs = {"a": torch.ones(1, 4, 2), "b": torch.ones(1, 4, 2)}
    with pytest.raises(ValueError, match="'a': 4, 'b': 3"):
        join_inputs(inputs, {"a": torch.tensor([4]), "b": torch.tensor([3])})


def test_the_mean_counts_true_frames_only():
    frames = torch.tensor([[[1.0], [2.0], [6.0]], [[7.0], [0.0], [0.0]], [[0.0], [0.0], [0.0]]])
    assert mean_of(frames, torch.tensor([3, 1, 0])).tolist() == [[3.0], [7.0], [0.0]]
