"""Chords and their succession, consonance and tension."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chordmer.features.harte import QUALITIES as TONES
from chordmer.features.summary import entropy, mean, quantiles, ratio, share, spread, unit
from chordmer.features.texture import HOLD, Texture
from chordmer.features.tonality import find_key, signature

__all__ = ["CHORDS", "TENSION", "chord_probabilities", "chords", "tension"]

Floats = NDArray[np.float64]

#: The qualities told apart; finer ones are not told from passing notes.
QUALITIES = ("maj", "min", "dim", "aug", "sus4", "7", "maj7", "min7")
_MAJOR, _MINOR = [0, 5, 6], [1, 7]
#: Row ``12 * quality + root``: the tones of a chord, of unit norm.
_TEMPLATES = np.array(
    [
        np.roll(np.isin(np.arange(12), TONES[name]), root) / np.sqrt(len(TONES[name]))
        for name in QUALITIES
        for root in range(12)
    ]
)
#: How sharply the best chord of a window is preferred: exp(SHARPNESS * cosine).
SHARPNESS = 24.0
#: Semitones above the tonic of the relative major key, of the chords worth a name in either mode.
_MAJOR_ON = {"I": 0, "II": 2, "III": 4, "IV": 5, "V": 7}
_MINOR_ON = {"i": 0, "ii": 2, "iii": 4, "iv": 5, "v": 7, "vi": 9}

CHORDS = {
    **{f"chord_{name}_share": ("share", f"time on a chord {name}") for name in QUALITIES},
    "chord_mode": ("-1 to 1", "major less minor chords, sevenths included, over their sum"),
    "chord_fit": ("0 to 1", "cosine of a window with its best chord, mean"),
    "chord_certainty": ("0 to 1", "probability of the best chord, mean"),
    "chord_change": ("changes/s", "probability that moves to another chord in a second"),
    "chord_entropy": ("0 to 1", "entropy of the roots"),
    "chord_fifth_down": (
        "share",
        "moves of the root a fifth down, among all its moves in a second",
    ),
    "chord_fifth_up": ("share", "moves a fifth up"),
    "chord_second_down": ("share", "moves one or two semitones down"),
    "chord_second_up": ("share", "moves one or two semitones up"),
    "chord_third_down": ("share", "moves three or four semitones down"),
    "chord_third_up": ("share", "moves three or four semitones up"),
    "chord_tritone": ("share", "moves a tritone"),
    "chord_authentic": ("share", "moves from the fifth degree of the key to the tonic"),
    "chord_plagal": ("share", "moves from the fourth degree of the key to the tonic"),
    **{
        f"degree_{name}": ("share", f"time on {name} of the relative major key, sevenths included")
        for name in (*_MAJOR_ON, *_MINOR_ON)
    },
    "degree_chromatic": ("share", "time on major and minor chords foreign to the signature"),
    "triad_major_share": ("share", "time in which a complete major triad sounds"),
    "triad_minor_share": ("share", "time in which a complete minor triad sounds"),
    "triad_mode": ("-1 to 1", "the difference of the two over their sum"),
    "triad_dark_share": ("share", "time in which a diminished or an augmented triad sounds"),
}

TENSION = {
    **{
        f"interval_class_{i}": ("share", f"pairs of sounding pitch classes {i} semitones apart")
        for i in range(1, 7)
    },
    "consonance": ("-1.4 to 1.2", "consonance of those pairs (Huron 1994), mean"),
    "dissonant_share": ("share", "time in which a second, a seventh or a tritone sounds"),
    "low_roughness": ("pairs", "pitches within two semitones that sound below C4, mean"),
    "tension_mean": ("0 to 1", "tonal-interval dissonance of windows of 1 s, mean"),
    "tension_high": ("0 to 1", "tonal-interval dissonance of windows of 1 s, 90 % quantile"),
    "tension_spread": ("0 to 1", "tonal-interval dissonance of windows of 1 s, standard deviation"),
    "tension_step": ("0 to 2", "tonal-interval distance of successive seconds, mean"),
    "tension_step_high": ("0 to 2", "tonal-interval distance of successive seconds, 90 % quantile"),
    "tension_home": ("0 to 2", "tonal-interval distance of a window from the whole piece, mean"),
}
#: Huron (1994): consonance of interval classes 1 to 6, averaged over three experiments.
CONSONANCE = np.array([-1.428, -0.582, 0.594, 0.386, 1.240, -0.453])
#: Bernardes et al. (2016): weights of the Fourier coefficients 1 to 6 of a pitch-class set.
_WEIGHTS = np.array([3.0, 8.0, 11.5, 15.0, 14.5, 7.5])
_WEIGHTS /= np.linalg.norm(_WEIGHTS)


def chord_probabilities(chroma: Floats) -> tuple[Floats, Floats]:
    """Return how probable each chord is in each window, and how well the best one fits.

    Parameters
    ----------
    chroma : ndarray of float64, shape (w, 12)
        Seconds on each pitch class; no row is 0.

    Returns
    -------
    probabilities : ndarray of float64, shape (w, 8, 12)
        Softmax, by quality and root, of the cosines between chroma and the chords' tones. Shares of
        these are steadier than shares of the best chord, which one note may overturn.
    fit : ndarray of float64, shape (w,)
        The largest cosine.
    """
    norm = np.sqrt((chroma * chroma).sum(axis=1, keepdims=True))
    cosine = (chroma / norm) @ _TEMPLATES.T
    fit = cosine.max(axis=1)
    p = np.exp(SHARPNESS * (cosine - fit[:, None]))
    p /= p.sum(axis=1, keepdims=True)
    return p.reshape(-1, len(QUALITIES), 12), fit


def chords(texture: Texture) -> dict[str, float]:
    """Return the descriptors of `CHORDS`."""
    key = find_key(texture)
    home = signature(key)
    p, fit = chord_probabilities(texture.harmony)
    share_of = p.sum(axis=0) / max(len(p), 1)
    quality = share_of.sum(axis=1)
    major, minor = share_of[_MAJOR].sum(axis=0), share_of[_MINOR].sum(axis=0)
    moved = np.abs(np.diff(p, axis=0)).sum(axis=(1, 2)) / 2
    return {
        **{f"chord_{name}_share": float(quality[i]) for i, name in enumerate(QUALITIES)},
        "chord_mode": _balance(major.sum(), minor.sum()),
        "chord_fit": mean(fit),
        "chord_certainty": mean(p.max(axis=(1, 2))),
        "chord_change": 2 * mean(moved),
        "chord_entropy": entropy(share_of.sum(axis=0)),
        **_root_moves(p.sum(axis=1), key.tonic),
        **_degrees(np.roll(major, -home), np.roll(minor, -home)),
        **_triads(texture),
    }


def _balance(major: float, minor: float) -> float:
    return ratio(float(major - minor), float(major + minor))


def _root_moves(roots: Floats, tonic: int) -> dict[str, float]:
    """Return which way the root moves from a window to the one a second later."""
    moves = roots[:-2].T @ roots[2:]
    np.fill_diagonal(moves, 0.0)
    moves = unit(moves)
    at = np.arange(12)
    up = [float(moves[at, (at + semitones) % 12].sum()) for semitones in range(12)]
    return {
        "chord_fifth_down": up[5],
        "chord_fifth_up": up[7],
        "chord_second_down": up[10] + up[11],
        "chord_second_up": up[1] + up[2],
        "chord_third_down": up[8] + up[9],
        "chord_third_up": up[3] + up[4],
        "chord_tritone": up[6],
        "chord_authentic": float(moves[(tonic + 7) % 12, tonic]),
        "chord_plagal": float(moves[(tonic + 5) % 12, tonic]),
    }


def _degrees(major: Floats, minor: Floats) -> dict[str, float]:
    native = major[[0, 5, 7]].sum() + minor[[2, 4, 9]].sum()
    return {
        **{f"degree_{name}": float(major[on]) for name, on in _MAJOR_ON.items()},
        **{f"degree_{name}": float(minor[on]) for name, on in _MINOR_ON.items()},
        "degree_chromatic": float(major.sum() + minor.sum() - native),
    }


def _triads(texture: Texture) -> dict[str, float]:
    sets, seconds = texture.pitch_classes, np.minimum(texture.steps, HOLD)
    at = np.arange(12)

    def sounds(name: str) -> float:
        _, third, fifth = TONES[name]
        roots = sets & sets[:, (at + third) % 12] & sets[:, (at + fifth) % 12]
        return share(np.asarray(roots.any(axis=1)), seconds)

    major, minor = sounds("maj"), sounds("min")
    return {
        "triad_major_share": major,
        "triad_minor_share": minor,
        "triad_mode": _balance(major, minor),
        "triad_dark_share": sounds("dim") + sounds("aug"),
    }


def tension(texture: Texture) -> dict[str, float]:
    """Return the descriptors of `TENSION`.

    The tonal-interval space is that of Bernardes et al. (2016), scaled to unit length: a single
    pitch class lies at distance 1 from the origin, and dissonance is what is missing to 1.
    """
    sets, seconds = texture.pitch_classes, np.minimum(texture.steps, HOLD)
    at = np.arange(12)
    pairs = np.array([(sets & sets[:, (at + i) % 12]).sum(axis=1) for i in range(1, 7)])
    harsh = (pairs[0] + pairs[1] + pairs[5]) > 0
    classes = unit((pairs @ seconds) / [1, 1, 1, 1, 1, 2])
    vectors = _tonal_intervals(texture.harmony)
    dissonance = 1 - _length(vectors)
    steps = _length(vectors[2:] - vectors[:-2])
    home = _tonal_intervals(texture.harmony.sum(axis=0, keepdims=True))
    return {
        **{f"interval_class_{i}": float(c) for i, c in enumerate(classes, 1)},
        "consonance": float(classes @ CONSONANCE),
        "dissonant_share": share(harsh, seconds),
        "low_roughness": mean(texture.low_clusters, seconds),
        "tension_mean": mean(dissonance),
        "tension_high": quantiles(dissonance, (0.9,))[0],
        "tension_spread": spread(dissonance),
        "tension_step": mean(steps),
        "tension_step_high": quantiles(steps, (0.9,))[0],
        "tension_home": mean(_length(vectors - home)),
    }


def _tonal_intervals(chroma: Floats) -> NDArray[np.complex128]:
    """Return tonal interval vectors of length 1 at most: shape (w, 6)."""
    total = chroma.sum(axis=1, keepdims=True)
    transform = np.fft.rfft(chroma / np.where(total > 0, total, 1.0), axis=1)
    vectors: NDArray[np.complex128] = transform[:, 1:] * _WEIGHTS
    return vectors


def _length(vectors: NDArray[np.complex128]) -> Floats:
    length: Floats = np.sqrt((np.abs(vectors) ** 2).sum(axis=1))
    return length
