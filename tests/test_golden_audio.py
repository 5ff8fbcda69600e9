"""The audio features against golden values that know nothing of chordmer."""

import json

import numpy as np
import pytest
from golden_audio import FILE, FRAMES, SR, compute, signal

from chordmer.features import spectral
from chordmer.features.descriptors import DESCRIPTORS, describe
from chordmer.features.mel import delta, mel_power, mfcc
from chordmer.features.spectrogram import wide_and_narrow
from chordmer.features.stft import bin_frequencies, stft_magnitude
from chordmer.features.tonal import roughness, tonnetz

GOLDEN = {name: np.array(v) for name, v in json.loads(FILE.read_text("utf-8")).items()}
KEPT = list(FRAMES)
Y = signal()


@pytest.fixture(scope="module")
def again():
    return compute()


@pytest.mark.parametrize("name", GOLDEN)
def test_the_script_still_gives_the_stored_values(name, again):
    assert set(again) == set(GOLDEN)
    np.testing.assert_allclose(again[name], GOLDEN[name], rtol=1e-6, atol=1e-7)


def test_cepstra_and_their_differences():
    ours = mfcc(Y, SR, n_mfcc=64, hop_length=1024)
    np.testing.assert_allclose(ours[:, KEPT], GOLDEN["mfcc"], atol=1e-4)
    np.testing.assert_allclose(delta(ours)[:, KEPT], GOLDEN["delta"], atol=1e-4)
    np.testing.assert_allclose(delta(ours, order=2)[:, KEPT], GOLDEN["delta2"], atol=1e-4)
    single = mfcc(Y.astype(np.float32), SR, n_mfcc=64, hop_length=1024)
    np.testing.assert_allclose(single[:, KEPT], GOLDEN["mfcc"], atol=2e-3)


def test_mel_power():
    ours = mel_power(Y, SR, n_mels=64, hop_length=1024)[:, KEPT]
    np.testing.assert_allclose(ours, GOLDEN["mel_power"], rtol=1e-5)


def test_spectrograms():
    wide, narrow = wide_and_narrow(Y, SR)
    np.testing.assert_allclose(wide[::8, KEPT], GOLDEN["wide"], atol=1e-6)
    np.testing.assert_allclose(narrow[::64, KEPT], GOLDEN["narrow"], atol=1e-6)


def test_spectral_shapes():
    magnitude = stft_magnitude(Y)
    spectra, before = magnitude.T[KEPT], magnitude.T[np.maximum(0, np.array(KEPT) - 1)]
    hz = bin_frequencies(SR, 2048)
    ours = {
        "centroid": spectral.centroid(spectra, hz),
        "bandwidth": spectral.bandwidth(spectra, hz),
        "rolloff": spectral.rolloff(spectra, hz),
        "flatness": spectral.flatness(spectra**2),
        "entropy": spectral.entropy(spectra**2),
        "brightness": spectral.brightness(spectra, hz),
        "contrast": spectral.contrast(spectra**2, hz),
        "flux": [spectral.flux(s[None], b)[0] for s, b in zip(spectra, before)],
    }
    for name, values in ours.items():
        np.testing.assert_allclose(values, GOLDEN[name], rtol=1e-6, atol=1e-9, err_msg=name)


def test_tonal():
    chroma = (np.add.outer(np.arange(12), np.arange(3)) % 5 + 0.5).T
    np.testing.assert_allclose(tonnetz(chroma), GOLDEN["tonnetz"], atol=1e-9)
    partials = np.array([[220, 233.1, 440, 455, 700.0]]), np.array([[1, 0.8, 0.5, 0.3, 0.9]])
    np.testing.assert_allclose(roughness(*partials), GOLDEN["roughness"], rtol=1e-9)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 2e-6), (np.float32, 2e-4)])
def test_descriptors_of_windows(dtype, tolerance):
    values, _ = describe(Y.astype(dtype), SR)
    ours = dict(zip(DESCRIPTORS, values.T))
    windows = [name for name in GOLDEN if name.startswith("window_")]
    assert len(windows) == 23
    for name in windows:
        np.testing.assert_allclose(
            ours[name.removeprefix("window_")],
            GOLDEN[name],
            rtol=tolerance,
            atol=tolerance,
            err_msg=name,
        )
