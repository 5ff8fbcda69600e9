"""The whole of an extraction: what is missing in a store is computed, and nothing else."""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

from chordmer.errors import ChordmerError, ClusterError
from chordmer.extraction.cluster import run_cluster
from chordmer.extraction.jobs import Finished, Job
from chordmer.extraction.local import run_local
from chordmer.extraction.plan import Feature, feature_of, named_features
from chordmer.extraction.progress import Progress, Summary
from chordmer.extraction.sources import Listing, listing_of
from chordmer.extraction.task import Visit, Visited, Visitor, own_code
from chordmer.extraction.vectors import Engine, with_vectors
from chordmer.store import Failure, Row, Store

__all__ = ["extract"]

#: Less than this, and no worker would start.
_LEAST_MEMORY = 1 << 28
#: What extractors import when they first listen. It can take longer than a file may take, so it is
#: imported where workers are forked from.
_LATE: Mapping[str, tuple[str, ...]] = {
    "audio": ("soundfile", "soxr"),
    "lyrics": (
        "torch",
        "transformers.models.auto.modeling_auto",
        "transformers.models.auto.tokenization_auto",
        "transformers.models.bert.modeling_bert",
    ),
    "symbolic": (),
}


def extract(
    source: Any,
    store: str | os.PathLike[str],
    *,
    features: Sequence[Any] = ("symbolic", "descriptors"),
    n_jobs: int = 1,
    cluster: str | None = None,
    timeout: float = 60.0,
    memory: int | None = 4 << 30,
    chord2vec: str | os.PathLike[str] | None = None,
    retry_failed: bool = False,
    verbose: bool = False,
) -> Summary:
    """Extract features of a catalogue into a store, whatever its files contain.

    Files are read by supervised processes: one that crashes, hangs or needs too much memory costs
    its one file, which is recorded as failed. What is computed is kept at once; the same call again
    does only what is missing, whatever stopped the first. A row is up to date while its file's
    content, the extractor's parameters and the code that computes it are the same; to know the
    content, every file is read again, which is small work beside extraction.

    Parameters
    ----------
    source : path, or iterable of Track and of what can stand for one
        A folder, a manifest (csv: ``id``, ``symbolic``, ``audio``, ``lyrics``), one media file, or
        tracks; see `chordmer.extraction.sources`.
    store : path
        The store's folder; made if it is missing. Its parent must exist.
    features : sequence of str, of estimators, or of (name, estimator)
        Keys of `chordmer.recognizer.recipes.FEATURES`, or extractors of one's own. Each gives a
        pooled vector a track, and with ``_frames`` behind its name (``"gtf_frames"``) the sequence.
        A track that lacks the source of a feature has no row of it.
    n_jobs : int, default 1
        Processes on this machine. They are started anew, not forked: a script that calls `extract`
        does so under ``if __name__ == "__main__":``.
    cluster : str, optional
        Address of a Dask scheduler, such as ``"tcp://10.0.0.1:8786"``, whose workers take the place
        of processes here. They must see the files under the same paths.
    timeout : float, default 60
        Seconds that one track may take.
    memory : int or None, default 4 GiB
        Bytes of address space that one process may have; no limit where an extractor uses CUDA,
        which reserves more than there is.
    chord2vec : path, optional
        Folder of a saved `Chord2Vec`, for ``"chord2vec"``. Without one it is learned from the
        catalogue (see `chordmer.extraction.vectors`) and stays in the store.
    retry_failed : bool, default False
        Whether files that failed before are tried again although nothing has changed. Files that
        could not be read at all always are.
    verbose : bool, default False
        Whether standard error tells how far it is.

    Returns
    -------
    Summary

    Raises
    ------
    ChordmerError
        If the source cannot be listed, the store cannot be used or written to (`StoreError`), or
        the cluster is not there (`ClusterError`). What was computed until then is kept.
    ValueError
        If a parameter is out of range, or a feature unknown.
    """
    engine = _engine(n_jobs, cluster, timeout, memory)
    extractors = named_features(features)
    listing = listing_of(source)
    with Progress(listing, verbose=verbose) as progress:
        extractors = with_vectors(extractors, chord2vec, Path(store), listing, engine, progress)
        wanted = {name: feature_of(name, extractor) for name, extractor in extractors.items()}
        recipes = {name: feature.recipe for name, feature in wanted.items()}
        with Store.create_or_open(store, recipes) as opened:
            _Run(opened, wanted, retry_failed, progress).through(listing, engine)
            counts = opened.info()
            if counts["superseded"] > counts["rows"]:
                opened.compact()
    return progress.summary()


