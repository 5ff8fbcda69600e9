"""Comparing models fairly: protocols, metrics with intervals, paired tests, and what went wrong.

A call of `evaluate` trains and tests a model on every fold of a protocol; what it returns tells
the metrics, compares itself with another, and is what `find_mistakes` looks through::

    new = evaluate(model, corpus.tracks, corpus.labels, seeds=[0, 1, 2])
    print(new)
    print(new.compare(evaluate(rival, corpus.tracks, corpus.labels, seeds=[0, 1, 2])))
    print(find_mistakes(new, corpus.tracks))
"""

from chordmer.errors import LeakageError
from chordmer.evaluate.comparison import Comparison, corrected_t_test, holm, mcnemar
from chordmer.evaluate.description import describe_track
from chordmer.evaluate.evaluation import Evaluation
from chordmer.evaluate.fold_result import FoldResult
from chordmer.evaluate.intervals import Interval
from chordmer.evaluate.metrics import (
    calibration_error,
    classification_metrics,
    concordance,
    curve_metrics,
    regression_metrics,
    song_metrics,
)
from chordmer.evaluate.mistakes import Mistakes, find_mistakes
from chordmer.evaluate.protocols import (
    CrossValidation,
    Fold,
    Holdout,
    LeaveOneCorpusOut,
    PublishedSplit,
    folds_of,
)
from chordmer.evaluate.run import evaluate
from chordmer.evaluate.task import Choice

__all__ = [
    "Choice",
    "Comparison",
    "CrossValidation",
    "Evaluation",
    "Fold",
    "FoldResult",
    "Holdout",
    "Interval",
    "LeakageError",
    "LeaveOneCorpusOut",
    "Mistakes",
    "PublishedSplit",
    "calibration_error",
    "classification_metrics",
    "concordance",
    "corrected_t_test",
    "curve_metrics",
    "describe_track",
    "evaluate",
    "find_mistakes",
    "folds_of",
    "holm",
    "mcnemar",
    "regression_metrics",
    "song_metrics",
]
