"""Names and texts that want to be more than text: what reaches a terminal, a page, a program."""

import io
import json
import os
import sys
import unicodedata
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from smf import meta, note, smf
from songs import songs
from test_cli_train import table
from test_score import musicxml

import chordmer
from chordmer.cli import main
from chordmer.errors import ChordmerError, ScoreError
from chordmer.io import read_score, to_pretty_midi

#: Words for a terminal, a browser and a spreadsheet; lines, directions, planes, and no UTF-8.
HOSTILE = (
    "\x1b[31mred\x1b]0;title\x07",
    "<img src=x onerror=alert(1)>&amp;",
    "=1+1|'calc'!A0",
    "two\nlines\r\x0b\u2028",
    "\u202egnp.\u2066x\u200b",
    "\U0001f3b5 \U0001d11e \U0010fffd",
    os.fsdecode(b"\xff\xed\xa0\x80"),
    "\x7f\x9b31m",
    "$x^2$ %s {0} \\",
)
PIECE = smf(*(note(pitch) for pitch in (60, 64, 67, 72, 67, 64, 60)))


@pytest.fixture(params=["utf-8", "ascii", "cp1252"])
def typed(request, monkeypatch):
    """A function that runs a command, and returns its code and what the terminal was sent."""

    def run(*arguments):
        out, err = io.BytesIO(), io.BytesIO()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", io.TextIOWrapper(out, request.param))
            patch.setattr(sys, "stderr", io.TextIOWrapper(err, request.param, "backslashreplace"))
            try:
                code = main(list(map(str, arguments)))
            except SystemExit as stop:
                code = stop.code
            sys.stdout.flush()
            sys.stderr.flush()
            return code, out.getvalue().decode(request.param), err.getvalue().decode(request.param)

    return run


def assert_harmless(text):
    """Nothing that moves a cursor, turns a line around, or is no character at all."""
    text = text.replace("\rfeatures: ", "")  # the line that counts up
    odd = {c for c in text if c != "\n" and unicodedata.category(c)[0] in "C"}
    assert not odd, sorted(map(ascii, odd))
    text.encode("utf-8")


@pytest.fixture
def folder(tmp_path):
    """A good and a bad file of every name."""
    for name in HOSTILE:
        (tmp_path / f"{name}.mid").write_bytes(PIECE)
        (tmp_path / f"{name}.kar").write_bytes(b"MThd, but nothing else")
    return tmp_path


def test_names_are_printed_as_one_line_each(folder, typed):
    code, out, err = typed("predict", folder)
    assert code == 1
    assert_harmless(out + err)
    assert err.count("\n") == len(HOSTILE)
    assert out.count("\n  heard from: symbolic") == len(HOSTILE)
    assert r"\x1b[31mred\x1b]0;title\x07.mid" in out
    assert r"two\nlines\r\x0b\u2028.mid" in out


def test_json_is_json_to_every_reader_and_names_the_files(folder, typed):
    code, out, err = typed("predict", folder, "--json")
    assert code == 1
    assert_harmless(out + err)
    assert out.isascii()
    told = json.loads(out)
    assert len(told) == 2 * len(HOSTILE)
    # Halves of surrogate pairs, which other parsers refuse, are none of it.
    json.dumps(told, ensure_ascii=False).encode("utf-8")
    named = {os.path.basename(answer["source"]) for answer in told}
    readable = {name for name in HOSTILE if "\udcff" not in name} | {r"\udcff\udced\udca0\udc80"}
    assert named == {f"{name}{ending}" for name in readable for ending in (".mid", ".kar")}
    errors = [answer["error"] for answer in told if "error" in answer]
    assert [sorted(error) for error in errors] == [["kind", "message", "stage"]] * len(HOSTILE)


@pytest.mark.parametrize("typed", ["ascii"], indirect=True)
@pytest.mark.parametrize("name", HOSTILE)
def test_misuse_is_quoted_safely(name, typed):
    benchmark = ("benchmark", "--root", "x", "-o", "y")
    for arguments in (
        ("predict", "a.mid", f"--{name}".replace(" ", "")),
        (name,),
        ("predict", "a.mid", "--window", name),
        (*benchmark, "--models", "svm", "--dataset", name),
        (*benchmark, "--models", name, "--dataset", "emopia"),
    ):
        code, out, err = typed(*arguments)
        assert (code, out) == (2, "")
        assert_harmless(err)


@pytest.mark.parametrize("typed", ["utf-8"], indirect=True)
@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_missing_is_quoted_safely(name, tmp_path, typed):
    there = tmp_path / name
    for arguments in (
        ("predict", there),
        ("predict", "--model", there, "a.mid"),
        ("train", there, "-o", tmp_path / "model"),
        *(
            ("benchmark", "--dataset", "emopia", "--root", there, "--models", "svm", "-o", output)
            for output in (tmp_path / "report", there / "report")
        ),
    ):
        code, out, err = typed(*arguments)
        assert (code, out) == (1, "")
        assert_harmless(err)


