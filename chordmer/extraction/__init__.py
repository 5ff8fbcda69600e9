"""The extraction of whole catalogues: what is missing is planned, worked on and stored.

`sources` lists tracks, `plan` says what is wanted of each, `task` is what a worker does with one,
`local` and `cluster` run tasks under supervision, `vectors` learns Chord2Vec first where that is
wanted, and `run` puts them together; `progress` tells how far it is.
"""

from chordmer.extraction.progress import Summary
from chordmer.extraction.run import extract

__all__ = ["Summary", "extract"]
