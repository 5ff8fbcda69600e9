"""`evaluate`: a model, tracks and what is true of them in; what it answers unseen ones out."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from chordmer.evaluate.evaluation import Evaluation
from chordmer.evaluate.protocols import CrossValidation, Splitting
from chordmer.evaluate.task import Choice, Task

__all__ = ["evaluate"]


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
    task = Task.of(model, X, y, groups, curves, dimensions)
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


def _name(model: Any) -> str:
    steps: Iterable[Any] = (step for _, step in getattr(model, "steps", [("", model)]))
    return " > ".join(type(step).__name__ for step in steps)


def _words(protocol: Any) -> str:
    if isinstance(protocol, (int, np.integer)):
        protocol = CrossValidation(int(protocol))
    if isinstance(protocol, Splitting):
        return protocol.words
    return type(protocol).__name__ if hasattr(protocol, "split") else "given folds"
