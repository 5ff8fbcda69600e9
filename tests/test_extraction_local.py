"""The local engine: whatever a file does to a process, every job has one end, and no other."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from itertools import count
from multiprocessing import active_children
from pathlib import Path

import numpy as np
import psutil
import pytest
from engine_tasks import Obstinate, behave, jobs, nap, square
from hypothesis import given, settings
from hypothesis import strategies as st

from chordmer.errors import ClusterError
from chordmer.extraction.jobs import Job
from chordmer.extraction.local import run_local
from chordmer.extraction.pace import Pace

TESTS = Path(__file__).parent


def run(*payloads, **options):
    """The ends of jobs, by position; that each has exactly one is asserted."""
    ends = list(run_local(behave, jobs(*payloads), **{"timeout": 20.0, **options}))
    assert sorted(end.job.position for end in ends) == list(range(len(payloads)))
    return sorted(ends, key=lambda end: end.job.position)


def kinds(ends):
    return [end.failure.kind if end.failure else "fine" for end in ends]


def test_of_2000_files_15_kill_and_5_hang():
    killers, hangers = set(range(50, 2000, 130)), set(range(7, 2000, 400))
    assert (len(killers), len(hangers)) == (15, 5)

    def payload(position):
        if position in killers:
            return "kill"
        return "hang" if position in hangers else ("value", position)

    ends = run(*map(payload, range(2000)), n_jobs=2, timeout=0.5)
    assert Counter(kinds(ends)) == {"fine": 1980, "crash": 15, "timeout": 5}
    for position, end in enumerate(ends):
        assert end.job == Job(position, payload(position))
        if position in killers:
            assert end.failure.message == "its process was killed by SIGKILL"
        elif position in hangers:
            assert end.failure.message == "took longer than 0.5 s"
        else:
            assert end.result == position
    assert not active_children()


@given(
    st.lists(
        st.sampled_from(["value"] * 6 + ["kill", "segfault", "leave", "exit", "bug", "lambda"]),
        max_size=30,
    ),
    st.integers(1, 3),
    st.sampled_from([0.0, 0.2]),
)
@settings(max_examples=8)
def test_each_job_ends_as_it_does_alone(deeds, n_jobs, batch_seconds):
    alone = {
        "value": "fine",
        "kill": "crash",
        "segfault": "crash",
        "leave": "crash",
        "exit": "SystemExit",
        "bug": "KeyError",
        "lambda": "fails to travel",
    }
    given_payloads = [(deed, 3) if deed in {"value", "leave", "exit"} else deed for deed in deeds]
    ends = run(*given_payloads, n_jobs=n_jobs, batch_seconds=batch_seconds)
    for deed, kind, end in zip(deeds, kinds(ends), ends):
        if deed == "lambda":
            assert (kind, end.failure.stage) != ("fine", None)
            assert end.failure.stage == "result"
        else:
            assert kind == alone[deed]


@pytest.mark.parametrize("n_jobs", [1, 2, 4])
def test_results_are_the_same_with_any_number_of_workers(n_jobs):
    ends = list(run_local(square, jobs(*range(500)), n_jobs=n_jobs))
    assert {end.job.payload: end.result for end in ends} == {n: n * n for n in range(500)}


def test_what_goes_wrong_is_put_into_words():
    ends = run(
        *("bad file", "bug", "wordless", ("exit", 3), ("leave", 3), "segfault", "obstinate"),
        ("value", Obstinate()),
        ("value", lambda: None),
    )
    failures = [(end.failure.kind, end.failure.stage, end.failure.message) for end in ends]
    assert failures[:7] == [
        ("MidiError", "header", "song.mid: header: is \\x1b[31m not one (found 3)"),
        ("KeyError", "internal", "'nobody thought of this'"),
        ("Wordless", "internal", "an error that cannot be put into words"),
        ("SystemExit", "internal", "3"),
        ("crash", "worker", "its process ended with exit code 3"),
        ("crash", "worker", "its process was killed by SIGSEGV"),
        ("RuntimeError", "result", "cannot be unpacked"),
    ]
    assert failures[7] == ("RuntimeError", "payload", "cannot be unpacked")
    assert failures[8][1] == "payload"
    assert {end.failure.tries for end in ends} == {1}


def test_a_worker_that_leaves_in_peace_with_its_work_undone_is_found_out():
    ends = run(("leave", 0), ("value", 1), timeout=1.0)
    assert kinds(ends) == ["timeout", "fine"]


def test_a_hang_is_ended_even_where_nothing_listens():
    ends = run("hang in C", "hang deaf", ("value", 1), timeout=1.0, n_jobs=2)
    assert kinds(ends) == ["timeout", "timeout", "fine"]


def test_a_worker_has_so_much_memory_and_no_more():
    ends = run(("eat", 8), ("value", 1), ("eat", 8), memory=2 << 30)
    assert kinds(ends) == ["memory", "fine", "memory"]
    assert ends[0].failure == ends[2].failure


def test_nothing_that_a_worker_says_reaches_the_terminal(capfd):
    assert [end.result for end in run("shout", ("value", 1))] == ["hoarse", 1]
    assert capfd.readouterr() == ("", "")


def test_a_worker_counts_on_one_thread_and_reads_nothing():
    (end,) = run("surroundings")
    assert end.result["threads"] <= {1}
    assert end.result["stdin"] == b""
    assert end.result["environment"] == "1"


def test_large_arrays_arrive_as_they_left():
    ends = run(*(("frames", seed) for seed in range(20)), n_jobs=2)
    for seed, end in enumerate(ends):
        expected = np.random.default_rng(seed).standard_normal((2000, 128), dtype=np.float32)
        np.testing.assert_array_equal(end.result, expected)


def test_a_job_is_tried_so_often(tmp_path):
    once, always = tmp_path / "once", tmp_path / "always"
    ends = run(("die once", once), ("die always", always), ("value", 1), tries=3)
    assert [end.result for end in ends] == ["alive", None, 1]
    # A worker that dies before it was seen to begin is not counted, up to three times.
    assert ends[1].failure.tries == 3 <= len(always.read_text()) <= 6
    assert 2 <= len(once.read_text()) <= 5
    (end,) = run(("die always", tmp_path / "one"))
    assert end.failure.tries == 1 <= len((tmp_path / "one").read_text()) <= 4


def test_workers_are_replaced_after_so_many_batches():
    payloads = ["process"] * 30
    alike = run(*payloads, batch_seconds=0.0, recycle=0)
    assert len({end.result for end in alike}) == 1
    ends = run(*payloads, batch_seconds=0.0, recycle=7)
    assert len({end.result for end in ends}) >= 30 // 7


def test_an_endless_source_is_asked_for_what_is_worked_on_and_in_this_thread():
    drawn = []

    def endless():
        for position in count():
            drawn.append(threading.get_ident())
            yield Job(position, 0.001)

    ends = run_local(nap, endless(), n_jobs=2, batch_seconds=0.02)
    for done in range(1, 500):
        next(ends)
        assert len(drawn) - done <= 2 * 2 * 20 + 20
    ends.close()
    assert set(drawn) == {threading.get_ident()}
    assert not active_children()


def test_a_worker_killed_while_it_waits_is_replaced():
    def slow():
        yield Job(0, "process")
        yield Job(1, "process")
        while len(seen) < 2:
            yield Job(len(seen) + 2, ("value", None))
        os.kill(seen[0], signal.SIGKILL)
        time.sleep(0.5)
        yield Job(1000, "process")

    seen = []
    for end in run_local(behave, slow(), batch_seconds=0.0):
        assert end.failure is None
        if isinstance(end.result, int):
            seen.append(end.result)
    assert seen[0] == seen[1] != seen[2]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_worker_that_dies_while_it_sends_hurts_no_other_job():
    delays = [0.0, 0.005, 0.01, 0.02, 0.03, 0.05, 0.08, 0.1]
    ends = run(*(("die sending", delay) for delay in delays), *[("value", 1)] * 20, n_jobs=2)
    assert set(kinds(ends[: len(delays)])) <= {"fine", "crash"}
    assert kinds(ends[len(delays) :]) == ["fine"] * 20


def test_a_source_that_breaks_ends_the_run_and_all_workers():
    def broken():
        yield Job(0, ("value", 1))
        raise OSError("the list ends here")

    with pytest.raises(OSError, match="the list ends here"):
        list(run_local(behave, broken()))
    assert not active_children()


class Unknown:
    """A task that only this module has, and that no worker can import."""

    def __call__(self, payload):
        return payload

    def __reduce__(self):
        return __import__, ("no_such_module",)


def test_a_task_that_workers_cannot_load_is_one_error_not_many():
    with pytest.raises(ClusterError, match=r"cannot load the task.*no_such_module"):
        list(run_local(Unknown(), jobs(*range(1000)), n_jobs=2))
    assert not active_children()


@pytest.mark.parametrize(
    "wrong",
    [
        {"n_jobs": 0},
        {"tries": 0},
        {"timeout": 0.0},
        {"timeout": float("nan")},
        {"memory": 0},
        {"recycle": -1},
        {"batch_seconds": -1.0},
    ],
    ids=str,
)
def test_wrong_numbers_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        list(run_local(square, [], **wrong))


def test_no_jobs_have_no_ends():
    assert list(run_local(square, [])) == []


@given(st.lists(st.tuples(st.integers(0, 1000), st.floats(0, 1e3)), max_size=50))
def test_batches_keep_within_bounds(history):
    pace = Pace(0.2)
    for done, seconds in history:
        before = pace.size
        pace.learn(done, seconds)
        assert 1 <= pace.size <= min(1000, 4 * before)


# --- the end of the process that started it all ---------------------------------------------------

SCRIPT = """
import sys
from engine_tasks import behave, jobs
from chordmer.extraction.local import run_local

