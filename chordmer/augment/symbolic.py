"""Label-preserving changes of symbolic music, for training and for reports of robustness.

Each function takes a `Symbolic` and returns a new one; the original is never touched. What is
random takes `rng`, a seed or a generator: the same seed gives the same music. A changed piece is as
consistent as one that was read from a file: notes sorted, beats and seconds those of the ticks
under the tempo map (`rewrite_tempo` says how closely).

`change_speed` is the one that does *not* keep the label: music played twice as fast is more
aroused. It is here as a control, since a model that answers nothing else than it did before does
not listen to time at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chordmer.errors import ChordmerError
from chordmer.notes import Symbolic, TempoMap

__all__ = [
    "change_speed",
    "double_octaves",
    "excerpt",
    "flatten_velocity",
    "hold_pedal",
    "jitter_onsets",
    "noise_velocity",
    "quantize_onsets",
    "rewrite_tempo",
    "scale_velocity",
    "spread_tracks",
    "thin_texture",
    "transpose",
]

_DRUM_CHANNEL = 9

#: Seconds between neighbouring onsets up to which notes count as struck together.
_TOGETHER = 0.03


# --- loudness ------------------------------------------------------------------------------------


def flatten_velocity(symbolic: Symbolic, *, velocity: int = 80) -> Symbolic:
    """Give every note the same `velocity`, as most notation programs do."""
    return _with_velocity(symbolic, np.full(len(symbolic.notes), velocity))


def scale_velocity(symbolic: Symbolic, *, factor: float) -> Symbolic:
    """Multiply every velocity by `factor`, kept within 1 to 127: another keyboard, another gain."""
    return _with_velocity(symbolic, symbolic.notes["velocity"] * factor)


def noise_velocity(
    symbolic: Symbolic, *, scale: float = 10.0, rng: int | np.random.Generator
) -> Symbolic:
    """Add normal noise of standard deviation `scale` to each velocity, kept within 1 to 127."""
    noise = np.random.default_rng(rng).normal(0.0, scale, len(symbolic.notes))
    return _with_velocity(symbolic, symbolic.notes["velocity"] + noise)


def _with_velocity(symbolic: Symbolic, velocity: NDArray[np.generic]) -> Symbolic:
    notes = symbolic.notes.copy()
    notes["velocity"] = np.clip(np.rint(velocity), 1, 127)
    return replace(symbolic, notes=notes)


# --- time ----------------------------------------------------------------------------------------


def quantize_onsets(symbolic: Symbolic, *, divisions: int = 4) -> Symbolic:
    """Move onsets and ends to the nearest of `divisions` equal parts of a beat.

    The beats are those of the piece's own tempo map; put `rewrite_tempo` before it for another
    grid. A note lasts one part at least, and of notes that fall together (same onset, pitch and
    channel) the longest stays.

    Parameters
    ----------
    symbolic : Symbolic
    divisions : int, default 4
        Parts of a quarter note: 4 gives sixteenths, 3 eighth triplets.
    """
    resolution = symbolic.tempo_map.ticks_per_beat
    if not 1 <= divisions <= resolution:
        raise ChordmerError(f"a beat has 1 to {resolution} parts", value=divisions)
    step = resolution / divisions
    notes = symbolic.notes
    first = np.rint(notes["onset_tick"] / step)
    last = np.rint((notes["onset_tick"] + notes["duration_tick"]) / step)
    onset = np.rint(first * step).astype(np.int64)
    end = np.rint(np.maximum(last, first + 1) * step).astype(np.int64)
    return _with_ticks(symbolic, onset, end)


def jitter_onsets(
    symbolic: Symbolic, *, scale: float = 0.01, rng: int | np.random.Generator
) -> Symbolic:
    """Move each onset by normal noise of standard deviation `scale` seconds; lengths stay.

    The inverse of `quantize_onsets` in spirit: the unevenness of hands. Moves are rounded to ticks
    and none goes before the start.
    """
    notes, tempo_map = symbolic.notes, symbolic.tempo_map
    moved = notes["onset_sec"] + np.random.default_rng(rng).normal(0.0, scale, len(notes))
    beats = tempo_map.beats_at(np.maximum(moved, 0.0))
    onset = np.rint(beats * tempo_map.ticks_per_beat).astype(np.int64)
    return _with_ticks(symbolic, onset, onset + notes["duration_tick"])


def rewrite_tempo(
    symbolic: Symbolic,
    *,
    bpm: ArrayLike,
    starts: ArrayLike = 0.0,
    ticks_per_beat: int = 9600,
) -> Symbolic:
    """Notate the same sound in another tempo: seconds stay, ticks and beats change.

    A transcription says 120 BPM whatever was played, and a score's tempo may be notated in half
    notes or in eighths; neither changes what is heard.

    Parameters
    ----------
    symbolic : Symbolic
    bpm : float or sequence of float
        The new tempo, or that of each section.
    starts : float or sequence of float, default 0
        Where each section begins, in seconds, ascending; the first is 0.
    ticks_per_beat : int, default 9600
        Resolution of the new ticks. Onsets and durations in seconds are kept to the last bit; the
        ticks are the nearest ones, half a tick away at most (26 microseconds at 120 BPM).
    """
    tempos = np.atleast_1d(np.asarray(bpm, dtype=np.float64))
    begins = np.atleast_1d(np.asarray(starts, dtype=np.float64))
    if tempos.shape != begins.shape or begins[0] != 0.0 or not (np.diff(begins) > 0).all():
        raise ChordmerError("a start for each tempo, ascending from 0, is needed", value=starts)
    if not (np.isfinite(tempos) & (tempos > 0)).all():
        raise ChordmerError("tempi must be positive", value=bpm)
    spans = np.diff(begins) * (ticks_per_beat / 60.0 * tempos[:-1])
    ticks = np.concatenate(([0], np.rint(np.cumsum(spans)).astype(np.int64)))
    tempo_map = TempoMap(ticks, 60.0 / tempos, ticks_per_beat)

    def tick_at(seconds: NDArray[np.float64]) -> NDArray[np.int64]:
        return np.rint(tempo_map.beats_at(seconds) * ticks_per_beat).astype(np.int64)

    old = symbolic.tempo_map
    notes = symbolic.notes.copy()
    notes["onset_tick"] = tick_at(notes["onset_sec"])
    end = tick_at(notes["onset_sec"] + notes["duration_sec"])
    notes["duration_tick"] = np.maximum(end - notes["onset_tick"], 1)
    notes["onset_beat"] = tempo_map.beats(notes["onset_tick"])
    notes["duration_beat"] = tempo_map.beats(notes["duration_tick"])
    signatures = symbolic.time_signatures.copy()
    signatures["tick"] = tick_at(old.seconds(signatures["tick"]))
    texts = [replace(text, tick=int(tick_at(np.array(text.sec)))) for text in symbolic.texts]
    return replace(
        symbolic,
        notes=_sorted(notes),
        tempo_map=tempo_map,
        time_signatures=signatures,
        texts=tuple(texts),
        end_tick=int(tick_at(old.seconds(symbolic.end_tick))),
    )


def change_speed(symbolic: Symbolic, *, factor: float) -> Symbolic:
    """Play `factor` times as fast: ticks and beats stay, seconds change. Not label-preserving."""
    if not (np.isfinite(factor) and factor > 0):
        raise ChordmerError("the factor must be positive", value=factor)
    old = symbolic.tempo_map
    notes = symbolic.notes.copy()
    notes["onset_sec"] /= factor
    notes["duration_sec"] /= factor
    return replace(
        symbolic,
        notes=notes,
        tempo_map=TempoMap(old.ticks, old.seconds_per_beat / factor, old.ticks_per_beat),
        texts=tuple(replace(text, sec=text.sec / factor) for text in symbolic.texts),
    )


def hold_pedal(symbolic: Symbolic, *, beats: float = 2.0) -> Symbolic:
    """Let every note sound on as under a sustain pedal that is changed every `beats` beats.

    A held note ends where the pedal is changed next, or where its key is struck again. (To follow
    the pedal that a file itself holds, read it with ``pedal=True``.)
    """
    if not beats > 0:
        raise ChordmerError("the pedal needs a positive number of beats", value=beats)
    span = max(round(beats * symbolic.tempo_map.ticks_per_beat), 1)
    notes = symbolic.notes
    end = notes["onset_tick"] + notes["duration_tick"]
    held = -(-end // span) * span
    order = np.lexsort((notes["onset_tick"], notes["pitch"], notes["channel"]))
    keys = notes[order]
    again = (np.diff(keys["pitch"]) == 0) & (np.diff(keys["channel"]) == 0)
    before = order[:-1][again]
    held[before] = np.minimum(held[before], keys["onset_tick"][1:][again])
    end = np.where(notes["is_drum"], end, np.maximum(held, end))
    return _with_ticks(symbolic, notes["onset_tick"].copy(), end)


def excerpt(symbolic: Symbolic, *, start: float = 0.0, seconds: float) -> Symbolic:
    """Return the notes that begin within `seconds` from `start` on, moved to begin at 0.

    Notes that sound on are cut at the excerpt's end. The time signature that is valid at the start
    is the excerpt's first.
    """
    if not (start >= 0 and seconds > 0):
        raise ChordmerError("an excerpt needs start >= 0 and seconds > 0", value=(start, seconds))
    tempo_map = symbolic.tempo_map
    edges = tempo_map.beats_at([start, start + seconds]) * tempo_map.ticks_per_beat
    first, last = np.ceil(edges).astype(np.int64)
    section = np.searchsorted(tempo_map.ticks, first, side="right") - 1
    ticks = np.maximum(tempo_map.ticks[section:] - first, 0)
    cut = TempoMap(ticks, tempo_map.seconds_per_beat[section:], tempo_map.ticks_per_beat)
    begins = symbolic.notes["onset_tick"]
    notes = symbolic.notes[(begins >= first) & (begins < last)].copy()
    signatures = symbolic.time_signatures.copy()
    valid = max(int(np.searchsorted(signatures["tick"], first, side="right")) - 1, 0)
    signatures = signatures[valid:]
    signatures["tick"] = np.maximum(signatures["tick"] - first, 0)
    since = float(tempo_map.seconds(first))
    texts = tuple(
        replace(text, tick=int(text.tick - first), sec=text.sec - since)
        for text in symbolic.texts
        if first <= text.tick < last
    )
    onset = notes["onset_tick"] - first
    end = np.minimum(onset + notes["duration_tick"], last - first)
    piece = replace(
        symbolic,
        notes=notes,
        tempo_map=cut,
        time_signatures=signatures,
        texts=texts,
        end_tick=int(min(symbolic.end_tick, last) - first),
    )
    return _with_ticks(piece, onset, end)


# --- pitch and texture ---------------------------------------------------------------------------


def transpose(symbolic: Symbolic, *, semitones: int) -> Symbolic:
    """Move every pitched note by `semitones`; one that leaves 0 to 127 comes back by octaves."""
    notes = symbolic.notes.copy()
    pitch = notes["pitch"].astype(np.int64) + semitones
    octaves = np.where(pitch > 127, -((pitch - 127 + 11) // 12), np.maximum(0, -(pitch // 12)))
    notes["pitch"] = np.where(notes["is_drum"], notes["pitch"], pitch + 12 * octaves)
    return replace(symbolic, notes=_sorted(notes))


def double_octaves(symbolic: Symbolic, *, melody: bool = True, bass: bool = True) -> Symbolic:
    """Double the top line an octave above and the bottom line an octave below, as scores do.

    The lines are the highest and the lowest of the notes that begin together, which is within
    30 ms of one another, as fingers do; a double that would leave 0 to 127 is left out.
    """
    top, bottom = _outer(symbolic)
    notes = symbolic.notes
    doubles = []
    for wanted, line, interval in ((melody, top, 12), (bass, bottom, -12)):
        if wanted:
            copies = notes[line]
            copies["pitch"] += interval
            doubles.append(copies[(copies["pitch"] >= 0) & (copies["pitch"] <= 127)])
    return replace(symbolic, notes=_distinct(np.concatenate([notes, *doubles])))


def thin_texture(
    symbolic: Symbolic, *, keep: float = 0.0, rng: int | np.random.Generator
) -> Symbolic:
    """Keep the highest and the lowest of the notes that begin together (within 30 ms), and drums.

    Parameters
    ----------
    symbolic : Symbolic
    keep : float, default 0
        Probability with which each inner note stays too.
    rng : int or Generator
    """
    top, bottom = _outer(symbolic)
    lucky = np.random.default_rng(rng).random(len(symbolic.notes)) < keep
    return replace(symbolic, notes=symbolic.notes[top | bottom | lucky | symbolic.notes["is_drum"]])


def spread_tracks(
    symbolic: Symbolic,
    *,
    n_tracks: int = 4,
    programs: Sequence[int] | None = None,
    rng: int | np.random.Generator,
) -> Symbolic:
    """Hand the pitched notes to `n_tracks` channels with an instrument each.

    Notes that begin together go to different channels from the top down, and wrap around; what is
    heard as pitch and time stays.

    Parameters
    ----------
    symbolic : Symbolic
    n_tracks : int, default 4
        1 to 15; channel 10 is left to the drums.
    programs : sequence of int, optional
        General MIDI programs, one a channel. By default drawn at random.
    rng : int or Generator
        Draws the programs and which channel comes first.
    """
    if not 1 <= n_tracks <= 15:
        raise ChordmerError("notes go to 1 to 15 channels", value=n_tracks)
    generator = np.random.default_rng(rng)
    channels = generator.permutation(np.delete(np.arange(16), _DRUM_CHANNEL))[:n_tracks]
    drawn = generator.integers(0, 128, n_tracks) if programs is None else np.asarray(programs)
    if drawn.shape != (n_tracks,):
        raise ChordmerError("a program for each channel is needed", value=programs)
    notes = symbolic.notes.copy()
    pitched = ~notes["is_drum"]
    onset = notes["onset_tick"][pitched]
    # The rank of each note from the top among those that begin together: the notes are sorted
    # by onset and pitch, so it is the distance to the last of its group.
    part = (np.searchsorted(onset, onset, side="right") - 1 - np.arange(len(onset))) % n_tracks
    notes["channel"][pitched] = channels[part]
    notes["program"][pitched] = drawn[part]
    return replace(symbolic, notes=_sorted(notes))


def _outer(symbolic: Symbolic) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Masks of the highest and of the lowest pitched note of those that begin together."""
    index = np.flatnonzero(~symbolic.notes["is_drum"])
    onset, pitch = symbolic.notes["onset_sec"][index], symbolic.notes["pitch"][index]
    chord = np.append(0, np.cumsum(np.diff(onset) > _TOGETHER))[: len(index)]
    order = np.lexsort((pitch, chord))
    change = np.diff(chord) > 0
    top, bottom = np.zeros((2, len(symbolic.notes)), dtype=np.bool_)
    top[index[order]] = np.append(change, True)[: len(index)]
    bottom[index[order]] = np.append(True, change)[: len(index)]
    return top, bottom


