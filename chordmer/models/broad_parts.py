"""A Broad Learning System as a manifest and arrays, and back, trusting nothing that was written."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chordmer.errors import ModelError
from chordmer.folder import check_expected

__all__ = ["describe", "rebuild"]

#: Arrays in the dtype of the samples, and sums over them, which stay in float64.
_NUMBERS: dict[str, tuple[int | str, ...]] = {
    "mean": ("n_features",),
    "scale": ("n_features",),
    "feature_weights": ("n_features", "n_feature_nodes"),
    "enhancement_weights": ("n_feature_nodes", "n_enhancement_nodes"),
    "enhancement_bias": ("n_enhancement_nodes",),
    "coef": ("n_nodes", "n_outputs"),
    "intercept": ("n_outputs",),
}
_SUMS: dict[str, tuple[int | str, ...]] = {
    "gram": ("n_columns", "n_columns"),
    "cross": ("n_columns", "n_outputs"),
}


def describe(model: Any) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return the manifest and the arrays of a fitted `model`."""
    parameters = {
        name: value.item() if isinstance(value, np.generic) else value
        for name, value in model.get_params(deep=False).items()
    }
    if not isinstance(parameters["random_state"], Integral):
        # A generator cannot be written; what it drew is in the arrays.
        parameters["random_state"] = None
    manifest = {
        "kind": type(model).__name__,
        "parameters": parameters,
        "dtype": model.mean_.dtype.name,
        "feature_names": getattr(model, "feature_names_in_", np.array([])).tolist(),
        **model._facts(),
    }
    names = (*_NUMBERS, *_SUMS, *model._own_sums)
    return manifest, {name: getattr(model, f"{name}_") for name in names}


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
    dtype = manifest.get("dtype")
    if dtype not in ("float32", "float64"):
        raise ModelError("unknown dtype", source=source, stage="manifest", value=dtype)
    sums = {**_SUMS, **cls._own_sums}
    expected = {
        **{name: (dtype, shape) for name, shape in _NUMBERS.items()},
        **{name: ("float64", shape) for name, shape in sums.items()},
    }
    check_expected(arrays, expected, source=source)
    try:
        model = cls(**manifest["parameters"])
        model._check_parameters()
        for name, array in arrays.items():
            setattr(model, f"{name}_", array)
        n_outputs = model._restore(manifest)
        names = np.array(manifest["feature_names"], dtype=object)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"odd parameters: {error}", source=source, stage="manifest") from error
    n_nodes = sum(model.enhancement_weights_.shape)
    agree = (
        len(model.intercept_) == n_outputs
        and len(model.coef_) == n_nodes == len(model.gram_) - 1
        and names.shape in ((0,), model.mean_.shape)
        and (model.scale_ > 0).all()
    )
    if not agree:
        raise ModelError("its parts do not fit together", source=source, stage="arrays")
    model.n_features_in_ = len(model.mean_)
    if len(names):
        model.feature_names_in_ = names
    return model
