"""`Augmentation`: more tracks to learn from, each played a little differently."""

from __future__ import annotations

import math
import numbers
import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state

from chordmer.augment.audio import add_noise, shift_pitch
from chordmer.augment.symbolic import change_speed, transpose
from chordmer.io import read_audio, read_symbolic
from chordmer.track import Track, as_track

__all__ = ["Augmentation", "Change", "Variation"]

#: What each parameter may be at most; all of them together stay within what `shift_pitch` takes.
_MOST = {"transpose": 12, "tempo": 0.4, "speed": 0.4, "pitch": 6.0, "snr_db": 120.0}
#: Decibels that noise may be below the loudest that is asked for.
_FAINTER = 30.0
#: The values that leave a track as it is.
_NONE = {"transpose": 0, "tempo": 0.0, "speed": 0.0, "pitch": 0.0, "snr_db": None}


@dataclass(frozen=True)
class Change:
    """How one copy differs from its original.

    Attributes
    ----------
    semitones : float
        Up. Whole for notes.
    tempo, speed : float
        How many times as fast; `tempo` keeps the pitch of sound, `speed` moves it along.
    snr_db : float or None
        Of the noise that is added to sound.
    seed : int
        Of that noise.
    """

    semitones: float = 0.0
    tempo: float = 1.0
    speed: float = 1.0
    snr_db: float | None = None
    seed: int = 0


class Variation(Track):
    """A track, played a little differently.

    Its sources are changed whenever they are asked for and not kept, so that many variations take
    no memory. Each time gives the same bytes.

    Parameters
    ----------
    original : Track
    change : Change
    id : str
    group : str or None
    """

    original: Track
    change: Change

    def __init__(self, original: Track, change: Change, *, id: str, group: str | None) -> None:
        for name, value in (
            ("original", original),
            ("change", change),
            ("id", id),
            ("lyrics", original.lyrics),
            ("group", group),
        ):
            object.__setattr__(self, name, value)

    @property
    def symbolic(self) -> Any:
        """The notes, changed; None where the original has none."""
        if self.original.symbolic is None:
            return None
        piece = read_symbolic(self.original)
        if self.change.semitones:
            piece = transpose(piece, semitones=round(self.change.semitones))
        return piece if self.change.tempo == 1 else change_speed(piece, factor=self.change.tempo)

    @property
    def audio(self) -> Any:
        """The sound, changed, as ``(y, sr)``; None where the original has none."""
        if self.original.audio is None:
            return None
        change = self.change
        y, sr = read_audio(self.original, None)
        # A tape played faster is music that is faster and higher.
        semitones = change.semitones + 12 * math.log2(change.speed)
        tempo = change.tempo * change.speed
        if semitones or tempo != 1:
            y = shift_pitch(y, sr, semitones=semitones, tempo=tempo)
        if change.snr_db is not None:
            y = add_noise(y, snr_db=change.snr_db, rng=change.seed)
        return y, sr

    def __repr__(self) -> str:
        return f"Variation({self.id!r}, {self.change})"


