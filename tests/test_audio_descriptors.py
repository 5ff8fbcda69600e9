"""Descriptors of sound: what physics and music say they must be."""

import numpy as np
import pytest

from chordmer.errors import ChordmerError
from chordmer.features.descriptors import CBSA_COLUMNS, DESCRIPTORS, describe
from chordmer.features.pooling import STATISTICS, pool, pooled_names
from chordmer.features.recurrence import local_mean, local_tempo, novelty
from chordmer.features.spectral import (
    bandwidth,
    brightness,
    centroid,
    contrast,
    entropy,
    flatness,
    flux,
    rolloff,
)
from chordmer.features.stft import bin_frequencies, stft_magnitude
from chordmer.features.tonal import (
    autocorrelation,
    chroma_of,
    irregularity,
    key_of,
    pitch_of,
    roughness,
    spectral_peaks,
    tonnetz,
)

SR = 44100


def tone(note, seconds=2.0, partials=8, sr=SR):
    """A harmonic tone whose partials fall off as 1 / k."""
    t = np.arange(int(sr * seconds)) / sr
    hz = 440 * 2 ** ((note - 69) / 12)
    sound = sum(np.sin(2 * np.pi * hz * k * t) / k for k in range(1, partials + 1))
    return (0.2 * sound).astype(np.float32)


def clicks(bpm, seconds=20.0):
    y = np.zeros(int(SR * seconds), np.float32)
    burst = np.random.default_rng(0).standard_normal(400) * np.exp(-np.arange(400) / 80)
    for start in np.arange(0, len(y) - 400, SR * 60 / bpm).astype(int):
        y[start : start + 400] += burst.astype(np.float32)
    return y


def described(y, sr=SR, **parameters):
    values, _ = describe(y, sr, **parameters)
    return dict(zip(DESCRIPTORS, values.T))


def test_every_descriptor_has_a_unit_and_a_meaning():
    assert len(DESCRIPTORS) == 57
    assert list(CBSA_COLUMNS) == [
        *("pitch", "tempo", "pulse_clarity", "key", "key_strength", "mode"),
        *("brightness", "roughness", "irregularity", "novelty"),
    ]
    assert all(meaning for _, meaning in DESCRIPTORS.values())


@pytest.mark.parametrize(
    ("samples", "windows"),
    [(0, 1), (1, 1), (33075, 2), (33074, 1), (SR * 30, 60), (SR * 30 + 1, 60)],
)
def test_there_is_a_window_every_half_second(samples, windows):
    values, times = describe(np.ones(samples, np.float32), SR)
    assert values.shape == (windows, 57)
    assert times.tolist() == [0.5 * i for i in range(windows)]
    assert values.dtype == np.float32


def test_a_sine_is_where_it_is():
    hz = 12 * SR / 512  # whole periods a hop, so that the level does not ripple
    found = described(0.5 * np.sin(2 * np.pi * hz * np.arange(SR * 3) / SR))
    inside = slice(1, -1)
    assert found["rms"][inside] == pytest.approx(0.5 / np.sqrt(2), rel=3e-4)
    assert found["zero_crossing_rate"][inside] == pytest.approx(2 * hz, abs=4)
    assert found["centroid"][inside] == pytest.approx(hz, abs=2)
    assert found["rolloff"][inside] == pytest.approx(hz, abs=2 * SR / 2048)
    assert (found["bandwidth"][inside] < 60).all()
    assert (found["flatness"][inside] < 1e-4).all()
    assert (found["entropy"][inside] < 0.2).all()
    assert (found["brightness"][inside] < 0.001).all()
    assert (found["flux"][inside] < 0.01).all()
    assert (found["rate_of_change"][inside] < 0.01).all()
    assert (found["roughness"][inside] < 1e-6).all()
    assert found["irregularity"][inside] == pytest.approx(1)


def test_white_noise_is_flat():
    found = described(0.1 * np.random.default_rng(0).standard_normal(SR * 3))
    assert found["centroid"] == pytest.approx(SR / 4, rel=0.02)
    assert found["rolloff"] == pytest.approx(0.85 * SR / 2, rel=0.02)
    assert found["bandwidth"] == pytest.approx(SR / 2 / np.sqrt(12), rel=0.02)
    # the mean log of an exponential variable is minus Euler's constant
    assert found["flatness"] == pytest.approx(np.exp(-np.euler_gamma), rel=0.03)
    assert (found["entropy"] > 0.9).all()
    assert (found["key_strength"] < 0.9).all()


