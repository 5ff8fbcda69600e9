"""Gammatone features: first what the ear's filters must do, then that all paths do the same."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import freqz_sos, sosfilt

from chordmer.errors import ChordmerError, MissingModalityError
from chordmer.features import cascade
from chordmer.features.gammatone import (
    GammatoneFeatures,
    erb,
    erb_space,
    gammatone_filterbank,
    gammatone_frames,
    gammatonegram,
    gfcc,
)
from chordmer.features.paper_layers import Gammatonegram
from chordmer.track import Track

SR = 44100
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


def noise(samples, seed=0):
    return np.random.default_rng(seed).standard_normal(samples)


# What the filters must do.


def test_bands_are_evenly_spaced_in_erbs():
    centres = erb_space(50, 22050, 24)
    assert centres[0] == 50
    assert centres[-1] < 22050
    erb_number = 9.26449 * np.log(1 + centres / (9.26449 * 24.7))
    assert np.allclose(np.diff(erb_number), np.diff(erb_number)[0])
    step = np.diff(erb_number)[0]
    assert 9.26449 * np.log(1 + 22050 / (9.26449 * 24.7)) == pytest.approx(erb_number[-1] + step)


@pytest.mark.parametrize("sr", [8000, 44100, 192000])
def test_gain_is_one_at_the_centres_and_less_elsewhere(sr):
    sos, centres = gammatone_filterbank(sr)
    for band, centre in zip(sos, centres):
        assert abs(freqz_sos(band, [centre], fs=sr)[1][0]) == pytest.approx(1, abs=1e-10)
        away = centre + erb(centre) * np.array([-1, 1])
        away = away[(away > 0) & (away < sr / 2)]
        assert (abs(freqz_sos(band, away, fs=sr)[1]) < 0.5).all()


def test_bandwidths_are_those_of_the_ear():
    sos, centres = gammatone_filterbank(SR)
    hz = np.arange(0, SR / 2, 0.5)
    for band, centre in zip(sos[:18], centres):
        power = np.abs(freqz_sos(band, hz, fs=SR)[1]) ** 2
        assert power.sum() * 0.5 == pytest.approx(erb(centre), rel=0.05)


@pytest.mark.parametrize(
    ("hz", "off"), [(50, 0.005), (250, 0.007), (1000, 0.02), (4000, 0.06), (18000, 0.24)]
)
def test_impulses_ring_as_a_gammatone(hz, off):
    sos, _ = gammatone_filterbank(SR, 1, fmin=hz)
    seconds = np.arange(SR) / SR
    impulse = np.zeros(SR)
    impulse[0] = 1
    rung = sosfilt(sos[0], impulse)
    ideal = seconds**3 * np.exp(-2 * np.pi * 1.019 * (24.7 + hz / 9.26449) * seconds)
    ideal *= np.cos(2 * np.pi * hz * seconds)
    ideal /= abs(np.sum(ideal * np.exp(-2j * np.pi * hz * seconds)))
    assert np.linalg.norm(rung - ideal) <= off * np.linalg.norm(ideal)


def test_filters_are_stable_down_to_the_lowest_notes():
    for sr in (8000, 44100, 192000):
        impulse = np.zeros(2 * sr)
        impulse[0] = 1
        for band in gammatone_filterbank(sr, 24, fmin=10)[0]:
            rung = sosfilt(band, impulse)
            assert np.abs(rung[-sr // 2 :]).max() < 1e-12 * np.abs(rung).max()


def test_a_tone_lands_in_its_band_and_reads_its_power():
    seconds = np.arange(2 * SR) / SR
    for band, hz in enumerate(gammatone_filterbank(SR)[1]):
        power = gammatonegram(0.5 * np.sin(2 * np.pi * hz * seconds), SR)[:, 30:80].mean(axis=1)
        assert power.argmax() == band
        assert power[band] == pytest.approx(0.125, rel=0.01)


def test_energy_scales_with_amplitude_squared():
    y = noise(5000)
    power = gammatonegram(y, SR)
    assert np.array_equal(gammatonegram(4 * y, SR), 16 * power)
    assert np.allclose(gammatonegram(1e30 * y, SR), 1e60 * power, rtol=1e-12)
    assert np.allclose(gammatonegram(1e-30 * y, SR), 1e-60 * power, rtol=1e-12, atol=0)


def test_each_sample_counts_once():
    y = np.concatenate([noise(30 * 1024), np.zeros(SR)])
    sos, _ = gammatone_filterbank(SR)
    whole = [np.square(sosfilt(band, y)).sum() for band in sos]
    assert np.allclose(gammatonegram(y, SR).sum(axis=1) * 1024, whole, rtol=1e-9)


def test_later_sound_is_later():
    y = noise(4000)
    late = gammatonegram(np.concatenate([np.zeros(3 * 1024), y]), SR)
    assert np.array_equal(late[:, 3:], gammatonegram(y, SR))


def test_zeros_at_the_end_change_nothing():
    y = noise(4000)
    power = gammatonegram(y, SR)
    assert np.array_equal(gammatonegram(np.pad(y, (0, 5000)), SR)[:, : power.shape[1]], power)


def test_a_second_has_the_papers_shape():
    assert gammatonegram(noise(SR), SR).shape == (24, 44)
    assert gammatonegram(noise(SR).reshape(5, 2, -1), SR, n_bands=7).shape == (5, 2, 7, 5)


# That all paths do the same.


def extended(sos, y):
    """The cascade as difference equations in extended precision."""
    out = y.astype(np.longdouble)
    for b0, b1, _, _, a1, a2 in sos.astype(np.longdouble):
        x1 = y1 = y2 = np.longdouble(0)
        for n, x in enumerate(out):
            out[n] = b0 * x + b1 * x1 - a1 * y1 - a2 * y2
            x1, y2, y1 = x, y1, out[n]
    return out


def test_numbers_are_those_of_the_difference_equations():
    y = noise(3 * 1024)
    sos, _ = gammatone_filterbank(SR)
    power = gammatonegram(y, SR)
    for band in (0, 1, 8, 23):
        passed = np.square(extended(sos[band], np.pad(y, (512, 512))))
        exact = passed.reshape(-1, 1024).mean(axis=1)
        assert np.allclose(power[band], exact.astype(float), rtol=1e-10, atol=0)


@pytest.mark.parametrize("n_bands", [1, 24, 31])
@pytest.mark.parametrize("lengths", [(1024, None), (441, 1102), (512, 2048), (100, 30)])
def test_frames_are_windows_of_the_filtered_signal(monkeypatch, n_bands, lengths):
    hop, window = lengths[0], lengths[1] or lengths[0]
    y = noise(9000)
    sos, _ = gammatone_filterbank(SR, n_bands)
    ends = np.pad(y, (window // 2, window))
    passed = np.array([np.square(sosfilt(band, ends)) for band in sos])
    starts = range(0, len(y) + 1, hop)
    exact = np.array([passed[:, start : start + window].mean(axis=1) for start in starts]).T
    powers = []
    for plain_samples in (np.inf, -1):
        monkeypatch.setattr(cascade, "_PLAIN_SAMPLES", plain_samples)
        powers.append(gammatonegram(y, SR, n_bands=n_bands, hop_length=hop, win_length=lengths[1]))
        assert np.allclose(powers[-1], exact, rtol=1e-11, atol=0)
    assert np.allclose(powers[0], powers[1], rtol=1e-14, atol=0)


@given(
    st.lists(st.integers(0, 6000), max_size=6),
    st.integers(0, 6000),
    st.integers(1, 2000),
    st.one_of(st.none(), st.integers(1, 3000)),
)
@settings(max_examples=60, deadline=None)
def test_how_a_signal_is_cut_changes_nothing(cuts, samples, hop, window):
    y = noise(samples)
    keywords = {"n_bands": 3, "hop_length": hop, "win_length": window}
    whole = gammatonegram(y, SR, **keywords)
    parts = np.split(y, sorted(min(cut, samples) for cut in cuts))
    assert whole.shape == (3, 1 + samples // hop)
    assert np.array_equal(np.concatenate(list(gammatone_frames(parts, SR, **keywords))).T, whole)


def test_long_signals_pass_in_blocks_and_leave_the_plain_path(monkeypatch):
    monkeypatch.setattr(cascade, "_PLAIN_SAMPLES", 24 * 200_000)
    monkeypatch.setattr(cascade, "_samples_filtered", 0)
    y = noise(400_000)
    mixed = gammatonegram(y, SR)
    monkeypatch.setattr(cascade, "_PLAIN_SAMPLES", -1)
    assert np.allclose(mixed, gammatonegram(y, SR), rtol=1e-14, atol=0)


def test_batches_are_signals_one_by_one():
    y = noise(9000).reshape(3, -1)
    assert np.array_equal(gammatonegram(y, SR), [gammatonegram(row, SR) for row in y])


def test_float32_is_computed_in_float64():
    y = noise(3000).astype("f4")
    assert np.array_equal(gammatonegram(y, SR), gammatonegram(y.astype("f8"), SR))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("lengths", [(1024, None), (441, 1102), (512, 2048), (1000, 300)])
@pytest.mark.parametrize("samples", [0, 1, 1000, 50_000])
def test_the_torch_form_gives_the_same_numbers(device, samples, lengths):
    y = noise(2 * samples).reshape(2, samples)
    keywords = {"hop_length": lengths[0], "win_length": lengths[1]}
    exact = gammatonegram(y, SR, **keywords)
    loudest = exact.max(axis=-1, keepdims=True)
    for dtype, tolerance in ((torch.float64, 1e-11), (torch.float32, 2e-6)):
        power = gammatonegram(torch.tensor(y, dtype=dtype, device=device), SR, **keywords)
        assert power.dtype == dtype
        assert power.shape == exact.shape
        assert (np.abs(power.cpu().numpy() - exact) <= tolerance * loudest).all()


@pytest.mark.parametrize("device", DEVICES)
def test_gradients_are_right_and_finite(device):
    layer = Gammatonegram(8000, n_bands=3, fmin=500, hop_length=16, win_length=24).to(device)
    y = torch.tensor(noise(40), device=device, requires_grad=True)
    assert torch.autograd.gradcheck(layer, (y,))
    for signal in (torch.zeros(2, 3000), torch.ones(2, 3000)):
        y = signal.to(device).requires_grad_()
        layer(y).add(1e-10).log().sum().backward()
        assert y.grad.isfinite().all()


def test_a_layer_holds_nothing_to_learn_and_keeps_its_precision():
    layer = Gammatonegram(SR, n_bands=4)
    y = torch.tensor(noise(2000))
    power = layer(y)
    assert not list(layer.parameters())
    assert not layer.state_dict()
    assert torch.equal(layer.half().to(torch.float32)(y), power)


def test_cepstra_are_the_cosine_transform_of_loudness():
    y = noise(4000)
    power = gammatonegram(y, SR, n_bands=16)
    k, band = np.arange(5)[:, None], np.arange(16)
    transform = np.sqrt(2 / 16) * np.cos(np.pi * k * (band + 0.5) / 16)
    transform[0] /= np.sqrt(2)
    cepstra = gfcc(y, SR, n_gfcc=5, n_bands=16)
    assert np.allclose(cepstra, transform @ np.cbrt(np.sqrt(power)))
    levels = gfcc(y, SR, n_gfcc=5, n_bands=16, compression="log")
    assert np.allclose(levels, transform @ (10 * np.log10(2 * power)))


# The extractor.


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("compression", ["cubic", "log"])
def test_cepstra_of_tensors_are_the_same(device, compression):
    y = np.stack([noise(5000), noise(5000, 1)])
    exact = gfcc(y, SR, compression=compression)
    for dtype, tolerance in ((torch.float64, 1e-9), (torch.float32, 1e-5)):
        cepstra = gfcc(torch.tensor(y, dtype=dtype, device=device), SR, compression=compression)
        assert cepstra.dtype == dtype
        assert cepstra.device.type == device
        assert np.abs(cepstra.cpu().numpy() - exact).max() < tolerance * np.abs(exact).max()
    odd = torch.tensor(np.stack([np.zeros(5000), np.ones(5000), noise(5000)]), device=device)
    odd.requires_grad_()
    gfcc(odd, SR, compression=compression).sum().backward()
    assert odd.grad.isfinite().all()
    assert odd.grad[2].any()


def test_frames_are_levels_of_a_full_scale_sine():
    seconds = np.arange(SR) / SR
    hz = gammatone_filterbank(SR)[1][10]
    frames = GammatoneFeatures().frames((np.sin(2 * np.pi * hz * seconds), SR))
    assert frames.values.shape == (44, 24)
    assert frames.values[20, 10] == pytest.approx(0, abs=0.05)
    assert frames.times[1] == 1024 / SR
    silent = GammatoneFeatures().frames((np.zeros(SR), SR)).values
    assert (silent == -100).all()


def test_rows_are_means_and_deviations_of_the_frames():
    y = noise(8 * SR) * np.linspace(0, 1, 8 * SR)
    for model in (GammatoneFeatures(), GammatoneFeatures(n_gfcc=5, compression="cubic")):
        values = model.frames((y, SR)).values.astype(float)
        row = model.transform([(y, SR)])[0]
        assert np.allclose(row, [*values.mean(axis=0), *values.std(axis=0)], rtol=1e-5, atol=1e-5)
        assert len(row) == len(set(model.get_feature_names_out()))


def test_the_first_seconds_are_taken_or_filled_up():
    model = GammatoneFeatures(duration=2, pad=True)
    for seconds in (1, 2, 5):
        assert model.frames((noise(seconds * SR), SR)).values.shape == (87, 24)


@pytest.mark.parametrize("device", DEVICES)
def test_a_device_gives_the_same_features(device):
    y = noise(SR)
    exact = GammatoneFeatures(n_gfcc=9).frames((y, SR)).values
    close = GammatoneFeatures(n_gfcc=9, device=device).frames((y, SR)).values
    assert np.allclose(close, exact, atol=1e-3)


@pytest.mark.parametrize(
    "wrong",
    [
        {"n_bands": 0},
        {"fmin": -1},
        {"fmin": 30_000},
        {"fmax": 30_000},
        {"fmin": float("nan")},
        {"hop_length": 0},
        {"win_length": 0},
        {"compression": "none"},
        {"n_gfcc": 25},
    ],
)
def test_what_cannot_be_is_refused(wrong):
    with pytest.raises(ChordmerError):
        GammatoneFeatures(**wrong).fit([])
    with pytest.raises(ChordmerError):
        GammatoneFeatures(**wrong).transform([(noise(100), SR)])


def test_a_track_without_sound_names_itself():
    with pytest.raises(MissingModalityError, match="the song"):
        GammatoneFeatures().transform([Track("the song", lyrics="la")])
