"""Words on the circumplex: where they stand, and which are near."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chordmer
from chordmer.emotion import QUADRANTS, quadrant_of
from chordmer.moods import ANGLES, MOODS, moods


def point(valence, arousal):
    return SimpleNamespace(valence=valence, arousal=arousal)


def test_there_are_russells_28_words_upon_the_circle():
    assert len(MOODS) == 28
    for word, (valence, arousal) in MOODS.items():
        assert np.hypot(valence, arousal) == pytest.approx(1)
        assert np.degrees(np.arctan2(arousal, valence)) % 360 == pytest.approx(ANGLES[word])


@pytest.mark.parametrize(
    ("words", "quadrant"),
    [
        ("happy delighted excited", "Q1"),
        ("tense angry afraid frustrated", "Q2"),
        ("sad gloomy bored tired", "Q3"),
        ("calm content relaxed serene", "Q4"),
    ],
)
def test_words_stand_in_the_quadrant_that_has_their_name(words, quadrant):
    assert {quadrant_of(*MOODS[word]) for word in words.split()} == {quadrant}
    assert set(words.split()) & set(QUADRANTS[quadrant].split(", "))


@given(st.floats(-1, 1), st.floats(-1, 1), st.integers(1, 28))
def test_the_nearest_come_first_and_no_other_is_nearer(valence, arousal, n):
    near = moods(point(valence, arousal), n)
    distances = [far for _, far in near]
    assert len(near) == n
    assert distances == sorted(distances)
    names = {word for word, _ in near}
    for word, place in MOODS.items():
        far = np.hypot(place[0] - valence, place[1] - arousal)
        if word in names:
            assert dict(near)[word] == pytest.approx(far)
        else:
            assert far >= distances[-1] - 1e-12


@given(st.sampled_from(sorted(MOODS)), st.floats(0.05, 0.7))
def test_the_order_is_that_of_direction_however_strong(word, strength):
    valence, arousal = MOODS[word]
    assert moods(point(strength * valence, strength * arousal), 1)[0][0] == word


def test_an_emotion_is_such_a_point():
    emotion = chordmer.predict(chordmer.example())
    assert moods(emotion) == moods(point(emotion.valence, emotion.arousal))
    assert len(moods(emotion)) == 3


@pytest.mark.parametrize("n", [0, 29, -1])
def test_there_are_no_other_numbers_of_words(n):
    with pytest.raises(ValueError, match="1 to 28"):
        moods(point(0, 0), n)


@pytest.mark.parametrize("place", [(1.2, 0), (0, -2), (float("nan"), 0)])
def test_what_is_not_on_the_plane_has_no_word(place):
    with pytest.raises(ValueError, match="plane"):
        moods(point(*place))
