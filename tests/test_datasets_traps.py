"""The traps of single corpora, each silent until a test springs it."""

import json
import math
import re
import shutil

import numpy as np
import pytest
from made_corpora import CORPORA as MADE
from made_corpora import MEDIAEVAL, STEPS, deam, media, table, wide

from chordmer import datasets
from chordmer.datasets import Report, Scale
from chordmer.errors import ChordmerError, ChordmerWarning, DatasetError
from chordmer.io import read_lyrics


@pytest.fixture
def made(tmp_path):
    """Make a corpus by name, anew; returns what its loader takes."""

    def make(name, folder="copy"):
        root = tmp_path / folder
        shutil.rmtree(root, ignore_errors=True)
        return next(made for made in MADE if made.name == name).make(root)

    return make


def edit(path, old, new, count=-1):
    text = path.read_text(encoding="utf-8")
    assert re.search(old, text, re.MULTILINE)
    new_text = re.sub(old, new, text, count=max(count, 0), flags=re.MULTILINE)
    path.write_text(new_text, encoding="utf-8")


# --- scales ---------------------------------------------------------------------------------------


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
def test_ratings_off_their_scale_are_refused_with_file_and_place(made, name, path, old, new):
    root = made(name)
    folder = root.parent if root.is_file() else root
    edit(folder / path, old, new, 1)
    with pytest.raises(DatasetError, match="off the scale") as caught:
        getattr(datasets, f"load_{name}")(root)
    assert path.split("/")[-1] in str(caught.value)


def test_a_copy_on_another_scale_is_read_when_it_is_named(made):
    root = made("ch818")
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
def test_a_wrong_cell_is_named_with_file_and_place(made, name, path, old, new, said):
    root = made(name)
    edit(root / path, old, new, 1)
    with pytest.raises(DatasetError, match=said) as caught:
        getattr(datasets, f"load_{name}")(root)
    assert path.split("/")[-1] in str(caught.value)
    assert re.search(r"(row|line) \d", str(caught.value))


# --- EMOPIA ---------------------------------------------------------------------------------------


def test_emopia_counts_clips_and_songs_in_several_quadrants(made):
    dataset = datasets.load_emopia(made("emopia", "EMOPIA_1.0"))
    assert dataset.version == "1.0"
    assert dataset.report.counts["tracks"] == (7, 1078)
    assert dataset.report.counts["songs in several quadrants"] == (1, 72)
    assert not dataset.report.complete
    assert dataset.groups.tolist().count("aa_a") == 3


def test_emopia_has_both_published_splits_and_they_go_by_song(made):
    dataset = datasets.load_emopia(made("emopia"))
    by = {
        name: {part: {dataset.groups[row] for row in rows} for part, rows in parts.items()}
        for name, parts in dataset.splits.items()
    }
    assert by["classification"] == {"train": {"aa_a"}, "valid": {"b-b"}, "test": {"cc", "dd"}}
    assert by["generation"] == {"train": {"aa_a", "b-b", "dd"}, "valid": {"cc"}}


def test_emopia_splits_may_be_of_clips(made):
    root = made("emopia")
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


def test_emopia_refuses_a_split_that_divides_a_song(made):
    root = made("emopia")
    edit(root / "split/test_SL.csv", r"^cc", "aa_a")
    with pytest.raises(DatasetError, match="divides a song") as caught:
        datasets.load_emopia(root)
    assert caught.value.value == "aa_a"


def test_emopia_says_which_songs_of_a_split_are_not_here(made):
    root = made("emopia")
    edit(root / "split/test_SL.csv", r"^dd", "elsewhere")
    assert any(
        "1 songs that are not here" in text for text in datasets.load_emopia(root).report.odd
    )


def test_emopia_refuses_a_table_that_contradicts_a_clips_name(made):
    root = made("emopia")
    edit(root / "label.csv", r"^Q3_cc_0,3", "Q3_cc_0,4")
    with pytest.raises(DatasetError, match=r"label\.csv: row 7.*name says otherwise"):
        datasets.load_emopia(root)


def test_a_row_that_stands_there_twice_counts_once_unless_it_differs(made):
    root = made("emopia")
    with (root / "label.csv").open("a") as file:
        file.write("Q3_cc_0,3,A\n")
    assert len(datasets.load_emopia(root)) == 7
    with (root / "label.csv").open("a") as file:
        file.write("Q3_cc_0,3,B\n")
    with pytest.raises(DatasetError, match=r"row 10.*other things of it than row 7"):
        datasets.load_emopia(root)


