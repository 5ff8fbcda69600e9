"""What growing a Broad Learning System costs and keeps: each increment against a refit.

    OMP_NUM_THREADS=1 python benchmarks/broad_incremental.py [--samples 20000] [--nodes 1000]
        [--steps 5] [-o FOLDER]

Workload: so many samples of 20 random features, in five classes that a random network made of them;
so many nodes in all, a tenth of them feature nodes. Before the first step all are there but those
that the steps add. `step_s` is the median of the steps,
`refit_s` that of three fits of the final nodes to all samples, `error` the largest difference of an
output weight from that of a least-squares fit (QR of the nodes) of the same nodes to the same
samples, relative to the largest weight. `accuracy` is that on as many other samples.

`concatenated` is the increment of the code that the authors of the Broad Learning System published,
from its mathematics: the pseudo-inverses ``P = (A.T A + alpha I)^-1 A.T`` of the first samples and
of each step's are joined, ``[P_1 P_2 ...]``, so that the weights are the sum of those of fits to
each part alone. Its new nodes H come by Greville's rule, ``D = P H``, ``C = H - A D``, ``B = (C.T C
+ alpha I)^-1 C.T``, ``P <- [P - D B; B]``, exact for alpha = 0 only; it keeps A and P, a row a
sample. It has no intercept, and is compared with the ridge regression without one.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from report import write_report
from scipy.linalg import qr, solve_triangular

from chordmer import BroadLearningClassifier

N_FEATURES, N_CLASSES = 20, 5


def workload(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs and classes, the same each time."""
    random = np.random.default_rng(0)
    X = random.normal(size=(n, N_FEATURES))
    hidden = np.tanh(X @ random.normal(size=(N_FEATURES, 30)) / 3)
    scores = hidden @ random.normal(size=(30, N_CLASSES))
    return X, (scores + 0.5 * random.normal(size=scores.shape)).argmax(axis=1)


def nodes_of(model: BroadLearningClassifier, X: np.ndarray) -> np.ndarray:
    """Return the nodes of a model, from the definition."""
    features = (X - model.mean_) / model.scale_ @ model.feature_weights_
    drive = features @ model.enhancement_weights_ + model.enhancement_bias_
    return np.hstack([features, np.tanh(drive)])


def least_squares(A: np.ndarray, y: np.ndarray, alpha: float, intercept: bool) -> np.ndarray:
    """Return ridge weights by QR, the intercept last and not penalised."""
    if intercept:
        A = np.column_stack([A, np.ones(len(A))])
    penalty = np.sqrt(alpha) * np.eye(A.shape[1])[: A.shape[1] - intercept]
    right = np.vstack([np.eye(N_CLASSES)[y], np.zeros((len(penalty), N_CLASSES))])
    Q, R = qr(np.vstack([A, penalty]), mode="economic")
    return solve_triangular(R, Q.T @ right)


def ridge_inverse(A: np.ndarray, alpha: float) -> np.ndarray:
    return np.linalg.solve(A.T @ A + alpha * np.eye(A.shape[1]), A.T)


def difference(weights: np.ndarray, expected: np.ndarray) -> float:
    return float(np.abs(weights - expected).max() / np.abs(expected).max())


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def grow(
    what: str, size: int, steps: int, X: np.ndarray, y: np.ndarray, n_nodes: int
) -> Iterator[BroadLearningClassifier]:
    """Yield a model before its first step, and then before each of the others and at the end."""
    n, added = len(X), size * steps
    n_features = n_nodes // 10
    groups = (n_features - added * (what == "feature nodes")) // 10
    model = BroadLearningClassifier(
        n_feature_groups=groups,
        n_enhancement_nodes=n_nodes - n_features - added * (what == "enhancement nodes"),
        random_state=0,
    )
    start = n - added if what == "samples" else n
    yield model.fit(X[:start], y[:start])
    for step in range(steps):
        if what == "samples":
            rows = slice(start + step * size, start + (step + 1) * size)
            yield model.partial_fit(X[rows], y[rows])
        elif what == "enhancement nodes":
            yield model.add_enhancement_nodes(size, X, y)
        else:
            yield model.add_feature_nodes(size, X, y)


