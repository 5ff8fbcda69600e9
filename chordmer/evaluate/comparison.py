"""Whether one model is better than another, or only luckier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import binomtest, chi2
from scipy.stats import t as student

from chordmer.errors import printable
from chordmer.evaluate.intervals import Interval
from chordmer.evaluate.metrics import LOWER_IS_BETTER, Floats

__all__ = ["Comparison", "McNemar", "TTest", "corrected_t_test", "holm", "mcnemar"]

#: From so many pairs on, the normal approximation of a fair coin will do (Edwards 1948).
_MANY = 25


@dataclass(frozen=True)
class TTest:
    """A test of whether differences have the mean 0.

    Attributes
    ----------
    mean : float
        Of the differences.
    t : float
    df : int
        Degrees of freedom.
    p : float
        Of both sides; NaN where differences, fewer than two or all the same, cannot tell how much
        they vary. Where all are 0 it is 1.
    """

    mean: float
    t: float
    df: int
    p: float


@dataclass(frozen=True)
class McNemar:
    """A test of whether two models are wrong equally often.

    Attributes
    ----------
    first_only, second_only : int
        Samples that only the first, and only the second, got right.
    statistic : float
        Chi-square with one degree of freedom; for the exact test, the lesser of the two counts.
    p : float
        Of both sides.
    exact : bool
        Whether it is the binomial test.
    """

    first_only: int
    second_only: int
    statistic: float
    p: float
    exact: bool


def corrected_t_test(
    differences: ArrayLike, n_train: float | ArrayLike, n_test: float | ArrayLike
) -> TTest:
    """Test differences between two models over folds that share training samples.

    The plain t-test takes the folds for independent and finds progress where there is none. Here
    the variance is ``(1 / J + n_test / n_train)`` times that of the J differences, in place of
    ``1 / J``.

    Parameters
    ----------
    differences : array_like, shape (J,)
        First less second, one a fold and seed.
    n_train, n_test : float or array_like, shape (J,)
        Samples in training and test; their means are taken.

    References
    ----------
    C. Nadeau and Y. Bengio, "Inference for the generalization error", Machine Learning 52, 2003,
    section 4.2; for repeated cross-validation R. Bouckaert and E. Frank, "Evaluating the
    replicability of significance tests for comparing learning algorithms", PAKDD 2004.

    Examples
    --------
    >>> test = corrected_t_test([0.02, 0.01, 0.03, 0.02], n_train=900, n_test=100)
    >>> round(test.t, 3), test.df, round(test.p, 3)
    (4.076, 3, 0.027)
    """
    d = np.asarray(differences, dtype=np.float64)
    if d.ndim != 1 or not d.size or not np.isfinite(d).all():
        raise ValueError("differences should be finite, and one a fold")
    train, test = (float(np.mean(np.asarray(n, np.float64))) for n in (n_train, n_test))
    if not (train > 0 and test > 0):
        raise ValueError(f"samples in training, {train:g}, and test, {test:g}, should be some")
    mean, df = float(d.mean()), len(d) - 1
    if df < 1:
        return TTest(mean, float("nan"), df, float("nan"))
    error = float(np.sqrt((1 / len(d) + test / train) * d.var(ddof=1)))
    # Equal differences vary by rounding errors only, and say nothing of how far others would.
    if error <= 1e-12 * abs(mean):
        return TTest(mean, float("nan"), df, 1.0 if mean == 0 else float("nan"))
    t = mean / error
    return TTest(mean, t, df, float(2 * student.sf(abs(t), df)))


def mcnemar(first_right: ArrayLike, second_right: ArrayLike) -> McNemar:
    """Test whether two models that answered the same samples are right equally often.

    Only samples tell on which one is right and the other wrong. Of fewer than 25 the test is
    exact, a binomial test; of more, ``(|b - c| - 1)^2 / (b + c)`` is taken as chi-square (Q.
    McNemar, Psychometrika 12, 1947, with the continuity correction of A. Edwards, Psychometrika
    13, 1948). Samples are taken for independent, which clips of a song are not: where there are
    many a song, p is too small.

    Parameters
    ----------
    first_right, second_right : array_like of bool, shape (n,)

    Examples
    --------
    >>> mcnemar([1, 1, 1, 1, 1, 1, 0], [0, 0, 0, 0, 0, 0, 1]).p
    0.125
    """
    first, second = np.asarray(first_right, bool), np.asarray(second_right, bool)
    if first.ndim != 1 or first.shape != second.shape:
        raise ValueError(f"answers of shapes {first.shape} and {second.shape} are no pairs")
    b, c = int((first & ~second).sum()), int((second & ~first).sum())
    if b + c < _MANY:
        p = float(binomtest(b, b + c, 0.5).pvalue) if b + c else 1.0
        return McNemar(b, c, float(min(b, c)), p, exact=True)
    statistic = max(abs(b - c) - 1, 0) ** 2 / (b + c)
    return McNemar(b, c, statistic, float(chi2.sf(statistic, 1)), exact=False)


def holm(p_values: ArrayLike) -> Floats:
    """Return p-values corrected for their number, so that of many tests none is noise.

    The smallest is multiplied by how many there are, the next by one less, and so on, none made
    smaller than one before it (S. Holm, "A simple sequentially rejective multiple test procedure",
    Scandinavian Journal of Statistics 6, 1979). NaN stays NaN and counts as no test.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).round(2).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=np.float64)
    if p.ndim != 1 or ((p < 0) | (p > 1)).any():
        raise ValueError("p_values should be numbers from 0 to 1, in one dimension")
    found = p.copy()
    order = np.argsort(p)[: int((~np.isnan(p)).sum())]
    factors = np.arange(len(order), 0, -1)
    found[order] = np.minimum(np.maximum.accumulate(p[order] * factors), 1.0)
    return found


