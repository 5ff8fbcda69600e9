"""How a network is trained: one strategy for all of them, run by skorch."""

from __future__ import annotations

import numbers
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.class_weight import compute_class_weight
from skorch import NeuralNet
from skorch.callbacks import Callback, EarlyStopping, GradientNormClipping, LRScheduler
from skorch.helper import predefined_split
from torch import Tensor, nn
from torch.utils.data import Dataset
from tqdm import tqdm

from chordmer.models.sequences import Sample, pad

__all__ = ["Training", "device_of", "hold_out", "train"]

_SCHEDULES = ("step", "cosine", "plateau", "constant")


class Training(BaseEstimator):
    """The strategy of a training run; networks take it as their parameter `training`.

    Parameters
    ----------
    batch_size : int, default 64
        As in the MULTISPEC-DNN paper's comparison.
    max_epochs : int, default 100
    learning_rate : float, default 1e-3
        Of Adam.
    lr_schedule : {"step", "cosine", "plateau", "constant"}, default "step"
        "step" multiplies the rate by `lr_decay` every `lr_step` epochs; "cosine" falls to 0 over
        `max_epochs`; "plateau" multiplies by `lr_decay` when the validation loss (the training
        loss where there is none) has not fallen for ``patience // 2`` epochs.
    lr_decay : float, default 0.9
        Ten per cent less, as the CNN-LSTM paper has it.
    lr_step : int, default 10
    weight_decay : float, default 0.0
        L2 penalty in Adam.
    patience : int or None, default 5
        Stop when the validation loss has not fallen for so many epochs, and go back to the best
        weights. None trains all `max_epochs`.
    validation : float, default 0.1
        Share of the samples held out to decide when to stop, whole groups of them where groups are
        given, in proportion of the classes. 0 holds out nothing, and so stops at `max_epochs`. No
        class loses its last training sample to it; with too few samples nothing is held out.
    class_weight : "balanced", dict or None, default None
        Weight of each class in the loss, by its label.
    clip : float or None, default 5.0
        Largest norm of the gradient; recurrent networks want one.
    verbose : int, default 0
        1 shows a progress bar over the epochs, with the losses; 2 a line an epoch.

    Examples
    --------
    >>> Training(max_epochs=20).get_params()["learning_rate"]
    0.001
    """

    def __init__(
        self,
        *,
        batch_size: int = 64,
        max_epochs: int = 100,
        learning_rate: float = 1e-3,
        lr_schedule: str = "step",
        lr_decay: float = 0.9,
        lr_step: int = 10,
        weight_decay: float = 0.0,
        patience: int | None = 5,
        validation: float = 0.1,
        class_weight: Any = None,
        clip: float | None = 5.0,
        verbose: int = 0,
    ) -> None:
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.learning_rate = learning_rate
        self.lr_schedule = lr_schedule
        self.lr_decay = lr_decay
        self.lr_step = lr_step
        self.weight_decay = weight_decay
        self.patience = patience
        self.validation = validation
        self.class_weight = class_weight
        self.clip = clip
        self.verbose = verbose

    def check(self) -> None:
        """Raise ValueError if the strategy is impossible."""
        value: Any
        for name in ("batch_size", "max_epochs", "lr_step", "patience"):
            value = getattr(self, name)
            if name == "patience" and value is None:
                continue
            if not _is_number(value, numbers.Integral) or value < 1:
                raise ValueError(f"{name} must be a whole number of 1 or more, not {value!r}")
        bounds = {"learning_rate": 10.0, "lr_decay": 1.0, "weight_decay": 1e6, "clip": 1e9}
        for name, most in bounds.items():
            value = getattr(self, name)
            if name == "clip" and value is None:
                continue
            if not (_is_number(value, numbers.Real) and 0 <= value <= most):
                raise ValueError(f"{name} must lie between 0 and {most:g}, not {value!r}")
        if not (_is_number(self.validation, numbers.Real) and 0 <= self.validation < 1):
            raise ValueError(f"validation must lie in [0, 1), not {self.validation!r}")
        if self.lr_schedule not in _SCHEDULES:
            raise ValueError(f"lr_schedule must be one of {_SCHEDULES}, not {self.lr_schedule!r}")
        if self.class_weight not in (None, "balanced") and not isinstance(
            self.class_weight, Mapping
        ):
            raise ValueError(
                f"class_weight must be 'balanced' or a dict, not {self.class_weight!r}"
            )


def device_of(device: str | None) -> torch.device:
    """Return the device that is named, or the GPU when there is one."""
    return torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))


