"""The classes that a model folder may name, and where each lives: a fixed list, nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from chordmer.errors import MissingExtraError, ModelError

__all__ = ["KINDS", "is_known_model", "known_model", "named_in"]

#: The home of each class that may be saved. A name from a file is looked up here, never imported.
KINDS: Mapping[str, str] = {
    "AC2DConvStatClassifier": "chordmer.models.cnn",
    "AC2DConvStatRegressor": "chordmer.models.cnn",
    "BLSTMRNNClassifier": "chordmer.models.cnn",
    "BLSTMRNNRegressor": "chordmer.models.cnn",
    "BiLSTMBroad": "chordmer.models.bilstm",
    "BiLSTMClassifier": "chordmer.models.bilstm",
    "BiLSTMRegressor": "chordmer.models.bilstm",
    "BroadLearningClassifier": "chordmer.models.broad",
    "BroadLearningRegressor": "chordmer.models.broad",
    "BroadOnNetwork": "chordmer.models.broad_network",
    "CBSAClassifier": "chordmer.models.cbsa",
    "CBSARegressor": "chordmer.models.cbsa",
    "CNNLSTMClassifier": "chordmer.models.cnn_lstm",
    "CNNLSTMRegressor": "chordmer.models.cnn_lstm",
    "CNNTransformerClassifier": "chordmer.models.hybrid",
    "CNNTransformerRegressor": "chordmer.models.hybrid",
    "Chord2Vec": "chordmer.features.chord2vec",
    "ClassicClassifier": "chordmer.models.classic_estimators",
    "ClassicRegressor": "chordmer.models.classic_estimators",
    "EmotionRecognizer": "chordmer.recognizer",
    "FusionClassifier": "chordmer.models.fused",
    "FusionRegressor": "chordmer.models.fused",
    "JoinVectors": "chordmer.models.join",
    "LSTMBroad": "chordmer.models.lstm_broad",
    "LateFusionClassifier": "chordmer.models.late_fusion",
    "LateFusionRegressor": "chordmer.models.late_fusion",
    "MCCBL": "chordmer.models.baselines",
    "MCCLSTM": "chordmer.models.baselines",
    "MultiSpecBiLSTM": "chordmer.models.multispec",
    "MultiSpecClassifier": "chordmer.models.multispec",
    "MultiSpecRegressor": "chordmer.models.multispec",
    "MultiSpecSpectrogramClassifier": "chordmer.models.multispec_spectrogram",
    "MultiSpecSpectrogramRegressor": "chordmer.models.multispec_spectrogram",
    "RCNNBL": "chordmer.models.baselines",
    "RCNNLSTM": "chordmer.models.baselines",
    "ResNetClassifier": "chordmer.models.cnn",
    "ResNetRegressor": "chordmer.models.cnn",
    "StackedLSTM": "chordmer.models.lstm_broad",
    "SymbolicDescriptors": "chordmer.features.symbolic",
    "SymbolicEmotionModel": "chordmer.pretrained",
}

_MODELS = "chordmer.models."
#: Packages that networks stand on.
_DEEP = ("torch", "skorch", "tqdm")


def named_in(home: str, name: str) -> Any:
    """Return what the module `home` calls `name`.

    Raises
    ------
    MissingExtraError
        If it is a network, and what networks stand on is not installed.
    """
    try:
        return getattr(import_module(home), name)
    except ModuleNotFoundError as error:
        if error.name not in _DEEP:
            raise
        raise MissingExtraError.of(error.name, "deep") from error


def known_model(kind: Any, *, source: object) -> Any:
    """Return the class in `chordmer.models` of this name.

    Raises
    ------
    ModelError
        If there is none that may be saved; `source` is the folder that it names.
    """
    home = KINDS.get(kind, "") if isinstance(kind, str) else ""
    if not home.startswith(_MODELS):
        raise ModelError("unknown class", source=source, stage="manifest", value=kind)
    return named_in(home, kind)


def is_known_model(model: object) -> bool:
    """Return whether `model` is of the very class that `known_model` finds by its name."""
    cls = type(model)
    return cls.__module__.startswith(_MODELS) and KINDS.get(cls.__name__) == cls.__module__
