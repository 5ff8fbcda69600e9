"""What it costs to follow a performance: share of one core, and how late an answer is.

    python benchmarks/streaming.py --data FOLDER [-o FOLDER]

Pieces of POP909 are played event by event to the bundled model, and the same pieces, rendered, in
blocks of 20 ms to a recogniser of sound. Nothing sleeps: the share is the processor's time over the
time of the music, and the delay is how long a call of `push` takes that makes an answer.
Goal: under 10 % of a core.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
from report import write_report

from chordmer import EmotionRecognizer, StreamingRecognizer, Symbolic, Track, read_symbolic, render
from chordmer.augment import excerpt

SECONDS = 60.0
RATE = 44100
BLOCK = 882


def events(piece: Symbolic) -> list[tuple[float, tuple[int, int, int]]]:
    found = []
    for note in piece.notes:
        channel, key = int(note["channel"]), int(note["pitch"])
        start, end = float(note["onset_sec"]), float(note["onset_sec"] + note["duration_sec"])
        found += [(start, (0x90 | channel, key, int(note["velocity"])))]
        found += [(end, (0x80 | channel, key, 0))]
    return sorted(found)


def followed(live: StreamingRecognizer, pushes: list[Any], seconds: float) -> dict[str, Any]:
    answer, late = None, []
    begun = time.process_time()
    for push in pushes:
        before = time.perf_counter()
        new = live.push(push)
        if new is not answer:
            late.append(time.perf_counter() - before)
        answer = new
    spent = time.process_time() - begun
    return {
        "share_of_a_core": round(spent / seconds, 4),
        "answers": len(late),
        "median_ms": round(1e3 * float(np.median(late)), 1),
        "worst_ms": round(1e3 * max(late), 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder that holds pop909")
    parser.add_argument("--pieces", type=int, default=6)
    parser.add_argument("-o", "--out", type=Path, default=Path("benchmark-reports"))
    arguments = parser.parse_args()
    files = sorted(arguments.data.glob("pop909/midi*/*.mid"))
    chosen = files[:: max(1, len(files) // (arguments.pieces + 1))][1 : arguments.pieces + 1]
    pieces = [excerpt(read_symbolic(file), seconds=SECONDS) for file in chosen]
    sounds = [render(piece, RATE).astype(np.float32) for piece in pieces]
    rows = []
    for file, piece in zip(chosen, pieces):
        pushes = [[event] for event in events(piece)]
        row = followed(StreamingRecognizer(), pushes, piece.duration)
        rows.append({"model": "bundled, notes", "piece": file.stem, **row})
    tracks = [Track(str(i), audio=(sound, RATE)) for i, sound in enumerate(sounds)]
    for features in (["descriptors"], ["gtf", "mf_rp"]):
        # What the model answers is of no interest here, so any quadrants will do.
        model = EmotionRecognizer(features, calibration=0, random_state=0)
        model.fit(tracks, [f"Q{1 + i % 4}" for i in range(len(tracks))])
        for file, sound in zip(chosen, sounds):
            blocks = [sound[at : at + BLOCK] for at in range(0, len(sound), BLOCK)]
            live = StreamingRecognizer(model, sr=RATE)
            row = followed(live, blocks, len(sound) / RATE)
            rows.append({"model": f"BLS on {', '.join(features)}", "piece": file.stem, **row})
    write_report(
        arguments.out,
        "streaming",
        __doc__,
        rows,
        notes=f"The first {SECONDS:g} s of {len(chosen)} pieces of POP909; windows of 15 s every "
        "5 s, an answer every second, sound at 44.1 kHz in blocks of 20 ms.",
    )


if __name__ == "__main__":
    main()
