"""Scales, wrong cells, and the corpora of the user's own."""

import re

import numpy as np
import pytest
from made_corpora import edit, made, media

from chordmer import datasets
from chordmer.datasets import Report, Scale
from chordmer.errors import ChordmerError, DatasetError


@pytest.mark.parametrize(("low", "high"), [(1, 9), (0, 1), (-10, 10), (1, 5)])
def test_scales_map_their_ends_to_one_and_spreads_by_the_same_stretch(low, high):
    scale = Scale(low, high)
    assert scale.to_unit([low, (low + high) / 2, high]).tolist() == [-1, 0, 1]
    ratings = np.linspace(low, high, 7)
    np.testing.assert_allclose(scale.spread_to_unit(ratings.std()), scale.to_unit(ratings).std())
    assert low in scale
    assert high in scale
    assert high + 0.1 not in scale


@pytest.mark.parametrize(
    ("name", "path", "old", "new"),
    [
        ("pmemo", "annotations/static_annotations.csv", r"^4,0\.1,", "4,4.5,"),
        ("emomusic", "annotations/static_annotations.csv", r"^5,", "5,0.3,1,4,1\n99,"),
        ("memomusic", "File/CSV File.csv", r",-5,0$", ",-5,99"),
        ("ch818", "annotations.csv", r",10,", ",11,"),
        ("moodswings", "labels.csv", r",0\.1,", ",1.1,"),
        ("manifest", "tracks.csv", r",0\.5,", ",5,"),
    ],
)
def test_ratings_off_their_scale_are_refused_with_file_and_place(tmp_path, name, path, old, new):
    root = made(tmp_path, name)
    folder = root.parent if root.is_file() else root
    edit(folder / path, old, new, 1)
    with pytest.raises(DatasetError, match="off the scale") as caught:
        getattr(datasets, f"load_{name}")(root)
    assert path.split("/")[-1] in str(caught.value)


def test_a_copy_on_another_scale_is_read_when_it_is_named(tmp_path):
    root = made(tmp_path, "ch818")
    edit(root / "annotations.csv", r",10,", ",20,")
    dataset = datasets.load_ch818(root, scale=Scale(-20, 20))
    assert dataset.arousal[0] == 1
    assert dataset.scale["arousal"] == Scale(-20, 20)


@pytest.mark.parametrize(
    ("name", "path", "old", "new", "said"),
    [
        ("emopia", "label.csv", r"Q3_cc_0,3", "Q3_cc_0,5", "should be a quadrant"),
        ("emopia", "label.csv", r"Q3_cc_0", "Q9_cc_0", "should be a clip"),
        ("emomusic", "annotations/songs_info.csv", r"evaluation", "other", "evaluation"),
        ("emotify", "data.csv", r"pop", "jazz", "no genre of Emotify"),
        ("emotify", "data.csv", r"^400", "401", "1 to 400"),
        ("four_q", "panda_dataset_taffc_annotations.csv", r"Q2", "Q5", "Q1, Q2, Q3 or Q4"),
        ("jamendo", "data/autotagging_moodtheme.tsv", r"mood/theme", "genre", "begin with mood"),
        ("memomusic", "File/CSV File.csv", r"10\.mp3", "ten.mp3", "a number and"),
        ("memomusic", "File/CSV File.csv", r",2,-1", ",9,-1", "1, 2 or 3"),
        ("memomusic", "File/CSV File.csv", r"^ A Love.*$", "3,4", "fewer than five cells"),
        ("mirex", "clusters.txt", r"Cluster 5", "Cluster 6", "line 5: should be a cluster"),
        ("pmemo", "annotations/dynamic_annotations.csv", r"^1,15\.5,0", "1,15.0,1", "twice"),
        ("vgmidi", "vgmidi_labelled.csv", r"-1,1$", "0.5,1", "1, or else -1 or 0"),
        (
            *("iemocap", "Session2/dialog/EmoEvaluation/Ses02F_impro01.txt"),
            *(r"\txxx\t", "\tzzz\t", "no category of IEMOCAP"),
        ),
    ],
)
def test_a_wrong_cell_is_named_with_file_and_place(tmp_path, name, path, old, new, said):
    root = made(tmp_path, name)
    edit(root / path, old, new, 1)
    with pytest.raises(DatasetError, match=said) as caught:
        getattr(datasets, f"load_{name}")(root)
    assert path.split("/")[-1] in str(caught.value)
    assert re.search(r"(row|line) \d", str(caught.value))