class Augmentation(BaseEstimator):
    """Copies of tracks that differ from them as performances and recordings do.

    The copies carry their original's label, so each change is small enough to keep it, and a class
    can be spared any of them. Give it training tracks only, of each fold anew: that is what
    estimators do that have it as a parameter. A copy is the same in every fold, whatever else is
    there, so that features kept by content are computed once.

    Parameters
    ----------
    transpose : int, default 2
        Most semitones that notes are moved, up or down. Mode, intervals and rhythm stay; the
        register, which tells of emotion too, moves by less than players of two voices differ.
    tempo : float, default 0.1
        How much faster or slower at most, notes and sound alike: 0.1 is from 1 / 1.1 to 1.1 times.
        Tempo is the plainest sign of arousal, so music must not move across its classes: ten per
        cent is what performances of one piece differ by.
    speed : float, default 0.05
        The same for the speed of sound as of a tape, which moves its pitch by up to 0.85 semitones.
        It adds to `tempo`.
    pitch : float, default 1.0
        Most semitones, not whole ones, that sound is moved at constant tempo.
    snr_db : float or None, default 30.0
        White noise is added to sound, so many dB fainter at least and up to 30 dB more: from that
        of a tape, which spectral flatness hears at once, to that of a clean recording. None does
        without.
    copies : int, default 1
        Of each track. A track of words alone has none: there is nothing to change.
    exclude : mapping of label to collection of str, optional
        Changes, by their parameter's name, that tracks of a class do not undergo. Such as
        ``{"Q4": ("tempo", "speed")}``, where calm music must stay as calm as it is.
    random_state : int, RandomState or None, default None

    Notes
    -----
    Of a track with notes and sound, both are changed alike, so that they stay in key and in step:
    by whole semitones within `transpose` and `pitch`, by the same tempo, and by no `speed`.
    Words stay as they are.

    Examples
    --------
    >>> import chordmer
    >>> tracks = [chordmer.example()] * 2
    >>> more, y, groups = Augmentation(random_state=0).tracks(tracks, ["Q1", "Q3"])
    >>> len(more), y.tolist(), groups.tolist()
    (4, ['Q1', 'Q3', 'Q1', 'Q3'], ['track 0', 'track 1', 'track 0', 'track 1'])
    """

    def __init__(
        self,
        *,
        transpose: int = 2,
        tempo: float = 0.1,
        speed: float = 0.05,
        pitch: float = 1.0,
        snr_db: float | None = 30.0,
        copies: int = 1,
        exclude: Mapping[Any, Collection[str]] | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.transpose = transpose
        self.tempo = tempo
        self.speed = speed
        self.pitch = pitch
        self.snr_db = snr_db
        self.copies = copies
        self.exclude = exclude
        self.random_state = random_state

    def tracks(
        self, tracks: Sequence[Any], y: ArrayLike, groups: Sequence[Any] | None = None
    ) -> tuple[list[Track], NDArray[Any], NDArray[Any]]:
        """Return the tracks, then their copies, with the label and the group of each.

        Parameters
        ----------
        tracks : sequence of Track, or of anything that stands for one
        y : array_like, shape (n,) or (n, n_dimensions)
        groups : sequence, length n, optional
            What must stay together. By default the tracks' own groups, and ``"track i"`` for one
            that has none; it gets that for its group, as its copies do.

        Returns
        -------
        tracks : list of Track
            Copies are `Variation`, and are called as their original with ``~1``, ``~2``, ... added.
        y : ndarray, shape (m,) or (m, n_dimensions)
        groups : ndarray, shape (m,)

        Raises
        ------
        ValueError
            If a parameter is impossible, or lengths differ.
        """
        self._check_parameters()
        given, labels = [as_track(track) for track in tracks], np.asarray(y)
        if labels.ndim == 0 or len(labels) != len(given):
            raise ValueError(f"{len(given)} tracks want as many labels, not shape {labels.shape}")
        if groups is None:
            given = [
                replace(track, group=f"track {i}") if track.group is None else track
                for i, track in enumerate(given)
            ]
            groups = [track.group for track in given]
        elif len(groups) != len(given):
            raise ValueError(f"{len(given)} tracks want as many groups, not {len(groups)}")
        spared = self._spared(labels)
        seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        rows = list(range(len(given)))
        made = list(given)
        for i, track in enumerate(given):
            wanted = {n: _NONE[n] if n in spared[i] else getattr(self, n) for n in _MOST}
            bounds = _bounds_for(track, wanted)
            for copy in range(1, self.copies + 1 if bounds != _NONE else 1):
                rng = np.random.default_rng([seed, zlib.crc32(track.id.encode()), copy])
                change = _draw(bounds, rng)
                made.append(Variation(track, change, id=f"{track.id}~{copy}", group=track.group))
                rows.append(i)
        return made, labels[rows], np.asarray(groups)[rows]

    def _check_parameters(self) -> None:
        for name, most in _MOST.items():
            value = getattr(self, name)
            if name == "snr_db" and value is None:
                continue
            kind = numbers.Integral if name == "transpose" else numbers.Real
            if not _lies_within(value, kind, most):
                whole = "a whole number " if name == "transpose" else ""
                raise ValueError(f"{name} must be {whole}between 0 and {most}, not {value!r}")
        if not _lies_within(self.copies, numbers.Integral, 100):
            raise ValueError(
                f"copies must be a whole number between 0 and 100, not {self.copies!r}"
            )
        for label, names in (self.exclude or {}).items():
            if isinstance(names, str) or not set(names) <= set(_MOST):
                raise ValueError(f"exclude[{label!r}] must hold names of {list(_MOST)}: {names!r}")

    def _spared(self, labels: NDArray[Any]) -> list[Collection[str]]:
        if not self.exclude:
            return [()] * len(labels)
        if labels.ndim != 1:
            raise ValueError(f"exclude is by label, and y has the shape {labels.shape}")
        return [self.exclude.get(label, ()) for label in labels.tolist()]


def _lies_within(value: Any, kind: type[Any], most: float) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool) and bool(0 <= value <= most)


def _bounds_for(track: Track, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return what may change of a track, by what it has."""
    bounds = dict(wanted)
    if track.symbolic is None:
        bounds["transpose"] = 0
    if track.audio is None:
        bounds |= {"speed": 0.0, "pitch": 0.0, "snr_db": None}
    if track.symbolic is None and track.audio is None:
        return dict(_NONE)
    if track.symbolic is not None and track.audio is not None:
        bounds["transpose"] = min(wanted["transpose"], int(wanted["pitch"]))
        bounds |= {"speed": 0.0, "pitch": 0.0}
    return bounds


def _draw(bounds: Mapping[str, Any], rng: np.random.Generator) -> Change:
    """Return a random change within `bounds`; it is as likely slower as faster."""
    turns = rng.uniform(-1, 1, 3)
    tempo, speed = (float((1 + bounds[n]) ** turn) for n, turn in zip(("tempo", "speed"), turns))
    # One of the two is 0: notes move by whole semitones, and sound alone by any part of one.
    whole = rng.integers(-bounds["transpose"], bounds["transpose"], endpoint=True)
    semitones = float(whole + bounds["pitch"] * turns[2])
    fainter, snr_db = float(rng.uniform(0, _FAINTER)), bounds["snr_db"]
    if snr_db is not None:
        snr_db = min(snr_db + fainter, _MOST["snr_db"])
    return Change(semitones, tempo, speed, snr_db, int(rng.integers(1 << 32)))
