"""The classes that a model folder may name, and where each lives: a fixed list, nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from chordmer.errors import ModelError
from chordmer.folder import KINDS

__all__ = ["KNOWN", "known_class"]

#: Where each class lives. A name from a file is looked up here, never imported.
KNOWN: Mapping[str, str] = {
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
    "ClassicClassifier": "chordmer.models.classic_estimators",
    "ClassicRegressor": "chordmer.models.classic_estimators",
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
}


def known_class(kind: Any, *, source: object) -> Any:
    """Return the class of this name.

    Raises
    ------
    ModelError
        If chordmer has no such model; `source` is the folder that it names.
    """
    if not isinstance(kind, str) or kind not in KNOWN or kind not in KINDS:
        raise ModelError("unknown class", source=source, stage="manifest", value=kind)
    return getattr(import_module(KNOWN[kind]), kind)
