"""What other programs make of a store: pandas, DuckDB, pyarrow, Hugging Face datasets, torch."""

import csv
import json
import os
import pickle

import numpy as np
import pytest
from stored import FEATURES, RECIPE, make, row, some_rows

from chordmer.errors import StoreError
from chordmer.store import Failure, Row, Store

COLUMNS = [
    *("id", "content", "extractor", "parameters", "version", "shape", "values", "times"),
    *("report", "error", "stage", "message", "tries"),
]
NASTY = [
    "\x1b[2J.mid",
    "<script>alert(1)</script>.mid",
    "=HYPERLINK(A1).mid",
    "+1.mid",
    "-1.mid",
    "@SUM(A1).mid",
    "a\nb,c\r\n.mid",
    "𝄞.mid",
    os.fsdecode(b"\xff\xfe.mid"),
]


@pytest.fixture(autouse=True, scope="module")
def unflushed():
    """No power is lost here; to flush a busy disk takes minutes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda file: None)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A store of two shards a feature, read by several programs."""
    return make(tmp_path_factory.mktemp("read") / "store", some_rows(0, 8), some_rows(8, 20))


@pytest.fixture(scope="module")
def truth():
    return {(r.feature, r.id): r for r in some_rows(0, 20)}


def same(found, truth):
    """Check that records are the rows of `truth`."""
    assert len(found) == len(truth)
    for one in found:
        true = truth[one["feature"], one["id"]]
        values = np.array(one["values"], np.float32).reshape([int(n) for n in one["shape"]])
        np.testing.assert_array_equal(values, true.values)
        assert one["error"] == (true.error.kind if true.error else None)
        assert one["content"] == true.content


def test_pyarrow_reads_the_folder(folder, truth):
    import pyarrow.dataset

    dataset = pyarrow.dataset.dataset(folder, partitioning="hive")
    assert dataset.schema.names == [*COLUMNS, "feature"]
    same(dataset.to_table().to_pylist(), truth)
    failed = dataset.to_table(filter=pyarrow.dataset.field("error") == "MidiError")
    assert len(failed) == 3


def test_pandas_reads_the_folder(folder, truth):
    import pandas

    frame = pandas.read_parquet(folder)
    assert set(frame["feature"]) == set(FEATURES)
    records = frame.astype({"error": object}).to_dict("records")
    same(
        [r | {"error": r["error"] if isinstance(r["error"], str) else None} for r in records], truth
    )
    assert len(pandas.read_parquet(folder, filters=[("feature", "=", "gtf")])) == 20


def test_duckdb_reads_the_folder(folder, truth):
    import duckdb

    with duckdb.connect() as base:
        source = f"read_parquet('{folder}/*/*.parquet', hive_partitioning=true)"
        found = base.sql(f"select * from {source}")
        names = found.columns
        same([dict(zip(names, line)) for line in found.fetchall()], truth)
        kinds = base.sql(
            f"select error, count(*) from {source} where error is not null group by error"
        )
        assert kinds.fetchall() == [("MidiError", 3)]


