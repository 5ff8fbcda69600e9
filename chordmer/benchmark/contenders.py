"""The models that the benchmark compares, by their names on the command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any

from chordmer.recognizer import EmotionRecognizer
from chordmer.recognizer.quadrants import bundled_experts
from chordmer.recognizer.recipes import FEATURES, RECIPES
from chordmer.recognizer.renditions import Renditions

__all__ = ["MODELS", "Contender", "Model", "contender_of"]

#: What stands beside frames of sound as one vector a track: these are on other grids of time.
_VECTORS = ("chord2vec", "symbolic", "lyrics")


def _make(module: str, name: str, **parameters: Any) -> Any:
    """Return an instance of a class whose module is only now imported."""
    return getattr(import_module(f"chordmer.models.{module}"), name)(**parameters)


@dataclass(frozen=True)
class Model:
    """A model of the benchmark.

    Attributes
    ----------
    title : str
        As the papers' tables call it.
    features : tuple of str
        What it listens to unless told otherwise: keys of `chordmer.recognizer.recipes.FEATURES`.
    classifier : callable or None
        Makes the classifier; None: that of `EmotionRecognizer`.
    fusion : str
        As of `EmotionRecognizer`.
    calibration : int
        As of `EmotionRecognizer`; each costs a training.
    augmentation : callable or None
        Makes what makes more tracks to learn from.
    """

    title: str
    features: tuple[str, ...]
    classifier: Callable[[], Any] | None = None
    fusion: str = "early"
    calibration: int = 0
    augmentation: Callable[[], Any] | None = None


_SOUND = ("gtf", "mf_rp")
_ALL = tuple(RECIPES["default"](False)["extractors"])

#: The seed paper's six, in the order of its Tables VII to IX (it gives features for LSTM_BLS only;
#: the others have those of the model they are compared with); CBSA with its ablations; the hybrid
#: models; scikit-learn's; chordmer's default recipe, the recipe of the bundled model, and the
#: default's features fused in other ways.
MODELS: Mapping[str, Model] = {
    "mcclstm": Model("MCCLSTM", _SOUND, partial(_make, "baselines", "MCCLSTM")),
    "mccbl": Model("MCCBL", _SOUND, partial(_make, "baselines", "MCCBL")),
    "rcnnlstm": Model("RCNNLSTM", _SOUND, partial(_make, "baselines", "RCNNLSTM")),
    "rcnnbl": Model("RCNNBL", _SOUND, partial(_make, "baselines", "RCNNBL")),
    "lstm_bls": Model("LSTM_BLS", ("mf_rp",), partial(_make, "lstm_broad", "LSTMBroad")),
    "multispec": Model(
        "MULTISPEC-DNN",
        (*_SOUND, "chord2vec"),
        partial(_make, "multispec", "MultiSpecClassifier"),
    ),
    **{
        name: Model(
            title, ("descriptors",), partial(_make, "cbsa", "CBSAClassifier", variant=variant)
        )
        for name, title, variant in (
            ("cbsa", "CBSA", "cbsa"),
            ("cnn_bilstm", "CNN-BiLSTM", "cnn-bilstm"),
            ("bilstm_sa", "BiLSTM-SA", "bilstm-sa"),
            ("bilstm", "BiLSTM", "bilstm"),
        )
    },
    "cnn_lstm": Model(
        "CNN-LSTM", ("descriptors",), partial(_make, "cnn_lstm", "CNNLSTMClassifier")
    ),
    "hybrid": Model(
        "CNN-Transformer", ("mel",), partial(_make, "hybrid", "CNNTransformerClassifier")
    ),
    "svm": Model("SVM", ("symbolic",), partial(_make, "classic_estimators", "ClassicClassifier")),
    "rf": Model(
        "Random forest",
        ("symbolic",),
        partial(_make, "classic_estimators", "ClassicClassifier", model="random_forest"),
    ),
    "default": Model("chordmer default", _ALL, calibration=3),
    "bundled": Model(
        "chordmer bundled",
        ("symbolic",),
        bundled_experts,
        augmentation=Renditions,
    ),
    "late": Model("Late fusion", _ALL, fusion="late"),
    "attention": Model("Attention fusion", _ALL, fusion="attention"),
}


@dataclass(frozen=True)
class Contender:
    """A model, and what it is to listen to.

    Attributes
    ----------
    name : str
        A key of `MODELS`.
    features : tuple of str
        Keys of `chordmer.recognizer.recipes.FEATURES`.
    """

    name: str
    features: tuple[str, ...]

    @property
    def spec(self) -> str:
        """What `contender_of` makes this contender of; it tells contenders apart."""
        return f"{self.name}:{'+'.join(self.features)}"

    @property
    def title(self) -> str:
        """The model's title, with the features where these are not its own."""
        model = MODELS[self.name]
        told = "" if self.features == model.features else f" ({', '.join(self.features)})"
        return model.title + told

    def recognizer(
        self,
        *,
        target: str | Sequence[str] = "quadrant",
        seconds: float | None = 25.0,
        epochs: int | None = None,
        cache: str | None = None,
    ) -> EmotionRecognizer:
        """Return the unfitted recogniser.

        Parameters
        ----------
        target : str or sequence of str, default "quadrant"
        seconds : float or None, default 25
            Sound that is listened to, from the start; None: all of it.
        epochs : int, optional
            Most epochs of a network; by default those of its paper.
        cache : path, optional
            Folder of features.

        Raises
        ------
        ImportError
            If the model needs a package that is not installed.
        """
        model = MODELS[self.name]
        extractors = [(name, FEATURES[name]()) for name in self.features]
        listens = {name: extractor.modality for name, extractor in extractors}
        for _, extractor in extractors:
            if "duration" in extractor.get_params():
                extractor.set_params(duration=seconds)
        classifier: Any = None if model.classifier is None else model.classifier()
        if "vectors" in getattr(classifier, "get_params", dict)():
            beside = _VECTORS if "audio" in listens.values() else ()
            classifier.set_params(vectors=tuple(name for name in self.features if name in beside))
        if epochs is not None and hasattr(classifier, "training"):
            classifier.set_params(training=_strategy(classifier, epochs))
        return EmotionRecognizer(
            extractors,
            fusion=model.fusion,
            classifier=classifier,
            target=target,
            calibration=model.calibration,
            augmentation=None if model.augmentation is None else model.augmentation(),
            cache=cache,
        )


