"""The melody and the bass: the highest and the lowest line, and the steps they take."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chordmer.features.summary import entropy, mean, quantiles, share, slope, spread, unit
from chordmer.features.texture import Texture

__all__ = ["BASS", "MELODY", "bass", "melody", "outline"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

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
    "melody_width": ("semitones", "between its 5 and 95 % quantiles"),
    "melody_spread": ("semitones", "standard deviation of its pitch"),
    "melody_drift": ("semitones", "its rise over the piece"),
    "melody_step_mean": ("semitones", "mean absolute interval"),
    "melody_step_median": ("semitones", "median absolute interval"),
    "melody_up_share": ("share", "rising ones among its moves"),
    "melody_turn_share": ("share", "moves that turn the direction"),
    "melody_leap_share": ("share", "moves of a fourth and more"),
    "melody_wide_share": ("share", "moves of more than an octave"),
    "melody_entropy": ("0 to 1", "entropy of its intervals up to an octave"),
    "melody_run": ("notes", "mean number of moves in one direction"),
    "melody_lead": ("semitones", "mean distance to the pitch that sounds below"),
    **{f"melody_{n}_share": ("share", f"intervals of {a} to {b}") for n, (a, b) in _SIZES.items()},
}

BASS = {
    "bass_rate": ("log2 notes/s", "notes of the lowest line a second"),
    "bass_median": ("MIDI pitch", "median pitch of the lowest line"),
    "bass_width": ("semitones", "between its 5 and 95 % quantiles"),
    "bass_step_mean": ("semitones", "mean absolute interval"),
    "bass_repeat_share": ("share", "repeated notes and octaves"),
    "bass_second_share": ("share", "moves by a second, octaves apart or not"),
    "bass_third_share": ("share", "moves by a third or sixth"),
    "bass_fourth_share": ("share", "moves by a fourth or fifth"),
    "bass_tritone_share": ("share", "moves by a tritone"),
    "bass_falling_fifth_share": ("share", "fifths down (fourths up) among the moves"),
    "bass_semitone_share": ("share", "moves by a semitone"),
    "bass_entropy": ("0 to 1", "entropy of the moves modulo the octave"),
}


def outline(texture: Texture) -> tuple[Ints, Ints]:
    """Return the events at which the highest and the lowest line strike a note.

    An event belongs to the highest line where the highest note struck is the highest that sounds,
    and to the lowest line the same way: a held melody note hides the accompaniment under it.
    """
    highest, lowest = texture.pitch[texture.first[1:] - 1], texture.pitch[texture.first[:-1]]
    return np.flatnonzero(highest == texture.top), np.flatnonzero(lowest == texture.bottom)


def melody(texture: Texture) -> dict[str, float]:
    """Return the descriptors of `MELODY`."""
    at, _ = outline(texture)
    pitch, times = texture.top[at].astype(np.float64), texture.times[at]
    low, median, high = quantiles(pitch, (0.05, 0.5, 0.95))
    steps = np.diff(pitch)
    size = np.abs(steps)
    moves = np.sign(steps[steps != 0])
    turns = share(moves[1:] != moves[:-1])
    return {
        "melody_rate": float(np.log2((len(at) + 0.5) / max(texture.span, 1.0))),
        "melody_median": median,
        "melody_width": high - low,
        "melody_spread": spread(pitch),
        "melody_drift": slope(times, pitch) * texture.span,
        "melody_step_mean": mean(size),
        "melody_step_median": quantiles(size, (0.5,))[0],
        "melody_up_share": share(moves > 0),
        "melody_turn_share": turns,
        "melody_leap_share": share(size >= 5),
        "melody_wide_share": share(size > 12),
        "melody_entropy": entropy(_histogram(np.clip(steps, -12, 12) + 12, 25)),
        "melody_run": len(moves) / (turns * (len(moves) - 1) + 1) if len(moves) else 0.0,
        "melody_lead": mean(pitch - texture.bottom[at]),
        **{
            f"melody_{name}_share": share((size >= low) & (size <= high))
            for name, (low, high) in _SIZES.items()
        },
    }


def bass(texture: Texture) -> dict[str, float]:
    """Return the descriptors of `BASS`."""
    _, at = outline(texture)
    pitch = texture.bottom[at].astype(np.float64)
    low, median, high = quantiles(pitch, (0.05, 0.5, 0.95))
    steps = np.diff(pitch)
    classes = unit(_histogram(steps % 12, 12))
    moved = 1 - classes[0] if len(steps) else 0.0
    return {
        "bass_rate": float(np.log2((len(at) + 0.5) / max(texture.span, 1.0))),
        "bass_median": median,
        "bass_width": high - low,
        "bass_step_mean": mean(np.abs(steps)),
        "bass_repeat_share": float(classes[0]),
        "bass_second_share": float(classes[[1, 2, 10, 11]].sum()),
        "bass_third_share": float(classes[[3, 4, 8, 9]].sum()),
        "bass_fourth_share": float(classes[[5, 7]].sum()),
        "bass_tritone_share": float(classes[6]),
        "bass_falling_fifth_share": float(classes[5] / moved) if moved else 0.0,
        "bass_semitone_share": float(classes[[1, 11]].sum()),
        "bass_entropy": entropy(classes),
    }


def _histogram(values: Floats, bins: int) -> Floats:
    counted: Floats = np.bincount(values.astype(np.int64), minlength=bins).astype(np.float64)
    return counted