def hold_out(
    n_samples: int,
    share: float,
    random: np.random.RandomState,
    *,
    codes: NDArray[np.intp] | None = None,
    groups: Sequence[Any] | None = None,
) -> NDArray[np.bool_]:
    """Return which samples to hold out, whole groups and in proportion of the classes.

    Parameters
    ----------
    n_samples : int
    share : float
        Of the samples; at most that much is held out.
    random : RandomState
    codes : ndarray of int, shape (n_samples,), optional
        The class of each sample, as 0, 1, ...
    groups : sequence, length n_samples, optional
        What must stay together. Default: every sample for itself.

    Returns
    -------
    ndarray of bool, shape (n_samples,)
        No class is True throughout.
    """
    codes = np.zeros(n_samples, dtype=np.intp) if codes is None else codes
    _, of = np.unique(np.arange(n_samples) if groups is None else groups, return_inverse=True)
    counts = np.zeros((of.max() + 1, codes.max() + 1), dtype=np.intp)
    np.add.at(counts, (of, codes), 1)
    main = counts.argmax(axis=1)
    # The groups of each class in random order, their turns spread evenly over the whole queue.
    order = random.permutation(len(counts))
    turn = np.empty(len(counts))
    for code in np.unique(main):
        own = order[main[order] == code]
        turn[own] = (np.arange(len(own)) + random.uniform()) / len(own)
    left, room = counts.sum(axis=0), share * n_samples
    held = np.zeros(len(counts), dtype=bool)
    for group in np.argsort(turn, kind="stable"):
        size = counts[group].sum()
        if size <= room and (left - counts[group] > 0)[counts[group] > 0].all():
            held[group] = True
            left = left - counts[group]
            room -= size
    chosen: NDArray[np.bool_] = held[of]
    return chosen


def train(
    network: nn.Module,
    samples: Sequence[Sample],
    targets: NDArray[Any],
    *,
    widths: Mapping[str, int],
    training: Training,
    device: torch.device,
    random: np.random.RandomState,
    weights: NDArray[np.float64] | None = None,
    groups: Sequence[Any] | None = None,
) -> list[dict[str, float]]:
    """Train `network` in place; return what each epoch brought.

    Parameters
    ----------
    network : nn.Module
        Takes ``inputs`` and ``lengths``, as `chordmer.models.sequences.pad` makes them.
    samples : sequence of Sample, n of them
    targets : ndarray
        Class codes, int64 of shape (n,), for which the loss is cross-entropy; or float32 of shape
        (n, k), for which it is the mean squared error.
    widths : mapping of str to int
    training : Training
    device : torch.device
    random : RandomState
        Draws the samples held out. Weights, dropout and the order of batches draw from torch's
        global generator, which the caller seeds.
    weights : ndarray, shape (n,), optional
        Of the samples in the loss.
    groups : sequence, length n, optional

    Returns
    -------
    list of dict
        ``epoch``, ``train_loss``, ``valid_loss`` (where samples were held out) and ``seconds``.
    """
    classify = targets.dtype.kind == "i"
    weights = np.ones(len(samples)) if weights is None else weights
    if classify and training.class_weight is not None:
        weights = weights * _class_weights(training.class_weight, targets)
    held = np.zeros(len(samples), dtype=bool)
    if training.patience is not None and training.validation > 0:
        codes = targets if classify else None
        held = hold_out(len(samples), training.validation, random, codes=codes, groups=groups)
        # Samples of no weight cannot say when to stop.
        held &= held.any() and weights[held].sum() > 0 and weights[~held].sum() > 0
    data = _Data(samples, targets, weights)
    n_trained = int((~held).sum())
    net = _Net(
        module=network,
        criterion=nn.CrossEntropyLoss if classify else nn.MSELoss,
        criterion__reduction="none",
        optimizer=torch.optim.Adam,
        optimizer__lr=training.learning_rate,
        optimizer__weight_decay=training.weight_decay,
        max_epochs=training.max_epochs,
        batch_size=training.batch_size,
        iterator_train__shuffle=True,
        # Batch normalisation cannot learn from a batch of one.
        iterator_train__drop_last=n_trained % training.batch_size == 1 < n_trained,
        iterator_train__collate_fn=_Collate(widths),
        iterator_valid__collate_fn=_Collate(widths),
        train_split=predefined_split(data.part(held)) if held.any() else None,
        callbacks=_callbacks(training, validated=bool(held.any())),
        device=device,
        verbose=int(training.verbose > 1),
    )
    net.fit(data.part(~held), y=None)
    network.eval()
    return [
        {
            "epoch": row["epoch"],
            "train_loss": float(row["train_loss"]),
            **({"valid_loss": float(row["valid_loss"])} if held.any() else {}),
            "seconds": float(row["dur"]),
        }
        for row in net.history
    ]