def test_emopia_says_where_the_table_of_songs_counts_otherwise(made):
    root = made("emopia")
    header = ["songID", "num_Q1", "num_Q2", "num_Q3", "num_Q4", "DominantQ"]
    right = [["aa_a", 2, 0, 0, 1, 1], ["b-b", 0, 2, 0, 0, 2]]
    table(root / "metadata_by_song.csv", [header, *right])
    assert not datasets.load_emopia(root).report.odd
    table(root / "metadata_by_song.csv", [header, *right, ["cc", 0, 0, 4, 0, 3]])
    assert any("of 1 songs otherwise" in text for text in datasets.load_emopia(root).report.odd)


def test_emopia_takes_recordings_of_the_users_own(made):
    root = made("emopia")
    media(root, "audio/Q3_cc_0.wav", "audio/other.wav")
    dataset = datasets.load_emopia(root)
    assert [track.id for track in dataset.tracks if track.audio is not None] == ["Q3_cc_0"]


def test_emopia_counts_clips_that_the_table_lacks(made):
    root = made("emopia")
    media(root, "midis/Q1_new_0.mid")
    dataset = datasets.load_emopia(root)
    assert len(dataset) == 7
    assert any("Q1_new_0" in text for text in dataset.report.odd)


# --- DEAM and EmoMusic ----------------------------------------------------------------------------


def static(dataset):
    return dict(zip(dataset.ids, (dataset.plane * 4 + 5).round(6).tolist()))


def test_deam_reads_static_ratings_their_spread_and_curves(made):
    dataset = datasets.load_deam(made("deam"))
    at = dataset.ids.index("2")
    assert static(dataset)["2"] == [3.0, 7.0]
    assert dataset.std["valence"][at] == 2.0 / 4
    assert dataset.std["arousal"][at] == 1.0 / 4
    curve = dataset.curves[at]
    assert curve.times.tolist() == [15.0, 15.5, 16.0]
    np.testing.assert_allclose(curve.valence, np.array([-0.02, 0, 0.02]) - 0.3)
    np.testing.assert_allclose(curve.arousal, np.array([-0.02, 0, 0.02]) + 0.3)
    np.testing.assert_allclose(curve.std["valence"], [0.1, 0.0, np.nan])
    assert dataset.curves[at + 1].std == {}
    assert datasets.load_deam(made("deam"), raters=False).curves[at].std == {}


def test_deam_with_valence_and_arousal_exchanged_for_one_year_is_put_right(tmp_path):
    deam(tmp_path / "right")
    deam(tmp_path / "wrong", exchanged=True)
    right = datasets.load_deam(tmp_path / "right")
    with pytest.warns(ChordmerWarning, match="songs of 2013: .*in each other's place"):
        wrong = datasets.load_deam(tmp_path / "wrong")
    assert static(wrong) == static(right)
    for name in ("valence", "arousal"):
        np.testing.assert_array_equal(wrong.std[name], right.std[name])
    assert any("in each other's place" in text for text in wrong.report.odd)
    assert not any("in each other's place" in text for text in right.report.odd)


def test_too_few_songs_do_not_tell_whether_columns_were_exchanged(made):
    notes = datasets.load_deam(made("deam")).report.odd
    assert any("songs of 2014: too few curves" in text for text in notes)
    assert not any("songs of 2013" in text for text in notes)


def test_emomusic_with_valence_and_arousal_exchanged_is_put_right(made):
    root = made("emomusic")
    right = datasets.load_emomusic(root)
    for name, column in (("valence", 2), ("arousal", 1)):
        wide(root / f"annotations/{name}_cont_average.csv", column)
    with pytest.warns(ChordmerWarning, match="each other's place"):
        wrong = datasets.load_emomusic(root)
    np.testing.assert_array_equal(wrong.valence, right.arousal)
    np.testing.assert_array_equal(wrong.std["valence"], right.std["arousal"])


