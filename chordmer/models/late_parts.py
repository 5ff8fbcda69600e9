"""A late fusion as a manifest and arrays, and back, trusting nothing that was written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin

from chordmer.errors import ModelError
from chordmer.models.known import KNOWN, known_class

__all__ = ["describe", "rebuild"]

_MEAN = ("weights", "powers")
_STACK = ("stack_coef", "stack_intercept")
_TARGETS = ("target_mean", "target_scale")


def describe(model: Any) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return the manifest and the arrays of a fitted `model`.

    Raises
    ------
    ModelError
        If a model of a modality cannot be written.
    """
    weights = model.weights
    if isinstance(weights, Mapping):
        weights = {name: float(weights[name]) for name in model.widths_}
    elif not isinstance(weights, str):
        weights = np.asarray(weights, dtype=np.float64).tolist()
    seed = model.random_state
    manifest: dict[str, Any] = {
        "kind": type(model).__name__,
        "parameters": {
            "weights": weights,
            "n_folds": int(model.n_folds),
            "random_state": seed if isinstance(seed, int) else None,
        },
        "modalities": [],
    }
    own = [*(_MEAN if hasattr(model, "weights_") else _STACK)]
    if hasattr(model, "classes_"):
        manifest["classes"] = model.classes_.tolist()
    else:
        manifest["one_target"] = model.one_target_
        own += _TARGETS
    arrays = {name: getattr(model, f"{name}_") for name in own}
    for number, (name, part) in enumerate(model.estimators_.items()):
        cls = type(part)
        if KNOWN.get(cls.__name__) != cls.__module__ or not hasattr(part, "to_parts"):
            raise ModelError("this class cannot be saved", stage="save", value=cls.__name__)
        written, learned = part.to_parts()
        manifest["modalities"].append({"name": name, "model": written})
        arrays.update({f"{number}.{key}": array for key, array in learned.items()})
    return manifest, arrays


def rebuild(
    cls: type[Any],
    manifest: Mapping[str, Any],
    arrays: Mapping[str, NDArray[Any]],
    *,
    source: object,
) -> Any:
    """Return the `cls` that was described.

    Raises
    ------
    ModelError
        If the parameters are impossible, or the parts do not fit together.
    """
    try:
        model = cls(**manifest["parameters"])
        written = {str(part["name"]): part["model"] for part in manifest["modalities"]}
        kinds = [part["kind"] for part in written.values()]
        if issubclass(cls, ClassifierMixin):
            model.classes_ = np.array(manifest["classes"])
        else:
            model.one_target_ = manifest["one_target"] is True
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ModelError(f"odd parameters: {error}", source=source, stage="manifest") from error
    left = dict(arrays)
    model.estimators_ = {}
    for number, (name, part) in enumerate(written.items()):
        start = f"{number}."
        learned = {
            key.removeprefix(start): left.pop(key) for key in arrays if key.startswith(start)
        }
        known = known_class(kinds[number], source=source)
        model.estimators_[name] = known.from_parts(part, learned, source=source)
    for name, array in left.items():
        if name not in (*_MEAN, *_STACK, *_TARGETS):
            raise ModelError("an unknown array", source=source, stage="arrays", value=name)
        setattr(model, f"{name}_", array)
    try:
        agree = _agree(model, left)
    except (AttributeError, TypeError, ValueError):
        agree = False
    if not agree:
        raise ModelError("its parts do not fit together", source=source, stage="arrays")
    model.widths_ = {name: int(part.n_features_in_) for name, part in model.estimators_.items()}
    model.estimators = dict(model.estimators_)
    return model


def _agree(model: Any, arrays: Mapping[str, NDArray[Any]]) -> bool:
    """Whether the parts that were read belong together."""
    parts = list(model.estimators_.values())
    expected: dict[str, tuple[int, ...]] = {}
    if isinstance(model, ClassifierMixin):
        k = len(model.classes_)
        if not np.array_equal(np.unique(model.classes_), model.classes_):
            return False
        if not all(np.isin(part.classes_, model.classes_).all() for part in parts):
            return False
    else:
        k = len(model.target_mean_)
        expected = dict.fromkeys(_TARGETS, (k,))
        if (model.one_target_ and k > 1) or not (model.target_scale_ > 0).all():
            return False
    if "weights" in arrays:
        expected |= dict.fromkeys(_MEAN, (len(parts),))
    else:
        expected |= {"stack_coef": (len(parts) * (2 * k + 1), k), "stack_intercept": (k,)}
    return (
        {name: array.shape for name, array in arrays.items()} == expected
        and all(array.dtype == np.float64 for array in arrays.values())
        and all((arrays[name] > 0).all() for name in _MEAN if name in arrays)
        and list(model.estimators_) == sorted(model.estimators_)
        and len(parts) > 0
        and all(
            model._ask(part, np.zeros((1, part.n_features_in_))).shape == (1, k) for part in parts
        )
    )
