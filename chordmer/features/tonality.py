"""Key and mode: which tonic, how major, how surely, and what stands on each of its degrees."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chordmer.features.lines import outline
from chordmer.features.summary import entropy, mean, quantiles, ratio, share, spread, unit
from chordmer.features.texture import Texture

__all__ = [
    "DEGREES_OF_KEY",
    "TONALITY",
    "Key",
    "correlations",
    "degrees",
    "find_key",
    "profile",
    "tonality",
]

Floats = NDArray[np.float64]

#: Krumhansl & Kessler (1982), probe-tone ratings for C major and C minor.
MAJOR = np.array([6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88])
MINOR = np.array([6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17])
DIATONIC = np.array([1, 0, 1, 0, 1, 1, 0, 1, 0, 1, 0, 1], dtype=np.float64)
DEGREES = ("1", "b2", "2", "b3", "3", "4", "b5", "5", "b6", "6", "b7", "7")
#: A held note counts for this many seconds at most in a pitch-class profile.
CAP = 2.0

TONALITY = {
    "mode_strength": ("-2 to 2", "correlation with the best major key less the best minor key"),
    "mode_parallel": ("-2 to 2", "major less minor correlation on the tonic"),
    "mode_triad": ("-1 to 1", "weight of the tonic's major third less its minor third, normalised"),
    "mode_sixth": ("-1 to 1", "the same for the sixths"),
    "mode_seventh": ("-1 to 1", "the same for the sevenths"),
    "mode_local_mean": ("-2 to 2", "mode strength, mean of windows of 4 s"),
    "mode_local_low": ("-2 to 2", "its 10 % quantile over the windows"),
    "mode_local_high": ("-2 to 2", "its 90 % quantile over the windows"),
    "mode_local_share": ("share", "windows that are rather major than minor"),
    "mode_local_spread": ("", "its standard deviation over the windows"),
    "mode_end": ("-2 to 2", "mode strength of the last 8 s less that of the piece"),
    "key_clarity": ("-1 to 1", "correlation with the best key"),
    "key_margin": ("0 to 2", "the best correlation less the best in another diatonic collection"),
    "key_major": ("-1 to 1", "correlation with the best major key"),
    "key_minor": ("-1 to 1", "correlation with the best minor key"),
    "key_local_clarity": ("-1 to 1", "correlation with the best key, mean of windows of 4 s"),
    "key_local_change": ("share", "windows whose best key differs from the one before"),
    "key_local_home": ("share", "windows whose best key is that of the piece"),
    "key_diatonic": ("share", "weight inside the key's diatonic collection"),
    "key_local_diatonic": ("share", "weight inside the best collection of each window of 4 s"),
    "key_entropy": ("0 to 1", "entropy of the pitch-class profile"),
    "key_local_entropy": ("0 to 1", "mean entropy of the profiles of windows of 4 s"),
    **{
        f"fourier_{k}": (
            "0 to 1",
            f"magnitude of coefficient {k} of the profile's Fourier transform",
        )
        for k in range(1, 7)
    },
}

DEGREES_OF_KEY = {
    **{f"profile_{d}": ("share", f"time on degree {d} of the tonic") for d in DEGREES},
    **{f"scale_{d}": ("share", f"onsets on degree {d} of the key's collection") for d in DEGREES},
    "melody_degree_third": ("-1 to 1", "major less minor thirds of the tonic among melody notes"),
}


def _standard(x: Floats) -> Floats:
    """Return the rows of `x` with zero mean and unit norm; constant rows become 0."""
    x = x - x.mean(axis=-1, keepdims=True)
    norm = np.sqrt((x * x).sum(axis=-1, keepdims=True))
    standard: Floats = x / np.where(norm > 1e-12, norm, np.inf)
    return standard


#: Row k: the profile of major key k; row 12 + k: of minor key k.
_KEYS = _standard(np.stack([np.roll(p, k) for p in (MAJOR, MINOR) for k in range(12)]))
_COLLECTIONS = np.stack([np.roll(DIATONIC, k) for k in range(12)])


def correlations(chroma: Floats) -> Floats:
    """Return the correlation of each chroma row with the 12 major, then the 12 minor keys.

    Parameters
    ----------
    chroma : ndarray of float64, shape (..., 12)

    Returns
    -------
    ndarray of float64, shape (..., 24)
    """
    found: Floats = _standard(chroma) @ _KEYS.T
    return found


class Key:
    """The key of a piece: tonic, mode, and where its diatonic collection begins."""

    def __init__(self, chroma: Floats) -> None:
        self.correlations = correlations(chroma)
        best = int(np.argmax(self.correlations))
        self.tonic, self.minor = best % 12, best >= 12
        self.home = (self.tonic + 3) % 12 if self.minor else self.tonic


def profile(texture: Texture) -> Floats:
    """Return the seconds each pitch class is held, at most `CAP` a note, shape (12,)."""
    held = np.minimum(texture.duration, CAP)
    seconds: Floats = np.bincount(texture.pitch % 12, weights=held, minlength=12)
    return seconds


def find_key(texture: Texture) -> Key:
    """Return the key that the profile of the whole piece correlates with best."""
    return Key(profile(texture))


def _balance(major: float, minor: float) -> float:
    return ratio(major - minor, major + minor)


def tonality(texture: Texture) -> dict[str, float]:
    """Return the descriptors of `TONALITY`."""
    key = find_key(texture)
    whole = profile(texture)
    on = unit(np.roll(whole, -key.tonic))
    r = key.correlations
    collection = np.maximum(r[:12], np.roll(r[12:], 3))
    others = np.delete(collection, key.home)
    local = texture.chroma(2.0, 2)
    local = local[local.sum(axis=1) > 0]
    weight = local.sum(axis=1)
    rl = correlations(local)
    mode = rl[:, :12].max(axis=1, initial=-1) - rl[:, 12:].max(axis=1, initial=-1)
    low, high = quantiles(mode, (0.1, 0.9))
    nearest = rl.argmax(axis=1)
    tail = correlations(local[-4:].sum(axis=0))
    share_of = local / np.maximum(weight[:, None], 1e-12)
    surprise = -(share_of * np.log(np.maximum(share_of, 1e-12))).sum(axis=1) / np.log(12)
    fourier = np.abs(np.fft.rfft(unit(whole)))
    strength = float(r[:12].max() - r[12:].max())
    return {
        "mode_strength": strength,
        "mode_parallel": float(r[key.tonic] - r[12 + key.tonic]),
        "mode_triad": _balance(on[4], on[3]),
        "mode_sixth": _balance(on[9], on[8]),
        "mode_seventh": _balance(on[11], on[10]),
        "mode_local_mean": mean(mode),
        "mode_local_low": low,
        "mode_local_high": high,
        "mode_local_share": share(mode > 0),
        "mode_local_spread": spread(mode),
        "mode_end": float(tail[:12].max() - tail[12:].max()) - strength,
        "key_clarity": float(r.max()),
        "key_margin": float(r.max() - others.max()),
        "key_major": float(r[:12].max()),
        "key_minor": float(r[12:].max()),
        "key_local_clarity": mean(rl.max(axis=1, initial=-1)),
        "key_local_change": share(nearest[1:] != nearest[:-1]),
        "key_local_home": share(nearest == key.tonic + 12 * key.minor),
        "key_diatonic": ratio(float(whole @ _COLLECTIONS[key.home]), float(whole.sum())),
        "key_local_diatonic": mean((share_of @ _COLLECTIONS.T).max(axis=1, initial=0)),
        "key_entropy": entropy(whole),
        "key_local_entropy": mean(surprise),
        **{f"fourier_{k}": float(fourier[k]) for k in range(1, 7)},
    }


def degrees(texture: Texture) -> dict[str, float]:
    """Return the descriptors of `DEGREES_OF_KEY`."""
    key = find_key(texture)
    melody, _ = outline(texture)
    held = unit(np.roll(profile(texture), -key.tonic))
    struck = np.bincount(texture.pitch % 12, minlength=12).astype(np.float64)
    struck = unit(np.roll(struck, -key.home))
    sung = np.bincount((texture.top[melody] - key.tonic) % 12, minlength=12)
    return {
        **{f"profile_{d}": float(held[i]) for i, d in enumerate(DEGREES)},
        **{f"scale_{d}": float(struck[i]) for i, d in enumerate(DEGREES)},
        "melody_degree_third": _balance(float(sung[4]), float(sung[3])),
    }
