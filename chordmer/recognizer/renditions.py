"""A piece as other sources would have it: a score, another keyboard, a transcription, a part.

The bundled model learns from such copies, so that it hears the music and not the source.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from chordmer import augment
from chordmer.augment import Variation
from chordmer.augment.tracks import Change
from chordmer.io import read_symbolic
from chordmer.notes import Symbolic
from chordmer.track import Track, as_track

__all__ = ["Rendition", "Renditions", "draw_variant", "random_excerpt"]


def random_excerpt(piece: Symbolic, seconds: float, rng: np.random.Generator) -> Symbolic:
    """Return `seconds` of the piece from anywhere; the whole where too few notes would be left."""
    start = rng.uniform(0, max(piece.duration - seconds, 0))
    part = augment.excerpt(piece, start=start, seconds=seconds)
    return part if len(part.notes) >= 12 else piece


def draw_variant(piece: Symbolic, rng: np.random.Generator) -> Symbolic:
    """Return a changed copy for training: a random mix of what another source may do to a piece.

    Each kind of change is left out often enough that every mixture occurs, the lightly changed and
    the score-like (one velocity, a grid, doubled or thinned voices) among them.
    """
    if rng.random() < 0.45:
        piece = random_excerpt(piece, rng.uniform(8, 25), rng)
    if rng.random() < 0.15:
        piece = augment.hold_pedal(piece, beats=rng.choice([1, 2, 4]))
    if rng.random() < 0.6:
        bpm = np.exp(rng.uniform(np.log(60), np.log(190)))
        piece = augment.rewrite_tempo(piece, bpm=bpm)
        if rng.random() < 0.8:
            grid = [2, 3, 4] if bpm > 125 else [3, 4, 8]
            piece = augment.quantize_onsets(piece, divisions=rng.choice(grid))
    loudness = rng.random()
    if loudness < 0.35:
        piece = augment.flatten_velocity(piece)
    elif loudness < 0.6:
        piece = augment.scale_velocity(piece, factor=rng.uniform(0.6, 1.5))
    elif loudness < 0.75:
        piece = augment.noise_velocity(piece, scale=rng.uniform(3, 15), rng=rng)
    if rng.random() < 0.7:
        piece = augment.transpose(piece, semitones=int(rng.integers(-6, 7)))
    texture = rng.random()
    if texture < 0.15:
        piece = augment.thin_texture(piece, keep=rng.choice([0.0, 0.5]), rng=rng)
    elif texture < 0.3:
        piece = augment.double_octaves(piece, melody=rng.random() < 0.5)
    return piece


class Rendition(Variation):
    """The notes of a track as another source would have them; it has no sound.

    The seed of its change says which of the track's renditions it is.
    """

    @property
    def symbolic(self) -> Any:
        """The notes, changed by `draw_variant`."""
        seed = [self.change.seed, zlib.crc32(self.original.id.encode())]
        return draw_variant(read_symbolic(self.original), np.random.default_rng(seed))

    @property
    def audio(self) -> None:
        """That of the original is not that of these notes."""
        return


class Renditions(BaseEstimator):
    """An augmentation that adds renditions of every track.

    Nothing in it follows a seed: a track has the same renditions in every fold and with every
    model, so that they are listened to once.

    Parameters
    ----------
    copies : int, default 12
        Renditions of each track, those of the bundled model.
    """

    def __init__(self, copies: int = 12) -> None:
        self.copies = copies

    def tracks(
        self, tracks: Sequence[Any], y: ArrayLike
    ) -> tuple[list[Track], NDArray[Any], list[str | None]]:
        """Return the tracks and then their renditions, with the label and the group of each.

        Parameters
        ----------
        tracks : sequence of Track, or of anything that stands for one
            Each with notes.
        y : array_like, shape (n,)
        """
        given = [as_track(track) for track in tracks]
        made = [
            Rendition(track, Change(seed=number), id=f"{track.id}~{number}", group=track.group)
            for number in range(1, self.copies + 1)
            for track in given
        ]
        more = [*given, *made]
        return more, np.tile(np.asarray(y), self.copies + 1), [track.group for track in more]
