"""Passages of a piece: where its windows and chords are, and the piece without some of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import groupby, pairwise

import numpy as np
from numpy.typing import NDArray

from chordmer.errors import MissingModalityError
from chordmer.features.chords import segment_chords
from chordmer.features.harte import NO_CHORD
from chordmer.features.tempo import tempo_is_nominal
from chordmer.io import read_audio, read_lyrics, read_symbolic
from chordmer.io.words import Lyrics
from chordmer.notes import Symbolic, TempoMap
from chordmer.track import Track

__all__ = ["Opened", "Spans", "bars_of", "chord_spans", "cut_notes", "open_track", "window_spans"]

#: Start and end in seconds, ascending and apart.
Spans = tuple[tuple[float, float], ...]


@dataclass(frozen=True, eq=False)
class Opened:
    """A track whose sources are read.

    Attributes
    ----------
    track : Track
        As it was given.
    piece : Symbolic or None
    sound : (ndarray of float32, shape (samples,), float) or None
        And its sample rate in Hz.
    words : Lyrics or None
    """

    track: Track
    piece: Symbolic | None
    sound: tuple[NDArray[np.float32], float] | None
    words: Lyrics | None

    @property
    def duration(self) -> float:
        """Seconds of notes and sound."""
        notes = 0.0 if self.piece is None else self.piece.duration
        return max(notes, 0.0 if self.sound is None else len(self.sound[0]) / self.sound[1])

    def whole(self) -> Track:
        """Return the track with what was read in place of files."""
        return self.changed()

    def changed(
        self,
        piece: Symbolic | None = None,
        sound: NDArray[np.float32] | None = None,
        words: Lyrics | None = None,
    ) -> Track:
        """Return the track with the sources that are given in place of its own."""
        heard = None
        if self.sound is not None:
            y, sr = self.sound
            heard = (y if sound is None else sound, sr)
        return Track(
            self.track.id,
            self.piece if piece is None else piece,
            heard,
            self.words if words is None else words,
            self.track.group,
        )

    def without(self, spans: Spans) -> Track | None:
        """Return the track as if the passages had not been played; None if nothing is left.

        What comes after a passage follows at once on what came before. Words stay.
        """
        piece, y = self.piece, None
        if piece is not None:
            piece = cut_notes(piece, spans)
            if not len(piece.pitched):
                return None
        if self.sound is not None:
            y = _cut_sound(*self.sound, spans)
            if not len(y):
                return None
        return self.changed(piece, y)


def open_track(track: Track, modalities: Iterable[str]) -> Opened:
    """Read what a model listens to.

    Raises
    ------
    ChordmerError
        If a source cannot be read.
    """
    wanted = set(modalities)
    piece = sound = words = None
    if track.symbolic is not None and "symbolic" in wanted:
        piece = read_symbolic(track)
    if track.audio is not None and "audio" in wanted:
        sound = read_audio(track, None)
    if "lyrics" in wanted:
        with suppress(MissingModalityError):
            words = read_lyrics(track)
    return Opened(track, piece, sound, words)


def window_spans(duration: float, window: float, most: int) -> list[Spans]:
    """Return windows that follow each other over a piece, at least two and at most `most`.

    Examples
    --------
    >>> window_spans(25.0, 10.0, 40)
    [((0.0, 10.0),), ((10.0, 20.0),), ((20.0, 25.0),)]
    """
    if duration <= 0:
        return []
    window = min(max(window, duration / most), duration / 2)
    edges = [*np.arange(0.0, duration - 1e-6 * window, window).tolist(), duration]
    return [((start, end),) for start, end in pairwise(edges)]


def chord_spans(piece: Symbolic, most: int) -> dict[str, Spans]:
    """Return where each chord is, by its name, the `most` of them that sound longest.

    A chord is what sounds in a beat, in Harte syntax, or its pitch classes where it has no name.
    Beats with one chord are one place. A chord that takes more than half of the piece is left out:
    what would be left without it is another piece.
    """
    chords = segment_chords(piece, method="beat", spelling="pitch_class")
    found: dict[str, list[tuple[float, float]]] = {}
    beats = zip(chords.tokens, chords.onset_sec.tolist(), chords.end_sec.tolist())
    for name, group in groupby(beats, key=lambda beat: beat[0]):
        run = list(group)
        if name != NO_CHORD:
            found.setdefault(name, []).append((run[0][1], run[-1][2]))

    def length(name: str) -> float:
        return sum(end - start for start, end in found[name])

    cues = [name for name in found if length(name) <= piece.duration / 2]
    longest = sorted(cues, key=length, reverse=True)[:most]
    return {name: tuple(found[name]) for name in longest}


def bars_of(piece: Symbolic | None, spans: Spans) -> tuple[tuple[int, int], ...]:
    """Return the first and the last bar of each span, from 1.

    Empty where there are no notes, or their tempo is nominal, as that of performances that were
    recorded without a click: their bars are nobody's.
    """
    if piece is None or tempo_is_nominal(piece):
        return ()
    signatures = piece.time_signatures
    per_beat = piece.tempo_map.ticks_per_beat
    length = np.maximum(
        4.0 * per_beat * signatures["numerator"] / np.maximum(signatures["denominator"], 1), 1.0
    )
    starts = signatures["tick"].astype(np.float64)
    # A new metre begins a bar, whether or not the one before was full.
    full = np.ceil(np.diff(starts) / length[:-1] - 1e-9)
    before = np.concatenate([[0.0], np.cumsum(full)])
    # A span that ends with a bar does not reach into the next.
    seconds = np.array(spans).reshape(-1, 2) + np.array([1e-6, -1e-6])
    ticks = piece.tempo_map.beats_at(np.maximum(seconds, 0.0)) * per_beat
    section = np.maximum(np.searchsorted(starts, ticks, side="right") - 1, 0)
    bars = 1 + before[section] + np.floor((ticks - starts[section]) / length[section])
    return tuple((int(first), int(max(first, last))) for first, last in bars)


def cut_notes(piece: Symbolic, spans: Sequence[tuple[float, float]]) -> Symbolic:
    """Return a piece without the notes that begin in some passages, which take no time any more.

    Notes that sound on into a passage end where it begins. Each of the others keeps its beats and
    its tempo.
    """
    old = piece.tempo_map
    edges = np.rint(old.beats_at(np.array(spans).ravel()) * old.ticks_per_beat).astype(np.int64)
    starts, ends = edges[::2], edges[1::2]
    lengths = ends - starts
    gone_before = np.concatenate([[0], np.cumsum(lengths)])

    def inside(ticks: NDArray[np.int64]) -> NDArray[np.bool_]:
        place = np.searchsorted(starts, ticks, side="right") - 1
        within: NDArray[np.bool_] = (place >= 0) & (ticks < ends[place])
        return within

    def moved(ticks: NDArray[np.int64]) -> NDArray[np.int64]:
        place = np.searchsorted(starts, ticks, side="right")
        since = gone_before[place]
        # Within a passage all time has shrunk to its beginning.
        over = np.maximum(ends[np.maximum(place - 1, 0)] - ticks, 0)
        shifted: NDArray[np.int64] = ticks - since + np.where(place > 0, over, 0)
        return shifted

    notes = piece.notes[~inside(piece.notes["onset_tick"])].copy()
    onset, end = notes["onset_tick"], notes["onset_tick"] + notes["duration_tick"]
    following = np.searchsorted(starts, onset, side="left")
    limit = np.append(starts, np.iinfo(np.int64).max)[following]
    new_onset, new_end = moved(onset), moved(np.minimum(end, limit))
    changes = np.unique(np.concatenate([old.ticks[~inside(old.ticks)], ends, [0]]))
    tempi = old.seconds_per_beat[np.searchsorted(old.ticks, changes, side="right") - 1]
    changes = moved(changes)
    last_of_tick = np.append(np.diff(changes) > 0, True)
    tempo_map = TempoMap(changes[last_of_tick], tempi[last_of_tick], old.ticks_per_beat)
    notes["onset_tick"], notes["duration_tick"] = new_onset, new_end - new_onset
    notes["onset_beat"] = tempo_map.beats(new_onset)
    notes["duration_beat"] = tempo_map.beats(new_end - new_onset)
    notes["onset_sec"] = tempo_map.seconds(new_onset)
    notes["duration_sec"] = tempo_map.seconds(new_end) - notes["onset_sec"]
    order = np.lexsort((notes["channel"], notes["pitch"], notes["onset_tick"]))
    signatures = piece.time_signatures.copy()
    signatures["tick"] = moved(signatures["tick"])
    latest = np.append(np.diff(signatures["tick"]) > 0, True)
    return replace(
        piece,
        notes=notes[order],
        tempo_map=tempo_map,
        time_signatures=signatures[latest],
        texts=(),
        end_tick=int(moved(np.array([piece.end_tick]))[0]),
    )


def _cut_sound(y: NDArray[np.float32], sr: float, spans: Spans) -> NDArray[np.float32]:
    kept = np.ones(len(y), dtype=np.bool_)
    for start, end in spans:
        kept[round(start * sr) : round(end * sr)] = False
    return y[kept]
