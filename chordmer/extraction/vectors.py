"""Chord2Vec for a catalogue: given, kept from before, or learned from the catalogue itself.

Learning is a step of its own, before anything is extracted, and the same for the same catalogue:
whatever the number of workers and the order of the listing. At most 100,000 tracks are learned
from, chosen and ordered by a hash of their ids; workers read them and name their chords, and this
process trains on one thread. The model is saved in the store (``_models/chord2vec``) and used from
then on, also when the catalogue grows: rows of different vectors could not be compared. An
interruption before that costs what was learned; to learn anew, delete the folder.
"""

from __future__ import annotations

import heapq
import os
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from chordmer.errors import ChordmerError, ChordmerWarning, StoreError
from chordmer.extraction.jobs import Finished, Job
from chordmer.extraction.plan import FRAMES
from chordmer.extraction.progress import Progress
from chordmer.extraction.sources import Listing
from chordmer.features.chord2vec import Chord2Vec
from chordmer.features.chords import segment_chords
from chordmer.store import Store
from chordmer.track import Track

__all__ = ["ChordNames", "Engine", "sample", "with_vectors"]

_NAME = "chord2vec"
#: More pieces do not make better vectors of some thousand chords, and take hours.
_MOST_PIECES = 100_000
#: What of `Chord2Vec` says how chords are named.
_SEGMENTATION = ("method", "spelling", "beats_per_measure", "beat_unit", "bpm", "split_beats")

#: Runs a task over jobs; a generator, so that closing it stops what runs.
Engine = Callable[[Callable[[Any], Any], Iterator[Job]], Generator[Finished]]


def with_vectors(
    extractors: Mapping[str, Any],
    given: str | os.PathLike[str] | None,
    store: Path,
    listing: Listing,
    engine: Engine,
    progress: Progress,
) -> dict[str, Any]:
    """Return the extractors, with a fitted model where ``"chord2vec"`` was asked for by name.

    In a catalogue without notes there is nothing to learn, and the feature is left out.

    Raises
    ------
    ValueError
        If vectors are given and not asked for.
    ModelError
        If a saved model cannot be read.
    StoreError
        If the store cannot be used.
    ChordmerError
        If the catalogue has notes but no chords.
    """
    unlearned = [
        name
        for name in (_NAME, _NAME + FRAMES)
        if isinstance(model := extractors.get(name), Chord2Vec) and not hasattr(model, "embedding_")
    ]
    if given is not None and not unlearned:
        raise ValueError("chord2vec is for the feature of that name, which is not asked for")
    if not unlearned:
        return dict(extractors)
    folder = store / "_models" / _NAME
    with Store.create_or_open(store, {}):
        if given is not None:
            model = Chord2Vec.load(given)
            _save(model, folder)
        elif folder.exists():
            model = Chord2Vec.load(folder)
        else:
            chosen = sample(listing(), _MOST_PIECES)
            if not chosen:
                return {name: e for name, e in extractors.items() if name not in unlearned}
            progress.say(f"learning chord2vec from {len(chosen):,} tracks")
            model = extractors[unlearned[0]]
            names = ChordNames({name: getattr(model, name) for name in _SEGMENTATION})
            jobs = (Job(position, track) for position, track in enumerate(chosen))
            with closing(engine(names, jobs)) as finished, warnings.catch_warnings():
                warnings.simplefilter("ignore", ChordmerWarning)  # the report below says the same
                model.fit(_in_order(finished))
            _save(model, folder)
            progress.say(f"chord2vec: {model.fit_report_}")
    return {name: model if name in unlearned else e for name, e in extractors.items()}


def sample(listed: Iterable[Track | ChordmerError], most: int) -> list[Track]:
    """Return `most` tracks that have notes, or all: chosen and ordered by a hash of their ids."""
    keyed = (
        (blake2b(track.id.encode("utf-8", "surrogatepass")).digest(), track)
        for track in listed
        if isinstance(track, Track) and track.symbolic is not None
    )
    return [track for _, track in heapq.nsmallest(most, keyed, key=lambda pair: pair[0])]


@dataclass(frozen=True)
class ChordNames:
    """The task of naming the chords of a track; one that cannot be read has none.

    Parameters
    ----------
    segmentation : mapping
        Of `segment_chords`.
    """

    segmentation: Mapping[str, Any]

    def __call__(self, track: Track) -> list[str]:
        """Return the names of the chords, in order."""
        try:
            return list(segment_chords(track.symbolic, **self.segmentation).tokens)
        except ChordmerError:
            return []


def _in_order(finished: Iterable[Finished]) -> Iterator[list[str]]:
    """Yield the results by the position of their jobs; only those that came early wait."""
    early: dict[int, list[str]] = {}
    place = 0
    for job, names, _ in finished:
        early[job.position] = names or []
        while place in early:
            yield early.pop(place)
            place += 1


def _save(model: Chord2Vec, folder: Path) -> None:
    try:
        folder.parent.mkdir(exist_ok=True)
        model.save(folder)
    except OSError as error:
        problem = f"the model cannot be kept: {error.strerror}"
        raise StoreError(problem, source=folder, stage="chord2vec") from error
