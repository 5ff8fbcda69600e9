"""The model folder: what is saved comes back, what was tampered with does not."""

import json
import os
import pickle
import struct
import subprocess
import sys

import numpy as np
import pytest
from folders import manifest_of, seal
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from chordmer.errors import ModelError
from chordmer.features.packed_words import pack_words, unpack_words
from chordmer.folder import SCHEMA, load_folder, save_folder

KIND = "Chord2Vec"
ARRAYS = {
    "vectors": np.arange(12, dtype=np.float32).reshape(4, 3),
    "counts": np.array([5, 4, 2, 1], dtype=np.int64),
}
MANIFEST = {"kind": KIND, "parameters": {"window": 5, "oov": "compose", "epochs": None}}
EXPECTED = {"vectors": ("float32", ("n", "d")), "counts": ("int64", ("n",))}


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "model"
    save_folder(path, MANIFEST, ARRAYS)
    return path


def safetensors(header, data):
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def refused(path, match, **options):
    with pytest.raises(ModelError, match=match) as caught:
        load_folder(path, kind=KIND, **options)
    assert str(path) in str(caught.value)
    assert caught.value.stage


def test_what_is_saved_comes_back(folder):
    manifest, arrays = load_folder(folder, kind=KIND, expected=EXPECTED)
    assert manifest["parameters"] == MANIFEST["parameters"]
    assert manifest["schema"] == SCHEMA
    assert manifest["versions"]["numpy"] == np.__version__
    assert arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(arrays[name], array)
        assert not arrays[name].flags.writeable


@settings(max_examples=60, deadline=None)
@given(
    array=hnp.arrays(
        st.sampled_from(["bool", "int8", "uint8", "int64", "float16", "float32", "float64"]),
        hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
        elements={"allow_nan": False, "allow_infinity": False},
    ),
    fortran=st.booleans(),
)
def test_every_array_comes_back(tmp_path_factory, array, fortran):
    path = tmp_path_factory.mktemp("any") / "model"
    given_array = np.asarray(array, order="F") if fortran else array
    save_folder(path, {"kind": KIND}, {"a": given_array})
    _, arrays = load_folder(path, kind=KIND)
    assert arrays["a"].dtype == array.dtype
    assert arrays["a"].shape == array.shape
    np.testing.assert_array_equal(arrays["a"], array)


