"""Key and mode: which tonic, how major, how surely, and what stands on each of its degrees."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chordmer.features.harte import DEGREES
from chordmer.features.key import MAJOR_PROFILE, MINOR_PROFILE, Key, key_of_profile
from chordmer.features.summary import entropy, mean, quantiles, ratio, share, spread, unit
from chordmer.features.texture import HOLD, Texture

__all__ = [
    "PROFILE",
    "TONALITY",
    "correlations",
    "find_key",
    "pitch_classes",
    "profile",
    "signature",
    "tonality",
]

Floats = NDArray[np.float64]

TONALITY = {
    "mode_strength": ("-2 to 2", "correlation with the best major key less the best minor key"),
    "mode_parallel": ("-2 to 2", "major less minor correlation on the tonic"),
    "mode_third": ("-1 to 1", "time on the tonic's major third less its minor, over their sum"),
    "mode_sixth": ("-1 to 1", "the same of the sixths"),
    "mode_seventh": ("-1 to 1", "the same of the sevenths"),
    "mode_melody_third": ("-1 to 1", "the same of the thirds, by notes of the highest line"),
    "mode_local_mean": ("-2 to 2", "mode strength in windows of 4 s, mean"),
    "mode_local_low": ("-2 to 2", "mode strength in windows of 4 s, 10 % quantile"),
    "mode_local_high": ("-2 to 2", "mode strength in windows of 4 s, 90 % quantile"),
    "mode_local_share": ("share", "windows of 4 s that are major rather than minor"),
    "mode_local_spread": ("-2 to 2", "mode strength in windows of 4 s, standard deviation"),
    "key_clarity": ("-1 to 1", "correlation with the best key"),
    "key_margin": ("-2 to 2", "that less the correlation with the best key of another signature"),
    "key_major": ("-1 to 1", "correlation with the best major key"),
    "key_minor": ("-1 to 1", "correlation with the best minor key"),
    "key_diatonic": ("share", "time within the key's diatonic collection"),
    "key_entropy": ("0 to 1", "entropy of the pitch classes"),
    "key_local_clarity": ("-1 to 1", "correlation with the best key of each window of 4 s, mean"),
    "key_local_change": (
        "0 to 2",
        "one less the correlation of successive windows' key correlations",
    ),
    "key_local_diatonic": ("share", "time within the best collection of each window of 4 s, mean"),
    "key_local_entropy": ("0 to 1", "entropy of the pitch classes of each window of 4 s, mean"),
    **{
        f"fourier_{k}": ("0 to 1", f"magnitude of Fourier coefficient {k} of the pitch classes")
        for k in range(1, 7)
    },
}

PROFILE = {f"profile_{d}": ("share", f"time on degree {d} of the tonic") for d in DEGREES}


def _standard(x: Floats) -> Floats:
    """Return the rows of `x` with zero mean and unit norm; constant rows become 0."""
    x = x - x.mean(axis=-1, keepdims=True)
    norm = np.sqrt((x * x).sum(axis=-1, keepdims=True))
    standard: Floats = x / np.where(norm > 1e-12, norm, np.inf)
    return standard


_KEYS = _standard(
    np.array([np.roll(mode, k) for mode in (MAJOR_PROFILE, MINOR_PROFILE) for k in range(12)])
)
_WHITE = np.isin(np.arange(12), (0, 2, 4, 5, 7, 9, 11)).astype(np.float64)
_COLLECTIONS = np.array([np.roll(_WHITE, k) for k in range(12)])


def correlations(chroma: Floats) -> Floats:
    """Return the correlations of pitch-class weights with the 12 major, then the 12 minor keys.

    Parameters
    ----------
    chroma : ndarray of float64, shape (..., 12)

    Returns
    -------
    ndarray of float64, shape (..., 24)
        0 where the weights are all alike.
    """
    found: Floats = _standard(chroma) @ _KEYS.T
    return found


def pitch_classes(texture: Texture) -> Floats:
    """Return the seconds that each pitch class is held, `HOLD` a note at most, shape (12,)."""
    held = np.minimum(texture.duration, HOLD)
    return np.bincount(texture.pitch % 12, weights=held, minlength=12).astype(np.float64)


def find_key(texture: Texture) -> Key:
    """Return the key whose profile correlates best with the piece's pitch classes."""
    last = int(texture.pitch[-1]) % 12 if len(texture.pitch) else 0
    return key_of_profile(pitch_classes(texture), last)


def signature(key: Key) -> int:
    """Return the tonic of the major key that has the signature of `key`."""
    return (key.tonic + 3) % 12 if key.mode == "minor" else key.tonic


def tonality(texture: Texture) -> dict[str, float]:
    """Return the descriptors of `TONALITY`."""
    whole = pitch_classes(texture)
    key = find_key(texture)
    home = signature(key)
    r = key.correlations
    major, minor = float(r[:12].max()), float(r[12:].max())
    by_signature = np.maximum(r[:12], np.roll(r[12:], 3))
    on = np.roll(whole, -key.tonic)
    sung = np.bincount((texture.melody - key.tonic) % 12, minlength=12)
    return {
        "mode_strength": major - minor,
        "mode_parallel": float(r[key.tonic] - r[12 + key.tonic]),
        "mode_third": _balance(on[4], on[3]),
        "mode_sixth": _balance(on[9], on[8]),
        "mode_seventh": _balance(on[11], on[10]),
        "mode_melody_third": _balance(sung[4], sung[3]),
        **_local_mode(texture),
        "key_clarity": max(major, minor),
        "key_margin": float(by_signature[home] - np.delete(by_signature, home).max()),
        "key_major": major,
        "key_minor": minor,
        "key_diatonic": ratio(float(whole @ _COLLECTIONS[home]), float(whole.sum())),
        "key_entropy": entropy(whole),
        **_local_key(texture),
        **{f"fourier_{k}": float(m) for k, m in enumerate(np.abs(np.fft.rfft(unit(whole)))[1:], 1)},
    }


def _balance(major: float, minor: float) -> float:
    return ratio(float(major - minor), float(major + minor))


def _local_mode(texture: Texture) -> dict[str, float]:
    r = correlations(texture.phrases)
    mode = r[:, :12].max(axis=1) - r[:, 12:].max(axis=1)
    low, high = quantiles(mode, (0.1, 0.9))
    return {
        "mode_local_mean": mean(mode),
        "mode_local_low": low,
        "mode_local_high": high,
        "mode_local_share": share(mode > 0),
        "mode_local_spread": spread(mode),
    }


def _local_key(texture: Texture) -> dict[str, float]:
    r = correlations(texture.phrases)
    shape = _standard(r)
    p = texture.phrases / texture.phrases.sum(axis=1, keepdims=True)
    surprise = -(p * np.log(np.maximum(p, 1e-12))).sum(axis=1) / np.log(12)
    return {
        "key_local_clarity": mean(r.max(axis=1)),
        "key_local_change": mean(1 - (shape[1:] * shape[:-1]).sum(axis=1)),
        "key_local_diatonic": mean((p @ _COLLECTIONS.T).max(axis=1)),
        "key_local_entropy": mean(surprise),
    }


def profile(texture: Texture) -> dict[str, float]:
    """Return the descriptors of `PROFILE`."""
    on = unit(np.roll(pitch_classes(texture), -find_key(texture).tonic))
    return {f"profile_{d}": float(on[i]) for i, d in enumerate(DEGREES)}