@pytest.mark.parametrize("note", [45, 60, 69, 76, 90])
def test_pitch_is_that_of_the_tone_even_without_its_fundamental(note):
    assert described(tone(note))["pitch"][1:-1] == pytest.approx(note, abs=0.15)
    t = np.arange(SR) / SR
    hz = 440 * 2 ** ((note - 69) / 12)
    upper = sum(np.sin(2 * np.pi * hz * k * t) for k in (2, 3, 4, 5))
    assert described(0.1 * upper)["pitch"][0] == pytest.approx(note, abs=0.15)


def test_chroma_is_the_pitch_class():
    for note in (57, 60, 66):
        found = described(tone(note, partials=1))
        chroma = np.stack([found[name] for name in DESCRIPTORS if name.startswith("chroma_")])
        assert (chroma.argmax(axis=0) == note % 12).all()
        np.testing.assert_allclose(chroma.sum(axis=0), 1, rtol=1e-5)


@pytest.mark.parametrize(
    ("notes", "signature", "minor"),
    [
        ((60, 64, 67, 65, 69, 72, 67, 71, 62, 60, 64, 67), 0, False),
        ((62, 66, 69, 67, 71, 74, 69, 73, 64, 62, 66, 69), 2, False),
        ((69, 72, 76, 62, 65, 69, 64, 68, 71, 69, 72, 76), 0, True),
        ((60, 63, 67, 65, 68, 72, 67, 71, 62, 60, 63, 67), -3, True),
    ],
)
def test_key_is_that_of_a_cadence(notes, signature, minor):
    chords = [sum(tone(n, 1.0) for n in notes[i : i + 3]) for i in range(0, 12, 3)]
    found = described(np.concatenate(chords))
    assert (found["key"][2:-2] == signature).all()
    assert ((found["mode"][2:-2] < 0) == minor).all()
    assert (found["key_strength"][2:-2] > 0.6).all()


@pytest.mark.parametrize("bpm", [70, 90, 120, 150])
def test_tempo_is_that_of_the_clicks(bpm):
    found = described(clicks(bpm))
    assert found["tempo"] == pytest.approx(bpm, rel=0.01)
    assert (found["pulse_clarity"] > 0.5).all()
    noise = 0.1 * np.random.default_rng(0).standard_normal(SR * 20)
    assert (described(noise)["pulse_clarity"] < 0.4).all()


def test_roughness_is_greatest_at_a_quarter_of_a_critical_band():
    one = np.full((200, 1), 500.0)
    apart = np.linspace(0, 300, 200)[:, None]
    curve = roughness(np.hstack([one, one + apart]), np.ones((200, 2)))
    assert curve[0] == 0
    s = 0.24 / (0.021 * 500 + 19)
    best = np.log(5.75 / 3.5) / (5.75 - 3.5) / s
    assert apart[curve.argmax(), 0] == pytest.approx(best, abs=2)
    np.testing.assert_allclose(
        curve, (np.exp(-3.5 * s * apart) - np.exp(-5.75 * s * apart))[:, 0] / 2, atol=1e-12
    )


def test_a_minor_second_is_rougher_than_a_fifth_than_an_octave():
    rough = [described(tone(60) + tone(60 + k))["roughness"].mean() for k in (1, 7, 12)]
    assert rough[0] > 2 * rough[1] > 2 * rough[2]


def test_peaks_are_refined_between_bins():
    hz = bin_frequencies(SR, 8192)
    y = np.sin(2 * np.pi * 441.7 * np.arange(SR) / SR) + 0.3 * np.sin(
        2 * np.pi * 1234.5 * np.arange(SR) / SR
    )
    frequencies, amplitudes = spectral_peaks(
        stft_magnitude(y, n_fft=8192, hop_length=4096).T[3:8], hz, share=0.1
    )
    np.testing.assert_allclose(frequencies[:, :2], [[441.7, 1234.5]] * 5, atol=0.1)
    np.testing.assert_allclose(amplitudes[:, 1] / amplitudes[:, 0], 0.3, rtol=0.02)
    assert np.isinf(frequencies[:, 2:]).all()
    assert not amplitudes[:, 2:].any()


