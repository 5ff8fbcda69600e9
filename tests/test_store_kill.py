"""A writer that is killed, or whose disk gives out, at any moment: nothing that it took is lost."""

import errno
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from stored import FEATURES, make, row, tell, told

from chordmer.errors import StoreError
from chordmer.store import Store, repair, verify

KILLS = 50 if os.environ.get("CHORDMER_SOAK") else 5
ROWS = 240


@pytest.fixture(autouse=True, scope="module")
def unflushed():
    """No power is lost here; to flush a busy disk takes minutes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda file: None)
        yield


#: Writes rows, says how many are taken in, seals and compacts now and then.
WRITER = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from stored import FEATURES, row
from chordmer.store import Store
store = Store.create_or_open(sys.argv[1], FEATURES, shard_rows=23)
done = sum(len(store.table(feature)) for feature in FEATURES) // 2
print(done, flush=True)
for number in range(done, {ROWS}, 3):
    some = range(number, min(number + 3, {ROWS}))
    store.append([row(n, f, shape=(1000,)) for n in some for f in FEATURES])
    print(some[-1] + 1, flush=True)
    if number % 90 == 0:
        store.compact()
store.close()
print("closed", flush=True)
"""


def taken(output):
    """How many rows the writer said were taken in."""
    lines = output.decode().rpartition("\n")[0].split()
    return ROWS if lines[-1:] == ["closed"] else int(lines[-1]) if lines else 0


def check(folder, count):
    """All rows up to `count` are there, as they were written, and no others but those in flight."""
    with Store.open(folder) as store:
        for feature in FEATURES:
            there = {r.id: tell(r) for r in store.rows(feature)}
            assert len(there) in range(count, count + 4)
            for n in range(len(there)):
                one = row(n, feature, shape=(1000,))
                assert there[one.id] == tell(one)


def test_a_writer_killed_at_random_moments_loses_nothing(tmp_path):
    folder, dice, count, kills = tmp_path / "store", random.Random(5), 0, 0
    for part in [dice.uniform(0.0, 0.4) for _ in range(KILLS)]:
        if count >= ROWS:
            shutil.rmtree(folder)
            count = 0
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, folder], stdout=subprocess.PIPE, bufsize=0
        )
        with writer:
            first = writer.stdout.read(1)  # It is open: from here on, it writes.
            time.sleep(part)
            writer.kill()
            output = first + writer.stdout.read()
        kills += writer.returncode == -signal.SIGKILL
        count = max(count, taken(output))
        if first:
            check(folder, count)
    assert kills > 0
    finish = subprocess.run([sys.executable, "-c", WRITER, folder], check=True, capture_output=True)
    assert finish.stdout.endswith(b"closed\n")
    check(folder, ROWS)
    assert verify(folder) == []
    with Store.open(folder) as store:
        found = store.hash()
    rows = [row(n, feature, shape=(1000,)) for n in range(ROWS) for feature in FEATURES]
    with Store.open(make(tmp_path / "other", rows)) as store:
        assert store.hash() == found


# --- each step fails in turn ---------------------------------------------------------------------

STEPS = ["open", "write", "fsync", "replace", "unlink", "ftruncate", "mkdir"]


class Disk:
    """Counts the calls that change the disk, and refuses one of them."""

    def __init__(self, monkeypatch, error=errno.ENOSPC):
        self.calls, self.fatal, self.half = 0, None, False
        for name in STEPS:
            monkeypatch.setattr(os, name, self.wrap(name, getattr(os, name), error))

    def wrap(self, name, real, error):
        def step(*args, **kwargs):
            reads = name == "open" and not args[1] & (os.O_WRONLY | os.O_RDWR)
            if not reads and not (name == "mkdir" and os.path.isdir(args[0])):
                self.calls += 1
                if self.calls == self.fatal:
                    if name == "write" and self.half:
                        real(args[0], bytes(args[1])[: len(args[1]) // 2])
                    raise OSError(error, os.strerror(error))
            return real(*args, **kwargs)

        return step


ONE = {"gtf": FEATURES["gtf"]}
OLD, NEW = [row(n) for n in range(4)], [row(4), row(5), row(3, salt="new")]


def work(folder, taken):
    """All that a writer does; `taken` is told of the rows that it took in."""
    with Store.create_or_open(folder, ONE, shard_rows=6) as store:
        for one in NEW:
            store.append([one])
            taken.append(one)
        store.compact()


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EIO])
def test_a_disk_that_gives_out_at_any_step_keeps_what_was_taken_in(tmp_path, monkeypatch, error):
    original = tmp_path / "original"
    with Store.create_or_open(original, ONE) as store:
        store.append(OLD)
    whole = shutil.copytree(original, tmp_path / "whole")
    with monkeypatch.context() as patch:
        disk = Disk(patch)
        work(whole, [])
    assert disk.calls > 30
    for fatal in range(1, disk.calls + 1, 1 if error == errno.ENOSPC else 9):
        folder, taken = shutil.copytree(original, tmp_path / f"store{fatal}"), []
        with monkeypatch.context() as patch:
            failing = Disk(patch, error)
            failing.fatal, failing.half = fatal, fatal % 2 == 0
            with pytest.raises(StoreError, match=os.strerror(error)) as caught:
                work(folder, taken)
        assert caught.value.source
        assert caught.value.stage
        # The row in flight may be there or not.
        expected = [told_of(OLD + NEW[: len(taken) + more]) for more in (0, 1)]
        assert {r[0]: r for r in told(Store.open(folder))} in expected
        work(folder, [])
        assert {r[0]: r for r in told(Store.open(folder))} == told_of(OLD + NEW)
        assert verify(folder) == []


