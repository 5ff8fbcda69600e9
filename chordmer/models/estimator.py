"""What a network is to scikit-learn: samples in, representations out, safe folders."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import nn

from chordmer.folder import load_folder, save_folder
from chordmer.models.saved import Parts, describe, rebuild
from chordmer.models.sequences import Sample, as_samples, frame_moments, pad, widths_of
from chordmer.models.standardised import Standardised
from chordmer.models.training import Training, device_of, train

__all__ = ["Network", "read_samples"]


class Network(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """What classifiers and regressors have in common; a network adds `_build` and its parameters.

    A subclass has the parameters `training`, `random_state` and `device` besides its own.
    """

    #: What the recogniser gives: a list of mappings from input name to frames.
    accepts: ClassVar[str] = "sequences"

    #: The paper's training strategy, used where `training` is None.
    _recipe: ClassVar[Mapping[str, Any]] = {}

    training: Training | None
    random_state: int | np.random.RandomState | None
    device: str | None
    widths_: dict[str, int]
    module_: Standardised

    def _check_parameters(self) -> None:
        """Raise ValueError if a parameter is impossible; called before `_build`."""

    def _build(self, widths: dict[str, int], n_outputs: int) -> nn.Module:
        """Return the network for inputs of these widths, with `represent` and `head`."""
        raise NotImplementedError

    def _strategy(self) -> Training:
        strategy = Training(**self._recipe) if self.training is None else self.training
        strategy.check()
        return strategy

    def _samples(self, X: Any, lengths: ArrayLike | None, *, reset: bool) -> list[Sample]:
        samples = read_samples(self, X, lengths, reset=reset)
        widths = widths_of(samples)
        if reset:
            self.widths_ = widths
            return samples
        for name, width in widths.items():
            if self.widths_.get(name, width) != width:
                raise ValueError(
                    f"input {name!r} is {width} wide, but was {self.widths_[name]} in training"
                )
        known = self.widths_.keys()
        for number, sample in enumerate(samples):
            if not known & sample.keys():
                raise ValueError(
                    f"sample {number} has none of the inputs {sorted(known)}: {sorted(sample)}"
                )
        return samples

    def _train(
        self,
        samples: list[Sample],
        targets: NDArray[Any],
        n_outputs: int,
        weights: NDArray[np.float64] | None,
        groups: Sequence[Any] | None,
        strategy: Training | None,
    ) -> None:
        """Build the network and train it; without a strategy leave its weights as drawn."""
        random = check_random_state(self.random_state)
        seed = int(random.randint(np.iinfo(np.int32).max))
        device = device_of(self.device)
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(seed)
            network = self._build(dict(self.widths_), n_outputs)
            mean, scale = map(torch.from_numpy, frame_moments(samples, self.widths_))
            self.module_ = Standardised(network, self.widths_, mean, scale)
            self.history_ = []
            if strategy is None:
                self._settle(samples)
            else:
                self.history_ = train(
                    self.module_,
                    samples,
                    targets,
                    widths=self.widths_,
                    training=strategy,
                    device=device,
                    random=random,
                    weights=weights,
                    groups=groups,
                )
        self._note_size()

    def _note_size(self) -> None:
        self.module_.eval()
        self.n_parameters_ = sum(weights.numel() for weights in self.module_.parameters())

    def _settle(self, samples: list[Sample]) -> None:
        """Let normalisation layers take their statistics from one pass over the samples."""
        self.module_.train()
        layers: list[Any] = [
            part for part in self.module_.modules() if hasattr(part, "running_mean")
        ]
        momenta = [part.momentum for part in layers]
        for part in layers:
            # None makes the running statistics the mean over all batches.
            part.momentum = None
        self._forward(samples, represent=True)
        for part, momentum in zip(layers, momenta):
            part.momentum = momentum

    def _run(self, X: Any, lengths: ArrayLike | None, *, represent: bool) -> NDArray[np.float32]:
        check_is_fitted(self, "module_")
        samples = self._samples(X, lengths, reset=False)
        self.module_.eval()
        return self._forward(samples, represent=represent)

    def _forward(self, samples: list[Sample], *, represent: bool) -> NDArray[np.float32]:
        device = device_of(self.device)
        self.module_.to(device)
        forward = self.module_.represent if represent else self.module_
        # Sequences of like length share a batch, so that little of it is padding.
        order = np.argsort([max(map(len, sample.values())) for sample in samples], kind="stable")
        size = self._strategy().batch_size
        outputs: list[NDArray[np.float32]] = []
        with torch.inference_mode():
            for start in range(0, len(order), size):
                batch = [samples[i] for i in order[start : start + size]]
                padded = pad(batch, self.widths_)
                inputs, counts = (
                    {name: torch.from_numpy(part).to(device) for name, part in side.items()}
                    for side in padded
                )
                outputs.append(forward(inputs, counts).float().cpu().numpy())
        result = np.empty((len(samples), outputs[0].shape[1]), dtype=np.float32)
        result[order] = np.concatenate(outputs)
        return result

    def transform(self, X: Any, *, lengths: ArrayLike | None = None) -> NDArray[np.float32]:
        """Return the representation before the output layer.

        Parameters
        ----------
        X : as for `fit`
        lengths : array_like of int, shape (n_samples,), optional

        Returns
        -------
        ndarray of float32, shape (n_samples, k)
        """
        return self._run(X, lengths, represent=True)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        # Networks compute in float32, whatever they are given.
        tags.transformer_tags.preserves_dtype = []
        return tags

    @property
    def _n_features_out(self) -> int:
        blank = [{name: np.zeros((1, width)) for name, width in self.widths_.items()}]
        return int(self._run(blank, None, represent=True).shape[1])

    # --- folders ---------------------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted model to a folder of safetensors and JSON.

        Raises
        ------
        ModelError
            If `path` is taken by something that is not a model.
        """
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
        check_is_fitted(self, "module_")
        manifest, arrays = describe(self)
        return {**manifest, "outputs": self._outputs_to_json()}, {**arrays, **self._output_arrays()}

    @classmethod
    def from_parts(
        cls, manifest: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], *, source: object
    ) -> Self:
        """Return the model that `to_parts` described; `source` is the folder that errors name.

        Raises
        ------
        ModelError
            If the parameters are impossible, or the arrays are not those of such a network.
        """
        model: Self = rebuild(cls, manifest, arrays, source=source)
        model._note_size()
        return model

    def _outputs_to_json(self) -> Any:
        raise NotImplementedError

    def _outputs_from_json(self, outputs: Any, arrays: dict[str, NDArray[Any]]) -> int:
        """Set what describes the outputs, taking its own `arrays` out; return how many."""
        raise NotImplementedError

    def _output_arrays(self) -> dict[str, NDArray[Any]]:
        return {}


