"""Runs that are killed or interrupted, and go on."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from stub_extractors import Numbers

from chordmer import extract
from chordmer.extraction.progress import Progress
from chordmer.store import Store

SOAK = bool(os.environ.get("CHORDMER_SOAK"))
KILLS = 50 if SOAK else 4
FILES, SECONDS, JOBS = 120, 0.02, 2
#: Files that two workers may have computed without the store knowing: two batches each.
IN_FLIGHT = JOBS * 2 * round(0.2 / SECONDS)

SCRIPT = """
import sys
from chordmer import extract
from stub_extractors import Numbers

if __name__ == "__main__":
    music, store, log, jobs, seconds = sys.argv[1:]
    numbers = Numbers(seconds=float(seconds), log=log)
    print("ready", flush=True)
    extract(music, store, features=[("numbers", numbers)], n_jobs=int(jobs))
"""


def whole(store):
    with Store.open(store) as opened:
        assert opened.verify() == []
        return opened.hash(), opened.info()["rows"]


def test_a_run_killed_again_and_again_ends_as_one_that_was_not(tmp_path):
    """SIGKILL at random moments; 50 of them where there is time."""
    music = tmp_path / "music"
    music.mkdir()
    for i in range(FILES):
        (music / f"{i:03}.mid").write_text(f"piece {i}")
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    store, log = tmp_path / "store", tmp_path / "log"
    log.touch()
    features = [("numbers", Numbers(seconds=SECONDS, log=str(log)))]
    paths = [str(Path(__file__).parent), *sys.path]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    draw = random.Random(0)
    killed = 0
    while killed < KILLS:
        arguments = (music, store, log, JOBS, SECONDS)
        with subprocess.Popen(
            [sys.executable, script, *map(str, arguments)],
            stdout=subprocess.PIPE,
            env=environment,
            start_new_session=True,
        ) as run:
            assert run.stdout.readline() == b"ready\n"
            before = len(log.read_bytes())
            if draw.random() < 0.75:
                # Not before it computes: most of the time would go into starting.
                while len(log.read_bytes()) == before and run.poll() is None:
                    time.sleep(0.005)
            time.sleep(draw.uniform(0, FILES * SECONDS / JOBS / KILLS * 1.5))
            run.send_signal(signal.SIGKILL)
        killed += 1
        if run.returncode == 0:
            break  # it was quicker than we were
    left = extract(music, store, features=features, n_jobs=JOBS)
    assert left.complete
    computed = log.read_text().split()
    assert set(computed) == {f"{i:03}" for i in range(FILES)}
    assert len(computed) <= FILES + killed * IN_FLIGHT
    extract(music, tmp_path / "other", features=features, n_jobs=1)
    assert whole(store) == whole(tmp_path / "other")
    assert whole(store)[1] == FILES


def test_an_interrupt_keeps_what_is_done(tmp_path, monkeypatch):
    for i in range(30):
        (tmp_path / f"{i:02}.mid").write_text(f"piece {i}")
    features = [("numbers", Numbers())]
    store = tmp_path / "store"
    counted = []

    def tell(progress):
        counted.append(progress.rows)
        if progress.rows == 11:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Progress, "tell", tell)
        with pytest.raises(KeyboardInterrupt):
            extract(tmp_path, store, features=features)
    assert counted == list(range(1, 12))
    with Store.open(store) as opened:
        assert opened.info()["rows"] == 11
    rest = extract(tmp_path, store, features=features)
    assert (rest.rows, rest.up_to_date) == (19, 11)
