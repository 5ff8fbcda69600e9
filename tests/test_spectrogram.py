"""Spectrograms in NumPy, and the same as torch modules."""

import numpy as np
import pytest
import torch

from chordmer.errors import ChordmerError
from chordmer.features.layers import MFCC, LogMel, LogSpectrogram
from chordmer.features.mel import mfcc
from chordmer.features.spectrogram import log_mel, log_spectrogram, wide_and_narrow

SR = 44100
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def tone(hz, seconds=1.0, amplitude=1.0):
    return (amplitude * np.sin(2 * np.pi * hz * np.arange(int(SR * seconds)) / SR)).astype("f4")


def music(seconds=2.0, seed=0):
    """A few harmonics that decay, over faint noise."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(SR * seconds)) / SR
    y = sum(np.sin(2 * np.pi * 220 * k * t) / k for k in range(1, 8)) * np.exp(-2 * (t % 0.5))
    return (0.2 * y + 1e-3 * rng.standard_normal(len(t))).astype(np.float32)


def test_both_pictures_lie_on_one_time_grid():
    wide, narrow = wide_and_narrow(tone(440), SR)
    assert wide.shape == (129, 87)
    assert narrow.shape == (1025, 87)
    same, size = wide_and_narrow(tone(440), SR, n_fft=2048)
    assert same.shape == size.shape == (1025, 87)


def test_a_full_scale_sine_reads_0_db_in_both():
    bin_width = SR / 256
    wide, narrow = wide_and_narrow(tone(8 * bin_width), SR)
    assert wide[:, 20:60].max() == pytest.approx(0, abs=0.01)
    assert narrow[:, 20:60].max() == pytest.approx(0, abs=0.01)


def test_long_windows_part_harmonics_and_short_windows_part_clicks():
    harmonics = tone(1000, amplitude=0.4) + tone(1200, amplitude=0.4)
    wide, narrow = wide_and_narrow(harmonics, SR, n_fft=2048)
    low, middle, high = (round(hz * 2048 / SR) for hz in (1000, 1100, 1200))
    assert narrow[middle, 40] < min(narrow[low, 40], narrow[high, 40]) - 20
    assert wide[middle, 20:60].max() > wide[low, 20:60].max() - 3

    clicks = np.zeros(SR, np.float32)
    clicks[20000:20882:441] = 1.0
    wide, narrow = wide_and_narrow(clicks, SR, hop_length=63, n_fft=2048)
    during = slice(20000 // 63, 20882 // 63)
    assert np.ptp(wide[500, during]) > 60
    assert np.ptp(narrow[500, during]) < 15


def test_louder_by_6_db_is_6_db_more():
    y = music()
    for f in (log_spectrogram, log_mel):
        low, high = f(y, SR, floor_db=-300), f(2 * y, SR, floor_db=-300)
        np.testing.assert_allclose(high - low, 20 * np.log10(2), atol=1e-4)


def test_float32_follows_float64():
    y = music()
    for f in (log_spectrogram, log_mel):
        assert np.abs(f(y, SR, floor_db=-80) - f(y.astype(float), SR, floor_db=-80)).max() < 0.02


def test_extremes_stay_finite():
    for scale in (1e-30, 1e30):
        y = (tone(440) * np.float64(scale)).astype(np.float32)
        for z in (y, torch.tensor(y)):
            for f in (log_spectrogram, log_mel):
                assert np.isfinite(np.asarray(f(z, SR))).all()
    loud = log_spectrogram((tone(440) * np.float64(1e30)).astype(np.float32), SR)
    assert loud.max() == pytest.approx(600, abs=2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("samples", [0, 1, 100, 511, 512, 30000])
def test_tensors_give_the_same_numbers(dtype, samples):
    y = np.stack([music()[:samples], music(seed=1)[:samples]]).astype(dtype)
    tensor = torch.tensor(y, device=DEVICE)
    # dB, above -80; in float64 the mel bank itself is float32 in both
    tolerance = 0.05 if dtype == np.float32 else 1e-6
    for function, parameters in (
        (log_spectrogram, {"window_seconds": 0.003}),
        (log_spectrogram, {"window_seconds": 0.025}),
        (log_mel, {"n_mels": 64}),
    ):
        ours = function(y, SR, floor_db=-80, **parameters)
        theirs = function(tensor, SR, floor_db=-80, **parameters)
        assert theirs.device.type == DEVICE
        assert theirs.shape == ours.shape
        assert theirs.cpu().numpy().dtype == ours.dtype == dtype
        np.testing.assert_allclose(theirs.cpu().numpy(), ours, atol=tolerance)
    for parameters in ({}, {"top_db": None, "win_length": 1000, "n_mfcc": 64}):
        module = MFCC(SR, **parameters).to(DEVICE)
        np.testing.assert_allclose(
            module(tensor).cpu().numpy(), mfcc(y, SR, **parameters), atol=tolerance
        )


@pytest.mark.parametrize("module", [LogSpectrogram, LogMel, MFCC])
def test_gradients_are_finite_even_in_silence(module):
    y = np.stack([music(0.3), np.zeros(13230), 1e30 * tone(100, 0.3), 1e-30 * tone(100, 0.3)])
    y = torch.tensor(y, dtype=torch.float32, device=DEVICE, requires_grad=True)
    layer = module(SR).to(DEVICE)
    layer(y).sum().backward()
    assert torch.isfinite(y.grad).all()
    assert y.grad[0].abs().max() > 0
    assert not layer.state_dict()


def test_gradients_are_those_of_differences():
    y = torch.tensor(music(0.02), dtype=torch.float64, requires_grad=True)
    for module in (LogSpectrogram(SR, n_fft=2048), LogMel(SR, n_mels=20), MFCC(SR, top_db=None)):
        assert torch.autograd.gradcheck(lambda x, f=module: f(x)[3:6], (y[:200],), eps=1e-7)


def test_a_window_longer_than_the_transform_is_refused():
    with pytest.raises(ChordmerError, match="window of 1102 samples"):
        log_spectrogram(tone(440), SR, n_fft=1024)
    with pytest.raises(ChordmerError, match="hop_length"):
        LogMel(SR, hop_length=0)