@pytest.mark.parametrize("name", [*HOSTILE[1:2], *HOSTILE[5:7]])
def test_a_picture_shows_the_name_as_text(name, tmp_path):
    path = tmp_path / f"{name}.mid"
    path.write_bytes(PIECE)
    assert main(["predict", str(path), "--plot", str(tmp_path / "emotion.svg")]) == 0
    picture = ElementTree.parse(tmp_path / "emotion.svg")
    tags = {element.tag.rpartition("}")[2] for element in picture.iter()}
    assert not tags & {"script", "img", "foreignObject"}


@pytest.mark.parametrize("typed", ["utf-8"], indirect=True)
@pytest.mark.parametrize("text", HOSTILE)
def test_texts_inside_a_midi_file_are_kept_in(text, tmp_path, typed):
    raw = os.fsencode(text)
    events = [meta(kind, raw) for kind in (1, 2, 3, 4, 5, 6, 7, 0x7F)]
    path = tmp_path / "a.mid"
    path.write_bytes(smf(*events, note(60), note(64), note(200 % 128)))
    for options in ([], ["--json"]):
        code, out, err = typed("predict", path, *options)
        assert code == 0
        assert_harmless(out + err)


@pytest.mark.parametrize("typed", ["cp1252"], indirect=True)
@pytest.mark.parametrize("text", [*(text for text in HOSTILE if text.isprintable()), "\u202ex"])
def test_texts_inside_a_score_are_kept_in(text, tmp_path, typed):
    word = text.replace("&", "&amp;").replace("<", "&lt;")
    mark = (
        f"<direction><direction-type><words>{word}</words><metronome><beat-unit>quarter</beat-unit>"
        "<per-minute>90</per-minute></metronome></direction-type></direction>"
    )
    path = tmp_path / "a.musicxml"
    path.write_bytes(musicxml(before=mark, note=f"<lyric><text>{word}</text></lyric>"))
    for options in ([], ["--json"]):
        code, out, err = typed("predict", path, *options)
        assert code == 0
        assert_harmless(out + err)
    broken = musicxml(after=f'<barline><ending number="99999{word}" type="start"/></barline>')
    with pytest.raises(ScoreError, match="absurd number") as caught:
        read_score(broken.replace(b"<img", b"&lt;img"))
    assert_harmless(str(caught.value))


@pytest.mark.parametrize("text", HOSTILE)
def test_an_error_is_one_harmless_line_whoever_raises_it(text):
    error = ChordmerError(f"odd: {text}", source=text, stage=text, value=text)
    assert str(error).isprintable()
    for part in (error.problem, error.source, error.stage):
        assert part.isprintable()
    assert error.value == text
    assert str(error.__reduce__()[0](*error.__reduce__()[1])) == str(error)


class _Tags(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.found, self.text = set(), ""
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.found.add(tag)
        assert not {name for name, _ in attributes if name.startswith("on")}

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize("name", HOSTILE)
def test_a_notebook_shows_the_name_as_text(name, tmp_path):
    path = tmp_path / f"{name}.mid"
    path.write_bytes(PIECE)
    emotion = chordmer.predict(path)
    page = _Tags(emotion._repr_html_())
    assert page.found <= {"b", "table", "tr", "td", "div", "ul", "li"}
    assert_harmless(page.text)
    assert_harmless(f"{emotion}\n{emotion!r}")


def made_table(folder, text, columns):
    """A table of 16 pieces with `text` in some columns, or as the name of one."""
    rows = []
    for number, (track, quadrant) in enumerate(zip(*songs(n=2, clips=2, beats=8))):
        to_pretty_midi(track.symbolic).write(str(folder / f"{number}.mid"))
        row = {"id": f"{number}", "symbolic": f"{number}.mid", "label": quadrant}
        row |= {"group": f"{number}", "split": "test" if number % 2 else "train"}
        row |= {name: f"{text}{row[name]}" for name in columns if name in row}
        rows.append(row | ({text: number} if "dimension" in columns else {}))
    return table(folder / "table.csv", rows)


@pytest.mark.parametrize("typed", ["utf-8"], indirect=True)
@pytest.mark.parametrize(
    ("text", "columns"),
    [
        *((text, ("id", "group", "label")) for text in HOSTILE if "\udcff" not in text),
        *((text, (name,)) for text in HOSTILE[:2] for name in ("symbolic", "split", "dimension")),
    ],
)
def test_a_table_is_learned_from_or_refused_without_a_raw_word(text, columns, tmp_path, typed):
    source = made_table(tmp_path, text, columns)
    target = text if "dimension" in columns else "label"
    code, out, err = typed("train", source, "-o", tmp_path / text, "--target", target)
    assert code in (0, 1)
    assert_harmless(out + err)
    for options in ([], ["--json"]) if code == 0 else ():
        code, out, err = typed("predict", "--model", tmp_path / text, tmp_path / "0.mid", *options)
        assert code == 0
        assert_harmless(out + err)
