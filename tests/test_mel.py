"""Short-time spectra, mel bands, cepstra and differences."""

import numpy as np
import pytest
import scipy.fft
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

from chordmer.errors import ChordmerError
from chordmer.features.mel import delta, mel_filterbank, mel_power, mfcc, power_to_db
from chordmer.features.stft import Spectra, frame_times, hann, in_range, stft_magnitude

SR = 44100


def noise(n, seed=0, scale=0.1):
    return (scale * np.random.default_rng(seed).standard_normal(n)).astype(np.float32)


def direct_stft(y, n_fft, hop_length, win_length):
    """Magnitudes by the definition: a frame and a full DFT at a time, in float64."""
    padded = np.pad(np.asarray(y, np.float64), n_fft)
    window = scipy.signal.get_window("hann", win_length)
    frames = []
    for centre in range(0, len(y) + 1, hop_length):
        start = centre + n_fft - n_fft // 2 + (n_fft - win_length) // 2
        frames.append(np.abs(np.fft.fft(padded[start : start + win_length] * window, n_fft)))
    return np.array(frames).T[: n_fft // 2 + 1]


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(0, 3000),
    n_fft=st.integers(2, 400),
    hop_length=st.integers(1, 700),
    share=st.floats(0.01, 1),
)
def test_magnitudes_are_those_of_the_definition(n, n_fft, hop_length, share):
    win_length = max(1, round(share * n_fft))
    y = noise(n).astype(np.float64)
    ours = stft_magnitude(y, n_fft=n_fft, hop_length=hop_length, win_length=win_length)
    assert ours.shape == (1 + n_fft // 2, 1 + n // hop_length)
    np.testing.assert_allclose(
        ours, direct_stft(y, n_fft, hop_length, win_length), rtol=1e-10, atol=1e-12
    )


def test_blocks_leave_no_seam():
    y = noise(20 * SR)
    whole = stft_magnitude(y, n_fft=1024, hop_length=256)
    part = stft_magnitude(y[5 * 1024 * 16 :], n_fft=1024, hop_length=256)
    np.testing.assert_allclose(
        whole[:, 5 * 64 + 2 :][:, : part.shape[1] - 2], part[:, 2:], rtol=1e-5, atol=1e-5
    )


def test_parseval():
    """With shifted Hann windows that sum to a constant, the spectra hold the signal's energy."""
    y = noise(SR).astype(np.float64)
    power = stft_magnitude(y, n_fft=2048, hop_length=512) ** 2
    two_sided = 2 * power.sum() - power[0].sum() - power[-1].sum()
    assert two_sided / 2048 / (hann(2048) ** 2).sum() * 512 == pytest.approx((y**2).sum(), rel=0.02)


def test_a_tone_lands_in_its_bin_and_band():
    for hz in (440.0, 1760.0, 3520.0):
        y = np.sin(2 * np.pi * hz * np.arange(SR) / SR)
        spectrum = stft_magnitude(y)[:, 40]
        assert abs(spectrum.argmax() * SR / 2048 - hz) <= SR / 2048 / 2
        bank = mel_filterbank(SR, 2048)
        assert mel_power(y, SR)[:, 40].argmax() == bank[:, round(hz * 2048 / SR)].argmax()


def test_mel_bands_are_triangles_of_unit_area():
    bank = mel_filterbank(SR, 1 << 17, n_mels=40, fmin=50, fmax=16000)
    np.testing.assert_allclose(bank.sum(axis=1) * SR / (1 << 17), 1, rtol=1e-4)
    assert ((bank > 0).sum(axis=0) <= 2).all()
    assert not bank[:, int(16000 * (1 << 17) / SR) + 2 :].any()


def test_float32_and_float64_agree():
    y = noise(5 * SR) * np.linspace(0, 1, 5 * SR, dtype=np.float32)
    exact = mfcc(y.astype(np.float64), SR, n_mfcc=64)
    single = mfcc(y, SR, n_mfcc=64)
    assert exact.dtype == np.float64
    assert single.dtype == np.float32
    assert np.abs(single - exact).max() < 1e-3  # dB, where the 0th coefficient reaches 1e3


def test_mfcc_is_the_dct_of_the_decibels():
    y = noise(SR).astype(np.float64)
    db = power_to_db(mel_power(y, SR))
    np.testing.assert_allclose(
        mfcc(y, SR, n_mfcc=13), scipy.fft.dct(db, axis=0, norm="ortho")[:13], atol=1e-10
    )


def test_a_batch_gives_what_its_signals_give():
    batch = np.stack([noise(SR), noise(SR, 1, 3.0), np.zeros(SR, np.float32)])
    for f in (
        stft_magnitude,
        lambda y: mel_power(y, SR),
        lambda y: mfcc(y, SR, n_mfcc=64),
        lambda y: mfcc(y[:, None], SR)[:, 0] if y.ndim == 2 else mfcc(y, SR),
    ):
        np.testing.assert_array_equal(f(batch), np.stack([f(y) for y in batch]))


def test_delta_is_a_savitzky_golay_fit():
    x = noise(200).reshape(4, 50).astype(np.float64)
    for width, order in ((9, 1), (9, 2), (5, 1), (11, 3), (49, 2)):
        np.testing.assert_allclose(
            delta(x, width=width, order=order),
            scipy.signal.savgol_filter(x, width, polyorder=order, deriv=order, mode="interp"),
            atol=1e-12,
        )


def test_delta_of_a_line_is_its_slope_however_short():
    for n in range(1, 12):
        line = 3.0 * np.arange(n)
        np.testing.assert_allclose(delta(line), 3.0 if n >= 3 else 0.0, atol=1e-12)
    assert delta(np.zeros((2, 0))).shape == (2, 0)


def test_an_overloud_signal_keeps_its_cepstra_but_for_the_level():
    y = noise(SR)
    loud = np.ldexp(y, 80)
    spectrum, gain_db = in_range(stft_magnitude(loud))
    assert spectrum.max() <= 1
    assert gain_db > 0
    one, other = mfcc(y, SR), mfcc(loud, SR)
    np.testing.assert_allclose(other[1:], one[1:], atol=2e-3)
    np.testing.assert_allclose(other[0] - one[0], 80 * 20 * np.log10(2) * np.sqrt(128), rtol=1e-5)


@settings(max_examples=40, deadline=None)
@given(
    pieces=st.lists(st.integers(0, 900), max_size=6),
    n_fft=st.integers(2, 300),
    hop_length=st.integers(1, 700),
)
def test_a_signal_in_pieces_has_the_spectra_of_the_whole(pieces, n_fft, hop_length):
    y = noise(sum(pieces))
    parts = np.split(y, np.cumsum(pieces)[:-1]) if pieces else []
    blocks = list(Spectra(n_fft=n_fft, hop_length=hop_length).of(iter(parts)))
    assert sum(len(block) for block in blocks) == 1 + len(y) // hop_length
    np.testing.assert_array_equal(
        np.concatenate(blocks).T, stft_magnitude(y, n_fft=n_fft, hop_length=hop_length)
    )


def test_frame_times_are_the_centres():
    assert frame_times(3, SR, 441).tolist() == [0.0, 0.01, 0.02]


@pytest.mark.parametrize(
    "call",
    [
        lambda y: stft_magnitude(y, hop_length=0),
        lambda y: stft_magnitude(y, n_fft=100, win_length=101),
        lambda y: stft_magnitude(y, win_length=0),
        lambda y: mfcc(y, SR, n_mfcc=129),
        lambda y: mfcc(y, SR, n_mfcc=0),
        lambda y: mel_power(y, SR, fmin=100, fmax=50),
        lambda y: mel_power(y, SR, fmax=SR),
        lambda y: delta(y, width=8),
        lambda y: delta(y, width=9, order=9),
    ],
)
def test_impossible_parameters_are_named(call):
    with pytest.raises(ChordmerError, match=r"need.*found"):
        call(np.zeros(100, np.float32))
