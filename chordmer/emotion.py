"""`Emotion`: the answer, with its reasons and its doubts."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chordmer.errors import printable

if TYPE_CHECKING:
    import os

    from matplotlib.figure import Figure

    from chordmer.track import Track

__all__ = ["QUADRANTS", "Curve", "Emotion", "quadrant_of", "valence_arousal"]

#: The quadrants of the valence-arousal plane (Russell 1980), and words for each.
QUADRANTS: Mapping[str, str] = {
    "Q1": "happy, excited",
    "Q2": "tense, angry",
    "Q3": "sad, gloomy",
    "Q4": "calm, content",
}

#: Signs of valence (row 0) and arousal (row 1) in Q1, Q2, Q3, Q4.
_SIGNS = np.array([[1.0, -1.0, -1.0, 1.0], [1.0, 1.0, -1.0, -1.0]])


def valence_arousal(probabilities: ArrayLike) -> NDArray[np.float64]:
    """Return the expected sign of valence and arousal under quadrant probabilities.

    Parameters
    ----------
    probabilities : array_like, shape (..., 4)
        Of Q1, Q2, Q3, Q4; each row sums to 1.

    Returns
    -------
    ndarray of float64, shape (..., 2)
        Valence and arousal in [-1, 1]: the probability of the positive half less that of the
        negative half. It says how sure the sign is, not how strong the feeling.

    Examples
    --------
    >>> valence_arousal([0.7, 0.1, 0.0, 0.2]).round(2).tolist()
    [0.8, 0.6]
    """
    plane: NDArray[np.float64] = np.asarray(probabilities, dtype=np.float64) @ _SIGNS.T
    return np.clip(plane, -1.0, 1.0)


def quadrant_of(valence: float, arousal: float) -> str:
    """Return the quadrant of a point; zero counts as positive.

    Examples
    --------
    >>> quadrant_of(0.3, -0.5)
    'Q4'
    """
    if arousal >= 0:
        return "Q1" if valence >= 0 else "Q2"
    return "Q4" if valence >= 0 else "Q3"


@dataclass(frozen=True, eq=False)
class Curve:
    """Emotion over time, one row a window.

    Attributes
    ----------
    times : ndarray of float64, shape (t,)
        Start of each window in seconds.
    ends : ndarray of float64, shape (t,)
        End of each window in seconds.
    probabilities : ndarray of float64, shape (t, 4)
        Of Q1 to Q4.
    valence, arousal : ndarray of float64, shape (t,)
        In [-1, 1].
    """

    times: NDArray[np.float64]
    ends: NDArray[np.float64]
    probabilities: NDArray[np.float64]
    valence: NDArray[np.float64]
    arousal: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.times)

    @property
    def quadrants(self) -> list[str]:
        """The likeliest quadrant of each window."""
        names = list(QUADRANTS)
        return [names[i] for i in self.probabilities.argmax(axis=1)]

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists, ready for JSON."""
        return {
            "times": _rounded(self.times),
            "ends": _rounded(self.ends),
            "quadrant": self.quadrants,
            "probabilities": {
                name: _rounded(self.probabilities[:, i]) for i, name in enumerate(QUADRANTS)
            },
            "valence": _rounded(self.valence),
            "arousal": _rounded(self.arousal),
        }


