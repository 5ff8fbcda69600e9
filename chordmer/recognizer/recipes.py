"""Named features and named recipes: what `EmotionRecognizer` is made of when a word is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from chordmer.kinds import named_in

__all__ = ["FEATURES", "RECIPES"]

#: The published models listen to the first 25 seconds.
_SECONDS = 25.0


def _make(module: str, name: str, **parameters: Any) -> Any:
    """Return an instance of a class whose module is only now imported."""
    return named_in(f"chordmer.{module}", name)(**parameters)


_spectrogram = partial(_make, "features.spectrogram", "SpectrogramFeatures")

#: What makes each extractor that has a name. Those that need a choice have the one that does best
#: for classification, or the one of the paper whose network they feed.
FEATURES: Mapping[str, Callable[..., Any]] = {
    "chord2vec": partial(
        # Few chords stand between rests: to leave out those heard once would leave little.
        _make,
        "features.chord2vec",
        "Chord2Vec",
        method="gap",
        pooling="mean",
        min_count=1,
    ),
    "symbolic": partial(_make, "features.symbolic", "SymbolicDescriptors"),
    "gtf": partial(_make, "features.gammatone", "GammatoneFeatures"),
    "mf_rp": partial(_make, "features.mfcc_rp", "ResidualPhaseMFCC"),
    # Wide and narrow bands are of one height, so that they stack as channels.
    "wide": partial(_spectrogram, kinds=("wide",), n_fft=2048),
    "narrow": partial(_spectrogram, kinds=("narrow",), n_fft=2048),
    "mel": partial(_spectrogram, kinds=("mel",)),
    "descriptors": partial(_make, "features.descriptors", "AudioDescriptors"),
    "lyrics": partial(_make, "features.lyrics", "LyricEmbedding"),
    "egemaps": partial(_make, "features.egemaps", "EGeMAPS", window_seconds=0.5),
}


def _default(regression: bool) -> dict[str, Any]:
    """Whatever a track has of notes, chords, sound and words, into a Broad Learning System."""
    return {"extractors": ["symbolic", "chord2vec", "descriptors", "lyrics"], "fusion": "early"}


def _multispec(regression: bool) -> dict[str, Any]:
    """Gammatone and MF_RP frames of 25 s through MULTISPEC-DNN, and the vector of the chords.

    The network and its inputs are the paper's. Chords are those of ``FEATURES["chord2vec"]``, which
    tell quadrants better than the published spelling. For dimensions, which the paper does not
    know, a linear layer takes the place of the Broad Learning System.
    """
    kind = "MultiSpecRegressor" if regression else "MultiSpecClassifier"
    return {
        "extractors": [
            ("gtf", FEATURES["gtf"](duration=_SECONDS)),
            ("mf_rp", FEATURES["mf_rp"](duration=_SECONDS)),
            "chord2vec",
        ],
        "classifier": _make("models.multispec", kind),
        "vectors": ["chord2vec"],
        "calibration": 0,
    }


def _cbsa(regression: bool) -> dict[str, Any]:
    """Descriptors every half second through CNN, BiLSTM and self-attention.

    The paper's 94 columns are 88 of eGeMAPS and its own. eGeMAPS is free for research only, so
    chordmer's own descriptors stand in: 57 columns. Who may use openSMILE asks for the paper's:
    ``recipe("cbsa", extractors=["egemaps", AudioDescriptors(columns=CBSA_COLUMNS)])``.
    """
    return {
        "extractors": ["descriptors"],
        "classifier": _make("models.cbsa", "CBSARegressor" if regression else "CBSAClassifier"),
        "calibration": 0,
    }


#: Parameters of `EmotionRecognizer` by the recipe's name; each is told whether it is to regress.
#: The networks are not calibrated: that would train them twice and more.
RECIPES: Mapping[str, Callable[[bool], dict[str, Any]]] = {
    "cbsa": _cbsa,
    "default": _default,
    "multispec": _multispec,
}
