"""How loud a piece is played, and how its loudness changes: the only readers of velocity."""

from __future__ import annotations

import numpy as np

from chordmer.features.summary import mean, quantiles, ratio, share, spread
from chordmer.features.texture import Texture

__all__ = ["DYNAMICS", "dynamics"]

DYNAMICS = {
    "velocity_mean": ("MIDI velocity", "mean velocity of the notes"),
    "velocity_low": ("MIDI velocity", "10 % quantile of velocity"),
    "velocity_high": ("MIDI velocity", "90 % quantile of velocity"),
    "velocity_width": ("MIDI velocity", "between the 10 and 90 % quantiles of velocity"),
    "velocity_spread": ("MIDI velocity", "standard deviation of velocity"),
    "velocity_soft_share": ("share", "notes of velocity below 50"),
    "velocity_loud_share": ("share", "notes of velocity 90 and more"),
    "velocity_peak_mean": ("MIDI velocity", "mean over onsets of the loudest note struck"),
    "velocity_change": ("MIDI velocity", "mean absolute change of the loudest note between onsets"),
    "velocity_accent_share": ("share", "onsets at least 15 louder than the one before"),
    "velocity_wander": ("MIDI velocity", "standard deviation of the mean of every 16 onsets"),
    "velocity_top_excess": ("MIDI velocity", "mean of the highest notes struck less that of all"),
    "velocity_pitch_correlation": ("-1 to 1", "correlation of velocity with pitch"),
}


def dynamics(texture: Texture) -> dict[str, float]:
    """Return the descriptors of `DYNAMICS`."""
    velocity = texture.velocity.astype(np.float64)
    low, high = quantiles(velocity, (0.1, 0.9))
    begins = texture.first[:-1]
    peak = np.maximum.reduceat(velocity, begins) if len(begins) else velocity
    change = np.diff(peak)
    pitch_off, velocity_off = texture.pitch - mean(texture.pitch), velocity - mean(velocity)
    scale = float(np.sqrt((pitch_off @ pitch_off) * (velocity_off @ velocity_off)))
    return {
        "velocity_mean": mean(velocity),
        "velocity_low": low,
        "velocity_high": high,
        "velocity_width": high - low,
        "velocity_spread": spread(velocity),
        "velocity_soft_share": share(velocity < 50),
        "velocity_loud_share": share(velocity >= 90),
        "velocity_peak_mean": mean(peak),
        "velocity_change": mean(np.abs(change)),
        "velocity_accent_share": share(change >= 15),
        "velocity_wander": spread(texture.phrase_means(velocity)),
        "velocity_top_excess": mean(velocity[texture.first[1:] - 1]) - mean(velocity),
        "velocity_pitch_correlation": ratio(float(pitch_off @ velocity_off), scale),
    }