def _engine(n_jobs: int, cluster: str | None, timeout: float, memory: int | None) -> Engine:
    """Return what runs a task over jobs: here, or on a cluster."""
    if n_jobs < 1:
        raise ValueError(f"n_jobs must be 1 or more, not {n_jobs}")
    if cluster is not None and n_jobs != 1:
        raise ValueError("n_jobs is for this machine: a cluster has workers of its own")
    if not 0 < timeout < math.inf:
        raise ValueError(f"timeout must be a number of seconds, not {timeout}")
    if memory is not None and memory < _LEAST_MEMORY:
        raise ValueError(f"memory must be {_LEAST_MEMORY} bytes or more, not {memory}")

    def run(task: Callable[[Any], Any], jobs: Iterator[Job]) -> Any:
        features = task.features.values() if isinstance(task, Visitor) else ()
        own = [
            name
            for feature in features
            if feature.is_ours
            for name in (type(feature.extractor).__module__, *_LATE[feature.modality])
        ]
        limits: dict[str, Any] = {
            "timeout": timeout,
            "memory": None if any(map(_uses_cuda, features)) else memory,
            "preload": ["chordmer.extraction.task", *own],
        }
        if cluster is None:
            return run_local(task, jobs, n_jobs=n_jobs, **limits)
        return run_cluster(task, jobs, address=cluster, **limits)

    return run


def _uses_cuda(feature: Feature) -> bool:
    return str(getattr(feature.extractor, "device", None)).startswith("cuda")


class _Run:
    """One pass through a catalogue: which jobs there are, and what becomes of each."""

    def __init__(
        self,
        store: Store,
        features: Mapping[str, Feature],
        retry_failed: bool,
        progress: Progress,
    ) -> None:
        self._store = store
        self._features = features
        self._retry_failed = retry_failed
        self._progress = progress
        self._again: deque[Visit] = deque()

    def through(self, listing: Listing, engine: Engine) -> None:
        """Visit every track of a listing, and those that cost a worker again."""
        task = Visitor(self._features, own_code())
        visits = self._first(listing)
        while True:
            with closing(engine(task, self._jobs(visits))) as finished:
                for end in finished:
                    self._take(end)
            if not self._again:
                return
            visits = iter(())

    def _jobs(self, visits: Iterator[Visit]) -> Iterator[Job]:
        """Yield jobs, those that are done again before others."""
        for position in count():
            visit = self._again.popleft() if self._again else next(visits, None)
            if visit is None:
                return
            yield Job(position, visit)

    def _first(self, listing: Listing) -> Iterator[Visit]:
        """Yield a visit of each track, and what the store knows of it."""
        progress = self._progress
        for track in listing():
            if isinstance(track, ChordmerError):
                progress.unlisted.append(track)
                continue
            wanted = tuple(n for n, feature in self._features.items() if feature.hears(track))
            if not wanted:
                progress.passed_over += 1
                continue
            known = {
                name: row.key
                for name, row in self._store.known(track.id).items()
                if not (row.failed and self._retry_failed)
            }
            yield Visit(track, wanted, known)

    def _take(self, end: Finished) -> None:
        """Store what came of a job, or see to it that it is found out."""
        visit: Visit = end.job.payload
        visited: Visited | None = end.result
        lost = end.failure
        if lost is not None and lost.kind == ClusterError.__name__:
            raise ClusterError(lost.message, stage=lost.stage)
        if visit.failure is not None:
            # Its files were looked at without computing anything.
            contents = {} if visited is None else visited.contents
            self._suspect(visit, visit.failure, contents)
        elif visited is not None:
            self._keep(visit, visited)
        elif lost is not None and visit.contents is None:
            self._again.append(replace(visit, failure=lost))
        elif lost is not None:
            self._refuse(visit, lost, visit.contents or {})
        self._progress.tell()

    def _suspect(self, visit: Visit, lost: Failure, contents: Mapping[str, str]) -> None:
        """Record who cost a worker; where it may have been one of several features, ask each."""
        self._progress.tracks += 1
        if len(visit.wanted) == 1:
            self._refuse(visit, lost, contents)
            return
        self._again.extend(
            Visit(visit.track, (name,), visit.known, contents=contents) for name in visit.wanted
        )

    def _refuse(self, visit: Visit, lost: Failure, contents: Mapping[str, str]) -> None:
        """Record that a feature of a track costs workers."""
        feature = self._features[visit.wanted[0]]
        content = contents.get(feature.hears(visit.track) or "", "")
        self._append([feature.row(visit.track, content, error=lost)])

    def _keep(self, visit: Visit, visited: Visited) -> None:
        """Record what a visit came to."""
        self._progress.tracks += visit.contents is None
        self._progress.read += visited.size
        made = {row.feature for row in visited.rows}
        spared = [name for name in visit.wanted if name not in made]
        if spared:
            stored = self._store.known(visit.track.id)
            before = sum(stored[name].failed for name in spared)
            self._progress.failed_before += before
            self._progress.up_to_date += len(spared) - before
        self._append(visited.rows)

    def _append(self, rows: list[Row]) -> None:
        if rows:
            self._store.append(rows)
        for row in rows:
            if row.error is None:
                self._progress.rows += 1
            else:
                self._progress.fail(row.error.kind, f"{row.id}: {row.error.message}")
