"""The openSMILE adapter, with openSMILE where it is installed and with a double where it is not."""

import sys
import threading
from importlib.util import find_spec
from types import ModuleType, SimpleNamespace
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest

from chordmer.errors import ChordmerError, MissingExtraError, MissingModalityError
from chordmer.features.descriptors import CBSA_COLUMNS, AudioDescriptors
from chordmer.features.egemaps import EGeMAPS, egemaps
from chordmer.features.selection import FilterWrapperSelector
from chordmer.track import Track

SR = 44100


def sine(hz=220.0, seconds=2.0, amplitude=0.5):
    y = amplitude * np.sin(2 * np.pi * hz * np.arange(int(SR * seconds)) / SR)
    return y.astype(np.float32)


class Double:
    """What the adapter uses of ``opensmile.Smile``, with rows that say what they were given."""

    threads: ClassVar[set[int]] = set()

    def __init__(self, feature_set, feature_level):
        assert feature_set == "eGeMAPSv02"
        width, self.hop = {"functionals": (88, None), "lld": (25, 0.01)}[feature_level]
        self.feature_names = [f"feature {i}" for i in range(width)]

    def process_signal(self, y, sr):
        assert y.dtype == np.float32
        assert len(y) >= 0.2 * sr
        assert np.abs(y).max() <= 32767 / 32768
        self.threads.add(threading.get_ident())
        count = 1 if self.hop is None else int(len(y) / sr / self.hop)
        starts = pd.to_timedelta(np.arange(count) * (self.hop or 0), unit="s")
        index = pd.MultiIndex.from_arrays([starts, starts], names=["start", "end"])
        values = np.tile(np.arange(len(self.feature_names)) + y.std(), (count, 1))
        return pd.DataFrame(values, index=index, columns=self.feature_names)


@pytest.fixture
def double(monkeypatch):
    module = ModuleType("opensmile")
    module.Smile = Double
    module.FeatureSet = SimpleNamespace(eGeMAPSv02="eGeMAPSv02")
    module.FeatureLevel = SimpleNamespace(Functionals="functionals", LowLevelDescriptors="lld")
    monkeypatch.setitem(sys.modules, "opensmile", module)


def check_shapes():
    features = EGeMAPS()
    tracks = [(sine(), SR), Track("t", audio=(sine(440, amplitude=0.3), SR))]
    rows = features.fit(tracks).transform(tracks)
    assert rows.shape == (2, 88)
    assert rows.dtype == np.float32
    assert np.isfinite(rows).all()
    assert (rows[0] != rows[1]).any()
    assert len(features.get_feature_names_out()) == 88
    frames = features.frames(tracks[0])
    assert frames.values.shape[1] == 25
    np.testing.assert_allclose(np.diff(frames.times), 0.01, atol=1e-6)
    windows = EGeMAPS(window_seconds=0.5).frames(tracks[0])
    assert windows.values.shape == (4, 88)
    assert windows.times.tolist() == [0, 0.5, 1, 1.5]
    assert features.transform([]).shape == (0, 88)


def check_odd_signals():
    features = EGeMAPS()
    full = sine(amplitude=1.0)
    loud = features.transform([(full, SR), (np.ldexp(full, 100), SR)])
    np.testing.assert_array_equal(loud[0], loud[1])
    for y in (np.zeros(1), np.ones(10), np.zeros(SR)):
        assert np.isfinite(features.transform([(y.astype(np.float32), SR)])).all()
        assert np.isfinite(features.frames((y.astype(np.float32), SR)).values).all()
    with pytest.raises(MissingModalityError, match="words"):
        features.transform([Track("words", lyrics="la")])
    with pytest.raises(ChordmerError):
        features.frames((np.array([np.nan]), SR))


def check_threads():
    tracks = [(sine(200 + 50 * i), SR) for i in range(4)]
    np.testing.assert_array_equal(EGeMAPS(n_jobs=2).transform(tracks), EGeMAPS().transform(tracks))


def check_batches():
    y = np.stack([sine(200 + 50 * i) for i in range(4)]).reshape(2, 2, -1)
    rows = EGeMAPS().transform([(signal, SR) for pair in y for signal in pair])
    for n_jobs in (1, 2):
        np.testing.assert_array_equal(egemaps(y, SR, n_jobs=n_jobs), rows.reshape(2, 2, 88))
    np.testing.assert_array_equal(egemaps(y[0, 0], SR), rows[0])
    assert egemaps(np.zeros((3, 0)), SR).shape == (3, 88)


def check_the_papers_94_columns():
    """Series fusion: 88 low-level and 6 selected mid- and high-level features, step by step."""
    rng = np.random.default_rng(66)
    pulses = [np.arange(2 * SR) % (3000 + 400 * i) < 2000 for i in range(8)]
    tracks = [
        (sine(110 * 2 ** (i / 6), amplitude=rng.uniform(0.2, 1)) * pulse, SR)
        for i, pulse in enumerate(pulses)
    ]
    descriptors = AudioDescriptors(columns=CBSA_COLUMNS, statistics=("mean",))
    labels = rng.uniform(0, 1, (8, 2))
    selector = FilterWrapperSelector(threshold=0, n_features=6, cv=2)
    selector.fit(descriptors.transform(tracks), labels)
    low = EGeMAPS(window_seconds=0.5).frames(tracks[0])
    high = descriptors.frames(tracks[0])
    np.testing.assert_array_equal(low.times, high.times)
    assert np.hstack([low.values, selector.transform(high.values)]).shape == (4, 94)


CHECKS = [
    check_shapes,
    check_odd_signals,
    check_threads,
    check_batches,
    check_the_papers_94_columns,
]


@pytest.mark.parametrize("check", CHECKS)
def test_with_a_double(check, double):
    check()


def test_threads_are_used(double):
    Double.threads.clear()
    check_threads()
    assert Double.threads - {threading.get_ident()}


if find_spec("opensmile"):

    @pytest.mark.parametrize("check", CHECKS)
    def test_with_opensmile(check):
        check()


def test_without_it_the_message_says_how_to_get_it_and_at_what_price(monkeypatch):
    monkeypatch.setitem(sys.modules, "opensmile", None)
    for use in (
        lambda: EGeMAPS().fit([]),
        lambda: EGeMAPS().transform([]),
        lambda: EGeMAPS().frames((sine(), SR)),
        lambda: egemaps(sine(), SR),
    ):
        with pytest.raises(MissingExtraError, match=r"research only.*pip install opensmile"):
            use()
