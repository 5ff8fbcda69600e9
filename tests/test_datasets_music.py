"""Traps of the other corpora of music."""

import shutil

import numpy as np
import pytest
from made_corpora import edit, made, media

from chordmer import datasets
from chordmer.errors import DatasetError
from chordmer.io import read_lyrics


def test_pmemo_groups_by_artist_and_joins_lyrics(tmp_path):
    dataset = datasets.load_pmemo(made(tmp_path, "pmemo"))
    assert dataset.groups.tolist() == ["Björk", "Björk", "Björk", "Ana", "Ana"]
    first = dataset.tracks[0]
    assert read_lyrics(first).text == "la la"
    assert dataset.tracks[1].lyrics is None
    assert dataset.report.counts["choruses"] == (6, 794)
    assert dataset.valence[dataset.ids.index("4")] == pytest.approx(0.8)
    assert dataset.arousal[dataset.ids.index("4")] == pytest.approx(-0.8)
    assert [curve is not None for curve in dataset.curves] == [True] * 3 + [False] * 2
    assert dataset.curves[0].std["valence"].tolist() == [1.2] * 4


def test_pmemo_does_without_artists_and_without_curves_if_it_must(tmp_path):
    root = made(tmp_path, "pmemo")
    (root / "metadata.csv").unlink()
    (root / "annotations/dynamic_annotations.csv").unlink()
    with pytest.raises(DatasetError, match=r"dynamic_annotations\.csv"):
        datasets.load_pmemo(root)
    dataset = datasets.load_pmemo(root, missing="drop")
    assert dataset.groups.tolist() == dataset.ids
    assert dataset.curves == [None] * 5
    assert any("artists are unknown" in text for text in dataset.report.odd)


def test_pmemo_songs_without_a_spread_are_told(tmp_path):
    root = made(tmp_path, "pmemo")
    edit(root / "annotations/static_annotations_std.csv", r"^4,.*\n", "")
    dataset = datasets.load_pmemo(root)
    assert np.isnan(dataset.std["valence"][dataset.ids.index("4")])
    assert any("1 songs have no standard" in text for text in dataset.report.odd)


def test_empty_lyrics_are_no_lyrics(tmp_path):
    root = made(tmp_path, "pmemo")
    (root / "lyrics/1.lrc").write_bytes(b"")
    dataset = datasets.load_pmemo(root)
    assert dataset.tracks[0].lyrics is None
    assert not dataset.report.missing


def test_jamendo_reads_tags_beyond_the_header_and_groups_by_artist(tmp_path):
    dataset = datasets.load_jamendo(made(tmp_path, "jamendo"))
    assert dataset.tags[:3] == [("calm", "film", "happy"), ("calm", "film"), ("calm",)]
    assert dataset.groups.tolist() == [f"artist_00{n // 2}" for n in range(1, 7)]
    assert dataset.labels is None
    assert np.isnan(dataset.plane).all()
    assert len(dataset.splits["split-0"]["valid"]) == 2


def test_jamendo_finds_small_audio_in_another_folder(tmp_path):
    root = made(tmp_path, "jamendo")
    other = tmp_path / "low"
    shutil.move(root / "audio", other)
    for path in other.rglob("*.mp3"):
        path.rename(path.with_suffix(".low.mp3"))
    assert len(datasets.load_jamendo(root, audio=other)) == 6


@pytest.mark.parametrize("way", ["../1001.mp3", "/etc/passwd", "01/../../1.mp3", "01/1001.wav"])
def test_jamendo_refuses_odd_paths(tmp_path, way):
    root = made(tmp_path, "jamendo")
    edit(root / "data/autotagging_moodtheme.tsv", r"01/1001\.mp3", way)
    with pytest.raises(DatasetError, match="column path"):
        datasets.load_jamendo(root)


def test_a_published_split_that_divides_a_group_is_told(tmp_path):
    root = made(tmp_path, "jamendo")
    assert not datasets.load_jamendo(root).report.odd
    edit(root / "data/autotagging_moodtheme.tsv", "artist_000", "artist_003")
    notes = datasets.load_jamendo(root).report.odd
    assert notes == ("split split-0 divides 1 groups between its parts",)


def test_four_q_refuses_a_song_in_another_quadrants_folder(tmp_path):
    root = made(tmp_path, "four_q")
    edit(root / "panda_dataset_taffc_annotations.csv", r"Q2", "Q3")
    with pytest.raises(DatasetError, match="lies in Q2"):
        datasets.load_four_q(root)


def test_four_q_groups_by_artist_and_keeps_moods(tmp_path):
    dataset = datasets.load_four_q(made(tmp_path, "four_q"))
    assert dataset.groups[0].startswith("artist")
    assert dataset.tags[0] == ("Gloomy", "Sad")
    assert dataset.quadrants.tolist() == dataset.labels.tolist()


def test_emotion_groups_a_name_that_stands_in_two_classes(tmp_path):
    root = made(tmp_path, "emotion")
    media(root, "Sad/a1.mp3")
    dataset = datasets.load_emotion(root)
    assert dataset.groups.tolist().count("a1") == 2
    assert any("two classes" in text for text in dataset.report.odd)
    assert dict(zip(dataset.labels, dataset.quadrants)) == {
        "angry": "Q2",
        "happy": "Q1",
        "relaxed": "Q4",
        "sad": "Q3",
    }
    shutil.rmtree(root / "Happy")
    with pytest.raises(DatasetError, match="happiness"):
        datasets.load_emotion(root)


def test_mirex_joins_three_modalities_by_name(tmp_path):
    dataset = datasets.load_mirex(made(tmp_path, "mirex"))
    second = dataset.tracks[1]
    assert [second.audio.name, second.lyrics.name, second.symbolic.name] == [
        "002.mp3",
        "002.txt",
        "002.mid",
    ]
    assert dataset.tracks[5].lyrics is None
    assert dataset.labels.tolist() == [f"Cluster {n % 5 + 1}" for n in range(6)]
    assert dataset.tags[2] == ("Wistful",)


def test_mirex_lines_follow_dataset_txt_where_it_is(tmp_path):
    root = made(tmp_path, "mirex")
    (root / "dataset.txt").write_text("".join(f"{n:03d}.mp3\n" for n in (6, 5, 4, 3, 2, 1)))
    assert datasets.load_mirex(root).labels[0] == "Cluster 1"
    assert datasets.load_mirex(root).labels[1] == "Cluster 5"
    (root / "categories.txt").write_text("Fun\n")
    with pytest.raises(DatasetError, match=r"1 lines, and clusters\.txt 6"):
        datasets.load_mirex(root)


def test_mirex_clips_may_be_sorted_into_folders(tmp_path):
    root = made(tmp_path, "mirex")
    (root / "Audio/Cluster 1/Rousing").mkdir(parents=True)
    shutil.move(root / "Audio/001.mp3", root / "Audio/Cluster 1/Rousing/001.mp3")
    assert len(datasets.load_mirex(root)) == 6
