"""What is to be learned: samples, their truth and their groups; and a model set to it once."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
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

from chordmer.evaluate.fold_result import FoldResult
from chordmer.evaluate.intervals import group_codes
from chordmer.evaluate.metrics import Codes, Floats, validate_labels, validate_numbers
from chordmer.evaluate.protocols import Fold, folds_of_codes
from chordmer.track import Track

__all__ = ["Choice", "Task", "seeded"]


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


@dataclass(frozen=True, eq=False)
class Task:
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
    ) -> Task:
        """Return the task that the arguments of `chordmer.evaluate.evaluate` stand for."""
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
        """Return the folds of a protocol; those of songs as those of their moments."""
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
        """Return what a clone of `model` answers to the test rows, once fitted to the others."""
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


def seeded(model: Any, seed: int) -> Any:
    """Return a clone of `model` in which every ``random_state`` is drawn from `seed`."""
    copy = clone(model)
    random = np.random.RandomState(seed)
    names = sorted(n for n in copy.get_params() if n.rpartition("__")[2] == "random_state")
    return copy.set_params(**{name: int(random.randint(2**31 - 1)) for name in names})


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
