"""VGMIDI's traps: phrases that lack, zeros that are negative, raters of nothing."""

import json
import math
import re

import numpy as np
import pytest
from made_corpora import made

from chordmer import datasets
from chordmer.errors import DatasetError


def test_vgmidi_curves_are_means_over_raters_with_their_spread(tmp_path):
    root = made(tmp_path, "vgmidi")
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


def test_vgmidi_names_phrases_that_the_repository_does_not_hold(tmp_path):
    root = made(tmp_path, "vgmidi")
    lacking = "labelled/phrases/Mario_NES_Mario_Castle_1.mid"
    (root / lacking).unlink()
    dataset = datasets.load_vgmidi(root, level="phrases")
    assert len(dataset) == 5
    assert dataset.report.missing == (lacking,)
    with pytest.raises(DatasetError, match="Mario_Castle_1"):
        datasets.load_vgmidi(root, level="phrases", missing="raise")


def test_vgmidi_phrases_are_grouped_by_piece(tmp_path):
    dataset = datasets.load_vgmidi(made(tmp_path, "vgmidi"), level="phrases")
    assert sorted(set(dataset.groups)) == sorted(datasets.load_vgmidi(made(tmp_path, "vgmidi")).ids)
    assert dataset.labels.tolist() == dataset.quadrants.tolist()


def test_vgmidi_zeros_of_the_old_table_are_the_negative_half(tmp_path):
    root = made(tmp_path, "vgmidi")
    new = datasets.load_vgmidi(root, level="phrases")
    text = (root / "vgmidi_labelled.csv").read_text().replace("labelled/phrases", "../phrases")
    (root / "vgmidi_labelled.csv").unlink()
    (root / "labelled/src").mkdir()
    (root / "labelled/src/vgmidi.csv").write_text(re.sub(r"-1", "0", text))
    old = datasets.load_vgmidi(root, level="phrases")
    np.testing.assert_array_equal(old.plane, new.plane)
    assert set(np.unique(old.plane)) == {-1, 1}


@pytest.mark.parametrize("way", ["../../../etc/passwd.mid", "/etc/passwd.mid", "C:\\music\\x.mid"])
def test_a_path_that_leads_out_of_a_corpus_is_refused(tmp_path, way):
    root = made(tmp_path, "vgmidi")
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


def test_vgmidi_leaves_out_ratings_of_no_piece_and_of_another_length(tmp_path):
    root = made(tmp_path, "vgmidi")

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
def test_vgmidi_refuses_damaged_annotations(tmp_path, what, said):
    root = made(tmp_path, "vgmidi")
    change(root, what)
    with pytest.raises(DatasetError, match=said) as caught:
        datasets.load_vgmidi(root)
    assert "vgmidi_raw_1.json" in str(caught.value)


def test_vgmidi_levels(tmp_path):
    with pytest.raises(ValueError, match="level"):
        datasets.load_vgmidi(made(tmp_path, "vgmidi"), level="games")