def concatenated(
    what: str, size: int, steps: int, A: np.ndarray, y: np.ndarray, n_features: int, alpha: float
) -> tuple[np.ndarray, float]:
    """Return the weights of the published increments on the same nodes, and seconds a step."""
    Y, added = np.eye(N_CLASSES)[y], size * steps
    first = np.arange(A.shape[1])
    if what == "samples":
        P, cut = ridge_inverse(A[:-added], alpha), len(A) - added
    else:
        # Added feature nodes stand before the enhancement nodes, others at the end.
        end = n_features if what == "feature nodes" else A.shape[1]
        first = np.delete(first, np.arange(end - added, end))
        new = np.setdiff1d(np.arange(A.shape[1]), first)
        P = ridge_inverse(A[:, first], alpha)
    spent = []
    for step in range(steps):
        begin = time.perf_counter()
        if what == "samples":
            part = A[cut + step * size : cut + (step + 1) * size]
            P = np.hstack([P, ridge_inverse(part, alpha)])
            weights = P @ Y[: P.shape[1]]
        else:
            chosen = new[step * size : (step + 1) * size]
            D = P @ A[:, chosen]
            B = ridge_inverse(A[:, chosen] - A[:, first] @ D, alpha)
            P = np.vstack([P - D @ B, B])
            first = np.append(first, chosen)
            weights = P @ Y
        spent.append(time.perf_counter() - begin)
    return weights[np.argsort(first)], statistics.median(spent)


def measure(what: str, size: int, steps: int, n: int, n_nodes: int) -> dict[str, object]:
    X, y = workload(2 * n)
    X, y, X_test, y_test = X[:n], y[:n], X[n:], y[n:]
    states = grow(what, size, steps, X, y, n_nodes)
    model = next(states)
    step_s = statistics.median(seconds(lambda: next(states)) for _ in range(steps))
    refit = BroadLearningClassifier(
        n_feature_groups=n_nodes // 100, n_enhancement_nodes=n_nodes * 9 // 10, random_state=0
    )
    refit_s = statistics.median(seconds(lambda: refit.fit(X, y)) for _ in range(3))
    A, test = nodes_of(model, X), nodes_of(model, X_test)
    n_features = model.feature_weights_.shape[1]
    ours = np.vstack([model.coef_, model.intercept_])
    theirs, their_s = concatenated(what, size, steps, A, y, n_features, model.alpha)
    plain = least_squares(A, y, model.alpha, intercept=False)

    def accuracy(weights: np.ndarray) -> float:
        return round(float(((test @ weights).argmax(axis=1) == y_test).mean()), 4)

    return {
        "added": what,
        "a step": size,
        "steps": steps,
        "step_s": f"{step_s:.4f}",
        "refit_s": f"{refit_s:.4f}",
        "times as fast": f"{refit_s / step_s:.1f}",
        "error": f"{difference(ours, least_squares(A, y, model.alpha, intercept=True)):.1e}",
        "accuracy": round(float(model.score(X_test, y_test)), 4),
        "concatenated_s": f"{their_s:.4f}",
        "concatenated error": f"{difference(theirs, plain):.1e}",
        "concatenated accuracy": accuracy(theirs),
        "its batch accuracy": accuracy(plain),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--samples", type=int, default=20_000)
    parser.add_argument("--nodes", type=int, default=1000, help="a multiple of 100")
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("-o", "--out", type=Path, default=Path("benchmark-reports"))
    options = parser.parse_args()
    n, n_nodes, steps = options.samples, options.nodes, options.steps
    if n_nodes % 100 or n_nodes < 100 * (steps + 1):
        parser.error(
            "so few nodes leave none to begin with: take a multiple of 100, over 100 a step"
        )
    increments = [
        *(("samples", size) for size in (1, n // 200, n // 20)),
        *(("enhancement nodes", size) for size in (n_nodes // 100, n_nodes // 20)),
        ("feature nodes", 10),
    ]
    rows = [measure(what, size, steps, n, n_nodes) for what, size in increments]
    notes = f"{n} samples, {n_nodes} nodes at the end, {steps} steps."
    write_report(options.out, "broad_incremental", __doc__, rows, notes)


if __name__ == "__main__":
    main()
