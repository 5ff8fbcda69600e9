"""Models: how long is an epoch of training, and how long a prediction?

    python benchmarks/models_speed.py [--pieces 64] [--seconds 20] [--runs 3] [--device cpu]
        [-o FOLDER]

Each model is given the inputs it is made for, of so many pieces, each so many seconds long, at 43
frames a second (GTF 24 wide, MF_RP 192, log-mel 64, spectrograms 128; CBSA has the paper's 99
frames of 94). The numbers are random: how long a network takes does not depend on them. An epoch
is timed inside training, so reading and padding batches count, building the network does not; the
batch size is each paper's. What has no epochs is timed whole: a Broad Learning System on random
filters is one pass and one solution. A prediction is one piece alone, with `predict_proba`.
Models take turns, round by round; medians. The last column says how many epochs of its
recurrent counterpart a Broad Learning System's whole training takes.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from report import write_report
from sklearn.base import clone

from chordmer.models.baselines import MCCBL, MCCLSTM, RCNNBL, RCNNLSTM
from chordmer.models.bilstm import BiLSTMBroad, BiLSTMClassifier
from chordmer.models.broad import BroadLearningClassifier
from chordmer.models.cbsa import CBSAClassifier
from chordmer.models.cnn import AC2DConvStatClassifier, BLSTMRNNClassifier, ResNetClassifier
from chordmer.models.cnn_lstm import CNNLSTMClassifier
from chordmer.models.fused import FusionClassifier
from chordmer.models.hybrid import CNNTransformerClassifier
from chordmer.models.lstm_broad import LSTMBroad
from chordmer.models.multispec import MultiSpecClassifier
from chordmer.models.multispec_spectrogram import MultiSpecSpectrogramClassifier
from chordmer.models.network import NetworkClassifier
from chordmer.models.training import Training

RATE = 44100 / 1024
WIDTHS = {"gtf": 24, "mf_rp": 192, "mel": 64, "wide": 128, "narrow": 128}

#: Name, estimator, its inputs, and the recurrent model that it is compared with.
MODELS: list[tuple[str, Any, tuple[str, ...], str | None]] = [
    ("MCCLSTM", MCCLSTM(), ("mf_rp",), None),
    ("MCCBL", MCCBL(), ("mf_rp",), "MCCLSTM"),
    ("RCNNLSTM", RCNNLSTM(), ("mf_rp",), None),
    ("RCNNBL", RCNNBL(), ("mf_rp",), "RCNNLSTM"),
    ("LSTM_BLS", LSTMBroad(), ("mf_rp",), None),
    ("MULTISPEC-DNN", MultiSpecClassifier(), ("gtf", "mf_rp", "chord2vec"), None),
    ("MULTISPEC spectrogram", MultiSpecSpectrogramClassifier(), ("wide", "narrow"), None),
    ("CBSA", CBSAClassifier(), ("cbsa",), None),
    ("CBSA, BiLSTM alone", CBSAClassifier(variant="bilstm"), ("cbsa",), None),
    ("BiLSTM", BiLSTMClassifier(), ("mf_rp",), None),
    ("BiLSTM + BLS", BiLSTMBroad(), ("mf_rp",), None),
    ("CNN-LSTM", CNNLSTMClassifier(), ("mel",), None),
    ("CNN-Transformer", CNNTransformerClassifier(), ("mel",), None),
    ("ResNet", ResNetClassifier(), ("mel",), None),
    ("AC2DConvStat", AC2DConvStatClassifier(), ("mel",), None),
    ("BLSTM-RNN", BLSTMRNNClassifier(), ("mel",), None),
    ("early fusion", FusionClassifier(fusion="early"), ("gtf", "mf_rp", "chord2vec"), None),
    ("late fusion", FusionClassifier(fusion="late"), ("gtf", "mf_rp", "chord2vec"), None),
    ("attention fusion", FusionClassifier(fusion="attention"), ("gtf", "mf_rp", "chord2vec"), None),
]


def pieces(names: tuple[str, ...], n: int, seconds: float) -> list[dict[str, np.ndarray]]:
    """Return `n` samples of random numbers with these inputs."""
    random = np.random.default_rng(0)
    shapes: dict[str, tuple[int, ...]] = {
        **{name: (round(seconds * RATE), width) for name, width in WIDTHS.items()},
        "chord2vec": (64,),
        "cbsa": (99, 94),
    }
    return [
        {name: random.normal(size=shapes[name]).astype(np.float32) for name in names}
        for _ in range(n)
    ]


def prepared(model: Any, device: str) -> Any:
    """Return a copy that trains two epochs on all samples, with the batch size of its recipe."""
    model = clone(model).set_params(random_state=0, device=device)
    network = model if isinstance(model, NetworkClassifier) else model._parts()[0]
    batch_size = network._strategy().batch_size
    return model.set_params(training=Training(max_epochs=2, batch_size=batch_size, patience=None))


def measure(n: int, seconds: float, runs: int, device: str) -> list[dict[str, Any]]:
    """Return a row for each model."""
    y = np.arange(n) % 4
    found: dict[str, dict[str, list[float]]] = {
        name: {"epoch": [], "fit": [], "predict": []} for name, *_ in MODELS
    }
    sizes: dict[str, int] = {}
    for _ in range(runs):
        for name, made, inputs, _ in MODELS:
            model, X = prepared(made, device), pieces(inputs, n, seconds)
            start = time.perf_counter()
            model.fit(X, y)
            found[name]["fit"].append(time.perf_counter() - start)
            network = model if isinstance(model, NetworkClassifier) else model.network_
            # The first epoch warms caches and allocators up.
            found[name]["epoch"] += [row["seconds"] for row in network.history_[1:]]
            sizes[name] = network.n_parameters_
            model.predict_proba(X[:1])
            for sample in X[:8]:
                start = time.perf_counter()
                model.predict_proba([sample])
                found[name]["predict"].append(time.perf_counter() - start)
    rows = []
    for name, _, inputs, counterpart in MODELS:
        medians = {what: statistics.median(t) for what, t in found[name].items() if t}
        whole = "epoch" not in medians
        share = ""
        if counterpart:
            share = f"{medians['fit'] / statistics.median(found[counterpart]['epoch']):.2f}"
        rows.append(
            {
                "model": name,
                "inputs": " + ".join(inputs),
                "weights": sizes[name],
                "epoch_s": "" if whole else f"{medians['epoch']:.2f}",
                "whole_fit_s": f"{medians['fit']:.2f}" if whole else "",
                "predict_ms": f"{1e3 * medians['predict']:.1f}",
                "epochs_of_its_lstm": share,
            }
        )
    return rows


def measure_same_size(n: int, runs: int, device: str) -> list[dict[str, Any]]:
    """Return BLS against an LSTM with as many weights, on the same (99, 94) pieces."""
    y = np.arange(n) % 4
    X = pieces(("cbsa",), n, 0)
    flat = np.stack([sample["cbsa"].mean(axis=0) for sample in X])
    lstm = CBSAClassifier(variant="bilstm", random_state=0, device=device)
    lstm.set_params(training=Training(max_epochs=20, patience=None, batch_size=64))
    size = clone(lstm).set_params(training__max_epochs=1).fit(X, y).n_parameters_
    # A node has its share of the maps and a weight a class: choose nodes for as many numbers.
    n_nodes = next(
        nodes for nodes in range(50, 5000, 10) if 94 * 100 + 101 * nodes + 4 * nodes >= size
    )
    broad = BroadLearningClassifier(n_enhancement_nodes=n_nodes, random_state=0)
    taken: dict[str, list[float]] = {"LSTM": [], "BLS": []}
    for _ in range(runs):
        for name, model, samples in (("LSTM", lstm, X), ("BLS", broad, flat)):
            start = time.perf_counter()
            clone(model).fit(samples, y)
            taken[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(times) for name, times in taken.items()}
    return [
        {
            "model": f"LSTM, {size} weights, 20 epochs",
            "train_s": f"{medians['LSTM']:.3f}",
            "times faster": "",
        },
        {
            "model": f"BLS, 100 feature and {n_nodes} enhancement nodes",
            "train_s": f"{medians['BLS']:.3f}",
            "times faster": f"{medians['LSTM'] / medians['BLS']:.1f}",
        },
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pieces", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("-o", type=Path, default=Path(__file__).parent / "reports")
    arguments = parser.parse_args()
    rows = measure(arguments.pieces, arguments.seconds, arguments.runs, arguments.device)
    notes = (
        f"{arguments.pieces} pieces of {arguments.seconds:g} s, {arguments.runs} runs, "
        f"device {arguments.device}, {torch.get_num_threads()} threads."
    )
    write_report(arguments.o, "models_speed", __doc__ or "", rows, notes)
    same = measure_same_size(512, arguments.runs, arguments.device)
    question = """Models: a Broad Learning System against an LSTM of the same size

512 random pieces of (99, 94), 4 classes. The LSTM (both ways, as in CBSA without its CNN and
attention) hears all frames for 20 epochs in batches of 64; the Broad Learning System hears each
piece's mean frame, with as many numbers in its maps and outputs, and is solved once."""
    write_report(arguments.o, "broad_against_lstm", question, same, notes.split(", ", 1)[1])


if __name__ == "__main__":
    main()
