"""How often is the tempo heard in the onsets that of the tempo map?

    python benchmarks/tempo_pop909.py --data FOLDER [-o FOLDER]

FOLDER holds pop909/midi. The tempo maps of POP909's songs were fitted to what was played, so the
median tempo of a song, or of an excerpt of 30 s, is known. Counted is how often `estimate_tempo`
comes within 4 % of it ("right"), how often within 4 % of its double, half, triple or third as well
("right_or_octave"), and which of these it hears. Where the tempo is right, "phase" says how well
the beats keep one phase of the map's beats: the length of their mean vector upon the circle of the
beat, 1 if they never drift or slip. (The phase itself cannot be checked: the onsets of most songs
stand off the beats of their map by some constant.)

The excerpts are heard as if played by hand, too: each note 20 ms off (standard deviation), and the
tempo going up and down by a share of it once in 8 to 30 s. A tempo that wavers is known less well:
within 4 % of its median means less.

pretty_midi's estimate_tempo, which goes by the commonest interval between onsets, is asked too.

Songs whose number leaves 3, 5, 7, 9 or 11 when divided by 12, in the order of their names, were
not looked at while the constants were chosen: they are "held out".
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from pretty_midi import PrettyMIDI
from report import write_report

from chordmer import Symbolic, estimate_tempo, read_symbolic

HELD_OUT = {3, 5, 7, 9, 11}
RATIOS = {"right": 1.0, "double": 2.0, "half": 1 / 2, "triple": 3.0, "third": 1 / 3}
TOLERANCE = 0.04
EXCERPT = 30.0


def excerpts(piece: Symbolic) -> Iterator[Symbolic]:
    """Yield successive excerpts of 30 s with at least 20 notes."""
    onset = piece.notes["onset_sec"]
    for start in np.arange(0, piece.duration - EXCERPT, EXCERPT):
        notes = piece.notes[(onset >= start) & (onset < start + EXCERPT)]
        if len(notes) >= 20:
            yield Symbolic(notes, piece.tempo_map, piece.time_signatures)


def as_it_is(seconds: np.ndarray) -> np.ndarray:
    return seconds


def wavering(by: float, rng: np.random.Generator) -> Callable[[np.ndarray], np.ndarray]:
    """Return a bending of time: the tempo goes up and down by a share once in 8 to 30 s."""
    speed, phase = 2 * np.pi / rng.uniform(8, 30), rng.uniform(0, 2 * np.pi)
    return lambda seconds: seconds + by / speed * np.sin(speed * seconds + phase)


def played(piece: Symbolic, bend: Callable[..., np.ndarray], rng: np.random.Generator) -> Symbolic:
    """Return the piece with its time bent, each note some 20 ms off."""
    notes = piece.notes.copy()
    notes["onset_sec"] = bend(notes["onset_sec"]) + rng.normal(0, 0.02, len(notes))
    order = np.argsort(notes["onset_sec"], kind="stable")
    return Symbolic(notes[order], piece.tempo_map, piece.time_signatures)


def compare(
    bpm: float, piece: Symbolic, bend: Callable[..., np.ndarray] = as_it_is
) -> dict[str, Any]:
    """Compare an estimate for one passage with its tempo map."""
    onset = piece.notes["onset_sec"]
    even = np.linspace(onset.min(), onset.max(), 2000)
    beats, seconds = piece.tempo_map.beats_at(even), bend(even)
    ratio = bpm / (60 * float(np.median(np.diff(beats) / np.diff(seconds))))
    heard = next((n for n, r in RATIOS.items() if abs(ratio / r - 1) < TOLERANCE), "other")
    error = abs(ratio / RATIOS.get(heard, 1.0) - 1)
    return {"heard": heard, "error": error, "phase": np.nan, "confidence": np.nan}


def measure(piece: Symbolic) -> dict[str, Any]:
    """Compare chordmer's estimate, and the beats where it is right."""
    tempo = estimate_tempo(piece)
    found = compare(tempo.bpm, piece) | {"confidence": tempo.confidence}
    if found["heard"] == "right":
        turns = piece.tempo_map.beats_at(tempo.beat_times)
        found["phase"] = abs(np.exp(2j * np.pi * turns).mean())
    return found


def summary(passages: str, found: list[dict[str, Any]]) -> dict[str, Any]:
    heard = np.array([f["heard"] for f in found])
    right = (heard == "right").mean()
    # Half of the width of the 95 % interval, as if passages were independent.
    margin = 1.96 * np.sqrt(right * (1 - right) / len(found))
    error, phase, sure = (
        np.array([f[name] for f in found]) for name in ("error", "phase", "confidence")
    )
    return {
        "passages": passages,
        "n": len(found),
        "right": f"{right:.3f} ± {margin:.3f}",
        "right_or_octave": f"{(heard != 'other').mean():.3f}",
        **{name: int((heard == name).sum()) for name in (*list(RATIOS)[1:], "other")},
        "median_error": f"{np.median(error[heard != 'other']):.2%}",
        "median_phase": "" if np.isnan(phase).all() else f"{np.nanmedian(phase):.3f}",
        "median_confidence": "" if np.isnan(sure).all() else f"{np.median(sure):.2f}",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("-o", "--out", type=Path, default=Path("benchmark-reports"))
    arguments = parser.parse_args()
    files = sorted((arguments.data / "pop909" / "midi").glob("*.mid"))
    if not files:
        parser.error(f"no songs in {arguments.data / 'pop909' / 'midi'}")
    songs, parts, peer = [], [], []
    bent: dict[float, list[dict[str, Any]]] = {0.0: [], 0.03: [], 0.05: [], 0.08: [], 0.12: []}
    rng = np.random.default_rng(0)
    for number, file in enumerate(files):
        piece = read_symbolic(file)
        held_out = number % 12 in HELD_OUT
        peer.append(compare(PrettyMIDI(str(file)).estimate_tempo(), piece))
        songs.append(measure(piece) | {"held_out": held_out})
        for part in excerpts(piece):
            parts.append(measure(part) | {"held_out": held_out})
            for by, found in bent.items():
                bend = wavering(by, rng)
                tempo = estimate_tempo(played(part, bend, rng))
                found.append(compare(tempo.bpm, part, bend) | {"confidence": tempo.confidence})
    rows = []
    for name, found in (("whole songs", songs), ("30 s", parts)):
        rows.append(summary(name, found))
        rows.append(summary(f"{name}, held out", [f for f in found if f["held_out"]]))
    for low, high in ((0.0, 0.2), (0.2, 0.4), (0.4, 0.6), (0.6, 1.01)):
        band = [f for f in parts if low <= f["confidence"] < high]
        if band:
            rows.append(summary(f"30 s, confidence {low:.1f} to {min(high, 1):.1f}", band))
    rows += [summary(f"30 s, as if played, tempo ± {by:.0%}", found) for by, found in bent.items()]
    rows.append(summary("whole songs, pretty_midi", peer))
    write_report(arguments.out, "tempo_pop909", __doc__, rows)


if __name__ == "__main__":
    main()
