"""How pictures look: colours in light and dark, one font, and nothing of the user's own style."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chordmer.errors import printable

if TYPE_CHECKING:
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

__all__ = ["DPI", "THEMES", "Theme", "drawing", "label", "new_figure", "theme_of"]

#: Dots an inch, on the screen as in a file: what is placed beside something stays beside it.
DPI = 150


@dataclass(frozen=True)
class Theme:
    """Colours as ``#rrggbb``.

    Attributes
    ----------
    paper, ink, muted, line : str
        Background, text, text of less weight, and lines that only guide the eye. Text has a
        contrast of 4.5 and more to the background (WCAG 2.2, level AA).
    quadrants : mapping of str to str
        Of Q1 to Q4. They are told apart without red, green or blue cones too.
    series : tuple of str
        Of lines and bars that stand for anything else, in this order.
    ramp : tuple of str
        From little to much, or from early to late; evenly spaced.
    """

    paper: str
    ink: str
    muted: str
    line: str
    quadrants: Mapping[str, str]
    series: tuple[str, ...]
    ramp: tuple[str, ...]

    def colormap(self) -> Colormap:
        """Return `ramp` as matplotlib wants it."""
        from matplotlib.colors import LinearSegmentedColormap

        return LinearSegmentedColormap.from_list("chordmer", self.ramp)

    def text_on(self, color: Any) -> str:
        """Return which of black and white is read the better upon `color`."""
        from matplotlib.colors import to_rgb

        linear = (
            c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color)
        )
        luminance = sum(share * c for share, c in zip((0.2126, 0.7152, 0.0722), linear))
        return "#000000" if luminance > 0.1791 else "#ffffff"


#: Series are Okabe and Ito's palette, darker or lighter where the background asks for it.
THEMES: Mapping[str, Theme] = {
    "light": Theme(
        paper="#ffffff",
        ink="#1c1f24",
        muted="#5b6370",
        line="#c9ced6",
        quadrants={"Q1": "#f0b400", "Q2": "#c0392b", "Q3": "#0b5fa5", "Q4": "#5cc3a0"},
        series=("#0072b2", "#d55e00", "#009e73", "#b0578d", "#8a6d00", "#3a3f47"),
        ramp=("#dcebf7", "#8fc1de", "#3f8fc4", "#155a96", "#0a2c57"),
    ),
    "dark": Theme(
        paper="#16191f",
        ink="#e9ebee",
        muted="#a9b0bb",
        line="#434a56",
        quadrants={"Q1": "#f7c948", "Q2": "#d9513f", "Q3": "#3a82cc", "Q4": "#8ce0c4"},
        series=("#56b4e9", "#ff8c42", "#2fc79b", "#d17ab5", "#e6c229", "#c9ced6"),
        ramp=("#1d3550", "#2a6496", "#4a9bd0", "#93cbeb", "#e4f3fc"),
    ),
}


def theme_of(name: str) -> Theme:
    """Return the theme called `name`, or raise ValueError."""
    if name not in THEMES:
        raise ValueError(f"theme must be one of {', '.join(THEMES)}, not {name!r}")
    return THEMES[name]


@contextmanager
def drawing(theme: Theme) -> Iterator[None]:
    """Make what is drawn inside look like `theme`, whatever style the user has set.

    Text is text: dollar signs start no formula, and SVG files hold letters, not their outlines.
    """
    import matplotlib

    with matplotlib.rc_context(), warnings.catch_warnings():
        # A name in a script that the font lacks shows as boxes; a warning would not help.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_settings(theme))
        yield


def _settings(theme: Theme) -> dict[str, Any]:
    return {
        "font.family": "sans-serif",
        "font.sans-serif": ["DejaVu Sans", "Verdana"],
        "font.size": 10,
        "text.parse_math": False,
        # Letters keep their widths, whatever dots they fall on.
        "text.hinting": "none",
        "axes.unicode_minus": True,
        "svg.fonttype": "none",
        "svg.hashsalt": "chordmer",
        "pdf.fonttype": 42,
        "figure.dpi": DPI,
        "figure.facecolor": theme.paper,
        "figure.constrained_layout.h_pad": 0.12,
        "figure.constrained_layout.w_pad": 0.12,
        "axes.facecolor": theme.paper,
        "axes.edgecolor": theme.line,
        "axes.labelcolor": theme.ink,
        "axes.titlecolor": theme.ink,
        "axes.titlesize": 11,
        "axes.titlelocation": "left",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "text.color": theme.ink,
        "xtick.color": theme.line,
        "ytick.color": theme.line,
        "xtick.labelcolor": theme.muted,
        "ytick.labelcolor": theme.muted,
        "xtick.labelsize": 9,
        "ytick.labelsize": 9,
        "legend.frameon": False,
        "legend.fontsize": 9,
        "legend.labelcolor": theme.ink,
    }


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of so many inches that no window is bound to."""
    from chordmer.plot.shown import ShownFigure

    return ShownFigure(figsize=(width, height), layout="constrained")


def label(text: object, limit: int = 40) -> str:
    """Return `text` as one line that can be drawn, of `limit` characters at most."""
    return printable(text, limit)
