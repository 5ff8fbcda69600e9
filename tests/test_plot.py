"""The picture of an answer: what it shows, that it can be read, and that no name breaks it."""

import subprocess
import sys
from dataclasses import replace
from itertools import combinations
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from corpora import bundled_midi
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.formatters import DisplayFormatter
from matplotlib.figure import Figure
from pictures import course, drawn_texts, emotion
from pieces import make_piece
from PIL import Image

import chordmer
from chordmer.cli import main
from chordmer.emotion import Curve
from chordmer.errors import ChordmerError, MidiError
from chordmer.plot import plot_emotion, save_figure, save_plot
from chordmer.plot.theme import THEMES, drawing
from chordmer.plot.timeline import clock, envelope, time_ticks
from chordmer.track import Track

PIECE = chordmer.example()
HOSTILE = [
    "$\\frac{$ x^2 $.mid",
    "</text><script>alert(1)</script>&amp;.mid",
    "\x1b[31m\n\x00\ud800\u202e.mid",
    "a" * 5000,
    "%s {0} \\ 中文.mid",
    "..",
]


def of_notes(notes, curve, **more):
    piece = make_piece(notes, bpm=60)
    return emotion(curve, Track("made", symbolic=piece), **more)


def scenes():
    random = np.random.default_rng(0)
    dense = [(i * 0.02, 0.5, int(random.integers(10, 120)), 100) for i in range(20000)]
    waves = np.sin(np.arange(200_000) / 20).astype(np.float32)
    gap = course(12, seed=3)
    held = [row for row in range(12) if row not in (4, 5, 6, 7)]
    broken = Curve(*(getattr(gap, name)[held] for name in gap.__dataclass_fields__))
    warnings = tuple(
        f"doubt number {i} that is told at some length, as doubts are" for i in range(6)
    )
    return {
        "a song": emotion(course(70), Track("s", symbolic=PIECE)),
        "one note": of_notes([(0, 1, 60)], course(1, window=1.0)),
        "dense": of_notes(dense, course(80, seed=1), warnings=warnings),
        "hours": of_notes(
            [(4 * i, 2, 60 + i % 12) for i in range(3600)], course(960, 15.0, seed=2)
        ),
        "sound": emotion(course(3, 1.0, 2.0), Track("s", audio=(waves, 22050))),
        "words alone": emotion(course(4), Track("s", lyrics="la la")),
        "a gap": emotion(broken),
        "no course": emotion(Curve(*(np.zeros(0),) * 2, np.zeros((0, 4)), *(np.zeros(0),) * 2)),
        "a bad name": emotion(course(5), source=HOSTILE[3]),
    }


@pytest.mark.parametrize("name", list(scenes()))
def test_no_text_covers_another_or_leaves_the_picture(name, monkeypatch):
    figure = plot_emotion(scenes()[name], theme="dark")
    with drawn_texts(monkeypatch) as texts, drawing(THEMES["dark"]):
        figure.draw_without_rendering()
    assert len(texts) > 10
    width, height = figure.get_size_inches() * figure.dpi
    for text, box in texts:
        assert box.x0 >= 0, text
        assert box.y0 >= 0, text
        assert box.x1 <= width, text
        assert box.y1 <= height, text
    for (text, box), (other, another) in combinations(texts, 2):
        assert not box.padded(-1).overlaps(another.padded(-1)), (text, other)


def test_the_plane_shows_the_path_the_piece_and_the_doubt():
    answer = emotion(course(20, seed=5))
    figure = plot_emotion(answer)
    plane = figure.axes[0]
    *tints, dots, star = plane.collections
    np.testing.assert_allclose(
        dots.get_offsets(), np.column_stack([answer.curve.valence, answer.curve.arousal])
    )
    np.testing.assert_allclose(star.get_offsets(), [[answer.valence, answer.arousal]])
    alphas = [tint.get_facecolor()[0, 3] for tint in tints]
    assert np.argsort(alphas).tolist() == np.argsort(list(answer.probabilities.values())).tolist()
    sure = answer.curve.probabilities.max(axis=1)
    assert np.argsort(dots.get_sizes()).tolist() == np.argsort(sure).tolist()
    across, upright = plane.lines[-2], plane.lines[-1]
    quartiles = [np.quantile(v, (0.25, 0.75)) for v in (answer.curve.valence, answer.curve.arousal)]
    np.testing.assert_allclose(across.get_xdata(), quartiles[0])
    np.testing.assert_allclose(upright.get_ydata(), quartiles[1])
    named = " ".join(text.get_text() for text in plane.texts)
    for quadrant, share in answer.probabilities.items():
        assert f"{quadrant} " in named
        assert f"{100 * share:.0f} %" in named


