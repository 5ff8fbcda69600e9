"""Sounds that the page plays: in memory, the latest few, each behind a name nobody can guess."""

from __future__ import annotations

import re
from collections import OrderedDict
from secrets import token_urlsafe
from threading import Lock

from starlette.requests import Request
from starlette.responses import Response

__all__ = ["Sounds"]

_RANGE = re.compile(r"bytes=(\d{1,12})-(\d{0,12})")


class Sounds:
    """A handful of WAV files.

    Parameters
    ----------
    most : int, default 4
        The eldest makes room for another: about 100 MB at most.
    """

    def __init__(self, most: int = 4) -> None:
        self._most = most
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._lock = Lock()

    def keep(self, sound: bytes) -> str:
        """Return the address of a sound, for as long as it is among the latest."""
        name = token_urlsafe(16)
        with self._lock:
            self._kept[name] = sound
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return f"sound/{name}.wav"

    async def respond(self, request: Request) -> Response:
        """Answer a browser; it asks for parts, so that one can go to any place in a piece."""
        with self._lock:
            sound = self._kept.get(request.path_params["name"])
        if sound is None:
            return Response("this sound is no longer kept", 404)
        headers = {"Accept-Ranges": "bytes", "Cache-Control": "no-store"}
        asked = _RANGE.fullmatch(request.headers.get("range", ""))
        if asked is None:
            return Response(sound, headers=headers, media_type="audio/wav")
        start = int(asked[1])
        stop = min(int(asked[2] or len(sound)) + 1, len(sound))
        if start >= stop:
            headers["Content-Range"] = f"bytes */{len(sound)}"
            return Response(status_code=416, headers=headers)
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(sound)}"
        return Response(sound[start:stop], 206, headers, "audio/wav")
