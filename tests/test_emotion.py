"""The answer: its numbers agree with each other, and it prints safely."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chordmer.emotion import QUADRANTS, Curve, Emotion, quadrant_of, valence_arousal


def make_emotion(source="song.mid", probabilities=(0.1, 0.2, 0.3, 0.4), warnings=(), windows=2):
    rows = np.tile(np.array(probabilities, dtype=float), (windows, 1))
    plane = valence_arousal(rows)
    times = np.arange(windows) * 10.0
    v, a = valence_arousal(probabilities)
    return Emotion(
        source,
        dict(zip(QUADRANTS, probabilities)),
        float(v),
        float(a),
        Curve(times, times + 10.0, rows, plane[:, 0], plane[:, 1]),
        ("symbolic",),
        "test 1",
        warnings,
    )


@pytest.mark.parametrize(
    ("quadrant", "expected"),
    [("Q1", (1, 1)), ("Q2", (-1, 1)), ("Q3", (-1, -1)), ("Q4", (1, -1))],
)
def test_a_sure_quadrant_is_its_corner(quadrant, expected):
    certain = [float(name == quadrant) for name in QUADRANTS]
    assert tuple(valence_arousal(certain)) == expected
    assert quadrant_of(*expected) == quadrant


@given(st.lists(st.floats(1e-6, 1), min_size=4, max_size=4))
def test_valence_and_arousal_stay_on_the_scale(weights):
    p = np.array(weights) / np.sum(weights)
    v, a = valence_arousal(p)
    assert -1 <= v <= 1
    assert -1 <= a <= 1
    assert v == pytest.approx(1 - 2 * (p[1] + p[2]), abs=1e-12)
    assert a == pytest.approx(1 - 2 * (p[2] + p[3]), abs=1e-12)


def test_to_dict_is_json_and_complete():
    emotion = make_emotion()
    told = json.loads(json.dumps(emotion.to_dict()))
    assert told["quadrant"] == "Q4"
    assert told["probabilities"] == {"Q1": 0.1, "Q2": 0.2, "Q3": 0.3, "Q4": 0.4}
    assert told["scale"] == [-1, 1]
    assert told["curve"]["times"] == [0.0, 10.0]
    assert told["curve"]["ends"] == [10.0, 20.0]
    assert told["curve"]["quadrant"] == ["Q4", "Q4"]
    assert told["curve"]["probabilities"]["Q3"] == [0.3, 0.3]
    assert set(told) == {
        "source",
        "quadrant",
        "probabilities",
        "valence",
        "arousal",
        "scale",
        "curve",
        "modalities",
        "model",
        "warnings",
    }


def test_text_names_everything_a_reader_needs():
    text = str(make_emotion(warnings=("no tempo: 120 BPM assumed",)))
    assert "Q4 calm, content: 0.40" in text
    assert "Q1 0.10, Q2 0.20, Q3 0.30" in text
    assert "valence +0.00" in text
    assert "arousal -0.40" in text
    assert "no tempo: 120 BPM assumed" in text
    assert "0:10-0:20" in text


def test_hostile_names_reach_neither_terminal_nor_page():
    emotion = make_emotion(source="<b>\x1b[31m\n.mid", warnings=("<script>\x1b]0;x\x07",))
    for text in (str(emotion), repr(emotion)):
        assert "\x1b" not in text
    page = emotion._repr_html_()
    assert "<script>" not in page
    assert "&lt;b&gt;" in page
    assert "\x1b" not in page
