"""MemoMusic: piano pieces, classical, popular and Yanni's, rated by listeners."""

from __future__ import annotations

import os
import re
from pathlib import Path

from chordmer.datasets.corpus import Corpus, Missing
from chordmer.datasets.dataset import About, Dataset
from chordmer.datasets.media import Media
from chordmer.datasets.ratings import Scale
from chordmer.datasets.table import Row, Table
from chordmer.track import Track

__all__ = ["load_memomusic"]

ABOUT = About(
    "memomusic",
    "MemoMusic",
    "https://github.com/MZhexin/MemoMusic-Dataset",
    "none is stated; ask its authors",
    "Mao et al.: MemoMusic 3.0: considering context at music recommendation and combining music "
    "theory at music generation. ICME workshops 2023",
)

_VALENCE = Scale(-5, 5)
_AROUSAL = Scale(0, 10)
#: By the table's number: name of the kind, and what its folder may be called.
_KINDS = {
    "1": ("classical", ("Classical", "Classic")),
    "2": ("popular", ("Pop", "Popular")),
    "3": ("yanni", ("Yanni",)),
}


def load_memomusic(root: str | os.PathLike[str], *, missing: Missing = "drop") -> Dataset:
    """Load MemoMusic.

    Parameters
    ----------
    root : path-like
        The repository, or the folder around it::

            File/CSV File.csv                 title, address, kind, valence, arousal; no header
            MIDI/Classical/1.mid ...  MIDI/Pop/1.mid ...  MIDI/Yanni/1 A Love For Life.mid ...
    missing : {"drop", "raise"}
        What to do about pieces in the table without MIDI. Left out by default, as the repository
        does not hold all of them.

    Returns
    -------
    Dataset
        `valence` from the scale -5 to 5, `arousal` from 0 to 10; `tags` the kind; `groups` the
        pieces. Ratings are means rounded to whole numbers: no spread is told.

    Raises
    ------
    DatasetError
        If the table lacks, or ratings lie off their scale.

    Notes
    -----
    From https://github.com/MZhexin/MemoMusic-Dataset. The table has no header and no ids: a piece
    is the number at the end of its address, within its kind. Some titles hold commas, some
    addresses a space or a tab; some MIDI files end in .MID.
    """
    corpus = Corpus(root, ABOUT, missing, holds=("File", "MIDI"))
    header = ("title", "address", "kind", "valence", "arousal")
    path = corpus.find("File/CSV File.csv", "File/Txt File.txt")
    table = Table(path, header, header=header, delimiter=",", ragged=True)
    folders = {
        number: corpus.media(
            corpus.look(*(f"MIDI/{name}" for name in names)) or corpus.root / "MIDI" / names[0],
            {".mid", ".midi"},
        )
        for number, (_, names) in _KINDS.items()
    }
    tracks, tags, valence, arousal = [], [], [], []
    for row in table.rows:
        if len(row.cells) < len(header):
            raise row.error("has fewer than five cells")
        row = Row(table, row.number, [",".join(row.cells[:-4]), *row.cells[-4:]])
        kind = row.text("kind")
        if kind not in _KINDS:
            raise row.error("should be 1, 2 or 3", "kind", kind)
        number = re.search(r"/(\d{1,6})\.mp3$", row.text("address"))
        if number is None:
            raise row.error("should end in a number and .mp3", "address", row.get("address"))
        name, _ = _KINDS[kind]
        tracks.append(Track(f"{name}/{number[1]}", symbolic=_midi(folders[kind], number[1])))
        tags.append((name,))
        valence.append(corpus.convert(_VALENCE, row, "valence"))
        arousal.append(corpus.convert(_AROUSAL, row, "arousal"))
    return corpus.dataset(
        tracks,
        counts={"rated": (len(tracks), None)},
        tags=tags,
        valence=valence,
        arousal=arousal,
        scale={"valence": _VALENCE, "arousal": _AROUSAL},
    )


def _midi(folder: Media, number: str) -> Path | None:
    """Return the file whose name is the number, or begins with it."""
    for name in folder.paths:
        if name == number or name.startswith(f"{number} "):
            return folder.get(name)
    return folder.get(number)