def test_songs_that_deam_and_emomusic_share_have_the_same_groups(tmp_path):
    for made in MADE:
        if made.name in ("deam", "emomusic"):
            made.make(tmp_path / made.name)
    one = datasets.load_deam(tmp_path / "deam")
    other = datasets.load_emomusic(tmp_path / "emomusic")
    assert set(one.groups[one.shared["emomusic"]]) == set(other.groups[other.shared["deam"]])
    assert len(one.shared["emomusic"]) == len(MEDIAEVAL) < len(one)
    outside = np.setdiff1d(np.arange(len(one)), one.shared["emomusic"])
    assert set(one.groups[outside]).isdisjoint(other.groups)


def test_deam_without_curves_says_that_it_could_not_check(made):
    root = made("deam")
    shutil.rmtree(next(root.glob("annotations/* averaged*/dynamic*")))
    with pytest.raises(DatasetError, match=r"valence\.csv"):
        datasets.load_deam(root)
    dataset = datasets.load_deam(root, missing="drop")
    assert len(dataset) == 11
    assert dataset.curves == [None] * 11
    assert any("exchanged" in text for text in dataset.report.odd)


def test_deam_leaves_out_raters_on_another_scale(made):
    root = made("deam")
    edit(next(root.glob("annotations/*rater*/*/valence/2.csv")), r"0\.1", "7")
    dataset = datasets.load_deam(root)
    assert set(dataset.curves[dataset.ids.index("2")].std) == {"arousal"}
    assert any("off the scale" in text for text in dataset.report.odd)


@pytest.mark.parametrize(
    ("name", "path", "old", "new"),
    [
        ("emomusic", "annotations/static_annotations.csv", r",1\.5,", ",-1.5,"),
        ("pmemo", "annotations/static_annotations_std.csv", r",0\.1,", ",-0.1,"),
    ],
)
def test_negative_spreads_are_refused(made, name, path, old, new):
    root = made(name)
    edit(root / path, old, new, 1)
    with pytest.raises(DatasetError, match=r"row 2, .*no standard deviation"):
        getattr(datasets, f"load_{name}")(root)


def test_a_song_in_both_tables_of_deam_is_refused(made):
    root = made("deam")
    edit(next(root.glob("annotations/*/song_level/*2000_2058.csv")), r"^2001", "1001")
    with pytest.raises(DatasetError, match="is in both tables"):
        datasets.load_deam(root)


def test_two_tracks_of_one_id_are_refused(made):
    root = made("memomusic")
    edit(root / "File/CSV File.csv", r"ClassicMusic/10", "ClassicMusic/1")
    with pytest.raises(DatasetError, match="two tracks have this id") as caught:
        datasets.load_memomusic(root)
    assert caught.value.value == "classical/1"


def test_deam_splits_by_year(made):
    dataset = datasets.load_deam(made("deam"))
    names = {
        name: {part: [dataset.ids[row] for row in rows] for part, rows in parts.items()}
        for name, parts in dataset.splits.items()
    }
    assert names["2014"]["test"] == ["1001", "1002"]
    assert names["2015"]["test"] == ["2001"]
    assert len(names["2015"]["train"]) == 10


def test_deam_refuses_a_song_that_is_none_of_its(made):
    root = made("deam")
    path = next(root.glob("annotations/*/song_level/*1_2000.csv"))
    edit(path, r"^1002", "3000")
    with pytest.raises(DatasetError, match="1 to 2058"):
        datasets.load_deam(root)


def test_points_of_curves_off_the_scale_are_drawn_to_it_and_counted(made):
    root = made("emomusic")
    edit(root / "annotations/valence_cont_average.csv", r"^5,[^,]*", "5,1.25")
    dataset = datasets.load_emomusic(root)
    assert dataset.curves[dataset.ids.index("5")].valence[0] == 1
    assert any("1 points of curves" in text for text in dataset.report.odd)


def test_curves_keep_the_moments_that_both_tables_rate(made):
    root = made("emomusic")
    edit(root / "annotations/valence_cont_average.csv", r"^(5,[^,]*),[^,]*", r"\1,")
    dataset = datasets.load_emomusic(root)
    assert dataset.curves[dataset.ids.index("5")].times.tolist() == [15.0, 16.0]
    assert len(dataset.curves[0].times) == len(STEPS)