@dataclass(frozen=True)
class Comparison:
    """Two models on the same folds.

    Attributes
    ----------
    metric : str
    names : (str, str)
    values : (float, float)
        The metric of each.
    difference : Interval
        First less second; groups are resampled, the same for both.
    t_test : TTest
        Nadeau and Bengio's, of the differences a fold; p is NaN where they cannot tell.
    mcnemar : McNemar or None
        Of the answers under the first seed; None for numbers.
    """

    metric: str
    names: tuple[str, str]
    values: tuple[float, float]
    difference: Interval
    t_test: TTest
    mcnemar: McNemar | None = None

    @property
    def p_values(self) -> tuple[float, ...]:
        """Of the tests that could be made."""
        tests: Sequence[TTest | McNemar | None] = (self.t_test, self.mcnemar)
        return tuple(test.p for test in tests if test is not None and not np.isnan(test.p))

    @property
    def better(self) -> str | None:
        """The better model, or None where nothing tells them from noise.

        It is called better only where all tests that can be made have p below one less the level
        of the interval, and the interval of the difference leaves out 0.
        """
        gap = self.difference
        apart = not np.isnan(gap.low) and 0 not in gap
        if not apart or any(p >= 1 - gap.level for p in self.p_values):
            return None
        return self.names[(gap.value < 0) != (self.lower_is_better)]

    @property
    def lower_is_better(self) -> bool:
        """Whether less of the metric is better."""
        return self.metric in LOWER_IS_BETTER or self.metric.rpartition("_")[2] in LOWER_IS_BETTER

    def to_dict(self) -> dict[str, Any]:
        """Return plain Python objects, ready for JSON; None for what is undefined."""
        test, pairs = self.t_test, self.mcnemar
        return {
            "metric": self.metric,
            "names": list(self.names),
            "values": [_known(value) for value in self.values],
            "difference": self.difference.to_dict(),
            "t_test": {"t": _known(test.t), "df": test.df, "p": _known(test.p)},
            "mcnemar": None if pairs is None else dict(vars(pairs)),
            "better": self.better,
        }

    def __str__(self) -> str:
        one, other = (printable(name, 60) for name in self.names)
        gap, test = self.difference, self.t_test
        lines = [
            f"{self.metric}: {one} {self.values[0]:.3f}, {other} {self.values[1]:.3f}",
            f"  difference {gap.value:+.3f}, {gap.level:.0%} between {gap.low:+.3f} and "
            f"{gap.high:+.3f}",
        ]
        if np.isnan(test.p):
            lines.append("  t-test: differences of folds too few, or the same, to tell")
        else:
            t = "" if np.isnan(test.t) else f"t({test.df}) = {test.t:.2f}, "
            lines.append(f"  corrected t-test: {t}p = {test.p:.3g}")
        if self.mcnemar:
            pairs = self.mcnemar
            kind = "exact" if pairs.exact else "chi-square"
            lines.append(
                f"  McNemar ({kind}): only the one right {pairs.first_only}, only the other "
                f"{pairs.second_only}, p = {pairs.p:.3g}"
            )
        better = "the difference may be noise" if self.better is None else f"better: {self.better}"
        return "\n".join([*lines, f"  {printable(better)}"])


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
