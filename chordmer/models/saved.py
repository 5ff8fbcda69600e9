"""A neural estimator as a manifest and arrays, and back, trusting nothing of what was written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from chordmer.errors import ModelError
from chordmer.models.standardised import Standardised
from chordmer.models.training import Training

__all__ = ["Parts", "describe", "rebuild"]

#: What a model folder needs of an estimator: a manifest for JSON, and arrays by name.
Parts = tuple[dict[str, Any], dict[str, NDArray[Any]]]


def describe(model: Any) -> Parts:
    """Return the parts of a fitted `model` that do not depend on what its outputs mean."""
    parameters = model.get_params(deep=False)
    seed = parameters["random_state"]
    parameters["random_state"] = seed if isinstance(seed, int) else None
    if model.training is not None:
        parameters["training"] = _strategy_to_json(model.training)
    manifest = {
        "kind": type(model).__name__,
        "parameters": parameters,
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
        model = cls(**_parameters(manifest["parameters"]))
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


def _strategy_to_json(training: Training) -> dict[str, Any]:
    parameters: dict[str, Any] = training.get_params()
    if isinstance(training.class_weight, Mapping):
        # JSON's own keys are strings only.
        parameters["class_weight"] = [[k, v] for k, v in training.class_weight.items()]
    return parameters


def _parameters(written: Mapping[str, Any]) -> dict[str, Any]:
    """Return constructor parameters as they were before JSON: tuples, and a Training."""
    parameters = {str(name): _hashable(value) for name, value in written.items()}
    training = parameters.get("training")
    if isinstance(training, Mapping):
        weights = training.get("class_weight")
        known = dict(weights) if isinstance(weights, list) else weights
        parameters["training"] = Training(**{**training, "class_weight": known})
    return parameters


def _hashable(value: Any) -> Any:
    return tuple(map(_hashable, value)) if isinstance(value, list) else value


def _width(value: Any) -> int:
    if type(value) is not int or not 0 < value < 1 << 24:
        raise ValueError(f"not a possible width: {value!r}")
    return value
