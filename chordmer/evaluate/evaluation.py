"""`Evaluation`: what a model answered to tracks it never met, and what that says of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from chordmer.errors import printable
from chordmer.evaluate.comparison import Comparison, corrected_t_test, mcnemar
from chordmer.evaluate.fold_result import FoldResult, plain
from chordmer.evaluate.intervals import Interval, bootstrap, interval_of
from chordmer.evaluate.metrics import (
    Codes,
    Floats,
    classification_metrics,
    mean_of_known,
    regression_metrics,
    song_metrics,
    validate_labels,
)
from chordmer.evaluate.weighted import Statistic, weighted_classification, weighted_regression

__all__ = ["Evaluation"]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The answers of a model to samples it never met; `chordmer.evaluate.evaluate` makes it.

    Attributes
    ----------
    name : str
        Of the model.
    protocol : str
        How the samples were divided, in words.
    y : ndarray, shape (n,) or (n, d)
        The truth.
    codes : ndarray of int, shape (n,)
        Number of each sample's group.
    group_names : list
        What the groups are called.
    results : tuple of FoldResult
        Seed after seed, fold after fold.
    classes : ndarray or None
        Labels, sorted; None where `y` is numbers.
    dimensions : tuple of str
        What the columns of numbers are called.
    songs : ndarray of int, shape (n,), or None
        For curves: the song that each moment is of.
    ids : tuple of str, or None
        What the samples (for curves, the songs) are called.
    """

    name: str
    protocol: str
    y: NDArray[Any]
    codes: Codes
    group_names: list[Any]
    results: tuple[FoldResult, ...]
    classes: NDArray[Any] | None = None
    dimensions: tuple[str, ...] = ()
    songs: Codes | None = None
    ids: tuple[str, ...] | None = None

    @property
    def seeds(self) -> list[int]:
        """Each seed once, in order."""
        return list(dict.fromkeys(result.seed for result in self.results))

    @property
    def seconds(self) -> float:
        """Seconds that all trainings and answers took."""
        return sum(result.fit_seconds + result.predict_seconds for result in self.results)

    @property
    def main_metric(self) -> str:
        """The metric to look at first: ``"accuracy"`` for labels, ``"rmse"`` for numbers."""
        return "rmse" if self.classes is None else "accuracy"

    def out_of_fold(self, seed: int | None = None) -> tuple[Codes, NDArray[Any], Floats | None]:
        """Return the rows tested under `seed` (the first by default), and the answers to them.

        Returns
        -------
        rows : ndarray of int, shape (m,)
            In the order of folds; ``evaluation.y[rows]`` is their truth.
        predictions : ndarray, shape (m,) or (m, d)
        probabilities : ndarray of float64, shape (m, n_classes), or None
        """
        seed = self.seeds[0] if seed is None else seed
        own = [result for result in self.results if result.seed == seed]
        if not own:
            raise ValueError(f"no fold has the seed {seed}; there are {self.seeds}")
        return _joined(own)

    def by_seed(self) -> dict[int, dict[str, float]]:
        """Return the metrics of each seed, over the answers of its folds taken together."""
        return {seed: dict(own) for seed, own in self._by_seed.items()}

    def by_fold(self) -> list[dict[str, float]]:
        """Return the metrics of each fold, in the order of `results`."""
        return [dict(own) for own in self._by_fold]

    def metrics(
        self, *, n_resamples: int = 1000, level: float = 0.95, random_state: int = 0
    ) -> dict[str, Interval]:
        """Return every metric with its interval.

        Parameters
        ----------
        n_resamples : int, default 1000
            Resamples of the groups. The ends of 95 % intervals then vary by a tenth of a standard
            error.
        level : float, default 0.95
        random_state : int, default 0
            Draws the resamples.

        Returns
        -------
        dict of str to Interval
            The names are those of `chordmer.evaluate.classification_metrics`, or
            `regression_metrics`; for curves these are means over songs. Values are means over
            seeds. The interval says how far the value depends on which songs were tested, not on
            which were trained on. That of the calibration error lies too high: a resample of
            answers is less calibrated than they are.
        """
        values = self._values
        codes, statistic = self._resampling
        draws = bootstrap(statistic, codes, n_resamples=n_resamples, random_state=random_state)
        return {name: interval_of(values[name], draws[name], level) for name in values}

    def confusion(self) -> NDArray[np.intp]:
        """Return how often each class (row) was taken for each (column), over all seeds.

        Returns
        -------
        ndarray of int, shape (n_classes, n_classes)

        Raises
        ------
        ValueError
            If answers are numbers.
        """
        if self.classes is None:
            raise ValueError("numbers have no confusion matrix")
        from sklearn.metrics import confusion_matrix

        rows, predictions, _ = _joined(self.results)
        matrix: NDArray[np.intp] = confusion_matrix(self.y[rows], predictions, labels=self.classes)
        return matrix

    def song_metrics(self, seed: int | None = None) -> tuple[Codes, dict[str, Floats]]:
        """Return, for curves, which songs were tested under `seed`, and the metrics of each."""
        rows, predictions, _ = self.out_of_fold(seed)
        return self._of_songs(rows, predictions)

    def compare(
        self,
        other: Evaluation,
        *,
        metric: str | None = None,
        n_resamples: int = 1000,
        level: float = 0.95,
        random_state: int = 0,
    ) -> Comparison:
        """Return how this model differs from another that met the same folds.

        Parameters
        ----------
        other : Evaluation
        metric : str, optional
            By default `main_metric`.
        n_resamples, level, random_state
            As in `metrics`.

        Raises
        ------
        ValueError
            If the two are not of the same samples, groups, folds and seeds, or the metric is
            unknown or undefined in a fold.
        """
        metric = self.main_metric if metric is None else metric
        self._check_same(other)
        if metric not in self._values or metric not in other._values:
            raise ValueError(f"both have no metric {metric!r}, but {', '.join(self._values)}")
        codes, first = self._resampling
        _, second = other._resampling

        def gap(weights: Floats) -> dict[str, float]:
            return {metric: first(weights)[metric] - second(weights)[metric]}

        draws = bootstrap(gap, codes, n_resamples=n_resamples, random_state=random_state)
        values = self._values[metric], other._values[metric]
        folds = [[fold[metric] for fold in evaluation.by_fold()] for evaluation in (self, other)]
        differences = np.array(folds[0]) - np.array(folds[1])
        if np.isnan(differences).any():
            number = self.results[int(np.isnan(differences).argmax())].number
            raise ValueError(f"{metric} is undefined in fold {number}: compare by another metric")
        return Comparison(
            metric,
            (self.name, other.name),
            values,
            interval_of(values[0] - values[1], draws[metric], level),
            corrected_t_test(
                differences,
                [len(result.fold.train) for result in self.results],
                [len(result.fold.test) for result in self.results],
            ),
            mcnemar(self._right(), other._right()) if metric == "accuracy" else None,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain Python objects, ready for JSON; `from_dict` takes it back.

        ``"metrics"`` is there for readers, None standing for what is undefined.
        """
        return {
            "name": self.name,
            "protocol": self.protocol,
            "metrics": {name: value.to_dict() for name, value in self.metrics().items()},
            "y": self.y.tolist(),
            "codes": self.codes.tolist(),
            "group_names": [plain(name) for name in self.group_names],
            "classes": None if self.classes is None else self.classes.tolist(),
            "dimensions": list(self.dimensions),
            "songs": None if self.songs is None else self.songs.tolist(),
            "ids": None if self.ids is None else list(self.ids),
            "results": [result.to_dict() for result in self.results],
        }

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> Self:
        """Return the evaluation that `to_dict` wrote down.

        Hyper-parameters that JSON has no words for come back as text.
        """
        classes, songs, ids = saved["classes"], saved["songs"], saved["ids"]
        return cls(
            saved["name"],
            saved["protocol"],
            np.array(saved["y"]),
            np.array(saved["codes"], dtype=np.intp),
            list(saved["group_names"]),
            tuple(FoldResult.from_dict(result) for result in saved["results"]),
            None if classes is None else np.array(classes),
            tuple(saved["dimensions"]),
            None if songs is None else np.array(songs, dtype=np.intp),
            None if ids is None else tuple(ids),
        )

    def __str__(self) -> str:
        tested = len(np.unique(self.codes[_joined(self.results)[0]]))
        what = "moments" if self.songs is not None else "samples"
        lines = [
            f"{printable(self.name)}: {len(self.y):,} {what}, {tested:,} groups tested; "
            f"{self.protocol}; seeds {', '.join(map(str, self.seeds))}; {self.seconds:.1f} s"
        ]
        found = self.metrics()
        width = max(map(len, found))
        lines += [f"  {name:{width}}  {value}" for name, value in found.items()]
        if self.classes is not None and len(self.classes) <= 12:
            lines += ["", *_matrix_lines(self.classes, self.confusion())]
        return "\n".join(lines)

    def __repr__(self) -> str:
        value = self._values[self.main_metric]
        return (
            f"<Evaluation {printable(self.name, 60)}: {self.main_metric} {value:.3f}, "
            f"{len(self.results)} folds>"
        )

    # --- how it is counted -----------------------------------------------------------------------

    def _measure(
        self, rows: Codes, predictions: NDArray[Any], probabilities: Floats | None
    ) -> dict[str, float]:
        if self.classes is not None:
            return classification_metrics(
                self.y[rows], predictions, probabilities, classes=self.classes.tolist()
            )
        if self.songs is not None:
            _, songs = self._of_songs(rows, predictions)
            return {name: mean_of_known(values) for name, values in songs.items()}
        return regression_metrics(self.y[rows], predictions, dimensions=self.dimensions)

    def _of_songs(self, rows: Codes, predictions: NDArray[Any]) -> tuple[Codes, dict[str, Floats]]:
        if self.songs is None:
            raise ValueError("only curves are measured song by song")
        songs, places = np.unique(self.songs[rows], return_inverse=True)
        at = [np.flatnonzero(places == place) for place in range(len(songs))]
        return songs, song_metrics(
            [self.y[rows[own]] for own in at],
            [predictions[own] for own in at],
            dimensions=self.dimensions,
        )

    @cached_property
    def _by_seed(self) -> dict[int, dict[str, float]]:
        return {seed: self._measure(*self.out_of_fold(seed)) for seed in self.seeds}

    @cached_property
    def _by_fold(self) -> list[dict[str, float]]:
        return [self._measure(*_joined([result])) for result in self.results]

    @cached_property
    def _values(self) -> dict[str, float]:
        seeds = list(self._by_seed.values())
        return {name: mean_of_known(seed[name] for seed in seeds) for name in seeds[0]}

    @cached_property
    def _resampling(self) -> tuple[Codes, Statistic]:
        """What is resampled: the group of each entry, and the metrics of weighted entries."""
        codes, parts = zip(*(self._entries(seed) for seed in self.seeds))
        ends = np.cumsum([len(part) for part in codes])

        def statistic(weights: Floats) -> dict[str, float]:
            found = [
                part(weights[end - len(own) : end]) for part, own, end in zip(parts, codes, ends)
            ]
            return {name: mean_of_known(seed[name] for seed in found) for name in found[0]}

        return np.concatenate(codes), statistic

    def _entries(self, seed: int) -> tuple[Codes, Statistic]:
        rows, predictions, probabilities = self.out_of_fold(seed)
        if self.classes is not None:
            checked = validate_labels(
                self.y[rows], predictions, probabilities, classes=self.classes.tolist()
            )
            return self.codes[rows], weighted_classification(*checked)
        if self.songs is None:
            truth = self.y[rows].reshape(len(rows), -1)
            answers = predictions.reshape(len(rows), -1)
            return self.codes[rows], weighted_regression(truth, answers, self.dimensions)
        songs, each = self._of_songs(rows, predictions)
        first = np.array([np.flatnonzero(self.songs == song)[0] for song in songs])
        return self.codes[first], _weighted_means(each)

    def _right(self) -> NDArray[np.bool_]:
        rows, predictions, _ = self.out_of_fold()
        _, first = np.unique(rows, return_index=True)
        return np.asarray(predictions[first] == self.y[rows[first]], dtype=bool)

    def _check_same(self, other: Evaluation) -> None:
        def same(one: Any, another: Any) -> bool:
            return np.array_equal(np.asarray(one), np.asarray(another))

        for what, mine, theirs in (
            ("truth", self.y, other.y),
            ("groups", self.codes, other.codes),
            ("seeds", [r.seed for r in self.results], [r.seed for r in other.results]),
        ):
            if not same(mine, theirs):
                raise ValueError(f"{self.name} and {other.name} differ in their {what}: no pairs")
        for one, another in zip(self.results, other.results):
            if not (
                same(one.fold.train, another.fold.train) and same(one.fold.test, another.fold.test)
            ):
                raise ValueError(
                    f"{self.name} and {other.name} differ in fold {one.number} of seed {one.seed}: "
                    "no pairs"
                )


def _joined(results: Any) -> tuple[Codes, NDArray[Any], Floats | None]:
    shares = [result.probabilities for result in results]
    return (
        np.concatenate([result.fold.test for result in results]),
        np.concatenate([result.predictions for result in results]),
        None if any(share is None for share in shares) else np.concatenate(shares),
    )


def _weighted_means(columns: Mapping[str, Floats]) -> Callable[[Floats], dict[str, float]]:
    def statistic(weights: Floats) -> dict[str, float]:
        found = {}
        for name, values in columns.items():
            known = ~np.isnan(values)
            total = weights[known].sum()
            found[name] = float(weights[known] @ values[known] / total) if total else float("nan")
        return found

    return statistic


def _matrix_lines(classes: NDArray[Any], matrix: NDArray[np.intp]) -> Iterator[str]:
    names = [printable(name, 12) for name in classes.tolist()]
    width = max(len(text) for text in [*names, *map(str, matrix.ravel().tolist())]) + 2
    yield f"  {'truth':{width}}" + "".join(f"{name:>{width}}" for name in names)
    for name, row in zip(names, matrix.tolist()):
        yield f"  {name:{width}}" + "".join(f"{count:>{width}}" for count in row)
