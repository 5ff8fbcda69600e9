"""`evaluate`: a model, tracks and what is true of them in; what it answers unseen ones out."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.metrics import check_scoring
from sklearn.model_selection import GridSearchCV, ParameterGrid, RandomizedSearchCV
from sklearn.utils.validation import has_fit_parameter

from chordmer.evaluate.evaluation import Evaluation
from chordmer.evaluate.fold_result import FoldResult
from chordmer.evaluate.intervals import group_codes
from chordmer.evaluate.metrics import Codes, Floats, validate_labels, validate_numbers
from chordmer.evaluate.protocols import CrossValidation, Fold, Splitting, folds_of_codes
from chordmer.track import Track

__all__ = ["Choice", "evaluate", "seeded"]


@dataclass(frozen=True, eq=False)
class Choice:
    """Hyper-parameters to choose from, on the training side of each fold alone.

    Parameters
    ----------
    grid : mapping of str to sequence, or sequence of these
        Values by the names of the model's parameters, as for `sklearn.model_selection`.
    protocol : Splitting, int or scikit-learn splitter, default 3
        Divides the training rows, by their groups; not used in folds that have rows for
        validation, which then decide.
    scoring : str or callable, optional
        A scikit-learn scorer; by default the model's own ``score``.
    """

    grid: Mapping[str, Sequence[Any]] | Sequence[Mapping[str, Sequence[Any]]]
    protocol: Any = 3
    scoring: Any = None


def evaluate(
    model: Any,
    X: Any,
    y: Any,
    *,
    protocol: Any = 10,
    groups: Iterable[Any] | None = None,
    seeds: Sequence[int] = (0,),
    choice: Choice | None = None,
    curves: bool = False,
    dimensions: Sequence[str] | None = None,
    name: str | None = None,
    verbose: bool = False,
) -> Evaluation:
    """Train and test a model on every fold of a protocol.

    Parameters
    ----------
    model : classifier or regressor
        A scikit-learn estimator or an `EmotionRecognizer`. It is cloned, never fitted itself.
    X : sequence of n samples
        Tracks, an array, or whatever the model takes.
    y : array_like, shape (n,) or (n, d)
        Labels for a classifier, numbers for a regressor.
    protocol : Splitting, int, scikit-learn splitter, or iterable of (train, test)
        `CrossValidation`, `Holdout`, `PublishedSplit` or `LeaveOneCorpusOut`; an int is so many
        folds. Ten by default, as in the papers.
    groups : array_like, shape (n,), optional
        What must not be divided: the song, or the artist. By default that of the tracks, or else
        their file; samples of group None are alone. A model whose ``fit`` takes ``groups`` is
        told them too.
    seeds : sequence of int, default (0,)
        The whole is done once for each: the seed shuffles the folds and sets every
        ``random_state`` in the model.
    choice : Choice, optional
        Hyper-parameters to be chosen anew in every fold; the model is then fitted to the training
        rows with the best ones.
    curves : bool, default False
        Whether samples are songs of many moments: ``X[i]`` a sequence of t samples, such as frames
        of shape (t, k), and ``y[i]`` of shape (t,) or (t, d). The model learns from moments;
        protocols, `groups` and metrics are about songs.
    dimensions : sequence of str, length d, optional
        What the columns of numbers are called; by default those of a recogniser's target.
    name : str, optional
        What the model is called in reports; by default its class.
    verbose : bool, default False
        Whether each fold is told on standard error.

    Returns
    -------
    Evaluation

    Raises
    ------
    LeakageError
        If a group is in training and in test.
    ValueError
        If samples, truth, groups and protocol do not fit together, truth is missing somewhere, or
        the model answers what cannot be measured.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> evaluation = evaluate(DecisionTreeClassifier(), X, y, protocol=5, seeds=[0, 1])
    >>> evaluation.confusion().sum(axis=1).tolist()
    [100, 100, 100]
    """
    # Arrays of tracks are tracks too.
    X = list(X) if getattr(X, "ndim", 1) == 1 else X
    seeds = [int(seed) for seed in seeds]
    if not seeds or len(set(seeds)) < len(seeds):
        raise ValueError(f"seeds should be one or more different numbers, not {seeds}")
    task = _Task.of(model, X, y, groups, curves, dimensions)
    # Every seed goes through the folds anew.
    protocol = list(protocol) if isinstance(protocol, Iterator) else protocol
    results = []
    for seed in seeds:
        for number, fold in enumerate(task.folds(protocol, seed)):
            results.append(task.run(model, fold, seed=seed, number=number, choice=choice))
            if verbose:
                seconds = results[-1].fit_seconds + results[-1].predict_seconds
                print(f"seed {seed}, fold {number}: {seconds:.1f} s", file=sys.stderr)
    return Evaluation(
        name or _name(model),
        _words(protocol),
        task.y,
        task.codes,
        task.group_names,
        tuple(results),
        task.classes,
        task.dimensions,
        task.songs,
        task.ids,
    )


def seeded(model: Any, seed: int) -> Any:
    """Return a clone of `model` in which every ``random_state`` is drawn from `seed`."""
    copy = clone(model)
    random = np.random.RandomState(seed)
    names = sorted(n for n in copy.get_params() if n.rpartition("__")[2] == "random_state")
    return copy.set_params(**{name: int(random.randint(2**31 - 1)) for name in names})


@dataclass(frozen=True, eq=False)
class _Task:
    """Samples with their truth and groups, checked; of curves, their moments."""

    X: Any
    y: NDArray[Any]
    codes: Codes
    group_names: list[Any]
    classes: NDArray[Any] | None
    dimensions: tuple[str, ...]
    songs: Codes | None
    ids: tuple[str, ...] | None

    @classmethod
    def of(
        cls,
        model: Any,
        X: Any,
        y: Any,
        groups: Iterable[Any] | None,
        curves: bool,
        dimensions: Sequence[str] | None,
    ) -> _Task:
        n = X.shape[0] if hasattr(X, "shape") else len(X)
        tracks = not hasattr(X, "shape") and n and all(isinstance(x, Track) for x in X)
        ids = tuple(track.id for track in X) if tracks else None
        if groups is None and tracks:
            groups = [_song(track) for track in X]
        codes, names = group_codes(groups, n)
        if len(y) != n or not n:
            raise ValueError(f"{n} samples, and the truth of {len(y)}")
        songs = None
        if curves:
            X, y, songs = _moments(X, y)
            codes = codes[songs]
        if is_classifier(model):
            if curves:
                raise ValueError("curves are numbers, and this model is a classifier")
            labels = _labels(y)
            return cls(X, labels, codes, names, np.unique(labels), (), songs, ids)
        if not is_regressor(model):
            raise ValueError(f"{type(model).__name__} is neither a classifier nor a regressor")
        target = getattr(model, "target", None)
        if dimensions is None and isinstance(target, str):
            dimensions = target.split("_")
        values = np.asarray(y, dtype=np.float64)
        _, _, columns = validate_numbers(values, values, dimensions=dimensions)
        return cls(X, values, codes, names, None, columns, songs, ids)

    def folds(self, protocol: Any, seed: int) -> list[Fold]:
        if self.songs is None:
            return folds_of_codes(protocol, self._strata, self.codes, self.group_names, seed=seed)
        songs, first = np.unique(self.songs, return_index=True)
        own = self.codes[first]
        folds = folds_of_codes(protocol, np.zeros(len(songs)), own, self.group_names, seed=seed)
        return [
            Fold(*(np.flatnonzero(np.isin(self.songs, part)) for part in parts))
            for parts in ((fold.train, fold.test, fold.valid) for fold in folds)
        ]

    @property
    def _strata(self) -> NDArray[Any]:
        return self.y if self.classes is None else np.searchsorted(self.classes, self.y)

    def run(
        self, model: Any, fold: Fold, *, seed: int, number: int, choice: Choice | None
    ) -> FoldResult:
        start = perf_counter()
        chosen = {} if choice is None else self._choose(model, fold, choice, seed)
        fitted = self._fit(clone(model).set_params(**chosen), fold.train, seed)
        middle = perf_counter()
        X, truth = _take(self.X, fold.test), self.y[fold.test]
        predictions = np.asarray(fitted.predict(X))
        shares = None
        if self.classes is None:
            predictions = predictions.astype(np.float64)
            validate_numbers(truth, predictions)
            predictions = predictions.reshape(truth.shape)
        else:
            if hasattr(fitted, "predict_proba"):
                shares = self._shares(fitted.classes_, np.asarray(fitted.predict_proba(X)))
            validate_labels(truth, predictions, shares, classes=self.classes.tolist())
        end = perf_counter()
        return FoldResult(
            seed, number, fold, predictions, shares, chosen, middle - start, end - middle
        )

    def _fit(self, model: Any, rows: Codes, seed: int) -> Any:
        return seeded(model, seed).fit(
            _take(self.X, rows), self.y[rows], **_told(model, self.codes[rows])
        )

    def _shares(self, classes: NDArray[Any], probabilities: NDArray[Any]) -> Floats:
        assert self.classes is not None
        shares = np.zeros((len(probabilities), len(self.classes)))
        shares[:, np.searchsorted(self.classes, classes)] = probabilities
        return shares

    def _choose(self, model: Any, fold: Fold, choice: Choice, seed: int) -> dict[str, Any]:
        if len(fold.valid):
            inner = [Fold(fold.train, fold.valid)]
        else:
            rows = fold.train
            inner = [
                Fold(rows[part.train], rows[part.test])
                for part in folds_of_codes(
                    choice.protocol,
                    self._strata[rows],
                    *group_codes(self.codes[rows], len(rows)),
                    seed=seed,
                )
            ]
        scorer = check_scoring(model, scoring=choice.scoring)

        def score(candidate: Mapping[str, Any]) -> float:
            return float(
                np.mean(
                    [
                        scorer(
                            self._fit(clone(model).set_params(**candidate), part.train, seed),
                            _take(self.X, part.test),
                            self.y[part.test],
                        )
                        for part in inner
                    ]
                )
            )

        return max(ParameterGrid(choice.grid), key=score)


def _song(track: Track) -> str | None:
    """Return the group of a track, or else its file: rows that name the same one are one song."""
    if track.group is not None:
        return track.group
    for source in (track.symbolic, track.audio):
        if isinstance(source, (str, os.PathLike)):
            return os.fsdecode(source)
    return None


def _told(model: Any, groups: Codes) -> dict[str, Codes]:
    """Return the groups under the name by which the model's ``fit`` takes them, if it does."""
    if isinstance(model, (GridSearchCV, RandomizedSearchCV)) or has_fit_parameter(model, "groups"):
        return {"groups": groups}
    if hasattr(model, "steps") and has_fit_parameter(model.steps[-1][1], "groups"):
        return {f"{model.steps[-1][0]}__groups": groups}
    return {}


