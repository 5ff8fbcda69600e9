"""Times, bars and descriptors in the words of musicians."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from chordmer.errors import printable

__all__ = ["clock", "places", "plain"]

#: Descriptors whose meaning leans on the one before it in their table, in words of their own.
_ALONE = {
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
    "mode_sixth": "time on the tonic's major sixth less its minor, over their sum",
    "mode_seventh": "time on the tonic's major seventh less its minor, over their sum",
    "mode_melody_third": "major less minor thirds of the tonic in the highest line",
    "key_margin": "how far the best key is ahead of those of other signatures",
    "rhythm_step_held_mean": "mean time between onsets, each weighted by its length",
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
    "triad_mode": "major less minor triads that sound complete, over their sum",
    "consonance": "consonance of the intervals that sound together",
}


def clock(seconds: float) -> str:
    """Return minutes and seconds.

    >>> clock(83.6)
    '1:23'
    """
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02d}"


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
    return f"from {clock(start)} to {clock(end)}{bar}"


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
    if unit.startswith("log2"):
        value, typical = 2.0**value, 2.0**typical
        unit = unit[4:].strip()
    if unit == "share":
        here, usual = f"{100 * value:.0f} %", f"{100 * typical:.0f} %"
    else:
        places = 0 if max(abs(value), abs(typical)) >= 20 else 1 if abs(typical) >= 2 else 2
        here, usual = f"{value:.{places}f}", f"{typical:.{places}f}"
    if unit in ("s", "Hz", "dB", "BPM", "semitones"):
        here += f" {unit}"
    direction = "as usual" if here.split()[0] == usual else "higher" if value > typical else "lower"
    return f"{meaning}: {here}, usually {usual} ({direction})"


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
