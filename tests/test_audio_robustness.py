"""Every audio extractor on every odd signal: finite numbers of the promised shape, or an error."""

from importlib.util import find_spec

import numpy as np
import pytest
from sklearn.base import clone

from chordmer.errors import AudioError
from chordmer.features.descriptors import AudioDescriptors
from chordmer.features.egemaps import EGeMAPS
from chordmer.features.gammatone import GammatoneFeatures
from chordmer.features.mel import mfcc
from chordmer.features.mfcc_rp import ResidualPhaseMFCC
from chordmer.features.spectrogram import SpectrogramFeatures, log_mel, log_spectrogram

SR = 44100


def sine(amplitude=0.5, hz=440.0, sr=SR, seconds=1.0):
    return amplitude * np.sin(2 * np.pi * hz * np.arange(int(sr * seconds)) / sr)


def impulse():
    y = np.zeros(SR)
    y[SR // 2] = 1
    return y


SIGNALS = {
    "silence": (np.zeros(SR), SR),
    "DC": (np.ones(SR), SR),
    "impulse": (impulse(), SR),
    "one sample": (np.ones(1), SR),
    "shorter than a frame": (sine()[:300], SR),
    "a frame and a sample": (sine()[:2049], SR),
    "sine": (sine(), SR),
    "clipped square": (np.clip(np.sign(sine()) * 7, -1, 1), SR),
    "full-scale integers": (np.where(sine() > 0, 32767, -32768).astype(np.int16), SR),
    "1e-30": (sine(1e-30), SR),
    "1e30": (sine(1e30), SR),
    "denormal": (sine(1e-42), SR),
    "Nyquist": (0.5 * (-1.0) ** np.arange(SR), SR),
    "noise": (np.random.default_rng(0).standard_normal(SR), SR),
    "loud after silence": (np.concatenate([np.zeros(SR), sine(1e30), np.zeros(SR)]), SR),
    "8 kHz": (sine(sr=8000), 8000),
    "192 kHz": (sine(sr=192000), 192000),
    "stereo": (np.stack([sine(), sine(hz=660)]), SR),
    "opposite channels": (np.stack([sine(), -sine()]), SR),
}
NO_SOUND = {
    "empty": (np.zeros(0), SR),
    "NaN": (np.array([0.0, np.nan]), SR),
    "infinite": (np.array([0.0, np.inf]), SR),
    "beyond float32": (sine(1e39), SR),
    "too loud": (sine(1e35), SR),
    "no rate": (sine(), 0),
    "complex": (sine().astype(complex), SR),
    "cube": (np.zeros((2, 2, 2)), SR),
}
EXTRACTORS = [
    AudioDescriptors(),
    AudioDescriptors(device="cpu"),
    SpectrogramFeatures(kinds=("wide", "narrow", "mel")),
    SpectrogramFeatures(kinds=("wide", "narrow", "mel"), device="cpu"),
    GammatoneFeatures(),
    GammatoneFeatures(n_gfcc=8, compression="cubic"),
    GammatoneFeatures(device="cpu"),
    ResidualPhaseMFCC(),
    ResidualPhaseMFCC(device="cpu"),
]
if find_spec("opensmile"):
    EXTRACTORS.append(EGeMAPS())
FUNCTIONS = {
    "mfcc": lambda y, sr: mfcc(y, sr, n_mfcc=64),
    "log_mel": log_mel,
    "log_spectrogram": log_spectrogram,
    "wide": lambda y, sr: log_spectrogram(y, sr, window_seconds=0.003),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", SIGNALS)
@pytest.mark.parametrize("extractor", EXTRACTORS, ids=repr)
def test_every_extractor_withstands_every_signal(extractor, name):
    extractor = clone(extractor)
    names = extractor.get_feature_names_out()
    row = extractor.fit([SIGNALS[name]]).transform([SIGNALS[name]])
    assert row.shape == (1, len(names))
    assert row.dtype == np.float32
    assert np.isfinite(row).all(), [n for n, v in zip(names, row[0]) if not np.isfinite(v)]
    frames = extractor.frames(SIGNALS[name])
    assert np.isfinite(frames.values).all()
    assert frames.values.dtype == np.float32
    assert frames.values.shape[0] == frames.times.shape[0] >= 1
    assert (np.diff(frames.times) > 0).all()


@pytest.mark.parametrize("name", NO_SOUND)
@pytest.mark.parametrize("extractor", EXTRACTORS, ids=repr)
def test_every_extractor_refuses_what_is_no_sound(extractor, name):
    for use in (extractor.frames, lambda source: extractor.transform([source])):
        with pytest.raises(AudioError):
            use(NO_SOUND[name])


@pytest.mark.parametrize("name", SIGNALS)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_function_withstands_every_signal(function, name):
    y, sr = SIGNALS[name]
    for dtype in (np.float32, np.float64):
        out = FUNCTIONS[function](y.astype(dtype), sr)
        assert out.dtype == dtype
        assert np.isfinite(out).all()
        assert out.shape[:-2] == y.shape[:-1]
        assert out.shape[-1] == 1 + y.shape[-1] // 512


@pytest.mark.parametrize("extractor", EXTRACTORS, ids=repr)
def test_a_fixed_length_is_kept(extractor):
    fixed = clone(extractor).set_params(duration=2.0, pad=True)
    shapes = {fixed.frames((sine(seconds=s), SR)).values.shape for s in (0.01, 1.0, 2.0, 3.0)}
    assert len(shapes) == 1