def _strategy(classifier: Any, epochs: int) -> Any:
    """Return the strategy of the network's paper, with at most `epochs` epochs."""
    network = classifier._parts()[0] if hasattr(classifier, "_parts") else classifier
    return _make("training", "Training", **{**network._recipe, "max_epochs": epochs})


def contender_of(text: str, features: Sequence[str] | None = None) -> Contender:
    """Return the contender that a word of the command line names.

    Parameters
    ----------
    text : str
        A key of `MODELS`, or one with its features: ``"svm:symbolic+chord2vec"``.
    features : sequence of str, optional
        Of a model that is named alone, in place of its own.

    Raises
    ------
    ValueError
        If there is no such model, or are no such features.

    Examples
    --------
    >>> contender_of("multispec").title, contender_of("multispec:gtf+mf_rp").title
    ('MULTISPEC-DNN', 'MULTISPEC-DNN (gtf, mf_rp)')
    """
    name, told, own = text.partition(":")
    if name not in MODELS:
        raise ValueError(f"no model is called {name!r}; there are {', '.join(MODELS)}")
    chosen = tuple(own.split("+")) if told else tuple(features or MODELS[name].features)
    for feature in chosen:
        if feature not in FEATURES:
            raise ValueError(f"no features are called {feature!r}; there are {', '.join(FEATURES)}")
    if len(set(chosen)) < len(chosen):
        raise ValueError(f"the features of {name!r} are named twice: {'+'.join(chosen)}")
    return Contender(name, chosen)
