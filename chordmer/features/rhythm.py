"""How fast and how evenly a piece moves; in seconds, never in notated beats."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chordmer.features.summary import entropy, mean, quantiles, share, spread
from chordmer.features.texture import Texture

__all__ = ["RHYTHM", "rhythm"]

Floats = NDArray[np.float64]

RHYTHM = {
    "rhythm_note_rate": ("log2 notes/s", "notes a second, to the last release"),
    "rhythm_onset_rate": ("log2 onsets/s", "onsets a second, to the last release"),
    "rhythm_rate_low": ("log2 onsets/s", "10 % quantile of the rate in windows of 2 s"),
    "rhythm_rate_high": ("log2 onsets/s", "90 % quantile of the rate in windows of 2 s"),
    "rhythm_rate_spread": ("log2", "standard deviation of the rate in windows of 2 s"),
    "rhythm_step_low": ("log2 s", "10 % quantile of the time between onsets"),
    "rhythm_step_median": ("log2 s", "median time between onsets"),
    "rhythm_step_high": ("log2 s", "90 % quantile of the time between onsets"),
    "rhythm_step_longest": ("log2 s", "longest time between onsets"),
    "rhythm_step_mean": ("log2 s", "mean of the logarithm of the time between onsets"),
    "rhythm_step_spread": ("log2", "standard deviation of that logarithm"),
    "rhythm_step_held_mean": ("log2 s", "the same mean, each step weighted by its length"),
    "rhythm_step_entropy": ("0 to 1", "entropy of the steps in bins of half an octave"),
    "rhythm_fast_share": ("share", "steps under 0.19 s"),
    "rhythm_slow_share": ("share", "steps over 0.61 s"),
    "rhythm_variability": (
        "0 to 1",
        "mean of |a - b| / (a + b) over successive steps (half the nPVI)",
    ),
}

#: What counts as a fast and as a slow step, in seconds. Thresholds in time are no note value of
#: any whole number of beats a minute, so that a score's notes never lie right on one.
FAST, SLOW = 0.19, 0.61
#: Steps below this many seconds count as this long, so that their logarithm stays in bounds.
BRIEF = 0.02


def rhythm(texture: Texture) -> dict[str, float]:
    """Return the descriptors of `RHYTHM`."""
    span = max(texture.span, 1.0)
    steps = np.diff(texture.times)
    log = np.log2(np.maximum(steps, BRIEF))
    low, median, high, longest = quantiles(log, (0.1, 0.5, 0.9, 1.0))
    rate = _local_rate(texture.times)
    rate_low, rate_high = quantiles(rate, (0.1, 0.9))
    half_octaves = np.bincount(np.clip(2 * log + 12, 0, 17).astype(np.int64), minlength=18)
    return {
        "rhythm_note_rate": float(np.log2((len(texture.pitch) + 0.5) / span)),
        "rhythm_onset_rate": float(np.log2((len(texture.times) + 0.5) / span)),
        "rhythm_rate_low": rate_low,
        "rhythm_rate_high": rate_high,
        "rhythm_rate_spread": spread(rate),
        "rhythm_step_low": low,
        "rhythm_step_median": median,
        "rhythm_step_high": high,
        "rhythm_step_longest": longest,
        "rhythm_step_mean": mean(log),
        "rhythm_step_spread": spread(log),
        "rhythm_step_held_mean": mean(log, steps),
        "rhythm_step_entropy": entropy(half_octaves),
        "rhythm_fast_share": share(steps < FAST),
        "rhythm_slow_share": share(steps > SLOW),
        "rhythm_variability": mean(np.abs(np.diff(steps)) / (steps[1:] + steps[:-1])),
    }


def _local_rate(times: Floats, window: float = 2.0) -> Floats:
    """Return log2 onsets a second in each window with an onset, the last and partial one left out.

    The grid begins a little before the first onset, so that onsets on a grid of their own do not
    fall on its edges.
    """
    _, count = np.unique(np.floor((times + 0.0137) / window), return_counts=True)
    rate: Floats = np.log2((count[:-1] if len(count) > 1 else count) / window)
    return rate
