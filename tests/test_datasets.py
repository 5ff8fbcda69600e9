"""What every loader promises, on tiny made corpora."""

import csv
import inspect
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from corpora import corpora
from made_corpora import CORPORA, media, table
from test_architecture import loaded_after

from chordmer import datasets
from chordmer.datasets import Dataset
from chordmer.datasets.media import natural
from chordmer.errors import ChordmerError, DatasetError
from chordmer.track import Track

MODALITIES = ("symbolic", "audio", "lyrics")
NAMED = [made for made in CORPORA if made.named and made.name != "manifest"]
every = pytest.mark.parametrize("made", CORPORA, ids=lambda made: made.name)
named = pytest.mark.parametrize("made", NAMED, ids=lambda made: made.name)


def loader(made):
    return getattr(datasets, f"load_{made.name}")


def check(dataset):
    """Everything that holds of a Dataset, whatever the corpus."""
    n = len(dataset)
    assert n == len(dataset.tracks) == len(dataset.groups) == len(dataset.ids)
    assert len(set(dataset.ids)) == n
    assert dataset.ids == sorted(dataset.ids, key=natural)
    for track, group in zip(dataset.tracks, dataset.groups):
        sources = [track.source(name) for name in MODALITIES if track.source(name) is not None]
        assert sources
        assert all(isinstance(source, bytes) or source.stat().st_size for source in sources)
        assert group == (track.group or track.id)
    for name in ("valence", "arousal"):
        column = getattr(dataset, name)
        assert column.shape == (n,)
        assert column.dtype == np.float64
        assert (np.isnan(column) | (np.abs(column) <= 1)).all()
    for column in (*dataset.std.values(), *dataset.ratings.values()):
        assert column.shape == (n,)
    assert all((np.isnan(column) | (column >= 0)).all() for column in dataset.std.values())
    if dataset.labels is not None:
        assert dataset.labels.shape == (n,)
        assert all(label is None or isinstance(label, str) for label in dataset.labels)
    for listed in (dataset.curves, dataset.tags):
        assert listed is None or len(listed) == n
    for curve in filter(None, dataset.curves or ()):
        assert curve.times.shape == curve.valence.shape == curve.arousal.shape
        assert (np.diff(curve.times) > 0).all()
        assert (np.abs([curve.valence, curve.arousal]) <= 1).all()
        assert all(column.shape == curve.times.shape for column in curve.std.values())
    for parts in dataset.splits.values():
        assert set(parts) <= {"train", "valid", "test"}
        rows = np.concatenate(list(parts.values()))
        assert len(set(rows.tolist())) == len(rows)
        assert all(0 <= row < n for row in rows)
    assert all(0 <= row < n for rows in dataset.shared.values() for row in rows)
    assert dataset.y.shape[0] == n
    assert dataset.about.licence
    assert dataset.licence == dataset.about.licence


def same(one, other):
    """Two datasets that say the same, of copies in two places."""
    assert one.ids == other.ids
    assert one.groups.tolist() == other.groups.tolist()
    np.testing.assert_array_equal(one.plane, other.plane)
    assert (one.labels is None) == (other.labels is None)
    assert one.labels is None or one.labels.tolist() == other.labels.tolist()
    assert one.tags == other.tags
    for column in ("std", "ratings"):
        assert getattr(one, column).keys() == getattr(other, column).keys()
        for name in getattr(one, column):
            np.testing.assert_array_equal(getattr(one, column)[name], getattr(other, column)[name])
    for name, parts in one.splits.items():
        for part, rows in parts.items():
            assert rows.tolist() == other.splits[name][part].tolist()
    for curve, twin in zip(one.curves or (), other.curves or ()):
        assert (curve is None) == (twin is None)
        if curve:
            np.testing.assert_array_equal(curve.valence, twin.valence)


def test_the_table_of_made_corpora_holds_every_loader():
    loaders = [name for name in datasets.__all__ if name.startswith("load_")]
    assert loaders == [f"load_{made.name}" for made in CORPORA]
    assert sorted(datasets.__all__) == datasets.__all__ == dir(datasets)
    with pytest.raises(AttributeError, match="load_nothing"):
        _ = datasets.load_nothing


def test_loading_loads_nothing_heavy():
    code = "from chordmer import datasets; [getattr(datasets, n) for n in datasets.__all__]"
    assert loaded_after(code) == set()


@every
def test_a_made_corpus_loads(made, tmp_path):
    dataset = loader(made)(made.make(tmp_path))
    check(dataset)
    assert isinstance(dataset, Dataset)
    assert dataset.name == made.name
    assert len(dataset) == made.n
    assert dataset.report.counts["tracks"][0] == made.n
    assert not dataset.report.missing
    assert made.track in dataset.ids
    text = dataset.summary()
    assert dataset.about.title in text
    assert dataset.licence in text