def test_emomusic_does_without_curves_if_it_must(made):
    root = made("emomusic")
    (root / "annotations/valence_cont_average.csv").unlink()
    edit(root / "annotations/songs_info.csv", r"^12,.*\n", "")
    dataset = datasets.load_emomusic(root, missing="drop")
    assert dataset.curves == [None] * 8
    assert len(dataset.report.odd) == 2
    assert [dataset.ids[row] for row in dataset.splits["2013"]["test"]] == ["8", "10"]


def test_emomusic_splits_development_and_evaluation(made):
    dataset = datasets.load_emomusic(made("emomusic"))
    assert [dataset.ids[row] for row in dataset.splits["2013"]["test"]] == ["8", "10", "12"]
    assert dataset.curves[0].std["arousal"].tolist() == [0.25] * 3


# --- VGMIDI ---------------------------------------------------------------------------------------


def test_vgmidi_curves_are_means_over_raters_with_their_spread(made):
    root = made("vgmidi")
    dataset = datasets.load_vgmidi(root)
    at = dataset.ids.index("Mario_NES_Mario_Castle")
    curve = dataset.curves[at]
    assert curve.times.tolist() == [0.0, 2.0, 4.0, 6.0]
    np.testing.assert_allclose(curve.valence, [0.1, 0.2, 0.45, 0.4])
    np.testing.assert_allclose(curve.std["valence"], [0, 0, 0.15, 0], atol=1e-12)
    raters = np.array(
        [[[0.1, 0.2, 0.3, 0.4], [-0.5, 0.1, 0, 0.5]], [[0.1, 0.2, 0.6, 0.4], [-0.5, 0.2, 0, 0.5]]]
    )
    np.testing.assert_allclose(dataset.plane[at], raters.mean(axis=(0, 2)))
    spread = raters.mean(axis=2).std(axis=0)
    np.testing.assert_allclose([dataset.std["valence"][at], dataset.std["arousal"][at]], spread)
    assert dataset.ratings["n_raters"].tolist() == [2, 2, 2]
    assert dataset.labels[at] == "Q2"


def test_vgmidi_names_phrases_that_the_repository_does_not_hold(made):
    root = made("vgmidi")
    lacking = "labelled/phrases/Mario_NES_Mario_Castle_1.mid"
    (root / lacking).unlink()
    dataset = datasets.load_vgmidi(root, level="phrases")
    assert len(dataset) == 5
    assert dataset.report.missing == (lacking,)
    with pytest.raises(DatasetError, match="Mario_Castle_1"):
        datasets.load_vgmidi(root, level="phrases", missing="raise")


def test_vgmidi_phrases_are_grouped_by_piece(made):
    dataset = datasets.load_vgmidi(made("vgmidi"), level="phrases")
    assert sorted(set(dataset.groups)) == sorted(datasets.load_vgmidi(made("vgmidi")).ids)
    assert dataset.labels.tolist() == dataset.quadrants.tolist()


def test_vgmidi_zeros_of_the_old_table_are_the_negative_half(made):
    root = made("vgmidi")
    new = datasets.load_vgmidi(root, level="phrases")
    text = (root / "vgmidi_labelled.csv").read_text().replace("labelled/phrases", "../phrases")
    (root / "vgmidi_labelled.csv").unlink()
    (root / "labelled/src").mkdir()
    (root / "labelled/src/vgmidi.csv").write_text(re.sub(r"-1", "0", text))
    old = datasets.load_vgmidi(root, level="phrases")
    np.testing.assert_array_equal(old.plane, new.plane)
    assert set(np.unique(old.plane)) == {-1, 1}


@pytest.mark.parametrize("way", ["../../../etc/passwd.mid", "/etc/passwd.mid", "C:\\music\\x.mid"])
def test_a_path_that_leads_out_of_a_corpus_is_refused(made, way):
    root = made("vgmidi")
    text = (root / "vgmidi_labelled.csv").read_text()
    first = "labelled/phrases/Zelda_N64_Zelda_Lost Woods_0.mid"
    (root / "vgmidi_labelled.csv").write_text(text.replace(first, way))
    with pytest.raises(DatasetError, match="row 2, column midi: leads out of the corpus"):
        datasets.load_vgmidi(root, level="phrases")


def change(root, what):
    path = root / "labelled/annotations/vgmidi_raw_1.json"
    data = json.loads(path.read_text())
    what(data)
    path.write_text(json.dumps(data))


