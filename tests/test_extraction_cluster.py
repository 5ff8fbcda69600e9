"""The cluster engine, with a real scheduler and real workers in processes of their own."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import numpy as np
import psutil
import pytest
from engine_tasks import behave, jobs, square

from chordmer.errors import ClusterError
from chordmer.extraction.cluster import run_cluster
from chordmer.extraction.jobs import Job
from chordmer.extraction.local import run_local

TESTS = Path(__file__).parent
SOAK = bool(os.environ.get("CHORDMER_SOAK"))


def dask(command, *options):
    search = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", ""), *sys.path])
    return subprocess.Popen(
        [sys.executable, "-m", f"distributed.cli.dask_{command}", "--no-dashboard", *options],
        env={**os.environ, "PYTHONPATH": search},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


class Cluster:
    """A scheduler on a port that was free, and the workers that were asked for."""

    def __init__(self, folder):
        self.folder = folder
        told = folder / "scheduler.json"
        options = ("--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(told))
        self.scheduler = dask("scheduler", *options)
        self.workers = []
        while True:
            assert self.scheduler.poll() is None
            try:
                self.address = json.loads(told.read_text())["address"]
                break
            except (OSError, ValueError):
                time.sleep(0.05)

    def join(self, *options):
        """Let a worker of one thread join."""
        place = ("--nthreads", "1", "--local-directory", str(self.folder))
        self.workers.append(dask("worker", self.address, *place, *options))
        return self.workers[-1]

    def end(self):
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()


@contextmanager
def cluster_in(folder):
    made = Cluster(folder)
    try:
        yield made
    finally:
        made.end()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """One worker under its nanny, and one without."""
    with cluster_in(tmp_path_factory.mktemp("cluster")) as made:
        made.join()
        made.join("--no-nanny")
        yield made


def run(cluster, *payloads, **options):
    """The ends of jobs, by position; that each has exactly one is asserted."""
    options = {"address": cluster.address, "timeout": 20.0, **options}
    ends = list(run_cluster(behave, jobs(*payloads), **options))
    assert sorted(end.job.position for end in ends) == list(range(len(payloads)))
    return sorted(ends, key=lambda end: end.job.position)


def kinds(ends):
    return [end.failure.kind if end.failure else "fine" for end in ends]


def test_of_2000_files_15_kill_and_5_hang(cluster):
    killers, hangers = set(range(50, 2000, 130)), set(range(7, 2000, 400))
    tries = 3 if SOAK else 1

    def payload(position):
        if position in killers:
            return "kill"
        return "hang" if position in hangers else ("value", position)

    ends = run(cluster, *map(payload, range(2000)), timeout=0.5, tries=tries)
    assert Counter(kinds(ends)) == {"fine": 1980, "crash": 15, "timeout": 5}
    for position, end in enumerate(ends):
        assert end.job == Job(position, payload(position))
        if position in killers:
            assert end.failure.message == "its process was killed by SIGKILL"
            assert end.failure.tries == tries
        elif position in hangers:
            assert end.failure.message == "took longer than 0.5 s"
        else:
            assert end.result == position


def test_ends_are_those_of_the_local_engine(cluster):
    payloads = ["bad file", "bug", ("exit", 3), "lambda", "wordless", ("value", lambda: None)]
    payloads += [("value", number) for number in range(50)]
    here = sorted(run_local(behave, jobs(*payloads)), key=lambda end: end.job.position)
    there = run(cluster, *payloads, batch_seconds=0.1)
    assert [end[1:] for end in here] == [end[1:] for end in there]


def test_large_arrays_arrive_as_they_left(cluster):
    ends = run(cluster, *(("frames", seed) for seed in range(10)))
    for seed, end in enumerate(ends):
        expected = np.random.default_rng(seed).standard_normal((2000, 128), dtype=np.float32)
        np.testing.assert_array_equal(end.result, expected)


def test_a_job_is_tried_so_often(cluster, tmp_path):
    once, always = tmp_path / "once", tmp_path / "always"
    ends = run(cluster, ("die once", once), ("die always", always), ("value", 1), tries=3)
    assert [end.result for end in ends] == ["alive", None, 1]
    assert ends[1].failure.tries == len(always.read_text()) == 3
    assert once.read_text() == "xx"


def test_a_client_that_leaves_takes_its_processes_with_it(cluster, tmp_path):
    before = {thread.name for thread in threading.enumerate()}
    payloads = (Job(n, ("note", tmp_path, ("value", 1) if n < 4 else "hang")) for n in count())
    ends = run_cluster(behave, payloads, address=cluster.address, batch_seconds=0.0)
    for _ in range(4):
        assert next(ends).failure is None
    ends.close()
    found = [int(file.name) for file in tmp_path.iterdir()]
    assert found
    while any(map(psutil.pid_exists, found)):
        time.sleep(0.1)
    assert {thread.name for thread in threading.enumerate()} <= before | {"Dask-Callback-Thread_0"}
    assert [end.result for end in run(cluster, ("value", 1))] == [1]


def test_a_task_that_workers_cannot_load_is_one_error_not_many(cluster):
    class Unknown:
        def __reduce__(self):
            return __import__, ("no_such_module",)

    with pytest.raises(ClusterError, match=r"cannot load the task.*no_such_module"):
        list(run_cluster(Unknown(), jobs(*range(1000)), address=cluster.address))


def test_one_worker_joins_late_and_one_is_killed_in_the_middle(tmp_path):
    with cluster_in(tmp_path) as made:
        first = made.join("--no-nanny")
        late = []
        served = set()

        def until_both_have_been_seen():
            for position in count():
                if late and late[0].pid in served and first.poll() is not None and after > 50:
                    return
                yield Job(position, "whose")

        positions, after = [], 0
        source = until_both_have_been_seen()
        for end in run_cluster(behave, source, address=made.address, batch_seconds=0.05):
            assert end.failure is None
            positions.append(end.job.position)
            served |= end.result[1]
            if len(positions) == 20:
                late.append(made.join("--no-nanny"))
            if late and late[0].pid in served and first.poll() is None:
                first.kill()
                first.wait()
            after += first.poll() is not None
        assert sorted(positions) == list(range(len(positions)))
        assert {first.pid, late[0].pid} <= served


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense://x", "127.0.0.1", ""])
def test_an_address_where_nobody_is(address):
    with pytest.raises(ClusterError, match="no Dask scheduler answers there") as caught:
        list(run_cluster(square, jobs(1), address=address))
    assert caught.value.stage == "connect"
    assert (caught.value.source or "") == address


def test_an_address_where_somebody_else_is():
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(ClusterError, match="no Dask scheduler answers there"):
            list(run_cluster(square, jobs(1), address=address))


def test_a_scheduler_that_dies_ends_the_run(tmp_path):
    with cluster_in(tmp_path) as made:
        made.join("--no-nanny")

        def until_the_end():
            for position in count():
                if position == 20:
                    made.scheduler.send_signal(signal.SIGKILL)
                yield Job(position, ("value", position))

        ends = run_cluster(behave, until_the_end(), address=made.address, batch_seconds=0.05)
        with pytest.raises(ClusterError, match="scheduler is gone"):
            list(ends)


@pytest.mark.parametrize("wrong", [{"tries": 0}, {"timeout": 0.0}, {"memory": 0}], ids=str)
def test_wrong_numbers_are_refused(cluster, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        list(run_cluster(square, jobs(1), address=cluster.address, **wrong))
