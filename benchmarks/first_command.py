"""How long a newcomer waits: `import chordmer`, and `chordmer predict` on one file.

    python benchmarks/first_command.py [--runs 11] [-o FOLDER]

Each figure is a whole process from its start to its end, after one run that is not counted.
Goals: import under 0.3 s, predict under 1.5 s.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

from report import write_report

import chordmer

COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "import numpy": ["-c", "import numpy"],
    "import chordmer": ["-c", "import chordmer"],
    "from chordmer import Chord2Vec": ["-c", "from chordmer import Chord2Vec"],
    "chordmer predict": ["-m", "chordmer.cli", "predict", str(chordmer.example())],
    "chordmer predict --plot": [
        *("-m", "chordmer.cli", "predict", str(chordmer.example())),
        *("--plot", "first_command.png"),
    ],
}


def seconds(arguments: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=11)
    parser.add_argument("-o", "--out", type=Path, default=Path("benchmark-reports"))
    arguments = parser.parse_args()
    # Round by round, so that a machine that slows down slows every command down.
    rounds = [
        {name: seconds(command) for name, command in COMMANDS.items()}
        for _ in range(arguments.runs + 1)
    ][1:]
    Path("first_command.png").unlink(missing_ok=True)
    rows = [
        {
            "command": name,
            "median_s": round(statistics.median(r[name] for r in rounds), 3),
            "min_s": round(min(r[name] for r in rounds), 3),
            "max_s": round(max(r[name] for r in rounds), 3),
            "runs": len(rounds),
        }
        for name in COMMANDS
    ]
    write_report(arguments.out, "first_command", __doc__, rows)


if __name__ == "__main__":
    main()
