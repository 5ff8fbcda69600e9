"""Notes to sound: what is played is what the notes say."""

import numpy as np
import pytest
from corpora import bundled_midi
from pieces import make_piece

from chordmer.errors import AudioError
from chordmer.io import AudioLimits, read_symbolic, render


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