def read_samples(
    estimator: BaseEstimator, X: Any, lengths: ArrayLike | None, *, reset: bool
) -> list[Sample]:
    """Return `X` as samples, with scikit-learn's own checks and messages for what is an array.

    Parameters
    ----------
    estimator : BaseEstimator
        Remembers the columns of an array when `reset`, and wants the same ones when not.
    X, lengths : as for `chordmer.models.sequences.as_samples`
    reset : bool
        Whether this is training, which wants two samples.

    Raises
    ------
    ValueError
        If there are too few samples, or one of them is impossible.
    """
    if lengths is None and not _is_list_of_samples(X):
        X = validate_data(estimator, X, reset=reset, dtype=np.float32, allow_nd=True)
        if X.ndim > 3:
            raise ValueError(f"X should be (n, d) or (n, t, d), not {X.shape}")
    samples = as_samples(X, lengths)
    if len(samples) < (2 if reset else 1):
        raise ValueError(f"n_samples={len(samples)}; too few: training wants 2, prediction 1")
    return samples


def _is_list_of_samples(X: Any) -> bool:
    """Whether `X` is a list of mappings, or of arrays (t, d) of any t."""
    if isinstance(X, Mapping) and not issparse(X):
        return True
    if not isinstance(X, (list, tuple)):
        return False
    return not X or isinstance(X[0], Mapping) or getattr(X[0], "ndim", 0) == 2
