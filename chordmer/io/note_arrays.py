"""Note arrays: chordmer's own, partitura's, or whatever has a pitch and times."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from chordmer.io.assemble import tempo_map
from chordmer.io.gather import Gathering
from chordmer.notes import Symbolic, TempoMap

__all__ = ["TICKS_PER_BEAT", "from_note_array"]

#: Ticks a beat where a source has none: 2**5 * 3**2 * 5 * 7, so that common tuplets are exact.
TICKS_PER_BEAT = 10_080

_Times = NDArray[np.float64]


def from_note_array(source: NDArray[Any], gathering: Gathering) -> Symbolic:
    """Return the piece in a structured array of one row a note.

    Fields are ``pitch`` and one pair at least of ``onset_*`` and ``duration_*`` in ``beat``,
    ``quarter`` or ``sec``; ``tick``, ``velocity``, ``channel``, ``program`` and ``is_drum`` are
    used where they are there. Two units that agree give the tempo map; seconds alone, or seconds
    that are no function of the beats, are kept as they are over 120 BPM.
    """
    names = source.dtype.names or ()
    if source.ndim != 1 or "pitch" not in names:
        raise gathering.refuse("a note array has one dimension and a pitch", names)
    gathering.source = "note array"
    times = _times(source, gathering)
    ticks, seconds, beats = times.get("tick"), times.get("sec"), times.get("beat")
    assumed = gathering.found.assumed
    ticks_per_beat = TICKS_PER_BEAT
    if ticks is not None:
        ticks_per_beat = _ticks_per_beat(ticks, beats, seconds, gathering)
    elif beats is not None and seconds is not None:
        ticks = np.rint(beats * TICKS_PER_BEAT)

    tempi = None
    if seconds is not None and ticks is not None:
        tempi = _tempi_through(ticks, seconds, ticks_per_beat)
        if tempi is None:
            gathering.found.warnings.append("beats were ignored: they do not fit the seconds")
    exact = "tick" in times and (seconds is None or tempi is not None)
    if tempi is None:
        tempi = tempo_map(np.empty(0, np.int64), np.empty(0), ticks_per_beat, assumed)
    if exact and ticks is not None:
        onset, end = ticks
    elif seconds is not None:
        onset, end = seconds
    elif beats is not None:
        if beats.size and beats.min() < 0:
            assumed.append("time begins with the first note, which stands before beat 0")
            beats = beats - beats.min()
        onset, end = beats * tempi.seconds_per_beat[0]
    else:
        raise gathering.refuse("neither beats nor seconds are given", names)

    def column(name: str, default: int) -> NDArray[Any]:
        values: NDArray[Any] = source[name] if name in names else np.full(len(source), default)
        return values

    if "velocity" not in names:
        assumed.append("velocity 64")
    channel = column("channel", 0)
    return gathering.symbolic(
        onset=onset,
        end=end,
        pitch=source["pitch"],
        velocity=column("velocity", 64),
        channel=channel,
        program=column("program", 0),
        is_drum=source["is_drum"] if "is_drum" in names else channel == 9,
        tempi=tempi,
        in_seconds=not exact,
    )


def _times(source: NDArray[Any], gathering: Gathering) -> dict[str, _Times]:
    """Return onsets and ends, shape (2, n), by unit: ``tick``, ``beat`` (a quarter) and ``sec``."""
    names = source.dtype.names or ()
    times = {}
    # A partitura beat is that of the metre, so its quarters come after it and stay.
    for unit, field in (("tick", "tick"), ("beat", "beat"), ("beat", "quarter"), ("sec", "sec")):
        if f"onset_{field}" in names and f"duration_{field}" in names:
            onset = source[f"onset_{field}"].astype(np.float64)
            times[unit] = np.stack((onset, onset + source[f"duration_{field}"]))
            if not np.isfinite(times[unit]).all():
                raise gathering.refuse(f"onset_{field} or duration_{field} is not finite")
    return times


def _ticks_per_beat(
    ticks: _Times, beats: _Times | None, seconds: _Times | None, gathering: Gathering
) -> int:
    if beats is not None:
        latest = float(beats.max(initial=0.0))
        ratio = float(ticks.max()) / latest if latest > 0 else 1.0
        if not 1.0 <= ratio < 1e6 or np.abs(beats * round(ratio) - ticks).max(initial=0.0) > 0.5:
            raise gathering.refuse("ticks and beats disagree")
        return round(ratio)
    if seconds is None:
        raise gathering.refuse("neither beats nor seconds are given")
    gathering.found.assumed.append("beats of half a second on average")
    rate = ticks.max(initial=0.0) / max(seconds.max(initial=0.0), 1e-3)
    return int(np.clip(round(rate / 2.0), 1, 1_000_000))


def _tempi_through(ticks: _Times, seconds: _Times, ticks_per_beat: int) -> TempoMap | None:
    """Return the tempo map that leads through all notes' onsets and ends; None if none does."""
    points, places = np.unique(np.append(0.0, ticks), return_index=True)
    at = np.append(0.0, seconds)[places]
    if len(points) < 2 or points[0] < 0 or points[-1] > 1 << 50:
        return None
    lengths = np.diff(at) / np.diff(points) * ticks_per_beat
    if not (lengths > 0).all():
        return None
    changed = np.append(True, np.abs(np.diff(lengths)) > 1e-9 * lengths[1:])
    tempi = TempoMap(points[:-1][changed].astype(np.int64), lengths[changed], ticks_per_beat)
    fits = np.abs(tempi.seconds(ticks) - seconds).max() < 1e-6
    return tempi if fits else None
