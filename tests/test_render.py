"""Notes to sound: what is played is what the notes say."""

import numpy as np
import pytest
from corpora import bundled_midi
from pieces import make_piece

from chordmer.errors import AudioError
from chordmer.io import AudioLimits, read_symbolic, render
from chordmer.io.soundfont import DRUMS, SoundFont, bundled_soundfont

SR = 44100


def test_the_same_notes_give_the_same_bytes():
    path = bundled_midi()[0]
    once = render(path)
    assert once.dtype == np.float32
    assert once.ndim == 1
    assert np.isfinite(once).all()
    assert once.tobytes() == render(read_symbolic(path, pedal=True)).tobytes()
    both = render(path, mono=False)
    assert both.shape == (2, len(once))
    assert np.allclose(both.mean(axis=0), once, atol=1e-6)


def test_sound_begins_with_the_note_and_lasts_at_least_as_long():
    y = render(make_piece([(4, 2, 60, 100)], bpm=60), 22050)
    heard = np.flatnonzero(np.abs(y) > 1e-4)
    assert heard[0] / 22050 == pytest.approx(4, abs=0.02)
    assert 6 <= len(y) / 22050 < 12


def loudest_near(y, hz, sr=SR):
    """The frequency of the strongest partial within half a semitone of `hz`, and its share."""
    spectrum = np.abs(np.fft.rfft(y * np.hanning(len(y)), 1 << 18))
    frequencies = np.arange(len(spectrum)) * sr / (1 << 18)
    near = np.abs(12 * np.log2(np.maximum(frequencies, 1) / hz)) < 0.5
    return frequencies[near][spectrum[near].argmax()]


@pytest.mark.parametrize("program", [0, 4, 19, 24, 40, 48, 56, 73, 80])
def test_every_instrument_is_in_tune(program):
    for pitch in (45, 57, 60, 69, 74):
        piece = make_piece([(0, 2, pitch, 100)])
        piece.notes["program"] = program
        hz = 440 * 2 ** ((pitch - 69) / 12)
        cents = 1200 * np.log2(loudest_near(render(piece)[4000:40_000], hz) / hz)
        assert abs(cents) < 25


@pytest.mark.parametrize("sr", [8000, 22050, 48000])
def test_pitch_and_time_know_no_sample_rate(sr):
    y = render(make_piece([(0, 2, 69, 100)], bpm=60), sr)
    assert loudest_near(y[: 2 * sr], 440, sr) == pytest.approx(440, rel=0.01)
    assert len(y) / sr == pytest.approx(
        len(render(make_piece([(0, 2, 69)], bpm=60))) / SR, abs=1e-3
    )


def test_loudness_goes_with_the_square_of_velocity():
    loud, soft = (render(make_piece([(0, 1, 60, v)])) for v in (120, 60))
    assert np.allclose(loud, 4 * soft, atol=1e-6)
    assert not render(make_piece([(0, 1, 60, 0)])).any()


def test_notes_add_up():
    notes = [(0, 1, 60, 90), (0.5, 2, 64, 70), (1, 1, 60, 100), (3, 0.25, 38, 100, 9)]
    alone = [render(make_piece([note])) for note in notes]
    together = render(make_piece(notes))
    for y in alone:
        together[: len(y)] -= y
    assert np.abs(together).max() < 1e-6


def test_a_released_note_fades_and_a_held_one_goes_on():
    piece = make_piece([(0, 1, 60), (0, 8, 61)], bpm=60)
    piece.notes["program"] = 19
    y = render(piece)
    short, long = (440 * 2 ** ((pitch - 69) / 12) for pitch in (60, 61))

    def level(hz, seconds):
        part = y[round(seconds * SR) : round((seconds + 0.5) * SR)] * np.hanning(SR // 2)
        return abs(np.sum(part * np.exp(-2j * np.pi * hz / SR * np.arange(len(part)))))

    assert level(short, 5) < 0.02 * level(short, 0.3)
    assert level(long, 5) > 0.5 * level(long, 0.3)


def test_every_program_and_kit_sounds():
    font = bundled_soundfont()
    for program in range(128):
        assert font.regions(program)
        assert font.regions(program, DRUMS)
        piece = make_piece([(0, 1, 60, 100), (0, 1, 38, 100, 9)])
        piece.notes["program"] = program
        y = render(piece, 8000)
        assert np.isfinite(y).all()
        assert np.abs(y).max() > 0.003


def test_the_highest_and_lowest_notes_can_be_played():
    for pitch in (0, 127):
        assert np.isfinite(render(make_piece([(0, 1, pitch, 127)]))).all()
    assert len(render(make_piece([(0, 0.001, 60)])))


def test_what_is_no_soundfont_is_refused(tmp_path):
    for data in (b"", b"RIFF\0\0\0\0WAVE", b"RIFF\0\0\0\0sfbk"):
        (tmp_path / "font.sf2").write_bytes(data)
        with pytest.raises(AudioError, match="SoundFont"):
            SoundFont(tmp_path / "font.sf2")


def test_a_piece_without_notes_is_silent():
    assert render(make_piece([])).shape == (44100,)
    assert not render(make_piece([]), mono=False).any()


@pytest.mark.parametrize(
    ("field", "value"), [("pitch", 128), ("velocity", 128), ("program", -1), ("onset_sec", -1)]
)
def test_notes_that_cannot_be_played_are_refused(field, value):
    piece = make_piece([(0, 1, 60), (1, 1, 62)])
    piece.notes[field][1] = value
    with pytest.raises(AudioError, match=field):
        render(piece)


def test_what_would_take_too_long_is_refused():
    with pytest.raises(AudioError, match="longer than 2 s"):
        render(make_piece([(0, 9, 60)], bpm=60), limits=AudioLimits(seconds=2))
    with pytest.raises(AudioError, match="together"):
        render(make_piece([(0, 7000, 60 + i % 9) for i in range(150)], bpm=60))
    for sr in (0, 3999, 1e9, "fast"):
        with pytest.raises(AudioError, match="sample rate"):
            render(make_piece([(0, 1, 60)]), sr)
