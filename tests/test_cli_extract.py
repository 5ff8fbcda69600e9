"""`chordmer extract` and `chordmer store`."""

import csv
import io
import json
import os
import shutil
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

import chordmer
from chordmer import extraction
from chordmer.cli import main
from chordmer.extraction import Summary
from chordmer.extraction.progress import Progress
from chordmer.store import Store

PIECE = Path(chordmer.example())
#: Names that would do something where they are shown raw.
NAMES = [
    "\x1b[2J\x1b]0;owned\x07",
    "<img src=x onerror=alert(1)>",
    "=HYPERLINK(A1)",
    "+1+cmd|' ",
    "@SUM(1)",
    "-2+3",
    "line\nbreak\rand\ttab",
    "\U0001d11e 4 bytes",
    "right\u202eto left",
    os.fsdecode(b"latin1 \xff\xfe"),
]


@pytest.fixture(scope="module")
def extracted(tmp_path_factory):
    """A catalogue of well-named files, odd ones among them, its store, and what was said of it."""
    folder = tmp_path_factory.mktemp("extracted")
    music = folder / "music"
    music.mkdir()
    for name in ("one", "two"):
        shutil.copy(PIECE, music / f"{name}.mid")
    for name in NAMES:
        (music / f"{name}.mid").write_bytes(b"not music")
    out = io.StringIO()
    with redirect_stdout(out), redirect_stderr(out):
        assert main(["extract", str(music), "-o", str(folder / "store"), "--jobs", "1"]) == 1
    return music, folder / "store", out.getvalue()


def safe(text):
    """Return a text that was printed; nothing raw is ever in it."""
    for line in text.split("\n"):
        assert line.replace("\t", "").isprintable()
    return text


def call(capfd, *arguments):
    """The exit code of a command, and what it printed."""
    code = main([str(argument) for argument in arguments])
    out, err = capfd.readouterr()
    return code, safe(out), safe(err)


def test_the_command_fills_a_store_and_goes_on(extracted, capfd):
    music, store, out = extracted
    assert f"2 rows computed, 0 up to date, {len(NAMES)} failed" in safe(out)
    assert f"MidiError {len(NAMES):9}" in out
    assert "store:" in out
    code, out, err = call(capfd, "extract", music, "-o", store, "--jobs", "1", "--quiet")
    assert (code, err) == (1, "")
    assert "0 rows computed, 2 up to date, 0 failed" in out
    assert f"{len(NAMES)} failed before" in out
    code, out, _ = call(capfd, "extract", music / "one.mid", "-o", store, "--quiet")
    assert code == 0
    assert "1 up to date" in out


def test_a_store_is_looked_into(extracted, capfd, tmp_path):
    _, store, _ = extracted
    code, out, _ = call(capfd, "store", "info", store)
    assert code == 0
    assert f"symbolic: {len(NAMES) + 2} rows, {len(NAMES)} of them failed" in out
    with Store.open(store) as opened:
        assert f"hash: {opened.hash()}" in out
    assert call(capfd, "store", "verify", store)[0] == 0
    code, out, _ = call(capfd, "store", "errors", store)
    lines = [line.split("\t") for line in out.splitlines()]
    assert code == 0
    assert len(lines) == len(NAMES)
    assert {tuple(line[:2]) for line in lines} == {("MidiError", "symbolic")}
    broken = tmp_path / "broken"
    shutil.copytree(store, broken)
    [shard] = broken.glob("feature=symbolic/*.parquet")
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    code, out, _ = call(capfd, "store", "verify", broken)
    assert code == 1
    assert shard.name in out
    code, out, _ = call(capfd, "store", "repair", broken)
    assert code == 0
    assert shard.name in out
    assert call(capfd, "store", "verify", broken)[0] == 0
    assert call(capfd, "store", "info", tmp_path / "none")[0] == 1