def test_vgmidi_leaves_out_ratings_of_no_piece_and_of_another_length(made):
    root = made("vgmidi")

    def what(data):
        data["annotations"]["piece99_1"] = data["annotations"]["piece0_1"]
        data["annotations"]["piece0_3"] = {"valence": [0.1], "arousal": [0.1]}
        data["annotations"]["piece0_4"] = {"valence": [0.1], "arousal": [0.1, 0.2]}

    change(root, what)
    dataset = datasets.load_vgmidi(root)
    assert dataset.report.counts["ratings"][0] == 6
    assert len(dataset.report.odd) == 2


@pytest.mark.parametrize(
    ("what", "said"),
    [
        (
            lambda data: data["annotations"]["piece0_1"].update(valence=[2, 0, 0, 0]),
            "off the scale",
        ),
        (lambda data: data["annotations"]["piece0_1"].update(valence=["a"]), "lists of numbers"),
        (lambda data: data["annotations"]["piece0_1"].update(arousal=None), "lists of numbers"),
        (lambda data: data["pieces"]["piece0"].update(measures=10**9), "should have midi"),
        (lambda data: data["pieces"]["piece0"].update(midi=7), "should have midi"),
        (lambda data: data["annotations"]["piece0_1"].update(valence=[10**400]), "off the scale"),
        (lambda data: data["annotations"]["piece0_1"].update(valence=[math.nan]), "off the scale"),
        (lambda data: data["pieces"].update(more=3), "object of objects"),
        (lambda data: data.pop("pieces"), "object of objects"),
        (
            lambda data: data["pieces"].update(
                twin={"midi": data["pieces"]["piece0"]["midi"], "measures": 5, "duration": 8}
            ),
            "described twice",
        ),
    ],
)
def test_vgmidi_refuses_damaged_annotations(made, what, said):
    root = made("vgmidi")
    change(root, what)
    with pytest.raises(DatasetError, match=said) as caught:
        datasets.load_vgmidi(root)
    assert "vgmidi_raw_1.json" in str(caught.value)


def test_vgmidi_levels(made):
    with pytest.raises(ValueError, match="level"):
        datasets.load_vgmidi(made("vgmidi"), level="games")


# --- the others -----------------------------------------------------------------------------------


def test_pmemo_groups_by_artist_and_joins_lyrics(made):
    dataset = datasets.load_pmemo(made("pmemo"))
    assert dataset.groups.tolist() == ["Björk", "Björk", "Björk", "Ana", "Ana"]
    first = dataset.tracks[0]
    assert read_lyrics(first).text == "la la"
    assert dataset.tracks[1].lyrics is None
    assert dataset.report.counts["choruses"] == (6, 794)
    assert dataset.valence[dataset.ids.index("4")] == pytest.approx(0.8)
    assert dataset.arousal[dataset.ids.index("4")] == pytest.approx(-0.8)
    assert [curve is not None for curve in dataset.curves] == [True] * 3 + [False] * 2
    assert dataset.curves[0].std["valence"].tolist() == [1.2] * 4


def test_pmemo_does_without_artists_and_without_curves_if_it_must(made):
    root = made("pmemo")
    (root / "metadata.csv").unlink()
    (root / "annotations/dynamic_annotations.csv").unlink()
    with pytest.raises(DatasetError, match=r"dynamic_annotations\.csv"):
        datasets.load_pmemo(root)
    dataset = datasets.load_pmemo(root, missing="drop")
    assert dataset.groups.tolist() == dataset.ids
    assert dataset.curves == [None] * 5
    assert any("artists are unknown" in text for text in dataset.report.odd)


def test_pmemo_songs_without_a_spread_are_told(made):
    root = made("pmemo")
    edit(root / "annotations/static_annotations_std.csv", r"^4,.*\n", "")
    dataset = datasets.load_pmemo(root)
    assert np.isnan(dataset.std["valence"][dataset.ids.index("4")])
    assert any("1 songs have no standard" in text for text in dataset.report.odd)


def test_jamendo_reads_tags_beyond_the_header_and_groups_by_artist(made):
    dataset = datasets.load_jamendo(made("jamendo"))
    assert dataset.tags[:3] == [("calm", "film", "happy"), ("calm", "film"), ("calm",)]
    assert dataset.groups.tolist() == [f"artist_00{n // 2}" for n in range(1, 7)]
    assert dataset.labels is None
    assert np.isnan(dataset.plane).all()
    assert len(dataset.splits["split-0"]["valid"]) == 2


