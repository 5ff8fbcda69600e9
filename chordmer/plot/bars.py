"""Bars of what has a name and a number: weights of modalities, reasons of an answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np

from chordmer.plot.theme import Theme, drawing, label, new_figure, theme_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["modality_weights", "plot_explanation", "plot_modality_weights"]

#: More bars than this could not be read.
_MOST = 24


def modality_weights(model: Any) -> dict[str, float]:
    """Return how much each modality counts in a model of late fusion; the weights sum to 1.

    Parameters
    ----------
    model : estimator
        A fitted `LateFusionClassifier` or `LateFusionRegressor`; a `FusionClassifier` or
        `FusionRegressor` with ``fusion="late"``; or an `EmotionRecognizer` that holds one.

    Raises
    ------
    ValueError
        If the model weighs no modalities, as with early fusion; if its weights are stacked, which
        differ from class to class; or if it is not fitted.
    """
    head = getattr(model, "head_", model)
    names = list(getattr(head, "widths_", ()))
    weights = getattr(head, "weights_", None)
    if weights is None and getattr(head, "variant", None) != "stacked":
        weights = _network_weights(head)
    if weights is None or len(weights) != len(names):
        raise ValueError(f"{type(head).__name__} has no weight for each modality")
    return {name: float(weight) for name, weight in zip(names, weights)}


def _network_weights(head: Any) -> list[float] | None:
    """Return the softmax of the weights that a network of late fusion mixes with, or None."""
    held = head.module_.state_dict() if hasattr(head, "module_") else {}
    found = [value for name, value in held.items() if name.endswith("head.log_weights")]
    return [float(share) for share in found[0].softmax(0)] if found else None


def plot_modality_weights(source: Any, *, theme: str = "light") -> Figure:
    """Draw how much each modality counts.

    Parameters
    ----------
    source : estimator, mapping of str to float, or mapping of str to either
        A model as for `modality_weights`; weights by modality; or several of these by name, which
        are drawn beside each other.
    theme : {"light", "dark"}, default "light"

    Returns
    -------
    matplotlib.figure.Figure
        8 inches wide, 10 inches high at most.

    Raises
    ------
    ValueError
        If there is nothing to draw, too much, or a weight is no finite number.

    Examples
    --------
    >>> figure = plot_modality_weights({"audio": 0.7, "lyrics": 0.3})
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['0.70', '0.30']
    """
    look = theme_of(theme)
    series = _series(source)
    names = list(dict.fromkeys(name for weights in series.values() for name in weights))
    _check(names, [weight for weights in series.values() for weight in weights.values()])
    if len(series) > len(look.series):
        raise ValueError(f"{len(series)} models are too many to draw: {len(look.series)} at most")
    thick = 0.8 / len(series)
    with drawing(look):
        figure = new_figure(8, min(1.3 + 0.5 * len(names) * max(1, len(series) / 2), 10))
        axes = figure.add_subplot()
        for i, (model, weights) in enumerate(series.items()):
            places = [names.index(name) + (i + 0.5) * thick - 0.4 for name in weights]
            axes.barh(
                places,
                list(weights.values()),
                0.9 * thick,
                color=look.series[i],
                label=label(model),
            )
            for place, weight in zip(places, weights.values()):
                axes.annotate(
                    f"{weight:.2f}",
                    (max(weight, 0.0), place),
                    xytext=(4, 0),
                    textcoords="offset points",
                    va="center",
                    fontsize=9,
                )
        axes.set_yticks(range(len(names)), [label(name, 24) for name in names])
        axes.tick_params(axis="y", length=0, labelcolor=look.ink, labelsize=10)
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.margins(x=0.1)
        axes.set_xlabel("weight")
        if len(series) > 1:
            axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3)
    return figure


def _series(source: Any) -> dict[str, dict[str, float]]:
    if not isinstance(source, Mapping):
        return {"": modality_weights(source)}
    if all(isinstance(value, (int, float, np.number)) for value in source.values()):
        return {"": {str(name): float(value) for name, value in source.items()}}
    return {str(name): _series(value)[""] for name, value in source.items()}


def plot_explanation(source: Any, *, n: int = 12, theme: str = "light") -> Figure:
    """Draw what speaks for an answer and what against it, the strongest first.

    Parameters
    ----------
    source : Explanation, Attribution, or mapping of str to float
        What `chordmer.explain` found, or any contributions by name.
    n : int, default 12
        Bars at most; up to 24.
    theme : {"light", "dark"}, default "light"

    Returns
    -------
    matplotlib.figure.Figure
        10 inches wide, 19 inches high at most.

    Raises
    ------
    ValueError
        If there is nothing to draw, or a contribution is no finite number.

    Examples
    --------
    >>> figure = plot_explanation({"slow": 0.2, "a minor key": 0.4, "loud": -0.1})
    >>> [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    ['a minor key', 'slow', 'loud']
    """
    look = theme_of(theme)
    if not 1 <= n <= _MOST:
        raise ValueError(f"n must lie between 1 and {_MOST}, not {n}")
    pairs = _pairs(source, n)
    names = [
        fill(label(name, 120), 44, max_lines=3, placeholder="\N{HORIZONTAL ELLIPSIS}")
        for name, _ in pairs
    ]
    effects = [effect for _, effect in pairs]
    _check(names, effects)
    lines = max(name.count("\n") + 1 for name in names) if names else 1
    with drawing(look):
        figure = new_figure(10, 1.5 + len(names) * (0.2 + 0.17 * lines))
        _draw_effects(figure, names, effects, look)
        target = getattr(source, "target", getattr(source, "score", None))
        told = "the answer" if target is None else label(target)
        axes = figure.axes[0]
        axes.set_title(f"What speaks for {told}, and what against it", loc="left")
        axes.set_xlabel("against \N{LEFTWARDS ARROW} contribution \N{RIGHTWARDS ARROW} for")
    return figure


def _pairs(source: Any, n: int) -> list[tuple[str, float]]:
    if isinstance(source, Mapping):
        ordered = sorted(source.items(), key=lambda pair: -abs(pair[1]))
        return [(str(name), float(value)) for name, value in ordered[:n]]
    if hasattr(source, "reasons"):
        # As many as there is room for, but not of one kind alone.
        found = source.strongest(n, of_a_kind=max(2, n // 3))
        return [(str(reason), float(reason.effect)) for reason in found]
    return [(str(name), float(value)) for name, value in source.strongest(n)]


def _draw_effects(
    figure: Figure, names: Sequence[str], effects: Sequence[float], theme: Theme
) -> None:
    axes = figure.add_subplot()
    colors = [theme.series[0] if effect >= 0 else theme.series[1] for effect in effects]
    axes.barh(range(len(names)), effects, 0.7, color=colors)
    for place, effect in enumerate(effects):
        axes.annotate(
            f"{effect:+.3f}".replace("-", "\N{MINUS SIGN}"),
            (effect, place),
            xytext=(4 if effect >= 0 else -4, 0),
            textcoords="offset points",
            ha="left" if effect >= 0 else "right",
            va="center",
            fontsize=9,
        )
    axes.axvline(0, color=theme.muted, linewidth=0.8)
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(axis="y", length=0, labelcolor=theme.ink, labelsize=10)
    axes.invert_yaxis()
    axes.margins(x=0.18)
    axes.spines["left"].set_visible(False)


def _check(names: Sequence[str], values: Sequence[float]) -> None:
    if not names or len(names) > _MOST:
        raise ValueError(f"there should be 1 to {_MOST} names to draw, not {len(names)}")
    if not np.isfinite(values).all():
        raise ValueError("a number to draw is not finite")
