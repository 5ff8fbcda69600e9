"""chordmer recognises the emotion that music expresses, from MIDI and scores, audio and lyrics.

The names below are loaded when first used, so that importing chordmer is quick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chordmer.kinds import named_in

if TYPE_CHECKING:
    from chordmer.augment import Augmentation
    from chordmer.emotion import Curve, Emotion
    from chordmer.errors import ChordmerError
    from chordmer.examples import example
    from chordmer.extraction import extract
    from chordmer.features.chord2vec import Chord2Vec
    from chordmer.features.chords import Chords, segment_chords, split_by_intervals
    from chordmer.features.descriptors import AudioDescriptors
    from chordmer.features.egemaps import EGeMAPS
    from chordmer.features.gammatone import GammatoneFeatures
    from chordmer.features.key import estimate_key
    from chordmer.features.lyrics import LyricEmbedding
    from chordmer.features.mfcc_rp import ResidualPhaseMFCC
    from chordmer.features.spectrogram import SpectrogramFeatures
    from chordmer.features.symbolic import SymbolicDescriptors
    from chordmer.features.tempo import estimate_tempo
    from chordmer.fusion import AttentionFusion, EarlyFusion, LateFusion
    from chordmer.io import read_audio, read_lyrics, read_midi, read_score, read_symbolic, render
    from chordmer.models.baselines import MCCBL, MCCLSTM, RCNNBL, RCNNLSTM
    from chordmer.models.bilstm import BiLSTMBroad, BiLSTMClassifier, BiLSTMRegressor
    from chordmer.models.broad import BroadLearningClassifier, BroadLearningRegressor
    from chordmer.models.broad_network import BroadOnNetwork
    from chordmer.models.cbsa import CBSAClassifier, CBSARegressor
    from chordmer.models.classic_estimators import ClassicClassifier, ClassicRegressor
    from chordmer.models.cnn import (
        AC2DConvStatClassifier,
        AC2DConvStatRegressor,
        BLSTMRNNClassifier,
        BLSTMRNNRegressor,
        ResNetClassifier,
        ResNetRegressor,
    )
    from chordmer.models.cnn_lstm import CNNLSTMClassifier, CNNLSTMRegressor
    from chordmer.models.fused import FusionClassifier, FusionRegressor
    from chordmer.models.hybrid import CNNTransformerClassifier, CNNTransformerRegressor
    from chordmer.models.join import JoinVectors
    from chordmer.models.late_fusion import LateFusionClassifier, LateFusionRegressor
    from chordmer.models.lstm_broad import LSTMBroad
    from chordmer.models.multispec import MultiSpecClassifier, MultiSpecRegressor
    from chordmer.models.multispec_spectrogram import (
        MultiSpecSpectrogramClassifier,
        MultiSpecSpectrogramRegressor,
    )
    from chordmer.models.training import Training
    from chordmer.notes import Symbolic
    from chordmer.pretrained import predict
    from chordmer.recognizer import EmotionRecognizer
    from chordmer.store import Store
    from chordmer.track import Frames, Track

__version__ = "0.1.0.dev0"

_HOME = {
    "AC2DConvStatClassifier": "chordmer.models.cnn",
    "AC2DConvStatRegressor": "chordmer.models.cnn",
    "AttentionFusion": "chordmer.fusion",
    "AudioDescriptors": "chordmer.features.descriptors",
    "Augmentation": "chordmer.augment",
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
    "ChordmerError": "chordmer.errors",
    "Chords": "chordmer.features.chords",
    "ClassicClassifier": "chordmer.models.classic_estimators",
    "ClassicRegressor": "chordmer.models.classic_estimators",
    "Curve": "chordmer.emotion",
    "EGeMAPS": "chordmer.features.egemaps",
    "EarlyFusion": "chordmer.fusion",
    "Emotion": "chordmer.emotion",
    "EmotionRecognizer": "chordmer.recognizer",
    "Frames": "chordmer.track",
    "FusionClassifier": "chordmer.models.fused",
    "FusionRegressor": "chordmer.models.fused",
    "GammatoneFeatures": "chordmer.features.gammatone",
    "JoinVectors": "chordmer.models.join",
    "LSTMBroad": "chordmer.models.lstm_broad",
    "LateFusion": "chordmer.fusion",
    "LateFusionClassifier": "chordmer.models.late_fusion",
    "LateFusionRegressor": "chordmer.models.late_fusion",
    "LyricEmbedding": "chordmer.features.lyrics",
    "MCCBL": "chordmer.models.baselines",
    "MCCLSTM": "chordmer.models.baselines",
    "MultiSpecClassifier": "chordmer.models.multispec",
    "MultiSpecRegressor": "chordmer.models.multispec",
    "MultiSpecSpectrogramClassifier": "chordmer.models.multispec_spectrogram",
    "MultiSpecSpectrogramRegressor": "chordmer.models.multispec_spectrogram",
    "RCNNBL": "chordmer.models.baselines",
    "RCNNLSTM": "chordmer.models.baselines",
    "ResNetClassifier": "chordmer.models.cnn",
    "ResNetRegressor": "chordmer.models.cnn",
    "ResidualPhaseMFCC": "chordmer.features.mfcc_rp",
    "SpectrogramFeatures": "chordmer.features.spectrogram",
    "Store": "chordmer.store",
    "Symbolic": "chordmer.notes",
    "SymbolicDescriptors": "chordmer.features.symbolic",
    "Track": "chordmer.track",
    "Training": "chordmer.models.training",
    "estimate_key": "chordmer.features.key",
    "estimate_tempo": "chordmer.features.tempo",
    "example": "chordmer.examples",
    "extract": "chordmer.extraction",
    "predict": "chordmer.pretrained",
    "read_audio": "chordmer.io",
    "read_lyrics": "chordmer.io",
    "read_midi": "chordmer.io",
    "read_score": "chordmer.io",
    "read_symbolic": "chordmer.io",
    "render": "chordmer.io",
    "segment_chords": "chordmer.features.chords",
    "split_by_intervals": "chordmer.features.chords",
}

__all__ = [
    "MCCBL",
    "MCCLSTM",
    "RCNNBL",
    "RCNNLSTM",
    "AC2DConvStatClassifier",
    "AC2DConvStatRegressor",
    "AttentionFusion",
    "AudioDescriptors",
    "Augmentation",
    "BLSTMRNNClassifier",
    "BLSTMRNNRegressor",
    "BiLSTMBroad",
    "BiLSTMClassifier",
    "BiLSTMRegressor",
    "BroadLearningClassifier",
    "BroadLearningRegressor",
    "BroadOnNetwork",
    "CBSAClassifier",
    "CBSARegressor",
    "CNNLSTMClassifier",
    "CNNLSTMRegressor",
    "CNNTransformerClassifier",
    "CNNTransformerRegressor",
    "Chord2Vec",
    "ChordmerError",
    "Chords",
    "ClassicClassifier",
    "ClassicRegressor",
    "Curve",
    "EGeMAPS",
    "EarlyFusion",
    "Emotion",
    "EmotionRecognizer",
    "Frames",
    "FusionClassifier",
    "FusionRegressor",
    "GammatoneFeatures",
    "JoinVectors",
    "LSTMBroad",
    "LateFusion",
    "LateFusionClassifier",
    "LateFusionRegressor",
    "LyricEmbedding",
    "MultiSpecClassifier",
    "MultiSpecRegressor",
    "MultiSpecSpectrogramClassifier",
    "MultiSpecSpectrogramRegressor",
    "ResNetClassifier",
    "ResNetRegressor",
    "ResidualPhaseMFCC",
    "SpectrogramFeatures",
    "Store",
    "Symbolic",
    "SymbolicDescriptors",
    "Track",
    "Training",
    "__version__",
    "estimate_key",
    "estimate_tempo",
    "example",
    "extract",
    "predict",
    "read_audio",
    "read_lyrics",
    "read_midi",
    "read_score",
    "read_symbolic",
    "render",
    "segment_chords",
    "split_by_intervals",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'chordmer' has no attribute {name!r}")
    value = named_in(_HOME[name], name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
