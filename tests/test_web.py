"""The page in the browser: what goes over the wire, and what one sees and does in a Chromium."""

import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import wave
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import soundfile
from corpora import bundled_midi, bundled_scores
from hypothesis import given
from hypothesis import strategies as st
from lyric_model import tiny_encoder
from playwright.sync_api import expect, sync_playwright
from smf import header
from songs import songs, sound
from stub_questions import dawdle, die, name_of, stumble

import chordmer
from chordmer import AudioDescriptors, EmotionRecognizer, LyricEmbedding
from chordmer.cli import main
from chordmer.errors import ChordmerError
from chordmer.io import read_symbolic
from chordmer.models.broad import BroadLearningClassifier
from chordmer.recognizer.answers import Answer
from chordmer.web.listening import Listener
from chordmer.web.words import answer_html, problem_html

#: A hymn of half a minute.
PIECE = min(bundled_midi(), key=lambda path: path.stat().st_size)
EVIL = "<img src=x onerror=alert(1)>&\"'.mid"
#: What the installed command runs.
SCRIPT = "import sys; from chordmer.cli import main; sys.exit(main())"
#: Milliseconds that the browser waits for anything; a busy machine is slow, and not wrong.
PATIENCE = 240_000
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


# --- the server, as a user starts it -----------------------------------------------------------


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Yield the address of the page; in the end it must have left nothing behind."""
    folder = tmp_path_factory.mktemp("served")
    own, here = folder / "tmp", folder / "here"
    own.mkdir()
    here.mkdir()
    paths = [str(Path(chordmer.__file__).parent.parent), os.environ.get("PYTHONPATH", "")]
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, "serve", "--port", "0"],
        cwd=here,
        env={**os.environ, "TMPDIR": str(own), "PYTHONPATH": os.pathsep.join(paths)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        line = process.stdout.readline()
        address = re.search(r"http://127\.0\.0\.1:\d+/", line)
        assert address, line + process.stderr.read()
        until_answered(address[0], process)
        yield Served(address[0], own)
        assert kept(own) == [], "an upload is kept"
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 0
        assert process.stderr.read() == ""
        assert list(own.iterdir()) == []
        assert list(here.iterdir()) == []
    finally:
        process.kill()
        process.communicate()


class Served:
    """A page at work, and the folder where its temporary files are."""

    def __init__(self, address, folder):
        self.address = address
        self.folder = folder

    def get(self, path="", headers=None):
        return urllib.request.urlopen(
            urllib.request.Request(self.address + path, headers=headers or {})
        )

    def post(self, path, body, kind):
        request = urllib.request.Request(
            self.address + path, body, {"Content-Type": kind}, method="POST"
        )
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def upload(self, name, data):
        """Send a file as a browser does; return where it lies."""
        bound = "a-line-between"
        quoted = name.replace('"', "%22")
        body = (
            f'--{bound}\r\nContent-Disposition: form-data; name="files"; filename="{quoted}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode() + data
        body += f"\r\n--{bound}--\r\n".encode()
        [path] = self.post("gradio_api/upload", body, f"multipart/form-data; boundary={bound}")
        return path

    def listen(self, name, data):
        """Have a file heard; return the last words of the page, answer and reasons."""
        file = {"path": self.upload(name, data), "meta": {"_type": "gradio.FileData"}}
        body = json.dumps({"data": [file]}).encode()
        event = self.post("gradio_api/call/listen", body, "application/json")["event_id"]
        shown = {}
        with self.get(f"gradio_api/call/listen/{event}") as stream:
            for kind, told in re.findall(r"event: (\w+)\ndata: (.*)\n", stream.read().decode()):
                assert kind in ("generating", "complete", "heartbeat"), told
                for place, value in enumerate(json.loads(told) or ()):
                    if isinstance(value, str):
                        shown[place] = value
        return shown[0], shown.get(1, "")


def until_answered(address, process):
    while process.poll() is None:
        try:
            return urllib.request.urlopen(address).close()
        except OSError:
            time.sleep(0.1)


def kept(folder):
    """Whatever a folder holds that has anything in it."""
    return [path for path in folder.rglob("*") if path.is_file() and path.stat().st_size]


class Tags(HTMLParser):
    """The tags of some HTML, with their attributes, and its text."""

    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, {name for name, _ in attributes}))

    def handle_data(self, data):
        self.text += data


# --- over the wire -----------------------------------------------------------------------------


def test_the_page_lets_no_browser_go_elsewhere(served):
    with served.get() as page:
        policy = page.headers["Content-Security-Policy"]
        text = page.read().decode()
    assert "default-src 'self'" in policy
    assert "connect-src 'self'" in policy
    assert "http" not in policy
    assert not re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=[\"']https?:", text)
    assert "MIDI" in text


def test_a_piece_is_answered_explained_and_can_be_played(served):
    answer, reasons = served.listen(PIECE.name, PIECE.read_bytes())
    said = chordmer.predict(PIECE)
    assert f"<b>{said.quadrant}" in answer
    assert PIECE.name in answer
    assert "<table class='reasons'>" in reasons
    [address] = re.findall(r"<audio[^>]*src='([^']+)'", answer)
    with served.get(address) as whole:
        assert whole.headers["Accept-Ranges"] == "bytes"
        data = whole.read()
    with wave.open(io.BytesIO(data)) as file:
        seconds = file.getnframes() / file.getframerate()
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    assert seconds >= read_symbolic(PIECE).duration - 0.01
    assert np.abs(samples).max() > 1000
    with served.get(address, {"Range": "bytes=100-199"}) as part:
        assert part.status == 206
        assert part.headers["Content-Range"] == f"bytes 100-199/{len(data)}"
        assert part.read() == data[100:200]
    with served.get(address, {"Range": f"bytes={len(data) - 7}-"}) as part:
        assert part.read() == data[-7:]
    assert status_of(served, address, {"Range": f"bytes={len(data)}-"}) == 416
    assert status_of(served, "sound/guessed.wav") == 404
    assert kept(served.folder) == []


def status_of(served, path, headers=None):
    with pytest.raises(urllib.error.HTTPError) as refused:
        served.get(path, headers)
    refused.value.close()
    return refused.value.code


def test_a_score_is_heard_too(served):
    score = min(bundled_scores(), key=lambda path: path.stat().st_size)
    answer, reasons = served.listen(score.name, score.read_bytes())
    assert f"<b>{chordmer.predict(score).quadrant}" in answer
    assert "<audio" in answer
    assert "Why " in reasons
    assert kept(served.folder) == []


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("torn.mid", b"MThd\0\0\0\6", "torn.mid"),
        ("empty.mid", b"", "empty.mid"),
        ("silent.mid", header(0, 0), "silent.mid"),
        ("tone.wav", b"RIFF", "listens to notes, not to sound"),
        ("words.txt", b"la la la", "listens to notes, not to words"),
        ("page.html", b"<script>alert(1)</script>", "no reader for this kind of file"),
    ],
)
def test_a_bad_file_is_told_clearly(served, name, data, told):
    answer, reasons = served.listen(name, data)
    tags = Tags(answer)
    assert ("div", {"class", "role"}) in tags.tags
    assert 'role="alert"' in answer
    assert told in tags.text
    assert str(served.folder) not in answer
    assert reasons == ""
    assert kept(served.folder) == []


def test_a_file_that_is_too_large_is_refused_and_not_kept(served):
    with pytest.raises(urllib.error.HTTPError) as refused:
        served.upload("large.mid", bytes(26 << 20))
    assert refused.value.code == 413
    assert "maximum allowed size" in refused.value.read().decode()
    refused.value.close()
    assert kept(served.folder) == []


def test_a_hostile_name_stays_text_on_its_way_through_the_page(served):
    for data in (PIECE.read_bytes(), b"no music"):
        answer, reasons = served.listen(EVIL, data)
        for tag, attributes in Tags(answer + reasons).tags:
            assert "onerror" not in attributes
            assert tag != "img" or attributes == {"class", "width", "height", "alt", "src"}


def test_another_name_for_this_machine_is_refused(served):
    assert status_of(served, "", {"Host": "evil.example"}) == 400


def test_nothing_but_an_upload_is_read_or_fetched(served):
    own = next(path for path in served.folder.iterdir() if path.is_dir())
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        elsewhere.setblocking(False)
        for path in (
            str(PIECE),
            f"http://127.0.0.1:{elsewhere.getsockname()[1]}/piece.mid",
            str(own / "folder" / "missing.mid"),
            str(own / ".." / PIECE.name),
        ):
            file = {"path": path, "url": path, "meta": {"_type": "gradio.FileData"}}
            body = json.dumps({"data": [file]}).encode()
            event = served.post("gradio_api/call/listen", body, "application/json")["event_id"]
            with served.get(f"gradio_api/call/listen/{event}") as stream:
                assert "event: error" in stream.read().decode()
        with pytest.raises(BlockingIOError):
            elsewhere.accept()
    assert status_of(served, f"gradio_api/file={PIECE}") in (403, 404)
    assert PIECE.exists()


# --- words -------------------------------------------------------------------------------------


@given(st.text(), st.dictionaries(st.text(), st.floats(0, 1), max_size=3))
def test_nothing_out_of_a_file_becomes_html(name, numbers):
    plain = Answer("a", "b", {str(i): 0.5 for i in range(len(numbers))}, "m")
    hostile = Answer(name, name, numbers, name)
    tags = Tags(answer_html(plain, "a")).tags
    assert Tags(answer_html(hostile, name)).tags == tags
    assert Tags(problem_html(name)).tags == Tags(problem_html("a")).tags


# --- the process that listens ------------------------------------------------------------------


def test_what_takes_too_long_or_dies_costs_one_file_only():
    listener = Listener(timeout=3.0)
    try:
        assert listener._ask(name_of, PIECE) == PIECE.name
        with pytest.raises(ChordmerError, match="took longer than 3 s"):
            listener._ask(dawdle, PIECE)
        with pytest.raises(ChordmerError, match="killed by SIGKILL"):
            listener._ask(die, PIECE)
        with pytest.raises(ChordmerError, match="found a fault in chordmer: KeyError"):
            listener._ask(stumble, PIECE)
        assert listener._ask(name_of, PIECE) == PIECE.name
    finally:
        listener.close()


def test_a_model_that_hears_sound_and_words_hears_them(tmp_path):
    tracks, y = songs(2, 1, audio=True, lyrics=True)
    ears = [
        ("sound", AudioDescriptors(columns=["rms", "centroid"], sr=8000)),
        ("words", LyricEmbedding(model=str(tiny_encoder(tmp_path / "encoder")))),
    ]
    head = BroadLearningClassifier(n_enhancement_nodes=20)
    model = EmotionRecognizer(ears, classifier=head, calibration=0, random_state=0)
    model.fit(tracks, y).save(tmp_path / "model")
    tone, words = tmp_path / "tone.wav", tmp_path / "words.txt"
    samples, sr = sound("Q1", 7, seconds=3.0)
    soundfile.write(tone, samples, sr)
    words.write_text("joy dance\n<b>sun</b>")
    listener = Listener(str(tmp_path / "model"), timeout=600.0)
    try:
        heard = listener.hear(tone)
        assert "heard from audio" in heard.answer
        assert 'class="timeline"' in heard.answer
        with wave.open(io.BytesIO(heard.sound)) as file:
            assert file.getnframes() == pytest.approx(3.0 * file.getframerate(), abs=2)
        assert "Why " in listener.reasons(tone)
        heard = listener.hear(words)
        assert "heard from lyrics" in heard.answer
        assert 'class="plane"' in heard.answer
        assert 'class="timeline"' not in heard.answer
        assert heard.sound == b""
        told = listener.reasons(words)
        assert "joy dance" in told
        assert "b" not in {tag for tag, _ in Tags(told).tags}
        with pytest.raises(
            ChordmerError, match="listens to sound and words, not to notes"
        ) as wrong:
            listener.hear(PIECE)
        assert str(PIECE.parent) not in str(wrong.value)
    finally:
        listener.close()


# --- the command -------------------------------------------------------------------------------


def test_a_port_that_is_taken_is_told(capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["serve", "--port", str(port)]) == 1
    assert "choose another --host or --port" in capsys.readouterr().err


def test_a_model_that_is_none_is_told_before_anything_is_served(tmp_path, capsys):
    assert main(["serve", "--port", "0", "--model", str(tmp_path)]) == 1
    assert str(tmp_path) in capsys.readouterr().err


@pytest.mark.parametrize(("host", "warned"), [("127.0.0.1", False), ("0.0.0.0", True)])
def test_only_an_open_door_is_warned_of(host, warned, capsys):
    from chordmer.web.server import _say

    _say(host, 7860)
    told = capsys.readouterr()
    assert f"http://{host}:7860/" in told.out
    assert ("no password" in told.err) == warned


# --- in a browser ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def chromium():
    found = os.environ.get("CHORDMER_CHROMIUM") or next(
        filter(None, map(shutil.which, BROWSERS)), None
    )
    if found is None:
        pytest.fail(
            "these tests drive a Chromium, and there is none: install one (apt install chromium), "
            "name one in CHORDMER_CHROMIUM, or leave them out with -m 'not browser'"
        )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=found,
            args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required"],
        )
        yield browser
        browser.close()


@pytest.fixture
def page(chromium, served):
    """Yield an empty page; in the end it must have asked nobody else, and been refused nothing."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light")
    context.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    asked, complaints = [], []
    context.on("request", lambda request: asked.append(request.url))
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    context.on(
        "console",
        lambda line: complaints.append(line.text) if "Security Policy" in line.text else None,
    )
    page = context.new_page()
    page.goto(served.address)
    page.wait_for_selector("#example")
    yield page
    context.close()
    assert served.address in asked
    own = (served.address, "data:", "blob:")
    assert [url for url in asked if not url.startswith(own)] == []
    assert complaints == []


