"""Words near a point of the valence-arousal plane: a view of two numbers, and no more than that.

No model of chordmer is trained to tell these words apart. They name directions on the circumplex of
affect, as listeners of no music at all placed them, so that a point reads as something.
"""

from __future__ import annotations

from math import cos, hypot, radians, sin
from typing import Any

__all__ = ["ANGLES", "MOODS", "moods"]

#: Direction of each of 28 words in degrees, anticlockwise from pleasure (0) to arousal (90), as
#: J. A. Russell, "A circumplex model of affect", Journal of Personality and Social Psychology 39
#: (1980), 1161-1178, has them by direct circular scaling of the judgements of 36 people (his
#: figure 2). The scaling gives a direction and no distance from the middle.
ANGLES = {
    "happy": 7.8,
    "delighted": 24.9,
    "excited": 48.6,
    "astonished": 69.8,
    "aroused": 73.8,
    "tense": 92.8,
    "alarmed": 96.5,
    "angry": 99.0,
    "afraid": 116.0,
    "annoyed": 123.0,
    "distressed": 138.0,
    "frustrated": 141.0,
    "miserable": 188.7,
    "sad": 207.5,
    "gloomy": 209.0,
    "depressed": 210.0,
    "bored": 242.0,
    "droopy": 256.7,
    "tired": 267.7,
    "sleepy": 271.9,
    "calm": 316.2,
    "relaxed": 318.0,
    "satisfied": 319.0,
    "at ease": 321.0,
    "content": 323.0,
    "serene": 328.6,
    "glad": 349.0,
    "pleased": 353.2,
}
#: Valence and arousal of each word: its direction, at distance 1 from the middle.
MOODS = {word: (cos(radians(angle)), sin(radians(angle))) for word, angle in ANGLES.items()}


def moods(emotion: Any, n: int = 3) -> list[tuple[str, float]]:
    """Return the words nearest to a point of the valence-arousal plane.

    Parameters
    ----------
    emotion : Emotion, or anything with `valence` and `arousal` in [-1, 1]
    n : int, default 3
        How many words, at most 28.

    Returns
    -------
    list of (str, float)
        Words of `MOODS` with their distances, nearest first.

    Raises
    ------
    ValueError
        If `n` is not a positive number of words, or the point is not on the plane.

    Notes
    -----
    Distances are Euclidean. Since every word lies at distance 1 from the middle, their order is
    that of direction alone, and a distance near 1 means a point near the middle, of which no word
    says much. Words for mixed feelings, such as nostalgic or bittersweet, have no one direction and
    are not here.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> [word for word, _ in moods(SimpleNamespace(valence=0.6, arousal=-0.5))]
    ['at ease', 'satisfied', 'relaxed']
    """
    if not 1 <= n <= len(MOODS):
        raise ValueError(f"n must be 1 to {len(MOODS)} words, not {n!r}")
    valence, arousal = float(emotion.valence), float(emotion.arousal)
    if not (abs(valence) <= 1 and abs(arousal) <= 1):
        raise ValueError(f"not a point of the plane from -1 to 1: {(valence, arousal)}")
    distances = [(word, hypot(valence - v, arousal - a)) for word, (v, a) in MOODS.items()]
    return sorted(distances, key=lambda pair: pair[1])[:n]
