"""What is listed: tracks out of folders, manifests and lists, without a file being opened."""

import os
import tempfile
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chordmer.errors import ChordmerError
from chordmer.extraction.sources import listing_of, tracks_in_folder, tracks_in_manifest
from chordmer.track import Track


def touch(root, *names):
    for name in names:
        path = os.path.join(root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb"):
            pass


def ids(listed):
    return [track.id for track in listed]


def test_files_of_one_stem_are_one_track(tmp_path):
    touch(tmp_path, "b/song.mid", "b/song.WAV", "b/song.txt", "a.flac", "b/song.pdf", ".x.mid")
    tracks = {track.id: track for track in tracks_in_folder(tmp_path)}
    assert list(tracks) == ["a", "b/song"]
    song = tracks["b/song"]
    assert song.symbolic == f"{tmp_path}/b/song.mid"
    assert song.audio == f"{tmp_path}/b/song.WAV"
    assert song.lyrics == f"{tmp_path}/b/song.txt"


def test_the_second_file_of_a_modality_is_a_track_of_its_own(tmp_path):
    touch(tmp_path, "song.mp3", "song.wav", "song.mid", "song.wav.flac")
    tracks = {track.id: track for track in tracks_in_folder(tmp_path)}
    assert list(tracks) == ["song", "song.wav", "song.wav.wav"]
    assert tracks["song"].audio.endswith("song.mp3")
    assert tracks["song.wav"].audio.endswith("song.wav.flac")
    assert tracks["song.wav.wav"].audio.endswith("/song.wav")


NAMES = st.lists(
    st.tuples(
        st.sampled_from(["", "a/", "b/", "a/b/", "ü.mid/", "=1/ /"]),
        st.sampled_from(["x", "y.wav", "<b>", "\n", "\udcff", "\U0001f3b5"]),
        st.sampled_from([".mid", ".MID", ".kar", ".wav", ".mp3", ".txt", ".png"]),
    ),
    max_size=12,
    unique=True,
)


@given(NAMES)
def test_every_file_is_in_one_track_and_every_id_differs(names):
    with tempfile.TemporaryDirectory() as root:
        wanted = set()
        for folder, stem, suffix in names:
            name = folder + stem + suffix
            touch(root, name)
            if suffix != ".png":
                wanted.add(os.path.join(root, name))
        tracks = list(tracks_in_folder(root))
        sources = [
            source
            for track in tracks
            for source in (track.symbolic, track.audio, track.lyrics)
            if source is not None
        ]
        assert sorted(sources) == sorted(wanted)
        assert len(set(ids(tracks))) == len(tracks)
        assert ids(tracks_in_folder(root)) == ids(tracks)


def test_links_lead_nowhere_twice_and_nothing_is_opened(tmp_path):
    touch(tmp_path, "in/song.mid")
    (tmp_path / "in" / "loop").symlink_to(tmp_path)
    (tmp_path / "self.mid").symlink_to(tmp_path / "self.mid")
    os.mkfifo(tmp_path / "pipe.mid")
    # Odd files are listed, for a worker to refuse: to pass over them in silence would lose them.
    assert ids(tracks_in_folder(tmp_path)) == ["pipe", "self", "in/song"]


def test_a_folder_is_listed_as_it_is_walked(tmp_path, monkeypatch):
    for i in range(20):
        touch(tmp_path, f"{i:02}/song.mid")
    opened = []
    real = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: opened.append(path) or real(path))
    assert ids(islice(tracks_in_folder(tmp_path), 2)) == ["00/song", "01/song"]
    assert len(opened) == 3


