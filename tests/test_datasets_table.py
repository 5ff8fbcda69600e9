"""Tables: what is written is read, and whatever lies there is never worse than refused."""

import csv
import io
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chordmer.datasets import table as tables
from chordmer.datasets.media import natural
from chordmer.datasets.table import Table, read_json, read_lines
from chordmer.errors import DatasetError

CELLS = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "Zs")), max_size=12)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("tables") / "table.csv"


def write(path, rows, encoding="utf-8", delimiter=","):
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(rows)
    path.write_bytes(text.getvalue().encode(encoding))


@given(
    rows=st.lists(st.tuples(CELLS, CELLS), min_size=1),
    encoding=st.sampled_from(["utf-8-sig", "utf-16"]),
)
def test_what_is_written_is_read(path, rows, encoding):
    write(path, [["One  name ", "two"], *rows], encoding)
    kept = [[a.strip(), b.strip()] for a, b in rows if (a + b).strip()]
    if not kept:
        with pytest.raises(DatasetError, match="no rows"):
            Table(path, ["one name", "two"], delimiter=",")
        return
    found = Table(path, ["one name", "two"], delimiter=",")
    assert [[row.get("one name"), row.get("two")] for row in found.rows] == kept


@given(data=st.binary(max_size=300))
def test_any_bytes_are_a_table_or_a_dataset_error(path, data):
    path.write_bytes(data)
    for read in (
        lambda: Table(path, [], ragged=True),
        lambda: read_json(path),
        lambda: read_lines(path),
    ):
        try:
            read()
        except DatasetError as error:
            assert "table.csv" in str(error)  # noqa: PT017


@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_are_read_exactly(path, value):
    write(path, [["x"], [repr(value)]])
    assert Table(path, ["x"]).rows[0].number_in("x") == value


@pytest.mark.parametrize("cell", ["inf", "1_0", "1,5", "one", "0x1", "nan"])
def test_what_is_no_number_is_refused_with_its_row(path, cell):
    write(path, [["x", "y"], ["1", "2"], [cell, "3"]])
    with pytest.raises(DatasetError, match=r"row 3, column x: should be a number"):
        Table(path, ["x"]).rows[1].number_in("x")


@pytest.mark.parametrize("cell", ["", "NA", "nan", "null", "-"])
def test_unknown_numbers_are_nan_where_they_may_be(path, cell):
    write(path, [["x", "y"], [cell, "1"]])
    row = Table(path, ["x"]).rows[0]
    assert math.isnan(row.number_in("x", unknown=True))
    with pytest.raises(DatasetError, match="should be a number"):
        row.number_in("x")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_found(path, delimiter):
    write(path, [["x", "y"], ["1", "2"]], delimiter=delimiter)
    assert Table(path, ["x", "y"]).rows[0].get("y") == "2"


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([["x"], ["1", "2"]], "row 2: has more cells"),
        ([["x", "y"], ["1"]], "row 2: has fewer cells"),
        ([["y"], ["1"]], "column 'x' is missing"),
        ([["x", "X "], ["1", "2"]], "column 'x' stands there twice"),
        ([["x"]], "has no rows"),
    ],
)
def test_a_table_of_another_form_is_refused(path, rows, said):
    write(path, rows)
    with pytest.raises(DatasetError, match=said):
        Table(path, ["x"])


def test_a_table_too_large_is_refused_before_it_is_read(path, monkeypatch):
    write(path, [["x"], *([["1"]] * 50)])
    for name, most, said in (
        ("MOST_BYTES", 20, "larger than 20 bytes"),
        ("MOST_ROWS", 20, "more than 20 rows"),
        ("MOST_COLUMNS", 0, "more than 0 cells"),
        ("LONGEST_CELL", 0, "longer than 0 characters"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(tables, name, most)
            with pytest.raises(DatasetError, match=said):
                Table(path, ["x"])


def test_odd_encodings_are_read(path):
    for encoding, word in (
        ("latin-1", "Björk"),
        ("cp932", "音楽の感情"),
        ("gb18030", "情感音乐数据"),
    ):
        write(path, [["x"], [word]], encoding)
        assert Table(path, ["x"]).rows[0].get("x") == word


def test_what_is_no_file_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="is no file"):
        Table(tmp_path, [])
    with pytest.raises(DatasetError, match="No such file"):
        Table(tmp_path / "absent.csv", [])


@given(st.lists(st.text(max_size=8)))
def test_names_have_one_order(names):
    once = sorted(names, key=natural)
    assert sorted(reversed(names), key=natural) == once or len(set(map(str, names))) < len(names)
