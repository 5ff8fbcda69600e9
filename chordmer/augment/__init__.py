"""Label-preserving changes of music, for training and for reports of robustness.

Of symbolic music in `symbolic`, of sound in `audio`; `Augmentation` applies both to whole tracks.
Each name is loaded when first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chordmer.augment.audio import add_noise, shift_pitch, stretch_time, varispeed
    from chordmer.augment.symbolic import (
        change_speed,
        double_octaves,
        excerpt,
        flatten_velocity,
        hold_pedal,
        jitter_onsets,
        noise_velocity,
        quantize_onsets,
        rewrite_tempo,
        scale_velocity,
        spread_tracks,
        thin_texture,
        transpose,
    )
    from chordmer.augment.tracks import Augmentation, Variation

_HOME = {
    "Augmentation": "tracks",
    "Variation": "tracks",
    "add_noise": "audio",
    "change_speed": "symbolic",
    "double_octaves": "symbolic",
    "excerpt": "symbolic",
    "flatten_velocity": "symbolic",
    "hold_pedal": "symbolic",
    "jitter_onsets": "symbolic",
    "noise_velocity": "symbolic",
    "quantize_onsets": "symbolic",
    "rewrite_tempo": "symbolic",
    "scale_velocity": "symbolic",
    "shift_pitch": "audio",
    "spread_tracks": "symbolic",
    "stretch_time": "audio",
    "thin_texture": "symbolic",
    "transpose": "symbolic",
    "varispeed": "audio",
}

__all__ = [
    "Augmentation",
    "Variation",
    "add_noise",
    "change_speed",
    "double_octaves",
    "excerpt",
    "flatten_velocity",
    "hold_pedal",
    "jitter_onsets",
    "noise_velocity",
    "quantize_onsets",
    "rewrite_tempo",
    "scale_velocity",
    "shift_pitch",
    "spread_tracks",
    "stretch_time",
    "thin_texture",
    "transpose",
    "varispeed",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'chordmer.augment' has no attribute {name!r}")
    value = getattr(import_module(f"chordmer.augment.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
