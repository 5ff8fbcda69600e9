"""Long signals on a device pass block by block, and nobody hears it."""

import numpy as np
import pytest
import torch
from sklearn.base import clone

from chordmer.features.gammatone import GammatoneFeatures
from chordmer.features.mfcc_rp import ResidualPhaseMFCC
from chordmer.features.overlap import Overlap
from chordmer.features.spectrogram import SpectrogramFeatures

SR = 44100
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


@pytest.mark.parametrize("cuts", [[], [1, 2], [300_000], [5000, 250_000, 262_144, 262_145]])
def test_overlapping_blocks_give_every_frame_once(cuts):
    y = np.random.default_rng(0).standard_normal(700_001)
    hop, margin = 500, 3

    def framed(signal):
        padded = np.pad(signal, (hop * margin, hop * margin))
        starts = hop * np.arange(1 + len(signal) // hop)
        return np.array([padded[start : start + 2 * hop * margin] for start in starts]).sum(axis=1)

    blocks = list(Overlap(hop, margin).of(np.split(y, cuts)))
    assert len(blocks) == 3
    assert max(len(block) for block, _ in blocks) <= 2**18 + 2 * margin * hop
    found = [framed(block)[kept] for block, kept in blocks]
    assert np.array_equal(np.concatenate(found), framed(y))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    ("extractor", "tolerance"),
    [
        (SpectrogramFeatures(kinds=("wide", "narrow", "mel"), floor_db=-60), 0.02),
        (SpectrogramFeatures(kinds=("narrow",), hop_length=100, floor_db=-60), 0.02),
        (GammatoneFeatures(), 1e-3),
        (GammatoneFeatures(hop_length=700, win_length=1900), 1e-3),
        (ResidualPhaseMFCC(), 1e-2),
    ],
    ids=repr,
)
def test_blocks_on_a_device_leave_no_seam(device, extractor, tolerance):
    rng = np.random.default_rng(0)
    t = np.arange(7 * SR) / SR
    y = np.sin(2 * np.pi * (100 + 400 * t) * t) + 0.1 * rng.standard_normal(len(t))
    sound = (0.3 * y.astype(np.float32), SR)
    frames = extractor.frames(sound)
    on_device = clone(extractor).set_params(device=device).frames(sound)
    assert np.array_equal(on_device.times, frames.times)
    assert np.abs(on_device.values - frames.values).max() < tolerance
