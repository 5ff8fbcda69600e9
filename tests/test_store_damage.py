"""A store whose files are damaged, swapped, or made by someone who means harm."""

import hashlib
import json
import os
import random
import shutil
import struct
import zlib

import numpy as np
import pytest
from stored import FEATURES, make, row, some_rows, tell, told

from chordmer.errors import ModelError, StoreError
from chordmer.folder import load_folder, save_folder
from chordmer.store import Store, repair, shards, verify
from chordmer.store.disk import read_sealed, sealed_json
from chordmer.store.listing import LISTING
from chordmer.store.shards import arrow, schema, to_parquet, to_table

FLIPS = 200
KIND = "Chord2Vec"
MANIFEST = {"kind": KIND, "parameters": {"window": 5}}
ARRAYS = {"vectors": np.arange(12, dtype=np.float32).reshape(4, 3)}


@pytest.fixture(autouse=True, scope="module")
def unflushed():
    """No power is lost here; to flush a busy disk takes minutes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda file: None)
        yield


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """A store with shards, a journal that is not empty, and arrays for torch; and its rows."""
    folder = tmp_path_factory.mktemp("good") / "store"
    make(folder, some_rows(0, 12), some_rows(12, 20))
    rows = list(some_rows(20, 24))
    with Store.create_or_open(folder, FEATURES) as store:
        store.append(rows)
        store.torch_dataset("gtf")
        # As after a kill: the journal is not sealed.
        shutil.copytree(folder, folder.with_name("killed"))
    return folder.with_name("killed")


@pytest.fixture
def folder(good, tmp_path):
    return shutil.copytree(good, tmp_path / "store")


def files_of(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.stat().st_size)


def flip(path, dice):
    data = bytearray(path.read_bytes())
    data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
    path.write_bytes(data)


def read_everything(folder):
    """Load all that a store has, as its users would."""
    store = Store.open(folder)
    rows = told(store)
    arrays = store.torch_dataset("gtf")
    return rows, [arrays[n].numpy().tobytes() for n in range(len(arrays))], store.hash()


def test_every_flipped_bit_of_a_store_is_found_by_verify_and_at_load(good, folder):
    dice = random.Random(1)
    assert verify(folder) == []
    read_everything(folder)
    names = [path.relative_to(folder) for path in files_of(folder)]
    kinds = {name.parts[0] for name in names}
    assert kinds == {LISTING, "feature=gtf", "feature=gtf_frames", "_index", "_journal", "_arrays"}
    found = loaded = 0
    for number in range(FLIPS):
        name = names[number % len(names)]
        flip(folder / name, dice)
        found += bool(verify(folder))
        try:
            read_everything(folder)
        except StoreError as error:
            loaded += name.name in str(error)
        shutil.copyfile(good / name, folder / name)
    print(f"{found} of {FLIPS} flips found by verify, {loaded} at load")
    assert (found, loaded) == (FLIPS, FLIPS)
    assert verify(folder) == []


def test_every_flipped_bit_of_a_model_is_found(tmp_path):
    dice = random.Random(2)
    save_folder(tmp_path / "model", MANIFEST, ARRAYS)
    files = files_of(tmp_path / "model")
    whole = {path: path.read_bytes() for path in files}
    found = 0
    for number in range(FLIPS):
        path = files[number % len(files)]
        flip(path, dice)
        with pytest.raises(ModelError):
            load_folder(tmp_path / "model", kind=KIND)
        found += 1
        path.write_bytes(whole[path])
    assert found == FLIPS
    load_folder(tmp_path / "model", kind=KIND)


def test_verify_looks_at_the_models_of_a_store(folder):
    (folder / "_models").mkdir()
    save_folder(folder / "_models" / "odd", MANIFEST, ARRAYS)
    flip(folder / "_models" / "odd" / "arrays.safetensors", random.Random(3))
    (problem,) = verify(folder)
    assert "arrays.safetensors" in problem


def test_a_journal_cut_anywhere_keeps_the_rows_before_the_cut(folder, tmp_path):
    (journal,) = (folder / "_journal").iterdir()
    data = journal.read_bytes()
    rows = sorted(some_rows(20, 24), key=lambda r: r.id)
    seen = set()
    for size in range(0, len(data) + 1, 41):
        journal.write_bytes(data[:size])
        assert verify(folder) == []
        store = Store.open(folder)
        there = {tell(r) for feature in FEATURES for r in store.rows(feature)}
        seen.add(sum(tell(r) in there for r in rows))
    assert seen == set(range(len(rows)))
    journal.write_bytes(data[:-1])
    with Store.create_or_open(folder, FEATURES) as store:
        store.append([row(99)])
    assert verify(folder) == []
    assert "folder/00099.mid" in Store.open(folder).table("gtf")["id"].to_pylist()


def test_zeros_after_a_power_cut_are_no_damage(folder):
    (journal,) = (folder / "_journal").iterdir()
    before = told(Store.open(folder))
    journal.write_bytes(journal.read_bytes() + bytes(5000))
    assert told(Store.open(folder)) == before
    with Store.create_or_open(folder, FEATURES):
        pass
    assert told(Store.open(folder)) == before


def test_repair_drops_what_is_damaged_and_nothing_else(folder):
    whole = told(Store.open(folder))
    shards = sorted(folder.glob("feature=gtf/*.parquet"))
    lost = set(arrow().parquet.read_table(shards[0], partitioning=None)["id"].to_pylist())
    flip(shards[0], random.Random(4))
    (journal,) = (folder / "_journal").iterdir()
    data = bytearray(journal.read_bytes())
    data[-1] ^= 1
    journal.write_bytes(data)
    with pytest.raises(StoreError, match=r"rows: journal: is damaged"):
        Store.create_or_open(folder, FEATURES)
    dropped = repair(folder)
    assert [shards[0].name in line or journal.name in line for line in dropped] == [True, True]
    assert repair(folder) == verify(folder) == []
    last = tell([*some_rows(20, 24)][-1])
    kept = [r for r in whole if r != last and not (r[0] in lost and r[2] == "gtf")]
    assert told(Store.open(folder)) == kept
    with Store.create_or_open(folder, FEATURES) as store:
        store.append(some_rows(0, 24))
        assert told(store) == whole
    assert verify(folder) == []


def test_what_is_in_no_list_is_reported_and_removed(folder):
    strays = [
        folder / "feature=gtf" / "part-00000077.parquet",
        folder / "feature=gtf" / ".0123456789abcdef",
        folder / "_index" / "gtf-00000077.bin",
        folder / "_journal" / "00000077.rows",
        folder / ".0123456789abcdef",
    ]
    for stray in strays:
        stray.write_bytes(b"left by a crash")
    assert len(verify(folder)) == len(strays)
    before = told(Store.open(folder))
    with Store.create_or_open(folder, FEATURES):
        pass
    assert not any(stray.exists() for stray in strays)
    assert told(Store.open(folder)) == before


# --- harm ----------------------------------------------------------------------------------------


def listing(folder, change):
    """Change the listing, and seal it anew."""
    content = read_sealed(folder / LISTING, 1 << 20)
    change(content)
    (folder / LISTING).write_bytes(sealed_json(content))


def refused(folder, match):
    assert verify(folder)
    with pytest.raises(StoreError, match=match):
        read_everything(folder)
    with pytest.raises(StoreError, match=match), Store.create_or_open(folder, FEATURES) as store:
        told(store)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("feature", "../../etc"),
        ("feature", "mel"),
        ("feature", None),
        ("number", "../../../etc/passwd"),
        ("number", -1),
        ("number", 1.0),
        ("number", 1 << 40),
        ("number", 2),
        ("rows", 0),
        ("rows", -1),
        ("rows", True),
        ("failed", 13),
        ("supersedes", 0),
        ("bytes", -1),
        ("sha256", "0"),
        ("sha256", None),
        ("index_sha256", "Z" * 64),
        ("more", 1),
    ],
)
def test_a_listing_of_what_cannot_be_is_refused(folder, key, value):
    listing(folder, lambda content: content["shards"][0].update({key: value}))
    refused(folder, "listing")


@pytest.mark.parametrize(
    "change",
    [
        {"shards": None},
        {"shards": [1]},
        {"shards": {"a": 1}},
        {"features": []},
        {"features": {"gtf": {}}},
        {"features": {"gtf": {"extractor": 1, "parameters": "", "version": ""}}},
        {"features": {"../x": {"extractor": "", "parameters": "", "version": ""}}},
        {"next": 0},
        {"next": "1"},
        {"schema": 2},
        {"schema": "1"},
        {"format": "chordmer model"},
    ],
)
def test_an_odd_listing_is_refused(folder, change):
    listing(folder, lambda content: content.update(change))
    refused(folder, "listing")


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"3", b"\xff", b"[" * 99999, b'{"sha256": 1}', b'{"a": NaN}']
)
def test_a_listing_that_is_no_sealed_json_is_refused(folder, text):
    (folder / LISTING).write_bytes(text)
    refused(folder, "_store.json: (JSON|hash)")


def test_huge_files_are_not_read(folder):
    for name in (LISTING, "_index/gtf-00000001.bin", "feature=gtf/part-00000001.parquet"):
        path = folder / name
        whole = path.read_bytes()
        with path.open("r+b") as file:
            file.truncate(1 << 36)
        with pytest.raises(StoreError, match="too large"):
            read_everything(folder)
        path.write_bytes(whole)
    read_everything(folder)


@pytest.mark.parametrize(
    "name", [LISTING, "feature=gtf/part-00000001.parquet", "_index/gtf-00000001.bin"]
)
def test_links_and_pipes_are_refused(folder, tmp_path, name):
    path = folder / name
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    refused(folder, "is a link")
    path.unlink()
    os.mkfifo(path)
    refused(folder, "not a regular file")


@pytest.mark.parametrize("name", ["feature=gtf", "_index", "_journal"])
def test_nothing_is_removed_through_a_linked_folder(folder, tmp_path, name):
    home = tmp_path / "elsewhere"
    (folder / name).rename(home)
    (home / "part-00000077.parquet").write_text("years of work")
    (folder / name).symlink_to(home)
    assert any("is a link" in line for line in verify(folder))
    with pytest.raises(StoreError, match="is a link"):
        Store.create_or_open(folder, FEATURES)
    assert (home / "part-00000077.parquet").exists()


def put(folder, data, rows=None):
    """Put bytes in the place of the first shard, and list them truly."""

    def change(content):
        shard = next(s for s in content["shards"] if s["feature"] == "gtf")
        shard.update(bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
        shard.update(rows=rows or shard["rows"])

    (folder / "feature=gtf" / "part-00000001.parquet").write_bytes(data)
    listing(folder, change)


def column(name, array):
    """The table of the first shard, with another column."""
    pa = arrow()
    table = to_table([r for r in some_rows(0, 12) if r.feature == "gtf"])
    place = table.schema.get_field_index(name)
    return table.set_column(
        place, table.schema.field(name), pa.array(array, schema().field(name).type)
    )


def test_shards_that_lie_are_refused(folder):
    pa = arrow()
    plain = to_table([r for r in some_rows(0, 12) if r.feature == "gtf"])
    cases = {
        "no shard": b"PAR1" + bytes(100) + b"PAR1",
        "other columns": to_parquet(plain.drop_columns(["times"])),
        "should have 12 rows": to_parquet(plain.slice(1)),
        "a shape does not fit": to_parquet(column("shape", [[1 << 30, 1 << 30, 1 << 30, 4]] * 12)),
        "shape does not fit": to_parquet(column("shape", [[-2, -2]] * 12)),
        "many": to_parquet(column("shape", [[1, 1, 1, 1, 4]] * 3 + [[0]] + [[4]] * 8)),
        "not that of the index": to_parquet(column("id", ["a"] * 12)),
    }
    for match, data in cases.items():
        put(folder, data)
        assert any(match in line for line in verify(folder)), match
        if match != "not that of the index":
            with pytest.raises(StoreError, match=match):
                read_everything(folder)
    assert pa.total_allocated_bytes() < 1 << 26


def test_a_shard_that_unpacks_to_too_much_is_not_unpacked(folder, monkeypatch):
    """A dictionary of one number, repeated: a few hundred bytes for each million."""
    pa = arrow()
    flat = pa.array(np.zeros((1 << 22) + 1, np.float32))
    ends = pa.array([0] * 12 + [len(flat)], pa.int32())
    kind = schema().field("values").type
    values = pa.ListArray.from_arrays(ends, flat, type=kind)
    table = to_table([r for r in some_rows(0, 12) if r.feature == "gtf"])
    table = table.set_column(
        table.schema.get_field_index("values"), schema().field("values"), values
    )
    out = pa.BufferOutputStream()
    pa.parquet.write_table(table, out, compression="zstd")
    del table, values, flat
    put(folder, out.getvalue().to_pybytes())
    monkeypatch.setattr(shards, "_MOST_VALUES", 1 << 22)
    before = pa.default_memory_pool().max_memory()
    assert (folder / "feature=gtf" / "part-00000001.parquet").stat().st_size < 1 << 16
    refused(folder, "unpacks to too much")
    assert pa.default_memory_pool().max_memory() == before


def record(payload, length=None):
    head = struct.pack("<QH", len(payload) if length is None else length, 0)
    return head + struct.pack("<L", zlib.crc32(head)) + hashlib.sha256(payload).digest() + payload


def payload(*parts, tail=b""):
    text = json.dumps(parts).replace(" ", "").encode()
    return struct.pack("<L", len(text)) + text + tail


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xff\xff\xff{}",
        payload(1, 2),
        payload("a", "", "gtf", "", "", "", [1 << 40], 0, None, None),
        payload("a", "", "gtf", "", "", "", [-1], 0, None, None),
        payload("a", "", "gtf", "", "", "", [0], 1 << 40, None, None),
        payload("a", "", "gtf", "", "", "", "4", 0, None, None),
        payload("a", "", "gtf", "", "", None, [0], 0, None, None),
        payload("a", "", "gtf", "", "", "", [0], 0, {}, None),
        payload("a", "", "gtf", "", "", "", [0], 0, None, ["MidiError"]),
        payload("a", "", "gtf", "", "", "", [0], 0, None, None, tail=b"more"),
        payload("a", "", "mel", "", "", "", [0], 0, None, None),
        struct.pack("<L", 99999) + b"[" * 99999,
    ],
)
def test_a_journal_that_holds_no_row_is_refused(folder, data):
    (journal,) = (folder / "_journal").iterdir()
    journal.write_bytes(record(data))
    with pytest.raises(StoreError, match="journal"):
        Store.open(folder)


def test_a_record_that_promises_more_than_there_is_counts_as_cut_off(folder):
    (journal,) = (folder / "_journal").iterdir()
    journal.write_bytes(record(b"", length=1 << 62))
    assert len(Store.open(folder).table("gtf")) == 20


def test_arrays_that_lie_are_refused(folder):
    (home,) = (folder / "_arrays").iterdir()
    for change in (
        {"files": None},
        {"files": {}},
        {"files": {name: {"bytes": "1", "sha256": ""} for name in ("values", "rows", "ids")}},
        {"files": {name: {"bytes": -1, "sha256": ""} for name in ("values", "rows", "ids")}},
    ):
        (home / "arrays.json").write_bytes(sealed_json(change))
        assert verify(folder)
        with pytest.raises(StoreError, match="arrays"):
            Store.open(folder).torch_dataset("gtf")
