"""What does `chordmer.extract` do in a second, what does supervision cost, what would 10^7 take?

    python benchmarks/extract_scale.py FOLDER [--files 3000] [--clips 200] [--seconds 30]
        [--tiny 1000 10000 100000] [--rounds 3] [-o FOLDER]

Four reports over the real MIDI files below a folder. `extract_speed`: files and MB a second of the
whole pipeline, symbolic descriptors of the MIDI files and audio descriptors of clips rendered from
them, with 1 and 2 workers, against the bare function in one process. `extract_cluster`: the
symbolic ones on a Dask scheduler with 1, 2 and 4 worker processes on this machine.
`extract_memory`: the peak of the parent's memory and of all processes together over catalogues of
tiny files, what the parent computes a file, and how fast a second run finds nothing to do.
`extract_projection`: a catalogue of ten million files, by these figures.

Ways take turns round by round, and the best round counts. All have one thread a process; the fork
server has started and chordmer is imported before the clock starts, for a catalogue has that once.
Goals: overhead with one worker below 15 % for symbolic features and 3 % for sound, memory flat.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import soundfile
from report import write_report
from threadpoolctl import threadpool_limits

import chordmer
from chordmer.errors import ChordmerError, ChordmerWarning
from chordmer.io import _compiled
from chordmer.recognizer.recipes import FEATURES

MILLIONS = 10_000_000
#: Worker processes of the cluster.
WORKERS = (1, 2, 4)
#: Core-seconds in an hour of a machine with 16 cores.
MACHINE_HOUR = 16 * 3600


# --- what is extracted ---------------------------------------------------------------------------


def rendered(files: list[Path], folder: Path, seconds: float) -> list[Path]:
    """Play files and keep the first seconds of each as sound."""
    clips = []
    for number, path in enumerate(files):
        y = chordmer.render(path, sr=44100)[: round(seconds * 44100)]
        clip = folder / f"{number:04}.wav"
        soundfile.write(clip, y, 44100, subtype="PCM_16")
        clips.append(clip)
    return clips


def tiny_files(folder: Path, count: int) -> Path:
    """Write MIDI files of one note, no two alike, a thousand to a folder."""
    for number in range(count):
        here = folder / f"{number // 1000:04}"
        if number % 1000 == 0:
            here.mkdir(parents=True)
        tempo = struct.pack(">I", 300_000 + number)[1:]
        events = b"\0\xff\x51\3" + tempo + b"\0\x90\x3c\x40\x60\x80\x3c\0\0\xff\x2f\0"
        head = b"MThd" + struct.pack(">IHHH", 6, 0, 1, 96)
        (here / f"{number:06}.mid").write_bytes(
            head + b"MTrk" + struct.pack(">I", len(events)) + events
        )
    return folder


# --- how -----------------------------------------------------------------------------------------


def bare(files: list[Path], feature: str) -> None:
    """Compute the feature of each file, with nothing around it."""
    extractor = FEATURES[feature]()
    with threadpool_limits(1):
        for path in files:
            try:
                extractor.transform([path])
            except ChordmerError:
                continue


def tracks(files: list[Path], feature: str) -> list[chordmer.Track]:
    kind = "audio" if feature == "descriptors" else "symbolic"
    return [chordmer.Track(f"{number}", **{kind: str(path)}) for number, path in enumerate(files)]


def store_bytes(store: Path) -> int:
    return sum(path.stat().st_size for path in store.rglob("*") if path.is_file())


def best_round(
    works: dict[str, Callable[[Path], object]], rounds: int
) -> tuple[dict[str, float], dict[str, int]]:
    """Return the seconds of each work's best round, and the bytes of the store it made."""
    best = dict.fromkeys(works, float("inf"))
    sizes = dict.fromkeys(works, 0)
    for _ in range(rounds):
        for name, work in works.items():
            with tempfile.TemporaryDirectory() as folder:
                store = Path(folder) / "store"
                start = time.perf_counter()
                work(store)
                best[name] = min(best[name], time.perf_counter() - start)
                sizes[name] = store_bytes(store)
    return best, sizes


