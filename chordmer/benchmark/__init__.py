"""Models compared on a corpus, with one command: the seed paper's tables, and what stands behind.

`run_benchmark` trains and tests every model on every fold and keeps each result as soon as it is
there; `write_report` makes tables of them.
"""

from chordmer.benchmark.contenders import MODELS, Contender, Model, contender_of
from chordmer.benchmark.report import write_report
from chordmer.benchmark.runner import Outcome, run_benchmark
from chordmer.benchmark.store import Record

__all__ = [
    "MODELS",
    "Contender",
    "Model",
    "Outcome",
    "Record",
    "contender_of",
    "run_benchmark",
    "write_report",
]
