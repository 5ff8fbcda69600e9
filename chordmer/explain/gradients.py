"""Integrated gradients of the torch networks, through captum."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from chordmer.errors import ChordmerError, MissingExtraError
from chordmer.explain.explanation import Attribution, Part
from chordmer.explain.passages import Opened
from chordmer.explain.trained import Trained, columns_of
from chordmer.models.sequences import as_samples, pad

__all__ = ["integrated_gradients"]

#: Steps of the integral: doubled from the first to the last until it is exact enough.
_STEPS = (32, 64, 128, 256, 512)
#: Steps whose inputs are in memory at once.
_AT_ONCE = 8
#: Exact enough: so much of the change in the score, or of a score of 1.
_TOLERANCE = 0.01


def integrated_gradients(judge: Trained, opened: Opened, target: str) -> Attribution:
    """Return what each number of each frame adds to a network's score.

    The gradient of the score is summed along the straight way from the average input, every frame
    of which is the mean over training, to the piece (M. Sundararajan, A. Taly, Q. Yan, "Axiomatic
    attribution for deep networks", 2017). The method promises that contributions sum to the score
    of the piece less that of the average (completeness); `Attribution.error` is how far the sum of
    finitely many steps is from that. Steps are doubled from 32 up to 512 until it is below 1 %.

    The score of a class is its logit before the model's calibration, that of a dimension its value.
    Of a Broad Learning System on a network it is the ridge output, through both.

    Parameters
    ----------
    judge : Trained
    opened : Opened
    target : str
        A label or a dimension of the model itself.

    Raises
    ------
    MissingExtraError
        If captum is not installed.
    ChordmerError
        If the model is no network, or `target` none of its own outputs.
    """
    try:
        from captum.attr import IntegratedGradients
    except ModuleNotFoundError as error:
        raise MissingExtraError.of("captum", "explain") from error
    head = judge.model.head_
    if not (hasattr(head, "module_") or hasattr(head, "network_")):
        raise ChordmerError(
            "integrated gradients need a torch network; occlusion explains any model",
            stage="explain",
            value=type(head).__name__,
        )
    if target not in judge.own:
        raise ChordmerError(
            f"gradients are of the model's own outputs: {', '.join(judge.own)}",
            stage="explain",
            value=target,
        )
    score = _Score(head, judge.own.index(target))
    heard = judge.heard(opened)
    names = [name for name in score.names if name in heard]
    padded, lengths = pad(as_samples([heard]), score.widths)
    score.lengths = {name: torch.from_numpy(counts) for name, counts in lengths.items()}
    score.missing = {n: torch.from_numpy(padded[n]) for n in score.names if n not in names}
    score.present = names
    inputs = tuple(torch.from_numpy(padded[name]) for name in names)
    averages = tuple(score.average(judge, name, x) for name, x in zip(names, inputs))
    with torch.no_grad():
        answer, baseline = (float(score(*side)) for side in (inputs, averages))
    method = IntegratedGradients(score)
    enough = _TOLERANCE * max(abs(answer - baseline), _TOLERANCE)
    for steps in _STEPS:
        found = method.attribute(
            inputs, averages, n_steps=steps, internal_batch_size=_AT_ONCE * len(inputs)
        )
        total = float(sum(part.sum(dtype=torch.float64) for part in found))
        if abs(total - (answer - baseline)) <= enough:
            break
    extractors = dict(judge.model.hearing_.extractors)
    vectors = judge.model.hearing_.vectors
    parts = []
    for name, values in zip(names, found):
        columns = tuple(columns_of(extractors[name], values.shape[-1]))
        rows = values[0].detach().numpy().astype(np.float64)
        times = np.zeros(0)
        if name in vectors:
            rows = rows.sum(axis=0)
        else:
            times = extractors[name].frames(opened.whole()).times[: len(rows)]
        parts.append(Part(name, rows, columns, times))
    kind = "logit" if hasattr(head, "module_") else "ridge output"
    labelled = hasattr(judge.model, "classes_")
    told = f"{kind} of {target}" if labelled else target
    return Attribution("integrated gradients", told, answer, baseline, tuple(parts), promises=True)


class _Score(nn.Module):
    """One output of a fitted network, as a function of the inputs that are present."""

    def __init__(self, head: Any, output: int) -> None:
        super().__init__()
        network = getattr(head, "network_", head)
        self.module = network.module_.cpu().eval()
        self.broad = getattr(head, "broad_", None)
        self.vectors: dict[str, tuple[Tensor, Tensor]] = {}
        self.widths = dict(network.widths_)
        self.output = output
        self.scale = float(getattr(head, "target_scale_", np.ones(output + 1))[output])
        self.shift = float(getattr(head, "target_mean_", np.zeros(output + 1))[output])
        if self.broad is not None:
            for name, mean in head.vector_mean_.items():
                sides = (mean, head.vector_scale_[name])
                self.vectors[name] = tuple(map(torch.from_numpy, sides))  # type: ignore[assignment]
                self.widths[name] = len(mean)
        self.network_names = tuple(network.widths_)
        self.names = tuple(self.widths)
        self.present: list[str] = []
        self.lengths: dict[str, Tensor] = {}
        self.missing: dict[str, Tensor] = {}

    def average(self, judge: Trained, name: str, like: Tensor) -> Tensor:
        """Return an input of which every frame is the mean in training."""
        mean = judge.typical(name)
        assert mean is not None
        return torch.from_numpy(mean.astype(np.float32)).expand_as(like).contiguous()

    def forward(self, *given: Tensor) -> Tensor:
        """Return the score, shape (batch,)."""
        n = len(given[0])
        inputs = dict(zip(self.present, given))
        inputs |= {name: x.expand(n, -1, -1) for name, x in self.missing.items()}
        lengths = {name: counts.expand(n) for name, counts in self.lengths.items()}
        own = {name: inputs[name] for name in self.network_names}
        counts = {name: lengths[name] for name in self.network_names}
        if self.broad is None:
            outputs: Tensor = self.module(own, counts)
            return outputs[:, self.output] * self.scale + self.shift
        columns = [self.module.represent(own, counts).double()]
        if not any(bool(count.any()) for count in counts.values()):
            columns[0] = torch.zeros_like(columns[0])
        for name, (mean, scale) in self.vectors.items():
            standard = (inputs[name].double().mean(dim=1) - mean) / scale
            columns.append(standard if name in self.present else torch.zeros_like(standard))
        return self._broad_output(torch.cat(columns, dim=1))

    def _broad_output(self, X: Tensor) -> Tensor:
        broad: Any = self.broad
        mean, scale, maps, more, bias, coef, intercept = (
            torch.from_numpy(np.asarray(getattr(broad, f"{name}_"), dtype=np.float64))
            for name in (
                "mean",
                "scale",
                "feature_weights",
                "enhancement_weights",
                "enhancement_bias",
                "coef",
                "intercept",
            )
        )
        features = (X - mean) / scale @ maps
        nodes = torch.cat([features, torch.tanh(features @ more + bias)], dim=1)
        return nodes @ coef[:, self.output] + intercept[self.output]