def speed(files: list[Path], feature: str, rounds: int) -> list[dict[str, Any]]:
    listed = tracks(files, feature)

    def extraction(n_jobs: int) -> Callable[[Path], object]:
        return lambda store: chordmer.extract(
            listed, store, features=[feature], n_jobs=n_jobs, timeout=600.0
        )

    with tempfile.TemporaryDirectory() as folder:  # the fork server starts, caches are filled
        chordmer.extract(listed[:2], Path(folder) / "store", features=[feature], timeout=600.0)
    bare(files[:2], feature)
    works: dict[str, Callable[[Path], object]] = {
        "bare function, one process": lambda _: bare(files, feature),
        "extract, 1 worker": extraction(1),
        "extract, 2 workers": extraction(2),
    }
    seconds, sizes = best_round(works, rounds)
    size = sum(path.stat().st_size for path in files)
    alone = seconds["bare function, one process"]
    return [
        {
            "feature": feature,
            "how": name,
            "files": len(files),
            "files_per_s": round(len(files) / spent, 1),
            "MB_per_s": round(size / spent / 1e6, 2),
            "ms_per_file": round(spent / len(files) * 1e3, 3),
            "times_bare": round(alone / spent, 2),
            "overhead_percent": "" if "2" in name else round((spent / alone - 1) * 100, 1),
            "store_bytes_per_file": round(sizes[name] / len(files)) or "",
        }
        for name, spent in seconds.items()
    ]


# --- on a cluster --------------------------------------------------------------------------------


