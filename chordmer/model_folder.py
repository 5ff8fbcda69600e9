"""A recogniser and all its parts as a manifest and arrays, and back, from fixed lists of classes.

A part that learned something says what in ``to_parts()``: a manifest (``"kind"``,
``"parameters"`` and what else JSON can hold) and arrays by name. It comes back by
``from_parts(manifest, arrays, source=...)``, which checks both. An extractor that learns nothing is
its parameters. No class outside the lists is ever made, whatever a manifest names; no parameter
reaches a class that has no such parameter, or beyond the bounds here.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import make_pipeline

from chordmer.errors import ChordmerError, ModelError, printable
from chordmer.hearing import Hearing, named_extractors
from chordmer.models.known import KNOWN, known_class

if TYPE_CHECKING:
    from chordmer.recognizer import EmotionRecognizer

__all__ = ["EXTRACTORS", "Parts", "describe_recognizer", "rebuild_recognizer"]

#: A manifest for JSON, and arrays by name.
Parts = tuple[dict[str, Any], dict[str, NDArray[Any]]]

#: Where the classes live that a recogniser may listen with.
EXTRACTORS = {
    "AudioDescriptors": "chordmer.features.descriptors",
    "Chord2Vec": "chordmer.features.chord2vec",
    "EGeMAPS": "chordmer.features.egemaps",
    "GammatoneFeatures": "chordmer.features.gammatone",
    "LyricEmbedding": "chordmer.features.lyrics",
    "ResidualPhaseMFCC": "chordmer.features.mfcc_rp",
    "SpectrogramFeatures": "chordmer.features.spectrogram",
    "SymbolicDescriptors": "chordmer.features.symbolic",
}
#: Extractors whose `fit` wants a package that a model without their modality can do without.
_ASKS_FOR_MORE = ("EGeMAPS",)
#: Parameters of a recogniser that are written as they are; its parts are written as parts.
_OWN = ("fusion", "target", "scale", "calibration", "random_state")
#: Numbers in the parameters of extractors end here. What is beyond would take memory or time when
#: it is used, and nobody wants it.
_MOST = {
    **dict.fromkeys(("n_bands", "n_gfcc", "n_mfcc", "lpc_order"), 256),
    **dict.fromkeys(("n_mels", "vector_size", "workers", "epochs", "negative", "window"), 4096),
    **dict.fromkeys(("n_fft", "max_length", "batch_size", "win_length", "hop_length"), 1 << 16),
}
_MOST_OTHERWISE = 1 << 20
#: What `fit` of an extractor does not look at, as only its `frames` use it.
_POSITIVE = ("hop", "sr", "window", "window_seconds")
_MOST_PARTS = 256
_LONGEST = 4096
#: How and with what this machine works is not for a file to say.
_LOCAL = {"cache": None, "device": None, "local_files_only": True, "n_jobs": 1}
_PIPELINE = "Pipeline"


def describe_recognizer(model: EmotionRecognizer) -> Parts:
    """Return the parts of a fitted recogniser, those of its own parts among them."""
    names = [name for name, _ in model.hearing_.extractors]
    ears, ear_arrays = _gather("extractor", [e for _, e in model.hearing_.extractors])
    head, head_arrays = _describe_head(model.head_)
    own = model.get_params(deep=False)
    manifest = {
        "kind": type(model).__name__,
        "parameters": _plain({name: own[name] for name in _OWN}),
        "extractors": [{"name": name, **ear} for name, ear in zip(names, ears)],
        "vectors": sorted(model.hearing_.vectors),
        "head": head,
        "temperature": model.temperature_,
        "classes": model.classes_.tolist() if hasattr(model, "classes_") else None,
        "spread": model.spread_.tolist() if hasattr(model, "spread_") else None,
    }
    return manifest, {**ear_arrays, **_prefixed("head", head_arrays)}


def rebuild_recognizer(
    cls: type[EmotionRecognizer],
    manifest: Mapping[str, Any],
    arrays: Mapping[str, NDArray[Any]],
    *,
    source: object,
) -> EmotionRecognizer:
    """Return the recogniser that `describe_recognizer` gave the parts of.

    Raises
    ------
    ModelError
        If a part is of a class that may not stand there, or is not what that class can be.
    """
    with _refusing("EmotionRecognizer", source):
        parameters = manifest["parameters"]
        _require(set(parameters) == set(_OWN), "other parameters than a recogniser's")
        model = cls(**{**parameters, "scale": tuple(parameters["scale"])})
        target = model._check_parameters()
        _require(0 < len(manifest["extractors"]) <= _MOST_PARTS, "too many extractors, or none")
        pairs = [
            (str(ear["name"]), _rebuild_extractor(ear, _own(f"extractor.{i}", arrays), source))
            for i, ear in enumerate(manifest["extractors"])
        ]
        named_extractors(pairs)
        vectors = [str(name) for name in manifest["vectors"]]
        _require(set(vectors) <= {name for name, _ in pairs}, "vectors of unknown extractors")
        starts = ("head.", *(f"extractor.{i}." for i in range(len(pairs))))
        _require(all(name.startswith(starts) for name in arrays), "arrays of no part")
        model.head_ = _rebuild_head(manifest["head"], _own("head", arrays), source)
        model.temperature_ = float(manifest["temperature"])
        _require(1e-3 <= model.temperature_ <= 1e3, "an impossible temperature")
        if target.labels:
            model.classes_ = np.array([str(name) for name in manifest["classes"]])
            known = np.array_equal(model.classes_, np.asarray(model.head_.classes_))
            _require(known and set(model.classes_) <= set(target.labels), "other classes")
        else:
            model.spread_ = np.array(manifest["spread"], dtype=np.float64)
            _require(model.spread_.shape == (len(target.dimensions),), "other dimensions")
            _require(bool(np.isfinite(model.spread_).all()), "an impossible spread")
        model.hearing_ = Hearing.of(pairs, vectors)
        model.extractors = pairs
        model.classifier = model.head_[-1] if hasattr(model.head_, "steps") else model.head_
    return model


# --- extractors ----------------------------------------------------------------------------------


def _describe_extractor(extractor: Any) -> Parts:
    cls = type(extractor)
    if EXTRACTORS.get(cls.__name__) != cls.__module__:
        raise _unsaveable(cls)
    if hasattr(extractor, "to_parts"):
        parts: Parts = extractor.to_parts()
        return parts
    return {"kind": cls.__name__, "parameters": _plain(extractor.get_params())}, {}


def _rebuild_extractor(
    manifest: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], source: object
) -> Any:
    kind = manifest["kind"]
    if not isinstance(kind, str) or kind not in EXTRACTORS:
        raise ModelError("unknown class", source=source, stage="manifest", value=kind)
    cls = getattr(import_module(EXTRACTORS[kind]), kind)
    with _refusing(kind, source):
        parameters = dict(manifest["parameters"])
        known = set(inspect.signature(cls).parameters)
        _require(set(parameters) == known, "other parameters")
        for name, value in parameters.items():
            _check_plain(name, value)
        parameters.update({name: value for name, value in _LOCAL.items() if name in known})
        if hasattr(cls, "from_parts"):
            return cls.from_parts({**manifest, "parameters": parameters}, arrays, source=source)
        _require(not arrays, "arrays where nothing was learned")
        extractor = cls(**parameters)
        # Impossible parameters are refused by `fit`; these extractors learn nothing there.
        return extractor if kind in _ASKS_FOR_MORE else extractor.fit([])


def _check_plain(name: str, value: Any) -> None:
    """Raise ValueError unless a value from a file is small and harmless."""
    if isinstance(value, list):
        _require(len(value) <= _MOST_PARTS, f"{name} is too long")
        for item in value:
            _require(not isinstance(item, list), f"{name} is nested")
            _check_plain(name, item)
    elif isinstance(value, str):
        fine = len(value) <= _LONGEST and value.isprintable()
        _require(fine and not value.startswith(("//", "\\\\")), f"{name} is an odd text")
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        most = _MOST.get(name, _MOST_OTHERWISE)
        _require(math.isfinite(value), f"{name} is not finite")
        if name != "random_state":
            _require(abs(value) <= most, f"{name}={value} is beyond {most}")
        _require(value > 0 or name not in _POSITIVE, f"{name}={value} is not positive")
    else:
        _require(value is None or isinstance(value, bool), f"{name} is no plain value")


# --- the head ------------------------------------------------------------------------------------


def _describe_head(head: Any) -> Parts:
    if hasattr(head, "steps"):
        steps, arrays = _gather("", [step for _, step in head.steps])
        return {"kind": _PIPELINE, "steps": steps}, arrays
    return _describe_model(head)


def _describe_model(model: Any) -> Parts:
    cls = type(model)
    if KNOWN.get(cls.__name__) != cls.__module__ or not hasattr(model, "to_parts"):
        raise _unsaveable(cls)
    parts: Parts = model.to_parts()
    return parts


def _rebuild_head(
    manifest: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], source: object
) -> Any:
    if manifest["kind"] != _PIPELINE:
        return known_class(manifest["kind"], source=source).from_parts(
            manifest, arrays, source=source
        )
    join, classifier = manifest["steps"]
    _require(join["kind"] == "JoinVectors", "a pipeline that begins otherwise")
    _require(all(name.startswith(("0.", "1.")) for name in arrays), "arrays of no part")
    return make_pipeline(
        _rebuild_head(join, _own("0", arrays), source),
        _rebuild_head(classifier, _own("1", arrays), source),
    )


# --- small things --------------------------------------------------------------------------------


def _gather(part: str, estimators: Sequence[Any]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the manifests of estimators, and their arrays under ``part.0.``, ``part.1.``, ..."""
    manifests, arrays = [], {}
    for i, estimator in enumerate(estimators):
        is_ear = hasattr(estimator, "modality")
        manifest, own = _describe_extractor(estimator) if is_ear else _describe_model(estimator)
        manifests.append(manifest)
        arrays.update(_prefixed(f"{part}.{i}" if part else str(i), own))
    return manifests, arrays


def _prefixed(part: str, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {f"{part}.{name}": array for name, array in arrays.items()}


def _own(part: str, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return the arrays of one part, as they were called before `_prefixed`."""
    start = f"{part}."
    return {name[len(start) :]: array for name, array in arrays.items() if name.startswith(start)}


def _plain(value: Any) -> Any:
    """Return a value as JSON can say it: paths as text, generators as None."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return None if isinstance(value, np.random.RandomState) else str(value)


def _unsaveable(cls: type) -> ModelError:
    name = f"{cls.__module__}.{cls.__name__}"
    return ModelError("estimators of this class cannot be saved", stage="save", value=name)


def _require(condition: bool, problem: str) -> None:
    if not condition:
        raise ValueError(problem)


@contextmanager
def _refusing(kind: str, source: object) -> Iterator[None]:
    """Turn whatever an odd manifest leads to into a ModelError."""
    try:
        yield
    except ModelError:
        raise
    except (
        ChordmerError, ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError,
        TypeError, ValueError,
    ) as error:  # fmt: skip
        problem = f"not the parts of {kind}: {printable(error)}"
        raise ModelError(problem, source=source, stage="manifest") from error