def _is_number(value: Any, kind: type) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def _class_weights(wanted: Any, codes: NDArray[Any]) -> NDArray[np.float64]:
    """Return the weight of each sample; a dict goes by class code here."""
    present = np.unique(codes)
    by_class = compute_class_weight(wanted, classes=present, y=codes)
    weights: NDArray[np.float64] = by_class[np.searchsorted(present, codes)]
    return weights


def _callbacks(training: Training, *, validated: bool) -> list[tuple[str, Callback]]:
    callbacks: list[tuple[str, Callback]] = []
    if training.clip is not None:
        callbacks.append(("clip", GradientNormClipping(training.clip)))
    if validated:
        stop = EarlyStopping(patience=training.patience, load_best=True, sink=_say_nothing)
        callbacks.append(("stop", stop))
    settings: dict[str, Any] = {
        "step": {
            "policy": "StepLR",
            "step_size": training.lr_step,
            "gamma": training.lr_decay,
        },
        "cosine": {"policy": "CosineAnnealingLR", "T_max": training.max_epochs},
        "plateau": {
            "policy": "ReduceLROnPlateau",
            "monitor": "valid_loss" if validated else "train_loss",
            "factor": min(training.lr_decay, 1 - 1e-9),
            "patience": (training.patience or 10) // 2,
        },
    }
    if training.lr_schedule != "constant":
        callbacks.append(("rate", LRScheduler(**settings[training.lr_schedule])))
    if training.verbose == 1:
        callbacks.append(("progress", _Progress(training.max_epochs)))
    return callbacks


def _say_nothing(*_: Any) -> None:
    pass


class _Progress(Callback):
    """One bar for the whole run; skorch's own starts again with every epoch."""

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs

    def on_train_begin(self, net: NeuralNet, **_: Any) -> None:
        self.bar = tqdm(total=self.epochs, unit="epoch")

    def on_epoch_end(self, net: NeuralNet, **_: Any) -> None:
        row = net.history[-1]
        losses = {name: row[name] for name in ("train_loss", "valid_loss") if name in row}
        self.bar.set_postfix({name: f"{loss:.4g}" for name, loss in losses.items()})
        self.bar.update()

    def on_train_end(self, net: NeuralNet, **_: Any) -> None:
        self.bar.close()


class _Data(Dataset[tuple[Sample, tuple[Any, float]]]):
    def __init__(
        self, samples: Sequence[Sample], targets: NDArray[Any], weights: NDArray[np.float64]
    ) -> None:
        self.samples, self.targets, self.weights = samples, targets, weights

    def part(self, chosen: NDArray[np.bool_]) -> _Data:
        rows = np.flatnonzero(chosen).tolist()
        return _Data([self.samples[i] for i in rows], self.targets[rows], self.weights[rows])

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Sample, tuple[Any, float]]:
        return self.samples[index], (self.targets[index], self.weights[index])


class _Collate:
    """Pads the samples of a batch, and of that batch only."""

    def __init__(self, widths: Mapping[str, int]) -> None:
        self.widths = dict(widths)

    def __call__(self, batch: list[tuple[Sample, tuple[Any, float]]]) -> Any:
        samples, truths = zip(*batch)
        inputs, lengths = pad(samples, self.widths)
        X = {
            "inputs": {name: torch.from_numpy(values) for name, values in inputs.items()},
            "lengths": {name: torch.from_numpy(values) for name, values in lengths.items()},
        }
        targets, weights = zip(*truths)
        return X, {
            "targets": torch.from_numpy(np.array(targets)),
            "weights": torch.tensor(weights, dtype=torch.float32),
        }


class _Net(NeuralNet):
    """skorch's loop, with a weight for every sample."""

    def get_loss(
        self, y_pred: Tensor, y_true: dict[str, Tensor], X: Any = None, training: bool = False
    ) -> Tensor:
        targets, weights = (y_true[key].to(y_pred.device) for key in ("targets", "weights"))
        losses: Tensor = self.criterion_(y_pred, targets)
        if losses.ndim > 1:
            losses = losses.mean(dim=1)
        return (losses * weights).sum() / weights.sum().clamp_min(1e-12)
