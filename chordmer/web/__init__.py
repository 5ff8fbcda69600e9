"""The page in the browser: drop a file, hear it, see its emotion, read why.

`server` opens it to this machine and keeps what it is given in one private folder; `page` is what
is seen; `listening` is the work, done in a supervised process; `pictures` and `words` turn answers
into HTML. gradio and what comes with it are imported here only.
"""

from chordmer.web.server import serve

__all__ = ["serve"]
