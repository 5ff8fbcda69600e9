"""music21 keeps parsed scores as pickles in a shared temporary folder, under predictable names.

Whoever may write there can have any code run by whoever parses a score of a known path.
"""

import os
import subprocess
import sys

import pytest
from test_score import KERN, musicxml, mxl

FILES = {
    "piece.mxl": mxl(musicxml()),
    "piece.krn": KERN.encode(),
}

#: Poisons what music21 would load in place of `source`, watches its folder, and reads the score.
CODE = """
import os, pickle, sys, zlib
from pathlib import Path
from music21 import converter, environment
from chordmer.io import read_symbolic

source, scratch, trace = (Path(argument) for argument in sys.argv[1:4])

class Poison:
    def __reduce__(self):
        return os.mkdir, (str(trace),)

cached = converter.PickleFilter(source).getPickleFp(zipType="gz")
assert cached.is_relative_to(scratch)
cached.write_bytes(zlib.compress(pickle.dumps(Poison(), protocol=4)))
later = source.stat().st_mtime + 60
os.utime(cached, (later, later))

touched = []
def watch(event, arguments):
    if event in ("open", "os.remove", "os.rename", "shutil.copyfile", "pickle.find_class"):
        name = str(arguments[0])
        if event == "pickle.find_class" or name.startswith(str(scratch)):
            touched.append((event, name))
sys.addaudithook(watch)
before = sorted(scratch.rglob("*")), cached.read_bytes()
touched.clear()
try:
    {parse}
except Exception as error:
    print(type(error).__name__)
print(touched)
print("unchanged" if (sorted(scratch.rglob("*")), cached.read_bytes()) == before else "changed")
"""


def watched(parse, source, folder):
    """Run `parse` in a process of its own with `folder` for temporary files; what was touched."""
    scratch, trace = folder / "scratch", folder / "trace"
    scratch.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", CODE.replace("{parse}", parse), source, scratch, trace],
        env=os.environ | {"HOME": str(scratch), "TMPDIR": str(scratch)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines(), trace.exists()


@pytest.mark.parametrize("name", FILES)
def test_the_cache_is_neither_read_nor_written(name, tmp_path):
    source = tmp_path / name
    source.write_bytes(FILES[name])
    said, poisoned = watched("assert len(read_symbolic(source).notes) > 0", source, tmp_path)
    assert said == ["[]", "unchanged"]
    assert not poisoned


def test_the_poison_would_have_worked(tmp_path):
    """What music21 does by itself: the test above could fail."""
    source = tmp_path / "piece.musicxml"
    source.write_bytes(musicxml())
    said, poisoned = watched("converter.parse(source)", source, tmp_path)
    assert poisoned
    assert "pickle.find_class" in said[-2]