def lane(figure, title):
    return next(axes for axes in figure.axes if axes.get_title(loc="left") == title)


def test_the_piano_roll_shows_the_notes_and_no_drums():
    notes = [(0, 2, 60), (2, 2, 72), (0, 4, 40, 64, 9)]
    piece = make_piece(notes, bpm=60)
    piece.notes["is_drum"][piece.notes["channel"] == 9] = True
    figure = plot_emotion(emotion(course(1, window=4.0), Track("x", symbolic=piece)))
    (image,) = lane(figure, "notes").images
    roll, (left, right, low, _) = np.asarray(image.get_array()), image.get_extent()
    assert (left, right) == (0, 4)
    sounding = {int(row + low + 0.5): np.flatnonzero(roll[row]) for row in range(len(roll))}
    heard = {pitch: columns for pitch, columns in sounding.items() if len(columns)}
    assert set(heard) == {60, 72}
    half = roll.shape[1] / 2
    assert heard[60][[0, -1]] == pytest.approx([0, half - 1], abs=2)
    assert heard[72][[0, -1]] == pytest.approx([half, 2 * half - 1], abs=2)


def test_chords_are_named_where_they_begin():
    major, minor = (60, 64, 67), (57, 60, 64)
    notes = [(i, 1, p) for i in range(8) for p in (major if i < 4 else minor)]
    texts = lane(plot_emotion(of_notes(notes, course(1, window=8.0))), "chords").texts
    assert [(t.get_text(), t.get_position()[0]) for t in texts] == [("C:maj", 0), ("A:min", 4)]


def test_a_note_alone_is_no_chord():
    notes = [(i, 1, 60 + i) for i in range(8)]
    (text,) = lane(plot_emotion(of_notes(notes, course(1, window=8.0))), "chords").texts
    assert "none" in text.get_text()


def test_bands_are_the_probabilities_and_their_names_lie_inside():
    answer = emotion(course(30, seed=7))
    axes = lane(plot_emotion(answer), "probability of each quadrant")
    curve = answer.curve
    middles = (curve.times + curve.ends) / 2
    tops = np.cumsum(curve.probabilities, axis=1)
    for i, band in enumerate(axes.collections):
        corners = {tuple(np.round(corner, 9)) for corner in band.get_paths()[0].vertices}
        assert corners >= {tuple(np.round(place, 9)) for place in zip(middles, tops[:, i])}
    assert axes.texts
    for text in axes.texts:
        x, y = text.get_position()
        i = int(text.get_text()[1]) - 1
        top, below = (
            np.interp(x, middles, tops[:, i]),
            np.interp(x, middles, (tops - curve.probabilities)[:, i]),
        )
        assert below < y < top


def test_sound_is_drawn_by_its_extremes_and_read_by_blocks():
    random = np.random.default_rng(0)
    y = random.uniform(-0.5, 0.5, 1_000_000).astype(np.float32)
    y[123_456], y[654_321] = 0.9, -0.8
    low, high, seconds = envelope(Track("x", audio=(y, 22050)))
    assert seconds == pytest.approx(len(y) / 22050)
    assert (low.min(), high.max()) == (pytest.approx(-0.8), pytest.approx(0.9))
    assert len(low) == len(high) <= 1770
    assert high.argmax() / len(high) == pytest.approx(123_456 / len(y), abs=2e-3)
    assert (low <= high).all()


def test_without_time_between_windows_there_is_no_line():
    times = np.array([0.0, 5.0, 60.0, 65.0])
    known = course(4, seed=1)
    curve = replace(known, times=times, ends=times + 10)
    axes = lane(plot_emotion(emotion(curve)), "valence and arousal")
    lines = [line for line in axes.lines if len(line.get_xdata()) > 2]
    assert len(lines) == 4
    assert all(np.ptp(line.get_xdata()) == 15 for line in lines)


@given(st.floats(1e-3, 1e6))
def test_ticks_are_few_and_inside(duration):
    ticks = time_ticks(duration)
    assert ticks[0] == 0
    assert ticks[-1] <= duration * (1 + 1e-6)
    assert len(ticks) <= 9 or duration > 8 * 14400
    assert len({clock(t) for t in ticks}) == len(ticks)


