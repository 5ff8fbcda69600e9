"""The table of tracks: what it says, and what is wrong with it, by row and column."""

import os

import numpy as np
import pytest
from corpora import bundled_midi
from hypothesis import given
from hypothesis import strategies as st

from chordmer.errors import ChordmerError
from chordmer.manifest import LONGEST_CELL, read_manifest

MIDI = bundled_midi()[0].read_bytes()


@pytest.fixture
def folder(tmp_path):
    """A folder with files that a manifest can name."""
    (tmp_path / "songs").mkdir()
    for name in ("a.mid", "b.mid", "songs/c.mid"):
        (tmp_path / name).write_bytes(MIDI)
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    (tmp_path / "a.txt").write_text("la la")
    return tmp_path


def write(folder, text, encoding="utf-8"):
    path = folder / "table.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return path


GOOD = """\
id,symbolic,audio,lyrics,label,valence,arousal,dominance,group,split
one,a.mid,a.wav,a.txt,Q1,0.5,-1,0.25,x,train
two,songs/c.mid,,,Q3,-1e-1,1,0,,TEST
three,,,a.txt,Q4,0,0,0,x,val
"""


def test_every_column_is_read(folder):
    manifest = read_manifest(write(folder, GOOD))
    assert len(manifest) == 3
    one, two, three = manifest.tracks
    assert (one.id, one.group) == ("one", "x")
    assert (one.symbolic, one.audio, one.lyrics) == (
        folder / "a.mid",
        folder / "a.wav",
        folder / "a.txt",
    )
    assert (two.symbolic, two.audio, two.group) == (folder / "songs" / "c.mid", None, None)
    assert three.symbolic is None
    assert manifest.labels == ["Q1", "Q3", "Q4"]
    assert manifest.split == ["train", "test", "valid"]
    assert list(manifest.dimensions) == ["valence", "arousal", "dominance"]
    np.testing.assert_array_equal(manifest.dimensions["valence"], [0.5, -0.1, 0])


def test_ids_may_begin_with_a_hyphen(folder):
    manifest = read_manifest(write(folder, "id,symbolic,label,group\n-1,a.mid,x,--2B4d4lQ\n"))
    assert (manifest.tracks[0].id, manifest.tracks[0].group) == ("-1", "--2B4d4lQ")


def test_few_columns_will_do(folder):
    manifest = read_manifest(write(folder, "symbolic,ID,Label\na.mid,one,happy\n"))
    assert manifest.labels == ["happy"]
    assert manifest.split is None
    assert manifest.dimensions == {}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_what_spreadsheets_write_is_read(folder, encoding, ends):
    text = 'id;symbolic;valence\n"Frühling; früh";a.mid;-0,5\n;;\n\nzwei;b.mid;1\n'
    manifest = read_manifest(write(folder, text.replace("\n", ends), encoding))
    assert [track.id for track in manifest.tracks] == ["Frühling; früh", "zwei"]
    np.testing.assert_array_equal(manifest.dimensions["valence"], [-0.5, 1])


def test_tabs_and_paths_elsewhere(folder):
    (folder / "tables").mkdir()
    text = f"id\tsymbolic\tlabel\n1\t../a.mid\tx\n2\t{folder / 'b.mid'}\ty\n"
    manifest = read_manifest(write(folder / "tables", text))
    assert manifest.tracks[0].symbolic.read_bytes() == MIDI
    assert manifest.tracks[1].symbolic == folder / "b.mid"