def told_of(rows):
    """The newest row of each id."""
    return {r.id: tell(r) for r in rows}


def test_after_a_failure_no_more_rows_are_taken(tmp_path, monkeypatch):
    store = Store.create_or_open(tmp_path / "store", FEATURES)
    store.append([row(1)])
    with monkeypatch.context() as patch:
        disk = Disk(patch)
        disk.fatal, disk.half = 1, True
        with pytest.raises(StoreError, match=r"rows: journal: No space left"):
            store.append([row(2)])
    for change in (lambda: store.append([row(3)]), store.seal, store.compact):
        with pytest.raises(StoreError, match="open it again"):
            change()
    store.close()
    with Store.create_or_open(tmp_path / "store", FEATURES) as store:
        assert told(store) == [tell(row(1))]
        store.append([row(2)])
    assert verify(tmp_path / "store") == []


def test_a_file_that_may_not_grow_further(tmp_path):
    """The system itself refuses: a journal beyond 64 KiB."""
    folder = tmp_path / "store"
    code = f"""
import resource, signal, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from stored import FEATURES, row
from chordmer.errors import StoreError
from chordmer.store import Store
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = Store.create_or_open(sys.argv[1], FEATURES)
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, resource.RLIM_INFINITY))
try:
    for number in range(100):
        store.append([row(number, shape=(1000,))])
except StoreError as error:
    print(number, error.problem, error.stage)
"""
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    done = subprocess.run(
        [sys.executable, "-c", code, folder], capture_output=True, text=True, check=True
    )
    number, _, rest = done.stdout.partition(" ")
    assert rest == "File too large journal\n"
    with Store.create_or_open(folder, FEATURES) as store:
        assert len(store.table("gtf")) == int(number) > 10
    assert verify(folder) == []


def test_a_folder_that_vanishes(tmp_path):
    store = Store.create_or_open(tmp_path / "store", FEATURES)
    store.append([row(1)])
    shutil.rmtree(tmp_path / "store")
    with pytest.raises(StoreError, match="No such file"):
        store.seal()
    store.close()
    assert verify(tmp_path / "store")
    with pytest.raises(StoreError, match="No such file"):
        repair(tmp_path / "store")


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_an_export_that_fails_leaves_the_old_file(tmp_path, monkeypatch, ending):
    folder = make(tmp_path / "store", [row(1), row(2)])
    target = tmp_path / f"out.{ending}"
    target.write_text("old")
    store = Store.open(folder)
    for step in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os, step, lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
            with pytest.raises(StoreError, match=r"out.*export: full"):
                store.export(target, "gtf")
    assert target.read_text() == "old"
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([target.name, "store"])


def test_a_read_only_store_is_read_and_its_arrays_go_elsewhere(tmp_path, monkeypatch):
    folder = make(tmp_path / "store", [row(2), row(1)])
    real = os.open

    def frozen(path, flags, *args, **kwargs):
        if flags & (os.O_WRONLY | os.O_RDWR) and os.fspath(folder) in os.fspath(path):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return real(path, flags, *args, **kwargs)

    real_mkdir = os.mkdir

    def mkdir(path, *args, **kwargs):
        if os.fspath(folder) in os.fspath(path):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return real_mkdir(path, *args, **kwargs)

    monkeypatch.setattr(os, "open", frozen)
    monkeypatch.setattr(os, "mkdir", mkdir)
    store = Store.open(folder)
    assert len(store.table("gtf")) == 2
    assert verify(folder) == []
    with pytest.raises(StoreError, match="Read-only"):
        store.torch_dataset("gtf")
    with pytest.raises(StoreError, match="Read-only"):
        Store.create_or_open(folder, FEATURES)
    assert len(store.torch_dataset("gtf", cache=tmp_path / "cache")) == 2
