"""Times, bars and descriptors in the words of musicians."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from chordmer.errors import printable
from chordmer.features.harte import NOTE_NAMES

__all__ = ["clock", "places", "plain"]

#: Descriptors whose meaning leans on the one before it in their table, in words of their own.
_ALONE = {
    "polyphony_single_share": "onsets of a single note",
    "rhythm_step_mean": "typical time between onsets",
    "rhythm_step_entropy": "variety of the time between onsets",
    "rhythm_fast_share": "steps between onsets under 0.19 s",
    "rhythm_slow_share": "steps between onsets over 0.61 s",
    "rhythm_variability": "unevenness of successive steps between onsets",
    "articulation_detached_share": "notes shorter than 0.6 of the step to the next onset",
    "mode_third": "major less minor third of the tonic, over their sum",
    "mode_local_share": "windows of 4 s in major rather than minor",
    "key_diatonic": "time within the diatonic collection of the key",
    "key_local_change": "change of key from one window of 4 s to the next",
    "fourier_1": "chromaticity of the pitch classes",
    "fourier_2": "dyadicity of the pitch classes",
    "fourier_3": "triadicity of the pitch classes",
    "fourier_4": "octatonicity of the pitch classes",
    "fourier_5": "diatonicity of the pitch classes",
    "fourier_6": "whole-tone quality of the pitch classes",
    "chord_fit": "how well chords fit what sounds",
    "chord_certainty": "how clear the chords are",
    "chord_change": "chord changes a second",
    "chord_fifth_down": "moves of the root a fifth down",
    "low_roughness": "pitches within two semitones of each other below C4",
    "velocity_top_excess": "velocity of the highest notes less the mean",
    "velocity_accent_share": "onsets at least 15 louder than the last",
    "pulse_rate": "beats a second of the likeliest pulse",
    "pulse_strength": "onset intervals at the likeliest pulse",
    "pulse_duple": "onset intervals at half a beat of the likeliest pulse",
    "pulse_triple": "onset intervals at a third of a beat of the likeliest pulse",
    "chord_maj_share": "time on major chords",
    "chord_min_share": "time on minor chords",
    "chord_dim_share": "time on diminished chords",
    "chord_aug_share": "time on augmented chords",
    "chord_sus4_share": "time on suspended fourths",
    "chord_7_share": "time on dominant seventh chords",
    "chord_maj7_share": "time on major seventh chords",
    "chord_min7_share": "time on minor seventh chords",
    "mode_sixth": "major less minor sixth of the tonic, over their sum",
    "mode_seventh": "major less minor seventh of the tonic, over their sum",
    "mode_melody_third": "major less minor thirds of the tonic in the highest line",
    "key_margin": "lead of the best key over other signatures",
    "rhythm_step_held_mean": "typical time between onsets, long ones weighing more",
    "rhythm_step_spread": "spread of the time between onsets",
    "duration_spread": "spread of note duration",
    "polyphony_octave_share": "octaves among what is struck together",
    "melody_width": "range of the highest line",
    "melody_spread": "spread of the highest line's pitch",
    "melody_lead": "distance from the highest line to the lowest pitch under it",
    "melody_step_mean": "size of the highest line's intervals",
    "melody_leap_share": "leaps of a fourth and more in the highest line",
    "melody_up_share": "rising moves of the highest line",
    "melody_turn_share": "turns of direction in the highest line",
    "melody_entropy": "variety of the highest line's intervals",
    "melody_repeat_share": "repeated notes in the highest line",
    "melody_minor_second_share": "minor seconds in the highest line",
    "melody_major_second_share": "major seconds in the highest line",
    "melody_minor_third_share": "minor thirds in the highest line",
    "melody_major_third_share": "major thirds in the highest line",
    "melody_fourth_share": "fourths in the highest line",
    "melody_tritone_share": "tritones in the highest line",
    "melody_fifth_share": "fifths in the highest line",
    "melody_sixth_seventh_share": "sixths and sevenths in the highest line",
    "melody_octave_share": "octaves in the highest line",
    "bass_width": "range of the lowest line",
    "bass_step_mean": "size of the lowest line's intervals",
    "bass_repeat_share": "repeated notes and octaves in the lowest line",
    "bass_semitone_share": "semitones in the lowest line",
    "bass_second_share": "seconds in the lowest line",
    "bass_third_share": "thirds in the lowest line",
    "bass_fourth_share": "fourths in the lowest line",
    "bass_tritone_share": "tritones in the lowest line",
    "bass_falling_fifth_share": "falling fifths in the lowest line",
    "bass_entropy": "variety of the lowest line's intervals",
    "chord_fifth_up": "moves of the root a fifth up",
    "chord_second_down": "moves of the root a second down",
    "chord_second_up": "moves of the root a second up",
    "chord_third_down": "moves of the root a third down",
    "chord_third_up": "moves of the root a third up",
    "chord_tritone": "moves of the root a tritone",
    "chord_authentic": "moves from the fifth degree to the tonic",
    "chord_plagal": "moves from the fourth degree to the tonic",
    "triad_mode": "complete major less complete minor triads, over their sum",
    "consonance": "consonance of what sounds together",
}


_QUANTILE = re.compile(r"\b(\d+) % quantile\b")


def clock(seconds: float, *, tenths: bool = False) -> str:
    """Return minutes and seconds.

    >>> clock(83.66), clock(83.66, tenths=True)
    ('1:23', '1:23.6')
    """
    tenth = int(seconds * 10 + 1e-6)
    minutes, rest = divmod(tenth, 600)
    whole, part = divmod(rest, 10)
    return f"{minutes}:{whole:02d}" + (f".{part}" if tenths else "")


def places(spans: Sequence[tuple[float, float]], bars: Sequence[tuple[int, int]]) -> str:
    """Return where something is, in seconds and, where they are known, bars.

    >>> places([(10.0, 20.0)], [(4, 7)])
    'from 0:10 to 0:20 (bars 4 to 7)'
    >>> places([(10.0, 20.0), (30.0, 31.0)], [])
    '2 times, first at 0:10'
    """
    if not spans:
        return ""
    start, end = spans[0]
    if len(spans) > 1:
        bar = f" (bar {bars[0][0]})" if bars else ""
        return f"{len(spans)} times, first at {clock(start)}{bar}"
    bar = ""
    if bars:
        first, last = bars[0]
        bar = f" (bar {first})" if first == last else f" (bars {first} to {last})"
    short = end - start < 5
    return f"from {clock(start, tenths=short)} to {clock(end, tenths=short)}{bar}"


def plain(name: str, value: float, typical: float) -> str:
    """Return a descriptor in words: what it is, how much of it there is, and how much is usual.

    Parameters
    ----------
    name : str
        The extractor, a dot, and the column, as in ``"symbolic.mode_strength"``.
    value, typical : float
        In the descriptor's own unit; logarithms are undone.

    Examples
    --------
    >>> plain("symbolic.rhythm_onset_rate", 2.0, 1.0)
    'onsets a second, to the last release: 4.0, usually 2.0 (higher)'
    """
    column = name.partition(".")[2]
    unit, meaning = _meaning(column)
    here, usual = _amount(value, unit), _amount(typical, unit)
    direction = "as usual" if here == usual else "higher" if value > typical else "lower"
    return f"{_QUANTILE.sub(_end, meaning)}: {here}, usually {usual} ({direction})"


def _amount(value: float, unit: str) -> str:
    if unit.startswith("log2"):
        value, unit = 2.0 ** min(value, 64.0), unit[4:].strip()
    if unit == "share":
        return f"{100 * value:.0f} %"
    if unit == "MIDI pitch":
        return NOTE_NAMES[min(max(round(value), 0), 127)]
    size = abs(value)
    text = f"{value:.{0 if size >= 20 else 1 if size >= 2 else 2}f}"
    return f"{text} {unit}" if unit in ("s", "Hz", "dB", "BPM", "semitones") else text


def _end(quantile: re.Match[str]) -> str:
    return "low end" if int(quantile[1]) < 50 else "high end"


def _meaning(column: str) -> tuple[str, str]:
    """Return the unit and the meaning of a column."""
    tables = _tables()
    if column in tables:
        unit, meaning = tables[column]
        return unit, _ALONE.get(column, meaning)
    base, _, statistic = column.rpartition("_")
    if base in tables:
        unit, meaning = tables[base]
        return unit, meaning if statistic == "mean" else f"{meaning} ({statistic})"
    return "", printable(column, 60)


@cache
def _tables() -> dict[str, tuple[str, str]]:
    from chordmer.features import describe, descriptors

    return {**descriptors.DESCRIPTORS, **describe.DESCRIPTORS}
