"""A Broad Learning System on what a network heard: depth along time, breadth at the output."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    clone,
)
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from chordmer.errors import ModelError
from chordmer.folder import load_folder, save_folder
from chordmer.models.broad import BroadLearningClassifier
from chordmer.models.estimator import read_samples
from chordmer.models.known import known_class
from chordmer.models.network import NetworkClassifier, check_labels
from chordmer.models.saved import (
    Parts,
    arrays_of,
    merge_parts,
    parameters_from_json,
    parameters_to_json,
)
from chordmer.models.sequences import Sample
from chordmer.models.training import Training

__all__ = ["BroadOnNetwork"]


class BroadOnNetwork(
    ClassifierMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator
):
    """Classify a network's representation by a Broad Learning System.

    The network is trained with its own linear output first, or left as it was drawn; its
    representation, joined with vectors that the network did not see, becomes the input of the
    Broad Learning System, which is solved in closed form (Chen & Liu 2018, section III-D, where
    the feature nodes are those of a convolutional network).

    Parameters
    ----------
    network : NetworkClassifier
        Cloned before it is fitted.
    broad : BroadLearningClassifier or None, default None
        Cloned before it is fitted. None: the default one, with this `random_state`.
    fit_network : bool, default True
        Whether to train the network. Without, its filters stay random, as those of the Broad
        Learning System's own feature nodes are, and `fit` is one pass and one solution.
    vectors : tuple of str, default ()
        Inputs that go round the network: a sample's mean over time of each is joined to the
        representation, and is 0 (the mean of the training samples) where it is missing.
    training : Training or None, default None
        Strategy for the network; None: what `network` says itself.
    random_state : int or None, default None
        Given to the network and to the Broad Learning System where theirs is None.
    device : str or None, default None
        Given to the network where its own is None.

    Attributes
    ----------
    classes_ : ndarray, shape (n_classes,)
    network_ : NetworkClassifier
    broad_ : BroadLearningClassifier
    vector_mean_, vector_scale_ : dict of str to ndarray, shape (d,)
        Of the inputs in `vectors`.
    """

    accepts: ClassVar[str] = "sequences"

    def __init__(
        self,
        *,
        network: NetworkClassifier,
        broad: BroadLearningClassifier | None = None,
        fit_network: bool = True,
        vectors: tuple[str, ...] = (),
        training: Training | None = None,
        random_state: int | None = None,
        device: str | None = None,
    ) -> None:
        self.network = network
        self.broad = broad
        self.fit_network = fit_network
        self.vectors = vectors
        self.training = training
        self.random_state = random_state
        self.device = device

    def _parts(self) -> tuple[NetworkClassifier, BroadLearningClassifier, bool, tuple[str, ...]]:
        """Return the network, the Broad Learning System, whether to train, and the vectors."""
        return self.network, self.broad or BroadLearningClassifier(), self.fit_network, self.vectors

    def fit(
        self,
        X: Any,
        y: Any,
        *,
        lengths: ArrayLike | None = None,
        groups: Sequence[Any] | None = None,
    ) -> Self:
        """Train the network, then solve for the Broad Learning System.

        Parameters
        ----------
        X, y, lengths, groups : as for `NetworkClassifier.fit`
            A sample may lack the network's inputs or its vectors, but not both.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter or an array is impossible.
        """
        network, broad, train, vectors = self._parts()
        network, broad = clone(network), clone(broad)
        for part, name in ((network, "random_state"), (broad, "random_state"), (network, "device")):
            if getattr(part, name) is None:
                part.set_params(**{name: getattr(self, name)})
        if self.training is not None:
            network.set_params(training=clone(self.training))
        samples = read_samples(self, X, lengths, reset=True)
        y = check_labels(y)
        check_consistent_length(samples, y, groups)
        heard = _without(samples, vectors)
        kept = [number for number, sample in enumerate(heard) if sample]
        heard, labels = [heard[number] for number in kept], [y[number] for number in kept]
        if train:
            songs = None if groups is None else [groups[number] for number in kept]
            self.network_ = network.fit(heard, labels, groups=songs)
        else:
            self.network_ = network.draw(heard, labels)
        self._fit_vectors(samples, vectors)
        self.broad_ = broad.fit(self._joined(samples), y)
        self.classes_ = self.broad_.classes_
        return self

    def transform(self, X: Any, *, lengths: ArrayLike | None = None) -> NDArray[np.float32]:
        """Return what the Broad Learning System is given, shape (n_samples, k)."""
        check_is_fitted(self, "network_")
        return self._joined(read_samples(self, X, lengths, reset=False))

    def decision_function(self, X: Any, *, lengths: ArrayLike | None = None) -> NDArray[Any]:
        """Return the ridge outputs, shape (n_samples, n_classes), or (n_samples,) for two."""
        rows = self.transform(X, lengths=lengths)
        outputs: NDArray[Any] = self.broad_.decision_function(rows)
        return outputs

    def predict_proba(self, X: Any, *, lengths: ArrayLike | None = None) -> NDArray[Any]:
        """Return the probability of each class, shape (n_samples, n_classes)."""
        rows = self.transform(X, lengths=lengths)
        shares: NDArray[Any] = self.broad_.predict_proba(rows)
        return shares

    def predict(self, X: Any, *, lengths: ArrayLike | None = None) -> NDArray[Any]:
        """Return the likeliest class of each sample, shape (n_samples,)."""
        rows = self.transform(X, lengths=lengths)
        chosen: NDArray[Any] = self.broad_.predict(rows)
        return chosen

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        # Networks compute in float32, whatever they are given.
        tags.transformer_tags.preserves_dtype = []
        return tags

    @property
    def _n_features_out(self) -> int:
        return int(self.broad_.n_features_in_)

    def _fit_vectors(self, samples: list[Sample], vectors: tuple[str, ...]) -> None:
        self.vector_mean_: dict[str, NDArray[np.float64]] = {}
        self.vector_scale_: dict[str, NDArray[np.float64]] = {}
        for name in vectors:
            present = [sample[name].mean(axis=0) for sample in samples if name in sample]
            if not present:
                continue
            known = np.array(present, dtype=np.float64)
            spread = known.std(axis=0)
            self.vector_mean_[name] = known.mean(axis=0)
            self.vector_scale_[name] = np.where(spread > 0, spread, 1.0)

    def _joined(self, samples: list[Sample]) -> NDArray[np.float32]:
        parts = [self._represented(samples)]
        for name, mean in self.vector_mean_.items():
            rows = np.zeros((len(samples), len(mean)), dtype=np.float32)
            for row, sample in zip(rows, samples):
                if name in sample:
                    if sample[name].shape[1] != len(mean):
                        raise ValueError(
                            f"input {name!r} is {sample[name].shape[1]} wide, "
                            f"but was {len(mean)} in training"
                        )
                    row[:] = (sample[name].mean(axis=0) - mean) / self.vector_scale_[name]
            parts.append(rows)
        return np.concatenate(parts, axis=1)

    def _represented(self, samples: list[Sample]) -> NDArray[np.float32]:
        """Return the network's representation, 0 for samples that lack all its inputs."""
        known = self.network_.widths_.keys()
        has = [bool(known & sample.keys()) for sample in samples]
        for number, (hears, sample) in enumerate(zip(has, samples)):
            if not hears and not self.vector_mean_.keys() & sample.keys():
                raise ValueError(f"sample {number} has none of the inputs of this model")
        width = self.network_._n_features_out
        represented = np.zeros((len(samples), width), dtype=np.float32)
        if any(has):
            heard = [sample for sample, hears in zip(samples, has) if hears]
            represented[has] = self.network_.transform(_without(heard, tuple(self.vector_mean_)))
        return represented

    # --- folders ---------------------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted model to a folder of safetensors and JSON."""
        save_folder(path, *self.to_parts())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a model that `save` wrote; nothing in the folder is run.

        Raises
        ------
        ModelError
            If the folder is damaged or holds something else.
        """
        return cls.from_parts(*load_folder(path, kind=cls.__name__), source=path)

    def to_parts(self) -> Parts:
        """Return what a folder needs: a manifest for JSON, and arrays."""
        check_is_fitted(self, "network_")
        parts, arrays = merge_parts(
            {"network": self.network_.to_parts(), "broad": self.broad_.to_parts()}
        )
        vectors = {
            f"vector_{what}.{name}": values
            for what, known in (("mean", self.vector_mean_), ("scale", self.vector_scale_))
            for name, values in known.items()
        }
        manifest = {
            "kind": type(self).__name__,
            "parameters": parameters_to_json(self.get_params(deep=False)),
            **parts,
        }
        return manifest, {**arrays, **vectors}

    @classmethod
    def from_parts(
        cls, manifest: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], *, source: object
    ) -> Self:
        """Return the model that `to_parts` described; `source` is the folder that errors name.

        Raises
        ------
        ModelError
            If the parameters are impossible, or the parts do not fit together.
        """
        try:
            model = cls(**parameters_from_json(manifest["parameters"], source=source))
            kinds = {part: manifest[part]["kind"] for part in ("network", "broad")}
        except ModelError:
            raise
        except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
            raise ModelError(f"odd parameters: {error}", source=source, stage="manifest") from error
        fitted = {
            part: known_class(kind, source=source).from_parts(
                manifest[part], arrays_of(part, arrays), source=source
            )
            for part, kind in kinds.items()
        }
        model.network_, model.broad_ = fitted["network"], fitted["broad"]
        model.vector_mean_ = arrays_of("vector_mean", arrays)
        model.vector_scale_ = arrays_of("vector_scale", arrays)
        model._check_fit(arrays, source)
        model.classes_ = model.broad_.classes_
        return model

    def _check_fit(self, arrays: Mapping[str, NDArray[Any]], source: object) -> None:
        """Raise ModelError unless the parts that were read belong together."""
        starts = ("network.", "broad.", "vector_mean.", "vector_scale.")
        shapes = {name: mean.shape for name, mean in self.vector_mean_.items()}
        agree = (
            isinstance(self.network_, NetworkClassifier)
            and isinstance(self.broad_, BroadLearningClassifier)
            and all(name.startswith(starts) for name in arrays)
            and shapes == {name: scale.shape for name, scale in self.vector_scale_.items()}
            and all(len(shape) == 1 for shape in shapes.values())
            and all((scale > 0).all() for scale in self.vector_scale_.values())
            and self.network_._n_features_out + sum(shape[0] for shape in shapes.values())
            == self.broad_.n_features_in_
            and np.array_equal(self.network_.classes_, self.broad_.classes_)
        )
        if not agree:
            raise ModelError("its parts do not fit together", source=source, stage="arrays")


def _without(samples: list[Sample], names: tuple[str, ...]) -> list[Sample]:
    return [{n: frames for n, frames in sample.items() if n not in names} for sample in samples]
