"""A neural estimator as a manifest and arrays, and back, trusting nothing of what was written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from chordmer.errors import ModelError
from chordmer.kinds import known_model
from chordmer.models.standardised import Standardised
from chordmer.models.stored import Parts
from chordmer.models.training import Training

__all__ = [
    "Parts",
    "arrays_of",
    "describe",
    "merge_parts",
    "parameters_from_json",
    "parameters_to_json",
    "rebuild",
]


def describe(model: Any) -> Parts:
    """Return the parts of a fitted `model` that do not depend on what its outputs mean."""
    manifest = {
        "kind": type(model).__name__,
        "parameters": parameters_to_json(model.get_params(deep=False)),
        "widths": dict(model.widths_),
        "array_input": hasattr(model, "n_features_in_"),
        "feature_names": list(getattr(model, "feature_names_in_", [])),
        "history": model.history_,
    }
    state = model.module_.state_dict()
    return manifest, {name: values.detach().cpu().numpy() for name, values in state.items()}


def rebuild(
    cls: type[Any],
    manifest: Mapping[str, Any],
    arrays: Mapping[str, NDArray[Any]],
    *,
    source: object,
) -> Any:
    """Return the `cls` that was described; the network is built only when its arrays fit.

    Raises
    ------
    ModelError
        If the parameters are impossible, or the arrays are not those of such a network.
    """
    left = dict(arrays)
    try:
        model = cls(**parameters_from_json(manifest["parameters"], source=source))
        model._strategy()
        model._check_parameters()
        widths = {str(name): _width(width) for name, width in manifest["widths"].items()}
        model.widths_ = dict(sorted(widths.items()))
        model.history_ = [dict(row) for row in manifest["history"]]
        n_outputs = model._outputs_from_json(manifest["outputs"], left)
        # On the meta device a network is its shapes only: a lie about sizes takes no memory.
        with torch.device("meta"):
            network = model._build(dict(model.widths_), n_outputs)
            blank = torch.zeros(sum(widths.values()))
            module = Standardised(network, model.widths_, blank, blank)
        names = list(manifest["feature_names"])
        if names and (len(names) != sum(widths.values()) or set(map(type, names)) != {str}):
            raise ValueError("the names of the features are not one string a column")
    except ModelError:
        raise
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise ModelError(f"odd parameters: {error}", source=source, stage="manifest") from error
    wanted = {
        name: (str(values.dtype).removeprefix("torch."), tuple(values.shape))
        for name, values in module.state_dict().items()
    }
    found = {name: (array.dtype.name, array.shape) for name, array in left.items()}
    odd = [name for name in sorted(wanted | found) if wanted.get(name) != found.get(name)]
    if odd:
        problem = f"not the arrays of this {cls.__name__}"
        raise ModelError(problem, source=source, stage="arrays", value=odd[:5])
    if (left["scale"] <= 0).any():
        raise ModelError("a scale is not positive", source=source, stage="arrays")
    state = {name: torch.from_numpy(array.copy()) for name, array in left.items()}
    module.load_state_dict(state, assign=True)
    model.module_ = module
    if manifest.get("array_input") is True:
        model.n_features_in_ = sum(widths.values())
    if names:
        model.feature_names_in_ = np.array(names, dtype=object)
    return model


def parameters_to_json(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return constructor parameters as JSON can say them; estimators among them by class name."""
    return {name: _to_json(value) for name, value in parameters.items()}


def parameters_from_json(written: Mapping[str, Any], *, source: object) -> dict[str, Any]:
    """Return constructor parameters as they were before `parameters_to_json`.

    Raises
    ------
    ModelError
        If an estimator among them is of an unknown class.
    ValueError, TypeError
        If it has other parameters.
    """
    return {str(name): _from_json(value, source) for name, value in written.items()}


def _to_json(value: Any) -> Any:
    if isinstance(value, BaseEstimator):
        parameters = parameters_to_json(value.get_params(deep=False))
        return {"estimator": type(value).__name__, "parameters": parameters}
    if isinstance(value, Mapping):
        # JSON's own keys are strings only.
        return {"pairs": [[_to_json(key), _to_json(item)] for key, item in value.items()]}
    if isinstance(value, (list, tuple)):
        return [_to_json(item) for item in value]
    if isinstance(value, np.generic):
        return value.item()
    # A generator cannot be written; what it drew is in the arrays.
    return None if isinstance(value, np.random.RandomState) else value


def _from_json(value: Any, source: object) -> Any:
    if isinstance(value, list):
        return tuple(_from_json(item, source) for item in value)
    if isinstance(value, Mapping) and "estimator" in value:
        kind = value["estimator"]
        cls = Training if kind == "Training" else known_model(kind, source=source)
        return cls(**parameters_from_json(value["parameters"], source=source))
    if isinstance(value, Mapping):
        return {key: item for key, item in _from_json(value["pairs"], source)}
    return value


def merge_parts(parts: Mapping[str, Parts]) -> Parts:
    """Return several parts as one, their arrays named ``part.array``."""
    manifest = {name: written for name, (written, _) in parts.items()}
    arrays = {
        f"{name}.{key}": array for name, (_, own) in parts.items() for key, array in own.items()
    }
    return manifest, arrays


def arrays_of(part: str, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return the arrays of one part, as they were named before `merge_parts`."""
    start = f"{part}."
    return {
        name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)
    }


def _width(value: Any) -> int:
    if type(value) is not int or not 0 < value < 1 << 24:
        raise ValueError(f"not a possible width: {value!r}")
    return value