HEAD = "id,symbolic,label,valence,group,split\n"
FINE = "one,a.mid,Q1,0.5,x,train\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "first row"),
        ("name,file\n", "first row"),
        ("id,symbolic\n1,a.mid\n", "no emotion"),
        ("id,symbolic,label,label\n", "column label: stands there twice"),
        ("id,symbolic,symbolic,label\n", "column symbolic: stands there twice"),
        (HEAD, "no rows"),
        (HEAD + FINE + "one,b.mid,Q1,0,x,train\n", "row 3, column id: the id of row 2 too"),
        (HEAD + "one,gone.mid,Q1,0,x,train\n", "row 2, column symbolic: cannot be opened"),
        (HEAD + "one,songs,Q1,0,x,train\n", "row 2, column symbolic: is no kind of file"),
        (HEAD + "one,a.wav,Q1,0,x,train\n", "row 2, column symbolic: is no kind of file"),
        (HEAD + "one,http://x.org/a.mid,Q1,0,x,train\n", "row 2, column symbolic: is an address"),
        (HEAD + 'one,"a\x1b.mid",Q1,0,x,train\n', "row 2, column symbolic: holds characters"),
        (HEAD + "one,,Q1,0,x,train\n", "row 2: names no file"),
        (HEAD + ",a.mid,Q1,0,x,train\n", "row 2, column id: is empty"),
        (HEAD + "one,a.mid,,0,x,train\n", "row 2, column label: is empty"),
        (HEAD + "one,a.mid,Q1,,x,train\n", "row 2, column valence: should be a number"),
        (HEAD + "one,a.mid,Q1,nan,x,train\n", "row 2, column valence: should be a number"),
        (HEAD + "one,a.mid,Q1,1_0,x,train\n", "row 2, column valence: should be a number"),
        (HEAD + "one,a.mid,Q1,0,x,later\n", "row 2, column split: should be train"),
        (HEAD + "=cmd(),a.mid,Q1,0,x,train\n", "row 2, column id: would be a formula"),
        (HEAD + "one,a.mid,@Q1,0,x,train\n", "row 2, column label: would be a formula"),
        (HEAD + "one,a.mid,Q1,0,-1+cmd|x!A0,train\n", "row 2, column group: would be a formula"),
        (HEAD + "one,a.mid,Q1,0,x\n", "row 2: has fewer cells"),
        (HEAD + "one,a.mid,Q1,0,x,train,more\n", "row 2: has more cells"),
        (HEAD + FINE + "\n" + 'two,"a.mid\n', "row 4: is no csv"),
        (HEAD + "x" * (LONGEST_CELL + 1) + ",a.mid,Q1,0,x,train\n", "row 2: a cell is longer"),
        ("id,symbolic,grupe\n1,a.mid,beatles\n", "row 2, column grupe: should be a number"),
        ("id,symbolic,label," + ",".join(map(str, range(99))) + "\n", "more than 64 columns"),
        (HEAD.encode() + FINE.encode() + b"\xe4,a.mid,Q1,0,x,train\n", "row 3: is not UTF-8"),
        (b"id,symbolic,label\n1,a.mid,\0\n", "row 2: holds a null byte"),
        (b"\xff\xfei", "is not UTF-16"),
    ],
)
def test_what_is_wrong_is_said_with_row_and_column(folder, text, said):
    path = write(folder, text)
    with pytest.raises(ChordmerError) as caught:
        read_manifest(path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_a_cell_of_two_lines_is_one_row(folder):
    text = HEAD + 'one,a.mid,"two\nlines",0,x,train\n'
    with pytest.raises(ChordmerError, match="row 2, column label: holds characters"):
        read_manifest(write(folder, text))


def test_what_is_no_file_is_not_waited_for(folder):
    os.mkfifo(folder / "pipe.mid")
    with pytest.raises(ChordmerError, match="row 2, column symbolic: is no file"):
        read_manifest(write(folder, "id,symbolic,label\n1,pipe.mid,x\n"))
    for path in (folder / "pipe.mid", folder, folder / "gone.csv"):
        with pytest.raises(ChordmerError, match=path.name):
            read_manifest(path)


def test_a_table_without_end_is_not_read(folder):
    path = folder / "table.csv"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(ChordmerError, match="larger than"):
        read_manifest(path)


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: f"{HEAD}{text}".encode()))
def test_any_bytes_are_a_table_or_an_error(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("any") / "table.csv"
    path.write_bytes(data)
    with pytest.raises(ChordmerError):
        read_manifest(path)
