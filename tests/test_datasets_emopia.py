"""EMOPIA's traps: songs in several quadrants, splits by song, clips that lack."""

import pytest
from made_corpora import edit, made, media, table

from chordmer import datasets
from chordmer.errors import DatasetError


def test_emopia_counts_clips_and_songs_in_several_quadrants(tmp_path):
    dataset = datasets.load_emopia(made(tmp_path, "emopia", "EMOPIA_1.0"))
    assert dataset.version == "1.0"
    assert dataset.report.counts["tracks"] == (7, 1078)
    assert dataset.report.counts["songs in several quadrants"] == (1, 72)
    assert not dataset.report.complete
    assert dataset.groups.tolist().count("aa_a") == 3


def test_emopia_has_both_published_splits_and_they_go_by_song(tmp_path):
    dataset = datasets.load_emopia(made(tmp_path, "emopia"))
    by = {
        name: {part: {dataset.groups[row] for row in rows} for part, rows in parts.items()}
        for name, parts in dataset.splits.items()
    }
    assert by["classification"] == {"train": {"aa_a"}, "valid": {"b-b"}, "test": {"cc", "dd"}}
    assert by["generation"] == {"train": {"aa_a", "b-b", "dd"}, "valid": {"cc"}}


def test_emopia_splits_may_be_of_clips(tmp_path):
    root = made(tmp_path, "emopia")
    whole = datasets.load_emopia(root).splits["classification"]
    clips = {
        "train": ["Q1_aa_a_0", "Q4_aa_a_2"],
        "val": ["Q2_b-b_0"],
        "test": ["Q3_cc_0", "Q4_dd_0"],
    }
    for part, held in clips.items():
        (root / f"split/{part}_SL.csv").unlink()
        table(root / f"split/{part}.csv", [["fname", "label"], *([c, c[:2]] for c in held)])
    split = datasets.load_emopia(root).splits["classification"]
    assert {part: rows.tolist() for part, rows in split.items()} == {
        part: rows.tolist() for part, rows in whole.items()
    }


def test_emopia_refuses_a_split_that_divides_a_song(tmp_path):
    root = made(tmp_path, "emopia")
    edit(root / "split/test_SL.csv", r"^cc", "aa_a")
    with pytest.raises(DatasetError, match="divides a song") as caught:
        datasets.load_emopia(root)
    assert caught.value.value == "aa_a"


def test_emopia_says_which_songs_of_a_split_are_not_here(tmp_path):
    root = made(tmp_path, "emopia")
    edit(root / "split/test_SL.csv", r"^dd", "elsewhere")
    assert any(
        "1 songs that are not here" in text for text in datasets.load_emopia(root).report.odd
    )


def test_emopia_refuses_a_table_that_contradicts_a_clips_name(tmp_path):
    root = made(tmp_path, "emopia")
    edit(root / "label.csv", r"^Q3_cc_0,3", "Q3_cc_0,4")
    with pytest.raises(DatasetError, match=r"label\.csv: row 7.*name says otherwise"):
        datasets.load_emopia(root)


def test_a_row_that_stands_there_twice_counts_once_unless_it_differs(tmp_path):
    root = made(tmp_path, "emopia")
    with (root / "label.csv").open("a") as file:
        file.write("Q3_cc_0,3,A\n")
    assert len(datasets.load_emopia(root)) == 7
    with (root / "label.csv").open("a") as file:
        file.write("Q3_cc_0,3,B\n")
    with pytest.raises(DatasetError, match=r"row 10.*other things of it than row 7"):
        datasets.load_emopia(root)


def test_emopia_says_where_the_table_of_songs_counts_otherwise(tmp_path):
    root = made(tmp_path, "emopia")
    header = ["songID", "num_Q1", "num_Q2", "num_Q3", "num_Q4", "DominantQ"]
    right = [["aa_a", 2, 0, 0, 1, 1], ["b-b", 0, 2, 0, 0, 2]]
    table(root / "metadata_by_song.csv", [header, *right])
    assert not datasets.load_emopia(root).report.odd
    table(root / "metadata_by_song.csv", [header, *right, ["cc", 0, 0, 4, 0, 3]])
    assert any("of 1 songs otherwise" in text for text in datasets.load_emopia(root).report.odd)


def test_emopia_takes_recordings_of_the_users_own(tmp_path):
    root = made(tmp_path, "emopia")
    media(root, "audio/Q3_cc_0.wav", "audio/other.wav")
    dataset = datasets.load_emopia(root)
    assert [track.id for track in dataset.tracks if track.audio is not None] == ["Q3_cc_0"]


def test_emopia_counts_clips_that_the_table_lacks(tmp_path):
    root = made(tmp_path, "emopia")
    media(root, "midis/Q1_new_0.mid")
    dataset = datasets.load_emopia(root)
    assert len(dataset) == 7
    assert any("Q1_new_0" in text for text in dataset.report.odd)
