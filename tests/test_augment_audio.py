"""Speed, tempo, pitch and noise: what a change of sound moves, and what it leaves alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chordmer.augment import add_noise, shift_pitch, stretch_time, varispeed
from chordmer.errors import AudioError

SR = 22050

factors = st.floats(0.5, 2.0)


def tone(*frequencies, seconds=1.5, sr=SR, level=0.3):
    time = np.arange(round(seconds * sr)) / sr
    partials = [np.sin(2 * np.pi * f * time + n) for n, f in enumerate(frequencies)]
    return (level * np.sum(partials, axis=0)).astype(np.float32)


def inside(y, sr=SR):
    """The sound without its ends, where a window holds silence too."""
    return y[..., sr // 5 : -sr // 5]


def strongest(y, sr=SR, n=1):
    """The frequencies of the `n` strongest partials, by parabolas through decibels."""
    part = inside(y)
    size = np.abs(np.fft.rfft(part * np.hanning(len(part)), 8 * len(part)))
    found = []
    for _ in range(n):
        k = int(size.argmax())
        low, mid, high = np.log(size[k - 1 : k + 2])
        found.append((k + (low - high) / (2 * (low - 2 * mid + high))) * sr / (8 * len(part)))
        size[max(0, k - 200) : k + 200] = 0
    return sorted(found)


def level(y):
    return float(np.sqrt(np.mean(np.square(inside(y), dtype=np.float64))))


@pytest.mark.parametrize("factor", [0.5, 0.9, 1.05, 1.3, 2.0])
def test_a_tape_moves_tempo_and_pitch_together(factor):
    y = tone(440.0)
    found = varispeed(y, factor=factor)
    assert found.dtype == np.float32
    assert len(found) == round(len(y) / factor)
    assert strongest(found)[0] == pytest.approx(440 * factor, rel=2e-4)
    assert level(found) == pytest.approx(level(y), rel=2e-3)


def test_a_tape_is_the_same_wave_at_other_times():
    y = tone(300.0)
    found = varispeed(y, factor=1.25)
    time = 1.25 * np.arange(len(found)) / SR
    expected = 0.3 * np.sin(2 * np.pi * 300 * time)
    np.testing.assert_allclose(inside(found), inside(expected), atol=1e-3)


def test_a_tape_played_faster_has_no_false_tones():
    """What would lie above half the sample rate is gone, not folded back."""
    y = tone(9000.0)
    assert level(varispeed(y, factor=2.0)) < 0.01 * level(y)


@pytest.mark.parametrize("factor", [0.5, 0.9, 1.05, 1.3, 2.0])
def test_stretching_keeps_pitch_and_level(factor):
    y = tone(440.0)
    found = stretch_time(y, SR, factor=factor)
    assert found.dtype == np.float32
    assert len(found) == round(len(y) / factor)
    assert strongest(found)[0] == pytest.approx(440, rel=2e-4)
    assert level(found) == pytest.approx(level(y), rel=1e-3)


@pytest.mark.parametrize("factor", [0.8, 1.25])
def test_a_stretched_chord_keeps_its_tones_and_no_others(factor):
    chord = (131.0, 196.0, 330.0, 523.0)
    y = tone(*chord, level=0.1)
    found = stretch_time(y, SR, factor=factor)
    np.testing.assert_allclose(strongest(found, n=4), chord, rtol=1e-3)
    assert level(found) == pytest.approx(level(y), rel=0.02)


def test_stretching_by_next_to_nothing_gives_the_sound_back():
    """The spectra and their overlaps, put together unchanged, are the sound, silences too."""
    y = np.random.default_rng(0).normal(size=2 * SR).astype(np.float32)
    y[: SR // 3] = 0
    y[SR : SR + 9000] = 0
    np.testing.assert_array_equal(stretch_time(y, SR, factor=1), y)
    np.testing.assert_allclose(stretch_time(y, SR, factor=1 + 1e-7), y, atol=1e-5)


@pytest.mark.parametrize("factor", [0.7, 1.4])
def test_events_come_sooner_or_later_in_proportion(factor):
    y = np.zeros(2 * SR, dtype=np.float32)
    for second in (0.5, 1.2):
        y[round(second * SR) :][:4000] += tone(700.0, seconds=4000 / SR)
    found = stretch_time(y, SR, factor=factor)
    loud = np.convolve(np.abs(found), np.ones(200) / 200, "same") > 0.06
    starts = np.flatnonzero(np.diff(loud.astype(int)) == 1) / SR
    np.testing.assert_allclose(starts, np.array([0.5, 1.2]) / factor, atol=0.03)


@pytest.mark.parametrize("semitones", [-12, -1, 0.3, 2, 12])
@pytest.mark.parametrize("tempo", [0.9, 1.0])
def test_pitch_is_shifted_at_any_tempo(semitones, tempo):
    if semitones == 12 and tempo == 0.9:
        tempo = 1.1
    y = tone(440.0)
    found = shift_pitch(y, SR, semitones=semitones, tempo=tempo)
    assert len(found) == round(len(y) / tempo)
    assert strongest(found)[0] == pytest.approx(440 * 2 ** (semitones / 12), rel=3e-4)
    assert level(found) == pytest.approx(level(y), rel=0.01)


def test_no_shift_is_no_change():
    y = tone(440.0, 523.0)
    np.testing.assert_array_equal(shift_pitch(y, SR, semitones=0), y)


@given(snr_db=st.floats(-20, 120), seed=st.integers(0, 2**32 - 1))
def test_noise_has_the_power_that_was_asked_for(snr_db, seed):
    y = tone(440.0, seconds=0.1).astype(np.float64)
    found = add_noise(y, snr_db=snr_db, rng=seed)
    noise = found.astype(np.float64) - y.astype(np.float32)
    # Beyond that, float32 rounds the sum by as much as the noise.
    if snr_db < 90:
        expected = np.mean(y**2) / 10 ** (snr_db / 10)
        assert np.mean(noise**2) == pytest.approx(expected, rel=1e-3)


def test_noise_is_white_and_decided_by_its_seed():
    y = tone(440.0)
    one, two = (add_noise(y, snr_db=10, rng=seed) for seed in (1, 2))
    np.testing.assert_array_equal(one, add_noise(y, snr_db=10, rng=np.random.default_rng(1)))
    assert np.abs(np.corrcoef(one - y, two - y)[0, 1]) < 0.03
    power = np.abs(np.fft.rfft(one - y)) ** 2
    bands = [band.mean() for band in np.array_split(power, 8)]
    assert max(bands) < 1.2 * min(bands)


CHANGES = {
    "varispeed": lambda y: varispeed(y, factor=0.9),
    "stretch_time": lambda y: stretch_time(y, SR, factor=0.9),
    "shift_pitch": lambda y: shift_pitch(y, SR, semitones=-1.5),
    "add_noise": lambda y: add_noise(y, snr_db=30, rng=0),
}
every = pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)


@every
def test_channels_are_changed_alike(change):
    one, two = tone(440.0, seconds=0.4), tone(660.0, seconds=0.4)
    found = change(np.stack([one, two]))
    assert found.shape[0] == 2
    if change is not CHANGES["add_noise"]:
        np.testing.assert_array_equal(found, np.stack([change(one), change(two)]))


@every
def test_the_original_is_not_touched(change):
    y = tone(440.0, seconds=0.2)
    y.flags.writeable = False
    found = change(y)
    assert not np.shares_memory(found, y)


@every
def test_silence_stays_silence(change):
    assert not change(np.zeros(5000, dtype=np.float32)).any()


@every
@pytest.mark.parametrize("n", [1, 2, 3, 100, 2047])
def test_short_sounds_have_finite_changes(change, n):
    found = change(np.random.default_rng(n).normal(size=n))
    assert np.isfinite(found).all()
    assert len(found) >= 1


@every
@pytest.mark.parametrize(
    "y",
    [np.zeros(0), np.zeros((2, 3, 4)), np.array([0.0, np.nan]), np.array([np.inf]), np.arange(9)],
    ids=["empty", "3-d", "nan", "inf", "integers"],
)
def test_what_is_no_waveform_is_refused(change, y):
    with pytest.raises(AudioError, match=r"waveform|finite"):
        change(y)


@given(factor=factors, n=st.integers(1, 4000))
def test_lengths_follow_the_factor(factor, n):
    y = np.ones(n)
    expected = max(1, round(n / factor))
    assert len(varispeed(y, factor=factor)) == expected
    assert len(stretch_time(y, SR, factor=factor)) == expected


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("factor", lambda y: varispeed(y, factor=0.4)),
        ("factor", lambda y: varispeed(y, factor=np.nan)),
        ("factor", lambda y: stretch_time(y, SR, factor=3)),
        ("factor", lambda y: stretch_time(y, SR, factor=0)),
        ("sr", lambda y: stretch_time(y, 0, factor=1.1)),
        ("semitones", lambda y: shift_pitch(y, SR, semitones=13)),
        ("tempo", lambda y: shift_pitch(y, SR, semitones=0, tempo=-1)),
        ("factor", lambda y: shift_pitch(y, SR, semitones=12, tempo=0.6)),
        ("snr_db", lambda y: add_noise(y, snr_db=-21, rng=0)),
        ("snr_db", lambda y: add_noise(y, snr_db=np.inf, rng=0)),
    ],
)
def test_what_is_out_of_bounds_is_named(name, change):
    with pytest.raises(AudioError, match=f"{name} must lie between"):
        change(np.ones(100))


def test_the_vocoder_works_in_blocks_as_in_one(monkeypatch):
    from chordmer.augment import audio

    y = np.random.default_rng(0).normal(size=SR).astype(np.float32)
    expected = stretch_time(y, SR, factor=0.93)
    monkeypatch.setattr(audio, "_BLOCK", 3)
    np.testing.assert_allclose(stretch_time(y, SR, factor=0.93), expected, atol=1e-6)