@contextmanager
def dask_cluster(workers: int) -> Iterator[str]:
    """Start a scheduler and worker processes of one thread; yield the scheduler's address."""
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "scheduler.json"

        def start(command: str, *options: str) -> subprocess.Popen[bytes]:
            line = [sys.executable, "-m", f"distributed.cli.dask_{command}", "--no-dashboard"]
            return subprocess.Popen(
                [*line, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )

        where = ("--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(told))
        processes = [start("scheduler", *where)]
        try:
            address = None
            while address is None:
                with suppress(OSError, ValueError):  # not written yet, or not to its end
                    address = json.loads(told.read_text(encoding="utf-8"))["address"]
                time.sleep(0.1)
            place = ("--nthreads", "1", "--local-directory", folder)
            processes += [start("worker", address, *place) for _ in range(workers)]
            yield address
        finally:
            for process in reversed(processes):
                process.terminate()
                process.wait()


def on_cluster(files: list[Path], rounds: int) -> list[dict[str, Any]]:
    listed = tracks(files, "symbolic")
    rows = []
    for workers in WORKERS:
        with dask_cluster(workers) as address:

            def extraction(store: Path, address: str = address) -> object:
                return chordmer.extract(listed, store, features=["symbolic"], cluster=address)

            with tempfile.TemporaryDirectory() as folder:  # processes start, chordmer is imported
                extraction(Path(folder) / "store")
            seconds, _ = best_round({"cluster": extraction}, rounds)
        local, _ = best_round(
            {
                "local": lambda store, n=workers: chordmer.extract(
                    listed, store, features=["symbolic"], n_jobs=n
                )
            },
            rounds,
        )
        rows.append(
            {
                "workers": workers,
                "files": len(files),
                "cluster_files_per_s": round(len(files) / seconds["cluster"], 1),
                "local_files_per_s": round(len(files) / local["local"], 1),
                "scheduler_overhead_percent": round(
                    (seconds["cluster"] / local["local"] - 1) * 100, 1
                ),
                "scheduler_ms_per_file": round(
                    (seconds["cluster"] - local["local"]) / len(files) * 1e3, 3
                ),
            }
        )
    return rows


# --- memory --------------------------------------------------------------------------------------

_CHILD = """
import json, resource, sys, time
from chordmer import extract

def cpu():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime

if __name__ == "__main__":
    music, store = sys.argv[1:]
    told = []
    for _ in range(2):
        begun, start = cpu(), time.perf_counter()
        summary = extract(music, store, features=["symbolic"], n_jobs=2)
        assert summary.complete
        told.append([time.perf_counter() - start, cpu() - begun, summary.rows])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"peak": peak, "runs": told}))
"""


def memory(count: int, folder: Path) -> dict[str, Any]:
    """Extract a catalogue of tiny files in a fresh process, twice, and watch its memory."""
    music, store, script = tiny_files(folder / "music", count), folder / "store", folder / "run.py"
    script.write_text(_CHILD, encoding="utf-8")
    command = [sys.executable, str(script), str(music), str(store)]
    paths = os.pathsep.join([str(Path(chordmer.__file__).parents[1]), *sys.path])
    environment = os.environ | {"PYTHONPATH": paths}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        most = [0.0]
        watch = threading.Thread(target=_watch, args=(process.pid, most), daemon=True)
        watch.start()
        assert process.stdout is not None
        found = json.loads(process.stdout.read())
    (seconds, cpu, rows), (again, _, computed) = found["runs"]
    assert (rows, computed) == (count, 0)
    return {
        "files": count,
        "parent_peak_MB": round(found["peak"]),
        "all_processes_peak_MB": round(most[0]),
        "files_per_s": round(count / seconds),
        "parent_cpu_us_per_file": round(cpu / count * 1e6),
        "second_run_files_per_s": round(count / again),
        "store_bytes_per_file": round(store_bytes(store) / count),
    }


def _watch(pid: int, most: list[float]) -> None:
    """Note the most memory that a process and all below it hold at a time, shared pages once."""
    while True:
        try:
            family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
            held = 0.0
            for member in family:
                info = member.memory_full_info()
                held += getattr(info, "pss", info.uss) / 1e6
        except psutil.NoSuchProcess:
            if not psutil.pid_exists(pid):
                return
            continue
        most[0] = max(most[0], held)
        time.sleep(0.25)


# --- ten million ---------------------------------------------------------------------------------


def projection(
    measured: list[dict[str, Any]], small: dict[str, Any], mean_bytes: dict[str, float]
) -> list[dict[str, Any]]:
    """Return what ten million files would take, from the rows of one worker."""
    rows = []
    parent = small["parent_cpu_us_per_file"] / 1e6
    for row in measured:
        if row["how"] != "extract, 1 worker":
            continue
        a_file = row["ms_per_file"] / 1e3
        rows.append(
            {
                "feature": row["feature"],
                "files": MILLIONS,
                "core_hours": round(MILLIONS * a_file / 3600),
                "hours_on_16_cores": round(MILLIONS * a_file / MACHINE_HOUR, 1),
                "store_GB": round(MILLIONS * row["store_bytes_per_file"] / 1e9, 1),
                "read_GB": round(MILLIONS * mean_bytes[row["feature"]] / 1e9),
                "read_MB_per_s_on_16_cores": round(16 * mean_bytes[row["feature"]] / a_file / 1e6),
                "parent_hours": round(MILLIONS * parent / 3600, 1),
                "workers_that_one_parent_feeds": int(a_file / parent),
            }
        )
    return rows


_BOTTLENECK = (
    "The work of one file bounds a catalogue until there are as many workers as one parent feeds "
    "(its time is what it computes for a tiny file: listing, sending, storing); from there on the "
    "parent does, and a catalogue is better cut into several stores."
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--files", type=int, default=3000, help="MIDI files, drawn at random")
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=30.0, help="length of a clip")
    parser.add_argument("--tiny", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("-o", "--out", type=Path, default=Path("benchmark-reports"))
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", ChordmerWarning)
    found = sorted(arguments.folder.rglob("*.mid"))
    files = random.Random(0).sample(found, min(arguments.files, len(found)))
    _compiled.worth_compiling(1 << 30)  # as in the middle of a catalogue
    with tempfile.TemporaryDirectory() as folder:
        clips = rendered(files[: arguments.clips], Path(folder), arguments.seconds)
        rows = speed(files, "symbolic", arguments.rounds)
        rows += speed(clips, "descriptors", arguments.rounds)
        sizes = {
            name: sum(path.stat().st_size for path in some) / len(some)
            for name, some in (("symbolic", files), ("descriptors", clips))
        }
    write_report(arguments.out, "extract_speed", __doc__, rows)
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    some = files[: len(files) // 2]
    write_report(
        arguments.out,
        "extract_cluster",
        "What does a scheduler cost, against as many workers without one?",
        on_cluster(some, max(arguments.rounds - 1, 1)),
        f"Scheduler, workers and parent share the cores named below. Parent: {own:.0f} MB.",
    )
    small = []
    for count in arguments.tiny:
        folder = Path(tempfile.mkdtemp())
        try:
            small.append(memory(count, folder))
        finally:
            shutil.rmtree(folder)
    write_report(
        arguments.out, "extract_memory", "Does memory grow with the number of files?", small
    )
    write_report(
        arguments.out,
        "extract_projection",
        "What would ten million files take?",
        projection(rows, small[-1], sizes),
        _BOTTLENECK,
    )


if __name__ == "__main__":
    main()