def test_jamendo_finds_small_audio_in_another_folder(made, tmp_path):
    root = made("jamendo")
    other = tmp_path / "low"
    shutil.move(root / "audio", other)
    for path in other.rglob("*.mp3"):
        path.rename(path.with_suffix(".low.mp3"))
    assert len(datasets.load_jamendo(root, audio=other)) == 6


@pytest.mark.parametrize("way", ["../1001.mp3", "/etc/passwd", "01/../../1.mp3", "01/1001.wav"])
def test_jamendo_refuses_odd_paths(made, way):
    root = made("jamendo")
    edit(root / "data/autotagging_moodtheme.tsv", r"01/1001\.mp3", way)
    with pytest.raises(DatasetError, match="column path"):
        datasets.load_jamendo(root)


def test_a_published_split_that_divides_a_group_is_told(made):
    root = made("jamendo")
    assert not datasets.load_jamendo(root).report.odd
    edit(root / "data/autotagging_moodtheme.tsv", "artist_000", "artist_003")
    notes = datasets.load_jamendo(root).report.odd
    assert notes == ("split split-0 divides 1 groups between its parts",)


def test_four_q_refuses_a_song_in_another_quadrants_folder(made):
    root = made("four_q")
    edit(root / "panda_dataset_taffc_annotations.csv", r"Q2", "Q3")
    with pytest.raises(DatasetError, match="lies in Q2"):
        datasets.load_four_q(root)


def test_four_q_groups_by_artist_and_keeps_moods(made):
    dataset = datasets.load_four_q(made("four_q"))
    assert dataset.groups[0].startswith("artist")
    assert dataset.tags[0] == ("Gloomy", "Sad")
    assert dataset.quadrants.tolist() == dataset.labels.tolist()


def test_emotion_groups_a_name_that_stands_in_two_classes(made):
    root = made("emotion")
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


def test_mirex_joins_three_modalities_by_name(made):
    dataset = datasets.load_mirex(made("mirex"))
    second = dataset.tracks[1]
    assert [second.audio.name, second.lyrics.name, second.symbolic.name] == [
        "002.mp3",
        "002.txt",
        "002.mid",
    ]
    assert dataset.tracks[5].lyrics is None
    assert dataset.labels.tolist() == [f"Cluster {n % 5 + 1}" for n in range(6)]
    assert dataset.tags[2] == ("Wistful",)


def test_mirex_lines_follow_dataset_txt_where_it_is(made):
    root = made("mirex")
    (root / "dataset.txt").write_text("".join(f"{n:03d}.mp3\n" for n in (6, 5, 4, 3, 2, 1)))
    assert datasets.load_mirex(root).labels[0] == "Cluster 1"
    assert datasets.load_mirex(root).labels[1] == "Cluster 5"
    (root / "categories.txt").write_text("Fun\n")
    with pytest.raises(DatasetError, match=r"1 lines, and clusters\.txt 6"):
        datasets.load_mirex(root)


def test_mirex_clips_may_be_sorted_into_folders(made):
    root = made("mirex")
    (root / "Audio/Cluster 1/Rousing").mkdir(parents=True)
    shutil.move(root / "Audio/001.mp3", root / "Audio/Cluster 1/Rousing/001.mp3")
    assert len(datasets.load_mirex(root)) == 6


def test_ravdess_reads_names_and_counts_files_of_one_name_once(made):
    root = made("ravdess")
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


def test_emodb_letters_are_german(made):
    root = made("emodb")
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


def test_iemocap_reads_valence_before_activation_and_words(made):
    dataset = datasets.load_iemocap(made("iemocap"))
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


def test_emotify_numbers_pieces_in_hundreds_and_keeps_shares(made):
    dataset = datasets.load_emotify(made("emotify"))
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


def test_emotify_refuses_a_piece_of_two_genres_and_half_choices(made):
    root = made("emotify")
    edit(root / "data.csv", r"^101,rock", "101,pop", 1)
    with pytest.raises(DatasetError, match="column genre: is pop in row 5"):
        datasets.load_emotify(root)
    root = made("emotify")
    edit(root / "data.csv", r"^400,pop,0", "400,pop,2", 1)
    with pytest.raises(DatasetError, match="should be 0 or 1"):
        datasets.load_emotify(root)


