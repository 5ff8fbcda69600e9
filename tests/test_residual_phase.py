"""Residual phase: what prediction must leave, then that all paths leave the same."""

import numpy as np
import pytest
import torch
from corpora import bundled_midi
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import solve_toeplitz
from scipy.signal import hilbert, lfilter

from chordmer.errors import ChordmerError
from chordmer.features import prediction
from chordmer.features.paper_layers import PeakPhase
from chordmer.features.prediction import WHITE_NOISE, lpc, prediction_residual
from chordmer.features.residual_phase import (
    excitation_frame_length,
    peak_phase,
    peak_phase_blocks,
    residual_phase,
)
from chordmer.io import render

SR = 44100
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


def noise(samples, seed=0):
    return np.random.default_rng(seed).standard_normal(samples)


@pytest.fixture(scope="module")
def music():
    sound = render(bundled_midi()[0])
    start = int(np.argmax(np.abs(sound) > 1e-3))
    return sound[start : start + 10 * SR]


#: Signals that bring prediction to its edges.
EDGES = {
    "silence": np.zeros(5000),
    "constant": np.ones(5000),
    "impulse": np.eye(1, 5000, 2000)[0],
    "sine": np.sin(0.1 * np.arange(5000)),
    "square": np.sign(np.sin(0.01 * np.arange(5000))),
    "tiny": 1e-30 * noise(5000),
    "huge": 1e30 * noise(5000),
    "one sample": np.ones(1),
    "no sample": np.zeros(0),
}


def test_prediction_finds_the_resonances_that_made_the_signal():
    poles = np.array([0.9 * np.exp(0.5j), 0.8 * np.exp(1.5j), 0.7 * np.exp(2.5j)])
    made = np.poly(np.concatenate([poles, poles.conj()])).real
    y = lfilter([1], made, noise(200_000))
    assert np.allclose(lpc(y, 6), made, atol=0.02)
    assert np.allclose(lpc(y, 16), np.pad(made, (0, 10)), atol=0.02)


def test_a_sine_has_nothing_left():
    y = np.sin(0.1 * np.arange(20_000))
    residual = residual_phase(y, SR, preemphasis=0).residual[3:-3]
    assert (residual**2).mean() < 1e-6 * (y**2).mean()


def test_noise_is_left_as_it_is():
    y = noise(100_000)
    residual = residual_phase(y, SR, preemphasis=0).residual[3:-3]
    assert (residual**2).mean() == pytest.approx((y**2).mean(), rel=0.05)


def test_an_impulse_is_left_where_it_is():
    left = residual_phase(np.eye(1, 20_000, 10_000)[0], SR, preemphasis=0)
    assert left.residual.shape == (20, 1500)
    frame, place = np.unravel_index(left.residual.argmax(), left.residual.shape)
    assert frame * 1024 - 750 + place == 10_000
    assert left.residual[frame, place] == pytest.approx(1, abs=1e-6)


def test_the_residual_is_as_strong_at_the_start_of_a_frame_as_later(music):
    residual = residual_phase(music, SR).residual[10:-10]
    first, later = (residual[:, :16] ** 2).mean(), (residual[:, 16:] ** 2).mean()
    assert 0.5 < first / later < 2


def test_the_phase_is_a_cosine(music):
    for y in (music, *EDGES.values()):
        left = residual_phase(y, SR)
        assert np.isfinite(left.residual).all()
        assert (np.abs(left.phase) <= 1).all()
        assert (left.envelope >= np.abs(left.residual)).all()
        assert (left.phase[left.envelope == 0] == 0).all()
        assert np.allclose(left.phase * left.envelope, left.residual, rtol=1e-12, atol=0)


def test_the_phase_of_an_upside_down_signal_is_upside_down(music):
    assert np.array_equal(peak_phase(-music, SR), -peak_phase(music, SR))


def test_the_phase_knows_no_loudness(music):
    phase = peak_phase(music, SR)
    assert np.array_equal(peak_phase(music * 2.0**-20, SR), phase)
    assert np.array_equal(peak_phase(music * 2.0**80, SR), phase)


@pytest.mark.parametrize("sr", [8000, 22050, 44100, 48000, 192_000])
@pytest.mark.parametrize("hop", [256, 1000, 1024])
def test_frames_overlap_by_ten_milliseconds_or_little_more(sr, hop):
    overlap = (excitation_frame_length(sr, hop) - hop) / sr
    assert 0.00999 <= overlap <= 0.014


def test_a_second_has_as_many_frames_as_the_papers():
    assert peak_phase(noise(SR), SR).shape == (44,)
    assert peak_phase(noise(SR).reshape(5, 2, -1), SR).shape == (5, 2, 5)


