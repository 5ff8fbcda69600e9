"""How fast are the audio features on one core, and how exact, beside other packages?

    python benchmarks/audio_speed.py [--rounds 7] [--task NAME] [--memory] [-o FOLDER]

A minute of real music (POP909, rendered) at 44.1 kHz, one thread. All are run once, then in turn,
round by round, so that a machine that slows down slows all of them; figures are medians. Ratios
are of processor time, which other processes disturb less. Other packages are measured where they
are installed (``pip install Gammatone spafe audioflux nnAudio``) and named where not. The loop over
librosa.lpc takes frames of a hop and 10 ms, 1465 samples, as it would be written at first; ours
have 1500, whose FFT is nine times as quick, and so has the second loop.

Each error is against the exact reference of its task: gammatone power from `scipy.signal.sosfilt`
over the same sections, in the same frames; residual phase frame by frame with SciPy's Toeplitz
solver and `hilbert`; cepstra and spectra from librosa in float64. For gammatone power it is the
median, over frames and bands, of the relative error; packages that weight spectra (the length of
their transform stands beside them) are compared with the exact power under their own window, after
the best gain for each band. For phases it is the median over frames, for cepstra the largest error
relative to the largest coefficient, for spectrograms the median in dB.

Goals: gammatone at least 50 times the package `gammatone` at an error of 1e-12 at most, and faster
than audioflux; residual phase at least 8 times the loop over librosa.lpc; cepstra 1.7 times and
spectrograms twice librosa; GTF and MF_RP together 250 times real time. With ``--memory``, a file of
two hours through every extractor, each in its own process: under 1 GiB.
"""

from __future__ import annotations

import argparse
import importlib
import math
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import scipy.linalg
import scipy.signal
import torch
from report import write_report

from chordmer.features import cascade, prediction
from chordmer.features.gammatone import (
    GammatoneFeatures,
    gammatone_filterbank,
    gammatonegram,
)
from chordmer.features.mel import mfcc
from chordmer.features.mfcc_rp import ResidualPhaseMFCC
from chordmer.features.paper_layers import MFRP, Gammatonegram, PeakPhase
from chordmer.features.prediction import WHITE_NOISE
from chordmer.features.residual_phase import peak_phase
from chordmer.features.spectrogram import log_spectrogram
from chordmer.io import render

SR, HOP, BANDS, FMIN = 44100, 1024, 24, 50.0
ONE_THREAD = {
    f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMBA", "VECLIB_MAXIMUM")
}
MUSIC = Path(__file__).parents[1] / "tests" / "data" / "pop909" / "098.mid"
EXTRACTORS = {
    "GammatoneFeatures": "chordmer.features.gammatone",
    "ResidualPhaseMFCC": "chordmer.features.mfcc_rp",
    "SpectrogramFeatures": "chordmer.features.spectrogram",
    "AudioDescriptors": "chordmer.features.descriptors",
}

#: A task: its contestants, ours first, and how wrong a result is.
Contestants = dict[str, Callable[[], Any]]
Task = tuple[Contestants, Callable[[str, Any], float]]


def music(seconds: float) -> np.ndarray:
    y = render(MUSIC, SR)
    start = int(np.argmax(np.abs(y) > 1e-3))
    return np.resize(y[start:], round(seconds * SR))


def found(package: str) -> Any:
    try:
        return importlib.import_module(package)
    except ImportError:
        return None


