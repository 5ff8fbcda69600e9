"""What is seen in the browser: a place to drop a file, its emotion, its sound, and the reasons."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from chordmer.errors import ChordmerError
from chordmer.examples import example
from chordmer.plot.theme import THEMES
from chordmer.web.listening import MINUTES, Listener
from chordmer.web.sounds import Sounds
from chordmer.web.words import problem_html, safe

__all__ = ["MEGABYTES", "looks", "page_of"]

#: The largest file that is taken.
MEGABYTES = 25
_HERE = Path(__file__).parent
#: Seconds between two looks for files left behind by a browser that went away, and their age then.
_SWEEP = (60, 300)

_INTRODUCTION = f"""\
<header><h1>chordmer</h1>
<p>The emotion that music expresses: drop {{what}}, hear it, see where it lies and read why.</p>
<p class="fine">Files stay on this machine: nothing is sent anywhere, and nothing is kept. One of up
to {MEGABYTES} MB is taken, its answer and its reasons may take {{seconds:g}} seconds each, and
{MINUTES} minutes of it are played.</p></header>
"""
_WAITING = "<p class='waiting' role='status'>{}</p>"


def page_of(
    listener: Listener, sounds: Sounds, heard: tuple[str, ...], seconds: float
) -> gr.Blocks:
    """Return the page.

    Parameters
    ----------
    listener : Listener
    sounds : Sounds
    heard : tuple of {"symbolic", "audio", "lyrics"}
        What the model listens to, for the words of the page.
    seconds : float
        The limit of time, for the same.
    """

    def listen(file: str | None) -> Iterator[Any]:
        if file is None:
            return
        path = Path(file)
        try:
            for answer, reasons in _tell(listener, sounds, path):
                yield answer, reasons, gr.skip()
        finally:
            _forget(path)
        yield gr.skip(), gr.skip(), None

    def listen_to_example() -> Iterator[Any]:
        yield from _tell(listener, sounds, example())

    kinds = {"symbolic": "a MIDI file or a score", "audio": "a sound file", "lyrics": "lyrics"}
    what = " or ".join(kinds[kind] for kind in heard)
    page: gr.Blocks
    with gr.Blocks(title="chordmer", analytics_enabled=False, delete_cache=_SWEEP) as page:
        gr.HTML(_INTRODUCTION.format(what=what, seconds=seconds))
        file = gr.File(
            label=what.capitalize().replace("midi", "MIDI"),
            elem_id="file",
            height=150,
        )
        # A request may name any file of this machine, or an address on the internet, and gradio
        # would read it, or fetch it, for whoever asks.
        uploads_only = partial(_upload, Path(file.GRADIO_CACHE).resolve())
        file.async_move_resource_to_block_cache = uploads_only  # type: ignore[method-assign]
        button = gr.Button("Or try Schubert: Gute Nacht", elem_id="example", size="md", scale=0)
        answer = gr.HTML(elem_id="answer", apply_default_css=False)
        reasons = gr.HTML(elem_id="reasons", apply_default_css=False)
        file.upload(
            listen, file, [answer, reasons, file], api_name="listen", show_progress="hidden"
        )
        button.click(
            listen_to_example, None, [answer, reasons], api_name="example", show_progress="hidden"
        )
    page.queue(max_size=16, default_concurrency_limit=1)
    return page


def looks() -> dict[str, Any]:
    """Return how the page looks: its theme, style and script, all from this folder."""
    system = ("system-ui", "-apple-system", "Segoe UI", "sans-serif")
    theme = gr.themes.Default(
        primary_hue="blue",
        neutral_hue="slate",
        font=system,
        font_mono=("ui-monospace", "monospace"),
    ).set(
        body_background_fill=THEMES["light"].paper, body_background_fill_dark=THEMES["dark"].paper
    )
    style, script = ((_HERE / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    # As `css` gradio would confine the style to the inner part of the page.
    return {"theme": theme, "head": f"<style>{style}</style><script>{script}</script>"}


async def _upload(folder: Path, named: str | Path | None) -> str | None:
    """Return the path of an upload as it is, and refuse all others."""
    if named is None:
        return None
    path = Path(named).resolve()
    if path.parent.parent != folder or not path.is_file():
        raise gr.Error("This is no upload.", print_exception=False)
    return str(path)


def _forget(upload: Path) -> None:
    """Delete an upload, its folder, and the empty files that gradio makes beside it."""
    shutil.rmtree(upload.parent, ignore_errors=True)
    for file in upload.parent.parent.iterdir():
        if file.is_file() and not file.stat().st_size:
            file.unlink(missing_ok=True)


def _tell(listener: Listener, sounds: Sounds, path: Path) -> Iterator[tuple[str, str]]:
    """Yield what the two parts of the page show, as the work goes on."""
    yield _WAITING.format(f"Listening to {safe(path.name)} …"), ""
    try:
        heard = listener.hear(path)
    except ChordmerError as error:
        yield problem_html(error), ""
        return
    shown = _player(sounds, heard.sound, heard.remark) + heard.answer
    shown = f"<div class='result'>{shown}</div>"
    yield shown, _WAITING.format("Looking for the reasons …")
    try:
        yield gr.skip(), listener.reasons(path)
    except ChordmerError as error:
        yield gr.skip(), problem_html(error)


def _player(sounds: Sounds, sound: bytes, remark: str) -> str:
    told = f"<p class='fine'>{safe(remark)}</p>" if remark else ""
    if not sound:
        return told
    address = sounds.keep(sound)
    return f"<audio controls preload='auto' src='{address}' aria-label='the piece'></audio>{told}"