# --- keeping a piece consistent ------------------------------------------------------------------


def _with_ticks(symbolic: Symbolic, onset: NDArray[np.int64], end: NDArray[np.int64]) -> Symbolic:
    """Return the piece with its notes at other ticks; beats and seconds follow."""
    tempo_map = symbolic.tempo_map
    notes = symbolic.notes.copy()
    notes["onset_tick"] = onset
    notes["duration_tick"] = end - onset
    notes["onset_beat"] = tempo_map.beats(onset)
    notes["duration_beat"] = tempo_map.beats(end - onset)
    notes["onset_sec"] = tempo_map.seconds(onset)
    notes["duration_sec"] = tempo_map.seconds(end) - notes["onset_sec"]
    last = int(end.max()) if len(end) else 0
    return replace(symbolic, notes=_distinct(notes), end_tick=max(symbolic.end_tick, last))


def _sorted(notes: NDArray[np.void]) -> NDArray[np.void]:
    return notes[np.lexsort((notes["channel"], notes["pitch"], notes["onset_tick"]))]


def _distinct(notes: NDArray[np.void]) -> NDArray[np.void]:
    """Sort, and of notes with one onset, pitch and channel keep the longest."""
    keys = (-notes["duration_tick"], notes["channel"], notes["pitch"], notes["onset_tick"])
    notes = notes[np.lexsort(keys)]
    same = np.ones(max(len(notes) - 1, 0), dtype=np.bool_)
    for name in ("onset_tick", "pitch", "channel"):
        same &= np.diff(notes[name]) == 0
    distinct: NDArray[np.void] = notes[np.append(True, ~same)[: len(notes)]]
    return distinct
