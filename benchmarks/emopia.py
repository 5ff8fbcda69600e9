"""EMOPIA's clips, changed copies of them, and their descriptors."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from chordmer import augment
from chordmer.features.describe import DESCRIPTOR_NAMES, describe_symbolic
from chordmer.io import read_symbolic
from chordmer.notes import Symbolic
from chordmer.recognizer.renditions import random_excerpt

Change = Callable[[Symbolic, np.random.Generator], Symbolic]


@dataclass(frozen=True)
class Clips:
    """Clips and their labels; `quadrant` counts from 0, clips of one `song` stay together."""

    pieces: list[Symbolic]
    quadrant: np.ndarray
    song: np.ndarray


def load_clips(folder: Path) -> Clips:
    """Read `index.csv` and the MIDI files of an EMOPIA folder, training and validation together."""
    with (folder / "index.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    pieces = [read_symbolic(folder / "midis" / f"{row['clip_id']}.mid") for row in rows]
    quadrant = np.array([int(row["quadrant"][1]) - 1 for row in rows])
    return Clips(pieces, quadrant, np.array([row["song"] for row in rows]))


def flat_quantised(bpm: float | None) -> Change:
    """Constant velocity on sixteenths of a tempo: of `bpm`, or of one drawn for each piece."""

    def change(piece: Symbolic, rng: np.random.Generator) -> Symbolic:
        tempo = float(rng.uniform(70, 180)) if bpm is None else bpm
        gridded = augment.quantize_onsets(augment.rewrite_tempo(piece, bpm=tempo))
        return augment.flatten_velocity(gridded)

    return change


#: The changes under which the report measures a model, one at a time.
CHANGES: Mapping[str, Change] = {
    "clean": lambda piece, rng: piece,
    "tempo rewritten": lambda piece, rng: augment.rewrite_tempo(piece, bpm=rng.uniform(50, 200)),
    "tempo map rewritten": lambda piece, rng: augment.rewrite_tempo(
        piece, bpm=rng.uniform(50, 200, 4), starts=[0, 5, 10, 15]
    ),
    "tracks and programs": lambda piece, rng: augment.spread_tracks(piece, n_tracks=4, rng=rng),
    "transposed": lambda piece, rng: augment.transpose(
        piece, semitones=int(rng.choice([-6, -5, -4, -3, -2, -1, 1, 2, 3, 4, 5, 6]))
    ),
    "velocity scaled": lambda piece, rng: augment.scale_velocity(
        piece, factor=rng.choice([0.6, 0.8, 1.25, 1.5])
    ),
    "velocity noise": lambda piece, rng: augment.noise_velocity(piece, scale=10, rng=rng),
    "velocity flat": lambda piece, rng: augment.flatten_velocity(piece),
    "quantised": lambda piece, rng: augment.quantize_onsets(piece),
    "flat, quantised": flat_quantised(120.0),
    "flat, quantised, any tempo": flat_quantised(None),
    "onsets jittered": lambda piece, rng: augment.jitter_onsets(piece, scale=0.015, rng=rng),
    "pedal": lambda piece, rng: augment.hold_pedal(piece),
    "15 s excerpt": lambda piece, rng: random_excerpt(piece, 15.0, rng),
    "outer voices": lambda piece, rng: augment.thin_texture(piece, rng=rng),
    "octaves doubled": lambda piece, rng: augment.double_octaves(piece),
    "1.5 times as fast": lambda piece, rng: augment.change_speed(piece, factor=1.5),
    "1.5 times as slow": lambda piece, rng: augment.change_speed(piece, factor=1 / 1.5),
}


def describe_others(folder: Path) -> dict[str, np.ndarray]:
    """Return the descriptors of every fourth piece of those unlabelled corpora that are there."""
    found = {}
    for corpus in ("openscore_lieder", "openhymnal", "pop909"):
        files = sorted((folder / corpus / "midi").glob("*.mid"))[::4]
        if files:
            found[corpus] = np.array([describe_symbolic(read_symbolic(file)) for file in files])
    return found


def describe(pieces: list[Symbolic], change: Change, seed: int) -> np.ndarray:
    """Return the descriptors of the changed pieces, shape (n, d); each piece has its own seed."""
    changed = (change(p, np.random.default_rng([seed, i])) for i, p in enumerate(pieces))
    return np.array([describe_symbolic(piece) for piece in changed]).reshape(
        -1, len(DESCRIPTOR_NAMES)
    )
