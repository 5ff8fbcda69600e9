"""Pictures as they look: against those that were looked at, and their colours to every eye."""

from itertools import combinations

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from pictures import BASELINES, SCENES, difference, of_the_example, picture
from PIL import Image

from chordmer.plot.theme import THEMES, theme_of

#: Of `difference`. A label that moves by 8 of 1,800 dots, or another colour, is beyond it; the same
#: picture drawn with finer dots is not.
TOLERANCE = 0.055

#: G. M. Machado, M. M. Oliveira, L. A. F. Fernandes, "A physiologically-based model for simulation
#: of color vision deficiency", IEEE TVCG 15, 2009: severity 1, on linear RGB.
VISION = {
    "trichromat": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}
#: From linear sRGB to XYZ under D65 (IEC 61966-2-1).
XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)


def linear(color):
    c = np.array(to_rgb(color))
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def lab(rgb):
    x = XYZ @ np.clip(rgb, 0, 1) / np.array([0.95047, 1.0, 1.08883])
    f = np.where(x > 216 / 24389, np.cbrt(x), (24389 / 27 * x + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def distance(one, other, vision):
    """CIE 1976 colour difference, to an eye of this kind."""
    return float(np.linalg.norm(lab(vision @ linear(one)) - lab(vision @ linear(other))))


def contrast(one, other):
    """WCAG 2.2's contrast ratio."""
    dark, light = sorted(XYZ[1] @ linear(color) for color in (one, other))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("name", list(SCENES))
def test_pictures_look_as_they_did_when_they_were_looked_at(name):
    with Image.open(BASELINES / f"{name}.png") as image:
        known = image.convert("RGB")
    assert difference(picture(SCENES[name]()), known) < TOLERANCE


def move(text, dots):
    """Move a text to the right by so many of the picture's 1,800 dots."""
    there = text.get_transform()
    x, y = there.transform(text.get_position())
    text.set_position(there.inverted().transform((x + dots, y)))


CHANGES = {
    "a quadrant's name moves": lambda f: move(f.axes[0].texts[0], 8),
    "a chord's name moves": lambda f: move(f.axes[2].texts[3], 10),
    "the title moves": lambda f: move(f.texts[0], 8),
    "a chord's name is gone": lambda f: f.axes[2].texts[3].remove(),
    "a band has another colour": lambda f: f.axes[3].collections[0].set_facecolor("#e69f00"),
    "a line has another colour": lambda f: f.axes[4].lines[1].set_color("#8a6d00"),
    "the star is gone": lambda f: f.axes[0].collections[-1].remove(),
    "ticks are gone": lambda f: f.axes[0].set_xticks([]),
}


def test_a_change_that_an_eye_sees_is_found_and_finer_dots_are_not():
    figure = of_the_example("light")
    known = picture(figure)
    assert difference(picture(figure, dpi=225), known) < TOLERANCE
    for name, change in CHANGES.items():
        figure = of_the_example("light")
        change(figure)
        assert difference(picture(figure), known) > TOLERANCE, name


@pytest.mark.parametrize("vision", list(VISION))
@pytest.mark.parametrize("name", list(THEMES))
def test_quadrants_are_told_apart_by_every_eye(name, vision):
    colors = THEMES[name].quadrants.values()
    assert min(distance(a, b, VISION[vision]) for a, b in combinations(colors, 2)) >= 28
    # For and against, and valence beside arousal, which is drawn in ink.
    first, second, _, fourth, *_ = THEMES[name].series
    assert distance(first, second, VISION[vision]) >= 28
    assert distance(fourth, THEMES[name].ink, VISION[vision]) >= 28


def test_the_measure_of_colours_knows_colours_that_are_confused():
    """Red and green of one lightness, which a deuteranope cannot tell apart."""
    red, green = "#a06a00", "#6b8000"
    assert distance(red, green, VISION["trichromat"]) > 28
    assert distance(red, green, VISION["deuteranopia"]) < 15


@pytest.mark.parametrize("name", list(THEMES))
def test_text_is_read_on_what_it_stands_on(name):
    theme = THEMES[name]
    assert contrast(theme.ink, theme.paper) >= 4.5
    assert contrast(theme.muted, theme.paper) >= 4.5
    grounds = [*theme.quadrants.values(), *theme.colormap()(np.linspace(0, 1, 200))[:, :3]]
    assert min(contrast(theme.text_on(color), color) for color in grounds) >= 4.5


@pytest.mark.parametrize("name", list(THEMES))
def test_the_ramp_goes_one_way_in_lightness(name):
    ramp = THEMES[name].colormap()(np.linspace(0, 1, 50))[:, :3]
    steps = np.diff([lab(linear(color))[0] for color in ramp])
    assert (steps > 0).all() or (steps < 0).all()


def test_there_are_two_themes():
    with pytest.raises(ValueError, match="light, dark"):
        theme_of("sepia")