def test_same_model_same_bytes(tmp_path):
    for name in ("a", "b"):
        save_folder(tmp_path / name, MANIFEST, ARRAYS)
    for file in ("manifest.json", "arrays.safetensors"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


@pytest.mark.parametrize("file", ["manifest.json", "arrays.safetensors"])
def test_a_flipped_bit_anywhere_is_refused(folder, file):
    path = folder / file
    good = path.read_bytes()
    for position in range(len(good)):
        for bit in (0, 5):
            bad = bytearray(good)
            bad[position] ^= 1 << bit
            path.write_bytes(bad)
            with pytest.raises(ModelError):
                load_folder(folder, kind=KIND)
    path.write_bytes(good)
    load_folder(folder, kind=KIND)


@pytest.mark.parametrize("file", ["manifest.json", "arrays.safetensors"])
def test_a_truncated_or_longer_file_is_refused(folder, file):
    path = folder / file
    good = path.read_bytes()
    for bad in [good[:-1], good[: len(good) // 2], good[:8], b"", good + b"\n", good + b"\0"]:
        path.write_bytes(bad)
        refused(folder, file)


@pytest.mark.parametrize("file", ["manifest.json", "arrays.safetensors"])
def test_a_missing_file_is_refused(folder, file):
    (folder / file).unlink()
    refused(folder, "missing or added")


def test_a_file_too_many_is_refused(folder):
    (folder / "model.pkl").write_bytes(pickle.dumps({"a": 1}))
    refused(folder, "missing or added.*model.pkl")


def test_a_pickle_under_a_known_name_never_runs(folder, tmp_path):
    witness = tmp_path / "ran"

    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(witness),)

    bomb = pickle.dumps(Bomb())
    seal(folder, manifest_of(folder), bomb)
    refused(folder, "header")
    (folder / "manifest.json").write_bytes(bomb)
    refused(folder, "JSON")
    assert not witness.exists()


@pytest.mark.parametrize("path", ["nothing", "model/manifest.json"])
def test_what_is_no_folder_is_refused(folder, path):
    refused(folder.parent / path, "No such file|Not a directory")


@pytest.mark.parametrize("file", ["manifest.json", "arrays.safetensors"])
def test_links_and_special_files_are_refused(folder, tmp_path, file):
    good = folder / file
    good.rename(tmp_path / "elsewhere")
    good.symlink_to(tmp_path / "elsewhere")
    refused(folder, "link")
    good.unlink()
    os.mkfifo(good)
    refused(folder, "not a regular file")
    good.unlink()
    good.mkdir()
    refused(folder, "not a regular file")


def test_files_swapped_between_two_models_are_refused(folder, tmp_path):
    other = tmp_path / "other"
    save_folder(other, MANIFEST, {name: array + 1 for name, array in ARRAYS.items()})
    (folder / "arrays.safetensors").write_bytes((other / "arrays.safetensors").read_bytes())
    refused(folder, "damaged or swapped")


def test_another_class_is_refused(folder):
    with pytest.raises(ModelError, match=r"another class than SymbolicDescriptors.*Chord2Vec"):
        load_folder(folder, kind="SymbolicDescriptors")
    manifest = manifest_of(folder) | {"kind": "os.system"}
    seal(folder, manifest)
    refused(folder, "unknown class.*os.system")


@pytest.mark.parametrize(
    ("schema", "match"),
    [(SCHEMA + 1, "newer"), (0, "unknown"), ("1", "no schema"), (None, "no schema"), (True, "no")],
)
def test_another_schema_is_refused(folder, schema, match):
    seal(folder, manifest_of(folder) | {"schema": schema})
    refused(folder, match)


@pytest.mark.parametrize(
    "name", ["../elsewhere", "/etc/passwd", "arrays.safetensors/../x", "x.pkl"]
)
def test_a_manifest_that_names_other_files_is_refused(folder, name):
    manifest = manifest_of(folder)
    manifest["files"] = {name: manifest["files"]["arrays.safetensors"]}
    seal(folder, manifest)
    refused(folder, "damaged or swapped")


@pytest.mark.parametrize(
    "change",
    [
        {"files": None},
        {"files": []},
        {"files": {"arrays.safetensors": "x"}},
        {"files": {"arrays.safetensors": {"size": 1}}},
        {"arrays": None},
        {"arrays": {"vectors": 1}},
        {"arrays": {"vectors": {"dtype": "object", "shape": [1]}}},
        {"arrays": {"vectors": {"dtype": ["float32"], "shape": [1]}}},
        {"arrays": {"vectors": {"dtype": "float32", "shape": [-1]}}},
        {"arrays": {"vectors": {"dtype": "float32", "shape": 4}}},
        {"arrays": {}},
        {"kind": ["Chord2Vec"]},
    ],
)
def test_an_odd_manifest_is_refused(folder, change):
    seal(folder, manifest_of(folder) | change)
    refused(folder, "model")


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"null",
        b"3",
        b"\xff\xfe{}",
        b'{"schema": NaN}',
        b'{"schema": 1, "schema": 1}',
        b"[" * 200_000,
        b'{"a":' * 100_000,
        b'{"schema": ' + b"9" * 100_000 + b"}",
    ],
)
def test_a_manifest_that_is_no_plain_json_object_is_refused(folder, text):
    (folder / "manifest.json").write_bytes(text)
    refused(folder, "manifest")


def test_a_huge_manifest_is_not_read(folder):
    with (folder / "manifest.json").open("r+b") as file:
        file.truncate(1 << 40)
    refused(folder, "too large.*1099511627776")


def test_huge_arrays_are_not_read(folder):
    refused(folder, "too large", max_bytes=100)
    with (folder / "arrays.safetensors").open("r+b") as file:
        file.truncate(1 << 40)
    refused(folder, "too large.*1099511627776")


@pytest.mark.parametrize("length", [0, 1, 1 << 20, (1 << 20) + 1, 1 << 40, (1 << 64) - 1])
def test_a_lying_header_length_is_refused(folder, length):
    data = (folder / "arrays.safetensors").read_bytes()
    seal(folder, manifest_of(folder), struct.pack("<Q", length) + data[8:])
    refused(folder, "header")


ONE = {"dtype": "F32", "shape": [4, 3], "data_offsets": [0, 48]}


@pytest.mark.parametrize(
    "header",
    [
        {"vectors": ONE | {"shape": [3, 4]}},
        {"vectors": ONE | {"shape": [12]}},
        {"vectors": ONE | {"shape": [4, 4]}},
        {"vectors": ONE | {"shape": [1 << 62, 4]}},
        {"vectors": ONE | {"shape": [0, 1 << 62], "data_offsets": [0, 0]}},
        {"vectors": ONE | {"shape": [-4, -3]}},
        {"vectors": ONE | {"dtype": "I32"}},
        {"vectors": ONE | {"dtype": "BF16", "shape": [4, 6]}},
        {"vectors": ONE | {"dtype": "F8_E4M3", "shape": [48]}},
        {"vectors": ONE | {"dtype": "O"}},
        {"vectors": ONE | {"data_offsets": [0, 1 << 40]}},
        {"vectors": ONE | {"data_offsets": [48, 0]}},
        {"vectors": ONE | {"data_offsets": [-48, 0]}},
        {"other": ONE},
        {"vectors": ONE, "other": {"dtype": "F32", "shape": [0], "data_offsets": [48, 48]}},
        {},
        [],
    ],
)
def test_a_lying_header_is_refused(tmp_path, header):
    path = tmp_path / "model"
    save_folder(path, MANIFEST, {"vectors": ARRAYS["vectors"]})
    data = ARRAYS["vectors"].tobytes()
    seal(path, manifest_of(path), safetensors({"vectors": ONE}, data))
    load_folder(path, kind=KIND)
    seal(path, manifest_of(path), safetensors(header, data))
    refused(path, "arrays.safetensors")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_refused(folder, tmp_path, value):
    bad = ARRAYS["vectors"].copy()
    bad[2, 1] = value
    with pytest.raises(ModelError, match="not finite"):
        save_folder(tmp_path / "bad", MANIFEST, {"vectors": bad})
    assert not (tmp_path / "bad").exists()
    manifest = manifest_of(folder)
    del manifest["arrays"]["counts"]
    seal(folder, manifest, safetensors({"vectors": ONE}, bad.tobytes()))
    refused(folder, f"'vectors' is not finite.*{value}")