def independent(y, frame, length=1500, hop=1024, order=16):
    """One frame by other means: sums, scipy's Toeplitz solver, a double loop, scipy's hilbert."""
    flat = y.astype(float) - 0.97 * np.pad(y.astype(float), (1, 0))[:-1]
    flat = np.pad(flat, (length // 2 + order, length))
    seen = flat[frame * hop : frame * hop + length + order]
    windowed = seen[order:] * np.hamming(length)
    r = np.array([windowed[: length - lag] @ windowed[lag:] for lag in range(order + 1)])
    r[0] *= 1 + WHITE_NOISE
    a = np.concatenate([[1], solve_toeplitz(r[:-1], -r[1:])])
    left = np.array([a @ seen[n : n + order + 1][::-1] for n in range(length)])
    analytic = hilbert(left)
    return left, np.abs(analytic), np.cos(np.angle(analytic))


def test_numbers_are_those_of_an_independent_computation(music):
    left = residual_phase(music, SR)
    peaks = peak_phase(music, SR)
    for frame in (3, 64, 65, 200):
        residual, envelope, phase = independent(music, frame)
        assert np.allclose(left.residual[frame], residual, atol=1e-9 * envelope.max())
        assert np.allclose(left.envelope[frame], envelope, atol=1e-9 * envelope.max())
        heard = envelope > 1e-3 * envelope.max()
        assert np.allclose(left.phase[frame][heard], phase[heard], atol=1e-6)
        assert peaks[frame] == pytest.approx(phase[envelope.argmax()], abs=1e-9)


@pytest.mark.parametrize("order", [1, 4, 6, 16])
def test_the_compiled_loop_does_the_same(monkeypatch, order):
    frames, filters = noise(20 * 300).reshape(20, 300), noise(20 * (order + 1), 1).reshape(20, -1)
    filters[:, 0] = 1
    exact = [np.convolve(frame, a, "valid") for frame, a in zip(frames, filters)]
    left = []
    for plain_samples in (np.inf, -1):
        monkeypatch.setattr(prediction, "_PLAIN_SAMPLES", plain_samples)
        left.append(prediction_residual(frames, filters))
        assert np.allclose(left[-1], exact, rtol=0, atol=1e-12)
    assert np.allclose(left[0], left[1], rtol=0, atol=1e-14)


def test_equal_peaks_are_told_apart_exactly():
    """Of two peaks alike but for a millionth, the larger is the peak."""
    for larger in (3000, 3400):
        y = np.zeros(6144)
        y[3000], y[3400] = 1, -1
        y[larger] *= 1 + 1e-6
        sign = 1 if larger == 3000 else -1
        assert peak_phase(y, SR, preemphasis=0)[3] == pytest.approx(sign, abs=1e-2)


def test_float32_is_computed_in_float64(music):
    assert music.dtype == np.float32
    assert np.array_equal(peak_phase(music, SR), peak_phase(music.astype(float), SR))
    unrounded = music.astype(float) * 0.9123
    rounded = peak_phase(unrounded.astype(np.float32), SR)
    assert np.abs(rounded - peak_phase(unrounded, SR)).max() < 1e-3


@given(st.lists(st.integers(0, 150_000), max_size=5), st.integers(0, 150_000))
@settings(max_examples=25, deadline=None)
def test_how_a_signal_is_cut_changes_nothing(cuts, samples):
    y = noise(samples)
    parts = np.split(y, sorted(min(cut, samples) for cut in cuts))
    blocks = list(peak_phase_blocks(parts, SR))
    assert np.array_equal(np.concatenate(blocks), peak_phase(y, SR))
    assert len(np.concatenate(blocks)) == 1 + samples // 1024


def test_batches_are_signals_one_by_one():
    y = noise(30_000).reshape(3, -1)
    assert np.array_equal(peak_phase(y, SR), [peak_phase(row, SR) for row in y])
    assert np.array_equal(residual_phase(y, SR).phase[1], residual_phase(y[1], SR).phase)


@pytest.mark.parametrize("device", DEVICES)
def test_the_torch_form_gives_the_same_numbers(device, music):
    for y in (music, *EDGES.values()):
        y = y.astype(np.float32)
        phase = peak_phase(torch.tensor(y, device=device), SR)
        assert phase.dtype == torch.float32
        tolerance = 1e-6 if y is not EDGES["sine"] else 1e-3
        assert np.abs(phase.cpu().numpy() - peak_phase(y, SR)).max() < tolerance


@pytest.mark.parametrize("device", DEVICES)
def test_gradients_are_right_and_finite(device):
    layer = PeakPhase(8000, lpc_order=3, hop_length=30, overlap=0.001).half()
    y = torch.tensor(noise(100), device=device, requires_grad=True)
    assert torch.autograd.gradcheck(layer, (y,))
    for name in ("silence", "constant", "impulse", "sine", "square", "one sample"):
        y = torch.tensor(EDGES[name], dtype=torch.float32, device=device, requires_grad=True)
        peak_phase(y, SR).sum().backward()
        assert y.grad.isfinite().all(), name


@pytest.mark.parametrize(
    "wrong", [{"lpc_order": 0}, {"hop_length": 0}, {"overlap": -1}, {"overlap": float("nan")}]
)
def test_what_cannot_be_is_refused(wrong):
    with pytest.raises(ChordmerError):
        peak_phase(noise(100), SR, **wrong)
