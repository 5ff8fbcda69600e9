"""The command line: what a user types and what comes back."""

import json
import os
import subprocess
import sys

import pytest

import chordmer
from chordmer.cli import main

PIECE = str(chordmer.example())


@pytest.fixture
def folder(tmp_path):
    """Two good files and a bad one, one of them in a folder below."""
    good = chordmer.example().read_bytes()
    (tmp_path / "below").mkdir()
    (tmp_path / "a.mid").write_bytes(good)
    (tmp_path / "b.mid").write_bytes(b"MThd, but nothing else")
    (tmp_path / "below" / "c.MID").write_bytes(good)
    (tmp_path / "notes.txt").write_text("not music")
    return tmp_path


def test_one_file_is_told_in_words(capsys):
    assert main(["predict", PIECE]) == 0
    told = capsys.readouterr().out
    emotion = chordmer.predict(PIECE)
    assert told == f"{emotion}\n"
    assert f"{emotion.quadrant} " in told
    assert told.count("\n") > len(emotion.curve)


def test_json_of_one_file_is_what_to_dict_says(capsys):
    assert main(["predict", PIECE, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == chordmer.predict(PIECE).to_dict()


def test_json_of_several_files_is_a_list(capsys):
    assert main(["predict", PIECE, PIECE, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == [chordmer.predict(PIECE).to_dict()] * 2


def test_a_bad_file_is_reported_and_the_rest_goes_on(folder, capsys):
    assert main(["predict", str(folder), "--json"]) == 1
    out, err = capsys.readouterr()
    told = json.loads(out)
    assert [os.path.basename(item["source"]) for item in told] == ["a.mid", "b.mid", "c.MID"]
    assert [("error" in item) for item in told] == [False, True, False]
    assert told[1]["error"]["kind"] == "MidiError"
    assert "b.mid" in told[1]["error"]["message"]
    assert err.count("\n") == 1
    assert "b.mid" in err


def test_in_words_a_bad_file_goes_to_standard_error(folder, capsys):
    assert main(["predict", str(folder / "b.mid"), PIECE]) == 1
    out, err = capsys.readouterr()
    assert "b.mid" in err
    assert "b.mid" not in out
    assert "schubert_gute_nacht.mid" in out


@pytest.mark.parametrize("name", ["gone.mid", "song.wav", "song.xyz", "x\x1b[31m.mid"])
def test_what_cannot_be_read_is_one_clean_line(name, tmp_path, capsys):
    assert main(["predict", str(tmp_path / name)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("chordmer: ")
    assert err.count("\n") == 1
    assert "\x1b" not in err


def test_an_empty_folder_is_an_error(tmp_path, capsys):
    assert main(["predict", str(tmp_path)]) == 1
    assert "no MIDI file or score" in capsys.readouterr().err
    assert main(["predict", str(tmp_path), "--json"]) == 1
    assert "error" in json.loads(capsys.readouterr().out)[0]


def test_windows_follow_the_options(capsys):
    main(["predict", PIECE, "--json", "--window", "20", "--hop", "10"])
    curve = json.loads(capsys.readouterr().out)["curve"]
    assert curve["times"][:3] == [0.0, 10.0, 20.0]
    assert curve["ends"][0] == 20.0


@pytest.mark.parametrize(
    "arguments", [[], ["predict"], ["predict", "x.mid", "--window", "0"], ["no-such-command"]]
)
def test_misuse_is_exit_code_two(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert "usage: chordmer" in capsys.readouterr().err


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_plot_writes_a_picture(ending, tmp_path, capsys):
    picture = tmp_path / f"emotion.{ending}"
    assert main(["predict", PIECE, "--plot", str(picture)]) == 0
    start = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[ending]
    assert picture.read_bytes().startswith(start)


def test_plot_of_several_files_fills_a_folder(folder, tmp_path, capsys):
    out = tmp_path / "pictures"
    assert main(["predict", str(folder), "--plot", str(out)]) == 1
    assert sorted(p.name for p in out.iterdir()) == ["a.mid.png", "c.MID.png"]


def test_plot_that_cannot_be_written_is_an_error(tmp_path, capsys):
    assert main(["predict", PIECE, "--plot", str(tmp_path / "no" / "folder.png")]) == 1
    assert "cannot be written" in capsys.readouterr().err
    assert main(["predict", PIECE, "--plot", str(tmp_path / "emotion.xyz")]) == 1
    assert ".png" in capsys.readouterr().err


def test_the_installed_command_needs_no_heavy_package():
    """`chordmer predict` on one file answers with numpy alone: that is why it is quick."""
    code = (
        f"import sys; from chordmer.cli import main; main(['predict', {PIECE!r}, '--json']);"
        "print(*sorted(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stderr.split())
    heavy = {"sklearn", "scipy", "numba", "gensim", "torch", "music21", "matplotlib", "pretty_midi"}
    assert loaded & heavy == set()
    assert json.loads(done.stdout)["quadrant"] in {"Q1", "Q2", "Q3", "Q4"}


def test_version(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"chordmer {chordmer.__version__}\n"