@pytest.mark.parametrize(
    "expected",
    [
        {"vectors": EXPECTED["vectors"]},
        EXPECTED | {"more": ("float32", ())},
        EXPECTED | {"vectors": ("float64", ("n", "d"))},
        EXPECTED | {"vectors": ("float32", ("n",))},
        EXPECTED | {"vectors": ("float32", ("d", "n"))},
        EXPECTED | {"vectors": ("float32", ("n", "n"))},
        EXPECTED | {"vectors": ("float32", (4, 5))},
    ],
)
def test_arrays_other_than_expected_are_refused(folder, expected):
    load_folder(folder, kind=KIND, expected=EXPECTED | {"vectors": ("float32", (4, "d"))})
    refused(folder, "arrays", expected=expected)


@pytest.mark.parametrize(
    ("manifest", "arrays"),
    [
        ({}, {}),
        ({"kind": "dict"}, {}),
        ({"kind": KIND, "parameters": object()}, {}),
        ({"kind": KIND, "alpha": float("nan")}, {}),
        ({"kind": KIND, "text": "x" * (1 << 20)}, {}),
        ({"kind": KIND}, {"a": np.array(["text"])}),
        ({"kind": KIND}, {"a": np.array([None])}),
        ({"kind": KIND}, {"a": np.array([1j])}),
    ],
)
def test_what_could_not_be_loaded_is_not_saved(tmp_path, manifest, arrays):
    with pytest.raises(ModelError):
        save_folder(tmp_path / "model", manifest, arrays)
    assert list(tmp_path.iterdir()) == []


def test_a_model_is_replaced_by_the_next(folder):
    save_folder(folder, MANIFEST, {"counts": ARRAYS["counts"] + 1})
    _, arrays = load_folder(folder, kind=KIND)
    np.testing.assert_array_equal(arrays["counts"], ARRAYS["counts"] + 1)
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


def test_nothing_but_a_model_is_replaced(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    (home / "thesis.tex").write_text("years of work")
    (tmp_path / "link").symlink_to(home)
    for target in (home, home / "thesis.tex", tmp_path / "link"):
        with pytest.raises(ModelError, match="not a model"):
            save_folder(target, MANIFEST, ARRAYS)
    assert (home / "thesis.tex").read_text() == "years of work"


@pytest.mark.parametrize("failing", ["fsync", "rename"])
def test_a_failure_while_saving_keeps_the_old_model(folder, monkeypatch, failing):
    def full(*_args):
        raise OSError(28, "No space left on device")

    rename = os.rename

    def rename_once(source, target):
        if os.fspath(target) == os.fspath(folder) and not os.fspath(source).endswith(".old"):
            full()
        rename(source, target)

    monkeypatch.setattr(os, failing, full if failing == "fsync" else rename_once)
    with pytest.raises(OSError, match="No space"):
        save_folder(folder, MANIFEST, {"counts": ARRAYS["counts"] + 1})
    monkeypatch.undo()
    _, arrays = load_folder(folder, kind=KIND)
    np.testing.assert_array_equal(arrays["counts"], ARRAYS["counts"])
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


@given(st.lists(st.text(), unique=True))
def test_words_come_back(words):
    assert unpack_words(pack_words(words)) == words


@pytest.mark.parametrize(
    "text", [b"", b"{}", b"[1]", b'["a", "a"]', b'["a"', b"\xff", b"[" * 99999]
)
def test_words_that_are_no_list_of_words_are_refused(text):
    with pytest.raises(ModelError, match="words"):
        unpack_words(np.frombuffer(text, dtype=np.uint8), source="model")


def test_reading_needs_neither_sklearn_nor_pickle(folder):
    code = (
        "import sys\n"
        "from chordmer.folder import load_folder\n"
        f"load_folder({str(folder)!r}, kind={KIND!r})\n"
        "print(*{'sklearn', 'scipy', 'gensim', 'torch'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (result.stdout.strip(), result.stderr, result.returncode) == ("", "", 0)
