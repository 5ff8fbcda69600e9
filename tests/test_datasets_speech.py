"""Traps of the corpora of speech, and of those with a row a rater."""

import numpy as np
import pytest
from made_corpora import edit, made, media, table

from chordmer import datasets
from chordmer.errors import DatasetError
from chordmer.io import read_lyrics


def test_ravdess_reads_names_and_counts_files_of_one_name_once(tmp_path):
    root = made(tmp_path, "ravdess")
    media(root, "audio_speech_actors_01-24/Actor_01/03-01-01-01-01-01-01.wav")
    dataset = datasets.load_ravdess(root)
    assert len(dataset) == 4
    assert any("the name of another" in text for text in dataset.report.odd)
    at = dataset.ids.index("03-01-08-02-02-01-02")
    assert dataset.labels[at] == "surprised"
    assert dataset.groups[at] == "actor-02"
    assert dataset.tags[at] == ("speech", "strong", "dogs")
    song = datasets.load_ravdess(root, channel="song")
    assert song.labels.tolist() == ["fearful"]
    assert song.report.counts["tracks"] == (1, 1012)
    media(root, "Actor_01/03-01-09-01-01-01-01.wav")
    with pytest.raises(DatasetError, match="no name of RAVDESS"):
        datasets.load_ravdess(root)
    with pytest.raises(ValueError, match="channel"):
        datasets.load_ravdess(root, channel="video")


def test_emodb_letters_are_german(tmp_path):
    root = made(tmp_path, "emodb")
    dataset = datasets.load_emodb(root)
    labels = dict(zip(dataset.ids, dataset.labels))
    assert labels["09b10Aa"] == "fear"
    assert labels["03a01Wb"] == "anger"
    assert labels["03a01Fa"] == "happiness"
    assert dataset.groups.tolist().count("speaker-03") == 2
    assert len(datasets.load_emodb(root / "wav")) == 5
    media(root, "wav/other.wav")
    with pytest.raises(DatasetError, match="no name of EmoDB"):
        datasets.load_emodb(root)


def test_iemocap_reads_valence_before_activation_and_words(tmp_path):
    dataset = datasets.load_iemocap(made(tmp_path, "iemocap"))
    first, second = dataset[:1], dataset[1:2]
    assert first.plane.tolist() == [[-0.25, 0.25]]
    assert first.ratings["dominance"].tolist() == [-1.0]
    assert first.std["valence"].tolist() == [0.25]
    assert first.std["arousal"].tolist() == [0.75]
    assert first.labels.tolist() == ["neutral"]
    assert read_lyrics(first.tracks[0]).text == "Excuse me."
    assert second.labels.tolist() == [None]
    assert second.arousal.tolist() == [1.0]
    assert np.isnan(second.std["valence"]).all()
    assert any("5 turns are rated off" in text for text in dataset.report.odd)
    assert sorted(set(dataset.groups)) == [f"session-{n}" for n in range(1, 6)]


def test_emotify_numbers_pieces_in_hundreds_and_keeps_shares(tmp_path):
    dataset = datasets.load_emotify(made(tmp_path, "emotify"))
    names = {track.id: track.audio.parent.name + "/" + track.audio.name for track in dataset.tracks}
    assert names == {
        "1": "classical/1.mp3",
        "101": "rock/1.mp3",
        "250": "electronic/50.mp3",
        "400": "pop/100.mp3",
    }
    assert dataset.ratings["solemnity"].tolist() == pytest.approx([2 / 3, 0, 0, 0])
    assert dataset.ratings["sadness"].tolist() == pytest.approx([1 / 3] * 4)
    assert dataset.labels.tolist() == ["solemnity", "tenderness", "tension", "calmness"]
    assert dataset.ratings["n_raters"].tolist() == [3] * 4


def test_emotify_refuses_a_piece_of_two_genres_and_half_choices(tmp_path):
    root = made(tmp_path, "emotify")
    edit(root / "data.csv", r"^101,rock", "101,pop", 1)
    with pytest.raises(DatasetError, match="column genre: is pop in row 5"):
        datasets.load_emotify(root)
    root = made(tmp_path, "emotify")
    edit(root / "data.csv", r"^400,pop,0", "400,pop,2", 1)
    with pytest.raises(DatasetError, match="should be 0 or 1"):
        datasets.load_emotify(root)


def test_memomusic_reads_titles_with_commas_and_untidy_addresses(tmp_path):
    dataset = datasets.load_memomusic(made(tmp_path, "memomusic"))
    plane = dict(zip(dataset.ids, dataset.plane.tolist()))
    assert plane["classical/1"] == pytest.approx([0.6, -0.4])
    assert plane["classical/10"] == [-1, -1]
    assert plane["yanni/1"] == [1, 1]
    names = {track.id: track.symbolic.name for track in dataset.tracks}
    assert names["yanni/1"] == "1 A Love For Life.mid"
    assert names["classical/10"] == "10.MID"


def test_ch818_keeps_the_experts_disagreement(tmp_path):
    dataset = datasets.load_ch818(made(tmp_path, "ch818"))
    assert dataset.ids == ["s1", "s2", "s10"]
    np.testing.assert_allclose(dataset.valence, [-0.1, 0.0, 0.1], atol=1e-12)
    np.testing.assert_allclose(dataset.std["valence"], [np.std([0, 0.1, 0.2])] * 3)
    assert dataset.ratings["n_raters"].tolist() == [3] * 3
    assert set(dataset.groups) == {"歌手"}


def test_ch818_with_a_row_a_song_has_no_spread(tmp_path):
    root = made(tmp_path, "ch818")
    rows = [["song_id", "valence", "arousal"], ["s1", 1, 2], ["s2", 3, 4], ["s10", 5, 6]]
    table(root / "annotations.csv", rows)
    dataset = datasets.load_ch818(root)
    assert dataset.std == dataset.ratings == {}
    assert dataset.groups.tolist() == dataset.ids
    np.testing.assert_allclose(dataset.plane, np.array([[1, 2], [3, 4], [5, 6]]) / 10)


def test_ch818_as_a_spreadsheet_says_what_to_do(tmp_path):
    root = made(tmp_path, "ch818")
    (root / "annotations.csv").rename(root / "annotations.xlsx")
    with pytest.raises(DatasetError, match="should be saved as csv"):
        datasets.load_ch818(root)


def test_ch818_refuses_a_rater_who_rates_twice(tmp_path):
    root = made(tmp_path, "ch818")
    edit(root / "annotations.csv", r"^s1,1", "s1,0")
    with pytest.raises(DatasetError, match="rated the song before"):
        datasets.load_ch818(root)


def test_moodswings_curves_run_by_second_over_workers(tmp_path):
    root = made(tmp_path, "moodswings")
    dataset = datasets.load_moodswings(root)
    curve = dataset.curves[0]
    np.testing.assert_allclose(curve.valence, [0, 0.1, 0.2, 0.3])
    np.testing.assert_allclose(curve.arousal, [-0.2] * 4)
    np.testing.assert_allclose(curve.std["arousal"], [np.std([0, -0.2, -0.4])] * 4)
    np.testing.assert_allclose(dataset.valence, 0.15)
    np.testing.assert_allclose(dataset.std["valence"], 0, atol=1e-12)
    edit(root / "labels.csv", r"^c1,x,1", "c1,x,0")
    with pytest.raises(DatasetError, match="rated the second before"):
        datasets.load_moodswings(root)