@dataclass(frozen=True, eq=False)
class Emotion:
    """The emotion a piece expresses, as the model hears it.

    Attributes
    ----------
    source : str
        The piece it is about.
    probabilities : mapping of str to float
        Of the four quadrants ``"Q1"`` to ``"Q4"``; they sum to 1.
    valence, arousal : float
        In [-1, 1].
    curve : Curve
        The same over time; empty when the piece has no notes.
    modalities : tuple of str
        What the answer rests on: ``"symbolic"``, ``"audio"``, ``"lyrics"``.
    model : str
        Name and version of the model.
    warnings : tuple of str
        What was assumed, repaired or doubtful, in sentences.
    dimensions : mapping of str to float
        What else the model was trained to tell, such as dominance, on the scale of its training.
    piece : Track or None
        What was listened to; `plot` reads it again for the notes or the sound.
    """

    source: str
    probabilities: Mapping[str, float]
    valence: float
    arousal: float
    curve: Curve
    modalities: tuple[str, ...]
    model: str
    warnings: tuple[str, ...] = ()
    dimensions: Mapping[str, float] = field(default_factory=dict)
    piece: Track | None = field(default=None, repr=False)

    @property
    def quadrant(self) -> str:
        """The likeliest quadrant."""
        return max(self.probabilities, key=self.probabilities.__getitem__)

    @property
    def probability(self) -> float:
        """Probability of the likeliest quadrant."""
        return self.probabilities[self.quadrant]

    def plot(self, path: str | os.PathLike[str] | None = None, *, theme: str = "light") -> Figure:
        """Draw the emotion on the plane and over time; see `chordmer.plot.plot_emotion`.

        Parameters
        ----------
        path : path, optional
            Where to write the picture too; its ending (.png, .svg, .pdf) says the format.
        theme : {"light", "dark"}, default "light"

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        ChordmerError
            If the piece cannot be read again, or the picture cannot be written.
        """
        from chordmer.plot import plot_emotion, save_figure

        figure = plot_emotion(self, theme=theme)
        if path is not None:
            save_figure(figure, path)
        return figure

    def to_dict(self) -> dict[str, Any]:
        """Return the content as plain Python objects; what ``chordmer predict --json`` prints."""
        return {
            "source": self.source,
            "quadrant": self.quadrant,
            "probabilities": {name: round(p, 4) for name, p in self.probabilities.items()},
            "valence": round(self.valence, 4),
            "arousal": round(self.arousal, 4),
            "scale": [-1, 1],
            **({"dimensions": self._others()} if self.dimensions else {}),
            "curve": self.curve.to_dict(),
            "modalities": list(self.modalities),
            "model": self.model,
            "warnings": list(self.warnings),
        }

    def _others(self) -> dict[str, float]:
        return {name: round(value, 4) for name, value in self.dimensions.items()}

    def __repr__(self) -> str:
        return (
            f"Emotion({printable(self.source)!r}, {self.quadrant} {self.probability:.2f}, "
            f"valence {self.valence:+.2f}, arousal {self.arousal:+.2f})"
        )

    def __str__(self) -> str:
        others = ", ".join(
            f"{name} {p:.2f}" for name, p in self.probabilities.items() if name != self.quadrant
        )
        lines = [
            printable(self.source),
            f"  {self.quadrant} {QUADRANTS[self.quadrant]}: {self.probability:.2f}   ({others})",
            f"  valence {self.valence:+.2f}   arousal {self.arousal:+.2f}   (from -1 to +1)",
            *(f"  {printable(name)} {value:.2f}" for name, value in self.dimensions.items()),
            f"  heard from: {', '.join(self.modalities)}   model: {printable(self.model)}",
        ]
        lines += [f"  note: {printable(warning, 400)}" for warning in self.warnings]
        if len(self.curve):
            lines.append("  course:")
            lines += [
                f"    {_clock(start)}-{_clock(end)}  {quadrant} {row.max():.2f}"
                f"   valence {v:+.2f}   arousal {a:+.2f}"
                for start, end, quadrant, row, v, a in zip(
                    self.curve.times,
                    self.curve.ends,
                    self.curve.quadrants,
                    self.curve.probabilities,
                    self.curve.valence,
                    self.curve.arousal,
                )
            ]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        bars = "".join(
            f'<tr><td>{name} {words}</td><td style="width:12em"><div style="background:#0072B2;'
            f'height:0.8em;width:{100 * self.probabilities[name]:.0f}%"></div></td>'
            f"<td>{self.probabilities[name]:.2f}</td></tr>"
            for name, words in QUADRANTS.items()
        )
        notes = "".join(f"<li>{html.escape(printable(w, 400))}</li>" for w in self.warnings)
        return (
            f"<b>{html.escape(printable(self.source))}</b>: {self.quadrant}, "
            f"{QUADRANTS[self.quadrant]}; valence {self.valence:+.2f}, "
            f"arousal {self.arousal:+.2f}<table>{bars}</table>"
            + (f"<ul>{notes}</ul>" if notes else "")
        )


def _rounded(values: NDArray[np.float64]) -> list[float]:
    return [round(float(v), 4) for v in values]


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(int(seconds), 60)
    return f"{minutes}:{seconds:02d}"
