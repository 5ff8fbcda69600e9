"""How long notes are held: durations, legato, and what still sounds when the next is struck."""

from __future__ import annotations

import numpy as np

from chordmer.features.rhythm import BRIEF
from chordmer.features.summary import mean, quantiles, ratio, share, spread
from chordmer.features.texture import Texture

__all__ = ["ARTICULATION", "articulation"]

ARTICULATION = {
    "duration_low": ("log2 s", "10 % quantile of note duration"),
    "duration_median": ("log2 s", "median note duration"),
    "duration_high": ("log2 s", "90 % quantile of note duration"),
    "duration_spread": ("log2", "standard deviation of the logarithm of duration"),
    "duration_short_share": ("share", "notes under 0.21 s"),
    "duration_long_share": ("share", "notes over 1.05 s"),
    "articulation_low": ("log2", "25 % quantile of duration over the step to the next onset"),
    "articulation_median": ("log2", "median of duration over the step to the next onset"),
    "articulation_high": ("log2", "75 % quantile of duration over the step to the next onset"),
    "articulation_detached_share": ("share", "notes shorter than 0.6 of their step"),
    "articulation_silence": ("share", "time in which nothing is held"),
    "sounding_mean": ("pitches", "mean number of sounding pitches, weighted by time"),
    "sounding_spread": ("pitches", "standard deviation of the number of sounding pitches"),
    "sounding_classes": ("pitch classes", "mean number of sounding pitch classes"),
    "sounding_span": ("semitones", "mean distance from lowest to highest sounding pitch"),
    "sounding_spacing": ("semitones", "mean distance of neighbouring sounding pitches"),
    "sounding_held": ("ratio", "notes held over an onset for each note struck there"),
}


def articulation(texture: Texture) -> dict[str, float]:
    """Return the descriptors of `ARTICULATION`.

    These tell a pedalled performance from its score more than one emotion from another; a model
    for both may leave them out.
    """
    duration = np.maximum(texture.duration, BRIEF)
    log = np.log2(duration)
    low, median, high = quantiles(log, (0.1, 0.5, 0.9))
    held = log - np.log2(np.maximum(texture.steps, BRIEF))[texture.event]
    held_low, held_median, held_high = quantiles(held, (0.25, 0.5, 0.75))
    order = np.argsort(texture.onset, kind="stable")
    ends = np.maximum.accumulate((texture.onset + texture.duration)[order])
    silence = np.maximum(texture.onset[order][1:] - ends[:-1], 0.0).sum()
    sounding = texture.voices.astype(np.float64)
    struck = np.diff(texture.first)
    span = texture.top - texture.bottom
    return {
        "duration_low": low,
        "duration_median": median,
        "duration_high": high,
        "duration_spread": spread(log),
        "duration_short_share": share(duration < 0.21),
        "duration_long_share": share(duration > 1.05),
        "articulation_low": held_low,
        "articulation_median": held_median,
        "articulation_high": held_high,
        "articulation_detached_share": share(held < np.log2(0.6)),
        "articulation_silence": ratio(float(silence), texture.span),
        "sounding_mean": mean(sounding, texture.steps),
        "sounding_spread": spread(sounding, texture.steps),
        "sounding_classes": mean(texture.pitch_classes.sum(axis=1), texture.steps),
        "sounding_span": mean(span, texture.steps),
        "sounding_spacing": mean(span / np.maximum(sounding - 1, 1), texture.steps),
        "sounding_held": ratio(float((sounding - struck).sum()), float(struck.sum())),
    }