def test_folders_too_full_or_too_deep_are_not_read_to_the_end(tmp_path, monkeypatch):
    deep = "happy/" + "x/" * 20
    media(tmp_path, "happy/a.mid", f"{deep}b.mid", "sad/c.mid", "sad/empty.mid")
    (tmp_path / "sad/empty.mid").write_bytes(b"")
    dataset = datasets.load_folders(tmp_path)
    assert dataset.ids == ["happy/a", "sad/c"]
    assert dataset.report.odd == ("empty.mid is empty",)
    monkeypatch.setattr("chordmer.datasets.media.MOST_FILES", 1)
    with pytest.raises(DatasetError, match="more than 1 files"):
        datasets.load_folders(tmp_path)


def test_folders_join_files_of_one_name_and_group_by_pattern(tmp_path):
    media(tmp_path, "Q1/song_0.mid", "Q1/song_1.mid", "Q1/song_0.txt", "Q3/other.mid")
    dataset = datasets.load_folders(tmp_path, group=r"(.+)_\d+")
    assert dataset.ids == ["Q1/song_0", "Q1/song_1", "Q3/other"]
    assert dataset.groups.tolist() == ["song", "song", "other"]
    assert dataset.tracks[0].lyrics.name == "song_0.txt"
    assert dataset.plane.tolist() == [[1, 1], [1, 1], [-1, -1]]
    with pytest.raises(ValueError, match="parentheses"):
        datasets.load_folders(tmp_path, group="song")


def test_names_that_cannot_be_printed_are_passed_over_and_told(tmp_path):
    media(tmp_path, "happy/good.mid", "happy/\x1b[31mred.mid")
    dataset = datasets.load_folders(tmp_path)
    assert dataset.ids == ["happy/good"]
    assert any("cannot be printed" in text for text in dataset.report.odd)


def test_manifest_keeps_splits_spreads_and_other_numbers(tmp_path):
    dataset = datasets.load_manifest(made(tmp_path, "manifest"))
    assert dataset.ids == ["t1", "t2", "t10"]
    assert dataset.std["valence"].tolist() == [0.3, 0.1, 0.2]
    assert dataset.ratings["power"].tolist() == [5, 3, 4]
    assert {part: rows.tolist() for part, rows in dataset.splits["manifest"].items()} == {
        "valid": [0],
        "train": [1],
        "test": [2],
    }
    assert dataset.groups.tolist() == ["s3", "s1", "s2"]


def test_manifest_on_another_scale(tmp_path):
    path = made(tmp_path, "manifest")
    dataset = datasets.load_manifest(path, scale=Scale(-2, 2))
    assert dataset.valence.tolist() == [-0.5, 0.25, -0.25]
    assert dataset.std["valence"].tolist() == [0.15, 0.05, 0.1]


def test_what_a_model_learns(tmp_path):
    labelled = datasets.load_four_q(made(tmp_path, "four_q"))
    assert labelled.y.tolist() == labelled.labels.tolist()
    rated = datasets.load_pmemo(made(tmp_path, "pmemo"))
    np.testing.assert_array_equal(rated.y, np.column_stack([rated.valence, rated.arousal]))


def test_a_report_says_what_lacks():
    report = Report({"tracks": (3, 4), "songs": (2, None)}, ("a\x1b.mid",), ("odd\nthing",))
    assert str(report).splitlines() == [
        "tracks: 3 of 4",
        "songs: 2",
        "missing files: 1, such as a\\x1b.mid",
        "note: odd\\nthing",
    ]
    assert not report.complete
    assert Report({"tracks": (4, 4)}).complete


def test_errors_of_corpora_are_errors_of_chordmer():
    assert issubclass(DatasetError, ChordmerError)
    assert issubclass(DatasetError, ValueError)
