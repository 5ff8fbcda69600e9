"""The benchmark at work: features heard once, then model after model on fold after fold."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chordmer.benchmark.contenders import Contender
from chordmer.benchmark.machine import hardware, peak_memory, versions
from chordmer.benchmark.progress import Progress
from chordmer.benchmark.sound import render_tracks
from chordmer.benchmark.store import Record, Store, code_version, data_version, settings_of
from chordmer.datasets import Dataset
from chordmer.emotion import QUADRANTS
from chordmer.errors import ChordmerError, DatasetError, printable
from chordmer.evaluate import CrossValidation, Evaluation, Fold, PublishedSplit, evaluate, folds_of
from chordmer.evaluate.intervals import group_codes
from chordmer.recognizer import EmotionRecognizer
from chordmer.recognizer.feature_cache import shared_cache
from chordmer.recognizer.heads import make_head, vector_names
from chordmer.recognizer.hearing import Hearing
from chordmer.recognizer.targets import Target
from chordmer.track import Track

__all__ = ["Outcome", "run_benchmark"]

_FOLDS = "folds"
#: Tracks heard between two signs of progress.
_BATCH = 16


@dataclass(frozen=True, eq=False)
class Outcome:
    """All that a benchmark found.

    Attributes
    ----------
    dataset : Dataset
        The tracks that have a label.
    y : ndarray of str, shape (n,)
    contenders : tuple of Contender
    protocol : str
        How tracks were divided, in words.
    records : tuple of Record
        One a contender, seed and fold.
    settings : dict of str to str
        What was asked for, for readers.
    versions : dict of str to str
    finished : str
        Date and time.
    """

    dataset: Dataset
    y: NDArray[Any]
    contenders: tuple[Contender, ...]
    protocol: str
    records: tuple[Record, ...]
    settings: dict[str, str]
    versions: dict[str, str]
    finished: str

    @property
    def failed(self) -> list[Record]:
        """Those that came to nothing."""
        return [record for record in self.records if record.result is None]

    def of(self, contender: Contender) -> list[Record]:
        """Return the records of one contender: seed after seed, fold after fold."""
        return [record for record in self.records if record.contender == contender]

    def evaluation(self, contender: Contender) -> Evaluation | None:
        """Return what a contender answered in all; None where nothing succeeded."""
        results = tuple(r.result for r in self.of(contender) if r.result is not None)
        if not results:
            return None
        codes, names = group_codes([track.group for track in self.dataset.tracks], len(self.y))
        return Evaluation(
            contender.title,
            self.protocol,
            self.y,
            codes,
            names,
            results,
            np.unique(self.y),
            ids=tuple(self.dataset.ids),
        )


def run_benchmark(
    dataset: Dataset,
    contenders: Sequence[Contender],
    output: str | os.PathLike[str],
    *,
    folds: int = 10,
    seeds: int = 3,
    split: str | None = None,
    seconds: float | None = 25.0,
    epochs: int | None = None,
    cache: str | os.PathLike[str] | None = None,
    verbose: bool = True,
) -> Outcome:
    """Train and test every contender on every fold under every seed.

    Parameters
    ----------
    dataset : Dataset
        With labels, or valence and arousal, whose quadrants are then told. Tracks of neither are
        left out.
    contenders : sequence of Contender
    output : path-like
        Folder in which results are kept as soon as they are there, in ``folds``. Those that are
        there already, and were made with the same data, settings, code and versions, are not made
        again.
    folds : int, default 10
        As in the seed paper; a group is never divided.
    seeds : int, default 3
        The whole is done so many times, with the seeds 0, 1, ...
    split : str, optional
        One of ``dataset.splits`` in place of folds. Where it has no part ``"test"``, the test is
        on its part ``"valid"``.
    seconds : float or None, default 25
        Sound listened to, from the start of each track; None: all.
    epochs : int, optional
        Most epochs of networks; by default those of their papers.
    cache : path-like, optional
        Folder of features and rendered sound. By default ``cache`` in `output`.
    verbose : bool, default True
        Whether to say on standard error how far it is.

    Returns
    -------
    Outcome

    Raises
    ------
    LeakageError
        If a published split divides a group.
    ChordmerError
        If there is nothing to learn from, or the folders cannot be written to.
    """
    if not contenders or len(set(contenders)) < len(contenders):
        raise ValueError("contenders should be one or more different ones")
    kept = Path(output) / "cache" if cache is None else Path(cache)
    dataset, y = _labelled(dataset)
    classes = np.unique(y).tolist()
    models = {
        contender: contender.recognizer(
            target="quadrant" if set(classes) <= set(QUADRANTS) else classes,
            seconds=seconds,
            epochs=epochs,
            cache=os.fspath(kept),
        )
        for contender in contenders
    }
    protocol = _protocol(dataset, folds, split)
    words = protocol.words
    if isinstance(protocol, PublishedSplit):
        words += f" {split}" + (", tested on its valid part" if protocol.test == "valid" else "")
    common = {
        "data": data_version(dataset.tracks, y),
        "protocol": words,
        "seconds": seconds,
        "code": code_version(),
        "versions": versions(),
    }
    jobs = _plan(models, dataset.tracks, y, protocol, seeds, common)
    store = Store(Path(output) / _FOLDS)
    found = [store.load(job.settings, job.contender, job.fold, len(classes)) for job in jobs]
    done = {at: record for at, record in enumerate(found) if record is not None}
    progress = Progress(verbose)
    progress.begin([job.contender for job in jobs], done)
    tracks = list(dataset.tracks)
    waiting = dict.fromkeys(job.contender for at, job in enumerate(jobs) if at not in done)
    if waiting:
        tracks = _listen([models[c] for c in waiting], tracks, y, kept, seconds, progress)
    for at, job in enumerate(jobs):
        if at not in done:
            done[at] = _run(job, models[job.contender], tracks, y)
            if done[at].result is not None:
                store.keep(job.settings, done[at])
            progress.tell(done[at], y)
    return Outcome(
        dataset,
        y,
        tuple(contenders),
        words,
        tuple(done[at] for at in range(len(jobs))),
        {
            "seeds": ", ".join(map(str, range(seeds))),
            "sound": "all of it" if seconds is None else f"the first {seconds:g} s",
            "epochs": "as in each model's paper" if epochs is None else f"{epochs} at most",
        },
        versions(),
        datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )


@dataclass(frozen=True, eq=False)
class _Job:
    """One training: of which model, on which fold, and all settings that its result depends on."""

    contender: Contender
    seed: int
    number: int
    fold: Fold
    settings: dict[str, Any]


def _plan(
    models: Mapping[Contender, EmotionRecognizer],
    tracks: Sequence[Track],
    y: NDArray[Any],
    protocol: CrossValidation | PublishedSplit,
    seeds: int,
    common: Mapping[str, Any],
) -> list[_Job]:
    """Return all trainings: each seed for all models before the next seed."""
    groups = [track.group for track in tracks]
    jobs = []
    for seed in range(seeds):
        folds = folds_of(protocol, y, groups, seed=seed)
        for contender, model in models.items():
            settings = {
                **common,
                "model": contender.name,
                "features": list(contender.features),
                "parameters": settings_of(model),
                "seed": seed,
            }
            jobs += [
                _Job(contender, seed, number, fold, {**settings, "fold": number})
                for number, fold in enumerate(folds)
            ]
    return jobs


def _labelled(dataset: Dataset) -> tuple[Dataset, NDArray[Any]]:
    """Return the tracks that have a label, and the labels."""
    labels = dataset.quadrants if dataset.labels is None else dataset.labels
    known = [row for row, label in enumerate(labels.tolist()) if label is not None]
    y = np.array([labels[row] for row in known], dtype=str)
    if len(set(y.tolist())) < 2:
        raise DatasetError(
            "a benchmark needs tracks of two classes or more",
            source=dataset.name,
            stage="labels",
            value=sorted(set(y.tolist())),
        )
    return dataset[np.array(known, dtype=np.intp)], y


def _protocol(dataset: Dataset, folds: int, split: str | None) -> CrossValidation | PublishedSplit:
    if split is None:
        return CrossValidation(folds)
    if split not in dataset.splits:
        there = ", ".join(dataset.splits) or "none"
        raise DatasetError(
            f"has no such split; there are: {there}",
            source=dataset.name,
            stage="split",
            value=split,
        )
    parts = dataset.splits[split]
    # The test songs may be kept from the public, as in the part of EMOPIA that has an index.csv.
    return PublishedSplit(parts, test="test" if "test" in parts else "valid")


def _listen(
    models: Sequence[EmotionRecognizer],
    tracks: list[Track],
    y: NDArray[Any],
    cache: Path,
    seconds: float | None,
    progress: Progress,
) -> list[Track]:
    """Return the tracks, with sound if a model wants it, and fill the cache of features.

    What is fitted, as Chord2Vec is, listens in each fold anew: it would know the songs of the test.
    """
    forms: dict[tuple[str, bool], Any] = {}
    for model in models:
        pairs = dict(model.extractors or ())
        head = make_head(model.classifier, model.fusion, Target.of(model.target))
        vectors = vector_names(head, [*pairs], model.vectors)
        for name, extractor in pairs.items():
            forms[name, name in vectors] = extractor
    if any(extractor.modality == "audio" for extractor in forms.values()):
        rendered = []
        for track in render_tracks(tracks, cache / "sound", seconds=seconds):
            rendered.append(track)
            progress.count("sound", len(rendered), len(tracks))
        tracks = rendered
    for (name, as_vector), extractor in forms.items():
        if extractor.__sklearn_tags__().requires_fit:
            continue
        what = f"{name}, {'vectors' if as_vector else 'frames'}"
        try:
            hearing = Hearing.fit([(name, extractor)], [name] if as_vector else [], tracks, y)
            for start in range(0, len(tracks), _BATCH):
                batch = tracks[start : start + _BATCH]
                hearing.hear(batch, shared_cache(os.fspath(cache)), strict=False)
                progress.count(what, start + len(batch), len(tracks))
        except (ChordmerError, ImportError) as error:
            # The trainings that need it will say so; others go on.
            progress.say(f"{what}: {printable(error, 300)}")
    return tracks


def _run(job: _Job, model: EmotionRecognizer, tracks: list[Track], y: NDArray[Any]) -> Record:
    result, error = None, ""
    with peak_memory() as peak:
        try:
            found = evaluate(
                model, tracks, y, protocol=[(job.fold.train, job.fold.test)], seeds=[job.seed]
            )
            result = replace(found.results[0], number=job.number)
        except Exception as problem:
            # Whatever goes wrong in one training is told, and is no reason to lose the others.
            error = printable(f"{type(problem).__name__}: {problem}", 500)
    return Record(job.contender, job.seed, job.number, result, error, peak, hardware())
