"""How fast, how evenly and how detached a piece moves; all in seconds, none in notated beats."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from chordmer.features.summary import entropy, mean, quantiles, ratio, share, spread, unit
from chordmer.features.texture import Texture

__all__ = ["ARTICULATION", "PULSE", "RHYTHM", "articulation", "pulse", "rhythm"]

Floats = NDArray[np.float64]

RHYTHM = {
    "rhythm_note_rate": ("log2 notes/s", "notes a second, the last release included"),
    "rhythm_onset_rate": ("log2 onsets/s", "onsets a second"),
    "rhythm_rate_low": ("log2 onsets/s", "10 % quantile of the rate in windows of 2 s"),
    "rhythm_rate_high": ("log2 onsets/s", "90 % quantile of the rate in windows of 2 s"),
    "rhythm_rate_spread": ("log2", "standard deviation of the rate in windows of 2 s"),
    "rhythm_rate_change": ("log2", "mean absolute change of the rate from window to window"),
    "rhythm_step_low": ("log2 s", "10 % quantile of the time between onsets"),
    "rhythm_step_median": ("log2 s", "median time between onsets"),
    "rhythm_step_high": ("log2 s", "90 % quantile of the time between onsets"),
    "rhythm_step_width": ("log2", "between the 10 and 90 % quantiles"),
    "rhythm_step_mean": ("log2 s", "mean of the logarithm of the time between onsets"),
    "rhythm_step_spread": ("log2", "standard deviation of that logarithm"),
    "rhythm_step_time_mean": ("log2 s", "the same mean, each step weighted by its length"),
    "rhythm_step_entropy": ("0 to 1", "entropy of the steps in bins of a quarter octave"),
    "rhythm_fast_share": ("share", "steps under 0.15 s"),
    "rhythm_slow_share": ("share", "steps over 0.6 s"),
    "rhythm_even_share": ("share", "successive steps within 12 % of each other"),
    "rhythm_double_share": ("share", "successive steps about 2 to 1 or 1 to 2"),
    "rhythm_dotted_share": ("share", "successive steps about 3 to 1 or 1 to 3"),
    "rhythm_variability": ("0 to 1", "normalised pairwise variability of the steps, halved"),
    "rhythm_pause": ("log2 s", "longest step"),
}

ARTICULATION = {
    "duration_low": ("log2 s", "10 % quantile of note duration"),
    "duration_median": ("log2 s", "median note duration"),
    "duration_high": ("log2 s", "90 % quantile of note duration"),
    "duration_mean": ("log2 s", "mean of the logarithm of duration"),
    "duration_spread": ("log2", "standard deviation of that logarithm"),
    "duration_short_share": ("share", "notes under 0.2 s"),
    "duration_long_share": ("share", "notes over 1 s"),
    "articulation_low": ("log2", "25 % quantile of duration over the step to the next onset"),
    "articulation_median": ("log2", "median of duration over the step to the next onset"),
    "articulation_high": ("log2", "75 % quantile of duration over the step to the next onset"),
    "articulation_detached_share": ("share", "notes shorter than 0.6 of their step"),
    "articulation_legato_share": ("share", "notes of 0.9 to 1.2 of their step"),
    "articulation_silence": ("share", "time in which nothing sounds"),
}

#: Edges of the six bands of the interval histogram, in seconds: half octaves about a walking pulse.
BANDS = (0.18, 0.27, 0.41, 0.61, 0.92, 1.38, 2.07)

PULSE = {
    "pulse_rate": ("log2 beats/s", "rate of the strongest pulse between 40 and 220 a minute"),
    "pulse_strength": ("0 to 1", "share of the onset intervals at that pulse"),
    "pulse_contrast": ("ratio", "height of that peak over the mean of the histogram"),
    "pulse_duple": ("0 to 1", "strength at half the pulse's period"),
    "pulse_triple": ("0 to 1", "strength at a third of the pulse's period"),
    "pulse_entropy": ("0 to 1", "entropy of the histogram of onset intervals"),
    **{
        f"pulse_band_{i}": ("share", f"onset intervals from {low} to {high} s")
        for i, (low, high) in enumerate(pairwise(BANDS), 1)
    },
}


def rhythm(texture: Texture) -> dict[str, float]:
    """Return the descriptors of `RHYTHM`."""
    span = max(texture.span, 1.0)
    onsets = len(texture.times)
    steps = np.diff(texture.times)
    log = np.log2(np.maximum(steps, 0.02))
    low, median, high, longest = quantiles(log, (0.1, 0.5, 0.9, 1.0))
    turns = np.abs(np.diff(log))
    rate = _local_rate(texture.times)
    rate_low, rate_high = quantiles(rate, (0.1, 0.9))
    bins = np.clip(np.floor((log + 5) * 4).astype(np.int64), 0, 35)
    return {
        "rhythm_note_rate": float(np.log2((len(texture.pitch) + 0.5) / span)),
        "rhythm_onset_rate": float(np.log2((onsets + 0.5) / span)),
        "rhythm_rate_low": rate_low,
        "rhythm_rate_high": rate_high,
        "rhythm_rate_spread": spread(rate),
        "rhythm_rate_change": mean(np.abs(np.diff(rate))),
        "rhythm_step_low": low,
        "rhythm_step_median": median,
        "rhythm_step_high": high,
        "rhythm_step_width": high - low,
        "rhythm_step_mean": mean(log),
        "rhythm_step_spread": spread(log),
        "rhythm_step_time_mean": mean(log, steps),
        "rhythm_step_entropy": entropy(np.bincount(bins, minlength=36).astype(np.float64)),
        "rhythm_fast_share": share(steps < 0.15),
        "rhythm_slow_share": share(steps > 0.6),
        "rhythm_even_share": share(turns < 0.1635),
        "rhythm_double_share": share(np.abs(turns - 1) < 0.25),
        "rhythm_dotted_share": share(np.abs(turns - 1.585) < 0.25),
        "rhythm_variability": mean(np.abs(np.diff(steps)) / (steps[1:] + steps[:-1])),
        "rhythm_pause": longest,
    }


def _local_rate(times: Floats, window: float = 2.0) -> Floats:
    """Return log2 onsets a second in successive windows; empty windows of long rests left out."""
    slot, count = np.unique(np.floor((times + 0.0137) / window), return_counts=True)
    whole = slot < slot[-1] if slot.size > 1 else np.ones(slot.size, dtype=bool)
    rate: Floats = np.log2(count[whole] / window)
    return rate


def articulation(texture: Texture) -> dict[str, float]:
    """Return the descriptors of `ARTICULATION`."""
    duration = np.maximum(texture.duration, 0.02)
    log = np.log2(duration)
    low, median, high = quantiles(log, (0.1, 0.5, 0.9))
    held = log - np.log2(np.maximum(texture.steps, 0.02))[texture.event]
    held_low, held_median, held_high = quantiles(held, (0.25, 0.5, 0.75))
    ends = texture.onset + texture.duration
    order = np.argsort(texture.onset, kind="stable")
    reached = np.maximum.accumulate(ends[order])
    silence = np.maximum(texture.onset[order][1:] - reached[:-1], 0).sum()
    return {
        "duration_low": low,
        "duration_median": median,
        "duration_high": high,
        "duration_mean": mean(log),
        "duration_spread": spread(log),
        "duration_short_share": share(duration < 0.2),
        "duration_long_share": share(duration > 1.0),
        "articulation_low": held_low,
        "articulation_median": held_median,
        "articulation_high": held_high,
        "articulation_detached_share": share(held < np.log2(0.6)),
        "articulation_legato_share": share((held > np.log2(0.9)) & (held < np.log2(1.2))),
        "articulation_silence": ratio(float(silence), texture.span),
    }


#: The histogram of onset intervals: 24 bins an octave from 1/8 s to 4 s.
_BINS_AN_OCTAVE = 24
_SHORTEST, _OCTAVES = 0.125, 5
_PERIOD = _SHORTEST * 2 ** ((np.arange(_BINS_AN_OCTAVE * _OCTAVES) + 0.5) / _BINS_AN_OCTAVE)
#: Listeners tap near 0.5 s: a log-normal preference half an octave wide (Parncutt 1994).
_PREFERENCE = np.exp(-0.5 * (np.log2(_PERIOD / 0.5) / 0.9) ** 2)
_PREFERENCE[(_PERIOD < 60 / 220) | (_PERIOD > 60 / 40)] = 0.0
_KERNEL = np.exp(-0.5 * (np.arange(-4, 5) / 1.6) ** 2)


def intervals(times: Floats, neighbours: int = 16) -> Floats:
    """Return the smoothed histogram of the times between each onset and those after it.

    The intervals to the next `neighbours` onsets, in logarithmic bins from 1/8 s to 4 s: an
    autocorrelation of the onsets that takes neither a frame rate nor memory that grows with time.

    Returns
    -------
    ndarray of float64, shape (120,)
        Sums to 1, or to 0 where there is no interval in range.
    """
    histogram = np.zeros(len(_PERIOD))
    for k in range(1, min(neighbours, len(times) - 1) + 1):
        interval = times[k:] - times[:-k]
        place = np.log2(np.maximum(interval, 1e-3) / _SHORTEST) * _BINS_AN_OCTAVE
        place = place[(place >= 0) & (place < len(_PERIOD))].astype(np.int64)
        histogram += np.bincount(place, minlength=len(_PERIOD))
    return unit(np.convolve(histogram, _KERNEL, mode="same"))


def pulse(texture: Texture) -> dict[str, float]:
    """Return the descriptors of `PULSE`."""
    histogram = intervals(texture.times)
    peak = int(np.argmax(histogram * _PREFERENCE))
    strength = float(histogram[peak])

    def at(fraction: float) -> float:
        bin_ = peak + round(_BINS_AN_OCTAVE * np.log2(fraction))
        return float(histogram[bin_]) if bin_ >= 0 else 0.0

    band = np.digitize(_PERIOD, BANDS)
    shares = np.bincount(band, weights=histogram, minlength=len(BANDS) + 1)
    return {
        "pulse_rate": float(-np.log2(_PERIOD[peak])) if strength else 0.0,
        "pulse_strength": strength,
        "pulse_contrast": strength * len(_PERIOD),
        "pulse_duple": at(1 / 2),
        "pulse_triple": at(1 / 3),
        "pulse_entropy": entropy(histogram),
        **{f"pulse_band_{i}": float(shares[i]) for i in range(1, len(BANDS))},
    }