def _take(X: Any, rows: Codes) -> Any:
    if hasattr(X, "iloc"):
        return X.iloc[rows]
    return X[rows] if hasattr(X, "shape") else [X[row] for row in rows]


def _moments(X: Any, y: Any) -> tuple[Any, NDArray[np.float64], Codes]:
    """Return the moments of all songs one after the other, their truth, and whose they are."""
    truth = [np.asarray(curve, dtype=np.float64) for curve in y]
    for song, (moments, curve) in enumerate(zip(X, truth)):
        if len(moments) != len(curve) or not len(curve):
            raise ValueError(f"song {song} has {len(moments)} moments, and a truth of {len(curve)}")
    arrays = all(isinstance(moments, np.ndarray) for moments in X)
    flat = np.concatenate(list(X)) if arrays else list(chain.from_iterable(X))
    songs = np.repeat(np.arange(len(truth)), [len(curve) for curve in truth])
    return flat, np.concatenate(truth), songs


def _labels(y: Any) -> NDArray[Any]:
    labels = np.asarray(y)
    if labels.ndim != 1:
        raise ValueError(f"y should be one label a sample, not of shape {labels.shape}")
    missing = [row for row, label in enumerate(labels.tolist()) if label is None or label != label]
    if missing:
        raise ValueError(
            f"{len(missing)} samples have no label, the first is {missing[0]}: leave them out"
        )
    return np.array(labels.tolist())


def _name(model: Any) -> str:
    steps: Iterable[Any] = (step for _, step in getattr(model, "steps", [("", model)]))
    return " > ".join(type(step).__name__ for step in steps)


def _words(protocol: Any) -> str:
    if isinstance(protocol, (int, np.integer)):
        protocol = CrossValidation(int(protocol))
    if isinstance(protocol, Splitting):
        return protocol.words
    return type(protocol).__name__ if hasattr(protocol, "split") else "given folds"