def test_a_folder_that_cannot_be_listed_is_told_in_its_place(tmp_path, monkeypatch):
    touch(tmp_path, "a/1.mid", "b/2.mid", "c/3.mid")
    real = os.scandir

    def scandir(path):
        if path.endswith("b/"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    first, error, last = tracks_in_folder(tmp_path)
    assert (first.id, last.id) == ("a/1", "c/3")
    assert isinstance(error, ChordmerError)
    assert "Permission denied" in str(error)


def manifest(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "table.csv"
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_manifest_lists_its_rows(tmp_path, encoding, separator):
    rows = [
        ("label", "id", "symbolic", "audio", "lyrics", "group"),
        ("Q1", "first", "midi/1.mid", "", "", "g"),
        ("", "", "", "", "", ""),
        ("Q2", "zweites ♪", "", '"odd ""name"".wav"', "w.mid", ""),
    ]
    path = manifest(tmp_path, "\r\n".join(map(separator.join, rows)), encoding)
    one, two = tracks_in_manifest(path)
    assert (one.id, one.symbolic, one.audio) == ("first", str(tmp_path / "midi/1.mid"), None)
    assert (one.group, two.group) == ("g", None)
    assert (two.id, two.audio) == ("zweites ♪", str(tmp_path / 'odd "name".wav'))
    assert two.lyrics == str(tmp_path / "w.mid")
    assert ids(listing_of(path)()) == ["first", "zweites ♪"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name,symbolic\nx,1.mid", "no manifest"),
        ("id,label\nx,Q1", "no manifest"),
        ("", "no manifest"),
        ("id,id,symbolic\nx,y,1.mid", "twice"),
        ("id,symbolic\nx,1.mid\nx,2.mid", "id stands there twice"),
        ("id,symbolic\nx", "row 2.*cells"),
        ("id,symbolic\nx,1.mid,more", "row 2.*cells"),
        ("id,symbolic\na,1.mid\nx,", "row 3.*names no file"),
        ("id,symbolic\n,1.mid", "row 2.*no id"),
        ("id,audio\nx,1.mid", "row 2.*holds audio"),
        ("id,symbolic\nx,1\0.mid", "row 2"),
        (f"id,symbolic\n{'x' * 5000},1.mid", "row 2.*4096"),
        ('id,symbolic\n"x,1.mid', "row"),
        (",".join(["id", "symbolic", *map(str, range(70))]), "more than 64"),
    ],
)
def test_what_is_no_manifest_is_told_before_work_begins(tmp_path, text, told):
    path = manifest(tmp_path, text)
    with pytest.raises(ChordmerError, match=told) as caught:
        listing_of(path)
    assert str(path) in str(caught.value)


def test_latin1_is_refused_by_row(tmp_path):
    path = manifest(tmp_path, "id,symbolic\nx,1.mid\nü,2.mid", "latin-1")
    with pytest.raises(ChordmerError, match="cannot be read"):
        listing_of(path)


def test_a_list_is_listed_as_often_as_asked(tmp_path):
    tracks = [Track("a", symbolic=b"MThd"), str(tmp_path / "b.wav")]
    listing = listing_of(iter(tracks))
    assert ids(listing()) == ids(listing()) == ["a", "b"]
    with pytest.raises(ChordmerError, match="id stands there twice"):
        listing_of([Track("a"), Track("a")])


def test_paths_are_whole_wherever_workers_start(tmp_path, monkeypatch):
    touch(tmp_path, "music/song.mid")
    manifest(tmp_path, "id,symbolic\nsong,music/song.mid")
    monkeypatch.chdir(tmp_path)
    for source in ("music", "table.csv", "music/song.mid"):
        [found] = listing_of(source)()
        assert os.fspath(found.symbolic) == f"{tmp_path}/music/song.mid"


def test_one_file_is_a_catalogue_too(tmp_path):
    touch(tmp_path, "song.mid")
    assert ids(listing_of(tmp_path / "song.mid")()) == ["song"]
    with pytest.raises(ChordmerError, match="No such file"):
        listing_of(tmp_path / "none")
    with pytest.raises(ChordmerError, match="cannot be opened"):
        listing_of(Path("nu\0ll"))