@every
def test_the_docstring_says_layout_source_and_errors(made):
    doc = inspect.getdoc(loader(made))
    for heading in ("Parameters", "Returns", "Raises"):
        assert f"\n{heading}\n" in doc
    about = sys.modules[loader(made).__module__].__dict__.get("ABOUT")
    if about is not None:
        assert about.citation
        assert "::" in doc
        assert about.url in doc or not about.url.startswith("http") or "From " in doc


@every
def test_rows_are_joined_by_ids_and_not_by_position(made, tmp_path):
    as_made = loader(made)(made.make(tmp_path / "one"))
    given = made.make(tmp_path / "two")
    for path in (tmp_path / "two").rglob("*.[ct]sv"):
        lines = path.read_bytes().splitlines(keepends=True)
        headers = 0 if made.name == "memomusic" else 1
        path.write_bytes(b"".join(lines[:headers] + lines[headers:][::-1]))
    same(as_made, loader(made)(given))


@every
def test_tables_may_be_utf_16(made, tmp_path):
    as_made = loader(made)(made.make(tmp_path / "one"))
    given = made.make(tmp_path / "two")
    for path in (tmp_path / "two").rglob("*.[ct]sv"):
        encoding = "latin-1" if path.name == "metadata.csv" else "utf-8"
        path.write_text(path.read_text(encoding), encoding="utf-16")
    same(as_made, loader(made)(given))


@every
def test_what_archives_and_systems_leave_behind_is_passed_over(made, tmp_path):
    given = made.make(tmp_path)
    for path in [path for path in tmp_path.rglob("*") if path.is_file()]:
        path.with_name(f"._{path.name}").write_bytes(b"\0\5\x16\7")
    (tmp_path / "__MACOSX").mkdir()
    assert len(loader(made)(given)) == made.n


@named
def test_the_folder_around_the_corpus_will_do(made, tmp_path):
    made.make(tmp_path / "unpacked")
    assert len(loader(made)(tmp_path)) == made.n


@named
@pytest.mark.parametrize("how", ["removed", "empty"])
def test_a_lacking_file_is_named_or_left_out(made, how, tmp_path):
    given = made.make(tmp_path)
    path = tmp_path / made.file
    path.unlink() if how == "removed" else path.write_bytes(b"")
    with pytest.raises(DatasetError) as caught:
        loader(made)(given, missing="raise")
    about = sys.modules[loader(made).__module__].ABOUT
    for said in (made.file, about.url, about.licence):
        assert said in str(caught.value)
    dataset = loader(made)(given, missing="drop")
    check(dataset)
    assert len(dataset) == made.n - 1
    assert made.track not in dataset.ids
    assert dataset.report.missing == (made.file,)
    assert not dataset.report.complete
    assert made.file[-20:] in str(dataset.report)


@pytest.mark.parametrize(
    "made", [made for made in CORPORA if not made.named], ids=lambda made: made.name
)
def test_a_lacking_file_that_no_table_names_shows_in_the_count(made, tmp_path):
    given = made.make(tmp_path)
    (tmp_path / made.file).unlink()
    dataset = loader(made)(given)
    assert len(dataset) == dataset.report.counts["tracks"][0] == made.n - 1


