"""DEAM's and EmoMusic's traps: shared songs, exchanged columns, curves."""

import shutil

import numpy as np
import pytest
from made_corpora import MEDIAEVAL, STEPS, deam, edit, made, wide

from chordmer import datasets
from chordmer.errors import ChordmerWarning, DatasetError


def static(dataset):
    return dict(zip(dataset.ids, (dataset.plane * 4 + 5).round(6).tolist()))


def test_deam_reads_static_ratings_their_spread_and_curves(tmp_path):
    dataset = datasets.load_deam(made(tmp_path, "deam"))
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
    assert datasets.load_deam(made(tmp_path, "deam"), raters=False).curves[at].std == {}


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


def test_too_few_songs_do_not_tell_whether_columns_were_exchanged(tmp_path):
    notes = datasets.load_deam(made(tmp_path, "deam")).report.odd
    assert any("songs of 2014: too few curves" in text for text in notes)
    assert not any("songs of 2013" in text for text in notes)


def test_emomusic_with_valence_and_arousal_exchanged_is_put_right(tmp_path):
    root = made(tmp_path, "emomusic")
    right = datasets.load_emomusic(root)
    for name, column in (("valence", 2), ("arousal", 1)):
        wide(root / f"annotations/{name}_cont_average.csv", column)
    with pytest.warns(ChordmerWarning, match="each other's place"):
        wrong = datasets.load_emomusic(root)
    np.testing.assert_array_equal(wrong.valence, right.arousal)
    np.testing.assert_array_equal(wrong.std["valence"], right.std["arousal"])


def test_songs_that_deam_and_emomusic_share_have_the_same_groups(tmp_path):
    one = datasets.load_deam(made(tmp_path, "deam", "one"))
    other = datasets.load_emomusic(made(tmp_path, "emomusic", "other"))
    assert set(one.groups[one.shared["emomusic"]]) == set(other.groups[other.shared["deam"]])
    assert len(one.shared["emomusic"]) == len(MEDIAEVAL) < len(one)
    outside = np.setdiff1d(np.arange(len(one)), one.shared["emomusic"])
    assert set(one.groups[outside]).isdisjoint(other.groups)


def test_deam_without_curves_says_that_it_could_not_check(tmp_path):
    root = made(tmp_path, "deam")
    shutil.rmtree(next(root.glob("annotations/* averaged*/dynamic*")))
    with pytest.raises(DatasetError, match=r"valence\.csv"):
        datasets.load_deam(root)
    dataset = datasets.load_deam(root, missing="drop")
    assert len(dataset) == 11
    assert dataset.curves == [None] * 11
    assert any("exchanged" in text for text in dataset.report.odd)


def test_deam_leaves_out_raters_on_another_scale(tmp_path):
    root = made(tmp_path, "deam")
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
def test_negative_spreads_are_refused(tmp_path, name, path, old, new):
    root = made(tmp_path, name)
    edit(root / path, old, new, 1)
    with pytest.raises(DatasetError, match=r"row 2, .*no standard deviation"):
        getattr(datasets, f"load_{name}")(root)


def test_a_song_in_both_tables_of_deam_is_refused(tmp_path):
    root = made(tmp_path, "deam")
    edit(next(root.glob("annotations/*/song_level/*2000_2058.csv")), r"^2001", "1001")
    with pytest.raises(DatasetError, match="is in both tables"):
        datasets.load_deam(root)


def test_two_tracks_of_one_id_are_refused(tmp_path):
    root = made(tmp_path, "memomusic")
    edit(root / "File/CSV File.csv", r"ClassicMusic/10", "ClassicMusic/1")
    with pytest.raises(DatasetError, match="two tracks have this id") as caught:
        datasets.load_memomusic(root)
    assert caught.value.value == "classical/1"


def test_deam_splits_by_year(tmp_path):
    dataset = datasets.load_deam(made(tmp_path, "deam"))
    names = {
        name: {part: [dataset.ids[row] for row in rows] for part, rows in parts.items()}
        for name, parts in dataset.splits.items()
    }
    assert names["2014"]["test"] == ["1001", "1002"]
    assert names["2015"]["test"] == ["2001"]
    assert len(names["2015"]["train"]) == 10


def test_deam_refuses_a_song_that_is_none_of_its(tmp_path):
    root = made(tmp_path, "deam")
    path = next(root.glob("annotations/*/song_level/*1_2000.csv"))
    edit(path, r"^1002", "3000")
    with pytest.raises(DatasetError, match="1 to 2058"):
        datasets.load_deam(root)


def test_points_of_curves_off_the_scale_are_drawn_to_it_and_counted(tmp_path):
    root = made(tmp_path, "emomusic")
    edit(root / "annotations/valence_cont_average.csv", r"^5,[^,]*", "5,1.25")
    dataset = datasets.load_emomusic(root)
    assert dataset.curves[dataset.ids.index("5")].valence[0] == 1
    assert any("1 points of curves" in text for text in dataset.report.odd)


def test_curves_keep_the_moments_that_both_tables_rate(tmp_path):
    root = made(tmp_path, "emomusic")
    edit(root / "annotations/valence_cont_average.csv", r"^(5,[^,]*),[^,]*", r"\1,")
    dataset = datasets.load_emomusic(root)
    assert dataset.curves[dataset.ids.index("5")].times.tolist() == [15.0, 16.0]
    assert len(dataset.curves[0].times) == len(STEPS)


def test_emomusic_does_without_curves_if_it_must(tmp_path):
    root = made(tmp_path, "emomusic")
    (root / "annotations/valence_cont_average.csv").unlink()
    edit(root / "annotations/songs_info.csv", r"^12,.*\n", "")
    dataset = datasets.load_emomusic(root, missing="drop")
    assert dataset.curves == [None] * 8
    assert len(dataset.report.odd) == 2
    assert [dataset.ids[row] for row in dataset.splits["2013"]["test"]] == ["8", "10"]


def test_emomusic_splits_development_and_evaluation(tmp_path):
    dataset = datasets.load_emomusic(made(tmp_path, "emomusic"))
    assert [dataset.ids[row] for row in dataset.splits["2013"]["test"]] == ["8", "10", "12"]
    assert dataset.curves[0].std["arousal"].tolist() == [0.25] * 3