def main(folder, deed):
    print("begins", flush=True)
    for end in run_local(behave, jobs(*[("note", folder, deed)] * 200), n_jobs=2, timeout=3.0):
        print(end, flush=True)

if {guard}:
    main(*sys.argv[1:])
"""


def start(tmp_path, deed, guard='__name__ == "__main__"'):
    (tmp_path / "script.py").write_text(SCRIPT.replace("{guard}", guard))
    noted = tmp_path / "noted"
    noted.mkdir()
    search = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", ""), *sys.path])
    process = subprocess.Popen(
        [sys.executable, tmp_path / "script.py", noted, deed],
        env={**os.environ, "PYTHONPATH": search},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # What a shell starts in the background inherits that this signal is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    return process, noted


@pytest.mark.parametrize(
    ("deed", "sent"),
    [
        ("hang", signal.SIGINT),
        ("hang", signal.SIGTERM),
        ("hang", signal.SIGKILL),
        ("hang in C", signal.SIGKILL),
    ],
)
def test_no_worker_outlives_the_process_that_started_it(tmp_path, deed, sent):
    process, noted = start(tmp_path, deed)
    try:
        while len(list(noted.iterdir())) < 2:
            assert process.poll() is None
            time.sleep(0.05)
        descendants = psutil.Process(process.pid).children(recursive=True)
        assert len(descendants) >= 2
        process.send_signal(sent)
        process.communicate(timeout=60)
        assert process.returncode != 0
        _, alive = psutil.wait_procs(descendants, timeout=60)
        assert not alive
    finally:
        process.kill()


def test_a_script_without_a_guard_is_told(tmp_path):
    process, _ = start(tmp_path, "process", guard="True")
    _, said = process.communicate(timeout=100)
    assert process.returncode == 1
    assert "ClusterError: workers: the workers die before they begin" in said
    assert '`if __name__ == "__main__":`' in said