def test_irregularity_by_hand():
    assert irregularity(np.array([[2.0, 1.0, 0.0]])) == pytest.approx([(1 + 1) / 5])
    assert irregularity(np.zeros((1, 3))) == pytest.approx([0])


def test_tonnetz_by_hand():
    c = np.eye(12)[:2]
    np.testing.assert_allclose(tonnetz(c)[0], [0, 1, 0, 1, 0, 0.5], atol=1e-12)
    angle = np.pi * np.array([7 / 6, 3 / 2, 2 / 3])
    want = np.ravel([np.sin(angle), np.cos(angle)], "F") * [1, 1, 1, 1, 0.5, 0.5]
    np.testing.assert_allclose(tonnetz(c)[1], want, atol=1e-12)
    np.testing.assert_allclose(tonnetz(np.ones(12)), 0, atol=1e-12)
    assert not tonnetz(np.zeros((3, 12))).any()


def test_novelty_is_that_of_the_similarity_matrix_under_a_checkerboard():
    rng = np.random.default_rng(0)
    states = rng.standard_normal((40, 5))
    states /= np.linalg.norm(states, axis=1, keepdims=True)
    half = 6
    offsets = np.arange(half) + 0.5
    taper = np.exp(-0.5 * (2 * offsets / half) ** 2)
    step = np.concatenate([-taper[::-1], taper]) / taper.sum()
    similar = states @ states.T
    direct = [
        (np.outer(step, step) * similar[t - half : t + half, t - half : t + half]).sum()
        for t in range(half, 40 - half + 1)
    ]
    np.testing.assert_allclose(novelty(states, half)[half : 40 - half + 1], direct, atol=1e-12)


def test_novelty_peaks_where_the_music_turns():
    y = np.concatenate([tone(60, 15), 0.1 * np.random.default_rng(0).standard_normal(SR * 15)])
    found = described(y)["novelty"]
    assert found.argmax() == 30
    assert (found[:10] < 0.01).all()


def test_a_partial_between_semitones_counts_for_both():
    hz = 440 * 2 ** (np.array([[0, 0.25, 3, np.inf], [-48, 48, 12.5, np.inf]]) / 12)
    chroma = chroma_of(hz, np.array([[1.0, 2.0, 3.0, 0.0], [1.0, 1.0, 1.0, 0.0]]))
    np.testing.assert_allclose(chroma[0, [9, 10, 0]], [2.5, 0.5, 3], atol=1e-9)
    np.testing.assert_allclose(chroma[1, [9, 10]], 0.5, atol=1e-9)
    np.testing.assert_allclose(chroma.sum(axis=1), [6, 1])


def test_loudness_moves_only_what_measures_it():
    rng = np.random.default_rng(0)
    y = np.concatenate([tone(60), tone(64)]) + 0.01 * rng.standard_normal(SR * 4).astype("f4")
    one, other = described(y), described(2.0 * y)
    for name in DESCRIPTORS:
        if name == "rms":
            np.testing.assert_allclose(other[name], 2 * one[name], rtol=1e-6)
        elif name == "mfcc_0":
            np.testing.assert_allclose(
                other[name] - one[name], 20 * np.log10(2) * np.sqrt(128), rtol=1e-3
            )
        else:
            np.testing.assert_allclose(other[name], one[name], rtol=1e-3, atol=1e-3, err_msg=name)


def test_the_sample_rate_is_only_a_rate():
    for sr in (22050, 48000, 96000):
        y = tone(69, 3.0, partials=4, sr=sr)
        found = described(y, sr)
        assert found["pitch"][1:-1] == pytest.approx(69, abs=0.15)
        assert found["centroid"][1:-1] == pytest.approx(
            440 * 4 / (1 + 1 / 2 + 1 / 3 + 1 / 4), rel=0.02
        )


def test_silence_reads_zero():
    found = described(np.zeros(SR * 2, np.float32))
    level = {"flatness": pytest.approx(1), "mfcc_0": pytest.approx(-100 * np.sqrt(128))}
    for name, values in found.items():
        for value in values:
            assert value == level.get(name, pytest.approx(0, abs=1e-4)), name


