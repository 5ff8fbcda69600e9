"""The melody and the bass: the highest and the lowest line, and the steps they take."""

from __future__ import annotations

import numpy as np

from chordmer.features.summary import entropy, mean, quantiles, ratio, share, spread, unit
from chordmer.features.texture import Texture

__all__ = ["BASS", "MELODY", "bass", "melody"]

_SIZES = {
    "repeat": (0, 0),
    "minor_second": (1, 1),
    "major_second": (2, 2),
    "minor_third": (3, 3),
    "major_third": (4, 4),
    "fourth": (5, 5),
    "tritone": (6, 6),
    "fifth": (7, 7),
    "sixth_seventh": (8, 11),
    "octave": (12, 12),
}

MELODY = {
    "melody_rate": ("log2 notes/s", "notes of the highest line a second"),
    "melody_median": ("MIDI pitch", "median pitch of the highest line"),
    "melody_width": ("semitones", "between the 5 and 95 % quantiles of its pitch"),
    "melody_spread": ("semitones", "standard deviation of its pitch"),
    "melody_lead": ("semitones", "mean distance to the lowest pitch that sounds under it"),
    "melody_step_mean": ("semitones", "mean absolute interval"),
    "melody_leap_share": ("share", "intervals of a fourth and more"),
    "melody_up_share": ("share", "rising ones among its moves, repetitions left out"),
    "melody_turn_share": ("share", "moves that turn the direction"),
    "melody_entropy": (
        "0 to 1",
        "entropy of its signed intervals, those over an octave as octaves",
    ),
    **{
        f"melody_{name}_share": ("share", f"intervals of {low} to {high} semitones")
        for name, (low, high) in _SIZES.items()
    },
}

BASS = {
    "bass_rate": ("log2 notes/s", "notes of the lowest line a second"),
    "bass_median": ("MIDI pitch", "median pitch of the lowest line"),
    "bass_width": ("semitones", "between the 5 and 95 % quantiles of its pitch"),
    "bass_step_mean": ("semitones", "mean absolute interval"),
    "bass_repeat_share": ("share", "intervals that are a unison or octaves"),
    "bass_semitone_share": ("share", "a semitone up or down, modulo the octave"),
    "bass_second_share": ("share", "one or two semitones up or down, modulo the octave"),
    "bass_third_share": ("share", "three or four semitones up or down, modulo the octave"),
    "bass_fourth_share": ("share", "five semitones up or down, modulo the octave"),
    "bass_tritone_share": ("share", "six semitones, modulo the octave"),
    "bass_falling_fifth_share": ("share", "a fifth down or a fourth up, among all but the repeats"),
    "bass_entropy": ("0 to 1", "entropy of the signed intervals modulo the octave"),
}


def melody(texture: Texture) -> dict[str, float]:
    """Return the descriptors of `MELODY`."""
    leads = texture.top == texture.struck_bounds[1]
    pitch = texture.melody
    low, median, high = quantiles(pitch, (0.05, 0.5, 0.95))
    steps = np.diff(pitch)
    size = np.abs(steps)
    moves = np.sign(steps[steps != 0])
    return {
        "melody_rate": float(np.log2((len(pitch) + 0.5) / max(texture.span, 1.0))),
        "melody_median": median,
        "melody_width": high - low,
        "melody_spread": spread(pitch),
        "melody_lead": mean(pitch - texture.bottom[leads]),
        "melody_step_mean": mean(size),
        "melody_leap_share": share(size >= 5),
        "melody_up_share": share(moves > 0),
        "melody_turn_share": share(moves[1:] != moves[:-1]),
        "melody_entropy": entropy(np.bincount(np.clip(steps, -12, 12) + 12, minlength=25)),
        **{
            f"melody_{name}_share": share((size >= smallest) & (size <= largest))
            for name, (smallest, largest) in _SIZES.items()
        },
    }


def bass(texture: Texture) -> dict[str, float]:
    """Return the descriptors of `BASS`."""
    pitch = texture.bass
    low, median, high = quantiles(pitch, (0.05, 0.5, 0.95))
    steps = np.diff(pitch)
    up = unit(np.bincount(steps % 12, minlength=12).astype(np.float64))
    either = up + up[-np.arange(12) % 12]
    return {
        "bass_rate": float(np.log2((len(pitch) + 0.5) / max(texture.span, 1.0))),
        "bass_median": median,
        "bass_width": high - low,
        "bass_step_mean": mean(np.abs(steps)),
        "bass_repeat_share": float(up[0]),
        "bass_semitone_share": float(either[1]),
        "bass_second_share": float(either[1] + either[2]),
        "bass_third_share": float(either[3] + either[4]),
        "bass_fourth_share": float(either[5]),
        "bass_tritone_share": float(up[6]),
        "bass_falling_fifth_share": ratio(float(up[5]), float(up[1:].sum())),
        "bass_entropy": entropy(up),
    }
