"""Files that want to hurt: what is opened at all, what it may cost, what compiled code touches."""

import os
import socket
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
from smf import END, chunk, header, note, on, smf, tempo, track

from chordmer.errors import MidiError
from chordmer.io import Limits, _compiled, read_midi, read_symbolic

GOOD = smf(note(60))
HERE = Path(__file__).parent


@pytest.mark.parametrize("read", [read_midi, read_symbolic])
class TestWhatIsNoRegularFile:
    def test_fifo(self, read, tmp_path):
        path = tmp_path / "pipe.mid"
        os.mkfifo(path)
        with pytest.raises(MidiError, match="not a regular file"):
            read(path)

    def test_folder(self, read, tmp_path):
        path = tmp_path / "folder.mid"
        path.mkdir()
        with pytest.raises(MidiError, match="not a regular file"):
            read(path)

    def test_socket(self, read, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)  # a socket's path is short
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind("s.mid")
            with pytest.raises(MidiError, match="not a regular file"):
                read("s.mid")

    @pytest.mark.parametrize("device", ["/dev/zero", "/dev/stdin", "/dev/null"])
    def test_device(self, read, device, tmp_path):
        path = tmp_path / "device.mid"
        path.symlink_to(device)
        with pytest.raises(MidiError, match=r"regular file|MIDI"):
            read(path)

    def test_missing(self, read, tmp_path):
        with pytest.raises(MidiError, match="cannot be opened: No such file") as caught:
            read(tmp_path / "none.mid")
        assert caught.value.source == str(tmp_path / "none.mid")

    def test_link_to_itself(self, read, tmp_path):
        path = tmp_path / "loop.mid"
        path.symlink_to(path)
        with pytest.raises(MidiError, match="cannot be opened"):
            read(path)

    def test_null_in_the_name(self, read):
        with pytest.raises(MidiError, match="cannot be opened"):
            read("a\0b.mid")

    def test_name_too_long(self, read):
        with pytest.raises(MidiError, match="cannot be opened"):
            read("a" * 10_000 + ".mid")

    def test_something_else(self, read):
        for source in (5, None, 1.5, object(), ["a.mid"], {}):
            with pytest.raises(MidiError, match="not a path"):
                read(source)


def test_a_fifo_put_in_the_place_of_a_file_is_opened_without_waiting(tmp_path, monkeypatch):
    path = tmp_path / "race.mid"
    os.mkfifo(path)
    monkeypatch.setattr(os, "stat", lambda _: os.lstat(HERE / "smf.py"))
    with pytest.raises(MidiError, match="not a regular file"):
        read_midi(path)


def test_a_huge_file_is_refused_before_it_is_read(tmp_path, monkeypatch):
    path = tmp_path / "huge.mid"
    with open(path, "wb") as file:
        file.truncate(1 << 40)
    monkeypatch.setattr(os, "read", None)
    with pytest.raises(MidiError, match="larger than 16777216 bytes") as caught:
        read_midi(path)
    assert caught.value.stage == "size"
    assert caught.value.value == 1 << 40


def test_a_file_that_grows_is_read_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "grows.mid"
    path.write_bytes(GOOD)
    read = os.read

    def grow(handle, size):
        with open(path, "ab") as file:
            file.write(b"\0" * 1000)
        return read(handle, size)

    monkeypatch.setattr(os, "read", grow)
    assert read_midi(path).report.counts == {}


def test_a_file_that_is_read_in_pieces_is_read_whole(tmp_path, monkeypatch):
    path = tmp_path / "slow.mid"
    path.write_bytes(GOOD)
    read = os.read
    monkeypatch.setattr(os, "read", lambda handle, size: read(handle, min(size, 7)))
    assert len(read_midi(path).notes) == 1