def test_pieces_give_what_the_whole_gives():
    y = np.concatenate([tone(60, 2.3), clicks(100, 9.7), tone(64, 0.77)])
    whole, times = describe(y, SR)
    for size in (1000, 50_000, 200_000):
        parts = (y[i : i + size] for i in range(0, len(y), size))
        values, starts = describe(parts, SR)
        np.testing.assert_array_equal(values, whole)
        np.testing.assert_array_equal(starts, times)


def test_windows_have_a_shortest_length():
    assert len(describe(np.zeros(SR), SR, window_seconds=0.25)[0]) == 4
    for seconds in (0.2, 0, -1, float("nan")):
        with pytest.raises(ChordmerError, match=r"0\.25 s"):
            describe(np.zeros(SR), SR, window_seconds=seconds)


def test_shapes_of_hand_made_spectra():
    hz = np.array([0.0, 100.0, 200.0, 300.0])
    spectra = np.array([[0.0, 1.0, 1.0, 0.0], [0.0, 0.0, 0.0, 5.0], [0.0, 0.0, 0.0, 0.0]])
    assert centroid(spectra, hz).tolist() == [150, 300, 0]
    assert bandwidth(spectra, hz).tolist() == [50, 0, 0]
    assert rolloff(spectra, hz).tolist() == [200, 300, 0]
    assert brightness(spectra, hz, 200).tolist() == [0.5, 1, 0]
    assert entropy(spectra**2).tolist() == [0.5, 0, 0]
    assert flux(spectra) == pytest.approx([0, np.sqrt(2), 0])
    assert flux(spectra, np.array([0.0, 1.0, 0.0, 0.0])) == pytest.approx(
        [np.sqrt(2 - np.sqrt(2)), np.sqrt(2), 0]
    )
    assert flatness(np.ones((2, 4)) * 7) == pytest.approx(1)
    assert contrast(np.array([[1.0, 100.0, 1.0, 1e-3]]), hz, edges=(0, 150)) == pytest.approx(
        np.array([[20.0, 30.0]])
    )
    assert contrast(np.ones((1, 4)), hz, edges=(0, 1000)).tolist() == [[0, 0]]


def test_pitch_of_nothing_is_nothing():
    assert np.isnan(pitch_of(autocorrelation(np.zeros((2, 65)), 8000), 8000)).all()
    assert np.isnan(pitch_of(np.zeros((2, 3)), 8000)).all()


def test_tempo_of_nothing_is_nothing():
    for onsets in (np.zeros(0), np.zeros(1), np.ones(500), np.arange(3.0)):
        tempo, clarity = local_tempo(onsets, 86.0, np.array([0.25, 0.75]))
        assert np.isnan(tempo).all()
        assert clarity.tolist() == [0, 0]


def test_local_mean_is_the_mean_of_what_is_there():
    values = np.arange(6.0)[:, None]
    assert local_mean(values, 1)[:, 0].tolist() == [0, 1, 2, 3, 4, 5]
    assert local_mean(values, 3)[:, 0].tolist() == [0.5, 1, 2, 3, 4, 4.5]
    assert local_mean(values, 100)[:, 0].tolist() == [2.5] * 6


def test_key_of_silence_is_nothing():
    assert not key_of(np.zeros((2, 12))).any()


def test_pooling_by_hand():
    values = np.array([[0.0, 1.0], [1.0, 1.0], [2.0, 1.0], [5.0, 1.0]])
    times = np.array([0.0, 0.5, 1.0, 1.5])
    pooled = dict(zip(pooled_names(["a", "b"]), pool(values, times)))
    assert len(pooled) == 2 * len(STATISTICS)
    assert pooled["a_mean"] == 2
    assert pooled["a_std"] == pytest.approx(np.sqrt(3.5))
    assert pooled["a_p50"] == 1.5
    assert pooled["a_slope"] == pytest.approx(np.polyfit(times, values[:, 0], 1)[0])
    assert pooled["b_slope"] == pooled["b_std"] == 0
    assert pool(values[:1], times[:1])[-2:].tolist() == [0, 0]
    with pytest.raises(ChordmerError, match="no such statistic"):
        pool(values, times, ("median",))
