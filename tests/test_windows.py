"""Tracks cut into windows."""

import numpy as np
import pytest
from pieces import make_piece

import chordmer
from chordmer.errors import ChordmerError
from chordmer.io import read_symbolic
from chordmer.track import Track
from chordmer.windows import cut

ALL = ("symbolic", "audio", "lyrics")


def test_a_window_holds_what_begins_in_it():
    # Notes at 0, 1, ... 9 s, each 1.5 s long.
    piece = make_piece([(2 * i, 3, 60 + i) for i in range(10)])
    windows = cut(Track("p", symbolic=piece), ALL, window=4, hop=2)
    np.testing.assert_array_equal(windows.times, [0, 2, 4, 6, 8])
    np.testing.assert_array_equal(windows.ends, [4, 6, 8, 10, 10.5])
    for track, start, end in zip(windows.tracks, windows.times, windows.ends):
        notes = track.symbolic.notes
        np.testing.assert_array_equal(notes["pitch"], 60 + np.arange(start, min(end, 10)))
        assert (notes["onset_sec"] + notes["duration_sec"]).max() <= end + 1e-9
    assert piece.notes["duration_sec"].max() == 1.5


def test_sound_and_words_go_along():
    y = np.arange(45, dtype=np.float32) / 100
    track = Track("p", audio=(np.repeat(y, 400), 4000), lyrics="la la", group="g")
    windows = cut(track, ALL, window=2, hop=1)
    assert [len(part.audio[0]) for part in windows.tracks] == [8000, 8000, 8000, 6000]
    assert windows.tracks[1].audio[0][0] == y[10]
    assert {(part.lyrics, part.group, part.id) for part in windows.tracks} == {("la la", "g", "p")}
    assert windows.ends[-1] == 4.5


def test_only_what_is_asked_for():
    track = Track("p", symbolic=chordmer.example(), audio=(np.zeros(36000, np.float32), 4000))
    sound = cut(track, ["audio"], window=5, hop=5)
    assert {part.symbolic for part in sound.tracks} == {None}
    assert sound.ends[-1] == 9
    words = cut(track, ["symbolic", "lyrics"], window=60, hop=60)
    assert all(part.audio is None and part.lyrics.lines for part in words.tracks)
    assert cut(Track("p", lyrics="la"), ALL).tracks == []


def test_silence_has_no_window_and_a_short_piece_one():
    late = make_piece([(0, 1, 60), (200, 1, 60)])
    assert cut(Track("p", symbolic=late), ALL).times.max() >= 85
    assert len(cut(Track("p", symbolic=late), ALL).tracks) < 10
    assert len(cut(Track("p", symbolic=make_piece([(0, 1, 60)])), ALL).tracks) == 1
    assert cut(Track("p", symbolic=make_piece([])), ALL).tracks == []


def test_a_long_piece_has_no_more_than_a_thousand():
    piece = read_symbolic(chordmer.example())
    assert len(cut(Track("p", symbolic=piece), ALL, window=1, hop=0.01).tracks) <= 1001


@pytest.mark.parametrize("bad", [{"window": 0}, {"hop": -1}, {"window": np.inf}, {"hop": np.nan}])
def test_impossible_windows_are_refused(bad):
    with pytest.raises(ChordmerError, match="positive"):
        cut(Track("p", symbolic=make_piece([(0, 1, 60)])), ALL, **bad)