def test_hugging_face_datasets_read_the_folder(folder, truth, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import datasets

    files = [os.fspath(path) for path in sorted(folder.glob("feature=gtf/*.parquet"))]
    # Its progress bars leave locks that only the collector releases.
    datasets.disable_progress_bars()
    found = datasets.load_dataset(
        "parquet", data_files=files, split="train", cache_dir=os.fspath(tmp_path)
    )
    rows = {name: one for name, one in truth.items() if name[0] == "gtf"}
    same([dict(one) | {"feature": "gtf"} for one in found], rows)


def test_vectors_come_as_a_matrix(folder, truth):
    with Store.open(folder) as store:
        ids, X = store.matrix("gtf")
        good = sorted(r.id for r in truth.values() if r.feature == "gtf" and r.error is None)
        assert ids == good
        np.testing.assert_array_equal(X, [truth["gtf", name].values for name in ids])
        assert (X.dtype, X.shape) == (np.float32, (17, 4))
        with pytest.raises(StoreError, match=r"no vector like the others"):
            store.matrix("gtf_frames")


def test_vectors_of_two_lengths_are_no_matrix(tmp_path):
    folder = make(tmp_path / "store", [row(1), row(2, shape=(5,))])
    with pytest.raises(StoreError, match=r"matrix: gtf of 'folder/00002.mid' is no vector"):
        Store.open(folder).matrix("gtf")


def test_torch_maps_sequences(folder, truth):
    torch = pytest.importorskip("torch")
    store = Store.open(folder)
    dataset = store.torch_dataset("gtf_frames")
    assert isinstance(dataset, torch.utils.data.Dataset)
    kept = sorted(r.id for r in truth.values() if r.feature == "gtf_frames" and r.values.size)
    assert dataset.ids == kept
    assert len(dataset) == 16
    for number, name in enumerate(dataset.ids):
        np.testing.assert_array_equal(dataset[number].numpy(), truth["gtf_frames", name].values)
    np.testing.assert_array_equal(dataset[-1].numpy(), dataset[15].numpy())
    for number in (16, -17):
        with pytest.raises(IndexError):
            dataset[number]
    (home,) = (folder / "_arrays").iterdir()
    before = (home / "values.bin").stat()
    again = store.torch_dataset("gtf_frames")
    assert (home / "values.bin").stat().st_mtime_ns == before.st_mtime_ns
    again[0][:] = 7.0
    np.testing.assert_array_equal(dataset[0].numpy(), truth["gtf_frames", kept[0]].values)
    assert store.verify() == []


def test_a_torch_dataset_maps_and_travels(folder):
    import torch

    dataset = Store.open(folder).torch_dataset("gtf")
    first = dataset[0]
    assert first.data_ptr() == dataset[0].data_ptr()  # No copy: the same mapped memory.
    text = pickle.dumps(dataset)
    assert len(text) < 1000
    assert torch.equal(pickle.loads(text)[3], dataset[3])
    loader = torch.utils.data.DataLoader(
        dataset, batch_size=5, num_workers=1, multiprocessing_context="spawn"
    )
    batches = list(loader)
    assert torch.equal(torch.cat(batches), torch.stack([*dataset]))


def test_new_rows_make_new_arrays_and_remove_the_old_ones(tmp_path):
    folder = make(tmp_path / "store", [row(2)])
    old = Store.open(folder).torch_dataset("gtf")
    make(folder, [row(1), row(3)])
    new = Store.open(folder).torch_dataset("gtf")
    assert (len(old), len(new), new.ids[0]) == (1, 3, row(1).id)
    assert len(list((folder / "_arrays").iterdir())) == 1
    np.testing.assert_array_equal(old[0].numpy(), row(2).values)


# --- export --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def nasty(tmp_path_factory):
    """A store of names that mean harm, and what is exported of it."""
    home = tmp_path_factory.mktemp("nasty")
    values = np.array([1.5, np.nan], np.float32)
    rows = [
        Row(name, "", "gtf", RECIPE.extractor, RECIPE.parameters, RECIPE.version, values)
        for name in NASTY
    ]
    late = Failure("MidiError", "header", "=cmd|' /C calc'!A0\x1b[31m")
    rows.append(row(1, error=late))
    folder = make(home / "store", rows)
    with Store.open(folder) as store:
        for ending in ("csv", "jsonl", "parquet"):
            store.export(home / f"out.{ending}", "gtf")
    return home


def test_names_come_back_from_the_store_as_they_were(nasty):
    with Store.open(nasty / "store") as store:
        assert {r.id for r in store.rows("gtf")} == {*NASTY, row(1).id}
        assert store.known(NASTY[-1])["gtf"].failed is False
        assert sorted(store.torch_dataset("gtf").ids) == sorted(NASTY)
        assert store.verify() == []


def test_a_csv_is_safe_for_spreadsheets_and_terminals(nasty):
    text = (nasty / "out.csv").read_text(encoding="utf-8")
    assert all(character.isprintable() or character == "\n" for character in text)
    lines = list(csv.DictReader(text.splitlines()))
    assert len(lines) == len(NASTY) + 1
    for line in lines:
        for name in ("id", "message", "parameters", "report"):
            assert not line[name].startswith(("=", "+", "-", "@", "\t", "\r"))
    assert [line["v0"] for line in lines] == ["1.5"] * len(NASTY) + [""]
    assert lines[-1]["error"] == "MidiError"


def test_a_line_of_json_a_row(nasty):
    data = (nasty / "out.jsonl").read_bytes()
    assert data.isascii()
    assert b"\x1b" not in data
    lines = [json.loads(line) for line in data.splitlines()]
    assert lines[0]["values"] == [1.5, None]
    assert lines[0]["parameters"] == {"size": 4}
    assert {line["id"] for line in lines} >= {"𝄞.mid", "�dcff�dcfe.mid"}


def test_a_parquet_file_has_the_columns_of_the_store(nasty):
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(nasty / "out.parquet")
    assert table.schema.names == COLUMNS
    assert len(table) == len(NASTY) + 1


def test_sequences_do_not_fit_into_a_csv(folder, tmp_path):
    with pytest.raises(StoreError, match="vectors of one length"):
        Store.open(folder).export(tmp_path / "out.csv", "gtf_frames")
    assert list(tmp_path.iterdir()) == []
    Store.open(folder).export(tmp_path / "out.jsonl", "gtf_frames")
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert lines[3]["times"] == [0.0, 1.0, 2.0]
