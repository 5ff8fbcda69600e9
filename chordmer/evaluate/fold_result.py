"""`FoldResult`: what one model answered to the samples of one fold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from chordmer.evaluate.metrics import Floats
from chordmer.evaluate.protocols import Fold

__all__ = ["FoldResult", "plain"]


@dataclass(frozen=True, eq=False)
class FoldResult:
    """What one model answered.

    Attributes
    ----------
    seed : int
    number : int
        Of the fold, under this seed.
    fold : Fold
        Rows in training, test and validation.
    predictions : ndarray, shape (n_test,) or (n_test, d)
        For the rows of ``fold.test``, in their order.
    probabilities : ndarray of float64, shape (n_test, n_classes), or None
        Of all classes of the evaluation; 0 for those that the training rows lack.
    chosen : mapping of str to object
        The hyper-parameters that were chosen on the training side.
    fit_seconds, predict_seconds : float
        Of the wall clock; choices included in the first.
    """

    seed: int
    number: int
    fold: Fold
    predictions: NDArray[Any]
    probabilities: Floats | None = None
    chosen: Mapping[str, Any] = field(default_factory=dict)
    fit_seconds: float = 0.0
    predict_seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain Python objects, ready for JSON."""
        shares = self.probabilities
        return {
            "seed": self.seed,
            "number": self.number,
            "train": self.fold.train.tolist(),
            "test": self.fold.test.tolist(),
            "valid": self.fold.valid.tolist(),
            "predictions": self.predictions.tolist(),
            "probabilities": None if shares is None else shares.tolist(),
            "chosen": {name: plain(value) for name, value in self.chosen.items()},
            "fit_seconds": self.fit_seconds,
            "predict_seconds": self.predict_seconds,
        }

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> Self:
        """Return the result that `to_dict` wrote down."""
        train, test, valid = (
            np.array(saved[part], dtype=np.intp) for part in ("train", "test", "valid")
        )
        shares = saved["probabilities"]
        return cls(
            saved["seed"],
            saved["number"],
            Fold(train, test, valid),
            np.array(saved["predictions"]),
            None if shares is None else np.array(shares, dtype=np.float64),
            saved["chosen"],
            saved["fit_seconds"],
            saved["predict_seconds"],
        )


def plain(value: Any) -> Any:
    """Return what JSON has words for as it is, and anything else as text."""
    value = value.item() if isinstance(value, np.generic) else value
    return value if isinstance(value, (str, int, float, bool, type(None))) else repr(value)