@pytest.mark.parametrize(
    ("made", "name"),
    [(made, name) for made in NAMED for name in made.needed],
    ids=lambda value: getattr(value, "name", str(value)[-24:]),
)
def test_a_lacking_table_is_named_with_where_to_get_it(made, name, tmp_path):
    given = made.make(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(DatasetError) as caught:
        loader(made)(given, missing="raise")
    about = sys.modules[loader(made).__module__].ABOUT
    assert Path(name).name in str(caught.value)
    assert about.url in str(caught.value)
    assert about.licence in str(caught.value)


@every
def test_an_absent_folder_is_named(made, tmp_path):
    with pytest.raises(ChordmerError, match="absent"):
        loader(made)(tmp_path / "absent")


@every
def test_an_empty_folder_holds_no_corpus(made, tmp_path):
    with pytest.raises(ChordmerError):
        loader(made)(tmp_path)


DAMAGE = {
    "nothing": lambda data: b"",
    "a header alone": lambda data: data.splitlines(keepends=True)[0],
    "half of it": lambda data: data[: len(data) // 2],
    "noise": lambda data: bytes(np.random.default_rng(0).integers(0, 256, 4000, np.uint8)),
    "null bytes": lambda data: data.replace(b"1", b"\0"),
    "no commas": lambda data: data.replace(b",", b" "),
    "a giant cell": lambda data: data + b"9" * 20_000 + b"\n",
    "wild numbers": lambda data: data.replace(b"0.", b"1e999").replace(b"1", b"-99"),
    "a way out": lambda data: data.replace(b"labelled/", b"../../").replace(b"/", b"/../../"),
    "an open quote": lambda data: data + b'"never closed,\n1,2\n' * 3,
    "terminal codes": lambda data: data.replace(b"1", b"\x1b[31m"),
    "brackets": lambda data: b"[" * 100_000,
}


@pytest.mark.filterwarnings("default::chordmer.errors.ChordmerWarning")
@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize(
    ("made", "name"),
    [(made, name) for made in CORPORA for name in (*made.needed, *made.more)],
    ids=lambda value: getattr(value, "name", str(value)[-24:]),
)
def test_a_damaged_table_is_refused_or_read_never_worse(made, name, damage, tmp_path):
    given = made.make(tmp_path)
    path = tmp_path / name
    path.write_bytes(DAMAGE[damage](path.read_bytes()))
    refused = None
    try:
        check(loader(made)(given))
    except ChordmerError as error:
        refused = str(error)
    assert refused is None or refused.isprintable()


@named
def test_only_two_ways_to_meet_lacking_files(made, tmp_path):
    with pytest.raises(ValueError, match="missing should be"):
        loader(made)(made.make(tmp_path), missing="ignore")


@every
def test_rows_of_a_dataset_are_a_dataset(made, tmp_path):
    dataset = loader(made)(made.make(tmp_path))
    for rows in (np.arange(len(dataset)) % 2 == 0, slice(1, None), [0, -1], np.array([], int)):
        part = dataset[rows]
        picked = np.arange(len(dataset))[rows]
        assert part.ids == [dataset.ids[row] for row in picked]
        np.testing.assert_array_equal(part.plane, dataset.plane[picked])
        for name, parts in dataset.splits.items():
            for key, held in parts.items():
                kept = {dataset.ids[row] for row in held} & set(part.ids)
                assert {part.ids[row] for row in part.splits[name][key]} == kept
    with pytest.raises(IndexError):
        _ = dataset[[len(dataset)]]
    with pytest.raises(IndexError):
        _ = dataset[[0, 0]]
    with pytest.raises(TypeError):
        _ = dataset[0]


def test_links_out_of_a_corpus_of_the_users_own_making_are_followed(tmp_path):
    made = next(made for made in CORPORA if made.name == "emopia")
    given = made.make(tmp_path / "corpus")
    shutil.move(given / "midis", tmp_path / "disk")
    (given / "midis").symlink_to(tmp_path / "disk", target_is_directory=True)
    assert len(datasets.load_emopia(given)) == made.n


def emopia_parts(tmp_path):
    """A made part of EMOPIA with its index, and the real one where it is at hand."""
    made = next(made for made in CORPORA if made.name == "emopia")
    root = made.make(tmp_path / "part")
    shutil.rmtree(root / "split")
    (root / "label.csv").unlink()
    rows = [
        [track.id, track.group, label, valence, arousal, "val" if at % 3 else "train"]
        for track, label, valence, arousal, at in [
            (Track("Q1_s_s_0", group="s_s"), "Q1", 1, 1, 0),
            (Track("Q4_s_s_1", group="s_s"), "Q4", 1, 0, 0),
            (Track("Q3_t_0", group="t"), "Q3", 0, 0, 1),
        ]
    ]
    table(
        root / "index.csv", [["clip_id", "song", "quadrant", "valence", "arousal", "split"], *rows]
    )
    shutil.rmtree(root / "midis")
    media(root, *(f"midis/{row[0]}.mid" for row in rows))
    whole = corpora()
    return [root, *([whole / "emopia"] if whole and (whole / "emopia/index.csv").exists() else [])]


def test_a_part_of_emopia_with_its_index(tmp_path):
    for root in emopia_parts(tmp_path):
        dataset = datasets.load_emopia(root)
        check(dataset)
        with (root / "index.csv").open(newline="") as file:
            rows = {row["clip_id"]: row for row in csv.DictReader(file)}
        assert set(dataset.ids) == set(rows)
        assert not dataset.report.missing
        for track, label, valence, arousal in zip(
            dataset.tracks, dataset.labels, dataset.valence, dataset.arousal
        ):
            row = rows[track.id]
            assert (label, track.group) == (row["quadrant"], row["song"])
            # The index writes the negative half as 0.
            assert (valence > 0, arousal > 0) == (row["valence"] == "1", row["arousal"] == "1")
            assert abs(valence) == abs(arousal) == 1
        parts = dataset.splits["classification"]
        assert set(dataset.groups[parts["train"]]).isdisjoint(dataset.groups[parts["valid"]])
        assert len(parts["train"]) == sum(row["split"] == "train" for row in rows.values())
        songs = [song for song, _ in {(row["song"], row["quadrant"]) for row in rows.values()}]
        several = sum(songs.count(song) > 1 for song in set(songs))
        assert dataset.report.counts["songs in several quadrants"][0] == several
