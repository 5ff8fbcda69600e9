"""Which tracks a model learns from and which it is tested on; a song is never on both sides."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

from chordmer.errors import LeakageError
from chordmer.evaluate.intervals import group_codes
from chordmer.evaluate.metrics import Codes

__all__ = [
    "CrossValidation",
    "Fold",
    "Holdout",
    "LeaveOneCorpusOut",
    "PublishedSplit",
    "Splitting",
    "check_leakage",
    "folds_of",
]


def _no_rows() -> Codes:
    return np.zeros(0, dtype=np.intp)


@dataclass(frozen=True, eq=False)
class Fold:
    """One division of the samples.

    Attributes
    ----------
    train, test : ndarray of int
        Rows, ascending.
    valid : ndarray of int
        Rows that choices are made on, and that nothing is trained or tested on; may be empty.
    """

    train: Codes
    test: Codes
    valid: Codes = field(default_factory=_no_rows)


@runtime_checkable
class Splitting(Protocol):
    """A protocol: what divides samples into folds."""

    @property
    def words(self) -> str:
        """The protocol in words, for reports."""
        ...

    def folds(self, y: NDArray[Any], codes: Codes, seed: int) -> list[Fold]:
        """Return the folds.

        Parameters
        ----------
        y : ndarray, shape (n,) or (n, d)
            Labels, of any type but float, are kept in proportion.
        codes : ndarray of int, shape (n,)
            Number of each sample's group.
        seed : int
            Shuffles, where there is something to shuffle.
        """
        ...


@dataclass(frozen=True)
class Holdout:
    """Some songs for the test, some for choices, the rest for training: each once.

    Parameters
    ----------
    test : float, default 0.1
        Share of the samples; 9:1 is the division of the MULTISPEC-DNN paper.
    valid : float, default 0
        Share of the samples that choices are made on. ``Holdout(0.15, 0.15)`` is the 70/15/15 of
        the CNN-LSTM paper.

    Notes
    -----
    Groups are dealt out whole, the largest first and equal ones in random order, each to the part
    that lacks most of its classes, in proportion. Shares are met as nearly as groups allow.
    """

    test: float = 0.1
    valid: float = 0.0

    def __post_init__(self) -> None:
        if not (0 < self.test < 1 and 0 <= self.valid < 1 - self.test):
            raise ValueError(f"no part may be empty or all: test {self.test}, valid {self.valid}")

    @property
    def words(self) -> str:
        """The protocol in words."""
        shares = (1 - self.test - self.valid, self.valid, self.test)
        return "holdout " + "/".join(f"{100 * share:.3g}" for share in shares if share)

    def folds(self, y: NDArray[Any], codes: Codes, seed: int) -> list[Fold]:
        """Return the one fold; see `Splitting.folds`."""
        shares = {"train": 1 - self.test - self.valid, "test": self.test, "valid": self.valid}
        parts = {name: share for name, share in shares.items() if share > 0}
        dealt = _deal(_strata(y), codes, np.array([*parts.values()]), seed)
        rows = {name: np.flatnonzero(dealt == i) for i, name in enumerate(parts)}
        for name, found in rows.items():
            if not len(found):
                raise ValueError(
                    f"{len(np.unique(codes))} groups are too few: none is left for {name}"
                )
        return [Fold(**rows)]


@dataclass(frozen=True)
class CrossValidation:
    """Every song is tested once, by a model that learned from the other folds.

    Parameters
    ----------
    n_folds : int, default 10
        As in the papers. Labels are kept in proportion, groups together.
    valid : bool, default False
        Whether the next fold is kept for choices: 8:1:1 for ten.
    """

    n_folds: int = 10
    valid: bool = False

    def __post_init__(self) -> None:
        least = 3 if self.valid else 2
        if isinstance(self.n_folds, bool) or self.n_folds < least:
            raise ValueError(f"n_folds should be {least} or more, not {self.n_folds!r}")

    @property
    def words(self) -> str:
        """The protocol in words."""
        return f"{self.n_folds}-fold cross-validation" + (", one for choices" * self.valid)

    def folds(self, y: NDArray[Any], codes: Codes, seed: int) -> list[Fold]:
        """Return `n_folds` folds; see `Splitting.folds`."""
        n_groups = len(np.unique(codes))
        if n_groups < self.n_folds:
            raise ValueError(f"{n_groups} groups cannot be divided into {self.n_folds} folds")
        strata, alone = _strata(y), n_groups == len(codes)
        stratified = strata.any()
        # Where nothing is grouped these give the same kind of folds, and in less time.
        kinds = (StratifiedKFold, KFold) if alone else (StratifiedGroupKFold, GroupKFold)
        splitter = kinds[0 if stratified else 1](self.n_folds, shuffle=True, random_state=seed)
        groups = None if alone else codes
        tests = [np.sort(test) for _, test in splitter.split(codes, strata, groups)]
        rows = np.arange(len(codes))
        found = []
        for i, test in enumerate(tests):
            valid = tests[(i + 1) % self.n_folds] if self.valid else _no_rows()
            found.append(Fold(np.setdiff1d(rows, np.union1d(test, valid)), test, valid))
        return found


@dataclass(frozen=True, eq=False)
class PublishedSplit:
    """The division that a corpus was published with.

    Parameters
    ----------
    parts : mapping of str to array_like of int
        Rows of ``"train"``, ``"test"`` and perhaps ``"valid"``, as in ``dataset.splits[name]``.
    test : str, default "test"
        The part to test on, for splits that have only ``"train"`` and ``"valid"``.
    """

    parts: Mapping[str, ArrayLike]
    test: str = "test"

    def __post_init__(self) -> None:
        for name in ("train", self.test):
            if name not in self.parts:
                raise ValueError(f"the split has no part {name!r}, but {', '.join(self.parts)}")

    @property
    def words(self) -> str:
        """The protocol in words."""
        return "published split"

    def folds(self, y: NDArray[Any], codes: Codes, seed: int) -> list[Fold]:
        """Return the one fold; see `Splitting.folds`."""
        valid = self.parts.get("valid", ()) if self.test != "valid" else ()
        return [
            Fold(*(_rows(part) for part in (self.parts["train"], self.parts[self.test], valid)))
        ]


@dataclass(frozen=True, eq=False)
class LeaveOneCorpusOut:
    """Each corpus is tested once, by a model that learned from the others.

    Parameters
    ----------
    corpora : array_like, shape (n,)
        Which corpus each sample is of.
    shared : {"raise", "drop"}, default "raise"
        What to do about songs that the tested corpus has in common with others, as DEAM and
        EmoMusic have 744: they leak, or leave the training.
    """

    corpora: ArrayLike
    shared: str = "raise"

    def __post_init__(self) -> None:
        if self.shared not in ("raise", "drop"):
            raise ValueError(f"shared should be 'raise' or 'drop', not {self.shared!r}")

    @property
    def words(self) -> str:
        """The protocol in words."""
        return "leave one corpus out"

    def folds(self, y: NDArray[Any], codes: Codes, seed: int) -> list[Fold]:
        """Return a fold a corpus, by their names; see `Splitting.folds`."""
        corpora = np.asarray(self.corpora)
        if corpora.shape != codes.shape:
            raise ValueError(f"corpora should be one a sample, not {corpora.shape}")
        names = np.unique(corpora)
        if len(names) < 2:
            raise ValueError("there is one corpus only: without it none is left")
        found = []
        for name in names:
            tested = corpora == name
            train = ~tested
            if self.shared == "drop":
                train &= ~np.isin(codes, codes[tested])
            found.append(Fold(np.flatnonzero(train), np.flatnonzero(tested)))
        return found


def folds_of(
    protocol: Any, y: NDArray[Any], groups: Iterable[Any] | None = None, *, seed: int = 0
) -> list[Fold]:
    """Return the folds of a protocol, without leaks.

    Parameters
    ----------
    protocol : Splitting, int, scikit-learn splitter, or iterable of (train, test)
        An int is so many folds of `CrossValidation`.
    y : array_like, shape (n,) or (n, d)
    groups : array_like, shape (n,), optional
        What must not be divided, such as the song; None is a group of its own.
    seed : int

    Raises
    ------
    LeakageError
        If a group is on both sides of a fold.
    ValueError
        If the protocol is none, or does not fit the samples.

    Examples
    --------
    >>> folds = folds_of(Holdout(0.5), ["Q1", "Q1", "Q2", "Q2"], ["a", "a", "b", "b"])
    >>> len(folds), len(folds[0].train), len(folds[0].test)
    (1, 2, 2)
    """
    y = np.asarray(y)
    return folds_of_codes(protocol, y, *group_codes(groups, len(y)), seed=seed)


def folds_of_codes(
    protocol: Any, y: NDArray[Any], codes: Codes, names: Sequence[Any], *, seed: int
) -> list[Fold]:
    """Return `folds_of` samples whose groups are numbered, as by `group_codes`."""
    if isinstance(protocol, (int, np.integer)):
        protocol = CrossValidation(int(protocol))
    if isinstance(protocol, Splitting):
        folds = protocol.folds(y, codes, seed)
    else:
        pairs = protocol
        if hasattr(protocol, "split"):
            with warnings.catch_warnings():
                # Splitters without groups say that they ignore them; leaks are found all the same.
                warnings.filterwarnings("ignore", message="The groups parameter is ignored")
                pairs = list(protocol.split(np.zeros((len(y), 1)), y, codes))
        if not isinstance(pairs, Iterable):
            raise ValueError(f"no protocol: {protocol!r}")
        folds = [Fold(_rows(train), _rows(test)) for train, test in pairs]
    if not folds:
        raise ValueError("the protocol has no folds")
    for number, fold in enumerate(folds):
        _check_rows(fold, len(y), number)
        check_leakage(fold, codes, names, number)
    return folds


def check_leakage(fold: Fold, codes: Codes, names: Sequence[Any], number: int = 0) -> None:
    """Raise where a group has rows in two of training, validation and test.

    Raises
    ------
    LeakageError
        It names the group, and its value is the group.
    """
    parts = (("training", fold.train), ("test", fold.test), ("validation", fold.valid))
    for i, (one, rows) in enumerate(parts):
        for other, others in parts[i + 1 :]:
            both = np.intersect1d(codes[rows], codes[others])
            if len(both):
                raise LeakageError(
                    f"{one} and {other} share {len(both)} of {len(np.unique(codes))} groups",
                    stage=f"fold {number}",
                    value=names[both[0]],
                )


def _check_rows(fold: Fold, n: int, number: int) -> None:
    for what, rows in (("training", fold.train), ("test", fold.test)):
        if not len(rows):
            raise ValueError(f"fold {number} has no samples for {what}")
    for rows in (fold.train, fold.test, fold.valid):
        if len(rows) and (rows.min() < 0 or rows.max() >= n):
            raise ValueError(f"fold {number} names rows that {n} samples do not have")
        if len(np.unique(rows)) < len(rows):
            raise ValueError(f"fold {number} names a row twice")


def _rows(rows: ArrayLike) -> Codes:
    array = np.asarray(rows)
    if array.dtype == bool:
        array = np.flatnonzero(array)
    if array.size and (array.ndim != 1 or array.dtype.kind not in "iu"):
        raise ValueError("the parts of a split should be one-dimensional arrays of row numbers")
    return np.sort(array).astype(np.intp)


def _strata(y: NDArray[Any]) -> Codes:
    """Return what is kept in proportion, as numbers of classes: labels; for numbers nothing."""
    if y.ndim != 1 or y.dtype.kind == "f":
        return np.zeros(len(y), dtype=np.intp)
    return np.unique(y, return_inverse=True)[1].astype(np.intp)


def _deal(strata: Codes, codes: Codes, shares: NDArray[np.float64], seed: int) -> Codes:
    """Return the part, an index of `shares`, of each row."""
    _, groups = np.unique(codes, return_inverse=True)
    n_groups, n_strata = int(groups.max()) + 1, int(strata.max()) + 1
    held = np.bincount(groups * n_strata + strata, minlength=n_groups * n_strata)
    held = held.reshape(n_groups, n_strata).astype(np.float64)
    # Sizes count as a class does: else groups of rare classes would all go one way.
    held = np.column_stack([held, held.sum(axis=1)])
    wanted = shares[:, None] * held.sum(axis=0)
    have = np.zeros_like(wanted)
    order = np.random.default_rng(seed).permutation(n_groups)
    order = order[np.argsort(-held[order, -1], kind="stable")]
    part = np.zeros(n_groups, dtype=np.intp)
    for group in order:
        # Of sum((have - wanted)^2 / wanted) what this group would add to each part.
        cost = (held[group] * (held[group] + 2 * (have - wanted)) / wanted).sum(axis=1)
        part[group] = int(cost.argmin())
        have[part[group]] += held[group]
    return part[groups]