def gammatone_task(y: np.ndarray) -> Task:
    sos, _ = gammatone_filterbank(SR, BANDS, FMIN)
    lead = np.pad(y.astype(float), (HOP // 2, HOP))
    frames = 1 + len(y) // HOP

    def filtered() -> np.ndarray:
        return np.array([np.square(scipy.signal.sosfilt(band, lead)) for band in sos])

    def sosfilt() -> np.ndarray:
        return filtered()[:, : frames * HOP].reshape(BANDS, frames, HOP).mean(axis=2)

    passed = np.pad(filtered(), ((0, 0), (1 << 13, 1 << 13)))
    exact = {None: sosfilt(), 2048: windowed(passed, 2048), 8192: windowed(passed, 8192)}
    tensor, layer = torch.from_numpy(y), Gammatonegram(SR)
    contestants: Contestants = {
        "chordmer": lambda: gammatonegram(y, SR),
        "chordmer, torch float32": lambda: layer(tensor).numpy(),
        "scipy.signal.sosfilt (the reference)": sosfilt,
    }
    # Windows of the packages that go by spectra, and how many frames later than ours they begin.
    spectral: dict[str, tuple[int, int]] = {}
    if found("gammatone.gtgram"):
        gtgram = found("gammatone.gtgram").gtgram
        step = HOP / SR
        contestants["gammatone"] = lambda: gtgram(lead, SR, step, step, BANDS, FMIN) ** 2
    if found("spafe.features.gfcc"):
        spectrogram = found("spafe.features.gfcc").erb_spectrogram
        window = found("spafe.utils.preprocessing").SlidingWindow(2048 / SR, HOP / SR, "hanning")
        contestants["spafe, 2048"] = lambda: (
            spectrogram(
                y,
                SR,
                False,
                window=window,
                nfilts=BANDS,
                nfft=2048,
                low_freq=FMIN,
                high_freq=SR / 2,
            )[0].T
        )
        spectral["spafe, 2048"] = 2048, 1
    if found("audioflux"):
        for n_fft in (2048, 8192):
            contestants[f"audioflux, {n_fft}"] = audioflux_bank(y, n_fft)
            spectral[f"audioflux, {n_fft}"] = n_fft, n_fft // 2 // HOP
    if found("nnAudio.features.gammatone"):
        theirs = found("nnAudio.features.gammatone").Gammatonegram(
            sr=SR, n_fft=2048, n_bins=BANDS, hop_length=HOP, fmin=FMIN, fmax=SR / 2, verbose=False
        )
        contestants["nnAudio, 2048"] = lambda: theirs(tensor)[0].numpy()
        spectral["nnAudio, 2048"] = 2048, 0

    def error(name: str, power: np.ndarray) -> float:
        n_fft, later = spectral.get(name, (None, 0))
        wanted = exact[n_fft][:, later:]
        inner = slice(10, min(wanted.shape[1], power.shape[1]) - 10)
        ratio = power[:, inner] / wanted[:, inner]
        if name in spectral:
            ratio /= np.median(ratio, axis=1, keepdims=True)
        return float(np.median(np.abs(ratio - 1)))

    return contestants, error


def windowed(passed: np.ndarray, n_fft: int) -> np.ndarray:
    """Mean power under a Hann window of the amplitude, centred every hop."""
    window = np.hanning(n_fft) ** 2
    starts = range((1 << 13) + HOP // 2 - n_fft // 2, passed.shape[1] - n_fft, HOP)
    return np.array([passed[:, s : s + n_fft] @ window for s in starts]).T / window.sum()


def audioflux_bank(y: np.ndarray, n_fft: int) -> Callable[[], Any]:
    audioflux, kinds = found("audioflux"), found("audioflux.type")
    bank = audioflux.BFT(
        num=BANDS,
        samplate=SR,
        low_fre=FMIN,
        high_fre=SR / 2,
        radix2_exp=n_fft.bit_length() - 1,
        slide_length=HOP,
        window_type=kinds.WindowType.HANN,
        scale_type=kinds.SpectralFilterBankScaleType.ERB,
        style_type=kinds.SpectralFilterBankStyleType.GAMMATONE,
        data_type=kinds.SpectralDataType.POWER,
    )
    return lambda: bank.bft(y, result_type=1)


def residual_phase_task(y: np.ndarray) -> Task:
    length, order = 1500, 16
    emphasised = y.astype(float) - 0.97 * np.pad(y.astype(float), (1, 0))[:-1]
    flat = np.pad(emphasised, (length // 2 + order, length))
    starts = range(0, len(y) + 1, HOP)
    window = np.hamming(length)

    def at_peak(seen: np.ndarray, a: np.ndarray) -> float:
        analytic = scipy.signal.hilbert(scipy.signal.lfilter(a, [1], seen)[order:])
        peak = analytic[np.argmax(np.abs(analytic))]
        return float(peak.real / abs(peak)) if peak else 0.0

    def librosa_loop(length: int) -> np.ndarray:
        framed = (flat[start : start + length + order] for start in starts)
        return np.array([at_peak(seen, librosa.lpc(seen[order:], order=order)) for seen in framed])

    def reference() -> np.ndarray:
        phases = []
        for start in starts:
            seen = flat[start : start + length + order]
            windowed = seen[order:] * window
            r = np.correlate(np.pad(windowed, (0, order)), windowed, "valid")
            r[0] *= 1 + WHITE_NOISE
            a = scipy.linalg.solve_toeplitz(r[:-1], -r[1:]) if r[0] else np.zeros(order)
            phases.append(at_peak(seen, np.concatenate([[1], a])))
        return np.array(phases)

    exact = reference()
    tensor, layer = torch.from_numpy(y), PeakPhase(SR)
    contestants: Contestants = {
        "chordmer": lambda: peak_phase(y, SR),
        "chordmer, torch": lambda: layer(tensor).numpy(),
        "loop with SciPy's Toeplitz solver (the reference)": reference,
        "loop over librosa.lpc (Burg's method), 1465": lambda: librosa_loop(1465),
        "loop over librosa.lpc (Burg's method), 1500": lambda: librosa_loop(1500),
    }
    return contestants, lambda name, phase: float(np.median(np.abs(phase - exact)))


def cepstra_task(y: np.ndarray) -> Task:
    keywords = {"n_mfcc": 64, "hop_length": HOP}

    def theirs(signal: np.ndarray) -> np.ndarray:
        return librosa.feature.mfcc(y=signal, sr=SR, **keywords)

    exact = theirs(y.astype(float))
    largest = np.abs(exact).max()
    contestants: Contestants = {
        "chordmer": lambda: mfcc(y, SR, **keywords),
        "librosa": lambda: theirs(y),
    }
    return contestants, lambda name, result: float(np.abs(result - exact).max() / largest)


def spectrogram_task(y: np.ndarray, seconds: float) -> Task:
    from chordmer.features.levels import level_offset, window_lengths

    win_length, n_fft = window_lengths(SR, seconds)

    def theirs(signal: np.ndarray) -> np.ndarray:
        spectrum = librosa.stft(signal, n_fft=n_fft, win_length=win_length, hop_length=512)
        offset = level_offset(win_length)
        floor = 10 ** ((-100 - offset) / 20)
        return librosa.amplitude_to_db(np.abs(spectrum), amin=floor, top_db=None) + offset

    exact = theirs(y.astype(float))
    contestants: Contestants = {
        "chordmer": lambda: log_spectrogram(y, SR, window_seconds=seconds),
        "librosa": lambda: theirs(y),
    }
    return contestants, lambda name, level: float(np.median(np.abs(level - exact)))


def together_task(y: np.ndarray) -> Task:
    gtf, mf_rp = GammatoneFeatures(), ResidualPhaseMFCC()
    tensor, layers = torch.from_numpy(y), (Gammatonegram(SR), MFRP(SR))
    contestants: Contestants = {
        "chordmer": lambda: (gtf.frames((y, SR)), mf_rp.frames((y, SR))),
        "chordmer, torch float32": lambda: [layer(tensor) for layer in layers],
    }
    return contestants, lambda name, result: math.nan


def measure(task: str, contest: Task, rounds: int, seconds: float) -> list[dict[str, Any]]:
    contestants, error = contest
    errors = {name: error(name, run()) for name, run in contestants.items()}
    wall: dict[str, list[float]] = {name: [] for name in contestants}
    busy: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, run in contestants.items():
            start, working = time.perf_counter(), time.process_time()
            run()
            busy[name].append(time.process_time() - working)
            wall[name].append(time.perf_counter() - start)
    ours = statistics.median(busy["chordmer"])
    rows = []
    for name in contestants:
        median = statistics.median(wall[name])
        rows.append(
            {
                "task": task,
                "package": name,
                "median_ms": round(1000 * median, 1),
                "cpu_ms": round(1000 * statistics.median(busy[name]), 1),
                "real_time_factor": round(seconds / median),
                "times_chordmer": round(statistics.median(busy[name]) / ours, 2),
                "error": "" if math.isnan(errors[name]) else f"{errors[name]:.1e}",
            }
        )
    return rows


def memory_rows(hours: float = 2.0) -> list[dict[str, Any]]:
    """Run every extractor over a long file, each in a process of its own."""
    import soundfile

    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.wav"
        minute = music(60)
        with soundfile.SoundFile(path, "w", SR, 1, "PCM_16") as file:
            for _ in range(round(hours * 60)):
                file.write(minute)
        for extractor, module in EXTRACTORS.items():
            code = (
                f"import resource, time; from {module} import {extractor} as E; t = time.time(); "
                f"E().transform([{str(path)!r}]); print(time.time() - t, "
                "resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
            )
            done = subprocess.run(
                [sys.executable, "-c", code], check=True, capture_output=True, text=True
            )
            seconds, peak = map(float, done.stdout.split())
            rows.append(
                {
                    "extractor": extractor,
                    "hours": hours,
                    "seconds": round(seconds, 1),
                    "peak_MiB": round(peak / 1024),
                }
            )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--task", default="", help="measure only tasks with this in their name")
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("-o", "--out", type=Path, default=Path("benchmark-reports"))
    arguments = parser.parse_args()
    if arguments.memory:
        write_report(
            arguments.out,
            "audio_memory",
            "How much memory does a file of two hours need?\n\nThe extractor's `transform` on one "
            "WAV file, in a process of its own; the peak holds Python and all packages too.",
            memory_rows(),
        )
        return
    if any(os.environ.get(name) != value for name, value in ONE_THREAD.items()):
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **ONE_THREAD})
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    # A corpus, not one file: compiled loops throughout.
    cascade._PLAIN_SAMPLES = prediction._PLAIN_SAMPLES = -1
    y = music(arguments.seconds)
    tasks = {
        "gammatone, 24 bands": gammatone_task,
        "residual phase": residual_phase_task,
        "64 MFCC": cepstra_task,
        "narrow-band spectrogram": lambda y: spectrogram_task(y, 0.025),
        "wide-band spectrogram": lambda y: spectrogram_task(y, 0.003),
        "GTF and MF_RP": together_task,
    }
    rows = [
        row
        for task, prepare in tasks.items()
        if arguments.task in task
        for row in measure(task, prepare(y), arguments.rounds, arguments.seconds)
    ]
    peers = ("gammatone.gtgram", "spafe.features.gfcc", "audioflux", "nnAudio.features.gammatone")
    absent = [peer.split(".")[0] for peer in peers if found(peer) is None]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    notes = f"Not installed, not measured: {', '.join(absent) or 'none'}. "
    notes += f"Peak memory of this process, peers included: {peak:.0f} MiB."
    write_report(arguments.out, "audio_speed", __doc__ or "", rows, notes)


if __name__ == "__main__":
    main()