def test_memomusic_reads_titles_with_commas_and_untidy_addresses(made):
    dataset = datasets.load_memomusic(made("memomusic"))
    plane = dict(zip(dataset.ids, dataset.plane.tolist()))
    assert plane["classical/1"] == pytest.approx([0.6, -0.4])
    assert plane["classical/10"] == [-1, -1]
    assert plane["yanni/1"] == [1, 1]
    names = {track.id: track.symbolic.name for track in dataset.tracks}
    assert names["yanni/1"] == "1 A Love For Life.mid"
    assert names["classical/10"] == "10.MID"


def test_ch818_keeps_the_experts_disagreement(made):
    dataset = datasets.load_ch818(made("ch818"))
    assert dataset.ids == ["s1", "s2", "s10"]
    np.testing.assert_allclose(dataset.valence, [-0.1, 0.0, 0.1], atol=1e-12)
    np.testing.assert_allclose(dataset.std["valence"], [np.std([0, 0.1, 0.2])] * 3)
    assert dataset.ratings["n_raters"].tolist() == [3] * 3
    assert set(dataset.groups) == {"歌手"}


def test_ch818_with_a_row_a_song_has_no_spread(made):
    root = made("ch818")
    rows = [["song_id", "valence", "arousal"], ["s1", 1, 2], ["s2", 3, 4], ["s10", 5, 6]]
    table(root / "annotations.csv", rows)
    dataset = datasets.load_ch818(root)
    assert dataset.std == dataset.ratings == {}
    assert dataset.groups.tolist() == dataset.ids
    np.testing.assert_allclose(dataset.plane, np.array([[1, 2], [3, 4], [5, 6]]) / 10)


def test_ch818_as_a_spreadsheet_says_what_to_do(made):
    root = made("ch818")
    (root / "annotations.csv").rename(root / "annotations.xlsx")
    with pytest.raises(DatasetError, match="should be saved as csv"):
        datasets.load_ch818(root)


def test_ch818_refuses_a_rater_who_rates_twice(made):
    root = made("ch818")
    edit(root / "annotations.csv", r"^s1,1", "s1,0")
    with pytest.raises(DatasetError, match="rated the song before"):
        datasets.load_ch818(root)


def test_moodswings_curves_run_by_second_over_workers(made):
    root = made("moodswings")
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


def test_folders_too_full_or_too_deep_are_not_read_to_the_end(tmp_path, monkeypatch):
    deep = "happy/" + "x/" * 20
    media(tmp_path, "happy/a.mid", f"{deep}b.mid", "sad/c.mid", "sad/empty.mid")
    (tmp_path / "sad/empty.mid").write_bytes(b"")
    dataset = datasets.load_folders(tmp_path)
    assert dataset.ids == ["happy/a", "sad/c"]
    assert dataset.report.odd == ("empty.mid is empty",)
    monkeypatch.setattr("chordmer.datasets.corpus.MOST_FILES", 1)
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


def test_manifest_keeps_splits_spreads_and_other_numbers(made):
    dataset = datasets.load_manifest(made("manifest"))
    assert dataset.ids == ["t1", "t2", "t10"]
    assert dataset.std["valence"].tolist() == [0.3, 0.1, 0.2]
    assert dataset.ratings["power"].tolist() == [5, 3, 4]
    assert {part: rows.tolist() for part, rows in dataset.splits["manifest"].items()} == {
        "valid": [0],
        "train": [1],
        "test": [2],
    }
    assert dataset.groups.tolist() == ["s3", "s1", "s2"]


def test_manifest_on_another_scale(made):
    path = made("manifest")
    dataset = datasets.load_manifest(path, scale=Scale(-2, 2))
    assert dataset.valence.tolist() == [-0.5, 0.25, -0.25]
    assert dataset.std["valence"].tolist() == [0.15, 0.05, 0.1]


def test_what_a_model_learns(made):
    labelled = datasets.load_four_q(made("four_q"))
    assert labelled.y.tolist() == labelled.labels.tolist()
    rated = datasets.load_pmemo(made("pmemo"))
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
