"""Emotify: 400 pieces of four genres, with the emotions that they woke in players of a game."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from chordmer.datasets.corpus import Corpus, Missing
from chordmer.datasets.dataset import About, Dataset
from chordmer.datasets.media import Media, natural
from chordmer.datasets.table import Row
from chordmer.track import AUDIO_SUFFIXES, Track

__all__ = ["EMOTIONS", "load_emotify"]

ABOUT = About(
    "emotify",
    "Emotify",
    "https://www2.projects.science.uu.nl/memotion/emotifydata/",
    "for research, with citation; the pieces belong to their owners",
    "Aljanaki, Wiering and Veltkamp: Studying emotion induced by music through a crowdsourcing "
    "game. Information Processing and Management 52(1), 2016",
)

#: The nine emotions of the Geneva emotional music scale, as the table names them.
EMOTIONS = (
    *("amazement", "solemnity", "tenderness", "nostalgia", "calmness", "power"),
    *("joyful_activation", "tension", "sadness"),
)
_GENRES = ("classical", "rock", "electronic", "pop")


def load_emotify(root: str | os.PathLike[str], *, missing: Missing = "raise") -> Dataset:
    """Load Emotify.

    Parameters
    ----------
    root : path-like
        The folder with the table and the genres, or the one around it::

            data.csv           track id, genre, nine emotions, mood, liked, ... a row a player
            classical/1.mp3 ... 100.mp3   electronic/   pop/   rock/

        A folder ``emotifymusic`` around the genres does no harm.
    missing : {"raise", "drop"}
        What to do about pieces in the table whose audio is not here.

    Returns
    -------
    Dataset
        `ratings` the share of players who chose each emotion (they could choose up to three), and
        ``"n_raters"``; `labels` the emotion most chosen, None where two tie; `tags` the genre. No
        valence or arousal. `groups` the pieces.

    Raises
    ------
    DatasetError
        If files lack, a choice is neither 0 nor 1, or a piece stands in two genres.

    Notes
    -----
    From https://www2.projects.science.uu.nl/memotion/emotifydata/. What to know: emotions are
    those that music woke (induced), not those it expresses; the table numbers pieces from 1 to
    400, the folders from 1 to 100 in each genre, in blocks of a hundred; players chose little, so
    shares are low, 48 players a piece in one half of the corpus and 16 in the other. A row stands
    there for each player, so ids repeat by design.
    """
    corpus = Corpus(root, ABOUT, missing, holds=("data.csv",))
    table = corpus.table("data.csv", ["track id", "genre", *EMOTIONS])
    votes: dict[str, list[Row]] = {}
    for row in table.rows:
        votes.setdefault(row.text("track id"), []).append(row)
    folders = {
        genre: corpus.media(corpus.find(genre, f"emotifymusic/{genre}"), AUDIO_SUFFIXES)
        for genre in _GENRES
    }
    tracks, tags, shares = [], [], []
    for piece in sorted(votes, key=natural):
        genre = _genre(votes[piece])
        tracks.append(Track(piece, audio=_audio(folders[genre], votes[piece][0])))
        tags.append((genre,))
        shares.append([np.mean([_choice(row, name) for row in votes[piece]]) for name in EMOTIONS])
    columns = np.array(shares).reshape(-1, len(EMOTIONS))
    return corpus.dataset(
        tracks,
        published=400,
        counts={"ratings": (len(table.rows), None)},
        labels=[_dominant(row.tolist()) for row in columns],
        tags=tags,
        ratings={
            **{name: columns[:, at] for at, name in enumerate(EMOTIONS)},
            "n_raters": [len(votes[track.id]) for track in tracks],
        },
    )


def _genre(rows: list[Row]) -> str:
    genre = rows[0].text("genre").lower()
    if genre not in _GENRES:
        raise rows[0].error("is no genre of Emotify", "genre", genre)
    for row in rows:
        if row.text("genre").lower() != genre:
            raise row.error(f"is {genre} in row {rows[0].number}", "genre", row.get("genre"))
    return genre


def _audio(folder: Media, row: Row) -> Path | None:
    piece = row.text("track id")
    if not piece.isdecimal() or not 1 <= int(piece[:6]) <= 400:
        raise row.error("should be a piece, 1 to 400", "track id", piece)
    if piece in folder.paths:
        return folder.get(piece)
    return folder.get(str((int(piece) - 1) % 100 + 1))


def _choice(row: Row, emotion: str) -> float:
    value = row.number_in(emotion)
    if value not in (0, 1):
        raise row.error("should be 0 or 1", emotion, value)
    return value


def _dominant(shares: list[float]) -> str | None:
    most = max(shares)
    return EMOTIONS[shares.index(most)] if shares.count(most) == 1 else None
