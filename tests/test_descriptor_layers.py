"""Descriptors of batches, and the same as a torch module."""

import numpy as np
import pytest
import torch

from chordmer.errors import AudioError, ChordmerError
from chordmer.features.descriptor_layers import Descriptors
from chordmer.features.descriptors import DESCRIPTORS, AudioDescriptors, describe

SR = 22050
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
#: Of a column's largest value. In float64 what is left is that NumPy's rows are float32.
TOLERANCE = {np.float32: 1e-3, np.float64: 1e-7}


def music(seconds, seed=0):
    """Chords of harmonic tones, two a second, with a click at each, over some noise."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(SR * 0.5)) / SR
    chords = []
    for _ in range(round(2 * seconds) + 1):
        notes = rng.choice([48, 52, 55, 57, 60, 64, 67, 71, 74], 3, replace=False)
        hz = 440 * 2 ** ((notes - 69) / 12)
        partials = sum(np.sin(2 * np.pi * k * hz[:, None] * t).sum(0) / k for k in range(1, 9))
        chords.append(0.1 * partials * np.exp(-4 * t) * rng.uniform(0.5, 1))
        chords[-1][:200] += 0.2 * rng.standard_normal(200)
    y = np.concatenate(chords)[: round(SR * seconds)]
    return y + 1e-3 * rng.standard_normal(len(y))


EDGES = {
    "music": music(2),
    "silence": np.zeros(2 * SR),
    "DC": np.ones(2 * SR),
    "impulse": np.eye(1, 2 * SR, SR)[0],
    "sine": np.sin(2 * np.pi * 440 * np.arange(2 * SR) / SR),
    "Nyquist": (-1.0) ** np.arange(2 * SR),
    "1e30": 1e30 * music(2),
    "1e-30": 1e-30 * music(2),
    "half silent": np.concatenate([np.zeros(SR), music(1)]),
}


def apart(found, exact):
    """The largest difference in each column, relative to its largest value."""
    exact = exact.reshape(-1, len(DESCRIPTORS)).astype(float)
    distance = np.abs(found.reshape(exact.shape) - exact).max(axis=0)
    return dict(zip(DESCRIPTORS, distance / np.maximum(np.abs(exact).max(axis=0), 1e-6)))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_tensors_give_the_same_numbers(device, dtype):
    for seconds, window in ((12, 0.5), (1.3, 0.3)):
        y = np.stack([music(seconds), music(seconds, seed=1)]).astype(dtype)
        exact, starts = describe(y, SR, window_seconds=window)
        values, times = describe(torch.tensor(y, device=device), SR, window_seconds=window)
        assert values.device.type == device
        assert values.shape == exact.shape
        assert values.cpu().numpy().dtype == dtype
        assert np.array_equal(times, starts)
        distances = apart(values.cpu().numpy(), exact)
        assert max(distances.values()) < TOLERANCE[dtype], distances


@pytest.mark.parametrize("samples", [0, 1, 100, 511, 512, 8191, 8192, 11025])
def test_short_tensors_give_the_same_numbers(samples):
    y = music(1)[:samples]
    exact = describe(y, SR)[0]
    values = describe(torch.tensor(y), SR)[0]
    assert values.shape == exact.shape
    assert max(apart(values.numpy(), exact).values()) < 1e-6


@pytest.mark.parametrize("edge", [edge for edge in EDGES if edge != "1e30"])
def test_odd_signals_give_the_same_numbers(edge):
    exact = describe(EDGES[edge], SR)[0]
    distances = apart(describe(torch.tensor(EDGES[edge]), SR)[0].numpy(), exact)
    if edge in ("impulse", "DC", "Nyquist"):
        # The peaks of a flat spectrum, or of no spectrum, are what rounding leaves.
        by_peaks = ("chroma", "tonnetz", "key", "mode", "rough", "irregular", "novelty")
        distances = {k: v for k, v in distances.items() if not k.startswith(by_peaks)}
    assert max(distances.values()) < 1e-6, distances


@pytest.mark.parametrize("device", [None, *DEVICES])
def test_batches_are_signals_one_by_one(device):
    y = np.stack([music(1.5, seed=seed) for seed in range(4)]).reshape(2, 2, -1)
    if device is None:
        values = describe(y, SR)[0]
        one_by_one = [[describe(signal, SR)[0] for signal in pair] for pair in y]
        assert np.array_equal(values, one_by_one)
    else:
        layer = Descriptors(SR).to(device)
        tensor = torch.tensor(y, device=device)
        one_by_one = torch.stack([torch.stack([layer(s) for s in pair]) for pair in tensor])
        assert torch.allclose(layer(tensor), one_by_one, rtol=1e-9, atol=1e-9)
    assert describe(np.zeros((0, SR)), SR)[0].shape == (0, 2, 57)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradients_are_finite(device, dtype):
    y = torch.tensor(np.stack(list(EDGES.values())), dtype=dtype, device=device)
    y.requires_grad_()
    layer = Descriptors(SR).to(device)
    values = layer(y)
    assert values.isfinite().all()
    values.square().mean((-1, -2)).sum().backward()
    assert y.grad.isfinite().all()
    assert y.grad[0].any()
    assert not layer.state_dict()


def test_gradients_are_those_of_differences():
    y = torch.tensor(music(0.3), requires_grad=True)
    layer = Descriptors(SR, window_seconds=0.25)
    along = torch.tensor(np.random.default_rng(0).standard_normal(len(y)))
    step = 1e-8
    with torch.no_grad():
        slopes = (layer(y + step * along) - layer(y - step * along)) / (2 * step)
    measured = dict(zip(DESCRIPTORS, slopes[0].tolist()))
    choices = {"zero_crossing_rate", "rolloff", "key", "novelty", "tempo", "pulse_clarity", "flux"}
    for column, name in enumerate(DESCRIPTORS):
        if name not in choices:
            (grad,) = torch.autograd.grad(layer(y)[0, column], y, allow_unused=True)
            slope = float(grad @ along)
            assert slope == pytest.approx(measured[name], rel=1e-3, abs=1e-4), name


@pytest.mark.parametrize("device", DEVICES)
def test_a_device_gives_the_same_features(device):
    y = np.stack([music(13), music(13, seed=1)]).astype(np.float32)
    on_device = AudioDescriptors(sr=SR, device=device)
    exact = AudioDescriptors(sr=SR).frames((y[0], SR)).values
    frames = on_device.frames((y[0], SR))
    assert max(apart(frames.values, exact).values()) < 1e-3
    both = describe(y, SR, device=device)[0]
    assert np.array_equal(both[0], frames.values)
    with pytest.raises(AudioError):
        on_device.frames((np.array([0.0, np.nan]), SR))


def test_windows_have_a_shortest_length():
    with pytest.raises(ChordmerError, match=r"0\.25"):
        Descriptors(SR, window_seconds=0.2)
