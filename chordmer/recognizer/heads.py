"""What stands behind the ears of a recogniser: fusion and classifier as one estimator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from chordmer.kinds import named_in
from chordmer.recognizer.hearing import Heard
from chordmer.recognizer.targets import Target

__all__ = ["FUSIONS", "log_scores", "make_head", "vector_names"]

FUSIONS = ("early", "late", "attention")

#: Penalty of the default Broad Learning System: of 1, 10, 100 and 1000 the one that does best on
#: EMOPIA with the default recipe (0.71 of the quadrants, five-fold cross-validation by song).
_ALPHA = 10.0
#: What a model holds impossible is still one in a thousand million, which has a logarithm.
_LEAST = 1e-9


def make_head(classifier: Any, fusion: str, target: Target) -> Any:
    """Return an unfitted estimator that takes what extractors heard, a list of mappings.

    Parameters
    ----------
    classifier : estimator or None
    fusion : str
        One of `FUSIONS`.
    target : Target
        What a default classifier is to learn.

    Raises
    ------
    ValueError
        If the classifier does not know this way of fusion.
    """
    if classifier is None:
        classifier = _default(fusion, regression=bool(target.dimensions))
    if _takes_sequences(classifier):
        if "fusion" in classifier.get_params():
            return clone(classifier).set_params(fusion=fusion)
        if fusion != "early":
            raise ValueError(
                f"{type(classifier).__name__} joins its inputs in its own way: "
                f"fusion must be 'early', not {fusion!r}"
            )
        return classifier
    if getattr(classifier, "accepts", "") == "vectors":
        # It is itself the way in which the modalities come together.
        if fusion != "late":
            raise ValueError(f"{type(classifier).__name__} is late fusion, not {fusion!r}")
        return classifier
    if fusion == "early":
        from chordmer.models.join import JoinVectors

        return make_pipeline(JoinVectors(), classifier)
    if fusion == "late":
        from chordmer.models import late_fusion

        late = late_fusion.LateFusionClassifier
        return (late_fusion.LateFusionRegressor if target.dimensions else late)(classifier)
    raise ValueError(f"attention is between sequences: {type(classifier).__name__} takes none")


def vector_names(head: Any, names: Sequence[str], wanted: Sequence[str] | None) -> list[str]:
    """Return those of the extractors `names` that give `head` a vector, not frames.

    `wanted` are those that a user names; None: those that `head` itself does.
    """
    if not _takes_sequences(head):
        return list(names)
    wanted = getattr(head, "vectors", ()) if wanted is None else wanted
    return [name for name in names if name in wanted]


def log_scores(head: Any, heard: Sequence[Heard]) -> NDArray[np.float64]:
    """Return the logarithm of the probability of each class, or else its score; (n, n_classes).

    A head that knows no probabilities has decision values, which grow like their logarithms.
    """
    if hasattr(head, "predict_proba"):
        shares = np.asarray(head.predict_proba(heard), dtype=np.float64)
        return np.log(np.maximum(shares, _LEAST))
    scores = np.asarray(head.decision_function(heard), dtype=np.float64)
    return scores if scores.ndim > 1 else np.column_stack([-scores, scores]) / 2


def _takes_sequences(estimator: Any) -> bool:
    return getattr(estimator, "accepts", None) == "sequences"


def _default(fusion: str, *, regression: bool) -> Any:
    if fusion == "attention":
        name = "FusionRegressor" if regression else "FusionClassifier"
        return named_in("chordmer.models.fused", name)()
    from chordmer.models import broad

    kind = broad.BroadLearningRegressor if regression else broad.BroadLearningClassifier
    return kind(alpha=_ALPHA)
