"""Chords and their succession, consonance and tension."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chordmer.features.summary import entropy, mean, quantiles, ratio, share, spread, unit
from chordmer.features.texture import Texture
from chordmer.features.tonality import DEGREES, find_key

__all__ = ["CHORDS", "TENSION", "chords", "tension"]

Floats = NDArray[np.float64]

QUALITIES = {
    "maj": (0, 4, 7),
    "min": (0, 3, 7),
    "dim": (0, 3, 6),
    "aug": (0, 4, 8),
    "sus4": (0, 5, 7),
    "7": (0, 4, 7, 10),
    "maj7": (0, 4, 7, 11),
    "min7": (0, 3, 7, 10),
}
#: Row ``12 * quality + root``: the tones of a chord, of unit norm.
_TEMPLATES = np.array(
    [
        np.roll(np.isin(np.arange(12), tones), root) / np.sqrt(len(tones))
        for tones in QUALITIES.values()
        for root in range(12)
    ]
)

CHORDS = {
    **{f"chord_{q}_share": ("share", f"time that the chord is {q}") for q in QUALITIES},
    "chord_mode": ("-1 to 1", "major less minor chords (sevenths included), normalised"),
    "chord_fit": ("0 to 1", "mean cosine of a window with its best chord"),
    "chord_certainty": ("0 to 1", "mean probability of the best chord"),
    "chord_change": ("changes/s", "how much of the chord probabilities moves in a second"),
    "chord_entropy": ("0 to 1", "entropy of the roots"),
    "chord_fifth_down": ("share", "root moves a fifth down, among all"),
    "chord_fifth_up": ("share", "root moves a fifth up"),
    "chord_second_down": ("share", "root moves a second down"),
    "chord_second_up": ("share", "root moves a second up"),
    "chord_third_down": ("share", "root moves a third down"),
    "chord_third_up": ("share", "root moves a third up"),
    "chord_tritone": ("share", "root moves a tritone"),
    "chord_authentic": ("share", "moves from the fifth degree to the tonic, among the moves"),
    "chord_plagal": ("share", "moves from the fourth degree to the tonic, among the moves"),
    "chord_tonic_share": ("share", "time on the tonic chord"),
    "chord_end_mode": ("-1 to 1", "major less minor in the last 3 s"),
    **{f"major_on_{d}": ("share", f"major chord on degree {d} of the collection") for d in DEGREES},
    **{f"minor_on_{d}": ("share", f"minor chord on degree {d} of the collection") for d in DEGREES},
    "triad_major_share": ("share", "time that a complete major triad sounds"),
    "triad_minor_share": ("share", "time that a complete minor triad sounds"),
    "triad_mode": ("-1 to 1", "the difference of the two, normalised"),
    "triad_dark_share": ("share", "time that a diminished or augmented triad sounds"),
}

TENSION = {
    **{
        f"interval_class_{i}": ("share", f"sounding pairs {i} semitones apart") for i in range(1, 7)
    },
    "consonance": ("", "mean dyadic consonance of the sounding pairs (Huron 1994)"),
    "dissonant_share": ("share", "time that a second, seventh or tritone sounds"),
    "low_roughness": ("count", "mean number of seconds sounding below C4"),
    "tension_mean": ("0 to 1", "mean tonal-interval dissonance of windows of 1 s"),
    "tension_high": ("0 to 1", "its 90 % quantile"),
    "tension_spread": ("0 to 1", "its standard deviation"),
    "tension_step": ("", "mean tonal-interval distance of successive windows"),
    "tension_step_high": ("", "90 % quantile of that distance"),
    "tension_home": ("", "mean tonal-interval distance of a window from the whole piece"),
    "tension_drift": ("", "mean of the last third less mean of the first third"),
}
#: Huron (1994): consonance of interval classes 1 to 6, averaged over three experiments.
CONSONANCE = np.array([-1.428, -0.582, 0.594, 0.386, 1.240, -0.453])
#: Bernardes et al. (2016): weights of the Fourier coefficients 1 to 6 of a pitch-class set.
_WEIGHTS = np.array([3.0, 8.0, 11.5, 15.0, 14.5, 7.5])
#: How sharply the best chord of a window is preferred: exp(SHARPNESS * cosine).
SHARPNESS = 24.0


def chord_probabilities(chroma: Floats) -> tuple[Floats, Floats]:
    """Return the probability of each quality and root in each window, and the best cosine.

    Returns
    -------
    probabilities : ndarray of float64, shape (w, 8, 12)
        Softmax of the cosine between chroma and the chord's binary template.
    fit : ndarray of float64, shape (w,)
    """
    norm = np.sqrt((chroma * chroma).sum(axis=1, keepdims=True))
    cosine = (chroma / np.where(norm > 0, norm, 1.0)) @ _TEMPLATES.T
    fit = cosine.max(axis=1, initial=0)
    p = np.exp(SHARPNESS * (cosine - fit[:, None]))
    p /= p.sum(axis=1, keepdims=True)
    return p.reshape(-1, len(QUALITIES), 12), fit


def chords(texture: Texture) -> dict[str, float]:
    """Return the descriptors of `CHORDS`."""
    key = find_key(texture)
    p, fit = chord_probabilities(texture.harmony)
    n = max(len(p), 1)
    overall = p.sum(axis=0) / n
    quality = overall.sum(axis=1)
    major_rows, minor_rows = [0, 5, 6], [1, 7]
    major, minor = overall[major_rows].sum(axis=0), overall[minor_rows].sum(axis=0)
    end = p[-6:].sum(axis=(0, 2)) / n
    roots = p.sum(axis=1)
    before, after = roots[:-2], roots[2:]
    joint = before.T @ after
    np.fill_diagonal(joint, 0.0)
    at = np.arange(12)
    moves = unit(np.array([joint[at, (at + m) % 12].sum() for m in range(12)]))
    total = float(joint.sum())
    moved = np.abs(np.diff(p, axis=0)).sum(axis=(1, 2)) / 2
    tonic_quality = minor if key.minor else major
    on_major, on_minor = np.roll(major, -key.home), np.roll(minor, -key.home)
    sounding = _triads(texture)
    return {
        **{f"chord_{q}_share": float(quality[i]) for i, q in enumerate(QUALITIES)},
        "chord_mode": ratio(float(major.sum() - minor.sum()), float(major.sum() + minor.sum())),
        "chord_fit": mean(fit),
        "chord_certainty": mean(p.max(axis=(1, 2), initial=0)),
        "chord_change": 2 * mean(moved),
        "chord_entropy": entropy(overall.sum(axis=0)),
        "chord_fifth_down": float(moves[5]),
        "chord_fifth_up": float(moves[7]),
        "chord_second_down": float(moves[10] + moves[11]),
        "chord_second_up": float(moves[1] + moves[2]),
        "chord_third_down": float(moves[8] + moves[9]),
        "chord_third_up": float(moves[3] + moves[4]),
        "chord_tritone": float(moves[6]),
        "chord_authentic": ratio(float(joint[(key.tonic + 7) % 12, key.tonic]), total),
        "chord_plagal": ratio(float(joint[(key.tonic + 5) % 12, key.tonic]), total),
        "chord_tonic_share": float(tonic_quality[key.tonic]),
        "chord_end_mode": ratio(
            float(end[major_rows].sum() - end[minor_rows].sum()),
            float(end[major_rows].sum() + end[minor_rows].sum()),
        ),
        **{f"major_on_{d}": float(on_major[i]) for i, d in enumerate(DEGREES)},
        **{f"minor_on_{d}": float(on_minor[i]) for i, d in enumerate(DEGREES)},
        "triad_major_share": sounding["maj"],
        "triad_minor_share": sounding["min"],
        "triad_mode": ratio(sounding["maj"] - sounding["min"], sounding["maj"] + sounding["min"]),
        "triad_dark_share": sounding["dim"] + sounding["aug"],
    }


def _triads(texture: Texture) -> dict[str, float]:
    """Return the share of time that a complete triad of each quality sounds."""
    sets = texture.pitch_classes
    at = np.arange(12)
    found = {}
    for name in ("maj", "min", "dim", "aug"):
        _, third, fifth = QUALITIES[name]
        roots = sets & sets[:, (at + third) % 12] & sets[:, (at + fifth) % 12]
        sounds = np.asarray(roots.any(axis=1))
        found[name] = share(sounds, np.minimum(texture.steps, 2.0))
    return found


def tension(texture: Texture) -> dict[str, float]:
    """Return the descriptors of `TENSION`."""
    sets = texture.pitch_classes
    weight = np.minimum(texture.steps, 2.0)
    at = np.arange(12)
    pairs = np.stack(
        [(sets & sets[:, (at + i) % 12]).sum(axis=1) for i in range(1, 7)], axis=1
    ).astype(np.float64)
    pairs[:, 5] /= 2
    classes = unit(weight @ pairs) if len(pairs) else np.zeros(6)
    harsh = pairs[:, [0, 1, 5]].sum(axis=1) > 0
    chroma = texture.harmony
    space = _interval_space(chroma)
    whole = _interval_space(chroma.sum(axis=0, keepdims=True))
    dissonance = 1 - np.sqrt((np.abs(space) ** 2).sum(axis=1)) / np.linalg.norm(_WEIGHTS)
    distance = np.sqrt((np.abs(space[2:] - space[:-2]) ** 2).sum(axis=1)) / 10
    third = max(len(dissonance) // 3, 1)
    return {
        **{f"interval_class_{i}": float(classes[i - 1]) for i in range(1, 7)},
        "consonance": float(classes @ CONSONANCE),
        "dissonant_share": share(harsh, weight),
        "low_roughness": mean(texture.low_clusters, weight),
        "tension_mean": mean(dissonance),
        "tension_high": quantiles(dissonance, (0.9,))[0],
        "tension_spread": spread(dissonance),
        "tension_step": mean(distance),
        "tension_step_high": quantiles(distance, (0.9,))[0],
        "tension_home": mean(np.sqrt((np.abs(space - whole) ** 2).sum(axis=1)) / 10),
        "tension_drift": mean(dissonance[-third:]) - mean(dissonance[:third]),
    }


def _interval_space(chroma: Floats) -> NDArray[np.complex128]:
    """Return tonal interval vectors: weighted Fourier coefficients 1 to 6, shape (w, 6)."""
    total = chroma.sum(axis=1, keepdims=True)
    transform = np.fft.rfft(chroma / np.where(total > 0, total, 1.0), axis=1)
    vectors: NDArray[np.complex128] = transform[:, 1:7] * _WEIGHTS
    return vectors
