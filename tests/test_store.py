import os
import pickle
import random
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from stored import FEATURES, RECIPE, make, row, some_rows, tell, told

from chordmer.errors import StoreError
from chordmer.store import Failure, Recipe, Row, Store, canonical_json, row_key
from chordmer.store.index import Index, entries
from chordmer.store.row import NAME_BYTES, decode, encode
from chordmer.store.shards import from_text, rows_of, to_table, to_text

NAN = np.frombuffer(bytes.fromhex("0100c07f"), "<f4")
TEXT = st.text(st.characters() | st.sampled_from("\ufffd\udcff"), max_size=8)


@pytest.fixture(autouse=True, scope="module")
def unflushed():
    """No power is lost here; to flush a busy disk takes minutes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda file: None)
        yield


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "store"


# --- rows ----------------------------------------------------------------------------------------

ROWS = st.builds(
    Row,
    id=TEXT,
    content=TEXT,
    feature=TEXT,
    extractor=TEXT,
    parameters=TEXT,
    version=TEXT,
    values=hnp.arrays(np.float32, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3)),
    times=hnp.arrays(np.float64, st.integers(0, 3)),
    report=st.none() | TEXT,
    error=st.none() | st.builds(Failure, TEXT, st.none() | TEXT, TEXT, st.integers(0, 99)),
)


@settings(max_examples=40)
@given(ROWS)
def test_a_row_comes_back_from_its_bytes_and_from_its_columns(given_row):
    tries = given_row.error.tries if given_row.error else 0
    assert tell(decode(encode(given_row), tries)) == tell(given_row)
    (back,) = rows_of(to_table([given_row]), given_row.feature, "here")
    assert tell(back) == tell(given_row)
    assert tell(pickle.loads(pickle.dumps(given_row))) == tell(given_row)


@settings(max_examples=40)
@given(ROWS, st.data())
def test_anything_but_a_row_is_refused(given_row, data):
    whole = bytearray(encode(given_row))
    whole[data.draw(st.integers(0, len(whole) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        back = decode(whole, 0)
    except ValueError:
        return
    assert encode(back) == whole  # A letter that became another letter: the digest tells.


@given(st.text(st.characters() | st.sampled_from("\ufffd\udcff\ud800dc8f")))
def test_any_text_becomes_utf8_and_comes_back(text):
    assert from_text(to_text(text).encode("utf-8").decode("utf-8")) == text


def test_no_two_texts_become_one():
    alphabet = ("\ufffd", "\udcff", "dcff", "d", "c", "f")
    texts = {a + b + c for a in alphabet for b in alphabet for c in alphabet}
    assert len({to_text(text) for text in texts}) == len(texts)


def test_a_digest_counts_all_but_the_tries():
    plain = row(1, report="{}")
    others = [
        row(2, report="{}"),
        row(1, report=None),
        row(1, salt="x", report="{}"),
        row(1, "gtf_frames", report="{}"),
        row(1, shape=(2, 2), report="{}"),
        row(1, recipe=Recipe("x", "{}", "c0de"), report="{}"),
    ]
    failed = [row(1, error=Failure("timeout", None, "late", tries)) for tries in (1, 2)]
    assert failed[0].digest == failed[1].digest
    assert len({r.digest for r in [plain, failed[0], *others]}) == len(others) + 2


def test_bits_of_numbers_survive():
    odd = np.concatenate([NAN, np.array([-0.0, np.inf, 1e-45], np.float32)])
    made = Row("a", "", "gtf", "", "", "", odd)
    (back,) = rows_of(to_table([made]), "gtf", "here")
    assert back.values.tobytes() == odd.tobytes()


def test_a_key_says_whose_and_of_what():
    parts = ("id", "content", "gtf", "Extractor", "{}", "1")
    key = row_key(*parts)
    for place in range(6):
        other = row_key(*(p + "x" if n == place else p for n, p in enumerate(parts)))
        same_name = key[:NAME_BYTES] == other[:NAME_BYTES]
        assert (len(key), other != key, same_name) == (16, True, place not in (0, 2))
    assert row_key("ab", "", "c", "", "", "") != row_key("a", "", "bc", "", "", "")


@pytest.mark.parametrize(
    "wrong",
    [
        {"values": np.zeros(2)},
        {"values": np.zeros((1, 1, 1, 1, 1), np.float32)},
        {"values": np.broadcast_to(np.float32(0), (1 << 28,))},
        {"times": np.zeros(2, np.float32)},
        {"times": np.zeros((2, 1))},
        {"content": None},
        {"report": {"a": 1}},
    ],
)
def test_what_is_no_row_is_refused(wrong):
    parts = {"id": "a", "content": "", "feature": "gtf", "extractor": "", "parameters": ""}
    with pytest.raises(ValueError, match=r"must|many"):
        Row(**{**parts, "version": "", **wrong})


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, object(), [np.float32("inf")]])
def test_json_that_is_none_is_refused(value):
    with pytest.raises(ValueError, match="JSON"):
        canonical_json(value)


# --- the index -----------------------------------------------------------------------------------


@settings(max_examples=40)
@given(st.lists(st.lists(st.tuples(st.integers(0, 30), st.booleans()), max_size=12), max_size=12))
def test_an_index_is_a_dict(batches):
    index, truth, live = Index(), {}, []
    for batch in batches:
        keys = [row_key(str(n), str(len(live)), "gtf", "", "", "") for n, _ in batch]
        rows = entries(keys, [bytes(32)] * len(batch), [failed for _, failed in batch])
        meets = any(key[:NAME_BYTES] in truth for key in keys)
        meets |= len({key[:NAME_BYTES] for key in keys}) < len(keys)
        assert index.meets(rows) == meets
        index.add(rows)
        for key, (_, failed) in zip(keys, batch):
            truth[key[:NAME_BYTES]] = (len(live), key, failed)
            live.append(key)
    newest = [place for place, _, _ in truth.values()]
    assert np.flatnonzero(index.copy().live()).tolist() == sorted(newest)
    for name, (_, key, failed) in truth.items():
        assert index.find(name) == (key, failed)
    assert index.find(bytes(NAME_BYTES)) is None


def test_names_that_share_half_of_their_bytes_are_two():
    keys = [bytes(8) + bytes([0, n]) + bytes([n] * 6) for n in (3, 1, 2, 1, 3)]
    index = Index()
    index.add(entries(keys, [bytes(32)] * 5, [False] * 5))
    assert index.live().tolist() == [False, False, True, True, True]
    assert index.find(keys[2][:NAME_BYTES]) == (keys[2], False)


# --- the store -----------------------------------------------------------------------------------


def test_what_goes_in_comes_out(folder):
    rows = list(some_rows(0, 40))
    store = Store.create_or_open(folder, FEATURES)
    assert store.features == FEATURES
    store.append(rows[:30])
    assert told(store) == told(Store.open(folder)) == sorted(map(tell, rows[:30]), key=repr)
    store.seal()
    store.append(iter(rows[30:]))
    assert told(store) == told(Store.open(folder)) == sorted(map(tell, rows), key=repr)
    before = store.hash()
    store.close()
    store.close()
    with Store.open(folder) as reader:
        assert told(reader) == sorted(map(tell, rows), key=repr)
        assert reader.hash() == before
        assert {tell(r) for r in reader.errors()} == {tell(r) for r in rows if r.error}
        assert reader.verify() == []
        info = reader.info()
    assert (info["rows"], info["failed"], info["waiting"]) == (80, 6, 0)
    assert info["features"]["gtf"]["extractor"] == RECIPE.extractor


@settings(max_examples=6)
@given(st.integers(0, 1 << 30), st.integers(1, 20), st.integers(200, 5000))
def test_order_batches_and_shards_do_not_show(tmp_path_factory, seed, shard_rows, shard_bytes):
    rows = list(some_rows(0, 15))
    base = tmp_path_factory.mktemp("stores")
    with Store.open(make(base / "one", rows)) as store:
        expected = store.hash(), told(store)
    dice = random.Random(seed)
    dice.shuffle(rows)
    sizes = {"shard_rows": shard_rows, "shard_bytes": shard_bytes}
    store = Store.create_or_open(base / "two", FEATURES, **sizes)
    while rows:
        count = dice.randint(1, 9)
        store.append(rows[:count])
        del rows[:count]
        if dice.random() < 0.2:
            store.close()
            store = Store.create_or_open(base / "two", FEATURES, **sizes)
    store.close()
    with Store.create_or_open(base / "two", FEATURES) as store:
        assert (store.hash(), told(store)) == expected
        store.compact()
        assert (store.hash(), told(store)) == expected
        assert store.info()["shards"] == 2
        assert store.verify() == []


def test_the_newest_row_counts(folder):
    late = Failure("timeout", None, "late")
    old = [row(n, salt="old") for n in range(10)]
    new = [row(3, error=late), row(4), row(5, salt="x"), row(5)]
    make(folder, old, new[:2])
    with Store.create_or_open(folder, FEATURES) as store:
        store.append(new[2:])
        expected = {r.id: tell(r) for r in [*old, *new]}
        assert {r.id: tell(r) for r in store.rows("gtf")} == expected
        assert store.known(old[3].id)["gtf"] == (new[0].key, True)
        assert store.known(old[5].id)["gtf"] == (new[3].key, False)
        assert store.known(old[6].id) == {"gtf": (old[6].key, False)}
        assert store.known("another") == {}
        info, before = store.info(), store.hash()
        assert (info["rows"], info["failed"], info["superseded"]) == (10, 1, 3)
        store.compact()
        assert {r.id: tell(r) for r in store.rows("gtf")} == expected
        info = store.info()
        assert (info["rows"], info["superseded"], info["shards"]) == (10, 0, 1)
        assert store.hash() == before
        assert store.known(old[5].id)["gtf"] == (new[3].key, False)
    assert len(list(folder.rglob("*.parquet"))) == len(list((folder / "_index").iterdir())) == 1


def test_a_row_that_is_computed_again_leaves_no_trace(folder, tmp_path):
    failed = Failure("crash", None, "killed by SIGKILL")
    make(folder, [row(1), row(2, error=failed)], [row(2)])
    with Store.open(folder) as one, Store.open(make(tmp_path / "b", [row(2), row(1)])) as two:
        assert one.hash() == two.hash()
        assert list(one.errors()) == []


def test_full_shards_are_left_alone_by_compaction(folder):
    make(folder, [row(n) for n in range(8)], [row(n) for n in range(8, 10)], [row(10)])
    first = sorted(folder.rglob("*.parquet"))[0]
    before = first.stat()
    with Store.create_or_open(folder, FEATURES, shard_rows=8) as store:
        store.compact()
        assert [len(table) for table in store.tables("gtf")] == [8, 3]
    after = first.stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_shards_are_bounded(folder):
    make(folder, [row(n) for n in range(100)], shard_rows=10)
    make(folder, [row(n, "gtf_frames", shape=(100, 4)) for n in range(20)], shard_bytes=5000)
    with Store.open(folder) as store:
        assert [len(table) for table in store.tables("gtf")] == [10] * 10
        assert {len(table) for table in store.tables("gtf_frames")} == {2}


def test_features_are_added_and_recipes_replaced(folder):
    make(folder, [row(1)])
    newer = Recipe("chordmer.features.made.Up", "{}", "beef")
    with Store.create_or_open(folder, {"gtf": newer, "mel": RECIPE}) as store:
        assert store.features == {**FEATURES, "gtf": newer, "mel": RECIPE}
        store.append([row(1, recipe=newer), row(1, "mel")])
    with Store.open(folder) as store:
        assert [r.version for r in store.rows("gtf")] == ["beef"]
        assert len(store.table("mel")) == 1


def test_one_writes_and_others_read(folder):
    with Store.create_or_open(folder, FEATURES) as store:
        with pytest.raises(StoreError, match=r"store: lock: another process is writing"):
            Store.create_or_open(folder, FEATURES)
        store.append([row(1)])
        with Store.open(folder) as reader:
            store.append([row(2)])
            assert len(reader.table("gtf")) == 1
            for change in (lambda: reader.append([row(3)]), reader.seal, reader.compact):
                with pytest.raises(StoreError, match="not open for writing"):
                    change()
    with Store.create_or_open(folder, FEATURES):
        pass
    with pytest.raises(StoreError, match="not open"):
        store.append([row(1)])


def test_a_reader_finds_what_is_sealed_under_its_eyes(folder, monkeypatch):
    """The journal that the list named is gone by the time it is read."""
    from chordmer.store import contents

    with Store.create_or_open(folder, FEATURES) as store:
        store.append([row(1)])
        read, waits = contents.read_journal, [store]

        def slow(path):
            if waits:
                waits.pop().seal()
            return read(path)

        monkeypatch.setattr(contents, "read_journal", slow)
        assert len(Store.open(folder).table("gtf")) == 1
        assert not waits


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".x", "_x", "a\n", "a" * 65, "é", None, "a=b"])
def test_odd_names_of_features_are_refused(folder, name):
    with pytest.raises(ValueError, match="cannot be named"):
        Store.create_or_open(folder, {name: RECIPE})
    assert not folder.exists()


def test_wrong_parameters_are_refused(folder):
    for sizes in ({"shard_rows": 0}, {"shard_bytes": 0}, {"shard_rows": 1 << 21}):
        with pytest.raises(ValueError, match="out of range"):
            Store.create_or_open(folder, FEATURES, **sizes)
    with Store.create_or_open(folder, FEATURES) as store:
        with pytest.raises(ValueError, match="not opened for 'mel'"):
            store.append([row(1), row(1, "mel")])
        assert told(store) == []
        for read in (store.rows, store.tables):
            with pytest.raises(ValueError, match="has no 'mel'"):
                next(read("mel"))
        with pytest.raises(ValueError, match="ends in one of"):
            store.export(folder / "x.pkl", "gtf")


def test_an_empty_store_is_a_store(folder):
    make(folder)
    with Store.open(folder) as store:
        assert store.info()["rows"] == len(store.table("gtf")) == 0
        ids, X = store.matrix("gtf")
        assert (ids, X.shape) == ([], (0, 0))
        assert len(store.torch_dataset("gtf", cache=folder.parent / "cache")) == 0
        assert store.verify() == []


def test_nothing_but_a_store_is_taken_for_one(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(StoreError, match=r"no store lies there.*thesis"):
        Store.create_or_open(tmp_path, FEATURES)
    with pytest.raises(StoreError, match=r"Not a directory|File exists"):
        Store.create_or_open(tmp_path / "thesis.tex", FEATURES)
    with pytest.raises(StoreError, match="No such file"):
        Store.create_or_open(tmp_path / "nowhere" / "store", FEATURES)
    with pytest.raises(StoreError, match="No such file"):
        Store.open(tmp_path)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_importing_rows_and_store_does_not_import_pyarrow():
    code = "import sys, chordmer.store; print(*{'pyarrow', 'torch', 'pandas'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"


def test_without_pyarrow_it_is_said_what_brings_it(folder):
    code = f"""
import sys
sys.modules["pyarrow"] = None
from chordmer.store import *
try:
    with Store.create_or_open({os.fspath(folder)!r}, {{"gtf": Recipe("a", "b", "c")}}) as store:
        store.append([Row("a", "", "gtf", "a", "b", "c")])
except ImportError as error:
    print(type(error).__name__, error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "MissingExtraError import: pyarrow is not installed; get it with: pip" in done.stdout
    assert "chordmer[cluster]" in done.stdout
    with Store.open(folder) as store:
        assert len(store.table("gtf")) == 1