def drop(page, path):
    page.set_input_files("#file input[type=file]", path)


@pytest.mark.browser
def test_a_file_is_dropped_heard_seen_and_explained(page):
    drop(page, PIECE)
    expect(page.locator("#answer h2")).to_have_text(PIECE.name)
    expect(page.locator("#reasons h2")).to_contain_text("Why")
    for theme, other in (("light", "dark"), ("dark", "light")):
        page.emulate_media(color_scheme=theme)
        for picture in ("plane", "timeline"):
            expect(page.locator(f".{picture} img.{theme}")).to_be_visible()
            expect(page.locator(f".{picture} img.{other}")).to_be_hidden()
    places = json.loads(page.get_attribute(".pictures", "data-places"))
    page.wait_for_function("document.querySelector('audio').duration > 0")
    duration = page.evaluate("document.querySelector('audio').duration")
    assert duration >= places["duration"] - 0.1
    lefts = []
    for second in (2.0, places["duration"] / 2):
        page.evaluate(f"document.querySelector('audio').currentTime = {second}")
        minutes, seconds = divmod(int(second), 60)
        expect(page.locator(".now")).to_contain_text(f"{minutes}:{seconds:02d}")
        cursor, frame = (
            page.locator(f".timeline {s}").bounding_box() for s in (".cursor", ".frame")
        )
        along = places["first"] + (places["last"] - places["first"]) * second / places["duration"]
        lefts.append(cursor["x"] + cursor["width"] / 2)
        assert lefts[-1] == pytest.approx(frame["x"] + along * frame["width"], abs=1.5)
    assert lefts[1] > lefts[0] + 50
    expect(page.locator(".plane .dot")).to_be_visible()
    page.evaluate("document.querySelector('audio').play()")
    page.wait_for_function(f"document.querySelector('audio').currentTime > {second + 0.3}")
    page.evaluate("document.querySelector('audio').pause()")
    assert page.locator(".timeline .cursor").bounding_box()["x"] > lefts[1] - 1
    page.locator(".timeline .frame").click(position={"x": frame["width"] * 0.3, "y": 40})
    share = (0.3 - places["first"]) / (places["last"] - places["first"])
    now = page.evaluate("document.querySelector('audio').currentTime")
    assert now == pytest.approx(share * places["duration"], abs=0.5)


