"""What do CBSA's parts bring, at which length of sound?

    python benchmarks/cbsa_lengths.py --root EMOPIA [--seconds 10 20 30] [--folds 10] [--seeds 3]
        [--epochs N] [--cache FOLDER] [-o FOLDER] [--reports FOLDER]

The ablation of the CBSA paper (its distance lengths of 99, 199 and 299 frames), on the quadrants of
EMOPIA: the whole network and the three that lack a part of it listen to the first seconds of each
clip, rendered from its notes, as descriptors every half second. Folds keep songs together and are
the same for every network and length. In brackets are 95 % intervals, by a bootstrap over songs.
A length or a part is said to help only where the interval of the difference leaves out 0 and both
paired tests (Nadeau and Bengio's t-test, McNemar's) still tell after Holm's correction.

Results are kept in the folder of `-o`: stopped, the script goes on where it was.
"""

from __future__ import annotations

import argparse
from itertools import pairwise
from pathlib import Path

import numpy as np
from report import write_report

from chordmer.benchmark import contender_of, run_benchmark
from chordmer.datasets import load_emopia
from chordmer.evaluate import Comparison, Evaluation, holm

VARIANTS = ("cbsa", "cnn_bilstm", "bilstm_sa", "bilstm")
LEVEL = 0.05


def measure(arguments: argparse.Namespace) -> dict[tuple[str, float], Evaluation]:
    """Return what each network answered at each length."""
    dataset = load_emopia(arguments.root)
    contenders = [contender_of(name) for name in VARIANTS]
    found = {}
    for seconds in arguments.seconds:
        outcome = run_benchmark(
            dataset,
            contenders,
            arguments.output / f"{seconds:g}s",
            folds=arguments.folds,
            seeds=arguments.seeds,
            epochs=arguments.epochs,
            seconds=seconds,
            cache=arguments.cache,
        )
        if outcome.failed:
            raise SystemExit(f"a training failed: {outcome.failed[0].error}")
        for contender in contenders:
            evaluation = outcome.evaluation(contender)
            assert evaluation is not None
            found[contender.name, seconds] = evaluation
    return found


def rows_of(found: dict[tuple[str, float], Evaluation]) -> list[dict[str, object]]:
    """Return a row for each network and length."""
    rows: list[dict[str, object]] = []
    for (_, seconds), evaluation in found.items():
        metrics = evaluation.metrics()
        names = ("accuracy", "f1", "valence_accuracy", "arousal_accuracy")
        fitted = [result.fit_seconds for result in evaluation.results]
        rows.append(
            {"sound (s)": f"{seconds:g}", "network": evaluation.name}
            | {name.removesuffix("_accuracy"): str(metrics[name]) for name in names}
            | {"training of a fold (s)": f"{sum(fitted) / len(fitted):.1f}"}
        )
    return rows


def verdicts(found: dict[tuple[str, float], Evaluation]) -> str:
    """Return a list of what the tests tell of each part and of each step in length."""
    lengths = list(dict.fromkeys(seconds for _, seconds in found))
    told: list[tuple[str, Comparison]] = []
    for name in VARIANTS:
        for short, long in pairwise(lengths):
            what = f"{found[name, long].name}, {long:g} s less {short:g} s"
            told.append((what, found[name, long].compare(found[name, short])))
    for seconds in lengths:
        for name in VARIANTS[1:]:
            what = f"CBSA less {found[name, seconds].name}, {seconds:g} s"
            told.append((what, found["cbsa", seconds].compare(found[name, seconds])))
    corrected = holm([max(comparison.p_values, default=np.nan) for _, comparison in told])
    header = ("difference in accuracy", "", "t-test", "McNemar", "after Holm", "")
    lines = [f"| {' | '.join(header)} |", f"|{'---|' * len(header)}"]
    for (what, comparison), p in zip(told, corrected.tolist()):
        sure = comparison.better is not None and p < LEVEL
        gap, pair = comparison.difference, comparison.mcnemar
        assert pair is not None
        verdict = "told apart" if sure else "may be noise"
        cells = (
            what,
            f"{gap.value:+.3f} [{gap.low:+.3f}, {gap.high:+.3f}]",
            *(_p(value) for value in (comparison.t_test.p, pair.p, p)),
            verdict,
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _p(value: float) -> str:
    return f"{value:.3f}" if value >= 0.001 else "<0.001"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", type=Path, required=True, help="your copy of EMOPIA")
    parser.add_argument("--seconds", type=float, nargs="+", default=[10.0, 20.0, 30.0])
    parser.add_argument("--folds", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, help="at most; by default the paper's")
    parser.add_argument("--cache", type=Path, help="of features and rendered sound")
    parser.add_argument("-o", "--output", type=Path, default=Path("cbsa_lengths"))
    parser.add_argument("--reports", type=Path, default=Path(__file__).parent / "reports")
    arguments = parser.parse_args()
    arguments.cache = arguments.cache or arguments.output / "cache"
    found = measure(arguments)
    epochs = "as in the paper" if arguments.epochs is None else f"{arguments.epochs} at most"
    setting = f"Folds: {arguments.folds}; seeds: {arguments.seeds}; epochs: {epochs}."
    write_report(
        arguments.reports,
        "cbsa_lengths",
        __doc__,
        rows_of(found),
        f"{setting}\n\n{verdicts(found)}",
    )


if __name__ == "__main__":
    main()
