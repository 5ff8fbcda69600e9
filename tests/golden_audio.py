"""Golden values of the audio features, from librosa, SciPy and formulas written out as loops.

Nothing of chordmer is used here. ``python tests/golden_audio.py`` writes
``tests/data/golden_audio.json``; the tests compute the values again and compare.
"""

import json
import math
from itertools import pairwise
from pathlib import Path

import librosa
import numpy as np
import scipy.fft
import scipy.signal
import scipy.stats

FILE = Path(__file__).parent / "data" / "golden_audio.json"
SR = 44100
#: Which frames are kept: an end, an attack, the middle.
FRAMES = (0, 1, 37, 38, 70, 71)


def signal():
    """Three seconds: two struck harmonic tones, a glide and noise, by formula alone."""
    t = np.arange(3 * SR) / SR
    struck = sum(np.sin(2 * np.pi * 261.63 * k * t) / k for k in range(1, 12))
    struck = struck * np.exp(-3 * (t % 0.75))
    glide = np.sin(2 * np.pi * (300 * t + 700 * t**2 / 2))
    noise = np.sin(1e4 * np.sin(1e5 * np.arange(len(t)) ** 1.5))
    return 0.15 * struck + 0.1 * glide * (t > 1) + 0.01 * noise


def spectrum(y, n_fft, win_length, hop_length):
    """Magnitudes by SciPy's own short-time transform, centred, zeros beyond the ends."""
    window = scipy.signal.get_window("hann", win_length)
    transform = scipy.signal.ShortTimeFFT(window, hop_length, SR, mfft=n_fft)
    slices = [
        transform.stft_detrend(y, None, p0=p, p1=p + 1)[:, 0]
        for p in range(1 + len(y) // hop_length)
    ]
    return np.abs(np.array(slices).T)


def full_scale_db(magnitude, win_length, floor):
    unit = np.sum(scipy.signal.get_window("hann", win_length)) / 2
    return np.maximum(20 * np.log10(np.maximum(magnitude, 1e-300) / unit), floor)


def contrast(power, hz):
    """Peaks over valleys in octaves, one frame, by sorting."""
    edges = [0, 200, 400, 800, 1600, 3200, 6400, np.inf]
    out = []
    for low, high in pairwise(edges):
        band = sorted(max(p, 1e-10) for p, f in zip(power, hz) if low <= f < high)
        count = max(1, round(0.02 * len(band)))
        peak, valley = np.mean(band[-count:]), np.mean(band[:count])
        out.append(10 * math.log10(peak / valley))
    return out


def roughness(frequencies, amplitudes):
    total = 0.0
    for i in range(len(frequencies)):
        for j in range(i):
            low = min(frequencies[i], frequencies[j])
            apart = 0.24 / (0.021 * low + 19) * abs(frequencies[i] - frequencies[j])
            total += (
                amplitudes[i] * amplitudes[j] * (math.exp(-3.5 * apart) - math.exp(-5.75 * apart))
            )
    return total / sum(a * a for a in amplitudes)


def compute():
    """Return every golden value, by name."""
    y = signal()
    kept = list(FRAMES)
    mfcc = librosa.feature.mfcc(y=y, sr=SR, n_mfcc=64, hop_length=1024)
    mel = librosa.feature.melspectrogram(y=y, sr=SR, n_mels=64, hop_length=1024)
    magnitude = np.abs(librosa.stft(y, n_fft=2048, hop_length=512))
    power, hz = magnitude**2, librosa.fft_frequencies(sr=SR, n_fft=2048)
    unit = magnitude / np.linalg.norm(magnitude, axis=0)
    chroma = np.add.outer(np.arange(12), np.arange(3)) % 5 + 0.5
    partials = (np.array([220, 233.1, 440, 455, 700.0]), np.array([1, 0.8, 0.5, 0.3, 0.9]))
    level = 10 * np.log10(np.mean(y[: 258 * 512].reshape(-1, 512) ** 2, axis=1))
    shapes = {
        "centroid": librosa.feature.spectral_centroid(S=magnitude, sr=SR)[0],
        "bandwidth": librosa.feature.spectral_bandwidth(S=magnitude, sr=SR)[0],
        "rolloff": librosa.feature.spectral_rolloff(S=magnitude, sr=SR)[0],
        "flatness": librosa.feature.spectral_flatness(S=magnitude)[0],
        "entropy": scipy.stats.entropy(power) / math.log(len(power)),
        "flux": np.concatenate([[0], np.linalg.norm(np.diff(unit, axis=1), axis=0)]),
        "brightness": magnitude[math.ceil(1500 / (SR / 2048)) :].sum(axis=0)
        / magnitude.sum(axis=0),
    }
    levels = librosa.power_to_db(librosa.feature.melspectrogram(y=y, sr=SR), top_db=None)
    cepstra = scipy.fft.dct(levels, axis=0, norm="ortho")[:13]
    window = np.minimum(np.arange(magnitude.shape[1]) * 512 // 22050, 5)
    halves = y.reshape(6, 22050)
    signs = np.signbit(y)
    crossings = np.concatenate([[False], signs[1:] != signs[:-1]]).reshape(6, 22050)
    steps = np.abs(np.diff(level, prepend=level[0])) * SR / 512
    step_window = np.arange(len(level)) * 512 // 22050
    golden = {
        "signal": y[[0, 1000, 50000, 132299]],
        "mfcc": mfcc[:, kept],
        "delta": librosa.feature.delta(mfcc)[:, kept],
        "delta2": librosa.feature.delta(mfcc, order=2)[:, kept],
        "mel_power": mel[:, kept],
        "wide": full_scale_db(spectrum(y, 256, 132, 512), 132, -100)[::8, kept],
        "narrow": full_scale_db(spectrum(y, 2048, 1102, 512), 1102, -100)[::64, kept],
        "contrast": [contrast(power[:, k], hz) for k in kept],
        "tonnetz": librosa.feature.tonnetz(chroma=chroma, sr=SR).T,
        "roughness": roughness(*partials),
        **{name: values[kept] for name, values in shapes.items()},
        **{
            f"window_{name}": [values[window == w].mean() for w in range(6)]
            for name, values in shapes.items()
        },
        **{
            f"window_mfcc_{k}": [cepstra[k, window == w].mean() for w in range(6)]
            for k in range(13)
        },
        "window_rms": np.sqrt(np.mean(halves**2, axis=1)),
        "window_zero_crossing_rate": crossings.mean(axis=1) * SR,
        "window_rate_of_change": [steps[step_window == w].mean() for w in range(6)],
    }
    return {name: np.asarray(value, dtype=np.float64).tolist() for name, value in golden.items()}


if __name__ == "__main__":
    rounded = json.loads(
        json.dumps(compute()), parse_float=lambda text: float(f"{float(text):.10g}")
    )
    lines = ",\n".join(
        f" {json.dumps(name)}: {json.dumps(value)}" for name, value in rounded.items()
    )
    FILE.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")