# --- files -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_breaks_a_picture(name, tmp_path):
    answer = emotion(course(5), source=name, warnings=(name,))
    save_plot(answer, tmp_path / "x.svg")
    tree = ElementTree.parse(tmp_path / "x.svg")
    tags = {element.tag.rpartition("}")[2] for element in tree.iter()}
    assert "text" in tags
    assert "script" not in tags
    shown = "".join(element.text or "" for element in tree.iter() if element.tag.endswith("}text"))
    assert name.isprintable() is False or name.split("/")[-1][:20] in shown


def size_of(path):
    with Image.open(path) as image:
        return image.size


def test_files_are_small_and_of_one_size_whatever_the_piece(tmp_path):
    for name in ("hours", "dense"):
        save_plot(scenes()[name], tmp_path / "x.svg")
        assert (tmp_path / "x.svg").stat().st_size < 1 << 20
        save_plot(scenes()[name], tmp_path / "x.png")
        assert size_of(tmp_path / "x.png") == (1800, 1080)


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_the_same_answer_gives_the_same_bytes_whatever_the_users_style(ending, tmp_path):
    answer = scenes()["a song"]
    answer.plot(tmp_path / f"a.{ending}")
    styled = {
        "font.size": 30,
        "axes.facecolor": "red",
        "svg.fonttype": "path",
        "text.hinting": "default",
    }
    with matplotlib.rc_context(styled):
        answer.plot(tmp_path / f"b.{ending}")
        assert matplotlib.rcParams["font.size"] == 30
    assert (tmp_path / f"a.{ending}").read_bytes() == (tmp_path / f"b.{ending}").read_bytes()


def test_plot_gives_a_figure_bound_to_no_window():
    figure = chordmer.predict(PIECE).plot()
    assert isinstance(figure, Figure)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert {"notes", "chords", "probability of each quadrant"} <= set(titles)
    assert figure.texts[0].get_text() == PIECE.name


def test_a_piece_that_is_gone_is_an_error_that_names_it(tmp_path):
    path = tmp_path / "gone.mid"
    path.write_bytes(PIECE.read_bytes())
    answer = chordmer.predict(path)
    path.unlink()
    with pytest.raises(MidiError, match=r"gone\.mid"):
        answer.plot()
    assert replace(answer, piece=None).plot().axes


def test_what_cannot_be_written_is_an_error(tmp_path):
    figure = plot_emotion(emotion(course(1)))
    for path in (
        tmp_path / "no" / "x.png",
        tmp_path / "x.gif",
        tmp_path / "x",
        str(tmp_path) + "/\0.png",
    ):
        with pytest.raises(ChordmerError):
            save_figure(figure, path)
    assert list(tmp_path.iterdir()) == []


# --- the command -------------------------------------------------------------------------------


def test_the_command_draws_in_the_theme_it_is_told(tmp_path, capsys):
    for theme in THEMES:
        out = tmp_path / f"{theme}.png"
        assert main(["predict", str(PIECE), "--plot", str(out), "--theme", theme]) == 0
        paper = tuple(int(THEMES[theme].paper[i : i + 2], 16) for i in (1, 3, 5))
        with Image.open(out) as image:
            assert image.convert("RGB").getpixel((2, 2)) == paper
    with pytest.raises(SystemExit):
        main(["predict", str(PIECE), "--plot", "x.png", "--theme", "sepia"])
    assert "sepia" in capsys.readouterr().err


def test_pieces_of_one_name_have_pictures_of_their_own(tmp_path, capsys):
    for i, path in enumerate(bundled_midi()[:3]):
        (tmp_path / "in" / str(i)).mkdir(parents=True)
        (tmp_path / "in" / str(i) / "song.mid").write_bytes(path.read_bytes())
    assert main(["predict", str(tmp_path / "in"), "--plot", str(tmp_path / "out")]) == 0
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert written == ["song.mid.2.png", "song.mid.3.png", "song.mid.png"]


def test_a_picture_loads_neither_scipy_nor_scikit_learn():
    code = (
        "import sys, chordmer; chordmer.predict(chordmer.example()).plot();"
        "print(*{'scipy', 'sklearn', 'numba', 'torch', 'pandas', 'librosa'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_a_notebook_draws_a_figure_that_pyplot_does_not_know(tmp_path):
    figure = plot_emotion(of_notes([(0, 1, 60)], course(1, window=1.0)))
    save_figure(figure, tmp_path / "emotion.png")
    shown, _ = DisplayFormatter().format(figure)
    assert shown["image/png"] == (tmp_path / "emotion.png").read_bytes()
