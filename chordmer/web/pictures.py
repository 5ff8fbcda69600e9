"""The picture of an answer as HTML: the plane, and a timeline that a cursor can run along."""

from __future__ import annotations

import base64
import html
import json
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from chordmer.emotion import QUADRANTS, Emotion
from chordmer.plot import plot_emotion
from chordmer.plot.theme import DPI, THEMES, drawing, theme_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.transforms import Bbox

__all__ = ["pictures_of"]

#: Room around axes for their labels: left, right, above, below; in inches.
_AROUND_PLANE = (0.72, 0.1, 0.1, 1.15)
_AROUND_TIMELINE = (0.5, 0.12, 0.32, 0.5)

#: Left, top, right and bottom of a part of a figure, in dots from its left upper corner.
_Box = tuple[int, int, int, int]


def pictures_of(emotion: Emotion) -> str:
    """Return the plane and the timeline of an answer as HTML, in light and in dark.

    The pictures are those of `chordmer.plot.plot_emotion`, cut in two so that a narrow screen can
    show one below the other. Where the cursor and the dot are at each time is told to the script
    of the page as JSON, in shares of the pictures' width and height.
    """
    planes, timelines = [], []
    for name in THEMES:
        look = theme_of(name)
        figure = plot_emotion(emotion, theme=name)
        with drawing(look):
            dots = _dots(figure)
        plane, *lanes = figure.axes
        around_plane = _box([plane.get_position()], _AROUND_PLANE, dots)
        planes.append(_image(dots, around_plane, name, _plane_in_words(emotion)))
        if lanes:
            around_lanes = _box([a.get_position() for a in lanes], _AROUND_TIMELINE, dots)
            timelines.append(_image(dots, around_lanes, name, _course_in_words(emotion)))
    told = f'<div class="plane"><div class="frame">{"".join(planes)}<i class="dot"></i></div></div>'
    if timelines:
        told += (
            '<div class="timeline" tabindex="0" role="group" aria-label="timeline">'
            f'<div class="frame">{"".join(timelines)}<i class="cursor"></i></div></div>'
        )
        places = _places(emotion, figure, around_plane, around_lanes, dots)
        told += '<p class="now" aria-hidden="true"></p>'
        return f'<div class="pictures" data-places="{_quoted(places)}">{told}</div>'
    return f'<div class="pictures">{told}</div>'


def _dots(figure: Figure) -> NDArray[np.uint8]:
    """Return a figure as an image, shape (height, width, 4)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure.set_dpi(DPI)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())


def _box(
    axes: list[Bbox], around: tuple[float, float, float, float], dots: NDArray[np.uint8]
) -> _Box:
    height, width = dots.shape[:2]
    left, right, above, below = (DPI * inches for inches in around)
    return (
        max(0, round(min(box.x0 for box in axes) * width - left)),
        max(0, round((1 - max(box.y1 for box in axes)) * height - above)),
        min(width, round(max(box.x1 for box in axes) * width + right)),
        min(height, round((1 - min(box.y0 for box in axes)) * height + below)),
    )


def _image(dots: NDArray[np.uint8], box: _Box, theme: str, alt: str) -> str:
    from PIL import Image

    left, top, right, bottom = box
    png = BytesIO()
    Image.fromarray(dots[top:bottom, left:right]).convert("RGB").save(png, "png")
    data = base64.b64encode(png.getvalue()).decode("ascii")
    return (
        f'<img class="{theme}" width="{right - left}" height="{bottom - top}" '
        f'alt="{html.escape(alt)}" src="data:image/png;base64,{data}">'
    )


def _places(
    emotion: Emotion, figure: Figure, plane: _Box, lanes: _Box, dots: NDArray[np.uint8]
) -> dict[str, Any]:
    """Return what the script needs to follow the sound: seconds, and shares of the pictures."""
    height, width = dots.shape[:2]
    lane = figure.axes[-1]
    strip = lane.get_position()
    curve = emotion.curve
    points = figure.axes[0].transData.transform(np.column_stack([curve.valence, curve.arousal]))
    left, top, right, bottom = plane
    return {
        "duration": round(float(lane.get_xlim()[1]), 3),
        "first": round((strip.x0 * width - lanes[0]) / (lanes[2] - lanes[0]), 5),
        "last": round((strip.x1 * width - lanes[0]) / (lanes[2] - lanes[0]), 5),
        "times": [round(float(t), 3) for t in (curve.times + curve.ends) / 2],
        "x": [round(float(x), 4) for x in (points[:, 0] - left) / (right - left)],
        "y": [round(float(y), 4) for y in (height - points[:, 1] - top) / (bottom - top)],
        "words": [
            f"{name} {QUADRANTS[name]}, {100 * share:.0f} %"
            for name, share in zip(curve.quadrants, curve.probabilities.max(axis=1))
        ],
    }


def _quoted(value: Any) -> str:
    return html.escape(json.dumps(value), quote=True)


def _plane_in_words(emotion: Emotion) -> str:
    return (
        f"The valence-arousal plane: the piece lies at valence {emotion.valence:+.2f}, "
        f"arousal {emotion.arousal:+.2f}, in {emotion.quadrant}, {QUADRANTS[emotion.quadrant]}."
    )


def _course_in_words(emotion: Emotion) -> str:
    runs: list[str] = []
    for time, name in zip(emotion.curve.times, emotion.curve.quadrants):
        if not runs or not runs[-1].startswith(name):
            minutes, seconds = divmod(int(time), 60)
            runs.append(f"{name} from {minutes}:{seconds:02d}")
    more = " and so on" if len(runs) > 12 else ""
    return f"The course over time: {', '.join(runs[:12])}{more}."
