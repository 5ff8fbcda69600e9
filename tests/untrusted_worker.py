"""A process of its own that hears files one by one, and the parent's side of it.

The child takes paths, a line each, and answers each with a line of JSON: what became of the file.
It may hold 1 GiB of addresses and compute 5 s on a file: whoever takes more, dies. What a waiting
process waits for others is not counted, so that a busy machine changes no verdict.
"""

import json
import os
import resource
import select
import signal
import subprocess
import sys
from time import monotonic, process_time

#: What the child may take: bytes of address space, seconds of computing a file.
MEMORY, SECONDS = 1 << 30, 5.0
#: A child that neither works nor answers for so many seconds is stopped.
_PATIENCE = 600.0


# --- the parent's side ---------------------------------------------------------------------------


def hear_all(paths, seconds=SECONDS):
    """Yield what became of each file, whatever happens to the child."""
    child = None
    for path in paths:
        child = child or _started(seconds)
        child.stdin.write(f"{path}\n".encode())
        child.stdin.flush()
        if line := _answer(child):
            yield json.loads(line)
        else:
            child.kill()
            yield {"path": str(path), "died": -child.wait()}
            child = child.stdin.close() or child.stdout.close()
    if child:
        child.stdin.close()
        child.wait()
        child.stdout.close()


def _started(seconds):
    child = subprocess.Popen(
        [sys.executable, __file__, str(seconds)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"),
    )
    assert child.stdout.readline() == b"ready\n"
    return child


def _answer(child):
    waiting, _, _ = select.select([child.stdout], [], [], _PATIENCE)
    return child.stdout.readline() if waiting else b""


# --- the child -----------------------------------------------------------------------------------


def _hear(path):
    """Run a file through all that a corpus is put through."""
    if path.endswith(".wav"):
        for extractor in _EARS:
            _check(extractor.transform([path]), extractor.frames(path))
        return
    piece = read_symbolic(path)
    _check(_DESCRIPTORS.transform([path]), _DESCRIPTORS.frames(piece))
    predict(path)
    read_lyrics(path)
    estimate_key(piece)
    for method in ("gap", "beat"):
        for spelling in ("ordered", "relative"):
            segment_chords(piece, method=method, spelling=spelling)
        segment_chords(piece, method=method, bpm="estimate")


def _check(row, frames):
    if not (np.isfinite(row).all() and np.isfinite(frames.values).all()):
        raise AssertionError("features that are no numbers")


def _told(path):
    signal.setitimer(signal.ITIMER_PROF, float(sys.argv[1]))
    began, computed = monotonic(), process_time()
    told = {"path": path, "kind": None}
    try:
        _hear(path)
    except ChordmerError as error:
        told |= {"kind": type(error).__name__, "source": error.source, "stage": error.stage}
        told["text"] = str(error)
    except BaseException as error:
        import traceback

        told |= {"kind": type(error).__name__, "untyped": traceback.format_exc()[-3000:]}
    signal.setitimer(signal.ITIMER_PROF, 0)
    told |= {"seconds": monotonic() - began, "computed": process_time() - computed}
    told["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
    return told


def _warm():
    """Do once what is done once a process: imports, and reading enough for compiled code."""
    for _ in range(40):
        read_symbolic(chordmer.example())
    read_symbolic(b"X:1\nL:1/4\nK:C\nC2\n")
    _DESCRIPTORS.transform([chordmer.example()])
    predict(chordmer.example())
    for method in ("gap", "beat"):
        segment_chords(chordmer.example(), method=method, bpm="estimate")
    for extractor in _EARS:
        extractor.transform([(np.zeros(8000), 8000)])


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever prints meanwhile is no answer

    import numpy as np

    import chordmer
    from chordmer import predict
    from chordmer.errors import ChordmerError
    from chordmer.features.chords import segment_chords
    from chordmer.features.descriptors import AudioDescriptors
    from chordmer.features.gammatone import GammatoneFeatures
    from chordmer.features.key import estimate_key
    from chordmer.features.mfcc_rp import ResidualPhaseMFCC
    from chordmer.features.spectrogram import SpectrogramFeatures
    from chordmer.features.symbolic import SymbolicDescriptors
    from chordmer.io import read_lyrics, read_symbolic

    _DESCRIPTORS = SymbolicDescriptors()
    _EARS = (
        AudioDescriptors(),
        GammatoneFeatures(),
        ResidualPhaseMFCC(),
        SpectrogramFeatures(kinds=("wide", "narrow", "mel")),
    )
    _warm()
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        print(json.dumps(_told(line.rstrip("\n"))), file=answers, flush=True)
