"""The door: the page, opened to this machine, with all that it keeps in one private folder."""

from __future__ import annotations

import os
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, NoReturn

from chordmer.errors import ChordmerError, MissingExtraError, printable

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["serve"]

#: What gradio and what it brings may not do: tell of their use, and look for files elsewhere.
_QUIET = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "GRADIO_RUN_HISTORY": "False",
    "GRADIO_MCP_SERVER": "False",
    "GRADIO_SSR_MODE": "False",
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
}
#: With this no browser fetches anything from elsewhere, whatever the page might ask for.
_POLICY = (
    "default-src 'self' data: blob:; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; connect-src 'self'; object-src 'none'; "
    "base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-dns-prefetch-control": "off",
}


def serve(
    host: str = "127.0.0.1",
    port: int = 7860,
    *,
    model: str | os.PathLike[str] | None = None,
    timeout: float = 60.0,
) -> None:
    """Serve the page until it is interrupted.

    Parameters
    ----------
    host : str, default "127.0.0.1"
        With any other but this machine's own, all who reach it may have files heard: there is no
        password. A warning says so.
    port : int, default 7860
        0 takes any that is free. The address is printed.
    model : path, optional
        A folder that `chordmer train` made; by default the bundled model listens, to notes alone.
    timeout : float, default 60
        Seconds for the answer about a file, and again for its reasons. The work is done in a
        process of its own, which is ended after that, and which has 4 GiB of memory.

    Raises
    ------
    MissingExtraError
        If gradio, or what it works with, is not installed.
    ChordmerError
        If the model cannot be loaded, or the address cannot be had.

    Notes
    -----
    What is uploaded lies in a private temporary folder until it has been heard; the folder goes
    when the page ends. Sounds are held in memory. The page fetches nothing from anywhere else.
    """
    heard = _ears(model)
    with _listening_at(host, port) as door, tempfile.TemporaryDirectory(prefix="chordmer-") as own:
        # gradio looks at these when it is imported.
        os.environ.update(_QUIET, GRADIO_TEMP_DIR=own)
        try:
            import gradio  # noqa: F401
            import uvicorn
        except ModuleNotFoundError as error:
            raise MissingExtraError.of("gradio", "web") from error
        from chordmer.web.listening import Listener

        listener = Listener(None if model is None else os.fspath(model), timeout=timeout)
        try:
            app = _application(listener, heard, timeout, host)
            config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="on")
            _say(host, door.getsockname()[1])
            with _ended_by_signals():
                uvicorn.Server(config).run(sockets=[door])
        finally:
            listener.close()


def _ears(model: str | os.PathLike[str] | None) -> tuple[str, ...]:
    """Return what a model listens to; it is loaded once here, so that a bad one is told at once."""
    if model is None:
        return ("symbolic",)
    from chordmer.recognizer import EmotionRecognizer

    return tuple(EmotionRecognizer.load(model).hearing_.modalities)


@contextmanager
def _listening_at(host: str, port: int) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        door = socket.create_server((host, port), family=family)
    except (OSError, OverflowError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ChordmerError(
            f"the page cannot be served there: {reason}; choose another --host or --port",
            stage="serve",
            value=f"{host}:{port}",
        ) from error
    with door:
        yield door


def _application(listener: Any, heard: tuple[str, ...], timeout: float, host: str) -> ASGIApp:
    """Return the page as a web application."""
    import gradio as gr
    from fastapi import FastAPI
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    from chordmer.web.page import MEGABYTES, looks, page_of
    from chordmer.web.sounds import Sounds

    sounds = Sounds()
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.add_route("/sound/{name}.wav", sounds.respond)
    gr.mount_gradio_app(
        app,
        page_of(listener, sounds, heard, timeout),
        path="/",
        server_name=host,
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        enable_monitoring=False,
        max_file_size=f"{MEGABYTES}mb",
        **looks(),
    )
    if _is_own(host):
        # A name that an attacker's server resolves to this machine is refused.
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost", "[::1]"])
    return _Guarded(app)


class _Guarded:
    """Adds the headers that keep a browser from going anywhere else."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                more = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
                message = {**message, "headers": [*message.get("headers", ()), *more]}
            await send(message)

        await self.app(scope, receive, guarded)


def _is_own(host: str) -> bool:
    """Whether only this machine reaches `host`."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _say(host: str, port: int) -> None:
    if not _is_own(host):
        print(
            f"chordmer: whoever reaches {printable(host)} can use this page: there is no password",
            file=sys.stderr,
        )
    name = f"[{host}]" if ":" in host else host
    print(f"chordmer listens at http://{printable(name)}:{port}/ (Ctrl+C ends it)", flush=True)


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Leave in order when asked to: uvicorn raises again what it was ended by."""

    def leave(number: int, frame: object) -> NoReturn:
        raise SystemExit(0)

    names = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(name, leave) for name in names]
    try:
        yield
    except SystemExit:
        pass
    finally:
        for name, handler in zip(names, before):
            signal.signal(name, handler)
