"""Pictures to look at: what they show, what is drawn in them, and how far two are apart.

``python tests/pictures.py`` writes the pictures that the tests compare with; look at them then.
"""

from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import numpy as np
from matplotlib.text import Text
from PIL import Image, ImageFilter

import chordmer
from chordmer.emotion import QUADRANTS, Curve, Emotion, valence_arousal
from chordmer.plot import plot_confusion, plot_emotion, plot_explanation
from chordmer.plot.theme import THEMES, drawing
from chordmer.track import Track

BASELINES = Path(__file__).parent / "data" / "pictures"
SIZE = 0.5
TILE = 10


def course(n, hop=5.0, window=15.0, seed=None):
    """A curve of `n` windows that goes round the plane, or wherever `seed` leads it."""
    if seed is None:
        turn = np.linspace(0.3, 5, n)
        scores = 2.0 * np.cos(turn[:, None] - np.pi / 4 - np.arange(4) * np.pi / 2)
    else:
        scores = np.random.default_rng(seed).normal(scale=2, size=(n, 4))
    shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    times = hop * np.arange(n)
    plane = valence_arousal(shares)
    return Curve(times, times + window, shares, plane[:, 0], plane[:, 1])


def emotion(curve, piece=None, source="song.mid", **more):
    """An answer with this course: its mean."""
    shares = curve.probabilities.mean(axis=0) if len(curve) else np.full(4, 0.25)
    valence, arousal = valence_arousal(shares)
    return Emotion(
        source=source,
        probabilities=dict(zip(QUADRANTS, shares.tolist())),
        valence=float(valence),
        arousal=float(arousal),
        curve=curve,
        modalities=("symbolic",),
        model="by hand",
        piece=piece,
        **more,
    )


def of_the_example(theme):
    """The bundled song under a course made by hand: no model's weights can move this picture."""
    piece = Track("song", symbolic=chordmer.example())
    doubts = ("only a picture: the answer is made up",)
    return plot_emotion(emotion(course(70), piece, warnings=doubts), theme=theme)


SCENES = {
    "emotion_light": lambda: of_the_example("light"),
    "emotion_dark": lambda: of_the_example("dark"),
    "confusion": lambda: plot_confusion(
        [[30, 5, 2, 3], [6, 25, 8, 1], [1, 7, 20, 9], [4, 0, 9, 28]], list(QUADRANTS)
    ),
    "explanation": lambda: plot_explanation(
        {"the chord A:min, bars 3 to 5": 0.21, "the music at 0:30": -0.12, "the tempo": 0.04},
        theme="dark",
    ),
}


def picture(figure, dpi=150):
    """The figure as its file shows it, at half the size; drawn with finer or coarser dots."""
    held = BytesIO()
    size = [round(SIZE * 150 * side) for side in figure.get_size_inches()]
    with drawing(THEMES["light"]):
        figure.savefig(held, format="png", dpi=dpi)
    with Image.open(held) as image:
        return image.convert("RGB").resize(size, Image.Resampling.BOX)


def difference(one, other):
    """How far two pictures are apart where they are furthest: 0 the same, 1 black and white.

    Both are blurred, so that the edges of letters may lie a little otherwise, and compared in
    tiles of 10 by 10 dots; of each tile the mean counts, of all tiles the largest.
    """
    if one.size != other.size:
        return 1.0
    blurred = [
        np.asarray(image.filter(ImageFilter.GaussianBlur(1.5)), dtype=float) / 255
        for image in (one, other)
    ]
    gap = np.abs(blurred[0] - blurred[1]).max(axis=2)
    rows, columns = (side - side % TILE for side in gap.shape)
    tiles = gap[:rows, :columns].reshape(rows // TILE, TILE, columns // TILE, TILE)
    return float(tiles.mean(axis=(1, 3)).max())


@contextmanager
def drawn_texts(monkeypatch):
    """Every text that is drawn meanwhile, with its place in dots."""
    found = []
    draw = Text.draw

    def remember(self, renderer, *arguments, **more):
        if self.get_visible() and self.get_text().strip():
            found.append((self, self.get_window_extent(renderer)))
        return draw(self, renderer, *arguments, **more)

    with monkeypatch.context() as patch:
        patch.setattr(Text, "draw", remember)
        yield found


if __name__ == "__main__":
    BASELINES.mkdir(exist_ok=True)
    for name, scene in SCENES.items():
        picture(scene()).save(BASELINES / f"{name}.png", optimize=True)