def test_nothing_in_an_exported_table_is_run_by_a_spreadsheet(extracted, capfd, tmp_path):
    _, store, _ = extracted
    file = tmp_path / "out.csv"
    assert call(capfd, "store", "export", store, "--feature", "symbolic", "-o", file)[0] == 0
    with file.open(newline="", encoding="utf-8") as opened:
        rows = list(csv.reader(opened))
    assert len(rows) == len(NAMES) + 3
    for row in rows[1:]:
        for cell in row:
            if cell[:1] in ("=", "+", "@", "-"):
                float(cell)  # a number, or else a formula
            assert "\x1b" not in cell
    code, _, err = call(capfd, "store", "export", store, "--feature", "gtf", "-o", file)
    assert code == 1
    assert "symbolic" in err
    lines = tmp_path / "out.jsonl"
    assert call(capfd, "store", "export", store, "--feature", "symbolic", "-o", lines)[0] == 0
    assert len([json.loads(line) for line in lines.read_text().splitlines()]) == len(rows) - 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["extract", "music"],
        ["extract", "-o", "store"],
        ["extract", "music", "-o", "store", "--features", "none"],
        ["extract", "music", "-o", "store", "--features", ","],
        ["extract", "music", "-o", "store", "--jobs", "0"],
        ["extract", "music", "-o", "store", "--timeout", "0"],
        ["extract", "music", "-o", "store", "--memory", "0.1"],
        ["extract", "music", "-o", "store", "--cluster", "tcp://x:1", "--jobs", "2"],
        ["store"],
        ["store", "burn", "store"],
        ["store", "export", "store"],
    ],
)
def test_misuse_ends_with_2(arguments, capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert not Path("store").exists()


def test_what_cannot_be_begun_ends_with_1(capfd, tmp_path):
    code, _, err = call(capfd, "extract", tmp_path / "none", "-o", tmp_path / "store")
    assert code == 1
    assert err.startswith("chordmer: ")
    (tmp_path / "labels.csv").write_text("a,b\n1,2")
    code, _, err = call(capfd, "extract", tmp_path / "labels.csv", "-o", tmp_path / "store")
    assert code == 1
    assert "no manifest" in err


def test_options_reach_the_extraction(monkeypatch, capfd):
    asked = {}

    def extract(source, store, **options):
        asked.update(options, source=source, store=store)
        return Summary(rows=1)

    monkeypatch.setattr(extraction, "extract", extract)
    line = "extract m -o s --features gtf,mel_frames --cluster tcp://x:1 --timeout 5 --memory 0"
    assert call(capfd, *line.split(), "--chord2vec", "c", "--retry-failed", "--quiet")[0] == 0
    assert asked == {
        **{"source": "m", "store": "s", "features": ("gtf", "mel_frames"), "n_jobs": 1},
        **{"cluster": "tcp://x:1", "timeout": 5.0, "memory": None, "chord2vec": "c"},
        **{"retry_failed": True, "verbose": False},
    }
    assert call(capfd, "extract", "m", "-o", "s", "--memory", "2")[0] == 0
    assert asked["features"] == ("symbolic", "descriptors")
    assert asked["memory"] == 2 << 30
    assert asked["n_jobs"] >= 1
    monkeypatch.setattr(extraction, "extract", lambda *_, **__: Summary(failed_before=1))
    assert call(capfd, "extract", "m", "-o", "s")[0] == 1


def test_an_interrupt_ends_with_130_and_says_what_is_kept(monkeypatch, capfd):
    def extract(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(extraction, "extract", extract)
    code, _, err = call(capfd, "extract", "m", "-o", "s")
    assert code == 130
    assert "is kept" in err


class Clock:
    def __init__(self, monkeypatch):
        self.now = 0.0
        monkeypatch.setattr("chordmer.extraction.progress.time.monotonic", lambda: self.now)


def test_progress_is_told_in_lines_or_as_a_bar(monkeypatch, capfd):
    clock = Clock(monkeypatch)
    for terminal in (False, True):
        monkeypatch.setattr(sys.stderr, "isatty", lambda terminal=terminal: terminal)
        progress = Progress(lambda: iter(range(400)), verbose=True)
        progress._count()
        for _ in range(100):
            clock.now += 1.0
            progress.tracks += 2
            progress.tell()
        progress.fail("MidiError", "x")
        err = capfd.readouterr().err
        lines = err.split("\r\x1b[K")[1:] if terminal else err.splitlines()
        assert len(lines) == (100 if terminal else 3)
        last = "200 of 400 (50%) [##########          ] tracks" if terminal else "180 of 400 (45%)"
        assert lines[-1].startswith(last)
        assert "2.0/s" in lines[-1]
        assert ("1 min 40 s left" if terminal else "1 min 50 s left") in lines[-1]


def test_a_summary_shows_each_kind_with_an_example():
    progress = Progress(lambda: iter(()), verbose=False)
    for number in range(3):
        progress.fail("timeout", f"{number}\x1b[0m\n: took longer")
    progress.fail("crash", "x: killed")
    text = str(progress.summary())
    assert text.splitlines()[1].split() == ["timeout", "3", "0\\x1b[0m\\n:", "took", "longer"]
    assert text.splitlines()[2].split() == ["crash", "1", "x:", "killed"]
