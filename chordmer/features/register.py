"""Where on the keyboard a piece lies, and how thickly it is set."""

from __future__ import annotations

import numpy as np

from chordmer.features.summary import entropy, mean, quantiles, share, slope, spread
from chordmer.features.texture import Texture

__all__ = ["POLYPHONY", "REGISTER", "polyphony", "register"]

REGISTER = {
    "register_mean": ("MIDI pitch", "mean pitch of the notes"),
    "register_median": ("MIDI pitch", "median pitch of the notes"),
    "register_held_mean": ("MIDI pitch", "mean pitch, weighted by duration"),
    "register_low": ("MIDI pitch", "5 % quantile of pitch"),
    "register_high": ("MIDI pitch", "95 % quantile of pitch"),
    "register_width": ("semitones", "between the 5 and 95 % quantiles of pitch"),
    "register_spread": ("semitones", "standard deviation of pitch"),
    "register_deep_share": ("share", "notes below C3"),
    "register_bright_share": ("share", "notes from C6 up"),
    "register_middle_share": ("share", "notes from C4 to B4"),
    "register_entropy": ("0 to 1", "entropy of the pitch histogram"),
    "register_drift": ("semitones", "rise of the mean pitch over the piece"),
    "register_wander": (
        "semitones",
        "standard deviation of the mean pitch of windows of 16 onsets",
    ),
    "register_top_mean": ("MIDI pitch", "mean highest sounding pitch, weighted by time"),
    "register_bottom_mean": ("MIDI pitch", "mean lowest sounding pitch, weighted by time"),
}

POLYPHONY = {
    "polyphony_struck_mean": ("notes", "mean number of notes struck together"),
    "polyphony_struck_high": ("notes", "90 % quantile of the notes struck together"),
    "polyphony_single_share": ("share", "onsets that are one note"),
    "polyphony_chord_share": ("share", "onsets of three notes or more"),
    "polyphony_mean": ("pitches", "mean number of sounding pitches, weighted by time"),
    "polyphony_spread": ("pitches", "standard deviation of the number of sounding pitches"),
    "polyphony_high": ("pitches", "90 % quantile of the number of sounding pitches"),
    "polyphony_classes": ("pitch classes", "mean number of sounding pitch classes"),
    "polyphony_span": ("semitones", "mean distance from lowest to highest sounding pitch"),
    "polyphony_spacing": ("semitones", "mean distance of neighbouring sounding pitches"),
    "polyphony_struck_span": ("semitones", "mean width of the notes struck together"),
    "polyphony_octave_share": (
        "share",
        "onsets of several notes that hold an octave of the lowest",
    ),
    "polyphony_drone": ("ratio", "notes held over an onset for each note struck there"),
}


def register(texture: Texture) -> dict[str, float]:
    """Return the descriptors of `REGISTER`."""
    pitch = texture.pitch.astype(np.float64)
    low, median, high = quantiles(pitch, (0.05, 0.5, 0.95))
    blocks = texture.first[:-1:16]
    sizes = np.diff(blocks, append=len(pitch))
    wander = np.add.reduceat(pitch, blocks) / sizes if len(blocks) else pitch
    return {
        "register_mean": mean(pitch),
        "register_median": median,
        "register_held_mean": mean(pitch, texture.duration),
        "register_low": low,
        "register_high": high,
        "register_width": high - low,
        "register_spread": spread(pitch),
        "register_deep_share": share(pitch < 48),
        "register_bright_share": share(pitch >= 84),
        "register_middle_share": share((pitch >= 60) & (pitch < 72)),
        "register_entropy": entropy(np.bincount(texture.pitch, minlength=128).astype(np.float64)),
        "register_drift": slope(texture.onset, pitch) * texture.span,
        "register_wander": spread(wander),
        "register_top_mean": mean(texture.top, texture.steps),
        "register_bottom_mean": mean(texture.bottom, texture.steps),
    }


def polyphony(texture: Texture) -> dict[str, float]:
    """Return the descriptors of `POLYPHONY`."""
    struck = np.diff(texture.first).astype(np.float64)
    voices = texture.voices.astype(np.float64)
    span = (texture.top - texture.bottom).astype(np.float64)
    lowest, highest = texture.pitch[texture.first[:-1]], texture.pitch[texture.first[1:] - 1]
    above = texture.pitch - lowest[texture.event]
    octave = np.zeros(len(struck), dtype=bool)
    octave[texture.event[(above > 0) & (above % 12 == 0)]] = True
    several = struck > 1
    return {
        "polyphony_struck_mean": mean(struck),
        "polyphony_struck_high": quantiles(struck, (0.9,))[0],
        "polyphony_single_share": share(struck == 1),
        "polyphony_chord_share": share(struck >= 3),
        "polyphony_mean": mean(voices, texture.steps),
        "polyphony_spread": spread(voices, texture.steps),
        "polyphony_high": quantiles(voices, (0.9,))[0],
        "polyphony_classes": mean(texture.pitch_classes.sum(axis=1), texture.steps),
        "polyphony_span": mean(span, texture.steps),
        "polyphony_spacing": mean(span / np.maximum(voices - 1, 1), texture.steps),
        "polyphony_struck_span": mean((highest - lowest)[several]),
        "polyphony_octave_share": share(octave[several]),
        "polyphony_drone": mean(voices) / max(mean(struck), 1.0) - 1.0 if len(struck) else 0.0,
    }