@pytest.mark.browser
def test_a_bad_file_is_told_and_the_next_one_heard(page, tmp_path):
    bad = tmp_path / "<b>torn<b>.mid"
    bad.write_bytes(b"MThd and no more")
    drop(page, bad)
    expect(page.locator("#answer [role=alert]")).to_contain_text("torn")
    assert page.locator("#answer [role=alert] b").count() == 0
    expect(page.locator("#file button.upload-container, #file button").first).to_be_visible()
    page.wait_for_selector("#file input[type=file]", state="attached")
    drop(page, PIECE)
    expect(page.locator("#answer h2")).to_have_text(PIECE.name)
    expect(page.locator("#reasons h2")).to_contain_text("Why")


@pytest.mark.browser
def test_the_keyboard_is_enough(page):
    def tab_to(selector):
        for _ in range(12):
            page.keyboard.press("Tab")
            if page.evaluate(f"document.activeElement.matches('{selector}')"):
                return
        pytest.fail(f"{selector} cannot be reached")

    tab_to("#file button")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline != "none"
    with page.expect_file_chooser() as choosing:
        page.keyboard.press("Enter")
    choosing.value.set_files(PIECE)
    expect(page.locator("#reasons h2")).to_contain_text("Why")
    page.evaluate("document.activeElement.blur()")
    tab_to("#answer audio")
    page.keyboard.press("Space")
    page.wait_for_function("document.querySelector('audio').currentTime > 0.2")
    tab_to(".timeline")


@pytest.mark.browser
def test_a_phone_needs_no_scrolling_sideways(page):
    page.set_viewport_size({"width": 360, "height": 740})
    wide = "document.documentElement.scrollWidth"
    assert page.evaluate(wide) <= 360
    page.click("#example")
    expect(page.locator("#answer h2")).to_have_text(chordmer.example().name)
    expect(page.locator("#reasons h2")).to_contain_text("Why")
    assert page.evaluate(wide) <= 360
    for box in (page.locator(s).bounding_box() for s in ("audio", ".plane", ".timeline")):
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 360
    page.evaluate("document.querySelector('audio').currentTime = 300")
    page.evaluate("document.querySelector('audio').play()")
    # The timeline is wider than the phone, and follows the music.
    page.wait_for_function("document.querySelector('.timeline').scrollLeft > 50")