#: Small files that claim much.
CLAIMS = {
    "65,535 tracks": header(1, 65535) + track(note(60)),
    "4 GiB of track": header() + chunk(note(60) + END, length=0xFFFFFFFF),
    "256 MiB of text": smf(note(60), b"\0\xff\x01\xff\xff\xff\x7f"),
    "256 MiB of sysex": smf(note(60), b"\0\xf0\xff\xff\xff\x7f"),
    "4 GiB of header": b"MThd\xff\xff\xff\xff" + GOOD[8:],
    "4 GiB of alien": GOOD + b"XFIH\xff\xff\xff\xff",
    "4 GiB of RIFF": b"RIFF\xff\xff\xff\xffRMIDdata\xff\xff\xff\xff" + GOOD,
    "4 GiB before the RIFF data": b"RIFF\xff\xff\xff\xffRMIDdisp\xff\xff\xff\xff" + GOOD,
    "2**28 ticks": smf(on(60), b"\xff\xff\xff\x7f\x80\x3c\0", tempo(1)),
}


@pytest.mark.parametrize("plain_bytes", [1 << 40, -1], ids=["plain", "compiled"])
@pytest.mark.parametrize("data", CLAIMS.values(), ids=CLAIMS)
def test_memory_follows_the_size_of_a_file_not_its_claims(data, plain_bytes, monkeypatch):
    monkeypatch.setattr(_compiled, "_PLAIN_BYTES", plain_bytes)
    read_midi(GOOD)  # compile outside of the measurement
    tracemalloc.start()
    try:
        read_midi(data)
    except MidiError:
        pass
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 400_000


#: Megabytes of the shortest events there are.
MEGABYTES = {
    "notes beyond the cap": chunk(b"\0\x90\x3c\x40" + b"\0\x3c\x40" * 600_000 + END),
    "notes never closed": chunk(b"\0\x90\x3c\x40" + b"\0\x3c\x40" * 400_000 + END),
    "programs": chunk(b"\0\xc0\5" + b"\0\5" * 700_000 + END),
    "tempi": chunk(tempo(9) * 200_000 + note(60) + END),
    "tempi at ticks of their own": chunk(note(60) + tempo(9, 1) * 200_000 + END),
    "pedals": chunk(note(60) + b"\0\xb0\x40\x7f" + b"\1\x40\0\0\x40\x7f" * 300_000 + END),
    "texts": chunk(note(60) + b"\0\xff\1\1a" * 200_000 + END),
    "empty tracks": track(note(60)) + b"MTrk\0\0\0\0" * 1000,
    "too many tracks": b"MTrk\0\0\0\4\0\xff\x2f\0" * 100_000,
    "junk": b"MTr" * 500_000,
}


@pytest.mark.parametrize("body", MEGABYTES.values(), ids=MEGABYTES)
def test_megabytes_of_the_worst_end(body):
    data = header(1, 1) + body
    try:
        piece = read_midi(data, pedal=True)
    except MidiError:
        return
    assert len(piece.notes) <= Limits().notes
    assert len(piece.texts) <= 200_000


def test_the_caps_are_those_that_are_documented():
    assert Limits() == Limits(16 << 20, 1024, 500_000, 6.0, 1 << 20, 32 << 20, 100.0)


def test_compiled_code_stays_within_its_arrays(tmp_path):
    """The same cases with numba's bounds checks on: an index out of bounds would raise."""
    cases = [f"tests/{name}.py" for name in ("test_midi_verdicts", "test_midi_rules")]
    checked = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-k", "compiled", *cases],
        cwd=HERE.parent,
        env=os.environ | {"NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert checked.returncode == 0, checked.stdout
    assert list(tmp_path.rglob("*.nbi"))


def test_a_folder_that_cannot_be_written_is_no_obstacle(monkeypatch):
    def no_folder(*, cache=False, **options):
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return lambda function: function

    import numba

    monkeypatch.setattr(numba, "njit", no_folder)
    assert _compiled.compiled.__wrapped__(len) is len


def test_one_small_file_is_read_without_numba():
    code = (
        "import sys; from chordmer.io import read_symbolic\n"
        f"piece = read_symbolic({GOOD!r}); assert len(piece.notes) == 1\n"
        "print(*{'numba', 'music21', 'pretty_midi', 'symusic', 'scipy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_many_files_are_read_by_compiled_code(monkeypatch):
    monkeypatch.setattr(_compiled, "_bytes_read", 0)
    data = GOOD + b"\0" * 100_000
    choices = [_compiled.worth_compiling(len(data)) for _ in range(10)]
    assert choices == sorted(choices)
    assert not choices[0]
    assert choices[-1]
