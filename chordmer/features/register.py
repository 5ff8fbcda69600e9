"""Where on the keyboard a piece lies, and how many notes are struck together."""

from __future__ import annotations

import numpy as np

from chordmer.features.summary import entropy, mean, quantiles, share, spread
from chordmer.features.texture import Texture

__all__ = ["POLYPHONY", "REGISTER", "polyphony", "register"]

REGISTER = {
    "register_mean": ("MIDI pitch", "mean pitch of the notes"),
    "register_held_mean": ("MIDI pitch", "mean pitch, weighted by duration"),
    "register_low": ("MIDI pitch", "5 % quantile of pitch"),
    "register_high": ("MIDI pitch", "95 % quantile of pitch"),
    "register_width": ("semitones", "between the 5 and 95 % quantiles of pitch"),
    "register_spread": ("semitones", "standard deviation of pitch"),
    "register_deep_share": ("share", "notes below C3"),
    "register_middle_share": ("share", "notes from C4 to B4"),
    "register_bright_share": ("share", "notes from C6 up"),
    "register_entropy": ("0 to 1", "entropy of the pitch histogram"),
    "register_wander": ("semitones", "standard deviation of the mean pitch of every 16 onsets"),
}

POLYPHONY = {
    "polyphony_mean": ("notes", "mean number of notes struck together"),
    "polyphony_single_share": ("share", "onsets that are one note"),
    "polyphony_chord_share": ("share", "onsets of three notes or more"),
    "polyphony_width": (
        "semitones",
        "mean width of what is struck together, single notes left out",
    ),
    "polyphony_octave_share": (
        "share",
        "of those, the ones that hold an octave of their lowest note",
    ),
}


def register(texture: Texture) -> dict[str, float]:
    """Return the descriptors of `REGISTER`."""
    pitch = texture.pitch.astype(np.float64)
    low, high = quantiles(pitch, (0.05, 0.95))
    return {
        "register_mean": mean(pitch),
        "register_held_mean": mean(pitch, texture.duration),
        "register_low": low,
        "register_high": high,
        "register_width": high - low,
        "register_spread": spread(pitch),
        "register_deep_share": share(pitch < 48),
        "register_middle_share": share((pitch >= 60) & (pitch < 72)),
        "register_bright_share": share(pitch >= 84),
        "register_entropy": entropy(np.bincount(texture.pitch, minlength=128)),
        "register_wander": spread(texture.phrase_means(pitch)),
    }


def polyphony(texture: Texture) -> dict[str, float]:
    """Return the descriptors of `POLYPHONY`."""
    struck = np.diff(texture.first)
    several = struck > 1
    lowest, highest = texture.struck_bounds
    above = texture.pitch - lowest[texture.event]
    octave = np.zeros(len(struck), dtype=bool)
    octave[texture.event[(above > 0) & (above % 12 == 0)]] = True
    return {
        "polyphony_mean": mean(struck),
        "polyphony_single_share": share(struck == 1),
        "polyphony_chord_share": share(struck >= 3),
        "polyphony_width": mean((highest - lowest)[several]),
        "polyphony_octave_share": share(octave[several]),
    }
