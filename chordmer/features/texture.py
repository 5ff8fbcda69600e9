"""The texture: pitched notes gathered into onsets, and what sounds at each of them.

Descriptors see a piece through this one view, made to be the same for a performance and for the
score it was played from: times are seconds, hands that strike a chord within some milliseconds
strike it together, a unison doubled by another track counts once, and drums are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chordmer.notes import Symbolic

__all__ = ["Texture", "weave"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: Times are multiples of this (seconds, 8 microseconds). A power of two, because no time that a
#: metre and a tempo make lies half-way between two of its multiples, where rounding is a toss-up.
GRAIN = 2.0**-17
#: Notes closer than this (seconds) are struck together. In piano performances the gaps between
#: successive onsets have two humps, below 30 ms (one chord) and above 80 ms (two events).
TOGETHER = 0.045
#: The longest time one onset may take to be struck: a rolled chord wider is an arpeggio.
ROLL = 0.09
#: A note must outlast an onset by this many seconds to sound with it: legato is no chord.
OVERLAP = 0.06
#: A held note sounds for this many seconds at most: struck and plucked strings decay.
HOLD = 1.5
#: No table over time grows beyond this many windows, however long the piece claims to last.
MAX_WINDOWS = 1 << 15
_CHUNK = 4096


@dataclass(frozen=True, eq=False)
class Texture:
    """Pitched notes by onset.

    Attributes
    ----------
    onset, duration : ndarray of float64, shape (n,)
        Of each distinct note, in seconds since the first onset.
    pitch, velocity : ndarray of int64, shape (n,)
    event : ndarray of int64, shape (n,)
        Which onset event each note belongs to; ascending, and pitch ascends within one.
    times : ndarray of float64, shape (k,)
        Mean onset of the notes of each event, seconds since the first onset; ascending.
    steps : ndarray of float64, shape (k,)
        Seconds from each event to the next, the last one to the end of its own notes.
    first : ndarray of int64, shape (k + 1,)
        Index of each event's lowest note; the last entry is n.
    top, bottom : ndarray of int64, shape (k,)
        Highest and lowest pitch that sounds at each event, held notes included.
    voices : ndarray of int64, shape (k,)
        How many distinct pitches sound at each event.
    pitch_classes : ndarray of bool, shape (k, 12)
        Which pitch classes sound at each event.
    low_clusters : ndarray of int64, shape (k,)
        How many seconds (1 or 2 semitones) sound below C4, where they are rough.
    """

    onset: Floats
    duration: Floats
    pitch: Ints
    velocity: Ints
    event: Ints
    times: Floats
    steps: Floats
    first: Ints
    top: Ints
    bottom: Ints
    voices: Ints
    pitch_classes: NDArray[np.bool_]
    low_clusters: Ints

    @property
    def span(self) -> float:
        """Seconds from the first onset to the last release."""
        return float((self.onset + self.duration).max()) if len(self.onset) else 0.0

    @property
    def struck_bounds(self) -> tuple[Ints, Ints]:
        """Lowest and highest pitch struck at each event, shapes (k,)."""
        return self.pitch[self.first[:-1]], self.pitch[self.first[1:] - 1]

    def phrase_means(self, of_notes: Floats) -> Floats:
        """Return the mean of a quantity of the notes over each run of 16 events."""
        begins = self.first[:-1:16]
        if not len(begins):
            return of_notes
        means: Floats = np.add.reduceat(of_notes, begins) / np.diff(begins, append=len(of_notes))
        return means

    @property
    def melody(self) -> Ints:
        """Pitches of the highest line: the notes struck above all that sounds."""
        highest: Ints = self.top[self.top == self.struck_bounds[1]]
        return highest

    @property
    def bass(self) -> Ints:
        """Pitches of the lowest line: the notes struck below all that sounds."""
        lowest: Ints = self.bottom[self.bottom == self.struck_bounds[0]]
        return lowest

    @cached_property
    def harmony(self) -> Floats:
        """Chroma of the windows of 1 s that sound, every half second: shape (w, 12)."""
        return _sounding_rows(self.chroma(0.5, 2))

    @cached_property
    def phrases(self) -> Floats:
        """Chroma of the windows of 4 s that sound, every two seconds: shape (w, 12)."""
        return _sounding_rows(self.chroma(2.0, 2))

    def chroma(self, hop: float, width: int) -> Floats:
        """Return the seconds each pitch class sounds in sliding windows.

        Parameters
        ----------
        hop : float
            Seconds from a window to the next; stretched when the piece would need more than
            `MAX_WINDOWS` of them.
        width : int
            Length of a window in hops.

        Returns
        -------
        ndarray of float64, shape (w, 12)
            The first window begins with the first note. Two notes of one pitch class count double.
        """
        held = np.minimum(self.duration, HOLD)
        end = float((self.onset + held).max()) if held.size else 0.0
        hop = max(hop, end / MAX_WINDOWS)
        edges = int(np.ceil(end / hop)) + 1
        below = _ramp(self.onset, self.pitch, hop, edges)
        below -= _ramp(self.onset + held, self.pitch, hop, edges)
        if edges <= width:
            return np.maximum(below[-1:] - below[:1], 0.0)
        return np.maximum(below[width:] - below[:-width], 0.0)


def _sounding_rows(chroma: Floats) -> Floats:
    rows: Floats = chroma[chroma.sum(axis=1) > 0.05]
    return rows


def _ramp(start: Floats, pitch: Ints, hop: float, edges: int) -> Floats:
    """Return sum(max(edge - start, 0)) for each edge and pitch class, shape (edges, 12)."""
    after = np.minimum(np.ceil(start / hop).astype(np.int64), edges)
    cell = after * 12 + pitch % 12
    size = (edges + 1) * 12
    count = np.bincount(cell, minlength=size).reshape(-1, 12)[:edges].cumsum(axis=0)
    total = np.bincount(cell, weights=start, minlength=size).reshape(-1, 12)[:edges].cumsum(axis=0)
    at = np.arange(edges)[:, None] * hop
    ramp: Floats = count * at - total
    return ramp


def weave(source: Symbolic | NDArray[np.void]) -> Texture:
    """Return the texture of a piece or of a note array.

    Times are rounded to `GRAIN`, so that the arithmetic of a tempo map leaves no trace.
    """
    notes = source.notes if isinstance(source, Symbolic) else source
    notes = notes[~notes["is_drum"]]
    onset = notes["onset_sec"].astype(np.float64)
    order = np.lexsort((notes["pitch"], onset))
    notes, onset = notes[order], onset[order]
    onset = _rounded(onset - onset[:1])
    duration = _rounded(np.maximum(notes["duration_sec"].astype(np.float64), 0.0))
    pitch = np.clip(notes["pitch"].astype(np.int64), 0, 127)
    velocity = notes["velocity"].astype(np.int64)

    event = _events(onset)
    key, inverse = np.unique(event * 128 + pitch, return_inverse=True)
    order = np.argsort(inverse, kind="stable")
    starts = np.searchsorted(inverse[order], np.arange(key.size))
    if key.size:
        onset = np.minimum.reduceat(onset[order], starts)
        duration = np.maximum.reduceat(duration[order], starts)
        velocity = np.maximum.reduceat(velocity[order], starts)
    event, pitch = key // 128, key % 128

    n_events = int(event[-1]) + 1 if event.size else 0
    first = np.searchsorted(event, np.arange(n_events + 1))
    times = np.bincount(event, weights=onset, minlength=n_events) / np.maximum(np.diff(first), 1)
    times -= times[:1]
    end = np.minimum(duration, HOLD) + onset
    steps = np.diff(times, append=end[first[-2] :].max() if n_events else [])
    return Texture(
        onset=onset,
        duration=duration,
        pitch=pitch,
        velocity=velocity,
        event=event,
        times=times,
        steps=np.maximum(steps, 1e-3),
        first=first,
        **_sounding(event, pitch, end, times),
    )


def _rounded(seconds: Floats) -> Floats:
    rounded: Floats = np.rint(seconds / GRAIN) * GRAIN
    return rounded


def _events(onset: Floats) -> Ints:
    """Return which event each note belongs to; `onset` ascends."""
    if not onset.size:
        return np.zeros(0, dtype=np.int64)
    chain = np.concatenate(([0], np.cumsum(np.diff(onset) > TOGETHER)))
    begins = onset[np.searchsorted(chain, chain)]
    roll = np.floor((onset - begins) / ROLL)
    changes = (np.diff(chain) > 0) | (np.diff(roll) > 0)
    return np.concatenate(([0], np.cumsum(changes)))


def _sounding(event: Ints, pitch: Ints, end: Floats, times: Floats) -> dict[str, Any]:
    """Return what sounds at each event, computed some thousand events at a time."""
    n_events = len(times)
    release = np.maximum(np.searchsorted(times, end - OVERLAP), event + 1)
    top, bottom, voices, low = (np.zeros(n_events, dtype=np.int64) for _ in range(4))
    pitch_classes = np.zeros((n_events, 12), dtype=bool)
    released = np.argsort(release, kind="stable")
    carried = np.zeros(128, dtype=np.int64)
    for start in range(0, n_events, _CHUNK):
        stop = min(start + _CHUNK, n_events)
        struck = slice(*np.searchsorted(event, (start, stop)))
        freed = released[slice(*np.searchsorted(release[released], (start, stop)))]
        size = (stop - start) * 128
        change = np.bincount((event[struck] - start) * 128 + pitch[struck], minlength=size)
        change -= np.bincount((release[freed] - start) * 128 + pitch[freed], minlength=size)
        count = change.reshape(-1, 128)
        count[0] += carried
        count = count.cumsum(axis=0)
        carried = count[-1]
        on = count > 0
        bottom[start:stop] = on.argmax(axis=1)
        top[start:stop] = 127 - on[:, ::-1].argmax(axis=1)
        voices[start:stop] = on.sum(axis=1)
        octaves = np.zeros((stop - start, 132), dtype=bool)
        octaves[:, :128] = on
        pitch_classes[start:stop] = octaves.reshape(-1, 11, 12).any(axis=1)
        deep = on[:, :60]
        low[start:stop] = (deep[:, :-1] & deep[:, 1:]).sum(axis=1)
        low[start:stop] += (deep[:, :-2] & deep[:, 2:]).sum(axis=1)
    return {
        "top": top,
        "bottom": bottom,
        "voices": voices,
        "pitch_classes": pitch_classes,
        "low_clusters": low,
    }
